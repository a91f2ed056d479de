/*
 * test_pictures.c - pictures in prompts: whole in a step, shared by content, the same bits in any
 * company. The family's forward is watched on its way.
 */
#include "tests/support/test.h"

#include <math.h>

#include "engine/engine.h"
#include "models/vision.h"
#include "tests/support/tiny_checkpoint.h"

enum { VOCAB = 96, HIDDEN = 32, SPAN = 20, N_PROMPT = 90, N_NEW = 12 };

static const struct tiny_shape shape = {.family = "gemma3",
                                        .vocab_size = VOCAB,
                                        .hidden_size = HIDDEN,
                                        .intermediate_size = 48,
                                        .layers = 3,
                                        .heads = 4,
                                        .kv_heads = 2,
                                        .head_dim = 8,
                                        .sliding_window = 7,
                                        .dtype = DTYPE_F32,
                                        .seed = 5};

/* ---- a model that sees ---- */

static const struct family_ops *real;
static int n_steps, poison_at; /* make the logits of that step no numbers; 0: never */

static const struct vision_info *fake_info(const void *model) {
    static const struct vision_info info = {
        .image_size = 28, .tokens_per_image = SPAN, .hidden_size = HIDDEN, .image_token = 7};
    (void)model;
    return &info;
}

/* Every row of a span finds the rest of it in the same step, or behind it in the cache. */
static void check_whole(const struct batch *b) {
    for (int64_t i = 0; i < b->n_rows; i++) {
        const struct batch_row *row = &b->rows[i];
        if (row->token >= 0) {
            assert_int_equal(row->visible_end, row->pos + 1);
            continue;
        }
        const int64_t rest = row->visible_end - row->pos; /* itself included */
        assert_true(rest >= 1 && rest <= SPAN);
        assert_true(i + rest <= b->n_rows);
        assert_int_equal(b->rows[i + rest - 1].pos, row->visible_end - 1);
        assert_int_equal(b->rows[i + rest - 1].seq, row->seq);
        assert_int_equal(b->rows[i + rest - 1].token, -1);
    }
}

static void watched_forward(const void *model, const struct batch *batch, struct stream *on) {
    check_whole(batch);
    real->forward(model, batch, on);
    on->be->ops->finish(on);
    n_steps++;
    if (n_steps == poison_at && batch->n_logits > 0) batch->logits[0] = NAN;
}

static void load_seeing(struct loaded *l, struct family_ops *family, int threads) {
    static struct vision_ops vision = {.info = fake_info};
    loaded_open(l, tiny_checkpoint_write("sees", &shape), threads);
    real = l->model->family;
    *family = *real;
    family->vision = &vision;
    family->forward = watched_forward;
    l->model->family = family;
    l->model->info.can |= FAMILY_SEE;
    n_steps = poison_at = 0;
}

static void unload_seeing(struct loaded *l) {
    l->model->family = real;
    loaded_release(l);
}

/* ---- prompts ---- */

static struct image_rows *picture(int which, int32_t count, int64_t width) {
    struct image_rows *rows;
    assert_ok(image_rows_create(count, width, &rows));
    memset(rows->digest, which, sizeof(rows->digest));
    for (int64_t i = 0; i < count * width; i++)
        rows->data[i] = sinf((float)(i * (which + 3)) * 0.37f) * 2;
    return rows;
}

/* Two pictures at 9 and 51 among N_PROMPT tokens. */
struct question {
    int32_t tokens[N_PROMPT];
    struct prompt_span spans[2];
    struct engine_prompt prompt;
};

static void ask(struct question *q, int first, int second, int words) {
    for (int i = 0; i < N_PROMPT; i++)
        q->tokens[i] = (i * 5 + (i > 80 ? words : 0)) % VOCAB;
    q->spans[0] = (struct prompt_span){.begin = 9, .rows = picture(first, SPAN, HIDDEN)};
    q->spans[1] = (struct prompt_span){.begin = 51, .rows = picture(second, SPAN, HIDDEN)};
    for (int s = 0; s < 2; s++)
        for (size_t i = 0; i < SPAN; i++)
            q->tokens[q->spans[s].begin + i] = VOCAB + 3; /* no id of the model's */
    q->prompt = (struct engine_prompt){q->tokens, N_PROMPT, q->spans, 2};
}

static void forget(struct question *q) {
    image_rows_unref(q->spans[0].rows);
    image_rows_unref(q->spans[1].rows);
}

struct answer {
    int reports;
    karma_status status;
    size_t n_cached;
    int32_t tokens[N_NEW];
    float logprobs[N_NEW], prompt_logprobs[N_PROMPT];
};

static void keep(void *user, const karma_output *o) {
    struct answer *a = user;
    a->reports++;
    a->status = o->status;
    a->n_cached = o->n_cached_tokens;
    for (size_t i = 0; o->logprobs && i < o->n_tokens && i < N_NEW; i++) {
        a->tokens[i] = o->tokens[i];
        a->logprobs[i] = o->logprobs[i].logprob;
    }
    if (o->prompt_logprobs)
        memcpy(a->prompt_logprobs, o->prompt_logprobs, sizeof(a->prompt_logprobs));
}

static karma_generate_options greedy(bool prompt_logprobs) {
    return (karma_generate_options){.struct_size = sizeof(karma_generate_options),
                                    .max_tokens = N_NEW,
                                    .repetition_penalty = 1.1,
                                    .n_top_logprobs = 0,
                                    .prompt_logprobs = prompt_logprobs};
}

static karma_engine_options limits(int32_t sequences, int32_t rows, bool share) {
    return (karma_engine_options){.struct_size = sizeof(karma_engine_options),
                                  .max_sequences = sequences,
                                  .max_rows = rows,
                                  .n_ctx = 128,
                                  .share_prefixes = share};
}

static void run_all(struct engine *e) {
    for (size_t active = 1; active;)
        assert_ok(engine_step(e, &active));
}

static void submit(struct engine *e, const struct question *q, bool score, struct answer *a) {
    const karma_generate_options o = greedy(score);
    *a = (struct answer){0};
    assert_ok(engine_submit_prompt(e, "q", &q->prompt, &o, keep, NULL, a));
}

/* One question by itself. */
static struct answer alone(const struct model *model, const struct question *q) {
    const karma_engine_options o = limits(1, 256, false);
    struct engine *e;
    struct answer a;
    assert_ok(engine_create(model, NULL, &o, &e));
    submit(e, q, true, &a);
    run_all(e);
    assert_int_equal(a.reports, 1);
    assert_int_equal(a.status, KARMA_OK);
    engine_destroy(e);
    return a;
}

static void assert_same(const struct answer *a, const struct answer *b) {
    assert_int_equal(b->reports, 1);
    assert_int_equal(b->status, KARMA_OK);
    assert_memory_equal(a->tokens, b->tokens, sizeof(a->tokens));
    assert_memory_equal(a->logprobs, b->logprobs, sizeof(a->logprobs));
}

/* ---- tests ---- */

static void the_bits_of_an_answer_do_not_depend_on_company(void **state) {
    static const struct {
        int32_t sequences, rows;
        bool share, score;
    } ways[] = {{6, 8, true, false},
                {3, 26, true, false},
                {2, 64, false, true},
                {6, 41, true, true},
                {6, 300, true, false}};
    (void)state;
    struct loaded l;
    struct family_ops family;
    load_seeing(&l, &family, 2);
    struct question q[6];
    struct answer want[6], got[6];
    for (int i = 0; i < 6; i++) {
        ask(&q[i], 1 + i / 4, 1 + i / 2, i);
        want[i] = alone(l.model, &q[i]);
    }
    for (size_t w = 0; w < sizeof(ways) / sizeof(*ways); w++) {
        const karma_engine_options o = limits(ways[w].sequences, ways[w].rows, ways[w].share);
        struct engine *e;
        assert_ok(engine_create(l.model, NULL, &o, &e));
        for (int i = 0; i < 6; i++)
            submit(e, &q[i], ways[w].score, &got[i]);
        run_all(e);
        for (int i = 0; i < 6; i++) {
            assert_same(&want[i], &got[i]);
            if (ways[w].score)
                assert_memory_equal(want[i].prompt_logprobs, got[i].prompt_logprobs,
                                    sizeof(got[i].prompt_logprobs));
        }
        engine_destroy(e);
    }
    for (int i = 0; i < 6; i++)
        forget(&q[i]);
    unload_seeing(&l);
}

static void equal_pictures_are_shared_and_others_are_not(void **state) {
    (void)state;
    struct loaded l;
    struct family_ops family;
    load_seeing(&l, &family, 1);
    const karma_engine_options o = limits(2, 200, true);
    struct engine *e;
    struct question same, first_differs, second_differs;
    struct answer a;
    assert_ok(engine_create(l.model, NULL, &o, &e));
    ask(&same, 1, 2, 0);
    ask(&first_differs, 3, 2, 0);
    ask(&second_differs, 1, 3, 0);
    submit(e, &same, false, &a);
    run_all(e);
    assert_int_equal(a.n_cached, 0);
    submit(e, &same, false, &a);
    run_all(e);
    assert_int_equal(a.n_cached, N_PROMPT - 1);
    submit(e, &first_differs, false, &a);
    run_all(e);
    assert_int_equal(a.n_cached, 9);
    submit(e, &second_differs, false, &a);
    run_all(e);
    assert_int_equal(a.n_cached, 51);
    engine_destroy(e);
    forget(&same);
    forget(&first_differs);
    forget(&second_differs);
    unload_seeing(&l);
}

/* The first fails half-way through a block it was filling for the second, inside a picture. */
static void a_picture_left_half_way_is_computed_by_the_next(void **state) {
    (void)state;
    struct loaded l;
    struct family_ops family;
    load_seeing(&l, &family, 1);
    struct question q;
    ask(&q, 1, 2, 0);
    const struct answer want = alone(l.model, &q);
    for (int step = 1; step < 8; step++) {
        const karma_engine_options o = limits(3, 23, true);
        struct engine *e;
        struct answer got[3];
        assert_ok(engine_create(l.model, NULL, &o, &e));
        n_steps = 0;
        poison_at = step;
        submit(e, &q, true, &got[0]);
        submit(e, &q, false, &got[1]);
        submit(e, &q, false, &got[2]);
        run_all(e);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(got[i].reports, 1);
            if (got[i].status == KARMA_OK) assert_same(&want, &got[i]);
        }
        assert_int_equal(got[1].status, KARMA_OK);
        assert_int_equal(got[2].status, KARMA_OK);
        engine_destroy(e);
    }
    forget(&q);
    unload_seeing(&l);
}

static void tokens_in_the_place_of_pictures_are_not_scored(void **state) {
    (void)state;
    struct loaded l;
    struct family_ops family;
    load_seeing(&l, &family, 1);
    struct question q;
    ask(&q, 1, 2, 0);
    const struct answer a = alone(l.model, &q);
    for (int i = 1; i < N_PROMPT; i++) {
        const bool in_picture = (i >= 9 && i < 9 + SPAN) || (i >= 51 && i < 51 + SPAN);
        assert_true(in_picture ? a.prompt_logprobs[i] == 0 : a.prompt_logprobs[i] < 0);
    }
    forget(&q);
    unload_seeing(&l);
}

static void refuses_spans_that_do_not_fit(void **state) {
    (void)state;
    struct loaded l;
    struct family_ops family;
    load_seeing(&l, &family, 1);
    const karma_engine_options o = limits(2, 8, true);
    const karma_generate_options g = greedy(false);
    struct engine *e;
    struct question q;
    assert_ok(engine_create(l.model, NULL, &o, &e));
    ask(&q, 1, 2, 0);
    q.spans[1].begin = 9 + SPAN - 1;
    assert_status(engine_submit_prompt(e, "q", &q.prompt, &g, keep, NULL, NULL), KARMA_E_RANGE);
    assert_message_contains("picture 1");
    q.spans[1].begin = N_PROMPT - SPAN + 1;
    assert_status(engine_submit_prompt(e, "q", &q.prompt, &g, keep, NULL, NULL), KARMA_E_RANGE);
    q.spans[1].begin = SIZE_MAX;
    assert_status(engine_submit_prompt(e, "q", &q.prompt, &g, keep, NULL, NULL), KARMA_E_RANGE);
    q.spans[1].begin = 52; /* leaves a token that has no row where the picture was */
    assert_status(engine_submit_prompt(e, "q", &q.prompt, &g, keep, NULL, NULL), KARMA_E_RANGE);
    assert_message_contains("token 51");
    q.spans[1].begin = 51;
    image_rows_unref(q.spans[1].rows);
    q.spans[1].rows = picture(1, SPAN + 1, HIDDEN);
    assert_status(engine_submit_prompt(e, "q", &q.prompt, &g, keep, NULL, NULL), KARMA_E_LIMIT);
    image_rows_unref(q.spans[1].rows);
    q.spans[1].rows = picture(1, SPAN, HIDDEN / 2);
    assert_status(engine_submit_prompt(e, "q", &q.prompt, &g, keep, NULL, NULL), KARMA_E_SHAPE);
    forget(&q);
    engine_destroy(e);
    unload_seeing(&l);
}

static void running_out_of_memory_at_submission_leaks_no_picture(void **state) {
    (void)state;
    struct loaded l;
    struct family_ops family;
    load_seeing(&l, &family, 1);
    const karma_engine_options o = limits(2, 64, true);
    const karma_generate_options g = greedy(true);
    struct question q;
    struct engine *e;
    struct answer a = {0};
    ask(&q, 1, 2, 0);
    karma_status st = KARMA_E_NOMEM;
    for (uint64_t n = 1; st == KARMA_E_NOMEM; n++) {
        assert_ok(engine_create(l.model, NULL, &o, &e));
        mem_fail_at(n);
        st = engine_submit_prompt(e, "q", &q.prompt, &g, keep, NULL, &a);
        mem_fail_at(0);
        if (st == KARMA_OK) assert_int_equal(q.spans[0].rows->refs, 2);
        engine_destroy(e);
        assert_int_equal(q.spans[0].rows->refs, 1);
        assert_int_equal(q.spans[1].rows->refs, 1);
    }
    assert_ok(st);
    forget(&q);
    unload_seeing(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bits_of_an_answer_do_not_depend_on_company),
        cmocka_unit_test(equal_pictures_are_shared_and_others_are_not),
        cmocka_unit_test(a_picture_left_half_way_is_computed_by_the_next),
        cmocka_unit_test(tokens_in_the_place_of_pictures_are_not_scored),
        cmocka_unit_test(refuses_spans_that_do_not_fit),
        cmocka_unit_test(running_out_of_memory_at_submission_leaks_no_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
