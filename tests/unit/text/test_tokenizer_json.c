/* test_tokenizer_json.c - files as they come and as they should not. */
#include "tests/support/test.h"
#include "tests/support/tokenizers.h"

static karma_status load(const char *json, struct tokenizer **out) {
    return tokenizer_from_json(json, strlen(json), "tokenizer.json", out);
}

static void fails(const char *json, karma_status st, const char *message) {
    struct tokenizer *t = (struct tokenizer *)&t;
    karma_status got = load(json, &t);
    if (got >= 0) print_error("accepted: %s\n", json);
    assert_status(got, st);
    assert_null(t);
    assert_message_contains("tokenizer.json: ");
    assert_message_contains(message);
}

/* A file with one model: members of it after "type". */
#define FILE_OF(model)                                                                             \
    "{\"decoder\":{\"type\":\"Fuse\"},\"pre_tokenizer\":null,\"model\":{\"type\":\"BPE\"," model   \
    "}}"
#define ABC "\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"abc\":4}"

static void members_may_stand_in_any_order(void **state) {
    (void)state;
    static const char *const files[] = {
        FILE_OF(ABC ",\"merges\":[\"a b\",\"ab c\"]"),
        FILE_OF("\"merges\":[[\"a\",\"b\"],[\"ab\",\"c\"]]," ABC),
        "{\"model\":{\"merges\":[\"#version: 0.2\",\"a b\",\"ab c\"]," ABC ",\"type\":\"BPE\"},"
        "\"decoder\":{\"type\":\"Fuse\"},\"version\":\"1.0\",\"truncation\":{\"max_length\":3},"
        "\"padding\":null,\"pre_tokenizer\":null,\"post_processor\":null,\"added_tokens\":[]}",
        " { \"decoder\" : { \"type\" : \"Fuse\" } , \"model\" : { " ABC
        " , \"merges\" : [ [ \"a\" , "
        "\"\\u0062\" ] , [ \"a\\u0062\" , \"\\u0063\" ] ] , \"dropout\" : 0.0 , \"other\" : [ 1 ] "
        "} } ",
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct tokenizer *t;
        assert_ok(load(files[i], &t));
        assert_ids(t, "abcab", "4 3");
        tokenizer_destroy(t);
    }
}

static void the_vocabulary_is_byte_level_even_if_that_is_said_later(void **state) {
    (void)state;
    struct tokenizer *t;
    assert_ok(load("{\"model\":{\"vocab\":{\"\xC4\xA0\":0,\"a\":1,\"\xC4\xA0"
                   "a\":2},"
                   "\"merges\":[\"\xC4\xA0 a\"]},\"decoder\":{\"type\":\"ByteLevel\"},"
                   "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true}}",
                   &t));
    assert_ids(t, " aa", "2 1");
    assert_ids(t, "a", "2"); /* the space in front is put in */
    tokenizer_destroy(t);
}

static void rejects_bad_vocabularies(void **state) {
    (void)state;
    fails("[]", KARMA_E_TYPE, "expected an object");
    fails("{", KARMA_E_SYNTAX, "line 1");
    fails("{}", KARMA_E_MISSING, "no model");
    fails("{\"model\":3}", KARMA_E_TYPE, "model: expected an object");
    fails("{\"model\":{}}", KARMA_E_MISSING, "model: no vocab");
    fails("{\"model\":{},\"model\":{}}", KARMA_E_DUPLICATE, "'model' given twice");
    fails(FILE_OF("\"merges\":[]"), KARMA_E_MISSING, "no vocab");
    fails(FILE_OF(ABC), KARMA_E_MISSING, "no merges");
    fails(FILE_OF("\"vocab\":[[\"a\",0.5]]"), KARMA_E_TYPE, "vocab: expected an object");
    fails(FILE_OF("\"vocab\":{\"a\":\"0\"}"), KARMA_E_TYPE, "token 'a': expected an integer id");
    fails(FILE_OF("\"vocab\":{\"a\":0.5}"), KARMA_E_TYPE, "integer");
    fails(FILE_OF("\"vocab\":{\"a\":-1}"), KARMA_E_RANGE, "token 'a': id -1");
    fails(FILE_OF("\"vocab\":{\"a\":16777216}"), KARMA_E_RANGE, "16777216");
    fails(FILE_OF("\"vocab\":{\"a\":99999999999999999999}"), KARMA_E_TYPE, "integer");
    fails(FILE_OF("\"vocab\":{\"a\":0,\"b\":0}"), KARMA_E_DUPLICATE, "id 0 for both 'a' and 'b'");
    fails(FILE_OF("\"vocab\":{\"a\":0,\"a\":1}"), KARMA_E_DUPLICATE, "token 'a' has ids 0 and 1");
    fails(FILE_OF("\"vocab\":{\"\":0}"), KARMA_E_SYNTAX, "empty token");
    fails(FILE_OF("\"vocab\":{\"\xFF\":0}"), KARMA_E_ENCODING, "UTF-8");
    fails(FILE_OF(ABC "," ABC), KARMA_E_DUPLICATE, "vocab: given twice");
    fails("{\"version\":\"2.0\",\"decoder\":{\"type\":\"Fuse\"},\"model\":{" ABC ",\"merges\":[]}}",
          KARMA_E_VERSION, "'2.0'");
}

static void rejects_bad_merges(void **state) {
    (void)state;
    fails(FILE_OF(ABC ",\"merges\":{}"), KARMA_E_TYPE, "merges: expected an array");
    fails(FILE_OF(ABC ",\"merges\":[1]"), KARMA_E_TYPE, "merges: [0]: expected a string or");
    fails(FILE_OF(ABC ",\"merges\":[\"a b\",\"ab\"]"), KARMA_E_SYNTAX,
          "[1]: 'ab' is not two parts");
    fails(FILE_OF(ABC ",\"merges\":[\"a b c\"]"), KARMA_E_SYNTAX, "two parts");
    fails(FILE_OF(ABC ",\"merges\":[\" b\"]"), KARMA_E_SYNTAX, "two parts");
    fails(FILE_OF(ABC ",\"merges\":[\"a \"]"), KARMA_E_SYNTAX, "two parts");
    fails(FILE_OF(ABC ",\"merges\":[[\"a\"]]"), KARMA_E_TYPE, "expected an array of two strings");
    fails(FILE_OF(ABC ",\"merges\":[[\"a\",\"b\",\"c\"]]"), KARMA_E_TYPE, "array of two strings");
    fails(FILE_OF(ABC ",\"merges\":[[\"a\",1]]"), KARMA_E_TYPE, "array of two strings");
    fails(FILE_OF(ABC ",\"merges\":[\"a b\",\"x b\"]"), KARMA_E_MISSING,
          "merges: [1]: merge of 'x' and 'b': no token for its left part");
    fails(FILE_OF(ABC ",\"merges\":[\"a x\"]"), KARMA_E_MISSING, "right part");
    fails(FILE_OF(ABC ",\"merges\":[\"b a\"]"), KARMA_E_MISSING, "product");
    fails(FILE_OF("\"merges\":[\"x b\"]," ABC), KARMA_E_MISSING, "merges: [0]: merge of 'x'");
    fails(FILE_OF(ABC ",\"merges\":[],\"merges\":[]"), KARMA_E_DUPLICATE, "merges: given twice");
    fails(FILE_OF("\"merges\":[],\"merges\":[]," ABC), KARMA_E_DUPLICATE, "merges: given twice");
}

static void chains_of_one_letter_merge_like_others(void **state) {
    (void)state;
    struct tokenizer *t;
    assert_ok(load(
        FILE_OF("\"vocab\":{\"a\":0,\"aa\":1,\"aaaa\":2},\"merges\":[\"a a\",\"aa aa\"]"), &t));
    assert_ids(t, "aaaaaaa", "2 1 0");
    tokenizer_destroy(t);
}

/* Two letters in a row are a token, and each pair a merge, written with `gap` wherever JSON allows
 * blanks; `odd` stands in place of merge n. */
static const char *long_lists(const char *gap, bool pairs, int n, const char *odd) {
    static char json[200000];
    char *out = json, *end = json + sizeof(json);
    out += snprintf(out, (size_t)(end - out),
                    "{\"decoder\":{\"type\":\"Fuse\"},\"model\":{\"type\":\"BPE\",\"vocab\":{");
    for (int c = 'a'; c <= 'z'; c++)
        out += snprintf(out, (size_t)(end - out), "%s\"%c\"%s:%s%d,", gap, c, gap, gap, c - 'a');
    for (int i = 0; i < 26 * 26; i++)
        out += snprintf(out, (size_t)(end - out), "%s%s\"%c%c\"%s:%s%d", i ? "," : "", gap,
                        'a' + i / 26, 'a' + i % 26, gap, gap, 26 + i);
    out += snprintf(out, (size_t)(end - out), "},\"merges\":[");
    for (int i = 0; i < 26 * 26; i++) {
        const int x = 'a' + i / 26, y = 'a' + i % 26;
        out += snprintf(out, (size_t)(end - out), "%s%s", i ? "," : "", gap);
        if (i == n)
            out += snprintf(out, (size_t)(end - out), "%s", odd);
        else if (pairs)
            out += snprintf(out, (size_t)(end - out), "[%s\"%c\"%s,%s\"%c\"%s]%s", gap, x, gap, gap,
                            y, gap, gap);
        else
            out += snprintf(out, (size_t)(end - out), "\"%c %c\"%s", x, y, gap);
    }
    snprintf(out, (size_t)(end - out), "]}}");
    return json;
}

static void long_lists_read_alike_however_they_are_written(void **state) {
    (void)state;
    static const char *const gaps[] = {"", " ", "\n      ", "\r\n\t\t  \r\n            "};
    static const char *const odds[] = {"[\"h\",\"\\u0069\"]", "\"h i\"", "[ \"h\",\n\"i\" ]"};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 6; k++) { /* the odd one is the merge of h and i */
            struct tokenizer *t;
            assert_ok(load(long_lists(gaps[i], k % 2, ('h' - 'a') * 26 + 8, odds[k / 2]), &t));
            assert_ids(t, "hizaz", "216 25 51");
            tokenizer_destroy(t);
        }
}

static void long_lists_say_what_is_wrong_and_where(void **state) {
    (void)state;
    static const struct {
        const char *odd, *message;
        karma_status st;
    } cases[] = {
        {"[\"h\",\"I\"]", "merges: [500]: merge of 'h' and 'I': no token for its right part",
         KARMA_E_MISSING},
        {"\"ab cd\"", "merges: [500]: merge of 'ab' and 'cd': no token for its product",
         KARMA_E_MISSING},
        {"\"abc\"", "merges: [500]: 'abc' is not two parts", KARMA_E_SYNTAX},
        {"[\"h\"]", "merges: [500]: expected an array of two strings", KARMA_E_TYPE},
        {"7", "merges: [500]: expected a string or an array", KARMA_E_TYPE},
        {"\"h \xFF\"", "not valid UTF-8", KARMA_E_ENCODING},
        {"\"h\xC4 i\"", "not valid UTF-8", KARMA_E_ENCODING},
        {"\"h \x01\"", "control character", KARMA_E_SYNTAX},
        {"\"h i\" \"", "expected ',' or ']'", KARMA_E_SYNTAX},
        {"[\"h\" \"i\"]", "expected ',' or ']'", KARMA_E_SYNTAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int k = 0; k < 2; k++)
            fails(long_lists(" ", k, 500, cases[i].odd), cases[i].st, cases[i].message);
}

static void rejects_options_it_does_not_have_by_name(void **state) {
    (void)state;
#define WITH(member) FILE_OF(ABC ",\"merges\":[]," member)
    fails("{\"model\":{\"type\":\"Odd\"}}", KARMA_E_UNSUPPORTED, "model 'Odd'");
    fails(WITH("\"dropout\":0.1"), KARMA_E_UNSUPPORTED, "dropout");
    fails(WITH("\"end_of_word_suffix\":\"</w>\""), KARMA_E_UNSUPPORTED, "end_of_word_suffix");
    fails(WITH("\"continuing_subword_prefix\":\"##\""), KARMA_E_UNSUPPORTED, "'##'");
    fails(WITH("\"unk_token\":\"<unk>\""), KARMA_E_MISSING, "unk_token '<unk>'");
    fails(WITH("\"byte_fallback\":true"), KARMA_E_MISSING, "<0x00>");
    fails(WITH("\"fuse_unk\":1"), KARMA_E_TYPE, "fuse_unk: expected true or false");
}

static void added_tokens_agree_with_the_vocabulary(void **state) {
    (void)state;
#define ADDED(list)                                                                                \
    "{\"added_tokens\":[" list "],\"decoder\":{\"type\":\"Fuse\"},\"model\":{" ABC                 \
    ",\"merges\":[]}}"
    struct tokenizer *t;
    assert_ok(load(
        ADDED("{\"id\":4,\"content\":\"abc\"},{\"id\":9,\"content\":\"x y\",\"more\":{}}"), &t));
    assert_ids(t, "aabcx y", "0 4 9");
    assert_int_equal(tokenizer_vocab_size(t), 10);
    tokenizer_destroy(t);
    fails(ADDED("{\"id\":5,\"content\":\"abc\"}"), KARMA_E_DUPLICATE,
          "added_tokens: [0]: added token 'abc' has id 5, the vocabulary has 4");
    fails(ADDED("{\"id\":4,\"content\":\"x\"}"), KARMA_E_DUPLICATE, "id 4 for both");
    fails(ADDED("{\"id\":5,\"content\":\"x\"},{\"id\":6,\"content\":\"x\"}"), KARMA_E_DUPLICATE,
          "'x' given twice");
    fails(ADDED("{\"id\":5,\"content\":\"\"}"), KARMA_E_SYNTAX, "empty");
    fails(ADDED("{\"content\":\"x\"}"), KARMA_E_MISSING, "no id");
    fails(ADDED("{\"id\":5}"), KARMA_E_MISSING, "no content");
    fails(ADDED("{\"id\":-5,\"content\":\"x\"}"), KARMA_E_RANGE, "id -5");
    fails(ADDED("{\"id\":\"5\",\"content\":\"x\"}"), KARMA_E_TYPE, "integer");
    fails(ADDED("5"), KARMA_E_TYPE, "[0]: expected an object");
}

static karma_status attempt(void *ctx) {
    struct tokenizer *t = NULL;
    (void)ctx;
    karma_status st = load(
        "{\"added_tokens\":[{\"id\":9,\"content\":\"<s>\",\"normalized\":true}],"
        "\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\"s\"},\"content\":\"tt\"},"
        "\"decoder\":{\"type\":\"Fuse\"},\"model\":{\"merges\":[[\"\\u0061\",\"b\"]]," ABC "},"
        "\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"a\",0],\"sep\":[\"<s>\",9]}}",
        &t);
    tokenizer_destroy(t);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(attempt, NULL) > 12);
}

static void survives_being_cut_anywhere(void **state) {
    (void)state;
    const char *json = tiny_json("{\"id\":300,\"content\":\"<s>\",\"special\":true}");
    size_t len = strlen(json);
    struct tokenizer *t;
    for (size_t n = 0; n < len; n += n < 600 || n > len - 200 ? 1 : 37) {
        char *copy = malloc(n ? n : 1); /* of the exact size, for the sanitizer */
        memcpy(copy, json, n);
        assert_true(tokenizer_from_json(copy, n, "cut", &t) < 0);
        assert_null(t);
        free(copy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(members_may_stand_in_any_order),
        test_case(the_vocabulary_is_byte_level_even_if_that_is_said_later),
        test_case(rejects_bad_vocabularies),
        test_case(rejects_bad_merges),
        test_case(chains_of_one_letter_merge_like_others),
        test_case(long_lists_read_alike_however_they_are_written),
        test_case(long_lists_say_what_is_wrong_and_where),
        test_case(rejects_options_it_does_not_have_by_name),
        test_case(added_tokens_agree_with_the_vocabulary),
        test_case(survives_every_failing_allocation),
        test_case(survives_being_cut_anywhere),
    };
    return run_group("text/tokenizer_json", tests);
}
