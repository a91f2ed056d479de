/*
 * pretokenize.h - cutting a text into the pieces within which tokens are merged. The regular
 * expressions that published tokenizers name are scanners written by hand, linear in the text; an
 * expression that is not on the list is refused.
 */
#ifndef TEXT_PRETOKENIZE_H
#define TEXT_PRETOKENIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/mem.h"

enum pretoken_kind {
    PRETOKEN_WORDS, /* Qwen 2 and Llama 3: they differ in how many digits stay together */
    PRETOKEN_GPT2,
    PRETOKEN_DIGITS,       /* numeric characters apart */
    PRETOKEN_LITERAL,      /* split at a fixed string */
    PRETOKEN_WHITESPACE,   /* drop white space, keep what is between */
    PRETOKEN_PUNCTUATION,  /* split at each punctuation character */
    PRETOKEN_WORD_RUNS,    /* runs of word characters, runs of neither those nor white space */
    PRETOKEN_PREFIX_SPACE, /* put one in front of a piece without */
    PRETOKEN_METASPACE,
};

enum split_behavior {
    SPLIT_REMOVED,
    SPLIT_ISOLATED,
    SPLIT_WITH_PREVIOUS,
    SPLIT_WITH_NEXT,
    SPLIT_CONTIGUOUS,
};

enum prepend_scheme { PREPEND_ALWAYS, PREPEND_NEVER, PREPEND_FIRST };

struct pretoken_step {
    enum pretoken_kind kind;
    int max_digits;               /* WORDS: 1 or 3 */
    bool individual;              /* DIGITS: each apart; else runs */
    enum split_behavior behavior; /* LITERAL, PUNCTUATION */
    bool invert, split;           /* LITERAL; METASPACE: cut before each replacement */
    enum prepend_scheme prepend;  /* METASPACE */
    const char *text;             /* LITERAL, METASPACE: the string; lent */
    size_t len;
};

enum { PRETOKEN_MAX_STEPS = 8 };

struct pretokenizer {
    struct pretoken_step steps[PRETOKEN_MAX_STEPS];
    int n_steps;
};

/* Append a step; E_LIMIT beyond PRETOKEN_MAX_STEPS. */
karma_status pretokenizer_add(struct pretokenizer *p, struct pretoken_step step);
/* The steps of BERT: white space removed, punctuation apart. */
karma_status pretokenizer_add_bert(struct pretokenizer *p);
/* The step of a known expression. E_UNSUPPORTED prints the pattern. */
karma_status pretoken_pattern(const char *pattern, size_t len, struct pretoken_step *out);

/* Takes each piece in order; it is lent for the call. */
struct pretoken_sink {
    karma_status (*take)(void *self, const char *piece, size_t len);
    void *self;
};
/* Cut text (valid UTF-8, not empty). at_start: it begins where the whole input begins. */
karma_status pretokenize(const struct pretokenizer *p, const char *text, size_t len, bool at_start,
                         const struct pretoken_sink *sink);

#endif
