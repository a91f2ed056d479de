/*
 * jinja_tests.c - what can follow `is`. A test is a function from a value to a truth value.
 */
#include <math.h>
#include <string.h>

#include "text/jinja_run.h"

static karma_status bind_none(struct jinja_run *r, const struct jinja_args *args) {
    static const char *const none[] = {NULL};
    return jinja_bind(r, "the test", args, none, 0, NULL);
}

#define TYPE_TEST(name, condition)                                                                 \
    static karma_status name(struct jinja_run *r, struct jinja_value v,                            \
                             const struct jinja_args *args, struct jinja_value *out) {             \
        karma_status st = bind_none(r, args);                                                      \
        *out = jinja_bool(condition);                                                              \
        return st;                                                                                 \
    }

TYPE_TEST(t_defined, v.type != JINJA_UNDEFINED)
TYPE_TEST(t_undefined, v.type == JINJA_UNDEFINED)
TYPE_TEST(t_none, v.type == JINJA_NONE)
TYPE_TEST(t_boolean, v.type == JINJA_BOOL)
TYPE_TEST(t_true, v.type == JINJA_BOOL && v.u.integer)
TYPE_TEST(t_false, v.type == JINJA_BOOL && !v.u.integer)
TYPE_TEST(t_integer, v.type == JINJA_INT)
TYPE_TEST(t_float, v.type == JINJA_FLOAT)
TYPE_TEST(t_number, jinja_is_number(v))
TYPE_TEST(t_string, v.type == JINJA_STR)
TYPE_TEST(t_mapping, v.type == JINJA_DICT)
TYPE_TEST(t_iterable, jinja_iterable(v))
TYPE_TEST(t_sequence, v.type == JINJA_UNDEFINED || v.type == JINJA_STR || v.type == JINJA_LIST ||
                          v.type == JINJA_TUPLE || v.type == JINJA_DICT || v.type == JINJA_RANGE)
TYPE_TEST(t_callable, v.type == JINJA_FUNCTION || v.type == JINJA_METHOD || v.type == JINJA_MACRO ||
                          v.type == JINJA_LOOP || v.type == JINJA_UNDEFINED)
TYPE_TEST(t_escaped, v.type == JINJA_STR && v.u.str->markup)

/* value % n == rest, with Python's errors. */
static karma_status remainder_is(struct jinja_run *r, struct jinja_value v, struct jinja_value n,
                                 int64_t rest, struct jinja_value *out) {
    struct jinja_value m;
    bool same = false;
    karma_status st = jinja_binary(r, TOK_MOD, v, n, &m);
    if (st == KARMA_OK) st = jinja_equal(r, m, jinja_int(rest), &same);
    *out = jinja_bool(same);
    return st;
}

static karma_status t_odd(struct jinja_run *r, struct jinja_value v, const struct jinja_args *args,
                          struct jinja_value *out) {
    const karma_status st = bind_none(r, args);
    return st < 0 ? st : remainder_is(r, v, jinja_int(2), 1, out);
}
static karma_status t_even(struct jinja_run *r, struct jinja_value v, const struct jinja_args *args,
                           struct jinja_value *out) {
    const karma_status st = bind_none(r, args);
    return st < 0 ? st : remainder_is(r, v, jinja_int(2), 0, out);
}

static karma_status one_argument(struct jinja_run *r, const struct jinja_args *args,
                                 struct jinja_value *a) {
    static const char *const params[] = {"other", NULL};
    return jinja_bind(r, "the test", args, params, 1, a);
}

static karma_status t_divisibleby(struct jinja_run *r, struct jinja_value v,
                                  const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"num", NULL};
    struct jinja_value a;
    const karma_status st = jinja_bind(r, "divisibleby", args, params, 1, &a);
    return st < 0 ? st : remainder_is(r, v, a, 0, out);
}

static karma_status t_in(struct jinja_run *r, struct jinja_value v, const struct jinja_args *args,
                         struct jinja_value *out) {
    static const char *const params[] = {"seq", NULL};
    struct jinja_value a;
    bool yes = false;
    karma_status st = jinja_bind(r, "in", args, params, 1, &a);
    if (st == KARMA_OK) st = jinja_contains(r, a, v, &yes);
    *out = jinja_bool(yes);
    return st;
}

static karma_status t_sameas(struct jinja_run *r, struct jinja_value v,
                             const struct jinja_args *args, struct jinja_value *out) {
    struct jinja_value a;
    bool same = false;
    karma_status st = one_argument(r, args, &a);
    if (st < 0) return st;
    /* One object is one pointer; small values are one object each. */
    if (v.type == a.type) {
        switch (v.type) {
        case JINJA_UNDEFINED:
        case JINJA_LIST:
        case JINJA_TUPLE:
        case JINJA_DICT:
            same = v.u.list == a.u.list;
            break;
        default:
            st = jinja_equal(r, v, a, &same);
            break;
        }
    }
    *out = jinja_bool(same);
    return st;
}

static karma_status equal_to(struct jinja_run *r, struct jinja_value v,
                             const struct jinja_args *args, bool wanted, struct jinja_value *out) {
    struct jinja_value a;
    bool same = false;
    karma_status st = one_argument(r, args, &a);
    if (st == KARMA_OK) st = jinja_equal(r, v, a, &same);
    *out = jinja_bool(same == wanted);
    return st;
}

static karma_status t_eq(struct jinja_run *r, struct jinja_value v, const struct jinja_args *args,
                         struct jinja_value *out) {
    return equal_to(r, v, args, true, out);
}
static karma_status t_ne(struct jinja_run *r, struct jinja_value v, const struct jinja_args *args,
                         struct jinja_value *out) {
    return equal_to(r, v, args, false, out);
}

/* low <= order <= high of comparing v with the argument. */
static karma_status ordered(struct jinja_run *r, struct jinja_value v,
                            const struct jinja_args *args, const char *op, int low, int high,
                            struct jinja_value *out) {
    struct jinja_value a;
    int order = 2;
    karma_status st = one_argument(r, args, &a);
    if (st == KARMA_OK) st = jinja_compare(r, v, a, op, &order);
    *out = jinja_bool(order >= low && order <= high);
    return st;
}

static karma_status t_lt(struct jinja_run *r, struct jinja_value v, const struct jinja_args *args,
                         struct jinja_value *out) {
    return ordered(r, v, args, "<", -1, -1, out);
}
static karma_status t_le(struct jinja_run *r, struct jinja_value v, const struct jinja_args *args,
                         struct jinja_value *out) {
    return ordered(r, v, args, "<=", -1, 0, out);
}
static karma_status t_gt(struct jinja_run *r, struct jinja_value v, const struct jinja_args *args,
                         struct jinja_value *out) {
    return ordered(r, v, args, ">", 1, 1, out);
}
static karma_status t_ge(struct jinja_run *r, struct jinja_value v, const struct jinja_args *args,
                         struct jinja_value *out) {
    return ordered(r, v, args, ">=", 0, 1, out);
}

static karma_status has_case(struct jinja_run *r, struct jinja_value v,
                             const struct jinja_args *args, bool upper, struct jinja_value *out) {
    struct jinja_str *s;
    karma_status st = bind_none(r, args);
    if (st == KARMA_OK) st = jinja_to_str(r, v, &s);
    if (st < 0) return st;
    if (!jinja_str_flat(r, s)) return r->failed;
    *out = jinja_bool(jinja_has_case(s, upper));
    return jinja_charge(r, 0, s->len);
}

static karma_status t_lower(struct jinja_run *r, struct jinja_value v,
                            const struct jinja_args *args, struct jinja_value *out) {
    return has_case(r, v, args, false, out);
}
static karma_status t_upper(struct jinja_run *r, struct jinja_value v,
                            const struct jinja_args *args, struct jinja_value *out) {
    return has_case(r, v, args, true, out);
}

static karma_status exists(struct jinja_run *r, struct jinja_value v, const struct jinja_args *args,
                           bool is_filter, struct jinja_value *out) {
    karma_status st = bind_none(r, args);
    *out = jinja_bool(false);
    if (st < 0 || v.type != JINJA_STR) return st;
    if (!jinja_str_flat(r, v.u.str)) return r->failed;
    const struct jinja_str *s = v.u.str;
    *out = jinja_bool(is_filter ? jinja_find_filter(s->data, s->len) != NULL
                                : jinja_find_test(s->data, s->len) != NULL);
    return KARMA_OK;
}

static karma_status t_filter(struct jinja_run *r, struct jinja_value v,
                             const struct jinja_args *args, struct jinja_value *out) {
    return exists(r, v, args, true, out);
}
static karma_status t_test(struct jinja_run *r, struct jinja_value v, const struct jinja_args *args,
                           struct jinja_value *out) {
    return exists(r, v, args, false, out);
}

const struct jinja_function *jinja_find_test(const char *name, size_t len) {
    static const struct jinja_function tests[] = {
        {"boolean", t_boolean},
        {"callable", t_callable},
        {"defined", t_defined},
        {"divisibleby", t_divisibleby},
        {"escaped", t_escaped},
        {"even", t_even},
        {"false", t_false},
        {"filter", t_filter},
        {"float", t_float},
        {"in", t_in},
        {"integer", t_integer},
        {"iterable", t_iterable},
        {"lower", t_lower},
        {"mapping", t_mapping},
        {"none", t_none},
        {"number", t_number},
        {"odd", t_odd},
        {"sameas", t_sameas},
        {"sequence", t_sequence},
        {"string", t_string},
        {"test", t_test},
        {"true", t_true},
        {"undefined", t_undefined},
        {"upper", t_upper},
        {"==", t_eq},
        {"eq", t_eq},
        {"equalto", t_eq},
        {"!=", t_ne},
        {"ne", t_ne},
        {"<", t_lt},
        {"lt", t_lt},
        {"lessthan", t_lt},
        {"<=", t_le},
        {"le", t_le},
        {">", t_gt},
        {"gt", t_gt},
        {"greaterthan", t_gt},
        {">=", t_ge},
        {"ge", t_ge},
        {NULL, NULL},
    };
    return jinja_find_in(tests, name, len);
}
