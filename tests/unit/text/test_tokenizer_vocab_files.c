/* test_tokenizer_vocab_files.c - vocab.txt, and vocab.json with merges.txt; what the files leave
 * open as the reference's classes have it. */
#include "base/json.h"
#include "tests/support/test.h"
#include "tests/support/tokenizers.h"
#include "text/tokenizer.h"

#define TXT "[PAD]\n[UNK]\n[CLS]\r\n[SEP] \n[MASK]\nun\n##able\n\nA\na\nx\xE3\x80\x80\n##\xCC\x81"

static karma_status from_txt(const char *txt, size_t len, const char *config,
                             struct tokenizer **out) {
    struct arena a = {0};
    const struct json *tree = NULL;
    karma_status st = config ? json_parse(&a, config, strlen(config), 0, &tree) : KARMA_OK;
    *out = NULL;
    if (st == KARMA_OK) st = tokenizer_from_vocab_txt(txt, len, tree, "vocab.txt", out);
    arena_release(&a); /* nothing is lent from the config */
    return st;
}

static void encodes(const char *config, const char *text, const char *wanted) {
    const struct encode_options o = {.add_special_tokens = true};
    struct tokenizer *t;
    assert_ok(from_txt(TXT, sizeof(TXT) - 1, config, &t));
    assert_pieces(t, text, &o, wanted);
    tokenizer_destroy(t);
}

static void a_vocab_txt_is_berts(void **state) {
    (void)state;
    encodes(NULL, "Unable A x", "[CLS]|un|##able|a|x|[SEP]");
    encodes("{}", "a\xCC\x81[MASK] zz", "[CLS]|a|[MASK]|[UNK]|[SEP]");
    encodes("{\"do_lower_case\":false}", "A a\xCC\x81", "[CLS]|A|a|##\xCC\x81|[SEP]");
    encodes("{\"do_lower_case\":false,\"strip_accents\":true}", "A\xCC\x81", "[CLS]|A|[SEP]");
    struct tokenizer *t;
    size_t len;
    assert_ok(from_txt(TXT, sizeof(TXT) - 1, NULL, &t));
    assert_int_equal(tokenizer_vocab_size(t), 12);
    assert_int_equal(tokenizer_find(t, "A", 1), 8); /* the empty line counts */
    assert_null(tokenizer_token(t, 7, &len));
    assert_true(tokenizer_is_special(t, 4));
    assert_false(tokenizer_is_special(t, 5));
    assert_int_equal(tokenizer_special_count(t), 2);
    tokenizer_destroy(t);
}

static void special_tokens_come_from_the_config(void **state) {
    (void)state;
    encodes("{\"cls_token\":\"<c>\",\"sep_token\":{\"content\":\"a\",\"lstrip\":true}}", "un",
            "<c>|un|a");
    encodes("{\"added_tokens_decoder\":{\"5\":{\"content\":\"un\",\"special\":true},"
            "\"13\":{\"content\":\"<n>\",\"rstrip\":true}}}",
            "x<n> x", "[CLS]|x|<n>|x|[SEP]");
    struct tokenizer *t;
    assert_status(from_txt(TXT, sizeof(TXT) - 1, "{\"sep_token\":null}", &t), KARMA_E_MISSING);
    assert_message_contains("vocab.txt: sep_token");
    assert_status(from_txt(TXT, sizeof(TXT) - 1, "{\"do_lower_case\":3}", &t), KARMA_E_TYPE);
    assert_message_contains("do_lower_case");
    assert_status(from_txt("a\xFF", 2, NULL, &t), KARMA_E_ENCODING);
    assert_status(from_txt("", 0, NULL, &t), KARMA_E_MISSING);
    assert_status(from_txt("\n\n", 2, NULL, &t), KARMA_E_MISSING);
}

#define VOCAB  "{\"a\":0,\"b\":1,\"ab\":2,\"\\u0120\":3,\"\\u0120a\":4,\"1\":5}"
#define MERGES "#version: 0.2\na b\r\n\xC4\xA0 a\n"

static karma_status from_merges(const char *vocab, const char *merges, const char *pre,
                                const char *config, struct tokenizer **out) {
    struct arena a = {0};
    const struct json *tree = NULL;
    karma_status st = config ? json_parse(&a, config, strlen(config), 0, &tree) : KARMA_OK;
    *out = NULL;
    if (st == KARMA_OK)
        st = tokenizer_from_vocab_merges(vocab, strlen(vocab), merges, strlen(merges), pre, tree,
                                         out);
    arena_release(&a);
    return st;
}

static void merges(const char *pre, const char *config, const char *text, const char *wanted) {
    const struct encode_options o = {.add_special_tokens = true};
    struct tokenizer *t;
    assert_ok(from_merges(VOCAB, MERGES, pre, config, &t));
    assert_pieces(t, text, &o, wanted);
    tokenizer_destroy(t);
}

static void vocab_and_merges_are_a_byte_level_bpe(void **state) {
    (void)state;
    merges("qwen2", NULL, "ab a<|endoftext|>",
           "ab|\xC4\xA0"
           "a|<|endoftext|>");
    merges("gpt-2", NULL, "ab a",
           "ab|\xC4\xA0"
           "a");
    merges("gpt-2", "{\"add_bos_token\":true,\"add_prefix_space\":true}", "a",
           "<|endoftext|>|\xC4\xA0"
           "a");
    merges("gpt-2", "{\"tokenizer_class\":\"RobertaTokenizer\"}", "ab<mask>", "<s>|ab|<mask>|</s>");
    merges(NULL, "{\"tokenizer_class\":\"Qwen2TokenizerFast\"}", "a<|endoftext|>",
           "a|<|endoftext|>");
    merges("llama-bpe", "{\"bos_token\":\"<b>\",\"add_bos_token\":true}", "ab", "<b>|ab");
    merges("qwen2",
           "{\"added_tokens_decoder\":{\"9\":{\"content\":\"<x>\",\"special\":true}},"
           "\"eos_token\":\"<x>\",\"additional_special_tokens\":[\"<y>\"]}",
           "a<x><y>", "a|<x>|<y>");
}

static void names_the_file_and_the_line(void **state) {
    (void)state;
    struct tokenizer *t;
    assert_status(from_merges("[]", MERGES, "qwen2", NULL, &t), KARMA_E_TYPE);
    assert_message_contains("vocab.json: expected an object");
    assert_status(from_merges(VOCAB " 3", MERGES, "qwen2", NULL, &t), KARMA_E_SYNTAX);
    assert_status(from_merges(VOCAB, "a b\na b c\n", "qwen2", NULL, &t), KARMA_E_SYNTAX);
    assert_message_contains("merges.txt: line 2");
    assert_status(from_merges(VOCAB, "a b\nb a\n", "qwen2", NULL, &t), KARMA_E_MISSING);
    assert_message_contains("merges.txt: in lines 1 to 3");
    assert_status(from_merges(VOCAB, "a \xFF", "qwen2", NULL, &t), KARMA_E_ENCODING);
    assert_status(from_merges(VOCAB, MERGES, "odd", NULL, &t), KARMA_E_UNSUPPORTED);
    assert_message_contains("pre-tokenizer 'odd'");
    assert_status(from_merges(VOCAB, MERGES, NULL, NULL, &t), KARMA_E_UNSUPPORTED);
    assert_message_contains("tokenizer_class ''");
    assert_status(from_merges(VOCAB, MERGES, "qwen2", "{\"add_prefix_space\":true}", &t),
                  KARMA_E_UNSUPPORTED);
    assert_status(from_merges(VOCAB, MERGES, "qwen2", "{\"add_bos_token\":true}", &t),
                  KARMA_E_MISSING);
    assert_message_contains("bos_token");
    assert_status(from_merges(VOCAB, MERGES, "qwen2", "{\"added_tokens_decoder\":{\"1\":{}}}", &t),
                  KARMA_E_MISSING);
    assert_message_contains("added_tokens_decoder: 1");
}

static karma_status attempt(void *ctx) {
    struct tokenizer *t;
    karma_status st = ctx ? from_txt(TXT, sizeof(TXT) - 1, "{\"cls_token\":\"<c>\"}", &t)
                          : from_merges(VOCAB, MERGES, "qwen2", "{\"bos_token\":\"<b>\"}", &t);
    tokenizer_destroy(t);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(attempt, NULL) > 10);
    assert_true(for_each_failing_allocation(attempt, &(int){1}) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(a_vocab_txt_is_berts),
        test_case(special_tokens_come_from_the_config),
        test_case(vocab_and_merges_are_a_byte_level_bpe),
        test_case(names_the_file_and_the_line),
        test_case(survives_every_failing_allocation),
    };
    return run_group("text/tokenizer_vocab_files", tests);
}
