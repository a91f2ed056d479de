/*
 * test_statistics.c - intervals, tests and distributions against SciPy's and statsmodels' values
 * (tools/fixtures/make_statistics_cases.py), to 1e-9; resampling against the analytic error, and
 * against itself; what too little or bad input gives.
 */
#include "tests/support/test.h"

#include <math.h>

#include "base/distributions.h"
#include "base/json.h"
#include "base/statistics.h"

static struct arena arena;

static const struct json *cases(const char *name) {
    const struct json *all;
    assert_ok(json_parse_file(&arena, "tests/fixtures/base/statistics.json", 0, 0, &all));
    const struct json *list = json_get(all, name);
    assert_true(json_count(list) > 0);
    return list;
}

static double number(const struct json *row, size_t i) {
    const struct json *j = json_at(row, i);
    if (json_is_null(j)) return NAN;
    return j->type == JSON_INT ? (double)j->u.integer : j->u.real;
}

static size_t whole(const struct json *row, size_t i) {
    return (size_t)json_at(row, i)->u.integer;
}

/* Numbers of the list at i; *n of them. */
static double *numbers(const struct json *row, size_t i, size_t *n) {
    const struct json *list = json_at(row, i);
    double *x = arena_calloc(&arena, json_count(list) + 1, sizeof(*x));
    *n = json_count(list);
    for (size_t k = 0; k < *n; k++)
        x[k] = number(list, k);
    return x;
}

static size_t *indices(const struct json *row, size_t i, size_t *above) {
    const struct json *list = json_at(row, i);
    size_t *x = arena_calloc(&arena, json_count(list) + 1, sizeof(*x));
    *above = 0;
    for (size_t k = 0; k < json_count(list); k++) {
        x[k] = whole(list, k);
        if (x[k] >= *above) *above = x[k] + 1;
    }
    return x;
}

/* The largest relative error of each group of cases, which is printed. scale: what an error is
 * measured by where the number itself is smaller: a difference of nearly equal ones. */
struct errors {
    const char *name;
    double largest;
    size_t n;
};
static void compare(struct errors *e, double got, double want, double scale) {
    if (isnan(want)) {
        assert_true(isnan(got));
        return;
    }
    const double error = got == want ? 0 : fabs(got - want) / fmax(fabs(want), scale);
    e->n++;
    if (!(error <= 1e-9)) print_error("%s: %.17g, expected %.17g\n", e->name, got, want);
    assert_true(error <= 1e-9);
    if (error > e->largest) e->largest = error;
}
static void show(const struct errors *e) {
    print_message("%s: largest relative error %.1e of %zu numbers\n", e->name, e->largest, e->n);
}

static int release(void **state) {
    arena_release(&arena);
    return test_leaks_end(state);
}
#define golden_case(fn) cmocka_unit_test_setup_teardown(fn, test_leaks_begin, release)

/* ---- distributions ---- */

static void tails_equal_scipy(void **state) {
    (void)state;
    static const char *const names[] = {"normal",   "student", "chi_square",
                                        "binomial", "beta",    "gamma"};
    for (size_t f = 0; f < sizeof(names) / sizeof(*names); f++) {
        const struct json *list = cases(names[f]);
        struct errors e = {names[f], 0, 0};
        for (size_t i = 0; i < json_count(list); i++) {
            const struct json *r = json_at(list, i);
            const double a = number(r, 0), b = number(r, 1), c = number(r, 2), d = number(r, 3);
            if (f == 0) compare(&e, normal_below(a), b, 0), compare(&e, normal_above(a), c, 0);
            if (f == 1) {
                compare(&e, student_above(-a, b), c, 0);
                compare(&e, student_above(a, b), d, 0);
            }
            if (f == 2) {
                compare(&e, chi_square_below(a, b), c, 0);
                compare(&e, chi_square_above(a, b), d, 0);
            }
            if (f == 3) compare(&e, binomial_at_most((size_t)a, (size_t)b, c), d, 0);
            if (f == 4) compare(&e, beta_regularised(a, b, c), d, 0);
            if (f == 5) compare(&e, gamma_lower(a, b), c, 0), compare(&e, gamma_upper(a, b), d, 0);
        }
        show(&e);
    }
}

static void quantiles_equal_scipy(void **state) {
    (void)state;
    struct errors e = {"normal_quantile", 0, 0}, s = {"student_quantile", 0, 0};
    const struct json *list = cases("normal_quantile");
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        compare(&e, normal_quantile(number(r, 0)), number(r, 1), 0);
    }
    list = cases("student_quantile");
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        compare(&s, student_quantile(number(r, 0), number(r, 1)), number(r, 2), 0);
    }
    show(&e), show(&s);
}

static void a_quantile_undoes_its_tail(void **state) {
    (void)state;
    for (double df = 0.5; df < 1e6; df *= 3.7)
        for (double p = 1e-12; p < 1; p = p < 0.1 ? p * 10 : p + 0.1) {
            double back = student_above(-student_quantile(p, df), df);
            assert_true(fabs(back - p) <= 1e-11 * p);
            back = normal_below(normal_quantile(p));
            assert_true(fabs(back - p) <= 1e-12 * p);
        }
}

static void distributions_refuse_what_they_have_no_value_for(void **state) {
    (void)state;
    assert_true(isnan(normal_below(NAN)) && isnan(normal_quantile(NAN)));
    assert_true(isnan(normal_quantile(-0.1)) && isnan(normal_quantile(1.1)));
    assert_true(normal_quantile(0) < -1e300 && normal_quantile(1) > 1e300);
    assert_true(isnan(student_above(1, 0)) && isnan(student_above(NAN, 3)));
    assert_true(isnan(student_above(1, NAN)) && isnan(student_quantile(0.5, -1)));
    assert_true(student_above(INFINITY, 3) == 0 && student_above(-INFINITY, 3) == 1);
    assert_true(student_above(1.5, INFINITY) == normal_above(1.5));
    /* One degree of freedom has a formula. */
    assert_true(fabs(student_above(-1e-8, 1) - (0.5 + atan(1e-8) / 3.141592653589793)) < 1e-16);
    assert_true(student_quantile(0.5, 4) == 0 && student_quantile(0, 4) < -1e300);
    assert_true(isnan(chi_square_below(-1, 2)) && isnan(chi_square_above(1, 0)));
    assert_true(chi_square_below(0, 2) == 0 && chi_square_above(0, 2) == 1);
    assert_true(chi_square_below(INFINITY, 2) == 1 && chi_square_above(INFINITY, 2) == 0);
    assert_true(isnan(binomial_at_most(1, 2, NAN)) && isnan(binomial_at_most(1, 2, 1.5)));
    assert_true(binomial_at_most(3, 2, 0.5) == 1 && binomial_at_most(0, 5, 1) == 0);
    assert_true(binomial_even(0, 0) == 1 && binomial_even(3, 6) == 1);
    assert_true(isnan(beta_regularised(0, 1, 0.5)) && isnan(gamma_lower(-1, 1)));
}

/* ---- one score ---- */

static void wilson_equals_statsmodels(void **state) {
    (void)state;
    const struct json *list = cases("wilson");
    struct errors e = {"wilson", 0, 0};
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        double low, high;
        stats_wilson(number(r, 0), number(r, 1), &low, &high);
        compare(&e, low, number(r, 2), 1e-6);
        compare(&e, high, number(r, 3), 0);
        const struct stats_estimate s = stats_share(whole(r, 0), whole(r, 1));
        assert_true(s.low == low && s.high == high && s.n == whole(r, 1));
    }
    show(&e);
}

static void compare_estimate(struct errors *e, const struct stats_estimate *got,
                             const struct json *r, size_t at) {
    compare(e, got->value, number(r, at), 1e-6);
    compare(e, got->standard_error, number(r, at + 1), 1e-12);
    compare(e, got->low, number(r, at + 2), 1e-3);
    compare(e, got->high, number(r, at + 3), 1e-3);
}

static void means_equal_scipy(void **state) {
    (void)state;
    const struct json *list = cases("mean");
    struct errors e = {"mean", 0, 0};
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        size_t n;
        struct stats_estimate s;
        const double *x = numbers(r, 0, &n);
        assert_ok(stats_mean(x, n, &s));
        compare_estimate(&e, &s, r, 1);
        /* Groups of one change nothing. */
        struct stats_sum *sums = arena_calloc(&arena, n, sizeof(*sums));
        for (size_t k = 0; k < n; k++)
            sums[k] = (struct stats_sum){x[k], 1};
        struct stats_estimate c;
        assert_ok(stats_clustered(sums, n, &c));
        assert_true(fabs(c.standard_error - s.standard_error) <= 1e-9 * (s.standard_error + 1e-3));
    }
    show(&e);
}

static void clustered_errors_equal_statsmodels(void **state) {
    (void)state;
    const struct json *list = cases("clustered_mean");
    struct errors e = {"clustered_mean", 0, 0};
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        size_t n, g;
        const double *x = numbers(r, 0, &n);
        const size_t *group = indices(r, 1, &g);
        struct stats_sum *sums = arena_calloc(&arena, g + 2, sizeof(*sums));
        struct stats_estimate s, share;
        assert_ok(stats_sum_groups(x, NULL, group, n, g, sums));
        assert_ok(stats_clustered(sums, g + 2, &s)); /* an empty group counts for nothing */
        compare_estimate(&e, &s, r, 2);
        assert_int_equal(s.n, g);
        assert_ok(stats_clustered_share(sums, g, &share));
        assert_true(share.standard_error == s.standard_error && share.value == s.value);
        assert_true(share.low >= 0 && share.low < s.value && share.high > s.value);
        assert_true(share.high <= 1);
    }
    show(&e);
    list = cases("ratio");
    e = (struct errors){"ratio", 0, 0};
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        size_t n;
        const double *errors = numbers(r, 0, &n), *words = numbers(r, 1, &n);
        size_t *group = arena_calloc(&arena, n, sizeof(*group));
        for (size_t k = 0; k < n; k++)
            group[k] = k;
        struct stats_sum *sums = arena_calloc(&arena, n, sizeof(*sums));
        struct stats_estimate s;
        assert_ok(stats_sum_groups(errors, words, group, n, n, sums));
        assert_ok(stats_clustered(sums, n, &s));
        compare_estimate(&e, &s, r, 2);
    }
    show(&e);
}

static void little_input_is_no_surprise(void **state) {
    (void)state;
    struct stats_estimate e = stats_share(0, 0);
    assert_true(isnan(e.value) && isnan(e.standard_error) && isnan(e.low));
    e = stats_share(1, 1);
    assert_true(e.value == 1 && isnan(e.standard_error) && e.low > 0.2 && e.high == 1);
    assert_ok(stats_mean(NULL, 0, &e));
    assert_true(isnan(e.value) && isnan(e.standard_error) && isnan(e.low) && e.n == 0);
    const double one[] = {0.25}, same[] = {2, 2, 2, 2};
    assert_ok(stats_mean(one, 1, &e));
    assert_true(e.value == 0.25 && isnan(e.standard_error) && isnan(e.high));
    assert_ok(stats_mean(same, 4, &e));
    assert_true(e.value == 2 && e.standard_error == 0 && e.low == 2 && e.high == 2);
    assert_ok(stats_clustered(NULL, 0, &e));
    assert_true(isnan(e.value));
    const struct stats_sum right[] = {{4, 4}, {3, 3}, {5, 5}};
    assert_ok(stats_clustered_share(right, 1, &e));
    assert_true(e.value == 1 && isnan(e.standard_error) && isnan(e.low));
    assert_ok(stats_clustered_share(right, 3, &e));
    assert_true(e.value == 1 && e.standard_error == 0 && e.high == 1 && e.low < 0.5);
    double low, high;
    stats_wilson(0, 0, &low, &high);
    assert_true(low == 0 && high == 1);
    stats_wilson(3, 2, &low, &high);
    assert_true(isnan(low) && isnan(high));
}

static void numbers_that_are_not_finite_are_refused(void **state) {
    (void)state;
    const double bad[] = {0.5, NAN, 1}, good[] = {1, 0, 1}, huge[] = {1, INFINITY, 1};
    const size_t group[] = {0, 1, 1}, outside[] = {0, 1, 7};
    const bool marked[] = {true, false, true};
    struct stats_estimate e;
    struct stats_difference d;
    struct stats_sum sums[2] = {{0}};
    assert_status(stats_mean(bad, 3, &e), KARMA_E_NONFINITE);
    assert_message_contains("number 2");
    assert_status(stats_mean(huge, 3, &e), KARMA_E_NONFINITE);
    assert_status(stats_paired(bad, good, 3, NULL, 0, &arena, &d), KARMA_E_NONFINITE);
    assert_status(stats_paired(bad, good, 3, group, 2, &arena, &d), KARMA_E_NONFINITE);
    assert_status(stats_paired(good, good, 3, outside, 2, &arena, &d), KARMA_E_RANGE);
    assert_status(stats_sum_groups(good, bad, group, 3, 2, sums), KARMA_E_NONFINITE);
    assert_status(stats_welch(good, 3, bad, 3, &d), KARMA_E_NONFINITE);
    assert_status(stats_marked_difference(bad, marked, group, 3, 2, &arena, &d), KARMA_E_NONFINITE);
    assert_status(stats_marked_difference(good, marked, outside, 3, 2, &arena, &d), KARMA_E_RANGE);
    const double table[] = {1, -1, 0, 2};
    assert_status(stats_kappa(bad, 1, &e), KARMA_OK);
    assert_status(stats_kappa(table, 2, &e), KARMA_E_RANGE);
    const struct stats_sum odd[] = {{NAN, 1}, {1, 1}};
    assert_status(stats_clustered(odd, 2, &e), KARMA_E_NONFINITE);
    assert_true(isnan(stats_equivalence(0.1, NAN, 5, 0.1)));
    assert_true(isnan(stats_equivalence(0.1, 1, 5, 0)));
    assert_true(isnan(stats_detectable(-1, 5)) && isnan(stats_detectable(1, NAN)));
}

/* ---- pairs ---- */

static void compare_difference(struct errors *e, const struct stats_difference *got,
                               const struct json *r, size_t at) {
    compare(e, got->value, number(r, at), 1e-6);
    compare(e, got->standard_error, number(r, at + 1), 1e-12);
    compare(e, got->low, number(r, at + 2), 1e-3);
    compare(e, got->high, number(r, at + 3), 1e-3);
    compare(e, got->p, number(r, at + 4), 1e-12);
}

static void tests_of_pairs_equal_scipy_and_statsmodels(void **state) {
    (void)state;
    struct errors e = {"mcnemar", 0, 0};
    const struct json *list = cases("mcnemar");
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        compare(&e, stats_mcnemar(whole(r, 0), whole(r, 1)), number(r, 2), 0);
        compare(&e, stats_mcnemar(whole(r, 1), whole(r, 0)), number(r, 2), 0);
    }
    show(&e);
    list = cases("paired_shares");
    e = (struct errors){"paired_shares", 0, 0};
    size_t n, g;
    struct stats_difference d;
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        d = stats_paired_shares(whole(r, 0), whole(r, 1), whole(r, 2));
        compare(&e, d.value, number(r, 3), 1e-6);
        compare(&e, d.low, number(r, 4), 1e-3);
        compare(&e, d.high, number(r, 5), 1e-3);
        compare(&e, d.p, number(r, 6), 0);
        compare(&e, stats_equivalence_shares(whole(r, 0), whole(r, 1), whole(r, 2), 0.1),
                number(r, 7), 0);
    }
    show(&e);
    list = cases("paired");
    e = (struct errors){"paired", 0, 0};
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        const double *a = numbers(r, 0, &n), *b = numbers(r, 1, &n);
        assert_ok(stats_paired(a, b, n, NULL, 0, &arena, &d));
        compare_difference(&e, &d, r, 2);
    }
    show(&e);
    list = cases("paired_by_group");
    e = (struct errors){"paired_by_group", 0, 0};
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        const double *a = numbers(r, 0, &n), *b = numbers(r, 1, &n);
        const size_t *group = indices(r, 2, &g);
        assert_ok(stats_paired(a, b, n, group, g, &arena, &d));
        compare_difference(&e, &d, r, 3);
    }
    show(&e);
    list = cases("equivalence");
    e = (struct errors){"equivalence", 0, 0};
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        compare(&e, stats_equivalence(number(r, 0), number(r, 1), number(r, 2), number(r, 3)),
                number(r, 4), 0);
    }
    show(&e);
}

static void pairs_without_spread_are_told_apart(void **state) {
    (void)state;
    struct stats_difference d;
    const double a[] = {1, 0, 1}, b[] = {0, -1, 0};
    assert_ok(stats_paired(a, a, 3, NULL, 0, &arena, &d));
    assert_true(d.value == 0 && d.low == 0 && d.high == 0 && d.p == 1);
    assert_ok(stats_paired(a, b, 3, NULL, 0, &arena, &d));
    assert_true(d.value == 1 && d.p == 0);
    assert_ok(stats_paired(a, b, 1, NULL, 0, &arena, &d));
    assert_true(d.value == 1 && isnan(d.p) && isnan(d.low));
    assert_ok(stats_paired(a, b, 0, NULL, 0, &arena, &d));
    assert_true(isnan(d.value) && isnan(d.p));
    assert_true(stats_mcnemar(0, 0) == 1);
    d = stats_paired_shares(0, 0, 0);
    assert_true(isnan(d.value) && isnan(stats_equivalence_shares(2, 2, 3, 0.1)));
    d = stats_paired_shares(0, 0, 5);
    assert_true(d.value == 0 && d.low < -0.3 && d.high > 0.3 && d.p == 1);
    assert_true(stats_equivalence(0.01, 0, 5, 0.02) == 0);
    assert_true(stats_equivalence(-0.03, 0, 5, 0.02) == 1);
}

static void detectable_differences_solve_connors_formula(void **state) {
    (void)state;
    struct errors e = {"detectable_pairs", 0, 0};
    const struct json *list = cases("detectable_pairs");
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        compare(&e, stats_detectable_pairs(whole(r, 0), whole(r, 1)), number(r, 2), 0);
    }
    show(&e);
    list = cases("detectable");
    e = (struct errors){"detectable", 0, 0};
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        compare(&e, stats_detectable(number(r, 0), number(r, 1)), number(r, 2), 0);
    }
    show(&e);
    assert_true(isnan(stats_detectable_pairs(0, 0)) && isnan(stats_detectable_pairs(5, 5)));
    assert_true(stats_detectable_pairs(6, 6) == 1);
    assert_true(stats_mcnemar(0, 6) < 0.05 && stats_mcnemar(0, 5) > 0.05);
}

/* ---- two parts ---- */

static void tests_of_parts_equal_scipy_and_statsmodels(void **state) {
    (void)state;
    struct errors e = {"two_shares", 0, 0};
    const struct json *list = cases("two_shares");
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        const struct stats_difference d =
            stats_two_shares(whole(r, 0), whole(r, 1), whole(r, 2), whole(r, 3));
        compare(&e, d.value, number(r, 4), 1e-6);
        compare(&e, d.low, number(r, 5), 1e-6);
        compare(&e, d.high, number(r, 6), 1e-6);
        compare(&e, d.p, number(r, 7), 0);
    }
    show(&e);
    list = cases("welch");
    e = (struct errors){"welch", 0, 0};
    struct stats_difference d;
    size_t n, m, g;
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        const double *a = numbers(r, 0, &n), *b = numbers(r, 1, &m);
        assert_ok(stats_welch(a, n, b, m, &d));
        compare(&e, d.value, number(r, 2), 1e-6);
        compare(&e, d.low, number(r, 3), 1e-3);
        compare(&e, d.high, number(r, 4), 1e-3);
        compare(&e, d.p, number(r, 5), 0);
    }
    show(&e);
    list = cases("marked");
    e = (struct errors){"marked", 0, 0};
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        const double *x = numbers(r, 0, &n), *mark = numbers(r, 1, &n);
        const size_t *group = indices(r, 2, &g);
        bool *marked = arena_calloc(&arena, n, sizeof(*marked));
        for (size_t k = 0; k < n; k++)
            marked[k] = mark[k] > 0;
        assert_ok(stats_marked_difference(x, marked, group, n, g, &arena, &d));
        compare_difference(&e, &d, r, 3);
    }
    show(&e);
}

static void a_part_of_one_group_has_no_test(void **state) {
    (void)state;
    const double x[] = {1, 0, 1, 1, 0, 0};
    const bool marked[] = {true, true, true, false, false, false}, none[6] = {false};
    const size_t group[] = {0, 0, 0, 1, 2, 3};
    struct stats_difference d;
    assert_ok(stats_marked_difference(x, marked, group, 6, 4, &arena, &d));
    assert_true(fabs(d.value - 1.0 / 3) < 1e-12 && isnan(d.p) && isnan(d.low));
    assert_ok(stats_marked_difference(x, none, group, 6, 4, &arena, &d));
    assert_true(isnan(d.value));
    d = stats_two_shares(0, 0, 3, 4);
    assert_true(isnan(d.value) && isnan(d.p));
}

static void holm_and_kappa_equal_statsmodels(void **state) {
    (void)state;
    struct errors e = {"holm", 0, 0};
    const struct json *list = cases("holm");
    size_t n;
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        const double *p = numbers(r, 0, &n), *want = numbers(r, 1, &n);
        double got[16], with_gap[17], adjusted[17];
        stats_holm(p, n, got);
        for (size_t k = 0; k < n; k++)
            compare(&e, got[k], want[k], 0);
        with_gap[0] = NAN; /* what could not be tested is no test */
        memcpy(with_gap + 1, p, n * sizeof(*p));
        stats_holm(with_gap, n + 1, adjusted);
        assert_true(isnan(adjusted[0]));
        assert_memory_equal(adjusted + 1, got, n * sizeof(*got));
    }
    show(&e);
    list = cases("kappa");
    e = (struct errors){"kappa", 0, 0};
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *r = json_at(list, i);
        struct stats_estimate k;
        assert_ok(stats_kappa(numbers(r, 0, &n), whole(r, 1), &k));
        compare_estimate(&e, &k, r, 2);
    }
    show(&e);
    const double one_answer[] = {9, 0, 0, 0}, nothing[4] = {0};
    struct stats_estimate k;
    assert_ok(stats_kappa(one_answer, 2, &k));
    assert_true(isnan(k.value));
    assert_ok(stats_kappa(nothing, 2, &k));
    assert_true(isnan(k.value) && k.n == 0);
}

/* ---- resampling ---- */

static double rate(const void *ctx, const double *sum, size_t n) {
    (void)ctx;
    assert_int_equal(n, 2);
    return sum[1] > 0 ? sum[0] / sum[1] : NAN;
}

struct documents {
    struct stats_counts a, b;
    double rate, se, difference, difference_se;
};
static void documents_load(struct documents *t) {
    const struct json *r = json_at(cases("bootstrap"), 0);
    size_t n;
    const double *e = numbers(r, 0, &n), *f = numbers(r, 1, &n), *words = numbers(r, 2, &n);
    double *a = arena_calloc(&arena, 2 * n, sizeof(*a)),
           *b = arena_calloc(&arena, 2 * n, sizeof(*b));
    for (size_t i = 0; i < n; i++) {
        a[2 * i] = e[i], b[2 * i] = f[i];
        a[2 * i + 1] = b[2 * i + 1] = words[i];
    }
    t->a = (struct stats_counts){a, n, 2, rate, NULL};
    t->b = (struct stats_counts){b, n, 2, rate, NULL};
    t->rate = number(r, 3), t->se = number(r, 4);
    t->difference = number(r, 5), t->difference_se = number(r, 6);
}

static void the_bootstrap_meets_the_analytic_error(void **state) {
    (void)state;
    struct documents t;
    struct stats_estimate e, again;
    struct stats_difference d, same;
    documents_load(&t);
    assert_ok(stats_bootstrap(&t.a, STATS_RESAMPLES, &arena, &e));
    /* The error of a standard error from B resamples is 1/sqrt(2B): 1.6 % at 2,000. Of an end of
     * the interval, sqrt(0.025 0.975 / B) over the density there: 0.06 standard errors. */
    assert_true(fabs(e.value - t.rate) < 1e-12);
    assert_true(fabs(e.standard_error / t.se - 1) < 0.06);
    assert_true(fabs(e.low - (t.rate - 1.96 * t.se)) < 0.25 * t.se);
    assert_true(fabs(e.high - (t.rate + 1.96 * t.se)) < 0.25 * t.se);
    assert_ok(stats_bootstrap(&t.a, STATS_RESAMPLES, &arena, &again));
    assert_true(memcmp(&e.value, &again.value, 4 * sizeof(double)) == 0);
    assert_ok(stats_paired_bootstrap(&t.a, &t.b, STATS_RESAMPLES, &arena, &d));
    assert_true(fabs(d.value - t.difference) < 1e-12);
    assert_true(fabs(d.standard_error / t.difference_se - 1) < 0.06);
    assert_true(d.low < d.value && d.value < d.high);
    const double z = d.value / t.difference_se, p = 2 * normal_above(fabs(z));
    assert_true(fabs(d.p - p) < 4 * sqrt(p * (1 - p) / STATS_RESAMPLES) + 0.01);
    assert_ok(stats_paired_bootstrap(&t.a, &t.b, STATS_RESAMPLES, &arena, &same));
    assert_true(memcmp(&d.value, &same.value, 6 * sizeof(double)) == 0);
}

static double weighted_rate(void *ctx, const double *weights, size_t n) {
    const struct stats_counts *c = ctx;
    double errors = 0, words = 0;
    for (size_t i = 0; i < n; i++) {
        errors += (weights ? weights[i] : 1) * c->rows[2 * i];
        words += (weights ? weights[i] : 1) * c->rows[2 * i + 1];
    }
    return errors / words;
}

static void weights_draw_what_rows_draw(void **state) {
    (void)state;
    struct documents t;
    struct stats_estimate e, w;
    documents_load(&t);
    assert_ok(stats_bootstrap(&t.a, 300, &arena, &e));
    assert_ok(stats_bootstrap_weights(weighted_rate, &t.a, t.a.n, 300, &arena, &w));
    assert_true(w.value == e.value && w.low == e.low && w.high == e.high);
    assert_true(w.standard_error == e.standard_error && w.n == e.n);
    assert_ok(stats_bootstrap_weights(weighted_rate, &t.a, 1, 300, &arena, &w));
    assert_true(isfinite(w.value) && isnan(w.low));
    assert_ok(stats_bootstrap_weights(weighted_rate, &t.a, 0, 300, &arena, &w));
    assert_true(isnan(w.value));
}

static void resamples_are_pinned(void **state) {
    (void)state;
    /* What a seed draws is part of published figures: these may not change. */
    const double rows[] = {1, 4, 2, 5, 0, 7, 3, 3, 1, 6};
    const struct stats_counts c = {rows, 5, 2, rate, NULL};
    struct stats_estimate e;
    assert_ok(stats_bootstrap(&c, 200, &arena, &e));
    assert_true(e.value == 7.0 / 25);
    assert_true(e.standard_error == 0.12852096154265638);
    assert_true(e.low == 0.12848502304147466 && e.high == 0.60117647058823553);
}

static void scores_that_cannot_be_told_are_left_out(void **state) {
    (void)state;
    const double some[] = {1, 4, 2, 5, 0, 0, 3, 3, 1, 6}, none[] = {1, 0, 2, 0, 3, 0};
    const double rare[] = {1, 0, 2, 0, 3, 4};
    struct stats_counts c = {some, 5, 2, rate, NULL};
    struct stats_estimate e;
    struct stats_difference d;
    assert_ok(stats_bootstrap(&c, 500, &arena, &e));
    assert_true(e.low < e.value && e.high > e.value);
    c = (struct stats_counts){none, 3, 2, rate, NULL};
    assert_ok(stats_bootstrap(&c, 500, &arena, &e));
    assert_true(isnan(e.value) && isnan(e.low));
    c = (struct stats_counts){rare, 3, 2, rate, NULL}; /* three in ten draws have no words */
    assert_ok(stats_bootstrap(&c, 500, &arena, &e));
    assert_true(e.value == 1.5 && isnan(e.standard_error) && isnan(e.low));
    assert_ok(stats_paired_bootstrap(&c, &c, 500, &arena, &d));
    assert_true(d.value == 0 && isnan(d.low) && isnan(d.p));
    c.n = 1;
    assert_ok(stats_bootstrap(&c, 500, &arena, &e));
    assert_true(isnan(e.value));
    c.n = 0;
    assert_ok(stats_bootstrap(&c, 500, &arena, &e));
    assert_true(isnan(e.value) && e.n == 0);
    const double bad[] = {1, 2, NAN, 4};
    c = (struct stats_counts){bad, 2, 2, rate, NULL};
    assert_status(stats_bootstrap(&c, 500, &arena, &e), KARMA_E_NONFINITE);
    assert_message_contains("document 2: count 1");
    struct stats_counts longer = {some, 5, 2, rate, NULL}, shorter = {some, 4, 2, rate, NULL};
    assert_status(stats_paired_bootstrap(&longer, &shorter, 9, &arena, &d), KARMA_E_SHAPE);
}

static void equal_pairs_have_p_one(void **state) {
    (void)state;
    struct documents t;
    struct stats_difference d;
    documents_load(&t);
    assert_ok(stats_paired_bootstrap(&t.a, &t.a, 300, &arena, &d));
    assert_true(d.value == 0 && d.low == 0 && d.high == 0 && d.p == 1);
}

static void parts_of_counts_are_tested_by_dealing(void **state) {
    (void)state;
    struct documents t;
    struct stats_difference d;
    documents_load(&t);
    bool marked[400];
    for (size_t i = 0; i < 400; i++)
        marked[i] = i % 4 == 1;
    assert_ok(stats_marked_counts(&t.a, marked, 1000, &arena, &d));
    assert_true(d.low < d.value && d.value < d.high && d.p > 0.001);
    /* Where the marked ones are the worst, they differ. */
    for (size_t i = 0; i < 400; i++)
        marked[i] = t.a.rows[2 * i] > 0.25 * t.a.rows[2 * i + 1];
    assert_ok(stats_marked_counts(&t.a, marked, 1000, &arena, &d));
    assert_true(d.value > 0.1 && d.low > 0 && d.p < 0.002);
    memset(marked, 0, sizeof(marked));
    assert_ok(stats_marked_counts(&t.a, marked, 10, &arena, &d));
    assert_true(isnan(d.value) && isnan(d.p));
}

static karma_status all_that_allocate(void *ctx) {
    (void)ctx;
    struct arena a = {0};
    const double x[] = {1, 2, 3, 4, 2, 3}, y[] = {1, 0, 3, 1, 2, 2};
    const size_t group[] = {0, 0, 1, 1, 2, 2};
    const bool marked[] = {true, false, true, false, true, false};
    const struct stats_counts c = {x, 3, 2, rate, NULL}, b = {y, 3, 2, rate, NULL};
    struct stats_difference d;
    struct stats_estimate e;
    karma_status st = stats_paired(x, y, 6, group, 3, &a, &d);
    if (st == KARMA_OK) st = stats_marked_difference(x, marked, group, 6, 3, &a, &d);
    if (st == KARMA_OK) st = stats_bootstrap(&c, 5, &a, &e);
    if (st == KARMA_OK) st = stats_paired_bootstrap(&c, &b, 5, &a, &d);
    struct stats_counts weighed = c;
    if (st == KARMA_OK) st = stats_bootstrap_weights(weighted_rate, &weighed, 3, 5, &a, &e);
    if (st == KARMA_OK) st = stats_marked_counts(&c, marked, 5, &a, &d);
    arena_release(&a);
    return st;
}

static void survives_every_failed_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(all_that_allocate, NULL) >= 14);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        golden_case(tails_equal_scipy),
        golden_case(quantiles_equal_scipy),
        golden_case(a_quantile_undoes_its_tail),
        golden_case(distributions_refuse_what_they_have_no_value_for),
        golden_case(wilson_equals_statsmodels),
        golden_case(means_equal_scipy),
        golden_case(clustered_errors_equal_statsmodels),
        golden_case(little_input_is_no_surprise),
        golden_case(numbers_that_are_not_finite_are_refused),
        golden_case(tests_of_pairs_equal_scipy_and_statsmodels),
        golden_case(pairs_without_spread_are_told_apart),
        golden_case(detectable_differences_solve_connors_formula),
        golden_case(tests_of_parts_equal_scipy_and_statsmodels),
        golden_case(a_part_of_one_group_has_no_test),
        golden_case(holm_and_kappa_equal_statsmodels),
        golden_case(the_bootstrap_meets_the_analytic_error),
        golden_case(weights_draw_what_rows_draw),
        golden_case(resamples_are_pinned),
        golden_case(scores_that_cannot_be_told_are_left_out),
        golden_case(equal_pairs_have_p_one),
        golden_case(parts_of_counts_are_tested_by_dealing),
        golden_case(survives_every_failed_allocation),
    };
    return run_group("base/statistics", tests);
}
