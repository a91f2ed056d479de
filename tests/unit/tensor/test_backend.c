/* test_backend.c - devices by name, memory, weights and streams of the CPU backend. */
#include "tests/support/backends.h"

static const struct stream_limits limits = {.max_rows = 64,
                                            .max_k = 256,
                                            .max_n = 512,
                                            .max_head_rows = 4,
                                            .n_heads = 8,
                                            .n_kv_heads = 2,
                                            .head_dim = 64,
                                            .max_positions = 128};

static void auto_and_cpu_are_the_cpu(void **state) {
    (void)state;
    static const char *const names[] = {"auto", "cpu"};
    for (int i = 0; i < 2; i++) {
        struct backend *be;
        assert_ok(backend_create(names[i], 2, &be));
        assert_string_equal(be->ops->name, "cpu");
        assert_non_null(strstr(be->ops->describe(be), "2 threads"));
        assert_true(be->ops->memory_bytes(be) > 0);
        backend_destroy(be);
    }
    backend_destroy(NULL);
}

static void a_device_that_is_not_there_is_an_error(void **state) {
    (void)state;
    struct backend *be;
    assert_status(backend_create("tpu", 0, &be), KARMA_E_USAGE);
    assert_null(be);
    assert_message_contains("device tpu is not known; there is: auto, cpu");
    assert_status(backend_create("", 0, &be), KARMA_E_USAGE);
    assert_status(backend_create("cpu", -1, &be), KARMA_E_USAGE);
    assert_message_contains("threads: -1");
}

static void cuda_needs_a_build_with_cuda(void **state) {
    (void)state;
    struct backend *be;
    assert_status(backend_create("cuda:1", 0, &be), KARMA_E_USAGE);
    assert_message_contains("device cuda:1: this build has no CUDA");
    assert_status(backend_create("cuda", 0, &be), KARMA_E_USAGE);
    assert_null(be);
}

static void the_instruction_set_is_chosen_by_the_environment(void **state) {
    (void)state;
    struct backend *be;
    setenv("KARMA_ISA", "ref", 1);
    assert_ok(backend_create("cpu", 1, &be));
    assert_string_equal(be->ops->describe(be), "ref, 1 thread");
    backend_destroy(be);
    setenv("KARMA_ISA", "sse9", 1);
    assert_status(backend_create("cpu", 1, &be), KARMA_E_USAGE);
    assert_null(be);
    unsetenv("KARMA_ISA");
}

static void device_memory_is_zeroed_and_aligned(void **state) {
    (void)state;
    struct backend *be;
    assert_ok(backend_create("cpu", 1, &be));
    for (size_t n = 0; n < 300; n += 37) {
        unsigned char *p = be->ops->alloc(be, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        be->ops->upload(be, p, "abc", n < 3 ? n : 3);
        if (n >= 3) assert_memory_equal(p, "abc", 3);
        be->ops->free(be, p);
    }
    be->ops->free(be, NULL);
    assert_null(be->ops->alloc(be, SIZE_MAX - 8));
    assert_null(be->ops->alloc(be, SIZE_MAX / 2));
    backend_destroy(be);
}

static void a_weight_is_a_view_of_a_type_that_can_be_computed(void **state) {
    (void)state;
    static const uint8_t data[64];
    struct backend *be;
    struct tensor w;
    assert_ok(backend_create("cpu", 1, &be));
    assert_ok(be->ops->weight_load(be, DTYPE_Q8_0, 1, 32, data, &w));
    assert_ptr_equal(w.data, data);
    assert_int_equal(w.row_bytes, 34);
    assert_int_equal(w.owned_bytes, 0);
    be->ops->weight_release(be, &w);
    assert_status(be->ops->weight_load(be, DTYPE_I8, 1, 32, data, &w), KARMA_E_DTYPE);
    assert_message_contains("I8");
    assert_status(be->ops->weight_load(be, DTYPE_Q8_0, 1, 33, data, &w), KARMA_E_SHAPE);
    assert_message_contains("[1, 33]");
    assert_status(be->ops->weight_load(be, DTYPE_F32, 0, 8, data, &w), KARMA_E_SHAPE);
    assert_status(be->ops->weight_load(be, DTYPE_F32, INT64_MAX / 2, 8, data, &w), KARMA_E_SHAPE);
    backend_destroy(be);
}

static void streams_say_what_they_take(void **state) {
    (void)state;
    struct backend *be;
    struct stream *s;
    assert_ok(backend_create("cpu", 2, &be));
    const size_t bytes = be->ops->stream_bytes(be, &limits), before = mem_live_bytes();
    assert_ok(be->ops->stream_create(be, &limits, &s));
    const size_t taken = mem_live_bytes() - before;
    assert_true(taken >= bytes && taken <= bytes + 4096);
    be->ops->stream_destroy(s);
    be->ops->stream_destroy(NULL);
    struct stream_limits huge = limits;
    huge.max_rows = INT64_MAX / 8;
    assert_status(be->ops->stream_create(be, &huge, &s), KARMA_E_OVERFLOW);
    assert_null(s);
    backend_destroy(be);
}

static void steps_allocate_nothing(void **state) {
    (void)state;
    enum { M = 40, N = 96, K = 64 };
    struct machine mc = machine_open(CPU_ISA_REF, 2, &limits);
    struct rng r;
    rng_init(&r, 3, "steps", 5);
    struct weight w = random_weight(mc.be, &r, DTYPE_Q4_0, N, K, 0);
    struct weight square = random_weight(mc.be, &r, DTYPE_BF16, K, K, 0);
    float *x = random_floats(&r, M * K, 1), *y = random_floats(&r, M * N, 1);
    float *gain = random_floats(&r, N, 1);
    const int32_t rows[2] = {1, 3};
    const uint64_t calls = mem_call_count();
    for (int64_t m = 1; m <= M; m += 13) {
        struct linear_args a = {.x = x,
                                .m = m,
                                .k = K,
                                .ldx = K,
                                .norm = gain,
                                .n_weights = 1,
                                .w = {&square.tensor},
                                .y = {y},
                                .ldy = {N},
                                .post_norm = gain,
                                .residual = y};
        mc.be->ops->linear(mc.s, &a);
    }
    const struct head_args h = {.x = x,
                                .k = K,
                                .ldx = K,
                                .row_index = rows,
                                .n = 2,
                                .norm = gain,
                                .w = &w.tensor,
                                .logits = y,
                                .ld_logits = N};
    mc.be->ops->head(mc.s, &h);
    assert_int_equal(mem_call_count(), calls);
    mem_free(x);
    mem_free(y);
    mem_free(gain);
    weight_free(mc.be, &w);
    weight_free(mc.be, &square);
    machine_close(&mc);
}

static karma_status make_all(void *ctx) {
    (void)ctx;
    struct backend *be = NULL;
    struct stream *s = NULL;
    karma_status st = backend_create("cpu", 2, &be);
    if (st == KARMA_OK) st = be->ops->stream_create(be, &limits, &s);
    void *p = NULL;
    if (st == KARMA_OK) {
        p = be->ops->alloc(be, 100);
        if (!p) st = KARMA_E_NOMEM;
        be->ops->free(be, p);
        be->ops->stream_destroy(s);
    }
    backend_destroy(be);
    return st;
}

static void failing_allocations_leave_nothing_behind(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(make_all, NULL) >= 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(auto_and_cpu_are_the_cpu),
        test_case(a_device_that_is_not_there_is_an_error),
        test_case(cuda_needs_a_build_with_cuda),
        test_case(the_instruction_set_is_chosen_by_the_environment),
        test_case(device_memory_is_zeroed_and_aligned),
        test_case(a_weight_is_a_view_of_a_type_that_can_be_computed),
        test_case(streams_say_what_they_take),
        test_case(steps_allocate_nothing),
        test_case(failing_allocations_leave_nothing_behind),
    };
    return run_group("tensor/backend", tests);
}
