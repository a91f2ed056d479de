/*
 * jinja_value.h - the values of the template language, which are Python's. Everything made while
 * rendering lives in the run's arena until the rendering ends; strings remember which of their
 * bytes came from messages or tools (their origin).
 */
#ifndef TEXT_JINJA_VALUE_H
#define TEXT_JINJA_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "text/tokenizer.h"

struct jinja_run;
struct jinja_iter;
struct jinja_loop;
struct jinja_macro;

enum jinja_type {
    JINJA_UNDEFINED,
    JINJA_NONE,
    JINJA_BOOL, /* u.integer is 0 or 1: arithmetic takes it as Python does */
    JINJA_INT,
    JINJA_FLOAT,
    JINJA_STR,
    JINJA_LIST,
    JINJA_TUPLE,
    JINJA_DICT,
    JINJA_RANGE,
    JINJA_VIEW, /* d.keys(), d.values(), d.items() */
    JINJA_ITER, /* a generator: what map, select, ... give; can be consumed once */
    JINJA_NAMESPACE,
    JINJA_LOOP,
    JINJA_MACRO,
    JINJA_FUNCTION, /* range, namespace, ... */
    JINJA_METHOD,   /* a method bound to its object */
};

struct jinja_value {
    enum jinja_type type;
    union {
        int64_t integer;
        double real;
        struct jinja_str *str;
        struct jinja_list *list; /* LIST, TUPLE */
        struct jinja_dict *dict; /* DICT, NAMESPACE */
        struct jinja_range *range;
        struct jinja_view *view;
        struct jinja_iter *iter;
        struct jinja_loop *loop;
        struct jinja_macro *macro;
        const struct jinja_function *function;
        struct jinja_method *method;
        const struct jinja_undefined *undefined;
    } u;
};

enum jinja_origin { JINJA_TEMPLATE, JINJA_DATA, JINJA_MIXED };

/* A string. len is in bytes. A concatenation keeps its two halves until somebody reads it whole, so
 * that a prompt built by a thousand `+` costs its length, not its length squared. */
struct jinja_str {
    const char *data; /* NULL: not yet written out; jinja_str_flat() does it */
    uint32_t len;
    uint32_t n_leaves;  /* of the concatenation; 1 when data is set */
    uint32_t n_waiting; /* halves that wait while it is written from its end; 0 when data is set */
    union {
        struct {
            const struct jinja_str *left, *right;
        } rope; /* data is NULL */
        struct {
            const struct text_span *spans; /* the bytes from data, sorted, disjoint */
            size_t count;
        } mixed; /* data is set, origin is JINJA_MIXED */
    } u;
    uint8_t origin;
    bool ascii;
    bool markup; /* passed |safe or |escape: `+` escapes what it is added to */
};

struct jinja_list {
    struct jinja_value *items;
    size_t count, cap;
};
struct jinja_pair {
    struct jinja_value key, value;
};
struct jinja_dict { /* insertion order; slots is NULL while it is small */
    struct jinja_pair *pairs;
    size_t count, cap;
    uint32_t *slots; /* pair index + 1, 0 = empty */
    size_t n_slots;
};
struct jinja_range {
    int64_t start, stop, step;
    int64_t count;
};
enum jinja_view_kind { JINJA_VIEW_KEYS, JINJA_VIEW_VALUES, JINJA_VIEW_ITEMS };
struct jinja_view {
    struct jinja_dict *dict;
    enum jinja_view_kind kind;
};
struct jinja_undefined {
    const char *hint;        /* the whole message, or NULL: then made of the next two */
    const char *object_type; /* what lacked it ("dict object"); NULL: it is a variable */
    struct jinja_value name;
    bool unsafe; /* hint names an attribute that the sandbox hides */
};

/* Arguments of a call. */
struct jinja_keyword {
    const char *name;
    struct jinja_value value;
};
struct jinja_args {
    struct jinja_value *items;
    size_t count;
    struct jinja_keyword *keywords;
    size_t n_keywords;
};
typedef karma_status jinja_call_fn(struct jinja_run *r, struct jinja_value self,
                                   const struct jinja_args *args, struct jinja_value *out);
struct jinja_function {
    const char *name;
    jinja_call_fn *call; /* NULL: the reference has it, we do not: E_UNSUPPORTED when called */
};
struct jinja_method {
    struct jinja_value self;
    const struct jinja_function *function;
};

static inline struct jinja_value jinja_none(void) {
    return (struct jinja_value){.type = JINJA_NONE};
}
static inline struct jinja_value jinja_bool(bool v) {
    return (struct jinja_value){.type = JINJA_BOOL, .u.integer = v};
}
static inline struct jinja_value jinja_int(int64_t v) {
    return (struct jinja_value){.type = JINJA_INT, .u.integer = v};
}
static inline struct jinja_value jinja_float(double v) {
    return (struct jinja_value){.type = JINJA_FLOAT, .u.real = v};
}
static inline struct jinja_value jinja_string(struct jinja_str *s) {
    return (struct jinja_value){.type = JINJA_STR, .u.str = s};
}
static inline bool jinja_is_int(struct jinja_value v) {
    return v.type == JINJA_INT || v.type == JINJA_BOOL;
}
static inline bool jinja_is_number(struct jinja_value v) {
    return jinja_is_int(v) || v.type == JINJA_FLOAT;
}
static inline double jinja_as_real(struct jinja_value v) { /* of a number */
    return v.type == JINJA_FLOAT ? v.u.real : (double)v.u.integer;
}

/* ---- strings (jinja_string.c). Those that return a pointer return NULL on failure; r->failed is
 * the status then and the message is set. */

/* Borrow bytes that outlive the run. */
struct jinja_str *jinja_str_lend(struct jinja_run *r, const char *data, size_t len,
                                 enum jinja_origin origin);
struct jinja_str *jinja_str_copy(struct jinja_run *r, const char *data, size_t len,
                                 enum jinja_origin origin);
struct jinja_str *jinja_str_concat(struct jinja_run *r, struct jinja_str *a, struct jinja_str *b);
/* A copy that is marked as safe. */
struct jinja_str *jinja_str_safe(struct jinja_run *r, const struct jinja_str *s);
const char *jinja_str_flat(struct jinja_run *r, struct jinja_str *s);
/* Bytes [from, to) of s, which must be flat; shares memory and keeps the origin of every byte. */
struct jinja_str *jinja_str_part(struct jinja_run *r, const struct jinja_str *s, size_t from,
                                 size_t to);
/* Characters (code points) of a flat string. */
size_t jinja_str_chars(const struct jinja_str *s);
/* Byte offset of character i, s->len when there are fewer. */
size_t jinja_str_offset(const struct jinja_str *s, size_t i);
/* The character at byte pos (< len) and its length; an invalid byte counts as one character. */
uint32_t jinja_char_at(const char *data, size_t len, size_t pos, size_t *size);
/* Length of the character that ends at byte pos (> 0). */
size_t jinja_char_before(const char *data, size_t pos);
bool jinja_is_space(uint32_t cp);      /* Python's str.isspace */
bool jinja_is_line_break(uint32_t cp); /* Python's str.splitlines */
bool jinja_is_printable(uint32_t cp);  /* Python's str.isprintable */
/* First place of part in data, or NULL. */
const char *jinja_find(const char *data, size_t len, const char *part, size_t part_len);
bool jinja_str_equal(struct jinja_run *r, struct jinja_str *a, struct jinja_str *b);

/* Text under construction, with the spans that are data. Not in the arena: release it. */
struct jinja_out {
    struct buf text;
    struct text_span *spans;
    size_t n_spans, cap_spans;
};
karma_status jinja_out_add(struct jinja_run *r, struct jinja_out *o, const char *data, size_t len,
                           bool is_data);
karma_status jinja_out_puts(struct jinja_run *r, struct jinja_out *o, const char *s);
karma_status jinja_out_add_str(struct jinja_run *r, struct jinja_out *o, struct jinja_str *s);
karma_status jinja_out_add_part(struct jinja_run *r, struct jinja_out *o, const struct jinja_str *s,
                                size_t from, size_t to);
/* If any byte from `start` on is data, all of them are. */
karma_status jinja_out_blur(struct jinja_out *o, size_t start);
/* The text as a string in the arena; o is released. */
karma_status jinja_out_take(struct jinja_run *r, struct jinja_out *o, struct jinja_value *out);
void jinja_out_release(struct jinja_out *o);

/* ---- values (jinja_value.c) */

const char *jinja_type_name(struct jinja_value v); /* "str", "NoneType": for messages */
bool jinja_truth(struct jinja_value v);
karma_status jinja_equal(struct jinja_run *r, struct jinja_value a, struct jinja_value b,
                         bool *out);
/* -1, 0, 1; E_TYPE for what Python does not order. op is for the message ("<"). */
karma_status jinja_compare(struct jinja_run *r, struct jinja_value a, struct jinja_value b,
                           const char *op, int *out);
/* len(v); E_TYPE when it has none. */
karma_status jinja_length(struct jinja_run *r, struct jinja_value v, size_t *out);
/* item in container */
karma_status jinja_contains(struct jinja_run *r, struct jinja_value container,
                            struct jinja_value item, bool *out);
/* Append str(v), or repr(v). */
karma_status jinja_print(struct jinja_run *r, struct jinja_out *o, struct jinja_value v);
karma_status jinja_repr(struct jinja_run *r, struct jinja_out *o, struct jinja_value v);
/* str(v): v itself when it is a string. */
karma_status jinja_to_str(struct jinja_run *r, struct jinja_value v, struct jinja_str **out);
/* A number as Python prints it. out: at least 40 bytes. */
size_t jinja_number_text(struct jinja_value v, char *out);

karma_status jinja_undefined_name(struct jinja_run *r, struct jinja_value name,
                                  struct jinja_value *out);
karma_status jinja_undefined_of(struct jinja_run *r, struct jinja_value object,
                                struct jinja_value name, struct jinja_value *out);
struct jinja_value jinja_undefined_hint(struct jinja_run *r, const char *hint);
/* Fail with the message of an undefined value that was used. */
karma_status jinja_fail_undefined(struct jinja_run *r, struct jinja_value v);

struct jinja_list *jinja_list_new(struct jinja_run *r, size_t cap);
karma_status jinja_list_push(struct jinja_run *r, struct jinja_list *l, struct jinja_value v);
struct jinja_dict *jinja_dict_new(struct jinja_run *r);
/* *found is NULL when absent; E_TYPE for a key that Python cannot hash. */
karma_status jinja_dict_find(struct jinja_run *r, const struct jinja_dict *d,
                             struct jinja_value key, struct jinja_value **found);
struct jinja_value *jinja_dict_findz(const struct jinja_dict *d, const char *key, size_t len);
karma_status jinja_dict_set(struct jinja_run *r, struct jinja_dict *d, struct jinja_value key,
                            struct jinja_value value);
karma_status jinja_pair_tuple(struct jinja_run *r, struct jinja_value a, struct jinja_value b,
                              struct jinja_value *out);

/* ---- iteration (jinja_iter.c) */

karma_status jinja_iter_begin(struct jinja_run *r, struct jinja_value v, struct jinja_iter **out);
karma_status jinja_iter_next(struct jinja_run *r, struct jinja_iter *it, struct jinja_value *out,
                             bool *more);
bool jinja_iterable(struct jinja_value v);
/* list(v) */
karma_status jinja_collect(struct jinja_run *r, struct jinja_value v, struct jinja_list **out);
/* v backwards: a generator as Python's reversed(), or E_TYPE. */
karma_status jinja_reversed(struct jinja_run *r, struct jinja_value v, struct jinja_value *out);

/* ---- operators and access (jinja_ops.c) */

karma_status jinja_binary(struct jinja_run *r, int op, struct jinja_value a, struct jinja_value b,
                          struct jinja_value *out);
karma_status jinja_negate(struct jinja_run *r, struct jinja_value a, struct jinja_value *out);
karma_status jinja_positive(struct jinja_run *r, struct jinja_value a, struct jinja_value *out);
/* obj.name, obj[key], obj[start:stop:step] */
karma_status jinja_get_attr(struct jinja_run *r, struct jinja_value obj, struct jinja_value name,
                            struct jinja_value *out);
karma_status jinja_get_item(struct jinja_run *r, struct jinja_value obj, struct jinja_value key,
                            struct jinja_value *out);
karma_status jinja_get_slice(struct jinja_run *r, struct jinja_value obj, struct jinja_value start,
                             struct jinja_value stop, struct jinja_value step,
                             struct jinja_value *out);

#endif
