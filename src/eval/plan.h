/*
 * plan.h - what a run will do, complete and checked before anything is loaded: data sets opened,
 * metrics and processors made with their arguments, the output path tried.
 */
#ifndef EVAL_PLAN_H
#define EVAL_PLAN_H

#include "base/json.h"
#include "base/mem.h"
#include "karma/eval.h"
#include "karma/metric.h"
#include "karma/processor.h"

struct plan_metric {
    const char *name;
    karma_metric *metric;
};

struct plan_dataset {
    const char *name;
    const karma_dataset_info *info; /* lent by data */
    karma_dataset *data;
    size_t n_samples; /* selected */
    struct plan_metric *metrics;
    size_t n_metrics;
    karma_processor **processors;
    size_t n_processors;
};

enum output_format { OUTPUT_JSON, OUTPUT_YAML, OUTPUT_CSV };

struct plan {
    struct arena arena;
    struct plan_dataset *datasets;
    size_t n_datasets;
    const char *output;   /* path of the results */
    const char *run_file; /* path of times and counts, beside it */
    enum output_format format;
    const char *store_path; /* NULL: in memory */
};

/* Errors name the data set or argument; of several wrong data sets the first is told and the
 * others are counted. Release the plan in every case. */
karma_status plan_make(const karma_eval_options *options, struct plan *p);
void plan_release(struct plan *p);

#endif
