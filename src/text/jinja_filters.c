/*
 * jinja_filters.c - the filters on text and numbers, and the list of all filters. Those of the
 * reference that no chat template uses are known and E_UNSUPPORTED when reached.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "text/jinja_run.h"

/* A filter f(value) of str(value) with up to 4 optional arguments. */
static karma_status text_of(struct jinja_run *r, struct jinja_value self, struct jinja_str **s) {
    karma_status st = jinja_to_str(r, self, s);
    if (st == KARMA_OK && !jinja_str_flat(r, *s)) st = r->failed;
    return st;
}

static karma_status no_arguments(struct jinja_run *r, const char *what,
                                 const struct jinja_args *args) {
    static const char *const none[] = {NULL};
    return jinja_bind(r, what, args, none, 0, NULL);
}

static karma_status f_trim(struct jinja_run *r, struct jinja_value self,
                           const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"chars", NULL};
    struct jinja_value a;
    struct jinja_str *s;
    karma_status st = jinja_bind(r, "trim", args, params, 0, &a);
    if (st == KARMA_OK) st = text_of(r, self, &s);
    return st < 0 ? st : jinja_strip(r, s, a, 3, out);
}

static karma_status change(struct jinja_run *r, struct jinja_value self,
                           const struct jinja_args *args, const char *what, enum jinja_case how,
                           struct jinja_value *out) {
    struct jinja_str *s;
    karma_status st = no_arguments(r, what, args);
    if (st == KARMA_OK) st = text_of(r, self, &s);
    return st < 0 ? st : jinja_change_case(r, s, how, out);
}

static karma_status f_upper(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return change(r, self, args, "upper", CASE_UPPER, out);
}
static karma_status f_lower(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return change(r, self, args, "lower", CASE_LOWER, out);
}
static karma_status f_capitalize(struct jinja_run *r, struct jinja_value self,
                                 const struct jinja_args *args, struct jinja_value *out) {
    return change(r, self, args, "capitalize", CASE_CAPITALIZE, out);
}
static karma_status f_title(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return change(r, self, args, "title", CASE_WORDS, out);
}

static karma_status f_string(struct jinja_run *r, struct jinja_value self,
                             const struct jinja_args *args, struct jinja_value *out) {
    struct jinja_str *s;
    karma_status st = no_arguments(r, "string", args);
    if (st == KARMA_OK) st = jinja_to_str(r, self, &s);
    if (st == KARMA_OK) *out = jinja_string(s);
    return st;
}

static karma_status f_safe(struct jinja_run *r, struct jinja_value self,
                           const struct jinja_args *args, struct jinja_value *out) {
    struct jinja_str *s;
    karma_status st = no_arguments(r, "safe", args);
    if (st == KARMA_OK) st = text_of(r, self, &s);
    if (st < 0) return st;
    struct jinja_str *own = jinja_str_safe(r, s);
    if (!own) return r->failed;
    *out = jinja_string(own);
    return KARMA_OK;
}

static karma_status f_escape(struct jinja_run *r, struct jinja_value self,
                             const struct jinja_args *args, struct jinja_value *out) {
    struct jinja_str *s;
    karma_status st = no_arguments(r, "escape", args);
    if (st == KARMA_OK) st = text_of(r, self, &s);
    return st < 0 ? st : jinja_escape(r, s, out);
}

static karma_status f_forceescape(struct jinja_run *r, struct jinja_value self,
                                  const struct jinja_args *args, struct jinja_value *out) {
    struct jinja_str *s;
    karma_status st = no_arguments(r, "forceescape", args);
    if (st == KARMA_OK) st = text_of(r, self, &s);
    if (st < 0) return st;
    struct jinja_str plain = *s;
    plain.markup = false;
    return jinja_escape(r, &plain, out);
}

static karma_status f_replace(struct jinja_run *r, struct jinja_value self,
                              const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"old", "new", "count", NULL};
    struct jinja_value a[3];
    struct jinja_str *s, *old, *with;
    int64_t count;
    karma_status st = jinja_bind(r, "replace", args, params, 2, a);
    if (st == KARMA_OK) st = text_of(r, self, &s);
    if (st == KARMA_OK) st = text_of(r, a[0], &old);
    if (st == KARMA_OK) st = text_of(r, a[1], &with);
    if (a[2].type == JINJA_NONE) a[2] = jinja_int(-1);
    if (st == KARMA_OK) st = jinja_want_int(r, "count of replace", a[2], -1, &count);
    return st < 0 ? st : jinja_replace(r, s, old, with, count, out);
}

static karma_status f_indent(struct jinja_run *r, struct jinja_value self,
                             const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"width", "first", "blank", NULL};
    struct jinja_value a[3], spaces;
    struct jinja_str *s, *margin;
    int64_t width;
    karma_status st = jinja_bind(r, "indent", args, params, 0, a);
    if (st == KARMA_OK) st = jinja_want_str(r, "what is indented", self, &s);
    if (st < 0) return st;
    if (a[0].type == JINJA_STR) {
        margin = a[0].u.str;
        if (!jinja_str_flat(r, margin)) return r->failed;
    } else {
        st = jinja_want_int(r, "width of indent", a[0], 4, &width);
        if (st < 0) return st;
        struct jinja_str *blank = jinja_str_lend(r, " ", 1, JINJA_TEMPLATE);
        if (!blank) return r->failed;
        st = jinja_binary(r, TOK_MUL, jinja_string(blank), jinja_int(width), &spaces);
        if (st < 0) return st;
        margin = spaces.u.str;
        if (!jinja_str_flat(r, margin)) return r->failed;
    }
    const bool first = jinja_given(a[1]) && jinja_truth(a[1]);
    const bool blank = jinja_given(a[2]) && jinja_truth(a[2]);
    /* The reference adds a newline before it splits, so that a last empty line counts. */
    struct jinja_str *newline = jinja_str_lend(r, "\n", 1, JINJA_TEMPLATE);
    if (!newline) return r->failed;
    struct jinja_str *ended = jinja_str_concat(r, s, newline);
    if (!ended) return r->failed;
    struct jinja_list *lines;
    struct jinja_out o = {0};
    st = jinja_split_lines(r, ended, false, &lines);
    for (size_t i = 0; st == KARMA_OK && i < lines->count; i++) {
        struct jinja_str *line = lines->items[i].u.str;
        st = jinja_charge(r, 0, margin->len);
        if (st == KARMA_OK && i) st = jinja_out_puts(r, &o, "\n");
        if (st == KARMA_OK && (i ? blank || line->len : first)) {
            st = jinja_out_add_str(r, &o, margin);
        }
        if (st == KARMA_OK) st = jinja_out_add_str(r, &o, line);
    }
    if (st == KARMA_OK) st = jinja_out_take(r, &o, out);
    jinja_out_release(&o);
    return st;
}

static karma_status f_center(struct jinja_run *r, struct jinja_value self,
                             const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"width", NULL};
    struct jinja_value a;
    struct jinja_str *s, *blank;
    int64_t width = 80;
    karma_status st = jinja_bind(r, "center", args, params, 0, &a);
    if (st == KARMA_OK) st = jinja_want_int(r, "width of center", a, 80, &width);
    if (st == KARMA_OK) st = text_of(r, self, &s);
    if (st < 0) return st;
    blank = jinja_str_lend(r, " ", 1, JINJA_TEMPLATE);
    return blank ? jinja_center(r, s, width, blank, out) : r->failed;
}

static karma_status f_truncate(struct jinja_run *r, struct jinja_value self,
                               const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"length", "killwords", "end", "leeway", NULL};
    struct jinja_value a[4];
    struct jinja_str *s, *end = jinja_str_lend(r, "...", 3, JINJA_TEMPLATE);
    int64_t length, leeway;
    if (!end) return r->failed;
    karma_status st = jinja_bind(r, "truncate", args, params, 0, a);
    if (st == KARMA_OK) st = jinja_want_int(r, "length of truncate", a[0], 255, &length);
    if (a[3].type == JINJA_NONE) a[3] = jinja_int(5);
    if (st == KARMA_OK) st = jinja_want_int(r, "leeway of truncate", a[3], 5, &leeway);
    if (st == KARMA_OK && jinja_given(a[2])) st = jinja_want_str(r, "end of truncate", a[2], &end);
    if (st < 0) return st;
    size_t n;
    st = jinja_length(r, jinja_string(end), &n);
    if (st < 0) return st;
    const int64_t end_chars = (int64_t)n;
    if (length < end_chars || leeway < 0) {
        return jinja_fail(r, KARMA_E_RANGE, "truncate: length or leeway too small");
    }
    st = jinja_length(r, self, &n); /* what is short enough may be of any kind */
    if (st < 0) return st;
    const int64_t chars = (int64_t)n;
    if (chars <= length || chars - length <= leeway) {
        *out = self;
        return KARMA_OK;
    }
    st = jinja_want_str(r, "what is truncated", self, &s);
    if (st == KARMA_OK) st = jinja_charge(r, 1, s->len);
    if (st < 0) return st;
    size_t to = jinja_str_offset(s, (size_t)(length - end_chars));
    if (!(jinja_given(a[1]) && jinja_truth(a[1]))) {
        const char *space = to ? memrchr(s->data, ' ', to) : NULL;
        if (space) to = (size_t)(space - s->data);
    }
    struct jinja_str *head = jinja_str_part(r, s, 0, to);
    if (!head) return r->failed;
    return jinja_binary(r, TOK_ADD, jinja_string(head), jinja_string(end), out);
}

static karma_status f_wordcount(struct jinja_run *r, struct jinja_value self,
                                const struct jinja_args *args, struct jinja_value *out) {
    struct jinja_str *s;
    karma_status st = no_arguments(r, "wordcount", args);
    if (st == KARMA_OK) st = text_of(r, self, &s);
    if (st == KARMA_OK) st = jinja_charge(r, 1, 2 * (size_t)s->len);
    if (st < 0) return st;
    int64_t n = 0;
    bool in_word = false;
    for (size_t pos = 0, size; pos < s->len; pos += size) {
        const uint32_t cp = jinja_char_at(s->data, s->len, pos, &size);
        const bool word = cp == '_' || jinja_is_alnum(cp);
        n += word && !in_word;
        in_word = word;
    }
    *out = jinja_int(n);
    return KARMA_OK;
}

static karma_status f_int(struct jinja_run *r, struct jinja_value self,
                          const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"default", "base", NULL};
    struct jinja_value a[2];
    int64_t base = 10, v;
    double real = NAN;
    karma_status st = jinja_bind(r, "int", args, params, 0, a);
    if (st == KARMA_OK) st = jinja_want_int(r, "base of int", a[1], 10, &base);
    if (st < 0) return st;
    *out = jinja_given(a[0]) ? a[0] : jinja_int(0);
    if (self.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, self);
    if (jinja_is_int(self)) {
        *out = jinja_int(self.u.integer);
        return KARMA_OK;
    }
    if (self.type == JINJA_STR) {
        bool ok;
        if (!jinja_str_flat(r, self.u.str)) return r->failed;
        st = jinja_charge(r, 0, 4 * (size_t)self.u.str->len);
        if (st < 0) return st;
        st = jinja_parse_int(r, self.u.str->data, self.u.str->len, base, &v, &ok);
        if (st < 0) return st;
        if (ok) {
            *out = jinja_int(v);
            return KARMA_OK;
        }
        if (!jinja_parse_float(self.u.str->data, self.u.str->len, &real)) return KARMA_OK;
    } else if (self.type == JINJA_FLOAT) {
        real = self.u.real;
    }
    if (!isfinite(real)) return KARMA_OK;
    if (fabs(real) >= 9.2e18) {
        return jinja_fail(r, KARMA_E_RANGE, "integers beyond 64 bits are not supported");
    }
    *out = jinja_int((int64_t)real);
    return KARMA_OK;
}

static karma_status f_float(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"default", NULL};
    struct jinja_value a;
    double real;
    karma_status st = jinja_bind(r, "float", args, params, 0, &a);
    if (st < 0) return st;
    *out = jinja_given(a) ? a : jinja_float(0);
    if (self.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, self);
    if (jinja_is_number(self)) *out = jinja_float(jinja_as_real(self));
    if (self.type != JINJA_STR) return KARMA_OK;
    if (!jinja_str_flat(r, self.u.str)) return r->failed;
    st = jinja_charge(r, 0, 4 * (size_t)self.u.str->len);
    if (st < 0) return st;
    if (jinja_parse_float(self.u.str->data, self.u.str->len, &real)) *out = jinja_float(real);
    return KARMA_OK;
}

static karma_status f_abs(struct jinja_run *r, struct jinja_value self,
                          const struct jinja_args *args, struct jinja_value *out) {
    karma_status st = no_arguments(r, "abs", args);
    if (st < 0) return st;
    if (self.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, self);
    if (!jinja_is_number(self)) {
        return jinja_fail(r, KARMA_E_TYPE, "abs: bad operand type '%s'", jinja_type_name(self));
    }
    if (self.type == JINJA_FLOAT)
        *out = jinja_float(fabs(self.u.real));
    else if (self.u.integer < 0)
        return jinja_negate(r, self, out);
    else
        *out = jinja_int(self.u.integer);
    return KARMA_OK;
}

/* Python's round(): the decimal text of the double, rounded half to even, read back. printf rounds
 * the exact value, which is what CPython does too. */
static double round_decimal(double v, int64_t digits) {
    char text[400];
    double result = v;
    if (digits > 22) return v;
    if (digits >= 0) {
        snprintf(text, sizeof(text), "%.*f", (int)digits, v);
        json_parse_real(text[0] == '-' ? text + 1 : text, strlen(text) - (text[0] == '-'), &result);
        return text[0] == '-' ? -result : result;
    }
    if (digits < -308) return copysign(0.0, v);
    const double scale = pow(10, (double)-digits);
    result = nearbyint(v / scale);
    return result * scale;
}

static karma_status f_round(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"precision", "method", NULL};
    struct jinja_value a[2];
    int64_t digits;
    char how = 'c'; /* common, or the second letter of ceil and floor */
    karma_status st = jinja_bind(r, "round", args, params, 0, a);
    if (st == KARMA_OK) st = jinja_want_int(r, "precision of round", a[0], 0, &digits);
    if (st < 0) return st;
    if (jinja_given(a[1])) {
        struct jinja_str *s;
        st = jinja_want_str(r, "method of round", a[1], &s);
        if (st < 0) return st;
        if (s->len == 4 && memcmp(s->data, "ceil", 4) == 0)
            how = 'e';
        else if (s->len == 5 && memcmp(s->data, "floor", 5) == 0)
            how = 'l';
        else if (s->len != 6 || memcmp(s->data, "common", 6) != 0) {
            return jinja_fail(r, KARMA_E_RANGE, "round: method must be common, ceil or floor");
        }
    }
    if (self.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, self);
    if (!jinja_is_number(self)) {
        return jinja_fail(r, KARMA_E_TYPE, "round: '%s' is no number", jinja_type_name(self));
    }
    const double v = jinja_as_real(self);
    if (how != 'c') {
        const double scale = pow(10, (double)digits);
        const double scaled = v * scale;
        if (!isfinite(scaled) || scale == 0) {
            return jinja_fail(r, KARMA_E_RANGE, "round: precision out of range");
        }
        *out = jinja_float((how == 'e' ? ceil(scaled) : floor(scaled)) / scale);
        return KARMA_OK;
    }
    if (self.type == JINJA_FLOAT) {
        *out = jinja_float(isfinite(v) ? round_decimal(v, digits) : v);
        return KARMA_OK;
    }
    if (digits >= 0) {
        *out = jinja_int(self.u.integer);
        return KARMA_OK;
    }
    int64_t unit = 1, n = self.u.integer;
    for (; digits < 0 && unit < 1000000000000000000; digits++) {
        unit *= 10;
    }
    if (digits < 0) {
        *out = jinja_int(0);
        return KARMA_OK;
    }
    int64_t rest = n % unit, down = n - rest;
    if (rest < 0) {
        rest += unit;
        if (__builtin_sub_overflow(down, unit, &down)) {
            return jinja_fail(r, KARMA_E_RANGE, "integers beyond 64 bits are not supported");
        }
    }
    const bool up = rest > unit / 2 || (rest == unit / 2 && (down / unit) % 2 != 0);
    if (up && __builtin_add_overflow(down, unit, &down)) {
        return jinja_fail(r, KARMA_E_RANGE, "integers beyond 64 bits are not supported");
    }
    *out = jinja_int(down);
    return KARMA_OK;
}

const struct jinja_function jinja_text_filters[] = {
    {"abs", f_abs},
    {"capitalize", f_capitalize},
    {"center", f_center},
    {"e", f_escape},
    {"escape", f_escape},
    {"float", f_float},
    {"forceescape", f_forceescape},
    {"indent", f_indent},
    {"int", f_int},
    {"lower", f_lower},
    {"replace", f_replace},
    {"round", f_round},
    {"safe", f_safe},
    {"string", f_string},
    {"title", f_title},
    {"tojson", jinja_to_json},
    {"trim", f_trim},
    {"truncate", f_truncate},
    {"upper", f_upper},
    {"wordcount", f_wordcount},
    /* known to the reference */
    {"filesizeformat", NULL},
    {"format", NULL},
    {"groupby", NULL},
    {"pprint", NULL},
    {"random", NULL},
    {"striptags", NULL},
    {"urlencode", NULL},
    {"urlize", NULL},
    {"wordwrap", NULL},
    {"xmlattr", NULL},
    {NULL, NULL},
};

const struct jinja_function *jinja_find_in(const struct jinja_function *table, const char *name,
                                           size_t len) {
    for (; table->name; table++) {
        if (strlen(table->name) == len && memcmp(table->name, name, len) == 0) return table;
    }
    return NULL;
}

const struct jinja_function *jinja_find_filter(const char *name, size_t len) {
    const struct jinja_function *f = jinja_find_in(jinja_text_filters, name, len);
    return f ? f : jinja_find_in(jinja_list_filters, name, len);
}
