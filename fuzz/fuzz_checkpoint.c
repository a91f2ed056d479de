/*
 * fuzz_checkpoint.c - a model folder whose config.json and model.safetensors.index.json are any
 * bytes: the input up to its first NUL, and what follows it. One right shard named a.safetensors
 * lies beside them. The folder is a temporary one, removed at the end.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/checkpoint.h"

static const char *const names[] = {"config.json", "model.safetensors.index.json", "a.safetensors"};
enum { N_NAMES = sizeof(names) / sizeof(*names) };

static char folder[] = "/tmp/karma_fuzz_XXXXXX";

static void check(bool holds) {
    if (!holds) abort();
}

static void path_of(int i, char *out, size_t size) {
    snprintf(out, size, "%s/%s", folder, names[i]);
}

static void write_named(int i, const void *data, size_t len) {
    char path[128];
    path_of(i, path, sizeof(path));
    FILE *file = fopen(path, "wb");
    check(file && fwrite(data, 1, len, file) == len && fclose(file) == 0);
}

static void remove_folder(void) {
    char path[128];
    for (int i = 0; i < N_NAMES; i++) {
        path_of(i, path, sizeof(path));
        unlink(path);
    }
    rmdir(folder);
}

static void make_folder(void) {
    static const char header[] = "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    uint8_t shard[8 + sizeof(header)] = {sizeof(header) - 1};
    check(mkdtemp(folder) != NULL && atexit(remove_folder) == 0);
    memcpy(shard + 8, header, sizeof(header)); /* its NUL is the one byte of data */
    write_named(2, shard, sizeof(shard));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool made;
    if (!made) make_folder();
    made = true;
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    const size_t config = nul ? (size_t)(nul - data) : size;
    write_named(0, data, config);
    write_named(1, nul ? nul + 1 : data, nul ? size - config - 1 : 0);
    struct checkpoint *ck;
    if (checkpoint_open(folder, &ck) == KARMA_OK) {
        check(checkpoint_config(ck) != NULL && checkpoint_architecture(ck) != NULL);
        check(checkpoint_tensor_count(ck) == 1 && checkpoint_find(ck, "t") != NULL);
        checkpoint_close(ck);
    } else {
        check(ck == NULL && karma_error_message()[0] != '\0');
    }
    return 0;
}
