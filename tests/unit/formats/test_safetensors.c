/* test_safetensors.c - the rows ST1..ST12 of the robustness table, and what a right file gives. */
#include "tests/support/test.h"

#include "base/log.h"
#include "formats/safetensors.h"
#include "tests/support/model_files.h"

struct result {
    struct arena a;
    struct named_tensor *tensors;
    int64_t count;
};

static karma_status parse_bytes(const void *data, size_t size, struct result *r) {
    *r = (struct result){0};
    return safetensors_parse(&r->a, data, size, "x.safetensors", &r->tensors, &r->count);
}

static karma_status parse_header(const char *header, size_t n_data, struct result *r) {
    struct buf b = {0};
    put_safetensors(&b, header, n_data);
    /* an exact copy, so that a read past the end is seen by the sanitizer */
    void *copy = malloc(b.len);
    memcpy(copy, b.data, b.len);
    karma_status st = parse_bytes(copy, b.len, r);
    for (int64_t i = 0; st == KARMA_OK && i < r->count; i++) {
        const struct named_tensor *t = &r->tensors[i];
        volatile unsigned char last = 0;
        for (size_t k = 0; k < t->nbytes; k++)
            last = ((const unsigned char *)t->data)[k];
        (void)last;
    }
    free(copy);
    buf_release(&b);
    return st;
}

struct refusal {
    karma_status status;
    size_t n_data;
    const char *header;
    const char *message; /* part of it */
};

static void check_refusals(const struct refusal *cases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct result r;
        karma_status st = parse_header(cases[i].header, cases[i].n_data, &r);
        if (st != cases[i].status) print_error("case %zu: %s\n", i, cases[i].header);
        assert_status(st, cases[i].status);
        assert_null(r.tensors);
        assert_message_contains("x.safetensors: ");
        assert_message_contains(cases[i].message);
        arena_release(&r.a);
    }
}

static void check_accepted(const char *const *headers, size_t n, size_t n_data) {
    for (size_t i = 0; i < n; i++) {
        struct result r;
        karma_status st = parse_header(headers[i], n_data, &r);
        if (st != KARMA_OK) print_error("case %zu: %s\n", i, headers[i]);
        assert_ok(st);
        arena_release(&r.a);
    }
}

#define CHECK_REFUSALS(cases) check_refusals(cases, sizeof(cases) / sizeof(*(cases)))
#define CHECK_ACCEPTED(headers, n_data)                                                            \
    check_accepted(headers, sizeof(headers) / sizeof(*(headers)), n_data)

static void gives_name_type_shape_and_bytes(void **state) {
    (void)state;
    struct result r;
    struct buf b = {0};
    put_safetensors(&b, small_safetensors_header, 22);
    assert_ok(parse_bytes(b.data, b.len, &r));
    assert_int_equal(r.count, 2);
    const struct named_tensor *t = &r.tensors[0];
    assert_string_equal(t->name, "a");
    assert_string_equal(t->dtype_name, "F32");
    assert_string_equal(t->file, "x.safetensors");
    assert_int_equal(t->dtype, DTYPE_F32);
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->dims[1], 2);
    assert_int_equal(t->nbytes, 16);
    assert_ptr_equal(t->data, b.data + b.len - 22);
    assert_int_equal(r.tensors[1].dtype, DTYPE_BF16);
    assert_int_equal(((const unsigned char *)r.tensors[1].data)[0], 16);
    arena_release(&r.a);
    buf_release(&b);
}

static void accepts_a_file_without_tensors(void **state) {
    (void)state;
    struct result r;
    assert_ok(parse_header("{}", 0, &r));
    assert_int_equal(r.count, 0);
    arena_release(&r.a);
}

static void checks_the_header_length(void **state) { /* ST1 */
    (void)state;
    static const struct {
        uint64_t length;
        karma_status status;
    } cases[] = {
        {0, KARMA_E_SYNTAX},
        {1, KARMA_E_SYNTAX},
        {7, KARMA_E_SYNTAX}, /* the first seven bytes of a longer object */
        {UINT64_C(1) << 31, KARMA_E_LIMIT},
        {UINT64_C(1) << 32, KARMA_E_LIMIT},
        {UINT64_C(1) << 63, KARMA_E_LIMIT},
        {UINT64_MAX, KARMA_E_LIMIT},
        {100000000, KARMA_E_TRUNCATED},
        {100000001, KARMA_E_LIMIT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf b = {0};
        struct result r;
        put_safetensors(&b, small_safetensors_header, 22);
        memcpy(b.data, &cases[i].length, sizeof(cases[i].length));
        assert_status(parse_bytes(b.data, b.len, &r), cases[i].status);
        arena_release(&r.a);
        buf_release(&b);
    }
    for (size_t less = 7; less <= 9; less++) { /* around all that follows the length field */
        struct buf b = {0};
        struct result r;
        put_safetensors(&b, small_safetensors_header, 22);
        const uint64_t length = b.len - less;
        memcpy(b.data, &length, sizeof(length));
        assert_status(parse_bytes(b.data, b.len, &r),
                      less == 7 ? KARMA_E_TRUNCATED : KARMA_E_SYNTAX);
        arena_release(&r.a);
        buf_release(&b);
    }
}

static void accepts_blanks_around_the_object(void **state) { /* ST2 */
    (void)state;
    static const char *const headers[] = {"  {}", "{}   ", "\t\r\n {} \n"};
    CHECK_ACCEPTED(headers, 0);
}

static void rejects_a_header_that_is_not_one_object(void **state) { /* ST2 */
    (void)state;
    static const struct refusal cases[] = {
        {KARMA_E_SYNTAX, 0, "[]", "expected an object"},
        {KARMA_E_SYNTAX, 0, "null", "expected an object"},
        {KARMA_E_SYNTAX, 0, "{}x", "header"},
        {KARMA_E_SYNTAX, 0, "{}{}", "header"},
        {KARMA_E_SYNTAX, 0, "{},", "header"},
        {KARMA_E_SYNTAX, 0, "\xef\xbb\xbf{}", "header"},
        {KARMA_E_SYNTAX, 0, "{\"a\":{},}", "header"},
        {KARMA_E_SYNTAX, 0, "/**/{}", "header"},
        {KARMA_E_ENCODING, 0, "{\"\xff\":{}}", "UTF-8"},
        {KARMA_E_ENCODING, 0, "{\"\xed\xa0\x80\":{}}", "UTF-8"},
        {KARMA_E_ENCODING, 0, "{\"\xc0\xaf\":{}}", "UTF-8"},
    };
    CHECK_REFUSALS(cases);
    static const char *const with_nul[] = {"{}\0\0", "\0{}"};
    for (int i = 0; i < 2; i++) {
        struct buf b = {0};
        struct result r;
        put_u64(&b, 3);
        put_bytes(&b, with_nul[i], 3);
        assert_status(parse_bytes(b.data, b.len, &r), KARMA_E_SYNTAX);
        arena_release(&r.a);
        buf_release(&b);
    }
}

static void rejects_duplicate_and_missing_members(void **state) { /* ST3 */
    (void)state;
#define T "\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]"
    static const struct refusal cases[] = {
        {KARMA_E_DUPLICATE, 1, "{\"a\":{" T "},\"a\":{" T "}}", "tensor a is given twice"},
        {KARMA_E_DUPLICATE, 1, "{\"a\":{" T ",\"dtype\":\"U8\"}}", "tensor a: dtype"},
        {KARMA_E_DUPLICATE, 1, "{\"a\":{" T ",\"shape\":[1]}}", "tensor a: shape"},
        {KARMA_E_DUPLICATE, 1, "{\"a\":{" T ",\"data_offsets\":[0,1]}}", "data_offsets"},
        {KARMA_E_DUPLICATE, 1, "{\"a\":{" T ",\"x\":1,\"x\":2}}", "x is given twice"},
        {KARMA_E_MISSING, 1, "{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", "dtype is missing"},
        {KARMA_E_MISSING, 1, "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", "shape is"},
        {KARMA_E_MISSING, 1, "{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", "data_offsets is"},
        {KARMA_E_TYPE, 1, "{\"a\":[]}", "tensor a: entry"},
        {KARMA_E_TYPE, 1, "{\"a\":null}", "tensor a: entry"},
    };
    CHECK_REFUSALS(cases);
}

static void count_warning(void *user, karma_log_level level, const char *line) {
    (void)line;
    if (level == KARMA_LOG_WARNING) (*(int *)user)++;
}

static void warns_once_of_unknown_members(void **state) { /* ST3 */
    (void)state;
    int warnings = 0;
    struct result r;
    karma_set_log(count_warning, &warnings);
    karma_status st = parse_header(
        "{\"a\":{\"extra\":{\"k\":[1,[2]]},\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
        "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2],\"extra\":null}}",
        2, &r);
    karma_set_log(NULL, NULL);
    assert_ok(st);
    assert_int_equal(warnings, 1);
    arena_release(&r.a);
}

static void checks_the_metadata(void **state) { /* ST4 */
    (void)state;
    static const char *const good[] = {
        "{\"__metadata__\":null}",
        "{\"__metadata__\":{}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},\"__metadata__\":{\"k\":"
        "\"v\"}}",
    };
    CHECK_ACCEPTED(good, 0);
    static const struct refusal cases[] = {
        {KARMA_E_TYPE, 0, "{\"__metadata__\":[]}", "__metadata__"},
        {KARMA_E_TYPE, 0, "{\"__metadata__\":{\"k\":1}}", "the value of k"},
        {KARMA_E_TYPE, 0, "{\"__metadata__\":{\"k\":{}}}", "the value of k"},
        {KARMA_E_DUPLICATE, 0, "{\"__metadata__\":{\"k\":\"a\",\"k\":\"b\"}}", "k is given twice"},
        {KARMA_E_DUPLICATE, 0, "{\"__metadata__\":{},\"__metadata__\":{}}", "given twice"},
    };
    CHECK_REFUSALS(cases);
}

static void names_an_unknown_dtype(void **state) { /* ST5 */
    (void)state;
    static const struct refusal cases[] = {
        {KARMA_E_DTYPE, 1, "{\"a\":{\"dtype\":\"Q8\",\"shape\":[1],\"data_offsets\":[0,1]}}", "Q8"},
        {KARMA_E_DTYPE, 1, "{\"a\":{\"dtype\":\"u8\",\"shape\":[1],\"data_offsets\":[0,1]}}", "u8"},
        {KARMA_E_DTYPE, 1, "{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,1]}}", "dtype"},
        {KARMA_E_DTYPE, 1, "{\"a\":{\"dtype\":\"\",\"shape\":[1],\"data_offsets\":[0,1]}}",
         "dtype"},
    };
    CHECK_REFUSALS(cases);
}

static void knows_every_dtype_of_the_format(void **state) { /* ST5 */
    (void)state;
    static const struct {
        const char *name;
        int bits;
        enum dtype dtype;
    } types[] = {
        {"BOOL", 8, DTYPE_BOOL},
        {"U8", 8, DTYPE_U8},
        {"I8", 8, DTYPE_I8},
        {"F8_E5M2", 8, DTYPE_OTHER},
        {"F8_E4M3", 8, DTYPE_OTHER},
        {"I16", 16, DTYPE_I16},
        {"U16", 16, DTYPE_U16},
        {"F16", 16, DTYPE_F16},
        {"BF16", 16, DTYPE_BF16},
        {"I32", 32, DTYPE_I32},
        {"U32", 32, DTYPE_U32},
        {"F32", 32, DTYPE_F32},
        {"F64", 64, DTYPE_F64},
        {"I64", 64, DTYPE_I64},
        {"U64", 64, DTYPE_U64},
        {"C64", 64, DTYPE_OTHER},
        {"F8_E8M0", 8, DTYPE_OTHER},
        {"F8_E4M3FNUZ", 8, DTYPE_OTHER},
        {"F8_E5M2FNUZ", 8, DTYPE_OTHER},
        {"F6_E2M3", 6, DTYPE_OTHER},
        {"F6_E3M2", 6, DTYPE_OTHER},
        {"F4", 4, DTYPE_OTHER},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        char header[256];
        struct result r;
        const int bytes = 4 * types[i].bits / 8;
        snprintf(header, sizeof(header),
                 "{\"a\":{\"dtype\":\"%s\",\"shape\":[4],\"data_offsets\":[0,%d]}}", types[i].name,
                 bytes);
        assert_ok(parse_header(header, (size_t)bytes, &r));
        assert_int_equal(r.tensors[0].dtype, types[i].dtype);
        assert_string_equal(r.tensors[0].dtype_name, types[i].name);
        arena_release(&r.a);
    }
    static const struct refusal odd[] = {
        {KARMA_E_SHAPE, 1, "{\"a\":{\"dtype\":\"F4\",\"shape\":[1],\"data_offsets\":[0,1]}}",
         "whole number of bytes"},
    };
    CHECK_REFUSALS(odd);
}

#define SHAPE(shape, end)                                                                          \
    "{\"a\":{\"dtype\":\"U8\",\"shape\":" shape ",\"data_offsets\":[0," end "]}}"

static void rejects_shapes_that_are_no_counts(void **state) { /* ST6 */
    (void)state;
    static const struct refusal cases[] = {
        {KARMA_E_RANGE, 1, SHAPE("[-1]", "1"), "shape"},
        {KARMA_E_RANGE, 0, SHAPE("[-0]", "0"), "shape"},
        {KARMA_E_TYPE, 1, SHAPE("[1.0]", "1"), "shape"},
        {KARMA_E_TYPE, 1, SHAPE("[1e0]", "1"), "shape"},
        {KARMA_E_TYPE, 1, SHAPE("[\"1\"]", "1"), "shape"},
        {KARMA_E_TYPE, 1, SHAPE("[[1]]", "1"), "shape"},
        {KARMA_E_TYPE, 1, SHAPE("1", "1"), "shape"},
        {KARMA_E_TYPE, 1, SHAPE("[null]", "1"), "shape"},
        {KARMA_E_RANGE, 1, SHAPE("[18446744073709551616]", "1"), "shape"},
        {KARMA_E_SYNTAX, 1, SHAPE("[01]", "1"), "leading zero"},
        {KARMA_E_RANGE, 1, SHAPE("[1,1,1,1,1,1,1,1,1]", "1"), "more than 8 dimensions"},
    };
    CHECK_REFUSALS(cases);
}

static void accepts_scalars_and_empty_tensors(void **state) { /* ST6 */
    (void)state;
    static const char *const one[] = {SHAPE("[]", "1"), SHAPE("[1,1,1,1,1,1,1,1]", "1")};
    static const char *const none[] = {SHAPE("[0]", "0"), SHAPE("[3,0,7]", "0")};
    CHECK_ACCEPTED(one, 1);
    CHECK_ACCEPTED(none, 0);
}

static void rejects_shapes_whose_product_overflows(void **state) { /* ST7 */
    (void)state;
    static const struct refusal cases[] = {
        {KARMA_E_OVERFLOW, 0, SHAPE("[4294967296,4294967296]", "0"), "overflows"},
        {KARMA_E_OVERFLOW, 0, SHAPE("[9223372036854775808,2]", "0"), "2^63"},
        {KARMA_E_OVERFLOW, 0, SHAPE("[2,18446744073709551614]", "0"), "2^63"},
        {KARMA_E_OVERFLOW, 0, SHAPE("[4611686018427387904,2,2,0]", "0"), "overflows"},
        {KARMA_E_OVERFLOW, 0,
         "{\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}",
         "overflows"},
        {KARMA_E_OVERFLOW, 0,
         "{\"a\":{\"dtype\":\"I32\",\"shape\":[2,9223372036854775807],\"data_offsets\":[0,0]}}",
         "overflows"},
    };
    CHECK_REFUSALS(cases);
    static const char *const hidden_by_zero[] = {
        SHAPE("[4294967296,0,4294967296]", "0"),
        SHAPE("[0,4611686018427387904,4611686018427387904]", "0")};
    CHECK_ACCEPTED(hidden_by_zero, 0);
}

#define TWO(b1, e1, b2, e2)                                                                        \
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[" b1 "," e1 "]},"                    \
    "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[" b2 "," e2 "]}}"

static void rejects_offsets_that_do_not_tile_the_data(void **state) { /* ST8, ST12 */
    (void)state;
    static const struct refusal cases[] = {
        {KARMA_E_RANGE, 8, TWO("4", "0", "4", "8"), "before begin"},
        {KARMA_E_RANGE, 8, TWO("0", "4", "5", "9"), "ends at 9 of 8"},
        {KARMA_E_RANGE, 8, TWO("0", "4", "18446744073709551612", "18446744073709551615"), "bytes"},
        {KARMA_E_RANGE, 8, TWO("0", "5", "4", "8"), "shape and dtype make 4"},
        {KARMA_E_OVERLAP, 8, TWO("0", "4", "3", "7"), "tensor b"},
        {KARMA_E_OVERLAP, 8, TWO("0", "4", "0", "4"), "tensor b"},
        {KARMA_E_HOLE, 9, TWO("0", "4", "5", "9"), "tensor b"},
        {KARMA_E_HOLE, 9, TWO("1", "5", "5", "9"), "tensor a"},
        {KARMA_E_UNEXPECTED, 9, TWO("0", "4", "4", "8"), "1 bytes after the last tensor"},
        {KARMA_E_UNEXPECTED, 1, "{}", "1 bytes after"},
        {KARMA_E_RANGE, 7, TWO("0", "4", "4", "8"), "cut download"},
        {KARMA_E_RANGE, 8, TWO("-0", "4", "4", "8"), "data_offsets"},
        {KARMA_E_TYPE, 8, TWO("0", "4.0", "4", "8"), "data_offsets"},
        {KARMA_E_TYPE, 1, "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", "two"},
        {KARMA_E_TYPE, 1, "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}",
         "two numbers"},
        {KARMA_E_TYPE, 1, "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":null}}",
         "an array"},
    };
    CHECK_REFUSALS(cases);
}

static void sorts_tensors_by_offset(void **state) { /* ST8 */
    (void)state;
    struct result r;
    struct buf header = {0};
    enum { N = 50 };
    /* in the order 0, 7, 14, ... modulo 50, with an empty tensor at every tenth place */
    assert_ok(buf_putc(&header, '{'));
    for (int i = 0; i < N; i++) {
        const int k = i * 7 % N;
        assert_ok(buf_printf(
            &header, "%s\"t%02d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
            i ? "," : "", k, k, k + 1));
        if (k % 10 != 0) continue;
        assert_ok(buf_printf(
            &header, ",\"e%02d\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[%d,%d]}", k, k,
            k));
    }
    assert_ok(buf_putc(&header, '}'));
    assert_ok(parse_header(buf_str(&header), N, &r));
    assert_int_equal(r.count, N + 5);
    int next = 0;
    for (int64_t i = 0; i < r.count; i++) {
        char name[16];
        if (r.tensors[i].nbytes == 0) continue;
        snprintf(name, sizeof(name), "t%02d", next++);
        assert_string_equal(r.tensors[i].name, name);
    }
    assert_int_equal(next, N);
    arena_release(&r.a);
    buf_release(&header);
}

static void loads_tensors_at_odd_addresses(void **state) { /* ST9 */
    (void)state;
    struct result r;
    struct buf b = {0};
    put_safetensors(&b,
                    "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                    "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}",
                    5);
    assert_ok(parse_bytes(b.data, b.len, &r));
    assert_int_equal(((const unsigned char *)r.tensors[1].data)[3], 4);
    arena_release(&r.a);
    buf_release(&b);
}

static void rejects_names_that_cannot_be_shown(void **state) { /* ST10 */
    (void)state;
    static const struct refusal cases[] = {
        {KARMA_E_SYNTAX, 1, "{\"\":{" T "}}", "empty tensor name"},
        {KARMA_E_SYNTAX, 1, "{\"a\\u0000b\":{" T "}}", "control character"},
        {KARMA_E_SYNTAX, 1, "{\"a\\n\":{" T "}}", "control character"},
        {KARMA_E_SYNTAX, 1, "{\"\\ud800\":{" T "}}", "surrogate"},
    };
    CHECK_REFUSALS(cases);
    struct buf header = {0};
    struct result r;
    assert_ok(buf_puts(&header, "{\""));
    for (int i = 0; i < 1 << 20; i++)
        assert_ok(buf_putc(&header, 'n'));
    assert_ok(buf_puts(&header, "\":{" T "}}"));
    assert_status(parse_header(buf_str(&header), 1, &r), KARMA_E_LIMIT);
    arena_release(&r.a);
    buf_release(&header);
}

static void compares_names_by_their_bytes(void **state) { /* ST10 */
    (void)state;
#define EMPTY "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}"
    static const char *const different[] = {
        "{\"a\":" EMPTY ",\"A\":" EMPTY "}",
        "{\"\\u00e9\":" EMPTY ",\"e\\u0301\":" EMPTY "}",
    };
    CHECK_ACCEPTED(different, 0);
    static const struct refusal cases[] = {
        {KARMA_E_DUPLICATE, 0, "{\"a\":" EMPTY ",\"\\u0061\":" EMPTY "}",
         "tensor a is given twice"},
    };
    CHECK_REFUSALS(cases);
}

static void limits_the_number_of_tensors(void **state) { /* ST10 */
    (void)state;
    struct buf header = {0};
    struct result r;
    assert_ok(buf_puts(&header, "{\"0\":0"));
    for (int i = 1; i <= 1000000; i++)
        assert_ok(buf_puts(&header, ",\"\":0"));
    assert_ok(buf_puts(&header, "}"));
    assert_status(parse_header(buf_str(&header), 0, &r), KARMA_E_LIMIT);
    assert_message_contains("more than 1000000 tensors");
    arena_release(&r.a);
    buf_release(&header);
}

static void limits_nesting(void **state) {
    (void)state;
    struct buf header = {0};
    struct result r;
    assert_ok(buf_puts(&header, "{\"a\":{\"x\":"));
    for (int i = 0; i < 100; i++)
        assert_ok(buf_putc(&header, '['));
    for (int i = 0; i < 100; i++)
        assert_ok(buf_putc(&header, ']'));
    assert_ok(buf_puts(&header, "}}"));
    assert_status(parse_header(buf_str(&header), 0, &r), KARMA_E_LIMIT);
    arena_release(&r.a);
    buf_release(&header);
}

static void fails_cleanly_when_cut_anywhere(void **state) {
    (void)state;
    struct buf b = {0};
    put_safetensors(&b, small_safetensors_header, 22);
    for (size_t len = 0; len < b.len; len++) {
        struct result r;
        unsigned char *copy = malloc(len + 1);
        memcpy(copy, b.data, len);
        assert_true(parse_bytes(len ? copy : NULL, len, &r) < 0);
        assert_null(r.tensors);
        arena_release(&r.a);
        free(copy);
    }
    buf_release(&b);
}

static void survives_every_flipped_header_bit(void **state) {
    (void)state;
    struct buf b = {0};
    put_safetensors(&b, small_safetensors_header, 22);
    const size_t header_end = b.len - 22;
    for (size_t bit = 0; bit < header_end * 8; bit++) {
        struct result r;
        unsigned char *copy = malloc(b.len);
        memcpy(copy, b.data, b.len);
        copy[bit / 8] ^= (unsigned char)(1u << bit % 8);
        karma_status st = parse_bytes(copy, b.len, &r);
        for (int64_t i = 0; st == KARMA_OK && i < r.count; i++) {
            const unsigned char *data = r.tensors[i].data;
            assert_true(data >= copy + 8 && data + r.tensors[i].nbytes <= copy + b.len);
        }
        arena_release(&r.a);
        free(copy);
    }
    buf_release(&b);
}

static karma_status attempt(void *ctx) {
    const struct buf *b = ctx;
    struct result r;
    karma_status st = parse_bytes(b->data, b->len, &r);
    arena_release(&r.a);
    return st;
}

static void survives_failing_allocations(void **state) {
    (void)state;
    struct buf b = {0};
    put_safetensors(&b,
                    "{\"__metadata__\":{\"k\\n\":\"v\"},"
                    "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2],\"x\":0},"
                    "\"b\\u0062\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                    2);
    assert_true(for_each_failing_allocation(attempt, &b) >= 5);
    buf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(gives_name_type_shape_and_bytes),
        test_case(accepts_a_file_without_tensors),
        test_case(checks_the_header_length),
        test_case(accepts_blanks_around_the_object),
        test_case(rejects_a_header_that_is_not_one_object),
        test_case(rejects_duplicate_and_missing_members),
        test_case(warns_once_of_unknown_members),
        test_case(checks_the_metadata),
        test_case(names_an_unknown_dtype),
        test_case(knows_every_dtype_of_the_format),
        test_case(rejects_shapes_that_are_no_counts),
        test_case(accepts_scalars_and_empty_tensors),
        test_case(rejects_shapes_whose_product_overflows),
        test_case(rejects_offsets_that_do_not_tile_the_data),
        test_case(sorts_tensors_by_offset),
        test_case(loads_tensors_at_odd_addresses),
        test_case(rejects_names_that_cannot_be_shown),
        test_case(compares_names_by_their_bytes),
        test_case(limits_the_number_of_tensors),
        test_case(limits_nesting),
        test_case(fails_cleanly_when_cut_anywhere),
        test_case(survives_every_flipped_header_bit),
        test_case(survives_failing_allocations),
    };
    return run_group("formats/safetensors", tests);
}
