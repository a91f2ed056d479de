/* test_trie.c - walks down the tree of bytes. */
#include "text/trie.h"

#include "tests/support/test.h"

static const char *const words[] = {"a", "ab", "abcd", "b", "\xE0\xA4\xA8", "\xE0\xA4\xAF", "ab"};
enum { N_WORDS = 7 };

static karma_status build(struct trie *t) {
    struct trie_key keys[N_WORDS];
    for (int32_t i = 0; i < N_WORDS; i++)
        keys[i] = (struct trie_key){words[i], (uint32_t)strlen(words[i]), i};
    return trie_build(t, keys, N_WORDS);
}

/* Value of exactly this text; -1: none; -2: nothing begins with it. */
static int32_t value(const struct trie *t, const char *text) {
    uint32_t node = 0;
    for (; *text; text++) {
        node = trie_step(t, node, (unsigned char)*text);
        if (node == 0) return -2;
    }
    return t->values[node];
}

static void finds_every_text_and_nothing_else(void **state) {
    (void)state;
    struct trie t;
    assert_ok(build(&t));
    assert_int_equal(value(&t, "a"), 0);
    assert_int_equal(value(&t, "abcd"), 2);
    assert_int_equal(value(&t, "b"), 3);
    assert_int_equal(value(&t, words[4]), 4);
    assert_int_equal(value(&t, words[5]), 5);
    assert_int_equal(value(&t, "abc"), -1);
    assert_int_equal(value(&t, "\xE0\xA4"), -1);
    assert_int_equal(value(&t, "c"), -2);
    assert_int_equal(value(&t, "abcde"), -2);
    trie_release(&t);
}

static void the_highest_value_of_equal_texts_counts(void **state) {
    (void)state;
    struct trie t;
    assert_ok(build(&t));
    assert_int_equal(value(&t, "ab"), 6);
    trie_release(&t);
}

static void an_empty_text_is_no_text(void **state) {
    (void)state;
    struct trie t;
    struct trie_key keys[] = {{"", 0, 7}, {"x", 1, 8}};
    assert_ok(trie_build(&t, keys, 2));
    assert_int_equal(value(&t, ""), -1);
    assert_int_equal(value(&t, "x"), 8);
    trie_release(&t);
    assert_ok(trie_build(&t, keys, 0));
    assert_int_equal(value(&t, "x"), -2);
    trie_release(&t);
}

/* Ranges of every size, so that both ways of sorting are used. */
static void holds_many_texts(void **state) {
    (void)state;
    enum { N = 20000 };
    static char text[N][8];
    struct trie_key *keys = mem_calloc(N, sizeof(*keys));
    struct trie t;
    assert_non_null(keys);
    for (int32_t i = 0; i < N; i++) {
        snprintf(text[i], sizeof(text[i]), "%x", (unsigned)(i * 7919 % N));
        keys[i] = (struct trie_key){text[i], (uint32_t)strlen(text[i]), i};
    }
    assert_ok(trie_build(&t, keys, N));
    for (int32_t i = 0; i < N; i++)
        assert_int_equal(value(&t, text[i]), i);
    trie_release(&t);
    mem_free(keys);
}

static karma_status attempt(void *ctx) {
    struct trie t;
    (void)ctx;
    karma_status st = build(&t);
    if (st == KARMA_OK) trie_release(&t);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(attempt, NULL) >= 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(finds_every_text_and_nothing_else),
        test_case(the_highest_value_of_equal_texts_counts),
        test_case(an_empty_text_is_no_text),
        test_case(holds_many_texts),
        test_case(survives_every_failing_allocation),
    };
    return run_group("text/trie", tests);
}
