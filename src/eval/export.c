/*
 * export.c - the samples of a run, or the answers of a store, as JSON Lines or CSV. Texts are given
 * out only when they were asked for; the file is private all the same. Written line by line.
 */
#include <sqlite3.h>
#include <string.h>

#include "base/file.h"
#include "base/map.h"
#include "eval/csv.h"
#include "eval/run_files.h"
#include "eval/store.h"
#include "karma/run.h"

enum { WRITE_BYTES = 1 << 18 };

karma_export_options karma_export_defaults(void) {
    return (karma_export_options){.struct_size = sizeof(karma_export_options)};
}

struct export {
    const karma_export_options *options;
    struct file_writer writer;
    struct buf text; /* not written yet */
    struct buf cell;
    struct map columns; /* CSV: further ones, "score.exact_match", "slice.subject" */
    bool csv, has_content;
    size_t n;
};

static karma_status flush(struct export *e, size_t at_least) {
    if (e->text.len < at_least || e->text.len == 0) return KARMA_OK;
    karma_status st = file_writer_append(&e->writer, e->text.data, e->text.len);
    buf_clear(&e->text);
    return st;
}

/* --- cells ------------------------------------------------------------------------------------ */

static karma_status put_text(struct export *e, const char *text) {
    return csv_put(&e->text, text ? text : "", e->options->keep_formulas, ',');
}

/* A text as it is, anything else as JSON; nothing where there is nothing. */
static karma_status put_value(struct export *e, const struct json *value) {
    if (json_is_null(value)) return put_text(e, "");
    if (json_is_string(value)) return put_text(e, value->u.string.data);
    buf_clear(&e->cell);
    karma_status st = json_write(&e->cell, value, 0, JSON_COMPACT);
    return st == KARMA_OK ? put_text(e, buf_str(&e->cell)) : st;
}

static karma_status put_flags(struct export *e, const struct json *flags) {
    buf_clear(&e->cell);
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < json_count(flags) && st == KARMA_OK; i++)
        st = buf_printf(&e->cell, "%s%s", i ? " " : "", json_str(json_at(flags, i), ""));
    return st == KARMA_OK ? put_text(e, buf_str(&e->cell)) : st;
}

static void end_row(struct export *e) {
    e->text.data[e->text.len - 1] = '\n';
}

/* --- a run ------------------------------------------------------------------------------------ */

static const char *const plain_columns[] = {
    "dataset", "key",   "index",         "state",         "error", "outcome",    "prompt_tokens",
    "tokens",  "flags", "prompt_sha256", "answer_sha256", "group", "answer_type"};
static const char *const content_columns[] = {"input",  "conversation",    "images",
                                              "audio",  "expected_output", "thinking",
                                              "output", "prediction"};
enum {
    N_PLAIN = sizeof(plain_columns) / sizeof(plain_columns[0]),
    N_CONTENT = sizeof(content_columns) / sizeof(content_columns[0])
};
static const char *const groups[][2] = {{"scores", "score."}, {"slices", "slice."}};

static bool is_wanted(const struct export *e, const struct run_line *line) {
    return !e->options->dataset || strcmp(e->options->dataset, line->dataset) == 0;
}

static karma_status note_column(struct export *e, const char *prefix, const char *name) {
    struct map_entry *entry;
    bool added;
    buf_clear(&e->cell);
    karma_status st = buf_printf(&e->cell, "%s%s", prefix, name);
    return st == KARMA_OK ? map_put(&e->columns, e->cell.data, e->cell.len, &entry, &added) : st;
}

/* What lines have that are wanted: the columns of a CSV file, and whether there are texts. */
static karma_status look_at_lines(struct export *e, struct run_files *files) {
    struct run_line line;
    karma_status st;
    size_t n = 0;
    while ((st = run_files_next(files, &line)) == KARMA_OK) {
        if (!is_wanted(e, &line)) continue;
        n++;
        e->has_content = e->has_content || json_get(line.object, "input") ||
                         json_get(line.object, "conversation") || json_get(line.object, "audio") ||
                         json_get(line.object, "output");
        for (int g = 0; g < 2 && e->csv && st == KARMA_OK; g++) {
            const struct json *group = json_get(line.object, groups[g][0]);
            for (size_t i = 0; i < json_count(group) && st == KARMA_OK; i++)
                st = note_column(e, groups[g][1], group->u.object.members[i].key);
        }
        if (st < 0) return st;
    }
    if (st < 0) return st;
    run_files_rewind(files);
    if (n == 0 && e->options->dataset)
        return status_fail(KARMA_E_NOTFOUND, "%s: no sample is of data set %s",
                           run_files_log(files), status_quotez(e->options->dataset));
    if (n && e->options->include_content && !e->has_content)
        return status_fail(KARMA_E_MISSING,
                           "%s: the run was made without texts; make it again with "
                           "include_content (answers in the store cost nothing)",
                           run_files_log(files));
    return KARMA_OK;
}

static karma_status put_header(struct export *e) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < N_PLAIN && st == KARMA_OK; i++)
        st = put_text(e, plain_columns[i]);
    for (size_t i = 0; i < e->columns.count && st == KARMA_OK; i++)
        st = put_text(e, e->columns.entries[i].key);
    for (size_t i = 0; i < N_CONTENT && e->options->include_content && st == KARMA_OK; i++)
        st = put_text(e, content_columns[i]);
    if (st == KARMA_OK) end_row(e);
    return st;
}

static karma_status put_row(struct export *e, const struct run_line *line) {
    const struct json *o = line->object;
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < N_PLAIN && st == KARMA_OK; i++) {
        const struct json *value = json_get(o, plain_columns[i]);
        st = strcmp(plain_columns[i], "flags") == 0 ? put_flags(e, value) : put_value(e, value);
    }
    for (size_t i = 0; i < e->columns.count && st == KARMA_OK; i++) {
        const char *name = e->columns.entries[i].key;
        const int g = strncmp(name, groups[1][1], strlen(groups[1][1])) == 0;
        st = put_value(e, json_get(json_get(o, groups[g][0]), name + strlen(groups[g][1])));
    }
    for (size_t i = 0; i < N_CONTENT && e->options->include_content && st == KARMA_OK; i++)
        st = put_value(e, json_get(o, content_columns[i]));
    if (st == KARMA_OK) end_row(e);
    return st;
}

static karma_status put_line(struct export *e, const struct run_line *line) {
    if (e->csv) return put_row(e, line);
    karma_status st = e->options->include_content ? buf_append(&e->text, line->text, line->text_len)
                                                  : run_line_for_chain(line->object, &e->text);
    return st == KARMA_OK ? buf_putc(&e->text, '\n') : st;
}

static karma_status export_run(struct export *e) {
    struct run_files *files;
    struct run_line line;
    karma_status st = run_files_open(e->options->results, &files);
    if (st < 0) return st;
    st = look_at_lines(e, files);
    if (st == KARMA_OK) st = file_writer_begin(&e->writer, e->options->output);
    if (st == KARMA_OK && e->csv) st = put_header(e);
    while (st == KARMA_OK && (st = run_files_next(files, &line)) == KARMA_OK) {
        if (!is_wanted(e, &line)) continue;
        st = put_line(e, &line);
        if (st == KARMA_OK) st = flush(e, WRITE_BYTES);
        e->n++;
    }
    run_files_close(files);
    return st < 0 ? st : KARMA_OK;
}

/* --- a store ---------------------------------------------------------------------------------- */

/* Columns of the query, in the order of the export; the last three are texts. */
static const char *const store_columns[] = {
    "key",           "model", "dataset", "sample",   "status", "error",     "prompt_tokens",
    "finish_reason", "flags", "created", "thinking", "output", "raw_output"};
enum { N_STORE = 13, N_STORE_TEXTS = 3, STORE_FINISH = 7 };
static const char STORE_QUERY[] =
    "SELECT lower(hex(key)), model, dataset, sample, status, error, n_prompt_tokens,"
    " finish_reason, flags, strftime('%Y-%m-%dT%H:%M:%SZ', created_s, 'unixepoch'), thinking, text,"
    " raw_text FROM answers WHERE (?1 IS NULL OR model = ?1) AND (?2 IS NULL OR dataset = ?2)"
    " ORDER BY model, dataset, sample, key";

static const char *store_cell(sqlite3_stmt *q, int column) {
    if (sqlite3_column_type(q, column) == SQLITE_NULL) return NULL;
    if (column == STORE_FINISH)
        return karma_finish_reason_name((karma_finish_reason)sqlite3_column_int(q, column));
    return (const char *)sqlite3_column_text(q, column);
}

static karma_status put_member(struct export *e, sqlite3_stmt *q, int column) {
    const char *text = store_cell(q, column);
    const bool number = sqlite3_column_type(q, column) == SQLITE_INTEGER && column != STORE_FINISH;
    if (!text) return KARMA_OK;
    karma_status st =
        buf_printf(&e->text, "%s\"%s\": ", e->text.data[e->text.len - 1] == '{' ? "" : ", ",
                   store_columns[column]);
    if (st < 0) return st;
    return number ? buf_puts(&e->text, text)
                  : json_write_string(&e->text, text, strlen(text), JSON_PYTHON);
}

static karma_status put_answer(struct export *e, sqlite3_stmt *q) {
    const int n = N_STORE - (e->options->include_content ? 0 : N_STORE_TEXTS);
    karma_status st = e->csv ? KARMA_OK : buf_putc(&e->text, '{');
    for (int i = 0; i < n && st == KARMA_OK; i++)
        st = e->csv ? put_text(e, store_cell(q, i)) : put_member(e, q, i);
    if (st == KARMA_OK && e->csv) end_row(e);
    if (st == KARMA_OK && !e->csv) st = buf_puts(&e->text, "}\n");
    return st;
}

static karma_status put_store_header(struct export *e) {
    const int n = N_STORE - (e->options->include_content ? 0 : N_STORE_TEXTS);
    karma_status st = KARMA_OK;
    for (int i = 0; i < n && st == KARMA_OK; i++)
        st = put_text(e, store_columns[i]);
    if (st == KARMA_OK) end_row(e);
    return st;
}

static karma_status put_answers(struct export *e, struct store *s) {
    const karma_export_options *o = e->options;
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(store_database(s), STORE_QUERY, -1, &q, NULL) != SQLITE_OK)
        return store_failure(s, "read");
    if (o->model) sqlite3_bind_text(q, 1, o->model, -1, SQLITE_STATIC);
    if (o->dataset) sqlite3_bind_text(q, 2, o->dataset, -1, SQLITE_STATIC);
    karma_status st = KARMA_OK;
    for (int code; st == KARMA_OK && (code = sqlite3_step(q)) != SQLITE_DONE; e->n++) {
        st = code == SQLITE_ROW ? put_answer(e, q) : store_failure(s, "read");
        if (st == KARMA_OK) st = flush(e, WRITE_BYTES);
    }
    sqlite3_finalize(q);
    return st;
}

static karma_status export_store(struct export *e) {
    struct store *s;
    karma_status st = store_open_existing(e->options->store, &s);
    if (st < 0) return st;
    st = file_writer_begin(&e->writer, e->options->output);
    if (st == KARMA_OK && e->csv) st = put_store_header(e);
    if (st == KARMA_OK) st = put_answers(e, s);
    if (st < 0) {
        char why[1024];
        strncpy(why, karma_error_message(), sizeof(why) - 1);
        why[sizeof(why) - 1] = '\0';
        store_close(s);
        return status_fail(st, "%s", why);
    }
    return store_close(s);
}

/* --- both ------------------------------------------------------------------------------------- */

static karma_status choose_format(struct export *e) {
    const char *format = e->options->format, *dot = strrchr(e->options->output, '.');
    if (!format) format = dot && strcmp(dot, ".csv") == 0 ? "csv" : "jsonl";
    e->csv = strcmp(format, "csv") == 0;
    if (e->csv || strcmp(format, "jsonl") == 0) return KARMA_OK;
    return status_fail(KARMA_E_USAGE, "format: expected jsonl or csv, found %s",
                       status_quotez(format));
}

static karma_status check_output(const karma_export_options *o) {
    struct arena a = {0};
    const char *inputs[5] = {o->store, o->results};
    if (o->results) {
        inputs[2] = run_files_log_path(&a, o->results);
        inputs[3] = run_files_manifest_path(&a, o->results);
        inputs[4] = run_files_times_path(&a, o->results);
    }
    const bool made = !o->results || (inputs[2] && inputs[3] && inputs[4]);
    karma_status st = made ? file_check_writable(o->output) : KARMA_E_NOMEM;
    for (int i = 0; i < 5 && st == KARMA_OK; i++)
        if (inputs[i] && (strcmp(inputs[i], o->output) == 0 || file_same(inputs[i], o->output)))
            st = status_fail(KARMA_E_USAGE, "%s: is what is read and cannot be the output",
                             o->output);
    arena_release(&a);
    if (st == KARMA_OK && !o->force && file_exists(o->output))
        st = status_fail(KARMA_E_USAGE, "%s: exists; it is replaced only by force", o->output);
    return st;
}

static karma_status check(const karma_export_options *o) {
    if (o->struct_size != sizeof(*o))
        return status_fail(KARMA_E_ABI,
                           "karma_export_options: get one from karma_export_defaults()");
    if (!o->results == !o->store)
        return status_fail(KARMA_E_USAGE, "expected a run or a store, found %s",
                           o->store ? "both" : "neither");
    if (!o->output || !o->output[0]) return status_fail(KARMA_E_USAGE, "output: no file was named");
    if (o->results && o->model)
        return status_fail(KARMA_E_USAGE, "model: a run has one model; only a store has several");
    return check_output(o);
}

karma_status karma_export(const karma_export_options *options, size_t *n) {
    struct export e = {.options = options, .writer = {.fd = -1}};
    *n = 0;
    karma_status st = check(options);
    if (st == KARMA_OK) st = choose_format(&e);
    if (st == KARMA_OK) st = options->results ? export_run(&e) : export_store(&e);
    if (st == KARMA_OK) st = flush(&e, 1);
    if (st == KARMA_OK)
        st = file_writer_end(&e.writer, 0600);
    else if (e.writer.fd >= 0)
        file_writer_abandon(&e.writer);
    buf_release(&e.text);
    buf_release(&e.cell);
    map_release(&e.columns);
    *n = st == KARMA_OK ? e.n : 0;
    return st;
}
