/*
 * ctc_beam.c - prefix beam search. A text is a node of a tree, its last token; the tree only grows,
 * so two ways to one text meet in one node. Each frame keeps, for every text of the beam, the
 * log-probability of all paths that end in a blank and of those that end in its last token.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/ctc.h"
#include "nn/ctc_impl.h"

struct text { /* a node of the tree; [0] is the empty text */
    int32_t parent, token, length;
    int32_t hot_state;
    double bonus;  /* of hot words so far */
    int64_t frame; /* that `entry` is of */
    int32_t entry; /* in the beam under construction */
};

struct entry {
    int32_t text;
    double blank, token; /* log-probabilities of the paths that end so */
    double score;        /* of all, with the bonus */
};

struct beam {
    const struct ctc_scores *s;
    const struct ctc_beam_options *o;
    struct text *texts;
    int32_t n_texts, cap_texts;
    int32_t *slots; /* (parent, token) -> text; text 0 is nobody's child, so 0 is free */
    size_t n_slots; /* a power of two */
    struct entry *now, *next;
    int32_t n_now, n_next, cap_now, cap_next;
    int64_t frame;
};

struct ctc_beam_options ctc_beam_defaults(void) {
    return (struct ctc_beam_options){.width = 100, .token_floor = -5, .beam_floor = -10};
}

static double log_add(double a, double b) {
    if (a < b) return log_add(b, a);
    return b > -INFINITY ? a + log1p(exp(b - a)) : a;
}

/* ---- texts ---- */

static size_t hash(int32_t parent, int32_t token) {
    uint64_t h = ((uint64_t)(uint32_t)parent << 32 | (uint32_t)token) * 0x9e3779b97f4a7c15u;
    return (size_t)(h >> 32);
}

static int32_t *find_slot(const struct beam *b, int32_t parent, int32_t token) {
    size_t i = hash(parent, token) & (b->n_slots - 1);
    while (b->slots[i] != 0) {
        const struct text *t = &b->texts[b->slots[i]];
        if (t->parent == parent && t->token == token) break;
        i = (i + 1) & (b->n_slots - 1);
    }
    return &b->slots[i];
}

static karma_status grow_texts(struct beam *b) {
    if (b->cap_texts > INT32_MAX / 8) return status_fail(KARMA_E_LIMIT, "beam: too many texts");
    const int32_t cap = b->cap_texts ? b->cap_texts * 2 : 1024;
    struct text *texts = mem_realloc(b->texts, (size_t)cap * sizeof(*texts));
    if (!texts) return KARMA_E_NOMEM;
    b->texts = texts;
    int32_t *slots = mem_calloc((size_t)cap * 2, sizeof(*slots));
    if (!slots) return KARMA_E_NOMEM;
    mem_free(b->slots);
    b->slots = slots;
    b->n_slots = (size_t)cap * 2;
    b->cap_texts = cap;
    for (int32_t i = 1; i < b->n_texts; i++)
        *find_slot(b, texts[i].parent, texts[i].token) = i;
    return KARMA_OK;
}

static karma_status longer_text(struct beam *b, int32_t parent, int32_t token, int32_t *out) {
    int32_t *slot = find_slot(b, parent, token);
    *out = *slot;
    if (*out) return KARMA_OK;
    if (b->n_texts == b->cap_texts) {
        karma_status st = grow_texts(b);
        if (st < 0) return st;
        slot = find_slot(b, parent, token);
    }
    double bonus;
    const struct text *p = &b->texts[parent];
    const int32_t state = hot_words_step(b->o->hot, p->hot_state, token, &bonus);
    *out = *slot = b->n_texts++;
    b->texts[*out] = (struct text){.parent = parent,
                                   .token = token,
                                   .length = p->length + 1,
                                   .hot_state = state,
                                   .bonus = p->bonus + bonus,
                                   .frame = -1};
    return KARMA_OK;
}

/* ---- one frame ---- */

/* The entry of a text in the next beam. */
static karma_status next_entry(struct beam *b, int32_t text, struct entry **out) {
    struct text *t = &b->texts[text];
    if (t->frame != b->frame) {
        if (b->n_next == b->cap_next) {
            const int32_t cap = b->cap_next ? b->cap_next * 2 : 1024;
            struct entry *more = mem_realloc(b->next, (size_t)cap * sizeof(*more));
            if (!more) return KARMA_E_NOMEM;
            b->next = more;
            b->cap_next = cap;
        }
        t->frame = b->frame;
        t->entry = b->n_next;
        b->next[b->n_next++] = (struct entry){text, -INFINITY, -INFINITY, 0};
    }
    *out = &b->next[t->entry];
    return KARMA_OK;
}

static karma_status extend(struct beam *b, const struct entry *e, int32_t token, double logprob) {
    const struct text t = b->texts[e->text];
    struct entry *to;
    int32_t text;
    const double all = log_add(e->blank, e->token);
    karma_status st = KARMA_OK;
    if (token == b->s->blank) {
        st = next_entry(b, e->text, &to);
        if (st == KARMA_OK) to->blank = log_add(to->blank, all + logprob);
        return st;
    }
    const bool again = t.length > 0 && t.token == token;
    if (again) { /* without a blank between, it is the same token going on */
        st = next_entry(b, e->text, &to);
        if (st == KARMA_OK) to->token = log_add(to->token, e->token + logprob);
    }
    const double from = again ? e->blank : all;
    if (st < 0 || !(from > -INFINITY)) return st;
    st = longer_text(b, e->text, token, &text);
    if (st == KARMA_OK) st = next_entry(b, text, &to);
    if (st == KARMA_OK) to->token = log_add(to->token, from + logprob);
    return st;
}

/* Best first; equal ones in the order the texts were met, so that the result is one. */
static int by_score(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return x->text < y->text ? -1 : x->text > y->text;
}

static void prune(struct beam *b) {
    for (int32_t i = 0; i < b->n_next; i++) {
        struct entry *e = &b->next[i];
        e->score = log_add(e->blank, e->token) + b->texts[e->text].bonus;
    }
    qsort(b->next, (size_t)b->n_next, sizeof(*b->next), by_score);
    int32_t kept = b->n_next < b->o->width ? b->n_next : b->o->width;
    while (kept > 1 && b->next[kept - 1].score < b->next[0].score + (double)b->o->beam_floor)
        kept--;
    struct entry *swap = b->now;
    const int32_t cap = b->cap_now;
    b->now = b->next;
    b->cap_now = b->cap_next;
    b->n_now = kept;
    b->next = swap;
    b->cap_next = cap;
    b->n_next = 0;
}

static karma_status frame(struct beam *b) {
    const float *row = b->s->logits + b->frame * b->s->ld;
    int32_t best = 0;
    double log_sum;
    karma_status st = ctc_log_sum(row, b->s->n_tokens, b->frame, &log_sum);
    for (int32_t k = 1; k < b->s->n_tokens; k++)
        if (row[k] > row[best]) best = k;
    for (int32_t k = 0; st == KARMA_OK && k < b->s->n_tokens; k++) {
        const double logprob = (double)row[k] - log_sum;
        if (k != best && logprob < (double)b->o->token_floor) continue;
        for (int32_t i = 0; st == KARMA_OK && i < b->n_now; i++)
            st = extend(b, &b->now[i], k, logprob);
    }
    if (st == KARMA_OK) prune(b);
    return st;
}

/* ---- the whole ---- */

static karma_status begin(struct beam *b) {
    karma_status st = grow_texts(b);
    b->now = st == KARMA_OK ? mem_alloc(sizeof(*b->now)) : NULL;
    if (!b->now) return KARMA_E_NOMEM;
    b->texts[0] = (struct text){.parent = -1, .token = -1, .frame = -1};
    b->n_texts = 1;
    b->cap_now = b->n_now = 1;
    b->now[0] = (struct entry){0, 0, -INFINITY, 0};
    return KARMA_OK;
}

/* The best text when what unfinished hot words were lent is taken back. */
static int32_t best_text(const struct beam *b, double *logprob) {
    double best = -INFINITY;
    int32_t text = 0;
    for (int32_t i = 0; i < b->n_now; i++) {
        const struct entry *e = &b->now[i];
        const double score = e->score + hot_words_end(b->o->hot, b->texts[e->text].hot_state);
        if (score <= best) continue;
        best = score;
        text = e->text;
        *logprob = log_add(e->blank, e->token);
    }
    return text;
}

static karma_status finish(const struct beam *b, struct heard *out) {
    double logprob = 0;
    int32_t text = best_text(b, &logprob);
    const size_t count = (size_t)b->texts[text].length;
    int32_t *tokens = mem_alloc((count + 1) * sizeof(*tokens));
    if (!tokens) return KARMA_E_NOMEM;
    const double before = out->logprob;
    for (size_t i = count; i-- > 0; text = b->texts[text].parent)
        tokens[i] = b->texts[text].token;
    karma_status st = ctc_align(b->s, tokens, count, out);
    out->logprob = before + logprob;
    mem_free(tokens);
    return st;
}

karma_status ctc_beam(const struct ctc_scores *s, const struct ctc_beam_options *o,
                      struct heard *out) {
    struct beam b = {.s = s, .o = o};
    karma_status st = begin(&b);
    for (; st == KARMA_OK && b.frame < s->n_frames; b.frame++)
        st = frame(&b);
    if (st == KARMA_OK) st = finish(&b, out);
    mem_free(b.texts);
    mem_free(b.slots);
    mem_free(b.now);
    mem_free(b.next);
    return st;
}
