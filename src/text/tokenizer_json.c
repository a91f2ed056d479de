/*
 * tokenizer_json.c - tokenizer.json, read as a stream: the vocabulary and the merges (nearly all of
 * the file) go straight into their tables, the small parts become trees. Members may stand in any
 * order. A component, option or pattern that we do not have is refused by name; "truncation" and
 * "padding" are left to the caller, as transformers leaves them to each call.
 */
#include <string.h>

#include "base/json.h"
#include "base/json_pull.h"
#include "base/mem.h"
#include "text/tokenizer_components.h"
#include "text/tokenizer_impl.h"

/* Bytes of the file that hold one value. */
struct slice {
    size_t begin, end;
    bool seen;
};

struct reader {
    struct tokenizer *t;
    const char *data;
    size_t len;
    struct slice version, added, normalizer, pre_tokenizer, post_processor, decoder, model;
    /* of the model */
    struct slice merges;
    bool vocab_seen, merges_read;
    const char *unk; /* in the tokenizer's arena */
    size_t unk_len;
};

static karma_status wrong_type(const char *expected) {
    return status_fail(KARMA_E_TYPE, "expected %s", expected);
}

/* A stream over a slice, with offsets and lines of the whole file. */
static void open_slice(const struct reader *r, const struct slice *s, struct json_pull *j) {
    json_pull_init(j, r->data, s->end);
    j->p = r->data + s->begin;
}

static karma_status slice_tree(const struct reader *r, const struct slice *s,
                               const struct json **out) {
    *out = NULL;
    if (!s->seen) return KARMA_OK;
    return json_parse(&r->t->arena, r->data + s->begin, s->end - s->begin, JSON_REJECT_DUPLICATES,
                      out);
}

/* Skip the value that follows and note where it is. */
static karma_status take_slice(struct json_pull *j, struct slice *s) {
    enum json_event ev;
    s->begin = json_pull_offset(j);
    karma_status st = json_pull_next(j, &ev);
    if (st == KARMA_OK) st = json_pull_skip(j, ev);
    s->end = (size_t)(j->p - j->start); /* right behind the value, before any comma */
    s->seen = true;
    return st;
}

static bool key_is(const struct json_pull *j, const char *key) {
    return j->len == strlen(key) && memcmp(j->text, key, j->len) == 0;
}

/* ---- the model ---- */

static karma_status read_vocab(struct reader *r, struct json_pull *j) {
    enum json_event ev;
    char copy[VOCAB_MAX_TEXT + 1];
    karma_status st = json_pull_next(j, &ev);
    if (st < 0) return st;
    if (ev != JSON_EV_OBJECT_BEGIN) return wrong_type("an object");
    for (;;) {
        st = json_pull_next(j, &ev);
        if (st < 0 || ev == JSON_EV_OBJECT_END) break;
        const char *text = j->text;
        size_t len = j->len;
        if (text == j->scratch.data && len <= VOCAB_MAX_TEXT) text = memcpy(copy, text, len);
        st = json_pull_next(j, &ev);
        if (st < 0) break;
        if (ev != JSON_EV_INT)
            return status_fail(KARMA_E_TYPE, "token '%s': expected an integer id",
                               status_quote(text, len));
        st = vocab_add(&r->t->vocab, j->integer, text, len);
        if (st < 0) break;
    }
    r->vocab_seen = true;
    return st < 0 ? st : vocab_index(&r->t->vocab, VOCAB_REFUSE);
}

/* Merges on their way into the table, looked up together. Texts point into the file; those with
 * escapes, which the stream unescapes in a buffer of its own, are copied. */
struct merge_batch {
    struct vocab_text parts[2 * BPE_BATCH];
    size_t n_parts;
    size_t first; /* index of its first merge in the list */
    struct arena copies;
};

static karma_status batch_flush(struct bpe *b, struct merge_batch *m) {
    size_t done;
    karma_status st = bpe_add_merges(b, m->parts, m->n_parts / 2, &done);
    if (st < 0) return status_prefix(st, "[%zu]", m->first + done);
    m->first += done;
    m->n_parts = 0;
    arena_reset(&m->copies);
    return KARMA_OK;
}

static karma_status batch_add(struct merge_batch *m, const struct json_pull *j, const char *text,
                              size_t len) {
    if (j->text == j->scratch.data) {
        text = arena_strndup(&m->copies, text, len);
        if (!text) return KARMA_E_NOMEM;
    }
    m->parts[m->n_parts++] = (struct vocab_text){text, len};
    return KARMA_OK;
}

/* "left right", one space between; a part is never empty. */
static karma_status merge_from_string(struct merge_batch *m, const struct json_pull *j) {
    const char *space = memchr(j->text, ' ', j->len);
    size_t left = space ? (size_t)(space - j->text) : 0;
    if (!space || left == 0 || left + 1 == j->len || memchr(space + 1, ' ', j->len - left - 1))
        return status_fail(KARMA_E_SYNTAX, "'%s' is not two parts with a space between",
                           status_quote(j->text, j->len));
    karma_status st = batch_add(m, j, j->text, left);
    return st < 0 ? st : batch_add(m, j, space + 1, j->len - left - 1);
}

static karma_status merge_from_pair(struct merge_batch *m, struct json_pull *j) {
    static const enum json_event wanted[] = {JSON_EV_STRING, JSON_EV_STRING, JSON_EV_ARRAY_END};
    for (int i = 0; i < 3; i++) {
        enum json_event ev;
        karma_status st = json_pull_next(j, &ev);
        if (st == KARMA_OK && ev != wanted[i]) st = wrong_type("an array of two strings");
        if (st == KARMA_OK && ev == JSON_EV_STRING) st = batch_add(m, j, j->text, j->len);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

static karma_status read_merges(struct reader *r, struct json_pull *j) {
    struct bpe *b = &r->t->bpe;
    struct merge_batch m = {.n_parts = 0};
    enum json_event ev;
    karma_status st = json_pull_next(j, &ev);
    if (st == KARMA_OK && ev != JSON_EV_ARRAY_BEGIN) st = wrong_type("an array");
    while (st == KARMA_OK) {
        st = json_pull_next(j, &ev);
        if (st < 0 || ev == JSON_EV_ARRAY_END) break;
        if (ev == JSON_EV_ARRAY_BEGIN)
            st = merge_from_pair(&m, j);
        else if (ev != JSON_EV_STRING)
            st = wrong_type("a string or an array of two strings");
        else if (j->len >= 8 && memcmp(j->text, "#version", 8) == 0)
            m.first++;
        else
            st = merge_from_string(&m, j);
        if (st < 0)
            st = status_prefix(st, "[%zu]", m.first + m.n_parts / 2);
        else if (m.n_parts == 2 * BPE_BATCH)
            st = batch_flush(b, &m);
    }
    if (st == KARMA_OK && m.n_parts > 0) st = batch_flush(b, &m);
    arena_release(&m.copies);
    r->merges_read = true;
    return st;
}

static karma_status take_bool(struct json_pull *j, bool *out) {
    enum json_event ev;
    karma_status st = json_pull_next(j, &ev);
    if (st < 0 || ev == JSON_EV_NULL) return st;
    if (ev != JSON_EV_BOOL) return wrong_type("true or false");
    *out = j->boolean;
    return KARMA_OK;
}

static karma_status take_string(struct reader *r, struct json_pull *j, const char **out,
                                size_t *len) {
    enum json_event ev;
    karma_status st = json_pull_next(j, &ev);
    *out = NULL;
    *len = 0;
    if (st < 0 || ev == JSON_EV_NULL) return st;
    if (ev != JSON_EV_STRING) return wrong_type("a string");
    *out = arena_strndup(&r->t->arena, j->text, j->len);
    *len = j->len;
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

/* Options that change the result and that we do not have must be off. */
static karma_status need_empty(struct reader *r, struct json_pull *j) {
    const char *text;
    size_t len;
    karma_status st = take_string(r, j, &text, &len);
    if (st < 0 || len == 0) return st;
    return status_fail(KARMA_E_UNSUPPORTED, "'%s' is not supported", status_quote(text, len));
}

static karma_status need_no_dropout(struct json_pull *j) {
    enum json_event ev;
    karma_status st = json_pull_next(j, &ev);
    if (st < 0 || ev == JSON_EV_NULL) return st;
    if ((ev == JSON_EV_INT && j->integer == 0) || (ev == JSON_EV_REAL && !(j->real > 0)))
        return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED, "random merges are not supported");
}

static karma_status need_bpe(struct reader *r, struct json_pull *j) {
    const char *type;
    size_t len;
    karma_status st = take_string(r, j, &type, &len);
    if (st < 0 || (len == 3 && memcmp(type, "BPE", 3) == 0)) return st;
    return status_fail(KARMA_E_UNSUPPORTED, "model '%s' is not supported", status_quote(type, len));
}

static karma_status read_model_member(struct reader *r, struct json_pull *j) {
    struct slice ignored;
    if (key_is(j, "type")) return need_bpe(r, j);
    if (key_is(j, "vocab")) {
        if (r->vocab_seen) return status_fail(KARMA_E_DUPLICATE, "given twice");
        return read_vocab(r, j);
    }
    if (key_is(j, "merges")) {
        if (r->merges.seen || r->merges_read) return status_fail(KARMA_E_DUPLICATE, "given twice");
        return r->vocab_seen ? read_merges(r, j) : take_slice(j, &r->merges);
    }
    if (key_is(j, "fuse_unk")) return take_bool(j, &r->t->bpe.fuse_unk);
    if (key_is(j, "byte_fallback")) return take_bool(j, &r->t->bpe.byte_fallback);
    if (key_is(j, "ignore_merges")) return take_bool(j, &r->t->bpe.ignore_merges);
    if (key_is(j, "unk_token")) return take_string(r, j, &r->unk, &r->unk_len);
    if (key_is(j, "dropout")) return need_no_dropout(j);
    if (key_is(j, "continuing_subword_prefix") || key_is(j, "end_of_word_suffix"))
        return need_empty(r, j);
    return take_slice(j, &ignored);
}

static karma_status read_model(struct reader *r, struct json_pull *j) {
    enum json_event ev;
    karma_status st = json_pull_next(j, &ev);
    if (st < 0) return st;
    if (ev != JSON_EV_OBJECT_BEGIN) return wrong_type("an object");
    while (st == KARMA_OK) {
        st = json_pull_next(j, &ev);
        if (st < 0 || ev == JSON_EV_OBJECT_END) break;
        char key[40];
        size_t len = j->len < sizeof(key) ? j->len : sizeof(key) - 1;
        memcpy(key, j->text, len);
        st = status_prefix(read_model_member(r, j), "%s", status_quote(key, len));
    }
    if (st < 0) return st;
    if (!r->vocab_seen) return status_fail(KARMA_E_MISSING, "no vocab");
    if (r->merges.seen && !r->merges_read) {
        struct json_pull sub;
        open_slice(r, &r->merges, &sub);
        st = status_prefix(read_merges(r, &sub), "merges");
        json_pull_release(&sub);
        if (st < 0) return st;
    }
    if (!r->merges_read) return status_fail(KARMA_E_MISSING, "no merges");
    if (r->unk_len > 0) {
        r->t->bpe.unk = vocab_find(&r->t->vocab, r->unk, r->unk_len);
        if (r->t->bpe.unk < 0)
            return status_fail(KARMA_E_MISSING, "unk_token '%s' is not in the vocabulary",
                               status_quote(r->unk, r->unk_len));
    }
    return KARMA_OK;
}

/* ---- added tokens ---- */

static karma_status read_added_member(struct reader *r, struct json_pull *j,
                                      struct added_entry *e) {
    struct slice ignored;
    enum json_event ev;
    if (key_is(j, "content")) return take_string(r, j, &e->content, &e->len);
    if (key_is(j, "special")) return take_bool(j, &e->special);
    if (key_is(j, "normalized")) return take_bool(j, &e->normalized);
    if (key_is(j, "lstrip")) return take_bool(j, &e->lstrip);
    if (key_is(j, "rstrip")) return take_bool(j, &e->rstrip);
    if (key_is(j, "single_word")) return take_bool(j, &e->single_word);
    if (!key_is(j, "id")) return take_slice(j, &ignored);
    karma_status st = json_pull_next(j, &ev);
    if (st < 0) return st;
    if (ev != JSON_EV_INT) return wrong_type("an integer id");
    e->id = j->integer;
    return KARMA_OK;
}

static karma_status read_added_token(struct reader *r, struct json_pull *j) {
    struct added_entry e = {.id = INT64_MIN};
    enum json_event ev;
    karma_status st;
    for (;;) {
        st = json_pull_next(j, &ev);
        if (st < 0) return st;
        if (ev == JSON_EV_OBJECT_END) break;
        st = read_added_member(r, j, &e);
        if (st < 0) return st;
    }
    if (e.id == INT64_MIN) return status_fail(KARMA_E_MISSING, "no id");
    if (!e.content) return status_fail(KARMA_E_MISSING, "no content");
    return tokenizer_add_token(r->t, &e);
}

static karma_status read_added(struct reader *r) {
    if (!r->added.seen) return KARMA_OK;
    struct json_pull j;
    enum json_event ev;
    size_t i = 0;
    open_slice(r, &r->added, &j);
    karma_status st = json_pull_next(&j, &ev);
    if (st == KARMA_OK && ev != JSON_EV_ARRAY_BEGIN && ev != JSON_EV_NULL)
        st = wrong_type("an array");
    for (; st == KARMA_OK && ev != JSON_EV_NULL; i++) {
        st = json_pull_next(&j, &ev);
        if (st < 0 || ev == JSON_EV_ARRAY_END) break;
        st = ev == JSON_EV_OBJECT_BEGIN ? read_added_token(r, &j) : wrong_type("an object");
        st = status_prefix(st, "[%zu]", i);
    }
    json_pull_release(&j);
    return st;
}

/* ---- the file ---- */

/* The parts that decide how the vocabulary is read. */
static karma_status read_pre_tokenizer(struct reader *r) {
    const struct json *tree;
    karma_status st = slice_tree(r, &r->pre_tokenizer, &tree);
    if (st == KARMA_OK) st = component_pre_tokenizer(r->t, tree);
    return status_prefix(st, "pre_tokenizer");
}

static struct slice *slice_of(struct reader *r, const struct json_pull *j) {
    if (key_is(j, "version")) return &r->version;
    if (key_is(j, "added_tokens")) return &r->added;
    if (key_is(j, "normalizer")) return &r->normalizer;
    if (key_is(j, "pre_tokenizer")) return &r->pre_tokenizer;
    if (key_is(j, "post_processor")) return &r->post_processor;
    if (key_is(j, "decoder")) return &r->decoder;
    if (key_is(j, "model")) return &r->model;
    return NULL;
}

static karma_status read_top(struct reader *r, struct json_pull *j, bool *model_read) {
    enum json_event ev;
    karma_status st = json_pull_next(j, &ev);
    if (st < 0) return st;
    if (ev != JSON_EV_OBJECT_BEGIN) return wrong_type("an object");
    for (;;) {
        st = json_pull_next(j, &ev);
        if (st < 0) return st;
        if (ev == JSON_EV_OBJECT_END) return json_pull_next(j, &ev);
        struct slice ignored = {0}, *s = slice_of(r, j);
        if (s && s->seen)
            return status_fail(KARMA_E_DUPLICATE, "member '%s' given twice",
                               status_quote(j->text, j->len));
        if (s == &r->model && r->pre_tokenizer.seen) { /* the usual order: one pass is enough */
            s->seen = *model_read = true;
            st = read_pre_tokenizer(r);
            if (st == KARMA_OK) st = status_prefix(read_model(r, j), "model");
        } else {
            st = take_slice(j, s ? s : &ignored);
        }
        if (st < 0) return st;
    }
}

static karma_status read_rest(struct reader *r, bool model_read) {
    const struct json *tree;
    karma_status st = KARMA_OK;
    if (!r->model.seen) return status_fail(KARMA_E_MISSING, "no model");
    if (!model_read) {
        struct json_pull j;
        st = read_pre_tokenizer(r);
        if (st < 0) return st;
        open_slice(r, &r->model, &j);
        st = status_prefix(read_model(r, &j), "model");
        json_pull_release(&j);
    }
    if (st == KARMA_OK) st = slice_tree(r, &r->version, &tree);
    if (st == KARMA_OK && tree && strcmp(json_str(tree, ""), "1.0") != 0)
        st = status_fail(KARMA_E_VERSION, "version '%s', expected '1.0'",
                         status_quotez(json_str(tree, json_type_name(tree))));
    if (st == KARMA_OK) st = slice_tree(r, &r->normalizer, &tree);
    if (st == KARMA_OK) st = status_prefix(component_normalizer(r->t, tree), "normalizer");
    if (st == KARMA_OK) st = slice_tree(r, &r->decoder, &tree);
    if (st == KARMA_OK) st = status_prefix(component_decoder(r->t, tree), "decoder");
    if (st == KARMA_OK) st = status_prefix(read_added(r), "added_tokens");
    if (st == KARMA_OK) st = slice_tree(r, &r->post_processor, &tree);
    if (st == KARMA_OK) st = status_prefix(component_post_processor(r->t, tree), "post_processor");
    return st;
}

karma_status tokenizer_from_json(const char *data, size_t len, const char *name,
                                 struct tokenizer **out) {
    *out = NULL;
    struct tokenizer *t = mem_calloc(1, sizeof(*t));
    if (!t) return KARMA_E_NOMEM;
    t->bpe.vocab = &t->vocab;
    t->bpe.unk = -1;
    struct reader r = {.t = t, .data = data, .len = len};
    struct json_pull j;
    bool model_read = false;
    json_pull_init(&j, data, len);
    karma_status st = read_top(&r, &j, &model_read);
    json_pull_release(&j);
    if (st == KARMA_OK) st = read_rest(&r, model_read);
    if (st == KARMA_OK) st = tokenizer_finish(t);
    if (st < 0) {
        tokenizer_destroy(t);
        return status_prefix(st, "%s", name);
    }
    *out = t;
    return KARMA_OK;
}
