/*
 * utf8.h - strict UTF-8 (no overlong forms, surrogates or values above U+10FFFF), and the case of
 * ASCII letters, which <ctype.h> would take from the caller's locale.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Decode the code point at s (len >= 1). Returns its bytes 1..4, or 0 for an invalid sequence and
 * then *bad (if not NULL) is the length of the maximal invalid subpart, 1..3. */
int utf8_decode(const char *s, size_t len, uint32_t *cp, int *bad);
int utf8_encode(uint32_t cp, char out[4]); /* bytes written; U+FFFD for what is no scalar value */
bool utf8_valid(const char *s, size_t len, size_t *bad_offset); /* bad_offset may be NULL */
/* Append s with each maximal invalid subpart replaced by U+FFFD. */
karma_status utf8_append_lossy(struct buf *b, const char *s, size_t len);
/* Bytes at the end of s that begin a sequence which more bytes could complete: 0..3. */
size_t utf8_incomplete_tail(const char *s, size_t len);

static inline char ascii_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}
static inline char ascii_upper(char c) {
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}
static inline bool ascii_is_digit(char c) {
    return c >= '0' && c <= '9';
}
static inline bool ascii_is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool ascii_is_alnum(char c) {
    return ascii_is_alpha(c) || ascii_is_digit(c);
}
bool ascii_same(const char *a, const char *b); /* equal but for the case of A-Z */
/* The same for their first len bytes; a NUL before that ends both. */
bool ascii_same_n(const char *a, const char *b, size_t len);
bool ascii_ends_with(const char *text, const char *ending); /* and more before it; without case */

#endif
