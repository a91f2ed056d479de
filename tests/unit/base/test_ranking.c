/* test_ranking.c - rankings as JSON: what is one, and in which order. */
#include "base/ranking.h"
#include "tests/support/test.h"

static void order(const char *text, const char *want) {
    struct arena a = {0};
    struct ranking r;
    char got[64] = "";
    assert_ok(ranking_read(&a, text, &r));
    for (size_t i = 0; i < r.count; i++) {
        strcat(got, r.ids[i]);
        strcat(got, " ");
    }
    assert_string_equal(got, want);
    arena_release(&a);
}

static void ranks_by_score_and_keeps_the_order_of_equals(void **state) {
    (void)state;
    order("{}", "");
    order("[]", "");
    order(" {\"a\": 0.5, \"b\": 0.25}\n", "a b ");
    order("{\"a\": -1, \"b\": 3, \"c\": 3.0, \"d\": 1e300}", "d b c a ");
    order("[\"z\", \"a\", \"m\"]", "z a m ");
    order("{\"\xE0\xA4\x95\": 1, \"\": 2}", " \xE0\xA4\x95 ");
}

static void says_what_is_no_ranking(void **state) {
    (void)state;
    static const char *const wrong[] = {"",
                                        "a",
                                        "1",
                                        "\"a\"",
                                        "null",
                                        "{\"a\": \"1\"}",
                                        "{\"a\": null}",
                                        "{\"a\": 1, \"a\": 1}",
                                        "[\"a\", \"a\"]",
                                        "[1]",
                                        "[[\"a\"]]",
                                        "{\"a\": 1} x",
                                        "{\"a\\u0000\": 1}",
                                        "[\"\\u0000\"]",
                                        "{\"a\": 1e999}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct arena a = {0};
        struct ranking r = {.count = 9};
        assert_int_equal(ranking_read(&a, wrong[i], &r), KARMA_DONE);
        assert_int_equal(r.count, 0);
        arena_release(&a);
    }
}

static karma_status read_both(void *ctx) {
    (void)ctx;
    struct arena a = {0};
    struct ranking r;
    karma_status st = ranking_read(&a, "{\"a\": 1, \"b\": 2}", &r);
    if (st == KARMA_OK) st = ranking_read(&a, "[\"a\", \"b\"]", &r);
    arena_release(&a);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(read_both, NULL) > 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(ranks_by_score_and_keeps_the_order_of_equals),
        test_case(says_what_is_no_ranking),
        test_case(survives_every_failing_allocation),
    };
    return run_group("base/ranking", tests);
}
