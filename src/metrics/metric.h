/*
 * metric.h (metrics) - a metric is a function from a prediction and its reference to a score, or to
 * counts of which a rate is made. What is made of these, mean or rate and the interval, is the same
 * for all and lives in metrics.c. A name that ends in "@k" answers to "@" and a number too, which
 * is then its argument k.
 */
#ifndef METRICS_METRIC_H
#define METRICS_METRIC_H

#include "base/json.h"
#include "karma/metric.h"

/* What a sample adds to an error rate, which is the sum of errors over the sum of units. */
enum { METRIC_MAX_COUNTS = 8 };
struct metric_counts {
    int64_t errors, units;
    int64_t of[METRIC_MAX_COUNTS]; /* what else is summed; the metric knows what they are */
};

struct metric_ops {
    karma_metric_info info;
    const char *alias; /* another name it answers to, which is not listed; NULL: none */
    bool zero_one;     /* scores are 0 or 1: Wilson's interval */
    /* The score of one sample, 0..1. args: complete and checked. scratch: two empty buffers to use.
     */
    karma_status (*score)(const struct json *args, struct buf scratch[2], const char *prediction,
                          const char *reference, double *score);

    /* Or, instead of score, an error rate. Optional: what the arguments name, read once; *state in
     * a. On failure close() is called all the same. */
    karma_status (*open)(struct arena *a, const struct json *args, void **state);
    /* Required. Fill *out, which is zero. */
    karma_status (*measure)(void *state, const char *prediction, const char *reference,
                            struct metric_counts *out);
    /* Required. Counts of one sample or of all as members of o. */
    karma_status (*describe)(void *state, const struct metric_counts *c, struct arena *a,
                             struct json *o);
    /* Optional. What else is to be said of the sample measured last. */
    karma_status (*describe_sample)(void *state, struct arena *a, struct json *o);
    void (*close)(void *state); /* optional; state may be NULL */
};

extern const struct metric_ops metric_exact_match, metric_accuracy, metric_tokenised_f1;
extern const struct metric_ops metric_ndcg, metric_recall, metric_mrr, metric_map, metric_precision;
extern const struct metric_ops metric_wer, metric_cer, metric_mer;
extern const struct metric_ops *const metrics[]; /* NULL ends */

/* Take a registered metric back, with NULL all of them: for a plugin that is refused half-way, and
 * for tests. Nothing may use it any more. */
void metric_unregister(const char *name);

#endif
