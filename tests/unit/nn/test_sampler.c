/* test_sampler.c - the order of the reference's processors, draws, ties, what is not finite. */
#include "tests/support/test.h"

#include <math.h>

#include "base/json.h"
#include "nn/sampler.h"

static void sampler_make(struct sampler *s, int64_t vocab_size) {
    void *memory = mem_calloc(1, sampler_bytes(vocab_size));
    assert_non_null(memory);
    sampler_init(s, vocab_size, memory);
}

static void sampler_free(struct sampler *s) {
    mem_free(s->ranked);
}

static const struct sampler_options plain = {
    .do_sample = true, .temperature = 1, .top_p = 1, .repetition_penalty = 1};

static double real_of(const struct json *o, const char *key) {
    double v = 0;
    assert_ok(json_field_real(o, key, 0, &v));
    return v;
}

static void scores_equal_the_reference_processors(void **state) {
    (void)state;
    struct arena a = {0};
    const struct json *cases;
    assert_ok(json_parse_file(&a, "tests/fixtures/nn/sampler.json", 0, 0, &cases));
    assert_true(json_count(cases) > 40);
    for (size_t i = 0; i < json_count(cases); i++) {
        const struct json *c = json_at(cases, i), *o = json_get(c, "options");
        const struct json *logits = json_get(c, "logits"), *want = json_get(c, "scores"),
                          *history = json_get(c, "history");
        const size_t n = json_count(logits), n_history = json_count(history);
        struct sampler_options options = {
            .temperature = real_of(o, "temperature"),
            .top_k = (int32_t)real_of(o, "top_k"),
            .top_p = real_of(o, "top_p"),
            .min_p = real_of(o, "min_p"),
            .repetition_penalty = real_of(o, "repetition_penalty"),
        };
        assert_ok(json_field_bool(o, "do_sample", false, &options.do_sample));
        assert_ok(sampler_check(&options));
        float *in = arena_calloc(&a, n, sizeof(*in));
        int32_t *ids = arena_calloc(&a, n_history, sizeof(*ids));
        for (size_t k = 0; k < n; k++)
            in[k] = (float)json_at(logits, k)->u.real;
        for (size_t k = 0; k < n_history; k++)
            ids[k] = (int32_t)json_at(history, k)->u.integer;
        struct sampler s;
        sampler_make(&s, (int64_t)n);
        const float *got = sampler_process(&s, in, &options, ids, n_history);
        for (size_t k = 0; k < n; k++) {
            const struct json *w = json_at(want, k);
            if (json_is_null(w))
                assert_true(got[k] == -INFINITY);
            else
                assert_true(got[k] == (float)w->u.real);
        }
        sampler_free(&s);
    }
    arena_release(&a);
}

static void greedy_takes_the_first_of_the_highest(void **state) {
    (void)state;
    const float logits[] = {1, 5, 2, 5, 5};
    const struct sampler_options greedy = {.repetition_penalty = 1};
    const int32_t history[] = {1};
    struct sampler s;
    sampler_make(&s, 5);
    assert_int_equal(sampler_pick(&s, logits, &greedy, NULL, 0, NULL), 1);
    const struct sampler_options penalized = {.repetition_penalty = 2};
    assert_int_equal(sampler_pick(&s, logits, &penalized, history, 1, NULL), 3);
    sampler_free(&s);
}

static void a_penalty_counts_an_id_once(void **state) {
    (void)state;
    const float logits[] = {4, -4, 1};
    const int32_t history[] = {0, 0, 1, 0, 1};
    const struct sampler_options o = {.repetition_penalty = 2};
    struct sampler s;
    sampler_make(&s, 3);
    for (int again = 0; again < 2; again++) {
        const float *scores = sampler_process(&s, logits, &o, history, 5);
        assert_true(scores[0] == 2 && scores[1] == -8 && scores[2] == 1);
    }
    sampler_free(&s);
}

static void top_k_keeps_what_ties_with_the_last(void **state) {
    (void)state;
    const float logits[] = {1, 3, 2, 2, 2, 0};
    struct sampler_options o = plain;
    o.top_k = 2;
    struct sampler s;
    sampler_make(&s, 6);
    const float *scores = sampler_process(&s, logits, &o, NULL, 0);
    for (int i = 0; i < 6; i++)
        assert_true((scores[i] > -INFINITY) == (logits[i] >= 2));
    sampler_free(&s);
}

static void top_p_keeps_the_token_that_crosses_it(void **state) {
    (void)state;
    const float probs[] = {0.15f, 0.5f, 0.05f, 0.3f};
    float logits[4];
    for (int i = 0; i < 4; i++)
        logits[i] = logf(probs[i]);
    struct sampler_options o = plain;
    o.top_p = 0.9;
    struct sampler s;
    sampler_make(&s, 4);
    const float *scores = sampler_process(&s, logits, &o, NULL, 0);
    assert_true(scores[2] == -INFINITY);
    assert_true(scores[0] > -INFINITY && scores[1] > -INFINITY && scores[3] > -INFINITY);
    o.top_p = 0.01;
    scores = sampler_process(&s, logits, &o, NULL, 0);
    for (int i = 0; i < 4; i++)
        assert_true((scores[i] > -INFINITY) == (i == 1));
    sampler_free(&s);
}

/* A vocabulary large enough that ranking goes on past its first share. */
static void top_p_over_a_flat_distribution_ranks_on(void **state) {
    (void)state;
    enum { N = 5000 };
    float *logits = mem_alloc(N * sizeof(*logits));
    for (int i = 0; i < N; i++)
        logits[i] = (float)(i % 10) * 1e-3f;
    struct sampler_options o = plain;
    o.top_p = 0.5;
    struct sampler s;
    sampler_make(&s, N);
    const float *scores = sampler_process(&s, logits, &o, NULL, 0);
    int kept = 0;
    for (int i = 0; i < N; i++) {
        kept += scores[i] > -INFINITY;
        if (scores[i] > -INFINITY) assert_true(i % 10 >= 4); /* the likelier half and its border */
    }
    assert_in_range(kept, N / 2 - 20, N / 2 + 20);
    sampler_free(&s);
    mem_free(logits);
}

static void draws_follow_the_probabilities(void **state) {
    (void)state;
    const float logits[] = {logf(0.1f), logf(0.2f), logf(0.3f), logf(0.4f)};
    int counts[4] = {0};
    struct sampler s;
    struct rng r;
    sampler_make(&s, 4);
    rng_init(&r, 1, "draws", 5);
    enum { DRAWS = 20000 };
    for (int i = 0; i < DRAWS; i++)
        counts[sampler_pick(&s, logits, &plain, NULL, 0, &r)]++;
    for (int i = 0; i < 4; i++) { /* five standard deviations are 0.018 */
        assert_true(fabs(counts[i] / (double)DRAWS - 0.1 * (i + 1)) < 0.018);
    }
    sampler_free(&s);
}

static void equal_streams_draw_equal_tokens(void **state) {
    (void)state;
    float logits[100];
    for (int i = 0; i < 100; i++)
        logits[i] = (float)(i % 7);
    struct sampler s;
    struct rng a, b, other;
    sampler_make(&s, 100);
    rng_init(&a, 9, "key", 3);
    rng_init(&b, 9, "key", 3);
    rng_init(&other, 9, "kez", 3);
    int same = 0;
    for (int i = 0; i < 200; i++) {
        const int32_t t = sampler_pick(&s, logits, &plain, NULL, 0, &a);
        assert_int_equal(t, sampler_pick(&s, logits, &plain, NULL, 0, &b));
        same += t == sampler_pick(&s, logits, &plain, NULL, 0, &other);
    }
    assert_true(same < 60);
    sampler_free(&s);
}

static void never_draws_what_was_dropped(void **state) {
    (void)state;
    const float logits[] = {-3, 2, 2.5f, -1, 2.4f};
    struct sampler_options o = plain;
    o.top_k = 3;
    struct sampler s;
    struct rng r;
    sampler_make(&s, 5);
    rng_init(&r, 3, "", 0);
    for (int i = 0; i < 2000; i++) {
        const int32_t t = sampler_pick(&s, logits, &o, NULL, 0, &r);
        assert_true(t == 1 || t == 2 || t == 4);
    }
    sampler_free(&s);
}

static void scores_that_overflow_are_taken_as_certain(void **state) {
    (void)state;
    const float logits[] = {1, 3e38f, -3e38f};
    struct sampler_options o = plain;
    o.temperature = 1e-3;
    struct sampler s;
    struct rng r;
    sampler_make(&s, 3);
    rng_init(&r, 3, "", 0);
    assert_int_equal(sampler_pick(&s, logits, &o, NULL, 0, &r), 1);
    sampler_free(&s);
}

static void what_is_not_finite_is_named(void **state) {
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        const float logits[] = {1, 2, bad[i], 3};
        assert_status(sampler_check_logits(logits, 4), KARMA_E_NONFINITE);
        assert_message_contains("token 2");
    }
    const float good[] = {1, -3e38f};
    assert_ok(sampler_check_logits(good, 2));
}

static void options_out_of_range_are_named(void **state) {
    (void)state;
    struct {
        const char *name;
        struct sampler_options o;
    } cases[] = {{"temperature", plain},
                 {"temperature", plain},
                 {"top_k", plain},
                 {"top_p", plain},
                 {"top_p", plain},
                 {"min_p", plain},
                 {"repetition_penalty", plain}};
    cases[0].o.temperature = 0;
    cases[1].o.temperature = NAN;
    cases[2].o.top_k = -1;
    cases[3].o.top_p = 0;
    cases[4].o.top_p = 1.5;
    cases[5].o.min_p = -0.1;
    cases[6].o.repetition_penalty = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_status(sampler_check(&cases[i].o), KARMA_E_RANGE);
        assert_message_contains(cases[i].name);
    }
    struct sampler_options greedy = {.repetition_penalty = 1}; /* the others are without effect */
    assert_ok(sampler_check(&greedy));
}

static void log_probabilities_sum_to_one(void **state) {
    (void)state;
    float logits[50];
    for (int i = 0; i < 50; i++)
        logits[i] = (float)(i * 37 % 50) / 5;
    float max;
    const double log_sum = sampler_log_sum(logits, 50, &max);
    double sum = 0;
    for (int i = 0; i < 50; i++)
        sum += exp((double)logits[i] - (double)max - log_sum);
    assert_true(fabs(sum - 1) < 1e-12);
}

static void the_top_is_in_order_and_ties_by_id(void **state) {
    (void)state;
    const float logits[] = {2, 7, 7, 1, 9, 7};
    struct sampler s;
    sampler_make(&s, 6);
    int32_t ids[6];
    float values[6];
    sampler_top(&s, logits, 6, ids, values);
    const int32_t want[] = {4, 1, 2, 5, 0, 3};
    assert_memory_equal(ids, want, sizeof(want));
    sampler_top(&s, logits, 2, ids, values);
    assert_memory_equal(ids, want, 2 * sizeof(*want));
    assert_true(values[0] == 9 && values[1] == 7);
    sampler_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(scores_equal_the_reference_processors),
        test_case(greedy_takes_the_first_of_the_highest),
        test_case(a_penalty_counts_an_id_once),
        test_case(top_k_keeps_what_ties_with_the_last),
        test_case(top_p_keeps_the_token_that_crosses_it),
        test_case(top_p_over_a_flat_distribution_ranks_on),
        test_case(draws_follow_the_probabilities),
        test_case(equal_streams_draw_equal_tokens),
        test_case(never_draws_what_was_dropped),
        test_case(scores_that_overflow_are_taken_as_certain),
        test_case(what_is_not_finite_is_named),
        test_case(options_out_of_range_are_named),
        test_case(log_probabilities_sum_to_one),
        test_case(the_top_is_in_order_and_ties_by_id),
    };
    return run_group("nn/sampler", tests);
}
