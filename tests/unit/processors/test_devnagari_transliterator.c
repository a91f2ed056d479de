/*
 * test_devnagari_transliterator.c - all characters of eight blocks beside the two libraries there
 * are (tools/fixtures/make_transliteration_cases.py), and what is left alone.
 */
#include "tests/support/test.h"

#include "base/json.h"
#include "karma/processor.h"

static const char *const name = "devnagari_transliterator";

static void check(const char *args, const char *text, const char *expected) {
    karma_processor *p;
    const char *result;
    assert_ok(karma_processor_create(name, args, &p));
    assert_ok(karma_processor_run(p, text, &result));
    assert_string_equal(result, expected);
    karma_processor_destroy(p);
}

/* Characters that we write as neither library does: they leave these as they are, or (the second)
 * go by a place in the block that means something else. */
static const struct {
    const char *from, *to;
} ours[] = {
    {"\u09F1", "\u0935"},       {"\u0A75", "\u094D\u092F"}, {"\u0A76", "\u0970"},
    {"\u0AF0", "\u0970"},       {"\u0AF9", "\u0979"},       {"\u0B71", "\u0935"},
    {"\u0C00", "\u0901"},       {"\u0C04", "\u0902"},       {"\u0C58", "\u091A\u093C"},
    {"\u0C59", "\u091C\u093C"}, {"\u0C5A", "\u0931"},       {"\u0C80", "\u0901"},
    {"\u0D00", "\u0902"},       {"\u0D3B", "\u094D"},       {"\u0D3C", "\u094D"},
    {"\u0D4E", "\u0930\u094D"}, {"\u0D54", "\u092E\u094D"}, {"\u0D55", "\u092F\u094D"},
    {"\u0D56", "\u0934\u094D"}, {"\u0D57", "\u094C"},       {"\u0D5F", "\u0908"},
    {"\u0D7A", "\u0923\u094D"}, {"\u0D7B", "\u0928\u094D"}, {"\u0D7C", "\u0930\u094D"},
    {"\u0D7D", "\u0932\u094D"}, {"\u0D7E", "\u0933\u094D"}, {"\u0D7F", "\u0915\u094D"},
};

static void every_character_is_a_librarys_or_told_apart(void **state) {
    (void)state;
    struct arena a = {0};
    size_t len, n_ours = 0, n_sanscript = 0, n_indic_nlp = 0;
    const struct json *rows;
    const char *text = read_fixture("tests/fixtures/processors/transliteration.json", &len);
    karma_processor *p;
    assert_ok(json_parse(&a, text, len, JSON_REJECT_DUPLICATES, &rows));
    assert_true(json_count(rows) > 700);
    assert_ok(karma_processor_create(name, NULL, &p));
    for (size_t i = 0; i < json_count(rows); i++) {
        const struct json *row = json_at(rows, i);
        const char *from = json_str(json_at(row, 0), ""), *expected = NULL, *got;
        for (size_t k = 0; k < sizeof(ours) / sizeof(*ours); k++)
            if (strcmp(ours[k].from, from) == 0) expected = ours[k].to;
        assert_ok(karma_processor_run(p, from, &got));
        const bool sanscript = strcmp(got, json_str(json_at(row, 1), "")) == 0;
        const bool indic_nlp = strcmp(got, json_str(json_at(row, 2), "")) == 0;
        if (expected)
            assert_string_equal(got, expected);
        else if (!sanscript && !indic_nlp)
            fail_msg("%s: %s", from, got);
        n_ours += expected != NULL;
        n_sanscript += sanscript;
        n_indic_nlp += indic_nlp;
    }
    print_message("%zu characters: %zu as indic_transliteration, %zu as indic-nlp-library, %zu as "
                  "neither\n",
                  json_count(rows), n_sanscript, n_indic_nlp, n_ours);
    assert_int_equal(n_ours, sizeof(ours) / sizeof(*ours));
    karma_processor_destroy(p);
    arena_release(&a);
}

static void writes_words_of_each_script(void **state) {
    (void)state;
    static const char *const words[][2] = {
        {"রোগীর জ্বর আছে", "रोगीर ज्बर आछे"},
        {"ਮਰੀਜ਼ ਨੂੰ ਬੁਖਾਰ", "मरीज़ नूं बुखार"},
        {"દર્દીને તાવ છે", "दर्दीने ताव छे"},
        {"ରୋଗୀର ଜ୍ୱର", "रोगीर ज्वर"},
        {"காய்ச்சல்", "काय्च्चल्"},
        {"జ్వరం ౧౨౦", "ज्वरं १२०"},
        {"ಜ್ವರ", "ज्वर"},
        {"പനി ഉണ്ട്, അവൻ", "पनि उण्ट्, अवन्"},
        {"जस का तस। 120/80 mg", "जस का तस। 120/80 mg"},
        {"fever 39°C, hôpital, лихорадка", "fever 39°C, hôpital, лихорадка"},
        {"CT স্ক্যান", "CT स्क्यान"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        check(NULL, words[i][0], words[i][1]);
}

static void reads_what_gurmukhi_writes_in_two_characters(void **state) {
    (void)state;
    check(NULL, "\u0A72\u0A3F \u0A73\u0A42 \u0A05\u0A3E", "\u0907 \u090A \u0906");
    check(NULL, "\u0A33 \u0A36", "\u0933 \u0936"); /* NFC takes them apart */
    check(NULL, "\u0A2A\u0A71\u0A15\u0A3E", "\u092A\u0915\u094D\u0915\u093E");
    check(NULL, "\u0A05\u0A71\u0A16", "\u0905\u0915\u094D\u0916");
    check(NULL, "\u0A71 \u0A72", "\u0A71 \u0A72"); /* nothing behind it */
}

static void composes_before_and_after_unless_told_not_to(void **state) {
    (void)state;
    check(NULL, "\u09C7\u09BE", "\u094B");
    check(NULL, "\u0A59 e\u0301", "\u0916\u093C \u00E9");
    check("{\"normalize\": false}", "\u0A59 e\u0301", "\u0959 e\u0301");
    check("{\"normalize\": false}", "a\xFF\u0A15", "a\xFF\u0915");
    karma_processor *p;
    const char *result;
    assert_ok(karma_processor_create(name, NULL, &p));
    assert_status(karma_processor_run(p, "a\xFF", &result), KARMA_E_ENCODING);
    karma_processor_destroy(p);
}

static void leaves_alone_what_has_no_counterpart(void **state) {
    (void)state;
    check(NULL, "\u0BF0 \u09F3 \u0980 \u0B57", "\u0BF0 \u09F3 \u0980 \u0B57");
    check(NULL, "\u0984 \u0DB4", "\u0984 \u0DB4"); /* unassigned; Sinhala */
    check(NULL, "\u09E4\u0AE5", "\u0964\u0965");   /* dandas, by the layout */
}

static void writes_other_scripts_when_asked(void **state) {
    (void)state;
    check("{\"target\": \"bengali\"}", "\u0930\u094B\u0917\u0940 \u0967\u0964",
          "\u09B0\u09CB\u0997\u09C0 \u09E7\u0964");
    check("{\"target\": \"tamil\"}", "\u0915\u0916", "\u0B95\u0916");  /* Tamil has no KHA */
    check("{\"target\": \"telugu\"}", "\u0C95\u0CBE", "\u0C15\u0C3E"); /* from Kannada */
    check("{\"target\": \"malayalam\"}", "\u093B\u0905", "\u093B\u0D05");
    /* every letter of the layout comes back */
    static const char *const targets[] = {"bengali", "gurmukhi", "gujarati", "oriya",
                                          "tamil",   "telugu",   "kannada",  "malayalam"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        char args[64];
        const char *text = "\u0915\u092E\u0932 \u0906\u0908 \u0930\u093E\u0936\u093F\u0902 \u096F";
        karma_processor *there, *back;
        const char *result;
        snprintf(args, sizeof(args), "{\"target\": \"%s\"}", targets[i]);
        assert_ok(karma_processor_create(name, args, &there));
        assert_ok(karma_processor_create(name, NULL, &back));
        assert_ok(karma_processor_run(there, text, &result));
        assert_string_not_equal(result, text);
        assert_ok(karma_processor_run(back, result, &result));
        assert_string_equal(result, text);
        karma_processor_destroy(there);
        karma_processor_destroy(back);
    }
}

static void refuses_what_it_does_not_do(void **state) {
    (void)state;
    karma_processor *p;
    assert_status(karma_processor_create(name, "{\"fallback_scheme\": \"itrans\"}", &p),
                  KARMA_E_UNSUPPORTED);
    assert_message_contains("fallback_scheme: romanised text is not read");
    assert_status(karma_processor_create(name, "{\"target\": \"latin\"}", &p), KARMA_E_RANGE);
}

static karma_status use_all(void *ctx) {
    karma_processor *p;
    const char *result;
    karma_status st = karma_processor_create(name, ctx, &p);
    if (st == KARMA_OK) st = karma_processor_run(p, "\u0A2A\u0A71\u0A15\u0A3E \u0D7A ab", &result);
    karma_processor_destroy(p);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(use_all, (void *)"{\"target\": \"tamil\"}") > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(every_character_is_a_librarys_or_told_apart),
        test_case(writes_words_of_each_script),
        test_case(reads_what_gurmukhi_writes_in_two_characters),
        test_case(composes_before_and_after_unless_told_not_to),
        test_case(leaves_alone_what_has_no_counterpart),
        test_case(writes_other_scripts_when_asked),
        test_case(refuses_what_it_does_not_do),
        test_case(survives_every_failing_allocation),
    };
    return run_group("processors/devnagari_transliterator", tests);
}
