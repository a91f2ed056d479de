/*
 * test_embedding.c - embedding models from folder to vector: the tiny folders of
 * tests/fixtures/embeddings against what sentence-transformers computes from them
 * (tools/fixtures/make_embeddings.py), options, runs with and without a corpus, failures.
 */
#include "tests/support/test.h"

#include <math.h>

#include "base/cpu.h"
#include "base/json.h"
#include "karma/karma.h"

enum { MAX_DIM = 64, MAX_OUT = 48 };

static const char *const folders[] = {"bert", "gemma", "qwen", "xlmr"};
enum { N_FOLDERS = 4 };

/* f32 here and there, sums in another order. */
static const double bound = 2e-6;

static const char *path_of(const char *folder) {
    static char path[128];
    snprintf(path, sizeof(path), "tests/fixtures/embeddings/%s", folder);
    return path;
}

static karma_model *loaded(const char *path, const char *args) {
    karma_model *m;
    assert_ok(karma_get_model(path, args, &m));
    return m;
}

/* A folder of the fixtures copied into the test's own, so that it can be changed. */
static const char *copy_of(const char *folder, const char *name) {
    static const char *const files[] = {"modules.json",
                                        "config.json",
                                        "model.safetensors",
                                        "tokenizer.json",
                                        "tokenizer_config.json",
                                        "config_sentence_transformers.json",
                                        "1_Pooling/config.json",
                                        "2_Dense/config.json",
                                        "2_Dense/model.safetensors",
                                        "3_Dense/config.json",
                                        "3_Dense/model.safetensors",
                                        "sentence_bert_config.json"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char from[160], to[160];
        snprintf(from, sizeof(from), "%s/%s", path_of(folder), files[i]);
        snprintf(to, sizeof(to), "%s/%s", name, files[i]);
        FILE *f = fopen(from, "rb");
        if (!f) continue;
        fclose(f);
        size_t len;
        const char *bytes = read_fixture(from, &len);
        write_file(to, bytes, len);
    }
    return test_path(name);
}

/* ---- beside the reference ---- */

static void equals_the_reference(void **state) {
    (void)state;
    for (int f = 0; f < N_FOLDERS; f++) {
        struct arena a = {0};
        const struct json *golden;
        char path[160];
        snprintf(path, sizeof(path), "%s/cases.json", path_of(folders[f]));
        assert_ok(json_parse_file(&a, path, 0, JSON_LAST_WINS, &golden));
        const struct json *cases = json_get(golden, "cases");
        karma_model *m = loaded(path_of(folders[f]), NULL);
        const char *similarity = json_str(json_get(golden, "similarity"), "");
        assert_int_equal(karma_model_similarity_kind(m),
                         strcmp(similarity, "dot") == 0 ? KARMA_DOT : KARMA_COSINE);
        for (size_t i = 0; i < json_count(cases); i++) {
            const struct json *c = json_at(cases, i), *want = json_get(c, "vector");
            const char *text = json_str(json_get(c, "text"), NULL);
            float got[MAX_DIM], expected[MAX_DIM];
            karma_embed_options options = karma_embed_defaults();
            options.prompt_name = json_str(json_get(c, "prompt_name"), NULL);
            options.truncate_dim = (int32_t)json_get(c, "truncate_dim")->u.integer;
            options.normalize = (int)json_get(c, "normalize")->u.integer;
            const size_t dim = (size_t)karma_model_embedding_dim(m, &options);
            assert_int_equal(dim, json_count(want));
            assert_true(dim <= MAX_DIM);
            for (size_t k = 0; k < dim; k++)
                expected[k] = (float)json_at(want, k)->u.real;
            assert_ok(karma_model_embed(m, &text, 1, &options, got, NULL));
            for (size_t k = 0; k < dim; k++)
                if (!(fabs((double)got[k] - (double)expected[k]) <= bound))
                    fail_msg("%s, case %zu: [%zu] is %.9g, expected %.9g", folders[f], i, k,
                             (double)got[k], (double)expected[k]);
        }
        karma_model_destroy(m);
        arena_release(&a);
    }
    karma_clear_registry();
}

/* bert as a GGUF, its weights f32 or Q8_0; the reference has the same weights in f32. */
static void a_gguf_equals_the_reference(void **state) {
    (void)state;
    static const char *const types[] = {"f32", "q8_0"};
    /* Activations meet blocks as 16 bits; one set keeps keys and values in bf16 beside them. */
    enum cpu_isa isa;
    assert_ok(cpu_isa_choose(&isa));
    const double bounds[] = {bound, isa == CPU_ISA_AVX512BF16 ? 5e-3 : 2e-4};
    struct arena a = {0};
    const struct json *golden;
    assert_ok(json_parse_file(&a, "tests/fixtures/embeddings/gguf/cases.json", 0, JSON_LAST_WINS,
                              &golden));
    const struct json *cases = json_get(golden, "cases");
    assert_true(json_count(cases) > 3);
    for (size_t f = 0; f < 2; f++) {
        char path[96];
        snprintf(path, sizeof(path), "tests/fixtures/embeddings/gguf/%s.gguf", types[f]);
        karma_model *m = loaded(path, NULL);
        const size_t dim = (size_t)karma_model_embedding_dim(m, NULL);
        assert_true(dim <= MAX_DIM);
        for (size_t i = 0; i < json_count(cases); i++) {
            const struct json *want = json_get(json_at(cases, i), types[f]);
            const char *text = json_str(json_get(json_at(cases, i), "text"), NULL);
            float got[MAX_DIM];
            assert_int_equal(dim, json_count(want));
            assert_ok(karma_model_embed(m, &text, 1, NULL, got, NULL));
            for (size_t k = 0; k < dim; k++)
                if (!(fabs((double)got[k] - json_at(want, k)->u.real) <= bounds[f]))
                    fail_msg("%s, case %zu: [%zu] is %.9g, expected %.9g", types[f], i, k,
                             (double)got[k], json_at(want, k)->u.real);
        }
        karma_model_destroy(m);
    }
    arena_release(&a);
    karma_clear_registry();
}

static const char *const texts[] = {
    "Is iron low?",
    "x",
    "Which organ makes insulin, the liver or the pancreas?",
    "",
    "heart lung",
    "A long text that goes on and on, about the heart and the lungs, and then about the liver.",
};
enum { N_TEXTS = sizeof(texts) / sizeof(texts[0]) };

static void a_vector_does_not_depend_on_its_neighbours(void **state) {
    (void)state;
    for (int f = 0; f < N_FOLDERS; f++) {
        karma_model *m = loaded(path_of(folders[f]), "{\"threads\": 1}");
        karma_model *two = loaded(path_of(folders[f]), "{\"threads\": 2}");
        const size_t dim = (size_t)karma_model_embedding_dim(m, NULL);
        float together[N_TEXTS * MAX_DIM], other[N_TEXTS * MAX_DIM], alone[MAX_DIM];
        assert_ok(karma_model_embed(m, texts, N_TEXTS, NULL, together, NULL));
        assert_ok(karma_model_embed(two, texts, N_TEXTS, NULL, other, NULL));
        assert_memory_equal(together, other, N_TEXTS * dim * sizeof(float));
        for (size_t i = 0; i < N_TEXTS; i++) {
            assert_ok(karma_model_embed(m, texts + i, 1, NULL, alone, NULL));
            assert_memory_equal(alone, together + i * dim, dim * sizeof(float));
        }
        karma_model_destroy(m);
        karma_model_destroy(two);
    }
    karma_clear_registry();
}

static void more_texts_than_a_chunk_keep_their_order(void **state) {
    (void)state;
    enum { N = 600 };
    karma_model *m = loaded(path_of("bert"), NULL);
    const size_t dim = (size_t)karma_model_embedding_dim(m, NULL);
    const char **many = mem_calloc(N, sizeof(*many));
    float *got = mem_calloc(N * dim, sizeof(*got)), want[N_TEXTS * MAX_DIM];
    for (size_t i = 0; i < N; i++)
        many[i] = texts[i % N_TEXTS];
    assert_ok(karma_model_embed(m, texts, N_TEXTS, NULL, want, NULL));
    assert_ok(karma_model_embed(m, many, N, NULL, got, NULL));
    for (size_t i = 0; i < N; i++)
        assert_memory_equal(got + i * dim, want + (i % N_TEXTS) * dim, dim * sizeof(float));
    mem_free(many);
    mem_free(got);
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- options ---- */

static void a_folder_with_modules_is_an_embedding_model(void **state) {
    (void)state;
    karma_model *m;
    char *info;
    for (int f = 0; f < N_FOLDERS; f++) {
        assert_ok(karma_model_create(path_of(folders[f]), NULL, &m));
        assert_string_equal(karma_model_get_class(m)->name, "EmbeddingModel");
        assert_ok(karma_model_info(m, &info));
        assert_non_null(strstr(info, "\"model_type\": \"embedding\""));
        assert_int_equal(karma_model_embedding_dim(m, NULL), 0); /* not loaded */
        karma_free(info);
        karma_model_destroy(m);
    }
    karma_clear_registry();
}

static void counts_texts_that_were_cut(void **state) {
    (void)state;
    karma_model *m = loaded(path_of("bert"), "{\"max_length\": 6}");
    const char *both[] = {"iron", "iron liver organ heart lung the and"};
    const char *prefix = "iron liver organ heart";
    float got[2 * MAX_DIM], want[MAX_DIM];
    const size_t dim = (size_t)karma_model_embedding_dim(m, NULL);
    size_t n_cut;
    assert_ok(karma_model_embed(m, both, 2, NULL, got, &n_cut));
    assert_int_equal(n_cut, 1);
    assert_ok(karma_model_embed(m, &prefix, 1, NULL, want, &n_cut));
    assert_int_equal(n_cut, 0);
    assert_memory_equal(got + dim, want, dim * sizeof(float));
    karma_model_destroy(m);
    karma_clear_registry();
}

static void the_appended_end_token_survives_cutting(void **state) {
    (void)state;
    /* The last token is what is pooled: cut to three ids, "xy" and "xyz" end alike. */
    karma_model *m = loaded(path_of("qwen"), "{\"max_length\": 3}");
    const char *both[] = {"xy", "xyzzz"};
    float got[2 * MAX_DIM];
    const size_t dim = (size_t)karma_model_embedding_dim(m, NULL);
    size_t n_cut;
    assert_ok(karma_model_embed(m, both, 2, NULL, got, &n_cut));
    assert_int_equal(n_cut, 1);
    assert_memory_equal(got, got + dim, dim * sizeof(float));
    karma_model_destroy(m);
    karma_clear_registry();
}

static double length_of(const float *v, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)v[i] * (double)v[i];
    return sqrt(sum);
}

static void length_and_size_are_options(void **state) {
    (void)state;
    karma_model *m = loaded(path_of("bert"), NULL);
    karma_embed_options options = karma_embed_defaults();
    float unit[MAX_DIM], raw[MAX_DIM], part[MAX_DIM];
    const size_t dim = (size_t)karma_model_embedding_dim(m, NULL);
    assert_ok(karma_model_embed(m, texts, 1, NULL, unit, NULL));
    assert_true(fabs(length_of(unit, dim) - 1) < 1e-6);
    options.normalize = 0;
    assert_ok(karma_model_embed(m, texts, 1, &options, raw, NULL));
    assert_true(fabs(length_of(raw, dim) - 1) > 1e-2);
    assert_true(fabs(karma_similarity(KARMA_COSINE, unit, raw, dim) - 1) < 1e-6);
    options.normalize = 1;
    options.truncate_dim = 5;
    assert_int_equal(karma_model_embedding_dim(m, &options), 5);
    assert_ok(karma_model_embed(m, texts, 1, &options, part, NULL));
    assert_true(fabs(length_of(part, 5) - 1) < 1e-6);
    options.normalize = -1;
    assert_ok(karma_model_embed(m, texts, 1, &options, part, NULL));
    assert_memory_equal(part, unit, 5 * sizeof(float));
    options.truncate_dim = 37;
    assert_int_equal(karma_model_embedding_dim(m, &options), 0);
    assert_status(karma_model_embed(m, texts, 1, &options, part, NULL), KARMA_E_USAGE);
    assert_message_contains("36");
    karma_model_destroy(m);
    m = loaded(path_of("bert"), "{\"truncate_dim\": 4, \"normalize\": false}");
    assert_int_equal(karma_model_embedding_dim(m, NULL), 4);
    assert_ok(karma_model_embed(m, texts, 1, NULL, part, NULL));
    assert_memory_equal(part, raw, 4 * sizeof(float));
    karma_model_destroy(m);
    karma_clear_registry();
}

static void prompts_come_by_name_by_text_and_from_arguments(void **state) {
    (void)state;
    karma_model *m = loaded(path_of("gemma"), "{\"prompts\": {\"mine\": \"Name a \"}}");
    karma_embed_options options = karma_embed_defaults();
    const char *drug = "drug", *whole = "Name a drug";
    float want[MAX_DIM], got[MAX_DIM];
    const size_t bytes = (size_t)karma_model_embedding_dim(m, NULL) * sizeof(float);
    assert_ok(karma_model_embed(m, &whole, 1, NULL, want, NULL));
    options.prompt_name = "mine";
    assert_ok(karma_model_embed(m, &drug, 1, &options, got, NULL));
    assert_memory_equal(got, want, bytes);
    options.prompt = "Name a ";
    options.prompt_name = NULL;
    assert_ok(karma_model_embed(m, &drug, 1, &options, got, NULL));
    assert_memory_equal(got, want, bytes);
    options.prompt = NULL;
    options.prompt_name = "quary";
    assert_status(karma_model_embed(m, &drug, 1, &options, got, NULL), KARMA_E_USAGE);
    assert_message_contains("query, document, mine");
    karma_model_destroy(m);
    m = loaded(path_of("gemma"), "{\"prompt\": \"Name a \"}");
    assert_ok(karma_model_embed(m, &drug, 1, NULL, got, NULL));
    assert_memory_equal(got, want, bytes);
    karma_model_destroy(m);
    assert_status(karma_get_model(path_of("gemma"), "{\"prompt_name\": \"nil\"}", &m),
                  KARMA_E_USAGE);
    karma_clear_registry();
}

static void takes_blanks_off_both_ends_unless_told_not_to(void **state) {
    (void)state;
    const char *both[] = {"  x is low\n", "x is low"};
    float got[2 * MAX_DIM];
    karma_model *m = loaded(path_of("qwen"), NULL);
    const size_t dim = (size_t)karma_model_embedding_dim(m, NULL);
    assert_ok(karma_model_embed(m, both, 2, NULL, got, NULL));
    assert_memory_equal(got, got + dim, dim * sizeof(float));
    karma_model_destroy(m);
    m = loaded(path_of("qwen"), "{\"strip\": false}");
    assert_ok(karma_model_embed(m, both, 2, NULL, got, NULL));
    assert_true(memcmp(got, got + dim, dim * sizeof(float)) != 0);
    karma_model_destroy(m);
    karma_clear_registry();
}

/* Upstream's class: the mean of the last hidden states, whatever the folder lists. */
static void upstreams_class_ignores_the_modules(void **state) {
    (void)state;
    const karma_model_class *cls;
    karma_model *m, *plain;
    float got[MAX_DIM], want[MAX_DIM];
    assert_ok(karma_find_model_class("karma.models.hf_embedding_model.HFEmbeddingBaseModel", &cls));
    assert_ok(karma_model_create_as(cls, path_of("gemma"), "{\"max_length\": 60}", &m));
    assert_ok(karma_model_load(m));
    plain = loaded(path_of("gemma"), "{\"modules\": \"ignore\", \"max_length\": 60}");
    assert_int_equal(karma_model_embedding_dim(m, NULL), 28);
    assert_ok(karma_model_embed(m, texts, 1, NULL, got, NULL));
    assert_ok(karma_model_embed(plain, texts, 1, NULL, want, NULL));
    assert_memory_equal(got, want, 28 * sizeof(float));
    assert_true(fabs(length_of(got, 28) - 1) > 1e-2);
    karma_model_destroy(m);
    karma_model_destroy(plain);
    assert_ok(karma_model_create_with("ekacare/parrotlet-e", path_of("qwen"), NULL, NULL, &m));
    assert_ok(karma_model_load(m));
    assert_non_null(strstr(karma_model_args(m), "\"pooling\": \"mean\""));
    assert_non_null(strstr(karma_model_args(m), "\"max_length\": 60"));
    karma_model_destroy(m);
    karma_clear_registry();
}

static void eos_pooling_is_the_last_token(void **state) {
    (void)state;
    float got[MAX_DIM], want[MAX_DIM];
    karma_model *m = loaded(path_of("qwen"), "{\"pooling\": \"eos\", \"modules\": \"ignore\", "
                                             "\"normalize\": true}");
    karma_model *own = loaded(path_of("qwen"), NULL);
    assert_ok(karma_model_embed(m, texts, 1, NULL, got, NULL));
    assert_ok(karma_model_embed(own, texts, 1, NULL, want, NULL));
    assert_memory_equal(got, want, 32 * sizeof(float));
    karma_model_destroy(m);
    karma_model_destroy(own);
    karma_clear_registry();
}

static void refuses_arguments_it_cannot_meet(void **state) {
    (void)state;
    static const struct {
        const char *args;
        karma_status st;
        const char *message;
    } cases[] = {
        {"{\"quantization\": true}", KARMA_E_UNSUPPORTED, "quantization"},
        {"{\"quantization\": \"nf4\"}", KARMA_E_UNSUPPORTED, "quantization"},
        {"{\"max_length\": 41}", KARMA_E_LIMIT, "40 positions"},
        {"{\"max_length\": 2}", KARMA_E_LIMIT, "special tokens"},
        {"{\"truncate_dim\": 37}", KARMA_E_RANGE, "36"},
        {"{\"pooling\": \"median\"}", KARMA_E_RANGE, "pooling"},
        {"{\"score_function\": \"cos\"}", KARMA_E_RANGE, "score_function"},
        {"{\"k_values\": [0]}", KARMA_E_USAGE, "k_values"},
        {"{\"k_values\": 3}", KARMA_E_USAGE, "k_values"},
        {"{\"prompts\": {\"a\": 1}}", KARMA_E_USAGE, "prompts"},
        {"{\"max_lenght\": 6}", KARMA_E_USAGE, "max_length"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        karma_model *m;
        assert_status(karma_get_model(path_of("bert"), cases[i].args, &m), cases[i].st);
        assert_message_contains(cases[i].message);
        assert_null(m);
    }
    karma_model *m = loaded(path_of("bert"), "{\"quantization\": false}");
    karma_model_destroy(m);
    karma_clear_registry();
}

static void other_models_make_no_vectors(void **state) {
    (void)state;
    karma_model *m;
    float v[MAX_DIM];
    assert_ok(karma_model_create("tests/fixtures/models/qwen3_tied", NULL, &m));
    assert_status(karma_model_embed(m, texts, 1, NULL, v, NULL), KARMA_E_UNSUPPORTED);
    assert_status(karma_model_set_corpus(m, texts, texts, 1), KARMA_E_UNSUPPORTED);
    assert_int_equal(karma_model_embedding_dim(m, NULL), 0);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void names_the_text_that_is_no_utf_8(void **state) {
    (void)state;
    karma_model *m = loaded(path_of("bert"), NULL);
    const char *bad[] = {"iron", "a\xFFz", "x"};
    float v[3 * MAX_DIM];
    assert_status(karma_model_embed(m, bad, 3, NULL, v, NULL), KARMA_E_ENCODING);
    assert_message_contains("text 1");
    assert_ok(karma_model_embed(m, bad, 1, NULL, v, NULL));
    karma_model_destroy(m);
    karma_clear_registry();
}

static bool always(void *user) {
    (void)user;
    return true;
}

static void a_call_can_be_cancelled(void **state) {
    (void)state;
    karma_model *m = loaded(path_of("bert"), NULL);
    karma_embed_options options = karma_embed_defaults();
    float v[N_TEXTS * MAX_DIM];
    options.cancelled = always;
    assert_status(karma_model_embed(m, texts, N_TEXTS, &options, v, NULL), KARMA_E_CANCELLED);
    options.cancelled = NULL;
    assert_ok(karma_model_embed(m, texts, N_TEXTS, &options, v, NULL));
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- runs ---- */

struct out {
    char key[16], text[2048], error[128];
    karma_status status;
    unsigned flags;
    size_t n_prompt_tokens;
};

struct run {
    const karma_sample *samples;
    size_t n, next, n_out;
    bool cancel;
    struct out out[MAX_OUT];
};

static karma_status run_next(void *user, const karma_sample **sample) {
    struct run *r = user;
    if (r->next == r->n) return KARMA_DONE;
    *sample = &r->samples[r->next++];
    return KARMA_OK;
}

static karma_status run_put(void *user, const karma_output *o) {
    struct run *r = user;
    struct out *out = &r->out[r->n_out++];
    snprintf(out->key, sizeof(out->key), "%s", o->key ? o->key : "");
    snprintf(out->text, sizeof(out->text), "%s", o->text ? o->text : "");
    snprintf(out->error, sizeof(out->error), "%s", o->error ? o->error : "");
    out->status = o->status;
    out->flags = o->flags;
    out->n_prompt_tokens = o->n_prompt_tokens;
    return KARMA_OK;
}

static bool run_cancelled(void *user) {
    const struct run *r = user;
    return r->cancel && r->next > 1;
}

static karma_status run(karma_model *m, struct run *r) {
    const karma_run_io io = {
        .next = run_next, .put = run_put, .cancelled = run_cancelled, .user = r};
    return karma_model_run(m, &io);
}

static const struct out *find(const struct run *r, const char *key) {
    for (size_t i = 0; i < r->n_out; i++)
        if (strcmp(r->out[i].key, key) == 0) return &r->out[i];
    fail_msg("no output for %s", key);
    return NULL;
}

#define SAMPLE(name, text)                                                                         \
    { .struct_size = sizeof(karma_sample), .key = name, .input = text }

static const karma_sample samples[] = {
    SAMPLE("q0", "iron"),
    SAMPLE("q1", "heart lung"),
    SAMPLE("bad", "a\xFFz"),
    SAMPLE("none", NULL),
    SAMPLE("q2", "A long text that goes on and on, about the heart and the lungs and the liver"),
};
enum { N_SAMPLES = 5 };

static void without_a_corpus_the_answer_is_the_vector(void **state) {
    (void)state;
    static struct run r;
    struct arena a = {0};
    const struct json *list;
    float want[MAX_DIM];
    const char *iron = "iron";
    karma_model *m = loaded(path_of("bert"), "{\"max_sequences\": 2}");
    r = (struct run){.samples = samples, .n = N_SAMPLES};
    assert_ok(run(m, &r));
    assert_int_equal(r.n_out, N_SAMPLES);
    assert_ok(karma_model_embed(m, &iron, 1, NULL, want, NULL));
    const struct out *o = find(&r, "q0");
    assert_ok(json_parse(&a, o->text, strlen(o->text), JSON_LAST_WINS, &list));
    assert_int_equal(json_count(list), 36);
    for (size_t i = 0; i < 36; i++)
        assert_true((float)json_at(list, i)->u.real == want[i]); /* reads back to the bit */
    assert_int_equal(o->n_prompt_tokens, 3);
    assert_int_equal(find(&r, "bad")->status, KARMA_E_ENCODING);
    assert_int_equal(find(&r, "none")->status, KARMA_E_MISSING);
    assert_true(find(&r, "q2")->flags & KARMA_OUTPUT_PROMPT_TRUNCATED);
    assert_false(find(&r, "q1")->flags & KARMA_OUTPUT_PROMPT_TRUNCATED);
    arena_release(&a);
    karma_model_destroy(m);
    karma_clear_registry();
}

static const char *const ids[] = {"c1", "c2", "c3", "c2", "c5"};
static const char *const documents[] = {"iron", "liver and organ", "heart lung", "heart lung",
                                        "insulin"};

static void with_a_corpus_the_answer_is_a_ranking(void **state) {
    (void)state;
    static struct run r;
    karma_model *m = loaded(path_of("bert"), "{\"k_values\": [1, 4]}");
    assert_ok(karma_model_set_corpus(m, ids, documents, 5));
    r = (struct run){.samples = samples, .n = N_SAMPLES};
    assert_ok(run(m, &r));
    const char *best = find(&r, "q0")->text;
    assert_int_equal(strncmp(best, "{\"c1\": ", 7), 0);
    assert_true(fabs(strtod(best + 7, NULL) - 1) < 1e-6);
    /* Equal documents: the earlier first; an id that came already is not repeated. */
    best = find(&r, "q1")->text;
    assert_int_equal(strncmp(best, "{\"c3\": ", 7), 0);
    const char *c2 = strstr(best, "\"c2\": ");
    assert_non_null(c2);
    assert_null(strstr(c2 + 1, "\"c2\""));
    assert_true(fabs(strtod(c2 + 6, NULL) - 1) < 1e-6);
    assert_int_equal(find(&r, "bad")->status, KARMA_E_ENCODING);

    assert_ok(karma_model_set_corpus(m, ids, documents, 2)); /* fewer than k */
    r = (struct run){.samples = samples, .n = 1};
    assert_ok(run(m, &r));
    assert_non_null(strstr(r.out[0].text, "\"c1\""));
    assert_non_null(strstr(r.out[0].text, "\"c2\""));
    assert_null(strstr(r.out[0].text, "\"c3\""));

    assert_ok(karma_model_set_corpus(m, NULL, NULL, 0));
    r = (struct run){.samples = samples, .n = 1};
    assert_ok(run(m, &r));
    assert_int_equal(r.out[0].text[0], '[');
    karma_model_destroy(m);
    karma_clear_registry();
}

static void the_ranking_is_the_same_in_any_batch(void **state) {
    (void)state;
    static struct run a, b;
    karma_model *one = loaded(path_of("xlmr"), "{\"max_sequences\": 1}");
    karma_model *many = loaded(path_of("xlmr"), "{\"max_sequences\": 7, \"threads\": 2}");
    assert_ok(karma_model_set_corpus(one, ids, documents, 5));
    assert_ok(karma_model_set_corpus(many, ids, documents, 5));
    a = (struct run){.samples = samples, .n = N_SAMPLES};
    b = (struct run){.samples = samples, .n = N_SAMPLES};
    assert_ok(run(one, &a));
    assert_ok(run(many, &b));
    for (size_t i = 0; i < N_SAMPLES; i++)
        assert_string_equal(find(&a, samples[i].key)->text, find(&b, samples[i].key)->text);
    karma_model_destroy(one);
    karma_model_destroy(many);
    karma_clear_registry();
}

static void queries_and_documents_have_their_own_prompts(void **state) {
    (void)state;
    static struct run r;
    static const karma_sample one[] = {SAMPLE("q", "iron")};
    const char *id = "d", *document = "iron";
    float q[MAX_DIM], d[MAX_DIM];
    karma_embed_options options = karma_embed_defaults();
    karma_model *m = loaded(path_of("gemma"), NULL);
    const size_t dim = (size_t)karma_model_embedding_dim(m, NULL);
    options.prompt_name = "query";
    assert_ok(karma_model_embed(m, &document, 1, &options, q, NULL));
    options.prompt_name = "document";
    assert_ok(karma_model_embed(m, &document, 1, &options, d, NULL));
    const double want = karma_similarity(KARMA_COSINE, q, d, dim);
    assert_true(want < 0.9999);
    assert_ok(karma_model_set_corpus(m, &id, &document, 1));
    r = (struct run){.samples = one, .n = 1};
    assert_ok(run(m, &r));
    assert_true(fabs(strtod(r.out[0].text + 6, NULL) - want) < 1e-6);
    karma_model_destroy(m);
    m = loaded(path_of("gemma"), "{\"use_prompts\": false}");
    assert_ok(karma_model_set_corpus(m, &id, &document, 1));
    r = (struct run){.samples = one, .n = 1};
    assert_ok(run(m, &r));
    assert_true(fabs(strtod(r.out[0].text + 6, NULL) - 1) < 1e-6);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void distances_rank_the_nearest_first(void **state) {
    (void)state;
    static const char *const functions[] = {"euclidean", "manhattan", "dot_product", "cos_sim"};
    for (size_t i = 0; i < 4; i++) {
        static struct run r;
        char args[64];
        snprintf(args, sizeof(args), "{\"score_function\": \"%s\"}", functions[i]);
        karma_model *m = loaded(path_of("bert"), args);
        assert_ok(karma_model_set_corpus(m, ids, documents, 5));
        r = (struct run){.samples = samples, .n = 1};
        assert_ok(run(m, &r));
        assert_int_equal(strncmp(r.out[0].text, "{\"c1\": ", 7), 0);
        karma_model_destroy(m);
    }
    karma_clear_registry();
}

static void a_run_that_is_cancelled_still_answers_for_each_sample(void **state) {
    (void)state;
    static struct run r;
    karma_model *m = loaded(path_of("bert"), NULL);
    r = (struct run){.samples = samples, .n = N_SAMPLES, .cancel = true};
    assert_status(run(m, &r), KARMA_E_CANCELLED);
    assert_int_equal(r.n_out, r.next);
    for (size_t i = 0; i < r.n_out; i++)
        assert_int_equal(r.out[i].status, KARMA_E_CANCELLED);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void run_text_gives_the_vector(void **state) {
    (void)state;
    char *answer;
    karma_model *m = loaded(path_of("bert"), NULL);
    assert_ok(karma_model_run_text(m, "iron", &answer));
    assert_int_equal(answer[0], '[');
    karma_free(answer);
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- classes of one's own ---- */

static karma_status shout(karma_model *m, const karma_sample *sample, karma_prompt *prompt) {
    char text[256];
    (void)m;
    snprintf(text, sizeof(text), "%s liver", sample->input);
    return karma_prompt_add(prompt, "user", text);
}

static karma_status count_letters(karma_model *m, const char *const *given, size_t n,
                                  const karma_embed_options *options, float *out) {
    (void)m;
    (void)options;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = 1;
        out[2 * i + 1] = (float)strlen(given[i]);
    }
    return KARMA_OK;
}

static int64_t two(const karma_model *m, const karma_embed_options *options) {
    (void)m;
    return options->truncate_dim > 2 ? 0 : 2;
}

static karma_status no_load(karma_model *m) {
    (void)m;
    return KARMA_OK;
}

static void a_derived_class_changes_what_it_wants(void **state) {
    (void)state;
    const karma_model_class *base;
    karma_model *m, *plain;
    char *answer, *want;
    assert_ok(karma_find_model_class("EmbeddingModel", &base));
    const karma_model_class own = {.abi_version = KARMA_CLASS_ABI,
                                   .struct_size = sizeof(own),
                                   .name = "Shouting",
                                   .base = base,
                                   .preprocess = shout};
    assert_ok(karma_model_create_as(&own, path_of("bert"), NULL, &m));
    plain = loaded(path_of("bert"), NULL);
    assert_ok(karma_model_run_text(m, "iron", &answer));
    assert_ok(karma_model_run_text(plain, "iron liver", &want));
    assert_string_equal(answer, want);
    karma_free(answer);
    karma_free(want);
    karma_model_destroy(m);
    karma_model_destroy(plain);

    const karma_model_class counting = {.abi_version = KARMA_CLASS_ABI,
                                        .struct_size = sizeof(counting),
                                        .name = "Counting",
                                        .base = base,
                                        .load = no_load,
                                        .embed = count_letters,
                                        .embedding_dim = two};
    float v[2];
    const char *iron = "iron";
    assert_ok(karma_model_create_as(&counting, "nowhere/at-all", NULL, &m));
    assert_ok(karma_model_embed(m, &iron, 1, NULL, v, NULL));
    assert_true(v[0] == 1 && v[1] == 4);
    assert_ok(karma_model_run_text(m, "iron", &answer));
    assert_string_equal(answer, "[1.0, 4.0]");
    karma_free(answer);
    assert_ok(karma_model_set_corpus(m, ids, documents, 5));
    assert_ok(karma_model_run_text(m, "iron", &answer));
    assert_int_equal(strncmp(answer, "{\"c1\": ", 7), 0);
    karma_free(answer);
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- life ---- */

static void unload_gives_everything_back(void **state) {
    (void)state;
    karma_model *m;
    float v[MAX_DIM];
    for (int f = 0; f < N_FOLDERS; f++) {
        assert_ok(karma_model_create(path_of(folders[f]), NULL, &m));
        const size_t before = mem_live_blocks();
        for (int i = 0; i < 3; i++) {
            assert_ok(karma_model_embed(m, texts, 1, NULL, v, NULL)); /* loads */
            assert_ok(karma_model_set_corpus(m, ids, documents, 5));
            karma_model_unload(m);
            assert_int_equal(mem_live_blocks(), before);
        }
        karma_model_destroy(m);
    }
    karma_clear_registry();
}

static void a_failed_load_can_be_tried_again(void **state) {
    (void)state;
    karma_model *m;
    const char *folder = copy_of("gemma", "retry");
    assert_ok(karma_model_create(folder, NULL, &m));
    const size_t before = mem_live_blocks();
    write_text("retry/3_Dense/config.json", "{\"in_features\": 7, \"out_features\": 28}");
    assert_status(karma_model_load(m), KARMA_E_SHAPE);
    assert_message_contains("3_Dense");
    write_text("retry/3_Dense/config.json", "{\"in_features\": 40, \"out_features\": 28, "
                                            "\"bias\": true}");
    assert_status(karma_model_load(m), KARMA_E_MISSING);
    assert_message_contains("3_Dense/model.safetensors");
    assert_int_equal(mem_live_blocks(), before);
    write_text("retry/3_Dense/config.json", "{\"in_features\": 40, \"out_features\": 28, "
                                            "\"bias\": false}");
    assert_ok(karma_model_load(m));
    karma_model_destroy(m);
    karma_clear_registry();
}

static void identity_changes_with_modules_and_corpus(void **state) {
    (void)state;
    karma_model *m;
    char *first, *same, *other, *with_corpus;
    const char *folder = copy_of("gemma", "identity");
    assert_ok(karma_model_create(folder, NULL, &m));
    assert_ok(karma_model_identity(m, &first));
    assert_non_null(strstr(first, "\"modules\":"));
    assert_ok(karma_model_load(m));
    assert_ok(karma_model_identity(m, &same));
    assert_string_equal(first, same);
    assert_ok(karma_model_set_corpus(m, ids, documents, 5));
    assert_ok(karma_model_identity(m, &with_corpus));
    assert_non_null(strstr(with_corpus, "\"corpus\":"));
    karma_model_destroy(m);
    write_text("identity/1_Pooling/config.json",
               "{\"embedding_dimension\": 28, \"pooling_mode\": \"cls\"}");
    assert_ok(karma_model_create(folder, NULL, &m));
    assert_ok(karma_model_identity(m, &other));
    assert_string_not_equal(first, other);
    karma_model_destroy(m);
    karma_free(first);
    karma_free(same);
    karma_free(other);
    karma_free(with_corpus);
    karma_clear_registry();
}

static karma_status life_attempt(void *ctx) {
    karma_model *m = NULL;
    float v[2 * MAX_DIM];
    char *answer = NULL;
    karma_status st = karma_get_model(ctx, "{\"threads\": 1}", &m);
    if (st == KARMA_OK) st = karma_model_embed(m, texts, 2, NULL, v, NULL);
    if (st == KARMA_OK) st = karma_model_set_corpus(m, ids, documents, 3);
    if (st == KARMA_OK) st = karma_model_run_text(m, "iron", &answer);
    karma_free(answer);
    karma_model_destroy(m);
    karma_clear_registry();
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof(path), "%s", path_of("xlmr"));
    assert_true(for_each_failing_allocation(life_attempt, path) > 100);
    snprintf(path, sizeof(path), "%s", path_of("gguf/q8_0.gguf"));
    assert_true(for_each_failing_allocation(life_attempt, path) > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(equals_the_reference),
        test_case(a_gguf_equals_the_reference),
        test_case(a_vector_does_not_depend_on_its_neighbours),
        test_case(more_texts_than_a_chunk_keep_their_order),
        test_case(a_folder_with_modules_is_an_embedding_model),
        test_case(counts_texts_that_were_cut),
        test_case(the_appended_end_token_survives_cutting),
        test_case(length_and_size_are_options),
        test_case(prompts_come_by_name_by_text_and_from_arguments),
        test_case(takes_blanks_off_both_ends_unless_told_not_to),
        test_case(upstreams_class_ignores_the_modules),
        test_case(eos_pooling_is_the_last_token),
        test_case(refuses_arguments_it_cannot_meet),
        test_case(other_models_make_no_vectors),
        test_case(names_the_text_that_is_no_utf_8),
        test_case(a_call_can_be_cancelled),
        test_case(without_a_corpus_the_answer_is_the_vector),
        test_case(with_a_corpus_the_answer_is_a_ranking),
        test_case(the_ranking_is_the_same_in_any_batch),
        test_case(queries_and_documents_have_their_own_prompts),
        test_case(distances_rank_the_nearest_first),
        test_case(a_run_that_is_cancelled_still_answers_for_each_sample),
        test_case(run_text_gives_the_vector),
        test_case(a_derived_class_changes_what_it_wants),
        test_case(unload_gives_everything_back),
        test_case(a_failed_load_can_be_tried_again),
        test_case(identity_changes_with_modules_and_corpus),
        test_case(survives_every_failing_allocation),
    };
    return run_group("api/embedding", tests);
}
