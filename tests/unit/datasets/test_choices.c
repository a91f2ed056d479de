/* test_choices.c - the ways files write options, and answers found among them. */
#include "tests/support/test.h"

#include "datasets/choices.h"

/* The options as one text: "A=one B=two" with [key] behind labels that stand for one. */
static karma_status read_text(struct arena *a, const char *json, struct choices *c, char *out) {
    const struct json *value;
    assert_ok(json_parse(a, json, strlen(json), 0, &value));
    karma_status st = choices_read(a, value, c);
    for (size_t i = 0; st == KARMA_OK && i < c->count; i++)
        out += sprintf(out, "%s%c%s%s%s=%s", i ? " " : "", c->labels[i], c->keys[i] ? "[" : "",
                       c->keys[i] ? c->keys[i] : "", c->keys[i] ? "]" : "", c->texts[i]);
    return st;
}

static void reads_every_form(void **state) {
    (void)state;
    static const struct {
        const char *json, *expected;
    } cases[] = {
        {"{\"A\": \"one\", \"B\": \"two\"}", "A=one B=two"},
        {"{\"b\": \"two\", \"d\": \"four\"}", "B=two D=four"},
        {"{\"1\": \"one\", \"2\": \"two\"}", "A[1]=one B[2]=two"},
        {"[\"one\", \"two\", 3]", "A=one B=two C=3"},
        {"[\"one\", null, \"three\", \"\"]", "A=one C=three"},
        {"[{\"key\": \"A\", \"value\": \"one\"}, {\"key\": \"B\", \"value\": \"two\"}]",
         "A=one B=two"},
        {"[{\"label\": \"x1\", \"text\": \"one\"}, {\"label\": \"x2\", \"text\": \"two\"}]",
         "A[x1]=one B[x2]=two"},
        {"{\"text\": [\"one\", \"two\"], \"label\": [\"A\", \"B\"]}", "A=one B=two"},
        {"{\"text\": \"one\", \"label\": \"two\"}", "A[text]=one B[label]=two"},
        {"\"[\\\"one\\\", \\\"two\\\"]\"", "A=one B=two"},
        {"[true, false]", "A=true B=false"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena a = {0};
        struct choices c;
        char text[200] = "";
        assert_ok(read_text(&a, cases[i].json, &c, text));
        assert_string_equal(text, cases[i].expected);
        arena_release(&a);
    }
}

static void refuses_what_are_no_options(void **state) {
    (void)state;
    static const struct {
        const char *json;
        karma_status status;
    } cases[] = {
        {"[\"one\"]", KARMA_E_RANGE},
        {"{}", KARMA_E_RANGE},
        {"5", KARMA_E_TYPE},
        {"\"one; two\"", KARMA_E_SYNTAX},
        {"{\"A\": \"one\", \"a\": \"two\"}", KARMA_E_DUPLICATE},
        {"[{\"text\": \"one\"}, {\"text\": \"two\"}]", KARMA_E_MISSING},
        {"[\"one\", {\"label\": \"B\", \"text\": \"two\"}]", KARMA_E_TYPE},
        {"[{\"label\": \"B\", \"text\": \"two\"}, \"one\"]", KARMA_E_TYPE},
        {"{\"text\": [\"one\", \"two\"], \"label\": [\"A\"]}", KARMA_E_SHAPE},
        {"[{\"label\": \"A\", \"text\": {}}, {\"label\": \"B\", \"text\": \"two\"}]", KARMA_E_TYPE},
        {"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27]",
         KARMA_E_RANGE},
        {"[\"one\", \"x\\u0000y\"]", KARMA_E_RANGE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena a = {0};
        struct choices c;
        char text[200];
        assert_status(read_text(&a, cases[i].json, &c, text), cases[i].status);
        arena_release(&a);
    }
}

static karma_status find(const char *options, const char *answer, int64_t base, size_t *index) {
    struct arena a = {0};
    struct choices c;
    char text[200];
    const struct json *value;
    assert_ok(read_text(&a, options, &c, text));
    assert_ok(json_parse(&a, answer, strlen(answer), 0, &value));
    karma_status st = choices_find(&c, value, base, index);
    arena_release(&a);
    return st;
}

static void finds_answers_by_label_text_and_index(void **state) {
    (void)state;
    static const struct {
        const char *options, *answer;
        int base, index;
    } cases[] = {
        {"[\"one\", \"two\"]", "\"B\"", 0, 1},
        {"[\"one\", \"two\"]", "\"b\"", 0, 1},
        {"[\"one\", \"two\"]", "\"two\"", 0, 1},
        {"[\"one\", \"two\"]", "1", 0, 1},
        {"[\"one\", \"two\"]", "1", 1, 0},
        {"[\"one\", \"two\"]", "\"1\"", 0, 1},
        {"[\"1\", \"0\"]", "\"0\"", 0, 1}, /* a text before an index */
        {"{\"x1\": \"one\", \"x2\": \"two\"}", "\"x2\"", 0, 1},
        {"[\"one\", null, \"three\"]", "2", 0, 1}, /* indices count what was left out */
        {"[\"A\", \"B\"]", "\"B\"", 0, 1},
        {"[\"same\", \"same\"]", "\"A\"", 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t index = 99;
        assert_ok(find(cases[i].options, cases[i].answer, cases[i].base, &index));
        assert_int_equal(index, cases[i].index);
    }
}

static void refuses_answers_that_mean_nothing_or_two_things(void **state) {
    (void)state;
    static const struct {
        const char *options, *answer;
        karma_status status;
    } cases[] = {
        {"[\"one\", \"two\"]", "\"C\"", KARMA_E_RANGE},
        {"[\"one\", \"two\"]", "\"three\"", KARMA_E_RANGE},
        {"[\"one\", \"two\"]", "2", KARMA_E_RANGE},
        {"[\"one\", \"two\"]", "-1", KARMA_E_RANGE},
        {"[\"one\", null, \"three\"]", "1", KARMA_E_RANGE},
        {"[\"one\", \"two\"]", "null", KARMA_E_MISSING},
        {"[\"one\", \"two\"]", "1.5", KARMA_E_TYPE},
        {"[\"one\", \"two\"]", "\"\"", KARMA_E_RANGE},
        {"[\"B\", \"A\"]", "\"B\"", KARMA_E_RANGE},
        {"[\"same\", \"same\"]", "\"same\"", KARMA_E_RANGE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t index;
        assert_status(find(cases[i].options, cases[i].answer, 0, &index), cases[i].status);
        assert_null(strstr(karma_error_message(), "three")); /* no content in messages */
    }
}

static void shows_lines_and_labels(void **state) {
    (void)state;
    struct arena a = {0};
    struct choices c;
    char text[200];
    assert_ok(read_text(&a, "[\"one\", null, \"three\"]", &c, text));
    assert_string_equal(choices_lines(&a, &c), "A. one\nC. three");
    assert_string_equal(choices_labels(&a, &c), "A, C");
    assert_int_equal(choices_of_label(&c, 'c'), 1);
    assert_int_equal(choices_of_label(&c, 'B'), -1);
    arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(reads_every_form),
        test_case(refuses_what_are_no_options),
        test_case(finds_answers_by_label_text_and_index),
        test_case(refuses_answers_that_mean_nothing_or_two_things),
        test_case(shows_lines_and_labels),
    };
    return run_group("datasets/choices", tests);
}
