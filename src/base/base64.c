/* base64.c - see base64.h. */
#include "base/base64.h"

#include <stdint.h>

#include "base/utf8.h"

static int value_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (ascii_is_digit(c)) return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_is_character(char c) {
    return value_of(c) >= 0;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

karma_status base64_decode(struct arena *a, const char *text, size_t len,
                           const unsigned char **bytes, size_t *n_bytes) {
    unsigned char *out = arena_alloc(a, len / 4 * 3 + 3);
    uint32_t group = 0;
    size_t n = 0, digits = 0, padding = 0;
    *bytes = NULL;
    *n_bytes = 0;
    if (!out) return KARMA_E_NOMEM;
    for (size_t i = 0; i < len; i++) {
        const int v = value_of(text[i]);
        if (is_blank(text[i])) continue;
        if (text[i] == '=' && digits % 4 >= 2 && padding < 4 - digits % 4) {
            padding++;
            continue;
        }
        if (v < 0 || padding)
            return status_fail(KARMA_E_ENCODING, "base64: byte %zu does not belong there", i);
        group = group << 6 | (uint32_t)v;
        if (++digits % 4 != 0) continue;
        out[n++] = (unsigned char)(group >> 16);
        out[n++] = (unsigned char)(group >> 8);
        out[n++] = (unsigned char)group;
        group = 0;
    }
    const size_t left = digits % 4;
    if (left == 1 || (left && padding != 4 - left))
        return status_fail(KARMA_E_ENCODING, "base64: cut off after %zu characters", digits);
    if ((left == 2 && group & 0xF) || (left == 3 && group & 0x3))
        return status_fail(KARMA_E_ENCODING, "base64: bits left over at the end");
    if (left == 2) out[n++] = (unsigned char)(group >> 4);
    if (left == 3) {
        out[n++] = (unsigned char)(group >> 10);
        out[n++] = (unsigned char)(group >> 2);
    }
    *bytes = out;
    *n_bytes = n;
    return KARMA_OK;
}

karma_status base64_encode(struct buf *b, const void *bytes, size_t n) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = bytes;
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < n && st == KARMA_OK; i += 3) {
        const size_t left = n - i;
        const uint32_t group = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                               (left > 2 ? (uint32_t)p[i + 2] : 0);
        const char text[4] = {alphabet[group >> 18], alphabet[group >> 12 & 63],
                              left > 1 ? alphabet[group >> 6 & 63] : '=',
                              left > 2 ? alphabet[group & 63] : '='};
        st = buf_append(b, text, sizeof(text));
    }
    return st;
}
