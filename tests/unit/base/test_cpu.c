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
#if !defined(__x86_64__)
    found = false; /* an emulator shows the flags of the machine below it */
#endif
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

/* A system's files below a folder of that name: our groups, and what some of them state. */
static const char *system_with(const char *name, const char *groups) {
    char path[256];
    snprintf(path, sizeof(path), "%s/proc/self/cgroup", name);
    write_text(path, groups);
    return test_path(name);
}

static void group_states(const char *name, const char *file, const char *text) {
    char path[256];
    snprintf(path, sizeof(path), "%s/sys/fs/cgroup/%s", name, file);
    write_text(path, text);
}

static void a_quota_of_version_2_counts_on_every_level(void **state) {
    (void)state;
    const char *root = system_with("two", "0::/outer/inner\n");
    assert_int_equal(cpu_count_of(16, root), 16);
    group_states("two", "outer/inner/cpu.max", "max 100000\n");
    assert_int_equal(cpu_count_of(16, root), 16);
    group_states("two", "outer/cpu.max", "350000 100000\n");
    assert_int_equal(cpu_count_of(16, root), 4); /* 3.5 keep four threads busy */
    group_states("two", "outer/inner/cpu.max", "200000 100000\n");
    assert_int_equal(cpu_count_of(16, root), 2);
    assert_int_equal(cpu_count_of(1, root), 1);
    group_states("two", "outer/inner/cpu.max", "50000 100000\n");
    assert_int_equal(cpu_count_of(16, root), 1);
    group_states("two", "outer/inner/cpu.max", "0 0\n"); /* nonsense is no quota */
    assert_int_equal(cpu_count_of(16, root), 4);
    group_states("two", "outer/memory.max", "1000000\n");
    group_states("two", "outer/inner/memory.max", "max\n");
    assert_int_equal(cpu_memory_of(1 << 30, root), 1000000);
    assert_int_equal(cpu_memory_of(5000, root), 5000);
}

static void inside_a_container_the_root_answers(void **state) {
    (void)state;
    const char *root = system_with("inside", "0::/../a/path/of/the/host\n");
    group_states("inside", "cpu.max", "150000 100000\n");
    group_states("inside", "memory.max", "7777777\n");
    assert_int_equal(cpu_count_of(8, root), 2);
    assert_int_equal(cpu_memory_of(1 << 30, root), 7777777);
}

static void a_quota_of_version_1_counts_too(void **state) {
    (void)state;
    const char *root = system_with("one", "5:cpuset:/\n4:cpu,cpuacct:/job\n3:memory:/job\n");
    group_states("one", "cpu,cpuacct/job/cpu.cfs_period_us", "50000\n");
    group_states("one", "cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(cpu_count_of(16, root), 16);
    group_states("one", "cpu,cpuacct/job/cpu.cfs_quota_us", "125000\n");
    assert_int_equal(cpu_count_of(16, root), 3);
    group_states("one", "cpu/job/cpu.cfs_period_us", "50000\n");
    group_states("one", "cpu/job/cpu.cfs_quota_us", "100000\n");
    assert_int_equal(cpu_count_of(16, root), 2);
    group_states("one", "memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(cpu_memory_of(1 << 30, root), 1 << 30);
    group_states("one", "memory/job/memory.limit_in_bytes", "123456\n");
    assert_int_equal(cpu_memory_of(1 << 30, root), 123456);
}

static void both_versions_at_once_are_both_asked(void **state) {
    (void)state;
    const char *root = system_with("both", "9:name=systemd:/\n1:cpu:/\n0::/s\n");
    group_states("both", "cpu/cpu.cfs_quota_us", "400000\n");
    group_states("both", "cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cpu_count_of(16, root), 4);
    group_states("both", "unified/s/cpu.max", "100000 100000\n");
    assert_int_equal(cpu_count_of(16, root), 1);
}

static void files_that_say_nothing_limit_nothing(void **state) {
    (void)state;
    static const char *const groups[] = {"", "\n\n", "0:\n", "no colons", "0::", "0::/\n"};
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        const char *root = system_with("nothing", groups[i]);
        assert_int_equal(cpu_count_of(7, root), 7);
        assert_int_equal(cpu_memory_of(12345, root), 12345);
    }
    assert_int_equal(cpu_count_of(7, test_path("is-not-there")), 7);
    assert_int_equal(cpu_count_of(0, test_path("is-not-there")), 1);
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
        test_case(a_quota_of_version_2_counts_on_every_level),
        test_case(inside_a_container_the_root_answers),
        test_case(a_quota_of_version_1_counts_too),
        test_case(both_versions_at_once_are_both_asked),
        test_case(files_that_say_nothing_limit_nothing),
        test_case(knows_the_machine),
    };
    return run_group("base/cpu", tests);
}
