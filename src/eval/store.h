/*
 * store.h - finished answers in one SQLite file, by content key. What is kept is the raw output;
 * extraction and scores are recomputed. Rows are written once, with a checksum, in transactions of
 * 64 rows or 1 s; only what is committed counts as done, so a kill loses nothing that was reported.
 * Several processes may share a store: it is locked only while a transaction is written.
 */
#ifndef EVAL_STORE_H
#define EVAL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "karma/sample.h"

enum { STORE_KEY_BYTES = 32, STORE_BATCH_ROWS = 64, STORE_BATCH_MS = 1000 };

/* One sample's raw output, as it is stored and as scoring reads it. */
struct answer {
    karma_status status;                    /* OK, or why the sample failed */
    const char *error;                      /* message of a failure; NULL else */
    const char *text, *thinking, *raw_text; /* NULL: none */
    const int32_t *tokens;
    size_t n_tokens, n_prompt_tokens;
    karma_finish_reason finish_reason;
    unsigned flags; /* karma_output_flag */
};

struct store;

/* path NULL: in memory, unshared. Makes missing folders (0700) and the file (0600). A file that is
 * no store is E_MAGIC, one of a newer karma E_VERSION; neither is touched. */
karma_status store_open(const char *path, struct store **out);
/* Commits what is pending; its failure is reported. The store is gone in every case. */
karma_status store_close(struct store *s);

/* Look one answer up, copied into a. KARMA_DONE: not there (or set aside because its checksum
 * failed; then *damaged grows, and the row is removed so that the sample runs again). */
karma_status store_get(struct store *s, const unsigned char key[STORE_KEY_BYTES], struct arena *a,
                       struct answer *out, size_t *damaged);

/* The same for its status alone, *stored. */
karma_status store_find(struct store *s, const unsigned char key[STORE_KEY_BYTES],
                        karma_status *stored, size_t *damaged);

/* The same without mending anything: one that is damaged is not there. */
karma_status store_peek(struct store *s, const unsigned char key[STORE_KEY_BYTES],
                        karma_status *stored);

/* Many are looked up in a row: until store_let_go(), or until something is written, the file is
 * opened for reading once and not for each. Only makes it faster. NULL is fine. */
karma_status store_hold(struct store *s);
void store_let_go(struct store *s);

/* Keep an answer, a copy of all of it, for the next commit, which is made here when it is due.
 * model, dataset and sample name the row for people. */
karma_status store_put(struct store *s, const unsigned char key[STORE_KEY_BYTES], const char *model,
                       const char *dataset, const char *sample, const struct answer *answer);
/* Keep what a key was made of beside the identity noted last (key_fields.h), for people who ask why
 * two keys differ: a copy, for the next commit of an answer. */
karma_status store_explain(struct store *s, const unsigned char key[STORE_KEY_BYTES],
                           const char *fields);
bool store_explains(const struct store *s); /* false in memory: nobody will ask */
/* Write all that was put; nothing is pending afterwards, also after a failure (a write that failed
 * is not tried again). An equal row already there is fine; a different one under the same key is
 * E_INTERNAL (answers are a function of the key) after the others are written, except that a failed
 * row gives way to any. */
karma_status store_commit(struct store *s);
/* Commit if the oldest pending row is a second old. */
karma_status store_tick(struct store *s);
size_t store_pending(const struct store *s); /* rows put but not committed */

/* Remember the JSON that a key was made of (identity of a model), so that people can see why two
 * keys differ. */
karma_status store_note_identity(struct store *s, const char *json);

/* For store_tools.c: the database, which has the tables of store.c; what went wrong in it last, as
 * a failure. A file that is not there is E_NOTFOUND, and not made. */
struct sqlite3;
karma_status store_open_existing(const char *path, struct store **out);
struct sqlite3 *store_database(struct store *s);
karma_status store_failure(const struct store *s, const char *doing);

#endif
