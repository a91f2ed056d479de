/* test_vocab.c */
#include "text/vocab.h"

#include "tests/support/test.h"

static karma_status add(struct vocab *v, int64_t id, const char *text) {
    return vocab_add(v, id, text, strlen(text));
}

static int32_t find(const struct vocab *v, const char *text) {
    return vocab_find(v, text, strlen(text));
}

static void finds_every_text_among_many(void **state) {
    (void)state;
    enum { N = 20000 };
    struct vocab v = {0};
    struct vocab_text many[VOCAB_BATCH];
    char names[VOCAB_BATCH][40], name[40];
    struct vocab_batch found;
    for (int i = 0; i < N; i++) {
        int len = snprintf(name, sizeof(name), "t%d%s", i * 7, i % 3 ? "" : "xxxxxxxxxxxxxxxxxx");
        assert_ok(vocab_add(&v, N - 1 - i, name, (size_t)len));
    }
    assert_ok(vocab_index(&v, VOCAB_REFUSE));
    for (int i = 0; i < N; i += VOCAB_BATCH) {
        for (int k = 0; k < VOCAB_BATCH; k++) {
            int len = snprintf(names[k], sizeof(names[k]), "t%d%s", (i + k) * 7,
                               (i + k) % 3 ? "" : "xxxxxxxxxxxxxxxxxx");
            many[k] = (struct vocab_text){names[k], (size_t)len};
        }
        vocab_find_many(&v, many, VOCAB_BATCH, &found);
        for (int k = 0; k < VOCAB_BATCH && i + k < N; k++) {
            assert_int_equal(found.ids[k], N - 1 - i - k);
            assert_int_equal(find(&v, names[k]), found.ids[k]);
            assert_int_equal(found.raw[k].len, many[k].len);
            assert_memory_equal(found.raw[k].text, names[k], many[k].len);
        }
    }
    assert_int_equal(find(&v, "t1"), -1);
    assert_int_equal(find(&v, ""), -1);
    vocab_release(&v);
}

static void byte_level_texts_are_found_by_bytes_and_by_spelling(void **state) {
    (void)state;
    struct vocab v = {.byte_level = true};
    size_t len;
    assert_ok(add(&v, 0, "\xC4\xA0the"));  /* U+0120: " the" */
    assert_ok(add(&v, 1, "\xE4\xB8\xAD")); /* no byte is spelled so: it stands for itself */
    assert_ok(add(&v, 2, "\xC3\xA9"));     /* spells the byte E9 */
    assert_ok(vocab_index(&v, VOCAB_REFUSE));
    assert_int_equal(vocab_find_raw(&v, " the", 4), 0);
    assert_int_equal(find(&v, "\xC4\xA0the"), 0);
    assert_int_equal(vocab_find_raw(&v, "\xE4\xB8\xAD", 3), -1); /* no text encodes to it */
    assert_int_equal(find(&v, "\xE4\xB8\xAD"), 1);
    assert_true(vocab_is_odd(&v, 1));
    assert_memory_equal(vocab_raw(&v, 1, &len), "\xE4\xB8\xAD", 3);
    assert_int_equal(len, 3);
    assert_int_equal(vocab_find_raw(&v, "\xE9", 1), 2);
    const struct vocab_text texts[] = {{"\xE4\xB8\xAD", 3}, {"\xC4\xA0the", 5}, {"no", 2}};
    struct vocab_batch found;
    vocab_find_many(&v, texts, 3, &found);
    assert_int_equal(found.ids[0], 1);
    assert_int_equal(found.ids[1], 0);
    assert_int_equal(found.ids[2], -1);
    assert_memory_equal(found.raw[0].text, "\xE4\xB8\xAD", 3);
    assert_int_equal(found.raw[1].len, 4);
    assert_memory_equal(found.raw[1].text, " the", 4);
    vocab_release(&v);
}

static void holes_are_valid_and_have_no_text(void **state) {
    (void)state;
    struct vocab v = {0};
    assert_ok(add(&v, 5, "a"));
    assert_int_equal(v.n_ids, 6);
    assert_false(vocab_has(&v, 4));
    assert_true(vocab_has(&v, 5));
    assert_false(vocab_has(&v, 6));
    assert_false(vocab_has(&v, -1));
    vocab_release(&v);
}

static void rejects_ids_and_texts_that_cannot_be(void **state) {
    (void)state;
    struct vocab v = {0};
    char *longest = calloc(1, VOCAB_MAX_TEXT + 1);
    memset(longest, 'a', VOCAB_MAX_TEXT + 1);
    assert_status(add(&v, -1, "a"), KARMA_E_RANGE);
    assert_status(add(&v, VOCAB_MAX_IDS, "a"), KARMA_E_RANGE);
    assert_status(add(&v, INT64_MAX, "a"), KARMA_E_RANGE);
    assert_status(add(&v, 0, ""), KARMA_E_SYNTAX);
    assert_status(vocab_add(&v, 0, longest, VOCAB_MAX_TEXT + 1), KARMA_E_LIMIT);
    assert_ok(vocab_add(&v, 1, longest, VOCAB_MAX_TEXT));
    assert_ok(add(&v, 0, "a"));
    assert_status(add(&v, 0, "b"), KARMA_E_DUPLICATE);
    assert_message_contains("'a' and 'b'");
    assert_ok(vocab_index(&v, VOCAB_REFUSE));
    assert_int_equal(vocab_find(&v, longest, VOCAB_MAX_TEXT), 1);
    vocab_release(&v);
    free(longest);
}

static void a_text_given_twice_is_refused_or_keeps_its_lowest_id(void **state) {
    (void)state;
    struct vocab v = {0}, w = {0};
    assert_ok(add(&v, 3, "a"));
    assert_ok(add(&v, 1, "a"));
    assert_status(vocab_index(&v, VOCAB_REFUSE), KARMA_E_DUPLICATE);
    assert_message_contains("token 'a' has ids 1 and 3");
    vocab_release(&v);
    assert_ok(add(&w, 3, "a"));
    assert_ok(add(&w, 1, "a"));
    assert_ok(vocab_index(&w, VOCAB_LOWEST_ID));
    assert_int_equal(find(&w, "a"), 1);
    vocab_release(&w);
}

static karma_status build(void *ctx) {
    (void)ctx;
    struct vocab v = {0};
    karma_status st = KARMA_OK;
    for (int i = 0; st == KARMA_OK && i < 5000; i++) {
        char name[16];
        st = vocab_add(&v, i, name, (size_t)snprintf(name, sizeof(name), "%d", i));
    }
    if (st == KARMA_OK) st = vocab_index(&v, VOCAB_REFUSE);
    vocab_release(&v);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(build, NULL) >= 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(finds_every_text_among_many),
        test_case(byte_level_texts_are_found_by_bytes_and_by_spelling),
        test_case(holes_are_valid_and_have_no_text),
        test_case(rejects_ids_and_texts_that_cannot_be),
        test_case(a_text_given_twice_is_refused_or_keeps_its_lowest_id),
        test_case(survives_every_failing_allocation),
    };
    return run_group("text/vocab", tests);
}
