/* test_json.c - trees: parsing, fields, building, writing, numbers as Python writes them. */
#include "tests/support/test.h"

#include <locale.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

static karma_status parse_text(struct arena *a, const char *text, const struct json **out) {
    return json_parse(a, text, strlen(text), JSON_LAST_WINS, out);
}

static void parses_every_kind_of_value_in_file_order(void **state) {
    (void)state;
    struct arena a = {0};
    const struct json *j;
    assert_int_equal(parse_text(&a,
                                " {\"z\": [1, -2.5, true, false, null, \"h\\u00e9\\ud83d\\ude00\"],"
                                " \"a\": {}, \"\": []} ",
                                &j),
                     KARMA_OK);
    assert_int_equal(json_count(j), 3);
    assert_string_equal(j->u.object.members[0].key, "z");
    assert_string_equal(j->u.object.members[1].key, "a");
    assert_string_equal(j->u.object.members[2].key, "");
    const struct json *z = json_get(j, "z");
    assert_int_equal(json_count(z), 6);
    assert_int_equal(json_at(z, 0)->u.integer, 1);
    assert_true(json_at(z, 1)->u.real == -2.5);
    assert_true(json_at(z, 2)->u.boolean);
    assert_false(json_at(z, 3)->u.boolean);
    assert_true(json_is_null(json_at(z, 4)));
    assert_string_equal(json_str(json_at(z, 5), NULL), "h\xC3\xA9\xF0\x9F\x98\x80");
    assert_null(json_at(z, 6));
    assert_null(json_get(j, "b"));
    assert_null(json_get(z, "a"));
    assert_string_equal(json_type_name(NULL), "absent");
    assert_string_equal(json_type_name(z), "array");
    arena_release(&a);
}

static void keeps_integers_exact_and_makes_reals_of_larger_ones(void **state) {
    (void)state;
    struct arena a = {0};
    const struct json *j;
    assert_int_equal(parse_text(&a,
                                "[9223372036854775807, -9223372036854775808, 9223372036854775808,"
                                " 1000000000000000019884624838656, -0, 9007199254740993]",
                                &j),
                     KARMA_OK);
    assert_true(json_at(j, 0)->u.integer == INT64_MAX);
    assert_true(json_at(j, 1)->u.integer == INT64_MIN);
    assert_int_equal(json_at(j, 2)->type, JSON_REAL);
    assert_true(json_at(j, 2)->u.real == 0x1p63);
    assert_true(json_at(j, 3)->u.real == 1e30);
    assert_int_equal(json_at(j, 4)->u.integer, 0);
    assert_true(json_at(j, 5)->u.integer == 9007199254740993);
    arena_release(&a);
}

static void keeps_nul_characters_inside_strings(void **state) {
    (void)state;
    struct arena a = {0};
    const struct json *j;
    const char *field;
    assert_ok(parse_text(&a, "{\"a\": \"x\\u0000y\"}", &j));
    assert_int_equal(json_get(j, "a")->u.string.len, 3);
    assert_memory_equal(json_get(j, "a")->u.string.data, "x\0y", 4);
    assert_status(json_field_str(j, "a", NULL, &field), KARMA_E_RANGE);
    arena_release(&a);
}

static void refuses_what_is_not_json_and_says_where(void **state) {
    (void)state;
    static const struct {
        const char *text;
        karma_status status;
        const char *message;
    } cases[] = {
        {"", KARMA_E_SYNTAX, "line 1, column 1: expected a value, found the end"},
        {"{\"a\":\n  \xC3\xA9}", KARMA_E_SYNTAX,
         "line 2, column 3: expected a value, found '\\xc3\\xa9'"},
        {"[1,]", KARMA_E_SYNTAX, "line 1, column 4: expected a value, found ']'"},
        {"{\"a\":1,}", KARMA_E_SYNTAX, "line 1, column 8: expected a key in quotes, found '}'"},
        {"{\"\xC3\xA9\" 1}", KARMA_E_SYNTAX, "line 1, column 6: expected ':', found '1'"},
        {"[1 2]", KARMA_E_SYNTAX, "line 1, column 4: expected ',' or ']', found '2'"},
        {"{\"a\":1]", KARMA_E_SYNTAX, "line 1, column 7: expected ',' or '}', found ']'"},
        {"1 2", KARMA_E_SYNTAX, "line 1, column 3: expected the end, found '2'"},
        {"NaN", KARMA_E_SYNTAX, "line 1, column 1: expected a value, found 'N'"},
        {"-Infinity", KARMA_E_SYNTAX, "line 1, column 2: expected a digit, found 'I'"},
        {"nul", KARMA_E_SYNTAX, "line 1, column 1: expected a value, found 'n'"},
        {"01", KARMA_E_SYNTAX, "line 1, column 1: number with a leading zero"},
        {"1.", KARMA_E_SYNTAX, "line 1, column 3: expected a digit after the point, found the end"},
        {"1e+", KARMA_E_SYNTAX,
         "line 1, column 4: expected a digit of the exponent, found the end"},
        {".5", KARMA_E_SYNTAX, "line 1, column 1: expected a value, found '.'"},
        {"+1", KARMA_E_SYNTAX, "line 1, column 1: expected a value, found '+'"},
        {"1e400", KARMA_E_RANGE, "line 1, column 1: number too large for a double"},
        {"\"a", KARMA_E_SYNTAX, "line 1, column 1: string without an end"},
        {"\"a\nb\"", KARMA_E_SYNTAX, "line 1, column 3: control character in a string"},
        {"\"\\x\"", KARMA_E_SYNTAX, "line 1, column 2: unknown escape in a string"},
        {"\"\\u12g4\"", KARMA_E_SYNTAX, "line 1, column 2: \\u needs four hexadecimal digits"},
        {"\"\\ud800\"", KARMA_E_SYNTAX, "line 1, column 2: half of a surrogate pair"},
        {"\"\\ud800\\u0041\"", KARMA_E_SYNTAX, "line 1, column 2: half of a surrogate pair"},
        {"\"\\udc00\"", KARMA_E_SYNTAX, "line 1, column 2: half of a surrogate pair"},
        {"\"\xC0\x80\"", KARMA_E_ENCODING, "line 1, column 2: not valid UTF-8"},
        {"\xEF\xBB\xBF{}", KARMA_E_SYNTAX,
         "line 1, column 1: expected a value, found '\\xef\\xbb\\xbf'"},
        {"// no\n1", KARMA_E_SYNTAX, "line 1, column 1: expected a value, found '/'"},
        {"'a'", KARMA_E_SYNTAX, "line 1, column 1: expected a value, found '''"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena a = {0};
        const struct json *j = (const struct json *)&a;
        assert_int_equal(parse_text(&a, cases[i].text, &j), cases[i].status);
        assert_null(j);
        assert_string_equal(karma_error_message(), cases[i].message);
        arena_release(&a);
    }
}

static void limits_depth_to_64(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf text = {0};
    const struct json *j;
    for (int depth = 64; depth <= 65; depth++) {
        buf_clear(&text);
        for (int i = 0; i < depth; i++)
            assert_ok(buf_putc(&text, '['));
        for (int i = 0; i < depth; i++)
            assert_ok(buf_putc(&text, ']'));
        assert_int_equal(json_parse(&a, text.data, text.len, 0, &j),
                         depth == 64 ? KARMA_OK : KARMA_E_LIMIT);
    }
    assert_string_equal(karma_error_message(), "line 1, column 65: nested more than 64 deep");
    buf_release(&text);
    arena_release(&a);
}

static void gives_the_last_of_equal_keys_or_refuses_them(void **state) {
    (void)state;
    static const char text[] = "{\"a\": 1, \"b\": 2,\n \"\\u0061\": {\"a\": 3}, \"b\": 4}";
    struct arena a = {0};
    const struct json *j;
    assert_ok(parse_text(&a, text, &j));
    assert_int_equal(json_count(j), 2);
    assert_string_equal(j->u.object.members[0].key, "a");
    assert_int_equal(json_get(json_get(j, "a"), "a")->u.integer, 3);
    assert_int_equal(json_get(j, "b")->u.integer, 4);
    assert_int_equal(json_parse(&a, text, strlen(text), JSON_REJECT_DUPLICATES, &j),
                     KARMA_E_DUPLICATE);
    assert_string_equal(karma_error_message(), "line 2, column 2: key given twice in an object");
    arena_release(&a);
}

static void finds_equal_keys_in_large_objects_too(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf text = {0};
    const struct json *j;
    assert_ok(buf_putc(&text, '{'));
    for (int i = 0; i < 1000; i++)
        assert_ok(buf_printf(&text, "\"k%d\": %d, ", i % 700, i));
    assert_ok(buf_puts(&text, "\"last\": 0}"));
    assert_ok(json_parse(&a, text.data, text.len, 0, &j));
    assert_int_equal(json_count(j), 701);
    assert_int_equal(json_get(j, "k0")->u.integer, 700);
    assert_int_equal(json_get(j, "k699")->u.integer, 699);
    assert_int_equal(json_parse(&a, text.data, text.len, JSON_REJECT_DUPLICATES, &j),
                     KARMA_E_DUPLICATE);
    buf_release(&text);
    arena_release(&a);
}

static void reads_typed_fields_and_names_the_wrong_one(void **state) {
    (void)state;
    struct arena a = {0};
    const struct json *j;
    int64_t i;
    double r;
    bool b;
    const char *s;
    assert_int_equal(parse_text(&a,
                                "{\"i\": 28, \"whole\": 28.0, \"half\": 28.5, \"big\": 1e30,"
                                " \"s\": \"x\", \"n\": null, \"b\": true}",
                                &j),
                     KARMA_OK);
    assert_ok(json_field_int(j, "i", 0, 28, 5, &i));
    assert_int_equal(i, 28);
    assert_ok(json_field_int(j, "whole", 0, 100, 5, &i));
    assert_int_equal(i, 28);
    assert_ok(json_field_int(j, "n", 0, 100, 5, &i));
    assert_int_equal(i, 5);
    assert_status(json_field_int(j, "half", 0, 100, 5, &i), KARMA_E_TYPE);
    assert_status(json_field_int(j, "s", 0, 100, 5, &i), KARMA_E_TYPE);
    assert_string_equal(karma_error_message(), "s: wrong type (expected integer, found string)");
    assert_status(json_field_int(j, "big", 0, 100, 5, &i), KARMA_E_RANGE);
    assert_status(json_field_int(j, "i", 0, 27, 5, &i), KARMA_E_RANGE);
    assert_string_equal(karma_error_message(), "i: out of range (expected 0 to 27, found 28)");
    assert_status(json_need_int(j, "n", 0, 100, &i), KARMA_E_MISSING);
    assert_string_equal(karma_error_message(), "n: null, but required");
    assert_status(json_need_int(j, "gone", 0, 100, &i), KARMA_E_MISSING);
    assert_string_equal(karma_error_message(), "gone: absent, but required");
    assert_ok(json_field_real(j, "i", 0.5, &r));
    assert_true(r == 28);
    assert_ok(json_field_real(j, "gone", 0.5, &r));
    assert_true(r == 0.5);
    assert_status(json_field_real(j, "b", 0.5, &r), KARMA_E_TYPE);
    assert_ok(json_field_bool(j, "b", false, &b));
    assert_true(b);
    assert_status(json_field_bool(j, "i", false, &b), KARMA_E_TYPE);
    assert_ok(json_field_str(j, "s", "d", &s));
    assert_string_equal(s, "x");
    assert_status(json_need_str(j, "i", &s), KARMA_E_TYPE);
    assert_status(json_need_str(NULL, "i", &s), KARMA_E_MISSING);
    arena_release(&a);
}

static void writes_as_python_does(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf out = {0};
    const struct json *j;
    assert_int_equal(
        parse_text(&a,
                   "{\"a\":[1,2.0,{}],\"b\":[],\"c\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001"
                   "\\u007f\\u00e9\\ud83d\\ude00\",\"d\":{\"e\":null,\"f\":false}}",
                   &j),
        KARMA_OK);
    assert_ok(json_write(&out, j, 0, JSON_PYTHON));
    assert_string_equal(buf_str(&out),
                        "{\"a\": [1, 2.0, {}], \"b\": [], \"c\": \"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001"
                        "\x7F\xC3\xA9\xF0\x9F\x98\x80\", \"d\": {\"e\": null, \"f\": false}}");
    buf_clear(&out);
    assert_ok(json_write(&out, j, 0, JSON_COMPACT | JSON_ASCII));
    assert_string_equal(buf_str(&out),
                        "{\"a\":[1,2.0,{}],\"b\":[],\"c\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001"
                        "\\u007f\\u00e9\\ud83d\\ude00\",\"d\":{\"e\":null,\"f\":false}}");
    buf_clear(&out);
    assert_int_equal(json_write(&out, json_get(j, "d"), 2, JSON_PYTHON), KARMA_OK);
    assert_string_equal(buf_str(&out), "{\n  \"e\": null,\n  \"f\": false\n}");
    buf_clear(&out);
    assert_int_equal(json_write(&out, json_get(j, "a"), 1, JSON_PYTHON), KARMA_OK);
    assert_string_equal(buf_str(&out), "[\n 1,\n 2.0,\n {}\n]");
    buf_clear(&out);
    assert_ok(json_write(&out, NULL, 0, 0));
    assert_string_equal(buf_str(&out), "null");
    assert_status(json_write(&out, json_new_real(&a, NAN), 0, 0), KARMA_E_NONFINITE);
    assert_status(json_write(&out, json_new_string(&a, "\xFF"), 0, 0), KARMA_E_ENCODING);
    buf_release(&out);
    arena_release(&a);
}

/* The expected texts are what Python 3.11's repr() gives. */
static void formats_reals_as_python_repr(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {100.0, "100.0"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},
        {123456789012345678.0, "1.2345678901234568e+17"},
        {0.0001, "0.0001"},
        {0.00012345, "0.00012345"},
        {0.00001, "1e-05"},
        {1e-300, "1e-300"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {9007199254740993.0, "9007199254740992.0"},
        {0x1p-44, "5.684341886080802e-14"},
        {7.1202363472230444e-307, "7.120236347223045e-307"},
        {NAN, "nan"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
    };
    char out[32];
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(json_format_real(cases[i].value, out), strlen(cases[i].text));
        assert_string_equal(out, cases[i].text);
    }
}

static void reads_back_what_it_formats(void **state) {
    (void)state;
    uint64_t x = 88172645463325252u; /* xorshift64: any bits will do */
    for (int i = 0; i < 20000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        double v, back;
        char out[32];
        memcpy(&v, &x, sizeof(v));
        if (!isfinite(v)) continue;
        assert_true(json_parse_real(out, json_format_real(v, out), &back));
        assert_memory_equal(&v, &back, sizeof(v));
    }
}

static void formats_floats_with_the_fewest_digits(void **state) {
    (void)state;
    static const struct {
        float value;
        const char *text;
    } cases[] = {
        {0, "0.0"},
        {-0.1f, "-0.1"},
        {1, "1.0"},
        {16777216, "16777216.0"},
        {3.14159274f, "3.1415927"},
        {1e-20f, "1e-20"},
        {1e30f, "1e+30"},
        {1.17549435e-38f, "1.1754944e-38"},
    };
    char out[32];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        out[json_format_float(cases[i].value, out)] = '\0';
        assert_string_equal(out, cases[i].text);
    }
    uint32_t bits = 1;
    for (int i = 0; i < 20000; i++) {
        float v;
        double back;
        bits = bits * 1664525u + 1013904223u;
        memcpy(&v, &bits, sizeof(v));
        if (!isfinite(v)) continue;
        assert_true(json_parse_real(out, json_format_float(v, out), &back));
        assert_true((float)back == v);
    }
}

static void takes_numbers_without_regard_to_the_locale(void **state) {
    (void)state;
    double v;
    char out[32];
    /* Few machines have a locale with a decimal comma; where one is, use it. */
    bool comma = setlocale(LC_ALL, "de_DE.UTF-8") || setlocale(LC_ALL, "fr_FR.UTF-8");
    assert_true(json_parse_real("1.25", 4, &v));
    assert_true(v == 1.25);
    json_format_real(1.25, out);
    assert_string_equal(out, "1.25");
    if (comma) setlocale(LC_ALL, "C");
    assert_true(json_parse_real("-.5e1x", 5, &v));
    assert_true(v == -5);
    static const char *const wrong[] = {"",     "-",   ".",   "1e", "1,5",
                                        "0x10", "nan", "inf", " 1", "1 "};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_false(json_parse_real(wrong[i], strlen(wrong[i]), &v));
}

static void builds_and_merges_objects(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf out = {0};
    struct json *o = json_new_object(&a), *list = json_new_array(&a), *merged;
    for (int i = 0; i < 40; i++) {
        char key[8];
        snprintf(key, sizeof(key), "k%d", i % 35);
        assert_int_equal(json_set(&a, o, key, json_new_int(&a, i)), KARMA_OK);
        assert_int_equal(json_push(&a, list, json_new_int(&a, i)), KARMA_OK);
    }
    assert_int_equal(json_count(o), 35);
    assert_int_equal(json_count(list), 40);
    assert_int_equal(json_get(o, "k4")->u.integer, 39);
    assert_int_equal(json_get(o, "k34")->u.integer, 34);
    assert_int_equal(json_at(list, 39)->u.integer, 39);
    const struct json *base, *over;
    assert_ok(parse_text(&a, "{\"a\": 1, \"b\": {\"x\": 1}}", &base));
    assert_ok(parse_text(&a, "{\"b\": {\"y\": 2}, \"c\": 3}", &over));
    assert_ok(json_merge(&a, base, over, &merged));
    assert_ok(json_write(&out, merged, 0, JSON_COMPACT));
    assert_string_equal(buf_str(&out), "{\"a\":1,\"b\":{\"y\":2},\"c\":3}");
    assert_ok(json_merge(&a, NULL, NULL, &merged));
    assert_int_equal(json_count(merged), 0);
    assert_status(json_set(&a, merged, "x", NULL), KARMA_E_NOMEM);
    buf_release(&out);
    arena_release(&a);
}

static void names_the_file_in_errors(void **state) {
    (void)state;
    struct arena a = {0};
    const struct json *j;
    assert_int_equal(json_parse_file(&a, "tests/fixtures/base/broken.json", 0, 0, &j),
                     KARMA_E_SYNTAX);
    assert_string_equal(karma_error_message(), "tests/fixtures/base/broken.json: line 3, column 1: "
                                               "expected a value, found '}'");
    assert_ok(json_parse_file(&a, "tests/fixtures/base/good.json", 0, 0, &j));
    assert_int_equal(json_get(j, "a")->u.integer, 1);
    assert_status(json_parse_file(&a, "tests/fixtures/base/good.json", 3, 0, &j), KARMA_E_LIMIT);
    assert_int_equal(json_parse_file(&a, "tests/fixtures/base/none.json", 0, 0, &j),
                     KARMA_E_MISSING);
    arena_release(&a);
}

static karma_status parse_and_write(void *ctx) {
    const struct buf *text = ctx;
    struct arena a = {0};
    struct buf out = {0};
    const struct json *j;
    karma_status st = json_parse(&a, text->data, text->len, 0, &j);
    if (st == KARMA_OK) st = json_write(&out, j, 2, 0);
    buf_release(&out);
    arena_release(&a);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    struct buf text = {0};
    assert_ok(buf_puts(&text, "{\"list\": [1, 2, \"a\\n\"], \"many\": {"));
    for (int i = 0; i < 60; i++)
        assert_ok(buf_printf(&text, "\"k\\t%d\": [%d.5], ", i % 50, i));
    assert_ok(buf_puts(&text, "\"end\": null}}"));
    assert_true(for_each_failing_allocation(parse_and_write, &text) > 5);
    buf_release(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(parses_every_kind_of_value_in_file_order),
        test_case(keeps_integers_exact_and_makes_reals_of_larger_ones),
        test_case(keeps_nul_characters_inside_strings),
        test_case(refuses_what_is_not_json_and_says_where),
        test_case(limits_depth_to_64),
        test_case(gives_the_last_of_equal_keys_or_refuses_them),
        test_case(finds_equal_keys_in_large_objects_too),
        test_case(reads_typed_fields_and_names_the_wrong_one),
        test_case(writes_as_python_does),
        test_case(formats_reals_as_python_repr),
        test_case(reads_back_what_it_formats),
        test_case(formats_floats_with_the_fewest_digits),
        test_case(takes_numbers_without_regard_to_the_locale),
        test_case(builds_and_merges_objects),
        test_case(names_the_file_in_errors),
        test_case(survives_every_failing_allocation),
    };
    return run_group("base/json", tests);
}
