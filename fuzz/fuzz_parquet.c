/*
 * fuzz_parquet.c - any bytes as a Parquet file: it is refused, or its rows are objects that can be
 * written down and are the same when they are asked for again, out of their order.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/parquet.h"

enum { MAX_ROWS = 300, MAX_TEXT = 1 << 22 };

static void check(bool holds) {
    if (!holds) abort();
}

/* The row's text and its hash; false when it cannot be read. */
static bool read_row(struct parquet *p, uint64_t i, struct arena *a, struct buf *text,
                     uint64_t *hash) {
    const struct json *row;
    arena_reset(a);
    buf_clear(text);
    if (parquet_read(p, i, a, &row) < 0) {
        check(karma_error_message()[0] != '\0');
        return false;
    }
    check(json_is_object(row));
    check(json_write(text, row, 0, JSON_COMPACT) == KARMA_OK || text->len >= MAX_TEXT);
    *hash = 14695981039346656037u;
    for (size_t k = 0; k < text->len; k++)
        *hash = (*hash ^ (unsigned char)text->data[k]) * 1099511628211u;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct parquet *p;
    struct arena a = {0};
    struct buf text = {0};
    const struct parquet_field *fields;
    static uint64_t hashes[MAX_ROWS];
    size_t n_fields;
    uint64_t n = 0, again;
    if (parquet_open(data, size, NULL, &p) < 0) return 0;
    check(parquet_fields(p, &fields, &n_fields) == KARMA_OK && n_fields > 0);
    buf_init(&text, MAX_TEXT);
    while (n < MAX_ROWS && n < parquet_n_rows(p) && read_row(p, n, &a, &text, &hashes[n]))
        n++;
    for (uint64_t i = n; i-- > 0;)
        check(read_row(p, i * 5 % n, &a, &text, &again) && again == hashes[i * 5 % n]);
    buf_release(&text);
    arena_release(&a);
    parquet_close(p);
    return 0;
}
