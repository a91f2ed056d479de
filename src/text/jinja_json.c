/*
 * jinja_json.c - the tojson filter: json.dumps with the arguments transformers allows. One piece of
 * data inside makes the whole text data.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "text/jinja_run.h"

struct dump {
    struct jinja_run *r;
    struct jinja_out *o;
    bool ascii, sort;
    const struct jinja_str *indent; /* NULL: one line */
    struct jinja_str *item_sep, *key_sep;
};

static karma_status dump_string(struct dump *d, struct jinja_str *s) {
    struct jinja_run *r = d->r;
    if (!jinja_str_flat(r, s)) return r->failed;
    const bool is_data = s->origin != JINJA_TEMPLATE;
    karma_status st = jinja_charge(r, 1, s->len);
    if (st == KARMA_OK) st = jinja_out_add(r, d->o, "\"", 1, is_data);
    size_t plain = 0, pos = 0;
    while (st == KARMA_OK && pos < s->len) {
        static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
        size_t size;
        const uint32_t cp = jinja_char_at(s->data, s->len, pos, &size);
        const char *known = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;
        char text[16];
        int n = 0;
        if (known) {
            n = snprintf(text, sizeof(text), "\\%c", to[known - from]);
        } else if (cp < 0x20 || (d->ascii && cp > 0x7E && cp < 0x10000)) {
            n = snprintf(text, sizeof(text), "\\u%04x", (unsigned)cp);
        } else if (d->ascii && cp >= 0x10000) {
            n = snprintf(text, sizeof(text), "\\u%04x\\u%04x",
                         (unsigned)(0xD800 + ((cp - 0x10000) >> 10)),
                         (unsigned)(0xDC00 + ((cp - 0x10000) & 0x3FF)));
        }
        if (n) {
            st = jinja_out_add(r, d->o, s->data + plain, pos - plain, is_data);
            if (st == KARMA_OK) st = jinja_out_add(r, d->o, text, (size_t)n, is_data);
            plain = pos + size;
        }
        pos += size;
    }
    if (st == KARMA_OK) st = jinja_out_add(r, d->o, s->data + plain, s->len - plain, is_data);
    return st < 0 ? st : jinja_out_add(r, d->o, "\"", 1, is_data);
}

static size_t number_text(struct jinja_value v, char *text) {
    if (v.type == JINJA_NONE) return (size_t)snprintf(text, 40, "null");
    if (v.type == JINJA_BOOL) return (size_t)snprintf(text, 40, v.u.integer ? "true" : "false");
    if (v.type == JINJA_FLOAT && isnan(v.u.real)) return (size_t)snprintf(text, 40, "NaN");
    if (v.type == JINJA_FLOAT && isinf(v.u.real)) {
        return (size_t)snprintf(text, 40, v.u.real > 0 ? "Infinity" : "-Infinity");
    }
    return jinja_number_text(v, text);
}

static karma_status dump_value(struct dump *d, struct jinja_value v, int depth);

static karma_status new_line(struct dump *d, int depth) {
    if (!d->indent) return KARMA_OK;
    karma_status st = jinja_out_puts(d->r, d->o, "\n");
    for (int i = 0; st == KARMA_OK && i < depth; i++) {
        st = jinja_out_add_part(d->r, d->o, d->indent, 0, d->indent->len);
    }
    return st;
}

static karma_status dump_list(struct dump *d, const struct jinja_list *l, int depth) {
    if (l->count == 0) return jinja_out_puts(d->r, d->o, "[]");
    karma_status st = jinja_out_puts(d->r, d->o, "[");
    for (size_t i = 0; st == KARMA_OK && i < l->count; i++) {
        if (i) st = jinja_out_add_str(d->r, d->o, d->item_sep);
        if (st == KARMA_OK) st = new_line(d, depth + 1);
        if (st == KARMA_OK) st = dump_value(d, l->items[i], depth + 1);
    }
    if (st == KARMA_OK) st = new_line(d, depth);
    return st < 0 ? st : jinja_out_puts(d->r, d->o, "]");
}

static karma_status dump_key(struct dump *d, struct jinja_value key) {
    char text[40];
    if (key.type == JINJA_STR) return dump_string(d, key.u.str);
    if (!jinja_is_number(key) && key.type != JINJA_NONE) {
        return jinja_fail(d->r, KARMA_E_TYPE, "tojson: keys must not be of type %s",
                          jinja_type_name(key));
    }
    const size_t n = number_text(key, text);
    karma_status st = jinja_out_puts(d->r, d->o, "\"");
    if (st == KARMA_OK) st = jinja_out_add(d->r, d->o, text, n, false);
    return st < 0 ? st : jinja_out_puts(d->r, d->o, "\"");
}

/* Merge sort of pairs by key; stable. tmp: room for count. */
static karma_status sort_pairs(struct jinja_run *r, struct jinja_pair *pairs,
                               struct jinja_pair *tmp, size_t count) {
    if (count < 2) return KARMA_OK;
    const size_t half = count / 2;
    karma_status st = sort_pairs(r, pairs, tmp, half);
    if (st == KARMA_OK) st = sort_pairs(r, pairs + half, tmp, count - half);
    size_t a = 0, b = half;
    for (size_t i = 0; st == KARMA_OK && i < count; i++) {
        int order = 0;
        if (a < half && b < count) {
            st = jinja_compare(r, pairs[b].key, pairs[a].key, "<", &order);
        }
        tmp[i] = b == count || (a < half && order != -1) ? pairs[a++] : pairs[b++];
    }
    if (st == KARMA_OK) memcpy(pairs, tmp, count * sizeof(*pairs));
    return st < 0 ? st : jinja_charge(r, count, 0);
}

static karma_status dump_dict(struct dump *d, const struct jinja_dict *dict, int depth) {
    if (dict->count == 0) return jinja_out_puts(d->r, d->o, "{}");
    struct jinja_pair *pairs = dict->pairs;
    karma_status st = KARMA_OK;
    if (d->sort) {
        pairs = jinja_alloc(d->r, 2 * dict->count * sizeof(*pairs));
        if (!pairs) return d->r->failed;
        memcpy(pairs, dict->pairs, dict->count * sizeof(*pairs));
        st = sort_pairs(d->r, pairs, pairs + dict->count, dict->count);
    }
    if (st == KARMA_OK) st = jinja_out_puts(d->r, d->o, "{");
    for (size_t i = 0; st == KARMA_OK && i < dict->count; i++) {
        if (i) st = jinja_out_add_str(d->r, d->o, d->item_sep);
        if (st == KARMA_OK) st = new_line(d, depth + 1);
        if (st == KARMA_OK) st = dump_key(d, pairs[i].key);
        if (st == KARMA_OK) st = jinja_out_add_str(d->r, d->o, d->key_sep);
        if (st == KARMA_OK) st = dump_value(d, pairs[i].value, depth + 1);
    }
    if (st == KARMA_OK) st = new_line(d, depth);
    return st < 0 ? st : jinja_out_puts(d->r, d->o, "}");
}

static karma_status dump_value(struct dump *d, struct jinja_value v, int depth) {
    char text[40];
    karma_status st = jinja_enter(d->r);
    if (st < 0) return st;
    st = jinja_charge(d->r, 1, 0);
    if (st < 0) {
        d->r->eval_depth--;
        return st;
    }
    switch (v.type) {
    case JINJA_NONE:
    case JINJA_BOOL:
    case JINJA_INT:
    case JINJA_FLOAT:
        st = jinja_out_add(d->r, d->o, text, number_text(v, text), false);
        break;
    case JINJA_STR:
        st = dump_string(d, v.u.str);
        break;
    case JINJA_LIST:
    case JINJA_TUPLE:
        st = dump_list(d, v.u.list, depth);
        break;
    case JINJA_DICT:
        st = dump_dict(d, v.u.dict, depth);
        break;
    default:
        st = jinja_fail(d->r, KARMA_E_TYPE, "tojson: object of type %s is not JSON serializable",
                        jinja_type_name(v));
        break;
    }
    d->r->eval_depth--;
    return st;
}

/* indent: none, a number of blanks or a string. */
static karma_status read_indent(struct dump *d, struct jinja_value v) {
    if (v.type == JINJA_NONE || !jinja_given(v)) return KARMA_OK;
    if (v.type == JINJA_STR) {
        d->indent = v.u.str;
        return jinja_str_flat(d->r, v.u.str) ? KARMA_OK : d->r->failed;
    }
    int64_t n;
    karma_status st = jinja_want_int(d->r, "indent of tojson", v, 0, &n);
    if (st < 0) return st;
    if (n > 1024) return jinja_fail(d->r, KARMA_E_LIMIT, "tojson: an indent of more than 1024");
    char blanks[1024];
    memset(blanks, ' ', sizeof(blanks));
    d->indent = jinja_str_copy(d->r, blanks, n > 0 ? (size_t)n : 0, JINJA_TEMPLATE);
    return d->indent ? KARMA_OK : d->r->failed;
}

karma_status jinja_to_json(struct jinja_run *r, struct jinja_value self,
                           const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"ensure_ascii", "indent", "separators", "sort_keys", NULL};
    struct jinja_value a[4];
    struct jinja_out o = {0};
    struct dump d = {.r = r, .o = &o};
    karma_status st = jinja_bind(r, "tojson", args, params, 0, a);
    if (st < 0) return st;
    d.ascii = jinja_given(a[0]) && jinja_truth(a[0]);
    d.sort = jinja_given(a[3]) && jinja_truth(a[3]);
    st = read_indent(&d, a[1]);
    if (st < 0) return st;
    d.item_sep = jinja_str_lend(r, d.indent ? "," : ", ", d.indent ? 1 : 2, JINJA_TEMPLATE);
    d.key_sep = jinja_str_lend(r, ": ", 2, JINJA_TEMPLATE);
    if (!d.item_sep || !d.key_sep) return r->failed;
    if (jinja_given(a[2]) && a[2].type != JINJA_NONE) {
        struct jinja_list *pair;
        st = jinja_collect(r, a[2], &pair);
        if (st < 0) return st;
        if (pair->count != 2) {
            return jinja_fail(r, KARMA_E_RANGE, "tojson: separators must be two strings");
        }
        st = jinja_want_str(r, "a separator of tojson", pair->items[0], &d.item_sep);
        if (st == KARMA_OK) {
            st = jinja_want_str(r, "a separator of tojson", pair->items[1], &d.key_sep);
        }
        if (st < 0) return st;
    }
    st = dump_value(&d, self, 0);
    if (st == KARMA_OK) st = jinja_out_blur(&o, 0);
    if (st == KARMA_OK) st = jinja_out_take(r, &o, out);
    jinja_out_release(&o);
    return st;
}
