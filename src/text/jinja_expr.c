/*
 * jinja_expr.c - expressions of a template to trees, with the reference's precedences: condition,
 * or, and, not, comparison, + -, ~, * / // %, **, unary, postfix, filters and tests. Chains of
 * equal precedence become one node with many parts, so that depth is nesting and nothing else.
 */
#include <string.h>

#include "text/jinja_parser.h"
#include "text/jinja_run.h"

enum { MAX_KEYWORDS = 1000 }; /* each is compared with those before it */

karma_status parse_vec_push(struct jinja_parser *p, struct parse_vec *v, struct jinja_expr *e,
                            enum jinja_tok op) {
    if (v->count == v->cap) {
        const size_t cap = v->cap ? 2 * v->cap : 4;
        struct jinja_expr **items = parse_alloc(p, cap * sizeof(struct jinja_expr *));
        uint8_t *ops = parse_alloc(p, cap);
        if (!items || !ops) return KARMA_E_NOMEM;
        if (v->count) {
            memcpy(items, v->items, v->count * sizeof(struct jinja_expr *));
            memcpy(ops, v->ops, v->count);
        }
        v->items = items;
        v->ops = ops;
        v->cap = cap;
    }
    v->ops[v->count] = (uint8_t)op;
    v->items[v->count++] = e;
    return KARMA_OK;
}

static karma_status new_expr(struct jinja_parser *p, enum jinja_expr_kind kind, uint32_t pos,
                             struct jinja_expr **out) {
    *out = parse_alloc(p, sizeof(**out));
    if (!*out) return KARMA_E_NOMEM;
    (*out)->kind = (uint8_t)kind;
    (*out)->depth = 1;
    (*out)->pos = pos;
    return KARMA_OK;
}

/* e holds part: it is deeper by one. Chains such as a.b.c nest without recursion in the parser. */
static karma_status hold(struct jinja_parser *p, struct jinja_expr *e,
                         const struct jinja_expr *part) {
    if (part && part->depth >= e->depth) e->depth = (uint16_t)(part->depth + 1);
    if (e->depth <= JINJA_MAX_DEPTH) return KARMA_OK;
    return jinja_fail_at(p->t->src, p->t->src_len, e->pos, KARMA_E_LIMIT,
                         "nested more than %d deep", JINJA_MAX_DEPTH);
}

static karma_status new_many(struct jinja_parser *p, enum jinja_expr_kind kind, uint32_t pos,
                             const struct parse_vec *v, struct jinja_expr **out) {
    karma_status st = new_expr(p, kind, pos, out);
    if (st < 0) return st;
    (*out)->u.many.items = v->items;
    (*out)->u.many.ops = v->ops;
    (*out)->u.many.count = v->count;
    for (size_t i = 0; st == KARMA_OK && i < v->count; i++) {
        st = hold(p, *out, v->items[i]);
    }
    return st;
}

karma_status parse_string(struct jinja_parser *p, const char *text, size_t len, bool copy,
                          struct jinja_value *out) {
    struct jinja_str *s = parse_alloc(p, sizeof(*s));
    if (!s) return KARMA_E_NOMEM;
    if (copy) text = arena_strndup(&p->t->arena, text, len);
    if (!text) return KARMA_E_NOMEM;
    s->data = text;
    s->len = (uint32_t)len;
    s->n_leaves = 1;
    s->ascii = true;
    for (size_t i = 0; i < len && s->ascii; i++) {
        s->ascii = (unsigned char)text[i] < 0x80;
    }
    *out = jinja_string(s);
    return KARMA_OK;
}

static karma_status parse_or(struct jinja_parser *p, struct jinja_expr **out);
static karma_status parse_unary(struct jinja_parser *p, bool with_filters, struct jinja_expr **out);

karma_status parse_expression(struct jinja_parser *p, struct jinja_expr **out) {
    karma_status st = parse_enter(p);
    if (st < 0) return st;
    uint32_t pos = p->cur.pos;
    st = parse_or(p, out);
    while (st == KARMA_OK && parse_at(p, "if")) {
        struct jinja_expr *e, *value = *out;
        st = new_expr(p, EX_COND, pos, &e);
        if (st == KARMA_OK) st = parse_next(p);
        if (st == KARMA_OK) st = parse_or(p, &e->u.parts.b);
        if (st == KARMA_OK && parse_at(p, "else")) {
            st = parse_next(p);
            if (st == KARMA_OK) st = parse_expression(p, &e->u.parts.c);
        }
        if (st < 0) break;
        e->u.parts.a = value;
        st = hold(p, e, value);
        if (st == KARMA_OK) st = hold(p, e, e->u.parts.b);
        if (st == KARMA_OK) st = hold(p, e, e->u.parts.c);
        *out = e;
        pos = p->cur.pos;
    }
    p->depth--;
    return st;
}

static karma_status parse_not(struct jinja_parser *p, struct jinja_expr **out);

static karma_status parse_and(struct jinja_parser *p, struct jinja_expr **out) {
    const uint32_t pos = p->cur.pos;
    karma_status st = parse_not(p, out);
    if (st < 0 || !parse_at(p, "and")) return st;
    struct parse_vec v = {0};
    st = parse_vec_push(p, &v, *out, 0);
    while (st == KARMA_OK && parse_at(p, "and")) {
        st = parse_next(p);
        if (st == KARMA_OK) st = parse_not(p, out);
        if (st == KARMA_OK) st = parse_vec_push(p, &v, *out, 0);
    }
    return st < 0 ? st : new_many(p, EX_AND, pos, &v, out);
}

static karma_status parse_or(struct jinja_parser *p, struct jinja_expr **out) {
    const uint32_t pos = p->cur.pos;
    karma_status st = parse_and(p, out);
    if (st < 0 || !parse_at(p, "or")) return st;
    struct parse_vec v = {0};
    st = parse_vec_push(p, &v, *out, 0);
    while (st == KARMA_OK && parse_at(p, "or")) {
        st = parse_next(p);
        if (st == KARMA_OK) st = parse_and(p, out);
        if (st == KARMA_OK) st = parse_vec_push(p, &v, *out, 0);
    }
    return st < 0 ? st : new_many(p, EX_OR, pos, &v, out);
}

enum level { LEVEL_ADD, LEVEL_CONCAT, LEVEL_MUL, LEVEL_POW, LEVEL_UNARY };

static bool is_of_level(enum jinja_tok t, enum level level) {
    switch (level) {
    case LEVEL_ADD:
        return t == TOK_ADD || t == TOK_SUB;
    case LEVEL_CONCAT:
        return t == TOK_TILDE;
    case LEVEL_MUL:
        return t == TOK_MUL || t == TOK_DIV || t == TOK_FLOORDIV || t == TOK_MOD;
    default:
        return t == TOK_POW;
    }
}

static karma_status parse_math(struct jinja_parser *p, enum level level, struct jinja_expr **out) {
    if (level == LEVEL_UNARY) return parse_unary(p, true, out);
    const uint32_t pos = p->cur.pos;
    karma_status st = parse_math(p, level + 1, out);
    if (st < 0 || !is_of_level(p->cur.type, level)) return st;
    struct parse_vec v = {0};
    st = parse_vec_push(p, &v, *out, 0);
    while (st == KARMA_OK && is_of_level(p->cur.type, level)) {
        const enum jinja_tok op = p->cur.type;
        st = parse_next(p);
        if (st == KARMA_OK) st = parse_math(p, level + 1, out);
        if (st == KARMA_OK) st = parse_vec_push(p, &v, *out, op);
    }
    if (st < 0) return st;
    return new_many(p, level == LEVEL_CONCAT ? EX_CONCAT : EX_MATH, pos, &v, out);
}

/* The comparison operator at the current token, or TOK_EOF; *tokens: how many it takes. */
static karma_status compare_op(struct jinja_parser *p, enum jinja_tok *op, int *tokens) {
    *op = TOK_EOF;
    *tokens = 1;
    if (p->cur.type >= TOK_EQ && p->cur.type <= TOK_GE) *op = p->cur.type;
    if (parse_at(p, "in")) *op = TOK_IN;
    if (!parse_at(p, "not")) return KARMA_OK;
    const karma_status st = parse_look(p);
    if (st == KARMA_OK && parse_token_is(&p->ahead, "in")) {
        *op = TOK_NOT_IN;
        *tokens = 2;
    }
    return st;
}

static karma_status parse_compare(struct jinja_parser *p, struct jinja_expr **out) {
    const uint32_t pos = p->cur.pos;
    struct parse_vec v = {0};
    enum jinja_tok op;
    int tokens;
    karma_status st = parse_math(p, LEVEL_ADD, out);
    if (st == KARMA_OK) st = compare_op(p, &op, &tokens);
    if (st < 0 || op == TOK_EOF) return st;
    st = parse_vec_push(p, &v, *out, 0);
    while (st == KARMA_OK && op != TOK_EOF) {
        while (st == KARMA_OK && tokens--) {
            st = parse_next(p);
        }
        if (st == KARMA_OK) st = parse_math(p, LEVEL_ADD, out);
        if (st == KARMA_OK) st = parse_vec_push(p, &v, *out, op);
        if (st == KARMA_OK) st = compare_op(p, &op, &tokens);
    }
    return st < 0 ? st : new_many(p, EX_COMPARE, pos, &v, out);
}

static karma_status parse_one(struct jinja_parser *p, enum jinja_expr_kind kind, uint32_t pos,
                              struct jinja_expr *a, struct jinja_expr **out) {
    karma_status st = new_expr(p, kind, pos, out);
    if (st < 0) return st;
    (*out)->u.parts.a = a;
    return hold(p, *out, a);
}

static karma_status parse_not(struct jinja_parser *p, struct jinja_expr **out) {
    if (!parse_at(p, "not")) return parse_compare(p, out);
    const uint32_t pos = p->cur.pos;
    struct jinja_expr *a = NULL;
    karma_status st = parse_enter(p);
    if (st < 0) return st;
    st = parse_next(p);
    if (st == KARMA_OK) st = parse_not(p, &a);
    p->depth--;
    return st < 0 ? st : parse_one(p, EX_NOT, pos, a, out);
}

static karma_status new_constant(struct jinja_parser *p, uint32_t pos, struct jinja_value v,
                                 struct jinja_expr **out) {
    const karma_status st = new_expr(p, EX_CONST, pos, out);
    if (st == KARMA_OK) (*out)->u.constant = v;
    return st;
}

static karma_status parse_name(struct jinja_parser *p, unsigned flags, struct jinja_expr **out) {
    const struct jinja_token tok = p->cur;
    karma_status st = parse_next(p);
    if (st < 0) return st;
    static const struct {
        const char *name;
        enum jinja_type type;
        int64_t value;
    } constants[] = {{"true", JINJA_BOOL, 1},  {"True", JINJA_BOOL, 1}, {"false", JINJA_BOOL, 0},
                     {"False", JINJA_BOOL, 0}, {"none", JINJA_NONE, 0}, {"None", JINJA_NONE, 0}};
    for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {
        if (!parse_token_is(&tok, constants[i].name)) continue;
        const struct jinja_value v = {.type = constants[i].type, .u.integer = constants[i].value};
        return new_constant(p, tok.pos, v, out);
    }
    const bool nsref = (flags & PARSE_NAMESPACE) && p->cur.type == TOK_DOT;
    st = new_expr(p, nsref ? EX_NSREF : EX_NAME, tok.pos, out);
    if (st == KARMA_OK) {
        st = parse_name_id(p, tok.text, tok.len, nsref ? &(*out)->u.nsref.name : &(*out)->u.name);
    }
    if (st < 0 || !nsref) return st;
    st = parse_next(p);
    if (st < 0) return st;
    if (p->cur.type != TOK_NAME) return parse_unexpected(p, "a name");
    st = parse_string(p, p->cur.text, p->cur.len, false, &(*out)->u.nsref.attr);
    return st < 0 ? st : parse_next(p);
}

/* 'a' 'b' is one string. */
static karma_status parse_strings(struct jinja_parser *p, struct jinja_expr **out) {
    const struct jinja_token first = p->cur;
    struct buf joined;
    struct jinja_value v;
    buf_init(&joined, JINJA_MAX_SOURCE);
    karma_status st = parse_next(p);
    if (st == KARMA_OK && p->cur.type != TOK_STRING) {
        st = parse_string(p, first.text, first.len, false, &v);
    } else if (st == KARMA_OK) {
        st = buf_append(&joined, first.text, first.len);
        while (st == KARMA_OK && p->cur.type == TOK_STRING) {
            st = buf_append(&joined, p->cur.text, p->cur.len);
            if (st == KARMA_OK) st = parse_next(p);
        }
        if (st == KARMA_OK) st = parse_string(p, buf_str(&joined), joined.len, true, &v);
    }
    buf_release(&joined);
    return st < 0 ? st : new_constant(p, first.pos, v, out);
}

static karma_status parse_list(struct jinja_parser *p, struct jinja_expr **out) {
    const uint32_t pos = p->cur.pos;
    struct parse_vec v = {0};
    karma_status st = parse_next(p);
    while (st == KARMA_OK && p->cur.type != TOK_RBRACKET) {
        struct jinja_expr *e;
        if (v.count) st = parse_expect(p, TOK_COMMA);
        if (st < 0 || p->cur.type == TOK_RBRACKET) break;
        st = parse_expression(p, &e);
        if (st == KARMA_OK) st = parse_vec_push(p, &v, e, 0);
    }
    if (st == KARMA_OK) st = parse_next(p);
    return st < 0 ? st : new_many(p, EX_LIST, pos, &v, out);
}

static karma_status parse_dict(struct jinja_parser *p, struct jinja_expr **out) {
    const uint32_t pos = p->cur.pos;
    struct parse_vec v = {0};
    karma_status st = parse_next(p);
    while (st == KARMA_OK && p->cur.type != TOK_RBRACE) {
        struct jinja_expr *e;
        if (v.count) st = parse_expect(p, TOK_COMMA);
        if (st < 0 || p->cur.type == TOK_RBRACE) break;
        st = parse_expression(p, &e);
        if (st == KARMA_OK) st = parse_vec_push(p, &v, e, 0);
        if (st == KARMA_OK) st = parse_expect(p, TOK_COLON);
        if (st == KARMA_OK) st = parse_expression(p, &e);
        if (st == KARMA_OK) st = parse_vec_push(p, &v, e, 0);
    }
    if (st == KARMA_OK) st = parse_next(p);
    return st < 0 ? st : new_many(p, EX_DICT, pos, &v, out);
}

static karma_status parse_primary(struct jinja_parser *p, unsigned flags, struct jinja_expr **out) {
    const struct jinja_token tok = p->cur;
    karma_status st;
    switch (tok.type) {
    case TOK_NAME:
        return parse_name(p, flags, out);
    case TOK_STRING:
        return parse_strings(p, out);
    case TOK_INT:
        st = parse_next(p);
        return st < 0 ? st : new_constant(p, tok.pos, jinja_int(tok.integer), out);
    case TOK_FLOAT:
        st = parse_next(p);
        return st < 0 ? st : new_constant(p, tok.pos, jinja_float(tok.real), out);
    case TOK_LPAREN:
        st = parse_next(p);
        if (st == KARMA_OK) st = parse_tuple(p, PARSE_CONDITION | PARSE_PARENTHESES, NULL, out);
        return st < 0 ? st : parse_expect(p, TOK_RPAREN);
    case TOK_LBRACKET:
        return parse_list(p, out);
    case TOK_LBRACE:
        return parse_dict(p, out);
    default:
        return parse_unexpected(p, "an expression");
    }
}

karma_status parse_tuple(struct jinja_parser *p, unsigned flags, const char *end,
                         struct jinja_expr **out) {
    const uint32_t pos = p->cur.pos;
    struct parse_vec v = {0};
    bool is_tuple = false;
    karma_status st = KARMA_OK;
    for (;;) {
        struct jinja_expr *e = NULL;
        if (v.count) st = parse_expect(p, TOK_COMMA);
        if (st < 0 || p->cur.type == TOK_VAR_END || p->cur.type == TOK_BLOCK_END ||
            p->cur.type == TOK_RPAREN || (end && parse_at(p, end))) {
            break;
        }
        if (flags & PARSE_SIMPLE)
            st = parse_primary(p, flags, &e);
        else if (flags & PARSE_CONDITION)
            st = parse_expression(p, &e);
        else
            st = parse_or(p, &e);
        if (st == KARMA_OK) st = parse_vec_push(p, &v, e, 0);
        if (st < 0 || p->cur.type != TOK_COMMA) break;
        is_tuple = true;
    }
    if (st < 0) return st;
    if (!is_tuple && v.count) {
        *out = v.items[0];
        return KARMA_OK;
    }
    if (!is_tuple && !(flags & PARSE_PARENTHESES)) return parse_unexpected(p, "an expression");
    return new_many(p, EX_TUPLE, pos, &v, out);
}

static bool can_assign(const struct jinja_expr *e) {
    if (e->kind == EX_NAME || e->kind == EX_NSREF) return true;
    if (e->kind != EX_TUPLE) return false;
    for (size_t i = 0; i < e->u.many.count; i++) {
        if (!can_assign(e->u.many.items[i])) return false;
    }
    return true;
}

karma_status parse_target(struct jinja_parser *p, const char *end, unsigned flags,
                          struct jinja_expr **out) {
    const uint32_t pos = p->cur.pos;
    const karma_status st = parse_tuple(p, flags | PARSE_SIMPLE, end, out);
    if (st < 0 || can_assign(*out)) return st;
    return parse_fail(p, pos, KARMA_E_SYNTAX, "this cannot be assigned to");
}

/* *args, **kwargs, k=v and plain arguments, in the reference's order. */
static karma_status parse_args(struct jinja_parser *p, struct jinja_call_args *args) {
    const uint32_t pos = p->cur.pos;
    struct parse_vec v = {0};
    size_t cap = 0;
    bool bad = false;
    karma_status st = parse_expect(p, TOK_LPAREN);
    for (bool first = true; st == KARMA_OK && p->cur.type != TOK_RPAREN; first = false) {
        if (!first) st = parse_expect(p, TOK_COMMA);
        if (st < 0 || p->cur.type == TOK_RPAREN) break;
        struct jinja_expr *e = NULL;
        if (p->cur.type == TOK_MUL) {
            bad = args->star || args->star_star;
            st = parse_next(p);
            if (st == KARMA_OK) st = parse_expression(p, &args->star);
        } else if (p->cur.type == TOK_POW) {
            bad = args->star_star != NULL;
            st = parse_next(p);
            if (st == KARMA_OK) st = parse_expression(p, &args->star_star);
        } else {
            if (p->cur.type == TOK_NAME) st = parse_look(p);
            if (st < 0) break;
            if (p->cur.type == TOK_NAME && p->ahead.type == TOK_ASSIGN && p->has_ahead) {
                bad = args->star_star != NULL;
                if (args->n_keywords == MAX_KEYWORDS) {
                    return parse_fail(p, p->cur.pos, KARMA_E_LIMIT,
                                      "more than 1000 named arguments");
                }
                if (args->n_keywords == cap) {
                    const size_t more = cap ? 2 * cap : 4;
                    struct jinja_keyword_ast *k = parse_alloc(p, more * sizeof(*k));
                    if (!k) return KARMA_E_NOMEM;
                    if (cap) memcpy(k, args->keywords, cap * sizeof(*k));
                    args->keywords = k;
                    cap = more;
                }
                struct jinja_keyword_ast *k = &args->keywords[args->n_keywords];
                st = parse_take_name(p, &k->name, NULL);
                if (st == KARMA_OK) st = parse_next(p);
                if (st == KARMA_OK) st = parse_expression(p, &k->value);
                for (size_t i = 0; st == KARMA_OK && i < args->n_keywords; i++) {
                    bad = bad || strcmp(args->keywords[i].name, k->name) == 0;
                }
                args->n_keywords++;
            } else {
                bad = args->star || args->star_star || args->n_keywords;
                st = parse_expression(p, &e);
                if (st == KARMA_OK) st = parse_vec_push(p, &v, e, 0);
            }
        }
        if (st == KARMA_OK && bad) {
            st = parse_fail(p, pos, KARMA_E_SYNTAX, "wrong order of arguments in a call");
        }
    }
    args->items = v.items;
    args->count = v.count;
    return st < 0 ? st : parse_next(p);
}

static karma_status hold_args(struct jinja_parser *p, struct jinja_expr *e,
                              const struct jinja_call_args *args) {
    karma_status st = hold(p, e, args->star);
    if (st == KARMA_OK) st = hold(p, e, args->star_star);
    for (size_t i = 0; st == KARMA_OK && i < args->count; i++) {
        st = hold(p, e, args->items[i]);
    }
    for (size_t i = 0; st == KARMA_OK && i < args->n_keywords; i++) {
        st = hold(p, e, args->keywords[i].value);
    }
    return st;
}

static karma_status parse_call(struct jinja_parser *p, struct jinja_expr **node) {
    struct jinja_expr *e;
    karma_status st = new_expr(p, EX_CALL, p->cur.pos, &e);
    if (st == KARMA_OK) st = parse_args(p, &e->u.call.args);
    if (st < 0) return st;
    e->u.call.target = *node;
    *node = e;
    st = hold(p, e, e->u.call.target);
    return st < 0 ? st : hold_args(p, e, &e->u.call.args);
}

/* [a], [a:b:c]; the bracket is the current token. */
static karma_status parse_brackets(struct jinja_parser *p, struct jinja_expr **node) {
    struct jinja_expr *e, *parts[3] = {NULL, NULL, NULL};
    karma_status st = new_expr(p, EX_ITEM, p->cur.pos, &e);
    if (st == KARMA_OK) st = parse_next(p);
    if (st == KARMA_OK && p->cur.type != TOK_COLON) st = parse_expression(p, &parts[0]);
    for (int i = 1; st == KARMA_OK && i < 3 && p->cur.type == TOK_COLON; i++) {
        e->kind = EX_SLICE;
        st = parse_next(p);
        if (st == KARMA_OK && p->cur.type != TOK_COLON && p->cur.type != TOK_RBRACKET) {
            st = parse_expression(p, &parts[i]);
        }
    }
    if (st < 0) return st;
    if (p->cur.type == TOK_COMMA) {
        struct parse_vec v = {0};
        if (e->kind == EX_SLICE) return parse_unexpected(p, "']'");
        st = parse_vec_push(p, &v, parts[0], 0);
        while (st == KARMA_OK && p->cur.type == TOK_COMMA) {
            st = parse_next(p);
            if (st == KARMA_OK) st = parse_expression(p, &parts[1]);
            if (st == KARMA_OK) st = parse_vec_push(p, &v, parts[1], 0);
        }
        if (st == KARMA_OK) st = new_many(p, EX_TUPLE, e->pos, &v, &parts[0]);
        if (st < 0) return st;
        parts[1] = NULL;
    }
    st = parse_expect(p, TOK_RBRACKET);
    if (st < 0) return st;
    e->u.parts.a = *node;
    e->u.parts.b = parts[0];
    e->u.parts.c = parts[1];
    e->u.parts.d = parts[2];
    st = hold(p, e, *node);
    for (int i = 0; st == KARMA_OK && i < 3; i++) {
        st = hold(p, e, parts[i]);
    }
    *node = e;
    return st;
}

static karma_status parse_dot(struct jinja_parser *p, struct jinja_expr **node) {
    struct jinja_expr *e;
    const uint32_t pos = p->cur.pos;
    karma_status st = parse_next(p);
    if (st < 0) return st;
    if (p->cur.type == TOK_INT) {
        st = new_expr(p, EX_ITEM, pos, &e);
        if (st == KARMA_OK) {
            st = new_constant(p, p->cur.pos, jinja_int(p->cur.integer), &e->u.parts.b);
        }
        if (st < 0) return st;
        e->u.parts.a = *node;
    } else if (p->cur.type == TOK_NAME) {
        st = new_expr(p, EX_ATTR, pos, &e);
        if (st == KARMA_OK) {
            st = parse_string(p, p->cur.text, p->cur.len, false, &e->u.attr.name);
        }
        if (st < 0) return st;
        e->u.attr.object = *node;
    } else {
        return parse_unexpected(p, "a name or number");
    }
    st = hold(p, e, *node);
    *node = e;
    return st < 0 ? st : parse_next(p);
}

static karma_status parse_postfix(struct jinja_parser *p, struct jinja_expr **node) {
    for (;;) {
        karma_status st;
        if (p->cur.type == TOK_DOT)
            st = parse_dot(p, node);
        else if (p->cur.type == TOK_LBRACKET)
            st = parse_brackets(p, node);
        else if (p->cur.type == TOK_LPAREN)
            st = parse_call(p, node);
        else
            return KARMA_OK;
        if (st < 0) return st;
    }
}

/* The (dotted) name of a filter or test and its function. */
static karma_status parse_callee(struct jinja_parser *p, bool is_test, struct jinja_expr *e) {
    if (p->cur.type != TOK_NAME) return parse_unexpected(p, "a name");
    const char *name = arena_strndup(&p->t->arena, p->cur.text, p->cur.len);
    if (!name) return KARMA_E_NOMEM;
    karma_status st = parse_next(p);
    while (st == KARMA_OK && p->cur.type == TOK_DOT) {
        st = parse_next(p);
        if (st < 0) break;
        if (p->cur.type != TOK_NAME) return parse_unexpected(p, "a name");
        if (strlen(name) > 1024) return parse_unexpected(p, "a shorter name");
        name = arena_printf(&p->t->arena, "%s.%.*s", name, (int)p->cur.len, p->cur.text);
        if (!name) return KARMA_E_NOMEM;
        st = parse_next(p);
    }
    e->u.filter.name = name;
    e->u.filter.function =
        is_test ? jinja_find_test(name, strlen(name)) : jinja_find_filter(name, strlen(name));
    return st;
}

static karma_status parse_one_filter(struct jinja_parser *p, struct jinja_expr *target,
                                     struct jinja_expr **out) {
    struct jinja_expr *e;
    karma_status st = new_expr(p, EX_FILTER, p->cur.pos, &e);
    if (st == KARMA_OK) st = parse_callee(p, false, e);
    if (st == KARMA_OK && p->cur.type == TOK_LPAREN) st = parse_args(p, &e->u.filter.args);
    if (st < 0) return st;
    e->u.filter.target = target;
    *out = e;
    st = hold(p, e, target);
    return st < 0 ? st : hold_args(p, e, &e->u.filter.args);
}

karma_status parse_filters(struct jinja_parser *p, struct jinja_expr *target,
                           struct jinja_expr **out) {
    *out = target;
    while (p->cur.type == TOK_PIPE) {
        karma_status st = parse_next(p);
        if (st == KARMA_OK) st = parse_one_filter(p, *out, out);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

karma_status parse_filter_chain(struct jinja_parser *p, struct jinja_expr **out) {
    const karma_status st = parse_one_filter(p, NULL, out);
    return st < 0 ? st : parse_filters(p, *out, out);
}

/* x is [not] name [argument] */
static karma_status parse_test(struct jinja_parser *p, struct jinja_expr **node) {
    struct jinja_expr *e;
    const uint32_t pos = p->cur.pos;
    bool negated = false;
    karma_status st = new_expr(p, EX_TEST, pos, &e);
    if (st == KARMA_OK) st = parse_next(p);
    if (st == KARMA_OK && parse_at(p, "not")) {
        negated = true;
        st = parse_next(p);
    }
    if (st == KARMA_OK) st = parse_callee(p, true, e);
    if (st < 0) return st;
    const enum jinja_tok t = p->cur.type;
    if (t == TOK_LPAREN) {
        st = parse_args(p, &e->u.filter.args);
    } else if (t == TOK_STRING || t == TOK_INT || t == TOK_FLOAT || t == TOK_LBRACKET ||
               t == TOK_LBRACE ||
               (t == TOK_NAME && !parse_at(p, "else") && !parse_at(p, "or") &&
                !parse_at(p, "and"))) {
        if (parse_at(p, "is")) {
            return parse_fail(p, p->cur.pos, KARMA_E_SYNTAX, "tests cannot be chained with is");
        }
        struct jinja_expr **arg = e->u.filter.args.items = parse_alloc(p, sizeof(*arg));
        if (!arg) return KARMA_E_NOMEM;
        e->u.filter.args.count = 1;
        st = parse_enter(p);
        if (st < 0) return st;
        st = parse_primary(p, 0, arg);
        if (st == KARMA_OK) st = parse_postfix(p, arg);
        p->depth--;
    }
    if (st < 0) return st;
    e->u.filter.target = *node;
    st = hold(p, e, *node);
    if (st == KARMA_OK) st = hold_args(p, e, &e->u.filter.args);
    *node = e;
    return st < 0 || !negated ? st : parse_one(p, EX_NOT, pos, e, node);
}

static karma_status parse_unary(struct jinja_parser *p, bool with_filters,
                                struct jinja_expr **out) {
    const uint32_t pos = p->cur.pos;
    karma_status st;
    if (p->cur.type == TOK_SUB || p->cur.type == TOK_ADD) {
        const enum jinja_expr_kind kind = p->cur.type == TOK_SUB ? EX_NEG : EX_POS;
        struct jinja_expr *a = NULL;
        st = parse_enter(p);
        if (st < 0) return st;
        st = parse_next(p);
        if (st == KARMA_OK) st = parse_unary(p, false, &a);
        p->depth--;
        if (st == KARMA_OK) st = parse_one(p, kind, pos, a, out);
    } else {
        st = parse_primary(p, 0, out);
    }
    if (st == KARMA_OK) st = parse_postfix(p, out);
    while (st == KARMA_OK && with_filters) {
        if (p->cur.type == TOK_PIPE)
            st = parse_filters(p, *out, out);
        else if (parse_at(p, "is"))
            st = parse_test(p, out);
        else if (p->cur.type == TOK_LPAREN)
            st = parse_call(p, out);
        else
            break;
    }
    return st;
}
