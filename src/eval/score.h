/* score.h - from answers to figures: extraction, processors, metrics, and the account of states. */
#ifndef EVAL_SCORE_H
#define EVAL_SCORE_H

#include "eval/answers.h"
#include "eval/page.h"
#include "eval/rubric.h"
#include "eval/sample_log.h"

/* One data set's result as it goes into the report: the object under the data set's name. */
struct score {
    struct json *result; /* in the caller's arena */
    size_t n_scored, n_failed, n_not_run;
    size_t n_excluded; /* samples that no answer was given for, when these do not count */
    bool complete;     /* every selected sample was scored */
};

/* Where each sample goes beside the result. */
struct score_outputs {
    bool content;               /* texts of each sample are in the result */
    struct page *page;          /* may be NULL */
    struct sample_log *log;     /* may be NULL */
    const struct rubric *judge; /* of metrics that need one; NULL: none does */
    size_t slice_min;           /* see slices.h; 0: its default */
};

/* Pure: depends on the data set's rows and the answers alone. Answers are read one by one; without
 * content it takes the memory of one sample. */
karma_status score_dataset(struct arena *a, struct plan_dataset *d, const struct answers *answers,
                           const struct score_outputs *outputs, struct score *out);

#endif
