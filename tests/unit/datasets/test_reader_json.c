/* test_reader_json.c - arrays of rows and objects of named rows, with the line of each. */
#include "tests/support/test.h"

#include "datasets/reader.h"

static void reads_arrays_and_named_rows(void **state) {
    (void)state;
    static const char array[] = "\n[ {\"a\": 1},\n  {\"a\": [\n2]}\n, {}]\n";
    static const char named[] = "{\"x\\u0031\" : {\"a\": 1},\n\n\"y:\\\"\"\n:\n{\"a\": 2}}";
    struct reader r = {0};
    struct reader_place place = {0}, second;
    struct reader_row row;
    struct arena a = {0};
    assert_ok(reader_open_text(&reader_json, false, array, strlen(array), &r));
    assert_ok(reader_read(&r, &place, &a, &row));
    assert_int_equal(row.line_no, 2);
    assert_null(row.key);
    second = place;
    assert_ok(reader_read(&r, &place, &a, &row));
    assert_int_equal(row.line_no, 3);
    assert_ok(reader_read(&r, &place, &a, &row));
    assert_int_equal(row.line_no, 5);
    assert_int_equal(reader_read(&r, &place, &a, &row), KARMA_DONE);
    assert_ok(reader_read(&r, &second, &a, &row)); /* again, out of order */
    assert_int_equal(json_at(json_get(row.value, "a"), 0)->u.integer, 2);
    reader_close(&r);

    place = (struct reader_place){0};
    assert_ok(reader_open_text(&reader_json, false, named, strlen(named), &r));
    assert_ok(reader_read(&r, &place, &a, &row));
    assert_string_equal(row.key, "x1");
    assert_ok(reader_read(&r, &place, &a, &row));
    assert_string_equal(row.key, "y:\"");
    assert_int_equal(row.line_no, 5);
    assert_int_equal(json_get(row.value, "a")->u.integer, 2);
    reader_close(&r);
    arena_release(&a);
}

static void refuses_other_files_whole(void **state) {
    (void)state;
    static const struct {
        const char *text;
        karma_status status;
        const char *message;
    } cases[] = {
        {"5", KARMA_E_TYPE, "line 1: expected an array of rows or an object of named rows"},
        {"[{}, 5]", KARMA_E_TYPE, "line 1: a row must be an object"},
        {"{\"a\":\n[1]}", KARMA_E_TYPE, "line 2: a row must be an object"},
        {"[{}\n{}]", KARMA_E_SYNTAX, "line 2, column 1: expected ',' or ']', found '{'"},
        {"[{},\n{\"a\": NaN}]", KARMA_E_SYNTAX, "line 2, column 7: expected a value, found 'N'"},
        {"[{}] x", KARMA_E_SYNTAX, "line 1, column 6: expected the end, found 'x'"},
        {"[{}", KARMA_E_SYNTAX, "line 1, column 4: expected ',' or ']', found the end"},
        {"", KARMA_E_SYNTAX, "line 1, column 1: expected a value, found the end"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct reader r = {0};
        assert_status(
            reader_open_text(&reader_json, false, cases[i].text, strlen(cases[i].text), &r),
            cases[i].status);
        assert_string_equal(karma_error_message(), cases[i].message);
        reader_close(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(reads_arrays_and_named_rows),
        test_case(refuses_other_files_whole),
    };
    return run_group("datasets/reader_json", tests);
}
