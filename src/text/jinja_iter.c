/*
 * jinja_iter.c - iteration as Python does it: items come one at a time, so a filter of a loop sees
 * what the loop's body has done so far, and a generator is empty the second time.
 */
#include <string.h>

#include "text/jinja_run.h"

bool jinja_iterable(struct jinja_value v) {
    switch (v.type) {
    case JINJA_UNDEFINED:
    case JINJA_STR:
    case JINJA_LIST:
    case JINJA_TUPLE:
    case JINJA_DICT:
    case JINJA_RANGE:
    case JINJA_VIEW:
    case JINJA_ITER:
    case JINJA_LOOP:
        return true;
    default:
        return false;
    }
}

karma_status jinja_iter_begin(struct jinja_run *r, struct jinja_value v, struct jinja_iter **out) {
    if (v.type == JINJA_ITER) {
        *out = v.u.iter;
        return KARMA_OK;
    }
    if (!jinja_iterable(v) || v.type == JINJA_LOOP) {
        return jinja_fail(r, KARMA_E_TYPE, "'%s' object is not iterable", jinja_type_name(v));
    }
    struct jinja_iter *it = *out = jinja_alloc(r, sizeof(*it));
    if (!it) return r->failed;
    it->source = v;
    switch (v.type) {
    case JINJA_STR:
        if (!jinja_str_flat(r, v.u.str)) return r->failed;
        it->kind = ITER_STR;
        it->end = v.u.str->len;
        break;
    case JINJA_LIST:
    case JINJA_TUPLE:
        it->kind = ITER_LIST;
        it->end = v.u.list->count;
        break;
    case JINJA_DICT:
        it->kind = ITER_DICT;
        it->end = v.u.dict->count;
        break;
    case JINJA_VIEW:
        it->kind = ITER_DICT;
        it->source = (struct jinja_value){.type = JINJA_DICT, .u.dict = v.u.view->dict};
        it->view_items = v.u.view->kind == JINJA_VIEW_ITEMS;
        it->view_values = v.u.view->kind == JINJA_VIEW_VALUES;
        it->end = v.u.view->dict->count;
        break;
    case JINJA_RANGE:
        it->kind = ITER_RANGE;
        it->end = (size_t)v.u.range->count;
        break;
    default:
        it->kind = ITER_EMPTY;
        break;
    }
    return KARMA_OK;
}

karma_status jinja_reversed(struct jinja_run *r, struct jinja_value v, struct jinja_value *out) {
    if (v.type == JINJA_ITER || !jinja_iterable(v)) {
        return jinja_fail(r, KARMA_E_TYPE, "'%s' object is not reversible", jinja_type_name(v));
    }
    struct jinja_iter *it;
    const karma_status st = jinja_iter_begin(r, v, &it);
    if (st < 0) return st;
    it->backwards = true;
    *out = (struct jinja_value){.type = JINJA_ITER, .u.iter = it};
    return KARMA_OK;
}

static karma_status next_char(struct jinja_run *r, struct jinja_iter *it, struct jinja_value *out) {
    const struct jinja_str *s = it->source.u.str;
    size_t from, to;
    if (it->backwards) {
        to = it->end;
        from = to - jinja_char_before(s->data, to);
        it->end = from;
    } else {
        from = it->pos;
        jinja_char_at(s->data, s->len, from, &to);
        to = it->pos = from + to;
    }
    struct jinja_str *c = jinja_str_part(r, s, from, to);
    if (!c) return r->failed;
    *out = jinja_string(c);
    return KARMA_OK;
}

static karma_status next_pair(struct jinja_run *r, const struct jinja_iter *it, size_t i,
                              struct jinja_value *out) {
    const struct jinja_pair *p = &it->source.u.dict->pairs[i];
    if (it->view_items) return jinja_pair_tuple(r, p->key, p->value, out);
    *out = it->view_values ? p->value : p->key;
    return KARMA_OK;
}

/* One item of the source for a generator that keeps some of them. *keep: this one. */
static karma_status select_item(struct jinja_run *r, struct jinja_iter *it, struct jinja_value v,
                                bool *keep) {
    karma_status st = KARMA_OK;
    if (it->kind == ITER_FOR_TEST) {
        struct jinja_scope *sc = jinja_scope_new(r, it->scope);
        if (!sc) return r->failed;
        st = jinja_assign(r, sc, it->loop->target, v);
        if (st == KARMA_OK) st = jinja_eval(r, sc, it->loop->test, &v);
        *keep = st == KARMA_OK && jinja_truth(v);
        return st;
    }
    if (it->kind == ITER_UNIQUE) {
        struct jinja_value *seen;
        st = jinja_follow_path(r, v, it->path, &v);
        if (st == KARMA_OK && !it->case_sensitive) st = jinja_fold_case(r, v, &v);
        if (st == KARMA_OK) st = jinja_dict_find(r, it->seen, v, &seen);
        if (st < 0) return st;
        *keep = !seen;
        return seen ? KARMA_OK : jinja_dict_set(r, it->seen, v, jinja_none());
    }
    if (it->path) st = jinja_follow_path(r, v, it->path, &v);
    if (st == KARMA_OK && it->function) st = it->function->call(r, v, &it->args, &v);
    *keep = st == KARMA_OK && jinja_truth(v) != it->reject;
    return st;
}

static karma_status next_selected(struct jinja_run *r, struct jinja_iter *it,
                                  struct jinja_value *out, bool *more) {
    for (;;) {
        bool keep = false;
        karma_status st = jinja_iter_next(r, it->inner, out, more);
        if (st < 0 || !*more) return st;
        st = select_item(r, it, *out, &keep);
        if (st < 0 || keep) return st;
    }
}

static karma_status next_batch(struct jinja_run *r, struct jinja_iter *it, struct jinja_value *out,
                               bool *more) {
    struct jinja_list *l = jinja_list_new(r, 0);
    if (!l) return r->failed;
    karma_status st = KARMA_OK;
    *more = true;
    /* The reference closes a batch when the next item finds it full, so one of size 0 or less
     * takes everything. */
    while (st == KARMA_OK && *more && (l->count == 0 || (int64_t)l->count != it->count)) {
        struct jinja_value v;
        st = jinja_iter_next(r, it->inner, &v, more);
        if (st == KARMA_OK && *more) st = jinja_list_push(r, l, v);
    }
    if (st < 0) return st;
    if (l->count && !*more && it->has_otherwise) {
        while (st == KARMA_OK && (int64_t)l->count < it->count) {
            st = jinja_charge(r, 1, 0);
            if (st == KARMA_OK) st = jinja_list_push(r, l, it->otherwise);
        }
    }
    *more = l->count != 0;
    *out = (struct jinja_value){.type = JINJA_LIST, .u.list = l};
    return st;
}

/* Column number it->pos of `slice`: lists of nearly equal length. */
static karma_status next_slice(struct jinja_run *r, struct jinja_iter *it, struct jinja_value *out,
                               bool *more) {
    struct jinja_list *all;
    karma_status st = KARMA_OK;
    if (it->source.type != JINJA_LIST) {
        st = jinja_collect(r, it->source, &all);
        if (st < 0) return st;
        it->source = (struct jinja_value){.type = JINJA_LIST, .u.list = all};
    }
    all = it->source.u.list;
    if (it->count == 0) return jinja_fail(r, KARMA_E_RANGE, "integer division or modulo by zero");
    *more = it->count > 0 && (int64_t)it->pos < it->count;
    if (!*more) return KARMA_OK;
    const size_t n = (size_t)it->count, i = it->pos++;
    const size_t each = all->count / n, extra = all->count % n;
    const size_t from = i * each + (i < extra ? i : extra);
    const size_t count = each + (i < extra);
    struct jinja_list *l = jinja_list_new(r, count + 1);
    if (!l) return r->failed;
    for (size_t k = 0; k < count; k++) {
        l->items[l->count++] = all->items[from + k];
    }
    if (it->has_otherwise && i >= extra) l->items[l->count++] = it->otherwise;
    *out = (struct jinja_value){.type = JINJA_LIST, .u.list = l};
    return jinja_charge(r, count, 0);
}

static karma_status next_mapped(struct jinja_run *r, struct jinja_iter *it, struct jinja_value *out,
                                bool *more) {
    struct jinja_value v;
    karma_status st = jinja_iter_next(r, it->inner, &v, more);
    if (st < 0 || !*more) return st;
    if (it->kind == ITER_MAP_FILTER) return it->function->call(r, v, &it->args, out);
    for (size_t i = 0; st == KARMA_OK && i < it->path->count; i++) {
        st = jinja_get_item(r, v, it->path->items[i], &v);
        if (st == KARMA_OK && it->has_otherwise && v.type == JINJA_UNDEFINED) v = it->otherwise;
    }
    *out = v;
    return st;
}

static karma_status next_inside(struct jinja_run *r, struct jinja_iter *it, struct jinja_value *out,
                                bool *more) {
    switch (it->kind) {
    case ITER_MAP_ATTR:
    case ITER_MAP_FILTER:
        return next_mapped(r, it, out, more);
    case ITER_SELECT:
    case ITER_UNIQUE:
    case ITER_FOR_TEST:
        return next_selected(r, it, out, more);
    case ITER_BATCH:
        return next_batch(r, it, out, more);
    case ITER_SLICE:
        return next_slice(r, it, out, more);
    default:
        break;
    }
    *more = it->pos < it->end;
    if (!*more) return KARMA_OK;
    if (it->kind == ITER_STR) return next_char(r, it, out);
    const size_t i = it->backwards ? --it->end : it->pos++;
    switch (it->kind) {
    case ITER_LIST:
        *out = it->source.u.list->items[i];
        return KARMA_OK;
    case ITER_DICT:
        return next_pair(r, it, i, out);
    default:
        *out = jinja_int(it->source.u.range->start + (int64_t)i * it->source.u.range->step);
        return KARMA_OK;
    }
}

karma_status jinja_iter_next(struct jinja_run *r, struct jinja_iter *it, struct jinja_value *out,
                             bool *more) {
    *more = false;
    karma_status st = jinja_enter(r); /* generators over generators over generators */
    if (st < 0) return st;
    st = jinja_charge(r, 1, 0);
    if (st == KARMA_OK) st = next_inside(r, it, out, more);
    r->eval_depth--;
    return st;
}

karma_status jinja_collect(struct jinja_run *r, struct jinja_value v, struct jinja_list **out) {
    struct jinja_iter *it;
    karma_status st = jinja_iter_begin(r, v, &it);
    if (st < 0) return st;
    *out = jinja_list_new(r, v.type == JINJA_LIST || v.type == JINJA_TUPLE ? v.u.list->count : 0);
    if (!*out) return r->failed;
    for (bool more = true; st == KARMA_OK && more;) {
        struct jinja_value item;
        st = jinja_iter_next(r, it, &item, &more);
        if (st == KARMA_OK && more) st = jinja_list_push(r, *out, item);
    }
    return st;
}
