/*
 * kernels_ref.c - doc/numerics.md in plain C: what every other kernel must equal to the bit. It is
 * never made faster; it is the page one reads to know what is computed.
 */
#include "tensor/cpu/kernels.h"

#include <string.h>

#include "tensor/cpu/math.h"
#include "tensor/quant.h"

void kernels_ref_pack(float *panel, enum dtype t, const uint8_t *w, size_t row_bytes, int n,
                      int64_t k0, int64_t kn, const uint8_t *ahead) {
    (void)ahead;                               /* the plain path fetches nothing in advance */
    const size_t bytes = dtype_block_bytes(t); /* of one element: t is a plain type */
    for (int j = 0; j < n; j++) {
        const uint8_t *src = w + (size_t)j * row_bytes + (size_t)k0 * bytes;
        for (int64_t i = 0; i < kn; i++)
            dequantize(t, src + (size_t)i * bytes, &panel[i * PANEL_ROWS + j], 1);
    }
    for (int64_t i = 0; i < kn && n < PANEL_ROWS; i++)
        memset(panel + i * PANEL_ROWS + n, 0, (size_t)(PANEL_ROWS - n) * sizeof(float));
}

static void tile(float *acc, const float *x, int r, const float *panel, int64_t kn, bool first) {
    for (int t = 0; t < r; t++) {
        for (int j = 0; j < PANEL_ROWS; j++) {
            float a = first ? 0.0f : acc[t * PANEL_ROWS + j];
            for (int64_t i = 0; i < kn; i++)
                a = fmaf(x[i * r + t], panel[i * PANEL_ROWS + j], a);
            acc[t * PANEL_ROWS + j] = a;
        }
    }
}

static bool stream(float *acc, const float *x, int r, enum dtype t, const uint8_t *w,
                   size_t row_bytes, int64_t k, const uint8_t *ahead) {
    (void)acc, (void)x, (void)r, (void)t, (void)w, (void)row_bytes, (void)k, (void)ahead;
    return false;
}

static void turn(float *xt, const float *x, int64_t ldx, int r, int64_t k) {
    for (int64_t i = 0; i < k; i++)
        for (int t = 0; t < r; t++)
            xt[i * r + t] = x[t * ldx + i];
}

/* Sixteen lanes to one number, halving. */
static float tree(float lane[16]) {
    for (int step = 8; step > 0; step /= 2)
        for (int i = 0; i < step; i++)
            lane[i] += lane[i + step];
    return lane[0];
}

static float sum(const float *x, int64_t n) {
    float lane[16] = {0};
    for (int64_t i = 0; i < n; i++)
        lane[i % 16] += x[i];
    return tree(lane);
}

static float sum_squares(const float *x, int64_t n) {
    float lane[16] = {0};
    for (int64_t i = 0; i < n; i++)
        lane[i % 16] = fmaf(x[i], x[i], lane[i % 16]);
    return tree(lane);
}

static float sum_squares_from(const float *x, float mean, int64_t n) {
    float lane[16] = {0};
    for (int64_t i = 0; i < n; i++) {
        const float d = x[i] - mean;
        lane[i % 16] = fmaf(d, d, lane[i % 16]);
    }
    return tree(lane);
}

static void scale_gain(float *y, const float *x, float scale, const float *gain, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * scale * gain[i];
}

static void normalise(float *y, const float *x, float mean, float scale, const float *gain,
                      const float *bias, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        const float v = (x[i] - mean) * scale, g = gain ? gain[i] : 1.0f;
        y[i] = bias ? fmaf(v, g, bias[i]) : v * g;
    }
}

static void silu_mul(float *y, const float *gate, const float *up, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] = silu(gate[i]) * up[i];
}

static void gelu_tanh_mul(float *y, const float *gate, const float *up, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] = gelu_tanh(gate[i]) * up[i];
}

static void add(float *y, const float *a, const float *b, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

static float activated(float z, enum activation act) {
    switch (act) {
    case ACT_GELU_ERF:
        return gelu_erf(z);
    case ACT_GELU_TANH:
        return gelu_tanh(z);
    case ACT_SILU:
        return silu(z);
    case ACT_RELU:
        return relu(z);
    case ACT_TANH:
        return tanh_f32(z);
    case ACT_NONE:
    case ACT_SILU_MUL:
    case ACT_GELU_TANH_MUL:
        break; /* none, or of two weights */
    }
    return z;
}

static void activate(float *y, enum activation act, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] = activated(y[i], act);
}

static void softcap(float *y, float cap, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] = cap * tanh_f32(y[i] / cap);
}

static void rotate(float *x, const float *cos, const float *sin, int32_t rotary_dim,
                   bool interleaved) {
    const int32_t half = rotary_dim / 2;
    for (int32_t i = 0; i < half; i++) {
        float *a = interleaved ? x + 2 * i : x + i;
        float *b = interleaved ? x + 2 * i + 1 : x + i + half;
        const float xa = *a, xb = *b;
        *a = xa * cos[i] - xb * sin[i];
        *b = xb * cos[i] + xa * sin[i];
    }
}

static void softmax(float *s, int r, const int *j0, const int *j1, float scale, float *max,
                    float *sum) {
    for (int t = 0; t < r; t++, s += KV_BLOCK_TOKENS) {
        float lane[16] = {0};
        float m = -INFINITY;
        for (int j = j0[t]; j < j1[t]; j++) {
            s[j] *= scale;
            m = s[j] > m ? s[j] : m;
        }
        for (int j = 0; j < KV_BLOCK_TOKENS; j++) {
            s[j] = j >= j0[t] && j < j1[t] ? exp_f32(s[j] - m) : 0.0f;
            lane[j % 16] += s[j];
        }
        max[t] = m;
        sum[t] = tree(lane);
    }
}

static void combine(float *m, float *l, const float *max, const float *sum, int r, float *a,
                    float *b) {
    for (int t = 0; t < r; t++) {
        const float top = max[t] > m[t] ? max[t] : m[t];
        a[t] = exp_f32(m[t] - top);
        b[t] = exp_f32(max[t] - top);
        m[t] = top;
        l[t] = fmaf(l[t], a[t], sum[t] * b[t]);
    }
}

static void values(float *o, const float *p, int r, const float *v, int64_t head_dim, int j0,
                   int j1, const float *a, const float *b) {
    for (int t = 0; t < r; t++) {
        for (int64_t d = 0; d < head_dim; d++) {
            float x = 0.0f;
            for (int j = j0; j < j1; j++)
                x = fmaf(p[t * KV_BLOCK_TOKENS + j], v[j * head_dim + d], x);
            float *to = &o[t * head_dim + d];
            *to = a ? fmaf(*to, a[t], x * b[t]) : x;
        }
    }
}

static void divide(float *y, const float *o, float l, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] = o[i] / l;
}

static const uint8_t exact_width[STREAM_TOKENS + 1] = {0, 1,  2,  3,  4,  5,  6,  7, 8,
                                                       9, 10, 11, 12, 13, 14, 15, 16};

/* ---- products of bf16 pairs ---- */

void kernels_ref_pack_pairs(uint32_t *panel, const uint8_t *w, size_t row_bytes, int n, int64_t k0,
                            int64_t kn, const uint8_t *ahead) {
    (void)ahead;
    for (int64_t i = 0; i < kn; i += 2) {
        for (int j = 0; j < PANEL_ROWS; j++) {
            uint16_t pair[2] = {0, 0};
            if (j < n)
                memcpy(pair, w + (size_t)j * row_bytes + (size_t)(k0 + i) * sizeof(*pair),
                       kn - i < 2 ? sizeof(*pair) : sizeof(pair));
            panel[i / 2 * PANEL_ROWS + j] = pair[0] | (uint32_t)pair[1] << 16;
        }
    }
}

static void tile_pairs(float *acc, const uint32_t *x, int r, const uint32_t *panel, int64_t kn,
                       bool first) {
    for (int t = 0; t < r; t++) {
        for (int j = 0; j < PANEL_ROWS; j++) {
            float a = first ? 0.0f : acc[t * PANEL_ROWS + j];
            for (int64_t i = 0; i < (kn + 1) / 2; i++)
                a = dot_pair(a, x[i * r + t], panel[i * PANEL_ROWS + j]);
            acc[t * PANEL_ROWS + j] = a;
        }
    }
}

static bool stream_pairs(float *acc, const uint32_t *x, int r, const uint8_t *w, size_t row_bytes,
                         int64_t k, const uint8_t *ahead) {
    (void)acc, (void)x, (void)r, (void)w, (void)row_bytes, (void)k, (void)ahead;
    return false;
}

static void turn_pairs(uint32_t *xt, const float *x, int64_t ldx, int r, int64_t k) {
    for (int64_t i = 0; i < k; i += 2) {
        for (int t = 0; t < r; t++) {
            const float *pair = x + t * ldx + i;
            const uint32_t odd = i + 1 < k ? round_to_bf16(pair[1]) : 0;
            xt[i / 2 * r + t] = round_to_bf16(pair[0]) | odd << 16;
        }
    }
}

void kernels_init_ref_pairs(struct kernel_set *ks) {
    ks->pack_pairs = kernels_ref_pack_pairs;
    ks->tile_pairs = tile_pairs;
    ks->stream_pairs = stream_pairs;
    ks->turn_pairs = turn_pairs;
}

void kernels_init_ref(struct kernel_set *ks) {
    *ks = (struct kernel_set){
        .isa = "ref",
        .pack = kernels_ref_pack,
        .tile = tile,
        .stream = stream,
        .stream_width = exact_width,
        .turn = turn,
        .sum = sum,
        .sum_squares = sum_squares,
        .sum_squares_from = sum_squares_from,
        .scale_gain = scale_gain,
        .normalise = normalise,
        .silu_mul = silu_mul,
        .gelu_tanh_mul = gelu_tanh_mul,
        .add = add,
        .activate = activate,
        .softcap = softcap,
        .rotate = rotate,
        .softmax = softmax,
        .combine = combine,
        .values = values,
        .divide = divide,
    };
}
