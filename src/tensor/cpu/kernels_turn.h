/*
 * kernels_turn.h - weight rows turned on their side in registers: LANES rows in, each vector out
 * holds one 32-bit column of all of them, in row order. What a column is (one f32, a pair of bf16,
 * four bytes, eight nibbles) is the caller's business. Loads read exactly the bytes named.
 */
#ifndef TENSOR_CPU_KERNELS_TURN_H
#define TENSOR_CPU_KERNELS_TURN_H

#include "tensor/cpu/kernels_words.h"

#if defined(__AVX512F__)

#define LOW32(a, b)  _mm512_unpacklo_epi32(a, b)
#define HIGH32(a, b) _mm512_unpackhi_epi32(a, b)
#define LOW64(a, b)  _mm512_unpacklo_epi64(a, b)
#define HIGH64(a, b) _mm512_unpackhi_epi64(a, b)

/* 32 bytes of rows a and b side by side. The second load goes through a mask, not a shuffle: those
 * two ports are what a transpose waits for. */
WORD vi load_pair(const uint8_t *a, const uint8_t *b) {
    const vi low = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(const void *)a));
    return _mm512_mask_broadcast_i64x4(low, 0xf0,
                                       _mm256_loadu_si256((const __m256i *)(const void *)b));
}
/* 16 bytes of four rows side by side. */
WORD vi load_four(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d) {
    vi v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(const void *)a));
    v = _mm512_mask_broadcast_i32x4(v, 0x00f0, _mm_loadu_si128((const __m128i *)(const void *)b));
    v = _mm512_mask_broadcast_i32x4(v, 0x0f00, _mm_loadu_si128((const __m128i *)(const void *)c));
    return _mm512_mask_broadcast_i32x4(v, 0xf000,
                                       _mm_loadu_si128((const __m128i *)(const void *)d));
}
/* The low four bits of each lane to the lowest bit of its four bytes. */
WORD vi spread_bits(vi v) {
    const vi table = _mm512_setr_epi32(0, 0x1, 0x100, 0x101, 0x10000, 0x10001, 0x10100, 0x10101,
                                       0x1000000, 0x1000001, 0x1000100, 0x1000101, 0x1010000,
                                       0x1010001, 0x1010100, 0x1010101);
    return _mm512_permutexvar_epi32(v, table); /* looks at four bits only */
}
/* f16 in the low halves of the lanes. */
WORD vf vf_of_half(vi v) {
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(v));
}

#else

#define LOW32(a, b)  _mm256_unpacklo_epi32(a, b)
#define HIGH32(a, b) _mm256_unpackhi_epi32(a, b)
#define LOW64(a, b)  _mm256_unpacklo_epi64(a, b)
#define HIGH64(a, b) _mm256_unpackhi_epi64(a, b)

/* 16 bytes of two rows side by side. */
WORD vi load_two(const uint8_t *a, const uint8_t *b) {
    const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)a);
    const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)b);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}
WORD vi spread_bits(vi v) {
    const vi four = _mm256_and_si256(v, _mm256_set1_epi32(15));
    /* bit i to bit 8 i: 7 i further */
    const vi spread = _mm256_mullo_epi32(four, _mm256_set1_epi32(1 | 1 << 7 | 1 << 14 | 1 << 21));
    return _mm256_and_si256(spread, _mm256_set1_epi32(0x01010101));
}
WORD vf vf_of_half(vi v) {
    const vi low = _mm256_and_si256(v, _mm256_set1_epi32(0xffff));
    const vi both = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, low), 0x08);
    return _mm256_cvtph_ps(_mm256_castsi256_si128(both));
}

#endif

/* 4 by 4 within each 128-bit lane. */
WORD void turn_lanes(vi v[4]) {
    const vi a = LOW32(v[0], v[1]), b = HIGH32(v[0], v[1]);
    const vi c = LOW32(v[2], v[3]), d = HIGH32(v[2], v[3]);
    v[0] = LOW64(a, c);
    v[1] = HIGH64(a, c);
    v[2] = LOW64(b, d);
    v[3] = HIGH64(b, d);
}

/* Every fourth row: from these, a row is at one of three distances that stay in registers. The
 * empty statement keeps the compiler from making sixteen distances of them instead. */
struct fourth_rows {
    const uint8_t *at[LANES / 4];
};
WORD struct fourth_rows fourth_rows(const uint8_t *w, size_t stride) {
    struct fourth_rows r;
    UNROLL
    for (int i = 0; i < LANES / 4; i++) {
        r.at[i] = w + (size_t)(4 * i) * stride;
        __asm__("" : "+r"(r.at[i]));
    }
    return r;
}

/* Columns 0..3 (16 bytes) of LANES rows. */
WORD void turn4(const uint8_t *w, size_t stride, vi t[4]) {
    const struct fourth_rows r = fourth_rows(w, stride);
    UNROLL
    for (size_t i = 0; i < 4; i++)
#if defined(__AVX512F__)
        t[i] = load_four(r.at[0] + i * stride, r.at[1] + i * stride, r.at[2] + i * stride,
                         r.at[3] + i * stride);
#else
        t[i] = load_two(r.at[0] + i * stride, r.at[1] + i * stride);
#endif
    turn_lanes(t);
}

/* Columns 0..7 (32 bytes) of LANES rows. */
WORD void turn8(const uint8_t *w, size_t stride, vi t[8]) {
    const struct fourth_rows r = fourth_rows(w, stride);
#if defined(__AVX512F__)
    vi low[4], high[4]; /* rows 0..7 and 8..15: pairs of rows 4 apart */
    UNROLL
    for (size_t i = 0; i < 4; i++) {
        low[i] = load_pair(r.at[0] + i * stride, r.at[1] + i * stride);
        high[i] = load_pair(r.at[2] + i * stride, r.at[3] + i * stride);
    }
    turn_lanes(low);
    turn_lanes(high);
    UNROLL
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(low[i], high[i], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(low[i], high[i], 0xdd);
    }
#else
    vi low[4], high[4]; /* rows 0..3 and 4..7 */
    UNROLL
    for (size_t i = 0; i < 4; i++) {
        low[i] = vi_load(r.at[0] + i * stride);
        high[i] = vi_load(r.at[1] + i * stride);
    }
    turn_lanes(low);
    turn_lanes(high);
    UNROLL
    for (int i = 0; i < 4; i++) {
        t[i] = _mm256_permute2x128_si256(low[i], high[i], 0x20);
        t[i + 4] = _mm256_permute2x128_si256(low[i], high[i], 0x31);
    }
#endif
}

#if defined(__AVX512F__)
/* Columns 0..15 (64 bytes) of 16 rows. Rows of 2 or 4 KiB all lie in one or two sets of the first
 * cache: what is not taken from a line at its first touch is gone before the second. */
WORD void turn16(const uint8_t *w, size_t stride, vi t[16]) {
    const struct fourth_rows r = fourth_rows(w, stride);
    vi v[4][4]; /* [4 rows][row], then [4 rows][column mod 4] */
    UNROLL
    for (int i = 0; i < 4; i++) {
        UNROLL
        for (size_t j = 0; j < 4; j++)
            v[i][j] = vi_load(r.at[i] + j * stride);
        turn_lanes(v[i]);
    }
    UNROLL
    for (int c = 0; c < 4; c++) {
        const vi a = _mm512_shuffle_i32x4(v[0][c], v[1][c], 0x88);
        const vi b = _mm512_shuffle_i32x4(v[0][c], v[1][c], 0xdd);
        const vi d = _mm512_shuffle_i32x4(v[2][c], v[3][c], 0x88);
        const vi e = _mm512_shuffle_i32x4(v[2][c], v[3][c], 0xdd);
        t[c] = _mm512_shuffle_i32x4(a, d, 0x88);
        t[c + 8] = _mm512_shuffle_i32x4(a, d, 0xdd);
        t[c + 4] = _mm512_shuffle_i32x4(b, e, 0x88);
        t[c + 12] = _mm512_shuffle_i32x4(b, e, 0xdd);
    }
}
#endif

#endif
