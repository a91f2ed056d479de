/*
 * test_compare.c - two runs told apart: what is joined, which test is made of what scores, what is
 * said, and what is refused. The runs are written here, without a model.
 */
#include "tests/support/test.h"

#include <math.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/statistics.h"
#include "karma/karma.h"

/* ---- runs ---- */

struct written {
    struct buf log;
    const char *results;
};

static void begin(struct written *w) {
    *w = (struct written){0};
}

static void line(struct written *w, const char *set, const char *key, const char *rest) {
    assert_ok(buf_printf(&w->log,
                         "{\"dataset\": \"%s\", \"key\": \"%s\", \"index\": 0, \"state\": "
                         "\"scored\", \"outcome\": \"marker\", %s}\n",
                         set, key, rest));
}

static void score(struct written *w, const char *set, int key, double x, const char *more) {
    char name[16], rest[160];
    snprintf(name, sizeof(name), "k%d", key);
    snprintf(rest, sizeof(rest), "\"scores\": {\"accuracy\": %g}%s", x, more);
    line(w, set, name, rest);
}

static const char *finish_with(struct written *w, const char *name, const char *manifest,
                               const char *results) {
    char file[64];
    snprintf(file, sizeof(file), "%s.samples.jsonl", name);
    write_file(file, buf_str(&w->log), w->log.len);
    snprintf(file, sizeof(file), "%s.manifest.json", name);
    write_text(file, manifest);
    snprintf(file, sizeof(file), "%s.json", name);
    buf_release(&w->log);
    return write_text(file, results);
}

static const char *finish(struct written *w, const char *name) {
    return finish_with(w, name,
                       "{\"manifest_version\": 1, \"model\": {\"name\": \"m\"}, \"datasets\": "
                       "{\"d\": {\"digest\": \"1\"}}}",
                       "{\"_summary\": {}}");
}

/* n samples of data set "d": the first `right` are right, then `wrong` are wrong, ... */
static const char *shares(const char *name, size_t n, const char *marks) {
    struct written w;
    begin(&w);
    for (size_t i = 0; i < n; i++)
        score(&w, "d", (int)i, marks[i % strlen(marks)] == '1', "");
    return finish(&w, name);
}

/* ---- comparing ---- */

static struct arena arena;

static int release(void **state) {
    arena_release(&arena);
    return test_leaks_end(state);
}
#define compare_case(fn) cmocka_unit_test_setup_teardown(fn, test_leaks_begin, release)

static const struct json *compare(const char *first, const char *second, double delta,
                                  const char *metric) {
    karma_compare_options o = karma_compare_defaults();
    const struct json *root;
    char *text;
    o.delta = delta;
    o.metric = metric;
    assert_ok(karma_compare_runs(first, second, &o, &text));
    assert_ok(json_parse(&arena, text, strlen(text), JSON_REJECT_DUPLICATES, &root));
    karma_free(text);
    return root;
}

static void refused(const char *first, const char *second, karma_status st, const char *why) {
    karma_compare_options o = karma_compare_defaults();
    char *text;
    assert_status(karma_compare_runs(first, second, &o, &text), st);
    assert_null(text);
    assert_message_contains(why);
}

static const struct json *metric_of(const struct json *root, const char *set, const char *metric) {
    const struct json *m =
        json_get(json_get(json_get(json_get(root, "datasets"), set), "metrics"), metric);
    assert_non_null(m);
    return m;
}

static double real(const struct json *o, const char *name) {
    const struct json *j = json_get(o, name);
    assert_non_null(j);
    return j->type == JSON_REAL ? j->u.real : j->type == JSON_INT ? (double)j->u.integer : NAN;
}

static bool says(const struct json *m, const char *text) {
    const char *words = json_str(json_get(m, "words"), "");
    if (!strstr(words, text)) print_error("said: %s\n", words);
    return strstr(words, text) != NULL;
}

static void shares_are_tested_by_mcnemar(void **state) {
    (void)state;
    /* Of ten: 4 right in both, 1 in the first alone, 3 in the second alone, 2 in none. */
    const char *a = shares("a", 200, "1111100000"), *b = shares("b", 200, "1111011100");
    const struct json *m = metric_of(compare(a, b, 0, NULL), "d", "accuracy");
    assert_int_equal(real(m, "n"), 200);
    assert_true(real(json_get(m, "first"), "score") == 0.5);
    assert_true(real(json_get(m, "second"), "score") == 0.7);
    assert_int_equal(real(m, "both_right"), 80);
    assert_int_equal(real(m, "only_first_right"), 20);
    assert_int_equal(real(m, "only_second_right"), 60);
    assert_int_equal(real(m, "both_wrong"), 40);
    assert_string_equal(json_str(json_get(m, "test"), ""), "mcnemar_exact");
    assert_true(real(m, "p") == stats_mcnemar(60, 20));
    assert_true(real(m, "p_holm") == real(m, "p"));
    assert_true(fabs(real(m, "difference") - 0.2) < 1e-12);
    const struct json *interval = json_get(m, "difference_interval_95");
    const struct stats_difference d = stats_paired_shares(60, 20, 200);
    assert_true(json_at(interval, 0)->u.real == d.low && json_at(interval, 1)->u.real == d.high);
    assert_true(says(m, "the second is better by 20.0 points ("));
    const struct json *flips = json_get(m, "flips");
    assert_int_equal(json_count(json_get(flips, "right_to_wrong")), 20);
    assert_int_equal(json_count(json_get(flips, "wrong_to_right")), 60);
    assert_string_equal(json_str(json_at(json_get(flips, "right_to_wrong"), 0), ""), "k4");
    assert_string_equal(json_str(json_at(json_get(flips, "wrong_to_right"), 1), ""), "k6");
    /* The other way round it is the first that is better. */
    assert_true(says(metric_of(compare(b, a, 0, NULL), "d", "accuracy"),
                     "the second is worse by 20.0 points"));
}

static void no_difference_is_said_with_what_could_be_shown(void **state) {
    (void)state;
    const char *a = shares("a", 100, "1110011100"), *b = shares("b", 100, "1101011100");
    const struct json *root = compare(a, b, 0.15, NULL);
    const struct json *m = metric_of(root, "d", "accuracy");
    assert_true(real(m, "p") == 1);
    assert_true(real(m, "detectable_difference") == stats_detectable_pairs(20, 100));
    assert_true(says(m, "no difference shown; smallest difference this n could show: "));
    assert_true(says(m, " points; equivalent within 15.0 points"));
    const struct json *e = json_get(m, "equivalence");
    assert_true(json_get(e, "equivalent")->u.boolean && real(e, "p") < 0.05);
    m = metric_of(compare(a, b, 0.01, NULL), "d", "accuracy");
    assert_true(says(m, "equivalence within 1.0 points is not shown"));
    assert_false(json_get(json_get(m, "equivalence"), "equivalent")->u.boolean);
    m = metric_of(compare(shares("c", 4, "1"), shares("e", 4, "1"), 0, NULL), "d", "accuracy");
    assert_true(says(m, "so few pairs could show none"));
    assert_true(json_is_null(json_get(m, "detectable_difference")));
    m = metric_of(compare(a, a, 0, NULL), "d", "accuracy");
    assert_true(real(m, "difference") == 0 && real(m, "p") == 1);
}

static void samples_are_joined_by_key_and_the_others_named(void **state) {
    (void)state;
    struct written w;
    begin(&w);
    for (int i = 9; i >= 0; i--) /* another order, and one more */
        score(&w, "d", i + 2, i % 2, "");
    assert_ok(buf_puts(&w.log, "{\"dataset\": \"d\", \"key\": \"k1\", \"index\": 3, \"state\": "
                               "\"failed\", \"error\": \"E_LIMIT\"}\n"));
    score(&w, "other", 1, 1, "");
    const char *b = finish(&w, "b"), *a = shares("a", 10, "10");
    const struct json *root = compare(a, b, 0, NULL);
    const struct json *d = json_get(json_get(root, "datasets"), "d");
    assert_int_equal(real(d, "joined"), 9);
    assert_int_equal(real(d, "scored_in_both"), 8);
    assert_int_equal(real(d, "not_scored_in_first"), 0);
    assert_int_equal(real(d, "not_scored_in_second"), 1);
    const struct json *only = json_get(d, "only_in_first");
    assert_int_equal(real(only, "n"), 1);
    assert_string_equal(json_str(json_at(json_get(only, "keys"), 0), ""), "k0");
    assert_int_equal(real(json_get(d, "only_in_second"), "n"), 2);
    /* k2..k9: first right when even, second when its number less two is odd. */
    const struct json *m = metric_of(root, "d", "accuracy");
    assert_int_equal(real(m, "n"), 8);
    assert_int_equal(real(m, "only_first_right"), 4);
    assert_int_equal(real(m, "only_second_right"), 4);
    const struct json *alone = json_get(json_get(root, "second"), "datasets_in_this_run_alone");
    assert_int_equal(json_count(alone), 1);
    assert_string_equal(json_str(json_at(alone, 0), ""), "other");
    assert_string_equal(json_str(json_get(json_get(root, "first"), "model"), ""), "m");
}

static void other_data_is_warned_of(void **state) {
    (void)state;
    struct written w;
    begin(&w);
    score(&w, "d", 0, 1, "");
    const char *b = finish_with(&w, "b",
                                "{\"manifest_version\": 1, \"datasets\": {\"d\": {\"digest\": "
                                "\"2\"}}}",
                                "{\"_summary\": {}}");
    const struct json *root = compare(shares("a", 3, "1"), b, 0, NULL);
    assert_int_equal(json_count(json_get(root, "warnings")), 1);
    assert_non_null(strstr(json_str(json_at(json_get(root, "warnings"), 0), ""), "digests differ"));
    assert_true(says(metric_of(root, "d", "accuracy"), "so few pairs"));
}

static void groups_are_tested_as_groups(void **state) {
    (void)state;
    struct written a, b;
    begin(&a), begin(&b);
    double x[2][60];
    size_t group[60];
    for (int i = 0; i < 60; i++) {
        char more[32];
        group[i] = (size_t)i / 4;
        x[0][i] = i % 3 == 0;
        x[1][i] = i % 8 < 5;
        snprintf(more, sizeof(more), ", \"group\": \"g%d\"", i / 4);
        score(&a, "d", i, x[0][i], more);
        score(&b, "d", i, x[1][i], more);
    }
    const char *first = finish(&a, "a"), *second = finish(&b, "b");
    const struct json *m = metric_of(compare(first, second, 0, NULL), "d", "accuracy");
    struct stats_difference d;
    assert_ok(stats_paired(x[1], x[0], 60, group, 15, &arena, &d));
    assert_string_equal(json_str(json_get(m, "test"), ""), "paired_t_by_group");
    assert_int_equal(real(m, "groups"), 15);
    assert_true(real(m, "p") == d.p && real(m, "difference") == d.value);
    assert_true(real(m, "mcnemar_p") < 1);
    assert_string_equal(json_str(json_get(m, "interval_method"), ""), "clustered");
}

static void means_are_tested_by_t(void **state) {
    (void)state;
    struct written a, b;
    begin(&a), begin(&b);
    double x[2][30];
    for (int i = 0; i < 30; i++) {
        x[0][i] = (i % 7) / 7.0;
        x[1][i] = x[0][i] + (i % 5 - 1) / 50.0;
        char rest[2][64], key[16];
        snprintf(key, sizeof(key), "k%d", i);
        for (int side = 0; side < 2; side++) {
            snprintf(rest[side], sizeof(rest[side]), "\"scores\": {\"tokenised_f1\": %.17g}",
                     x[side][i]);
            line(side ? &b : &a, "d", key, rest[side]);
        }
    }
    const char *first = finish(&a, "a"), *second = finish(&b, "b");
    const struct json *m = metric_of(compare(first, second, 0.1, NULL), "d", "tokenised_f1");
    struct stats_difference d;
    assert_ok(stats_paired(x[1], x[0], 30, NULL, 0, &arena, &d));
    assert_string_equal(json_str(json_get(m, "test"), ""), "paired_t");
    assert_true(real(m, "p") == d.p);
    assert_true(real(m, "detectable_difference") == stats_detectable(d.standard_error, d.df));
    assert_true(real(json_get(m, "equivalence"), "p") ==
                stats_equivalence(d.value, d.standard_error, d.df, 0.1));
    assert_null(json_get(m, "flips"));
}

static void p_is_corrected_over_data_sets(void **state) {
    (void)state;
    struct written a, b;
    begin(&a), begin(&b);
    static const char *const sets[] = {"x", "y", "z"};
    for (int s = 0; s < 3; s++)
        for (int i = 0; i < 40; i++) {
            score(&a, sets[s], i, i < 20, "");
            score(&b, sets[s], i, i < 20 + 7 + s * 2, ""); /* 7, 9, 11 more are right */
        }
    const char *first = finish(&a, "a"), *second = finish(&b, "b");
    const struct json *root = compare(first, second, 0, NULL);
    double p[3], holm[3];
    for (int s = 0; s < 3; s++)
        p[s] = stats_mcnemar((size_t)(7 + s * 2), 0);
    stats_holm(p, 3, holm);
    for (int s = 0; s < 3; s++) {
        const struct json *m = metric_of(root, sets[s], "accuracy");
        assert_true(real(m, "p") == p[s] && real(m, "p_holm") == holm[s]);
    }
}

/* ---- a metric of counts ---- */

static void error_rates_are_tested_by_resampled_documents(void **state) {
    (void)state;
    struct written a, b;
    begin(&a), begin(&b);
    karma_metric *wer, *again;
    assert_ok(karma_metric_create("wer", NULL, &wer));
    assert_ok(karma_metric_create("wer", NULL, &again));
    for (int i = 0; i < 60; i++) {
        for (int side = 0; side < 2; side++) {
            const double *counts;
            size_t n;
            double x;
            char key[16];
            karma_metric *m = side ? again : wer;
            /* The second gets one word in six wrong, the first two. */
            assert_ok(karma_metric_add(m,
                                       side    ? "a b c d e x"
                                       : i % 2 ? "a b c d x x"
                                               : "a b x x e f",
                                       "a b c d e f", &x));
            assert_ok(karma_metric_sample_counts(m, &counts, &n));
            struct buf rest = {0};
            assert_ok(
                buf_printf(&rest, "\"scores\": {\"wer\": %.17g}, \"counts\": {\"wer\": [", x));
            for (size_t k = 0; k < n; k++)
                assert_ok(buf_printf(&rest, "%s%g", k ? ", " : "", counts[k]));
            assert_ok(buf_puts(&rest, "]}"));
            snprintf(key, sizeof(key), "k%d", i);
            line(side ? &b : &a, "d", key, buf_str(&rest));
            buf_release(&rest);
        }
    }
    karma_metric_destroy(wer);
    karma_metric_destroy(again);
    const char *first = finish(&a, "a"), *second = finish(&b, "b");
    const struct json *m = metric_of(compare(first, second, 0, NULL), "d", "wer");
    assert_string_equal(json_str(json_get(m, "test"), ""), "paired_bootstrap");
    assert_true(fabs(real(m, "difference") + 1.0 / 6) < 1e-12);
    assert_true(json_get(m, "less_is_better")->u.boolean);
    assert_true(says(m, "the second is better by 16.7 points"));
}

static void values_of_all_samples_are_paired_where_they_have_counts(void **state) {
    (void)state;
    struct written a, b, c;
    begin(&a), begin(&b), begin(&c);
    for (int i = 0; i < 40; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        /* Two labels: right, wrongly given, missed of each. */
        static const char *const good = "\"scores\": {\"f1\": 1}, \"counts\": {\"f1\": [1, 0, 0]}",
                                 *const bad = "\"scores\": {\"f1\": 0}, \"counts\": {\"f1\": "
                                              "[0, 0, 1, 0, 1, 0]}";
        line(&a, "d", key, i % 2 ? good : bad);
        line(&b, "d", key, i % 4 ? good : bad);
        line(&c, "d", key, i % 4 ? "\"scores\": {\"f1\": 1}" : bad);
    }
    const char *first = finish(&a, "a"), *second = finish(&b, "b");
    const char *third = finish_with(&c, "c", "{\"manifest_version\": 1, \"datasets\": {}}",
                                    "{\"_summary\": {}, \"d\": {\"metrics\": {\"f1\": {\"score\": "
                                    "0.25}}}}");
    const struct json *m = metric_of(compare(first, second, 0, NULL), "d", "f1");
    assert_string_equal(json_str(json_get(m, "test"), ""), "paired_bootstrap");
    assert_true(real(m, "difference") > 0 && real(m, "p") < 0.05);
    m = metric_of(compare(first, third, 0, NULL), "d", "f1");
    assert_null(json_get(m, "test"));
    assert_true(says(m, "f1 is a value of all samples together and cannot be paired"));
    assert_true(real(json_get(m, "second"), "score") == 0.25);
}

/* ---- what is refused ---- */

static void runs_without_a_sample_in_common_are_refused(void **state) {
    (void)state;
    struct written w;
    begin(&w);
    score(&w, "other", 0, 1, "");
    const char *b = finish(&w, "b"), *a = shares("a", 3, "1");
    refused(a, b, KARMA_E_MISSING, "the first has the data sets d, the second other");
    begin(&w);
    score(&w, "d", 77, 1, "");
    refused(a, finish(&w, "c"), KARMA_E_MISSING, "no key of those");
    begin(&w);
    refused(a, finish(&w, "none"), KARMA_E_MISSING, "the second none");
    assert_int_equal(karma_status_exit(KARMA_E_MISSING), 4);
}

static void logs_that_are_none_are_refused(void **state) {
    (void)state;
    struct written w;
    const char *a = shares("a", 3, "1");
    refused(a, test_path("not_there.json"), KARMA_E_NOTFOUND, "not_there.json");
    begin(&w);
    score(&w, "d", 0, 1, "");
    score(&w, "d", 0, 1, "");
    refused(a, finish(&w, "twice"), KARMA_E_DUPLICATE, "twice.samples.jsonl: line 2: sample k0");
    begin(&w);
    line(&w, "d", "k0", "\"scores\": {\"accuracy\": \"high\"}");
    refused(a, finish(&w, "text"), KARMA_E_TYPE, "text.samples.jsonl: line 1: scores: accuracy");
    begin(&w);
    line(&w, "d", "k0", "\"scores\": {\"wer\": 1}, \"counts\": {\"wer\": [1, null]}");
    refused(a, finish(&w, "counts"), KARMA_E_TYPE, "line 1: counts: wer: expected numbers");
    begin(&w);
    score(&w, "d", 0, 1, "");
    refused(a,
            finish_with(&w, "cut",
                        "{\"manifest_version\": 1, \"datasets\": {}, \"samples\": 2, \"chain\": "
                        "\"00\"}",
                        "{}"),
            KARMA_E_DIGEST, "its 1 lines are not those that the run wrote");
}

static void options_are_checked(void **state) {
    (void)state;
    const char *a = shares("a", 3, "1");
    karma_compare_options o = karma_compare_defaults();
    char *text;
    o.delta = -0.1;
    assert_status(karma_compare_runs(a, a, &o, &text), KARMA_E_USAGE);
    o.delta = NAN;
    assert_status(karma_compare_runs(a, a, &o, &text), KARMA_E_USAGE);
    o.delta = 0;
    o.metric = "acuracy";
    assert_status(karma_compare_runs(a, a, &o, &text), KARMA_E_NOTFOUND);
    assert_message_contains("did you mean accuracy");
    o.metric = NULL;
    o.output = a;
    assert_status(karma_compare_runs(a, a, &o, &text), KARMA_E_USAGE);
    assert_message_contains("cannot be the output");
    o.output = write_text("precious.txt", "mine");
    assert_status(karma_compare_runs(a, a, &o, &text), KARMA_E_USAGE);
    assert_message_contains("is no comparison");
    o.output = test_path("comparison.json");
    for (int i = 0; i < 2; i++) { /* its own is replaced */
        assert_ok(karma_compare_runs(a, a, &o, &text));
        const struct json *root;
        assert_ok(json_parse_file(&arena, o.output, 0, JSON_REJECT_DUPLICATES, &root));
        assert_non_null(json_get(root, "comparison_version"));
        karma_free(text);
    }
    o.struct_size = 3;
    assert_status(karma_compare_runs(a, a, &o, &text), KARMA_E_ABI);
}

/* ---- memory ---- */

struct two {
    const char *first, *second;
};

static karma_status compare_them(void *ctx) {
    const struct two *t = ctx;
    karma_compare_options o = karma_compare_defaults();
    char *text = NULL;
    o.delta = 0.1;
    karma_status st = karma_compare_runs(t->first, t->second, &o, &text);
    karma_free(text);
    return st;
}

static void survives_every_failed_allocation(void **state) {
    (void)state;
    struct two t = {shares("a", 5, "10110"), shares("b", 5, "01110")};
    assert_ok(compare_them(&t)); /* what is made once and kept */
    assert_true(for_each_failing_allocation(compare_them, &t) > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        compare_case(shares_are_tested_by_mcnemar),
        compare_case(no_difference_is_said_with_what_could_be_shown),
        compare_case(samples_are_joined_by_key_and_the_others_named),
        compare_case(other_data_is_warned_of),
        compare_case(groups_are_tested_as_groups),
        compare_case(means_are_tested_by_t),
        compare_case(p_is_corrected_over_data_sets),
        compare_case(error_rates_are_tested_by_resampled_documents),
        compare_case(values_of_all_samples_are_paired_where_they_have_counts),
        compare_case(runs_without_a_sample_in_common_are_refused),
        compare_case(logs_that_are_none_are_refused),
        compare_case(options_are_checked),
        compare_case(survives_every_failed_allocation),
    };
    return run_group("eval/compare", tests);
}
