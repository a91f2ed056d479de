/* kernels_avx512bf16_full.c - the rounding of kernels_full.h by the processor's instruction. */
#if defined(__AVX512BF16__)
#include <immintrin.h>

#include "tensor/cpu/kernels_full.h"
#include "tensor/cpu/kernels_words.h"

/* The instruction rounds two vectors into halves of one; then even and odd ones alternate. */
WORD void pair_up(uint32_t *words, vf even, vf odd, __m512i order, vm some) {
    const __m512bh halves = _mm512_cvtne2ps_pbh(odd, even);
    _mm512_mask_storeu_epi32(words, some, _mm512_permutexvar_epi16(order, (__m512i)halves));
}

static void pair_rows(uint32_t *words, const float *even, const float *odd, int64_t n) {
    const __m512i first = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i second = _mm512_slli_epi32(_mm512_add_epi32(first, _mm512_set1_epi32(16)), 16);
    const __m512i order = _mm512_or_si512(first, second);
    for (int64_t i = 0; i < n; i += LANES) {
        const vm some = (vm)(n - i < LANES ? (1u << (n - i)) - 1 : 0xffff);
        const vf a = _mm512_maskz_loadu_ps(some, even + i);
        pair_up(words + i, a, odd ? _mm512_maskz_loadu_ps(some, odd + i) : vf_zero(), order, some);
    }
}

void kernels_avx512bf16_full(struct full_kernels *k) {
    k->pair_rows = pair_rows;
}
#endif
