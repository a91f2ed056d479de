/*
 * embedding_run.c - EmbeddingModel's run: samples in batches through the class's preprocess and
 * embed, vectors to texts. With a corpus the text is the ranking, else the vector. A batch that
 * fails is tried again a sample at a time, so that only the sample at fault fails.
 */
#include <string.h>

#include "api/embedding.h"
#include "base/utf8.h"

enum { MAX_BATCH = 1024 };

struct pending { /* one sample of the batch; all of it in the batch's arena */
    const char *key, *text;
};

struct run {
    karma_model *m;
    const karma_run_io *io;
    karma_embed_options options;
    int64_t dim;
    size_t batch_size, n;
    struct arena arena; /* of the batch */
    struct pending batch[MAX_BATCH];
    const char *texts[MAX_BATCH];
    unsigned char was_cut[MAX_BATCH];
    size_t n_tokens[MAX_BATCH];
    float *vectors; /* [batch_size, dim] */
    struct karma_prompt prompt;
    struct buf text;
    struct output_box box;
};

karma_status embedding_preprocess(karma_model *m, const karma_sample *sample,
                                  karma_prompt *prompt) {
    (void)m;
    const char *text = sample->input;
    if (!text && sample->n_messages) text = sample->conversation[sample->n_messages - 1].content;
    if (!text) return status_fail(KARMA_E_MISSING, "the sample has neither input nor conversation");
    return karma_prompt_raw(prompt, text);
}

/* ---- outputs ---- */

static karma_status hand_over(struct run *r) {
    return r->io->put(r->io->user, &r->box.out);
}

/* The output of a sample that failed with st and the present message. */
static karma_status put_failure(struct run *r, const char *key, karma_status st) {
    arena_reset(&r->box.arena);
    const char *why = arena_strdup(&r->box.arena, karma_error_message());
    r->box.out = (karma_output){
        .struct_size = sizeof(karma_output),
        .key = key,
        .status = st,
        .error = why ? why : "out of memory",
        .finish_reason = st == KARMA_E_CANCELLED ? KARMA_FINISH_CANCELLED : KARMA_FINISH_ERROR,
    };
    return hand_over(r);
}

/* A vector as a JSON array. */
static karma_status write_vector(struct buf *out, const float *v, int64_t n) {
    char number[32];
    karma_status st = buf_putc(out, '[');
    for (int64_t i = 0; i < n && st == KARMA_OK; i++) {
        if (i > 0) st = buf_puts(out, ", ");
        if (st == KARMA_OK) st = buf_append(out, number, json_format_float(v[i], number));
    }
    return st < 0 ? st : buf_putc(out, ']');
}

/* Sample i of the batch, through the class's postprocess, to the sink. */
static karma_status put_output(struct run *r, size_t i) {
    struct output_box *box = &r->box;
    float *vector = r->vectors + i * (size_t)r->dim;
    buf_clear(&r->text);
    karma_status st = corpus_present(r->m) ? corpus_rank(r->m, vector, &r->text)
                                           : write_vector(&r->text, vector, r->dim);
    if (st < 0) return put_failure(r, r->batch[i].key, st);
    arena_reset(&box->arena);
    box->out = (karma_output){
        .struct_size = sizeof(karma_output),
        .key = r->batch[i].key,
        .text = buf_str(&r->text),
        .raw_text = buf_str(&r->text),
        .n_prompt_tokens = r->n_tokens[i],
        .finish_reason = KARMA_FINISH_STOP,
        .flags = r->was_cut[i] ? KARMA_OUTPUT_PROMPT_TRUNCATED : 0,
    };
    struct output_box *before = output_box_enter(box);
    st = class_holder(r->m->plan.cls, SLOT_POSTPROCESS)->postprocess(r->m, &box->out);
    output_box_enter(before);
    return st < 0 ? put_failure(r, r->batch[i].key, st) : hand_over(r);
}

/* ---- a batch ---- */

static karma_status embed(struct run *r, size_t first, size_t n) {
    struct embed_report report = {.was_cut = r->was_cut + first, .n_tokens = r->n_tokens + first};
    memset(report.was_cut, 0, n);
    memset(report.n_tokens, 0, n * sizeof(*report.n_tokens));
    return embed_texts(r->m, r->texts + first, n, &r->options, r->vectors + first * (size_t)r->dim,
                       &report);
}

static bool ends_the_run(karma_status st) {
    return st == KARMA_E_CANCELLED || st == KARMA_E_NOMEM;
}

/* Every sample of the batch gets its output, also when the run ends with it. */
static karma_status flush(struct run *r) {
    const size_t n = r->n;
    karma_status put = KARMA_OK, st = n ? embed(r, 0, n) : KARMA_OK;
    const bool together = st == KARMA_OK;
    for (size_t i = 0; i < n && put == KARMA_OK; i++) {
        if (!together && !ends_the_run(st)) {
            karma_status one = n > 1 ? embed(r, i, 1) : st;
            put = one < 0 ? put_failure(r, r->batch[i].key, one) : put_output(r, i);
            if (ends_the_run(one)) st = one;
        } else if (ends_the_run(st)) {
            put = put_failure(r, r->batch[i].key, st);
        } else {
            put = put_output(r, i);
        }
    }
    r->n = 0;
    arena_reset(&r->arena);
    if (put < 0) return put;
    return ends_the_run(st) ? st : KARMA_OK;
}

/* The text a class made of a sample: its prompt, or its messages with a blank line between. */
static karma_status text_of(struct run *r, const char **text) {
    const struct karma_prompt *p = &r->prompt;
    buf_clear(&r->text);
    karma_status st = p->raw ? buf_puts(&r->text, p->raw) : KARMA_OK;
    for (size_t i = 0; !p->raw && i < p->count && st == KARMA_OK; i++) {
        if (i > 0) st = buf_puts(&r->text, "\n\n");
        if (st == KARMA_OK) st = buf_puts(&r->text, p->messages[i].content);
    }
    if (st == KARMA_OK && !utf8_valid(buf_str(&r->text), r->text.len, NULL))
        st = status_fail(KARMA_E_ENCODING, "the sample's text is not valid UTF-8");
    if (st < 0) return st;
    *text = arena_strndup(&r->arena, buf_str(&r->text), r->text.len);
    return *text ? KARMA_OK : KARMA_E_NOMEM;
}

/* Into the batch; a sample that cannot be asked is put at once. */
static karma_status take(struct run *r, const karma_sample *sample) {
    struct pending *p = &r->batch[r->n];
    prompt_reset(&r->prompt);
    p->key = NULL;
    karma_status st = KARMA_OK;
    if (sample->key && !(p->key = arena_strdup(&r->arena, sample->key))) st = KARMA_E_NOMEM;
    if (st == KARMA_OK)
        st = class_holder(r->m->plan.cls, SLOT_PREPROCESS)->preprocess(r->m, sample, &r->prompt);
    if (st == KARMA_OK) st = text_of(r, &p->text);
    if (st < 0) {
        karma_status put = put_failure(r, p->key ? p->key : sample->key, st);
        return put < 0 ? put : ends_the_run(st) ? st : KARMA_OK;
    }
    r->texts[r->n++] = p->text;
    return KARMA_OK;
}

/* ---- the run ---- */

static karma_status begin(struct run *r) {
    r->options = karma_embed_defaults();
    r->options.cancelled = r->io->cancelled;
    r->options.user = r->io->user;
    if (corpus_present(r->m)) r->options.prompt_name = embedding_prompt_name(r->m, false);
    r->dim = karma_model_embedding_dim(r->m, &r->options);
    if (r->dim == 0)
        return status_fail(KARMA_E_UNSUPPORTED, "%s: class %s says no size of its vectors",
                           status_quotez(r->m->plan.name), status_quotez(r->m->plan.cls->name));
    if (corpus_present(r->m) && corpus_dim(r->m) != (size_t)r->dim)
        return status_fail(KARMA_E_SHAPE,
                           "the corpus has vectors of %zu components, the model "
                           "makes %lld",
                           corpus_dim(r->m), (long long)r->dim);
    r->batch_size = (size_t)model_arg_int(r->m, "max_sequences", 32);
    if (r->batch_size > MAX_BATCH) r->batch_size = MAX_BATCH;
    r->vectors = mem_calloc(r->batch_size, (size_t)r->dim * sizeof(*r->vectors));
    return r->vectors ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status run_all(struct run *r) {
    for (;;) {
        const karma_sample *sample = NULL;
        if (r->io->cancelled && r->io->cancelled(r->io->user)) {
            karma_status st = KARMA_OK;
            for (size_t i = 0; i < r->n && st == KARMA_OK; i++) {
                status_fail(KARMA_E_CANCELLED, "cancelled");
                st = put_failure(r, r->batch[i].key, KARMA_E_CANCELLED);
            }
            return st < 0 ? st : status_fail(KARMA_E_CANCELLED, "cancelled");
        }
        karma_status st = r->io->next(r->io->user, &sample);
        const bool drained = st == KARMA_DONE;
        if (st < 0) return st;
        if (!drained) st = take(r, sample);
        if (st >= 0 && (drained || r->n == r->batch_size)) st = flush(r);
        if (st < 0 || drained) return st < 0 ? st : KARMA_OK;
    }
}

karma_status embedding_run(karma_model *m, const karma_run_io *io) {
    struct run *r = mem_calloc(1, sizeof(*r));
    if (!r) return KARMA_E_NOMEM;
    r->m = m;
    r->io = io;
    karma_status st = begin(r);
    if (st == KARMA_OK) st = run_all(r);
    mem_free(r->vectors);
    prompt_release(&r->prompt);
    buf_release(&r->text);
    arena_release(&r->box.arena);
    arena_release(&r->arena);
    mem_free(r);
    return st;
}
