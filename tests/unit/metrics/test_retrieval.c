/*
 * test_retrieval.c - metrics of rankings: cases by hand, and random ones with pytrec_eval's figures
 * (tools/fixtures/make_rankings.py; the path of a larger file may be given as argument).
 */
#include "tests/support/test.h"

#include <math.h>

#include "karma/metric.h"
#include "metrics/metric.h"

static const char *cases = "tests/fixtures/metrics/rankings.txt";

static double score_of(const char *metric, const char *args, const char *prediction,
                       const char *reference) {
    double score = -1;
    karma_metric *m;
    assert_ok(karma_metric_create(metric, args, &m));
    assert_ok(karma_metric_add(m, prediction, reference, &score));
    karma_metric_destroy(m);
    return score;
}

static void near(double got, double want) {
    if (!(fabs(got - want) <= 1e-12)) fail_msg("%.17g where %.17g was expected", got, want);
}

static char *next_line(char **at) {
    char *line = *at, *end = strchr(line, '\n');
    assert_non_null(end);
    *end = '\0';
    *at = end + 1;
    return line;
}

static void gives_the_figures_of_trec_eval(void **state) {
    (void)state;
    static const char *const stems[] = {"ndcg", "recall", "mrr", "map", "precision"};
    char *at = read_fixture(cases, NULL);
    int n = 0;
    for (; *at; n++) {
        const char *k = next_line(&at), *ranking = next_line(&at), *grades = next_line(&at);
        char *figures = next_line(&at);
        next_line(&at);
        for (int i = 0; i < 5; i++) {
            char name[32];
            snprintf(name, sizeof(name), "%s@%s", stems[i], k);
            near(score_of(name, NULL, ranking, grades), strtod(figures, &figures));
        }
    }
    assert_true(n >= 30);
}

static const char grades[] = "{\"a\": 2, \"b\": 1, \"c\": 0, \"e\": 1}";

static void looks_at_the_first_k(void **state) {
    (void)state;
    const char *ranking = "[\"c\", \"a\", \"x\", \"b\"]";
    near(score_of("recall@k", "{\"k\": 2}", ranking, grades), 1.0 / 3);
    near(score_of("recall@2", NULL, ranking, grades), 1.0 / 3);
    near(score_of("recall@k", NULL, ranking, grades), 2.0 / 3);
    near(score_of("precision@2", NULL, ranking, grades), 0.5);
    near(score_of("precision@10", NULL, ranking, grades), 0.2); /* by k, however short it is */
    near(score_of("mrr", NULL, ranking, grades), 0.5);
    near(score_of("mrr@1", NULL, ranking, grades), 0);
    near(score_of("map@k", NULL, ranking, grades), (1.0 / 2 + 2.0 / 4) / 3);
    near(score_of("map@2", NULL, ranking, grades), (1.0 / 2) / 3);
    near(score_of("ndcg@k", NULL, ranking, grades),
         (2 / log2(3) + 1 / log2(5)) / (2 + 1 / log2(3) + 1 / log2(4)));
    near(score_of("ndcg@1", NULL, "[\"a\"]", grades), 1);
}

static void ranks_by_score_and_then_as_it_stands(void **state) {
    (void)state;
    near(score_of("mrr", NULL, "{\"x\": 1, \"a\": 2.5, \"y\": -3}", grades), 1);
    near(score_of("mrr", NULL, "{\"x\": 1, \"a\": 1}", grades), 0.5);
    near(score_of("mrr", NULL, "{\"a\": 1, \"x\": 1}", grades), 1);
}

static void scores_zero_for_what_is_no_ranking(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",           "a, b",      "\"a\"",        "{\"a\": \"1\"}", "{\"a\": 1, \"a\": 2}",
        "[\"a\", 1]", "{\"a\": 1", "{\"a\": NaN}", "[\"a\", \"a\"]", "null"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        near(score_of("recall@1", NULL, wrong[i], grades), 0);
    near(score_of("recall@1", NULL, NULL, grades), 0);
    near(score_of("recall@1", NULL, "{}", grades), 0);
    near(score_of("ndcg@5", NULL, "[\"a\"]", "{}"), 0); /* nothing is relevant */
    near(score_of("map@5", NULL, "[\"a\"]", "{\"a\": -1, \"b\": 0}"), 0);
}

static void refuses_a_reference_that_is_no_judgement(void **state) {
    (void)state;
    karma_metric *m;
    assert_ok(karma_metric_create("recall@k", NULL, &m));
    assert_true(karma_metric_add(m, "[]", "", NULL) < 0);
    assert_message_contains("recall@k: reference");
    assert_status(karma_metric_add(m, "[]", "[1]", NULL), KARMA_E_TYPE);
    assert_status(karma_metric_add(m, "[]", "{\"a\": 0.5}", NULL), KARMA_E_TYPE);
    assert_message_contains("grade of a");
    karma_metric_destroy(m);
}

static void takes_k_from_the_name(void **state) {
    (void)state;
    karma_metric *m;
    const karma_metric_info *info;
    assert_ok(karma_metric_create("ndcg@25", NULL, &m));
    assert_string_equal(karma_metric_args(m), "{\"k\": 25}");
    karma_metric_destroy(m);
    assert_ok(karma_get_metric_info("precision@3", &info));
    assert_string_equal(info->name, "precision@k");
    assert_status(karma_metric_create("ndcg@25", "{\"k\": 5}", &m), KARMA_E_USAGE);
    assert_message_contains("ndcg@25");
    assert_status(karma_metric_create("ndcg@k", "{\"k\": 0}", &m), KARMA_E_RANGE);
    assert_status(karma_metric_create("ndcg@9999999", NULL, &m), KARMA_E_RANGE);
    static const char *const unknown[] = {"ndcg@",   "ndcg@05",       "ndcg@0", "ndcg@5x",
                                          "ndcg@-5", "ndcg@99999999", "ndcg",   "accuracy@5"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
        assert_status(karma_metric_create(unknown[i], NULL, &m), KARMA_E_NOTFOUND);
}

static karma_status use_all(void *ctx) {
    (void)ctx;
    static const char *const names[] = {"ndcg@3", "recall@k", "mrr", "map@k", "precision@k"};
    static const char *const rankings[] = {"{\"x\": 3, \"a\": 2}", "[\"a\", \"b\"]"};
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < 10 && st == KARMA_OK; i++) {
        karma_metric *m;
        st = karma_metric_create(names[i / 2], NULL, &m);
        if (st == KARMA_OK) st = karma_metric_add(m, rankings[i % 2], grades, NULL);
        karma_metric_destroy(m);
    }
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(use_all, NULL) > 30);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        test_case(gives_the_figures_of_trec_eval),
        test_case(looks_at_the_first_k),
        test_case(ranks_by_score_and_then_as_it_stands),
        test_case(scores_zero_for_what_is_no_ranking),
        test_case(refuses_a_reference_that_is_no_judgement),
        test_case(takes_k_from_the_name),
        test_case(survives_every_failing_allocation),
    };
    if (argc > 1) cases = argv[1];
    return run_group("metrics/retrieval", tests);
}
