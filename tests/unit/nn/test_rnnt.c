/*
 * test_rnnt.c - a transducer whose predictor is a hash of the tokens so far, so that every
 * alignment of a few frames can be summed by text and compared with the search.
 */
#include "nn/rnnt.h"

#include <math.h>

#include "tests/support/test.h"

enum { FRAMES = 3, TOKENS = 3, BLANK = 2, SYMBOLS = 3, START = 9 };

struct toy {
    uint32_t seed;
    float sharp;
    int predictions;
};

static uint32_t mix(uint32_t h, uint32_t v) {
    h = (h ^ v) * 0x9e3779b1u;
    return h ^ h >> 15;
}

/* A state of 20 bits, exact in a float. */
static void predict(void *ctx, int32_t token, const float *state, float *next, float *prediction) {
    struct toy *t = ctx;
    t->predictions++;
    next[0] = (float)(mix((uint32_t)state[0], (uint32_t)token + 1) & 0xfffff);
    prediction[0] = next[0];
}

static void join(void *ctx, int64_t frame, const float *prediction, float *logits) {
    struct toy *t = ctx;
    for (uint32_t k = 0; k < TOKENS; k++) {
        const uint32_t h = mix(mix(mix(t->seed, (uint32_t)prediction[0]), (uint32_t)frame), k);
        logits[k] = t->sharp * ((float)(h & 0xffff) / 65536.0f - 0.5f);
    }
}

static struct rnnt_model model_of(struct toy *t) {
    return (struct rnnt_model){.ctx = t,
                               .state_floats = 1,
                               .prediction_floats = 1,
                               .n_tokens = TOKENS,
                               .blank = BLANK,
                               .start = START,
                               .max_symbols = SYMBOLS,
                               .predict = predict,
                               .join = join};
}

struct sum {
    int32_t tokens[FRAMES * SYMBOLS];
    int count;
    double probability;
};
static struct sum texts[5000];
static int n_texts;

static void add(const int32_t *tokens, int count, double logprob) {
    int i = 0;
    while (i < n_texts && (texts[i].count != count ||
                           memcmp(texts[i].tokens, tokens, (size_t)count * sizeof(*tokens)) != 0))
        i++;
    if (i == n_texts) {
        memcpy(texts[i].tokens, tokens, (size_t)count * sizeof(*tokens));
        texts[i].count = count;
        texts[n_texts++].probability = 0;
    }
    texts[i].probability += exp(logprob);
}

/* All ways on from here: in a frame at most SYMBOLS - 1 tokens, then its blank. */
static void enumerate(const struct rnnt_model *m, int frame, int here, const float *state,
                      const float *prediction, int32_t *tokens, int count, double logprob) {
    float logits[TOKENS], next[1], further[1];
    double sum = 0;
    if (frame == FRAMES) {
        add(tokens, count, logprob);
        return;
    }
    m->join(m->ctx, frame, prediction, logits);
    for (int k = 0; k < TOKENS; k++)
        sum += exp((double)logits[k]);
    enumerate(m, frame + 1, 0, state, prediction, tokens, count,
              logprob + (double)logits[BLANK] - log(sum));
    if (here + 1 == SYMBOLS) return;
    for (int32_t k = 0; k < BLANK; k++) {
        m->predict(m->ctx, k, state, next, further);
        tokens[count] = k;
        enumerate(m, frame, here + 1, next, further, tokens, count + 1,
                  logprob + (double)logits[k] - log(sum));
    }
}

static const struct sum *best_text(const struct rnnt_model *m) {
    float zero[1] = {0}, state[1], prediction[1];
    int32_t tokens[FRAMES * SYMBOLS];
    n_texts = 0;
    m->predict(m->ctx, START, zero, state, prediction);
    enumerate(m, 0, 0, state, prediction, tokens, 0, 0);
    const struct sum *best = &texts[0];
    for (int i = 1; i < n_texts; i++)
        if (texts[i].probability > best->probability) best = &texts[i];
    return best;
}

static void a_wide_beam_finds_the_likeliest_text(void **state) {
    (void)state;
    const struct rnnt_beam_options o = {.width = 256};
    for (uint32_t seed = 1; seed < 60; seed++) {
        struct toy t = {.seed = seed, .sharp = 5};
        struct rnnt_model m = model_of(&t);
        struct heard h = {0};
        const struct sum *want = best_text(&m);
        assert_ok(rnnt_beam(&m, FRAMES, 5, &o, &h));
        assert_int_equal(h.count, want->count);
        for (size_t i = 0; i < h.count; i++)
            assert_int_equal(h.tokens[i].id, want->tokens[i]);
        assert_true(fabs(h.logprob - log(want->probability)) < 1e-6);
        heard_release(&h);
    }
}

static void greedy_takes_the_best_step_and_bounds_a_frame(void **state) {
    (void)state;
    for (uint32_t seed = 1; seed < 200; seed++) {
        struct toy t = {.seed = seed, .sharp = 8};
        struct rnnt_model m = model_of(&t);
        struct heard h = {0};
        assert_ok(rnnt_greedy(&m, 20, 5, &h));
        /* The predictor read the start and each token once. */
        assert_int_equal(t.predictions, h.count + 1);
        int here = 0;
        for (size_t i = 0; i < h.count; i++) {
            here = i > 0 && h.tokens[i].begin == h.tokens[i - 1].begin ? here + 1 : 1;
            assert_true(here <= SYMBOLS);
            assert_true(h.tokens[i].end > h.tokens[i].begin);
            assert_true(h.tokens[i].end <= h.tokens[i].begin + 5);
        }
        /* The same again, step by step. */
        float s[1] = {0}, next[1], prediction[1], logits[TOKENS];
        size_t at = 0;
        predict(&t, START, s, s, prediction);
        for (int frame = 0; frame < 20; frame++)
            for (int n = 0; n < SYMBOLS; n++) {
                int best = 0;
                join(&t, frame, prediction, logits);
                for (int k = 1; k < TOKENS; k++)
                    if (logits[k] > logits[best]) best = k;
                if (best == BLANK) break;
                assert_int_equal(h.tokens[at].id, best);
                assert_int_equal(h.tokens[at++].begin, frame);
                predict(&t, best, s, next, prediction);
                s[0] = next[0];
            }
        assert_int_equal(at, h.count);
        heard_release(&h);
    }
}

static void a_beam_is_no_worse_than_greedy(void **state) {
    (void)state;
    const struct rnnt_beam_options o = {.width = 8};
    for (uint32_t seed = 1; seed < 100; seed++) {
        struct toy t = {.seed = seed, .sharp = 10};
        struct rnnt_model m = model_of(&t);
        m.max_symbols = 0;
        struct heard greedy = {0}, beam = {0};
        assert_ok(rnnt_greedy(&m, 4, 5, &greedy));
        assert_ok(rnnt_beam(&m, 4, 5, &o, &beam));
        if (greedy.count < 16) assert_true(beam.logprob >= greedy.logprob - 1e-6);
        heard_release(&greedy);
        heard_release(&beam);
    }
}

static void a_hot_word_is_heard_but_not_again_and_again(void **state) {
    (void)state;
    const int32_t word[] = {0, 1, 0};
    int heard = 0;
    for (uint32_t seed = 1; seed < 60; seed++) {
        struct toy t = {.seed = seed, .sharp = 4};
        struct rnnt_model m = model_of(&t);
        struct hot_words *hot;
        struct heard h = {0};
        assert_ok(hot_words_create(&hot));
        assert_ok(hot_words_add(hot, word, 3, 30));
        const struct rnnt_beam_options o = {.width = 16, .hot = hot};
        assert_ok(rnnt_beam(&m, 8, 5, &o, &h));
        for (size_t i = 0; i + 3 <= h.count; i++)
            heard += h.tokens[i].id == 0 && h.tokens[i + 1].id == 1 && h.tokens[i + 2].id == 0;
        assert_true(h.count <= 16);
        heard_release(&h);
        hot_words_destroy(hot);
    }
    assert_true(heard >= 59);
}

static void join_nothing(void *ctx, int64_t frame, const float *prediction, float *logits) {
    join(ctx, frame, prediction, logits);
    if (frame == 2) logits[BLANK] = NAN;
}

/* Without a bound in a frame, a blank that never wins would go on for ever. */
static void scores_that_are_no_numbers_end_the_search(void **state) {
    (void)state;
    struct toy t = {.seed = 5, .sharp = 5};
    struct rnnt_model m = model_of(&t);
    const struct rnnt_beam_options o = {.width = 4};
    struct heard h = {0};
    m.join = join_nothing;
    m.max_symbols = 0;
    assert_status(rnnt_greedy(&m, 4, 5, &h), KARMA_E_NONFINITE);
    assert_message_contains("frame 2");
    assert_status(rnnt_beam(&m, 4, 5, &o, &h), KARMA_E_NONFINITE);
    heard_release(&h);
}

static karma_status attempt(void *ctx) {
    (void)ctx;
    struct toy t = {.seed = 5, .sharp = 5};
    struct rnnt_model m = model_of(&t);
    const struct rnnt_beam_options o = {.width = 4};
    struct heard h = {0};
    karma_status st = rnnt_greedy(&m, 4, 5, &h);
    if (st == KARMA_OK) st = rnnt_beam(&m, 4, 5, &o, &h);
    heard_release(&h);
    return st;
}

static void survives_any_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(attempt, NULL) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(a_wide_beam_finds_the_likeliest_text),
        test_case(greedy_takes_the_best_step_and_bounds_a_frame),
        test_case(a_beam_is_no_worse_than_greedy),
        test_case(a_hot_word_is_heard_but_not_again_and_again),
        test_case(scores_that_are_no_numbers_end_the_search),
        test_case(survives_any_failing_allocation),
    };
    return run_group("nn/rnnt", tests);
}
