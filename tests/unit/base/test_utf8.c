/* Tests of base/utf8.c, against an independent reading of the rules over all code points. */
#include "tests/support/test.h"

#include "base/utf8.h"

static bool is_scalar(uint32_t cp) {
    return cp <= 0x10ffff && !(cp >= 0xd800 && cp <= 0xdfff);
}

static void every_code_point_goes_there_and_back(void **state) {
    (void)state;
    for (uint32_t cp = 0; cp <= 0x110010; cp++) {
        char text[4];
        int n = utf8_encode(cp, text), bad;
        uint32_t back = 0;
        int m = utf8_decode(text, (size_t)n, &back, &bad);
        if (m != n || back != (is_scalar(cp) ? cp : 0xfffd) || !utf8_valid(text, (size_t)n, NULL)) {
            print_error("U+%04X\n", cp);
            fail();
        }
    }
}

static void exactly_the_scalar_values_have_an_encoding(void **state) {
    (void)state;
    /* All pairs, and all triples behind a three-byte lead: count what decodes whole. */
    uint32_t cp;
    int two = 0, three = 0;
    for (unsigned v = 0; v <= 0xffff; v++) {
        char text[3] = {(char)(v >> 8), (char)v, 0};
        two += utf8_decode(text, 2, &cp, NULL) == 2;
    }
    assert_int_equal(two, 0x800 - 0x80);
    for (unsigned v = 0xe00000; v <= 0xefffff; v++) {
        char text[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
        three += utf8_decode(text, 3, &cp, NULL) == 3;
    }
    assert_int_equal(three, 0x10000 - 0x800 - 0x800);
}

static void assert_bad(const char *bytes, int subpart) {
    uint32_t cp;
    int bad = 0;
    assert_int_equal(utf8_decode(bytes, strlen(bytes), &cp, &bad), 0);
    assert_int_equal(bad, subpart);
}

static void invalid_sequences_give_their_maximal_subpart(void **state) {
    (void)state;
    assert_bad("\x80", 1);
    assert_bad("\xc0\x80", 1); /* overlong */
    assert_bad("\xc1\xbf", 1);
    assert_bad("\xe0\x9f\xbf", 1);     /* overlong */
    assert_bad("\xed\xa0\x80", 1);     /* surrogate */
    assert_bad("\xf0\x8f\xbf\xbf", 1); /* overlong */
    assert_bad("\xf4\x90\x80\x80", 1); /* above U+10FFFF */
    assert_bad("\xf5\x80\x80\x80", 1);
    assert_bad("\xff", 1);
    assert_bad("\xe2\x82", 2);
    assert_bad("\xe2\x82x", 2);
    assert_bad("\xe2x", 1);
    assert_bad("\xf0\x9f\x98", 3);
    assert_bad("\xf0\x9f\x98x", 3);
    assert_bad("\xf0\x9f\xc3\xa9", 2);
    assert_bad("\xc3", 1);
    assert_bad("\xc3\xc3\xa9", 1);
}

static void validity_names_the_first_bad_byte(void **state) {
    (void)state;
    size_t at = 99;
    assert_true(utf8_valid("", 0, &at));
    assert_true(utf8_valid("plain ASCII of some length\0 and a NUL", 37, &at));
    assert_int_equal(at, 99);
    assert_false(utf8_valid("0123456789\xc3\xa9 0123456\xff rest", 26, &at));
    assert_int_equal(at, 20);
    assert_false(utf8_valid("12345678\xe2\x82", 10, &at));
    assert_int_equal(at, 8);
    assert_true(utf8_valid("12345678\xe2\x82\xac", 11, NULL));
}

static void lossy_text_has_one_mark_a_subpart(void **state) {
    (void)state;
    /* The example of table 3-8 of the Unicode Standard, with its answer. */
    static const char in[] = "\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64";
    static const char want[] = "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                               "b\xef\xbf\xbd"
                               "c\xef\xbf\xbd\xef\xbf\xbd"
                               "d";
    struct buf b = {0};
    assert_ok(utf8_append_lossy(&b, in, sizeof(in) - 1));
    assert_string_equal(b.data, want);
    buf_clear(&b);
    assert_ok(utf8_append_lossy(&b, "\xc3\xa9t\xc3\xa9", 5));
    assert_string_equal(b.data, "\xc3\xa9t\xc3\xa9");
    buf_clear(&b);
    assert_ok(utf8_append_lossy(&b, "x\xf0\x9f\x98", 4));
    assert_string_equal(b.data, "x\xef\xbf\xbd");
    buf_release(&b);
}

static void incomplete_tails_are_those_more_bytes_could_complete(void **state) {
    (void)state;
    /* Against a direct search: some continuation makes the tail valid. */
    static const unsigned char probe[] = {'a',  0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
                                          0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xf0, 0xf4, 0xf5};
    enum { N = sizeof(probe) };
    static const unsigned char more[] = {0x80, 0x90, 0xa0};
    for (unsigned v = 0; v < N * N * N; v++) {
        char text[6] = {(char)probe[v / N / N], (char)probe[v / N % N], (char)probe[v % N]};
        size_t want = 0;
        for (size_t tail = 1; tail <= 3 && !want; tail++) {
            for (unsigned k = 0; k < 27 && !want; k++) {
                text[3] = (char)more[k / 9];
                text[4] = (char)more[k / 3 % 3];
                text[5] = (char)more[k % 3];
                uint32_t cp;
                int n = utf8_decode(text + 3 - tail, tail + 3, &cp, NULL);
                if (n > (int)tail) want = tail;
            }
        }
        if (utf8_incomplete_tail(text, 3) != want) {
            print_error("%02x %02x %02x\n", text[0] & 0xff, text[1] & 0xff, text[2] & 0xff);
            assert_int_equal(utf8_incomplete_tail(text, 3), want);
        }
    }
    assert_int_equal(utf8_incomplete_tail("", 0), 0);
    assert_int_equal(utf8_incomplete_tail("\xe2", 1), 1);
    assert_int_equal(utf8_incomplete_tail("ab\xf0\x9f\x98", 5), 3);
    assert_int_equal(utf8_incomplete_tail("ab\xf0\x9f\x98\x80", 6), 0);
}

static void case_is_that_of_ascii_alone(void **state) {
    (void)state;
    for (int c = 0; c < 256; c++) {
        char lower = ascii_lower((char)c), upper = ascii_upper((char)c);
        bool is_upper = c >= 'A' && c <= 'Z', is_lower = c >= 'a' && c <= 'z';
        assert_int_equal(lower, is_upper ? (char)(c + 32) : (char)c);
        assert_int_equal(upper, is_lower ? (char)(c - 32) : (char)c);
        assert_int_equal(ascii_is_alpha((char)c), is_upper || is_lower);
        assert_int_equal(ascii_is_digit((char)c), c >= '0' && c <= '9');
        assert_int_equal(ascii_is_alnum((char)c), (c >= '0' && c <= '9') || is_upper || is_lower);
    }
    assert_true(ascii_same("File.GGUF", "fILE.gguf"));
    assert_true(ascii_same("", ""));
    assert_false(ascii_same("a", "ab"));
    assert_false(ascii_same("ab", "a"));
    assert_false(ascii_same("\xc3\xa9", "\xc3\x89"));
    assert_true(ascii_same_n("ABx", "aby", 2));
    assert_false(ascii_same_n("ABx", "aby", 3));
    assert_true(ascii_same_n("a\0x", "A\0y", 3));
    assert_true(ascii_same_n("x", "y", 0));
    assert_true(ascii_ends_with("File.YAML", ".yaml"));
    assert_false(ascii_ends_with(".yaml", ".yaml"));
    assert_false(ascii_ends_with("l", ".yaml"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(every_code_point_goes_there_and_back),
        test_case(exactly_the_scalar_values_have_an_encoding),
        test_case(invalid_sequences_give_their_maximal_subpart),
        test_case(validity_names_the_first_bad_byte),
        test_case(lossy_text_has_one_mark_a_subpart),
        test_case(incomplete_tails_are_those_more_bytes_could_complete),
        test_case(case_is_that_of_ascii_alone),
    };
    return run_group("base/utf8", tests);
}
