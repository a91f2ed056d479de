/*
 * fuzz_meta.c - any bytes as a file of model metadata (JSON, else YAML). A meta that passes its
 * check can be written, and reads back as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/yaml.h"

static void round_trip(const karma_model_meta *meta) {
    struct arena a = {0};
    const struct json *tree;
    karma_model_meta again;
    char *first, *second;
    if (karma_model_meta_to_json(meta, &first) < 0) abort();
    if (json_parse(&a, first, strlen(first), JSON_REJECT_DUPLICATES, &tree) < 0) abort();
    if (meta_from_json(&a, tree, &again) < 0 || karma_model_meta_check(&again) < 0) abort();
    if (karma_model_meta_to_json(&again, &second) < 0 || strcmp(first, second) != 0) abort();
    karma_free(first);
    karma_free(second);
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a = {0};
    const struct json *tree = NULL;
    const char *text = (const char *)data;
    karma_status st = json_parse(&a, text, size, JSON_REJECT_DUPLICATES, &tree);
    if (st < 0) st = yaml_parse(&a, text, size, &tree);
    size_t n = json_is_array(tree) ? json_count(tree) : 1;
    for (size_t i = 0; st == KARMA_OK && i < n; i++) {
        karma_model_meta meta;
        const struct json *one = json_is_array(tree) ? json_at(tree, i) : tree;
        if (meta_from_json(&a, one, &meta) == KARMA_OK && karma_model_meta_check(&meta) == KARMA_OK)
            round_trip(&meta);
    }
    arena_release(&a);
    return 0;
}
