/*
 * report.h - a run as a page for people: one HTML file with scores and their intervals, plots, an
 * account of all samples, and the samples themselves, failed and flagged ones first. It runs no
 * script and fetches nothing, and can be printed. Of two runs it tells what differs.
 */
#ifndef KARMA_REPORT_H
#define KARMA_REPORT_H

#include "karma/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What goes into the page. Get one from karma_report_defaults(). */
typedef struct karma_report_options {
    uint32_t struct_size;
    const char *output;  /* the file that is written, mode 0600 */
    int64_t max_samples; /* in the view of samples, of each run and of each list of changed answers;
                          * < 0: all. Failed and flagged ones come first, and it says how many are
                          * left out. */
    bool failed_only;    /* only failed and flagged samples in the view, as many as max_samples */
    /* Pictures and recordings become part of the page, as far as they are small (4 MiB each, 64 MiB
     * together), where the run was made with include_content and the data are still where they
     * were, unchanged; what is left out is said. */
    bool inline_media;
    bool force; /* replace a file at output that is no report */
} karma_report_options;
/* 200 samples. */
KARMA_API karma_report_options karma_report_defaults(void);

/* What became of it. */
typedef struct karma_report_summary {
    size_t n_samples;        /* in the logs */
    size_t n_shown;          /* samples in the view, changed answers not counted */
    size_t n_media;          /* pictures and recordings in the page */
    size_t n_media_left_out; /* that were asked for and are not */
} karma_report_summary;

/* results, second: paths of results files with logs and manifests beside them; second NULL: one run
 * alone. The samples of two runs are compared as karma_compare_runs() does. A run of any length
 * takes the memory of its longest line, but two runs that of their scores. E_NOTFOUND, E_MISSING:
 * there is no such run, or it has no log; E_DIGEST: its files do not belong together;
 * E_UNSUPPORTED: saved as CSV; E_USAGE: output; the statuses of karma_compare_runs(). */
KARMA_API karma_status karma_report_write(const char *results, const char *second,
                                          const karma_report_options *options,
                                          karma_report_summary *summary);

#ifdef __cplusplus
}
#endif
#endif
