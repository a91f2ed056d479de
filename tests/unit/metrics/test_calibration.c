/*
 * test_calibration.c - calibration error, Brier score, risk and coverage: figures of numpy and
 * scikit-learn, samples without a confidence, intervals.
 */
#include "tests/support/metric_cases.h"

#include <math.h>

/* The samples of a case: right ones predict their reference. */
static karma_metric *filled(const struct json *c, const char *name, const char *args) {
    karma_metric *m = metric_with(name, args);
    const struct json *confidence = json_get(c, "confidence"), *right = json_get(c, "right");
    for (size_t i = 0; i < json_count(confidence); i++)
        metric_add_more(m, json_at(right, i)->u.integer ? " A" : "B", "a", NULL,
                        as_real(json_at(confidence, i)), NULL);
    return m;
}

static void errors_are_those_of_their_formula(void **state) {
    (void)state;
    struct arena a = {0};
    const struct json *cases = metric_cases(&a, "calibration");
    for (size_t i = 0; i < json_count(cases); i++) {
        const struct json *c = json_at(cases, i), *by_bins = json_get(c, "ece");
        for (size_t k = 0; k < json_count(by_bins); k++) {
            const struct json *want = json_at(by_bins, k);
            for (int s = 0; s < 2; s++) {
                const char *args =
                    arena_printf(&a, "{\"n_bins\": %d, \"strategy\": \"%s\"}",
                                 (int)json_at(want, 0)->u.integer, s ? "quantile" : "uniform");
                karma_metric *m = filled(c, "ece", args);
                near(metric_end(m).score, as_real(json_at(want, s ? 2 : 1)));
                karma_metric_destroy(m);
            }
        }
    }
    print_largest_error("ece");
    for (size_t i = 0; i < json_count(cases); i++) {
        karma_metric *m = filled(json_at(cases, i), "brier", NULL);
        near(metric_end(m).score, as_real(json_get(json_at(cases, i), "brier")));
        karma_metric_destroy(m);
    }
    print_largest_error("brier");
    for (size_t i = 0; i < json_count(cases); i++) {
        karma_metric *m = filled(json_at(cases, i), "risk_coverage", NULL);
        near(metric_end(m).score, as_real(json_get(json_at(cases, i), "area")));
        karma_metric_destroy(m);
    }
    print_largest_error("risk_coverage");
    arena_release(&a);
}

/* Confidences 0.9, 0.8, 0.8, 0.4; the second 0.8 and the 0.4 are wrong. */
static void gives_risk_at_each_coverage(void **state) {
    (void)state;
    struct arena a = {0};
    static const double confidence[] = {0.8, 0.9, 0.4, 0.8};
    static const char *const predictions[] = {"x", "x", "y", "y"};
    karma_metric *m = metric_with("risk_coverage", "{\"coverages\": [0.25, 0.5, 0.75, 1]}");
    for (int i = 0; i < 4; i++)
        metric_add_more(m, predictions[i], "x", NULL, confidence[i], NULL);
    near(metric_end(m).score, (0.0 + 0.25 + 1.0 / 3 + 0.5) / 4);
    const struct json *details = metric_details(&a, m);
    const struct json *list = json_get(details, "risk_at_coverage");
    static const double risks[] = {0, 0.25, 1.0 / 3, 0.5}, thresholds[] = {0.9, 0.8, 0.8, 0.4};
    for (size_t i = 0; i < 4; i++) {
        near(as_real(json_get(json_at(list, i), "risk")), risks[i]);
        near(as_real(json_get(json_at(list, i), "confidence")), thresholds[i]);
    }
    near(as_real(json_get(details, "risk")), 0.5);
    near(as_real(json_get(details, "excess_area")),
         (0.0 + 0.25 + 1.0 / 3 + 0.5) / 4 - (1.0 / 3 + 0.5) / 4);
    karma_metric_destroy(m);
    arena_release(&a);
}

static void shows_its_bins(void **state) {
    (void)state;
    struct arena a = {0};
    karma_metric *m = metric_with("ece", "{\"n_bins\": 10}");
    metric_add_more(m, "x", "x", NULL, 0.7, NULL); /* the border belongs to the bin below */
    metric_add_more(m, "x", "y", NULL, 0.65, NULL);
    metric_add_more(m, "x", "x", NULL, 1, NULL);
    const struct json *details = metric_details(&a, m), *bins = json_get(details, "bins");
    assert_int_equal(json_count(bins), 2);
    near(as_real(json_get(json_at(bins, 0), "above")), 0.6);
    assert_int_equal(json_get(json_at(bins, 0), "n")->u.integer, 2);
    near(as_real(json_get(json_at(bins, 0), "confidence")), 0.675);
    near(as_real(json_get(json_at(bins, 0), "accuracy")), 0.5);
    near(as_real(json_get(details, "maximum_calibration_error")), 0.175);
    karma_metric_destroy(m);
    arena_release(&a);
}

static void leaves_out_what_has_no_confidence(void **state) {
    (void)state;
    static const char *const names[] = {"ece", "brier", "risk_coverage"};
    for (size_t i = 0; i < 3; i++) {
        struct arena a = {0};
        karma_metric *m = metric_with(names[i], NULL);
        assert_true(isnan(metric_add(m, "x", "x")));
        karma_metric_result r = metric_end(m);
        assert_true(r.n == 0 && isnan(r.score) && isnan(r.ci_low));
        assert_true(isfinite(metric_add_more(m, "x", "x", NULL, 0.5, NULL)));
        r = metric_end(m);
        assert_true(r.n == 1 && isfinite(r.score));
        assert_int_equal(json_get(metric_details(&a, m), "n_without_confidence")->u.integer, 1);
        assert_true(karma_metric_less_is_better(m));
        assert_false(karma_metric_is_error_rate(m));
        karma_metric_destroy(m);
        arena_release(&a);
    }
}

static void refuses_a_confidence_that_is_none(void **state) {
    (void)state;
    karma_metric *m = metric_with("ece", NULL);
    const karma_metric_sample s = {.struct_size = sizeof(s), .confidence = 1.01};
    assert_status(karma_metric_add_sample(m, &s, NULL), KARMA_E_RANGE);
    assert_message_contains("ece: confidence: 1.01 is not in 0..1");
    karma_metric_destroy(m);
    assert_status(karma_metric_create("risk_coverage", "{\"coverages\": [0]}", &m), KARMA_E_RANGE);
    assert_status(karma_metric_create("risk_coverage", "{\"coverages\": 1}", &m), KARMA_E_TYPE);
}

static void intervals_are_drawn_the_same_each_time(void **state) {
    (void)state;
    static const char *const metrics[][2] = {
        {"ece", NULL}, {"ece", "{\"strategy\": \"quantile\"}"}, {"risk_coverage", NULL}};
    struct arena a = {0};
    const struct json *cases = metric_cases(&a, "calibration"), *c = NULL;
    for (size_t i = 0; i < json_count(cases); i++)
        if (json_count(json_get(json_at(cases, i), "right")) == 50) c = json_at(cases, i);
    assert_non_null(c);
    for (size_t i = 0; i < 3; i++) {
        karma_metric_result r[2];
        for (int k = 0; k < 2; k++) {
            karma_metric *m = filled(c, metrics[i][0], metrics[i][1]);
            r[k] = metric_end(m);
            karma_metric_destroy(m);
        }
        assert_string_equal(r[0].method, "bootstrap");
        assert_true(r[0].ci_low < r[0].ci_high && r[0].standard_error > 0);
        assert_memory_equal(&r[0].ci_low, &r[1].ci_low, sizeof(double));
        assert_memory_equal(&r[0].ci_high, &r[1].ci_high, sizeof(double));
    }
    arena_release(&a);
}

static karma_status use(void *ctx) {
    karma_metric *m;
    karma_metric_result r;
    const char *json;
    karma_status st = karma_metric_create(ctx, NULL, &m);
    for (int i = 0; i < 3 && st == KARMA_OK; i++)
        st = karma_metric_add_sample(
            m,
            &(karma_metric_sample){.struct_size = sizeof(karma_metric_sample),
                                   .prediction = "A",
                                   .reference = "a",
                                   .confidence = 0.3 * i},
            NULL);
    if (st == KARMA_OK) st = karma_metric_end(m, &r);
    if (st == KARMA_OK) st = karma_metric_details(m, &json);
    karma_metric_destroy(m);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    char ece[] = "ece", brier[] = "brier", curve[] = "risk_coverage";
    assert_true(for_each_failing_allocation(use, ece) > 10);
    assert_true(for_each_failing_allocation(use, brier) > 10);
    assert_true(for_each_failing_allocation(use, curve) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(errors_are_those_of_their_formula),
        test_case(gives_risk_at_each_coverage),
        test_case(shows_its_bins),
        test_case(leaves_out_what_has_no_confidence),
        test_case(refuses_a_confidence_that_is_none),
        test_case(intervals_are_drawn_the_same_each_time),
        test_case(survives_every_failing_allocation),
    };
    return run_group("metrics/calibration", tests);
}
