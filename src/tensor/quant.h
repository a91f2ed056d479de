/* quant.h - quantised blocks to f32, as ggml's formulas give them to the bit. */
#ifndef TENSOR_QUANT_H
#define TENSOR_QUANT_H

#include "tensor/dtype.h"

/* n elements (a multiple of the block) of any weight dtype at src (any alignment) to f32. Plain
 * scalar code: the definition that kernels are tested against. */
void dequantize(enum dtype t, const void *src, float *dst, int64_t n);

#endif
