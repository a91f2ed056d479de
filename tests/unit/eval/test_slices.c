/*
 * test_slices.c - scores of parts of a data set and of variants of one question, from samples made
 * here: the figures are those of base/statistics.h, the rules (minimum n, correction, failed ones,
 * groups) are the room's own.
 */
#include "tests/support/test.h"

#include <math.h>

#include "base/statistics.h"
#include "eval/slices.h"
#include "karma/karma.h"

static struct arena arena;

static int release(void **state) {
    arena_release(&arena);
    return test_leaks_end(state);
}
#define slices_case(fn) cmocka_unit_test_setup_teardown(fn, test_leaks_begin, release)

/* ---- samples ---- */

struct rig {
    struct plan_metric metrics[2];
    struct plan_dataset d;
    struct slices *slices;
};

static karma_status open_rig(struct rig *r, const char *first, const char *second, size_t n,
                             size_t min_n) {
    const char *const names[] = {first, second};
    *r = (struct rig){0};
    karma_status st = KARMA_OK;
    for (int k = 0; k < 2 && names[k] && st == KARMA_OK; k++) {
        r->metrics[k].name = names[k];
        st = karma_metric_create(names[k], NULL, &r->metrics[k].metric);
        r->d.n_metrics += st == KARMA_OK;
    }
    r->d.metrics = r->metrics;
    return st == KARMA_OK ? slices_create(&r->d, n, min_n, &r->slices) : st;
}

static void close_rig(struct rig *r) {
    slices_destroy(r->slices);
    for (int k = 0; k < 2; k++)
        karma_metric_destroy(r->metrics[k].metric);
}

static const char *const fields[] = {"subject", "year"};

struct made {
    const char *prediction, *subject, *year, *group, *variant;
    bool failed;
};

static karma_status add(struct rig *r, const struct made *m) {
    char args[64];
    double scores[2];
    const char *const values[] = {m->subject, m->year};
    if (m->variant) snprintf(args, sizeof(args), "{\"variant\": %s}", m->variant);
    const karma_sample sample = {.struct_size = sizeof(sample),
                                 .other_args_json = m->variant ? args : NULL};
    const struct answer answer = {.status = m->failed ? KARMA_E_LIMIT : KARMA_OK};
    const karma_metric_sample given = {.struct_size = sizeof(given),
                                       .prediction = m->prediction,
                                       .reference = "a b c d",
                                       .group = m->group,
                                       .confidence = NAN};
    karma_status st = KARMA_OK;
    for (size_t k = 0; k < r->d.n_metrics && !m->failed && st == KARMA_OK; k++)
        st = karma_metric_add_sample(r->metrics[k].metric, &given, &scores[k]);
    const struct judged j = {.sample = &sample,
                             .answer = &answer,
                             .group = m->group,
                             .slice_fields = fields,
                             .slice_values = values,
                             .n_slices = m->subject || m->year ? 2 : 0,
                             .clean_prediction = m->prediction,
                             .scores = scores};
    return st == KARMA_OK ? slices_add(r->slices, &j) : st;
}

static const char right[] = "a b c d", wrong[] = "x";

static const struct json *finish(struct rig *r) {
    struct json *result = json_new_object(&arena);
    assert_ok(slices_put(r->slices, &arena, result));
    close_rig(r);
    return result;
}

static double real(const struct json *o, const char *name) {
    const struct json *j = json_get(o, name);
    assert_non_null(j);
    return j->type == JSON_REAL ? j->u.real : j->type == JSON_INT ? (double)j->u.integer : NAN;
}

static const struct json *value_of(const struct json *result, const char *field,
                                   const char *value) {
    const struct json *o = json_get(json_get(json_get(result, "by_slice"), field), value);
    assert_non_null(o);
    return o;
}

static const struct json *metric_of(const struct json *result, const char *field, const char *value,
                                    const char *metric) {
    return json_get(json_get(value_of(result, field, value), "metrics"), metric);
}

/* ---- fields ---- */

static void a_value_has_its_score_and_its_difference_to_the_rest(void **state) {
    (void)state;
    struct rig r;
    assert_ok(open_rig(&r, "exact_match", NULL, 200, 0));
    /* Heart: 30 of 40 right; lung: 20 of 40; skin: 3 of 10, below the minimum. */
    for (int i = 0; i < 90; i++) {
        const char *subject = i < 40 ? "heart" : i < 80 ? "lung" : "skin";
        const bool good = i < 30 || (i >= 40 && i < 60) || i >= 87;
        assert_ok(add(&r, &(struct made){good ? right : wrong, .subject = subject,
                                         .year = i % 2 ? "2020" : NULL}));
    }
    const struct json *result = finish(&r);
    const struct json *heart = metric_of(result, "subject", "heart", "exact_match");
    assert_true(real(heart, "score") == 0.75);
    double low, high;
    stats_wilson(30, 40, &low, &high);
    assert_true(json_at(json_get(heart, "interval_95"), 0)->u.real == low);
    assert_true(json_at(json_get(heart, "interval_95"), 1)->u.real == high);
    const struct stats_difference d = stats_two_shares(30, 40, 23, 50),
                                  e = stats_two_shares(20, 40, 33, 50);
    assert_true(real(heart, "difference_to_rest") == d.value && real(heart, "p") == d.p);
    assert_string_equal(json_str(json_get(heart, "test"), ""), "two_proportion_z");
    const double p[] = {d.p, e.p};
    double holm[2];
    stats_holm(p, 2, holm);
    assert_true(real(heart, "p_holm") == holm[0]);
    assert_true(real(metric_of(result, "subject", "lung", "exact_match"), "p_holm") == holm[1]);
    const struct json *skin = value_of(result, "subject", "skin");
    assert_int_equal(real(skin, "n"), 10);
    assert_null(json_get(skin, "metrics"));
    const struct json *about = json_get(result, "by_slice_about");
    assert_int_equal(real(about, "minimum_n"), SLICES_MIN_N);
    const struct json *year = json_get(json_get(about, "fields"), "year");
    assert_int_equal(real(year, "values"), 1);
    assert_int_equal(real(year, "samples_without"), 45);
    /* With one value there is no rest. */
    assert_null(json_get(metric_of(result, "year", "2020", "exact_match"), "p"));
    assert_null(json_get(result, "counterfactual"));
}

static void failed_samples_are_counted_by_value(void **state) {
    (void)state;
    struct rig r;
    assert_ok(open_rig(&r, "exact_match", NULL, 10, 1));
    for (int i = 0; i < 6; i++)
        assert_ok(
            add(&r, &(struct made){right, .subject = i < 4 ? "a" : "b", .failed = i % 3 == 0}));
    const struct json *result = finish(&r);
    assert_int_equal(real(value_of(result, "subject", "a"), "n"), 2);
    assert_int_equal(real(value_of(result, "subject", "a"), "failed"), 2);
    assert_null(json_get(value_of(result, "subject", "b"), "failed"));
    assert_ok(open_rig(&r, "exact_match", NULL, 2, 1));
    for (int i = 0; i < 2; i++)
        assert_ok(add(&r, &(struct made){right, .subject = "a", .failed = true}));
    result = finish(&r);
    assert_int_equal(real(value_of(result, "subject", "a"), "n"), 0);
    assert_int_equal(real(value_of(result, "subject", "a"), "failed"), 2);
}

static void groups_make_the_errors_clustered(void **state) {
    (void)state;
    struct rig r;
    double x[80];
    bool marked[80];
    size_t group[80];
    assert_ok(open_rig(&r, "exact_match", NULL, 80, 5));
    for (int i = 0; i < 80; i++) {
        char name[16];
        group[i] = (size_t)i / 4;
        snprintf(name, sizeof(name), "g%d", i / 4);
        x[i] = (i * 7) % 5 < 3;
        marked[i] = i % 4 == 1;
        assert_ok(add(&r, &(struct made){x[i] > 0 ? right : wrong,
                                         .subject = marked[i] ? "in" : "out", .group = name}));
    }
    const struct json *in = metric_of(finish(&r), "subject", "in", "exact_match");
    struct stats_difference d;
    assert_ok(stats_marked_difference(x, marked, group, 80, 20, &arena, &d));
    assert_string_equal(json_str(json_get(in, "interval_method"), ""), "clustered");
    assert_string_equal(json_str(json_get(in, "test"), ""), "t_by_group");
    assert_true(real(in, "p") == d.p && real(in, "difference_to_rest") == d.value);
}

static void means_and_error_rates_have_tests_of_their_own(void **state) {
    (void)state;
    static const char *const said[] = {"a b c d", "a b c x", "a b", "x", "a b c d e f"};
    struct rig r;
    assert_ok(open_rig(&r, "tokenised_f1", "wer", 100, 0));
    for (int i = 0; i < 100; i++)
        assert_ok(add(&r, &(struct made){said[i % 5], .subject = i < 50 ? "one" : "two"}));
    const struct json *result = finish(&r);
    const struct json *f1 = metric_of(result, "subject", "one", "tokenised_f1"),
                      *wer = metric_of(result, "subject", "one", "wer");
    assert_string_equal(json_str(json_get(f1, "test"), ""), "welch");
    assert_string_equal(json_str(json_get(f1, "interval_method"), ""), "normal");
    assert_true(fabs(real(f1, "difference_to_rest")) < 1e-12 && real(f1, "p") > 0.99);
    assert_string_equal(json_str(json_get(wer, "test"), ""), "permutation");
    assert_string_equal(json_str(json_get(wer, "interval_method"), ""), "bootstrap");
    assert_true(real(wer, "difference_to_rest") == 0 && real(wer, "p") == 1);
    assert_true(fabs(real(wer, "score") - (0 + 1 + 2 + 4 + 2) / 20.0) < 1e-12);
    const struct json *about = json_get(json_get(result, "by_slice_about"), "fields");
    assert_int_equal(real(json_get(about, "subject"), "resamples"), STATS_RESAMPLES);
}

static void a_value_of_all_samples_is_sliced_where_it_has_counts(void **state) {
    (void)state;
    struct rig r;
    assert_ok(open_rig(&r, "f1", NULL, 80, 0));
    for (int i = 0; i < 80; i++)
        assert_ok(add(&r, &(struct made){i % 4 ? right : wrong, .subject = i < 40 ? "a" : "b"}));
    const struct json *f1 = metric_of(finish(&r), "subject", "a", "f1");
    assert_string_equal(json_str(json_get(f1, "interval_method"), ""), "bootstrap");
    assert_true(real(f1, "score") > 0.4 && real(f1, "difference_to_rest") == 0);
    /* With more labels than are counted there is no score of sums. */
    assert_ok(open_rig(&r, "f1", NULL, 200, 0));
    for (int i = 0; i < 200; i++) {
        char label[24];
        snprintf(label, sizeof(label), "label %d", i);
        assert_ok(add(&r, &(struct made){label, .subject = i < 100 ? "a" : "b"}));
    }
    assert_null(metric_of(finish(&r), "subject", "a", "f1"));
}

static void a_field_of_very_many_values_lists_the_large_ones(void **state) {
    (void)state;
    struct rig r;
    enum { N = 700 };
    assert_ok(open_rig(&r, "exact_match", NULL, N, 0));
    for (int i = 0; i < N; i++) {
        char name[16];
        snprintf(name, sizeof(name), i % 10 ? "v%d" : "large", i);
        assert_ok(add(&r, &(struct made){right, .subject = name}));
    }
    const struct json *result = finish(&r);
    assert_int_equal(json_count(json_get(json_get(result, "by_slice"), "subject")), 1);
    assert_int_equal(real(value_of(result, "subject", "large"), "n"), 70);
    const struct json *about = json_get(json_get(result, "by_slice_about"), "fields");
    assert_int_equal(real(json_get(about, "subject"), "values"), 631);
    assert_int_equal(real(json_get(about, "subject"), "values_left_out"), 630);
}

static void a_set_without_fields_says_nothing(void **state) {
    (void)state;
    struct rig r;
    assert_ok(open_rig(&r, "exact_match", NULL, 5, 0));
    for (int i = 0; i < 5; i++)
        assert_ok(add(&r, &(struct made){right, .group = "g"}));
    assert_int_equal(json_count(finish(&r)), 0);
}

/* ---- variants ---- */

static void variants_of_a_question_are_pairs(void **state) {
    (void)state;
    struct rig r;
    assert_ok(open_rig(&r, "exact_match", NULL, 200, 0));
    /* 50 questions in three variants. The first is right 40 times, the second in 30 of these and in
     * none of the others; the third is asked of 20 questions. Wrong answers differ. */
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof(name), "q%d", i);
        assert_ok(add(
            &r, &(struct made){i < 40 ? right : wrong, .group = name, .variant = "\"neutral\""}));
        assert_ok(
            add(&r, &(struct made){i < 30 ? right : "y", .group = name, .variant = "\"other\""}));
        if (i < 20) assert_ok(add(&r, &(struct made){right, .group = name, .variant = "3"}));
    }
    const struct json *c = json_get(finish(&r), "counterfactual");
    assert_int_equal(real(c, "groups"), 50);
    assert_int_equal(real(json_get(c, "variants"), "neutral"), 50);
    assert_int_equal(real(json_get(c, "variants"), "3"), 20);
    assert_true(real(json_get(c, "same_answer"), "share") == 30.0 / 50);
    const struct json *m = json_get(json_get(c, "metrics"), "exact_match");
    assert_true(real(json_get(m, "consistency"), "share") == 40.0 / 50);
    assert_true(real(json_get(m, "all_right"), "share") == 30.0 / 50);
    const struct json *pairs = json_get(m, "pairs");
    assert_int_equal(json_count(pairs), 3);
    const struct json *first = json_at(pairs, 0);
    assert_string_equal(json_str(json_get(first, "first"), ""), "neutral");
    assert_string_equal(json_str(json_get(first, "second"), ""), "other");
    assert_int_equal(real(first, "n"), 50);
    assert_true(fabs(real(first, "difference") + 0.2) < 1e-12);
    assert_int_equal(real(first, "only_first_right"), 10);
    assert_int_equal(real(first, "only_second_right"), 0);
    assert_true(real(first, "p") == stats_mcnemar(10, 0));
    const double p[] = {stats_mcnemar(10, 0), 1, 1};
    double holm[3];
    stats_holm(p, 3, holm);
    assert_true(real(first, "p_holm") == holm[0]);
    assert_int_equal(real(json_at(pairs, 1), "n"), 20);
}

static void several_samples_of_a_variant_are_averaged(void **state) {
    (void)state;
    struct rig r;
    assert_ok(open_rig(&r, "exact_match", NULL, 60, 0));
    for (int i = 0; i < 60; i++) {
        char name[16];
        snprintf(name, sizeof(name), "q%d", i / 6);
        assert_ok(add(&r, &(struct made){(i * i) % 7 < 4 ? right : wrong, .group = name,
                                         .variant = i % 2 ? "\"a\"" : "\"b\""}));
    }
    const struct json *m =
        json_get(json_get(json_get(finish(&r), "counterfactual"), "metrics"), "exact_match");
    const struct json *pair = json_at(json_get(m, "pairs"), 0);
    assert_string_equal(json_str(json_get(pair, "test"), ""), "paired_t");
    assert_int_equal(real(pair, "n"), 10);
    assert_null(json_get(pair, "only_first_right"));
}

static void one_variant_alone_is_no_pair(void **state) {
    (void)state;
    struct rig r;
    assert_ok(open_rig(&r, "exact_match", NULL, 8, 0));
    for (int i = 0; i < 8; i++) { /* two variants, but never of one question */
        char name[16];
        snprintf(name, sizeof(name), "q%d", i);
        assert_ok(add(&r, &(struct made){right, .group = name, .variant = i % 2 ? "1" : "2"}));
    }
    assert_null(json_get(finish(&r), "counterfactual"));
}

/* ---- memory ---- */

static karma_status all_of_it(void *ctx) {
    (void)ctx;
    struct rig r;
    struct arena a = {0};
    karma_status st = open_rig(&r, "exact_match", "wer", 12, 2);
    for (int i = 0; i < 12 && st == KARMA_OK; i++)
        st = add(&r, &(struct made){i % 3 ? right : wrong, .subject = i % 2 ? "a" : "b",
                                    .group = i < 6   ? "g"
                                             : i < 9 ? "h"
                                                     : NULL,
                                    .variant = i % 2 ? "1" : "2", .failed = i == 7});
    struct json *result = json_new_object(&a);
    if (st == KARMA_OK) st = result ? slices_put(r.slices, &a, result) : KARMA_E_NOMEM;
    close_rig(&r);
    arena_release(&a);
    return st;
}

static void survives_every_failed_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(all_of_it, NULL) > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        slices_case(a_value_has_its_score_and_its_difference_to_the_rest),
        slices_case(failed_samples_are_counted_by_value),
        slices_case(groups_make_the_errors_clustered),
        slices_case(means_and_error_rates_have_tests_of_their_own),
        slices_case(a_value_of_all_samples_is_sliced_where_it_has_counts),
        slices_case(a_field_of_very_many_values_lists_the_large_ones),
        slices_case(a_set_without_fields_says_nothing),
        slices_case(variants_of_a_question_are_pairs),
        slices_case(several_samples_of_a_variant_are_averaged),
        slices_case(one_variant_alone_is_no_pair),
        slices_case(survives_every_failed_allocation),
    };
    return run_group("eval/slices", tests);
}
