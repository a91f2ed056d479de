/* sample_json.h - the texts of a sample and its answer as JSON, for those who asked for them. */
#ifndef EVAL_SAMPLE_JSON_H
#define EVAL_SAMPLE_JSON_H

#include "eval/judge.h"

/* Set in `to`: what was asked ("input" or "conversation", "images", "audio"), "expected_output",
 * and of an answer "thinking", "output", "prediction". Pictures and recordings by their names in
 * the data and their digests, not by where they lie. */
karma_status sample_json_question(struct arena *a, const struct judged *j, struct json *to);
karma_status sample_json_answer(struct arena *a, const struct judged *j, struct json *to);
/* What each metric tells of the sample added last, {metric: {...}}; *out NULL: nothing. */
karma_status sample_json_details(struct arena *a, const struct plan_metric *metrics, size_t n,
                                 const struct json **out);

#endif
