/*
 * grapheme.h - extended grapheme clusters (Unicode 17.0), which a precompiled map of characters is
 * applied to.
 */
#ifndef TEXT_GRAPHEME_H
#define TEXT_GRAPHEME_H

/* The end of the cluster that begins at p < end, valid UTF-8. */
const char *grapheme_end(const char *p, const char *end);

#endif
