/*
 * parquet.h - rows of a Parquet file as JSON. The file is lent bytes, usually a mapping. One page
 * of each column is unpacked at a time, so memory does not grow with the file; of pages that are
 * not packed, not even that. Any row can be asked for, the next one cheaply: what pages there are
 * is noted as they are passed.
 *
 * Values become: strings, enums, UUIDs and JSON texts a string; whole numbers an integer (unsigned
 * ones beyond int64 a real); floats a real, or the strings "NaN", "Infinity", "-Infinity"; decimals
 * a string with all digits; dates "2024-01-31", times "23:59:59.5", timestamps
 * "2024-01-31T23:59:59" with "Z" if they are UTC's; lists an array, structs an object, maps an
 * array of {"key", "value"}; other binary values JSON_BYTES.
 */
#ifndef FORMATS_PARQUET_H
#define FORMATS_PARQUET_H

#include "base/file.h"
#include "base/json.h"

struct parquet;

/* A column, or what holds some. In the order of the schema, those that hold before the held. */
struct parquet_field {
    const char *name;  /* its own */
    const char *path;  /* with those that hold it: "image.bytes" */
    const char *type;  /* "string", "int64", "decimal(10, 2)", "list", "struct", ... */
    const char *codec; /* of the first row group; NULL: holds others, or there are no rows */
    int depth;         /* 0 at the top */
    bool nullable, leaf;
    int64_t n_nulls;  /* NULL values, or no values, in all; -1: the file does not say */
    uint64_t n_bytes; /* packed, of all row groups */
};

/* map: of these bytes, whose pages are given back as they are passed; NULL: none. E_MAGIC,
 * E_TRUNCATED, E_UNSUPPORTED (encrypted), E_RANGE, ... Errors are without the file's name. */
karma_status parquet_open(const unsigned char *data, size_t size, const struct file_map *map,
                          struct parquet **out);
void parquet_close(struct parquet *p); /* NULL is fine */

uint64_t parquet_n_rows(const struct parquet *p);
size_t parquet_n_groups(const struct parquet *p);
const char *parquet_created_by(const struct parquet *p); /* NULL: it does not say */
/* Lent by p. */
karma_status parquet_fields(struct parquet *p, const struct parquet_field **out, size_t *n);

/* Row number `row`, an object, in a; its JSON_BYTES lie in a or in the file. E_RANGE past the end.
 * Errors name the column and the place of its page. */
karma_status parquet_read(struct parquet *p, uint64_t row, struct arena *a,
                          const struct json **out);

#endif
