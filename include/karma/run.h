/*
 * run.h - what is done with a run that was made: verify that it would come out again, take its
 * samples out of it. A run is named by the path of its results file; beside that lie its log of
 * samples and its manifest (doc/reference/evaluation.md).
 */
#ifndef KARMA_RUN_H
#define KARMA_RUN_H

#include "karma/eval.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How to verify a run. Get one from karma_verify_defaults(). */
typedef struct karma_verify_options {
    uint32_t struct_size;
    int64_t n;              /* samples to ask again, chosen at random; 0: all */
    uint64_t seed;          /* of that choice */
    const char *model;      /* name or path, where it is not what the run says; NULL: as it says */
    const char *model_path; /* where the checkpoint lies now; NULL: where the run says, for one that
                             * model does not name */
    const char *config_json; /* arguments that change no answer (threads, max_memory_mb); the run's
                              * own go before them */
    const char *dataset_args_json; /* laid over the run's, for data that lie elsewhere now */
} karma_verify_options;
/* 20 samples. */
KARMA_API karma_verify_options karma_verify_defaults(void);

/* What came of it. */
typedef struct karma_verify_summary {
    size_t n_samples, n_checked; /* of the log; asked again */
    size_t n_differences;        /* of what the run was made of: weights, data, settings */
    size_t n_mismatches;         /* samples whose prompt or answer is another one */
    bool log_is_whole;           /* its chain is the manifest's */
    bool results_are_whole;      /* the file of results has the manifest's digest */
    /* All of it as JSON: {"samples", "checked", "seed", "log", "results", "differences": [{"what",
     * "recorded", "found"}], "mismatches": [{"dataset", "key", "what"}]}; without texts of samples.
     * Lent until the next call. */
    const char *report_json;
} karma_verify_summary;

/* Check the results against their digest, the log against its chain, the model and the data against
 * what the manifest recorded, and ask n samples again: is each prompt and each answer the same to
 * the bit? KARMA_OK also when something differs: the summary says so. E_NOTFOUND, E_MISSING: there
 * is no such run, or it was made by a karma without manifests; the statuses of opening model and
 * data. */
KARMA_API karma_status karma_verify_run(const char *results, const karma_verify_options *options,
                                        const karma_eval_events *events,
                                        karma_verify_summary *summary);

/* What to take out of a run or of a store. Get one from karma_export_defaults(). */
typedef struct karma_export_options {
    uint32_t struct_size;
    const char *results;  /* a run; or ... */
    const char *store;    /* ... a store of answers */
    const char *output;   /* the file that is written */
    const char *format;   /* "jsonl", "csv"; NULL: by the name of output */
    const char *dataset;  /* only of that data set; NULL: all */
    const char *model;    /* of a store: only of that model; NULL: all */
    bool include_content; /* texts as well. Of a run that was made without them: E_MISSING */
    bool keep_formulas;   /* CSV: leave cells as they are that a spreadsheet would compute */
    bool force;           /* replace a file at output */
} karma_export_options;
/* No run, no store, JSON lines without content. */
KARMA_API karma_export_options karma_export_defaults(void);
/* One line a sample, or an answer of the store, in their order; *n: how many. The file has mode
 * 0600. In CSV a cell that begins with = + - @, a tab or a line break is given a ' in front, unless
 * it is a number. */
KARMA_API karma_status karma_export(const karma_export_options *options, size_t *n);

#ifdef __cplusplus
}
#endif
#endif
