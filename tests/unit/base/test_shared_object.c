/* test_shared_object.c - where this code itself lies. Loading is tested with plugins. */
#include "base/shared_object.h"

#include "base/file.h"
#include "tests/support/test.h"

static void finds_the_folder_of_the_program(void **state) {
    (void)state;
    struct arena a = {0};
    const char *folder, *program, *want;
    assert_ok(file_real_path(&a, "/proc/self/exe", &program));
    want = file_dir_name(&a, program);
    assert_ok(shared_object_own_folder(&a, &folder));
    assert_string_equal(folder, want);
    assert_true(file_exists(file_join(&a, folder, "test_shared_object")));
    arena_release(&a);
}

static karma_status attempt(void *ctx) {
    struct arena a = {0};
    const char *folder;
    (void)ctx;
    const karma_status st = shared_object_own_folder(&a, &folder);
    arena_release(&a);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(attempt, NULL) >= 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_folder_of_the_program),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests_name("base/shared_object", tests, NULL, NULL);
}
