/* metric.h - scores: begin, add each prediction with its reference, end. */
#ifndef KARMA_METRIC_H
#define KARMA_METRIC_H

#include "karma/option.h"
#include "karma/text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A score under way. One thread at a time. */
typedef struct karma_metric karma_metric;

/* What is known of a metric. */
typedef struct karma_metric_info {
    const char *name;                 /* "exact_match" */
    const char *description;          /* one line for people */
    const karma_option_spec *options; /* ends with name NULL */
} karma_metric_info;

/* A score with how sure it is. */
typedef struct karma_metric_result {
    double score;           /* a mean, 0..1; or an error rate of all samples, 0 and up */
    size_t n;               /* samples it is of */
    double standard_error;  /* of the score; NaN when n < 2 */
    double ci_low, ci_high; /* 95 %: Wilson's for 0/1 scores, else score +- 1.96 se; NaN: none */
} karma_metric_result;

/* Names known, NULL-terminated; karma_free() the array. */
KARMA_API karma_status karma_list_metrics(char ***names, size_t *count);
/* Lent for the process's life. E_NOTFOUND names the nearest. */
KARMA_API karma_status karma_get_metric_info(const char *name, const karma_metric_info **info);

/* args_json as for data sets. E_NOTFOUND names the nearest. */
KARMA_API karma_status karma_metric_create(const char *name, const char *args_json,
                                           karma_metric **out);
/* prediction and reference may be NULL, which counts as "". *score (may be NULL): this sample's. */
KARMA_API karma_status karma_metric_add(karma_metric *m, const char *prediction,
                                        const char *reference, double *score);
/* Over what was added; n 0 gives score 0. Adding may go on afterwards. */
KARMA_API karma_status karma_metric_end(karma_metric *m, karma_metric_result *out);
/* Is it a rate of errors (wer): errors of all samples over what they are of, less being better? */
KARMA_API bool karma_metric_is_error_rate(const karma_metric *m);
/* What the score is made of, as a JSON object ({"hits": 7, "substitutions": 1, ...}); "{}" when it
 * is a mean. Lent until the next call on m. */
KARMA_API karma_status karma_metric_details(karma_metric *m, const char **json);
/* The same of the sample added last, with its alignment when that was asked for. */
KARMA_API karma_status karma_metric_sample_details(karma_metric *m, const char **json);
KARMA_API const char *karma_metric_args(const karma_metric *m); /* merged, JSON; lent */
KARMA_API void karma_metric_destroy(karma_metric *m);           /* NULL is fine */

/* A metric of one's own: a function from a prediction and its reference to a score. */
enum { KARMA_METRIC_ABI = 1 }; /* raised when the table changes */
/* What such a metric consists of. */
typedef struct karma_metric_class {
    uint32_t abi_version;   /* KARMA_METRIC_ABI */
    uint32_t struct_size;   /* sizeof(karma_metric_class) */
    karma_metric_info info; /* its name and what is shown of it */
    bool zero_one;          /* scores are 0 or 1: the interval is Wilson's */
    /* Optional. args_json: all arguments, checked. What *state is set to comes back in the calls.
     */
    karma_status (*begin)(const char *args_json, void **state);
    /* Required. *score: a finite number; for a share, 0..1. */
    karma_status (*score)(void *state, const char *prediction, const char *reference,
                          double *score);
    void (*end)(void *state); /* optional; called when begin succeeded */
} karma_metric_class;
/* Make it known by info.name. The table must outlive the process's use of it. E_ABI, E_MISSING,
 * E_DUPLICATE. */
KARMA_API karma_status karma_register_metric(const karma_metric_class *c);

#ifdef __cplusplus
}
#endif
#endif
