/*
 * import.h - answers that were made elsewhere: a file of JSON Lines with an object an answer,
 * {"id", "text", ...}. Kept are places, not texts: a file of any size takes the memory of its ids.
 * Rows are checked whole before anything is scored.
 */
#ifndef EVAL_IMPORT_H
#define EVAL_IMPORT_H

#include "eval/plan.h"
#include "eval/store.h"

/* What becomes of samples that the file has no answer to. */
enum import_missing { IMPORT_MISSING_ERROR, IMPORT_MISSING_FAILS, IMPORT_MISSING_EXCLUDED };
/* "error" (also of NULL), "fail", "exclude"; else E_USAGE. */
karma_status import_missing_parse(const char *text, enum import_missing *out);

struct import;

/* Of a row: "id" or "key" (text or whole number), "text" or "output"; optional "dataset" (of
 * samples of the same key in several sets), "thinking", "finish_reason" ("length": it was cut),
 * "model". Other members are not looked at. E_SYNTAX, E_MISSING, E_TYPE, E_DUPLICATE name the line.
 */
karma_status import_open(const char *path, struct import **out);
void import_close(struct import *im);

/* Does every row belong to a sample of p, and, if that is asked for, has every sample a row?
 * E_RANGE, E_MISSING: names the first, counts the others. */
karma_status import_check(struct import *im, const struct plan *p, enum import_missing missing);

/* Has the file an answer to a sample? */
karma_status import_has(const struct import *im, const char *dataset, const char *key, bool *there);
/* The answer to a sample, in a. KARMA_DONE: the file has none. */
karma_status import_get(const struct import *im, const char *dataset, const char *key,
                        struct arena *a, struct answer *out);

/* What such answers are, in the place of a model's identity: JSON in a. model: the name given;
 * NULL: what the rows say, if they all say the same. */
karma_status import_identity(const struct import *im, struct arena *a, const char *model,
                             const char **json, const char **name);

#endif
