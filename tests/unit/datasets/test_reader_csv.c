/* test_reader_csv.c - RFC 4180 to the letter: quotes, line ends, widths, and where an error is. */
#include "tests/support/test.h"

#include "datasets/reader.h"

/* All rows of text as compact JSON, "|" between them; or the status of the first error. */
static karma_status rows_of(const char *text, size_t len, bool tabs, struct buf *out) {
    struct reader r = {0};
    struct reader_place place = {0};
    struct arena a = {0};
    buf_clear(out);
    karma_status st = reader_open_text(&reader_csv, tabs, text, len, &r);
    while (st == KARMA_OK) {
        struct reader_row row;
        st = reader_read(&r, &place, &a, &row);
        if (st == KARMA_OK && out->len) st = buf_putc(out, '|');
        if (st == KARMA_OK) st = json_write(out, row.value, 0, JSON_COMPACT);
    }
    arena_release(&a);
    reader_close(&r);
    return st == KARMA_DONE ? KARMA_OK : st;
}

static void reads_cells_as_rfc_4180_has_them(void **state) {
    (void)state;
    static const struct {
        const char *text, *rows;
    } cases[] = {
        {"a,b\n1,2\n3,4\n", "{\"a\":\"1\",\"b\":\"2\"}|{\"a\":\"3\",\"b\":\"4\"}"},
        {"a,b\r\n1,2\r\n3,4", "{\"a\":\"1\",\"b\":\"2\"}|{\"a\":\"3\",\"b\":\"4\"}"},
        {"a,b\n,\n", "{\"a\":\"\",\"b\":\"\"}"},
        {"a,b\n\"x,\"\"y\"\"\n\r\nz\",\"\"\n", "{\"a\":\"x,\\\"y\\\"\\n\\r\\nz\",\"b\":\"\"}"},
        {"\xEF\xBB\xBF\"a\"\n\"1\"", "{\"a\":\"1\"}"},
        {"\n\na\n\n1\n\r\n2\n\n", "{\"a\":\"1\"}|{\"a\":\"2\"}"},
        {"a\n =1+1 \n", "{\"a\":\" =1+1 \"}"},
        {"a,b", ""},
        {"", ""},
        {"\n\r\n", ""},
    };
    struct buf out = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_ok(rows_of(cases[i].text, strlen(cases[i].text), false, &out));
        assert_string_equal(buf_str(&out), cases[i].rows);
    }
    static const char tabs[] = "a\tb\n1,5\t\"2\t3\"\n";
    assert_ok(rows_of(tabs, strlen(tabs), true, &out));
    assert_string_equal(buf_str(&out), "{\"a\":\"1,5\",\"b\":\"2\\t3\"}");
    buf_release(&out);
}

static void names_the_line_of_an_error(void **state) {
    (void)state;
    static const struct {
        const char *text;
        karma_status status;
        const char *message;
    } cases[] = {
        {"a,b\n\"1,2\n\n3", KARMA_E_SYNTAX, "line 2: quoted cell without an end"},
        {"a,b\n1,2\"3\n", KARMA_E_SYNTAX,
         "line 2: quote inside a cell that does not begin with one"},
        {"a,b\n\"1\"x,2\n", KARMA_E_SYNTAX, "line 2: text after a cell's closing quote"},
        {"a,b\n\"1\n2\n3\",4\n5\n", KARMA_E_SYNTAX, "line 5: 1 cells where 2 were expected"},
        {"a,b\n1,2\n3,4,5\n", KARMA_E_SYNTAX, "line 3: more than the expected 2 cells"},
        {"a,,b\n1,2,3\n", KARMA_E_SYNTAX, "line 1: column 2 has no name"},
        {"\na,b,a\n1,2,3\n", KARMA_E_DUPLICATE, "line 2: columns 1 and 3 are both 'a'"},
        {"a;b\n1;2\n", KARMA_E_SYNTAX, "line 1: one column; separators must be commas, not ';'"},
        {"a,b\n1\r2,3\n", KARMA_E_SYNTAX, "line 2: carriage return without a line feed"},
        {"a,b\n1,\xFF\n", KARMA_E_ENCODING, "line 2: not valid UTF-8"},
        {"a,b\n1,\"2\n\xC3\"\n", KARMA_E_ENCODING, "line 2: not valid UTF-8"},
    };
    struct buf out = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_status(rows_of(cases[i].text, strlen(cases[i].text), false, &out), cases[i].status);
        assert_string_equal(karma_error_message(), cases[i].message);
    }
    assert_status(rows_of("a\n1\0\n", 5, false, &out), KARMA_E_SYNTAX);
    assert_string_equal(karma_error_message(), "line 2: cell with a NUL character");
    buf_release(&out);
}

static void bounds_the_number_of_columns(void **state) {
    (void)state;
    struct buf text = {0}, out = {0};
    for (int i = 0; i < 10001; i++)
        assert_ok(buf_printf(&text, "%sc%d", i ? "," : "", i));
    assert_status(rows_of(text.data, text.len, false, &out), KARMA_E_LIMIT);
    buf_release(&text);
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(reads_cells_as_rfc_4180_has_them),
        test_case(names_the_line_of_an_error),
        test_case(bounds_the_number_of_columns),
    };
    return run_group("datasets/reader_csv", tests);
}
