/*
 * kernels_avx512_pack.c - the kernels of kernels_avx512.c that read weights. What they are is in
 * kernels_pack_body.h.
 */
#if defined(__AVX512F__)
#include <immintrin.h>

#include "tensor/cpu/kernels_pack_body.h"

void kernels_init_avx512_pack(struct kernel_set *ks) {
    take_pack(ks);
}
#endif
