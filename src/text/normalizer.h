/*
 * normalizer.h - what a tokenizer does to text before it looks for tokens: normal forms, fixed
 * replacements, a prefix, classes of characters dropped or changed. Normal forms are those of
 * Unicode 9.0, as the reference has them: newer characters stay as they are and compose with
 * nothing.
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
    NORMALIZE_REPLACE,      /* every `from` by `to` */
    NORMALIZE_PREPEND,      /* `to` in front of text that is not empty */
    NORMALIZE_REPLACE_RUNS, /* every run of at least min_run spaces (or any white space) by `to` */
    NORMALIZE_STRIP,        /* white space at the left, at the right */
    NORMALIZE_PRECOMPILED,  /* SentencePiece's map of characters */
    /* one character at a time, text/char_filters.h: */
    NORMALIZE_CLEAN_TEXT,       /* BERT: controls go, white space becomes U+0020 */
    NORMALIZE_SPACE_IDEOGRAPHS, /* BERT: a space at both sides */
    NORMALIZE_DROP_NONSPACING,  /* BERT's strip_accents, after NFD */
    NORMALIZE_DROP_MARKS,       /* StripAccents */
    NORMALIZE_LOWERCASE,
    NORMALIZE_NMT,
};

struct precompiled;

struct normalizer_step {
    enum normalizer_kind kind;
    const char *from, *to; /* lent */
    size_t from_len, to_len;
    bool left, right;
    bool any_space; /* REPLACE_RUNS */
    int min_run;
    const struct precompiled *map; /* lent */
};

enum { NORMALIZER_MAX_STEPS = 32 };

struct normalizer {
    struct normalizer_step steps[NORMALIZER_MAX_STEPS];
    int n_steps;
};

karma_status normalizer_add(struct normalizer *n, struct normalizer_step step);

/* The steps of BERT's normalizer. */
karma_status normalizer_add_bert(struct normalizer *n, bool clean_text, bool space_ideographs,
                                 bool strip_accents, bool lowercase);

/* May what a text begins with vanish, so that its result begins further on? A precompiled map does
 * not count: the reference takes what follows for the beginning then. */
bool normalizer_may_drop_first(const struct normalizer *n);

/* Normalise valid UTF-8. *out is text itself, a part of it, or lives in one of the two buffers
 * (which are the caller's, reused from call to call). */
karma_status normalize(const struct normalizer *n, const char *text, size_t len,
                       struct buf scratch[2], const char **out, size_t *out_len);

#endif
