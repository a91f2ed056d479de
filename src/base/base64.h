/* base64.h - bytes from base64 text and back (RFC 4648, the usual alphabet). */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/mem.h"

/* Decode all of text into a. White space between characters is skipped; anything else that is not
 * of the alphabet, padding that is missing or in the wrong place, and bits behind the last byte
 * that are not zero are E_ENCODING with the position. */
karma_status base64_decode(struct arena *a, const char *text, size_t len,
                           const unsigned char **bytes, size_t *n_bytes);
/* Append the text of n bytes to b, in one line, padded. */
karma_status base64_encode(struct buf *b, const void *bytes, size_t n);
bool base64_is_character(char c); /* of the alphabet, without '=' */

#endif
