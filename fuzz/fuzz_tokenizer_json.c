/*
 * fuzz_tokenizer_json.c - any bytes as a tokenizer.json. What loads must be fit for use: texts
 * encode to ids that exist, ids of every kind decode, and looking up a token's text gives an id.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

static void check(bool holds) {
    if (!holds) abort();
}

static void use(const struct tokenizer *t, const char *text, size_t len) {
    const struct text_span plain[] = {{len / 4, len / 2}};
    const struct encode_options options = {
        .add_special_tokens = true, .plain_spans = plain, .n_plain_spans = 1};
    struct tokens ids = {0};
    struct buf out = {0};
    size_t n_special, token_len;
    if (tokenizer_encode(t, text, len, &options, &ids, &n_special) == KARMA_OK) {
        for (size_t i = 0; i < ids.count; i++)
            check(tokenizer_token(t, ids.ids[i], &token_len) != NULL);
        check(n_special <= len);
        check(tokenizer_decode(t, ids.ids, ids.count, true, &out) == KARMA_OK);
        check(utf8_valid(buf_str(&out), out.len, NULL));
    }
    tokens_release(&ids);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct tokenizer *t;
    static const char text[] =
        "ab \n<s>  don't 12345 \xE0\xA4\xA8\xE0\xA5\x8D e\xCC\x81 \xFF\xF0\x9F";
    if (tokenizer_from_json((const char *)data, size, "fuzz", &t) < 0) {
        check(t == NULL);
        return 0;
    }
    use(t, text, sizeof(text) - 1);
    use(t, (const char *)data, size < 2000 ? size : 2000);
    struct buf out = {0};
    struct detokenizer d = {0};
    int32_t n = tokenizer_vocab_size(t);
    for (int32_t id = -1; id < (n < 3000 ? n : 3000) + 1; id++) {
        size_t len;
        const char *token = tokenizer_token(t, id, &len);
        if (token) check(tokenizer_find(t, token, len) >= 0);
        check(detokenizer_push(&d, t, id, false, &out) == KARMA_OK);
        check(d.n_pending >= 0 && d.n_pending <= 3);
    }
    check(detokenizer_end(&d, &out) == KARMA_OK);
    check(utf8_valid(buf_str(&out), out.len, NULL));
    buf_release(&out);
    tokenizer_destroy(t);
    return 0;
}
