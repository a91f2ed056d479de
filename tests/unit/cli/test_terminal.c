/* test_terminal.c - keys from bytes, and a screen of lines; the program's files are taken in here.
 */
#include "cli/terminal.c"
#include "cli/text_out.c"

#include "tests/support/test.h"

static enum key_kind decode(const char *bytes, size_t n, bool ended, size_t *used) {
    struct key key;
    *used = key_decode((const unsigned char *)bytes, n, ended, &key);
    return key.kind;
}

static void knows_the_keys_of_terminals(void **state) {
    static const struct {
        const char *bytes;
        enum key_kind key;
    } cases[] = {{"\033[A", KEY_UP},       {"\033OA", KEY_UP},         {"\033[B", KEY_DOWN},
                 {"\033[C", KEY_RIGHT},    {"\033[D", KEY_LEFT},       {"\033[H", KEY_HOME},
                 {"\033[1~", KEY_HOME},    {"\033[4~", KEY_END},       {"\033[3~", KEY_DELETE},
                 {"\033[5~", KEY_PAGE_UP}, {"\033[6~", KEY_PAGE_DOWN}, {"\033[1;5A", KEY_UP},
                 {"\r", KEY_ENTER},        {"\n", KEY_ENTER},          {"\t", KEY_TAB},
                 {"\x7f", KEY_BACKSPACE},  {"\b", KEY_BACKSPACE},      {"\x03", KEY_INTERRUPT},
                 {"\x1a", KEY_SUSPEND},    {"\x15", KEY_CLEAR},        {"\x17", KEY_WORD},
                 {"\f", KEY_REDRAW},       {"\033[200~", KEY_OTHER},   {"\x02", KEY_OTHER}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t used;
        const size_t n = strlen(cases[i].bytes);
        assert_int_equal(decode(cases[i].bytes, n, false, &used), cases[i].key);
        assert_int_equal(used, n);
    }
}

static void waits_for_the_rest_of_a_key(void **state) {
    size_t used;
    (void)state;
    decode("\033", 1, false, &used);
    assert_int_equal(used, 0);
    assert_int_equal(decode("\033", 1, true, &used), KEY_ESCAPE);
    assert_int_equal(used, 1);
    decode("\033[", 2, false, &used);
    assert_int_equal(used, 0);
    decode("\033[1;", 4, false, &used);
    assert_int_equal(used, 0);
    decode("\xe0\xa4", 2, false, &used);
    assert_int_equal(used, 0);
    assert_int_equal(decode("\033q", 2, false, &used), KEY_ESCAPE);
    assert_int_equal(used, 1);
}

static void takes_characters_whole_and_drops_what_is_none(void **state) {
    struct key key;
    size_t used;
    (void)state;
    assert_int_equal(key_decode((const unsigned char *)"\xe0\xa4\x95z", 4, false, &key), 3);
    assert_int_equal(key.kind, KEY_TEXT);
    assert_string_equal(key.text, "\xe0\xa4\x95");
    assert_int_equal(decode("\xff", 1, false, &used), KEY_OTHER);
    assert_int_equal(used, 1);
    assert_int_equal(decode("\xe0z", 2, false, &used), KEY_OTHER);
    assert_int_equal(used, 1);
}

static void makes_progress_on_any_bytes(void **state) {
    unsigned seed = 7;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        unsigned char bytes[64];
        struct key key;
        size_t n = sizeof(bytes);
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1103515245u + 12345u;
            bytes[i] = (unsigned char)(seed >> 16);
            if (seed % 5 == 0) bytes[i] = 27;
            if (seed % 5 == 1) bytes[i] = '[';
        }
        const size_t used = key_decode(bytes, n, false, &key);
        assert_true(used > 0 && used <= n); /* 64 bytes without a key would stand still for ever */
        const size_t part = seed % 8 + 1;
        assert_true(key_decode(bytes, part, true, &key) > 0);
    }
}

static void cuts_lines_and_keeps_control_out(void **state) {
    struct frame f;
    (void)state;
    frame_begin(&f, 3, 8, true, false);
    frame_line(&f, LINE_CHOSEN, "a\033[2Jbcdefghijk");
    frame_line(&f, LINE_PLAIN, "\xe0\xa4\x95\xe0\xa4\x96\xc2\x9b");
    frame_line(&f, LINE_PLAIN, "\xff");
    frame_line(&f, LINE_PLAIN, "there is no fourth row");
    assert_string_equal(f.text.text,
                        "a?[2Jbcd\033[K\r\n\xe0\xa4\x95\xe0\xa4\x96?\033[K\r\n?\033[K");
    text_free(&f.text);
    frame_begin(&f, 1, 8, false, true);
    frame_line(&f, LINE_ERROR, "\xe0\xa4\x95!");
    assert_string_equal(f.text.text, "\033[31m?!\033[0m\033[K");
    text_free(&f.text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(knows_the_keys_of_terminals),
        test_case(waits_for_the_rest_of_a_key),
        test_case(takes_characters_whole_and_drops_what_is_none),
        test_case(makes_progress_on_any_bytes),
        test_case(cuts_lines_and_keeps_control_out),
    };
    return run_group("cli/terminal", tests);
}
