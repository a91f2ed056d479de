/*
 * fuzz_word_list.c - any bytes as a list of words to replace, and again as the text, in both ways
 * of reading it: the list is refused with a line or the text comes out as valid UTF-8.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "processors/word_list.h"

static void check(bool holds) {
    if (!holds) abort();
}

static void use(const struct spelling *spelling, const char *text, size_t len) {
    struct arena a = {0};
    struct buf out = {0}, scratch = {0};
    struct word_list list;
    const karma_status st = word_list_parse(&a, spelling, text, len, &list);
    check(st == KARMA_OK || st == KARMA_E_SYNTAX || st == KARMA_E_ENCODING);
    if (st == KARMA_E_SYNTAX) check(strncmp(karma_error_message(), "line ", 5) == 0);
    if (st == KARMA_OK && list.count < 64 && len < 4096) { /* rules can make text grow */
        out.max = 1 << 20;
        scratch.max = 1 << 20;
        check(buf_append(&out, text, len) == KARMA_OK);
        const karma_status applied = word_list_apply(&list, &out, &scratch);
        check(applied == KARMA_OK || applied == KARMA_E_LIMIT);
        if (applied == KARMA_OK) check(utf8_valid(buf_str(&out), out.len, NULL));
    }
    buf_release(&out);
    buf_release(&scratch);
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    use(&(struct spelling){.language = "hi"}, text, size);
    use(&(struct spelling){.language = "hi", .as_upstream = true}, text, size);
    use(&(struct spelling){.language = "bn", .compatible = true}, text, size);
    return 0;
}
