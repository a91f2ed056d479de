/* test_tokenizer.c - the whole pipeline: options, spans, invalid input, sizes. */
#include "text/tokenizer.h"

#include <pthread.h>

#include "tests/support/test.h"
#include "tests/support/tokenizers.h"

#define SPECIAL(id, text)                                                                          \
    "{\"id\":" #id ",\"content\":\"" text "\",\"special\":true,\"normalized\":false}"
#define PLAIN(id, text) "{\"id\":" #id ",\"content\":\"" text "\",\"normalized\":false}"

static void looks_up_both_ways(void **state) {
    (void)state;
    struct tokenizer *t = tiny_tokenizer(SPECIAL(300, "<s>") "," PLAIN(256, "ab"));
    size_t len;
    assert_int_equal(tokenizer_vocab_size(t), 301);
    assert_int_equal(tokenizer_find(t, "<s>", 3), 300);
    assert_int_equal(tokenizer_find(t, "low", 3), 259);
    assert_int_equal(tokenizer_find(t, "\xC4\xA0", 2), ' ');
    assert_int_equal(tokenizer_find(t, "lowest", 6), -1);
    assert_int_equal(tokenizer_find(t, "\xC4", 1), -1);
    assert_string_equal(tokenizer_token(t, 300, &len), "<s>");
    assert_memory_equal(tokenizer_token(t, ' ', &len), "\xC4\xA0", 2);
    assert_int_equal(len, 2);
    assert_null(tokenizer_token(t, 299, &len)); /* a hole */
    assert_null(tokenizer_token(t, -1, &len));
    assert_null(tokenizer_token(t, 301, &len));
    assert_true(tokenizer_is_special(t, 300));
    assert_false(tokenizer_is_special(t, 256));
    assert_false(tokenizer_is_special(t, 5000));
    assert_pieces(t, "ab<s>c", NULL, "ab|<s>|c");
    tokenizer_destroy(t);
}

static void invalid_utf8_is_replaced_part_by_part(void **state) {
    (void)state;
    struct tokenizer *t = tiny_tokenizer(NULL);
    assert_ids(t,
               "a\xFF"
               "b",
               "97 239 191 189 98");
    assert_ids(t, "\xE0\xA4", "239 191 189"); /* cut short: one part */
    assert_ids(t, "\xC0\xAF", "239 191 189 239 191 189");
    test_ids(t, "a\0b", 3, NULL, "97 0 98", __FILE__, __LINE__);
    assert_ids(t, "", "");
    tokenizer_destroy(t);
}

static size_t special_in(const struct tokenizer *t, const char *text, struct encode_options o,
                         const char *wanted) {
    struct tokens ids = {0};
    size_t n = 99;
    assert_ok(tokenizer_encode(t, text, strlen(text), &o, &ids, &n));
    tokens_release(&ids);
    test_pieces(t, text, strlen(text), &o, wanted, __FILE__, __LINE__);
    return n;
}

static void special_tokens_inside_data_are_text(void **state) {
    (void)state;
    struct tokenizer *t = tiny_tokenizer(SPECIAL(300, "<s>") "," PLAIN(301, "<n>"));
    const struct text_span data[] = {{3, 9}};
    struct encode_options o = {.plain_spans = data, .n_plain_spans = 1};
    const char *text = "<s><s><n><s>";
    assert_int_equal(special_in(t, text, o, "<s>|<|s|>|<n>|<s>"), 1);
    o.count_only = true;
    assert_int_equal(special_in(t, text, o, "<s>|<s>|<n>|<s>"), 1);
    assert_int_equal(special_in(t, text, (struct encode_options){0}, "<s>|<s>|<n>|<s>"), 0);
    /* a token that data and template make together is no token */
    const struct text_span half[] = {{0, 1}};
    o = (struct encode_options){.plain_spans = half, .n_plain_spans = 1};
    assert_int_equal(special_in(t, "<s>", o, "<|s|>"), 1);
    tokenizer_destroy(t);
}

static void words_run_across_the_borders_of_data(void **state) {
    (void)state;
    struct tokenizer *t = tiny_tokenizer(SPECIAL(300, "<s>"));
    const struct text_span data[] = {{1, 2}};
    const struct encode_options o = {.plain_spans = data, .n_plain_spans = 1};
    assert_int_equal(special_in(t, "low abc", o, "low|\xC4\xA0|abc"), 0);
    tokenizer_destroy(t);
}

static void spans_move_with_what_is_replaced(void **state) {
    (void)state;
    struct tokenizer *t = tiny_tokenizer(SPECIAL(300, "<s>"));
    /* bytes: FF <s> FF <s>; the second <s> is data */
    const struct text_span data[] = {{4, 8}, {8, 100}};
    struct encode_options o = {.plain_spans = data, .n_plain_spans = 1};
    struct tokens ids = {0};
    size_t n;
    assert_ok(tokenizer_encode(t, "\xFF<s>\xFF<s>", 8, &o, &ids, &n));
    assert_int_equal(n, 1);
    assert_int_equal(ids.count, 3 + 1 + 3 + 3);
    assert_int_equal(ids.ids[3], 300);
    o.n_plain_spans = 2; /* one that begins at the end */
    ids.count = 0;
    assert_ok(tokenizer_encode(t, "\xFF<s>\xFF<s>", 8, &o, &ids, &n));
    assert_int_equal(ids.count, 10);
    tokens_release(&ids);
    tokenizer_destroy(t);
}

static void normalised_special_tokens_obey_spans_too(void **state) {
    (void)state;
    const char *json =
        tiny_json("{\"id\":300,\"content\":\"<s>\",\"special\":true,\"normalized\":true}");
    const char *null = strstr(json, "\"normalizer\":null") + strlen("\"normalizer\":");
    struct buf file = {0};
    struct tokenizer *t;
    assert_ok(buf_append(&file, json, (size_t)(null - json)));
    assert_ok(buf_puts(&file, "{\"type\":\"NFC\"}"));
    assert_ok(buf_puts(&file, null + 4));
    assert_ok(tokenizer_from_json(file.data, file.len, "nfc", &t));
    const struct text_span data[] = {{3, 6}}, late[] = {{9, 12}};
    struct encode_options o = {.plain_spans = data, .n_plain_spans = 1};
    assert_int_equal(special_in(t, "<s><s>", o, "<s>|<|s|>"), 1);
    /* where normalising changed the text, spans cannot be traced: all of the gap is plain */
    assert_int_equal(special_in(t, "<s><s>e\xCC\x81", o, "<|s|>|<|s|>|\xC3\x83|\xC2\xA9"), 2);
    o.plain_spans = late;
    assert_int_equal(special_in(t, "<s>e\xCC\x81", o, "<s>|\xC3\x83|\xC2\xA9"), 0);
    tokenizer_destroy(t);
    buf_release(&file);
}

static void special_tokens_go_around_the_text(void **state) {
    (void)state;
    struct tokenizer *t = fixture_tokenizer("gemma");
    const struct encode_options o = {.add_special_tokens = true};
    assert_pieces(t, "", &o, "<bos>");
    assert_pieces(t, "<bos>", &o, "<bos>|<bos>"); /* as in the reference */
    tokenizer_destroy(t);
}

static void ids_are_appended_and_a_failure_takes_them_back(void **state) {
    (void)state;
    struct tokenizer *t = tiny_tokenizer(NULL);
    struct tokens ids = {0};
    char text[400];
    memset(text, 'a', sizeof(text));
    assert_ok(tokens_push(&ids, 7));
    assert_ok(tokenizer_encode(t, "low", 3, NULL, &ids, NULL));
    assert_int_equal(ids.count, 2);
    mem_fail_at(2); /* the scratch of a long word; the list has grown by then */
    assert_status(tokenizer_encode(t, text, sizeof(text), NULL, &ids, NULL), KARMA_E_NOMEM);
    mem_fail_at(0);
    assert_int_equal(ids.count, 2);
    assert_int_equal(ids.ids[1], 259);
    tokens_release(&ids);
    tokenizer_destroy(t);
}

static karma_status encode_and_decode(void *ctx) {
    struct tokens ids = {0};
    struct buf out = {0};
    static const struct text_span data[] = {{2, 4}};
    const struct encode_options o = {
        .add_special_tokens = true, .plain_spans = data, .n_plain_spans = 1};
    const char *text = "e\xCC\x81 <eos> \xFF the the the the the the the the the the the patient";
    karma_status st = tokenizer_encode(ctx, text, strlen(text), &o, &ids, NULL);
    if (st == KARMA_OK) st = tokenizer_decode(ctx, ids.ids, ids.count, true, &out);
    tokens_release(&ids);
    buf_release(&out);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    static const char *const names[] = {"qwen", "gemma", "smollm"};
    for (int i = 0; i < 3; i++) {
        struct tokenizer *t = fixture_tokenizer(names[i]);
        assert_true(for_each_failing_allocation(encode_and_decode, t) >= 3);
        tokenizer_destroy(t);
    }
}

#ifdef __SANITIZE_ADDRESS__
enum { N = 1 << 17 }; /* it slows the heap of a long word tenfold */
#else
enum { N = 1 << 20 };
#endif

static void *encode_on_a_small_stack(void *ctx) {
    static const char *const units[] = {"a",
                                        " ",
                                        "\n",
                                        "1",
                                        "!",
                                        "\xE4\xB8\xAD",
                                        "\xE0\xA4\xA8",
                                        "\xCC\x81",
                                        "\xF0\x9F\x91\xA8\xE2\x80\x8D",
                                        "a \n1!"};
    char *text = mem_alloc(N);
    for (size_t i = 0; text && i < sizeof(units) / sizeof(units[0]); i++) {
        size_t unit = strlen(units[i]), len = N / unit * unit;
        struct tokens ids = {0};
        struct buf out = {0};
        for (size_t at = 0; at < len; at += unit)
            memcpy(text + at, units[i], unit);
        karma_status st = tokenizer_encode(ctx, text, len, NULL, &ids, NULL);
        if (st == KARMA_OK) st = tokenizer_decode(ctx, ids.ids, ids.count, false, &out);
        bool same = st == KARMA_OK && out.len == len && memcmp(out.data, text, len) == 0;
        tokens_release(&ids);
        buf_release(&out);
        if (!same) {
            mem_free(text);
            return "differs";
        }
    }
    mem_free(text);
    return text ? NULL : "no memory";
}

/* One unit over and over, a megabyte: nothing recurses with the text or takes its square. */
static void a_megabyte_of_one_character_fits_a_small_stack(void **state) {
    (void)state;
    static const char *const names[] = {"llama3", "gemma"};
    for (int i = 0; i < 2; i++) {
        struct tokenizer *t = fixture_tokenizer(names[i]);
        pthread_attr_t attr;
        pthread_t thread;
        void *problem;
        assert_int_equal(pthread_attr_init(&attr), 0);
        assert_int_equal(pthread_attr_setstacksize(&attr, 256 * 1024), 0);
        assert_int_equal(pthread_create(&thread, &attr, encode_on_a_small_stack, t), 0);
        assert_int_equal(pthread_join(thread, &problem), 0);
        pthread_attr_destroy(&attr);
        assert_null(problem);
        tokenizer_destroy(t);
    }
}

static void *encode_often(void *ctx) {
    struct tokens ids = {0};
    uintptr_t bad = 0;
    for (int i = 0; i < 200; i++) {
        ids.count = 0;
        if (tokenizer_encode(ctx, "low abc lo", 10, NULL, &ids, NULL) < 0 || ids.count != 5) bad++;
    }
    tokens_release(&ids);
    return (void *)bad;
}

static void threads_share_a_tokenizer(void **state) {
    (void)state;
    struct tokenizer *t = tiny_tokenizer(NULL);
    pthread_t threads[4];
    void *bad;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, encode_often, t), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &bad), 0);
        assert_null(bad);
    }
    tokenizer_destroy(t);
}

static void refuses_a_text_that_cannot_be_counted(void **state) {
    (void)state;
    struct tokenizer *t = tiny_tokenizer(NULL);
    struct tokens ids = {0};
    assert_status(tokenizer_encode(t, "", (size_t)INT32_MAX + 1, NULL, &ids, NULL), KARMA_E_LIMIT);
    tokens_release(&ids);
    tokenizer_destroy(t);
}

#define AROUND                                                                                     \
    "{\"decoder\":null,\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},\"post_processor\":{"      \
    "\"type\":\"BertProcessing\",\"cls\":[\"[\",0],\"sep\":[\"]\",1]},\"truncation\":{\"max_"      \
    "length\":3},"                                                                                 \
    "\"padding\":{\"strategy\":{\"Fixed\":9}},\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"?" \
    "\","                                                                                          \
    "\"vocab\":{\"[\":0,\"]\":1,\"a\":2,\"b\":3,\"c\":4,\"?\":5}}}"

static void cuts_to(const struct tokenizer *t, const char *text, size_t max, bool left,
                    const char *wanted, bool is_cut) {
    struct tokens ids = {0};
    char got[100] = "";
    bool cut = !is_cut;
    assert_ok(tokens_push(&ids, 99)); /* what was there stays */
    assert_ok(tokenizer_encode_truncated(t, text, strlen(text), max, left, &ids, &cut));
    assert_int_equal(ids.ids[0], 99);
    for (size_t i = 1; i < ids.count; i++)
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%d", i > 1 ? " " : "",
                 ids.ids[i]);
    assert_string_equal(got, wanted);
    assert_int_equal(cut, is_cut);
    tokens_release(&ids);
}

static void cuts_the_text_and_never_what_goes_around_it(void **state) {
    (void)state;
    struct tokenizer *t;
    struct tokens ids = {0};
    assert_ok(tokenizer_from_json(AROUND, strlen(AROUND), "file", &t));
    assert_int_equal(tokenizer_special_count(t), 2);
    assert_ids(t, "a b c d", "2 3 4 5"); /* truncation and padding of the file do nothing */
    cuts_to(t, "a b c d", 6, false, "0 2 3 4 5 1", false);
    cuts_to(t, "a b c d", 5, false, "0 2 3 4 1", true);
    cuts_to(t, "a b c d", 5, true, "0 3 4 5 1", true);
    cuts_to(t, "a b c d", 3, true, "0 5 1", true);
    cuts_to(t, "a b c d", 2, false, "0 1", true);
    cuts_to(t, "", 2, false, "0 1", false);
    assert_status(tokenizer_encode_truncated(t, "a", 1, 1, false, &ids, NULL), KARMA_E_LIMIT);
    assert_message_contains("max_length 1, and 2 special tokens");
    assert_int_equal(ids.count, 0);
    tokenizer_destroy(t);
}

static void a_word_without_a_token_needs_an_unknown_one(void **state) {
    (void)state;
    static const char json[] = "{\"decoder\":null,\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},"
                               "\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0}}}";
    struct tokenizer *t;
    struct tokens ids = {0};
    assert_ok(tokenizer_from_json(json, strlen(json), "file", &t));
    assert_ids(t, "a a", "0 0");
    assert_status(tokenizer_encode(t, "a b", 3, NULL, &ids, NULL), KARMA_E_MISSING);
    assert_int_equal(ids.count, 0);
    tokens_release(&ids);
    tokenizer_destroy(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(looks_up_both_ways),
        test_case(invalid_utf8_is_replaced_part_by_part),
        test_case(special_tokens_inside_data_are_text),
        test_case(words_run_across_the_borders_of_data),
        test_case(spans_move_with_what_is_replaced),
        test_case(normalised_special_tokens_obey_spans_too),
        test_case(special_tokens_go_around_the_text),
        test_case(ids_are_appended_and_a_failure_takes_them_back),
        test_case(survives_every_failing_allocation),
        test_case(a_megabyte_of_one_character_fits_a_small_stack),
        test_case(threads_share_a_tokenizer),
        test_case(refuses_a_text_that_cannot_be_counted),
        test_case(cuts_the_text_and_never_what_goes_around_it),
        test_case(a_word_without_a_token_needs_an_unknown_one),
    };
    return run_group("text/tokenizer", tests);
}
