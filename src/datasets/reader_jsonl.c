/*
 * reader_jsonl.c - JSON Lines: UTF-8, one object per line. Blank lines are skipped. Any other line
 * that is not an object ends the read with its number: dropping it would change the denominator of
 * every metric.
 */
#include <string.h>

#include "datasets/reader.h"

static bool is_blank(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
    return p == end;
}

static karma_status jsonl_read(struct reader *r, struct reader_place *place, struct arena *a,
                               struct reader_row *row) {
    const char *end = r->text + r->len, *line, *stop;
    if (place->line_no == 0) place->line_no = 1;
    do {
        if (place->offset >= r->len) return KARMA_DONE;
        line = r->text + place->offset;
        stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        row->line_no = place->line_no++;
        place->offset = (size_t)(stop - r->text) + 1;
    } while (is_blank(line, stop));
    if (stop - line > READER_MAX_ROW)
        return status_fail(KARMA_E_LIMIT, "line %lld: longer than 64 MiB", (long long)row->line_no);
    size_t duplicate;
    karma_status st = json_parse_part(a, line, (size_t)(stop - line), (size_t)row->line_no,
                                      &duplicate, &row->value);
    if (st < 0) return st;
    row->duplicates = duplicate > 0;
    if (!json_is_object(row->value))
        return status_fail(KARMA_E_TYPE, "line %lld: expected an object, found %s",
                           (long long)row->line_no, json_type_name(row->value));
    return KARMA_OK;
}

static const char *const extensions[] = {".jsonl", ".ndjson", NULL};
const struct reader_ops reader_jsonl = {
    .name = "jsonl",
    .extensions = extensions,
    .read = jsonl_read,
};
