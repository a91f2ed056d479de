/*
 * fuzz_safetensors.c - any bytes as a .safetensors file. In an accepted one the tensors lie in the
 * file one after the other up to its last byte, and every byte of them can be read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "formats/safetensors.h"

static void check(bool holds) {
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a = {0};
    struct named_tensor *tensors;
    int64_t count;
    if (safetensors_parse(&a, data, size, "fuzz", &tensors, &count) == KARMA_OK) {
        const uint8_t *at = NULL;
        unsigned sum = 0;
        for (int64_t i = 0; i < count; i++) {
            const struct named_tensor *t = &tensors[i];
            const uint8_t *begin = t->data;
            check(t->name[0] != '\0' && t->n_dims >= 0 && t->n_dims <= TENSOR_MAX_DIMS);
            check(begin >= data + 10 && begin <= data + size);
            check(t->nbytes <= (size_t)(data + size - begin));
            check(!at || begin == at);
            at = begin + t->nbytes;
            for (size_t k = 0; k < t->nbytes; k++)
                sum += begin[k];
        }
        check(!at || at == data + size);
        check(sum <= 255 * size);
    } else {
        check(tensors == NULL && count == 0 && karma_error_message()[0] != '\0');
    }
    arena_release(&a);
    return 0;
}
