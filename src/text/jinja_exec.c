/*
 * jinja_exec.c - statements: output, conditions, loops, assignments, macros and captured blocks.
 * Scopes are those of the reference: if has none; for has one for each iteration; macro, call,
 * with, filter, generation and a block set have one each.
 */
#include <string.h>

#include "text/jinja_run.h"

struct jinja_scope *jinja_scope_new(struct jinja_run *r, struct jinja_scope *outer) {
    struct jinja_scope *sc = jinja_alloc(r, sizeof(*sc));
    if (sc) sc->outer = outer;
    return sc;
}

karma_status jinja_scope_set(struct jinja_run *r, struct jinja_scope *sc, uint32_t name,
                             struct jinja_value v) {
    for (size_t i = 0; i < sc->count; i++) {
        if (sc->bindings[i].name != name) continue;
        sc->bindings[i].value = v;
        return jinja_charge(r, i / 32, 0);
    }
    if (sc->count == sc->cap) {
        const size_t cap = sc->cap ? 2 * sc->cap : 4;
        struct jinja_binding *b = jinja_alloc(r, cap * sizeof(*b));
        if (!b) return r->failed;
        if (sc->count) memcpy(b, sc->bindings, sc->count * sizeof(*b));
        sc->bindings = b;
        sc->cap = cap;
    }
    sc->bindings[sc->count++] = (struct jinja_binding){name, v};
    return jinja_charge(r, sc->count / 32, 0);
}

static karma_status set_namespace(struct jinja_run *r, struct jinja_scope *sc,
                                  const struct jinja_expr *target, struct jinja_value v) {
    struct jinja_expr name = {.kind = EX_NAME, .pos = target->pos};
    name.u.name = target->u.nsref.name;
    struct jinja_value ns;
    const karma_status st = jinja_eval(r, sc, &name, &ns);
    if (st < 0) return st;
    if (ns.type != JINJA_NAMESPACE) {
        return jinja_fail(r, KARMA_E_TYPE, "cannot assign attribute on non-namespace object");
    }
    const struct jinja_value attr = target->u.nsref.attr;
    if (attr.u.str->len && attr.u.str->data[0] == '_') {
        return jinja_fail(r, KARMA_E_UNSUPPORTED, "attributes that begin with _ cannot be set");
    }
    return jinja_dict_set(r, ns.u.dict, attr, v);
}

karma_status jinja_assign(struct jinja_run *r, struct jinja_scope *sc,
                          const struct jinja_expr *target, struct jinja_value v) {
    if (target->kind == EX_NAME) return jinja_scope_set(r, sc, target->u.name, v);
    if (target->kind == EX_NSREF) return set_namespace(r, sc, target, v);
    struct jinja_list *parts;
    r->pos = target->pos;
    karma_status st = jinja_collect(r, v, &parts);
    if (st == KARMA_OK && parts->count != target->u.many.count) {
        return jinja_fail(r, KARMA_E_RANGE, "cannot unpack: %zu values wanted, %zu found",
                          target->u.many.count, parts->count);
    }
    for (size_t i = 0; st == KARMA_OK && i < parts->count; i++) {
        st = jinja_assign(r, sc, target->u.many.items[i], parts->items[i]);
    }
    return st;
}

karma_status jinja_exec_body(struct jinja_run *r, struct jinja_scope *sc,
                             const struct jinja_body *body) {
    static const struct jinja_value unset = {.type = JINJA_UNDEFINED};
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < body->n_hidden; i++) {
        st = jinja_scope_set(r, sc, body->hidden[i], unset);
    }
    return st < 0 ? st : jinja_exec(r, sc, body->first);
}

/* Run a body with its output kept as a string. */
static karma_status capture(struct jinja_run *r, struct jinja_scope *sc,
                            const struct jinja_body *body, struct jinja_value *out) {
    struct jinja_out o = {0}, *saved = r->out;
    r->out = &o;
    karma_status st = jinja_exec_body(r, sc, body);
    r->out = saved;
    if (st == KARMA_OK) st = jinja_out_take(r, &o, out);
    jinja_out_release(&o);
    return st;
}

static karma_status capture_inside(struct jinja_run *r, struct jinja_scope *sc,
                                   const struct jinja_body *body, struct jinja_value *out) {
    struct jinja_scope *inner = jinja_scope_new(r, sc);
    return inner ? capture(r, inner, body, out) : r->failed;
}

/* ---- loops */

static karma_status loop_peek(struct jinja_run *r, struct jinja_loop *l) {
    if (l->has_after || l->ended) return KARMA_OK;
    bool more;
    const karma_status st = jinja_iter_next(r, l->items, &l->after, &more);
    l->has_after = st == KARMA_OK && more;
    l->ended = st == KARMA_OK && !more;
    return st;
}

static karma_status loop_next(struct jinja_run *r, struct jinja_loop *l, bool *more) {
    struct jinja_value v;
    karma_status st = loop_peek(r, l);
    *more = l->has_after;
    if (st < 0 || !*more) return st;
    v = l->after;
    l->has_after = false;
    l->index0++;
    l->before = l->current;
    l->current = v;
    return KARMA_OK;
}

/* Reading the length of what has none reads all of it ahead. */
static karma_status loop_length(struct jinja_run *r, struct jinja_loop *l) {
    if (l->length >= 0) return KARMA_OK;
    size_t n;
    karma_status st;
    if (l->iterable.type != JINJA_ITER) {
        st = jinja_length(r, l->iterable, &n);
        if (st == KARMA_OK) l->length = (int64_t)n;
        return st;
    }
    struct jinja_list *rest;
    st = jinja_collect(r, l->iterable, &rest);
    if (st < 0) return st;
    l->length = (int64_t)rest->count + l->index0 + 1 + l->has_after;
    struct jinja_value v = {.type = JINJA_LIST, .u.list = rest};
    return jinja_iter_begin(r, v, &l->items);
}

static karma_status loop_cycle(struct jinja_run *r, struct jinja_value self,
                               const struct jinja_args *args, struct jinja_value *out) {
    if (args->count == 0) return jinja_fail(r, KARMA_E_TYPE, "no items for cycling given");
    *out = args->items[(size_t)self.u.loop->index0 % args->count];
    return KARMA_OK;
}

static karma_status loop_changed(struct jinja_run *r, struct jinja_value self,
                                 const struct jinja_args *args, struct jinja_value *out) {
    struct jinja_loop *l = self.u.loop;
    struct jinja_list *now = jinja_list_new(r, args->count);
    if (!now) return r->failed;
    for (size_t i = 0; i < args->count; i++) {
        now->items[now->count++] = args->items[i];
    }
    const struct jinja_value v = {.type = JINJA_TUPLE, .u.list = now};
    bool same = false;
    const karma_status st = l->has_changed ? jinja_equal(r, v, l->last_changed, &same) : KARMA_OK;
    l->last_changed = v;
    l->has_changed = true;
    *out = jinja_bool(!same);
    return st;
}

karma_status jinja_loop_attr(struct jinja_run *r, struct jinja_value loop, const char *name,
                             size_t len, struct jinja_value *out, bool *known) {
    static const struct jinja_function cycle = {"cycle", loop_cycle};
    static const struct jinja_function changed = {"changed", loop_changed};
    struct jinja_loop *l = loop.u.loop;
    karma_status st = KARMA_OK;
    char text[16] = "";
    if (len < sizeof(text)) memcpy(text, name, len);
    *known = true;
    if (strcmp(text, "index0") == 0) {
        *out = jinja_int(l->index0);
    } else if (strcmp(text, "index") == 0) {
        *out = jinja_int(l->index0 + 1);
    } else if (strcmp(text, "first") == 0) {
        *out = jinja_bool(l->index0 == 0);
    } else if (strcmp(text, "last") == 0) {
        st = loop_peek(r, l);
        *out = jinja_bool(!l->has_after);
    } else if (strcmp(text, "previtem") == 0) {
        *out = l->index0 ? l->before : jinja_undefined_hint(r, "there is no previous item");
    } else if (strcmp(text, "nextitem") == 0) {
        st = loop_peek(r, l);
        *out = l->has_after ? l->after : jinja_undefined_hint(r, "there is no next item");
    } else if (strcmp(text, "length") == 0 || strcmp(text, "revindex") == 0 ||
               strcmp(text, "revindex0") == 0) {
        st = loop_length(r, l);
        *out = jinja_int(text[0] == 'l'   ? l->length
                         : text[8] == '0' ? l->length - l->index0 - 1
                                          : l->length - l->index0);
    } else if (strcmp(text, "depth0") == 0 || strcmp(text, "depth") == 0) {
        *out = jinja_int(l->depth0 + (text[5] != '0'));
    } else if (strcmp(text, "cycle") == 0 || strcmp(text, "changed") == 0) {
        struct jinja_method *m = jinja_alloc(r, sizeof(*m));
        if (!m) return r->failed;
        m->self = loop;
        m->function = text[1] == 'y' ? &cycle : &changed;
        *out = (struct jinja_value){.type = JINJA_METHOD, .u.method = m};
    } else {
        *known = false;
    }
    return st;
}

static karma_status run_loop(struct jinja_run *r, struct jinja_scope *sc,
                             const struct jinja_for_ast *f, struct jinja_value iterable,
                             int depth0) {
    struct jinja_loop *l = jinja_alloc(r, sizeof(*l));
    struct jinja_scope *body = jinja_scope_new(r, sc);
    if (!l || !body) return r->failed;
    *l = (struct jinja_loop){.index0 = -1, .length = -1, .depth0 = depth0, .ast = f, .scope = sc};
    karma_status st = jinja_iter_begin(r, iterable, &l->items);
    if (st < 0) return st;
    if (f->test) {
        struct jinja_iter *it = jinja_alloc(r, sizeof(*it));
        if (!it) return r->failed;
        *it = (struct jinja_iter){.kind = ITER_FOR_TEST, .inner = l->items, .scope = sc, .loop = f};
        l->items = it;
        iterable = (struct jinja_value){.type = JINJA_ITER, .u.iter = it};
    }
    l->iterable = iterable;
    bool any = false;
    for (bool more = true; st == KARMA_OK;) {
        st = loop_next(r, l, &more);
        if (st < 0 || !more) break;
        if (body->captured) { /* a macro of the last round keeps that round's variables */
            body = jinja_scope_new(r, sc);
            if (!body) return r->failed;
        }
        body->count = 0;
        st = jinja_scope_set(r, body, JINJA_NAME_LOOP,
                             (struct jinja_value){.type = JINJA_LOOP, .u.loop = l});
        if (st == KARMA_OK) st = jinja_assign(r, body, f->target, l->current);
        if (st == KARMA_OK) st = jinja_exec_body(r, body, &f->body);
        const enum jinja_flow flow = r->flow;
        r->flow = FLOW_NEXT;
        if (flow == FLOW_BREAK) break;
        /* To the reference a loop whose every round was cut short by continue or break is one
         * that had no rounds, so that its else runs. */
        any = any || flow == FLOW_NEXT;
    }
    if (st == KARMA_OK && !any && f->otherwise.first) {
        struct jinja_scope *inner = jinja_scope_new(r, sc);
        if (!inner) return r->failed;
        st = jinja_exec_body(r, inner, &f->otherwise);
    }
    return st;
}

karma_status jinja_call_loop(struct jinja_run *r, struct jinja_loop *l,
                             const struct jinja_args *args, struct jinja_value *out) {
    if (!l->ast->recursive) {
        return jinja_fail(r, KARMA_E_TYPE, "only a recursive loop can be called");
    }
    if (args->count != 1 || args->n_keywords) {
        return jinja_fail(r, KARMA_E_TYPE, "loop() takes one argument");
    }
    if (r->call_depth >= r->limits->call_depth) {
        return jinja_fail(r, KARMA_E_LIMIT, "calls nested more than %d deep",
                          r->limits->call_depth);
    }
    struct jinja_out o = {0}, *saved = r->out;
    r->out = &o;
    r->call_depth++;
    karma_status st = run_loop(r, l->scope, l->ast, args->items[0], l->depth0 + 1);
    r->call_depth--;
    r->out = saved;
    if (st == KARMA_OK) st = jinja_out_take(r, &o, out);
    jinja_out_release(&o);
    return st;
}

/* ---- macros */

static karma_status bind_macro(struct jinja_run *r, struct jinja_macro *m,
                               const struct jinja_args *args, struct jinja_scope *sc) {
    const struct jinja_macro_ast *ast = m->ast;
    const char *name = ast->name ? ast->name : "caller";
    karma_status st = jinja_charge(r, args->n_keywords * ast->n_params / 8, 0);
    if (st < 0) return st;
    struct jinja_dict *rest = jinja_dict_new(r);
    if (!rest) return r->failed;
    if (args->count > ast->n_params && !ast->uses_varargs) {
        return jinja_fail(r, KARMA_E_TYPE, "macro %s takes not more than %zu argument(s)",
                          status_quotez(name), ast->n_params);
    }
    bool has_caller = false;
    for (size_t i = 0; st == KARMA_OK && i < args->n_keywords; i++) {
        const struct jinja_keyword *k = &args->keywords[i];
        bool taken = false;
        for (size_t p = args->count; p < ast->n_params && !taken; p++) {
            taken = strcmp(ast->param_names[p], k->name) == 0;
        }
        if (taken) continue;
        if (ast->uses_caller && strcmp(k->name, "caller") == 0) {
            has_caller = true;
            st = jinja_scope_set(r, sc, JINJA_NAME_CALLER, k->value);
            continue;
        }
        if (!ast->uses_kwargs) {
            return jinja_fail(r, KARMA_E_TYPE, "macro %s takes no keyword argument %s",
                              status_quotez(name), status_quotez(k->name));
        }
        struct jinja_str *key = jinja_str_lend(r, k->name, strlen(k->name), JINJA_TEMPLATE);
        st = key ? jinja_dict_set(r, rest, jinja_string(key), k->value) : r->failed;
    }
    if (st == KARMA_OK && ast->uses_caller && !has_caller) {
        st =
            jinja_scope_set(r, sc, JINJA_NAME_CALLER, jinja_undefined_hint(r, "no caller defined"));
    }
    if (st == KARMA_OK && ast->uses_kwargs) {
        st = jinja_scope_set(r, sc, JINJA_NAME_KWARGS,
                             (struct jinja_value){.type = JINJA_DICT, .u.dict = rest});
    }
    if (st == KARMA_OK && ast->uses_varargs) {
        struct jinja_list *more = jinja_list_new(r, args->count);
        if (!more) return r->failed;
        for (size_t i = ast->n_params; i < args->count; i++) {
            more->items[more->count++] = args->items[i];
        }
        st = jinja_scope_set(r, sc, JINJA_NAME_VARARGS,
                             (struct jinja_value){.type = JINJA_TUPLE, .u.list = more});
    }
    for (size_t p = 0; st == KARMA_OK && p < ast->n_params; p++) {
        struct jinja_value v;
        bool given = p < args->count;
        if (given) v = args->items[p];
        for (size_t i = 0; !given && i < args->n_keywords; i++) {
            given = strcmp(ast->param_names[p], args->keywords[i].name) == 0;
            if (given) v = args->keywords[i].value;
        }
        if (!given && ast->defaults[p]) {
            st = jinja_eval(r, sc, ast->defaults[p], &v);
        } else if (!given) {
            v = jinja_undefined_hint(r, "a parameter of a macro was not provided");
        }
        if (st == KARMA_OK) st = jinja_scope_set(r, sc, ast->params[p], v);
    }
    return st;
}

karma_status jinja_call_macro(struct jinja_run *r, struct jinja_macro *m,
                              const struct jinja_args *args, struct jinja_value *out) {
    if (r->call_depth >= r->limits->call_depth) {
        return jinja_fail(r, KARMA_E_LIMIT, "calls nested more than %d deep",
                          r->limits->call_depth);
    }
    struct jinja_scope *sc = jinja_scope_new(r, m->scope);
    if (!sc) return r->failed;
    karma_status st = bind_macro(r, m, args, sc);
    if (st < 0) return st;
    r->call_depth++;
    st = capture(r, sc, &m->ast->body, out);
    r->call_depth--;
    return st;
}

static karma_status new_macro(struct jinja_run *r, struct jinja_scope *sc,
                              const struct jinja_macro_ast *ast, struct jinja_value *out) {
    struct jinja_macro *m = jinja_alloc(r, sizeof(*m));
    if (!m) return r->failed;
    m->ast = ast;
    m->scope = sc;
    for (; sc && !sc->captured; sc = sc->outer) {
        sc->captured = true;
    }
    *out = (struct jinja_value){.type = JINJA_MACRO, .u.macro = m};
    return KARMA_OK;
}

/* {% call(x) f(y) %}body{% endcall %}: f(y, caller=the body as a macro). */
static karma_status exec_call(struct jinja_run *r, struct jinja_scope *sc,
                              const struct jinja_stmt *s) {
    const struct jinja_expr *e = s->u.call.call;
    struct jinja_value f, caller, v;
    struct jinja_args args;
    karma_status st = new_macro(r, sc, s->u.call.caller, &caller);
    if (st == KARMA_OK) st = jinja_eval(r, sc, e->u.call.target, &f);
    if (st == KARMA_OK) st = jinja_eval_args(r, sc, &e->u.call.args, &args);
    if (st < 0) return st;
    struct jinja_keyword *all = jinja_alloc(r, (args.n_keywords + 1) * sizeof(*all));
    if (!all) return r->failed;
    if (args.n_keywords) memcpy(all, args.keywords, args.n_keywords * sizeof(*all));
    all[args.n_keywords++] = (struct jinja_keyword){"caller", caller};
    args.keywords = all;
    r->pos = e->pos;
    st = jinja_call(r, f, &args, &v);
    return st < 0 ? st : jinja_print(r, r->out, v);
}

/* ---- the other statements */

static karma_status exec_if(struct jinja_run *r, struct jinja_scope *sc,
                            const struct jinja_stmt *s) {
    for (const struct jinja_if_arm *a = s->u.if_.arms; a; a = a->next) {
        struct jinja_value v;
        if (a->test) {
            const karma_status st = jinja_eval(r, sc, a->test, &v);
            if (st < 0) return st;
            if (!jinja_truth(v)) continue;
        }
        return jinja_exec(r, sc, a->body);
    }
    return KARMA_OK;
}

static karma_status exec_set_block(struct jinja_run *r, struct jinja_scope *sc,
                                   const struct jinja_stmt *s) {
    struct jinja_value v;
    karma_status st = capture_inside(r, sc, &s->u.set.body, &v);
    if (st < 0 || r->flow != FLOW_NEXT) return st;
    if (s->u.set.filter) st = jinja_apply_filter(r, sc, s->u.set.filter, v, &v);
    return st < 0 ? st : jinja_assign(r, sc, s->u.set.target, v);
}

static karma_status exec_with(struct jinja_run *r, struct jinja_scope *sc,
                              const struct jinja_stmt *s) {
    struct jinja_scope *inner = jinja_scope_new(r, sc);
    if (!inner) return r->failed;
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < s->u.with.count; i++) {
        struct jinja_value v;
        st = jinja_eval(r, sc, s->u.with.values[i], &v);
        if (st == KARMA_OK) st = jinja_assign(r, inner, s->u.with.targets[i], v);
    }
    return st < 0 ? st : jinja_exec_body(r, inner, &s->u.with.body);
}

static karma_status exec_one(struct jinja_run *r, struct jinja_scope *sc,
                             const struct jinja_stmt *s) {
    struct jinja_value v;
    karma_status st;
    switch (s->kind) {
    case ST_TEXT:
        return jinja_out_add(r, r->out, s->u.text.data, s->u.text.len, false);
    case ST_OUTPUT:
        st = jinja_eval(r, sc, s->u.output, &v);
        r->pos = s->pos;
        return st < 0 ? st : jinja_print(r, r->out, v);
    case ST_IF:
        return exec_if(r, sc, s);
    case ST_FOR:
        st = jinja_eval(r, sc, s->u.for_.iter, &v);
        r->pos = s->pos;
        return st < 0 ? st : run_loop(r, sc, &s->u.for_, v, 0);
    case ST_SET:
        st = jinja_eval(r, sc, s->u.set.value, &v);
        r->pos = s->pos;
        return st < 0 ? st : jinja_assign(r, sc, s->u.set.target, v);
    case ST_SET_BLOCK:
        return exec_set_block(r, sc, s);
    case ST_MACRO:
        st = new_macro(r, sc, s->u.macro.macro, &v);
        return st < 0 ? st : jinja_scope_set(r, sc, s->u.macro.name, v);
    case ST_CALL:
        return exec_call(r, sc, s);
    case ST_FILTER:
        st = capture_inside(r, sc, &s->u.filter.body, &v);
        if (st < 0 || r->flow != FLOW_NEXT) return st;
        st = jinja_apply_filter(r, sc, s->u.filter.filter, v, &v);
        return st < 0 ? st : jinja_print(r, r->out, v);
    case ST_WITH:
        return exec_with(r, sc, s);
    case ST_GENERATION:
        st = capture_inside(r, sc, &s->u.generation, &v);
        return st < 0 ? st : jinja_print(r, r->out, v);
    case ST_BREAK:
        r->flow = FLOW_BREAK;
        return KARMA_OK;
    default:
        r->flow = FLOW_CONTINUE;
        return KARMA_OK;
    }
}

karma_status jinja_exec(struct jinja_run *r, struct jinja_scope *sc, const struct jinja_stmt *s) {
    karma_status st = jinja_enter(r);
    if (st < 0) return st;
    for (; st == KARMA_OK && s && r->flow == FLOW_NEXT; s = s->next) {
        r->pos = s->pos;
        st = jinja_charge(r, 1, 0);
        if (st == KARMA_OK) st = exec_one(r, sc, s);
    }
    r->eval_depth--;
    return st;
}
