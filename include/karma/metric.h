/* metric.h - scores: begin, add each prediction with its reference, end. */
#ifndef KARMA_METRIC_H
#define KARMA_METRIC_H

#include "karma/option.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct karma_metric karma_metric;

typedef struct karma_metric_info {
    const char *name;
    const char *description;
    const karma_option_spec *options; /* ends with name NULL */
} karma_metric_info;

typedef struct karma_metric_result {
    double score; /* a fraction, 0..1 */
    size_t n;
    double standard_error;  /* of the mean; NaN when n < 2 */
    double ci_low, ci_high; /* 95 %: Wilson's for 0/1 scores, else mean +- 1.96 se; NaN: none */
} karma_metric_result;

KARMA_API karma_status karma_list_metrics(char ***names, size_t *count); /* karma_free() */
KARMA_API karma_status karma_get_metric_info(const char *name, const karma_metric_info **info);

/* args_json as for data sets. E_NOTFOUND names the nearest. */
KARMA_API karma_status karma_metric_create(const char *name, const char *args_json,
                                           karma_metric **out);
/* prediction and reference may be NULL, which counts as "". *score (may be NULL): this sample's. */
KARMA_API karma_status karma_metric_add(karma_metric *m, const char *prediction,
                                        const char *reference, double *score);
/* Over what was added; n 0 gives score 0. Adding may go on afterwards. */
KARMA_API karma_status karma_metric_end(karma_metric *m, karma_metric_result *out);
KARMA_API void karma_metric_destroy(karma_metric *m);

#ifdef __cplusplus
}
#endif
#endif
