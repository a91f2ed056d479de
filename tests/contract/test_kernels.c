/*
 * test_kernels.c - products of the CPU backend against doc/numerics.md, written out here as plain
 * loops: every instruction set, every weight type, any row count, to the bit.
 */
#include "tensor/cpu/math.h"
#include "tests/support/backends.h"

enum { MAX_ROWS = 600, MAX_K = 3072, MAX_N = 4096 };

static const struct stream_limits limits = {
    .max_rows = MAX_ROWS,
    .max_k = MAX_K,
    .max_n = MAX_N,
    .max_head_rows = 8,
    .n_heads = 4,
    .n_kv_heads = 2,
    .head_dim = 64,
    .max_positions = 256,
};

/* Row j of a bf16 weight, columns c and c + 1, and those of an activation; 0 beyond the end. */
static uint32_t weight_pair(const struct weight *w, int64_t j, int64_t c) {
    const uint8_t *at = (const uint8_t *)w->tensor.data + (size_t)j * w->tensor.row_bytes;
    uint16_t half[2] = {0, 0};
    memcpy(half, at + c * 2, c + 1 < w->tensor.cols ? 4 : 2);
    return half[0] | (uint32_t)half[1] << 16;
}

static uint32_t activation_pair(const float *x, int64_t c, int64_t k) {
    return round_to_bf16(x[c]) | (c + 1 < k ? round_to_bf16(x[c + 1]) << 16 : 0);
}

/* A row of activations as integers of 16 bits; its scale. */
static float define_integers(int32_t *q, const float *x, int64_t k) {
    float largest = 0;
    bool finite = true;
    for (int64_t i = 0; i < k; i++) {
        finite = finite && isfinite(x[i]);
        if (fabsf(x[i]) > largest) largest = fabsf(x[i]);
    }
    const float scale = largest / 32767.0f;
    const bool some = finite && scale >= FLT_MIN;
    for (int64_t i = 0; i < k; i++)
        q[i] = some ? (int32_t)lrintf(x[i] * (1.0f / scale)) : 0;
    return some ? scale : finite ? 0.0f : NAN;
}

/* One output of a quantised weight. */
static float define_groups(const int32_t *x, float x_scale, const uint8_t *row, enum dtype t,
                           int64_t k) {
    const struct quant_form form = quant_form(t);
    const int64_t cols = dtype_block_elems(t);
    float a = 0;
    for (int64_t k0 = 0; k0 < k; k0 += cols, row += dtype_block_bytes(t), x += cols) {
        struct quant_block b;
        quant_open(t, row, &b);
        for (int64_t c = 0; c < cols; c += form.group) {
            int64_t dot = 0, sum = 0;
            for (int64_t i = c; i < c + form.group; i++) {
                dot += x[i] * b.q[i];
                sum += x[i];
            }
            a = fmaf((float)dot, b.scale[c / form.group], a);
            if (form.minima) a = fmaf((float)sum, b.bias[c / form.group], a);
        }
    }
    return a * x_scale;
}

/* The definition: y[m, n] = x w^T, one chain an output. */
static void define_product(float *y, const float *x, int64_t ldx, const struct weight *w, int64_t m,
                           enum cpu_isa isa) {
    const int64_t n = w->tensor.rows, k = w->tensor.cols;
    if (isa == CPU_ISA_AVX512BF16 && w->tensor.dtype == DTYPE_BF16) {
        for (int64_t i = 0; i < m; i++) {
            for (int64_t j = 0; j < n; j++) {
                float a = 0;
                for (int64_t c = 0; c < k; c += 2)
                    a = dot_pair(a, activation_pair(x + i * ldx, c, k), weight_pair(w, j, c));
                y[i * n + j] = a;
            }
        }
        return;
    }
    if (quant_form(w->tensor.dtype).group) {
        int32_t *q = mem_alloc((size_t)k * sizeof(*q));
        assert_non_null(q);
        for (int64_t i = 0; i < m; i++) {
            const float scale = define_integers(q, x + i * ldx, k);
            const uint8_t *row = w->tensor.data;
            for (int64_t j = 0; j < n; j++, row += w->tensor.row_bytes)
                y[i * n + j] = define_groups(q, scale, row, w->tensor.dtype, k);
        }
        mem_free(q);
        return;
    }
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            float a = 0;
            for (int64_t c = 0; c < k; c++)
                a = fmaf(x[i * ldx + c], w->f32[j * k + c], a);
            y[i * n + j] = a;
        }
    }
}

static void define_norm(float *y, const float *x, const float *gain, float eps, int64_t n) {
    float lane[16] = {0};
    for (int64_t i = 0; i < n; i++)
        lane[i % 16] = fmaf(x[i], x[i], lane[i % 16]);
    for (int step = 8; step > 0; step /= 2)
        for (int i = 0; i < step; i++)
            lane[i] = lane[i] + lane[i + step];
    const float r = 1.0f / sqrtf(lane[0] / (float)n + eps);
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * r * gain[i];
}

struct shape {
    int64_t m, n, k;
};

/* One plain product on one machine, weight `offset` bytes off, x and y with wide strides. */
static void check_product(struct machine *mc, struct rng *r, enum dtype t, struct shape s,
                          size_t offset) {
    struct weight w = random_weight(mc->be, r, t, s.n, s.k, offset);
    const int64_t ldx = s.k + 3, ldy = s.n + 5;
    float *x = random_floats(r, s.m * ldx, 1);
    float *y = random_floats(r, s.m * ldy, 1);
    float *want = random_floats(r, s.m * s.n, 1);
    define_product(want, x, ldx, &w, s.m, mc->id);
    const struct linear_args a = {.x = x,
                                  .m = s.m,
                                  .k = s.k,
                                  .ldx = ldx,
                                  .n_weights = 1,
                                  .w = {&w.tensor},
                                  .y = {y},
                                  .ldy = {ldy}};
    float *before = mem_alloc((size_t)(s.m * ldy) * sizeof(float));
    memcpy(before, y, (size_t)(s.m * ldy) * sizeof(float));
    mc->be->ops->linear(mc->s, &a);
    mc->be->ops->finish(mc->s);
    for (int64_t i = 0; i < s.m; i++) {
        assert_same(y + i * ldy, want + i * s.n, s.n, "%s %s m %lld n %lld k %lld row %lld",
                    mc->isa, dtype_name(t), (long long)s.m, (long long)s.n, (long long)s.k,
                    (long long)i);
        assert_memory_equal(y + i * ldy + s.n, before + i * ldy + s.n,
                            (size_t)(ldy - s.n) * sizeof(float));
    }
    mem_free(before);
    mem_free(x);
    mem_free(y);
    mem_free(want);
    weight_free(mc->be, &w);
}

static void every_type_and_length_gives_the_defined_bits(void **state) {
    (void)state;
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 1, &limits);
        struct rng r;
        rng_init(&r, 1, "lengths", 7);
        for (enum dtype t = 0; t < DTYPE_COUNT; t++) {
            if (!dtype_is_weight(t)) continue;
            const int64_t block = dtype_block_elems(t);
            const int64_t lengths = block == 1 ? 67 : block == 32 ? 18 : 3;
            for (int64_t i = 1; i <= lengths; i++) {
                const int64_t m = 1 + i * 5 % 14;
                check_product(&mc, &r, t, (struct shape){m, 33 + i % 3, i * block},
                              (size_t)(i % 4));
            }
        }
        machine_close(&mc);
    }
}

static void any_number_of_rows_gives_the_defined_bits(void **state) {
    (void)state;
    static const enum dtype types[] = {DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_K, DTYPE_F32};
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 2, &limits);
        struct rng r;
        rng_init(&r, 2, "rows", 4);
        for (int64_t m = 1; m <= 40; m++) {
            check_product(&mc, &r, types[m % 4], (struct shape){m, 1 + m * 7 % 71, 256}, 1);
            check_product(&mc, &r, DTYPE_BF16, (struct shape){m, 33 + m % 5, 67 + m}, 0);
        }
        check_product(&mc, &r, DTYPE_BF16, (struct shape){251, 65, 48}, 0);
        check_product(&mc, &r, DTYPE_Q8_0, (struct shape){517, 40, 64}, 0);
        machine_close(&mc);
    }
}

static void few_tokens_of_plain_types_give_the_defined_bits(void **state) {
    (void)state;
    /* Around steps of 16, 32 and 64 columns: none, one, several, each with and without a rest. */
    static const int64_t lengths[] = {1, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 96, 129, 160, 257};
    static const enum dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 1, &limits);
        struct rng r;
        rng_init(&r, 16, "few", 3);
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
            for (size_t t = 0; t < 3; t++) {
                for (int64_t m = 1; m <= 4; m++)
                    check_product(&mc, &r, types[t], (struct shape){m, 67, lengths[i]},
                                  i % 2 ? 1 : 0);
            }
        }
        machine_close(&mc);
    }
}

static void the_real_shapes_give_the_defined_bits(void **state) {
    (void)state;
    static const struct shape shapes[] = {
        {1, 1024, 3072}, {2, 1024, 2048}, {13, 80, 3072}, {3, 641, 1030}, {1, 4096, 1024}};
    static const enum dtype types[] = {DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_K,
                                       DTYPE_Q6_K, DTYPE_Q5_0, DTYPE_F16};
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 2, &limits);
        struct rng r;
        rng_init(&r, 3, "shapes", 6);
        int turn = 0;
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
            enum dtype t = shapes[i].k % 32 ? DTYPE_BF16 : types[turn++ % 6];
            check_product(&mc, &r, t, shapes[i], 2);
        }
        machine_close(&mc);
    }
}

static void extreme_rows_give_the_defined_bits(void **state) {
    (void)state;
    enum { N = 64, K = 512, M = 3 };
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 1, &limits);
        struct rng r;
        rng_init(&r, 4, "extreme", 7);
        struct weight w = random_weight(mc.be, &r, DTYPE_BF16, N, K, 0);
        uint16_t *bits = (uint16_t *)(void *)w.memory;
        for (int64_t k = 0; k < K; k++) {
            bits[1 * K + k] = 0;                                    /* all zero */
            bits[2 * K + k] = (uint16_t)(bits[2 * K + k] | 0x8000); /* all negative */
            bits[3 * K + k] = (uint16_t)(bits[3 * K + k] & 0x807f); /* subnormal */
        }
        bits[4 * K + 77] = f32_to_bf16(3e38f); /* one huge: overflows to infinity, maybe NaN */
        bits[5 * K + 78] = 0x7fc0;             /* NaN */
        bits[6 * K + 79] = 0xff80;             /* -infinity */
        weight_refresh(&w);
        float *x = random_floats(&r, M * K, 2), *y = random_floats(&r, M * N, 1);
        float *want = random_floats(&r, M * N, 1);
        memset(x + K, 0, K * sizeof(float));
        for (int64_t k = 0; k < K; k++)
            x[2 * K + k] = -fabsf(x[2 * K + k]);
        define_product(want, x, K, &w, M, isa);
        assert_true(isnan(want[5]) && isinf(want[6]));
        const struct linear_args a = {.x = x,
                                      .m = M,
                                      .k = K,
                                      .ldx = K,
                                      .n_weights = 1,
                                      .w = {&w.tensor},
                                      .y = {y},
                                      .ldy = {N}};
        mc.be->ops->linear(mc.s, &a);
        assert_same(y, want, M * N, "%s", mc.isa);
        mem_free(x);
        mem_free(y);
        mem_free(want);
        weight_free(mc.be, &w);
        machine_close(&mc);
    }
}

/* Products of pairs flush what is smaller than a normal number: here sums fall just below one, just
 * not below, and subnormal activations would count if they were not zero. */
static void the_smallest_numbers_give_the_defined_bits(void **state) {
    (void)state;
    enum { N = 64, K = 6, M = 100 };
    static const int x_power[] = {-75, -75, -76, -130}, w_power[] = {-75, -51};
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 1, &limits);
        struct rng r;
        rng_init(&r, 14, "small", 5);
        struct weight w = random_weight(mc.be, &r, DTYPE_BF16, N, K, 0);
        uint16_t *bits = (uint16_t *)(void *)w.memory;
        float *x = random_floats(&r, M * K, 1), *y = random_floats(&r, M * N, 1);
        float *want = random_floats(&r, M * N, 1);
        for (int64_t i = 0; i < M * K; i++)
            x[i] = copysignf(ldexpf(1, x_power[rng_next(&r) % 4]), x[i]);
        for (int64_t i = 0; i < N * K; i++) {
            const int power = rng_next(&r) % 16 ? w_power[rng_next(&r) % 2] : 80;
            bits[i] = f32_to_bf16(ldexpf(bits[i] & 0x8000 ? -1 : 1, power));
        }
        weight_refresh(&w);
        define_product(want, x, K, &w, M, isa);
        const struct linear_args a = {.x = x,
                                      .m = M,
                                      .k = K,
                                      .ldx = K,
                                      .n_weights = 1,
                                      .w = {&w.tensor},
                                      .y = {y},
                                      .ldy = {N}};
        mc.be->ops->linear(mc.s, &a);
        assert_same(y, want, M * N, "%s", mc.isa);
        mem_free(x);
        mem_free(y);
        mem_free(want);
        weight_free(mc.be, &w);
        machine_close(&mc);
    }
}

/* The plain products of pairs, which stand for the page in the library. */
static void the_plain_products_of_pairs_are_the_definition(void **state) {
    (void)state;
    enum { K = 37, M = 3, N = 21 };
    struct machine mc = machine_open(CPU_ISA_REF, 1, &limits);
    struct rng r;
    rng_init(&r, 15, "plain", 5);
    struct kernel_set ks = {0};
    kernels_init_ref_pairs(&ks);
    struct weight w = random_weight(mc.be, &r, DTYPE_BF16, N, K, 1);
    float *x = random_floats(&r, M * K, 1), want[M * N], acc[M * PANEL_ROWS];
    uint32_t xt[(K + 1) / 2 * M], panel[(K + 1) / 2 * PANEL_ROWS];
    ks.turn_pairs(xt, x, K, M, K);
    ks.pack_pairs(panel, w.tensor.data, w.tensor.row_bytes, N, 0, K, NULL);
    ks.tile_pairs(acc, xt, M, panel, K, true);
    assert_false(ks.stream_pairs(acc, xt, M, w.tensor.data, w.tensor.row_bytes, K, NULL));
    define_product(want, x, K, &w, M, CPU_ISA_AVX512BF16);
    for (int t = 0; t < M; t++)
        assert_same(acc + t * PANEL_ROWS, want + t * N, N, "token %d", t);
    mem_free(x);
    weight_free(mc.be, &w);
    machine_close(&mc);
}

/* Scales of any bits: infinite, NaN, negative zero. */
static void hostile_blocks_give_the_defined_bits(void **state) {
    (void)state;
    enum { N = 64, K = 512, M = 2 };
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 1, &limits);
        struct rng r;
        rng_init(&r, 5, "hostile", 7);
        for (enum dtype t = 0; t < DTYPE_COUNT; t++) {
            if (!dtype_is_weight(t) || dtype_block_elems(t) == 1) continue;
            struct weight w = random_weight(mc.be, &r, t, N, K, 0);
            static const uint16_t odd[] = {0x7c00, 0xfc00, 0x7e01, 0x8000, 0x0001, 0x8001, 0x7bff};
            for (int64_t row = 0; row < N; row++)
                for (const int *o = scale_offsets(t); *o >= 0; o++)
                    memcpy(w.memory + (size_t)row * w.tensor.row_bytes + *o,
                           &odd[(row + *o / 2) % 7], 2);
            weight_refresh(&w);
            float *x = random_floats(&r, M * K, 1), *y = random_floats(&r, M * N, 1);
            float *want = random_floats(&r, M * N, 1);
            define_product(want, x, K, &w, M, isa);
            const struct linear_args a = {.x = x,
                                          .m = M,
                                          .k = K,
                                          .ldx = K,
                                          .n_weights = 1,
                                          .w = {&w.tensor},
                                          .y = {y},
                                          .ldy = {N}};
            mc.be->ops->linear(mc.s, &a);
            assert_same(y, want, M * N, "%s %s", mc.isa, dtype_name(t));
            mem_free(x);
            mem_free(y);
            mem_free(want);
            weight_free(mc.be, &w);
        }
        machine_close(&mc);
    }
}

/* Packing alone, so that no sum can hide the sign of a zero or a swapped pair. */
static void panels_hold_the_plain_weights(void **state) {
    (void)state;
    enum { K = 512 };
    static float panel[K * PANEL_ROWS];
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 1, &limits);
        struct rng r;
        rng_init(&r, 6, "panels", 6);
        struct kernel_set ks;
        kernels_init(&ks, isa);
        for (enum dtype t = 0; t < DTYPE_COUNT; t++) {
            if (!dtype_is_weight(t) || dtype_block_elems(t) > 1) continue;
            struct weight w = random_weight(mc.be, &r, t, PANEL_ROWS, K, 1);
            const int64_t kn = 203;
            for (int n = PANEL_ROWS; n > 0; n -= 13) {
                ks.pack(panel, t, w.tensor.data, w.tensor.row_bytes, n, PANEL_COLS, kn,
                        n == PANEL_ROWS ? w.tensor.data : NULL);
                for (int64_t k = 0; k < kn; k++)
                    for (int j = 0; j < n; j++)
                        assert_same(&panel[k * PANEL_ROWS + j], &w.f32[j * K + PANEL_COLS + k], 1,
                                    "%s %s row %d column %lld", mc.isa, dtype_name(t), j,
                                    (long long)k);
            }
            weight_free(mc.be, &w);
        }
        machine_close(&mc);
    }
}

/* norm before; bias, activation, post norm, residual after: in this order. */
static void what_surrounds_a_product_is_in_the_defined_order(void **state) {
    (void)state;
    enum { N = 75, K = 96, MOST = 30 };
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 2, &limits);
        struct rng r;
        rng_init(&r, 7, "around", 6);
        struct weight w[2] = {random_weight(mc.be, &r, DTYPE_BF16, N, K, 0),
                              random_weight(mc.be, &r, DTYPE_Q8_0, N, K, 1)};
        float *gain = random_floats(&r, K, 2), *post = random_floats(&r, N, 2);
        float *bias[2] = {random_floats(&r, N, 1), random_floats(&r, N, 1)};
        float *x = random_floats(&r, MOST * K, 3), *normed = random_floats(&r, MOST * K, 1);
        float *res = random_floats(&r, MOST * N, 1), *y = random_floats(&r, MOST * N, 1);
        float *wx[2] = {random_floats(&r, MOST * N, 1), random_floats(&r, MOST * N, 1)};
        float *want = random_floats(&r, MOST * N, 1);
        for (int64_t i = 0; i < MOST; i++)
            define_norm(normed + i * K, x + i * K, gain, 1e-6f, K);
        for (int which = 0; which < 2; which++) {
            define_product(wx[which], normed, K, &w[which], MOST, isa);
            for (int64_t i = 0; i < MOST * N; i++)
                wx[which][i] += bias[which][i % N];
        }
        static const int64_t counts[] = {1, 2, 12, 13, MOST};
        for (size_t c = 0; c < 5; c++) {
            const int64_t m = counts[c];
            struct linear_args a = {.x = x,
                                    .m = m,
                                    .k = K,
                                    .ldx = K,
                                    .norm = gain,
                                    .norm_eps = 1e-6f,
                                    .n_weights = 2,
                                    .w = {&w[0].tensor, &w[1].tensor},
                                    .bias = {bias[0], bias[1]},
                                    .y = {y, NULL},
                                    .ldy = {N, 0},
                                    .act = ACT_SILU_MUL};
            mc.be->ops->linear(mc.s, &a);
            for (int64_t i = 0; i < m * N; i++)
                want[i] = silu(wx[0][i]) * wx[1][i];
            assert_same(y, want, m * N, "%s silu m %lld", mc.isa, (long long)m);

            a.act = ACT_GELU_TANH_MUL;
            mc.be->ops->linear(mc.s, &a);
            for (int64_t i = 0; i < m * N; i++)
                want[i] = gelu_tanh(wx[0][i]) * wx[1][i];
            assert_same(y, want, m * N, "%s gelu m %lld", mc.isa, (long long)m);

            a.act = ACT_NONE;
            a.n_weights = 1;
            a.residual = res;
            mc.be->ops->linear(mc.s, &a);
            for (int64_t i = 0; i < m * N; i++)
                want[i] = res[i] + wx[0][i];
            assert_same(y, want, m * N, "%s residual m %lld", mc.isa, (long long)m);

            a.post_norm = post;
            a.post_norm_eps = 1e-5f;
            for (int64_t i = 0; i < m; i++)
                define_norm(want + i * N, wx[0] + i * N, post, 1e-5f, N);
            a.residual = NULL;
            mc.be->ops->linear(mc.s, &a);
            assert_same(y, want, m * N, "%s post norm m %lld", mc.isa, (long long)m);

            a.residual = y; /* in place */
            memcpy(y, res, (size_t)(m * N) * sizeof(float));
            mc.be->ops->linear(mc.s, &a);
            for (int64_t i = 0; i < m * N; i++)
                want[i] = res[i] + want[i];
            assert_same(y, want, m * N, "%s all m %lld", mc.isa, (long long)m);
        }
        float *all[] = {gain, post, bias[0], bias[1], x, normed, res, y, wx[0], wx[1], want};
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
            mem_free(all[i]);
        weight_free(mc.be, &w[0]);
        weight_free(mc.be, &w[1]);
        machine_close(&mc);
    }
}

static void three_weights_are_three_products(void **state) {
    (void)state;
    enum { K = 256, M = 5 };
    static const int64_t rows[3] = {100, 33, 7};
    static const enum dtype types[3] = {DTYPE_Q4_K, DTYPE_Q6_K, DTYPE_F32};
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 2, &limits);
        struct rng r;
        rng_init(&r, 8, "three", 5);
        float *x = random_floats(&r, M * K, 1), *want = random_floats(&r, M * 100, 1);
        struct linear_args a = {.x = x, .m = M, .k = K, .ldx = K, .n_weights = 3};
        struct weight w[3];
        for (int i = 0; i < 3; i++) {
            w[i] = random_weight(mc.be, &r, types[i], rows[i], K, 3);
            a.w[i] = &w[i].tensor;
            a.y[i] = random_floats(&r, M * rows[i], 1);
            a.ldy[i] = rows[i];
        }
        mc.be->ops->linear(mc.s, &a);
        for (int i = 0; i < 3; i++) {
            define_product(want, x, K, &w[i], M, isa);
            assert_same(a.y[i], want, M * rows[i], "%s weight %d", mc.isa, i);
            mem_free(a.y[i]);
            weight_free(mc.be, &w[i]);
        }
        mem_free(x);
        mem_free(want);
        machine_close(&mc);
    }
}

static void the_head_picks_rows_and_caps(void **state) {
    (void)state;
    enum { K = 64, N = 130 };
    static const int32_t rows[] = {4, 0, 4, 7};
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 2, &limits);
        struct rng r;
        rng_init(&r, 9, "head", 4);
        struct weight w = random_weight(mc.be, &r, DTYPE_Q8_0, N, K, 0);
        float *x = random_floats(&r, 8 * K, 1), *gain = random_floats(&r, K, 9);
        float *normed = random_floats(&r, 4 * K, 1);
        float *want = random_floats(&r, 4 * N, 1), *logits = random_floats(&r, 4 * (N + 1), 1);
        struct head_args h = {.x = x,
                              .k = K,
                              .ldx = K,
                              .row_index = rows,
                              .n = 4,
                              .norm = gain,
                              .norm_eps = 1e-6f,
                              .w = &w.tensor,
                              .logits = logits,
                              .ld_logits = N + 1};
        for (int64_t i = 0; i < 4; i++)
            define_norm(normed + i * K, x + rows[i] * K, gain, 1e-6f, K);
        define_product(want, normed, K, &w, 4, isa);
        for (int cap = 0; cap <= 30; cap += 30) {
            h.softcap = (float)cap;
            mc.be->ops->head(mc.s, &h);
            mc.be->ops->finish(mc.s);
            for (int64_t i = 0; i < 4 * N && cap > 0; i++)
                want[i] = h.softcap * tanh_f32(want[i] / h.softcap);
            for (int64_t i = 0; i < 4; i++)
                assert_same(logits + i * (N + 1), want + i * N, N, "%s cap %d", mc.isa, cap);
        }
        mem_free(x);
        mem_free(gain);
        mem_free(normed);
        mem_free(want);
        mem_free(logits);
        weight_free(mc.be, &w);
        machine_close(&mc);
    }
}

static void a_row_alone_equals_the_row_among_others_on_any_threads(void **state) {
    (void)state;
    enum { N = 300, K = 1024, M = 40 };
    static float alone[M * N], together[M * N];
    for_each_isa(isa) {
        if (isa == CPU_ISA_REF) continue; /* the definition itself, tested above */
        struct rng r;
        rng_init(&r, 10, "alone", 5);
        float *x = random_floats(&r, M * K, 1);
        for (int type = 0; type < 2; type++) {
            for (int threads = 1; threads <= 4; threads *= 2) {
                struct machine mc = machine_open(isa, threads, &limits);
                struct rng again;
                rng_init(&again, 11, "weights", 7);
                struct weight w =
                    random_weight(mc.be, &again, type ? DTYPE_Q8_0 : DTYPE_BF16, N, K, 0);
                struct linear_args a = {
                    .x = x, .m = 1, .k = K, .ldx = K, .n_weights = 1, .w = {&w.tensor}, .ldy = {N}};
                for (int64_t i = 0; i < M && threads == 1; i++) {
                    a.x = x + i * K;
                    a.y[0] = alone + i * N;
                    mc.be->ops->linear(mc.s, &a);
                }
                static const int64_t batches[] = {2, 3, 7, 16, M};
                for (size_t b = 0; b < 5; b++) {
                    for (int64_t i = 0; i < M; i += batches[b]) {
                        a.m = batches[b] < M - i ? batches[b] : M - i;
                        a.x = x + i * K;
                        a.y[0] = together + i * N;
                        mc.be->ops->linear(mc.s, &a);
                    }
                    assert_memory_equal(alone, together, sizeof(alone));
                }
                weight_free(mc.be, &w);
                machine_close(&mc);
            }
        }
        mem_free(x);
    }
}

static void few_tokens_stream_and_many_share_a_panel(void **state) {
    (void)state;
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 2, &limits);
        struct rng r;
        rng_init(&r, 13, "ways", 4);
        struct cpu_counters c;
        for (int64_t m = 1; m <= STREAM_TOKENS; m += 5)
            check_product(&mc, &r, DTYPE_BF16, (struct shape){m, 64, 64}, 0);
        cpu_stream_counters(mc.s, &c);
        const uint64_t few = 2 * 4; /* panels */
        assert_int_equal(c.streamed[DTYPE_BF16] + c.packed[DTYPE_BF16], few);
        /* m is 1, 6, 11 and 16; AVX2 has registers for three tokens by a panel */
        const uint64_t streamed = isa >= CPU_ISA_AVX512 ? few : isa == CPU_ISA_AVX2 ? 2 : 0;
        assert_int_equal(c.streamed[DTYPE_BF16], streamed);
        check_product(&mc, &r, DTYPE_BF16, (struct shape){STREAM_TOKENS + 1, 64, 64}, 0);
        check_product(&mc, &r, DTYPE_BF16, (struct shape){1, 20, 64}, 0); /* a narrow weight */
        cpu_stream_counters(mc.s, &c);
        assert_true(c.packed[DTYPE_BF16] > 0 && c.tiles > 0);
        machine_close(&mc);
    }
}

static void embedding_scales_rows_of_the_table_only(void **state) {
    (void)state;
    enum { K = 256, M = 20 };
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 2, &limits);
        struct rng r;
        rng_init(&r, 12, "embed", 5);
        struct weight w = random_weight(mc.be, &r, DTYPE_Q6_K, 9, K, 1);
        float *own = random_floats(&r, 3 * K, 1), *x = random_floats(&r, M * K, 1);
        struct batch_row rows[M];
        for (int i = 0; i < M; i++)
            rows[i] = (struct batch_row){.token = i % 3 ? i % 9 : -1, .embedding = i % 2};
        const struct embed_args a = {
            .m = M, .rows = rows, .table = &w.tensor, .embeddings = own, .scale = 1.7f, .x = x};
        mc.be->ops->embed(mc.s, &a);
        for (int i = 0; i < M; i++) {
            for (int k = 0; k < K; k++) {
                const float want = rows[i].token < 0 ? own[rows[i].embedding * K + k]
                                                     : w.f32[rows[i].token * K + k] * 1.7f;
                assert_true(same_float(x[i * K + k], want));
            }
        }
        mem_free(own);
        mem_free(x);
        weight_free(mc.be, &w);
        machine_close(&mc);
    }
}

static void embedding_adds_a_vector_and_then_positions(void **state) {
    (void)state;
    static const int64_t widths[] = {1, 5, 31, 67, 256, 384};
    enum { M = 37, V = 9, P = 40 };
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 2, &limits);
        struct rng r;
        rng_init(&r, 16, "places", 6);
        for (size_t s = 0; s < sizeof(widths) / sizeof(widths[0]); s++) {
            const int64_t k = widths[s];
            struct weight w = random_weight(mc.be, &r, DTYPE_F16, V, k, 1);
            struct weight p = random_weight(mc.be, &r, s % 2 ? DTYPE_BF16 : DTYPE_F32, P, k, 1);
            float *bias = random_floats(&r, k, 1), *x = random_floats(&r, M * k, 1);
            struct batch_row rows[M];
            int32_t ids[M];
            for (int i = 0; i < M; i++) {
                rows[i] = (struct batch_row){.token = i * 5 % V, .pos = i};
                ids[i] = i * 7 % P;
            }
            const struct embed_args a = {.m = M,
                                         .rows = rows,
                                         .table = &w.tensor,
                                         .scale = 1,
                                         .bias = bias,
                                         .positions = &p.tensor,
                                         .position_ids = ids,
                                         .x = x};
            mc.be->ops->embed(mc.s, &a);
            for (int64_t i = 0; i < M * k; i++) {
                const float word = w.f32[rows[i / k].token * k + i % k] * 1.0f;
                const float want = (word + bias[i % k]) + p.f32[ids[i / k] * k + i % k];
                assert_true(same_float(x[i], want));
            }
            mem_free(bias);
            mem_free(x);
            weight_free(mc.be, &w);
            weight_free(mc.be, &p);
        }
        machine_close(&mc);
    }
}

static float lane_tree(float lane[16]) {
    for (int step = 8; step > 0; step /= 2)
        for (int i = 0; i < step; i++)
            lane[i] = lane[i] + lane[i + step];
    return lane[0];
}

/* Two passes; what is not there is not computed with. */
static void define_layer_norm(float *y, const float *x, const float *gain, const float *bias,
                              float eps, int64_t n) {
    float sum[16] = {0}, square[16] = {0};
    for (int64_t i = 0; i < n; i++)
        sum[i % 16] = sum[i % 16] + x[i];
    const float mean = lane_tree(sum) / (float)n;
    for (int64_t i = 0; i < n; i++)
        square[i % 16] = fmaf(x[i] - mean, x[i] - mean, square[i % 16]);
    const float scale = 1.0f / sqrtf(lane_tree(square) / (float)n + eps);
    for (int64_t i = 0; i < n; i++) {
        const float v = (x[i] - mean) * scale, g = gain ? gain[i] : 1.0f;
        y[i] = bias ? fmaf(v, g, bias[i]) : v * g;
    }
}

static void check_norm(struct machine *mc, struct rng *r, int64_t m, int64_t k, float offset) {
    float *x = random_floats(r, m * k, 3), *y = random_floats(r, m * k + 1, 1);
    float *want = random_floats(r, m * k, 1), *all = random_floats(r, k, 1);
    float *gain = random_floats(r, k, 1), *bias = random_floats(r, k, 1);
    for (int64_t i = 0; i < k; i++)
        all[i] = 1;
    for (int64_t i = 0; i < m * k; i++)
        x[i] += offset;
    const float beyond = y[m * k];
    for (int with = 0; with < 8; with++) {
        struct norm_args a = {.kind = with & 1 ? NORM_LAYER : NORM_RMS,
                              .m = m,
                              .k = k,
                              .x = x,
                              .gain = with & 2 ? gain : NULL,
                              .bias = with & 4 ? bias : NULL,
                              .eps = 1e-6f,
                              .y = y};
        for (int64_t i = 0; i < m; i++) {
            if (a.kind == NORM_LAYER)
                define_layer_norm(want + i * k, x + i * k, a.gain, a.bias, a.eps, k);
            else
                define_norm(want + i * k, x + i * k, a.gain ? gain : all, a.eps, k);
        }
        mc->be->ops->norm(mc->s, &a);
        assert_same(y, want, m * k, "%s norm %d of %lld rows of %lld", mc->isa, with, (long long)m,
                    (long long)k);
        assert_true(same_float(y[m * k], beyond));
        memcpy(y, x, (size_t)(m * k) * sizeof(float));
        a.x = y; /* in place */
        mc->be->ops->norm(mc->s, &a);
        assert_same(y, want, m * k, "%s norm %d in place", mc->isa, with);
    }
    float *every[] = {x, y, want, all, gain, bias};
    for (size_t i = 0; i < sizeof(every) / sizeof(every[0]); i++)
        mem_free(every[i]);
}

static void norms_give_the_defined_bits(void **state) {
    (void)state;
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 2, &limits);
        struct rng r;
        rng_init(&r, 17, "norms", 5);
        for (int64_t k = 1; k <= 67; k++)
            check_norm(&mc, &r, 1 + k % 3, k, 0);
        check_norm(&mc, &r, 33, 384, 0);
        check_norm(&mc, &r, 5, 768, 1000); /* a mean far from zero */
        check_norm(&mc, &r, 3, 1024, -4e4f);
        machine_close(&mc);
    }
}

/* An RMS norm may be a step of its own or stand before a product: the same bits. */
static void a_norm_alone_equals_the_norm_before_a_product(void **state) {
    (void)state;
    enum { M = 20, K = 67, N = 40 };
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 2, &limits);
        struct rng r;
        rng_init(&r, 18, "before", 6);
        struct weight w = random_weight(mc.be, &r, DTYPE_F32, N, K, 0);
        float *x = random_floats(&r, M * K, 1), *gain = random_floats(&r, K, 1);
        float *fused = random_floats(&r, M * N, 1), *apart = random_floats(&r, M * N, 1);
        struct linear_args a = {.x = x,
                                .m = M,
                                .k = K,
                                .ldx = K,
                                .norm = gain,
                                .norm_eps = 1e-6f,
                                .n_weights = 1,
                                .w = {&w.tensor},
                                .y = {fused},
                                .ldy = {N}};
        mc.be->ops->linear(mc.s, &a);
        const struct norm_args n = {
            .kind = NORM_RMS, .m = M, .k = K, .x = x, .gain = gain, .eps = 1e-6f, .y = x};
        mc.be->ops->norm(mc.s, &n);
        a.norm = NULL;
        a.y[0] = apart;
        mc.be->ops->linear(mc.s, &a);
        assert_memory_equal(fused, apart, M * N * sizeof(float));
        float *all[] = {x, gain, fused, apart};
        for (size_t i = 0; i < 4; i++)
            mem_free(all[i]);
        weight_free(mc.be, &w);
        machine_close(&mc);
    }
}

/* bias, activation, residual: of one weight, any width and number of rows. */
static void an_activation_follows_one_weight_and_its_bias(void **state) {
    (void)state;
    static const int64_t rows[] = {1, 2, 16, 17, 67, 251};
    static const int64_t widths[] = {1, 7, 31, 32, 33, 75, 1536};
    enum { K = 48, MOST = 251 };
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 2, &limits);
        struct rng r;
        rng_init(&r, 19, "act", 3);
        for (enum activation act = ACT_GELU_ERF; act <= ACT_TANH; act++) {
            for (size_t s = 0; s < 7; s++) {
                const int64_t n = widths[s], m = rows[(s + act) % 6] % (n > 99 ? 20 : MOST + 1);
                struct weight w = random_weight(mc.be, &r, s % 2 ? DTYPE_F32 : DTYPE_BF16, n, K, 2);
                float *x = random_floats(&r, m * K, 9), *bias = random_floats(&r, n, 1);
                float *y = random_floats(&r, m * n, 1), *want = random_floats(&r, m * n, 1);
                float *res = random_floats(&r, m * n, 1);
                struct linear_args a = {.x = x,
                                        .m = m,
                                        .k = K,
                                        .ldx = K,
                                        .n_weights = 1,
                                        .w = {&w.tensor},
                                        .bias = {bias},
                                        .y = {y},
                                        .ldy = {n},
                                        .act = act};
                define_product(want, x, K, &w, m, isa);
                struct kernel_set ref;
                kernels_init_ref(&ref);
                for (int64_t i = 0; i < m * n; i++)
                    want[i] += bias[i % n];
                ref.activate(want, act, m * n);
                mc.be->ops->linear(mc.s, &a);
                assert_same(y, want, m * n, "%s activation %d m %lld n %lld", mc.isa, (int)act,
                            (long long)m, (long long)n);
                a.residual = res;
                for (int64_t i = 0; i < m * n; i++)
                    want[i] = res[i] + want[i];
                mc.be->ops->linear(mc.s, &a);
                assert_same(y, want, m * n, "%s activation %d and residual", mc.isa, (int)act);
                float *all[] = {x, bias, y, want, res};
                for (size_t i = 0; i < 5; i++)
                    mem_free(all[i]);
                weight_free(mc.be, &w);
            }
        }
        machine_close(&mc);
    }
}

static void what_is_downloaded_is_what_was_uploaded(void **state) {
    (void)state;
    struct machine mc = machine_open(CPU_ISA_REF, 1, &limits);
    const char sent[] = "seventeen bytes!";
    char back[sizeof(sent)] = "";
    void *device = mc.be->ops->alloc(mc.be, sizeof(sent));
    assert_non_null(device);
    mc.be->ops->upload(mc.be, device, sent, sizeof(sent));
    mc.be->ops->download(mc.s, back, device, sizeof(back));
    mc.be->ops->download(mc.s, NULL, NULL, 0);
    mc.be->ops->finish(mc.s);
    assert_string_equal(back, sent);
    mc.be->ops->free(mc.be, device);
    machine_close(&mc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(panels_hold_the_plain_weights),
        test_case(every_type_and_length_gives_the_defined_bits),
        test_case(any_number_of_rows_gives_the_defined_bits),
        test_case(few_tokens_of_plain_types_give_the_defined_bits),
        test_case(the_real_shapes_give_the_defined_bits),
        test_case(extreme_rows_give_the_defined_bits),
        test_case(the_smallest_numbers_give_the_defined_bits),
        test_case(the_plain_products_of_pairs_are_the_definition),
        test_case(hostile_blocks_give_the_defined_bits),
        test_case(what_surrounds_a_product_is_in_the_defined_order),
        test_case(three_weights_are_three_products),
        test_case(the_head_picks_rows_and_caps),
        test_case(a_row_alone_equals_the_row_among_others_on_any_threads),
        test_case(few_tokens_stream_and_many_share_a_panel),
        test_case(embedding_scales_rows_of_the_table_only),
        test_case(embedding_adds_a_vector_and_then_positions),
        test_case(norms_give_the_defined_bits),
        test_case(a_norm_alone_equals_the_norm_before_a_product),
        test_case(an_activation_follows_one_weight_and_its_bias),
        test_case(what_is_downloaded_is_what_was_uploaded),
    };
    return run_group("tensor/cpu/linear", tests);
}
