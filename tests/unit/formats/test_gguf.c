/* test_gguf.c - the rows GG1..GG9 of the robustness table, typed look-up, and right files. */
#include "tests/support/test.h"

#include "formats/gguf.h"
#include "tests/support/model_files.h"

enum { U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 }; /* ids in the file */

/* An exact copy is parsed, so that a read past the end is seen by the sanitizer. All tensors'
 * bytes are read. */
static karma_status parse_copy(const void *data, size_t size) {
    struct gguf *g;
    unsigned char *copy = malloc(size ? size : 1);
    if (size) memcpy(copy, data, size);
    karma_status st = gguf_parse(copy, size, "x.gguf", &g);
    assert_true((st == KARMA_OK) == (g != NULL));
    for (int64_t i = 0; g && i < gguf_tensor_count(g); i++) {
        const struct named_tensor *t = &gguf_tensors(g)[i];
        volatile unsigned char last = 0;
        for (size_t k = 0; k < t->nbytes; k++)
            last = ((const unsigned char *)t->data)[k];
        (void)last;
    }
    gguf_destroy(g);
    free(copy);
    return st;
}

/* Parse, check the status and that the message names the file, release. */
static void expect(struct buf *b, karma_status wanted, const char *message) {
    karma_status st = parse_copy(b->data, b->len);
    buf_release(b);
    assert_status(st, wanted);
    if (wanted == KARMA_OK) return;
    assert_message_contains("x.gguf: ");
    assert_message_contains(message);
}

static void reads_versions_two_and_three(void **state) {
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        struct buf b = {0};
        struct gguf *g;
        put_small_gguf(&b, version);
        assert_ok(gguf_parse((unsigned char *)b.data, b.len, "x.gguf", &g));
        assert_int_equal(gguf_tensor_count(g), 2);
        const struct named_tensor *t = gguf_tensors(g);
        assert_string_equal(t[0].name, "a");
        assert_string_equal(t[0].dtype_name, "F32");
        assert_string_equal(t[0].file, "x.gguf");
        assert_int_equal(t[0].n_dims, 2);
        assert_int_equal(t[0].dims[0], 2); /* the file says 3, 2: innermost first */
        assert_int_equal(t[0].dims[1], 3);
        assert_int_equal(t[0].nbytes, 24);
        assert_int_equal(t[1].dtype, DTYPE_F16);
        assert_int_equal(((const unsigned char *)t[1].data)[0], 32);
        assert_int_equal(gguf_key_count(g), 3);
        const struct gguf_value *v;
        assert_string_equal(gguf_key(g, 1, &v), "test.block_count");
        assert_int_equal(v->type, GGUF_U32);
        gguf_destroy(g);
        buf_release(&b);
    }
}

static void rejects_other_magic_and_versions(void **state) { /* GG1 */
    (void)state;
    struct buf b = {0};
    put_bytes(&b, "GGUT\3\0\0\0", 8);
    expect(&b, KARMA_E_MAGIC, "GGUT");
    static const struct {
        uint32_t version;
        karma_status status;
        const char *message;
    } cases[] = {
        {0, KARMA_E_VERSION, "version 0"},
        {1, KARMA_E_VERSION, "version 1"},
        {4, KARMA_E_VERSION, "version 4"},
        {UINT32_C(1) << 31, KARMA_E_UNSUPPORTED, "big-endian file"},
        {UINT32_C(3) << 24, KARMA_E_UNSUPPORTED, "big-endian file"},
        {UINT32_C(2) << 24, KARMA_E_UNSUPPORTED, "big-endian file"},
        {UINT32_MAX, KARMA_E_VERSION, "version 4294967295"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        put_gguf_head(&b, cases[i].version, 0, 0);
        expect(&b, cases[i].status, cases[i].message);
    }
}

static void bounds_counts_by_the_bytes_left(void **state) { /* GG2 */
    (void)state;
    enum { LEFT = 1400 };
    static const uint64_t counts[] = {UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 32,
                                      LEFT / 14 + 1};
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        for (int keys = 0; keys < 2; keys++) {
            struct buf b = {0};
            put_gguf_head(&b, 3, keys ? 0 : counts[i], keys ? counts[i] : 0);
            put_zeros(&b, LEFT);
            const uint64_t calls = mem_call_count();
            expect(&b, KARMA_E_LIMIT, keys ? "keys" : "tensors");
            assert_int_equal(mem_call_count() - calls, 1); /* the handle alone */
        }
    }
    struct buf b = {0};
    put_gguf_head(&b, 3, 1000001, 0);
    put_zeros(&b, 25 * 1000001);
    expect(&b, KARMA_E_LIMIT, "1000000 are allowed");
}

static void rejects_bad_keys(void **state) { /* GG3 */
    (void)state;
    struct buf b = {0};
    put_gguf_head(&b, 3, 0, 1);
    put_gguf_key_u32(&b, "", 1);
    expect(&b, KARMA_E_SYNTAX, "empty key");

    put_gguf_head(&b, 3, 0, 1);
    put_u64(&b, UINT64_MAX);
    put_zeros(&b, 20);
    expect(&b, KARMA_E_TRUNCATED, "18446744073709551615 bytes");

    put_gguf_head(&b, 3, 0, 1);
    put_u64(&b, 21);
    put_zeros(&b, 20);
    expect(&b, KARMA_E_TRUNCATED, "21 bytes with 20 left");

    put_gguf_head(&b, 3, 0, 1);
    put_gguf_key_u32(&b, "a\xff", 1);
    expect(&b, KARMA_E_ENCODING, "a\\xff");

    put_gguf_head(&b, 3, 0, 1);
    put_u64(&b, 3);
    put_bytes(&b, "a\0b", 3);
    put_u32(&b, U32);
    put_u32(&b, 1);
    expect(&b, KARMA_E_SYNTAX, "control character");

    put_gguf_head(&b, 3, 0, 2);
    put_gguf_key_u32(&b, "twice", 1);
    put_gguf_key_u32(&b, "twice", 1);
    expect(&b, KARMA_E_DUPLICATE, "twice");

    put_gguf_head(&b, 3, 0, 1);
    put_u64(&b, 65536);
    for (int i = 0; i < 65536; i++)
        put_bytes(&b, "k", 1);
    put_u32(&b, U32);
    put_u32(&b, 1);
    expect(&b, KARMA_E_LIMIT, "65535 are allowed");
}

static void rejects_bad_values(void **state) { /* GG4 */
    (void)state;
    struct buf b = {0};
    static const uint32_t unknown[] = {13, UINT32_MAX};
    for (int i = 0; i < 2; i++) {
        put_gguf_head(&b, 3, 0, 1);
        put_gguf_key(&b, "k", unknown[i]);
        put_u64(&b, 0);
        expect(&b, KARMA_E_TYPE, "k: value type");
        put_gguf_head(&b, 3, 0, 1);
        put_gguf_key_array(&b, "k", unknown[i], 0);
        expect(&b, KARMA_E_TYPE, "k: value type");
    }
    put_gguf_head(&b, 3, 0, 1);
    put_gguf_key_array(&b, "k", ARRAY, 1);
    put_zeros(&b, 32);
    expect(&b, KARMA_E_UNSUPPORTED, "k: arrays of arrays");

    put_gguf_head(&b, 3, 0, 1);
    put_gguf_key_array(&b, "k", U64, UINT64_C(1) << 61);
    put_zeros(&b, 64);
    expect(&b, KARMA_E_TRUNCATED, "values of type u64 with 64 bytes left");

    put_gguf_head(&b, 3, 0, 1);
    put_gguf_key_array(&b, "k", STRING, UINT64_C(1) << 60);
    put_zeros(&b, 64);
    expect(&b, KARMA_E_TRUNCATED, "strings with 64 bytes left");

    put_gguf_head(&b, 3, 0, 1);
    put_gguf_key_array(&b, "k", STRING, 2);
    put_gguf_string(&b, "whole");
    put_u64(&b, 5);
    put_bytes(&b, "cut!", 4);
    expect(&b, KARMA_E_TRUNCATED, "k: item 1");

    put_gguf_head(&b, 3, 0, 1);
    put_gguf_key(&b, "k", BOOL);
    put_bytes(&b, "\2", 1);
    expect(&b, KARMA_E_RANGE, "k: a bool of value 2");

    put_gguf_head(&b, 3, 0, 1);
    put_gguf_key_array(&b, "k", BOOL, 3);
    put_bytes(&b, "\0\1\2", 3);
    expect(&b, KARMA_E_RANGE, "k: a bool of value 2");

    put_gguf_head(&b, 3, 0, 1);
    put_gguf_key(&b, "k", STRING);
    put_u64(&b, (16 << 20) + 1);
    put_zeros(&b, (16 << 20) + 1);
    expect(&b, KARMA_E_LIMIT, "k: a string of 16777217 bytes");
}

static void accepts_a_vocabulary_alone(void **state) {
    (void)state;
    struct buf b = {0};
    put_gguf_head(&b, 3, 0, 1);
    put_gguf_key_string(&b, "general.architecture", "x"); /* ends without padding */
    expect(&b, KARMA_OK, "");
    put_gguf_head(&b, 3, 0, 0);
    expect(&b, KARMA_OK, "");
}

/* One tensor of 4 F32 with a general.alignment of the given type and value. */
static void put_aligned(struct buf *b, uint32_t type, const void *value, size_t bytes,
                        size_t align) {
    put_gguf_head(b, 3, 1, 1);
    put_gguf_key(b, "general.alignment", type);
    put_bytes(b, value, bytes);
    put_gguf_tensor(b, "a", 1, (const uint64_t[]){4}, 0, 0);
    put_padding(b, align);
    put_zeros(b, 16);
}

static void checks_the_alignment(void **state) { /* GG5 */
    (void)state;
    struct buf b = {0};
    static const uint32_t bad[] = {0, 1, 3, 4, 13, 48, 131072, UINT32_C(1) << 31};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        put_aligned(&b, U32, &bad[i], 4, 32);
        expect(&b, KARMA_E_RANGE, "general.alignment");
    }
    static const uint32_t good[] = {8, 16, 64, 65536};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        put_aligned(&b, U32, &good[i], 4, good[i]);
        expect(&b, KARMA_OK, "");
    }
    const uint64_t wide = 32;
    put_aligned(&b, U64, &wide, 8, 32);
    expect(&b, KARMA_E_TYPE, "expected u32, found u64");
    put_aligned(&b, F32, &wide, 4, 32);
    expect(&b, KARMA_E_TYPE, "general.alignment");

    put_gguf_head(&b, 3, 0, 2);
    put_gguf_key_u32(&b, "general.alignment", 32);
    put_gguf_key_u32(&b, "general.alignment", 64);
    expect(&b, KARMA_E_DUPLICATE, "general.alignment");
}

/* A file of one tensor with 64 bytes of data. */
static void put_one(struct buf *b, const char *name, uint32_t n_dims, const uint64_t *dims,
                    uint32_t type, uint64_t offset) {
    put_gguf_head(b, 3, 1, 0);
    put_gguf_tensor(b, name, n_dims, dims, type, offset);
    put_padding(b, 32);
    put_zeros(b, 64);
}

static void checks_the_dimensions(void **state) { /* GG6 */
    (void)state;
    struct buf b = {0};
    put_one(&b, "a", 0, NULL, 0, 0);
    expect(&b, KARMA_OK, "");
    put_one(&b, "a", 4, (const uint64_t[]){2, 2, 2, 2}, 0, 0);
    expect(&b, KARMA_OK, "");
    put_one(&b, "a", 5, (const uint64_t[]){1, 1, 1, 1, 1}, 0, 0);
    expect(&b, KARMA_E_RANGE, "tensor a: 5 dimensions");

    put_gguf_head(&b, 3, 1, 0);
    put_gguf_string(&b, "a");
    put_u32(&b, UINT32_MAX);
    put_zeros(&b, 64);
    expect(&b, KARMA_E_RANGE, "4294967295 dimensions");

    static const struct {
        uint64_t dims[2];
        uint32_t type;
        karma_status status;
    } cases[] = {
        {{0, 1}, 0, KARMA_E_RANGE},
        {{4, 0}, 0, KARMA_E_RANGE},
        {{UINT64_MAX, 1}, 0, KARMA_E_RANGE},
        {{UINT64_C(1) << 63, 1}, 0, KARMA_E_RANGE},
        {{UINT64_C(1) << 62, 1}, 0, KARMA_E_OVERFLOW},                 /* 2^64 bytes */
        {{UINT64_C(1) << 32, UINT64_C(1) << 32}, 0, KARMA_E_OVERFLOW}, /* wraps to 0 elements */
        {{UINT64_C(1) << 62, 2}, 24, KARMA_E_OVERFLOW},                /* 2^63 elements */
        {{(UINT64_C(1) << 62) - 1, 1}, 0, KARMA_E_OVERFLOW},           /* 2^64 - 4 bytes: padding */
        {{UINT64_C(1) << 40, 1}, 0, KARMA_E_TRUNCATED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        put_one(&b, "a", 2, cases[i].dims, cases[i].type, 0);
        expect(&b, cases[i].status, "tensor a: ");
    }
}

static void rejects_sizes_whose_sum_overflows(void **state) { /* GG6: each is fine by itself */
    (void)state;
    struct buf b = {0};
    const uint64_t huge = (UINT64_C(1) << 63) - 32;
    put_gguf_head(&b, 3, 3, 0);
    put_gguf_tensor(&b, "a", 1, &huge, 24, 0);
    put_gguf_tensor(&b, "b", 1, &huge, 24, huge);
    put_gguf_tensor(&b, "c", 1, (const uint64_t[]){64}, 24, 2 * huge);
    put_padding(&b, 32);
    put_zeros(&b, 64);
    expect(&b, KARMA_E_OVERFLOW, "tensor c: ");
}

static void rejects_unknown_types_and_broken_blocks(void **state) { /* GG7 */
    (void)state;
    struct buf b = {0};
    static const uint32_t bad[] = {4, 5, 31, 32, 33, 36, 37, 38, 43, 100, 138, UINT32_MAX};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        put_one(&b, "a", 1, (const uint64_t[]){256}, bad[i], 0);
        expect(&b, KARMA_E_DTYPE, "tensor a: type");
    }
    put_one(&b, "a", 1, (const uint64_t[]){33}, 2, 0);
    expect(&b, KARMA_E_SHAPE, "rows of 33 elements");
    put_one(&b, "a", 2, (const uint64_t[]){16, 2}, 8, 0); /* the product would fit a block */
    expect(&b, KARMA_E_SHAPE, "rows of 16 elements");
    put_one(&b, "a", 1, (const uint64_t[]){128}, 12, 0);
    expect(&b, KARMA_E_SHAPE, "Q4_K");
    put_one(&b, "a", 0, NULL, 2, 0);
    expect(&b, KARMA_E_SHAPE, "rows of 1 elements");
}

static void knows_the_size_of_every_type(void **state) { /* GG7 */
    (void)state;
    static const struct {
        uint32_t id;
        const char *name;
        size_t bytes; /* of 256 elements */
        enum dtype dtype;
    } types[] = {
        {0, "F32", 1024, DTYPE_F32},       {1, "F16", 512, DTYPE_F16},
        {2, "Q4_0", 144, DTYPE_Q4_0},      {3, "Q4_1", 160, DTYPE_Q4_1},
        {6, "Q5_0", 176, DTYPE_Q5_0},      {7, "Q5_1", 192, DTYPE_Q5_1},
        {8, "Q8_0", 272, DTYPE_Q8_0},      {9, "Q8_1", 288, DTYPE_OTHER},
        {10, "Q2_K", 84, DTYPE_Q2_K},      {11, "Q3_K", 110, DTYPE_Q3_K},
        {12, "Q4_K", 144, DTYPE_Q4_K},     {13, "Q5_K", 176, DTYPE_Q5_K},
        {14, "Q6_K", 210, DTYPE_Q6_K},     {15, "Q8_K", 292, DTYPE_OTHER},
        {16, "IQ2_XXS", 66, DTYPE_OTHER},  {17, "IQ2_XS", 74, DTYPE_OTHER},
        {18, "IQ3_XXS", 98, DTYPE_OTHER},  {19, "IQ1_S", 50, DTYPE_OTHER},
        {20, "IQ4_NL", 144, DTYPE_IQ4_NL}, {21, "IQ3_S", 110, DTYPE_OTHER},
        {22, "IQ2_S", 82, DTYPE_OTHER},    {23, "IQ4_XS", 136, DTYPE_OTHER},
        {24, "I8", 256, DTYPE_I8},         {25, "I16", 512, DTYPE_I16},
        {26, "I32", 1024, DTYPE_I32},      {27, "I64", 2048, DTYPE_I64},
        {28, "F64", 2048, DTYPE_F64},      {29, "IQ1_M", 56, DTYPE_OTHER},
        {30, "BF16", 512, DTYPE_BF16},     {34, "TQ1_0", 54, DTYPE_OTHER},
        {35, "TQ2_0", 66, DTYPE_OTHER},    {39, "MXFP4", 136, DTYPE_OTHER},
        {40, "NVFP4", 144, DTYPE_OTHER},   {41, "Q1_0", 36, DTYPE_OTHER},
        {42, "Q2_0", 72, DTYPE_OTHER},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        struct buf b = {0};
        struct gguf *g;
        put_gguf_head(&b, 3, 1, 0);
        put_gguf_tensor(&b, "a", 1, (const uint64_t[]){256}, types[i].id, 0);
        put_padding(&b, 32);
        put_zeros(&b, types[i].bytes); /* the last tensor needs no padding behind it */
        assert_ok(gguf_parse((unsigned char *)b.data, b.len, "x.gguf", &g));
        const struct named_tensor *t = gguf_tensors(g);
        assert_int_equal(t->nbytes, types[i].bytes);
        assert_int_equal(t->dtype, types[i].dtype);
        assert_string_equal(t->dtype_name, types[i].name);
        gguf_destroy(g);
        assert_status(parse_copy(b.data, b.len - 1), KARMA_E_TRUNCATED);
        buf_release(&b);
    }
}

/* Two tensors of 4 F32 (16 bytes, padded 32), the second at the given offset. */
static void put_two(struct buf *b, uint64_t second, size_t n_data) {
    put_gguf_head(b, 3, 2, 0);
    put_gguf_tensor(b, "a", 1, (const uint64_t[]){4}, 0, 0);
    put_gguf_tensor(b, "b", 1, (const uint64_t[]){4}, 0, second);
    put_padding(b, 32);
    put_zeros(b, n_data);
}

static void checks_the_offsets(void **state) { /* GG8 */
    (void)state;
    struct buf b = {0};
    put_two(&b, 32, 48);
    expect(&b, KARMA_OK, "");
    put_two(&b, 32, 1000); /* bytes behind the data section are accepted */
    expect(&b, KARMA_OK, "");
    put_two(&b, 16, 48);
    expect(&b, KARMA_E_RANGE, "tensor b: offset 16");
    put_two(&b, 33, 48);
    expect(&b, KARMA_E_RANGE, "tensor b: offset 33");
    put_two(&b, 0, 48);
    expect(&b, KARMA_E_OVERLAP, "tensor b: ");
    put_two(&b, 64, 96);
    expect(&b, KARMA_E_HOLE, "tensor b: ");
    put_two(&b, UINT64_C(1) << 63, 48);
    expect(&b, KARMA_E_HOLE, "tensor b: ");
    put_two(&b, 32, 47);
    expect(&b, KARMA_E_TRUNCATED, "tensor b: 16 bytes at 32");
    put_two(&b, 32, 0);
    expect(&b, KARMA_E_TRUNCATED, "tensor a: ");
    put_gguf_head(&b, 3, 1, 0); /* not even the padding before the data section */
    put_gguf_tensor(&b, "a", 1, (const uint64_t[]){4}, 0, 0);
    expect(&b, KARMA_E_TRUNCATED, "before its data section");
    put_one(&b, "a", 1, (const uint64_t[]){4}, 0, 32);
    expect(&b, KARMA_E_HOLE, "tensor a: ");
}

static void checks_tensor_names(void **state) { /* GG9 */
    (void)state;
    struct buf b = {0};
    char name[65];
    memset(name, 'n', 64);
    name[64] = '\0';
    const uint64_t four = 4;
    put_one(&b, name, 1, &four, 0, 0);
    expect(&b, KARMA_E_LIMIT, "64 bytes");
    put_one(&b, name + 1, 1, &four, 0, 0);
    expect(&b, KARMA_OK, "");
    put_one(&b, "", 1, &four, 0, 0);
    expect(&b, KARMA_E_SYNTAX, "empty tensor name");
    put_one(&b, "\xc3", 1, &four, 0, 0);
    expect(&b, KARMA_E_ENCODING, "\\xc3");

    put_gguf_head(&b, 3, 1, 0);
    put_u64(&b, 3);
    put_bytes(&b, "a\0b", 3);
    put_u32(&b, 0);
    put_u32(&b, 0);
    put_u64(&b, 0);
    put_padding(&b, 32);
    put_zeros(&b, 32);
    expect(&b, KARMA_E_SYNTAX, "control character");

    put_gguf_head(&b, 3, 2, 0);
    put_gguf_tensor(&b, "a", 1, &four, 0, 0);
    put_gguf_tensor(&b, "a", 1, &four, 0, 32);
    put_padding(&b, 32);
    put_zeros(&b, 64);
    expect(&b, KARMA_E_DUPLICATE, "tensor a is given twice");
}

static void fails_cleanly_when_cut_anywhere(void **state) {
    (void)state;
    struct buf b = {0};
    put_small_gguf(&b, 3);
    for (size_t len = 0; len < b.len; len++)
        assert_true(parse_copy(b.data, len) < 0);
    assert_ok(parse_copy(b.data, b.len));
    buf_release(&b);
}

static void survives_every_flipped_bit(void **state) {
    (void)state;
    struct buf b = {0};
    put_small_gguf(&b, 3);
    for (size_t bit = 0; bit < b.len * 8; bit++) {
        b.data[bit / 8] = (char)(b.data[bit / 8] ^ 1 << bit % 8);
        parse_copy(b.data, b.len);
        b.data[bit / 8] = (char)(b.data[bit / 8] ^ 1 << bit % 8);
    }
    buf_release(&b);
}

static karma_status attempt(void *ctx) {
    const struct buf *b = ctx;
    return parse_copy(b->data, b->len);
}

static void survives_failing_allocations(void **state) {
    (void)state;
    struct buf b = {0};
    put_small_gguf(&b, 3);
    assert_true(for_each_failing_allocation(attempt, &b) >= 4);
    buf_release(&b);
}

static void finds_values_by_key_and_type(void **state) { /* GG10: bounds and finite numbers */
    (void)state;
    struct buf b = {0};
    struct gguf *g;
    const uint64_t large = UINT64_MAX;
    const float nan_value = __builtin_nanf("");
    const double half = 0.5;
    put_gguf_head(&b, 3, 0, 13);
    put_gguf_key(&b, "u8", U8);
    put_bytes(&b, "\xff", 1);
    put_gguf_key(&b, "i8", I8);
    put_bytes(&b, "\xff", 1);
    put_gguf_key(&b, "u16", U16);
    put_bytes(&b, "\xff\xff", 2);
    put_gguf_key(&b, "i16", I16);
    put_bytes(&b, "\xff\xff", 2);
    put_gguf_key_u32(&b, "u32", UINT32_MAX);
    put_gguf_key(&b, "i32", I32);
    put_u32(&b, UINT32_MAX);
    put_gguf_key(&b, "u64", U64);
    put_u64(&b, large);
    put_gguf_key(&b, "i64", I64);
    put_u64(&b, large);
    put_gguf_key(&b, "nan", F32);
    put_bytes(&b, &nan_value, 4);
    put_gguf_key(&b, "half", F64);
    put_bytes(&b, &half, 8);
    put_gguf_key(&b, "yes", BOOL);
    put_bytes(&b, "\1", 1);
    put_gguf_key(&b, "text", STRING);
    put_u64(&b, 3);
    put_bytes(&b, "a\0b", 3);
    put_gguf_key_array(&b, "ids", I16, 2);
    put_bytes(&b, "\1\0\xfe\xff", 4);
    assert_ok(gguf_parse((unsigned char *)b.data, b.len, "x.gguf", &g));

    static const struct {
        const char *key;
        int64_t value;
    } ints[] = {{"u8", 255},         {"i8", -1},  {"u16", 65535}, {"i16", -1},
                {"u32", UINT32_MAX}, {"i32", -1}, {"i64", -1},    {"absent", -7}};
    int64_t i;
    for (size_t k = 0; k < sizeof(ints) / sizeof(*ints); k++) {
        assert_ok(gguf_int(g, ints[k].key, INT64_MIN, INT64_MAX, -7, &i));
        assert_int_equal(i, ints[k].value);
    }
    assert_status(gguf_int(g, "u64", INT64_MIN, INT64_MAX, 0, &i), KARMA_E_RANGE);
    assert_message_contains("u64");
    assert_status(gguf_int(g, "i8", 0, 100, 0, &i), KARMA_E_RANGE);
    assert_message_contains("i8: -1 is not in 0..100");
    assert_status(gguf_int(g, "half", 0, 1, 0, &i), KARMA_E_TYPE);
    assert_status(gguf_int(g, "yes", 0, 1, 0, &i), KARMA_E_TYPE);
    assert_status(gguf_need_int(g, "absent", 0, 1, &i), KARMA_E_MISSING);
    assert_message_contains("absent");
    assert_ok(gguf_need_int(g, "u8", 0, 255, &i));

    double d;
    assert_ok(gguf_real(g, "half", 0, &d));
    assert_true(d == 0.5);
    assert_ok(gguf_real(g, "i16", 0, &d));
    assert_true(d == -1);
    assert_ok(gguf_real(g, "u64", 0, &d));
    assert_true(d == 18446744073709551616.0);
    assert_ok(gguf_real(g, "absent", 2.5, &d));
    assert_true(d == 2.5);
    assert_status(gguf_real(g, "nan", 0, &d), KARMA_E_RANGE);
    assert_message_contains("nan");
    assert_status(gguf_real(g, "text", 0, &d), KARMA_E_TYPE);

    bool yes;
    assert_ok(gguf_bool(g, "yes", false, &yes));
    assert_true(yes);
    assert_ok(gguf_bool(g, "absent", true, &yes));
    assert_true(yes);
    assert_status(gguf_bool(g, "u8", true, &yes), KARMA_E_TYPE);

    const char *text;
    size_t len;
    assert_ok(gguf_string(g, "text", &text, &len));
    assert_int_equal(len, 3);
    assert_memory_equal(text, "a\0b", 3);
    assert_ok(gguf_string(g, "absent", &text, &len));
    assert_null(text);
    assert_status(gguf_string(g, "u8", &text, &len), KARMA_E_TYPE);

    const struct gguf_value *v;
    assert_ok(gguf_array(g, "ids", GGUF_I16, &v));
    assert_int_equal(v->count, 2);
    assert_int_equal(gguf_array_int(v, 1), -2);
    assert_true(gguf_array_real(v, 0) == 1);
    assert_ok(gguf_array(g, "absent", GGUF_I16, &v));
    assert_null(v);
    assert_status(gguf_array(g, "ids", GGUF_I32, &v), KARMA_E_TYPE);
    assert_message_contains("expected an array of i32, found one of i16");
    assert_status(gguf_array(g, "u8", GGUF_U8, &v), KARMA_E_TYPE);
    gguf_destroy(g);
    buf_release(&b);
}

static void walks_an_array_of_strings(void **state) {
    (void)state;
    struct buf b = {0};
    struct gguf *g;
    const struct gguf_value *v;
    size_t len;
    put_small_gguf(&b, 3);
    assert_ok(gguf_parse((unsigned char *)b.data, b.len, "x.gguf", &g));
    assert_ok(gguf_array(g, "test.names", GGUF_STRING, &v));
    assert_int_equal(v->count, 2);
    const unsigned char *at = v->data;
    const char *s = gguf_array_next_string(v, &at, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(s, "one", 3);
    gguf_array_next_string(v, &at, &len);
    assert_int_equal(len, 0);
    assert_ptr_equal(at, v->data + v->len);
    gguf_destroy(g);
    buf_release(&b);
}

static void takes_a_hundred_thousand_keys_in_no_time(void **state) {
    (void)state;
    struct buf b = {0};
    enum { N = 100000 };
    put_gguf_head(&b, 3, 0, N);
    for (uint32_t i = 0; i < N; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%u", i);
        put_gguf_key_u32(&b, key, i);
    }
    struct gguf *g;
    int64_t v;
    assert_ok(gguf_parse((unsigned char *)b.data, b.len, "x.gguf", &g));
    assert_ok(gguf_need_int(g, "k77777", 0, N, &v));
    assert_int_equal(v, 77777);
    gguf_destroy(g);
    buf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(reads_versions_two_and_three),
        test_case(rejects_other_magic_and_versions),
        test_case(bounds_counts_by_the_bytes_left),
        test_case(rejects_bad_keys),
        test_case(rejects_bad_values),
        test_case(accepts_a_vocabulary_alone),
        test_case(checks_the_alignment),
        test_case(checks_the_dimensions),
        test_case(rejects_sizes_whose_sum_overflows),
        test_case(rejects_unknown_types_and_broken_blocks),
        test_case(knows_the_size_of_every_type),
        test_case(checks_the_offsets),
        test_case(checks_tensor_names),
        test_case(fails_cleanly_when_cut_anywhere),
        test_case(survives_every_flipped_bit),
        test_case(survives_failing_allocations),
        test_case(finds_values_by_key_and_type),
        test_case(walks_an_array_of_strings),
        test_case(takes_a_hundred_thousand_keys_in_no_time),
    };
    return run_group("formats/gguf", tests);
}
