/*
 * reader.h - files of rows. A reader finds the rows of one file kind and gives each as a JSON
 * object; it keeps places, not rows, so a file takes its index and one row of memory. Files are
 * mapped.
 */
#ifndef DATASETS_READER_H
#define DATASETS_READER_H

#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"

enum { READER_MAX_ROW = 64 << 20 }; /* bytes of a line or cell; also a bound if no newline comes */

/* Where a row begins, in the reader's own terms. All-zero: the first. */
struct reader_place {
    uint64_t offset;
    int64_t line_no; /* line of offset, from 1; 0 at the beginning; of Parquet the row's number */
};

struct reader_row {
    const struct json *value; /* an object */
    const char *key;          /* its name in a file that names its rows; else NULL */
    int64_t line_no;
    bool duplicates; /* a key of it was given twice */
};

struct reader {
    const struct reader_ops *ops;
    const char *text; /* of the file, behind a byte order mark */
    size_t len;
    void *state; /* of ops */
    struct file_map map;
    bool tabs; /* what separates cells */
    unsigned n_read;
};

struct reader_ops {
    const char *name;
    const char *const *extensions; /* with the point, lower case; NULL ends */
    /* Optional. Look at the whole text; state is released by close() also after a failure. */
    karma_status (*open)(struct reader *r);
    /* Required. Read the row at *place into a and move *place to the next one; KARMA_DONE when
     * there is none. Errors start with "line N". */
    karma_status (*read)(struct reader *r, struct reader_place *place, struct arena *a,
                         struct reader_row *row);
    /* Optional. */
    void (*close)(struct reader *r);
    /* Optional, of files that are not one text each: paths [n] in place of map and open(). */
    karma_status (*open_files)(struct reader *r, const char *const *paths, size_t n);
    /* Optional. What is at line_no, for messages; else "line N". */
    void (*where)(const struct reader *r, int64_t line_no, char *out, size_t size);
    /* Optional. The files' bytes; else the text's. */
    void (*add_digest)(const struct reader *r, struct sha256 *h);
};
enum { READER_WHERE_BYTES = 128 };

extern const struct reader_ops reader_jsonl, reader_json, reader_csv, reader_parquet;
extern const struct reader_ops *const readers[]; /* NULL ends */

/* The reader for a path by its extension, or NULL. */
const struct reader_ops *reader_for(const char *path);
/* Open a file by its extension; E_UNSUPPORTED names those there are. A name with a * stands for all
 * Parquet files that fit it, in the order of their names (see shards.h). Errors start with path. */
karma_status reader_open(const char *path, struct reader *out);
/* The same over text in memory, which must stay. */
karma_status reader_open_text(const struct reader_ops *ops, bool tabs, const char *text, size_t len,
                              struct reader *out);
karma_status reader_read(struct reader *r, struct reader_place *place, struct arena *a,
                         struct reader_row *row);
/* Number i of the files of reader_parquet, and its bytes; NULL past the last. */
struct parquet;
struct parquet *reader_parquet_file(const struct reader *r, size_t i);
uint64_t reader_parquet_bytes(const struct reader *r, size_t i);
/* Put where a row is before the present message. */
karma_status reader_prefix(karma_status st, const struct reader *r, int64_t line_no);
/* "line 7" or "row 7", in out. */
const char *reader_where(const struct reader *r, int64_t line_no, char out[READER_WHERE_BYTES]);
/* What the files' bytes add to a digest. */
void reader_add_digest(const struct reader *r, struct sha256 *h);
void reader_close(struct reader *r);

#endif
