/*
 * tokenizer_json.c - tokenizer.json, read as a stream: the vocabulary and the merges (nearly all of
 * the file) go straight into their tables, the small parts become trees. Members may stand in any
 * order. A component, option or pattern that we do not have is refused by name; "truncation" and
 * "padding" are passed over, as transformers sets both anew for each call: the length that a text
 * is cut to comes from sentence_bert_config.json or tokenizer_config.json, not from here.
 */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "text/tokenizer_components.h"
#include "text/tokenizer_reader.h"

static karma_status slice_tree(const struct reader *r, const struct slice *s,
                               const struct json **out) {
    *out = NULL;
    if (!s->seen) return KARMA_OK;
    return json_parse(&r->t->arena, r->data + s->begin, s->end - s->begin, JSON_REJECT_DUPLICATES,
                      out);
}

/* ---- added tokens ---- */

static karma_status read_added_member(struct reader *r, struct json_pull *j,
                                      struct added_entry *e) {
    struct slice ignored;
    enum json_event ev;
    if (reader_key_is(j, "content")) return reader_take_string(r, j, &e->content, &e->len);
    if (reader_key_is(j, "special")) return reader_take_bool(j, &e->special);
    if (reader_key_is(j, "normalized")) return reader_take_bool(j, &e->normalized);
    if (reader_key_is(j, "lstrip")) return reader_take_bool(j, &e->lstrip);
    if (reader_key_is(j, "rstrip")) return reader_take_bool(j, &e->rstrip);
    if (reader_key_is(j, "single_word")) return reader_take_bool(j, &e->single_word);
    if (!reader_key_is(j, "id")) return reader_take_slice(j, &ignored);
    karma_status st = json_pull_next(j, &ev);
    if (st < 0) return st;
    if (ev != JSON_EV_INT) return reader_wrong_type("an integer id");
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
    reader_open_slice(r, &r->added, &j);
    karma_status st = json_pull_next(&j, &ev);
    if (st == KARMA_OK && ev != JSON_EV_ARRAY_BEGIN && ev != JSON_EV_NULL)
        st = reader_wrong_type("an array");
    for (; st == KARMA_OK && ev != JSON_EV_NULL; i++) {
        st = json_pull_next(&j, &ev);
        if (st < 0 || ev == JSON_EV_ARRAY_END) break;
        st = ev == JSON_EV_OBJECT_BEGIN ? read_added_token(r, &j) : reader_wrong_type("an object");
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
    if (reader_key_is(j, "version")) return &r->version;
    if (reader_key_is(j, "added_tokens")) return &r->added;
    if (reader_key_is(j, "normalizer")) return &r->normalizer;
    if (reader_key_is(j, "pre_tokenizer")) return &r->pre_tokenizer;
    if (reader_key_is(j, "post_processor")) return &r->post_processor;
    if (reader_key_is(j, "decoder")) return &r->decoder;
    if (reader_key_is(j, "model")) return &r->model;
    return NULL;
}

static karma_status read_top(struct reader *r, struct json_pull *j, bool *model_read) {
    enum json_event ev;
    karma_status st = json_pull_next(j, &ev);
    if (st < 0) return st;
    if (ev != JSON_EV_OBJECT_BEGIN) return reader_wrong_type("an object");
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
            if (st == KARMA_OK) st = status_prefix(reader_model(r, j), "model");
        } else {
            st = reader_take_slice(j, s ? s : &ignored);
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
        reader_open_slice(r, &r->model, &j);
        st = status_prefix(reader_model(r, &j), "model");
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
    struct tokenizer *t = tokenizer_new();
    if (!t) return KARMA_E_NOMEM;
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
