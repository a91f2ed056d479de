/*
 * fuzz_sentence_transformers.c - any bytes as a file of a sentence-transformers folder. The first
 * byte says which; what was read keeps the promises of the header: paths stay in the folder, modes
 * and sizes are in range.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/sentence_transformers.h"

static void check_path(const char *path) {
    if (path[0] == '/' || strstr(path, "..") == path || strstr(path, "/..")) abort();
}

static void check(const struct sentence_transformers *s) {
    if (s->n_modules < 0 || s->n_modules > ST_MAX_MODULES) abort();
    if (s->transformer) check_path(s->transformer);
    for (int i = 0; i < s->n_modules; i++)
        check_path(s->modules[i].path);
    if (s->default_prompt_name && !json_get(s->prompts, s->default_prompt_name)) abort();
    if (s->max_seq_length < 0 || s->truncate_dim < 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a = {0};
    struct sentence_transformers s;
    const struct json *tree;
    if (size < 1) return 0;
    const enum st_file kind = (enum st_file)(data[0] % (ST_FILE_SETTINGS + 1));
    sentence_transformers_plain(&s);
    if (kind == ST_FILE_DENSE) { /* it fills the last module */
        s.modules[1] = (struct st_module){.kind = ST_DENSE, .path = "d"};
        s.n_modules = 2;
    }
    if (json_parse(&a, (const char *)data + 1, size - 1, JSON_LAST_WINS, &tree) == KARMA_OK &&
        sentence_transformers_parse(&a, kind, tree, &s) == KARMA_OK) {
        check(&s);
        if (kind == ST_FILE_POOLING &&
            (s.modules[0].u.pooling.n_modes < 1 || s.modules[0].u.pooling.n_modes > ST_N_POOLINGS))
            abort();
        if (kind == ST_FILE_DENSE &&
            (s.modules[1].u.dense.in_features < 1 || s.modules[1].u.dense.out_features < 1))
            abort();
    }
    arena_release(&a);
    return 0;
}
