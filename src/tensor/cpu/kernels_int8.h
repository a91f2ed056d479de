/*
 * kernels_int8.h - inner loops of products with weights of eight bits, a part of kernel_set. Sums
 * are integers and exact (INT8_MAX_COLS keeps them within 32 bits), so every set gives the same
 * bits whatever order it adds in; what is rounded stands in doc/numerics.md and, for one value,
 * below.
 */
#ifndef TENSOR_CPU_KERNELS_INT8_H
#define TENSOR_CPU_KERNELS_INT8_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

enum {
    INT8_PANEL_ROWS = 32,
    INT8_MAX_COLS = 133144, /* 127 * 127 * INT8_MAX_COLS < 2^31 */
};

/* INT8_PANEL_ROWS rows of a weight. Words are four columns of a row, zeros beyond the last; rows
 * beyond the last are zeros of scale 0. */
struct int8_panel {
    float scale[INT8_PANEL_ROWS];
    uint32_t offset[INT8_PANEL_ROWS]; /* -128 times the sum of a row, modulo 2^32 */
    int8_t words[][INT8_PANEL_ROWS][4];
};
static inline int64_t int8_words(int64_t cols) {
    return (cols + 3) / 4;
}
static inline size_t int8_panel_bytes(int64_t cols) {
    return sizeof(struct int8_panel) + (size_t)int8_words(cols) * INT8_PANEL_ROWS * 4;
}

/* The scale of a row whose largest magnitude has these bits, and what to multiply with. A row that
 * is not all numbers has the scale NaN and zeros; one too small to divide is zeros. */
struct int8_scale {
    float scale, inverse;
};
static inline struct int8_scale row_scale_of(uint32_t largest, float top) {
    float size;
    memcpy(&size, &largest, sizeof(size));
    if (largest >= 0x7f800000u) return (struct int8_scale){NAN, 0};
    const float scale = size / top;
    if (scale < FLT_MIN) return (struct int8_scale){0, 0};
    return (struct int8_scale){scale, 1.0f / scale};
}
static inline struct int8_scale int8_scale_of(uint32_t largest) {
    return row_scale_of(largest, 127.0f);
}

static inline uint32_t int8_magnitude(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits & 0x7fffffffu;
}

/* x inverse to the nearest integer, even in a tie: adding 1.5 * 2^23 rounds. */
static inline int8_t int8_of(float x, float inverse) {
    return (int8_t)(x * inverse + 12582912.0f - 12582912.0f);
}

struct int8_kernels {
    /* q = the n values of x in eight bits, then zeros up to a whole word; their scale comes back.
     * q may be x. */
    float (*quantize)(int8_t *q, const float *x, int64_t n);
    /* x[i] = q[i] scale, i < n. */
    void (*widen)(float *x, const int8_t *q, float scale, int64_t n);
    /* xt[i][t] = word i of row t < r as tile() wants it. 16 rows ldq bytes apart can be read, each
     * to a multiple of 64 bytes. */
    void (*turn)(uint32_t *xt, const int8_t *q, size_t ldq, int r, int64_t n_words);
    /* acc[t][j] = (float)(the sum over all columns of x[t] w[j]) * (x_scale[t] * scale[j]), for r =
     * 1..16 tokens. ahead: as many bytes as the panel has are fetched from there; NULL: none. */
    void (*tile)(float *acc, const uint32_t *x, const float *x_scale, int r,
                 const struct int8_panel *panel, int64_t n_words, const uint8_t *ahead);
};

void kernels_ref_int8(struct int8_kernels *k);
void kernels_avx2_int8(struct int8_kernels *k);
void kernels_avx512vnni_int8(struct int8_kernels *k);

#endif
