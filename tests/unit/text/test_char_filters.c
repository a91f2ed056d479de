/* test_char_filters.c - what each step drops and changes; tools/compare asks about every character.
 */
#include "text/char_filters.h"

#include "tests/support/test.h"

static void check(enum normalizer_kind kind, const char *text, const char *wanted) {
    struct buf out = {0};
    assert_ok(char_filter(kind, text, strlen(text), &out));
    assert_string_equal(buf_str(&out), wanted);
    buf_release(&out);
    if (strcmp(text, wanted) != 0) assert_false(char_filter_idle(kind, text, strlen(text)));
}

static void idle(enum normalizer_kind kind, const char *text) {
    assert_true(char_filter_idle(kind, text, strlen(text)));
    check(kind, text, text);
}

static void clean_text_drops_controls_and_evens_out_spaces(void **state) {
    (void)state;
    check(NORMALIZE_CLEAN_TEXT,
          "a\x01\x7F\xC2\x85\xEF\xBF\xBD\xE2\x80\x8D"
          "b",
          "ab");
    check(NORMALIZE_CLEAN_TEXT,
          "a\tb\nc\rd\xC2\xA0"
          "e\xE3\x80\x80"
          "f",
          "a b c d e f");
    check(NORMALIZE_CLEAN_TEXT, "long enough to be looked at by words\x1F",
          "long enough to be looked at by words");
    idle(NORMALIZE_CLEAN_TEXT, "plain text, \xC3\xA9 and \xE0\xA5\x8D");
    struct buf out = {0};
    assert_ok(char_filter(NORMALIZE_CLEAN_TEXT, "a\0b", 3, &out));
    assert_string_equal(out.data, "ab");
    buf_release(&out);
}

static void ideographs_stand_between_spaces(void **state) {
    (void)state;
    check(NORMALIZE_SPACE_IDEOGRAPHS, "a\xE4\xB8\xAD\xE6\x96\x87", "a \xE4\xB8\xAD  \xE6\x96\x87 ");
    check(NORMALIZE_SPACE_IDEOGRAPHS, "\xF0\xA0\x80\x80", " \xF0\xA0\x80\x80 ");
    idle(NORMALIZE_SPACE_IDEOGRAPHS, "\xE3\x81\x82\xED\x95\x9C"); /* kana, Hangul */
    idle(NORMALIZE_SPACE_IDEOGRAPHS, "\xF0\xAB\xA0\xA0");         /* U+2B820, not on the list */
}

static void marks_are_of_two_kinds(void **state) {
    (void)state;
    /* acute; virama; visarga, which takes up space */
    const char *text = "a\xCC\x81\xE0\xA4\x95\xE0\xA5\x8D\xE0\xA4\x83";
    check(NORMALIZE_DROP_NONSPACING, text, "a\xE0\xA4\x95\xE0\xA4\x83");
    check(NORMALIZE_DROP_MARKS, text, "a\xE0\xA4\x95");
    idle(NORMALIZE_DROP_MARKS, "\xC3\xA9"); /* composed: nothing to drop */
}

static void lower_case_is_of_single_characters(void **state) {
    (void)state;
    check(NORMALIZE_LOWERCASE, "ABC xyz", "abc xyz");
    check(NORMALIZE_LOWERCASE, "\xC4\xB0\xC3\x89\xE1\xBA\x9E", "i\xCC\x87\xC3\xA9\xC3\x9F");
    check(NORMALIZE_LOWERCASE, "\xCE\x91\xCE\xA3", "\xCE\xB1\xCF\x83"); /* no final sigma */
    check(NORMALIZE_LOWERCASE, "\xF0\x90\x90\x80", "\xF0\x90\x90\xA8");
    idle(NORMALIZE_LOWERCASE, "abc \xC3\x9F \xE0\xA4\x95");
}

static void nmt_knows_its_own_spaces(void **state) {
    (void)state;
    check(NORMALIZE_NMT,
          "a\x01\x0B\x7F\xC2\x8F\xC2\x9F"
          "b",
          "ab");
    check(NORMALIZE_NMT,
          "a\tb\nc\x0C"
          "d\re",
          "a b c d e");
    check(NORMALIZE_NMT, "\xE2\x80\x8B\xE2\x96\x81\xEF\xBB\xBF\xEF\xBF\xBD", "    ");
    idle(NORMALIZE_NMT, "a\xC2\xA0\xC2\x85z");
}

static karma_status attempt(void *ctx) {
    struct buf out = {0};
    (void)ctx;
    karma_status st = char_filter(NORMALIZE_LOWERCASE, "A\xC4\xB0", 3, &out);
    buf_release(&out);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(attempt, NULL) >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(clean_text_drops_controls_and_evens_out_spaces),
        test_case(ideographs_stand_between_spaces),
        test_case(marks_are_of_two_kinds),
        test_case(lower_case_is_of_single_characters),
        test_case(nmt_knows_its_own_spaces),
        test_case(survives_every_failing_allocation),
    };
    return run_group("text/char_filters", tests);
}
