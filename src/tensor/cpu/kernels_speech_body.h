/*
 * kernels_speech_body.h - the vector form of kernels_speech.h, in the words of kernels_words.h;
 * included once by kernels_avx2_speech.c and once by kernels_avx512_speech.c.
 */
#include "tensor/cpu/kernels_speech.h"
#include "tensor/cpu/kernels_words.h"

enum { WIDE = 8 }; /* chains side by side: enough to hide what one product takes */

WORD void chain_block(float *y, const float *x, int64_t k, const float *w, int64_t ldw, int n) {
    vf sums[WIDE];
    UNROLL
    for (int c = 0; c < n; c++)
        sums[c] = vf_zero();
    for (int64_t i = 0; i < k; i++, w += ldw) {
        const vf v = vf_set(x[i]);
        UNROLL
        for (int c = 0; c < n; c++)
            sums[c] = vf_fma(v, vf_load(w + c * LANES), sums[c]);
    }
    UNROLL
    for (int c = 0; c < n; c++)
        vf_store(y + c * LANES, sums[c]);
}

static void chain(float *y, const float *x, int64_t k, const float *w, int64_t ldw, int64_t n) {
    int64_t j = 0;
    for (; j + WIDE * LANES <= n; j += WIDE * LANES)
        chain_block(y + j, x, k, w + j, ldw, WIDE);
    for (; j + 2 * LANES <= n; j += 2 * LANES)
        chain_block(y + j, x, k, w + j, ldw, 2);
    for (; j < n; j += LANES) {
        const int rest = n - j < LANES ? (int)(n - j) : LANES;
        vf sum = vf_zero();
        for (int64_t i = 0; i < k; i++)
            sum = vf_fma(vf_set(x[i]), load_up_to(w + i * ldw + j, rest), sum);
        store_up_to(y + j, sum, rest);
    }
}

static void taps(float *y, const float *const *x, const float *const *w, int n_taps,
                 const float *bias, int64_t n) {
    for (int64_t c = 0; c < n; c += LANES) {
        const int rest = n - c < LANES ? (int)(n - c) : LANES;
        vf sum = load_up_to(bias + c, rest);
        for (int t = 0; t < n_taps; t++)
            sum = vf_fma(load_up_to(x[t] + c, rest), load_up_to(w[t] + c, rest), sum);
        store_up_to(y + c, sum, rest);
    }
}

static void glu(float *y, const float *value, const float *gate, int64_t n) {
    const vf one = vf_set(1.0f);
    for (int64_t i = 0; i < n; i += LANES) {
        const int rest = n - i < LANES ? (int)(n - i) : LANES;
        const vf g = load_up_to(gate + i, rest);
        store_up_to(y + i, load_up_to(value + i, rest) / (one + vf_exp(-g)), rest);
    }
}

static float add_scale_max(float *s, const float *b, float scale, int64_t n) {
    const vf by = vf_set(scale), lowest = vf_set(-INFINITY);
    vf top = lowest;
    for (int64_t i = 0; i < n; i += LANES) {
        const int rest = n - i < LANES ? (int)(n - i) : LANES;
        const vf v = (load_up_to(s + i, rest) + load_up_to(b + i, rest)) * by;
        store_up_to(s + i, v, rest);
        top = vf_max(vf_choose(vm_between(0, 0, rest), v, lowest), top);
    }
    return max_lane(top);
}

static void exp_from(float *s, float max, int64_t n) {
    const vf m = vf_set(max);
    for (int64_t i = 0; i < n; i += LANES) {
        const int rest = n - i < LANES ? (int)(n - i) : LANES;
        store_up_to(s + i, vf_exp(load_up_to(s + i, rest) - m), rest);
    }
}

WORD void take_speech(struct speech_kernels *k) {
    k->chain = chain;
    k->taps = taps;
    k->glu = glu;
    k->add_scale_max = add_scale_max;
    k->exp_from = exp_from;
}
