/*
 * phrases.h - which of a list of phrases a text has, as whole words: in lower case, any apostrophe
 * being ', and whatever is neither a letter, a digit nor an apostrophe being a blank.
 */
#ifndef METRICS_PHRASES_H
#define METRICS_PHRASES_H

#include "base/buf.h"

/* text that way, with one blank before and after each word, in *out. */
karma_status phrases_plain(struct buf *out, const char *text);
/* Where the first of the phrases (NULL ends) stands in plain text, counted in words from 0;
 * SIZE_MAX: none does. */
size_t phrases_find(const char *plain, const char *const *phrases);

#endif
