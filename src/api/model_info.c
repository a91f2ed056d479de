/* model_info.c - what a model is: its names, its class, its size, all of it as JSON, its repr. */
#include <string.h>

#include "api/api.h"
#include "api/isolate.h"
#include "base/mem.h"
#include "karma/session.h"

const char *karma_model_name(const karma_model *m) {
    return m->plan.name;
}

const char *karma_model_requested_name(const karma_model *m) {
    return m->requested_name;
}

const char *karma_model_fallback_reason(const karma_model *m) {
    return m->fallback_reason;
}

const char *karma_model_path(const karma_model *m) {
    return m->path;
}

karma_model_type karma_model_get_type(const karma_model *m) {
    return m->plan.type;
}

const karma_model_class *karma_model_get_class(const karma_model *m) {
    return m->plan.cls;
}

const char *karma_model_args(const karma_model *m) {
    return m->args_json;
}

int64_t karma_model_num_parameters(const karma_model *m) {
    if (m->model) return m->model->info.n_parameters;
    return m->loaded && isolated(m) ? isolated_num_parameters(m) : 0;
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

/* What one more token takes: weights it meets in products (those of the head among them), bytes
 * they are read from, bytes of the cache and operations of attention for each token that it sees;
 * layers that see a window alone are counted as if they saw all. */
static void set_per_token(struct setter *s, const struct model_info *info) {
    const struct kv_pool kv = {.dtype = info->cache_dtype,
                               .n_layers = info->n_layers,
                               .n_kv_heads = info->n_kv_heads,
                               .head_dim = info->head_dim};
    const bool generates = info->can & FAMILY_GENERATE;
    const struct {
        const char *key;
        int64_t value;
    } parts[] = {
        {"parameters", info->token_parameters},
        {"head_parameters", generates ? info->vocab_size * info->hidden_size : 0},
        {"weight_bytes", (int64_t)info->token_bytes},
        {"cache_bytes", (int64_t)(kv_block_bytes(&kv) / KV_BLOCK_TOKENS)},
        {"attention_operations", (int64_t)4 * info->n_layers * info->n_heads * info->head_dim},
    };
    struct json *o = json_new_object(&s->arena);
    if (!o) s->st = KARMA_E_NOMEM;
    for (size_t i = 0; s->st == KARMA_OK && i < sizeof(parts) / sizeof(parts[0]); i++)
        s->st = json_set(&s->arena, o, parts[i].key, json_new_int(&s->arena, parts[i].value));
    set(s, "per_token", o);
}

static void set_loaded(struct setter *s, const karma_model *m) {
    const struct model_info *info = &m->model->info;
    const struct named_tensor *largest = model_largest_tensor(m->ck);
    set_str(s, "path", m->path);
    set_str(s, "architecture", checkpoint_architecture(m->ck));
    set_str(s, "container", checkpoint_container(m->ck) == CONTAINER_GGUF ? "gguf" : "huggingface");
    set_str(s, "dtype", largest ? largest->dtype_name : NULL);
    set_str(s, "weights", m->be->weights == WEIGHTS_STORED ? "as stored" : "int8");
    if (info->can & (FAMILY_GENERATE | FAMILY_ENCODE))
        set_str(s, "kv_cache",
                info->cache_dtype == DTYPE_I8     ? "int8"
                : info->cache_dtype == DTYPE_BF16 ? "bf16"
                                                  : "f32");
    set_int(s, "weight_bytes", (int64_t)info->weight_bytes);
    set_int(s, "private_bytes", (int64_t)info->private_bytes);
    set_int(s, "max_position_embeddings", info->max_position_embeddings);
    set_int(s, "vocab_size", info->vocab_size);
    set_int(s, "hidden_size", info->hidden_size);
    set_int(s, "num_hidden_layers", info->n_layers);
    if (info->token_parameters) set_per_token(s, info);
    if (m->embedding) set_int(s, "embedding_dim", karma_model_embedding_dim(m, NULL));
    set_str(s, "chat_template", m->text.template_source);
    set_ids(s, "eos_token_ids", m->text.end_tokens, m->text.n_end_tokens);
    if (s->st == KARMA_OK) s->st = vision_info_json(&s->arena, m, s->object);
    if (checkpoint_has_code(m->ck))
        set_str(s, "note", "checkpoint contains code; karma never runs it");
}

karma_status karma_model_info(const karma_model *m, char **json) {
    struct setter s = {0};
    struct buf b = {0};
    *json = NULL;
    if (m->loaded && isolated(m)) return isolated_info(m, json);
    s.object = json_new_object(&s.arena);
    s.st = s.object ? KARMA_OK : KARMA_E_NOMEM;
    set_str(&s, "name", m->plan.name);
    if (m->fallback_reason) {
        set_str(&s, "requested_name", m->requested_name);
        set_str(&s, "fallback_reason", m->fallback_reason);
    }
    set_str(&s, "model_name_or_path", m->plan.path);
    set_str(&s, "model_type", karma_model_type_name(m->plan.type));
    set_str(&s, "class", m->plan.cls->name);
    set_str(&s, "device", m->be ? m->be->ops->describe(m->be) : model_arg_str(m, "device", "auto"));
    set(&s, "is_loaded", json_new_bool(&s.arena, m->loaded));
    set(&s, "num_parameters",
        m->model ? json_new_int(&s.arena, m->model->info.n_parameters) : json_new_null(&s.arena));
    if (m->model) set_loaded(&s, m);
    struct json *memory = NULL;
    if (s.st == KARMA_OK) s.st = model_memory_json(&s.arena, m, &memory);
    if (memory) set(&s, "memory", memory);
    set(&s, "arguments", m->plan.args);
    if (s.st == KARMA_OK) s.st = json_write(&b, s.object, 0, JSON_PYTHON);
    if (s.st == KARMA_OK && !(*json = buf_take(&b))) s.st = KARMA_E_NOMEM;
    buf_release(&b);
    arena_release(&s.arena);
    return s.st;
}

/* ---- repr ---- */

/* Where it computes, or would: "cpu". */
static karma_status device_name(const karma_model *m, struct backend **opened, const char **name) {
    const char *device = model_arg_str(m, "device", "auto");
    *opened = NULL;
    *name = device;
    if (m->be) {
        *name = m->be->ops->name;
    } else if (strcmp(device, "auto") == 0) {
        karma_status st = backend_create(device, 1, opened);
        if (st < 0) return st;
        *name = (*opened)->ops->name;
    }
    return KARMA_OK;
}

/* As Python writes a string. */
static karma_status put_quoted(struct buf *b, const char *text) {
    const char quote = strchr(text, '\'') && !strchr(text, '"') ? '"' : '\'';
    karma_status st = buf_putc(b, quote);
    for (; st == KARMA_OK && *text; text++) {
        if (*text == quote || *text == '\\') st = buf_putc(b, '\\');
        if (st == KARMA_OK) st = buf_putc(b, *text);
    }
    return st < 0 ? st : buf_putc(b, quote);
}

karma_status karma_model_repr(const karma_model *m, char **text) {
    struct buf b = {0};
    struct backend *opened;
    const char *device;
    *text = NULL;
    karma_status st = device_name(m, &opened, &device);
    if (st == KARMA_OK) st = buf_printf(&b, "%s(model_name_or_path=", m->plan.cls->name);
    if (st == KARMA_OK) st = put_quoted(&b, m->plan.path);
    if (st == KARMA_OK) st = buf_puts(&b, ", device=");
    if (st == KARMA_OK) st = put_quoted(&b, device);
    if (st == KARMA_OK) st = buf_putc(&b, ')');
    if (st == KARMA_OK && !(*text = buf_take(&b))) st = KARMA_E_NOMEM;
    buf_release(&b);
    backend_destroy(opened);
    return st;
}
