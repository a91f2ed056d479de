/* parquet_thrift.c - see parquet_thrift.h. */
#include "formats/parquet_thrift.h"

enum { MAX_DEPTH = 32 };

void thrift_fail(struct thrift *t, karma_status st, const char *what, const char *why) {
    if (t->st < 0) return;
    t->st = status_fail(st, "%s: %s", what, why);
    t->p = t->end;
}

bool varint_read(const unsigned char **p, const unsigned char *end, uint64_t *out) {
    uint64_t v = 0;
    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        const unsigned char byte = *(*p)++;
        if (shift == 63 && byte > 1) return false;
        v |= (uint64_t)(byte & 0x7F) << shift;
        if (byte & 0x80) continue;
        *out = v;
        return true;
    }
    return false;
}

static uint64_t take_varint(struct thrift *t) {
    uint64_t v = 0;
    if (t->st == KARMA_OK && !varint_read(&t->p, t->end, &v))
        thrift_fail(t, KARMA_E_TRUNCATED, "thrift", "a number has no end");
    return t->st < 0 ? 0 : v;
}

static unsigned take_byte(struct thrift *t) {
    if (t->st == KARMA_OK && t->p == t->end)
        thrift_fail(t, KARMA_E_TRUNCATED, "thrift", "the data ends early");
    return t->st < 0 ? 0 : *t->p++;
}

bool thrift_next(struct thrift *t, struct thrift_field *f) {
    const unsigned head = take_byte(t);
    if (t->st < 0 || head == 0) return false;
    f->type = (int)(head & 15);
    const int64_t id = head >> 4 ? f->id + (int64_t)(head >> 4) : zigzag(take_varint(t));
    if (t->st < 0) return false;
    if (id < 1 || id > INT16_MAX || f->type == THRIFT_STOP || f->type > THRIFT_STRUCT) {
        thrift_fail(t, KARMA_E_SYNTAX, "thrift", "no such field");
        return false;
    }
    f->id = (int)id;
    return true;
}

bool thrift_is(struct thrift *t, int type, int expected, const char *what) {
    if (t->st == KARMA_OK && type != expected)
        thrift_fail(t, KARMA_E_TYPE, what, "a field of another type than it has");
    return t->st == KARMA_OK;
}

int64_t thrift_int(struct thrift *t, const struct thrift_field *f, const char *what, int64_t min,
                   int64_t max) {
    int64_t v = 0;
    if (f->type == THRIFT_I8)
        v = (signed char)take_byte(t);
    else if (f->type >= THRIFT_I16 && f->type <= THRIFT_I64)
        v = zigzag(take_varint(t));
    else
        thrift_fail(t, KARMA_E_TYPE, what, "expected a number");
    if (t->st < 0) return 0;
    if (v >= min && v <= max) return v;
    t->st = status_fail(KARMA_E_RANGE, "%s: out of range (expected %lld to %lld, found %lld)", what,
                        (long long)min, (long long)max, (long long)v);
    t->p = t->end;
    return 0;
}

bool thrift_bool(struct thrift *t, const struct thrift_field *f, const char *what) {
    if (f->type != THRIFT_TRUE && f->type != THRIFT_FALSE)
        thrift_fail(t, KARMA_E_TYPE, what, "expected true or false");
    return f->type == THRIFT_TRUE;
}

const char *thrift_bytes(struct thrift *t, const struct thrift_field *f, const char *what,
                         size_t *len) {
    *len = 0;
    if (!thrift_is(t, f->type, THRIFT_BINARY, what)) return "";
    const uint64_t n = take_varint(t);
    if (t->st == KARMA_OK && n > (uint64_t)(t->end - t->p))
        thrift_fail(t, KARMA_E_TRUNCATED, what, "longer than what is left");
    if (t->st < 0) return "";
    const char *bytes = (const char *)t->p;
    t->p += n;
    *len = (size_t)n;
    return bytes;
}

static size_t list_head(struct thrift *t, const char *what, int *type) {
    const unsigned head = take_byte(t);
    uint64_t n = head >> 4;
    *type = (int)(head & 15);
    if (n == 15) n = take_varint(t);
    if (t->st == KARMA_OK && n > (uint64_t)(t->end - t->p))
        thrift_fail(t, KARMA_E_TRUNCATED, what, "more elements than what is left can hold");
    return t->st < 0 ? 0 : (size_t)n;
}

size_t thrift_list(struct thrift *t, const struct thrift_field *f, const char *what, int *type) {
    *type = THRIFT_STOP;
    return thrift_is(t, f->type, THRIFT_LIST, what) ? list_head(t, what, type) : 0;
}

static void skip_bytes(struct thrift *t, uint64_t n) {
    if (t->st < 0) return;
    if (n > (uint64_t)(t->end - t->p))
        thrift_fail(t, KARMA_E_TRUNCATED, "thrift", "longer than what is left");
    else
        t->p += n;
}

/* Elements of a list: truth values are bytes there. */
static void skip_element(struct thrift *t, int type) {
    if (type == THRIFT_TRUE || type == THRIFT_FALSE)
        take_byte(t);
    else
        thrift_skip(t, type);
}

static void skip_map(struct thrift *t) {
    const uint64_t n = take_varint(t);
    if (n == 0) return;
    const unsigned types = take_byte(t);
    if (n > (uint64_t)(t->end - t->p))
        thrift_fail(t, KARMA_E_TRUNCATED, "thrift", "more elements than what is left can hold");
    for (uint64_t i = 0; i < n && t->st == KARMA_OK; i++) {
        skip_element(t, (int)(types >> 4));
        skip_element(t, (int)(types & 15));
    }
}

void thrift_skip(struct thrift *t, int type) {
    struct thrift_field f = {0};
    if (t->depth == MAX_DEPTH) thrift_fail(t, KARMA_E_LIMIT, "thrift", "nested too deeply");
    if (t->st < 0) return;
    t->depth++;
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE:
        break;
    case THRIFT_I8:
        take_byte(t);
        break;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        take_varint(t);
        break;
    case THRIFT_DOUBLE:
        skip_bytes(t, 8);
        break;
    case THRIFT_BINARY:
        skip_bytes(t, take_varint(t));
        break;
    case THRIFT_LIST:
    case THRIFT_SET: {
        int element;
        const size_t n = list_head(t, "thrift", &element);
        for (size_t i = 0; i < n && t->st == KARMA_OK; i++)
            skip_element(t, element);
        break;
    }
    case THRIFT_MAP:
        skip_map(t);
        break;
    case THRIFT_STRUCT:
        while (thrift_next(t, &f))
            thrift_skip(t, f.type);
        break;
    default:
        thrift_fail(t, KARMA_E_SYNTAX, "thrift", "no such type");
    }
    t->depth--;
}
