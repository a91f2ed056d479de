/* python_literal.c - see python_literal.h. */
#include "metrics/python_literal.h"

#include <string.h>

#include "base/utf8.h"

enum { MAX_DEPTH = 16 };

struct reader {
    struct arena *a;
    const char *begin, *p, *end;
};

static karma_status value(struct reader *r, int depth, struct json **out);

static karma_status wrong(const struct reader *r, const char *expected) {
    return status_fail(KARMA_E_SYNTAX, "expected %s at byte %zu", expected,
                       (size_t)(r->p - r->begin) + 1);
}

static void skip_blanks(struct reader *r) {
    while (r->p < r->end && strchr(" \t\r\n\f", *r->p) && *r->p)
        r->p++;
}

static bool take(struct reader *r, char c) {
    skip_blanks(r);
    if (r->p == r->end || *r->p != c) return false;
    r->p++;
    return true;
}

static karma_status list(struct reader *r, char closing, int depth, struct json **out) {
    if (depth == MAX_DEPTH)
        return status_fail(KARMA_E_LIMIT, "more than %d lists in each other", MAX_DEPTH);
    *out = json_new_array(r->a);
    karma_status st = *out ? KARMA_OK : KARMA_E_NOMEM;
    while (st == KARMA_OK && !take(r, closing)) {
        struct json *item;
        st = value(r, depth + 1, &item);
        if (st == KARMA_OK) st = json_push(r->a, *out, item);
        if (st < 0 || take(r, ',')) continue;
        if (!take(r, closing)) return wrong(r, "a comma or the end of the list");
        break;
    }
    return st;
}

static int hex_value(char c) {
    if (ascii_is_digit(c)) return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character of n hexadecimal digits. */
static karma_status hexadecimal(struct reader *r, int n, struct buf *text) {
    uint32_t cp = 0;
    char bytes[4];
    for (int i = 0; i < n; i++, r->p++) {
        const int v = r->p < r->end ? hex_value(*r->p) : -1;
        if (v < 0 || cp > 0x10FFFF) return wrong(r, "a hexadecimal digit");
        cp = cp << 4 | (uint32_t)v;
    }
    if (cp == 0 || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        return wrong(r, "the number of a character");
    return buf_append(text, bytes, (size_t)utf8_encode(cp, bytes));
}

static karma_status escape(struct reader *r, struct buf *text) {
    static const char known[] = "nrtabfv\\'\"", means[] = "\n\r\t\a\b\f\v\\'\"";
    if (r->p == r->end) return wrong(r, "a character behind the backslash");
    const char c = *r->p++;
    const char *at = c ? strchr(known, c) : NULL;
    if (at) return buf_putc(text, means[at - known]);
    if (c == '\n') return KARMA_OK;
    if (c == 'x') return hexadecimal(r, 2, text);
    if (c == 'u') return hexadecimal(r, 4, text);
    if (c == 'U') return hexadecimal(r, 8, text);
    karma_status st = buf_putc(text, '\\');
    return st < 0 ? st : buf_putc(text, c);
}

static karma_status string(struct reader *r, char quote, struct json **out) {
    struct buf text = {0};
    karma_status st = KARMA_OK;
    while (st == KARMA_OK && r->p < r->end && *r->p != quote && *r->p != '\n') {
        if (*r->p == '\\') {
            r->p++;
            st = escape(r, &text);
        } else {
            st = buf_putc(&text, *r->p++);
        }
    }
    if (st == KARMA_OK && (r->p == r->end || *r->p != quote)) st = wrong(r, "the closing quote");
    if (st == KARMA_OK) {
        r->p++;
        *out = json_new_stringn(r->a, buf_str(&text), text.len);
        st = *out ? KARMA_OK : KARMA_E_NOMEM;
    }
    buf_release(&text);
    return st;
}

static karma_status number(struct reader *r, struct json **out) {
    const char *begin = r->p;
    const struct json *read;
    while (r->p < r->end && *r->p && strchr("+-.eE0123456789", *r->p))
        r->p++;
    if (r->p == begin) return wrong(r, "a value");
    karma_status st = json_parse(r->a, begin, (size_t)(r->p - begin), JSON_LAST_WINS, &read);
    if (st == KARMA_E_NOMEM) return st;
    if (st < 0) {
        r->p = begin;
        return wrong(r, "a number");
    }
    *out = arena_dup(r->a, read, sizeof(*read));
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status value(struct reader *r, int depth, struct json **out) {
    static const char *const words[] = {"None", "True", "False"};
    skip_blanks(r);
    *out = NULL;
    for (int i = 0; i < 3; i++) {
        const size_t n = strlen(words[i]);
        if ((size_t)(r->end - r->p) < n || memcmp(r->p, words[i], n) != 0) continue;
        r->p += n;
        *out = i == 0 ? json_new_null(r->a) : json_new_bool(r->a, i == 1);
        return *out ? KARMA_OK : KARMA_E_NOMEM;
    }
    if (take(r, '[')) return list(r, ']', depth, out);
    if (take(r, '(')) return list(r, ')', depth, out);
    if (take(r, '\'')) return string(r, '\'', out);
    if (take(r, '"')) return string(r, '"', out);
    return number(r, out);
}

karma_status python_literal(struct arena *a, const char *text, size_t len,
                            const struct json **out) {
    struct reader r = {.a = a, .begin = text, .p = text, .end = text + len};
    struct json *v;
    karma_status st = value(&r, 0, &v);
    skip_blanks(&r);
    if (st == KARMA_OK && r.p != r.end) st = wrong(&r, "the end");
    *out = st < 0 ? NULL : v;
    return st;
}
