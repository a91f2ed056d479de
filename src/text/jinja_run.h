/*
 * jinja_run.h - one rendering: its limits, variables and the functions it can reach.
 */
#ifndef TEXT_JINJA_RUN_H
#define TEXT_JINJA_RUN_H

#include "text/chat_template.h"
#include "text/jinja_ast.h"

struct jinja_limits {
    uint64_t steps;      /* statements, operations, iterations; long strings count by length */
    size_t output_bytes; /* of the rendering and of any string */
    size_t memory_bytes; /* of all values made */
    int64_t range_count; /* elements of range() */
    int call_depth;      /* macros inside macros */
    int eval_depth;      /* nesting of everything evaluated: bounds the C stack */
};
extern const struct jinja_limits jinja_default_limits;

/* Variables of one body. Bodies of for, macro, call, with and capturing blocks have one each. */
struct jinja_scope {
    struct jinja_scope *outer;
    struct jinja_binding {
        uint32_t name;
        struct jinja_value value;
    } * bindings;
    size_t count, cap;
    bool captured; /* a macro refers to it: it must not be reused */
};

struct jinja_macro {
    const struct jinja_macro_ast *ast;
    struct jinja_scope *scope; /* where it was defined */
};

/* What `loop` is inside a for. */
struct jinja_loop {
    struct jinja_iter *items;
    struct jinja_value iterable;
    int64_t index0;
    int64_t length; /* -1: not asked for yet */
    bool has_after; /* one item was read ahead ... */
    bool ended;     /* ... or there was none */
    struct jinja_value after, current, before;
    bool has_changed;
    struct jinja_value last_changed; /* tuple */
    int depth0;
    const struct jinja_for_ast *ast; /* for loop(...) in a recursive one */
    struct jinja_scope *scope;
};

struct jinja_iter {
    enum {
        ITER_LIST, /* list or tuple, forwards or backwards */
        ITER_STR,
        ITER_DICT, /* keys, values or pairs of a dict */
        ITER_RANGE,
        ITER_MAP_ATTR,
        ITER_MAP_FILTER,
        ITER_SELECT,
        ITER_UNIQUE,
        ITER_BATCH,
        ITER_SLICE,
        ITER_EMPTY,
        ITER_FOR_TEST /* the `if` of a for */
    } kind;
    bool backwards, view_items, view_values;
    struct jinja_value source;
    size_t pos, end;
    struct jinja_iter *inner;
    const struct jinja_function *function; /* filter of map, test of select; NULL: truth */
    struct jinja_args args;
    struct jinja_list *path; /* attribute parts, NULL: none */
    bool reject, case_sensitive;
    struct jinja_value otherwise; /* default of map, fill of batch and slice */
    bool has_otherwise;
    struct jinja_dict *seen;
    int64_t count; /* of batch and slice */
    struct jinja_scope *scope;
    const struct jinja_for_ast *loop;
};

enum jinja_flow { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE };

struct jinja_run {
    const struct chat_template *t;
    const struct jinja_limits *limits;
    struct arena arena;
    karma_status failed; /* set by the functions that return NULL on failure */
    uint32_t pos;        /* of what is being done, for messages */
    uint64_t steps;
    int call_depth, eval_depth;
    struct jinja_out *out;
    enum jinja_flow flow;
    struct jinja_value *context; /* by name id; variables from outside and functions */
    int64_t now_s;
    struct jinja_str *ascii_chars[2][128]; /* one-character strings, by origin, made on demand */
};

/* Zeroed memory of the run's arena; NULL sets r->failed to E_LIMIT or E_NOMEM. */
void *jinja_alloc(struct jinja_run *r, size_t size);
/* "line L, column C: ..." at r->pos. */
karma_status jinja_fail(struct jinja_run *r, karma_status st, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Count n steps and the work on `bytes` bytes; E_LIMIT when they are used up. */
karma_status jinja_charge(struct jinja_run *r, uint64_t n, size_t bytes);
karma_status jinja_enter(struct jinja_run *r); /* one level deeper; pair with r->eval_depth-- */

/* ---- jinja_eval.c, jinja_exec.c */
karma_status jinja_eval(struct jinja_run *r, struct jinja_scope *sc, const struct jinja_expr *e,
                        struct jinja_value *out);
karma_status jinja_eval_args(struct jinja_run *r, struct jinja_scope *sc,
                             const struct jinja_call_args *ast, struct jinja_args *out);
karma_status jinja_apply_filter(struct jinja_run *r, struct jinja_scope *sc,
                                const struct jinja_expr *e, struct jinja_value input,
                                struct jinja_value *out);
karma_status jinja_call(struct jinja_run *r, struct jinja_value f, const struct jinja_args *args,
                        struct jinja_value *out);
karma_status jinja_exec(struct jinja_run *r, struct jinja_scope *sc, const struct jinja_stmt *s);
karma_status jinja_exec_body(struct jinja_run *r, struct jinja_scope *sc,
                             const struct jinja_body *body);
karma_status jinja_assign(struct jinja_run *r, struct jinja_scope *sc,
                          const struct jinja_expr *target, struct jinja_value v);
karma_status jinja_call_macro(struct jinja_run *r, struct jinja_macro *m,
                              const struct jinja_args *args, struct jinja_value *out);
karma_status jinja_call_loop(struct jinja_run *r, struct jinja_loop *l,
                             const struct jinja_args *args, struct jinja_value *out);
karma_status jinja_scope_set(struct jinja_run *r, struct jinja_scope *sc, uint32_t name,
                             struct jinja_value v);
struct jinja_scope *jinja_scope_new(struct jinja_run *r, struct jinja_scope *outer);
karma_status jinja_loop_attr(struct jinja_run *r, struct jinja_value loop, const char *name,
                             size_t len, struct jinja_value *out, bool *known);

/* ---- tables */
const struct jinja_function *jinja_find_filter(const char *name, size_t len);
const struct jinja_function *jinja_find_test(const char *name, size_t len);
const struct jinja_function *jinja_find_global(const char *name, size_t len);
/* A method of a type. Known to Python but not here: .call is NULL. None: NULL. */
const struct jinja_function *jinja_find_method(enum jinja_type type, const char *name, size_t len);
extern const struct jinja_function jinja_text_filters[], jinja_list_filters[],
    jinja_string_methods[]; /* end with name NULL */
const struct jinja_function *jinja_find_in(const struct jinja_function *table, const char *name,
                                           size_t len);

/* ---- arguments (jinja_args.c). params: names, NULL-terminated, those from n_required on optional;
 * out[i].type is JINJA_UNDEFINED with u.undefined NULL when not given. */
karma_status jinja_bind(struct jinja_run *r, const char *what, const struct jinja_args *args,
                        const char *const *params, size_t n_required, struct jinja_value *out);
static inline bool jinja_given(struct jinja_value v) {
    return v.type != JINJA_UNDEFINED || v.u.undefined;
}
karma_status jinja_want_str(struct jinja_run *r, const char *what, struct jinja_value v,
                            struct jinja_str **out); /* flat */
karma_status jinja_want_int(struct jinja_run *r, const char *what, struct jinja_value v,
                            int64_t otherwise, int64_t *out);

/* ---- helpers shared by filters and methods */
/* CASE_TITLE is str.title(), CASE_WORDS the filter of that name. */
enum jinja_case { CASE_LOWER, CASE_UPPER, CASE_TITLE, CASE_CAPITALIZE, CASE_WORDS };
karma_status jinja_change_case(struct jinja_run *r, struct jinja_str *s, enum jinja_case how,
                               struct jinja_value *out);
karma_status jinja_strip(struct jinja_run *r, struct jinja_str *s, struct jinja_value chars,
                         int sides, struct jinja_value *out); /* sides: 1 left, 2 right, 3 both */
karma_status jinja_replace(struct jinja_run *r, struct jinja_str *s, struct jinja_str *old,
                           struct jinja_str *with, int64_t count, struct jinja_value *out);
karma_status jinja_split_lines(struct jinja_run *r, struct jinja_str *s, bool keep_ends,
                               struct jinja_list **out);
karma_status jinja_join(struct jinja_run *r, struct jinja_str *sep, struct jinja_value items,
                        bool strict, struct jinja_value *out);
karma_status jinja_pad(struct jinja_run *r, struct jinja_str *s, int64_t left, int64_t right,
                       struct jinja_str *fill, struct jinja_value *out);
karma_status jinja_center(struct jinja_run *r, struct jinja_str *s, int64_t width,
                          struct jinja_str *fill, struct jinja_value *out);
karma_status jinja_escape(struct jinja_run *r, struct jinja_str *s, struct jinja_value *out);
karma_status jinja_to_json(struct jinja_run *r, struct jinja_value self,
                           const struct jinja_args *args, struct jinja_value *out);
karma_status jinja_strftime(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out);
/* int(text) or float(text) of Python; *ok false when it is none. */
karma_status jinja_parse_int(struct jinja_run *r, const char *s, size_t len, int64_t base,
                             int64_t *out, bool *ok);
bool jinja_parse_float(const char *s, size_t len, double *out);
/* Walk the attribute path of map, sort, selectattr. */
karma_status jinja_attr_path(struct jinja_run *r, struct jinja_value attribute,
                             struct jinja_list **out);
karma_status jinja_follow_path(struct jinja_run *r, struct jinja_value v,
                               const struct jinja_list *path, struct jinja_value *out);
/* Character classes and the tests of str: isalpha, ... */
bool jinja_is_alnum(uint32_t cp);
bool jinja_is_alpha(uint32_t cp);
bool jinja_has_case(const struct jinja_str *s, bool upper); /* isupper, islower; s is flat */
karma_status jinja_fold_case(struct jinja_run *r, struct jinja_value v, struct jinja_value *out);

/* Rendering with other limits than the default ones: for fuzzing and tests. */
karma_status chat_template_render_within(const struct chat_template *t,
                                         const struct chat_template_input *in,
                                         const struct jinja_limits *limits,
                                         struct chat_rendering *out);

#endif
