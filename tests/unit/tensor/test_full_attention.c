/*
 * test_full_attention.c - attention in which every row sees every row: to the bit what
 * doc/numerics.md says, on every instruction set, and close to the formula in double. Inputs end
 * where their memory does, so that a read beyond them is found.
 */
#include <float.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tensor/cpu/math.h"
#include "tests/support/backends.h"

enum { KEYS_A_BLOCK = 96, MAX_ROWS = 300, MAX_DIM = 130, MAX_HEADS = 3 };

static const struct stream_limits limits = {
    .max_rows = 1,
    .max_k = 1,
    .max_n = 1,
    .max_head_rows = 1,
    .n_heads = MAX_HEADS,
    .n_kv_heads = MAX_HEADS,
    .head_dim = MAX_DIM,
    .max_positions = 1,
    .max_full_rows = MAX_ROWS,
};

/* Three inputs and an output as the columns of wider rows, each in memory of its own size. */
struct input {
    int64_t m, heads, dim, ld;
    float *q, *k, *v, *out; /* owned; rows ld apart, the last one not longer than it must be */
};

static int64_t floats_of(const struct input *in) {
    return (in->m - 1) * in->ld + in->heads * in->dim;
}

static struct input random_input(uint64_t seed, int64_t m, int64_t heads, int64_t dim,
                                 float bound) {
    struct input in = {.m = m, .heads = heads, .dim = dim, .ld = heads * dim + 3};
    struct rng r;
    rng_init(&r, seed, "full", 4);
    in.q = random_floats(&r, floats_of(&in), bound);
    in.k = random_floats(&r, floats_of(&in), bound);
    in.v = random_floats(&r, floats_of(&in), 1);
    in.out = random_floats(&r, floats_of(&in), 1);
    return in;
}

static void free_input(struct input *in) {
    mem_free(in->q);
    mem_free(in->k);
    mem_free(in->v);
    mem_free(in->out);
}

static float scale_of(const struct input *in) {
    return 1.0f / sqrtf((float)in->dim);
}

static void run(const struct machine *m, const struct input *in) {
    const struct full_attention_args a = {.m = in->m,
                                          .n_heads = (int32_t)in->heads,
                                          .head_dim = (int32_t)in->dim,
                                          .scale = scale_of(in),
                                          .q = in->q,
                                          .k = in->k,
                                          .v = in->v,
                                          .out = in->out,
                                          .ldq = in->ld,
                                          .ldk = in->ld,
                                          .ldv = in->ld,
                                          .ldo = in->ld};
    m->be->ops->full_attention(m->s, &a);
}

/* ---- the definition ---- */

/* The chain over n of x[i] w[i], carried on from acc. */
static float chain(float acc, const float *x, const float *w, int64_t n, bool pairs) {
    for (int64_t i = 0; i < n; i++) {
        if (!pairs) {
            acc = fmaf(x[i], w[i], acc);
            continue;
        }
        const uint32_t x1 = i + 1 < n ? round_to_bf16(x[i + 1]) : 0;
        const uint32_t w1 = i + 1 < n ? round_to_bf16(w[i + 1]) : 0;
        acc = dot_pair(acc, round_to_bf16(x[i]) | x1 << 16, round_to_bf16(w[i]) | w1 << 16);
        i++;
    }
    return acc;
}

static void define_row(const struct input *in, int64_t head, int64_t row, bool pairs, float *out) {
    const int64_t column = head * in->dim;
    const float scale = scale_of(in) * EXP_LOG2E;
    float max = -FLT_MAX, sum = 0, s[KEYS_A_BLOCK], v[KEYS_A_BLOCK];
    for (int64_t d = 0; d < in->dim; d++)
        out[d] = 0;
    for (int64_t j0 = 0; j0 < in->m; j0 += KEYS_A_BLOCK) {
        const int64_t n = in->m - j0 < KEYS_A_BLOCK ? in->m - j0 : KEYS_A_BLOCK;
        float top = -INFINITY, part = 0;
        for (int64_t j = 0; j < n; j++) {
            s[j] = chain(0, in->q + row * in->ld + column, in->k + (j0 + j) * in->ld + column,
                         in->dim, pairs);
            top = s[j] > top ? s[j] : top;
        }
        const float now = top * scale > max ? top * scale : max, a = exp2_f32(max - now);
        for (int64_t j = 0; j < n; j++) {
            s[j] = exp2_f32(s[j] * scale - now);
            part += s[j];
        }
        sum = fmaf(sum, a, part);
        max = now;
        for (int64_t d = 0; d < in->dim; d++) {
            for (int64_t j = 0; j < n; j++)
                v[j] = in->v[(j0 + j) * in->ld + column + d];
            out[d] = chain(out[d] * a, s, v, n, pairs);
        }
    }
    for (int64_t d = 0; d < in->dim; d++)
        out[d] *= 1.0f / sum;
}

/* Every row_step-th row and the last. */
static void assert_defined(const struct machine *m, const struct input *in, int64_t row_step,
                           bool pairs) {
    float want[MAX_DIM];
    for (int64_t h = 0; h < in->heads; h++)
        for (int64_t at = 0; at < in->m + row_step - 1; at += row_step) {
            const int64_t i = at < in->m ? at : in->m - 1;
            define_row(in, h, i, pairs, want);
            assert_same(in->out + i * in->ld + h * in->dim, want, in->dim,
                        "%s, m %lld, dim %lld, head %lld, row %lld", m->isa, (long long)in->m,
                        (long long)in->dim, (long long)h, (long long)i);
        }
}

static void check_as(const struct stream_limits *as, uint64_t seed, int64_t m, int64_t heads,
                     int64_t dim, int64_t row_step) {
    for_each_isa(isa) {
        struct machine g = machine_open(isa, 2, as);
        struct input in = random_input(seed, m, heads, dim, 2);
        run(&g, &in);
        assert_defined(&g, &in, row_step, g.id == CPU_ISA_AVX512BF16 && !as->exact_full);
        free_input(&in);
        machine_close(&g);
    }
}

static void check(uint64_t seed, int64_t m, int64_t heads, int64_t dim, int64_t row_step) {
    check_as(&limits, seed, m, heads, dim, row_step);
}

static void one_that_must_not_round_is_that_of_f32_in_every_set(void **state) {
    (void)state;
    struct stream_limits exact = limits;
    exact.exact_full = true;
    for (int64_t dim = 1; dim <= MAX_DIM; dim += 9)
        check_as(&exact, 700 + (uint64_t)dim, 5 + dim % 40, 2, dim, 7);
    check_as(&exact, 800, 300, 3, 72, 29);
}

static void every_head_dim_is_what_the_definition_says(void **state) {
    (void)state;
    for (int64_t dim = 1; dim <= MAX_DIM; dim++)
        check((uint64_t)dim, 5 + dim % 40, 1 + dim % 3, dim, 7);
}

static void every_number_of_rows_is_what_the_definition_says(void **state) {
    (void)state;
    for (int64_t m = 1; m <= 70; m++)
        check((uint64_t)m, m, 2, 8, 1);
    static const int64_t borders[] = {95, 96, 97, 108, 191, 192, 193, 256, 257, 299, 300};
    for (size_t i = 0; i < sizeof(borders) / sizeof(borders[0]); i++)
        check(500 + i, borders[i], 3, 13, 11);
    check(600, 300, 1, 72, 29);
}

/* Numbers that end where a page without rights begins. */
struct guarded {
    char *pages;
    size_t bytes, page;
    float *numbers;
};

static struct guarded guard(const float *numbers, int64_t n) {
    struct guarded g = {.page = (size_t)sysconf(_SC_PAGESIZE)};
    const size_t size = (size_t)n * sizeof(*numbers);
    g.bytes = (size + g.page - 1) / g.page * g.page + g.page;
    g.pages = mmap(NULL, g.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.pages != MAP_FAILED);
    assert_int_equal(mprotect(g.pages + g.bytes - g.page, g.page, PROT_NONE), 0);
    g.numbers = (float *)(void *)(g.pages + g.bytes - g.page - size);
    memcpy(g.numbers, numbers, size);
    return g;
}

static void nothing_beyond_the_last_row_is_touched(void **state) {
    (void)state;
    static const int64_t dims[] = {1, 8, 13, 72, 130};
    for_each_isa(isa) {
        struct machine m = machine_open(isa, 2, &limits);
        for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++) {
            struct input in = random_input(d, 97, 2, dims[d], 1), beside = in;
            float **const list[] = {&beside.q, &beside.k, &beside.v, &beside.out};
            struct guarded g[4];
            for (int i = 0; i < 4; i++) {
                g[i] = guard(*list[i], floats_of(&in));
                *list[i] = g[i].numbers;
            }
            run(&m, &beside);
            run(&m, &in);
            assert_same(beside.out, in.out, floats_of(&in), "%s, dim %lld", m.isa,
                        (long long)dims[d]);
            for (int i = 0; i < 4; i++)
                munmap(g[i].pages, g[i].bytes);
            free_input(&in);
        }
        machine_close(&m);
    }
}

static void is_close_to_the_formula(void **state) {
    (void)state;
    for_each_isa(isa) {
        struct machine g = machine_open(isa, 2, &limits);
        struct input in = random_input(7, 290, 2, 72, 3);
        run(&g, &in);
        double worst = 0;
        for (int64_t h = 0; h < in.heads; h++)
            for (int64_t i = 0; i < in.m; i += 13) {
                double s[MAX_ROWS], sum = 0, top = -1e300, out[MAX_DIM] = {0};
                for (int64_t j = 0; j < in.m; j++) {
                    s[j] = 0;
                    for (int64_t d = 0; d < in.dim; d++)
                        s[j] += (double)in.q[i * in.ld + h * in.dim + d] *
                                (double)in.k[j * in.ld + h * in.dim + d];
                    s[j] *= (double)scale_of(&in);
                    if (s[j] > top) top = s[j];
                }
                for (int64_t j = 0; j < in.m; j++) {
                    const double p = exp(s[j] - top);
                    sum += p;
                    for (int64_t d = 0; d < in.dim; d++)
                        out[d] += p * (double)in.v[j * in.ld + h * in.dim + d];
                }
                for (int64_t d = 0; d < in.dim; d++) {
                    const double got = (double)in.out[i * in.ld + h * in.dim + d];
                    const double error = fabs(got - out[d] / sum);
                    if (error > worst) worst = error;
                }
            }
        /* Values are at most 1. f32: a score has 72 roundings of numbers up to 100, so a weight an
         * error of some 1e-5 at most. bf16: factors have 8 bits, and scores up to 12 a standard
         * error of 2^-9 times the root of 72 times 3 times 3, over the root of 72. */
        const double bound = isa == CPU_ISA_AVX512BF16 ? 3e-2 : 1e-5;
        if (!(worst <= bound)) print_error("%s: %g\n", g.isa, worst);
        assert_true(worst <= bound);
        free_input(&in);
        machine_close(&g);
    }
}

static void threads_and_groups_change_no_bit(void **state) {
    (void)state;
    static const int threads[] = {1, 2, 3, 7, 16};
    for_each_isa(isa) {
        struct input first = random_input(9, 299, 3, 72, 2);
        struct machine one = machine_open(isa, threads[0], &limits);
        run(&one, &first);
        for (size_t i = 1; i < sizeof(threads) / sizeof(threads[0]); i++) {
            struct machine g = machine_open(isa, threads[i], &limits);
            struct input again = random_input(9, 299, 3, 72, 2);
            run(&g, &again);
            assert_memory_equal(again.out, first.out,
                                (size_t)floats_of(&first) * sizeof(*first.out));
            free_input(&again);
            machine_close(&g);
        }
        free_input(&first);
        machine_close(&one);
    }
}

/* Rows are alone with their queries: the same input with others' queries changed. */
static void a_row_does_not_depend_on_the_queries_of_others(void **state) {
    (void)state;
    for_each_isa(isa) {
        struct machine g = machine_open(isa, 2, &limits);
        struct input all = random_input(11, 150, 1, 24, 2), some = random_input(11, 150, 1, 24, 2);
        for (int64_t i = 0; i < some.m; i++)
            for (int64_t d = 0; i != 77 && d < some.dim; d++)
                some.q[i * some.ld + d] *= 3;
        run(&g, &all);
        run(&g, &some);
        assert_memory_equal(some.out + 77 * some.ld, all.out + 77 * all.ld,
                            (size_t)all.dim * sizeof(float));
        free_input(&all);
        free_input(&some);
        machine_close(&g);
    }
}

static void what_is_no_number_stays_where_it_belongs(void **state) {
    (void)state;
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    enum { AT = 101, DIM = 10, COLUMN = 3 };
    for_each_isa(isa) {
        struct machine g = machine_open(isa, 2, &limits);
        for (size_t o = 0; o < 3; o++) {
            struct input in = random_input(13, 120, 2, DIM, 1),
                         clean = random_input(13, 120, 2, DIM, 1);
            run(&g, &clean);
            /* a query: its row of that head */
            const float q = in.q[AT * in.ld + COLUMN];
            in.q[AT * in.ld + COLUMN] = odd[o];
            run(&g, &in);
            for (int64_t i = 0; i < in.m; i++)
                for (int64_t c = 0; c < 2 * DIM; c++) {
                    const float got = in.out[i * in.ld + c];
                    if (i == AT && c < DIM)
                        assert_true(isnan(got));
                    else
                        assert_true(same_float(got, clean.out[i * in.ld + c]));
                }
            /* a value: its column of that head, of all rows */
            in.q[AT * in.ld + COLUMN] = q;
            in.v[AT * in.ld + COLUMN] = odd[o];
            run(&g, &in);
            for (int64_t i = 0; i < in.m; i++)
                for (int64_t c = 0; c < 2 * DIM; c++) {
                    const float got = in.out[i * in.ld + c];
                    if (c == COLUMN)
                        assert_true(same_float(got, odd[o]));
                    else
                        assert_true(same_float(got, clean.out[i * in.ld + c]));
                }
            free_input(&in);
            free_input(&clean);
        }
        /* a key that is no number: all rows of that head */
        struct input in = random_input(13, 120, 2, DIM, 1);
        in.k[AT * in.ld + COLUMN] = NAN;
        run(&g, &in);
        for (int64_t i = 0; i < in.m; i++)
            for (int64_t c = 0; c < 2 * DIM; c++)
                assert_true(isnan(in.out[i * in.ld + c]) == (c < DIM));
        free_input(&in);
        machine_close(&g);
    }
}

/* Scores far apart: weights of nearly all keys are 0, the largest comes last, or all are alike. */
static void large_scores_neither_overflow_nor_vanish(void **state) {
    (void)state;
    for_each_isa(isa) {
        struct machine g = machine_open(isa, 2, &limits);
        struct input in = random_input(15, 250, 1, 16, 1);
        for (int64_t j = 0; j < in.m; j++)
            for (int64_t d = 0; d < in.dim; d++) {
                in.q[j * in.ld + d] = 1;
                in.k[j * in.ld + d] = 16 * (float)j; /* scores 64 apart */
            }
        run(&g, &in);
        float last[16];
        for (int64_t d = 0; d < in.dim; d++) {
            const float v = in.v[(in.m - 1) * in.ld + d];
            last[d] = isa == CPU_ISA_AVX512BF16 ? bf16_to_f32(f32_to_bf16(v)) : v;
        }
        for (int64_t i = 0; i < in.m; i++) /* exp(-64) is below the last bit */
            assert_same(in.out + i * in.ld, last, in.dim, "%s", g.isa);
        for (int64_t i = 0; i < floats_of(&in); i++)
            in.k[i] = -1e30f;
        run(&g, &in);
        assert_defined(&g, &in, 50, isa == CPU_ISA_AVX512BF16);
        for (int64_t d = 0; d < in.dim; d++)
            assert_true(fabsf(in.out[d]) < 0.2f); /* the mean of 250 values */
        free_input(&in);
        machine_close(&g);
    }
}

static void memory_is_counted_and_none_is_taken_without_rows(void **state) {
    (void)state;
    for_each_isa(isa) {
        struct machine g = machine_open(isa, 1, &limits);
        struct stream_limits none = limits;
        none.max_full_rows = 0;
        const size_t with = g.be->ops->stream_bytes(g.be, &limits);
        const size_t without = g.be->ops->stream_bytes(g.be, &none);
        const size_t keys = sizeof(float) * MAX_ROWS * MAX_HEADS * MAX_DIM;
        assert_true(with - without >= (isa == CPU_ISA_AVX512BF16 ? keys : 2 * keys));
        none.max_full_rows = INT64_MAX / 8;
        assert_true(g.be->ops->stream_bytes(g.be, &none) == SIZE_MAX);
        machine_close(&g);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(every_head_dim_is_what_the_definition_says),
        test_case(every_number_of_rows_is_what_the_definition_says),
        test_case(one_that_must_not_round_is_that_of_f32_in_every_set),
        test_case(nothing_beyond_the_last_row_is_touched),
        test_case(is_close_to_the_formula),
        test_case(threads_and_groups_change_no_bit),
        test_case(a_row_does_not_depend_on_the_queries_of_others),
        test_case(what_is_no_number_stays_where_it_belongs),
        test_case(large_scores_neither_overflow_nor_vanish),
        test_case(memory_is_counted_and_none_is_taken_without_rows),
    };
    return run_group("tensor/full_attention", tests);
}
