/* data_file.c - data files as a person looks at them: rows as text, what columns there are. */
#include "datasets/data_file.h"

#include <stdio.h>
#include <string.h>

#include "datasets/shards.h"
#include "formats/parquet.h"

/* ---- binary values ---- */

struct data_kind data_kind_of(const unsigned char *bytes, size_t n) {
    static const struct {
        const char *begin;
        size_t len, at;
        struct data_kind kind;
    } kinds[] = {
        {"\x89PNG\r\n\x1a\n", 8, 0, {"png", ".png"}},
        {"\xFF\xD8\xFF", 3, 0, {"jpeg", ".jpg"}},
        {"WEBP", 4, 8, {"webp", ".webp"}},
        {"WAVE", 4, 8, {"wav", ".wav"}},
        {"GIF8", 4, 0, {"gif", ".gif"}},
        {"II*\0", 4, 0, {"tiff", ".tif"}},
        {"MM\0*", 4, 0, {"tiff", ".tif"}},
        {"DICM", 4, 128, {"dicom", ".dcm"}},
        {"fLaC", 4, 0, {"flac", ".flac"}},
        {"OggS", 4, 0, {"ogg", ".ogg"}},
        {"ID3", 3, 0, {"mp3", ".mp3"}},
        {"\xFF\xFB", 2, 0, {"mp3", ".mp3"}},
        {"\xFF\xF3", 2, 0, {"mp3", ".mp3"}},
        {"\xFF\xF2", 2, 0, {"mp3", ".mp3"}},
        {"%PDF", 4, 0, {"pdf", ".pdf"}},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (n >= kinds[i].at + kinds[i].len &&
            memcmp(bytes + kinds[i].at, kinds[i].begin, kinds[i].len) == 0)
            return kinds[i].kind;
    return (struct data_kind){"binary", ".bin"};
}

static bool has_bytes(const struct json *value) {
    bool any = json_is_bytes(value);
    const size_t n = json_count(value);
    for (size_t i = 0; i < n && !any; i++)
        any = has_bytes(json_is_object(value) ? value->u.object.members[i].value
                                              : value->u.array.items[i]);
    return any;
}

/* {"bytes": ..., "path": ...} and nothing else, as the datasets library keeps media. */
static bool is_holder(const struct json *value) {
    if (!json_is_object(value) || !json_is_bytes(json_get(value, "bytes"))) return false;
    for (size_t i = 0; i < json_count(value); i++) {
        const char *key = value->u.object.members[i].key;
        if (strcmp(key, "bytes") != 0 && strcmp(key, "path") != 0) return false;
    }
    return true;
}

karma_status data_swap_bytes(struct data_swap *s, struct arena *a, const struct json *value,
                             const char *path, const struct json **out) {
    *out = value;
    if (!has_bytes(value)) return KARMA_OK;
    if (json_is_bytes(value)) return s->give(s, a, value, path, out);
    if (s->with_holder && is_holder(value))
        return s->give(s, a, json_get(value, "bytes"), path, out);
    const bool object = json_is_object(value);
    struct json *copy = object ? json_new_object(a) : json_new_array(a);
    karma_status st = copy ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < json_count(value) && st == KARMA_OK; i++) {
        const struct json *item;
        const struct json_member *m = object ? &value->u.object.members[i] : NULL;
        const char *below = path;
        if (m) below = path[0] ? arena_printf(a, "%s.%s", path, m->key) : m->key;
        st = below ? data_swap_bytes(s, a, m ? m->value : value->u.array.items[i], below, &item)
                   : KARMA_E_NOMEM;
        if (st == KARMA_OK) st = m ? json_set(a, copy, m->key, item) : json_push(a, copy, item);
    }
    *out = copy;
    return st;
}

/* "<png, 1234 bytes>" */
static karma_status describe(struct data_swap *s, struct arena *a, const struct json *bytes,
                             const char *path, const struct json **out) {
    char text[64];
    const size_t n = bytes->u.bytes.len;
    (void)s;
    (void)path;
    snprintf(text, sizeof(text), "<%s, %zu byte%s>", data_kind_of(bytes->u.bytes.data, n).name, n,
             n == 1 ? "" : "s");
    *out = json_new_string(a, text);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

/* ---- rows ---- */

karma_status karma_data_open(const char *path, karma_data **out) {
    karma_data *d = *out = mem_calloc(1, sizeof(*d));
    if (!d) return KARMA_E_NOMEM;
    d->path = arena_strdup(&d->arena, path);
    karma_status st = d->path ? reader_open(path, &d->reader) : KARMA_E_NOMEM;
    if (st == KARMA_OK) return KARMA_OK;
    karma_data_close(d);
    *out = NULL;
    return st;
}

void karma_data_close(karma_data *d) {
    if (!d) return;
    reader_close(&d->reader);
    buf_release(&d->text);
    arena_release(&d->row);
    arena_release(&d->arena);
    mem_free(d);
}

karma_status data_next_row(karma_data *d, struct reader_row *row) {
    arena_reset(&d->row);
    karma_status st = reader_read(&d->reader, &d->place, &d->row, row);
    return st < 0 ? status_prefix(st, "%s", d->path) : st;
}

karma_status karma_data_next(karma_data *d, const char **json) {
    struct data_swap swap = {.give = describe};
    struct reader_row row;
    const struct json *shown;
    *json = NULL;
    karma_status st = data_next_row(d, &row);
    if (st != KARMA_OK) return st;
    st = data_swap_bytes(&swap, &d->row, row.value, "", &shown);
    buf_clear(&d->text);
    if (st == KARMA_OK) st = json_write(&d->text, shown, 0, JSON_PYTHON);
    if (st < 0) {
        st = reader_prefix(st, &d->reader, row.line_no);
        return status_prefix(st, "%s", d->path);
    }
    *json = buf_str(&d->text);
    return KARMA_OK;
}

/* ---- the schema ---- */

static struct json *or_null(struct arena *a, bool known, int64_t v) {
    return known ? json_new_int(a, v) : json_new_null(a);
}

/* Of all files: the columns of the first, nulls and bytes together if all have the same ones. */
static karma_status parquet_columns(struct arena *a, const struct reader *r, struct json *list) {
    const struct parquet_field *first, *more;
    size_t n, n_more;
    struct parquet *p = reader_parquet_file(r, 0);
    karma_status st = parquet_fields(p, &first, &n);
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        const struct parquet_field *f = &first[i];
        int64_t nulls = f->n_nulls;
        uint64_t bytes = f->n_bytes;
        for (size_t k = 1; st == KARMA_OK && (p = reader_parquet_file(r, k)); k++) {
            st = parquet_fields(p, &more, &n_more);
            const bool same = st == KARMA_OK && i < n_more && strcmp(more[i].path, f->path) == 0;
            nulls = same && nulls >= 0 && more[i].n_nulls >= 0 ? nulls + more[i].n_nulls : -1;
            if (same) bytes += more[i].n_bytes;
        }
        struct json *c = json_new_object(a);
        if (st == KARMA_OK) st = json_set(a, c, "path", json_new_string(a, f->path));
        if (st == KARMA_OK) st = json_set(a, c, "depth", json_new_int(a, f->depth));
        if (st == KARMA_OK) st = json_set(a, c, "type", json_new_string(a, f->type));
        if (st == KARMA_OK) st = json_set(a, c, "nullable", json_new_bool(a, f->nullable));
        if (st == KARMA_OK) st = json_set(a, c, "nulls", or_null(a, f->leaf && nulls >= 0, nulls));
        if (st == KARMA_OK)
            st =
                json_set(a, c, "codec", f->codec ? json_new_string(a, f->codec) : json_new_null(a));
        if (st == KARMA_OK) st = json_set(a, c, "size_bytes", or_null(a, f->leaf, (int64_t)bytes));
        if (st == KARMA_OK) st = json_push(a, list, c);
    }
    return st;
}

static karma_status add_parquet(struct arena *a, karma_data *d, struct json *o) {
    uint64_t rows = 0, groups = 0, bytes = 0;
    struct json *columns = json_new_array(a);
    const char *by = NULL;
    struct parquet *p;
    for (size_t k = 0; (p = reader_parquet_file(&d->reader, k)); k++) {
        rows += parquet_n_rows(p);
        groups += parquet_n_groups(p);
        bytes += reader_parquet_bytes(&d->reader, k);
        if (k == 0) by = parquet_created_by(p);
    }
    karma_status st = json_set(a, o, "rows", json_new_int(a, (int64_t)rows));
    if (st == KARMA_OK) st = json_set(a, o, "row_groups", json_new_int(a, (int64_t)groups));
    if (st == KARMA_OK) st = json_set(a, o, "size_bytes", json_new_int(a, (int64_t)bytes));
    if (st == KARMA_OK)
        st = json_set(a, o, "created_by", by ? json_new_string(a, by) : json_new_null(a));
    if (st == KARMA_OK) st = parquet_columns(a, &d->reader, columns);
    return st < 0 ? st : json_set(a, o, "columns", columns);
}

static karma_status add_read(struct arena *a, karma_data *d, struct json *o) {
    struct json *columns;
    int64_t rows;
    karma_status st = data_columns(d, &columns, &rows);
    if (st == KARMA_OK) st = json_set(a, o, "rows", json_new_int(a, rows));
    if (st == KARMA_OK) st = json_set(a, o, "row_groups", json_new_null(a));
    if (st == KARMA_OK)
        st = json_set(a, o, "size_bytes", json_new_int(a, (int64_t)d->reader.map.size));
    if (st == KARMA_OK) st = json_set(a, o, "created_by", json_new_null(a));
    return st < 0 ? st : json_set(a, o, "columns", columns);
}

karma_status karma_data_schema(const char *path, char **json) {
    karma_data *d;
    struct buf text = {0};
    *json = NULL;
    karma_status st = karma_data_open(path, &d);
    if (st < 0) return st;
    struct arena *a = &d->arena;
    struct json *o = json_new_object(a);
    const char *kind = d->reader.tabs ? "tsv" : d->reader.ops->name;
    st = json_set(a, o, "path", json_new_string(a, path));
    if (st == KARMA_OK) st = json_set(a, o, "kind", json_new_string(a, kind));
    if (st == KARMA_OK)
        st = d->reader.ops == &reader_parquet ? add_parquet(a, d, o) : add_read(a, d, o);
    if (st == KARMA_OK) st = json_write(&text, o, 2, JSON_PYTHON);
    if (st == KARMA_OK && !(*json = buf_take(&text))) st = KARMA_E_NOMEM;
    buf_release(&text);
    karma_data_close(d);
    return st;
}
