/*
 * semantic_words.h - the words of a transcript in one spelling of what can be said and written in
 * several ways: numbers as digits, units as symbols, symbols for the words that stand for them,
 * lower case, no punctuation. doc/reference/metrics.md has the rules.
 */
#ifndef METRICS_SEMANTIC_WORDS_H
#define METRICS_SEMANTIC_WORDS_H

#include "metrics/ngrams.h"

/* All in a. hindi: '&' is said in Hindi. */
karma_status semantic_words(struct arena *a, const char *text, bool hindi, struct pieces *out);

#endif
