/*
 * fuzz_torch_pickle.c - any bytes as what torch.save wrote, and as the pickle in an archive that is
 * right otherwise. Tensors lie in the bytes and are as long as their shapes say.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "formats/torch_pickle.h"

static unsigned sum;

static void check(bool holds) {
    if (!holds) abort();
}

static void try_read(const unsigned char *data, size_t size) {
    struct arena a = {0};
    struct named_tensor *tensors;
    int64_t n;
    const karma_status st = torch_pickle_read(&a, data, size, "fuzz", &tensors, &n);
    check(st == KARMA_OK || karma_error_message()[0]);
    for (int64_t i = 0; st == KARMA_OK && i < n; i++) {
        const struct named_tensor *t = &tensors[i];
        uint64_t elems = 1, nbytes;
        for (int k = 0; k < t->n_dims; k++)
            elems *= (uint64_t)t->dims[k];
        check(dtype_bytes(t->dtype, elems, &nbytes) && nbytes == t->nbytes);
        for (size_t k = 0; k < t->nbytes; k++)
            sum += ((const unsigned char *)t->data)[k];
        sum += (unsigned)strlen(t->name);
    }
    arena_release(&a);
}

static void put(struct buf *b, uint64_t v, int n) {
    for (int i = 0; i < n; i++)
        buf_putc(b, (char)(i < 8 ? v >> (8 * i) : 0));
}

static void put_file(struct buf *b, struct buf *directory, const char *name, const void *data,
                     size_t len) {
    const size_t at = b->len, n = strlen(name);
    buf_append(b, "PK\3\4", 4);
    put(b, 0, 14);
    put(b, len, 4);
    put(b, len, 4);
    put(b, n, 4);
    buf_append(b, name, n);
    buf_append(b, data, len);
    buf_append(directory, "PK\1\2", 4);
    put(directory, 0, 16);
    put(directory, len, 4);
    put(directory, len, 4);
    put(directory, n, 2);
    put(directory, 0, 12);
    put(directory, at, 4);
    buf_append(directory, name, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const float storage[16];
    struct buf b = {0}, directory = {0};
    try_read(data, size);
    if (size > 1 << 20) return 0;
    put_file(&b, &directory, "m/data.pkl", data, size);
    put_file(&b, &directory, "m/data/0", storage, sizeof(storage));
    const size_t at = b.len;
    buf_append(&b, directory.data, directory.len);
    buf_append(&b, "PK\5\6", 4);
    put(&b, 0, 4);
    put(&b, 2 | 2 << 16, 4);
    put(&b, directory.len, 4);
    put(&b, at, 4);
    put(&b, 0, 2);
    try_read((const unsigned char *)b.data, b.len);
    buf_release(&b);
    buf_release(&directory);
    return 0;
}
