/*
 * test_general_text_processor.c - clean-up of text. Expected texts were made with the libraries
 * that KARMA 0.2.0 uses (jiwer, num2words).
 */
#include "tests/support/test.h"

#include "karma/processor.h"

static void check(const char *args, const char *text, const char *expected) {
    karma_processor *p;
    const char *result;
    assert_ok(karma_processor_create("general_text_processor", args, &p));
    assert_ok(karma_processor_run(p, text, &result));
    assert_string_equal(result, expected);
    karma_processor_destroy(p);
}

static void removes_punctuation_and_case_by_default(void **state) {
    (void)state;
    check(NULL, "Hello, World!", "hello world");
    check(NULL, "", "");
    check(NULL, NULL, "");
    check(NULL, "a  \t\n b\tc", "a b\tc"); /* a single tab stays */
    check(NULL, "B.P. 120/80 (high)", "bp 12080 high");
    check(NULL, "5 + 5 = $10", "5 + 5 = $10"); /* symbols are no punctuation */
    check(NULL, "\xE2\x80\x9C\xC3\x89t\xC3\xA9\xE2\x80\x9D\xE0\xA5\xA4", "\xC3\xA9t\xC3\xA9");
}

static void does_what_its_switches_say(void **state) {
    (void)state;
    check("{\"use_punc\": true}", "Hello, World!", "hello, world!");
    check("{\"use_lowercasing\": false}", "Hello, World!", "Hello World");
    check("{\"use_punc\": \"true\", \"use_lowercasing\": \"false\"}", "Hi,  You", "Hi, You");
}

static void reads_its_switches_as_upstream_when_asked(void **state) {
    (void)state;
    check("{\"compat\": true}", "Hello, World!", "hello world");
    check("{\"compat\": true, \"use_lowercasing\": true}", "Hello, World!", "Hello World");
    check("{\"compat\": true, \"use_lowercasing\": false}", "Hello, World!", "hello world");
    check("{\"compat\": true, \"use_punc\": true}", "Hello, World!", "hello, world!");
    check("{\"use_lowercasing\": true}", "Hello", "hello");
}

static void counts_in_other_ways_when_asked(void **state) {
    (void)state;
    const char *american = "{\"use_num2text\": true, \"num2text_style\": \"american\"}";
    check(american, "1234 mg", "one thousand two hundred thirty four mg");
    check(american, "7.50 or 120/80", "seven point five zero or one hundred twentyeighty");
    check(american, "in 2020.", "in two thousand twenty");
    check(american, "a.5 1.2.3", "afive one point twothree");
    check("{\"use_num2text\": true, \"num2text_style\": \"hindi\"}", "101 3.5 ५०",
          "एक सौ एक तीन दशमलव पांच पचास");
    check("{\"use_num2text\": true}", "3.5", "threefive");
}

static void brings_text_to_a_normal_form_when_asked(void **state) {
    (void)state;
    check(NULL, "e\u0301 \uFF21", "e\u0301 \uFF41");
    check("{\"unicode\": \"nfc\"}", "e\u0301 \uFF21", "\u00E9 \uFF41");
    check("{\"unicode\": \"nfkc\"}", "e\u0301 \uFF21\u2026", "\u00E9 a"); /* "..." goes too */
    check("{\"unicode\": \"nfc\"}", "\u0928\u093C \u0929 \u0958", "\u0929 \u0929 \u0915\u093C");
}

static void writes_numbers_as_words(void **state) {
    (void)state;
    static const struct {
        const char *digits, *words;
    } cases[] = {
        {"0", "zero"},
        {"007", "seven"},
        {"13", "thirteen"},
        {"21", "twenty-one"},
        {"100", "one hundred"},
        {"101", "one hundred and one"},
        {"1001", "one thousand and one"},
        {"1100", "one thousand, one hundred"},
        {"1234", "one thousand, two hundred and thirty-four"},
        {"1000100", "one million, one hundred"},
        {"1000001000000001", "one quadrillion, one billion and one"},
        {"1000000000000000000000000000000000", "one decillion"},
        {"1000000000000000000000000000000000000", "1000000000000000000000000000000000000"},
        {"\xE0\xA5\xA8\xE0\xA5\xA6", "twenty"}, /* Devanagari digits */
        {"3.5", "three.five"},
        {"B12", "b12"},
        {"x_1 1_x", "x_1 1_x"},
        {"2-3", "two-three"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check("{\"use_num2text\": true, \"use_punc\": true}", cases[i].digits, cases[i].words);
    check("{\"use_num2text\": true}", "Take 21 (twenty-one).", "take twentyone twentyone");
}

static void takes_its_own_result_as_text(void **state) {
    (void)state;
    karma_processor *p;
    const char *result;
    assert_ok(karma_processor_create("general_text_processor", NULL, &p));
    assert_ok(karma_processor_run(p, "A,  B", &result));
    assert_ok(karma_processor_run(p, result, &result));
    assert_string_equal(result, "a b");
    karma_processor_destroy(p);
}

static void lists_names_and_refuses_unknown_ones(void **state) {
    (void)state;
    char **names;
    size_t count;
    const karma_processor_info *info;
    karma_processor *p;
    assert_ok(karma_list_processors(&names, &count));
    assert_true(count >= 1);
    assert_null(names[count]);
    for (size_t i = 0; i < count; i++) {
        assert_ok(karma_get_processor_info(names[i], &info));
        assert_string_equal(info->name, names[i]);
    }
    mem_free(names);
    assert_status(karma_processor_create("general_text", NULL, &p), KARMA_E_NOTFOUND);
    assert_message_contains("did you mean 'general_text_processor'");
    assert_status(karma_processor_create("general_text_processor", "{\"use_punk\": 1}", &p),
                  KARMA_E_USAGE);
    assert_message_contains("did you mean 'use_punc'?");
    assert_null(p);
    assert_status(karma_get_processor_info("x", &info), KARMA_E_NOTFOUND);
    karma_processor_destroy(NULL);
}

static karma_status use_all(void *ctx) {
    (void)ctx;
    karma_processor *p;
    const char *result;
    karma_status st =
        karma_processor_create("general_text_processor", "{\"use_num2text\": true}", &p);
    if (st == KARMA_OK) st = karma_processor_run(p, "Take 21 (twenty-one).", &result);
    karma_processor_destroy(p);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(use_all, NULL) > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(removes_punctuation_and_case_by_default),
        test_case(does_what_its_switches_say),
        test_case(reads_its_switches_as_upstream_when_asked),
        test_case(counts_in_other_ways_when_asked),
        test_case(brings_text_to_a_normal_form_when_asked),
        test_case(writes_numbers_as_words),
        test_case(takes_its_own_result_as_text),
        test_case(lists_names_and_refuses_unknown_ones),
        test_case(survives_every_failing_allocation),
    };
    return run_group("processors/general_text_processor", tests);
}
