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

static void marks_stay_in_the_answer_when_asked(void **state) {
    (void)state;
    static const struct vector v[] = {
        {false, " <unused94>thought\nplan\n<unused95>answer ",
         "<unused94>thought\nplan\n<unused95>answer", NULL, false},
        {false, "<unused94>thought\nplan", "<unused94>thought\nplan", NULL, false},
    };
    run("google/medgemma-27b-text-it", "{\"keep_thought_markers\": true}", v,
        sizeof(v) / sizeof(v[0]));
}

static void preprocessed(const char *args, const karma_sample *sample, const char *want) {
    karma_model *m;
    char *json;
    assert_ok(karma_model_create("google/medgemma-27b-text-it", args, &m));
    assert_ok(karma_model_preprocess(m, sample, &json));
    assert_string_equal(json, want);
    karma_free(json);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void thinking_is_asked_for_before_the_systems_words(void **state) {
    (void)state;
    const karma_image image = {.path = "a.png"};
    const karma_sample plain = {.struct_size = sizeof(plain), .input = "Why?"};
    const karma_sample with_system = {.struct_size = sizeof(with_system),
                                      .input = "Why?",
                                      .system_prompt = "Be brief.",
                                      .images = &image,
                                      .n_images = 1};
    preprocessed(NULL, &plain, "{\"messages\": [{\"role\": \"user\", \"content\": \"Why?\"}]}");
    preprocessed("{\"enable_thinking\": true}", &plain,
                 "{\"messages\": [{\"role\": \"system\", \"content\": \"SYSTEM INSTRUCTION: think "
                 "silently if needed.\"}, {\"role\": \"user\", \"content\": \"Why?\"}]}");
    preprocessed("{\"enable_thinking\": true}", &with_system,
                 "{\"messages\": [{\"role\": \"system\", \"content\": \"SYSTEM INSTRUCTION: think "
                 "silently if needed. Be brief.\"}, {\"role\": \"user\", \"content\": \"Why?\", "
                 "\"images\": 1}]}");
    preprocessed("{\"few_shot\": true}", &with_system, "{\"prompt\": \"Why?\", \"images\": 1}");
}

int main(void) {
    setenv("KARMA_CONFIG_HOME", test_path("no-such-folder"), 1);
    const struct CMUnitTest tests[] = {
        test_case(parts_thought_and_answer_as_upstream),
        test_case(an_unfinished_thought_is_no_answer),
        test_case(with_thinking_off_the_text_is_only_stripped),
        test_case(parts_a_thought_channel),
        test_case(marks_stay_in_the_answer_when_asked),
        test_case(thinking_is_asked_for_before_the_systems_words),
    };
    return run_group("api/class_thinking", tests);
}
