/*
 * prompt.h - what is said to a model: tokens, and pictures in the place of some of them. The rows
 * of a picture are shared by those who asked about it: counted references, freed by the last.
 */
#ifndef ENGINE_PROMPT_H
#define ENGINE_PROMPT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Rows that stand in place of the embeddings of a run of tokens; they see one another whole. */
struct image_rows {
    atomic_int refs;
    int32_t count;            /* rows */
    int64_t width;            /* the decoder's hidden_size */
    unsigned char digest[32]; /* of all that they follow from; equal digests are equal rows */
    float *data;              /* host [count, width], behind the struct */
};
/* One reference; data is unset. E_NOMEM. */
karma_status image_rows_create(int32_t count, int64_t width, struct image_rows **out);
struct image_rows *image_rows_ref(struct image_rows *rows);
void image_rows_unref(struct image_rows *rows); /* NULL is nothing */

struct prompt_span {
    size_t begin; /* the first of rows->count tokens; spans ascend and do not overlap */
    struct image_rows *rows;
};

struct engine_prompt {
    const int32_t *tokens;
    size_t n_tokens;
    const struct prompt_span *spans; /* the engine takes references of its own */
    size_t n_spans;
};

#endif
