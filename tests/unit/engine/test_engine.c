/*
 * test_engine.c - who runs when, what is shared, how requests end, what it may cost. That a
 * request computes the same in any company is contract/test_identical_bits.c.
 */
#include "tests/support/test.h"

#include <math.h>

#include "engine/engine.h"
#include "tests/support/tiny_checkpoint.h"

static const char model_folder[] = "tests/fixtures/models/llama_bf16"; /* vocabulary 89 */
enum { VOCAB = 89 };

static karma_engine_options engine_options(int32_t max_sequences) {
    return (karma_engine_options){.struct_size = sizeof(karma_engine_options),
                                  .max_sequences = max_sequences,
                                  .max_rows = 64,
                                  .n_ctx = 256,
                                  .share_prefixes = true};
}

static karma_generate_options greedy(int32_t max_tokens) {
    return (karma_generate_options){.struct_size = sizeof(karma_generate_options),
                                    .max_tokens = max_tokens,
                                    .repetition_penalty = 1,
                                    .n_top_logprobs = -1};
}

/* What one request reported. */
struct seen {
    int reports;
    karma_status status;
    karma_finish_reason reason;
    unsigned flags;
    size_t n_tokens, n_cached, n_prompt;
    int32_t tokens[256];
    float prompt_logprobs[256];
    float logprobs[256];
    char key[32], error[512];
    uint64_t at_step; /* when it ended */
    struct engine *e; /* set by those who want at_step */
};

static void see(void *user, const karma_output *o) {
    struct seen *s = user;
    s->reports++;
    s->status = o->status;
    s->reason = o->finish_reason;
    s->flags = o->flags;
    s->n_tokens = o->n_tokens;
    s->n_cached = o->n_cached_tokens;
    s->n_prompt = o->n_prompt_tokens;
    memcpy(s->tokens, o->tokens, o->n_tokens * sizeof(*o->tokens));
    if (o->prompt_logprobs) {
        memcpy(s->prompt_logprobs, o->prompt_logprobs, o->n_prompt_tokens * sizeof(float));
    }
    for (size_t i = 0; o->logprobs && i < o->n_tokens; i++)
        s->logprobs[i] = o->logprobs[i].logprob;
    snprintf(s->key, sizeof(s->key), "%s", o->key ? o->key : "(none)");
    snprintf(s->error, sizeof(s->error), "%s", o->error ? o->error : "");
    assert_true((o->error != NULL) == (o->status < 0));
    if (!s->e) return;
    karma_engine_stats stats;
    engine_get_stats(s->e, &stats);
    s->at_step = stats.steps;
}

static void run_all(struct engine *e) {
    for (size_t active = 1; active;)
        assert_ok(engine_step(e, &active));
}

static karma_engine_stats stats_of(const struct engine *e) {
    karma_engine_stats s;
    engine_get_stats(e, &s);
    return s;
}

static void fill(int32_t *tokens, int n, int which) {
    for (int i = 0; i < n; i++)
        tokens[i] = (i * (which + 2) + which * 11) % VOCAB;
}

static void submit(struct engine *e, const int32_t *tokens, int n, int32_t max_tokens,
                   struct seen *s) {
    const karma_generate_options o = greedy(max_tokens);
    assert_ok(engine_submit(e, "key", tokens, (size_t)n, &o, see, NULL, s));
}

static void each_request_reports_once_with_its_key(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    const karma_engine_options eo = engine_options(3);
    struct engine *e;
    assert_ok(engine_create(l.model, NULL, &eo, &e));
    struct seen seen[10] = {0};
    int32_t tokens[40];
    for (int i = 0; i < 10; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        fill(tokens, 5 + 3 * i, i);
        const karma_generate_options o = greedy(1 + i);
        assert_ok(engine_submit(e, key, tokens, (size_t)(5 + 3 * i), &o, see, NULL, &seen[i]));
    }
    run_all(e);
    for (int i = 0; i < 10; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(seen[i].reports, 1);
        assert_int_equal(seen[i].n_tokens, 1 + i);
        assert_int_equal(seen[i].n_prompt, 5 + 3 * i);
        assert_int_equal(seen[i].reason, KARMA_FINISH_LENGTH);
        assert_int_equal(seen[i].flags, KARMA_OUTPUT_CUT);
        assert_string_equal(seen[i].key, key);
    }
    const karma_engine_stats s = stats_of(e);
    assert_int_equal(s.generated_tokens, 55);
    assert_int_equal(s.prompt_tokens, 10 * 5 + 3 * 45);
    assert_true(s.kv_bytes > 0 && s.scratch_bytes > 0);
    engine_destroy(e);
    loaded_release(&l);
}

static void answers_go_on_while_a_long_prompt_is_filled(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    karma_engine_options eo = engine_options(2);
    eo.max_rows = 8;
    struct engine *e;
    assert_ok(engine_create(l.model, NULL, &eo, &e));
    struct seen quick = {.e = e}, slow = {.e = e};
    int32_t tokens[100];
    fill(tokens, 4, 1);
    submit(e, tokens, 4, 5, &quick);
    fill(tokens, 100, 2);
    submit(e, tokens, 100, 1, &slow);
    run_all(e);
    assert_int_equal(quick.at_step, 5); /* a token each step, from the first on */
    /* 4 rows of the first step, 7 of the next four, then 8 each. */
    assert_int_equal(slow.at_step, 5 + (100 - 4 - 4 * 7 + 7) / 8);
    engine_destroy(e);
    loaded_release(&l);
}

static void a_prefix_under_way_is_waited_for(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    karma_engine_options eo = engine_options(3);
    eo.max_rows = 40;
    struct engine *e;
    assert_ok(engine_create(l.model, NULL, &eo, &e));
    struct seen seen[3] = {0};
    int32_t tokens[100];
    fill(tokens, 100, 3);
    for (int i = 0; i < 3; i++)
        submit(e, tokens, 100, 2, &seen[i]);
    run_all(e);
    assert_int_equal(seen[0].n_cached, 0);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(seen[i].n_cached, 96);
        assert_memory_equal(seen[i].tokens, seen[0].tokens, 2 * sizeof(int32_t));
    }
    /* 100 once, 4 twice, and a row for each second token. */
    assert_int_equal(stats_of(e).rows, 100 + 2 * 4 + 3);
    assert_int_equal(stats_of(e).cached_tokens, 2 * 96);
    assert_true(stats_of(e).shared_attention > 0);
    engine_destroy(e);
    loaded_release(&l);
}

static void a_finished_prefix_is_found_and_its_last_part_copied(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    const karma_engine_options eo = engine_options(2);
    struct engine *e;
    assert_ok(engine_create(l.model, NULL, &eo, &e));
    struct seen first = {0}, second = {0}, alone = {0};
    int32_t tokens[80], other[80];
    fill(tokens, 80, 3);
    submit(e, tokens, 80, 20, &first); /* fills 99 positions: three whole blocks */
    run_all(e);
    memcpy(other, tokens, sizeof(other));
    for (int i = 75; i < 80; i++)
        other[i] = i;
    submit(e, other, 80, 6, &second);
    run_all(e);
    assert_int_equal(second.n_cached, 75);
    engine_destroy(e);

    karma_engine_options unshared = eo;
    unshared.share_prefixes = false;
    assert_ok(engine_create(l.model, NULL, &unshared, &e));
    submit(e, other, 80, 6, &alone);
    run_all(e);
    assert_int_equal(alone.n_cached, 0);
    assert_memory_equal(alone.tokens, second.tokens, 6 * sizeof(int32_t));
    engine_destroy(e);
    loaded_release(&l);
}

static void an_answer_is_a_prefix_for_the_next_turn(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    const karma_engine_options eo = engine_options(2);
    struct engine *e;
    assert_ok(engine_create(l.model, NULL, &eo, &e));
    struct seen first = {0}, second = {0};
    int32_t tokens[120];
    fill(tokens, 40, 5);
    submit(e, tokens, 40, 60, &first);
    run_all(e);
    memcpy(tokens + 40, first.tokens, 60 * sizeof(int32_t));
    fill(tokens + 100, 10, 6);
    submit(e, tokens, 110, 1, &second);
    run_all(e);
    assert_int_equal(second.n_cached, 96); /* 99 positions were written */
    engine_destroy(e);
    loaded_release(&l);
}

static void requests_wait_for_blocks_and_all_end(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    /* A ceiling that leaves room for little more than one sequence. */
    karma_engine_options eo = engine_options(8);
    struct engine *e;
    assert_ok(engine_create(l.model, NULL, &eo, &e));
    const size_t all = stats_of(e).kv_bytes;
    engine_destroy(e);
    eo.max_memory_mb = 1;
    while (engine_create(l.model, NULL, &eo, &e) < 0)
        eo.max_memory_mb++;
    assert_true(stats_of(e).kv_bytes < all);
    struct seen seen[12] = {0};
    int32_t tokens[200];
    for (int i = 0; i < 12; i++) {
        fill(tokens, 200, i % 5);
        submit(e, tokens, 150 + i, 20, &seen[i]);
    }
    run_all(e);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(seen[i].reports, 1);
        assert_int_equal(seen[i].status, KARMA_OK);
        assert_int_equal(seen[i].n_tokens, 20);
    }
    engine_destroy(e);
    loaded_release(&l);
}

static void the_ceiling_names_the_longest_context_that_fits(void **state) {
    (void)state;
    struct loaded l;
    struct tiny_shape shape = {.family = "qwen3",
                               .vocab_size = 64,
                               .hidden_size = 16,
                               .intermediate_size = 16,
                               .layers = 8,
                               .heads = 4,
                               .kv_heads = 4,
                               .head_dim = 64,
                               .dtype = DTYPE_F32}; /* 16 KiB of cache a token */
    loaded_open(&l, tiny_checkpoint_write("ceiling", &shape), 1);
    karma_engine_options eo = engine_options(1);
    eo.max_rows = 4;
    eo.n_ctx = 4096;
    eo.max_memory_mb = 16;
    struct engine *e;
    assert_status(engine_create(l.model, NULL, &eo, &e), KARMA_E_LIMIT);
    assert_null(e);
    assert_message_contains("16 allowed");
    int n_ctx = 0;
    const char *at = strstr(karma_error_message(), "fits is ");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "fits is %d", &n_ctx), 1);
    assert_in_range(n_ctx, 400, 1000);
    eo.n_ctx = n_ctx;
    assert_ok(engine_create(l.model, NULL, &eo, &e));
    assert_true(stats_of(e).kv_bytes + stats_of(e).scratch_bytes <= 16u << 20);
    assert_int_equal(engine_n_ctx(e), n_ctx);
    engine_destroy(e);
    eo.n_ctx = n_ctx + 1;
    assert_status(engine_create(l.model, NULL, &eo, &e), KARMA_E_LIMIT);
    eo.max_rows = 60000; /* then the scratch alone is too much */
    assert_status(engine_create(l.model, NULL, &eo, &e), KARMA_E_LIMIT);
    assert_message_contains("no n_ctx fits");
    loaded_release(&l);
}

static void the_context_ends_an_answer(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    karma_engine_options eo = engine_options(1);
    eo.n_ctx = 32;
    struct engine *e;
    assert_ok(engine_create(l.model, NULL, &eo, &e));
    struct seen s = {0};
    int32_t tokens[32];
    fill(tokens, 32, 1);
    submit(e, tokens, 31, 100, &s);
    run_all(e);
    assert_int_equal(s.n_tokens, 1);
    assert_int_equal(s.reason, KARMA_FINISH_LENGTH);
    assert_int_equal(s.flags, KARMA_OUTPUT_CUT);
    const karma_generate_options o = greedy(1);
    assert_status(engine_submit(e, NULL, tokens, 32, &o, see, NULL, &s), KARMA_E_LIMIT);
    assert_message_contains("32 tokens, n_ctx 32");
    engine_destroy(e);
    loaded_release(&l);
}

static void a_stop_token_is_part_of_the_tokens(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, counting_checkpoint_write("counting", 64), 1);
    const karma_engine_options eo = engine_options(2);
    struct engine *e;
    assert_ok(engine_create(l.model, NULL, &eo, &e));
    struct seen s = {0};
    const int32_t prompt[] = {5, 9, 20}, stops[] = {40, 24};
    karma_generate_options o = greedy(50);
    o.stop_tokens = stops;
    o.n_stop_tokens = 2;
    assert_ok(engine_submit(e, NULL, prompt, 3, &o, see, NULL, &s));
    run_all(e);
    const int32_t want[] = {21, 22, 23, 24};
    assert_int_equal(s.n_tokens, 4);
    assert_memory_equal(s.tokens, want, sizeof(want));
    assert_int_equal(s.reason, KARMA_FINISH_STOP);
    assert_int_equal(s.flags, 0);
    assert_string_equal(s.key, "(none)");
    engine_destroy(e);
    loaded_release(&l);
}

static void log_probabilities_are_those_of_the_logits(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    karma_engine_options eo = engine_options(2);
    struct engine *e;
    assert_ok(engine_create(l.model, NULL, &eo, &e));
    enum { N = 75 }; /* more than the rows of logits of one step */
    int32_t tokens[N + 3];
    fill(tokens, N, 4);
    struct seen s = {0};
    karma_generate_options o = greedy(3);
    o.prompt_logprobs = true;
    o.n_top_logprobs = 0;
    assert_ok(engine_submit(e, NULL, tokens, N, &o, see, NULL, &s));
    run_all(e);
    memcpy(tokens + N, s.tokens, 3 * sizeof(int32_t));
    engine_destroy(e);

    struct sequence *q;
    assert_ok(sequence_create(l.model, N + 3, &q));
    float *logits = mem_alloc((N + 3) * VOCAB * sizeof(float));
    assert_ok(sequence_feed(q, tokens, N + 3, logits, NULL));
    assert_true(s.prompt_logprobs[0] == 0);
    for (int i = 1; i < N + 3; i++) {
        const float *row = logits + (i - 1) * VOCAB;
        double sum = 0;
        for (int k = 0; k < VOCAB; k++)
            sum += exp((double)row[k]);
        const double want = (double)row[tokens[i]] - log(sum);
        const float got = i < N ? s.prompt_logprobs[i] : s.logprobs[i - N];
        assert_true(fabs(got - want) < 1e-5);
    }
    mem_free(logits);
    sequence_destroy(q);
    loaded_release(&l);
}

static void nan_weights_fail_the_sample_and_not_the_engine(void **state) {
    (void)state;
    struct tiny_shape shape = {.family = "qwen3",
                               .vocab_size = 64,
                               .hidden_size = 16,
                               .intermediate_size = 16,
                               .layers = 1,
                               .heads = 2,
                               .kv_heads = 1,
                               .head_dim = 8,
                               .dtype = DTYPE_F32,
                               .nan_in = "model.layers.0.mlp.down_proj.weight"};
    struct loaded l;
    loaded_open(&l, tiny_checkpoint_write("nan", &shape), 1);
    const karma_engine_options eo = engine_options(2);
    struct engine *e;
    assert_ok(engine_create(l.model, NULL, &eo, &e));
    struct seen s[3] = {0};
    const int32_t prompt[] = {1, 2, 3};
    for (int i = 0; i < 2; i++)
        submit(e, prompt, 3, 4, &s[i]);
    karma_generate_options o = greedy(4);
    o.prompt_logprobs = true;
    assert_ok(engine_submit(e, NULL, prompt, 3, &o, see, NULL, &s[2]));
    run_all(e);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(s[i].reports, 1);
        assert_int_equal(s[i].status, KARMA_E_NONFINITE);
        assert_int_equal(s[i].reason, KARMA_FINISH_ERROR);
        assert_non_null(strstr(s[i].error, "NaN"));
    }
    engine_destroy(e);
    loaded_release(&l);
}

static void requests_that_cannot_be_are_refused(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    const karma_engine_options eo = engine_options(2);
    struct engine *e;
    assert_ok(engine_create(l.model, NULL, &eo, &e));
    const int32_t good[] = {1, 2}, high[] = {1, VOCAB}, low[] = {1, -1};
    const char *stop[] = {"x", NULL};
    karma_generate_options o = greedy(4);
    assert_status(engine_submit(e, NULL, good, 0, &o, see, NULL, NULL), KARMA_E_RANGE);
    assert_status(engine_submit(e, NULL, high, 2, &o, see, NULL, NULL), KARMA_E_RANGE);
    assert_message_contains("prompt token 1: id 89");
    assert_status(engine_submit(e, NULL, low, 2, &o, see, NULL, NULL), KARMA_E_RANGE);
    o.max_tokens = 0;
    assert_status(engine_submit(e, NULL, good, 2, &o, see, NULL, NULL), KARMA_E_RANGE);
    o = greedy(4);
    o.n_top_logprobs = 21;
    assert_status(engine_submit(e, NULL, good, 2, &o, see, NULL, NULL), KARMA_E_RANGE);
    o = greedy(4);
    o.do_sample = true;
    assert_status(engine_submit(e, NULL, good, 2, &o, see, NULL, NULL), KARMA_E_RANGE);
    o = greedy(4);
    o.stop = stop;
    assert_status(engine_submit(e, NULL, good, 2, &o, see, NULL, NULL), KARMA_E_USAGE);
    o = greedy(4);
    o.struct_size = 8;
    assert_status(engine_submit(e, NULL, good, 2, &o, see, NULL, NULL), KARMA_E_ABI);
    size_t active;
    assert_ok(engine_step(e, &active));
    assert_int_equal(active, 0);
    engine_destroy(e);
    loaded_release(&l);
}

static void engines_that_cannot_be_are_refused(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    struct engine *e;
    karma_engine_options o = engine_options(0);
    assert_status(engine_create(l.model, NULL, &o, &e), KARMA_E_RANGE);
    o = engine_options(1025);
    assert_status(engine_create(l.model, NULL, &o, &e), KARMA_E_RANGE);
    o = engine_options(65); /* more than max_rows */
    assert_status(engine_create(l.model, NULL, &o, &e), KARMA_E_RANGE);
    o = engine_options(2);
    o.n_ctx = 257; /* the model's context is 256 */
    assert_status(engine_create(l.model, NULL, &o, &e), KARMA_E_LIMIT);
    assert_message_contains("256");
    o = engine_options(2);
    o.max_memory_mb = -1;
    assert_status(engine_create(l.model, NULL, &o, &e), KARMA_E_RANGE);
    o = engine_options(2);
    o.struct_size = 1;
    assert_status(engine_create(l.model, NULL, &o, &e), KARMA_E_ABI);
    o = engine_options(2);
    o.n_ctx = 0;
    assert_ok(engine_create(l.model, NULL, &o, &e));
    assert_int_equal(engine_n_ctx(e), 256);
    engine_destroy(e);
    loaded_release(&l);
}

static void cancelling_reports_everyone(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    const karma_engine_options eo = engine_options(2);
    struct engine *e;
    assert_ok(engine_create(l.model, NULL, &eo, &e));
    struct seen s[4] = {0}, after = {0};
    int32_t tokens[40];
    fill(tokens, 40, 1); /* the same: one waits for what another fills */
    for (int i = 0; i < 4; i++)
        submit(e, tokens, 40, 30, &s[i]);
    size_t active;
    for (int i = 0; i < 3; i++)
        assert_ok(engine_step(e, &active));
    assert_int_equal(active, 4);
    engine_cancel(e);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(s[i].reports, 1);
        assert_int_equal(s[i].status, KARMA_E_CANCELLED);
        assert_int_equal(s[i].reason, KARMA_FINISH_CANCELLED);
    }
    submit(e, tokens, 40, 3, &after); /* and it goes on */
    run_all(e);
    assert_int_equal(after.status, KARMA_OK);
    assert_int_equal(after.n_tokens, 3);
    engine_destroy(e);
    loaded_release(&l);
}

struct chain {
    struct engine *e;
    int left, reports;
    bool cancel;
    karma_status nested;
};

static void submit_another(void *user, const karma_output *o) {
    struct chain *c = user;
    const int32_t prompt[] = {3, 1, 4, 1, 5};
    size_t active;
    (void)o;
    c->reports++;
    c->nested = engine_step(c->e, &active);
    if (c->cancel) engine_cancel(c->e);
    if (c->left-- <= 0) return;
    const karma_generate_options g = greedy(2);
    assert_ok(engine_submit(c->e, NULL, prompt, 5, &g, submit_another, NULL, c));
}

static void callbacks_may_submit_and_cancel_but_not_step(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    const karma_engine_options eo = engine_options(2);
    struct engine *e;
    assert_ok(engine_create(l.model, NULL, &eo, &e));
    struct chain c = {.e = e, .left = 5};
    const int32_t prompt[] = {3, 1};
    const karma_generate_options g = greedy(2);
    assert_ok(engine_submit(e, NULL, prompt, 2, &g, submit_another, NULL, &c));
    run_all(e);
    assert_int_equal(c.reports, 6);
    assert_int_equal(c.nested, KARMA_E_USAGE);
    struct chain stopping = {.e = e, .cancel = true};
    struct seen other = {0};
    assert_ok(engine_submit(e, NULL, prompt, 2, &g, submit_another, NULL, &stopping));
    submit(e, prompt, 2, 50, &other);
    run_all(e);
    assert_int_equal(stopping.reports, 1);
    assert_int_equal(other.status, KARMA_E_CANCELLED);
    engine_destroy(e);
    loaded_release(&l);
}

static void steps_allocate_nothing(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 2);
    const karma_engine_options eo = engine_options(4);
    struct engine *e;
    assert_ok(engine_create(l.model, NULL, &eo, &e));
    struct seen s[6] = {0};
    int32_t tokens[90];
    for (int i = 0; i < 6; i++) {
        fill(tokens, 90, i / 2);
        karma_generate_options o = greedy(40);
        o.do_sample = true;
        o.temperature = 1;
        o.top_k = 30;
        o.top_p = 0.9;
        o.n_top_logprobs = 5;
        o.seed = (uint64_t)i;
        assert_ok(engine_submit(e, NULL, tokens, 70 + (size_t)i, &o, see, NULL, &s[i]));
    }
    const uint64_t calls = mem_call_count();
    run_all(e);
    assert_int_equal(mem_call_count(), calls);
    engine_destroy(e);
    loaded_release(&l);
}

static void a_long_run_does_not_spread_over_the_pool(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    const karma_engine_options eo = engine_options(1);
    struct engine *e;
    assert_ok(engine_create(l.model, NULL, &eo, &e));
    const size_t blocks = mem_live_blocks(), bytes = mem_live_bytes();
    int32_t tokens[60];
    struct seen s = {0};
    for (int i = 0; i < 200; i++) {
        for (int k = 0; k < 60; k++)
            tokens[k] = (k * i + i) % VOCAB;
        submit(e, tokens, 60, 2, &s);
        run_all(e);
    }
    assert_int_equal(s.reports, 200);
    assert_int_equal(mem_live_blocks(), blocks);
    assert_int_equal(mem_live_bytes(), bytes);
    engine_destroy(e);
    loaded_release(&l);
}

struct attempt {
    const struct model *model;
};

static void ignore(void *user, const karma_output *o) {
    *(karma_status *)user = o->status;
}

static karma_status generate_once(void *ctx) {
    const struct attempt *a = ctx;
    const karma_engine_options eo = engine_options(2);
    const int32_t prompt[] = {1, 2, 3};
    const int32_t stops[] = {88};
    struct engine *e;
    karma_status result = KARMA_OK;
    karma_status st = engine_create(a->model, NULL, &eo, &e);
    karma_generate_options o = greedy(4);
    o.stop_tokens = stops;
    o.n_stop_tokens = 1;
    o.n_top_logprobs = 2;
    o.prompt_logprobs = true;
    if (st == KARMA_OK) st = engine_submit(e, "k", prompt, 3, &o, ignore, NULL, &result);
    for (size_t active = 1; st == KARMA_OK && active;)
        st = engine_step(e, &active);
    engine_destroy(e);
    return st < 0 ? st : result;
}

static void every_failing_allocation_is_reported(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, model_folder, 1);
    struct attempt a = {l.model};
    assert_true(for_each_failing_allocation(generate_once, &a) >= 7);
    loaded_release(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(each_request_reports_once_with_its_key),
        test_case(answers_go_on_while_a_long_prompt_is_filled),
        test_case(a_prefix_under_way_is_waited_for),
        test_case(a_finished_prefix_is_found_and_its_last_part_copied),
        test_case(an_answer_is_a_prefix_for_the_next_turn),
        test_case(requests_wait_for_blocks_and_all_end),
        test_case(the_ceiling_names_the_longest_context_that_fits),
        test_case(the_context_ends_an_answer),
        test_case(a_stop_token_is_part_of_the_tokens),
        test_case(log_probabilities_are_those_of_the_logits),
        test_case(nan_weights_fail_the_sample_and_not_the_engine),
        test_case(requests_that_cannot_be_are_refused),
        test_case(engines_that_cannot_be_are_refused),
        test_case(cancelling_reports_everyone),
        test_case(callbacks_may_submit_and_cancel_but_not_step),
        test_case(steps_allocate_nothing),
        test_case(a_long_run_does_not_spread_over_the_pool),
        test_case(every_failing_allocation_is_reported),
    };
    return run_group("engine/engine", tests);
}
