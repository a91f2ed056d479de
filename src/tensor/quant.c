/*
 * quant.c - see quant.h. Each function below takes one block apart; what dequantize() makes of it
 * has the roundings of ggml's dequantisers: the scale of a group is one product, a value one more
 * product and at most one sum, never fused. Blocks come from files: any bytes are legal, scales may
 * be infinite or NaN, and no byte makes a read outside its block.
 */
#include "tensor/quant.h"

#include <string.h>

enum { SMALL = 32 }; /* columns of a block of the formats that are not K */

typedef void block_fn(const uint8_t *b, struct quant_block *o);

static uint16_t load_u16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

static float load_half(const uint8_t *p) {
    return f16_to_f32(load_u16(p));
}

static void block_q8_0(const uint8_t *b, struct quant_block *o) {
    o->scale[0] = load_half(b);
    memcpy(o->q, b + 2, SMALL);
}

/* Byte i of the 4-bit formats holds columns i (low half) and i + 16 (high half). */
static int nibble(const uint8_t *q, int i) {
    return i < 16 ? q[i] & 15 : q[i - 16] >> 4;
}

static void block_q4_0(const uint8_t *b, struct quant_block *o) {
    o->scale[0] = load_half(b);
    for (int i = 0; i < SMALL; i++)
        o->q[i] = (int8_t)(nibble(b + 2, i) - 8);
}

static void block_q4_1(const uint8_t *b, struct quant_block *o) {
    o->scale[0] = load_half(b);
    o->bias[0] = load_half(b + 2);
    for (int i = 0; i < SMALL; i++)
        o->q[i] = (int8_t)nibble(b + 4, i);
}

static void block_iq4_nl(const uint8_t *b, struct quant_block *o) {
    static const int8_t level[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113};
    o->scale[0] = load_half(b);
    for (int i = 0; i < SMALL; i++)
        o->q[i] = level[nibble(b + 2, i)];
}

static int fifth_bit(const uint8_t *high, int i) {
    return (high[i / 8] >> (i % 8) & 1) << 4;
}

static void block_q5_0(const uint8_t *b, struct quant_block *o) {
    o->scale[0] = load_half(b);
    for (int i = 0; i < SMALL; i++)
        o->q[i] = (int8_t)((nibble(b + 6, i) | fifth_bit(b + 2, i)) - 16);
}

static void block_q5_1(const uint8_t *b, struct quant_block *o) {
    o->scale[0] = load_half(b);
    o->bias[0] = load_half(b + 2);
    for (int i = 0; i < SMALL; i++)
        o->q[i] = (int8_t)(nibble(b + 8, i) | fifth_bit(b + 4, i));
}

/* Two bits of column i where 128 columns share 32 bytes. */
static int pair(const uint8_t *q, int i) {
    return q[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
}

static void block_q2_k(const uint8_t *b, struct quant_block *o) {
    const float d = load_half(b + 80), dmin = load_half(b + 82);
    for (int s = 0; s < 16; s++) {
        o->scale[s] = d * (float)(b[s] & 15);
        o->bias[s] = -(dmin * (float)(b[s] >> 4));
    }
    for (int i = 0; i < QUANT_MAX_COLS; i++)
        o->q[i] = (int8_t)pair(b + 16, i);
}

static void block_q3_k(const uint8_t *b, struct quant_block *o) {
    const uint8_t *const high = b, *const low = b + 32, *const scales = b + 96;
    const float d = load_half(b + 108);
    for (int s = 0; s < 16; s++) {
        const int low4 = s < 8 ? scales[s] & 15 : scales[s - 8] >> 4;
        const int high2 = scales[8 + s % 4] >> (s / 4 * 2) & 3;
        o->scale[s] = d * (float)((low4 | high2 << 4) - 32);
    }
    for (int i = 0; i < QUANT_MAX_COLS; i++) {
        const int third = high[i % 32] >> (i / 32) & 1;
        o->q[i] = (int8_t)(pair(low, i) - (third ? 0 : 4));
    }
}

/* The 12 bytes of Q4_K and Q5_K hold eight 6-bit scales and eight 6-bit minima. */
static void scales_and_minima(const uint8_t *b, struct quant_block *o) {
    const float d = load_half(b), dmin = load_half(b + 2);
    const uint8_t *const s = b + 4;
    for (int j = 0; j < 8; j++) {
        int scale, min;
        if (j < 4) {
            scale = s[j] & 63;
            min = s[j + 4] & 63;
        } else {
            scale = (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
            min = s[j + 4] >> 4 | (s[j] >> 6) << 4;
        }
        o->scale[j] = d * (float)scale;
        o->bias[j] = -(dmin * (float)min);
    }
}

/* Four bits of column i where 64 columns share 32 bytes. */
static int half_byte(const uint8_t *q, int i) {
    return q[i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15;
}

static void block_q4_k(const uint8_t *b, struct quant_block *o) {
    scales_and_minima(b, o);
    for (int i = 0; i < QUANT_MAX_COLS; i++)
        o->q[i] = (int8_t)half_byte(b + 16, i);
}

static void block_q5_k(const uint8_t *b, struct quant_block *o) {
    scales_and_minima(b, o);
    for (int i = 0; i < QUANT_MAX_COLS; i++)
        o->q[i] = (int8_t)(half_byte(b + 48, i) | (b[16 + i % 32] >> (i / 32) & 1) << 4);
}

static void block_q6_k(const uint8_t *b, struct quant_block *o) {
    const float d = load_half(b + 208);
    for (int s = 0; s < 16; s++)
        o->scale[s] = d * (float)(int8_t)b[192 + s];
    for (int i = 0; i < QUANT_MAX_COLS; i++) {
        const int n = i / 128, k = i % 128 / 32, l = i % 32;
        const int low = b[64 * n + l + 32 * (k & 1)] >> (k / 2 * 4) & 15;
        o->q[i] = (int8_t)((low | pair(b + 128, i) << 4) - 32);
    }
}

static const struct {
    block_fn *block;
    struct quant_form form;
} types[DTYPE_COUNT] = {
    [DTYPE_Q8_0] = {block_q8_0, {32, false}},     [DTYPE_Q4_0] = {block_q4_0, {32, false}},
    [DTYPE_Q4_1] = {block_q4_1, {32, true}},      [DTYPE_Q5_0] = {block_q5_0, {32, false}},
    [DTYPE_Q5_1] = {block_q5_1, {32, true}},      [DTYPE_Q2_K] = {block_q2_k, {16, true}},
    [DTYPE_Q3_K] = {block_q3_k, {16, false}},     [DTYPE_Q4_K] = {block_q4_k, {32, true}},
    [DTYPE_Q5_K] = {block_q5_k, {32, true}},      [DTYPE_Q6_K] = {block_q6_k, {16, false}},
    [DTYPE_IQ4_NL] = {block_iq4_nl, {32, false}},
};

struct quant_form quant_form(enum dtype t) {
    return types[t].form;
}

void quant_open(enum dtype t, const uint8_t *block, struct quant_block *out) {
    types[t].block(block, out);
}

static void plain(enum dtype t, const uint8_t *b, float *y, int64_t n) {
    if (t == DTYPE_F32) {
        if (n > 0) memcpy(y, b, (size_t)n * sizeof(*y));
        return;
    }
    for (int64_t i = 0; i < n; i++, b += 2)
        y[i] = t == DTYPE_F16 ? load_half(b) : bf16_to_f32(load_u16(b));
}

static void group_values(float *y, const struct quant_block *o, int g, struct quant_form form) {
    const int8_t *q = o->q + g * form.group;
    for (int i = 0; i < form.group; i++) {
        const float v = o->scale[g] * (float)q[i];
        y[i] = form.minima ? v + o->bias[g] : v;
    }
}

void dequantize(enum dtype t, const void *src, float *dst, int64_t n) {
    const uint8_t *b = src;
    const struct quant_form form = types[t].form;
    if (!form.group) {
        plain(t, b, dst, n);
        return;
    }
    const int64_t cols = dtype_block_elems(t);
    for (; n > 0; n -= cols, b += dtype_block_bytes(t)) {
        struct quant_block o;
        types[t].block(b, &o);
        for (int g = 0; g < cols / form.group; g++, dst += form.group)
            group_values(dst, &o, g, form);
    }
}
