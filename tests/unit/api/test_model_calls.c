/*
 * test_model_calls.c - the calls of the base class on a tiny checkpoint: several texts, outputs
 * with their metadata, the hooks by themselves, moving, repr; and classes that override a part of
 * it, the custom medical model first.
 */
#include "tests/support/test.h"

#include "karma/karma.h"
#include "tests/unit/api/tiny.h"

/* ---- the custom model of the reference ---- */

extern const karma_model_class custom_medical;

static karma_status medical_preprocess(karma_model *m, const karma_sample *s, karma_prompt *p) {
    karma_status st = karma_base_preprocess(&custom_medical, m, s, p);
    if (st < 0) return st;
    const size_t last = karma_prompt_count(p) - 1;
    char text[512];
    snprintf(text, sizeof(text),
             "Medical Question: %s\nAnswer:", karma_prompt_get(p, last)->content);
    return karma_prompt_set(p, last, text);
}

static karma_status medical_postprocess(karma_model *m, karma_output *o) {
    return karma_base_postprocess(&custom_medical, m, o); /* strips */
}

const karma_model_class custom_medical = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "CustomMedicalModel",
    .preprocess = medical_preprocess,
    .postprocess = medical_postprocess,
};

static void the_custom_medical_model_is_registered_fetched_and_run(void **state) {
    (void)state;
    karma_model *m, *plain;
    char *json, *answer, *by_hand;
    const karma_model_meta meta = {.name = "custom_medical_model",
                                   .description = "Custom medical AI model",
                                   .model_path = tiny_folder("medical"),
                                   .loader_class = "path.to.CustomMedicalModel",
                                   .loader_kwargs_json =
                                       "{\"temperature\": 0.7, \"max_tokens\": 9}",
                                   .model_type = KARMA_TEXT_GENERATION,
                                   .modalities = KARMA_TEXT};
    assert_ok(karma_register_model_meta(&meta));
    assert_ok(karma_get_model("custom_medical_model", NULL, &m));
    assert_true(karma_model_is_loaded(m));
    assert_ptr_equal(karma_model_get_class(m), &custom_medical);
    const karma_sample s = {.struct_size = sizeof(s), .input = "Is iron low?"};
    assert_ok(karma_model_preprocess(m, &s, &json));
    assert_string_equal(json, "{\"messages\": [{\"role\": \"user\", \"content\": "
                              "\"Medical Question: Is iron low?\\nAnswer:\"}]}");
    karma_free(json);
    assert_ok(karma_model_postprocess(m, "  rest \n", &json));
    assert_string_equal(json, "{\"text\": \"rest\", \"thinking\": null, \"flags\": []}");
    karma_free(json);
    assert_ok(karma_model_run_text(m, "Is iron low?", &answer));
    const karma_model_class *base;
    assert_ok(karma_find_model_class("BaseHFModel", &base));
    assert_ok(karma_model_create_as(base, meta.model_path,
                                    "{\"temperature\": 0.7, \"max_tokens\": 9}", &plain));
    assert_ok(karma_model_run_text(plain, "Medical Question: Is iron low?\nAnswer:", &by_hand));
    assert_string_equal(answer, by_hand);
    karma_free(answer);
    karma_free(by_hand);
    karma_model_destroy(plain);
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- overrides of load, options, run and unload ---- */

struct loud_data {
    int volume;
};
static int n_loads, n_unloads;
extern const karma_model_class loud, louder;

static karma_status loud_load(karma_model *m) {
    int64_t volume = 0;
    karma_status st = karma_model_arg_int(m, "volume", &volume);
    if (st == KARMA_OK) st = karma_base_load(&loud, m);
    if (st < 0) return st;
    struct loud_data *data = malloc(sizeof(*data));
    if (!data) return KARMA_E_NOMEM;
    data->volume = (int)volume;
    karma_model_set_data(m, data);
    n_loads++;
    return KARMA_OK;
}

static void loud_unload(karma_model *m) {
    n_unloads += karma_model_data(m) != NULL;
    free(karma_model_data(m));
    karma_model_set_data(m, NULL);
}

static karma_status loud_postprocess(karma_model *m, karma_output *o) {
    const struct loud_data *data = karma_model_data(m);
    char text[600];
    karma_status st = karma_base_postprocess(&loud, m, o);
    snprintf(text, sizeof(text), "%s%.*s", o->text, data->volume, "!!!!!!!!");
    return st < 0 ? st : karma_output_set_text(o, text, strlen(text));
}

static const karma_option_spec loud_options[] = {
    {.name = "volume", .type = KARMA_OPTION_INT, .default_json = "1", .min = 0, .max = 8},
    {.name = "max_tokens", .type = KARMA_OPTION_INT, .default_json = "3", .min = 1, .max = 9},
    {.name = NULL},
};

const karma_model_class loud = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "LoudModel",
    .options = loud_options,
    .load = loud_load,
    .postprocess = loud_postprocess,
    .unload = loud_unload,
};

/* Derived once more: another default, and a run that asks the base for every sample twice. */
static const karma_option_spec louder_options[] = {
    {.name = "volume", .type = KARMA_OPTION_INT, .default_json = "4", .min = 0, .max = 8},
    {.name = NULL},
};

static karma_status louder_run(karma_model *m, const karma_run_io *io) {
    return karma_base_run(&louder, m, io);
}

const karma_model_class louder = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "LouderModel",
    .base = &loud,
    .options = louder_options,
    .run = louder_run,
};

static void a_class_overrides_load_options_run_and_unload(void **state) {
    (void)state;
    karma_model *m;
    char *answer, *again;
    const char *folder = tiny_folder("loud");
    n_loads = n_unloads = 0;
    assert_ok(karma_model_create_as(&louder, folder, "{\"do_sample\": true, \"seed\": 4}", &m));
    assert_non_null(strstr(karma_model_args(m), "\"volume\": 4"));
    assert_non_null(strstr(karma_model_args(m), "\"max_tokens\": 3"));
    assert_ok(karma_model_load(m));
    assert_ok(karma_model_load(m));
    assert_int_equal(n_loads, 1);
    assert_ok(karma_model_run_text(m, "Is iron low?", &answer));
    assert_non_null(strstr(answer, "!!!!"));
    assert_null(strstr(answer, "!!!!!"));
    karma_model_unload(m);
    assert_int_equal(n_unloads, 1);
    assert_ok(karma_model_run_text(m, "Is iron low?", &again));
    assert_string_equal(answer, again);
    karma_free(again);
    karma_free(answer);
    karma_model_destroy(m);
    assert_int_equal(n_unloads, 2);
    assert_status(karma_model_create_as(&louder, folder, "{\"volume\": 9}", &m), KARMA_E_RANGE);
    assert_status(karma_model_create_as(&louder, folder, "{\"volum\": 1}", &m), KARMA_E_USAGE);
    assert_message_contains("volume");
    karma_clear_registry();
}

/* ---- hooks that leave nothing usable ---- */

static int bad_hook;

static karma_status bad_preprocess(karma_model *m, const karma_sample *s, karma_prompt *p) {
    extern const karma_model_class bad_hooks;
    if (bad_hook == 0) return KARMA_OK; /* no message */
    if (bad_hook == 1) return karma_prompt_add(p, "user", "caf\xe9");
    if (bad_hook == 2) return karma_prompt_raw(p, NULL);
    if (bad_hook == 3) return (karma_status)5;
    if (bad_hook == 4) return KARMA_E_SYNTAX; /* without a message */
    return karma_base_preprocess(&bad_hooks, m, s, p);
}

static karma_status bad_postprocess(karma_model *m, karma_output *o) {
    static char elsewhere[] = "not copied";
    extern const karma_model_class bad_hooks;
    if (bad_hook == 5) o->text = NULL;
    if (bad_hook == 6) o->text = elsewhere;
    if (bad_hook == 7) return karma_output_set_text(o, "\xff\xfe", 2);
    if (bad_hook == 8) return (karma_status)-4000;
    if (bad_hook == 9) o->thinking = elsewhere;
    if (bad_hook == 10) { /* not its business: has no effect */
        o->key = elsewhere;
        o->status = KARMA_E_IO;
        o->n_tokens = 99999;
        o->tokens = NULL;
    }
    return bad_hook < 5 || bad_hook == 10 ? karma_base_postprocess(&bad_hooks, m, o) : KARMA_OK;
}

extern const karma_model_class bad_hooks;
const karma_model_class bad_hooks = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "BadHooks",
    .preprocess = bad_preprocess,
    .postprocess = bad_postprocess,
};

static void hooks_that_leave_nothing_usable_fail_their_sample(void **state) {
    (void)state;
    static const struct {
        karma_status st;
        const char *says;
    } expected[] = {
        {KARMA_E_PLUGIN, "no message"},
        {KARMA_E_ENCODING, "not valid UTF-8"},
        {KARMA_E_MISSING, "without text"},
        {KARMA_E_PLUGIN, "returned 5"},
        {KARMA_E_SYNTAX, "E_SYNTAX"},
        {KARMA_E_PLUGIN, "no text"},
        {KARMA_E_PLUGIN, "karma_output_set"},
        {KARMA_E_PLUGIN, "not valid UTF-8"},
        {KARMA_E_PLUGIN, "-4000"},
        {KARMA_E_PLUGIN, "karma_output_set"},
    };
    karma_model *m;
    char *answer;
    assert_ok(karma_model_create_as(&bad_hooks, tiny_folder("hooks"), "{\"max_tokens\": 3}", &m));
    for (bad_hook = 0; bad_hook < 10; bad_hook++) {
        assert_status(karma_model_run_text(m, "x", &answer), expected[bad_hook].st);
        assert_message_contains(expected[bad_hook].says);
        assert_null(answer);
        if (expected[bad_hook].st == KARMA_E_PLUGIN) assert_message_contains("BadHooks");
    }
    assert_ok(karma_model_run_text(m, "x", &answer));
    karma_free(answer);
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- several inputs ---- */

static void several_texts_come_back_in_their_order(void **state) {
    (void)state;
    static const char *const texts[] = {"Is iron low?", "x", "Name a drug.", "x"};
    static const char *const args[] = {"{\"max_tokens\": 6}",
                                       "{\"max_tokens\": 6, \"do_sample\": true, \"seed\": 5}"};
    for (size_t a = 0; a < 2; a++) {
        karma_model *m;
        char **answers, *one;
        assert_ok(karma_get_model(tiny_folder("several"), args[a], &m));
        assert_ok(karma_model_run_texts(m, texts, 4, &answers));
        for (size_t i = 0; i < 4; i++) {
            assert_ok(karma_model_run_text(m, texts[i], &one));
            assert_string_equal(answers[i], one);
            karma_free(one);
        }
        assert_null(answers[4]);
        karma_free(answers);
        assert_ok(karma_model_run_texts(m, texts, 0, &answers));
        assert_null(answers[0]);
        karma_free(answers);
        static const char *const bad[] = {"x", "caf\xe9", "y", "\xff"};
        assert_status(karma_model_run_texts(m, bad, 4, &answers), KARMA_E_ENCODING);
        assert_message_contains("text 1: ");
        assert_null(answers);
        karma_model_destroy(m);
    }
    karma_clear_registry();
}

static void outputs_come_with_their_metadata(void **state) {
    (void)state;
    const karma_sample a = {.struct_size = sizeof(a), .key = "a", .input = "Is iron low?"};
    const karma_sample b = {.struct_size = sizeof(b), .key = "b"};
    const karma_sample c = {.struct_size = sizeof(c), .input = "x<|im_end|>"};
    const karma_sample *const samples[] = {&a, &b, &c}, *const equal[] = {&a, &a};
    const karma_sample old = {.struct_size = 8};
    const karma_sample *const wrong[] = {&old};
    karma_model *m;
    char *json;
    assert_ok(karma_get_model(tiny_folder("metadata"), "{\"max_tokens\": 2}", &m));
    assert_ok(karma_model_run_with_metadata(m, samples, 3, &json));
    const char *second = strstr(json, "}, {"), *third = second ? strstr(second + 4, "}, {") : NULL;
    assert_non_null(third);
    assert_int_equal(strncmp(json, "[{\"text\": \"", 11), 0);
    assert_non_null(
        strstr(json, "\"tool_trace\": \"\", \"thinking\": null, \"finish_reason\": \""));
    assert_non_null(strstr(second, "\"text\": null"));
    assert_non_null(strstr(second, "\"finish_reason\": \"error\", \"prompt_tokens\": 0, "
                                   "\"generated_tokens\": 0, \"flags\": [], \"error\": \"the "
                                   "sample has neither input nor conversation\""));
    assert_non_null(strstr(third, "\"special_in_text\""));
    assert_non_null(strstr(third, "\"error\": null"));
    karma_free(json);
    assert_ok(karma_model_run_with_metadata(m, samples, 0, &json));
    assert_string_equal(json, "[]");
    karma_free(json);
    assert_status(karma_model_run_with_metadata(m, equal, 2, &json), KARMA_E_DUPLICATE);
    assert_message_contains("'a'");
    assert_status(karma_model_run_with_metadata(m, wrong, 1, &json), KARMA_E_ABI);
    assert_null(json);
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- moving and showing ---- */

static void moves_to_devices_that_are_there(void **state) {
    (void)state;
    karma_model *m;
    char *before, *after;
    assert_ok(karma_model_create(tiny_folder("move"), "{\"max_tokens\": 5, \"threads\": 1}", &m));
    assert_ok(karma_model_to(m, "cpu")); /* not loaded: the argument alone */
    assert_non_null(strstr(karma_model_args(m), "\"device\": \"cpu\""));
    assert_false(karma_model_is_loaded(m));
    assert_ok(karma_model_run_text(m, "Is iron low?", &before));
    static const char *const absent[] = {"cuda", "cuda:1", "tpu", "", "CPU"};
    for (size_t i = 0; i < 5; i++) {
        assert_status(karma_model_to(m, absent[i]), KARMA_E_USAGE);
        assert_true(karma_model_is_loaded(m));
        assert_non_null(strstr(karma_model_args(m), "\"device\": \"cpu\""));
    }
    assert_status(karma_model_to(m, NULL), KARMA_E_USAGE);
    assert_ok(karma_model_to(m, "auto"));
    assert_ok(karma_model_run_text(m, "Is iron low?", &after));
    assert_string_equal(before, after);
    karma_free(after);
    /* Another instruction set stands for another device: the model is loaded again. */
    setenv("KARMA_ISA", "ref", 1);
    assert_ok(karma_model_to(m, "cpu"));
    assert_true(karma_model_is_loaded(m));
    assert_ok(karma_model_info(m, &after));
    assert_non_null(strstr(after, "\"device\": \"ref, 1 thread\""));
    karma_free(after);
    unsetenv("KARMA_ISA");
    /* What cannot be loaded there stays where it was. */
    char *kept = NULL;
    assert_ok(karma_model_run_text(m, "Is iron low?", &kept));
    tiny_remove("move", "tokenizer.json");
    assert_status(karma_model_to(m, "cpu"), KARMA_E_MISSING);
    karma_free(kept);
    tiny_copy("move", "api/tiny", "tokenizer.json");
    assert_ok(karma_model_load(m));
    karma_free(before);
    assert_ptr_equal(karma_model_eval(m), m);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void shows_itself_as_the_reference_does(void **state) {
    (void)state;
    karma_model *m;
    char *text;
    assert_ok(karma_model_create("Qwen/Qwen3-0.6B", NULL, &m));
    assert_ok(karma_model_repr(m, &text));
    assert_string_equal(text,
                        "QwenThinkingLLM(model_name_or_path='Qwen/Qwen3-0.6B', device='cpu')");
    karma_free(text);
    karma_model_destroy(m);
    assert_ok(karma_model_create_as(&loud, "a'b\\c", "{\"device\": \"cuda:1\"}", &m));
    assert_ok(karma_model_repr(m, &text));
    assert_string_equal(text, "LoudModel(model_name_or_path=\"a'b\\\\c\", device='cuda:1')");
    karma_free(text);
    assert_status(karma_model_load(m), KARMA_E_NOTFOUND);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void a_device_that_is_not_there_is_an_error_of_load(void **state) {
    (void)state;
    karma_model *m;
    assert_ok(karma_model_create(tiny_folder("cuda"), "{\"device\": \"cuda:0\"}", &m));
    assert_status(karma_model_load(m), KARMA_E_USAGE);
    assert_message_contains("cuda:0");
    assert_ok(karma_model_to(m, "cpu"));
    assert_ok(karma_model_load(m));
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- memory ---- */

static karma_status all_calls(void *ctx) {
    static const char *const texts[] = {"x", "y"};
    const karma_sample s = {.struct_size = sizeof(s), .input = "x"};
    const karma_sample *const samples[] = {&s, &s};
    karma_model *m;
    char *text = NULL, **answers = NULL;
    karma_status st =
        karma_model_create_as(&louder, ctx, "{\"max_tokens\": 1, \"threads\": 1}", &m);
    if (st == KARMA_OK) st = karma_model_load(m);
    if (st == KARMA_OK) st = karma_model_run_texts(m, texts, 2, &answers);
    karma_free(answers);
    if (st == KARMA_OK) st = karma_model_run_with_metadata(m, samples, 2, &text);
    if (st == KARMA_OK && strstr(text, "out of memory")) st = KARMA_E_NOMEM; /* of a sample */
    karma_free(text);
    text = NULL;
    if (st == KARMA_OK) st = karma_model_preprocess(m, &s, &text);
    karma_free(text);
    text = NULL;
    if (st == KARMA_OK) st = karma_model_postprocess(m, " x ", &text);
    karma_free(text);
    text = NULL;
    if (st == KARMA_OK) st = karma_model_repr(m, &text);
    karma_free(text);
    text = NULL;
    if (st == KARMA_OK) st = karma_model_info(m, &text);
    karma_free(text);
    if (st == KARMA_OK) st = karma_model_to(m, "auto");
    karma_model_destroy(m);
    karma_clear_registry();
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    char folder[256];
    snprintf(folder, sizeof(folder), "%s", tiny_folder("calls"));
    assert_true(for_each_failing_allocation(all_calls, folder) > 50);
}

static int register_classes(void **state) {
    (void)state;
    return karma_register_model_class(&custom_medical) == KARMA_OK ? 0 : -1;
}

int main(void) {
    setenv("KARMA_CONFIG_HOME", test_path("no-such-folder"), 1);
    const struct CMUnitTest tests[] = {
        test_case(the_custom_medical_model_is_registered_fetched_and_run),
        test_case(a_class_overrides_load_options_run_and_unload),
        test_case(hooks_that_leave_nothing_usable_fail_their_sample),
        test_case(several_texts_come_back_in_their_order),
        test_case(outputs_come_with_their_metadata),
        test_case(moves_to_devices_that_are_there),
        test_case(shows_itself_as_the_reference_does),
        test_case(a_device_that_is_not_there_is_an_error_of_load),
        test_case(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests_name("api/model_calls", tests, register_classes, NULL);
}
