/*
 * test_number_words.c - numbers as words beside KARMA 0.2.0's own
 * (tools/fixtures/make_semantic_cases.py), and words as numbers.
 */
#include "tests/support/test.h"

#include "base/json.h"
#include "text/number_words.h"

static void check(enum number_style style, const char *digits, const char *expected) {
    unsigned char values[64];
    struct buf got = {0};
    const size_t n = strlen(digits);
    for (size_t i = 0; i < n; i++)
        values[i] = (unsigned char)(digits[i] - '0');
    assert_ok(number_words(&got, style, values, n));
    assert_string_equal(buf_str(&got), expected);
    buf_release(&got);
}

static void are_karmas(void **state) {
    (void)state;
    struct arena a = {0};
    size_t len;
    const struct json *cases;
    const char *text = read_fixture("tests/fixtures/text/number_words.json", &len);
    assert_ok(json_parse(&a, text, len, JSON_REJECT_DUPLICATES, &cases));
    assert_true(json_count(cases) > 100);
    for (size_t i = 0; i < json_count(cases); i++) {
        const struct json *c = json_at(cases, i);
        const char *digits = json_str(json_at(c, 0), "");
        check(NUMBER_AMERICAN, digits, json_str(json_at(c, 1), ""));
        check(NUMBER_BRITISH, digits, json_str(json_at(c, 2), ""));
        check(NUMBER_HINDI_SHORT, digits, json_str(json_at(c, 3), ""));
    }
    arena_release(&a);
}

static void count_on_where_karma_spells(void **state) {
    (void)state;
    check(NUMBER_HINDI, "10000000", "एक करोड़");
    check(NUMBER_HINDI, "123456789", "बारह करोड़ चौंतीस लाख छप्पन हजार सात सौ नवासी");
    check(NUMBER_HINDI, "999999999999",
          "निन्यानवे हजार नौ सौ निन्यानवे करोड़ निन्यानवे लाख निन्यानवे हजार नौ सौ निन्यानवे");
    check(NUMBER_HINDI, "1000000000000", "एक शून्य शून्य शून्य शून्य शून्य शून्य शून्य शून्य शून्य शून्य शून्य शून्य");
    check(NUMBER_NUM2WORDS, "1002003", "one million, two thousand and three");
    check(NUMBER_AMERICAN, "0005", "five");
    check(NUMBER_AMERICAN, "", "zero");
    check(NUMBER_HINDI, "000", "शून्य");
    static const unsigned char digits[] = {0, 0, 1, 2};
    assert_true(number_fits(NUMBER_HINDI_SHORT, digits, 4));
}

static void words_are_read_back(void **state) {
    (void)state;
    for (unsigned char v = 0; v < 100; v++) {
        const unsigned char digits[] = {v / 10, v % 10};
        struct buf word = {0};
        assert_ok(number_words(&word, NUMBER_HINDI, digits, 2));
        const struct number_word w = number_word(buf_str(&word), word.len);
        assert_int_equal(w.part, NUMBER_SMALL);
        assert_int_equal(w.value, v);
        buf_release(&word);
    }
    assert_int_equal(number_word("seventeen", 9).value, 17);
    assert_int_equal(number_word("ninety", 6).value, 90);
    assert_int_equal(number_word("crore", 5).part, NUMBER_SCALE);
    assert_int_equal(number_word("point", 5).part, NUMBER_POINT);
    assert_int_equal(number_word("ninet", 5).part, NUMBER_NONE);
    assert_int_equal(number_word("", 0).part, NUMBER_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(are_karmas),
        test_case(count_on_where_karma_spells),
        test_case(words_are_read_back),
    };
    return run_group("text/number_words", tests);
}
