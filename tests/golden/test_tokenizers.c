/*
 * test_tokenizers.c - the small tokenizers against what the Hugging Face library made of the same
 * texts (tools/fixtures/make_tokenizers.py). tools/compare/tokenizers.py does the same with real
 * files and many megabytes.
 */
#include "base/json.h"
#include "tests/support/test.h"
#include "tests/support/tokenizers.h"

static char *next_line(char **at) {
    char *line = *at, *end = strchr(line, '\n');
    assert_non_null(end);
    *end = 0;
    *at = end + 1;
    return line;
}

static const struct json *string_of(struct arena *a, const char *line) {
    const struct json *s;
    assert_ok(json_parse(a, line, strlen(line), 0, &s));
    assert_true(json_is_string(s));
    return s;
}

static void check_decoding(const struct tokenizer *t, const char *text, size_t len,
                           const struct json *wanted) {
    struct tokens ids = {0};
    struct buf whole = {0}, stream = {0};
    struct detokenizer d = {0};
    assert_ok(tokenizer_encode(t, text, len, NULL, &ids, NULL));
    assert_ok(tokenizer_decode(t, ids.ids, ids.count, false, &whole));
    assert_int_equal(whole.len, wanted->u.string.len);
    assert_memory_equal(buf_str(&whole), wanted->u.string.data, whole.len);
    for (size_t i = 0; i < ids.count; i++)
        assert_ok(detokenizer_push(&d, t, ids.ids[i], false, &stream));
    assert_ok(detokenizer_end(&d, &stream));
    assert_int_equal(stream.len, whole.len);
    assert_memory_equal(buf_str(&stream), buf_str(&whole), whole.len);
    tokens_release(&ids);
    buf_release(&whole);
    buf_release(&stream);
}

static void check_pairs(struct tokenizer *t, const char *name) {
    char path[200];
    snprintf(path, sizeof(path), "tests/fixtures/text/%s.pairs", name);
    char *at = read_fixture(path, NULL);
    const struct encode_options marked = {.add_special_tokens = true};
    struct arena a = {0};
    int n = 0;
    for (; *at; n++) {
        const struct json *text = string_of(&a, next_line(&at));
        const char *data = text->u.string.data;
        size_t len = text->u.string.len;
        test_ids(t, data, len, NULL, next_line(&at), path, 4 * n + n + 2);
        test_ids(t, data, len, &marked, next_line(&at), path, 4 * n + n + 3);
        check_decoding(t, data, len, string_of(&a, next_line(&at)));
        assert_string_equal(next_line(&at), "");
        arena_reset(&a);
    }
    assert_true(n > 100);
    arena_release(&a);
    tokenizer_destroy(t);
}

static void qwens_pattern_with_nfc(void **state) {
    (void)state;
    check_pairs(fixture_tokenizer("qwen"), "qwen");
}

static void llama_3s_pattern_and_every_flag_of_added_tokens(void **state) {
    (void)state;
    check_pairs(fixture_tokenizer("llama3"), "llama3");
}

static void single_digits_then_gpt_2s_pattern_without_some_bytes(void **state) {
    (void)state;
    check_pairs(fixture_tokenizer("smollm"), "smollm");
}

static void gemmas_whole_texts_with_byte_fallback(void **state) {
    (void)state;
    check_pairs(fixture_tokenizer("gemma"), "gemma");
}

static void scores_of_a_container_give_the_published_merges(void **state) {
    (void)state;
    check_pairs(fixture_scores(), "scores");
}

static void wordpiece_behind_berts_normalizer(void **state) {
    (void)state;
    check_pairs(fixture_tokenizer("bert"), "bert");
}

static void unigram_behind_a_map_of_characters(void **state) {
    (void)state;
    check_pairs(fixture_tokenizer("unigram"), "unigram");
}

static void unigram_with_byte_fallback(void **state) {
    (void)state;
    check_pairs(fixture_tokenizer("bytes"), "bytes");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(qwens_pattern_with_nfc),
        test_case(llama_3s_pattern_and_every_flag_of_added_tokens),
        test_case(single_digits_then_gpt_2s_pattern_without_some_bytes),
        test_case(gemmas_whole_texts_with_byte_fallback),
        test_case(scores_of_a_container_give_the_published_merges),
        test_case(wordpiece_behind_berts_normalizer),
        test_case(unigram_behind_a_map_of_characters),
        test_case(unigram_with_byte_fallback),
    };
    return run_group("golden/tokenizers", tests);
}
