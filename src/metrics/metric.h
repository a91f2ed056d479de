/*
 * metric.h (metrics) - what a metric says of samples. There are four kinds (enum
 * karma_metric_kind): a score of each sample, of which the mean is made, all of them 0 or 1 (a
 * share) or not (a mean); counts, which are summed and of which a value is made; records, which the
 * metric keeps and makes a value of. The mean, the sums and the interval are the same for all and
 * lie in tally.c. A name that ends in "@k" answers to "@" and a number too, which is then its
 * argument k.
 */
#ifndef METRICS_METRIC_H
#define METRICS_METRIC_H

#include "base/json.h"
#include "karma/metric.h"

/* A sample as a metric sees it: no text is NULL. */
struct metric_sample {
    const char *prediction, *reference;
    const char *output;            /* the whole answer */
    const char *group;             /* NULL: on its own */
    double confidence;             /* NaN: not known */
    const char *thinking;          /* the thought before it; NULL: none, or within output */
    const struct json *other_args; /* an object or NULL; read if ops->reads_other_args */
    /* Of a metric with questions: those, and what the judge says of each, 0..1. */
    const struct metric_question *questions;
    const double *verdicts;
    size_t n_questions;
    struct arena *arena; /* empty; lives until the next sample */
};

/* What a judge is asked, and what its metric makes of the answer. */
struct metric_question {
    karma_metric_question ask;
    double points;           /* what a yes is worth */
    const struct json *tags; /* a list of texts; NULL: none */
    size_t item;             /* the thing asked about, which may be asked several things */
    bool wanted;             /* the answer that lets it pass */
};

struct metric_ops {
    karma_metric_info info;
    const char *alias; /* another name it answers to, which is not listed; NULL: none */
    karma_metric_kind kind;
    bool less_is_better;
    bool error_rate; /* counts[0] are errors, counts[1] what they are of */
    bool reads_other_args;

    /* Optional. What the arguments (complete and checked) name, read once; *state in a. On failure
     * close() is called all the same. */
    karma_status (*open)(struct arena *a, const struct json *args, void **state);
    void (*close)(void *state); /* optional; state may be NULL */
    /* Optional: then the metric needs a judge. What it is to be asked about a sample, in the
     * sample's arena; *n 0: nothing. */
    karma_status (*questions)(void *state, const struct metric_sample *s,
                              struct metric_question **questions, size_t *n);
    /* Optional. The group of a sample that was given none; *group stays NULL: it has none. */
    karma_status (*group)(void *state, const struct metric_sample *s, const char **group);

    /* A share or a mean: one of these. *score NaN: does not apply, is not counted. scratch: two
     * empty buffers to use. */
    karma_status (*score)(const struct json *args, struct buf scratch[2], const char *prediction,
                          const char *reference, double *score);
    karma_status (*score_sample)(void *state, const struct metric_sample *s, double *score);

    /* Counts: all of these. */
    size_t (*n_counts)(const void *state);
    karma_status (*count)(void *state, const struct metric_sample *s, double *counts); /* zeros */
    /* Of sums of n counts; NaN: they have no score. */
    double (*value)(const void *state, const double *sum, size_t n);
    /* Optional. The score of one sample, where it is not the value of its counts. */
    double (*sample_value)(const void *state, const double *counts, size_t n);

    /* Records: keep() and one of the others. keep() may count the sample, too: then n_counts, count
     * and value are there, and count() is called after it; n_counts may have grown, 0 is none. */
    karma_status (*keep)(void *state, const struct metric_sample *s, double *score);
    /* Of the samples kept, weights[i] times each; NULL: once. NaN: no score. */
    double (*value_of)(void *state, const double *weights);
    /* A share of something that is no sample: how many of how many. */
    void (*share_of)(void *state, size_t *successes, size_t *n);

    /* Optional. What there is to say beside the score, of all samples and of the one added last, as
     * members of o. sum, counts: NULL if the metric is not of counts. */
    karma_status (*describe)(void *state, const double *sum, struct arena *a, struct json *o);
    karma_status (*describe_sample)(void *state, const double *counts, struct arena *a,
                                    struct json *o);
};

extern const struct metric_ops metric_exact_match, metric_accuracy, metric_tokenised_f1;
extern const struct metric_ops metric_ndcg, metric_recall, metric_mrr, metric_map, metric_precision;
extern const struct metric_ops metric_wer, metric_cer, metric_mer;
extern const struct metric_ops metric_asr_semantic, metric_semantic_wer;
extern const struct metric_ops metric_f1, metric_bleu, metric_chrf;
extern const struct metric_ops metric_rouge1, metric_rouge2, metric_rouge_l, metric_rouge_lsum;
extern const struct metric_ops metric_numeric_tolerance, metric_json_fields;
extern const struct metric_ops metric_silence_accuracy, metric_harm_detection, metric_refusal;
extern const struct metric_ops metric_stratified, metric_geographic, metric_demographic;
extern const struct metric_ops metric_bias_consistency, metric_bias_disparity;
extern const struct metric_ops metric_ece, metric_brier, metric_risk_coverage;
extern const struct metric_ops metric_rubric, metric_answer_rubric, metric_query_rubric;
extern const struct metric_ops metric_json_rubric, metric_medcase_diagnosis, metric_medcase_recall;
extern const struct metric_ops *const metrics[]; /* NULL ends */

/* Take a registered metric back, with NULL all of them: for a plugin that is refused half-way, and
 * for tests. Nothing may use it any more. */
void metric_unregister(const char *name);

#endif
