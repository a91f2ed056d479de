/* test_machine.c - karma/machine.h: the rates are those of a machine, and go with the threads. */
#include "tests/support/test.h"

#include "base/cpu.h"
#include "base/pool.h"
#include "karma/karma.h"
#include "tensor/cpu/roof.h"

static void measures_what_the_processor_has(void **state) {
    (void)state;
    karma_machine_rates r = {.struct_size = sizeof(r)};
    unsetenv("KARMA_ISA");
    assert_ok(karma_measure_machine(0, &r)); /* as many threads as may be used */
    assert_int_equal(r.threads, cpu_count());
    /* Between a tenth of a GB/s, as under a sanitizer beside others, and what no core reads. */
    assert_true(r.stream_bytes > 1e8 && r.stream_bytes < 1e12);
    assert_int_equal(r.f32_operations > 0, cpu_isa_present(CPU_ISA_AVX2));
    assert_int_equal(r.bf16_operations > 0, cpu_isa_present(CPU_ISA_AVX512BF16));
    assert_int_equal(r.int16_operations > 0, cpu_isa_present(CPU_ISA_AVX2));
    assert_int_equal(r.int8_operations > 0, cpu_has_vnni());
    assert_true(r.f32_operations < 1e13 && r.bf16_operations < 1e14);
    assert_true(r.int16_operations < 1e14 && r.int8_operations < 1e14);
}

static void the_plain_set_has_no_peak(void **state) {
    (void)state;
    karma_machine_rates r = {.struct_size = sizeof(r)};
    setenv("KARMA_ISA", "ref", 1);
    assert_ok(karma_measure_machine(1, &r));
    assert_true(r.f32_operations == 0 && r.int16_operations == 0 && r.stream_bytes > 0);
    setenv("KARMA_ISA", "none", 1);
    assert_status(karma_measure_machine(1, &r), KARMA_E_USAGE);
    unsetenv("KARMA_ISA");
}

static void refuses_what_cannot_be(void **state) {
    (void)state;
    karma_machine_rates r = {.struct_size = sizeof(r)};
    assert_status(karma_measure_machine(-1, &r), KARMA_E_RANGE);
    assert_message_contains("-1 threads");
    assert_status(karma_measure_machine(1 << 20, &r), KARMA_E_RANGE);
    r.struct_size = 1;
    assert_status(karma_measure_machine(1, &r), KARMA_E_ABI);
}

static karma_status attempt(void *ctx) {
    (void)ctx;
    karma_machine_rates r = {.struct_size = sizeof(r)};
    return karma_measure_machine(1, &r);
}

static void survives_failing_allocations(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(attempt, NULL) >= 2);
}

/* A chain more or less to an instruction, a lane counted twice: the ratios are the hardware's. */
static void wider_products_are_no_slower(void **state) {
    (void)state;
    struct pool *pool;
    if (!cpu_isa_present(CPU_ISA_AVX512BF16)) skip_because("no products of bf16 pairs here");
    assert_ok(pool_create(1, &pool));
    bool found = false;
    for (int i = 0; i < 20 && !found; i++) { /* beside others a single one says little */
        const double ratio = roof_pairs(pool, CPU_ISA_AVX512BF16) / roof_fma(pool, CPU_ISA_AVX512);
        found = ratio > 0.9 && ratio < 4.4;
    }
    assert_true(found);
    pool_destroy(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(measures_what_the_processor_has), test_case(the_plain_set_has_no_peak),
        test_case(refuses_what_cannot_be),          test_case(survives_failing_allocations),
        test_case(wider_products_are_no_slower),
    };
    return run_group("api/machine", tests);
}
