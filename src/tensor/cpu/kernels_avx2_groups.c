/* kernels_avx2_groups.c - kernels_groups_body.h with AVX2; the set avx512 has these too where the
 * processor lacks VNNI. */
#if defined(__AVX2__)
#include <immintrin.h>

#include "tensor/cpu/kernels_groups_body.h"

void kernels_avx2_groups(struct group_kernels *k) {
    take_groups(k);
}
#endif
