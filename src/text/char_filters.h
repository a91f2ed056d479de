/*
 * char_filters.h - steps of a normalizer that look at one character at a time: what BERT's cleaning
 * drops, spaces around ideographs, marks, lower case, NMT's spaces. Each takes the character
 * classes that the reference has, of whatever Unicode version.
 */
#ifndef TEXT_CHAR_FILTERS_H
#define TEXT_CHAR_FILTERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "text/normalizer.h"

/* Does the step leave text (valid UTF-8) as it is? Quick, and false when in doubt. */
bool char_filter_idle(enum normalizer_kind kind, const char *text, size_t len);
/* Append what the step makes of text. kind: NORMALIZE_CLEAN_TEXT .. NORMALIZE_NMT. */
karma_status char_filter(enum normalizer_kind kind, const char *text, size_t len, struct buf *out);

#endif
