/* test_meta.c - ModelMeta: names of its enumerations, checks, and its JSON. */
#include "tests/support/test.h"

#include "api/api.h"
#include "karma/karma.h"

static const karma_model_meta good = {
    .name = "org/model",
    .loader_class = "BaseModel",
    .model_type = KARMA_TEXT_GENERATION,
};

static void names_of_types_and_modalities_read_back(void **state) {
    (void)state;
    for (int t = KARMA_TEXT_GENERATION; t <= KARMA_MULTIMODAL; t++) {
        karma_model_type back;
        assert_ok(karma_model_type_parse(karma_model_type_name((karma_model_type)t), &back));
        assert_int_equal(back, t);
    }
    for (unsigned m = KARMA_TEXT; m <= KARMA_VIDEO; m *= 2) {
        karma_modality back;
        assert_ok(karma_modality_parse(karma_modality_name((karma_modality)m), &back));
        assert_int_equal(back, m);
    }
}

static void unknown_names_are_refused_with_what_is_allowed(void **state) {
    (void)state;
    karma_model_type type;
    karma_modality modality;
    assert_status(karma_model_type_parse("speech", &type), KARMA_E_RANGE);
    assert_message_contains("audio_recognition");
    assert_message_contains("speech");
    assert_status(karma_model_type_parse("none", &type), KARMA_E_RANGE);
    assert_status(karma_modality_parse("smell", &modality), KARMA_E_RANGE);
    assert_message_contains("image");
}

static void refuses_a_meta_without_its_required_fields(void **state) {
    (void)state;
    karma_model_meta m = good;
    assert_ok(karma_model_meta_check(&m));
    m.name = NULL;
    assert_status(karma_model_meta_check(&m), KARMA_E_MISSING);
    m = good;
    m.loader_class = NULL;
    assert_status(karma_model_meta_check(&m), KARMA_E_MISSING);
    assert_message_contains("loader_class");
    m = good;
    m.model_type = KARMA_MODEL_TYPE_NONE;
    assert_status(karma_model_meta_check(&m), KARMA_E_MISSING);
    assert_message_contains("model_type");
}

static void refuses_values_that_cannot_be(void **state) {
    (void)state;
    karma_model_meta m = good;
    m.n_parameters = -1;
    assert_status(karma_model_meta_check(&m), KARMA_E_RANGE);
    assert_message_contains("n_parameters");
    m = good;
    m.modalities = 64;
    assert_status(karma_model_meta_check(&m), KARMA_E_RANGE);
    m = good;
    m.loader_kwargs_json = "{\"a\": ";
    assert_status(karma_model_meta_check(&m), KARMA_E_SYNTAX);
    assert_message_contains("loader_kwargs");
    m = good;
}

/* A meta may be there before its class is, so only the path's form counts. */
static void a_class_path_is_a_name_or_names_joined_by_dots(void **state) {
    (void)state;
    static const char *const fine[] = {"GemmaModel", "path.to.CustomMedicalModel", "a.b.c._D2",
                                       "karma.models.openai_llm.OpenAILLM", "mod\xc3\xa8le.Modle"};
    static const char *const bad[] = {".A",  "a.",    "a..B", ".",   "a b",
                                      "a/b", "a.B()", "a:B",  "a\nB"};
    karma_model_meta m = good;
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        m.loader_class = fine[i];
        assert_ok(karma_model_meta_check(&m));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        m.loader_class = bad[i];
        assert_status(karma_model_meta_check(&m), KARMA_E_SYNTAX);
        assert_message_contains("loader_class");
    }
}

static void refuses_names_that_are_no_names(void **state) {
    (void)state;
    static const char *const bad[] = {"a/../b", "..", "a/..", "../a", "a\nb", "a\x7f"};
    karma_model_meta m = good;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        m.name = bad[i];
        assert_status(karma_model_meta_check(&m), KARMA_E_PATH);
    }
    char longest[257];
    memset(longest, 'a', 256);
    longest[256] = 0;
    m.name = longest;
    assert_status(karma_model_meta_check(&m), KARMA_E_PATH);
    m.name = longest + 1;
    assert_ok(karma_model_meta_check(&m));
    m.name = "a/..b/c..d";
    assert_ok(karma_model_meta_check(&m));
}

static void refuses_a_literal_secret_and_never_prints_it(void **state) {
    (void)state;
    karma_model_meta m = good;
    m.extra_json = "{\"api_key\": \"sk-canary\"}";
    assert_status(karma_model_meta_check(&m), KARMA_E_USAGE);
    assert_message_contains("api_key");
    assert_null(strstr(karma_error_message(), "canary"));
    m.extra_json = "{\"nested\": [{\"HF_TOKEN\": \"hf_canary\"}]}";
    assert_status(karma_model_meta_check(&m), KARMA_E_USAGE);
    assert_null(strstr(karma_error_message(), "canary"));
    m.extra_json = "{\"api_key\": \"env:MY_KEY\", \"tokenizer\": \"x\"}";
    assert_ok(karma_model_meta_check(&m));
}

static void writes_fields_in_order_and_extra_keys_last(void **state) {
    (void)state;
    static const char *const languages[] = {"hin-Deva", NULL};
    karma_model_meta m = good;
    m.loader_kwargs_json = "{\"top_k\":50}";
    m.modalities = KARMA_TEXT | KARMA_IMAGE;
    m.languages = languages;
    m.n_parameters = 7;
    m.extra_json = "{\"license\": \"MIT\"}";
    char *json;
    assert_ok(karma_model_meta_to_json(&m, &json));
    assert_string_equal(json, "{\"name\": \"org/model\", \"loader_class\": \"BaseModel\", "
                              "\"loader_kwargs\": {\"top_k\": 50}, \"model_type\": "
                              "\"text_generation\", \"modalities\": [\"text\", \"image\"], "
                              "\"languages\": [\"hin-Deva\"], \"n_parameters\": 7, "
                              "\"license\": \"MIT\"}");
    karma_free(json);
}

static void reads_back_what_it_writes(void **state) {
    (void)state;
    for (size_t i = 0; catalog_metas[i]; i++) {
        struct arena a = {0};
        const struct json *tree;
        karma_model_meta back;
        char *first, *second;
        assert_ok(karma_model_meta_check(catalog_metas[i]));
        assert_ok(karma_model_meta_to_json(catalog_metas[i], &first));
        assert_ok(json_parse(&a, first, strlen(first), 0, &tree));
        assert_ok(meta_from_json(&a, tree, &back));
        assert_ok(karma_model_meta_to_json(&back, &second));
        assert_string_equal(first, second);
        karma_free(first);
        karma_free(second);
        arena_release(&a);
    }
}

/* The catalog's sizes against the shapes of the published checkpoints. */
static void catalog_sizes_are_those_of_the_shapes(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int64_t n_parameters;
    } want[] = {{"Qwen/Qwen3-0.6B", 596049920},
                {"Qwen/Qwen3-8B", 8190735360},
                {"google/gemma-3-270m", 268098176},
                {"google/gemma-3-1b-it", 999885952},
                {"google/medgemma-4b-it", 4300079472},
                {"google/medgemma-27b-it", 27432406640},
                {"HuggingFaceTB/SmolLM2-135M-Instruct", 134515008}};
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        const karma_model_meta *m;
        assert_ok(karma_get_model_meta(want[i].name, &m));
        assert_int_equal(m->n_parameters, want[i].n_parameters);
        assert_int_equal(m->memory_usage_mb, (m->n_parameters * 2 + (1 << 19)) >> 20);
    }
    karma_clear_registry();
}

static karma_status round_trip(void *ctx) {
    char *json;
    (void)ctx;
    karma_status st = karma_model_meta_check(catalog_metas[0]);
    if (st == KARMA_OK) st = karma_model_meta_to_json(catalog_metas[0], &json);
    if (st == KARMA_OK) karma_free(json);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(round_trip, NULL) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(names_of_types_and_modalities_read_back),
        test_case(unknown_names_are_refused_with_what_is_allowed),
        test_case(refuses_a_meta_without_its_required_fields),
        test_case(refuses_values_that_cannot_be),
        test_case(a_class_path_is_a_name_or_names_joined_by_dots),
        test_case(refuses_names_that_are_no_names),
        test_case(refuses_a_literal_secret_and_never_prints_it),
        test_case(writes_fields_in_order_and_extra_keys_last),
        test_case(reads_back_what_it_writes),
        test_case(catalog_sizes_are_those_of_the_shapes),
        test_case(survives_every_failing_allocation),
    };
    return run_group("api/meta", tests);
}
