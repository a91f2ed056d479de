/*
 * precompiled.c - the map is bytes from a model file: every index into the trie and the pool is
 * checked when it is used, and what points outside is as if it were not there.
 */
#include "text/precompiled.h"

#include <string.h>

#include "base/utf8.h"
#include "text/grapheme.h"

enum { SHORT_CLUSTER = 6 };

/* ---- reading ---- */

static int base64_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Groups of four characters, the last one padded; anything else is refused. */
static karma_status decode_base64(const char *text, size_t len, unsigned char *out,
                                  size_t *out_len) {
    size_t n = 0;
    if (len % 4 != 0) return status_fail(KARMA_E_SYNTAX, "base64 of %zu characters", len);
    for (size_t i = 0; i < len; i += 4) {
        uint32_t bits = 0;
        int digits = 4;
        while (i + 4 == len && digits > 2 && text[i + (size_t)digits - 1] == '=')
            digits--;
        for (int k = 0; k < 4; k++) {
            int value = k < digits ? base64_value(text[i + (size_t)k]) : 0;
            if (value < 0)
                return status_fail(KARMA_E_SYNTAX, "no base64 at character %zu", i + (size_t)k);
            bits = bits << 6 | (uint32_t)value;
        }
        if ((digits == 2 && bits & 0xFFFF) || (digits == 3 && bits & 0xFF))
            return status_fail(KARMA_E_SYNTAX, "base64 ends in bits that are lost");
        for (int k = 0; k < digits - 1; k++)
            out[n++] = (unsigned char)(bits >> (16 - 8 * k));
    }
    *out_len = n;
    return KARMA_OK;
}

static inline uint32_t label(uint32_t unit) {
    return unit & (1u << 31 | 0xFF);
}

static inline size_t offset(uint32_t unit) {
    return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
}

/* The replacement of the shortest beginning of key that the map knows; NULL: none. */
static const char *find(const struct precompiled *p, const char *key, size_t len, size_t *out_len) {
    if (p->n_units == 0) return NULL;
    size_t at = offset(p->units[0]);
    for (size_t i = 0; i < len; i++) {
        const unsigned char byte = (unsigned char)key[i];
        if (byte == 0) return NULL;
        at ^= byte;
        if (at >= p->n_units || label(p->units[at]) != byte) return NULL;
        const uint32_t unit = p->units[at];
        at ^= offset(unit);
        if (!(unit >> 8 & 1)) continue;
        if (at >= p->n_units) return NULL;
        const size_t value = p->units[at] & (uint32_t)INT32_MAX;
        if (value >= p->pool_len || ((unsigned char)p->pool[value] & 0xC0) == 0x80) return NULL;
        *out_len = strlen(p->pool + value);
        return p->pool + value;
    }
    return NULL;
}

/* Is the character no beginning of anything in the map? */
static bool is_plain(const struct precompiled *p, unsigned char c) {
    if (p->n_units == 0) return true;
    const size_t at = offset(p->units[0]) ^ c;
    return at >= p->n_units || label(p->units[at]) != c;
}

karma_status precompiled_read(struct arena *a, const char *base64, size_t len,
                              struct precompiled *out) {
    size_t n = 0, bad;
    memset(out, 0, sizeof(*out));
    unsigned char *blob = arena_alloc(a, len / 4 * 3 + 1); /* a NUL behind the last replacement */
    if (!blob) return KARMA_E_NOMEM;
    karma_status st = decode_base64(base64, len, blob, &n);
    if (st < 0) return st;
    if (n < 4) return status_fail(KARMA_E_TRUNCATED, "%zu bytes, expected at least 4", n);
    const size_t units =
        ((size_t)blob[0] | (size_t)blob[1] << 8 | (size_t)blob[2] << 16 | (size_t)blob[3] << 24) /
        4;
    if (units > (n - 4) / 4)
        return status_fail(KARMA_E_TRUNCATED, "a trie of %zu units in %zu bytes", units, n);
    uint32_t *array = arena_calloc(a, units, sizeof(*array));
    if (units > 0 && !array) return KARMA_E_NOMEM;
    for (size_t i = 0; i < units; i++) {
        const unsigned char *u = blob + 4 + 4 * i;
        array[i] =
            (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
    }
    out->units = array;
    out->n_units = units;
    out->pool = (const char *)blob + 4 + 4 * units;
    out->pool_len = n - 4 - 4 * units;
    if (!utf8_valid(out->pool, out->pool_len, &bad))
        return status_fail(KARMA_E_ENCODING, "replacements: no UTF-8 at byte %zu", bad);
    for (unsigned c = 0; c < 128; c++)
        if (is_plain(out, (unsigned char)c)) out->plain[c / 8] |= (uint8_t)(1u << c % 8);
    return KARMA_OK;
}

/* ---- applying ---- */

static inline bool plain_at(const struct precompiled *p, const char *s) {
    const unsigned char c = (unsigned char)*s;
    return c < 0x80 && p->plain[c / 8] >> (c % 8) & 1;
}

/* Plain characters that each are a cluster of their own: all but the last before something else. */
static const char *plain_end(const struct precompiled *p, const char *s, const char *end) {
    const char *from = s;
    while (s < end && plain_at(p, s))
        s++;
    return s < end && s > from ? s - 1 : s;
}

static karma_status apply_cluster(const struct precompiled *p, const char *s, const char *end,
                                  struct buf *out) {
    size_t len;
    const char *to = NULL;
    if (end - s < SHORT_CLUSTER) to = find(p, s, (size_t)(end - s), &len);
    if (to) return buf_append(out, to, len);
    karma_status st = KARMA_OK;
    while (st == KARMA_OK && s < end) {
        uint32_t cp;
        const int n = utf8_decode(s, (size_t)(end - s), &cp, NULL);
        to = find(p, s, (size_t)n, &len);
        st = to ? buf_append(out, to, len) : buf_append(out, s, (size_t)n);
        s += n;
    }
    return st;
}

karma_status precompiled_apply(const struct precompiled *p, const char *text, size_t len,
                               struct buf *out) {
    karma_status st = buf_reserve(out, len + 1);
    const char *s = text, *end = text + len;
    while (st == KARMA_OK && s < end) {
        const char *next = plain_end(p, s, end);
        if (next > s) {
            st = buf_append(out, s, (size_t)(next - s));
        } else {
            next = grapheme_end(s, end);
            st = apply_cluster(p, s, next, out);
        }
        s = next;
    }
    return st;
}
