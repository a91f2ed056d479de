/*
 * test_rotations.c - the account of places: what all orders of a question's options say of a model.
 */
#include "eval/rotations.h"

#include <math.h>

#include "tests/support/test.h"

/* What is told, as a tree in a. */
static const struct json *told(struct rotations *t, struct arena *a) {
    struct json *to = json_new_object(a);
    assert_non_null(to);
    assert_ok(rotations_put(t, a, to));
    return json_get(to, "position_bias");
}

static double real(const struct json *o, const char *name) {
    const struct json *j = json_get(o, name);
    assert_non_null(j);
    return j->type == JSON_INT ? (double)j->u.integer : j->u.real;
}

static double at(const struct json *o, const char *name, size_t i) {
    const struct json *j = json_at(json_get(o, name), i);
    assert_non_null(j);
    return j->type == JSON_INT ? (double)j->u.integer : j->u.real;
}

static bool near(double a, double b) {
    return fabs(a - b) < 1e-9;
}

/* Option `option` stands in place (option - order) mod n. */
static int place_of(int option, size_t order, size_t n) {
    return (int)(((size_t)option + n - order) % n);
}

static void an_answer_by_content_shows_no_bias(void **state) {
    (void)state;
    struct rotations t = {0};
    struct arena a = {0};
    for (size_t q = 0; q < 10; q++) { /* right in seven of ten, and the same in all orders */
        const int right = (int)(q % 4), chosen = q < 7 ? right : (right + 1) % 4;
        for (size_t r = 0; r < 4; r++)
            rotations_add(&t, q, r, 4, place_of(chosen, r, 4), place_of(right, r, 4));
    }
    const struct json *o = told(&t, &a);
    for (size_t i = 0; i < 4; i++) {
        assert_true(near(at(o, "accuracy_by_order", i), 0.7));
        assert_true(near(at(o, "n_by_order", i), 10));
        assert_true(near(at(o, "chosen", i), 10));
        assert_true(near(at(o, "expected", i), 10));
        assert_true(near(at(o, "recall", i), 0.7));
    }
    assert_true(near(real(o, "mean_accuracy"), 0.7));
    assert_true(near(real(o, "majority_accuracy"), 0.7));
    assert_true(near(real(o, "same_answer_in_all_orders"), 1));
    assert_true(near(real(o, "chi_square"), 0));
    assert_true(near(real(o, "degrees_of_freedom"), 3));
    assert_true(near(real(o, "p"), 1));
    assert_true(near(real(o, "questions"), 10));
    arena_release(&a);
}

static void an_answer_by_place_is_found_out(void **state) {
    (void)state;
    struct rotations t = {0};
    struct arena a = {0};
    for (size_t q = 0; q < 10; q++) /* always the first letter */
        for (size_t r = 0; r < 4; r++)
            rotations_add(&t, q, r, 4, 0, place_of((int)(q % 4), r, 4));
    const struct json *o = told(&t, &a);
    assert_true(near(real(o, "mean_accuracy"), 0.25));
    assert_true(near(real(o, "majority_accuracy"), 0)); /* every option once: there is none */
    assert_true(near(real(o, "same_answer_in_all_orders"), 0));
    assert_true(near(at(o, "chosen", 0), 40));
    assert_true(near(at(o, "recall", 0), 1));
    assert_true(near(at(o, "recall", 1), 0));
    assert_true(near(real(o, "chi_square"), 120)); /* (30^2 + 3 * 10^2) / 10 */
    assert_true(real(o, "p") < 1e-20);
    arena_release(&a);
}

/* scipy.stats.chisquare([18, 9, 13], [40 / 3] * 3) */
static void the_test_is_pearsons(void **state) {
    (void)state;
    static const int counts[3] = {18, 9, 13};
    struct rotations t = {0};
    struct arena a = {0};
    size_t q = 0;
    for (int place = 0; place < 3; place++)
        for (int k = 0; k < counts[place]; k++)
            rotations_add(&t, q++, 0, 3, place, ROTATIONS_NONE);
    const struct json *o = told(&t, &a);
    assert_true(near(real(o, "chi_square"), 3.05));
    assert_true(near(real(o, "p"), exp(-3.05 / 2))); /* of two degrees of freedom */
    arena_release(&a);
}

static void questions_that_are_not_whole_count_for_places_alone(void **state) {
    (void)state;
    struct rotations t = {0};
    struct arena a = {0};
    rotations_add(&t, 0, 0, 3, 1, 1); /* the second order is missing */
    rotations_add(&t, 0, 2, 3, 2, 2);
    rotations_add(&t, 1, 0, 2, ROTATIONS_NONE, 0); /* no answer, and one that is right */
    rotations_add(&t, 1, 1, 2, 1, 1);
    const struct json *o = told(&t, &a);
    assert_true(near(real(o, "questions"), 1));
    assert_true(near(real(o, "same_answer_in_all_orders"), 0));
    assert_true(near(real(o, "majority_accuracy"), 1));
    assert_true(near(real(o, "no_answer"), 1));
    assert_true(near(at(o, "expected", 0), 2.0 / 3 + 0.5));
    assert_true(near(at(o, "expected", 2), 2.0 / 3));
    assert_true(near(at(o, "accuracy_by_order", 1), 1));
    assert_true(near(at(o, "n_by_order", 0), 2));
    arena_release(&a);
}

static void of_nothing_nothing_is_told(void **state) {
    (void)state;
    struct rotations t = {0};
    struct arena a = {0};
    const struct json *o = told(&t, &a);
    assert_true(json_is_null(json_get(o, "p")));
    assert_true(json_is_null(json_get(o, "mean_accuracy")));
    assert_int_equal(json_count(json_get(o, "chosen")), 0);
    arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(an_answer_by_content_shows_no_bias),
        test_case(an_answer_by_place_is_found_out),
        test_case(the_test_is_pearsons),
        test_case(questions_that_are_not_whole_count_for_places_alone),
        test_case(of_nothing_nothing_is_told),
    };
    return run_group("eval/rotations", tests);
}
