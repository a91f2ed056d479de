/*
 * prompt_counter.c - the token ids that samples become, without a model: the checkpoint's header is
 * read and its tokenizer and template are loaded, no weights. For forecasts; the ids are those that
 * a run would compute, cut by no option. Pictures and recordings become rows only where the model
 * is there; their samples are told apart.
 */
#include <string.h>

#include "api/api.h"
#include "karma/prompt.h"

struct karma_prompt_counter {
    karma_model *m;
    struct arena arena; /* of render */
    struct text_assets text;
    struct render_options render;
    struct karma_prompt prompt;
    struct buf rendered;
    struct tokens ids;
    int32_t n_ctx;
};

/* What the model would have: rows of its embedding, the longest context. */
static karma_status read_header(struct karma_prompt_counter *c) {
    struct arena a = {0};
    struct checkpoint *ck = NULL;
    struct backend *be = NULL;
    struct model *model = NULL;
    const char *path;
    karma_model *m = c->m;
    karma_status st = model_locate(&a, m->plan.path, m->plan.revision, &path);
    if (st == KARMA_OK) st = checkpoint_open(path, &ck);
    if (st == KARMA_OK) st = vision_attach(m, ck);
    if (st == KARMA_OK) st = model_name_tensors(ck);
    if (st == KARMA_OK) st = backend_create("cpu", 1, &be);
    if (st == KARMA_OK) st = model_load(ck, be, &model);
    if (st == KARMA_OK && !(model->info.can & FAMILY_GENERATE))
        st = status_fail(KARMA_E_UNSUPPORTED, "%s does not read prompts",
                         status_quote_path(m->plan.name));
    if (st == KARMA_OK) {
        const int64_t asked = model_arg_int(m, "n_ctx", 0);
        c->n_ctx = (int32_t)(asked ? asked : model->info.max_position_embeddings);
        st = text_assets_load(ck, model->info.vocab_size, &c->text);
    }
    model_unload(model);
    backend_destroy(be);
    checkpoint_close(ck);
    arena_release(&a);
    return st;
}

karma_status karma_prompt_counter_create(karma_model *m, karma_prompt_counter **out) {
    *out = NULL;
    if (!karma_model_can_choose(m)) /* its class makes what it computes in its own way */
        return status_fail(KARMA_E_UNSUPPORTED, "%s reads samples in its own way",
                           status_quote_path(m->plan.name));
    struct karma_prompt_counter *c = mem_calloc(1, sizeof(*c));
    if (!c) return KARMA_E_NOMEM;
    c->m = m;
    karma_status st = read_header(c);
    if (st == KARMA_OK) st = generate_render_options(&c->arena, m, &c->render);
    if (st < 0) {
        karma_prompt_counter_destroy(c);
        return st;
    }
    *out = c;
    return KARMA_OK;
}

void karma_prompt_counter_destroy(karma_prompt_counter *c) {
    if (!c) return;
    text_assets_release(&c->text);
    prompt_release(&c->prompt);
    buf_release(&c->rendered);
    tokens_release(&c->ids);
    arena_release(&c->arena);
    mem_free(c);
}

int32_t karma_prompt_counter_context(const karma_prompt_counter *c) {
    return c->n_ctx;
}

karma_status karma_prompt_counter_encode(karma_prompt_counter *c, const karma_sample *sample,
                                         const int32_t **ids, size_t *n) {
    struct render_options render = c->render;
    size_t n_special = 0;
    *ids = NULL;
    *n = 0;
    prompt_reset(&c->prompt);
    c->ids.count = 0;
    buf_clear(&c->rendered);
    render.lead = sample->n_candidates ? sample->answer_lead : NULL;
    karma_status st = checked_preprocess(c->m, sample, &c->prompt);
    if (st < 0) return st;
    st = c->prompt.raw
             ? text_encode_raw(&c->text, c->prompt.raw, &render, &c->rendered, &c->ids, &n_special)
             : text_render(&c->text, c->prompt.messages, c->prompt.count, &render, &c->rendered,
                           &c->ids, &n_special);
    if (st < 0) return st;
    *ids = c->ids.ids;
    *n = c->ids.count;
    return KARMA_OK;
}
