/* parquet_file.h - Parquet files of one column made by hand, for what no writer would write. */
#ifndef TESTS_UNIT_FORMATS_PARQUET_FILE_H
#define TESTS_UNIT_FORMATS_PARQUET_FILE_H

#include "tests/support/test.h"

#include "base/buf.h"

struct made_file {
    int type, repetition, converted; /* of column "x"; converted -1: none */
    bool list;                       /* x is a LIST of optional elements */
    int codec, n_rows, n_values;
    int group_rows; /* if not 0, what the row group says */
    int dictionary; /* offset of the data behind a dictionary page; 0: there is none */
    struct buf pages;
};

static void put_number(struct buf *b, int64_t v) {
    uint64_t u = (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
    for (; u >= 128; u >>= 7)
        assert_ok(buf_putc(b, (char)((u & 127) | 128)));
    assert_ok(buf_putc(b, (char)u));
}

/* A field `step` behind the one before it. */
static void put_int(struct buf *b, int step, int64_t v) {
    assert_ok(buf_putc(b, (char)((step << 4) | 5)));
    put_number(b, v);
}

static void put_long(struct buf *b, int step, int64_t v) {
    assert_ok(buf_putc(b, (char)((step << 4) | 6)));
    put_number(b, v);
}

static void put_name(struct buf *b, int step, const char *name) {
    assert_ok(buf_putc(b, (char)((step << 4) | 8)));
    assert_ok(buf_putc(b, (char)strlen(name)));
    assert_ok(buf_puts(b, name));
}

static void put_byte(struct buf *b, int byte) {
    assert_ok(buf_putc(b, (char)byte));
}

/* A page of version 1: its header and payload. */
static void put_page(struct buf *b, int n_values, int encoding, int64_t unpacked,
                     const void *payload, size_t n) {
    put_int(b, 1, 0);
    put_int(b, 1, unpacked);
    put_int(b, 1, (int64_t)n);
    put_byte(b, 2 << 4 | 12);
    put_int(b, 1, n_values);
    put_int(b, 1, encoding);
    put_int(b, 1, 3);
    put_int(b, 1, 3);
    put_byte(b, 0);
    put_byte(b, 0);
    assert_ok(buf_append(b, payload, n));
}

static void put_dictionary(struct buf *b, int n_values, const void *payload, size_t n) {
    put_int(b, 1, 2);
    put_int(b, 1, (int64_t)n);
    put_int(b, 1, (int64_t)n);
    put_byte(b, 4 << 4 | 12);
    put_int(b, 1, n_values);
    put_int(b, 1, 0);
    put_byte(b, 0);
    put_byte(b, 0);
    assert_ok(buf_append(b, payload, n));
}

static void put_group(struct buf *b, const char *name, int repetition, int n_children,
                      int converted) {
    if (repetition >= 0) put_int(b, 3, repetition);
    put_name(b, repetition >= 0 ? 1 : 4, name);
    put_int(b, 1, n_children);
    if (converted >= 0) put_int(b, 1, converted);
    put_byte(b, 0);
}

static void put_leaf(struct buf *b, const struct made_file *f, const char *name) {
    put_int(b, 1, f->type);
    if (f->type == 7) put_int(b, 1, 4);
    put_int(b, f->type == 7 ? 1 : 2, f->repetition);
    put_name(b, 1, name);
    if (f->converted >= 0) put_int(b, 2, f->converted);
    put_byte(b, 0);
}

static void put_column(struct buf *b, const struct made_file *f) {
    put_byte(b, 3 << 4 | 12); /* meta_data */
    put_int(b, 1, f->type);
    put_byte(b, 2 << 4 | 9); /* path_in_schema */
    put_byte(b, (f->list ? 3 : 1) << 4 | 8);
    put_byte(b, 1);
    put_byte(b, 'x');
    if (f->list) assert_ok(buf_append(b, "\4list\7element", 13));
    put_int(b, 1, f->codec);
    put_long(b, 1, f->n_values);
    put_long(b, 1, (int64_t)f->pages.len);
    put_long(b, 1, (int64_t)f->pages.len);
    put_long(b, 2, 4 + f->dictionary);
    if (f->dictionary) put_long(b, 2, 4);
    put_byte(b, 0);
    put_byte(b, 0);
}

/* The whole file into b. */
static void make_file(const struct made_file *f, struct buf *b) {
    assert_ok(buf_puts(b, "PAR1"));
    assert_ok(buf_append(b, buf_str(&f->pages), f->pages.len));
    const size_t begin = b->len;
    put_int(b, 1, 1);
    put_byte(b, 1 << 4 | 9);
    put_byte(b, (f->list ? 4 : 2) << 4 | 12);
    put_group(b, "root", -1, 1, -1);
    if (f->list) {
        put_group(b, "x", 1, 1, 3);
        put_group(b, "list", 2, 1, -1);
        put_leaf(b, f, "element");
    } else {
        put_leaf(b, f, "x");
    }
    put_long(b, 1, f->n_rows);
    put_byte(b, 1 << 4 | 9);
    put_byte(b, 1 << 4 | 12);
    put_byte(b, 1 << 4 | 9);
    put_byte(b, 1 << 4 | 12);
    put_column(b, f);
    put_long(b, 1, (int64_t)f->pages.len);
    put_long(b, 1, f->group_rows ? f->group_rows : f->n_rows);
    put_byte(b, 0);
    put_byte(b, 0);
    const size_t len = b->len - begin;
    const unsigned char tail[4] = {(unsigned char)len, (unsigned char)(len >> 8), 0, 0};
    assert_ok(buf_append(b, tail, 4));
    assert_ok(buf_puts(b, "PAR1"));
}

#endif
