/* test_transcriber.c - utterances in company and alone, in portions and at once, on any number of
 * threads: the same tokens, to the bit of their log-probabilities. */
#include <math.h>

#include "engine/transcriber.h"
#include "tests/support/test.h"
#include "tests/support/tiny_checkpoint.h"
#include "tests/support/tiny_recogniser.h"

enum { RATE = 16000 };

static const char *folder(void) {
    const char *path = test_path("recogniser");
    static bool written;
    if (!written) assert_ok(tiny_recogniser_write(path));
    written = true;
    return path;
}

static float *sound(int64_t n, uint32_t seed) {
    float *x = malloc((size_t)(n + 1) * sizeof(*x));
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(0.4 * sin((double)i * (0.05 + 0.00001 * (double)(i % 4000) + seed * 0.01)) +
                       0.2 * tiny_draw(&seed));
    return x;
}

static struct transcriber *make(const struct model *m, int64_t max_samples, int32_t max_batch) {
    const struct transcriber_options o = {.max_samples = max_samples, .max_batch = max_batch};
    struct transcriber *t;
    assert_ok(transcriber_create(m, &o, &t));
    return t;
}

static void listen(struct transcriber *t, const float *x, int64_t n, size_t portion) {
    assert_true(transcriber_fits(t, n));
    assert_ok(transcriber_begin(t));
    for (int64_t at = 0; at < n; at += (int64_t)portion) {
        const size_t left = (size_t)(n - at);
        assert_ok(transcriber_push(t, x + at, left < portion ? left : portion));
    }
    assert_ok(transcriber_end(t));
}

static void hear_all(struct transcriber *t, const struct decoding *how, struct heard *out) {
    assert_ok(transcriber_encode(t, NULL, NULL));
    for (size_t i = 0; i < transcriber_count(t); i++) {
        int32_t language;
        assert_ok(transcriber_decode(t, i, how, &language, &out[i]));
    }
}

static void assert_same(const struct heard *a, const struct heard *b) {
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->tokens, b->tokens, a->count * sizeof(*a->tokens));
    assert_memory_equal(&a->logprob, &b->logprob, sizeof(a->logprob));
}

enum { N = 4 };
static const int64_t lengths[N] = {16000, 300, 50001, 1};

static void company_threads_and_portions_leave_no_trace(void **state) {
    (void)state;
    static const struct decoding ways[] = {
        {.language = 2, .beam = 1},
        {.language = 0, .beam = 8},
        {.language = 1, .beam = 1, .rnnt = true},
        {.language = -1, .beam = 4, .rnnt = true, .times = true}};
    float *x[N];
    for (int i = 0; i < N; i++)
        x[i] = sound(lengths[i], (uint32_t)i + 1);
    for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
        struct heard alone[N] = {0};
        struct loaded l;
        loaded_open(&l, folder(), 1);
        for (int i = 0; i < N; i++) {
            struct transcriber *t = make(l.model, lengths[i], 1);
            listen(t, x[i], lengths[i], (size_t)lengths[i]);
            hear_all(t, &ways[w], &alone[i]);
            transcriber_destroy(t);
        }
        loaded_release(&l);
        for (int threads = 1; threads <= 3; threads++) {
            struct heard company[N] = {0};
            loaded_open(&l, folder(), threads);
            struct transcriber *t = make(l.model, 60000, N);
            for (int again = 0; again < 2;
                 again++) { /* a second batch finds no trace of the first */
                for (int i = 0; i < N; i++)
                    listen(t, x[i], lengths[i], 997);
                hear_all(t, &ways[w], company);
                for (int i = 0; i < N; i++) {
                    assert_same(&company[i], &alone[i]);
                    heard_release(&company[i]);
                }
                transcriber_clear(t);
            }
            transcriber_destroy(t);
            loaded_release(&l);
        }
        for (int i = 0; i < N; i++)
            heard_release(&alone[i]);
    }
    for (int i = 0; i < N; i++)
        free(x[i]);
}

static void a_batch_says_when_it_is_full(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, folder(), 1);
    struct transcriber *t = make(l.model, 20000, 2);
    float *x = sound(30000, 1);
    assert_false(transcriber_fits(t, 20001));
    assert_ok(transcriber_begin(t));
    assert_status(transcriber_push(t, x, 20001), KARMA_E_LIMIT);
    assert_int_equal(transcriber_count(t), 0);
    listen(t, x, 20000, 20000);
    listen(t, x, 500, 500);
    assert_false(transcriber_fits(t, 1));
    assert_status(transcriber_begin(t), KARMA_E_LIMIT);
    assert_int_equal(transcriber_count(t), 2);
    transcriber_clear(t);
    assert_true(transcriber_fits(t, 20000));
    free(x);
    transcriber_destroy(t);
    loaded_release(&l);
}

static void an_utterance_given_up_leaves_no_trace(void **state) {
    (void)state;
    const struct decoding how = {.language = 2, .beam = 1};
    struct loaded l;
    struct heard want[2] = {0}, got[2] = {0};
    float *x = sound(16000, 1), *y = sound(9000, 2);
    loaded_open(&l, folder(), 1);
    struct transcriber *t = make(l.model, 16000, 4);
    listen(t, x, 16000, 16000);
    listen(t, y, 9000, 9000);
    hear_all(t, &how, want);
    transcriber_clear(t);
    listen(t, x, 16000, 16000);
    assert_ok(transcriber_begin(t));
    assert_ok(transcriber_push(t, y, 5000));
    transcriber_drop(t);
    listen(t, y, 9000, 9000);
    hear_all(t, &how, got);
    for (int i = 0; i < 2; i++) {
        assert_same(&got[i], &want[i]);
        heard_release(&got[i]);
        heard_release(&want[i]);
    }
    free(x);
    free(y);
    transcriber_destroy(t);
    loaded_release(&l);
}

static bool second_time(void *user) {
    int *calls = user;
    return ++*calls == 2;
}

static void cancelling_is_asked_between_layers(void **state) {
    (void)state;
    struct loaded l;
    int calls = 0;
    loaded_open(&l, folder(), 1);
    struct transcriber *t = make(l.model, 16000, 1);
    float *x = sound(16000, 1);
    listen(t, x, 16000, 16000);
    assert_status(transcriber_encode(t, second_time, &calls), KARMA_E_CANCELLED);
    assert_int_equal(calls, 2);
    transcriber_destroy(t);
    loaded_release(&l);
    free(x);
}

static void the_ceiling_is_kept(void **state) {
    (void)state;
    struct loaded l;
    size_t large, small;
    loaded_open(&l, folder(), 1);
    struct transcriber_options o = {.max_samples = 16000, .max_batch = 4};
    assert_ok(transcriber_measure(l.model, &o, &large));
    o.batch_samples = 16000;
    assert_ok(transcriber_measure(l.model, &o, &small));
    assert_true(small < large);
    struct transcriber *t;
    o.batch_samples = 0;
    o.ceiling_bytes = small + l.model->info.weight_bytes + l.model->info.private_bytes + 4096;
    assert_ok(transcriber_create(l.model, &o, &t)); /* with a smaller batch */
    assert_true(transcriber_bytes(t) <= small + 4096);
    transcriber_destroy(t);
    o.ceiling_bytes = 100000;
    assert_status(transcriber_create(l.model, &o, &t), KARMA_E_LIMIT);
    assert_null(t);
    assert_message_contains("memory: ");
    o.max_samples = 0;
    assert_status(transcriber_create(l.model, &o, &t), KARMA_E_LIMIT);
    loaded_release(&l);
}

static void a_text_model_hears_nothing(void **state) {
    (void)state;
    struct loaded l;
    struct transcriber *t;
    const struct transcriber_options o = {.max_samples = 16000, .max_batch = 1};
    loaded_open(&l, "tests/fixtures/models/qwen3_tied", 1);
    assert_status(transcriber_create(l.model, &o, &t), KARMA_E_UNSUPPORTED);
    loaded_release(&l);
}

static karma_status attempt(void *ctx) {
    const struct transcriber_options o = {.max_samples = 8000, .max_batch = 2};
    static const struct decoding ways[] = {
        {.language = 2, .beam = 4}, {.language = -1, .beam = 1, .rnnt = true, .times = true}};
    struct loaded l = {0};
    struct transcriber *t = NULL;
    karma_status st = loaded_try(&l, folder(), 1);
    if (st == KARMA_OK) st = transcriber_create(l.model, &o, &t);
    if (st == KARMA_OK) st = transcriber_begin(t);
    if (st == KARMA_OK) st = transcriber_push(t, ctx, 4000);
    if (st == KARMA_OK) st = transcriber_end(t);
    if (st == KARMA_OK) st = transcriber_encode(t, NULL, NULL);
    for (size_t i = 0; i < 2 && st == KARMA_OK; i++) {
        struct heard h = {0};
        int32_t language;
        st = transcriber_decode(t, 0, &ways[i], &language, &h);
        heard_release(&h);
    }
    transcriber_destroy(t);
    loaded_release(&l);
    return st;
}

static void every_failing_allocation_is_told(void **state) {
    (void)state;
    float *x = sound(4000, 1);
    folder();
    assert_true(for_each_failing_allocation(attempt, x) >= 20);
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(company_threads_and_portions_leave_no_trace),
        test_case(a_batch_says_when_it_is_full),
        test_case(an_utterance_given_up_leaves_no_trace),
        test_case(cancelling_is_asked_between_layers),
        test_case(the_ceiling_is_kept),
        test_case(a_text_model_hears_nothing),
        test_case(every_failing_allocation_is_told),
    };
    return run_group("engine/transcriber", tests);
}
