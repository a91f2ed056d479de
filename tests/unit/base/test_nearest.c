/* Tests of base/nearest.c. */
#include "tests/support/test.h"

#include "base/nearest.h"

static const char *const names[] = {
    "owner/Alpha-0.6B",
    "owner/Alpha-1.7B",
    "other/beta-270m-it",
    "max_samples",
    "max_tokens",
    "temperature",
    "top_p",
    "f",
};
enum { N = sizeof(names) / sizeof(names[0]) };

static const char *near(const char *typed) {
    int i = nearest_name(typed, names, N);
    return i < 0 ? "" : names[i];
}

static void finds_typing_mistakes(void **state) {
    (void)state;
    assert_string_equal(near("max_sample"), "max_samples");
    assert_string_equal(near("max-samples"), "max_samples");
    assert_string_equal(near("max_tokns"), "max_tokens");
    assert_string_equal(near("max_tokesn"), "max_tokens");
    assert_string_equal(near("temprature"), "temperature");
    assert_string_equal(near("TEMPERATURE"), "temperature");
    assert_string_equal(near("topp"), "top_p");
}

static void finds_the_part_after_the_owner(void **state) {
    (void)state;
    assert_string_equal(near("alpha-0.6b"), "owner/Alpha-0.6B");
    assert_string_equal(near("alpha-1.7b"), "owner/Alpha-1.7B");
    assert_string_equal(near("alhpa-1.7b"), "owner/Alpha-1.7B");
    assert_string_equal(near("beta"), "other/beta-270m-it");
    assert_string_equal(near("wrong/Alpha-0.6B"), "owner/Alpha-0.6B");
}

static void keeps_silent_when_nothing_is_meant(void **state) {
    (void)state;
    assert_string_equal(near("completely different"), "");
    assert_string_equal(near("zzz"), "");
    assert_string_equal(near(""), "");
    assert_string_equal(near("x"), "");
    char text[5001];
    memset(text, 'a', 5000);
    text[5000] = '\0';
    assert_string_equal(near(text), "");
    assert_int_equal(nearest_name("x", NULL, 0), -1);
    const char *const huge[] = {text};
    assert_int_equal(nearest_name("aaaa", huge, 1), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(finds_typing_mistakes),
        test_case(finds_the_part_after_the_owner),
        test_case(keeps_silent_when_nothing_is_meant),
    };
    return run_group("base/nearest", tests);
}
