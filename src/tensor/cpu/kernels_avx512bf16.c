/*
 * kernels_avx512bf16.c - products of bf16 weights with activations rounded to bf16, two columns an
 * instruction (vdpbf16ps). A word of a row is a pair of columns as it lies, so weights need a
 * transpose of words and nothing else. Lanes are different outputs; each has the one chain of
 * kernels_ref.c. All other kernels of the set are those of kernels_avx512.c.
 */
#if defined(__AVX512BF16__)
#include <immintrin.h>

#include "tensor/cpu/kernels.h"
#include "tensor/cpu/kernels_turn.h"

enum {
    GROUPS = PANEL_ROWS / LANES,
    STEP = 2 * LANES, /* columns of a row in a vector */
    PASS = 12,        /* tokens by two groups: 24 of 32 registers */
};

WORD vf dot(vf acc, uint32_t x, vi w) {
    return _mm512_dpbf16_ps(acc, (__m512bh)_mm512_set1_epi32((int32_t)x), (__m512bh)w);
}

/* STEP columns of LANES rows; `ahead` moves on by as much. */
WORD void turn_step(const uint8_t *w, size_t stride, vi t[LANES], const uint8_t **ahead) {
    turn16(w, stride, t);
    if (!*ahead) return;
    UNROLL
    for (int i = 0; i < LANES; i++)
        __builtin_prefetch(*ahead + i * 64, 0, 2);
    *ahead += LANES * 64;
}

/* ---- many tokens: a panel in memory ---- */

static void pack_pairs(uint32_t *panel, const uint8_t *w, size_t row_bytes, int n, int64_t k0,
                       int64_t kn, const uint8_t *ahead) {
    if (n < PANEL_ROWS) {
        kernels_ref_pack_pairs(panel, w, row_bytes, n, k0, kn, ahead);
        return;
    }
    const int64_t whole = kn - kn % STEP;
    for (int g = 0; g < GROUPS; g++) {
        const uint8_t *rows = w + (size_t)(g * LANES) * row_bytes + (size_t)k0 * 2;
        uint32_t *to = panel + g * LANES;
        for (int64_t k = 0; k < whole; k += STEP, rows += STEP * 2) {
            vi t[LANES];
            turn_step(rows, row_bytes, t, &ahead);
            UNROLL
            for (int c = 0; c < LANES; c++, to += PANEL_ROWS)
                _mm512_storeu_si512(to, t[c]);
        }
    }
    if (whole < kn)
        kernels_ref_pack_pairs(panel + whole / 2 * PANEL_ROWS, w, row_bytes, n, k0 + whole,
                               kn - whole, NULL);
}

/* n tokens from x on, `r` apart. */
WORD void tile_pass(float *acc, const uint32_t *x, int r, const int n, const uint32_t *panel,
                    int64_t n_pairs, bool first) {
    vf a[PASS * GROUPS];
    UNROLL
    for (int i = 0; i < n * GROUPS; i++)
        a[i] = first ? vf_zero() : vf_load(acc + i * LANES);
    for (int64_t i = 0; i < n_pairs; i++, x += r, panel += PANEL_ROWS) {
        const vi low = vi_load(panel), high = vi_load(panel + LANES);
        UNROLL
        for (int t = 0; t < n; t++) {
            a[t * GROUPS] = dot(a[t * GROUPS], x[t], low);
            a[t * GROUPS + 1] = dot(a[t * GROUPS + 1], x[t], high);
        }
    }
    UNROLL
    for (int i = 0; i < n * GROUPS; i++)
        vf_store(acc + i * LANES, a[i]);
}

static void tile_pairs(float *acc, const uint32_t *x, int r, const uint32_t *panel, int64_t kn,
                       bool first) {
    const int64_t n_pairs = (kn + 1) / 2;
    const int n_passes = (r + PASS - 1) / PASS; /* evenly: one token alone would wait */
    for (int i = 0; i < n_passes; i++) {
        const int t0 = i * r / n_passes, n = (i + 1) * r / n_passes - t0;
        float *to = acc + t0 * PANEL_ROWS;
        switch (n) {
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        tile_pass(to, x + t0, r, n, panel, n_pairs, first);                                        \
        break;
            CASE(1)
            CASE(2)
            CASE(3)
            CASE(4)
            CASE(5)
            CASE(6)
            CASE(7)
            CASE(8)
            CASE(9)
            CASE(10)
            CASE(11)
            CASE(12)
#undef CASE
        }
    }
}

/* ---- few tokens: straight into accumulators ---- */

#define STREAM(R)                                                                                  \
    static void stream_##R(float *acc, const uint32_t *x, const uint8_t *w, size_t stride,         \
                           int64_t k, const uint8_t *ahead) {                                      \
        for (int g = 0; g < GROUPS; g++)                                                           \
            stream_group(acc + g * LANES, x, R, w + (size_t)(g * LANES) * stride, stride, k,       \
                         &ahead);                                                                  \
    }

WORD void stream_group(float *acc, const uint32_t *x, const int R, const uint8_t *w, size_t stride,
                       int64_t k, const uint8_t **ahead) {
    vf a[STREAM_TOKENS];
    UNROLL
    for (int t = 0; t < R; t++)
        a[t] = vf_zero();
    for (; k >= STEP; k -= STEP, w += STEP * 2, x += LANES * R) {
        vi words[LANES];
        turn_step(w, stride, words, ahead);
        UNROLL
        for (int c = 0; c < LANES; c++) {
            UNROLL
            for (int t = 0; t < R; t++)
                a[t] = dot(a[t], x[c * R + t], words[c]);
        }
    }
    if (k > 0) { /* fewer columns than a step */
        uint32_t panel[LANES * PANEL_ROWS];
        kernels_ref_pack_pairs(panel, w, stride, LANES, 0, k, NULL);
        for (int64_t i = 0; i < (k + 1) / 2; i++) {
            UNROLL
            for (int t = 0; t < R; t++)
                a[t] = dot(a[t], x[i * R + t], vi_load(panel + i * PANEL_ROWS));
        }
    }
    UNROLL
    for (int t = 0; t < R; t++)
        vf_store(acc + t * PANEL_ROWS, a[t]);
}
STREAM(1)
STREAM(2)
STREAM(4)
STREAM(8)
STREAM(12)
STREAM(16)

static bool stream_pairs(float *acc, const uint32_t *x, int r, const uint8_t *w, size_t row_bytes,
                         int64_t k, const uint8_t *ahead) {
    typedef void stream_fn(float *, const uint32_t *, const uint8_t *, size_t, int64_t,
                           const uint8_t *);
    static stream_fn *const streamers[STREAM_TOKENS + 1] = {
        [1] = stream_1, [2] = stream_2,   [4] = stream_4,
        [8] = stream_8, [12] = stream_12, [16] = stream_16};
    if (!streamers[r]) return false;
    streamers[r](acc, x, w, row_bytes, k, ahead);
    return true;
}

/* ---- activations ---- */

/* Words through a few cache lines, as turn() of kernels_body.h. */
static void turn_pairs(uint32_t *xt, const float *x, int64_t ldx, int r, int64_t k) {
    uint32_t line[STREAM_TOKENS][LANES];
    for (int64_t k0 = 0; k0 < k; k0 += STEP, xt += LANES * r) {
        const int n = k - k0 < STEP ? (int)(k - k0) : STEP; /* beyond are zeros */
        const uint32_t some = (uint32_t)((UINT64_C(1) << n) - 1);
        for (int t = 0; t < r; t++) {
            const float *from = x + t * ldx + k0;
            const vf low = _mm512_maskz_loadu_ps((vm)some, from);
            const vf high = _mm512_maskz_loadu_ps((vm)(some >> LANES), from + LANES);
            const __m512bh both = _mm512_cvtne2ps_pbh(high, low);
            memcpy(line[t], &both, sizeof(both));
        }
        for (int i = 0; i < (n + 1) / 2; i++)
            for (int t = 0; t < r; t++)
                xt[i * r + t] = line[t][i];
    }
}

void kernels_init_avx512bf16(struct kernel_set *ks) {
    ks->isa = "avx512bf16";
    ks->pack_pairs = pack_pairs;
    ks->tile_pairs = tile_pairs;
    ks->stream_pairs = stream_pairs;
    ks->turn_pairs = turn_pairs;
}
#endif
