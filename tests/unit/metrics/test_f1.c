/* test_f1.c - F1 over labels: scikit-learn's figures, counts, what the details name. */
#include "tests/support/metric_cases.h"

#include <math.h>

static void is_that_of_scikit_learn(void **state) {
    (void)state;
    struct arena a = {0};
    const struct json *cases = metric_cases(&a, "f1");
    for (size_t i = 0; i < json_count(cases); i++) {
        const struct json *c = json_at(cases, i), *scores = json_get(c, "scores");
        const struct json *references = json_get(c, "references");
        for (size_t k = 0; k < json_count(scores); k++) {
            const struct json *args = json_at(json_at(scores, k), 0);
            const double want = as_real(json_at(json_at(scores, k), 1));
            karma_metric *m = metric_of("f1", args);
            double sum[200] = {0}, score;
            size_t n_most = 0;
            for (size_t j = 0; j < json_count(references); j++) {
                const double *counts;
                size_t n;
                metric_add(m, text_at(json_get(c, "predictions"), j), text_at(references, j));
                assert_ok(karma_metric_sample_counts(m, &counts, &n));
                for (size_t x = 0; x < n; x++)
                    sum[x] += counts[x];
                n_most = n > n_most ? n : n_most;
            }
            near(metric_end(m).score, want);
            assert_ok(karma_metric_from_counts(m, sum, n_most, &score));
            near(score, want);
            karma_metric_destroy(m);
        }
    }
    arena_release(&a);
    print_largest_error("f1");
}

static void names_labels_that_are_few_and_short(void **state) {
    (void)state;
    struct arena a = {0};
    karma_metric *m = metric_with("f1", NULL);
    metric_add(m, "A", "A");
    metric_add(m, "a long answer that nobody should see here", "B");
    metric_add(m, "B", "a long reference of somebody's case");
    const struct json *by_label = json_get(metric_details(&a, m), "by_label");
    assert_int_equal(json_count(by_label), 2);
    near(as_real(json_get(json_get(by_label, "A"), "f1")), 1);
    assert_int_equal(json_get(json_get(by_label, "B"), "support")->u.integer, 1);
    for (int i = 0; i < 40; i++) {
        char label[16];
        snprintf(label, sizeof(label), "l%d", i);
        metric_add(m, label, label);
    }
    assert_null(json_get(metric_details(&a, m), "by_label"));
    assert_int_equal(json_get(metric_details(&a, m), "n_labels")->u.integer, 44);
    karma_metric_destroy(m);
    m = metric_with("f1", "{\"labels\": [\"yes\", \"no\"]}");
    metric_add(m, "yes", "maybe");
    assert_int_equal(json_count(json_get(metric_details(&a, m), "by_label")), 2);
    karma_metric_destroy(m);
    arena_release(&a);
}

static void gives_no_counts_of_texts_without_end(void **state) {
    (void)state;
    karma_metric *m = metric_with("f1", NULL);
    const double *counts;
    size_t n;
    for (int i = 0; i < 65; i++) {
        char label[16];
        snprintf(label, sizeof(label), "l%d", i);
        metric_add(m, label, label);
        assert_ok(karma_metric_sample_counts(m, &counts, &n));
        assert_int_equal(n, i < 64 ? 3 * (i + 1) : 0);
    }
    near(metric_end(m).score, 1);
    karma_metric_destroy(m);
}

static void its_interval_is_drawn(void **state) {
    (void)state;
    karma_metric *m = metric_with("f1", NULL);
    karma_metric_result r = metric_end(m);
    assert_true(r.n == 0 && r.score == 0 && isnan(r.ci_low));
    metric_add(m, "A", "B");
    r = metric_end(m);
    assert_true(r.n == 1 && r.score == 0 && isnan(r.ci_low));
    for (int i = 0; i < 60; i++)
        metric_add(m, i % 4 ? "A" : "B", i % 3 ? "A" : "B");
    r = metric_end(m);
    assert_string_equal(r.method, "bootstrap");
    assert_true(r.ci_low < r.score && r.score < r.ci_high && r.standard_error > 0);
    karma_metric_destroy(m);
}

static void refuses_labels_that_are_none(void **state) {
    (void)state;
    karma_metric *m;
    assert_status(karma_metric_create("f1", "{\"labels\": 3}", &m), KARMA_E_TYPE);
    assert_status(karma_metric_create("f1", "{\"labels\": []}", &m), KARMA_E_TYPE);
    assert_status(karma_metric_create("f1", "{\"labels\": [1]}", &m), KARMA_E_TYPE);
    assert_message_contains("f1: metric argument labels: expected texts, found integer");
    assert_status(karma_metric_create("f1", "{\"average\": \"mean\"}", &m), KARMA_E_RANGE);
}

static karma_status use(void *ctx) {
    (void)ctx;
    karma_metric *m;
    karma_metric_result r;
    const char *json;
    karma_status st = karma_metric_create("f1", "{\"labels\": [\"A\", \"B\"]}", &m);
    for (int i = 0; i < 3 && st == KARMA_OK; i++)
        st = karma_metric_add(m, i ? "A" : "B", "A", NULL);
    if (st == KARMA_OK) st = karma_metric_end(m, &r);
    if (st == KARMA_OK) st = karma_metric_details(m, &json);
    karma_metric_destroy(m);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(use, NULL) > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(is_that_of_scikit_learn),
        test_case(names_labels_that_are_few_and_short),
        test_case(gives_no_counts_of_texts_without_end),
        test_case(its_interval_is_drawn),
        test_case(refuses_labels_that_are_none),
        test_case(survives_every_failing_allocation),
    };
    return run_group("metrics/f1", tests);
}
