/*
 * test_speech.c - the steps of a speech encoder against the formulas of tensor/speech.h as plain
 * loops: every instruction set, to the bit, and an utterance alone or between others.
 */
#include "tensor/cpu/math.h"
#include "tests/support/backends.h"

enum { MAX_FRAMES = 90 };

static const struct stream_limits limits = {
    .max_rows = 256,
    .max_k = 64,
    .max_n = 64,
    .max_head_rows = 1,
    .n_heads = 1,
    .n_kv_heads = 1,
    .head_dim = 64,
    .max_positions = 1,
    .max_frames = MAX_FRAMES,
};

/* Run a check with each instruction set that is there. */
static void with_each_set(void (*check)(struct machine *)) {
    for_each_isa(isa) {
        struct machine m = machine_open(isa, 2, &limits);
        check(&m);
        machine_close(&m);
    }
}

static void assert_bits(const float *got, const float *want, int64_t n) {
    assert_memory_equal(got, want, (size_t)n * sizeof(*got));
}

/* ---- convolution in two dimensions ---- */

static void conv2d_is_nine_taps_with_stride_two(struct machine *g) {
    static const int64_t in[] = {0, 1, 6, 13}, out[] = {0, 1, 4, 8};
    enum { WIDTH = 7, COLS = 4, C = 19, ROWS = 8 };
    struct rng r;
    rng_init(&r, 1, "conv", 4);
    float *x = random_floats(&r, 13 * WIDTH * C, 1), *w = random_floats(&r, 9 * C, 1);
    float *bias = random_floats(&r, C, 1);
    float got[ROWS * COLS * C], unfolded[ROWS * COLS * 9 * C];
    struct conv2d_args a = {.in = {3, in},
                            .out = {3, out},
                            .width = WIDTH,
                            .channels = C,
                            .x = x,
                            .weight = w,
                            .bias = bias,
                            .row_end = ROWS,
                            .y = got};
    g->be->ops->conv2d(g->s, &a);
    a.weight = NULL;
    a.y = unfolded;
    g->be->ops->conv2d(g->s, &a);
    for (int s = 0; s < 3; s++)
        for (int64_t t = out[s]; t < out[s + 1]; t++)
            for (int64_t f = 0; f < COLS; f++)
                for (int64_t c = 0; c < C; c++) {
                    float sum = bias[c];
                    for (int k = 0; k < 9; k++) {
                        const int64_t y = 2 * (t - out[s]) + k / 3 - 1, z = 2 * f + k % 3 - 1;
                        const bool inside = y >= 0 && y < in[s + 1] - in[s] && z >= 0 && z < WIDTH;
                        const float v = inside ? x[((in[s] + y) * WIDTH + z) * C + c] : 0.0f;
                        if (inside) sum = fmaf(v, w[k * C + c], sum);
                        assert_true(unfolded[((t * COLS + f) * 9 + k) * C + c] == v);
                    }
                    assert_bits(&got[(t * COLS + f) * C + c], &sum, 1);
                }
    /* A part of the rows is that part of the whole. */
    float part[2 * COLS * C];
    a.weight = w;
    a.row_begin = 3;
    a.row_end = 5;
    a.y = part;
    g->be->ops->conv2d(g->s, &a);
    assert_bits(part, got + 3 * COLS * C, 2 * COLS * C);
    mem_free(x);
    mem_free(w);
    mem_free(bias);
}

static void conv2d(void **state) {
    (void)state;
    with_each_set(conv2d_is_nine_taps_with_stride_two);
}

/* ---- convolution in time ---- */

static void glu_conv_stays_in_its_segment(struct machine *g) {
    static const int64_t starts[] = {0, 1, 24, 40};
    enum { M = 40, D = 37, TAPS = 9 };
    struct rng r;
    rng_init(&r, 2, "glu", 3);
    float *x = random_floats(&r, M * 2 * D, 3), *w = random_floats(&r, TAPS * D, 1);
    float *bias = random_floats(&r, D, 1), gated[M * D], got[M * D];
    struct glu_conv_args a = {.in = {3, starts},
                              .d = D,
                              .n_taps = TAPS,
                              .a = x,
                              .weight = w,
                              .bias = bias,
                              .g = gated,
                              .y = got};
    g->be->ops->glu_conv(g->s, &a);
    for (int s = 0; s < 3; s++)
        for (int64_t t = starts[s]; t < starts[s + 1]; t++)
            for (int64_t d = 0; d < D; d++) {
                float sum = bias[d];
                for (int64_t k = 0; k < TAPS; k++) {
                    const int64_t at = t + k - TAPS / 2;
                    if (at < starts[s] || at >= starts[s + 1]) continue;
                    const float value = x[at * 2 * D + d], gate = x[at * 2 * D + D + d];
                    sum = fmaf(value / (1.0f + exp_f32(-gate)), w[k * D + d], sum);
                }
                const float want = silu(sum);
                assert_bits(&got[t * D + d], &want, 1);
            }
    mem_free(x);
    mem_free(w);
    mem_free(bias);
}

static void glu_conv(void **state) {
    (void)state;
    with_each_set(glu_conv_stays_in_its_segment);
}

/* ---- attention ---- */

static float chain(const float *x, const float *w, int64_t k, int64_t ldw) {
    float sum = 0;
    for (int64_t i = 0; i < k; i++)
        sum = fmaf(x[i], w[i * ldw], sum);
    return sum;
}

struct attention_case {
    int64_t m, width, n_positions;
    int32_t n_heads, head_dim;
    float *q, *k, *v, *u, *w, *positions, *keys, *got;
};

static struct attention_case attention_case(int64_t m, int32_t n_heads, int32_t head_dim) {
    struct rng r;
    rng_init(&r, 3, "rel", 3);
    struct attention_case c = {.m = m,
                               .width = (int64_t)n_heads * head_dim,
                               .n_positions = 2 * MAX_FRAMES - 1,
                               .n_heads = n_heads,
                               .head_dim = head_dim};
    c.q = random_floats(&r, m * c.width, 1);
    c.k = random_floats(&r, m * c.width, 1);
    c.v = random_floats(&r, m * c.width, 1);
    c.u = random_floats(&r, c.width, 1);
    c.w = random_floats(&r, c.width, 1);
    c.positions = random_floats(&r, c.width * c.n_positions, 1);
    c.keys = random_floats(&r, c.width * m, 1);
    c.got = random_floats(&r, m * c.width, 1);
    return c;
}

static void attention_free(struct attention_case *c) {
    float *all[] = {c->q, c->k, c->v, c->u, c->w, c->positions, c->keys, c->got};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        mem_free(all[i]);
}

/* Rows [from, from + m) as segments of their own. */
static void attend(struct machine *g, const struct attention_case *c, struct segments in,
                   int64_t from, float *y) {
    const struct rel_attention_args a = {.in = in,
                                         .n_heads = c->n_heads,
                                         .head_dim = c->head_dim,
                                         .q = c->q + from * c->width,
                                         .k = c->k + from * c->width,
                                         .v = c->v + from * c->width,
                                         .bias_u = c->u,
                                         .bias_v = c->w,
                                         .positions = c->positions,
                                         .n_positions = c->n_positions,
                                         .scale = 0.3f,
                                         .keys = c->keys,
                                         .y = y};
    g->be->ops->rel_attention(g->s, &a);
}

static void define(const struct attention_case *c, int64_t i, int32_t head, int64_t begin,
                   int64_t end, float *y) {
    const int32_t dim = c->head_dim;
    const int64_t at = (int64_t)head * dim, n = end - begin;
    float qu[64], qv[64], s[MAX_FRAMES], max = -INFINITY;
    for (int32_t d = 0; d < dim; d++) {
        qu[d] = c->q[i * c->width + at + d] + c->u[at + d];
        qv[d] = c->q[i * c->width + at + d] + c->w[at + d];
    }
    for (int64_t j = 0; j < n; j++) {
        float p[64];
        const int64_t column = c->n_positions / 2 - (i - begin) + j;
        for (int32_t d = 0; d < dim; d++)
            p[d] = c->positions[(at + d) * c->n_positions + column];
        const float ac = chain(qu, c->k + (begin + j) * c->width + at, dim, 1);
        s[j] = (ac + chain(qv, p, dim, 1)) * 0.3f;
        max = fmaxf(max, s[j]);
    }
    for (int64_t j = 0; j < n; j++)
        s[j] = exp_f32(s[j] - max);
    struct kernel_set ref;
    kernels_init_ref(&ref);
    const float sum = ref.sum(s, n);
    for (int32_t d = 0; d < dim; d++)
        y[d] = chain(s, c->v + begin * c->width + at + d, n, c->width) / sum;
}

static void attention_is_the_formula(struct machine *g) {
    static const int64_t starts[] = {0, 1, 18, 80};
    struct attention_case c = attention_case(80, 3, 20);
    float want[64];
    attend(g, &c, (struct segments){3, starts}, 0, c.got);
    for (int s = 0; s < 3; s++)
        for (int64_t i = starts[s]; i < starts[s + 1]; i++)
            for (int32_t h = 0; h < 3; h++) {
                define(&c, i, h, starts[s], starts[s + 1], want);
                assert_bits(c.got + i * c.width + h * 20, want, 20);
            }
    /* Alone, an utterance has the same bits. */
    static const int64_t one[] = {0, 62};
    float *alone = malloc((size_t)(62 * c.width) * sizeof(*alone));
    attend(g, &c, (struct segments){1, one}, 18, alone);
    assert_bits(alone, c.got + 18 * c.width, 62 * c.width);
    free(alone);
    attention_free(&c);
}

static void rel_attention(void **state) {
    (void)state;
    with_each_set(attention_is_the_formula);
}

/* ---- the rest ---- */

static void turns_and_steps(struct machine *g) {
    struct rng r;
    rng_init(&r, 4, "turn", 4);
    enum { COUNT = 3, ROWS = 21, COLS = 18, H = 33 };
    float *x = random_floats(&r, COUNT * ROWS * COLS, 1), y[COUNT * ROWS * COLS];
    const struct turn_args t = {.count = COUNT, .rows = ROWS, .cols = COLS, .x = x, .y = y};
    g->be->ops->turn(g->s, &t);
    for (int b = 0; b < COUNT; b++)
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < COLS; j++)
                assert_true(y[(b * COLS + j) * ROWS + i] == x[(b * ROWS + i) * COLS + j]);
    float *gates = random_floats(&r, 2 * 4 * H, 3), *c = random_floats(&r, 2 * H, 1);
    float before[2 * H], h[2 * H];
    memcpy(before, c, sizeof(before));
    for (int order = 0; order < 2; order++) {
        memcpy(c, before, sizeof(before));
        const struct lstm_args a = {
            .n = 2, .hidden = H, .gates = gates, .onnx_order = order == 1, .c = c, .h = h};
        g->be->ops->lstm(g->s, &a);
        for (int row = 0; row < 2; row++)
            for (int j = 0; j < H; j++) {
                const float *z = gates + row * 4 * H + j;
                const double i = (double)z[0], f = (double)z[(order ? 2 : 1) * H];
                const double cell = (double)z[(order ? 3 : 2) * H];
                const double o = (double)z[(order ? 1 : 3) * H];
                const double now =
                    (double)before[row * H + j] / (1 + exp(-f)) + tanh(cell) / (1 + exp(-i));
                assert_true(fabs((double)c[row * H + j] - now) < 1e-6);
                assert_true(fabs((double)h[row * H + j] - tanh(now) / (1 + exp(-o))) < 1e-6);
            }
    }
    mem_free(x);
    mem_free(gates);
    mem_free(c);
}

static void turn_and_lstm(void **state) {
    (void)state;
    with_each_set(turns_and_steps);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(conv2d),
        test_case(glu_conv),
        test_case(rel_attention),
        test_case(turn_and_lstm),
    };
    return run_group("contract/speech", tests);
}
