/*
 * tally.h - what is kept of the samples of a metric, and what is made of it: the mean of scores,
 * the value of summed counts, each with its standard error and a 95 % interval (base/statistics.h).
 * Samples of one group are drawn together, so sums are kept by group.
 */
#ifndef METRICS_TALLY_H
#define METRICS_TALLY_H

#include "base/map.h"
#include "metrics/metric.h"

struct tally {
    const struct metric_ops *ops; /* NULL: a registered metric, scores alone */
    void *state;                  /* of ops */
    karma_metric_kind kind;
    size_t n, n_left_out;     /* samples that count, and those the metric does not apply to */
    double sum, mean, square; /* of scores; mean and sum of squared distances are Welford's */
    bool grouped;             /* some group was named */
    struct map groups;        /* by name: number */
    size_t n_groups;          /* a sample without one is its own */
    /* [n_groups][width]: counts; of a mean the sum of scores and their number; of records none */
    double *rows;
    size_t width, cap;
    size_t *group_of; /* [n] of records */
    size_t cap_records;
    double *total; /* [width] */
};

/* width: numbers a sample adds; 2 for means, 0 for records. */
karma_status tally_init(struct tally *t, size_t width);
/* One more sample. row: what it adds, [width]; score: its own, NaN: leave it out. On failure the
 * tally is as it was. */
karma_status tally_add(struct tally *t, const char *group, double score, const double *row);
karma_status tally_result(struct tally *t, karma_metric_result *out);
void tally_release(struct tally *t);

#endif
