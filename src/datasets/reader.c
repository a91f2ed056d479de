/* reader.c - the list of file kinds, and what they share: mapping, the byte order mark. */
#include "datasets/reader.h"

#include <string.h>

#include "base/utf8.h"

const struct reader_ops *const readers[] = {&reader_jsonl, &reader_json, &reader_csv, NULL};

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

karma_status reader_open(const char *path, struct reader *out) {
    memset(out, 0, sizeof(*out));
    const struct reader_ops *ops = reader_for(path);
    if (!ops)
        return status_fail(KARMA_E_UNSUPPORTED,
                           "%s: not a data file (expected .jsonl, .json, .csv or .tsv)", path);
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
    memset(row, 0, sizeof(*row));
    return r->ops->read(r, place, a, row);
}

void reader_close(struct reader *r) {
    if (r->ops && r->ops->close) r->ops->close(r);
    file_map_close(&r->map);
    memset(r, 0, sizeof(*r));
}
