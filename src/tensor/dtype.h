/*
 * dtype.h - the element types of tensors, plain and in quantised blocks: name, elements and bytes
 * of a block. Ids are ours; readers translate theirs.
 */
#ifndef TENSOR_DTYPE_H
#define TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(id, name, elements a block, bytes a block) */
#define DTYPE_LIST(X)                                                                              \
    X(F32, "F32", 1, 4)                                                                            \
    X(F16, "F16", 1, 2)                                                                            \
    X(BF16, "BF16", 1, 2)                                                                          \
    X(Q8_0, "Q8_0", 32, 34)                                                                        \
    X(Q4_0, "Q4_0", 32, 18)                                                                        \
    X(Q4_1, "Q4_1", 32, 20)                                                                        \
    X(Q5_0, "Q5_0", 32, 22)                                                                        \
    X(Q5_1, "Q5_1", 32, 24)                                                                        \
    X(Q2_K, "Q2_K", 256, 84)                                                                       \
    X(Q3_K, "Q3_K", 256, 110)                                                                      \
    X(Q4_K, "Q4_K", 256, 144)                                                                      \
    X(Q5_K, "Q5_K", 256, 176)                                                                      \
    X(Q6_K, "Q6_K", 256, 210)                                                                      \
    X(IQ4_NL, "IQ4_NL", 32, 18)                                                                    \
    X(F64, "F64", 1, 8)                                                                            \
    X(I64, "I64", 1, 8)                                                                            \
    X(I32, "I32", 1, 4)                                                                            \
    X(I16, "I16", 1, 2)                                                                            \
    X(I8, "I8", 1, 1)                                                                              \
    X(U64, "U64", 1, 8)                                                                            \
    X(U32, "U32", 1, 4)                                                                            \
    X(U16, "U16", 1, 2)                                                                            \
    X(U8, "U8", 1, 1)                                                                              \
    X(BOOL, "BOOL", 1, 1)                                                                          \
    X(OTHER, "other", 1, 0) /* a type a reader knows to be legal and karma cannot compute with */

enum dtype {
#define X(id, name, elems, bytes) DTYPE_##id,
    DTYPE_LIST(X)
#undef X
        DTYPE_COUNT
};

const char *dtype_name(enum dtype t);
int64_t dtype_block_elems(enum dtype t);
size_t dtype_block_bytes(enum dtype t); /* 0 for DTYPE_OTHER */
/* Can a weight of this type take part in a product (F32, F16, BF16 and the quantised ones)? */
bool dtype_is_weight(enum dtype t);
/* Bytes of `elems` elements, a multiple of the block; false on overflow or a broken block. */
bool dtype_bytes(enum dtype t, uint64_t elems, uint64_t *bytes);

float f16_to_f32(uint16_t h);
uint16_t f32_to_f16(float f); /* nearest even */
static inline float bf16_to_f32(uint16_t h) {
    union {
        uint32_t u;
        float f;
    } v = {.u = (uint32_t)h << 16};
    return v.f;
}
uint16_t f32_to_bf16(float f); /* nearest even; NaN stays NaN */

#endif
