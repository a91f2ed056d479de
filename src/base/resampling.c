/*
 * resampling.c - the parts of statistics.h that draw at random: bootstrap and permutation of scores
 * that are made of counts. Repetition number i draws from a stream of its own, so that what it
 * draws depends on nothing else.
 */
#include "base/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

/* The seed is part of results: it may not change. */
static const uint64_t seed = 0x6b61726d61;

static void stream(struct rng *r, const char *what, size_t i) {
    unsigned char key[16] = {0};
    for (size_t k = 0; k < 8; k++) {
        key[k] = (unsigned char)((uint64_t)i >> (8 * k));
        if (k < strlen(what)) key[8 + k] = (unsigned char)what[k];
    }
    rng_init(r, seed, key, sizeof(key));
}

/* 0..n-1; how uneven, n in 2^53, nobody could see. */
static size_t draw(struct rng *r, size_t n) {
    return (size_t)(rng_uniform(r) * (double)n);
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of sorted numbers, between two of them in proportion. */
static double percentile(const double *sorted, size_t n, double p) {
    const double at = p * (double)(n - 1);
    const size_t i = (size_t)at;
    if (i + 1 >= n) return sorted[n - 1];
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

static karma_status check_rows(const struct stats_counts *c) {
    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < c->n_counts; k++)
            if (!isfinite(c->rows[i * c->n_counts + k]))
                return status_fail(KARMA_E_NONFINITE, "document %zu: count %zu is not finite",
                                   i + 1, k + 1);
    return KARMA_OK;
}

static void add_row(const struct stats_counts *c, size_t i, double *sum) {
    for (size_t k = 0; k < c->n_counts; k++)
        sum[k] += c->rows[i * c->n_counts + k];
}

static void clear(const struct stats_counts *c, double *sum) {
    for (size_t k = 0; k < c->n_counts; k++)
        sum[k] = 0;
}

static double score(const struct stats_counts *c, const double *sum) {
    const double s = c->score(c->ctx, sum, c->n_counts);
    return isfinite(s) ? s : NAN;
}

static double *sums_for(struct arena *a, const struct stats_counts *c) {
    return arena_calloc(a, c->n_counts ? c->n_counts : 1, sizeof(double));
}

static double score_of_all(const struct stats_counts *c, double *sum) {
    clear(c, sum);
    for (size_t i = 0; i < c->n; i++)
        add_row(c, i, sum);
    return c->n ? score(c, sum) : NAN;
}

/* What resamples say: sorted in place. False when too many of them have no score. */
struct spread {
    double mean, deviation, low, high;
};
static bool spread_of(double *values, size_t n, size_t n_resamples, struct spread *out) {
    if (n < 2 || n < n_resamples - n_resamples / 10) return false;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    out->mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (values[i] - out->mean) * (values[i] - out->mean);
    out->deviation = sqrt(squares / (double)(n - 1));
    qsort(values, n, sizeof(*values), by_size);
    out->low = percentile(values, n, 0.025);
    out->high = percentile(values, n, 0.975);
    return true;
}

/* The values of resamples as an estimate's error and interval; too few of them change nothing. */
static void take_spread(double *values, size_t n, size_t n_resamples, struct stats_estimate *out) {
    struct spread s;
    if (!spread_of(values, n, n_resamples, &s)) return;
    out->df = INFINITY;
    out->standard_error = s.deviation;
    out->low = s.low;
    out->high = s.high;
}

karma_status stats_bootstrap(const struct stats_counts *c, size_t n_resamples,
                             struct arena *scratch, struct stats_estimate *out) {
    *out = stats_mean_of_sums(0, 0, 0);
    out->n = c->n;
    karma_status st = check_rows(c);
    if (st < 0) return st;
    double *sum = sums_for(scratch, c);
    double *values = arena_calloc(scratch, n_resamples + 1, sizeof(*values));
    if (!sum || !values) return KARMA_E_NOMEM;
    out->value = score_of_all(c, sum);
    if (c->n < 2 || isnan(out->value)) return KARMA_OK;
    size_t n = 0;
    for (size_t i = 0; i < n_resamples; i++) {
        struct rng r;
        stream(&r, "rows", i);
        clear(c, sum);
        for (size_t k = 0; k < c->n; k++)
            add_row(c, draw(&r, c->n), sum);
        values[n] = score(c, sum);
        n += isnan(values[n]) ? 0 : 1;
    }
    take_spread(values, n, n_resamples, out);
    return KARMA_OK;
}

karma_status stats_bootstrap_weights(stats_weighted_fn of, void *ctx, size_t n, size_t n_resamples,
                                     struct arena *scratch, struct stats_estimate *out) {
    *out = stats_mean_of_sums(0, 0, 0);
    out->n = n;
    double *weights = arena_calloc(scratch, n + 1, sizeof(*weights));
    double *values = arena_calloc(scratch, n_resamples + 1, sizeof(*values));
    if (!weights || !values) return KARMA_E_NOMEM;
    if (n > 0) out->value = of(ctx, NULL, n);
    if (n < 2 || isnan(out->value)) return KARMA_OK;
    size_t n_values = 0;
    for (size_t i = 0; i < n_resamples; i++) {
        struct rng r;
        stream(&r, "rows", i);
        memset(weights, 0, n * sizeof(*weights));
        for (size_t k = 0; k < n; k++)
            weights[draw(&r, n)]++;
        values[n_values] = of(ctx, weights, n);
        n_values += isfinite(values[n_values]) ? 1 : 0;
    }
    take_spread(values, n_values, n_resamples, out);
    return KARMA_OK;
}

static void nothing(struct stats_difference *out, size_t n) {
    *out = (struct stats_difference){
        NAN, .standard_error = NAN, .low = NAN, .high = NAN, .df = NAN, .p = NAN, .n = n};
}

/* How many of n values are as far from 0 as `difference` is, or farther. Those that are equal but
 * for rounding count. */
static double tail_share(const double *values, size_t n, double centre, double difference) {
    size_t far = 0;
    for (size_t i = 0; i < n; i++)
        far += fabs(values[i] - centre) >= fabs(difference) * (1 - 1e-12);
    return (double)(far + 1) / (double)(n + 1);
}

static karma_status check_pair(const struct stats_counts *a, const struct stats_counts *b) {
    if (a->n != b->n)
        return status_fail(KARMA_E_SHAPE, "%zu documents and %zu are no pairs", a->n, b->n);
    karma_status st = check_rows(a);
    return st < 0 ? st : check_rows(b);
}

karma_status stats_paired_bootstrap(const struct stats_counts *a, const struct stats_counts *b,
                                    size_t n_resamples, struct arena *scratch,
                                    struct stats_difference *out) {
    nothing(out, a->n);
    karma_status st = check_pair(a, b);
    if (st < 0) return st;
    double *sum_a = sums_for(scratch, a), *sum_b = sums_for(scratch, b);
    double *values = arena_calloc(scratch, n_resamples + 1, sizeof(*values));
    if (!sum_a || !sum_b || !values) return KARMA_E_NOMEM;
    out->value = score_of_all(a, sum_a) - score_of_all(b, sum_b);
    if (a->n < 2 || isnan(out->value)) return KARMA_OK;
    size_t n = 0;
    for (size_t i = 0; i < n_resamples; i++) {
        struct rng r;
        stream(&r, "rows", i);
        clear(a, sum_a);
        clear(b, sum_b);
        for (size_t k = 0; k < a->n; k++) {
            const size_t row = draw(&r, a->n);
            add_row(a, row, sum_a);
            add_row(b, row, sum_b);
        }
        values[n] = score(a, sum_a) - score(b, sum_b);
        n += isnan(values[n]) ? 0 : 1;
    }
    struct spread s;
    if (!spread_of(values, n, n_resamples, &s)) return KARMA_OK;
    out->df = INFINITY;
    out->standard_error = s.deviation;
    out->low = s.low;
    out->high = s.high;
    out->p = tail_share(values, n, s.mean, out->value);
    return KARMA_OK;
}

/* ---- two parts of the rows ---- */

/* Rows of both parts, the marked ones first: the score of the first m less that of the others. */
struct parts {
    const struct stats_counts *c;
    size_t *rows; /* [c->n] */
    size_t m;
    double *sum[2];
};

static double parts_difference(struct parts *p, struct rng *resample) {
    const size_t sizes[2] = {p->m, p->c->n - p->m};
    double s[2];
    const size_t *rows = p->rows;
    for (int side = 0; side < 2; rows += sizes[side++]) {
        clear(p->c, p->sum[side]);
        for (size_t i = 0; i < sizes[side]; i++)
            add_row(p->c, rows[resample ? draw(resample, sizes[side]) : i], p->sum[side]);
        s[side] = score(p->c, p->sum[side]);
    }
    return s[0] - s[1];
}

static void swap_rows(size_t *rows, size_t i, size_t k) {
    const size_t row = rows[i];
    rows[i] = rows[k];
    rows[k] = row;
}

static void order_parts(struct parts *p, const bool *marked) {
    p->m = 0;
    for (size_t i = 0; i < p->c->n; i++)
        if (marked[i]) p->rows[p->m++] = i;
    for (size_t i = 0, at = p->m; i < p->c->n; i++)
        if (!marked[i]) p->rows[at++] = i;
}

karma_status stats_marked_counts(const struct stats_counts *c, const bool *marked,
                                 size_t n_resamples, struct arena *scratch,
                                 struct stats_difference *out) {
    nothing(out, c->n);
    karma_status st = check_rows(c);
    if (st < 0) return st;
    struct parts p = {.c = c,
                      .rows = arena_calloc(scratch, c->n + 1, sizeof(*p.rows)),
                      .sum = {sums_for(scratch, c), sums_for(scratch, c)}};
    double *values = arena_calloc(scratch, n_resamples + 1, sizeof(*values));
    if (!p.rows || !p.sum[0] || !p.sum[1] || !values) return KARMA_E_NOMEM;
    order_parts(&p, marked);
    if (p.m == 0 || p.m == c->n) return KARMA_OK;
    out->value = parts_difference(&p, NULL);
    if (isnan(out->value)) return KARMA_OK;
    size_t n = 0;
    for (size_t i = 0; i < n_resamples && p.m > 1 && c->n - p.m > 1; i++) {
        struct rng r;
        stream(&r, "parts", i);
        values[n] = parts_difference(&p, &r);
        n += isnan(values[n]) ? 0 : 1;
    }
    struct spread s;
    if (spread_of(values, n, n_resamples, &s)) {
        out->df = INFINITY;
        out->standard_error = s.deviation;
        out->low = s.low;
        out->high = s.high;
    }
    n = 0;
    for (size_t i = 0; i < n_resamples; i++) {
        struct rng r;
        stream(&r, "deal", i);
        /* Any order of the rows is as good a beginning as any other. */
        for (size_t k = 0; k < p.m; k++)
            swap_rows(p.rows, k, k + draw(&r, c->n - k));
        values[n] = parts_difference(&p, NULL);
        n += isnan(values[n]) ? 0 : 1;
    }
    if (n) out->p = tail_share(values, n, 0, out->value);
    return KARMA_OK;
}
