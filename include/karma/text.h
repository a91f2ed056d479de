/*
 * text.h - text that a caller's function hands back. Each side frees its own memory, so a function
 * behind the library never returns a pointer to text: it appends to one of these.
 */
#ifndef KARMA_TEXT_H
#define KARMA_TEXT_H

#include <stddef.h>

#include "karma/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the text goes. */
typedef struct karma_text karma_text;

/* Append len bytes (UTF-8), copied. E_NOMEM, E_LIMIT. */
KARMA_API karma_status karma_text_append(karma_text *t, const char *bytes, size_t len);

#ifdef __cplusplus
}
#endif
#endif
