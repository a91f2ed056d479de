/*
 * porter.h - the stem of an English word by M. F. Porter's algorithm (1980) with the changes that
 * NLTK's stemmer makes by default, which is the one rouge-score uses.
 */
#ifndef METRICS_PORTER_H
#define METRICS_PORTER_H

#include <stddef.h>

/* Stem word in place: `len` ASCII lower-case letters and digits. Returns the length of the stem, at
 * most len. */
size_t porter_stem(char *word, size_t len);

#endif
