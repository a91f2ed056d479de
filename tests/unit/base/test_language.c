/* test_language.c - codes by code, name and tag. */
#include "tests/support/test.h"

#include "base/language.h"

static void knows_names_codes_and_tags(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"hi", "hi"},        {"HI", "hi"},       {"hin", "hi"},      {"Hindi", "hi"},
        {"hi-IN", "hi"},     {"hin_Deva", "hi"}, {"santali", "sat"}, {"sat", "sat"},
        {"sa", "sa"},        {"Marathi", "mr"},  {"odia", "or"},     {"oriya", "or"},
        {"gom_Deva", "kok"}, {"bengali", "bn"},  {"kannada", "kn"},  {"en-GB", "en"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        assert_non_null(language_code(pairs[i][0]));
        assert_string_equal(language_code(pairs[i][0]), pairs[i][1]);
    }
}

static void says_nothing_of_others(void **state) {
    (void)state;
    static const char *const others[] = {"", "h", "hind", "fr", "-", "hindi-english", "-hi"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        assert_null(language_code(others[i]));
}

static void every_code_is_its_own(void **state) {
    (void)state;
    size_t n = 0;
    for (; language_codes[n]; n++)
        assert_string_equal(language_code(language_codes[n]), language_codes[n]);
    assert_int_equal(n, 23);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(knows_names_codes_and_tags),
        test_case(says_nothing_of_others),
        test_case(every_code_is_its_own),
    };
    return run_group("base/language", tests);
}
