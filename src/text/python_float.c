/* python_float.c - see python_float.h. */
#include "text/python_float.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "text/characters.h"

enum { MAX_BYTES = 400 };

/* The number as ASCII without underscores; 0: one stands where none may. */
static size_t plain_digits(const char *p, const char *end, char out[MAX_BYTES]) {
    size_t n = 0;
    bool after_digit = false;
    while (p < end && n + 1 < MAX_BYTES) {
        uint32_t cp;
        int len = utf8_decode(p, (size_t)(end - p), &cp, NULL);
        if (len == 0) return 0;
        const int digit = digit_value(cp);
        if (digit < 0 && cp >= 0x80) return 0;
        if (cp == '_') {
            if (!after_digit || p + 1 == end) return 0;
            p++;
            len = utf8_decode(p, (size_t)(end - p), &cp, NULL);
            if (len == 0 || digit_value(cp) < 0) return 0;
            after_digit = false;
            continue;
        }
        out[n++] = digit < 0 ? (char)cp : (char)('0' + digit);
        after_digit = digit >= 0;
        p += len;
    }
    return p == end ? n : 0;
}

bool python_float(const char *text, size_t len, double *out) {
    char plain[MAX_BYTES];
    text = strip_white_space(text, &len);
    const bool negative = len > 0 && *text == '-';
    if (len > 0 && (*text == '-' || *text == '+')) {
        text++;
        len--;
    }
    const size_t n = plain_digits(text, text + len, plain);
    if (n == 0 || plain[0] == '-' || plain[0] == '+') return false;
    if ((n == 3 && ascii_same_n(plain, "inf", n)) || (n == 8 && ascii_same_n(plain, "infinity", n)))
        *out = INFINITY;
    else if (n == 3 && ascii_same_n(plain, "nan", n))
        *out = NAN;
    else if (!json_parse_real(plain, n, out))
        return false;
    if (negative) *out = -*out;
    return true;
}
