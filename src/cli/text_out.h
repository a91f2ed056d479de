/* text_out.h - a growing text in memory. All-zero is a valid empty one. */
#ifndef CLI_TEXT_OUT_H
#define CLI_TEXT_OUT_H

#include <stdbool.h>
#include <stddef.h>

struct text_out {
    char *text; /* NUL-terminated once anything was added */
    size_t len, cap;
};
/* False: memory ended. */
bool text_add(struct text_out *t, const char *text);
bool text_addf(struct text_out *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_free(struct text_out *t);

#endif
