/*
 * kernels_words.h - the few vector words the kernels are written in, for whichever instruction set
 * the including file is compiled: 16 lanes with AVX-512, 8 with AVX2. Only kernels_avx2*.c and
 * kernels_avx512*.c include it, after <immintrin.h>. A word is one or two instructions; what lanes
 * hold and in which order they are used is the same for both widths.
 */
#ifndef TENSOR_CPU_KERNELS_WORDS_H
#define TENSOR_CPU_KERNELS_WORDS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "tensor/cpu/math.h"

#define WORD static inline __attribute__((always_inline))

/* Before a loop over registers: it must vanish, or they end in memory. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

#if defined(__AVX512F__)

enum { LANES = 16 };
typedef __m512 vf;    /* LANES floats */
typedef __m512i vi;   /* LANES 32-bit integers */
typedef __mmask16 vm; /* one truth a lane */
typedef uint32_t vi_lanes __attribute__((vector_size(64)));
typedef int32_t vi_signed __attribute__((vector_size(64)));

WORD vf vf_load(const float *p) {
    return _mm512_loadu_ps(p);
}
WORD void vf_store(float *p, vf v) {
    _mm512_storeu_ps(p, v);
}
WORD vf vf_set(float x) {
    return _mm512_set1_ps(x);
}
WORD vf vf_fma(vf a, vf b, vf c) {
    return _mm512_fmadd_ps(a, b, c);
}
WORD vf vf_max(vf a, vf b) {
    return _mm512_max_ps(a, b);
}
WORD vf vf_of_int(vi v) {
    return _mm512_cvtepi32_ps(v);
}
WORD vf vf_of_bits(vi v) {
    return _mm512_castsi512_ps(v);
}
WORD vi vi_set(int32_t x) {
    return _mm512_set1_epi32(x);
}
WORD vi vi_and(vi a, vi b) {
    return _mm512_and_si512(a, b);
}
WORD vi vi_or(vi a, vi b) {
    return _mm512_or_si512(a, b);
}
WORD vi vi_sub_bytes(vi a, vi b) {
    return _mm512_sub_epi8(a, b);
}
/* table[index] byte by byte; indices are 0..15. */
WORD vi vi_look_up(__m128i table, vi index) {
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), index);
}
/* p 2^n for whole n; rounds once. */
WORD vf vf_scale(vf p, vf n) {
    return _mm512_scalef_ps(p, n);
}
/* |x|, and x >= 0 with the sign of another. */
WORD vf vf_size(vf x) {
    return _mm512_abs_ps(x);
}
WORD vf vf_sign_of(vf x, vf sign) {
    return _mm512_xor_ps(x, _mm512_and_ps(sign, _mm512_set1_ps(-0.0f)));
}
WORD vm vm_less(vf a, vf b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
WORD vf vf_choose(vm m, vf yes, vf no) {
    return _mm512_mask_blend_ps(m, no, yes);
}
/* Lanes i with j0 <= first + i < j1. */
WORD vm vm_between(int first, int j0, int j1) {
    const int lo = j0 - first, hi = j1 - first;
    const unsigned from = lo <= 0 ? 0xffffu : lo >= LANES ? 0 : 0xffffu << lo;
    const unsigned below = hi <= 0 ? 0 : hi >= LANES ? 0xffffu : (1u << hi) - 1;
    return (vm)(from & below);
}
/* The first n lanes from memory, the rest zero; 0 < n <= LANES. */
WORD vf vf_load_part(const float *p, int n) {
    return _mm512_maskz_loadu_ps((vm)((1u << n) - 1), p);
}
WORD void vf_store_part(float *p, vf v, int n) {
    _mm512_mask_storeu_ps(p, (vm)((1u << n) - 1), v);
}
WORD __m256 halves_sum(vf v) {
    return _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
}

#else /* AVX2 with FMA */

enum { LANES = 8 };
typedef __m256 vf;
typedef __m256i vi;
typedef __m256i vm; /* all bits of a lane */
typedef uint32_t vi_lanes __attribute__((vector_size(32)));
typedef int32_t vi_signed __attribute__((vector_size(32)));

WORD vf vf_load(const float *p) {
    return _mm256_loadu_ps(p);
}
WORD void vf_store(float *p, vf v) {
    _mm256_storeu_ps(p, v);
}
WORD vf vf_set(float x) {
    return _mm256_set1_ps(x);
}
WORD vf vf_fma(vf a, vf b, vf c) {
    return _mm256_fmadd_ps(a, b, c);
}
WORD vf vf_max(vf a, vf b) {
    return _mm256_max_ps(a, b);
}
WORD vf vf_of_int(vi v) {
    return _mm256_cvtepi32_ps(v);
}
WORD vf vf_of_bits(vi v) {
    return _mm256_castsi256_ps(v);
}
WORD vi vi_set(int32_t x) {
    return _mm256_set1_epi32(x);
}
WORD vi vi_and(vi a, vi b) {
    return _mm256_and_si256(a, b);
}
WORD vi vi_or(vi a, vi b) {
    return _mm256_or_si256(a, b);
}
WORD vi vi_sub_bytes(vi a, vi b) {
    return _mm256_sub_epi8(a, b);
}
WORD vi vi_look_up(__m128i table, vi index) {
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), index);
}
WORD vf vf_scale(vf p, vf n) {
    const vi i = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(i, 1), bias = vi_set(127);
    const vi a = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    const vi b = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(i, half), bias), 23);
    return p * vf_of_bits(a) * vf_of_bits(b);
}
WORD vf vf_size(vf x) {
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
}
WORD vf vf_sign_of(vf x, vf sign) {
    return _mm256_xor_ps(x, _mm256_and_ps(sign, _mm256_set1_ps(-0.0f)));
}
WORD vm vm_less(vf a, vf b) {
    return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
WORD vf vf_choose(vm m, vf yes, vf no) {
    return _mm256_blendv_ps(no, yes, _mm256_castsi256_ps(m));
}
WORD vm vm_between(int first, int j0, int j1) {
    const vi at = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), vi_set(first));
    return _mm256_andnot_si256(_mm256_cmpgt_epi32(vi_set(j0), at),
                               _mm256_cmpgt_epi32(vi_set(j1), at));
}
WORD vf vf_load_part(const float *p, int n) {
    return _mm256_maskload_ps(p, vm_between(0, 0, n));
}
WORD void vf_store_part(float *p, vf v, int n) {
    _mm256_maskstore_ps(p, vm_between(0, 0, n), v);
}

#endif

WORD vf vf_zero(void) {
    return vf_set(0.0f);
}
WORD vi vi_load(const void *p) {
    vi v;
    memcpy(&v, p, sizeof(v));
    return v;
}
WORD vi vi_left(vi v, int n) {
    return (vi)((vi_lanes)v << n);
}
WORD vi vi_right(vi v, int n) {
    return (vi)((vi_lanes)v >> n);
}
WORD vi vi_right_signed(vi v, int n) {
    return (vi)((vi_signed)v >> n);
}

/* The same by a number known only at run time. */
WORD vi vi_left_by(vi v, int n) {
#if defined(__AVX512F__)
    return _mm512_sll_epi32(v, _mm_cvtsi32_si128(n));
#else
    return _mm256_sll_epi32(v, _mm_cvtsi32_si128(n));
#endif
}
WORD vi vi_right_by(vi v, int n) {
#if defined(__AVX512F__)
    return _mm512_srl_epi32(v, _mm_cvtsi32_si128(n));
#else
    return _mm256_srl_epi32(v, _mm_cvtsi32_si128(n));
#endif
}

/* The tree of doc/numerics.md over 16 sums, kept in 16 / LANES vectors. */
enum { SUMS = 16 / LANES };
WORD float sum_tree(const vf sums[SUMS]) {
#if defined(__AVX512F__)
    const __m256 v8 = halves_sum(sums[0]);
#else
    const __m256 v8 = sums[0] + sums[1];
#endif
    __m128 v = _mm_add_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
    v = _mm_add_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)));
}

/* The largest lane; with a NaN among them the NaN or the largest, either of which ends as NaN. */
WORD float max_lane(vf all) {
#if defined(__AVX512F__)
    const __m256 v8 = _mm256_max_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
#else
    const __m256 v8 = all;
#endif
    __m128 v = _mm_max_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
    v = _mm_max_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_max_ss(v, _mm_movehdup_ps(v)));
}

WORD vf load_up_to(const float *p, int n) {
    return n < LANES ? vf_load_part(p, n) : vf_load(p);
}
WORD void store_up_to(float *p, vf v, int n) {
    if (n < LANES)
        vf_store_part(p, v, n);
    else
        vf_store(p, v);
}

/* exp_f32 and what math.h makes of it, lane by lane. */
/* exp(x) = it 2^n, n whole. */
WORD vf vf_exp_parts(vf x, vf *n) {
    const vf magic = vf_set(EXP_MAGIC);
    *n = vf_fma(x, vf_set(EXP_LOG2E), magic) - magic;
    vf r = vf_fma(*n, vf_set(-EXP_LN2_HI), x);
    r = vf_fma(*n, vf_set(-EXP_LN2_LO), r);
    vf p = vf_fma(vf_set(EXP_C6), r, vf_set(EXP_C5));
    p = vf_fma(p, r, vf_set(EXP_C4));
    p = vf_fma(p, r, vf_set(EXP_C3));
    p = vf_fma(p, r, vf_set(EXP_C2));
    return vf_fma(p, r * r, r) + vf_set(1.0f);
}
WORD vf vf_exp(vf x) {
    vf n, p = vf_exp_parts(x, &n);
    p = vf_scale(p, n);
    p = vf_choose(vm_less(x, vf_set(EXP_LOWEST)), vf_zero(), p);
    return vf_choose(vm_less(vf_set(EXP_HIGHEST), x), vf_set(INFINITY), p);
}
WORD vf vf_silu(vf z) {
    return z / (vf_set(1.0f) + vf_exp(-z));
}
WORD vf vf_tanh(vf u) {
    const vf one = vf_set(1.0f);
    return one - vf_set(2.0f) / (vf_exp(vf_set(2.0f) * u) + one);
}
WORD vf vf_gelu_tanh(vf z) {
    const vf cube = z * z * z;
    const vf u = vf_set(0.7978845608f) * vf_fma(vf_set(0.044715f), cube, z);
    return vf_set(0.5f) * z * (vf_set(1.0f) + vf_tanh(u));
}
WORD vf vf_erf(vf x) {
    const vf size = vf_size(x), s = x * x, four = vf_set(4.0f);
    vf p = vf_fma(vf_set(ERF_P6), s, vf_set(ERF_P5));
    p = vf_fma(p, s, vf_set(ERF_P4));
    p = vf_fma(p, s, vf_set(ERF_P3));
    p = vf_fma(p, s, vf_set(ERF_P2));
    p = vf_fma(p, s, vf_set(ERF_P1));
    p = vf_fma(p, s, vf_set(ERF_P0));
    p = vf_fma(p, x, x);
    const vf t = vf_choose(vm_less(four, size), four, size);
    vf q = vf_fma(vf_set(ERF_Q5), t, vf_set(ERF_Q4));
    q = vf_fma(q, t, vf_set(ERF_Q3));
    q = vf_fma(q, t, vf_set(ERF_Q2));
    q = vf_fma(q, t, vf_set(ERF_Q1));
    q = vf_fma(q, t, vf_set(ERF_Q0));
    q = vf_sign_of(vf_set(1.0f) - vf_exp(-(q * t)), x);
    return vf_choose(vm_less(vf_set(ERF_BEND), size), q, p);
}
WORD vf vf_gelu_erf(vf z) {
    return vf_set(0.5f) * z * (vf_set(1.0f) + vf_erf(z * vf_set(SQRT_HALF)));
}
WORD vf vf_relu(vf z) {
    return vf_choose(vm_less(z, vf_zero()), vf_zero(), z);
}

#endif
