/*
 * tiny.h - a complete tiny checkpoint in the test's own folder: weights and config of a model
 * fixture, tokenizer and chat template of tests/fixtures/api/tiny. That tokenizer is byte-level
 * over the characters an English question needs; others are dropped.
 */
#ifndef TESTS_UNIT_API_TINY_H
#define TESTS_UNIT_API_TINY_H

#include <unistd.h>

#include "tests/support/test.h"

enum {
    TINY_ROWS = 87, /* ids the tokenizer needs */
    TINY_ENDOFTEXT = 82,
    TINY_IM_START = 83,
    TINY_IM_END = 84, /* the last control token; <think> and </think> follow */
};

static inline void tiny_write(const char *folder, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    write_text(path, text);
}

static inline void tiny_remove(const char *folder, const char *name) {
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    unlink(test_path(path));
}

static inline void tiny_copy(const char *folder, const char *from, const char *name) {
    char source[256], to[256];
    size_t len;
    snprintf(source, sizeof(source), "tests/fixtures/%s/%s", from, name);
    snprintf(to, sizeof(to), "%s/%s", folder, name);
    const char *bytes = read_fixture(source, &len);
    write_file(to, bytes, len);
}

/* Make folder `name` with the weights of that model fixture; returns its path. */
static inline const char *tiny_folder_of(const char *name, const char *fixture) {
    tiny_copy(name, fixture, "config.json");
    tiny_copy(name, fixture, "model.safetensors");
    tiny_copy(name, "api/tiny", "tokenizer.json");
    tiny_copy(name, "api/tiny", "tokenizer_config.json");
    return test_path(name);
}

static inline const char *tiny_folder(const char *name) {
    return tiny_folder_of(name, "models/qwen3_tied");
}

#endif
