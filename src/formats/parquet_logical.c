/* parquet_logical.c - what the values of a column mean, as JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "formats/parquet_impl.h"

enum { MAX_CELL = 64 << 20, MAX_ROW_BYTES = 512 << 20 };

/* ---- numbers ---- */

static const struct json *new_real(struct arena *a, double v) {
    if (isfinite(v)) return json_new_real(a, v);
    return json_new_string(a, isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
}

static const struct json *new_int(struct arena *a, const struct pq_node *n, int64_t v) {
    if (n->kind != PQ_KIND_INT) return json_new_int(a, v);
    switch (n->bits) {
    case 8:
        v = n->is_signed ? (int8_t)v : (uint8_t)v;
        break;
    case 16:
        v = n->is_signed ? (int16_t)v : (uint16_t)v;
        break;
    case 32:
        if (!n->is_signed) v = (uint32_t)v;
        break;
    default:
        if (!n->is_signed && v < 0) return json_new_real(a, (double)(uint64_t)v);
    }
    return json_new_int(a, v);
}

static double half_to_double(unsigned h) {
    const int exponent = (int)(h >> 10 & 31);
    const double fraction = (double)(h & 1023);
    double v = exponent == 0    ? ldexp(fraction, -24)
               : exponent == 31 ? (fraction > 0 ? (double)NAN : (double)INFINITY)
                                : ldexp(1024 + fraction, exponent - 25);
    return h >> 15 ? -v : v;
}

/* The digits of a whole number, big-endian in two's complement, in decimal. */
static karma_status decimal_digits(const unsigned char *bytes, size_t n, struct buf *out,
                                   bool *negative) {
    unsigned char rest[416]; /* a thousand digits, see check_leaf */
    if (n > sizeof(rest)) return status_fail(KARMA_E_LIMIT, "a decimal of %zu bytes", n);
    *negative = n > 0 && bytes[0] >> 7;
    unsigned carry = *negative;
    for (size_t i = n; i-- > 0;) {
        const unsigned byte = (*negative ? (unsigned char)~bytes[i] : bytes[i]) + carry;
        rest[i] = (unsigned char)byte;
        carry = byte >> 8;
    }
    for (size_t first = 0; first < n;) {
        unsigned left = 0;
        for (size_t i = first; i < n; i++) {
            left = left << 8 | rest[i];
            rest[i] = (unsigned char)(left / 10);
            left %= 10;
        }
        karma_status st = buf_putc(out, (char)('0' + left));
        if (st < 0) return st;
        while (first < n && rest[first] == 0)
            first++;
    }
    return KARMA_OK;
}

/* As Decimal has it: all digits of the scale, one before the point. */
static karma_status decimal_text(const struct pq_node *n, const unsigned char *bytes, size_t len,
                                 struct buf *out) {
    struct buf digits = {0}; /* the last one first */
    bool negative;
    const size_t scale = (size_t)n->scale;
    karma_status st = decimal_digits(bytes, len, &digits, &negative);
    while (st == KARMA_OK && digits.len < scale + 1)
        st = buf_putc(&digits, '0');
    if (st == KARMA_OK && negative) st = buf_putc(out, '-');
    for (size_t i = digits.len; i-- > 0 && st == KARMA_OK;) {
        st = buf_putc(out, digits.data[i]);
        if (st == KARMA_OK && i == scale && i > 0) st = buf_putc(out, '.');
    }
    buf_release(&digits);
    return st;
}

static karma_status new_decimal(struct arena *a, const struct pq_node *n, const struct pq_value *v,
                                const struct json **out) {
    unsigned char whole[8];
    const unsigned char *bytes = v->bytes;
    size_t len = v->n_bytes;
    struct buf text = {0};
    if (n->type == PQ_INT32 || n->type == PQ_INT64) {
        for (int i = 0; i < 8; i++)
            whole[i] = (unsigned char)((uint64_t)v->integer >> (56 - 8 * i));
        bytes = whole;
        len = 8;
    }
    karma_status st = decimal_text(n, bytes, len, &text);
    if (st == KARMA_OK && !(*out = json_new_stringn(a, buf_str(&text), text.len)))
        st = KARMA_E_NOMEM;
    buf_release(&text);
    return st;
}

/* ---- time ---- */

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar; eras of 400 years begin in March. */
static void date_of(int64_t days, int64_t *year, int *month, int *day) {
    days += 719468;
    const int64_t era = floor_div(days, 146097);
    const int64_t in_era = days - era * 146097;
    const int64_t years = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    const int64_t in_year = in_era - (365 * years + years / 4 - years / 100);
    const int64_t m = (5 * in_year + 2) / 153;
    *day = (int)(in_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = years + era * 400 + (*month <= 2);
}

static size_t put_date(char *out, size_t size, int64_t days) {
    int64_t year;
    int month, day;
    date_of(days, &year, &month, &day);
    return (size_t)snprintf(out, size, "%s%04lld-%02d-%02d", year < 0 ? "-" : "",
                            (long long)(year < 0 ? -year : year), month, day);
}

/* Of a day; fraction in units of 10^-digits s. As Python writes it: no fraction of zero, else all
 * of its milli-, micro- or nanoseconds. */
static size_t put_time(char *out, size_t size, int64_t seconds, int64_t fraction, int digits) {
    size_t n = (size_t)snprintf(out, size, "%02d:%02d:%02d", (int)(seconds / 3600),
                                (int)(seconds / 60 % 60), (int)(seconds % 60));
    if (fraction == 0) return n;
    if (digits == 3) fraction *= 1000, digits = 6;
    if (digits == 9 && fraction % 1000 == 0) fraction /= 1000, digits = 6;
    return n + (size_t)snprintf(out + n, size - n, ".%0*lld", digits, (long long)fraction);
}

static int64_t per_second(int digits) {
    return digits == 3 ? 1000 : digits == 6 ? 1000000 : 1000000000;
}

static const struct json *new_timestamp(struct arena *a, int64_t days, int64_t seconds,
                                        int64_t fraction, int digits, bool utc) {
    char text[96];
    size_t n = put_date(text, sizeof(text), days);
    text[n++] = 'T';
    n += put_time(text + n, sizeof(text) - n, seconds, fraction, digits);
    if (utc) text[n++] = 'Z';
    return json_new_stringn(a, text, n);
}

static const struct json *new_moment(struct arena *a, const struct pq_node *n, int64_t v) {
    const int64_t unit = per_second(n->unit_digits), seconds = floor_div(v, unit);
    const int64_t days = floor_div(seconds, 86400);
    return new_timestamp(a, days, seconds - days * 86400, v - seconds * unit, n->unit_digits,
                         n->utc);
}

/* Nanoseconds of the day, then the Julian day. */
static karma_status new_int96(struct arena *a, const unsigned char *p, const struct json **out) {
    const uint64_t ns = pq_u64(p), day_ns = UINT64_C(86400000000000);
    if (ns >= day_ns) return status_fail(KARMA_E_RANGE, "a time of day of more than a day");
    const int64_t days = (int64_t)pq_u32(p + 8) - 2440588;
    *out = new_timestamp(a, days, (int64_t)(ns / 1000000000), (int64_t)(ns % 1000000000), 9, false);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status new_time(struct arena *a, const struct pq_node *n, int64_t v,
                             const struct json **out) {
    char text[32];
    const int64_t unit = per_second(n->unit_digits);
    if (v < 0 || v / unit >= 86400)
        return status_fail(KARMA_E_RANGE, "a time of day of more than a day");
    const size_t len = put_time(text, sizeof(text), v / unit, v % unit, n->unit_digits);
    *out = json_new_stringn(a, text, len);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

static const struct json *new_date(struct arena *a, int64_t days) {
    char text[32];
    return json_new_stringn(a, text, put_date(text, sizeof(text), days));
}

/* ---- bytes ---- */

static karma_status check_room(struct parquet *p, size_t n) {
    p->row_bytes += n;
    if (n > MAX_CELL) return status_fail(KARMA_E_LIMIT, "a cell of more than 64 MiB");
    if (p->row_bytes > MAX_ROW_BYTES)
        return status_fail(KARMA_E_LIMIT, "a row of more than 512 MiB");
    return KARMA_OK;
}

static const struct json *new_uuid(struct arena *a, const unsigned char *b) {
    char text[40];
    size_t n = 0;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text[n++] = '-';
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%02x", b[i]);
    }
    return json_new_stringn(a, text, n);
}

/* Bytes of the file stay where they are; others move into a. */
static const struct json *new_bytes(const struct parquet *p, struct arena *a,
                                    const struct pq_value *v) {
    const uintptr_t at = (uintptr_t)v->bytes, from = (uintptr_t)p->data;
    const bool in_file = at >= from && at - from <= p->size;
    const void *bytes = in_file ? v->bytes : arena_dup(a, v->bytes, v->n_bytes);
    return bytes ? json_new_bytes(a, bytes, v->n_bytes) : NULL;
}

static karma_status new_string(struct arena *a, const struct pq_value *v, const struct json **out) {
    const char *text = (const char *)v->bytes;
    size_t bad;
    if (!v->checked && !utf8_valid(text, v->n_bytes, &bad))
        return status_fail(KARMA_E_ENCODING, "not valid UTF-8 (byte %zu of the value)", bad);
    *out = json_new_stringn(a, text, v->n_bytes);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status physical_json(struct parquet *p, struct arena *a, const struct pq_node *n,
                                  const struct pq_value *v, const struct json **out) {
    switch (n->type) {
    case PQ_BOOLEAN:
        *out = json_new_bool(a, v->integer != 0);
        break;
    case PQ_INT32:
    case PQ_INT64:
        *out = new_int(a, n, v->integer);
        break;
    case PQ_INT96:
        return new_int96(a, v->bytes, out);
    case PQ_FLOAT:
    case PQ_DOUBLE:
        *out = new_real(a, v->real);
        break;
    default:
        *out = new_bytes(p, a, v);
    }
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

karma_status pq_leaf_json(struct parquet *p, struct arena *a, const struct pq_node *leaf,
                          const struct pq_value *v, const struct json **out) {
    karma_status st = check_room(p, v->n_bytes);
    if (st < 0) return st;
    switch (leaf->kind) {
    case PQ_KIND_STRING:
    case PQ_KIND_ENUM:
    case PQ_KIND_JSON:
        return new_string(a, v, out);
    case PQ_KIND_DECIMAL:
        return new_decimal(a, leaf, v, out);
    case PQ_KIND_DATE:
        *out = new_date(a, v->integer);
        break;
    case PQ_KIND_TIME:
        return new_time(a, leaf, v->integer, out);
    case PQ_KIND_TIMESTAMP:
        *out = new_moment(a, leaf, v->integer);
        break;
    case PQ_KIND_UUID:
        *out = new_uuid(a, v->bytes);
        break;
    case PQ_KIND_FLOAT16:
        *out = new_real(a, half_to_double((unsigned)v->bytes[0] | (unsigned)v->bytes[1] << 8));
        break;
    default:
        return physical_json(p, a, leaf, v, out);
    }
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}
