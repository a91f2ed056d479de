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
/* Add copies of n metas, checked: all of them or none. */
karma_status registry_add_all(const karma_model_meta *const *metas, size_t n);
/* The registered name nearest to `name`, copied to a; NULL when none is near. */
karma_status registry_nearest(struct arena *a, const char *name, const char **nearest);

/* What is built in (catalog.c); each list ends with NULL. */
extern const karma_model_meta *const catalog_metas[];
extern const karma_model_class *const catalog_classes[];
/* The class for the checkpoints of a family ("" when unknown): the general one if no other. */
const karma_model_class *catalog_class_of_family(const char *family);
/* The class for models that only make vectors. */
extern const karma_model_class *const catalog_embedding_class;

/* ---- classes ---- */

extern const karma_model_class class_base;   /* BaseModel, the root of all */
extern const karma_model_class class_vision; /* VisionModel: what models that see have in common */

enum { CLASS_MAX_DEPTH = 16, CLASS_MAX_TABLES = CLASS_MAX_DEPTH + 2 };
enum class_slot { SLOT_LOAD, SLOT_PREPROCESS, SLOT_RUN, SLOT_POSTPROCESS, SLOT_EMBED };
/* The class itself or the nearest above it that fills the slot; never NULL. For SLOT_EMBED it may
 * be the root, which leaves that slot empty: its embed is then NULL. */
const karma_model_class *class_holder(const karma_model_class *cls, enum class_slot slot);
/* The one it derives from; NULL for the root only. */
const karma_model_class *class_base_of(const karma_model_class *cls);
/* E_ABI, E_MISSING, E_LIMIT: not a table that can be used. */
karma_status class_check(const karma_model_class *cls);
/* Take a registered class back, for a plugin that is refused half-way; nothing may use it. */
void class_unregister(const karma_model_class *cls);
/* Option tables from the class up to the root, NULL-terminated. */
void class_options(const karma_model_class *cls, const karma_option_spec *tables[CLASS_MAX_TABLES]);

/* Behaviours that classes of catalog.c share (class_thinking.c, class_base.c). */
karma_status thinking_postprocess(karma_model *m, karma_output *o);
karma_status channel_postprocess(karma_model *m, karma_output *o);
/* Of text that was generated so far: the part that is sure to begin the answer which postprocess
 * makes of it and what follows, but for blanks at its end. false: the answer has not begun, or m's
 * class makes its answers in its own way. */
bool answer_is_ours(const karma_model *m); /* has it one of the postprocess() above? */
bool answer_begins(const karma_model *m, const char *text, size_t len, size_t *begin, size_t *end);
karma_status channel_preprocess(karma_model *m, const karma_sample *sample, karma_prompt *prompt);

/* EmbeddingModel (class_embedding.c, embedding_run.c). */
karma_status embedding_load(karma_model *m);
void embedding_unload(karma_model *m);
karma_status embedding_preprocess(karma_model *m, const karma_sample *sample, karma_prompt *prompt);
karma_status embedding_run(karma_model *m, const karma_run_io *io);
karma_status embedding_embed(karma_model *m, const char *const *texts, size_t n,
                             const karma_embed_options *options, float *out);
int64_t embedding_embedding_dim(const karma_model *m, const karma_embed_options *options);
/* Arguments whose shape no option table can say; of other classes nothing is asked. */
karma_status embedding_check_args(const karma_model_class *cls, const struct json *args);
/* Memory beside the checkpoint: encoder, dense layers, corpus. */
size_t embedding_bytes(const karma_model *m);
/* Add to an identity what of the model's answers lies in modules and corpus. */
karma_status embedding_identity(struct arena *a, const karma_model *m, struct json *object);
/* Is the model of that name or path, whose checkpoint is ck, one that makes vectors and nothing
 * else: a sentence-transformers folder, or an architecture without a head? */
karma_status embedding_is_meant(struct arena *a, const char *name, const char *revision,
                                const struct checkpoint *ck, bool *is);

/* Speech recognisers (class_speech.c, speech_run.c). */
karma_status speech_load(karma_model *m);
void speech_unload(karma_model *m);
karma_status speech_run(karma_model *m, const karma_run_io *io);
bool speech_is_meant(const karma_model_class *cls); /* is it a class of these? */
/* Arguments whose shape no option table can say; of other classes nothing is asked. */
karma_status speech_check_args(const karma_model_class *cls, const struct json *args);
/* What a run would take at most where recordings are cut. */
karma_status speech_size(const karma_model *m, const struct model *model, int64_t *bytes);
/* Add to an identity the tables that lie beside the weights. */
karma_status speech_identity(struct arena *a, const karma_model *m, const struct checkpoint *ck,
                             struct json *object);

/* Models that see (vision.c); a sample's images: vision.h. */
karma_status vision_load(karma_model *m);
/* To a checkpoint just opened, the vision part that an argument names. */
karma_status vision_attach(const karma_model *m, struct checkpoint *ck);
void vision_unload(karma_model *m);
/* Would a run of that model look at pictures with m's arguments? */
bool vision_is_meant(const karma_model *m, const struct model *model);
/* Bytes beside the weights that looking takes at most; 0 where it is not meant. */
karma_status vision_measure(const karma_model *m, const struct model *model, int64_t *bytes);
/* Set "vision" of an info: what it sees with. */
karma_status vision_info_json(struct arena *a, const karma_model *m, struct json *object);

/* ---- models ---- */

/* What was asked for: everything a plan follows from. NULL where nothing was given. */
struct model_request {
    const char *name;                 /* registered, a path or a hub id */
    const char *path;                 /* the checkpoint's place instead of the meta's */
    const karma_model_class *cls;     /* by itself, whatever a meta says of class and arguments */
    const struct json *config, *call; /* arguments: objects */
};

/* What a name and its arguments come to, before anything is loaded. */
struct model_plan {
    const char *name;
    const karma_model_class *cls;
    karma_model_type type;
    const char *path; /* folder, file or hub id, as given; not yet located */
    const char *revision;
    const struct json *args; /* complete, checked */
    struct model_request request;
    /* There is no checkpoint to choose the class by, but there are fall-backs: cls is the root,
     * args are as given, and load() plans again. */
    bool pending;
};
/* call_json is what the user typed: broken JSON in it is E_USAGE. All in a. */
karma_status model_plan_make(struct arena *a, const char *name, const char *model_path,
                             const char *config_json, const char *call_json,
                             struct model_plan *out);
/* The same for a class by itself, whatever the meta of that name says of classes and arguments. */
karma_status model_plan_of_class(struct arena *a, const karma_model_class *cls, const char *place,
                                 const char *call_json, struct model_plan *out);
/* A request whose parts live in a already. On failure out->cls is set when the arguments are what
 * is wrong, NULL when name, class or checkpoint are. */
karma_status model_plan_request(struct arena *a, const struct model_request *request,
                                struct model_plan *out);

/* The argument fallback of args: names in a, NULL-terminated; E_USAGE when it is none. */
karma_status fallback_names(struct arena *a, const struct json *args, const char *const **names);
/* Is st a failure that a fall-back is for: one of the checkpoint, and not of how it was asked? */
bool fallback_is_for(karma_status st);
/* load(), and what stands in when it fails. m is as before when all fail. */
karma_status fallback_load(karma_model *m);

struct karma_model {
    struct arena arena; /* of the plan it was made with, and the strings below */
    struct model_plan plan;
    struct arena plan_arena; /* of the plan it has now, where that is another */
    char *args_json;
    const char *requested_name;
    const char *fallback_reason; /* in plan_arena; NULL: what was asked for is what it is */
    void *data;                  /* of the class */
    struct run_guard *guards;    /* run_guard.c's */
    struct isolation *isolation; /* isolate.c's; NULL: the class runs in this process */
    /* Bytes: ours beside the weights, cache and scratch of the runs under way, the most so far. */
    _Atomic int64_t own_bytes, cache_bytes, peak_bytes;

    bool loaded;
    struct arena loaded_arena; /* path */
    const char *path;          /* located; NULL without a checkpoint */
    struct checkpoint *ck;
    struct backend *be;
    struct model *model;
    struct text_assets text;
    struct embedding *embedding; /* of EmbeddingModel, while it is loaded */
    struct speech *speech;       /* of a speech recogniser, while it is loaded */
    struct vision *vision;       /* of one that sees, while it is loaded; NULL: it does not */
    struct corpus *corpus;       /* what run() ranks against; NULL: nothing */
};

/* Raised when a change to kernels changes bits (doc/numerics.md): stored answers of another version
 * are not this one's. */
enum { NUMERICS_VERSION = 2 };

/* The base class's load and run, and what load() took given back. */
karma_status model_load_checkpoint(karma_model *m);
/* Of that the checkpoint, backend and weights; no tokenizer, no chat template. */
karma_status model_load_weights(karma_model *m);
/* What the argument dtype makes of the matrices (model_checkpoint.c). */
enum backend_weights model_weights(const karma_model *m);
/* What the argument kv_cache_dtype says, before the model is loaded. E_USAGE: the backend cannot.
 */
karma_status model_choose_cache(const karma_model *m, struct backend *be);
/* Where the checkpoint of that name or path lies: checkpoint_locate(), and where that is a
 * sentence-transformers folder with the checkpoint in a part of it, that part. */
karma_status model_locate(struct arena *a, const char *name, const char *revision,
                          const char **path);
void model_unload_checkpoint(karma_model *m);
/* Its type is that of most of the weights; NULL: there are no tensors. */
const struct named_tensor *model_largest_tensor(const struct checkpoint *ck);
karma_status generate_run(karma_model *m, const karma_run_io *io);
/* How much generate_run() does at once with m's arguments. */
karma_engine_options generate_engine_options(const karma_model *m);
/* The same for that model, with room left for pictures under the ceiling. */
karma_status generate_engine_room(const karma_model *m, const struct model *model,
                                  karma_engine_options *out);
/* Arguments whose shape no option table can say (stop, chat_template_kwargs, template_date). */
karma_status generate_check_args(const struct json *args);
/* How a model has its prompts rendered; texts in a. */
karma_status generate_render_options(struct arena *a, const karma_model *m,
                                     struct render_options *out);
/* What a chat template's clock shows with m's arguments. */
karma_status generate_clock(const karma_model *m, int64_t *now_s);

/* Write the arguments of m->plan out as text; m keeps its old text when that fails. */
karma_status model_write_args(karma_model *m);
/* One load of what m->plan says, given back when it fails. */
karma_status model_load_once(karma_model *m);

struct output_box;

/* ---- memory (model_memory.c) ---- */

/* E_LIMIT with the sum's parts unless the loaded checkpoint and a run of it fit the ceiling. */
karma_status model_check_memory(const karma_model *m);
/* Count memory of a run or of a class's own: more may be negative. */
void model_count_cache(karma_model *m, int64_t more);
void model_count_own(karma_model *m, int64_t more);
/* {weights, own, cache, ...} for model info; *out NULL when nothing is known. */
karma_status model_memory_json(struct arena *a, const karma_model *m, struct json **out);

/* ---- run guard (run_guard.c) ---- */

/* Run a class's own run slot and check all it does: outputs are joined to samples by key, each
 * sample gets one, and what does not fit is a failure that names class and key. */
karma_status guarded_run(karma_model *m, const karma_model_class *holder, const karma_run_io *io);
void run_guards_release(karma_model *m);
/* A key that stands for a sample without one: such a sample has the random stream of none. */
bool is_made_key(const char *key);
void make_key(size_t i, char out[40]);
/* What a class's slot returned, as a status of ours; a broken one is E_PLUGIN naming both. Call
 * foreign_begin() before the slot. */
karma_status class_result(const karma_model_class *cls, const char *slot, karma_status returned);
/* The slots with their results checked: a prompt has a message or is raw, an answer is there and is
 * text of UTF-8. E_PLUGIN names class and key. */
karma_status checked_preprocess(karma_model *m, const karma_sample *sample, karma_prompt *prompt);
karma_status checked_postprocess(karma_model *m, struct output_box *box);

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
    karma_image *raw_images;
    size_t n_raw_images;
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
    const char *text_set, *thinking_set; /* what karma_output_set_*() gave it; else NULL */
    bool prompt_opens_thought;           /* the rendered prompt ends inside a thought */
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
