/* test_reader_jsonl.c - one object a line, and the line and column of what is not one. */
#include "tests/support/test.h"

#include "datasets/reader.h"

static karma_status nth(const char *text, size_t len, int n, struct reader_row *row,
                        struct arena *a) {
    struct reader r = {0};
    struct reader_place place = {0};
    karma_status st = reader_open_text(&reader_jsonl, false, text, len, &r);
    for (int i = 0; i < n && st == KARMA_OK; i++)
        st = reader_read(&r, &place, a, row);
    reader_close(&r);
    return st;
}

static void skips_blank_lines_and_counts_them(void **state) {
    (void)state;
    static const char text[] =
        "\xEF\xBB\xBF{\"a\": 1}\r\n\r\n \t\n{\"a\": 2}\n{\"a\": 3, \"a\": 4}";
    struct arena a = {0};
    struct reader_row row;
    assert_ok(nth(text, strlen(text), 1, &row, &a));
    assert_int_equal(row.line_no, 1);
    assert_false(row.duplicates);
    assert_ok(nth(text, strlen(text), 2, &row, &a));
    assert_int_equal(row.line_no, 4);
    assert_ok(nth(text, strlen(text), 3, &row, &a));
    assert_int_equal(row.line_no, 5);
    assert_true(row.duplicates);
    assert_int_equal(json_get(row.value, "a")->u.integer, 4);
    assert_int_equal(nth(text, strlen(text), 4, &row, &a), KARMA_DONE);
    arena_release(&a);
}

static void names_line_and_column(void **state) {
    (void)state;
    static const struct {
        const char *line;
        karma_status status;
        const char *message;
    } cases[] = {
        {"{\"a\": 1,}", KARMA_E_SYNTAX, "line 3, column 9: expected a key in quotes, found '}'"},
        {"[1]", KARMA_E_TYPE, "line 3: expected an object, found array"},
        {"{\"a\": NaN}", KARMA_E_SYNTAX, "line 3, column 7: expected a value, found 'N'"},
        {"{\"a\": \"\\ud800\"}", KARMA_E_SYNTAX, "line 3, column 8: half of a surrogate pair"},
        {"{\"a\": \"\xFF\"}", KARMA_E_ENCODING, "line 3, column 8: not valid UTF-8"},
        {"\xEF\xBB\xBF{}", KARMA_E_SYNTAX,
         "line 3, column 1: expected a value, found '\\xef\\xbb\\xbf'"},
        {"{} {}", KARMA_E_SYNTAX, "line 3, column 4: expected the end, found '{'"},
        {"{\"a\": \"two", KARMA_E_SYNTAX, "line 3, column 7: string without an end"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena a = {0};
        struct reader_row row;
        char text[100];
        snprintf(text, sizeof(text), "{}\n{}\n%s\n{}\n", cases[i].line);
        assert_status(nth(text, strlen(text), 3, &row, &a), cases[i].status);
        assert_string_equal(karma_error_message(), cases[i].message);
        arena_release(&a);
    }
    struct arena a = {0};
    struct reader_row row;
    assert_status(nth("{\0}", 3, 1, &row, &a), KARMA_E_SYNTAX);
    arena_release(&a);
}

static void bounds_the_length_of_a_line(void **state) {
    (void)state;
    struct buf text = {0};
    struct arena a = {0};
    struct reader_row row;
    assert_ok(buf_reserve(&text, READER_MAX_ROW + 2));
    memset(text.data, 'x', READER_MAX_ROW + 1);
    assert_status(nth(text.data, READER_MAX_ROW + 1, 1, &row, &a), KARMA_E_LIMIT);
    assert_string_equal(karma_error_message(), "line 1: longer than 64 MiB");
    buf_release(&text);
    arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(skips_blank_lines_and_counts_them),
        test_case(names_line_and_column),
        test_case(bounds_the_length_of_a_line),
    };
    return run_group("datasets/reader_jsonl", tests);
}
