/* test_quant.c - dequantisation against blocks and values made by the gguf package (see
 * tools/fixtures/make_quant.py), and blocks of every byte (row GG12). */
#include "tests/support/test.h"

#include <math.h>

#include "formats/safetensors.h"
#include "tensor/quant.h"

static const enum dtype weight_types[] = {
    DTYPE_F32,  DTYPE_F16,  DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_1, DTYPE_Q5_0,
    DTYPE_Q5_1, DTYPE_Q2_K, DTYPE_Q3_K, DTYPE_Q4_K, DTYPE_Q5_K, DTYPE_Q6_K, DTYPE_IQ4_NL,
};
enum { N_WEIGHT_TYPES = sizeof(weight_types) / sizeof(*weight_types) };

static const struct named_tensor *find(const struct named_tensor *t, int64_t n, const char *name) {
    for (int64_t i = 0; i < n; i++) {
        if (strcmp(t[i].name, name) == 0) return &t[i];
    }
    fail_msg("the fixture has no %s", name);
    return NULL;
}

static void gives_the_bits_of_the_reference(void **state) {
    (void)state;
    struct arena a = {0};
    struct named_tensor *tensors;
    int64_t n_tensors;
    size_t size;
    const char *bytes = read_fixture("tests/fixtures/tensor/quant.safetensors", &size);
    assert_ok(safetensors_parse(&a, (const unsigned char *)bytes, size, "quant.safetensors",
                                &tensors, &n_tensors));
    assert_int_equal(n_tensors, 2 * N_WEIGHT_TYPES);
    for (int i = 0; i < N_WEIGHT_TYPES; i++) {
        char name[32];
        const enum dtype type = weight_types[i];
        snprintf(name, sizeof(name), "%s.blocks", dtype_name(type));
        const struct named_tensor *blocks = find(tensors, n_tensors, name);
        snprintf(name, sizeof(name), "%s.values", dtype_name(type));
        const struct named_tensor *values = find(tensors, n_tensors, name);
        const int64_t n = values->dims[0];
        assert_int_equal(blocks->dims[1], dtype_block_bytes(type));
        assert_int_equal(blocks->dims[0] * dtype_block_elems(type), n);
        float *want = malloc(values->nbytes), *got = malloc(values->nbytes);
        memcpy(want, values->data, values->nbytes);
        dequantize(type, blocks->data, got, n);
        for (int64_t k = 0; k < n; k++) {
            if (isnan(want[k]) && isnan(got[k])) continue;
            if (memcmp(&want[k], &got[k], sizeof(float)) == 0) continue;
            fail_msg("%s: value %lld is %a, expected %a", dtype_name(type), (long long)k,
                     (double)got[k], (double)want[k]);
        }
        free(want);
        free(got);
    }
    arena_release(&a);
}

/* Exactly sized copies let the sanitizer see a read or write outside a block. */
static void stays_inside_its_block_for_every_byte(void **state) { /* GG12 */
    (void)state;
    for (int i = 0; i < N_WEIGHT_TYPES; i++) {
        const enum dtype type = weight_types[i];
        const size_t bytes = dtype_block_bytes(type);
        const int64_t elems = dtype_block_elems(type);
        for (int byte = 0; byte < 256; byte++) {
            unsigned char *block = malloc(bytes + 1); /* at an odd address */
            float *values = malloc((size_t)elems * sizeof(float));
            memset(block + 1, byte, bytes);
            dequantize(type, block + 1, values, elems);
            free(block);
            free(values);
        }
    }
}

static void lets_bad_scales_show(void **state) { /* GG12: found later by the check of logits */
    (void)state;
    unsigned char block[34] = {0x00, 0x7c}; /* infinity, and 32 zero quants */
    float y[32];
    dequantize(DTYPE_Q8_0, block, y, 32);
    assert_true(isnan(y[0])); /* infinity times zero */
    block[2] = 3;
    dequantize(DTYPE_Q8_0, block, y, 32);
    assert_true(isinf(y[0]));
    block[1] = 0x7e;
    dequantize(DTYPE_Q8_0, block, y, 32);
    assert_true(isnan(y[31]));
}

static void reads_blocks_one_after_the_other(void **state) {
    (void)state;
    /* d = 1: Q4_0 gives q - 8; the low half of a byte comes before all high halves */
    unsigned char blocks[36] = {0};
    float y[64];
    for (int b = 0; b < 2; b++) {
        blocks[18 * b + 1] = 0x3c;
        for (int i = 0; i < 16; i++)
            blocks[18 * b + 2 + i] = (unsigned char)(i | (15 - i) << 4);
    }
    dequantize(DTYPE_Q4_0, blocks, y, 64);
    for (int i = 0; i < 64; i++) {
        const int k = i % 32;
        assert_true(y[i] == (float)(k < 16 ? k - 8 : 15 - (k - 16) - 8));
    }
    dequantize(DTYPE_Q4_0, blocks, y, 0); /* nothing is a multiple of the block too */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(gives_the_bits_of_the_reference),
        test_case(stays_inside_its_block_for_every_byte),
        test_case(lets_bad_scales_show),
        test_case(reads_blocks_one_after_the_other),
    };
    return run_group("tensor/quant", tests);
}
