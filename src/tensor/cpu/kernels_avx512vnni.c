/*
 * kernels_avx512vnni.c - products of eight bits with AVX-512 VNNI. vpdpbusd multiplies unsigned by
 * signed bytes and adds four of them in 32 bits, which wrap and do not saturate: activations are
 * moved up by 128, and the sums begin at what that is too much.
 */
#if defined(__AVX512VNNI__)
#include <immintrin.h>

#include "tensor/cpu/kernels_int8.h"
#include "tensor/cpu/kernels_turn.h"

enum { PASS = 12, GROUPS = INT8_PANEL_ROWS / LANES };

/* acc + four unsigned bytes of x times signed ones of w, lane by lane. Of the compiler's own form
 * of it gcc 12 keeps the sum in another register and runs out of them: 128 GMAC/s instead of 230.
 */
WORD vi dot(vi acc, vi x, vi w) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(x), "v"(w));
    return acc;
}

WORD vi largest_of(vi top, vf x, vi no_sign) {
    return _mm512_max_epu32(top, vi_and(_mm512_castps_si512(x), no_sign));
}

static float quantize(int8_t *q, const float *x, int64_t n) {
    const vi no_sign = vi_set(0x7fffffff);
    vi top = vi_set(0), other = vi_set(0);
    int64_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        top = largest_of(top, vf_load(x + i), no_sign);
        other = largest_of(other, vf_load(x + i + LANES), no_sign);
    }
    for (; i < n; i += LANES) {
        const int rest = n - i < LANES ? (int)(n - i) : LANES;
        top = largest_of(top, load_up_to(x + i, rest), no_sign);
    }
    const struct int8_scale s =
        int8_scale_of(_mm512_reduce_max_epu32(_mm512_max_epu32(top, other)));
    const int64_t end = int8_words(n) * 4;
    if (!(s.inverse > 0)) {
        memset(q, 0, (size_t)end);
        return s.scale;
    }
    const vf inverse = vf_set(s.inverse);
    for (i = 0; i + LANES <= n; i += LANES) {
        const vi whole = _mm512_cvtps_epi32(vf_load(x + i) * inverse);
        _mm_storeu_si128((__m128i *)(void *)(q + i), _mm512_cvtepi32_epi8(whole));
    }
    if (i < end) {
        const int rest = (int)(n - i);
        const vf part = rest > 0 ? vf_load_part(x + i, rest) : vf_zero();
        const vi whole = _mm512_cvtps_epi32(part * inverse);
        _mm_mask_storeu_epi8(q + i, (__mmask16)((1u << (end - i)) - 1),
                             _mm512_cvtepi32_epi8(whole));
    }
    return s.scale;
}

static void widen(float *x, const int8_t *q, float scale, int64_t n) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(q + i));
        vf_store(x + i, vf_of_int(_mm512_cvtepi8_epi32(bytes)) * vf_set(scale));
    }
    for (; i < n; i++)
        x[i] = (float)q[i] * scale;
}

static void turn(uint32_t *xt, const int8_t *q, size_t ldq, int r, int64_t n_words) {
    const vm some = (vm)((1u << r) - 1);
    const vi up = _mm512_set1_epi8(-128);
    if (r == 1) {
        for (int64_t i = 0; i < n_words; i += LANES) {
            const int64_t n = n_words - i < LANES ? n_words - i : LANES;
            const vm here = (vm)((1u << n) - 1);
            _mm512_mask_storeu_epi32(xt + i, here, _mm512_xor_si512(vi_load(q + i * 4), up));
        }
        return;
    }
    for (int64_t i = 0; i < n_words; i += LANES, q += LANES * 4, xt += LANES * r) {
        const int n = n_words - i < LANES ? (int)(n_words - i) : LANES;
        vi t[LANES];
        turn16((const uint8_t *)q, ldq, t);
        UNROLL
        for (int c = 0; c < LANES; c++)
            if (c < n) _mm512_mask_storeu_epi32(xt + c * r, some, _mm512_xor_si512(t[c], up));
    }
}

/* R tokens from x on, `r` apart; S sums each, taken in turn, where one would wait for itself. */
WORD void tile_pass(float *acc, const uint32_t *x, const float *x_scale, int r, const int R,
                    const int S, const struct int8_panel *panel, int64_t n_words,
                    const uint8_t *ahead, const bool fetch) {
    const int8_t *w = panel->words[0][0];
    vi a[PASS * GROUPS];
    UNROLL
    for (int i = 0; i < R * S; i++) {
        UNROLL
        for (int g = 0; g < GROUPS; g++)
            a[i * GROUPS + g] = i < R ? vi_load(panel->offset + g * LANES) : vi_set(0);
    }
    int64_t k = 0;
    for (; k + S <= n_words; k += S) {
        UNROLL
        for (int s = 0; s < S; s++, x += r, w += INT8_PANEL_ROWS * 4) {
            const vi low = vi_load(w), high = vi_load(w + LANES * 4);
            if (fetch) {
                __builtin_prefetch(ahead, 0, 2);
                __builtin_prefetch(ahead + LANES * 4, 0, 2);
                ahead += INT8_PANEL_ROWS * 4;
            }
            UNROLL
            for (int t = 0; t < R; t++) {
                const int i = (s * R + t) * GROUPS;
                const vi word = vi_set((int32_t)x[t]);
                a[i] = dot(a[i], word, low);
                a[i + 1] = dot(a[i + 1], word, high);
            }
        }
    }
    for (; k < n_words; k++, x += r, w += INT8_PANEL_ROWS * 4) {
        const vi low = vi_load(w), high = vi_load(w + LANES * 4);
        UNROLL
        for (int t = 0; t < R; t++) {
            const vi word = vi_set((int32_t)x[t]);
            a[t * GROUPS] = dot(a[t * GROUPS], word, low);
            a[t * GROUPS + 1] = dot(a[t * GROUPS + 1], word, high);
        }
    }
    UNROLL
    for (int i = R * GROUPS; i < R * S * GROUPS; i++)
        a[i % (R * GROUPS)] = _mm512_add_epi32(a[i % (R * GROUPS)], a[i]);
    UNROLL
    for (int t = 0; t < R; t++) {
        UNROLL
        for (int g = 0; g < GROUPS; g++) {
            const vf scale = vf_set(x_scale[t]) * vf_load(panel->scale + g * LANES);
            vf_store(acc + t * INT8_PANEL_ROWS + g * LANES, vf_of_int(a[t * GROUPS + g]) * scale);
        }
    }
}

/* What follows is the same with a panel to fetch and without. */
WORD void tile_passes(float *acc, const uint32_t *x, const float *x_scale, int r,
                      const struct int8_panel *panel, int64_t n_words, const uint8_t *ahead,
                      const bool fetch) {
    switch (r) {
#define CASE(n, s)                                                                                 \
    case n:                                                                                        \
        tile_pass(acc, x, x_scale, r, n, s, panel, n_words, ahead, fetch);                         \
        return;
        CASE(1, 4)
        CASE(2, 4)
        CASE(3, 2)
        CASE(4, 2)
        CASE(5, 2)
        CASE(6, 2)
        CASE(7, 1)
        CASE(8, 1)
        CASE(9, 1)
        CASE(10, 1)
        CASE(11, 1)
        CASE(12, 1)
#undef CASE
    }
    tile_pass(acc, x, x_scale, r, 8, 1, panel, n_words, ahead, fetch);
    acc += 8 * INT8_PANEL_ROWS;
    x += 8;
    x_scale += 8;
    switch (r - 8) {
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        tile_pass(acc, x, x_scale, r, n, 1, panel, n_words, ahead, false);                         \
        return;
        CASE(5)
        CASE(6)
        CASE(7)
        CASE(8)
#undef CASE
    }
}

static void tile(float *acc, const uint32_t *x, const float *x_scale, int r,
                 const struct int8_panel *panel, int64_t n_words, const uint8_t *ahead) {
    if (ahead)
        tile_passes(acc, x, x_scale, r, panel, n_words, ahead, true);
    else
        tile_passes(acc, x, x_scale, r, panel, n_words, NULL, false);
}

void kernels_avx512vnni_int8(struct int8_kernels *k) {
    *k = (struct int8_kernels){.quantize = quantize, .widen = widen, .turn = turn, .tile = tile};
}
#endif
