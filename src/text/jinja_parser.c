/*
 * jinja_parser.c - statements of a template: tokens to the tree that jinja_exec.c runs. Expressions
 * are in jinja_expr.c. Recursion is bounded by JINJA_MAX_DEPTH. Tags that need a file system or
 * that no chat template uses (include, import, extends, block, autoescape) are E_UNSUPPORTED.
 */
#include "text/jinja_parser.h"

#include <string.h>

#include "text/jinja_run.h"

karma_status parse_fail(const struct jinja_parser *p, uint32_t pos, karma_status st,
                        const char *what) {
    return jinja_fail_at(p->t->src, p->t->src_len, pos, st, "%s", what);
}

karma_status parse_next(struct jinja_parser *p) {
    if (p->has_ahead) {
        p->cur = p->ahead;
        p->has_ahead = false;
        return KARMA_OK;
    }
    return jinja_lexer_next(&p->lexer, &p->cur);
}

karma_status parse_look(struct jinja_parser *p) {
    if (p->has_ahead) return KARMA_OK;
    const karma_status st = jinja_lexer_next(&p->lexer, &p->ahead);
    p->has_ahead = st == KARMA_OK;
    return st;
}

bool parse_token_is(const struct jinja_token *tok, const char *name) {
    return tok->type == TOK_NAME && tok->len == strlen(name) &&
           memcmp(tok->text, name, tok->len) == 0;
}

bool parse_at(const struct jinja_parser *p, const char *name) {
    return parse_token_is(&p->cur, name);
}

karma_status parse_unexpected(const struct jinja_parser *p, const char *wanted) {
    const struct jinja_token *c = &p->cur;
    return jinja_fail_at(
        p->t->src, p->t->src_len, c->pos, KARMA_E_SYNTAX, "expected %s, found %s", wanted,
        c->type == TOK_NAME ? status_quote(c->text, c->len) : jinja_tok_name(c->type));
}

karma_status parse_expect(struct jinja_parser *p, enum jinja_tok type) {
    if (p->cur.type != type) return parse_unexpected(p, jinja_tok_name(type));
    return parse_next(p);
}

static karma_status expect_name(struct jinja_parser *p, const char *name) {
    if (!parse_at(p, name)) return parse_unexpected(p, name);
    return parse_next(p);
}

karma_status parse_enter(struct jinja_parser *p) {
    if (p->depth >= JINJA_MAX_DEPTH) {
        return jinja_fail_at(p->t->src, p->t->src_len, p->cur.pos, KARMA_E_LIMIT,
                             "nested more than %d deep", JINJA_MAX_DEPTH);
    }
    p->depth++;
    return KARMA_OK;
}

void *parse_alloc(struct jinja_parser *p, size_t size) {
    return arena_alloc(&p->t->arena, size);
}

karma_status parse_name_id(struct jinja_parser *p, const char *text, size_t len, uint32_t *id) {
    struct map_entry *entry;
    bool added;
    karma_status st = map_put(&p->names, text, len, &entry, &added);
    if (st < 0) return st;
    if (added) entry->value.u64 = p->names.count - 1;
    *id = (uint32_t)entry->value.u64;
    if (*id < JINJA_N_SPECIAL) {
        for (struct jinja_macro_frame *f = p->macros; f; f = f->outer) {
            if (*id == JINJA_NAME_CALLER) f->macro->uses_caller = true;
            if (*id == JINJA_NAME_VARARGS) f->macro->uses_varargs = true;
            if (*id == JINJA_NAME_KWARGS) f->macro->uses_kwargs = true;
        }
    }
    return KARMA_OK;
}

/* A NUL-terminated copy of the current token's text. */
karma_status parse_take_name(struct jinja_parser *p, const char **name, uint32_t *id) {
    if (p->cur.type != TOK_NAME) return parse_unexpected(p, "a name");
    *name = arena_strndup(&p->t->arena, p->cur.text, p->cur.len);
    if (!*name) return KARMA_E_NOMEM;
    karma_status st = id ? parse_name_id(p, p->cur.text, p->cur.len, id) : KARMA_OK;
    return st < 0 ? st : parse_next(p);
}

static karma_status new_stmt(struct jinja_parser *p, enum jinja_stmt_kind kind,
                             struct jinja_stmt **out) {
    *out = parse_alloc(p, sizeof(**out));
    if (!*out) return KARMA_E_NOMEM;
    (*out)->kind = (uint8_t)kind;
    (*out)->pos = p->cur.pos;
    return KARMA_OK;
}

/* Tags that end or divide a body; found where none is open they are misplaced. */
static const char *const body_ends[] = {"endif",   "elif",          "else",    "endfor",
                                        "endset",  "endmacro",      "endcall", "endfilter",
                                        "endwith", "endgeneration", NULL};

static karma_status parse_statement(struct jinja_parser *p, struct jinja_stmt **out);

/* Statements up to {% end %} for one of ends (NULL: to the end of the template). The current token
 * is that tag's name then. */
static karma_status parse_body(struct jinja_parser *p, const char *const *ends,
                               struct jinja_stmt **body) {
    struct jinja_stmt **tail = body;
    *tail = NULL;
    for (;;) {
        struct jinja_stmt *s = NULL;
        karma_status st;
        switch (p->cur.type) {
        case TOK_EOF:
            if (ends) return parse_unexpected(p, ends[0]);
            return KARMA_OK;
        case TOK_DATA:
            st = new_stmt(p, ST_TEXT, &s);
            if (st < 0) return st;
            s->u.text.data = p->cur.text;
            s->u.text.len = p->cur.len;
            st = parse_next(p);
            break;
        case TOK_VAR_BEGIN:
            st = new_stmt(p, ST_OUTPUT, &s);
            if (st == KARMA_OK) st = parse_next(p);
            if (st == KARMA_OK) st = parse_tuple(p, PARSE_CONDITION, NULL, &s->u.output);
            if (st == KARMA_OK) st = parse_expect(p, TOK_VAR_END);
            break;
        case TOK_BLOCK_BEGIN:
            st = parse_next(p);
            if (st < 0) return st;
            for (const char *const *e = ends; e && *e; e++) {
                if (parse_at(p, *e)) return KARMA_OK;
            }
            st = parse_statement(p, &s);
            if (st == KARMA_OK) st = parse_expect(p, TOK_BLOCK_END);
            break;
        default:
            return parse_unexpected(p, "text or a tag");
        }
        if (st < 0) return st;
        *tail = s;
        while (*tail) { /* {% print a, b %} makes several */
            tail = &(*tail)->next;
        }
    }
}

/* The rest of an opening tag, the body, and the name of the tag that ended it. */
static karma_status parse_block(struct jinja_parser *p, const char *const *ends,
                                struct jinja_stmt **body) {
    karma_status st = KARMA_OK;
    if (p->cur.type == TOK_COLON) st = parse_next(p);
    if (st == KARMA_OK) st = parse_expect(p, TOK_BLOCK_END);
    if (st == KARMA_OK) st = parse_body(p, ends, body);
    return st;
}

/* The same for a body with one possible end, which is consumed. */
static karma_status parse_whole_block(struct jinja_parser *p, const char *end,
                                      struct jinja_stmt **body) {
    const char *const ends[] = {end, NULL};
    const karma_status st = parse_block(p, ends, body);
    return st < 0 ? st : parse_next(p);
}

static karma_status parse_if(struct jinja_parser *p, struct jinja_stmt *s) {
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    struct jinja_if_arm **tail = &s->u.if_.arms;
    for (;;) {
        struct jinja_if_arm *arm = *tail = parse_alloc(p, sizeof(*arm));
        if (!arm) return KARMA_E_NOMEM;
        tail = &arm->next;
        karma_status st = parse_tuple(p, 0, NULL, &arm->test);
        if (st == KARMA_OK) st = parse_block(p, ends, &arm->body);
        if (st < 0) return st;
        const bool is_elif = parse_at(p, "elif"), is_else = parse_at(p, "else");
        st = parse_next(p);
        if (st < 0) return st;
        if (is_elif) continue;
        if (!is_else) return KARMA_OK;
        arm = *tail = parse_alloc(p, sizeof(*arm));
        if (!arm) return KARMA_E_NOMEM;
        return parse_whole_block(p, "endif", &arm->body);
    }
}

static karma_status parse_for(struct jinja_parser *p, struct jinja_stmt *s) {
    static const char *const ends[] = {"endfor", "else", NULL};
    struct jinja_for_ast *f = &s->u.for_;
    karma_status st = parse_target(p, "in", 0, &f->target);
    if (st == KARMA_OK) st = expect_name(p, "in");
    if (st == KARMA_OK) st = parse_tuple(p, 0, "recursive", &f->iter);
    if (st == KARMA_OK && parse_at(p, "if")) {
        st = parse_next(p);
        if (st == KARMA_OK) st = parse_expression(p, &f->test);
    }
    if (st == KARMA_OK && parse_at(p, "recursive")) {
        f->recursive = true;
        st = parse_next(p);
    }
    if (st < 0) return st;
    p->loops++;
    st = parse_block(p, ends, &f->body.first);
    p->loops--;
    if (st < 0) return st;
    const bool otherwise = parse_at(p, "else");
    st = parse_next(p);
    if (st == KARMA_OK && otherwise) st = parse_whole_block(p, "endfor", &f->otherwise.first);
    return st;
}

static karma_status parse_set(struct jinja_parser *p, struct jinja_stmt *s) {
    karma_status st = parse_target(p, NULL, PARSE_NAMESPACE, &s->u.set.target);
    if (st < 0) return st;
    if (p->cur.type == TOK_ASSIGN) {
        st = parse_next(p);
        if (st == KARMA_OK) st = parse_tuple(p, PARSE_CONDITION, NULL, &s->u.set.value);
        return st;
    }
    s->kind = ST_SET_BLOCK;
    st = parse_filters(p, NULL, &s->u.set.filter);
    if (st == KARMA_OK) st = parse_whole_block(p, "endset", &s->u.set.body.first);
    return st;
}

/* (a, b=1) of a macro or call block. */
static karma_status parse_signature(struct jinja_parser *p, struct jinja_macro_ast *m) {
    size_t cap = 0;
    karma_status st = parse_expect(p, TOK_LPAREN);
    while (st == KARMA_OK && p->cur.type != TOK_RPAREN) {
        if (m->n_params) st = parse_expect(p, TOK_COMMA);
        if (st < 0) return st;
        if (m->n_params == cap) {
            const size_t n = cap, more = cap ? 2 * cap : 4;
            uint32_t *params = parse_alloc(p, more * sizeof(*params));
            const char **names = parse_alloc(p, more * sizeof(*names));
            struct jinja_expr **defaults = parse_alloc(p, more * sizeof(struct jinja_expr *));
            if (!params || !names || !defaults) return KARMA_E_NOMEM;
            if (n) {
                memcpy(params, m->params, n * sizeof(*params));
                memcpy(names, m->param_names, n * sizeof(*names));
                memcpy(defaults, m->defaults, n * sizeof(struct jinja_expr *));
            }
            m->params = params;
            m->param_names = names;
            m->defaults = defaults;
            cap = more;
        }
        const size_t i = m->n_params++;
        st = parse_take_name(p, &m->param_names[i], &m->params[i]);
        if (st == KARMA_OK && p->cur.type == TOK_ASSIGN) {
            st = parse_next(p);
            if (st == KARMA_OK) st = parse_expression(p, &m->defaults[i]);
        } else if (st == KARMA_OK && i > 0 && m->defaults[i - 1]) {
            st = parse_fail(p, p->cur.pos, KARMA_E_SYNTAX,
                            "non-default argument follows default argument");
        }
    }
    return st < 0 ? st : parse_expect(p, TOK_RPAREN);
}

/* The body of a macro: break and continue cannot leave it, and it notes which of caller, varargs
 * and kwargs it uses. */
static karma_status parse_macro_body(struct jinja_parser *p, struct jinja_macro_ast *m,
                                     const char *end) {
    struct jinja_macro_frame frame = {.outer = p->macros, .macro = m};
    const int loops = p->loops;
    p->loops = 0;
    p->macros = &frame;
    const karma_status st = parse_whole_block(p, end, &m->body.first);
    p->macros = frame.outer;
    p->loops = loops;
    return st;
}

static karma_status parse_macro(struct jinja_parser *p, struct jinja_stmt *s) {
    struct jinja_macro_ast *m = s->u.macro.macro = parse_alloc(p, sizeof(*m));
    if (!m) return KARMA_E_NOMEM;
    karma_status st = parse_take_name(p, &m->name, &s->u.macro.name);
    if (st == KARMA_OK) st = parse_signature(p, m);
    if (st == KARMA_OK) st = parse_macro_body(p, m, "endmacro");
    return st;
}

static karma_status parse_call_block(struct jinja_parser *p, struct jinja_stmt *s) {
    struct jinja_macro_ast *m = s->u.call.caller = parse_alloc(p, sizeof(*m));
    if (!m) return KARMA_E_NOMEM;
    karma_status st = p->cur.type == TOK_LPAREN ? parse_signature(p, m) : KARMA_OK;
    if (st == KARMA_OK) st = parse_expression(p, &s->u.call.call);
    if (st == KARMA_OK && s->u.call.call->kind != EX_CALL) {
        st = parse_fail(p, s->pos, KARMA_E_SYNTAX, "expected a call");
    }
    if (st == KARMA_OK) st = parse_macro_body(p, m, "endcall");
    return st;
}

static karma_status parse_with(struct jinja_parser *p, struct jinja_stmt *s) {
    struct parse_vec targets = {0}, values = {0};
    karma_status st = KARMA_OK;
    while (st == KARMA_OK && p->cur.type != TOK_BLOCK_END) {
        struct jinja_expr *e = NULL;
        if (targets.count) st = parse_expect(p, TOK_COMMA);
        if (st == KARMA_OK) st = parse_target(p, NULL, 0, &e);
        if (st == KARMA_OK) st = parse_vec_push(p, &targets, e, 0);
        if (st == KARMA_OK) st = parse_expect(p, TOK_ASSIGN);
        if (st == KARMA_OK) st = parse_expression(p, &e);
        if (st == KARMA_OK) st = parse_vec_push(p, &values, e, 0);
    }
    if (st < 0) return st;
    s->u.with.targets = targets.items;
    s->u.with.values = values.items;
    s->u.with.count = targets.count;
    return parse_whole_block(p, "endwith", &s->u.with.body.first);
}

static karma_status parse_print(struct jinja_parser *p, struct jinja_stmt *s) {
    for (;;) {
        karma_status st = parse_expression(p, &s->u.output);
        if (st < 0 || p->cur.type == TOK_BLOCK_END) return st;
        st = parse_expect(p, TOK_COMMA);
        if (st == KARMA_OK) st = new_stmt(p, ST_OUTPUT, &s->next);
        if (st < 0) return st;
        s = s->next;
    }
}

static karma_status parse_filter_block(struct jinja_parser *p, struct jinja_stmt *s) {
    const karma_status st = parse_filter_chain(p, &s->u.filter.filter);
    return st < 0 ? st : parse_whole_block(p, "endfilter", &s->u.filter.body.first);
}

static karma_status parse_generation(struct jinja_parser *p, struct jinja_stmt *s) {
    const int loops = p->loops; /* to the reference its body is a macro */
    p->loops = 0;
    const karma_status st = parse_whole_block(p, "endgeneration", &s->u.generation.first);
    p->loops = loops;
    return st;
}

static karma_status parse_loop_control(struct jinja_parser *p, struct jinja_stmt *s) {
    if (p->loops) return KARMA_OK;
    return parse_fail(p, s->pos, KARMA_E_SYNTAX, "break or continue outside of a for loop");
}

static const struct tag {
    const char *name;
    enum jinja_stmt_kind kind;
    karma_status (*parse)(struct jinja_parser *p, struct jinja_stmt *s);
} tags[] = {
    {"if", ST_IF, parse_if},
    {"for", ST_FOR, parse_for},
    {"set", ST_SET, parse_set},
    {"macro", ST_MACRO, parse_macro},
    {"call", ST_CALL, parse_call_block},
    {"filter", ST_FILTER, parse_filter_block},
    {"with", ST_WITH, parse_with},
    {"print", ST_OUTPUT, parse_print},
    {"generation", ST_GENERATION, parse_generation},
    {"break", ST_BREAK, parse_loop_control},
    {"continue", ST_CONTINUE, parse_loop_control},
};

static karma_status parse_statement(struct jinja_parser *p, struct jinja_stmt **out) {
    if (p->cur.type != TOK_NAME) return parse_unexpected(p, "the name of a tag");
    const struct tag *tag = NULL;
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]) && !tag; i++) {
        if (parse_at(p, tags[i].name)) tag = &tags[i];
    }
    if (!tag) {
        for (const char *const *e = body_ends; *e; e++) {
            if (!parse_at(p, *e)) continue;
            return jinja_fail_at(p->t->src, p->t->src_len, p->cur.pos, KARMA_E_SYNTAX,
                                 "misplaced tag %s", *e);
        }
        return jinja_fail_at(p->t->src, p->t->src_len, p->cur.pos, KARMA_E_UNSUPPORTED,
                             "the tag %s is not supported", status_quote(p->cur.text, p->cur.len));
    }
    karma_status st = parse_enter(p);
    if (st == KARMA_OK) st = new_stmt(p, tag->kind, out);
    if (st == KARMA_OK) st = parse_next(p);
    if (st == KARMA_OK) st = tag->parse(p, *out);
    p->depth--;
    return st;
}

karma_status jinja_parse(struct chat_template *t) {
    static const char *const special[JINJA_N_SPECIAL] = {
        [JINJA_NAME_LOOP] = "loop",
        [JINJA_NAME_CALLER] = "caller",
        [JINJA_NAME_VARARGS] = "varargs",
        [JINJA_NAME_KWARGS] = "kwargs",
    };
    struct jinja_parser p = {.t = t};
    karma_status st = KARMA_OK;
    uint32_t id;
    for (size_t i = 0; st == KARMA_OK && i < JINJA_N_SPECIAL; i++) {
        st = parse_name_id(&p, special[i], strlen(special[i]), &id);
    }
    jinja_lexer_init(&p.lexer, t->src, t->src_len, &t->arena);
    if (st == KARMA_OK) st = parse_next(&p);
    if (st == KARMA_OK) st = parse_body(&p, NULL, &t->body.first);
    if (st == KARMA_OK) {
        t->n_names = p.names.count;
        t->names = arena_calloc(&t->arena, t->n_names, sizeof(*t->names));
        if (!t->names) st = KARMA_E_NOMEM;
    }
    for (size_t i = 0; st == KARMA_OK && i < t->n_names; i++) {
        const struct map_entry *e = &p.names.entries[i];
        st = parse_string(&p, e->key, e->key_len, true, &t->names[i]);
    }
    map_release(&p.names);
    return st;
}
