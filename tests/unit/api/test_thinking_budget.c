/*
 * test_thinking_budget.c - a bound for thoughts: when it is reached the end of the thought is
 * written for the model and the answer goes on; before that, and without it, not a bit differs.
 */
#include "tests/support/test.h"

#include "karma/karma.h"
#include "tests/unit/api/tiny.h"

enum { MAX_TOKENS = 40, THINK = 85, CLOSE = 86 };

struct got {
    bool given;
    int32_t tokens[MAX_TOKENS];
    float logprobs[MAX_TOKENS];
    size_t n;
    char text[512], thinking[512], error[512];
    karma_status status;
    unsigned flags;
};

static karma_status next(void *user, const karma_sample **sample) {
    static const karma_sample s = {.struct_size = sizeof(s), .key = "k", .input = "Is iron low?"};
    struct got *g = user;
    if (g->given) return KARMA_DONE;
    g->given = true;
    *sample = &s;
    return KARMA_OK;
}

static karma_status put(void *user, const karma_output *o) {
    struct got *g = user;
    g->n = o->n_tokens;
    g->status = o->status;
    g->flags = o->flags;
    assert_true(o->n_tokens <= MAX_TOKENS);
    for (size_t i = 0; i < o->n_tokens; i++) {
        g->tokens[i] = o->tokens[i];
        g->logprobs[i] = o->logprobs[i].logprob;
        assert_int_equal(o->logprobs[i].token, o->tokens[i]);
    }
    snprintf(g->text, sizeof(g->text), "%s", o->text ? o->text : "");
    snprintf(g->thinking, sizeof(g->thinking), "%s", o->thinking ? o->thinking : "");
    snprintf(g->error, sizeof(g->error), "%s", o->error ? o->error : "");
    return KARMA_OK;
}

/* A folder whose prompts end inside a thought. */
static const char *thinking_folder(const char *name) {
    const char *folder = tiny_folder(name);
    tiny_write(name, "chat_template.jinja",
               "{%- for m in messages -%}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
               "{% endfor -%}<|im_start|>assistant\n<think>\n");
    /* Nothing it might say ends the answer. */
    tiny_write(name, "generation_config.json", "{\"eos_token_id\": 80}");
    return folder;
}

static struct got ask(const char *folder, const char *more) {
    struct got g = {.status = KARMA_E_INTERNAL};
    const karma_run_io io = {.next = next, .put = put, .user = &g};
    karma_model *m;
    char args[300];
    snprintf(args, sizeof(args),
             "{\"max_tokens\": 24, \"logprobs\": 0, \"do_sample\": true, "
             "\"seed\": 11, \"enable_thinking\": true%s}",
             more);
    assert_ok(karma_get_model(folder, args, &m));
    assert_ok(karma_model_run(m, &io));
    karma_model_destroy(m);
    karma_clear_registry();
    return g;
}

static void the_thought_ends_at_its_budget_and_the_answer_goes_on(void **state) {
    (void)state;
    const char *folder = thinking_folder("budget");
    int32_t *end;
    size_t n_end;
    karma_model *m;
    assert_ok(karma_get_model(folder, NULL, &m));
    assert_ok(karma_tokenize(m, "\n</think>\n\n", 11, false, &end, &n_end));
    karma_model_destroy(m);
    const struct got free_one = ask(folder, "");
    assert_int_equal(free_one.n, 24);
    size_t closes_at = 0; /* where it would end by itself, if it does */
    while (closes_at < free_one.n && free_one.tokens[closes_at] != CLOSE)
        closes_at++;
    assert_true(closes_at > 6);
    for (size_t budget = 0; budget <= 6; budget += 3) {
        char more[64];
        snprintf(more, sizeof(more), ", \"thinking_budget\": %zu", budget);
        const struct got g = ask(folder, more);
        assert_int_equal(g.status, KARMA_OK);
        assert_int_equal(g.n, 24);
        size_t at = 0; /* the marks themselves do not count */
        for (size_t n = 0; n < budget; at++)
            n += free_one.tokens[at] != THINK;
        assert_memory_equal(g.tokens, free_one.tokens, at * sizeof(int32_t));
        assert_memory_equal(g.logprobs, free_one.logprobs, at * sizeof(float));
        assert_memory_equal(g.tokens + at, end, n_end * sizeof(int32_t));
        assert_false(g.flags & KARMA_OUTPUT_THOUGHT_CUT);
        assert_true(strlen(g.text) > 0);
        assert_int_equal(strlen(g.thinking) > 0, budget > 0);
    }
    karma_free(end);
}

static void without_a_budget_or_within_it_nothing_differs(void **state) {
    (void)state;
    const char *folder = thinking_folder("within");
    const struct got free_one = ask(folder, "");
    static const char *const others[] = {", \"thinking_budget\": null",
                                         ", \"thinking_budget\": 1000"};
    for (size_t i = 0; i < 2; i++) {
        const struct got g = ask(folder, others[i]);
        assert_int_equal(g.n, free_one.n);
        assert_memory_equal(g.tokens, free_one.tokens, g.n * sizeof(int32_t));
        assert_memory_equal(g.logprobs, free_one.logprobs, g.n * sizeof(float));
        assert_string_equal(g.text, free_one.text);
    }
}

/* The usual template of the fixture opens no thought, so there is none to end unless the model
 * begins one. */
static void an_answer_without_a_thought_has_no_end_forced_on_it(void **state) {
    (void)state;
    const char *folder = tiny_folder("none");
    tiny_write("none", "generation_config.json", "{\"eos_token_id\": 80}");
    const struct got plain = ask(folder, "");
    const struct got bound = ask(folder, ", \"thinking_budget\": 0");
    size_t begins_at = 0;
    while (begins_at < plain.n && plain.tokens[begins_at] != THINK)
        begins_at++;
    const size_t same = begins_at < plain.n ? begins_at + 1 : plain.n;
    assert_true(same > 1);
    assert_memory_equal(bound.tokens, plain.tokens, same * sizeof(int32_t));
    if (begins_at + 2 < bound.n) assert_int_equal(bound.tokens[begins_at + 2], CLOSE);
}

static void needs_a_tokenizer_that_knows_the_marks(void **state) {
    (void)state;
    karma_model *m;
    char *answer;
    const char *folder = tiny_folder("marks");
    size_t len;
    char *json = read_fixture("tests/fixtures/api/tiny/tokenizer.json", &len);
    char *copy = malloc(len + 1);
    memcpy(copy, json, len + 1);
    for (char *at = copy; (at = strstr(at, "think>"));)
        memcpy(at, "thunk>", 6);
    tiny_write("marks", "tokenizer.json", copy);
    free(copy);
    assert_ok(karma_model_create(folder, "{\"thinking_budget\": 3, \"max_tokens\": 2}", &m));
    assert_status(karma_model_run_text(m, "x", &answer), KARMA_E_UNSUPPORTED);
    assert_message_contains("thinking_budget");
    assert_message_contains("<think>");
    karma_model_destroy(m);
    assert_status(karma_model_create(folder, "{\"thinking_budget\": -1}", &m), KARMA_E_RANGE);
    karma_clear_registry();
}

/* Upstream's two sets of defaults. */
static void thinking_is_off_by_class_and_on_by_the_registered_meta(void **state) {
    (void)state;
    const karma_model_class *qwen;
    karma_model *m;
    bool thinks;
    int64_t max_tokens;
    assert_ok(karma_find_model_class("karma.models.qwen.QwenThinkingLLM", &qwen));
    assert_ok(karma_model_create_as(qwen, "Qwen/Qwen3-0.6B", NULL, &m));
    assert_ok(karma_model_arg_bool(m, "enable_thinking", &thinks));
    assert_false(thinks);
    assert_ok(karma_model_arg_int(m, "max_tokens", &max_tokens));
    assert_int_equal(max_tokens, 32768);
    assert_non_null(strstr(karma_model_args(m), "\"top_k\": null"));
    assert_non_null(strstr(karma_model_args(m), "\"thinking_budget\": null"));
    karma_model_destroy(m);
    assert_ok(karma_model_create("Qwen/Qwen3-0.6B", NULL, &m));
    assert_ok(karma_model_arg_bool(m, "enable_thinking", &thinks));
    assert_true(thinks);
    assert_non_null(strstr(karma_model_args(m), "\"top_k\": 50"));
    karma_model_destroy(m);
    karma_clear_registry();
}

int main(void) {
    setenv("KARMA_CONFIG_HOME", test_path("no-such-folder"), 1);
    const struct CMUnitTest tests[] = {
        test_case(the_thought_ends_at_its_budget_and_the_answer_goes_on),
        test_case(without_a_budget_or_within_it_nothing_differs),
        test_case(an_answer_without_a_thought_has_no_end_forced_on_it),
        test_case(needs_a_tokenizer_that_knows_the_marks),
        test_case(thinking_is_off_by_class_and_on_by_the_registered_meta),
    };
    return run_group("api/thinking_budget", tests);
}
