/*
 * test_rubric.c - metrics that need a judge: HealthBench's formula against numpy's figures, which
 * questions are asked, passes and axes of JSON output, the metrics of MedCaseReasoning, labels.
 */
#include "tests/support/metric_cases.h"

#include <math.h>

#include "base/buf.h"
#include "base/mem.h"

static karma_metric_sample sample_of(const char *prediction, const char *reference,
                                     const char *other_args) {
    return (karma_metric_sample){.struct_size = sizeof(karma_metric_sample),
                                 .prediction = prediction,
                                 .reference = reference,
                                 .other_args_json = other_args,
                                 .confidence = NAN};
}

static const karma_metric_question *asked(karma_metric *m, const karma_metric_sample *s, size_t n) {
    const karma_metric_question *q;
    size_t found;
    assert_ok(karma_metric_questions(m, s, &q, &found));
    assert_int_equal(found, n);
    return q;
}

static double judged(karma_metric *m, karma_metric_sample s, const double *p, size_t n) {
    double score = 0;
    s.verdicts = p;
    s.n_verdicts = n;
    assert_ok(karma_metric_add_sample(m, &s, &score));
    return score;
}

/* NaN of null. */
static double real_or_nan(const struct json *j) {
    return json_is_null(j) ? NAN : as_real(j);
}

static void same(double got, const struct json *want) {
    const double w = real_or_nan(want);
    if (isnan(w))
        assert_true(isnan(got));
    else
        near(got, w);
}

/* --- HealthBench's formula -------------------------------------------------------------------- */

/* The items as a sample has them, and the judge's p. */
static const char *rubrics_of(struct arena *a, const struct json *items, double *p) {
    struct buf b = {0};
    assert_ok(buf_puts(&b, "{\"rubrics\": ["));
    for (size_t i = 0; i < json_count(items); i++) {
        const struct json *item = json_at(items, i), *label = json_get(item, "label");
        p[i] = as_real(json_get(item, "p"));
        assert_ok(buf_printf(&b, "%s{\"criterion\": \"c%zu\", \"points\": ", i ? ", " : "", i));
        assert_ok(json_write(&b, json_get(item, "points"), 0, JSON_COMPACT));
        assert_ok(buf_puts(&b, ", \"tags\": "));
        assert_ok(json_write(&b, json_get(item, "tags"), 0, JSON_COMPACT));
        if (!json_is_null(label))
            assert_ok(
                buf_printf(&b, ", \"criteria_met\": %s", label->u.boolean ? "true" : "false"));
        assert_ok(buf_puts(&b, "}"));
    }
    assert_ok(buf_puts(&b, "]}"));
    const char *text = arena_strdup(a, buf_str(&b));
    buf_release(&b);
    return text;
}

static karma_metric *fill(struct arena *a, const struct json *c, const char *args) {
    karma_metric *m = metric_with("rubric_evaluation", args);
    const struct json *samples = json_get(c, "samples"), *scores = json_get(c, "sample_scores");
    for (size_t i = 0; i < json_count(samples); i++) {
        double p[16];
        const struct json *items = json_at(samples, i);
        const karma_metric_sample s = sample_of("x", "", rubrics_of(a, items, p));
        same(judged(m, s, p, json_count(items)), json_at(scores, i));
    }
    return m;
}

static void same_tags(const struct json *details, const struct json *want) {
    const struct json *found = json_get(details, "tag_scores");
    assert_int_equal(json_count(found), json_count(want));
    for (size_t i = 0; i < json_count(want); i++) {
        const struct json_member *tag = &want->u.object.members[i];
        const struct json *t = json_get(found, tag->key);
        assert_non_null(t);
        same(real_or_nan(json_get(t, "score")), json_get(tag->value, "score"));
        same(real_or_nan(json_get(t, "soft_score")), json_get(tag->value, "soft_score"));
    }
}

static void same_agreement(const struct json *details, const struct json *want) {
    const struct json *found = json_get(details, "agreement");
    if (json_is_null(want)) {
        assert_null(found);
        return;
    }
    assert_int_equal(json_get(found, "n")->u.integer, json_get(want, "n")->u.integer);
    same(as_real(json_get(found, "accuracy")), json_get(want, "accuracy"));
    if (!json_is_null(json_get(want, "kappa")))
        same(real_or_nan(json_get(found, "kappa")), json_get(want, "kappa"));
}

static void scores_are_healthbenchs(void **state) {
    (void)state;
    struct arena a = {0};
    const struct json *cases = metric_cases(&a, "rubric");
    assert_true(json_count(cases) > 20);
    for (size_t i = 0; i < json_count(cases); i++) {
        const struct json *c = json_at(cases, i);
        karma_metric *m = fill(&a, c, NULL);
        const karma_metric_result r = metric_end(m);
        same(r.score, json_get(c, "score"));
        assert_string_equal(r.method, "bootstrap");
        const struct json *details = metric_details(&a, m);
        same(real_or_nan(json_get(details, "soft_score")), json_get(c, "soft_score"));
        same_tags(details, json_get(c, "tag_scores"));
        same_agreement(details, json_get(c, "agreement"));
        karma_metric_destroy(m);
        m = fill(&a, c, "{\"protocol\": \"upstream\"}");
        same(metric_end(m).score, json_get(c, "score_upstream"));
        karma_metric_destroy(m);
    }
    print_largest_error("rubric_evaluation");
    arena_release(&a);
}

static void a_mean_below_zero_is_cut_and_an_answer_without_points_left_out(void **state) {
    (void)state;
    static const char both[] = "{\"rubrics\": [{\"criterion\": \"a\", \"points\": 2}, "
                               "{\"criterion\": \"b\", \"points\": -6}]}";
    static const char none[] = "{\"rubrics\": [{\"criterion\": \"b\", \"points\": -6}]}";
    static const double met[] = {0.9, 0.8};
    karma_metric *m = metric_with("rubric_evaluation", NULL);
    near(judged(m, sample_of("x", "", both), met, 2), -2);
    assert_true(isnan(judged(m, sample_of("x", "", none), met, 1)));
    const karma_metric_result r = metric_end(m);
    near(r.score, 0);
    assert_int_equal(r.n, 1);
    karma_metric_destroy(m);
}

static void an_even_verdict_is_not_met(void **state) {
    (void)state;
    static const char one[] = "{\"rubrics\": [{\"criterion\": \"a\", \"points\": 2}]}";
    static const double even = 0.5;
    struct arena a = {0};
    karma_metric *m = metric_with("rubric_evaluation", NULL);
    near(judged(m, sample_of("x", "", one), &even, 1), 0);
    near(as_real(json_get(metric_details(&a, m), "soft_score")), 0.5);
    karma_metric_destroy(m);
    arena_release(&a);
}

static void stages_are_chosen_by_their_tags(void **state) {
    (void)state;
    const karma_metric_sample s = sample_of(
        "x", "",
        "{\"rubrics\": [{\"criterion\": \"q\", \"points\": 1, \"tags\": "
        "[\"stage:retrieval_query\"]}, {\"criterion\": \"f\", \"points\": 1.5, \"tags\": [\"k\", "
        "\"stage:final_answer\"]}, {\"criterion\": \"n\", \"points\": 1}]}");
    karma_metric *all = metric_with("rubric_evaluation", NULL);
    karma_metric *answer = metric_with("answer_rubric_evaluation", NULL);
    karma_metric *query = metric_with("query_rubric_evaluation", NULL);
    asked(all, &s, 3);
    const karma_metric_question *q = asked(answer, &s, 1);
    assert_string_equal(q->criterion, "f");
    assert_null(q->shown);
    assert_string_equal(q->about_json, "{\"points\":1.5,\"tags\":[\"k\",\"stage:final_answer\"]}");
    assert_string_equal(asked(query, &s, 1)->criterion, "q");
    const karma_metric_sample other =
        sample_of("x", "", "{\"rubrics\": [{\"criterion\": \"n\", \"points\": 1}]}");
    asked(query, &other, 0);
    assert_true(isnan(judged(query, other, NULL, 0)));
    karma_metric_destroy(all);
    karma_metric_destroy(answer);
    karma_metric_destroy(query);
}

static void labels_of_another_answer_do_not_count(void **state) {
    (void)state;
    static const char args[] = "{\"labels\": [1, false, null], \"labelled_answer\": \"mine\", "
                               "\"rubrics\": [{\"criterion\": \"a\", \"points\": 1}, "
                               "{\"criterion\": \"b\", \"points\": 1, \"criteria_met\": true}, "
                               "{\"criterion\": \"c\", \"points\": 1, \"criteria_met\": true}]}";
    karma_metric *m = metric_with("rubric_evaluation", NULL);
    const karma_metric_sample mine = sample_of("mine", "", args), other = sample_of("x", "", args);
    const karma_metric_question *q = asked(m, &mine, 3);
    assert_int_equal(q[0].label, 1);
    assert_int_equal(q[1].label, 0);
    assert_int_equal(q[2].label, 1);
    q = asked(m, &other, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(q[i].label, -1);
    karma_metric_destroy(m);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static const char two_passes[] =
    "{\"rubric_passes\": ["
    "{\"name\": \"omission\", \"prompt\": \"Look.\", \"id_field\": \"rubric_id\", \"type_field\": "
    "\"kind\", \"breakdown_fields\": [\"section\"], \"axes\": {\"entity\": [{\"field\": "
    "\"meaning\", "
    "\"passes_when\": {\"eq\": 1}}, {\"field\": \"invented\", \"passes_when\": {\"neq\": true}}]}, "
    "\"items\": [{\"rubric_id\": \"R1\", \"kind\": \"entity\", \"criterion\": \"pulse\", "
    "\"section\": \"vitals\"}, {\"rubric_id\": \"R2\", \"kind\": \"free\", \"criterion\": "
    "\"not scored\"}, {\"rubric_id\": \"R3\", \"kind\": \"entity\", \"criterion\": \"fever\", "
    "\"section\": \"history\"}]},"
    "{\"name\": \"lines\", \"prompt\": \"Judge:\\n1. has a name\\n2) has an age\\nR-03: no "
    "guess\\nThank you\", \"axes\": {\"*\": [{\"field\": \"score\", \"passes_when\": {\"in\": [1, "
    "true]}}]}}]}";

static void items_pass_by_all_their_axes(void **state) {
    (void)state;
    struct arena a = {0};
    static const double p[] = {0.9, 0.1, 0.8, 0.7, 0.6, 0.2, 1};
    karma_metric *m = metric_with("json_rubric_evaluation", NULL);
    const karma_metric_sample s = sample_of("{\"a\": 1}", "", two_passes);
    const karma_metric_question *q = asked(m, &s, 7);
    assert_string_equal(q[0].criterion, "pulse (meaning)");
    assert_string_equal(q[0].shown, "Look.\n\nGENERATED OUTPUT:\n{\"a\": 1}");
    assert_string_equal(q[3].about_json,
                        "{\"pass\":\"omission\",\"item\":\"R3\",\"axis\":\"invented\"}");
    assert_string_equal(q[4].criterion, "has a name");
    assert_string_equal(q[5].about_json, "{\"pass\":\"lines\",\"item\":\"2\",\"axis\":\"score\"}");
    assert_string_equal(q[6].about_json,
                        "{\"pass\":\"lines\",\"item\":\"R-03\",\"axis\":\"score\"}");
    near(judged(m, s, p, 7), (1.0 / 2 + 2.0 / 3) / 2);
    near(metric_end(m).score, (1.0 / 2 + 2.0 / 3) / 2);
    const struct json *by = json_get(metric_details(&a, m), "by_pass");
    const struct json *omission = json_get(by, "omission");
    near(as_real(json_get(omission, "rubric_score")), 0.5);
    near(as_real(json_get(omission, "soft_score")), (0.9 * 0.9 + 0.8 * 0.3) / 2);
    const struct json *section = json_get(omission, "by_section");
    near(as_real(json_get(json_get(section, "vitals"), "rubric_score")), 1);
    near(as_real(json_get(json_get(section, "history"), "rubric_score")), 0);
    karma_metric_destroy(m);
    arena_release(&a);
}

static void json_passes_that_cannot_be_judged_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *args, *says;
        karma_status st;
    } bad[] = {
        {NULL, "rubric_passes: expected a list, found absent", KARMA_E_MISSING},
        {"{\"rubric_passes\": 3}", "expected a list, found integer", KARMA_E_TYPE},
        {"{\"rubric_passes\": [{\"name\": \"p\", \"prompt\": \"Nothing here\"}]}",
         "number 1: there are no items", KARMA_E_MISSING},
        {"{\"rubric_passes\": [{\"name\": \"p\", \"prompt\": \"1. x\", \"axes\": {\"*\": "
         "[{\"field\": \"g\", \"passes_when\": {\"eq\": \"grounded\"}}]}}]}",
         "axes: g: passes_when", KARMA_E_UNSUPPORTED},
        {"{\"rubric_passes\": [{\"name\": \"p\", \"prompt\": \"\", \"items\": [{\"id\": "
         "\"1\"}]}]}",
         "items: number 1: criterion: missing", KARMA_E_MISSING},
    };
    karma_metric *m = metric_with("json_rubric_evaluation", NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const karma_metric_question *q;
        size_t n;
        const karma_metric_sample s = sample_of("x", "", bad[i].args);
        assert_status(karma_metric_questions(m, &s, &q, &n), bad[i].st);
        assert_non_null(strstr(karma_error_message(), bad[i].says));
        assert_int_equal(n, 0);
    }
    karma_metric_destroy(m);
}

/* --- MedCaseReasoning ------------------------------------------------------------------------- */

static void a_diagnosis_is_looked_for_where_it_stands(void **state) {
    (void)state;
    static const struct {
        const char *prediction, *output, *shown;
    } cases[] = {
        {"Gout", "<answer>Gout</answer>", "Predicted diagnosis: Gout\nTrue diagnosis: gout"},
        {"", "I think\n so it is \nGout \n\n", "Predicted diagnosis: Gout\nTrue diagnosis: gout"},
        {"<think>no</think>\n<answer>\nPseudo gout</answer> or so", NULL,
         "Predicted diagnosis: Pseudo gout\nTrue diagnosis: gout"},
    };
    static const double yes = 0.7;
    karma_metric *m = metric_with("medcasereasoning_diagnostic_accuracy", NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        karma_metric_sample s = sample_of(cases[i].prediction, "gout", NULL);
        s.output = cases[i].output;
        assert_string_equal(asked(m, &s, 1)->shown, cases[i].shown);
        near(judged(m, s, &yes, 1), 1);
    }
    const karma_metric_sample empty = sample_of("", "gout", NULL);
    asked(m, &empty, 0);
    near(judged(m, empty, NULL, 0), 0);
    const karma_metric_result r = metric_end(m);
    near(r.score, 0.75);
    assert_string_equal(r.method, "wilson");
    const karma_metric_question *q;
    size_t n;
    const karma_metric_sample unknown = sample_of("gout", " ", NULL);
    assert_status(karma_metric_questions(m, &unknown, &q, &n), KARMA_E_MISSING);
    karma_metric_destroy(m);
}

static void steps_are_looked_for_in_the_thought(void **state) {
    (void)state;
    static const char steps[] = "{\"reasoning_steps\": \"[\\\"pale\\\", \\\"tired\\\"]\"}";
    static const double p[] = {0.9, 0.2};
    karma_metric *m = metric_with("medcasereasoning_reasoning_recall", NULL);
    karma_metric_sample s = sample_of("anaemia", "", steps);
    s.output = "<think> she is pale </think>\n<answer>anaemia</answer>";
    const karma_metric_question *q = asked(m, &s, 2);
    assert_string_equal(q[0].shown, "she is pale");
    assert_string_equal(q[1].criterion, "It contains this step of reasoning: tired");
    assert_string_equal(q[1].about_json, "{\"step\":2}");
    near(judged(m, s, p, 2), 0.5);
    s.thinking = "apart";
    assert_string_equal(asked(m, &s, 2)->shown, "apart");
    s.thinking = NULL;
    s.output = " no tags ";
    assert_string_equal(asked(m, &s, 2)->shown, "no tags");
    s.output = "";
    s.prediction = "";
    asked(m, &s, 0);
    near(judged(m, s, NULL, 0), 0);
    s.other_args_json = "{\"reasoning_steps\": []}";
    asked(m, &s, 0);
    assert_true(isnan(judged(m, s, NULL, 0)));
    near(metric_end(m).score, 0.25);
    karma_metric_destroy(m);
}

/* --- misuse, memory --------------------------------------------------------------------------- */

static void verdicts_must_be_there_and_be_probabilities(void **state) {
    (void)state;
    static const char one[] = "{\"rubrics\": [{\"criterion\": \"a\", \"points\": 2}]}";
    static const double p[] = {1.5, 0.5};
    karma_metric *m = metric_with("rubric_evaluation", NULL);
    karma_metric *plain = metric_with("accuracy", NULL);
    karma_metric_sample s = sample_of("x", "", one);
    assert_true(karma_metric_needs_judge(m));
    assert_false(karma_metric_needs_judge(plain));
    asked(plain, &s, 0);
    assert_status(karma_metric_add_sample(m, &s, NULL), KARMA_E_MISSING);
    assert_non_null(strstr(karma_error_message(), "each of 1 questions, found 0"));
    s.verdicts = p;
    s.n_verdicts = 2;
    assert_status(karma_metric_add_sample(m, &s, NULL), KARMA_E_MISSING);
    s.n_verdicts = 1;
    assert_status(karma_metric_add_sample(m, &s, NULL), KARMA_E_RANGE);
    s.struct_size = offsetof(karma_metric_sample, thinking);
    assert_status(karma_metric_add_sample(m, &s, NULL), KARMA_E_MISSING);
    assert_int_equal(metric_end(m).n, 0);
    karma_metric_destroy(m);
    karma_metric_destroy(plain);
}

static void criteria_that_are_none_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "{}",
        "{\"rubrics\": {}}",
        "{\"rubrics\": [{\"points\": 1}]}",
        "{\"rubrics\": [{\"criterion\": \"a\", \"points\": \"1\"}]}",
        "{\"rubrics\": [{\"criterion\": \"a\", \"points\": 1, \"tags\": [2]}]}",
        "{\"rubrics\": [{\"criterion\": \"a\", \"points\": 1, \"criteria_met\": 2}]}",
        "{\"rubrics\": [{\"criterion\": \"a\", \"points\": 1}], \"labels\": true}",
    };
    karma_metric *m = metric_with("rubric_evaluation", NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const karma_metric_question *q;
        size_t n;
        const karma_metric_sample s = sample_of("x", "", bad[i]);
        assert_true(karma_metric_questions(m, &s, &q, &n) < 0);
        assert_non_null(strstr(karma_error_message(), "rubric_evaluation: other_args: "));
    }
    karma_metric_destroy(m);
}

static karma_status whole(const char *name, karma_metric_sample s) {
    static const double p[] = {0.9, 0.1, 0.8, 0.7, 0.6, 0.2, 1};
    const karma_metric_question *q;
    karma_metric_result r;
    karma_metric *m = NULL;
    const char *text;
    karma_status st = karma_metric_create(name, NULL, &m);
    if (st == KARMA_OK) st = karma_metric_questions(m, &s, &q, &s.n_verdicts);
    s.verdicts = p;
    if (st == KARMA_OK) st = karma_metric_add_sample(m, &s, NULL);
    if (st == KARMA_OK) st = karma_metric_end(m, &r);
    if (st == KARMA_OK) st = karma_metric_details(m, &text);
    karma_metric_destroy(m);
    return st;
}

static void memory_that_ends_is_told_and_leaks_nothing(void **state) {
    (void)state;
    static const char rubric[] = "{\"rubrics\": [{\"criterion\": \"a\", \"points\": 2, \"tags\": "
                                 "[\"t\", \"u\"], \"criteria_met\": true}]}";
    static const char steps[] = "{\"reasoning_steps\": \"[\\\"pale\\\", \\\"tired\\\"]\"}";
    const struct {
        const char *name;
        karma_metric_sample s;
    } cases[] = {
        {"rubric_evaluation", sample_of("x", "", rubric)},
        {"json_rubric_evaluation", sample_of("x", "", two_passes)},
        {"medcasereasoning_diagnostic_accuracy", sample_of("a", "b", NULL)},
        {"medcasereasoning_reasoning_recall", sample_of("a", "b", steps)},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        karma_status st = KARMA_E_NOMEM;
        for (uint64_t n = 1; st != KARMA_OK; n++) {
            mem_fail_at(n);
            st = whole(cases[i].name, cases[i].s);
            mem_fail_at(0);
            if (st != KARMA_OK) assert_status(st, KARMA_E_NOMEM);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_healthbenchs),
        cmocka_unit_test(a_mean_below_zero_is_cut_and_an_answer_without_points_left_out),
        cmocka_unit_test(an_even_verdict_is_not_met),
        cmocka_unit_test(stages_are_chosen_by_their_tags),
        cmocka_unit_test(labels_of_another_answer_do_not_count),
        cmocka_unit_test(items_pass_by_all_their_axes),
        cmocka_unit_test(json_passes_that_cannot_be_judged_are_refused),
        cmocka_unit_test(a_diagnosis_is_looked_for_where_it_stands),
        cmocka_unit_test(steps_are_looked_for_in_the_thought),
        cmocka_unit_test(verdicts_must_be_there_and_be_probabilities),
        cmocka_unit_test(criteria_that_are_none_are_refused),
        cmocka_unit_test(memory_that_ends_is_told_and_leaks_nothing),
    };
    return cmocka_run_group_tests_name("metrics/rubric", tests, NULL, NULL);
}
