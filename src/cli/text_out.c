/* text_out.c - see text_out.h. */
#include "cli/text_out.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool text_add(struct text_out *t, const char *text) {
    const size_t len = strlen(text);
    if (len >= t->cap - t->len) {
        size_t cap = t->cap ? t->cap : 256;
        while (cap - t->len <= len)
            cap *= 2;
        char *grown = realloc(t->text, cap);
        if (!grown) return false;
        t->text = grown;
        t->cap = cap;
    }
    memcpy(t->text + t->len, text, len + 1);
    t->len += len;
    return true;
}

bool text_addf(struct text_out *t, const char *fmt, ...) {
    char line[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    return text_add(t, line);
}

void text_free(struct text_out *t) {
    free(t->text);
    *t = (struct text_out){0};
}
