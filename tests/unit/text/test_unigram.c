/* test_unigram.c - the best cut, ties, unknown characters, and scores as the reference reads them.
 */
#include "text/unigram.h"

#include "tests/support/test.h"

struct piece {
    const char *text;
    double score;
};

struct made {
    struct vocab vocab;
    struct unigram u;
};

static karma_status begin(struct made *m, const struct piece *pieces, bool byte_fallback) {
    memset(m, 0, sizeof(*m));
    m->u = (struct unigram){.vocab = &m->vocab, .unk = 0, .byte_fallback = byte_fallback};
    karma_status st = KARMA_OK;
    for (int i = 0; st == KARMA_OK && pieces[i].text; i++) {
        st = vocab_add(&m->vocab, i, pieces[i].text, strlen(pieces[i].text));
        if (st == KARMA_OK) st = unigram_push_score(&m->u, pieces[i].score);
    }
    for (int b = 0; st == KARMA_OK && byte_fallback && b < 256; b++) {
        char text[8];
        snprintf(text, sizeof(text), "<0x%02X>", (unsigned)b);
        st = vocab_add(&m->vocab, m->vocab.n_ids, text, 6);
        if (st == KARMA_OK) st = unigram_push_score(&m->u, 0);
    }
    if (st == KARMA_OK) st = vocab_index(&m->vocab, VOCAB_HIGHEST_ID);
    return st < 0 ? st : unigram_finish(&m->u);
}

static void end(struct made *m) {
    unigram_release(&m->u);
    vocab_release(&m->vocab);
}

static void check(const struct made *m, const char *text, const char *wanted) {
    struct unigram_scratch s = {0};
    struct tokens out = {0};
    char got[200] = "";
    assert_ok(unigram_encode(&m->u, &s, text, strlen(text), &out));
    for (size_t i = 0; i < out.count; i++) {
        size_t len, at = strlen(got);
        const char *p = vocab_spelled(&m->vocab, out.ids[i], &len);
        snprintf(got + at, sizeof(got) - at, "%s%.*s", i ? " " : "", (int)len, p);
    }
    assert_string_equal(got, wanted);
    tokens_release(&out);
    unigram_scratch_release(&s);
}

static const struct piece letters[] = {{"<unk>", 0}, {"a", 0},  {"b", 0},  {"c", 0},
                                       {"d", 0},     {"cd", 1}, {"ab", 2}, {"abc", 5},
                                       {"abcd", 10}, {NULL, 0}};

static void the_highest_sum_wins(void **state) {
    (void)state;
    struct made m;
    assert_ok(begin(&m, letters, false));
    check(&m, "abcd", "abcd");
    check(&m, "abcc", "abc c");
    check(&m, "cdab", "cd ab");
    check(&m, "", "");
    end(&m);
}

static void unknown_characters_that_touch_are_one_token(void **state) {
    (void)state;
    struct made m;
    assert_ok(begin(&m, letters, false));
    check(&m, "abcdacdxx", "abcd a cd <unk>");
    check(&m, "xaxx", "<unk> a <unk>");
    check(&m, "\xE0\xA4\xA8x", "<unk>");
    check(&m, "a<unk>x", "a <unk>"); /* its own spelling counts as unknown too */
    end(&m);
}

/* Of two equal sums the one found first stays: the reference replaces only what is less. */
static void the_first_of_equal_sums_stays(void **state) {
    (void)state;
    static const struct piece pieces[] = {{"<unk>", 0}, {"a", -1},  {"b", -1},   {"c", -1},
                                          {"ab", -2},   {"bc", -2}, {"abc", -3}, {NULL, 0}};
    struct made m;
    assert_ok(begin(&m, pieces, false));
    check(&m, "ab", "ab");
    check(&m, "abc", "abc");
    check(&m, "bc", "bc");
    end(&m);
}

static void a_run_of_unknown_characters_may_be_a_token(void **state) {
    (void)state;
    /* unk costs min - 10 = 20 each: two of them beat "xy" */
    static const struct piece pieces[] = {{"<unk>", 30}, {"xy", 30}, {"z", 31}, {NULL, 0}};
    struct made m;
    assert_ok(begin(&m, pieces, false));
    check(&m, "xyz", "xy z");
    end(&m);
}

static void bytes_stand_for_unknown_characters(void **state) {
    (void)state;
    struct made m;
    assert_ok(begin(&m, letters, true));
    check(&m, "a\xC3\xA9x", "a <0xC3> <0xA9> <0x78>");
    m.u.byte_ids[0xA9] = -1; /* one byte without a token: unknown as a whole */
    check(&m, "a\xC3\xA9", "a <unk>");
    end(&m);
}

static void the_last_of_equal_texts_has_the_id_and_the_score(void **state) {
    (void)state;
    static const struct piece pieces[] = {{"<unk>", 0}, {"a", 5},  {"b", 0},
                                          {"ab", 1},    {"a", -9}, {NULL, 0}};
    struct made m;
    struct unigram_scratch s = {0};
    struct tokens out = {0};
    assert_ok(begin(&m, pieces, false));
    check(&m, "ab", "ab");
    assert_ok(unigram_encode(&m.u, &s, "a", 1, &out));
    assert_int_equal(out.ids[0], 4);
    tokens_release(&out);
    unigram_scratch_release(&s);
    end(&m);
}

static void without_an_unknown_token_such_a_text_fails(void **state) {
    (void)state;
    struct made m;
    struct unigram_scratch s = {0};
    struct tokens out = {0};
    assert_ok(begin(&m, letters, false));
    m.u.unk = -1;
    check(&m, "abcd", "abcd");
    assert_status(unigram_encode(&m.u, &s, "ax", 2, &out), KARMA_E_MISSING);
    tokens_release(&out);
    unigram_scratch_release(&s);
    end(&m);
    memset(&m, 0, sizeof(m));
    m.u.vocab = &m.vocab;
    m.u.unk = 3;
    assert_status(unigram_finish(&m.u), KARMA_E_RANGE);
}

static void a_long_text_takes_time_in_proportion(void **state) {
    (void)state;
    enum { N = 200000 };
    struct made m;
    struct unigram_scratch s = {0};
    struct tokens out = {0};
    char *text = mem_alloc(N);
    assert_non_null(text);
    for (int i = 0; i < N; i++)
        text[i] = "abcd"[i % 4];
    assert_ok(begin(&m, letters, false));
    assert_ok(unigram_encode(&m.u, &s, text, N, &out));
    assert_int_equal(out.count, N / 4);
    assert_true(s.n_steps <= 5 * (uint64_t)N);
    mem_free(text);
    tokens_release(&out);
    unigram_scratch_release(&s);
    end(&m);
}

/* Values that the reference's reader gives, which are not the nearest doubles for the first two. */
static void reads_scores_as_the_reference_does(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
    } cases[] = {{"-13.529800415039062", -13529800415039062.0 / 1e15},
                 {"-2.0000000000000001234", -2000000000000000012.0 / 1e18},
                 {"0", 0},
                 {"-0.0", -0.0},
                 {"-3", -3},
                 {"1e3", 1000},
                 {"2.5E-3", 25.0 / 1e4},
                 {"-1.5e+2", -150},
                 {"123456789012345678901234567890", 12345678901234567890.0 * 1e10},
                 {"1e-400", 0},
                 {"0e999999", 0},
                 {"5e-324,", 5e-324}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double v = 7;
        assert_true(unigram_parse_score(cases[i].text, strlen(cases[i].text), &v));
        if (memcmp(&v, &cases[i].value, sizeof(v)) != 0)
            print_error("%s: %.17g\n", cases[i].text, v);
        assert_memory_equal(&v, &cases[i].value, sizeof(v));
    }
    double v;
    assert_false(unigram_parse_score("1e309", 5, &v));
    assert_false(unigram_parse_score("9e999999999999", 14, &v));
}

static karma_status attempt(void *ctx) {
    struct made m;
    struct unigram_scratch s = {0};
    struct tokens out = {0};
    (void)ctx;
    karma_status st = begin(&m, letters, true);
    if (st == KARMA_OK) st = unigram_encode(&m.u, &s, "abxcd", 5, &out);
    tokens_release(&out);
    unigram_scratch_release(&s);
    end(&m);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(attempt, NULL) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(the_highest_sum_wins),
        test_case(unknown_characters_that_touch_are_one_token),
        test_case(the_first_of_equal_sums_stays),
        test_case(a_run_of_unknown_characters_may_be_a_token),
        test_case(bytes_stand_for_unknown_characters),
        test_case(the_last_of_equal_texts_has_the_id_and_the_score),
        test_case(without_an_unknown_token_such_a_text_fails),
        test_case(a_long_text_takes_time_in_proportion),
        test_case(reads_scores_as_the_reference_does),
        test_case(survives_every_failing_allocation),
    };
    return run_group("text/unigram", tests);
}
