/*
 * test_upstream_metas.c - the metadata of all 52 models that upstream registers: it loads as it is,
 * is listed and shown, and a model is made of each whose class is there; the others name their
 * loader_class.
 */
#include "tests/support/test.h"

#include "karma/karma.h"

enum { N_UPSTREAM = 52 };

static const char file[] = "tests/fixtures/api/upstream_metas.json";

static const char *const known[] = {
    "Qwen/Qwen3-0.6B",
    "Qwen/Qwen3-1.7B",
    "google/medgemma-4b-it",
    "google/medgemma-1.5-4b-it",
    "google/gemma-3-4b-it",
    "google/medgemma-27b-text-it",
    "google/gemma-3-27b-it",
    "ekacare/parrotlet-v-lite-4b",
    "ai4bharat/indic-conformer-600m-multilingual",
    "ekacare/parrotlet-e",
    "ekacare/SapBERT-finetuned",
    "ekacare/EmbeddingGemma-finetuned",
    "ekacare/IndicBertV2-finetuned",
};

/* Names of the file's entries, one after another. */
static size_t names_of(char names[N_UPSTREAM][80]) {
    const char *at = read_fixture(file, NULL);
    size_t n = 0;
    while ((at = strstr(at, "{\"name\": \""))) {
        at += 10;
        assert_true(n < N_UPSTREAM);
        snprintf(names[n++], sizeof(names[0]), "%.*s", (int)strcspn(at, "\""), at);
    }
    return n;
}

static void all_are_registered_listed_and_shown(void **state) {
    (void)state;
    static char names[N_UPSTREAM][80];
    char **listed, *json;
    size_t count;
    assert_int_equal(names_of(names), N_UPSTREAM);
    assert_ok(karma_register_model_file(file));
    assert_ok(karma_list_models(&listed, &count));
    for (size_t i = 0; i < N_UPSTREAM; i++) {
        const karma_model_meta *meta;
        bool found = false;
        for (size_t k = 0; k < count; k++)
            found = found || strcmp(listed[k], names[i]) == 0;
        assert_true(found);
        assert_ok(karma_get_model_meta(names[i], &meta));
        assert_ok(karma_model_meta_to_json(meta, &json));
        assert_non_null(strstr(json, names[i]));
        karma_free(json);
    }
    karma_free(listed);
    assert_ok(karma_get_models_info(&json));
    assert_non_null(strstr(json, "\"gpt-5.2\": {"));
    karma_free(json);
    assert_ok(karma_list_models_by_type(KARMA_AUDIO_RECOGNITION, &listed, &count));
    assert_true(count >= 18);
    karma_free(listed);
    karma_clear_registry();
}

static void those_whose_class_is_here_can_be_made(void **state) {
    (void)state;
    assert_ok(karma_register_model_file(file));
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        karma_model *m;
        assert_ok(karma_model_create(known[i], NULL, &m));
        assert_string_equal(karma_model_name(m), known[i]);
        karma_model_destroy(m);
    }
    karma_clear_registry();
}

static void the_others_name_their_class(void **state) {
    (void)state;
    static char names[N_UPSTREAM][80];
    const size_t n = names_of(names);
    size_t n_made = 0;
    assert_ok(karma_register_model_file(file));
    for (size_t i = 0; i < n; i++) {
        const karma_model_meta *meta;
        const karma_model_class *cls;
        karma_model *m;
        assert_ok(karma_get_model_meta(names[i], &meta));
        if (karma_find_model_class(meta->loader_class, &cls) == KARMA_OK) {
            n_made++;
            continue;
        }
        assert_status(karma_model_create(names[i], NULL, &m), KARMA_E_NOTFOUND);
        assert_message_contains(meta->loader_class);
        assert_null(m);
    }
    assert_true(n_made >= sizeof(known) / sizeof(known[0]));
    assert_true(n_made < N_UPSTREAM);
    karma_clear_registry();
}

int main(void) {
    setenv("KARMA_CONFIG_HOME", test_path("no-such-folder"), 1);
    unsetenv("KARMA_PATH");
    const struct CMUnitTest tests[] = {
        test_case(all_are_registered_listed_and_shown),
        test_case(those_whose_class_is_here_can_be_made),
        test_case(the_others_name_their_class),
    };
    return run_group("api/upstream_metas", tests);
}
