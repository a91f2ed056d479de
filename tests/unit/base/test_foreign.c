/* test_foreign.c - what functions from outside return is checked: statuses, messages, texts. */
#include "base/foreign.h"
#include "tests/support/test.h"

static void passes_statuses_of_ours_and_no_others(void **state) {
    (void)state;
    foreign_begin();
    assert_ok(foreign_end(KARMA_OK));
    static const int foreign[] = {1, 7, -(int)KARMA_STATUS_ORDER_COUNT, -1000, INT32_MIN};
    for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++) {
        foreign_begin();
        assert_status(foreign_end((karma_status)foreign[i]), KARMA_E_PLUGIN);
        assert_message_contains("which is no status");
    }
}

static void never_takes_an_older_message_for_its_own(void **state) {
    (void)state;
    karma_fail(KARMA_E_IO, "an older failure");
    foreign_begin();
    assert_status(foreign_end(KARMA_E_RANGE), KARMA_E_RANGE);
    assert_string_equal(karma_error_message(), "failed with E_RANGE");
    foreign_begin();
    assert_status(foreign_end(karma_fail(KARMA_E_RANGE, "too hot")), KARMA_E_RANGE);
    assert_string_equal(karma_error_message(), "too hot");
}

static void takes_text_in_parts(void **state) {
    (void)state;
    struct karma_text t;
    foreign_text_begin(&t);
    assert_ok(foreign_text_check(&t));
    assert_ok(karma_text_append(&t, "\xE0\xA4", 2)); /* parts may end inside a character */
    assert_status(foreign_text_check(&t), KARMA_E_PLUGIN);
    assert_message_contains("not valid UTF-8 (byte 0)");
    assert_ok(karma_text_append(&t, "\x95", 1));
    assert_ok(karma_text_append(&t, NULL, 0));
    assert_ok(foreign_text_check(&t));
    assert_string_equal(buf_str(&t.bytes), "\xE0\xA4\x95");
    assert_ok(karma_text_append(&t, "a\0b", 3));
    assert_status(foreign_text_check(&t), KARMA_E_PLUGIN);
    assert_message_contains("NUL");
    foreign_text_release(&t);
}

static void remembers_that_a_text_is_not_whole(void **state) {
    (void)state;
    struct karma_text t;
    foreign_text_begin(&t);
    assert_ok(karma_text_append(&t, "abc", 3));
    assert_status(karma_text_append(&t, "abc", (size_t)FOREIGN_MAX_TEXT), KARMA_E_LIMIT);
    assert_status(karma_text_append(&t, "d", 1), KARMA_E_LIMIT);
    assert_status(foreign_text_check(&t), KARMA_E_PLUGIN);
    assert_message_contains("longer than");
    foreign_text_release(&t);
    foreign_text_begin(&t);
    assert_status(karma_text_append(&t, NULL, 3), KARMA_E_USAGE);
    assert_status(foreign_text_check(&t), KARMA_E_PLUGIN);
    foreign_text_release(&t);
    assert_status(karma_text_append(NULL, "a", 1), KARMA_E_USAGE);
}

static void looks_at_strings_and_tables(void **state) {
    (void)state;
    assert_ok(foreign_string("", "key"));
    assert_status(foreign_string(NULL, "key"), KARMA_E_PLUGIN);
    assert_message_contains("key: NULL");
    assert_status(foreign_string("a\xFF", "key"), KARMA_E_PLUGIN);
    assert_message_contains("key: not valid UTF-8 (byte 1)");
    assert_ok(foreign_abi("metric", 1, 40, 1, 40));
    assert_status(foreign_abi("metric", 2, 40, 1, 40), KARMA_E_ABI);
    assert_status(foreign_abi("metric", 1, 36, 1, 40), KARMA_E_ABI);
    assert_message_contains("metric: made for interface 1 with 36 bytes");
}

static karma_status append(void *ctx) {
    (void)ctx;
    struct karma_text t;
    foreign_text_begin(&t);
    for (int i = 0; i < 200; i++)
        karma_text_append(&t, "abcdefgh", 8); /* a function that looks at no status */
    karma_status st = foreign_text_check(&t);
    foreign_text_release(&t);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(append, NULL) >= 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(passes_statuses_of_ours_and_no_others),
        test_case(never_takes_an_older_message_for_its_own),
        test_case(takes_text_in_parts),
        test_case(remembers_that_a_text_is_not_whole),
        test_case(looks_at_strings_and_tables),
        test_case(survives_every_failing_allocation),
    };
    return run_group("base/foreign", tests);
}
