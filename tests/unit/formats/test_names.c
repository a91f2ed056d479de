/* test_names.c - the table of names and the check of a single one. */
#include "tests/support/test.h"

#include "formats/names.h"

static void finds_what_was_added_and_refuses_it_twice(void **state) {
    (void)state;
    enum { N = 1000 };
    struct name_table t = {0};
    char names[N][8];
    assert_int_equal(name_table_find(&t, "n0", 2), -1);
    assert_ok(name_table_reserve(&t, N));
    for (uint32_t i = 0; i < N; i++) {
        snprintf(names[i], sizeof(names[i]), "n%u", i);
        assert_true(name_table_add(&t, names[i], strlen(names[i]), i));
    }
    for (uint32_t i = 0; i < N; i++) {
        assert_false(name_table_add(&t, names[i], strlen(names[i]), 0));
        assert_int_equal(name_table_find(&t, names[i], strlen(names[i])), i);
    }
    assert_int_equal(name_table_find(&t, "n1000", 5), -1);
    assert_int_equal(name_table_find(&t, "", 0), -1);
    assert_int_equal(name_table_find(&t, "n1\0", 3), -1); /* a NUL is a byte like others */
    name_table_release(&t);
}

static void refuses_to_reserve_without_end(void **state) {
    (void)state;
    struct name_table t = {0};
    assert_status(name_table_reserve(&t, SIZE_MAX), KARMA_E_LIMIT);
    name_table_release(&t);
}

static void checks_one_name(void **state) {
    (void)state;
    assert_ok(name_check("name", "model.embed", 11, 11));
    assert_ok(name_check("name", "\xe0\xa4\x95", 3, 64));
    assert_status(name_check("name", "", 0, 64), KARMA_E_SYNTAX);
    assert_status(name_check("name", "model.embed", 11, 10), KARMA_E_LIMIT);
    assert_status(name_check("name", "a\tb", 3, 64), KARMA_E_SYNTAX);
    assert_status(name_check("name", "a\0b", 3, 64), KARMA_E_SYNTAX);
    assert_status(name_check("name", "a\x7f", 2, 64), KARMA_E_SYNTAX);
    assert_status(name_check("name", "ab\xe0\xa4", 4, 64), KARMA_E_ENCODING);
    assert_message_contains("from byte 2 on");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(finds_what_was_added_and_refuses_it_twice),
        test_case(refuses_to_reserve_without_end),
        test_case(checks_one_name),
    };
    return run_group("formats/names", tests);
}
