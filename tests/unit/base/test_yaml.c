/* test_yaml.c - the core schema and nothing else; errors with line and column. */
#include "tests/support/test.h"

#include <string.h>

#include "base/yaml.h"

/* Parse text and write the tree compactly; NULL out for an error. */
static karma_status to_json(const char *text, struct buf *out) {
    struct arena a = {0};
    const struct json *j;
    buf_clear(out);
    karma_status st = yaml_parse(&a, text, strlen(text), &j);
    if (st == KARMA_OK) st = json_write(out, j, 0, JSON_COMPACT);
    arena_release(&a);
    return st;
}

static void reads_the_core_schema(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"", "null"},
        {"# only a comment\n", "null"},
        {"a: 1\nb: [x, 2.5, true, ~]\n", "{\"a\":1,\"b\":[\"x\",2.5,true,null]}"},
        {"- no\n- on\n- off\n- y\n- 1:30\n- 1_000\n",
         "[\"no\",\"on\",\"off\",\"y\",\"1:30\",\"1_000\"]"},
        {"- null\n- Null\n- NULL\n-\n- nUll\n", "[null,null,null,null,\"nUll\"]"},
        {"- true\n- True\n- TRUE\n- false\n- tRue\n", "[true,true,true,false,\"tRue\"]"},
        {"- 0\n- -12\n- +7\n- 0x1F\n- 0o17\n- 9223372036854775808\n",
         "[0,-12,7,31,15,9.223372036854776e+18]"},
        {"- -9223372036854775808\n- 1e3\n- .5\n- -1.\n- 1e\n- 0x\n- 0o8\n",
         "[-9223372036854775808,1000.0,0.5,-1.0,\"1e\",\"0x\",\"0o8\"]"},
        {"- '1'\n- \"true\"\n- ''\n- \"a\\tb\\u00e9\"\n",
         "[\"1\",\"true\",\"\",\"a\\tb\xC3\xA9\"]"},
        {"p: |\n  two\n  lines\nq: >-\n  one\n  line\n",
         "{\"p\":\"two\\nlines\\n\",\"q\":\"one line\"}"},
        {"{a: {b: []}, c: \"d\"}", "{\"a\":{\"b\":[]},\"c\":\"d\"}"},
        {"%YAML 1.2\n---\na: b\n...\n", "{\"a\":\"b\"}"},
        {"\xEF\xBB\xBF"
         "a: b\n",
         "{\"a\":\"b\"}"},
        {"'1': x\n\"null\": y\n", "{\"1\":\"x\",\"null\":\"y\"}"},
        {"no: x\n", "{\"no\":\"x\"}"},
    };
    struct buf out = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_ok(to_json(cases[i].yaml, &out));
        assert_string_equal(buf_str(&out), cases[i].json);
    }
    buf_release(&out);
}

static void refuses_what_could_mean_something_else(void **state) {
    (void)state;
    static const struct {
        const char *yaml;
        karma_status status;
        const char *message; /* how it begins */
    } cases[] = {
        {"a: &x 1\n", KARMA_E_UNSUPPORTED, "line 1, column 4: anchors are not supported"},
        {"a: 1\nb: *x\n", KARMA_E_UNSUPPORTED, "line 2, column 4: aliases are not supported"},
        {"a: !!str 1\n", KARMA_E_UNSUPPORTED, "line 1, column 4: tags are not supported"},
        {"a: !foo {b: 1}\n", KARMA_E_UNSUPPORTED, "line 1, column 4: tags are not supported"},
        {"%TAG ! tag:x,2000:\n---\na: 1\n", KARMA_E_UNSUPPORTED, "line 1, column 1: tags"},
        {"a: 1\n---\nb: 2\n", KARMA_E_UNSUPPORTED, "line 2, column 1: several documents"},
        {"a: 1\nb: 2\na: 3\n", KARMA_E_DUPLICATE, "line 3, column 1: key given twice"},
        {"x:\n  - {k: 1, 'k': 2}\n", KARMA_E_DUPLICATE, "line 2, column 12: key given twice"},
        {"1: x\n", KARMA_E_TYPE, "line 1, column 1: a key must be a string"},
        {"? [a]\n: x\n", KARMA_E_TYPE, "line 1, column 3: a key must be a string"},
        {"a:\n\tb: 1\n", KARMA_E_SYNTAX, "line 2, column 1: "},
        {"a: [1, 2\n", KARMA_E_SYNTAX, "line 2, column 1: "},
        {"a: b: c\n", KARMA_E_SYNTAX, "line 1, column 5: "},
        {"a: 010\n", KARMA_E_UNSUPPORTED, "line 1, column 4: number with a leading zero"},
        {"a: .inf\n", KARMA_E_NONFINITE, "line 1, column 4: not a finite number"},
        {"a: -.INF\n", KARMA_E_NONFINITE, "line 1, column 4: not a finite number"},
        {"a: .NaN\n", KARMA_E_NONFINITE, "line 1, column 4: not a finite number"},
        {"a: 1e999\n", KARMA_E_RANGE, "line 1, column 4: number too large"},
        {"a: \xC3\xA9\nb: \xFF\n", KARMA_E_ENCODING, "line 2, column 4: not valid UTF-8"},
        {"a: \x01\n", KARMA_E_SYNTAX, "line 1, column "},
    };
    struct buf out = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(to_json(cases[i].yaml, &out), cases[i].status);
        if (strncmp(karma_error_message(), cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("'%s' where '%s' was expected", karma_error_message(), cases[i].message);
    }
    buf_release(&out);
}

static void limits_size_and_depth(void **state) {
    (void)state;
    struct buf text = {0}, out = {0};
    for (int depth = 32; depth <= 33; depth++) {
        buf_clear(&text);
        for (int i = 0; i < depth; i++)
            assert_ok(buf_putc(&text, '['));
        for (int i = 0; i < depth; i++)
            assert_ok(buf_putc(&text, ']'));
        assert_int_equal(to_json(buf_str(&text), &out), depth == 32 ? KARMA_OK : KARMA_E_LIMIT);
    }
    buf_clear(&text);
    assert_int_equal(buf_reserve(&text, (1 << 20) + 1), KARMA_OK);
    memset(text.data, '#', (1 << 20) + 1);
    struct arena a = {0};
    const struct json *j;
    assert_status(yaml_parse(&a, text.data, (1 << 20) + 1, &j), KARMA_E_LIMIT);
    assert_ok(yaml_parse(&a, text.data, 1 << 20, &j));
    arena_release(&a);
    buf_release(&out);
    buf_release(&text);
}

static void reads_configuration_by_extension(void **state) {
    (void)state;
    struct arena a = {0};
    const struct json *j;
    assert_ok(config_parse_file(&a, "tests/fixtures/base/good.yaml", &j));
    assert_int_equal(json_get(j, "a")->u.integer, 1);
    assert_ok(config_parse_file(&a, "tests/fixtures/base/good.json", &j));
    assert_int_equal(json_count(json_get(j, "b")), 1);
    assert_ok(config_parse_file(&a, "tests/fixtures/base/yaml.conf", &j));
    assert_string_equal(json_str(json_get(j, "kind"), ""), "neither extension");
    assert_status(config_parse_file(&a, "tests/fixtures/base/broken.json", &j), KARMA_E_SYNTAX);
    assert_status(config_parse_file(&a, "tests/fixtures/base/none.yaml", &j), KARMA_E_MISSING);
    assert_status(config_parse_file(&a, "tests/fixtures/base/twice.json", &j), KARMA_E_DUPLICATE);
    arena_release(&a);
}

static size_t line_of(const char *text, const char *a, const char *b) {
    return yaml_line_of(text, strlen(text), (const char *const[]){a, b, NULL});
}

static void says_where_a_key_stands(void **state) {
    static const char text[] =
        "# c\na: {x: [1, {a: 2}], y: 3}\nb:\n  - a: 1\n\"c d\":\n  a: 1\n  b: 2\n";
    static const char json[] = "{\"a\": 1,\n\t\"b\": {\n\t\t\"c\": 2}}";
    (void)state;
    assert_int_equal(line_of(text, "a", NULL), 2);
    assert_int_equal(line_of(text, "a", "y"), 2);
    assert_int_equal(line_of(text, "b", NULL), 3);
    assert_int_equal(line_of(text, "b", "a"), 0); /* in a list */
    assert_int_equal(line_of(text, "c d", "b"), 7);
    assert_int_equal(line_of(text, "none", NULL), 0);
    assert_int_equal(line_of(json, "b", "c"), 3);
    assert_int_equal(line_of("a: [", "b", NULL), 0);
    assert_int_equal(line_of("", "a", NULL), 0);
    assert_int_equal(line_of("\xff: 1", "a", NULL), 0);
}

static karma_status parse_some(void *ctx) {
    static const char text[] = "a: [1, b, {c: d}]\ne:\n  f: 1.5\n  g: [x, y]\n";
    struct arena a = {0};
    const struct json *j;
    (void)ctx;
    karma_status st = yaml_parse(&a, text, strlen(text), &j);
    arena_release(&a);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(parse_some, NULL) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(reads_the_core_schema),   test_case(refuses_what_could_mean_something_else),
        test_case(limits_size_and_depth),   test_case(reads_configuration_by_extension),
        test_case(says_where_a_key_stands), test_case(survives_every_failing_allocation),
    };
    return run_group("base/yaml", tests);
}
