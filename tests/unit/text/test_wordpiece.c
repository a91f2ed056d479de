/* test_wordpiece.c - the longest piece first, and words that do not work out. */
#include "text/wordpiece.h"

#include "tests/support/test.h"

struct made {
    struct vocab vocab;
    struct wordpiece w;
};

static karma_status begin(struct made *m, const char *prefix) {
    static const char *const tokens[] = {
        "[UNK]", "un",   "##aff", "##able",       "affable",        "##a", "a", "##",
        "##f",   "want", "##ed",  "\xE0\xA4\xA8", "##\xE0\xA4\xAF", "aff"};
    memset(m, 0, sizeof(*m));
    m->w = (struct wordpiece){.vocab = &m->vocab,
                              .prefix = prefix,
                              .prefix_len = strlen(prefix),
                              .max_chars = 12,
                              .unk = 0};
    karma_status st = KARMA_OK;
    for (int i = 0; st == KARMA_OK && i < 14; i++)
        st = vocab_add(&m->vocab, i, tokens[i], strlen(tokens[i]));
    if (st == KARMA_OK) st = vocab_index(&m->vocab, VOCAB_REFUSE);
    return st < 0 ? st : wordpiece_finish(&m->w);
}

static void end(struct made *m) {
    wordpiece_release(&m->w);
    vocab_release(&m->vocab);
}

static void check(const struct made *m, const char *text, const char *wanted) {
    struct tokens out = {0};
    char got[200] = "";
    assert_ok(wordpiece_encode(&m->w, text, strlen(text), &out));
    for (size_t i = 0; i < out.count; i++) {
        size_t len, at = strlen(got);
        const char *p = vocab_spelled(&m->vocab, out.ids[i], &len);
        snprintf(got + at, sizeof(got) - at, "%s%.*s", i ? " " : "", (int)len, p);
    }
    assert_string_equal(got, wanted);
    tokens_release(&out);
}

static void takes_the_longest_piece_each_time(void **state) {
    (void)state;
    struct made m;
    assert_ok(begin(&m, "##"));
    check(&m, "unaffable", "un ##aff ##able");
    check(&m, "affable", "affable");
    check(&m, "wanted", "want ##ed");
    check(&m, "unaf", "un ##a ##f");
    check(&m, "\xE0\xA4\xA8\xE0\xA4\xAF", "\xE0\xA4\xA8 ##\xE0\xA4\xAF");
    check(&m, "##a", "##a"); /* a word may begin with what is a continuation elsewhere */
    check(&m, "", "");
    end(&m);
}

static void one_piece_that_fails_makes_the_whole_word_unknown(void **state) {
    (void)state;
    struct made m;
    assert_ok(begin(&m, "##"));
    check(&m, "unaffx", "[UNK]");
    check(&m, "x", "[UNK]");
    check(&m, "a##", "[UNK]"); /* the bare prefix continues nothing */
    end(&m);
}

static void counts_characters_and_not_bytes_of_long_words(void **state) {
    (void)state;
    struct made m;
    char text[64] = "\xE0\xA4\xA8";
    for (int i = 0; i < 11; i++)
        strcat(text, "\xE0\xA4\xAF");
    assert_ok(begin(&m, "##"));
    struct tokens out = {0};
    assert_ok(wordpiece_encode(&m.w, text, strlen(text), &out));
    assert_int_equal(out.count, 12);
    tokens_release(&out);
    strcat(text, "\xE0\xA4\xAF");
    check(&m, text, "[UNK]");
    end(&m);
}

static void without_an_unknown_token_such_a_word_fails(void **state) {
    (void)state;
    struct made m;
    struct tokens out = {0};
    assert_ok(begin(&m, "##"));
    m.w.unk = -1;
    check(&m, "want", "want");
    assert_status(wordpiece_encode(&m.w, "wantx", 5, &out), KARMA_E_MISSING);
    assert_int_equal(out.count, 0);
    tokens_release(&out);
    end(&m);
}

static void an_empty_prefix_continues_with_whole_tokens(void **state) {
    (void)state;
    struct made m;
    assert_ok(begin(&m, ""));
    check(&m, "wantaff", "want aff");
    end(&m);
}

static karma_status attempt(void *ctx) {
    struct made m;
    struct tokens out = {0};
    (void)ctx;
    karma_status st = begin(&m, "##");
    if (st == KARMA_OK) st = wordpiece_encode(&m.w, "unaffable", 9, &out);
    tokens_release(&out);
    end(&m);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(attempt, NULL) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(takes_the_longest_piece_each_time),
        test_case(one_piece_that_fails_makes_the_whole_word_unknown),
        test_case(counts_characters_and_not_bytes_of_long_words),
        test_case(without_an_unknown_token_such_a_word_fails),
        test_case(an_empty_prefix_continues_with_whole_tokens),
        test_case(survives_every_failing_allocation),
    };
    return run_group("text/wordpiece", tests);
}
