/*
 * jinja_ast.h - a template as tokens and as a tree. The tree is immutable after parsing and shared
 * by renderings in any thread.
 */
#ifndef TEXT_JINJA_AST_H
#define TEXT_JINJA_AST_H

#include "text/jinja_value.h"

enum {
    JINJA_MAX_SOURCE = 1 << 20,
    JINJA_MAX_DEPTH = 200, /* nesting of tags and expressions */
};

enum jinja_tok {
    TOK_EOF,
    TOK_DATA,
    TOK_VAR_BEGIN,
    TOK_VAR_END,
    TOK_BLOCK_BEGIN,
    TOK_BLOCK_END,
    TOK_NAME,
    TOK_STRING,
    TOK_INT,
    TOK_FLOAT,
    TOK_ADD,
    TOK_SUB,
    TOK_MUL,
    TOK_DIV,
    TOK_FLOORDIV,
    TOK_MOD,
    TOK_POW,
    TOK_TILDE,
    TOK_EQ,
    TOK_NE,
    TOK_LT,
    TOK_LE,
    TOK_GT,
    TOK_GE,
    TOK_IN,     /* only as the operator of a comparison */
    TOK_NOT_IN, /* likewise */
    TOK_ASSIGN,
    TOK_DOT,
    TOK_COLON,
    TOK_PIPE,
    TOK_COMMA,
    TOK_SEMICOLON,
    TOK_LPAREN,
    TOK_RPAREN,
    TOK_LBRACKET,
    TOK_RBRACKET,
    TOK_LBRACE,
    TOK_RBRACE,
};

struct jinja_token {
    enum jinja_tok type;
    uint32_t pos;     /* byte offset in the normalised source */
    const char *text; /* DATA, NAME, and the unescaped STRING */
    size_t len;
    int64_t integer;
    double real;
};

enum jinja_lexer_mode { LEX_TEXT, LEX_BLOCK, LEX_VARIABLE, LEX_RAW };
struct jinja_lexer {
    const char *src; /* line ends are \n, the last one dropped */
    size_t len, pos;
    struct arena *arena; /* of the template: unescaped strings */
    enum jinja_lexer_mode mode;
    bool line_starting; /* the last match ended with a newline, or nothing was matched */
    bool pending;       /* a tag was found behind data that was handed out first */
    char brackets[JINJA_MAX_DEPTH + 56]; /* the open ones; parsing stops before they run out */
    size_t n_brackets;
};
void jinja_lexer_init(struct jinja_lexer *lx, const char *src, size_t len, struct arena *arena);
karma_status jinja_lexer_next(struct jinja_lexer *lx, struct jinja_token *tok);
const char *jinja_tok_name(enum jinja_tok type); /* "','" or "a name": for messages */
/* Fail with "line L, column C: ..."; pos is a byte offset in src. */
karma_status jinja_fail_at(const char *src, size_t len, size_t pos, karma_status st,
                           const char *fmt, ...) __attribute__((format(printf, 5, 6)));

enum jinja_expr_kind {
    EX_CONST,
    EX_NAME,
    EX_TUPLE,
    EX_LIST,
    EX_DICT,   /* items: key, value, key, value, ... */
    EX_OR,     /* items */
    EX_AND,    /* items */
    EX_CONCAT, /* items */
    EX_NOT,
    EX_NEG,
    EX_POS,
    EX_MATH,    /* items, ops[1..]: a left-associative chain of one precedence */
    EX_COMPARE, /* items, ops[1..] */
    EX_COND,    /* a if b else c; c may be NULL */
    EX_ATTR,
    EX_ITEM,  /* a[b] */
    EX_SLICE, /* a[b:c:d], each may be NULL */
    EX_CALL,
    EX_FILTER,
    EX_TEST,
    EX_NSREF, /* ns.attr as a target of set */
};

struct jinja_expr;
struct jinja_call_args {
    struct jinja_expr **items;
    size_t count;
    struct jinja_keyword_ast {
        const char *name;
        struct jinja_expr *value;
    } * keywords;
    size_t n_keywords;
    struct jinja_expr *star, *star_star; /* *args, **kwargs; may be NULL */
};

struct jinja_expr {
    uint8_t kind;
    uint16_t depth; /* 1 + that of the deepest part */
    uint32_t pos;
    union {
        struct jinja_value constant;
        uint32_t name; /* index into the template's names */
        struct {
            struct jinja_expr **items;
            uint8_t *ops; /* enum jinja_tok; ops[0] unused */
            size_t count;
        } many;
        struct {
            struct jinja_expr *a, *b, *c, *d;
        } parts;
        struct {
            struct jinja_expr *object;
            struct jinja_value name;
        } attr;
        struct {
            struct jinja_expr *target;
            struct jinja_call_args args;
        } call;
        struct {
            struct jinja_expr *target; /* NULL in {% filter %} and {% set x | f %} */
            const char *name;
            const struct jinja_function *function; /* NULL: unknown, an error when reached */
            struct jinja_call_args args;
        } filter; /* FILTER, TEST */
        struct {
            uint32_t name;
            struct jinja_value attr;
        } nsref;
    } u;
};

enum jinja_stmt_kind {
    ST_TEXT,
    ST_OUTPUT,
    ST_IF,
    ST_FOR,
    ST_SET,
    ST_SET_BLOCK,
    ST_MACRO,
    ST_CALL,
    ST_FILTER,
    ST_WITH,
    ST_GENERATION,
    ST_BREAK,
    ST_CONTINUE,
};

struct jinja_stmt;
/* Statements with a scope of their own. To the reference a body that sets a name which no body
 * around it mentions has that name, still undefined, from its beginning: a variable of the same
 * name from outside is hidden from the bodies inside. jinja_scopes.c finds those names. */
struct jinja_body {
    struct jinja_stmt *first;
    uint32_t *hidden; /* name ids */
    size_t n_hidden;
};
struct jinja_macro_ast {
    const char *name; /* NULL: the body of {% call %} */
    uint32_t *params; /* name ids */
    const char **param_names;
    struct jinja_expr **defaults; /* NULL: none; the last ones have them */
    size_t n_params;
    struct jinja_body body;
    bool uses_caller, uses_varargs, uses_kwargs;
};
struct jinja_stmt {
    uint8_t kind;
    uint32_t pos;
    struct jinja_stmt *next;
    union {
        struct {
            const char *data;
            size_t len;
        } text;
        struct jinja_expr *output;
        struct {
            struct jinja_if_arm {
                struct jinja_expr *test; /* NULL: else */
                struct jinja_stmt *body;
                struct jinja_if_arm *next;
            } * arms;
        } if_;
        struct jinja_for_ast {
            struct jinja_expr *target, *iter, *test; /* test may be NULL */
            struct jinja_body body, otherwise;
            bool recursive;
        } for_;
        struct {
            struct jinja_expr *target, *value, *filter; /* filter: of a block, may be NULL */
            struct jinja_body body;
        } set;
        struct {
            uint32_t name;
            struct jinja_macro_ast *macro;
        } macro;
        struct {
            struct jinja_expr *call;
            struct jinja_macro_ast *caller;
        } call;
        struct {
            struct jinja_expr *filter;
            struct jinja_body body;
        } filter;
        struct {
            struct jinja_expr **targets, **values;
            size_t count;
            struct jinja_body body;
        } with;
        struct jinja_body generation;
    } u;
};

/* Names that mean something to the interpreter itself; the first ids of every template. */
enum jinja_special_name {
    JINJA_NAME_LOOP,
    JINJA_NAME_CALLER,
    JINJA_NAME_VARARGS,
    JINJA_NAME_KWARGS,
    JINJA_N_SPECIAL
};

struct chat_template {
    struct arena arena;
    const char *src; /* normalised */
    size_t src_len;
    struct jinja_body body;
    struct jinja_value *names; /* every identifier, as strings */
    size_t n_names;
};

/* Fill t->body and t->names from t->src. */
karma_status jinja_parse(struct chat_template *t);
/* Fill the hidden names of every body. */
karma_status jinja_find_scopes(struct chat_template *t);

#endif
