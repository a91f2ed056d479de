/* data_file.h - what the parts behind karma/data.h share. */
#ifndef DATASETS_DATA_FILE_H
#define DATASETS_DATA_FILE_H

#include "datasets/reader.h"
#include "karma/data.h"

struct karma_data {
    const char *path; /* in arena */
    struct arena arena, row;
    struct reader reader;
    struct reader_place place;
    struct buf text;
    const struct json *columns; /* data_columns_of_file()'s answer */
};

/* The next row, lent until the next call; errors name the file. */
karma_status data_next_row(karma_data *d, struct reader_row *row);

/* What a binary value holds, by its first bytes: "png", ".png"; "binary", ".bin". */
struct data_kind {
    const char *name, *ending;
};
struct data_kind data_kind_of(const unsigned char *bytes, size_t n);

/* A value with something in place of each binary one. */
struct data_swap {
    /* path: where it is, as "image.bytes"; of a holder, "image". */
    karma_status (*give)(struct data_swap *s, struct arena *a, const struct json *bytes,
                         const char *path, const struct json **out);
    bool with_holder; /* is the object {bytes, path} around it replaced as well? */
};
karma_status data_swap_bytes(struct data_swap *s, struct arena *a, const struct json *value,
                             const char *path, const struct json **out);

/* data_columns.c: the "columns" of karma_data_schema() of a file that has to be read, from its
 * beginning to its end; *n_rows: how many there are. In d->arena. */
karma_status data_columns(karma_data *d, struct json **out, int64_t *n_rows);

#endif
