/*
 * fuzz_tokenizer_vocab_files.c - any bytes as vocab.txt, or (the first byte is odd, a line of "%%"
 * divides them) as vocab.json and merges.txt. What loads encodes and decodes.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char text[] =
        "ab <s> don't [MASK] 12 \xE0\xA4\xA8\xE0\xA5\x8D e\xCC\x81 \xE4\xB8\xAD";
    static const char *const pres[] = {"qwen2", "gpt-2", "llama-bpe", "smollm"};
    if (size == 0) return 0;
    const char *file = (const char *)data + 1;
    const size_t len = size - 1;
    struct tokenizer *t = NULL;
    struct tokens ids = {0};
    struct buf out = {0};
    if (data[0] & 1) {
        const char *cut = memmem(file, len, "\n%%\n", 4);
        const char *merges = cut ? cut + 4 : file + len;
        (void)tokenizer_from_vocab_merges(file, cut ? (size_t)(cut - file) : len, merges,
                                          (size_t)(file + len - merges), pres[data[0] >> 1 & 3],
                                          NULL, &t);
    } else {
        (void)tokenizer_from_vocab_txt(file, len, NULL, "fuzz", &t);
    }
    if (!t) return 0;
    if (tokenizer_encode_truncated(t, text, sizeof(text) - 1, 20, data[0] & 2, &ids, NULL) ==
        KARMA_OK) {
        check(ids.count <= 20);
        check(tokenizer_decode(t, ids.ids, ids.count, false, &out) == KARMA_OK);
        check(utf8_valid(buf_str(&out), out.len, NULL));
    }
    tokens_release(&ids);
    buf_release(&out);
    tokenizer_destroy(t);
    return 0;
}
