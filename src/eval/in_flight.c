/* in_flight.c - see in_flight.h. */
#include "eval/in_flight.h"

#include <sqlite3.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/random.h"

/* More than any batch; what goes beyond is not noted. */
enum { MOST = 1024, FILE_BYTES = MOST * STORE_KEY_BYTES, ALONE = 0, IN_COMPANY = 1 };

const char IN_FLIGHT_TABLE[] = "CREATE TABLE IF NOT EXISTS deaths (key BLOB PRIMARY KEY,"
                               " alone INTEGER NOT NULL) WITHOUT ROWID;";
const char IN_FLIGHT_FORGIVE[] = "DELETE FROM deaths WHERE key NOT IN (SELECT key FROM answers);";

static const unsigned char no_key[STORE_KEY_BYTES];

struct in_flight {
    struct store *store;
    sqlite3_stmt *look;    /* NULL: nobody has ever died */
    struct file_held file; /* not held: nothing is noted */
    unsigned char keys[MOST][STORE_KEY_BYTES];
    size_t
        n; /* places of keys in use, some of them empty again; the first is for one asked alone */
};

/* --- what others left ------------------------------------------------------------------------- */

static karma_status exec(struct store *s, const char *sql) {
    return sqlite3_exec(store_database(s), sql, NULL, NULL, NULL) == SQLITE_OK
               ? KARMA_OK
               : store_failure(s, "note who died");
}

static karma_status prepare(struct store *s, const char *sql, sqlite3_stmt **out) {
    return sqlite3_prepare_v2(store_database(s), sql, -1, out, NULL) == SQLITE_OK
               ? KARMA_OK
               : store_failure(s, "note who died");
}

static karma_status add_death(struct store *s, sqlite3_stmt *q, const unsigned char *key,
                              bool alone) {
    sqlite3_bind_blob(q, 1, key, STORE_KEY_BYTES, SQLITE_STATIC);
    sqlite3_bind_int(q, 2, alone);
    const karma_status st =
        sqlite3_step(q) == SQLITE_DONE ? KARMA_OK : store_failure(s, "note who died");
    sqlite3_reset(q);
    return st;
}

/* One process died while the model had these samples: places, some of them empty. */
static karma_status add_deaths(struct store *s, unsigned char (*keys)[STORE_KEY_BYTES], size_t n) {
    sqlite3_stmt *q = NULL;
    karma_status st = exec(s, "BEGIN IMMEDIATE");
    if (st < 0) return st;
    st = exec(s, IN_FLIGHT_TABLE);
    if (st == KARMA_OK)
        st = prepare(s,
                     "INSERT INTO deaths VALUES (?1, ?2)"
                     " ON CONFLICT (key) DO UPDATE SET alone = alone + ?2",
                     &q);
    for (size_t i = 0; i < n && st == KARMA_OK; i++)
        if (memcmp(keys[i], no_key, STORE_KEY_BYTES) != 0)
            st = add_death(s, q, keys[i], i == ALONE);
    sqlite3_finalize(q);
    if (st == KARMA_OK) st = exec(s, "COMMIT");
    if (st < 0) sqlite3_exec(store_database(s), "ROLLBACK", NULL, NULL, NULL);
    return st;
}

/* A file of whoever holds it. It goes before its deaths are noted, so that none counts twice. */
static karma_status take_up(struct in_flight *f, const char *path) {
    struct file_held left;
    if (!file_held_take(&left, path)) return KARMA_OK; /* its run goes on */
    const size_t n = file_held_read(&left, f->keys, FILE_BYTES) / STORE_KEY_BYTES;
    file_held_remove(&left);
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any = any || memcmp(f->keys[i], no_key, STORE_KEY_BYTES) != 0;
    return any ? add_deaths(f->store, f->keys, n) : KARMA_OK;
}

static karma_status take_up_all(struct in_flight *f, struct arena *a, const char *begin) {
    const char *folder = file_dir_name(a, begin), *name = file_base_name(begin);
    const char *const *names;
    size_t n;
    if (!folder) return KARMA_E_NOMEM;
    karma_status st = file_list(a, folder, &names, &n);
    if (st < 0 && st != KARMA_E_NOMEM) return KARMA_OK; /* a folder that may not be listed */
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        if (strncmp(names[i], name, strlen(name)) != 0) continue;
        const char *path = file_join(a, folder, names[i]);
        st = path ? take_up(f, path) : KARMA_E_NOMEM;
    }
    memset(f->keys, 0, sizeof(f->keys));
    return st;
}

/* --- one's own -------------------------------------------------------------------------------- */

static karma_status prepare_look(struct in_flight *f) {
    sqlite3_stmt *q = NULL;
    karma_status st = prepare(f->store, "SELECT 1 FROM sqlite_master WHERE name = 'deaths'", &q);
    if (st < 0) return st;
    const int there = sqlite3_step(q);
    if (there != SQLITE_ROW && there != SQLITE_DONE) st = store_failure(f->store, "read");
    sqlite3_finalize(q);
    if (st < 0 || there == SQLITE_DONE) return st;
    return prepare(f->store, "SELECT alone FROM deaths WHERE key = ?1", &f->look);
}

static karma_status begin(struct in_flight *f, struct arena *a, const char *store_path) {
    const char *start = arena_printf(a, "%s-run-", store_path);
    uint64_t nonce;
    random_entropy(&nonce, sizeof(nonce));
    const char *path =
        start ? arena_printf(a, "%s%016llx", start, (unsigned long long)nonce) : NULL;
    if (!path) return KARMA_E_NOMEM;
    karma_status st = take_up_all(f, a, start);
    if (st == KARMA_OK) st = prepare_look(f);
    if (st < 0) return st;
    st = file_held_create(&f->file, path);
    return st == KARMA_E_NOMEM ? st : KARMA_OK;
}

karma_status in_flight_open(struct store *s, struct in_flight **out) {
    *out = NULL;
    const char *path = sqlite3_db_filename(store_database(s), "main");
    if (!path || !*path) return KARMA_OK;
    struct in_flight *f = mem_calloc(1, sizeof(*f));
    if (!f) return KARMA_E_NOMEM;
    struct arena scratch = {0};
    f->store = s;
    f->file.fd = -1;
    f->n = IN_COMPANY;
    karma_status st = begin(f, &scratch, path);
    arena_release(&scratch);
    if (st < 0) {
        in_flight_close(f);
        return st;
    }
    *out = f;
    return KARMA_OK;
}

void in_flight_close(struct in_flight *f) {
    if (!f) return;
    sqlite3_finalize(f->look);
    file_held_remove(&f->file);
    mem_free(f);
}

karma_status in_flight_look(struct in_flight *f, const unsigned char key[STORE_KEY_BYTES],
                            enum suspicion *out) {
    *out = SUSPICION_NONE;
    if (!f || !f->look) return KARMA_OK;
    sqlite3_bind_blob(f->look, 1, key, STORE_KEY_BYTES, SQLITE_STATIC);
    const int step = sqlite3_step(f->look);
    karma_status st = KARMA_OK;
    if (step == SQLITE_ROW)
        *out = sqlite3_column_int64(f->look, 0) >= IN_FLIGHT_DEATHS ? SUSPICION_LEFT_OUT
                                                                    : SUSPICION_ALONE;
    else if (step != SQLITE_DONE)
        st = store_failure(f->store, "read");
    sqlite3_reset(f->look);
    return st;
}

static void set_place(struct in_flight *f, size_t i, const unsigned char *key) {
    memcpy(f->keys[i], key, STORE_KEY_BYTES);
    file_held_write(&f->file, i * STORE_KEY_BYTES, key, STORE_KEY_BYTES);
}

/* The place of a key, or of no_key, from `from` on; f->n: it has none. */
static size_t place_of(const struct in_flight *f, const unsigned char *key, size_t from) {
    size_t i = from;
    while (i < f->n && memcmp(f->keys[i], key, STORE_KEY_BYTES) != 0)
        i++;
    return i;
}

void in_flight_begin(struct in_flight *f, const unsigned char key[STORE_KEY_BYTES], bool alone) {
    if (!f) return;
    const size_t i = alone ? ALONE : place_of(f, no_key, IN_COMPANY);
    if (i == MOST) return;
    if (i == f->n) f->n++;
    set_place(f, i, key);
}

void in_flight_end(struct in_flight *f, const unsigned char key[STORE_KEY_BYTES]) {
    if (!f) return;
    const size_t i = place_of(f, key, ALONE);
    if (i < f->n) set_place(f, i, no_key);
}

void in_flight_clear(struct in_flight *f) {
    for (size_t i = 0; f && i < f->n; i++)
        if (memcmp(f->keys[i], no_key, STORE_KEY_BYTES) != 0) set_place(f, i, no_key);
}
