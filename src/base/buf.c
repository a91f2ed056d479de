/* buf.c - the growing byte buffer. It doubles, so n appended bytes cost O(n) in all. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { FIRST_CAP = 64 };

void buf_init(struct buf *b, size_t max) {
    *b = (struct buf){.max = max};
}

karma_status buf_reserve(struct buf *b, size_t more) {
    if (b->max && (more > b->max || b->len > b->max - more)) {
        return status_fail(KARMA_E_LIMIT, "longer than %zu bytes", b->max);
    }
    if (more > PTRDIFF_MAX - 1 - b->len) {
        return status_fail(KARMA_E_NOMEM, "out of memory: %zu more bytes asked for", more);
    }
    size_t need = b->len + more + 1; /* the NUL */
    if (need <= b->cap) return KARMA_OK;
    size_t cap = b->cap ? b->cap : FIRST_CAP;
    while (cap < need)
        cap = cap > PTRDIFF_MAX / 2 ? need : cap * 2;
    if (b->max && cap > b->max) cap = b->max + 1; /* need is no larger */
    char *data = mem_realloc(b->data, cap);
    if (!data) return KARMA_E_NOMEM;
    b->data = data;
    b->cap = cap;
    b->data[b->len] = '\0';
    return KARMA_OK;
}

karma_status buf_append(struct buf *b, const void *data, size_t len) {
    karma_status st = buf_reserve(b, len);
    if (st < 0) return st;
    if (len) memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return KARMA_OK;
}

karma_status buf_puts(struct buf *b, const char *s) {
    return buf_append(b, s, strlen(s));
}

karma_status buf_putc(struct buf *b, char c) {
    return buf_append(b, &c, 1);
}

karma_status buf_printf(struct buf *b, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    size_t room = b->cap - b->len;
    int n = vsnprintf(room ? b->data + b->len : NULL, room, fmt, args);
    karma_status st = n < 0 ? status_fail(KARMA_E_INTERNAL, "text cannot be formatted")
                            : buf_reserve(b, (size_t)n);
    if (st == KARMA_OK) {
        if ((size_t)n >= room) vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    } else if (room) {
        b->data[b->len] = '\0'; /* as before the call */
    }
    va_end(again);
    va_end(args);
    return st;
}

const char *buf_str(const struct buf *b) {
    return b->data ? b->data : "";
}

void buf_clear(struct buf *b) {
    b->len = 0;
    if (b->data) b->data[0] = '\0';
}

char *buf_take(struct buf *b) {
    char *data = b->data ? b->data : mem_strdup("");
    *b = (struct buf){.max = b->max};
    return data;
}

void buf_release(struct buf *b) {
    mem_free(b->data);
    *b = (struct buf){.max = b->max};
}
