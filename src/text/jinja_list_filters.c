/*
 * jinja_list_filters.c - the filters on lists, dicts and anything that can be iterated. map, select
 * and their kin are generators, as in the reference: evaluated when read, empty the second time,
 * true in a condition whatever they hold.
 */
#include <string.h>

#include "text/jinja_run.h"

static karma_status f_length(struct jinja_run *r, struct jinja_value self,
                             const struct jinja_args *args, struct jinja_value *out) {
    static const char *const none[] = {NULL};
    size_t n = 0;
    karma_status st = jinja_bind(r, "length", args, none, 0, NULL);
    if (st == KARMA_OK) st = jinja_length(r, self, &n);
    *out = jinja_int((int64_t)n);
    return st;
}

static karma_status f_default(struct jinja_run *r, struct jinja_value self,
                              const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"default_value", "boolean", NULL};
    struct jinja_value a[2];
    karma_status st = jinja_bind(r, "default", args, params, 0, a);
    if (st < 0) return st;
    const bool falsy = jinja_given(a[1]) && jinja_truth(a[1]) && !jinja_truth(self);
    *out = self;
    if (self.type != JINJA_UNDEFINED && !falsy) return KARMA_OK;
    *out = a[0];
    if (jinja_given(a[0])) return KARMA_OK;
    struct jinja_str *empty = jinja_str_lend(r, "", 0, JINJA_TEMPLATE);
    if (!empty) return r->failed;
    *out = jinja_string(empty);
    return KARMA_OK;
}

static karma_status f_attr(struct jinja_run *r, struct jinja_value self,
                           const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"name", NULL};
    struct jinja_value a;
    struct jinja_str *name;
    karma_status st = jinja_bind(r, "attr", args, params, 1, &a);
    if (st == KARMA_OK) st = jinja_want_str(r, "name of attr", a, &name);
    if (st < 0) return st;
    if (self.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, self);
    if (self.type == JINJA_DICT && !jinja_find_method(JINJA_DICT, name->data, name->len)) {
        return jinja_undefined_of(r, self, a, out); /* never a key */
    }
    return jinja_get_attr(r, self, a, out);
}

static karma_status f_first(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    static const char *const none[] = {NULL};
    struct jinja_iter *it;
    bool more;
    karma_status st = jinja_bind(r, "first", args, none, 0, NULL);
    if (st == KARMA_OK) st = jinja_iter_begin(r, self, &it);
    if (st == KARMA_OK) st = jinja_iter_next(r, it, out, &more);
    if (st == KARMA_OK && !more) *out = jinja_undefined_hint(r, "no first item of an empty list");
    return st;
}

static karma_status f_last(struct jinja_run *r, struct jinja_value self,
                           const struct jinja_args *args, struct jinja_value *out) {
    static const char *const none[] = {NULL};
    struct jinja_value back;
    bool more;
    karma_status st = jinja_bind(r, "last", args, none, 0, NULL);
    if (st == KARMA_OK) st = jinja_reversed(r, self, &back);
    if (st == KARMA_OK) st = jinja_iter_next(r, back.u.iter, out, &more);
    if (st == KARMA_OK && !more) *out = jinja_undefined_hint(r, "no last item of an empty list");
    return st;
}

static karma_status f_list(struct jinja_run *r, struct jinja_value self,
                           const struct jinja_args *args, struct jinja_value *out) {
    static const char *const none[] = {NULL};
    karma_status st = jinja_bind(r, "list", args, none, 0, NULL);
    *out = (struct jinja_value){.type = JINJA_LIST};
    return st < 0 ? st : jinja_collect(r, self, &out->u.list);
}

static karma_status f_reverse(struct jinja_run *r, struct jinja_value self,
                              const struct jinja_args *args, struct jinja_value *out) {
    static const char *const none[] = {NULL};
    karma_status st = jinja_bind(r, "reverse", args, none, 0, NULL);
    if (st < 0) return st;
    if (self.type == JINJA_STR) {
        return jinja_get_slice(r, self, jinja_none(), jinja_none(), jinja_int(-1), out);
    }
    if (self.type != JINJA_ITER) {
        return jinja_reversed(r, self, out);
    }
    struct jinja_value all = {.type = JINJA_LIST};
    st = jinja_collect(r, self, &all.u.list);
    if (st < 0) return st;
    return jinja_get_slice(r, all, jinja_none(), jinja_none(), jinja_int(-1), out);
}

static karma_status f_join(struct jinja_run *r, struct jinja_value self,
                           const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"d", "attribute", NULL};
    struct jinja_value a[2];
    struct jinja_str *sep = jinja_str_lend(r, "", 0, JINJA_TEMPLATE);
    if (!sep) return r->failed;
    karma_status st = jinja_bind(r, "join", args, params, 0, a);
    if (st == KARMA_OK && jinja_given(a[0])) st = jinja_to_str(r, a[0], &sep);
    if (st == KARMA_OK && jinja_given(a[1]) && a[1].type != JINJA_NONE) {
        struct jinja_iter *it = jinja_alloc(r, sizeof(*it));
        if (!it) return r->failed;
        it->kind = ITER_MAP_ATTR;
        st = jinja_iter_begin(r, self, &it->inner);
        if (st == KARMA_OK) st = jinja_attr_path(r, a[1], &it->path);
        self = (struct jinja_value){.type = JINJA_ITER, .u.iter = it};
    }
    return st < 0 ? st : jinja_join(r, sep, self, false, out);
}

static karma_status f_items(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    static const char *const none[] = {NULL};
    karma_status st = jinja_bind(r, "items", args, none, 0, NULL);
    if (st < 0) return st;
    struct jinja_iter *it = jinja_alloc(r, sizeof(*it));
    if (!it) return r->failed;
    *out = (struct jinja_value){.type = JINJA_ITER, .u.iter = it};
    it->kind = ITER_EMPTY;
    if (self.type == JINJA_UNDEFINED) return KARMA_OK;
    if (self.type != JINJA_DICT) {
        return jinja_fail(r, KARMA_E_TYPE, "can only get item pairs from a mapping");
    }
    it->kind = ITER_DICT;
    it->source = self;
    it->view_items = true;
    it->end = self.u.dict->count;
    return KARMA_OK;
}

/* ---- generators */

/* A generator over self; empty when self is false, whatever it is. */
static karma_status generator(struct jinja_run *r, struct jinja_value self, int kind,
                              struct jinja_iter **it, struct jinja_value *out) {
    *it = jinja_alloc(r, sizeof(**it));
    if (!*it) return r->failed;
    *out = (struct jinja_value){.type = JINJA_ITER, .u.iter = *it};
    (*it)->kind = jinja_truth(self) ? kind : ITER_EMPTY;
    return (*it)->kind == ITER_EMPTY ? KARMA_OK : jinja_iter_begin(r, self, &(*it)->inner);
}

/* The filter or test that an argument names; the rest of the arguments go to it. */
static karma_status callee(struct jinja_run *r, const char *what, const struct jinja_args *args,
                           size_t skip, struct jinja_iter *it) {
    struct jinja_str *name;
    const bool is_filter = what[0] == 'f';
    karma_status st = jinja_want_str(r, what, args->items[skip], &name);
    if (st < 0) return st;
    it->function = is_filter ? jinja_find_filter(name->data, name->len)
                             : jinja_find_test(name->data, name->len);
    if (!it->function || !it->function->call) {
        return jinja_fail(r, KARMA_E_UNSUPPORTED, "the %s %s is not %s", what,
                          name->origin == JINJA_TEMPLATE ? status_quote(name->data, name->len)
                                                         : "<data>",
                          it->function ? "supported" : "known");
    }
    it->args = *args;
    it->args.items += skip + 1;
    it->args.count -= skip + 1;
    return KARMA_OK;
}

static karma_status f_map(struct jinja_run *r, struct jinja_value self,
                          const struct jinja_args *args, struct jinja_value *out) {
    struct jinja_iter *it;
    karma_status st = generator(r, self, ITER_MAP_FILTER, &it, out);
    if (st < 0 || it->kind == ITER_EMPTY) return st;
    if (args->count) return callee(r, "filter", args, 0, it);
    it->kind = ITER_MAP_ATTR;
    for (size_t i = 0; st == KARMA_OK && i < args->n_keywords; i++) {
        const struct jinja_keyword *k = &args->keywords[i];
        if (strcmp(k->name, "attribute") == 0) {
            st = jinja_attr_path(r, k->value, &it->path);
        } else if (strcmp(k->name, "default") == 0) {
            it->otherwise = k->value;
            it->has_otherwise = k->value.type != JINJA_NONE;
        } else {
            return jinja_fail(r, KARMA_E_TYPE, "map has no argument named %s",
                              status_quotez(k->name));
        }
    }
    if (st == KARMA_OK && !it->path) {
        return jinja_fail(r, KARMA_E_TYPE, "map needs a filter or an attribute");
    }
    return st;
}

static karma_status select_by(struct jinja_run *r, struct jinja_value self,
                              const struct jinja_args *args, bool by_attribute, bool reject,
                              struct jinja_value *out) {
    struct jinja_iter *it;
    karma_status st = generator(r, self, ITER_SELECT, &it, out);
    if (st < 0 || it->kind == ITER_EMPTY) return st;
    it->reject = reject;
    if (by_attribute && args->count == 0) {
        return jinja_fail(r, KARMA_E_TYPE, "the name of an attribute is missing");
    }
    if (by_attribute) st = jinja_attr_path(r, args->items[0], &it->path);
    if (st < 0 || args->count <= by_attribute) return st;
    return callee(r, "test", args, by_attribute, it);
}

static karma_status f_select(struct jinja_run *r, struct jinja_value self,
                             const struct jinja_args *args, struct jinja_value *out) {
    return select_by(r, self, args, false, false, out);
}
static karma_status f_reject(struct jinja_run *r, struct jinja_value self,
                             const struct jinja_args *args, struct jinja_value *out) {
    return select_by(r, self, args, false, true, out);
}
static karma_status f_selectattr(struct jinja_run *r, struct jinja_value self,
                                 const struct jinja_args *args, struct jinja_value *out) {
    return select_by(r, self, args, true, false, out);
}
static karma_status f_rejectattr(struct jinja_run *r, struct jinja_value self,
                                 const struct jinja_args *args, struct jinja_value *out) {
    return select_by(r, self, args, true, true, out);
}

static karma_status f_unique(struct jinja_run *r, struct jinja_value self,
                             const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"case_sensitive", "attribute", NULL};
    struct jinja_value a[2];
    struct jinja_iter *it = jinja_alloc(r, sizeof(*it));
    if (!it) return r->failed;
    karma_status st = jinja_bind(r, "unique", args, params, 0, a);
    if (st == KARMA_OK) st = jinja_iter_begin(r, self, &it->inner);
    it->kind = ITER_UNIQUE;
    it->case_sensitive = jinja_given(a[0]) && jinja_truth(a[0]);
    if (st == KARMA_OK && jinja_given(a[1]) && a[1].type != JINJA_NONE) {
        st = jinja_attr_path(r, a[1], &it->path);
    }
    it->seen = jinja_dict_new(r);
    *out = (struct jinja_value){.type = JINJA_ITER, .u.iter = it};
    return st < 0 ? st : it->seen ? KARMA_OK : r->failed;
}

static karma_status portions(struct jinja_run *r, struct jinja_value self, const char *what,
                             const struct jinja_args *args, int kind, struct jinja_value *out) {
    static const char *const batch[] = {"linecount", "fill_with", NULL};
    static const char *const slice[] = {"slices", "fill_with", NULL};
    struct jinja_value a[2];
    struct jinja_iter *it = jinja_alloc(r, sizeof(*it));
    if (!it) return r->failed;
    karma_status st = jinja_bind(r, what, args, kind == ITER_BATCH ? batch : slice, 1, a);
    if (st == KARMA_OK) st = jinja_want_int(r, "the size", a[0], 0, &it->count);
    if (st < 0) return st;
    it->kind = kind;
    it->source = self;
    it->has_otherwise = jinja_given(a[1]) && a[1].type != JINJA_NONE;
    it->otherwise = a[1];
    *out = (struct jinja_value){.type = JINJA_ITER, .u.iter = it};
    return kind == ITER_BATCH ? jinja_iter_begin(r, self, &it->inner) : KARMA_OK;
}

static karma_status f_batch(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return portions(r, self, "batch", args, ITER_BATCH, out);
}
static karma_status f_slice(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    return portions(r, self, "slice", args, ITER_SLICE, out);
}

/* ---- order */

struct keyed {
    struct jinja_value key, value;
};

/* Merge sort, stable; reverse keeps the order of equal ones, as Python's sorted() does. */
static karma_status merge_sort(struct jinja_run *r, struct keyed *v, struct keyed *tmp, size_t n,
                               bool reverse) {
    if (n < 2) return KARMA_OK;
    const size_t half = n / 2;
    karma_status st = merge_sort(r, v, tmp, half, reverse);
    if (st == KARMA_OK) st = merge_sort(r, v + half, tmp, n - half, reverse);
    size_t a = 0, b = half;
    for (size_t i = 0; st == KARMA_OK && i < n; i++) {
        int order = 0;
        if (a < half && b < n) {
            st = reverse ? jinja_compare(r, v[a].key, v[b].key, "<", &order)
                         : jinja_compare(r, v[b].key, v[a].key, "<", &order);
        }
        tmp[i] = b == n || (a < half && order != -1) ? v[a++] : v[b++];
    }
    if (st == KARMA_OK) memcpy(v, tmp, n * sizeof(*v));
    return st < 0 ? st : jinja_charge(r, n, 0);
}

/* Values of `all` with their keys: a path, several paths separated by commas, or themselves. */
static karma_status make_keys(struct jinja_run *r, const struct jinja_list *all,
                              struct jinja_value attribute, bool case_sensitive,
                              struct keyed *out) {
    struct jinja_list *paths = jinja_list_new(r, 1);
    karma_status st = paths ? KARMA_OK : r->failed;
    const bool by_attribute = jinja_given(attribute) && attribute.type != JINJA_NONE;
    if (st == KARMA_OK && by_attribute && attribute.type == JINJA_STR) {
        struct jinja_str *s = attribute.u.str;
        if (!jinja_str_flat(r, s)) return r->failed;
        for (size_t from = 0, to; st == KARMA_OK && from <= s->len; from = to + 1) {
            const char *comma = from < s->len ? memchr(s->data + from, ',', s->len - from) : NULL;
            to = comma ? (size_t)(comma - s->data) : s->len;
            struct jinja_str *part = jinja_str_part(r, s, from, to);
            if (!part) return r->failed;
            struct jinja_value path = {.type = JINJA_LIST};
            st = jinja_attr_path(r, jinja_string(part), &path.u.list);
            if (st == KARMA_OK) st = jinja_list_push(r, paths, path);
        }
    } else if (st == KARMA_OK) {
        struct jinja_value path = {.type = JINJA_LIST};
        if (by_attribute) st = jinja_attr_path(r, attribute, &path.u.list);
        if (st == KARMA_OK) st = jinja_list_push(r, paths, path);
    }
    for (size_t i = 0; st == KARMA_OK && i < all->count; i++) {
        struct jinja_list *key = jinja_list_new(r, paths->count);
        if (!key) return r->failed;
        for (size_t p = 0; st == KARMA_OK && p < paths->count; p++) {
            struct jinja_value *k = &key->items[key->count++];
            st = jinja_follow_path(r, all->items[i], paths->items[p].u.list, k);
            if (st == KARMA_OK && !case_sensitive) st = jinja_fold_case(r, *k, k);
        }
        out[i].value = all->items[i];
        out[i].key = (struct jinja_value){.type = JINJA_LIST, .u.list = key};
        if (st == KARMA_OK) st = jinja_charge(r, paths->count, 0);
    }
    return st;
}

static karma_status f_sort(struct jinja_run *r, struct jinja_value self,
                           const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"reverse", "case_sensitive", "attribute", NULL};
    struct jinja_value a[3];
    struct jinja_list *all;
    karma_status st = jinja_bind(r, "sort", args, params, 0, a);
    if (st == KARMA_OK) st = jinja_collect(r, self, &all);
    if (st < 0) return st;
    struct keyed *keyed = jinja_alloc(r, 2 * (all->count + 1) * sizeof(*keyed));
    if (!keyed) return r->failed;
    st = make_keys(r, all, a[2], jinja_given(a[1]) && jinja_truth(a[1]), keyed);
    if (st == KARMA_OK) {
        st = merge_sort(r, keyed, keyed + all->count, all->count,
                        jinja_given(a[0]) && jinja_truth(a[0]));
    }
    for (size_t i = 0; i < all->count; i++) {
        all->items[i] = keyed[i].value;
    }
    *out = (struct jinja_value){.type = JINJA_LIST, .u.list = all};
    return st;
}

static karma_status f_dictsort(struct jinja_run *r, struct jinja_value self,
                               const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"case_sensitive", "by", "reverse", NULL};
    struct jinja_value a[3];
    karma_status st = jinja_bind(r, "dictsort", args, params, 0, a);
    if (st < 0) return st;
    bool by_value = false;
    if (jinja_given(a[1])) {
        struct jinja_str *s;
        st = jinja_want_str(r, "by of dictsort", a[1], &s);
        if (st < 0) return st;
        by_value = s->len == 5 && memcmp(s->data, "value", 5) == 0;
        if (!by_value && (s->len != 3 || memcmp(s->data, "key", 3) != 0)) {
            return jinja_fail(r, KARMA_E_RANGE, "dictsort: by must be key or value");
        }
    }
    if (self.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, self);
    if (self.type != JINJA_DICT) {
        return jinja_fail(r, KARMA_E_TYPE, "dictsort: '%s' is no mapping", jinja_type_name(self));
    }
    const struct jinja_dict *d = self.u.dict;
    struct keyed *keyed = jinja_alloc(r, 2 * (d->count + 1) * sizeof(*keyed));
    struct jinja_list *l = jinja_list_new(r, d->count);
    if (!keyed || !l) return r->failed;
    for (size_t i = 0; st == KARMA_OK && i < d->count; i++) {
        keyed[i].key = by_value ? d->pairs[i].value : d->pairs[i].key;
        if (!(jinja_given(a[0]) && jinja_truth(a[0]))) {
            st = jinja_fold_case(r, keyed[i].key, &keyed[i].key);
        }
        if (st == KARMA_OK) {
            st = jinja_pair_tuple(r, d->pairs[i].key, d->pairs[i].value, &keyed[i].value);
        }
    }
    if (st == KARMA_OK) {
        st = merge_sort(r, keyed, keyed + d->count, d->count,
                        jinja_given(a[2]) && jinja_truth(a[2]));
    }
    for (size_t i = 0; i < d->count; i++) {
        l->items[l->count++] = keyed[i].value;
    }
    *out = (struct jinja_value){.type = JINJA_LIST, .u.list = l};
    return st;
}

static karma_status extreme(struct jinja_run *r, struct jinja_value self, const char *what,
                            const struct jinja_args *args, int wanted, struct jinja_value *out) {
    static const char *const params[] = {"case_sensitive", "attribute", NULL};
    struct jinja_value a[2], best_key = jinja_none();
    struct jinja_list *path = NULL;
    struct jinja_iter *it;
    karma_status st = jinja_bind(r, what, args, params, 0, a);
    const bool fold = !(jinja_given(a[0]) && jinja_truth(a[0]));
    if (st == KARMA_OK && jinja_given(a[1]) && a[1].type != JINJA_NONE) {
        st = jinja_attr_path(r, a[1], &path);
    }
    if (st == KARMA_OK) st = jinja_iter_begin(r, self, &it);
    bool any = false;
    for (bool more = true; st == KARMA_OK && more;) {
        struct jinja_value v, key;
        int order = wanted;
        st = jinja_iter_next(r, it, &v, &more);
        if (st < 0 || !more) break;
        st = jinja_follow_path(r, v, path, &key);
        if (st == KARMA_OK && fold) st = jinja_fold_case(r, key, &key);
        if (st == KARMA_OK && any) {
            st = jinja_compare(r, key, best_key, wanted < 0 ? "<" : ">", &order);
        }
        if (st == KARMA_OK && order == wanted) {
            best_key = key;
            *out = v;
        }
        any = true;
    }
    if (st == KARMA_OK && !any) *out = jinja_undefined_hint(r, "no item of an empty sequence");
    return st;
}

static karma_status f_min(struct jinja_run *r, struct jinja_value self,
                          const struct jinja_args *args, struct jinja_value *out) {
    return extreme(r, self, "min", args, -1, out);
}
static karma_status f_max(struct jinja_run *r, struct jinja_value self,
                          const struct jinja_args *args, struct jinja_value *out) {
    return extreme(r, self, "max", args, 1, out);
}

static karma_status f_sum(struct jinja_run *r, struct jinja_value self,
                          const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"attribute", "start", NULL};
    struct jinja_value a[2], total;
    struct jinja_list *path = NULL;
    struct jinja_iter *it;
    karma_status st = jinja_bind(r, "sum", args, params, 0, a);
    if (st == KARMA_OK && jinja_given(a[0]) && a[0].type != JINJA_NONE) {
        st = jinja_attr_path(r, a[0], &path);
    }
    total = jinja_given(a[1]) ? a[1] : jinja_int(0);
    if (st == KARMA_OK && total.type == JINJA_STR) {
        return jinja_fail(r, KARMA_E_TYPE, "sum cannot add strings");
    }
    if (st == KARMA_OK) st = jinja_iter_begin(r, self, &it);
    for (bool more = true; st == KARMA_OK && more;) {
        struct jinja_value v;
        st = jinja_iter_next(r, it, &v, &more);
        if (st < 0 || !more) break;
        st = jinja_follow_path(r, v, path, &v);
        if (st == KARMA_OK) st = jinja_binary(r, TOK_ADD, total, v, &total);
    }
    *out = total;
    return st;
}

const struct jinja_function jinja_list_filters[] = {
    {"attr", f_attr},
    {"batch", f_batch},
    {"count", f_length},
    {"d", f_default},
    {"default", f_default},
    {"dictsort", f_dictsort},
    {"first", f_first},
    {"items", f_items},
    {"join", f_join},
    {"last", f_last},
    {"length", f_length},
    {"list", f_list},
    {"map", f_map},
    {"max", f_max},
    {"min", f_min},
    {"reject", f_reject},
    {"rejectattr", f_rejectattr},
    {"reverse", f_reverse},
    {"select", f_select},
    {"selectattr", f_selectattr},
    {"slice", f_slice},
    {"sort", f_sort},
    {"sum", f_sum},
    {"unique", f_unique},
    {NULL, NULL},
};
