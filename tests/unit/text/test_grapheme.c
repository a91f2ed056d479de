/* test_grapheme.c - the rules of UAX 29, one by one. */
#include "text/grapheme.h"

#include "base/utf8.h"
#include "tests/support/test.h"

/* Clusters of the code points, which end with 0: sizes in characters, as "1 2 1". */
static void check(const uint32_t *cps, const char *wanted) {
    struct buf text = {0};
    char got[100] = "";
    for (; *cps; cps++) {
        char bytes[4];
        assert_ok(buf_append(&text, bytes, (size_t)utf8_encode(*cps, bytes)));
    }
    const char *p = text.data, *end = text.data + text.len;
    while (p < end) {
        const char *next = grapheme_end(p, end);
        int n = 0;
        assert_true(next > p && next <= end);
        for (; p < next; p++)
            n += ((unsigned char)*p & 0xC0) != 0x80;
        size_t at = strlen(got);
        snprintf(got + at, sizeof(got) - at, "%s%d", at ? " " : "", n);
    }
    assert_string_equal(got, wanted);
    buf_release(&text);
}

#define CPS(...)                                                                                   \
    (const uint32_t[]) {                                                                           \
        __VA_ARGS__, 0                                                                             \
    }

static void plain_characters_and_line_ends(void **state) {
    (void)state;
    check(CPS('a', 'b', ' '), "1 1 1");
    check(CPS('a', '\r', '\n', 'b'), "1 2 1");
    check(CPS('\n', '\r'), "1 1");
    check(CPS('\r'), "1");
    check(CPS('\r', 0x301), "1 1"); /* nothing joins a control */
    check(CPS(0xAD, 0x301), "1 1");
}

static void marks_join_what_precedes(void **state) {
    (void)state;
    check(CPS('a', 0x301, 0x323, 'b'), "3 1");
    check(CPS(0x301, 'a'), "1 1");
    check(CPS(0x915, 0x903), "2"); /* a spacing mark */
    check(CPS('a', 0x200D, 'b'), "2 1");
    check(CPS(0x1ACF), "1");
    check(CPS('a', 0x1ACF), "2"); /* new in Unicode 17.0 */
}

static void prepended_marks_join_what_follows(void **state) {
    (void)state;
    check(CPS(0x600, 'a', 'b'), "2 1");
    check(CPS(0x600, 0x600, 'a'), "3");
    check(CPS(0x600, '\n'), "1 1");
}

static void syllables_of_hangul(void **state) {
    (void)state;
    check(CPS(0x1100, 0x1161, 0x11A8), "3");
    check(CPS(0xAC00, 0x11A8, 0x11A8), "3");
    check(CPS(0xAC01, 0x1161), "1 1");
    check(CPS(0x1161, 0x1100), "1 1");
    check(CPS(0x1100, 0xAC00), "2");
    check(CPS(0x1100, 0x301, 0x1161), "2 1");
}

static void flags_are_pairs(void **state) {
    (void)state;
    check(CPS(0x1F1EE, 0x1F1F3, 0x1F1EE, 0x1F1F3, 0x1F1EE), "2 2 1");
    check(CPS(0x1F1EE, 0x301, 0x1F1F3), "2 1");
}

static void pictures_join_across_a_joiner(void **state) {
    (void)state;
    check(CPS(0x1F468, 0x200D, 0x1F469, 0x200D, 0x1F467), "5");
    check(CPS(0x1F468, 0x1F3FD, 0x200D, 0x2764, 0xFE0F), "5");
    check(CPS('a', 0x200D, 0x1F468), "2 1");
    check(CPS(0x1F468, 0x200D, 0x301, 0x1F468), "3 1");
}

static void conjuncts_of_indic_scripts(void **state) {
    (void)state;
    check(CPS(0x915, 0x94D, 0x937), "3");
    check(CPS(0x915, 0x94D, 0x200D, 0x937), "4");
    check(CPS(0x915, 0x937), "1 1");
    check(CPS(0x915, 0x94D, 'a'), "2 1");
    check(CPS(0x915, 0x94D, 0x200C, 0x937), "3 1"); /* the non-joiner breaks it */
    check(CPS('a', 0x94D, 0x937), "2 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(plain_characters_and_line_ends),
        test_case(marks_join_what_precedes),
        test_case(prepended_marks_join_what_follows),
        test_case(syllables_of_hangul),
        test_case(flags_are_pairs),
        test_case(pictures_join_across_a_joiner),
        test_case(conjuncts_of_indic_scripts),
    };
    return run_group("text/grapheme", tests);
}
