/*
 * jinja_args.c - arguments of filters, tests, methods and functions: bound to their parameters by
 * position and name, and turned into the types that are wanted.
 */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "text/jinja_run.h"

karma_status jinja_bind(struct jinja_run *r, const char *what, const struct jinja_args *args,
                        const char *const *params, size_t n_required, struct jinja_value *out) {
    size_t n = 0;
    while (params[n]) {
        out[n++] = (struct jinja_value){.type = JINJA_UNDEFINED};
    }
    if (args->count > n) {
        return jinja_fail(r, KARMA_E_TYPE, "%s takes at most %zu arguments, %zu given", what, n,
                          args->count);
    }
    for (size_t i = 0; i < args->count; i++) {
        out[i] = args->items[i];
    }
    for (size_t k = 0; k < args->n_keywords; k++) {
        size_t i = 0;
        while (i < n && strcmp(params[i], args->keywords[k].name) != 0) {
            i++;
        }
        if (i == n) {
            return jinja_fail(r, KARMA_E_TYPE, "%s has no argument named %s", what,
                              status_quotez(args->keywords[k].name));
        }
        if (i < args->count) {
            return jinja_fail(r, KARMA_E_TYPE, "%s got its argument %s twice", what, params[i]);
        }
        out[i] = args->keywords[k].value;
    }
    for (size_t i = 0; i < n_required; i++) {
        if (jinja_given(out[i])) continue;
        return jinja_fail(r, KARMA_E_TYPE, "%s needs its argument %s", what, params[i]);
    }
    return KARMA_OK;
}

karma_status jinja_want_str(struct jinja_run *r, const char *what, struct jinja_value v,
                            struct jinja_str **out) {
    if (v.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, v);
    if (v.type != JINJA_STR) {
        return jinja_fail(r, KARMA_E_TYPE, "%s must be a string, not %s", what, jinja_type_name(v));
    }
    *out = v.u.str;
    return jinja_str_flat(r, v.u.str) ? KARMA_OK : r->failed;
}

karma_status jinja_want_int(struct jinja_run *r, const char *what, struct jinja_value v,
                            int64_t otherwise, int64_t *out) {
    *out = otherwise;
    if (!jinja_given(v)) return KARMA_OK;
    if (v.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, v);
    if (!jinja_is_int(v)) {
        return jinja_fail(r, KARMA_E_TYPE, "%s must be an integer, not %s", what,
                          jinja_type_name(v));
    }
    *out = v.u.integer;
    return KARMA_OK;
}

/* Numerals may have blanks around and single underscores between digits. Copies [s, s+len) without
 * them; false if that is malformed or longer than cap. */
static bool clean_number(const char *s, size_t len, char *out, size_t cap, size_t *n) {
    size_t from = 0, to = len, size;
    while (from < to && jinja_is_space(jinja_char_at(s, to, from, &size))) {
        from += size;
    }
    while (to > from) {
        size = jinja_char_before(s, to);
        size_t unused;
        if (!jinja_is_space(jinja_char_at(s, to, to - size, &unused))) break;
        to -= size;
    }
    *n = 0;
    for (size_t i = from; i < to; i++) {
        if (s[i] == '_') {
            const bool before = i > from && s[i - 1] != '_' && s[i - 1] != '+' && s[i - 1] != '-';
            if (!before || i + 1 == to || s[i + 1] == '_') return false;
            continue;
        }
        if (*n + 1 >= cap) return false;
        out[(*n)++] = s[i];
    }
    out[*n] = 0;
    return *n > 0;
}

static int digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'z') return c - 'a' + 10;
    if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
    return 99;
}

karma_status jinja_parse_int(struct jinja_run *r, const char *s, size_t len, int64_t base,
                             int64_t *out, bool *ok) {
    char text[128];
    size_t n;
    *ok = false;
    if (base != 0 && (base < 2 || base > 36)) return KARMA_OK;
    if (!clean_number(s, len, text, sizeof(text), &n)) return KARMA_OK;
    const char *p = text;
    bool negative = false;
    if (*p == '+' || *p == '-') negative = *p++ == '-';
    if (*p == '0' && p[1]) {
        const char c = p[1] | 32;
        const int64_t implied = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
        if (implied && (base == 0 || base == implied)) {
            base = implied;
            p += 2;
        }
    }
    if (base == 0) {
        base = 10;
        if (*p == '0' && strspn(p, "0") != strlen(p)) return KARMA_OK;
    }
    if (!*p) return KARMA_OK;
    int64_t value = 0;
    for (; *p; p++) {
        const int d = digit_value(*p);
        if (d >= base) return KARMA_OK;
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_sub_overflow(value, (int64_t)d, &value)) {
            return jinja_fail(r, KARMA_E_RANGE, "integers beyond 64 bits are not supported");
        }
    }
    if (!negative && value == INT64_MIN) {
        return jinja_fail(r, KARMA_E_RANGE, "integers beyond 64 bits are not supported");
    }
    *out = negative ? value : -value;
    *ok = true;
    return KARMA_OK;
}

bool jinja_parse_float(const char *s, size_t len, double *out) {
    char text[512];
    size_t n;
    if (!clean_number(s, len, text, sizeof(text), &n)) return false;
    const char *p = text;
    double sign = 1;
    if (*p == '+' || *p == '-') sign = *p++ == '-' ? -1 : 1;
    char lower[16] = "";
    for (size_t i = 0; i < sizeof(lower) - 1 && p[i]; i++) {
        lower[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
    }
    if (strcmp(lower, "inf") == 0 || strcmp(lower, "infinity") == 0) {
        *out = sign * INFINITY;
        return true;
    }
    if (strcmp(lower, "nan") == 0) {
        *out = NAN;
        return true;
    }
    if (*p != '.' && !(*p >= '0' && *p <= '9')) return false;
    if (!json_parse_real(p, strlen(p), out)) return false;
    *out *= sign;
    return true;
}

/* "a.b.0" is the path a, b, 0; an integer is itself. */
karma_status jinja_attr_path(struct jinja_run *r, struct jinja_value attribute,
                             struct jinja_list **out) {
    struct jinja_list *l = *out = jinja_list_new(r, 1);
    if (!l) return r->failed;
    if (attribute.type != JINJA_STR) return jinja_list_push(r, l, attribute);
    struct jinja_str *s = attribute.u.str;
    if (!jinja_str_flat(r, s)) return r->failed;
    karma_status charged = jinja_charge(r, 0, s->len);
    if (charged < 0) return charged;
    for (size_t from = 0, to; from <= s->len; from = to + 1) {
        const char *dot = from < s->len ? memchr(s->data + from, '.', s->len - from) : NULL;
        to = dot ? (size_t)(dot - s->data) : s->len;
        bool digits = to > from;
        int64_t number;
        for (size_t i = from; i < to; i++) {
            digits = digits && s->data[i] >= '0' && s->data[i] <= '9';
        }
        struct jinja_value part;
        karma_status st = KARMA_OK;
        if (digits) {
            bool ok;
            st = jinja_parse_int(r, s->data + from, to - from, 10, &number, &ok);
            if (st < 0) return st;
            part = jinja_int(number);
        } else {
            struct jinja_str *name = jinja_str_part(r, s, from, to);
            if (!name) return r->failed;
            part = jinja_string(name);
        }
        st = jinja_list_push(r, l, part);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

karma_status jinja_follow_path(struct jinja_run *r, struct jinja_value v,
                               const struct jinja_list *path, struct jinja_value *out) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; path && st == KARMA_OK && i < path->count; i++) {
        st = jinja_get_item(r, v, path->items[i], &v);
    }
    *out = v;
    return st;
}

karma_status jinja_fold_case(struct jinja_run *r, struct jinja_value v, struct jinja_value *out) {
    *out = v;
    if (v.type != JINJA_STR) return KARMA_OK;
    return jinja_change_case(r, v.u.str, CASE_LOWER, out);
}
