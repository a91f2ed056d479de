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

/* What a score is of. */
typedef enum karma_metric_kind {
    KARMA_METRIC_SHARE,  /* a mean of scores that are 0 or 1 */
    KARMA_METRIC_MEAN,   /* a mean of other scores */
    KARMA_METRIC_COUNTS, /* a value of summed counts: an error rate, BLEU, chrF */
    KARMA_METRIC_RECORDS /* a value of all samples together: macro F1, calibration, consistency */
} karma_metric_kind;

/* A score with how sure it is. */
typedef struct karma_metric_result {
    double score;           /* most often 0..1; an error rate: 0 and up. NaN: it has none */
    size_t n;               /* samples it is of */
    double standard_error;  /* of the score; NaN when n < 2 */
    double ci_low, ci_high; /* 95 %; NaN: none */
    /* How the interval came about: "wilson" (scores of 0 and 1), "clustered" (samples in groups),
     * "bootstrap" (over samples or groups: values of counts and of records), "normal" (a mean, with
     * Student's quantile). Static. */
    const char *method;
} karma_metric_result;

/* A sample to be scored. */
typedef struct karma_metric_sample {
    uint32_t struct_size;        /* sizeof(karma_metric_sample) */
    const char *prediction;      /* NULL counts as "" */
    const char *reference;       /* the same */
    const char *other_args_json; /* the sample's other arguments, an object; NULL: none */
    const char *group;           /* of samples that belong together; NULL: on its own */
    double confidence;           /* that the prediction is right, 0..1; NaN: not known */
    const char *output;          /* the whole answer; NULL: the prediction is all of it */
    const char *thinking;        /* the thought before it, where it is apart; NULL: none */
    /* [n_verdicts] a judge's, of a metric that needs one: how sure it is, 0..1, that the answer to
     * each question of karma_metric_questions() is yes. */
    const double *verdicts;
    size_t n_verdicts; /* how many those are */
} karma_metric_sample;

/* What a judge, another model, is asked about an answer, to be answered by yes or no. */
typedef struct karma_metric_question {
    const char *shown;      /* what it is shown; NULL: the conversation and the answer to it */
    const char *criterion;  /* what is said of that, and holds or does not */
    const char *about_json; /* an object of what may be told of it without its text */
    int label;              /* a person's verdict: 1 yes, 0 no, -1 none */
} karma_metric_question;

/* Names known, NULL-terminated; karma_free() the array. */
KARMA_API karma_status karma_list_metrics(char ***names, size_t *count);
/* Lent for the process's life. E_NOTFOUND names the nearest. */
KARMA_API karma_status karma_get_metric_info(const char *name, const karma_metric_info **info);

/* args_json as for data sets. E_NOTFOUND names the nearest. */
KARMA_API karma_status karma_metric_create(const char *name, const char *args_json,
                                           karma_metric **out);
/* Add a sample. *score (may be NULL): its own; NaN where the metric does not apply to it, such as a
 * calibration without a confidence: then it is not counted. E_TYPE, E_SYNTAX: other_args_json or
 * a reference is not what the metric needs. E_MISSING: there are fewer verdicts than questions. */
KARMA_API karma_status karma_metric_add_sample(karma_metric *m, const karma_metric_sample *s,
                                               double *score);
/* Is a sample's score made of the verdicts of a judge? */
KARMA_API bool karma_metric_needs_judge(const karma_metric *m);
/* The questions about a sample, lent until the next call on m. *n 0: none; then its score needs no
 * verdict, or it has no score. E_MISSING, E_TYPE: other_args_json is not what the metric needs. */
KARMA_API karma_status karma_metric_questions(karma_metric *m, const karma_metric_sample *s,
                                              const karma_metric_question **questions, size_t *n);
/* The same of a sample of which nothing else is known. */
KARMA_API karma_status karma_metric_add(karma_metric *m, const char *prediction,
                                        const char *reference, double *score);
/* Over what was added; n 0 gives score 0, or NaN where samples were added and none counted. Adding
 * may go on afterwards. */
KARMA_API karma_status karma_metric_end(karma_metric *m, karma_metric_result *out);
KARMA_API karma_metric_kind karma_metric_get_kind(const karma_metric *m);
/* Is a lower score the better one? */
KARMA_API bool karma_metric_less_is_better(const karma_metric *m);
/* Is it a rate of errors (wer): errors of all samples over what they are of, less being better? */
KARMA_API bool karma_metric_is_error_rate(const karma_metric *m);
/* What the sample added last adds to the counts, lent until the next call on m. *n 0: the metric
 * has none, or not of this sample. Not all samples' need be equally long (labels turn up as one
 * goes): what a shorter one lacks is 0. */
KARMA_API karma_status karma_metric_sample_counts(karma_metric *m, const double **counts,
                                                  size_t *n);
/* The score of summed counts, NaN if they have none, for resampling; m need not have any sample.
 * E_USAGE: the metric has no counts, or not so many. */
KARMA_API karma_status karma_metric_from_counts(const karma_metric *m, const double *sum, size_t n,
                                                double *score);
/* What the score is made of, as a JSON object ({"hits": 7, "substitutions": 1, ...}), its parts by
 * group, its signature; "{}" when there is nothing to say. Lent until the next call on m. */
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
