/*
 * test_ways.c - the ways to have an answer: written to its end, until it is decided, or chosen
 * among letters. The model counts: behind a prompt it says one piece after the other, and the same
 * ones every time.
 */
#include "base/json.h"
#include "eval/answers.h"
#include "karma/karma.h"
#include "tests/support/oracle.h"
#include "tests/support/test.h"
#include "tests/support/tiny_checkpoint.h"
#include "tests/unit/api/tiny.h"

enum { VOCAB = 112, MAX_TOKENS = 12 };

/* Ids from 88 on: what the model says. 87 is the end of the prompt. */
static const char *const said[] = {"Final Answer: (B)", "\\nso", " it", " goes", " on"};

/* first: what stands in the place of the first piece. */
static const char *counting_model(const char *name, const char *first) {
    static const char last[] = "\"</think>\"";
    struct buf b = {0};
    char *text = read_fixture("tests/fixtures/api/tiny/tokenizer.json", NULL);
    const char *folder = counting_checkpoint_write(name, VOCAB);
    const char *at = strchr(strstr(text, last), '}') + 1;
    assert_ok(buf_append(&b, text, (size_t)(at - text)));
    assert_ok(buf_puts(&b, ",\n{\"id\": 87, \"content\": \"<go>\", \"special\": true}"));
    for (int id = 88; id < VOCAB; id++) {
        char more[16];
        snprintf(more, sizeof(more), " m%d", id);
        const char *piece = id == 88 ? first : id < 93 ? said[id - 88] : more;
        assert_ok(
            buf_printf(&b, ",\n{\"id\": %d, \"content\": \"%s\", \"special\": false}", id, piece));
    }
    assert_ok(buf_puts(&b, at));
    tiny_write(name, "tokenizer.json", buf_str(&b));
    tiny_write(
        name, "tokenizer_config.json",
        "{\"eos_token\": {\"content\": \"<|im_end|>\", \"special\": true}, \"chat_template\": "
        "\"{{ messages[0].content }}<go>\"}");
    buf_release(&b);
    return folder;
}

static const char *choices(const char *name, int n) {
    struct buf b = {0};
    for (int i = 0; i < n; i++)
        assert_ok(buf_printf(&b,
                             "{\"id\": \"k%d\", \"question\": \"Number %d?\", \"options\": {\"A\": "
                             "\"one\", \"B\": \"two\"}, \"answer\": \"B\"}\n",
                             i, i));
    const char *path = write_text(name, buf_str(&b));
    buf_release(&b);
    return path;
}

static karma_model *model_at(const char *folder, const char *args) {
    karma_model *m;
    char text[200];
    snprintf(text, sizeof(text), "{\"max_tokens\": %d, \"temperature\": 0%s}", MAX_TOKENS, args);
    assert_ok(karma_model_create(folder, text, &m));
    return m;
}

static karma_eval_options options_for(const char *const *names) {
    karma_eval_options o = karma_eval_defaults();
    o.datasets = names;
    o.use_store = false;
    o.output = test_path("ways/results.json");
    write_text("ways/keep", ""); /* makes the folder */
    return o;
}

static bool in_results(const karma_eval_summary *sum, const char *text) {
    return strstr(sum->results_json, text) != NULL;
}

static bool in_run_file(const char *text) {
    return strstr(read_fixture(test_path("ways/run.json"), NULL), text) != NULL;
}

static void a_decided_answer_ends_and_scores_the_same(void **state) {
    (void)state;
    const char *const names[] = {choices("ways/eight.jsonl", 8), NULL};
    karma_eval_options o = options_for(names);
    karma_eval_summary sum;
    karma_model *m = model_at(counting_model("ways/counting", said[0]), "");
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    assert_true(in_results(&sum, "\"score\": 1.0"));
    assert_true(in_results(&sum, "\"parsed_by_marker\": 8"));
    assert_true(in_results(&sum, "\"cut_by_limit\": 8"));
    assert_false(in_results(&sum, "decided"));
    assert_true(in_run_file("\"generated_tokens\": 96"));
    o.stop_when_decided = true;
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    assert_true(in_results(&sum, "\"score\": 1.0"));
    assert_true(in_results(&sum, "\"parsed_by_marker\": 8"));
    assert_true(in_results(&sum, "\"cut_by_limit\": 0"));
    assert_true(in_results(&sum, "\"stop_when_decided\": true"));
    assert_true(in_results(&sum, "\"ended_when_decided\": 8"));
    assert_true(in_run_file("\"generated_tokens\": 16"));
    assert_true(in_run_file("\"answers_ended_early\": 8"));
    karma_model_destroy(m);
}

static void a_thought_decides_nothing(void **state) {
    (void)state;
    const char *const names[] = {choices("ways/two.jsonl", 2), NULL};
    const char *folder = counting_model("ways/thinks", said[0]);
    karma_eval_options o = options_for(names);
    karma_eval_summary sum;
    karma_model *m;
    const karma_model_class *cls;
    o.stop_when_decided = true;
    assert_ok(karma_find_model_class("QwenThinkingLLM", &cls));
    assert_ok(karma_model_create_as(cls, folder,
                                    "{\"max_tokens\": 12, \"temperature\": 0, "
                                    "\"enable_thinking\": true}",
                                    &m));
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    assert_true(in_results(&sum, "\"ended_when_decided\": 0")); /* a </think> could still come */
    karma_model_destroy(m);
    folder = counting_model("ways/thought", "hm</think>Final Answer: (B)");
    assert_ok(karma_model_create_as(cls, folder,
                                    "{\"max_tokens\": 12, \"temperature\": 0, "
                                    "\"enable_thinking\": true}",
                                    &m));
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    assert_true(in_results(&sum, "\"ended_when_decided\": 2"));
    assert_true(in_results(&sum, "\"score\": 1.0"));
    karma_model_destroy(m);
}

static void letters_are_compared_and_nothing_is_written(void **state) {
    (void)state;
    const char *const names[] = {choices("ways/nine.jsonl", 9), NULL};
    const char *folder = counting_model("ways/letters", said[0]);
    karma_eval_options o = options_for(names);
    karma_eval_summary sum;
    char *first = NULL;
    o.answer_by = "letters";
    o.include_content = true;
    for (int batch = 1; batch <= 8; batch += 7) {
        char more[40];
        snprintf(more, sizeof(more), ", \"max_sequences\": %d", batch);
        karma_model *m = model_at(folder, more);
        assert_ok(karma_eval_run(m, &o, NULL, &sum));
        assert_int_equal(sum.n_scored, 9);
        assert_true(in_results(&sum, "\"answer_by\": \"letters\""));
        assert_true(in_results(&sum, "\"answer_lead\": \"Final Answer: (\""));
        assert_true(in_results(&sum, "\"parsed_by_marker\": 9"));
        assert_true(in_results(&sum, "\"unparsed\": 0"));
        assert_true(in_run_file("\"generated_tokens\": 0"));
        if (!first)
            first = strdup(sum.results_json);
        else
            assert_string_equal(sum.results_json, first);
        karma_model_destroy(m);
    }
    free(first);
}

/* The results of one way, of those that were scored side by side. */
static const struct json *way_of(const struct json *results, const char *name, const char *way) {
    return json_get(json_get(json_get(results, name), "answer_ways"), way);
}

static double score_of(const struct json *way) {
    const struct json *score = json_get(json_get(json_get(way, "metrics"), "exact_match"), "score");
    assert_non_null(score);
    return score->type == JSON_INT ? (double)score->u.integer : score->u.real;
}

static const struct json *parsed(struct arena *a, const karma_eval_summary *sum) {
    const struct json *results;
    assert_ok(
        json_parse(a, sum->results_json, strlen(sum->results_json), JSON_LAST_WINS, &results));
    return results;
}

/* Each way has, beside the others, the score it has alone; and the first is the headline. */
static void ways_side_by_side_score_as_each_alone(void **state) {
    (void)state;
    static const char *const readings[] = {"generation",       "letters",
                                           "options",          "options_normalized",
                                           "options_per_byte", "options_per_token"};
    const char *const names[] = {choices("ways/six.jsonl", 6), NULL};
    karma_eval_options o = options_for(names);
    karma_eval_summary sum;
    struct arena a = {0};
    double alone[6] = {0};
    karma_model *m = model_at(counting_model("ways/beside", said[0]), "");
    for (int way = 0; way < 3; way++) {
        o.answer_by = readings[way];
        assert_ok(karma_eval_run(m, &o, NULL, &sum));
        const struct json *results = parsed(&a, &sum);
        alone[way] = score_of(json_get(results, names[0]));
        for (int k = 2; way == 2 && k < 6; k++)
            alone[k] = score_of(way_of(results, names[0], readings[k]));
        assert_int_equal(way_of(results, names[0], "options") != NULL, way == 2);
    }
    o.answer_by = "all";
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    const struct json *results = parsed(&a, &sum);
    for (int k = 0; k < 6; k++) {
        const struct json *way = way_of(results, names[0], readings[k]);
        assert_true(score_of(way) == alone[k]);
        assert_int_equal(json_get(way, "scored")->u.integer, 6);
    }
    assert_true(score_of(json_get(results, names[0])) == alone[0]);
    assert_int_equal(sum.n_samples, 6);
    assert_int_equal(sum.n_scored, 6);
    o.answer_by = "options,letters";
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    results = parsed(&a, &sum);
    assert_true(score_of(json_get(results, names[0])) == alone[2]);
    assert_string_equal(json_str(json_get(json_get(results, names[0]), "answer_by"), ""),
                        "options,letters");
    assert_null(way_of(results, names[0], "generation"));
    karma_model_destroy(m);
    arena_release(&a);
}

/* What one way has answered serves a run of several, and one in all orders. */
static void stored_answers_serve_every_run_that_asks_them(void **state) {
    (void)state;
    const char *const names[] = {choices("ways/five.jsonl", 5), NULL};
    karma_eval_options o = options_for(names);
    karma_eval_summary sum;
    karma_model *m = model_at(counting_model("ways/serve", said[0]), "");
    o.use_store = true;
    o.store_path = test_path("ways/five.db");
    o.answer_by = "options";
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    assert_true(in_run_file("\"samples_run\": 5"));
    o.answer_by = "all";
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    assert_int_equal(sum.n_cached, 0); /* of each sample something was asked */
    assert_true(in_run_file("\"samples_from_store\": 5"));
    assert_true(in_run_file("\"samples_run\": 10"));
    o.rotations = true;
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    assert_int_equal(sum.n_samples, 10);
    assert_int_equal(sum.n_cached, 5);
    assert_true(in_run_file("\"samples_run\": 15"));
    char *first = strdup(sum.results_json);
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    assert_int_equal(sum.n_cached, 10);
    assert_string_equal(sum.results_json, first);
    free(first);
    karma_model_destroy(m);
}

/* The model says (B) whatever is asked: half of all orders are right, and no question is answered
 * alike. */
static void all_orders_show_what_a_place_does(void **state) {
    (void)state;
    const char *const names[] = {choices("ways/ten.jsonl", 10), NULL};
    const char *folder = counting_model("ways/orders", said[0]);
    karma_eval_options o = options_for(names);
    karma_eval_summary sum;
    struct arena a = {0};
    char *first = NULL;
    o.rotations = true;
    o.answer_by = "all";
    o.max_samples = 8; /* questions */
    for (int batch = 1; batch <= 8; batch += 7) {
        char more[40];
        snprintf(more, sizeof(more), ", \"max_sequences\": %d", batch);
        karma_model *m = model_at(folder, more);
        assert_ok(karma_eval_run(m, &o, NULL, &sum));
        assert_int_equal(sum.n_scored, 16);
        const struct json *results = parsed(&a, &sum);
        const struct json *set = json_get(results, names[0]),
                          *bias = json_get(set, "position_bias");
        assert_true(score_of(set) == 0.5);
        assert_true(json_get(bias, "mean_accuracy")->u.real == 0.5);
        assert_true(json_at(json_get(bias, "accuracy_by_order"), 0)->u.real == 1);
        assert_true(json_at(json_get(bias, "accuracy_by_order"), 1)->u.real == 0);
        assert_int_equal(json_at(json_get(bias, "chosen"), 1)->u.integer, 16);
        assert_true(json_get(bias, "same_answer_in_all_orders")->u.real == 0);
        assert_true(json_get(bias, "p")->u.real < 1e-3);
        assert_non_null(json_get(way_of(results, names[0], "letters"), "position_bias"));
        if (!first)
            first = strdup(sum.results_json);
        else
            assert_string_equal(sum.results_json, first);
        karma_model_destroy(m);
    }
    free(first);
    arena_release(&a);
}

static void ways_have_answers_of_their_own_in_the_store(void **state) {
    (void)state;
    const char *const names[] = {choices("ways/three.jsonl", 3), NULL};
    karma_eval_options o = options_for(names);
    karma_eval_summary sum;
    karma_model *m = model_at(counting_model("ways/stored", said[0]), "");
    o.use_store = true;
    o.store_path = test_path("ways/three.db");
    for (int again = 0; again < 2; again++) {
        for (int way = 0; way < 3; way++) {
            o.answer_by = way == 1 ? "letters" : NULL;
            o.stop_when_decided = way == 2;
            assert_ok(karma_eval_run(m, &o, NULL, &sum));
            assert_int_equal(sum.n_cached, again ? 3 : 0);
        }
    }
    karma_model_destroy(m);
}

static void a_key_knows_candidates_and_what_stops(void **state) {
    (void)state;
    static const char *const labels[] = {"A", "B"}, *const texts[] = {"one", "two"};
    static const char *const other[] = {"one", "2"};
    unsigned char keys[8][STORE_KEY_BYTES];
    karma_sample s = {.struct_size = sizeof(s), .key = "k", .input = "Which?"};
    const struct stop_rule rule = {"mcqa", labels, texts, 2}, changed = {"mcqa", labels, other, 2};
    const struct stop_rule upstream = {"mcqa_upstream", labels, texts, 2};
    answers_store_key("m", &s, NULL, keys[0]);
    answers_store_key("m", &s, &rule, keys[1]);
    answers_store_key("m", &s, &changed, keys[2]);
    answers_store_key("m", &s, &upstream, keys[3]);
    s.candidates = labels;
    s.n_candidates = 2;
    answers_store_key("m", &s, NULL, keys[4]);
    s.answer_lead = "Final Answer: (";
    answers_store_key("m", &s, NULL, keys[5]);
    s.candidate_texts = true;
    answers_store_key("m", &s, NULL, keys[6]);
    s.key = "k#r1";
    answers_store_key("m", &s, NULL, keys[7]);
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(keys[i], keys[k], STORE_KEY_BYTES);
}

static void what_cannot_be_done_is_told_before_anything_runs(void **state) {
    (void)state;
    char *open_ones = oracle_questions(3);
    const char *const written[] = {write_text("ways/open.jsonl", open_ones), NULL};
    free(open_ones);
    const char *const names[] = {choices("ways/four.jsonl", 4), NULL};
    karma_eval_options o = options_for(names);
    karma_eval_summary sum;
    karma_model *m, *oracle;
    assert_ok(oracle_register());
    assert_ok(karma_model_create("oracle", NULL, &oracle));
    m = model_at(counting_model("ways/refused", said[0]), "");
    o.answer_by = "words";
    assert_status(karma_eval_run(m, &o, NULL, &sum), KARMA_E_USAGE);
    assert_message_contains("expected generation, letters, options");
    o.answer_by = "letters,letters";
    assert_status(karma_eval_run(m, &o, NULL, &sum), KARMA_E_USAGE);
    assert_message_contains("letters is named twice");
    o.answer_by = "letters,";
    assert_status(karma_eval_run(m, &o, NULL, &sum), KARMA_E_USAGE);
    o.answer_by = "letters";
    assert_status(karma_eval_run(oracle, &o, NULL, &sum), KARMA_E_UNSUPPORTED);
    o.answer_by = "all";
    assert_status(karma_eval_run(oracle, &o, NULL, &sum), KARMA_E_UNSUPPORTED);
    o.answer_by = "letters,options";
    o.stop_when_decided = true;
    assert_status(karma_eval_run(m, &o, NULL, &sum), KARMA_E_USAGE);
    o.answer_by = NULL;
    assert_status(karma_eval_run(oracle, &o, NULL, &sum), KARMA_E_UNSUPPORTED);
    o.datasets = written; /* read as a whole */
    assert_status(karma_eval_run(m, &o, NULL, &sum), KARMA_E_USAGE);
    assert_message_contains("no data set of this run");
    o.stop_when_decided = false;
    o.answer_by = "letters";
    assert_status(karma_eval_run(m, &o, NULL, &sum), KARMA_E_USAGE);
    assert_message_contains("no options");
    o.answer_by = NULL;
    o.rotations = true;
    assert_status(karma_eval_run(m, &o, NULL, &sum), KARMA_E_USAGE);
    assert_message_contains("rotations: its questions have no options");
    assert_message_contains(written[0]);
    assert_false(karma_model_is_loaded(m));
    karma_model_destroy(m);
    karma_model_destroy(oracle);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decided_answer_ends_and_scores_the_same),
        cmocka_unit_test(a_thought_decides_nothing),
        cmocka_unit_test(letters_are_compared_and_nothing_is_written),
        cmocka_unit_test(ways_side_by_side_score_as_each_alone),
        cmocka_unit_test(stored_answers_serve_every_run_that_asks_them),
        cmocka_unit_test(all_orders_show_what_a_place_does),
        cmocka_unit_test(ways_have_answers_of_their_own_in_the_store),
        cmocka_unit_test(a_key_knows_candidates_and_what_stops),
        cmocka_unit_test(what_cannot_be_done_is_told_before_anything_runs),
    };
    return run_group("eval/ways", tests);
}
