/* answer_json.h - the JSON value that a model's answer is, with a code fence around it or without.
 */
#ifndef METRICS_ANSWER_JSON_H
#define METRICS_ANSWER_JSON_H

#include "base/json.h"

/* *out NULL: the answer is no JSON, which is no failure. */
karma_status answer_json(struct arena *a, const char *text, const struct json **out);

#endif
