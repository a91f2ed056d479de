/*
 * json_write.c - JSON trees as text, byte for byte as Python's json.dumps writes them, and decimal
 * numbers in both directions. Nothing here depends on the locale.
 */
#include "base/json.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"

enum {
    MAX_DEPTH = 128,         /* a parsed tree has at most 64; the rest is our own building */
    MAX_NUMBER_BYTES = 4096, /* of a number to read */
};

/* [+-] digits [. digits] [e [+-] digits], with a digit before or after the point. */
static bool is_decimal(const char *p, const char *end) {
    if (p < end && (*p == '-' || *p == '+')) p++;
    const char *digits = p;
    while (p < end && ascii_is_digit(*p))
        p++;
    ptrdiff_t n = p - digits;
    if (p < end && *p == '.') {
        p++;
        while (p < end && ascii_is_digit(*p))
            p++, n++;
    }
    if (n == 0) return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '-' || *p == '+')) p++;
        digits = p;
        while (p < end && ascii_is_digit(*p))
            p++;
        if (p == digits) return false;
    }
    return p == end;
}

/* strtod() under the C locale whatever the process has set. */
static double strtod_c(const char *text) {
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* a static object in glibc and musl */
    if (c == (locale_t)0) return strtod(text, NULL);
    double v = strtod_l(text, NULL, c);
    freelocale(c);
    return v;
}

bool json_parse_real(const char *text, size_t len, double *out) {
    char copy[MAX_NUMBER_BYTES + 1];
    if (len > MAX_NUMBER_BYTES || !is_decimal(text, text + len)) return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    *out = strtod_c(copy);
    return true;
}

/* v as `n` correctly rounded significant digits without their point; 0.d1d2... * 10^*point. */
static void digits_of(double v, int n, char digits[20], int *point) {
    char text[40];
    snprintf(text, sizeof(text), "%.*e", n - 1, v);
    int count = 0;
    const char *p = text;
    for (; *p != 'e'; p++) /* skips the locale's decimal point, of any length */
        if (ascii_is_digit(*p)) digits[count++] = *p;
    digits[count] = '\0';
    *point = atoi(p + 1) + 1;
}

static double value_of(const char *digits, int point) {
    char text[40];
    snprintf(text, sizeof(text), "%se%d", digits, point - (int)strlen(digits));
    return strtod_c(text);
}

static bool reads_back(double v, const char *digits, int point) {
    return value_of(digits, point) == v;
}

static void drop_zeros(char *digits) {
    size_t count = strlen(digits);
    while (count > 1 && digits[count - 1] == '0')
        digits[--count] = '\0';
}

/* Add one unit of the last digit. */
static void next_up(char *digits, int *point) {
    size_t i = strlen(digits);
    while (i > 0 && digits[i - 1] == '9')
        digits[--i] = '0';
    if (i > 0) {
        digits[i - 1]++;
    } else {
        digits[0] = '1';
        (*point)++;
    }
}

/* The fewest digits that read back as v > 0, without trailing zeros. */
static void shortest_digits(double v, char digits[20], int *point) {
    /* 15 digits always survive the way through a normal double, so fewer only end in zeros. */
    for (int n = v < 0x1p-1022 ? 1 : 15; n <= 17; n++) {
        digits_of(v, n, digits, point);
        if (reads_back(v, digits, *point)) break;
        /* Below a power of two doubles lie twice as close: the nearest decimal, under it, may
         * belong to a neighbour while the next one, above, reads back. */
        next_up(digits, point);
        if (reads_back(v, digits, *point)) break;
    }
    drop_zeros(digits);
}

/* 0.DIGITS * 10^point as Python writes it. */
static size_t format_digits(bool negative, const char *digits, int point, char *out) {
    char *p = out;
    int len = (int)strlen(digits);
    if (negative) *p++ = '-';
    if (point > 16 || point < -3) {
        p += sprintf(p, "%c%s%se%c%02d", digits[0], len > 1 ? "." : "", digits + 1,
                     point > 0 ? '+' : '-', abs(point - 1));
    } else if (point <= 0) {
        p += sprintf(p, "0.%.*s%s", -point, "0000", digits);
    } else if (point >= len) {
        p += sprintf(p, "%s%.*s.0", digits, point - len, "0000000000000000");
    } else {
        p += sprintf(p, "%.*s.%s", point, digits, digits + point);
    }
    return (size_t)(p - out);
}

size_t json_format_real(double v, char *out) {
    if (!isfinite(v)) return (size_t)sprintf(out, "%s", isnan(v) ? "nan" : v < 0 ? "-inf" : "inf");
    char digits[20] = "0";
    int point = 1;
    if (v != 0) shortest_digits(fabs(v), digits, &point);
    return format_digits(signbit(v), digits, point, out);
}

size_t json_format_float(float v, char *out) {
    if (v == 0 || !isfinite(v)) return json_format_real((double)v, out);
    char digits[20];
    int point = 0;
    for (int n = 6; n <= 9; n++) { /* nine digits tell all floats apart */
        digits_of(fabs((double)v), n, digits, &point);
        if ((float)value_of(digits, point) == fabsf(v)) break;
    }
    drop_zeros(digits);
    return format_digits(signbit(v), digits, point, out);
}

static karma_status write_unit(struct buf *b, uint32_t unit) {
    return buf_printf(b, "\\u%04x", (unsigned)unit);
}

static karma_status write_escaped(struct buf *b, uint32_t cp) {
    static const char short_for[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *known = cp && cp < 0x80 ? strchr(short_for, (int)cp) : NULL;
    if (known) {
        char text[3] = {'\\', letters[known - short_for], '\0'};
        return buf_puts(b, text);
    }
    if (cp < 0x10000) return write_unit(b, cp);
    karma_status st = write_unit(b, 0xD800 + ((cp - 0x10000) >> 10));
    return st < 0 ? st : write_unit(b, 0xDC00 + ((cp - 0x10000) & 0x3FF));
}

karma_status json_write_string(struct buf *b, const char *s, size_t len, unsigned flags) {
    const bool ascii = flags & JSON_ASCII;
    size_t run = 0; /* first byte not yet written */
    karma_status st = buf_putc(b, '"');
    for (size_t i = 0; i < len && st == KARMA_OK;) {
        unsigned char c = (unsigned char)s[i];
        uint32_t cp = c;
        int n = 1;
        if (c >= 0x80 && (n = utf8_decode(s + i, len - i, &cp, NULL)) == 0)
            return status_fail(KARMA_E_ENCODING, "string to write is not valid UTF-8");
        /* Python escapes DEL only when it escapes all that is not printable ASCII. */
        if (c < 0x20 || c == '"' || c == '\\' || (ascii && c >= 0x7F)) {
            st = buf_append(b, s + run, i - run);
            if (st == KARMA_OK) st = write_escaped(b, cp);
            run = i + (size_t)n;
        }
        i += (size_t)n;
    }
    if (st == KARMA_OK) st = buf_append(b, s + run, len - run);
    return st < 0 ? st : buf_putc(b, '"');
}

struct writer {
    struct buf *out;
    int indent;
    unsigned flags;
};

static karma_status break_line(const struct writer *w, int depth) {
    karma_status st = buf_putc(w->out, '\n');
    for (int i = 0; i < depth * w->indent && st == KARMA_OK; i++)
        st = buf_putc(w->out, ' ');
    return st;
}

/* What stands before entry i of a container. */
static karma_status separate(const struct writer *w, size_t i, int depth) {
    karma_status st = KARMA_OK;
    if (i > 0) st = buf_puts(w->out, w->indent || (w->flags & JSON_COMPACT) ? "," : ", ");
    return st == KARMA_OK && w->indent ? break_line(w, depth + 1) : st;
}

static karma_status write_value(const struct writer *w, const struct json *j, int depth);

static karma_status write_container(const struct writer *w, const struct json *j, int depth) {
    const bool object = j->type == JSON_OBJECT;
    const size_t n = json_count(j);
    if (depth == MAX_DEPTH) return status_fail(KARMA_E_LIMIT, "JSON nested too deep to write");
    karma_status st = buf_putc(w->out, object ? '{' : '[');
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        st = separate(w, i, depth);
        if (object && st == KARMA_OK) {
            const struct json_member *m = &j->u.object.members[i];
            st = json_write_string(w->out, m->key, m->key_len, w->flags);
            if (st == KARMA_OK) st = buf_puts(w->out, w->flags & JSON_COMPACT ? ":" : ": ");
            if (st == KARMA_OK) st = write_value(w, m->value, depth + 1);
        } else if (st == KARMA_OK) {
            st = write_value(w, j->u.array.items[i], depth + 1);
        }
    }
    if (st == KARMA_OK && n > 0 && w->indent) st = break_line(w, depth);
    return st < 0 ? st : buf_putc(w->out, object ? '}' : ']');
}

static karma_status write_bytes(const struct writer *w, const struct json *j) {
    karma_status st = buf_putc(w->out, '"');
    if (st == KARMA_OK) st = base64_encode(w->out, j->u.bytes.data, j->u.bytes.len);
    return st < 0 ? st : buf_putc(w->out, '"');
}

static karma_status write_value(const struct writer *w, const struct json *j, int depth) {
    char number[32];
    switch (j ? j->type : JSON_NULL) {
    case JSON_NULL:
        return buf_puts(w->out, "null");
    case JSON_BOOL:
        return buf_puts(w->out, j->u.boolean ? "true" : "false");
    case JSON_INT:
        return buf_printf(w->out, "%lld", (long long)j->u.integer);
    case JSON_REAL:
        if (!isfinite(j->u.real))
            return status_fail(KARMA_E_NONFINITE, "JSON has no number that is not finite");
        return buf_append(w->out, number, json_format_real(j->u.real, number));
    case JSON_STRING:
        return json_write_string(w->out, j->u.string.data, j->u.string.len, w->flags);
    case JSON_BYTES:
        return write_bytes(w, j);
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return write_container(w, j, depth);
}

karma_status json_write(struct buf *b, const struct json *j, int indent, unsigned flags) {
    struct writer w = {.out = b, .indent = indent, .flags = flags};
    return write_value(&w, j, 0);
}
