/* fuzz_tar.c - any bytes as a tar archive: names are plain paths, and data lies in the archive. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/tar.h"

static void check(bool holds) {
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a = {0};
    struct tar_file *files;
    size_t n;
    const karma_status st = tar_read(&a, data, size, &files, &n);
    check(st == KARMA_OK || (n == 0 && karma_error_message()[0]));
    for (size_t i = 0; i < n; i++) {
        const struct tar_file *f = &files[i];
        check(f->name[0] && f->name[0] != '/' && strcmp(f->name, "..") != 0);
        check(f->data >= data && f->size <= size && f->data + f->size <= data + size);
        check(tar_find(files, n, f->name) == f);
    }
    arena_release(&a);
    return 0;
}
