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

/* Keep an answer, a copy of all of it, for the next commit, which is made here when it is due.
 * model, dataset and sample name the row for people. */
karma_status store_put(struct store *s, const unsigned char key[STORE_KEY_BYTES], const char *model,
                       const char *dataset, const char *sample, const struct answer *answer);
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

#endif
