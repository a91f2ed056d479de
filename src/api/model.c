/*
 * model.c - the life of a model: create, load, run, unload, destroy. Loading maps the checkpoint
 * and binds views of it; a load that fails gives everything back and can be tried again.
 */
#include "karma/model.h"

#include <string.h>

#include "api/api.h"
#include "base/cpu.h"
#include "base/float_env.h"
#include "base/mem.h"

/* ---- create and destroy ---- */

karma_status karma_model_create_with(const char *name, const char *model_path,
                                     const char *config_json, const char *args_json,
                                     karma_model **out) {
    struct buf text = {0};
    karma_model *m = *out = mem_calloc(1, sizeof(*m));
    if (!m) return KARMA_E_NOMEM;
    fenv_t before;
    float_env_enter(&before); /* numbers are read here */
    karma_status st =
        model_plan_make(&m->arena, name, model_path, config_json, args_json, &m->plan);
    float_env_leave(&before);
    if (st == KARMA_OK) st = json_write(&text, m->plan.args, 0, JSON_PYTHON);
    if (st == KARMA_OK && !(m->args_json = buf_take(&text))) st = KARMA_E_NOMEM;
    buf_release(&text);
    if (st < 0) {
        karma_model_destroy(m);
        *out = NULL;
    }
    return st;
}

karma_status karma_model_create(const char *name, const char *args_json, karma_model **out) {
    return karma_model_create_with(name, NULL, NULL, args_json, out);
}

karma_status karma_get_model(const char *name, const char *args_json, karma_model **out) {
    karma_status st = karma_model_create(name, args_json, out);
    if (st == KARMA_OK) st = karma_model_load(*out);
    if (st < 0) {
        karma_model_destroy(*out);
        *out = NULL;
    }
    return st;
}

void karma_model_destroy(karma_model *m) {
    if (!m) return;
    karma_model_unload(m);
    mem_free(m->args_json);
    arena_release(&m->arena);
    mem_free(m);
}

/* ---- load and unload ---- */

/* The type most of the weights have: that of the largest tensor. */
static const struct named_tensor *largest_tensor(const struct checkpoint *ck) {
    const struct named_tensor *largest = NULL;
    for (int64_t i = 0; i < checkpoint_tensor_count(ck); i++) {
        const struct named_tensor *t = checkpoint_tensor(ck, i);
        if (!largest || t->nbytes > largest->nbytes) largest = t;
    }
    return largest;
}

/* Weights are computed as they lie in the file, so a wish for another type cannot be met. */
static karma_status check_dtype(const karma_model *m) {
    const char *wanted = model_arg_str(m, "dtype", "auto");
    const struct named_tensor *t = largest_tensor(m->ck);
    if (!t || strcmp(wanted, "auto") == 0 || strcmp(wanted, "float32") == 0) return KARMA_OK;
    enum dtype dtype = strcmp(wanted, "bfloat16") == 0 ? DTYPE_BF16 : DTYPE_F16;
    if (t->dtype == dtype) return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED,
                       "dtype: the checkpoint holds %s, and weights are computed as they are "
                       "stored (expected auto or float32, found %s)",
                       t->dtype_name, wanted);
}

karma_status model_load_checkpoint(karma_model *m) {
    if (m->ck) return KARMA_OK;
    int threads = (int)model_arg_int(m, "threads", 0);
    karma_status st = checkpoint_locate(&m->loaded_arena, m->plan.path, m->plan.revision, &m->path);
    if (st == KARMA_OK) st = checkpoint_open(m->path, &m->ck);
    if (st == KARMA_OK) st = check_dtype(m);
    if (st == KARMA_OK) st = backend_create(model_arg_str(m, "device", "auto"), threads, &m->be);
    if (st == KARMA_OK) st = model_load(m->ck, m->be, &m->model);
    if (st == KARMA_OK) st = text_assets_load(m->ck, m->model->info.vocab_size, &m->text);
    return st;
}

void model_unload_checkpoint(karma_model *m) {
    text_assets_release(&m->text);
    model_unload(m->model);
    backend_destroy(m->be);
    checkpoint_close(m->ck);
    arena_release(&m->loaded_arena);
    m->model = NULL;
    m->be = NULL;
    m->ck = NULL;
    m->path = NULL;
}

/* Also after a load that failed half-way. */
static void give_back(karma_model *m) {
    for (const karma_model_class *c = m->plan.cls; c; c = class_base_of(c))
        if (c->unload) c->unload(m);
    model_unload_checkpoint(m);
    m->loaded = false;
}

karma_status karma_model_load(karma_model *m) {
    if (m->loaded) return KARMA_OK;
    fenv_t before;
    float_env_enter(&before);
    karma_status st = class_holder(m->plan.cls, SLOT_LOAD)->load(m);
    float_env_leave(&before);
    m->loaded = st == KARMA_OK;
    if (st == KARMA_OK) return KARMA_OK;
    struct arena a = {0}; /* giving back may fail somewhere inside and change the message */
    const char *why = arena_strdup(&a, karma_error_message());
    give_back(m);
    st = status_fail(st, "%s", why ? why : "out of memory");
    arena_release(&a);
    return st;
}

bool karma_model_is_loaded(const karma_model *m) {
    return m->loaded;
}

void karma_model_unload(karma_model *m) {
    if (m->loaded) give_back(m);
}

karma_status model_need_loaded(const karma_model *m) {
    if (m->model) return KARMA_OK;
    return status_fail(KARMA_E_USAGE, "%s: %s", status_quotez(m->plan.name),
                       m->loaded ? "this class has no checkpoint" : "the model is not loaded");
}

/* ---- run ---- */

karma_status karma_model_run(karma_model *m, const karma_run_io *io) {
    karma_status st = karma_model_load(m);
    return st < 0 ? st : class_holder(m->plan.cls, SLOT_RUN)->run(m, io);
}

struct one_text {
    const karma_sample sample;
    bool given;
    char *answer;
    karma_status st; /* of the sample */
    struct arena arena;
    const char *error;
};

static karma_status one_next(void *user, const karma_sample **sample) {
    struct one_text *one = user;
    if (one->given) return KARMA_DONE;
    one->given = true;
    *sample = &one->sample;
    return KARMA_OK;
}

static karma_status one_put(void *user, const karma_output *output) {
    struct one_text *one = user;
    one->st = output->status;
    if (output->status < 0)
        one->error = arena_strdup(&one->arena, output->error ? output->error : "");
    else if (!(one->answer = mem_strdup(output->text ? output->text : "")))
        return KARMA_E_NOMEM;
    return KARMA_OK;
}

karma_status karma_model_run_text(karma_model *m, const char *input, char **answer) {
    struct one_text one = {
        .sample = {.struct_size = sizeof(karma_sample), .input = input},
        .st = KARMA_E_INTERNAL,
    };
    karma_run_io io = {.next = one_next, .put = one_put, .user = &one};
    *answer = NULL;
    karma_status st = karma_model_run(m, &io);
    if (st == KARMA_OK && one.st < 0)
        st = status_fail(one.st, "%s", one.error ? one.error : "the class gave no answer");
    if (st == KARMA_OK)
        *answer = one.answer;
    else
        mem_free(one.answer);
    arena_release(&one.arena);
    return st;
}

/* ---- what it is ---- */

const char *karma_model_name(const karma_model *m) {
    return m->plan.name;
}

const char *karma_model_path(const karma_model *m) {
    return m->path;
}

const karma_model_class *karma_model_get_class(const karma_model *m) {
    return m->plan.cls;
}

const char *karma_model_args(const karma_model *m) {
    return m->args_json;
}

int64_t karma_model_num_parameters(const karma_model *m) {
    return m->model ? m->model->info.n_parameters : 0;
}

int32_t karma_model_vocab_size(const karma_model *m) {
    return m->model ? (int32_t)m->model->info.vocab_size : 0;
}

void karma_model_set_data(karma_model *m, void *data) {
    m->data = data;
}

void *karma_model_data(const karma_model *m) {
    return m->data;
}

const struct json *model_arg(const karma_model *m, const char *name) {
    const struct json *value = json_get(m->plan.args, name);
    return json_is_null(value) ? NULL : value;
}

int64_t model_arg_int(const karma_model *m, const char *name, int64_t otherwise) {
    const struct json *v = model_arg(m, name);
    return v && v->type == JSON_INT ? v->u.integer : otherwise;
}

bool model_arg_bool(const karma_model *m, const char *name, bool otherwise) {
    const struct json *v = model_arg(m, name);
    return v && v->type == JSON_BOOL ? v->u.boolean : otherwise;
}

const char *model_arg_str(const karma_model *m, const char *name, const char *otherwise) {
    return json_str(model_arg(m, name), otherwise);
}

/* The value of an argument that must have one, of that type. */
static karma_status need_arg(const karma_model *m, const char *name, enum json_type type,
                             const struct json **out) {
    *out = model_arg(m, name);
    if (!*out) return status_fail(KARMA_E_NOTFOUND, "model argument '%s' has no value", name);
    if ((*out)->type != type)
        return status_fail(KARMA_E_TYPE, "model argument '%s' is of type %s", name,
                           json_type_name(*out));
    return KARMA_OK;
}

karma_status karma_model_arg_bool(const karma_model *m, const char *name, bool *out) {
    const struct json *v;
    karma_status st = need_arg(m, name, JSON_BOOL, &v);
    if (st == KARMA_OK) *out = v->u.boolean;
    return st;
}

karma_status karma_model_arg_int(const karma_model *m, const char *name, int64_t *out) {
    const struct json *v;
    karma_status st = need_arg(m, name, JSON_INT, &v);
    if (st == KARMA_OK) *out = v->u.integer;
    return st;
}

karma_status karma_model_arg_real(const karma_model *m, const char *name, double *out) {
    const struct json *v;
    karma_status st = need_arg(m, name, JSON_REAL, &v);
    if (st == KARMA_OK) *out = v->u.real;
    return st;
}

karma_status karma_model_arg_str(const karma_model *m, const char *name, const char **out) {
    const struct json *v;
    karma_status st = need_arg(m, name, JSON_STRING, &v);
    if (st == KARMA_OK) *out = v->u.string.data;
    return st;
}

karma_generate_options karma_generate_defaults(const karma_model *m) {
    return m->model ? m->text.generate : text_reference_defaults();
}

/* ---- info ---- */

struct setter { /* sticky: the first failure stays */
    struct arena arena;
    struct json *object;
    karma_status st;
};

static void set(struct setter *s, const char *key, const struct json *value) {
    if (s->st == KARMA_OK) s->st = json_set(&s->arena, s->object, key, value);
}

static void set_str(struct setter *s, const char *key, const char *value) {
    set(s, key, value ? json_new_string(&s->arena, value) : json_new_null(&s->arena));
}

static void set_int(struct setter *s, const char *key, int64_t value) {
    set(s, key, json_new_int(&s->arena, value));
}

static void set_ids(struct setter *s, const char *key, const int32_t *ids, size_t n) {
    struct json *list = json_new_array(&s->arena);
    for (size_t i = 0; list && i < n; i++)
        if (json_push(&s->arena, list, json_new_int(&s->arena, ids[i])) < 0) list = NULL;
    set(s, key, list);
}

static void set_loaded(struct setter *s, const karma_model *m) {
    const struct model_info *info = &m->model->info;
    const struct named_tensor *largest = largest_tensor(m->ck);
    set_str(s, "path", m->path);
    set_str(s, "architecture", checkpoint_architecture(m->ck));
    set_str(s, "container", checkpoint_container(m->ck) == CONTAINER_GGUF ? "gguf" : "huggingface");
    set_str(s, "dtype", largest ? largest->dtype_name : NULL);
    set_int(s, "weight_bytes", (int64_t)info->weight_bytes);
    set_int(s, "private_bytes", (int64_t)info->private_bytes);
    set_int(s, "max_position_embeddings", info->max_position_embeddings);
    set_int(s, "vocab_size", info->vocab_size);
    set_int(s, "hidden_size", info->hidden_size);
    set_int(s, "num_hidden_layers", info->n_layers);
    set_str(s, "chat_template", m->text.template_source);
    set_ids(s, "eos_token_ids", m->text.end_tokens, m->text.n_end_tokens);
    if (checkpoint_has_code(m->ck))
        set_str(s, "note", "checkpoint contains code; karma never runs it");
}

karma_status karma_model_info(const karma_model *m, char **json) {
    struct setter s = {0};
    struct buf b = {0};
    *json = NULL;
    s.object = json_new_object(&s.arena);
    s.st = s.object ? KARMA_OK : KARMA_E_NOMEM;
    set_str(&s, "name", m->plan.name);
    set_str(&s, "model_name_or_path", m->plan.path);
    set_str(&s, "model_type", karma_model_type_name(m->plan.type));
    set_str(&s, "class", m->plan.cls->name);
    set_str(&s, "device", m->be ? m->be->ops->describe(m->be) : model_arg_str(m, "device", "auto"));
    set(&s, "is_loaded", json_new_bool(&s.arena, m->loaded));
    set(&s, "num_parameters",
        m->model ? json_new_int(&s.arena, m->model->info.n_parameters) : json_new_null(&s.arena));
    if (m->model) set_loaded(&s, m);
    set(&s, "arguments", m->plan.args);
    if (s.st == KARMA_OK) s.st = json_write(&b, s.object, 0, JSON_PYTHON);
    if (s.st == KARMA_OK && !(*json = buf_take(&b))) s.st = KARMA_E_NOMEM;
    buf_release(&b);
    arena_release(&s.arena);
    return s.st;
}
