/*
 * forecast.h - what a run would take, before it: samples, tokens of prompts (exactly: they are made
 * into tokens), what they share, the longest against the context, what the store has, memory, and
 * time where the speed of this machine is known. Loads no weights and writes nothing.
 */
#ifndef EVAL_FORECAST_H
#define EVAL_FORECAST_H

#include "eval/plan.h"

/* Members of `results`: an object for each data set, and "_forecast" for the model. model NULL:
 * answers were made elsewhere, there is nothing to run. */
karma_status forecast_make(struct arena *a, struct plan *p, const karma_eval_options *options,
                           karma_model *model, struct json *results);

#endif
