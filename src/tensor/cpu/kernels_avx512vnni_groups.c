/* kernels_avx512vnni_groups.c - kernels_groups_body.h with AVX-512 VNNI. */
#if defined(__AVX512VNNI__)
#include <immintrin.h>

#include "tensor/cpu/kernels_groups_body.h"

void kernels_avx512vnni_groups(struct group_kernels *k) {
    take_groups(k);
}
#endif
