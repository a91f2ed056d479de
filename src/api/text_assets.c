/*
 * text_assets.c - reads tokenizer, chat template, special tokens and generation defaults of a
 * checkpoint. Of the companion files only the keys that matter are parsed: tokenizer_config.json
 * repeats every added token, a megabyte for some families.
 *
 * The chat template is that of chat_template.jinja, else of tokenizer_config.json, else of
 * chat_template.json. A checkpoint without one is a model that continues text.
 */
#include "api/text_assets.h"

#include <string.h>

#include "base/file.h"
#include "base/json_pull.h"
#include "base/log.h"
#include "formats/gguf.h"

enum { MAX_TEMPLATE_BYTES = 1 << 20 };

static const char *const companions[] = {
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "merges.txt",
    "vocab.json",
    "vocab.txt",
};
enum { N_COMPANIONS = sizeof(companions) / sizeof(companions[0]) };

/* Names of the variables a template may use, and of the tokens behind them in a GGUF. */
static const struct {
    const char *name, *gguf_key;
} special_names[] = {
    {"bos_token", "tokenizer.ggml.bos_token_id"},
    {"eos_token", "tokenizer.ggml.eos_token_id"},
    {"unk_token", "tokenizer.ggml.unknown_token_id"},
    {"sep_token", "tokenizer.ggml.seperator_token_id"},
    {"pad_token", "tokenizer.ggml.padding_token_id"},
    {"cls_token", "tokenizer.ggml.cls_token_id"},
    {"mask_token", "tokenizer.ggml.mask_token_id"},
};
enum { N_SPECIAL = sizeof(special_names) / sizeof(special_names[0]) };

/* Tokens that end a turn in published chat formats. A checkpoint whose generation settings name no
 * end tokens stops at those of these that it has as control tokens, beside its eos. */
static const char *const turn_ends[] = {
    "<|im_end|>", "<end_of_turn>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|endoftext|>",
};

/* ---- files ---- */

karma_status text_assets_files(struct arena *a, const struct checkpoint *ck,
                               const char *const **names, size_t *count) {
    *names = NULL;
    *count = 0;
    const char **list = arena_calloc(a, N_COMPANIONS, sizeof(*list));
    if (!list) return KARMA_E_NOMEM;
    for (size_t i = 0; checkpoint_container(ck) == CONTAINER_HF && i < N_COMPANIONS; i++) {
        const char *path = file_join(a, checkpoint_folder(ck), companions[i]);
        if (!path) return KARMA_E_NOMEM;
        if (file_exists(path)) list[(*count)++] = companions[i];
    }
    *names = list;
    return KARMA_OK;
}

/* Map a companion file; *found false if it is not there. */
static karma_status map_companion(struct arena *a, const struct checkpoint *ck, const char *name,
                                  struct file_map *map, bool *found) {
    memset(map, 0, sizeof(*map));
    const char *path = file_join(a, checkpoint_folder(ck), name);
    if (!path) return KARMA_E_NOMEM;
    *found = file_exists(path);
    return *found ? file_map_open(path, map) : KARMA_OK;
}

static bool is_wanted(const struct json_pull *j, const char *const *keys) {
    for (; *keys; keys++)
        if (strlen(*keys) == j->len && memcmp(*keys, j->text, j->len) == 0) return true;
    return false;
}

/* The object in text with only the wanted keys, as a tree in a. */
static karma_status pick_keys(struct arena *a, const char *text, size_t len,
                              const char *const *keys, struct json **out) {
    struct json_pull j;
    enum json_event ev;
    json_pull_init(&j, text, len);
    *out = json_new_object(a);
    karma_status st = *out ? json_pull_next(&j, &ev) : KARMA_E_NOMEM;
    if (st == KARMA_OK && ev != JSON_EV_OBJECT_BEGIN)
        st = status_fail(KARMA_E_TYPE, "expected an object");
    while (st == KARMA_OK && (st = json_pull_next(&j, &ev)) == KARMA_OK && ev == JSON_EV_KEY) {
        bool wanted = is_wanted(&j, keys);
        char *key = wanted ? arena_strndup(a, j.text, j.len) : NULL;
        size_t begin = json_pull_offset(&j);
        const struct json *value = NULL;
        if (wanted && !key) st = KARMA_E_NOMEM;
        if (st == KARMA_OK) st = json_pull_next(&j, &ev);
        if (st == KARMA_OK) st = json_pull_skip(&j, ev);
        if (st < 0 || !wanted) continue;
        st = json_parse(a, text + begin, (size_t)(j.p - text) - begin, JSON_LAST_WINS, &value);
        if (st == KARMA_OK) st = json_set(a, *out, key, value);
        if (st < 0) st = status_prefix(st, "%s", key);
    }
    if (st == KARMA_OK) st = json_pull_next(&j, &ev); /* nothing may follow */
    json_pull_release(&j);
    return st;
}

/* The wanted keys of a companion file; *out NULL if it is not there. */
static karma_status read_companion(struct arena *a, const struct checkpoint *ck, const char *name,
                                   const char *const *keys, struct json **out) {
    struct file_map map;
    bool found;
    *out = NULL;
    karma_status st = map_companion(a, ck, name, &map, &found);
    if (st < 0 || !found) return st;
    st = pick_keys(a, (const char *)map.data, map.size, keys, out);
    file_map_close(&map);
    return status_prefix(st, "%s", name);
}

/* ---- special tokens ---- */

/* A token given as text or as an object with "content"; NULL if it is neither. */
static const char *token_text(const struct json *value) {
    if (json_is_object(value)) value = json_get(value, "content");
    return json_str(value, NULL);
}

/* Add to specials what from names and specials lacks. */
static karma_status add_specials(struct arena *a, struct json *specials, const struct json *from) {
    for (size_t i = 0; from && i < N_SPECIAL; i++) {
        const char *name = special_names[i].name;
        const char *text = token_text(json_get(from, name));
        if (!text || json_get(specials, name)) continue;
        karma_status st = json_set(a, specials, name, json_new_string(a, text));
        if (st < 0) return st;
    }
    return KARMA_OK;
}

/* ---- end tokens ---- */

static karma_status add_end(struct text_assets *t, int64_t id, int64_t n_rows, const char *where) {
    if (id < 0 || id >= n_rows)
        return status_fail(KARMA_E_RANGE, "%s: eos_token_id %lld is outside the vocabulary of %lld",
                           where, (long long)id, (long long)n_rows);
    for (size_t i = 0; i < t->n_end_tokens; i++)
        if (t->end_tokens[i] == id) return KARMA_OK;
    int32_t *more = arena_calloc(&t->arena, t->n_end_tokens + 1, sizeof(*more));
    if (!more) return KARMA_E_NOMEM;
    if (t->n_end_tokens) memcpy(more, t->end_tokens, t->n_end_tokens * sizeof(*more));
    more[t->n_end_tokens++] = (int32_t)id;
    t->end_tokens = more;
    return KARMA_OK;
}

/* eos_token_id of a config: a number or a list of them; absent or null adds nothing. */
static karma_status add_config_ends(struct text_assets *t, const struct json *config,
                                    int64_t n_rows, const char *where) {
    const struct json *eos = json_get(config, "eos_token_id");
    if (json_is_null(eos)) return KARMA_OK;
    if (json_is_array(eos) && json_count(eos) == 0)
        return status_fail(KARMA_E_SYNTAX, "%s: eos_token_id: empty list", where);
    size_t n = json_is_array(eos) ? json_count(eos) : 1;
    for (size_t i = 0; i < n; i++) {
        const struct json *id = json_is_array(eos) ? json_at(eos, i) : eos;
        if (id->type != JSON_INT)
            return status_fail(KARMA_E_TYPE, "%s: eos_token_id: expected an integer, found %s",
                               where, json_type_name(id));
        karma_status st = add_end(t, id->u.integer, n_rows, where);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

static karma_status add_turn_ends(struct text_assets *t, int64_t n_rows) {
    for (size_t i = 0; i < sizeof(turn_ends) / sizeof(turn_ends[0]); i++) {
        int32_t id = tokenizer_find(t->tokenizer, turn_ends[i], strlen(turn_ends[i]));
        if (id < 0 || id >= n_rows || !tokenizer_is_special(t->tokenizer, id)) continue;
        karma_status st = add_end(t, id, n_rows, "tokenizer");
        if (st < 0) return st;
    }
    return KARMA_OK;
}

/* ---- generation defaults ---- */

/* An explicit null switches a processor off. Only top_k is on when its key is absent. */
static bool is_off(const struct json *config, const char *key) {
    const struct json *value = json_get(config, key);
    return value && value->type == JSON_NULL;
}

static karma_status read_generation(const struct json *config, karma_generate_options *g) {
    int64_t top_k, max_tokens;
    karma_status st = json_field_bool(config, "do_sample", g->do_sample, &g->do_sample);
    if (st == KARMA_OK)
        st = json_field_real(config, "temperature", g->temperature, &g->temperature);
    if (st == KARMA_OK) st = json_field_int(config, "top_k", 0, INT32_MAX, g->top_k, &top_k);
    if (st == KARMA_OK) st = json_field_real(config, "top_p", g->top_p, &g->top_p);
    if (st == KARMA_OK) st = json_field_real(config, "min_p", g->min_p, &g->min_p);
    if (st == KARMA_OK)
        st = json_field_real(config, "repetition_penalty", g->repetition_penalty,
                             &g->repetition_penalty);
    if (st == KARMA_OK)
        st = json_field_int(config, "max_new_tokens", 1, INT32_MAX, g->max_tokens, &max_tokens);
    if (st < 0) return st;
    g->top_k = is_off(config, "top_k") ? 0 : (int32_t)top_k;
    g->max_tokens = (int32_t)max_tokens;
    if (g->temperature == 0) g->do_sample = false;
    if (!(g->temperature > 0)) g->temperature = 1;
    if (!(g->top_p > 0 && g->top_p <= 1))
        return status_fail(KARMA_E_RANGE, "top_p: expected more than 0 and at most 1, found %g",
                           g->top_p);
    if (!(g->min_p >= 0 && g->min_p <= 1))
        return status_fail(KARMA_E_RANGE, "min_p: expected 0 to 1, found %g", g->min_p);
    if (!(g->repetition_penalty > 0))
        return status_fail(KARMA_E_RANGE, "repetition_penalty: expected more than 0, found %g",
                           g->repetition_penalty);
    return KARMA_OK;
}

/* Settings that would change the reference's answers and are not here, each with the number at
 * which it does nothing there either. */
static void warn_of_unapplied(const struct json *config) {
    static const struct {
        const char *key;
        int64_t off;
    } settings[] = {
        {"num_beams", 1},
        {"no_repeat_ngram_size", 0},
        {"min_length", 0},
        {"min_new_tokens", 0},
        {"penalty_alpha", 0},
        {"typical_p", 1},
        {"epsilon_cutoff", 0},
        {"eta_cutoff", 0},
        {"guidance_scale", 1},
        {"suppress_tokens", 0},
        {"begin_suppress_tokens", 0},
        {"bad_words_ids", 0},
        {"sequence_bias", 0},
        {"forced_bos_token_id", -1},
        {"forced_eos_token_id", -1},
        {"stop_strings", 0},
        {"exponential_decay_length_penalty", 0},
    };
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        const struct json *v = json_get(config, settings[i].key);
        const bool off = json_is_null(v) || (json_is_array(v) && json_count(v) == 0) ||
                         (v->type == JSON_INT && v->u.integer == settings[i].off) ||
                         (v->type == JSON_REAL && v->u.real == (double)settings[i].off);
        if (!off)
            log_warn("generation_config.json: %s is not applied; answers may differ from the "
                     "reference's",
                     settings[i].key);
    }
}

/* What generate() of the reference does with an empty generation_config.json. */
karma_generate_options text_reference_defaults(void) {
    return (karma_generate_options){
        .struct_size = sizeof(karma_generate_options),
        .max_tokens = 1024,
        .do_sample = false,
        .temperature = 1,
        .top_k = 50,
        .top_p = 1,
        .min_p = 0,
        .repetition_penalty = 1,
        .n_top_logprobs = -1,
    };
}

/* ---- chat template ---- */

static karma_status compile(struct text_assets *t, const char *source, size_t len,
                            const char *where) {
    t->template_source = where;
    return status_prefix(chat_template_compile(source, len, &t->chat_template), "%s", where);
}

/* A template of tokenizer_config.json: text, or a list of named ones, of which "default" counts. */
static karma_status compile_value(struct text_assets *t, const struct json *value,
                                  const char *where) {
    if (json_is_array(value)) {
        const struct json *chosen = json_count(value) == 1 ? json_at(value, 0) : NULL;
        for (size_t i = 0; i < json_count(value); i++) {
            const struct json *one = json_at(value, i);
            if (strcmp(json_str(json_get(one, "name"), ""), "default") == 0) chosen = one;
        }
        value = json_get(chosen, "template");
        if (!value)
            return status_fail(KARMA_E_UNSUPPORTED,
                               "%s: several chat templates and none is named \"default\"", where);
    }
    if (!json_is_string(value))
        return status_fail(KARMA_E_TYPE, "%s: chat_template: expected a string, found %s", where,
                           json_type_name(value));
    return compile(t, value->u.string.data, value->u.string.len, where);
}

static karma_status compile_jinja(struct text_assets *t, const struct checkpoint *ck) {
    static const char name[] = "chat_template.jinja";
    struct buf source = {0};
    const char *path = file_join(&t->arena, checkpoint_folder(ck), name);
    if (!path) return KARMA_E_NOMEM;
    if (!file_exists(path)) return KARMA_OK;
    karma_status st = file_read(path, MAX_TEMPLATE_BYTES, &source);
    if (st == KARMA_OK) st = compile(t, buf_str(&source), source.len, name);
    buf_release(&source);
    return st;
}

/* ---- tokenizer ---- */

/* Every id must have a row. The exception is control tokens past the end, which a family's shared
 * tokenizer has for its larger models only: nothing but a sample that spells one can meet them,
 * and that sample fails. */
static karma_status check_rows(const struct tokenizer *t, int64_t n_rows) {
    int32_t n_ids = tokenizer_vocab_size(t);
    for (int64_t id = n_rows; id < n_ids; id++) {
        size_t len;
        const char *text = tokenizer_token(t, (int32_t)id, &len);
        if (!text || tokenizer_is_special(t, (int32_t)id)) continue;
        return status_fail(
            KARMA_E_SHAPE,
            "vocabulary larger than the embedding: token %lld \"%s\" of %d, and %lld "
            "rows",
            (long long)id, status_quote(text, len), n_ids, (long long)n_rows);
    }
    return KARMA_OK;
}

/* ---- a Hugging Face folder ---- */

/* What tokenizer_config.json says of a vocabulary that has no tokenizer.json; what it does not name
 * of the special tokens, special_tokens_map.json may. */
static karma_status vocab_config(struct text_assets *t, const struct checkpoint *ck,
                                 struct json **config) {
    static const char *const keys[] = {"add_bos_token",
                                       "add_eos_token",
                                       "add_prefix_space",
                                       "added_tokens_decoder",
                                       "additional_special_tokens",
                                       "bos_token",
                                       "cls_token",
                                       "do_lower_case",
                                       "eos_token",
                                       "extra_special_tokens",
                                       "mask_token",
                                       "pad_token",
                                       "sep_token",
                                       "strip_accents",
                                       "tokenize_chinese_chars",
                                       "tokenizer_class",
                                       "unk_token",
                                       NULL};
    struct json *map = NULL;
    karma_status st = read_companion(&t->arena, ck, "tokenizer_config.json", keys, config);
    if (st == KARMA_OK) st = read_companion(&t->arena, ck, "special_tokens_map.json", keys, &map);
    if (st == KARMA_OK && !*config) {
        *config = json_new_object(&t->arena);
        if (!*config) return KARMA_E_NOMEM;
    }
    for (size_t i = 0; st == KARMA_OK && map && i < N_SPECIAL; i++) {
        const char *name = special_names[i].name;
        const struct json *value = json_get(map, name);
        if (value && !json_get(*config, name)) st = json_set(&t->arena, *config, name, value);
    }
    return st;
}

/* A WordPiece vocabulary without a tokenizer.json, as the oldest BERT folders have it. */
static karma_status load_vocab_txt(struct text_assets *t, const struct checkpoint *ck,
                                   bool *found) {
    struct file_map map;
    struct json *config;
    karma_status st = map_companion(&t->arena, ck, "vocab.txt", &map, found);
    if (st < 0 || !*found) return st;
    st = vocab_config(t, ck, &config);
    if (st == KARMA_OK)
        st = tokenizer_from_vocab_txt((const char *)map.data, map.size, config, "vocab.txt",
                                      &t->tokenizer);
    file_map_close(&map);
    return st;
}

/* A byte-level BPE without a tokenizer.json: vocab.json and merges.txt. */
static karma_status load_vocab_merges(struct text_assets *t, const struct checkpoint *ck,
                                      bool *found) {
    struct file_map vocab, merges = {0};
    struct json *config;
    karma_status st = map_companion(&t->arena, ck, "vocab.json", &vocab, found);
    if (st < 0 || !*found) return st;
    st = map_companion(&t->arena, ck, "merges.txt", &merges, found);
    if (st == KARMA_OK && *found) st = vocab_config(t, ck, &config);
    if (st == KARMA_OK && *found)
        st = tokenizer_from_vocab_merges((const char *)vocab.data, vocab.size,
                                         (const char *)merges.data, merges.size, NULL, config,
                                         &t->tokenizer);
    file_map_close(&merges);
    file_map_close(&vocab);
    return st;
}

static karma_status load_tokenizer_files(struct text_assets *t, const struct checkpoint *ck) {
    struct file_map map;
    bool found;
    karma_status st = map_companion(&t->arena, ck, "tokenizer.json", &map, &found);
    if (st < 0) return st;
    if (found) {
        st = tokenizer_from_json((const char *)map.data, map.size, "tokenizer.json", &t->tokenizer);
        file_map_close(&map);
        return st;
    }
    st = load_vocab_txt(t, ck, &found);
    if (st == KARMA_OK && !found) st = load_vocab_merges(t, ck, &found);
    if (st < 0 || found) return st;
    return status_fail(KARMA_E_MISSING, "%s: tokenizer.json is missing",
                       status_quotez(checkpoint_folder(ck)));
}

static karma_status load_hf(struct text_assets *t, const struct checkpoint *ck, int64_t n_rows) {
    static const char *const config_keys[] = {"chat_template", "bos_token",  "eos_token",
                                              "unk_token",     "sep_token",  "pad_token",
                                              "cls_token",     "mask_token", NULL};
    static const char *const template_keys[] = {"chat_template", NULL};
    struct json *config, *map, *processor, *specials = json_new_object(&t->arena);
    karma_status st = specials ? load_tokenizer_files(t, ck) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = check_rows(t->tokenizer, n_rows);
    if (st == KARMA_OK)
        st = read_companion(&t->arena, ck, "tokenizer_config.json", config_keys, &config);
    if (st == KARMA_OK)
        st = read_companion(&t->arena, ck, "special_tokens_map.json", config_keys, &map);
    if (st == KARMA_OK) st = add_specials(&t->arena, specials, config);
    if (st == KARMA_OK) st = add_specials(&t->arena, specials, map);
    if (st < 0) return st;
    t->special_tokens = specials;

    st = compile_jinja(t, ck);
    if (st == KARMA_OK && !t->chat_template && !json_is_null(json_get(config, "chat_template")))
        st = compile_value(t, json_get(config, "chat_template"), "tokenizer_config.json");
    if (st == KARMA_OK && !t->chat_template) {
        st = read_companion(&t->arena, ck, "chat_template.json", template_keys, &processor);
        if (st == KARMA_OK && !json_is_null(json_get(processor, "chat_template")))
            st = compile_value(t, json_get(processor, "chat_template"), "chat_template.json");
    }
    if (st < 0) return st;

    const struct json *generation = checkpoint_generation_config(ck);
    if (generation) {
        warn_of_unapplied(generation);
        st = status_prefix(read_generation(generation, &t->generate), "generation_config.json");
        if (st == KARMA_OK) st = add_config_ends(t, generation, n_rows, "generation_config.json");
    }
    if (st < 0 || t->n_end_tokens) return st;
    const struct json *model = checkpoint_config(ck), *inner = json_get(model, "text_config");
    st = add_config_ends(t, model, n_rows, "config.json");
    if (st == KARMA_OK && !t->n_end_tokens) st = add_config_ends(t, inner, n_rows, "config.json");
    const char *eos = json_str(json_get(specials, "eos_token"), NULL);
    int32_t id = eos ? tokenizer_find(t->tokenizer, eos, strlen(eos)) : -1;
    if (st == KARMA_OK && id >= 0) st = add_end(t, id, n_rows, "tokenizer_config.json");
    return st < 0 ? st : add_turn_ends(t, n_rows);
}

/* ---- a GGUF ---- */

/* The strings of an array as pointers into the file. */
static karma_status string_table(struct arena *a, const struct gguf *g, const char *key,
                                 const char *const **out, const size_t **lens, uint64_t *count) {
    const struct gguf_value *v;
    *out = NULL;
    *lens = NULL;
    *count = 0;
    karma_status st = gguf_array(g, key, GGUF_STRING, &v);
    if (st < 0 || !v) return st;
    if (v->count > INT32_MAX)
        return status_fail(KARMA_E_LIMIT, "%s: %llu strings", key, (unsigned long long)v->count);
    const char **text = arena_calloc(a, (size_t)v->count, sizeof(*text));
    size_t *len = arena_calloc(a, (size_t)v->count, sizeof(*len));
    if (!text || !len) return KARMA_E_NOMEM;
    const unsigned char *at = v->data;
    for (uint64_t i = 0; i < v->count; i++)
        text[i] = gguf_array_next_string(v, &at, &len[i]);
    *out = text;
    *lens = len;
    *count = v->count;
    return KARMA_OK;
}

/* Per-token numbers; their count must be that of the tokens. */
static karma_status number_table(const struct gguf *g, const char *key, enum gguf_type item,
                                 int32_t n_tokens, const struct gguf_value **v) {
    karma_status st = gguf_array(g, key, item, v);
    if (st == KARMA_OK && *v && (*v)->count != (uint64_t)n_tokens)
        return status_fail(KARMA_E_SHAPE, "%s: %llu entries for %d tokens", key,
                           (unsigned long long)(*v)->count, n_tokens);
    return st;
}

static karma_status token_id(const struct gguf *g, const char *key, int32_t n_tokens,
                             int32_t *out) {
    int64_t id;
    karma_status st = gguf_int(g, key, 0, n_tokens - 1, -1, &id);
    *out = (int32_t)id;
    return st;
}

static karma_status string_value(struct arena *a, const struct gguf *g, const char *key,
                                 const char **out) {
    const char *data;
    size_t len;
    *out = NULL;
    karma_status st = gguf_string(g, key, &data, &len);
    if (st < 0 || !data) return st;
    *out = arena_strndup(a, data, len);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

/* Scores and types, copied out: the file promises no alignment. */
static karma_status per_token(struct arena *a, const struct gguf *g, struct tokenizer_tables *t) {
    const struct gguf_value *types, *scores;
    karma_status st = number_table(g, "tokenizer.ggml.token_type", GGUF_I32, t->n_tokens, &types);
    if (st == KARMA_OK)
        st = number_table(g, "tokenizer.ggml.scores", GGUF_F32, t->n_tokens, &scores);
    if (st < 0) return st;
    size_t n = (size_t)t->n_tokens;
    if (types) {
        t->token_types = arena_dup(a, types->data, n * sizeof(int32_t));
        if (!t->token_types) return KARMA_E_NOMEM;
    }
    if (scores) {
        t->scores = arena_dup(a, scores->data, n * sizeof(float));
        if (!t->scores) return KARMA_E_NOMEM;
    }
    return KARMA_OK;
}

static karma_status table_flag(const struct gguf *g, const char *key, enum table_flag *out) {
    bool yes = false;
    karma_status st = gguf_bool(g, key, false, &yes);
    *out = !gguf_find(g, key) ? FLAG_UNSAID : yes ? FLAG_YES : FLAG_NO;
    return st;
}

/* What only WordPiece has. A file names [CLS] and [SEP], or calls them bos and eos; both are always
 * put around a text. */
static karma_status fill_wordpiece(const struct gguf *g, struct tokenizer_tables *t) {
    int32_t cls = -1, sep = -1;
    karma_status st = token_id(g, "tokenizer.ggml.cls_token_id", t->n_tokens, &cls);
    if (st == KARMA_OK) st = token_id(g, "tokenizer.ggml.seperator_token_id", t->n_tokens, &sep);
    if (st == KARMA_OK) st = table_flag(g, "tokenizer.ggml.normalizer.lowercase", &t->lowercase);
    if (st == KARMA_OK)
        st = table_flag(g, "tokenizer.ggml.normalizer.strip_accents", &t->strip_accents);
    if (st < 0) return st;
    if (cls >= 0) t->bos = cls;
    if (sep >= 0) t->eos = sep;
    t->add_bos = t->add_eos = true;
    if (t->bos < 0) return status_fail(KARMA_E_MISSING, "tokenizer.ggml.cls_token_id is missing");
    if (t->eos < 0)
        return status_fail(KARMA_E_MISSING, "tokenizer.ggml.seperator_token_id is missing");
    return KARMA_OK;
}

static karma_status fill_tables(struct arena *a, const struct gguf *g, struct tokenizer_tables *t) {
    uint64_t n_tokens, n_merges;
    bool is_scored = false;
    karma_status st =
        string_table(a, g, "tokenizer.ggml.tokens", &t->tokens, &t->token_lens, &n_tokens);
    if (st == KARMA_OK && n_tokens == 0)
        st = status_fail(KARMA_E_MISSING, "tokenizer.ggml.tokens: the file has no tokenizer");
    if (st < 0) return st;
    t->n_tokens = (int32_t)n_tokens;
    st = string_value(a, g, "tokenizer.ggml.model", &t->model);
    if (st == KARMA_OK && !t->model)
        st = status_fail(KARMA_E_MISSING, "tokenizer.ggml.model: required");
    if (st == KARMA_OK) st = string_value(a, g, "tokenizer.ggml.pre", &t->pre);
    if (st == KARMA_OK) st = per_token(a, g, t);
    if (st == KARMA_OK)
        st = string_table(a, g, "tokenizer.ggml.merges", &t->merges, &t->merge_lens, &n_merges);
    if (st < 0) return st;
    t->n_merges = (int64_t)n_merges;
    /* The container has no place for normalisation; that pre-tokenizer's family composes (NFC). */
    t->nfc = t->pre && strcmp(t->pre, "qwen2") == 0;
    if (t->nfc) log_note("tokenizer: text is normalised (NFC), which a GGUF does not record");
    is_scored = strcmp(t->model, "llama") == 0;
    st = token_id(g, "tokenizer.ggml.bos_token_id", t->n_tokens, &t->bos);
    if (st == KARMA_OK) st = token_id(g, "tokenizer.ggml.eos_token_id", t->n_tokens, &t->eos);
    if (st == KARMA_OK) st = token_id(g, "tokenizer.ggml.unknown_token_id", t->n_tokens, &t->unk);
    if (st == KARMA_OK) st = gguf_bool(g, "tokenizer.ggml.add_bos_token", is_scored, &t->add_bos);
    if (st == KARMA_OK) st = gguf_bool(g, "tokenizer.ggml.add_eos_token", false, &t->add_eos);
    if (st == KARMA_OK)
        st = gguf_bool(g, "tokenizer.ggml.add_space_prefix", is_scored, &t->add_space_prefix);
    return st == KARMA_OK && strcmp(t->model, "bert") == 0 ? fill_wordpiece(g, t) : st;
}

static karma_status gguf_specials(struct text_assets *t, const struct gguf *g,
                                  const struct tokenizer_tables *tables) {
    struct json *specials = json_new_object(&t->arena);
    if (!specials) return KARMA_E_NOMEM;
    for (size_t i = 0; i < N_SPECIAL; i++) {
        int32_t id;
        karma_status st = token_id(g, special_names[i].gguf_key, tables->n_tokens, &id);
        if (st == KARMA_OK && id >= 0)
            st = json_set(&t->arena, specials, special_names[i].name,
                          json_new_stringn(&t->arena, tables->tokens[id], tables->token_lens[id]));
        if (st < 0) return st;
    }
    t->special_tokens = specials;
    return KARMA_OK;
}

static karma_status gguf_ends(struct text_assets *t, const struct gguf *g, int32_t n_tokens,
                              int64_t n_rows) {
    static const char *const keys[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                       "tokenizer.ggml.eom_token_id"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        int32_t id;
        karma_status st = token_id(g, keys[i], n_tokens, &id);
        if (st == KARMA_OK && id >= 0) st = add_end(t, id, n_rows, keys[i]);
        if (st < 0) return st;
    }
    return add_turn_ends(t, n_rows);
}

static karma_status load_gguf(struct text_assets *t, const struct checkpoint *ck, int64_t n_rows) {
    const struct gguf *g = checkpoint_gguf(ck);
    struct arena tables_arena = {0};
    struct tokenizer_tables tables = {0};
    const char *source;
    size_t len;
    karma_status st = fill_tables(&tables_arena, g, &tables);
    if (st == KARMA_OK) st = tokenizer_from_tables(&tables, &t->tokenizer);
    if (st == KARMA_OK) st = check_rows(t->tokenizer, n_rows);
    if (st == KARMA_OK) st = gguf_specials(t, g, &tables);
    if (st == KARMA_OK) st = gguf_ends(t, g, tables.n_tokens, n_rows);
    if (st == KARMA_OK) st = gguf_string(g, "tokenizer.chat_template", &source, &len);
    if (st == KARMA_OK && source) st = compile(t, source, len, "tokenizer.chat_template");
    arena_release(&tables_arena);
    return st;
}

/* ---- both ---- */

karma_status text_assets_load(const struct checkpoint *ck, int64_t n_rows,
                              struct text_assets *out) {
    memset(out, 0, sizeof(*out));
    out->generate = text_reference_defaults();
    karma_status st = checkpoint_container(ck) == CONTAINER_GGUF ? load_gguf(out, ck, n_rows)
                                                                 : load_hf(out, ck, n_rows);
    if (st < 0) {
        text_assets_release(out);
        return st;
    }
    out->generate.stop_tokens = out->end_tokens;
    out->generate.n_stop_tokens = out->n_end_tokens;
    if (!out->chat_template)
        log_note("%s has no chat template: a prompt is continued as it stands",
                 status_quotez(checkpoint_path(ck)));
    return KARMA_OK;
}

karma_status text_assets_load_tokenizer(const struct checkpoint *ck, int64_t n_rows,
                                        struct text_assets *out) {
    struct arena tables_arena = {0};
    struct tokenizer_tables tables = {0};
    karma_status st;
    memset(out, 0, sizeof(*out));
    if (checkpoint_container(ck) == CONTAINER_GGUF) {
        st = fill_tables(&tables_arena, checkpoint_gguf(ck), &tables);
        if (st == KARMA_OK) st = tokenizer_from_tables(&tables, &out->tokenizer);
    } else {
        st = load_tokenizer_files(out, ck);
    }
    if (st == KARMA_OK) st = check_rows(out->tokenizer, n_rows);
    arena_release(&tables_arena);
    if (st < 0) text_assets_release(out);
    return st;
}

void text_assets_release(struct text_assets *t) {
    chat_template_destroy(t->chat_template);
    tokenizer_destroy(t->tokenizer);
    arena_release(&t->arena);
    memset(t, 0, sizeof(*t));
}
