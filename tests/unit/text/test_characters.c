/* test_characters.c - lower case and classes of characters as Python 3.11 has them. */
#include "tests/support/test.h"

#include "text/characters.h"

static void lower(const char *text, const char *expected) {
    struct buf b = {0};
    assert_ok(lower_append(&b, text, strlen(text)));
    assert_string_equal(buf_str(&b), expected);
    buf_release(&b);
}

static void lowers_as_str_lower(void **state) {
    (void)state;
    lower("", "");
    lower("AbC 1!", "abc 1!");
    lower("\xC3\x84\xC3\x9F\xE1\xBA\x9E", "\xC3\xA4\xC3\x9F\xC3\x9F");
    lower("\xC4\xB0I", "i\xCC\x87i"); /* I with a dot */
    lower("\xC7\x84", "\xC7\x86");
    lower("\xE2\x84\xAA", "k"); /* Kelvin sign */
    lower("A\xFFZ", "a\xFFz");  /* a bad byte stays */
}

static void knows_the_final_sigma(void **state) {
    (void)state;
    lower("\xCE\x91\xCE\xA3", "\xCE\xB1\xCF\x82");
    lower("\xCE\xA3", "\xCF\x83");
    lower("\xCE\x91\xCE\xA3\xCE\x91", "\xCE\xB1\xCF\x83\xCE\xB1");
    lower("A\xCE\xA3'", "a\xCF\x82'");
    lower("A'\xCE\xA3", "a'\xCF\x82");
    lower("A\xCE\xA3.b", "a\xCF\x83.b");
    lower("1\xCE\xA3", "1\xCF\x83");
    lower("\xE2\x85\xA7\xCE\xA3", "\xE2\x85\xB7\xCF\x82"); /* a Roman numeral has case */
    lower("A\xCE\xA3\xE2\x93\x90", "a\xCF\x83\xE2\x93\x90");
    lower("A \xCE\xA3", "a \xCF\x83");
}

static void tells_classes_of_characters(void **state) {
    (void)state;
    assert_true(is_white_space(' ') && is_white_space(0x1C) && is_white_space(0x3000));
    assert_false(is_white_space(0x200B));
    assert_true(is_punctuation('_') && is_punctuation(0x964) && is_punctuation(0x201C));
    assert_false(is_punctuation('$') || is_punctuation('+'));
    assert_true(is_word_character('_') && is_word_character(0x92E) && is_word_character(0xB2));
    assert_false(is_word_character(0x940) || is_word_character(0x94D) || is_word_character('-'));
    assert_int_equal(digit_value('7'), 7);
    assert_int_equal(digit_value(0x96F), 9);
    assert_int_equal(digit_value(0x1D7D9), 1); /* five runs of digits that touch */
    assert_int_equal(digit_value(0xB2), -1);
    assert_int_equal(digit_value('a'), -1);
}

static void composes_as_nfc(void **state) {
    (void)state;
    static const struct {
        const char *text, *composed;
    } cases[] = {
        {"", ""},
        {"abc", "abc"},
        {"e\u0301\u0323", "\u1EB9\u0301"},
        {"\u0958", "\u0915\u093C"},
        {"\u1100\u1161\u11A8", "\uAC01"},
        {"\u0C56\u0C3C", "\u0C3C\u0C56"}, /* a mark of Unicode 14 */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf b = {0};
        assert_ok(nfc_append(&b, cases[i].text, strlen(cases[i].text)));
        assert_string_equal(buf_str(&b), cases[i].composed);
        buf_release(&b);
    }
    struct buf b = {0};
    assert_status(nfc_append(&b, "a\xFF", 2), KARMA_E_ENCODING);
}

static void strips_white_space_of_all_kinds(void **state) {
    (void)state;
    static const char text[] = "\xE3\x80\x80 a b\x1F\xC2\xA0";
    size_t len = strlen(text);
    const char *s = strip_white_space(text, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(s, "a b", 3);
    len = 2;
    strip_white_space(" \n", &len);
    assert_int_equal(len, 0);
    len = 2;
    assert_memory_equal(strip_white_space("a\xA0", &len), "a\xA0", 2); /* no character at all */
    assert_int_equal(len, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(lowers_as_str_lower),
        test_case(knows_the_final_sigma),
        test_case(tells_classes_of_characters),
        test_case(composes_as_nfc),
        test_case(strips_white_space_of_all_kinds),
    };
    return run_group("text/characters", tests);
}
