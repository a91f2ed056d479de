/*
 * test_report_html.c - the report of a run: what is first in it, what is left out and said to be,
 * that texts of samples are text whatever is in them, and what is refused. Runs are made of files
 * written here, so that they hold what no model would say.
 */
#include <sys/stat.h>

#include "base/file.h"
#include "eval/report_html.h"
#include "eval/run_files.h"
#include "karma/karma.h"
#include "tests/support/test.h"

#define SET  "set.jsonl"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* --- runs ------------------------------------------------------------------------------------- */

struct made {
    struct buf log;
    size_t n_scored, n_failed;
};

static void add_scored(struct made *m, const char *key, const char *outcome, double score,
                       const char *content) {
    assert_ok(buf_printf(&m->log,
                         "{\"dataset\": \"" SET "\", \"key\": \"%s\", \"index\": %zu, \"state\": "
                         "\"scored\", \"outcome\": \"%s\", \"scores\": {\"exact_match\": %s}, "
                         "\"prompt_tokens\": 3, \"tokens\": 2, \"prompt_sha256\": \"" HASH
                         "\", \"answer_sha256\": \"" HASH "\"%s}\n",
                         key, m->n_scored + m->n_failed, outcome, score > 0 ? "1.0" : "0.0",
                         content));
    m->n_scored++;
}

static void add_failed(struct made *m, const char *key) {
    assert_ok(buf_printf(&m->log,
                         "{\"dataset\": \"" SET "\", \"key\": \"%s\", \"index\": %zu, \"state\": "
                         "\"failed\", \"error\": \"E_LIMIT\", \"prompt_tokens\": 0, \"tokens\": 0, "
                         "\"prompt_sha256\": \"" HASH "\"}\n",
                         key, m->n_scored + m->n_failed));
    m->n_failed++;
}

static void chain_of(const struct buf *log, struct run_chain *chain) {
    struct arena a = {0};
    struct buf line = {0};
    run_chain_begin(chain);
    for (size_t at = 0; at < log->len;) {
        const size_t len =
            (size_t)((char *)memchr(log->data + at, '\n', log->len - at) - (log->data + at));
        const struct json *o;
        buf_clear(&line);
        assert_ok(json_parse(&a, log->data + at, len, JSON_LAST_WINS, &o));
        assert_ok(run_line_for_chain(o, &line));
        run_chain_add(chain, line.data, line.len);
        arena_reset(&a);
        at += len + 1;
    }
    buf_release(&line);
    arena_release(&a);
}

/* more: members of the data set's result, with a comma in front. Returns the results' path. */
static const char *finish(struct made *m, const char *name, const char *model, const char *more) {
    static char path[512];
    struct run_chain chain;
    struct buf text = {0};
    char file[128];
    chain_of(&m->log, &chain);
    snprintf(file, sizeof(file), "%s.samples.jsonl", name);
    write_file(file, m->log.data, m->log.len);
    assert_ok(buf_printf(&text,
                         "{\"manifest_version\": 1, \"karma_version\": \"0.1.0\", "
                         "\"numerics_version\": 2, \"isa\": \"ref\", \"model\": {\"name\": \"%s\", "
                         "\"identity\": {\"checkpoint\": \"" HASH "\", \"arguments\": "
                         "{\"max_tokens\": 8}}}, \"datasets\": {\"" SET "\": {\"digest\": \"" HASH
                         "\", \"args\": {}, \"n\": %zu}}, \"options\": {}, \"chain\": \"%s\", "
                         "\"samples\": %zu}\n",
                         model, chain.n, chain.hex, chain.n));
    snprintf(file, sizeof(file), "%s.manifest.json", name);
    write_file(file, text.data, text.len);
    buf_clear(&text);
    assert_ok(buf_printf(&text,
                         "{\"" SET "\": {\"metrics\": {\"exact_match\": {\"score\": %s, "
                         "\"num_samples\": %zu, \"standard_error\": 0.05, \"interval_95\": [0.4, "
                         "0.6], \"interval_method\": \"wilson\"}}, \"status\": \"completed\", "
                         "\"task_type\": \"mcqa\", \"dataset_digest\": \"" HASH
                         "\", \"samples_by_state\": {\"scored\": %zu, \"failed\": %zu, "
                         "\"failed_by_code\": {\"E_LIMIT\": %zu}}%s}, \"_summary\": {\"model\": "
                         "\"m\"}}\n",
                         m->n_failed ? "null" : "0.5", m->n_scored, m->n_scored, m->n_failed,
                         m->n_failed, more));
    snprintf(file, sizeof(file), "%s.json", name);
    snprintf(path, sizeof(path), "%s", write_file(file, text.data, text.len));
    buf_release(&text);
    buf_release(&m->log);
    return path;
}

static karma_status report(const char *run, const char *second, int64_t n, bool failed_only,
                           const char *output, karma_report_summary *sum) {
    karma_report_options o = karma_report_defaults();
    o.output = output;
    o.max_samples = n;
    o.failed_only = failed_only;
    return karma_report_write(run, second, &o, sum);
}

static char *page_of(const char *run, int64_t n, bool failed_only, karma_report_summary *sum) {
    const char *output = test_path("page.html");
    assert_ok(report(run, NULL, n, failed_only, output, sum));
    return read_fixture(output, NULL);
}

static void assert_in_order(const char *text, const char *const *parts, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *at = strstr(text, parts[i]);
        if (!at) print_error("not there, or too early: %s\n", parts[i]);
        assert_non_null(at);
        text = at + strlen(parts[i]);
    }
}
#define assert_order(text, ...)                                                                    \
    do {                                                                                           \
        const char *const parts[] = {__VA_ARGS__};                                                 \
        assert_in_order(text, parts, sizeof(parts) / sizeof(parts[0]));                            \
    } while (0)

static const char *small_run(const char *name, double score_of_b) {
    struct made m = {0};
    add_scored(&m, "a-right", "marker", 1, "");
    add_scored(&m, "b-other", "fallback", score_of_b, "");
    add_scored(&m, "c-flagged", "ambiguous", 0, "");
    add_failed(&m, "d-failed");
    add_scored(&m, "e-right", "marker", 1, ", \"flags\": [\"ended_when_decided\"]");
    add_scored(&m, "f-right", "marker", 1, "");
    add_scored(&m, "g-right", "marker", 1, "");
    return finish(&m, name, "a model",
                  ", \"failed_samples\": [{\"key\": \"d-failed\", \"code\": \"E_LIMIT\", "
                  "\"message\": \"too <long>\"}]");
}

/* --- what is in it ---------------------------------------------------------------------------- */

static void failed_and_flagged_samples_come_before_scores_and_others(void **state) {
    (void)state;
    karma_report_summary sum;
    const char *page = page_of(small_run("order", 0), 200, false, &sum);
    assert_int_equal(sum.n_samples, 7);
    assert_int_equal(sum.n_shown, 7);
    assert_order(page, "<html lang=\"en\">", "<h1>Evaluation of a model</h1>",
                 "This is a software evaluation.", "no statement about a medical device",
                 "Weights, SHA-256", HASH, "Failed and flagged samples</h2>",
                 ">1 failed</span> and 1 are flagged", "E_LIMIT", "too &lt;long&gt;", "d-failed",
                 "c-flagged", "Scores</h2>", "Other samples</h2>", "a-right", "b-other", "e-right",
                 "What was run</h2>", "chain of digests over the log (checked)");
    assert_non_null(strstr(page, "no text of prompts, answers and references was kept"));
    assert_null(strstr(page, "Times and host, which"));
    assert_non_null(strstr(page, "Times and host were not kept"));
}

static void what_is_left_out_is_said(void **state) {
    (void)state;
    karma_report_summary sum;
    const char *run = small_run("limits", 0);
    const char *page = page_of(run, 3, false, &sum);
    assert_int_equal(sum.n_shown, 3);
    assert_order(page, "d-failed", "c-flagged", "The others: 5; <strong>4 of them are left out",
                 "a-right");
    assert_null(strstr(page, "b-other"));
    page = page_of(run, 0, false, &sum);
    assert_int_equal(sum.n_shown, 0);
    assert_order(page, "Failed: 1; <strong>1, all left out", "The others: 5; <strong>5, all left");
    page = page_of(run, 200, true, &sum);
    assert_int_equal(sum.n_shown, 2);
    assert_order(page, "d-failed", "c-flagged", "Only failed and flagged samples were asked for");
    page_of(run, -1, false, &sum);
    assert_int_equal(sum.n_shown, 7);
}

static void texts_of_samples_are_text_whatever_is_in_them(void **state) {
    (void)state;
    struct made m = {0};
    karma_report_summary sum;
    add_scored(&m, "k<img src=x>", "marker", 1,
               ", \"input\": \"</div></script><script>alert(1)</script> \\u0000 \\\"q\\\" 'r'\", "
               "\"expected_output\": \"\\u202Edesrever\", \"output\": \"<!-- & ]]> "
               "\\u0007\", \"thinking\": \"<style>*{display:none}</style>\", \"prediction\": "
               "\"\", \"details\": {\"exact_match\": {\"<b>\": 1}}");
    const char *page = page_of(finish(&m, "hostile", "<i>model</i>", ""), 200, false, &sum);
    assert_order(page, "<h1>Evaluation of &lt;i&gt;model&lt;/i&gt;</h1>", "k&lt;img src=x&gt;",
                 "&lt;/div&gt;&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt; \xEF\xBF\xBD "
                 "&quot;q&quot; &#39;r&#39;</dd>",
                 "&lt;style&gt;", "&lt;!-- &amp; ]]&gt; \xEF\xBF\xBD</dd>", "<em>empty</em>",
                 "[U+202E]desrever", "&lt;b&gt;");
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "<img"));
    assert_null(strstr(page, "http:"));
}

static void a_very_long_text_is_cut_and_said_to_be(void **state) {
    (void)state;
    struct made m = {0};
    struct buf text = {0};
    karma_report_summary sum;
    assert_ok(buf_puts(&text, ", \"input\": \"x"));
    for (int i = 0; i < 40000; i++)
        assert_ok(buf_puts(&text, "\xC3\xA9")); /* the limit falls into a character */
    assert_ok(buf_puts(&text, "\""));
    add_scored(&m, "long", "marker", 1, buf_str(&text));
    buf_release(&text);
    const char *page = page_of(finish(&m, "long", "m", ""), 200, false, &sum);
    assert_non_null(strstr(page, "[14,466 more bytes are not shown]"));
    assert_null(strstr(page, "\xEF\xBF\xBD"));
}

static void parts_of_a_result_have_tables_and_plots(void **state) {
    (void)state;
    struct made m = {0};
    karma_report_summary sum;
    add_scored(&m, "a", "marker", 1, ", \"logprobs\": {\"letters\": {\"A\": -0.1, \"B\": -2.3}}");
    add_scored(&m, "b", "marker", 0, ", \"logprobs\": {\"letters\": {\"A\": -0.6, \"B\": -0.8}}");
    const char *run = finish(
        &m, "parts", "m",
        ", \"answer_by\": \"letters\", \"bounds_if_unreadable\": {\"exact_match\": [0.25, 0.75]}, "
        "\"by_slice\": {\"sub&ject\": {\"anatomy\": {\"n\": 30, \"metrics\": {\"exact_match\": "
        "{\"score\": 0.4, \"standard_error\": 0.1, \"interval_95\": [0.2, 0.6], "
        "\"interval_method\": \"wilson\", \"difference_to_rest\": -0.1, "
        "\"difference_interval_95\": [-0.3, 0.1], \"test\": \"two_proportion_z\", \"p\": 0.2, "
        "\"p_holm\": 0.4}}}, \"small\": {\"n\": 2}}}, \"by_slice_about\": {\"minimum_n\": 20}, "
        "\"answer_ways\": {\"letters\": {\"metrics\": {\"exact_match\": {\"score\": 0.5, "
        "\"num_samples\": 2}}, \"scored\": 2, \"failed\": 0}}, "
        "\"position_bias\": {\"chosen\": [3, 1], \"expected\": [2.0, 2.0], \"recall\": [0.5, "
        "null], \"accuracy_by_order\": [1.0, 0.0], \"mean_accuracy\": 0.5, \"p\": 0.3}, "
        "\"counterfactual\": {\"groups\": 9, \"same_answer\": 0.8, \"metrics\": {\"exact_match\": "
        "{\"pairs\": [{\"first\": \"x\", \"second\": \"y\", \"n\": 9, \"difference\": 0.1, "
        "\"interval_95\": [0.0, 0.2], \"test\": \"mcnemar_exact\", \"p\": 0.5, \"p_holm\": "
        "0.5}]}}}");
    const char *page = page_of(run, 200, false, &sum);
    assert_order(page, "<td class=\"n\">0.250 to 0.750</td>", "Ways to have an answer",
                 "How often each place was chosen", "Reliability", "Risk and coverage",
                 "above 0.5 to 0.6", "above 0.9 to 1.0", "exact_match by sub&amp;ject", "anatomy",
                 "\xE2\x88\x92"
                 "0.100",
                 "0.4000", "below the minimum n", "Pairs of variants", "McNemar, exact");
}

/* --- two -------------------------------------------------------------------------------------- */

static void two_runs_show_what_changed_with_both_answers(void **state) {
    (void)state;
    struct made m[2] = {{{0}, 0, 0}, {{0}, 0, 0}};
    char first[512];
    karma_report_summary sum;
    for (int side = 0; side < 2; side++) {
        add_scored(&m[side], "lost", "marker", side == 0,
                   side ? ", \"input\": \"Who?\", \"output\": \"B it is\", \"prediction\": \"B\""
                        : ", \"input\": \"Who?\", \"output\": \"A it is\", \"prediction\": \"A\"");
        add_scored(&m[side], "same", "marker", 1, "");
        add_scored(&m[side], "won", "marker", side == 1, "");
    }
    snprintf(first, sizeof(first), "%s", finish(&m[0], "first", "one", ""));
    const char *second = finish(&m[1], "second", "other", "");
    const char *output = test_path("two.html");
    assert_ok(report(first, second, 200, false, output, &sum));
    assert_int_equal(sum.n_samples, 6);
    const char *page = read_fixture(output, NULL);
    assert_order(page, "<h1>Evaluation of one and other</h1>", "First run", "Second run",
                 "Failed and flagged samples</h2>", "What differs</h2>", "McNemar, exact",
                 "1 right in the first run, wrong in the second", "lost", "Who?", "First run",
                 ">A<", "Second run", ">B<", "1 wrong in the first run, right in the second", "won",
                 "Scores</h2>", SET ", exact_match, first", SET ", exact_match, second");
}

static void a_limit_goes_for_changed_answers_too(void **state) {
    (void)state;
    struct made m[2] = {{{0}, 0, 0}, {{0}, 0, 0}};
    char first[512], key[16];
    karma_report_summary sum;
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < 9; i++) {
            snprintf(key, sizeof(key), "k%d", side ? 8 - i : i); /* in another order */
            add_scored(&m[side], key, "marker", side == 0, "");
        }
    snprintf(first, sizeof(first), "%s", finish(&m[0], "many1", "one", ""));
    const char *output = test_path("many.html");
    assert_ok(report(first, finish(&m[1], "many2", "one", ""), 2, false, output, &sum));
    assert_non_null(strstr(read_fixture(output, NULL),
                           "9 right in the first run, wrong in the second; <strong>7 of them are "
                           "left out"));
    assert_non_null(strstr(read_fixture(output, NULL), "<h1>Evaluation of one, two runs</h1>"));
}

/* --- the file --------------------------------------------------------------------------------- */

static void the_file_is_private_and_made_again_the_same(void **state) {
    (void)state;
    karma_report_summary sum;
    struct stat st;
    const char *run = small_run("again", 0), *output = test_path("again.html");
    assert_ok(report(run, NULL, 200, false, output, &sum));
    assert_int_equal(stat(output, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    char *once = read_fixture(output, NULL);
    assert_ok(report(run, NULL, 200, false, output, &sum)); /* over its own */
    assert_string_equal(read_fixture(output, NULL), once);
}

static void other_peoples_files_and_the_run_itself_are_not_replaced(void **state) {
    (void)state;
    karma_report_summary sum;
    const char *run = small_run("kept", 0), *mine = write_text("mine.html", "<html>mine</html>");
    assert_status(report(run, NULL, 200, false, mine, &sum), KARMA_E_USAGE);
    assert_message_contains("is no report");
    assert_status(report(run, NULL, 200, false, run, &sum), KARMA_E_USAGE);
    assert_status(report(run, NULL, 200, false, test_path("kept.samples.jsonl"), &sum),
                  KARMA_E_USAGE);
    assert_message_contains("cannot be the output");
    assert_status(report(run, NULL, 200, false, NULL, &sum), KARMA_E_USAGE);
    assert_status(report(run, NULL, 200, false, test_path("no/where.html"), &sum), KARMA_E_MISSING);
    assert_string_equal(read_fixture(mine, NULL), "<html>mine</html>");
    karma_report_options o = karma_report_defaults();
    o.output = mine;
    o.force = true;
    assert_ok(karma_report_write(run, NULL, &o, &sum));
    o.struct_size = 1;
    assert_status(karma_report_write(run, NULL, &o, &sum), KARMA_E_ABI);
}

static void files_that_do_not_belong_together_are_refused(void **state) {
    (void)state;
    karma_report_summary sum;
    const char *output = test_path("none.html");
    small_run("one", 0);
    struct made m = {0};
    add_scored(&m, "a", "marker", 1, "");
    const char *run = finish(&m, "two", "m", "");
    size_t len;
    const char *log = read_fixture(test_path("one.samples.jsonl"), &len);
    write_file("two.samples.jsonl", log, len); /* another run's log */
    assert_status(report(run, NULL, 200, false, output, &sum), KARMA_E_DIGEST);
    assert_message_contains("two.samples.jsonl: its 7 lines are not those that the run wrote");
    const char *results = read_fixture(test_path("one.json"), &len);
    struct made again = {0};
    add_scored(&again, "a", "marker", 1, "");
    run = finish(&again, "three", "m", "");
    write_file("three.json", results, len); /* another run's results */
    assert_status(report(run, NULL, 200, false, output, &sum), KARMA_E_DIGEST);
    assert_message_contains("are not of one run");
    assert_status(report(test_path("nothing.json"), NULL, 200, false, output, &sum),
                  KARMA_E_NOTFOUND);
    assert_false(file_exists(output));
}

/* --- memory ----------------------------------------------------------------------------------- */

static karma_status write_again(void *ctx) {
    karma_report_summary sum;
    return report(ctx, NULL, 200, false, test_path("memory.html"), &sum);
}

static void no_memory_is_an_error(void **state) {
    (void)state;
    char run[512];
    snprintf(run, sizeof(run), "%s", small_run("memory", 0));
    assert_true(for_each_failing_allocation(write_again, run) > 0);
}

static void results_are_read_without_the_texts_of_samples(void **state) {
    (void)state;
    struct made m = {0};
    struct run_files *files;
    const struct json *results;
    add_scored(&m, "a", "marker", 1, "");
    const char *run = finish(
        &m, "texts", "m",
        ", \"samples\": [{\"key\": \"a\", \"samples\": [1, {\"x\": \"]}\"}]}], \"by_slice\": "
        "{\"samples\": {\"v\": {\"n\": 1}}}");
    assert_ok(run_files_open(run, &files));
    assert_ok(run_files_results(files, &results));
    const struct json *set = json_get(results, SET);
    assert_null(json_get(set, "samples"));
    assert_non_null(json_get(json_get(set, "by_slice"), "samples")); /* a field of that name */
    assert_non_null(json_get(results, "_summary"));
    run_files_close(files);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(failed_and_flagged_samples_come_before_scores_and_others),
        test_case(what_is_left_out_is_said),
        test_case(texts_of_samples_are_text_whatever_is_in_them),
        test_case(a_very_long_text_is_cut_and_said_to_be),
        test_case(parts_of_a_result_have_tables_and_plots),
        test_case(two_runs_show_what_changed_with_both_answers),
        test_case(a_limit_goes_for_changed_answers_too),
        test_case(the_file_is_private_and_made_again_the_same),
        test_case(other_peoples_files_and_the_run_itself_are_not_replaced),
        test_case(files_that_do_not_belong_together_are_refused),
        test_case(no_memory_is_an_error),
        test_case(results_are_read_without_the_texts_of_samples),
    };
    return run_group("eval/report_html", tests);
}
