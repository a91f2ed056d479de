/* test_byte_alphabet.c */
#include "text/byte_alphabet.h"

#include "base/utf8.h"
#include "tests/support/test.h"

static void every_byte_has_a_spelling_of_its_own(void **state) {
    (void)state;
    for (int a = 0; a < 256; a++) {
        uint32_t cp = byte_alphabet_cp((unsigned char)a);
        assert_true(cp > 0x20 && cp != 0x7F && cp != 0xAD && cp < 0x144);
        assert_int_equal(byte_alphabet_byte(cp), a);
    }
    assert_int_equal(byte_alphabet_cp(' '), 0x120);
    assert_int_equal(byte_alphabet_cp('\n'), 0x10A);
    assert_int_equal(byte_alphabet_cp(0x7F), 0x121);
    assert_int_equal(byte_alphabet_cp(0xA0), 0x142);
    assert_int_equal(byte_alphabet_cp(0xAD), 0x143);
}

static void other_characters_spell_no_byte(void **state) {
    (void)state;
    int n = 0;
    for (uint32_t cp = 0; cp < 0x110000; cp++)
        n += byte_alphabet_byte(cp) >= 0;
    assert_int_equal(n, 256);
    assert_int_equal(byte_alphabet_byte(' '), -1);
    assert_int_equal(byte_alphabet_byte(0x144), -1);
}

static void decodes_a_whole_spelling_or_refuses(void **state) {
    (void)state;
    char out[16];
    size_t n;
    assert_true(byte_alphabet_decode("\xC4\xA0the", 5, out, &n)); /* U+0120 */
    assert_int_equal(n, 4);
    assert_memory_equal(out, " the", 4);
    assert_false(byte_alphabet_decode("a b", 3, out, &n));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(every_byte_has_a_spelling_of_its_own),
        test_case(other_characters_spell_no_byte),
        test_case(decodes_a_whole_spelling_or_refuses),
    };
    return run_group("text/byte_alphabet", tests);
}
