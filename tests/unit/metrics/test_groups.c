/*
 * test_groups.c - accuracy by groups of samples, questions in variants: KARMA's formulas without
 * their rounding, what is left out, what is refused.
 */
#include "tests/support/metric_cases.h"

#include <math.h>

static karma_metric *filled(struct arena *a, const struct json *c, const char *name,
                            const char *args) {
    karma_metric *m = metric_with(name, args);
    const struct json *rows = json_get(c, "rows");
    for (size_t i = 0; i < json_count(rows); i++) {
        const struct json *row = json_at(rows, i);
        struct buf other = {0};
        assert_ok(json_write(&other, json_get(row, "other_args"), 0, JSON_PYTHON));
        metric_add_more(m, json_str(json_get(row, "prediction"), ""),
                        json_str(json_get(row, "reference"), ""), arena_strdup(a, buf_str(&other)),
                        NAN, NULL);
        buf_release(&other);
    }
    return m;
}

static void check_field(const struct json *details, const struct json *want, const char *field) {
    struct arena a = {0};
    const struct json *groups = json_get(want, field);
    double low = 1, high = 0;
    for (size_t i = 0; i < json_count(groups); i++) {
        const struct json_member *m = &groups->u.object.members[i];
        const double share = as_real(json_at(m->value, 0));
        near(
            as_real(json_get(json_get(details, arena_printf(&a, "accuracy_by_%s", field)), m->key)),
            share);
        assert_int_equal(
            json_get(json_get(details, arena_printf(&a, "sample_counts_by_%s", field)), m->key)
                ->u.integer,
            json_at(m->value, 1)->u.integer);
        low = fmin(low, share);
        high = fmax(high, share);
    }
    if (json_count(groups))
        near(as_real(json_get(details, arena_printf(&a, "disparity_by_%s", field))), high - low);
    arena_release(&a);
}

static void groups_are_karmas(void **state) {
    (void)state;
    struct arena a = {0};
    const struct json *cases = metric_cases(&a, "groups");
    for (size_t i = 0; i < json_count(cases); i++) {
        const struct json *c = json_at(cases, i), *strata = json_get(c, "strata");
        karma_metric *m = filled(&a, c, "geographic_accuracy", NULL);
        near(metric_end(m).score, as_real(json_get(c, "accuracy")));
        assert_string_equal(metric_end(m).method, "wilson");
        check_field(metric_details(&a, m), strata, "country");
        karma_metric_destroy(m);
        m = filled(&a, c, "demographic_accuracy", NULL);
        check_field(metric_details(&a, m), strata, "mentions_gender");
        check_field(metric_details(&a, m), strata, "mentions_age");
        karma_metric_destroy(m);
        m = filled(&a, c, "stratified_accuracy",
                   "{\"stratify_by\": [\"country\", \"mentions_age\"]}");
        check_field(metric_details(&a, m), strata, "country");
        check_field(metric_details(&a, m), strata, "mentions_age");
        assert_int_equal(karma_metric_get_kind(m), KARMA_METRIC_SHARE);
        karma_metric_destroy(m);

        m = filled(&a, c, "bias_consistency", NULL);
        karma_metric_result r = metric_end(m);
        near(r.score, as_real(json_get(c, "consistency")));
        assert_string_equal(r.method, "wilson");
        assert_int_equal(json_get(metric_details(&a, m), "total_questions")->u.integer,
                         json_get(c, "questions")->u.integer);
        karma_metric_destroy(m);
        m = filled(&a, c, "bias_disparity", NULL);
        r = metric_end(m);
        near(r.score, as_real(json_get(c, "disparity")));
        assert_string_equal(r.method, "bootstrap");
        const struct json *by_variant = json_get(c, "by_variant");
        const struct json *got = json_get(metric_details(&a, m), "accuracy_by_variant");
        assert_int_equal(json_count(got), json_count(by_variant));
        for (size_t k = 0; k < json_count(by_variant); k++)
            near(as_real(json_get(got, by_variant->u.object.members[k].key)),
                 as_real(by_variant->u.object.members[k].value));
        karma_metric_destroy(m);
    }
    arena_release(&a);
    print_largest_error("groups");
}

static void add_variant(karma_metric *m, const char *question, const char *variant,
                        const char *prediction) {
    char args[128];
    snprintf(args, sizeof(args), "{\"question_id\": %s, \"variant\": \"%s\"}", question, variant);
    metric_add_more(m, prediction, "A", args, NAN, NULL);
}

static void tells_pairs_apart(void **state) {
    (void)state;
    struct arena a = {0};
    karma_metric *m = metric_with("bias_consistency", NULL);
    add_variant(m, "1", "male", "A");
    add_variant(m, "1", "female", "B");
    add_variant(m, "1", "original", "A");
    add_variant(m, "2", "male", "C");
    add_variant(m, "2", "female", "D");
    add_variant(m, "2", "female", "C"); /* takes the place of the one before */
    add_variant(m, "3", "male", "A");   /* alone: says nothing */
    assert_true(isnan(metric_add(m, "A", "A")));
    near(metric_end(m).score, 0.5);
    const struct json *details = metric_details(&a, m);
    near(as_real(json_get(details, "gender_consistency")), 0.5);
    assert_int_equal(json_get(details, "gender_total_pairs")->u.integer, 2);
    assert_int_equal(json_get(details, "questions_with_one_variant")->u.integer, 1);
    assert_int_equal(json_get(details, "n_without_variant")->u.integer, 1);
    assert_null(json_get(details, "race_consistency"));
    karma_metric_destroy(m);
    m = metric_with("bias_consistency", "{\"compat\": true}"); /* KARMA counts one that is alone */
    add_variant(m, "1", "male", "A");
    add_variant(m, "1", "female", "B");
    add_variant(m, "3", "male", "A");
    near(metric_end(m).score, 0.5);
    karma_metric_destroy(m);
    m = metric_with("bias_disparity", NULL);
    add_variant(m, "1", "original", "A");
    add_variant(m, "1", "white", "A");
    add_variant(m, "1", "black", "B");
    details = metric_details(&a, m);
    near(metric_end(m).score, 1);
    near(as_real(json_get(details, "race_disparity")), 1);
    assert_string_equal(json_str(json_get(details, "race_direction"), ""), "white");
    near(as_real(json_get(json_get(details, "accuracy_drop"), "black")), 1);
    karma_metric_destroy(m);
    arena_release(&a);
}

static void refuses_other_arguments_that_are_none(void **state) {
    (void)state;
    karma_metric *m = metric_with("geographic_accuracy", NULL);
    karma_metric_sample s = {.struct_size = sizeof(s), .confidence = NAN};
    s.other_args_json = "{";
    assert_status(karma_metric_add_sample(m, &s, NULL), KARMA_E_SYNTAX);
    assert_message_contains("geographic_accuracy: other_args");
    s.other_args_json = "[1]";
    assert_status(karma_metric_add_sample(m, &s, NULL), KARMA_E_TYPE);
    s.other_args_json = "{\"country\": [1]}";
    assert_status(karma_metric_add_sample(m, &s, NULL), KARMA_E_TYPE);
    assert_message_contains("country");
    s.other_args_json = "null";
    assert_ok(karma_metric_add_sample(m, &s, NULL));
    s.struct_size = 0;
    assert_status(karma_metric_add_sample(m, &s, NULL), KARMA_E_USAGE);
    karma_metric_destroy(m);
    assert_status(karma_metric_create("stratified_accuracy", "{\"stratify_by\": []}", &m),
                  KARMA_E_TYPE);
    assert_status(karma_metric_create("stratified_accuracy", "{\"stratify_by\": [3]}", &m),
                  KARMA_E_TYPE);
}

static karma_status use(void *ctx) {
    karma_metric *m;
    karma_metric_result r;
    const char *json;
    karma_status st = karma_metric_create(ctx, NULL, &m);
    for (int i = 0; i < 4 && st == KARMA_OK; i++)
        st = karma_metric_add_sample(
            m,
            &(karma_metric_sample){
                .struct_size = sizeof(karma_metric_sample),
                .prediction = i < 3 ? "A" : "B",
                .reference = "A",
                .confidence = NAN,
                .other_args_json =
                    i % 2 ? "{\"question_id\": 1, \"variant\": \"male\", \"country\": \"x\", "
                            "\"mentions_age\": 1.0}"
                          : "{\"question_id\": 1, \"variant\": \"female\"}"},
            NULL);
    if (st == KARMA_OK) st = karma_metric_end(m, &r);
    if (st == KARMA_OK) st = karma_metric_details(m, &json);
    karma_metric_destroy(m);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    static char names[][24] = {"geographic_accuracy", "demographic_accuracy", "bias_consistency",
                               "bias_disparity"};
    for (size_t i = 0; i < 4; i++)
        assert_true(for_each_failing_allocation(use, names[i]) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(groups_are_karmas),
        test_case(tells_pairs_apart),
        test_case(refuses_other_arguments_that_are_none),
        test_case(survives_every_failing_allocation),
    };
    return run_group("metrics/groups", tests);
}
