/*
 * engine_api.c - karma/engine.h on top of src/engine: an engine of a loaded model, and text to ids
 * and back with the model's own tokenizer and template.
 */
#include "karma/engine.h"

#include <string.h>

#include "api/api.h"
#include "base/mem.h"
#include "engine/engine.h"

struct karma_engine {
    struct engine *inside;
};

karma_engine_options karma_engine_defaults(void) {
    return (karma_engine_options){
        .struct_size = sizeof(karma_engine_options),
        .max_sequences = 8,
        .max_rows = 512,
        .n_ctx = 0,
        .max_memory_mb = 0,
        .share_prefixes = true,
        .speculate = true,
    };
}

karma_status karma_engine_create(karma_model *m, const karma_engine_options *options,
                                 karma_engine **out) {
    karma_engine_options defaults = karma_engine_defaults();
    *out = NULL;
    karma_status st = model_need_loaded(m);
    if (st < 0) return st;
    karma_engine *e = mem_calloc(1, sizeof(*e));
    if (!e) return KARMA_E_NOMEM;
    st = engine_create(m->model, m->text.tokenizer, options ? options : &defaults, &e->inside);
    if (st == KARMA_OK)
        *out = e;
    else
        mem_free(e);
    return st;
}

void karma_engine_destroy(karma_engine *e) {
    if (!e) return;
    engine_destroy(e->inside);
    mem_free(e);
}

karma_status karma_engine_submit(karma_engine *e, const char *key, const int32_t *tokens,
                                 size_t n_tokens, const karma_generate_options *options,
                                 karma_done_fn done, karma_text_fn text, void *user) {
    return engine_submit(e->inside, key, tokens, n_tokens, options, done, text, user);
}

karma_status karma_engine_step(karma_engine *e, size_t *active) {
    return engine_step(e->inside, active);
}

void karma_engine_cancel(karma_engine *e) {
    engine_cancel(e->inside);
}

void karma_engine_get_stats(const karma_engine *e, karma_engine_stats *out) {
    engine_get_stats(e->inside, out);
}

/* ---- text ---- */

karma_status karma_tokenize(const karma_model *m, const char *text, size_t len,
                            bool add_special_tokens, int32_t **ids, size_t *count) {
    struct encode_options options = {.add_special_tokens = add_special_tokens};
    struct tokens tokens = {0};
    *ids = NULL;
    *count = 0;
    karma_status st = model_need_loaded(m);
    if (st == KARMA_OK)
        st = tokenizer_encode(m->text.tokenizer, text, len, &options, &tokens, NULL);
    if (st < 0) {
        tokens_release(&tokens);
        return st;
    }
    *ids = tokens.ids;
    *count = tokens.count;
    return KARMA_OK;
}

karma_status karma_detokenize(const karma_model *m, const int32_t *ids, size_t count,
                              bool skip_special_tokens, char **text) {
    struct buf b = {0};
    *text = NULL;
    karma_status st = model_need_loaded(m);
    if (st == KARMA_OK)
        st = tokenizer_decode(m->text.tokenizer, ids, count, skip_special_tokens, &b);
    if (st == KARMA_OK) st = buf_append(&b, "", 0); /* "" is an answer too */
    if (st == KARMA_OK && !(*text = buf_take(&b))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

static karma_status parse_variables(struct arena *a, const char *text, const struct json **out) {
    *out = NULL;
    if (!text) return KARMA_OK;
    karma_status st = json_parse(a, text, strlen(text), JSON_REJECT_DUPLICATES, out);
    if (st < 0) return status_prefix(st, "template variables");
    if (json_is_object(*out)) return KARMA_OK;
    return status_fail(KARMA_E_TYPE, "template variables: expected an object, found %s",
                       json_type_name(*out));
}

karma_status karma_apply_chat_template(const karma_model *m, const karma_message *messages,
                                       size_t n_messages, const char *variables_json, bool safe,
                                       char **text, int32_t **ids, size_t *count) {
    struct arena a = {0};
    struct buf b = {0};
    struct tokens tokens = {0};
    struct render_options options = {.safe = safe};
    size_t n_special;
    if (text) *text = NULL;
    if (ids) *ids = NULL;
    if (count) *count = 0;
    karma_status st = model_need_loaded(m);
    if (st == KARMA_OK) st = parse_variables(&a, variables_json, &options.variables);
    if (st == KARMA_OK) st = generate_clock(m, &options.now_s);
    if (st == KARMA_OK)
        st = text_render(&m->text, messages, n_messages, &options, &b, &tokens, &n_special);
    if (st == KARMA_OK && count) *count = tokens.count;
    if (st == KARMA_OK && ids) {
        *ids = tokens.ids;
        tokens = (struct tokens){0};
    }
    if (st == KARMA_OK && text) {
        st = buf_append(&b, "", 0);
        if (st == KARMA_OK && !(*text = buf_take(&b))) st = KARMA_E_NOMEM;
        if (st < 0 && ids) {
            mem_free(*ids);
            *ids = NULL;
        }
    }
    tokens_release(&tokens);
    buf_release(&b);
    arena_release(&a);
    return st;
}
