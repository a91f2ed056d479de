/*
 * kernels_avx2_int8.c - products of eight bits with AVX2. vpmaddubsw multiplies unsigned by signed
 * bytes and adds pairs in 16 bits: with the weight's sign moved to the activation no pair exceeds 2
 * * 127 * 127, so that nothing saturates. The set avx512 has these too where the processor lacks
 * VNNI.
 */
#if defined(__AVX2__)
#include <immintrin.h>

#include "tensor/cpu/kernels_int8.h"
#include "tensor/cpu/kernels_words.h"

enum { PASS = 4, STEP = 32 };

/* Columns [i, i + 8) of x times inverse, as integers. */
WORD vi rounded(const float *x, vf inverse) {
    return _mm256_cvtps_epi32(vf_load(x) * inverse);
}

static float quantize(int8_t *q, const float *x, int64_t n) {
    const vi no_sign = vi_set(0x7fffffff);
    vi top = vi_set(0);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        top = _mm256_max_epi32(top, vi_and(vi_load(x + i), no_sign));
    uint32_t lanes[LANES], largest = 0;
    memcpy(lanes, &top, sizeof(lanes));
    for (int j = 0; j < LANES; j++)
        largest = lanes[j] > largest ? lanes[j] : largest;
    for (; i < n; i++) {
        const uint32_t size = int8_magnitude(x[i]);
        largest = size > largest ? size : largest;
    }
    const struct int8_scale s = int8_scale_of(largest);
    const int64_t end = int8_words(n) * 4;
    if (!(s.inverse > 0)) {
        memset(q, 0, (size_t)end);
        return s.scale;
    }
    const vf inverse = vf_set(s.inverse);
    const vi order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    for (i = 0; i + STEP <= n; i += STEP) {
        const vi a = rounded(x + i, inverse), b = rounded(x + i + 8, inverse);
        const vi c = rounded(x + i + 16, inverse), d = rounded(x + i + 24, inverse);
        const vi all = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
        _mm256_storeu_si256((vi *)(void *)(q + i), _mm256_permutevar8x32_epi32(all, order));
    }
    for (; i < n; i++)
        q[i] = int8_of(x[i], s.inverse);
    for (; i < end; i++)
        q[i] = 0;
    return s.scale;
}

static void widen(float *x, const int8_t *q, float scale, int64_t n) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)(q + i));
        vf_store(x + i, vf_of_int(_mm256_cvtepi8_epi32(bytes)) * vf_set(scale));
    }
    for (; i < n; i++)
        x[i] = (float)q[i] * scale;
}

static void turn(uint32_t *xt, const int8_t *q, size_t ldq, int r, int64_t n_words) {
    for (int64_t i = 0; i < n_words; i++, q += 4)
        for (int t = 0; t < r; t++)
            memcpy(xt++, q + (size_t)t * ldq, 4);
}

/* R tokens from x on, `r` apart, by V vectors of outputs from row c of the panel on. */
WORD void tile_pass(float *acc, const uint32_t *x, const float *x_scale, int r, const int R,
                    const int V, const struct int8_panel *panel, int c, int64_t n_words,
                    const uint8_t **ahead) {
    const vi ones = _mm256_set1_epi16(1);
    const int8_t *w = panel->words[0][c];
    vi a[2 * PASS];
    UNROLL
    for (int i = 0; i < R * V; i++)
        a[i] = vi_set(0);
    for (int64_t k = 0; k < n_words; k++, x += r, w += INT8_PANEL_ROWS * 4) {
        vi signs[4], sizes[4];
        UNROLL
        for (int v = 0; v < V; v++) {
            signs[v] = vi_load(w + v * LANES * 4);
            sizes[v] = _mm256_abs_epi8(signs[v]);
        }
        if (*ahead) {
            UNROLL
            for (int v = 0; v < V; v += 2)
                __builtin_prefetch(*ahead + v * LANES * 4, 0, 2);
            *ahead += V * LANES * 4;
        }
        UNROLL
        for (int t = 0; t < R; t++) {
            const vi word = vi_set((int32_t)x[t]);
            UNROLL
            for (int v = 0; v < V; v++) {
                const vi pairs = _mm256_maddubs_epi16(sizes[v], _mm256_sign_epi8(word, signs[v]));
                a[t * V + v] = _mm256_add_epi32(a[t * V + v], _mm256_madd_epi16(pairs, ones));
            }
        }
    }
    UNROLL
    for (int t = 0; t < R; t++) {
        UNROLL
        for (int v = 0; v < V; v++) {
            const vf scale = vf_set(x_scale[t]) * vf_load(panel->scale + c + v * LANES);
            vf_store(acc + t * INT8_PANEL_ROWS + c + v * LANES, vf_of_int(a[t * V + v]) * scale);
        }
    }
}

static void tile(float *acc, const uint32_t *x, const float *x_scale, int r,
                 const struct int8_panel *panel, int64_t n_words, const uint8_t *ahead) {
    const int n_passes = (r + PASS - 1) / PASS;
    if (r == 1) {
        tile_pass(acc, x, x_scale, r, 1, 4, panel, 0, n_words, &ahead);
        return;
    }
    for (int i = 0; i < 2 * n_passes; i++) {
        const int pass = i / 2, c = i % 2 * 2 * LANES;
        const int t0 = pass * r / n_passes, n = (pass + 1) * r / n_passes - t0;
        float *to = acc + t0 * INT8_PANEL_ROWS;
        if (i == 2) ahead = NULL;
        switch (n) {
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        tile_pass(to, x + t0, x_scale + t0, r, n, 2, panel, c, n_words, &ahead);                   \
        break;
            CASE(1)
            CASE(2)
            CASE(3)
            CASE(4)
#undef CASE
        }
    }
}

void kernels_avx2_int8(struct int8_kernels *k) {
    *k = (struct int8_kernels){.quantize = quantize, .widen = widen, .turn = turn, .tile = tile};
}
#endif
