/*
 * store.c - see store.h. Rows wait in memory and are written in one short transaction, so that the
 * file is locked for milliseconds and processes that share it do not wait for each other's models.
 * Every statement is prepared once. Errors of SQLite become ours with the file's path in front: a
 * full disk is E_NOSPACE, a lock that stays is E_LOCKED.
 */
#include "eval/store.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"

enum {
    SCHEMA_VERSION = 1,
    APPLICATION_ID = 0x6b61726d, /* "karm", so that another program's database is told apart */
    BUSY_TIMEOUT_MS = 30000,
    RETRY_MS = 5,
};

static const char SCHEMA[] =
    "CREATE TABLE IF NOT EXISTS answers ("
    " key BLOB PRIMARY KEY, model TEXT NOT NULL, dataset TEXT NOT NULL, sample TEXT NOT NULL,"
    " status TEXT NOT NULL, error TEXT, text TEXT, thinking TEXT, raw_text TEXT, tokens BLOB,"
    " n_prompt_tokens INTEGER NOT NULL, finish_reason INTEGER NOT NULL, flags INTEGER NOT NULL,"
    " created_s INTEGER NOT NULL, checksum BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS damaged (key BLOB, found_s INTEGER NOT NULL, row BLOB);"
    "CREATE TABLE IF NOT EXISTS identities (digest BLOB PRIMARY KEY, json TEXT NOT NULL)"
    " WITHOUT ROWID;";
/* Without an index: rows are written at its end, and seldom looked for; of several for one key the
 * last counts. Came later, and is no reason for another version: who does not know it leaves it
 * alone. */
static const char KEY_FIELDS[] =
    "CREATE TABLE IF NOT EXISTS key_fields (key BLOB, identity BLOB, fields TEXT);";

enum column {
    COL_STATUS,
    COL_ERROR,
    COL_TEXT,
    COL_THINKING,
    COL_RAW_TEXT,
    COL_TOKENS,
    COL_N_PROMPT,
    COL_FINISH,
    COL_FLAGS,
    COL_CHECKSUM
};

struct row {
    unsigned char key[STORE_KEY_BYTES];
    const char *model, *dataset, *sample;
    struct answer answer;
};

/* What a key was made of, not in the file yet. */
struct explanation {
    unsigned char key[STORE_KEY_BYTES];
    const char *fields;
    struct explanation *next;
};

struct store {
    sqlite3 *db;
    char *path; /* NULL: in memory */
    sqlite3_stmt *get, *put, *set_aside, *drop, *note, *explain;
    unsigned char identity[32];           /* digest of the one noted last */
    struct row pending[STORE_BATCH_ROWS]; /* not in the file yet */
    size_t n_pending;
    struct explanation *explanations;
    bool holding; /* a transaction of reads is open */
    uint64_t pending_since_ns;
    struct arena texts; /* what pending points to */
    struct arena found; /* of the last store_find() */
};

static const char *shown_path(const struct store *s) {
    return s->path ? s->path : "answers in memory";
}

static karma_status sql_fail(const struct store *s, const char *doing) {
    const int code = s->db ? sqlite3_errcode(s->db) : SQLITE_NOMEM;
    const char *text = s->db ? sqlite3_errmsg(s->db) : "out of memory";
    karma_status st = KARMA_E_IO;
    switch (code & 0xff) {
    case SQLITE_FULL:
        st = KARMA_E_NOSPACE;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        st = KARMA_E_LOCKED;
        break;
    case SQLITE_NOMEM:
        st = KARMA_E_NOMEM;
        break;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        st = KARMA_E_PERM;
        break;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        st = KARMA_E_MAGIC;
        break;
    default:
        break;
    }
    if (st == KARMA_E_IO && s->db) {
        /* "disk I/O error" is a limit on file size or a full disk often enough. SQLite forgets the
         * reason when it rolls back, but what it does then succeeds and leaves errno alone. */
        const int known = sqlite3_system_errno(s->db), reason = known ? known : errno;
        if (reason == EFBIG || reason == ENOSPC || reason == EDQUOT) {
            st = KARMA_E_NOSPACE;
            text =
                reason == EFBIG ? "the limit on the size of files is reached" : "the disk is full";
        } else if (reason && strerrordesc_np(reason)) {
            return status_fail(st, "%s: %s: %s: %s", shown_path(s), doing, text,
                               strerrordesc_np(reason));
        }
    }
    return status_fail(st, "%s: %s: %s", shown_path(s), doing, text);
}

static karma_status exec(struct store *s, const char *sql, const char *doing) {
    errno = 0;
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? KARMA_OK : sql_fail(s, doing);
}

void store_let_go(struct store *s) {
    if (s && s->holding)
        sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL); /* of reads: cannot fail */
    if (s) s->holding = false;
}

karma_status store_hold(struct store *s) {
    if (!s || s->holding) return KARMA_OK;
    karma_status st = exec(s, "BEGIN", "read");
    s->holding = st == KARMA_OK;
    return st;
}

static karma_status begin(struct store *s) {
    store_let_go(s);
    return exec(s, "BEGIN IMMEDIATE", "begin");
}

/* Ends what begin() began: st < 0 takes everything back, and its message stays. */
static karma_status end(struct store *s, karma_status st) {
    if (st == KARMA_OK) st = exec(s, "COMMIT", "commit");
    if (st < 0) sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

static karma_status read_int(struct store *s, const char *sql, int64_t *out) {
    sqlite3_stmt *q = NULL;
    errno = 0;
    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK) return sql_fail(s, "open");
    const int step = sqlite3_step(q);
    if (step == SQLITE_ROW) *out = sqlite3_column_int64(q, 0);
    const karma_status st = step == SQLITE_ROW ? KARMA_OK : sql_fail(s, "open");
    sqlite3_finalize(q);
    return st;
}

/* Another program's database is refused before anything is written. *ready: the tables are there.
 * All is read in one transaction: another process may be making the tables at this moment. */
static karma_status check_kind(struct store *s, bool *ready) {
    int64_t id = 0, version = 0, tables = 0;
    karma_status st = exec(s, "BEGIN", "open");
    if (st < 0) return st;
    st = read_int(s, "SELECT count(*) FROM sqlite_master", &tables);
    if (st == KARMA_OK) st = read_int(s, "PRAGMA application_id", &id);
    if (st == KARMA_OK) st = read_int(s, "PRAGMA user_version", &version);
    st = end(s, st);
    if (st < 0) return st;
    if (tables > 0 && id != APPLICATION_ID) {
        return status_fail(KARMA_E_MAGIC, "%s: not a store of karma's", shown_path(s));
    }
    *ready = tables >= 4 && version == SCHEMA_VERSION;
    if (version > SCHEMA_VERSION) {
        return status_fail(KARMA_E_VERSION,
                           "%s: written by a newer karma (store version %lld, this one knows %d)",
                           shown_path(s), (long long)version, SCHEMA_VERSION);
    }
    return KARMA_OK;
}

/* Harmless to repeat. */
static karma_status set_up(struct store *s) {
    bool ready = false;
    karma_status st = check_kind(s, &ready);
    if (st < 0) return st;
    if (s->path && file_is_network(s->path)) {
        st = exec(s, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=DELETE", "open");
    } else if (s->path) {
        st = exec(s, "PRAGMA journal_mode=WAL", "open");
    }
    if (st == KARMA_OK)
        st = exec(s, "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=8000", "open");
    if (st < 0 || ready) return st;
    st = begin(s);
    if (st < 0) return st;
    char sql[96];
    snprintf(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION_ID,
             SCHEMA_VERSION);
    st = exec(s, SCHEMA, "open");
    if (st == KARMA_OK) st = exec(s, KEY_FIELDS, "open");
    if (st == KARMA_OK) st = exec(s, sql, "open");
    return end(s, st);
}

/* SQLite waits for locks, but not for all: where two processes make the same file at the same time
 * one of them is turned away at once. */
static karma_status set_up_patiently(struct store *s) {
    const uint64_t start_ns = clock_monotonic_ns();
    sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
    if (s->path && file_is_network(s->path)) {
        log_warn("%s: lies on a network file system: locked for this run alone", s->path);
    }
    for (;;) {
        karma_status st = set_up(s);
        const uint64_t waited_ms = (clock_monotonic_ns() - start_ns) / 1000000;
        if (st != KARMA_E_LOCKED || waited_ms >= BUSY_TIMEOUT_MS) return st;
        sqlite3_sleep(RETRY_MS);
    }
}

static karma_status prepare(struct store *s, const char *sql, sqlite3_stmt **out) {
    return sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) == SQLITE_OK
               ? KARMA_OK
               : sql_fail(s, "open");
}

static karma_status prepare_all(struct store *s) {
    karma_status st = prepare(s,
                              "SELECT status, error, text, thinking, raw_text, tokens,"
                              " n_prompt_tokens, finish_reason, flags, checksum"
                              " FROM answers WHERE key = ?1",
                              &s->get);
    if (st == KARMA_OK) {
        st = prepare(s,
                     "INSERT INTO answers VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,"
                     "?14,?15)",
                     &s->put);
    }
    if (st == KARMA_OK) {
        st = prepare(s, "INSERT INTO damaged SELECT key, ?2, text FROM answers WHERE key = ?1",
                     &s->set_aside);
    }
    if (st == KARMA_OK) st = prepare(s, "DELETE FROM answers WHERE key = ?1", &s->drop);
    if (st == KARMA_OK) {
        st = prepare(s, "INSERT OR IGNORE INTO identities VALUES (?1, ?2)", &s->note);
    }
    if (st == KARMA_OK) st = prepare(s, "INSERT INTO key_fields VALUES (?1, ?2, ?3)", &s->explain);
    return st;
}

static void discard(struct store *s) {
    sqlite3_finalize(s->get);
    sqlite3_finalize(s->put);
    sqlite3_finalize(s->set_aside);
    sqlite3_finalize(s->drop);
    sqlite3_finalize(s->note);
    sqlite3_finalize(s->explain);
    sqlite3_close(s->db);
    arena_release(&s->texts);
    arena_release(&s->found);
    mem_free(s->path);
    mem_free(s);
}

/* SQLite gives -wal and -shm the mode of the database, so an empty private file is made first. */
static karma_status make_private(const char *path) {
    if (file_kind(path) == FILE_KIND_FOLDER) {
        return status_fail(KARMA_E_PATH, "%s: is a folder; a store is a file", path);
    }
    if (file_exists(path)) return KARMA_OK;
    struct arena a = {0};
    const char *folder = file_dir_name(&a, path);
    karma_status st = folder ? file_make_folders(folder, 0700) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = file_create(path, 0600);
    arena_release(&a);
    return st;
}

karma_status store_open(const char *path, struct store **out) {
    *out = NULL;
    if (path) {
        karma_status st = make_private(path);
        if (st < 0) return st;
    }
    struct store *s = mem_calloc(1, sizeof(*s));
    if (!s) return KARMA_E_NOMEM;
    if (path && !(s->path = mem_strdup(path))) {
        discard(s);
        return KARMA_E_NOMEM;
    }
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    karma_status st = sqlite3_open_v2(path ? path : ":memory:", &s->db, flags, NULL) == SQLITE_OK
                          ? KARMA_OK
                          : sql_fail(s, "open");
    if (st == KARMA_OK) st = set_up_patiently(s);
    if (st == KARMA_OK) st = prepare_all(s);
    if (st < 0) {
        discard(s);
        return st;
    }
    *out = s;
    return KARMA_OK;
}

karma_status store_close(struct store *s) {
    if (!s) return KARMA_OK;
    karma_status st = store_commit(s);
    discard(s);
    return st;
}

/* --- checksum: over all that is content ------------------------------------------------------- */

static void checksum(const unsigned char *key, const struct answer *a, unsigned char out[32]) {
    struct sha256 h;
    sha256_begin(&h);
    sha256_field(&h, key, STORE_KEY_BYTES);
    sha256_field_str(&h, karma_status_name(a->status));
    sha256_field_str(&h, a->error);
    sha256_field_str(&h, a->text);
    sha256_field_str(&h, a->thinking);
    sha256_field_str(&h, a->raw_text);
    sha256_field(&h, a->tokens, a->n_tokens * sizeof(*a->tokens));
    sha256_field_u64(&h, a->n_prompt_tokens);
    sha256_field_u64(&h, (uint64_t)a->finish_reason);
    sha256_field_u64(&h, a->flags);
    sha256_end(&h, out);
}

/* --- reading ---------------------------------------------------------------------------------- */

static karma_status column_text(struct arena *a, sqlite3_stmt *q, int column, const char **out) {
    *out = NULL;
    if (sqlite3_column_type(q, column) == SQLITE_NULL) return KARMA_OK;
    const unsigned char *text = sqlite3_column_text(q, column);
    const int len = sqlite3_column_bytes(q, column);
    *out = text ? arena_strndup(a, (const char *)text, (size_t)len) : NULL;
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status read_row(struct arena *a, sqlite3_stmt *q, struct answer *out) {
    *out = (struct answer){0};
    const char *status;
    karma_status st = column_text(a, q, COL_STATUS, &status);
    if (st == KARMA_OK) st = column_text(a, q, COL_ERROR, &out->error);
    if (st == KARMA_OK) st = column_text(a, q, COL_TEXT, &out->text);
    if (st == KARMA_OK) st = column_text(a, q, COL_THINKING, &out->thinking);
    if (st == KARMA_OK) st = column_text(a, q, COL_RAW_TEXT, &out->raw_text);
    if (st < 0) return st;
    const bool ok = status && strcmp(status, "OK") == 0;
    out->status = ok ? KARMA_OK : karma_status_from_name(status ? status : "");
    const int bytes = sqlite3_column_bytes(q, COL_TOKENS);
    if (bytes > 0) {
        out->tokens = arena_dup(a, sqlite3_column_blob(q, COL_TOKENS), (size_t)bytes);
        if (!out->tokens) return KARMA_E_NOMEM;
        out->n_tokens = (size_t)bytes / sizeof(*out->tokens);
    }
    out->n_prompt_tokens = (size_t)sqlite3_column_int64(q, COL_N_PROMPT);
    out->finish_reason = (karma_finish_reason)sqlite3_column_int(q, COL_FINISH);
    out->flags = (unsigned)sqlite3_column_int64(q, COL_FLAGS);
    return KARMA_OK;
}

static karma_status step_once(struct store *s, sqlite3_stmt *q, const char *doing) {
    errno = 0;
    const int step = sqlite3_step(q);
    const karma_status st = step == SQLITE_DONE ? KARMA_OK : sql_fail(s, doing);
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
    return st;
}

static karma_status drop_row(struct store *s, const unsigned char *key) {
    sqlite3_bind_blob(s->drop, 1, key, STORE_KEY_BYTES, SQLITE_STATIC);
    return step_once(s, s->drop, "write");
}

static karma_status set_aside(struct store *s, const unsigned char *key) {
    karma_status st = begin(s);
    if (st < 0) return st;
    sqlite3_bind_blob(s->set_aside, 1, key, STORE_KEY_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(s->set_aside, 2, clock_wall_s());
    st = step_once(s, s->set_aside, "write");
    if (st == KARMA_OK) st = drop_row(s, key);
    return end(s, st);
}

/* As store_get, without repair: *sound false when the checksum failed. */
static karma_status look_up(struct store *s, const unsigned char *key, struct arena *a,
                            struct answer *out, bool *sound) {
    *sound = true;
    sqlite3_bind_blob(s->get, 1, key, STORE_KEY_BYTES, SQLITE_STATIC);
    const int step = sqlite3_step(s->get);
    karma_status st = KARMA_DONE;
    if (step == SQLITE_ROW) {
        st = read_row(a, s->get, out);
        unsigned char want[32];
        if (st == KARMA_OK) {
            checksum(key, out, want);
            *sound = sqlite3_column_bytes(s->get, COL_CHECKSUM) == (int)sizeof(want) &&
                     memcmp(sqlite3_column_blob(s->get, COL_CHECKSUM), want, sizeof(want)) == 0;
        }
    } else if (step != SQLITE_DONE) {
        st = sql_fail(s, "read");
    }
    sqlite3_reset(s->get);
    sqlite3_clear_bindings(s->get);
    return st;
}

karma_status store_get(struct store *s, const unsigned char key[STORE_KEY_BYTES], struct arena *a,
                       struct answer *out, size_t *damaged) {
    bool sound = true;
    karma_status st = store_commit(s); /* what was put is seen */
    if (st == KARMA_OK) st = look_up(s, key, a, out, &sound);
    if (st != KARMA_OK || sound) return st;
    ++*damaged;
    st = set_aside(s, key);
    return st < 0 ? st : KARMA_DONE;
}

karma_status store_find(struct store *s, const unsigned char key[STORE_KEY_BYTES],
                        karma_status *stored, size_t *damaged) {
    struct answer answer;
    arena_reset(&s->found);
    karma_status st = store_get(s, key, &s->found, &answer, damaged);
    if (st == KARMA_OK) *stored = answer.status;
    return st;
}

karma_status store_peek(struct store *s, const unsigned char key[STORE_KEY_BYTES],
                        karma_status *stored) {
    struct answer answer;
    bool sound;
    arena_reset(&s->found);
    karma_status st = look_up(s, key, &s->found, &answer, &sound);
    if (st != KARMA_OK) return st;
    *stored = answer.status;
    return sound ? KARMA_OK : KARMA_DONE;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void bind_text(sqlite3_stmt *q, int at, const char *text) {
    if (text) {
        sqlite3_bind_text(q, at, text, -1, SQLITE_STATIC);
    } else {
        sqlite3_bind_null(q, at);
    }
}

static karma_status insert(struct store *s, const struct row *r) {
    const struct answer *a = &r->answer;
    unsigned char sum[32];
    checksum(r->key, a, sum);
    sqlite3_stmt *q = s->put;
    sqlite3_bind_blob(q, 1, r->key, STORE_KEY_BYTES, SQLITE_STATIC);
    bind_text(q, 2, r->model);
    bind_text(q, 3, r->dataset);
    bind_text(q, 4, r->sample);
    bind_text(q, 5, karma_status_name(a->status));
    bind_text(q, 6, a->error);
    bind_text(q, 7, a->text);
    bind_text(q, 8, a->thinking);
    bind_text(q, 9, a->raw_text);
    if (a->n_tokens) {
        sqlite3_bind_blob64(q, 10, a->tokens, a->n_tokens * sizeof(*a->tokens), SQLITE_STATIC);
    }
    sqlite3_bind_int64(q, 11, (sqlite3_int64)a->n_prompt_tokens);
    sqlite3_bind_int(q, 12, (int)a->finish_reason);
    sqlite3_bind_int64(q, 13, (sqlite3_int64)a->flags);
    sqlite3_bind_int64(q, 14, clock_wall_s());
    sqlite3_bind_blob(q, 15, sum, sizeof(sum), SQLITE_STATIC);
    return step_once(s, q, "write");
}

static karma_status write_explanations(struct store *s) {
    karma_status st = KARMA_OK;
    for (const struct explanation *e = s->explanations; e && st == KARMA_OK; e = e->next) {
        sqlite3_bind_blob(s->explain, 1, e->key, STORE_KEY_BYTES, SQLITE_STATIC);
        sqlite3_bind_blob(s->explain, 2, s->identity, sizeof(s->identity), SQLITE_STATIC);
        bind_text(s->explain, 3, e->fields);
        st = step_once(s, s->explain, "write");
    }
    return st;
}

/* What stands under the key already: equal is fine, failed gives way, else answers are no function
 * of the key and something is wrong with the program: *differs. *keep: nothing to write. */
static karma_status reconcile(struct store *s, const struct row *r, bool *keep, bool *differs) {
    *keep = *differs = false;
    struct arena scratch = {0};
    struct answer old;
    bool sound;
    karma_status st = look_up(s, r->key, &scratch, &old, &sound);
    if (st == KARMA_OK) {
        unsigned char mine[32], theirs[32];
        checksum(r->key, &r->answer, mine);
        checksum(r->key, &old, theirs);
        if (sound && old.status == KARMA_OK) {
            *keep = true; /* a failure never replaces an answer */
            *differs = r->answer.status == KARMA_OK && memcmp(mine, theirs, sizeof(mine)) != 0;
        } else if (sound && memcmp(mine, theirs, sizeof(mine)) == 0) {
            *keep = true;
        } else {
            st = drop_row(s, r->key);
        }
    } else if (st == KARMA_DONE) {
        st = KARMA_OK;
    }
    arena_release(&scratch);
    return st;
}

static void forget_pending(struct store *s) {
    s->n_pending = 0;
    s->explanations = NULL;
    arena_reset(&s->texts);
}

karma_status store_commit(struct store *s) {
    if (s->n_pending == 0) return KARMA_OK;
    const struct row *odd = NULL; /* the first that differs; the others are kept all the same */
    karma_status st = begin(s);
    if (st < 0) {
        forget_pending(s);
        return st;
    }
    for (size_t i = 0; i < s->n_pending && st == KARMA_OK; i++) {
        const struct row *r = &s->pending[i];
        bool keep, differs;
        st = reconcile(s, r, &keep, &differs);
        if (st == KARMA_OK && !keep) st = insert(s, r);
        if (st == KARMA_OK && differs && !odd) odd = r;
    }
    if (st == KARMA_OK) st = write_explanations(s);
    st = end(s, st);
    if (st == KARMA_OK && odd) {
        st = status_fail(KARMA_E_INTERNAL,
                         "%s: %s, sample %s: the stored answer differs from the new one",
                         shown_path(s), odd->dataset, status_quotez(odd->sample));
    }
    forget_pending(s);
    return st;
}

/* *out = a copy of text, which may be NULL, until the next commit. */
static karma_status hold(struct store *s, const char *text, const char **out) {
    *out = text ? arena_strdup(&s->texts, text) : NULL;
    return text && !*out ? KARMA_E_NOMEM : KARMA_OK;
}

karma_status store_put(struct store *s, const unsigned char key[STORE_KEY_BYTES], const char *model,
                       const char *dataset, const char *sample, const struct answer *answer) {
    struct row *r = &s->pending[s->n_pending];
    memcpy(r->key, key, STORE_KEY_BYTES);
    r->answer = *answer;
    karma_status st = hold(s, model, &r->model);
    if (st == KARMA_OK) st = hold(s, dataset, &r->dataset);
    if (st == KARMA_OK) st = hold(s, sample, &r->sample);
    if (st == KARMA_OK) st = hold(s, answer->error, &r->answer.error);
    if (st == KARMA_OK) st = hold(s, answer->text, &r->answer.text);
    if (st == KARMA_OK) st = hold(s, answer->thinking, &r->answer.thinking);
    if (st == KARMA_OK) st = hold(s, answer->raw_text, &r->answer.raw_text);
    if (st == KARMA_OK && answer->n_tokens) {
        r->answer.tokens =
            arena_dup(&s->texts, answer->tokens, answer->n_tokens * sizeof(*answer->tokens));
        if (!r->answer.tokens) st = KARMA_E_NOMEM;
    }
    if (st < 0) return st;
    if (s->n_pending++ == 0) s->pending_since_ns = clock_monotonic_ns();
    return s->n_pending == STORE_BATCH_ROWS ? store_commit(s) : store_tick(s);
}

bool store_explains(const struct store *s) {
    return s->path != NULL;
}

karma_status store_explain(struct store *s, const unsigned char key[STORE_KEY_BYTES],
                           const char *fields) {
    struct explanation *e = arena_alloc(&s->texts, sizeof(*e));
    if (!e) return KARMA_E_NOMEM;
    memcpy(e->key, key, STORE_KEY_BYTES);
    karma_status st = hold(s, fields, &e->fields);
    if (st < 0) return st;
    e->next = s->explanations;
    s->explanations = e;
    return KARMA_OK;
}

karma_status store_tick(struct store *s) {
    if (s->n_pending == 0) return KARMA_OK;
    const uint64_t age_ns = clock_monotonic_ns() - s->pending_since_ns;
    return age_ns >= (uint64_t)STORE_BATCH_MS * 1000000 ? store_commit(s) : KARMA_OK;
}

size_t store_pending(const struct store *s) {
    return s->n_pending;
}

karma_status store_note_identity(struct store *s, const char *json) {
    unsigned char digest[32];
    struct sha256 h;
    sha256_begin(&h);
    sha256_add(&h, json, strlen(json));
    sha256_end(&h, digest);
    memcpy(s->identity, digest, sizeof(digest));
    karma_status st = begin(s);
    if (st < 0) return st;
    sqlite3_bind_blob(s->note, 1, digest, sizeof(digest), SQLITE_STATIC);
    bind_text(s->note, 2, json);
    return end(s, step_once(s, s->note, "write"));
}

/* --- for store_tools.c ------------------------------------------------------------------------ */

karma_status store_open_existing(const char *path, struct store **out) {
    *out = NULL;
    if (file_kind(path) == FILE_KIND_NONE)
        return status_fail(KARMA_E_NOTFOUND, "%s: there is no such store", path);
    return store_open(path, out);
}

struct sqlite3 *store_database(struct store *s) {
    return s->db;
}

karma_status store_failure(const struct store *s, const char *doing) {
    return sql_fail(s, doing);
}
