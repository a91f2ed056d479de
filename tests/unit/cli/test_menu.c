/* test_menu.c - what a list and a line make of keys, and answers to numbered questions. */
#include "cli/args.c"
#include "cli/menu_plain.c"
#include "cli/menu_state.c"
#include "cli/output.c"
#include "cli/terminal.c"
#include "cli/text_out.c"

#include "tests/support/test.h"

static enum list_event press(struct list_state *l, const char *keys) {
    enum list_event event = LIST_GOES_ON;
    for (const char *p = keys; *p && event == LIST_GOES_ON;) {
        struct key key;
        p += key_decode((const unsigned char *)p, strlen(p), true, &key);
        event = list_key(l, &key, 3);
    }
    return event;
}

static const struct list_item five[] = {{"alpha", "text 1B"},
                                        {"beta", "audio"},
                                        {"Gamma", "text 4B"},
                                        {"delta", NULL},
                                        {"echo", "text"}};

static void moves_within_what_is_shown(void **state) {
    struct list_state l = {.items = five, .n = 5, .filtered = true};
    (void)state;
    press(&l, "\033[A");
    assert_int_equal(l.at, 0);
    press(&l, "\033[B\033[B");
    assert_int_equal(l.at, 2);
    press(&l, "\033[6~");
    assert_int_equal(l.at, 4);
    press(&l, "\033[H");
    assert_int_equal(l.at, 0);
    press(&l, "text");
    assert_int_equal(l.at, 0);
    press(&l, "\033[B");
    assert_int_equal(l.at, 2);
    press(&l, "\033[F");
    assert_int_equal(l.at, 4);
    assert_int_equal(press(&l, "\r"), LIST_TAKEN);
}

static void filters_by_all_words_without_case(void **state) {
    struct list_state l = {.items = five, .n = 5, .filtered = true};
    (void)state;
    press(&l, "gAM 4b");
    assert_int_equal(l.at, 2);
    assert_int_equal(shown_between(&l, 0, 5), 1);
    press(&l, "x");
    assert_int_equal(l.at, 5);
    assert_int_equal(press(&l, "\r"), LIST_GOES_ON);
    assert_int_equal(press(&l, "\033"), LIST_GOES_ON); /* clears the filter first */
    assert_int_equal(shown_between(&l, 0, 5), 5);
    assert_int_equal(press(&l, "\033"), LIST_BACK);
    press(&l, "beq");
    assert_string_equal(l.filter, "beq");
    press(&l, "\x7f");
    assert_int_equal(l.at, 1);
    assert_int_equal(press(&l, "\x03"), LIST_LEAVE);
}

static void a_filter_has_an_end(void **state) {
    struct list_state l = {.items = five, .n = 5, .filtered = true};
    (void)state;
    for (int i = 0; i < 100; i++)
        press(&l, "\xe0\xa4\x95");
    assert_true(strlen(l.filter) < sizeof(l.filter));
    press(&l, "\x7f");
    assert_int_equal(strlen(l.filter) % 3, 0);
    press(&l, "\x15");
    assert_string_equal(l.filter, "");
}

static void q_goes_back_where_nothing_is_typed(void **state) {
    struct list_state l = {.items = five, .n = 5};
    (void)state;
    assert_int_equal(press(&l, "x"), LIST_GOES_ON);
    assert_int_equal(press(&l, "q"), LIST_BACK);
}

static void the_space_bar_marks(void **state) {
    bool marked[5] = {false};
    struct list_state l = {.items = five, .n = 5, .filtered = true, .marked = marked};
    (void)state;
    press(&l, " \033[B\033[B ");
    assert_true(marked[0] && !marked[1] && marked[2]);
    press(&l, " ");
    assert_false(marked[2]);
    assert_int_equal(press(&l, "zzz\r"), LIST_TAKEN); /* what is marked stays so, shown or not */
    assert_true(marked[0]);
    press(&l, " ");
    assert_true(marked[0]);
}

static const char *drawn(struct list_state *l, int rows, int columns) {
    static char text[4096];
    struct frame f;
    frame_begin(&f, rows, columns, true, false);
    list_draw(l, &f, (size_t)rows);
    snprintf(text, sizeof(text), "%s", f.text.text ? f.text.text : "");
    text_free(&f.text);
    return text;
}

static void scrolls_to_the_cursor(void **state) {
    struct list_state l = {.items = five, .n = 5, .filtered = true};
    (void)state;
    assert_string_equal(drawn(&l, 2, 20), "> alpha  text 1B\033[K\r\n  beta   audio\033[K");
    press(&l, "\033[F");
    assert_string_equal(drawn(&l, 2, 20), "  delta\033[K\r\n> echo   text\033[K");
    assert_string_equal(drawn(&l, 4, 8),
                        "  beta  \033[K\r\n  Gamma \033[K\r\n  delta\033[K\r\n> echo  \033[K");
    press(&l, "none such");
    assert_string_equal(drawn(&l, 2, 40), "  (nothing fits)\033[K");
}

static void edits_a_line(void **state) {
    struct line_state l;
    static const char keys[] = "\033[D\033[D\xe0\xa4\x95\x7f"
                               "X\033[3~\x01"
                               "<\x05>\x7f";
    (void)state;
    line_begin(&l, "ab cd");
    for (const char *p = keys; *p;) {
        struct key key;
        p += key_decode((const unsigned char *)p, strlen(p), true, &key);
        line_key(&l, &key);
    }
    assert_string_equal(l.text, "<ab Xd");
    line_key(&l, &(struct key){.kind = KEY_WORD});
    assert_string_equal(l.text, "<ab ");
    line_key(&l, &(struct key){.kind = KEY_CLEAR});
    assert_string_equal(l.text, "");
    line_key(&l, &(struct key){.kind = KEY_BACKSPACE});
    line_key(&l, &(struct key){.kind = KEY_DELETE});
    line_key(&l, &(struct key){.kind = KEY_RIGHT});
    assert_int_equal(l.at, 0);
    for (int i = 0; i < 2 * LINE_BYTES; i++)
        line_key(&l, &(struct key){.kind = KEY_TEXT, .text = "\xc3\xa9"});
    assert_true(l.len < LINE_BYTES && l.len % 2 == 0);
    struct frame f;
    frame_begin(&f, 2, 10, true, false);
    line_draw(&l, &f);
    assert_true(f.cursor_column < 10);
    text_free(&f.text);
}

static void reads_numbers_ranges_and_names(void **state) {
    bool m[5];
    char why[256];
    (void)state;
    assert_true(plain_parse("1, 3-4", five, 5, m, why, sizeof(why)));
    assert_true(m[0] && !m[1] && m[2] && m[3] && !m[4]);
    assert_true(plain_parse("echo,beta", five, 5, m, why, sizeof(why)));
    assert_true(!m[0] && m[1] && m[4]);
    static const char *const wrong[] = {
        "0", "6", "3-2", "1-9", "-", "1,,2", "gamma", "1;2", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(plain_parse(wrong[i], five, 5, m, why, sizeof(why)));
        assert_non_null(strstr(why, "expected a number from 1 to 5"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(moves_within_what_is_shown),
        test_case(filters_by_all_words_without_case),
        test_case(a_filter_has_an_end),
        test_case(q_goes_back_where_nothing_is_typed),
        test_case(the_space_bar_marks),
        test_case(scrolls_to_the_cursor),
        test_case(edits_a_line),
        test_case(reads_numbers_ranges_and_names),
    };
    return run_group("cli/menu", tests);
}
