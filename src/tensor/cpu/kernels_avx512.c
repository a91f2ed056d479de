/*
 * kernels_avx512.c - the kernels for AVX-512 (F, BW, VL, DQ), all but those that read weights
 * (kernels_avx512_pack.c). What they are is in kernels_body.h.
 */
#if defined(__AVX512F__)
#include <immintrin.h>

#include "tensor/cpu/kernels_body.h"

void kernels_init_avx512(struct kernel_set *ks) {
    ks->isa = "avx512";
    take_body(ks);
    kernels_init_avx512_pack(ks);
}
#endif
