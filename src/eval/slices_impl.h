/* slices_impl.h - what slices.c gathers and slices_pairs.c reads. */
#ifndef EVAL_SLICES_IMPL_H
#define EVAL_SLICES_IMPL_H

#include "eval/slices.h"

/* One metric's scores; of a metric of counts also what each sample adds, each as long as it is. */
struct slices_metric {
    const char *name;
    karma_metric *metric;
    karma_metric_kind kind;
    double *scores; /* [n]; NaN: the metric does not apply */
    double *counts;
    size_t n_counts, cap, width;      /* width: of the longest */
    bool counted;                     /* so far every sample said what it adds */
    size_t *counts_from, *counts_len; /* [n] */
};

/* A field: names of its values in the order in which they come, and which each sample has. */
struct slices_field {
    const char *name;
    struct map values; /* -> index */
    size_t *of;        /* [n]: index + 1; 0: the sample does not say */
    size_t *n_failed;  /* [n_values_cap], of each value */
    size_t n_failed_cap;
    size_t n_unsaid;
};

struct slices {
    const struct plan_dataset *d;
    struct arena arena;
    struct slices_metric *metrics; /* NULL: no sample is kept yet */
    size_t n_metrics;
    struct slices_field *fields;
    size_t n_fields;
    struct map groups, variants, predictions;
    size_t *group, *variant, *prediction; /* [n]; of variant: index + 1, 0: none */
    size_t n, cap, n_groups, min_n;       /* n_groups: those of one included */
};

/* Number or null. */
struct json *slices_real(struct arena *a, double v);
karma_status slices_set_interval(struct arena *a, struct json *o, const char *name, double low,
                                 double high);
/* "counterfactual"; nothing when no group has two variants. */
karma_status slices_put_pairs(struct slices *s, struct arena *a, struct json *result);

#endif
