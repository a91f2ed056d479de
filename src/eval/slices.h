/*
 * slices.h - scores of parts of a data set: by the values of a field ("subject": anatomy, ...),
 * each with its interval and its difference to the rest, and by variants of one question
 * (counterfactual pairs). Samples of a group (karma_dataset_group) are not independent; where there
 * are such, errors are clustered by them. Which method gives which figure: doc/statistics.md.
 */
#ifndef EVAL_SLICES_H
#define EVAL_SLICES_H

#include "eval/judge.h"

enum { SLICES_MIN_N = 20, SLICES_MAX_VALUES = 500, SLICES_MAX_VARIANTS = 16 };

struct slices;

/* For up to n samples of d, whose metrics they are scored with. min_n: of a value with fewer scored
 * samples only the count is shown; 0: SLICES_MIN_N. */
karma_status slices_create(const struct plan_dataset *d, size_t n, size_t min_n,
                           struct slices **out);
/* A sample that was scored, right after d's metrics had it, or that failed. */
karma_status slices_add(struct slices *s, const struct judged *j);
/* Members "by_slice", "by_slice_about" and "counterfactual" of a data set's result, in a; those
 * that have nothing to say are left out. */
karma_status slices_put(struct slices *s, struct arena *a, struct json *result);
void slices_destroy(struct slices *s); /* NULL is fine */

#endif
