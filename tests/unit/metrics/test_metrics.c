/*
 * test_metrics.c - scores, means and intervals. Expected scores are what KARMA 0.2.0's formulas
 * give in Python 3.11; intervals were computed there from their textbook formulas.
 */
#include "tests/support/test.h"

#include <math.h>

#include "karma/metric.h"

static karma_metric *create(const char *name, const char *args) {
    karma_metric *m;
    assert_ok(karma_metric_create(name, args, &m));
    return m;
}

static double score_of(const char *metric, const char *args, const char *prediction,
                       const char *reference) {
    double score = -1;
    karma_metric *m = create(metric, args);
    assert_ok(karma_metric_add(m, prediction, reference, &score));
    karma_metric_destroy(m);
    return score;
}

static void near(double got, double want) {
    if (!(fabs(got - want) <= 1e-9)) fail_msg("%.12g where %.12g was expected", got, want);
}

static void compares_whole_texts_without_case(void **state) {
    (void)state;
    near(score_of("exact_match", NULL, "A", "a"), 1);
    near(score_of("exact_match", NULL, "A ", "a"), 0); /* nothing is stripped */
    near(score_of("exact_match", NULL, "\xC3\x89T\xC3\x89", "\xC3\xA9t\xC3\xA9"), 1);
    near(score_of("exact_match", NULL, "\xCE\xA3\xCE\x91\xCE\xA3", "\xCF\x83\xCE\xB1\xCF\x82"), 1);
    near(score_of("exact_match", NULL, NULL, ""), 1);
    near(score_of("exact_match", NULL, "", "a"), 0);
    near(score_of("exact_match", "{\"ignore_case\": false}", "A", "a"), 0);
    near(score_of("exact_match", "{\"ignore_case\": \"false\"}", "A", "a"), 0);
    near(score_of("exact_match", "{\"ignore_case\": \"false\"}", "a", "a"), 1);
}

static void compares_stripped_texts_with_case(void **state) {
    (void)state;
    near(score_of("accuracy", NULL, " a\n", "a\xE3\x80\x80"), 1);
    near(score_of("accuracy", NULL, "A", "a"), 0);
    near(score_of("accuracy", NULL, " ", ""), 1);
    near(score_of("accuracy", NULL, "a b", "a  b"), 0);
}

static void counts_common_words(void **state) {
    (void)state;
    near(score_of("tokenised_f1", NULL, "the left lung", "Left lung."), 0.8);
    near(score_of("tokenised_f1", NULL, "a a b", "a b b"), 2.0 / 3);
    near(score_of("tokenised_f1", NULL, "a.b", "ab"), 1); /* stops are deleted, not replaced */
    near(score_of("tokenised_f1", NULL, "a\nb", "ab"), 1);
    near(score_of("tokenised_f1", NULL, "well-known", "well known"), 1);
    near(score_of("tokenised_f1", NULL, "x_1", "X_1"), 1);
    near(score_of("tokenised_f1", NULL, "", ""), 0);
    near(score_of("tokenised_f1", NULL, "!?", "!?"), 0);
    /* Devanagari vowel signs are no word characters to Python: two pieces of this word differ. */
    near(score_of("tokenised_f1", NULL, "\xE0\xA4\xAE\xE0\xA4\xB0\xE0\xA5\x80\xE0\xA4\x9C",
                  "\xE0\xA4\xAE\xE0\xA4\xB0\xE0\xA4\x9C"),
         0);
    near(score_of("tokenised_f1", NULL, "\xE0\xA4\xAE\xE0\xA4\xB0\xE0\xA5\x80\xE0\xA4\x9C",
                  "\xE0\xA4\x9C"),
         2.0 / 3);
}

static karma_metric_result result_of(const char *metric, int hits, int misses) {
    karma_metric_result r;
    karma_metric *m = create(metric, NULL);
    for (int i = 0; i < hits; i++)
        assert_ok(karma_metric_add(m, "x", "x", NULL));
    for (int i = 0; i < misses; i++)
        assert_ok(karma_metric_add(m, "x", "y", NULL));
    assert_ok(karma_metric_end(m, &r));
    karma_metric_destroy(m);
    return r;
}

static void gives_wilsons_interval_for_hits_and_misses(void **state) {
    (void)state;
    karma_metric_result r = result_of("exact_match", 7, 3);
    assert_int_equal(r.n, 10);
    near(r.score, 0.7);
    near(r.standard_error, 0.15275252316519466);
    near(r.ci_low, 0.39677814746114537);
    near(r.ci_high, 0.8922087325936989);
    r = result_of("accuracy", 552, 448);
    near(r.standard_error, 0.01573351656634789);
    near(r.ci_low, 0.5210376917018592);
    near(r.ci_high, 0.5825643254156431);
    r = result_of("exact_match", 0, 4);
    near(r.score, 0);
    near(r.standard_error, 0);
    assert_true(r.ci_low == 0);
    near(r.ci_high, 0.4898908364545973);
    r = result_of("exact_match", 4, 0);
    near(r.ci_low, 0.5101091635454027);
    assert_true(r.ci_high == 1);
    r = result_of("exact_match", 1, 0);
    assert_true(isnan(r.standard_error));
    near(r.ci_low, 0.20654931437723745);
    r = result_of("exact_match", 0, 0);
    assert_int_equal(r.n, 0);
    near(r.score, 0);
    assert_true(isnan(r.standard_error) && isnan(r.ci_low) && isnan(r.ci_high));
}

static void gives_a_normal_interval_for_fractions(void **state) {
    (void)state;
    karma_metric *m = create("tokenised_f1", NULL);
    karma_metric_result r;
    assert_ok(karma_metric_add(m, "a b c", "a b", NULL)); /* 0.8 */
    assert_ok(karma_metric_end(m, &r));
    assert_true(isnan(r.standard_error) && isnan(r.ci_low));
    assert_ok(karma_metric_add(m, "a", "a", NULL)); /* adding goes on: 1 */
    assert_ok(karma_metric_add(m, "a", "b", NULL)); /* 0 */
    assert_ok(karma_metric_end(m, &r));
    near(r.score, 0.6);
    near(r.standard_error, 0.30550504633038933);
    near(r.ci_low, 0.6 - 4.302652729696142 * 0.30550504633038933); /* Student's, 2 df */
    near(r.ci_high, 0.6 + 4.302652729696142 * 0.30550504633038933);
    assert_string_equal(r.method, "normal");
    karma_metric_destroy(m);
}

/* Two groups of four, all right and one of four: residuals 1.5 and -1.5 of 8 samples. */
static void draws_groups_together(void **state) {
    (void)state;
    karma_metric *m = create("exact_match", NULL);
    karma_metric_result r;
    for (int i = 0; i < 8; i++)
        assert_ok(karma_metric_add_sample(
            m,
            &(karma_metric_sample){.struct_size = sizeof(karma_metric_sample),
                                   .prediction = i < 5 ? "x" : "y",
                                   .reference = "x",
                                   .group = i < 4 ? "one" : "two",
                                   .confidence = NAN},
            NULL));
    assert_ok(karma_metric_end(m, &r));
    assert_string_equal(r.method, "clustered");
    near(r.score, 0.625);
    near(r.standard_error, sqrt(2 * 1.5 * 1.5 * 2 / 1) / 8);
    assert_true(r.ci_low >= 0 && r.ci_low < r.score && r.ci_high > r.score && r.ci_high <= 1);
    /* One without a group is a group of its own. */
    assert_ok(karma_metric_add(m, "x", "x", NULL));
    assert_ok(karma_metric_end(m, &r));
    assert_int_equal(r.n, 9);
    assert_string_equal(r.method, "clustered");
    karma_metric_destroy(m);
    assert_int_equal(karma_metric_get_kind(m = create("exact_match", NULL)), KARMA_METRIC_SHARE);
    double score;
    const double *counts;
    size_t n;
    assert_ok(karma_metric_add(m, "x", "x", NULL));
    assert_ok(karma_metric_sample_counts(m, &counts, &n));
    assert_int_equal(n, 0);
    assert_status(karma_metric_from_counts(m, &score, 1, &score), KARMA_E_USAGE);
    karma_metric_destroy(m);
}

static void lists_names_and_refuses_unknown_ones(void **state) {
    (void)state;
    char **names;
    size_t count;
    const karma_metric_info *info;
    karma_metric *m;
    assert_ok(karma_list_metrics(&names, &count));
    assert_true(count >= 31);
    assert_string_equal(names[0], "exact_match");
    assert_null(names[count]);
    for (size_t i = 0; i < count; i++) {
        assert_ok(karma_get_metric_info(names[i], &info));
        assert_string_equal(info->name, names[i]);
        assert_non_null(info->description);
        assert_non_null(info->options);
    }
    mem_free(names);
    assert_status(karma_metric_create("exact_macth", NULL, &m), KARMA_E_NOTFOUND);
    assert_null(m);
    assert_message_contains("did you mean 'exact_match'");
    assert_status(karma_get_metric_info("bleurt", &info), KARMA_E_NOTFOUND);
    assert_null(info);
    assert_status(karma_metric_create("exact_match", "{\"case\": 1}", &m), KARMA_E_USAGE);
    assert_message_contains("exact_match: metric argument 'case' is not known");
    assert_status(karma_metric_create("accuracy", "{\"a\": 1}", &m), KARMA_E_USAGE);
    assert_status(karma_metric_create("accuracy", "{", &m), KARMA_E_SYNTAX);
    karma_metric_destroy(NULL);
}

static karma_status use_all(void *ctx) {
    (void)ctx;
    static const char *const names[] = {"exact_match", "accuracy", "tokenised_f1"};
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < 3 && st == KARMA_OK; i++) {
        karma_metric *m;
        st = karma_metric_create(names[i], NULL, &m);
        if (st == KARMA_OK) st = karma_metric_add(m, "the left lung", "left lung", NULL);
        karma_metric_destroy(m);
    }
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(use_all, NULL) > 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(compares_whole_texts_without_case),
        test_case(compares_stripped_texts_with_case),
        test_case(counts_common_words),
        test_case(gives_wilsons_interval_for_hits_and_misses),
        test_case(gives_a_normal_interval_for_fractions),
        test_case(draws_groups_together),
        test_case(lists_names_and_refuses_unknown_ones),
        test_case(survives_every_failing_allocation),
    };
    return run_group("metrics/metrics", tests);
}
