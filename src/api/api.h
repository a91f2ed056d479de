/*
 * api.h (internal) - what the files of src/api share: the life of a model, how its class and
 * arguments are found, how metadata is read and kept.
 */
#ifndef API_API_H
#define API_API_H

#include "api/text_assets.h"
#include "base/json.h"
#include "formats/checkpoint.h"
#include "karma/engine.h"
#include "karma/registry.h"
#include "models/models.h"

/* ---- metadata ---- */

/* Read a meta out of an object; strings and lists live in a. E_TYPE, E_RANGE, E_MISSING name the
 * field. Not checked further: karma_model_meta_check() does that. */
karma_status meta_from_json(struct arena *a, const struct json *object, karma_model_meta *out);
/* A deep copy in a. */
karma_status meta_copy(struct arena *a, const karma_model_meta *in, karma_model_meta *out);
/* The object of karma_get_models_info() for one meta. */
karma_status meta_info(struct arena *a, const karma_model_meta *meta, struct json **out);

/* A copy of the meta of that name, in a; *found says whether there is one. */
karma_status registry_copy(struct arena *a, const char *name, karma_model_meta *out, bool *found);
/* The registered name nearest to `name`, copied to a; NULL when none is near. */
karma_status registry_nearest(struct arena *a, const char *name, const char **nearest);

/* What is built in (catalog.c); each list ends with NULL. */
extern const karma_model_meta *const catalog_metas[];
extern const karma_model_class *const catalog_classes[];
/* The class for the checkpoints of a family ("" when unknown): the general one if no other. */
const karma_model_class *catalog_class_of_family(const char *family);

/* ---- classes ---- */

extern const karma_model_class class_base; /* BaseModel, the root of all */

enum { CLASS_MAX_DEPTH = 16 };
enum class_slot { SLOT_LOAD, SLOT_PREPROCESS, SLOT_RUN, SLOT_POSTPROCESS };
/* The class itself or the nearest above it that fills the slot; never NULL. */
const karma_model_class *class_holder(const karma_model_class *cls, enum class_slot slot);
/* The one it derives from; NULL for the root only. */
const karma_model_class *class_base_of(const karma_model_class *cls);
/* Option tables from the class up to the root, NULL-terminated. */
void class_options(const karma_model_class *cls,
                   const karma_option_spec *tables[CLASS_MAX_DEPTH + 1]);

/* Behaviours that classes of catalog.c share (class_thinking.c, class_base.c). */
karma_status thinking_postprocess(karma_model *m, karma_output *o);
karma_status channel_postprocess(karma_model *m, karma_output *o);
karma_status few_shot_preprocess(karma_model *m, const karma_sample *sample, karma_prompt *prompt);
karma_status speech_load(karma_model *m);
karma_status embedding_load(karma_model *m);

/* ---- models ---- */

/* What a name and its arguments come to, before anything is loaded. */
struct model_plan {
    const char *name;
    const karma_model_class *cls;
    karma_model_type type;
    const char *path; /* folder, file or hub id, as given; not yet located */
    const char *revision;
    const struct json *args; /* complete, checked */
};
/* call_json is what the user typed: broken JSON in it is E_USAGE. All in a. */
karma_status model_plan_make(struct arena *a, const char *name, const char *model_path,
                             const char *config_json, const char *call_json,
                             struct model_plan *out);

struct karma_model {
    struct arena arena; /* plan and strings */
    struct model_plan plan;
    char *args_json;
    void *data; /* of the class */

    bool loaded;
    struct arena loaded_arena; /* path */
    const char *path;          /* located; NULL without a checkpoint */
    struct checkpoint *ck;
    struct backend *be;
    struct model *model;
    struct text_assets text;
};

/* Raised when a change to kernels changes bits (doc/numerics.md): stored answers of another version
 * are not this one's. */
enum { NUMERICS_VERSION = 1 };

/* The base class's load and run, and what load() took given back. */
karma_status model_load_checkpoint(karma_model *m);
void model_unload_checkpoint(karma_model *m);
karma_status generate_run(karma_model *m, const karma_run_io *io);
/* Arguments whose shape no option table can say (stop, chat_template_kwargs, template_date). */
karma_status generate_check_args(const struct json *args);
/* What a chat template's clock shows with m's arguments. */
karma_status generate_clock(const karma_model *m, int64_t *now_s);

/* E_USAGE unless the model's checkpoint is loaded. */
karma_status model_need_loaded(const karma_model *m);
/* Argument by name; NULL when it has no value ("as the checkpoint says"). */
const struct json *model_arg(const karma_model *m, const char *name);
int64_t model_arg_int(const karma_model *m, const char *name, int64_t otherwise);
bool model_arg_bool(const karma_model *m, const char *name, bool otherwise);
const char *model_arg_str(const karma_model *m, const char *name, const char *otherwise);

/* ---- one sample on its way ---- */

struct karma_prompt {
    struct arena arena;
    karma_message *messages;
    size_t count, cap;
    const char *raw; /* NULL: the messages are the prompt */
};
void prompt_reset(struct karma_prompt *p);
void prompt_release(struct karma_prompt *p);

/* The base class's preprocess and postprocess. */
karma_status base_preprocess(karma_model *m, const karma_sample *sample, karma_prompt *prompt);
karma_status base_postprocess(karma_model *m, karma_output *o);

/* An output that a class may still change; karma_output_set_*() finds it through the thread. */
struct output_box {
    karma_output out; /* first: a class sees only this */
    struct arena arena;
    bool prompt_opens_thought; /* the rendered prompt ends inside a thought */
};
/* Make box the one this thread's classes may write to (NULL: none); returns the one before. */
struct output_box *output_box_enter(struct output_box *box);
/* The box of o; NULL when o is somebody else's. */
struct output_box *output_box_of(karma_output *o);

/* text without the blanks that Python's str.strip() takes, as a range of it. */
void strip_range(const char *text, size_t len, size_t *begin, size_t *end);

/* Names as one NULL-terminated block, for karma_free(). */
karma_status names_block(const char *const *names, size_t count, char ***out, size_t *out_count);

#endif
