/*
 * class_embedding.c - EmbeddingModel: a checkpoint that encodes, its tokenizer, and the modules of
 * a sentence-transformers folder. What a text gives depends on that text alone. The encoder's
 * memory is made for the longest text met so far, not for the longest there could be, so that a
 * model of 32,768 positions embeds sentences in the memory of sentences.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <threads.h>

#include "api/embedding.h"
#include "api/embedding_head.h"
#include "api/isolate.h"
#include "base/file.h"
#include "base/float_env.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "engine/encoder.h"
#include "formats/gguf.h"
#include "text/characters.h"

enum {
    MAX_TOKENIZER_CONFIG = 64 << 20,
    FIRST_LENGTH = 256, /* tokens the encoder has room for at first */
    CHUNK = 256,        /* texts tokenised and encoded at once */
};

struct embedding {
    struct arena arena;
    struct sentence_transformers modules;
    struct embedding_head *head;
    struct encoder *encoder; /* for texts of up to encoder_length tokens; NULL before the first */
    int32_t encoder_length, max_length;
    bool cut_left, strip;
    const struct json *prompts; /* of the checkpoint under those of the arguments; NULL: none */
    const char *prompt;         /* where the caller names none; NULL: none */
    karma_similarity_kind similarity;
    mtx_t lock; /* of encoder and head */
    bool has_lock;
};

static _Thread_local struct embed_report *report;

struct embed_report *embed_report_enter(struct embed_report *r) {
    struct embed_report *before = report;
    report = r;
    return before;
}

/* ---- prompts ---- */

static karma_status unknown_prompt(const struct embedding *e, const char *name) {
    struct buf known = {0};
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < json_count(e->prompts) && st == KARMA_OK && known.len < 400; i++)
        st = buf_printf(&known, "%s%s", i ? ", " : "",
                        status_quotez(e->prompts->u.object.members[i].key));
    if (st == KARMA_OK)
        st = status_fail(KARMA_E_USAGE, "prompt_name: there is no prompt '%s'; %s%s",
                         status_quotez(name), known.len ? "there are: " : "the model has none",
                         buf_str(&known));
    buf_release(&known);
    return st;
}

static karma_status find_prompt(const struct embedding *e, const char *name, const char **prompt) {
    *prompt = json_str(json_get(e->prompts, name), NULL);
    return *prompt ? KARMA_OK : unknown_prompt(e, name);
}

static karma_status choose_prompt(const struct embedding *e, const karma_embed_options *options,
                                  const char **prompt) {
    *prompt = options->prompt ? options->prompt : e->prompt;
    if (options->prompt || !options->prompt_name) return KARMA_OK;
    return find_prompt(e, options->prompt_name, prompt);
}

const char *embedding_prompt_name(const karma_model *m, bool of_documents) {
    static const char *const queries[] = {"query", NULL};
    static const char *const documents[] = {"document", "passage", "corpus", NULL};
    const struct embedding *e = m->embedding;
    if (!e || !model_arg_bool(m, "use_prompts", false)) return NULL;
    /* The user's own prompt is for the queries. */
    if (!of_documents && (model_arg(m, "prompt") || model_arg(m, "prompt_name"))) return NULL;
    for (const char *const *name = of_documents ? documents : queries; *name; name++)
        if (json_get(e->prompts, *name)) return *name;
    return NULL;
}

/* ---- load ---- */

static karma_status check_quantization(const karma_model *m) {
    const struct json *v = model_arg(m, "quantization");
    if (!v || (v->type == JSON_BOOL && !v->u.boolean)) return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED,
                       "quantization: weights are computed as they are stored; give a checkpoint "
                       "that is quantised already (expected null)");
}

/* Of a GGUF, which lists no modules: the pooling its metadata names, of unit length, as llama.cpp
 * gives it. */
static karma_status read_gguf_pooling(const struct checkpoint *ck,
                                      struct sentence_transformers *s) {
    enum { NONE, MEAN, CLS, LAST, N_TYPES };
    static const karma_pooling modes[N_TYPES] = {KARMA_POOL_MEAN, KARMA_POOL_MEAN, KARMA_POOL_CLS,
                                                 KARMA_POOL_LAST_TOKEN};
    char key[96];
    int64_t type;
    snprintf(key, sizeof(key), "%.64s.pooling_type", checkpoint_architecture(ck));
    karma_status st = gguf_int(checkpoint_gguf(ck), key, 0, N_TYPES - 1, NONE, &type);
    if (st < 0 || type == NONE) return st;
    s->modules[0].u.pooling.modes[0] = modes[type];
    s->modules[1] = (struct st_module){.kind = ST_NORMALIZE, .path = ""};
    s->n_modules = 2;
    return KARMA_OK;
}

/* What the folder says, under what the arguments say. */
static karma_status read_modules(karma_model *m, struct embedding *e, const char *root) {
    struct sentence_transformers *s = &e->modules;
    const char *pooling = model_arg_str(m, "pooling", NULL);
    const bool ignored = strcmp(model_arg_str(m, "modules", "auto"), "ignore") == 0;
    karma_status st = KARMA_OK;
    sentence_transformers_plain(s);
    if (!ignored) st = sentence_transformers_read(&e->arena, root, s);
    if (st == KARMA_OK && !ignored && checkpoint_container(m->ck) == CONTAINER_GGUF)
        st = read_gguf_pooling(m->ck, s);
    if (st < 0) return st;
    struct st_pooling *p = &s->modules[0].u.pooling;
    if (pooling) {
        st_pooling_from_name(pooling, &p->modes[0]); /* one of the option's choices */
        p->n_modes = 1;
    }
    const char *similarity = model_arg_str(m, "score_function", NULL);
    e->similarity = s->has_similarity ? s->similarity : KARMA_COSINE;
    if (similarity) st_similarity_from_name(similarity, &e->similarity);
    return KARMA_OK;
}

static karma_status read_prompts(const karma_model *m, struct embedding *e) {
    const char *name = model_arg_str(m, "prompt_name", NULL);
    struct json *all;
    karma_status st = json_merge(&e->arena, e->modules.prompts, model_arg(m, "prompts"), &all);
    if (st < 0) return st;
    e->prompts = json_count(all) ? all : NULL;
    e->prompt = model_arg_str(m, "prompt", NULL);
    if (e->prompt) return KARMA_OK;
    if (name) return find_prompt(e, name, &e->prompt);
    if (e->modules.default_prompt_name)
        return find_prompt(e, e->modules.default_prompt_name, &e->prompt);
    return KARMA_OK;
}

/* tokenizer_config.json: from which side it cuts, and the limit the reference falls back to. Some
 * writers give that as 10^30 for "none". */
static karma_status read_tokenizer_config(const struct checkpoint *ck, struct embedding *e,
                                          int64_t *max_length) {
    static const char name[] = "tokenizer_config.json";
    struct arena a = {0};
    const struct json *config;
    *max_length = INT32_MAX;
    if (checkpoint_container(ck) != CONTAINER_HF) return KARMA_OK;
    const char *path = file_join(&a, checkpoint_folder(ck), name), *side = "right";
    karma_status st = path ? KARMA_OK : KARMA_E_NOMEM;
    if (st == KARMA_OK && file_exists(path)) {
        st = json_parse_file(&a, path, MAX_TOKENIZER_CONFIG, JSON_LAST_WINS, &config);
        if (st == KARMA_OK)
            st = status_prefix(json_field_str(config, "truncation_side", side, &side), "%s", name);
        const struct json *v = st == KARMA_OK ? json_get(config, "model_max_length") : NULL;
        if (v && v->type == JSON_INT && v->u.integer > 0 && v->u.integer < INT32_MAX)
            *max_length = v->u.integer;
    }
    e->cut_left = st == KARMA_OK && strcmp(side, "left") == 0;
    arena_release(&a);
    return st;
}

static karma_status choose_length(const karma_model *m, struct embedding *e) {
    const int64_t positions = m->model->info.max_position_embeddings;
    int64_t of_tokenizer, own = e->modules.max_seq_length;
    karma_status st = read_tokenizer_config(m->ck, e, &of_tokenizer);
    if (st < 0) return st;
    if (!own) own = of_tokenizer;
    if (own > positions) own = positions;
    const int64_t given = model_arg_int(m, "max_length", own);
    if (given > positions)
        return status_fail(KARMA_E_LIMIT,
                           "max_length: %lld is more than the model's %lld positions",
                           (long long)given, (long long)positions);
    const int32_t around = tokenizer_special_count(m->text.tokenizer);
    if (given <= around)
        return status_fail(KARMA_E_LIMIT,
                           "max_length: %lld leaves no room beside the %d special tokens",
                           (long long)given, around);
    e->max_length = (int32_t)given;
    return KARMA_OK;
}

static karma_status load_parts(karma_model *m, struct embedding *e) {
    const char *root;
    karma_status st = checkpoint_locate(&e->arena, m->plan.path, m->plan.revision, &root);
    if (st == KARMA_OK) st = model_load_weights(m);
    if (st < 0) return st;
    if (!(m->model->info.can & FAMILY_ENCODE))
        return status_fail(KARMA_E_UNSUPPORTED, "%s: architecture %s makes no vectors of texts",
                           status_quote_path(m->path),
                           status_quotez(checkpoint_architecture(m->ck)));
    st = text_assets_load_tokenizer(m->ck, m->model->info.vocab_size, &m->text);
    if (st == KARMA_OK) st = read_modules(m, e, root);
    if (st == KARMA_OK) st = read_prompts(m, e);
    if (st == KARMA_OK) st = choose_length(m, e);
    if (st == KARMA_OK)
        st = embedding_head_open(m->be, root, &e->modules, m->model->info.hidden_size, &e->head);
    if (st < 0) return st;
    e->strip = model_arg_bool(m, "strip", true);
    const int64_t dim = embedding_head_dim(e->head), kept = model_arg_int(m, "truncate_dim", dim);
    if (kept > dim)
        return status_fail(KARMA_E_RANGE, "truncate_dim: %lld is more than the %lld components",
                           (long long)kept, (long long)dim);
    return KARMA_OK;
}

karma_status embedding_load(karma_model *m) {
    karma_status st = check_quantization(m);
    if (st < 0) return st;
    struct embedding *e = m->embedding = mem_calloc(1, sizeof(*e));
    if (!e) return KARMA_E_NOMEM;
    e->has_lock = mtx_init(&e->lock, mtx_plain) == thrd_success;
    if (!e->has_lock) return status_fail(KARMA_E_NOMEM, "no memory for a lock");
    return load_parts(m, e);
}

void embedding_unload(karma_model *m) {
    struct embedding *e = m->embedding;
    corpus_release(m);
    if (!e) return;
    encoder_destroy(e->encoder);
    embedding_head_close(e->head);
    if (e->has_lock) mtx_destroy(&e->lock);
    arena_release(&e->arena);
    mem_free(e);
    m->embedding = NULL;
}

size_t embedding_bytes(const karma_model *m) {
    const struct embedding *e = m->embedding;
    if (!e) return 0;
    return embedding_head_bytes(e->head) + (e->encoder ? encoder_bytes(e->encoder) : 0) +
           corpus_bytes(m);
}

/* ---- one text to ids ---- */

struct texts { /* of a chunk */
    struct tokens ids[CHUNK];
    size_t n, n_all; /* of the chunk, of the call */
};

/* Which text a message is about, where there are several. */
static karma_status number_text(karma_status st, const struct texts *t, size_t i) {
    return t->n_all > 1 ? status_prefix(st, "text %zu", i) : st;
}

static void texts_release(struct texts *t) {
    for (size_t i = 0; i < CHUNK; i++)
        tokens_release(&t->ids[i]);
}

/* Prompt and text as one, as the reference's 5.x releases clean it before they tokenise. */
static karma_status clean_text(const struct embedding *e, const char *prompt, const char *text,
                               struct buf scratch[2], const char **out, size_t *len) {
    size_t begin = 0, end;
    buf_clear(&scratch[0]);
    karma_status st = prompt ? buf_puts(&scratch[0], prompt) : KARMA_OK;
    if (st == KARMA_OK) st = buf_puts(&scratch[0], text);
    if (st < 0) return st;
    *out = buf_str(&scratch[0]);
    end = scratch[0].len;
    if (e->strip) strip_range(*out, scratch[0].len, &begin, &end);
    *out += begin;
    *len = end - begin;
    if (!e->modules.do_lower_case) return KARMA_OK;
    buf_clear(&scratch[1]);
    st = lower_append(&scratch[1], *out, *len);
    *out = buf_str(&scratch[1]);
    *len = scratch[1].len;
    return st;
}

static karma_status tokenize(const karma_model *m, const char *prompt, const char *text,
                             struct buf scratch[2], struct tokens *ids, bool *cut) {
    const struct embedding *e = m->embedding;
    size_t len, bad;
    ids->count = 0;
    if (!text) return status_fail(KARMA_E_MISSING, "no text");
    if (!utf8_valid(text, strlen(text), &bad))
        return status_fail(KARMA_E_ENCODING, "not valid UTF-8 at byte %zu", bad);
    karma_status st = clean_text(e, prompt, text, scratch, &text, &len);
    if (st == KARMA_OK)
        st = tokenizer_encode_truncated(m->text.tokenizer, text, len, (size_t)e->max_length,
                                        e->cut_left, ids, cut);
    if (st == KARMA_OK && ids->count == 0)
        st = status_fail(KARMA_E_MISSING, "the text has no token");
    return st;
}

/* How many of a text's first tokens are the prompt's and not to be pooled. */
static karma_status count_prompt(const karma_model *m, const char *prompt, struct buf scratch[2],
                                 int64_t *skip) {
    const struct embedding *e = m->embedding;
    struct tokens ids = {0};
    bool cut;
    *skip = 0;
    if (!prompt || !*prompt || e->modules.modules[0].u.pooling.include_prompt) return KARMA_OK;
    karma_status st = tokenize(m, NULL, prompt, scratch, &ids, &cut);
    if (st == KARMA_OK) {
        *skip = (int64_t)ids.count;
        if (tokenizer_is_special(m->text.tokenizer, ids.ids[ids.count - 1])) --*skip;
    }
    tokens_release(&ids);
    return st;
}

/* ---- texts to vectors ---- */

struct encoding { /* what the encoder's callbacks see */
    const struct embedding *e;
    const struct texts *texts;
    int64_t skip;
    float *pooled;
    const karma_embed_options *options;
};

static karma_status take_hidden(void *user, size_t i, const float *hidden) {
    const struct encoding *c = user;
    embedding_head_pool(c->e->head, hidden, (int64_t)c->texts->ids[i].count, c->skip,
                        c->pooled + i * (size_t)embedding_head_stride(c->e->head));
    return KARMA_OK;
}

static bool is_cancelled(void *user) {
    const struct encoding *c = user;
    return c->options->cancelled && c->options->cancelled(c->options->user);
}

/* An encoder with room for texts of that many tokens. */
static karma_status make_room(const karma_model *m, struct embedding *e, int32_t length) {
    if (e->encoder && length <= e->encoder_length) return KARMA_OK;
    int32_t room = FIRST_LENGTH;
    while (room < length)
        room *= 2;
    if (room > e->max_length) room = e->max_length;
    const struct encoder_options options = {
        .max_length = room,
        .ceiling_bytes = (size_t)model_arg_int(m, "max_memory_mb", 0) << 20,
    };
    encoder_destroy(e->encoder);
    e->encoder = NULL;
    karma_status st = encoder_create(m->model, &options, &e->encoder);
    if (st == KARMA_OK) e->encoder_length = room;
    return st;
}

static karma_status encode(karma_model *m, struct encoding *c) {
    struct embedding *e = m->embedding;
    struct encoder_text texts[CHUNK];
    int32_t longest = 1;
    for (size_t i = 0; i < c->texts->n; i++) {
        const struct tokens *ids = &c->texts->ids[i];
        texts[i] = (struct encoder_text){.ids = ids->ids, .count = (int32_t)ids->count};
        if (texts[i].count > longest) longest = texts[i].count;
    }
    karma_status st = make_room(m, e, longest);
    if (st == KARMA_OK)
        st = encoder_run(e->encoder, texts, c->texts->n, is_cancelled, take_hidden, c);
    return st;
}

/* The pooled vectors of a chunk through the modules, cut to dim, into the caller's. */
static karma_status finish(const karma_model *m, const struct encoding *c, int64_t dim,
                           int normalize, size_t first, float *vectors) {
    struct embedding_head *head = m->embedding->head;
    const size_t stride = (size_t)embedding_head_stride(head);
    embedding_head_run(head, c->pooled, c->texts->n, normalize == 0);
    for (size_t i = 0; i < c->texts->n; i++) {
        float *v = c->pooled + i * stride;
        if (normalize > 0) embedding_normalize(v, dim);
        for (int64_t k = 0; k < dim; k++)
            if (!isfinite(v[k]))
                return number_text(status_fail(KARMA_E_NONFINITE, "the vector is not finite"),
                                   c->texts, first + i);
        memcpy(vectors + i * (size_t)dim, v, (size_t)dim * sizeof(*v));
    }
    return KARMA_OK;
}

/* Whether vectors are made unit length at the end: option, argument, or -1 for the modules' way. */
static int normalize_mode(const karma_model *m, const karma_embed_options *options) {
    const struct json *given = model_arg(m, "normalize");
    if (options->normalize >= 0) return options->normalize > 0;
    return given && given->type == JSON_BOOL ? given->u.boolean : -1;
}

/* Tokenise a chunk; what that says of the texts goes to the report. */
static karma_status tokenize_chunk(const karma_model *m, const char *prompt,
                                   const char *const *texts, size_t first, struct buf scratch[2],
                                   struct texts *out) {
    for (size_t i = 0; i < out->n; i++) {
        bool cut = false;
        karma_status st = tokenize(m, prompt, texts[first + i], scratch, &out->ids[i], &cut);
        if (st < 0) return number_text(st, out, first + i);
        if (!report) continue;
        report->n_cut += cut;
        if (report->was_cut) report->was_cut[first + i] = cut;
        if (report->n_tokens) report->n_tokens[first + i] = out->ids[i].count;
    }
    return KARMA_OK;
}

static karma_status embed_all(karma_model *m, const char *const *texts, size_t n,
                              const karma_embed_options *options, struct texts *chunk,
                              float *pooled, float *out) {
    struct embedding *e = m->embedding;
    struct encoding c = {.e = e, .texts = chunk, .pooled = pooled, .options = options};
    const int64_t dim = embedding_embedding_dim(m, options);
    const int normalize = normalize_mode(m, options);
    struct buf scratch[2] = {0};
    const char *prompt = NULL;
    chunk->n_all = n;
    karma_status st = choose_prompt(e, options, &prompt);
    if (st == KARMA_OK) st = count_prompt(m, prompt, scratch, &c.skip);
    for (size_t at = 0; at < n && st == KARMA_OK; at += chunk->n) {
        chunk->n = n - at < CHUNK ? n - at : CHUNK;
        st = tokenize_chunk(m, prompt, texts, at, scratch, chunk);
        if (st == KARMA_OK) st = encode(m, &c);
        if (st == KARMA_OK) st = finish(m, &c, dim, normalize, at, out + at * (size_t)dim);
    }
    buf_release(&scratch[0]);
    buf_release(&scratch[1]);
    return st;
}

int64_t embedding_embedding_dim(const karma_model *m, const karma_embed_options *options) {
    if (!m->embedding) return 0;
    const int64_t all = embedding_head_dim(m->embedding->head);
    int64_t kept = m->embedding->modules.truncate_dim;
    if (kept == 0 || kept > all) kept = all;
    kept = model_arg_int(m, "truncate_dim", kept);
    if (options->truncate_dim) kept = options->truncate_dim;
    return kept > 0 && kept <= all ? kept : 0;
}

karma_status embedding_embed(karma_model *m, const char *const *texts, size_t n,
                             const karma_embed_options *options, float *out) {
    struct embedding *e = m->embedding;
    if (!e)
        return status_fail(KARMA_E_USAGE, "%s: the model is not loaded",
                           status_quote_path(m->plan.name));
    mtx_lock(&e->lock);
    struct texts *chunk = mem_calloc(1, sizeof(*chunk));
    const size_t most = n < CHUNK ? n : CHUNK;
    float *pooled = mem_calloc(most, (size_t)embedding_head_stride(e->head) * sizeof(*pooled));
    karma_status st =
        chunk && pooled ? embed_all(m, texts, n, options, chunk, pooled, out) : KARMA_E_NOMEM;
    if (chunk) texts_release(chunk);
    mem_free(chunk);
    mem_free(pooled);
    mtx_unlock(&e->lock);
    return st;
}

/* ---- what others ask ---- */

karma_status embedding_check_args(const karma_model_class *cls, const struct json *args) {
    while (cls && cls != catalog_embedding_class)
        cls = class_base_of(cls);
    if (!cls) return KARMA_OK; /* others may mean something else by these names */
    const struct json *prompts = json_get(args, "prompts");
    int64_t k;
    bool good = json_is_null(prompts) || json_is_object(prompts);
    for (size_t i = 0; good && i < json_count(prompts); i++)
        good = json_is_string(prompts->u.object.members[i].value);
    return good ? corpus_k(args, &k)
                : status_fail(KARMA_E_USAGE,
                              "model argument prompts: expected an object of strings");
}

karma_status embedding_is_meant(struct arena *a, const char *name, const char *revision,
                                const struct checkpoint *ck, bool *is) {
    static const char headless[] = "Model";
    const struct family_ops *family;
    struct sentence_transformers s;
    const char *root, *architecture = checkpoint_architecture(ck);
    const size_t len = strlen(architecture), n = strlen(headless);
    *is = false;
    karma_status st = checkpoint_locate(a, name, revision, &root);
    if (st == KARMA_OK && file_kind(root) == FILE_KIND_FOLDER) {
        const char *list = file_join(a, root, "modules.json");
        if (!list) return KARMA_E_NOMEM;
        *is = file_exists(list);
        if (*is) return sentence_transformers_place(a, root, &root);
    }
    if (st < 0 || model_family_find(architecture, &family) < 0) return st;
    sentence_transformers_plain(&s);
    if (checkpoint_container(ck) == CONTAINER_GGUF) st = read_gguf_pooling(ck, &s);
    *is = (family->can & FAMILY_ENCODE) &&
          (!(family->can & FAMILY_GENERATE) || s.n_modules > 1 ||
           (len > n && strcmp(architecture + len - n, headless) == 0));
    return st;
}

/* One digest over the modules' files: names and bytes. */
static karma_status modules_digest(struct arena *a, const char *root, const char **hex) {
    const char *const *paths;
    size_t count;
    struct sha256 s;
    unsigned char digest[32];
    *hex = NULL;
    karma_status st = sentence_transformers_files(a, root, &paths, &count);
    if (st < 0 || count == 0) return st;
    sha256_begin(&s);
    for (size_t i = 0; i < count && st == KARMA_OK; i++) {
        char one[65];
        const char *path = file_join(a, root, paths[i]);
        st = path ? file_sha256(path, one) : KARMA_E_NOMEM;
        if (st < 0) break;
        sha256_field_str(&s, paths[i]);
        sha256_field_str(&s, one);
    }
    sha256_end(&s, digest);
    char *text = arena_calloc(a, 65, 1);
    if (!text) return KARMA_E_NOMEM;
    sha256_hex(digest, text);
    *hex = text;
    return st;
}

karma_status embedding_identity(struct arena *a, const karma_model *m, struct json *object) {
    const char *root, *hex = NULL;
    const bool ignored = strcmp(model_arg_str(m, "modules", "ignore"), "ignore") == 0;
    karma_status st = KARMA_OK;
    if (corpus_present(m)) st = json_set(a, object, "corpus", json_new_string(a, corpus_digest(m)));
    if (st < 0 || ignored) return st; /* of other classes too: they have no such argument */
    st = checkpoint_locate(a, m->plan.path, m->plan.revision, &root);
    if (st < 0) return st == KARMA_E_NOMEM ? st : KARMA_OK; /* a class without a checkpoint */
    st = modules_digest(a, root, &hex);
    return st < 0 || !hex ? st : json_set(a, object, "modules", json_new_string(a, hex));
}

/* ---- the public calls ---- */

karma_embed_options karma_embed_defaults(void) {
    return (karma_embed_options){.struct_size = sizeof(karma_embed_options), .normalize = -1};
}

/* The nearest class of the chain that says how long its vectors are. */
static int64_t dim_of(const karma_model *m, const karma_embed_options *options) {
    for (const karma_model_class *c = class_acting(m); c; c = class_base_of(c))
        if (c->embedding_dim) return c->embedding_dim(m, options);
    return 0;
}

int64_t karma_model_embedding_dim(const karma_model *m, const karma_embed_options *options) {
    const karma_embed_options defaults = karma_embed_defaults();
    const int64_t dim = m->loaded ? dim_of(m, options ? options : &defaults) : 0;
    return dim > 0 ? dim : 0;
}

/* The class whose embed m's inherits; E_UNSUPPORTED without one. */
static karma_status find_holder(const karma_model *m, const karma_model_class **holder) {
    *holder = class_holder(class_acting(m), SLOT_EMBED);
    if ((*holder)->embed) return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED, "%s: class %s makes no vectors",
                       status_quote_path(m->plan.name), status_quotez(m->plan.cls->name));
}

karma_status embed_texts(karma_model *m, const char *const *texts, size_t n,
                         const karma_embed_options *options, float *vectors,
                         struct embed_report *r) {
    const karma_embed_options defaults = karma_embed_defaults();
    const karma_model_class *holder;
    /* A plan that waits for load() has no class yet, and a fall-back may be of another. */
    karma_status st = m->plan.pending ? KARMA_OK : find_holder(m, &holder);
    if (st == KARMA_OK) st = karma_model_load(m);
    if (st == KARMA_OK) st = find_holder(m, &holder);
    if (st < 0 || n == 0) return st;
    if (!options) options = &defaults;
    if (options->struct_size != sizeof(karma_embed_options))
        return status_fail(KARMA_E_ABI, "embed options of %u bytes, this library has %zu",
                           options->struct_size, sizeof(karma_embed_options));
    if (karma_model_embedding_dim(m, options) == 0)
        return status_fail(KARMA_E_USAGE, "truncate_dim: expected 0 to %lld, found %d",
                           (long long)karma_model_embedding_dim(m, NULL), options->truncate_dim);
    struct embed_report *before = embed_report_enter(r);
    fenv_t env;
    float_env_enter(&env);
    st = holder->embed(m, texts, n, options, vectors);
    float_env_leave(&env);
    embed_report_enter(before);
    return st;
}

karma_status karma_model_embed(karma_model *m, const char *const *texts, size_t n,
                               const karma_embed_options *options, float *vectors, size_t *n_cut) {
    struct embed_report r = {0};
    if (n_cut) *n_cut = 0;
    karma_status st = embed_texts(m, texts, n, options, vectors, &r);
    if (n_cut) *n_cut = r.n_cut;
    return st;
}

karma_similarity_kind karma_model_similarity_kind(const karma_model *m) {
    karma_similarity_kind kind = KARMA_COSINE;
    const char *name = model_arg_str(m, "score_function", NULL);
    if (m->embedding) return m->embedding->similarity;
    if (m->loaded && isolated(m)) return isolated_similarity(m);
    if (name) st_similarity_from_name(name, &kind);
    return kind;
}
