/*
 * test_text.c - the text of an answer: pieces that stream, stop strings that span tokens, partial
 * characters, special tokens. The model counts (each token is followed by the next id), so every
 * answer is known beforehand.
 */
#include "tests/support/test.h"

#include "engine/engine.h"
#include "tests/support/tiny_checkpoint.h"
#include "text/tokenizer.h"

/* Ids 0..63 are the characters from '!' on, but: 10, 11 are the two bytes of an e with acute, 20
 * is the first of them alone, 30 is a control token. */
enum { VOCAB = 64, E_FIRST = 10, E_SECOND = 11, LONE = 20, CONTROL = 30 };

static struct tokenizer *make_tokenizer(int n_tokens, int control) {
    static char storage[VOCAB + 2][16];
    const char *tokens[VOCAB + 2];
    size_t lens[VOCAB + 2];
    int32_t types[VOCAB + 2];
    for (int i = 0; i < n_tokens; i++) {
        snprintf(storage[i], sizeof(storage[i]), "%c", '!' + i % VOCAB);
        if (i == E_FIRST || i == LONE) snprintf(storage[i], sizeof(storage[i]), "\xc3\x83");
        if (i == LONE) snprintf(storage[i], sizeof(storage[i]), "\xc3\x83\xc3\x83");
        if (i == E_SECOND) snprintf(storage[i], sizeof(storage[i]), "\xc2\xa9");
        if (i == control) snprintf(storage[i], sizeof(storage[i]), "<end>");
        if (i >= VOCAB && i != control) snprintf(storage[i], sizeof(storage[i]), "extra%d", i);
        tokens[i] = storage[i];
        lens[i] = strlen(storage[i]);
        types[i] = i == control ? 3 : 1;
    }
    const struct tokenizer_tables tables = {.model = "gpt2",
                                            .pre = "gpt-2",
                                            .n_tokens = n_tokens,
                                            .tokens = tokens,
                                            .token_lens = lens,
                                            .token_types = types,
                                            .bos = -1,
                                            .eos = -1,
                                            .unk = -1};
    struct tokenizer *t;
    assert_ok(tokenizer_from_tables(&tables, &t));
    return t;
}

struct piece_log {
    char streamed[512];
    size_t n_streamed;
    int n_pieces;
    char text[512];
    karma_finish_reason reason;
    size_t n_tokens;
    karma_status status;
};

static void on_text(void *user, const char *text, size_t len) {
    struct piece_log *p = user;
    assert_true(len > 0);
    memcpy(p->streamed + p->n_streamed, text, len);
    p->n_streamed += len;
    p->n_pieces++;
}

static void on_done(void *user, const karma_output *o) {
    struct piece_log *p = user;
    p->status = o->status;
    p->reason = o->finish_reason;
    p->n_tokens = o->n_tokens;
    snprintf(p->text, sizeof(p->text), "%s", o->text ? o->text : "(null)");
    if (o->text) assert_string_equal(o->text, o->raw_text);
}

struct bench {
    struct loaded l;
    struct tokenizer *t;
    struct engine *e;
};

static void bench_make(struct bench *b) {
    const karma_engine_options o = {.struct_size = sizeof(o),
                                    .max_sequences = 2,
                                    .max_rows = 32,
                                    .n_ctx = 128,
                                    .share_prefixes = true};
    loaded_open(&b->l, counting_checkpoint_write("counting", VOCAB), 1);
    b->t = make_tokenizer(VOCAB, CONTROL);
    assert_ok(engine_create(b->l.model, b->t, &o, &b->e));
}

static void bench_free(struct bench *b) {
    engine_destroy(b->e);
    tokenizer_destroy(b->t);
    loaded_release(&b->l);
}

/* Answer from the token after `from`; log is filled. */
static void say(struct bench *b, int32_t from, int32_t max_tokens, const char *const *stop,
                struct piece_log *log) {
    *log = (struct piece_log){0};
    const karma_generate_options o = {.struct_size = sizeof(o),
                                      .max_tokens = max_tokens,
                                      .repetition_penalty = 1,
                                      .stop = stop,
                                      .n_top_logprobs = -1};
    assert_ok(engine_submit(b->e, NULL, &from, 1, &o, on_done, on_text, log));
    for (size_t active = 1; active;)
        assert_ok(engine_step(b->e, &active));
    assert_int_equal(log->status, KARMA_OK);
    assert_int_equal(log->n_streamed, strlen(log->text));
    assert_memory_equal(log->streamed, log->text, log->n_streamed);
}

static void text_streams_character_by_character(void **state) {
    (void)state;
    struct bench b;
    struct piece_log p;
    bench_make(&b);
    say(&b, 40, 5, NULL, &p);
    assert_string_equal(p.text, "JKLMN");
    assert_int_equal(p.n_pieces, 5);
    assert_int_equal(p.reason, KARMA_FINISH_LENGTH);
    bench_free(&b);
}

static void a_character_of_two_tokens_comes_whole(void **state) {
    (void)state;
    struct bench b;
    struct piece_log p;
    bench_make(&b);
    say(&b, 8, 4, NULL, &p);
    assert_string_equal(p.text, "*\xc3\xa9-");
    assert_int_equal(p.n_pieces, 3);
    say(&b, 8, 2, NULL, &p); /* ends inside it */
    assert_string_equal(p.text, "*\xef\xbf\xbd");
    bench_free(&b);
}

static void a_stop_string_ends_the_text_before_it(void **state) {
    (void)state;
    struct bench b;
    struct piece_log p;
    bench_make(&b);
    const char *stop[] = {"zyx", "NOP", "PQ", NULL};
    say(&b, 40, 30, stop, &p);
    assert_string_equal(p.text, "JKLM");
    assert_int_equal(p.reason, KARMA_FINISH_STOP);
    assert_int_equal(p.n_tokens, 7); /* the tokens that spelled it are there */
    bench_free(&b);
}

static void what_only_began_like_a_stop_string_is_sent(void **state) {
    (void)state;
    struct bench b;
    struct piece_log p;
    bench_make(&b);
    const char *stop[] = {"KLX", "LMNOPQZ", NULL};
    say(&b, 40, 8, stop, &p);
    assert_string_equal(p.text, "JKLMNOPQ");
    assert_int_equal(p.reason, KARMA_FINISH_LENGTH);
    assert_true(p.n_pieces < 8); /* some had to wait */
    bench_free(&b);
}

static void the_earliest_stop_string_wins(void **state) {
    (void)state;
    struct bench b;
    struct piece_log p;
    bench_make(&b);
    const char *stop[] = {"N", "LMN", NULL};
    say(&b, 40, 30, stop, &p);
    assert_string_equal(p.text, "JK");
    bench_free(&b);
}

static void special_tokens_are_no_text(void **state) {
    (void)state;
    struct bench b;
    struct piece_log p;
    bench_make(&b);
    say(&b, 28, 3, NULL, &p);
    assert_string_equal(p.text, ">@");
    assert_int_equal(p.n_tokens, 3);
    bench_free(&b);
}

static void a_stop_token_is_no_text(void **state) {
    (void)state;
    struct bench b;
    struct piece_log p = {0};
    bench_make(&b);
    const int32_t from = 40, stop = 43;
    const karma_generate_options o = {.struct_size = sizeof(o),
                                      .max_tokens = 9,
                                      .repetition_penalty = 1,
                                      .stop_tokens = &stop,
                                      .n_stop_tokens = 1,
                                      .n_top_logprobs = -1};
    assert_ok(engine_submit(b.e, NULL, &from, 1, &o, on_done, on_text, &p));
    for (size_t active = 1; active;)
        assert_ok(engine_step(b.e, &active));
    assert_string_equal(p.text, "JK");
    assert_int_equal(p.n_tokens, 3);
    assert_int_equal(p.reason, KARMA_FINISH_STOP);
    bench_free(&b);
}

static void streaming_allocates_nothing(void **state) {
    (void)state;
    struct bench b;
    struct piece_log p = {0};
    bench_make(&b);
    const int32_t from = 40;
    const char *stop[] = {"never", NULL};
    const karma_generate_options o = {.struct_size = sizeof(o),
                                      .max_tokens = 60,
                                      .repetition_penalty = 1,
                                      .stop = stop,
                                      .n_top_logprobs = -1};
    assert_ok(engine_submit(b.e, NULL, &from, 1, &o, on_done, on_text, &p));
    const uint64_t calls = mem_call_count();
    for (size_t active = 1; active;)
        assert_ok(engine_step(b.e, &active));
    assert_int_equal(mem_call_count(), calls);
    assert_int_equal(p.n_tokens, 60);
    bench_free(&b);
}

static void more_special_tokens_than_rows_are_borne_others_are_not(void **state) {
    (void)state;
    struct loaded l;
    const karma_engine_options o = {
        .struct_size = sizeof(o), .max_sequences = 1, .max_rows = 8, .n_ctx = 32};
    loaded_open(&l, counting_checkpoint_write("counting", VOCAB), 1);
    struct engine *e;
    struct tokenizer *t = make_tokenizer(VOCAB + 1, VOCAB); /* an image token behind the rows */
    assert_ok(engine_create(l.model, t, &o, &e));
    engine_destroy(e);
    tokenizer_destroy(t);
    t = make_tokenizer(VOCAB + 1, CONTROL);
    assert_status(engine_create(l.model, t, &o, &e), KARMA_E_SHAPE);
    assert_message_contains("highest id is 64, the embedding has 64 rows");
    tokenizer_destroy(t);
    loaded_release(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(text_streams_character_by_character),
        test_case(a_character_of_two_tokens_comes_whole),
        test_case(a_stop_string_ends_the_text_before_it),
        test_case(what_only_began_like_a_stop_string_is_sent),
        test_case(the_earliest_stop_string_wins),
        test_case(special_tokens_are_no_text),
        test_case(a_stop_token_is_no_text),
        test_case(streaming_allocates_nothing),
        test_case(more_special_tokens_than_rows_are_borne_others_are_not),
    };
    return run_group("engine/text", tests);
}
