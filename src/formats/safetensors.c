/*
 * safetensors.c - see safetensors.h. A file is a header length, a JSON object that gives each
 * tensor's type, shape and byte range, and the data. All that the reference reader enforces is
 * enforced: the ranges tile the data without hole, overlap or rest, and each is as long as shape
 * and type say. Beyond that, names must be unique, printable and short, and ranks at most 8.
 *
 * The header is walked twice: once to check it as JSON and count the tensors, so that one exact
 * allocation holds them, and once to fill them in.
 */
#include "formats/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_pull.h"
#include "base/log.h"
#include "base/map.h"
#include "base/size.h"
#include "formats/names.h"

enum {
    LENGTH_BYTES = 8,
    MAX_HEADER_BYTES = 100000000, /* the reference reader's limit */
    MAX_TENSORS = 1000000,
    MAX_NAME_BYTES = 1024,
    MAX_METADATA_KEYS = 100000,
};

/* The element types of the format. Those that karma cannot compute with are legal all the same. */
static const struct st_type {
    const char *name;
    uint8_t bits;
    enum dtype dtype;
} st_types[] = {
    {"BOOL", 8, DTYPE_BOOL},
    {"F4", 4, DTYPE_OTHER},
    {"F6_E2M3", 6, DTYPE_OTHER},
    {"F6_E3M2", 6, DTYPE_OTHER},
    {"U8", 8, DTYPE_U8},
    {"I8", 8, DTYPE_I8},
    {"F8_E5M2", 8, DTYPE_OTHER},
    {"F8_E4M3", 8, DTYPE_OTHER},
    {"F8_E8M0", 8, DTYPE_OTHER},
    {"F8_E4M3FNUZ", 8, DTYPE_OTHER},
    {"F8_E5M2FNUZ", 8, DTYPE_OTHER},
    {"I16", 16, DTYPE_I16},
    {"U16", 16, DTYPE_U16},
    {"F16", 16, DTYPE_F16},
    {"BF16", 16, DTYPE_BF16},
    {"I32", 32, DTYPE_I32},
    {"U32", 32, DTYPE_U32},
    {"F32", 32, DTYPE_F32},
    {"C64", 64, DTYPE_OTHER},
    {"F64", 64, DTYPE_F64},
    {"I64", 64, DTYPE_I64},
    {"U64", 64, DTYPE_U64},
};

struct reader {
    struct arena *a;
    struct json_pull json;
    struct named_tensor *tensors; /* [capacity] */
    uint64_t *begin;              /* [capacity], offset of each in the data */
    size_t count, capacity;
    struct name_table names;
    const unsigned char *data; /* the data buffer */
    uint64_t data_size;
    const char *file;
    struct map extra; /* unknown members of the present entry */
    size_t entries_with_extra;
    char first_extra[128];
};

static karma_status fail_type(const char *what, const char *expected) {
    return status_fail(KARMA_E_TYPE, "%s: expected %s", what, expected);
}

/* Event ev as a count. Fractions, exponents and signs are refused, as "16.0" and "-0" are by the
 * reference. */
static karma_status take_uint(const struct json_pull *j, enum json_event ev, const char *what,
                              uint64_t *out) {
    switch (ev) {
    case JSON_EV_INT:
        if (j->text[0] == '-') break;
        *out = (uint64_t)j->integer;
        return KARMA_OK;
    case JSON_EV_UINT:
        *out = j->uinteger;
        return KARMA_OK;
    case JSON_EV_REAL:
        if (memchr(j->text, '.', j->len) || memchr(j->text, 'e', j->len) ||
            memchr(j->text, 'E', j->len)) {
            return status_fail(KARMA_E_TYPE, "%s: expected a whole number, found %s", what,
                               status_quote(j->text, j->len));
        }
        break;
    default:
        return fail_type(what, "a whole number");
    }
    return status_fail(KARMA_E_RANGE, "%s: %s is not in 0..2^64-1", what,
                       status_quote(j->text, j->len));
}

static karma_status read_dtype(struct reader *r, const struct st_type **type) {
    enum json_event ev;
    karma_status st = json_pull_next(&r->json, &ev);
    if (st < 0) return st;
    if (ev != JSON_EV_STRING) {
        return status_fail(KARMA_E_DTYPE, "dtype is not a string");
    }
    const struct json_pull *j = &r->json;
    for (size_t i = 0; i < sizeof(st_types) / sizeof(*st_types); i++) {
        if (j->len != strlen(st_types[i].name)) continue;
        if (memcmp(j->text, st_types[i].name, j->len) != 0) continue;
        *type = &st_types[i];
        return KARMA_OK;
    }
    return status_fail(KARMA_E_DTYPE, "dtype %s is unknown", status_quote(j->text, j->len));
}

static karma_status read_shape(struct reader *r, struct named_tensor *t) {
    enum json_event ev;
    karma_status st = json_pull_next(&r->json, &ev);
    if (st < 0) return st;
    if (ev != JSON_EV_ARRAY_BEGIN) return fail_type("shape", "an array");
    t->n_dims = 0;
    for (;;) {
        uint64_t dim;
        st = json_pull_next(&r->json, &ev);
        if (st < 0) return st;
        if (ev == JSON_EV_ARRAY_END) return KARMA_OK;
        st = take_uint(&r->json, ev, "shape", &dim);
        if (st < 0) return st;
        if (dim > INT64_MAX) {
            return status_fail(KARMA_E_OVERFLOW, "shape: a dimension of %llu is beyond 2^63-1",
                               (unsigned long long)dim);
        }
        if (t->n_dims == TENSOR_MAX_DIMS) {
            return status_fail(KARMA_E_RANGE, "shape: more than %d dimensions", TENSOR_MAX_DIMS);
        }
        t->dims[t->n_dims++] = (int64_t)dim;
    }
}

static karma_status read_offsets(struct reader *r, uint64_t offsets[2]) {
    enum json_event ev;
    karma_status st = json_pull_next(&r->json, &ev);
    if (st < 0) return st;
    if (ev != JSON_EV_ARRAY_BEGIN) return fail_type("data_offsets", "an array");
    for (int i = 0; i < 2; i++) {
        st = json_pull_next(&r->json, &ev);
        if (st < 0) return st;
        if (ev == JSON_EV_ARRAY_END) return fail_type("data_offsets", "two numbers");
        st = take_uint(&r->json, ev, "data_offsets", &offsets[i]);
        if (st < 0) return st;
    }
    st = json_pull_next(&r->json, &ev);
    if (st < 0) return st;
    return ev == JSON_EV_ARRAY_END ? KARMA_OK : fail_type("data_offsets", "two numbers");
}

/* Bytes of shape and type. The product is taken in the order of the dimensions, so a zero hides
 * only what stands behind it. */
static karma_status size_of(const struct named_tensor *t, const struct st_type *type,
                            uint64_t *bytes) {
    uint64_t elems = 1, bits;
    for (int i = 0; i < t->n_dims; i++) {
        if (size_mul(elems, (uint64_t)t->dims[i], &elems)) continue;
        return status_fail(KARMA_E_OVERFLOW, "shape: the number of elements overflows");
    }
    if (!size_mul(elems, type->bits, &bits)) {
        return status_fail(KARMA_E_OVERFLOW, "shape: the size in bits overflows");
    }
    if (bits % 8 != 0) {
        return status_fail(KARMA_E_SHAPE, "%llu elements of %s are no whole number of bytes",
                           (unsigned long long)elems, type->name);
    }
    *bytes = bits / 8;
    return KARMA_OK;
}

static karma_status check_range(const struct reader *r, struct named_tensor *t,
                                const struct st_type *type, const uint64_t offsets[2]) {
    const unsigned long long begin = offsets[0], end = offsets[1];
    uint64_t bytes = 0;
    karma_status st = size_of(t, type, &bytes);
    if (st < 0) return st;
    if (end < begin) {
        return status_fail(KARMA_E_RANGE, "data_offsets: end %llu lies before begin %llu", end,
                           begin);
    }
    if (end > r->data_size) {
        return status_fail(KARMA_E_RANGE,
                           "data_offsets: ends at %llu of %llu bytes of data (a cut download?)",
                           end, (unsigned long long)r->data_size);
    }
    if (end - begin != bytes) {
        return status_fail(KARMA_E_RANGE, "data_offsets: %llu bytes, but shape and dtype make %llu",
                           end - begin, (unsigned long long)bytes);
    }
    t->dtype = type->dtype;
    t->dtype_name = type->name;
    t->data = r->data + begin;
    t->nbytes = (size_t)bytes;
    return KARMA_OK;
}

/* A member the format does not define: ignored, remembered for one warning a file. */
static karma_status skip_extra(struct reader *r) {
    struct map_entry *entry;
    bool added;
    const struct json_pull *j = &r->json;
    karma_status st = map_put(&r->extra, j->text, j->len, &entry, &added);
    if (st < 0) return st;
    if (!added) {
        return status_fail(KARMA_E_DUPLICATE, "%s is given twice", status_quote(j->text, j->len));
    }
    if (r->first_extra[0] == '\0') {
        const char *quoted = status_quote(j->text, j->len);
        const size_t n = strnlen(quoted, sizeof(r->first_extra) - 1);
        memcpy(r->first_extra, quoted, n);
        r->first_extra[n] = '\0';
    }
    enum json_event ev;
    st = json_pull_next(&r->json, &ev);
    return st < 0 ? st : json_pull_skip(&r->json, ev);
}

enum { HAS_DTYPE = 1, HAS_SHAPE = 2, HAS_OFFSETS = 4 };

static const struct member {
    const char *name;
    unsigned bit;
} members[] = {{"dtype", HAS_DTYPE}, {"shape", HAS_SHAPE}, {"data_offsets", HAS_OFFSETS}};

/* The member of this name, or NULL. */
static const struct member *find_member(const struct json_pull *j) {
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        if (j->len != strlen(members[i].name)) continue;
        if (memcmp(j->text, members[i].name, j->len) == 0) return &members[i];
    }
    return NULL;
}

static karma_status read_members(struct reader *r, struct named_tensor *t, uint64_t *begin) {
    const struct st_type *type = NULL;
    uint64_t offsets[2] = {0, 0};
    unsigned seen = 0;
    enum json_event ev;
    karma_status st = json_pull_next(&r->json, &ev);
    if (st == KARMA_OK && ev != JSON_EV_OBJECT_BEGIN) return fail_type("entry", "an object");
    while (st == KARMA_OK) {
        st = json_pull_next(&r->json, &ev);
        if (st < 0 || ev == JSON_EV_OBJECT_END) break;
        const struct member *m = find_member(&r->json);
        if (!m) {
            st = skip_extra(r);
            continue;
        }
        if (seen & m->bit) return status_fail(KARMA_E_DUPLICATE, "%s is given twice", m->name);
        seen |= m->bit;
        if (m->bit == HAS_DTYPE) st = read_dtype(r, &type);
        if (m->bit == HAS_SHAPE) st = read_shape(r, t);
        if (m->bit == HAS_OFFSETS) st = read_offsets(r, offsets);
    }
    if (st < 0) return st;
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        if (seen & members[i].bit) continue;
        return status_fail(KARMA_E_MISSING, "%s is missing", members[i].name);
    }
    *begin = offsets[0];
    return check_range(r, t, type, offsets);
}

/* The entry whose key was just read. */
static karma_status read_tensor(struct reader *r) {
    const size_t len = r->json.len;
    karma_status st = name_check("tensor name", r->json.text, len, MAX_NAME_BYTES);
    if (st < 0) return st;
    const char *name = arena_strndup(r->a, r->json.text, len);
    if (!name) return KARMA_E_NOMEM;
    struct named_tensor *t = &r->tensors[r->count];
    *t = (struct named_tensor){.name = name, .file = r->file};
    if (!name_table_add(&r->names, name, len, (uint32_t)r->count)) {
        return status_fail(KARMA_E_DUPLICATE, "tensor %s is given twice", status_quote(name, len));
    }
    st = read_members(r, t, &r->begin[r->count]);
    if (r->extra.count > 0) {
        map_release(&r->extra);
        r->entries_with_extra++;
    }
    if (st < 0) return status_prefix(st, "tensor %s", status_quote(name, len));
    r->count++;
    return KARMA_OK;
}

/* "__metadata__": text to text, or null. Nothing in it is used. */
static karma_status read_metadata(struct reader *r) {
    struct map keys = {0};
    enum json_event ev;
    karma_status st = json_pull_next(&r->json, &ev);
    if (st < 0 || ev == JSON_EV_NULL) return st;
    if (ev != JSON_EV_OBJECT_BEGIN) return fail_type("__metadata__", "an object of strings");
    for (;;) {
        struct map_entry *entry;
        bool added;
        st = json_pull_next(&r->json, &ev);
        if (st < 0 || ev == JSON_EV_OBJECT_END) break;
        if (keys.count == MAX_METADATA_KEYS) {
            st = status_fail(KARMA_E_LIMIT, "__metadata__: more than %d keys", MAX_METADATA_KEYS);
            break;
        }
        st = map_put(&keys, r->json.text, r->json.len, &entry, &added);
        if (st < 0) break;
        if (!added) {
            st = status_fail(KARMA_E_DUPLICATE, "__metadata__: %s is given twice",
                             status_quote(r->json.text, r->json.len));
            break;
        }
        st = json_pull_next(&r->json, &ev);
        if (st < 0) break;
        if (ev != JSON_EV_STRING) {
            st = status_fail(KARMA_E_TYPE, "__metadata__: the value of %s is not a string",
                             status_quotez(entry->key));
            break;
        }
    }
    map_release(&keys);
    return st;
}

static bool at_metadata(const struct json_pull *j) {
    static const char key[] = "__metadata__";
    return j->len == sizeof(key) - 1 && memcmp(j->text, key, j->len) == 0;
}

/* First walk: how many tensors are there? The whole header is checked as JSON on the way. */
static karma_status count_tensors(const char *text, size_t len, size_t *count) {
    struct json_pull j;
    enum json_event ev;
    size_t n = 0, n_metadata = 0;
    json_pull_init(&j, text, len);
    karma_status st = json_pull_next(&j, &ev);
    if (st == KARMA_OK && ev != JSON_EV_OBJECT_BEGIN) {
        st = status_fail(KARMA_E_SYNTAX, "expected an object");
    }
    while (st == KARMA_OK) {
        st = json_pull_next(&j, &ev);
        if (st < 0) break;
        if (ev == JSON_EV_OBJECT_END) {
            st = json_pull_next(&j, &ev); /* nothing but blanks may follow */
            break;
        }
        if (at_metadata(&j)) {
            n_metadata++;
        } else if (++n > MAX_TENSORS) {
            st = status_fail(KARMA_E_LIMIT, "more than %d tensors", MAX_TENSORS);
            break;
        }
        st = json_pull_next(&j, &ev);
        if (st == KARMA_OK) st = json_pull_skip(&j, ev);
    }
    json_pull_release(&j);
    if (st == KARMA_OK && n_metadata > 1) {
        st = status_fail(KARMA_E_DUPLICATE, "__metadata__ is given twice");
    }
    *count = n;
    return st;
}

/* Second walk, over a header that is known to be one JSON object. */
static karma_status read_header(struct reader *r) {
    enum json_event ev;
    karma_status st = json_pull_next(&r->json, &ev);
    while (st == KARMA_OK) {
        st = json_pull_next(&r->json, &ev);
        if (st < 0 || ev == JSON_EV_OBJECT_END) break;
        st = at_metadata(&r->json) ? read_metadata(r) : read_tensor(r);
    }
    return st;
}

/* Before `b` in the file? Of tensors that begin together the empty ones come first. */
static int compare_places(const void *a, const void *b, void *ctx) {
    const struct reader *r = ctx;
    const uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    if (r->begin[i] != r->begin[k]) return r->begin[i] < r->begin[k] ? -1 : 1;
    const size_t ni = r->tensors[i].nbytes, nk = r->tensors[k].nbytes;
    if (ni != nk) return ni < nk ? -1 : 1;
    return i < k ? -1 : i > k;
}

/* Bring tensors into the order of their data. Most files have it already. */
static karma_status sort_tensors(struct reader *r) {
    bool sorted = true;
    for (uint32_t i = 1; i < r->count && sorted; i++) {
        sorted = compare_places(&(uint32_t){i - 1}, &i, r) < 0;
    }
    if (sorted) return KARMA_OK;
    uint32_t *order = mem_alloc(r->count * sizeof(*order));
    if (!order) return KARMA_E_NOMEM;
    for (uint32_t i = 0; i < r->count; i++)
        order[i] = i;
    qsort_r(order, r->count, sizeof(*order), compare_places, r);
    /* order[i] is who belongs at i; follow each cycle once, so that no second array is needed */
    for (uint32_t i = 0; i < r->count; i++) {
        const struct named_tensor first = r->tensors[i];
        const uint64_t first_begin = r->begin[i];
        uint32_t at = i;
        while (order[at] != i) {
            const uint32_t from = order[at];
            r->tensors[at] = r->tensors[from];
            r->begin[at] = r->begin[from];
            order[at] = at;
            at = from;
        }
        r->tensors[at] = first;
        r->begin[at] = first_begin;
        order[at] = at;
    }
    mem_free(order);
    return KARMA_OK;
}

/* The sorted ranges must tile the data buffer. */
static karma_status check_tiling(const struct reader *r) {
    uint64_t at = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct named_tensor *t = &r->tensors[i];
        if (r->begin[i] != at) {
            const bool hole = r->begin[i] > at;
            return status_fail(hole ? KARMA_E_HOLE : KARMA_E_OVERLAP,
                               "tensor %s: data_offsets: begins at %llu, %s %llu",
                               status_quotez(t->name), (unsigned long long)r->begin[i],
                               hole ? "leaving a hole from" : "inside the tensor that ends at",
                               (unsigned long long)at);
        }
        at += t->nbytes; /* at most data_size, as each range was checked to be */
    }
    if (at == r->data_size) return KARMA_OK;
    return status_fail(KARMA_E_UNEXPECTED, "%llu bytes after the last tensor",
                       (unsigned long long)(r->data_size - at));
}

static karma_status header_span(const unsigned char *data, size_t size, size_t *len) {
    uint64_t n = 0;
    if (size < LENGTH_BYTES) {
        return status_fail(KARMA_E_TRUNCATED, "%zu bytes are too few for a safetensors file", size);
    }
    for (int i = 0; i < LENGTH_BYTES; i++)
        n |= (uint64_t)data[i] << (8 * i);
    if (n > MAX_HEADER_BYTES) {
        return status_fail(KARMA_E_LIMIT, "header of %llu bytes, at most %d are allowed",
                           (unsigned long long)n, MAX_HEADER_BYTES);
    }
    if (n > size - LENGTH_BYTES) {
        return status_fail(KARMA_E_TRUNCATED, "header of %llu bytes in a file of %zu",
                           (unsigned long long)n, size);
    }
    if (n < 2) return status_fail(KARMA_E_SYNTAX, "header of %d bytes", (int)n);
    *len = (size_t)n;
    return KARMA_OK;
}

static karma_status parse(struct reader *r, const unsigned char *data, size_t size) {
    size_t len = 0;
    karma_status st = header_span(data, size, &len);
    if (st < 0) return st;
    const char *const text = (const char *)data + LENGTH_BYTES;
    st = count_tensors(text, len, &r->capacity);
    if (st < 0) return status_prefix(st, "header");
    r->data = data + LENGTH_BYTES + len;
    r->data_size = size - LENGTH_BYTES - len;
    r->tensors = arena_calloc(r->a, r->capacity + 1, sizeof(*r->tensors));
    r->begin = mem_calloc(r->capacity + 1, sizeof(*r->begin));
    if (!r->tensors || !r->begin) return KARMA_E_NOMEM;
    st = name_table_reserve(&r->names, r->capacity);
    if (st < 0) return st;
    json_pull_init(&r->json, text, len);
    st = read_header(r);
    json_pull_release(&r->json);
    if (st == KARMA_OK) st = sort_tensors(r);
    if (st == KARMA_OK) st = check_tiling(r);
    return st;
}

karma_status safetensors_parse(struct arena *a, const unsigned char *data, size_t size,
                               const char *file, struct named_tensor **tensors, int64_t *count) {
    struct reader r = {.a = a, .file = file};
    *tensors = NULL;
    *count = 0;
    karma_status st = parse(&r, data, size);
    name_table_release(&r.names);
    map_release(&r.extra);
    mem_free(r.begin);
    if (st < 0) return status_prefix(st, "%s", file);
    if (r.entries_with_extra > 0) {
        log_warn("%s: %zu entries have members the format does not know, such as %s; ignored", file,
                 r.entries_with_extra, r.first_extra);
    }
    *tensors = r.tensors;
    *count = (int64_t)r.count;
    return KARMA_OK;
}
