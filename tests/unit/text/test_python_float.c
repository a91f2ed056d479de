/* test_python_float.c - texts that Python's float() takes, and those it does not; by CPython 3.11.
 */
#include "tests/support/test.h"

#include <math.h>

#include "text/python_float.h"

static void reads_what_python_reads(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"1", 1},
        {" 7\n", 7},
        {"\xC2\xA0-3.5\xE3\x80\x80", -3.5},
        {"+7", 7},
        {"5.", 5},
        {".5", 0.5},
        {"1e2", 100},
        {"1_0.2_5e0_1", 102.5},
        {"007", 7},
        {"1e400", INFINITY},
        {"inf", INFINITY},
        {"-INFINITY", -INFINITY},
        {"\xEF\xBC\x95", 5},                             /* a wide five */
        {"\xE0\xA5\xA7\xE0\xA5\xA8.\xE0\xA5\xA9", 12.3}, /* Devanagari */
    };
    double v;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (!python_float(cases[i].text, strlen(cases[i].text), &v) || v != cases[i].value)
            fail_msg("'%s'", cases[i].text);
    assert_true(python_float("-nan", 4, &v));
    assert_true(isnan(v));
    assert_true(python_float("-0", 2, &v));
    assert_true(v == 0 && signbit(v));
}

static void refuses_what_python_refuses(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",     " ",     "-",     ".",         "x",    "1 000", "1,000",     "--7",
        "+-7",  "1__0",  "_1",    "1_",        "1_.5", "1._5",  "1e_5",      "1e",
        "0x10", "1.5.6", "infin", "5\xC2\xB2", "12kg", "\xC2",  "1\xCC\x81", "{\"a\": 1}",
    };
    double v;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (python_float(cases[i], strlen(cases[i]), &v)) fail_msg("'%s'", cases[i]);
}

static void a_text_longer_than_any_number_is_none(void **state) {
    (void)state;
    char text[5000];
    double v;
    memset(text, '1', sizeof(text));
    assert_false(python_float(text, sizeof(text), &v));
    assert_true(python_float(text, 300, &v));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_python_reads),
        cmocka_unit_test(refuses_what_python_refuses),
        cmocka_unit_test(a_text_longer_than_any_number_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
