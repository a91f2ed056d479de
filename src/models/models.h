/*
 * models.h - model families: what turns the tensors of a checkpoint into steps on a backend. A
 * family is one file and one line in models.c.
 */
#ifndef MODELS_MODELS_H
#define MODELS_MODELS_H

#include "formats/checkpoint.h"
#include "tensor/backend.h"

/* What the engine and the public API need to know of a loaded model. */
struct model_info {
    int64_t vocab_size; /* rows of the embedding */
    int64_t hidden_size;
    int32_t n_layers, n_heads, n_kv_heads, head_dim;
    int32_t max_position_embeddings;
    int64_t widest; /* the largest row of any product */
    int64_t n_parameters;
    size_t weight_bytes;  /* mapped from the checkpoint */
    size_t private_bytes; /* memory of our own beside that: gains, repacked weights */
};

/* One step over rows of any mix of sequences. The engine fills it. */
struct batch {
    int64_t n_rows;
    const struct batch_row *rows;
    const int32_t *const *block_tables; /* per sequence */
    struct kv_pool *kv;
    const float *embeddings;   /* device rows for batch_row.embedding; NULL: none */
    const int32_t *logit_rows; /* rows whose logits are wanted, ascending */
    int64_t n_logits;
    float *logits;  /* host [n_logits, vocab_size] */
    float *scratch; /* device; engine_need.scratch_floats for n_rows */
};

/* What a step of up to max_rows rows takes. */
struct engine_need {
    size_t scratch_floats;
    struct stream_limits stream; /* without max_rows, max_head_rows, max_positions */
};

enum { FAMILY_GENERATE = 1 };

struct family_ops {
    const char *name; /* "qwen3" */
    /* config.json "architectures" and GGUF general.architecture values; NULL ends. */
    const char *const *architectures;
    unsigned can;      /* FAMILY_* */
    size_t model_size; /* models.c allocates it, zeroed */

    /* Required. Bind weights, compute nothing. On failure models.c still calls unload(). */
    karma_status (*load)(void *model, const struct checkpoint *ck, struct backend *be,
                         struct model_info *info);
    /* Required. Asked once, before anything runs. */
    void (*need)(const void *model, int64_t max_rows, struct engine_need *out);
    /* If FAMILY_GENERATE. A row's bits depend on its own sequence alone (design, decision 5).
     * Allocates nothing, cannot fail. */
    void (*forward)(const void *model, const struct batch *batch, struct stream *on);
    /* Required. Give back what load() took. */
    void (*unload)(void *model, struct backend *be);
};

struct model {
    const struct family_ops *family;
    struct backend *be; /* lent */
    void *self;
    struct model_info info;
};

/* The family that answers to an architecture; E_UNSUPPORTED names those we have. */
karma_status model_family_find(const char *architecture, const struct family_ops **out);
/* ck must outlive the model: weights are views. */
karma_status model_load(const struct checkpoint *ck, struct backend *be, struct model **out);
void model_unload(struct model *m);

#endif
