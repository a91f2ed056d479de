/*
 * status.h (base) - how the library's own code reports failure; the public half is karma/status.h.
 * One message a thread, replaced by each failure, prefixed on the way up by callers that know more:
 * "model.safetensors: tensor lm_head.weight: offsets past the end".
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include "karma/status.h"

#include <stddef.h>

/* Set this thread's message and return st. Bytes of input must pass through status_quote(). */
karma_status status_fail(karma_status st, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Put "prefix: " before the present message and return st; for st >= 0 do nothing. */
karma_status status_prefix(karma_status st, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Turn errno into a status: ENOENT -> MISSING, ENOMEM -> NOMEM, ENOSPC/EDQUOT/EFBIG -> NOSPACE,
 * EACCES/EPERM/EROFS -> PERM, ENAMETOOLONG/ELOOP/ENOTDIR/EISDIR -> PATH, else IO. Message
 * "what: strerror". */
karma_status status_errno(const char *what);

/* At most 64 bytes of input as printable ASCII, others as \xNN, "..." when cut. Lent from a ring
 * of 4 buffers a thread, so that up to four quotes fit one message. s may hold NUL bytes. */
const char *status_quote(const char *s, size_t len);
const char *status_quotez(const char *s); /* the same for a C string; NULL gives "(null)" */
/* A path, or a name that may be one: of a long one the end, which tells it apart. */
const char *status_quote_path(const char *path);

#endif
