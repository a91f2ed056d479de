/*
 * test_candidates.c - candidates for the next token: their logits have the bits that feeding the
 * prompt by hand gives, alone and in any company, and nothing is generated.
 */
#include <math.h>

#include "engine/engine.h"
#include "tests/support/test.h"
#include "tests/support/tiny_checkpoint.h"

static const char model_folder[] = "tests/fixtures/models/llama_bf16"; /* vocabulary 89 */
enum { VOCAB = 89, N = 70, N_IDS = 5, N_MANY = 9 };
static const int32_t ids[N_IDS] = {88, 0, 31, 32, 7};

struct seen {
    int reports;
    karma_status status;
    karma_finish_reason reason;
    size_t n_tokens, n_candidates, n_cached;
    int32_t token;
    float logits[N_IDS], logprobs[N_IDS];
};

static void see(void *user, const karma_output *o) {
    struct seen *s = user;
    s->reports++;
    s->status = o->status;
    s->reason = o->finish_reason;
    s->n_tokens = o->n_tokens;
    s->n_cached = o->n_cached_tokens;
    s->n_candidates = o->n_candidates;
    s->token = o->n_tokens ? o->tokens[0] : -1;
    for (size_t i = 0; i < o->n_candidates && i < N_IDS; i++) {
        s->logits[i] = o->candidate_logits[i];
        s->logprobs[i] = o->candidate_logprobs[i];
    }
}

static karma_generate_options options_of(size_t n_candidates) {
    return (karma_generate_options){.struct_size = sizeof(karma_generate_options),
                                    .max_tokens = 6,
                                    .repetition_penalty = 1,
                                    .n_top_logprobs = -1,
                                    .candidates = n_candidates ? ids : NULL,
                                    .n_candidates = n_candidates};
}

static void fill(int32_t *tokens, int n, int which) {
    for (int i = 0; i < n; i++)
        tokens[i] = (i * (i < 40 ? 2 : which + 2) + (i < 40 ? 3 : which * 11)) % VOCAB;
}

static struct engine *engine_on(const struct loaded *l, int32_t max_sequences) {
    const karma_engine_options eo = {.struct_size = sizeof(eo),
                                     .max_sequences = max_sequences,
                                     .max_rows = 24,
                                     .n_ctx = 128,
                                     .share_prefixes = true};
    struct engine *e;
    assert_ok(engine_create(l->model, NULL, &eo, &e));
    return e;
}

static void run_all(struct engine *e) {
    for (size_t active = 1; active;)
        assert_ok(engine_step(e, &active));
}

/* What a hand-fed sequence says of the candidates. */
static void feed(const struct loaded *l, int which, float out[N_IDS]) {
    struct sequence *s;
    const float *logits;
    int32_t tokens[N];
    fill(tokens, N, which);
    assert_ok(sequence_create(l->model, N, &s));
    assert_ok(sequence_feed(s, tokens, N, NULL, &logits));
    for (int i = 0; i < N_IDS; i++)
        out[i] = logits[ids[i]];
    sequence_destroy(s);
}

static void have_the_bits_of_the_whole_head_in_any_company(void **state) {
    (void)state;
    for (int threads = 1; threads <= 3; threads += 2) {
        struct loaded l;
        loaded_open(&l, model_folder, threads);
        for (int32_t batch = 1; batch <= 8; batch += 7) {
            struct engine *e = engine_on(&l, batch);
            struct seen seen[N_MANY] = {0}, others[N_MANY] = {0};
            for (int i = 0; i < N_MANY; i++) {
                int32_t tokens[N];
                fill(tokens, N, i);
                const karma_generate_options o = options_of(N_IDS), g = options_of(0);
                assert_ok(engine_submit(e, "k", tokens, N, &o, see, NULL, &seen[i]));
                fill(tokens, N, i + 20);
                assert_ok(
                    engine_submit(e, "g", tokens, (size_t)(N - i), &g, see, NULL, &others[i]));
            }
            run_all(e);
            size_t n_cached = 0;
            for (int i = 0; i < N_MANY; i++) {
                float want[N_IDS];
                feed(&l, i, want);
                assert_int_equal(seen[i].reports, 1);
                assert_int_equal(seen[i].status, KARMA_OK);
                assert_int_equal(seen[i].reason, KARMA_FINISH_STOP);
                assert_int_equal(seen[i].n_tokens, 1);
                assert_int_equal(seen[i].n_candidates, N_IDS);
                assert_memory_equal(seen[i].logits, want, sizeof(want));
                assert_int_equal(others[i].n_tokens, 6);
                assert_int_equal(others[i].n_candidates, 0);
                n_cached += seen[i].n_cached;
                int best = 0;
                double sum = 0;
                for (int k = 0; k < N_IDS; k++) {
                    if (want[k] > want[best]) best = k;
                    sum += exp((double)seen[i].logprobs[k]);
                }
                assert_int_equal(seen[i].token, ids[best]);
                assert_true(fabs(sum - 1) < 1e-6);
            }
            assert_true(n_cached > 0); /* they begin alike */
            karma_engine_stats stats;
            engine_get_stats(e, &stats);
            assert_int_equal(stats.generated_tokens, 6 * N_MANY);
            engine_destroy(e);
        }
        loaded_release(&l);
    }
}

static void prompt_log_probabilities_may_be_asked_for_too(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    struct engine *e = engine_on(&l, 2);
    struct seen seen = {0};
    float want[N_IDS];
    int32_t tokens[N];
    karma_generate_options o = options_of(N_IDS);
    o.prompt_logprobs = true;
    fill(tokens, N, 3);
    feed(&l, 3, want);
    assert_ok(engine_submit(e, "k", tokens, N, &o, see, NULL, &seen));
    run_all(e);
    assert_memory_equal(seen.logits, want, sizeof(want));
    engine_destroy(e);
    loaded_release(&l);
}

static void wrong_candidates_are_told_when_they_are_submitted(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    struct engine *e = engine_on(&l, 1);
    static const int32_t twice[] = {4, 5, 4}, outside[] = {4, VOCAB}, many[65] = {0};
    int32_t tokens[N];
    fill(tokens, N, 0);
    karma_generate_options o = options_of(0);
    o.candidates = twice;
    o.n_candidates = 3;
    assert_status(engine_submit(e, "k", tokens, N, &o, see, NULL, NULL), KARMA_E_DUPLICATE);
    assert_message_contains("candidates 0 and 2");
    o.candidates = outside;
    o.n_candidates = 2;
    assert_status(engine_submit(e, "k", tokens, N, &o, see, NULL, NULL), KARMA_E_RANGE);
    assert_message_contains("candidate 1: id 89");
    o.candidates = many;
    o.n_candidates = 65;
    assert_status(engine_submit(e, "k", tokens, N, &o, see, NULL, NULL), KARMA_E_RANGE);
    o = options_of(N_IDS);
    o.n_top_logprobs = 0;
    assert_status(engine_submit(e, "k", tokens, N, &o, see, NULL, NULL), KARMA_E_USAGE);
    engine_destroy(e);
    loaded_release(&l);
}

static karma_status submit_one(void *ctx) {
    struct seen seen = {0};
    int32_t tokens[N];
    fill(tokens, N, 0);
    const karma_generate_options o = options_of(N_IDS);
    karma_status st = engine_submit(ctx, "k", tokens, N, &o, see, NULL, &seen);
    if (st < 0) return st;
    run_all(ctx);
    assert_int_equal(seen.reports, 1);
    return seen.status;
}

static void failing_allocations_leave_nothing_behind(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    struct engine *e = engine_on(&l, 1);
    for_each_failing_allocation(submit_one, e);
    engine_destroy(e);
    loaded_release(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(have_the_bits_of_the_whole_head_in_any_company),
        test_case(prompt_log_probabilities_may_be_asked_for_too),
        test_case(wrong_candidates_are_told_when_they_are_submitted),
        test_case(failing_allocations_leave_nothing_behind),
    };
    return run_group("engine/candidates", tests);
}
