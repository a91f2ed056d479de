/* test_tokenizer_components.c - normalizers, pre-tokenizers, decoders and post-processors by name.
 */
#include "tests/support/test.h"
#include "tests/support/tokenizers.h"

/* A file over the characters a b c space _ with one component exchanged. */
static karma_status load(const char *key, const char *value, struct tokenizer **out) {
    static const char *const keys[] = {"normalizer", "pre_tokenizer", "post_processor", "decoder"};
    struct buf file = {0};
    assert_ok(buf_puts(&file, "{"));
    for (int i = 0; i < 4; i++) {
        const char *otherwise = strcmp(keys[i], "decoder") == 0 ? "{\"type\":\"Fuse\"}" : "null";
        assert_ok(buf_printf(&file, "\"%s\":%s,", keys[i],
                             strcmp(keys[i], key) == 0 ? value : otherwise));
    }
    assert_ok(buf_puts(&file,
                       "\"model\":{\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\" \":3,\"_\":4,\"ab\":5},"
                       "\"merges\":[[\"a\",\"b\"]]}}"));
    karma_status st = tokenizer_from_json(file.data, file.len, "file", out);
    buf_release(&file);
    return st;
}

static void encodes(const char *key, const char *value, const char *text, const char *wanted) {
    const struct encode_options o = {.add_special_tokens = true};
    struct tokenizer *t;
    assert_ok(load(key, value, &t));
    assert_pieces(t, text, &o, wanted);
    tokenizer_destroy(t);
}

static void decodes(const char *value, const char *wanted) {
    static const int32_t ids[] = {4, 5, 4, 1};
    struct tokenizer *t;
    struct buf out = {0};
    assert_ok(load("decoder", value, &t));
    assert_ok(tokenizer_decode(t, ids, 4, false, &out));
    assert_string_equal(buf_str(&out), wanted);
    buf_release(&out);
    tokenizer_destroy(t);
}

static void fails(const char *key, const char *value, karma_status st, const char *message) {
    struct tokenizer *t;
    assert_status(load(key, value, &t), st);
    assert_message_contains(key);
    assert_message_contains(message);
}

static void normalizers(void **state) {
    (void)state;
    encodes("normalizer", "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"_\"}",
            "a b", "a|_|b");
    encodes("normalizer",
            "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"_\"},"
            "{\"type\":\"NFKC\"},{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}]}",
            "\xEF\xBD\x81 ", "_|a"); /* full-width a */
    encodes("normalizer",
            "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\"_\"}", "a b   c",
            "a| |b|_|c");
    encodes("normalizer", "{\"type\":\"BertNormalizer\"}", "\xC3\x81\tB\x01", "a| |b");
    encodes("normalizer", "{\"type\":\"BertNormalizer\",\"lowercase\":false,\"clean_text\":false}",
            "aBc", "a|c");
    encodes("normalizer", "{\"type\":\"Lowercase\"}", "ABc", "ab|c");
    encodes("normalizer", "{\"type\":\"StripAccents\"}", "a\xCC\x81", "a");
    encodes("normalizer", "{\"type\":\"Nmt\"}", "a\tb", "a| |b");
    encodes("normalizer", "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAAAA==\"}", "ab",
            "ab");
    fails("normalizer", "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAA\"}",
          KARMA_E_SYNTAX, "precompiled_charsmap: base64");
    fails("normalizer", "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"x+\"},\"content\":\"_\"}",
          KARMA_E_UNSUPPORTED, "Replace pattern 'x+' is not known");
    fails("normalizer", "{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"_\"}",
          KARMA_E_SYNTAX, "empty");
    fails("normalizer", "{\"type\":\"Replace\",\"content\":\"_\"}", KARMA_E_MISSING, "String");
    fails("normalizer", "{\"type\":\"BertNormalizer\",\"lowercase\":1}", KARMA_E_TYPE, "lowercase");
    fails("normalizer", "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Odd\"}]}",
          KARMA_E_UNSUPPORTED, "normalizers[0]: normalizer 'Odd'");
    fails("normalizer", "{\"type\":\"Sequence\"}", KARMA_E_TYPE, "normalizers: expected an array");
    fails("normalizer", "{}", KARMA_E_MISSING, "type");
    fails("normalizer", "7", KARMA_E_TYPE, "expected an object");
}

static void the_first_word_is_known_unless_characters_may_be_dropped(void **state) {
    (void)state;
    struct tokenizer *t;
#define FIRST(normalizer)                                                                          \
    "{\"normalizer\":" normalizer ",\"decoder\":{\"type\":\"Fuse\"},"                              \
    "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\","                             \
    "\"prepend_scheme\":\"first\"},\"model\":{\"vocab\":{\"a\":0,\"_\":1},\"merges\":[]}}"
    const char *json = FIRST("{\"type\":\"Nmt\"}");
    assert_status(tokenizer_from_json(json, strlen(json), "file", &t), KARMA_E_UNSUPPORTED);
    assert_message_contains("prepend_scheme 'first'");
    json = FIRST("{\"type\":\"NFC\"}");
    assert_ok(tokenizer_from_json(json, strlen(json), "file", &t));
    assert_pieces(t, "a a", NULL, "_|a|_|a");
    tokenizer_destroy(t);
}

static void sequences_have_a_depth(void **state) {
    (void)state;
    struct buf nested = {0};
    for (int i = 0; i < 20; i++)
        assert_ok(buf_puts(&nested, "{\"type\":\"Sequence\",\"normalizers\":["));
    for (int i = 0; i < 20; i++)
        assert_ok(buf_puts(&nested, "]}"));
    fails("normalizer", nested.data, KARMA_E_LIMIT, "nested more than 8 deep");
    buf_release(&nested);
}

static void pre_tokenizers(void **state) {
    (void)state;
    encodes("pre_tokenizer",
            "{\"type\":\"Split\",\"pattern\":{\"String\":\"a\"},\"behavior\":\"Isolated\"}", "ab",
            "a|b");
    encodes("pre_tokenizer", "{\"type\":\"WhitespaceSplit\"}", "ab c", "ab|c");
    encodes("pre_tokenizer", "{\"type\":\"Whitespace\"}", "ab c", "ab|c");
    encodes("pre_tokenizer", "{\"type\":\"BertPreTokenizer\"}", "a_b c", "a|_|b|c");
    encodes("pre_tokenizer", "{\"type\":\"Punctuation\",\"behavior\":\"Removed\"}", "a_b c",
            "a|b| |c");
    fails("pre_tokenizer", "{\"type\":\"Punctuation\",\"behavior\":\"Odd\"}", KARMA_E_UNSUPPORTED,
          "split behavior 'Odd'");
    encodes("pre_tokenizer",
            "{\"type\":\"Metaspace\",\"replacement\":\"_\",\"add_prefix_space\":true}", "ab c",
            "_|ab|_|c");
    encodes("pre_tokenizer",
            "{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"first\",\"split\":"
            "false}",
            "ab c", "_|ab|_|c");
    encodes("pre_tokenizer",
            "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"'s|'t|'re|'ve|'m|'ll|'d| ?\\\\p{L}+| "
            "?\\\\p{N}+| "
            "?[^\\\\s\\\\p{L}\\\\p{N}]+|\\\\s+(?!\\\\S)|\\\\s+\"},\"behavior\":\"Removed\","
            "\"invert\":true}",
            "ab c", "ab| |c");
    fails("pre_tokenizer",
          "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\w+\"},\"behavior\":\"Isolated\"}",
          KARMA_E_UNSUPPORTED, "pattern '\\w+' is not known");
    fails("pre_tokenizer",
          "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\w+\"},\"behavior\":\"Removed\"}",
          KARMA_E_UNSUPPORTED, "split behavior with a pattern 'Removed'");
    fails("pre_tokenizer",
          "{\"type\":\"Split\",\"pattern\":{\"String\":\"a\"},\"behavior\":\"Odd\"}",
          KARMA_E_UNSUPPORTED, "split behavior 'Odd'");
    fails("pre_tokenizer",
          "{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"odd\"}",
          KARMA_E_UNSUPPORTED, "prepend_scheme 'odd'");
    fails("pre_tokenizer", "{\"type\":\"UnicodeScripts\"}", KARMA_E_UNSUPPORTED,
          "'UnicodeScripts'");
    fails("pre_tokenizer",
          "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\"},{\"type\":\"Digits\"}"
          "]}",
          KARMA_E_UNSUPPORTED, "pre-tokenizer after ByteLevel 'Digits'");
}

#define STEP_REPLACE    "{\"type\":\"Replace\",\"pattern\":{\"String\":\"_\"},\"content\":\" \"}"
#define STEP_STRIP      "{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}"
#define DECODERS(steps) "{\"type\":\"Sequence\",\"decoders\":[" steps "]}"

static void decoders(void **state) {
    (void)state;
    decodes("{\"type\":\"Fuse\"}", "_ab_b");
    decodes(DECODERS(STEP_REPLACE ",{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}"), " ab b");
    decodes(DECODERS(STEP_REPLACE ",{\"type\":\"Fuse\"}," STEP_STRIP), "ab b");
    decodes("{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"always\"}", "ab b");
    decodes("{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"never\"}", " ab b");
    decodes("null", "_ ab _ b");
    decodes("{\"type\":\"WordPiece\",\"prefix\":\"a\",\"cleanup\":false}", "_b _ b");
    fails("decoder", DECODERS("{\"type\":\"WordPiece\",\"prefix\":\"##\"},{\"type\":\"Fuse\"}"),
          KARMA_E_UNSUPPORTED, "decoder after WordPiece 'Fuse'");
    fails("decoder", "{\"type\":\"CTC\"}", KARMA_E_UNSUPPORTED, "'CTC'");
    fails("decoder", "{\"type\":\"ByteLevel\"}", KARMA_E_UNSUPPORTED,
          "ByteLevel in the decoder only");
    fails("decoder", DECODERS("{\"type\":\"ByteFallback\"}," STEP_REPLACE), KARMA_E_UNSUPPORTED,
          "decoders[1]: decoder (or its place) 'Replace'");
    fails("decoder", DECODERS(STEP_STRIP), KARMA_E_UNSUPPORTED, "'Strip'");
    fails("decoder",
          DECODERS(
              "{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \",\"start\":2,\"stop\":0}"),
          KARMA_E_UNSUPPORTED, "Strip of more than one");
    fails("decoder", "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"x\"},\"content\":\"\"}",
          KARMA_E_UNSUPPORTED, "Replace pattern 'x'");
}

#define SPECIAL(name) "{\"SpecialToken\":{\"id\":\"" name "\",\"type_id\":0}}"
#define TEXT          "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}"
#define TEMPLATE(list)                                                                             \
    "{\"type\":\"TemplateProcessing\",\"single\":[" list "],\"special_tokens\":{"                  \
    "\"x\":{\"id\":\"x\",\"ids\":[2,4],\"tokens\":[]},"                                            \
    "\"bad\":{\"id\":\"bad\",\"ids\":[99]}}}"

static void post_processors(void **state) {
    (void)state;
    encodes("post_processor", TEMPLATE(SPECIAL("x") "," TEXT "," SPECIAL("x")), "a", "c|_|a|c|_");
    encodes("post_processor", TEMPLATE(TEXT), "a", "a");
    encodes("post_processor",
            "{\"type\":\"RobertaProcessing\",\"sep\":[\"b\",1],\"cls\":[\"c\",2]}", "a", "c|a|b");
    encodes("post_processor",
            "{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"}," TEMPLATE(
                SPECIAL("x") "," TEXT) "]}",
            "a", "c|_|a");
    fails("post_processor", TEMPLATE(SPECIAL("x")), KARMA_E_UNSUPPORTED, "the text is not in it");
    fails("post_processor", TEMPLATE(TEXT "," TEXT), KARMA_E_UNSUPPORTED, "single[1]");
    fails("post_processor", TEMPLATE(SPECIAL("y") "," TEXT), KARMA_E_MISSING, "no ids of 'y'");
    fails("post_processor", TEMPLATE(SPECIAL("bad") "," TEXT), KARMA_E_RANGE, "no token has id 99");
    fails("post_processor", "{\"type\":\"TemplateProcessing\",\"single\":\"$A\"}", KARMA_E_TYPE,
          "single: expected an array");
    fails("post_processor", "{\"type\":\"BertProcessing\",\"cls\":[\"c\"]}", KARMA_E_TYPE, "an id");
    fails("post_processor", "{\"type\":\"Odd\"}", KARMA_E_UNSUPPORTED, "'Odd'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(normalizers),
        test_case(the_first_word_is_known_unless_characters_may_be_dropped),
        test_case(sequences_have_a_depth),
        test_case(pre_tokenizers),
        test_case(decoders),
        test_case(post_processors),
    };
    return run_group("text/tokenizer_components", tests);
}
