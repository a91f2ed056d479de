/*
 * store.h - looking into the store of answers and clearing it out (doc/store.md). What these give
 * is JSON; it holds names of models, data sets and samples, and no text of samples or answers.
 */
#ifndef KARMA_STORE_H
#define KARMA_STORE_H

#include "karma/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* path NULL in all of them: the default one (karma_default_store_path). One that is not there is
 * E_NOTFOUND and is not made. */

/* {"path", "size_bytes", "answers", "failed", "failed_by_code", "damaged", "identities", "oldest",
 * "newest", "by_model": {name: n}, "by_dataset": {name: n}}. karma_free() it. */
KARMA_API karma_status karma_store_stat(const char *path, char **json);

/* What a row's key was made of. Either key (its hexadecimal digits, at least eight, no more than
 * one row's) or dataset and sample, of which there may be several rows: {"answers": [{"key",
 * "model", "dataset", "sample", "status", "created", "identity": {...}, "fields": {name: digest}}],
 * "differences": [{"keys": [a, b], "fields": [{"field", "values": [x, y]}]}]}, each row beside the
 * one before it. "identity" is null for rows written before karma kept it. E_NOTFOUND. karma_free()
 * it. */
KARMA_API karma_status karma_store_explain(const char *path, const char *key, const char *dataset,
                                           const char *sample, char **json);

/* Which rows are to go: those that all of the conditions given hold for. */
typedef struct karma_store_gc_options {
    uint32_t struct_size;
    const char *model;      /* of that name; NULL: any */
    const char *dataset;    /* of that name; NULL: any */
    bool failed;            /* only failed ones */
    double older_than_days; /* 0: of any age */
    bool damaged;           /* not answers but the rows set aside as damaged */
    bool apply;             /* false: only count them */
} karma_store_gc_options;
/* No condition, and only counting. */
KARMA_API karma_store_gc_options karma_store_gc_defaults(void);
/* {"matched", "removed", "remaining", "size_bytes"}; removed rows are overwritten in the file,
 * which is made smaller. What lay in blocks that the file system has given away is beyond reach.
 * E_USAGE: no condition. karma_free() *json. */
KARMA_API karma_status karma_store_gc(const char *path, const karma_store_gc_options *options,
                                      char **json);

#ifdef __cplusplus
}
#endif
#endif
