/* test_tokenizer_model.c - the four kinds of model in a tokenizer.json, and what each asks for. */
#include "tests/support/test.h"
#include "tests/support/tokenizers.h"
#include "text/tokenizer.h"

#define FILE_OF(model) "{\"decoder\":{\"type\":\"Fuse\"},\"model\":{" model "}}"
#define WORDS          "\"vocab\":{\"[UNK]\":0,\"un\":1,\"##a\":2,\"b\":3,\"-a\":4}"
#define SCORED         "\"vocab\":[[\"?\",0],[\"a\",-1],[\"b\",-2.5],[\"ab\",-3e0],[\"\",-50]]"

static karma_status load(const char *json, struct tokenizer **out) {
    return tokenizer_from_json(json, strlen(json), "file", out);
}

static void encodes(const char *json, const char *text, const char *ids) {
    struct tokenizer *t;
    assert_ok(load(json, &t));
    assert_ids(t, text, ids);
    tokenizer_destroy(t);
}

static void fails(const char *json, karma_status st, const char *message) {
    struct tokenizer *t;
    assert_status(load(json, &t), st);
    assert_null(t);
    assert_message_contains("file: model: ");
    assert_message_contains(message);
}

static void wordpiece(void **state) {
    (void)state;
    encodes(FILE_OF("\"type\":\"WordPiece\"," WORDS), "una", "1 2");
    encodes(FILE_OF(WORDS ",\"type\":\"WordPiece\",\"continuing_subword_prefix\":\"-\""), "una",
            "1 4");
    encodes(FILE_OF(WORDS ",\"type\":\"WordPiece\",\"max_input_chars_per_word\":2"), "una", "0");
    encodes(FILE_OF(WORDS ",\"max_input_chars_per_word\":100"), "una", "1 2"); /* no type: older */
    encodes(FILE_OF(WORDS ",\"type\":\"WordPiece\",\"unk_token\":\"b\""), "x", "3");
    struct tokenizer *t; /* an added token is none of the model's */
    assert_ok(load(
        "{\"decoder\":null,\"added_tokens\":[{\"id\":5,\"content\":\"bx\",\"single_word\":true}],"
        "\"model\":{\"type\":\"WordPiece\"," WORDS "}}",
        &t));
    assert_pieces(t, "bx", NULL, "bx");
    assert_pieces(t, "bxa", NULL, "[UNK]");
    tokenizer_destroy(t);
    fails(FILE_OF(WORDS ",\"type\":\"WordPiece\",\"max_input_chars_per_word\":-1"), KARMA_E_RANGE,
          "max_input_chars_per_word -1");
    fails(FILE_OF(WORDS ",\"max_input_chars_per_word\":\"x\""), KARMA_E_TYPE,
          "max_input_chars_per_word: expected an integer");
}

static void unigram(void **state) {
    (void)state;
    encodes(FILE_OF("\"type\":\"Unigram\",\"unk_id\":0," SCORED), "abba", "3 2 1");
    encodes(FILE_OF(SCORED ",\"unk_id\":0"), "xaxx", "0 1 0");
    fails(FILE_OF("\"type\":\"Unigram\",\"unk_id\":5," SCORED), KARMA_E_RANGE, "unk_id 5");
    fails(FILE_OF("\"type\":\"Unigram\",\"unk_id\":-2," SCORED), KARMA_E_RANGE, "unk_id -2");
    fails(FILE_OF("\"type\":\"Unigram\"," WORDS), KARMA_E_TYPE, "array of tokens with scores");
    fails(FILE_OF("\"type\":\"WordPiece\"," SCORED), KARMA_E_TYPE, "vocab: expected an object");
    fails(FILE_OF("\"vocab\":[7]"), KARMA_E_TYPE, "vocab: [0]: expected an array of a token");
    fails(FILE_OF("\"vocab\":[[\"a\"]]"), KARMA_E_TYPE, "[0]: expected a token and its score");
    fails(FILE_OF("\"vocab\":[[\"a\",0],[1,0]]"), KARMA_E_TYPE, "[1]: expected a token");
    fails(FILE_OF("\"vocab\":[[\"a\",0,0]]"), KARMA_E_TYPE, "[0]: expected a token");
    fails(FILE_OF("\"vocab\":3"), KARMA_E_TYPE, "an object or an array");
}

static void wordlevel(void **state) {
    (void)state;
    encodes(FILE_OF("\"type\":\"WordLevel\",\"unk_token\":\"[UNK]\"," WORDS), "un", "1");
    encodes(FILE_OF("\"type\":\"WordLevel\",\"unk_token\":\"[UNK]\"," WORDS), "una", "0");
}

static void bytes_belong_to_bpe_alone(void **state) {
    (void)state;
    struct tokenizer *t;
    assert_status(load("{\"decoder\":{\"type\":\"ByteLevel\"},\"pre_tokenizer\":{\"type\":"
                       "\"ByteLevel\"},\"model\":{\"type\":\"WordPiece\"," WORDS "}}",
                       &t),
                  KARMA_E_UNSUPPORTED);
    assert_message_contains("ByteLevel with a model other than BPE");
}

static void plain_text_never_spells_a_special_token(void **state) {
    (void)state;
    static const char json[] =
        "{\"decoder\":null,\"added_tokens\":[{\"id\":1,\"content\":\"<s>\",\"special\":true}],"
        "\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"?\",0],[\"<s>\",0],[\"a\",-1]]}"
        "}";
    const struct text_span all[] = {{0, 8}};
    struct encode_options o = {.plain_spans = all, .n_plain_spans = 1};
    struct tokenizer *t;
    assert_ok(load(json, &t));
    assert_pieces(t, "a<s>a", NULL, "a|<s>|a");
    assert_pieces(t, "a<s>a", &o, "a|?|a");
    o.count_only = true;
    assert_pieces(t, "a<s>a", &o, "a|<s>|a");
    tokenizer_destroy(t);
}

static karma_status attempt(void *ctx) {
    struct tokenizer *t;
    struct tokens ids = {0};
    size_t len;
    char path[100];
    snprintf(path, sizeof(path), "tests/fixtures/text/%s.json", (const char *)ctx);
    const char *data = read_fixture(path, &len);
    karma_status st = tokenizer_from_json(data, len, ctx, &t);
    static const char text[] = "The patient\xC2\xA0 e\xCC\x81 \xE4\xB8\xAD x";
    if (st == KARMA_OK)
        st = tokenizer_encode_truncated(t, text, sizeof(text) - 1, 9, false, &ids, NULL);
    tokens_release(&ids);
    tokenizer_destroy(t);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    static char names[][8] = {"bert", "unigram", "bytes"};
    for (int i = 0; i < 3; i++)
        assert_true(for_each_failing_allocation(attempt, names[i]) > 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(wordpiece),
        test_case(unigram),
        test_case(wordlevel),
        test_case(bytes_belong_to_bpe_alone),
        test_case(plain_text_never_spells_a_special_token),
        test_case(survives_every_failing_allocation),
    };
    return run_group("text/tokenizer_model", tests);
}
