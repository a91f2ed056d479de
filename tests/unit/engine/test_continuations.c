/*
 * test_continuations.c - continuations of any length behind one prompt: each sum has the bits that
 * the log-probabilities of the same ids in one prompt add up to, in any company and any room.
 */
#include <math.h>

#include "engine/branches.h"
#include "engine/engine.h"
#include "tests/support/test.h"
#include "tests/support/tiny_checkpoint.h"

static const char model_folder[] = "tests/fixtures/models/llama_bf16"; /* vocabulary 89 */
enum { VOCAB = 89, N_MAX = 6, N_MANY = 7, LONGEST = 41, MAX_CTX = 160 };

struct seen {
    int reports;
    karma_status status;
    karma_finish_reason reason;
    size_t n_tokens, n_candidates, n_prompt, n_cached;
    int32_t tokens[LONGEST], lengths[KARMA_MAX_CANDIDATES];
    double sums[KARMA_MAX_CANDIDATES];
    float logprobs[KARMA_MAX_CANDIDATES];
    float prompt_logprobs[MAX_CTX];
};

static void see(void *user, const karma_output *o) {
    struct seen *s = user;
    s->reports++;
    s->status = o->status;
    s->reason = o->finish_reason;
    s->n_tokens = o->n_tokens;
    s->n_prompt = o->n_prompt_tokens;
    s->n_cached = o->n_cached_tokens;
    s->n_candidates = o->n_candidates;
    for (size_t i = 0; i < o->n_tokens && i < LONGEST; i++)
        s->tokens[i] = o->tokens[i];
    if (o->prompt_logprobs)
        memcpy(s->prompt_logprobs, o->prompt_logprobs, o->n_prompt_tokens * sizeof(float));
    if (!o->candidate_sums) return;
    assert_null(o->candidate_logits);
    for (size_t i = 0; i < o->n_candidates; i++) {
        s->sums[i] = o->candidate_sums[i];
        s->logprobs[i] = o->candidate_logprobs[i];
        s->lengths[i] = o->candidate_tokens[i];
    }
}

/* Prompts that begin alike, and continuations that do: one token, several, over blocks. */
static void fill(int32_t *tokens, int n, int which) {
    for (int i = 0; i < n; i++)
        tokens[i] = (i * (i < 40 ? 2 : which + 2) + (i < 40 ? 3 : which * 11)) % VOCAB;
}

struct options {
    int32_t ids[KARMA_MAX_CANDIDATES][LONGEST];
    karma_continuation list[KARMA_MAX_CANDIDATES];
    karma_generate_options o;
};

static void make_options(struct options *out, size_t n, int which) {
    static const int lengths[N_MAX] = {3, 1, 8, LONGEST, 8, 33};
    for (size_t i = 0; i < n; i++) {
        const int k = (int)i;
        for (int at = 0; at < LONGEST; at++)
            out->ids[i][at] = (at * (k + 3) + k + which) % VOCAB;
        out->list[i] = (karma_continuation){out->ids[i], (size_t)lengths[i % N_MAX]};
    }
    if (n > 4) memcpy(out->ids[4], out->ids[2], sizeof(out->ids[4])); /* the same one twice */
    out->o = (karma_generate_options){.struct_size = sizeof(out->o),
                                      .max_tokens = 6,
                                      .repetition_penalty = 1,
                                      .n_top_logprobs = -1,
                                      .continuations = n ? out->list : NULL,
                                      .n_continuations = n};
}

static struct engine *engine_on(const struct loaded *l, int32_t max_sequences, int32_t max_rows,
                                bool share) {
    const karma_engine_options eo = {.struct_size = sizeof(eo),
                                     .max_sequences = max_sequences,
                                     .max_rows = max_rows,
                                     .n_ctx = MAX_CTX,
                                     .share_prefixes = share};
    struct engine *e;
    assert_ok(engine_create(l->model, NULL, &eo, &e));
    return e;
}

static void run_all(struct engine *e) {
    for (size_t active = 1; active;)
        assert_ok(engine_step(e, &active));
}

/* The sum that one prompt of both says. */
static double whole_prompt(struct engine *e, int n_prompt, int which, const karma_continuation *c) {
    struct seen seen = {0};
    struct options plain;
    int32_t tokens[MAX_CTX];
    double sum = 0;
    make_options(&plain, 0, 0);
    plain.o.prompt_logprobs = true;
    plain.o.max_tokens = 1;
    fill(tokens, n_prompt, which);
    memcpy(tokens + n_prompt, c->tokens, c->n_tokens * sizeof(*tokens));
    assert_ok(
        engine_submit(e, NULL, tokens, (size_t)n_prompt + c->n_tokens, &plain.o, see, NULL, &seen));
    run_all(e);
    assert_int_equal(seen.status, KARMA_OK);
    for (size_t i = 0; i < c->n_tokens; i++)
        sum += (double)seen.prompt_logprobs[(size_t)n_prompt + i];
    return sum;
}

static int length_of(int which) {
    static const int lengths[N_MANY] = {70, 64, 33, 1, 95, 31, 70};
    return lengths[which];
}

static void sums_are_those_of_one_prompt_in_any_company(void **state) {
    (void)state;
    static const struct {
        int threads;
        int32_t batch, rows;
        bool share;
    } ways[] = {
        {1, 8, 24, true}, {3, 8, 64, true}, {1, 1, 24, true}, {2, 2, 2, true}, {1, 3, 64, false}};
    static double want[N_MANY][N_MAX];
    for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
        struct loaded l;
        loaded_open(&l, model_folder, ways[w].threads);
        struct engine *e = engine_on(&l, ways[w].batch, ways[w].rows, ways[w].share);
        static struct seen seen[N_MANY], others[N_MANY];
        memset(seen, 0, sizeof(seen));
        memset(others, 0, sizeof(others));
        struct options options, plain;
        make_options(&plain, 0, 0);
        for (int i = 0; i < N_MANY; i++) {
            make_options(&options, N_MAX, i);
            for (int k = 0; w == 0 && k < N_MAX; k++)
                want[i][k] = whole_prompt(e, length_of(i), i, &options.list[k]);
        }
        for (int i = 0; i < N_MANY; i++) {
            int32_t tokens[MAX_CTX];
            make_options(&options, N_MAX, i);
            fill(tokens, length_of(i), i);
            assert_ok(engine_submit(e, "k", tokens, (size_t)length_of(i), &options.o, see, NULL,
                                    &seen[i]));
            fill(tokens, 60, i + 20);
            assert_ok(engine_submit(e, "g", tokens, 60, &plain.o, see, NULL, &others[i]));
        }
        run_all(e);
        for (int i = 0; i < N_MANY; i++) {
            int best = 0;
            double all = 0;
            make_options(&options, N_MAX, i);
            assert_int_equal(seen[i].reports, 1);
            assert_int_equal(seen[i].status, KARMA_OK);
            assert_int_equal(seen[i].reason, KARMA_FINISH_STOP);
            assert_int_equal(seen[i].n_candidates, N_MAX);
            assert_memory_equal(seen[i].sums, want[i], sizeof(want[i]));
            for (int k = 0; k < N_MAX; k++) {
                if (want[i][k] > want[i][best]) best = k;
                assert_int_equal(seen[i].lengths[k], options.list[k].n_tokens);
                all += exp((double)seen[i].logprobs[k]);
            }
            assert_true(fabs(all - 1) < 1e-6);
            assert_int_equal(seen[i].n_tokens, options.list[best].n_tokens);
            assert_memory_equal(seen[i].tokens, options.ids[best],
                                options.list[best].n_tokens * sizeof(int32_t));
            assert_int_equal(others[i].n_tokens, 6);
            assert_int_equal(others[i].n_candidates, 0);
        }
        engine_destroy(e);
        loaded_release(&l);
    }
}

static void the_prompt_is_computed_once_and_all_options_in_one_step(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    struct engine *e = engine_on(&l, 1, 128, true);
    struct seen seen = {0};
    struct options options;
    int32_t tokens[MAX_CTX];
    karma_engine_stats stats;
    make_options(&options, 3, 0); /* 3, 1 and 8 tokens */
    fill(tokens, 100, 0);
    assert_ok(engine_submit(e, "k", tokens, 100, &options.o, see, NULL, &seen));
    run_all(e);
    assert_int_equal(seen.status, KARMA_OK);
    engine_get_stats(e, &stats);
    assert_int_equal(stats.steps, 2);
    assert_int_equal(stats.rows, 100 + 2 + 0 + 7);
    assert_int_equal(stats.generated_tokens, 0);
    /* The next question finds the beginning. */
    assert_ok(engine_submit(e, "k", tokens, 100, &options.o, see, NULL, &seen));
    run_all(e);
    assert_int_equal(seen.n_cached, 96);
    engine_destroy(e);
    loaded_release(&l);
}

/* More than there are lanes, more than the head takes in a step, and a cache with room for little
 * more than one sequence. */
static void branches_wait_for_lanes_and_for_blocks(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    struct options options;
    int32_t tokens[MAX_CTX];
    static struct seen wide, narrow[3];
    memset(&wide, 0, sizeof(wide));
    memset(narrow, 0, sizeof(narrow));
    make_options(&options, KARMA_MAX_CANDIDATES, 0);
    fill(tokens, 70, 0);
    struct engine *e = engine_on(&l, 8, 64, true);
    assert_ok(engine_submit(e, "k", tokens, 70, &options.o, see, NULL, &wide));
    run_all(e);
    assert_int_equal(wide.status, KARMA_OK);
    assert_true((int)KARMA_MAX_CANDIDATES > (int)BRANCH_LANES);
    engine_destroy(e);
    karma_engine_options eo = {.struct_size = sizeof(eo),
                               .max_sequences = 2,
                               .max_rows = 64,
                               .n_ctx = MAX_CTX,
                               .max_memory_mb = 1,
                               .share_prefixes = true};
    while (engine_create(l.model, NULL, &eo, &e) < 0)
        eo.max_memory_mb++;
    for (int i = 0; i < 3; i++)
        assert_ok(engine_submit(e, "k", tokens, 70, &options.o, see, NULL, &narrow[i]));
    run_all(e);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(narrow[i].status, KARMA_OK);
        assert_memory_equal(narrow[i].sums, wide.sums, sizeof(wide.sums));
    }
    engine_destroy(e);
    loaded_release(&l);
}

static void a_request_that_is_cancelled_leaves_no_lane_taken(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    struct engine *e = engine_on(&l, 4, 16, true);
    struct options options;
    int32_t tokens[MAX_CTX];
    size_t active;
    static struct seen alone, seen[4];
    make_options(&options, N_MAX, 0);
    fill(tokens, 33, 0);
    for (int round = 0; round < 30; round++) {
        memset(seen, 0, sizeof(seen));
        for (int i = 0; i < 4; i++)
            assert_ok(engine_submit(e, "k", tokens, 33, &options.o, see, NULL, &seen[i]));
        for (int steps = 0; steps <= round % 12; steps++)
            assert_ok(engine_step(e, &active));
        engine_cancel(e);
        for (int i = 0; i < 4; i++)
            assert_int_equal(seen[i].reports, 1);
        memset(&alone, 0, sizeof(alone));
        assert_ok(engine_submit(e, "k", tokens, 33, &options.o, see, NULL, &alone));
        run_all(e);
        assert_int_equal(alone.status, KARMA_OK);
        for (int k = 0; k < N_MAX && round == 0; k++)
            assert_true(alone.sums[k] == whole_prompt(e, 33, 0, &options.list[k]));
    }
    engine_destroy(e);
    loaded_release(&l);
}

static void wrong_continuations_are_told_when_they_are_submitted(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    struct engine *e = engine_on(&l, 1, 24, true);
    static const int32_t outside[] = {4, VOCAB};
    struct options options;
    int32_t tokens[MAX_CTX];
    fill(tokens, 150, 0);
    make_options(&options, 2, 0);
    options.list[1].tokens = outside;
    options.list[1].n_tokens = 2;
    assert_status(engine_submit(e, "k", tokens, 9, &options.o, see, NULL, NULL), KARMA_E_RANGE);
    assert_message_contains("continuation 1: id 89");
    options.list[1].n_tokens = 0;
    assert_status(engine_submit(e, "k", tokens, 9, &options.o, see, NULL, NULL), KARMA_E_RANGE);
    assert_message_contains("continuation 1: no tokens");
    make_options(&options, 4, 0);
    assert_status(engine_submit(e, "k", tokens, 120, &options.o, see, NULL, NULL), KARMA_E_LIMIT);
    assert_message_contains("the prompt has 120 tokens and continuation 3 41, n_ctx is 160");
    options.o.n_continuations = KARMA_MAX_CANDIDATES + 1;
    assert_status(engine_submit(e, "k", tokens, 9, &options.o, see, NULL, NULL), KARMA_E_RANGE);
    make_options(&options, 2, 0);
    options.o.n_top_logprobs = 0;
    assert_status(engine_submit(e, "k", tokens, 9, &options.o, see, NULL, NULL), KARMA_E_USAGE);
    options.o.n_top_logprobs = -1;
    options.o.candidates = tokens;
    options.o.n_candidates = 2;
    assert_status(engine_submit(e, "k", tokens, 9, &options.o, see, NULL, NULL), KARMA_E_USAGE);
    assert_message_contains("not together");
    engine_destroy(e);
    loaded_release(&l);
}

static karma_status submit_one(void *ctx) {
    static struct seen seen;
    struct options options;
    int32_t tokens[MAX_CTX];
    memset(&seen, 0, sizeof(seen));
    fill(tokens, 40, 0);
    make_options(&options, N_MAX, 0);
    karma_status st = engine_submit(ctx, "k", tokens, 40, &options.o, see, NULL, &seen);
    if (st < 0) return st;
    run_all(ctx);
    assert_int_equal(seen.reports, 1);
    return seen.status;
}

static void failing_allocations_leave_nothing_behind(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    struct engine *e = engine_on(&l, 1, 24, true);
    for_each_failing_allocation(submit_one, e);
    engine_destroy(e);
    loaded_release(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(sums_are_those_of_one_prompt_in_any_company),
        test_case(the_prompt_is_computed_once_and_all_options_in_one_step),
        test_case(branches_wait_for_lanes_and_for_blocks),
        test_case(a_request_that_is_cancelled_leaves_no_lane_taken),
        test_case(wrong_continuations_are_told_when_they_are_submitted),
        test_case(failing_allocations_leave_nothing_behind),
    };
    return run_group("engine/continuations", tests);
}
