/*
 * fuzz_tokenize.c - any bytes as a text for one of the fixture tokenizers; the first byte chooses
 * it and a span of data. Encoding twice gives the same ids, a stream decodes to what the whole
 * decodes to, and where the pipeline loses nothing the text comes back. Runs in the repository's
 * root folder.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

static void check(bool holds) {
    if (!holds) abort();
}

static struct tokenizer *load(const char *path) {
    struct buf file = {0};
    struct tokenizer *t;
    check(file_read(path, 1 << 20, &file) == KARMA_OK);
    check(tokenizer_from_json(file.data, file.len, path, &t) == KARMA_OK);
    buf_release(&file);
    return t;
}

/* The text as the decoder would give it back: U+FFFD for what is not UTF-8, and a space for
 * U+2581 where that is how the vocabulary writes spaces. */
static void as_decoded(const char *text, size_t len, bool metaspace, struct buf *out) {
    struct buf valid = {0};
    check(utf8_append_lossy(&valid, text, len) == KARMA_OK);
    for (size_t i = 0; i < valid.len;) {
        bool mark =
            metaspace && valid.len - i >= 3 && memcmp(valid.data + i, "\xE2\x96\x81", 3) == 0;
        check(buf_putc(out, mark ? ' ' : valid.data[i]) == KARMA_OK);
        i += mark ? 3 : 1;
    }
    buf_release(&valid);
}

static bool holds(const char *text, size_t len, const char *what) {
    return len > 0 && memmem(text, len, what, strlen(what)) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const paths[] = {
        "tests/fixtures/text/llama3.json",  "tests/fixtures/text/gemma.json",
        "tests/fixtures/text/qwen.json",    "tests/fixtures/text/bert.json",
        "tests/fixtures/text/unigram.json", "tests/fixtures/text/bytes.json"};
    if (size == 0) return 0;
    unsigned kind = data[0] % 3u + (data[0] < 128 ? 0 : 3u);
    const char *text = (const char *)data + 1;
    size_t len = size - 1, n_special;
    struct tokenizer *t = load(paths[kind]);
    struct tokens first = {0}, again = {0}, marked = {0};
    struct buf whole = {0}, stream = {0}, wanted = {0};
    struct detokenizer d = {0};
    check(tokenizer_encode(t, text, len, NULL, &first, NULL) == KARMA_OK);
    check(tokenizer_encode(t, text, len, NULL, &again, NULL) == KARMA_OK);
    check(first.count == again.count);
    check(first.count == 0 || memcmp(first.ids, again.ids, first.count * sizeof(*first.ids)) == 0);
    check(tokenizer_decode(t, first.ids, first.count, false, &whole) == KARMA_OK);
    for (size_t i = 0; i < first.count; i++)
        check(detokenizer_push(&d, t, first.ids[i], false, &stream) == KARMA_OK);
    check(detokenizer_end(&d, &stream) == KARMA_OK);
    check(whole.len == stream.len && memcmp(buf_str(&whole), buf_str(&stream), whole.len) == 0);
    as_decoded(text, len, kind == 1, &wanted);
    bool lossy =
        kind >= 2 || holds(text, len, "<L>") || holds(text, len, "<R>") || holds(text, len, "<B>");
    check(lossy ||
          (wanted.len == whole.len && memcmp(buf_str(&wanted), buf_str(&whole), wanted.len) == 0));

    /* as data throughout, no special token comes out but the one for what is unknown */
    const int32_t unknown =
        kind == 3 ? tokenizer_find(t, "[UNK]", 5) : tokenizer_find(t, "<unk>", 5);
    const struct text_span all[] = {{0, len}};
    const struct encode_options plain = {.plain_spans = all, .n_plain_spans = 1};
    check(tokenizer_encode(t, text, len, &plain, &marked, &n_special) == KARMA_OK);
    for (size_t i = 0; i < marked.count; i++)
        check(!tokenizer_is_special(t, marked.ids[i]) || (kind > 2 && marked.ids[i] == unknown));
    tokens_release(&first);
    tokens_release(&again);
    tokens_release(&marked);
    buf_release(&whole);
    buf_release(&stream);
    buf_release(&wanted);
    tokenizer_destroy(t);
    return 0;
}
