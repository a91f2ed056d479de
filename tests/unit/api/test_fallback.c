/*
 * test_fallback.c - models that stand in for one that cannot be loaded: when they do and when not,
 * what is told of it, which arguments hold for them, and chains that lead in a circle.
 */
#include "tests/support/test.h"

#include "api/api.h"
#include "karma/karma.h"
#include "tests/unit/api/tiny.h"

static int n_warnings;
static char last_warning[1024];

static void count_warning(void *user, karma_log_level level, const char *line) {
    (void)user;
    if (level != KARMA_LOG_WARNING) return;
    n_warnings++;
    snprintf(last_warning, sizeof(last_warning), "%s", line);
}

static char good_folder[256];

static int setup(void **state) {
    snprintf(good_folder, sizeof(good_folder), "%s", tiny_folder("good"));
    setenv("HF_HUB_CACHE", test_path("no-cache"), 1);
    karma_set_log(count_warning, NULL);
    karma_clear_registry();
    n_warnings = 0;
    return test_leaks_begin(state);
}

static int teardown(void **state) {
    karma_clear_registry();
    karma_set_log(NULL, NULL);
    return test_leaks_end(state);
}

#define fallback_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static void add_meta(const char *name, const char *path, const char *kwargs) {
    assert_ok(karma_register_model_meta(&(karma_model_meta){.name = name,
                                                            .model_path = path,
                                                            .loader_class = "QwenThinkingLLM",
                                                            .loader_kwargs_json = kwargs,
                                                            .model_type = KARMA_TEXT_GENERATION}));
}

static void a_smaller_model_stands_in_and_it_is_told(void **state) {
    (void)state;
    karma_model *m;
    char *text, *identity, *own;
    add_meta("small", good_folder, "{\"max_tokens\": 4}");
    assert_ok(karma_model_create("Qwen/Qwen3-1.7B", "{\"fallback\": \"small\", \"seed\": 3}", &m));
    assert_string_equal(karma_model_name(m), "Qwen/Qwen3-1.7B");
    assert_null(karma_model_fallback_reason(m));
    assert_ok(karma_model_load(m));
    assert_string_equal(karma_model_name(m), "small");
    assert_string_equal(karma_model_requested_name(m), "Qwen/Qwen3-1.7B");
    assert_int_equal(strncmp(karma_model_fallback_reason(m), "Qwen/Qwen3-1.7B: ", 17), 0);
    assert_non_null(strstr(karma_model_fallback_reason(m), "hub cache"));
    assert_int_equal(n_warnings, 1);
    assert_non_null(strstr(last_warning, "small"));
    assert_non_null(strstr(karma_model_args(m), "\"max_tokens\": 4")); /* its own meta */
    assert_non_null(strstr(karma_model_args(m), "\"seed\": 3"));       /* the call's */
    assert_ok(karma_model_info(m, &text));
    assert_non_null(strstr(text, "\"name\": \"small\", \"requested_name\": \"Qwen/Qwen3-1.7B\", "
                                 "\"fallback_reason\": \"Qwen/Qwen3-1.7B: "));
    karma_free(text);
    assert_ok(karma_model_run_text(m, "Is iron low?", &text));
    karma_free(text);
    assert_ok(karma_model_identity(m, &identity));
    karma_model_unload(m);
    assert_ok(karma_model_load(m)); /* it is that model now */
    assert_string_equal(karma_model_name(m), "small");
    karma_model_destroy(m);
    assert_ok(karma_model_create("small", "{\"seed\": 3}", &m));
    assert_ok(karma_model_identity(m, &own));
    assert_string_equal(identity, own);
    karma_free(own);
    karma_free(identity);
    karma_model_destroy(m);
}

static void identity_of_a_model_with_fallbacks_is_that_of_what_is_loaded(void **state) {
    (void)state;
    karma_model *m;
    char *with, *without;
    char args[300];
    snprintf(args, sizeof(args), "{\"fallback\": [\"%s\"]}", good_folder);
    assert_ok(karma_model_create("Qwen/Qwen3-8B", args, &m));
    assert_ok(karma_model_identity(m, &with));
    assert_true(karma_model_is_loaded(m));
    assert_string_equal(karma_model_name(m), good_folder);
    karma_model_destroy(m);
    assert_ok(karma_model_create(good_folder, NULL, &m));
    assert_ok(karma_model_identity(m, &without));
    assert_string_equal(with, without);
    karma_free(with);
    karma_free(without);
    karma_model_destroy(m);
}

static void nothing_changes_when_the_model_loads(void **state) {
    (void)state;
    karma_model *m;
    add_meta("first", good_folder, "{\"fallback\": \"never/made\"}");
    assert_ok(karma_get_model("first", NULL, &m));
    assert_string_equal(karma_model_name(m), "first");
    assert_null(karma_model_fallback_reason(m));
    assert_int_equal(n_warnings, 0);
    karma_model_destroy(m);
}

static void every_failure_of_a_checkpoint_leads_there(void **state) {
    (void)state;
    static const char *const broken[] = {"torn", "no-tokenizer", "bad-config", "strange", "pickle"};
    tiny_folder("torn");
    write_text("torn/model.safetensors", "not a header");
    tiny_folder("no-tokenizer");
    tiny_remove("no-tokenizer", "tokenizer.json");
    tiny_folder("bad-config");
    write_text("bad-config/config.json", "{\"architectures\": [\"Qwen3ForCausalLM\"], ");
    tiny_folder("strange");
    write_text("strange/config.json", "{\"architectures\": [\"NobodyForCausalLM\"]}");
    write_text("pickle/pytorch_model.bin", "\x80\x02");
    write_text("pickle/config.json", "{}");
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        karma_model *m;
        char args[300];
        snprintf(args, sizeof(args), "{\"fallback\": \"%s\"}", good_folder);
        assert_ok(karma_get_model(test_path(broken[i]), args, &m));
        assert_string_equal(karma_model_name(m), good_folder);
        assert_string_equal(karma_model_requested_name(m), test_path(broken[i]));
        karma_model_destroy(m);
    }
    karma_model *m; /* too large for the ceiling; so is its stand-in, which it says */
    char args[400];
    snprintf(args, sizeof(args),
             "{\"fallback\": \"%s\", \"max_memory_mb\": 1, \"max_sequences\": 1024}", good_folder);
    add_meta("large", tiny_folder("large"), NULL);
    assert_status(karma_get_model("large", args, &m), KARMA_E_LIMIT);
    assert_message_contains("large: ");
    assert_message_contains("good: ");
}

static void wrong_use_is_not_what_it_is_for(void **state) {
    (void)state;
    karma_model *m;
    char args[400];
    add_meta("first", good_folder, NULL);
    snprintf(args, sizeof(args), "{\"fallback\": \"%s\", \"device\": \"cuda\"}", good_folder);
    assert_status(karma_get_model("first", args, &m), KARMA_E_USAGE);
    assert_status(karma_model_create("first", "{\"fallback\": \"x\", \"sed\": 1}", &m),
                  KARMA_E_USAGE);
    assert_false(fallback_is_for(KARMA_E_USAGE));
    assert_false(fallback_is_for(KARMA_E_CANCELLED));
    assert_false(fallback_is_for(KARMA_E_PLUGIN));
    assert_true(fallback_is_for(KARMA_E_NOMEM));
    static const char *const bad[] = {"{\"fallback\": 3}", "{\"fallback\": \"\"}",
                                      "{\"fallback\": [\"a\", 4]}", "{\"fallback\": {}}",
                                      "{\"fallback\": [\"\"]}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_status(karma_model_create("first", bad[i], &m), KARMA_E_USAGE);
        assert_message_contains("fallback");
    }
    assert_ok(karma_model_create("first", "{\"fallback\": []}", &m));
    karma_model_destroy(m);
}

static void arguments_of_the_call_hold_for_the_stand_in(void **state) {
    (void)state;
    karma_model *m;
    assert_ok(karma_register_model_meta(&(karma_model_meta){.name = "plain",
                                                            .model_path = good_folder,
                                                            .loader_class = "BaseModel",
                                                            .model_type = KARMA_TEXT_GENERATION}));
    assert_ok(karma_model_create_with("Qwen/Qwen3-8B", "/no/such/place", "{\"top_k\": 7}",
                                      "{\"fallback\": \"plain\", \"model_name_or_path\": \"/nor\", "
                                      "\"seed\": 2}",
                                      &m));
    assert_ok(karma_model_load(m)); /* places are of the model asked for alone */
    assert_string_equal(karma_model_path(m), good_folder);
    assert_non_null(strstr(karma_model_args(m), "\"top_k\": 7"));
    assert_non_null(strstr(karma_model_args(m), "\"seed\": 2"));
    karma_model_destroy(m);
    /* Its class must know them. */
    assert_ok(karma_model_create("Qwen/Qwen3-8B",
                                 "{\"fallback\": \"plain\", \"thinking_budget\": 2}", &m));
    assert_status(karma_model_load(m), KARMA_E_USAGE);
    assert_message_contains("thinking_budget");
    assert_message_contains("plain");
    assert_string_equal(karma_model_name(m), "Qwen/Qwen3-8B");
    assert_false(karma_model_is_loaded(m));
    karma_model_destroy(m);
}

static void a_path_that_is_not_there_has_fallbacks_too(void **state) {
    (void)state;
    karma_model *m;
    char args[300];
    snprintf(args, sizeof(args), "{\"fallback\": \"%s\", \"thinking_budget\": 5}", good_folder);
    assert_status(karma_model_create(test_path("later"), NULL, &m), KARMA_E_NOTFOUND);
    assert_ok(karma_model_create(test_path("later"), args, &m));
    assert_ok(karma_model_load(m));
    assert_string_equal(karma_model_name(m), good_folder);
    karma_model_destroy(m);
    assert_ok(karma_model_create(test_path("later"), "{\"fallback\": \"no/where\"}", &m));
    assert_status(karma_model_load(m), KARMA_E_NOTFOUND);
    assert_message_contains("later: ");
    assert_message_contains("no/where: ");
    tiny_folder("later"); /* a failed load can be tried again */
    assert_ok(karma_model_load(m));
    assert_string_equal(karma_model_name(m), test_path("later"));
    assert_null(karma_model_fallback_reason(m));
    assert_string_equal(karma_model_get_class(m)->name, "QwenThinkingLLM");
    karma_model_destroy(m);
}

static void chains_follow_each_others_names_and_end(void **state) {
    (void)state;
    karma_model *m;
    add_meta("a", "/no/a", "{\"fallback\": [\"b\", \"a\"]}");
    add_meta("b", "/no/b", "{\"fallback\": [\"a\", \"c\", \"b\"]}");
    add_meta("c", "/no/c", "{\"fallback\": \"a\"}");
    assert_ok(karma_model_create("a", NULL, &m));
    assert_status(karma_model_load(m), KARMA_E_NOTFOUND);
    assert_message_contains("a: /no/a");
    assert_message_contains("b: /no/b");
    assert_message_contains("c: /no/c");
    assert_string_equal(karma_model_name(m), "a");
    karma_model_destroy(m);
    add_meta("c", good_folder, NULL);
    n_warnings = 0;
    assert_ok(karma_get_model("a", NULL, &m));
    assert_string_equal(karma_model_name(m), "c");
    assert_non_null(strstr(karma_model_fallback_reason(m), "; b: "));
    assert_int_equal(n_warnings, 1);
    karma_model_destroy(m);
    assert_status(karma_get_model("a", "{\"fallback\": \"no such name\"}", &m), KARMA_E_NOTFOUND);
    assert_message_contains("no such name");
}

/* By its class: the same class with another place. */
static const karma_model_class own = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "OwnClass",
};

static void a_class_by_itself_stays_that_class(void **state) {
    (void)state;
    karma_model *m;
    char args[300];
    snprintf(args, sizeof(args), "{\"fallback\": \"%s\"}", good_folder);
    assert_ok(karma_model_create_as(&own, "no/where", args, &m));
    assert_ok(karma_model_load(m));
    assert_ptr_equal(karma_model_get_class(m), &own);
    assert_string_equal(karma_model_path(m), good_folder);
    karma_model_destroy(m);
}

/* With memory failing a stand-in may still load: then the attempt is no failure. */
static void failing_allocations_neither_leak_nor_crash(void **state) {
    (void)state;
    add_meta("first", "/no/first", "{\"threads\": 1, \"fallback\": [\"second\", \"third\"]}");
    add_meta("second", "/no/second", "{\"threads\": 1}");
    add_meta("third", good_folder, "{\"threads\": 1}");
    const size_t before = mem_live_blocks();
    for (uint64_t at = 1; at < 100000; at++) {
        karma_model *m;
        mem_fail_at(at);
        const karma_status st = karma_get_model("first", NULL, &m);
        const bool reached = mem_fail_reached();
        mem_fail_at(0);
        if (st == KARMA_OK) {
            assert_string_equal(karma_model_name(m), "third");
            karma_model_destroy(m);
        }
        assert_int_equal(mem_live_blocks(), before);
        if (!reached) {
            assert_ok(st);
            return;
        }
    }
    fail_msg("no end of allocations");
}

int main(void) {
    setenv("KARMA_CONFIG_HOME", test_path("no-such-folder"), 1);
    const struct CMUnitTest tests[] = {
        fallback_test(a_smaller_model_stands_in_and_it_is_told),
        fallback_test(identity_of_a_model_with_fallbacks_is_that_of_what_is_loaded),
        fallback_test(nothing_changes_when_the_model_loads),
        fallback_test(every_failure_of_a_checkpoint_leads_there),
        fallback_test(wrong_use_is_not_what_it_is_for),
        fallback_test(arguments_of_the_call_hold_for_the_stand_in),
        fallback_test(a_path_that_is_not_there_has_fallbacks_too),
        fallback_test(chains_follow_each_others_names_and_end),
        fallback_test(a_class_by_itself_stays_that_class),
        fallback_test(failing_allocations_neither_leak_nor_crash),
    };
    return run_group("api/fallback", tests);
}
