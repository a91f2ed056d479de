/* quant.h - quantised blocks taken apart, and to f32 as ggml's formulas give them to the bit. */
#ifndef TENSOR_QUANT_H
#define TENSOR_QUANT_H

#include "tensor/dtype.h"

/* n elements (a multiple of the block) of any weight dtype at src (any alignment) to f32. Plain
 * scalar code: the definition that kernels are tested against. */
void dequantize(enum dtype t, const void *src, float *dst, int64_t n);

enum { QUANT_MAX_COLS = 256, QUANT_MAX_GROUPS = 16 }; /* of a block */

/* A block is groups of columns with a scale each and, in types with minima, a bias each. */
struct quant_form {
    int group; /* its columns, 16 or 32; 0: not a type of blocks */
    bool minima;
};
struct quant_form quant_form(enum dtype t);

/* Column i, in group g = i / form.group, is scale[g] q[i], with minima scale[g] q[i] + bias[g]. */
struct quant_block {
    int8_t q[QUANT_MAX_COLS];
    float scale[QUANT_MAX_GROUPS], bias[QUANT_MAX_GROUPS];
};
/* t is a type of blocks; what its block does not have is left alone. */
void quant_open(enum dtype t, const uint8_t *block, struct quant_block *out);

#endif
