/*
 * kernels_avx2_pack.c - the kernels of kernels_avx2.c that read weights. What they are is in
 * kernels_pack_body.h.
 */
#if defined(__AVX2__)
#include <immintrin.h>

#include "tensor/cpu/kernels_pack_body.h"

void kernels_init_avx2_pack(struct kernel_set *ks) {
    take_pack(ks);
}
#endif
