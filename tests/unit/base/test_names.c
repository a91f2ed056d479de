/* test_names.c - a list of names in one block. */
#include "tests/support/test.h"

#include "base/names.h"

static void copies_names_into_one_block(void **state) {
    (void)state;
    char first[] = "one";
    const char *const names[] = {first, "", "three"};
    char **copy;
    size_t before = mem_live_blocks();
    assert_ok(names_copy(names, 3, &copy));
    assert_int_equal(mem_live_blocks(), before + 1);
    first[0] = 'x';
    assert_string_equal(copy[0], "one");
    assert_string_equal(copy[1], "");
    assert_string_equal(copy[2], "three");
    assert_null(copy[3]);
    mem_free(copy);
    assert_ok(names_copy(names, 0, &copy));
    assert_null(copy[0]);
    mem_free(copy);
    mem_fail_at(1);
    assert_status(names_copy(names, 3, &copy), KARMA_E_NOMEM);
    mem_fail_at(0);
    assert_null(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(copies_names_into_one_block),
    };
    return run_group("base/names", tests);
}
