/*
 * statistics.h - how sure a score is, and whether two scores differ: intervals, standard errors,
 * tests of pairs and of slices, resampling. Pure functions: the same input gives the same bits on
 * any number of threads; random ones draw from streams of fixed seed (base/random.h), one for each
 * repetition. Memory comes only from the arena that is passed. What each method is, where it is
 * from and when to trust it: doc/statistics.md.
 *
 * Input that is not finite is refused: E_NONFINITE from those that return a status, NaN from those
 * that return a number. Too little input is no failure: what cannot be told is NaN. Intervals are
 * of 95 %.
 */
#ifndef BASE_STATISTICS_H
#define BASE_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

struct stats_estimate {
    double value;          /* NaN of nothing */
    double standard_error; /* NaN: of fewer than two */
    double low, high;      /* NaN: no interval */
    double df;             /* degrees of freedom the interval has; INFINITY: normal */
    size_t n;              /* independent things it was estimated of: samples, groups, documents */
};

/* --- one score -------------------------------------------------------------------------------- */

/* Wilson's interval of a share; n 0 gives 0 and 1. n may be an effective size that is not whole. */
void stats_wilson(double successes, double n, double *low, double *high);
/* A share of n: standard error sqrt(p (1 - p) / n), Wilson's interval. */
struct stats_estimate stats_share(size_t successes, size_t n);

/* A mean with s / sqrt(n) and Student's interval of n - 1 degrees of freedom. */
karma_status stats_mean(const double *x, size_t n, struct stats_estimate *out);
/* The same of sums, for those who keep no scores: of n numbers and of the squares of their
 * distances from their mean. */
struct stats_estimate stats_mean_of_sums(double sum, double squares, size_t n);

/* What a group of samples that belong together (one vignette, one speaker) adds to a ratio; for a
 * mean the denominator is its number of samples. */
struct stats_sum {
    double numerator, denominator;
};
/* Sum of numerators over sum of denominators; standard error by groups, Student's interval of
 * n_groups - 1 degrees of freedom. With groups of one it is stats_mean(). */
karma_status stats_clustered(const struct stats_sum *groups, size_t n_groups,
                             struct stats_estimate *out);
/* The same standard error; the interval of a share: Wilson's for the effective number of samples,
 * which stays within 0 and 1 and has a width also where all groups are right. */
karma_status stats_clustered_share(const struct stats_sum *groups, size_t n_groups,
                                   struct stats_estimate *out);
/* Add n samples to sums[n_groups], which begin as zeros; denominators NULL: 1 each. group[i] <
 * n_groups, else E_RANGE. */
karma_status stats_sum_groups(const double *numerators, const double *denominators,
                              const size_t *group, size_t n, size_t n_groups,
                              struct stats_sum *sums);

/* --- scores made of counts: error rates, BLEU, F1 --------------------------------------------- */

/* The score of a sum of counts; NaN where it has none, such as of no words. */
typedef double (*stats_score_fn)(const void *ctx, const double *sum, size_t n_counts);
struct stats_counts {
    const double *rows; /* [n][n_counts]: what each document adds, or each group of documents */
    size_t n, n_counts;
    stats_score_fn score;
    const void *ctx;
};
enum {
    STATS_RESAMPLES = 2000
}; /* what karma uses: an end of the interval is then sure to a few
    * hundredths of its width */
/* The score of all rows; the standard error and the percentile interval of n_resamples samples of
 * n rows each, drawn with replacement. Those without a score are left out; with fewer than two
 * rows, or if more than a tenth is left out, there is no interval. */
karma_status stats_bootstrap(const struct stats_counts *c, size_t n_resamples,
                             struct arena *scratch, struct stats_estimate *out);

/* The same of a score that is of no sum, such as one over an order: it is given how often each of
 * the n documents counts, NULL for once each. */
typedef double (*stats_weighted_fn)(void *ctx, const double *weights, size_t n);
karma_status stats_bootstrap_weights(stats_weighted_fn score, void *ctx, size_t n,
                                     size_t n_resamples, struct arena *scratch,
                                     struct stats_estimate *out);

/* --- two scores of the same samples ----------------------------------------------------------- */

struct stats_difference {
    double value; /* first less second; NaN of nothing */
    double standard_error, low, high, df;
    double p; /* two-sided, of no difference; NaN: cannot be told */
    size_t n; /* pairs, or groups of pairs */
};

/* McNemar's exact test: p of as uneven a split of the pairs that differ; 1 when none does. */
double stats_mcnemar(size_t only_first, size_t only_second);
/* Of n pairs of 0/1 scores: the difference of the shares with Bonett and Price's interval and
 * McNemar's p. The standard error is the plain one. */
struct stats_difference stats_paired_shares(size_t only_first, size_t only_second, size_t n);
/* Mean difference a - b of pairs, with Student's interval and test; by groups where group is not
 * NULL (then group[i] < n_groups). */
karma_status stats_paired(const double *a, const double *b, size_t n, const size_t *group,
                          size_t n_groups, struct arena *scratch, struct stats_difference *out);
/* Difference of two scores of counts over the same rows (a->n == b->n, else E_SHAPE): percentile
 * interval of resampled pairs, and the share of resamples, moved so that their mean is 0, that lie
 * as far out as the difference. */
karma_status stats_paired_bootstrap(const struct stats_counts *a, const struct stats_counts *b,
                                    size_t n_resamples, struct arena *scratch,
                                    struct stats_difference *out);
/* p of "they differ by delta or more", by two one-sided tests. delta > 0; df INFINITY: normal. With
 * standard error 0 it is 0 within delta, else 1. */
double stats_equivalence(double difference, double standard_error, double df, double delta);
/* The same of pairs of 0/1 scores, by the centre and spread of Bonett and Price's interval: pairs
 * that never differ are no proof when they are few. */
double stats_equivalence_shares(size_t only_first, size_t only_second, size_t n, double delta);

/* The smallest true difference that a two-sided test at 5 % shows in four of five runs (power 0.8),
 * given the standard error of a difference. */
double stats_detectable(double standard_error, double df);
/* The same of n pairs of 0/1 scores of which so many differ; at most 1. NaN of no pairs. */
double stats_detectable_pairs(size_t n_differ, size_t n);

/* --- two scores of different samples ---------------------------------------------------------- */

/* Shares: pooled z test, Newcombe's interval. */
struct stats_difference stats_two_shares(size_t successes_a, size_t n_a, size_t successes_b,
                                         size_t n_b);
/* Means: Welch's test and interval. */
karma_status stats_welch(const double *a, size_t n_a, const double *b, size_t n_b,
                         struct stats_difference *out);
/* Mean of those marked less mean of the others, standard error by groups, which may hold both. */
karma_status stats_marked_difference(const double *x, const bool *marked, const size_t *group,
                                     size_t n, size_t n_groups, struct arena *scratch,
                                     struct stats_difference *out);
/* Score of the rows marked less that of the others; p by dealing the marks out anew, interval by
 * resampling each part. */
karma_status stats_marked_counts(const struct stats_counts *c, const bool *marked,
                                 size_t n_resamples, struct arena *scratch,
                                 struct stats_difference *out);

/* --- several tests, agreement ----------------------------------------------------------------- */

/* Holm's step-down: adjusted[i] of p[i]; NaN stays NaN and is not counted as a test. p and adjusted
 * may be the same. */
void stats_holm(const double *p, size_t n, double *adjusted);

/* Cohen's kappa of a k x k table of counts (rows: one judge, columns: the other), with the
 * large-sample standard error and interval. NaN when both judges know one answer alone. */
karma_status stats_kappa(const double *table, size_t k, struct stats_estimate *out);

#endif
