/* test_item.c - rows into prompt, reference and id; what is missing or ill-typed is named. */
#include "tests/support/test.h"

#include "datasets/item.h"

static karma_status make(const struct dataset_spec *spec, const char *row, struct arena *a,
                         struct item *item) {
    const struct json *j;
    assert_ok(json_parse(a, row, strlen(row), 0, &j));
    return item_make(a, spec, "{question}{options}{context}", NULL, j, item);
}

static void makes_multiple_choice_items_of_every_usual_form(void **state) {
    (void)state;
    static const char *const rows[] = {
        "{\"id\": 5, \"question\": \"q\", \"options\": [\"x\", \"y\"], \"answer\": \"B\"}",
        "{\"id\": \"5\", \"question\": \"q\", \"choices\": {\"A\": \"x\", \"B\": \"y\"}, "
        "\"answer\": 1}",
        "{\"id\": 5, \"question\": \"q\", \"A\": \"x\", \"B\": \"y\", \"C\": null, \"answer\": "
        "\"y\"}",
        "{\"id\": 5, \"question\": \"q\", \"option_a\": \"x\", \"option_b\": \"y\", \"answer\": "
        "\"b\"}",
        "{\"id\": 5, \"question\": \"q\", \"option_A\": \"x\", \"option_B\": \"y\", \"answer\": "
        "\"B\"}",
        "{\"id\": 5, \"question\": \"q\", \"opa\": \"x\", \"opb\": \"y\", \"answer\": 1}",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct arena a = {0};
        struct item item;
        assert_ok(make(&dataset_multiple_choice, rows[i], &a, &item));
        assert_string_equal(item.id, "5");
        assert_string_equal(item.prompt, "qA. x\nB. y");
        assert_string_equal(item.reference, "B");
        assert_null(item.system_prompt);
        arena_release(&a);
    }
}

static void names_the_field_that_is_wrong(void **state) {
    (void)state;
    static const struct {
        const struct dataset_spec *spec;
        const char *row;
        karma_status status;
        const char *message;
    } cases[] = {
        {&dataset_multiple_choice, "{\"options\": [\"x\", \"y\"], \"answer\": \"A\"}",
         KARMA_E_MISSING, "question: missing"},
        {&dataset_multiple_choice, "{\"question\": \" \\n\", \"options\": [\"x\", \"y\"]}",
         KARMA_E_RANGE, "question: empty"},
        {&dataset_multiple_choice, "{\"question\": {\"a\": 1}}", KARMA_E_TYPE,
         "question: expected a text, found object"},
        {&dataset_multiple_choice, "{\"question\": \"a\\u0000b\"}", KARMA_E_RANGE,
         "question: holds a NUL character"},
        {&dataset_multiple_choice, "{\"question\": \"q\", \"answer\": \"A\"}", KARMA_E_MISSING,
         "options: missing"},
        {&dataset_multiple_choice, "{\"question\": \"q\", \"options\": [\"x\", \"y\"]}",
         KARMA_E_MISSING, "answer: missing"},
        {&dataset_multiple_choice,
         "{\"question\": \"q\", \"options\": [\"x\", \"y\"], \"answer\": \"E\"}", KARMA_E_RANGE,
         "answer: neither a label nor the text of one of the options"},
        {&dataset_question_answer, "{\"question\": \"q\"}", KARMA_E_MISSING, "answer: missing"},
        {&dataset_question_answer, "{\"question\": \"q\", \"answer\": \"\"}", KARMA_E_MISSING,
         "answer: missing"},
        {&dataset_question_answer, "{\"question\": \"q\", \"answer\": [\"a\", \"b\"]}",
         KARMA_E_TYPE, "answer: expected one text, found array"},
        {&dataset_question_answer, "{\"id\": {}, \"question\": \"q\", \"answer\": \"a\"}",
         KARMA_E_TYPE, "id: expected a text, found object"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena a = {0};
        struct item item;
        assert_status(make(cases[i].spec, cases[i].row, &a, &item), cases[i].status);
        assert_string_equal(karma_error_message(), cases[i].message);
        arena_release(&a);
    }
}

static void takes_answers_of_open_questions_as_text(void **state) {
    (void)state;
    struct arena a = {0};
    struct item item;
    assert_status(make(&dataset_question_answer, "{\"question\": \"q\", \"answer\": 1}", &a, &item),
                  KARMA_E_MISSING); /* {options} of an open question */
    assert_message_contains("'options'");
    const struct json *row;
    static const char text[] = "{\"question\": [\"two\", \"lines\"], \"answer\": 42,"
                               " \"system\": \"Be brief.\", \"context\": \"c\", \"id\": \"\"}";
    assert_ok(json_parse(&a, text, strlen(text), 0, &row));
    assert_ok(item_make(&a, &dataset_question_answer, "{context}: {question}", NULL, row, &item));
    assert_string_equal(item.prompt, "c: two\nlines");
    assert_string_equal(item.reference, "42");
    assert_string_equal(item.system_prompt, "Be brief.");
    assert_null(item.id);
    arena_release(&a);
}

static void finds_nested_columns(void **state) {
    (void)state;
    static const char text[] = "{\"a.b\": 1, \"a\": {\"b\": 2, \"c\": {\"d\": 3}}}";
    struct arena a = {0};
    const struct json *row;
    assert_ok(json_parse(&a, text, strlen(text), 0, &row));
    assert_int_equal(item_field(row, "a.b")->u.integer, 1); /* the name itself comes first */
    assert_int_equal(item_field(row, "a.c.d")->u.integer, 3);
    assert_null(item_field(row, "a.c.e"));
    assert_null(item_field(row, "x.y"));
    assert_null(item_field(NULL, "a"));
    arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(makes_multiple_choice_items_of_every_usual_form),
        test_case(names_the_field_that_is_wrong),
        test_case(takes_answers_of_open_questions_as_text),
        test_case(finds_nested_columns),
    };
    return run_group("datasets/item", tests);
}
