/*
 * test_parquet.c - rows of Parquet files: as pyarrow has them for each pair of its options, in and
 * out of their order; nested columns, old and odd ways to write; what the schema says.
 */
#include "tests/unit/formats/parquet_file.h"

#include "formats/parquet.h"

#define FOLDER "tests/fixtures/formats/parquet/"

static struct parquet *open_bytes(const char *data, size_t n) {
    struct parquet *p;
    assert_ok(parquet_open((const unsigned char *)data, n, NULL, &p));
    return p;
}

/* Row i as text, lent until the next. */
static const char *row(struct parquet *p, uint64_t i) {
    static char text[1 << 16];
    struct arena a = {0};
    struct buf b = {0};
    const struct json *value;
    assert_ok(parquet_read(p, i, &a, &value));
    assert_ok(json_write(&b, value, 0, JSON_COMPACT));
    assert_true(b.len < sizeof(text));
    memcpy(text, buf_str(&b), b.len + 1);
    buf_release(&b);
    arena_release(&a);
    return text;
}

static void check_same(const struct json *want, struct parquet *p, uint64_t i, const char *name) {
    struct buf b = {0};
    assert_ok(json_write(&b, want, 0, JSON_COMPACT));
    if (strcmp(buf_str(&b), row(p, i)) != 0) fail_msg("%s, row %d", name, (int)i);
    buf_release(&b);
}

static void each_pair_of_options_reads_as_pyarrow_has_it(void **state) {
    (void)state;
    size_t len, n_files = 0;
    char *text = read_fixture(FOLDER "pairs.jsonl", &len);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1, n_files++) {
        struct arena a = {0};
        const struct json *one;
        char path[256];
        assert_ok(json_parse(&a, line, (size_t)(end - line), 0, &one));
        snprintf(path, sizeof(path), FOLDER "%s", json_str(json_get(one, "file"), ""));
        size_t n;
        char *data = read_fixture(path, &n);
        struct parquet *p = open_bytes(data, n);
        const struct json *rows = json_get(one, "rows");
        assert_int_equal(parquet_n_rows(p), json_count(rows));
        const char *what = json_str(json_get(one, "case"), path);
        for (size_t i = 0; i < json_count(rows); i++)
            check_same(json_at(rows, i), p, i, what);
        for (size_t i = json_count(rows); i-- > 0;) /* backwards, and each of them twice */
            check_same(json_at(rows, i), p, i, what), check_same(json_at(rows, i), p, i, what);
        for (size_t i = 0; i < 2 * json_count(rows); i++)
            check_same(json_at(rows, i * 7 % json_count(rows)), p, i * 7 % json_count(rows), what);
        parquet_close(p);
        arena_release(&a);
    }
    assert_true(n_files >= 150);
}

/* The example of the format's description: [1, null], [], null, [7]. */
static void puts_lists_together_by_their_levels(void **state) {
    (void)state;
    static const unsigned char page[] = {2,    0, 0, 0, 3, 2, 3, 0, 0, 0, 3,
                                         0x1b, 3, 1, 0, 0, 0, 7, 0, 0, 0};
    struct made_file f = {
        .type = 1, .repetition = 1, .converted = -1, .list = true, .n_rows = 4, .n_values = 5};
    struct buf b = {0};
    put_page(&f.pages, 5, 0, sizeof(page), page, sizeof(page));
    make_file(&f, &b);
    struct parquet *p = open_bytes(b.data, b.len);
    assert_string_equal(row(p, 0), "{\"x\":[1,null]}");
    assert_string_equal(row(p, 1), "{\"x\":[]}");
    assert_string_equal(row(p, 2), "{\"x\":null}");
    assert_string_equal(row(p, 3), "{\"x\":[7]}");
    assert_string_equal(row(p, 0), "{\"x\":[1,null]}");
    parquet_close(p);
    buf_release(&b);
    buf_release(&f.pages);
}

/* Rows [1, 2, 3] and [4]: the first goes on in the second page. */
static void a_row_may_go_on_in_the_next_page(void **state) {
    (void)state;
    static const unsigned char first[] = {2, 0, 0, 0, 3, 2, 2, 0, 0, 0,
                                          4, 3, 1, 0, 0, 0, 2, 0, 0, 0};
    static const unsigned char second[] = {2, 0, 0, 0, 3, 1, 2, 0, 0, 0,
                                           4, 3, 3, 0, 0, 0, 4, 0, 0, 0};
    struct made_file f = {
        .type = 1, .repetition = 1, .converted = -1, .list = true, .n_rows = 2, .n_values = 4};
    struct buf b = {0};
    put_page(&f.pages, 2, 0, sizeof(first), first, sizeof(first));
    put_page(&f.pages, 2, 0, sizeof(second), second, sizeof(second));
    make_file(&f, &b);
    struct parquet *p = open_bytes(b.data, b.len);
    assert_string_equal(row(p, 1), "{\"x\":[4]}");
    assert_string_equal(row(p, 0), "{\"x\":[1,2,3]}");
    assert_string_equal(row(p, 1), "{\"x\":[4]}");
    parquet_close(p);
    buf_release(&b);
    buf_release(&f.pages);
}

static void reads_timestamps_of_96_bits(void **state) {
    (void)state;
    size_t n;
    char *data = read_fixture(FOLDER "int96.parquet", &n);
    struct parquet *p = open_bytes(data, n);
    assert_string_equal(row(p, 0), "{\"t\":\"1970-01-01T00:00:00\"}");
    assert_string_equal(row(p, 1), "{\"t\":\"2000-02-29T12:34:56.123456789\"}");
    assert_string_equal(row(p, 2), "{\"t\":\"1969-12-31T23:59:59.999999999\"}");
    parquet_close(p);
}

/* Uncompressed values stay in the file, others are copied: both are bytes. */
static void binary_values_are_bytes(void **state) {
    (void)state;
    static const unsigned char page[] = {3, 0, 0, 0, 0xFF, 0, 1};
    struct made_file f = {.type = 6, .converted = -1, .n_rows = 1, .n_values = 1};
    struct buf b = {0};
    struct arena a = {0};
    const struct json *value;
    put_page(&f.pages, 1, 0, sizeof(page), page, sizeof(page));
    make_file(&f, &b);
    struct parquet *p = open_bytes(b.data, b.len);
    assert_ok(parquet_read(p, 0, &a, &value));
    const struct json *x = json_get(value, "x");
    assert_true(json_is_bytes(x));
    assert_int_equal(x->u.bytes.len, 3);
    assert_memory_equal(x->u.bytes.data, page + 4, 3);
    assert_true((const char *)x->u.bytes.data > b.data &&
                (const char *)x->u.bytes.data < b.data + b.len);
    parquet_close(p);
    arena_release(&a);
    buf_release(&b);
    buf_release(&f.pages);
}

/* Indices of no bits: all are the first. */
static void a_dictionary_of_one_takes_no_bits(void **state) {
    (void)state;
    static const unsigned char page[] = {0};
    struct made_file f = {.type = 6, .converted = 0, .n_rows = 3, .n_values = 3};
    struct buf b = {0};
    put_dictionary(&f.pages, 1, "\2\0\0\0ab", 6);
    f.dictionary = (int)f.pages.len;
    put_page(&f.pages, 3, 2, 1, page, 1);
    make_file(&f, &b);
    struct parquet *p = open_bytes(b.data, b.len);
    assert_string_equal(row(p, 2), "{\"x\":\"ab\"}");
    assert_string_equal(row(p, 0), "{\"x\":\"ab\"}");
    parquet_close(p);
    buf_release(&b);
    buf_release(&f.pages);
}

/* Hadoop's framing of LZ4, and blocks without it. */
static void reads_both_forms_of_the_older_lz4(void **state) {
    (void)state;
    static const unsigned char framed[] = {0, 0, 0, 4, 0, 0, 0, 5, 0x40, 9, 0, 0, 0};
    for (int skip = 0; skip <= 8; skip += 8) {
        struct made_file f = {.type = 1, .converted = -1, .n_rows = 1, .n_values = 1, .codec = 5};
        struct buf b = {0};
        put_page(&f.pages, 1, 0, 4, framed + skip, sizeof(framed) - (size_t)skip);
        make_file(&f, &b);
        struct parquet *p = open_bytes(b.data, b.len);
        assert_string_equal(row(p, 0), "{\"x\":9}");
        parquet_close(p);
        buf_release(&b);
        buf_release(&f.pages);
    }
}

static void a_file_without_rows_has_columns(void **state) {
    (void)state;
    size_t n, n_fields;
    const struct parquet_field *fields;
    char *data = read_fixture(FOLDER "empty.parquet", &n);
    struct parquet *p = open_bytes(data, n);
    struct arena a = {0};
    const struct json *value;
    assert_int_equal(parquet_n_rows(p), 0);
    assert_ok(parquet_fields(p, &fields, &n_fields));
    assert_int_equal(n_fields, 1);
    assert_string_equal(fields[0].path, "s");
    assert_string_equal(fields[0].type, "string");
    assert_status(parquet_read(p, 0, &a, &value), KARMA_E_RANGE);
    parquet_close(p);
    arena_release(&a);
}

static void the_schema_says_types_nulls_and_codecs(void **state) {
    (void)state;
    size_t n, n_fields;
    const struct parquet_field *f;
    char *data = read_fixture("tests/fixtures/datasets/parquet/vqa.parquet", &n);
    struct parquet *p = open_bytes(data, n);
    assert_ok(parquet_fields(p, &f, &n_fields));
    assert_int_equal(n_fields, 5);
    assert_int_equal(parquet_n_groups(p), 3);
    assert_true(strstr(parquet_created_by(p), "parquet") != NULL);
    assert_string_equal(f[0].type, "struct");
    assert_null(f[0].codec);
    assert_string_equal(f[1].path, "image.bytes");
    assert_string_equal(f[1].name, "bytes");
    assert_string_equal(f[1].type, "binary");
    assert_string_equal(f[1].codec, "snappy");
    assert_int_equal(f[1].depth, 1);
    assert_int_equal(f[1].n_nulls, 0);
    assert_true(f[1].n_bytes > 100 && f[1].nullable && f[1].leaf);
    parquet_close(p);
}

static karma_status read_all(void *path) {
    size_t n;
    char *data = read_fixture(path, &n);
    struct parquet *p;
    struct arena a = {0};
    const struct parquet_field *fields;
    const struct json *value;
    karma_status st = parquet_open((unsigned char *)data, n, NULL, &p);
    if (st < 0) return st;
    st = parquet_fields(p, &fields, &n);
    for (uint64_t i = 0; i < parquet_n_rows(p) && st == KARMA_OK; i++) {
        arena_reset(&a);
        st = parquet_read(p, i, &a, &value);
    }
    if (st == KARMA_OK) st = parquet_read(p, 0, &a, &value);
    arena_release(&a);
    parquet_close(p);
    return st;
}

static void survives_each_failing_allocation(void **state) {
    (void)state;
    static char *const paths[] = {FOLDER "small.parquet", FOLDER "nested.parquet",
                                  FOLDER "pairs_000.parquet", FOLDER "pairs_001.parquet",
                                  "tests/fixtures/datasets/parquet/mcq.parquet"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
        assert_true(for_each_failing_allocation(read_all, paths[i]) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(each_pair_of_options_reads_as_pyarrow_has_it),
        test_case(puts_lists_together_by_their_levels),
        test_case(a_row_may_go_on_in_the_next_page),
        test_case(reads_timestamps_of_96_bits),
        test_case(binary_values_are_bytes),
        test_case(a_dictionary_of_one_takes_no_bits),
        test_case(reads_both_forms_of_the_older_lz4),
        test_case(a_file_without_rows_has_columns),
        test_case(the_schema_says_types_nulls_and_codecs),
        test_case(survives_each_failing_allocation),
    };
    return run_group("formats/parquet", tests);
}
