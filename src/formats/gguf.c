/*
 * gguf.c - see gguf.h. Reads the header, the metadata and the tensor directory with a cursor that
 * compares every length with the bytes that are left before it is used. Tensors must be stored in
 * the order of the directory without gaps, as the format's reference library demands.
 *
 * Nothing of the values is copied: strings and arrays stay in the mapping. Keys and tensor names
 * get a NUL in the arena, because they are compared as C strings elsewhere.
 */
#include "formats/gguf.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/size.h"
#include "formats/names.h"

enum {
    MAX_TENSORS = 1000000,
    MAX_KEYS = 1000000,
    MAX_KEY_BYTES = 65535,
    MAX_TENSOR_NAME_BYTES = 63,
    MAX_STRING_BYTES = 16 << 20,
    MAX_ARRAY_ITEMS = 1 << 30,
    MAX_DIMS = 4,
    MIN_KEY_BYTES = 8 + 1 + 4 + 1,        /* key of one byte, type, a value of one byte */
    MIN_TENSOR_BYTES = 8 + 1 + 4 + 4 + 8, /* name of one byte, n_dims 0, type, offset */
    DEFAULT_ALIGNMENT = 32,
    MIN_ALIGNMENT = 8,
    MAX_ALIGNMENT = 65536,
};

struct gguf {
    struct arena a;
    struct name_table by_key;
    const char **keys;
    struct gguf_value *values;
    size_t n_keys;
    struct named_tensor *tensors;
    int64_t n_tensors;
};

struct cursor {
    const unsigned char *p, *end;
};

static size_t left(const struct cursor *c) {
    return (size_t)(c->end - c->p);
}

static karma_status read_bytes(struct cursor *c, void *out, size_t n) {
    if (left(c) < n) {
        return status_fail(KARMA_E_TRUNCATED, "%zu bytes are needed and %zu left", n, left(c));
    }
    memcpy(out, c->p, n);
    c->p += n;
    return KARMA_OK;
}

static karma_status read_u32(struct cursor *c, uint32_t *out) {
    *out = 0;
    return read_bytes(c, out, sizeof(*out));
}

static karma_status read_u64(struct cursor *c, uint64_t *out) {
    *out = 0;
    return read_bytes(c, out, sizeof(*out));
}

static karma_status read_string(struct cursor *c, uint64_t max, const unsigned char **data,
                                size_t *len) {
    uint64_t n = 0;
    *data = NULL;
    *len = 0;
    karma_status st = read_u64(c, &n);
    if (st < 0) return st;
    if (n > left(c)) {
        return status_fail(KARMA_E_TRUNCATED, "a string of %llu bytes with %zu left",
                           (unsigned long long)n, left(c));
    }
    if (n > max) {
        return status_fail(KARMA_E_LIMIT, "a string of %llu bytes, at most %llu are allowed",
                           (unsigned long long)n, (unsigned long long)max);
    }
    *data = c->p;
    *len = (size_t)n;
    c->p += n;
    return KARMA_OK;
}

/* Metadata */

/* Bytes of a value by type; 0: not of fixed size. */
static const uint8_t value_bytes[] = {
    [GGUF_U8] = 1,  [GGUF_I8] = 1,  [GGUF_U16] = 2,  [GGUF_I16] = 2,    [GGUF_U32] = 4,
    [GGUF_I32] = 4, [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_STRING] = 0, [GGUF_ARRAY] = 0,
    [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
};
enum { N_VALUE_TYPES = sizeof(value_bytes) / sizeof(*value_bytes) };

static karma_status read_type(struct cursor *c, enum gguf_type *out) {
    uint32_t type = 0;
    *out = GGUF_U8;
    karma_status st = read_u32(c, &type);
    if (st < 0) return st;
    if (type >= N_VALUE_TYPES) return status_fail(KARMA_E_TYPE, "value type %u is unknown", type);
    *out = (enum gguf_type)type;
    return KARMA_OK;
}

static karma_status check_bools(const unsigned char *data, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        if (data[i] > 1) return status_fail(KARMA_E_RANGE, "a bool of value %u", data[i]);
    }
    return KARMA_OK;
}

/* Items of a fixed size: a scalar is one of them. */
static karma_status take_items(struct cursor *c, struct gguf_value *v, enum gguf_type type,
                               uint64_t count) {
    const size_t bytes = value_bytes[type];
    if (count > left(c) / bytes) {
        return status_fail(KARMA_E_TRUNCATED, "%llu values of type %s with %zu bytes left",
                           (unsigned long long)count, gguf_type_name(type), left(c));
    }
    v->data = c->p;
    v->len = (size_t)count * bytes;
    c->p += v->len;
    return type == GGUF_BOOL ? check_bools(v->data, count) : KARMA_OK;
}

static karma_status take_strings(struct cursor *c, struct gguf_value *v) {
    if (v->count > left(c) / 8) {
        return status_fail(KARMA_E_TRUNCATED, "%llu strings with %zu bytes left",
                           (unsigned long long)v->count, left(c));
    }
    v->data = c->p;
    for (uint64_t i = 0; i < v->count; i++) {
        const unsigned char *data;
        size_t len;
        karma_status st = read_string(c, MAX_STRING_BYTES, &data, &len);
        if (st < 0) return status_prefix(st, "item %llu", (unsigned long long)i);
    }
    v->len = (size_t)(c->p - v->data);
    return KARMA_OK;
}

static karma_status read_array(struct cursor *c, struct gguf_value *v) {
    karma_status st = read_type(c, &v->item_type);
    if (st < 0) return st;
    if (v->item_type == GGUF_ARRAY) {
        return status_fail(KARMA_E_UNSUPPORTED, "arrays of arrays are not supported");
    }
    st = read_u64(c, &v->count);
    if (st < 0) return st;
    st =
        v->item_type == GGUF_STRING ? take_strings(c, v) : take_items(c, v, v->item_type, v->count);
    if (st == KARMA_OK && v->count > MAX_ARRAY_ITEMS) {
        st = status_fail(KARMA_E_LIMIT, "an array of %llu items, at most %d are allowed",
                         (unsigned long long)v->count, MAX_ARRAY_ITEMS);
    }
    return st;
}

static karma_status read_value(struct cursor *c, struct gguf_value *v) {
    karma_status st = read_type(c, &v->type);
    if (st < 0) return st;
    if (v->type == GGUF_ARRAY) return read_array(c, v);
    if (v->type == GGUF_STRING) return read_string(c, MAX_STRING_BYTES, &v->data, &v->len);
    return take_items(c, v, v->type, 1);
}

static karma_status read_key(struct gguf *g, struct cursor *c) {
    const unsigned char *data;
    size_t len;
    karma_status st = read_string(c, MAX_KEY_BYTES, &data, &len);
    if (st == KARMA_OK) st = name_check("key", (const char *)data, len, MAX_KEY_BYTES);
    if (st < 0) return st;
    const char *key = arena_strndup(&g->a, (const char *)data, len);
    if (!key) return KARMA_E_NOMEM;
    if (!name_table_add(&g->by_key, key, len, (uint32_t)g->n_keys)) {
        return status_fail(KARMA_E_DUPLICATE, "given twice: %s", status_quote(key, len));
    }
    g->keys[g->n_keys] = key;
    st = read_value(c, &g->values[g->n_keys]);
    if (st < 0) return status_prefix(st, "%s", status_quote(key, len));
    g->n_keys++;
    return KARMA_OK;
}

static karma_status read_metadata(struct gguf *g, struct cursor *c, uint64_t count) {
    g->keys = arena_calloc(&g->a, (size_t)count + 1, sizeof(*g->keys));
    g->values = arena_calloc(&g->a, (size_t)count + 1, sizeof(*g->values));
    if (!g->keys || !g->values) return KARMA_E_NOMEM;
    karma_status st = name_table_reserve(&g->by_key, (size_t)count);
    for (uint64_t i = 0; i < count && st == KARMA_OK; i++) {
        st = read_key(g, c);
        if (st < 0) st = status_prefix(st, "key %llu", (unsigned long long)i);
    }
    return st;
}

static karma_status read_alignment(const struct gguf *g, uint64_t *out) {
    const struct gguf_value *v = gguf_find(g, "general.alignment");
    *out = DEFAULT_ALIGNMENT;
    if (!v) return KARMA_OK;
    if (v->type != GGUF_U32) {
        return status_fail(KARMA_E_TYPE, "general.alignment: expected u32, found %s",
                           gguf_type_name(v->type));
    }
    uint32_t alignment;
    memcpy(&alignment, v->data, sizeof(alignment));
    if (alignment < MIN_ALIGNMENT || alignment > MAX_ALIGNMENT ||
        (alignment & (alignment - 1)) != 0) {
        return status_fail(KARMA_E_RANGE, "general.alignment: %u is no power of two in %d..%d",
                           alignment, MIN_ALIGNMENT, MAX_ALIGNMENT);
    }
    *out = alignment;
    return KARMA_OK;
}

/* Tensors */

/* By the format's number. Numbers without a name were removed or never given. */
static const struct tensor_type {
    const char *name;
    uint16_t elems, bytes; /* of a block */
    enum dtype dtype;
} tensor_types[] = {
    [0] = {"F32", 1, 4, DTYPE_F32},
    [1] = {"F16", 1, 2, DTYPE_F16},
    [2] = {"Q4_0", 32, 18, DTYPE_Q4_0},
    [3] = {"Q4_1", 32, 20, DTYPE_Q4_1},
    [6] = {"Q5_0", 32, 22, DTYPE_Q5_0},
    [7] = {"Q5_1", 32, 24, DTYPE_Q5_1},
    [8] = {"Q8_0", 32, 34, DTYPE_Q8_0},
    [9] = {"Q8_1", 32, 36, DTYPE_OTHER},
    [10] = {"Q2_K", 256, 84, DTYPE_Q2_K},
    [11] = {"Q3_K", 256, 110, DTYPE_Q3_K},
    [12] = {"Q4_K", 256, 144, DTYPE_Q4_K},
    [13] = {"Q5_K", 256, 176, DTYPE_Q5_K},
    [14] = {"Q6_K", 256, 210, DTYPE_Q6_K},
    [15] = {"Q8_K", 256, 292, DTYPE_OTHER},
    [16] = {"IQ2_XXS", 256, 66, DTYPE_OTHER},
    [17] = {"IQ2_XS", 256, 74, DTYPE_OTHER},
    [18] = {"IQ3_XXS", 256, 98, DTYPE_OTHER},
    [19] = {"IQ1_S", 256, 50, DTYPE_OTHER},
    [20] = {"IQ4_NL", 32, 18, DTYPE_IQ4_NL},
    [21] = {"IQ3_S", 256, 110, DTYPE_OTHER},
    [22] = {"IQ2_S", 256, 82, DTYPE_OTHER},
    [23] = {"IQ4_XS", 256, 136, DTYPE_OTHER},
    [24] = {"I8", 1, 1, DTYPE_I8},
    [25] = {"I16", 1, 2, DTYPE_I16},
    [26] = {"I32", 1, 4, DTYPE_I32},
    [27] = {"I64", 1, 8, DTYPE_I64},
    [28] = {"F64", 1, 8, DTYPE_F64},
    [29] = {"IQ1_M", 256, 56, DTYPE_OTHER},
    [30] = {"BF16", 1, 2, DTYPE_BF16},
    [34] = {"TQ1_0", 256, 54, DTYPE_OTHER},
    [35] = {"TQ2_0", 256, 66, DTYPE_OTHER},
    [39] = {"MXFP4", 32, 17, DTYPE_OTHER},
    [40] = {"NVFP4", 64, 36, DTYPE_OTHER},
    [41] = {"Q1_0", 128, 18, DTYPE_OTHER},
    [42] = {"Q2_0", 64, 18, DTYPE_OTHER},
};
enum { N_TENSOR_TYPES = sizeof(tensor_types) / sizeof(*tensor_types) };

/* Reads 0..4 dimensions, innermost first as the file has them, into dims outermost first. */
static karma_status read_dims(struct cursor *c, struct named_tensor *t, uint64_t *innermost,
                              uint64_t *elems) {
    uint32_t n = 0;
    karma_status st = read_u32(c, &n);
    if (st < 0) return st;
    if (n > MAX_DIMS) {
        return status_fail(KARMA_E_RANGE, "%u dimensions, at most %d are allowed", n, MAX_DIMS);
    }
    t->n_dims = (int)n;
    *innermost = *elems = 1;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t dim = 0;
        st = read_u64(c, &dim);
        if (st < 0) return st;
        if (dim == 0 || dim > INT64_MAX) {
            return status_fail(KARMA_E_RANGE, "dimension %u is %lld", i, (long long)dim);
        }
        if (!size_mul(*elems, dim, elems) || *elems > INT64_MAX) {
            return status_fail(KARMA_E_OVERFLOW, "the number of elements overflows");
        }
        if (i == 0) *innermost = dim;
        t->dims[n - 1 - i] = (int64_t)dim;
    }
    return KARMA_OK;
}

/* One entry of the directory. *at: where its data must begin, relative to the data section;
 * afterwards where the next one's must. */
static karma_status read_tensor_body(struct cursor *c, struct named_tensor *t, uint64_t alignment,
                                     uint64_t *at) {
    uint64_t innermost = 1, elems = 1, offset = 0, bytes = 0, padded = 0;
    uint32_t id = 0;
    karma_status st = read_dims(c, t, &innermost, &elems);
    if (st == KARMA_OK) st = read_u32(c, &id);
    if (st == KARMA_OK) st = read_u64(c, &offset);
    if (st < 0) return st;
    if (id >= N_TENSOR_TYPES || !tensor_types[id].name) {
        return status_fail(KARMA_E_DTYPE, "type %u is unknown or was removed from the format", id);
    }
    const struct tensor_type *type = &tensor_types[id];
    if (innermost % type->elems != 0) {
        return status_fail(KARMA_E_SHAPE, "rows of %llu elements are no whole number of %s blocks",
                           (unsigned long long)innermost, type->name);
    }
    if (!size_mul(elems / type->elems, type->bytes, &bytes)) {
        return status_fail(KARMA_E_OVERFLOW, "the size in bytes overflows");
    }
    if (offset % alignment != 0) {
        return status_fail(KARMA_E_RANGE, "offset %llu is no multiple of the alignment %llu",
                           (unsigned long long)offset, (unsigned long long)alignment);
    }
    if (offset != *at) {
        return status_fail(offset > *at ? KARMA_E_HOLE : KARMA_E_OVERLAP,
                           "offset %llu, but the tensors before it end at %llu",
                           (unsigned long long)offset, (unsigned long long)*at);
    }
    if (!size_align_up(bytes, alignment, &padded) || !size_add(*at, padded, at)) {
        return status_fail(KARMA_E_OVERFLOW, "the sizes of the tensors overflow");
    }
    t->dtype = type->dtype;
    t->dtype_name = type->name;
    t->nbytes = (size_t)bytes;
    return KARMA_OK;
}

/* begin[i]: offset of tensor i in the data section. */
static karma_status read_directory(struct gguf *g, struct cursor *c, uint64_t count,
                                   uint64_t alignment, const char *file, struct name_table *names,
                                   uint64_t *begin) {
    uint64_t at = 0;
    for (uint64_t i = 0; i < count; i++) {
        const unsigned char *data;
        size_t len;
        struct named_tensor *t = &g->tensors[i];
        karma_status st = read_string(c, UINT64_MAX, &data, &len);
        if (st == KARMA_OK) {
            st = name_check("tensor name", (const char *)data, len, MAX_TENSOR_NAME_BYTES);
        }
        if (st < 0) return status_prefix(st, "tensor %llu", (unsigned long long)i);
        t->name = arena_strndup(&g->a, (const char *)data, len);
        if (!t->name) return KARMA_E_NOMEM;
        t->file = file;
        if (!name_table_add(names, t->name, len, (uint32_t)i)) {
            return status_fail(KARMA_E_DUPLICATE, "tensor %s is given twice",
                               status_quote(t->name, len));
        }
        begin[i] = at;
        st = read_tensor_body(c, t, alignment, &at);
        if (st < 0) return status_prefix(st, "tensor %s", status_quote(t->name, len));
    }
    return KARMA_OK;
}

/* Point every tensor at its bytes, once it is known where the data section begins. */
static karma_status place_tensors(struct gguf *g, const unsigned char *data, size_t size,
                                  uint64_t position, uint64_t alignment, const uint64_t *begin) {
    uint64_t start = 0;
    if (!size_align_up(position, alignment, &start) || start > size) {
        return status_fail(KARMA_E_TRUNCATED, "the file ends before its data section");
    }
    const uint64_t room = size - start;
    for (int64_t i = 0; i < g->n_tensors; i++) {
        struct named_tensor *t = &g->tensors[i];
        if (begin[i] > room || t->nbytes > room - begin[i]) {
            return status_fail(KARMA_E_TRUNCATED,
                               "tensor %s: %zu bytes at %llu of a data section of %llu (a cut "
                               "download?)",
                               status_quotez(t->name), t->nbytes, (unsigned long long)begin[i],
                               (unsigned long long)room);
        }
        t->data = data + start + begin[i];
    }
    return KARMA_OK;
}

static karma_status read_tensors(struct gguf *g, const unsigned char *data, size_t size,
                                 struct cursor *c, uint64_t count, const char *file) {
    uint64_t alignment = DEFAULT_ALIGNMENT;
    karma_status st = read_alignment(g, &alignment);
    if (st < 0) return st;
    if (count == 0) return KARMA_OK; /* a vocabulary alone: no padding, no data section */
    struct name_table names = {0};
    uint64_t *begin = mem_calloc((size_t)count, sizeof(*begin));
    g->tensors = arena_calloc(&g->a, (size_t)count, sizeof(*g->tensors));
    st = begin && g->tensors ? name_table_reserve(&names, (size_t)count) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = read_directory(g, c, count, alignment, file, &names, begin);
    if (st == KARMA_OK) {
        g->n_tensors = (int64_t)count;
        st = place_tensors(g, data, size, (uint64_t)(c->p - data), alignment, begin);
    }
    name_table_release(&names);
    mem_free(begin);
    return st;
}

/* The file */

static karma_status read_head(struct cursor *c, uint64_t *n_tensors, uint64_t *n_keys) {
    char magic[4] = "";
    uint32_t version = 0;
    *n_tensors = *n_keys = 0;
    karma_status st = read_bytes(c, magic, sizeof(magic));
    if (st < 0) return st;
    if (memcmp(magic, "GGUF", sizeof(magic)) != 0) {
        return status_fail(KARMA_E_MAGIC, "begins with %s, not with GGUF", status_quote(magic, 4));
    }
    st = read_u32(c, &version);
    if (st < 0) return st;
    if (version != 0 && (version & 0xffff) == 0) {
        return status_fail(KARMA_E_UNSUPPORTED, "big-endian file; karma reads little-endian ones");
    }
    if (version != 2 && version != 3) {
        return status_fail(KARMA_E_VERSION, "GGUF version %u, karma reads 2 and 3", version);
    }
    st = read_u64(c, n_tensors);
    return st < 0 ? st : read_u64(c, n_keys);
}

/* Before anything is allocated by it: could the bytes that are left hold so many? */
static karma_status check_count(const char *what, uint64_t count, uint64_t allowed, uint64_t room) {
    if (count <= allowed && count <= room) return KARMA_OK;
    return status_fail(KARMA_E_LIMIT, "%llu %s; the file has room for %llu, and %llu are allowed",
                       (unsigned long long)count, what, (unsigned long long)room,
                       (unsigned long long)allowed);
}

static karma_status check_counts(const struct cursor *c, uint64_t n_tensors, uint64_t n_keys) {
    const uint64_t room = left(c);
    karma_status st = check_count("keys", n_keys, MAX_KEYS, room / MIN_KEY_BYTES);
    if (st < 0) return st;
    return check_count("tensors", n_tensors, MAX_TENSORS,
                       (room - n_keys * MIN_KEY_BYTES) / MIN_TENSOR_BYTES);
}

karma_status gguf_parse(const unsigned char *data, size_t size, const char *file,
                        struct gguf **out) {
    struct cursor c = {data, data + size};
    uint64_t n_tensors = 0, n_keys = 0;
    *out = NULL;
    struct gguf *g = mem_calloc(1, sizeof(*g));
    if (!g) return KARMA_E_NOMEM;
    karma_status st = read_head(&c, &n_tensors, &n_keys);
    if (st == KARMA_OK) st = check_counts(&c, n_tensors, n_keys);
    if (st == KARMA_OK) st = read_metadata(g, &c, n_keys);
    if (st == KARMA_OK) st = read_tensors(g, data, size, &c, n_tensors, file);
    if (st < 0) {
        gguf_destroy(g);
        return status_prefix(st, "%s", file);
    }
    *out = g;
    return KARMA_OK;
}

void gguf_destroy(struct gguf *g) {
    if (!g) return;
    name_table_release(&g->by_key);
    arena_release(&g->a);
    mem_free(g);
}

int64_t gguf_tensor_count(const struct gguf *g) {
    return g->n_tensors;
}

const struct named_tensor *gguf_tensors(const struct gguf *g) {
    return g->tensors;
}

size_t gguf_key_count(const struct gguf *g) {
    return g->n_keys;
}

const char *gguf_key(const struct gguf *g, size_t i, const struct gguf_value **value) {
    *value = &g->values[i];
    return g->keys[i];
}

const struct gguf_value *gguf_find(const struct gguf *g, const char *key) {
    const int64_t i = name_table_find(&g->by_key, key, strlen(key));
    return i < 0 ? NULL : &g->values[i];
}
