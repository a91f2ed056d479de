/* kernels_ref_speech.c - the plain form of kernels_speech.h; doc/numerics.md in C. */
#include "tensor/cpu/kernels_speech.h"

#include "tensor/cpu/math.h"

static void chain(float *y, const float *x, int64_t k, const float *w, int64_t ldw, int64_t n) {
    for (int64_t j = 0; j < n; j++) {
        float sum = 0.0f;
        for (int64_t i = 0; i < k; i++)
            sum = fmaf(x[i], w[i * ldw + j], sum);
        y[j] = sum;
    }
}

static void taps(float *y, const float *const *x, const float *const *w, int n_taps,
                 const float *bias, int64_t n) {
    for (int64_t c = 0; c < n; c++) {
        float sum = bias[c];
        for (int t = 0; t < n_taps; t++)
            sum = fmaf(x[t][c], w[t][c], sum);
        y[c] = sum;
    }
}

static void glu(float *y, const float *value, const float *gate, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] = value[i] / (1.0f + exp_f32(-gate[i]));
}

static float add_scale_max(float *s, const float *b, float scale, int64_t n) {
    float max = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        s[i] = (s[i] + b[i]) * scale;
        max = max < s[i] ? s[i] : max;
    }
    return max;
}

static void exp_from(float *s, float max, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        s[i] = exp_f32(s[i] - max);
}

void kernels_ref_speech(struct speech_kernels *k) {
    *k = (struct speech_kernels){.chain = chain,
                                 .taps = taps,
                                 .glu = glu,
                                 .add_scale_max = add_scale_max,
                                 .exp_from = exp_from};
}
