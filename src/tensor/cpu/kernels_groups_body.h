/*
 * kernels_groups_body.h - products of quantised weights with activations of 16 bits
 * (kernels_groups.h), in the words of kernels_turn.h; included once by kernels_avx2_groups.c and
 * once by kernels_avx512vnni_groups.c. Each block function reads a block of columns of G times
 * LANES rows, turns words of four bytes on their side and makes two pairs of 16 bits of each. Pairs
 * go into a panel in memory, or straight into the sums of R tokens. Lanes are different rows.
 */
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/kernels_scales.h"
#include "tensor/cpu/kernels_turn.h"

enum {
    GROUPS = 2, /* vectors of rows that a stream takes at once, at most */
    MOST_SUMS = 8,
    PASS = 6, /* tokens by two vectors of a tile */
};

typedef uint16_t vi_halves __attribute__((vector_size(sizeof(vi))));
typedef int16_t vi_shorts __attribute__((vector_size(sizeof(vi))));

struct sink {
    struct group_panel panel; /* R = 0, at the block's first column and the rows in question */
    struct group_input x;     /* R > 0, likewise */
    vi part[2]
           [MOST_SUMS]; /* sums of the group, [R][G]: two for few tokens, whose chains are short */
    vf total[MOST_SUMS];
    const uint8_t *ahead; /* fetched in step with what is read; NULL: nothing */
};

/* acc + both products of a lane's pairs. From the compiler's own forms gcc 12 makes sums that
 * change registers, or products that all wait for their addition, and runs out of registers. */
WORD vi dot(vi acc, uint32_t x, vi w) {
    const vi both = vi_set((int32_t)x);
#if defined(__AVX512VNNI__)
    __asm__("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(both), "v"(w));
#else
    vi product;
    __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0"
            : "+x"(acc), "=&x"(product)
            : "x"(both), "x"(w));
#endif
    return acc;
}
WORD vi vi_add(vi a, vi b) {
    return (vi)((vi_lanes)a + (vi_lanes)b);
}
WORD void vi_store(void *p, vi v) {
    memcpy(p, &v, sizeof(v));
}

WORD void fetch(struct sink *s, const int bytes) {
    if (!s->ahead) return;
    UNROLL
    for (int i = 0; i < bytes; i += 64)
        __builtin_prefetch(s->ahead + i, 0, 2);
    s->ahead += bytes;
}

/* Columns 4 word .. 4 word + 3 of the rows g, as the two pairs they make. */
WORD void emit(struct sink *s, const int R, const int G, int g, int word, vi first, vi second) {
    if (R == 0) {
        uint32_t *to = s->panel.pairs + 2 * word * PANEL_ROWS;
        vi_store(to, first);
        vi_store(to + PANEL_ROWS, second);
        return;
    }
    const uint32_t *x = s->x.pairs + 2 * word * R;
    vi *const other = s->part[R <= 2];
    UNROLL
    for (int t = 0; t < R; t++)
        s->part[0][t * G + g] = dot(s->part[0][t * G + g], x[t], first);
    UNROLL
    for (int t = 0; t < R; t++)
        other[t * G + g] = dot(other[t * G + g], x[R + t], second);
}

/* The block's group-th group is complete; the next begins. */
WORD void close_group(struct sink *s, const int R, const int G, int g, int group, vf scale) {
    if (R == 0) vf_store(s->panel.scale + group * PANEL_ROWS, scale);
    UNROLL
    for (int i = g; i < R * G; i += G) {
        vi sum = s->part[0][i];
        if (R <= 2) sum = vi_add(sum, s->part[1][i]);
        s->total[i] = vf_fma(vf_of_int(sum), scale, s->total[i]);
        s->part[0][i] = vi_set(0);
        if (R <= 2) s->part[1][i] = vi_set(0);
    }
}

/* After its close_group(). */
WORD void add_bias(struct sink *s, const int R, const int G, int g, int group, const float *sums,
                   vf bias) {
    if (R == 0) vf_store(s->panel.bias + group * PANEL_ROWS, bias);
    UNROLL
    for (int t = 0; t < R; t++)
        s->total[t * G + g] = vf_fma(vf_set(sums[group * R + t]), bias, s->total[t * G + g]);
}

/* ---- words to pairs ---- */

WORD vi halves_right(vi v, const int n) {
    return (vi)((vi_halves)v >> n);
}

WORD void emit_signed(struct sink *s, const int R, const int G, int g, int word, vi bytes) {
    const vi first = (vi)((vi_shorts)((vi_halves)bytes << 8) >> 8);
    emit(s, R, G, g, word, first, (vi)((vi_shorts)bytes >> 8));
}

WORD void emit_unsigned(struct sink *s, const int R, const int G, int g, int word, vi bytes) {
    emit(s, R, G, g, word, vi_and(bytes, vi_set(0x00ff00ff)), halves_right(bytes, 8));
}

/* The lower or upper nibble of each byte. */
WORD void emit_nibbles(struct sink *s, const int R, const int G, int g, int word, vi v,
                       const bool upper) {
    const vi four = vi_set(0x000f000f);
    const vi first = vi_and(upper ? halves_right(v, 4) : v, four);
    const vi second = upper ? halves_right(v, 12) : vi_and(halves_right(v, 8), four);
    emit(s, R, G, g, word, first, second);
}

/* ---- blocks of 32 ---- */

WORD void block_q8_0(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride) {
    vi t[GROUPS][8];
    vf scale[GROUPS];
    UNROLL
    for (int g = 0; g < G; g++) {
        const uint8_t *rows = w + (size_t)(g * LANES) * stride;
        vi head[4];
        turn4(rows, stride, head);
        scale[g] = vf_of_half(head[0]);
        turn8(rows + 2, stride, t[g]);
    }
    fetch(s, G * LANES * 34);
    UNROLL
    for (int c = 0; c < 8; c++) {
        UNROLL
        for (int g = 0; g < G; g++)
            emit_signed(s, R, G, g, c, t[g][c]);
    }
    UNROLL
    for (int g = 0; g < G; g++)
        close_group(s, R, G, g, 0, scale[g]);
}

/* Q4_0 and IQ4_NL: nibbles that stand for sixteen evenly or unevenly spaced levels. */
WORD void block_levels(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                       const __m128i levels) {
    vi t[GROUPS][4];
    vf scale[GROUPS];
    UNROLL
    for (int g = 0; g < G; g++) {
        const uint8_t *rows = w + (size_t)(g * LANES) * stride;
        vi head[4];
        turn4(rows, stride, head);
        scale[g] = vf_of_half(head[0]);
        turn4(rows + 2, stride, t[g]);
    }
    fetch(s, G * LANES * 18);
    const vi four = vi_set(0x0f0f0f0f);
    UNROLL
    for (int c = 0; c < 8; c++) {
        UNROLL
        for (int g = 0; g < G; g++) {
            const vi v = c < 4 ? t[g][c] : halves_right(t[g][c - 4], 4);
            emit_signed(s, R, G, g, c, vi_look_up(levels, vi_and(v, four)));
        }
    }
    UNROLL
    for (int g = 0; g < G; g++)
        close_group(s, R, G, g, 0, scale[g]);
}

WORD void block_q4_0(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride) {
    block_levels(s, R, G, w, stride,
                 _mm_setr_epi8(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7));
}

WORD void block_iq4_nl(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride) {
    block_levels(
        s, R, G, w, stride,
        _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113));
}

/* Q4_1, Q5_0 and Q5_1: a scale, with minima a minimum, with five the fifth bits, nibbles. */
WORD void block_q45(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                    const bool five, const bool minima) {
    const int start = 2 + (minima ? 2 : 0) + (five ? 4 : 0);
    const vi four = vi_set(0x0f0f0f0f), sixteen = vi_set(0x10101010);
    vi t[GROUPS][4], head[GROUPS], fifth[GROUPS];
    UNROLL
    for (int g = 0; g < G; g++) {
        const uint8_t *rows = w + (size_t)(g * LANES) * stride;
        vi v[4];
        turn4(rows, stride, v);
        head[g] = v[0];
        fifth[g] = minima ? v[1] : vi_or(vi_right(v[0], 16), vi_left(v[1], 16));
        turn4(rows + start, stride, t[g]);
    }
    fetch(s, G * LANES * (start + 16));
    UNROLL
    for (int c = 0; c < 8; c++) {
        UNROLL
        for (int g = 0; g < G; g++) {
            if (!five) {
                emit_nibbles(s, R, G, g, c, t[g][c % 4], c >= 4);
                continue;
            }
            const vi low = vi_and(c < 4 ? t[g][c] : halves_right(t[g][c - 4], 4), four);
            const vi q = vi_or(low, vi_left(spread_bits(vi_right(fifth[g], 4 * c)), 4));
            if (minima)
                emit_unsigned(s, R, G, g, c, q);
            else
                emit_signed(s, R, G, g, c, vi_sub_bytes(q, sixteen));
        }
    }
    UNROLL
    for (int g = 0; g < G; g++) {
        close_group(s, R, G, g, 0, vf_of_half(head[g]));
        if (minima) add_bias(s, R, G, g, 0, s->x.sum32, vf_of_half(vi_right(head[g], 16)));
    }
}

WORD void block_q4_1(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride) {
    block_q45(s, R, G, w, stride, false, true);
}

WORD void block_q5_0(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride) {
    block_q45(s, R, G, w, stride, true, false);
}

WORD void block_q5_1(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride) {
    block_q45(s, R, G, w, stride, true, true);
}

/* ---- blocks of 256 ---- */

/* Q4_K and Q5_K are one but for the fifth bits (32 bytes that all eight groups share). */
WORD void block_q45_k(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                      const bool five) {
    const vi four = vi_set(0x0f0f0f0f), one = vi_set(0x01010101);
    vi scale[GROUPS][2], min[GROUPS][2], fifth[GROUPS][8];
    vf d[GROUPS], dmin[GROUPS];
    UNROLL
    for (int g = 0; g < G; g++) {
        const uint8_t *rows = w + (size_t)(g * LANES) * stride;
        vi head[4];
        turn4(rows, stride, head);
        d[g] = vf_of_half(head[0]);
        dmin[g] = -vf_of_half(vi_right(head[0], 16));
        six_bits(head + 1, scale[g], min[g]);
        if (five) turn8(rows + 16, stride, fifth[g]);
    }
    fetch(s, G * LANES * (five ? 48 : 16));
    for (int pair = 0; pair < 4; pair++) {
        vi t[GROUPS][8];
        UNROLL
        for (int g = 0; g < G; g++)
            turn8(w + (size_t)(g * LANES) * stride + (five ? 48 : 16) + 32 * (size_t)pair, stride,
                  t[g]);
        fetch(s, G * LANES * 32);
        UNROLL
        for (int half = 0; half < 2; half++) {
            const int j = 2 * pair + half;
            UNROLL
            for (int c = 0; c < 8; c++) {
                UNROLL
                for (int g = 0; g < G; g++) {
                    if (!five) {
                        emit_nibbles(s, R, G, g, 8 * j + c, t[g][c], half);
                        continue;
                    }
                    const vi low = vi_and(half ? halves_right(t[g][c], 4) : t[g][c], four);
                    const vi bit = vi_and(vi_right_by(fifth[g][c], j), one);
                    emit_unsigned(s, R, G, g, 8 * j + c, vi_or(low, vi_left(bit, 4)));
                }
            }
            UNROLL
            for (int g = 0; g < G; g++) {
                const vi sc = byte_of(scale[g][pair / 2], j % 4);
                const vi mn = byte_of(min[g][pair / 2], j % 4);
                close_group(s, R, G, g, j, d[g] * vf_of_int(sc));
                add_bias(s, R, G, g, j, s->x.sum32, dmin[g] * vf_of_int(mn));
            }
        }
    }
}

WORD void block_q4_k(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride) {
    block_q45_k(s, R, G, w, stride, false);
}

WORD void block_q5_k(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride) {
    block_q45_k(s, R, G, w, stride, true);
}

WORD void block_q6_k(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride) {
    const vi four = vi_set(0x0f0f0f0f), top = vi_set(0x30303030), middle = vi_set(0x20202020);
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
    for (int half = 0; half < 2; half++) {
        vi a[GROUPS][8], b[GROUPS][8], h[GROUPS][8];
        UNROLL
        for (int g = 0; g < G; g++) {
            const uint8_t *rows = w + (size_t)(g * LANES) * stride;
            turn8(rows + 64 * half, stride, a[g]);
            turn8(rows + 64 * half + 32, stride, b[g]);
            turn8(rows + 128 + 32 * half, stride, h[g]);
        }
        UNROLL
        for (int quarter = 0; quarter < 4; quarter++) {
            fetch(s, G * LANES * 24);
            UNROLL
            for (int part = 0; part < 2; part++) { /* a scale serves 16 columns */
                const int j = 8 * half + 2 * quarter + part;
                UNROLL
                for (int c = 4 * part; c < 4 * part + 4; c++) {
                    UNROLL
                    for (int g = 0; g < G; g++) {
                        vi low = (quarter & 1 ? b[g] : a[g])[c];
                        if (quarter >= 2) low = halves_right(low, 4);
                        vi high = h[g][c];
                        if (quarter < 2) high = vi_left(high, 4 - 2 * quarter);
                        if (quarter == 3) high = halves_right(high, 2);
                        const vi q = vi_or(vi_and(low, four), vi_and(high, top));
                        emit_signed(s, R, G, g, 32 * half + 8 * quarter + c,
                                    vi_sub_bytes(q, middle));
                    }
                }
                UNROLL
                for (int g = 0; g < G; g++)
                    close_group(s, R, G, g, j, d[g] * signed_scale(scale[g], j));
            }
        }
    }
}

/* Q2_K and Q3_K: each half has 32 bytes of bit pairs, of which a quarter takes the lowest, the next
 * ..., in two groups of 16 columns with a scale each. Q3_K has 32 bytes of third bits before them
 * and no minima. */
WORD void block_q23_k(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride,
                      const bool three) {
    const vi two = vi_set(0x03030303), third_bit = vi_set(0x04040404);
    vi scale[GROUPS][4], third[GROUPS][8];
    vf d[GROUPS], dmin[GROUPS];
    UNROLL
    for (int g = 0; g < G; g++) {
        const uint8_t *rows = w + (size_t)(g * LANES) * stride;
        vi tail[4]; /* the block ends in two f16: bytes 80..83; or twelve of scales and d: 96..109
                     */
        turn4(rows + (three ? 94 : 68), stride, tail);
        if (three) {
            d[g] = vf_of_half(vi_right(tail[3], 16));
            signed_six_bits(tail, scale[g]);
            turn8(rows, stride, third[g]);
        } else {
            d[g] = vf_of_half(tail[3]);
            dmin[g] = -vf_of_half(vi_right(tail[3], 16));
            turn4(rows, stride, scale[g]);
        }
    }
    fetch(s, G * LANES * (three ? 46 : 20));
    for (int half = 0; half < 2; half++) {
        vi t[GROUPS][8];
        UNROLL
        for (int g = 0; g < G; g++)
            turn8(w + (size_t)(g * LANES) * stride + (three ? 32 : 16) + 32 * half, stride, t[g]);
        fetch(s, G * LANES * 32);
        for (int quarter = 0; quarter < 4; quarter++) {
            UNROLL
            for (int part = 0; part < 2; part++) {
                const int j = 8 * half + 2 * quarter + part;
                UNROLL
                for (int c = 4 * part; c < 4 * part + 4; c++) {
                    const int word = 32 * half + 8 * quarter + c;
                    UNROLL
                    for (int g = 0; g < G; g++) {
                        const vi low = vi_and(vi_right_by(t[g][c], 2 * quarter), two);
                        if (!three) {
                            emit_unsigned(s, R, G, g, word, low);
                            continue;
                        }
                        const vi bit = vi_left(vi_right_by(third[g][c], 4 * half + quarter), 2);
                        const vi q = vi_or(low, vi_and(bit, third_bit));
                        emit_signed(s, R, G, g, word, vi_sub_bytes(q, third_bit));
                    }
                }
                UNROLL
                for (int g = 0; g < G; g++) {
                    if (three) {
                        close_group(s, R, G, g, j, d[g] * signed_scale(scale[g], j));
                        continue;
                    }
                    const vi byte = byte_of(scale[g][j / 4], j % 4);
                    close_group(s, R, G, g, j, d[g] * vf_of_int(vi_and(byte, vi_set(15))));
                    add_bias(s, R, G, g, j, s->x.sum16, dmin[g] * vf_of_int(vi_right(byte, 4)));
                }
            }
        }
    }
}

WORD void block_q2_k(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride) {
    block_q23_k(s, R, G, w, stride, false);
}

WORD void block_q3_k(struct sink *s, const int R, const int G, const uint8_t *w, size_t stride) {
    block_q23_k(s, R, G, w, stride, true);
}

/* X(id, name, columns and bytes of a block) */
#define EACH_TYPE(X)                                                                               \
    X(Q8_0, q8_0, 32, 34)                                                                          \
    X(Q4_0, q4_0, 32, 18)                                                                          \
    X(Q4_1, q4_1, 32, 20)                                                                          \
    X(Q5_0, q5_0, 32, 22)                                                                          \
    X(Q5_1, q5_1, 32, 24)                                                                          \
    X(IQ4_NL, iq4_nl, 32, 18)                                                                      \
    X(Q2_K, q2_k, 256, 84)                                                                         \
    X(Q3_K, q3_k, 256, 110)                                                                        \
    X(Q4_K, q4_k, 256, 144)                                                                        \
    X(Q5_K, q5_k, 256, 176)                                                                        \
    X(Q6_K, q6_k, 256, 210)

/* ---- many tokens: a panel in memory ---- */

typedef void pack_fn(struct sink *s, struct quant_form form, const uint8_t *w, size_t stride,
                     int64_t n);

WORD void panel_step(struct group_panel *p, struct quant_form form, int cols) {
    p->pairs += cols / 2 * PANEL_ROWS;
    p->scale += cols / form.group * PANEL_ROWS;
    p->bias += cols / form.group * PANEL_ROWS;
}

#define PACK(id, name, cols, bytes)                                                                \
    static void pack_##name(struct sink *s, struct quant_form form, const uint8_t *w,              \
                            size_t stride, int64_t n) {                                            \
        for (; n > 0; n -= (cols), w += (bytes)) {                                                 \
            block_##name(s, 0, 1, w, stride);                                                      \
            panel_step(&s->panel, form, cols);                                                     \
        }                                                                                          \
    }
EACH_TYPE(PACK)
#undef PACK

static void pack(const struct group_panel *panel, enum dtype t, const uint8_t *w, size_t row_bytes,
                 int n, int64_t k0, int64_t kn, const uint8_t *ahead) {
    static pack_fn *const packers[DTYPE_COUNT] = {
#define ENTRY(id, name, cols, bytes) [DTYPE_##id] = pack_##name,
        EACH_TYPE(ENTRY)
#undef ENTRY
    };
    if (n < PANEL_ROWS) {
        struct group_kernels plain;
        kernels_ref_groups(&plain);
        plain.pack(panel, t, w, row_bytes, n, k0, kn, ahead);
        return;
    }
    w += (size_t)(k0 / dtype_block_elems(t)) * dtype_block_bytes(t);
    struct sink s = {.ahead = ahead};
    for (int row = 0; row < PANEL_ROWS; row += LANES) {
        s.panel = (struct group_panel){panel->pairs + row, panel->scale + row, panel->bias + row};
        packers[t](&s, quant_form(t), w + (size_t)row * row_bytes, row_bytes, kn);
    }
}

/* ---- tiles ---- */

struct tile_args {
    float *acc;
    const uint32_t *x; /* of the first token of the pass */
    const float *x_scale, *sums;
    int r;
    const struct group_panel *panel;
    int64_t kn;
    bool first, last;
};

/* Where total i of a pass is kept. */
WORD float *total_at(const struct tile_args *a, int c, int i) {
    return a->acc + i / 2 * PANEL_ROWS + c + i % 2 * LANES;
}

/* n tokens by two vectors of rows from c on. Totals are in registers where there are enough, else
 * in memory: a group's sums need theirs. */
WORD void tile_pass(const struct tile_args *a, int c, const int n, const int n_pairs,
                    const bool minima) {
    const bool in_registers = LANES == 16;
    const uint32_t *x = a->x, *w = a->panel->pairs + c;
    const float *scale = a->panel->scale + c, *bias = a->panel->bias + c, *sums = a->sums;
    vf total[2 * PASS];
    UNROLL
    for (int i = 0; i < 2 * n; i++) {
        total[i] = a->first ? vf_zero() : vf_load(total_at(a, c, i));
        if (!in_registers && a->first) vf_store(total_at(a, c, i), total[i]);
    }
    for (int64_t k = 0; k < a->kn; k += 2 * n_pairs) {
        vi part[2 * PASS];
        UNROLL
        for (int i = 0; i < 2 * n; i++)
            part[i] = vi_set(0);
        for (int i = 0; i < n_pairs; i++, x += a->r, w += PANEL_ROWS) {
            const vi low = vi_load(w), high = vi_load(w + LANES);
            UNROLL
            for (int t = 0; t < n; t++) {
                part[2 * t] = dot(part[2 * t], x[t], low);
                part[2 * t + 1] = dot(part[2 * t + 1], x[t], high);
            }
        }
        UNROLL
        for (int i = 0; i < 2 * n; i++) {
            vf sum = in_registers ? total[i] : vf_load(total_at(a, c, i));
            sum = vf_fma(vf_of_int(part[i]), vf_load(scale + i % 2 * LANES), sum);
            if (minima) sum = vf_fma(vf_set(sums[i / 2]), vf_load(bias + i % 2 * LANES), sum);
            if (in_registers)
                total[i] = sum;
            else
                vf_store(total_at(a, c, i), sum);
        }
        scale += PANEL_ROWS;
        if (!minima) continue;
        bias += PANEL_ROWS;
        sums += a->r;
    }
    if (!in_registers && !a->last) return;
    UNROLL
    for (int i = 0; i < 2 * n; i++) {
        vf sum = in_registers ? total[i] : vf_load(total_at(a, c, i));
        if (a->last) sum = sum * vf_set(a->x_scale[i / 2]);
        vf_store(total_at(a, c, i), sum);
    }
}

#define PASSES(name, n_pairs, minima)                                                              \
    static void tile_##name(const struct tile_args *a, int c, int n) {                             \
        switch (n) {                                                                               \
        case 1:                                                                                    \
            tile_pass(a, c, 1, n_pairs, minima);                                                   \
            break;                                                                                 \
        case 2:                                                                                    \
            tile_pass(a, c, 2, n_pairs, minima);                                                   \
            break;                                                                                 \
        case 3:                                                                                    \
            tile_pass(a, c, 3, n_pairs, minima);                                                   \
            break;                                                                                 \
        case 4:                                                                                    \
            tile_pass(a, c, 4, n_pairs, minima);                                                   \
            break;                                                                                 \
        case 5:                                                                                    \
            tile_pass(a, c, 5, n_pairs, minima);                                                   \
            break;                                                                                 \
        case 6:                                                                                    \
            tile_pass(a, c, 6, n_pairs, minima);                                                   \
            break;                                                                                 \
        }                                                                                          \
    }
PASSES(16, 8, false)
PASSES(32, 16, false)
PASSES(16_minima, 8, true)
PASSES(32_minima, 16, true)
#undef PASSES

static void tile(float *acc, const struct group_input *x, int r, const struct group_panel *panel,
                 struct quant_form form, int64_t kn, bool first, bool last) {
    const int n_passes = (r + PASS - 1) / PASS; /* evenly: one token alone would wait */
    for (int i = 0; i < n_passes; i++) {
        const int t0 = i * r / n_passes, n = (i + 1) * r / n_passes - t0;
        const struct tile_args a = {.acc = acc + t0 * PANEL_ROWS,
                                    .x = x->pairs + t0,
                                    .x_scale = x->scale + t0,
                                    .sums = form.minima ? group_sums(x, form) + t0 : NULL,
                                    .r = r,
                                    .panel = panel,
                                    .kn = kn,
                                    .first = first,
                                    .last = last};
        for (int c = 0; c < PANEL_ROWS; c += 2 * LANES) {
            if (form.group == GROUP_COLS)
                (form.minima ? tile_16_minima : tile_16)(&a, c, n);
            else
                (form.minima ? tile_32_minima : tile_32)(&a, c, n);
        }
    }
}

/* ---- few tokens: straight into sums ---- */

WORD void input_step(struct group_input *x, int r, int cols, bool minima) {
    x->pairs += cols / 2 * r;
    if (!minima) return;
    x->sum16 += cols / 16 * r;
    x->sum32 += cols / 32 * r;
}

typedef void stream_fn(float *acc, const struct group_input *x, const uint8_t *w, size_t stride,
                       int64_t n, const uint8_t *ahead);

/* R tokens by G vectors of rows. */
#define STREAM(name, cols, bytes, R, G)                                                            \
    static void stream_##name##_##R(float *acc, const struct group_input *x, const uint8_t *w,     \
                                    size_t stride, int64_t n, const uint8_t *ahead) {              \
        struct sink s = {.ahead = ahead};                                                          \
        const bool minima = x->sum16;                                                              \
        for (int row = 0; row < PANEL_ROWS; row += (G)*LANES) {                                    \
            const uint8_t *p = w + (size_t)row * stride;                                           \
            s.x = *x;                                                                              \
            UNROLL for (int i = 0; i < (R) * (G); i++) {                                           \
                s.total[i] = vf_zero();                                                            \
                s.part[0][i] = s.part[1][i] = vi_set(0);                                           \
            }                                                                                      \
            for (int64_t k = 0; k < n; k += (cols), p += (bytes)) {                                \
                block_##name(&s, R, G, p, stride);                                                 \
                input_step(&s.x, R, cols, minima);                                                 \
            }                                                                                      \
            UNROLL for (int i = 0; i < (R) * (G); i++)                                             \
                vf_store(acc + i / (G)*PANEL_ROWS + row + i % (G)*LANES,                           \
                         s.total[i] * vf_set(x->scale[i / (G)]));                                  \
        }                                                                                          \
    }
#define STREAM_WIDTHS(id, name, cols, bytes)                                                       \
    STREAM(name, cols, bytes, 1, 1)                                                                \
    STREAM(name, cols, bytes, 2, 1)                                                                \
    STREAM(name, cols, bytes, 4, 1)                                                                \
    STREAM(name, cols, bytes, 8, 1)
EACH_TYPE(STREAM_WIDTHS)

static bool stream(float *acc, const struct group_input *x, int r, enum dtype t, const uint8_t *w,
                   size_t row_bytes, int64_t k, const uint8_t *ahead) {
    static stream_fn *const streamers[DTYPE_COUNT][GROUP_STREAM_TOKENS + 1] = {
#define ENTRY(id, name, cols, bytes)                                                               \
    [DTYPE_##id] = {[1] = stream_##name##_1,                                                       \
                    [2] = stream_##name##_2,                                                       \
                    [4] = stream_##name##_4,                                                       \
                    [8] = stream_##name##_8},
        EACH_TYPE(ENTRY)
#undef ENTRY
    };
    if (r > GROUP_STREAM_TOKENS || !streamers[t][r]) return false;
    streamers[t][r](acc, x, w, row_bytes, k, ahead);
    return true;
}

/* ---- activations ---- */

WORD vi larger_size(vi top, vf x) {
    const vi size = vi_and((vi)x, vi_set(0x7fffffff));
#if defined(__AVX512F__)
    return _mm512_max_epi32(top, size);
#else
    return _mm256_max_epi32(top, size);
#endif
}

static struct int8_scale row_scale(const float *x, int64_t k) {
    vi top = vi_set(0), other = vi_set(0);
    for (int64_t i = 0; i < k; i += 2 * LANES) { /* k is a multiple of 32 */
        top = larger_size(top, vf_load(x + i));
        other = larger_size(other, vf_load(x + i + LANES));
    }
    uint32_t lanes[2 * LANES], largest = 0;
    vi_store(lanes, top);
    vi_store(lanes + LANES, other);
    for (int i = 0; i < 2 * LANES; i++)
        largest = lanes[i] > largest ? lanes[i] : largest;
    return int16_scale_of(largest);
}

/* 32 columns of a row: their pairs in words. */
WORD void quantize_32(uint32_t words[16], const float *x, vf inverse) {
    const __m128i middle = _mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
    UNROLL
    for (int i = 0; i < 16; i += LANES) {
        const float *from = x + 2 * i;
#if defined(__AVX512F__)
        const vi low = _mm512_cvtps_epi32(vf_load(from) * inverse);
        const vi high = _mm512_cvtps_epi32(vf_load(from + LANES) * inverse);
        const vi halves = _mm512_castsi256_si512(_mm512_cvtepi32_epi16(low));
        const vi all = _mm512_inserti64x4(halves, _mm512_cvtepi32_epi16(high), 1);
        vi_store(words + i, _mm512_shuffle_epi8(all, _mm512_broadcast_i32x4(middle)));
#else
        const vi low = _mm256_cvtps_epi32(vf_load(from) * inverse);
        const vi high = _mm256_cvtps_epi32(vf_load(from + LANES) * inverse);
        const vi all = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
        vi_store(words + i, _mm256_shuffle_epi8(all, _mm256_broadcastsi128_si256(middle)));
#endif
    }
}

/* The sum of the 16 integers in eight words. */
WORD float sum_16(const uint32_t words[8]) {
    const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)words);
    const __m256i pairs = _mm256_madd_epi16(v, _mm256_set1_epi16(1));
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
    return (float)_mm_cvtsi128_si32(s);
}

/* words[i][t] = lines[t][i] for the first r lines. */
WORD void turn_lines(uint32_t *words, const uint32_t lines[][16], int r) {
    for (int t = 0; t < r; t += LANES) {
        const int n = r - t < LANES ? r - t : LANES;
        const uint8_t *from = (const uint8_t *)lines[t];
        vi v[16];
#if defined(__AVX512F__)
        turn16(from, sizeof(lines[0]), v);
#else
        turn8(from, sizeof(lines[0]), v);
        turn8(from + 32, sizeof(lines[0]), v + 8);
#endif
        UNROLL
        for (int i = 0; i < 16; i++)
            store_up_to((float *)(void *)(words + i * r + t), vf_of_bits(v[i]), n);
    }
}

static void turn(const struct group_input *xt, const float *x, int64_t ldx, int r, int64_t k) {
    vf inverse[STREAM_TOKENS];
    uint32_t lines[STREAM_TOKENS][16] __attribute__((aligned(64))) = {0};
    for (int t = 0; t < r; t++) {
        const struct int8_scale s = row_scale(x + t * ldx, k);
        xt->scale[t] = s.scale;
        inverse[t] = vf_set(s.inverse);
    }
    for (int64_t g = 0; g < k / 32; g++) {
        for (int t = 0; t < r; t++) {
            if (!(xt->scale[t] > 0)) continue; /* 0, or not a number: zeros */
            quantize_32(lines[t], x + t * ldx + 32 * g, inverse[t]);
        }
        turn_lines(xt->pairs + 16 * g * r, lines, r);
        for (int t = 0; xt->sum16 && t < r; t++) {
            const float low = sum_16(lines[t]), high = sum_16(lines[t] + 8);
            xt->sum16[2 * g * r + t] = low;
            xt->sum16[(2 * g + 1) * r + t] = high;
            xt->sum32[g * r + t] = low + high;
        }
    }
}

WORD void take_groups(struct group_kernels *k) {
    *k = (struct group_kernels){.pack = pack, .tile = tile, .stream = stream, .turn = turn};
}
