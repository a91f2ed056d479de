/*
 * jinja_containers.c - methods of list, tuple and dict, and which type has which methods. Those
 * that change their object never get here: the sandbox hides them (jinja_ops.c).
 */
#include <string.h>

#include "text/jinja_run.h"

static karma_status view(struct jinja_run *r, struct jinja_value self, const char *what,
                         const struct jinja_args *args, enum jinja_view_kind kind,
                         struct jinja_value *out) {
    static const char *const none[] = {NULL};
    karma_status st = jinja_bind(r, what, args, none, 0, NULL);
    if (st < 0) return st;
    struct jinja_view *v = jinja_alloc(r, sizeof(*v));
    if (!v) return r->failed;
    v->dict = self.u.dict;
    v->kind = kind;
    *out = (struct jinja_value){.type = JINJA_VIEW, .u.view = v};
    return KARMA_OK;
}
static karma_status m_keys(struct jinja_run *r, struct jinja_value self,
                           const struct jinja_args *args, struct jinja_value *out) {
    return view(r, self, "keys", args, JINJA_VIEW_KEYS, out);
}
static karma_status m_values(struct jinja_run *r, struct jinja_value self,
                             const struct jinja_args *args, struct jinja_value *out) {
    return view(r, self, "values", args, JINJA_VIEW_VALUES, out);
}
static karma_status m_items(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return view(r, self, "items", args, JINJA_VIEW_ITEMS, out);
}

static karma_status m_get(struct jinja_run *r, struct jinja_value self,
                          const struct jinja_args *args, struct jinja_value *out) {
    struct jinja_value *found;
    if (args->count < 1 || args->count > 2 || args->n_keywords) {
        return jinja_fail(r, KARMA_E_TYPE, "get takes one or two arguments without names");
    }
    const karma_status st = jinja_dict_find(r, self.u.dict, args->items[0], &found);
    if (st < 0) return st;
    *out = found ? *found : args->count == 2 ? args->items[1] : jinja_none();
    return KARMA_OK;
}

static karma_status m_copy(struct jinja_run *r, struct jinja_value self,
                           const struct jinja_args *args, struct jinja_value *out) {
    static const char *const none[] = {NULL};
    *out = self; /* nothing can change either of them */
    return jinja_bind(r, "copy", args, none, 0, NULL);
}

static karma_status find_item(struct jinja_run *r, struct jinja_value self,
                              const struct jinja_args *args, bool count, struct jinja_value *out) {
    static const char *const params[] = {"value", NULL};
    struct jinja_value a;
    int64_t n = 0;
    karma_status st = jinja_bind(r, count ? "count" : "index", args, params, 1, &a);
    for (size_t i = 0; st == KARMA_OK && i < self.u.list->count; i++) {
        bool same;
        st = jinja_charge(r, 1, 0);
        if (st == KARMA_OK) st = jinja_equal(r, self.u.list->items[i], a, &same);
        if (st < 0 || !same) continue;
        if (!count) {
            *out = jinja_int((int64_t)i);
            return KARMA_OK;
        }
        n++;
    }
    if (st < 0) return st;
    if (!count) return jinja_fail(r, KARMA_E_RANGE, "index: the value is not in the list");
    *out = jinja_int(n);
    return KARMA_OK;
}
static karma_status m_count(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return find_item(r, self, args, true, out);
}
static karma_status m_index(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return find_item(r, self, args, false, out);
}

const struct jinja_function *jinja_find_method(enum jinja_type type, const char *name, size_t len) {
    static const struct jinja_function dict[] = {
        {"copy", m_copy},     {"get", m_get},     {"items", m_items}, {"keys", m_keys},
        {"values", m_values}, {"fromkeys", NULL}, {NULL, NULL},
    };
    static const struct jinja_function list[] = {
        {"copy", m_copy}, {"count", m_count}, {"index", m_index}, {NULL, NULL}};
    static const struct jinja_function integer[] = {
        {"as_integer_ratio", NULL}, {"bit_count", NULL}, {"bit_length", NULL}, {"conjugate", NULL},
        {"from_bytes", NULL},       {"to_bytes", NULL},  {NULL, NULL},
    };
    /* Attributes that are no methods: whoever prints or calls them learns that we lack them. */
    static const struct jinja_function range[] = {{"count", NULL}, {"index", NULL}, {NULL, NULL}};
    static const struct jinja_function real[] = {
        {"as_integer_ratio", NULL}, {"conjugate", NULL}, {"fromhex", NULL}, {"hex", NULL},
        {"is_integer", NULL},       {NULL, NULL},
    };
    static const struct jinja_function macro[] = {
        {"arguments", NULL},
        {"caller", NULL},
        {"catch_kwargs", NULL},
        {"catch_varargs", NULL},
        {"explicit_caller", NULL},
        {"name", NULL},
        {NULL, NULL},
    };
    static const struct jinja_function views[] = {
        {"isdisjoint", NULL}, {"mapping", NULL}, {NULL, NULL}};
    static const struct jinja_function generator[] = {
        {"close", NULL},        {"gi_frame", NULL}, {"gi_running", NULL},
        {"gi_code", NULL},      {"send", NULL},     {"gi_suspended", NULL},
        {"gi_yieldfrom", NULL}, {"throw", NULL},    {NULL, NULL},
    };
    switch (type) {
    case JINJA_RANGE:
        return jinja_find_in(range, name, len);
    case JINJA_FLOAT:
        return jinja_find_in(real, name, len);
    case JINJA_MACRO:
        return jinja_find_in(macro, name, len);
    case JINJA_VIEW:
        return jinja_find_in(views, name, len);
    case JINJA_ITER:
        return jinja_find_in(generator, name, len);
    case JINJA_STR:
        return jinja_find_in(jinja_string_methods, name, len);
    case JINJA_DICT:
        return jinja_find_in(dict, name, len);
    case JINJA_LIST:
        return jinja_find_in(list, name, len);
    case JINJA_TUPLE:
        return jinja_find_in(list + 1, name, len);
    case JINJA_BOOL:
    case JINJA_INT:
        return jinja_find_in(integer, name, len);
    default:
        return NULL;
    }
}
