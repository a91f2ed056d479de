/*
 * reader_parquet.c - rows of Parquet files, one behind the other. A place is the number of a row
 * among all of them; what lies between is found by the files' own metadata.
 */
#include <stdio.h>
#include <string.h>

#include "datasets/reader.h"
#include "formats/parquet.h"

struct part {
    struct file_map map;
    struct parquet *file;
    uint64_t first;   /* rows of those before */
    const char *name; /* owned; NULL: the only one */
};
struct parts {
    size_t n;
    uint64_t n_rows;
    struct part *parts;
};

static void parts_close(struct reader *r) {
    struct parts *s = r->state;
    if (!s) return;
    for (size_t i = 0; i < s->n; i++) {
        parquet_close(s->parts[i].file);
        file_map_close(&s->parts[i].map);
        mem_free((void *)(uintptr_t)s->parts[i].name);
    }
    mem_free(s->parts);
    mem_free(s);
    r->state = NULL;
}

static karma_status begin(struct reader *r, size_t n) {
    struct parts *s = r->state = mem_calloc(1, sizeof(*s));
    if (!s) return KARMA_E_NOMEM;
    s->parts = mem_calloc(n, sizeof(*s->parts));
    return s->parts ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status add(struct parts *s, const unsigned char *data, size_t size,
                        const struct file_map *map) {
    struct part *part = &s->parts[s->n - 1];
    part->first = s->n_rows;
    karma_status st = parquet_open(data, size, map, &part->file);
    if (st == KARMA_OK) s->n_rows += parquet_n_rows(part->file);
    return st;
}

static karma_status parts_open(struct reader *r) {
    karma_status st = begin(r, 1);
    if (st < 0) return st;
    struct parts *s = r->state;
    s->n = 1;
    return add(s, (const unsigned char *)r->text, r->len, NULL);
}

static karma_status parts_open_files(struct reader *r, const char *const *paths, size_t n) {
    karma_status st = begin(r, n);
    struct parts *s = r->state;
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        struct part *part = &s->parts[i];
        s->n = i + 1;
        st = file_map_open(paths[i], &part->map);
        if (st < 0) return st;
        if (n > 1 && !(part->name = mem_strdup(file_base_name(paths[i])))) return KARMA_E_NOMEM;
        st = add(s, part->map.data, part->map.size, &part->map);
        if (st < 0) st = status_prefix(st, "%s", paths[i]);
    }
    return st;
}

static const struct part *part_of(const struct parts *s, uint64_t row) {
    const struct part *found = &s->parts[0];
    for (size_t i = 1; i < s->n && s->parts[i].first <= row; i++)
        found = &s->parts[i];
    return found;
}

static karma_status parts_read(struct reader *r, struct reader_place *place, struct arena *a,
                               struct reader_row *row) {
    const struct parts *s = r->state;
    const uint64_t at = place->offset;
    if (at >= s->n_rows) return KARMA_DONE;
    const struct part *part = part_of(s, at);
    place->offset++;
    row->line_no = place->line_no = (int64_t)at + 1;
    karma_status st = parquet_read(part->file, at - part->first, a, &row->value);
    return st < 0 ? reader_prefix(st, r, row->line_no) : KARMA_OK;
}

static void parts_where(const struct reader *r, int64_t line_no, char *out, size_t size) {
    const struct parts *s = r->state;
    const struct part *part = part_of(s, (uint64_t)line_no - 1);
    if (part->name)
        snprintf(out, size, "row %lld of %s", (long long)line_no - (long long)part->first,
                 status_quotez(part->name));
    else
        snprintf(out, size, "row %lld", (long long)line_no);
}

/* As a field of all bytes, a piece at a time: the file may be larger than memory. */
static void add_file(const struct file_map *map, struct sha256 *h) {
    enum { PIECE = 4 << 20 };
    sha256_field_u64(h, map->size);
    for (size_t at = 0; at < map->size; at += PIECE) {
        const size_t n = map->size - at < PIECE ? map->size - at : PIECE;
        sha256_add(h, map->data + at, n);
        file_map_forget(map, at, at + n);
    }
}

static void parts_digest(const struct reader *r, struct sha256 *h) {
    const struct parts *s = r->state;
    if (r->text) sha256_field(h, r->text, r->len);
    for (size_t i = 0; i < s->n && !r->text; i++)
        add_file(&s->parts[i].map, h);
}

struct parquet *reader_parquet_file(const struct reader *r, size_t i) {
    const struct parts *s = r->state;
    return i < s->n ? s->parts[i].file : NULL;
}

uint64_t reader_parquet_bytes(const struct reader *r, size_t i) {
    const struct parts *s = r->state;
    return s->parts[i].map.size;
}

static const char *const extensions[] = {".parquet", NULL};
const struct reader_ops reader_parquet = {
    .name = "parquet",
    .extensions = extensions,
    .open = parts_open,
    .read = parts_read,
    .close = parts_close,
    .open_files = parts_open_files,
    .where = parts_where,
    .add_digest = parts_digest,
};
