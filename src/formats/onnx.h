/*
 * onnx.h - the graph of an .onnx file as it stands: nodes in file order, the tensors stored with
 * them, names of inputs and outputs. Nothing is run: a family walks the graph for its weights.
 * Tensors are views of the file, or of the files beside it that hold external data.
 */
#ifndef FORMATS_ONNX_H
#define FORMATS_ONNX_H

#include "formats/checkpoint.h"

enum onnx_attribute_type {
    ONNX_FLOAT = 1,
    ONNX_INT = 2,
    ONNX_STRING = 3,
    ONNX_TENSOR = 4,
    ONNX_FLOATS = 6,
    ONNX_INTS = 7,
};

struct onnx_attribute {
    const char *name;
    int type; /* onnx_attribute_type, or another of the format, whose value is not kept */
    float f;
    int64_t i;
    const char *s; /* s_len bytes, then a NUL */
    size_t s_len;
    const struct named_tensor *t;
    const int64_t *ints;
    const float *floats;
    size_t count; /* of ints or floats */
};

struct onnx_node {
    const char *name;          /* "" when the file gives none, as the next */
    const char *op_type;       /* behind its domain and a point unless that is the default one */
    const char *const *inputs; /* "" for an input left out */
    const char *const *outputs;
    size_t n_inputs, n_outputs, n_attributes;
    const struct onnx_attribute *attributes;
};

struct onnx;

/* E_MAGIC: not an ONNX model; E_TRUNCATED, E_SYNTAX, E_RANGE, E_SHAPE, E_OVERFLOW for what is wrong
 * inside; E_PATH: external data that lies outside the model's folder (a link may lead to the hub
 * cache's own blobs); E_MISSING, E_TRUNCATED: a file of external data is not there or too short;
 * E_DUPLICATE: a tensor's name twice. */
karma_status onnx_open(const char *path, struct onnx **out);
/* The same from bytes, which the result refers to. folder: where external data lies; NULL: there
 * may be none. name: for messages. */
karma_status onnx_parse(const void *data, size_t len, const char *name, const char *folder,
                        struct onnx **out);
void onnx_close(struct onnx *m);
/* The n bytes of a tensor need not stay in memory; false if they do not lie in a mapped file. */
bool onnx_forget(const struct onnx *m, const void *data, size_t n);

int64_t onnx_ir_version(const struct onnx *m);
int64_t onnx_opset(const struct onnx *m); /* of the default domain; 0 if none is named */
size_t onnx_node_count(const struct onnx *m);
const struct onnx_node *onnx_node(const struct onnx *m, size_t i);
size_t onnx_tensor_count(const struct onnx *m); /* initializers */
const struct named_tensor *onnx_tensor(const struct onnx *m, size_t i);
const struct named_tensor *onnx_find(const struct onnx *m, const char *name); /* NULL if none */
size_t onnx_input_count(const struct onnx *m); /* inputs that are no initializers */
const char *onnx_input(const struct onnx *m, size_t i);
size_t onnx_output_count(const struct onnx *m);
const char *onnx_output(const struct onnx *m, size_t i);
const struct onnx_attribute *onnx_attribute(const struct onnx_node *n, const char *name);
/* Base names of the files of external data in use, sorted; for the model's identity. */
const char *const *onnx_data_files(const struct onnx *m, size_t *count);

#endif
