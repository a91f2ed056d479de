/*
 * parquet_main.c - the rows of a Parquet file as lines of JSON, for tools/compare/parquet.py.
 *
 *     parquet_main FILE [SEED]
 *
 * With a seed the rows are first read in another order, some of them twice, and must be the same
 * again in theirs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/parquet.h"

static int fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, karma_error_message());
    return 1;
}

static karma_status row_text(struct parquet *p, uint64_t row, struct arena *a, struct buf *out) {
    const struct json *value;
    arena_reset(a);
    buf_clear(out);
    karma_status st = parquet_read(p, row, a, &value);
    return st < 0 ? st : json_write(out, value, 0, JSON_COMPACT);
}

int main(int argc, char **argv) {
    struct file_map map;
    struct parquet *p;
    struct arena a = {0};
    struct buf text = {0};
    if (argc < 2) return 2;
    if (file_map_open(argv[1], &map) < 0) return fail("open");
    if (parquet_open(map.data, map.size, &map, &p) < 0) return fail("metadata");
    const uint64_t n = parquet_n_rows(p);
    char **early = calloc((size_t)n + 1, sizeof(*early));
    uint32_t x = argc > 2 ? (uint32_t)atoi(argv[2]) : 0;
    for (uint64_t i = 0; argc > 2 && i < n && i < 200; i++) {
        x = x * 1664525u + 1013904223u;
        const uint64_t row = (x >> 8) % n;
        if (row_text(p, row, &a, &text) < 0) return fail("row");
        free(early[row]);
        early[row] = strdup(buf_str(&text));
    }
    for (uint64_t i = 0; i < n; i++) {
        if (row_text(p, i, &a, &text) < 0) return fail("row");
        if (early[i] && strcmp(early[i], buf_str(&text)) != 0) {
            fprintf(stderr, "row %llu differs when read out of order\n", (unsigned long long)i);
            return 1;
        }
        puts(buf_str(&text));
        free(early[i]);
    }
    free(early);
    buf_release(&text);
    arena_release(&a);
    parquet_close(p);
    file_map_close(&map);
    return 0;
}
