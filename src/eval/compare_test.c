/*
 * compare_test.c - two runs' scores of the same samples: which test fits what kind of score, and
 * what is said of it in words. See compare.h (eval); the methods are in doc/statistics.md.
 */
#include <math.h>
#include <string.h>

#include "base/statistics.h"
#include "eval/compare.h"

/* Scores of the pairs that have both, side by side. */
struct sides {
    size_t *pair;  /* [n]: which of the pairs */
    double *x[2];  /* [n] */
    size_t *group; /* [n] */
    size_t n, n_groups;
    const struct compare_metric *m[2];
    karma_metric *metric; /* NULL: not known here */
};

static bool is_zero_one(const struct sides *s) {
    for (size_t i = 0; i < s->n; i++)
        for (int side = 0; side < 2; side++)
            if (s->x[side][i] != 0 && s->x[side][i] != 1) return false;
    return true;
}

static karma_status gather(struct arena *a, const struct compare_pairs *p, const char *name,
                           struct sides *s) {
    const size_t shared = p->set[0]->group_names.count;
    size_t *number = arena_calloc(a, shared + 1, sizeof(*number)); /* of a shared group, + 1 */
    s->pair = arena_calloc(a, p->n + 1, sizeof(*s->pair));
    s->group = arena_calloc(a, p->n + 1, sizeof(*s->group));
    if (!number || !s->pair || !s->group) return KARMA_E_NOMEM;
    for (int side = 0; side < 2; side++) {
        s->m[side] = compare_find_metric(p->set[side], name);
        s->x[side] = arena_calloc(a, p->n + 1, sizeof(*s->x[side]));
        if (!s->x[side]) return KARMA_E_NOMEM;
    }
    for (size_t i = 0; i < p->n; i++) {
        const double first = s->m[0]->scores[p->at[0][i]], second = s->m[1]->scores[p->at[1][i]];
        if (isnan(first) || isnan(second)) continue;
        const size_t group = p->set[0]->groups[p->at[0][i]];
        s->x[0][s->n] = first;
        s->x[1][s->n] = second;
        s->pair[s->n] = i;
        if (group && number[group - 1]) {
            s->group[s->n] = number[group - 1] - 1;
        } else {
            s->group[s->n] = s->n_groups++;
            if (group) number[group - 1] = s->n_groups;
        }
        s->n++;
    }
    return KARMA_OK;
}

/* The metric with the arguments it had, by the manifest; *out NULL where it is not known, as one of
 * a plugin that is not loaded. */
static karma_status make_metric(const struct json *manifest, const char *set, const char *name,
                                karma_metric **out) {
    const struct json *of_set = json_get(json_get(manifest, "datasets"), set);
    const struct json *args = json_get(json_get(of_set, "metrics"), name);
    struct buf text = {0};
    *out = NULL;
    karma_status st = json_is_object(args) ? json_write(&text, args, 0, JSON_COMPACT) : KARMA_OK;
    if (st == KARMA_OK) st = karma_metric_create(name, text.len ? buf_str(&text) : NULL, out);
    buf_release(&text);
    return st == KARMA_E_NOMEM ? st : KARMA_OK;
}

/* ---- shares and means ---- */

static void take_estimate(const struct stats_estimate *e, int side, struct compare_test *t) {
    t->score[side] = e->value;
    t->low[side] = e->low;
    t->high[side] = e->high;
}

static karma_status estimate(struct arena *a, const struct sides *s, bool share,
                             struct compare_test *t) {
    const bool grouped = s->n_groups < s->n;
    t->interval_method = grouped ? "clustered" : share ? "wilson" : "normal";
    karma_status st = KARMA_OK;
    for (int side = 0; side < 2 && st == KARMA_OK; side++) {
        struct stats_estimate e;
        size_t right = 0;
        struct stats_sum *sums = arena_calloc(a, s->n_groups + 1, sizeof(*sums));
        if (!sums) return KARMA_E_NOMEM;
        for (size_t i = 0; i < s->n; i++)
            right += s->x[side][i] == 1;
        if (grouped) {
            st = stats_sum_groups(s->x[side], NULL, s->group, s->n, s->n_groups, sums);
            if (st == KARMA_OK && share) st = stats_clustered_share(sums, s->n_groups, &e);
            if (st == KARMA_OK && !share) st = stats_clustered(sums, s->n_groups, &e);
        } else if (share) {
            e = stats_share(right, s->n);
        } else {
            st = stats_mean(s->x[side], s->n, &e);
        }
        if (st == KARMA_OK) take_estimate(&e, side, t);
    }
    return st;
}

static void take_difference(const struct stats_difference *d, struct compare_test *t) {
    t->difference = d->value;
    t->standard_error = d->standard_error;
    t->diff_low = d->low;
    t->diff_high = d->high;
    t->p = d->p;
}

static karma_status find_flips(struct arena *a, const struct sides *s, struct compare_test *t) {
    for (int side = 0; side < 2; side++) {
        t->flips[side] = arena_calloc(a, s->n + 1, sizeof(size_t));
        if (!t->flips[side]) return KARMA_E_NOMEM;
    }
    for (size_t i = 0; i < s->n; i++) {
        const bool first = s->x[0][i] == 1, second = s->x[1][i] == 1;
        t->both += first && second;
        t->neither += !first && !second;
        if (first && !second) t->flips[0][t->only[0]++] = s->pair[i];
        if (second && !first) t->flips[1][t->only[1]++] = s->pair[i];
    }
    t->p_mcnemar = stats_mcnemar(t->only[1], t->only[0]);
    return KARMA_OK;
}

static karma_status test_scores(struct arena *a, const struct sides *s, struct compare_test *t) {
    const bool grouped = s->n_groups < s->n;
    struct stats_difference d;
    t->share = is_zero_one(s);
    karma_status st = estimate(a, s, t->share, t);
    if (st == KARMA_OK && t->share) st = find_flips(a, s, t);
    if (st < 0) return st;
    if (t->share && !grouped) {
        t->method = "mcnemar_exact";
        d = stats_paired_shares(t->only[1], t->only[0], s->n);
        t->detectable = stats_detectable_pairs(t->only[0] + t->only[1], s->n);
        t->p_equivalence = stats_equivalence_shares(t->only[1], t->only[0], s->n, t->delta);
    } else {
        t->method = grouped ? "paired_t_by_group" : "paired_t";
        st = stats_paired(s->x[1], s->x[0], s->n, grouped ? s->group : NULL, s->n_groups, a, &d);
        if (st < 0) return st;
        t->detectable = stats_detectable(d.standard_error, d.df);
        t->p_equivalence = stats_equivalence(d.value, d.standard_error, d.df, t->delta);
    }
    take_difference(&d, t);
    return st;
}

/* ---- counts ---- */

static double score_of_counts(const void *metric, const double *sum, size_t n) {
    double score;
    return karma_metric_from_counts(metric, sum, n, &score) == KARMA_OK ? score : NAN;
}

/* One row for each group of documents. */
static karma_status rows_of(struct arena *a, const struct sides *s, const struct compare_pairs *p,
                            int side, struct stats_counts *out) {
    const struct compare_metric *m = s->m[side];
    double *rows = arena_calloc(a, s->n_groups + 1, m->width * sizeof(*rows));
    if (!rows) return KARMA_E_NOMEM;
    for (size_t i = 0; i < s->n; i++) {
        const size_t at = p->at[side][s->pair[i]], n = m->from[at + 1] - m->from[at];
        for (size_t k = 0; k < n; k++)
            rows[s->group[i] * m->width + k] += m->counts[m->from[at] + k];
    }
    *out = (struct stats_counts){rows, s->n_groups, m->width, score_of_counts, s->metric};
    return KARMA_OK;
}

static karma_status test_counts(struct arena *a, const struct sides *s,
                                const struct compare_pairs *p, struct compare_test *t) {
    struct stats_counts c[2];
    struct stats_difference d;
    struct arena scratch = {0};
    karma_status st = KARMA_OK;
    t->method = "paired_bootstrap";
    t->interval_method = "bootstrap";
    for (int side = 0; side < 2 && st == KARMA_OK; side++) {
        struct stats_estimate e;
        st = rows_of(a, s, p, side, &c[side]);
        if (st == KARMA_OK) st = stats_bootstrap(&c[side], STATS_RESAMPLES, &scratch, &e);
        if (st == KARMA_OK) take_estimate(&e, side, t);
    }
    if (st == KARMA_OK) st = stats_paired_bootstrap(&c[1], &c[0], STATS_RESAMPLES, &scratch, &d);
    arena_release(&scratch);
    if (st < 0) return st;
    take_difference(&d, t);
    t->detectable = stats_detectable(d.standard_error, d.df);
    t->p_equivalence = stats_equivalence(d.value, d.standard_error, d.df, t->delta);
    return st;
}

/* Do all samples say what they add? Of labels too many to count some do not. */
static bool all_counted(const struct sides *s, const struct compare_pairs *p) {
    for (size_t i = 0; i < s->n; i++)
        for (int side = 0; side < 2; side++) {
            const size_t at = p->at[side][s->pair[i]];
            if (s->m[side]->from[at + 1] == s->m[side]->from[at]) return false;
        }
    return s->n > 0;
}

/* ---- which ---- */

static karma_status choose(struct arena *a, const struct sides *s, const struct compare_pairs *p,
                           struct compare_test *t) {
    const bool counts = s->m[0]->width > 0 || s->m[1]->width > 0;
    const bool together = s->metric && karma_metric_get_kind(s->metric) == KARMA_METRIC_RECORDS;
    if (s->metric) t->less_is_better = karma_metric_less_is_better(s->metric);
    if (together && !all_counted(s, p)) {
        t->note = "is a value of all samples together and cannot be paired";
    } else if (counts && !s->metric) {
        t->note = "is not known here: load its plugin (--plugin)";
    } else if (counts && (s->m[0]->width == 0 || s->m[1]->width == 0)) {
        t->note = "has counts in one of the runs alone";
    } else if (s->n == 0) {
        t->note = "no sample has a score in both runs";
    } else {
        return counts ? test_counts(a, s, p, t) : test_scores(a, s, t);
    }
    return KARMA_OK;
}

karma_status compare_test(struct arena *a, const struct compare_pairs *pairs, const char *metric,
                          const struct json *manifest, double delta, struct compare_test *out) {
    struct sides s = {0};
    *out = (struct compare_test){.name = metric,
                                 .delta = delta,
                                 .score = {NAN, NAN},
                                 .low = {NAN, NAN},
                                 .high = {NAN, NAN},
                                 .difference = NAN,
                                 .standard_error = NAN,
                                 .diff_low = NAN,
                                 .diff_high = NAN,
                                 .p = NAN,
                                 .p_holm = NAN,
                                 .p_mcnemar = NAN,
                                 .p_equivalence = NAN,
                                 .detectable = NAN};
    karma_status st = gather(a, pairs, metric, &s);
    if (st == KARMA_OK) st = make_metric(manifest, pairs->set[0]->name, metric, &s.metric);
    if (st == KARMA_OK) {
        out->n = s.n;
        out->n_groups = s.n_groups;
        st = choose(a, &s, pairs, out);
    }
    karma_metric_destroy(s.metric);
    return st;
}

/* ---- in words ---- */

/* "4.1 points", or the number itself of a score that is no share of anything. */
static const char *amount(struct arena *a, const struct compare_test *t, double x, bool unit) {
    const bool points = fmax(fabs(t->score[0]), fabs(t->score[1])) <= 2;
    const double shown = points ? 100 * x : x;
    const double rounded = fabs(shown) < 0.05 ? 0 : shown; /* no "-0.0" */
    return arena_printf(a, "%.1f%s", points ? rounded : shown, points && unit ? " points" : "");
}

static const char *equivalence_words(struct arena *a, const struct compare_test *t) {
    if (!(t->delta > 0) || isnan(t->p_equivalence)) return "";
    const char *within = amount(a, t, t->delta, true);
    if (!within) return NULL;
    return t->p_equivalence < 0.05
               ? arena_printf(a, "; equivalent within %s", within)
               : arena_printf(a, "; equivalence within %s is not shown", within);
}

static const char *difference_words(struct arena *a, const struct compare_test *t) {
    const bool better = (t->difference > 0) != t->less_is_better;
    const char *by = amount(a, t, fabs(t->difference), true),
               *low = amount(a, t, t->diff_low, false), *high = amount(a, t, t->diff_high, false);
    if (!by || !low || !high) return NULL;
    return arena_printf(a, "the second is %s by %s (%s to %s)", better ? "better" : "worse", by,
                        low, high);
}

const char *compare_words(struct arena *a, const struct compare_test *t) {
    const char *said, *more;
    if (!t->method) return arena_printf(a, "%s %s", t->name, t->note);
    if (isnan(t->p)) return "too few pairs to tell";
    if (t->p_holm < 0.05) {
        said = difference_words(a, t);
    } else if (isnan(t->detectable)) {
        said = "no difference shown; so few pairs could show none";
    } else {
        const char *least = amount(a, t, t->detectable, true);
        said = least ? arena_printf(a,
                                    "no difference shown; smallest difference this n could "
                                    "show: %s",
                                    least)
                     : NULL;
    }
    more = said ? equivalence_words(a, t) : NULL;
    return more ? arena_printf(a, "%s%s", said, more) : NULL;
}
