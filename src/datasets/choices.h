/*
 * choices.h - the options of a multiple-choice question: read from the many ways files write them,
 * shown as lines "A. text", and found again from an answer.
 */
#ifndef DATASETS_CHOICES_H
#define DATASETS_CHOICES_H

#include "base/json.h"

enum { CHOICES_MAX = 26 };

struct choices {
    size_t count;
    char labels[CHOICES_MAX];      /* capital letters, all different */
    const char *keys[CHOICES_MAX]; /* what the file calls it, if that is not the label; or NULL */
    const char *texts[CHOICES_MAX];
    size_t positions[CHOICES_MAX]; /* in the file, counting those left out */
};

/* From one value: an object (its keys are the labels if they are single letters), an array of texts
 * or of {label|key, text|value}, {"label": [...], "text": [...]}, or a string that holds such JSON.
 * Null and empty texts are left out, the letters of the others stay. E_RANGE: fewer than 2, more
 * than 26, or a label twice. */
karma_status choices_read(struct arena *a, const struct json *value, struct choices *out);
/* From one column each; values[i] of label 'A' + i. */
karma_status choices_from_columns(struct arena *a, const struct json *const *values, size_t count,
                                  struct choices *out);
/* The option an answer means: a string that is a label, a key, an option's text or an index; or an
 * integer, an index. Indices count from base. E_RANGE; no content in messages. */
karma_status choices_find(const struct choices *c, const struct json *answer, int64_t base,
                          size_t *index);
/* The index of that label (any case), or -1. */
int choices_of_label(const struct choices *c, char label);
/* "A. one\nB. two" in a. */
const char *choices_lines(struct arena *a, const struct choices *c);
/* "A, B, C" in a. */
const char *choices_labels(struct arena *a, const struct choices *c);

#endif
