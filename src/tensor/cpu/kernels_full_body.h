/*
 * kernels_full_body.h - the vector form of kernels_full.h, in the words of kernels_words.h;
 * included once by kernels_avx2_full.c and once by kernels_avx512_full.c.
 */
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/kernels_words.h"

enum { PARTS = PANEL_ROWS / LANES };

WORD bool vm_any(vm m) {
#if defined(__AVX512F__)
    return m != 0;
#else
    return !_mm256_testz_si256(m, m);
#endif
}

/* exp2_f32 lane by lane. */
WORD vf vf_exp2(vf t) {
    const vf magic = vf_set(EXP_MAGIC);
    t = vf_max(vf_set(EXP2_LOWEST), t); /* a NaN, being the second, stays */
    const vf n = (t + magic) - magic, r = t - n;
    vf p = vf_fma(vf_set(EXP2_C6), r, vf_set(EXP2_C5));
    p = vf_fma(p, r, vf_set(EXP2_C4));
    p = vf_fma(p, r, vf_set(EXP2_C3));
    p = vf_fma(p, r, vf_set(EXP2_C2));
    p = vf_fma(p, r, vf_set(EXP2_C1));
    p = vf_fma(p, r, vf_set(1.0f));
    return vf_scale(p, n);
}

static bool weigh(float *s, int64_t n, float scale, float *max, float *sum, float *a) {
    const vf by = vf_set(scale * EXP_LOG2E);
    vf top[PARTS], l[PARTS];
    UNROLL
    for (int v = 0; v < PARTS; v++)
        top[v] = vf_set(-INFINITY);
    for (int64_t i = 0; i < n; i++) {
        UNROLL
        for (int v = 0; v < PARTS; v++)
            top[v] = vf_max(vf_load(s + i * PANEL_ROWS + v * LANES), top[v]);
    }
    bool moved = false;
    UNROLL
    for (int v = 0; v < PARTS; v++) {
        const vf old = vf_load(max + v * LANES);
        top[v] = vf_max(top[v] * by, old); /* of a NaN and a number the second: the old one */
        moved = moved || vm_any(vm_less(old, top[v]));
        l[v] = vf_zero();
    }
    for (int64_t i = 0; i < n; i++) {
        UNROLL
        for (int v = 0; v < PARTS; v++) {
            float *p = s + i * PANEL_ROWS + v * LANES;
            const vf e = vf_exp2(vf_load(p) * by - top[v]);
            vf_store(p, e);
            l[v] = l[v] + e;
        }
    }
    UNROLL
    for (int v = 0; v < PARTS; v++) {
        const vf fading = vf_exp2(vf_load(max + v * LANES) - top[v]);
        vf_store(a + v * LANES, fading);
        vf_store(sum + v * LANES, vf_fma(vf_load(sum + v * LANES), fading, l[v]));
        vf_store(max + v * LANES, top[v]);
    }
    return moved;
}

static void fade(float *x, int64_t n, const float *a) {
    vf by[PARTS];
    UNROLL
    for (int v = 0; v < PARTS; v++)
        by[v] = vf_load(a + v * LANES);
    for (int64_t i = 0; i < n; i++, x += PANEL_ROWS) {
        UNROLL
        for (int v = 0; v < PARTS; v++)
            vf_store(x + v * LANES, vf_load(x + v * LANES) * by[v]);
    }
}

WORD void take_full(struct full_kernels *k) {
    k->weigh = weigh;
    k->fade = fade;
}
