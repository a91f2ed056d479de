/*
 * fuzz_json.c - any bytes as JSON. What is accepted must be the same tree after writing and reading
 * it again, in each way of writing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static void check(bool holds) {
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a = {0};
    struct buf first = {0}, again = {0};
    const struct json *tree, *reread;
    if (json_parse(&a, (const char *)data, size, JSON_LAST_WINS, &tree) == KARMA_OK) {
        check(json_write(&first, tree, 0, JSON_COMPACT) == KARMA_OK);
        check(json_write(&again, tree, 3, JSON_ASCII) == KARMA_OK);
        check(json_parse(&a, again.data, again.len, JSON_REJECT_DUPLICATES, &reread) == KARMA_OK);
        buf_clear(&again);
        check(json_write(&again, reread, 0, JSON_COMPACT) == KARMA_OK);
        check(first.len == again.len && memcmp(first.data, again.data, first.len) == 0);
    } else {
        check(tree == NULL && karma_error_message()[0] != '\0');
    }
    buf_release(&first);
    buf_release(&again);
    arena_release(&a);
    return 0;
}
