/*
 * test_speculation.c - guesses in steps: what a request reports is the same to the bit with and
 * without them, wherever it ends, whoever stands beside it, on every instruction set. Some models
 * count (each token is followed by the next id), so that what a guess is worth is known beforehand.
 */
#include "tests/support/test.h"

#include <math.h>

#include "base/cpu.h"
#include "engine/draft.h"
#include "engine/engine.h"
#include "models/vision.h"
#include "tests/support/tiny_checkpoint.h"
#include "text/tokenizer.h"

enum { VOCAB = 64, MAX_NEW = 100, N_TOP = 3, MAX_ASKED = 12, SPAN = 5 };

/* What one request reported. */
struct answer {
    int reports;
    karma_status status;
    karma_finish_reason reason;
    unsigned flags;
    size_t n_tokens, n_cached;
    int32_t tokens[MAX_NEW], top_tokens[MAX_NEW][N_TOP];
    float logprobs[MAX_NEW], top_logprobs[MAX_NEW][N_TOP];
    char text[MAX_NEW + 1], streamed[MAX_NEW + 1];
    size_t n_streamed, n_pieces;
};

/* Who asks; user of the callbacks. */
struct asker {
    struct answer a;
    struct engine *e;
    size_t cancel_at, enough_at; /* pieces of text; 0: never */
};

static void keep(void *user, const karma_output *o) {
    struct answer *a = &((struct asker *)user)->a;
    a->reports++;
    a->status = o->status;
    a->reason = o->finish_reason;
    a->flags = o->flags;
    a->n_tokens = o->n_tokens;
    a->n_cached = o->n_cached_tokens;
    assert_true(o->n_tokens <= MAX_NEW);
    for (size_t i = 0; i < o->n_tokens; i++) {
        a->tokens[i] = o->tokens[i];
        if (!o->logprobs) continue;
        assert_int_equal(o->logprobs[i].token, o->tokens[i]);
        a->logprobs[i] = o->logprobs[i].logprob;
        memcpy(a->top_tokens[i], o->logprobs[i].top_tokens, sizeof(a->top_tokens[i]));
        memcpy(a->top_logprobs[i], o->logprobs[i].top_logprobs, sizeof(a->top_logprobs[i]));
    }
    snprintf(a->text, sizeof(a->text), "%s", o->raw_text ? o->raw_text : "");
}

static void hear(void *user, const char *text, size_t len) {
    struct asker *who = user;
    struct answer *a = &who->a;
    assert_true(a->n_streamed + len <= MAX_NEW);
    memcpy(a->streamed + a->n_streamed, text, len);
    a->n_streamed += len;
    if (++a->n_pieces == who->cancel_at) engine_cancel(who->e);
}

static bool enough(void *user, const char *text, size_t len) {
    const struct asker *who = user;
    (void)text;
    return len == who->enough_at;
}

/* A question and how it is asked. */
struct question {
    int32_t tokens[120];
    int n;
    const struct prompt_span *span; /* NULL: none */
    karma_generate_options options;
    size_t cancel_at, enough_at;
};

static karma_generate_options greedy(int32_t max_tokens) {
    return (karma_generate_options){.struct_size = sizeof(karma_generate_options),
                                    .max_tokens = max_tokens,
                                    .repetition_penalty = 1,
                                    .n_top_logprobs = N_TOP};
}

static karma_engine_options limits(int32_t sequences, bool speculate) {
    return (karma_engine_options){.struct_size = sizeof(karma_engine_options),
                                  .max_sequences = sequences,
                                  .max_rows = 40,
                                  .n_ctx = 200,
                                  .share_prefixes = true,
                                  .speculate = speculate};
}

/* All questions on one engine, to the end. */
static karma_engine_stats answer_all(const struct model *model, const struct tokenizer *t,
                                     const karma_engine_options *o, const struct question *q, int n,
                                     struct asker *who) {
    struct engine *e;
    karma_engine_stats stats;
    assert_ok(engine_create(model, t, o, &e));
    for (int i = 0; i < n; i++) {
        const struct engine_prompt prompt = {q[i].tokens, (size_t)q[i].n, q[i].span,
                                             q[i].span != NULL};
        who[i] = (struct asker){.e = e, .cancel_at = q[i].cancel_at, .enough_at = q[i].enough_at};
        assert_ok(
            engine_submit_prompt(e, NULL, &prompt, &q[i].options, keep, t ? hear : NULL, &who[i]));
    }
    const uint64_t calls = mem_call_count();
    for (size_t active = 1; active;)
        assert_ok(engine_step(e, &active));
    if (!t) assert_int_equal(mem_call_count(), calls); /* nothing is allocated per token */
    for (int i = 0; i < n; i++)
        assert_int_equal(who[i].a.reports, 1);
    engine_get_stats(e, &stats);
    engine_destroy(e);
    return stats;
}

static void assert_same(const struct answer *got, const struct answer *want) {
    assert_int_equal(got->n_tokens, want->n_tokens);
    assert_int_equal(got->status, want->status);
    assert_int_equal(got->reason, want->reason);
    assert_int_equal(got->flags, want->flags);
    assert_int_equal(got->n_pieces, want->n_pieces);
    assert_memory_equal(got->tokens, want->tokens, sizeof(want->tokens));
    assert_memory_equal(got->logprobs, want->logprobs, sizeof(want->logprobs));
    assert_memory_equal(got->top_tokens, want->top_tokens, sizeof(want->top_tokens));
    assert_memory_equal(got->top_logprobs, want->top_logprobs, sizeof(want->top_logprobs));
    assert_memory_equal(got->text, want->text, sizeof(want->text));
    assert_memory_equal(got->streamed, want->streamed, sizeof(want->streamed));
}

static struct asker with[MAX_ASKED], without[MAX_ASKED];

/* With and without guesses, the same; returns what the engine counted with them. */
static karma_engine_stats check(const struct model *model, const struct tokenizer *t,
                                karma_engine_options o, const struct question *q, int n) {
    o.speculate = false;
    const karma_engine_stats plain = answer_all(model, t, &o, q, n, without);
    o.speculate = true;
    const karma_engine_stats s = answer_all(model, t, &o, q, n, with);
    for (int i = 0; i < n; i++)
        assert_same(&with[i].a, &without[i].a);
    assert_int_equal(plain.drafted_tokens, 0);
    assert_int_equal(plain.accepted_tokens, 0);
    assert_true(s.accepted_tokens <= s.drafted_tokens);
    if (plain.generated_tokens == s.generated_tokens) return s;
    /* Those beside one that cancels all may be further on. */
    assert_true(n > 1 && with[0].a.status == KARMA_E_CANCELLED);
    return s;
}

/* ---- models of any kind ---- */

static struct question about(int which, int n, int32_t max_tokens) {
    struct question q = {.n = n, .options = greedy(max_tokens)};
    for (int i = 0; i < n; i++) /* some repeat themselves, with a change here and there */
        q.tokens[i] = (which % 2 ? i % 11 * 3 + (i % 37 == 5) : i * (which + 2) + which * 11) % 61;
    return q;
}

static const char *const folders[] = {
    "tests/fixtures/models/llama_bf16", "tests/fixtures/models/qwen3_sliding",
    "tests/fixtures/models/gemma3", "tests/fixtures/models/llama_gguf_q8_0"};

static void answers_are_the_same_bits_on_every_set(void **state) {
    (void)state;
    karma_engine_stats sum = {0};
    for (enum cpu_isa isa = CPU_ISA_REF; isa < CPU_ISA_COUNT; isa++) {
        if (!cpu_isa_present(isa)) continue;
        for (size_t f = 0; f < sizeof(folders) / sizeof(folders[0]); f++) {
            if (isa == CPU_ISA_REF && f > 0) continue; /* slow, and by contract as the others */
            struct loaded l;
            struct question q[MAX_ASKED];
            loaded_open_on(&l, folders[f], isa, 1 + (int)f % 2);
            for (int i = 0; i < MAX_ASKED; i++)
                q[i] = about(i, 20 + 7 * i, 3 + 8 * i);
            q[3].options.do_sample = q[4].options.do_sample = true;
            q[3].options.temperature = 0.4;
            q[4].options.temperature = 1.5;
            q[3].options.top_p = q[4].options.top_p = 0.9;
            q[5].options.repetition_penalty = 1.2;
            for (int batch = 1; batch <= MAX_ASKED; batch += batch < 3 ? 2 : 9) {
                const karma_engine_stats s = check(l.model, NULL, limits(batch, true), q, batch);
                sum.drafted_tokens += s.drafted_tokens;
                sum.accepted_tokens += s.accepted_tokens;
                sum.generated_tokens += s.generated_tokens;
            }
            loaded_release(&l);
        }
    }
    print_message("%llu tokens, %llu guessed, %llu of them came true\n",
                  (unsigned long long)sum.generated_tokens, (unsigned long long)sum.drafted_tokens,
                  (unsigned long long)sum.accepted_tokens);
    assert_true(sum.accepted_tokens > sum.generated_tokens / 20);
    assert_true(sum.drafted_tokens > sum.accepted_tokens);
}

static void draws_are_the_same_with_guesses_that_come_true(void **state) {
    (void)state;
    struct loaded l;
    uint64_t accepted = 0;
    loaded_open(&l, folders[0], 1);
    for (int seed = 0; seed < 20; seed++) {
        struct question q = about(1, 44, MAX_NEW);
        q.options.do_sample = true;
        q.options.temperature = 0.2 + 0.05 * seed;
        q.options.top_p = 1;
        q.options.top_k = seed % 2 * 9;
        q.options.seed = (uint64_t)seed;
        accepted += check(l.model, NULL, limits(1, true), &q, 1).accepted_tokens;
    }
    assert_true(accepted > 50);
    loaded_release(&l);
}

/* A cache with room for one sequence, whose last position an answer reaches. */
static void the_end_of_the_context_is_reached_and_not_passed(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, folders[0], 1);
    for (int32_t n_ctx = 30; n_ctx <= 67; n_ctx++) {
        karma_engine_options o = limits(1, true);
        struct question q = about(1, 25, MAX_NEW);
        o.n_ctx = n_ctx;
        o.max_rows = 1 + n_ctx % 9;
        const karma_engine_stats s = check(l.model, NULL, o, &q, 1);
        assert_int_equal(with[0].a.n_tokens, n_ctx - 25);
        assert_int_equal(with[0].a.reason, KARMA_FINISH_LENGTH);
        assert_true(s.rows <= (uint64_t)n_ctx - 1 + s.drafted_tokens);
    }
    loaded_release(&l);
}

/* ---- models that count ---- */

struct counter {
    struct loaded l;
    struct tokenizer *t; /* id i is the character '!' + i */
};

static void counter_make(struct counter *c) {
    static char storage[VOCAB][2];
    const char *tokens[VOCAB];
    size_t lens[VOCAB];
    int32_t types[VOCAB];
    for (int i = 0; i < VOCAB; i++) {
        storage[i][0] = (char)('!' + i);
        tokens[i] = storage[i];
        lens[i] = 1;
        types[i] = 1;
    }
    const struct tokenizer_tables tables = {.model = "gpt2",
                                            .pre = "gpt-2",
                                            .n_tokens = VOCAB,
                                            .tokens = tokens,
                                            .token_lens = lens,
                                            .token_types = types,
                                            .bos = -1,
                                            .eos = -1,
                                            .unk = -1};
    loaded_open(&c->l, counting_checkpoint_write("counting", VOCAB), 1);
    assert_ok(tokenizer_from_tables(&tables, &c->t));
}

static void counter_free(struct counter *c) {
    tokenizer_destroy(c->t);
    loaded_release(&c->l);
}

/* From 20 to 50 and 20 again: the answer is 21, 22, ..., and from its second token on guessed. */
static struct question counted(int32_t max_tokens) {
    struct question q = {.options = greedy(max_tokens)};
    for (int32_t id = 20; id <= 50; id++)
        q.tokens[q.n++] = id;
    q.tokens[q.n++] = 20;
    return q;
}

static void guesses_that_come_true_save_steps(void **state) {
    (void)state;
    struct counter c;
    counter_make(&c);
    const struct question q = counted(29);
    const karma_engine_stats s = check(c.l.model, c.t, limits(1, true), &q, 1);
    for (int32_t i = 0; i < 29; i++)
        assert_int_equal(with[0].a.tokens[i], 21 + i);
    assert_int_equal(s.generated_tokens, 29);
    assert_int_equal(s.accepted_tokens, s.drafted_tokens);
    assert_int_equal(s.steps + s.accepted_tokens, 29);
    assert_true(s.steps <= 12);
    assert_int_equal(s.rows, 32 + 28); /* none was in vain */
    counter_free(&c);
}

static void guesses_that_fail_leave_no_trace(void **state) {
    (void)state;
    struct counter c;
    counter_make(&c);
    /* 21 22 and 22 23 were followed by what is not said: 40, 41, ... */
    struct question q = {.n = 24, .options = greedy(30)};
    for (int i = 0; i < 22; i += 11)
        for (int k = 0; k < 11; k++)
            q.tokens[i + k] = k < 3 ? 21 + k + i / 11 : 40 + k;
    q.tokens[22] = 20;
    q.tokens[23] = 21;
    const karma_engine_stats s = check(c.l.model, c.t, limits(1, true), &q, 1);
    for (int32_t i = 0; i < 30; i++)
        assert_int_equal(with[0].a.tokens[i], 22 + i);
    assert_int_equal(s.generated_tokens, 30);
    assert_true(s.accepted_tokens < s.drafted_tokens);
    counter_free(&c);
}

static void an_answer_ends_where_it_has_to(void **state) {
    (void)state;
    struct counter c;
    counter_make(&c);
    for (int32_t n = 1; n <= 25; n++) {
        struct question q = counted(n); /* by the number of tokens */
        karma_engine_stats s = check(c.l.model, c.t, limits(1, true), &q, 1);
        assert_int_equal(with[0].a.n_tokens, n);
        assert_int_equal(with[0].a.reason, KARMA_FINISH_LENGTH);
        assert_int_equal(s.generated_tokens, n);

        const int32_t stops[] = {63, 20 + n}; /* by a token */
        q = counted(MAX_NEW);
        q.options.stop_tokens = stops;
        q.options.n_stop_tokens = 2;
        s = check(c.l.model, c.t, limits(1, true), &q, 1);
        assert_int_equal(with[0].a.n_tokens, n);
        assert_int_equal(with[0].a.reason, KARMA_FINISH_STOP);
        assert_int_equal(s.generated_tokens, n);

        const char text[] = {(char)('!' + 20 + n), (char)('!' + 21 + n), '\0'};
        const char *strings[] = {"zz", text, NULL}; /* by a text of two tokens */
        q = counted(MAX_NEW);
        q.options.stop = strings;
        check(c.l.model, c.t, limits(1, true), &q, 1);
        assert_int_equal(with[0].a.n_tokens, n + 1);
        assert_int_equal(strlen(with[0].a.text), n - 1);
        assert_int_equal(with[0].a.n_streamed, n - 1);

        q = counted(MAX_NEW); /* by what its asker has read */
        q.options.enough = enough;
        q.enough_at = (size_t)n;
        check(c.l.model, c.t, limits(1, true), &q, 1);
        assert_int_equal(with[0].a.n_tokens, n);
        assert_true(with[0].a.flags & KARMA_OUTPUT_DECIDED);

        q = counted(MAX_NEW); /* by a call from within the step */
        q.cancel_at = (size_t)n;
        check(c.l.model, c.t, limits(1, true), &q, 1);
        assert_int_equal(with[0].a.status, KARMA_E_CANCELLED);
        assert_int_equal(with[0].a.n_streamed, n);
    }
    counter_free(&c);
}

static void bounded_thoughts_end_as_they_would(void **state) {
    (void)state;
    struct counter c;
    counter_make(&c);
    const int32_t end[] = {60, 24, 25, 40};
    for (int32_t most = 0; most < 20; most++) {
        const karma_thought thought = {
            .max_tokens = most, .begin = 63, .close = 60, .begun = true, .end = end, .n_end = 4};
        struct question q = counted(60);
        q.options.thought = &thought;
        const karma_engine_stats s = check(c.l.model, c.t, limits(1, true), &q, 1);
        assert_int_equal(with[0].a.tokens[most], 60);
        assert_true(s.accepted_tokens > 0);
    }
    counter_free(&c);
}

/* ---- steps, and what stays of them ---- */

static const struct family_ops *real;
static uint64_t guessing_steps;

/* Several rows of logits of a sequence are guesses: then there are no more than so many rows, and
 * nothing but answers. */
static void watched_forward(const void *model, const struct batch *b, struct stream *on) {
    int64_t rows[MAX_ASKED] = {0}, logits[MAX_ASKED] = {0};
    bool guessing = false, filling = false;
    for (int64_t i = 0; i < b->n_rows; i++)
        rows[b->rows[i].seq]++;
    for (int64_t i = 0; i < b->n_logits; i++)
        logits[b->rows[b->logit_rows[i]].seq]++;
    for (int s = 0; s < MAX_ASKED; s++) {
        guessing = guessing || logits[s] > 1;
        filling = filling || rows[s] > logits[s];
    }
    assert_true(!guessing || (!filling && b->n_rows <= DRAFT_STEP_ROWS));
    guessing_steps += guessing;
    real->forward(model, b, on);
}

static void watch(struct loaded *l, struct family_ops *family) {
    real = l->model->family;
    *family = *real;
    family->forward = watched_forward;
    l->model->family = family;
    guessing_steps = 0;
}

static void nothing_is_guessed_beside_prompts_and_crowds(void **state) {
    (void)state;
    struct counter c;
    struct family_ops family;
    struct question q[MAX_ASKED];
    counter_make(&c);
    watch(&c.l, &family);
    for (int i = 0; i < MAX_ASKED; i++)
        q[i] = counted(10 + i);
    q[1].n = 31; /* they do not share all of it */
    karma_engine_stats s = check(c.l.model, NULL, limits(3, true), q, MAX_ASKED);
    assert_true(guessing_steps > 0 && s.accepted_tokens > 0);
    for (int i = 0; i < MAX_ASKED; i++)
        q[i].options.max_tokens = 20;
    karma_engine_options crowd = limits(MAX_ASKED, true); /* all begin and end at once */
    crowd.max_rows = 600;
    crowd.share_prefixes = false;
    guessing_steps = 0;
    s = check(c.l.model, NULL, crowd, q, MAX_ASKED);
    assert_int_equal(guessing_steps, 0);
    assert_int_equal(s.drafted_tokens, 0);
    c.l.model->family = real;
    counter_free(&c);
}

/* Blocks that others find hold what was said, and the next turn takes as many as it would. */
static void the_next_turn_finds_what_was_said(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, folders[0], 1);
    for (int32_t n_new = 20; n_new < 60; n_new += 3) {
        struct asker who[2][2];
        for (int speculate = 0; speculate < 2; speculate++) {
            const karma_engine_options o = limits(1, speculate == 1);
            struct question q = about(1 + 2 * (n_new % 2), 33, n_new);
            struct engine *e;
            size_t active;
            assert_ok(engine_create(l.model, NULL, &o, &e));
            for (int turn = 0; turn < 2; turn++) {
                struct asker *w = &who[speculate][turn];
                *w = (struct asker){0};
                assert_ok(engine_submit(e, NULL, q.tokens, (size_t)q.n, &q.options, keep, NULL, w));
                for (active = 1; active;)
                    assert_ok(engine_step(e, &active));
                memcpy(q.tokens + q.n, w->a.tokens, w->a.n_tokens * sizeof(*q.tokens));
                q.n += (int)w->a.n_tokens;
                q.options = greedy(5);
            }
            engine_destroy(e);
        }
        for (int turn = 0; turn < 2; turn++) {
            assert_same(&who[1][turn].a, &who[0][turn].a);
            assert_int_equal(who[1][turn].a.n_cached, who[0][turn].a.n_cached);
        }
        assert_int_equal(who[1][1].a.n_cached,
                         (33 + n_new - 1) / KV_BLOCK_TOKENS * KV_BLOCK_TOKENS);
    }
    loaded_release(&l);
}

/* ---- pictures ---- */

static const struct vision_info *fake_info(const void *model) {
    static const struct vision_info info = {
        .image_size = 28, .tokens_per_image = SPAN, .hidden_size = VOCAB, .image_token = 7};
    (void)model;
    return &info;
}

/* Guesses may come from both sides of a picture; its own tokens, which need not be any, are none.
 */
static void pictures_are_not_guessed(void **state) {
    (void)state;
    static struct vision_ops vision = {.info = fake_info};
    struct counter c;
    struct family_ops family;
    struct image_rows *rows;
    counter_make(&c);
    watch(&c.l, &family);
    family.vision = &vision;
    c.l.model->info.can |= FAMILY_SEE;
    assert_ok(image_rows_create(SPAN, VOCAB, &rows));
    memset(rows->digest, 1, sizeof(rows->digest));
    for (int i = 0; i < SPAN * VOCAB; i++)
        rows->data[i] = sinf((float)i);
    const int32_t strange[] = {INT32_MAX, -5, VOCAB, 24};
    for (int which = 0; which < 4; which++) {
        for (size_t begin = 1; begin <= 31; begin += 2) {
            const struct prompt_span span = {.begin = begin, .rows = rows};
            struct question q = counted(40);
            memmove(q.tokens + begin + SPAN, q.tokens + begin,
                    (size_t)(q.n - (int)begin) * sizeof(*q.tokens));
            q.n += SPAN;
            for (size_t i = 0; i < SPAN; i++)
                q.tokens[begin + i] = strange[which];
            q.span = &span;
            const karma_engine_stats s = check(c.l.model, c.t, limits(1, true), &q, 1);
            assert_int_equal(with[0].a.status, KARMA_OK);
            assert_true(s.accepted_tokens > 0);
        }
    }
    image_rows_unref(rows);
    c.l.model->family = real;
    counter_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(answers_are_the_same_bits_on_every_set),
        test_case(draws_are_the_same_with_guesses_that_come_true),
        test_case(the_end_of_the_context_is_reached_and_not_passed),
        test_case(guesses_that_come_true_save_steps),
        test_case(guesses_that_fail_leave_no_trace),
        test_case(an_answer_ends_where_it_has_to),
        test_case(bounded_thoughts_end_as_they_would),
        test_case(nothing_is_guessed_beside_prompts_and_crowds),
        test_case(the_next_turn_finds_what_was_said),
        test_case(pictures_are_not_guessed),
    };
    return run_group("engine/speculation", tests);
}
