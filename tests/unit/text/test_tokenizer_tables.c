/* test_tokenizer_tables.c - the arrays of a container; golden/test_tokenizers.c has whole ones. */
#include "karma/log.h"
#include "tests/support/test.h"
#include "tests/support/tokenizers.h"

enum { MAX = 300 };

struct arrays {
    struct tokenizer_tables in;
    const char *tokens[MAX], *merges[MAX];
    size_t token_lens[MAX], merge_lens[MAX];
    int32_t types[MAX];
    float scores[MAX];
    char names[256][8];
};

static void token(struct arrays *a, const char *text, int32_t type, float score) {
    int32_t id = a->in.n_tokens++;
    a->tokens[id] = text;
    a->token_lens[id] = strlen(text);
    a->types[id] = type;
    a->scores[id] = score;
}

static void merge(struct arrays *a, const char *text) {
    a->merges[a->in.n_merges] = text;
    a->merge_lens[a->in.n_merges++] = strlen(text);
}

static void begin(struct arrays *a, const char *model, const char *pre) {
    memset(a, 0, sizeof(*a));
    a->in = (struct tokenizer_tables){.model = model,
                                      .pre = pre,
                                      .tokens = a->tokens,
                                      .token_lens = a->token_lens,
                                      .token_types = a->types,
                                      .scores = a->scores,
                                      .merges = a->merges,
                                      .merge_lens = a->merge_lens,
                                      .bos = -1,
                                      .eos = -1,
                                      .unk = -1};
}

static void begin_gpt2(struct arrays *a, const char *pre) {
    static const char *const plain[] = {"a", "b", "\xC4\xA0", "1", "2", "ab", "\xC3\xA1"};
    begin(a, "gpt2", pre);
    for (int i = 0; i < 7; i++)
        token(a, plain[i], 1, 0);
    token(a, "<|end|>", 3, 0);
    token(a, "  ", 4, 0);
    token(a, "[PAD9]", 5, 0);
    merge(a, "a b");
}

static void begin_llama(struct arrays *a) {
    begin(a, "llama", "default");
    token(a, "<s>", 3, -1000);
    for (int i = 0; i < 256; i++) {
        snprintf(a->names[i], sizeof(a->names[i]), "<0x%02X>", (unsigned)i);
        token(a, a->names[i], 6, 0);
    }
    token(a, "a", 1, -1); /* 257 */
    token(a, "b", 1, -2);
    token(a, "ab", 1, -9);
    token(a, "ba", 1, -3);
    token(a, "\xE2\x96\x81", 1, -4); /* 261 */
    token(a,
          "\xE2\x96\x81"
          "a",
          1, -5);
    token(a, "  ", 4, -1000); /* 263: two U+2581, as the converter writes them */
    a->in.bos = 0;
}

static struct tokenizer *load(const struct arrays *a) {
    struct tokenizer *t;
    assert_ok(tokenizer_from_tables(&a->in, &t));
    return t;
}

static void fails(const struct arrays *a, karma_status st, const char *message) {
    struct tokenizer *t;
    assert_status(tokenizer_from_tables(&a->in, &t), st);
    assert_null(t);
    assert_message_contains("tokenizer: ");
    assert_message_contains(message);
}

static void byte_level_arrays_by_the_name_of_their_pattern(void **state) {
    (void)state;
    struct arrays a;
    static const char *const names[] = {"qwen2", "llama-bpe", "gpt-2", "smollm"};
    for (int i = 0; i < 4; i++) {
        begin_gpt2(&a, names[i]);
        struct tokenizer *t = load(&a);
        assert_pieces(t, "ab 12<|end|>", NULL, "ab|\xC4\xA0|1|2|<|end|>");
        assert_ids(t, "a  b", "0 8 1"); /* user-defined tokens are cut out of the text */
        assert_int_equal(tokenizer_vocab_size(t), 9); /* the padding is no token */
        assert_true(tokenizer_is_special(t, 7));
        assert_false(tokenizer_is_special(t, 8));
        tokenizer_destroy(t);
    }
    begin_gpt2(&a, "qwen35");
    fails(&a, KARMA_E_UNSUPPORTED, "pre-tokenizer 'qwen35'");
    a.in.pre = NULL;
    fails(&a, KARMA_E_MISSING, "no pre-tokenizer name");
}

static void normal_form_is_the_callers_word(void **state) {
    (void)state;
    struct arrays a;
    begin_gpt2(&a, "qwen2");
    token(&a, "\xC2\xA9", 1, 0); /* 10: byte A9 */
    token(&a, "\xC3\x83", 1, 0); /* 11: byte C3 */
    struct tokenizer *t = load(&a);
    assert_ids(t, "e\xCC\x81", ""); /* no tokens for e, CC, 81 */
    tokenizer_destroy(t);
    a.in.nfc = true;
    t = load(&a);
    assert_ids(t, "e\xCC\x81", "11 10");
    tokenizer_destroy(t);
}

static void warn(void *ctx, karma_log_level level, const char *line) {
    (void)level;
    snprintf(ctx, 200, "%s", line);
}

static void bad_merges_are_left_out_with_a_warning(void **state) {
    (void)state;
    struct arrays a;
    char line[200] = "";
    begin_gpt2(&a, "gpt-2");
    merge(&a, "a x");
    merge(&a, "ab");
    merge(&a, "\xFF b");
    merge(&a, "");
    karma_set_log(warn, line);
    struct tokenizer *t = load(&a);
    karma_set_log(NULL, NULL);
    assert_non_null(strstr(line, "4 of 5 merges"));
    assert_ids(t, "ab", "5");
    tokenizer_destroy(t);
}

static void scores_order_the_merges(void **state) {
    (void)state;
    struct arrays a;
    begin_llama(&a);
    a.in.add_bos = true;
    struct tokenizer *t = load(&a);
    const struct encode_options o = {.add_special_tokens = true};
    assert_pieces(t, "aba b", &o, "<s>|a|ba|\xE2\x96\x81|b"); /* ba scores higher than ab */
    assert_ids(t, " a", "262");
    assert_ids(t, "a  b", "257 263 258");
    assert_ids(t, "\xE2\x96\x81\xE2\x96\x81", "263");
    assert_ids(t, "\xC3\xA9<s>", "196 170 0"); /* bytes C3, A9 */
    struct buf out = {0};
    const int32_t ids[] = {262, 263, 196, 170};
    assert_ok(tokenizer_decode(t, ids, 4, false, &out));
    assert_string_equal(buf_str(&out), " a  \xC3\xA9");
    buf_release(&out);
    tokenizer_destroy(t);
}

static void a_space_in_front_is_put_in_and_taken_away(void **state) {
    (void)state;
    struct arrays a;
    begin_llama(&a);
    a.in.add_space_prefix = true;
    struct tokenizer *t = load(&a);
    assert_ids(t, "a", "262");
    struct buf out = {0};
    const int32_t ids[] = {262, 262};
    assert_ok(tokenizer_decode(t, ids, 2, false, &out));
    assert_string_equal(buf_str(&out), "a a");
    buf_release(&out);
    tokenizer_destroy(t);
}

static void a_text_given_twice_keeps_its_lowest_id(void **state) {
    (void)state;
    struct arrays a;
    begin_llama(&a);
    token(&a, "ba", 1, 5);
    token(&a, "<s>", 3, 0);
    struct tokenizer *t = load(&a);
    assert_ids(t, "ba<s>", "260 0");
    tokenizer_destroy(t);
}

static void rejects_what_does_not_fit(void **state) {
    (void)state;
    struct arrays a;
    begin_gpt2(&a, "gpt-2");
    a.in.model = "rwkv";
    fails(&a, KARMA_E_UNSUPPORTED, "model 'rwkv'");
    a.in.model = NULL;
    fails(&a, KARMA_E_UNSUPPORTED, "(null)");
    begin_gpt2(&a, "gpt-2");
    a.in.n_tokens = 0;
    fails(&a, KARMA_E_RANGE, "0 tokens");
    begin_gpt2(&a, "gpt-2");
    a.in.bos = 10;
    fails(&a, KARMA_E_RANGE, "bos token id 10");
    a.in.bos = 9;
    a.in.add_bos = true;
    fails(&a, KARMA_E_RANGE, "unused token");
    a.in.bos = -1;
    fails(&a, KARMA_E_MISSING, "add_bos");
    begin_gpt2(&a, "gpt-2");
    a.types[3] = 7;
    fails(&a, KARMA_E_RANGE, "token 3: type 7");
    begin_gpt2(&a, "gpt-2");
    a.tokens[1] = "\xFF";
    fails(&a, KARMA_E_ENCODING, "token 1");
    begin_llama(&a);
    a.in.scores = NULL;
    fails(&a, KARMA_E_MISSING, "no scores");
    begin_llama(&a);
    a.scores[5] = (float)(0.0 / 0.0 * (a.scores[5] + 1));
    fails(&a, KARMA_E_NONFINITE, "score of token 5");
    begin_llama(&a);
    a.tokens[7] = "c";
    a.token_lens[7] = 1;
    fails(&a, KARMA_E_MISSING, "<0x06>");
}

/* As the converter spells [CLS] [SEP] [UNK] iron ##ter lung ##s * <x> [unused1] ##, in brackets
 * bare as the oldest do. */
static void begin_bert(struct arrays *a) {
    static const char *const pieces[] = {
        "\xE2\x96\x81iron", "ter", "\xE2\x96\x81lung", "s", "\xE2\x96\x81*",
    };
    begin(a, "bert", "default");
    token(a, "[CLS]", 3, 0);
    token(a, "[SEP]", 3, 0);
    token(a, "[UNK]", 3, 0);
    for (int i = 0; i < 5; i++)
        token(a, pieces[i], 1, 0);
    token(a, "\xE2\x96\x81<x>", 4, 0); /* 8 */
    token(a, "[unused1]", 1, 0);
    token(a, "[PAD10]", 5, 0);
    token(a, "", 1, 0);
    a->in.bos = 0;
    a->in.eos = 1;
    a->in.add_bos = a->in.add_eos = true;
}

static void converted_wordpieces_are_spelled_back(void **state) {
    (void)state;
    struct arrays a;
    const struct encode_options whole = {.add_special_tokens = true};
    const int32_t ids[] = {3, 4, 6, 5};
    struct buf text = {0};
    size_t len;
    begin_bert(&a);
    struct tokenizer *t = load(&a);
    assert_pieces(t, "Irons LUNG*", &whole, "[CLS]|iron|##s|lung|*|[SEP]");
    assert_ids(t, "ironter ter \xC3\x8Dron <x>[SEP] iron\xE5\xBF\x83", "3 4 2 3 8 1 3 2");
    assert_true(tokenizer_is_special(t, 0));
    assert_false(tokenizer_is_special(t, 8));
    assert_memory_equal(tokenizer_token(t, 9, &len), "[unused1]", 9);
    assert_int_equal(len, 9);
    assert_memory_equal(tokenizer_token(t, 11, &len), "##", 2);
    assert_int_equal(len, 2);
    assert_null(tokenizer_token(t, 10, &len));
    assert_ok(tokenizer_decode(t, ids, 4, false, &text));
    assert_string_equal(buf_str(&text), "ironters lung");
    buf_release(&text);
    tokenizer_destroy(t);
    a.in.unk = 5; /* rather than the one of that name */
    t = load(&a);
    assert_ids(t, "q", "5");
    tokenizer_destroy(t);
    a.in.eos = 12;
    fails(&a, KARMA_E_RANGE, "eos token id 12");
}

static void a_vocabulary_with_all_capitals_is_cased(void **state) {
    (void)state;
    struct arrays a;
    char capitals[26][5];
    begin_bert(&a);
    for (int i = 0; i < 26; i++) {
        snprintf(capitals[i], sizeof(capitals[i]), "\xE2\x96\x81%c", 'A' + i);
        if (i < 25) token(&a, capitals[i], 1, 0);
    }
    struct tokenizer *t = load(&a);
    assert_ids(t, "A IRON", "2 3");
    tokenizer_destroy(t);
    token(&a, capitals[25], 1, 0);
    t = load(&a);
    assert_ids(t, "A IRON Z iron \xC3\xADron", "12 2 37 3 2");
    tokenizer_destroy(t);
    a.in.lowercase = FLAG_YES; /* what the file says counts first */
    t = load(&a);
    assert_ids(t, "A IRON Z iron \xC3\xADron", "2 3 2 3 3");
    tokenizer_destroy(t);
    a.in.strip_accents = FLAG_NO;
    t = load(&a);
    assert_ids(t, "IRON \xC3\xADron", "3 2");
    tokenizer_destroy(t);
    a.in.lowercase = FLAG_NO;
    a.in.strip_accents = FLAG_YES;
    t = load(&a);
    assert_ids(t, "IRON \xC3\xADron", "2 3");
    tokenizer_destroy(t);
}

static karma_status attempt(void *ctx) {
    const struct arrays *a = ctx;
    struct tokenizer *t = NULL;
    karma_status st = tokenizer_from_tables(&a->in, &t);
    tokenizer_destroy(t);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    struct arrays a;
    begin_llama(&a);
    assert_true(for_each_failing_allocation(attempt, &a) > 10);
    begin_gpt2(&a, "smollm");
    assert_true(for_each_failing_allocation(attempt, &a) > 8);
    begin_bert(&a);
    assert_true(for_each_failing_allocation(attempt, &a) > 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(byte_level_arrays_by_the_name_of_their_pattern),
        test_case(normal_form_is_the_callers_word),
        test_case(bad_merges_are_left_out_with_a_warning),
        test_case(scores_order_the_merges),
        test_case(a_space_in_front_is_put_in_and_taken_away),
        test_case(a_text_given_twice_keeps_its_lowest_id),
        test_case(converted_wordpieces_are_spelled_back),
        test_case(a_vocabulary_with_all_capitals_is_cased),
        test_case(rejects_what_does_not_fit),
        test_case(survives_every_failing_allocation),
    };
    return run_group("text/tokenizer_tables", tests);
}
