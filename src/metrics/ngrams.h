/*
 * ngrams.h - runs of n units (words, characters) that two texts share. The units of a text lie one
 * behind the other, words with one blank between them, so that a run of units is a run of bytes.
 */
#ifndef METRICS_NGRAMS_H
#define METRICS_NGRAMS_H

#include "base/buf.h"
#include "metrics/terms.h"

struct units {
    struct piece *items; /* in an arena */
    size_t count;
};

/* Words of text, cut as Python's str.split() does, copied into a. */
karma_status units_split(struct arena *a, const char *text, size_t len, struct units *out);
/* Its code points, with white space or without. A byte that is no UTF-8 is one. */
karma_status units_characters(struct arena *a, const char *text, size_t len, bool white_space,
                              struct units *out);
/* Words as they are, copied into a. */
karma_status units_join(struct arena *a, const struct piece *words, size_t count,
                        struct units *out);

struct ngram_counts {
    size_t prediction, reference, common;
};
/* Runs of `order` units of each, and how many they share, as multisets. */
karma_status ngrams_compare(const struct units *prediction, const struct units *reference,
                            size_t order, struct ngram_counts *out);

/* The bytes of the character at p, and its code point, U+FFFD for a byte that is no UTF-8. */
size_t character_at(const char *p, const char *end, uint32_t *cp);

/* A list of pieces that grows in an arena. */
struct pieces {
    struct piece *items;
    size_t count, cap;
};
karma_status pieces_add(struct arena *a, struct pieces *p, const char *text, size_t len);

#endif
