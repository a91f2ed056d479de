/* reader.c - the list of file kinds, and what they share: mapping, the byte order mark. */
#include "datasets/reader.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "datasets/shards.h"

const struct reader_ops *const readers[] = {&reader_jsonl, &reader_json, &reader_csv,
                                            &reader_parquet, NULL};

const struct reader_ops *reader_for(const char *path) {
    for (const struct reader_ops *const *ops = readers; *ops; ops++)
        for (const char *const *e = (*ops)->extensions; *e; e++)
            if (ascii_ends_with(path, *e)) return *ops;
    return NULL;
}

karma_status reader_open_text(const struct reader_ops *ops, bool tabs, const char *text, size_t len,
                              struct reader *out) {
    static const char bom[] = "\xEF\xBB\xBF";
    out->ops = ops;
    out->tabs = tabs;
    out->text = text;
    out->len = len;
    if (len >= 3 && memcmp(text, bom, 3) == 0) {
        out->text += 3;
        out->len -= 3;
    }
    return ops->open ? ops->open(out) : KARMA_OK;
}

/* The one file, or those that a pattern stands for. */
static karma_status open_files(const struct reader_ops *ops, const char *path, struct reader *out) {
    struct arena a = {0};
    const char *const *paths = &path;
    size_t n = 1;
    out->ops = ops;
    karma_status st = shards_is_pattern(path) ? shards_list(&a, path, &paths, &n) : KARMA_OK;
    if (st == KARMA_OK) st = ops->open_files(out, paths, n);
    arena_release(&a);
    if (st < 0) reader_close(out);
    return st;
}

karma_status reader_open(const char *path, struct reader *out) {
    memset(out, 0, sizeof(*out));
    const struct reader_ops *ops = reader_for(path);
    if (!ops)
        return status_fail(KARMA_E_UNSUPPORTED,
                           "%s: not a data file (expected .jsonl, .json, .csv, .tsv or .parquet)",
                           path);
    if (ops->open_files) return open_files(ops, path, out);
    karma_status st = file_map_open(path, &out->map);
    if (st < 0) return st;
    st = reader_open_text(ops, ascii_ends_with(path, ".tsv"), (const char *)out->map.data,
                          out->map.size, out);
    if (st < 0) {
        reader_close(out);
        return status_prefix(st, "%s", path);
    }
    return KARMA_OK;
}

karma_status reader_read(struct reader *r, struct reader_place *place, struct arena *a,
                         struct reader_row *row) {
    /* A fault brings in 64 KiB. What was read need not stay: a file may be larger than memory, and
     * a run's resident size is not to grow with it. */
    enum { FORGET_EVERY = 512, SMALL_BYTES = 4 << 20 };
    memset(row, 0, sizeof(*row));
    if (++r->n_read % FORGET_EVERY == 0 && r->map.size > SMALL_BYTES)
        file_map_forget(&r->map, 0, r->map.size);
    return r->ops->read(r, place, a, row);
}

const char *reader_where(const struct reader *r, int64_t line_no, char out[READER_WHERE_BYTES]) {
    if (r->ops->where)
        r->ops->where(r, line_no, out, READER_WHERE_BYTES);
    else
        snprintf(out, READER_WHERE_BYTES, "line %lld", (long long)line_no);
    return out;
}

karma_status reader_prefix(karma_status st, const struct reader *r, int64_t line_no) {
    char where[READER_WHERE_BYTES];
    return status_prefix(st, "%s", reader_where(r, line_no, where));
}

void reader_add_digest(const struct reader *r, struct sha256 *h) {
    if (r->ops->add_digest)
        r->ops->add_digest(r, h);
    else
        sha256_field(h, r->text, r->len);
}

void reader_close(struct reader *r) {
    if (r->ops && r->ops->close) r->ops->close(r);
    file_map_close(&r->map);
    memset(r, 0, sizeof(*r));
}
