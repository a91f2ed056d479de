/*
 * eval.h - the evaluation: a model over data sets, every finished sample kept in a store, a report
 * that is a pure function of data and answers. Stopped anywhere and run again, it ends with the
 * same bytes.
 */
#ifndef KARMA_EVAL_H
#define KARMA_EVAL_H

#include "karma/dataset.h"
#include "karma/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What to evaluate, and what to do with it. Get one from karma_eval_defaults(). */
typedef struct karma_eval_options {
    uint32_t struct_size;
    const char *const *datasets; /* names or paths, NULL-terminated; at least one */
    /* Arguments by name, JSON objects of objects: {"dataset": {"key": value}}; NULL: none. */
    const char *dataset_args_json;
    const char *metric_args_json;    /* {"metric": {...}} */
    const char *processor_args_json; /* {"dataset.processor": {...}} */
    const char *output;              /* results file; NULL: "results.json" */
    const char *format;              /* "json", "yaml" or "csv"; NULL: "json" */
    const char *store_path;          /* SQLite file; NULL: $KARMA_STORE, else
                                      * $XDG_CACHE_HOME/karma/results.db, else ~/.cache/karma/results.db */
    bool use_store;                  /* false: an unshared store in memory; nothing is kept */
    bool refresh;                    /* do not read stored answers, still store new ones */
    int64_t max_samples;             /* first N of each data set; 0: all */
    bool dry_run;                    /* plan and check everything, run nothing, write nothing */
    bool force;                      /* replace a file at output that is not a results file */
    bool include_content;            /* per-sample texts in the results */
    bool keep_failed;                /* do not try failed samples of an earlier run again */
    /* An HTML page of every sample as well: its pictures, question, answer, reference and scores.
     * NULL: none. */
    const char *samples_page;
    /* "generation" (NULL): the model writes, and the answer is read out of its text. Of
     * multiple-choice questions also, and then nothing is written: "letters": the letters of a
     * question's options are compared by their logits where the answer would begin, or behind
     * "Final Answer: (" where the prompt asks for that. "options": of the text of each option,
     * where the answer would begin or behind "Final Answer:", the log-probabilities of its tokens
     * are summed; scored by the highest sum, and by the highest for its length. Several, with
     * commas between: all are asked, the first is the headline. "all": these three. */
    const char *answer_by;
    /* End an answer as soon as nothing that could follow changes what is read out of it, of data
     * sets whose rule can tell (mcqa, mcqa_upstream, final_answer). E_USAGE if none of them can. */
    bool stop_when_decided;
    /* Also scores by the values of these fields of a sample, columns of its row, as the argument
     * slices of a data set names them; NULL-terminated, NULL: those the data sets have. E_MISSING:
     * no row of a data set has one. */
    const char *const *slices;
    int64_t slice_min; /* of a value with fewer samples only the count is told; 0: 20 */
    /* Ask every question under all cyclic orders of its options (karma_dataset_rotate): each is a
     * sample, the score is of all, and the results say what the places of options do to answers.
     * max_samples counts questions. E_USAGE: a data set has no options. */
    bool rotations;
    /* Score answers that were made elsewhere instead of asking a model: a file of JSON Lines, an
     * object an answer: "id" or "key" of the sample, "text" or "output"; optional "dataset",
     * "thinking", "finish_reason" ("length": cut), "model". NULL: a model answers. An id that is no
     * sample's is an error, and so is one that stands there twice. */
    const char *answers;
    const char *answers_model;   /* who made them, for the results; NULL: what the rows say */
    const char *missing_answers; /* samples without one: "error" (NULL), "fail", "exclude" */
    /* With dry_run: tokens a second, for a forecast of time; 0: not known. */
    double rate_prefill, rate_decode;
    /* Of data sets with an argument protocol, unless their arguments say it: "karma", or
     * "upstream": prompts and reading of answers as in KARMA 0.2.0. NULL: their default. */
    const char *protocol;
    /* The model that answers the questions of metrics that need a judge: a name or a path, and its
     * arguments, an object (NULL: none). It is asked when all answers are there; the model before
     * is unloaded first where both do not fit. "none": such metrics are left out. NULL, and a data
     * set has such a metric: E_USAGE. */
    const char *judge;
    const char *judge_args_json; /* its arguments */
} karma_eval_options;
/* results.json, the shared store, all samples. */
KARMA_API karma_eval_options karma_eval_defaults(void);

/* Progress, from the thread that runs; counts of the data set under way. */
typedef struct karma_eval_progress {
    const char *dataset;              /* its name */
    size_t dataset_index, n_datasets; /* which it is, from 0, of how many */
    size_t done, total;               /* samples finished (cached ones included) and selected */
    size_t cached, failed;            /* of the done: taken from the store; without an answer */
    double elapsed_s;                 /* since the run began */
    double rate;                      /* fresh samples a second */
    double remaining_s;               /* < 0: not known yet */
} karma_eval_progress;

/* What a run tells and asks. Any of them may be NULL. */
typedef struct karma_eval_events {
    /* Called as samples end. */
    void (*progress)(void *user, const karma_eval_progress *p);
    bool (*cancelled)(void *user); /* true: no new samples, finish the report as partial */
    void *user;
} karma_eval_events;

/* How a run ended. */
typedef struct karma_eval_summary {
    size_t n_datasets, n_datasets_complete; /* asked for; with every sample scored */
    /* Selected; scored; without an answer; taken from the store. */
    size_t n_samples, n_scored, n_failed, n_cached;
    double elapsed_s;         /* of the whole run */
    bool partial;             /* cancelled before the end */
    const char *results_json; /* what was (or would be) written, lent until the next run */
    const char *results_path; /* where; lent as well */
} karma_eval_summary;

/* Check all arguments, data sets and the output path first (nothing is loaded if one is wrong),
 * then load the model, run what the store lacks, score, write the results and run.json beside
 * them. KARMA_OK even when samples failed (summary says how many); E_CANCELLED with a partial
 * report when cancelled. */
KARMA_API karma_status karma_eval_run(karma_model *m, const karma_eval_options *options,
                                      const karma_eval_events *events, karma_eval_summary *summary);

/* Where the store lies when no path is given (doc/store.md), written to out and returned. */
KARMA_API const char *karma_default_store_path(char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
