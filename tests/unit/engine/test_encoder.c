/*
 * test_encoder.c - texts through an encoder: a text's rows are the same bits whatever is packed
 * beside it, in any order, on any number of threads; what is refused; memory and its ceiling.
 */
#include "tests/support/test.h"

#include "base/random.h"
#include "engine/engine.h"
#include "tests/support/encoders.h"

static const char *const folders[] = {
    "tests/fixtures/encoders/bert",           "tests/fixtures/encoders/xlmr",
    "tests/fixtures/encoders/bert_bf16",      "tests/fixtures/encoders/embgemma_bf16",
    "tests/fixtures/encoders/qwen3_prefixed",
};
enum { N_FOLDERS = sizeof(folders) / sizeof(folders[0]), N_TEXTS = 27, LONGEST = 40, VOCAB = 67 };

#ifdef __SANITIZE_ADDRESS__
enum { THIN_MATRIX = true }; /* it looks for other faults, and is slow */
#else
enum { THIN_MATRIX = false };
#endif

struct corpus {
    int32_t ids[N_TEXTS][LONGEST];
    struct encoder_text texts[N_TEXTS];
};

static void corpus_fill(struct corpus *c) {
    struct rng r;
    rng_init(&r, 3, "corpus", 6);
    for (int i = 0; i < N_TEXTS; i++) {
        const int32_t n = 1 + i * 3 / 2; /* 1, 2, 4, 5, ... 40 */
        for (int32_t t = 0; t < n; t++)
            c->ids[i][t] = (int32_t)(rng_uniform(&r) * VOCAB);
        c->texts[i] = (struct encoder_text){.ids = c->ids[i], .count = n};
    }
}

static int64_t rows_of(const struct corpus *c) {
    int64_t rows = 0;
    for (int i = 0; i < N_TEXTS; i++)
        rows += c->texts[i].count;
    return rows;
}

static void a_text_alone_equals_the_text_among_others(void **state) {
    (void)state;
    static struct corpus c;
    corpus_fill(&c);
    for (int f = 0; f < N_FOLDERS; f += THIN_MATRIX ? 3 : 1) {
        float *alone[N_TEXTS] = {0};
        for (enum cpu_isa isa = CPU_ISA_REF; isa < CPU_ISA_COUNT; isa++) {
            if (!cpu_isa_present(isa) || (THIN_MATRIX && isa == CPU_ISA_REF)) continue;
            struct loaded l;
            loaded_open_on(&l, folders[f], isa, 1);
            const int64_t hidden = l.model->info.hidden_size;
            const struct encoder_options one = {.max_length = LONGEST, .max_rows = LONGEST};
            for (int i = 0; i < N_TEXTS; i++) {
                float *rows = encode_with(l.model, &one, &c.texts[i], 1);
                const size_t bytes = (size_t)(c.texts[i].count * hidden) * sizeof(float);
                if (isa == CPU_ISA_AVX512BF16) /* bf16 weights: a definition of its own */
                    mem_free(alone[i]);
                else if (alone[i]) {
                    assert_memory_equal(rows, alone[i], bytes);
                    mem_free(alone[i]);
                }
                alone[i] = rows;
            }
            loaded_release(&l);
            static const int32_t packings[] = {LONGEST, 53, 0};
            for (int p = 0; p < 3 && isa != CPU_ISA_REF; p++) {
                struct encoder_text order[N_TEXTS];
                int from[N_TEXTS];
                struct rng r;
                rng_init(&r, (uint64_t)p, "order", 5);
                for (int i = 0; i < N_TEXTS; i++)
                    from[i] = i;
                for (int i = N_TEXTS - 1; p > 0 && i > 0; i--) {
                    const int j = (int)(rng_uniform(&r) * (i + 1)), other = from[j];
                    from[j] = from[i];
                    from[i] = other;
                }
                for (int i = 0; i < N_TEXTS; i++)
                    order[i] = c.texts[from[i]];
                loaded_open_on(&l, folders[f], isa, 1 + p % 3);
                const struct encoder_options o = {.max_length = LONGEST, .max_rows = packings[p]};
                float *rows = encode_with(l.model, &o, order, N_TEXTS), *at = rows;
                for (int i = 0; i < N_TEXTS; i++) {
                    const int64_t n = order[i].count * hidden;
                    assert_memory_equal(at, alone[from[i]], (size_t)n * sizeof(float));
                    at += n;
                }
                mem_free(rows);
                loaded_release(&l);
            }
        }
        for (int i = 0; i < N_TEXTS; i++)
            mem_free(alone[i]);
    }
}

/* What one call left behind is not seen by the next. */
static void an_encoder_used_before_gives_the_same_bits(void **state) {
    (void)state;
    static struct corpus c;
    corpus_fill(&c);
    for (int f = 0; f < N_FOLDERS; f++) {
        struct loaded l;
        struct encoder *e;
        loaded_open(&l, folders[f], 2);
        const int64_t hidden = l.model->info.hidden_size;
        const struct encoder_options o = {.max_length = LONGEST, .max_rows = 100};
        assert_ok(encoder_create(l.model, &o, &e));
        float *first = encode_texts(e, c.texts, 7, hidden);
        mem_free(encode_texts(e, c.texts, N_TEXTS, hidden));
        float *again = encode_texts(e, c.texts, 7, hidden);
        assert_memory_equal(first, again,
                            (size_t)(1 + 2 + 4 + 5 + 7 + 8 + 10) * (size_t)hidden * sizeof(float));
        mem_free(first);
        mem_free(again);
        encoder_destroy(e);
        loaded_release(&l);
    }
}

/* A text seen from its end differs from one seen only from its beginning. */
static void bidirectional_rows_see_what_follows(void **state) {
    (void)state;
    static const int32_t ids[] = {5, 6, 7, 8}, other[] = {5, 6, 7, 9};
    for (int f = 0; f < N_FOLDERS; f++) {
        struct loaded l;
        loaded_open(&l, folders[f], 1);
        const struct encoder_options o = {.max_length = 4};
        const struct encoder_text a = {ids, 4}, b = {other, 4};
        float *x = encode_with(l.model, &o, &a, 1), *y = encode_with(l.model, &o, &b, 1);
        const size_t bytes = (size_t)l.model->info.hidden_size * sizeof(float);
        assert_int_equal(memcmp(x, y, bytes) != 0, l.model->info.bidirectional);
        assert_true(memcmp((char *)x + 3 * bytes, (char *)y + 3 * bytes, bytes) != 0);
        mem_free(x);
        mem_free(y);
        loaded_release(&l);
    }
}

static karma_status count_texts(void *user, size_t i, const float *hidden) {
    (void)i, (void)hidden;
    ++*(int *)user;
    return KARMA_OK;
}

static void what_is_out_of_range_is_refused_before_anything_is_computed(void **state) {
    (void)state;
    static int32_t ids[41], wrong[] = {1, VOCAB, 2}, negative[] = {-1};
    struct loaded l;
    struct encoder *e;
    int seen = 0;
    loaded_open(&l, folders[0], 1);
    struct encoder_options o = {0};
    assert_status(encoder_create(l.model, &o, &e), KARMA_E_LIMIT);
    assert_message_contains("max_length 0");
    assert_null(e);
    o.max_length = 41;
    assert_status(encoder_create(l.model, &o, &e), KARMA_E_LIMIT);
    assert_message_contains("1 to 40 tokens");
    o = (struct encoder_options){.max_length = 20, .max_rows = 19};
    assert_status(encoder_create(l.model, &o, &e), KARMA_E_LIMIT);
    assert_message_contains("max_rows 19");
    o.max_rows = 20;
    assert_ok(encoder_create(l.model, &o, &e));
    struct encoder_text texts[2] = {{ids, 20}, {wrong, 3}};
    assert_status(encoder_run(e, texts, 2, NULL, count_texts, &seen), KARMA_E_RANGE);
    assert_message_contains("text 1: token 1: id 67");
    texts[1] = (struct encoder_text){negative, 1};
    assert_status(encoder_run(e, texts, 2, NULL, count_texts, &seen), KARMA_E_RANGE);
    texts[1] = (struct encoder_text){ids, 21};
    assert_status(encoder_run(e, texts, 2, NULL, count_texts, &seen), KARMA_E_LIMIT);
    assert_message_contains("text 1: 21 tokens, expected 1 to 20");
    texts[1].count = 0;
    assert_status(encoder_run(e, texts, 2, NULL, count_texts, &seen), KARMA_E_LIMIT);
    assert_int_equal(seen, 0);
    assert_ok(encoder_run(e, texts, 0, NULL, count_texts, &seen));
    assert_ok(encoder_run(e, texts, 1, NULL, count_texts, &seen));
    assert_int_equal(seen, 1);
    encoder_destroy(e);
    encoder_destroy(NULL);
    loaded_release(&l);
}

struct patience {
    int asked, given; /* cancelled when asked more than given times */
    int seen;
};

static bool out_of_patience(void *user) {
    struct patience *p = user;
    return ++p->asked > p->given;
}

static karma_status count_seen(void *user, size_t i, const float *hidden) {
    (void)i, (void)hidden;
    ((struct patience *)user)->seen++;
    return KARMA_OK;
}

static void cancelling_ends_the_run_between_layers(void **state) {
    (void)state;
    static struct corpus c;
    corpus_fill(&c);
    for (int f = 0; f < N_FOLDERS; f++) {
        struct loaded l;
        struct encoder *e;
        loaded_open(&l, folders[f], 1);
        const int layers = l.model->info.n_layers;
        const struct encoder_options o = {.max_length = LONGEST, .max_rows = LONGEST};
        assert_ok(encoder_create(l.model, &o, &e));
        const struct encoder_text *texts = c.texts + 20; /* a step each */
        struct patience p = {.given = layers + 1};
        assert_status(encoder_run(e, texts, 3, out_of_patience, count_seen, &p), KARMA_E_CANCELLED);
        assert_int_equal(p.asked, layers + 2);
        assert_int_equal(p.seen, 1);
        p = (struct patience){.given = 3 * layers};
        assert_ok(encoder_run(e, texts, 3, out_of_patience, count_seen, &p));
        assert_int_equal(p.seen, 3);
        encoder_destroy(e);
        loaded_release(&l);
    }
}

static karma_status refuse_third(void *user, size_t i, const float *hidden) {
    (void)hidden;
    ++*(int *)user;
    return i == 2 ? status_fail(KARMA_E_IO, "the disk is full") : KARMA_OK;
}

static void a_sink_that_fails_ends_the_run(void **state) {
    (void)state;
    static struct corpus c;
    corpus_fill(&c);
    struct loaded l;
    struct encoder *e;
    int seen = 0;
    loaded_open(&l, folders[0], 1);
    const struct encoder_options o = {.max_length = LONGEST};
    assert_ok(encoder_create(l.model, &o, &e));
    assert_status(encoder_run(e, c.texts, N_TEXTS, NULL, refuse_third, &seen), KARMA_E_IO);
    assert_message_contains("the disk is full");
    assert_int_equal(seen, 3);
    encoder_destroy(e);
    loaded_release(&l);
}

static void a_low_ceiling_makes_smaller_steps_then_refuses(void **state) {
    (void)state;
    static struct corpus c;
    corpus_fill(&c);
    struct loaded l;
    struct encoder *e;
    loaded_open(&l, folders[0], 1);
    const int64_t hidden = l.model->info.hidden_size;
    struct encoder_options o = {.max_length = LONGEST};
    assert_ok(encoder_create(l.model, &o, &e));
    const size_t wanted = encoder_bytes(e);
    float *want = encode_texts(e, c.texts, N_TEXTS, hidden);
    encoder_destroy(e);
    o.ceiling_bytes = l.model->info.weight_bytes + l.model->info.private_bytes + wanted;
    assert_ok(encoder_create(l.model, &o, &e));
    assert_int_equal(encoder_bytes(e), wanted);
    encoder_destroy(e);
    o.ceiling_bytes--;
    assert_ok(encoder_create(l.model, &o, &e));
    assert_true(encoder_bytes(e) < wanted);
    float *got = encode_texts(e, c.texts, N_TEXTS, hidden);
    assert_memory_equal(got, want, (size_t)rows_of(&c) * (size_t)hidden * sizeof(float));
    encoder_destroy(e);
    o.ceiling_bytes = l.model->info.weight_bytes;
    assert_status(encoder_create(l.model, &o, &e), KARMA_E_LIMIT);
    assert_message_contains("texts of 40 tokens");
    mem_free(want);
    mem_free(got);
    loaded_release(&l);
}

static void a_generator_encodes_too_and_still_generates(void **state) {
    (void)state;
    static const int32_t ids[] = {3, 17, 5, 42};
    struct loaded l;
    struct sequence *s;
    const float *before, *after;
    loaded_open(&l, "tests/fixtures/models/qwen3_tied", 2);
    const size_t bytes = (size_t)l.model->info.vocab_size * sizeof(float);
    assert_ok(sequence_create(l.model, 16, &s));
    assert_ok(sequence_feed(s, ids, 4, NULL, &before));
    void *copy = mem_alloc(bytes);
    assert_non_null(copy);
    memcpy(copy, before, bytes);
    const struct encoder_options o = {.max_length = 8};
    const struct encoder_text text = {ids, 4};
    mem_free(encode_with(l.model, &o, &text, 1));
    assert_ok(sequence_rewind(s, 0));
    assert_ok(sequence_feed(s, ids, 4, NULL, &after));
    assert_memory_equal(after, copy, bytes);
    mem_free(copy);
    sequence_destroy(s);
    loaded_release(&l);
}

static karma_status encode_once(void *model) {
    static const int32_t ids[] = {3, 17, 5, 42};
    const struct encoder_options o = {.max_length = 8, .max_rows = 8};
    const struct encoder_text text = {ids, 4};
    struct encoder *e;
    int seen = 0;
    karma_status st = encoder_create(model, &o, &e);
    if (st == KARMA_OK) st = encoder_run(e, &text, 1, NULL, count_texts, &seen);
    encoder_destroy(e);
    return st;
}

static void every_failing_allocation_is_reported(void **state) {
    (void)state;
    for (int f = 0; f < N_FOLDERS; f++) {
        struct loaded l;
        loaded_open(&l, folders[f], 1);
        assert_true(for_each_failing_allocation(encode_once, l.model) >= 9);
        loaded_release(&l);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(a_text_alone_equals_the_text_among_others),
        test_case(an_encoder_used_before_gives_the_same_bits),
        test_case(bidirectional_rows_see_what_follows),
        test_case(what_is_out_of_range_is_refused_before_anything_is_computed),
        test_case(cancelling_ends_the_run_between_layers),
        test_case(a_sink_that_fails_ends_the_run),
        test_case(a_low_ceiling_makes_smaller_steps_then_refuses),
        test_case(a_generator_encodes_too_and_still_generates),
        test_case(every_failing_allocation_is_reported),
    };
    return run_group("engine/encoder", tests);
}
