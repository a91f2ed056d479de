/* rnnt.c - greedy decoding; the beam is rnnt_beam.c's. */
#include "nn/rnnt.h"

#include <string.h>

#include "nn/ctc_impl.h"
#include "nn/rnnt_impl.h"

/* Buffers of one predictor: the state before and after the last token it read. */
struct greedy {
    float *state, *next, *prediction, *logits;
};

static karma_status make_buffers(struct arena *a, const struct rnnt_model *m, struct greedy *g) {
    g->state = arena_calloc(a, m->state_floats + 1, sizeof(float));
    g->next = arena_calloc(a, m->state_floats + 1, sizeof(float));
    g->prediction = arena_calloc(a, m->prediction_floats + 1, sizeof(float));
    g->logits = arena_calloc(a, (size_t)m->n_tokens, sizeof(float));
    return g->state && g->next && g->prediction && g->logits ? KARMA_OK : KARMA_E_NOMEM;
}

static void read_token(const struct rnnt_model *m, struct greedy *g, int32_t token) {
    m->predict(m->ctx, token, g->state, g->next, g->prediction);
    float *swap = g->state;
    g->state = g->next;
    g->next = swap;
}

/* Tokens know the frame they came in; their end follows from the next one's. */
void rnnt_close_tokens(struct heard *h, size_t first, int64_t n_frames, int32_t max_token_frames) {
    for (size_t i = first; i < h->count; i++) {
        struct heard_token *t = &h->tokens[i];
        int64_t end = i + 1 < h->count ? h->tokens[i + 1].begin : n_frames;
        if (end > (int64_t)t->begin + max_token_frames) end = (int64_t)t->begin + max_token_frames;
        t->end = end > t->begin ? (int32_t)end : t->begin + 1;
    }
}

/* The frame's tokens, until a blank or too many. */
static karma_status one_frame(const struct rnnt_model *m, struct greedy *g, int64_t frame,
                              struct heard *out) {
    double log_sum;
    karma_status st = KARMA_OK;
    for (int32_t n = 0; st == KARMA_OK && (m->max_symbols == 0 || n < m->max_symbols); n++) {
        m->join(m->ctx, frame, g->prediction, g->logits);
        st = ctc_log_sum(g->logits, m->n_tokens, frame, &log_sum);
        if (st < 0) break;
        int32_t best = 0;
        for (int32_t k = 1; k < m->n_tokens; k++)
            if (g->logits[k] > g->logits[best]) best = k;
        const double logprob = (double)g->logits[best] - log_sum;
        out->logprob += logprob;
        if (best == m->blank) break;
        st = heard_push(out, (struct heard_token){
                                 .id = best, .begin = (int32_t)frame, .logprob = (float)logprob});
        read_token(m, g, best); /* until then prediction and state stay: blank changes nothing */
    }
    return st;
}

karma_status rnnt_greedy(const struct rnnt_model *m, int64_t n_frames, int32_t max_token_frames,
                         struct heard *out) {
    struct arena a = {0};
    struct greedy g;
    const size_t first = out->count;
    karma_status st = make_buffers(&a, m, &g);
    if (st == KARMA_OK) read_token(m, &g, m->start);
    for (int64_t t = 0; st == KARMA_OK && t < n_frames; t++)
        st = one_frame(m, &g, t, out);
    if (st == KARMA_OK) rnnt_close_tokens(out, first, n_frames, max_token_frames);
    arena_release(&a);
    return st;
}
