/*
 * test_model.c - models with a checkpoint, from a name to an answer: load and unload, arguments
 * that reach the engine, runs of many samples, samples that fail, cancellation, identity; and the
 * plain engine and session calls.
 */
#include "tests/support/test.h"

#include "karma/karma.h"
#include "tests/unit/api/tiny.h"

enum { MAX_OUT = 64 };

/* ---- a run that keeps what it gets ---- */

struct out {
    char key[32], text[512], error[256];
    karma_status status;
    karma_finish_reason reason;
    unsigned flags;
    int32_t tokens[64];
    size_t n_tokens;
    float first_logprob;
};

struct run {
    const karma_sample *samples;
    size_t n, next, n_out;
    struct out out[MAX_OUT];
    size_t cancel_after; /* outputs; 0: never */
    karma_status put_status;
    char streamed[2048];
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
    out->reason = o->finish_reason;
    out->flags = o->flags;
    out->n_tokens = o->n_tokens < 64 ? o->n_tokens : 64;
    if (o->tokens) memcpy(out->tokens, o->tokens, out->n_tokens * sizeof(int32_t));
    if (o->logprobs) out->first_logprob = o->logprobs[0].logprob;
    return r->put_status;
}

static bool run_cancelled(void *user) {
    const struct run *r = user;
    return r->cancel_after && r->n_out >= r->cancel_after;
}

static void run_stream(void *user, const char *key, const char *text, size_t len) {
    struct run *r = user;
    size_t used = strlen(r->streamed);
    assert_non_null(key);
    assert_true(used + len < sizeof(r->streamed));
    memcpy(r->streamed + used, text, len);
    r->streamed[used + len] = 0;
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

static const karma_sample questions[] = {
    SAMPLE("q0", "Is iron low?"),
    SAMPLE("q1", "Which organ makes insulin? (A) liver (B) pancreas"),
    SAMPLE("q2", "x"),
    SAMPLE("q3", "Is iron low in some women, and what is then done about it?"),
    SAMPLE("q4", "Name a drug."),
    SAMPLE("q5", "Is iron low in some women, and what else?"),
    SAMPLE("q6", "12 + 30 = ?"),
};
enum { N_QUESTIONS = sizeof(questions) / sizeof(questions[0]) };

static karma_model *loaded(const char *folder, const char *args) {
    karma_model *m;
    assert_ok(karma_get_model(folder, args, &m));
    return m;
}

/* ---- tests ---- */

static void loads_runs_unloads_and_loads_again(void **state) {
    (void)state;
    karma_model *m;
    char *info, *answer, *again;
    assert_ok(karma_model_create(tiny_folder("life"), "{\"max_tokens\": 8}", &m));
    assert_false(karma_model_is_loaded(m));
    assert_null(karma_model_path(m));
    assert_int_equal(karma_model_num_parameters(m), 0);
    assert_ok(karma_model_load(m));
    assert_ok(karma_model_load(m));
    assert_string_equal(karma_model_path(m), test_path("life"));
    assert_true(karma_model_num_parameters(m) > 10000);
    assert_int_equal(karma_model_vocab_size(m), 97);
    assert_ok(karma_model_run_text(m, "Is iron low?", &answer));
    assert_ok(karma_model_info(m, &info));
    assert_non_null(strstr(info, "\"architecture\": \"Qwen3ForCausalLM\""));
    assert_non_null(strstr(info, "\"is_loaded\": true"));
    assert_non_null(strstr(info, "\"chat_template\": \"tokenizer_config.json\""));
    karma_free(info);
    karma_model_unload(m);
    assert_false(karma_model_is_loaded(m));
    assert_null(karma_model_path(m));
    assert_ok(karma_model_run_text(m, "Is iron low?", &again)); /* loads */
    assert_string_equal(answer, again);
    karma_free(answer);
    karma_free(again);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void a_failed_load_can_be_tried_again(void **state) {
    (void)state;
    karma_model *m;
    assert_ok(karma_model_create(tiny_folder("retry"), NULL, &m));
    tiny_remove("retry", "tokenizer.json");
    size_t before = mem_live_blocks();
    assert_status(karma_model_load(m), KARMA_E_MISSING);
    assert_status(karma_model_load(m), KARMA_E_MISSING);
    assert_int_equal(mem_live_blocks(), before);
    tiny_copy("retry", "api/tiny", "tokenizer.json");
    assert_ok(karma_model_load(m));
    karma_model_destroy(m);
    karma_clear_registry();
}

static void the_architecture_chooses_the_class_of_a_path(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"qwen3_tied", "QwenThinkingLLM"}, {"gemma3", "GemmaModel"}, {"llama3", "LlamaModel"}};
    for (size_t i = 0; i < 3; i++) {
        karma_model *m;
        char path[128];
        snprintf(path, sizeof(path), "tests/fixtures/models/%s", pairs[i][0]);
        assert_ok(karma_model_create(path, NULL, &m));
        assert_string_equal(karma_model_get_class(m)->name, pairs[i][1]);
        karma_model_destroy(m);
    }
    karma_clear_registry();
}

static void a_path_can_stand_in_for_a_registered_name(void **state) {
    (void)state;
    karma_model *m;
    const char *folder = tiny_folder("place");
    assert_ok(karma_model_create_with("Qwen/Qwen3-0.6B", folder, NULL, NULL, &m));
    assert_ok(karma_model_load(m));
    assert_string_equal(karma_model_name(m), "Qwen/Qwen3-0.6B");
    assert_string_equal(karma_model_path(m), folder);
    karma_model_destroy(m);
    char args[512];
    snprintf(args, sizeof(args), "{\"model_name_or_path\": \"%s\"}", folder);
    assert_ok(karma_model_create_with("Qwen/Qwen3-0.6B", "/no/such/place", NULL, args, &m));
    assert_ok(karma_model_load(m)); /* the call wins */
    karma_model_destroy(m);
    karma_clear_registry();
}

static void the_same_answers_in_any_batch(void **state) {
    (void)state;
    static const char *const args[] = {
        "{\"max_tokens\": 12, \"max_sequences\": 1, \"logprobs\": 0, \"do_sample\": true}",
        "{\"max_tokens\": 12, \"max_sequences\": 3, \"logprobs\": 0, \"do_sample\": true, "
        "\"threads\": 2}",
        "{\"max_tokens\": 12, \"max_sequences\": 16, \"logprobs\": 0, \"do_sample\": true}",
    };
    static struct run runs[3];
    const char *folder = tiny_folder("batch");
    for (size_t i = 0; i < 3; i++) {
        karma_model *m = loaded(folder, args[i]);
        runs[i] = (struct run){.samples = questions, .n = N_QUESTIONS};
        assert_ok(run(m, &runs[i]));
        assert_int_equal(runs[i].n_out, N_QUESTIONS);
        karma_model_destroy(m);
    }
    for (size_t q = 0; q < N_QUESTIONS; q++) {
        const struct out *want = find(&runs[0], questions[q].key);
        assert_int_equal(want->status, KARMA_OK);
        assert_true(want->n_tokens > 0);
        for (size_t i = 1; i < 3; i++) {
            const struct out *got = find(&runs[i], questions[q].key);
            assert_string_equal(got->text, want->text);
            assert_int_equal(got->n_tokens, want->n_tokens);
            assert_memory_equal(got->tokens, want->tokens, want->n_tokens * sizeof(int32_t));
            assert_memory_equal(&got->first_logprob, &want->first_logprob, sizeof(float));
        }
    }
    karma_clear_registry();
}

static void a_sample_that_fails_is_an_output_and_the_others_go_on(void **state) {
    (void)state;
    static char longest[4000];
    memset(longest, 'a', sizeof(longest) - 1);
    const karma_sample samples[] = {
        SAMPLE("good", "Is iron low?"),
        {.struct_size = sizeof(karma_sample), .key = "empty"},
        SAMPLE("long", longest),
        SAMPLE("bytes", "\xff\xfe"),
        SAMPLE("last", "x"),
    };
    struct run r = {.samples = samples, .n = 5};
    karma_model *m = loaded(tiny_folder("fails"), "{\"max_tokens\": 4}");
    assert_ok(run(m, &r));
    assert_int_equal(r.n_out, 5);
    assert_int_equal(find(&r, "good")->status, KARMA_OK);
    assert_int_equal(find(&r, "last")->status, KARMA_OK);
    assert_int_equal(find(&r, "empty")->status, KARMA_E_MISSING);
    assert_int_equal(find(&r, "bytes")->status, KARMA_E_ENCODING);
    assert_int_equal(find(&r, "long")->status, KARMA_E_LIMIT);
    assert_int_equal(find(&r, "long")->reason, KARMA_FINISH_ERROR);
    assert_non_null(strstr(find(&r, "long")->error, "256")); /* the model's context */
    assert_string_equal(find(&r, "long")->text, "");
    karma_model_destroy(m);
    karma_clear_registry();
}

static void a_prompt_is_cut_only_when_asked_and_flagged_then(void **state) {
    (void)state;
    static char longest[1000];
    memset(longest, 'b', sizeof(longest) - 1);
    const karma_sample samples[] = {SAMPLE("long", longest), SAMPLE("short", "x")};
    static const char *const ways[] = {"left", "right", "middle"};
    const char *folder = tiny_folder("cut");
    for (size_t i = 0; i < 3; i++) {
        char args[128];
        struct run r = {.samples = samples, .n = 2};
        snprintf(args, sizeof(args), "{\"max_tokens\": 4, \"truncate\": \"%s\"}", ways[i]);
        karma_model *m = loaded(folder, args);
        assert_ok(run(m, &r));
        assert_int_equal(find(&r, "long")->status, KARMA_OK);
        assert_true(find(&r, "long")->flags & KARMA_OUTPUT_PROMPT_TRUNCATED);
        assert_false(find(&r, "short")->flags & KARMA_OUTPUT_PROMPT_TRUNCATED);
        karma_model_destroy(m);
    }
    karma_clear_registry();
}

static void flags_cut_answers_and_control_tokens_in_text(void **state) {
    (void)state;
    const karma_sample samples[] = {SAMPLE("plain", "hi"), SAMPLE("forged", "hi<|im_end|>")};
    struct run r = {.samples = samples, .n = 2};
    karma_model *m = loaded(tiny_folder("flags"), "{\"max_tokens\": 1}");
    assert_ok(run(m, &r));
    assert_false(find(&r, "plain")->flags & KARMA_OUTPUT_SPECIAL_IN_TEXT);
    assert_true(find(&r, "forged")->flags & KARMA_OUTPUT_SPECIAL_IN_TEXT);
    for (size_t i = 0; i < 2; i++) {
        bool cut = r.out[i].flags & KARMA_OUTPUT_CUT;
        assert_int_equal(cut, r.out[i].reason == KARMA_FINISH_LENGTH);
        assert_int_equal(r.out[i].n_tokens, 1);
    }
    karma_model_destroy(m);
    karma_clear_registry();
}

static void greedy_and_temperature_zero_are_the_same(void **state) {
    (void)state;
    static struct run greedy, zero;
    const char *folder = tiny_folder("zero");
    karma_model *m = loaded(folder, "{\"max_tokens\": 10, \"do_sample\": false}");
    greedy = (struct run){.samples = questions, .n = N_QUESTIONS};
    assert_ok(run(m, &greedy));
    karma_model_destroy(m);
    m = loaded(folder, "{\"max_tokens\": 10, \"do_sample\": true, \"temperature\": 0}");
    zero = (struct run){.samples = questions, .n = N_QUESTIONS};
    assert_ok(run(m, &zero));
    karma_model_destroy(m);
    for (size_t q = 0; q < N_QUESTIONS; q++)
        assert_string_equal(find(&greedy, questions[q].key)->text,
                            find(&zero, questions[q].key)->text);
    karma_clear_registry();
}

static void streams_what_it_generates(void **state) {
    (void)state;
    struct run r = {.samples = questions, .n = 1};
    const karma_run_io io = {.next = run_next, .put = run_put, .stream = run_stream, .user = &r};
    karma_model *m = loaded(tiny_folder("stream"), "{\"max_tokens\": 16}");
    assert_ok(karma_model_run(m, &io));
    assert_non_null(strstr(r.streamed, r.out[0].text));
    karma_model_destroy(m);
    karma_clear_registry();
}

static void cancellation_ends_the_run_and_keeps_what_is_done(void **state) {
    (void)state;
    static struct run r;
    size_t n_good = 0;
    r = (struct run){.samples = questions, .n = N_QUESTIONS, .cancel_after = 2};
    karma_model *m = loaded(tiny_folder("cancel"), "{\"max_tokens\": 6, \"max_sequences\": 1}");
    assert_status(run(m, &r), KARMA_E_CANCELLED);
    for (size_t i = 0; i < r.n_out; i++) {
        if (r.out[i].status == KARMA_OK)
            n_good++;
        else
            assert_int_equal(r.out[i].status, KARMA_E_CANCELLED);
    }
    assert_in_range(n_good, 2, N_QUESTIONS - 1);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void a_sink_that_fails_ends_the_run(void **state) {
    (void)state;
    static struct run r;
    r = (struct run){.samples = questions, .n = N_QUESTIONS, .put_status = KARMA_E_NOSPACE};
    karma_model *m = loaded(tiny_folder("sink"), "{\"max_tokens\": 4, \"max_sequences\": 1}");
    assert_int_equal(run(m, &r), KARMA_E_NOSPACE);
    assert_true(r.n_out < N_QUESTIONS);
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- a class of one's own over a checkpoint ---- */

static karma_status loud_postprocess(karma_model *m, karma_output *o) {
    (void)m;
    char text[600];
    if (strstr(o->key, "4")) return status_fail(KARMA_E_SYNTAX, "no answer in it");
    snprintf(text, sizeof(text), "<%.500s>", o->text);
    return karma_output_set_text(o, text, strlen(text));
}

static const karma_model_class loud = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "Loud",
    .postprocess = loud_postprocess,
};

static void a_custom_class_runs_on_the_engine(void **state) {
    (void)state;
    static struct run r;
    const char *folder = tiny_folder("custom");
    assert_ok(karma_register_model_meta(&(karma_model_meta){.name = "my/loud",
                                                            .model_path = folder,
                                                            .loader_class = "Loud",
                                                            .model_type = KARMA_TEXT_GENERATION}));
    karma_model *m = loaded("my/loud", "{\"max_tokens\": 3}");
    r = (struct run){.samples = questions, .n = N_QUESTIONS};
    assert_ok(run(m, &r));
    for (size_t i = 0; i < N_QUESTIONS; i++) {
        const struct out *o = find(&r, questions[i].key);
        if (i == 4)
            assert_int_equal(o->status, KARMA_E_SYNTAX);
        else
            assert_int_equal(o->text[0], '<');
    }
    assert_string_equal(find(&r, "q4")->error, "no answer in it");
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- identity ---- */

static char *identity_of(const char *folder, const char *args) {
    karma_model *m;
    char *json;
    assert_ok(karma_model_create(folder, args, &m));
    assert_ok(karma_model_identity(m, &json));
    assert_false(karma_model_is_loaded(m));
    karma_model_destroy(m);
    return json;
}

static void identity_is_of_the_bytes_and_the_arguments(void **state) {
    (void)state;
    const char *folder = tiny_folder("id1");
    char *first = identity_of(folder, NULL);
    char *same = identity_of(folder, "{\"max_sequences\": 3, \"threads\": 1}");
    char *elsewhere = identity_of(tiny_folder("id2"), NULL);
    assert_string_equal(first, same);
    assert_string_equal(first, elsewhere);
    char *other_args = identity_of(folder, "{\"seed\": 1}");
    assert_string_not_equal(first, other_args);
    tiny_write("id2", "chat_template.jinja", "{{ messages[0].content }}");
    char *other_template = identity_of(test_path("id2"), NULL);
    assert_string_not_equal(first, other_template);
    tiny_folder_of("id3", "models/qwen3_sliding");
    char *other_weights = identity_of(test_path("id3"), NULL);
    assert_string_not_equal(first, other_weights);
    char *all[] = {first, same, elsewhere, other_args, other_template, other_weights};
    for (size_t i = 0; i < 6; i++)
        karma_free(all[i]);
    karma_clear_registry();
}

/* ---- text, engine, session ---- */

static void text_goes_to_ids_and_back(void **state) {
    (void)state;
    int32_t *ids;
    size_t count;
    char *text;
    karma_model *m = loaded(tiny_folder("text"), NULL);
    assert_ok(karma_tokenize(m, "iron<|im_end|>", 14, true, &ids, &count));
    assert_int_equal(ids[count - 1], TINY_IM_END);
    assert_ok(karma_detokenize(m, ids, count, true, &text));
    assert_string_equal(text, "iron");
    karma_free(text);
    assert_ok(karma_detokenize(m, ids, count, false, &text));
    assert_string_equal(text, "iron<|im_end|>");
    karma_free(text);
    karma_free(ids);
    assert_ok(karma_detokenize(m, NULL, 0, true, &text));
    assert_string_equal(text, "");
    karma_free(text);
    const karma_message message = {.role = "user", .content = "hi"};
    assert_ok(karma_apply_chat_template(m, &message, 1, "{\"enable_thinking\": false}", true, &text,
                                        &ids, &count));
    assert_string_equal(text, "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
                              "<think>\n\n</think>\n\n");
    assert_int_equal(ids[0], TINY_IM_START);
    karma_free(text);
    karma_free(ids);
    assert_ok(karma_apply_chat_template(m, &message, 1, NULL, true, NULL, NULL, &count));
    assert_status(karma_apply_chat_template(m, &message, 1, "[1]", true, &text, &ids, &count),
                  KARMA_E_TYPE);
    karma_model_destroy(m);
    assert_ok(karma_model_create(test_path("text"), NULL, &m));
    assert_status(karma_tokenize(m, "x", 1, true, &ids, &count), KARMA_E_USAGE);
    assert_message_contains("not loaded");
    karma_model_destroy(m);
    karma_clear_registry();
}

static void keep_tokens(void *user, const karma_output *o) {
    struct out *out = user;
    out->status = o->status;
    out->n_tokens = o->n_tokens;
    memcpy(out->tokens, o->tokens, o->n_tokens * sizeof(int32_t));
}

/* Greedy by hand on a session, against the engine. */
static void a_session_and_an_engine_agree(void **state) {
    (void)state;
    int32_t *ids;
    size_t count, active = 1;
    karma_engine *e;
    karma_session *s;
    struct out out = {.status = KARMA_E_INTERNAL};
    karma_model *m = loaded(tiny_folder("session"), NULL);
    assert_ok(karma_tokenize(m, "Is iron low?", 12, false, &ids, &count));
    karma_generate_options options = karma_generate_defaults(m);
    options.max_tokens = 6;
    options.n_stop_tokens = 0;
    assert_ok(karma_engine_create(m, NULL, &e));
    assert_ok(karma_engine_submit(e, "k", ids, count, &options, keep_tokens, NULL, &out));
    while (active)
        assert_ok(karma_engine_step(e, &active));
    assert_int_equal(out.status, KARMA_OK);
    assert_int_equal(out.n_tokens, 6);
    karma_engine_destroy(e);

    assert_status(karma_session_create(m, 1000000, &s), KARMA_E_LIMIT);
    assert_ok(karma_session_create(m, 64, &s));
    const float *logits;
    assert_ok(karma_session_feed(s, ids, count, &logits));
    for (int i = 0; i < 6; i++) {
        int32_t best = 0;
        for (int32_t v = 1; v < karma_model_vocab_size(m); v++)
            if (logits[v] > logits[best]) best = v;
        assert_int_equal(best, out.tokens[i]);
        assert_ok(karma_session_feed(s, &best, 1, &logits));
    }
    assert_int_equal(karma_session_n_past(s), count + 6);
    assert_ok(karma_session_rewind(s, count));
    assert_int_equal(karma_session_n_past(s), count);
    const int32_t outside = 5000;
    assert_status(karma_session_feed(s, &outside, 1, &logits), KARMA_E_RANGE);
    karma_session_destroy(s);
    karma_free(ids);
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- memory ---- */

static karma_status load_and_answer(void *ctx) {
    karma_model *m;
    char *answer;
    karma_status st = karma_model_create(ctx, "{\"max_tokens\": 2, \"threads\": 1}", &m);
    if (st == KARMA_OK) {
        st = karma_model_run_text(m, "x", &answer);
        if (st == KARMA_OK) karma_free(answer);
        karma_model_destroy(m);
    }
    karma_clear_registry();
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    char folder[256];
    snprintf(folder, sizeof(folder), "%s", tiny_folder("memory"));
    assert_true(for_each_failing_allocation(load_and_answer, folder) > 50);
}

static void a_hundred_loads_do_not_grow(void **state) {
    (void)state;
    char folder[256];
    snprintf(folder, sizeof(folder), "%s", tiny_folder("grow"));
    size_t before = mem_live_bytes();
    for (int i = 0; i < 100; i++) {
        karma_model *m = loaded(folder, "{\"threads\": 1}");
        karma_model_destroy(m);
    }
    karma_clear_registry();
    assert_int_equal(mem_live_bytes(), before);
}

static int register_classes(void **state) {
    (void)state;
    return karma_register_model_class(&loud) == KARMA_OK ? 0 : -1;
}

int main(void) {
    setenv("KARMA_CONFIG_HOME", test_path("no-such-folder"), 1);
    const struct CMUnitTest tests[] = {
        test_case(loads_runs_unloads_and_loads_again),
        test_case(a_failed_load_can_be_tried_again),
        test_case(the_architecture_chooses_the_class_of_a_path),
        test_case(a_path_can_stand_in_for_a_registered_name),
        test_case(the_same_answers_in_any_batch),
        test_case(a_sample_that_fails_is_an_output_and_the_others_go_on),
        test_case(a_prompt_is_cut_only_when_asked_and_flagged_then),
        test_case(flags_cut_answers_and_control_tokens_in_text),
        test_case(greedy_and_temperature_zero_are_the_same),
        test_case(streams_what_it_generates),
        test_case(cancellation_ends_the_run_and_keeps_what_is_done),
        test_case(a_sink_that_fails_ends_the_run),
        test_case(a_custom_class_runs_on_the_engine),
        test_case(identity_is_of_the_bytes_and_the_arguments),
        test_case(text_goes_to_ids_and_back),
        test_case(a_session_and_an_engine_agree),
        test_case(survives_every_failing_allocation),
        test_case(a_hundred_loads_do_not_grow),
    };
    return cmocka_run_group_tests_name("api/model", tests, register_classes, NULL);
}
