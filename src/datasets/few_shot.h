/*
 * few_shot.h - examples before the questions: chosen once for a set, so that all prompts begin
 * alike, and never the question itself: where it would be among them, one more that was drawn
 * stands in its place.
 */
#ifndef DATASETS_FEW_SHOT_H
#define DATASETS_FEW_SHOT_H

#include "base/sha256.h"
#include "datasets/dataset.h"
#include "datasets/item.h"

/* Of an open set. All-zero: none. */
struct few_shot {
    const struct few_shot_form *form;
    struct item *examples; /* [count + has_spare]; all lent by the set's arena */
    size_t count;
    bool has_spare;
    const char *prefix; /* of a question that is none of them */
};

/* How many the arguments ask for. E_USAGE: two of them say different numbers. */
karma_status few_shot_wanted(const struct dataset_spec *spec, const struct json *args, size_t *n);
/* Choose n of the rows of a file: those of that split, if they say theirs and split is not NULL.
 * What is kept lies in a. Errors begin with path; E_RANGE: it has fewer. */
karma_status few_shot_choose(struct arena *a, const struct dataset_spec *spec, const char *prompt,
                             const struct json *args, const char *path, const char *split, size_t n,
                             struct few_shot *out);
/* The item's prompt with the examples before it, in a. */
karma_status few_shot_put_before(struct arena *a, const struct few_shot *f, struct item *item);
/* What they add to the digest of the set. */
void few_shot_add_digest(const struct few_shot *f, struct sha256 *h);

#endif
