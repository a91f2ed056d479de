/*
 * kernels_avx2_stream.c - products of weights of the plain types with few tokens, straight from the
 * file's rows: what kernels_avx2_pack.c and the tile do together, without a panel in memory. A step
 * is one cache line of every row. While the words of one step are multiplied, four at a time, those
 * of the next are turned on their side, a quarter of the rows at a time: multiply-adds of one chain
 * wait for each other, and these are what the processor does meanwhile. Lanes are different
 * outputs, and each has the one chain of kernels_ref.c.
 */
#if defined(__AVX2__)
#include <immintrin.h>

#include "tensor/cpu/kernels.h"
#include "tensor/cpu/kernels_turn.h"

enum {
    GROUPS = PANEL_ROWS / LANES,
    LINE = 64,
    WORDS = LINE / 4,         /* of a row in a step */
    QUARTER = WORDS / GROUPS, /* words multiplied while one group is turned */
    MOST_COLUMNS = 2 * WORDS, /* of a step */
    MOST_TOKENS = 3,          /* by GROUPS: 12 of 16 registers */
};

struct step {
    vi words[WORDS][GROUPS];
};

WORD void turn_group(struct step *s, int g, const uint8_t *w, size_t stride) {
    vi t[WORDS];
    turn8(w, stride, t);
    turn8(w + LINE / 2, stride, t + WORDS / 2);
    UNROLL
    for (int c = 0; c < WORDS; c++)
        s->words[c][g] = t[c];
}

/* The columns of a word, ascending. */
WORD int columns_of(enum dtype t) {
    return t == DTYPE_F32 ? 1 : 2;
}
WORD void widen(enum dtype t, vi word, vf column[2]) {
    if (t == DTYPE_F32) {
        column[0] = vf_of_bits(word);
    } else if (t == DTYPE_BF16) { /* an f32 is a bf16 and sixteen zeros */
        column[0] = vf_of_bits(vi_left(word, 16));
        column[1] = vf_of_bits(vi_and(word, vi_set((int32_t)0xffff0000)));
    } else {
        column[0] = vf_of_half(word);
        column[1] = vf_of_half(vi_right(word, 16));
    }
}

/* Words [c, c + n) of a step by R tokens. */
WORD void multiply(vf acc[MOST_TOKENS * GROUPS], const struct step *s, int c, int n, const int R,
                   enum dtype t, const float *x) {
    const int columns = columns_of(t);
    UNROLL
    for (int i = c; i < c + n; i++) {
        vf v[GROUPS][2];
        UNROLL
        for (int g = 0; g < GROUPS; g++)
            widen(t, s->words[i][g], v[g]);
        UNROLL
        for (int j = 0; j < columns; j++, x += R) {
            UNROLL
            for (int r = 0; r < R; r++) {
                const vf both = vf_set(x[r]);
                UNROLL
                for (int g = 0; g < GROUPS; g++)
                    acc[r * GROUPS + g] = vf_fma(both, v[g][j], acc[r * GROUPS + g]);
            }
        }
    }
}

WORD void stream_panel(float *acc, const float *x, const int R, enum dtype t, const uint8_t *w,
                       size_t stride, int64_t k, const uint8_t *ahead) {
    const int columns = columns_of(t) * WORDS;
    struct step steps[2];
    vf a[MOST_TOKENS * GROUPS];
    UNROLL
    for (int i = 0; i < R * GROUPS; i++)
        a[i] = vf_zero();
    if (k >= columns) {
        for (int g = 0; g < GROUPS; g++)
            turn_group(&steps[0], g, w + (size_t)(g * LANES) * stride, stride);
    }
    for (int at = 0; k >= columns; k -= columns, at = !at) {
        const uint8_t *next = k >= 2 * columns ? w + LINE : w; /* the last one once more */
        UNROLL
        for (int g = 0; g < GROUPS; g++) {
            turn_group(&steps[!at], g, next + (size_t)(g * LANES) * stride, stride);
            UNROLL
            for (int i = 0; ahead && i < LANES; i++)
                __builtin_prefetch(ahead + (g * LANES + i) * LINE, 0, 2);
            multiply(a, &steps[at], g * QUARTER, QUARTER, R, t, x);
            x += columns / GROUPS * R;
        }
        if (ahead) ahead += PANEL_ROWS * LINE;
        w += LINE;
    }
    if (k > 0) { /* fewer columns than a step */
        float panel[MOST_COLUMNS * PANEL_ROWS];
        kernels_ref_pack(panel, t, w, stride, PANEL_ROWS, 0, k, NULL);
        for (const float *p = panel; k > 0; k--, x += R, p += PANEL_ROWS) {
            UNROLL
            for (int i = 0; i < R * GROUPS; i++)
                a[i] = vf_fma(vf_set(x[i / GROUPS]), vf_load(p + i % GROUPS * LANES), a[i]);
        }
    }
    UNROLL
    for (int i = 0; i < R * GROUPS; i++)
        vf_store(acc + i * LANES, a[i]);
}

typedef void stream_fn(float *acc, const float *x, const uint8_t *w, size_t stride, int64_t k,
                       const uint8_t *ahead);

#define STREAM(id, R)                                                                              \
    static void stream_##id##_##R(float *acc, const float *x, const uint8_t *w, size_t stride,     \
                                  int64_t k, const uint8_t *ahead) {                               \
        stream_panel(acc, x, R, DTYPE_##id, w, stride, k, ahead);                                  \
    }
STREAM(F32, 1)
STREAM(F32, 2)
STREAM(F32, 3)
STREAM(F16, 1)
STREAM(F16, 2)
STREAM(F16, 3)
STREAM(BF16, 1)
STREAM(BF16, 2)
STREAM(BF16, 3)

static bool stream(float *acc, const float *x, int r, enum dtype t, const uint8_t *w,
                   size_t row_bytes, int64_t k, const uint8_t *ahead) {
    static stream_fn *const streamers[DTYPE_COUNT][MOST_TOKENS + 1] = {
        [DTYPE_F32] = {[1] = stream_F32_1, [2] = stream_F32_2, [3] = stream_F32_3},
        [DTYPE_F16] = {[1] = stream_F16_1, [2] = stream_F16_2, [3] = stream_F16_3},
        [DTYPE_BF16] = {[1] = stream_BF16_1, [2] = stream_BF16_2, [3] = stream_BF16_3},
    };
    if (r > MOST_TOKENS) return false;
    streamers[t][r](acc, x, w, row_bytes, k, ahead);
    return true;
}

void kernels_init_avx2_stream(struct kernel_set *ks) {
    ks->stream = stream;
}
#endif
