/*
 * list_lane.h - the fast lane beside a JSON stream, for lists of a million strings. What stands
 * between two strings of such a list (a comma, line ends, indentation, quotes) is the same each
 * time, so it is learned once and then compared. A lane takes whole items only and no text with
 * escapes; at whatever else it stops in front of the item, and the stream, which knows every form
 * and every error, reads that. UTF-8 is the caller's to check.
 */
#ifndef TEXT_LIST_LANE_H
#define TEXT_LIST_LANE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/json_pull.h"

/* What stood in one place between two strings, last time. All-zero is a valid empty one. */
struct lane_gap {
    const char *text; /* in the file */
    size_t len;
};

static inline uint64_t lane_word(const char *p) {
    uint64_t word;
    memcpy(&word, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* Is it what stands at p, of which at least as many bytes are there? Gaps are a few bytes long. */
static inline bool lane_same(const char *p, const struct lane_gap *gap) {
    size_t i = 0;
    for (; i + 8 <= gap->len; i += 8)
        if (lane_word(p + i) != lane_word(gap->text + i)) return false;
    for (; i < gap->len; i++)
        if (p[i] != gap->text[i]) return false;
    return true;
}

static inline bool lane_blank(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Behind the marks, each with blanks before it, and, for a mark ' ', behind blanks; NULL if
 * something else is there. */
static inline const char *lane_cross(const char *p, const char *end, struct lane_gap *gap,
                                     const char *marks) {
    const char *from = p;
    if (gap->len > 0 && (size_t)(end - p) > gap->len && lane_same(p, gap)) return p + gap->len;
    for (; *marks; marks++) {
        while (p < end && lane_blank(*p))
            p++;
        if (*marks == ' ') continue;
        if (p == end || *p != *marks) return NULL;
        p++;
    }
    *gap = (struct lane_gap){from, (size_t)(p - from)};
    return p;
}

/* The quote that ends a string without escapes and controls, or NULL. */
static inline const char *lane_string(const char *p, const char *end) {
    const uint64_t ones = 0x0101010101010101u;
    for (; end - p >= 8; p += 8) {
        const uint64_t word = lane_word(p), quote = word ^ '"' * ones, escape = word ^ '\\' * ones;
        /* High bits of bytes that are special or look so behind one that is; the lowest is true. */
        uint64_t special =
            ((quote - ones) & ~quote) | ((escape - ones) & ~escape) | ((word - ' ' * ones) & ~word);
        special &= 0x80 * ones;
        if (special == 0) continue;
        p += __builtin_ctzll(special) / 8;
        return *p == '"' ? p : NULL;
    }
    while (p < end && (unsigned char)*p >= ' ' && *p != '"' && *p != '\\')
        p++;
    return p < end && *p == '"' ? p : NULL;
}

/* Behind a number of at most nine digits, as JSON writes an integer of no sign; NULL: another. */
static inline const char *lane_number(const char *p, const char *end, int64_t *out) {
    const char *from = p;
    int64_t n = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (p - from == 9) return NULL;
        n = n * 10 + (*p - '0');
    }
    if (p == from || p == end || *p == '.' || *p == 'e' || *p == 'E' ||
        (*from == '0' && p > from + 1))
        return NULL;
    *out = n;
    return p;
}

#endif
