/*
 * jinja_text.c - work on strings that filters and methods share: stripping, replacing, splitting
 * into lines, joining, centring, escaping. All keep the origin of every byte.
 */
#include <string.h>

#include "text/jinja_run.h"

static bool in_set(const struct jinja_str *set, const char *c, size_t size) {
    for (size_t pos = 0, n; set && pos < set->len; pos += n) {
        jinja_char_at(set->data, set->len, pos, &n);
        if (n == size && memcmp(set->data + pos, c, n) == 0) return true;
    }
    return false;
}

karma_status jinja_strip(struct jinja_run *r, struct jinja_str *s, struct jinja_value chars,
                         int sides, struct jinja_value *out) {
    struct jinja_str *set = NULL;
    karma_status st = KARMA_OK;
    if (jinja_given(chars) && chars.type != JINJA_NONE) {
        st = jinja_want_str(r, "the characters to strip", chars, &set);
    }
    if (st < 0) return st;
    if (!jinja_str_flat(r, s)) return r->failed;
    size_t from = 0, to = s->len, size;
    while ((sides & 1) && from < to) {
        const uint32_t cp = jinja_char_at(s->data, to, from, &size);
        if (set ? !in_set(set, s->data + from, size) : !jinja_is_space(cp)) break;
        from += size;
    }
    while ((sides & 2) && to > from) {
        const size_t last = jinja_char_before(s->data, to);
        const uint32_t cp = jinja_char_at(s->data, to, to - last, &size);
        if (set ? !in_set(set, s->data + to - last, last) : !jinja_is_space(cp)) break;
        to -= last;
    }
    st = jinja_charge(r, 1, (s->len - (to - from)) * (set ? 1 + set->len : 1));
    if (st < 0) return st;
    struct jinja_str *part = from == 0 && to == s->len ? s : jinja_str_part(r, s, from, to);
    if (!part) return r->failed;
    *out = jinja_string(part);
    return KARMA_OK;
}

/* Insert `with` before every character and at the end, as replacing '' does. */
static karma_status replace_empty(struct jinja_run *r, struct jinja_out *o, struct jinja_str *s,
                                  struct jinja_str *with, int64_t count) {
    karma_status st = KARMA_OK;
    size_t pos = 0;
    while (st == KARMA_OK) {
        if (count == 0) return jinja_out_add_part(r, o, s, pos, s->len);
        count--;
        st = jinja_charge(r, 0, 64 + with->len);
        if (st == KARMA_OK) st = jinja_out_add_str(r, o, with);
        if (st < 0 || pos >= s->len) return st;
        size_t size;
        jinja_char_at(s->data, s->len, pos, &size);
        st = jinja_out_add_part(r, o, s, pos, pos + size);
        pos += size;
    }
    return st;
}

karma_status jinja_replace(struct jinja_run *r, struct jinja_str *s, struct jinja_str *old,
                           struct jinja_str *with, int64_t count, struct jinja_value *out) {
    if (!jinja_str_flat(r, s) || !jinja_str_flat(r, old) || !jinja_str_flat(r, with)) {
        return r->failed;
    }
    struct jinja_out o = {0};
    karma_status st = jinja_charge(r, 1, s->len);
    if (old->len == 0) {
        if (st == KARMA_OK) st = replace_empty(r, &o, s, with, count);
    } else {
        size_t from = 0;
        while (st == KARMA_OK && count != 0 && from < s->len) {
            const char *p = jinja_find(s->data + from, s->len - from, old->data, old->len);
            if (!p) break;
            const size_t at = (size_t)(p - s->data);
            st = jinja_charge(r, 0, 64 + with->len);
            if (st == KARMA_OK) st = jinja_out_add_part(r, &o, s, from, at);
            if (st == KARMA_OK) st = jinja_out_add_str(r, &o, with);
            from = at + old->len;
            count--;
        }
        if (st == KARMA_OK && from == 0) {
            *out = jinja_string(s);
            return KARMA_OK;
        }
        if (st == KARMA_OK) st = jinja_out_add_part(r, &o, s, from, s->len);
    }
    if (st == KARMA_OK) st = jinja_out_take(r, &o, out);
    jinja_out_release(&o);
    return st;
}

karma_status jinja_split_lines(struct jinja_run *r, struct jinja_str *s, bool keep_ends,
                               struct jinja_list **out) {
    if (!jinja_str_flat(r, s)) return r->failed;
    *out = jinja_list_new(r, 0);
    if (!*out) return r->failed;
    karma_status st = jinja_charge(r, 1, s->len);
    size_t from = 0, size;
    for (size_t pos = 0; st == KARMA_OK && pos < s->len; pos += size) {
        const uint32_t cp = jinja_char_at(s->data, s->len, pos, &size);
        if (!jinja_is_line_break(cp)) continue;
        if (cp == '\r' && pos + 1 < s->len && s->data[pos + 1] == '\n') size = 2;
        struct jinja_str *line = jinja_str_part(r, s, from, keep_ends ? pos + size : pos);
        if (!line) return r->failed;
        st = jinja_list_push(r, *out, jinja_string(line));
        from = pos + size;
    }
    if (st < 0 || from == s->len) return st;
    struct jinja_str *line = jinja_str_part(r, s, from, s->len);
    return line ? jinja_list_push(r, *out, jinja_string(line)) : r->failed;
}

karma_status jinja_join(struct jinja_run *r, struct jinja_str *sep, struct jinja_value items,
                        bool strict, struct jinja_value *out) {
    struct jinja_iter *it;
    struct jinja_out o = {0};
    karma_status st = jinja_iter_begin(r, items, &it);
    bool first = true;
    for (bool more = true; st == KARMA_OK && more; first = false) {
        struct jinja_value v;
        st = jinja_iter_next(r, it, &v, &more);
        if (st < 0 || !more) break;
        if (strict && v.type != JINJA_STR) {
            st = jinja_fail(r, KARMA_E_TYPE, "join: expected a string, found %s",
                            jinja_type_name(v));
            break;
        }
        if (!first) st = jinja_out_add_str(r, &o, sep);
        if (st == KARMA_OK) st = jinja_charge(r, 0, sep->len);
        if (st == KARMA_OK) st = jinja_print(r, &o, v);
    }
    if (st == KARMA_OK) st = jinja_out_take(r, &o, out);
    jinja_out_release(&o);
    return st;
}

karma_status jinja_pad(struct jinja_run *r, struct jinja_str *s, int64_t left, int64_t right,
                       struct jinja_str *fill, struct jinja_value *out) {
    struct jinja_out o = {0};
    karma_status st = KARMA_OK;
    if ((left > 0 && (uint64_t)left > r->limits->output_bytes) ||
        (right > 0 && (uint64_t)right > r->limits->output_bytes)) {
        return jinja_fail(r, KARMA_E_LIMIT, "a string of more than %zu bytes",
                          r->limits->output_bytes);
    }
    st = jinja_charge(r, 1, (size_t)(left > 0 ? left : 0) + (size_t)(right > 0 ? right : 0));
    for (int64_t i = 0; st == KARMA_OK && i < left; i++) {
        st = jinja_out_add_str(r, &o, fill);
    }
    if (st == KARMA_OK) st = jinja_out_add_str(r, &o, s);
    for (int64_t i = 0; st == KARMA_OK && i < right; i++) {
        st = jinja_out_add_str(r, &o, fill);
    }
    if (st == KARMA_OK) st = jinja_out_take(r, &o, out);
    jinja_out_release(&o);
    return st;
}

karma_status jinja_center(struct jinja_run *r, struct jinja_str *s, int64_t width,
                          struct jinja_str *fill, struct jinja_value *out) {
    size_t chars;
    const karma_status st = jinja_length(r, jinja_string(s), &chars);
    if (st < 0) return st;
    const int64_t marks = width - (int64_t)chars;
    if (marks <= 0) {
        *out = jinja_string(s);
        return KARMA_OK;
    }
    const int64_t left = marks / 2 + (marks & width & 1); /* CPython's choice of the odd side */
    return jinja_pad(r, s, left, marks - left, fill, out);
}

karma_status jinja_escape(struct jinja_run *r, struct jinja_str *s, struct jinja_value *out) {
    struct jinja_out o = {0};
    if (!jinja_str_flat(r, s)) return r->failed;
    karma_status st = jinja_charge(r, 1, s->len);
    size_t plain = 0;
    for (size_t pos = 0; st == KARMA_OK && !s->markup && pos < s->len; pos++) {
        const char *with = NULL;
        switch (s->data[pos]) {
        case '&':
            with = "&amp;";
            break;
        case '<':
            with = "&lt;";
            break;
        case '>':
            with = "&gt;";
            break;
        case '\'':
            with = "&#39;";
            break;
        case '"':
            with = "&#34;";
            break;
        default:
            continue;
        }
        /* What stands for a character of data is data. */
        struct jinja_str *c = jinja_str_part(r, s, pos, pos + 1);
        if (!c) st = r->failed;
        if (st == KARMA_OK) st = jinja_out_add_part(r, &o, s, plain, pos);
        if (st == KARMA_OK) {
            st = jinja_out_add(r, &o, with, strlen(with), c->origin == JINJA_DATA);
        }
        plain = pos + 1;
    }
    if (st == KARMA_OK) st = jinja_out_add_part(r, &o, s, plain, s->len);
    if (st == KARMA_OK) st = jinja_out_take(r, &o, out);
    jinja_out_release(&o);
    if (st < 0) return st;
    out->u.str = jinja_str_safe(r, out->u.str);
    return out->u.str ? KARMA_OK : r->failed;
}
