/* test_unicode.c - the generated tables and the walkers over valid UTF-8. */
#include "text/unicode.h"

#include "tests/support/test.h"

static unsigned class_of(uint32_t cp) {
    return unicode_get(cp) & UNICODE_CLASS;
}

static size_t count(unsigned mask, unsigned value) {
    size_t n = 0;
    for (uint32_t cp = 0; cp < 0x110000; cp++)
        n += (unicode_get(cp) & mask) == value;
    return n;
}

static void has_the_sizes_of_its_unicode_versions(void **state) {
    (void)state;
    assert_int_equal(count(UNICODE_CLASS, UNICODE_LETTER), 141028);
    assert_int_equal(count(UNICODE_CLASS, UNICODE_NUMBER), 1911);
    assert_int_equal(count(UNICODE_CLASS, UNICODE_SPACE), 25);
    assert_int_equal(count(UNICODE_NUMERIC, UNICODE_NUMERIC), 1924); /* 13 more in 17.0 */
    assert_int_equal(count(UNICODE_WORD, UNICODE_WORD), 144667);
}

static void knows_letters_numbers_and_spaces(void **state) {
    (void)state;
    assert_int_equal(class_of('a'), UNICODE_LETTER);
    assert_int_equal(class_of(0x915), UNICODE_LETTER);   /* Devanagari ka */
    assert_int_equal(class_of(0x94D), UNICODE_OTHER);    /* virama: a mark is no letter */
    assert_int_equal(class_of(0x105C0), UNICODE_LETTER); /* new in 16.0 */
    assert_int_equal(class_of(0xBD), UNICODE_NUMBER);    /* one half */
    assert_int_equal(class_of(0x2160), UNICODE_NUMBER);  /* Roman one */
    assert_int_equal(class_of(0xA0), UNICODE_SPACE);
    assert_int_equal(class_of(0x85), UNICODE_SPACE);
    assert_int_equal(class_of(0x200B), UNICODE_OTHER); /* zero width space is none */
    assert_int_equal(class_of(0x1C), UNICODE_OTHER);
    assert_int_equal(class_of('_'), UNICODE_OTHER);
    assert_true(unicode_get('_') & UNICODE_WORD);
    assert_true(unicode_get(0x94D) & UNICODE_WORD);
}

static void normal_forms_know_nothing_newer_than_unicode_9(void **state) {
    (void)state;
    assert_true(unicode_get(0x301) & UNICODE_OLD);
    assert_true(unicode_get(0x301) & UNICODE_NFC_ACTIVE);
    assert_false(unicode_get('a') & UNICODE_NFC_ACTIVE);
    assert_true(unicode_get(0x8D4) & UNICODE_OLD);  /* 9.0 */
    assert_false(unicode_get(0x8D3) & UNICODE_OLD); /* 11.0, a mark */
    assert_false(unicode_get(0x8D3) & UNICODE_NFC_ACTIVE);
}

static void walks_both_ways_over_characters_of_every_length(void **state) {
    (void)state;
    const char *text = "a\xC3\xA9\xE0\xA4\xA8\xF0\x9F\x98\x80";
    const uint32_t wanted[] = {'a', 0xE9, 0x928, 0x1F600};
    const char *p = text;
    int n;
    for (int i = 0; i < 4; i++, p += n)
        assert_int_equal(unicode_at(p, &n), wanted[i]);
    assert_int_equal(*p, 0);
    for (int i = 3; i >= 0; i--, p -= n)
        assert_int_equal(unicode_before(text, p, &n), wanted[i]);
    assert_ptr_equal(p, text);
}

static void traits_are_those_of_the_reference(void **state) {
    (void)state;
    size_t dropped = 0, marks = 0, lowers = 0;
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        dropped += (unicode_trait(cp) & TRAIT_KIND) == TRAIT_DROPPED;
        marks += (unicode_trait(cp) & TRAIT_MARK) != 0;
        lowers += (unicode_trait(cp) & TRAIT_LOWERS) != 0;
    }
    assert_int_equal(dropped, 137681);
    assert_int_equal(marks, 2097);
    assert_int_equal(lowers, UNICODE_LOWERS + 1); /* and U+0130 */
    assert_int_equal(unicode_trait('!') & TRAIT_KIND, TRAIT_PUNCTUATION);
    assert_int_equal(unicode_trait('$') & TRAIT_KIND, TRAIT_PUNCTUATION); /* ASCII: all of it */
    assert_int_equal(unicode_trait(0x20AC) & TRAIT_KIND, 0);              /* euro sign */
    assert_int_equal(unicode_trait(0x301) & TRAIT_KIND, TRAIT_NONSPACING);
    assert_int_equal(unicode_trait(0x200D) & TRAIT_GRAPHEME, GRAPHEME_JOINER);
    for (int i = 1; i < UNICODE_LOWERS; i++)
        assert_true(unicode_lower_from[i - 1] < unicode_lower_from[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(has_the_sizes_of_its_unicode_versions),
        test_case(knows_letters_numbers_and_spaces),
        test_case(normal_forms_know_nothing_newer_than_unicode_9),
        test_case(walks_both_ways_over_characters_of_every_length),
        test_case(traits_are_those_of_the_reference),
    };
    return run_group("text/unicode", tests);
}
