/*
 * parquet_thrift.h - Thrift's compact protocol, as far as Parquet's footer and page headers need
 * it. A reader over bytes: after the first failure every take gives 0 and the status stays.
 */
#ifndef FORMATS_PARQUET_THRIFT_H
#define FORMATS_PARQUET_THRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum thrift_type {
    THRIFT_STOP = 0,
    THRIFT_TRUE = 1,
    THRIFT_FALSE = 2,
    THRIFT_I8 = 3,
    THRIFT_I16 = 4,
    THRIFT_I32 = 5,
    THRIFT_I64 = 6,
    THRIFT_DOUBLE = 7,
    THRIFT_BINARY = 8,
    THRIFT_LIST = 9,
    THRIFT_SET = 10,
    THRIFT_MAP = 11,
    THRIFT_STRUCT = 12,
};

struct thrift {
    const unsigned char *p, *end;
    karma_status st;
    int depth;
};
struct thrift_field {
    int id, type;
};

/* A varint at *p of at most 10 bytes; false at its end or past 64 bits. */
bool varint_read(const unsigned char **p, const unsigned char *end, uint64_t *out);
static inline int64_t zigzag(uint64_t v) {
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* The next field of a struct; *f is zero before the first. False at the struct's end, after a
 * failure too. */
bool thrift_next(struct thrift *t, struct thrift_field *f);
/* The value of the field f, which must be of that type and, the number, in [min, max]. what: its
 * name, for messages. */
int64_t thrift_int(struct thrift *t, const struct thrift_field *f, const char *what, int64_t min,
                   int64_t max);
bool thrift_bool(struct thrift *t, const struct thrift_field *f, const char *what);
/* Lent bytes of the input. */
const char *thrift_bytes(struct thrift *t, const struct thrift_field *f, const char *what,
                         size_t *len);
/* May the fields of the struct that f or an element is be read? Else it was no struct. */
bool thrift_is(struct thrift *t, int type, int expected, const char *what);
/* A list's elements: their number, each at least one byte, and their type. */
size_t thrift_list(struct thrift *t, const struct thrift_field *f, const char *what, int *type);
void thrift_skip(struct thrift *t, int type);
void thrift_fail(struct thrift *t, karma_status st, const char *what, const char *why);

#endif
