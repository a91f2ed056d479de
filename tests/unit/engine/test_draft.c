/* test_draft.c - what is guessed, how many rows the guesses get, what is learnt from them. */
#include "tests/support/test.h"

#include "engine/draft.h"

enum { VOCAB = 100, LONG = 10 };

static void guess(struct draft *d, const int32_t *tokens, int32_t n) {
    draft_init(d);
    draft_find(d, tokens, n, VOCAB, LONG);
}

static void expect(const struct draft *d, int32_t n_match, const int32_t *want, int32_t n) {
    assert_int_equal(d->n_match, n_match);
    assert_int_equal(d->n, n);
    assert_memory_equal(d->tokens, want, (size_t)n * sizeof(*want));
}

static void what_followed_the_longest_match_is_guessed(void **state) {
    (void)state;
    struct draft d;
    /* 3 4 5 and then 8; 4 5 and then 9, later; 5 and then 7, later still. */
    const int32_t tokens[] = {1, 3, 4, 5, 8, 2, 4, 5, 9, 1, 6, 5, 7, 0, 3, 4, 5};
    guess(&d, tokens, 17);
    expect(&d, 3, (const int32_t[]){8, 2, 4, 5, 9, 1, 6}, 7);
    int32_t other[17];
    memcpy(other, tokens, sizeof(other));
    other[14] = 0;
    guess(&d, other, 17);
    expect(&d, 2, (const int32_t[]){9, 1, 6, 5, 7, 0, 0}, 7);
}

static void of_equal_matches_the_latest_counts(void **state) {
    (void)state;
    struct draft d;
    const int32_t tokens[] = {4, 5, 1, 4, 5, 2, 4, 5, 3, 9, 4, 5};
    guess(&d, tokens, 12);
    expect(&d, 2, (const int32_t[]){3, 9, 4, 5, 3, 9, 4}, 7);
    /* Four tokens are enough: an earlier, longer one is not looked for. */
    const int32_t longer[] = {9, 1, 2, 3, 4, 7, 8, 1, 2, 3, 4, 6, 9, 1, 2, 3, 4};
    guess(&d, longer, 17);
    assert_int_equal(d.n_match, 4);
    assert_int_equal(d.tokens[0], 6);
}

static void a_text_that_repeats_itself_goes_on(void **state) {
    (void)state;
    struct draft d;
    const int32_t tokens[] = {7, 1, 2, 3, 1, 2, 3};
    guess(&d, tokens, 7);
    expect(&d, 3, (const int32_t[]){1, 2, 3, 1, 2, 3, 1}, 7);
    const int32_t one[] = {8, 8, 8};
    guess(&d, one, 3);
    expect(&d, 2, (const int32_t[]){8, 8, 8, 8, 8, 8, 8}, 7);
}

static void without_a_match_nothing_is_guessed(void **state) {
    (void)state;
    struct draft d;
    const int32_t tokens[] = {1, 2, 3, 4, 3};
    for (int32_t n = 1; n <= 5; n++) {
        guess(&d, tokens, n);
        assert_int_equal(d.n, 0);
        draft_learn(&d, tokens, 1);
    }
    const int32_t same[] = {5, 5}; /* before the first token nothing stands */
    guess(&d, same, 2);
    assert_int_equal(d.n, 0);
}

static void as_many_as_are_asked_for(void **state) {
    (void)state;
    struct draft d;
    const int32_t tokens[] = {1, 2, 3, 4, 5, 1, 2};
    draft_init(&d);
    for (int32_t most = 0; most <= DRAFT_MAX + 2; most++) {
        draft_find(&d, tokens, 7, VOCAB, most);
        assert_int_equal(d.n, most < DRAFT_MAX ? most : DRAFT_MAX);
    }
}

static void what_is_no_id_ends_a_guess(void **state) {
    (void)state;
    struct draft d;
    const int32_t high[] = {1, 2, 3, VOCAB, 5, 1, 2}, low[] = {1, 2, -1, 4, 5, 1, 2};
    guess(&d, high, 7);
    expect(&d, 2, (const int32_t[]){3}, 1);
    guess(&d, low, 7);
    assert_int_equal(d.n, 0);
}

/* A guess of n tokens, each of which comes true at that rate. */
static struct draft guessed(int32_t n, float rate) {
    struct draft d;
    draft_init(&d);
    d.n = n;
    d.n_match = DRAFT_LEAST_MATCH;
    d.rate[0] = rate;
    return d;
}

static void likelier_guesses_get_more_rows(void **state) {
    (void)state;
    struct draft sure = guessed(7, 0.97f), likely = guessed(7, 0.6f), unlikely = guessed(7, 0.05f);
    struct draft *one[] = {&sure};
    draft_share_rows(one, 1, DRAFT_STEP_ROWS, DRAFT_DEAR);
    assert_int_equal(sure.n_rows, 7);
    one[0] = &likely;
    draft_share_rows(one, 1, DRAFT_STEP_ROWS, DRAFT_DEAR);
    assert_in_range(likely.n_rows, 1, 3);
    one[0] = &unlikely;
    draft_share_rows(one, 1, DRAFT_STEP_ROWS, DRAFT_DEAR);
    assert_int_equal(unlikely.n_rows, 0);
    sure.n_rows = likely.n_rows = 0;
    struct draft *all[] = {&unlikely, &sure, &likely};
    draft_share_rows(all, 3, DRAFT_STEP_ROWS, DRAFT_DEAR);
    assert_true(sure.n_rows > likely.n_rows);
    assert_int_equal(unlikely.n_rows, 0);
}

static void cheap_rows_go_to_guesses_that_dear_ones_do_not(void **state) {
    (void)state;
    struct draft d = guessed(7, 0.75f), unlikely = guessed(7, 0.005f);
    struct draft *one[] = {&d};
    draft_share_rows(one, 1, DRAFT_STEP_ROWS, DRAFT_DEAR);
    const int32_t dear = d.n_rows;
    d.n_rows = 0;
    draft_share_rows(one, 1, DRAFT_STEP_ROWS, DRAFT_CHEAP);
    assert_true(d.n_rows > dear);
    one[0] = &unlikely;
    draft_share_rows(one, 1, DRAFT_STEP_ROWS, DRAFT_CHEAP);
    assert_int_equal(unlikely.n_rows, 0);
}

static void a_step_never_has_more_rows_than_it_may(void **state) {
    (void)state;
    for (int32_t n = 1; n <= DRAFT_STEP_ROWS; n++) {
        for (int32_t most = 1; most <= DRAFT_STEP_ROWS + 3; most++) {
            for (int32_t k = 0; k <= DRAFT_MAX; k++) {
                struct draft d[DRAFT_STEP_ROWS];
                struct draft *drafts[DRAFT_STEP_ROWS];
                int32_t rows = n;
                for (int32_t i = 0; i < n; i++) {
                    d[i] = guessed(i % 3 == 2 ? 0 : k, 1);
                    drafts[i] = &d[i];
                }
                draft_share_rows(drafts, n, most, k % 2 ? DRAFT_CHEAP : DRAFT_DEAR);
                for (int32_t i = 0; i < n; i++) {
                    assert_in_range(d[i].n_rows, 0, d[i].n);
                    rows += d[i].n_rows;
                }
                assert_true(rows == n || (rows <= most && rows <= DRAFT_STEP_ROWS));
            }
        }
    }
}

static void guesses_that_fail_are_made_no_more_until_they_would_hold(void **state) {
    (void)state;
    const int32_t tokens[] = {1, 2, 3, 4, 5, 1, 2}, other = 50, right = 3;
    struct draft d;
    struct draft *one[] = {&d};
    guess(&d, tokens, 7);
    int failures = 0, successes = 0;
    for (; failures < 100; failures++) {
        draft_find(&d, tokens, 7, VOCAB, DRAFT_MAX);
        draft_share_rows(one, 1, DRAFT_STEP_ROWS, DRAFT_DEAR);
        if (d.n_rows == 0) break;
        draft_learn(&d, &other, 1);
    }
    assert_true(failures < 20);
    /* Looked for all the same: what would have come true is noticed without a row. */
    for (; successes < 100 && d.n_rows == 0; successes++) {
        draft_learn(&d, &right, 1);
        draft_find(&d, tokens, 7, VOCAB, DRAFT_MAX);
        draft_share_rows(one, 1, DRAFT_STEP_ROWS, DRAFT_DEAR);
    }
    assert_in_range(successes, 1, 20);
}

static void tokens_behind_a_wrong_one_say_nothing(void **state) {
    (void)state;
    struct draft a = guessed(3, 0.5f), b = a, c = a;
    const int32_t said[] = {1, 9, 3};
    for (int32_t i = 0; i < 3; i++)
        a.tokens[i] = b.tokens[i] = c.tokens[i] = i + 1;
    draft_learn(&a, said, 3);
    draft_learn(&b, said, 2);
    draft_learn(&c, said, 0);
    assert_true(a.rate[0] == b.rate[0]);
    assert_true(a.rate[0] != 0.5f && c.rate[0] == 0.5f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(what_followed_the_longest_match_is_guessed),
        test_case(of_equal_matches_the_latest_counts),
        test_case(a_text_that_repeats_itself_goes_on),
        test_case(without_a_match_nothing_is_guessed),
        test_case(as_many_as_are_asked_for),
        test_case(what_is_no_id_ends_a_guess),
        test_case(likelier_guesses_get_more_rows),
        test_case(cheap_rows_go_to_guesses_that_dear_ones_do_not),
        test_case(a_step_never_has_more_rows_than_it_may),
        test_case(guesses_that_fail_are_made_no_more_until_they_would_hold),
        test_case(tokens_behind_a_wrong_one_say_nothing),
    };
    return run_group("engine/draft", tests);
}
