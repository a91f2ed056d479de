/*
 * runtime.h - what lies under sequences: a stream, the KV pool and the scratch of a step, planned
 * against the memory ceiling and reserved once.
 */
#ifndef ENGINE_RUNTIME_H
#define ENGINE_RUNTIME_H

#include "models/models.h"

struct runtime_limits {
    int32_t n_ctx; /* longest sequence; 0: the model's, at most RUNTIME_DEFAULT_CTX */
    int32_t max_sequences, max_rows, max_head_rows;
    size_t ceiling_bytes;    /* 0: 90 % of the machine's */
    size_t host_bytes;       /* what the caller adds to the plan, in all ... */
    size_t host_block_bytes; /* ... and for each block of the pool */
};
enum { RUNTIME_DEFAULT_CTX = 8192 };

struct runtime {
    const struct model *model; /* lent */
    struct stream *stream;
    struct kv_pool kv;
    float *scratch;
    float *embeddings; /* device [max_rows, hidden_size]; NULL: the model does not see */
    int32_t n_ctx;
    int32_t blocks_per_sequence;
    size_t kv_bytes, scratch_bytes;
};

size_t runtime_ceiling(const struct backend *be); /* 90 % of what the device may use */

/* What runtime_create() would reserve beside the weights, with its refusals. */
struct runtime_size {
    size_t cache_bytes;   /* of the pool: keys, values and the caller's host_block_bytes */
    size_t scratch_bytes; /* of a step, and the caller's host_bytes */
    int32_t n_ctx, n_blocks;
};
karma_status runtime_measure(const struct model *model, const struct runtime_limits *limits,
                             struct runtime_size *out);

/* *rt is zero before. The pool has blocks for all sequences at full length, or as many as the
 * ceiling leaves, at least one sequence's: else E_LIMIT with the sum and the largest n_ctx that
 * fits. n_ctx beyond the model's context: E_LIMIT. A model that does not generate: E_UNSUPPORTED.
 * After a failure release it all the same. */
karma_status runtime_create(const struct model *model, const struct runtime_limits *limits,
                            struct runtime *rt);
void runtime_release(struct runtime *rt);

/* One step, waited for. The caller fills rows, block tables and logits of the batch. */
void runtime_forward(struct runtime *rt, struct batch *batch);

#endif
