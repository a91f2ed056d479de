/* score.h - from answers to figures: extraction, processors, metrics, and the account of states. */
#ifndef EVAL_SCORE_H
#define EVAL_SCORE_H

#include "eval/answers.h"
#include "eval/page.h"

/* One data set's result as it goes into the report: the object under the data set's name. */
struct score {
    struct json *result; /* in the caller's arena */
    size_t n_scored, n_failed, n_not_run;
    bool complete; /* every selected sample was scored */
};

/* Pure: depends on the data set's rows and the answers alone. include_content: texts of each
 * sample are in the result. page: every sample goes there, too. */
karma_status score_dataset(struct arena *a, struct plan_dataset *d, const struct answers *answers,
                           bool include_content, struct page *page, struct score *out);

#endif
