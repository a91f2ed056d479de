/*
 * metric.h (metrics) - a metric is a function from a prediction and its reference to a score. What
 * is made of the scores, mean and interval, is the same for all and lives in metrics.c.
 */
#ifndef METRICS_METRIC_H
#define METRICS_METRIC_H

#include "base/json.h"
#include "karma/metric.h"

struct metric_ops {
    karma_metric_info info;
    bool zero_one; /* scores are 0 or 1: Wilson's interval */
    /* The score of one sample, 0..1. args: complete and checked. scratch: two empty buffers to use.
     */
    karma_status (*score)(const struct json *args, struct buf scratch[2], const char *prediction,
                          const char *reference, double *score);
};

extern const struct metric_ops metric_exact_match, metric_accuracy, metric_tokenised_f1;
extern const struct metric_ops *const metrics[]; /* NULL ends */

#endif
