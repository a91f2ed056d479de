/*
 * test_speech.c - recordings through whole runs: what is heard meets its reference, the language
 * reaches model and processor, answers are stored by the sound, failures have bounds. The model is
 * that of tests/support/plugins/listener.c: it hears what is written in the file.
 */
#include "tests/support/test.h"

#include "base/json.h"
#include "karma/karma.h"
#include "tests/support/plugins/listener.c"

static void recording(const char *name, const char *said) {
    char bytes[512] = "RIFF....WAVEfmt .....................data....";
    const size_t n = strlen(said);
    memcpy(bytes + HEADER_BYTES, said, n);
    write_file(name, bytes, HEADER_BYTES + n);
}

static karma_model *make_listener(const char *args) {
    const karma_model_class *known;
    karma_model *m;
    if (karma_find_model_class("Listener", &known) < 0)
        assert_ok(karma_register_model_class(&listener_class));
    if (!karma_is_registered("listener")) assert_ok(karma_register_model_meta(&listener_meta));
    assert_ok(karma_model_create("listener", args, &m));
    return m;
}

struct trial {
    const char *model_args, *dataset_args, *metric_args, *processor_args;
    karma_status status;
    bool with_content;
};

/* Results as text, lent until the process ends. */
static char *run_trial(const char *dataset, const char *store, const struct trial *t,
                       karma_eval_summary *sum) {
    const char *const names[] = {dataset, NULL};
    karma_eval_options o = karma_eval_defaults();
    karma_model *m = make_listener(t->model_args ? t->model_args : "{}");
    o.datasets = names;
    o.store_path = store;
    o.use_store = store != NULL;
    o.output = test_path("results.json");
    o.dataset_args_json = t->dataset_args;
    o.metric_args_json = t->metric_args;
    o.processor_args_json = t->processor_args;
    o.include_content = t->with_content;
    assert_status(karma_eval_run(m, &o, NULL, sum), t->status);
    karma_model_destroy(m);
    return t->status == KARMA_OK ? read_fixture(o.output, NULL) : NULL;
}

static const char *two_clips(void) {
    recording("a.wav", "no chest pain");
    recording("b.wav", "take paracetamal daily");
    return write_text("clips.jsonl",
                      "{\"id\": \"a\", \"audio\": \"a.wav\", \"text\": \"no chest pain\"}\n"
                      "{\"id\": \"b\", \"audio\": \"b.wav\", \"text\": \"take paracetamol\"}\n");
}

static void what_is_heard_is_scored(void **state) {
    (void)state;
    karma_eval_summary sum;
    char *text = run_trial(two_clips(), NULL, &(struct trial){0}, &sum);
    assert_int_equal(sum.n_scored, 2);
    assert_non_null(strstr(text, "\"task_type\": \"transcription\""));
    assert_non_null(
        strstr(text, "\"wer\": {\n        \"score\": 0.4,\n        \"num_samples\": 2"));
    assert_non_null(strstr(text, "\"hits\": 4,\n        \"substitutions\": 1,\n        "
                                 "\"deletions\": 0,\n        \"insertions\": 1\n"));
    assert_non_null(strstr(text, "\"cer\": {"));
    assert_non_null(strstr(text, "\"unparsed\": 0"));
    assert_null(strstr(text, "alignment"));
}

static void content_has_counts_and_the_alignment_on_request(void **state) {
    (void)state;
    karma_eval_summary sum;
    struct trial t = {.with_content = true};
    char *text = run_trial(two_clips(), NULL, &t, &sum);
    assert_non_null(strstr(text, "\"details\": {"));
    assert_null(strstr(text, "\"alignment\""));
    t.metric_args = "{\"wer\": {\"alignment\": true, \"terms\": [\"Paracetamol\"]}}";
    text = run_trial(two_clips(), NULL, &t, &sum);
    assert_non_null(strstr(text, "\"prediction\": \"paracetamal\""));
    assert_non_null(strstr(text, "\"term_wer\": 1.0"));
    assert_non_null(strstr(text, "\"n_terms\": 1"));
}

static void answers_are_stored_by_the_sound(void **state) {
    (void)state;
    karma_eval_summary sum;
    const char *store = test_path("s.db"), *path = two_clips();
    const struct trial t = {0};
    char *first = run_trial(path, store, &t, &sum);
    assert_int_equal(sum.n_cached, 0);
    const size_t before = listened;
    assert_string_equal(first, run_trial(path, store, &t, &sum));
    assert_int_equal(listened, before);
    recording("b.wav", "take paracetamol"); /* under the same name */
    char *text = run_trial(path, store, &t, &sum);
    assert_int_equal(listened, before + 1);
    assert_int_equal(sum.n_cached, 1);
    assert_non_null(strstr(text, "\"score\": 0.0"));
    recording("elsewhere.wav", "no chest pain"); /* the same sound under another */
    path = write_text("clips.jsonl",
                      "{\"id\": \"a\", \"audio\": \"elsewhere.wav\", \"text\": \"no pain\"}\n");
    run_trial(path, store, &t, &sum);
    assert_int_equal(sum.n_cached, 1);
}

static void the_language_reaches_the_model(void **state) {
    (void)state;
    karma_eval_summary sum;
    recording("a.wav", "x");
    char args[4200];
    snprintf(args, sizeof(args),
             "{\"ai4bharat/indicvoices_r\": {\"path\": \"%s\", \"language\": \"santali\"}}",
             write_text("r.jsonl", "{\"audio\": \"a.wav\", \"text\": \"x\"}\n"));
    const struct trial t = {
        .model_args = "{\"say_language\": true}", .dataset_args = args, .with_content = true};
    char *text = run_trial("ai4bharat/indicvoices_r", NULL, &t, &sum);
    assert_non_null(strstr(text, "\"output\": \"{\\\"language\\\": \\\"sat\\\"}\""));
}

/* U+0B94 is what the rules of Tamil make of U+0B92 U+0BD7, U+0D7B what those of Malayalam make of
 * three characters: each sample is cleaned by its own. */
static void the_language_reaches_the_processor(void **state) {
    (void)state;
    karma_eval_summary sum;
    recording("ta.wav", "\u0BC7\u0BBE\u0BE4");
    recording("bn.wav", "\u09E4");
    write_text("many.jsonl", "{\"audio\": \"ta.wav\", \"text\": \"\u0BCB\u0964\", "
                             "\"language\": \"ta\"}\n"
                             "{\"audio\": \"bn.wav\", \"text\": \"\u0964\", "
                             "\"language\": \"Bengali\"}\n");
    const char *set = write_text("many.yaml", "name: ours/many\nkind: transcription\n"
                                              "path: many.jsonl\nmetrics: [wer]\n"
                                              "processors: [multilingual_text_processor]\n");
    struct trial t = {0};
    char *text = run_trial(set, NULL, &t, &sum);
    assert_non_null(strstr(text, "\"score\": 0.0"));
    char args[4200]; /* what the user says goes before it */
    snprintf(args, sizeof(args), "{\"%s.multilingual_text_processor\": {\"language\": \"hi\"}}",
             set);
    t.processor_args = args;
    text = run_trial(set, NULL, &t, &sum);
    assert_non_null(strstr(text, "\"score\": 1.0"));
}

static void a_language_no_processor_knows_is_told_before_anything_runs(void **state) {
    (void)state;
    karma_eval_summary sum;
    recording("a.wav", "x");
    write_text("fr.jsonl", "{\"audio\": \"a.wav\", \"text\": \"x\", \"language\": \"fr\"}\n");
    const char *set = write_text("fr.yaml", "name: ours/fr\nkind: transcription\npath: fr.jsonl\n"
                                            "processors: [multilingual_text_processor]\n");
    const size_t before = listened;
    run_trial(set, NULL, &(struct trial){.status = KARMA_E_RANGE}, &sum);
    assert_message_contains("multilingual_text_processor");
    assert_message_contains("'fr'");
    assert_int_equal(listened, before);
}

/* Counted as wrong, a failed sample has missed all its words. */
static void failed_samples_leave_bounds(void **state) {
    (void)state;
    karma_eval_summary sum;
    two_clips();
    const char *path =
        write_text("gone.jsonl",
                   "{\"id\": \"a\", \"audio\": \"a.wav\", \"text\": \"no chest pains\"}\n"
                   "{\"id\": \"b\", \"audio\": \"gone.wav\", \"text\": \"one two three four\"}\n");
    char args[4200];
    run_trial(path, NULL, &(struct trial){.status = KARMA_E_MISSING}, &sum);
    assert_message_contains("gone.jsonl: line 2: audio: ");
    snprintf(args, sizeof(args), "{\"%s\": {\"missing_audio\": \"fail\"}}", path);
    char *text = run_trial(path, NULL, &(struct trial){.dataset_args = args}, &sum);
    assert_int_equal(sum.n_failed, 1);
    assert_int_equal(sum.n_scored, 1);
    assert_non_null(strstr(text, "\"score\": null"));
    assert_non_null(strstr(text, "\"failed_counted_as_wrong\": 0.7142857142857143"));
    assert_non_null(strstr(text, "\"failed_left_out\": 0.3333333333333333"));
    assert_non_null(strstr(text, "\"hits\": 2")); /* of those scored */
    assert_non_null(strstr(text, "\"E_TRUNCATED\": 1"));
}

static void refuses_to_write_over_a_recording(void **state) {
    (void)state;
    recording("keep.wav", "x");
    const char *const names[] = {
        write_text("keep.jsonl", "{\"audio\": \"keep.wav\", \"text\": \"x\"}\n"), NULL};
    karma_eval_options o = karma_eval_defaults();
    karma_eval_summary sum;
    karma_model *m = make_listener("{}");
    o.datasets = names;
    o.use_store = false;
    o.force = true;
    o.output = test_path("keep.wav");
    assert_status(karma_eval_run(m, &o, NULL, &sum), KARMA_E_USAGE);
    assert_message_contains("is a recording and cannot be the output");
    karma_model_destroy(m);
}

struct attempt {
    karma_eval_options options;
    karma_model *model;
};

static karma_status evaluate(void *ctx) {
    const struct attempt *a = ctx;
    karma_eval_summary sum;
    karma_status st = karma_eval_run(a->model, &a->options, NULL, &sum);
    if (st == KARMA_OK) assert_int_equal(sum.n_scored, 2);
    karma_eval_options none = a->options;
    none.struct_size = 0; /* lets go what the last run lends */
    if (st == KARMA_OK) assert_status(karma_eval_run(a->model, &none, NULL, &sum), KARMA_E_ABI);
    return st;
}

static void every_failing_allocation_is_reported_and_leaks_nothing(void **state) {
    (void)state;
    recording("ta.wav", "\u0BC7\u0BBE");
    recording("bn.wav", "\u09E4");
    write_text("two.jsonl", "{\"audio\": \"ta.wav\", \"text\": \"x\", \"language\": \"ta\"}\n"
                            "{\"audio\": \"bn.wav\", \"text\": \"x\", \"language\": \"bn\"}\n");
    const char *const names[] = {
        strdup(write_text("two.yaml", "name: ours/two\nkind: transcription\npath: two.jsonl\n"
                                      "processors: [multilingual_text_processor]\n")),
        NULL};
    struct attempt a = {.options = karma_eval_defaults(), .model = make_listener("{}")};
    a.options.datasets = names;
    a.options.use_store = false;
    a.options.include_content = true;
    a.options.metric_args_json = "{\"wer\": {\"alignment\": true}}";
    a.options.output = test_path("two.json");
    assert_ok(evaluate(&a));
    assert_true(for_each_failing_allocation(evaluate, &a) > 100);
    karma_model_destroy(a.model);
    free((char *)names[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_heard_is_scored),
        cmocka_unit_test(content_has_counts_and_the_alignment_on_request),
        cmocka_unit_test(answers_are_stored_by_the_sound),
        cmocka_unit_test(the_language_reaches_the_model),
        cmocka_unit_test(the_language_reaches_the_processor),
        cmocka_unit_test(a_language_no_processor_knows_is_told_before_anything_runs),
        cmocka_unit_test(failed_samples_leave_bounds),
        cmocka_unit_test(refuses_to_write_over_a_recording),
        cmocka_unit_test(every_failing_allocation_is_reported_and_leaks_nothing),
    };
    return run_group("eval/speech", tests);
}
