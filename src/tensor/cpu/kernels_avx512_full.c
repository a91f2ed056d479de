/* kernels_avx512_full.c - what it is stands in kernels_full_body.h. */
#if defined(__AVX512F__)
#include <immintrin.h>

#include "tensor/cpu/kernels_full_body.h"

void kernels_avx512_full(struct full_kernels *k) {
    take_full(k);
}
#endif
