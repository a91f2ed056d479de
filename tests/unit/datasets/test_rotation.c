/*
 * test_rotation.c - questions under all cyclic orders of their options: texts move, letters stay,
 * the reference goes with its text, and every order has a key.
 */
#include "karma/dataset.h"
#include "tests/support/test.h"

static const char rows[] = "{\"id\": \"q1\", \"question\": \"Which?\", \"options\": {\"A\": "
                           "\"one\", \"B\": \"two\", \"C\": "
                           "\"three\"}, \"answer\": \"B\"}\n"
                           "{\"id\": \"q2\", \"question\": \"And?\", \"options\": [\"yes\", "
                           "\"no\"], \"answer\": \"yes\"}\n";

static karma_dataset *open_rows(const char *name, const char *text) {
    karma_dataset *d;
    assert_ok(karma_dataset_open(write_text(name, text), NULL, &d));
    return d;
}

/* Sample i: its key, its group, its reference, and the line of each option in its prompt. */
static void check(karma_dataset *d, size_t i, const char *key, const char *group,
                  const char *reference, const char *lines) {
    const karma_sample *s;
    const char *found;
    assert_ok(karma_dataset_get(d, i, &s));
    assert_string_equal(s->key, key);
    assert_string_equal(s->expected_output, reference);
    assert_non_null(strstr(s->input, lines));
    assert_ok(karma_dataset_group(d, i, &found));
    assert_string_equal(found, group);
}

static void texts_move_and_letters_stay(void **state) {
    (void)state;
    karma_dataset *d = open_rows("rotation/two.jsonl", rows);
    assert_int_equal(karma_dataset_count(d), 2);
    assert_ok(karma_dataset_rotate(d));
    assert_int_equal(karma_dataset_count(d), 5);
    check(d, 0, "q1", "q1", "B", "A. one\nB. two\nC. three\n");
    check(d, 1, "q1#r1", "q1", "A", "A. two\nB. three\nC. one\n");
    check(d, 2, "q1#r2", "q1", "C", "A. three\nB. one\nC. two\n");
    check(d, 3, "q2", "q2", "A", "A. yes\nB. no\n");
    check(d, 4, "q2#r1", "q2", "B", "A. no\nB. yes\n");
    check(d, 0, "q1", "q1", "B", "A. one\nB. two\nC. three\n");
    karma_dataset_close(d);
}

static void answers_are_read_by_the_order_that_was_shown(void **state) {
    (void)state;
    karma_dataset *d = open_rows("rotation/read.jsonl", rows);
    const char *const *labels, *const *texts, *prediction;
    karma_parse how;
    size_t n;
    assert_ok(karma_dataset_rotate(d));
    assert_ok(karma_dataset_choices(d, 1, &labels, &texts, &n));
    assert_int_equal(n, 3);
    assert_string_equal(labels[0], "A");
    assert_string_equal(texts[0], "two");
    assert_string_equal(texts[2], "one");
    assert_ok(karma_dataset_extract(d, 2, "Final Answer: two", &prediction, &how));
    assert_string_equal(prediction, "C");
    karma_dataset_close(d);
}

static void a_sample_knows_its_question_and_order(void **state) {
    (void)state;
    karma_dataset *d = open_rows("rotation/which.jsonl", rows);
    size_t question, rotation, n;
    karma_dataset_rotation(d, 1, &question, &rotation, &n);
    assert_int_equal(question, 1);
    assert_int_equal(rotation, 0);
    assert_int_equal(n, 1);
    assert_ok(karma_dataset_rotate(d));
    karma_dataset_rotation(d, 4, &question, &rotation, &n);
    assert_int_equal(question, 1);
    assert_int_equal(rotation, 1);
    assert_int_equal(n, 2);
    assert_ok(karma_dataset_rotate(d)); /* once is enough */
    assert_int_equal(karma_dataset_count(d), 5);
    karma_dataset_close(d);
}

static void questions_without_options_have_no_orders(void **state) {
    (void)state;
    karma_dataset *d =
        open_rows("rotation/open.jsonl", "{\"question\": \"Why?\", \"answer\": \"So.\"}\n");
    assert_status(karma_dataset_rotate(d), KARMA_E_USAGE);
    assert_message_contains("no options");
    karma_dataset_close(d);
}

static karma_status rotate(void *ctx) {
    karma_dataset *d;
    karma_status st = karma_dataset_open(ctx, NULL, &d);
    if (st < 0) return st;
    st = karma_dataset_rotate(d);
    for (size_t i = 0; i < 5 && st == KARMA_OK; i++) {
        const karma_sample *s;
        st = karma_dataset_get(d, i, &s);
    }
    karma_dataset_close(d);
    return st;
}

static void failing_allocations_leave_nothing_behind(void **state) {
    (void)state;
    for_each_failing_allocation(rotate, (void *)(uintptr_t)write_text("rotation/fail.jsonl", rows));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_move_and_letters_stay),
        cmocka_unit_test(answers_are_read_by_the_order_that_was_shown),
        cmocka_unit_test(a_sample_knows_its_question_and_order),
        cmocka_unit_test(questions_without_options_have_no_orders),
        cmocka_unit_test(failing_allocations_leave_nothing_behind),
    };
    return run_group("datasets/rotation", tests);
}
