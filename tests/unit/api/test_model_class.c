/*
 * test_model_class.c - classes: found by name and alias, inheritance slot by slot, classes of the
 * user's own that override a part, and models of them from creation to answer. Nothing here needs
 * a checkpoint.
 */
#include "tests/support/test.h"

#include "api/api.h"
#include "karma/karma.h"

/* ---- an oracle: a class that overrides run and answers with the reference ---- */

static karma_status oracle_load(karma_model *m) {
    karma_model_set_data(m, mem_alloc(16));
    return karma_model_data(m) ? KARMA_OK : KARMA_E_NOMEM;
}

static void oracle_unload(karma_model *m) {
    mem_free(karma_model_data(m));
    karma_model_set_data(m, NULL);
}

static karma_status oracle_run(karma_model *m, const karma_run_io *io) {
    const karma_sample *s;
    bool shout = false;
    karma_status st = karma_model_arg_bool(m, "shout", &shout);
    while (st == KARMA_OK && (st = io->next(io->user, &s)) == KARMA_OK) {
        karma_output o = {.struct_size = sizeof(o),
                          .key = s->key,
                          .text = shout ? "LOUD" : s->expected_output,
                          .finish_reason = KARMA_FINISH_STOP};
        st = io->put(io->user, &o);
    }
    return st == KARMA_DONE ? KARMA_OK : st;
}

static const karma_option_spec oracle_options[] = {
    {.name = "shout", .type = KARMA_OPTION_BOOL, .default_json = "false", .help = "always LOUD"},
    {.name = NULL},
};

static const karma_model_class oracle = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "Oracle",
    .options = oracle_options,
    .load = oracle_load,
    .run = oracle_run,
    .unload = oracle_unload,
};

/* ---- a custom model: preprocess and postprocess alone ---- */

static karma_status polite_preprocess(karma_model *m, const karma_sample *s, karma_prompt *p) {
    extern const karma_model_class polite;
    karma_status st = karma_base_preprocess(&polite, m, s, p);
    size_t last = karma_prompt_count(p);
    if (st < 0) return st;
    char text[256];
    snprintf(text, sizeof(text), "Please: %s", karma_prompt_get(p, last - 1)->content);
    return karma_prompt_set(p, last - 1, text);
}

static karma_status polite_postprocess(karma_model *m, karma_output *o) {
    extern const karma_model_class polite;
    karma_status st = karma_base_postprocess(&polite, m, o);
    if (st < 0) return st;
    char text[256];
    snprintf(text, sizeof(text), "%s Thank you.", o->text);
    return karma_output_set_text(o, text, strlen(text));
}

static const char *const polite_aliases[] = {"my.models.Polite", NULL};
extern const karma_model_class polite;
const karma_model_class polite = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "Polite",
    .aliases = polite_aliases,
    .preprocess = polite_preprocess,
    .postprocess = polite_postprocess,
};

/* ---- */

static void finds_classes_by_name_and_by_upstreams_dotted_names(void **state) {
    (void)state;
    static const char *const names[][2] = {
        {"QwenThinkingLLM", "karma.models.qwen.QwenThinkingLLM"},
        {"MedGemmaModel", "karma.models.medgemma.MedGemmaLLM"},
        {"MedGemmaModel", "MedGemmaLLM"},
        {"GemmaModel", "karma.models.gemma_hf.GemmaHFLLM"},
        {"BaseModel", "BaseHFModel"},
        {"BaseModel", "karma.models.base_model_abs.BaseModel"},
        {"IndicConformerASR", "karma.models.indic_conformer.IndicConformerASR"},
        {"HFEmbeddingBaseModel", "karma.models.hf_embedding_model.HFEmbeddingBaseModel"},
        {"ParrotletVLiteLLM", "karma.models.parrotlet_v.ParrotletVLiteLLM"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const karma_model_class *cls;
        assert_ok(karma_find_model_class(names[i][1], &cls));
        assert_string_equal(cls->name, names[i][0]);
    }
}

static void unknown_class_names_the_nearest(void **state) {
    (void)state;
    const karma_model_class *cls;
    assert_status(karma_find_model_class("karma.models.qwen.QwenThinkngLLM", &cls),
                  KARMA_E_NOTFOUND);
    assert_message_contains("QwenThinkingLLM");
    assert_null(cls);
}

static void refuses_tables_it_cannot_use(void **state) {
    (void)state;
    karma_model_class bad = oracle;
    bad.abi_version = KARMA_CLASS_ABI + 1;
    assert_status(karma_register_model_class(&bad), KARMA_E_ABI);
    bad = oracle;
    bad.struct_size = 8;
    assert_status(karma_register_model_class(&bad), KARMA_E_ABI);
    bad = oracle;
    bad.name = NULL;
    assert_status(karma_register_model_class(&bad), KARMA_E_MISSING);
    bad = oracle;
    bad.name = "BaseHFModel";
    assert_status(karma_register_model_class(&bad), KARMA_E_DUPLICATE);
    bad = oracle;
    bad.name = "Ring";
    bad.base = &bad;
    assert_status(karma_register_model_class(&bad), KARMA_E_LIMIT);
}

static void a_slot_is_the_nearest_holders(void **state) {
    (void)state;
    const karma_model_class *medgemma, *gemma;
    assert_ok(karma_find_model_class("MedGemmaModel", &medgemma));
    assert_ok(karma_find_model_class("GemmaModel", &gemma));
    assert_ptr_equal(class_holder(medgemma, SLOT_POSTPROCESS), gemma);
    assert_ptr_equal(class_holder(medgemma, SLOT_RUN), &class_base);
    assert_ptr_equal(class_holder(&polite, SLOT_PREPROCESS), &polite);
    assert_ptr_equal(class_base_of(&polite), &class_base);
    assert_null(class_base_of(&class_base));
}

static void a_derived_default_hides_the_bases(void **state) {
    (void)state;
    karma_model *m;
    double temperature;
    assert_ok(karma_register_model_meta(&(karma_model_meta){
        .name = "direct", .loader_class = "MedGemmaModel", .model_type = KARMA_TEXT_GENERATION}));
    assert_ok(karma_model_create("direct", NULL, &m));
    assert_ok(karma_model_arg_real(m, "temperature", &temperature));
    assert_true(temperature == 0.7);
    assert_ok(karma_model_arg_real(m, "top_p", &temperature));
    assert_true(temperature == 0.9);
    karma_model_destroy(m);
    karma_clear_registry();
}

struct io {
    const karma_sample *samples;
    size_t n, next, n_out;
    char answers[8][64];
};

static karma_status io_next(void *user, const karma_sample **sample) {
    struct io *io = user;
    if (io->next == io->n) return KARMA_DONE;
    *sample = &io->samples[io->next++];
    return KARMA_OK;
}

static karma_status io_put(void *user, const karma_output *o) {
    struct io *io = user;
    snprintf(io->answers[io->n_out++], sizeof(io->answers[0]), "%s=%s", o->key, o->text);
    return KARMA_OK;
}

static void an_oracle_answers_with_the_reference(void **state) {
    (void)state;
    const karma_sample samples[] = {
        {.struct_size = sizeof(karma_sample), .key = "a", .expected_output = "yes"},
        {.struct_size = sizeof(karma_sample), .key = "b", .expected_output = "no"},
    };
    struct io io = {.samples = samples, .n = 2};
    karma_run_io calls = {.next = io_next, .put = io_put, .user = &io};
    karma_model *m;
    char *identity, *again;
    const karma_model_meta meta = {.name = "test/oracle",
                                   .loader_class = "Oracle",
                                   .model_type = KARMA_TEXT_GENERATION,
                                   .loader_kwargs_json = "{\"shout\": false}"};
    assert_ok(karma_register_model_meta(&meta));
    assert_ok(karma_model_create("test/oracle", NULL, &m));
    assert_ok(karma_model_identity(m, &identity));
    assert_false(karma_model_is_loaded(m));
    assert_ok(karma_model_run(m, &calls)); /* loads */
    assert_true(karma_model_is_loaded(m));
    assert_ok(karma_model_load(m)); /* twice is harmless */
    assert_int_equal(io.n_out, 2);
    assert_string_equal(io.answers[0], "a=yes");
    assert_string_equal(io.answers[1], "b=no");
    assert_ok(karma_model_identity(m, &again));
    assert_string_equal(identity, again);
    karma_free(again);
    karma_model_destroy(m);
    assert_ok(karma_model_create("test/oracle", "{\"shout\": true}", &m));
    assert_ok(karma_model_identity(m, &again));
    assert_string_not_equal(identity, again);
    karma_free(again);
    karma_free(identity);
    io.next = io.n_out = 0;
    assert_ok(karma_model_run(m, &calls));
    assert_string_equal(io.answers[0], "a=LOUD");
    karma_model_destroy(m);
    karma_clear_registry();
}

static void identity_leaves_out_what_only_changes_speed(void **state) {
    (void)state;
    karma_model *m;
    char *first, *second;
    assert_ok(karma_register_model_meta(&(karma_model_meta){
        .name = "test/oracle", .loader_class = "Oracle", .model_type = KARMA_TEXT_GENERATION}));
    assert_ok(karma_model_create("test/oracle", "{\"top_k\": 3, \"seed\": 9}", &m));
    assert_ok(karma_model_identity(m, &first));
    karma_model_destroy(m);
    assert_ok(karma_model_create("test/oracle",
                                 "{\"seed\": 9, \"threads\": 3, \"max_sequences\": 2, \"top_k\": "
                                 "3, \"speculation\": \"off\"}",
                                 &m));
    assert_ok(karma_model_identity(m, &second));
    karma_model_destroy(m);
    assert_string_equal(first, second);
    assert_non_null(strstr(first, "\"seed\":9"));
    assert_null(strstr(first, "max_sequences"));
    assert_null(strstr(first, "speculation"));
    karma_free(first);
    karma_free(second);
    karma_clear_registry();
}

/* What the class makes of a sample, without an engine. */
static void a_custom_class_overrides_preprocess_and_postprocess(void **state) {
    (void)state;
    karma_model *m;
    struct karma_prompt p = {0};
    struct output_box box = {.out = {.text = "  Rest. \n"}};
    const karma_sample s = {.struct_size = sizeof(s), .input = "Help", .system_prompt = "Be kind."};
    assert_ok(karma_register_model_meta(&(karma_model_meta){.name = "my/polite",
                                                            .loader_class = "my.models.Polite",
                                                            .model_type = KARMA_TEXT_GENERATION}));
    assert_ok(karma_model_create("my/polite", NULL, &m));
    const karma_model_class *cls = karma_model_get_class(m);
    assert_ok(class_holder(cls, SLOT_PREPROCESS)->preprocess(m, &s, &p));
    assert_int_equal(karma_prompt_count(&p), 2);
    assert_string_equal(karma_prompt_get(&p, 0)->role, "system");
    assert_string_equal(karma_prompt_get(&p, 1)->content, "Please: Help");
    assert_null(karma_prompt_get(&p, 2));
    output_box_enter(&box);
    assert_ok(class_holder(cls, SLOT_POSTPROCESS)->postprocess(m, &box.out));
    output_box_enter(NULL);
    assert_string_equal(box.out.text, "Rest. Thank you.");
    arena_release(&box.arena);
    prompt_release(&p);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void messages_come_from_conversation_or_input_with_the_system_first(void **state) {
    (void)state;
    karma_model *m;
    struct karma_prompt p = {0};
    const karma_message turns[] = {{.role = "system", .content = "S"},
                                   {.role = "user", .content = "U"},
                                   {.role = "assistant", .content = "A"}};
    assert_ok(karma_register_model_meta(&(karma_model_meta){
        .name = "plain", .loader_class = "BaseModel", .model_type = KARMA_TEXT_GENERATION}));
    assert_ok(karma_model_create("plain", "{\"system_prompt\": \"M\"}", &m));

    const karma_sample leads = {.conversation = turns, .n_messages = 3, .system_prompt = "X"};
    assert_ok(base_preprocess(m, &leads, &p));
    assert_int_equal(karma_prompt_count(&p), 3);
    assert_string_equal(karma_prompt_get(&p, 0)->content, "S");
    prompt_reset(&p);
    const karma_sample own = {.conversation = turns + 1, .n_messages = 2, .system_prompt = "X"};
    assert_ok(base_preprocess(m, &own, &p));
    assert_string_equal(karma_prompt_get(&p, 0)->content, "X");
    prompt_reset(&p);
    const karma_sample models = {.input = "U"};
    assert_ok(base_preprocess(m, &models, &p));
    assert_string_equal(karma_prompt_get(&p, 0)->content, "M");
    assert_string_equal(karma_prompt_get(&p, 1)->content, "U");
    prompt_reset(&p);
    const karma_sample empty = {.key = "k"};
    assert_status(base_preprocess(m, &empty, &p), KARMA_E_MISSING);
    const karma_sample broken = {.input = "\xff"};
    assert_status(base_preprocess(m, &broken, &p), KARMA_E_ENCODING);
    prompt_release(&p);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void models_without_their_checkpoint_say_so_and_still_have_info(void **state) {
    (void)state;
    static const char name[] = "ai4bharat/indic-conformer-600m-multilingual";
    karma_model *m;
    char *info;
    assert_ok(karma_model_create(name, NULL, &m));
    assert_status(karma_model_load(m), KARMA_E_NOTFOUND);
    assert_message_contains(name);
    assert_false(karma_model_is_loaded(m));
    assert_ok(karma_model_info(m, &info));
    assert_non_null(strstr(info, name));
    assert_non_null(strstr(info, "\"num_parameters\": null"));
    karma_free(info);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void an_output_of_somebody_else_is_not_written_to(void **state) {
    (void)state;
    karma_output o = {0};
    assert_status(karma_output_set_text(&o, "x", 1), KARMA_E_USAGE);
}

static void refuses_names_that_lead_nowhere(void **state) {
    (void)state;
    karma_model *m;
    setenv("HF_HOME", test_path("no-cache"), 1);
    assert_status(karma_model_create("Qwen/Qwen3-0.7B", NULL, &m), KARMA_E_NOTFOUND);
    assert_message_contains("Qwen/Qwen3-0.6B");
    assert_null(m);
    assert_status(karma_model_create("", NULL, &m), KARMA_E_USAGE);
    assert_ok(karma_model_create("Qwen/Qwen3-0.6B", NULL, &m));
    assert_status(karma_model_load(m), KARMA_E_NOTFOUND);
    assert_status(karma_model_load(m), KARMA_E_NOTFOUND); /* can be tried again */
    karma_model_destroy(m);
    karma_clear_registry();
}

static int register_classes(void **state) {
    (void)state;
    return karma_register_model_class(&oracle) == KARMA_OK &&
                   karma_register_model_class(&polite) == KARMA_OK
               ? 0
               : -1;
}

int main(void) {
    setenv("KARMA_CONFIG_HOME", test_path("no-such-folder"), 1);
    const struct CMUnitTest tests[] = {
        test_case(finds_classes_by_name_and_by_upstreams_dotted_names),
        test_case(unknown_class_names_the_nearest),
        test_case(refuses_tables_it_cannot_use),
        test_case(a_slot_is_the_nearest_holders),
        test_case(a_derived_default_hides_the_bases),
        test_case(an_oracle_answers_with_the_reference),
        test_case(identity_leaves_out_what_only_changes_speed),
        test_case(a_custom_class_overrides_preprocess_and_postprocess),
        test_case(messages_come_from_conversation_or_input_with_the_system_first),
        test_case(models_without_their_checkpoint_say_so_and_still_have_info),
        test_case(an_output_of_somebody_else_is_not_written_to),
        test_case(refuses_names_that_lead_nowhere),
    };
    return cmocka_run_group_tests_name("api/model_class", tests, register_classes, NULL);
}
