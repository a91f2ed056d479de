/*
 * jinja_string.c - strings of the template language: concatenations that are written out late,
 * parts that share memory, and for every byte whether it is template text or data. The rule for
 * derived strings: every byte keeps its origin through concatenation, cutting, stripping,
 * splitting, joining, replacing and change of case; repr and tojson of anything that holds data are
 * data throughout; numbers and truth values carry no origin. Indexing is by character, as in
 * Python.
 */
#include "text/jinja_value.h"

#include <string.h>

#include <utf8proc.h>

#include "base/utf8.h"
#include "text/jinja_run.h"

uint32_t jinja_char_at(const char *data, size_t len, size_t pos, size_t *size) {
    const unsigned char c = (unsigned char)data[pos];
    *size = 1;
    if (c < 0x80) return c;
    uint32_t cp;
    const int n = utf8_decode(data + pos, len - pos, &cp, NULL);
    if (n <= 0) return 0xFFFD;
    *size = (size_t)n;
    return cp;
}

size_t jinja_char_before(const char *data, size_t pos) {
    for (size_t size = 1; size <= 4 && size <= pos; size++) {
        if (((unsigned char)data[pos - size] & 0xC0) == 0x80) continue;
        size_t whole;
        jinja_char_at(data, pos, pos - size, &whole);
        return whole == size ? size : 1;
    }
    return 1;
}

bool jinja_is_space(uint32_t cp) {
    return (cp >= 9 && cp <= 13) || (cp >= 0x1C && cp <= 0x20) || cp == 0x85 || cp == 0xA0 ||
           cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 ||
           cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

bool jinja_is_line_break(uint32_t cp) {
    return (cp >= 10 && cp <= 13) || (cp >= 0x1C && cp <= 0x1E) || cp == 0x85 || cp == 0x2028 ||
           cp == 0x2029;
}

bool jinja_is_printable(uint32_t cp) {
    if (cp < 0x7F) return cp >= 0x20;
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
        return false;
    default:
        return true;
    }
}

static bool is_ascii(const char *data, size_t len) {
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t w;
        memcpy(&w, data + i, 8);
        if (w & 0x8080808080808080u) return false;
    }
    for (; i < len; i++) {
        if ((unsigned char)data[i] & 0x80) return false;
    }
    return true;
}

static bool fits(struct jinja_run *r, size_t len) {
    if (len <= r->limits->output_bytes) return true;
    r->failed =
        jinja_fail(r, KARMA_E_LIMIT, "a string of more than %zu bytes", r->limits->output_bytes);
    return false;
}

struct jinja_str *jinja_str_lend(struct jinja_run *r, const char *data, size_t len,
                                 enum jinja_origin origin) {
    if (len <= 1 && (len == 0 || (unsigned char)*data < 0x80)) {
        struct jinja_str **known =
            len ? &r->ascii_chars[origin == JINJA_DATA][(unsigned char)*data] : NULL;
        if (known && *known) return *known;
        struct jinja_str *s = jinja_alloc(r, sizeof(*s));
        if (!s) return NULL;
        *s = (struct jinja_str){.data = len ? data : "",
                                .len = (uint32_t)len,
                                .n_leaves = 1,
                                .origin = len ? (uint8_t)origin : JINJA_TEMPLATE,
                                .ascii = true};
        if (known) *known = s;
        return s;
    }
    if (!fits(r, len)) return NULL;
    struct jinja_str *s = jinja_alloc(r, sizeof(*s));
    if (!s) return NULL;
    s->data = data;
    s->len = (uint32_t)len;
    s->n_leaves = 1;
    s->origin = (uint8_t)origin;
    s->ascii = is_ascii(data, len);
    return s;
}

struct jinja_str *jinja_str_copy(struct jinja_run *r, const char *data, size_t len,
                                 enum jinja_origin origin) {
    if (!fits(r, len)) return NULL;
    char *copy = jinja_alloc(r, len + 1);
    if (!copy) return NULL;
    if (len) memcpy(copy, data, len);
    return jinja_str_lend(r, copy, len, origin);
}

struct jinja_str *jinja_str_safe(struct jinja_run *r, const struct jinja_str *s) {
    struct jinja_str *own = jinja_alloc(r, sizeof(*own)); /* short strings are shared */
    if (!own) return NULL;
    *own = *s;
    own->markup = true;
    return own;
}

struct jinja_str *jinja_str_concat(struct jinja_run *r, struct jinja_str *a, struct jinja_str *b) {
    if (b->len == 0 && a->markup == b->markup) return a;
    if (a->len == 0 && a->markup == b->markup) return b;
    if (!fits(r, (size_t)a->len + b->len)) return NULL;
    struct jinja_str *s = jinja_alloc(r, sizeof(*s));
    if (!s) return NULL;
    s->len = a->len + b->len;
    s->n_leaves = a->n_leaves + b->n_leaves; /* no leaf is empty: at most len */
    s->n_waiting = a->n_waiting > b->n_waiting + 1 ? a->n_waiting : b->n_waiting + 1;
    s->u.rope.left = a;
    s->u.rope.right = b;
    s->origin = a->origin == b->origin ? a->origin : JINJA_MIXED;
    s->ascii = a->ascii && b->ascii;
    return s;
}

/* Spans from back to front, touching ones merged. */
struct back_spans {
    struct text_span *spans;
    size_t count, cap;
};

static karma_status push_back_span(struct back_spans *b, size_t begin, size_t end) {
    if (begin == end) return KARMA_OK;
    if (b->count && b->spans[b->count - 1].begin == end) {
        b->spans[b->count - 1].begin = begin;
        return KARMA_OK;
    }
    if (b->count == b->cap) {
        const size_t cap = b->cap ? 2 * b->cap : 16;
        struct text_span *spans = mem_realloc(b->spans, cap * sizeof(*spans));
        if (!spans) return KARMA_E_NOMEM;
        b->spans = spans;
        b->cap = cap;
    }
    b->spans[b->count++] = (struct text_span){begin, end};
    return KARMA_OK;
}

/* Write a concatenation into dst from its end to its beginning: the usual one leans left, and then
 * one waiting half is enough. */
static karma_status write_rope(const struct jinja_str *s, char *dst, struct back_spans *spans) {
    const struct jinja_str *few[64], **waiting = few;
    if (s->n_waiting > 64) {
        waiting = mem_alloc((size_t)s->n_waiting * sizeof(struct jinja_str *));
        if (!waiting) return KARMA_E_NOMEM;
    }
    size_t end = s->len, n = 0;
    karma_status st = KARMA_OK;
    while (st == KARMA_OK) {
        if (!s->data) {
            waiting[n++] = s->u.rope.left;
            s = s->u.rope.right;
            continue;
        }
        const size_t begin = end - s->len;
        if (s->len) memcpy(dst + begin, s->data, s->len);
        if (s->origin == JINJA_DATA) st = push_back_span(spans, begin, end);
        for (size_t i = s->origin == JINJA_MIXED ? s->u.mixed.count : 0; i > 0 && !st; i--) {
            const struct text_span *m = &s->u.mixed.spans[i - 1];
            st = push_back_span(spans, begin + m->begin, begin + m->end);
        }
        end = begin;
        if (n == 0) break;
        s = waiting[--n];
    }
    if (waiting != few) mem_free(waiting);
    return st;
}

const char *jinja_str_flat(struct jinja_run *r, struct jinja_str *s) {
    if (s->data) return s->data;
    if ((r->failed = jinja_charge(r, s->n_leaves / 16, s->len)) < 0) return NULL;
    struct back_spans back = {0};
    struct text_span *spans = NULL;
    char *data = jinja_alloc(r, (size_t)s->len + 1);
    karma_status st = data ? write_rope(s, data, &back) : r->failed;
    if (st == KARMA_OK && s->origin == JINJA_MIXED) {
        spans = jinja_alloc(r, back.count * sizeof(*spans));
        if (!spans) st = r->failed;
        for (size_t i = 0; spans && i < back.count; i++) {
            spans[i] = back.spans[back.count - 1 - i];
        }
    }
    if (st == KARMA_OK) {
        s->data = data;
        s->n_leaves = 1;
        s->n_waiting = 0;
        s->u.mixed.spans = spans;
        s->u.mixed.count = back.count;
    }
    mem_free(back.spans);
    r->failed = st;
    return st < 0 ? NULL : data;
}

/* The first of the spans that ends behind pos. */
static size_t first_span(const struct text_span *spans, size_t count, size_t pos) {
    size_t low = 0, high = count;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (spans[mid].end <= pos)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct jinja_str *jinja_str_part(struct jinja_run *r, const struct jinja_str *s, size_t from,
                                 size_t to) {
    if (s->origin != JINJA_MIXED || from == to) {
        struct jinja_str *part = jinja_str_lend(r, s->data + from, to - from, s->origin);
        return part && s->markup ? jinja_str_safe(r, part) : part;
    }
    const struct text_span *spans = s->u.mixed.spans;
    const size_t first = first_span(spans, s->u.mixed.count, from);
    size_t last = first;
    while (last < s->u.mixed.count && spans[last].begin < to) {
        last++;
    }
    if (first == last) return jinja_str_lend(r, s->data + from, to - from, JINJA_TEMPLATE);
    if (spans[first].begin <= from && spans[first].end >= to) {
        return jinja_str_lend(r, s->data + from, to - from, JINJA_DATA);
    }
    struct text_span *own = jinja_alloc(r, (last - first) * sizeof(*own));
    if (!own) return NULL;
    for (size_t i = first; i < last; i++) {
        own[i - first].begin = (spans[i].begin > from ? spans[i].begin : from) - from;
        own[i - first].end = (spans[i].end < to ? spans[i].end : to) - from;
    }
    struct jinja_str *part = jinja_str_lend(r, s->data + from, to - from, JINJA_MIXED);
    if (!part) return NULL;
    part->u.mixed.spans = own;
    part->u.mixed.count = last - first;
    part->markup = s->markup;
    return part;
}

size_t jinja_str_chars(const struct jinja_str *s) {
    if (s->ascii) return s->len;
    size_t n = 0;
    for (size_t pos = 0, size; pos < s->len; pos += size, n++) {
        jinja_char_at(s->data, s->len, pos, &size);
    }
    return n;
}

size_t jinja_str_offset(const struct jinja_str *s, size_t i) {
    if (s->ascii) return i < s->len ? i : s->len;
    size_t pos = 0;
    for (size_t size; pos < s->len && i > 0; pos += size, i--) {
        jinja_char_at(s->data, s->len, pos, &size);
    }
    return pos;
}

/* memmem() is linear for every needle, but a sanitizer's looks at the whole haystack at each call,
 * which makes a search for all places of a short needle quadratic. */
const char *jinja_find(const char *data, size_t len, const char *part, size_t part_len) {
    if (part_len > 16) return memmem(data, len, part, part_len);
    if (part_len == 0) return data;
    const char *end = data + len;
    while ((size_t)(end - data) >= part_len) {
        data = memchr(data, part[0], (size_t)(end - data) - part_len + 1);
        if (!data || memcmp(data, part, part_len) == 0) return data;
        data++;
    }
    return NULL;
}

bool jinja_str_equal(struct jinja_run *r, struct jinja_str *a, struct jinja_str *b) {
    if (a == b) return true;
    if (a->len != b->len) return false;
    if (!jinja_str_flat(r, a) || !jinja_str_flat(r, b)) return false;
    return memcmp(a->data, b->data, a->len) == 0;
}

/* ---- text under construction */

static karma_status add_span(struct jinja_out *o, size_t begin, size_t end) {
    if (begin == end) return KARMA_OK;
    if (o->n_spans && o->spans[o->n_spans - 1].end == begin) {
        o->spans[o->n_spans - 1].end = end;
        return KARMA_OK;
    }
    if (o->n_spans == o->cap_spans) {
        const size_t cap = o->cap_spans ? 2 * o->cap_spans : 16;
        struct text_span *spans = mem_realloc(o->spans, cap * sizeof(*spans));
        if (!spans) return KARMA_E_NOMEM;
        o->spans = spans;
        o->cap_spans = cap;
    }
    o->spans[o->n_spans++] = (struct text_span){begin, end};
    return KARMA_OK;
}

/* Room for len more bytes; buf's own bound is not used because its message has no position. */
static karma_status reserve(struct jinja_run *r, struct jinja_out *o, size_t len) {
    if (len > r->limits->output_bytes || o->text.len > r->limits->output_bytes - len) {
        return jinja_fail(r, KARMA_E_LIMIT, "more than %zu bytes of output",
                          r->limits->output_bytes);
    }
    return buf_reserve(&o->text, len);
}

karma_status jinja_out_add(struct jinja_run *r, struct jinja_out *o, const char *data, size_t len,
                           bool is_data) {
    const size_t begin = o->text.len;
    karma_status st = reserve(r, o, len);
    if (st == KARMA_OK) st = buf_append(&o->text, data, len);
    if (st == KARMA_OK && is_data) st = add_span(o, begin, begin + len);
    return st;
}

karma_status jinja_out_puts(struct jinja_run *r, struct jinja_out *o, const char *s) {
    return jinja_out_add(r, o, s, strlen(s), false);
}

karma_status jinja_out_add_part(struct jinja_run *r, struct jinja_out *o, const struct jinja_str *s,
                                size_t from, size_t to) {
    if (s->origin != JINJA_MIXED) {
        return jinja_out_add(r, o, s->data + from, to - from, s->origin == JINJA_DATA);
    }
    const size_t begin = o->text.len;
    karma_status st = jinja_out_add(r, o, s->data + from, to - from, false);
    const struct text_span *spans = s->u.mixed.spans;
    for (size_t i = first_span(spans, s->u.mixed.count, from);
         st == KARMA_OK && i < s->u.mixed.count && spans[i].begin < to; i++) {
        const size_t b = spans[i].begin > from ? spans[i].begin : from;
        const size_t e = spans[i].end < to ? spans[i].end : to;
        st = add_span(o, begin + b - from, begin + e - from);
    }
    return st;
}

karma_status jinja_out_add_str(struct jinja_run *r, struct jinja_out *o, struct jinja_str *s) {
    if (s->data) return jinja_out_add_part(r, o, s, 0, s->len);
    const size_t begin = o->text.len;
    struct back_spans back = {0};
    karma_status st = jinja_charge(r, s->n_leaves / 16, s->len);
    if (st == KARMA_OK) st = reserve(r, o, s->len);
    if (st == KARMA_OK) st = write_rope(s, o->text.data + begin, &back);
    if (st == KARMA_OK) {
        o->text.len = begin + s->len;
        o->text.data[o->text.len] = 0;
    }
    for (size_t i = back.count; st == KARMA_OK && i > 0; i--) {
        st = add_span(o, begin + back.spans[i - 1].begin, begin + back.spans[i - 1].end);
    }
    mem_free(back.spans);
    return st;
}

karma_status jinja_out_blur(struct jinja_out *o, size_t start) {
    if (o->n_spans == 0 || o->spans[o->n_spans - 1].end <= start) return KARMA_OK;
    while (o->n_spans && o->spans[o->n_spans - 1].begin >= start) {
        o->n_spans--;
    }
    if (o->n_spans && o->spans[o->n_spans - 1].end >= start) {
        o->spans[o->n_spans - 1].end = o->text.len;
        return KARMA_OK;
    }
    return add_span(o, start, o->text.len);
}

karma_status jinja_out_take(struct jinja_run *r, struct jinja_out *o, struct jinja_value *out) {
    const bool all = o->n_spans == 1 && o->spans[0].begin == 0 && o->spans[0].end == o->text.len;
    const enum jinja_origin origin = o->n_spans == 0 ? JINJA_TEMPLATE
                                     : all           ? JINJA_DATA
                                                     : JINJA_MIXED;
    struct jinja_str *s = jinja_str_copy(r, buf_str(&o->text), o->text.len, origin);
    if (s && origin == JINJA_MIXED) {
        struct text_span *spans = jinja_alloc(r, o->n_spans * sizeof(*spans));
        if (spans) {
            memcpy(spans, o->spans, o->n_spans * sizeof(*spans));
            s->u.mixed.spans = spans;
            s->u.mixed.count = o->n_spans;
        } else {
            s = NULL;
        }
    }
    jinja_out_release(o);
    if (!s) return r->failed;
    *out = jinja_string(s);
    return KARMA_OK;
}

void jinja_out_release(struct jinja_out *o) {
    buf_release(&o->text);
    mem_free(o->spans);
    *o = (struct jinja_out){0};
}
