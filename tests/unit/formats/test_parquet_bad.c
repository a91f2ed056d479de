/*
 * test_parquet_bad.c - Parquet files that lie: about sizes, counts, levels and places; bombs; cut
 * at every byte, with every bit of them turned.
 */
#include "tests/unit/formats/parquet_file.h"

#include <zlib.h>
#include <zstd.h>

#include "formats/parquet.h"

#define FOLDER "tests/fixtures/formats/parquet/"

/* Open and read all rows; *n: how many were read. */
static karma_status read_all(const void *data, size_t n, uint64_t *n_rows) {
    struct parquet *p;
    struct arena a = {0};
    const struct json *value;
    *n_rows = 0;
    karma_status st = parquet_open(data, n, NULL, &p);
    if (st < 0) return st;
    for (; *n_rows < parquet_n_rows(p) && st == KARMA_OK; ++*n_rows) {
        arena_reset(&a);
        st = parquet_read(p, *n_rows, &a, &value);
        if (st < 0) break;
    }
    arena_release(&a);
    parquet_close(p);
    return st;
}

static void refuses(const struct made_file *f, karma_status status, const char *text) {
    struct buf b = {0};
    uint64_t n;
    make_file(f, &b);
    assert_status(read_all(b.data, b.len, &n), status);
    assert_message_contains(text);
    buf_release(&b);
}

/* A file of one page of int32s. */
static struct made_file one_page(int n_rows, int encoding, const void *payload, size_t n) {
    struct made_file f = {.type = 1, .converted = -1, .n_rows = n_rows, .n_values = n_rows};
    put_page(&f.pages, n_rows, encoding, (int64_t)n, payload, n);
    return f;
}

static void refuses_what_is_no_parquet_file(void **state) {
    (void)state;
    static const struct {
        const char *data;
        size_t n;
        karma_status status;
        const char *text;
    } cases[] = {
        {"", 0, KARMA_E_MAGIC, "does not begin with PAR1"},
        {"PAR1", 4, KARMA_E_TRUNCATED, "too few"},
        {"PAR1PAR1", 8, KARMA_E_TRUNCATED, "too few"},
        {"PAR1\0\0\0\0PAR2", 12, KARMA_E_TRUNCATED, "last bytes are not PAR1"},
        {"PAR1\1\0\0\0PAR1", 12, KARMA_E_RANGE, "metadata of 1 bytes in a file of 12"},
        {"PAR1\xFF\xFF\xFF\xFFPAR1", 12, KARMA_E_RANGE, "metadata of 4294967295 bytes"},
        {"PAR1\0\0\0\0PAR1", 12, KARMA_E_TRUNCATED, "metadata: "},
        {"PAR1\0\1\0\0\0PAR1", 13, KARMA_E_MISSING, "schema, num_rows or row_groups"},
        {"PARE\0\0\0\0PARE", 12, KARMA_E_UNSUPPORTED, "encrypted"},
        {"PAR1\0\0\0\0PARE", 12, KARMA_E_UNSUPPORTED, "encrypted"},
        {"<!DOCTYPE html>", 15, KARMA_E_MAGIC, "not a Parquet file"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint64_t n;
        assert_status(read_all(cases[i].data, cases[i].n, &n), cases[i].status);
        assert_message_contains(cases[i].text);
    }
}

static void rows_and_values_must_agree(void **state) {
    (void)state;
    struct made_file f = one_page(2, 0, "\1\0\0\0\2\0\0\0", 8);
    f.group_rows = 3;
    refuses(&f, KARMA_E_SHAPE, "column x: 2 values for 3 rows");
    f.group_rows = 0;
    f.n_values = 3;
    refuses(&f, KARMA_E_SHAPE, "3 values for 2 rows");
    f.n_values = f.n_rows = 3;
    refuses(&f, KARMA_E_TRUNCATED, "its pages end early");
    f.n_values = f.n_rows = 1;
    refuses(&f, KARMA_E_RANGE, "2 values, 1 are left in the column");
    buf_release(&f.pages);
}

static void values_lie_within_their_page(void **state) {
    (void)state;
    static const struct {
        int type, encoding;
        const char *bytes;
        size_t n;
        karma_status status;
        const char *text;
    } cases[] = {
        {1, 0, "\1\0\0", 3, KARMA_E_TRUNCATED, "column x: page at byte 4: its values end early"},
        {6, 0, "\5\0\0\0abcd", 8, KARMA_E_TRUNCATED, "values end early"},
        {6, 0, "\xFF\xFF\xFF\xFF", 4, KARMA_E_TRUNCATED, "values end early"},
        {0, 3, "\2\0\0\0\1", 5, KARMA_E_TRUNCATED, "values end early"},
        {0, 3, "\2\0\0\0\0\1", 6, KARMA_E_SYNTAX, "a run of no values"},
        {0, 3, "\2\0\0\0\2\2", 6, KARMA_E_RANGE, "more than 1 bits"},
        {1, 5, "\0\4\1\0", 4, KARMA_E_RANGE, "blocks of 0"},
        {1, 5, "\x80\1\0\1\0", 5, KARMA_E_RANGE, "miniblocks of 0"},
        {1, 5, "\x80\1\3\1\0", 5, KARMA_E_RANGE, "miniblocks of 3"},
        {1, 5, "\x80\1\4\0\0", 5, KARMA_E_TRUNCATED, "fewer deltas than values"},
        {1, 5, "\x80", 1, KARMA_E_TRUNCATED, "deltas end early"},
        {6, 6, "\x80\1\4\1\1", 5, KARMA_E_RANGE, "a length of -1"},
        {6, 6, "\x80\1\4\1\6ab", 7, KARMA_E_RANGE, "a length of 3 where 2 bytes are"},
        {6, 7, "\x80\1\4\1\2\x80\1\4\1\2a", 11, KARMA_E_RANGE, "a length of 1 where 0 bytes are"},
        {1, 8, "\0", 1, KARMA_E_MISSING, "dictionary is not there"},
        {1, 4, "\0", 1, KARMA_E_UNSUPPORTED, "encoding 4 (BIT_PACKED)"},
        {1, 77, "\0", 1, KARMA_E_UNSUPPORTED, "encoding 77 (unknown)"},
        {6, 9, "\0", 1, KARMA_E_UNSUPPORTED, "BYTE_STREAM_SPLIT"},
        {5, 9, "\0\0\0\0", 4, KARMA_E_TRUNCATED, "values end early"},
        {3, 0, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0", 12, KARMA_E_RANGE, "time of day"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct made_file f = one_page(1, cases[i].encoding, cases[i].bytes, cases[i].n);
        f.type = cases[i].type;
        refuses(&f, cases[i].status, cases[i].text);
        buf_release(&f.pages);
    }
}

static void text_must_be_utf8(void **state) {
    (void)state;
    struct made_file f = one_page(1, 0, "\2\0\0\0\xC3(", 6);
    f.type = 6;
    f.converted = 0;
    refuses(&f, KARMA_E_ENCODING,
            "column x: page at byte 4: not valid UTF-8 (byte 0 of the value)");
    buf_release(&f.pages);
    f.pages = (struct buf){0};
    put_dictionary(&f.pages, 1, "\1\0\0\0\xFF", 5);
    f.dictionary = (int)f.pages.len;
    put_page(&f.pages, 1, 8, 1, "\0", 1);
    refuses(&f, KARMA_E_ENCODING, "value 0 of its dictionary");
    buf_release(&f.pages);
}

static void dictionaries_are_looked_up_within_them(void **state) {
    (void)state;
    static const struct {
        const char *page;
        size_t n;
        karma_status status;
        const char *text;
    } cases[] = {
        {"\2\2\2", 3, KARMA_E_RANGE, "index 2 into a dictionary of 2"},
        {"\x21\2\2", 3, KARMA_E_RANGE, "indices of 33 bits"},
        {"\x20\2\xFF\xFF\xFF\xFF", 6, KARMA_E_RANGE, "index 4294967295"},
        {"\2\3", 2, KARMA_E_TRUNCATED, "runs end early"},
        {"\2", 1, KARMA_E_TRUNCATED, "runs end early"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct made_file f = {.type = 1, .converted = -1, .n_rows = 1, .n_values = 1};
        put_dictionary(&f.pages, 2, "\1\0\0\0\2\0\0\0", 8);
        f.dictionary = (int)f.pages.len;
        put_page(&f.pages, 1, 8, (int64_t)cases[i].n, cases[i].page, cases[i].n);
        refuses(&f, cases[i].status, cases[i].text);
        buf_release(&f.pages);
    }
    struct made_file f = {.type = 1, .converted = -1, .n_rows = 1, .n_values = 1};
    put_dictionary(&f.pages, 3, "\1\0\0\0\2\0\0\0", 8);
    f.dictionary = (int)f.pages.len;
    put_page(&f.pages, 1, 8, 2, "\0\2", 2);
    refuses(&f, KARMA_E_TRUNCATED, "values end early");
    buf_release(&f.pages);
}

static void levels_stay_within_the_schema(void **state) {
    (void)state;
    /* definition levels of 2 bits: 3 is the most; of the repetition one of 1 at the beginning */
    static const struct {
        const char *page;
        size_t n;
        int n_rows, n_values;
        karma_status status;
        const char *text;
    } cases[] = {
        {"\2\0\0\0\2\1\2\0\0\0\2\3\7\0\0\0", 16, 1, 1, KARMA_E_TRUNCATED, "its pages end early"},
        {"\2\0\0\0\4\0\2\0\0\0\4\3\7\0\0\0\7\0\0\0", 20, 1, 2, KARMA_E_SHAPE,
         "more values than the rows"},
        {"\xFF\0\0\0", 4, 1, 1, KARMA_E_TRUNCATED, "levels end early"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct made_file f = one_page(1, 0, "", 0);
        buf_clear(&f.pages);
        f.list = true;
        f.repetition = 1;
        f.n_rows = cases[i].n_rows;
        f.n_values = cases[i].n_values;
        put_page(&f.pages, cases[i].n_values, 0, (int64_t)cases[i].n, cases[i].page, cases[i].n);
        refuses(&f, cases[i].status, cases[i].text);
        buf_release(&f.pages);
    }
}

static void sizes_are_checked_against_what_is_unpacked(void **state) {
    (void)state;
    struct made_file f = one_page(1, 0, "\1\0\0\0", 4);
    f.codec = 3;
    refuses(&f, KARMA_E_UNSUPPORTED, "column x: page at byte 4: codec 3 (lzo)");
    f.codec = 99;
    refuses(&f, KARMA_E_UNSUPPORTED, "codec 99 (unknown)");
    static const int codecs[] = {1, 2, 5, 6, 7};
    for (size_t i = 0; i < sizeof(codecs) / sizeof(*codecs); i++) {
        f.codec = codecs[i];
        refuses(&f, KARMA_E_SYNTAX, "the data is broken");
    }
    buf_clear(&f.pages);
    put_page(&f.pages, 1, 0, 5, "\1\0\0\0", 4);
    f.codec = 0;
    refuses(&f, KARMA_E_RANGE, "4 bytes that are not packed and should be 5");
    buf_clear(&f.pages);
    put_page(&f.pages, 1, 0, -1, "\1\0\0\0", 4);
    refuses(&f, KARMA_E_RANGE, "uncompressed_page_size: out of range");
    buf_release(&f.pages);
}

/* A page of zeros, packed by zstd. */
static void put_zeros(struct made_file *f, size_t n) {
    void *zeros = calloc(1, n), *packed = malloc(ZSTD_compressBound(n));
    const size_t got = ZSTD_compress(packed, ZSTD_compressBound(n), zeros, n, 19);
    put_page(&f->pages, (int)(n / 4), 0, (int64_t)n, packed, got);
    f->n_values += (int)(n / 4);
    f->n_rows = f->n_values;
    free(zeros);
    free(packed);
}

static void bombs_end_before_they_are_unpacked(void **state) {
    (void)state;
    struct made_file f = {.type = 1, .converted = -1, .codec = 6};
    const size_t live = mem_live_bytes();
    put_zeros(&f, 100 << 20);
    refuses(&f, KARMA_E_LIMIT, "rows in");
    f.n_rows = f.n_values = 1000;
    buf_clear(&f.pages);
    f.n_values = 0;
    put_zeros(&f, 100 << 20);
    f.n_rows = f.n_values = 900000; /* said to be fewer */
    refuses(&f, KARMA_E_RANGE, "are left in the column");
    buf_clear(&f.pages);
    put_page(&f.pages, 1, 0, INT32_MAX, "\0", 1);
    f.n_rows = f.n_values = 1;
    refuses(&f, KARMA_E_LIMIT, "a page of 2147483647 bytes");
    static const struct {
        int codec;
        int64_t unpacked;
    } most[] = {{1, 87}, {2, 1097}, {5, 320}, {7, 320}, {6, 17 << 20}};
    for (size_t i = 0; i < sizeof(most) / sizeof(*most); i++) {
        buf_clear(&f.pages);
        put_page(&f.pages, 1, 0, most[i].unpacked, "\0", 1);
        f.codec = most[i].codec;
        refuses(&f, KARMA_E_LIMIT, "1 bytes that say they unpack to");
    }
    buf_release(&f.pages);
    assert_int_equal(mem_live_bytes(), live);
}

/* A list of a billion nulls is ten bytes: it is not unfolded, and its row is too long. */
static void runs_of_a_billion_are_not_unfolded(void **state) {
    (void)state;
    static const unsigned char page[] = {7, 0, 0, 0, 2,    0,    0xFE, 0xFF, 0xFF, 0xFF,
                                         1, /* 1s follow */
                                         6, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 3,    2};
    unsigned char copy[sizeof(page) + 1];
    memcpy(copy, page, 11);
    copy[0] = 8;
    copy[11] = 1;
    memcpy(copy + 12, page + 11, sizeof(page) - 11);
    struct made_file f = {.type = 1,
                          .repetition = 1,
                          .converted = -1,
                          .list = true,
                          .n_rows = 1,
                          .n_values = 200000000};
    put_page(&f.pages, 200000000, 0, sizeof(copy), copy, sizeof(copy));
    refuses(&f, KARMA_E_LIMIT, "values in a row");
    buf_release(&f.pages);
}

static void a_checksum_that_differs_is_seen(void **state) {
    (void)state;
    struct made_file f = {.type = 1, .converted = -1, .n_rows = 1, .n_values = 1};
    for (int good = 0; good < 2; good++) {
        buf_clear(&f.pages);
        put_int(&f.pages, 1, 0);
        put_int(&f.pages, 1, 4);
        put_int(&f.pages, 1, 4);
        put_int(&f.pages, 1,
                (int32_t)crc32(0, (const unsigned char *)"\1\0\0\0", 4) + (good ? 0 : 1));
        put_byte(&f.pages, 1 << 4 | 12);
        put_int(&f.pages, 1, 1);
        put_int(&f.pages, 1, 0);
        put_int(&f.pages, 1, 3);
        put_int(&f.pages, 1, 3);
        put_byte(&f.pages, 0);
        put_byte(&f.pages, 0);
        assert_ok(buf_append(&f.pages, "\1\0\0\0", 4));
        struct buf b = {0};
        uint64_t n;
        make_file(&f, &b);
        assert_status(read_all(b.data, b.len, &n), good ? KARMA_OK : KARMA_E_DIGEST);
        if (!good) assert_message_contains("column x: page at byte 4: its checksum differs");
        buf_release(&b);
    }
    buf_release(&f.pages);
}

/* All of a file, on its own pages' end as far as ASan can see. */
static karma_status read_copy(const char *data, size_t n, uint64_t *n_rows) {
    char *copy = malloc(n ? n : 1);
    memcpy(copy, data, n);
    const karma_status st = read_all(copy, n, n_rows);
    free(copy);
    return st;
}

static const char *const small_files[] = {FOLDER "small.parquet", FOLDER "nested.parquet"};

static void a_file_cut_anywhere_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t n;
        uint64_t n_rows;
        const char *data = read_fixture(small_files[i], &n);
        for (size_t cut = 0; cut < n; cut++)
            assert_true(read_copy(data, cut, &n_rows) < 0);
        assert_ok(read_copy(data, n, &n_rows));
    }
}

static void any_bit_may_be_turned(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t n;
        uint64_t n_rows;
        char *data = read_fixture(small_files[i], &n);
        for (size_t bit = 0; bit < 8 * n; bit++) {
            data[bit / 8] = (char)(data[bit / 8] ^ 1 << bit % 8);
            const karma_status st = read_copy(data, n, &n_rows);
            if (st < 0) assert_true(karma_error_message()[0]);
            data[bit / 8] = (char)(data[bit / 8] ^ 1 << bit % 8);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(refuses_what_is_no_parquet_file),
        test_case(rows_and_values_must_agree),
        test_case(values_lie_within_their_page),
        test_case(text_must_be_utf8),
        test_case(dictionaries_are_looked_up_within_them),
        test_case(levels_stay_within_the_schema),
        test_case(sizes_are_checked_against_what_is_unpacked),
        test_case(bombs_end_before_they_are_unpacked),
        test_case(runs_of_a_billion_are_not_unfolded),
        test_case(a_checksum_that_differs_is_seen),
        test_case(a_file_cut_anywhere_is_refused),
        test_case(any_bit_may_be_turned),
    };
    return run_group("formats/parquet_bad", tests);
}
