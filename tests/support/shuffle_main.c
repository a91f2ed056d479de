/*
 * shuffle_main.c - a checkpoint with the same weights in another place: shuffle_main IN OUT copies
 * a .safetensors file of 2-byte elements and shuffles the elements of each tensor by a fixed seed.
 * What such a model scores is what knowing nothing scores.
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"
#include "formats/safetensors.h"

static void shuffle(unsigned char *data, size_t n, struct rng *rng) {
    for (size_t i = n; i > 1; i--) {
        const size_t k = (size_t)(rng_uniform(rng) * (double)i);
        unsigned char kept[2];
        memcpy(kept, data + 2 * (i - 1), 2);
        memcpy(data + 2 * (i - 1), data + 2 * k, 2);
        memcpy(data + 2 * k, kept, 2);
    }
}

static karma_status shuffle_file(const char *in, const char *out) {
    struct buf bytes = {0};
    struct arena arena = {0};
    struct named_tensor *tensors;
    int64_t count;
    karma_status st = file_read(in, (size_t)1 << 30, &bytes);
    if (st == KARMA_OK) {
        st = safetensors_parse(&arena, (const unsigned char *)bytes.data, bytes.len, in, &tensors,
                               &count);
    }
    for (int64_t i = 0; st == KARMA_OK && i < count; i++) {
        struct rng rng;
        rng_init(&rng, 1, tensors[i].name, strlen(tensors[i].name));
        const size_t at = (size_t)((const char *)tensors[i].data - bytes.data);
        if (dtype_block_bytes(tensors[i].dtype) != 2) {
            st = status_fail(KARMA_E_DTYPE, "%s: not 2 bytes an element", tensors[i].name);
        } else {
            shuffle((unsigned char *)bytes.data + at, tensors[i].nbytes / 2, &rng);
        }
    }
    if (st == KARMA_OK) st = file_write_atomic(out, bytes.data, bytes.len, 0644);
    arena_release(&arena);
    buf_release(&bytes);
    return st;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: shuffle_main IN.safetensors OUT.safetensors\n");
        return 2;
    }
    const karma_status st = shuffle_file(argv[1], argv[2]);
    if (st < 0) fprintf(stderr, "%s\n", karma_error_message());
    return karma_status_exit(st);
}
