/*
 * data.h - looking into data files and writing them anew: Parquet, JSON Lines, JSON, CSV, TSV. A
 * name with a * stands for all Parquet files that fit it ("data/train-*.parquet").
 */
#ifndef KARMA_DATA_H
#define KARMA_DATA_H

#include "karma/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A data file, open for reading. One thread at a time. */
typedef struct karma_data karma_data;

/* E_UNSUPPORTED: of no kind that is read; else what is wrong with the file. */
KARMA_API karma_status karma_data_open(const char *path, karma_data **out);
/* The next row as a JSON object in one line; of binary values it says kind and size. Lent until the
 * next call on d. KARMA_DONE behind the last one. Errors name file and row. */
KARMA_API karma_status karma_data_next(karma_data *d, const char **json);
KARMA_API void karma_data_close(karma_data *d); /* NULL is fine */

/* {"path", "kind", "rows", "row_groups", "size_bytes", "created_by", "columns": [{"path", "depth",
 * "type", "nullable", "nulls", "codec", "size_bytes"}]}. What a kind of file does not have is null.
 * Of Parquet the metadata tells it, of other files all rows are read. karma_free() it. */
KARMA_API karma_status karma_data_schema(const char *path, char **json);

/* What to write anew, and where. Get one from karma_data_convert_defaults(). */
typedef struct karma_data_convert_options {
    uint32_t struct_size;
    const char *input;  /* as karma_data_open() */
    const char *output; /* .jsonl, .ndjson, .csv or .tsv */
    /* Folder, made if need be, of a file for each binary value; its name takes the place of the
     * value and, where there is one, of the object {bytes, path} around it: relative to output's
     * folder if it lies in it. NULL: a binary value is an error. */
    const char *media;
    bool force;                    /* replace output if it is there */
    bool (*cancelled)(void *user); /* optional: asked at each row; true ends it in E_CANCELLED */
    void *user;
} karma_data_convert_options;
/* No media, nothing replaced. */
KARMA_API karma_data_convert_options karma_data_convert_defaults(void);
/* Nothing is at output unless all of it is; files in media stay. *n_rows and *n_files: written. */
KARMA_API karma_status karma_data_convert(const karma_data_convert_options *o, size_t *n_rows,
                                          size_t *n_files);

#ifdef __cplusplus
}
#endif
#endif
