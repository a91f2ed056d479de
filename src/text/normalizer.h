/*
 * normalizer.h - what a tokenizer does to text before it looks for tokens: normal forms, fixed
 * replacements, a prefix. Normal forms are those of Unicode 9.0, as the reference has them: newer
 * characters stay as they are and compose with nothing.
 */
#ifndef TEXT_NORMALIZER_H
#define TEXT_NORMALIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum normalizer_kind {
    NORMALIZE_NFC,
    NORMALIZE_NFD,
    NORMALIZE_NFKC,
    NORMALIZE_NFKD,
    NORMALIZE_REPLACE, /* every `from` by `to` */
    NORMALIZE_PREPEND, /* `to` in front of text that is not empty */
    NORMALIZE_STRIP,   /* white space at the left, at the right */
};

struct normalizer_step {
    enum normalizer_kind kind;
    const char *from, *to; /* lent */
    size_t from_len, to_len;
    bool left, right;
};

enum { NORMALIZER_MAX_STEPS = 16 };

struct normalizer {
    struct normalizer_step steps[NORMALIZER_MAX_STEPS];
    int n_steps;
};

karma_status normalizer_add(struct normalizer *n, struct normalizer_step step);

/* Normalise valid UTF-8. *out is text itself, a part of it, or lives in one of the two buffers
 * (which are the caller's, reused from call to call). */
karma_status normalize(const struct normalizer *n, const char *text, size_t len,
                       struct buf scratch[2], const char **out, size_t *out_len);

#endif
