/*
 * test_registered_metrics.c - metrics of a program's own: found, made and used as ours are, and
 * watched: whatever their functions return is a score or a clear error.
 */
#include "tests/support/test.h"

#include <math.h>
#include <threads.h>

#include "karma/metric.h"
#include "metrics/metric.h"

static int begun, ended;

static karma_status length_begin(const char *args_json, void **state) {
    static double factor;
    factor = strstr(args_json, "\"factor\": 2.0") ? 2 : 1;
    *state = &factor;
    begun++;
    return KARMA_OK;
}

static karma_status length_score(void *state, const char *prediction, const char *reference,
                                 double *score) {
    *score = *(double *)state * (double)strlen(prediction) / (double)strlen(reference);
    return KARMA_OK;
}

static void length_end(void *state) {
    (void)state;
    ended++;
}

static const karma_option_spec length_options[] = {
    {.name = "factor", .type = KARMA_OPTION_REAL, .default_json = "1", .min = 0, .max = 10},
    {.name = NULL},
};

static const karma_metric_class length_class = {
    .abi_version = KARMA_METRIC_ABI,
    .struct_size = sizeof(karma_metric_class),
    .info = {.name = "length_share", .description = "of lengths", .options = length_options},
    .begin = length_begin,
    .score = length_score,
    .end = length_end,
};

static void is_listed_found_and_used_like_ours(void **state) {
    (void)state;
    karma_metric *m;
    karma_metric_result r;
    const karma_metric_info *info;
    char **names;
    size_t n;
    double score;
    assert_ok(karma_register_metric(&length_class));
    assert_ok(karma_list_metrics(&names, &n));
    assert_string_equal(names[n - 1], "length_share");
    mem_free(names);
    assert_ok(karma_get_metric_info("length_share", &info));
    assert_string_equal(info->description, "of lengths");
    begun = ended = 0;
    assert_status(karma_metric_create("length_share", "{\"facto\": 1}", &m), KARMA_E_USAGE);
    assert_message_contains("did you mean 'factor'?");
    assert_status(karma_metric_create("length_share", "{\"factor\": 11}", &m), KARMA_E_RANGE);
    assert_int_equal(begun, 0);
    assert_int_equal(ended, 0);
    assert_ok(karma_metric_create("length_share", "{\"factor\": \"2\"}", &m));
    assert_string_equal(karma_metric_args(m), "{\"factor\": 2.0}");
    assert_ok(karma_metric_add(m, "ab", "abcdefgh", &score));
    assert_true(score == 0.5);
    assert_ok(karma_metric_add(m, "abcd", "abcdefgh", &score));
    assert_ok(karma_metric_end(m, &r));
    assert_true(r.score == 0.75 && r.n == 2);
    karma_metric_destroy(m);
    assert_int_equal(begun, 1);
    assert_int_equal(ended, 1);
    assert_status(karma_metric_create("length_shar", NULL, &m), KARMA_E_NOTFOUND);
    assert_message_contains("'length_share'");
    metric_unregister(NULL);
    assert_status(karma_get_metric_info("length_share", &info), KARMA_E_NOTFOUND);
}

static void a_table_that_is_wrong_is_refused(void **state) {
    (void)state;
    karma_metric_class c = length_class;
    karma_option_spec o[3] = {{.name = "x", .type = KARMA_OPTION_INT, .default_json = "1"}};
    c.abi_version = 2;
    assert_status(karma_register_metric(&c), KARMA_E_ABI);
    c = length_class;
    c.struct_size -= 8;
    assert_status(karma_register_metric(&c), KARMA_E_ABI);
    c = length_class;
    c.info.name = NULL;
    assert_status(karma_register_metric(&c), KARMA_E_MISSING);
    c.info.name = "";
    assert_status(karma_register_metric(&c), KARMA_E_MISSING);
    c.info.name = "a\xFF";
    assert_status(karma_register_metric(&c), KARMA_E_PLUGIN);
    c = length_class;
    c.score = NULL;
    assert_status(karma_register_metric(&c), KARMA_E_MISSING);
    assert_message_contains("length_share: no function score");
    c = length_class;
    static const char *const taken[] = {"exact_match", "recall@k", "recall@7", "mrr"};
    for (int i = 0; i < 4; i++) {
        c.info.name = taken[i];
        assert_status(karma_register_metric(&c), KARMA_E_DUPLICATE);
        assert_message_contains(taken[i]);
    }
    c = length_class;
    c.info.options = o;
    o[0].default_json = "one";
    assert_status(karma_register_metric(&c), KARMA_E_SYNTAX);
    assert_message_contains("metric argument x: default");
    o[0].default_json = "\"one\"";
    assert_status(karma_register_metric(&c), KARMA_E_TYPE);
    o[0].default_json = "7";
    o[0].min = 0;
    o[0].max = 5;
    assert_status(karma_register_metric(&c), KARMA_E_RANGE);
    o[0].default_json = "5";
    o[1] = o[0];
    assert_status(karma_register_metric(&c), KARMA_E_DUPLICATE);
    o[1] = (karma_option_spec){.name = "y", .type = (karma_option_type)9};
    assert_status(karma_register_metric(&c), KARMA_E_RANGE);
    o[1] = (karma_option_spec){.name = NULL};
    assert_ok(karma_register_metric(&c));
    assert_status(karma_register_metric(&c), KARMA_E_DUPLICATE);
    assert_message_contains("length_share");
    metric_unregister("length_share");
}

static double given_score;
static int given_status;

static karma_status given(void *state, const char *prediction, const char *reference,
                          double *score) {
    (void)state;
    assert_non_null(prediction);
    assert_non_null(reference);
    if (!isinf(given_score) || given_score > 0) *score = given_score; /* -inf: sets nothing */
    return (karma_status)given_status;
}

static const karma_metric_class given_class = {
    .abi_version = KARMA_METRIC_ABI,
    .struct_size = sizeof(karma_metric_class),
    .info = {.name = "given"},
    .zero_one = true,
    .score = given,
};

static void what_it_returns_is_checked(void **state) {
    (void)state;
    static const struct {
        double score;
        int status;
        karma_status expected;
        const char *message;
    } cases[] = {
        {NAN, KARMA_OK, KARMA_E_PLUGIN, "given: returned a score that is not a finite number"},
        {INFINITY, KARMA_OK, KARMA_E_PLUGIN, "not a finite number"},
        {-INFINITY, KARMA_OK, KARMA_E_PLUGIN, "not a finite number"},
        {0.5, KARMA_OK, KARMA_E_PLUGIN, "0 or 1"},
        {1, KARMA_DONE, KARMA_E_PLUGIN, "given: returned 1, which is no status"},
        {1, 42, KARMA_E_PLUGIN, "returned 42"},
        {1, -4242, KARMA_E_PLUGIN, "returned -4242"},
        {1, KARMA_E_RANGE, KARMA_E_RANGE, "given: failed with E_RANGE"},
    };
    karma_metric *m;
    karma_metric_result r;
    const karma_metric_info *info;
    assert_ok(karma_register_metric(&given_class));
    assert_ok(karma_get_metric_info("given", &info));
    assert_string_equal(info->description, "");
    assert_null(info->options[0].name);
    assert_ok(karma_metric_create("given", NULL, &m));
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        given_score = cases[i].score;
        given_status = cases[i].status;
        karma_fail(KARMA_E_IO, "an older failure");
        assert_status(karma_metric_add(m, NULL, NULL, NULL), cases[i].expected);
        assert_message_contains(cases[i].message);
    }
    given_score = 1;
    given_status = KARMA_OK;
    assert_ok(karma_metric_add(m, NULL, NULL, NULL));
    assert_ok(karma_metric_end(m, &r));
    assert_int_equal(r.n, 1);    /* what failed was not counted */
    assert_true(r.ci_high == 1); /* Wilson's */
    karma_metric_destroy(m);
    metric_unregister("given");
}

static karma_status fails_to_begin(const char *args_json, void **state) {
    (void)args_json;
    (void)state;
    return karma_fail(KARMA_E_IO, "no table");
}

static void a_failed_begin_is_not_ended(void **state) {
    (void)state;
    karma_metric_class c = length_class;
    karma_metric *m;
    c.begin = fails_to_begin;
    ended = 0;
    assert_ok(karma_register_metric(&c));
    assert_status(karma_metric_create("length_share", NULL, &m), KARMA_E_IO);
    assert_string_equal(karma_error_message(), "length_share: no table");
    assert_null(m);
    assert_int_equal(ended, 0);
    metric_unregister(NULL);
}

static int register_it(void *arg) {
    (void)arg;
    const karma_metric_info *info;
    int won = 0;
    for (int i = 0; i < 200; i++) {
        won += karma_register_metric(&length_class) == KARMA_OK;
        if (karma_get_metric_info("length_share", &info) < 0) return -1000;
    }
    return won;
}

static void one_of_many_threads_registers_it(void **state) {
    (void)state;
    enum { N = 6 };
    thrd_t threads[N];
    int total = 0;
    for (int i = 0; i < N; i++)
        assert_int_equal(thrd_create(&threads[i], register_it, NULL), thrd_success);
    for (int i = 0; i < N; i++) {
        int won;
        thrd_join(threads[i], &won);
        total += won;
    }
    assert_int_equal(total, 1);
    metric_unregister(NULL);
}

static karma_status use(void *ctx) {
    (void)ctx;
    karma_metric *m = NULL;
    char **names = NULL;
    size_t n;
    karma_status st = karma_register_metric(&length_class);
    if (st == KARMA_OK) st = karma_list_metrics(&names, &n);
    if (st == KARMA_OK) st = karma_metric_create("length_share", NULL, &m);
    if (st == KARMA_OK) st = karma_metric_add(m, "a", "bc", NULL);
    karma_metric_destroy(m);
    mem_free(names);
    metric_unregister(NULL);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(use, NULL) > 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(is_listed_found_and_used_like_ours), test_case(a_table_that_is_wrong_is_refused),
        test_case(what_it_returns_is_checked),         test_case(a_failed_begin_is_not_ended),
        test_case(one_of_many_threads_registers_it),   test_case(survives_every_failing_allocation),
    };
    return run_group("metrics/registered_metrics", tests);
}
