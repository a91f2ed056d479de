/* kernels_ref_int8.c - the plain form of kernels_int8.h; doc/numerics.md in C. */
#include "tensor/cpu/kernels_int8.h"

static float quantize(int8_t *q, const float *x, int64_t n) {
    uint32_t largest = 0;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t size = int8_magnitude(x[i]);
        largest = size > largest ? size : largest;
    }
    const struct int8_scale s = int8_scale_of(largest);
    for (int64_t i = 0; i < n; i++)
        q[i] = s.inverse > 0 ? int8_of(x[i], s.inverse) : 0;
    for (int64_t i = n; i % 4 != 0; i++)
        q[i] = 0;
    return s.scale;
}

static void widen(float *x, const int8_t *q, float scale, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)q[i] * scale;
}

static void turn(uint32_t *xt, const int8_t *q, size_t ldq, int r, int64_t n_words) {
    for (int64_t i = 0; i < n_words; i++)
        for (int t = 0; t < r; t++)
            memcpy(&xt[i * r + t], q + (size_t)t * ldq + (size_t)i * 4, 4);
}

static void tile(float *acc, const uint32_t *x, const float *x_scale, int r,
                 const struct int8_panel *panel, int64_t n_words, const uint8_t *ahead) {
    (void)ahead; /* the plain path fetches nothing in advance */
    for (int t = 0; t < r; t++) {
        for (int j = 0; j < INT8_PANEL_ROWS; j++) {
            int32_t sum = 0;
            for (int64_t i = 0; i < n_words; i++) {
                int8_t word[4];
                memcpy(word, &x[i * r + t], sizeof(word));
                for (int b = 0; b < 4; b++)
                    sum += word[b] * panel->words[i][j][b];
            }
            acc[t * INT8_PANEL_ROWS + j] = (float)sum * (x_scale[t] * panel->scale[j]);
        }
    }
}

void kernels_ref_int8(struct int8_kernels *k) {
    *k = (struct int8_kernels){.quantize = quantize, .widen = widen, .turn = turn, .tile = tile};
}
