/*
 * data_convert.c - a data file written anew as JSON Lines, CSV or TSV. Rows are passed on one by
 * one; binary values become files. The output appears when all of it is written.
 */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "datasets/data_file.h"

enum { WRITE_BYTES = 1 << 20, MAX_NAME = 100 };

struct convert {
    struct data_swap swap; /* first: it is given back */
    const karma_data_convert_options *options;
    karma_data *data;
    struct file_writer writer;
    struct buf out, cell;
    struct arena arena;
    char separator;            /* 0: JSON Lines */
    const char *media, *shown; /* the folder, and how it is named in the output */
    const char **columns;      /* of CSV */
    size_t n_columns, n_files, n_rows, in_row;
    int64_t row_no;
};

karma_data_convert_options karma_data_convert_defaults(void) {
    return (karma_data_convert_options){.struct_size = sizeof(karma_data_convert_options)};
}

/* ---- binary values ---- */

/* Of the column's name what may stand in that of a file. */
static void put_plain(char *out, size_t size, const char *path) {
    size_t n = 0;
    for (; *path && n + 1 < size && n < MAX_NAME; path++) {
        const bool plain = ascii_is_alnum(*path) || *path == '_' || *path == '-';
        out[n++] = plain ? *path : '_';
    }
    out[n] = '\0';
}

static karma_status give_file(struct data_swap *s, struct arena *a, const struct json *bytes,
                              const char *path, const struct json **out) {
    struct convert *c = (struct convert *)s;
    char stem[MAX_NAME + 1], more[24] = "";
    if (!c->media)
        return status_fail(KARMA_E_UNSUPPORTED,
                           "column %s: holds binary values, and no folder was given to write them "
                           "to (--media DIR)",
                           status_quotez(path));
    put_plain(stem, sizeof(stem), path);
    if (c->in_row++ > 0) snprintf(more, sizeof(more), "-%zu", c->in_row);
    const char *name = arena_printf(a, "%s-%06lld%s%s", stem, (long long)c->row_no, more,
                                    data_kind_of(bytes->u.bytes.data, bytes->u.bytes.len).ending);
    const char *file = name ? file_join(a, c->media, name) : NULL;
    const char *shown = !name ? NULL : c->shown[0] ? file_join(a, c->shown, name) : name;
    if (!file || !shown) return KARMA_E_NOMEM;
    karma_status st = file_write_atomic(file, bytes->u.bytes.data, bytes->u.bytes.len, 0600);
    if (st < 0) return st;
    c->n_files++;
    *out = json_new_string(a, shown);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

/* Make the folder; a path below that of the output is named from there on. */
static karma_status open_media(struct convert *c) {
    const char *folder, *beside;
    if (!c->options->media) return KARMA_OK;
    karma_status st = file_make_folders(c->options->media, 0700);
    if (st == KARMA_OK) st = file_real_path(&c->arena, c->options->media, &folder);
    const char *dir = file_dir_name(&c->arena, c->options->output);
    if (st == KARMA_OK) st = dir ? file_real_path(&c->arena, dir, &beside) : KARMA_E_NOMEM;
    if (st < 0) return st;
    const size_t n = strlen(beside);
    c->media = c->shown = folder;
    if (strcmp(folder, beside) == 0)
        c->shown = "";
    else if (strncmp(folder, beside, n) == 0 && folder[n] == '/')
        c->shown = folder + n + 1;
    return KARMA_OK;
}

/* ---- CSV ---- */

static karma_status put_cell(struct convert *c, const char *text, size_t len, bool last) {
    const char special[] = {'"', '\n', '\r', c->separator, '\0'};
    bool quote = false;
    for (size_t i = 0; i < len && !quote; i++)
        quote = strchr(special, text[i]) != NULL;
    karma_status st = quote ? buf_putc(&c->out, '"') : KARMA_OK;
    for (size_t i = 0; i < len && st == KARMA_OK; i++) {
        if (quote && text[i] == '"') st = buf_putc(&c->out, '"');
        if (st == KARMA_OK) st = buf_putc(&c->out, text[i]);
    }
    if (st == KARMA_OK && quote) st = buf_putc(&c->out, '"');
    return st < 0 ? st : buf_putc(&c->out, last ? '\n' : c->separator);
}

static karma_status put_value(struct convert *c, const char *name, const struct json *v,
                              bool last) {
    if (json_is_null(v)) return put_cell(c, "", 0, last);
    if (json_is_string(v) && memchr(v->u.string.data, '\0', v->u.string.len))
        return status_fail(KARMA_E_RANGE, "column %s: a NUL character, which CSV cannot hold",
                           status_quotez(name));
    if (json_is_string(v)) return put_cell(c, v->u.string.data, v->u.string.len, last);
    buf_clear(&c->cell);
    karma_status st = json_write(&c->cell, v, 0, JSON_PYTHON);
    return st < 0 ? st : put_cell(c, buf_str(&c->cell), c->cell.len, last);
}

/* A row of one empty cell would be a blank line, which readers skip. */
static karma_status put_row(struct convert *c, const struct json *row) {
    const size_t begin = c->out.len;
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < c->n_columns && st == KARMA_OK; i++)
        st = put_value(c, c->columns[i], json_get(row, c->columns[i]), i + 1 == c->n_columns);
    if (st < 0 || c->out.len > begin + 1 || c->n_columns != 1) return st;
    c->out.len = begin;
    return buf_puts(&c->out, "\"\"\n");
}

static karma_status put_header(struct convert *c) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < c->n_columns && st == KARMA_OK; i++)
        st = put_cell(c, c->columns[i], strlen(c->columns[i]), i + 1 == c->n_columns);
    return st;
}

/* The names of the columns, which stand in the first line. */
static karma_status find_columns(struct convert *c) {
    char *schema;
    const struct json *parsed;
    karma_status st = karma_data_schema(c->options->input, &schema);
    if (st < 0) return st;
    st = json_parse(&c->arena, schema, strlen(schema), JSON_LAST_WINS, &parsed);
    mem_free(schema);
    if (st < 0) return st;
    const struct json *all = json_get(parsed, "columns");
    c->columns = arena_calloc(&c->arena, json_count(all) + 1, sizeof(*c->columns));
    if (!c->columns) return KARMA_E_NOMEM;
    for (size_t i = 0; i < json_count(all); i++) {
        const struct json *one = json_at(all, i);
        if (json_get(one, "depth")->u.integer == 0)
            c->columns[c->n_columns++] = json_str(json_get(one, "path"), "");
    }
    return c->n_columns ? KARMA_OK
                        : status_fail(KARMA_E_MISSING, "%s: no columns", c->options->input);
}

/* ---- the whole ---- */

static karma_status flush(struct convert *c, size_t at_least) {
    if (c->out.len < at_least) return KARMA_OK;
    karma_status st = file_writer_append(&c->writer, buf_str(&c->out), c->out.len);
    buf_clear(&c->out);
    return st;
}

static karma_status convert_row(struct convert *c, const struct json *row) {
    const struct json *plain;
    c->in_row = 0;
    karma_status st = data_swap_bytes(&c->swap, &c->data->row, row, "", &plain);
    if (st == KARMA_OK && c->separator) return put_row(c, plain);
    if (st == KARMA_OK) st = json_write(&c->out, plain, 0, JSON_PYTHON);
    return st < 0 ? st : buf_putc(&c->out, '\n');
}

static karma_status convert_rows(struct convert *c) {
    struct reader_row row;
    karma_status st;
    while ((st = data_next_row(c->data, &row)) == KARMA_OK) {
        c->row_no = (int64_t)++c->n_rows;
        st = convert_row(c, row.value);
        if (st < 0) {
            st = reader_prefix(st, &c->data->reader, row.line_no);
            return status_prefix(st, "%s", c->options->input);
        }
        st = flush(c, WRITE_BYTES);
        if (st < 0) return st;
        if (c->options->cancelled && c->options->cancelled(c->options->user))
            return status_fail(KARMA_E_CANCELLED, "stopped");
    }
    return st == KARMA_DONE ? KARMA_OK : st;
}

static karma_status choose_format(struct convert *c) {
    const char *output = c->options->output;
    if (ascii_ends_with(output, ".jsonl") || ascii_ends_with(output, ".ndjson")) return KARMA_OK;
    c->separator = ascii_ends_with(output, ".csv") ? ',' : '\t';
    if (c->separator == ',' || ascii_ends_with(output, ".tsv")) return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED,
                       "%s: not what is written (expected .jsonl, .ndjson, .csv or .tsv)", output);
}

static karma_status check(struct convert *c) {
    const karma_data_convert_options *o = c->options;
    if (o->struct_size != sizeof(*o))
        return status_fail(KARMA_E_ABI, "karma_data_convert_options: get one from "
                                        "karma_data_convert_defaults()");
    if (!o->input || !o->output || !o->output[0])
        return status_fail(KARMA_E_USAGE, "output: no file was named");
    karma_status st = choose_format(c);
    if (st == KARMA_OK) st = file_check_writable(o->output);
    if (st == KARMA_OK && file_same(o->input, o->output))
        return status_fail(KARMA_E_USAGE, "%s: is what is read and cannot be the output",
                           o->output);
    if (st == KARMA_OK && !o->force && file_exists(o->output))
        return status_fail(KARMA_E_USAGE, "%s: exists; it is replaced only by force", o->output);
    return st;
}

karma_status karma_data_convert(const karma_data_convert_options *o, size_t *n_rows,
                                size_t *n_files) {
    struct convert c = {
        .swap = {.give = give_file, .with_holder = true}, .options = o, .writer = {.fd = -1}};
    *n_rows = *n_files = 0;
    karma_status st = check(&c);
    if (st == KARMA_OK) st = karma_data_open(o->input, &c.data);
    if (st == KARMA_OK && c.separator) st = find_columns(&c);
    if (st == KARMA_OK) st = open_media(&c);
    if (st == KARMA_OK) st = file_writer_begin(&c.writer, o->output);
    if (st == KARMA_OK && c.separator) st = put_header(&c);
    if (st == KARMA_OK) st = convert_rows(&c);
    if (st == KARMA_OK) st = flush(&c, 1);
    if (st == KARMA_OK)
        st = file_writer_end(&c.writer, 0600);
    else if (c.writer.fd >= 0)
        file_writer_abandon(&c.writer);
    if (st == KARMA_OK) {
        *n_rows = c.n_rows;
        *n_files = c.n_files;
    }
    karma_data_close(c.data);
    buf_release(&c.out);
    buf_release(&c.cell);
    arena_release(&c.arena);
    return st;
}
