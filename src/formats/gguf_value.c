/* gguf_value.c - typed look-up in the metadata of a GGUF; see gguf.h. */
#include <math.h>
#include <string.h>

#include "formats/gguf.h"

const char *gguf_type_name(enum gguf_type t) {
    static const char *const names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                        "bool", "string", "array", "u64", "i64", "f64"};
    return names[t];
}

static karma_status fail_type(const char *key, const char *expected, const struct gguf_value *v) {
    return status_fail(KARMA_E_TYPE, "%s: expected %s, found %s", key, expected,
                       gguf_type_name(v->type));
}

/* A scalar integer at p; above INT64_MAX it becomes *too_large. */
static bool load_int(enum gguf_type type, const unsigned char *p, int64_t *out, bool *too_large) {
    union {
        uint8_t u8;
        int8_t i8;
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        uint64_t u64;
        int64_t i64;
    } v;
    *too_large = false;
    switch (type) {
    case GGUF_U8:
        *out = *p;
        return true;
    case GGUF_I8:
        memcpy(&v.i8, p, sizeof(v.i8));
        *out = v.i8;
        return true;
    case GGUF_U16:
        memcpy(&v.u16, p, sizeof(v.u16));
        *out = v.u16;
        return true;
    case GGUF_I16:
        memcpy(&v.i16, p, sizeof(v.i16));
        *out = v.i16;
        return true;
    case GGUF_U32:
        memcpy(&v.u32, p, sizeof(v.u32));
        *out = v.u32;
        return true;
    case GGUF_I32:
        memcpy(&v.i32, p, sizeof(v.i32));
        *out = v.i32;
        return true;
    case GGUF_U64:
        memcpy(&v.u64, p, sizeof(v.u64));
        *too_large = v.u64 > INT64_MAX;
        *out = *too_large ? INT64_MAX : (int64_t)v.u64;
        return true;
    case GGUF_I64:
        memcpy(&v.i64, p, sizeof(v.i64));
        *out = v.i64;
        return true;
    default:
        return false;
    }
}

static bool load_real(enum gguf_type type, const unsigned char *p, double *out) {
    float f;
    int64_t i;
    bool too_large;
    if (type == GGUF_F64) {
        memcpy(out, p, sizeof(*out));
        return true;
    }
    if (type == GGUF_F32) {
        memcpy(&f, p, sizeof(f));
        *out = (double)f;
        return true;
    }
    if (!load_int(type, p, &i, &too_large)) return false;
    *out = (double)i;
    if (too_large) {
        uint64_t u;
        memcpy(&u, p, sizeof(u));
        *out = (double)u;
    }
    return true;
}

karma_status gguf_int(const struct gguf *g, const char *key, int64_t min, int64_t max,
                      int64_t otherwise, int64_t *out) {
    const struct gguf_value *v = gguf_find(g, key);
    int64_t i;
    bool too_large;
    *out = otherwise;
    if (!v) return KARMA_OK;
    if (!load_int(v->type, v->data, &i, &too_large)) return fail_type(key, "an integer", v);
    if (too_large || i < min || i > max) {
        return status_fail(KARMA_E_RANGE, "%s: %s%lld is not in %lld..%lld", key,
                           too_large ? "more than " : "", (long long)i, (long long)min,
                           (long long)max);
    }
    *out = i;
    return KARMA_OK;
}

karma_status gguf_need_int(const struct gguf *g, const char *key, int64_t min, int64_t max,
                           int64_t *out) {
    *out = 0;
    if (!gguf_find(g, key)) return status_fail(KARMA_E_MISSING, "%s is missing", key);
    return gguf_int(g, key, min, max, 0, out);
}

karma_status gguf_real(const struct gguf *g, const char *key, double otherwise, double *out) {
    const struct gguf_value *v = gguf_find(g, key);
    double d;
    *out = otherwise;
    if (!v) return KARMA_OK;
    if (!load_real(v->type, v->data, &d)) return fail_type(key, "a number", v);
    if (!isfinite(d)) return status_fail(KARMA_E_RANGE, "%s: %f is not a finite number", key, d);
    *out = d;
    return KARMA_OK;
}

karma_status gguf_bool(const struct gguf *g, const char *key, bool otherwise, bool *out) {
    const struct gguf_value *v = gguf_find(g, key);
    *out = otherwise;
    if (!v) return KARMA_OK;
    if (v->type != GGUF_BOOL) return fail_type(key, "a bool", v);
    *out = v->data[0] != 0;
    return KARMA_OK;
}

karma_status gguf_string(const struct gguf *g, const char *key, const char **data, size_t *len) {
    const struct gguf_value *v = gguf_find(g, key);
    *data = NULL;
    *len = 0;
    if (!v) return KARMA_OK;
    if (v->type != GGUF_STRING) return fail_type(key, "a string", v);
    *data = (const char *)v->data;
    *len = v->len;
    return KARMA_OK;
}

karma_status gguf_array(const struct gguf *g, const char *key, enum gguf_type item,
                        const struct gguf_value **out) {
    const struct gguf_value *v = gguf_find(g, key);
    *out = NULL;
    if (!v) return KARMA_OK;
    if (v->type != GGUF_ARRAY) return fail_type(key, "an array", v);
    if (v->item_type != item) {
        return status_fail(KARMA_E_TYPE, "%s: expected an array of %s, found one of %s", key,
                           gguf_type_name(item), gguf_type_name(v->item_type));
    }
    *out = v;
    return KARMA_OK;
}

static const unsigned char *item_at(const struct gguf_value *v, uint64_t i) {
    return v->data + i * (v->len / v->count);
}

int64_t gguf_array_int(const struct gguf_value *v, uint64_t i) {
    int64_t out;
    bool too_large;
    return load_int(v->item_type, item_at(v, i), &out, &too_large) ? out : 0;
}

double gguf_array_real(const struct gguf_value *v, uint64_t i) {
    double out;
    return load_real(v->item_type, item_at(v, i), &out) ? out : 0;
}

const char *gguf_array_next_string(const struct gguf_value *v, const unsigned char **at,
                                   size_t *len) {
    uint64_t n; /* gguf_parse() has checked every length */
    (void)v;
    memcpy(&n, *at, sizeof(n));
    const char *s = (const char *)*at + sizeof(n);
    *len = (size_t)n;
    *at += sizeof(n) + n;
    return s;
}
