/* sampler.c - see sampler.h. */
#include "nn/sampler.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 16 };

karma_status sampler_check(const struct sampler_options *o) {
    if (!(o->repetition_penalty > 0) || !isfinite(o->repetition_penalty)) {
        return status_fail(KARMA_E_RANGE, "repetition_penalty: expected more than 0, found %g",
                           o->repetition_penalty);
    }
    if (!o->do_sample) return KARMA_OK;
    if (!(o->temperature > 0) || !isfinite(o->temperature)) {
        return status_fail(
            KARMA_E_RANGE,
            "temperature: expected more than 0, found %g (do_sample false is greedy)",
            o->temperature);
    }
    if (o->top_k < 0) {
        return status_fail(KARMA_E_RANGE, "top_k: expected 0 or more, found %d", o->top_k);
    }
    if (!(o->top_p > 0 && o->top_p <= 1)) {
        return status_fail(KARMA_E_RANGE, "top_p: expected more than 0 and at most 1, found %g",
                           o->top_p);
    }
    if (!(o->min_p >= 0 && o->min_p <= 1)) {
        return status_fail(KARMA_E_RANGE, "min_p: expected 0 to 1, found %g", o->min_p);
    }
    return KARMA_OK;
}

size_t sampler_bytes(int64_t vocab_size) {
    return (size_t)vocab_size * (sizeof(struct sampler_entry) + sizeof(float) + 1);
}

void sampler_init(struct sampler *s, int64_t vocab_size, void *memory) {
    const size_t n = (size_t)vocab_size;
    s->vocab_size = vocab_size;
    s->ranked = memory;
    s->scores = (float *)(s->ranked + n);
    s->seen = (unsigned char *)(s->scores + n);
}

/* Exponents of ones alone are infinities and NaN. In blocks, because compilers then make vectors of
 * it, and the rows of a batch are long. */
static int64_t finite_beginning(const float *x, int64_t n) {
    const uint32_t ones = 0x7f800000;
    int64_t i = 0;
    for (; i + BLOCK <= n; i += BLOCK) {
        uint32_t bits[BLOCK], bad = 0;
        memcpy(bits, x + i, sizeof(bits));
        for (int j = 0; j < BLOCK; j++)
            bad |= (bits[j] & ones) == ones;
        if (bad) break;
    }
    return i;
}

karma_status sampler_check_logits(const float *logits, int64_t vocab_size) {
    for (int64_t i = finite_beginning(logits, vocab_size); i < vocab_size; i++) {
        if (isfinite(logits[i])) continue;
        return status_fail(KARMA_E_NONFINITE, "logit of token %lld is %s", (long long)i,
                           isnan(logits[i]) ? "NaN" : "infinite");
    }
    return KARMA_OK;
}

/* Higher scores first; equal ones by id, so that every order here is one order. */
static bool ranks_before(struct sampler_entry a, struct sampler_entry b) {
    return a.score > b.score || (a.score == b.score && a.id < b.id);
}

/* A heap whose root is the entry that ranks last. */
static void sift_down(struct sampler_entry *heap, int64_t n, int64_t at) {
    const struct sampler_entry moved = heap[at];
    for (;;) {
        int64_t child = 2 * at + 1;
        if (child >= n) break;
        if (child + 1 < n && ranks_before(heap[child], heap[child + 1])) child++;
        if (!ranks_before(moved, heap[child])) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

/* The n best of all scores into s->ranked, in order; those dropped before take part last. */
static void rank(struct sampler *s, const float *scores, int64_t n) {
    struct sampler_entry *heap = s->ranked;
    for (int64_t i = 0; i < n; i++) {
        heap[i] = (struct sampler_entry){.score = scores[i], .id = (int32_t)i};
    }
    for (int64_t i = n / 2 - 1; i >= 0; i--)
        sift_down(heap, n, i);
    for (int64_t i = n; i < s->vocab_size; i++) {
        if (scores[i] <= heap[0].score) continue; /* equal ones rank after by their id */
        heap[0] = (struct sampler_entry){.score = scores[i], .id = (int32_t)i};
        sift_down(heap, n, 0);
    }
    for (int64_t end = n - 1; end > 0; end--) { /* the last comes out first */
        const struct sampler_entry last = heap[0];
        heap[0] = heap[end];
        sift_down(heap, end, 0);
        heap[end] = last;
    }
}

static float highest(const float *scores, int64_t n) {
    float lane[BLOCK], max = scores[0];
    int64_t i = 0;
    for (int j = 0; j < BLOCK; j++)
        lane[j] = max;
    for (; i + BLOCK <= n; i += BLOCK)
        for (int j = 0; j < BLOCK; j++)
            lane[j] = scores[i + j] > lane[j] ? scores[i + j] : lane[j];
    for (; i < n; i++)
        max = scores[i] > max ? scores[i] : max;
    for (int j = 0; j < BLOCK; j++)
        max = lane[j] > max ? lane[j] : max;
    return max;
}

double sampler_log_sum(const float *logits, int64_t vocab_size, float *max) {
    *max = highest(logits, vocab_size);
    double sum = 0;
    for (int64_t i = 0; i < vocab_size; i++)
        sum += exp((double)logits[i] - (double)*max);
    return log(sum);
}

void sampler_top(struct sampler *s, const float *logits, int32_t n, int32_t *ids, float *values) {
    rank(s, logits, n);
    for (int32_t i = 0; i < n; i++) {
        ids[i] = s->ranked[i].id;
        values[i] = s->ranked[i].score;
    }
}

/* Once per id, however often it occurs. An id without a score stands for a picture. */
static void penalize(struct sampler *s, double penalty, const int32_t *history, size_t n) {
    const float p = (float)penalty;
    for (size_t i = 0; i < n; i++) {
        const int32_t id = history[i];
        if (id < 0 || id >= s->vocab_size || s->seen[id]) continue;
        s->seen[id] = 1;
        s->scores[id] = s->scores[id] < 0 ? s->scores[id] * p : s->scores[id] / p;
    }
    for (size_t i = 0; i < n; i++)
        if (history[i] >= 0 && history[i] < s->vocab_size) s->seen[history[i]] = 0;
}

/* Scores strictly below the k-th are dropped; what equals it stays. */
static void keep_top_k(struct sampler *s, int32_t top_k) {
    if (top_k >= s->vocab_size) return;
    rank(s, s->scores, top_k);
    const float last = s->ranked[top_k - 1].score;
    for (int64_t i = 0; i < s->vocab_size; i++) {
        if (s->scores[i] < last) s->scores[i] = -INFINITY;
    }
}

/* Keep the likeliest tokens until their mass reaches p, the one that crosses it included. */
static void keep_top_p(struct sampler *s, double p) {
    const float max = highest(s->scores, s->vocab_size);
    double total = 0;
    for (int64_t i = 0; i < s->vocab_size; i++)
        total += exp((double)s->scores[i] - (double)max);
    double mass = 0;
    int64_t kept = 0;
    /* Most rows are decided by their first few tokens; ranking all of them would cost the most. */
    for (int64_t ranked = 0; mass / total < p && ranked < s->vocab_size;) {
        ranked = ranked == 0 ? 64 : ranked * 8;
        if (ranked > s->vocab_size) ranked = s->vocab_size;
        rank(s, s->scores, ranked);
        while (kept < ranked && mass / total < p) {
            mass += exp((double)s->ranked[kept++].score - (double)max);
        }
    }
    const struct sampler_entry last = s->ranked[kept - 1];
    for (int64_t i = 0; i < s->vocab_size; i++) {
        const struct sampler_entry e = {.score = s->scores[i], .id = (int32_t)i};
        if (ranks_before(last, e)) s->scores[i] = -INFINITY;
    }
}

static void keep_min_p(struct sampler *s, double p) {
    const float max = highest(s->scores, s->vocab_size);
    for (int64_t i = 0; i < s->vocab_size; i++) {
        if (exp((double)s->scores[i] - (double)max) < p) s->scores[i] = -INFINITY;
    }
}

const float *sampler_process(struct sampler *s, const float *logits,
                             const struct sampler_options *o, const int32_t *history,
                             size_t n_history) {
    memcpy(s->scores, logits, (size_t)s->vocab_size * sizeof(*logits));
    if (o->repetition_penalty != 1) penalize(s, o->repetition_penalty, history, n_history);
    if (!o->do_sample) return s->scores;
    if (o->temperature != 1) {
        const float t = (float)o->temperature;
        for (int64_t i = 0; i < s->vocab_size; i++)
            s->scores[i] /= t;
    }
    if (o->top_k > 0) keep_top_k(s, o->top_k);
    if (o->top_p < 1) keep_top_p(s, o->top_p);
    if (o->min_p > 0) keep_min_p(s, o->min_p);
    return s->scores;
}

static int32_t first_highest(const float *scores, int64_t n) {
    const float max = highest(scores, n);
    int64_t i = 0;
    while (i < n - 1 && scores[i] != max)
        i++;
    return (int32_t)i;
}

int32_t sampler_pick(struct sampler *s, const float *logits, const struct sampler_options *o,
                     const int32_t *history, size_t n_history, struct rng *rng) {
    if (!o->do_sample && o->repetition_penalty == 1) return first_highest(logits, s->vocab_size);
    const float *scores = sampler_process(s, logits, o, history, n_history);
    if (!o->do_sample) return first_highest(scores, s->vocab_size);
    const float max = highest(scores, s->vocab_size);
    if (!isfinite(max)) return first_highest(scores, s->vocab_size); /* overflowed: it has it all */
    double total = 0;
    for (int64_t i = 0; i < s->vocab_size; i++) {
        if (scores[i] > -INFINITY) total += exp((double)scores[i] - (double)max);
    }
    const double drawn = rng_uniform(rng) * total;
    double sum = 0;
    int64_t last = 0;
    for (int64_t i = 0; i < s->vocab_size; i++) {
        if (!(scores[i] > -INFINITY)) continue;
        sum += exp((double)scores[i] - (double)max);
        last = i;
        if (sum > drawn) break;
    }
    return (int32_t)last; /* the last kept one if rounding left the sum below the draw */
}
