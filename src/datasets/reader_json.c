/*
 * reader_json.c - one JSON value that holds all rows: an array of objects, or an object whose
 * members are the rows, each under its id. The text is checked whole when it is opened; a row
 * becomes a tree only when it is asked for.
 */
#include <string.h>

#include "base/json_pull.h"
#include "base/size.h"
#include "datasets/reader.h"

enum { MAX_FILE_BYTES = 256 << 20 };

struct span {
    uint64_t key, begin, end; /* offsets; key == begin in an array */
    int64_t line_no;
};
struct json_rows {
    struct span *rows;
    size_t count, cap;
};

static void json_close(struct reader *r) {
    struct json_rows *s = r->state;
    if (!s) return;
    mem_free(s->rows);
    mem_free(s);
    r->state = NULL;
}

static karma_status add_row(struct json_rows *s, const struct span *row) {
    if (s->count == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64, bytes;
        if (!mul_size(cap, sizeof(*s->rows), &bytes))
            return status_fail(KARMA_E_OVERFLOW, "too many rows");
        struct span *grown = mem_realloc(s->rows, bytes);
        if (!grown) return KARMA_E_NOMEM;
        s->rows = grown;
        s->cap = cap;
    }
    s->rows[s->count++] = *row;
    return KARMA_OK;
}

static int64_t count_lines(const char *text, uint64_t from, uint64_t to) {
    int64_t lines = 0;
    const char *p = text + from, *end = text + to;
    while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
        lines++;
        p++;
    }
    return lines;
}

/* All rows between the outer brackets, whose first event has been read. */
static karma_status find_rows(struct reader *r, struct json_pull *pull, bool named) {
    struct json_rows *s = r->state;
    enum json_event ev;
    struct span row = {.line_no = 1};
    for (uint64_t counted = 0;;) {
        row.key = row.begin = json_pull_offset(pull);
        karma_status st = json_pull_next(pull, &ev);
        if (st < 0) return st;
        if (ev == JSON_EV_OBJECT_END || ev == JSON_EV_ARRAY_END) break;
        if (named) {
            row.begin = json_pull_offset(pull);
            st = json_pull_next(pull, &ev);
            if (st < 0) return st;
        }
        row.line_no += count_lines(r->text, counted, row.begin);
        counted = row.begin;
        if (ev != JSON_EV_OBJECT_BEGIN)
            return status_fail(KARMA_E_TYPE, "line %lld: a row must be an object",
                               (long long)row.line_no);
        st = json_pull_skip(pull, ev);
        if (st < 0) return st;
        row.end = (uint64_t)(pull->p - pull->start);
        if (row.end - row.begin > READER_MAX_ROW)
            return status_fail(KARMA_E_LIMIT, "line %lld: row of more than 64 MiB",
                               (long long)row.line_no);
        st = add_row(s, &row);
        if (st < 0) return st;
    }
    return json_pull_next(pull, &ev); /* only blanks may follow */
}

static karma_status json_open(struct reader *r) {
    struct json_pull pull;
    enum json_event ev;
    if (r->len > MAX_FILE_BYTES)
        return status_fail(KARMA_E_LIMIT,
                           "JSON of more than 256 MiB (JSON Lines has no such limit)");
    if (!(r->state = mem_calloc(1, sizeof(struct json_rows)))) return KARMA_E_NOMEM;
    json_pull_init(&pull, r->text, r->len);
    karma_status st = json_pull_next(&pull, &ev);
    if (st == KARMA_OK && ev != JSON_EV_ARRAY_BEGIN && ev != JSON_EV_OBJECT_BEGIN)
        st = status_fail(KARMA_E_TYPE,
                         "line 1: expected an array of rows or an object of named rows");
    if (st == KARMA_OK) st = find_rows(r, &pull, ev == JSON_EV_OBJECT_BEGIN);
    json_pull_release(&pull);
    return st;
}

static karma_status json_read(struct reader *r, struct reader_place *place, struct arena *a,
                              struct reader_row *row) {
    const struct json_rows *s = r->state;
    size_t duplicate;
    if (place->offset >= s->count) return KARMA_DONE;
    const struct span *span = &s->rows[place->offset++];
    row->line_no = place->line_no = span->line_no;
    const size_t line = (size_t)span->line_no;
    if (span->key < span->begin) { /* "key" : {...}; the key's own text ends before the colon */
        const char *key = r->text + span->key, *stop = r->text + span->begin;
        while (stop > key && stop[-1] != '"')
            stop--;
        const struct json *name;
        karma_status st = json_parse_part(a, key, (size_t)(stop - key), line, &duplicate, &name);
        if (st < 0) return st;
        row->key = name->u.string.data;
        if (strlen(row->key) != name->u.string.len)
            return status_fail(KARMA_E_RANGE, "line %zu: row name holds a NUL character", line);
    }
    karma_status st = json_parse_part(a, r->text + span->begin, (size_t)(span->end - span->begin),
                                      line, &duplicate, &row->value);
    row->duplicates = st == KARMA_OK && duplicate > 0;
    return st;
}

static const char *const extensions[] = {".json", NULL};
const struct reader_ops reader_json = {
    .name = "json",
    .extensions = extensions,
    .open = json_open,
    .read = json_read,
    .close = json_close,
};
