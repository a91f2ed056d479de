/*
 * rotation.h - a question under all cyclic orders of its options: the texts move by one place, the
 * letters stay where they are, and the reference goes with its text.
 */
#ifndef DATASETS_ROTATION_H
#define DATASETS_ROTATION_H

#include "datasets/item.h"

/* Move the options by so many places: the first letter shows the text that stood `by` places on.
 * The prompt is rendered anew. item: as item_make() made it of these. */
karma_status rotation_apply(struct arena *a, const char *prompt, const struct json *args,
                            const struct json *row, size_t by, struct item *item);
/* The key of the question in that order, and its group: what all orders have in common. */
karma_status rotation_name(struct arena *a, size_t by, struct item *item);

#endif
