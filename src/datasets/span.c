/* span.c - see span.h. */
#include "datasets/span.h"

#include <string.h>

#include "base/utf8.h"

size_t span_len(struct span s) {
    return (size_t)(s.end - s.p);
}

bool span_begins(struct span s, const char *word) {
    size_t n = strlen(word);
    return span_len(s) >= n && memcmp(s.p, word, n) == 0;
}

bool span_begins_nocase(struct span s, const char *word) {
    size_t n = strlen(word);
    return span_len(s) >= n && ascii_same_n(s.p, word, n);
}

/* What Python's str.isspace() is true for. */
bool span_is_space(uint32_t cp) {
    return (cp >= 0x09 && cp <= 0x0D) || (cp >= 0x1C && cp <= 0x20) || cp == 0x85 || cp == 0xA0 ||
           cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 ||
           cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

/* Where Python's str.splitlines() splits. */
static bool is_line_end(uint32_t cp) {
    return (cp >= 0x0A && cp <= 0x0D) || (cp >= 0x1C && cp <= 0x1E) || cp == 0x85 || cp == 0x2028 ||
           cp == 0x2029;
}

/* The code point at p and its length; a bad byte counts as itself, which no class here has. */
uint32_t span_peek(const char *p, const char *end, int *n) {
    uint32_t cp = 0xFFFD;
    *n = p < end ? utf8_decode(p, (size_t)(end - p), &cp, NULL) : 0;
    if (*n == 0) {
        *n = p < end;
        return 0xFFFD;
    }
    return cp;
}

const char *span_step_back(const char *begin, const char *p) {
    do
        p--;
    while (p > begin && ((unsigned char)*p & 0xC0) == 0x80);
    return p;
}

struct span span_strip(struct span s) {
    int n;
    while (s.p < s.end && span_is_space(span_peek(s.p, s.end, &n)))
        s.p += n;
    while (s.p < s.end) {
        const char *last = span_step_back(s.p, s.end);
        if (!span_is_space(span_peek(last, s.end, &n))) break;
        s.end = last;
    }
    return s;
}

struct span span_strip_bytes(struct span s, const char *set) {
    while (s.p < s.end && strchr(set, *s.p))
        s.p++;
    while (s.p < s.end && strchr(set, s.end[-1]))
        s.end--;
    return s;
}

/* Cut the first line off *rest. False when nothing is left. */
bool span_next_line(struct span *rest, struct span *line) {
    if (rest->p >= rest->end) return false;
    int n = 0;
    line->p = line->end = rest->p;
    while (line->end < rest->end && !is_line_end(span_peek(line->end, rest->end, &n)))
        line->end += n;
    rest->p = line->end < rest->end ? line->end + n : rest->end;
    return true;
}

struct span span_of(const char *text) {
    return (struct span){text, text + strlen(text)};
}
