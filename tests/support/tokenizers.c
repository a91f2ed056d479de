/* tokenizers.c - the helpers of tokenizers.h. */
#include "tests/support/tokenizers.h"

#include "base/json.h"
#include "base/utf8.h"
#include "tests/support/test.h"
#include "text/byte_alphabet.h"

struct tokenizer *fixture_tokenizer(const char *name) {
    char path[200];
    struct tokenizer *t;
    size_t len;
    snprintf(path, sizeof(path), "tests/fixtures/text/%s.json", name);
    const char *data = read_fixture(path, &len);
    assert_ok(tokenizer_from_json(data, len, path, &t));
    return t;
}

struct tokenizer *fixture_scores(void) {
    struct arena a = {0};
    const struct json *file;
    struct tokenizer *t;
    size_t len;
    const char *data = read_fixture("tests/fixtures/text/scores.json", &len);
    assert_ok(json_parse(&a, data, len, 0, &file));
    const struct json *tokens = json_get(file, "tokens"), *types = json_get(file, "types");
    const struct json *scores = json_get(file, "scores");
    size_t n = json_count(tokens);
    const char **texts = arena_calloc(&a, n, sizeof(*texts));
    size_t *lens = arena_calloc(&a, n, sizeof(*lens));
    int32_t *type = arena_calloc(&a, n, sizeof(*type));
    float *score = arena_calloc(&a, n, sizeof(*score));
    assert_true(texts && lens && type && score);
    for (size_t i = 0; i < n; i++) {
        texts[i] = json_at(tokens, i)->u.string.data;
        lens[i] = json_at(tokens, i)->u.string.len;
        type[i] = (int32_t)json_at(types, i)->u.integer;
        score[i] = (float)json_at(scores, i)->u.real;
    }
    struct tokenizer_tables in = {.model = "llama",
                                  .pre = "default",
                                  .n_tokens = (int32_t)n,
                                  .tokens = texts,
                                  .token_lens = lens,
                                  .token_types = type,
                                  .scores = score,
                                  .bos = 2,
                                  .eos = 1,
                                  .unk = 3,
                                  .add_bos = true};
    assert_ok(tokenizer_from_tables(&in, &t));
    arena_release(&a);
    return t;
}

const char *tiny_json(const char *added_tokens_json) {
    static char json[16384];
    char *out = json, *end = json + sizeof(json);
    out += snprintf(out, (size_t)(end - out),
                    "{\"version\":\"1.0\",\"added_tokens\":[%s],\"normalizer\":null,"
                    "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
                    "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{",
                    added_tokens_json ? added_tokens_json : "");
    for (int b = 0; b < 256; b++) {
        char cp[5] = "";
        cp[utf8_encode(byte_alphabet_cp((unsigned char)b), cp)] = 0;
        const char *escape = *cp == '"' || *cp == '\\' ? "\\" : "";
        out += snprintf(out, (size_t)(end - out), "\"%s%s\":%d,", escape, cp, b);
    }
    snprintf(
        out, (size_t)(end - out),
        "\"ab\":256,\"abc\":257,\"lo\":258,\"low\":259},\"merges\":[[\"a\",\"b\"],[\"ab\",\"c\"],"
        "[\"l\",\"o\"],[\"lo\",\"w\"]]}}");
    return json;
}

struct tokenizer *tiny_tokenizer(const char *added_tokens_json) {
    struct tokenizer *t;
    const char *json = tiny_json(added_tokens_json);
    assert_ok(tokenizer_from_json(json, strlen(json), "tiny", &t));
    return t;
}

static void check_text(const char *got, const char *wanted, const char *text, const char *file,
                       int line) {
    if (strcmp(got, wanted) == 0) return;
    print_error("text:   %s\ngot:    %s\nwanted: %s\n", text, got, wanted);
    _fail(file, line);
}

void test_ids(const struct tokenizer *t, const char *text, size_t len,
              const struct encode_options *options, const char *wanted, const char *file,
              int line) {
    struct tokens ids = {0};
    struct buf got = {0};
    assert_ok(tokenizer_encode(t, text, len, options, &ids, NULL));
    for (size_t i = 0; i < ids.count; i++)
        assert_ok(buf_printf(&got, "%s%d", i ? " " : "", ids.ids[i]));
    tokens_release(&ids);
    check_text(buf_str(&got), wanted, text, file, line);
    buf_release(&got);
}

void test_pieces(const struct tokenizer *t, const char *text, size_t len,
                 const struct encode_options *options, const char *wanted, const char *file,
                 int line) {
    struct tokens ids = {0};
    struct buf got = {0};
    assert_ok(tokenizer_encode(t, text, len, options, &ids, NULL));
    for (size_t i = 0; i < ids.count; i++) {
        size_t n;
        const char *piece = tokenizer_token(t, ids.ids[i], &n);
        assert_non_null(piece);
        if (i > 0) assert_ok(buf_putc(&got, '|'));
        assert_ok(buf_append(&got, piece, n));
    }
    tokens_release(&ids);
    check_text(buf_str(&got), wanted, text, file, line);
    buf_release(&got);
}
