/*
 * jinja_methods.c - methods of Python's str, list, tuple and dict that templates may call. Those we
 * do not have are known by name, so that a key of that name is shadowed as in the reference, and
 * are E_UNSUPPORTED when called.
 */
#include <string.h>

#include <utf8proc.h>

#include "text/jinja_run.h"

bool jinja_is_alpha(uint32_t cp) {
    if (cp < 0x80) return (cp | 32) - 'a' < 26;
    const utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

static bool is_numeric(uint32_t cp) {
    if (cp < 0x80) return cp - '0' < 10;
    const utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO;
}

bool jinja_is_alnum(uint32_t cp) {
    return jinja_is_alpha(cp) || is_numeric(cp);
}

/* Superscript and circled digits are digits to str.isdigit, though not decimal. */
static bool is_digit(uint32_t cp) {
    if (cp < 0x80) return cp - '0' < 10;
    if (utf8proc_category((utf8proc_int32_t)cp) == UTF8PROC_CATEGORY_ND) return true;
    static const uint32_t ranges[][2] = {
        {0xB2, 0xB3},       {0xB9, 0xB9},       {0x1369, 0x1371},   {0x19DA, 0x19DA},
        {0x2070, 0x2070},   {0x2074, 0x2079},   {0x2080, 0x2089},   {0x2460, 0x2468},
        {0x2474, 0x247C},   {0x2488, 0x2490},   {0x24EA, 0x24EA},   {0x24F5, 0x24FD},
        {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},   {0x278A, 0x2792},
        {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (cp >= ranges[i][0] && cp <= ranges[i][1]) return true;
    }
    return false;
}

static karma_status none(struct jinja_run *r, const char *what, const struct jinja_args *args) {
    static const char *const params[] = {NULL};
    return jinja_bind(r, what, args, params, 0, NULL);
}

/* ---- str */

static karma_status strip_sides(struct jinja_run *r, struct jinja_value self,
                                const struct jinja_args *args, int sides, struct jinja_value *out) {
    static const char *const params[] = {"chars", NULL};
    struct jinja_value a;
    const karma_status st = jinja_bind(r, "strip", args, params, 0, &a);
    return st < 0 ? st : jinja_strip(r, self.u.str, a, sides, out);
}
static karma_status m_strip(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return strip_sides(r, self, args, 3, out);
}
static karma_status m_lstrip(struct jinja_run *r, struct jinja_value self,
                             const struct jinja_args *args, struct jinja_value *out) {
    return strip_sides(r, self, args, 1, out);
}
static karma_status m_rstrip(struct jinja_run *r, struct jinja_value self,
                             const struct jinja_args *args, struct jinja_value *out) {
    return strip_sides(r, self, args, 2, out);
}

static karma_status change(struct jinja_run *r, struct jinja_value self,
                           const struct jinja_args *args, const char *what, enum jinja_case how,
                           struct jinja_value *out) {
    const karma_status st = none(r, what, args);
    return st < 0 ? st : jinja_change_case(r, self.u.str, how, out);
}
static karma_status m_upper(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return change(r, self, args, "upper", CASE_UPPER, out);
}
static karma_status m_lower(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return change(r, self, args, "lower", CASE_LOWER, out);
}
static karma_status m_title(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return change(r, self, args, "title", CASE_TITLE, out);
}
static karma_status m_capitalize(struct jinja_run *r, struct jinja_value self,
                                 const struct jinja_args *args, struct jinja_value *out) {
    return change(r, self, args, "capitalize", CASE_CAPITALIZE, out);
}

/* The bytes [*from, *to) of self that the arguments number i and i + 1 (characters, as a slice)
 * select; false when the start lies behind the end. */
static karma_status window(struct jinja_run *r, const struct jinja_str *s,
                           const struct jinja_value *a, size_t *from, size_t *to, bool *valid) {
    const int64_t count = (int64_t)jinja_str_chars(s);
    int64_t v[2] = {0, count};
    for (int i = 0; i < 2; i++) {
        if (a[i].type == JINJA_NONE || !jinja_given(a[i])) continue;
        karma_status st = jinja_want_int(r, "a position in a string", a[i], 0, &v[i]);
        if (st < 0) return st;
        if (v[i] < 0) v[i] += count;
        if (v[i] < 0) v[i] = 0;
    }
    *valid = v[0] <= count && v[0] <= v[1];
    *from = jinja_str_offset(s, (size_t)v[0]);
    *to = jinja_str_offset(s, (size_t)v[1]);
    return jinja_charge(r, 0, s->ascii ? 0 : 4 * (size_t)s->len);
}

static karma_status affix(struct jinja_run *r, struct jinja_value self,
                          const struct jinja_args *args, bool at_end, struct jinja_value *out) {
    static const char *const params[] = {"prefix", "start", "end", NULL};
    struct jinja_value a[3];
    struct jinja_str *s = self.u.str;
    struct jinja_list *all;
    size_t from, to;
    bool valid, yes = false;
    karma_status st = jinja_bind(r, at_end ? "endswith" : "startswith", args, params, 1, a);
    if (st == KARMA_OK && !jinja_str_flat(r, s)) st = r->failed;
    if (st == KARMA_OK) st = window(r, s, a + 1, &from, &to, &valid);
    if (st < 0) return st;
    if (a[0].type == JINJA_TUPLE) {
        all = a[0].u.list;
    } else {
        all = jinja_list_new(r, 1);
        if (!all) return r->failed;
        all->items[all->count++] = a[0];
    }
    for (size_t i = 0; st == KARMA_OK && i < all->count && !yes; i++) {
        struct jinja_str *x;
        st = jinja_want_str(r, "a prefix or suffix", all->items[i], &x);
        if (st < 0) return st;
        yes = valid && x->len <= to - from &&
              memcmp(s->data + (at_end ? to - x->len : from), x->data, x->len) == 0;
        st = jinja_charge(r, 1, x->len);
    }
    *out = jinja_bool(yes);
    return st;
}
static karma_status m_startswith(struct jinja_run *r, struct jinja_value self,
                                 const struct jinja_args *args, struct jinja_value *out) {
    return affix(r, self, args, false, out);
}
static karma_status m_endswith(struct jinja_run *r, struct jinja_value self,
                               const struct jinja_args *args, struct jinja_value *out) {
    return affix(r, self, args, true, out);
}

static karma_status m_replace(struct jinja_run *r, struct jinja_value self,
                              const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"old", "new", "count", NULL};
    struct jinja_value a[3];
    struct jinja_str *old, *with;
    int64_t count;
    karma_status st = jinja_bind(r, "replace", args, params, 2, a);
    if (st == KARMA_OK) st = jinja_want_str(r, "what is replaced", a[0], &old);
    if (st == KARMA_OK) st = jinja_want_str(r, "the replacement", a[1], &with);
    if (st == KARMA_OK) st = jinja_want_int(r, "count of replace", a[2], -1, &count);
    return st < 0 ? st : jinja_replace(r, self.u.str, old, with, count, out);
}

static karma_status push_part(struct jinja_run *r, struct jinja_list *l, const struct jinja_str *s,
                              size_t from, size_t to) {
    struct jinja_str *part = jinja_str_part(r, s, from, to);
    return part ? jinja_list_push(r, l, jinja_string(part)) : r->failed;
}

static karma_status split_space(struct jinja_run *r, const struct jinja_str *s, int64_t max,
                                struct jinja_list *l) {
    size_t pos = 0, size;
    for (;;) {
        while (pos < s->len && jinja_is_space(jinja_char_at(s->data, s->len, pos, &size))) {
            pos += size;
        }
        if (pos >= s->len) return KARMA_OK;
        const size_t from = pos;
        if (max >= 0 && (int64_t)l->count >= max) { /* the rest, without blanks at its end */
            size_t to = s->len;
            while (to > from) {
                const size_t last = jinja_char_before(s->data, to);
                if (!jinja_is_space(jinja_char_at(s->data, to, to - last, &size))) break;
                to -= last;
            }
            return push_part(r, l, s, from, max == 0 || to > from ? to : from);
        }
        while (pos < s->len && !jinja_is_space(jinja_char_at(s->data, s->len, pos, &size))) {
            pos += size;
        }
        const karma_status st = push_part(r, l, s, from, pos);
        if (st < 0) return st;
    }
}

static karma_status split_at(struct jinja_run *r, const struct jinja_str *s,
                             const struct jinja_str *sep, int64_t max, struct jinja_list *l) {
    size_t from = 0;
    for (;;) {
        const char *p = (max < 0 || (int64_t)l->count < max) && from < s->len
                            ? jinja_find(s->data + from, s->len - from, sep->data, sep->len)
                            : NULL;
        const size_t to = p ? (size_t)(p - s->data) : s->len;
        karma_status st = push_part(r, l, s, from, to);
        if (st == KARMA_OK) st = jinja_charge(r, 1, 0);
        if (st < 0 || !p) return st;
        from = to + sep->len;
    }
}

/* The last place of part that ends at or before byte `to` and begins at or after `from`. There is
 * no linear search from the end in C's library: the work is charged. */
static karma_status find_last(struct jinja_run *r, const struct jinja_str *s, size_t from,
                              size_t to, const struct jinja_str *part, size_t *at, bool *found) {
    *found = false;
    while (to >= from + part->len) {
        const char *p = memrchr(s->data + from, part->data[0], to - part->len + 1 - from);
        if (!p) return KARMA_OK;
        const karma_status st = jinja_charge(r, 0, part->len);
        if (st < 0) return st;
        *at = (size_t)(p - s->data);
        *found = memcmp(p, part->data, part->len) == 0;
        if (*found) return KARMA_OK;
        to = *at + part->len - 1;
    }
    return KARMA_OK;
}

/* From the right; the parts come out backwards and are turned round by the caller. */
static karma_status rsplit_at(struct jinja_run *r, const struct jinja_str *s,
                              const struct jinja_str *sep, int64_t max, struct jinja_list *l) {
    size_t to = s->len, at = 0;
    while (max < 0 || (int64_t)l->count < max) {
        bool found;
        karma_status st = find_last(r, s, 0, to, sep, &at, &found);
        if (st == KARMA_OK && !found) break;
        if (st == KARMA_OK) st = push_part(r, l, s, at + sep->len, to);
        if (st == KARMA_OK) st = jinja_charge(r, 1, 0);
        if (st < 0) return st;
        to = at;
    }
    return push_part(r, l, s, 0, to);
}

static karma_status rsplit_space(struct jinja_run *r, const struct jinja_str *s, int64_t max,
                                 struct jinja_list *l) {
    size_t to = s->len, size;
    for (;;) {
        while (to > 0) {
            const size_t last = jinja_char_before(s->data, to);
            if (!jinja_is_space(jinja_char_at(s->data, to, to - last, &size))) break;
            to -= last;
        }
        if (to == 0) return KARMA_OK;
        size_t from = to;
        if (max >= 0 && (int64_t)l->count >= max) {
            from = 0;
            while (from < to && jinja_is_space(jinja_char_at(s->data, to, from, &size))) {
                from += size;
            }
            return push_part(r, l, s, from, to);
        }
        while (from > 0) {
            const size_t last = jinja_char_before(s->data, from);
            if (jinja_is_space(jinja_char_at(s->data, from, from - last, &size))) break;
            from -= last;
        }
        const karma_status st = push_part(r, l, s, from, to);
        if (st < 0) return st;
        to = from;
    }
}

static karma_status split(struct jinja_run *r, struct jinja_value self,
                          const struct jinja_args *args, bool right, struct jinja_value *out) {
    static const char *const params[] = {"sep", "maxsplit", NULL};
    struct jinja_value a[2];
    struct jinja_str *sep = NULL, *s = self.u.str;
    int64_t max;
    karma_status st = jinja_bind(r, "split", args, params, 0, a);
    if (st == KARMA_OK) st = jinja_want_int(r, "maxsplit", a[1], -1, &max);
    if (st == KARMA_OK && jinja_given(a[0]) && a[0].type != JINJA_NONE) {
        st = jinja_want_str(r, "a separator", a[0], &sep);
    }
    if (st < 0) return st;
    if (sep && sep->len == 0) return jinja_fail(r, KARMA_E_RANGE, "empty separator");
    if (!jinja_str_flat(r, s)) return r->failed;
    st = jinja_charge(r, 1, s->len);
    struct jinja_list *l = jinja_list_new(r, 0);
    if (!l) return r->failed;
    if (st == KARMA_OK && right) {
        st = sep ? rsplit_at(r, s, sep, max, l) : rsplit_space(r, s, max, l);
        for (size_t i = 0; i < l->count / 2; i++) {
            const struct jinja_value v = l->items[i];
            l->items[i] = l->items[l->count - 1 - i];
            l->items[l->count - 1 - i] = v;
        }
    } else if (st == KARMA_OK) {
        st = sep ? split_at(r, s, sep, max, l) : split_space(r, s, max, l);
    }
    *out = (struct jinja_value){.type = JINJA_LIST, .u.list = l};
    return st;
}
static karma_status m_split(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return split(r, self, args, false, out);
}
static karma_status m_rsplit(struct jinja_run *r, struct jinja_value self,
                             const struct jinja_args *args, struct jinja_value *out) {
    return split(r, self, args, true, out);
}

static karma_status m_splitlines(struct jinja_run *r, struct jinja_value self,
                                 const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"keepends", NULL};
    struct jinja_value a;
    karma_status st = jinja_bind(r, "splitlines", args, params, 0, &a);
    *out = (struct jinja_value){.type = JINJA_LIST};
    if (st < 0) return st;
    return jinja_split_lines(r, self.u.str, jinja_given(a) && jinja_truth(a), &out->u.list);
}

static karma_status partition(struct jinja_run *r, struct jinja_value self,
                              const struct jinja_args *args, bool right, struct jinja_value *out) {
    static const char *const params[] = {"sep", NULL};
    struct jinja_value a;
    struct jinja_str *sep, *s = self.u.str;
    karma_status st = jinja_bind(r, "partition", args, params, 1, &a);
    if (st == KARMA_OK) st = jinja_want_str(r, "a separator", a, &sep);
    if (st < 0) return st;
    if (sep->len == 0) return jinja_fail(r, KARMA_E_RANGE, "empty separator");
    if (!jinja_str_flat(r, s)) return r->failed;
    st = jinja_charge(r, 1, s->len);
    struct jinja_list *l = jinja_list_new(r, 3), *halves = jinja_list_new(r, 2);
    if (!l || !halves) return r->failed;
    if (st == KARMA_OK) {
        st = right ? rsplit_at(r, s, sep, 1, halves) : split_at(r, s, sep, 1, halves);
    }
    if (st < 0) return st;
    if (halves->count == 2) {
        l->items[right ? 2 : 0] = halves->items[0];
        l->items[1] = a;
        l->items[right ? 0 : 2] = halves->items[1];
    } else {
        struct jinja_str *empty = jinja_str_part(r, s, 0, 0);
        if (!empty) return r->failed;
        l->items[0] = l->items[1] = l->items[2] = jinja_string(empty);
        l->items[right ? 2 : 0] = self;
    }
    l->count = 3;
    *out = (struct jinja_value){.type = JINJA_TUPLE, .u.list = l};
    return KARMA_OK;
}
static karma_status m_partition(struct jinja_run *r, struct jinja_value self,
                                const struct jinja_args *args, struct jinja_value *out) {
    return partition(r, self, args, false, out);
}
static karma_status m_rpartition(struct jinja_run *r, struct jinja_value self,
                                 const struct jinja_args *args, struct jinja_value *out) {
    return partition(r, self, args, true, out);
}

static karma_status m_join(struct jinja_run *r, struct jinja_value self,
                           const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"iterable", NULL};
    struct jinja_value a;
    const karma_status st = jinja_bind(r, "join", args, params, 1, &a);
    return st < 0 ? st : jinja_join(r, self.u.str, a, true, out);
}

/* Number of characters in front of byte pos. */
static int64_t char_index(const struct jinja_str *s, size_t pos) {
    struct jinja_str head = *s;
    head.len = (uint32_t)pos;
    return (int64_t)jinja_str_chars(&head);
}

/* find, rfind, index, rindex, count. how: 'f', 'r', 'c'; must: not finding is an error. */
static karma_status search(struct jinja_run *r, struct jinja_value self,
                           const struct jinja_args *args, char how, bool must,
                           struct jinja_value *out) {
    static const char *const params[] = {"sub", "start", "end", NULL};
    struct jinja_value a[3];
    struct jinja_str *x, *s = self.u.str;
    size_t from, to;
    bool valid;
    karma_status st = jinja_bind(r, "find", args, params, 1, a);
    if (st == KARMA_OK) st = jinja_want_str(r, "what is searched", a[0], &x);
    if (st < 0) return st;
    if (!jinja_str_flat(r, s)) return r->failed;
    st = window(r, s, a + 1, &from, &to, &valid);
    if (st == KARMA_OK) st = jinja_charge(r, 1, s->len);
    if (st < 0) return st;
    int64_t found = -1, n = 0;
    if (valid && x->len == 0) {
        found = char_index(s, how == 'r' ? to : from);
        n = char_index(s, to) - char_index(s, from) + 1;
    } else if (valid && how == 'r') {
        size_t at;
        bool any;
        st = find_last(r, s, from, to, x, &at, &any);
        if (st < 0) return st;
        if (any) found = char_index(s, at);
    } else if (valid) {
        for (size_t pos = from; pos < to; n++) {
            const char *p = jinja_find(s->data + pos, to - pos, x->data, x->len);
            if (!p) break;
            pos = (size_t)(p - s->data) + x->len;
            if (how == 'c') continue;
            found = char_index(s, pos - x->len);
            break;
        }
    }
    if (must && found < 0) return jinja_fail(r, KARMA_E_RANGE, "substring not found");
    *out = jinja_int(how == 'c' ? n : found);
    return KARMA_OK;
}
static karma_status m_find(struct jinja_run *r, struct jinja_value self,
                           const struct jinja_args *args, struct jinja_value *out) {
    return search(r, self, args, 'f', false, out);
}
static karma_status m_rfind(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return search(r, self, args, 'r', false, out);
}
static karma_status m_index(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return search(r, self, args, 'f', true, out);
}
static karma_status m_rindex(struct jinja_run *r, struct jinja_value self,
                             const struct jinja_args *args, struct jinja_value *out) {
    return search(r, self, args, 'r', true, out);
}
static karma_status m_count(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return search(r, self, args, 'c', false, out);
}

static karma_status remove_affix(struct jinja_run *r, struct jinja_value self,
                                 const struct jinja_args *args, bool at_end,
                                 struct jinja_value *out) {
    static const char *const params[] = {"affix", NULL};
    struct jinja_value a;
    struct jinja_str *x, *s = self.u.str;
    karma_status st = jinja_bind(r, "removeprefix", args, params, 1, &a);
    if (st == KARMA_OK) st = jinja_want_str(r, "a prefix or suffix", a, &x);
    if (st < 0) return st;
    if (!jinja_str_flat(r, s)) return r->failed;
    *out = self;
    if (x->len > s->len || x->len == 0) return KARMA_OK;
    if (memcmp(s->data + (at_end ? s->len - x->len : 0), x->data, x->len) != 0) return KARMA_OK;
    struct jinja_str *part =
        jinja_str_part(r, s, at_end ? 0 : x->len, at_end ? s->len - x->len : s->len);
    if (!part) return r->failed;
    *out = jinja_string(part);
    return KARMA_OK;
}
static karma_status m_removeprefix(struct jinja_run *r, struct jinja_value self,
                                   const struct jinja_args *args, struct jinja_value *out) {
    return remove_affix(r, self, args, false, out);
}
static karma_status m_removesuffix(struct jinja_run *r, struct jinja_value self,
                                   const struct jinja_args *args, struct jinja_value *out) {
    return remove_affix(r, self, args, true, out);
}

/* ljust, rjust, center: side is 'l', 'r' or 'c'. */
static karma_status justify(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, char side, struct jinja_value *out) {
    static const char *const params[] = {"width", "fillchar", NULL};
    struct jinja_value a[2];
    struct jinja_str *fill = jinja_str_lend(r, " ", 1, JINJA_TEMPLATE), *s = self.u.str;
    int64_t width;
    if (!fill) return r->failed;
    karma_status st = jinja_bind(r, "justify", args, params, 1, a);
    if (st == KARMA_OK) st = jinja_want_int(r, "the width", a[0], 0, &width);
    if (st == KARMA_OK && jinja_given(a[1])) {
        st = jinja_want_str(r, "the fill character", a[1], &fill);
    }
    if (st < 0) return st;
    if (jinja_str_chars(fill) != 1) {
        return jinja_fail(r, KARMA_E_TYPE, "the fill character must be one character");
    }
    if (side == 'c') return jinja_center(r, s, width, fill, out);
    size_t chars;
    st = jinja_length(r, self, &chars);
    if (st < 0) return st;
    const int64_t n = width > (int64_t)chars ? width - (int64_t)chars : 0;
    return jinja_pad(r, s, side == 'r' ? n : 0, side == 'l' ? n : 0, fill, out);
}
static karma_status m_ljust(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return justify(r, self, args, 'l', out);
}
static karma_status m_rjust(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return justify(r, self, args, 'r', out);
}
static karma_status m_center(struct jinja_run *r, struct jinja_value self,
                             const struct jinja_args *args, struct jinja_value *out) {
    return justify(r, self, args, 'c', out);
}

/* isalpha and its kin: every character of a string that is not empty. */
static karma_status every(struct jinja_run *r, struct jinja_value self, const char *what,
                          const struct jinja_args *args, bool (*is)(uint32_t),
                          struct jinja_value *out) {
    struct jinja_str *s = self.u.str;
    karma_status st = none(r, what, args);
    if (st < 0) return st;
    if (!jinja_str_flat(r, s)) return r->failed;
    bool yes = s->len > 0;
    for (size_t pos = 0, size; yes && pos < s->len; pos += size) {
        yes = is(jinja_char_at(s->data, s->len, pos, &size));
    }
    *out = jinja_bool(yes);
    return jinja_charge(r, 0, s->len);
}
static karma_status m_isalpha(struct jinja_run *r, struct jinja_value self,
                              const struct jinja_args *args, struct jinja_value *out) {
    return every(r, self, "isalpha", args, jinja_is_alpha, out);
}
static karma_status m_isalnum(struct jinja_run *r, struct jinja_value self,
                              const struct jinja_args *args, struct jinja_value *out) {
    return every(r, self, "isalnum", args, jinja_is_alnum, out);
}
static karma_status m_isdigit(struct jinja_run *r, struct jinja_value self,
                              const struct jinja_args *args, struct jinja_value *out) {
    return every(r, self, "isdigit", args, is_digit, out);
}
static karma_status m_isspace(struct jinja_run *r, struct jinja_value self,
                              const struct jinja_args *args, struct jinja_value *out) {
    return every(r, self, "isspace", args, jinja_is_space, out);
}

static karma_status is_case(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, bool upper, struct jinja_value *out) {
    karma_status st = none(r, upper ? "isupper" : "islower", args);
    if (st < 0) return st;
    if (!jinja_str_flat(r, self.u.str)) return r->failed;
    *out = jinja_bool(jinja_has_case(self.u.str, upper));
    return jinja_charge(r, 0, self.u.str->len);
}
static karma_status m_isupper(struct jinja_run *r, struct jinja_value self,
                              const struct jinja_args *args, struct jinja_value *out) {
    return is_case(r, self, args, true, out);
}
static karma_status m_islower(struct jinja_run *r, struct jinja_value self,
                              const struct jinja_args *args, struct jinja_value *out) {
    return is_case(r, self, args, false, out);
}

const struct jinja_function jinja_string_methods[] = {
    {"capitalize", m_capitalize},
    {"center", m_center},
    {"count", m_count},
    {"endswith", m_endswith},
    {"find", m_find},
    {"index", m_index},
    {"isalnum", m_isalnum},
    {"isalpha", m_isalpha},
    {"isdigit", m_isdigit},
    {"islower", m_islower},
    {"isspace", m_isspace},
    {"isupper", m_isupper},
    {"join", m_join},
    {"ljust", m_ljust},
    {"lower", m_lower},
    {"lstrip", m_lstrip},
    {"partition", m_partition},
    {"removeprefix", m_removeprefix},
    {"removesuffix", m_removesuffix},
    {"replace", m_replace},
    {"rfind", m_rfind},
    {"rindex", m_rindex},
    {"rjust", m_rjust},
    {"rpartition", m_rpartition},
    {"rsplit", m_rsplit},
    {"rstrip", m_rstrip},
    {"split", m_split},
    {"splitlines", m_splitlines},
    {"startswith", m_startswith},
    {"strip", m_strip},
    {"title", m_title},
    {"upper", m_upper},
    /* known to the reference */
    {"casefold", NULL},
    {"encode", NULL},
    {"expandtabs", NULL},
    {"format", NULL},
    {"format_map", NULL},
    {"isascii", NULL},
    {"isdecimal", NULL},
    {"isidentifier", NULL},
    {"isnumeric", NULL},
    {"isprintable", NULL},
    {"istitle", NULL},
    {"maketrans", NULL},
    {"swapcase", NULL},
    {"translate", NULL},
    {"zfill", NULL},
    {NULL, NULL},
};
