/* span.h - parts of a text, and what Python's str makes of blanks and lines. */
#ifndef DATASETS_SPAN_H
#define DATASETS_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    const char *p, *end;
};

struct span span_of(const char *text);
size_t span_len(struct span s);
bool span_begins(struct span s, const char *word);
bool span_begins_nocase(struct span s, const char *word); /* as far as ASCII goes */
bool span_is_space(uint32_t cp);
/* The code point at p and its length; a bad byte counts as itself, which no class here has. */
uint32_t span_peek(const char *p, const char *end, int *n);
/* Where the code point before p begins; begin < p. */
const char *span_step_back(const char *begin, const char *p);
struct span span_strip(struct span s);
struct span span_strip_bytes(struct span s, const char *set);
/* Cut the first line off *rest. False when nothing is left. */
bool span_next_line(struct span *rest, struct span *line);

#endif
