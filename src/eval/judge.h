/*
 * judge.h - one sample's answer judged: what is read out of it and how, what the processors make of
 * that and of the reference, what each metric says. Pure: it depends on the row and the answer.
 */
#ifndef EVAL_JUDGE_H
#define EVAL_JUDGE_H

#include "eval/answers.h"

/* How an answer was found, or why none was. */
enum outcome {
    OUTCOME_MARKER,              /* where the prompt asked for it */
    OUTCOME_FALLBACK,            /* elsewhere */
    OUTCOME_AMBIGUOUS,           /* several different ones where one should be */
    OUTCOME_NONE,                /* not found in a whole text */
    OUTCOME_CUT,                 /* not found in a text that the token limit ended */
    OUTCOME_THOUGHT_WITHOUT_END, /* ended inside its thinking */
    OUTCOME_COUNT
};
/* "marker", "fallback", "ambiguous", "none", "cut", "thought_without_end". */
const char *outcome_name(enum outcome o);

/* A flag of an answer as the log and the results name it; NULL ends the list. */
struct flag_name {
    unsigned flag; /* karma_output_flag */
    const char *name;
};
extern const struct flag_name flag_names[];

/* What a judge (eval/rubric.h) says of a metric's questions. */
struct sample_verdicts {
    const double *p; /* [n], 0..1 */
    size_t n;
};

/* A sample that is being judged. All of it lives until the arena it was made in is reset. */
struct judged {
    size_t index;         /* in its data set */
    enum reading reading; /* how the answer is read; the headline's from the beginning */
    const karma_sample *sample;
    const struct answer *answer; /* may be a failure: then nothing below is set */
    const char *answer_type;     /* the part of the set it belongs to; NULL: none */
    const char *group;           /* what it shares with others; NULL: nothing */
    const char *const *slice_fields, *const *slice_values; /* [n_slices] */
    size_t n_slices;
    enum outcome outcome;
    bool unreadable;                                /* no answer, or one that was cut */
    const char *prediction;                         /* as it was read */
    const char *clean_prediction, *clean_reference; /* as the metrics see them */
    double confidence;                              /* of the prediction, 0..1; NaN: not known */
    const struct json *logprobs;                    /* {way: {label: number}}; NULL: none */
    const double *scores;                           /* [n_metrics] */
    const struct sample_verdicts *verdicts;         /* [n_metrics]; NULL: there is no judge */
    const struct json *rubric, *criteria; /* the same for the log, and the criteria's texts */
};

/* The sample's own part: answer_type, group, slices, in a. */
karma_status judge_place(struct arena *a, struct plan_dataset *d, size_t i, struct judged *out);
/* Read, process. out->sample and answer are set, the answer is none of a failure. */
karma_status judge_read(struct arena *a, struct plan_dataset *d, struct judged *out);
/* The reference alone, as the metrics see it. */
karma_status judge_reference(struct arena *a, struct plan_dataset *d, const karma_sample *sample,
                             const char **out);
/* The sample as metrics see it, without verdicts. */
karma_metric_sample judge_metric_sample(const struct judged *j);
/* Add it to metrics[n]; *scores in a. */
karma_status judge_score(struct arena *a, const struct plan_metric *metrics, size_t n,
                         const struct judged *j, const double **scores);

#endif
