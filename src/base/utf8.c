/* utf8.c - strict UTF-8; "maximal subpart" as chapter 3 of the Unicode Standard defines it. */
#include "base/utf8.h"

#include <string.h>

/* Length of a sequence by its first byte, and the bounds of its second; 0: no sequence starts so.
 */
static int lead(unsigned char c, unsigned char *lo, unsigned char *hi) {
    *lo = 0x80;
    *hi = 0xbf;
    if (c < 0x80) return 1;
    if (c < 0xc2) return 0; /* a continuation, or an overlong form of ASCII */
    if (c < 0xe0) return 2;
    if (c < 0xf0) {
        if (c == 0xe0) *lo = 0xa0; /* else overlong */
        if (c == 0xed) *hi = 0x9f; /* else a surrogate */
        return 3;
    }
    if (c > 0xf4) return 0;
    if (c == 0xf0) *lo = 0x90; /* else overlong */
    if (c == 0xf4) *hi = 0x8f; /* else above U+10FFFF */
    return 4;
}

/* Bytes of s that agree with a sequence of n bytes, at most len. */
static int agreeing(const unsigned char *s, size_t len, int n, unsigned char lo, unsigned char hi) {
    int i = 1;
    for (; i < n && (size_t)i < len; i++) {
        if (s[i] < lo || s[i] > hi) break;
        lo = 0x80;
        hi = 0xbf;
    }
    return i;
}

int utf8_decode(const char *text, size_t len, uint32_t *cp, int *bad) {
    const unsigned char *s = (const unsigned char *)text;
    unsigned char lo, hi;
    int n = lead(s[0], &lo, &hi);
    if (n == 1) {
        *cp = s[0];
        return 1;
    }
    int have = n ? agreeing(s, len, n, lo, hi) : 1;
    if (have != n) {
        *cp = 0xfffd;
        if (bad) *bad = have;
        return 0;
    }
    uint32_t c = s[0] & (0xffu >> (n + 1));
    for (int i = 1; i < n; i++)
        c = c << 6 | (s[i] & 0x3fu);
    *cp = c;
    return n;
}

int utf8_encode(uint32_t cp, char out[4]) {
    if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff)) cp = 0xfffd;
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    int n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (cp & 0x3f));
        cp >>= 6;
    }
    out[0] = (char)((0xf00u >> n & 0xf0) | cp); /* n leading ones */
    return n;
}

/* Bytes of the well-formed character of one to three bytes at s; 0 for the rarer leads, near the
 * end, and for what is not one: utf8_decode() decides those. */
static inline int common(const unsigned char *s, size_t len) {
    if (s[0] < 0x80) return 1;
    if (len < 3 || (s[1] & 0xc0) != 0x80) return 0;
    if (s[0] >= 0xc2 && s[0] < 0xe0) return 2;
    const bool three = (s[0] > 0xe0 && s[0] < 0xed) || (s[0] == 0xe0 && s[1] >= 0xa0);
    return three && (s[2] & 0xc0) == 0x80 ? 3 : 0;
}

/* The first byte at or after i that begins nothing well-formed, or len. */
static size_t valid_end(const char *s, size_t len, size_t i) {
    while (i < len) {
        uint64_t word;
        if (len - i >= 8) { /* most text is ASCII */
            memcpy(&word, s + i, 8);
            if (!(word & 0x8080808080808080u)) {
                i += 8;
                continue;
            }
        }
        uint32_t cp;
        int n = common((const unsigned char *)s + i, len - i);
        if (n == 0) n = utf8_decode(s + i, len - i, &cp, NULL);
        if (n == 0) break;
        i += (size_t)n;
    }
    return i;
}

bool utf8_valid(const char *s, size_t len, size_t *bad_offset) {
    const size_t end = valid_end(s, len, 0);
    if (end < len && bad_offset) *bad_offset = end;
    return end == len;
}

karma_status utf8_append_lossy(struct buf *b, const char *s, size_t len) {
    size_t from = 0; /* start of what is valid and not yet appended */
    for (size_t i = 0; (i = valid_end(s, len, i)) < len;) {
        uint32_t cp;
        int bad = 1;
        (void)utf8_decode(s + i, len - i, &cp, &bad);
        karma_status st = buf_append(b, s + from, i - from);
        if (st == KARMA_OK) st = buf_append(b, "\xef\xbf\xbd", 3);
        if (st < 0) return st;
        i += (size_t)bad;
        from = i;
    }
    return buf_append(b, s + from, len - from);
}

size_t utf8_incomplete_tail(const char *text, size_t len) {
    const unsigned char *s = (const unsigned char *)text;
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char lo, hi, c = s[len - back];
        if ((c & 0xc0) == 0x80) continue;
        int n = lead(c, &lo, &hi);
        bool cut = n > (int)back && agreeing(s + len - back, back, n, lo, hi) == (int)back;
        return cut ? back : 0;
    }
    return 0;
}

bool ascii_same_n(const char *a, const char *b, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
        if (!a[i]) return true;
    }
    return true;
}

bool ascii_same(const char *a, const char *b) {
    return ascii_same_n(a, b, SIZE_MAX);
}

bool ascii_ends_with(const char *text, const char *ending) {
    const size_t len = strlen(text), n = strlen(ending);
    return len > n && ascii_same(text + len - n, ending);
}
