/*
 * kernels_pack_body.h - weights brought from the file's rows to f32, turned on their side, in the
 * words of kernels_turn.h; included once by kernels_avx2_pack.c and once by kernels_avx512_pack.c.
 * Each block function reads a block of columns of G times LANES rows and hands them on one column
 * at a time, ascending: into a panel in memory, or straight into R times G accumulators. The values
 * are those of tensor/quant.c: products that it rounds are rounded here, products that are exact
 * (a 6-bit scale times an f16, times 4 or 5 bits more) may be fused.
 */
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/kernels_turn.h"

enum { GROUPS = 2, STREAM_SUMS = 16 };

struct sink {
    float *panel;   /* R = 0: [k][PANEL_ROWS], already moved to the first group's rows */
    const float *x; /* R > 0: token tile [k][R] */
    vf acc[STREAM_SUMS];
    const uint8_t *ahead; /* fetched in step with what is read; NULL: nothing */
};

/* Column k of the rows of group g. */
WORD void emit(struct sink *s, const int R, const int G, int g, int64_t k, vf v) {
    if (R == 0) {
        vf_store(s->panel + k * PANEL_ROWS + g * LANES, v);
        return;
    }
    UNROLL
    for (int t = 0; t < R; t++)
        s->acc[t * G + g] = vf_fma(vf_set(s->x[k * R + t]), v, s->acc[t * G + g]);
}

WORD void fetch(struct sink *s, const int bytes) {
    if (!s->ahead) return;
    UNROLL
    for (int i = 0; i < bytes; i += 64)
        __builtin_prefetch(s->ahead + i, 0, 2);
    s->ahead += bytes;
}

/* Four columns from four signed bytes a lane: scale times byte. A byte is brought to the top of its
 * lane, where its sign is the lane's; that it then counts 2^24 times is in scale24 = scale 2^-24,
 * without a rounding. */
WORD void emit_signed(struct sink *s, const int R, const int G, int64_t k, const vi bytes[GROUPS],
                      const vf scale24[GROUPS]) {
    const vi top = vi_set((int32_t)0xff000000);
    UNROLL
    for (int j = 0; j < 4; j++) {
        UNROLL
        for (int g = 0; g < G; g++) {
            vi v = j == 3 ? bytes[g] : vi_left(bytes[g], 24 - 8 * j);
            if (j > 0) v = vi_and(v, top);
            emit(s, R, G, g, k + j, scale24[g] * vf_of_int(v));
        }
    }
}

/* Four columns from a number of at most 7 bits in each byte, other bits being anything: scale times
 * number plus min, the product being exact. scale[g][j] = scale 2^-8j. */
WORD void emit_unsigned(struct sink *s, const int R, const int G, int64_t k, const vi bytes[GROUPS],
                        const int32_t mask, vf scale[GROUPS][4], const vf min[GROUPS]) {
    UNROLL
    for (int j = 0; j < 4; j++) {
        UNROLL
        for (int g = 0; g < G; g++) {
            const vi q = vi_and(bytes[g], vi_set((int32_t)((uint32_t)mask << (8 * j))));
            emit(s, R, G, g, k + j, vf_fma(scale[g][j], vf_of_int(q), min[g]));
        }
    }
}

#define TWO_TO_MINUS_8  0.00390625f
#define TWO_TO_MINUS_16 1.52587890625e-05f
#define TWO_TO_MINUS_24 5.9604644775390625e-08f

/* Byte j of each lane. */
WORD vi byte_of(vi v, int j) {
    return vi_and(vi_right_by(v, 8 * j), vi_set(0xff));
}

/* ---- plain types: a column is one f32, or two bf16 or f16 ---- */

enum { COLUMNS = LANES, STEP_F32 = COLUMNS, STEP_HALF = 2 * COLUMNS, MAX_STEP = 2 * LANES };

/* Columns of one group, whole cache lines where registers allow. */
WORD void turn_plain(struct sink *s, const uint8_t *w, size_t stride, vi t[COLUMNS]) {
#if defined(__AVX512F__)
    turn16(w, stride, t);
#else
    turn8(w, stride, t);
#endif
    fetch(s, LANES * COLUMNS * 4);
}

WORD void block_f32(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                    int64_t k) {
    UNROLL
    for (int g = 0; g < G; g++) {
        vi t[COLUMNS];
        turn_plain(s, w + (size_t)(g * LANES) * stride, stride, t);
        UNROLL
        for (int c = 0; c < COLUMNS; c++)
            emit(s, R, G, g, k + c, vf_of_bits(t[c]));
    }
}

/* An f32 is a bf16 and sixteen zeros. */
WORD void block_bf16(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                     int64_t k) {
    const vi upper = vi_set((int32_t)0xffff0000);
    UNROLL
    for (int g = 0; g < G; g++) {
        vi t[COLUMNS];
        turn_plain(s, w + (size_t)(g * LANES) * stride, stride, t);
        UNROLL
        for (int c = 0; c < COLUMNS; c++) {
            emit(s, R, G, g, k + 2 * c, vf_of_bits(vi_left(t[c], 16)));
            emit(s, R, G, g, k + 2 * c + 1, vf_of_bits(vi_and(t[c], upper)));
        }
    }
}

WORD void block_f16(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                    int64_t k) {
    UNROLL
    for (int g = 0; g < G; g++) {
        vi t[COLUMNS];
        turn_plain(s, w + (size_t)(g * LANES) * stride, stride, t);
        UNROLL
        for (int c = 0; c < COLUMNS; c++) {
            emit(s, R, G, g, k + 2 * c, vf_of_half(t[c]));
            emit(s, R, G, g, k + 2 * c + 1, vf_of_half(vi_right(t[c], 16)));
        }
    }
}

/* ---- blocks of 32 ---- */

WORD void block_q8_0(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                     int64_t k) {
    vi t[GROUPS][8];
    vf scale24[GROUPS];
    UNROLL
    for (int g = 0; g < G; g++) {
        const uint8_t *rows = w + (size_t)(g * LANES) * stride;
        vi head[4];
        turn4(rows, stride, head);
        scale24[g] = vf_of_half(head[0]) * vf_set(TWO_TO_MINUS_24);
        turn8(rows + 2, stride, t[g]);
    }
    fetch(s, G * LANES * 34);
    UNROLL
    for (int c = 0; c < 8; c++) {
        const vi bytes[GROUPS] = {t[0][c], t[G - 1][c]};
        emit_signed(s, R, G, k + 4 * c, bytes, scale24);
    }
}

/* Q4_0 and IQ4_NL: scale, then nibbles that stand for sixteen evenly or unevenly spaced levels. */
WORD void block_levels(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                       int64_t k, const __m128i levels) {
    vi t[GROUPS][4];
    vf scale24[GROUPS];
    UNROLL
    for (int g = 0; g < G; g++) {
        const uint8_t *rows = w + (size_t)(g * LANES) * stride;
        vi head[4];
        turn4(rows, stride, head);
        scale24[g] = vf_of_half(head[0]) * vf_set(TWO_TO_MINUS_24);
        turn4(rows + 2, stride, t[g]);
    }
    fetch(s, G * LANES * 18);
    const vi four = vi_set(0x0f0f0f0f);
    UNROLL
    for (int c = 0; c < 8; c++) {
        vi q[GROUPS];
        UNROLL
        for (int g = 0; g < G; g++) {
            const vi v = c < 4 ? t[g][c] : vi_right(t[g][c - 4], 4);
            q[g] = vi_look_up(levels, vi_and(v, four));
        }
        emit_signed(s, R, G, k + 4 * c, q, scale24);
    }
}

WORD void block_q4_0(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                     int64_t k) {
    block_levels(s, R, G, w, stride, k,
                 _mm_setr_epi8(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7));
}

WORD void block_iq4_nl(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                       int64_t k) {
    block_levels(
        s, R, G, w, stride, k,
        _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113));
}

WORD void block_q5_0(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                     int64_t k) {
    vi t[GROUPS][4], fifth[GROUPS];
    vf scale24[GROUPS];
    UNROLL
    for (int g = 0; g < G; g++) {
        const uint8_t *rows = w + (size_t)(g * LANES) * stride;
        vi head[4]; /* the scale and 32 fifth bits: bytes 0..5 */
        turn4(rows, stride, head);
        scale24[g] = vf_of_half(head[0]) * vf_set(TWO_TO_MINUS_24);
        fifth[g] = vi_or(vi_right(head[0], 16), vi_left(head[1], 16));
        turn4(rows + 6, stride, t[g]);
    }
    fetch(s, G * LANES * 22);
    const vi four = vi_set(0x0f0f0f0f), sixteen = vi_set(0x10101010);
    UNROLL
    for (int c = 0; c < 8; c++) {
        vi q[GROUPS];
        UNROLL
        for (int g = 0; g < G; g++) {
            const vi low = vi_and(c < 4 ? t[g][c] : vi_right(t[g][c - 4], 4), four);
            const vi high = vi_left(spread_bits(vi_right(fifth[g], 4 * c)), 4);
            q[g] = vi_sub_bytes(vi_or(low, high), sixteen);
        }
        emit_signed(s, R, G, k + 4 * c, q, scale24);
    }
}

/* scale[j] = scale 2^-8j, as emit_unsigned() wants it. */
WORD void scales_by_byte(vf scale, vf by_byte[4]) {
    by_byte[0] = scale;
    by_byte[1] = scale * vf_set(TWO_TO_MINUS_8);
    by_byte[2] = scale * vf_set(TWO_TO_MINUS_16);
    by_byte[3] = scale * vf_set(TWO_TO_MINUS_24);
}

/* Q4_1 and Q5_1: scale, minimum, the fifth bits, nibbles. */
WORD void block_q45_1(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                      int64_t k, const bool five) {
    vi t[GROUPS][4], fifth[GROUPS];
    vf scale[GROUPS][4], min[GROUPS];
    UNROLL
    for (int g = 0; g < G; g++) {
        const uint8_t *rows = w + (size_t)(g * LANES) * stride;
        vi head[4];
        turn4(rows, stride, head);
        scales_by_byte(vf_of_half(head[0]), scale[g]);
        min[g] = vf_of_half(vi_right(head[0], 16));
        fifth[g] = head[1];
        turn4(rows + (five ? 8 : 4), stride, t[g]);
    }
    fetch(s, G * LANES * (five ? 24 : 20));
    const vi four = vi_set(0x0f0f0f0f);
    UNROLL
    for (int c = 0; c < 8; c++) {
        vi q[GROUPS];
        UNROLL
        for (int g = 0; g < G; g++) {
            q[g] = c < 4 ? t[g][c] : vi_right(t[g][c - 4], 4);
            if (five) {
                const vi high = vi_left(spread_bits(vi_right(fifth[g], 4 * c)), 4);
                q[g] = vi_or(vi_and(q[g], four), high);
            }
        }
        emit_unsigned(s, R, G, k + 4 * c, q, five ? 31 : 15, scale, min);
    }
}

WORD void block_q4_1(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                     int64_t k) {
    block_q45_1(s, R, G, w, stride, k, false);
}

WORD void block_q5_1(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                     int64_t k) {
    block_q45_1(s, R, G, w, stride, k, true);
}

/* ---- blocks of 256 ---- */

/* The twelve bytes of scales and minima as four vectors of four bytes a lane: scales 0..3, 4..7,
 * minima 0..3, 4..7. */
WORD void six_bits(const vi bytes[3], vi scale[2], vi min[2]) {
    const vi six = vi_set(0x3f3f3f3f), four = vi_set(0x0f0f0f0f), top = vi_set(0x30303030);
    scale[0] = vi_and(bytes[0], six);
    min[0] = vi_and(bytes[1], six);
    scale[1] = vi_or(vi_and(bytes[2], four), vi_and(vi_right(bytes[0], 2), top));
    min[1] = vi_or(vi_and(vi_right(bytes[2], 4), four), vi_and(vi_right(bytes[1], 2), top));
}

/* Q4_K and Q5_K are one but for the fifth bits (32 bytes that all eight sub-blocks share). */
WORD void block_q45_k(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                      int64_t k, const bool five) {
    vi scale[GROUPS][2], min[GROUPS][2], fifth[GROUPS][8];
    vf d[GROUPS], dmin[GROUPS];
    UNROLL
    for (int g = 0; g < G; g++) {
        const uint8_t *rows = w + (size_t)(g * LANES) * stride;
        vi head[4];
        turn4(rows, stride, head);
        d[g] = vf_of_half(head[0]);
        dmin[g] = vf_of_half(vi_right(head[0], 16));
        six_bits(head + 1, scale[g], min[g]);
        if (five) turn8(rows + 16, stride, fifth[g]);
    }
    fetch(s, G * LANES * (five ? 48 : 16));
    const vi one = vi_set(0x01010101);
    for (int pair = 0; pair < 4; pair++) {
        vi t[GROUPS][8];
        UNROLL
        for (int g = 0; g < G; g++)
            turn8(w + (size_t)(g * LANES) * stride + (five ? 48 : 16) + 32 * (size_t)pair, stride,
                  t[g]);
        fetch(s, G * LANES * 32);
        for (int half = 0; half < 2; half++) {
            const int j = 2 * pair + half;
            vf d1[GROUPS][4], m1[GROUPS];
            UNROLL
            for (int g = 0; g < G; g++) {
                const vi sc = byte_of(scale[g][pair / 2], j % 4);
                const vi mn = byte_of(min[g][pair / 2], j % 4);
                scales_by_byte(d[g] * vf_of_int(sc), d1[g]);
                m1[g] = -dmin[g] * vf_of_int(mn);
            }
            UNROLL
            for (int c = 0; c < 8; c++) {
                vi q[GROUPS];
                UNROLL
                for (int g = 0; g < G; g++) {
                    q[g] = t[g][c];
                    if (five) {
                        const vi bit = vi_and(vi_right_by(fifth[g][c], j), one);
                        q[g] = vi_or(vi_and(q[g], vi_set(0x0f0f0f0f)), vi_left(bit, 4));
                    }
                    t[g][c] = vi_right(t[g][c], 4); /* for the second half */
                }
                emit_unsigned(s, R, G, k + 32 * j + 4 * c, q, five ? 31 : 15, d1, m1);
            }
        }
    }
}

WORD void block_q4_k(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                     int64_t k) {
    block_q45_k(s, R, G, w, stride, k, false);
}

WORD void block_q5_k(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                     int64_t k) {
    block_q45_k(s, R, G, w, stride, k, true);
}

WORD void block_q6_k(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                     int64_t k) {
    vi scale[GROUPS][4];
    vf d[GROUPS];
    UNROLL
    for (int g = 0; g < G; g++) {
        const uint8_t *rows = w + (size_t)(g * LANES) * stride;
        vi tail[4]; /* the block ends in sixteen scales and d: bytes 192..209 */
        turn4(rows + 192, stride, scale[g]);
        turn4(rows + 194, stride, tail);
        d[g] = vf_of_half(vi_right(tail[3], 16));
    }
    fetch(s, G * LANES * 18);
    const vi four = vi_set(0x0f0f0f0f), top = vi_set(0x30303030), middle = vi_set(0x20202020);
    for (int half = 0; half < 2; half++) {
        vi a[GROUPS][8], b[GROUPS][8], h[GROUPS][8];
        UNROLL
        for (int g = 0; g < G; g++) {
            const uint8_t *rows = w + (size_t)(g * LANES) * stride;
            turn8(rows + 64 * half, stride, a[g]);
            turn8(rows + 64 * half + 32, stride, b[g]);
            turn8(rows + 128 + 32 * half, stride, h[g]);
        }
        for (int quarter = 0; quarter < 4; quarter++) {
            fetch(s, G * LANES * 24);
            for (int part = 0; part < 2; part++) { /* a scale serves 16 columns */
                const int index = 8 * half + 2 * quarter + part;
                vf scale24[GROUPS];
                UNROLL
                for (int g = 0; g < G; g++) {
                    const vi up = vi_left_by(scale[g][index / 4], 24 - 8 * (index % 4));
                    const vf sub_scale = vf_of_int(vi_right_signed(up, 24));
                    scale24[g] = d[g] * sub_scale * vf_set(TWO_TO_MINUS_24);
                }
                UNROLL
                for (int c = 0; c < 4; c++) {
                    vi q[GROUPS];
                    UNROLL
                    for (int g = 0; g < G; g++) {
                        const vi low = (quarter & 1 ? b[g] : a[g])[4 * part + c];
                        const vi high = vi_right_by(h[g][4 * part + c], 2 * quarter);
                        q[g] = vi_or(vi_and(vi_right_by(low, quarter / 2 * 4), four),
                                     vi_and(vi_left(high, 4), top));
                        q[g] = vi_sub_bytes(q[g], middle);
                    }
                    emit_signed(s, R, G, k + 128 * half + 32 * quarter + 16 * part + 4 * c, q,
                                scale24);
                }
            }
        }
    }
}

/* Q2_K and Q3_K: each half has 32 bytes of bit pairs, of which a quarter takes the lowest, the next
 * ..., in two sub-blocks of 16 columns with a scale each. */
WORD void block_q2_k(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                     int64_t k) {
    vi scale[GROUPS][4];
    vf d[GROUPS], dmin[GROUPS];
    UNROLL
    for (int g = 0; g < G; g++) {
        const uint8_t *rows = w + (size_t)(g * LANES) * stride;
        vi tail[4]; /* the block ends in two f16: bytes 80..83 */
        turn4(rows, stride, scale[g]);
        turn4(rows + 68, stride, tail);
        d[g] = vf_of_half(tail[3]);
        dmin[g] = vf_of_half(vi_right(tail[3], 16));
    }
    fetch(s, G * LANES * 20);
    for (int half = 0; half < 2; half++) {
        vi t[GROUPS][8];
        UNROLL
        for (int g = 0; g < G; g++)
            turn8(w + (size_t)(g * LANES) * stride + 16 + 32 * half, stride, t[g]);
        fetch(s, G * LANES * 32);
        for (int sub = 0; sub < 8; sub++) { /* two a quarter */
            const int index = 8 * half + sub;
            vf d1[GROUPS][4], m1[GROUPS];
            UNROLL
            for (int g = 0; g < G; g++) {
                const vi byte = byte_of(scale[g][index / 4], index % 4);
                scales_by_byte(d[g] * vf_of_int(vi_and(byte, vi_set(15))), d1[g]);
                m1[g] = -dmin[g] * vf_of_int(vi_right(byte, 4));
            }
            UNROLL
            for (int c = 0; c < 4; c++) {
                vi q[GROUPS];
                UNROLL
                for (int g = 0; g < G; g++)
                    q[g] = vi_right_by(t[g][sub % 2 * 4 + c], sub / 2 * 2);
                emit_unsigned(s, R, G, k + 128 * half + 16 * sub + 4 * c, q, 3, d1, m1);
            }
        }
    }
}

WORD void block_q3_k(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                     int64_t k) {
    vi scale[GROUPS][4], third[GROUPS][8];
    vf d[GROUPS];
    const vi two = vi_set(0x03030303), four = vi_set(0x0f0f0f0f), one = vi_set(0x01010101);
    UNROLL
    for (int g = 0; g < G; g++) {
        const uint8_t *rows = w + (size_t)(g * LANES) * stride;
        vi tail[4], bytes[3]; /* the block ends in twelve bytes of scales and d: 96..109 */
        turn4(rows + 94, stride, tail);
        UNROLL
        for (int i = 0; i < 3; i++)
            bytes[i] = vi_or(vi_right(tail[i], 16), vi_left(tail[i + 1], 16));
        d[g] = vf_of_half(vi_right(tail[3], 16));
        UNROLL
        for (int i = 0; i < 4; i++) {
            const vi low = vi_and(vi_right(bytes[i % 2], i / 2 * 4), four);
            const vi high = vi_left(vi_and(vi_right(bytes[2], 2 * i), two), 4);
            scale[g][i] = vi_sub_bytes(vi_or(low, high), vi_set(0x20202020));
        }
        turn8(rows, stride, third[g]);
    }
    fetch(s, G * LANES * 46);
    for (int half = 0; half < 2; half++) {
        vi t[GROUPS][8];
        UNROLL
        for (int g = 0; g < G; g++)
            turn8(w + (size_t)(g * LANES) * stride + 32 + 32 * half, stride, t[g]);
        fetch(s, G * LANES * 32);
        for (int sub = 0; sub < 8; sub++) {
            const int index = 8 * half + sub;
            vf scale24[GROUPS];
            UNROLL
            for (int g = 0; g < G; g++) {
                const vi up = vi_left_by(scale[g][index / 4], 24 - 8 * (index % 4));
                scale24[g] = d[g] * vf_of_int(vi_right_signed(up, 24)) * vf_set(TWO_TO_MINUS_24);
            }
            UNROLL
            for (int c = 0; c < 4; c++) {
                vi q[GROUPS];
                UNROLL
                for (int g = 0; g < G; g++) {
                    const int at = sub % 2 * 4 + c;
                    const vi low = vi_and(vi_right_by(t[g][at], sub / 2 * 2), two);
                    const vi bit = vi_and(vi_right_by(third[g][at], 4 * half + sub / 2), one);
                    q[g] = vi_sub_bytes(vi_or(low, vi_left(bit, 2)), vi_set(0x04040404));
                }
                emit_signed(s, R, G, k + 128 * half + 16 * sub + 4 * c, q, scale24);
            }
        }
    }
}

/* ---- panels ---- */

typedef void pack_fn(struct sink *s, const uint8_t *w, size_t stride, int64_t n);

/* X(id, name, columns and bytes of a step, groups for one or two tokens) */
#define EACH_STREAMED_TYPE(X)                                                                      \
    X(F32, f32, STEP_F32, 4 * STEP_F32, 1)                                                         \
    X(BF16, bf16, STEP_HALF, 2 * STEP_HALF, 1)                                                     \
    X(F16, f16, STEP_HALF, 2 * STEP_HALF, 1)                                                       \
    X(Q8_0, q8_0, 32, 34, 2)                                                                       \
    X(Q4_0, q4_0, 32, 18, 2)                                                                       \
    X(Q5_0, q5_0, 32, 22, 2)                                                                       \
    X(Q4_K, q4_k, 256, 144, 2)                                                                     \
    X(Q5_K, q5_k, 256, 176, 2)                                                                     \
    X(Q6_K, q6_k, 256, 210, 2)
#define EACH_PACKED_TYPE(X)                                                                        \
    EACH_STREAMED_TYPE(X)                                                                          \
    X(Q4_1, q4_1, 32, 20, 2)                                                                       \
    X(Q5_1, q5_1, 32, 24, 2)                                                                       \
    X(IQ4_NL, iq4_nl, 32, 18, 2)                                                                   \
    X(Q2_K, q2_k, 256, 84, 2)                                                                      \
    X(Q3_K, q3_k, 256, 110, 2)

#define PACK(id, name, step, bytes, few)                                                           \
    static void pack_##name(struct sink *s, const uint8_t *w, size_t stride, int64_t n) {          \
        for (int64_t k = 0; k + (step) <= n; k += (step), w += (bytes))                            \
            block_##name(s, 0, 1, w, stride, k);                                                   \
    }
EACH_PACKED_TYPE(PACK)
#undef PACK

static const struct {
    pack_fn *pack;
    int64_t step;
} packers[DTYPE_COUNT] = {
#define ENTRY(id, name, step, bytes, few) [DTYPE_##id] = {pack_##name, step},
    EACH_PACKED_TYPE(ENTRY)
#undef ENTRY
};

static void pack(float *panel, enum dtype t, const uint8_t *w, size_t row_bytes, int n, int64_t k0,
                 int64_t kn, const uint8_t *ahead) {
    if (n < PANEL_ROWS || !packers[t].pack) {
        kernels_ref_pack(panel, t, w, row_bytes, n, k0, kn, ahead);
        return;
    }
    const size_t skip = (size_t)(k0 / dtype_block_elems(t)) * dtype_block_bytes(t);
    struct sink s = {.ahead = ahead};
    for (int g = 0; g < PANEL_ROWS; g += LANES) {
        s.panel = panel + g;
        packers[t].pack(&s, w + (size_t)g * row_bytes + skip, row_bytes, kn);
    }
    const int64_t rest = kn % packers[t].step; /* of a plain type */
    if (rest)
        kernels_ref_pack(panel + (kn - rest) * PANEL_ROWS, t, w, row_bytes, n, k0 + kn - rest, rest,
                         NULL);
}

/* ---- straight into accumulators ---- */

#if defined(__AVX512F__)

typedef void stream_fn(float *acc, const float *x, const uint8_t *w, size_t stride, int64_t n,
                       const uint8_t *ahead);

/* The last columns of a plain type, fewer than a step. */
WORD void stream_rest(struct sink *s, const int R, const int G, enum dtype t, const uint8_t *w,
                      size_t stride, int64_t n) {
    float panel[MAX_STEP * PANEL_ROWS];
    kernels_ref_pack(panel, t, w, stride, G * LANES, 0, n, NULL);
    for (int64_t k = 0; k < n; k++) {
        UNROLL
        for (int g = 0; g < G; g++)
            emit(s, R, G, g, k, vf_load(panel + k * PANEL_ROWS + g * LANES));
    }
}

/* R tokens by G groups of 16 rows. Where unpacking a block takes longer than the chain of its
 * products, two groups for one or two tokens keep a second chain busy; with more tokens there are
 * chains enough, and plain types do better with fewer rows at once. */
#define STREAM(id, name, step, bytes, R, G)                                                        \
    static void stream_##name##_##R(float *acc, const float *x, const uint8_t *w, size_t stride,   \
                                    int64_t n, const uint8_t *ahead) {                             \
        struct sink s = {.ahead = ahead};                                                          \
        for (int row = 0; row < PANEL_ROWS; row += (G)*LANES) {                                    \
            const uint8_t *p = w + (size_t)row * stride;                                           \
            int64_t k = 0;                                                                         \
            s.x = x;                                                                               \
            UNROLL for (int i = 0; i < (R) * (G); i++) s.acc[i] = vf_zero();                       \
            for (; k + (step) <= n; k += (step), p += (bytes), s.x += (step) * (R))                \
                block_##name(&s, R, G, p, stride, 0);                                              \
            if (k < n) stream_rest(&s, R, G, DTYPE_##id, p, stride, n - k);                        \
            UNROLL for (int i = 0; i < (R) * (G); i++)                                             \
                vf_store(acc + i / (G)*PANEL_ROWS + row + i % (G)*LANES, s.acc[i]);                \
        }                                                                                          \
    }
#define STREAM_WIDTHS(id, name, step, bytes, few)                                                  \
    STREAM(id, name, step, bytes, 1, few)                                                          \
    STREAM(id, name, step, bytes, 2, few)                                                          \
    STREAM(id, name, step, bytes, 4, 1)                                                            \
    STREAM(id, name, step, bytes, 8, 1)                                                            \
    STREAM(id, name, step, bytes, 12, 1)                                                           \
    STREAM(id, name, step, bytes, 16, 1)
EACH_STREAMED_TYPE(STREAM_WIDTHS)

static stream_fn *const streamers[DTYPE_COUNT][STREAM_TOKENS + 1] = {
#define ENTRY(id, name, step, bytes, few)                                                          \
    [DTYPE_##                                                                                      \
        id] = {[1] = stream_##name##_1, [2] = stream_##name##_2,   [4] = stream_##name##_4,        \
               [8] = stream_##name##_8, [12] = stream_##name##_12, [16] = stream_##name##_16},
    EACH_STREAMED_TYPE(ENTRY)
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
