/*
 * quant.c - see quant.h. Each function below turns one block into f32 with the roundings of ggml's
 * dequantisers: the scale of a sub-block is one product, a value one more product and at most one
 * sum, never fused. Blocks come from files: any bytes are legal, scales may be infinite or NaN, and
 * no byte makes a read outside its block.
 */
#include "tensor/quant.h"

#include <string.h>

enum { SMALL = 32 }; /* elements a block of the formats that are not K */

typedef void block_fn(const uint8_t *b, float *y);

static uint16_t load_u16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

static float load_half(const uint8_t *p) {
    return f16_to_f32(load_u16(p));
}

static void block_f32(const uint8_t *b, float *y) {
    memcpy(y, b, sizeof(*y));
}

static void block_f16(const uint8_t *b, float *y) {
    *y = load_half(b);
}

static void block_bf16(const uint8_t *b, float *y) {
    *y = bf16_to_f32(load_u16(b));
}

static void block_q8_0(const uint8_t *b, float *y) {
    const float d = load_half(b);
    for (int i = 0; i < SMALL; i++)
        y[i] = d * (float)(int8_t)b[2 + i];
}

/* Byte i of the 4-bit formats holds elements i (low half) and i + 16 (high half). */
static int nibble(const uint8_t *q, int i) {
    return i < 16 ? q[i] & 15 : q[i - 16] >> 4;
}

static void block_q4_0(const uint8_t *b, float *y) {
    const float d = load_half(b);
    for (int i = 0; i < SMALL; i++)
        y[i] = d * (float)(nibble(b + 2, i) - 8);
}

static void block_q4_1(const uint8_t *b, float *y) {
    const float d = load_half(b), m = load_half(b + 2);
    for (int i = 0; i < SMALL; i++)
        y[i] = d * (float)nibble(b + 4, i) + m;
}

static void block_iq4_nl(const uint8_t *b, float *y) {
    static const int8_t level[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113};
    const float d = load_half(b);
    for (int i = 0; i < SMALL; i++)
        y[i] = d * (float)level[nibble(b + 2, i)];
}

static int fifth_bit(const uint8_t *high, int i) {
    return (high[i / 8] >> (i % 8) & 1) << 4;
}

static void block_q5_0(const uint8_t *b, float *y) {
    const float d = load_half(b);
    for (int i = 0; i < SMALL; i++) {
        y[i] = d * (float)((nibble(b + 6, i) | fifth_bit(b + 2, i)) - 16);
    }
}

static void block_q5_1(const uint8_t *b, float *y) {
    const float d = load_half(b), m = load_half(b + 2);
    for (int i = 0; i < SMALL; i++) {
        y[i] = d * (float)(nibble(b + 8, i) | fifth_bit(b + 4, i)) + m;
    }
}

/* Two bits of element i where 128 elements share 32 bytes. */
static int pair(const uint8_t *q, int i) {
    return q[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
}

static void block_q2_k(const uint8_t *b, float *y) {
    const float d = load_half(b + 80), dmin = load_half(b + 82);
    for (int s = 0; s < 16; s++) {
        const float scale = d * (float)(b[s] & 15), min = dmin * (float)(b[s] >> 4);
        for (int i = 16 * s; i < 16 * s + 16; i++)
            y[i] = scale * (float)pair(b + 16, i) - min;
    }
}

static void block_q3_k(const uint8_t *b, float *y) {
    const uint8_t *const high = b, *const low = b + 32, *const scales = b + 96;
    const float d = load_half(b + 108);
    for (int s = 0; s < 16; s++) {
        const int low4 = s < 8 ? scales[s] & 15 : scales[s - 8] >> 4;
        const int high2 = scales[8 + s % 4] >> (s / 4 * 2) & 3;
        const float scale = d * (float)((low4 | high2 << 4) - 32);
        for (int i = 16 * s; i < 16 * s + 16; i++) {
            const int third = high[i % 32] >> (i / 32) & 1;
            y[i] = scale * (float)(pair(low, i) - (third ? 0 : 4));
        }
    }
}

/* The 12 bytes of Q4_K and Q5_K hold eight 6-bit scales and eight 6-bit minima. */
static void scale_and_min(const uint8_t *s, int j, int *scale, int *min) {
    if (j < 4) {
        *scale = s[j] & 63;
        *min = s[j + 4] & 63;
    } else {
        *scale = (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
        *min = s[j + 4] >> 4 | (s[j] >> 6) << 4;
    }
}

/* Four bits of element i where 64 elements share 32 bytes. */
static int half_byte(const uint8_t *q, int i) {
    return q[i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15;
}

static void block_q4_k(const uint8_t *b, float *y) {
    const float d = load_half(b), dmin = load_half(b + 2);
    for (int j = 0; j < 8; j++) {
        int sc, mn;
        scale_and_min(b + 4, j, &sc, &mn);
        const float scale = d * (float)sc, min = dmin * (float)mn;
        for (int i = 32 * j; i < 32 * j + 32; i++) {
            y[i] = scale * (float)half_byte(b + 16, i) - min;
        }
    }
}

static void block_q5_k(const uint8_t *b, float *y) {
    const float d = load_half(b), dmin = load_half(b + 2);
    for (int j = 0; j < 8; j++) {
        int sc, mn;
        scale_and_min(b + 4, j, &sc, &mn);
        const float scale = d * (float)sc, min = dmin * (float)mn;
        for (int i = 32 * j; i < 32 * j + 32; i++) {
            const int q = half_byte(b + 48, i) | (b[16 + i % 32] >> j & 1) << 4;
            y[i] = scale * (float)q - min;
        }
    }
}

static void block_q6_k(const uint8_t *b, float *y) {
    const float d = load_half(b + 208);
    for (int s = 0; s < 16; s++) {
        const float scale = d * (float)(int8_t)b[192 + s];
        for (int i = 16 * s; i < 16 * s + 16; i++) {
            const int n = i / 128, k = i % 128 / 32, l = i % 32;
            const int low = b[64 * n + l + 32 * (k & 1)] >> (k / 2 * 4) & 15;
            y[i] = scale * (float)((low | pair(b + 128, i) << 4) - 32);
        }
    }
}

static block_fn *const blocks[DTYPE_COUNT] = {
    [DTYPE_F32] = block_f32,   [DTYPE_F16] = block_f16,       [DTYPE_BF16] = block_bf16,
    [DTYPE_Q8_0] = block_q8_0, [DTYPE_Q4_0] = block_q4_0,     [DTYPE_Q4_1] = block_q4_1,
    [DTYPE_Q5_0] = block_q5_0, [DTYPE_Q5_1] = block_q5_1,     [DTYPE_Q2_K] = block_q2_k,
    [DTYPE_Q3_K] = block_q3_k, [DTYPE_Q4_K] = block_q4_k,     [DTYPE_Q5_K] = block_q5_k,
    [DTYPE_Q6_K] = block_q6_k, [DTYPE_IQ4_NL] = block_iq4_nl,
};

void dequantize(enum dtype t, const void *src, float *dst, int64_t n) {
    const uint8_t *b = src;
    const int64_t elems = dtype_block_elems(t);
    const size_t bytes = dtype_block_bytes(t);
    block_fn *const block = blocks[t];
    for (int64_t i = 0; i < n; i += elems, b += bytes)
        block(b, dst + i);
}
