/*
 * kernels_avx2.c - the kernels for AVX2 with FMA, all but those that read weights
 * (kernels_avx2_pack.c, kernels_avx2_stream.c). What they are is in kernels_body.h.
 */
#if defined(__AVX2__)
#include <immintrin.h>

#include "tensor/cpu/kernels_body.h"

void kernels_init_avx2(struct kernel_set *ks) {
    ks->isa = "avx2";
    take_body(ks);
    kernels_init_avx2_pack(ks);
    kernels_init_avx2_stream(ks);
}
#endif
