/*
 * replay_main.c - runs a fuzz target without a fuzzer: over the empty input and every file of its
 * seeds folder. The folder is the first argument, or follows from the program's name: replay_gguf
 * reads fuzz/seeds/gguf. Each input lies in a block of exactly its size, so that AddressSanitizer
 * sees a read past its end; none may leave a block of base/mem.h behind.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 0, or 1 when blocks were left behind. */
static int run_one(const uint8_t *data, size_t size, const char *name) {
    printf("# %s\n", name); /* the last line before a crash says which it was */
    fflush(stdout);
    size_t before = mem_live_blocks();
    LLVMFuzzerTestOneInput(data, size);
    size_t after = mem_live_blocks();
    if (after == before) return 0;
    printf("not ok - %s: %zu live blocks before, %zu after\n", name, before, after);
    return 1;
}

static int run_file(const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    long size = -1;
    if (f && fseek(f, 0, SEEK_END) == 0) size = ftell(f);
    uint8_t *data = size < 0 ? NULL : malloc(size ? (size_t)size : 1);
    int failed = 1;
    if (data) rewind(f);
    if (data && fread(data, 1, (size_t)size, f) == (size_t)size) {
        failed = run_one(data, (size_t)size, path);
    } else {
        printf("not ok - %s: cannot be read\n", path);
    }
    free(data);
    if (f) fclose(f);
    return failed;
}

static int is_seed(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv) {
    char folder[2048];
    if (argc > 1) {
        snprintf(folder, sizeof(folder), "%s", argv[1]);
    } else {
        const char *target = strstr(argv[0], "replay_");
        snprintf(folder, sizeof(folder), "fuzz/seeds/%s",
                 target ? target + strlen("replay_") : argv[0]);
    }
    uint8_t *nothing = malloc(1);
    LLVMFuzzerTestOneInput(nothing, 0); /* also fills what is made once and kept */
    int failed = run_one(nothing, 0, "empty input");
    free(nothing);

    struct dirent **entries = NULL;
    int n = scandir(folder, &entries, is_seed, alphasort);
    for (int i = 0; i < n; i++) {
        failed += run_file(folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    if (n <= 0) {
        printf("not ok - %s holds no seeds\n", folder);
        return 1;
    }
    if (!failed) printf("ok - %s: %d seeds\n", folder, n);
    return failed > 0;
}
