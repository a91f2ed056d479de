/*
 * rnnt_beam.c - beam search in step with time. In each frame the texts of the beam are extended by
 * tokens, longest first in rounds, and each text of each round may leave the frame by its blank;
 * equal texts that leave are one, their probabilities added. The best `width` of them are the next
 * frame's beam. A text's predictor has read it once, whatever the frame.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/ctc_impl.h"
#include "nn/rnnt.h"
#include "nn/rnnt_impl.h"

enum { MAX_ROUNDS = 16 }; /* tokens a frame where the model has no bound */

struct text { /* counted by what points to it */
    struct text *parent;
    int32_t refs;
    int32_t token, length, frame;
    float logprob;
    int32_t hot_state;
    double bonus;
    float *state, *prediction; /* after this token; one block with the text */
};

struct hypothesis {
    struct text *text;
    double logprob;
    double score;  /* with the bonus */
    bool favoured; /* a hot word has begun in this frame */
};

struct list {
    struct hypothesis *items;
    size_t count, cap;
};

struct search {
    const struct rnnt_model *m;
    const struct rnnt_beam_options *o;
    struct list beam, round, longer, left;
    float *logits;
    int64_t frame;
};

/* ---- texts ---- */

static void unref(struct text *t) {
    while (t && --t->refs == 0) {
        struct text *parent = t->parent;
        mem_free(t);
        t = parent;
    }
}

static struct text *ref(struct text *t) {
    t->refs++;
    return t;
}

/* A text one token longer, read by the predictor; one reference, the caller's. */
static karma_status make_text(const struct search *s, struct text *parent, int32_t token,
                              struct text **out) {
    const struct rnnt_model *m = s->m;
    const size_t floats = m->state_floats + m->prediction_floats;
    struct text *t = *out = mem_calloc(1, sizeof(*t) + floats * sizeof(float));
    if (!t) return KARMA_E_NOMEM;
    t->refs = 1;
    t->token = token;
    t->frame = (int32_t)s->frame;
    t->state = (float *)(t + 1);
    t->prediction = t->state + m->state_floats;
    if (parent) {
        t->parent = ref(parent);
        t->length = parent->length + 1;
        m->predict(m->ctx, token, parent->state, t->state, t->prediction);
        return KARMA_OK;
    }
    float *zero = mem_calloc(m->state_floats + 1, sizeof(float));
    if (zero) m->predict(m->ctx, token, zero, t->state, t->prediction);
    mem_free(zero);
    if (zero) return KARMA_OK;
    unref(t);
    *out = NULL;
    return KARMA_E_NOMEM;
}

static bool same_text(const struct text *a, const struct text *b) {
    if (a->length != b->length) return false;
    for (; a != b && a->length > 0; a = a->parent, b = b->parent)
        if (a->token != b->token) return false;
    return true;
}

/* ---- lists ---- */

static karma_status push(struct list *l, struct hypothesis h) {
    if (l->count == l->cap) {
        const size_t cap = l->cap ? l->cap * 2 : 16;
        struct hypothesis *more = mem_realloc(l->items, cap * sizeof(*more));
        if (!more) return KARMA_E_NOMEM;
        l->items = more;
        l->cap = cap;
    }
    l->items[l->count++] = h;
    return KARMA_OK;
}

static void clear(struct list *l) {
    for (size_t i = 0; i < l->count; i++)
        unref(l->items[i].text);
    l->count = 0;
}

static int by_score(const void *a, const void *b) {
    const struct hypothesis *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    /* Equal ones in an order that does not depend on addresses. */
    for (const struct text *s = x->text, *t = y->text; s && t; s = s->parent, t = t->parent)
        if (s->token != t->token) return s->token < t->token ? -1 : 1;
    return x->text->length < y->text->length ? -1 : x->text->length > y->text->length;
}

static void keep_best(struct list *l, size_t width) {
    if (l->count == 0) return;
    qsort(l->items, l->count, sizeof(*l->items), by_score);
    for (size_t i = width; i < l->count; i++)
        unref(l->items[i].text);
    if (l->count > width) l->count = width;
}

/* ---- one frame ---- */

/* h leaves the frame by its blank. */
static karma_status leave(struct search *s, const struct hypothesis *h, double logprob) {
    const double total = h->logprob + logprob;
    for (size_t i = 0; i < s->left.count; i++) {
        struct hypothesis *l = &s->left.items[i];
        if (!same_text(l->text, h->text)) continue;
        const double high = fmax(l->logprob, total), low = fmin(l->logprob, total);
        l->logprob = high + log1p(exp(low - high));
        l->score = l->logprob + l->text->bonus;
        return KARMA_OK;
    }
    karma_status st = push(
        &s->left,
        (struct hypothesis){.text = h->text, .logprob = total, .score = total + h->text->bonus});
    if (st == KARMA_OK) ref(h->text);
    return st;
}

struct choice {
    int32_t token;
    double logprob, gain;
};

static int by_gain(const void *a, const void *b) {
    const struct choice *x = a, *y = b;
    if (x->gain != y->gain) return x->gain < y->gain ? 1 : -1;
    return x->token < y->token ? -1 : x->token > y->token;
}

/* What a token does to the hot words of h. Time does not pass with a token, so a bonus could be
 * collected until the bound: one word may begin in a frame, a second one is none. */
static int32_t hot_step(const struct search *s, const struct hypothesis *h, int32_t token,
                        double *bonus, bool *begins) {
    const int32_t from = h->text->hot_state;
    const int32_t to = hot_words_step(s->o->hot, from, token, bonus);
    *begins = to != 0 && (from == 0 || !hot_words_goes_on(s->o->hot, from, to));
    if (!*begins || !h->favoured) return to;
    *begins = false;
    *bonus = hot_words_end(s->o->hot, from);
    return 0;
}

/* The best `width` ways of h to go on within the frame. */
static karma_status lengthen(struct search *s, const struct hypothesis *h, double log_sum,
                             struct choice *choices) {
    const struct rnnt_model *m = s->m;
    int32_t n = 0;
    double bonus;
    bool begins;
    karma_status st = KARMA_OK;
    for (int32_t k = 0; k < m->n_tokens; k++) {
        if (k == m->blank) continue;
        hot_step(s, h, k, &bonus, &begins);
        const double logprob = (double)s->logits[k] - log_sum;
        choices[n++] = (struct choice){k, logprob, logprob + bonus};
    }
    qsort(choices, (size_t)n, sizeof(*choices), by_gain);
    for (int32_t i = 0; st == KARMA_OK && i < n && i < s->o->width; i++) {
        struct text *t;
        st = make_text(s, h->text, choices[i].token, &t);
        if (st < 0) break;
        t->hot_state = hot_step(s, h, choices[i].token, &bonus, &begins);
        t->bonus = h->text->bonus + bonus;
        t->logprob = (float)choices[i].logprob;
        const double total = h->logprob + choices[i].logprob;
        st = push(&s->longer, (struct hypothesis){.text = t,
                                                  .logprob = total,
                                                  .score = total + t->bonus,
                                                  .favoured = h->favoured || begins});
        if (st < 0) unref(t);
    }
    return st;
}

/* Can anything of the round still enter the next beam? */
static bool hopeless(const struct search *s) {
    const size_t width = (size_t)s->o->width;
    if (s->left.count < width) return false;
    size_t better = 0;
    for (size_t i = 0; i < s->left.count; i++)
        better += s->left.items[i].score > s->round.items[0].score;
    return better >= width;
}

static karma_status one_frame(struct search *s, struct choice *choices) {
    const struct rnnt_model *m = s->m;
    const int32_t bound = m->max_symbols ? m->max_symbols : MAX_ROUNDS;
    karma_status st = KARMA_OK;
    struct list swap = s->round; /* empty */
    s->round = s->beam;
    s->beam = swap;
    for (int32_t n = 0; st == KARMA_OK && n < bound && s->round.count > 0; n++) {
        for (size_t i = 0; st == KARMA_OK && i < s->round.count; i++) {
            const struct hypothesis *h = &s->round.items[i];
            m->join(m->ctx, s->frame, h->text->prediction, s->logits);
            double log_sum;
            st = ctc_log_sum(s->logits, m->n_tokens, s->frame, &log_sum);
            if (st < 0) break;
            st = leave(s, h, (double)s->logits[m->blank] - log_sum);
            if (st == KARMA_OK && n + 1 < bound) st = lengthen(s, h, log_sum, choices);
        }
        clear(&s->round);
        keep_best(&s->longer, (size_t)s->o->width);
        swap = s->round;
        s->round = s->longer;
        s->longer = swap;
        if (s->round.count > 0 && hopeless(s)) clear(&s->round);
    }
    clear(&s->round);
    keep_best(&s->left, (size_t)s->o->width);
    swap = s->beam;
    s->beam = s->left;
    s->left = swap;
    return st;
}

/* ---- the whole ---- */

static karma_status hand_over(const struct hypothesis *best, struct heard *out) {
    const size_t first = out->count, n = (size_t)best->text->length;
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < n; i++)
        st = heard_push(out, (struct heard_token){0});
    if (st < 0) return st;
    const struct text *t = best->text;
    for (size_t i = n; i-- > 0; t = t->parent)
        out->tokens[first + i] =
            (struct heard_token){.id = t->token, .begin = t->frame, .logprob = t->logprob};
    out->logprob += best->logprob;
    return KARMA_OK;
}

static karma_status run(struct search *s, struct choice *choices, int64_t n_frames,
                        int32_t max_token_frames, struct heard *out) {
    struct text *empty;
    const size_t first = out->count;
    karma_status st = make_text(s, NULL, s->m->start, &empty);
    if (st < 0) return st;
    st = push(&s->beam, (struct hypothesis){.text = empty});
    if (st < 0) unref(empty);
    for (; st == KARMA_OK && s->frame < n_frames; s->frame++)
        st = one_frame(s, choices);
    if (st < 0) return st;
    for (size_t i = 0; i < s->beam.count; i++) {
        struct hypothesis *h = &s->beam.items[i];
        h->score += hot_words_end(s->o->hot, h->text->hot_state);
    }
    keep_best(&s->beam, 1);
    st = hand_over(&s->beam.items[0], out);
    if (st == KARMA_OK) rnnt_close_tokens(out, first, n_frames, max_token_frames);
    return st;
}

karma_status rnnt_beam(const struct rnnt_model *m, int64_t n_frames, int32_t max_token_frames,
                       const struct rnnt_beam_options *o, struct heard *out) {
    struct search s = {.m = m, .o = o};
    struct arena a = {0};
    s.logits = arena_calloc(&a, (size_t)m->n_tokens, sizeof(*s.logits));
    struct choice *choices = arena_calloc(&a, (size_t)m->n_tokens, sizeof(*choices));
    karma_status st =
        s.logits && choices ? run(&s, choices, n_frames, max_token_frames, out) : KARMA_E_NOMEM;
    struct list *lists[] = {&s.beam, &s.round, &s.longer, &s.left};
    for (size_t i = 0; i < 4; i++) {
        clear(lists[i]);
        mem_free(lists[i]->items);
    }
    arena_release(&a);
    return st;
}
