/*
 * report_html.h - what the parts of a report share: the runs that it is about, the page that is
 * written, and the account of each run's log. Who writes what: report_html.c the order of all,
 * report_page.c frame and style, report_facts.c what was run, report_account.c what became of
 * samples, report_scores.c and report_parts.c scores, report_samples.c and report_media.c samples,
 * report_pair.c two runs.
 */
#ifndef EVAL_REPORT_HTML_H
#define EVAL_REPORT_HTML_H

#include "base/map.h"
#include "eval/html.h"
#include "eval/run_files.h"
#include "karma/report.h"

/* What shows that a file is such a report. */
#define REPORT_MARK "<meta name=\"generator\" content=\"karma report\">"

/* Classes of samples, in the order in which they are shown. */
enum report_class { CLASS_FAILED, CLASS_FLAGGED, CLASS_OTHER, CLASS_NOT_RUN, CLASS_COUNT };

/* How samples end, as the account has it: the outcomes of scored ones, then the others. */
enum report_end {
    END_MARKER,
    END_FALLBACK,
    END_AMBIGUOUS,
    END_NONE,
    END_CUT,
    END_THOUGHT,
    END_FAILED,
    END_NOT_RUN,
    END_COUNT
};
extern const char *const report_end_names[END_COUNT]; /* for people */

/* Confidence of a data set's answers, in fine steps: right ones and all. */
enum { CONFIDENCE_STEPS = 1000 };
struct report_confidence {
    uint64_t n[CONFIDENCE_STEPS], right[CONFIDENCE_STEPS];
    double sum[CONFIDENCE_STEPS];
    uint64_t total;
};

struct report_set {
    const char *name;
    const struct json *result; /* of the results */
    const char *headline;      /* metric; NULL: none */
    const char *compared; /* "letters", "options": whose log-probabilities are the headline's */
    uint64_t ends[END_COUNT];
    size_t n, n_class[CLASS_COUNT];
    struct report_confidence *confidence; /* NULL: no answer had one */
};

struct report_run {
    struct run_files *files;
    const struct json *results, *manifest, *times; /* times may be NULL */
    const char *model;                             /* its name */
    const char *word;                              /* "First run"; NULL: there is one alone */
    const char *prefix;                            /* of its ids: "a", "b" */
    struct report_set *sets;
    size_t n_sets;
    struct map by_name; /* of sets */
    size_t n_samples, n_class[CLASS_COUNT];
    bool has_content;
    size_t n_shown; /* samples in the page */
};

struct report {
    struct html h;
    struct arena arena;   /* what lasts */
    struct arena scratch; /* of a sample */
    const karma_report_options *options;
    karma_report_summary *summary;
    struct report_run run[2];
    int n_runs;
    const struct json *comparison; /* of two runs, as karma_compare_runs() gives it */
    size_t media_bytes;            /* that are in the page */
    struct report_media *media;    /* open data sets; NULL: none yet */
};

/* --- report_page.c --- */
void report_begin_page(struct report *r);
void report_end_page(struct report *r);
/* <section> with its heading; text of ours. */
void report_begin_section(struct html *h, const char *id, int level, const char *heading);
void report_end_section(struct html *h);
/* A table that may be scrolled sideways, with a caption; its header cells follow. */
void report_begin_table(struct html *h, const char *caption);
void report_end_table(struct html *h);
void report_column(struct html *h, const char *name, bool is_number);
void report_row_head(struct html *h, const char *name); /* <th scope="row"> */
void report_cell(struct html *h, const char *text);
void report_count_cell(struct html *h, uint64_t n);
void report_number_cell(struct html *h, double v, int digits);
/* "0.412 to 0.588" */
void report_interval_cell(struct html *h, double low, double high, bool is_signed);

/* --- report_facts.c --- */
void report_short_facts(struct report *r); /* for the heading */
void report_facts(struct report *r);

/* --- report_account.c --- */
/* Open the run and read its log once. E_DIGEST when the files are not of one run. */
karma_status report_read(struct report *r, const char *results, struct report_run *run);
void report_release(struct report_run *run);
enum report_class report_class_of(const struct run_line *line);
enum report_end report_end_of(const struct run_line *line);
void report_account(struct report *r);

/* --- report_scores.c, report_parts.c --- */
void report_scores(struct report *r);
void report_parts(struct report *r, const struct report_run *run);
/* "Wilson", for people. */
const char *report_method(const char *method);
/* A number of an object; NaN: none. */
double report_real(const struct json *object, const char *name);
uint64_t report_int(const struct json *object, const char *name);
/* Of a pair [low, high]. */
double report_end_of_pair(const struct json *object, const char *name, size_t which);

/* --- report_samples.c --- */
void report_first_samples(struct report *r, struct report_run *run); /* failed and flagged */
void report_other_samples(struct report *r, struct report_run *run);
/* A text of a sample, at most so much of it. */
void report_long_text(struct html *h, const struct json *text);
/* What the line has as an answer, as a cell's content. */
void report_answer(struct html *h, const struct run_line *line);
void report_line_scores(struct html *h, const struct run_line *line);

/* --- report_media.c --- */
/* Pictures and recordings of a line. */
void report_media(struct report *r, struct report_run *run, const struct run_line *line);
void report_media_release(struct report *r);

/* --- report_pair.c --- */
void report_pair(struct report *r);

#endif
