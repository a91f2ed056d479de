/*
 * test_int8.c - products with weights of eight bits against doc/numerics.md, written out here as
 * plain loops: every instruction set, every stored type, any number of rows, to the bit.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "tensor/cpu/math.h"
#include "tests/support/backends.h"

static const struct stream_limits limits = {.max_rows = 300,
                                            .max_k = 2100,
                                            .max_n = 2100,
                                            .max_head_rows = 4,
                                            .n_heads = 1,
                                            .n_kv_heads = 1,
                                            .head_dim = 16,
                                            .max_positions = 32};

static struct machine open_int8(enum cpu_isa isa, int threads) {
    struct machine m = {.id = isa, .isa = cpu_isa_name(isa)};
    assert_ok(cpu_backend_create(isa, threads, &m.be));
    m.be->weights = WEIGHTS_INT8;
    assert_ok(m.be->ops->stream_create(m.be, &limits, &m.s));
    return m;
}

/* ---- the definition ---- */

static float define_row(int8_t *q, const float *x, int64_t n) {
    float largest = 0;
    bool numbers = true;
    for (int64_t i = 0; i < n; i++) {
        numbers = numbers && isfinite(x[i]);
        if (fabsf(x[i]) > largest) largest = fabsf(x[i]);
        q[i] = 0;
    }
    const float scale = largest / 127.0f;
    if (!numbers) return NAN;
    if (scale < 0x1p-126f) return 0;
    const float inverse = 1.0f / scale;
    for (int64_t i = 0; i < n; i++)
        q[i] = (int8_t)nearbyintf(x[i] * inverse);
    return scale;
}

/* y[m, n] = x w^T. */
static void define_product(float *y, const float *x, int64_t m, const float *w, int64_t n,
                           int64_t k) {
    int8_t *qx = mem_alloc((size_t)(m * k)), *qw = mem_alloc((size_t)(n * k));
    float *sx = mem_alloc((size_t)m * sizeof(float)), *sw = mem_alloc((size_t)n * sizeof(float));
    for (int64_t i = 0; i < m; i++)
        sx[i] = define_row(qx + i * k, x + i * k, k);
    for (int64_t j = 0; j < n; j++)
        sw[j] = define_row(qw + j * k, w + j * k, k);
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            int64_t sum = 0;
            for (int64_t c = 0; c < k; c++)
                sum += qx[i * k + c] * qw[j * k + c];
            y[i * n + j] = (float)sum * (sx[i] * sw[j]);
        }
    }
    mem_free(qx);
    mem_free(qw);
    mem_free(sx);
    mem_free(sw);
}

/* ---- a weight, quantised ---- */

static struct weight int8_weight(struct backend *be, struct rng *r, enum dtype t, int64_t rows,
                                 int64_t cols, bool turned) {
    struct weight w = random_weight(be, r, t, rows, cols, (size_t)(rows % 4));
    if (turned) { /* the same numbers, read as [cols, rows] */
        float *f32 = mem_alloc((size_t)(rows * cols) * sizeof(*f32));
        for (int64_t j = 0; j < rows; j++)
            for (int64_t k = 0; k < cols; k++)
                f32[j * cols + k] = w.f32[k * rows + j];
        mem_free(w.f32);
        w.f32 = f32;
        w.tensor.turned = true;
    }
    assert_ok(be->ops->weight_to_int8(be, &w.tensor));
    assert_int_equal(w.tensor.dtype, DTYPE_I8);
    assert_int_equal(w.tensor.rows, rows);
    assert_int_equal(w.tensor.cols, cols);
    assert_true(w.tensor.owned_bytes >= (size_t)(rows * cols));
    assert_false(w.tensor.turned);
    memset(w.memory, 0xff, 16); /* what it was made of is not looked at again */
    return w;
}

static void check(struct machine *mc, struct rng *r, enum dtype t, int64_t m, int64_t n, int64_t k,
                  bool turned) {
    struct weight w = int8_weight(mc->be, r, t, n, k, turned);
    float *x = random_floats(r, m * k, 3), *want = random_floats(r, m * n, 1);
    float *y = random_floats(r, m * (n + 3), 1);
    define_product(want, x, m, w.f32, n, k);
    const struct linear_args a = {.x = x,
                                  .m = m,
                                  .k = k,
                                  .ldx = k,
                                  .n_weights = 1,
                                  .w = {&w.tensor},
                                  .y = {y},
                                  .ldy = {n + 3}};
    mc->be->ops->linear(mc->s, &a);
    for (int64_t i = 0; i < m; i++)
        assert_same(y + i * (n + 3), want + i * n, n, "%s %s m %lld n %lld k %lld row %lld",
                    mc->isa, dtype_name(t), (long long)m, (long long)n, (long long)k, (long long)i);
    mem_free(x);
    mem_free(y);
    mem_free(want);
    weight_free(mc->be, &w);
}

static void every_length_gives_the_defined_bits(void **state) {
    (void)state;
    static const enum dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};
    for_each_isa(isa) {
        struct machine mc = open_int8(isa, 1);
        struct rng r;
        rng_init(&r, 1, "int8", 4);
        for (int64_t k = 1; k <= 131; k++)
            check(&mc, &r, types[k % 3], 1 + k * 5 % 17, 1 + k * 11 % 70, k, k % 6 == 3);
        machine_close(&mc);
    }
}

static void any_number_of_rows_gives_the_defined_bits(void **state) {
    (void)state;
    for_each_isa(isa) {
        struct machine mc = open_int8(isa, 2);
        struct rng r;
        rng_init(&r, 2, "int8", 4);
        for (int64_t m = 1; m <= 40; m++)
            check(&mc, &r, DTYPE_BF16, m, 33 + m % 5, 67 + m, false);
        check(&mc, &r, DTYPE_F32, 251, 65, 48, true);
        check(&mc, &r, DTYPE_BF16, 1, 70, 2051, false);
        check(&mc, &r, DTYPE_BF16, 13, 40, 2048, false);
        machine_close(&mc);
    }
}

/* The largest sums that there are: nothing saturates, nothing wraps. */
static void the_longest_rows_are_exact(void **state) {
    (void)state;
    enum { K = INT8_MAX_COLS, N = 33, M = 3 };
    float *x = mem_alloc(M * K * sizeof(float)), *w = mem_alloc(N * K * sizeof(float));
    const struct stream_limits wide = {.max_rows = 4, .max_k = K, .max_n = N, .head_dim = 16};
    for (int64_t i = 0; i < M * K; i++)
        x[i] = i < K ? 1.0f : i < 2 * K ? -1.0f : i % 2 ? 1.0f : -1.0f;
    for (int64_t i = 0; i < N * K; i++)
        w[i] = i / K % 2 ? -2.0f : 2.0f;
    const float full = (float)(127 * 127 * K) * (1.0f / 127.0f * (2.0f / 127.0f));
    for_each_isa(isa) {
        struct backend *be;
        struct stream *s;
        struct tensor t;
        float y[M * N];
        assert_ok(cpu_backend_create(isa, 1, &be));
        be->weights = WEIGHTS_INT8;
        assert_ok(be->ops->stream_create(be, &wide, &s));
        assert_ok(be->ops->weight_load(be, DTYPE_F32, N, K, w, &t));
        assert_ok(be->ops->weight_to_int8(be, &t));
        const struct linear_args a = {
            .x = x, .m = M, .k = K, .ldx = K, .n_weights = 1, .w = {&t}, .y = {y}, .ldy = {N}};
        be->ops->linear(s, &a);
        for (int j = 0; j < N; j++) {
            const float sign = j % 2 ? -1.0f : 1.0f;
            assert_true(y[j] == sign * full && y[N + j] == -sign * full && y[2 * N + j] == 0);
        }
        be->ops->weight_release(be, &t);
        be->ops->stream_destroy(s);
        backend_destroy(be);
    }
    mem_free(x);
    mem_free(w);
}

static void rows_that_are_not_all_numbers_give_none(void **state) {
    (void)state;
    enum { M = 7, N = 35, K = 53 };
    for_each_isa(isa) {
        struct machine mc = open_int8(isa, 1);
        struct rng r;
        rng_init(&r, 3, "int8", 4);
        struct weight w = random_weight(mc.be, &r, DTYPE_F32, N, K, 0);
        float *x = random_floats(&r, M * K, 1), y[M * N], want[M * N];
        float *stored = (float *)(void *)w.memory;
        stored[3 * K + 5] = w.f32[3 * K + 5] = INFINITY; /* a channel without numbers */
        for (int64_t k = 0; k < K; k++) {                /* and one of nothing */
            stored[4 * K + k] = w.f32[4 * K + k] = 0;
            x[3 * K + k] = k % 2 ? 0.0f : -0.0f;
            x[4 * K + k] = 0x1p-130f * (float)(k % 3); /* too small to divide */
            x[5 * K + k] = k == 9 ? FLT_MAX : -0x1p126f;
            x[6 * K + k] = 0x1p-119f * (float)(k % 5 - 2);
        }
        x[0 * K + K - 1] = NAN;
        x[1 * K] = -INFINITY;
        assert_ok(mc.be->ops->weight_to_int8(mc.be, &w.tensor));
        define_product(want, x, M, w.f32, N, K);
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
        for (int j = 0; j < N; j++) {
            assert_true(isnan(y[j]) && isnan(y[N + j]));
            assert_true(j == 3 || (y[3 * N + j] == 0 && y[4 * N + j] == 0));
        }
        for (int i = 0; i < M; i++)
            assert_true(isnan(y[i * N + 3]));
        mem_free(x);
        weight_free(mc.be, &w);
        machine_close(&mc);
    }
}

/* Halves go to the even neighbour, as scale 1 shows. */
static void ties_are_rounded_to_even(void **state) {
    (void)state;
    static const float x[] = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f, -125.5f, 3.49f};
    static const int8_t want[] = {127, 0, 2, 2, 0, -2, -2, 126, -126, 3};
    for_each_isa(isa) {
        struct kernel_set ks;
        kernels_init(&ks, isa);
        float wide[64] = {0};
        int8_t q[64];
        memcpy(wide, x, sizeof(x));
        assert_true(ks.int8.quantize(q, wide, 10) == 1.0f);
        assert_memory_equal(q, want, sizeof(want));
        assert_int_equal(q[10], 0); /* up to a whole word */
        assert_int_equal(q[11], 0);
        assert_true(ks.int8.quantize(q, wide, 64) == 1.0f);
        assert_memory_equal(q, want, sizeof(want));
        assert_true(ks.int8.quantize((int8_t *)(void *)wide, wide, 64) == 1.0f); /* in place */
        assert_memory_equal(wide, q, 64);
    }
}

/* ---- memory ---- */

/* n bytes that end where the readable memory does. */
static char *at_the_edge(size_t n, void **map, size_t *map_size) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (n + page - 1) / page * page;
    *map_size = inner + page;
    *map = mmap(NULL, *map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(*map != MAP_FAILED);
    assert_int_equal(mprotect((char *)*map + inner, page, PROT_NONE), 0);
    return (char *)*map + inner - n;
}

static void nothing_beyond_the_operands_is_touched(void **state) {
    (void)state;
    for_each_isa(isa) {
        struct kernel_set ks;
        kernels_init(&ks, isa);
        for (int64_t k = 1; k <= 70; k++) {
            const int r = 1 + (int)k % 16;
            const int64_t n_words = int8_words(k);
            void *maps[5];
            size_t sizes[5];
            float *x = (float *)(void *)at_the_edge((size_t)k * sizeof(float), &maps[0], &sizes[0]);
            int8_t *q = (int8_t *)at_the_edge((size_t)n_words * 4, &maps[1], &sizes[1]);
            uint32_t *xt = (uint32_t *)(void *)at_the_edge((size_t)(n_words * r) * sizeof(*xt),
                                                           &maps[2], &sizes[2]);
            struct int8_panel *panel =
                (void *)at_the_edge(int8_panel_bytes(k), &maps[3], &sizes[3]);
            float *acc = (float *)(void *)at_the_edge((size_t)(r * INT8_PANEL_ROWS) * sizeof(*acc),
                                                      &maps[4], &sizes[4]);
            int8_t rows[16 * 128] = {0};
            float scales[16];
            for (int64_t i = 0; i < k; i++)
                x[i] = (float)(i % 9 - 4);
            scales[0] = ks.int8.quantize(q, x, k);
            for (int t = 0; t < r; t++) {
                memcpy(rows + t * 128, q, (size_t)n_words * 4);
                scales[t] = scales[0];
            }
            ks.int8.turn(xt, rows, 128, r, n_words);
            ks.int8.tile(acc, xt, scales, r, panel, n_words, NULL);
            for (int i = 0; i < r * INT8_PANEL_ROWS; i++)
                assert_true(acc[i] == 0); /* the panel is of zeros */
            for (int i = 0; i < 5; i++)
                munmap(maps[i], sizes[i]);
        }
    }
}

/* ---- what surrounds a product ---- */

static void norm_bias_activation_and_residual_stay_around_it(void **state) {
    (void)state;
    enum { M = 19, N = 45, K = 71 };
    for_each_isa(isa) {
        struct machine mc = open_int8(isa, 2);
        const struct kernel_set *ks = &((struct cpu_backend *)(void *)mc.be)->ks;
        struct rng r;
        rng_init(&r, 4, "int8", 4);
        struct weight gate = int8_weight(mc.be, &r, DTYPE_BF16, N, K, false);
        struct weight up = int8_weight(mc.be, &r, DTYPE_F32, N, K, false);
        float *x = random_floats(&r, M * K, 2), *gain = random_floats(&r, K, 1);
        float *bias = random_floats(&r, N, 1), *residual = random_floats(&r, M * N, 1);
        float *normed = random_floats(&r, M * K, 1);
        float y[M * N], a[M * N], b[M * N];
        for (int i = 0; i < M; i++)
            rms_norm(ks, normed + i * K, x + i * K, gain, 1e-5f, K);
        define_product(a, normed, M, gate.f32, N, K);
        define_product(b, normed, M, up.f32, N, K);
        struct linear_args l = {.x = x,
                                .m = M,
                                .k = K,
                                .ldx = K,
                                .norm = gain,
                                .norm_eps = 1e-5f,
                                .n_weights = 2,
                                .w = {&gate.tensor, &up.tensor},
                                .y = {y},
                                .ldy = {N},
                                .act = ACT_SILU_MUL};
        mc.be->ops->linear(mc.s, &l);
        for (int i = 0; i < M * N; i++) {
            const float want = silu(a[i]) * b[i];
            assert_same(y + i, &want, 1, "%s gated %d", mc.isa, i);
        }
        l.n_weights = 1;
        l.act = ACT_GELU_ERF;
        l.bias[0] = bias;
        l.scale = 0.5f;
        l.residual = residual;
        mc.be->ops->linear(mc.s, &l);
        for (int i = 0; i < M * N; i++) {
            const float want = residual[i] + gelu_erf(a[i] + bias[i % N]) * 0.5f;
            assert_same(y + i, &want, 1, "%s bias %d", mc.isa, i);
        }
        mem_free(x);
        mem_free(gain);
        mem_free(bias);
        mem_free(residual);
        mem_free(normed);
        weight_free(mc.be, &gate);
        weight_free(mc.be, &up);
        machine_close(&mc);
    }
}

/* A family may leave one of three matrices as it is stored. */
static void weights_of_both_forms_share_an_input(void **state) {
    (void)state;
    enum { M = 5, N = 34, K = 40 };
    for_each_isa(isa) {
        struct machine mc = open_int8(isa, 1);
        struct rng r;
        rng_init(&r, 5, "int8", 4);
        struct weight one = int8_weight(mc.be, &r, DTYPE_BF16, N, K, false);
        struct weight two = random_weight(mc.be, &r, DTYPE_F32, N, K, 0);
        float *x = random_floats(&r, M * K, 1), *gain = random_floats(&r, K, 1);
        float y[2][M * N], alone[2][M * N];
        for (int norm = 0; norm < 2; norm++) {
            struct linear_args l = {.x = x,
                                    .m = M,
                                    .k = K,
                                    .ldx = K,
                                    .norm = norm ? gain : NULL,
                                    .n_weights = 2,
                                    .w = {&one.tensor, &two.tensor},
                                    .y = {y[0], y[1]},
                                    .ldy = {N, N}};
            mc.be->ops->linear(mc.s, &l);
            l.n_weights = 1;
            for (int i = 0; i < 2; i++) {
                l.w[0] = i ? &two.tensor : &one.tensor;
                l.y[0] = alone[i];
                mc.be->ops->linear(mc.s, &l);
                assert_same(y[i], alone[i], M * N, "%s weight %d", mc.isa, i);
            }
        }
        mem_free(x);
        mem_free(gain);
        weight_free(mc.be, &one);
        weight_free(mc.be, &two);
        machine_close(&mc);
    }
}

static void a_view_of_rows_gives_their_bits(void **state) {
    (void)state;
    enum { M = 14, N = 130, K = 30 };
    static const struct {
        int64_t row, n;
    } views[] = {{0, 130}, {0, 5}, {31, 2}, {32, 64}, {37, 3}, {40, 90}, {129, 1}, {5, 27}};
    for_each_isa(isa) {
        struct machine mc = open_int8(isa, 2);
        struct rng r;
        rng_init(&r, 6, "int8", 4);
        for (int form = 0; form < 2; form++) {
            struct weight w = form ? int8_weight(mc.be, &r, DTYPE_BF16, N, K, false)
                                   : random_weight(mc.be, &r, DTYPE_BF16, N, K, 1);
            float *x = random_floats(&r, M * K, 1), *bias = random_floats(&r, N, 1);
            float whole[M * N], y[M * N];
            struct linear_args l = {.x = x,
                                    .m = M,
                                    .k = K,
                                    .ldx = K,
                                    .n_weights = 1,
                                    .w = {&w.tensor},
                                    .bias = {bias},
                                    .y = {whole},
                                    .ldy = {N}};
            mc.be->ops->linear(mc.s, &l);
            for (size_t v = 0; v < sizeof(views) / sizeof(views[0]); v++) {
                struct tensor view, inner;
                mc.be->ops->weight_rows(mc.be, &w.tensor, views[v].row, views[v].n, &view);
                mc.be->ops->weight_rows(mc.be, &view, 0, views[v].n, &inner);
                assert_int_equal(inner.owned_bytes, 0);
                l.w[0] = &inner;
                l.bias[0] = bias + views[v].row;
                l.y[0] = y;
                l.ldy[0] = views[v].n;
                mc.be->ops->linear(mc.s, &l);
                for (int i = 0; i < M; i++)
                    assert_same(y + i * views[v].n, whole + i * N + views[v].row, views[v].n,
                                "%s form %d view %zu row %d", mc.isa, form, v, i);
            }
            mem_free(x);
            mem_free(bias);
            weight_free(mc.be, &w);
        }
        machine_close(&mc);
    }
}

static void a_table_gives_its_rows(void **state) {
    (void)state;
    enum { N = 70, K = 37 };
    for_each_isa(isa) {
        struct machine mc = open_int8(isa, 1);
        struct rng r;
        rng_init(&r, 7, "int8", 4);
        struct weight w = int8_weight(mc.be, &r, DTYPE_BF16, N, K, false);
        struct batch_row rows[N];
        float x[N * K];
        for (int i = 0; i < N; i++)
            rows[i] = (struct batch_row){.token = i};
        const struct embed_args e = {.m = N, .rows = rows, .table = &w.tensor, .scale = 2, .x = x};
        mc.be->ops->embed(mc.s, &e);
        for (int i = 0; i < N; i++) {
            int8_t q[K];
            const float scale = define_row(q, w.f32 + i * K, K);
            for (int k = 0; k < K; k++) {
                const float want = (float)q[k] * scale * 2;
                assert_same(x + i * K + k, &want, 1, "%s row %d", mc.isa, i);
            }
        }
        weight_free(mc.be, &w);
        machine_close(&mc);
    }
}

/* ---- making them ---- */

static void blocks_and_rows_too_long_are_refused(void **state) {
    (void)state;
    struct backend *be;
    struct tensor w;
    static const uint8_t data[34];
    assert_ok(backend_create("cpu", 1, &be));
    assert_ok(be->ops->weight_load(be, DTYPE_Q8_0, 1, 32, data, &w));
    assert_status(be->ops->weight_to_int8(be, &w), KARMA_E_DTYPE);
    assert_message_contains("Q8_0");
    assert_ptr_equal(w.data, data); /* as before */
    assert_ok(be->ops->weight_load(be, DTYPE_F32, 1, INT8_MAX_COLS + 1, data, &w));
    assert_status(be->ops->weight_to_int8(be, &w), KARMA_E_LIMIT);
    assert_message_contains("133145");
    backend_destroy(be);
}

static void without_memory_it_stays_as_it_was(void **state) {
    (void)state;
    float data[40 * 8] = {1};
    struct backend *be;
    struct tensor w;
    assert_ok(backend_create("cpu", 1, &be));
    const size_t live = mem_live_blocks();
    for (uint64_t call = 1;; call++) {
        assert_ok(be->ops->weight_load(be, DTYPE_F32, 40, 8, data, &w));
        mem_fail_at(call);
        const karma_status st = be->ops->weight_to_int8(be, &w);
        const bool failed = mem_fail_reached();
        mem_fail_at(0);
        assert_status(st, failed ? KARMA_E_NOMEM : KARMA_OK);
        if (failed) assert_ptr_equal(w.data, data);
        be->ops->weight_release(be, &w);
        assert_int_equal(mem_live_blocks(), live);
        if (!failed) break;
    }
    backend_destroy(be);
}

static void the_size_alone_reads_nothing(void **state) {
    (void)state;
    struct backend *be;
    struct tensor w, full;
    float data[33 * 9] = {0};
    assert_ok(backend_create("cpu", 1, &be));
    be->weights = WEIGHTS_INT8_SIZE;
    assert_ok(be->ops->weight_load(be, DTYPE_F32, 33, 9, NULL, &w)); /* would fault */
    assert_ok(be->ops->weight_to_int8(be, &w));
    be->weights = WEIGHTS_INT8;
    assert_ok(be->ops->weight_load(be, DTYPE_F32, 33, 9, data, &full));
    assert_ok(be->ops->weight_to_int8(be, &full));
    assert_int_equal(w.owned_bytes, full.owned_bytes);
    be->ops->weight_release(be, &w);
    be->ops->weight_release(be, &full);
    backend_destroy(be);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(every_length_gives_the_defined_bits),
        test_case(any_number_of_rows_gives_the_defined_bits),
        test_case(the_longest_rows_are_exact),
        test_case(rows_that_are_not_all_numbers_give_none),
        test_case(ties_are_rounded_to_even),
        test_case(nothing_beyond_the_operands_is_touched),
        test_case(norm_bias_activation_and_residual_stay_around_it),
        test_case(weights_of_both_forms_share_an_input),
        test_case(a_view_of_rows_gives_their_bits),
        test_case(a_table_gives_its_rows),
        test_case(blocks_and_rows_too_long_are_refused),
        test_case(without_memory_it_stays_as_it_was),
        test_case(the_size_alone_reads_nothing),
    };
    return run_group("tensor/int8", tests);
}
