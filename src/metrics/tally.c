/* tally.c - see tally.h. Which interval belongs to which kind: doc/reference/metrics.md. */
#include "metrics/tally.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "base/statistics.h"

karma_status tally_init(struct tally *t, size_t width) {
    t->width = width;
    t->total = mem_calloc(width + 1, sizeof(*t->total));
    return t->total ? KARMA_OK : KARMA_E_NOMEM;
}

void tally_release(struct tally *t) {
    map_release(&t->groups);
    mem_free(t->rows);
    mem_free(t->group_of);
    mem_free(t->total);
}

/* Room for one more group and one more record. */
static karma_status make_room(struct tally *t) {
    if (t->n_groups == t->cap) {
        const size_t cap = t->cap ? 2 * t->cap : 32;
        uint64_t bytes;
        if (!size_mul(cap, (t->width ? t->width : 1) * sizeof(double), &bytes))
            return status_fail(KARMA_E_OVERFLOW, "too many samples");
        double *rows = mem_realloc(t->rows, bytes);
        if (!rows) return KARMA_E_NOMEM;
        t->rows = rows;
        t->cap = cap;
    }
    if (t->kind == KARMA_METRIC_RECORDS && t->n == t->cap_records) {
        const size_t cap = t->cap_records ? 2 * t->cap_records : 32;
        size_t *group_of = mem_realloc(t->group_of, cap * sizeof(*group_of));
        if (!group_of) return KARMA_E_NOMEM;
        t->group_of = group_of;
        t->cap_records = cap;
    }
    return KARMA_OK;
}

/* The number of the sample's group; a new one has a row of zeros. */
static karma_status find_group(struct tally *t, const char *name, size_t *out) {
    struct map_entry *entry = NULL;
    bool added = true;
    if (name) {
        karma_status st = map_put(&t->groups, name, strlen(name), &entry, &added);
        if (st < 0) return st;
        t->grouped = true;
    }
    if (added) {
        if (entry) entry->value.u64 = t->n_groups;
        memset(t->rows + t->n_groups * t->width, 0, t->width * sizeof(double));
        t->n_groups++;
    }
    *out = entry ? (size_t)entry->value.u64 : t->n_groups - 1;
    return KARMA_OK;
}

karma_status tally_add(struct tally *t, const char *group, double score, const double *row) {
    size_t g = 0;
    if (isnan(score)) {
        t->n_left_out++;
        return KARMA_OK;
    }
    karma_status st = make_room(t);
    if (st == KARMA_OK) st = find_group(t, group, &g);
    if (st < 0) return st;
    if (t->kind == KARMA_METRIC_RECORDS) t->group_of[t->n] = g;
    for (size_t i = 0; i < t->width; i++) {
        t->rows[g * t->width + i] += row[i];
        t->total[i] += row[i];
    }
    t->n++;
    t->sum += score;
    const double difference = score - t->mean;
    t->mean += difference / (double)t->n;
    t->square += difference * (score - t->mean);
    return KARMA_OK;
}

/* ---- what is made of it ---- */

static void take(karma_metric_result *out, const struct stats_estimate *e, const char *method) {
    out->standard_error = e->standard_error;
    out->ci_low = e->low;
    out->ci_high = e->high;
    out->method = method;
}

/* Numerator and denominator of each group. */
static karma_status pairs_of(const struct tally *t, struct arena *scratch,
                             struct stats_sum **pairs) {
    *pairs = arena_calloc(scratch, t->n_groups + 1, sizeof(**pairs));
    if (!*pairs) return KARMA_E_NOMEM;
    for (size_t g = 0; g < t->n_groups; g++)
        (*pairs)[g] = (struct stats_sum){t->rows[g * t->width], t->rows[g * t->width + 1]};
    return KARMA_OK;
}

static karma_status end_mean(const struct tally *t, struct arena *scratch,
                             karma_metric_result *out) {
    struct stats_estimate e = stats_mean_of_sums(t->sum, t->square, t->n);
    struct stats_sum *pairs;
    out->score = e.value;
    if (!t->grouped) {
        const bool share = t->kind == KARMA_METRIC_SHARE;
        if (share) stats_wilson(t->sum, (double)t->n, &e.low, &e.high);
        take(out, &e, share ? "wilson" : "normal");
        return KARMA_OK;
    }
    karma_status st = pairs_of(t, scratch, &pairs);
    if (st == KARMA_OK)
        st = t->kind == KARMA_METRIC_SHARE ? stats_clustered_share(pairs, t->n_groups, &e)
                                           : stats_clustered(pairs, t->n_groups, &e);
    if (st == KARMA_OK) take(out, &e, "clustered");
    return st;
}

static double value_of_counts(const void *ctx, const double *sum, size_t n) {
    const struct tally *t = ctx;
    return t->ops->value(t->state, sum, n);
}

/* An error rate is a ratio of sums, whose standard error has a formula; resampling gives the
 * interval, which need not be symmetric. */
static karma_status end_counts(const struct tally *t, struct arena *scratch,
                               karma_metric_result *out) {
    const struct stats_counts c = {.rows = t->rows,
                                   .n = t->n_groups,
                                   .n_counts = t->width,
                                   .score = value_of_counts,
                                   .ctx = t};
    struct stats_estimate e, ratio = {0};
    struct stats_sum *pairs;
    karma_status st = stats_bootstrap(&c, STATS_RESAMPLES, scratch, &e);
    if (st < 0) return st;
    out->score = t->ops->value(t->state, t->total, t->width);
    if (t->ops->error_rate) {
        st = pairs_of(t, scratch, &pairs);
        if (st == KARMA_OK) st = stats_clustered(pairs, t->n_groups, &ratio);
        e.standard_error = ratio.standard_error;
    }
    if (st == KARMA_OK) take(out, &e, "bootstrap");
    return st;
}

struct redraw {
    const struct tally *t;
    double *weights; /* [n] of samples */
};

static double value_of_groups(void *ctx, const double *weights, size_t n) {
    const struct redraw *r = ctx;
    (void)n;
    for (size_t i = 0; weights && i < r->t->n; i++)
        r->weights[i] = weights[r->t->group_of[i]];
    return r->t->ops->value_of(r->t->state, weights ? r->weights : NULL);
}

static karma_status end_records(const struct tally *t, struct arena *scratch,
                                karma_metric_result *out) {
    struct redraw r = {t, arena_calloc(scratch, t->n + 1, sizeof(double))};
    struct stats_estimate e;
    karma_status st = r.weights ? KARMA_OK : KARMA_E_NOMEM;
    if (st < 0) return st;
    if (t->ops->share_of) {
        size_t successes, n;
        t->ops->share_of(t->state, &successes, &n);
        e = stats_share(successes, n);
        out->score = e.value;
        take(out, &e, "wilson");
        return KARMA_OK;
    }
    st = stats_bootstrap_weights(value_of_groups, &r, t->n_groups, STATS_RESAMPLES, scratch, &e);
    out->score = e.value;
    if (st == KARMA_OK) take(out, &e, "bootstrap");
    return st;
}

karma_status tally_result(struct tally *t, karma_metric_result *out) {
    static const char *const methods[] = {
        [KARMA_METRIC_SHARE] = "wilson",
        [KARMA_METRIC_MEAN] = "normal",
        [KARMA_METRIC_COUNTS] = "bootstrap",
        [KARMA_METRIC_RECORDS] = "bootstrap",
    };
    struct arena scratch = {0};
    karma_status st;
    *out = (karma_metric_result){.score = t->n_left_out ? NAN : 0,
                                 .n = t->n,
                                 .standard_error = NAN,
                                 .ci_low = NAN,
                                 .ci_high = NAN,
                                 .method = methods[t->kind]};
    if (t->n == 0) return KARMA_OK;
    if (t->kind == KARMA_METRIC_COUNTS)
        st = end_counts(t, &scratch, out);
    else if (t->kind == KARMA_METRIC_RECORDS)
        st = end_records(t, &scratch, out);
    else
        st = end_mean(t, &scratch, out);
    arena_release(&scratch);
    return st;
}
