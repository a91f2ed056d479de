/*
 * onnx.c - see onnx.h. Three messages matter: the model holds a graph, the graph holds nodes and
 * tensors. Each list is counted before it is filled, so that arrays are exact and a length in the
 * file never decides how much is allocated beyond what its bytes can hold.
 */
#include "formats/onnx.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/map.h"
#include "base/size.h"
#include "formats/contained.h"
#include "formats/names.h"
#include "formats/protobuf.h"

enum {
    MAX_NAME_BYTES = 4096,
    MAX_DATA_FILES = 100000,
    MAX_LISTED = 10000000, /* nodes or tensors */
};

struct data_file { /* external data */
    const char *location;
    struct file_map map;
};

struct onnx {
    struct arena a;
    struct file_map map;
    const char *folder;
    int64_t ir_version, opset;
    struct onnx_node *nodes;
    struct named_tensor *tensors;
    const char **inputs, **outputs;
    size_t n_nodes, n_tensors, n_inputs, n_outputs;
    struct name_table by_name;
    struct map files; /* location -> struct data_file */
    const char **file_names;
};

/* ---- small parts ---- */

static karma_status text(struct onnx *m, const struct pb_field *f, const char *what,
                         const char **out) {
    karma_status st = pb_want(f, PB_BYTES, what);
    if (st < 0) return st;
    if (f->len > MAX_NAME_BYTES)
        return status_fail(KARMA_E_LIMIT, "%s: %zu bytes, at most %d", what, f->len,
                           MAX_NAME_BYTES);
    if (memchr(f->bytes ? f->bytes : (const void *)"", 0, f->len))
        return status_fail(KARMA_E_SYNTAX, "%s: a zero byte inside", what);
    *out = arena_strndup(&m->a, f->bytes ? (const char *)f->bytes : "", f->len);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

/* Occurrences of field `number` in a message. */
static karma_status count_field(struct pb m, uint32_t number, size_t *count) {
    struct pb_field f;
    karma_status st;
    *count = 0;
    while ((st = pb_next(&m, &f)) == KARMA_OK)
        *count += f.number == number;
    if (*count > MAX_LISTED) return status_fail(KARMA_E_LIMIT, "more than %d entries", MAX_LISTED);
    return st < 0 ? st : KARMA_OK;
}

/* Numbers of a repeated field: packed in one, or one at a time. */
static karma_status count_numbers(struct pb m, uint32_t number, enum pb_wire wire, size_t *count) {
    struct pb_field f;
    karma_status st;
    *count = 0;
    while ((st = pb_next(&m, &f)) == KARMA_OK) {
        if (f.number != number) continue;
        if (f.wire != PB_BYTES) {
            ++*count;
            continue;
        }
        struct pb list = pb_inside(&f);
        uint64_t v;
        while ((st = pb_packed(&list, wire, &v)) == KARMA_OK)
            ++*count;
        if (st < 0) return st;
    }
    return st < 0 ? st : KARMA_OK;
}

/* The i-th and later numbers of that field, to `take`. */
struct number_sink {
    size_t at;
    int64_t *ints;
    float *floats;
};

static void take_number(struct number_sink *s, uint64_t v) {
    if (s->ints) s->ints[s->at] = (int64_t)v;
    if (s->floats) {
        const uint32_t bits = (uint32_t)v;
        memcpy(&s->floats[s->at], &bits, sizeof(bits));
    }
    s->at++;
}

static karma_status read_numbers(struct pb m, uint32_t number, enum pb_wire wire,
                                 struct number_sink *sink) {
    struct pb_field f;
    karma_status st;
    while ((st = pb_next(&m, &f)) == KARMA_OK) {
        if (f.number != number) continue;
        if (f.wire != PB_BYTES) {
            st = pb_want(&f, wire, "list of numbers");
            if (st < 0) return st;
            take_number(sink, f.value);
            continue;
        }
        struct pb list = pb_inside(&f);
        uint64_t v;
        while ((st = pb_packed(&list, wire, &v)) == KARMA_OK)
            take_number(sink, v);
        if (st < 0) return st;
    }
    return st < 0 ? st : KARMA_OK;
}

/* ---- tensors ---- */

/* ONNX's numbering of element types. */
static const struct {
    int64_t id;
    enum dtype dtype;
    const char *name;
} data_types[] = {
    {1, DTYPE_F32, "float32"},    {2, DTYPE_U8, "uint8"},    {3, DTYPE_I8, "int8"},
    {4, DTYPE_U16, "uint16"},     {5, DTYPE_I16, "int16"},   {6, DTYPE_I32, "int32"},
    {7, DTYPE_I64, "int64"},      {9, DTYPE_BOOL, "bool"},   {10, DTYPE_F16, "float16"},
    {11, DTYPE_F64, "float64"},   {12, DTYPE_U32, "uint32"}, {13, DTYPE_U64, "uint64"},
    {16, DTYPE_BF16, "bfloat16"},
};

struct external {
    const char *location, *offset, *length;
};

struct tensor_fields { /* what a TensorProto says, before it is put together */
    struct pb message;
    int64_t data_type, data_location;
    const unsigned char *raw;
    size_t raw_len;
    bool has_raw;
    struct external external;
};

static karma_status read_external(struct onnx *m, const struct pb_field *entry,
                                  struct external *e) {
    struct pb inside = pb_inside(entry);
    struct pb_field f;
    const char *key = "", *value = "";
    karma_status st = pb_want(entry, PB_BYTES, "external_data");
    while (st == KARMA_OK && (st = pb_next(&inside, &f)) == KARMA_OK) {
        if (f.number == 1) st = text(m, &f, "external_data key", &key);
        if (f.number == 2) st = text(m, &f, "external_data value", &value);
    }
    if (st < 0) return st;
    if (strcmp(key, "location") == 0) e->location = value;
    if (strcmp(key, "offset") == 0) e->offset = value;
    if (strcmp(key, "length") == 0) e->length = value;
    return KARMA_OK;
}

static karma_status decimal(const char *s, const char *what, uint64_t otherwise, uint64_t *out) {
    *out = otherwise;
    if (!s) return KARMA_OK;
    *out = 0;
    const char *at = s;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (!size_mul(*out, 10, out) || !size_add(*out, (uint64_t)(*at - '0'), out)) break;
    }
    if (*at || at == s)
        return status_fail(KARMA_E_SYNTAX, "external_data %s: expected a number, found %s", what,
                           status_quotez(s));
    return KARMA_OK;
}

static karma_status open_data_file(struct onnx *m, const char *location,
                                   const struct data_file **out) {
    struct map_entry *entry;
    const char *path;
    bool added;
    if (!m->folder)
        return status_fail(KARMA_E_PATH, "external data, and no folder to look for it in");
    if (m->files.count >= MAX_DATA_FILES)
        return status_fail(KARMA_E_LIMIT, "more than %d files of external data", MAX_DATA_FILES);
    karma_status st = contained_path(&m->a, m->folder, location, &path);
    if (st == KARMA_OK) st = map_put(&m->files, location, strlen(location), &entry, &added);
    if (st < 0) return st;
    if (added) {
        struct data_file *file = arena_calloc(&m->a, 1, sizeof(*file));
        if (!file) return KARMA_E_NOMEM;
        entry->value.ptr = file;
        file->location = entry->key;
        st = file_map_open(path, &file->map);
    }
    *out = entry->value.ptr;
    return st;
}

static karma_status external_bytes(struct onnx *m, const struct external *e, size_t nbytes,
                                   const void **data) {
    const struct data_file *file = NULL;
    uint64_t offset, length, end;
    if (!e->location) return status_fail(KARMA_E_MISSING, "external_data: no location");
    karma_status st = open_data_file(m, e->location, &file);
    if (st == KARMA_OK) st = decimal(e->offset, "offset", 0, &offset);
    if (st < 0) return st;
    const uint64_t size = file->map.size;
    const uint64_t rest = offset <= size ? size - offset : 0;
    st = decimal(e->length, "length", rest, &length);
    if (st < 0) return st;
    if (length != nbytes)
        return status_fail(KARMA_E_SHAPE, "%s: %llu bytes, its shape takes %zu",
                           status_quotez(e->location), (unsigned long long)length, nbytes);
    if (!size_add(offset, length, &end) || end > size)
        return status_fail(KARMA_E_TRUNCATED, "%s: ends at byte %llu, the tensor at %llu",
                           status_quotez(e->location), (unsigned long long)size,
                           (unsigned long long)(offset + length));
    *data = nbytes ? file->map.data + offset : (const void *)"";
    return KARMA_OK;
}

/* Values in one of the typed lists: *data is a copy in the element type. */
static karma_status typed_bytes(struct onnx *m, const struct tensor_fields *f, enum dtype dtype,
                                uint64_t elems, const void **data) {
    const bool is_f32 = dtype == DTYPE_F32, is_i64 = dtype == DTYPE_I64;
    const bool is_16 = dtype == DTYPE_F16 || dtype == DTYPE_BF16;
    const uint32_t field = is_f32 ? 4 : is_i64 ? 7 : 5;
    const enum pb_wire wire = is_f32 ? PB_FIXED32 : PB_VARINT;
    size_t count;
    if (!is_f32 && !is_i64 && !is_16 && dtype != DTYPE_I32)
        return status_fail(KARMA_E_DTYPE, "no raw data, and its type is not kept otherwise");
    karma_status st = count_numbers(f->message, field, wire, &count);
    if (st < 0) return st;
    if (count != elems)
        return status_fail(KARMA_E_SHAPE, "%zu values, its shape takes %llu", count,
                           (unsigned long long)elems);
    struct number_sink sink = {0};
    void *values;
    if (is_f32)
        values = sink.floats = arena_calloc(&m->a, count + 1, sizeof(float));
    else
        values = sink.ints = arena_calloc(&m->a, count + 1, sizeof(int64_t));
    if (!values) return KARMA_E_NOMEM;
    st = read_numbers(f->message, field, wire, &sink);
    for (size_t i = 0; st == KARMA_OK && !is_f32 && !is_i64 && i < count; i++) {
        /* In place, from the front: an element is never wider than the number it came from. */
        const int64_t v = sink.ints[i];
        const int32_t v32 = (int32_t)v;
        const uint16_t v16 = (uint16_t)v;
        if (is_16)
            memcpy((unsigned char *)values + i * 2, &v16, 2);
        else
            memcpy((unsigned char *)values + i * 4, &v32, 4);
    }
    *data = values;
    return st;
}

static karma_status tensor_dims(struct tensor_fields *f, struct named_tensor *t, uint64_t *elems) {
    size_t count;
    int64_t dims[TENSOR_MAX_DIMS];
    karma_status st = count_numbers(f->message, 1, PB_VARINT, &count);
    if (st < 0) return st;
    if (count > TENSOR_MAX_DIMS)
        return status_fail(KARMA_E_SHAPE, "%zu dimensions, at most %d", count, TENSOR_MAX_DIMS);
    struct number_sink sink = {.ints = dims};
    st = read_numbers(f->message, 1, PB_VARINT, &sink);
    if (st < 0) return status_prefix(st, "dims");
    t->n_dims = (int)count;
    *elems = 1;
    for (size_t i = 0; i < count; i++) {
        t->dims[i] = dims[i];
        if (dims[i] < 0 || !size_mul(*elems, (uint64_t)dims[i], elems))
            return status_fail(KARMA_E_OVERFLOW, "dims: their product does not fit");
    }
    return KARMA_OK;
}

static karma_status scan_tensor(struct onnx *m, struct tensor_fields *f, struct named_tensor *t) {
    struct pb at = f->message;
    struct pb_field field;
    karma_status st;
    while ((st = pb_next(&at, &field)) == KARMA_OK) {
        switch (field.number) {
        case 2:
            st = pb_want(&field, PB_VARINT, "data_type");
            f->data_type = (int64_t)field.value;
            break;
        case 8:
            st = text(m, &field, "tensor name", &t->name);
            break;
        case 9:
            st = pb_want(&field, PB_BYTES, "raw_data");
            f->raw = field.bytes;
            f->raw_len = field.len;
            f->has_raw = true;
            break;
        case 13:
            st = read_external(m, &field, &f->external);
            break;
        case 14:
            st = pb_want(&field, PB_VARINT, "data_location");
            f->data_location = (int64_t)field.value;
            break;
        default:
            break;
        }
        if (st < 0) return st;
    }
    return st < 0 ? st : KARMA_OK;
}

static karma_status finish_tensor(struct onnx *m, struct tensor_fields *f, struct named_tensor *t) {
    uint64_t elems = 0, nbytes;
    t->dtype = DTYPE_OTHER;
    for (size_t i = 0; i < sizeof(data_types) / sizeof(data_types[0]); i++) {
        if (data_types[i].id != f->data_type) continue;
        t->dtype = data_types[i].dtype;
        t->dtype_name = data_types[i].name;
    }
    if (t->dtype == DTYPE_OTHER)
        return status_fail(KARMA_E_DTYPE, "data_type %lld is not known", (long long)f->data_type);
    karma_status st = tensor_dims(f, t, &elems);
    if (st < 0) return st;
    if (!dtype_bytes(t->dtype, elems, &nbytes) || nbytes > SIZE_MAX / 2)
        return status_fail(KARMA_E_OVERFLOW, "dims: their product does not fit");
    t->nbytes = (size_t)nbytes;
    if (f->data_location == 1) return external_bytes(m, &f->external, t->nbytes, &t->data);
    if (f->data_location != 0)
        return status_fail(KARMA_E_RANGE, "data_location %lld", (long long)f->data_location);
    if (!f->has_raw && elems > 0) return typed_bytes(m, f, t->dtype, elems, &t->data);
    if (f->raw_len != t->nbytes)
        return status_fail(KARMA_E_SHAPE, "raw_data: %zu bytes, its shape takes %zu", f->raw_len,
                           t->nbytes);
    t->data = f->raw_len ? f->raw : (const void *)"";
    return KARMA_OK;
}

static karma_status read_tensor(struct onnx *m, const struct pb_field *field,
                                struct named_tensor *t) {
    karma_status st = pb_want(field, PB_BYTES, "tensor");
    if (st < 0) return st;
    struct tensor_fields f = {.message = pb_inside(field)};
    *t = (struct named_tensor){.name = "", .file = ""};
    st = scan_tensor(m, &f, t);
    if (st == KARMA_OK) {
        t->file = f.data_location == 1 && f.external.location ? f.external.location : "";
        st = finish_tensor(m, &f, t);
    }
    return status_prefix(st, "tensor %s", status_quotez(t->name));
}

/* ---- nodes ---- */

static karma_status read_list(struct onnx *m, const struct pb_field *field,
                              struct onnx_attribute *out) {
    const struct pb inside = pb_inside(field);
    const bool ints = out->type == ONNX_INTS;
    const uint32_t number = ints ? 8 : 7;
    const enum pb_wire wire = ints ? PB_VARINT : PB_FIXED32;
    struct number_sink sink = {0};
    karma_status st = count_numbers(inside, number, wire, &out->count);
    if (st < 0) return st;
    if (ints)
        out->ints = sink.ints = arena_calloc(&m->a, out->count + 1, sizeof(int64_t));
    else
        out->floats = sink.floats = arena_calloc(&m->a, out->count + 1, sizeof(float));
    if (!sink.ints && !sink.floats) return KARMA_E_NOMEM;
    return read_numbers(inside, number, wire, &sink);
}

static karma_status attribute_value(struct onnx *m, const struct pb_field *f,
                                    struct onnx_attribute *out) {
    karma_status st = KARMA_OK;
    switch (f->number) {
    case 1:
        return text(m, f, "attribute name", &out->name);
    case 20:
        out->type = (int)f->value;
        return pb_want(f, PB_VARINT, "attribute type");
    case 2: {
        const uint32_t bits = (uint32_t)f->value;
        st = pb_want(f, PB_FIXED32, "attribute f");
        memcpy(&out->f, &bits, sizeof(bits));
        return st;
    }
    case 3:
        out->i = (int64_t)f->value;
        return pb_want(f, PB_VARINT, "attribute i");
    case 4:
        st = pb_want(f, PB_BYTES, "attribute s");
        if (st < 0) return st;
        out->s = arena_strndup(&m->a, f->bytes ? (const char *)f->bytes : "", f->len);
        out->s_len = f->len;
        return out->s ? KARMA_OK : KARMA_E_NOMEM;
    case 5: {
        struct named_tensor *t = arena_calloc(&m->a, 1, sizeof(*t));
        if (!t) return KARMA_E_NOMEM;
        out->t = t;
        return read_tensor(m, f, t);
    }
    default:
        return KARMA_OK;
    }
}

static karma_status read_attribute(struct onnx *m, const struct pb_field *field,
                                   struct onnx_attribute *out) {
    karma_status st = pb_want(field, PB_BYTES, "attribute");
    if (st < 0) return st;
    struct pb at = pb_inside(field);
    struct pb_field f;
    *out = (struct onnx_attribute){.name = ""};
    while ((st = pb_next(&at, &f)) == KARMA_OK) {
        st = attribute_value(m, &f, out);
        if (st < 0) return status_prefix(st, "attribute %s", status_quotez(out->name));
    }
    if (st < 0) return st;
    if (out->type != ONNX_INTS && out->type != ONNX_FLOATS) return KARMA_OK;
    return status_prefix(read_list(m, field, out), "attribute %s", status_quotez(out->name));
}

static bool is_default_domain(const char *domain) {
    return !*domain || strcmp(domain, "ai.onnx") == 0;
}

static karma_status node_lists(struct onnx *m, struct pb message, struct onnx_node *n) {
    karma_status st = count_field(message, 1, &n->n_inputs);
    if (st == KARMA_OK) st = count_field(message, 2, &n->n_outputs);
    if (st == KARMA_OK) st = count_field(message, 5, &n->n_attributes);
    if (st < 0) return st;
    n->inputs = arena_calloc(&m->a, n->n_inputs + 1, sizeof(*n->inputs));
    n->outputs = arena_calloc(&m->a, n->n_outputs + 1, sizeof(*n->outputs));
    n->attributes = arena_calloc(&m->a, n->n_attributes + 1, sizeof(*n->attributes));
    return n->inputs && n->outputs && n->attributes ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status read_node(struct onnx *m, const struct pb_field *field, struct onnx_node *n) {
    karma_status st = pb_want(field, PB_BYTES, "node");
    if (st < 0) return st;
    struct pb at = pb_inside(field);
    struct pb_field f;
    size_t in = 0, out = 0, attribute = 0;
    const char *domain = "";
    *n = (struct onnx_node){.name = "", .op_type = ""};
    st = node_lists(m, at, n);
    const char **inputs = (const char **)n->inputs, **outputs = (const char **)n->outputs;
    struct onnx_attribute *attributes = (struct onnx_attribute *)n->attributes;
    while (st == KARMA_OK && (st = pb_next(&at, &f)) == KARMA_OK) {
        if (f.number == 1) st = text(m, &f, "input", &inputs[in++]);
        if (f.number == 2) st = text(m, &f, "output", &outputs[out++]);
        if (f.number == 3) st = text(m, &f, "name", &n->name);
        if (f.number == 4) st = text(m, &f, "op_type", &n->op_type);
        if (f.number == 5) st = read_attribute(m, &f, &attributes[attribute++]);
        if (f.number == 7) st = text(m, &f, "domain", &domain);
    }
    if (st < 0) return status_prefix(st, "node %s", status_quotez(n->name));
    if (is_default_domain(domain)) return KARMA_OK;
    n->op_type = arena_printf(&m->a, "%s.%s", domain, n->op_type);
    return n->op_type ? KARMA_OK : KARMA_E_NOMEM;
}

/* ---- graph and model ---- */

static karma_status value_name(struct onnx *m, const struct pb_field *field, const char **out) {
    karma_status st = pb_want(field, PB_BYTES, "value");
    if (st < 0) return st;
    struct pb at = pb_inside(field);
    struct pb_field f;
    *out = "";
    while (st == KARMA_OK && (st = pb_next(&at, &f)) == KARMA_OK)
        if (f.number == 1) st = text(m, &f, "value name", out);
    return st < 0 ? st : KARMA_OK;
}

static karma_status graph_lists(struct onnx *m, struct pb graph) {
    karma_status st = count_field(graph, 1, &m->n_nodes);
    if (st == KARMA_OK) st = count_field(graph, 5, &m->n_tensors);
    if (st == KARMA_OK) st = count_field(graph, 11, &m->n_inputs);
    if (st == KARMA_OK) st = count_field(graph, 12, &m->n_outputs);
    if (st == KARMA_OK) st = name_table_reserve(&m->by_name, m->n_tensors);
    if (st < 0) return st;
    m->nodes = arena_calloc(&m->a, m->n_nodes + 1, sizeof(*m->nodes));
    m->tensors = arena_calloc(&m->a, m->n_tensors + 1, sizeof(*m->tensors));
    m->inputs = arena_calloc(&m->a, m->n_inputs + 1, sizeof(*m->inputs));
    m->outputs = arena_calloc(&m->a, m->n_outputs + 1, sizeof(*m->outputs));
    return m->nodes && m->tensors && m->inputs && m->outputs ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status take_tensor(struct onnx *m, const struct pb_field *f, size_t i) {
    struct named_tensor *t = &m->tensors[i];
    karma_status st = read_tensor(m, f, t);
    if (st == KARMA_OK) st = name_check("tensor name", t->name, strlen(t->name), MAX_NAME_BYTES);
    if (st == KARMA_OK && !name_table_add(&m->by_name, t->name, strlen(t->name), (uint32_t)i))
        st = status_fail(KARMA_E_DUPLICATE, "tensor %s: there are two", status_quotez(t->name));
    return st;
}

/* Old files list the initializers among the inputs. */
static void drop_initializers(struct onnx *m) {
    size_t kept = 0;
    for (size_t i = 0; i < m->n_inputs; i++)
        if (!onnx_find(m, m->inputs[i])) m->inputs[kept++] = m->inputs[i];
    m->n_inputs = kept;
}

static karma_status read_graph(struct onnx *m, struct pb graph) {
    struct pb_field f;
    size_t node = 0, tensor = 0, in = 0, out = 0;
    karma_status st = graph_lists(m, graph);
    while (st == KARMA_OK && (st = pb_next(&graph, &f)) == KARMA_OK) {
        if (f.number == 1) st = read_node(m, &f, &m->nodes[node++]);
        if (f.number == 5) st = take_tensor(m, &f, tensor++);
        if (f.number == 11) st = value_name(m, &f, &m->inputs[in++]);
        if (f.number == 12) st = value_name(m, &f, &m->outputs[out++]);
    }
    if (st < 0) return status_prefix(st, "graph");
    drop_initializers(m);
    return KARMA_OK;
}

static karma_status read_opset(struct onnx *m, const struct pb_field *field) {
    karma_status st = pb_want(field, PB_BYTES, "opset_import");
    if (st < 0) return st;
    struct pb at = pb_inside(field);
    struct pb_field f;
    const char *domain = "";
    int64_t version = 0;
    while (st == KARMA_OK && (st = pb_next(&at, &f)) == KARMA_OK) {
        if (f.number == 1) st = text(m, &f, "domain", &domain);
        if (f.number == 2) version = (int64_t)f.value;
    }
    if (st < 0) return st;
    if (is_default_domain(domain)) m->opset = version;
    return KARMA_OK;
}

static karma_status read_model(struct onnx *m, struct pb model) {
    struct pb_field f, graph = {0};
    karma_status st;
    size_t n_graphs = 0;
    while ((st = pb_next(&model, &f)) == KARMA_OK) {
        if (f.number == 1) m->ir_version = (int64_t)f.value;
        if (f.number == 8) st = read_opset(m, &f);
        if (f.number == 7) {
            st = pb_want(&f, PB_BYTES, "graph");
            graph = f;
            n_graphs++;
        }
        if (st < 0) return st;
    }
    if (st < 0) return status_prefix(KARMA_E_MAGIC, "not an ONNX model");
    if (n_graphs != 1 || m->ir_version < 1)
        return status_fail(KARMA_E_MAGIC, "not an ONNX model: %zu graphs, IR version %lld",
                           n_graphs, (long long)m->ir_version);
    return read_graph(m, pb_inside(&graph));
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static karma_status list_files(struct onnx *m) {
    m->file_names = arena_calloc(&m->a, m->files.count + 1, sizeof(*m->file_names));
    if (!m->file_names) return KARMA_E_NOMEM;
    for (size_t i = 0; i < m->files.count; i++)
        m->file_names[i] = m->files.entries[i].key;
    qsort(m->file_names, m->files.count, sizeof(*m->file_names), by_text);
    return KARMA_OK;
}

static karma_status parse(struct onnx *m, const void *data, size_t len) {
    const unsigned char *bytes = data;
    if (len == 0) return status_fail(KARMA_E_MAGIC, "not an ONNX model: the file is empty");
    karma_status st = read_model(m, (struct pb){bytes, bytes + len});
    return st < 0 ? st : list_files(m);
}

karma_status onnx_parse(const void *data, size_t len, const char *name, const char *folder,
                        struct onnx **out) {
    struct onnx *m = *out = mem_calloc(1, sizeof(*m));
    if (!m) return KARMA_E_NOMEM;
    karma_status st = KARMA_OK;
    if (folder && !(m->folder = arena_strdup(&m->a, folder))) st = KARMA_E_NOMEM;
    if (st == KARMA_OK) st = parse(m, data, len);
    if (st == KARMA_OK) return st;
    onnx_close(m);
    *out = NULL;
    return status_prefix(st, "%s", name);
}

karma_status onnx_open(const char *path, struct onnx **out) {
    struct onnx *m = *out = mem_calloc(1, sizeof(*m));
    if (!m) return KARMA_E_NOMEM;
    karma_status st = file_map_open(path, &m->map); /* its message names the path */
    if (st == KARMA_OK) {
        m->folder = file_dir_name(&m->a, path);
        st = m->folder ? parse(m, m->map.data, m->map.size) : KARMA_E_NOMEM;
        if (st < 0) status_prefix(st, "%s", file_base_name(path));
    }
    if (st == KARMA_OK) return st;
    onnx_close(m);
    *out = NULL;
    return st;
}

void onnx_close(struct onnx *m) {
    if (!m) return;
    for (size_t i = 0; i < m->files.count; i++) {
        struct data_file *file = m->files.entries[i].value.ptr;
        if (file) file_map_close(&file->map);
    }
    map_release(&m->files);
    name_table_release(&m->by_name);
    file_map_close(&m->map);
    arena_release(&m->a);
    mem_free(m);
}

bool onnx_forget(const struct onnx *m, const void *data, size_t n) {
    bool found = file_map_forget_bytes(&m->map, data, n);
    for (size_t i = 0; !found && i < m->files.count; i++) {
        const struct data_file *file = m->files.entries[i].value.ptr;
        found = file && file_map_forget_bytes(&file->map, data, n);
    }
    return found;
}

/* ---- what it holds ---- */

int64_t onnx_ir_version(const struct onnx *m) {
    return m->ir_version;
}

int64_t onnx_opset(const struct onnx *m) {
    return m->opset;
}

size_t onnx_node_count(const struct onnx *m) {
    return m->n_nodes;
}

const struct onnx_node *onnx_node(const struct onnx *m, size_t i) {
    return &m->nodes[i];
}

size_t onnx_tensor_count(const struct onnx *m) {
    return m->n_tensors;
}

const struct named_tensor *onnx_tensor(const struct onnx *m, size_t i) {
    return &m->tensors[i];
}

const struct named_tensor *onnx_find(const struct onnx *m, const char *name) {
    const int64_t i = name_table_find(&m->by_name, name, strlen(name));
    return i < 0 ? NULL : &m->tensors[i];
}

size_t onnx_input_count(const struct onnx *m) {
    return m->n_inputs;
}

const char *onnx_input(const struct onnx *m, size_t i) {
    return m->inputs[i];
}

size_t onnx_output_count(const struct onnx *m) {
    return m->n_outputs;
}

const char *onnx_output(const struct onnx *m, size_t i) {
    return m->outputs[i];
}

const struct onnx_attribute *onnx_attribute(const struct onnx_node *n, const char *name) {
    for (size_t i = 0; i < n->n_attributes; i++)
        if (strcmp(n->attributes[i].name, name) == 0) return &n->attributes[i];
    return NULL;
}

const char *const *onnx_data_files(const struct onnx *m, size_t *count) {
    *count = m->files.count;
    return m->file_names;
}
