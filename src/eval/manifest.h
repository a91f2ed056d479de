/*
 * manifest.h - "results.manifest.json": what made a run's answers what they are, so that another
 * can say whether they would come out again. Digests of the model's files and of the data, every
 * setting after merging, versions and instruction set, and the chain over the log of samples. It
 * holds no times and no text of samples: the same run ends with the same bytes.
 */
#ifndef EVAL_MANIFEST_H
#define EVAL_MANIFEST_H

#include "eval/plan.h"
#include "eval/run_files.h"

struct manifest_of {
    const struct plan *plan;
    const karma_eval_options *options;
    const karma_model *model;   /* NULL: answers made elsewhere */
    const char *name;           /* of who answered */
    const char *identity;       /* JSON */
    const struct json *path;    /* where the model was said to be; NULL: nowhere */
    const struct json *files;   /* digests of the model's files, {name: hex}; NULL: it has none */
    const karma_model *judge;   /* NULL: there is none */
    const char *judge_identity; /* JSON */
    const struct run_chain *chain;
    const char *results_sha256; /* of the file of results, as it is written */
    bool partial;
};

/* Its text, appended to *out. */
karma_status manifest_text(const struct manifest_of *m, struct buf *out);

/* The options of the run that a manifest is of, as far as they decide what is asked and how it is
 * scored: data sets with their arguments, metrics, processors, the way of answering. Lists and
 * texts in a. E_MISSING, E_TYPE. */
karma_status manifest_options(struct arena *a, const struct json *manifest,
                              karma_eval_options *out);

#endif
