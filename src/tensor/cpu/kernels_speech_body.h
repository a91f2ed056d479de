/*
 * kernels_speech_body.h - the vector form of kernels_speech.h, in the words of kernels_words.h;
 * included once by kernels_avx2_speech.c and once by kernels_avx512_speech.c.
 */
#include "tensor/cpu/kernels_speech.h"
#include "tensor/cpu/kernels_words.h"

enum { WIDE = 8 }; /* chains side by side: enough to hide what one product takes */

/* V vectors of outputs, the last of which has `rest` of its lanes. */
WORD void chain_block(float *y, const float *x, int64_t k, const float *w, int64_t ldw, const int V,
                      int rest) {
    const float *last = w + (V - 1) * LANES;
    vf sums[WIDE];
    UNROLL
    for (int c = 0; c < V; c++)
        sums[c] = vf_zero();
    for (int64_t i = 0; i < k; i++, w += ldw, last += ldw) {
        const vf v = vf_set(x[i]);
        UNROLL
        for (int c = 0; c < V - 1; c++)
            sums[c] = vf_fma(v, vf_load(w + c * LANES), sums[c]);
        sums[V - 1] = vf_fma(v, vf_load_part(last, rest), sums[V - 1]);
    }
    UNROLL
    for (int c = 0; c < V - 1; c++)
        vf_store(y + c * LANES, sums[c]);
    vf_store_part(y + (V - 1) * LANES, sums[V - 1], rest);
}

static void chain(float *y, const float *x, int64_t k, const float *w, int64_t ldw, int64_t n) {
    for (int64_t j = 0; j < n; j += WIDE * LANES) {
        const int64_t left = (n - j + LANES - 1) / LANES;
        const int n_vectors = left < WIDE ? (int)left : WIDE;
        const int64_t before = j + (n_vectors - 1) * LANES;
        const int rest = n - before < LANES ? (int)(n - before) : LANES;
        switch (n_vectors) {
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        chain_block(y + j, x, k, w + j, ldw, n, rest);                                             \
        break;
            CASE(1)
            CASE(2)
            CASE(3)
            CASE(4)
            CASE(5)
            CASE(6)
            CASE(7)
            CASE(8)
#undef CASE
        }
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
