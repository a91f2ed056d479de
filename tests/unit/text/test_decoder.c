/* test_decoder.c - whole texts and streams. */
#include "text/decoder.h"

#include "tests/support/test.h"

#define MISSING "\xEF\xBF\xBD"

struct made {
    struct vocab vocab;
    struct decoder decoder;
};

static void begin(struct made *m, bool byte_level, const char *const *tokens) {
    memset(m, 0, sizeof(*m));
    m->vocab.byte_level = m->decoder.byte_level = byte_level;
    for (int i = 0; tokens[i]; i++)
        assert_ok(vocab_add(&m->vocab, i, tokens[i], strlen(tokens[i])));
    if (byte_level) return;
    m->decoder.replace[0] = (struct decoder_replace){"_", " ", 1, 1};
    m->decoder.n_replace = 1;
    m->decoder.byte_fallback = true;
}

static void whole(const struct made *m, const int32_t *ids, size_t n, bool skip,
                  const char *wanted) {
    struct buf out = {0};
    assert_ok(decoder_decode(&m->decoder, &m->vocab, ids, n, skip, &out));
    assert_string_equal(buf_str(&out), wanted);
    buf_release(&out);
}

/* What is out after each token, with '|' between; then the rest. */
static void stream(const struct made *m, const int32_t *ids, size_t n, const char *wanted) {
    struct buf out = {0};
    struct detokenizer d = {0};
    for (size_t i = 0; i < n; i++) {
        assert_ok(decoder_push(&m->decoder, &m->vocab, &d, ids[i], false, &out));
        assert_ok(buf_putc(&out, '|'));
        assert_in_range(d.n_pending, 0, 3);
    }
    assert_ok(detokenizer_end(&d, &out));
    assert_int_equal(d.n_pending, 0);
    assert_string_equal(buf_str(&out), wanted);
    buf_release(&out);
}

#define WHOLE(m, skip, wanted, ...)                                                                \
    whole(m, (const int32_t[]){__VA_ARGS__}, sizeof((const int32_t[]){__VA_ARGS__}) / 4, skip,     \
          wanted)
#define STREAM(m, wanted, ...)                                                                     \
    stream(m, (const int32_t[]){__VA_ARGS__}, sizeof((const int32_t[]){__VA_ARGS__}) / 4, wanted)

/* spellings of F0 9F 98 80, of E0, of " a", "<s>", a token outside the alphabet */
static const char *const byte_tokens[] = {"\xC3\xB0",
                                          "\xC4\xA8\xC4\xBA",
                                          "\xC4\xA2",
                                          "\xC3\xA0",
                                          "\xC4\xA0"
                                          "a",
                                          "<s>",
                                          "\xE4\xB8\xAD",
                                          NULL};

static void bytes_join_before_they_become_characters(void **state) {
    (void)state;
    struct made m;
    begin(&m, true, byte_tokens);
    m.vocab.flags[5] |= VOCAB_SPECIAL;
    WHOLE(&m, false, " a<s> a", 4, 5, 4);
    WHOLE(&m, true, " a a", 4, 5, 4);
    WHOLE(&m, false, " a a", 4, 99, -1, 7, 4); /* ids without a token */
    WHOLE(&m, false, "\xE4\xB8\xAD a", 6, 4);
    WHOLE(&m, false, MISSING " a", 3, 4);
    WHOLE(&m, false, MISSING MISSING, 0, 3);
    whole(&m, NULL, 0, false, "");
    vocab_release(&m.vocab);
}

static void a_stream_holds_back_partial_characters(void **state) {
    (void)state;
    struct made m;
    begin(&m, true, byte_tokens);
    STREAM(&m, " a| a|", 4, 4);
    STREAM(&m, "|" MISSING "|" MISSING " a|", 0, 3, 4);
    STREAM(&m, "||" MISSING, 99, 3);
    vocab_release(&m.vocab);
}

static void a_character_in_four_tokens_comes_out_once(void **state) {
    (void)state;
    struct made m;
    /* F0 = U+00F0, 9F = U+0141, 98 = U+013A, 80 = U+0122 */
    begin(&m, true,
          (const char *const[]){"\xC3\xB0", "\xC5\x81", "\xC4\xBA", "\xC4\xA2", "x", NULL});
    WHOLE(&m, false, "\xF0\x9F\x98\x80", 0, 1, 2, 3);
    STREAM(&m, "|||\xF0\x9F\x98\x80|x|", 0, 1, 2, 3, 4);
    STREAM(&m, "|||" MISSING "x|", 0, 1, 2, 4); /* one maximal part, one replacement */
    STREAM(&m, "||" MISSING, 0, 1);
    STREAM(&m, MISSING "|" MISSING "|", 1, 1);
    vocab_release(&m.vocab);
}

static const char *const fallback_tokens[] = {"_a",     "<0xC3>", "<0xA9>", "b_",
                                              "<0xE0>", "<0x41>", "_",      NULL};

static void a_run_of_byte_tokens_is_text_or_one_mark_a_byte(void **state) {
    (void)state;
    struct made m;
    begin(&m, false, fallback_tokens);
    WHOLE(&m, false,
          " a\xC3\xA9"
          "b ",
          0, 1, 2, 3);
    WHOLE(&m, false, " a" MISSING MISSING MISSING "b ", 0, 1, 2, 4, 3); /* the whole run is lost */
    WHOLE(&m, false, MISSING, 1);
    WHOLE(&m, false, "A", 5);
    vocab_release(&m.vocab);
}

static void a_stream_keeps_what_was_whole(void **state) {
    (void)state;
    struct made m;
    begin(&m, false, fallback_tokens);
    STREAM(&m, " a||\xC3\xA9|b |", 0, 1, 2, 3);
    STREAM(&m, "||\xC3\xA9||" MISSING "b |", 99, 1, 2, 4, 3);
    STREAM(&m, "|" MISSING "A|", 1, 5);
    STREAM(&m, "||" MISSING MISSING, 4, 2); /* could go on until the end; then a mark a byte */
    vocab_release(&m.vocab);
}

static void strips_one_space_at_the_beginning(void **state) {
    (void)state;
    struct made m;
    begin(&m, false, fallback_tokens);
    m.decoder.strip[0] = ' ';
    m.decoder.strip_len = 1;
    WHOLE(&m, false, "a a", 0, 0);
    STREAM(&m, "a| a|", 0, 0);
    WHOLE(&m, false, "  ", 6, 6, 6);
    STREAM(&m, "| | |", 6, 6, 6);
    WHOLE(&m, false, "A a", 5, 0);
    STREAM(&m, "A| a|", 5, 0);
    vocab_release(&m.vocab);
}

static void metaspace_drops_the_marks_of_the_first_token(void **state) {
    (void)state;
    struct made m;
    begin(&m, false, fallback_tokens);
    m.decoder.byte_fallback = false;
    m.decoder.metaspace = m.decoder.metaspace_drop_first = true;
    WHOLE(&m, false, "a a", 0, 0);
    STREAM(&m, "a| a|", 0, 0);
    WHOLE(&m, false, " a", 6, 0);
    STREAM(&m, "| a|", 6, 0);
    m.decoder.metaspace_drop_first = false;
    WHOLE(&m, false, " a a", 0, 0);
    vocab_release(&m.vocab);
}

static karma_status attempt(void *ctx) {
    const struct made *m = ctx;
    struct buf out = {0};
    const int32_t ids[] = {0, 1, 2, 3};
    karma_status st = decoder_decode(&m->decoder, &m->vocab, ids, 4, false, &out);
    struct detokenizer d = {0};
    for (int i = 0; st == KARMA_OK && i < 4; i++)
        st = decoder_push(&m->decoder, &m->vocab, &d, ids[i], false, &out);
    buf_release(&out);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    struct made m;
    begin(&m, false, fallback_tokens);
    assert_true(for_each_failing_allocation(attempt, &m) >= 4);
    vocab_release(&m.vocab);
}

static void wordpieces_join_and_are_tidied_one_by_one(void **state) {
    (void)state;
    static const char *const tokens[] = {"do",  "##not", "not",   ".",  "'",      "##x",
                                         "##.", "n't",   "a , b", "##", "do not", NULL};
    struct made m;
    begin(&m, false, tokens);
    m.decoder =
        (struct decoder){.wordpiece = true, .cleanup = true, .prefix = "##", .prefix_len = 2};
    WHOLE(&m, false, "donot not.", 0, 1, 2, 3);
    WHOLE(&m, false, "##x.x", 5, 3, 5);
    WHOLE(&m, false, "do ' not", 0, 4, 2); /* the quote's spaces are in two tokens */
    WHOLE(&m, false, "don't a, b don't", 0, 7, 8, 10);
    STREAM(&m, "do|n't| a, b| don't|", 0, 7, 8, 10);
    m.decoder.cleanup = false;
    WHOLE(&m, false, "do . n't", 0, 3, 7);
    vocab_release(&m.vocab);
}

static void without_a_decoder_tokens_stand_between_spaces(void **state) {
    (void)state;
    static const char *const tokens[] = {"a", "b", NULL};
    struct made m;
    begin(&m, false, tokens);
    m.decoder = (struct decoder){.spaced = true};
    m.vocab.flags[0] |= VOCAB_SPECIAL;
    WHOLE(&m, false, "a b a", 0, 1, 0);
    WHOLE(&m, true, "b b", 0, 1, 1);
    STREAM(&m, "a| b| a|", 0, 1, 0);
    vocab_release(&m.vocab);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(bytes_join_before_they_become_characters),
        test_case(a_stream_holds_back_partial_characters),
        test_case(a_character_in_four_tokens_comes_out_once),
        test_case(a_run_of_byte_tokens_is_text_or_one_mark_a_byte),
        test_case(a_stream_keeps_what_was_whole),
        test_case(strips_one_space_at_the_beginning),
        test_case(metaspace_drops_the_marks_of_the_first_token),
        test_case(survives_every_failing_allocation),
        test_case(wordpieces_join_and_are_tidied_one_by_one),
        test_case(without_a_decoder_tokens_stand_between_spaces),
    };
    return run_group("text/decoder", tests);
}
