/*
 * test_groups.c - products of quantised weights with activations of 16 bits: every instruction set
 * against the plain kernels, step by step and as whole products, to the bit; and the plain ones
 * against the weights in f32, within what the rounding of the activations can do.
 */
#include "tensor/cpu/math.h"
#include "tests/support/backends.h"

enum { K = 512, TOKENS = 300, N = 101, MOST_R = STREAM_TOKENS, MACHINES = 3 };

static const struct stream_limits limits = {.max_rows = TOKENS,
                                            .max_k = 1024,
                                            .max_head_rows = 4,
                                            .n_heads = 4,
                                            .n_kv_heads = 2,
                                            .head_dim = 64};

#define for_each_grouped_type(t)                                                                   \
    for (enum dtype t = 0; t < DTYPE_COUNT; t++)                                                   \
        if (quant_form(t).group)

static struct group_kernels kernels_of(enum cpu_isa isa) {
    struct kernel_set ks;
    kernels_init(&ks, isa);
    return ks.groups;
}

static struct group_panel new_panel(void) {
    struct group_panel p = {mem_alloc(K / 2 * PANEL_ROWS * sizeof(uint32_t)),
                            mem_alloc(K / GROUP_COLS * PANEL_ROWS * sizeof(float)),
                            mem_alloc(K / GROUP_COLS * PANEL_ROWS * sizeof(float))};
    assert_true(p.pairs && p.scale && p.bias);
    return p;
}

static void free_panel(struct group_panel *p) {
    mem_free(p->pairs);
    mem_free(p->scale);
    mem_free(p->bias);
}

/* From column k on. */
static struct group_panel panel_from(const struct group_panel *p, struct quant_form form,
                                     int64_t k) {
    const int64_t groups = k / form.group * PANEL_ROWS;
    return (struct group_panel){p->pairs + k / 2 * PANEL_ROWS, p->scale + groups, p->bias + groups};
}

static struct group_input new_input(void) {
    struct group_input x = {
        mem_alloc(K / 2 * MOST_R * sizeof(uint32_t)), mem_alloc(MOST_R * sizeof(float)),
        mem_alloc(K / 16 * MOST_R * sizeof(float)), mem_alloc(K / 32 * MOST_R * sizeof(float))};
    assert_true(x.pairs && x.scale && x.sum16 && x.sum32);
    return x;
}

static void free_input(struct group_input *x) {
    mem_free(x->pairs);
    mem_free(x->scale);
    mem_free(x->sum16);
    mem_free(x->sum32);
}

static struct group_input input_from(const struct group_input *x, int r, int64_t k) {
    return (struct group_input){x->pairs + k / 2 * r, x->scale, x->sum16 + k / 16 * r,
                                x->sum32 + k / 32 * r};
}

/* Column i of row t. */
static int32_t integer_at(const uint32_t *pairs, int64_t i, int64_t stride) {
    const uint32_t word = pairs[(i / 4 * 2 + i % 2) * stride];
    return (int16_t)(i % 4 < 2 ? word : word >> 16);
}

/* Blocks of any bytes whatever: scales that are infinite, not a number, subnormal; integers of
 * -128. */
static struct weight hostile_weight(struct backend *be, struct rng *r, enum dtype t, int64_t rows,
                                    int64_t cols) {
    struct weight w = random_weight(be, r, t, rows, cols, 1);
    for (size_t i = 0; i < (size_t)rows * w.tensor.row_bytes; i++)
        w.memory[1 + i] = (uint8_t)(rng_next(r) % 5 ? rng_next(r) : 0x80);
    return w;
}

/* Rows of k columns, ldx apart: every second as it comes, the others not finite, with a zero or a
 * huge value among them, all zero, too small for a scale, just large enough for one, in ties. */
static float *hostile_rows(struct rng *r, int64_t rows, int64_t k, int64_t ldx) {
    static const float odd[] = {INFINITY, -INFINITY, NAN, 3e38f};
    float *x = random_floats(r, rows * ldx, 2);
    for (int64_t t = 1; t < rows; t += 2) {
        float *row = x + t * ldx;
        const int64_t at = (int64_t)(rng_next(r) % (uint64_t)k);
        switch (t / 2 % 6) {
        case 0:
            row[at] = odd[rng_next(r) % 4];
            break;
        case 1:
            memset(row, 0, (size_t)k * sizeof(*row));
            row[at] = -0.0f;
            break;
        case 2:
            for (int64_t i = 0; i < k; i++)
                row[i] *= 0x1p-113f; /* below 32767 2^-126 */
            break;
        case 3:
            for (int64_t i = 0; i < k; i++)
                row[i] *= 0x1p-112f; /* the largest may be above it */
            row[at] = 32767 * 0x1p-126f;
            break;
        case 4:
            for (int64_t i = 0; i < k; i++)
                row[i] = (float)(int)(row[i] * 8000) + 0.5f;
            row[at] = -32767;
            break;
        default:
            row[at] = odd[3];
            break;
        }
    }
    return x;
}

/* m rows by the plain kernels, panel by panel. */
static void plain_product(float *y, const float *x, const struct tensor *w, int64_t m) {
    struct group_kernels plain;
    kernels_ref_groups(&plain);
    const struct quant_form form = quant_form(w->dtype);
    const uint8_t *data = w->data;
    struct group_panel panel = new_panel();
    struct group_input xt = new_input();
    float acc[MOST_R * PANEL_ROWS];
    for (int64_t j = 0; j < w->rows; j += PANEL_ROWS) {
        const int n = w->rows - j < PANEL_ROWS ? (int)(w->rows - j) : PANEL_ROWS;
        plain.pack(&panel, w->dtype, data + (size_t)j * w->row_bytes, w->row_bytes, n, 0, w->cols,
                   NULL);
        for (int64_t i = 0; i < m; i += MOST_R) {
            const int r = m - i < MOST_R ? (int)(m - i) : MOST_R;
            plain.turn(&xt, x + i * w->cols, w->cols, r, w->cols);
            plain.tile(acc, &xt, r, &panel, form, w->cols, true, true);
            for (int t = 0; t < r; t++)
                memcpy(y + (i + t) * w->rows + j, acc + t * PANEL_ROWS, (size_t)n * sizeof(float));
        }
    }
    free_panel(&panel);
    free_input(&xt);
}

/* Row 0 of a panel of kn columns is what quant_open() makes of it. */
static void check_first_row(const struct group_panel *p, enum dtype t, const uint8_t *row,
                            int64_t kn) {
    const struct quant_form form = quant_form(t);
    const int64_t cols = dtype_block_elems(t);
    for (int64_t k = 0; k < kn; k += cols, row += dtype_block_bytes(t)) {
        const struct group_panel at = panel_from(p, form, k);
        struct quant_block block;
        quant_open(t, row, &block);
        for (int64_t i = 0; i < cols; i++)
            assert_int_equal(integer_at(at.pairs, i, PANEL_ROWS), block.q[i]);
        for (int64_t g = 0; g < cols / form.group; g++) {
            assert_true(same_float(at.scale[g * PANEL_ROWS], block.scale[g]));
            if (form.minima) assert_true(same_float(at.bias[g * PANEL_ROWS], block.bias[g]));
        }
    }
}

static void panels_hold_the_integers_scales_and_biases(void **state) {
    (void)state;
    struct machine mc = machine_open(CPU_ISA_REF, 1, &limits);
    struct rng r;
    rng_init(&r, 1, "panels", 6);
    struct group_panel a = new_panel(), b = new_panel();
    const struct group_kernels plain = kernels_of(CPU_ISA_REF);
    for_each_grouped_type(t) {
        struct weight w = hostile_weight(mc.be, &r, t, PANEL_ROWS, K);
        const struct quant_form form = quant_form(t);
        const uint8_t *data = w.tensor.data;
        const size_t row_bytes = w.tensor.row_bytes;
        for (int64_t k0 = 0; k0 < K; k0 += PANEL_COLS) {
            const int64_t kn = K - k0, groups = kn / form.group;
            plain.pack(&a, t, data, row_bytes, PANEL_ROWS, k0, kn, NULL);
            check_first_row(&a, t,
                            data + (size_t)(k0 / dtype_block_elems(t)) * dtype_block_bytes(t), kn);
            for_each_isa(isa) {
                const struct group_kernels fast = kernels_of(isa);
                for (int n = PANEL_ROWS; n > 0; n -= 15) { /* what is beyond n is anything */
                    fast.pack(&b, t, data, row_bytes, n, k0, kn, n == PANEL_ROWS ? data : NULL);
                    for (int64_t i = 0; i < kn / 2; i++)
                        assert_memory_equal(b.pairs + i * PANEL_ROWS, a.pairs + i * PANEL_ROWS,
                                            (size_t)n * sizeof(uint32_t));
                    for (int64_t g = 0; g < groups; g++) {
                        const int64_t at = g * PANEL_ROWS;
                        assert_same(b.scale + at, a.scale + at, n, "%s scale", dtype_name(t));
                        if (form.minima)
                            assert_same(b.bias + at, a.bias + at, n, "%s bias", dtype_name(t));
                    }
                }
            }
        }
        weight_free(mc.be, &w);
    }
    free_panel(&a);
    free_panel(&b);
    machine_close(&mc);
}

static void inputs_become_the_same_integers_and_sums(void **state) {
    (void)state;
    struct rng r;
    rng_init(&r, 2, "inputs", 6);
    const int64_t ldx = K + 3;
    float *x = hostile_rows(&r, MOST_R, K, ldx);
    const struct group_kernels plain = kernels_of(CPU_ISA_REF);
    struct group_input a = new_input(), b = new_input();
    for_each_isa(isa) {
        const struct group_kernels fast = kernels_of(isa);
        for (int width = 1; width <= MOST_R; width++) {
            const size_t bytes = (size_t)(K / 2 * width) * sizeof(uint32_t);
            plain.turn(&a, x, ldx, width, K);
            fast.turn(&b, x, ldx, width, K);
            assert_memory_equal(b.pairs, a.pairs, bytes);
            assert_same(b.scale, a.scale, width, "scales");
            assert_same(b.sum16, a.sum16, K / 16 * width, "sums of 16");
            assert_same(b.sum32, a.sum32, K / 32 * width, "sums of 32");
            memset(b.pairs, 0x55, bytes);
            const struct group_input without = {.pairs = b.pairs, .scale = b.scale};
            fast.turn(&without, x, ldx, width, K);
            assert_memory_equal(b.pairs, a.pairs, bytes);
        }
    }
    free_input(&a);
    free_input(&b);
    mem_free(x);
}

/* The formula, value by value, and what a row that has none becomes. */
static void integers_are_the_nearest_of_the_scale(void **state) {
    (void)state;
    struct rng r;
    rng_init(&r, 7, "integers", 8);
    float *x = hostile_rows(&r, MOST_R, K, K);
    struct group_input a = new_input();
    kernels_of(CPU_ISA_REF).turn(&a, x, K, MOST_R, K);
    int kinds[3] = {0};
    for (int t = 0; t < MOST_R; t++) {
        const float *row = x + t * K;
        float largest = 0;
        bool finite = true;
        for (int i = 0; i < K; i++) {
            finite = finite && isfinite(row[i]);
            if (fabsf(row[i]) > largest) largest = fabsf(row[i]);
        }
        const float scale = largest / 32767.0f;
        const bool counts = finite && scale >= FLT_MIN;
        kinds[finite ? counts : 2]++;
        assert_true(same_float(a.scale[t], finite ? counts ? scale : 0.0f : NAN));
        for (int64_t g = 0; g < K / 32; g++) {
            int32_t sum = 0;
            for (int64_t i = 32 * g; i < 32 * g + 32; i++) {
                const int32_t q = integer_at(a.pairs + t, i, MOST_R);
                const float scaled = counts ? row[i] * (1.0f / scale) : 0.0f;
                assert_int_equal(q, (int32_t)lrintf(scaled));
                sum += q;
            }
            assert_true(a.sum32[g * MOST_R + t] == (float)sum);
            assert_true(a.sum16[2 * g * MOST_R + t] + a.sum16[(2 * g + 1) * MOST_R + t] ==
                        (float)sum);
        }
    }
    assert_true(kinds[0] > 0 && kinds[1] > 0 && kinds[2] > 0);
    free_input(&a);
    mem_free(x);
}

static void check_tiles(enum cpu_isa isa, enum dtype t, const struct weight *w, const float *x) {
    const struct group_kernels plain = kernels_of(CPU_ISA_REF), fast = kernels_of(isa);
    const struct quant_form form = quant_form(t);
    const uint8_t *data = w->tensor.data;
    const int64_t part = dtype_block_elems(t); /* one block, then the rest */
    struct group_panel panel = new_panel();
    struct group_input xt = new_input();
    const struct group_panel panel_rest = panel_from(&panel, form, part);
    float want[MOST_R * PANEL_ROWS], begun[MOST_R * PANEL_ROWS], got[MOST_R * PANEL_ROWS];
    plain.pack(&panel, t, data, w->tensor.row_bytes, PANEL_ROWS, 0, K, NULL);
    for (int width = 1; width <= MOST_R; width++) {
        const int n = width * PANEL_ROWS;
        plain.turn(&xt, x, K, width, K);
        const struct group_input x_rest = input_from(&xt, width, part);
        plain.tile(want, &xt, width, &panel, form, K, true, true);
        plain.tile(begun, &xt, width, &panel, form, part, true, false);
        fast.tile(got, &xt, width, &panel, form, K, true, true);
        assert_same(got, want, n, "%s tile of %d", dtype_name(t), width);
        fast.tile(got, &xt, width, &panel, form, part, true, false);
        assert_same(got, begun, n, "%s begun", dtype_name(t));
        fast.tile(got, &x_rest, width, &panel_rest, form, K - part, false, true);
        assert_same(got, want, n, "%s carried on", dtype_name(t));
        const bool can =
            fast.stream(got, &xt, width, t, data, w->tensor.row_bytes, K, width % 2 ? data : NULL);
        const bool power = width <= GROUP_STREAM_TOKENS && (width & (width - 1)) == 0;
        assert_int_equal(can, isa != CPU_ISA_REF && power);
        if (can) assert_same(got, want, n, "%s stream of %d", dtype_name(t), width);
    }
    free_panel(&panel);
    free_input(&xt);
}

static void tiles_and_streams_give_the_plain_bits(void **state) {
    (void)state;
    struct machine mc = machine_open(CPU_ISA_REF, 1, &limits);
    struct rng r;
    rng_init(&r, 3, "tiles", 5);
    for_each_grouped_type(t) {
        for (int hostile = 0; hostile < 2; hostile++) {
            struct weight w = hostile ? hostile_weight(mc.be, &r, t, PANEL_ROWS, K)
                                      : random_weight(mc.be, &r, t, PANEL_ROWS, K, 1);
            float *x = hostile ? hostile_rows(&r, MOST_R, K, K) : random_floats(&r, MOST_R * K, 2);
            for_each_isa(isa) check_tiles(isa, t, &w, x);
            mem_free(x);
            weight_free(mc.be, &w);
        }
    }
    machine_close(&mc);
}

/* A view of the weight from row 3 on as well, and a weight of fewer rows than a panel has; one, two
 * and three threads. */
static void any_number_of_rows_gives_the_plain_bits(void **state) {
    (void)state;
    static const int64_t counts[] = {1, 2, 3, 5, 8, 12, 13, 16, 17, 40, TOKENS};
    struct rng r;
    rng_init(&r, 4, "rows", 4);
    float *y = random_floats(&r, TOKENS * N, 1), *want = random_floats(&r, TOKENS * N, 1);
    for_each_isa(isa) {
        struct machine mc[MACHINES];
        for (int i = 0; i < MACHINES; i++)
            mc[i] = machine_open(isa, i + 1, &limits);
        size_t turn = 0;
        for_each_grouped_type(t) {
            const int64_t k = dtype_block_elems(t) * (1 + (int64_t)(turn % 2));
            const int64_t n = turn % 3 == 2 ? 7 : N, skipped = 3;
            const bool hostile = turn++ % 2;
            struct weight w = hostile ? hostile_weight(mc[0].be, &r, t, n, k)
                                      : random_weight(mc[0].be, &r, t, n, k, 1);
            float *x = hostile ? hostile_rows(&r, TOKENS, k, k) : random_floats(&r, TOKENS * k, 2);
            struct tensor view;
            mc[0].be->ops->weight_rows(mc[0].be, &w.tensor, skipped, n - skipped, &view);
            plain_product(want, x, &w.tensor, isa == CPU_ISA_REF ? 17 : TOKENS);
            for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
                if (isa == CPU_ISA_REF && counts[c] > 17) break; /* slow, and the same loops */
                const struct machine *on = &mc[(c + turn) % MACHINES];
                for (int64_t skip = 0; skip <= skipped; skip += skipped) {
                    const struct tensor *of = skip ? &view : &w.tensor;
                    const struct linear_args a = {.x = x,
                                                  .m = counts[c],
                                                  .k = k,
                                                  .ldx = k,
                                                  .n_weights = 1,
                                                  .w = {of},
                                                  .y = {y},
                                                  .ldy = {of->rows}};
                    on->be->ops->linear(on->s, &a);
                    for (int64_t i = 0; i < counts[c]; i++)
                        assert_same(y + i * of->rows, want + i * n + skip, of->rows,
                                    "%s %s row %lld of %lld from %lld", on->isa, dtype_name(t),
                                    (long long)i, (long long)counts[c], (long long)skip);
                }
            }
            mem_free(x);
            weight_free(mc[0].be, &w);
        }
        for (int i = 0; i < MACHINES; i++)
            machine_close(&mc[i]);
    }
    mem_free(y);
    mem_free(want);
}

/* Gate and up of two types, and a residual after a bias. */
static void what_follows_the_product_sees_the_plain_bits(void **state) {
    (void)state;
    enum { M = 17, ROWS = 45 };
    struct rng r;
    rng_init(&r, 8, "after", 5);
    float *x = random_floats(&r, M * K, 2), *bias = random_floats(&r, ROWS, 1);
    float *residual = random_floats(&r, M * ROWS, 1), *y = random_floats(&r, M * ROWS, 1);
    float *wx[2] = {random_floats(&r, M * ROWS, 1), random_floats(&r, M * ROWS, 1)};
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 2, &limits);
        for_each_grouped_type(t) {
            const enum dtype other = t == DTYPE_Q4_K ? DTYPE_Q6_K : DTYPE_Q4_K;
            struct weight w[2] = {random_weight(mc.be, &r, t, ROWS, K, 0),
                                  random_weight(mc.be, &r, other, ROWS, K, 1)};
            for (int i = 0; i < 2; i++)
                plain_product(wx[i], x, &w[i].tensor, M);
            for (int64_t m = 1; m <= M; m += 4) {
                struct linear_args a = {.x = x,
                                        .m = m,
                                        .k = K,
                                        .ldx = K,
                                        .n_weights = 2,
                                        .w = {&w[0].tensor, &w[1].tensor},
                                        .y = {y, NULL},
                                        .ldy = {ROWS, 0},
                                        .act = ACT_SILU_MUL};
                mc.be->ops->linear(mc.s, &a);
                for (int64_t i = 0; i < m * ROWS; i++) {
                    const float want = silu(wx[0][i]) * wx[1][i];
                    assert_same(&y[i], &want, 1, "%s %s gated", mc.isa, dtype_name(t));
                }
                a.act = ACT_NONE;
                a.n_weights = 1;
                a.bias[0] = bias;
                a.residual = residual;
                mc.be->ops->linear(mc.s, &a);
                for (int64_t i = 0; i < m * ROWS; i++) {
                    const float want = residual[i] + (wx[0][i] + bias[i % ROWS]);
                    assert_same(&y[i], &want, 1, "%s %s residual", mc.isa, dtype_name(t));
                }
            }
            weight_free(mc.be, &w[0]);
            weight_free(mc.be, &w[1]);
        }
        machine_close(&mc);
    }
    float *all[] = {x, bias, residual, y, wx[0], wx[1]};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        mem_free(all[i]);
}

/* Three weights of one product, each of another form, give what each gives alone. */
static void a_product_may_mix_forms(void **state) {
    (void)state;
    static const enum dtype mixes[][3] = {{DTYPE_Q4_K, DTYPE_Q6_K, DTYPE_BF16},
                                          {DTYPE_F32, DTYPE_Q8_0, DTYPE_F16},
                                          {DTYPE_BF16, DTYPE_F32, DTYPE_Q5_1},
                                          {DTYPE_Q2_K, DTYPE_Q8_0, DTYPE_Q4_1}};
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 2, &limits);
        struct rng r;
        rng_init(&r, 5, "mixes", 5);
        float *x = random_floats(&r, 40 * K, 2);
        float *y[3], *alone = random_floats(&r, 40 * N, 1);
        for (int i = 0; i < 3; i++)
            y[i] = random_floats(&r, 40 * N, 1);
        for (size_t mix = 0; mix < sizeof(mixes) / sizeof(mixes[0]); mix++) {
            struct weight w[3];
            for (int i = 0; i < 3; i++)
                w[i] = random_weight(mc.be, &r, mixes[mix][i], N - i, K, 0);
            for (int64_t m = 1; m <= 40; m += 13) {
                struct linear_args a = {.x = x,
                                        .m = m,
                                        .k = K,
                                        .ldx = K,
                                        .n_weights = 3,
                                        .w = {&w[0].tensor, &w[1].tensor, &w[2].tensor},
                                        .y = {y[0], y[1], y[2]},
                                        .ldy = {N, N - 1, N - 2}};
                mc.be->ops->linear(mc.s, &a);
                for (int i = 0; i < 3; i++) {
                    struct linear_args one = a;
                    one.n_weights = 1;
                    one.w[0] = &w[i].tensor;
                    one.y[0] = alone;
                    one.ldy[0] = N - i;
                    mc.be->ops->linear(mc.s, &one);
                    assert_same(y[i], alone, m * (N - i), "%s mix %zu weight %d m %lld", mc.isa,
                                mix, i, (long long)m);
                }
            }
            for (int i = 0; i < 3; i++)
                weight_free(mc.be, &w[i]);
        }
        for (int i = 0; i < 3; i++)
            mem_free(y[i]);
        mem_free(alone);
        mem_free(x);
        machine_close(&mc);
    }
}

/* A rounded activation is off by at most half a scale, give or take the rounding of the inverse,
 * and so a product by that times the sizes of the weights; the f32 sums add far less. A row with
 * one large value is the worst. */
static void the_rounding_of_activations_is_the_only_loss(void **state) {
    (void)state;
    enum { M = 4, ROWS = 33 };
    struct machine mc = machine_open(CPU_ISA_REF, 1, &limits);
    struct rng r;
    rng_init(&r, 6, "loss", 4);
    float y[M * ROWS];
    for_each_grouped_type(t) {
        struct weight w = random_weight(mc.be, &r, t, ROWS, K, 0);
        float *x = random_floats(&r, M * K, 2);
        x[3 * K + 77] = -1000;
        plain_product(y, x, &w.tensor, M);
        for (int i = 0; i < M * ROWS; i++) {
            const float *xi = x + i / ROWS * K, *wi = w.f32 + i % ROWS * K;
            float largest = 0;
            for (int c = 0; c < K; c++)
                if (fabsf(xi[c]) > largest) largest = fabsf(xi[c]);
            const float scale = largest / 32767.0f;
            double exact = 0, rounded = 0, weights = 0, sizes = 0;
            for (int c = 0; c < K; c++) {
                const double near = (double)scale * rint((double)(xi[c] * (1.0f / scale)));
                exact += (double)xi[c] * (double)wi[c];
                rounded += near * (double)wi[c];
                weights += fabs((double)wi[c]);
                /* of both parts, which meet only after the sums: 0.01 * 63 is the largest min */
                sizes += fabs((double)xi[c]) * (fabs((double)wi[c]) + 0.64);
            }
            assert_true(fabs((double)y[i] - rounded) <= 1e-6 * sizes);
            assert_true(fabs((double)y[i] - exact) <=
                        0.51 * (double)scale * weights + 1e-6 * sizes);
        }
        mem_free(x);
        weight_free(mc.be, &w);
    }
    machine_close(&mc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(panels_hold_the_integers_scales_and_biases),
        test_case(inputs_become_the_same_integers_and_sums),
        test_case(integers_are_the_nearest_of_the_scale),
        test_case(tiles_and_streams_give_the_plain_bits),
        test_case(any_number_of_rows_gives_the_plain_bits),
        test_case(what_follows_the_product_sees_the_plain_bits),
        test_case(a_product_may_mix_forms),
        test_case(the_rounding_of_activations_is_the_only_loss),
    };
    return run_group("tensor/groups", tests);
}
