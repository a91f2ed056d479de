/* test_option.c - arguments: defaults, types, ranges, strings, and the nearest name in errors. */
#include "tests/support/test.h"

#include <string.h>

#include "base/option.h"

static const char *const poolings[] = {"mean", "cls", NULL};
static const karma_option_spec base_table[] = {
    {.name = "max_tokens", .type = KARMA_OPTION_INT, .default_json = "256", .min = 1, .max = 1024},
    {.name = "temperature",
     .type = KARMA_OPTION_REAL,
     .default_json = "1",
     .min = 0,
     .max = 2,
     .nullable = true},
    {.name = "do_sample", .type = KARMA_OPTION_BOOL, .default_json = "false"},
    {.name = "language", .type = KARMA_OPTION_STRING, .required = true, .help = "two letters"},
    {.name = "pooling",
     .type = KARMA_OPTION_STRING,
     .choices = poolings,
     .default_json = "\"cls\""},
    {.name = "extra", .type = KARMA_OPTION_JSON},
    {.name = NULL},
};
static const karma_option_spec derived_table[] = {
    {.name = "max_tokens", .type = KARMA_OPTION_INT, .default_json = "8"},
    {.name = "enable_thinking", .type = KARMA_OPTION_BOOL, .default_json = "true"},
    {.name = NULL},
};
static const karma_option_spec *const one[] = {base_table, NULL};
static const karma_option_spec *const two[] = {derived_table, base_table, NULL};

/* Resolve given (JSON text or NULL) and write the result compactly to out. */
static karma_status resolve(const karma_option_spec *const *tables, const char *given, bool strings,
                            struct buf *out) {
    struct arena a = {0};
    const struct json *j = NULL, *all;
    buf_clear(out);
    karma_status st = KARMA_OK;
    if (given) st = json_parse(&a, given, strlen(given), 0, &j);
    assert_ok(st);
    st = options_resolve(&a, tables, j, strings, "test argument", &all);
    if (st == KARMA_OK) st = json_write(out, all, 0, JSON_COMPACT);
    if (st < 0) assert_null(all);
    arena_release(&a);
    return st;
}

static void fills_in_defaults_in_table_order(void **state) {
    (void)state;
    struct buf out = {0};
    assert_ok(resolve(one, "{\"language\": \"hi\", \"max_tokens\": 3}", false, &out));
    assert_string_equal(buf_str(&out), "{\"max_tokens\":3,\"temperature\":1.0,\"do_sample\":false,"
                                       "\"language\":\"hi\",\"pooling\":\"cls\"}");
    assert_int_equal(resolve(one,
                             "{\"language\": \"hi\", \"max_tokens\": 3.0, \"temperature\": null,"
                             " \"extra\": [1, {}]}",
                             false, &out),
                     KARMA_OK);
    assert_string_equal(buf_str(&out), "{\"max_tokens\":3,\"temperature\":null,\"do_sample\":false,"
                                       "\"language\":\"hi\",\"pooling\":\"cls\",\"extra\":[1,{}]}");
    buf_release(&out);
}

static void lets_an_earlier_table_hide_a_later_one(void **state) {
    (void)state;
    struct buf out = {0};
    assert_ok(resolve(two, "{\"language\": \"hi\"}", false, &out));
    assert_string_equal(buf_str(&out),
                        "{\"max_tokens\":8,\"enable_thinking\":true,\"temperature\":1.0,"
                        "\"do_sample\":false,\"language\":\"hi\",\"pooling\":\"cls\"}");
    /* The hidden spec's range does not count either. */
    assert_int_equal(resolve(two, "{\"language\": \"hi\", \"max_tokens\": 5000}", false, &out),
                     KARMA_OK);
    buf_release(&out);
}

static void refuses_and_names_the_argument(void **state) {
    (void)state;
    static const struct {
        const char *given;
        bool strings;
        karma_status status;
        const char *message;
    } cases[] = {
        {NULL, false, KARMA_E_USAGE, "test argument language is required: two letters"},
        {"{\"language\": \"hi\", \"temprature\": 1}", false, KARMA_E_USAGE,
         "test argument 'temprature' is not known; did you mean 'temperature'?"},
        {"{\"language\": \"hi\", \"zzzzzzzz\": 1}", false, KARMA_E_USAGE,
         "test argument 'zzzzzzzz' is not known; the first of 6 is 'max_tokens'"},
        {"{\"language\": \"hi\", \"max_tokens\\u0000\": 1}", false, KARMA_E_USAGE,
         "test argument 'max_tokens\\x00' is not known; did you mean 'max_tokens'?"},
        {"{\"language\": 5}", false, KARMA_E_USAGE,
         "test argument language: expected a string, found integer"},
        {"{\"language\": \"hi\", \"max_tokens\": \"5\"}", false, KARMA_E_USAGE,
         "test argument max_tokens: expected an integer, found '5'"},
        {"{\"language\": \"hi\", \"max_tokens\": 1.5}", false, KARMA_E_USAGE,
         "test argument max_tokens: expected an integer, found real"},
        {"{\"language\": \"hi\", \"max_tokens\": null}", false, KARMA_E_USAGE,
         "test argument max_tokens: expected an integer, found null"},
        {"{\"language\": \"hi\", \"max_tokens\": 0}", false, KARMA_E_RANGE,
         "test argument max_tokens: out of range (expected 1.0 to 1024.0, found 0.0)"},
        {"{\"language\": \"hi\", \"max_tokens\": 1e30}", false, KARMA_E_RANGE,
         "test argument max_tokens: out of range (expected 1.0 to 1024.0, found 1e+30)"},
        {"{\"language\": \"hi\", \"temperature\": -0.1}", false, KARMA_E_RANGE,
         "test argument temperature: out of range (expected 0.0 to 2.0, found -0.1)"},
        {"{\"language\": \"hi\", \"do_sample\": 1}", false, KARMA_E_USAGE,
         "test argument do_sample: expected true or false, found integer"},
        {"{\"language\": \"hi\", \"pooling\": \"max\"}", false, KARMA_E_RANGE,
         "test argument pooling: expected one of mean, cls, found 'max'"},
        {"{\"language\": \"hi\", \"max_tokens\": \"many\"}", true, KARMA_E_USAGE,
         "test argument max_tokens: expected an integer, found 'many'"},
        {"{\"language\": \"hi\", \"temperature\": \"nan\"}", true, KARMA_E_USAGE,
         "test argument temperature: expected a number, found 'nan'"},
        {"{\"language\": \"hi\", \"temperature\": \"1e999\"}", true, KARMA_E_USAGE,
         "test argument temperature: expected a number, found '1e999'"},
        {"{\"language\": \"hi\", \"do_sample\": \"maybe\"}", true, KARMA_E_USAGE,
         "test argument do_sample: expected true or false, found 'maybe'"},
        {"[1]", false, KARMA_E_USAGE,
         "test arguments must be an object of names and values, found array"},
    };
    struct buf out = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(resolve(one, cases[i].given, cases[i].strings, &out), cases[i].status);
        assert_string_equal(karma_error_message(), cases[i].message);
    }
    buf_release(&out);
}

static void takes_strings_for_numbers_when_asked(void **state) {
    (void)state;
    struct buf out = {0};
    assert_int_equal(resolve(one,
                             "{\"language\": \"5\", \"max_tokens\": \"12\","
                             " \"temperature\": \".5\", \"do_sample\": \"True\"}",
                             true, &out),
                     KARMA_OK);
    assert_string_equal(buf_str(&out), "{\"max_tokens\":12,\"temperature\":0.5,\"do_sample\":true,"
                                       "\"language\":\"5\",\"pooling\":\"cls\"}");
    assert_int_equal(resolve(one,
                             "{\"language\": \"null\", \"max_tokens\": \"1e2\","
                             " \"temperature\": \"null\", \"do_sample\": \"0\"}",
                             true, &out),
                     KARMA_OK);
    assert_string_equal(buf_str(&out),
                        "{\"max_tokens\":100,\"temperature\":null,\"do_sample\":false,"
                        "\"language\":\"null\",\"pooling\":\"cls\"}");
    buf_release(&out);
}

static void says_so_when_there_are_no_arguments(void **state) {
    (void)state;
    static const karma_option_spec none[] = {{.name = NULL}};
    static const karma_option_spec *const tables[] = {none, NULL};
    struct buf out = {0};
    assert_ok(resolve(tables, NULL, false, &out));
    assert_string_equal(buf_str(&out), "{}");
    assert_status(resolve(tables, "{\"a\": 1}", false, &out), KARMA_E_USAGE);
    assert_string_equal(karma_error_message(), "test argument 'a' is not known; there are none");
    buf_release(&out);
}

static void tables_from_outside_are_checked(void **state) {
    (void)state;
    static const char *const colours[] = {"red", "green", NULL};
    const karma_option_spec good[] = {
        {.name = "n", .type = KARMA_OPTION_INT, .default_json = "3", .min = 1, .max = 5},
        {.name = "c", .type = KARMA_OPTION_STRING, .choices = colours, .default_json = "\"red\""},
        {.name = "x", .type = KARMA_OPTION_REAL, .nullable = true, .default_json = "null"},
        {.name = "j", .type = KARMA_OPTION_JSON, .default_json = "[1, {}]"},
        {.name = "r", .type = KARMA_OPTION_STRING, .required = true},
        {.name = NULL},
    };
    assert_ok(options_check(NULL, "test argument"));
    assert_ok(options_check(good, "test argument"));
    const struct {
        karma_option_spec spec;
        karma_status expected;
    } wrong[] = {
        {{.name = ""}, KARMA_E_MISSING},
        {{.name = "\xFF"}, KARMA_E_MISSING},
        {{.name = "n"}, KARMA_E_DUPLICATE},
        {{.name = "a", .type = (karma_option_type)-1}, KARMA_E_RANGE},
        {{.name = "a", .type = KARMA_OPTION_INT, .default_json = "9", .min = 1, .max = 5},
         KARMA_E_RANGE},
        {{.name = "a", .type = KARMA_OPTION_INT, .default_json = "\"9\""}, KARMA_E_TYPE},
        {{.name = "a", .type = KARMA_OPTION_BOOL, .default_json = "null"}, KARMA_E_TYPE},
        {{.name = "a", .type = KARMA_OPTION_STRING, .choices = colours, .default_json = "\"x\""},
         KARMA_E_RANGE},
        {{.name = "a", .default_json = ""}, KARMA_E_SYNTAX},
        {{.name = "a", .type = KARMA_OPTION_REAL, .max = __builtin_nan("")}, KARMA_E_RANGE},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        const karma_option_spec table[] = {good[0], wrong[i].spec, {.name = NULL}};
        assert_status(options_check(table, "test argument"), wrong[i].expected);
        assert_message_contains("test argument");
    }
}

static karma_status resolve_some(void *ctx) {
    static const char text[] = "{\"language\": \"hi\", \"max_tokens\": \"7\"}";
    struct arena a = {0};
    const struct json *given, *all;
    (void)ctx;
    karma_status st = json_parse(&a, text, strlen(text), 0, &given);
    if (st == KARMA_OK) st = options_resolve(&a, two, given, true, "test argument", &all);
    arena_release(&a);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(resolve_some, NULL) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(fills_in_defaults_in_table_order),
        test_case(lets_an_earlier_table_hide_a_later_one),
        test_case(refuses_and_names_the_argument),
        test_case(takes_strings_for_numbers_when_asked),
        test_case(says_so_when_there_are_no_arguments),
        test_case(tables_from_outside_are_checked),
        test_case(survives_every_failing_allocation),
    };
    return run_group("base/option", tests);
}
