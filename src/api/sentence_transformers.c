/*
 * sentence_transformers.c - see sentence_transformers.h. The files are small JSON objects, written
 * by a dozen releases of one library. A key nobody reads is ignored as the library ignores it; a
 * module, a mode or an activation that karma does not compute is an error, because leaving it out
 * would give other vectors without a word.
 */
#include "api/sentence_transformers.h"

#include <string.h>

#include "base/file.h"
#include "base/log.h"

enum { MAX_CONFIG_BYTES = 4 << 20, MAX_FEATURES = 1 << 20 };

static const char modules_name[] = "modules.json";
static const char settings_name[] = "config_sentence_transformers.json";
static const char dense_weights[] = "model.safetensors";
static const char pooled[] = "sentence_embedding"; /* the library's name of the one vector */

/* Of the oldest releases, a name for each architecture; the first that is there counts. */
static const char *const transformer_names[] = {
    "sentence_bert_config.json",       "sentence_roberta_config.json",
    "sentence_distilbert_config.json", "sentence_camembert_config.json",
    "sentence_albert_config.json",     "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
};
enum { N_TRANSFORMER_NAMES = sizeof(transformer_names) / sizeof(transformer_names[0]) };

/* ---- names ---- */

static const struct {
    const char *name, *flag; /* the flag is the classic spelling in N_Pooling/config.json */
    karma_pooling pooling;
} poolings[] = {
    /* In the order in which the classic flags are concatenated. */
    {"cls", "pooling_mode_cls_token", KARMA_POOL_CLS},
    {"max", "pooling_mode_max_tokens", KARMA_POOL_MAX},
    {"mean", "pooling_mode_mean_tokens", KARMA_POOL_MEAN},
    {"mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", KARMA_POOL_MEAN_SQRT_LEN},
    {"weightedmean", "pooling_mode_weightedmean_tokens", KARMA_POOL_WEIGHTED_MEAN},
    {"lasttoken", "pooling_mode_lasttoken", KARMA_POOL_LAST_TOKEN},
    {"mean_sqrt_len", NULL, KARMA_POOL_MEAN_SQRT_LEN},
    {"last_token", NULL, KARMA_POOL_LAST_TOKEN},
    {"eos", NULL, KARMA_POOL_LAST_TOKEN},
};

bool st_pooling_from_name(const char *name, karma_pooling *out) {
    for (size_t i = 0; i < sizeof(poolings) / sizeof(poolings[0]); i++) {
        if (strcmp(poolings[i].name, name) != 0) continue;
        *out = poolings[i].pooling;
        return true;
    }
    return false;
}

bool st_similarity_from_name(const char *name, karma_similarity_kind *out) {
    static const struct {
        const char *name;
        karma_similarity_kind kind;
    } kinds[] = {
        {"cosine", KARMA_COSINE},   {"cos_sim", KARMA_COSINE},      {"dot", KARMA_DOT},
        {"dot_product", KARMA_DOT}, {"euclidean", KARMA_EUCLIDEAN}, {"manhattan", KARMA_MANHATTAN},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, name) != 0) continue;
        *out = kinds[i].kind;
        return true;
    }
    return false;
}

/* The activation of a dotted torch class. */
static karma_status activation_from_name(const char *name, enum activation *out) {
    static const struct {
        const char *name;
        enum activation activation;
    } known[] = {
        {"Identity", ACT_NONE}, {"Tanh", ACT_TANH}, {"ReLU", ACT_RELU},
        {"GELU", ACT_GELU_ERF}, {"SiLU", ACT_SILU},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; strncmp(name, "torch.", 6) == 0 && i < sizeof(known) / sizeof(known[0]);
         i++) {
        if (strcmp(known[i].name, dot + 1) != 0) continue;
        *out = known[i].activation;
        return KARMA_OK;
    }
    return status_fail(KARMA_E_UNSUPPORTED,
                       "activation_function: expected Identity, Tanh, ReLU, GELU or SiLU of torch, "
                       "found %s",
                       status_quotez(name));
}

/* ---- modules.json ---- */

/* A path of plain names, so that it stays in the folder. "" is the folder itself. */
static karma_status check_path(const char *path, size_t len) {
    if (len == 0) return KARMA_OK;
    for (size_t at = 0; at <= len;) {
        const char *slash = memchr(path + at, '/', len - at);
        const size_t end = slash ? (size_t)(slash - path) : len;
        karma_status st = file_check_name(path + at, end - at);
        if (st < 0) return st;
        at = end + 1;
    }
    return KARMA_OK;
}

static karma_status module_kind(const char *type, enum st_module_kind *kind, bool *is_transformer,
                                bool *is_nothing) {
    const char *dot = strrchr(type, '.');
    const char *name = dot ? dot + 1 : type;
    const bool known_home = strncmp(type, "sentence_transformers.", 22) == 0;
    *is_transformer = known_home && strcmp(name, "Transformer") == 0;
    *is_nothing = known_home && strcmp(name, "Dropout") == 0; /* of training alone */
    *kind = ST_POOLING;
    if (*is_transformer || *is_nothing || (known_home && strcmp(name, "Pooling") == 0))
        return KARMA_OK;
    *kind = known_home && strcmp(name, "Dense") == 0 ? ST_DENSE : ST_NORMALIZE;
    if (*kind == ST_DENSE || (known_home && strcmp(name, "Normalize") == 0)) return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED,
                       "type %s: expected Transformer, Pooling, Dense, Normalize or Dropout of "
                       "sentence_transformers",
                       status_quotez(type));
}

static karma_status parse_module(struct arena *a, const struct json *one, size_t i,
                                 struct sentence_transformers *out) {
    const char *type, *path;
    enum st_module_kind kind = ST_POOLING;
    bool is_transformer = false, is_nothing = false;
    if (!json_is_object(one))
        return status_fail(KARMA_E_TYPE, "expected an object, found %s", json_type_name(one));
    karma_status st = json_need_str(one, "type", &type);
    if (st == KARMA_OK) st = json_field_str(one, "path", "", &path);
    const struct json *given = json_get(one, "path");
    if (st == KARMA_OK && json_is_string(given))
        st = status_prefix(check_path(path, given->u.string.len), "path");
    if (st == KARMA_OK) st = module_kind(type, &kind, &is_transformer, &is_nothing);
    if (st < 0 || is_nothing) return st;
    if (is_transformer != (i == 0))
        return status_fail(KARMA_E_UNSUPPORTED, "the first module, and it alone, must be the "
                                                "Transformer");
    if (!(path = arena_strdup(a, path))) return KARMA_E_NOMEM;
    if (is_transformer) {
        out->transformer = path;
        return KARMA_OK;
    }
    if ((kind == ST_POOLING) != (out->n_modules == 0))
        return status_fail(KARMA_E_UNSUPPORTED, "the module after the Transformer, and it alone, "
                                                "must be a Pooling");
    if (kind != ST_NORMALIZE && !*path)
        return status_fail(KARMA_E_PATH, "path: a module of this type needs a folder of its own");
    if (out->n_modules == ST_MAX_MODULES)
        return status_fail(KARMA_E_LIMIT, "more than %d modules", ST_MAX_MODULES);
    out->modules[out->n_modules++] = (struct st_module){.kind = kind, .path = path};
    return KARMA_OK;
}

static karma_status parse_modules(struct arena *a, const struct json *list,
                                  struct sentence_transformers *out) {
    if (!json_is_array(list))
        return status_fail(KARMA_E_TYPE, "expected an array, found %s", json_type_name(list));
    out->n_modules = 0;
    for (size_t i = 0; i < json_count(list); i++) {
        karma_status st = parse_module(a, json_at(list, i), i, out);
        if (st < 0) return status_prefix(st, "module %zu", i);
    }
    if (out->n_modules == 0)
        return status_fail(KARMA_E_MISSING, "there is no Pooling: the vectors of tokens stay many");
    out->present = true;
    return KARMA_OK;
}

/* ---- a module's config.json ---- */

static karma_status add_mode(const struct json *name, struct st_pooling *out) {
    karma_pooling mode;
    if (!json_is_string(name))
        return status_fail(KARMA_E_TYPE,
                           "pooling_mode: expected a string or a list of strings, "
                           "found %s",
                           json_type_name(name));
    if (!st_pooling_from_name(name->u.string.data, &mode))
        return status_fail(KARMA_E_UNSUPPORTED,
                           "pooling_mode: %s is not one of cls, max, mean, "
                           "mean_sqrt_len_tokens, weightedmean, lasttoken",
                           status_quotez(name->u.string.data));
    if (out->n_modes == ST_N_POOLINGS)
        return status_fail(KARMA_E_LIMIT, "pooling_mode: more than %d", ST_N_POOLINGS);
    out->modes[out->n_modes++] = mode;
    return KARMA_OK;
}

/* The 6.x list is concatenated in its own order, the classic flags in the order of the table. */
static karma_status parse_modes(const struct json *config, struct st_pooling *out) {
    const struct json *mode = json_get(config, "pooling_mode");
    karma_status st = KARMA_OK;
    if (!json_is_null(mode)) {
        const size_t n = json_is_array(mode) ? json_count(mode) : 1;
        for (size_t i = 0; i < n && st == KARMA_OK; i++)
            st = add_mode(json_is_array(mode) ? json_at(mode, i) : mode, out);
        if (st == KARMA_OK && n == 0) st = status_fail(KARMA_E_MISSING, "pooling_mode: empty list");
        return st;
    }
    for (size_t i = 0; st == KARMA_OK && i < ST_N_POOLINGS; i++) {
        bool on;
        st = json_field_bool(config, poolings[i].flag, false, &on);
        if (st == KARMA_OK && on) out->modes[out->n_modes++] = poolings[i].pooling;
    }
    if (st == KARMA_OK && out->n_modes == 0) out->modes[out->n_modes++] = KARMA_POOL_MEAN;
    return st;
}

static karma_status parse_pooling(const struct json *config, struct st_pooling *out) {
    int64_t dimension;
    memset(out, 0, sizeof(*out));
    karma_status st =
        json_field_int(config, "word_embedding_dimension", 1, MAX_FEATURES, 0, &dimension);
    if (st == KARMA_OK)
        st = json_field_int(config, "embedding_dimension", 1, MAX_FEATURES, dimension,
                            &out->dimension);
    if (st == KARMA_OK) st = json_field_bool(config, "include_prompt", true, &out->include_prompt);
    return st < 0 ? st : parse_modes(config, out);
}

/* A module may be told to read or write another of the library's vectors; we have the one. */
static karma_status check_one_vector(const struct json *config) {
    static const char *const keys[] = {"module_input_name", "module_output_name"};
    for (size_t i = 0; i < 2; i++) {
        const char *name;
        karma_status st = json_field_str(config, keys[i], pooled, &name);
        if (st == KARMA_OK && strcmp(name, pooled) != 0)
            st = status_fail(KARMA_E_UNSUPPORTED, "%s: expected %s, found %s", keys[i], pooled,
                             status_quotez(name));
        if (st < 0) return st;
    }
    return KARMA_OK;
}

static karma_status parse_dense(const struct json *config, struct st_dense *out) {
    const char *activation;
    memset(out, 0, sizeof(*out));
    karma_status st = json_need_int(config, "in_features", 1, MAX_FEATURES, &out->in_features);
    if (st == KARMA_OK)
        st = json_need_int(config, "out_features", 1, MAX_FEATURES, &out->out_features);
    if (st == KARMA_OK) st = json_field_bool(config, "bias", true, &out->bias);
    if (st == KARMA_OK) st = json_field_bool(config, "use_residual", false, &out->use_residual);
    if (st == KARMA_OK) st = check_one_vector(config);
    if (st == KARMA_OK)
        st = json_field_str(config, "activation_function", "torch.nn.modules.activation.Tanh",
                            &activation);
    return st < 0 ? st : activation_from_name(activation, &out->activation);
}

/* ---- the other two files ---- */

static karma_status parse_transformer(const struct json *config,
                                      struct sentence_transformers *out) {
    const char *task;
    karma_status st =
        json_field_int(config, "max_seq_length", 1, INT32_MAX, 0, &out->max_seq_length);
    if (st == KARMA_OK) st = json_field_bool(config, "do_lower_case", false, &out->do_lower_case);
    if (st == KARMA_OK)
        st = json_field_str(config, "transformer_task", "feature-extraction", &task);
    if (st == KARMA_OK && strcmp(task, "feature-extraction") != 0)
        st = status_fail(KARMA_E_UNSUPPORTED,
                         "transformer_task: expected feature-extraction, found %s",
                         status_quotez(task));
    return st;
}

static karma_status parse_settings(const struct json *config, struct sentence_transformers *out) {
    const struct json *prompts = json_get(config, "prompts");
    const char *similarity, *model_type;
    karma_status st = json_field_str(config, "model_type", "SentenceTransformer", &model_type);
    if (st == KARMA_OK && strcmp(model_type, "SentenceTransformer") != 0)
        st = status_fail(KARMA_E_UNSUPPORTED, "model_type: expected SentenceTransformer, found %s",
                         status_quotez(model_type));
    if (st == KARMA_OK && !json_is_null(prompts) && !json_is_object(prompts))
        st = status_fail(KARMA_E_TYPE, "prompts: expected an object, found %s",
                         json_type_name(prompts));
    for (size_t i = 0; st == KARMA_OK && i < json_count(prompts); i++) {
        const struct json_member *m = &prompts->u.object.members[i];
        if (!json_is_string(m->value))
            st = status_fail(KARMA_E_TYPE, "prompts: %s: expected a string, found %s",
                             status_quote(m->key, m->key_len), json_type_name(m->value));
    }
    out->prompts = json_count(prompts) ? prompts : NULL;
    if (st == KARMA_OK)
        st = json_field_str(config, "default_prompt_name", NULL, &out->default_prompt_name);
    if (st == KARMA_OK && out->default_prompt_name &&
        !json_get(out->prompts, out->default_prompt_name))
        st = status_fail(KARMA_E_MISSING, "default_prompt_name: there is no prompt %s",
                         status_quotez(out->default_prompt_name));
    if (st == KARMA_OK) st = json_field_str(config, "similarity_fn_name", NULL, &similarity);
    if (st < 0) return st;
    out->has_similarity = similarity != NULL;
    if (similarity && !st_similarity_from_name(similarity, &out->similarity))
        return status_fail(KARMA_E_UNSUPPORTED,
                           "similarity_fn_name: expected cosine, dot, euclidean or manhattan, "
                           "found %s",
                           status_quotez(similarity));
    return json_field_int(config, "truncate_dim", 1, MAX_FEATURES, 0, &out->truncate_dim);
}

karma_status sentence_transformers_parse(struct arena *a, enum st_file kind,
                                         const struct json *value,
                                         struct sentence_transformers *out) {
    struct st_module *last = out->n_modules ? &out->modules[out->n_modules - 1] : NULL;
    if (kind == ST_FILE_MODULES) return parse_modules(a, value, out);
    if (!json_is_object(value))
        return status_fail(KARMA_E_TYPE, "expected an object, found %s", json_type_name(value));
    switch (kind) {
    case ST_FILE_POOLING:
        return last ? parse_pooling(value, &last->u.pooling) : KARMA_OK;
    case ST_FILE_DENSE:
        return last ? parse_dense(value, &last->u.dense) : KARMA_OK;
    case ST_FILE_NORMALIZE:
        return check_one_vector(value);
    case ST_FILE_TRANSFORMER:
        return parse_transformer(value, out);
    case ST_FILE_SETTINGS:
    case ST_FILE_MODULES:
        break;
    }
    return parse_settings(value, out);
}

/* ---- the folder ---- */

/* Read one file; *found false when it is not there. */
static karma_status read_file(struct arena *a, const char *folder, const char *name,
                              enum st_file kind, struct sentence_transformers *out, bool *found) {
    struct buf text = {0};
    const struct json *value;
    const char *path = file_join(a, folder, name);
    if (!path) return KARMA_E_NOMEM;
    *found = file_kind(path) != FILE_KIND_NONE;
    if (!*found) return KARMA_OK;
    karma_status st = file_read(path, MAX_CONFIG_BYTES, &text);
    if (st == KARMA_OK) {
        st = json_parse(a, buf_str(&text), text.len, JSON_LAST_WINS, &value);
        if (st == KARMA_OK) st = sentence_transformers_parse(a, kind, value, out);
        st = status_prefix(st, "%s", status_quotez(name));
    }
    buf_release(&text);
    return st;
}

static karma_status read_modules(struct arena *a, const char *folder,
                                 struct sentence_transformers *out) {
    bool found;
    memset(out, 0, sizeof(*out));
    out->transformer = "";
    return read_file(a, folder, modules_name, ST_FILE_MODULES, out, &found);
}

/* The config.json of each module; the parser sees the list end at the module it reads for. */
static karma_status read_configs(struct arena *a, const char *folder,
                                 struct sentence_transformers *out) {
    static const enum st_file files[] = {
        [ST_POOLING] = ST_FILE_POOLING,
        [ST_DENSE] = ST_FILE_DENSE,
        [ST_NORMALIZE] = ST_FILE_NORMALIZE,
    };
    const int n = out->n_modules;
    karma_status st = KARMA_OK;
    for (int i = 0; i < n && st == KARMA_OK; i++) {
        const struct st_module *m = &out->modules[i];
        bool found;
        if (!*m->path) continue; /* a Normalize without a folder */
        const char *name = file_join(a, m->path, "config.json");
        if (!name) return KARMA_E_NOMEM;
        out->n_modules = i + 1;
        st = read_file(a, folder, name, files[m->kind], out, &found);
        if (st == KARMA_OK && !found && m->kind != ST_NORMALIZE)
            st = status_fail(KARMA_E_MISSING, "%s: %s names it, and it is not there",
                             status_quotez(name), modules_name);
    }
    out->n_modules = n;
    return st;
}

/* Sizes must follow from each other; what the last of them must be, the weights say. */
static karma_status check_sizes(const struct sentence_transformers *s) {
    const struct st_pooling *p = &s->modules[0].u.pooling;
    int64_t size = p->dimension * p->n_modes;
    for (int i = 1; i < s->n_modules; i++) {
        const struct st_module *m = &s->modules[i];
        if (m->kind != ST_DENSE) continue;
        if (size && m->u.dense.in_features != size)
            return status_fail(KARMA_E_SHAPE,
                               "%s: in_features: expected the %lld of what stands before, found "
                               "%lld",
                               status_quotez(m->path), (long long)size,
                               (long long)m->u.dense.in_features);
        size = m->u.dense.out_features;
    }
    return KARMA_OK;
}

static karma_status transformer_config(struct arena *a, const char *folder, const char *transformer,
                                       const char **name) {
    *name = NULL;
    for (size_t i = 0; i < N_TRANSFORMER_NAMES; i++) {
        const char *relative =
            *transformer ? file_join(a, transformer, transformer_names[i]) : transformer_names[i];
        const char *path = relative ? file_join(a, folder, relative) : NULL;
        if (!path) return KARMA_E_NOMEM;
        if (!file_exists(path)) continue;
        *name = relative;
        return KARMA_OK;
    }
    return KARMA_OK;
}

void sentence_transformers_plain(struct sentence_transformers *out) {
    memset(out, 0, sizeof(*out));
    out->transformer = "";
    out->modules[0] = (struct st_module){
        .kind = ST_POOLING,
        .path = "",
        .u.pooling = {.modes = {KARMA_POOL_MEAN}, .n_modes = 1, .include_prompt = true}};
    out->n_modules = 1;
}

karma_status sentence_transformers_read(struct arena *a, const char *folder,
                                        struct sentence_transformers *out) {
    const char *name;
    bool found;
    karma_status st = read_modules(a, folder, out);
    if (st < 0) return st;
    if (!out->present) { /* the reference reads no other of its files then either */
        sentence_transformers_plain(out);
        return KARMA_OK;
    }
    st = read_configs(a, folder, out);
    if (st == KARMA_OK) st = check_sizes(out);
    if (st == KARMA_OK) st = transformer_config(a, folder, out->transformer, &name);
    if (st == KARMA_OK && name) st = read_file(a, folder, name, ST_FILE_TRANSFORMER, out, &found);
    if (st == KARMA_OK) st = read_file(a, folder, settings_name, ST_FILE_SETTINGS, out, &found);
    return st;
}

karma_status sentence_transformers_place(struct arena *a, const char *folder, const char **place) {
    struct sentence_transformers s;
    *place = folder;
    if (file_kind(folder) != FILE_KIND_FOLDER) return KARMA_OK;
    const char *path = file_join(a, folder, modules_name);
    if (!path) return KARMA_E_NOMEM;
    if (!file_exists(path)) return KARMA_OK;
    karma_status st = read_modules(a, folder, &s);
    if (st == KARMA_OK && *s.transformer && !(*place = file_join(a, folder, s.transformer)))
        st = KARMA_E_NOMEM;
    return st;
}

/* ---- what is part of the vectors ---- */

static karma_status add_path(struct arena *a, const char *folder, const char *name,
                             const char **list, size_t *count) {
    const char *path = name ? file_join(a, folder, name) : NULL;
    if (!path) return KARMA_E_NOMEM;
    if (!file_exists(path)) return KARMA_OK;
    size_t at = *count;
    while (at > 0 && strcmp(list[at - 1], name) > 0)
        at--;
    memmove(list + at + 1, list + at, (*count - at) * sizeof(*list));
    list[at] = name;
    (*count)++;
    return KARMA_OK;
}

karma_status sentence_transformers_files(struct arena *a, const char *folder,
                                         const char *const **paths, size_t *count) {
    struct sentence_transformers s;
    const char *name;
    const char **list = arena_calloc(a, 3 + 2 * ST_MAX_MODULES, sizeof(*list));
    *paths = list;
    *count = 0;
    if (!list) return KARMA_E_NOMEM;
    if (file_kind(folder) != FILE_KIND_FOLDER) return KARMA_OK;
    karma_status st = read_modules(a, folder, &s);
    if (st < 0 || !s.present) return st;
    st = add_path(a, folder, modules_name, list, count);
    if (st == KARMA_OK) st = add_path(a, folder, settings_name, list, count);
    if (st == KARMA_OK) st = transformer_config(a, folder, s.transformer, &name);
    if (st == KARMA_OK && name) st = add_path(a, folder, name, list, count);
    for (int i = 0; i < s.n_modules && st == KARMA_OK; i++) {
        if (!*s.modules[i].path) continue;
        st = add_path(a, folder, file_join(a, s.modules[i].path, "config.json"), list, count);
        if (st == KARMA_OK && s.modules[i].kind == ST_DENSE)
            st = add_path(a, folder, file_join(a, s.modules[i].path, dense_weights), list, count);
    }
    return st;
}
