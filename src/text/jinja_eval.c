/*
 * jinja_eval.c - expressions. Every recursion passes through jinja_eval(), which bounds its depth
 * and counts its steps.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text/jinja_run.h"

const struct jinja_limits jinja_default_limits = {
    .steps = 10000000,
    .output_bytes = (size_t)64 << 20,
    .memory_bytes = (size_t)160 << 20,
    .range_count = 100000, /* MAX_RANGE of the reference's sandbox */
    .call_depth = 64,
    .eval_depth = 1000,
};

void *jinja_alloc(struct jinja_run *r, size_t size) {
    if (size > r->limits->memory_bytes || r->arena.used_bytes > r->limits->memory_bytes - size) {
        r->failed =
            jinja_fail(r, KARMA_E_LIMIT, "more than %zu bytes of values", r->limits->memory_bytes);
        return NULL;
    }
    void *p = arena_alloc(&r->arena, size);
    if (!p) r->failed = KARMA_E_NOMEM;
    return p;
}

karma_status jinja_fail(struct jinja_run *r, karma_status st, const char *fmt, ...) {
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return jinja_fail_at(r->t->src, r->t->src_len, r->pos, st, "%s", text);
}

karma_status jinja_charge(struct jinja_run *r, uint64_t n, size_t bytes) {
    r->steps += n + bytes / 64;
    if (r->steps <= r->limits->steps) return KARMA_OK;
    return jinja_fail(r, KARMA_E_LIMIT, "more than %llu steps",
                      (unsigned long long)r->limits->steps);
}

karma_status jinja_enter(struct jinja_run *r) {
    if (r->eval_depth >= r->limits->eval_depth) {
        return jinja_fail(r, KARMA_E_LIMIT, "evaluation nested more than %d deep",
                          r->limits->eval_depth);
    }
    r->eval_depth++;
    return KARMA_OK;
}

static karma_status lookup(struct jinja_run *r, const struct jinja_scope *sc, uint32_t name,
                           struct jinja_value *out) {
    const struct jinja_binding *found = NULL;
    size_t looked = 0;
    for (; sc && !found; sc = sc->outer) {
        for (size_t i = sc->count; i > 0 && !found; i--) {
            if (sc->bindings[i - 1].name == name) found = &sc->bindings[i - 1];
        }
        looked += sc->count + 1;
    }
    *out = found ? found->value : r->context[name];
    const karma_status st = jinja_charge(r, looked / 32, 0);
    if (st < 0 || jinja_given(*out)) return st;
    return jinja_undefined_name(r, r->t->names[name], out);
}

karma_status jinja_eval_args(struct jinja_run *r, struct jinja_scope *sc,
                             const struct jinja_call_args *ast, struct jinja_args *out) {
    *out = (struct jinja_args){0};
    karma_status st = KARMA_OK;
    struct jinja_list list = {0};
    struct jinja_value v;
    if (ast->count) {
        list.items = jinja_alloc(r, ast->count * sizeof(*list.items));
        if (!list.items) return r->failed;
        list.cap = ast->count;
    }
    for (size_t i = 0; st == KARMA_OK && i < ast->count; i++) {
        st = jinja_eval(r, sc, ast->items[i], &list.items[i]);
        list.count++;
    }
    struct jinja_dict *extra = NULL;
    if (st == KARMA_OK && ast->n_keywords) {
        out->keywords = jinja_alloc(r, ast->n_keywords * sizeof(*out->keywords));
        if (!out->keywords) return r->failed;
    }
    for (size_t i = 0; st == KARMA_OK && i < ast->n_keywords; i++) {
        out->keywords[i].name = ast->keywords[i].name;
        st = jinja_eval(r, sc, ast->keywords[i].value, &out->keywords[i].value);
        out->n_keywords++;
    }
    if (st == KARMA_OK && ast->star) {
        struct jinja_list *more;
        st = jinja_eval(r, sc, ast->star, &v);
        if (st == KARMA_OK) st = jinja_collect(r, v, &more);
        for (size_t i = 0; st == KARMA_OK && i < more->count; i++) {
            st = jinja_list_push(r, &list, more->items[i]);
        }
    }
    if (st == KARMA_OK && ast->star_star) {
        st = jinja_eval(r, sc, ast->star_star, &v);
        if (st == KARMA_OK && v.type == JINJA_DICT)
            extra = v.u.dict;
        else if (st == KARMA_OK)
            st = jinja_fail(r, KARMA_E_TYPE, "** needs a mapping");
    }
    if (st == KARMA_OK && extra && extra->count) {
        const size_t n = out->n_keywords;
        struct jinja_keyword *all = jinja_alloc(r, (n + extra->count) * sizeof(*all));
        if (!all) return r->failed;
        if (n) memcpy(all, out->keywords, n * sizeof(*all));
        out->keywords = all;
        for (size_t i = 0; st == KARMA_OK && i < extra->count; i++) {
            const struct jinja_value key = extra->pairs[i].key;
            const char *name = key.type == JINJA_STR ? jinja_str_flat(r, key.u.str) : NULL;
            if (!name) return jinja_fail(r, KARMA_E_TYPE, "keywords must be strings");
            name = arena_strndup(&r->arena, name, key.u.str->len);
            if (!name) return KARMA_E_NOMEM;
            for (size_t k = 0; k < n; k++) {
                if (strcmp(all[k].name, name) == 0) {
                    return jinja_fail(r, KARMA_E_TYPE, "an argument was given twice");
                }
            }
            all[out->n_keywords++] = (struct jinja_keyword){name, extra->pairs[i].value};
            st = jinja_charge(r, n + 1, 0);
        }
    }
    out->items = list.items;
    out->count = list.count;
    return st;
}

karma_status jinja_call(struct jinja_run *r, struct jinja_value f, const struct jinja_args *args,
                        struct jinja_value *out) {
    const struct jinja_function *fn = NULL;
    struct jinja_value self = jinja_none();
    switch (f.type) {
    case JINJA_UNDEFINED:
        return jinja_fail_undefined(r, f);
    case JINJA_MACRO:
        return jinja_call_macro(r, f.u.macro, args, out);
    case JINJA_LOOP:
        return jinja_call_loop(r, f.u.loop, args, out);
    case JINJA_FUNCTION:
        fn = f.u.function;
        break;
    case JINJA_METHOD:
        fn = f.u.method->function;
        self = f.u.method->self;
        break;
    default:
        return jinja_fail(r, KARMA_E_TYPE, "'%s' object is not callable", jinja_type_name(f));
    }
    if (!fn->call) {
        return jinja_fail(r, KARMA_E_UNSUPPORTED, "%s() is not supported", fn->name);
    }
    return fn->call(r, self, args, out);
}

static karma_status eval_call(struct jinja_run *r, struct jinja_scope *sc,
                              const struct jinja_expr *e, struct jinja_value *out) {
    struct jinja_value f;
    struct jinja_args args;
    karma_status st = jinja_eval(r, sc, e->u.call.target, &f);
    if (st == KARMA_OK) st = jinja_eval_args(r, sc, &e->u.call.args, &args);
    r->pos = e->pos;
    if (st == KARMA_OK) st = jinja_call(r, f, &args, out);
    return st;
}

/* Fail for a filter or test that cannot be applied. */
static karma_status not_applicable(struct jinja_run *r, const char *what,
                                   const struct jinja_expr *e) {
    return jinja_fail(r, KARMA_E_UNSUPPORTED, "the %s %s is not %s", what,
                      status_quotez(e->u.filter.name),
                      e->u.filter.function ? "supported" : "known");
}

karma_status jinja_apply_filter(struct jinja_run *r, struct jinja_scope *sc,
                                const struct jinja_expr *e, struct jinja_value input,
                                struct jinja_value *out) {
    struct jinja_args args;
    karma_status st;
    if (e->u.filter.target) {
        st = jinja_apply_filter(r, sc, e->u.filter.target, input, &input);
        if (st < 0) return st;
    }
    st = jinja_eval_args(r, sc, &e->u.filter.args, &args);
    r->pos = e->pos;
    if (st < 0) return st;
    if (!e->u.filter.function || !e->u.filter.function->call) {
        return not_applicable(r, "filter", e);
    }
    return e->u.filter.function->call(r, input, &args, out);
}

static karma_status eval_filter(struct jinja_run *r, struct jinja_scope *sc,
                                const struct jinja_expr *e, struct jinja_value *out) {
    struct jinja_value v;
    struct jinja_args args;
    const char *what = e->kind == EX_TEST ? "test" : "filter";
    karma_status st = jinja_eval(r, sc, e->u.filter.target, &v);
    if (st == KARMA_OK) st = jinja_eval_args(r, sc, &e->u.filter.args, &args);
    r->pos = e->pos;
    if (st < 0) return st;
    if (!e->u.filter.function || !e->u.filter.function->call) return not_applicable(r, what, e);
    return e->u.filter.function->call(r, v, &args, out);
}

static karma_status eval_list(struct jinja_run *r, struct jinja_scope *sc,
                              const struct jinja_expr *e, struct jinja_value *out) {
    struct jinja_list *l = jinja_list_new(r, e->u.many.count);
    if (!l) return r->failed;
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < e->u.many.count; i++) {
        st = jinja_eval(r, sc, e->u.many.items[i], &l->items[i]);
        l->count++;
    }
    *out = (struct jinja_value){.type = e->kind == EX_LIST ? JINJA_LIST : JINJA_TUPLE, .u.list = l};
    return st;
}

static karma_status eval_dict(struct jinja_run *r, struct jinja_scope *sc,
                              const struct jinja_expr *e, struct jinja_value *out) {
    struct jinja_dict *d = jinja_dict_new(r);
    if (!d) return r->failed;
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < e->u.many.count; i += 2) {
        struct jinja_value key, value;
        st = jinja_eval(r, sc, e->u.many.items[i], &key);
        if (st == KARMA_OK) st = jinja_eval(r, sc, e->u.many.items[i + 1], &value);
        r->pos = e->pos;
        if (st == KARMA_OK) st = jinja_dict_set(r, d, key, value);
    }
    *out = (struct jinja_value){.type = JINJA_DICT, .u.dict = d};
    return st;
}

static karma_status eval_concat(struct jinja_run *r, struct jinja_scope *sc,
                                const struct jinja_expr *e, struct jinja_value *out) {
    struct jinja_str *all = jinja_str_lend(r, "", 0, JINJA_TEMPLATE);
    if (!all) return r->failed;
    for (size_t i = 0; i < e->u.many.count; i++) {
        struct jinja_value v;
        struct jinja_str *s;
        karma_status st = jinja_eval(r, sc, e->u.many.items[i], &v);
        r->pos = e->pos;
        if (st == KARMA_OK) st = jinja_to_str(r, v, &s);
        if (st < 0) return st;
        if (s->markup) { /* ~ joins what is safe as if it were plain */
            struct jinja_str *plain = jinja_alloc(r, sizeof(*plain));
            if (!plain) return r->failed;
            *plain = *s;
            plain->markup = false;
            s = plain;
        }
        all = jinja_str_concat(r, all, s);
        if (!all) return r->failed;
    }
    *out = jinja_string(all);
    return jinja_charge(r, e->u.many.count, 0);
}

static karma_status eval_math(struct jinja_run *r, struct jinja_scope *sc,
                              const struct jinja_expr *e, struct jinja_value *out) {
    karma_status st = jinja_eval(r, sc, e->u.many.items[0], out);
    for (size_t i = 1; st == KARMA_OK && i < e->u.many.count; i++) {
        struct jinja_value b;
        st = jinja_eval(r, sc, e->u.many.items[i], &b);
        r->pos = e->pos;
        if (st == KARMA_OK) st = jinja_charge(r, 1, 0);
        if (st == KARMA_OK) st = jinja_binary(r, e->u.many.ops[i], *out, b, out);
    }
    return st;
}

static karma_status compare_once(struct jinja_run *r, int op, struct jinja_value a,
                                 struct jinja_value b, bool *out) {
    karma_status st;
    int order;
    switch (op) {
    case TOK_EQ:
    case TOK_NE:
        st = jinja_equal(r, a, b, out);
        *out = *out == (op == TOK_EQ);
        return st;
    case TOK_IN:
    case TOK_NOT_IN:
        st = jinja_contains(r, b, a, out);
        *out = *out == (op == TOK_IN);
        return st;
    case TOK_LT:
        st = jinja_compare(r, a, b, "<", &order);
        *out = order == -1;
        return st;
    case TOK_LE:
        st = jinja_compare(r, a, b, "<=", &order);
        *out = order == -1 || order == 0;
        return st;
    case TOK_GT:
        st = jinja_compare(r, a, b, ">", &order);
        *out = order == 1;
        return st;
    default:
        st = jinja_compare(r, a, b, ">=", &order);
        *out = order == 1 || order == 0;
        return st;
    }
}

static karma_status eval_compare(struct jinja_run *r, struct jinja_scope *sc,
                                 const struct jinja_expr *e, struct jinja_value *out) {
    struct jinja_value a, b;
    bool holds = true;
    karma_status st = jinja_eval(r, sc, e->u.many.items[0], &a);
    for (size_t i = 1; st == KARMA_OK && holds && i < e->u.many.count; i++) {
        st = jinja_eval(r, sc, e->u.many.items[i], &b);
        r->pos = e->pos;
        if (st == KARMA_OK) st = jinja_charge(r, 1, 0);
        if (st == KARMA_OK) st = compare_once(r, e->u.many.ops[i], a, b, &holds);
        a = b;
    }
    *out = jinja_bool(holds);
    return st;
}

static karma_status eval_logic(struct jinja_run *r, struct jinja_scope *sc,
                               const struct jinja_expr *e, struct jinja_value *out) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < e->u.many.count; i++) {
        st = jinja_eval(r, sc, e->u.many.items[i], out);
        if (st < 0 || jinja_truth(*out) == (e->kind == EX_OR)) break;
    }
    return st;
}

static karma_status eval_condition(struct jinja_run *r, struct jinja_scope *sc,
                                   const struct jinja_expr *e, struct jinja_value *out) {
    struct jinja_value test;
    karma_status st = jinja_eval(r, sc, e->u.parts.b, &test);
    if (st < 0) return st;
    if (jinja_truth(test)) return jinja_eval(r, sc, e->u.parts.a, out);
    if (e->u.parts.c) return jinja_eval(r, sc, e->u.parts.c, out);
    *out = jinja_undefined_hint(r, "the inline if was false and has no else");
    return KARMA_OK;
}

static karma_status eval_access(struct jinja_run *r, struct jinja_scope *sc,
                                const struct jinja_expr *e, struct jinja_value *out) {
    struct jinja_value obj, part[3] = {jinja_none(), jinja_none(), jinja_none()};
    karma_status st;
    if (e->kind == EX_ATTR) {
        st = jinja_eval(r, sc, e->u.attr.object, &obj);
        r->pos = e->pos;
        return st < 0 ? st : jinja_get_attr(r, obj, e->u.attr.name, out);
    }
    const struct jinja_expr *parts[3] = {e->u.parts.b, e->u.parts.c, e->u.parts.d};
    st = jinja_eval(r, sc, e->u.parts.a, &obj);
    for (int i = 0; st == KARMA_OK && i < 3; i++) {
        if (parts[i]) st = jinja_eval(r, sc, parts[i], &part[i]);
    }
    r->pos = e->pos;
    if (st < 0) return st;
    if (e->kind == EX_ITEM) return jinja_get_item(r, obj, part[0], out);
    return jinja_get_slice(r, obj, part[0], part[1], part[2], out);
}

static karma_status eval_inside(struct jinja_run *r, struct jinja_scope *sc,
                                const struct jinja_expr *e, struct jinja_value *out) {
    struct jinja_value v;
    karma_status st;
    switch (e->kind) {
    case EX_TUPLE:
    case EX_LIST:
        return eval_list(r, sc, e, out);
    case EX_DICT:
        return eval_dict(r, sc, e, out);
    case EX_OR:
    case EX_AND:
        return eval_logic(r, sc, e, out);
    case EX_CONCAT:
        return eval_concat(r, sc, e, out);
    case EX_NOT:
        st = jinja_eval(r, sc, e->u.parts.a, &v);
        *out = jinja_bool(st == KARMA_OK && !jinja_truth(v));
        return st;
    case EX_NEG:
    case EX_POS:
        st = jinja_eval(r, sc, e->u.parts.a, &v);
        r->pos = e->pos;
        if (st < 0) return st;
        return e->kind == EX_NEG ? jinja_negate(r, v, out) : jinja_positive(r, v, out);
    case EX_MATH:
        return eval_math(r, sc, e, out);
    case EX_COMPARE:
        return eval_compare(r, sc, e, out);
    case EX_COND:
        return eval_condition(r, sc, e, out);
    case EX_ATTR:
    case EX_ITEM:
    case EX_SLICE:
        return eval_access(r, sc, e, out);
    case EX_CALL:
        return eval_call(r, sc, e, out);
    default:
        return eval_filter(r, sc, e, out);
    }
}

karma_status jinja_eval(struct jinja_run *r, struct jinja_scope *sc, const struct jinja_expr *e,
                        struct jinja_value *out) {
    if (e->kind == EX_CONST) {
        *out = e->u.constant;
        return KARMA_OK;
    }
    r->pos = e->pos;
    if (e->kind == EX_NAME) return lookup(r, sc, e->u.name, out);
    karma_status st = jinja_enter(r);
    if (st < 0) return st;
    st = jinja_charge(r, 1, 0);
    if (st == KARMA_OK) st = eval_inside(r, sc, e, out);
    r->eval_depth--;
    return st;
}
