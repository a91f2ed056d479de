/* fuzz_yaml.c - any bytes as YAML. What is accepted is a tree that JSON can hold. */
#include <stdint.h>
#include <stdlib.h>

#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a = {0};
    struct buf text = {0};
    const struct json *tree, *reread;
    if (yaml_parse(&a, (const char *)data, size, &tree) == KARMA_OK) {
        if (json_write(&text, tree, 0, JSON_PYTHON) < 0) abort();
        if (json_parse(&a, text.data, text.len, JSON_REJECT_DUPLICATES, &reread) < 0) abort();
    } else if (tree != NULL) {
        abort();
    }
    /* Where a key stands may be asked of any text, and is a line of it. */
    static const char *const way[] = {"a", "b", NULL};
    size_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n' || data[i] == '\r' || data[i] >= 0x80; /* or U+2028 and its kin */
    if (yaml_line_of((const char *)data, size, way) > lines) abort();
    if (yaml_line_of((const char *)data, size, way + 1) > lines) abort();
    buf_release(&text);
    arena_release(&a);
    return 0;
}
