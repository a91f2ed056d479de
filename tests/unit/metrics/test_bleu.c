/* test_bleu.c - BLEU: sacreBLEU's figures of corpora and sentences, its signature, an interval. */
#include "tests/support/metric_cases.h"

#include <math.h>

/* All corpora of a file of cases against a metric. */
static void check_corpora(const char *name) {
    struct arena a = {0};
    const struct json *cases = metric_cases(&a, name);
    for (size_t i = 0; i < json_count(cases); i++) {
        const struct json *c = json_at(cases, i), *references = json_get(c, "references");
        const struct json *samples = json_get(c, "samples");
        karma_metric *m = metric_of(name, json_get(c, "args"));
        assert_int_equal(karma_metric_get_kind(m), KARMA_METRIC_COUNTS);
        for (size_t k = 0; k < json_count(references); k++) {
            const double score =
                metric_add(m, text_at(json_get(c, "predictions"), k), text_at(references, k));
            if (samples) near(score, as_real(json_at(samples, k)));
        }
        near(metric_end(m).score, as_real(json_get(c, "score")));
        const struct json *details = metric_details(&a, m);
        if (json_get(c, "signature"))
            assert_string_equal(json_str(json_get(details, "signature"), ""),
                                json_str(json_get(c, "signature"), "?"));
        static const char *const figures[] = {"brevity_penalty", "sys_len", "ref_len"};
        for (size_t k = 0; k < 3; k++)
            if (json_get(c, figures[k]))
                near(as_real(json_get(details, figures[k])), as_real(json_get(c, figures[k])));
        karma_metric_destroy(m);
    }
    arena_release(&a);
    print_largest_error(name);
}

static void bleu_is_sacrebleus(void **state) {
    (void)state;
    check_corpora("bleu");
}

static void chrf_is_sacrebleus(void **state) {
    (void)state;
    check_corpora("chrf");
}

static void counts_of_samples_add_up_to_the_score(void **state) {
    (void)state;
    static const char *const names[] = {"bleu", "chrf", "wer"};
    static const char *const texts[][2] = {
        {"take one tablet each morning", "take one tablet every morning"},
        {"no chest pain at all today", "there is no chest pain today"},
        {"", "rest"},
    };
    for (size_t i = 0; i < 3; i++) {
        karma_metric *m = metric_with(names[i], NULL), *fresh = metric_with(names[i], NULL);
        double sum[64] = {0}, score;
        const double *counts;
        size_t n = 0;
        for (size_t k = 0; k < 3; k++) {
            metric_add(m, texts[k][0], texts[k][1]);
            assert_ok(karma_metric_sample_counts(m, &counts, &n));
            assert_in_range(n, 1, 64);
            for (size_t j = 0; j < n; j++)
                sum[j] += counts[j];
        }
        assert_ok(karma_metric_from_counts(fresh, sum, n, &score));
        near(score, metric_end(m).score);
        assert_status(karma_metric_from_counts(fresh, sum, n - 1, &score), KARMA_E_USAGE);
        karma_metric_destroy(m);
        karma_metric_destroy(fresh);
    }
}

static void its_interval_is_drawn_the_same_each_time(void **state) {
    (void)state;
    karma_metric_result r[2];
    for (int i = 0; i < 2; i++) {
        karma_metric *m = metric_with("bleu", NULL);
        for (int k = 0; k < 40; k++)
            metric_add(m, k % 3 ? "give two tablets twice a day" : "give two drops a day",
                       k % 5 ? "give two tablets twice a day" : "give one tablet twice daily");
        r[i] = metric_end(m);
        assert_string_equal(r[i].method, "bootstrap");
        assert_true(r[i].ci_low < r[i].score && r[i].score < r[i].ci_high);
        assert_true(r[i].standard_error > 0);
        karma_metric_destroy(m);
    }
    assert_memory_equal(&r[0].score, &r[1].score, sizeof(double));
    assert_memory_equal(&r[0].ci_low, &r[1].ci_low, sizeof(double));
    assert_memory_equal(&r[0].ci_high, &r[1].ci_high, sizeof(double));
}

/* Twenty documents of which each stands there twice say as much as twenty. */
static void samples_of_one_group_are_drawn_together(void **state) {
    (void)state;
    karma_metric *once = metric_with("bleu", NULL), *twice = metric_with("bleu", NULL);
    for (int i = 0; i < 20; i++) {
        char group[16];
        snprintf(group, sizeof(group), "g%d", i);
        const char *p = i % 3 ? "give two tablets twice a day" : "give two drops";
        metric_add(once, p, "give two tablets twice a day");
        for (int k = 0; k < 2; k++)
            metric_add_more(twice, p, "give two tablets twice a day", NULL, NAN, group);
    }
    const karma_metric_result a = metric_end(once), b = metric_end(twice);
    near(a.score, b.score);
    near(a.ci_low, b.ci_low);
    near(a.ci_high, b.ci_high);
    assert_int_equal(b.n, 40);
    karma_metric_destroy(once);
    karma_metric_destroy(twice);
}

static void refuses_arguments_that_are_none(void **state) {
    (void)state;
    karma_metric *m;
    assert_status(karma_metric_create("bleu", "{\"tokenize\": \"13b\"}", &m), KARMA_E_RANGE);
    assert_status(karma_metric_create("bleu", "{\"max_ngram_order\": 0}", &m), KARMA_E_RANGE);
    assert_status(karma_metric_create("chrf", "{\"betta\": 2}", &m), KARMA_E_USAGE);
    assert_message_contains("did you mean 'beta'");
}

static karma_status use(void *ctx) {
    karma_metric *m;
    karma_metric_result r;
    const char *json;
    karma_status st = karma_metric_create(ctx, NULL, &m);
    for (int i = 0; i < 2 && st == KARMA_OK; i++)
        st = karma_metric_add(m, "a dose of 5 mg, daily", "a dose of 5 mg daily", NULL);
    if (st == KARMA_OK) st = karma_metric_end(m, &r);
    if (st == KARMA_OK) st = karma_metric_details(m, &json);
    karma_metric_destroy(m);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    char bleu[] = "bleu", chrf[] = "chrf";
    assert_true(for_each_failing_allocation(use, bleu) > 10);
    assert_true(for_each_failing_allocation(use, chrf) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(bleu_is_sacrebleus),
        test_case(chrf_is_sacrebleus),
        test_case(counts_of_samples_add_up_to_the_score),
        test_case(its_interval_is_drawn_the_same_each_time),
        test_case(samples_of_one_group_are_drawn_together),
        test_case(refuses_arguments_that_are_none),
        test_case(survives_every_failing_allocation),
    };
    return run_group("metrics/bleu", tests);
}
