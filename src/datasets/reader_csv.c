/*
 * reader_csv.c - tables as text with a line of column names: cells separated by commas or tabs,
 * quoted as RFC 4180 has it (a quote opens a cell or is no quote; inside, two stand for one; line
 * ends may be inside). Every cell is a string. Rows of another width than the first line are
 * errors.
 */
#include <string.h>

#include "base/utf8.h"
#include "datasets/reader.h"

enum { MAX_COLUMNS = 10000 };

struct csv {
    struct arena arena;
    const char **names; /* of the columns */
    size_t n_names;
    struct reader_place first; /* behind the names */
};

struct cursor {
    const char *p, *end;
    char separator;
    int64_t line_no; /* of p */
};

static karma_status fail_line(int64_t line_no, karma_status st, const char *what) {
    return status_fail(st, "line %lld: %s", (long long)line_no, what);
}

/* A quoted cell, c at its opening quote. */
static karma_status read_quoted(struct cursor *c, struct arena *a, const char **cell, size_t *len) {
    const int64_t line_no = c->line_no;
    const char *p = ++c->p;
    size_t quotes = 0;
    for (;; p++) {
        p = memchr(p, '"', (size_t)(c->end - p));
        if (!p) return fail_line(line_no, KARMA_E_SYNTAX, "quoted cell without an end");
        if (p + 1 == c->end || p[1] != '"') break;
        p++;
        quotes++;
    }
    if (p - c->p > READER_MAX_ROW)
        return fail_line(line_no, KARMA_E_LIMIT, "cell of more than 64 MiB");
    char *out = arena_alloc(a, (size_t)(p - c->p) - quotes + 1);
    if (!out) return KARMA_E_NOMEM;
    *cell = out;
    for (const char *q = c->p; q < p; q++) {
        *out++ = *q;
        if (*q == '"') q++;
        if (*q == '\n') c->line_no++;
    }
    *len = (size_t)(out - *cell);
    c->p = p + 1;
    if (c->p < c->end && *c->p != c->separator && *c->p != '\n' && *c->p != '\r')
        return fail_line(c->line_no, KARMA_E_SYNTAX, "text after a cell's closing quote");
    return KARMA_OK;
}

static karma_status read_plain(struct cursor *c, struct arena *a, const char **cell, size_t *len) {
    const char *p = c->p;
    while (p < c->end && *p != c->separator && *p != '\n' && *p != '\r' && *p != '"')
        p++;
    if (p < c->end && *p == '"')
        return fail_line(c->line_no, KARMA_E_SYNTAX,
                         "quote inside a cell that does not begin with one");
    *len = (size_t)(p - c->p);
    if (*len > READER_MAX_ROW)
        return fail_line(c->line_no, KARMA_E_LIMIT, "cell of more than 64 MiB");
    *cell = arena_strndup(a, c->p, *len);
    c->p = p;
    return *cell ? KARMA_OK : KARMA_E_NOMEM;
}

/* One cell and what ends it; *last when that is the line's end or the text's. */
static karma_status read_cell(struct cursor *c, struct arena *a, const char **cell, bool *last) {
    size_t len = 0;
    const int64_t line_no = c->line_no;
    karma_status st = c->p < c->end && *c->p == '"' ? read_quoted(c, a, cell, &len)
                                                    : read_plain(c, a, cell, &len);
    if (st < 0) return st;
    if (memchr(*cell, '\0', len))
        return fail_line(line_no, KARMA_E_SYNTAX, "cell with a NUL character");
    if (!utf8_valid(*cell, len, NULL))
        return fail_line(line_no, KARMA_E_ENCODING, "not valid UTF-8");
    *last = c->p == c->end || *c->p != c->separator;
    if (c->p == c->end) return KARMA_OK;
    if (*c->p == '\r' && (++c->p == c->end || *c->p != '\n'))
        return fail_line(c->line_no, KARMA_E_SYNTAX, "carriage return without a line feed");
    if (*c->p == '\n') c->line_no++;
    c->p++;
    return KARMA_OK;
}

static void skip_blank_lines(struct cursor *c) {
    while (c->p < c->end) {
        if (*c->p == '\n')
            c->p++;
        else if (c->end - c->p >= 2 && c->p[0] == '\r' && c->p[1] == '\n')
            c->p += 2;
        else
            return;
        c->line_no++;
    }
}

static struct cursor cursor_at(const struct reader *r, const struct reader_place *place) {
    return (struct cursor){
        .p = r->text + place->offset,
        .end = r->text + r->len,
        .separator = r->tabs ? '\t' : ',',
        .line_no = place->line_no ? place->line_no : 1,
    };
}

static karma_status check_names(const struct csv *s, int64_t line_no) {
    for (size_t i = 0; i < s->n_names; i++) {
        if (s->names[i][0] == '\0')
            return status_fail(KARMA_E_SYNTAX, "line %lld: column %zu has no name",
                               (long long)line_no, i + 1);
        for (size_t k = 0; k < i; k++)
            if (strcmp(s->names[i], s->names[k]) == 0)
                return status_fail(KARMA_E_DUPLICATE,
                                   "line %lld: columns %zu and %zu are both '%s'",
                                   (long long)line_no, k + 1, i + 1, status_quotez(s->names[i]));
    }
    if (s->n_names == 1 && strchr(s->names[0], ';'))
        return fail_line(line_no, KARMA_E_SYNTAX, "one column; separators must be commas, not ';'");
    return KARMA_OK;
}

static karma_status read_names(struct reader *r, struct csv *s) {
    struct cursor c = cursor_at(r, &(struct reader_place){0});
    size_t cap = 0;
    bool last = false;
    skip_blank_lines(&c);
    if (c.p == c.end) return KARMA_OK; /* no rows; datasets.c says so */
    const int64_t line_no = c.line_no;
    while (!last) {
        if (s->n_names == MAX_COLUMNS)
            return fail_line(line_no, KARMA_E_LIMIT, "more than 10000 columns");
        if (s->n_names == cap) {
            cap = cap ? cap * 2 : 16;
            const char **grown = arena_calloc(&s->arena, cap, sizeof(*grown));
            if (!grown) return KARMA_E_NOMEM;
            if (s->n_names) memcpy(grown, s->names, s->n_names * sizeof(*grown));
            s->names = grown;
        }
        karma_status st = read_cell(&c, &s->arena, &s->names[s->n_names], &last);
        if (st < 0) return st;
        s->n_names++;
    }
    s->first.offset = (uint64_t)(c.p - r->text);
    s->first.line_no = c.line_no;
    return check_names(s, line_no);
}

static karma_status csv_open(struct reader *r) {
    struct csv *s = r->state = mem_calloc(1, sizeof(*s));
    return s ? read_names(r, s) : KARMA_E_NOMEM;
}

static void csv_close(struct reader *r) {
    struct csv *s = r->state;
    if (!s) return;
    arena_release(&s->arena);
    mem_free(s);
    r->state = NULL;
}

static karma_status csv_read(struct reader *r, struct reader_place *place, struct arena *a,
                             struct reader_row *row) {
    const struct csv *s = r->state;
    if (place->line_no == 0) *place = s->first;
    struct cursor c = cursor_at(r, place);
    skip_blank_lines(&c);
    if (c.p == c.end || s->n_names == 0) return KARMA_DONE;
    /* Made by hand: the names are known to differ, and json_set() would compare them for each row.
     */
    struct json_member *members = arena_calloc(a, s->n_names, sizeof(*members));
    struct json *values = arena_calloc(a, s->n_names, sizeof(*values));
    struct json *object = json_new_object(a);
    if (!members || !values || !object) return KARMA_E_NOMEM;
    object->u.object.members = members;
    object->u.object.count = s->n_names;
    row->line_no = c.line_no;
    bool last = false;
    for (size_t i = 0; i < s->n_names; i++) {
        if (last)
            return status_fail(KARMA_E_SYNTAX, "line %lld: %zu cells where %zu were expected",
                               (long long)row->line_no, i, s->n_names);
        struct json *v = &values[i];
        v->type = JSON_STRING;
        karma_status st = read_cell(&c, a, &v->u.string.data, &last);
        if (st < 0) return st;
        v->u.string.len = strlen(v->u.string.data);
        members[i] = (struct json_member){s->names[i], strlen(s->names[i]), v};
    }
    if (!last)
        return status_fail(KARMA_E_SYNTAX, "line %lld: more than the expected %zu cells",
                           (long long)row->line_no, s->n_names);
    place->offset = (uint64_t)(c.p - r->text);
    place->line_no = c.line_no;
    row->value = object;
    return KARMA_OK;
}

static const char *const extensions[] = {".csv", ".tsv", NULL};
const struct reader_ops reader_csv = {
    .name = "csv",
    .extensions = extensions,
    .open = csv_open,
    .read = csv_read,
    .close = csv_close,
};
