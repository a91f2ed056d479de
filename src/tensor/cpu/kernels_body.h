/*
 * kernels_body.h - the vector kernels but for weights, in the words of kernels_words.h; included
 * once by kernels_avx2.c and once by kernels_avx512.c. Lanes are always different outputs, so each
 * output has the one chain of the reference.
 */
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/kernels_tile.h"
#include "tensor/cpu/kernels_words.h"

/* All products of a token tile and a panel; the columns in as many passes as registers ask for. */
static void tile(float *acc, const float *x, int r, const float *panel, int64_t kn, bool first) {
    const struct operands o = {.x = x,
                               .x_k = r,
                               .panel = panel,
                               .panel_k = PANEL_ROWS,
                               .acc = acc,
                               .acc_t = PANEL_ROWS,
                               .kn = kn,
                               .first = first};
#if !defined(__AVX512F__)
    if (r <= 3) {
        tile_few(&o, r);
        return;
    }
#endif
    const int n_passes = (r + TILE_PASS - 1) / TILE_PASS; /* evenly: one token alone would wait */
    for (int c = 0; c < PANEL_ROWS; c += 2 * LANES)
        for (int i = 0; i < n_passes; i++)
            tile_pass(&o, c, i * r / n_passes, (i + 1) * r / n_passes - i * r / n_passes);
}

/* Small transposes that stay in a few cache lines; a column step would miss one line a row. */
static void turn(float *xt, const float *x, int64_t ldx, int r, int64_t k) {
    enum { LINE = 16 };
    for (int64_t i0 = 0; i0 < k; i0 += LINE) {
        const int64_t end = k - i0 < LINE ? k : i0 + LINE;
        for (int t = 0; t < r; t++)
            for (int64_t i = i0; i < end; i++)
                xt[i * r + t] = x[t * ldx + i];
    }
}

/* sums[lane] of term(v) over all 16-lane groups, v being the vectors of x; where x ends, lanes
 * beyond it are left alone. */
#define SUM_OVER(x, n, whole, part)                                                                \
    do {                                                                                           \
        int64_t i = 0;                                                                             \
        for (; i + 16 <= (n); i += 16) {                                                           \
            for (int s = 0; s < SUMS; s++) {                                                       \
                const vf v = vf_load((x) + i + s * LANES);                                         \
                sums[s] = whole;                                                                   \
            }                                                                                      \
        }                                                                                          \
        for (int s = 0; s < SUMS && i < (n); s++, i += LANES) {                                    \
            const int rest = (n)-i >= LANES ? LANES : (int)((n)-i);                                \
            const vf v = load_up_to((x) + i, rest);                                                \
            sums[s] = part;                                                                        \
        }                                                                                          \
    } while (0)

WORD void no_sums(vf sums[SUMS]) {
    for (int s = 0; s < SUMS; s++)
        sums[s] = vf_zero();
}

static float sum(const float *x, int64_t n) {
    vf sums[SUMS];
    no_sums(sums);
    SUM_OVER(x, n, sums[s] + v, sums[s] + v); /* zeros leave the other lanes alone */
    return sum_tree(sums);
}

static float sum_squares(const float *x, int64_t n) {
    vf sums[SUMS];
    no_sums(sums);
    SUM_OVER(x, n, vf_fma(v, v, sums[s]), vf_fma(v, v, sums[s]));
    return sum_tree(sums);
}

static float sum_squares_from(const float *x, float mean, int64_t n) {
    const vf m = vf_set(mean);
    vf sums[SUMS];
    no_sums(sums);
    SUM_OVER(x, n, vf_fma(v - m, v - m, sums[s]),
             vf_choose(vm_between(0, 0, rest), vf_fma(v - m, v - m, sums[s]), sums[s]));
    return sum_tree(sums);
}

/* y[i] = expression of i's vectors, the last ones in part. */
#define FOR_EACH_VECTOR(n, whole, part)                                                            \
    do {                                                                                           \
        int64_t i = 0;                                                                             \
        for (; i + LANES <= (n); i += LANES)                                                       \
            whole;                                                                                 \
        if (i < (n)) {                                                                             \
            const int rest = (int)((n)-i);                                                         \
            part;                                                                                  \
        }                                                                                          \
    } while (0)

static void scale_gain(float *y, const float *x, float scale, const float *gain, int64_t n) {
    const vf s = vf_set(scale);
    FOR_EACH_VECTOR(
        n, vf_store(y + i, vf_load(x + i) * s * vf_load(gain + i)),
        vf_store_part(y + i, vf_load_part(x + i, rest) * s * vf_load_part(gain + i, rest), rest));
}

WORD vf normalised(vf x, vf mean, vf scale, const float *gain, const float *bias, int n) {
    const vf v = (x - mean) * scale, g = gain ? load_up_to(gain, n) : vf_set(1.0f);
    if (!bias) return v * g;
    return vf_fma(v, g, load_up_to(bias, n));
}

static void normalise(float *y, const float *x, float mean, float scale, const float *gain,
                      const float *bias, int64_t n) {
    const vf m = vf_set(mean), s = vf_set(scale);
    for (int64_t i = 0; i < n; i += LANES) {
        const int rest = n - i < LANES ? (int)(n - i) : LANES;
        const float *g = gain ? gain + i : NULL, *b = bias ? bias + i : NULL;
        store_up_to(y + i, normalised(load_up_to(x + i, rest), m, s, g, b, rest), rest);
    }
}

static void silu_mul(float *y, const float *gate, const float *up, int64_t n) {
    FOR_EACH_VECTOR(
        n, vf_store(y + i, vf_silu(vf_load(gate + i)) * vf_load(up + i)),
        vf_store_part(y + i, vf_silu(vf_load_part(gate + i, rest)) * vf_load_part(up + i, rest),
                      rest));
}

static void gelu_tanh_mul(float *y, const float *gate, const float *up, int64_t n) {
    FOR_EACH_VECTOR(
        n, vf_store(y + i, vf_gelu_tanh(vf_load(gate + i)) * vf_load(up + i)),
        vf_store_part(
            y + i, vf_gelu_tanh(vf_load_part(gate + i, rest)) * vf_load_part(up + i, rest), rest));
}

static void add(float *y, const float *a, const float *b, int64_t n) {
    FOR_EACH_VECTOR(
        n, vf_store(y + i, vf_load(a + i) + vf_load(b + i)),
        vf_store_part(y + i, vf_load_part(a + i, rest) + vf_load_part(b + i, rest), rest));
}

#define ACTIVATE(word)                                                                             \
    FOR_EACH_VECTOR(n, vf_store(y + i, word(vf_load(y + i))),                                      \
                    vf_store_part(y + i, word(vf_load_part(y + i, rest)), rest))

static void activate(float *y, enum activation act, int64_t n) {
    switch (act) {
    case ACT_GELU_ERF:
        ACTIVATE(vf_gelu_erf);
        break;
    case ACT_GELU_TANH:
        ACTIVATE(vf_gelu_tanh);
        break;
    case ACT_SILU:
        ACTIVATE(vf_silu);
        break;
    case ACT_RELU:
        ACTIVATE(vf_relu);
        break;
    case ACT_TANH:
        ACTIVATE(vf_tanh);
        break;
    case ACT_NONE:
    case ACT_SILU_MUL:
    case ACT_GELU_TANH_MUL:
        break; /* none, or of two weights */
    }
}

static void softcap(float *y, float cap, int64_t n) {
    const vf c = vf_set(cap);
    FOR_EACH_VECTOR(n, vf_store(y + i, c * vf_tanh(vf_load(y + i) / c)),
                    vf_store_part(y + i, c * vf_tanh(vf_load_part(y + i, rest) / c), rest));
}

static void rotate(float *x, const float *cos, const float *sin, int32_t rotary_dim,
                   bool interleaved) {
    const int32_t half = rotary_dim / 2;
    int32_t i = 0;
    for (; !interleaved && i + LANES <= half; i += LANES) {
        const vf a = vf_load(x + i), b = vf_load(x + i + half);
        const vf c = vf_load(cos + i), s = vf_load(sin + i);
        vf_store(x + i, a * c - b * s);
        vf_store(x + i + half, b * c + a * s);
    }
    for (; i < half; i++) {
        float *a = interleaved ? x + 2 * i : x + i;
        float *b = interleaved ? x + 2 * i + 1 : x + i + half;
        const float xa = *a, xb = *b;
        *a = xa * cos[i] - xb * sin[i];
        *b = xb * cos[i] + xa * sin[i];
    }
}

static void softmax(float *s, int r, const int *j0, const int *j1, float scale, float *max,
                    float *sum) {
    enum { N = KV_BLOCK_TOKENS / LANES };
    const vf lowest = vf_set(-INFINITY);
    for (int t = 0; t < r; t++, s += KV_BLOCK_TOKENS) {
        vf v[N], sums[SUMS], top = lowest;
        vm seen[N];
        for (int i = 0; i < N; i++) {
            seen[i] = vm_between(i * LANES, j0[t], j1[t]);
            v[i] = vf_load(s + i * LANES) * vf_set(scale);
            top = vf_max(vf_choose(seen[i], v[i], lowest), top);
        }
        max[t] = max_lane(top);
        const vf m = vf_set(max[t]);
        for (int i = 0; i < N; i++) {
            v[i] = vf_choose(seen[i], vf_exp(v[i] - m), vf_zero());
            vf_store(s + i * LANES, v[i]);
        }
        for (int i = 0; i < SUMS; i++)
            sums[i] = v[i] + v[i + SUMS];
        sum[t] = sum_tree(sums);
    }
}

static void combine(float *m, float *l, const float *max, const float *sum, int r, float *a,
                    float *b) {
    for (int t = 0; t < r; t += LANES) {
        const int n = r - t < LANES ? r - t : LANES;
        const vf now = load_up_to(m + t, n), block = load_up_to(max + t, n);
        const vf top = vf_choose(vm_less(now, block), block, now);
        const vf va = vf_exp(now - top), vb = vf_exp(block - top);
        const vf vl = vf_fma(load_up_to(l + t, n), va, load_up_to(sum + t, n) * vb);
        store_up_to(a + t, va, n);
        store_up_to(b + t, vb, n);
        store_up_to(m + t, top, n);
        store_up_to(l + t, vl, n);
    }
}

static void values(float *out, const float *p, int r, const float *v, int64_t head_dim, int j0,
                   int j1, const float *a, const float *b) {
    const struct operands o = {.x = p + j0,
                               .x_k = 1,
                               .panel = v + j0 * head_dim,
                               .panel_k = head_dim,
                               .acc = out,
                               .acc_t = head_dim,
                               .kn = j1 - j0,
                               .first = true,
                               .a = a,
                               .b = b};
    const int n_passes = (r + TILE_PASS - 1) / TILE_PASS;
    int64_t c = 0;
    for (; r == 1 && c + 4 * LANES <= head_dim; c += 4 * LANES)
        values_one(&o, c);
    for (; c + 2 * LANES <= head_dim; c += 2 * LANES)
        for (int i = 0; i < n_passes; i++)
            values_pass(&o, c, i * r / n_passes, (i + 1) * r / n_passes - i * r / n_passes);
    for (; c < head_dim; c++) {
        for (int t = 0; t < r; t++) {
            float x = 0.0f;
            for (int j = j0; j < j1; j++)
                x = fmaf(p[t * KV_BLOCK_TOKENS + j], v[j * head_dim + c], x);
            float *to = &out[t * head_dim + c];
            *to = a ? fmaf(*to, a[t], x * b[t]) : x;
        }
    }
}

static void divide(float *y, const float *o, float l, int64_t n) {
    const vf v = vf_set(l);
    FOR_EACH_VECTOR(n, vf_store(y + i, vf_load(o + i) / v),
                    vf_store_part(y + i, vf_load_part(o + i, rest) / v, rest));
}

WORD void take_body(struct kernel_set *ks) {
    ks->tile = tile;
    ks->turn = turn;
    ks->sum = sum;
    ks->sum_squares = sum_squares;
    ks->sum_squares_from = sum_squares_from;
    ks->scale_gain = scale_gain;
    ks->normalise = normalise;
    ks->silu_mul = silu_mul;
    ks->gelu_tanh_mul = gelu_tanh_mul;
    ks->add = add;
    ks->activate = activate;
    ks->softcap = softcap;
    ks->rotate = rotate;
    ks->softmax = softmax;
    ks->combine = combine;
    ks->values = values;
    ks->divide = divide;
}
