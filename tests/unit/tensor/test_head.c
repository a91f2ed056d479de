/*
 * test_head.c - logits of chosen ids have the bits of the whole head: every instruction set, every
 * stored type, eight bits made of it, any number of rows and ids, with a norm and a soft cap.
 */
#include "tests/support/backends.h"

enum { VOCAB = 131, K = 256, M = 9, MOST = 26 };

static const struct stream_limits limits = {.max_rows = 32,
                                            .max_k = K,
                                            .max_n = VOCAB,
                                            .max_head_rows = M,
                                            .n_heads = 1,
                                            .n_kv_heads = 1,
                                            .head_dim = 16,
                                            .max_positions = 32};
/* First and last rows, both sides of a panel's edge, no order. */
static const int32_t ids[MOST] = {33, 0,  130, 31, 32, 64, 63, 96, 95, 127, 128, 129, 1,
                                  2,  66, 65,  3,  4,  5,  6,  7,  8,  9,   10,  11,  12};
static const int32_t rows[M] = {3, 0, 8, 1, 11, 5, 2, 10, 7};

static void check(const struct machine *mc, const struct weight *w, enum dtype t, bool int8,
                  int64_t n, int64_t n_ids) {
    struct rng r;
    rng_init(&r, 11, "head", 4);
    float *x = random_floats(&r, 12 * K, 1), *gain = random_floats(&r, K, 1);
    float whole[M * VOCAB], some[M * MOST], want[M * MOST];
    for (int cap = 0; cap < 2; cap++) {
        struct head_args h = {.x = x,
                              .k = K,
                              .ldx = K,
                              .row_index = rows,
                              .n = n,
                              .norm = gain,
                              .norm_eps = 1e-6f,
                              .w = &w->tensor,
                              .softcap = cap ? 0.7f : 0,
                              .logits = whole,
                              .ld_logits = VOCAB};
        mc->be->ops->head(mc->s, &h);
        h.ids = ids;
        h.n_ids = n_ids;
        h.logits = some;
        h.ld_logits = n_ids;
        mc->be->ops->head(mc->s, &h);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n_ids; j++)
                want[i * n_ids + j] = whole[i * VOCAB + ids[j]];
        assert_same(some, want, n * n_ids, "%s %s int8 %d n %lld ids %lld cap %d", mc->isa,
                    dtype_name(t), int8, (long long)n, (long long)n_ids, cap);
    }
    mem_free(x);
    mem_free(gain);
}

static void chosen_logits_have_the_bits_of_all(void **state) {
    (void)state;
    static const enum dtype types[] = {DTYPE_F32,  DTYPE_F16,  DTYPE_BF16, DTYPE_Q8_0,
                                       DTYPE_Q4_0, DTYPE_Q4_K, DTYPE_Q6_K};
    static const int counts[] = {1, 2, 3, 4, 5, MOST};
    for_each_isa(isa) {
        struct machine mc = machine_open(isa, 2, &limits);
        for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
            struct rng r;
            rng_init(&r, t, "head", 4);
            struct weight w = random_weight(mc.be, &r, types[t], VOCAB, K, 1);
            for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
                check(&mc, &w, types[t], false, 1, counts[c]);
                check(&mc, &w, types[t], false, M, counts[c]);
            }
            weight_free(mc.be, &w);
        }
        machine_close(&mc);
    }
}

static void chosen_logits_of_eight_bits_have_the_bits_of_all(void **state) {
    (void)state;
    for_each_isa(isa) {
        struct machine mc = {.id = isa, .isa = cpu_isa_name(isa)};
        assert_ok(cpu_backend_create(isa, 2, &mc.be));
        mc.be->weights = WEIGHTS_INT8;
        assert_ok(mc.be->ops->stream_create(mc.be, &limits, &mc.s));
        struct rng r;
        rng_init(&r, 5, "head", 4);
        struct weight w = random_weight(mc.be, &r, DTYPE_BF16, VOCAB, K, 0);
        assert_ok(mc.be->ops->weight_to_int8(mc.be, &w.tensor));
        for (int n_ids = 1; n_ids <= 5; n_ids++) {
            check(&mc, &w, DTYPE_BF16, true, 1, n_ids);
            check(&mc, &w, DTYPE_BF16, true, M, n_ids);
        }
        weight_free(mc.be, &w);
        machine_close(&mc);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(chosen_logits_have_the_bits_of_all),
        test_case(chosen_logits_of_eight_bits_have_the_bits_of_all),
    };
    return run_group("tensor/head", tests);
}
