/* Tests of base/cpu.c. */
#include "tests/support/test.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cpu.h"

static void names_a_set_that_is_there(void **state) {
    (void)state;
    enum cpu_isa isa;
    unsetenv("KARMA_ISA");
    assert_ok(cpu_isa_choose(&isa));
    assert_true(cpu_isa_present(isa));
    for (int i = (int)isa + 1; i < CPU_ISA_COUNT; i++)
        assert_false(cpu_isa_present((enum cpu_isa)i));
    assert_string_equal(cpu_isa_name(CPU_ISA_REF), "ref");
    assert_string_equal(cpu_isa_name(CPU_ISA_AVX2), "avx2");
    assert_string_equal(cpu_isa_name(CPU_ISA_AVX512), "avx512");
    assert_string_equal(cpu_isa_name(CPU_ISA_AVX512BF16), "avx512bf16");
    assert_string_equal(cpu_isa_name(CPU_ISA_COUNT), "unknown");
}

static void agrees_with_the_system_about_the_sets(void **state) {
    (void)state;
    FILE *f = fopen("/proc/cpuinfo", "r");
    static char line[8192];
    bool avx2 = false, avx512 = false, bf16 = false, found = false;
    while (f && fgets(line, sizeof(line), f)) {
        if (strncmp(line, "flags", 5) != 0) continue;
        found = true;
        avx2 = strstr(line, " avx2 ") && strstr(line, " fma ") && strstr(line, " f16c ");
        avx512 = avx2 && strstr(line, " avx512f ") && strstr(line, " avx512bw ") &&
                 strstr(line, " avx512vl ") && strstr(line, " avx512dq ");
        bf16 = avx512 && strstr(line, " avx512_bf16 ");
        break;
    }
    if (f) fclose(f);
    if (!found) skip_because("the system lists no processor flags");
    assert_int_equal(cpu_isa_present(CPU_ISA_AVX2), avx2);
    assert_int_equal(cpu_isa_present(CPU_ISA_AVX512), avx512);
    assert_int_equal(cpu_isa_present(CPU_ISA_AVX512BF16), bf16);
}

static void the_environment_forces_a_set(void **state) {
    (void)state;
    enum cpu_isa isa;
    setenv("KARMA_ISA", "ref", 1);
    assert_ok(cpu_isa_choose(&isa));
    assert_int_equal(isa, CPU_ISA_REF);
    for (int i = CPU_ISA_AVX2; i < CPU_ISA_COUNT; i++) {
        const char *name = cpu_isa_name((enum cpu_isa)i);
        setenv("KARMA_ISA", name, 1);
        if (cpu_isa_present((enum cpu_isa)i)) {
            assert_ok(cpu_isa_choose(&isa));
            assert_int_equal(isa, i);
        } else {
            assert_status(cpu_isa_choose(&isa), KARMA_E_USAGE);
            assert_message_contains("this processor has no ");
            assert_message_contains(name);
        }
    }
    setenv("KARMA_ISA", "AVX9\n", 1);
    assert_status(cpu_isa_choose(&isa), KARMA_E_USAGE);
    assert_message_contains("KARMA_ISA: AVX9\\x0a is not one of ref, avx2, avx512, avx512bf16");
    unsetenv("KARMA_ISA");
}

static void counts_only_processors_we_may_use(void **state) {
    (void)state;
    assert_in_range(cpu_count(), 1, sysconf(_SC_NPROCESSORS_CONF));
    pid_t child = fork(); /* so that the mask ends with it */
    if (child == 0) {
        cpu_set_t one;
        CPU_ZERO(&one);
        sched_getaffinity(0, sizeof(one), &one);
        int first = 0;
        while (!CPU_ISSET((size_t)first, &one))
            first++;
        CPU_ZERO(&one);
        CPU_SET((size_t)first, &one);
        sched_setaffinity(0, sizeof(one), &one);
        _exit(cpu_count() == 1 ? 0 : 1);
    }
    int status = 1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

static void knows_the_machine(void **state) {
    (void)state;
    assert_true(strlen(cpu_model_name()) > 0);
    assert_null(strchr(cpu_model_name(), '\n'));
    assert_true(cpu_memory_bytes() > (64u << 20));
    size_t before = cpu_resident_bytes();
    assert_true(before > 100000);
    enum { SIZE = 64 << 20 };
    volatile char *p = malloc(SIZE);
    assert_non_null(p);
    for (size_t i = 0; i < SIZE; i += 1024)
        p[i] = 1;
    size_t grown = cpu_resident_bytes();
    free((void *)(uintptr_t)p);
    assert_true(grown >= before + SIZE / 2);
    assert_true(cpu_resident_bytes() >= grown - (1 << 20)); /* a peak */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(names_a_set_that_is_there),
        test_case(agrees_with_the_system_about_the_sets),
        test_case(the_environment_forces_a_set),
        test_case(counts_only_processors_we_may_use),
        test_case(knows_the_machine),
    };
    return run_group("base/cpu", tests);
}
