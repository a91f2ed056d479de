/*
 * store_tools.c - see karma/store.h: what is in a store, why two keys differ, and what may go. All
 * of it reads columns that name rows; the texts of answers are never looked at.
 */
#include "karma/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"
#include "eval/in_flight.h"
#include "eval/store.h"
#include "karma/eval.h"

enum { MIN_KEY_DIGITS = 8, MAX_ROWS_SHOWN = 100, KEY_DIGITS = 64 };

struct tool {
    struct arena arena;
    struct store *store;
    sqlite3 *db;
    const char *path;
};

static karma_status tool_open(struct tool *t, const char *path) {
    char place[4096];
    *t = (struct tool){0};
    if (!path) path = karma_default_store_path(place, sizeof(place));
    if (!path)
        return status_fail(KARMA_E_USAGE, "no place for the store of answers: neither HOME nor "
                                          "KARMA_STORE is set; name one");
    t->path = arena_strdup(&t->arena, path);
    karma_status st = t->path ? store_open_existing(t->path, &t->store) : KARMA_E_NOMEM;
    if (st == KARMA_OK) t->db = store_database(t->store);
    return st;
}

/* st < 0: that comes back, else what closing says, or *json, the text of o. */
static karma_status tool_close(struct tool *t, karma_status st, const struct json *o, char **json) {
    struct buf text = {0};
    char why[1024];
    if (st == KARMA_OK) st = json_write(&text, o, 2, JSON_PYTHON);
    snprintf(why, sizeof(why), "%s", karma_error_message());
    const karma_status closed = store_close(t->store);
    if (st < 0)
        status_fail(st, "%s", why);
    else
        st = closed;
    if (st == KARMA_OK && !(*json = buf_take(&text))) st = KARMA_E_NOMEM;
    buf_release(&text);
    arena_release(&t->arena);
    return st;
}

/* --- rows of a query -------------------------------------------------------------------------- */

static karma_status prepare(struct tool *t, const char *sql, sqlite3_stmt **q) {
    return sqlite3_prepare_v2(t->db, sql, -1, q, NULL) == SQLITE_OK
               ? KARMA_OK
               : store_failure(t->store, "read");
}

/* KARMA_OK: there is a row; KARMA_DONE: there is none. */
static karma_status step(struct tool *t, sqlite3_stmt *q) {
    const int code = sqlite3_step(q);
    if (code == SQLITE_ROW) return KARMA_OK;
    return code == SQLITE_DONE ? KARMA_DONE : store_failure(t->store, "read");
}

static karma_status copy_column(struct arena *a, sqlite3_stmt *q, int column, const char **out) {
    const char *text = (const char *)sqlite3_column_text(q, column);
    *out = text ? arena_strdup(a, text) : NULL;
    return text && !*out ? KARMA_E_NOMEM : KARMA_OK;
}

static karma_status read_count(struct tool *t, const char *sql, int64_t *out) {
    sqlite3_stmt *q = NULL;
    karma_status st = prepare(t, sql, &q);
    if (st == KARMA_OK) st = step(t, q);
    if (st == KARMA_OK) *out = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return st == KARMA_DONE ? KARMA_OK : st;
}

static karma_status set_count(struct tool *t, struct json *o, const char *name, const char *sql) {
    int64_t n = 0;
    karma_status st = read_count(t, sql, &n);
    return st == KARMA_OK ? json_set(&t->arena, o, name, json_new_int(&t->arena, n)) : st;
}

/* {text: count} of a query that gives these two. */
static karma_status set_groups(struct tool *t, struct json *o, const char *name, const char *sql) {
    struct arena *a = &t->arena;
    struct json *all = json_new_object(a);
    sqlite3_stmt *q = NULL;
    karma_status st = all ? prepare(t, sql, &q) : KARMA_E_NOMEM;
    while (st == KARMA_OK && (st = step(t, q)) == KARMA_OK) {
        const char *text;
        st = copy_column(a, q, 0, &text);
        if (st == KARMA_OK)
            st = json_set(a, all, text ? text : "", json_new_int(a, sqlite3_column_int64(q, 1)));
    }
    sqlite3_finalize(q);
    return st < 0 ? st : json_set(a, o, name, all);
}

static karma_status set_time(struct tool *t, struct json *o, const char *name, const char *sql) {
    struct arena *a = &t->arena;
    int64_t s = 0;
    char text[32];
    karma_status st = read_count(t, sql, &s);
    if (st < 0) return st;
    clock_format_utc(s, text);
    return json_set(a, o, name, s ? json_new_string(a, text) : json_new_null(a));
}

static karma_status set_size(struct tool *t, struct json *o) {
    return set_count(t, o, "size_bytes",
                     "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()");
}

/* --- stat ------------------------------------------------------------------------------------- */

static karma_status describe(struct tool *t, struct json *o) {
    struct arena *a = &t->arena;
    karma_status st = o ? json_set(a, o, "path", json_new_string(a, t->path)) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = set_size(t, o);
    if (st == KARMA_OK) st = set_count(t, o, "answers", "SELECT count(*) FROM answers");
    if (st == KARMA_OK)
        st = set_count(t, o, "failed", "SELECT count(*) FROM answers WHERE status <> 'OK'");
    if (st == KARMA_OK)
        st = set_groups(t, o, "failed_by_code",
                        "SELECT status, count(*) FROM answers WHERE status <> 'OK'"
                        " GROUP BY status ORDER BY status");
    if (st == KARMA_OK) st = set_count(t, o, "damaged", "SELECT count(*) FROM damaged");
    if (st == KARMA_OK) st = set_count(t, o, "identities", "SELECT count(*) FROM identities");
    if (st == KARMA_OK) st = set_time(t, o, "oldest", "SELECT min(created_s) FROM answers");
    if (st == KARMA_OK) st = set_time(t, o, "newest", "SELECT max(created_s) FROM answers");
    if (st == KARMA_OK)
        st = set_groups(t, o, "by_model",
                        "SELECT model, count(*) FROM answers GROUP BY model ORDER BY model");
    if (st < 0) return st;
    return set_groups(t, o, "by_dataset",
                      "SELECT dataset, count(*) FROM answers GROUP BY dataset ORDER BY dataset");
}

karma_status karma_store_stat(const char *path, char **json) {
    struct tool t;
    struct json *o = NULL;
    *json = NULL;
    karma_status st = tool_open(&t, path);
    if (st == KARMA_OK) {
        o = json_new_object(&t.arena);
        st = describe(&t, o);
    }
    return tool_close(&t, st, o, json);
}

/* --- explain ---------------------------------------------------------------------------------- */

static const char EXPLAIN_COLUMNS[] =
    "SELECT lower(hex(a.key)), a.model, a.dataset, a.sample, a.status, a.created_s, i.json,"
    " f.fields FROM answers a LEFT JOIN (SELECT key, identity, fields, max(rowid)"
    " FROM key_fields GROUP BY key) f ON f.key = a.key LEFT JOIN identities i ON i.digest = "
    "f.identity ";

static karma_status set_column(struct arena *a, struct json *o, const char *name, sqlite3_stmt *q,
                               int column) {
    const char *text;
    karma_status st = copy_column(a, q, column, &text);
    if (st < 0) return st;
    return json_set(a, o, name, text ? json_new_string(a, text) : json_new_null(a));
}

/* A column that holds an object. */
static karma_status set_object(struct arena *a, struct json *o, const char *name, sqlite3_stmt *q,
                               int column) {
    const char *text = (const char *)sqlite3_column_text(q, column);
    const struct json *value = NULL;
    karma_status st = KARMA_OK;
    if (text) st = json_parse(a, text, strlen(text), JSON_LAST_WINS, &value);
    if (st < 0) return st;
    return json_set(a, o, name, value ? value : json_new_null(a));
}

static karma_status add_row(struct tool *t, sqlite3_stmt *q, struct json *rows) {
    struct arena *a = &t->arena;
    struct json *o = json_new_object(a);
    char created[32];
    karma_status st = o ? set_column(a, o, "key", q, 0) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = set_column(a, o, "model", q, 1);
    if (st == KARMA_OK) st = set_column(a, o, "dataset", q, 2);
    if (st == KARMA_OK) st = set_column(a, o, "sample", q, 3);
    if (st == KARMA_OK) st = set_column(a, o, "status", q, 4);
    clock_format_utc(sqlite3_column_int64(q, 5), created);
    if (st == KARMA_OK) st = json_set(a, o, "created", json_new_string(a, created));
    if (st == KARMA_OK) st = set_object(a, o, "identity", q, 6);
    if (st == KARMA_OK) st = set_object(a, o, "fields", q, 7);
    return st == KARMA_OK ? json_push(a, rows, o) : st;
}

static karma_status json_text(struct arena *a, const struct json *value, const char **out) {
    struct buf b = {0};
    *out = "";
    karma_status st = value ? json_write(&b, value, 0, JSON_COMPACT) : KARMA_OK;
    if (st == KARMA_OK && !(*out = arena_strdup(a, buf_str(&b)))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

static karma_status note_field(struct arena *a, const char *under, const char *name,
                               const struct json *x, const struct json *y, struct json *to) {
    const char *first, *second;
    karma_status st = json_text(a, x, &first);
    if (st == KARMA_OK) st = json_text(a, y, &second);
    if (st < 0 || strcmp(first, second) == 0) return st;
    struct json *o = json_new_object(a), *values = json_new_array(a);
    const char *field = arena_printf(a, "%s%s", under, name);
    if (!o || !values || !field) return KARMA_E_NOMEM;
    st = json_push(a, values, x ? x : json_new_null(a));
    if (st == KARMA_OK) st = json_push(a, values, y ? y : json_new_null(a));
    if (st == KARMA_OK) st = json_set(a, o, "field", json_new_string(a, field));
    if (st == KARMA_OK) st = json_set(a, o, "values", values);
    return st == KARMA_OK ? json_push(a, to, o) : st;
}

/* The members in which two objects differ; of "arguments" those within. */
static karma_status note_fields(struct arena *a, const char *under, const struct json *x,
                                const struct json *y, struct json *to) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < json_count(x) && st == KARMA_OK; i++) {
        const struct json_member *m = &x->u.object.members[i];
        const struct json *other = json_get(y, m->key);
        if (json_is_object(m->value) && json_is_object(other)) {
            const char *inner = arena_printf(a, "%s%s.", under, m->key);
            st = inner ? note_fields(a, inner, m->value, other, to) : KARMA_E_NOMEM;
        } else {
            st = note_field(a, under, m->key, m->value, other, to);
        }
    }
    for (size_t i = 0; i < json_count(y) && st == KARMA_OK; i++) {
        const struct json_member *m = &y->u.object.members[i];
        if (!json_get(x, m->key)) st = note_field(a, under, m->key, NULL, m->value, to);
    }
    return st;
}

static karma_status compare_rows(struct arena *a, const struct json *x, const struct json *y,
                                 struct json *to) {
    struct json *o = json_new_object(a), *keys = json_new_array(a), *fields = json_new_array(a);
    if (!o || !keys || !fields) return KARMA_E_NOMEM;
    karma_status st = json_push(a, keys, json_get(x, "key"));
    if (st == KARMA_OK) st = json_push(a, keys, json_get(y, "key"));
    if (st == KARMA_OK)
        st = note_fields(a, "model.", json_get(x, "identity"), json_get(y, "identity"), fields);
    if (st == KARMA_OK)
        st = note_fields(a, "sample.", json_get(x, "fields"), json_get(y, "fields"), fields);
    if (st == KARMA_OK) st = json_set(a, o, "keys", keys);
    if (st == KARMA_OK) st = json_set(a, o, "fields", fields);
    return st == KARMA_OK ? json_push(a, to, o) : st;
}

static karma_status check_key(const char *key) {
    const size_t len = strlen(key);
    if (strspn(key, "0123456789abcdefABCDEF") == len && len >= MIN_KEY_DIGITS && len <= KEY_DIGITS)
        return KARMA_OK;
    return status_fail(KARMA_E_USAGE, "key: expected %d to %d hexadecimal digits, found %s",
                       MIN_KEY_DIGITS, KEY_DIGITS, status_quotez(key));
}

static karma_status find_rows(struct tool *t, const char *key, const char *dataset,
                              const char *sample, struct json *rows) {
    sqlite3_stmt *q = NULL;
    const char *where = key ? "WHERE hex(a.key) LIKE ?1 || '%' LIMIT 2"
                            : "WHERE a.dataset = ?1 AND a.sample = ?2"
                              " ORDER BY a.created_s, a.key LIMIT 100";
    const char *sql = arena_printf(&t->arena, "%s%s", EXPLAIN_COLUMNS, where);
    karma_status st = sql ? prepare(t, sql, &q) : KARMA_E_NOMEM;
    if (st == KARMA_OK) {
        sqlite3_bind_text(q, 1, key ? key : dataset, -1, SQLITE_STATIC);
        if (!key) sqlite3_bind_text(q, 2, sample, -1, SQLITE_STATIC);
    }
    while (st == KARMA_OK && (st = step(t, q)) == KARMA_OK)
        st = add_row(t, q, rows);
    sqlite3_finalize(q);
    if (st < 0) return st;
    if (json_count(rows) == 0)
        return key ? status_fail(KARMA_E_NOTFOUND, "%s: no answer has a key that begins with %s",
                                 t->path, status_quotez(key))
                   : status_fail(KARMA_E_NOTFOUND, "%s: %s: there is no answer to sample %s",
                                 t->path, status_quotez(dataset), status_quotez(sample));
    if (key && json_count(rows) > 1)
        return status_fail(KARMA_E_USAGE, "%s: more than one key begins with %s", t->path,
                           status_quotez(key));
    return KARMA_OK;
}

static karma_status explain(struct tool *t, const char *key, const char *dataset,
                            const char *sample, struct json *o) {
    struct arena *a = &t->arena;
    struct json *rows = json_new_array(a), *differences = json_new_array(a);
    karma_status st = o && rows && differences ? KARMA_OK : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = find_rows(t, key, dataset, sample, rows);
    for (size_t i = 1; st == KARMA_OK && i < json_count(rows); i++)
        st = compare_rows(a, json_at(rows, i - 1), json_at(rows, i), differences);
    if (st == KARMA_OK) st = json_set(a, o, "answers", rows);
    return st == KARMA_OK ? json_set(a, o, "differences", differences) : st;
}

karma_status karma_store_explain(const char *path, const char *key, const char *dataset,
                                 const char *sample, char **json) {
    struct tool t;
    struct json *o = NULL;
    *json = NULL;
    if (!key && (!dataset || !sample))
        return status_fail(KARMA_E_USAGE, "explain: expected a key, or a data set and a sample");
    karma_status st = key ? check_key(key) : KARMA_OK;
    if (st < 0) return st;
    st = tool_open(&t, path);
    if (st == KARMA_OK) {
        o = json_new_object(&t.arena);
        st = explain(&t, key, dataset, sample, o);
    }
    return tool_close(&t, st, o, json);
}

/* --- gc --------------------------------------------------------------------------------------- */

karma_store_gc_options karma_store_gc_defaults(void) {
    return (karma_store_gc_options){.struct_size = sizeof(karma_store_gc_options)};
}

static const char GC_ANSWERS[] = " FROM answers WHERE (?1 IS NULL OR model = ?1)"
                                 " AND (?2 IS NULL OR dataset = ?2)"
                                 " AND (?3 = 0 OR status <> 'OK')"
                                 " AND (?4 = 0 OR created_s < ?4)";
static const char GC_DAMAGED[] = " FROM damaged WHERE ?1 IS NULL AND ?2 IS NULL AND ?3 = 0"
                                 " AND (?4 = 0 OR found_s < ?4)";

static karma_status bind_conditions(struct tool *t, const char *head,
                                    const karma_store_gc_options *o, sqlite3_stmt **q) {
    const char *sql = arena_printf(&t->arena, "%s%s", head, o->damaged ? GC_DAMAGED : GC_ANSWERS);
    karma_status st = sql ? prepare(t, sql, q) : KARMA_E_NOMEM;
    if (st < 0) return st;
    const double age_s = o->older_than_days * 86400;
    if (o->model) sqlite3_bind_text(*q, 1, o->model, -1, SQLITE_STATIC);
    if (o->dataset) sqlite3_bind_text(*q, 2, o->dataset, -1, SQLITE_STATIC);
    sqlite3_bind_int(*q, 3, o->failed);
    sqlite3_bind_int64(*q, 4, age_s > 0 ? clock_wall_s() - (int64_t)age_s : 0);
    return KARMA_OK;
}

static karma_status count_matches(struct tool *t, const karma_store_gc_options *o, int64_t *n) {
    sqlite3_stmt *q = NULL;
    karma_status st = bind_conditions(t, "SELECT count(*)", o, &q);
    if (st == KARMA_OK) st = step(t, q);
    if (st == KARMA_OK) *n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return st;
}

static karma_status run_sql(struct tool *t, const char *sql) {
    return sqlite3_exec(t->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? KARMA_OK
               : store_failure(t->store, "clear out");
}

/* What no answer needs any more goes with the answers. */
static const char GC_REST[] =
    "DELETE FROM key_fields WHERE key NOT IN (SELECT key FROM answers);"
    "DELETE FROM identities WHERE NOT EXISTS (SELECT 1 FROM answers a LEFT JOIN key_fields f"
    " ON f.key = a.key WHERE f.identity IS NULL)"
    " AND digest NOT IN (SELECT identity FROM key_fields);";

static karma_status remove_matches(struct tool *t, const karma_store_gc_options *o, int64_t *n) {
    sqlite3_stmt *q = NULL;
    karma_status st = run_sql(t, "PRAGMA secure_delete=ON; BEGIN IMMEDIATE");
    if (st < 0) return st;
    st = bind_conditions(t, "DELETE", o, &q);
    if (st == KARMA_OK) st = step(t, q);
    if (st == KARMA_DONE) st = KARMA_OK;
    if (st == KARMA_OK) *n = sqlite3_changes(t->db);
    sqlite3_finalize(q);
    if (st == KARMA_OK) st = run_sql(t, GC_REST);
    if (st == KARMA_OK) st = run_sql(t, IN_FLIGHT_TABLE);
    if (st == KARMA_OK) st = run_sql(t, IN_FLIGHT_FORGIVE);
    if (st == KARMA_OK) st = run_sql(t, "COMMIT");
    if (st < 0) {
        sqlite3_exec(t->db, "ROLLBACK", NULL, NULL, NULL);
        return st;
    }
    /* The log of changes holds the old pages, too. */
    return run_sql(t, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
}

static karma_status clear_out(struct tool *t, const karma_store_gc_options *options,
                              struct json *o) {
    struct arena *a = &t->arena;
    int64_t matched = 0, removed = 0;
    karma_status st = o ? count_matches(t, options, &matched) : KARMA_E_NOMEM;
    if (st == KARMA_OK && options->apply && matched) st = remove_matches(t, options, &removed);
    if (st == KARMA_OK) st = json_set(a, o, "matched", json_new_int(a, matched));
    if (st == KARMA_OK) st = json_set(a, o, "removed", json_new_int(a, removed));
    if (st == KARMA_OK) st = set_count(t, o, "remaining", "SELECT count(*) FROM answers");
    return st == KARMA_OK ? set_size(t, o) : st;
}

karma_status karma_store_gc(const char *path, const karma_store_gc_options *options, char **json) {
    struct tool t;
    struct json *o = NULL;
    *json = NULL;
    if (options->struct_size != sizeof(*options))
        return status_fail(KARMA_E_ABI,
                           "karma_store_gc_options: get one from karma_store_gc_defaults()");
    if (!(options->older_than_days >= 0 && options->older_than_days <= 1e6))
        return status_fail(KARMA_E_RANGE, "older_than_days: expected 0 to 1,000,000");
    if (!options->model && !options->dataset && !options->failed && !options->damaged &&
        options->older_than_days == 0)
        return status_fail(KARMA_E_USAGE, "nothing was said of the answers that are to go");
    karma_status st = tool_open(&t, path);
    if (st == KARMA_OK) {
        o = json_new_object(&t.arena);
        st = clear_out(&t, options, o);
    }
    return tool_close(&t, st, o, json);
}
