/*
 * fuzz_import.c - any bytes as a file of answers that were made elsewhere: refused with its line or
 * read whole. Then the same answer comes from the same key each time, with and without the name of
 * a data set, and whose answers they are can be said. The file is a temporary one.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "eval/import.h"

static char path[] = "/tmp/karma_fuzz_XXXXXX";

static void check(bool holds) {
    if (!holds) abort();
}

static void remove_file(void) {
    unlink(path);
}

static void write_file(const uint8_t *data, size_t size) {
    static bool made;
    if (!made) {
        const int fd = mkstemp(path);
        check(fd >= 0 && close(fd) == 0 && atexit(remove_file) == 0);
    }
    made = true;
    FILE *file = fopen(path, "wb");
    check(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

static void ask(const struct import *im, const char *dataset, const char *key) {
    struct arena a = {0};
    struct answer first, again;
    bool there;
    check(import_has(im, dataset, key, &there) == KARMA_OK);
    const karma_status st = import_get(im, dataset, key, &a, &first);
    check(st == (there ? KARMA_OK : KARMA_DONE));
    if (there) {
        check(first.text && utf8_valid(first.text, strlen(first.text), NULL));
        check(first.status == KARMA_OK);
        check(import_get(im, dataset, key, &a, &again) == KARMA_OK);
        check(strcmp(first.text, again.text) == 0 && first.flags == again.flags);
    }
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const keys[] = {"k0000", "k0001", "7", "-1", "\xC3\xA4", "nobody"};
    struct import *im;
    write_file(data, size);
    if (import_open(path, &im) < 0) {
        check(im == NULL && strstr(karma_error_message(), path) != NULL);
        return 0;
    }
    struct arena a = {0};
    const char *json, *name;
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        ask(im, "sums", keys[i]);
        ask(im, "other", keys[i]);
    }
    check(import_identity(im, &a, NULL, &json, &name) == KARMA_OK && json && name);
    check(import_identity(im, &a, "some/api", &json, &name) == KARMA_OK);
    check(strcmp(name, "some/api") == 0);
    import_close(im);
    arena_release(&a);
    return 0;
}
