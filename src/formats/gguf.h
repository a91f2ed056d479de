/*
 * gguf.h - the reader of GGUF, versions 2 and 3, little-endian: metadata and tensor directory.
 * Values are lent from the mapped file; strings are not NUL-terminated there.
 */
#ifndef FORMATS_GGUF_H
#define FORMATS_GGUF_H

#include "formats/checkpoint.h"

enum gguf_type {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64
};

const char *gguf_type_name(enum gguf_type t); /* "u32", "string", ... */

struct gguf_value {
    enum gguf_type type;
    enum gguf_type item_type;  /* of an array */
    uint64_t count;            /* of an array */
    const unsigned char *data; /* scalar bytes, string bytes, or the first array element */
    size_t len;                /* of a string; bytes of the whole array */
};

struct gguf;

/* Parse a whole file's bytes. data and file (its base name, for tensors and messages) are lent for
 * the life of *out. */
karma_status gguf_parse(const unsigned char *data, size_t size, const char *file,
                        struct gguf **out);
void gguf_destroy(struct gguf *g);

int64_t gguf_tensor_count(const struct gguf *g);
const struct named_tensor *gguf_tensors(const struct gguf *g);
size_t gguf_key_count(const struct gguf *g);
const char *gguf_key(const struct gguf *g, size_t i, const struct gguf_value **value);
const struct gguf_value *gguf_find(const struct gguf *g, const char *key); /* NULL if absent */

/* Typed look-up. Absent: *out = otherwise. Wrong type E_TYPE, outside [min,max] E_RANGE, naming
 * the key. Integers of any width are accepted for ints; ints, F32, F64 for reals. */
karma_status gguf_int(const struct gguf *g, const char *key, int64_t min, int64_t max,
                      int64_t otherwise, int64_t *out);
karma_status gguf_need_int(const struct gguf *g, const char *key, int64_t min, int64_t max,
                           int64_t *out);
karma_status gguf_real(const struct gguf *g, const char *key, double otherwise, double *out);
karma_status gguf_bool(const struct gguf *g, const char *key, bool otherwise, bool *out);
/* *data NULL when absent. */
karma_status gguf_string(const struct gguf *g, const char *key, const char **data, size_t *len);
/* An array whose items have the wanted type; *v NULL when absent; E_TYPE otherwise. */
karma_status gguf_array(const struct gguf *g, const char *key, enum gguf_type item,
                        const struct gguf_value **v);
/* Element i of an int or float array (any width). */
int64_t gguf_array_int(const struct gguf_value *v, uint64_t i);
double gguf_array_real(const struct gguf_value *v, uint64_t i);
/* Walk a string array: *at starts at v->data; returns the string and moves on. */
const char *gguf_array_next_string(const struct gguf_value *v, const unsigned char **at,
                                   size_t *len);

#endif
