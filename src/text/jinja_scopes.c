/*
 * jinja_scopes.c - which names a body hides (see struct jinja_body). The reference decides this
 * when it compiles: the first mention of a name in a body, not counting the bodies inside it, is an
 * assignment that is not under an `if`, and no body around it mentions the name.
 */
#include <string.h>

#include "text/jinja_ast.h"

struct mention {
    uint32_t name;
    uint32_t depth; /* what was noted before */
};
struct scope_finder {
    struct chat_template *t;
    uint32_t *depths; /* by name: of the innermost body that mentions it, 0 for none */
    struct mention *undo;
    size_t n_undo, cap_undo;
    uint32_t *hidden; /* of the body at hand */
    size_t n_hidden, cap_hidden;
    uint32_t depth;
    int conditions; /* ifs we are inside of */
};

static karma_status mention(struct scope_finder *f, uint32_t name) {
    if (f->n_undo == f->cap_undo) {
        const size_t cap = f->cap_undo ? 2 * f->cap_undo : 32;
        struct mention *undo = mem_realloc(f->undo, cap * sizeof(*undo));
        if (!undo) return KARMA_E_NOMEM;
        f->undo = undo;
        f->cap_undo = cap;
    }
    f->undo[f->n_undo++] = (struct mention){name, f->depths[name]};
    f->depths[name] = f->depth;
    return KARMA_OK;
}

static karma_status load(struct scope_finder *f, uint32_t name) {
    return f->depths[name] ? KARMA_OK : mention(f, name);
}

static karma_status store(struct scope_finder *f, uint32_t name) {
    if (f->depths[name] == f->depth) return KARMA_OK;
    if (f->depths[name] == 0 && f->conditions == 0) {
        if (f->n_hidden == f->cap_hidden) {
            const size_t cap = f->cap_hidden ? 2 * f->cap_hidden : 16;
            uint32_t *hidden = mem_realloc(f->hidden, cap * sizeof(*hidden));
            if (!hidden) return KARMA_E_NOMEM;
            f->hidden = hidden;
            f->cap_hidden = cap;
        }
        f->hidden[f->n_hidden++] = name;
    }
    return mention(f, name);
}

static karma_status parameter(struct scope_finder *f, uint32_t name) {
    return f->depths[name] == f->depth ? KARMA_OK : mention(f, name);
}

static karma_status visit_expr(struct scope_finder *f, const struct jinja_expr *e);

static karma_status visit_args(struct scope_finder *f, const struct jinja_call_args *args) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < args->count; i++) {
        st = visit_expr(f, args->items[i]);
    }
    for (size_t i = 0; st == KARMA_OK && i < args->n_keywords; i++) {
        st = visit_expr(f, args->keywords[i].value);
    }
    if (st == KARMA_OK) st = visit_expr(f, args->star);
    return st < 0 ? st : visit_expr(f, args->star_star);
}

/* Every name in an expression is read. */
static karma_status visit_expr(struct scope_finder *f, const struct jinja_expr *e) {
    karma_status st = KARMA_OK;
    if (!e) return KARMA_OK;
    switch (e->kind) {
    case EX_CONST:
        return KARMA_OK;
    case EX_NAME:
        return load(f, e->u.name);
    case EX_NSREF:
        return load(f, e->u.nsref.name);
    case EX_TUPLE:
    case EX_LIST:
    case EX_DICT:
    case EX_OR:
    case EX_AND:
    case EX_CONCAT:
    case EX_MATH:
    case EX_COMPARE:
        for (size_t i = 0; st == KARMA_OK && i < e->u.many.count; i++) {
            st = visit_expr(f, e->u.many.items[i]);
        }
        return st;
    case EX_ATTR:
        return visit_expr(f, e->u.attr.object);
    case EX_CALL:
        st = visit_expr(f, e->u.call.target);
        return st < 0 ? st : visit_args(f, &e->u.call.args);
    case EX_FILTER:
    case EX_TEST:
        st = visit_expr(f, e->u.filter.target);
        return st < 0 ? st : visit_args(f, &e->u.filter.args);
    default:
        st = visit_expr(f, e->u.parts.a);
        if (st == KARMA_OK) st = visit_expr(f, e->u.parts.b);
        if (st == KARMA_OK) st = visit_expr(f, e->u.parts.c);
        return st < 0 ? st : visit_expr(f, e->u.parts.d);
    }
}

/* What a target assigns to; as: store or parameter. */
static karma_status visit_target(struct scope_finder *f, const struct jinja_expr *e,
                                 karma_status (*as)(struct scope_finder *, uint32_t)) {
    if (e->kind == EX_NAME) return as(f, e->u.name);
    if (e->kind != EX_TUPLE) return visit_expr(f, e);
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < e->u.many.count; i++) {
        st = visit_target(f, e->u.many.items[i], as);
    }
    return st;
}

/* The mentions that belong to the body these statements are in. */
static karma_status visit_level(struct scope_finder *f, const struct jinja_stmt *s) {
    karma_status st = KARMA_OK;
    for (; st == KARMA_OK && s; s = s->next) {
        switch (s->kind) {
        case ST_OUTPUT:
            st = visit_expr(f, s->u.output);
            break;
        case ST_IF:
            for (const struct jinja_if_arm *a = s->u.if_.arms; st == KARMA_OK && a; a = a->next) {
                /* The first test is always reached; the others are inside an else. */
                if (a == s->u.if_.arms) st = visit_expr(f, a->test);
                f->conditions++;
                if (st == KARMA_OK && a != s->u.if_.arms) st = visit_expr(f, a->test);
                if (st == KARMA_OK) st = visit_level(f, a->body);
                f->conditions--;
            }
            break;
        case ST_FOR:
            st = visit_expr(f, s->u.for_.iter);
            break;
        case ST_SET:
            st = visit_expr(f, s->u.set.value);
            if (st == KARMA_OK) st = visit_target(f, s->u.set.target, store);
            break;
        case ST_SET_BLOCK:
            st = visit_target(f, s->u.set.target, store);
            break;
        case ST_MACRO:
            st = store(f, s->u.macro.name);
            break;
        case ST_CALL:
            st = visit_expr(f, s->u.call.call);
            break;
        case ST_FILTER:
            st = visit_expr(f, s->u.filter.filter);
            break;
        case ST_WITH:
            for (size_t i = 0; st == KARMA_OK && i < s->u.with.count; i++) {
                st = visit_expr(f, s->u.with.values[i]);
            }
            break;
        default:
            break;
        }
    }
    return st;
}

static karma_status visit_inside(struct scope_finder *f, struct jinja_stmt *s);

/* A body whose parameters are those of the statement it belongs to. */
static karma_status visit_body(struct scope_finder *f, struct jinja_body *body,
                               const struct jinja_stmt *owner,
                               const struct jinja_macro_ast *macro) {
    const size_t undo = f->n_undo;
    const int conditions = f->conditions;
    karma_status st = KARMA_OK;
    f->depth++;
    f->conditions = 0;
    f->n_hidden = 0;
    if (owner && owner->kind == ST_FOR && body == &owner->u.for_.body) {
        st = visit_target(f, owner->u.for_.target, parameter);
        if (st == KARMA_OK) st = parameter(f, JINJA_NAME_LOOP);
    }
    for (size_t i = 0; owner && owner->kind == ST_WITH && !st && i < owner->u.with.count; i++) {
        st = visit_target(f, owner->u.with.targets[i], parameter);
    }
    for (size_t i = 0; macro && st == KARMA_OK && i < macro->n_params; i++) {
        st = parameter(f, macro->params[i]);
    }
    for (size_t i = 0; macro && st == KARMA_OK && i < macro->n_params; i++) {
        st = visit_expr(f, macro->defaults[i]);
    }
    for (uint32_t n = JINJA_NAME_CALLER; macro && !st && n <= JINJA_NAME_KWARGS; n++) {
        st = parameter(f, n);
    }
    if (st == KARMA_OK) st = visit_level(f, body->first);
    if (st == KARMA_OK && f->n_hidden) {
        body->n_hidden = f->n_hidden;
        body->hidden = arena_dup(&f->t->arena, f->hidden, f->n_hidden * sizeof(*body->hidden));
        if (!body->hidden) st = KARMA_E_NOMEM;
    }
    if (st == KARMA_OK) st = visit_inside(f, body->first);
    while (f->n_undo > undo) {
        const struct mention *m = &f->undo[--f->n_undo];
        f->depths[m->name] = m->depth;
    }
    f->conditions = conditions;
    f->depth--;
    return st;
}

/* The bodies inside these statements. */
static karma_status visit_inside(struct scope_finder *f, struct jinja_stmt *s) {
    karma_status st = KARMA_OK;
    for (; st == KARMA_OK && s; s = s->next) {
        switch (s->kind) {
        case ST_IF:
            for (struct jinja_if_arm *a = s->u.if_.arms; st == KARMA_OK && a; a = a->next) {
                st = visit_inside(f, a->body);
            }
            break;
        case ST_FOR:
            st = visit_body(f, &s->u.for_.body, s, NULL);
            if (st == KARMA_OK) st = visit_body(f, &s->u.for_.otherwise, s, NULL);
            break;
        case ST_SET_BLOCK:
            st = visit_body(f, &s->u.set.body, s, NULL);
            break;
        case ST_MACRO:
            st = visit_body(f, &s->u.macro.macro->body, s, s->u.macro.macro);
            break;
        case ST_CALL:
            st = visit_body(f, &s->u.call.caller->body, s, s->u.call.caller);
            break;
        case ST_FILTER:
            st = visit_body(f, &s->u.filter.body, s, NULL);
            break;
        case ST_WITH:
            st = visit_body(f, &s->u.with.body, s, NULL);
            break;
        case ST_GENERATION:
            st = visit_body(f, &s->u.generation, s, NULL);
            break;
        default:
            break;
        }
    }
    return st;
}

karma_status jinja_find_scopes(struct chat_template *t) {
    struct scope_finder f = {.t = t};
    f.depths = mem_calloc(t->n_names, sizeof(*f.depths));
    karma_status st = f.depths ? visit_body(&f, &t->body, NULL, NULL) : KARMA_E_NOMEM;
    mem_free(f.depths);
    mem_free(f.undo);
    mem_free(f.hidden);
    return st;
}
