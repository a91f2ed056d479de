/*
 * test_multilingual_text_processor.c - text of Indian scripts. Expected texts are what Python's
 * unicodedata, re and indic-nlp-library make of the same.
 */
#include "tests/support/test.h"

#include "karma/processor.h"
#include "processors/indic_normalizer.h"

static void check(const char *args, const char *text, const char *expected) {
    karma_processor *p;
    const char *result;
    assert_ok(karma_processor_create("multilingual_text_processor", args, &p));
    assert_ok(karma_processor_run(p, text, &result));
    assert_string_equal(result, expected);
    karma_processor_destroy(p);
}

static void removes_signs_that_belong_to_no_letter(void **state) {
    (void)state;
    check(NULL, "\u093E\u0902\u0915\u093E", "\u0915\u093E");
    check(NULL, "\u0915\u093E", "\u0915\u093E");
    check(NULL, "\u093E", "");
    check(NULL, "", "");
    check(NULL, " \u00A0\n", " \u00A0\n"); /* blank texts stay as they are */
}

static void composes_and_spells_in_one_way(void **state) {
    (void)state;
    check(NULL, "e\u0301", "\u00E9");
    check(NULL, "\u0958", "\u0915\u093C");
    check(NULL, "\u0915\u0903: \u0915:", "\u0915\u0903\u0903 \u0915\u0903");
    check(NULL, "\u0915::", "\u0915\u0903:");
    check(NULL, "\u201Ca\u201D\u2014b|\u200Dc''", "\"a\" - b\u0964c\"");
    check("{\"language\": \"bn\"}", "\u09DC\u09C7\u09BE", "\u09A1\u09BC\u09CB");
    check("{\"language\": \"ml\"}", "\u0D28\u0D4D\u200D", "\u0D7B");
    check("{\"language\": \"pa\"}", "\u0A05\u0A3E\u0A33", "\u0A06\u0A32\u0A3C");
    check("{\"language\": \"te\"}", "\u0C56\u0C3C", "\u0C3C\u0C56"); /* marks in canonical order */
}

static void knows_the_script_of_each_language(void **state) {
    (void)state;
    for (const char *const *l = indic_languages; *l; l++) {
        struct buf text = {0}, scratch = {0};
        assert_ok(buf_puts(&text, "a\u2026"));
        assert_ok(indic_normalize(*l, &text, &scratch));
        assert_string_equal(buf_str(&text), "a...");
        buf_release(&text);
        buf_release(&scratch);
    }
    struct buf text = {0}, scratch = {0};
    assert_status(indic_normalize("xx", &text, &scratch), KARMA_E_RANGE);
    karma_processor *p;
    assert_status(
        karma_processor_create("multilingual_text_processor", "{\"language\": \"xx\"}", &p),
        KARMA_E_RANGE);
    check("{\"language\": \"mai\"}", "\u0958|\u0915:", "\u0915\u093C\u0964\u0915\u0903");
    check("{\"language\": \"en\"}", "a\u2019s: b|", "a's: b|"); /* no script of these */
    check("{\"language\": \"sat\"}", "\u1C5A:\u200B\u1C5B", "\u1C5A: \u1C5B");
}

static void replaces_whole_words_longest_first(void **state) {
    (void)state;
    char args[700];
    snprintf(args, sizeof(args), "{\"glm\": \"%s\"}",
             write_text("words.txt",
                        "# a comment\n\na\tx\nheart related\theart-related\nheart\tH\r\n"
                        "\u092E\u0930\u0940\u091C\t\u0930\u094B\u0917\u0940\n"));
    /* a later rule also meets what an earlier one made */
    check(args, "a heart related heart, hearts a_b a.b", "x H-related H, hearts a_b x.b");
    check(args, "\u092E\u0930\u0940\u091C", "\u0930\u094B\u0917\u0940");
    /* a vowel sign belongs to its word, and a rule is spelled as the text will be */
    snprintf(args, sizeof(args), "{\"glm\": \"%s\"}",
             write_text("words.txt", "\u0915\tKA\n\u0958\tQA\n\u0958\u0932\u092E\t\u0958\n"));
    check(args, "\u0915 \u0915\u093F \u0915\u093C \u0958\u0932\u092E",
          "KA \u0915\u093F QA QA"); /* the longest first, and what it wrote again */
    karma_processor *p;
    snprintf(args, sizeof(args), "{\"glm\": \"%s\"}", write_text("bad.txt", "a\tb\nno tab here\n"));
    assert_status(karma_processor_create("multilingual_text_processor", args, &p), KARMA_E_SYNTAX);
    assert_message_contains("bad.txt: line 2: expected two columns");
    snprintf(args, sizeof(args), "{\"glm\": \"%s\"}", write_text("bad.txt", "a\t\xFF\n"));
    assert_status(karma_processor_create("multilingual_text_processor", args, &p),
                  KARMA_E_ENCODING);
    assert_status(
        karma_processor_create("multilingual_text_processor", "{\"glm\": \"/no/file\"}", &p),
        KARMA_E_MISSING);
    assert_ok(karma_processor_create("multilingual_text_processor", NULL, &p));
    const char *result;
    assert_status(karma_processor_run(p, "a\xFF", &result), KARMA_E_ENCODING);
    assert_null(result);
    karma_processor_destroy(p);
}

/* 32 of the 66 rules of its English list have a source of several words. */
static void reads_a_list_as_upstream_does_when_asked(void **state) {
    (void)state;
    char args[700];
    const char *path = write_text("glm.txt", "heart related\theart-related\nok  okay\n");
    snprintf(args, sizeof(args), "{\"glm\": \"%s\", \"glm_as_upstream\": true}", path);
    check(args, "heart ok", "related\theart-related okay");
    path = write_text("glm.txt", "\u0915\tKA\n");
    snprintf(args, sizeof(args), "{\"glm\": \"%s\", \"glm_as_upstream\": true}", path);
    check(args, "\u0915\u093F", "KA\u093F"); /* re's \\b stands before a vowel sign */
    karma_processor *p;
    path = write_text("glm.txt", "alone\n");
    snprintf(args, sizeof(args), "{\"glm\": \"%s\", \"glm_as_upstream\": true}", path);
    assert_status(karma_processor_create("multilingual_text_processor", args, &p), KARMA_E_SYNTAX);
    assert_message_contains("glm.txt: line 1: expected two columns with a blank between");
}

static void makes_one_of_compatible_forms_when_asked(void **state) {
    (void)state;
    check("{\"unicode\": \"nfkc\"}", "\uFF21\u00B2 e\u0301", "A2 \u00E9");
    check(NULL, "\uFF21\u00B2 e\u0301", "\uFF21\u00B2 \u00E9");
}

static karma_status use_all(void *ctx) {
    karma_processor *p;
    const char *result;
    karma_status st = karma_processor_create("multilingual_text_processor", ctx, &p);
    if (st == KARMA_OK) st = karma_processor_run(p, "\u0958: a\u2026 heart", &result);
    karma_processor_destroy(p);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    char args[700];
    snprintf(args, sizeof(args), "{\"glm\": \"%s\"}", write_text("words.txt", "heart\tH\na\tx\n"));
    assert_true(for_each_failing_allocation(use_all, args) > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(removes_signs_that_belong_to_no_letter),
        test_case(composes_and_spells_in_one_way),
        test_case(knows_the_script_of_each_language),
        test_case(replaces_whole_words_longest_first),
        test_case(reads_a_list_as_upstream_does_when_asked),
        test_case(makes_one_of_compatible_forms_when_asked),
        test_case(survives_every_failing_allocation),
    };
    return run_group("processors/multilingual_text_processor", tests);
}
