/*
 * test_registry.c - models by name: register, override, list, files of the user's folders, and how
 * the levels of arguments are merged.
 */
#include "tests/support/test.h"

#include <threads.h>

#include "karma/karma.h"

static int n_warnings;
static char last_warning[1024];

static void count_warning(void *user, karma_log_level level, const char *line) {
    (void)user;
    if (level != KARMA_LOG_WARNING) return;
    n_warnings++;
    snprintf(last_warning, sizeof(last_warning), "%s", line);
}

static int setup(void **state) {
    (void)state;
    unsetenv("KARMA_PATH");
    setenv("KARMA_CONFIG_HOME", test_path("no-such-folder"), 1);
    karma_set_log(count_warning, NULL);
    n_warnings = 0;
    karma_clear_registry();
    return test_leaks_begin(state);
}

static int teardown(void **state) {
    karma_clear_registry();
    karma_set_log(NULL, NULL);
    return test_leaks_end(state);
}

#define registry_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static bool contains(char **names, const char *name) {
    for (; *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

static void catalog_is_there_at_first_use(void **state) {
    (void)state;
    char **names;
    size_t count;
    assert_ok(karma_list_models(&names, &count));
    assert_true(count >= 17);
    assert_true(contains(names, "Qwen/Qwen3-0.6B"));
    assert_true(contains(names, "ai4bharat/indic-conformer-600m-multilingual"));
    for (size_t i = 1; i < count; i++)
        assert_true(strcmp(names[i - 1], names[i]) < 0);
    assert_null(names[count]);
    karma_free(names);
}

static void lists_by_type_and_by_modality(void **state) {
    (void)state;
    char **names;
    size_t count;
    assert_ok(karma_list_models_by_type(KARMA_AUDIO_RECOGNITION, &names, &count));
    assert_int_equal(count, 1);
    karma_free(names);
    assert_ok(karma_list_models_by_modality(KARMA_IMAGE, &names, &count));
    assert_true(contains(names, "google/medgemma-4b-it"));
    assert_false(contains(names, "Qwen/Qwen3-0.6B"));
    karma_free(names);
    assert_ok(karma_list_models_by_modality(KARMA_VIDEO, &names, &count));
    assert_int_equal(count, 0);
    assert_null(names[0]);
    karma_free(names);
    assert_status(karma_list_models_by_type(KARMA_MODEL_TYPE_NONE, &names, &count), KARMA_E_RANGE);
}

static void not_found_names_the_nearest(void **state) {
    (void)state;
    const karma_model_meta *m;
    assert_status(karma_get_model_meta("Qwen/Qwen3-0.6b", &m), KARMA_E_NOTFOUND);
    assert_message_contains("Qwen/Qwen3-0.6B");
    assert_null(m);
    assert_status(karma_get_model_meta("medgemma-4b-it", &m), KARMA_E_NOTFOUND);
    assert_message_contains("google/medgemma-4b-it");
    assert_false(karma_is_registered("medgemma-4b-it"));
}

static void overriding_warns_and_leaves_no_trace_of_the_old(void **state) {
    (void)state;
    const karma_model_meta mine = {.name = "Qwen/Qwen3-0.6B",
                                   .loader_class = "BaseModel",
                                   .model_type = KARMA_EMBEDDING,
                                   .description = "mine"};
    const karma_model_meta *m;
    char **names;
    size_t count;
    assert_ok(karma_register_model_meta(&mine));
    assert_int_equal(n_warnings, 1);
    assert_non_null(strstr(last_warning, "already registered"));
    assert_ok(karma_get_model_meta("Qwen/Qwen3-0.6B", &m));
    assert_string_equal(m->description, "mine");
    assert_ok(karma_list_models_by_type(KARMA_TEXT_GENERATION, &names, &count));
    assert_false(contains(names, "Qwen/Qwen3-0.6B"));
    karma_free(names);
    assert_ok(karma_register_model_meta(&mine));
    assert_int_equal(n_warnings, 2);
}

static void unregister_removes_and_clear_fills_again(void **state) {
    (void)state;
    assert_true(karma_unregister_model("Qwen/Qwen3-0.6B"));
    assert_false(karma_unregister_model("Qwen/Qwen3-0.6B"));
    assert_false(karma_is_registered("Qwen/Qwen3-0.6B"));
    karma_clear_registry();
    assert_true(karma_is_registered("Qwen/Qwen3-0.6B"));
}

static void what_is_registered_is_a_copy(void **state) {
    (void)state;
    char name[] = "mine/model", language[] = "tam-Taml";
    const char *languages[] = {language, NULL};
    const karma_model_meta mine = {.name = name,
                                   .loader_class = "BaseHFModel",
                                   .model_type = KARMA_TEXT_GENERATION,
                                   .languages = languages};
    const karma_model_meta *m;
    assert_ok(karma_register_model_meta(&mine));
    name[0] = language[0] = 'x';
    assert_ok(karma_get_model_meta("mine/model", &m));
    assert_string_equal(m->languages[0], "tam-Taml");
}

static void reads_json_and_yaml_of_the_users_folders_in_order(void **state) {
    (void)state;
    write_text("path1/models/a.json", "{\"name\": \"one\", \"loader_class\": \"BaseModel\", "
                                      "\"model_type\": \"text_generation\", \"version\": \"1\", "
                                      "\"license\": \"MIT\"}");
    write_text("path2/models/b.yaml", "- name: one\n  loader_class: BaseModel\n"
                                      "  model_type: text_generation\n  version: \"2\"\n"
                                      "- name: two\n  loader_class: BaseModel\n"
                                      "  model_type: multimodal\n  modalities: [text, image]\n");
    write_text("config/models/c.yml", "name: one\nloader_class: BaseModel\n"
                                      "model_type: text_generation\nversion: \"3\"\n");
    write_text("config/models/readme.txt", "not ours");
    char path[8192];
    snprintf(path, sizeof(path), "%s:%s", test_path("path1"), test_path("path2"));
    setenv("KARMA_PATH", path, 1);
    setenv("KARMA_CONFIG_HOME", test_path("config"), 1);
    const karma_model_meta *m;
    assert_ok(karma_get_model_meta("one", &m));
    assert_string_equal(m->version, "3");
    assert_int_equal(n_warnings, 2);
    assert_ok(karma_get_model_meta("two", &m));
    assert_int_equal(m->modalities, KARMA_TEXT | KARMA_IMAGE);
    setenv("KARMA_CONFIG_HOME", test_path("no-such-folder"), 1);
    setenv("KARMA_PATH", test_path("path1"), 1);
    karma_clear_registry();
    assert_ok(karma_get_model_meta("one", &m));
    assert_string_equal(m->version, "1");
    assert_string_equal(m->extra_json, "{\"license\": \"MIT\"}");
    assert_false(karma_is_registered("two"));
}

static void a_broken_file_is_a_warning_and_hides_nothing(void **state) {
    (void)state;
    write_text("broken/models/a.json", "{\"name\": ");
    write_text("broken/models/b.yaml", "name: good\nloader_class: BaseModel\n"
                                       "model_type: text_generation\n");
    write_text("broken/models/c.yaml", "name: bad\nloader_class: no such class\n"
                                       "model_type: text_generation\n");
    setenv("KARMA_PATH", test_path("broken"), 1);
    assert_true(karma_is_registered("good"));
    assert_false(karma_is_registered("bad"));
    assert_true(karma_is_registered("Qwen/Qwen3-0.6B"));
    assert_int_equal(n_warnings, 2);
    assert_non_null(strstr(last_warning, "c.yaml"));
    assert_non_null(strstr(last_warning, "no such class"));
}

static void a_file_adds_all_or_nothing(void **state) {
    (void)state;
    const char *twice = write_text(
        "twice.json", "[{\"name\": \"x\", \"loader_class\": \"BaseModel\", \"model_type\": "
                      "\"embedding\"}, {\"name\": \"x\", \"loader_class\": \"BaseModel\", "
                      "\"model_type\": \"embedding\"}]");
    assert_status(karma_register_model_file(twice), KARMA_E_DUPLICATE);
    assert_message_contains("entry 2");
    const char *bad = write_text("bad.yaml", "- name: y\n  loader_class: BaseModel\n"
                                             "  model_type: embedding\n- name: z\n"
                                             "  loader_class: BaseModel\n  model_type: speech\n");
    assert_status(karma_register_model_file(bad), KARMA_E_RANGE);
    assert_message_contains("bad.yaml");
    assert_message_contains("speech");
    assert_false(karma_is_registered("x"));
    assert_false(karma_is_registered("y"));
    const char *type = write_text("type.json", "{\"name\": 3}");
    assert_status(karma_register_model_file(type), KARMA_E_TYPE);
    assert_message_contains("name");
}

static void info_has_a_line_for_each_model(void **state) {
    (void)state;
    char *json;
    assert_ok(karma_get_models_info(&json));
    assert_non_null(strstr(json, "\"google/medgemma-4b-it\": {\"name\": \"google/medgemma-4b-it\", "
                                 "\"type\": \"text_generation\", \"modalities\": [\"text\", "
                                 "\"image\"], \"languages\": [\"eng-Latn\"], \"version\": null}"));
    karma_free(json);
}

/* The value of a key in flat JSON text, up to ',' or '}'. */
static const char *value_of(const char *json, const char *key) {
    static char out[64];
    char quoted[80];
    snprintf(quoted, sizeof(quoted), "\"%s\": ", key);
    const char *at = strstr(json, quoted);
    if (!at) return "absent";
    at += strlen(quoted);
    snprintf(out, sizeof(out), "%.*s", (int)strcspn(at, ",}"), at);
    return out;
}

static void arguments_merge_level_by_level(void **state) {
    (void)state;
    const char *const name = "Qwen/Qwen3-0.6B";
    char *json;
    assert_ok(karma_resolve_model_args(name, NULL, NULL, &json));
    assert_string_equal(value_of(json, "seed"), "0");               /* BaseModel */
    assert_string_equal(value_of(json, "top_k"), "50");             /* metadata over class */
    assert_string_equal(value_of(json, "enable_thinking"), "true"); /* the same */
    assert_string_equal(value_of(json, "max_tokens"), "32768");
    assert_string_equal(value_of(json, "do_sample"), "absent"); /* the checkpoint's */
    assert_string_equal(value_of(json, "model_name_or_path"), "\"Qwen/Qwen3-0.6B\"");
    karma_free(json);
    assert_ok(karma_resolve_model_args(name, "{\"top_k\": 40, \"top_p\": 0.8}", NULL, &json));
    assert_string_equal(value_of(json, "top_k"), "40");
    assert_string_equal(value_of(json, "top_p"), "0.8");
    karma_free(json);
    assert_ok(karma_resolve_model_args(name, "{\"top_k\": 40, \"top_p\": 0.8}", "{\"top_k\": null}",
                                       &json));
    assert_string_equal(value_of(json, "top_k"), "null"); /* switched off */
    assert_string_equal(value_of(json, "top_p"), "0.8");
    karma_free(json);
}

/* Where the checkpoint lies, after each level that says so. */
static void the_place_follows_the_same_levels(void **state) {
    (void)state;
    static const struct {
        const char *meta_path, *kwargs, *path, *config, *call, *want;
    } cases[] = {
        {NULL, NULL, NULL, NULL, NULL, "\"level\""}, {"m", NULL, NULL, NULL, NULL, "\"m\""},
        {"m", "k", NULL, NULL, NULL, "\"k\""},       {"m", "k", "p", NULL, NULL, "\"p\""},
        {"m", "k", "p", "c", NULL, "\"c\""},         {"m", "k", "p", "c", "a", "\"a\""},
        {NULL, NULL, NULL, "c", NULL, "\"c\""},      {"m", NULL, "p", NULL, "a", "\"a\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[3][64];
        const char *given[3] = {cases[i].kwargs, cases[i].config, cases[i].call}, *level[3];
        for (size_t k = 0; k < 3; k++) {
            snprintf(text[k], sizeof(text[k]), "{\"model_name_or_path\": \"%s\"}",
                     given[k] ? given[k] : "");
            level[k] = given[k] ? text[k] : NULL;
        }
        karma_model *m;
        karma_unregister_model("level");
        assert_ok(
            karma_register_model_meta(&(karma_model_meta){.name = "level",
                                                          .model_path = cases[i].meta_path,
                                                          .loader_class = "BaseModel",
                                                          .loader_kwargs_json = level[0],
                                                          .model_type = KARMA_TEXT_GENERATION}));
        assert_ok(karma_model_create_with("level", cases[i].path, level[1], level[2], &m));
        assert_string_equal(value_of(karma_model_args(m), "model_name_or_path"), cases[i].want);
        karma_model_destroy(m);
    }
}

static void two_spellings_are_one_argument_at_every_level(void **state) {
    (void)state;
    char *json;
    assert_ok(karma_resolve_model_args("google/medgemma-4b-it", NULL, NULL, &json));
    assert_string_equal(value_of(json, "max_tokens"), "1024"); /* the meta says max_new_tokens */
    assert_string_equal(value_of(json, "max_new_tokens"), "absent");
    karma_free(json);
    assert_ok(
        karma_resolve_model_args("google/medgemma-4b-it", "{\"max_tokens\": 9}", NULL, &json));
    assert_string_equal(value_of(json, "max_tokens"), "9");
    karma_free(json);
    assert_ok(karma_resolve_model_args("Qwen/Qwen3-0.6B", NULL, "{\"max_new_tokens\": 7}", &json));
    assert_string_equal(value_of(json, "max_tokens"), "7");
    karma_free(json);
    assert_status(karma_resolve_model_args("Qwen/Qwen3-0.6B", NULL,
                                           "{\"max_new_tokens\": 7, \"max_tokens\": 7}", &json),
                  KARMA_E_USAGE);
}

static void wrong_arguments_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *call;
        karma_status st;
        const char *says;
    } cases[] = {
        {"{\"temprature\": 1}", KARMA_E_USAGE, "temperature"},
        {"{\"temperature\": \"hot\"}", KARMA_E_USAGE, "temperature"},
        {"{\"temperature\": -1}", KARMA_E_RANGE, "temperature"},
        {"{\"temperature\": 1e9}", KARMA_E_RANGE, "temperature"},
        {"{\"top_p\": 0}", KARMA_E_RANGE, "top_p"},
        {"{\"top_p\": 1.5}", KARMA_E_RANGE, "top_p"},
        {"{\"top_k\": -1}", KARMA_E_RANGE, "top_k"},
        {"{\"max_tokens\": 0}", KARMA_E_RANGE, "max_tokens"},
        {"{\"max_tokens\": 2147483648}", KARMA_E_RANGE, "max_tokens"},
        {"{\"seed\": -1}", KARMA_E_RANGE, "seed"},
        {"{\"special_tokens\": \"unsafe\"}", KARMA_E_RANGE, "compat"},
        {"{\"stop\": [\"a\", \"\"]}", KARMA_E_USAGE, "stop"},
        {"{\"stop\": 3}", KARMA_E_USAGE, "stop"},
        {"{\"chat_template_kwargs\": []}", KARMA_E_USAGE, "chat_template_kwargs"},
        {"{\"template_date\": \"2024-13-01\"}", KARMA_E_USAGE, "template_date"},
        {"{\"temperature\": ", KARMA_E_USAGE, "model arguments"},
        {"[1]", KARMA_E_USAGE, "model arguments"},
        {"{\"top_k\": 1, \"top_k\": 2}", KARMA_E_USAGE, "given twice"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *json = (char *)&json;
        assert_status(karma_resolve_model_args("Qwen/Qwen3-0.6B", NULL, cases[i].call, &json),
                      cases[i].st);
        assert_message_contains(cases[i].says);
        assert_null(json);
    }
    char *json;
    assert_status(karma_resolve_model_args("Qwen/Qwen3-0.6B", "{\"a\": ", NULL, &json),
                  KARMA_E_SYNTAX);
}

static karma_status fill_and_list(void *ctx) {
    char **names, *json;
    size_t count;
    (void)ctx;
    karma_status st = karma_list_models(&names, &count);
    if (st == KARMA_OK) {
        karma_free(names);
        st = karma_register_model_meta(&(karma_model_meta){.name = "mine",
                                                           .loader_class = "BaseModel",
                                                           .model_type = KARMA_EMBEDDING,
                                                           .loader_kwargs_json = "{\"seed\": 3}"});
    }
    if (st == KARMA_OK) {
        st = karma_resolve_model_args("mine", "{\"top_k\": 4}", "{\"max_new_tokens\": 4}", &json);
        if (st == KARMA_OK) karma_free(json);
    }
    karma_clear_registry();
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    write_text("memory/models/a.yaml", "name: good\nloader_class: BaseModel\n"
                                       "model_type: text_generation\n");
    setenv("KARMA_PATH", test_path("memory"), 1);
    assert_true(for_each_failing_allocation(fill_and_list, NULL) > 10);
}

static void many_models_are_found_fast(void **state) {
    (void)state;
    char name[32], **names;
    size_t count;
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "many/%04d", (i * 7919) % 2000);
        assert_ok(karma_register_model_meta(&(karma_model_meta){
            .name = name, .loader_class = "BaseModel", .model_type = KARMA_TEXT_GENERATION}));
    }
    assert_ok(karma_list_models(&names, &count));
    assert_true(count >= 2017);
    for (size_t i = 1; i < count; i++)
        assert_true(strcmp(names[i - 1], names[i]) < 0);
    karma_free(names);
}

enum { N_THREADS = 4, N_ROUNDS = 200 };

static int work(void *number) {
    char name[32], **names, *json;
    size_t count;
    snprintf(name, sizeof(name), "thread/%d", *(int *)number);
    int failed = 0;
    for (int i = 0; i < N_ROUNDS; i++) {
        const karma_model_meta mine = {
            .name = name, .loader_class = "BaseModel", .model_type = KARMA_TEXT_GENERATION};
        failed += karma_register_model_meta(&mine) != KARMA_OK;
        failed += karma_list_models(&names, &count) != KARMA_OK || !contains(names, name);
        karma_free(names);
        failed += karma_resolve_model_args(name, NULL, "{\"seed\": 1}", &json) != KARMA_OK;
        karma_free(json);
        failed += !karma_unregister_model(name);
    }
    return failed;
}

static void calls_from_several_threads_do_not_disturb_each_other(void **state) {
    (void)state;
    thrd_t threads[N_THREADS];
    int numbers[N_THREADS];
    for (int i = 0; i < N_THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(thrd_create(&threads[i], work, &numbers[i]), thrd_success);
    }
    for (int i = 0; i < N_THREADS; i++) {
        int failed;
        assert_int_equal(thrd_join(threads[i], &failed), thrd_success);
        assert_int_equal(failed, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        registry_test(catalog_is_there_at_first_use),
        registry_test(lists_by_type_and_by_modality),
        registry_test(not_found_names_the_nearest),
        registry_test(overriding_warns_and_leaves_no_trace_of_the_old),
        registry_test(unregister_removes_and_clear_fills_again),
        registry_test(what_is_registered_is_a_copy),
        registry_test(reads_json_and_yaml_of_the_users_folders_in_order),
        registry_test(a_broken_file_is_a_warning_and_hides_nothing),
        registry_test(a_file_adds_all_or_nothing),
        registry_test(info_has_a_line_for_each_model),
        registry_test(arguments_merge_level_by_level),
        registry_test(the_place_follows_the_same_levels),
        registry_test(two_spellings_are_one_argument_at_every_level),
        registry_test(wrong_arguments_are_refused),
        registry_test(survives_every_failing_allocation),
        registry_test(many_models_are_found_fast),
        registry_test(calls_from_several_threads_do_not_disturb_each_other),
    };
    return run_group("api/registry", tests);
}
