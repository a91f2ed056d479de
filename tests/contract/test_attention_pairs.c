/*
 * test_attention_pairs.c - the kernels of attention over a cache in bf16, each against the plain
 * form of kernels_ref_attention.c to the bit: any number of queries and dimensions, numbers that
 * are subnormal, huge and infinite, and NaN wherever nothing may be read.
 */
#include "tensor/cpu/math.h"
#include "tests/support/backends.h"

enum { PAIRS = KV_BLOCK_TOKENS / 2, MAX_DIM = 257, ROUNDS = 60 };

static const int dims[] = {1, 2, 15, 16, 20, 33, 64, 72, 80, 96, 128, 160, 256, 257};
enum { N_DIMS = sizeof(dims) / sizeof(dims[0]) };

static bool open_sets(struct attention_kernels *plain, struct attention_kernels *fast) {
    if (!cpu_isa_present(CPU_ISA_AVX512BF16)) return false;
    struct kernel_set ks;
    kernels_init(&ks, CPU_ISA_AVX512BF16);
    *fast = ks.attention;
    kernels_ref_attention_pairs(plain);
    return true;
}

/* Mostly of one size, now and then one that a step may stumble over. */
static float some_float(struct rng *r) {
    const uint64_t kind = rng_next(r) >> 58;
    if (kind == 0) return random_float(r, 1) * 0x1p-126f;
    if (kind == 1) return random_float(r, 1) * 0x1p-60f;
    if (kind == 2) return random_float(r, 1) * 0x1p60f;
    if (kind == 3) return 0.0f * random_float(r, 1);
    return random_float(r, 2);
}

static void fill(struct rng *r, float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        x[i] = some_float(r);
}
static void fill_words(struct rng *r, uint32_t *w, int64_t n) {
    for (int64_t i = 0; i < n;
         i++) /* subnormals stay, as a cache cannot hold but a kernel may meet */
        w[i] = f32_to_bf16(some_float(r)) | (uint32_t)f32_to_bf16(some_float(r)) << 16;
}

static int pick(struct rng *r, int n) {
    return (int)((rng_next(r) >> 33) % (uint64_t)n);
}

static void rows_are_turned_into_pairs(void **state) {
    (void)state;
    struct attention_kernels plain, fast;
    if (!open_sets(&plain, &fast)) return;
    static float x[16][MAX_DIM];
    static uint32_t want[(MAX_DIM + 1) / 2 * 32], got[(MAX_DIM + 1) / 2 * 32];
    struct rng r;
    rng_init(&r, 1, "turn", 4);
    for (int n = 1; n <= 16; n++) {
        for (int i = 0; i < N_DIMS; i++) {
            const float *rows[16];
            const int stride = n % 2 ? 16 : 32;
            for (int t = 0; t < n; t++) {
                rows[t] = x[(t * 7 + 3) % 16];
                fill(&r, x[(t * 7 + 3) % 16], MAX_DIM);
            }
            memset(want, 0xff, sizeof(want));
            memset(got, 0xff, sizeof(got));
            plain.turn(want, stride, rows, n, dims[i]);
            fast.turn(got, stride, rows, n, dims[i]);
            assert_memory_equal(got, want, sizeof(want)); /* nor is anything else written */
        }
    }
}

static void halves_are_put_beside_each_other(void **state) {
    (void)state;
    struct attention_kernels plain, fast;
    if (!open_sets(&plain, &fast)) return;
    static float x[MAX_DIM];
    static uint32_t want[MAX_DIM + 16], got[MAX_DIM + 16];
    struct rng r;
    rng_init(&r, 2, "half", 4);
    for (int i = 0; i < N_DIMS; i++) {
        for (int order = 0; order < 2; order++) {
            memset(want, 0xff, sizeof(want));
            memset(got, 0xff, sizeof(got));
            for (int step = 0; step < 2; step++) {
                fill(&r, x, MAX_DIM);
                plain.put_half(want, x, (step + order) % 2 == 1, dims[i]);
                fast.put_half(got, x, (step + order) % 2 == 1, dims[i]);
                assert_memory_equal(got, want, sizeof(want));
            }
        }
    }
}

static void scores_are_chains_over_pairs(void **state) {
    (void)state;
    struct attention_kernels plain, fast;
    if (!open_sets(&plain, &fast)) return;
    static uint32_t tile[(MAX_DIM + 1) / 2 * ATTENTION_STRIDE];
    static uint32_t keys[(MAX_DIM + 1) / 2 * KV_BLOCK_TOKENS];
    static float want[TILE_TOKENS * KV_BLOCK_TOKENS], got[TILE_TOKENS * KV_BLOCK_TOKENS];
    struct rng r;
    rng_init(&r, 3, "scores", 6);
    for (int i = 0; i < N_DIMS; i++) {
        for (int n = 1; n <= TILE_TOKENS; n++) {
            const int t0 = pick(&r, TILE_TOKENS - n + 1);
            fill_words(&r, tile, sizeof(tile) / sizeof(tile[0]));
            fill_words(&r, keys, sizeof(keys) / sizeof(keys[0]));
            plain.scores(want, tile + t0, n, keys, dims[i]);
            fast.scores(got, tile + t0, n, keys, dims[i]);
            assert_same(got, want, n * KV_BLOCK_TOKENS, "%d queries of %d", n, dims[i]);
        }
    }
}

/* What queries see of a block; `alike` all of it, or the same part. */
static void see(struct rng *r, int n, int kind, int *j0, int *j1) {
    for (int t = 0; t < n; t++) {
        if (kind == 0) {
            j0[t] = 0;
            j1[t] = KV_BLOCK_TOKENS;
        } else if (kind == 1) { /* a prompt, one or two heads */
            j0[t] = 0;
            j1[t] = t == 0 ? 1 + pick(r, 20) : j1[t - 1] + t % 2;
        } else { /* a window, or anything */
            j0[t] = pick(r, KV_BLOCK_TOKENS);
            j1[t] = j0[t] + 1 + pick(r, KV_BLOCK_TOKENS - j0[t]);
        }
    }
}

static void weights_are_rounded_and_summed(void **state) {
    (void)state;
    struct attention_kernels plain, fast;
    if (!open_sets(&plain, &fast)) return;
    float s[TILE_TOKENS * KV_BLOCK_TOKENS];
    uint32_t want[TILE_TOKENS * PAIRS], got[TILE_TOKENS * PAIRS];
    float max[2][TILE_TOKENS], sum[2][TILE_TOKENS];
    struct rng r;
    rng_init(&r, 4, "weigh", 5);
    for (int round = 0; round < ROUNDS; round++) {
        for (int n = 1; n <= TILE_TOKENS; n++) {
            int j0[TILE_TOKENS], j1[TILE_TOKENS];
            see(&r, n, round % 3, j0, j1);
            for (int t = 0; t < n; t++)
                for (int j = 0; j < KV_BLOCK_TOKENS; j++)
                    s[t * KV_BLOCK_TOKENS + j] =
                        j >= j0[t] && j < j1[t] ? random_float(&r, 60) : NAN;
            const float scale = round % 5 == 4 ? 3.0f : 0.125f;
            plain.weigh(want, s, n, j0, j1, scale, max[0], sum[0]);
            fast.weigh(got, s, n, j0, j1, scale, max[1], sum[1]);
            assert_memory_equal(got, want, (size_t)n * PAIRS * sizeof(want[0]));
            assert_same(max[1], max[0], n, "max of %d", n);
            assert_same(sum[1], sum[0], n, "sum of %d", n);
        }
    }
}

static void a_score_that_is_no_number_spoils_its_query_alone(void **state) {
    (void)state;
    struct attention_kernels plain, fast;
    if (!open_sets(&plain, &fast)) return;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        float s[TILE_TOKENS * KV_BLOCK_TOKENS] = {0}, max[2][TILE_TOKENS], sum[2][TILE_TOKENS];
        uint32_t p[TILE_TOKENS * PAIRS];
        int j0[TILE_TOKENS] = {0}, j1[TILE_TOKENS];
        for (int t = 0; t < TILE_TOKENS; t++)
            j1[t] = KV_BLOCK_TOKENS;
        s[5 * KV_BLOCK_TOKENS + 17] = bad[i];
        plain.weigh(p, s, TILE_TOKENS, j0, j1, 1.0f, max[0], sum[0]);
        fast.weigh(p, s, TILE_TOKENS, j0, j1, 1.0f, max[1], sum[1]);
        assert_same(sum[1], sum[0], TILE_TOKENS, "sum beside %g", (double)bad[i]);
        assert_true(sum[1][4] == KV_BLOCK_TOKENS && sum[1][6] == KV_BLOCK_TOKENS);
    }
}

static void values_are_chains_over_pairs_of_keys(void **state) {
    (void)state;
    struct attention_kernels plain, fast;
    if (!open_sets(&plain, &fast)) return;
    static float want[TILE_TOKENS * MAX_DIM], got[TILE_TOKENS * MAX_DIM];
    static uint32_t v[PAIRS * MAX_DIM];
    struct rng r;
    rng_init(&r, 5, "values", 6);
    for (int i = 0; i < N_DIMS; i++) {
        const int dim = dims[i];
        for (int n = 1; n <= TILE_TOKENS; n++) {
            for (int kind = 0; kind < 3; kind++) {
                uint32_t p[TILE_TOKENS * PAIRS] = {0};
                float a[TILE_TOKENS], b[TILE_TOKENS];
                int j0[TILE_TOKENS], j1[TILE_TOKENS], from = KV_BLOCK_TOKENS, to = 0;
                see(&r, n, kind, j0, j1);
                for (int t = 0; t < n; t++) {
                    for (int j = j0[t]; j < j1[t]; j++)
                        p[t * PAIRS + j / 2] |= round_to_bf16(fminf(fabsf(some_float(&r)), 1))
                                                << 16 * (j % 2);
                    a[t] = random_float(&r, 1);
                    b[t] = random_float(&r, 1);
                    from = j0[t] < from ? j0[t] : from;
                    to = j1[t] > to ? j1[t] : to;
                }
                fill_words(&r, v, PAIRS * dim);
                for (int j = 0; j < KV_BLOCK_TOKENS; j++) /* what nobody sees was never written */
                    for (int d = 0; d < dim && (j < from || j >= to); d++)
                        v[j / 2 * dim + d] |= j % 2 ? 0x7fff0000u : 0x7fffu;
                fill(&r, want, n * dim);
                memcpy(got, want, sizeof(got));
                plain.values(want, p, n, v, dim, j0, j1, a, b);
                fast.values(got, p, n, v, dim, j0, j1, a, b);
                assert_same(got, want, n * dim, "%d queries of %d, kind %d", n, dim, kind);
                for (int d = 0; d < n * dim; d++)
                    assert_true(want[d] == want[d]);
            }
        }
    }
}

static void a_value_that_is_no_number_concerns_who_sees_it(void **state) {
    (void)state;
    struct attention_kernels plain, fast;
    if (!open_sets(&plain, &fast)) return;
    enum { DIM = 48 };
    static uint32_t v[PAIRS * DIM];
    float want[TILE_TOKENS * DIM] = {0}, got[TILE_TOKENS * DIM] = {0}, one[TILE_TOKENS];
    uint32_t p[TILE_TOKENS * PAIRS] = {0};
    int j0[TILE_TOKENS] = {0}, j1[TILE_TOKENS];
    for (int t = 0; t < TILE_TOKENS; t++) {
        j1[t] = t + 1;
        one[t] = 1;
        for (int j = 0; j < j1[t]; j++)
            p[t * PAIRS + j / 2] |= 0x3f80u << 16 * (j % 2);
    }
    for (int d = 0; d < DIM; d++)
        v[3 * DIM + d] = 0x7fc03f80u; /* key 7; key 6 beside it is 1 */
    plain.values(want, p, TILE_TOKENS, v, DIM, j0, j1, one, one);
    fast.values(got, p, TILE_TOKENS, v, DIM, j0, j1, one, one);
    assert_same(got, want, TILE_TOKENS * DIM, "values");
    assert_true(got[6 * DIM] == 1 && isnan(got[7 * DIM]) && got[5 * DIM] == 0);
}

static void what_is_settled_is_divided_by_the_sum(void **state) {
    (void)state;
    struct attention_kernels plain, fast;
    if (!open_sets(&plain, &fast)) return;
    float o[MAX_DIM], want[MAX_DIM], got[MAX_DIM];
    struct rng r;
    rng_init(&r, 6, "settle", 6);
    for (int i = 0; i < N_DIMS; i++) {
        fill(&r, o, dims[i]);
        plain.settle(want, o, 1.7f + (float)i, dims[i]);
        fast.settle(got, o, 1.7f + (float)i, dims[i]);
        assert_same(got, want, dims[i], "%d", dims[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(rows_are_turned_into_pairs),
        test_case(halves_are_put_beside_each_other),
        test_case(scores_are_chains_over_pairs),
        test_case(weights_are_rounded_and_summed),
        test_case(a_score_that_is_no_number_spoils_its_query_alone),
        test_case(values_are_chains_over_pairs_of_keys),
        test_case(a_value_that_is_no_number_concerns_who_sees_it),
        test_case(what_is_settled_is_divided_by_the_sum),
    };
    return run_group("tensor/cpu/attention in pairs", tests);
}
