/* kernels_ref_attention.c - the plain form of kernels_attention.h; doc/numerics.md in C. */
#include <string.h>

#include "tensor/cpu/kernels.h"
#include "tensor/cpu/math.h"

enum { PAIRS = KV_BLOCK_TOKENS / 2 };

static uint32_t pair_of(const float *x, bool has_odd) {
    return round_to_bf16(x[0]) | (has_odd ? round_to_bf16(x[1]) << 16 : 0);
}

static void turn(uint32_t *words, int64_t stride, const float *const *rows, int n,
                 int64_t head_dim) {
    for (int64_t i = 0; 2 * i < head_dim; i++)
        for (int t = 0; t < n; t++)
            words[i * stride + t] = pair_of(rows[t] + 2 * i, 2 * i + 1 < head_dim);
}

static void put_half(uint32_t *words, const float *x, bool odd, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        uint16_t halves[2]; /* the lower one first, as words lie in memory */
        memcpy(halves, &words[i], sizeof(halves));
        halves[odd] = (uint16_t)round_to_bf16(x[i]);
        memcpy((char *)&words[i] + odd * sizeof(halves[0]), &halves[odd], sizeof(halves[0]));
    }
}

static void scores(float *s, const uint32_t *tile, int n, const uint32_t *keys, int64_t head_dim) {
    for (int t = 0; t < n; t++) {
        for (int j = 0; j < KV_BLOCK_TOKENS; j++) {
            float a = 0.0f;
            for (int64_t i = 0; 2 * i < head_dim; i++)
                a = dot_pair(a, tile[i * ATTENTION_STRIDE + t], keys[i * KV_BLOCK_TOKENS + j]);
            s[t * KV_BLOCK_TOKENS + j] = a;
        }
    }
}

static void weigh(uint32_t *p, const float *s, int n, const int *j0, const int *j1, float scale,
                  float *max, float *sum) {
    const uint32_t ones = (uint32_t)f32_to_bf16(1.0f) << 16 | f32_to_bf16(1.0f);
    for (int t = 0; t < n; t++, s += KV_BLOCK_TOKENS, p += PAIRS) {
        float e[KV_BLOCK_TOKENS] = {0}, lane[PAIRS], m = -INFINITY;
        for (int j = j0[t]; j < j1[t]; j++) {
            e[j] = s[j] * scale;
            m = e[j] > m ? e[j] : m;
        }
        for (int j = j0[t]; j < j1[t]; j++)
            e[j] = exp_f32(e[j] - m);
        for (int i = 0; i < PAIRS; i++) {
            p[i] = pair_of(e + 2 * i, true);
            lane[i] = dot_pair(0.0f, ones, p[i]);
        }
        for (int step = PAIRS / 2; step > 0; step /= 2)
            for (int i = 0; i < step; i++)
                lane[i] += lane[i + step];
        max[t] = m;
        sum[t] = lane[0];
    }
}

static void values(float *o, const uint32_t *p, int n, const uint32_t *v, int64_t head_dim,
                   const int *j0, const int *j1, const float *a, const float *b) {
    for (int t = 0; t < n; t++, p += PAIRS, o += head_dim) {
        for (int64_t d = 0; d < head_dim; d++) {
            float x = 0.0f;
            for (int i = j0[t] / 2; 2 * i < j1[t]; i++) {
                uint32_t word = v[i * head_dim + d];
                if (2 * i < j0[t]) word &= 0xffff0000u;
                if (2 * i + 1 >= j1[t]) word &= 0x0000ffffu;
                x = dot_pair(x, p[i], word);
            }
            o[d] = fmaf(o[d], a[t], x * b[t]);
        }
    }
}

static void settle(float *y, const float *o, float l, int64_t n) {
    const float by = 1.0f / l;
    for (int64_t i = 0; i < n; i++)
        y[i] = o[i] * by;
}

void kernels_ref_attention_pairs(struct attention_kernels *k) {
    *k = (struct attention_kernels){
        .turn = turn,
        .put_half = put_half,
        .scores = scores,
        .weigh = weigh,
        .values = values,
        .settle = settle,
    };
}
