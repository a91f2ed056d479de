/* test_sequence.c - one sequence fed by hand: chunks, going back, limits. */
#include "tests/support/test.h"

#include "engine/engine.h"
#include "tests/support/tiny_checkpoint.h"

static const char model_folder[] = "tests/fixtures/models/gemma3";
enum { VOCAB = 101, N = 120 };

static void fill(int32_t *tokens) {
    for (int i = 0; i < N; i++)
        tokens[i] = (i * 29 + 7) % VOCAB;
}

static void any_chunks_give_the_same_bits(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 2);
    struct sequence *s;
    assert_ok(sequence_create(l.model, N, &s));
    int32_t tokens[N];
    fill(tokens);
    float *want = mem_alloc(N * VOCAB * sizeof(float));
    const float *last;
    assert_ok(sequence_feed(s, tokens, N, want, &last));
    assert_memory_equal(last, want + (N - 1) * VOCAB, VOCAB * sizeof(float));
    assert_int_equal(sequence_n_past(s), N);
    const size_t chunks[] = {1, 3, 31, 32, 33, 100};
    for (int i = 0; i < 6; i++) {
        assert_ok(sequence_rewind(s, 0));
        for (size_t at = 0; at < N; at += chunks[i]) {
            const size_t n = N - at < chunks[i] ? N - at : chunks[i];
            assert_ok(sequence_feed(s, tokens + at, n, NULL, &last));
            assert_memory_equal(last, want + (at + n - 1) * VOCAB, VOCAB * sizeof(float));
        }
    }
    mem_free(want);
    sequence_destroy(s);
    loaded_release(&l);
}

static void going_back_forgets_what_came_after(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    struct sequence *s, *fresh;
    assert_ok(sequence_create(l.model, N, &s));
    assert_ok(sequence_create(l.model, N, &fresh));
    int32_t tokens[N];
    fill(tokens);
    const float *last, *want;
    assert_ok(sequence_feed(s, tokens, N, NULL, NULL));
    assert_ok(sequence_rewind(s, 45));
    assert_int_equal(sequence_n_past(s), 45);
    const int32_t other[] = {9, 8, 7};
    assert_ok(sequence_feed(s, other, 3, NULL, &last));
    assert_ok(sequence_feed(fresh, tokens, 45, NULL, NULL));
    assert_ok(sequence_feed(fresh, other, 3, NULL, &want));
    assert_memory_equal(last, want, VOCAB * sizeof(float));
    assert_status(sequence_rewind(s, 49), KARMA_E_RANGE);
    assert_int_equal(sequence_n_past(s), 48);
    sequence_destroy(s);
    sequence_destroy(fresh);
    loaded_release(&l);
}

static void what_cannot_be_fed_leaves_it_as_it_was(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    struct sequence *s;
    assert_ok(sequence_create(l.model, 10, &s));
    const int32_t good[] = {1, 2, 3, 4, 5, 6, 7, 8}, bad[] = {1, VOCAB};
    const float *last;
    assert_ok(sequence_feed(s, good, 8, NULL, &last));
    assert_status(sequence_feed(s, good, 3, NULL, &last), KARMA_E_LIMIT);
    assert_null(last);
    assert_message_contains("8 tokens are fed, 3 more exceed n_ctx 10");
    assert_status(sequence_feed(s, bad, 2, NULL, &last), KARMA_E_RANGE);
    assert_status(sequence_feed(s, good, 0, NULL, &last), KARMA_E_RANGE);
    assert_int_equal(sequence_n_past(s), 8);
    assert_ok(sequence_feed(s, good, 2, NULL, &last));
    sequence_destroy(s);
    assert_status(sequence_create(l.model, 257, &s), KARMA_E_LIMIT);
    assert_status(sequence_create(l.model, 0, &s), KARMA_E_LIMIT);
    assert_null(s);
    loaded_release(&l);
}

static void feeding_allocates_nothing(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 2);
    struct sequence *s;
    assert_ok(sequence_create(l.model, N, &s));
    int32_t tokens[N];
    fill(tokens);
    const float *last;
    const uint64_t calls = mem_call_count();
    assert_ok(sequence_feed(s, tokens, N - 1, NULL, &last));
    assert_ok(sequence_feed(s, tokens, 1, NULL, &last));
    assert_int_equal(mem_call_count(), calls);
    sequence_destroy(s);
    loaded_release(&l);
}

static karma_status create_once(void *ctx) {
    struct sequence *s;
    const karma_status st = sequence_create(ctx, 64, &s);
    sequence_destroy(s);
    return st;
}

static void every_failing_allocation_is_reported(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    assert_true(for_each_failing_allocation(create_once, l.model) >= 5);
    loaded_release(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(any_chunks_give_the_same_bits),
        test_case(going_back_forgets_what_came_after),
        test_case(what_cannot_be_fed_leaves_it_as_it_was),
        test_case(feeding_allocates_nothing),
        test_case(every_failing_allocation_is_reported),
    };
    return run_group("engine/sequence", tests);
}
