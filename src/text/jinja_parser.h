/* jinja_parser.h - what the two halves of the parser share: statements and expressions. */
#ifndef TEXT_JINJA_PARSER_H
#define TEXT_JINJA_PARSER_H

#include "base/map.h"
#include "text/jinja_ast.h"

struct jinja_macro_frame {
    struct jinja_macro_frame *outer;
    struct jinja_macro_ast *macro;
};
struct jinja_parser {
    struct chat_template *t;
    struct jinja_lexer lexer;
    struct jinja_token cur, ahead;
    bool has_ahead;
    struct map names;
    struct jinja_macro_frame *macros; /* the ones we are inside of */
    int loops;                        /* for loops we are inside of, within the macro */
    int depth;
};

/* Expressions under construction. */
struct parse_vec {
    struct jinja_expr **items;
    uint8_t *ops;
    size_t count, cap;
};
karma_status parse_vec_push(struct jinja_parser *p, struct parse_vec *v, struct jinja_expr *e,
                            enum jinja_tok op);

karma_status parse_fail(const struct jinja_parser *p, uint32_t pos, karma_status st,
                        const char *what);
karma_status parse_next(struct jinja_parser *p); /* p->cur = the next token */
karma_status parse_look(struct jinja_parser *p); /* p->ahead = the one after p->cur */
bool parse_token_is(const struct jinja_token *tok, const char *name);
bool parse_at(const struct jinja_parser *p, const char *name);
karma_status parse_unexpected(const struct jinja_parser *p, const char *wanted);
karma_status parse_expect(struct jinja_parser *p, enum jinja_tok type);
karma_status parse_enter(struct jinja_parser *p); /* pair with p->depth-- */
void *parse_alloc(struct jinja_parser *p, size_t size);
karma_status parse_name_id(struct jinja_parser *p, const char *text, size_t len, uint32_t *id);
karma_status parse_take_name(struct jinja_parser *p, const char **name, uint32_t *id);
/* A string constant; copy: text does not outlive the parser. */
karma_status parse_string(struct jinja_parser *p, const char *text, size_t len, bool copy,
                          struct jinja_value *out);

enum {
    PARSE_CONDITION = 1,   /* a if b else c may stand here without parentheses */
    PARSE_PARENTHESES = 2, /* () is an empty tuple */
    PARSE_SIMPLE = 4,      /* only names and literals: targets */
    PARSE_NAMESPACE = 8,   /* ns.attr is a target */
};
karma_status parse_expression(struct jinja_parser *p, struct jinja_expr **out);
/* One expression or a tuple without parentheses; end: a name that ends it, or NULL. */
karma_status parse_tuple(struct jinja_parser *p, unsigned flags, const char *end,
                         struct jinja_expr **out);
/* What set, for and with assign to. */
karma_status parse_target(struct jinja_parser *p, const char *end, unsigned flags,
                          struct jinja_expr **out);
/* |f|g(...) behind target, which may be NULL; *out is target when there are none. */
karma_status parse_filters(struct jinja_parser *p, struct jinja_expr *target,
                           struct jinja_expr **out);
/* f|g(...) of {% filter %}. */
karma_status parse_filter_chain(struct jinja_parser *p, struct jinja_expr **out);

#endif
