/*
 * test_class_thinking.c - thought and answer told apart. Upstream's rule: with thinking on, the
 * answer is what stands between the first and the second closing mark; with thinking off the text
 * is stripped. Beyond it: an output that ends inside its thought has no answer.
 */
#include "tests/support/test.h"

#include "api/api.h"
#include "karma/karma.h"

struct vector {
    bool prompt_opens;
    const char *raw, *text, *thinking;
    bool thought_cut;
};

static void check(karma_model *m, const struct vector *v) {
    struct output_box box = {.prompt_opens_thought = v->prompt_opens,
                             .out = {.text = v->raw, .raw_text = v->raw}};
    output_box_enter(&box);
    assert_ok(class_holder(karma_model_get_class(m), SLOT_POSTPROCESS)->postprocess(m, &box.out));
    output_box_enter(NULL);
    assert_string_equal(box.out.text, v->text);
    if (v->thinking)
        assert_string_equal(box.out.thinking, v->thinking);
    else
        assert_null(box.out.thinking);
    assert_int_equal((box.out.flags & KARMA_OUTPUT_THOUGHT_CUT) != 0, v->thought_cut);
    arena_release(&box.arena);
}

static void run(const char *name, const char *args, const struct vector *v, size_t n) {
    karma_model *m;
    assert_ok(karma_model_create(name, args, &m));
    for (size_t i = 0; i < n; i++)
        check(m, &v[i]);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void parts_thought_and_answer_as_upstream(void **state) {
    (void)state;
    static const struct vector v[] = {
        {false, "<think>\nplan\n</think>\n\nanswer", "answer", "plan", false},
        {false, "<think>\n\n</think>\n\nanswer\n", "answer", NULL, false},
        {false, "no mark at all ", "no mark at all", NULL, false},
        {false, "plan</think>answer", "answer", "plan", false},
        {true, "plan</think>answer", "answer", "plan", false},
        {false, "<think>a</think> b </think> c", "b", "a", false},
        {false, "<think>a</think>", "", "a", false},
        {false,
         "<think>a</think>\xe3\x80\x80"
         "b\xc2\xa0",
         "b", "a", false},
        {false, "", "", NULL, false},
        {false, "says <think> in passing", "says <think> in passing", NULL, false},
    };
    run("Qwen/Qwen3-0.6B", NULL, v, sizeof(v) / sizeof(v[0]));
}

static void an_unfinished_thought_is_no_answer(void **state) {
    (void)state;
    static const struct vector v[] = {
        {false, "<think>\nThe answer is (C), but", "", "The answer is (C), but", true},
        {false, "<think>", "", NULL, true},
        {true, "The answer is (C), but", "", "The answer is (C), but", true},
    };
    run("Qwen/Qwen3-0.6B", NULL, v, sizeof(v) / sizeof(v[0]));
}

static void with_thinking_off_the_text_is_only_stripped(void **state) {
    (void)state;
    static const struct vector v[] = {
        {false, " <think>a</think>b ", "<think>a</think>b", NULL, false},
        {false, "<think>a", "<think>a", NULL, false},
    };
    run("Qwen/Qwen3-0.6B", "{\"enable_thinking\": false}", v, sizeof(v) / sizeof(v[0]));
}

static void parts_a_thought_channel(void **state) {
    (void)state;
    static const struct vector v[] = {
        {false, "<unused94>thought\nplan\n<unused95>answer ", "answer", "plan", false},
        {false, "<unused94>thought\nplan", "", "plan", true},
        {false, " plain ", "plain", NULL, false},
    };
    run("google/medgemma-27b-text-it", NULL, v, sizeof(v) / sizeof(v[0]));
}

int main(void) {
    setenv("KARMA_CONFIG_HOME", test_path("no-such-folder"), 1);
    const struct CMUnitTest tests[] = {
        test_case(parts_thought_and_answer_as_upstream),
        test_case(an_unfinished_thought_is_no_answer),
        test_case(with_thinking_off_the_text_is_only_stripped),
        test_case(parts_a_thought_channel),
    };
    return run_group("api/class_thinking", tests);
}
