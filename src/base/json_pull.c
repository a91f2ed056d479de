/*
 * json_pull.c - the one reader of JSON text. A state machine over the bytes: it keeps which kinds
 * of brackets are open and nothing else, so its memory does not grow with the text. Text is RFC
 * 8259 to the letter; strings must be UTF-8 and \u escapes must make whole characters. A lent
 * string points into the text itself unless it has escapes.
 */
#include "base/json_pull.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

enum { MAX_NUMBER_BYTES = 4096, MAX_STRING_BYTES = 64 << 20 };

enum pull_state {
    WANT_VALUE,      /* at the start, after ':' and after ',' in an array */
    WANT_FIRST_ITEM, /* after '[' */
    WANT_FIRST_KEY,  /* after '{' */
    AFTER_VALUE,
    AT_END,
    BROKEN, /* an error was given; every later call repeats that there was one */
};

void json_pull_init(struct json_pull *j, const char *text, size_t len) {
    memset(j, 0, sizeof(*j));
    j->start = j->p = text;
    j->end = text + len;
    buf_init(&j->scratch, MAX_STRING_BYTES);
}

void json_pull_release(struct json_pull *j) {
    buf_release(&j->scratch);
}

/* Line and column (in characters) from 1 of the byte at `at`. */
static void locate(const struct json_pull *j, const char *at, size_t *line, size_t *column) {
    *line = j->first_line ? j->first_line : 1;
    *column = 1;
    for (const char *q = j->start; q < at; q++) {
        if (*q == '\n') {
            (*line)++;
            *column = 1;
        } else if (((unsigned char)*q & 0xC0) != 0x80) {
            (*column)++;
        }
    }
}

static karma_status fail_at(struct json_pull *j, karma_status st, const char *at,
                            const char *what) {
    size_t line, column;
    locate(j, at, &line, &column);
    j->state = BROKEN;
    return status_fail(st, "line %zu, column %zu: %s", line, column, what);
}

/* The error for a byte that cannot stand where it stands. */
static karma_status fail_unexpected(struct json_pull *j, const char *wanted) {
    size_t line, column;
    locate(j, j->p, &line, &column);
    j->state = BROKEN;
    if (j->p == j->end)
        return status_fail(KARMA_E_SYNTAX, "line %zu, column %zu: expected %s, found the end", line,
                           column, wanted);
    int n = utf8_decode(j->p, (size_t)(j->end - j->p), &(uint32_t){0}, NULL);
    return status_fail(KARMA_E_SYNTAX, "line %zu, column %zu: expected %s, found '%s'", line,
                       column, wanted, status_quote(j->p, n ? (size_t)n : 1));
}

/* Eight bytes at p, the first in the low byte. */
static inline uint64_t load8(const char *p) {
    uint64_t word;
    memcpy(&word, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* Large files are half indentation and half short strings: both are looked at by eight bytes. */
static inline const char *skip_blanks(const char *p, const char *end) {
    if (p < end && (unsigned char)*p > ' ') return p;
    if (p < end && *p == '\n') p++;
    for (;;) {
        while (end - p >= 8) {
            uint64_t others = load8(p) ^ 0x2020202020202020u;
            if (others) {
                p += __builtin_ctzll(others) / 8;
                break;
            }
            p += 8;
        }
        if (p == end || (*p != ' ' && *p != '\n' && *p != '\r' && *p != '\t')) return p;
        p++;
    }
}

/* The first byte that ends a string or is not plain in it: quote, backslash, control, not ASCII. */
static inline const char *skip_plain(const char *p, const char *end) {
    const uint64_t ones = 0x0101010101010101u;
    for (; end - p >= 8; p += 8) {
        uint64_t word = load8(p), quote = word ^ '"' * ones, escape = word ^ '\\' * ones;
        /* The high bit of each byte that is special; above the first one perhaps of others. */
        uint64_t special =
            ((quote - ones) & ~quote) | ((escape - ones) & ~escape) | (word - ' ' * ones) | word;
        special &= 0x80 * ones;
        if (special) return p + __builtin_ctzll(special) / 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
           *p != '\\')
        p++;
    return p;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Four hex digits at p, or -1. */
static int32_t hex4(const char *p, const char *end) {
    if (end - p < 4) return -1;
    int32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int d = hex_digit(p[i]);
        if (d < 0) return -1;
        v = v * 16 + d;
    }
    return v;
}

/* One escape, p at its backslash, appended to scratch. */
static karma_status unescape(struct json_pull *j, const char **p) {
    const char *at = *p;
    if (j->end - at < 2) return fail_at(j, KARMA_E_SYNTAX, at, "string without an end");
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *known = at[1] ? strchr(from, at[1]) : NULL;
    if (known) {
        *p = at + 2;
        return buf_putc(&j->scratch, to[known - from]);
    }
    if (at[1] != 'u') return fail_at(j, KARMA_E_SYNTAX, at, "unknown escape in a string");
    int32_t unit = hex4(at + 2, j->end);
    if (unit < 0) return fail_at(j, KARMA_E_SYNTAX, at, "\\u needs four hexadecimal digits");
    uint32_t cp = (uint32_t)unit;
    *p = at + 6;
    if (cp >= 0xD800 && cp <= 0xDFFF) {
        int32_t low = -1;
        if (cp <= 0xDBFF && j->end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u')
            low = hex4(*p + 2, j->end);
        if (low < 0xDC00 || low > 0xDFFF)
            return fail_at(j, KARMA_E_SYNTAX, at, "half of a surrogate pair");
        cp = 0x10000 + ((cp - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
        *p += 6;
    }
    char bytes[4];
    return buf_append(&j->scratch, bytes, (size_t)utf8_encode(cp, bytes));
}

/* Bytes of a well-formed character of two or three bytes at p; 0 for the rarer leads and for what
 * is not one: utf8_decode() decides those. */
static inline int common_character(const char *p, const char *end) {
    const unsigned char *u = (const unsigned char *)p;
    if (end - p < 3 || (u[1] & 0xC0) != 0x80) return 0;
    if (u[0] >= 0xC2 && u[0] < 0xE0) return 2;
    bool three = (u[0] > 0xE0 && u[0] < 0xED) || (u[0] == 0xE0 && u[1] >= 0xA0);
    return three && (u[2] & 0xC0) == 0x80 ? 3 : 0;
}

/* A string, p at its opening quote. Afterwards p is behind the closing one. */
static karma_status read_string(struct json_pull *j) {
    const char *p = j->p + 1, *run = p; /* run: first byte not yet in scratch */
    bool escaped = false;
    for (;;) {
        if (p < j->end && (unsigned char)*p < 0x80) p = skip_plain(p, j->end);
        if (p == j->end) return fail_at(j, KARMA_E_SYNTAX, j->p, "string without an end");
        if (*p == '"') break;
        if ((unsigned char)*p < 0x20)
            return fail_at(j, KARMA_E_SYNTAX, p, "control character in a string");
        if (*p == '\\') {
            if (!escaped) buf_clear(&j->scratch);
            escaped = true;
            karma_status st = buf_append(&j->scratch, run, (size_t)(p - run));
            if (st == KARMA_OK) st = unescape(j, &p);
            if (st < 0) return st;
            run = p;
            continue;
        }
        uint32_t cp;
        int n = common_character(p, j->end);
        if (n == 0) n = utf8_decode(p, (size_t)(j->end - p), &cp, NULL);
        if (n == 0) return fail_at(j, KARMA_E_ENCODING, p, "not valid UTF-8");
        p += n;
    }
    if (!escaped) {
        j->text = run;
        j->len = (size_t)(p - run);
    } else {
        karma_status st = buf_append(&j->scratch, run, (size_t)(p - run));
        if (st < 0) return st;
        j->text = buf_str(&j->scratch);
        j->len = j->scratch.len;
    }
    if (j->len > MAX_STRING_BYTES)
        return fail_at(j, KARMA_E_LIMIT, j->p, "string of more than 64 MiB");
    j->p = p + 1;
    return KARMA_OK;
}

static const char *skip_digits(const char *p, const char *end) {
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* The digits p..end as an integer event, or false when they fit neither type. */
static bool read_integer(struct json_pull *j, const char *p, const char *end, enum json_event *ev) {
    bool negative = *p == '-';
    uint64_t v = 0;
    for (p += negative; p < end; p++)
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return false;
    if (negative) {
        if (v > (uint64_t)INT64_MAX + 1) return false;
        j->integer = (int64_t)(0 - v);
        *ev = JSON_EV_INT;
    } else if (v <= INT64_MAX) {
        j->integer = (int64_t)v;
        *ev = JSON_EV_INT;
    } else {
        j->uinteger = v;
        *ev = JSON_EV_UINT;
    }
    return true;
}

static karma_status read_number(struct json_pull *j, enum json_event *ev) {
    const char *p = j->p, *end = j->end;
    bool whole = true;
    if (p < end && *p == '-') p++;
    if (p == end || *p < '0' || *p > '9') {
        j->p = p;
        return fail_unexpected(j, "a digit");
    }
    if (*p == '0' && p + 1 < end && p[1] >= '0' && p[1] <= '9')
        return fail_at(j, KARMA_E_SYNTAX, p, "number with a leading zero");
    p = skip_digits(p, end);
    if (p < end && *p == '.') {
        whole = false;
        const char *digits = p + 1;
        p = skip_digits(digits, end);
        j->p = p == digits ? p : j->p;
        if (p == digits) return fail_unexpected(j, "a digit after the point");
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        whole = false;
        const char *digits = p + 1;
        if (digits < end && (*digits == '+' || *digits == '-')) digits++;
        p = skip_digits(digits, end);
        j->p = p == digits ? p : j->p;
        if (p == digits) return fail_unexpected(j, "a digit of the exponent");
    }
    j->text = j->p;
    j->len = (size_t)(p - j->p);
    if (j->len > MAX_NUMBER_BYTES)
        return fail_at(j, KARMA_E_LIMIT, j->p, "number of more than 4096 characters");
    if (!whole || !read_integer(j, j->p, p, ev)) {
        *ev = JSON_EV_REAL;
        if (!json_parse_real(j->text, j->len, &j->real) || !isfinite(j->real))
            return fail_at(j, KARMA_E_RANGE, j->p, "number too large for a double");
    }
    j->p = p;
    return KARMA_OK;
}

static karma_status read_word(struct json_pull *j, const char *word, enum json_event ev,
                              enum json_event *out) {
    size_t len = strlen(word);
    if ((size_t)(j->end - j->p) < len || memcmp(j->p, word, len) != 0)
        return fail_unexpected(j, "a value");
    j->p += len;
    *out = ev;
    return KARMA_OK;
}

static karma_status open_bracket(struct json_pull *j, char bracket) {
    if (j->depth == JSON_PULL_DEPTH)
        return fail_at(j, KARMA_E_LIMIT, j->p, "nested more than 64 deep");
    j->stack[j->depth++] = (uint8_t)bracket;
    j->p++;
    return KARMA_OK;
}

static karma_status read_value(struct json_pull *j, enum json_event *ev) {
    karma_status st;
    if (j->p == j->end) return fail_unexpected(j, "a value");
    switch (*j->p) {
    case '{':
        st = open_bracket(j, '{');
        if (st == KARMA_OK) j->state = WANT_FIRST_KEY;
        *ev = JSON_EV_OBJECT_BEGIN;
        return st;
    case '[':
        st = open_bracket(j, '[');
        if (st == KARMA_OK) j->state = WANT_FIRST_ITEM;
        *ev = JSON_EV_ARRAY_BEGIN;
        return st;
    case '"':
        *ev = JSON_EV_STRING;
        st = read_string(j);
        break;
    case 't':
    case 'f':
        j->boolean = *j->p == 't';
        st = read_word(j, j->boolean ? "true" : "false", JSON_EV_BOOL, ev);
        break;
    case 'n':
        st = read_word(j, "null", JSON_EV_NULL, ev);
        break;
    default:
        if (*j->p != '-' && (*j->p < '0' || *j->p > '9')) return fail_unexpected(j, "a value");
        st = read_number(j, ev);
    }
    j->state = st < 0 ? BROKEN : AFTER_VALUE;
    return st;
}

static karma_status read_key(struct json_pull *j, enum json_event *ev) {
    if (j->p == j->end || *j->p != '"') return fail_unexpected(j, "a key in quotes");
    karma_status st = read_string(j);
    if (st < 0) {
        j->state = BROKEN;
        return st;
    }
    j->p = skip_blanks(j->p, j->end);
    if (j->p == j->end || *j->p != ':') return fail_unexpected(j, "':'");
    j->p++;
    j->state = WANT_VALUE;
    *ev = JSON_EV_KEY;
    return KARMA_OK;
}

static karma_status close_bracket(struct json_pull *j, enum json_event *ev) {
    *ev = j->stack[--j->depth] == '{' ? JSON_EV_OBJECT_END : JSON_EV_ARRAY_END;
    j->p++;
    j->state = AFTER_VALUE;
    return KARMA_OK;
}

static karma_status after_value(struct json_pull *j, enum json_event *ev) {
    if (j->depth == 0) {
        if (j->p != j->end) return fail_unexpected(j, "the end");
        j->state = AT_END;
        *ev = JSON_EV_END;
        return KARMA_OK;
    }
    bool in_object = j->stack[j->depth - 1] == '{';
    if (j->p < j->end && *j->p == (in_object ? '}' : ']')) return close_bracket(j, ev);
    if (j->p == j->end || *j->p != ',')
        return fail_unexpected(j, in_object ? "',' or '}'" : "',' or ']'");
    j->p = skip_blanks(j->p + 1, j->end);
    if (in_object) return read_key(j, ev);
    return read_value(j, ev);
}

karma_status json_pull_next(struct json_pull *j, enum json_event *ev) {
    j->p = skip_blanks(j->p, j->end);
    switch ((enum pull_state)j->state) {
    case WANT_VALUE:
        return read_value(j, ev);
    case WANT_FIRST_ITEM:
        if (j->p < j->end && *j->p == ']') return close_bracket(j, ev);
        return read_value(j, ev);
    case WANT_FIRST_KEY:
        if (j->p < j->end && *j->p == '}') return close_bracket(j, ev);
        return read_key(j, ev);
    case AFTER_VALUE:
        return after_value(j, ev);
    case AT_END:
        *ev = JSON_EV_END;
        return KARMA_OK;
    case BROKEN:
        break;
    }
    return status_fail(KARMA_E_SYNTAX, "read on after an error");
}

karma_status json_pull_skip(struct json_pull *j, enum json_event ev) {
    if (ev != JSON_EV_OBJECT_BEGIN && ev != JSON_EV_ARRAY_BEGIN) return KARMA_OK;
    int outer = j->depth - 1;
    while (j->depth > outer) {
        karma_status st = json_pull_next(j, &ev);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

size_t json_pull_offset(const struct json_pull *j) {
    const char *p = skip_blanks(j->p, j->end);
    if (j->state == AFTER_VALUE && j->depth > 0 && p < j->end && *p == ',')
        p = skip_blanks(p + 1, j->end);
    return (size_t)(p - j->start);
}
