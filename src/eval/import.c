/* import.c - see import.h. The file is mapped; a row is parsed when it is checked and when it is
 * scored. */
#include "eval/import.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/sha256.h"
#include "base/utf8.h"

enum { MAX_LINE_BYTES = 256 << 20 };

struct import {
    struct arena kept;
    struct file_map map;
    const char *path;
    struct map rows;   /* id, or dataset NUL id -> where its line begins */
    char *seen;        /* [rows.count]: a sample has it */
    const char *model; /* that the rows name; NULL: none */
    bool several;      /* they name different ones */
    char digest[65];
};

karma_status import_missing_parse(const char *text, enum import_missing *out) {
    static const char *const names[] = {"error", "fail", "exclude"};
    *out = IMPORT_MISSING_ERROR;
    for (int i = 0; text && i < 3; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *out = (enum import_missing)i;
        return KARMA_OK;
    }
    if (!text) return KARMA_OK;
    return status_fail(KARMA_E_USAGE, "missing_answers: expected error, fail or exclude, found %s",
                       status_quotez(text));
}

/* --- rows ------------------------------------------------------------------------------------- */

struct row {
    const char *id, *dataset, *text, *thinking, *finish_reason, *model;
};

static karma_status read_id(struct arena *a, const struct json *o, const char **id) {
    const struct json *value = json_get(o, "id");
    if (json_is_null(value)) value = json_get(o, "key");
    if (json_is_null(value)) return status_fail(KARMA_E_MISSING, "id: not there");
    if (value->type == JSON_INT) {
        *id = arena_printf(a, "%lld", (long long)value->u.integer);
        return *id ? KARMA_OK : KARMA_E_NOMEM;
    }
    if (!json_is_string(value))
        return status_fail(KARMA_E_TYPE, "id: expected a text or a whole number, found %s",
                           json_type_name(value));
    *id = value->u.string.data;
    return **id ? KARMA_OK : status_fail(KARMA_E_RANGE, "id: empty");
}

/* NUL ends a text here, as it does in a model's own answers: what follows would be lost. */
static karma_status read_text(const struct json *o, const char *name, const char **out) {
    const struct json *value = json_get(o, name);
    karma_status st = json_field_str(o, name, NULL, out);
    if (st == KARMA_OK && *out && strlen(*out) != value->u.string.len)
        st = status_fail(KARMA_E_RANGE, "%s: holds a NUL character", name);
    return st;
}

static karma_status read_row(struct arena *a, const char *line, size_t len, struct row *out) {
    const struct json *o;
    *out = (struct row){0};
    if (len > MAX_LINE_BYTES) return status_fail(KARMA_E_LIMIT, "%zu bytes", len);
    karma_status st = json_parse(a, line, len, JSON_LAST_WINS, &o);
    if (st == KARMA_OK && !json_is_object(o))
        st = status_fail(KARMA_E_TYPE, "expected an object, found %s", json_type_name(o));
    if (st == KARMA_OK) st = read_id(a, o, &out->id);
    if (st == KARMA_OK) st = read_text(o, "text", &out->text);
    if (st == KARMA_OK && !out->text) st = read_text(o, "output", &out->text);
    if (st == KARMA_OK && !out->text) st = status_fail(KARMA_E_MISSING, "text: not there");
    if (st == KARMA_OK) st = read_text(o, "thinking", &out->thinking);
    if (st == KARMA_OK) st = read_text(o, "dataset", &out->dataset);
    if (st == KARMA_OK) st = read_text(o, "finish_reason", &out->finish_reason);
    return st == KARMA_OK ? read_text(o, "model", &out->model) : st;
}

/* The row that begins at offset; *next: where the one behind it does. */
static karma_status read_at(const struct import *im, size_t offset, struct arena *a,
                            struct row *out, size_t *next) {
    const char *line = (const char *)im->map.data + offset;
    const char *end = memchr(line, '\n', im->map.size - offset);
    const size_t len = end ? (size_t)(end - line) : im->map.size - offset;
    *next = offset + len + 1;
    return read_row(a, line, len, out);
}

/* dataset NULL: of any. */
static karma_status row_name(struct buf *b, const char *dataset, const char *id) {
    buf_clear(b);
    karma_status st = dataset ? buf_append(b, dataset, strlen(dataset) + 1) : KARMA_OK;
    return st == KARMA_OK ? buf_puts(b, id) : st;
}

static karma_status note_model(struct import *im, const char *model) {
    if (!model || im->several) return KARMA_OK;
    if (im->model) {
        im->several = strcmp(im->model, model) != 0;
        return KARMA_OK;
    }
    im->model = arena_strdup(&im->kept, model);
    return im->model ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status add_row(struct import *im, struct arena *a, struct buf *name, size_t offset,
                            size_t *next) {
    struct row row;
    struct map_entry *entry;
    bool added;
    karma_status st = read_at(im, offset, a, &row, next);
    if (st == KARMA_OK) st = row_name(name, row.dataset, row.id);
    if (st == KARMA_OK) st = map_put(&im->rows, name->data, name->len, &entry, &added);
    if (st == KARMA_OK && !added)
        st = status_fail(KARMA_E_DUPLICATE, "id %s stands in an earlier line, too",
                         status_quotez(row.id));
    if (st < 0) return st;
    entry->value.u64 = offset;
    return note_model(im, row.model);
}

static bool is_blank(const char *line, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (!strchr(" \t\r", line[i]) || !line[i]) return false;
    return true;
}

static karma_status read_all(struct import *im) {
    struct arena a = {0};
    struct buf name = {0};
    karma_status st = KARMA_OK;
    size_t at = im->map.size >= 3 && memcmp(im->map.data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    for (size_t line_no = 1; at < im->map.size && st == KARMA_OK; line_no++) {
        const char *line = (const char *)im->map.data + at;
        const char *end = memchr(line, '\n', im->map.size - at);
        size_t next = at + (end ? (size_t)(end - line) : im->map.size - at) + 1;
        if (!is_blank(line, next - 1 - at)) st = add_row(im, &a, &name, at, &next);
        if (st < 0) st = status_prefix(st, "%s: line %zu", im->path, line_no);
        arena_reset(&a);
        at = next;
    }
    if (st == KARMA_OK && im->rows.count == 0)
        st = status_fail(KARMA_E_MISSING, "%s: there is no answer in it", im->path);
    buf_release(&name);
    arena_release(&a);
    return st;
}

karma_status import_open(const char *path, struct import **out) {
    *out = NULL;
    struct import *im = mem_calloc(1, sizeof(*im));
    if (!im) return KARMA_E_NOMEM;
    im->path = arena_strdup(&im->kept, path);
    karma_status st = im->path ? file_map_open(path, &im->map) : KARMA_E_NOMEM;
    if (st == KARMA_OK) sha256_of(im->map.data, im->map.size, im->digest);
    if (st == KARMA_OK) st = read_all(im);
    if (st == KARMA_OK && !(im->seen = mem_calloc(im->rows.count, 1))) st = KARMA_E_NOMEM;
    if (st < 0) {
        import_close(im);
        return st;
    }
    *out = im;
    return KARMA_OK;
}

void import_close(struct import *im) {
    if (!im) return;
    mem_free(im->seen);
    map_release(&im->rows);
    file_map_close(&im->map);
    arena_release(&im->kept);
    mem_free(im);
}

/* --- samples ---------------------------------------------------------------------------------- */

static karma_status find(const struct import *im, const char *dataset, const char *key,
                         struct buf *name, const struct map_entry **out) {
    karma_status st = row_name(name, dataset, key);
    if (st < 0) return st;
    *out = map_find(&im->rows, name->data, name->len);
    if (!*out) *out = map_find(&im->rows, key, strlen(key));
    return KARMA_OK;
}

karma_status import_has(const struct import *im, const char *dataset, const char *key,
                        bool *there) {
    struct buf name = {0};
    const struct map_entry *entry = NULL;
    karma_status st = find(im, dataset, key, &name, &entry);
    buf_release(&name);
    *there = entry != NULL;
    return st;
}

karma_status import_get(const struct import *im, const char *dataset, const char *key,
                        struct arena *a, struct answer *out) {
    struct buf name = {0};
    const struct map_entry *entry = NULL;
    struct row row;
    size_t next;
    karma_status st = find(im, dataset, key, &name, &entry);
    buf_release(&name);
    if (st < 0 || !entry) return st < 0 ? st : KARMA_DONE;
    st = read_at(im, (size_t)entry->value.u64, a, &row, &next);
    if (st < 0) return status_prefix(st, "%s", im->path);
    const bool cut = row.finish_reason && strcmp(row.finish_reason, "length") == 0;
    *out = (struct answer){.text = row.text,
                           .thinking = row.thinking,
                           .finish_reason = cut ? KARMA_FINISH_LENGTH : KARMA_FINISH_STOP,
                           .flags = cut ? KARMA_OUTPUT_CUT : 0};
    return KARMA_OK;
}

struct check {
    struct import *im;
    struct buf name;
    size_t n_missing;
    char first[300]; /* data set and key of the first that has none */
};

static karma_status check_dataset(struct check *c, const struct plan_dataset *d) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < d->n_samples && st == KARMA_OK; i++) {
        const karma_sample *sample;
        const struct map_entry *entry = NULL;
        st = karma_dataset_get(d->data, i, &sample);
        if (st == KARMA_OK) st = find(c->im, d->name, sample->key, &c->name, &entry);
        if (st < 0) break;
        if (entry) {
            c->im->seen[entry - c->im->rows.entries] = 1;
        } else if (c->n_missing++ == 0) {
            snprintf(c->first, sizeof(c->first), "%s: sample %s", d->name,
                     status_quotez(sample->key));
        }
    }
    return st;
}

/* The id of a row's name; *dataset NULL: it names none. */
static const char *id_of(const struct map_entry *e, const char **dataset) {
    const size_t len = strlen(e->key);
    *dataset = len < e->key_len ? e->key : NULL;
    return *dataset ? e->key + len + 1 : e->key;
}

static karma_status check_unused(const struct import *im) {
    const struct map_entry *first = NULL;
    const char *dataset;
    size_t n = 0;
    for (size_t i = 0; i < im->rows.count; i++) {
        if (im->seen[i]) continue;
        if (n++ == 0) first = &im->rows.entries[i];
    }
    if (n == 0) return KARMA_OK;
    const char *id = id_of(first, &dataset);
    size_t line_no = 1;
    for (const unsigned char *p = im->map.data; p < im->map.data + first->value.u64; p++)
        line_no += *p == '\n';
    if (n == 1)
        return status_fail(KARMA_E_RANGE, "%s: line %zu: id %s is no sample of this run", im->path,
                           line_no, status_quotez(id));
    return status_fail(KARMA_E_RANGE,
                       "%s: line %zu: id %s is no sample of this run (and %zu more ids)", im->path,
                       line_no, status_quotez(id), n - 1);
}

karma_status import_check(struct import *im, const struct plan *p, enum import_missing missing) {
    struct check c = {.im = im};
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < p->n_datasets && st == KARMA_OK; i++)
        st = check_dataset(&c, &p->datasets[i]);
    buf_release(&c.name);
    if (st == KARMA_OK) st = check_unused(im);
    if (st < 0 || missing != IMPORT_MISSING_ERROR || c.n_missing == 0) return st;
    return status_fail(KARMA_E_MISSING, "%s: %s has no answer in it%s%.0zu%s", im->path, c.first,
                       c.n_missing > 1 ? " (and " : "", c.n_missing > 1 ? c.n_missing - 1 : 0,
                       c.n_missing > 1 ? " more samples)" : "");
}

karma_status import_identity(const struct import *im, struct arena *a, const char *model,
                             const char **json, const char **name) {
    struct json *o = json_new_object(a);
    struct buf text = {0};
    *name = model ? model : im->model && !im->several ? im->model : "imported";
    karma_status st = json_set(a, o, "answers_sha256", json_new_string(a, im->digest));
    if (st == KARMA_OK) st = json_set(a, o, "imported", json_new_bool(a, true));
    if (st == KARMA_OK) st = json_set(a, o, "name", json_new_string(a, *name));
    if (st == KARMA_OK) st = json_write(&text, o, 0, JSON_COMPACT);
    if (st == KARMA_OK && !(*json = arena_strndup(a, text.data, text.len))) st = KARMA_E_NOMEM;
    buf_release(&text);
    return st;
}
