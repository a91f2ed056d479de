/* test_prompt.c - templates: what names mean, braces, what is refused. */
#include "tests/support/test.h"

#include "datasets/prompt.h"

static karma_status render(const char *template, const char *row, const char *args, char *out) {
    struct arena a = {0};
    struct prompt_values v = {.question = "Q {options}", .options = "A. x", .labels = "A, B"};
    const char *text;
    assert_ok(json_parse(&a, row, strlen(row), 0, &v.row));
    assert_ok(json_parse(&a, args, strlen(args), 0, &v.args));
    karma_status st = prompt_render(&a, template, &v, &text);
    if (st == KARMA_OK) sprintf(out, "%.200s", text);
    arena_release(&a);
    return st;
}

static void puts_values_in_once(void **state) {
    (void)state;
    static const char row[] =
        "{\"question\": \"of the row\", \"year\": 1999, \"a\": {\"b\": [1, \"x\"]},"
        " \"language\": \"row\", \"t.u\": true}";
    static const char args[] = "{\"language\": \"hi\", \"unset\": null}";
    char out[256];
    assert_ok(render("{question}|{options}|{labels}", row, args, out));
    assert_string_equal(out, "Q {options}|A. x|A, B"); /* what is put in is no template */
    assert_ok(render("{{{year}}} {a.b} {language} {t.u}", row, args, out));
    assert_string_equal(out, "{1999} 1\nx hi true");
    assert_ok(render("", row, args, out));
    assert_string_equal(out, "");
    assert_status(render("{nothing}", row, args, out), KARMA_E_MISSING);
    assert_message_contains("'nothing'");
    assert_status(render("{context}", row, args, out), KARMA_E_MISSING);
    assert_status(render("{a}", row, args, out), KARMA_E_TYPE);
}

static void refuses_malformed_templates(void **state) {
    (void)state;
    static const char *const wrong[] = {"{", "}", "{}", "{a", "a}b", "{a{b}}", "{line\nbreak}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_status(prompt_check(wrong[i], "answer"), KARMA_E_SYNTAX);
    assert_ok(prompt_check("{a} {{answer}} {b.c}", "answer"));
    assert_status(prompt_check("{question} {answer}", "answer"), KARMA_E_USAGE);
    assert_status(prompt_check("{key}", "key"), KARMA_E_USAGE);
}

static karma_status render_some(void *ctx) {
    struct arena a = {0};
    struct prompt_values v = {.question = "Q", .args = NULL};
    const char *text;
    (void)ctx;
    karma_status st = json_parse(&a, "{\"x\": [1, 2]}", 13, 0, &v.row);
    if (st == KARMA_OK) st = prompt_render(&a, "{question} {x}", &v, &text);
    arena_release(&a);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(render_some, NULL) > 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(puts_values_in_once),
        test_case(refuses_malformed_templates),
        test_case(survives_every_failing_allocation),
    };
    return run_group("datasets/prompt", tests);
}
