/*
 * reader_fuzz.h - what every reader must do with any bytes: end, give objects only, name a line in
 * each error, and give the same row again from the same place.
 */
#ifndef FUZZ_READER_FUZZ_H
#define FUZZ_READER_FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/reader.h"

static void check(bool holds) {
    if (!holds) abort();
}

static int fuzz_reader(const struct reader_ops *ops, const uint8_t *data, size_t size) {
    struct reader r = {0};
    struct reader_place place = {0};
    struct reader_row row;
    struct arena a = {0};
    struct buf first = {0}, again = {0};
    karma_status st =
        reader_open_text(ops, size > 0 && data[0] == '\t', (const char *)data, size, &r);
    while (st == KARMA_OK) {
        struct reader_place same = place;
        arena_reset(&a);
        st = reader_read(&r, &place, &a, &row);
        if (st != KARMA_OK) break;
        check(json_is_object(row.value) && row.line_no >= 1);
        buf_clear(&first);
        check(json_write(&first, row.value, 0, JSON_COMPACT) == KARMA_OK);
        check(reader_read(&r, &same, &a, &row) == KARMA_OK);
        check(same.offset == place.offset && same.line_no == place.line_no);
        buf_clear(&again);
        check(json_write(&again, row.value, 0, JSON_COMPACT) == KARMA_OK);
        check(first.len == again.len && memcmp(first.data, again.data, first.len) == 0);
    }
    if (st < 0) check(strncmp(karma_error_message(), "line ", 5) == 0 || size > 64 << 20);
    buf_release(&first);
    buf_release(&again);
    arena_release(&a);
    reader_close(&r);
    return 0;
}

#endif
