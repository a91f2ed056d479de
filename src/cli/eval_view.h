/* eval_view.h - what a person sees of an evaluation: plan, progress, scores. */
#ifndef CLI_EVAL_VIEW_H
#define CLI_EVAL_VIEW_H

#include <stdbool.h>

#include <jansson.h>

#include "karma/eval.h"

struct view {
    const char *model;                 /* with options, for the plan */
    const karma_eval_options *options; /* NULL: show no plan, or it has been shown */
    bool on, terminal;
    double last_s;       /* when the last line was printed */
    size_t last_dataset; /* index + 1 of the data set it was about */
    bool open_line;      /* a terminal line without newline stands */
};

/* model and options must outlive the view. */
void view_begin(struct view *v, bool on, const char *model, const karma_eval_options *options);
/* The plan comes with the first progress: then everything has been checked and loaded, and an error
 * before it stands alone. */
void view_progress(void *view, const karma_eval_progress *p);
void view_end(struct view *v);
void view_results(const karma_eval_summary *sum, bool dry_run);
/* Of a data set's result: scores by the values of fields and of variants, if there are any. */
void view_slices(const char *set, const json_t *result);

#endif
