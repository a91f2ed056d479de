/*
 * jinja_ops.c - operators, attributes, items and slices with Python's meaning. Integers are 64 bits
 * wide: what overflows them is E_RANGE, never a wrong number. `%` on strings is E_UNSUPPORTED.
 */
#include <math.h>
#include <string.h>

#include "text/jinja_run.h"

static const char *op_text(int op) {
    static const char *const texts[] = {
        [TOK_ADD - TOK_ADD] = "+",  [TOK_SUB - TOK_ADD] = "-",       [TOK_MUL - TOK_ADD] = "*",
        [TOK_DIV - TOK_ADD] = "/",  [TOK_FLOORDIV - TOK_ADD] = "//", [TOK_MOD - TOK_ADD] = "%",
        [TOK_POW - TOK_ADD] = "**",
    };
    return texts[op - TOK_ADD];
}

static karma_status overflow(struct jinja_run *r) {
    return jinja_fail(r, KARMA_E_RANGE, "integers beyond 64 bits are not supported");
}

static karma_status power(struct jinja_run *r, int64_t base, int64_t exponent,
                          struct jinja_value *out) {
    if (exponent < 0) {
        if (base == 0) {
            return jinja_fail(r, KARMA_E_RANGE, "0.0 cannot be raised to a negative power");
        }
        *out = jinja_float(pow((double)base, (double)exponent));
        return KARMA_OK;
    }
    int64_t result = 1;
    if (base == 0 || base == 1 || base == -1) {
        result = exponent == 0 ? 1 : base == -1 && exponent % 2 == 0 ? 1 : base;
        exponent = 0;
    }
    for (; exponent > 0; exponent--) { /* at most 63 rounds before it overflows */
        if (__builtin_mul_overflow(result, base, &result)) return overflow(r);
    }
    *out = jinja_int(result);
    return KARMA_OK;
}

static karma_status int_math(struct jinja_run *r, int op, int64_t a, int64_t b,
                             struct jinja_value *out) {
    int64_t v;
    bool bad = false;
    if ((op == TOK_DIV || op == TOK_FLOORDIV || op == TOK_MOD) && b == 0) {
        return jinja_fail(r, KARMA_E_RANGE, "division by zero");
    }
    if (op != TOK_DIV && b == -1 && a == INT64_MIN) {
        if (op == TOK_MOD) {
            *out = jinja_int(0);
            return KARMA_OK;
        }
        if (op == TOK_FLOORDIV) return overflow(r);
    }
    switch (op) {
    case TOK_ADD:
        bad = __builtin_add_overflow(a, b, &v);
        break;
    case TOK_SUB:
        bad = __builtin_sub_overflow(a, b, &v);
        break;
    case TOK_MUL:
        bad = __builtin_mul_overflow(a, b, &v);
        break;
    case TOK_DIV:
        *out = jinja_float((double)a / (double)b);
        return KARMA_OK;
    case TOK_FLOORDIV:
        v = a / b - (a % b != 0 && (a % b < 0) != (b < 0));
        break;
    case TOK_MOD:
        v = a % b;
        if (v != 0 && (v < 0) != (b < 0)) v += b;
        break;
    default:
        return power(r, a, b, out);
    }
    if (bad) return overflow(r);
    *out = jinja_int(v);
    return KARMA_OK;
}

static karma_status float_math(struct jinja_run *r, int op, double a, double b,
                               struct jinja_value *out) {
    double v;
    if ((op == TOK_DIV || op == TOK_FLOORDIV || op == TOK_MOD) && b == 0) {
        return jinja_fail(r, KARMA_E_RANGE, "float division by zero");
    }
    switch (op) {
    case TOK_ADD:
        v = a + b;
        break;
    case TOK_SUB:
        v = a - b;
        break;
    case TOK_MUL:
        v = a * b;
        break;
    case TOK_DIV:
        v = a / b;
        break;
    case TOK_FLOORDIV:
    case TOK_MOD: { /* as CPython's float_divmod */
        double mod = fmod(a, b), div = (a - mod) / b;
        if (mod != 0) {
            if ((b < 0) != (mod < 0)) {
                mod += b;
                div -= 1.0;
            }
        } else {
            mod = copysign(0.0, b);
        }
        double whole = copysign(0.0, a / b);
        if (div != 0) {
            whole = floor(div);
            if (div - whole > 0.5) whole += 1.0;
        }
        v = op == TOK_MOD ? mod : whole;
        break;
    }
    default:
        if (a == 0 && b < 0) {
            return jinja_fail(r, KARMA_E_RANGE, "0.0 cannot be raised to a negative power");
        }
        v = pow(a, b);
        if (isinf(v) && isfinite(a) && isfinite(b)) {
            return jinja_fail(r, KARMA_E_RANGE, "the result of ** is too large");
        }
        if (isnan(v) && !isnan(a) && !isnan(b)) {
            return jinja_fail(r, KARMA_E_UNSUPPORTED, "complex numbers are not supported");
        }
        break;
    }
    *out = jinja_float(v);
    return KARMA_OK;
}

static karma_status add_strings(struct jinja_run *r, struct jinja_str *a, struct jinja_str *b,
                                struct jinja_value *out) {
    const bool markup = a->markup || b->markup;
    if (markup && a->markup != b->markup) { /* what is safe stays so by escaping the other */
        struct jinja_value escaped;
        const karma_status st = jinja_escape(r, a->markup ? b : a, &escaped);
        if (st < 0) return st;
        if (a->markup)
            b = escaped.u.str;
        else
            a = escaped.u.str;
    }
    struct jinja_str *s = jinja_str_concat(r, a, b);
    if (!s) return r->failed;
    if (markup) s->markup = true;
    *out = jinja_string(s);
    return KARMA_OK;
}

static karma_status add_lists(struct jinja_run *r, struct jinja_value a, struct jinja_value b,
                              struct jinja_value *out) {
    const size_t na = a.u.list->count, nb = b.u.list->count;
    karma_status st = jinja_charge(r, na + nb, 0);
    if (st < 0) return st;
    struct jinja_list *l = jinja_list_new(r, na + nb);
    if (!l) return r->failed;
    if (na) memcpy(l->items, a.u.list->items, na * sizeof(*l->items));
    if (nb) memcpy(l->items + na, b.u.list->items, nb * sizeof(*l->items));
    l->count = na + nb;
    *out = (struct jinja_value){.type = a.type, .u.list = l};
    return KARMA_OK;
}

static karma_status repeat_string(struct jinja_run *r, struct jinja_str *s, int64_t times,
                                  struct jinja_value *out) {
    if (!jinja_str_flat(r, s)) return r->failed;
    if (s->len == 0) times = 0;
    if (times > 0 && (uint64_t)times > r->limits->output_bytes / s->len) {
        return jinja_fail(r, KARMA_E_LIMIT, "a string of more than %zu bytes",
                          r->limits->output_bytes);
    }
    const size_t total = (size_t)times * s->len;
    karma_status st = jinja_charge(r, 1, total);
    if (st < 0) return st;
    struct jinja_str *made;
    if (s->origin == JINJA_MIXED) {
        struct jinja_out o = {0};
        for (int64_t i = 0; st == KARMA_OK && i < times; i++) {
            st = jinja_charge(r, 1, 0);
            if (st == KARMA_OK) st = jinja_out_add_str(r, &o, s);
        }
        if (st == KARMA_OK) st = jinja_out_take(r, &o, out);
        jinja_out_release(&o);
        if (st < 0) return st;
        made = out->u.str;
    } else {
        char *data = jinja_alloc(r, total + 1);
        if (!data) return r->failed;
        if (total) memcpy(data, s->data, s->len);
        for (size_t done = s->len; done < total; done *= 2) {
            memcpy(data + done, data, done < total - done ? done : total - done);
        }
        made = jinja_str_lend(r, data, total, s->origin);
    }
    if (made && s->markup) made = jinja_str_safe(r, made);
    if (!made) return r->failed;
    *out = jinja_string(made);
    return KARMA_OK;
}

/* 'ab' * 3, [a] * 3 */
static karma_status repeat(struct jinja_run *r, struct jinja_value v, int64_t times,
                           struct jinja_value *out) {
    if (times < 0) times = 0;
    if (v.type == JINJA_STR) return repeat_string(r, v.u.str, times, out);
    const size_t n = v.u.list->count;
    size_t total;
    if (__builtin_mul_overflow(n, (uint64_t)times, &total) || total > r->limits->steps) {
        return jinja_fail(r, KARMA_E_LIMIT, "a list of too many elements");
    }
    karma_status st = jinja_charge(r, total, 0);
    if (st < 0) return st;
    struct jinja_list *l = jinja_list_new(r, total);
    if (!l) return r->failed;
    for (size_t i = 0; n && i < total; i += n) {
        memcpy(l->items + i, v.u.list->items, n * sizeof(*l->items));
    }
    l->count = total;
    *out = (struct jinja_value){.type = v.type, .u.list = l};
    return KARMA_OK;
}

static bool is_sequence(struct jinja_value v) {
    return v.type == JINJA_STR || v.type == JINJA_LIST || v.type == JINJA_TUPLE;
}

karma_status jinja_binary(struct jinja_run *r, int op, struct jinja_value a, struct jinja_value b,
                          struct jinja_value *out) {
    if (jinja_is_number(a) && jinja_is_number(b)) {
        if (jinja_is_int(a) && jinja_is_int(b)) {
            return int_math(r, op, a.u.integer, b.u.integer, out);
        }
        return float_math(r, op, jinja_as_real(a), jinja_as_real(b), out);
    }
    if (a.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, a);
    if (op == TOK_MOD && a.type == JINJA_STR) {
        return jinja_fail(r, KARMA_E_UNSUPPORTED, "formatting with %% is not supported");
    }
    if (b.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, b);
    if (op == TOK_ADD && a.type == JINJA_STR && b.type == JINJA_STR) {
        return add_strings(r, a.u.str, b.u.str, out);
    }
    if (op == TOK_ADD && a.type == b.type && (a.type == JINJA_LIST || a.type == JINJA_TUPLE)) {
        return add_lists(r, a, b, out);
    }
    if (op == TOK_MUL && is_sequence(a) && jinja_is_int(b)) {
        return repeat(r, a, b.u.integer, out);
    }
    if (op == TOK_MUL && is_sequence(b) && jinja_is_int(a)) {
        return repeat(r, b, a.u.integer, out);
    }
    if (op == TOK_ADD && a.type == JINJA_STR) {
        return jinja_fail(r, KARMA_E_TYPE, "can only concatenate str (not \"%s\") to str",
                          jinja_type_name(b));
    }
    return jinja_fail(r, KARMA_E_TYPE, "unsupported operand types for %s: '%s' and '%s'",
                      op_text(op), jinja_type_name(a), jinja_type_name(b));
}

karma_status jinja_negate(struct jinja_run *r, struct jinja_value a, struct jinja_value *out) {
    if (jinja_is_int(a)) {
        if (a.u.integer == INT64_MIN) return overflow(r);
        *out = jinja_int(-a.u.integer);
        return KARMA_OK;
    }
    if (a.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, a);
    if (a.type != JINJA_FLOAT) {
        return jinja_fail(r, KARMA_E_TYPE, "bad operand type for unary -: '%s'",
                          jinja_type_name(a));
    }
    *out = jinja_float(-a.u.real);
    return KARMA_OK;
}

karma_status jinja_positive(struct jinja_run *r, struct jinja_value a, struct jinja_value *out) {
    if (a.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, a);
    if (!jinja_is_number(a)) {
        return jinja_fail(r, KARMA_E_TYPE, "bad operand type for unary +: '%s'",
                          jinja_type_name(a));
    }
    *out = a.type == JINJA_BOOL ? jinja_int(a.u.integer) : a;
    return KARMA_OK;
}

/* ---- access */

static karma_status unsafe(struct jinja_run *r, struct jinja_value obj, const char *name,
                           size_t len, struct jinja_value *out) {
    struct jinja_undefined *u = jinja_alloc(r, sizeof(*u));
    if (!u) return r->failed;
    u->hint = arena_printf(&r->arena, "access to attribute '%s' of '%s' object is unsafe",
                           status_quote(name, len), jinja_type_name(obj));
    if (!u->hint) return KARMA_E_NOMEM;
    u->unsafe = true;
    *out = (struct jinja_value){.type = JINJA_UNDEFINED, .u.undefined = u};
    return KARMA_OK;
}

/* Methods that would change a list or dict: the sandbox hides them. */
static bool is_mutator(enum jinja_type type, const char *name, size_t len) {
    static const char list[] = " append clear pop reverse insert sort extend remove ";
    static const char dict[] = " clear pop popitem setdefault update ";
    const char *names = type == JINJA_LIST ? list : type == JINJA_DICT ? dict : "";
    for (const char *p = names; (p = strchr(p, ' ')) && p[1]; p++) {
        if (strncmp(p + 1, name, len) == 0 && p[1 + len] == ' ') return true;
    }
    return false;
}

/* Attributes of numbers and ranges. */
static bool number_attr(struct jinja_value v, const char *name, size_t len,
                        struct jinja_value *out) {
    static const char *const names[] = {"real",  "numerator", "imag", "denominator",
                                        "start", "stop",      "step"};
    int which = -1;
    for (int i = 0; i < 7; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) which = i;
    }
    if (v.type == JINJA_RANGE && which >= 4) {
        const struct jinja_range *g = v.u.range;
        *out = jinja_int(which == 4 ? g->start : which == 5 ? g->stop : g->step);
        return true;
    }
    if (which < 0 || which >= 4 || !jinja_is_number(v)) return false;
    if (v.type == JINJA_FLOAT) {
        *out = jinja_float(which == 0 ? v.u.real : 0);
        return which == 0 || which == 2;
    }
    *out = jinja_int(which < 2 ? v.u.integer : which == 3);
    return true;
}

/* What Python's getattr finds on the value's type. *known false: nothing. */
static karma_status python_attr(struct jinja_run *r, struct jinja_value obj, const char *name,
                                size_t len, struct jinja_value *out, bool *known) {
    *known = true;
    if (obj.type == JINJA_NAMESPACE) {
        struct jinja_str key = {.data = name, .len = (uint32_t)len, .n_leaves = 1};
        struct jinja_value *v;
        const karma_status st = jinja_dict_find(r, obj.u.dict, jinja_string(&key), &v);
        *known = st == KARMA_OK && v;
        if (*known) *out = *v;
        if (st < 0 || v) return st;
    }
    if (number_attr(obj, name, len, out)) return KARMA_OK;
    if (obj.type == JINJA_LOOP) {
        const karma_status st = jinja_loop_attr(r, obj, name, len, out, known);
        if (st < 0 || *known) return st;
    }
    if (len > 4 && strncmp(name, "__", 2) == 0 && strncmp(name + len - 2, "__", 2) == 0) {
        *known = true;
        return unsafe(r, obj, name, len, out);
    }
    if (is_mutator(obj.type, name, len)) {
        *known = true;
        return unsafe(r, obj, name, len, out);
    }
    const struct jinja_function *f = jinja_find_method(obj.type, name, len);
    *known = f != NULL;
    if (!f) return KARMA_OK;
    struct jinja_method *m = jinja_alloc(r, sizeof(*m));
    if (!m) return r->failed;
    m->self = obj;
    m->function = f;
    *out = (struct jinja_value){.type = JINJA_METHOD, .u.method = m};
    return KARMA_OK;
}

/* obj[key] of Python. *found false where it raises TypeError or LookupError. */
static karma_status python_item(struct jinja_run *r, struct jinja_value obj, struct jinja_value key,
                                struct jinja_value *out, bool *found) {
    *found = false;
    if (obj.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, obj);
    if (obj.type == JINJA_DICT) {
        struct jinja_value *v;
        const karma_status st = jinja_dict_find(r, obj.u.dict, key, &v);
        if (st == KARMA_E_TYPE) return KARMA_OK; /* a key that cannot be hashed is not there */
        *found = st == KARMA_OK && v;
        if (*found) *out = *v;
        return st;
    }
    if (!jinja_is_int(key)) return KARMA_OK;
    int64_t i = key.u.integer, count;
    size_t n;
    if (!is_sequence(obj) && obj.type != JINJA_RANGE) return KARMA_OK;
    karma_status st = jinja_length(r, obj, &n);
    if (st < 0) return st;
    count = (int64_t)n;
    if (i < 0) i += count;
    if (i < 0 || i >= count) return KARMA_OK;
    *found = true;
    if (obj.type == JINJA_RANGE) {
        *out = jinja_int(obj.u.range->start + i * obj.u.range->step);
    } else if (obj.type == JINJA_STR) {
        struct jinja_str *s = obj.u.str;
        if (!jinja_str_flat(r, s)) return r->failed;
        const size_t from = jinja_str_offset(s, (size_t)i);
        size_t size;
        jinja_char_at(s->data, s->len, from, &size);
        struct jinja_str *c = jinja_str_part(r, s, from, from + size);
        if (!c) return r->failed;
        *out = jinja_string(c);
        return jinja_charge(r, 0, s->ascii ? 0 : s->len);
    } else {
        *out = obj.u.list->items[i];
    }
    return KARMA_OK;
}

karma_status jinja_get_attr(struct jinja_run *r, struct jinja_value obj, struct jinja_value name,
                            struct jinja_value *out) {
    if (obj.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, obj);
    bool found;
    struct jinja_str *s = name.u.str;
    karma_status st = python_attr(r, obj, s->data, s->len, out, &found);
    if (st < 0 || found) return st;
    st = python_item(r, obj, name, out, &found);
    if (st < 0 || found) return st;
    return jinja_undefined_of(r, obj, name, out);
}

karma_status jinja_get_item(struct jinja_run *r, struct jinja_value obj, struct jinja_value key,
                            struct jinja_value *out) {
    bool found;
    karma_status st = python_item(r, obj, key, out, &found);
    if (st < 0 || found) return st;
    if (key.type == JINJA_STR) {
        if (!jinja_str_flat(r, key.u.str)) return r->failed;
        st = python_attr(r, obj, key.u.str->data, key.u.str->len, out, &found);
        if (st < 0 || found) return st;
    }
    return jinja_undefined_of(r, obj, key, out);
}

/* A bound of a slice of count elements, as PySlice_AdjustIndices does it. */
static karma_status slice_bound(struct jinja_run *r, struct jinja_value v, int64_t count,
                                int64_t low, int64_t high, int64_t otherwise, int64_t *out) {
    if (v.type == JINJA_NONE) {
        *out = otherwise;
        return KARMA_OK;
    }
    if (!jinja_is_int(v)) {
        return jinja_fail(r, KARMA_E_TYPE, "slice indices must be integers or none, not %s",
                          jinja_type_name(v));
    }
    int64_t i = v.u.integer;
    if (i < 0) i += count;
    *out = i < low ? low : i > high ? high : i;
    return KARMA_OK;
}

static karma_status slice_string(struct jinja_run *r, struct jinja_str *s, int64_t start,
                                 int64_t step, int64_t n, struct jinja_value *out) {
    if (!jinja_str_flat(r, s)) return r->failed;
    karma_status st = jinja_charge(r, 1, s->len);
    if (st < 0) return st;
    size_t pos = n > 0 ? jinja_str_offset(s, (size_t)start) : 0;
    if (step == 1 || n <= 0) {
        size_t end = pos;
        for (int64_t i = 0; i < n && end < s->len; i++) {
            size_t size;
            jinja_char_at(s->data, s->len, end, &size);
            end += size;
        }
        struct jinja_str *part = jinja_str_part(r, s, pos, end);
        if (!part) return r->failed;
        *out = jinja_string(part);
        return KARMA_OK;
    }
    struct jinja_out o = {0};
    for (int64_t i = 0; st == KARMA_OK && i < n; i++) {
        size_t size;
        jinja_char_at(s->data, s->len, pos, &size);
        st = jinja_out_add_part(r, &o, s, pos, pos + size);
        for (int64_t k = step > 0 ? step : -step; i + 1 < n && k > 0; k--) {
            if (step > 0) {
                jinja_char_at(s->data, s->len, pos, &size);
                pos += size;
            } else {
                pos -= jinja_char_before(s->data, pos);
            }
        }
    }
    if (st == KARMA_OK) st = jinja_out_take(r, &o, out);
    jinja_out_release(&o);
    return st;
}

karma_status jinja_get_slice(struct jinja_run *r, struct jinja_value obj, struct jinja_value start,
                             struct jinja_value stop, struct jinja_value step_value,
                             struct jinja_value *out) {
    int64_t from = 0, to = 0, step = 1;
    size_t length;
    if (obj.type == JINJA_UNDEFINED) return jinja_fail_undefined(r, obj);
    if (!is_sequence(obj) && obj.type != JINJA_RANGE) {
        return jinja_fail(r, KARMA_E_TYPE, "'%s' object cannot be sliced", jinja_type_name(obj));
    }
    karma_status st = jinja_length(r, obj, &length);
    const int64_t count = (int64_t)length;
    if (st == KARMA_OK) st = slice_bound(r, step_value, 0, -count - 1, count + 1, 1, &step);
    if (st < 0) return st;
    if (step == 0) return jinja_fail(r, KARMA_E_RANGE, "slice step cannot be zero");
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? count : count - 1;
    st = slice_bound(r, start, count, low, high, step > 0 ? low : high, &from);
    if (st == KARMA_OK) st = slice_bound(r, stop, count, low, high, step > 0 ? high : low, &to);
    if (st < 0) return st;
    int64_t n = step > 0 ? (to - from + step - 1) / step : (from - to - step - 1) / -step;
    if (n < 0) n = 0;
    if (obj.type == JINJA_STR) return slice_string(r, obj.u.str, from, step, n, out);
    st = jinja_charge(r, (uint64_t)n, 0);
    if (st < 0) return st;
    if (obj.type == JINJA_RANGE) {
        struct jinja_range *g = jinja_alloc(r, sizeof(*g));
        if (!g) return r->failed;
        /* Unsigned: what lies outside the old range is never used and may wrap. */
        const struct jinja_range *old = obj.u.range;
        const uint64_t a = (uint64_t)old->start, each = (uint64_t)old->step;
        *g = (struct jinja_range){.start = (int64_t)(a + (uint64_t)from * each),
                                  .stop = (int64_t)(a + (uint64_t)to * each),
                                  .step = (int64_t)(each * (uint64_t)step),
                                  .count = n};
        *out = (struct jinja_value){.type = JINJA_RANGE, .u.range = g};
        return KARMA_OK;
    }
    struct jinja_list *l = jinja_list_new(r, (size_t)n);
    if (!l) return r->failed;
    for (int64_t i = 0; i < n; i++) {
        l->items[l->count++] = obj.u.list->items[from + i * step];
    }
    *out = (struct jinja_value){.type = obj.type, .u.list = l};
    return KARMA_OK;
}
