/*
 * plan.h - what a run will do, complete and checked before anything is loaded: data sets opened,
 * metrics and processors made with their arguments, the output path tried.
 */
#ifndef EVAL_PLAN_H
#define EVAL_PLAN_H

#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "karma/eval.h"
#include "karma/metric.h"
#include "karma/processor.h"

struct plan_metric {
    const char *name;
    const char *args_json; /* as given; NULL: none */
    karma_metric *metric;
    int64_t k; /* its argument of that name: how much of a ranking it looks at; 0: it has none */
};

/* One that has an argument language, which was not given, is there once for each language of the
 * samples. */
struct plan_processor {
    karma_processor *processor; /* for samples that say none; of all, if it has no such argument */
    struct map by_language;     /* code -> karma_processor */
};

/* Ways to ask a question, and to read what comes back (eval/ways.h). */
enum way { WAY_GENERATION, WAY_LETTERS, WAY_OPTIONS, WAY_COUNT };
enum reading {
    READ_TEXT, /* of generation */
    READ_LETTERS,
    READ_SUM, /* of options, and the same for the length of each: */
    READ_PER_CHARACTER,
    READ_PER_BYTE,
    READ_PER_TOKEN,
    READING_COUNT
};

struct plan_dataset {
    const char *name;
    const karma_dataset_info *info; /* lent by data */
    karma_dataset *data;
    size_t n_samples; /* selected */
    struct plan_metric *metrics;
    size_t n_metrics;
    struct plan_processor *processors;
    size_t n_processors;
    size_t n_documents; /* of its corpus; 0: it has none */
    size_t deepest;     /* how long a ranking its metrics need: the largest k, or the corpus */
    enum way ways[WAY_COUNT]; /* [n_ways] its questions are asked in; the first is the headline */
    size_t n_ways;
    const char *lead[WAY_COUNT]; /* what stands before letters and options; NULL: nothing */
    bool stops;                  /* answers that are written end when they are decided */
    bool rotates;                /* every question in all orders of its options */
    bool judged;                 /* one of its metrics needs a judge */
};

enum output_format { OUTPUT_JSON, OUTPUT_YAML, OUTPUT_CSV };

struct plan {
    struct arena arena;
    struct plan_dataset *datasets;
    size_t n_datasets;
    const char *output;   /* path of the results */
    const char *run_file; /* path of times and counts, beside it */
    const char *log;      /* path of the log of samples, beside it */
    const char *manifest; /* path of the manifest, beside it */
    const char *page;     /* path of the page of samples; NULL: none */
    enum output_format format;
    const char *store_path; /* NULL: in memory */
};

/* Errors name the data set or argument; of several wrong data sets the first is told and the
 * others are counted. Release the plan in every case. */
karma_status plan_make(const karma_eval_options *options, struct plan *p);
/* The same of a run that writes nothing: its output is not looked at. */
karma_status plan_make_reading(const karma_eval_options *options, struct plan *p);
/* The language a sample says it is in ("hi", among its other_args), in a; *language NULL: it does
 * not. */
karma_status plan_sample_language(struct arena *a, const karma_sample *sample,
                                  const char **language);
/* The processor for a sample of that language, which may be NULL. */
karma_processor *plan_processor_for(const struct plan_processor *p, const char *language);
/* Can the model, as it is before or after loading, do what the data sets need? One with a corpus
 * needs an embedding model that ranks as many documents as its metrics look at: a metric at 10 of
 * rankings of 5 would be a wrong figure that looks right. */
karma_status plan_check_model(const struct plan *p, const karma_model *m);
void plan_release(struct plan *p);

#endif
