/*
 * test_vqa.c - questions on pictures through whole runs: what is seen meets its reference, closed
 * and open questions are told apart, answers are stored by the picture, failures have bounds, the
 * page of samples shows nothing but texts. The model is that of tests/support/plugins/viewer.c: it
 * sees what is written in the file.
 */
#include "tests/support/test.h"

#include <sys/stat.h>

#include "base/json.h"
#include "karma/karma.h"
#include "tests/support/plugins/viewer.c"

static const char signature[] = "\x89PNG\r\n\x1A\n";

static void picture(const char *name, const char *shown) {
    char bytes[512];
    memcpy(bytes, signature, SIGNATURE_BYTES);
    memcpy(bytes + SIGNATURE_BYTES, shown, strlen(shown));
    write_file(name, bytes, SIGNATURE_BYTES + strlen(shown));
}

static karma_model *make_viewer(const char *args) {
    const karma_model_class *known;
    karma_model *m;
    if (karma_find_model_class("Viewer", &known) < 0)
        assert_ok(karma_register_model_class(&viewer_class));
    if (!karma_is_registered("viewer")) assert_ok(karma_register_model_meta(&viewer_meta));
    assert_ok(karma_model_create("viewer", args, &m));
    return m;
}

struct trial {
    const char *model_args, *dataset_args, *metric_args, *format, *page;
    karma_status status;
    bool with_content, force;
};

/* Results as text, lent until the process ends. */
static char *run_trial(const char *dataset, const char *store, const struct trial *t,
                       karma_eval_summary *sum) {
    const char *const names[] = {dataset, NULL};
    karma_eval_options o = karma_eval_defaults();
    karma_model *m = make_viewer(t->model_args ? t->model_args : "{}");
    o.datasets = names;
    o.store_path = store;
    o.use_store = store != NULL;
    o.output = test_path("results.json");
    o.format = t->format;
    o.dataset_args_json = t->dataset_args;
    o.metric_args_json = t->metric_args;
    o.include_content = t->with_content;
    o.samples_page = t->page;
    o.force = t->force;
    assert_status(karma_eval_run(m, &o, NULL, sum), t->status);
    karma_model_destroy(m);
    return t->status == KARMA_OK ? read_fixture(o.output, NULL) : NULL;
}

/* Two closed ones, one of them wrong; two open ones, one half right. */
static const char *four_questions(void) {
    picture("yes.png", "Yes");
    picture("lung.png", "left lung");
    return write_text("four.jsonl",
                      "{\"id\": \"a\", \"image\": \"yes.png\", \"question\": \"Seen?\", "
                      "\"answer\": \"yes\"}\n"
                      "{\"id\": \"b\", \"image\": \"lung.png\", \"question\": \"Where?\", "
                      "\"answer\": \"left lung\"}\n"
                      "{\"id\": \"c\", \"image\": \"yes.png\", \"question\": \"Not?\", "
                      "\"answer\": \"no\"}\n"
                      "{\"id\": \"d\", \"image\": \"lung.png\", \"question\": \"What?\", "
                      "\"answer\": \"lung\"}\n");
}

static const struct json *parse(struct arena *a, const char *text) {
    const struct json *j;
    assert_ok(json_parse(a, text, strlen(text), JSON_REJECT_DUPLICATES, &j));
    return j;
}

static double score_in(const struct json *o, const char *metric) {
    const struct json *score = json_get(json_get(json_get(o, "metrics"), metric), "score");
    assert_non_null(score);
    return score->type == JSON_REAL ? score->u.real : -1;
}

static int64_t count_in(const struct json *o, const char *name) {
    const struct json *n = json_get(o, name);
    return n ? n->u.integer : -1;
}

static void closed_and_open_questions_are_told_apart(void **state) {
    (void)state;
    karma_eval_summary sum;
    struct arena a = {0};
    const char *path = four_questions();
    const struct json *all = parse(&a, run_trial(path, NULL, &(struct trial){0}, &sum));
    const struct json *result = json_get(all, path);
    assert_int_equal(sum.n_scored, 4);
    assert_true(score_in(result, "exact_match") == 0.5);
    assert_float_equal(score_in(result, "tokenised_f1"), (1 + 1 + 0 + 2.0 / 3) / 4, 1e-12);
    const struct json *parts = json_get(result, "by_answer_type");
    assert_int_equal(json_count(parts), 2);
    assert_string_equal(parts->u.object.members[0].key, "closed");
    const struct json *closed = json_get(parts, "closed"), *open = json_get(parts, "open");
    assert_true(score_in(closed, "exact_match") == 0.5);
    assert_true(score_in(closed, "tokenised_f1") == 0.5);
    assert_true(score_in(open, "exact_match") == 0.5);
    assert_float_equal(score_in(open, "tokenised_f1"), (1 + 2.0 / 3) / 2, 1e-12);
    assert_int_equal(count_in(closed, "scored"), 2);
    assert_int_equal(count_in(open, "scored"), 2);
    assert_int_equal(count_in(open, "failed"), 0);
    assert_int_equal(count_in(json_get(json_get(open, "metrics"), "exact_match"), "num_samples"),
                     2);
    arena_release(&a);
    char *csv = run_trial(path, NULL, &(struct trial){.format = "csv", .force = true}, &sum);
    assert_non_null(strstr(csv, ",vqa,exact_match,0.5,4,completed\n"));
    assert_non_null(strstr(csv, ",vqa,exact_match:closed,0.5,2,completed\n"));
    assert_non_null(strstr(csv, ",vqa,tokenised_f1:open,0.8333333333333333,2,completed\n"));
}

static void metric_arguments_hold_for_the_parts(void **state) {
    (void)state;
    karma_eval_summary sum;
    struct arena a = {0};
    const char *path = four_questions();
    const struct trial t = {.metric_args = "{\"exact_match\": {\"ignore_case\": false}}"};
    const struct json *all = parse(&a, run_trial(path, NULL, &t, &sum));
    const struct json *parts = json_get(json_get(all, path), "by_answer_type");
    assert_true(score_in(json_get(parts, "closed"), "exact_match") == 0);
    arena_release(&a);
}

static void too_many_parts_are_refused(void **state) {
    (void)state;
    karma_eval_summary sum;
    char rows[8192];
    size_t at = 0;
    picture("yes.png", "Yes");
    for (int i = 0; i < 33; i++)
        at += (size_t)snprintf(rows + at, sizeof(rows) - at,
                               "{\"image\": \"yes.png\", \"question\": \"q\", \"answer\": \"a\", "
                               "\"answer_type\": \"t%d\"}\n",
                               i);
    run_trial(write_text("parts.jsonl", rows), NULL, &(struct trial){.status = KARMA_E_LIMIT},
              &sum);
    assert_message_contains("answer_type: more than 32");
}

static void content_names_the_pictures(void **state) {
    (void)state;
    karma_eval_summary sum;
    picture("x/one.png", "one");
    char row[] = "{\"id\": \"a\", \"images\": [\"x/one.png\", {\"path\": \"x/one.png\", "
                 "\"frame\": 2}], \"question\": \"q\", \"answer\": \"one\"}\n";
    const struct trial t = {.with_content = true};
    char *text = run_trial(write_text("names.jsonl", row), NULL, &t, &sum);
    assert_non_null(strstr(text, "\"name\": \"x/one.png\""));
    assert_non_null(strstr(text, "\"frame\": 2"));
    assert_non_null(strstr(text, "\"sha256\": \""));
    assert_non_null(strstr(text, "\"answer_type\": \"open\""));
    assert_non_null(strstr(text, "\"prediction\": \"one\""));
    assert_null(strstr(text, test_path("x/one.png"))); /* where it lies is not part of results */
}

static void answers_are_stored_by_the_picture(void **state) {
    (void)state;
    karma_eval_summary sum;
    const char *store = test_path("s.db"), *path = four_questions();
    const struct trial t = {0};
    char *first = run_trial(path, store, &t, &sum);
    assert_int_equal(sum.n_cached, 0);
    const size_t before = viewed;
    assert_string_equal(first, run_trial(path, store, &t, &sum));
    assert_int_equal(viewed, before);
    picture("lung.png", "right lung"); /* under the same name */
    run_trial(path, store, &t, &sum);
    assert_int_equal(viewed, before + 2);
    assert_int_equal(sum.n_cached, 2);
    picture("elsewhere.png", "Yes"); /* the same picture under another, and another reference */
    path = write_text("four.jsonl", "{\"id\": \"a\", \"image\": \"elsewhere.png\", \"question\": "
                                    "\"Seen?\", \"answer\": \"no\"}\n");
    run_trial(path, store, &t, &sum);
    assert_int_equal(sum.n_cached, 1);
    path = write_text("four.jsonl",
                      "{\"id\": \"a\", \"image\": {\"path\": \"elsewhere.png\", \"frame\": 1}, "
                      "\"question\": \"Seen?\", \"answer\": \"no\"}\n");
    run_trial(path, store, &t, &sum);
    assert_int_equal(sum.n_cached, 0); /* another frame of it */
}

static void failures_end_no_run_and_leave_bounds(void **state) {
    (void)state;
    karma_eval_summary sum;
    struct arena a = {0};
    picture("yes.png", "yes");
    write_file("empty.png", "", 0);
    const char *path = write_text(
        "fail.jsonl", "{\"id\": \"a\", \"image\": \"yes.png\", \"question\": \"q\", \"answer\": "
                      "\"yes\"}\n"
                      "{\"id\": \"b\", \"image\": \"gone.png\", \"question\": \"q\", \"answer\": "
                      "\"yes\"}\n"
                      "{\"id\": \"c\", \"image\": \"empty.png\", \"question\": \"q\", \"answer\": "
                      "\"lung\"}\n");
    const struct json *all = parse(&a, run_trial(path, NULL, &(struct trial){0}, &sum));
    assert_int_equal(sum.n_failed, 2);
    assert_int_equal(sum.n_scored, 1);
    const struct json *result = json_get(all, path), *parts = json_get(result, "by_answer_type");
    assert_true(score_in(result, "exact_match") == -1); /* null */
    const struct json *closed = json_get(parts, "closed"), *open = json_get(parts, "open");
    const struct json *bounds =
        json_get(json_get(json_get(closed, "metrics"), "exact_match"), "bounds");
    assert_true(json_get(bounds, "failed_counted_as_wrong")->u.real == 0.5);
    assert_true(json_get(bounds, "failed_left_out")->u.real == 1.0);
    assert_int_equal(count_in(closed, "failed"), 1);
    assert_int_equal(count_in(open, "failed"), 1);
    assert_int_equal(count_in(open, "scored"), 0);
    const struct json *first = json_at(json_get(result, "failed_samples"), 0);
    assert_string_equal(json_str(json_get(first, "message"), ""), "gone.png: nothing to see");
    arena_release(&a);
}

/* An error rate's bounds look at the references of the part alone. */
static void error_rates_have_parts_as_well(void **state) {
    (void)state;
    karma_eval_summary sum;
    struct arena a = {0};
    picture("yes.png", "yes");
    write_text("rate.jsonl",
               "{\"image\": \"yes.png\", \"question\": \"q\", \"answer\": \"yes\"}\n"
               "{\"image\": \"gone.png\", \"question\": \"q\", \"answer\": \"no\"}\n"
               "{\"image\": \"gone.png\", \"question\": \"q\", \"answer\": \"one two three\"}\n");
    const char *set = write_text("rate.yaml", "name: ours/rate\nkind: visual_question_answer\n"
                                              "path: rate.jsonl\nmetrics: [wer]\n");
    const struct json *all = parse(&a, run_trial(set, NULL, &(struct trial){0}, &sum));
    const struct json *closed = json_get(json_get(json_get(all, set), "by_answer_type"), "closed");
    const struct json *wer = json_get(json_get(closed, "metrics"), "wer");
    assert_true(json_get(json_get(wer, "bounds"), "failed_counted_as_wrong")->u.real == 0.5);
    arena_release(&a);
}

static void a_page_shows_pictures_beside_answers(void **state) {
    (void)state;
    karma_eval_summary sum;
    struct stat info;
    char *page = strdup(test_path("out/page.html"));
    mkdir(test_path("out"), 0755);
    picture("pics/a 'b'&<c>.png", "<script>alert(1)</script>");
    write_file("pics/scan.dcm", "no picture for a browser", 24);
    const char *path = write_text(
        "page.jsonl",
        "{\"id\": \"k\\\"1\", \"image\": \"pics/a 'b'&<c>.png\", \"question\": \"<b>bold</b> & "
        "\\u0001 \\\"q\\\"?\", \"answer\": \"<i>x</i>\", \"answer_type\": \"<u>\"}\n"
        "{\"id\": \"k2\", \"image\": {\"bytes\": \"iVBORw0KGgo8Yj54\", \"path\": \"<n>\"}, "
        "\"question\": \"q\", \"answer\": \"<b>x\"}\n"
        "{\"id\": \"k3\", \"image\": \"gone<>.png\", \"question\": \"q\", \"answer\": \"y\"}\n"
        "{\"id\": \"k4\", \"image\": \"pics/scan.dcm\", \"question\": \"q\", \"answer\": \"y\"}\n");
    const struct trial t = {.page = page};
    run_trial(path, NULL, &t, &sum);
    char *html = read_fixture(page, NULL);
    assert_int_equal(stat(page, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    static const char *const expected[] = {
        "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>",
        "&lt;b&gt;bold&lt;/b&gt; &amp; \xEF\xBF\xBD &quot;q&quot;?",
        "<td>&lt;i&gt;x&lt;/i&gt;</td>",
        "<small>k&quot;1, &lt;u&gt;</small>",
        "src=\"../pics/a%20%27b%27%26%3Cc%3E.png\" alt=\"pics/a &#39;b&#39;&amp;&lt;c&gt;.png\"",
        "src=\"data:image/png;base64,iVBORw0KGgo8Yj54\" alt=\"&lt;n&gt;\"",
        "<em>missing</em><figcaption>gone&lt;&gt;.png</figcaption>",
        "<td class=\"failed\"><b>E_TRUNCATED</b> gone&lt;&gt;.png: nothing to see</td>",
        "<em>not a picture for browsers</em><figcaption>pics/scan.dcm</figcaption>",
        "exact_match 1.000\ntokenised_f1 1.000",
        "default-src 'none'",
        "</table></body></html>\n",
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        if (!strstr(html, expected[i])) print_error("not in the page: %s\n", expected[i]);
        assert_non_null(strstr(html, expected[i]));
    }
    static const char *const never[] = {"<script", "<b>bold", "<i>x", "<u>",
                                        "<n>",     "gone<",   "\x01"};
    for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
        assert_null(strstr(html, never[i]));
    run_trial(path, NULL, &t, &sum); /* one of ours is replaced */
    assert_string_equal(html, read_fixture(page, NULL));
    free(page);
}

static void a_page_replaces_nothing_it_should_not(void **state) {
    (void)state;
    karma_eval_summary sum;
    const char *path = four_questions();
    char *other = strdup(write_text("letter.html", "<p>Dear colleague,</p>"));
    const size_t before = viewed;
    run_trial(path, NULL, &(struct trial){.page = other, .status = KARMA_E_USAGE}, &sum);
    assert_message_contains("not a page of samples; it is replaced only by force");
    run_trial(path, NULL, &(struct trial){.page = "", .status = KARMA_E_USAGE}, &sum);
    run_trial(path, NULL,
              &(struct trial){.page = test_path("results.json"), .status = KARMA_E_USAGE}, &sum);
    assert_message_contains("cannot be one");
    run_trial(path, NULL,
              &(struct trial){.page = test_path("nowhere/p.html"), .status = KARMA_E_MISSING},
              &sum);
    run_trial(
        path, NULL,
        &(struct trial){.page = test_path("lung.png"), .force = true, .status = KARMA_E_USAGE},
        &sum);
    assert_message_contains("lung.png: is a picture and cannot be the output");
    run_trial(path, NULL, &(struct trial){.page = path, .force = true, .status = KARMA_E_USAGE},
              &sum);
    assert_int_equal(viewed, before);
    run_trial(path, NULL, &(struct trial){.page = other, .force = true}, &sum);
    assert_non_null(strstr(read_fixture(other, NULL), "karma samples"));
    free(other);
}

static void all_pictures_reach_the_model(void **state) {
    (void)state;
    karma_eval_summary sum;
    picture("yes.png", "yes");
    const struct trial t = {.model_args = "{\"say_count\": true}", .with_content = true};
    char *text =
        run_trial(write_text("count.jsonl", "{\"images\": [\"yes.png\", \"yes.png\", \"yes.png\"], "
                                            "\"question\": \"q\", \"answer\": \"3\"}\n"),
                  NULL, &t, &sum);
    assert_non_null(strstr(text, "\"prediction\": \"3\""));
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
    picture("yes.png", "yes");
    char *rows = strdup(write_text("two.jsonl",
                                   "{\"image\": \"yes.png\", \"question\": \"q\", \"answer\": "
                                   "\"yes\"}\n"
                                   "{\"image\": {\"bytes\": \"iVBORw0KGgo8Yj54\"}, \"question\": "
                                   "\"q\", \"answer\": \"lung\"}\n"));
    char *page = strdup(test_path("two.html")), *output = strdup(test_path("two.json"));
    const char *const names[] = {rows, NULL};
    struct attempt a = {.options = karma_eval_defaults(), .model = make_viewer("{}")};
    a.options.datasets = names;
    a.options.use_store = false;
    a.options.include_content = true;
    a.options.samples_page = page;
    a.options.output = output;
    assert_ok(evaluate(&a));
    assert_true(for_each_failing_allocation(evaluate, &a) > 100);
    karma_model_destroy(a.model);
    free(rows);
    free(page);
    free(output);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_and_open_questions_are_told_apart),
        cmocka_unit_test(metric_arguments_hold_for_the_parts),
        cmocka_unit_test(too_many_parts_are_refused),
        cmocka_unit_test(content_names_the_pictures),
        cmocka_unit_test(answers_are_stored_by_the_picture),
        cmocka_unit_test(failures_end_no_run_and_leave_bounds),
        cmocka_unit_test(error_rates_have_parts_as_well),
        cmocka_unit_test(a_page_shows_pictures_beside_answers),
        cmocka_unit_test(a_page_replaces_nothing_it_should_not),
        cmocka_unit_test(all_pictures_reach_the_model),
        cmocka_unit_test(every_failing_allocation_is_reported_and_leaks_nothing),
    };
    return run_group("eval/vqa", tests);
}
