/*
 * math.h - the scalar functions of doc/numerics.md. The vector kernels do the same operations in
 * the same order, so that either form gives the same bits. fmaf() is one rounding everywhere: an
 * instruction where the file is compiled for it, the C library's exact function elsewhere.
 */
#ifndef TENSOR_CPU_MATH_H
#define TENSOR_CPU_MATH_H

#include <float.h>
#include <math.h>
#include <stdint.h>

#include "tensor/dtype.h"

/* exp: n = x / ln 2 to the nearest integer, r = x - n ln 2 with ln 2 in two parts (the first has
 * 15 bits, so that n times it is exact), then 1 + r + r^2 (C2 + ... + C6 r^4). C2..C6 are minimax
 * for the relative error on |r| <= 0.3475 (3.2e-9 before they are rounded to f32). */
#define EXP_LOWEST  (-104.0f)
#define EXP_HIGHEST 88.73f
#define EXP_LOG2E   1.44269504088896341f
#define EXP_MAGIC   12582912.0f /* 1.5 * 2^23: adding it rounds to an integer */
#define EXP_LN2_HI  0.693145751953125f
#define EXP_LN2_LO  1.42860682030941723e-6f
#define EXP_C2      4.999999404e-01f
#define EXP_C3      1.666651964e-01f
#define EXP_C4      4.166840389e-02f
#define EXP_C5      8.368899114e-03f
#define EXP_C6      1.381422160e-03f

static inline float exp_power_of_two(int32_t n) { /* -126 <= n <= 127 */
    union {
        uint32_t u;
        float f;
    } v = {.u = (uint32_t)(n + 127) << 23};
    return v.f;
}

static inline float exp_f32(float x) {
    if (!(x >= EXP_LOWEST)) return x < EXP_LOWEST ? 0.0f : x; /* NaN stays NaN */
    if (x > EXP_HIGHEST) return INFINITY;
    const float n = fmaf(x, EXP_LOG2E, EXP_MAGIC) - EXP_MAGIC;
    float r = fmaf(n, -EXP_LN2_HI, x);
    r = fmaf(n, -EXP_LN2_LO, r);
    float p = fmaf(EXP_C6, r, EXP_C5);
    p = fmaf(p, r, EXP_C4);
    p = fmaf(p, r, EXP_C3);
    p = fmaf(p, r, EXP_C2);
    p = fmaf(p, r * r, r);
    p = p + 1.0f;
    /* 2^n in two factors: the first product is exact, the second rounds once, subnormal or not. */
    const int32_t i = (int32_t)n, half = i >> 1;
    return p * exp_power_of_two(half) * exp_power_of_two(i - half);
}

/* 2^t for t < 128: n the nearest integer, r = t - n exact, then 1 + r (C1 + ... + C6 r^5), minimax
 * for the relative error on |r| <= 1/2 (2.0e-9 before they are rounded to f32). Where t is less
 * than EXP2_LOWEST the result is 0, and so it is at EXP2_LOWEST. */
#define EXP2_LOWEST (-200.0f)
#define EXP2_C1     6.931471825e-01f
#define EXP2_C2     2.402264774e-01f
#define EXP2_C3     5.550332367e-02f
#define EXP2_C4     9.618436918e-03f
#define EXP2_C5     1.339887502e-03f
#define EXP2_C6     1.535336196e-04f

static inline float exp2_f32(float t) {
    t = EXP2_LOWEST > t ? EXP2_LOWEST : t; /* NaN stays NaN */
    const float n = (t + EXP_MAGIC) - EXP_MAGIC, r = t - n;
    float p = fmaf(EXP2_C6, r, EXP2_C5);
    p = fmaf(p, r, EXP2_C4);
    p = fmaf(p, r, EXP2_C3);
    p = fmaf(p, r, EXP2_C2);
    p = fmaf(p, r, EXP2_C1);
    p = fmaf(p, r, 1.0f);
    if (p != p) return p;
    const int32_t i = (int32_t)n, half = i / 2; /* as exp_f32: one rounding */
    return p * exp_power_of_two(half) * exp_power_of_two(i - half);
}

static inline float silu(float z) {
    return z / (1.0f + exp_f32(-z));
}

static inline float tanh_f32(float u) {
    return 1.0f - 2.0f / (exp_f32(2.0f * u) + 1.0f);
}

static inline float gelu_tanh(float z) {
    const float cube = z * z * z;
    const float u = 0.7978845608f * fmaf(0.044715f, cube, z);
    return 0.5f * z * (1.0f + tanh_f32(u));
}

/* erf: up to ERF_BEND x + x P(x^2), beyond it 1 - exp(-t Q(t)) with t = |x|, at most 4, where the
 * nearest f32 is 1. P and Q are minimax for the relative error of erf (6.1e-10 and 2.8e-9). */
#define ERF_BEND  0.95f
#define ERF_P0    1.283791661e-01f
#define ERF_P1    -3.761263192e-01f
#define ERF_P2    1.128366441e-01f
#define ERF_P3    -2.685770579e-02f
#define ERF_P4    5.196952727e-03f
#define ERF_P5    -8.097709978e-04f
#define ERF_P6    8.185115439e-05f
#define ERF_Q0    1.128503799e+00f
#define ERF_Q1    6.357535124e-01f
#define ERF_Q2    1.052159369e-01f
#define ERF_Q3    -2.286078222e-02f
#define ERF_Q4    3.205923829e-03f
#define ERF_Q5    -2.128966007e-04f
#define SQRT_HALF 7.071067812e-01f

static inline float erf_f32(float x) {
    const float size = fabsf(x);
    if (!(size > ERF_BEND)) { /* NaN too */
        const float s = x * x;
        float p = fmaf(ERF_P6, s, ERF_P5);
        p = fmaf(p, s, ERF_P4);
        p = fmaf(p, s, ERF_P3);
        p = fmaf(p, s, ERF_P2);
        p = fmaf(p, s, ERF_P1);
        p = fmaf(p, s, ERF_P0);
        return fmaf(p, x, x);
    }
    const float t = size > 4.0f ? 4.0f : size;
    float q = fmaf(ERF_Q5, t, ERF_Q4);
    q = fmaf(q, t, ERF_Q3);
    q = fmaf(q, t, ERF_Q2);
    q = fmaf(q, t, ERF_Q1);
    q = fmaf(q, t, ERF_Q0);
    return copysignf(1.0f - exp_f32(-(q * t)), x);
}

static inline float gelu_erf(float z) {
    return 0.5f * z * (1.0f + erf_f32(z * SQRT_HALF));
}

static inline float relu(float z) {
    return z < 0.0f ? 0.0f : z; /* NaN stays NaN */
}

/* ---- products of bf16 pairs: vdpbf16ps, which knows no subnormals ---- */

static inline float flush(float x) {
    return fabsf(x) < FLT_MIN ? copysignf(0.0f, x) : x;
}

/* One activation as a product of pairs takes it. */
static inline uint32_t round_to_bf16(float x) {
    return f32_to_bf16(flush(x));
}

/* fma of numbers already flushed, a and b being bf16. The result is flushed if its 24 bits would
 * lie below FLT_MIN were there exponents for them. Where that matters the double is exact. */
static inline float flushed_fma(float a, float b, float c) {
    const float y = fmaf(a, b, c);
    if (!(fabsf(y) <= FLT_MIN)) return y;
    const double sum = (double)a * (double)b + (double)c;
    return fabs(sum) < (double)FLT_MIN * (1 - 0x1p-25) ? copysignf(0.0f, y) : y;
}

/* acc (0, or from here) plus the products of two columns of x and w: first the odd one's, which are
 * the upper halves. */
static inline float dot_pair(float acc, uint32_t x, uint32_t w) {
    const float x_odd = flush(bf16_to_f32((uint16_t)(x >> 16)));
    const float w_odd = flush(bf16_to_f32((uint16_t)(w >> 16)));
    const float x_even = flush(bf16_to_f32((uint16_t)x));
    const float w_even = flush(bf16_to_f32((uint16_t)w));
    return flushed_fma(x_even, w_even, flushed_fma(x_odd, w_odd, acc));
}

#endif
