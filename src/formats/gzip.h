/* gzip.h - what a gzip file holds, in memory. */
#ifndef FORMATS_GZIP_H
#define FORMATS_GZIP_H

#include <stdbool.h>

#include "base/buf.h"

bool gzip_is_one(const unsigned char *data, size_t size);
/* Unpack all of it into out (replacing its bytes); more than max_bytes is E_LIMIT. E_SYNTAX,
 * E_TRUNCATED, E_DIGEST. */
karma_status gzip_unpack(const unsigned char *data, size_t size, size_t max_bytes, struct buf *out);

#endif
