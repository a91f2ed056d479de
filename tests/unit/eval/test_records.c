/*
 * test_records.c - what a run leaves behind: the log of samples and its chain, the manifest, and
 * what reads them again; answers made elsewhere; what is told of keys of the store; scoring again
 * without asking.
 */
#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "eval/csv.h"
#include "eval/import.h"
#include "eval/run_files.h"
#include "karma/run.h"
#include "karma/store.h"
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

static void run(const char *args, const char *data, const char *store, const char *output,
                bool content) {
    const char *const names[] = {data, NULL};
    karma_eval_options o = karma_eval_defaults();
    karma_eval_summary sum;
    o.datasets = names;
    o.store_path = store;
    o.output = output;
    o.include_content = content;
    karma_model *m = make_oracle(args);
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    karma_model_destroy(m);
}

static void assert_same_file(const char *a, const char *b) {
    char *x = read_fixture(a, NULL), *y = read_fixture(b, NULL);
    assert_string_equal(x, y);
}

/* --- the log ---------------------------------------------------------------------------------- */

static void the_log_has_a_line_for_each_sample_in_order(void **state) {
    (void)state;
    struct run_files *files;
    struct run_line line;
    const char *out = test_path("order/results.json");
    const char *data = questions("order.jsonl", 9);
    write_text("order/results.json", "");
    run("{\"fault_number\": 4}", data, test_path("order.db"), out, false);
    assert_ok(run_files_open(out, &files));
    for (size_t i = 0; i < 9; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%04zu", i);
        assert_ok(run_files_next(files, &line));
        assert_string_equal(line.key, key);
        assert_int_equal(line.index, i);
        assert_int_equal(line.line_no, i + 1);
        if (line.state == RUN_LINE_FAILED) {
            assert_string_equal(line.error, "E_NONFINITE");
            assert_null(line.answer_sha256);
            continue;
        }
        assert_int_equal(line.state, RUN_LINE_SCORED);
        assert_string_equal(line.outcome, "marker");
        assert_true(json_get(line.scores, "exact_match")->u.real == 1.0);
        assert_int_equal(strlen(line.prompt_sha256), 64);
        assert_int_equal(strlen(line.answer_sha256), 64);
        assert_null(json_get(line.object, "output"));
    }
    assert_int_equal(run_files_next(files, &line), KARMA_DONE);
    run_files_rewind(files);
    assert_ok(run_files_next(files, &line));
    const size_t second = line.text_len + 1;
    assert_ok(run_files_at(files, second, &line));
    assert_string_equal(line.key, "k0001");
    assert_int_equal(line.line_no, 2);
    assert_status(run_files_at(files, second + 1, &line), KARMA_E_RANGE);
    run_files_close(files);
}

static void chain_of(const char *results, char hex[65]) {
    struct run_files *files;
    struct run_line line;
    struct run_chain chain;
    struct buf text = {0};
    karma_status st;
    assert_ok(run_files_open(results, &files));
    run_chain_begin(&chain);
    while ((st = run_files_next(files, &line)) == KARMA_OK) {
        buf_clear(&text);
        assert_ok(run_line_for_chain(line.object, &text));
        run_chain_add(&chain, text.data, text.len);
    }
    assert_int_equal(st, KARMA_DONE);
    assert_string_equal(json_str(json_get(run_files_manifest(files), "chain"), ""), chain.hex);
    memcpy(hex, chain.hex, 65);
    buf_release(&text);
    run_files_close(files);
}

/* Manifests: with content the file of results is another one. */
static void assert_same_but_results(const char *a, const char *b) {
    static const char member[] = "\"results_sha256\": \"";
    char *x = read_fixture(a, NULL), *y = read_fixture(b, NULL);
    char *p = strstr(x, member), *q = strstr(y, member);
    assert_true(p && q && p - x == q - y);
    assert_memory_not_equal(p + sizeof(member) - 1, q + sizeof(member) - 1, 64);
    memset(p + sizeof(member) - 1, '0', 64);
    memset(q + sizeof(member) - 1, '0', 64);
    assert_string_equal(x, y);
}

static void content_is_no_part_of_the_chain(void **state) {
    (void)state;
    char with[65], without[65];
    const char *data = questions("chain.jsonl", 7), *store = test_path("chain.db");
    run("{}", data, store, test_path("without.json"), false);
    run("{}", data, store, test_path("with.json"), true);
    chain_of(test_path("without.json"), without);
    chain_of(test_path("with.json"), with);
    assert_string_equal(with, without);
    assert_same_but_results(test_path("with.manifest.json"), test_path("without.manifest.json"));
    char *log = read_fixture(test_path("with.samples.jsonl"), NULL);
    assert_non_null(strstr(log, "\"output\": \"item-3\""));
    log = read_fixture(test_path("without.samples.jsonl"), NULL);
    assert_null(strstr(log, "item-3"));
}

static bool stop_soon(void *user) {
    return oracle_asked() >= *(const size_t *)user;
}

static void a_resumed_run_leaves_the_same_log_and_manifest(void **state) {
    (void)state;
    const char *const names[] = {questions("resumed.jsonl", 40), NULL};
    karma_eval_options o = karma_eval_defaults();
    karma_eval_summary sum;
    run("{}", names[0], test_path("whole.db"), test_path("whole.json"), false);
    size_t limit = oracle_asked() + 7;
    const karma_eval_events events = {.cancelled = stop_soon, .user = &limit};
    o.datasets = names;
    o.store_path = test_path("parts.db");
    o.output = test_path("parts.json");
    karma_model *m = make_oracle("{\"max_sequences\": 3}");
    assert_status(karma_eval_run(m, &o, &events, &sum), KARMA_E_CANCELLED);
    char *log = read_fixture(test_path("parts.samples.jsonl"), NULL);
    assert_non_null(strstr(log, "\"state\": \"not_run\""));
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    karma_model_destroy(m);
    assert_same_file(test_path("parts.samples.jsonl"), test_path("whole.samples.jsonl"));
    assert_same_file(test_path("parts.json"), test_path("whole.json"));
    chain_of(test_path("parts.json"), (char[65]){0});
}

static size_t temporaries_in(const char *folder) {
    struct arena a = {0};
    const char *const *names;
    size_t count, n = 0;
    assert_ok(file_list(&a, folder, &names, &count));
    for (size_t i = 0; i < count; i++)
        n += strncmp(names[i], ".karma-", 7) == 0;
    arena_release(&a);
    return n;
}

/* The log is begun with the first data set, and the run dies within the second. */
static void what_a_killed_run_left_is_gone_after_the_next(void **state) {
    (void)state;
    assert_ok(file_make_folders(test_path("killed"), 0700));
    const char *out = test_path("killed/results.json"), *page = test_path("killed/page.html");
    const char *second =
        write_text("killed2.jsonl", "{\"id\": \"z\", \"question\": \"The end of 5?\", "
                                    "\"answer\": \"item-5\"}\n");
    const char *const names[] = {questions("killed1.jsonl", 3), second, NULL};
    karma_eval_options o = karma_eval_defaults();
    karma_eval_summary sum;
    o.datasets = names;
    o.store_path = test_path("killed/store.db");
    o.output = out;
    o.samples_page = page;
    karma_model *m = make_oracle("{}");
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        oracle_dies_with("The end");
        (void)karma_eval_run(m, &o, NULL, &sum);
        _exit(0);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    assert_int_equal(temporaries_in(test_path("killed")), 2);
    assert_false(file_exists(out));
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    karma_model_destroy(m);
    assert_int_equal(temporaries_in(test_path("killed")), 0);
    chain_of(out, (char[65]){0});
}

static void says_what_is_wrong_with_files_that_are_no_run(void **state) {
    (void)state;
    struct run_files *files;
    struct run_line line;
    assert_status(run_files_open(test_path("nowhere.json"), &files), KARMA_E_NOTFOUND);
    const char *old = write_text("old.json", "{\"_summary\": {}}\n");
    assert_status(run_files_open(old, &files), KARMA_E_MISSING);
    assert_message_contains("old.manifest.json");
    write_text("old.manifest.json", "{\"manifest_version\": 2}");
    write_text("old.samples.jsonl", "");
    assert_status(run_files_open(old, &files), KARMA_E_VERSION);
    write_text("old.manifest.json", "{\"manifest_version\": 1}");
    static const struct {
        const char *text, *message;
        karma_status status;
    } cases[] = {
        {"{\"dataset\": \"d\"\n", "line 1", KARMA_E_SYNTAX},
        {"[]\n", "expected an object", KARMA_E_TYPE},
        {"{\"dataset\": \"d\", \"key\": \"k\", \"index\": -1, \"state\": \"scored\"}\n", "index",
         KARMA_E_RANGE},
        {"{\"dataset\": \"d\", \"key\": \"k\", \"index\": 0, \"state\": \"lost\"}\n", "state",
         KARMA_E_RANGE},
        {"{\"dataset\": \"d\", \"key\": \"k\", \"index\": 0, \"state\": \"failed\"}\n", "error",
         KARMA_E_MISSING},
        {"{\"dataset\": \"d\", \"key\": \"k\", \"index\": 0, \"state\": \"scored\", "
         "\"outcome\": \"marker\"}\n",
         "scores", KARMA_E_MISSING},
        {"{\"dataset\": \"d\", \"key\": \"k\", \"index\": 0, \"state\": \"not_run\"}", "line 1",
         KARMA_E_TRUNCATED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_text("old.samples.jsonl", cases[i].text);
        assert_ok(run_files_open(old, &files));
        assert_status(run_files_next(files, &line), cases[i].status);
        assert_message_contains("old.samples.jsonl: line 1");
        assert_message_contains(cases[i].message);
        run_files_close(files);
    }
}

/* --- verify ----------------------------------------------------------------------------------- */

static karma_verify_summary verify(const char *results, int64_t n) {
    karma_verify_options o = karma_verify_defaults();
    karma_verify_summary s;
    o.n = n;
    assert_ok(karma_verify_run(results, &o, NULL, &s));
    return s;
}

static void an_untouched_run_is_verified(void **state) {
    (void)state;
    const char *out = test_path("same.json");
    run("{}", questions("same.jsonl", 30), test_path("same.db"), out, false);
    karma_verify_summary s = verify(out, 12);
    assert_true(s.log_is_whole && s.results_are_whole);
    assert_int_equal(s.n_samples, 30);
    assert_int_equal(s.n_checked, 12);
    assert_int_equal(s.n_differences + s.n_mismatches, 0);
    s = verify(out, 0);
    assert_int_equal(s.n_checked, 30);
    assert_int_equal(s.n_mismatches, 0);
}

/* Replace a text in a file by another of any length. */
static void edit(const char *path, const char *from, const char *to) {
    char *text = read_fixture(path, NULL), *at = strstr(text, from);
    struct buf b = {0};
    assert_non_null(at);
    assert_ok(buf_append(&b, text, (size_t)(at - text)));
    assert_ok(buf_puts(&b, to));
    assert_ok(buf_puts(&b, at + strlen(from)));
    assert_ok(file_write_atomic(path, b.data, b.len, 0600));
    buf_release(&b);
}

static void an_edited_log_is_noticed(void **state) {
    (void)state;
    const char *out = test_path("edited.json");
    run("{}", questions("edited.jsonl", 5), test_path("edited.db"), out, false);
    edit(test_path("edited.samples.jsonl"), "\"exact_match\": 1.0", "\"exact_match\": 0.0");
    const karma_verify_summary s = verify(out, 5);
    assert_false(s.log_is_whole);
    assert_true(s.results_are_whole);
    assert_int_equal(s.n_mismatches, 0);
}

static void edited_results_are_noticed_in_each_format(void **state) {
    (void)state;
    static const char *const formats[] = {"json", "yaml", "csv"};
    static const char *const scores[] = {"\"score\": 1.0", "score: 1.0", ",1.0,"};
    static const char *const wrong[] = {"\"score\": 0.9", "score: 0.9", ",0.9,"};
    const char *const names[] = {questions("numbers.jsonl", 5), NULL};
    karma_model *m = make_oracle("{}");
    for (int i = 0; i < 3; i++) {
        karma_eval_options o = karma_eval_defaults();
        karma_eval_summary sum;
        o.datasets = names;
        o.use_store = false;
        o.format = formats[i];
        o.output = test_path("numbers.out");
        assert_ok(karma_eval_run(m, &o, NULL, &sum));
        assert_true(verify(o.output, 1).results_are_whole);
        edit(o.output, scores[i], wrong[i]);
        const karma_verify_summary s = verify(o.output, 1);
        assert_false(s.results_are_whole);
        assert_true(s.log_is_whole);
        assert_int_equal(s.n_differences + s.n_mismatches, 0);
        assert_non_null(strstr(s.report_json, "\"results\": \"differ from their digest\""));
        assert_int_equal(unlink(o.output), 0);
    }
    karma_model_destroy(m);
}

static void edited_data_are_noticed_by_digest_and_by_sample(void **state) {
    (void)state;
    const char *out = test_path("data.json"), *data = questions("data.jsonl", 6);
    run("{}", data, test_path("data.db"), out, false);
    edit(data, "Name of 2?", "Name of 7?");
    const karma_verify_summary s = verify(out, 0);
    assert_int_equal(s.n_differences, 1);
    assert_int_equal(s.n_mismatches, 1);
    assert_int_equal(s.n_checked, 5);
    assert_non_null(strstr(s.report_json, ".digest"));
    assert_non_null(strstr(s.report_json, "\"what\": \"prompt\""));
    assert_non_null(strstr(s.report_json, "\"k0002\""));
}

static void an_answer_that_fails_now_is_noticed(void **state) {
    (void)state;
    const char *out = test_path("model.json");
    run("{}", questions("model.jsonl", 8), test_path("model.db"), out, false);
    edit(test_path("model.manifest.json"), "\"fault_number\": 0", "\"fault_number\": 4");
    const karma_verify_summary s = verify(out, 0);
    assert_int_equal(s.n_mismatches, 1);
    assert_non_null(strstr(s.report_json, "\"what\": \"E_NONFINITE\""));
}

static void another_answer_is_noticed(void **state) {
    (void)state;
    const char *out = test_path("other.json");
    run("{}", questions("other.jsonl", 8), test_path("other.db"), out, false);
    char *log = read_fixture(test_path("other.samples.jsonl"), NULL), digest[65] = "";
    memcpy(digest, strstr(log, "\"answer_sha256\": \"") + 18, 64);
    edit(test_path("other.samples.jsonl"), digest,
         "00000000000000000000000000000000"
         "00000000000000000000000000000000");
    const karma_verify_summary s = verify(out, 0);
    assert_false(s.log_is_whole);
    assert_int_equal(s.n_mismatches, 1);
    assert_non_null(strstr(s.report_json, "\"what\": \"answer\""));
}

/* --- import ----------------------------------------------------------------------------------- */

static karma_status import(const char *data, const char *answers, const char *missing,
                           const char *output, karma_eval_summary *sum) {
    const char *const names[] = {data, NULL};
    karma_eval_options o = karma_eval_defaults();
    o.datasets = names;
    o.output = output;
    o.answers = answers;
    o.answers_model = "some/api";
    o.missing_answers = missing;
    return karma_eval_run(NULL, &o, NULL, sum);
}

/* The results are lent until the next run. */
static void forget_results(void) {
    karma_eval_options o = karma_eval_defaults();
    karma_eval_summary sum;
    o.max_samples = -1;
    assert_true(karma_eval_run(NULL, &o, NULL, &sum) < 0);
}

static void answers_made_elsewhere_are_scored_like_ours(void **state) {
    (void)state;
    karma_eval_summary sum;
    const char *data = questions("im.jsonl", 4);
    const char *answers =
        write_text("im.answers.jsonl", "{\"id\": \"k0000\", \"text\": \"item-0\"}\n"
                                       "{\"key\": \"k0002\", \"output\": \"item-2\"}\r\n"
                                       "\n"
                                       "{\"id\": \"k0001\", \"text\": \"item-\", "
                                       "\"finish_reason\": \"length\"}\n"
                                       "{\"id\": \"k0003\", \"text\": \"item-3\"}");
    const size_t asked = oracle_asked();
    assert_ok(import(data, answers, NULL, test_path("im.json"), &sum));
    assert_int_equal(sum.n_scored, 4);
    assert_int_equal(oracle_asked(), asked);
    assert_non_null(strstr(sum.results_json, "\"score\": 0.75"));
    assert_non_null(strstr(sum.results_json, "\"cut_by_limit\": 1"));
    assert_non_null(strstr(sum.results_json, "\"model\": \"some/api\""));
    char *manifest = read_fixture(test_path("im.manifest.json"), NULL);
    assert_non_null(strstr(manifest, "\"imported\": true"));
    assert_non_null(strstr(manifest, "\"answers_sha256\": \""));
    const karma_verify_summary s = verify(test_path("im.json"), 0);
    assert_int_equal(s.n_checked + s.n_differences + s.n_mismatches, 0);
}

static void missing_answers_are_errors_failures_or_excluded(void **state) {
    (void)state;
    karma_eval_summary sum;
    const char *data = questions("mi.jsonl", 3), *out = test_path("mi.json");
    const char *answers =
        write_text("mi.answers.jsonl", "{\"id\": \"k0001\", \"text\": \"item-1\"}");
    assert_status(import(data, answers, NULL, out, &sum), KARMA_E_MISSING);
    assert_message_contains("k0000");
    assert_message_contains("1 more");
    assert_ok(import(data, answers, "fail", out, &sum));
    assert_int_equal(sum.n_failed, 2);
    assert_non_null(strstr(sum.results_json, "\"E_MISSING\": 2"));
    assert_ok(import(data, answers, "exclude", out, &sum));
    assert_int_equal(sum.n_samples, 1);
    assert_int_equal(sum.n_scored, 1);
    assert_non_null(strstr(sum.results_json, "\"excluded\": 2"));
    assert_non_null(strstr(sum.results_json, "\"score\": 1.0"));
    assert_status(import(data, answers, "ignore", out, &sum), KARMA_E_USAGE);
}

static void wrong_rows_of_answers_are_told_by_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
        karma_status status;
    } cases[] = {
        {"{\"id\": \"k0000\", \"text\": \"a\"}\n{\"id\": \"k0000\", \"text\": \"b\"}\n", "line 2",
         KARMA_E_DUPLICATE},
        {"{\"id\": \"k0000\", \"text\": \"a\"}\n{\"id\": \"k9\", \"text\": \"b\"}\n", "line 2: id",
         KARMA_E_RANGE},
        {"{\"text\": \"a\"}\n", "line 1: id", KARMA_E_MISSING},
        {"{\"id\": \"k0000\"}\n", "line 1: text", KARMA_E_MISSING},
        {"{\"id\": [], \"text\": \"a\"}\n", "line 1: id", KARMA_E_TYPE},
        {"{\"id\": \"k0000\", \"text\": 5}\n", "text", KARMA_E_TYPE},
        {"{\"id\": \"k0000\", \"text\": \"a\\u0000b\"}\n", "NUL", KARMA_E_RANGE},
        {"{\"id\": \"k0000\", \"text\": \"a\"\n", "line 1", KARMA_E_SYNTAX},
        {"\n\n", "no answer", KARMA_E_MISSING},
    };
    karma_eval_summary sum;
    const char *data = questions("wr.jsonl", 1), *out = test_path("wr.json");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *answers = write_text("wr.answers.jsonl", cases[i].text);
        assert_status(import(data, answers, NULL, out, &sum), cases[i].status);
        assert_message_contains(cases[i].message);
    }
    assert_status(import(data, data, NULL, data, &sum), KARMA_E_USAGE);
}

/* --- the store -------------------------------------------------------------------------------- */

static void tells_which_field_made_two_keys_differ(void **state) {
    (void)state;
    char *json;
    const char *data = questions("why.jsonl", 3), *store = test_path("why.db");
    run("{}", data, store, test_path("why.json"), false);
    run("{\"fault_number\": 5}", data, store, test_path("why.json"), false);
    edit(data, "Name of 1?", "The name of 1?");
    run("{}", data, store, test_path("why.json"), false);
    assert_ok(karma_store_explain(store, NULL, data, "k0001", &json));
    assert_non_null(strstr(json, "\"field\": \"model.arguments.fault_number\""));
    assert_non_null(strstr(json, "\"field\": \"sample.input\""));
    assert_null(strstr(json, "The name"));
    karma_free(json);
    assert_ok(karma_store_explain(store, NULL, data, "k0002", &json));
    assert_null(strstr(json, "\"field\": \"sample.input\""));
    const char *at = strstr(json, "\"key\": \"") + 8;
    char key[13] = "";
    memcpy(key, at, 12);
    karma_free(json);
    assert_ok(karma_store_explain(store, key, NULL, NULL, &json));
    assert_non_null(strstr(json, "\"sample\": \"k0002\""));
    karma_free(json);
    assert_status(karma_store_explain(store, "abc", NULL, NULL, &json), KARMA_E_USAGE);
    assert_status(karma_store_explain(store, "0000000000", NULL, NULL, &json), KARMA_E_NOTFOUND);
    assert_status(karma_store_explain(store, NULL, data, "k7", &json), KARMA_E_NOTFOUND);
    assert_status(karma_store_explain(test_path("no.db"), key, NULL, NULL, &json),
                  KARMA_E_NOTFOUND);
    assert_false(file_exists(test_path("no.db")));
}

static void clears_out_what_was_named_and_nothing_else(void **state) {
    (void)state;
    char *json;
    const char *first = questions("gc1.jsonl", 5), *second = questions("gc2.jsonl", 4);
    const char *store = test_path("gc.db");
    run("{}", first, store, test_path("gc.json"), false);
    run("{\"fault_number\": 4}", second, store, test_path("gc.json"), false);
    karma_store_gc_options o = karma_store_gc_defaults();
    assert_status(karma_store_gc(store, &o, &json), KARMA_E_USAGE);
    o.dataset = first;
    assert_ok(karma_store_gc(store, &o, &json));
    assert_non_null(strstr(json, "\"matched\": 5"));
    assert_non_null(strstr(json, "\"removed\": 0"));
    assert_non_null(strstr(json, "\"remaining\": 9"));
    karma_free(json);
    o.apply = true;
    assert_ok(karma_store_gc(store, &o, &json));
    assert_non_null(strstr(json, "\"removed\": 5"));
    assert_non_null(strstr(json, "\"remaining\": 4"));
    karma_free(json);
    size_t len;
    char *bytes = read_fixture(store, &len);
    assert_null(memmem(bytes, len, "gc1.jsonl", 9)); /* overwritten, not only unlinked */
    o = karma_store_gc_defaults();
    o.failed = o.apply = true;
    assert_ok(karma_store_gc(store, &o, &json));
    assert_non_null(strstr(json, "\"removed\": 1"));
    karma_free(json);
    assert_ok(karma_store_stat(store, &json));
    assert_non_null(strstr(json, "\"answers\": 3"));
    assert_non_null(strstr(json, "\"failed\": 0"));
    assert_non_null(strstr(json, "\"identities\": 1"));
    karma_free(json);
}

/* Another metric is another reading of what is stored: the model is asked nothing. */
static void another_metric_scores_again_from_the_store(void **state) {
    (void)state;
    const char *data = questions("again.jsonl", 6);
    const char *const names[] = {data, NULL};
    karma_eval_options o = karma_eval_defaults();
    karma_eval_summary sum;
    run("{}", data, test_path("again.db"), test_path("again.json"), false);
    const size_t asked = oracle_asked();
    o.datasets = names;
    o.store_path = test_path("again.db");
    o.output = test_path("again.json");
    o.metric_args_json = "{\"exact_match\": {\"ignore_case\": false}}";
    karma_model *m = make_oracle("{}");
    assert_ok(karma_eval_run(m, &o, NULL, &sum));
    assert_int_equal(oracle_asked(), asked);
    assert_int_equal(sum.n_cached, 6);
    karma_model_destroy(m);
}

static bool silent; /* a model that has no answer any more */

static karma_status load_witness(karma_model *m) {
    (void)m;
    return silent ? KARMA_E_UNSUPPORTED : KARMA_OK;
}

static karma_status run_witness(karma_model *m, const karma_run_io *io) {
    (void)m;
    karma_status st = silent ? KARMA_E_UNSUPPORTED : KARMA_OK;
    while (st == KARMA_OK) {
        const karma_sample *sample;
        karma_output o = {.struct_size = sizeof(o), .finish_reason = KARMA_FINISH_STOP};
        st = io->next(io->user, &sample);
        if (st != KARMA_OK) break;
        o.key = sample->key;
        o.text = o.raw_text = "I think so. Final Answer: Blue";
        st = io->put(io->user, &o);
    }
    return st == KARMA_DONE ? KARMA_OK : st;
}

static const karma_model_class witness_class = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "Witness",
    .help = "answers until it is silent; fails when it is asked then",
    .load = load_witness,
    .run = run_witness,
};

static karma_model *make_witness(void) {
    const karma_model_meta meta = {
        .name = "witness", .loader_class = "Witness", .model_type = KARMA_TEXT_GENERATION};
    karma_model *m;
    if (!karma_is_registered("witness")) {
        assert_ok(karma_register_model_class(&witness_class));
        assert_ok(karma_register_model_meta(&meta));
    }
    assert_ok(karma_model_create("witness", "{}", &m));
    return m;
}

static double score_of(const karma_eval_summary *sum, const char *metric) {
    struct arena a = {0};
    const struct json *results;
    assert_ok(
        json_parse(&a, sum->results_json, strlen(sum->results_json), JSON_LAST_WINS, &results));
    const struct json *all = json_get(results->u.object.members[0].value, "metrics");
    const struct json *score = json_get(json_get(all, metric), "score");
    assert_true(score && score->type == JSON_REAL);
    const double value = score->u.real;
    arena_release(&a);
    return value;
}

/* Each time with a model made anew: none is loaded as long as all answers are there. */
static karma_status witness_run(const char *description, const char *metric_args,
                                karma_eval_summary *sum) {
    const char *const names[] = {description, NULL};
    karma_eval_options o = karma_eval_defaults();
    o.datasets = names;
    o.metric_args_json = metric_args;
    o.store_path = test_path("witness.db");
    o.output = test_path("witness.json");
    karma_model *m = make_witness();
    const karma_status st = karma_eval_run(m, &o, NULL, sum);
    karma_model_destroy(m);
    return st;
}

static void another_extraction_rule_and_metric_score_again_with_a_model_that_fails(void **state) {
    (void)state;
    static const char form[] = "name: %s\nkind: question_answer\npath: %s\n"
                               "extraction: %s\nmetrics: [exact_match%s]\n";
    const char *data = write_text(
        "witness.jsonl", "{\"id\": \"a\", \"question\": \"The sky?\", \"answer\": \"blue\"}\n"
                         "{\"id\": \"b\", \"question\": \"The sea?\", \"answer\": \"Blue\"}\n");
    karma_eval_summary sum;
    char text[1024];
    silent = false;
    snprintf(text, sizeof(text), form, "ours/colours", data, "strip", "");
    const char *description = write_text("witness.yaml", text);
    assert_ok(witness_run(description, NULL, &sum));
    assert_true(score_of(&sum, "exact_match") == 0.0);
    silent = true;
    snprintf(text, sizeof(text), form, "ours/colours", data, "final_answer", "");
    write_text("witness.yaml", text);
    assert_ok(witness_run(description, "{\"exact_match\": {\"ignore_case\": true}}", &sum));
    assert_int_equal(sum.n_cached, 2);
    assert_true(score_of(&sum, "exact_match") == 1.0);
    assert_ok(witness_run(description, "{\"exact_match\": {\"ignore_case\": false}}", &sum));
    assert_true(score_of(&sum, "exact_match") == 0.5);
    snprintf(text, sizeof(text), form, "ours/colours", data, "final_answer", ", f1");
    write_text("witness.yaml", text);
    assert_ok(witness_run(description, NULL, &sum));
    assert_true(score_of(&sum, "f1") > 0.0);
    write_text("witness.jsonl", "{\"id\": \"a\", \"question\": \"Sky?\", \"answer\": \"blue\"}\n");
    assert_status(witness_run(description, NULL, &sum), KARMA_E_UNSUPPORTED);
    silent = false;
}

/* --- export ----------------------------------------------------------------------------------- */

static void exports_without_texts_unless_asked(void **state) {
    (void)state;
    size_t n;
    run("{}", questions("ex.jsonl", 5), test_path("ex.db"), test_path("ex.json"), true);
    karma_export_options o = karma_export_defaults();
    o.results = test_path("ex.json");
    o.output = test_path("ex.csv");
    assert_ok(karma_export(&o, &n));
    assert_int_equal(n, 5);
    char *text = read_fixture(o.output, NULL);
    assert_non_null(strstr(text, "score.exact_match"));
    assert_non_null(strstr(text, "k0003"));
    assert_null(strstr(text, "item-3"));
    assert_status(karma_export(&o, &n), KARMA_E_USAGE);
    o.force = o.include_content = true;
    assert_ok(karma_export(&o, &n));
    assert_non_null(strstr(read_fixture(o.output, NULL), "item-3"));
    o.output = test_path("ex.out.jsonl");
    o.include_content = false;
    assert_ok(karma_export(&o, &n));
    assert_null(strstr(read_fixture(o.output, NULL), "item-3"));
    o.results = NULL;
    o.store = test_path("ex.db");
    assert_ok(karma_export(&o, &n));
    assert_int_equal(n, 5);
    assert_null(strstr(read_fixture(o.output, NULL), "item-3"));
    o.include_content = true;
    assert_ok(karma_export(&o, &n));
    assert_non_null(strstr(read_fixture(o.output, NULL), "\"output\": \"item-3\""));
    o.output = o.store;
    assert_status(karma_export(&o, &n), KARMA_E_USAGE);
}

static void cells_that_a_spreadsheet_would_compute_are_marked(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"plain", "plain,"},    {"=1+1", "'=1+1,"},
        {"+49 30", "'+49 30,"}, {"-0.25", "-0.25,"},
        {"-a", "'-a,"},         {"@sum", "'@sum,"},
        {"a,b", "\"a,b\","},    {"=a\"b", "\"'=a\"\"b\","},
        {"\ttab", "'\ttab,"},   {"", ","},
    };
    struct buf b = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        buf_clear(&b);
        assert_ok(csv_put(&b, cases[i][0], false, ','));
        assert_string_equal(buf_str(&b), cases[i][1]);
    }
    buf_clear(&b);
    assert_ok(csv_put(&b, "=1+1", true, '\n'));
    assert_string_equal(buf_str(&b), "=1+1\n");
    buf_release(&b);
}

/* --- memory ends ------------------------------------------------------------------------------ */

static karma_status verify_attempt(void *ctx) {
    karma_verify_options o = karma_verify_defaults();
    karma_verify_summary s;
    o.n = 2;
    karma_status st = karma_verify_run(ctx, &o, NULL, &s);
    if (st < 0) return st;
    mem_fail_at(0); /* what follows is not the attempt: the report is lent until the next call */
    assert_true(karma_verify_run("nowhere", &o, NULL, &s) < 0);
    return st;
}

static karma_status import_attempt(void *ctx) {
    karma_eval_summary sum;
    const char *const *paths = ctx;
    karma_status st = import(paths[0], paths[1], "fail", paths[2], &sum);
    if (st < 0) return st;
    mem_fail_at(0);
    forget_results();
    return st;
}

static karma_status export_attempt(void *ctx) {
    karma_export_options o = karma_export_defaults();
    size_t n;
    const char *const *paths = ctx;
    o.results = paths[0];
    o.output = paths[1];
    o.force = true;
    return karma_export(&o, &n);
}

static karma_status explain_attempt(void *ctx) {
    const char *const *paths = ctx;
    char *json;
    karma_status st = karma_store_explain(paths[2], NULL, paths[0], "k0001", &json);
    if (st == KARMA_OK) karma_free(json);
    return st;
}

static void every_failing_allocation_is_reported(void **state) {
    (void)state;
    const char *data = questions("fail.jsonl", 4), *out = test_path("fail.json");
    run("{}", data, test_path("fail.db"), out, false);
    forget_results();
    assert_ok(verify_attempt((void *)out));
    assert_true(for_each_failing_allocation(verify_attempt, (void *)out) > 50);
    const char *exported[] = {out, test_path("fail.csv")};
    assert_ok(export_attempt(exported));
    assert_true(for_each_failing_allocation(export_attempt, exported) > 20);
    const char *answers =
        write_text("fail.answers.jsonl", "{\"id\": \"k0001\", \"text\": \"x\"}\n");
    const char *paths[] = {data, answers, test_path("fail.import.json")};
    assert_ok(import_attempt(paths));
    assert_true(for_each_failing_allocation(import_attempt, paths) > 50);
    paths[2] = test_path("fail.db");
    assert_ok(explain_attempt(paths));
    assert_true(for_each_failing_allocation(explain_attempt, paths) > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_has_a_line_for_each_sample_in_order),
        cmocka_unit_test(content_is_no_part_of_the_chain),
        cmocka_unit_test(a_resumed_run_leaves_the_same_log_and_manifest),
        cmocka_unit_test(what_a_killed_run_left_is_gone_after_the_next),
        cmocka_unit_test(says_what_is_wrong_with_files_that_are_no_run),
        cmocka_unit_test(an_untouched_run_is_verified),
        cmocka_unit_test(an_edited_log_is_noticed),
        cmocka_unit_test(edited_results_are_noticed_in_each_format),
        cmocka_unit_test(edited_data_are_noticed_by_digest_and_by_sample),
        cmocka_unit_test(an_answer_that_fails_now_is_noticed),
        cmocka_unit_test(another_answer_is_noticed),
        cmocka_unit_test(answers_made_elsewhere_are_scored_like_ours),
        cmocka_unit_test(missing_answers_are_errors_failures_or_excluded),
        cmocka_unit_test(wrong_rows_of_answers_are_told_by_line),
        cmocka_unit_test(tells_which_field_made_two_keys_differ),
        cmocka_unit_test(clears_out_what_was_named_and_nothing_else),
        cmocka_unit_test(another_metric_scores_again_from_the_store),
        cmocka_unit_test(another_extraction_rule_and_metric_score_again_with_a_model_that_fails),
        cmocka_unit_test(exports_without_texts_unless_asked),
        cmocka_unit_test(cells_that_a_spreadsheet_would_compute_are_marked),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };
    return run_group("eval/records", tests);
}
