/* kernels_ref_full.c - the plain form of kernels_full.h; doc/numerics.md in C. */
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/math.h"

static bool weigh(float *s, int64_t n, float scale, float *max, float *sum, float *a) {
    const float by = scale * EXP_LOG2E;
    bool moved = false;
    for (int j = 0; j < PANEL_ROWS; j++) {
        float top = -INFINITY, l = 0.0f;
        for (int64_t i = 0; i < n; i++)
            top = s[i * PANEL_ROWS + j] > top ? s[i * PANEL_ROWS + j] : top;
        top *= by;
        const float now = top > max[j] ? top : max[j];
        for (int64_t i = 0; i < n; i++) {
            float *p = &s[i * PANEL_ROWS + j];
            *p = exp2_f32(*p * by - now);
            l += *p;
        }
        moved = moved || now != max[j];
        a[j] = exp2_f32(max[j] - now);
        sum[j] = fmaf(sum[j], a[j], l);
        max[j] = now;
    }
    return moved;
}

static void fade(float *x, int64_t n, const float *a) {
    for (int64_t i = 0; i < n; i++)
        for (int j = 0; j < PANEL_ROWS; j++)
            x[i * PANEL_ROWS + j] *= a[j];
}

static void pair_rows(uint32_t *words, const float *even, const float *odd, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        words[i] = round_to_bf16(even[i]) | (odd ? round_to_bf16(odd[i]) << 16 : 0);
}

void kernels_ref_full(struct full_kernels *k) {
    *k = (struct full_kernels){.weigh = weigh, .fade = fade};
}

void kernels_ref_full_pairs(struct full_kernels *k) {
    k->pair_rows = pair_rows;
}
