/*
 * fuzz_onnx.c - any bytes as an ONNX model. In an accepted one every tensor is as long as its shape
 * says and can be read, and every name is a string.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/onnx.h"

static unsigned sum;

static void check(bool holds) {
    if (!holds) abort();
}

static void touch(const struct named_tensor *t) {
    uint64_t elems = 1, nbytes;
    for (int i = 0; i < t->n_dims; i++)
        elems *= (uint64_t)t->dims[i];
    check(dtype_bytes(t->dtype, elems, &nbytes) && nbytes == t->nbytes);
    for (size_t i = 0; i < t->nbytes; i++)
        sum += ((const unsigned char *)t->data)[i];
    sum += (unsigned)strlen(t->name);
}

static void touch_node(const struct onnx_node *n) {
    sum += (unsigned)(strlen(n->name) + strlen(n->op_type));
    for (size_t i = 0; i < n->n_inputs; i++)
        sum += (unsigned)strlen(n->inputs[i]);
    for (size_t i = 0; i < n->n_outputs; i++)
        sum += (unsigned)strlen(n->outputs[i]);
    for (size_t i = 0; i < n->n_attributes; i++) {
        const struct onnx_attribute *a = &n->attributes[i];
        check(onnx_attribute(n, a->name) != NULL);
        if (a->s) sum += (unsigned char)a->s[a->s_len];
        if (a->t) touch(a->t);
        for (size_t k = 0; k < a->count; k++)
            sum += a->ints ? (unsigned)a->ints[k] : (unsigned)(a->floats[k] > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct onnx *m;
    if (onnx_parse(data, size, "fuzz", NULL, &m) < 0) {
        check(m == NULL && karma_error_message()[0] != '\0');
        return 0;
    }
    for (size_t i = 0; i < onnx_node_count(m); i++)
        touch_node(onnx_node(m, i));
    for (size_t i = 0; i < onnx_tensor_count(m); i++) {
        touch(onnx_tensor(m, i));
        check(onnx_find(m, onnx_tensor(m, i)->name) == onnx_tensor(m, i));
    }
    for (size_t i = 0; i < onnx_input_count(m); i++)
        check(onnx_find(m, onnx_input(m, i)) == NULL);
    onnx_close(m);
    return 0;
}
