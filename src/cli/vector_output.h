/* vector_output.h - vectors as lines of JSON or as a NumPy file. All-zero is a valid closed one. */
#ifndef CLI_VECTOR_OUTPUT_H
#define CLI_VECTOR_OUTPUT_H

#include "cli/cli.h"

enum vector_format { VECTORS_JSONL, VECTORS_NPY };

struct vector_output {
    FILE *file; /* stdout, or the temporary file */
    enum vector_format format;
    const char *path;        /* NULL: standard output */
    char *place, *temporary; /* the file to replace, and what will replace it */
    long long dim, n;        /* components; vectors so far */
};

/* A vector as a JSON array, with the digits that tell floats apart. */
void print_vector(FILE *to, const float *v, long long dim);

/* path NULL: standard output, which takes lines of JSON alone. A file appears under its name when
 * all of it is there (end), and never in part. path is lent. */
karma_status vector_output_begin(const char *path, enum vector_format format, long long dim,
                                 struct vector_output *out);
/* id: what the text's row had; NULL: nothing. */
karma_status vector_output_add(struct vector_output *out, const json_t *id, const float *v);
karma_status vector_output_end(struct vector_output *out);
void vector_output_abandon(struct vector_output *out); /* after an end it does nothing */

#endif
