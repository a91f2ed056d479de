/*
 * compare.h (eval) - what compare_read.c gathers of two runs and compare.c and compare_test.c make
 * of it: each data set's samples by key, with their scores and counts.
 */
#ifndef EVAL_COMPARE_H
#define EVAL_COMPARE_H

#include "base/map.h"
#include "eval/run_files.h"
#include "karma/compare.h"
#include "karma/metric.h"

/* One metric of one run's data set, by sample. */
struct compare_metric {
    const char *name;
    double *scores;                     /* [n of the set]; NaN: none */
    double *counts;                     /* what samples add, one behind the other */
    size_t *from;                       /* [n of the set + 1]: where each one's begin */
    size_t n_counts, counts_cap, width; /* width: of the longest */
};

struct compare_set {
    const char *name;
    struct map keys; /* -> index of the sample */
    size_t n, cap;
    enum run_line_state *states; /* [n] */
    size_t *groups;              /* [n]: number of its group in group_names + 1; 0: on its own */
    struct map group_names;
    struct compare_metric *metrics;
    size_t n_metrics;
};

struct compare_run {
    struct run_files *files;
    struct arena arena;
    struct compare_set *sets;
    size_t n_sets, sets_cap;
    struct map by_name; /* of sets */
};

/* Read all of a run. Release it in every case; all-zero is fine. */
karma_status compare_read(const char *results, struct compare_run *out);
void compare_release(struct compare_run *r);
/* NULL: the run has none of that name. */
struct compare_set *compare_find_set(const struct compare_run *r, const char *name);
struct compare_metric *compare_find_metric(const struct compare_set *s, const char *name);

/* A data set's samples that were scored in both runs: indices in each. */
struct compare_pairs {
    const struct compare_set *set[2];
    size_t *at[2]; /* [n] */
    size_t n;
};

/* A metric of them. */
struct compare_test {
    const char *name;
    const char *method; /* "mcnemar_exact", ...; NULL: not tested, note says why */
    const char *note;   /* NULL: none */
    double score[2], low[2], high[2];
    const char *interval_method;
    double difference, standard_error, diff_low, diff_high, p, p_holm;
    size_t n, n_groups; /* pairs with both scores; groups among them */
    bool share, less_is_better;
    size_t both, neither, only[2]; /* of 0/1 scores: right in both, in none, in one alone */
    double p_mcnemar;              /* of 0/1 scores */
    double delta, p_equivalence;   /* delta 0: not asked */
    double detectable;             /* NaN: not known */
    size_t *flips[2];              /* of 0/1 scores: pairs right in that run alone; [only[i]] */
};
/* manifest: of the first run, which has the metric's arguments. What lives on is in a. */
karma_status compare_test(struct arena *a, const struct compare_pairs *pairs, const char *metric,
                          const struct json *manifest, double delta, struct compare_test *out);
/* What the test says, in words, in a. */
const char *compare_words(struct arena *a, const struct compare_test *t);

#endif
