/*
 * test_eval.c - whole runs with an oracle: answers meet their own questions whatever was in the
 * store before, every sample is accounted for, the report is a function of data and answers.
 */
#include <fenv.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "eval/answers.h"
#include "eval/score.h"
#include "tests/support/oracle.h"
#include "tests/support/test.h"

static const char *questions(const char *name, int n) {
    char *text = oracle_questions(n);
    const char *path = write_text(name, text);
    free(text);
    return path;
}

static karma_model *make_oracle(const char *args) {
    karma_model *m;
    assert_ok(oracle_register());
    assert_ok(karma_model_create("oracle", args, &m));
    return m;
}

/* Upstream pairs answers with the wrong questions when a batch is partly cached. Here every subset
 * of 12 samples is in the store before the run, for several batch sizes; the score must be 1. */
static void any_subset_in_the_store_scores_one(void **state) {
    (void)state;
    enum { N = 12 };
    static const char *const batches[] = {"{\"max_sequences\": 1}", "{\"max_sequences\": 5}",
                                          "{\"max_sequences\": 12}"};
    const char *const names[] = {questions("twelve.jsonl", N), NULL};
    karma_eval_options o = karma_eval_defaults();
    o.datasets = names;
    o.use_store = false;
    o.dry_run = true;
    o.output = test_path("nowhere.json");
    for (size_t b = 0; b < sizeof(batches) / sizeof(batches[0]); b++) {
        karma_model *m = make_oracle(batches[b]);
        for (unsigned subset = 0; subset < 1u << N; subset += b == 1 ? 1 : 37) {
            struct plan plan;
            struct store *store;
            assert_ok(plan_make(&o, &plan));
            assert_ok(store_open(NULL, &store));
            for (size_t i = 0; i < N; i++) {
                if (!(subset >> i & 1)) continue;
                const karma_sample *s;
                unsigned char key[STORE_KEY_BYTES];
                char text[32];
                assert_ok(karma_dataset_get(plan.datasets[0].data, i, &s));
                answers_store_key("identity", s, NULL, key);
                snprintf(text, sizeof(text), "item-%zu", i);
                const struct answer a = {.text = text, .finish_reason = KARMA_FINISH_STOP};
                assert_ok(store_put(store, key, "oracle", "d", s->key, &a));
            }
            struct answers answers;
            struct answers_run run = {.model = m, .identity = "identity", .store = store};
            assert_ok(answers_collect(&run, &plan.datasets[0], &answers));
            assert_int_equal(answers.n_cached, __builtin_popcount(subset));
            struct score score;
            const struct score_outputs none = {0};
            assert_ok(score_dataset(&plan.arena, &plan.datasets[0], &answers, &none, &score));
            const struct json *metric = json_get(json_get(score.result, "metrics"), "exact_match");
            assert_true(json_get(metric, "score")->u.real == 1.0);
            assert_true(score.complete);
            answers_release(&answers);
            store_close(store);
            plan_release(&plan);
        }
        karma_model_destroy(m);
    }
}

static char *run_to_text(const char *args, const char *const *names, const char *store,
                         const char *output, karma_status expected, karma_eval_summary *sum) {
    karma_eval_options o = karma_eval_defaults();
    o.datasets = names;
    o.store_path = store;
    o.output = output;
    karma_model *m = make_oracle(args);
    assert_status(karma_eval_run(m, &o, NULL, sum), expected);
    karma_model_destroy(m);
    return expected == KARMA_OK ? read_fixture(output, NULL) : NULL;
}

static void fresh_and_resumed_reports_are_the_same_bytes(void **state) {
    (void)state;
    const char *const names[] = {questions("forty.jsonl", 40), NULL};
    karma_eval_summary sum;
    const char *store = test_path("forty.db"), *out = test_path("forty.json");
    char *first = run_to_text("{}", names, store, out, KARMA_OK, &sum);
    assert_int_equal(sum.n_cached, 0);
    const size_t asked = oracle_asked();
    char *second = run_to_text("{}", names, store, out, KARMA_OK, &sum);
    assert_int_equal(sum.n_cached, 40);
    assert_int_equal(oracle_asked(), asked); /* not one sample was run again */
    assert_string_equal(first, second);
    assert_non_null(strstr(first, "\"score\": 1.0"));
    assert_non_null(strstr(first, "\"interval_95\""));
}

static void a_failed_sample_leaves_bounds_and_no_headline(void **state) {
    (void)state;
    const char *const names[] = {questions("ten.jsonl", 10), NULL};
    karma_eval_summary sum;
    char *text = run_to_text("{\"fault_number\": 4}", names, test_path("ten.db"),
                             test_path("ten.json"), KARMA_OK, &sum);
    assert_int_equal(sum.n_failed, 1);
    assert_int_equal(sum.n_scored, 9);
    assert_non_null(strstr(text, "\"score\": null"));
    assert_non_null(strstr(text, "\"failed_counted_as_wrong\": 0.9"));
    assert_non_null(strstr(text, "\"failed_left_out\": 1.0"));
    assert_non_null(strstr(text, "\"E_NONFINITE\": 1"));
    assert_non_null(strstr(text, "\"status\": \"incomplete\""));
}

static void a_thought_without_end_is_scored_wrong_and_counted(void **state) {
    (void)state;
    const char *const names[] = {questions("eight.jsonl", 8), NULL};
    karma_eval_summary sum;
    char *text = run_to_text("{\"fault_number\": 5}", names, test_path("eight.db"),
                             test_path("eight.json"), KARMA_OK, &sum);
    assert_int_equal(sum.n_failed, 0);
    assert_non_null(strstr(text, "\"score\": 0.875"));
    assert_non_null(strstr(text, "\"thought_without_end\": 1"));
}

static void a_missing_output_fails_its_sample_alone(void **state) {
    (void)state;
    const char *const names[] = {questions("drop.jsonl", 10), NULL};
    karma_eval_summary sum;
    char *text = run_to_text("{\"fault_number\": 1}", names, test_path("drop.db"),
                             test_path("drop.json"), KARMA_OK, &sum);
    assert_int_equal(sum.n_failed, 1);
    assert_non_null(strstr(text, "\"E_PLUGIN\": 1"));
    assert_non_null(strstr(text, "\"k0003\""));
}

static void foreign_and_repeated_outputs_shift_nothing(void **state) {
    (void)state;
    static const char *const faults[] = {"{\"fault_number\": 2}", "{\"fault_number\": 3}"};
    for (int i = 0; i < 2; i++) {
        const char *const names[] = {questions("five.jsonl", 5), NULL};
        karma_eval_summary sum;
        char *text = run_to_text(faults[i], names, test_path(i ? "5b.db" : "5a.db"),
                                 test_path("five.json"), KARMA_OK, &sum);
        /* The oracle gives up when it is told; what it had not answered by then fails too. */
        assert_true(sum.n_failed >= 1 && sum.n_failed + sum.n_scored == 5);
        assert_non_null(strstr(text, "\"E_PLUGIN\": "));
        assert_non_null(strstr(text, "\"k0003\""));
        assert_non_null(strstr(text, "\"failed_left_out\": 1.0"));
    }
}

static bool stop_after_a_few(void *user) {
    return oracle_asked() >= *(const size_t *)user;
}

static void a_cancelled_run_is_partial_and_goes_on_later(void **state) {
    (void)state;
    const char *const names[] = {questions("thirty.jsonl", 30), NULL};
    karma_eval_options o = karma_eval_defaults();
    karma_eval_summary sum;
    size_t limit = oracle_asked() + 6;
    const karma_eval_events events = {.cancelled = stop_after_a_few, .user = &limit};
    o.datasets = names;
    o.store_path = test_path("thirty.db");
    o.output = test_path("thirty.json");
    karma_model *m = make_oracle("{\"max_sequences\": 3}");
    assert_status(karma_eval_run(m, &o, &events, &sum), KARMA_E_CANCELLED);
    assert_true(sum.partial);
    assert_true(sum.n_scored >= 1 && sum.n_scored < 30);
    assert_non_null(strstr(sum.results_json, "\"status\": \"partial\""));
    const size_t done = sum.n_scored;
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    assert_int_equal(sum.n_cached, done);
    assert_int_equal(sum.n_scored, 30);
    karma_model_destroy(m);
}

static void wrong_arguments_are_told_before_anything_runs(void **state) {
    (void)state;
    const char *data = questions("four.jsonl", 4);
    const char *const names[] = {data, NULL}, *const twice[] = {data, data, NULL};
    karma_eval_options o = karma_eval_defaults();
    karma_eval_summary sum;
    karma_model *m = make_oracle("{}");
    const size_t asked = oracle_asked();
    o.use_store = false;
    o.datasets = twice;
    o.output = test_path("four.json");
    assert_status(karma_eval_run(m, &o, NULL, &sum), KARMA_E_USAGE);
    assert_message_contains("twice");
    o.datasets = names;
    o.metric_args_json = "{\"exact_mach\": {}}";
    assert_status(karma_eval_run(m, &o, NULL, &sum), KARMA_E_USAGE);
    assert_message_contains("exact_match");
    o.metric_args_json = NULL;
    o.output = write_text("mine.txt", "my notes\n");
    assert_status(karma_eval_run(m, &o, NULL, &sum), KARMA_E_USAGE);
    assert_message_contains("not a results file");
    o.output = test_path("no/such/folder/r.json");
    assert_true(karma_eval_run(m, &o, NULL, &sum) < 0);
    o.output = test_path("four.json");
    o.format = "xml";
    assert_status(karma_eval_run(m, &o, NULL, &sum), KARMA_E_USAGE);
    assert_int_equal(oracle_asked(), asked);
    karma_model_destroy(m);
}

static void refuses_to_write_over_what_it_reads(void **state) {
    (void)state;
    const char *data = questions("read.jsonl", 4);
    const char *const names[] = {data, NULL};
    karma_eval_options o = karma_eval_defaults();
    karma_eval_summary sum;
    karma_model *m = make_oracle("{}");
    o.datasets = names;
    o.use_store = false;
    o.force = true;
    o.output = data;
    assert_status(karma_eval_run(m, &o, NULL, &sum), KARMA_E_USAGE);
    assert_message_contains("cannot be the output");
    char *text = read_fixture(data, NULL);
    assert_non_null(strstr(text, "k0003"));
    o.force = false;
    o.output = test_path("read/results.json");
    write_text("read/run.json", "{\"mine\": 1}\n");
    assert_status(karma_eval_run(m, &o, NULL, &sum), KARMA_E_USAGE);
    assert_message_contains("read/run.json");
    o.dry_run = true; /* all is checked there too */
    assert_status(karma_eval_run(m, &o, NULL, &sum), KARMA_E_USAGE);
    karma_model_destroy(m);
}

/* ---- fall-back ---- */

static void a_fall_back_is_recorded_and_its_answers_are_its_own(void **state) {
    (void)state;
    const char *const names[] = {questions("six.jsonl", 6), NULL};
    karma_eval_options o = karma_eval_defaults();
    karma_eval_summary sum;
    karma_model *m;
    o.datasets = names;
    o.store_path = test_path("six.db");
    o.output = test_path("six.json");
    run_to_text("{}", names, o.store_path, o.output, KARMA_OK, &sum); /* the oracle's own */
    const karma_model_meta meta = {.name = "broken",
                                   .loader_class = "BaseModel",
                                   .model_type = KARMA_TEXT_GENERATION,
                                   .model_path = "nowhere/at/all"};
    assert_ok(karma_register_model_meta(&meta));
    assert_ok(karma_model_create("broken", "{\"fallback\": \"oracle\"}", &m));
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    assert_non_null(strstr(sum.results_json, "\"model\": \"oracle\""));
    assert_non_null(strstr(sum.results_json, "\"requested_model\": \"broken\""));
    assert_non_null(strstr(sum.results_json, "\"fallback_reason\": \"broken: "));
    assert_int_equal(sum.n_scored, 6);
    karma_model_destroy(m);
    assert_ok(karma_model_create("broken", "{}", &m));
    assert_true(karma_eval_run(m, &o, NULL, &sum) < 0);
    karma_model_destroy(m);
    karma_unregister_model("broken");
}

/* ---- registered data sets and metrics ---- */

static double metric_says;

static karma_status says(void *state, const char *prediction, const char *reference,
                         double *score) {
    (void)state;
    *score = strcmp(reference, "item-3") == 0 ? metric_says : strcmp(prediction, reference) == 0;
    return KARMA_OK;
}

static const karma_metric_class says_class = {.abi_version = KARMA_METRIC_ABI,
                                              .struct_size = sizeof(karma_metric_class),
                                              .info = {.name = "says"},
                                              .score = says};

static karma_status five_open(const char *args_json, void **state, size_t *count) {
    (void)args_json;
    (void)state;
    *count = 5;
    return KARMA_OK;
}

static karma_status five_get(void *state, size_t i, karma_sample *s) {
    static char key[16], input[16], reference[16]; /* written anew by each call */
    (void)state;
    snprintf(key, sizeof(key), "n%zu", i);
    snprintf(input, sizeof(input), "Name of %zu?", i);
    snprintf(reference, sizeof(reference), "item-%zu", i);
    s->key = key;
    s->input = input;
    s->expected_output = reference;
    return KARMA_OK;
}

static void registered_data_sets_and_metrics_are_used_like_ours(void **state) {
    (void)state;
    static const char *const metrics[] = {"says", "exact_match", NULL};
    static const karma_dataset_class five = {
        .abi_version = KARMA_DATASET_ABI,
        .struct_size = sizeof(karma_dataset_class),
        .info = {.name = "own/five", .metrics = metrics, .task_type = "open_ended_qa"},
        .open = five_open,
        .get = five_get};
    const char *const names[] = {"own/five", NULL};
    karma_eval_summary sum;
    assert_ok(karma_register_metric(&says_class));
    assert_ok(karma_register_dataset(&five));
    metric_says = 0.5;
    char *text =
        run_to_text("{}", names, test_path("own.db"), test_path("own.json"), KARMA_OK, &sum);
    assert_int_equal(sum.n_scored, 5);
    assert_non_null(strstr(text, "\"says\": {\n        \"score\": 0.9"));
    metric_says = __builtin_nan("");
    run_to_text("{}", names, test_path("own.db"), test_path("own.json"), KARMA_E_PLUGIN, &sum);
    assert_message_contains("own/five: sample n3: says: returned a score that is not a finite");
}

static void the_callers_rounding_changes_no_byte(void **state) {
    (void)state;
    const char *const names[] = {questions("seven.jsonl", 7), NULL};
    karma_eval_summary sum;
    const char *out = test_path("seven.json");
    char *nearest =
        run_to_text("{\"fault_number\": 5}", names, test_path("7.db"), out, KARMA_OK, &sum);
    assert_non_null(strstr(nearest, "\"score\": 0.85714285714285"));
    fesetround(FE_UPWARD);
    char *upward =
        run_to_text("{\"fault_number\": 5}", names, test_path("7.db"), out, KARMA_OK, &sum);
    const int after = fegetround();
    fesetround(FE_TONEAREST);
    assert_int_equal(after, FE_UPWARD);
    assert_string_equal(nearest, upward);
}

static void writes_yaml_and_csv(void **state) {
    (void)state;
    const char *const names[] = {questions("three.jsonl", 3), NULL};
    karma_eval_options o = karma_eval_defaults();
    karma_eval_summary sum;
    karma_model *m = make_oracle("{}");
    o.datasets = names;
    o.use_store = false;
    o.format = "csv";
    o.output = test_path("r.csv");
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    char *csv = read_fixture(o.output, NULL);
    assert_non_null(strstr(csv, "dataset,task_type,metric,score,num_samples,status\n"));
    assert_non_null(strstr(csv, ",exact_match,1.0,3,completed\n"));
    o.format = "yaml";
    o.output = test_path("r.yaml");
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    char *yaml = read_fixture(o.output, NULL);
    assert_non_null(strstr(yaml, "\n    exact_match:\n      score: 1.0\n"));
    assert_ok(karma_eval_run(m, &o, NULL, &sum)); /* our own file may be replaced */
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
    if (st == KARMA_OK) assert_int_equal(sum.n_scored, 6);
    /* What the last run lends (eval.h) is let go by the next, which fails before it takes more. */
    karma_eval_options none = a->options;
    none.struct_size = 0;
    if (st == KARMA_OK) assert_status(karma_eval_run(a->model, &none, NULL, &sum), KARMA_E_ABI);
    return st;
}

static void every_failing_allocation_is_reported_and_leaks_nothing(void **state) {
    (void)state;
    const char *const names[] = {questions("six.jsonl", 6), NULL};
    struct attempt a = {.options = karma_eval_defaults(), .model = make_oracle("{}")};
    a.options.datasets = names;
    a.options.use_store = false;
    a.options.include_content = true;
    a.options.output = test_path("six.json");
    assert_ok(evaluate(&a)); /* what is made once for the process is made here */
    assert_true(for_each_failing_allocation(evaluate, &a) > 100);
    karma_model_destroy(a.model);
}

static bool lose_folder(void *user) {
    char file[4096];
    snprintf(file, sizeof(file), "%s/results.json", (const char *)user);
    remove(file);
    remove(user);
    return false;
}

/* All answers are kept though the report cannot be written; the next run asks the model nothing. */
static void a_report_that_fails_costs_no_answer(void **state) {
    (void)state;
    const char *const names[] = {questions("late.jsonl", 20), NULL};
    karma_eval_options o = karma_eval_defaults();
    karma_eval_summary sum;
    karma_model *m = make_oracle("{}");
    o.datasets = names;
    o.store_path = test_path("late.db");
    o.output = write_text("late/results.json", ""); /* its folder is there when it is checked */
    const karma_eval_events events = {.cancelled = lose_folder, .user = (void *)test_path("late")};
    assert_true(karma_eval_run(m, &o, &events, &sum) < 0);
    assert_message_contains("late/results."); /* its log comes first */
    const size_t asked = oracle_asked();
    o.output = test_path("found.json");
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    assert_int_equal(oracle_asked(), asked);
    assert_int_equal(sum.n_scored, 20);
    karma_model_destroy(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_subset_in_the_store_scores_one),
        cmocka_unit_test(fresh_and_resumed_reports_are_the_same_bytes),
        cmocka_unit_test(a_failed_sample_leaves_bounds_and_no_headline),
        cmocka_unit_test(a_thought_without_end_is_scored_wrong_and_counted),
        cmocka_unit_test(a_missing_output_fails_its_sample_alone),
        cmocka_unit_test(foreign_and_repeated_outputs_shift_nothing),
        cmocka_unit_test(a_cancelled_run_is_partial_and_goes_on_later),
        cmocka_unit_test(wrong_arguments_are_told_before_anything_runs),
        cmocka_unit_test(writes_yaml_and_csv),
        cmocka_unit_test(a_fall_back_is_recorded_and_its_answers_are_its_own),
        cmocka_unit_test(registered_data_sets_and_metrics_are_used_like_ours),
        cmocka_unit_test(the_callers_rounding_changes_no_byte),
        cmocka_unit_test(refuses_to_write_over_what_it_reads),
        cmocka_unit_test(every_failing_allocation_is_reported_and_leaks_nothing),
        cmocka_unit_test(a_report_that_fails_costs_no_answer),
    };
    return run_group("eval/eval", tests);
}
