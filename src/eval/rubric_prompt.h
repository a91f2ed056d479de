/*
 * rubric_prompt.h - how a judge is asked whether an answer meets a criterion. What is judged comes
 * first and the criterion last, so that all criteria of an answer share the prompt up to there.
 * doc/judged-metrics.md states the words.
 */
#ifndef EVAL_RUBRIC_PROMPT_H
#define EVAL_RUBRIC_PROMPT_H

#include "base/mem.h"
#include "karma/metric.h"
#include "karma/sample.h"

enum { RUBRIC_YES, RUBRIC_NO, N_RUBRIC_ANSWERS };

/* of: the sample that was answered. chooses: the judge compares "yes" and "no" by their
 * probabilities; else it writes. *out is without a key; in a. */
karma_status rubric_prompt(struct arena *a, const karma_sample *of, const char *answer,
                           const karma_metric_question *q, bool chooses, karma_sample *out);

#endif
