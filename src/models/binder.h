/*
 * binder.h - takes the tensors of a checkpoint by name and shape. Sticky: after the first failure
 * every take does nothing, and binder_end() reports it; missing tensors are gathered, so that one
 * message names them. What nobody took and no list calls harmless is an error: a model that
 * ignores weights computes something else.
 */
#ifndef MODELS_BINDER_H
#define MODELS_BINDER_H

#include "base/mem.h"
#include "formats/checkpoint.h"
#include "tensor/backend.h"

/* What one model holds on its backend; freed together. */
struct weights {
    struct tensor **matrices;
    size_t n_matrices, cap_matrices;
    void **vectors;
    size_t n_vectors, cap_vectors;
};
void weights_release(struct weights *w, struct backend *be);

struct binder {
    const struct checkpoint *ck;
    struct backend *be;
    struct weights *own;
    karma_status st;
    const char *prefix; /* before the family's names in a Hugging Face container */
    size_t prefix_len;
    bool flat; /* [rows, a, b, ...] fits rows and cols = a b ...: kernels of convolutions */
    unsigned char *taken; /* one a tensor: taken by anyone, kept mapped */
    char missing[512];    /* the first few names */
    size_t n_missing;
    int64_t n_parameters;
    size_t weight_bytes; /* of tensors that stay mapped */
    size_t private_bytes;
};

/* A tensor's name in each container; %d is the layer. gguf NULL: not stored there. */
struct tensor_names {
    const char *hf, *gguf;
};

/* anchor: the unique name ending ("embed_tokens.weight") whose beginning is the prefix of all. */
void binder_begin(struct binder *b, const struct checkpoint *ck, struct backend *be,
                  struct weights *own, const char *anchor);
/* From here on the prefix is that of another anchor. */
void binder_prefix(struct binder *b, const char *anchor);
/* Is the tensor there (not taken by asking)? */
bool binder_has(const struct binder *b, struct tensor_names names, int layer);
/* The tensor as stored, for its shape (not taken by asking); NULL if it is absent. */
const struct named_tensor *binder_find(const struct binder *b, struct tensor_names names,
                                       int layer);
/* Rows of the stored matrix; 0 if it is absent. */
int64_t binder_rows(const struct binder *b, struct tensor_names names, int layer);
/* The matrix of a product: in eight bits where the backend wants that (backend.weights) and it is
 * stored in F32, F16 or BF16; the stored bytes are then given back. */
void binder_matrix(struct binder *b, struct tensor *out, struct tensor_names names, int layer,
                   int64_t rows, int64_t cols);
/* A matrix that stays as it is stored in every case: a table of embeddings, of which few rows are
 * read; a head over a vocabulary, whose errors no later layer evens out; one that feeds its own
 * errors back, as a recurrent layer's. */
void binder_stored(struct binder *b, struct tensor *out, struct tensor_names names, int layer,
                   int64_t rows, int64_t cols);
/* A vector of n as device f32, `plus` added to each element (Gemma's gain is 1 + w). */
void binder_vector(struct binder *b, const float **out, struct tensor_names names, int layer,
                   int64_t n, float plus);
/* A vector of n as f32 in host memory (of a); NULL after a failure. */
float *binder_host_vector(struct binder *b, struct arena *a, struct tensor_names names, int layer,
                          int64_t n);
/* One row of a stored matrix as device f32. */
void binder_row(struct binder *b, const float **out, struct tensor_names names, int64_t rows,
                int64_t cols, int64_t row);
/* A matrix as f32 in host memory (of a); NULL after a failure. */
float *binder_host_matrix(struct binder *b, struct arena *a, struct tensor_names names, int layer,
                          int64_t rows, int64_t cols);
/* f32 data of our own to the device. */
void binder_upload(struct binder *b, const float **out, const float *data, int64_t n);
/* Frees the binder in every case. harmless, allowed: endings of names that may be left over, or
 * with
 * '*' in front what may stand anywhere in such a name; NULL-terminated, or NULL. */
karma_status binder_end(struct binder *b, const char *const *harmless, const char *const *allowed);

#endif
