/*
 * kernels_avx512bf16_attention.c - attention over a cache in bf16 by the processor's products of
 * pairs. Lanes are keys in the scores and dimensions in the values, so each output has the one
 * chain of kernels_ref_attention.c.
 */
#if defined(__AVX512BF16__)
#include <immintrin.h>

#include "tensor/cpu/kernels.h"
#include "tensor/cpu/kernels_turn.h"

enum {
    PAIRS = KV_BLOCK_TOKENS / 2, /* of keys: a vector of words */
    FOUR = 4,                    /* queries whose lanes are summed together */
};
_Static_assert((int)PAIRS == (int)LANES && TILE_TOKENS % FOUR == 0, "what the kernels build on");

WORD vf dot(vf acc, vi x, vi w) {
    return _mm512_dpbf16_ps(acc, (__m512bh)x, (__m512bh)w);
}

WORD vi word(uint32_t w) {
    return _mm512_set1_epi32((int32_t)w);
}

/* ---- into pairs ---- */

/* Up to 2 LANES numbers of a row; what lies beyond n are zeros. */
WORD vi pairs_of(const float *x, int64_t n) {
    const uint32_t some = n < 2 * LANES ? (uint32_t)((UINT64_C(1) << n) - 1) : UINT32_MAX;
    const vf low = _mm512_maskz_loadu_ps((vm)some, x);
    const vf high = _mm512_maskz_loadu_ps((vm)(some >> LANES), x + LANES);
    return (vi)_mm512_cvtne2ps_pbh(high, low);
}

/* Few rows: a transpose in registers would mostly turn nothing. */
static void turn_few(uint32_t *words, int64_t stride, const float *const *rows, int n,
                     int64_t head_dim) {
    uint32_t line[LANES];
    for (int t = 0; t < n; t++) {
        for (int64_t k = 0; k < head_dim; k += 2 * LANES) {
            const vi v = pairs_of(rows[t] + k, head_dim - k);
            memcpy(line, &v, sizeof(line));
            for (int64_t i = 0; i < LANES && k + 2 * i < head_dim; i++)
                words[(k / 2 + i) * stride + t] = line[i];
        }
    }
}

static void turn(uint32_t *words, int64_t stride, const float *const *rows, int n,
                 int64_t head_dim) {
    if (n <= FOUR) {
        turn_few(words, stride, rows, n, head_dim);
        return;
    }
    uint32_t lines[LANES][LANES] __attribute__((aligned(64))) = {0};
    const vm some = (vm)((1u << n) - 1);
    for (int64_t k = 0; k < head_dim; k += 2 * LANES) {
        for (int t = 0; t < n; t++)
            _mm512_store_si512(lines[t], pairs_of(rows[t] + k, head_dim - k));
        vi v[LANES];
        turn16((const uint8_t *)lines, sizeof(lines[0]), v);
        const int64_t rest = (head_dim - k + 1) / 2;
        uint32_t *to = words + k / 2 * stride;
        if (rest >= LANES) {
            UNROLL
            for (int i = 0; i < LANES; i++, to += stride)
                _mm512_mask_storeu_epi32(to, some, v[i]);
            continue;
        }
        memcpy(lines, v, sizeof(lines)); /* the last */
        for (int64_t i = 0; i < rest; i++, to += stride)
            _mm512_mask_storeu_epi32(to, some, _mm512_load_si512(lines[i]));
    }
}

static void put_half(uint32_t *words, const float *x, bool odd, int64_t n) {
    const __mmask32 halves = odd ? 0xaaaaaaaau : 0x55555555u;
    for (int64_t i = 0; i < n; i += LANES) {
        const vm some = (vm)(n - i < LANES ? (1u << (n - i)) - 1 : 0xffff);
        const vf v = _mm512_maskz_loadu_ps(some, x + i);
        const __m256bh rounded = _mm512_cvtneps_pbh(v);
        vi w = _mm512_cvtepu16_epi32((__m256i)rounded);
        if (odd) w = vi_left(w, 16);
        const __mmask32 there =
            n - i < LANES ? (__mmask32)((UINT64_C(1) << 2 * (n - i)) - 1) : UINT32_MAX;
        _mm512_mask_storeu_epi16(words + i, halves & there, w);
    }
}

/* ---- scores ---- */

WORD void score(float *s, const uint32_t *tile, const int n, const uint32_t *keys,
                int64_t n_pairs) {
    vf a[2 * TILE_TOKENS];
    UNROLL
    for (int i = 0; i < 2 * n; i++)
        a[i] = vf_zero();
    for (int64_t i = 0; i < n_pairs; i++, tile += ATTENTION_STRIDE, keys += KV_BLOCK_TOKENS) {
        const vi low = vi_load(keys), high = vi_load(keys + LANES);
        UNROLL
        for (int t = 0; t < n; t++) {
            const vi q = word(tile[t]);
            a[2 * t] = dot(a[2 * t], q, low);
            a[2 * t + 1] = dot(a[2 * t + 1], q, high);
        }
    }
    UNROLL
    for (int i = 0; i < 2 * n; i++)
        vf_store(s + i * LANES, a[i]);
}

#define EACH_COUNT(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)

static void scores(float *s, const uint32_t *tile, int n, const uint32_t *keys, int64_t head_dim) {
    const int64_t n_pairs = (head_dim + 1) / 2;
    switch (n) {
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        score(s, tile, n, keys, n_pairs);                                                          \
        break;
        EACH_COUNT(CASE)
#undef CASE
    }
}

/* ---- weights ---- */

/* Four vectors, each over its 16 lanes: `with` in the order of the tree of doc/numerics.md, the
 * result in all lanes of a quarter each. */
#define FOUR_LANES(name, with)                                                                     \
    WORD vf name(const vf v[FOUR]) {                                                               \
        const vf ab =                                                                              \
            with(_mm512_shuffle_f32x4(v[0], v[1], 0x44), _mm512_shuffle_f32x4(v[0], v[1], 0xee));  \
        const vf cd =                                                                              \
            with(_mm512_shuffle_f32x4(v[2], v[3], 0x44), _mm512_shuffle_f32x4(v[2], v[3], 0xee));  \
        vf all = with(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));     \
        all = with(all, _mm512_permute_ps(all, 0x4e));                                             \
        return with(all, _mm512_permute_ps(all, 0xb1));                                            \
    }
FOUR_LANES(four_sums, _mm512_add_ps)
FOUR_LANES(four_tops, _mm512_max_ps)
#undef FOUR_LANES

/* One number of each quarter. */
WORD void store_four(float *to, vf v) {
    _mm_storeu_ps(to, _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, v)));
}
WORD vf quarter(vf v, const int i) {
    switch (i) {
    case 0:
        return _mm512_shuffle_f32x4(v, v, 0x00);
    case 1:
        return _mm512_shuffle_f32x4(v, v, 0x55);
    case 2:
        return _mm512_shuffle_f32x4(v, v, 0xaa);
    default:
        return _mm512_shuffle_f32x4(v, v, 0xff);
    }
}

/* exp_f32 of what is not above 0, or a NaN; 0 in lanes not seen. */
WORD vf exp_below(vf x, vm seen) {
    vf n;
    const vf p = vf_exp_parts(x, &n);
    const vm there = _mm512_mask_cmp_ps_mask(seen, x, vf_set(EXP_LOWEST), _CMP_NLT_UQ);
    return _mm512_maskz_scalef_ps(there, p, n);
}

static void weigh(uint32_t *p, const float *s, int n, const int *j0, const int *j1, float scale,
                  float *max, float *sum) {
    const vf by = vf_set(scale), lowest = vf_set(-INFINITY);
    const vi ones = word(0x3f803f80);
    for (int t = 0; t < n; t += FOUR) {
        vf low[FOUR], high[FOUR], some[FOUR];
        uint32_t seen[FOUR];
        UNROLL
        for (int i = 0; i < FOUR; i++) {
            const int at = t + i < n ? t + i : n - 1; /* beyond the last: it again */
            const float *from = s + at * KV_BLOCK_TOKENS;
            seen[i] = (uint32_t)((UINT64_C(1) << j1[at]) - 1) & (UINT32_MAX << j0[at]);
            low[i] = vf_load(from) * by;
            high[i] = vf_load(from + LANES) * by;
            some[i] = vf_max(vf_choose((vm)(seen[i] >> LANES), high[i], lowest),
                             vf_choose((vm)seen[i], low[i], lowest));
        }
        const vf tops = four_tops(some);
        store_four(max + t, tops);
        UNROLL
        for (int i = 0; i < FOUR; i++) {
            const vf top = quarter(tops, i);
            low[i] = exp_below(low[i] - top, (vm)seen[i]);
            high[i] = exp_below(high[i] - top, (vm)(seen[i] >> LANES));
            const vi words = (vi)_mm512_cvtne2ps_pbh(high[i], low[i]);
            _mm512_storeu_si512(p + (t + i) * PAIRS, words);
            some[i] = dot(vf_zero(), ones, words);
        }
        store_four(sum + t, four_sums(some));
    }
}

/* ---- values ---- */

/* Pairs [first, end) are met, [whole, whole_end) of them by all queries and in both keys. */
struct meeting {
    float *o;
    const uint32_t *p, *v;
    int64_t head_dim;
    const float *a, *b;
    int first, whole, whole_end, end;
    uint32_t seen[PAIRS][TILE_TOKENS]; /* of the other pairs: the halves of a word */
};

WORD void load_values(vi w[], const struct meeting *m, int i, int64_t c, const int V, vm lanes) {
    const uint32_t *from = m->v + i * m->head_dim + c;
    UNROLL
    for (int k = 0; k < V; k++)
        w[k] = V == 1 ? _mm512_maskz_loadu_epi32(lanes, from) : vi_load(from + k * LANES);
}

/* Pairs [i, end) at the edge of what is seen. */
WORD void meet_edge(vf acc[], const struct meeting *m, int i, int end, int64_t c, int t0,
                    const int R, const int V, vm lanes) {
    for (; i < end; i++) {
        vi w[8];
        load_values(w, m, i, c, V, lanes);
        UNROLL
        for (int t = 0; t < R; t++) {
            const vi halves = word(m->seen[i][t0 + t]), p = word(m->p[(t0 + t) * PAIRS + i]);
            const vm any = _mm512_test_epi32_mask(halves, halves);
            /* No masked product: gcc 12 drops the upper half of its mask where it does not
             * optimise. */
            UNROLL
            for (int k = 0; k < V; k++) {
                const vf met = dot(acc[t * V + k], p, vi_and(w[k], halves));
                acc[t * V + k] = vf_choose(any, met, acc[t * V + k]);
            }
        }
    }
}

/* R queries from t0 on, V vectors of dimensions from c on; with one vector those of `lanes`. */
WORD void meet(const struct meeting *m, int64_t c, int t0, const int R, const int V, vm lanes) {
    vf acc[2 * TILE_TOKENS];
    UNROLL
    for (int i = 0; i < R * V; i++)
        acc[i] = vf_zero();
    meet_edge(acc, m, m->first, m->whole, c, t0, R, V, lanes);
    const uint32_t *p = m->p + t0 * PAIRS;
    for (int i = m->whole; i < m->whole_end; i++) {
        vi w[8];
        load_values(w, m, i, c, V, lanes);
        UNROLL
        for (int t = 0; t < R; t++) {
            const vi both = word(p[t * PAIRS + i]);
            UNROLL
            for (int k = 0; k < V; k++)
                acc[t * V + k] = dot(acc[t * V + k], both, w[k]);
        }
    }
    meet_edge(acc, m, m->whole_end, m->end, c, t0, R, V, lanes);
    float *o = m->o + t0 * m->head_dim + c;
    UNROLL
    for (int t = 0; t < R; t++, o += m->head_dim) {
        const vf a = vf_set(m->a[t0 + t]), b = vf_set(m->b[t0 + t]);
        UNROLL
        for (int k = 0; k < V; k++) {
            if (V == 1) {
                const vf so_far = _mm512_maskz_loadu_ps(lanes, o);
                _mm512_mask_storeu_ps(o, lanes, vf_fma(so_far, a, acc[t] * b));
            } else {
                const vf so_far = vf_load(o + k * LANES);
                vf_store(o + k * LANES, vf_fma(so_far, a, acc[t * V + k] * b));
            }
        }
    }
}

static void meet_two(const struct meeting *m, int64_t c, int n) {
    switch (n) {
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        meet(m, c, 0, n, 2, 0xffff);                                                               \
        break;
        EACH_COUNT(CASE)
#undef CASE
    }
}

/* Few queries wait on their chains: more of them at once. */
static int64_t meet_many(const struct meeting *m, int n) {
    int64_t c = 0;
    for (; n == 1 && c + 8 * LANES <= m->head_dim; c += 8 * LANES)
        meet(m, c, 0, 1, 8, 0xffff);
    for (; n == 2 && c + 8 * LANES <= m->head_dim; c += 8 * LANES)
        meet(m, c, 0, 2, 8, 0xffff);
    for (; n == 1 && c + 4 * LANES <= m->head_dim; c += 4 * LANES)
        meet(m, c, 0, 1, 4, 0xffff);
    for (; n == 2 && c + 4 * LANES <= m->head_dim; c += 4 * LANES)
        meet(m, c, 0, 2, 4, 0xffff);
    for (; n == 3 && c + 4 * LANES <= m->head_dim; c += 4 * LANES)
        meet(m, c, 0, 3, 4, 0xffff);
    for (; n == 4 && c + 4 * LANES <= m->head_dim; c += 4 * LANES)
        meet(m, c, 0, 4, 4, 0xffff);
    return c;
}

/* The dimensions that are no two vectors. */
static void meet_rest(const struct meeting *m, int64_t c, int n) {
    for (; c < m->head_dim; c += LANES) {
        const int64_t rest = m->head_dim - c;
        const vm lanes = (vm)(rest < LANES ? (1u << rest) - 1 : 0xffff);
        int t = 0;
        for (; t + 6 <= n; t += 6)
            meet(m, c, t, 6, 1, lanes);
        for (; t < n; t++)
            meet(m, c, t, 1, 1, lanes);
    }
}

static void find_edges(struct meeting *m, int n, const int *j0, const int *j1) {
    int first = j0[0], whole = j0[0], whole_end = j1[0], end = j1[0];
    for (int t = 1; t < n; t++) {
        first = j0[t] < first ? j0[t] : first;
        whole = j0[t] > whole ? j0[t] : whole;
        whole_end = j1[t] < whole_end ? j1[t] : whole_end;
        end = j1[t] > end ? j1[t] : end;
    }
    m->first = first / 2;
    m->whole = (whole + 1) / 2;
    m->whole_end = whole_end / 2;
    m->end = (end + 1) / 2;
    if (m->whole >= m->whole_end) m->whole = m->whole_end = m->end;
    for (int i = m->first; i < m->end; i++) {
        if (i == m->whole) i = m->whole_end;
        for (int t = 0; t < n && i < m->end; t++) {
            const bool even = 2 * i >= j0[t] && 2 * i < j1[t];
            const bool odd = 2 * i + 1 >= j0[t] && 2 * i + 1 < j1[t];
            m->seen[i][t] = (even ? 0x0000ffffu : 0) | (odd ? 0xffff0000u : 0);
        }
    }
}

static void values(float *o, const uint32_t *p, int n, const uint32_t *v, int64_t head_dim,
                   const int *j0, const int *j1, const float *a, const float *b) {
    struct meeting m; /* seen[] is filled where it is read */
    m.o = o;
    m.p = p;
    m.v = v;
    m.head_dim = head_dim;
    m.a = a;
    m.b = b;
    find_edges(&m, n, j0, j1);
    int64_t c = meet_many(&m, n);
    for (; c + 2 * LANES <= head_dim; c += 2 * LANES)
        meet_two(&m, c, n);
    meet_rest(&m, c, n);
}

static void settle(float *y, const float *o, float l, int64_t n) {
    const vf by = vf_set(1.0f / l);
    for (int64_t i = 0; i < n; i += LANES) {
        const int rest = n - i < LANES ? (int)(n - i) : LANES;
        store_up_to(y + i, load_up_to(o + i, rest) * by, rest);
    }
}

void kernels_avx512bf16_attention(struct attention_kernels *k) {
    *k = (struct attention_kernels){
        .turn = turn,
        .put_half = put_half,
        .scores = scores,
        .weigh = weigh,
        .values = values,
        .settle = settle,
    };
}
#endif
