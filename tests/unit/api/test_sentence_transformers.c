/* test_sentence_transformers.c - the files of a sentence-transformers folder, right and wrong. */
#include "tests/support/test.h"

#include <unistd.h>

#include "api/sentence_transformers.h"

static const char fixtures[] = "tests/fixtures/embeddings";

static void read_fixture_folder(struct arena *a, const char *name,
                                struct sentence_transformers *s) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", fixtures, name);
    assert_ok(sentence_transformers_read(a, path, s));
}

/* A right folder in the test's own, to be spoilt: Transformer, Pooling, Dense, Normalize. */
static const char *folder_of(const char *name) {
    char path[128];
    const char *const files[][2] = {
        {"modules.json",
         "[{\"type\": \"sentence_transformers.models.Transformer\", \"path\": \"\"},"
         "{\"type\": \"sentence_transformers.models.Pooling\", \"path\": \"1_Pooling\"},"
         "{\"type\": \"sentence_transformers.models.Dense\", \"path\": \"2_Dense\"},"
         "{\"type\": \"sentence_transformers.models.Normalize\", \"path\": \"3_Normalize\"}]"},
        {"1_Pooling/config.json", "{\"word_embedding_dimension\": 4, "
                                  "\"pooling_mode_mean_tokens\": true}"},
        {"2_Dense/config.json", "{\"in_features\": 4, \"out_features\": 3}"},
        {"sentence_bert_config.json", "{\"max_seq_length\": 99, \"do_lower_case\": true}"},
        {"config_sentence_transformers.json",
         "{\"prompts\": {\"query\": \"q: \"}, \"default_prompt_name\": \"query\", "
         "\"similarity_fn_name\": \"euclidean\", \"truncate_dim\": 2}"},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", name, files[i][0]);
        write_text(path, files[i][1]);
    }
    return test_path(name);
}

static void reads_the_classic_files(void **state) {
    (void)state;
    struct arena a = {0};
    struct sentence_transformers s;
    read_fixture_folder(&a, "bert", &s);
    assert_true(s.present);
    assert_string_equal(s.transformer, "");
    assert_int_equal(s.n_modules, 2);
    assert_int_equal(s.modules[0].kind, ST_POOLING);
    assert_int_equal(s.modules[0].u.pooling.dimension, 36);
    assert_int_equal(s.modules[0].u.pooling.n_modes, 1);
    assert_int_equal(s.modules[0].u.pooling.modes[0], KARMA_POOL_MEAN);
    assert_true(s.modules[0].u.pooling.include_prompt);
    assert_int_equal(s.modules[1].kind, ST_NORMALIZE);
    assert_int_equal(s.max_seq_length, 24);
    assert_false(s.do_lower_case);
    assert_null(s.prompts);
    assert_false(s.has_similarity);
    arena_release(&a);
}

static void reads_the_files_of_6_x(void **state) {
    (void)state;
    struct arena a = {0};
    struct sentence_transformers s;
    read_fixture_folder(&a, "gemma", &s);
    assert_int_equal(s.n_modules, 4);
    assert_int_equal(s.modules[0].u.pooling.modes[0], KARMA_POOL_MEAN);
    assert_int_equal(s.modules[1].kind, ST_DENSE);
    assert_int_equal(s.modules[1].u.dense.in_features, 28);
    assert_int_equal(s.modules[1].u.dense.out_features, 40);
    assert_false(s.modules[1].u.dense.bias);
    assert_int_equal(s.modules[1].u.dense.activation, ACT_NONE);
    assert_int_equal(s.modules[3].kind, ST_NORMALIZE);
    assert_int_equal(json_count(s.prompts), 2);
    assert_null(s.default_prompt_name);
    assert_true(s.has_similarity);
    arena_release(&a);
}

static void concatenates_poolings_in_the_classic_order(void **state) {
    (void)state;
    static const karma_pooling order[] = {KARMA_POOL_CLS,           KARMA_POOL_MAX,
                                          KARMA_POOL_MEAN,          KARMA_POOL_MEAN_SQRT_LEN,
                                          KARMA_POOL_WEIGHTED_MEAN, KARMA_POOL_LAST_TOKEN};
    struct arena a = {0};
    struct sentence_transformers s;
    read_fixture_folder(&a, "xlmr", &s);
    assert_string_equal(s.transformer, "0_Transformer");
    assert_int_equal(s.modules[0].u.pooling.n_modes, 6);
    for (int i = 0; i < 6; i++)
        assert_int_equal(s.modules[0].u.pooling.modes[i], order[i]);
    assert_false(s.modules[0].u.pooling.include_prompt);
    assert_true(s.modules[1].u.dense.use_residual);
    assert_int_equal(s.modules[1].u.dense.activation, ACT_TANH);
    assert_int_equal(s.modules[2].u.dense.activation, ACT_GELU_ERF);
    assert_int_equal(s.max_seq_length, 28);
    assert_true(s.do_lower_case);
    assert_int_equal(s.similarity, KARMA_DOT);
    arena_release(&a);
}

static void a_list_of_poolings_has_its_own_order(void **state) {
    (void)state;
    struct arena a = {0};
    struct sentence_transformers s;
    const char *folder = folder_of("order");
    write_text("order/1_Pooling/config.json",
               "{\"embedding_dimension\": 2, \"pooling_mode\": [\"mean\", \"cls\"]}");
    assert_ok(sentence_transformers_read(&a, folder, &s));
    assert_int_equal(s.modules[0].u.pooling.modes[0], KARMA_POOL_MEAN);
    assert_int_equal(s.modules[0].u.pooling.modes[1], KARMA_POOL_CLS);
    arena_release(&a);
}

static void reads_settings_and_defaults(void **state) {
    (void)state;
    struct arena a = {0};
    struct sentence_transformers s;
    assert_ok(sentence_transformers_read(&a, folder_of("settings"), &s));
    assert_int_equal(s.max_seq_length, 99);
    assert_string_equal(s.default_prompt_name, "query");
    assert_int_equal(s.similarity, KARMA_EUCLIDEAN);
    assert_int_equal(s.truncate_dim, 2);
    assert_true(s.modules[1].u.dense.bias);
    assert_int_equal(s.modules[1].u.dense.activation, ACT_TANH);
    arena_release(&a);
}

static void a_folder_without_modules_takes_the_mean(void **state) {
    (void)state;
    struct arena a = {0};
    struct sentence_transformers s;
    const char *place;
    write_text("plain/sentence_bert_config.json", "{\"max_seq_length\": 7}");
    assert_ok(sentence_transformers_read(&a, test_path("plain"), &s));
    assert_false(s.present);
    assert_int_equal(s.n_modules, 1);
    assert_int_equal(s.modules[0].u.pooling.modes[0], KARMA_POOL_MEAN);
    assert_int_equal(s.max_seq_length, 0);
    assert_ok(sentence_transformers_place(&a, test_path("plain"), &place));
    assert_string_equal(place, test_path("plain"));
    assert_ok(sentence_transformers_place(&a, "/no/such/folder", &place));
    assert_string_equal(place, "/no/such/folder");
    arena_release(&a);
}

static void finds_the_checkpoint_in_its_own_folder(void **state) {
    (void)state;
    struct arena a = {0};
    const char *place;
    assert_ok(sentence_transformers_place(&a, "tests/fixtures/embeddings/xlmr", &place));
    assert_string_equal(place, "tests/fixtures/embeddings/xlmr/0_Transformer");
    arena_release(&a);
}

static void lists_every_file_that_makes_the_vectors(void **state) {
    (void)state;
    static const char *const want[] = {"0_Transformer/sentence_xlm-roberta_config.json",
                                       "1_Pooling/config.json",
                                       "2_Dense/config.json",
                                       "2_Dense/model.safetensors",
                                       "3_Dense/config.json",
                                       "3_Dense/model.safetensors",
                                       "config_sentence_transformers.json",
                                       "modules.json"};
    struct arena a = {0};
    const char *const *paths;
    size_t n;
    assert_ok(sentence_transformers_files(&a, "tests/fixtures/embeddings/xlmr", &paths, &n));
    assert_int_equal(n, 8);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(paths[i], want[i]);
    assert_ok(sentence_transformers_files(&a, "tests/fixtures/models/qwen3_tied", &paths, &n));
    assert_int_equal(n, 0);
    arena_release(&a);
}

#define TYPE(name) "{\"type\": \"sentence_transformers.models." name "\", \"path\": "

static void names_what_is_wrong_in_a_file(void **state) {
    (void)state;
    static const struct {
        const char *file, *text;
        karma_status st;
        const char *message;
    } cases[] = {
        {"modules.json", "{}", KARMA_E_TYPE, "expected an array"},
        {"modules.json", "[", KARMA_E_SYNTAX, "modules.json"},
        {"modules.json", "[]", KARMA_E_MISSING, "no Pooling"},
        {"modules.json", "[3]", KARMA_E_TYPE, "module 0: expected an object"},
        {"modules.json", "[{\"path\": \"\"}]", KARMA_E_MISSING, "module 0: type"},
        {"modules.json", "[" TYPE("Transformer") "3}]", KARMA_E_TYPE, "path"},
        {"modules.json", "[" TYPE("Transformer") "\"../up\"}]", KARMA_E_PATH, "path"},
        {"modules.json", "[" TYPE("Transformer") "\"/etc\"}]", KARMA_E_PATH, "path"},
        {"modules.json", "[" TYPE("Transformer") "\"a/../b\"}]", KARMA_E_PATH, "path"},
        {"modules.json", "[" TYPE("Transformer") "\"\"}, " TYPE("CNN") "\"1\"}]",
         KARMA_E_UNSUPPORTED, "module 1: type sentence_transformers.models.CNN"},
        {"modules.json", "[{\"type\": \"evil.Pooling\", \"path\": \"\"}]", KARMA_E_UNSUPPORTED,
         "evil.Pooling"},
        {"modules.json", "[" TYPE("Pooling") "\"1_Pooling\"}]", KARMA_E_UNSUPPORTED,
         "the first module"},
        {"modules.json", "[" TYPE("Transformer") "\"\"}, " TYPE("Normalize") "\"\"}]",
         KARMA_E_UNSUPPORTED, "must be a Pooling"},
        {"modules.json", "[" TYPE("Transformer") "\"\"}, " TYPE("Pooling") "\"\"}]", KARMA_E_PATH,
         "folder of its own"},
        {"modules.json", "[" TYPE("Transformer") "\"\"}, " TYPE("Pooling") "\"9_Pooling\"}]",
         KARMA_E_MISSING, "9_Pooling/config.json"},
        {"1_Pooling/config.json", "[]", KARMA_E_TYPE, "1_Pooling/config.json"},
        {"1_Pooling/config.json", "{\"word_embedding_dimension\": 0}", KARMA_E_RANGE,
         "word_embedding_dimension"},
        {"1_Pooling/config.json", "{\"pooling_mode_max_tokens\": 1}", KARMA_E_TYPE,
         "pooling_mode_max_tokens"},
        {"1_Pooling/config.json", "{\"pooling_mode\": \"median\"}", KARMA_E_UNSUPPORTED, "median"},
        {"1_Pooling/config.json", "{\"pooling_mode\": []}", KARMA_E_MISSING, "empty list"},
        {"1_Pooling/config.json", "{\"pooling_mode\": [3]}", KARMA_E_TYPE, "pooling_mode"},
        {"1_Pooling/config.json", "{\"include_prompt\": \"no\"}", KARMA_E_TYPE, "include_prompt"},
        {"1_Pooling/config.json", "{\"word_embedding_dimension\": 5}", KARMA_E_SHAPE,
         "2_Dense: in_features"},
        {"2_Dense/config.json", "{\"in_features\": 4}", KARMA_E_MISSING, "out_features"},
        {"2_Dense/config.json", "{\"in_features\": 4, \"out_features\": 99999999}", KARMA_E_RANGE,
         "out_features"},
        {"2_Dense/config.json",
         "{\"in_features\": 4, \"out_features\": 3, \"activation_function\": \"torch.nn.Mish\"}",
         KARMA_E_UNSUPPORTED, "torch.nn.Mish"},
        {"2_Dense/config.json",
         "{\"in_features\": 4, \"out_features\": 3, \"activation_function\": \"evil.Tanh\"}",
         KARMA_E_UNSUPPORTED, "evil.Tanh"},
        {"2_Dense/config.json",
         "{\"in_features\": 4, \"out_features\": 3, \"module_input_name\": \"token_embeddings\"}",
         KARMA_E_UNSUPPORTED, "token_embeddings"},
        {"3_Normalize/config.json", "{\"module_output_name\": \"x\"}", KARMA_E_UNSUPPORTED,
         "module_output_name"},
        {"sentence_bert_config.json", "{\"max_seq_length\": -1}", KARMA_E_RANGE, "max_seq_length"},
        {"sentence_bert_config.json", "{\"transformer_task\": \"any-to-any\"}", KARMA_E_UNSUPPORTED,
         "any-to-any"},
        {"config_sentence_transformers.json", "{\"prompts\": []}", KARMA_E_TYPE, "prompts"},
        {"config_sentence_transformers.json", "{\"prompts\": {\"a\": 3}}", KARMA_E_TYPE, "a"},
        {"config_sentence_transformers.json", "{\"default_prompt_name\": \"b\"}", KARMA_E_MISSING,
         "there is no prompt b"},
        {"config_sentence_transformers.json", "{\"similarity_fn_name\": \"hamming\"}",
         KARMA_E_UNSUPPORTED, "hamming"},
        {"config_sentence_transformers.json", "{\"model_type\": \"SparseEncoder\"}",
         KARMA_E_UNSUPPORTED, "SparseEncoder"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena a = {0};
        struct sentence_transformers s;
        char name[32], path[128];
        snprintf(name, sizeof(name), "wrong%zu", i);
        const char *folder = folder_of(name);
        snprintf(path, sizeof(path), "%s/%s", name, cases[i].file);
        write_text(path, cases[i].text);
        karma_status st = sentence_transformers_read(&a, folder, &s);
        if (st != cases[i].st) print_error("case %zu: %s\n", i, cases[i].text);
        assert_status(st, cases[i].st);
        assert_message_contains(cases[i].message);
        arena_release(&a);
    }
}

static void more_modules_than_there_is_room_for_are_refused(void **state) {
    (void)state;
    struct arena a = {0};
    struct sentence_transformers s;
    struct buf b = {0};
    buf_puts(&b, "[" TYPE("Transformer") "\"\"}, " TYPE("Pooling") "\"p\"}");
    for (int i = 0; i < 16; i++)
        buf_puts(&b, ", " TYPE("Normalize") "\"\"}");
    buf_puts(&b, "]");
    const struct json *tree;
    assert_ok(json_parse(&a, buf_str(&b), b.len, JSON_LAST_WINS, &tree));
    sentence_transformers_plain(&s);
    assert_status(sentence_transformers_parse(&a, ST_FILE_MODULES, tree, &s), KARMA_E_LIMIT);
    buf_release(&b);
    arena_release(&a);
}

static karma_status read_attempt(void *ctx) {
    (void)ctx;
    struct arena a = {0};
    struct sentence_transformers s;
    const char *const *paths;
    const char *place, *folder = "tests/fixtures/embeddings/xlmr";
    size_t n;
    karma_status st = sentence_transformers_read(&a, folder, &s);
    if (st == KARMA_OK) st = sentence_transformers_place(&a, folder, &place);
    if (st == KARMA_OK) st = sentence_transformers_files(&a, folder, &paths, &n);
    arena_release(&a);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(read_attempt, NULL) > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(reads_the_classic_files),
        test_case(reads_the_files_of_6_x),
        test_case(concatenates_poolings_in_the_classic_order),
        test_case(a_list_of_poolings_has_its_own_order),
        test_case(reads_settings_and_defaults),
        test_case(a_folder_without_modules_takes_the_mean),
        test_case(finds_the_checkpoint_in_its_own_folder),
        test_case(lists_every_file_that_makes_the_vectors),
        test_case(names_what_is_wrong_in_a_file),
        test_case(more_modules_than_there_is_room_for_are_refused),
        test_case(survives_every_failing_allocation),
    };
    return run_group("api/sentence_transformers", tests);
}
