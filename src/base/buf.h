/*
 * buf.h - a growing byte buffer. All-zero is a valid empty one. data is always NUL-terminated
 * once anything was appended; len does not count that NUL, and bytes may be NUL themselves.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

#include "base/status.h"

struct buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max; /* 0 = no bound; growing past it is E_LIMIT */
};

void buf_init(struct buf *b, size_t max);
karma_status buf_append(struct buf *b, const void *data, size_t len);
karma_status buf_puts(struct buf *b, const char *s);
karma_status buf_putc(struct buf *b, char c);
karma_status buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
karma_status buf_reserve(struct buf *b, size_t more); /* room for `more` further bytes */
const char *buf_str(const struct buf *b);             /* "" when empty */
void buf_clear(struct buf *b);                        /* len = 0, keeps memory */
/* The bytes, mem_free() them; b is empty then. An empty b gives "", or NULL when memory ends. */
char *buf_take(struct buf *b);
void buf_release(struct buf *b);

#endif
