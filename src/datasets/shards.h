/*
 * shards.h - splits that lie in several Parquet files, as the hub keeps them. Such a split goes by
 * a name with a *: "data/train-*-of-00003.parquet" for train-00000-of-00003.parquet and so on,
 * "train/0*.parquet" is not one of ours, but may be given. Their order is that of their names.
 */
#ifndef DATASETS_SHARDS_H
#define DATASETS_SHARDS_H

#include "base/mem.h"

/* Is there a * in the last part, and no file of that very name? */
bool shards_is_pattern(const char *path);
/* The files that fit, in a, sorted. Of "-NNNNN-of-NNNNN" all must be there, each once: else
 * E_MISSING, E_DUPLICATE. */
karma_status shards_list(struct arena *a, const char *pattern, const char *const **paths,
                         size_t *n);
/* The pattern of a split's files: SPLIT-*-of-NNNNN* of folder or folder/data, data/SPLIT.parquet,
 * or all of folder/SPLIT; in a. *path NULL: none of them is there. */
karma_status shards_find(struct arena *a, const char *folder, const char *split, const char **path);
/* Any Parquet file of folder, of its data, or of a folder in it; *path NULL: none. */
karma_status shards_any(struct arena *a, const char *folder, const char **path);

#endif
