/*
 * kernels_pack_body.h - weights of the plain types (F32, F16, BF16) brought from the file's rows to
 * f32, turned on their side, in the words of kernels_turn.h; included once by kernels_avx2_pack.c
 * and once by kernels_avx512_pack.c. Each block function reads some columns of LANES rows and hands
 * them on one at a time, ascending: into a panel in memory, or straight into R accumulators.
 */
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/kernels_turn.h"

struct sink {
    float *panel;   /* R = 0: [k][PANEL_ROWS], already moved to the rows in question */
    const float *x; /* R > 0: token tile [k][R] */
    vf acc[STREAM_TOKENS];
    const uint8_t *ahead; /* fetched in step with what is read; NULL: nothing */
};

/* Column k of the rows. */
WORD void emit(struct sink *s, const int R, int64_t k, vf v) {
    if (R == 0) {
        vf_store(s->panel + k * PANEL_ROWS, v);
        return;
    }
    UNROLL
    for (int t = 0; t < R; t++)
        s->acc[t] = vf_fma(vf_set(s->x[k * R + t]), v, s->acc[t]);
}

/* ---- blocks: a column is one f32, or two bf16 or f16 ---- */

enum { COLUMNS = LANES, STEP_F32 = COLUMNS, STEP_HALF = 2 * COLUMNS, MAX_STEP = 2 * LANES };

/* Whole cache lines where registers allow. */
WORD void turn_plain(struct sink *s, const uint8_t *w, size_t stride, vi t[COLUMNS]) {
#if defined(__AVX512F__)
    turn16(w, stride, t);
#else
    turn8(w, stride, t);
#endif
    if (!s->ahead) return;
    UNROLL
    for (int i = 0; i < LANES * COLUMNS * 4; i += 64)
        __builtin_prefetch(s->ahead + i, 0, 2);
    s->ahead += LANES * COLUMNS * 4;
}

WORD void block_f32(struct sink *s, const int R, const uint8_t *w, size_t stride, int64_t k) {
    vi t[COLUMNS];
    turn_plain(s, w, stride, t);
    UNROLL
    for (int c = 0; c < COLUMNS; c++)
        emit(s, R, k + c, vf_of_bits(t[c]));
}

/* An f32 is a bf16 and sixteen zeros. */
WORD void block_bf16(struct sink *s, const int R, const uint8_t *w, size_t stride, int64_t k) {
    const vi upper = vi_set((int32_t)0xffff0000);
    vi t[COLUMNS];
    turn_plain(s, w, stride, t);
    UNROLL
    for (int c = 0; c < COLUMNS; c++) {
        emit(s, R, k + 2 * c, vf_of_bits(vi_left(t[c], 16)));
        emit(s, R, k + 2 * c + 1, vf_of_bits(vi_and(t[c], upper)));
    }
}

WORD void block_f16(struct sink *s, const int R, const uint8_t *w, size_t stride, int64_t k) {
    vi t[COLUMNS];
    turn_plain(s, w, stride, t);
    UNROLL
    for (int c = 0; c < COLUMNS; c++) {
        emit(s, R, k + 2 * c, vf_of_half(t[c]));
        emit(s, R, k + 2 * c + 1, vf_of_half(vi_right(t[c], 16)));
    }
}

/* X(id, name, columns and bytes of a step) */
#define EACH_TYPE(X)                                                                               \
    X(F32, f32, STEP_F32, 4 * STEP_F32)                                                            \
    X(BF16, bf16, STEP_HALF, 2 * STEP_HALF)                                                        \
    X(F16, f16, STEP_HALF, 2 * STEP_HALF)

/* ---- panels ---- */

typedef void pack_fn(struct sink *s, const uint8_t *w, size_t stride, int64_t n);

#define PACK(id, name, step, bytes)                                                                \
    static void pack_##name(struct sink *s, const uint8_t *w, size_t stride, int64_t n) {          \
        for (int64_t k = 0; k + (step) <= n; k += (step), w += (bytes))                            \
            block_##name(s, 0, w, stride, k);                                                      \
    }
EACH_TYPE(PACK)
#undef PACK

static const struct {
    pack_fn *pack;
    int64_t step;
} packers[DTYPE_COUNT] = {
#define ENTRY(id, name, step, bytes) [DTYPE_##id] = {pack_##name, step},
    EACH_TYPE(ENTRY)
#undef ENTRY
};

static void pack(float *panel, enum dtype t, const uint8_t *w, size_t row_bytes, int n, int64_t k0,
                 int64_t kn, const uint8_t *ahead) {
    if (n < PANEL_ROWS) {
        kernels_ref_pack(panel, t, w, row_bytes, n, k0, kn, ahead);
        return;
    }
    struct sink s = {.ahead = ahead};
    for (int row = 0; row < PANEL_ROWS; row += LANES) {
        s.panel = panel + row;
        packers[t].pack(&s, w + (size_t)row * row_bytes + (size_t)k0 * dtype_block_bytes(t),
                        row_bytes, kn);
    }
    const int64_t rest = kn % packers[t].step;
    if (rest)
        kernels_ref_pack(panel + (kn - rest) * PANEL_ROWS, t, w, row_bytes, n, k0 + kn - rest, rest,
                         NULL);
}

/* ---- straight into accumulators ---- */

#if defined(__AVX512F__)

typedef void stream_fn(float *acc, const float *x, const uint8_t *w, size_t stride, int64_t n,
                       const uint8_t *ahead);

/* The last columns, fewer than a step. */
WORD void stream_rest(struct sink *s, const int R, enum dtype t, const uint8_t *w, size_t stride,
                      int64_t n) {
    float panel[MAX_STEP * PANEL_ROWS];
    kernels_ref_pack(panel, t, w, stride, LANES, 0, n, NULL);
    for (int64_t k = 0; k < n; k++)
        emit(s, R, k, vf_load(panel + k * PANEL_ROWS));
}

/* R tokens by LANES rows after LANES rows. */
#define STREAM(id, name, step, bytes, R)                                                           \
    static void stream_##name##_##R(float *acc, const float *x, const uint8_t *w, size_t stride,   \
                                    int64_t n, const uint8_t *ahead) {                             \
        struct sink s = {.ahead = ahead};                                                          \
        for (int row = 0; row < PANEL_ROWS; row += LANES) {                                        \
            const uint8_t *p = w + (size_t)row * stride;                                           \
            int64_t k = 0;                                                                         \
            s.x = x;                                                                               \
            UNROLL for (int t = 0; t < (R); t++) s.acc[t] = vf_zero();                             \
            for (; k + (step) <= n; k += (step), p += (bytes), s.x += (step) * (R))                \
                block_##name(&s, R, p, stride, 0);                                                 \
            if (k < n) stream_rest(&s, R, DTYPE_##id, p, stride, n - k);                           \
            UNROLL for (int t = 0; t < (R); t++) vf_store(acc + t * PANEL_ROWS + row, s.acc[t]);   \
        }                                                                                          \
    }
#define STREAM_WIDTHS(id, name, step, bytes)                                                       \
    STREAM(id, name, step, bytes, 1)                                                               \
    STREAM(id, name, step, bytes, 2)                                                               \
    STREAM(id, name, step, bytes, 4)                                                               \
    STREAM(id, name, step, bytes, 8)                                                               \
    STREAM(id, name, step, bytes, 12)                                                              \
    STREAM(id, name, step, bytes, 16)
EACH_TYPE(STREAM_WIDTHS)

static stream_fn *const streamers[DTYPE_COUNT][STREAM_TOKENS + 1] = {
#define ENTRY(id, name, step, bytes)                                                               \
    [DTYPE_##                                                                                      \
        id] = {[1] = stream_##name##_1, [2] = stream_##name##_2,   [4] = stream_##name##_4,        \
               [8] = stream_##name##_8, [12] = stream_##name##_12, [16] = stream_##name##_16},
    EACH_TYPE(ENTRY)
#undef ENTRY
};

static bool stream(float *acc, const float *x, int r, enum dtype t, const uint8_t *w,
                   size_t row_bytes, int64_t k, const uint8_t *ahead) {
    if (!streamers[t][r]) return false;
    streamers[t][r](acc, x, w, row_bytes, k, ahead);
    return true;
}

WORD void take_pack(struct kernel_set *ks) {
    static const uint8_t width[STREAM_TOKENS + 1] = {0,  1,  2,  4,  4,  8,  8,  8, 8,
                                                     12, 12, 12, 12, 16, 16, 16, 16};
    ks->pack = pack;
    ks->stream = stream;
    ks->stream_width = width;
}

#else

WORD void take_pack(struct kernel_set *ks) {
    ks->pack = pack;
}

#endif
