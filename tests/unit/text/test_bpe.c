/* test_bpe.c - merging, its order, and its work on long words. */
#include "text/bpe.h"

#include "tests/support/test.h"

struct made {
    struct vocab vocab;
    struct bpe bpe;
};

/* A vocabulary over characters: tokens in the order of their ids. */
static void begin(struct made *m, const char *const *tokens) {
    memset(m, 0, sizeof(*m));
    m->bpe.vocab = &m->vocab;
    m->bpe.unk = -1;
    for (int i = 0; tokens[i]; i++)
        assert_ok(vocab_add(&m->vocab, i, tokens[i], strlen(tokens[i])));
    assert_ok(vocab_index(&m->vocab, VOCAB_REFUSE));
}

static karma_status merge(struct made *m, const char *left, const char *right) {
    const struct vocab_text parts[] = {{left, strlen(left)}, {right, strlen(right)}};
    size_t done;
    return bpe_add_merges(&m->bpe, parts, 1, &done);
}

static void end(struct made *m) {
    bpe_release(&m->bpe);
    vocab_release(&m->vocab);
}

static void check(const struct made *m, const char *text, const char *wanted) {
    struct bpe_scratch s = {0};
    struct tokens out = {0};
    char got[400] = "";
    assert_ok(bpe_encode(&m->bpe, &s, text, strlen(text), &out));
    for (size_t i = 0; i < out.count; i++) {
        size_t len;
        const char *p = vocab_spelled(&m->vocab, out.ids[i], &len);
        size_t at = strlen(got);
        snprintf(got + at, sizeof(got) - at, "%s%.*s", i ? "|" : "", (int)len, p);
    }
    assert_string_equal(got, wanted);
    tokens_release(&out);
    bpe_scratch_release(&m->bpe, &s);
    mem_free(*m->bpe.idle); /* some tests go on with other switches */
    *m->bpe.idle = NULL;
}

static void merges_the_lowest_rank_first_and_the_leftmost_of_equals(void **state) {
    (void)state;
    struct made m;
    begin(&m, (const char *const[]){"a", "b", "c", "bc", "ab", "aa", NULL});
    assert_ok(merge(&m, "b", "c"));
    assert_ok(merge(&m, "a", "b"));
    assert_ok(merge(&m, "a", "a"));
    assert_ok(bpe_finish(&m.bpe));
    check(&m, "abc", "a|bc");
    check(&m, "ab", "ab");
    check(&m, "aaa", "aa|a");
    check(&m, "aaaab", "aa|a|ab");
    check(&m, "", "");
    end(&m);
}

static void the_later_of_equal_pairs_counts(void **state) {
    (void)state;
    struct made m;
    begin(&m, (const char *const[]){"a", "b", "c", "ab", "bc", NULL});
    assert_ok(merge(&m, "a", "b"));
    assert_ok(merge(&m, "b", "c"));
    assert_ok(merge(&m, "a", "b"));
    assert_ok(bpe_finish(&m.bpe));
    check(&m, "abc", "a|bc");
    end(&m);
}

static void a_merge_needs_tokens_for_parts_and_product(void **state) {
    (void)state;
    struct made m;
    begin(&m, (const char *const[]){"a", "b", NULL});
    assert_status(merge(&m, "x", "b"), KARMA_E_MISSING);
    assert_message_contains("left part");
    assert_status(merge(&m, "a", "x"), KARMA_E_MISSING);
    assert_message_contains("right part");
    assert_status(merge(&m, "a", "b"), KARMA_E_MISSING);
    assert_message_contains("merge of 'a' and 'b': no token for its product");
    end(&m);
}

static void unknown_characters_become_unk_or_nothing(void **state) {
    (void)state;
    struct made m;
    begin(&m, (const char *const[]){"a", "<unk>", NULL});
    assert_ok(bpe_finish(&m.bpe));
    check(&m, "xayya", "a|a");
    m.bpe.unk = 1;
    check(&m, "xayya", "<unk>|a|<unk>|<unk>|a");
    m.bpe.fuse_unk = true;
    check(&m, "xayya", "<unk>|a|<unk>|a");
    end(&m);
}

static void ignore_merges_takes_a_whole_word_first(void **state) {
    (void)state;
    struct made m;
    begin(&m, (const char *const[]){"a", "b", "ab", "aba", NULL});
    assert_ok(merge(&m, "a", "b"));
    assert_ok(bpe_finish(&m.bpe));
    check(&m, "aba", "ab|a"); /* in the vocabulary, but no merges lead to it */
    check(&m, "aba", "ab|a"); /* and the note that was taken says the same */
    m.bpe.ignore_merges = true;
    check(&m, "aba", "aba");
    check(&m, "abaa", "ab|a|a");
    end(&m);
}

static void byte_fallback_needs_all_its_tokens(void **state) {
    (void)state;
    struct made m;
    begin(&m, (const char *const[]){"a", "<0x00>", NULL});
    m.bpe.byte_fallback = true;
    assert_status(bpe_finish(&m.bpe), KARMA_E_MISSING);
    assert_message_contains("<0x01>");
    end(&m);
}

/* Characters and 256 byte tokens, merges of runs of 'a' up to 16 and of "a b". */
static void begin_fallback(struct made *m) {
    char names[256][8];
    const char *tokens[256 + 10] = {"a", "b", "aa", "aaaa", "aaaaaaaa", "_", "_a", "a_", NULL};
    for (int i = 0; i < 256; i++) {
        snprintf(names[i], sizeof(names[i]), "<0x%02X>", (unsigned)i);
        tokens[8 + i] = names[i];
    }
    tokens[264] = NULL;
    begin(m, tokens);
    m->bpe.byte_fallback = true;
    assert_ok(merge(m, "a", "a"));
    assert_ok(merge(m, "aa", "aa"));
    assert_ok(merge(m, "aaaa", "aaaa"));
    assert_ok(merge(m, "_", "a"));
    assert_ok(merge(m, "a", "_"));
}

static void unknown_characters_fall_back_to_bytes(void **state) {
    (void)state;
    struct made m;
    begin_fallback(&m);
    assert_ok(bpe_finish(&m.bpe));
    check(&m, "a\xC3\xA9\nb", "a|<0xC3>|<0xA9>|<0x0A>|b");
    end(&m);
}

static void cutting_between_characters_changes_nothing(void **state) {
    (void)state;
    struct made m;
    unsigned random = 1;
    begin_fallback(&m);
    assert_ok(bpe_finish(&m.bpe));
    assert_non_null(m.bpe.pairs);
    uint64_t *pairs = m.bpe.pairs;
    for (int round = 0; round < 3000; round++) {
        char text[420];
        size_t len = 0, wanted = random % 400;
        while (len < wanted) {
            random = random * 1103515245u + 12345u;
            text[len++] = "aaaab_xa"[random >> 16 & 7];
        }
        struct bpe_scratch s = {0};
        struct tokens cut = {0}, whole = {0};
        m.bpe.pairs = pairs;
        assert_ok(bpe_encode(&m.bpe, &s, text, len, &cut));
        m.bpe.pairs = NULL;
        assert_ok(bpe_encode(&m.bpe, &s, text, len, &whole));
        assert_int_equal(cut.count, whole.count);
        if (cut.count) assert_memory_equal(cut.ids, whole.ids, cut.count * sizeof(int32_t));
        tokens_release(&cut);
        tokens_release(&whole);
        bpe_scratch_release(&m.bpe, &s);
    }
    m.bpe.pairs = pairs;
    end(&m);
}

static void no_cutting_where_byte_tokens_merge(void **state) {
    (void)state;
    struct made m;
    begin_fallback(&m);
    bpe_release(&m.bpe);
    m.bpe.vocab = &m.vocab;
    m.bpe.byte_fallback = true;
    assert_ok(bpe_push_merge(&m.bpe, 8 + 0xC3, 8 + 0xA9, 4));
    assert_ok(bpe_finish(&m.bpe));
    assert_null(m.bpe.pairs);
    check(&m, "\xC3\xA9", "aaaaaaaa");
    end(&m);
}

/* Pairs looked at for n times the text. */
static uint64_t steps(const struct made *m, const char *unit, size_t n) {
    struct bpe_scratch s = {0};
    struct tokens out = {0};
    size_t len = strlen(unit);
    char *text = malloc(n * len);
    for (size_t i = 0; i < n; i++)
        memcpy(text + i * len, unit, len);
    assert_ok(bpe_encode(&m->bpe, &s, text, n * len, &out));
    uint64_t steps = s.n_steps;
    free(text);
    tokens_release(&out);
    bpe_scratch_release(&m->bpe, &s);
    return steps;
}

static void work_grows_with_the_length_of_a_word_not_its_square(void **state) {
    (void)state;
    static const char *const units[] = {"a", "ab", "aaab", "_a", "\xC3\xA9"};
    struct made m;
    begin_fallback(&m);
    assert_ok(bpe_finish(&m.bpe));
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        uint64_t some = steps(&m, units[i], 1000), many = steps(&m, units[i], 100000);
        assert_true(many <= 101 * some + 1000);
    }
    end(&m);
}

static void short_and_long_words_merge_alike(void **state) {
    (void)state;
    struct made m;
    begin_fallback(&m);
    assert_ok(bpe_finish(&m.bpe));
    for (size_t n = 1; n < 200; n++) { /* the way of merging changes at 96 */
        char text[200];
        struct bpe_scratch s = {0};
        struct tokens out = {0};
        memset(text, 'a', n);
        assert_ok(bpe_encode(&m.bpe, &s, text, n, &out));
        assert_int_equal(out.count, n / 8 + (n & 7) / 4 + (n & 3) / 2 + (n & 1));
        for (size_t i = 0; i < n / 8; i++)
            assert_int_equal(out.ids[i], 4);
        tokens_release(&out);
        bpe_scratch_release(&m.bpe, &s);
    }
    end(&m);
}

/* The rule itself, in quadratic time: the lowest rank, the leftmost of equals, again and again. */
static size_t merge_by_the_rule(const struct bpe *b, int32_t *ids, size_t n) {
    for (;;) {
        size_t at = n, best = b->n_merges;
        for (size_t i = 0; i + 1 < n; i++)
            for (size_t r = 0; r < best; r++)
                if (b->merges[r].left == ids[i] && b->merges[r].right == ids[i + 1]) {
                    best = r;
                    at = i;
                }
        if (at == n) return n;
        ids[at] = b->merges[best].product;
        memmove(ids + at + 1, ids + at + 2, (n - at - 2) * sizeof(*ids));
        n--;
    }
}

static unsigned next_random(unsigned *state) {
    *state = *state * 1103515245u + 12345u;
    return *state >> 8;
}

/* Ranks in no order at all: products may rank before their parts, and pairs that a merge makes
 * before the merge itself. */
static void any_order_of_ranks_merges_by_the_rule(void **state) {
    (void)state;
    enum { LONGEST = 5, N_TOKENS = (1 << (LONGEST + 1)) - 2, N_TEXT = 260 };
    unsigned random = 3;
    char names[N_TOKENS][LONGEST + 1];
    const char *tokens[N_TOKENS + 1] = {NULL};
    int n = 0;
    for (int len = 1; len <= LONGEST; len++)
        for (int bits = 0; bits < 1 << len; bits++, n++) {
            for (int i = 0; i < len; i++)
                names[n][i] = bits >> i & 1 ? 'b' : 'a';
            names[n][len] = 0;
            tokens[n] = names[n];
        }
    for (int round = 0; round < 40; round++) {
        struct made m;
        begin(&m, tokens);
        for (int k = 0; k < 10 + round * 3; k++) {
            char left[LONGEST + 1], right[LONGEST + 1];
            const char *product = names[2 + next_random(&random) % (N_TOKENS - 2)];
            size_t cut = 1 + next_random(&random) % (strlen(product) - 1);
            snprintf(left, sizeof(left), "%.*s", (int)cut, product);
            snprintf(right, sizeof(right), "%s", product + cut);
            assert_ok(merge(&m, left, right)); /* a pair may come twice: the later rank counts */
        }
        for (uint32_t i = 0; i < m.bpe.n_merges; i++) /* the rule takes the first of equal pairs */
            for (uint32_t k = i + 1; k < m.bpe.n_merges; k++)
                if (m.bpe.merges[i].left == m.bpe.merges[k].left &&
                    m.bpe.merges[i].right == m.bpe.merges[k].right)
                    m.bpe.merges[i] = (struct bpe_merge){-2, -2, 0};
        assert_ok(bpe_finish(&m.bpe));
        struct bpe_scratch s = {0};
        for (int texts = 0; texts < 4; texts++) {
            char text[N_TEXT];
            int32_t ids[N_TEXT];
            struct tokens out = {0};
            unsigned runs = next_random(&random) % 3;
            for (int i = 0; i < N_TEXT; i++) {
                text[i] = next_random(&random) % (runs * 6 + 2) ? 'a' : 'b';
                ids[i] = text[i] == 'b';
            }
            size_t wanted = merge_by_the_rule(&m.bpe, ids, N_TEXT);
            assert_ok(bpe_encode(&m.bpe, &s, text, N_TEXT, &out));
            assert_int_equal(out.count, wanted);
            assert_memory_equal(out.ids, ids, wanted * sizeof(*ids));
            out.count = 0;
            assert_ok(bpe_encode(&m.bpe, &s, text, 90, &out)); /* the short way */
            for (int i = 0; i < 90; i++)
                ids[i] = text[i] == 'b';
            assert_int_equal(out.count, merge_by_the_rule(&m.bpe, ids, 90));
            assert_memory_equal(out.ids, ids, out.count * sizeof(*ids));
            for (int turn = 0; turn < 200; turn++) { /* pieces that are remembered, and met again */
                const size_t len = 1 + next_random(&random) % 17, at = next_random(&random) % 8;
                for (size_t i = 0; i < len; i++)
                    ids[i] = text[at + i] == 'b';
                out.count = 0;
                assert_ok(bpe_encode(&m.bpe, &s, text + at, len, &out));
                assert_int_equal(out.count, merge_by_the_rule(&m.bpe, ids, len));
                assert_memory_equal(out.ids, ids, out.count * sizeof(*ids));
            }
            tokens_release(&out);
        }
        bpe_scratch_release(&m.bpe, &s);
        end(&m);
    }
}

static void reads_byte_tokens_as_the_reference_does(void **state) {
    (void)state;
    assert_int_equal(bpe_fallback_byte("<0x0A>", 6), 10);
    assert_int_equal(bpe_fallback_byte("<0xfF>", 6), 255);
    assert_int_equal(bpe_fallback_byte("<0x+A>", 6), 10);
    assert_int_equal(bpe_fallback_byte("<0xG0>", 6), -1);
    assert_int_equal(bpe_fallback_byte("<0x0+>", 6), -1);
    assert_int_equal(bpe_fallback_byte("<0x0A", 5), -1);
    assert_int_equal(bpe_fallback_byte("<0X0A>", 6), -1);
}

static karma_status encode_long(void *ctx) {
    const struct made *m = ctx;
    struct bpe_scratch s = {0};
    struct tokens out = {0};
    char text[500];
    memset(text, 'a', sizeof(text));
    karma_status st = bpe_encode(&m->bpe, &s, text, sizeof(text), &out);
    assert_true(st == KARMA_OK || out.count == 0);
    tokens_release(&out);
    bpe_scratch_release(&m->bpe, &s);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    struct made m;
    begin_fallback(&m);
    assert_ok(bpe_finish(&m.bpe));
    assert_int_equal(for_each_failing_allocation(encode_long, &m), 5);
    end(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(merges_the_lowest_rank_first_and_the_leftmost_of_equals),
        test_case(the_later_of_equal_pairs_counts),
        test_case(a_merge_needs_tokens_for_parts_and_product),
        test_case(unknown_characters_become_unk_or_nothing),
        test_case(ignore_merges_takes_a_whole_word_first),
        test_case(byte_fallback_needs_all_its_tokens),
        test_case(unknown_characters_fall_back_to_bytes),
        test_case(cutting_between_characters_changes_nothing),
        test_case(no_cutting_where_byte_tokens_merge),
        test_case(work_grows_with_the_length_of_a_word_not_its_square),
        test_case(short_and_long_words_merge_alike),
        test_case(any_order_of_ranks_merges_by_the_rule),
        test_case(reads_byte_tokens_as_the_reference_does),
        test_case(survives_every_failing_allocation),
    };
    return run_group("text/bpe", tests);
}
