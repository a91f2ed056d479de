/*
 * jinja_value.c - what Python does with its values: truth, equality, order, length, membership,
 * str and repr; lists and dicts; undefined values. Nesting of values is bounded, so that a list
 * inside a list inside a list cannot exhaust the stack.
 */
#include "text/jinja_value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "text/jinja_run.h"

enum { SMALL_DICT = 8 }; /* pairs that are searched one by one */

const char *jinja_type_name(struct jinja_value v) {
    static const char *const names[] = {
        [JINJA_UNDEFINED] = "Undefined", [JINJA_NONE] = "NoneType",
        [JINJA_BOOL] = "bool",           [JINJA_INT] = "int",
        [JINJA_FLOAT] = "float",         [JINJA_STR] = "str",
        [JINJA_LIST] = "list",           [JINJA_TUPLE] = "tuple",
        [JINJA_DICT] = "dict",           [JINJA_RANGE] = "range",
        [JINJA_VIEW] = "dict view",      [JINJA_ITER] = "generator",
        [JINJA_NAMESPACE] = "Namespace", [JINJA_LOOP] = "LoopContext",
        [JINJA_MACRO] = "Macro",         [JINJA_FUNCTION] = "function",
        [JINJA_METHOD] = "method",
    };
    return names[v.type];
}

bool jinja_truth(struct jinja_value v) {
    switch (v.type) {
    case JINJA_UNDEFINED:
    case JINJA_NONE:
        return false;
    case JINJA_BOOL:
    case JINJA_INT:
        return v.u.integer != 0;
    case JINJA_FLOAT:
        return v.u.real != 0;
    case JINJA_STR:
        return v.u.str->len != 0;
    case JINJA_LIST:
    case JINJA_TUPLE:
        return v.u.list->count != 0;
    case JINJA_DICT:
        return v.u.dict->count != 0;
    case JINJA_RANGE:
        return v.u.range->count != 0;
    case JINJA_VIEW:
        return v.u.view->dict->count != 0;
    default:
        return true;
    }
}

static karma_status list_equal(struct jinja_run *r, const struct jinja_list *a,
                               const struct jinja_list *b, bool *out) {
    *out = a->count == b->count;
    for (size_t i = 0; *out && i < a->count; i++) {
        const karma_status st = jinja_equal(r, a->items[i], b->items[i], out);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

static karma_status dict_equal(struct jinja_run *r, const struct jinja_dict *a,
                               const struct jinja_dict *b, bool *out) {
    *out = a->count == b->count;
    for (size_t i = 0; *out && i < a->count; i++) {
        struct jinja_value *other;
        karma_status st = jinja_dict_find(r, b, a->pairs[i].key, &other);
        if (st < 0) return st;
        *out = other != NULL;
        if (other) st = jinja_equal(r, a->pairs[i].value, *other, out);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

karma_status jinja_equal(struct jinja_run *r, struct jinja_value a, struct jinja_value b,
                         bool *out) {
    *out = false;
    if (jinja_is_number(a) && jinja_is_number(b)) {
        *out = jinja_is_int(a) && jinja_is_int(b) ? a.u.integer == b.u.integer
                                                  : jinja_as_real(a) == jinja_as_real(b);
        return KARMA_OK;
    }
    if (a.type != b.type) return KARMA_OK;
    karma_status st = KARMA_OK;
    switch (a.type) {
    case JINJA_UNDEFINED:
    case JINJA_NONE:
        *out = true;
        return KARMA_OK;
    case JINJA_STR:
        st = jinja_charge(r, 0, a.u.str->len == b.u.str->len ? a.u.str->len : 0);
        if (st < 0) return st;
        r->failed = KARMA_OK;
        *out = jinja_str_equal(r, a.u.str, b.u.str);
        return *out ? KARMA_OK : r->failed;
    case JINJA_LIST:
    case JINJA_TUPLE:
    case JINJA_DICT:
        if (a.u.list == b.u.list) {
            *out = true;
            return KARMA_OK;
        }
        st = jinja_enter(r);
        if (st < 0) return st;
        st = jinja_charge(r, a.type == JINJA_DICT ? a.u.dict->count : a.u.list->count, 0);
        if (st == KARMA_OK) {
            st = a.type == JINJA_DICT ? dict_equal(r, a.u.dict, b.u.dict, out)
                                      : list_equal(r, a.u.list, b.u.list, out);
        }
        r->eval_depth--;
        return st;
    case JINJA_RANGE: {
        const struct jinja_range *x = a.u.range, *y = b.u.range;
        *out = x->count == y->count &&
               (x->count == 0 || (x->start == y->start && (x->count == 1 || x->step == y->step)));
        return KARMA_OK;
    }
    default:
        *out = a.u.list == b.u.list; /* identity, whatever the pointer's type */
        return KARMA_OK;
    }
}

karma_status jinja_compare(struct jinja_run *r, struct jinja_value a, struct jinja_value b,
                           const char *op, int *out) {
    *out = 0;
    if (jinja_is_number(a) && jinja_is_number(b)) {
        if (jinja_is_int(a) && jinja_is_int(b)) {
            *out = (a.u.integer > b.u.integer) - (a.u.integer < b.u.integer);
        } else {
            const double x = jinja_as_real(a), y = jinja_as_real(b);
            *out = isnan(x) || isnan(y) ? 2 : (x > y) - (x < y);
        }
        return KARMA_OK;
    }
    if (a.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, a);
    if (b.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, b);
    if (a.type == JINJA_STR && b.type == JINJA_STR) {
        struct jinja_str *x = a.u.str, *y = b.u.str;
        if (!jinja_str_flat(r, x) || !jinja_str_flat(r, y)) return r->failed;
        const size_t n = x->len < y->len ? x->len : y->len;
        const int c = n ? memcmp(x->data, y->data, n) : 0; /* UTF-8 sorts as its code points */
        *out = c ? (c > 0) - (c < 0) : (x->len > y->len) - (x->len < y->len);
        return jinja_charge(r, 0, n);
    }
    if (a.type == b.type && (a.type == JINJA_LIST || a.type == JINJA_TUPLE)) {
        karma_status st = jinja_enter(r);
        if (st < 0) return st;
        const struct jinja_list *x = a.u.list, *y = b.u.list;
        size_t i = 0;
        bool same = true;
        while (st == KARMA_OK && i < x->count && i < y->count) {
            st = jinja_charge(r, 1, 0);
            if (st == KARMA_OK) st = jinja_equal(r, x->items[i], y->items[i], &same);
            if (st < 0 || !same) break;
            i++;
        }
        if (st == KARMA_OK && !same)
            st = jinja_compare(r, x->items[i], y->items[i], op, out);
        else
            *out = (x->count > y->count) - (x->count < y->count);
        r->eval_depth--;
        return st;
    }
    return jinja_fail(r, KARMA_E_TYPE, "'%s' is not supported between '%s' and '%s'", op,
                      jinja_type_name(a), jinja_type_name(b));
}

karma_status jinja_length(struct jinja_run *r, struct jinja_value v, size_t *out) {
    switch (v.type) {
    case JINJA_UNDEFINED:
        *out = 0;
        return KARMA_OK;
    case JINJA_STR:
        if (!v.u.str->ascii && !jinja_str_flat(r, v.u.str)) return r->failed;
        *out = jinja_str_chars(v.u.str);
        return jinja_charge(r, 0, v.u.str->ascii ? 0 : 4 * (size_t)v.u.str->len);
    case JINJA_LIST:
    case JINJA_TUPLE:
        *out = v.u.list->count;
        return KARMA_OK;
    case JINJA_DICT:
        *out = v.u.dict->count;
        return KARMA_OK;
    case JINJA_RANGE:
        *out = (size_t)v.u.range->count;
        return KARMA_OK;
    case JINJA_VIEW:
        *out = v.u.view->dict->count;
        return KARMA_OK;
    case JINJA_LOOP: {
        struct jinja_value n;
        bool known;
        const karma_status st = jinja_loop_attr(r, v, "length", 6, &n, &known);
        if (st == KARMA_OK) *out = (size_t)n.u.integer;
        return st;
    }
    default:
        return jinja_fail(r, KARMA_E_TYPE, "object of type '%s' has no length", jinja_type_name(v));
    }
}

static karma_status str_contains(struct jinja_run *r, struct jinja_str *s, struct jinja_str *part,
                                 bool *out) {
    if (!jinja_str_flat(r, s) || !jinja_str_flat(r, part)) return r->failed;
    *out = part->len == 0 || (s->len && jinja_find(s->data, s->len, part->data, part->len) != NULL);
    return jinja_charge(r, 0, s->len);
}

karma_status jinja_contains(struct jinja_run *r, struct jinja_value container,
                            struct jinja_value item, bool *out) {
    *out = false;
    struct jinja_value *found;
    karma_status st;
    switch (container.type) {
    case JINJA_STR:
        if (item.type == JINJA_STR) return str_contains(r, container.u.str, item.u.str, out);
        return jinja_fail(r, KARMA_E_TYPE, "'in <string>' requires string as left operand, not %s",
                          jinja_type_name(item));
    case JINJA_DICT:
        st = jinja_dict_find(r, container.u.dict, item, &found);
        *out = st == KARMA_OK && found;
        return st;
    default:
        break;
    }
    struct jinja_iter *it;
    st = jinja_iter_begin(r, container, &it);
    bool more = true;
    while (st == KARMA_OK && more && !*out) {
        struct jinja_value v;
        st = jinja_iter_next(r, it, &v, &more);
        if (st == KARMA_OK && more) st = jinja_equal(r, v, item, out);
    }
    return st;
}

/* ---- str and repr */

size_t jinja_number_text(struct jinja_value v, char *out) {
    switch (v.type) {
    case JINJA_BOOL:
        return (size_t)snprintf(out, 40, "%s", v.u.integer ? "True" : "False");
    case JINJA_INT:
        return (size_t)snprintf(out, 40, "%lld", (long long)v.u.integer);
    default:
        return json_format_real(v.u.real, out);
    }
}

static karma_status repr_string(struct jinja_run *r, struct jinja_out *o, struct jinja_str *s) {
    if (!jinja_str_flat(r, s)) return r->failed;
    const bool single = s->len && memchr(s->data, '\'', s->len);
    const bool is_double = s->len && memchr(s->data, '"', s->len);
    const char quote = single && !is_double ? '"' : '\'';
    const bool is_data = s->origin != JINJA_TEMPLATE;
    karma_status st = jinja_charge(r, 1, s->len);
    if (st == KARMA_OK && s->markup) st = jinja_out_puts(r, o, "Markup(");
    if (st == KARMA_OK) st = jinja_out_add(r, o, &quote, 1, is_data);
    size_t plain = 0, pos = 0;
    while (st == KARMA_OK && pos < s->len) {
        size_t size;
        const uint32_t cp = jinja_char_at(s->data, s->len, pos, &size);
        char escape[16];
        int n = 0;
        if (cp == '\\' || cp == (uint32_t)quote)
            n = snprintf(escape, sizeof(escape), "\\%c", (char)cp);
        else if (cp == '\n')
            n = snprintf(escape, sizeof(escape), "\\n");
        else if (cp == '\r')
            n = snprintf(escape, sizeof(escape), "\\r");
        else if (cp == '\t')
            n = snprintf(escape, sizeof(escape), "\\t");
        else if (jinja_is_printable(cp))
            n = 0;
        else if (cp < 0x100)
            n = snprintf(escape, sizeof(escape), "\\x%02x", (unsigned)cp);
        else if (cp < 0x10000)
            n = snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)cp);
        else
            n = snprintf(escape, sizeof(escape), "\\U%08x", (unsigned)cp);
        if (n) {
            st = jinja_out_add(r, o, s->data + plain, pos - plain, is_data);
            if (st == KARMA_OK) st = jinja_out_add(r, o, escape, (size_t)n, is_data);
            plain = pos + size;
        }
        pos += size;
    }
    if (st == KARMA_OK) st = jinja_out_add(r, o, s->data + plain, s->len - plain, is_data);
    if (st == KARMA_OK) st = jinja_out_add(r, o, &quote, 1, is_data);
    if (st == KARMA_OK && s->markup) st = jinja_out_puts(r, o, ")");
    return st;
}

static karma_status repr_value(struct jinja_run *r, struct jinja_out *o, struct jinja_value v);

static karma_status repr_list(struct jinja_run *r, struct jinja_out *o, struct jinja_value v) {
    const struct jinja_list *l = v.u.list;
    const bool is_tuple = v.type == JINJA_TUPLE;
    karma_status st = jinja_out_puts(r, o, is_tuple ? "(" : "[");
    for (size_t i = 0; st == KARMA_OK && i < l->count; i++) {
        if (i) st = jinja_out_puts(r, o, ", ");
        if (st == KARMA_OK) st = repr_value(r, o, l->items[i]);
    }
    if (st == KARMA_OK && is_tuple && l->count == 1) st = jinja_out_puts(r, o, ",");
    return st < 0 ? st : jinja_out_puts(r, o, is_tuple ? ")" : "]");
}

static karma_status repr_dict(struct jinja_run *r, struct jinja_out *o,
                              const struct jinja_dict *d) {
    karma_status st = jinja_out_puts(r, o, "{");
    for (size_t i = 0; st == KARMA_OK && i < d->count; i++) {
        if (i) st = jinja_out_puts(r, o, ", ");
        if (st == KARMA_OK) st = repr_value(r, o, d->pairs[i].key);
        if (st == KARMA_OK) st = jinja_out_puts(r, o, ": ");
        if (st == KARMA_OK) st = repr_value(r, o, d->pairs[i].value);
    }
    return st < 0 ? st : jinja_out_puts(r, o, "}");
}

static karma_status repr_view(struct jinja_run *r, struct jinja_out *o, struct jinja_value v) {
    static const char *const names[] = {[JINJA_VIEW_KEYS] = "dict_keys",
                                        [JINJA_VIEW_VALUES] = "dict_values",
                                        [JINJA_VIEW_ITEMS] = "dict_items"};
    struct jinja_value list = {.type = JINJA_LIST};
    karma_status st = jinja_collect(r, v, &list.u.list);
    if (st == KARMA_OK) st = jinja_out_puts(r, o, names[v.u.view->kind]);
    if (st == KARMA_OK) st = jinja_out_puts(r, o, "(");
    if (st == KARMA_OK) st = repr_list(r, o, list);
    return st < 0 ? st : jinja_out_puts(r, o, ")");
}

static karma_status repr_range(struct jinja_run *r, struct jinja_out *o,
                               const struct jinja_range *g) {
    char text[96];
    if (g->step == 1) {
        snprintf(text, sizeof(text), "range(%lld, %lld)", (long long)g->start, (long long)g->stop);
    } else {
        snprintf(text, sizeof(text), "range(%lld, %lld, %lld)", (long long)g->start,
                 (long long)g->stop, (long long)g->step);
    }
    return jinja_out_puts(r, o, text);
}

static karma_status repr_inside(struct jinja_run *r, struct jinja_out *o, struct jinja_value v) {
    char text[40];
    karma_status st;
    switch (v.type) {
    case JINJA_UNDEFINED:
        return jinja_out_puts(r, o, "Undefined");
    case JINJA_NONE:
        return jinja_out_puts(r, o, "None");
    case JINJA_BOOL:
    case JINJA_INT:
    case JINJA_FLOAT:
        return jinja_out_add(r, o, text, jinja_number_text(v, text), false);
    case JINJA_STR:
        return repr_string(r, o, v.u.str);
    case JINJA_LIST:
    case JINJA_TUPLE:
        return repr_list(r, o, v);
    case JINJA_DICT:
        return repr_dict(r, o, v.u.dict);
    case JINJA_VIEW:
        return repr_view(r, o, v);
    case JINJA_RANGE:
        return repr_range(r, o, v.u.range);
    case JINJA_NAMESPACE:
        st = jinja_out_puts(r, o, "<Namespace ");
        if (st == KARMA_OK) st = repr_dict(r, o, v.u.dict);
        return st < 0 ? st : jinja_out_puts(r, o, ">");
    default: /* the reference shows a memory address or the like */
        return jinja_fail(r, KARMA_E_UNSUPPORTED, "a %s cannot be printed", jinja_type_name(v));
    }
}

static karma_status repr_value(struct jinja_run *r, struct jinja_out *o, struct jinja_value v) {
    karma_status st = jinja_enter(r);
    if (st < 0) return st;
    st = jinja_charge(r, 1, 0);
    if (st == KARMA_OK) st = repr_inside(r, o, v);
    r->eval_depth--;
    return st;
}

karma_status jinja_repr(struct jinja_run *r, struct jinja_out *o, struct jinja_value v) {
    const size_t start = o->text.len;
    const karma_status st = repr_value(r, o, v);
    return st < 0 ? st : jinja_out_blur(o, start);
}

karma_status jinja_print(struct jinja_run *r, struct jinja_out *o, struct jinja_value v) {
    if (v.type == JINJA_UNDEFINED) return KARMA_OK;
    if (v.type == JINJA_STR) return jinja_out_add_str(r, o, v.u.str);
    return jinja_repr(r, o, v);
}

karma_status jinja_to_str(struct jinja_run *r, struct jinja_value v, struct jinja_str **out) {
    if (v.type == JINJA_STR) {
        *out = v.u.str;
        return KARMA_OK;
    }
    struct jinja_out o = {0};
    struct jinja_value s;
    karma_status st = jinja_print(r, &o, v);
    if (st == KARMA_OK) st = jinja_out_take(r, &o, &s);
    jinja_out_release(&o);
    if (st == KARMA_OK) *out = s.u.str;
    return st;
}

/* ---- undefined values */

static karma_status new_undefined(struct jinja_run *r, struct jinja_undefined u,
                                  struct jinja_value *out) {
    struct jinja_undefined *copy = jinja_alloc(r, sizeof(*copy));
    if (!copy) return r->failed;
    *copy = u;
    *out = (struct jinja_value){.type = JINJA_UNDEFINED, .u.undefined = copy};
    return KARMA_OK;
}

karma_status jinja_undefined_name(struct jinja_run *r, struct jinja_value name,
                                  struct jinja_value *out) {
    return new_undefined(r, (struct jinja_undefined){.name = name}, out);
}

karma_status jinja_undefined_of(struct jinja_run *r, struct jinja_value object,
                                struct jinja_value name, struct jinja_value *out) {
    return new_undefined(
        r, (struct jinja_undefined){.object_type = jinja_type_name(object), .name = name}, out);
}

struct jinja_value jinja_undefined_hint(struct jinja_run *r, const char *hint) {
    struct jinja_value v = {.type = JINJA_UNDEFINED};
    static const struct jinja_undefined nameless = {.hint = "an undefined value was used"};
    if (new_undefined(r, (struct jinja_undefined){.hint = hint}, &v) < 0) {
        r->failed = KARMA_OK;
        v.u.undefined = &nameless;
    }
    return v;
}

/* A name for a message; text that came from messages is not shown. */
static const char *show_name(struct jinja_run *r, struct jinja_value name, char *text) {
    if (name.type != JINJA_STR) {
        if (jinja_is_number(name))
            jinja_number_text(name, text);
        else
            snprintf(text, 40, "<%s>", jinja_type_name(name));
        return text;
    }
    if (name.u.str->origin != JINJA_TEMPLATE || !jinja_str_flat(r, name.u.str)) return "<data>";
    return status_quote(name.u.str->data, name.u.str->len);
}

karma_status jinja_fail_undefined(struct jinja_run *r, struct jinja_value v) {
    const struct jinja_undefined *u = v.u.undefined;
    char text[40];
    if (u->hint) return jinja_fail(r, KARMA_E_MISSING, "%s", u->hint);
    const char *name = show_name(r, u->name, text);
    if (!u->object_type) return jinja_fail(r, KARMA_E_MISSING, "'%s' is undefined", name);
    const char *type = strcmp(u->object_type, "NoneType") == 0 ? "None" : u->object_type;
    const char *object = type == u->object_type ? " object" : "";
    if (u->name.type == JINJA_STR) {
        return jinja_fail(r, KARMA_E_MISSING, "'%s%s' has no attribute '%s'", type, object, name);
    }
    return jinja_fail(r, KARMA_E_MISSING, "%s%s has no element %s", type, object, name);
}

/* ---- lists and dicts */

struct jinja_list *jinja_list_new(struct jinja_run *r, size_t cap) {
    struct jinja_list *l = jinja_alloc(r, sizeof(*l));
    if (!l || cap == 0) return l;
    l->items = jinja_alloc(r, cap * sizeof(*l->items));
    if (!l->items) return NULL;
    l->cap = cap;
    return l;
}

karma_status jinja_list_push(struct jinja_run *r, struct jinja_list *l, struct jinja_value v) {
    if (l->count == l->cap) {
        const size_t cap = l->cap ? 2 * l->cap : 4;
        struct jinja_value *items = jinja_alloc(r, cap * sizeof(*items));
        if (!items) return r->failed;
        if (l->count) memcpy(items, l->items, l->count * sizeof(*items));
        l->items = items;
        l->cap = cap;
    }
    l->items[l->count++] = v;
    return KARMA_OK;
}

karma_status jinja_pair_tuple(struct jinja_run *r, struct jinja_value a, struct jinja_value b,
                              struct jinja_value *out) {
    struct jinja_list *l = jinja_list_new(r, 2);
    if (!l) return r->failed;
    l->items[0] = a;
    l->items[1] = b;
    l->count = 2;
    *out = (struct jinja_value){.type = JINJA_TUPLE, .u.list = l};
    return KARMA_OK;
}

struct jinja_dict *jinja_dict_new(struct jinja_run *r) {
    return jinja_alloc(r, sizeof(struct jinja_dict));
}

/* Equal keys have equal hashes. Fails for what cannot be hashed. */
static karma_status hash_key(struct jinja_run *r, struct jinja_value v, uint64_t *hash) {
    karma_status st;
    switch (v.type) {
    case JINJA_STR:
        if (!jinja_str_flat(r, v.u.str)) return r->failed;
        *hash = map_hash(v.u.str->data, v.u.str->len);
        return jinja_charge(r, 0, v.u.str->len);
    case JINJA_FLOAT:
        if (v.u.real != floor(v.u.real) || fabs(v.u.real) >= 9e18) {
            *hash = map_hash(&v.u.real, sizeof(v.u.real));
            return KARMA_OK;
        }
        v.u.integer = (int64_t)v.u.real; /* 1.0 and 1 and true are one key */
        *hash = map_hash(&v.u.integer, sizeof(v.u.integer));
        return KARMA_OK;
    case JINJA_BOOL:
    case JINJA_INT:
        *hash = map_hash(&v.u.integer, sizeof(v.u.integer));
        return KARMA_OK;
    case JINJA_UNDEFINED:
    case JINJA_NONE:
        *hash = v.type;
        return KARMA_OK;
    case JINJA_TUPLE:
        st = jinja_enter(r);
        if (st < 0) return st;
        *hash = v.u.list->count;
        for (size_t i = 0; st == KARMA_OK && i < v.u.list->count; i++) {
            uint64_t h = 0;
            st = jinja_charge(r, 1, 0);
            if (st == KARMA_OK) st = hash_key(r, v.u.list->items[i], &h);
            *hash = (*hash ^ h) * 0x9E3779B97F4A7C15u;
        }
        r->eval_depth--;
        return st;
    case JINJA_RANGE:
        *hash = (uint64_t)v.u.range->count;
        return KARMA_OK;
    case JINJA_LIST:
    case JINJA_DICT:
    case JINJA_VIEW:
        return jinja_fail(r, KARMA_E_TYPE, "unhashable type: '%s'", jinja_type_name(v));
    default:
        *hash = map_hash(&v.u.list, sizeof(v.u.list));
        return KARMA_OK;
    }
}

karma_status jinja_dict_find(struct jinja_run *r, const struct jinja_dict *d,
                             struct jinja_value key, struct jinja_value **found) {
    *found = NULL;
    uint64_t hash = 0;
    karma_status st = KARMA_OK;
    bool same = false;
    if (d->slots || key.type != JINJA_STR) st = hash_key(r, key, &hash);
    if (st < 0) return st;
    if (!d->slots) {
        for (size_t i = 0; i < d->count; i++) {
            st = jinja_equal(r, d->pairs[i].key, key, &same);
            if (st < 0) return st;
            if (same) *found = &d->pairs[i].value;
            if (same) return KARMA_OK;
        }
        return KARMA_OK;
    }
    for (size_t slot = hash & (d->n_slots - 1); d->slots[slot];
         slot = (slot + 1) & (d->n_slots - 1)) {
        struct jinja_pair *p = &d->pairs[d->slots[slot] - 1];
        st = jinja_equal(r, p->key, key, &same);
        if (st < 0) return st;
        if (same) *found = &p->value;
        if (same) return KARMA_OK;
    }
    return KARMA_OK;
}

struct jinja_value *jinja_dict_findz(const struct jinja_dict *d, const char *key, size_t len) {
    for (size_t i = 0; i < d->count; i++) {
        const struct jinja_value k = d->pairs[i].key;
        if (k.type == JINJA_STR && k.u.str->data && k.u.str->len == len &&
            memcmp(k.u.str->data, key, len) == 0) {
            return &d->pairs[i].value;
        }
    }
    return NULL;
}

static karma_status dict_index(struct jinja_run *r, struct jinja_dict *d) {
    const size_t n = d->cap * 2;
    uint32_t *slots = jinja_alloc(r, n * sizeof(*slots));
    if (!slots) return r->failed;
    for (size_t i = 0; i < d->count; i++) {
        uint64_t hash;
        const karma_status st = hash_key(r, d->pairs[i].key, &hash);
        if (st < 0) return st;
        size_t slot = hash & (n - 1);
        while (slots[slot]) {
            slot = (slot + 1) & (n - 1);
        }
        slots[slot] = (uint32_t)(i + 1);
    }
    d->slots = slots;
    d->n_slots = n;
    return KARMA_OK;
}

karma_status jinja_dict_set(struct jinja_run *r, struct jinja_dict *d, struct jinja_value key,
                            struct jinja_value value) {
    struct jinja_value *found;
    karma_status st = jinja_dict_find(r, d, key, &found);
    if (st < 0) return st;
    if (found) {
        *found = value;
        return KARMA_OK;
    }
    bool reindex = false;
    if (d->count == d->cap) {
        const size_t cap = d->cap ? 2 * d->cap : 4; /* a power of two: dict_index relies on it */
        struct jinja_pair *pairs = jinja_alloc(r, cap * sizeof(*pairs));
        if (!pairs) return r->failed;
        if (d->count) memcpy(pairs, d->pairs, d->count * sizeof(*pairs));
        d->pairs = pairs;
        d->cap = cap;
        reindex = cap > SMALL_DICT;
    }
    d->pairs[d->count++] = (struct jinja_pair){key, value};
    if (reindex) return dict_index(r, d);
    if (!d->slots) return KARMA_OK;
    uint64_t hash;
    st = hash_key(r, key, &hash);
    if (st < 0) return st;
    size_t slot = hash & (d->n_slots - 1);
    while (d->slots[slot]) {
        slot = (slot + 1) & (d->n_slots - 1);
    }
    d->slots[slot] = (uint32_t)d->count;
    return KARMA_OK;
}
