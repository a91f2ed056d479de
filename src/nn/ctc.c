/* ctc.c - greedy decoding and alignment; the beam is ctc_beam.c's. */
#include "nn/ctc.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "nn/ctc_impl.h"

void heard_release(struct heard *h) {
    mem_free(h->tokens);
    memset(h, 0, sizeof(*h));
}

karma_status heard_push(struct heard *h, struct heard_token t) {
    if (h->count == h->cap) {
        const size_t cap = h->cap ? h->cap * 2 : 32;
        struct heard_token *more = mem_realloc(h->tokens, cap * sizeof(*more));
        if (!more) return KARMA_E_NOMEM;
        h->tokens = more;
        h->cap = cap;
    }
    h->tokens[h->count++] = t;
    return KARMA_OK;
}

karma_status ctc_log_sum(const float *logits, int32_t n, int64_t frame, double *out) {
    float highest = logits[0];
    double sum = 0;
    for (int32_t i = 1; i < n; i++)
        if (logits[i] > highest) highest = logits[i];
    for (int32_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - (double)highest);
    *out = (double)highest + log(sum);
    if (isfinite(*out)) return KARMA_OK;
    return status_fail(KARMA_E_NONFINITE, "frame %lld of the encoder: its scores are not finite",
                       (long long)frame);
}

static int32_t argmax(const float *logits, int32_t n) {
    int32_t best = 0;
    for (int32_t i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = i;
    return best;
}

karma_status ctc_greedy(const struct ctc_scores *s, struct heard *out) {
    struct heard_token open = {.id = s->blank};
    double sum = 0;
    karma_status st = KARMA_OK;
    for (int64_t t = 0; st == KARMA_OK && t <= s->n_frames; t++) {
        const float *row = s->logits + t * s->ld;
        int32_t id = s->blank;
        double logprob = 0, log_sum;
        if (t < s->n_frames) {
            st = ctc_log_sum(row, s->n_tokens, t, &log_sum);
            if (st < 0) break;
            id = argmax(row, s->n_tokens);
            logprob = (double)row[id] - log_sum;
            out->logprob += logprob;
        }
        if (id != open.id || t == s->n_frames) {
            if (open.id != s->blank) {
                open.end = (int32_t)t;
                open.logprob = (float)(sum / (double)(open.end - open.begin));
                st = heard_push(out, open);
            }
            open = (struct heard_token){.id = id, .begin = (int32_t)t};
            sum = 0;
        }
        sum += logprob;
    }
    return st;
}

/* ---- alignment ---- */

/*
 * Viterbi over the text with a blank before, between and after its tokens: state 2i + 1 is token i.
 * A state is reached from itself, from the one before, and from the token before when that is
 * another token. `from` keeps how many states back the best way came, two bits wasted on a byte.
 */
struct lattice {
    const struct ctc_scores *s;
    const int32_t *tokens;
    int64_t n_states;
    double *best, *next;
    unsigned char *from; /* [n_frames, n_states] */
};

static int32_t token_of(const struct lattice *l, int64_t state) {
    return state % 2 ? l->tokens[state / 2] : l->s->blank;
}

static karma_status advance(struct lattice *l, int64_t t) {
    const float *row = l->s->logits + t * l->s->ld;
    double log_sum;
    karma_status st = ctc_log_sum(row, l->s->n_tokens, t, &log_sum);
    if (st < 0) return st;
    for (int64_t j = 0; j < l->n_states; j++) {
        double best = l->best[j];
        unsigned char back = 0;
        if (j > 0 && l->best[j - 1] > best) {
            best = l->best[j - 1];
            back = 1;
        }
        if (j > 1 && j % 2 && l->tokens[j / 2] != l->tokens[j / 2 - 1] && l->best[j - 2] > best) {
            best = l->best[j - 2];
            back = 2;
        }
        l->from[t * l->n_states + j] = back;
        l->next[j] = best + (double)row[token_of(l, j)] - log_sum;
    }
    double *swap = l->best;
    l->best = l->next;
    l->next = swap;
    return KARMA_OK;
}

/* states[t]: the state of frame t on the best way. */
static void walk_back(const struct lattice *l, int64_t state, int64_t *states) {
    for (int64_t t = l->s->n_frames; t-- > 0;) {
        states[t] = state;
        state -= l->from[t * l->n_states + state];
    }
}

static karma_status collect(const struct lattice *l, const int64_t *states, struct heard *out) {
    karma_status st = KARMA_OK;
    for (int64_t t = 0; st == KARMA_OK && t < l->s->n_frames;) {
        const int64_t state = states[t];
        struct heard_token token = {.id = token_of(l, state), .begin = (int32_t)t};
        double sum = 0;
        for (; t < l->s->n_frames && states[t] == state; t++) {
            const float *row = l->s->logits + t * l->s->ld;
            double log_sum;
            st = ctc_log_sum(row, l->s->n_tokens, t, &log_sum);
            if (st < 0) return st;
            sum += (double)row[token.id] - log_sum;
        }
        out->logprob += sum;
        token.end = (int32_t)t;
        token.logprob = (float)(sum / (double)(token.end - token.begin));
        if (state % 2) st = heard_push(out, token);
    }
    return st;
}

static karma_status align(struct lattice *l, int64_t *states, struct heard *out) {
    const int64_t n = l->n_states;
    for (int64_t j = 1; j < n; j++)
        l->best[j] = -INFINITY;
    /* Before the first frame the way stands at the first blank; the first token is one step on. */
    karma_status st = KARMA_OK;
    for (int64_t t = 0; st == KARMA_OK && t < l->s->n_frames; t++)
        st = advance(l, t);
    if (st < 0) return st;
    int64_t last = n - 1;
    if (n > 1 && l->best[n - 2] > l->best[last]) last = n - 2;
    if (!(l->best[last] > -INFINITY))
        return status_fail(KARMA_E_RANGE, "%lld frames are too few for %lld tokens",
                           (long long)l->s->n_frames, (long long)(n / 2));
    walk_back(l, last, states);
    return collect(l, states, out);
}

karma_status ctc_align(const struct ctc_scores *s, const int32_t *tokens, size_t count,
                       struct heard *out) {
    struct lattice l = {.s = s, .tokens = tokens};
    struct arena a = {0};
    size_t cells;
    if (s->n_frames == 0 && count == 0) return KARMA_OK;
    if (count > INT32_MAX / 4 || !mul_size((size_t)s->n_frames, 2 * count + 1, &cells))
        return status_fail(KARMA_E_LIMIT, "%zu tokens are too many to align", count);
    l.n_states = (int64_t)(2 * count + 1);
    l.best = arena_calloc(&a, 2 * count + 1, sizeof(*l.best));
    l.next = arena_calloc(&a, 2 * count + 1, sizeof(*l.next));
    l.from = arena_calloc(&a, cells + 1, 1);
    int64_t *states = arena_calloc(&a, (size_t)s->n_frames + 1, sizeof(*states));
    karma_status st = l.best && l.next && l.from && states ? align(&l, states, out) : KARMA_E_NOMEM;
    arena_release(&a);
    return st;
}
