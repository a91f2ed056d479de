/*
 * backend.h - what a device must offer to run a model: a short list of fused steps over a batch of
 * rows. A family calls these and nothing else during a step, and never reads through an address
 * marked "device". Float activations are f32. Steps cannot fail: shapes were checked at load, and
 * what a step needs was reserved before.
 *
 * Every step is defined to the bit (doc/numerics.md): a row's result depends on that row's inputs
 * alone, not on the other rows, their number, the threads, or which sequences share KV blocks.
 */
#ifndef TENSOR_BACKEND_H
#define TENSOR_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "tensor/dtype.h"
#include "tensor/speech.h"
#include "tensor/vision.h"

struct backend;
struct stream; /* one thread's order of steps on a backend: scratch and workers */

/* A weight matrix [rows, cols] (a vector has rows 1), row-major; a view of the checkpoint's bytes
 * unless the backend made its own copy. */
struct tensor {
    enum dtype dtype; /* DTYPE_I8: a form of the backend's own, see weight_to_int8 */
    int64_t rows, cols;
    const void *data; /* device; any alignment */
    size_t row_bytes;
    bool turned;        /* stored [cols, rows], f32: as the graph of an ONNX file multiplies */
    int32_t skip;       /* of a view of DTYPE_I8: rows between data and its first */
    size_t owned_bytes; /* 0 for a view */
    void *owned;        /* freed by weight_release */
};

/* Keys and values of all sequences, in blocks of KV_BLOCK_TOKENS positions. A block holds, for each
 * layer and kv head in turn, K transposed [head_dim][KV_BLOCK_TOKENS], then V
 * [KV_BLOCK_TOKENS][head_dim]. In BF16 they are words of two: K in pairs of dimensions
 * [(head_dim + 1) / 2][KV_BLOCK_TOKENS], the even one below and a zero above the last of an odd
 * head_dim, then V in pairs of positions [KV_BLOCK_TOKENS / 2][head_dim], the even one below. In I8
 * K and V are rows alike, [KV_BLOCK_TOKENS] of kv_int8_row() bytes, then the f32 scale of each.
 * Positions never written hold anything, also NaN. */
enum { KV_BLOCK_TOKENS = 32 };
struct kv_pool {
    void *base;       /* device, 64-byte aligned */
    enum dtype dtype; /* F32, I8, or BF16 where the backend can (backend_ops.caches) */
    int32_t n_blocks;
    int32_t n_layers, n_kv_heads, head_dim;
};
static inline size_t kv_int8_row(const struct kv_pool *kv) {
    return ((size_t)kv->head_dim + 3) / 4 * 4; /* zeros beyond head_dim */
}
static inline size_t kv_key_bytes(const struct kv_pool *kv) {
    const size_t n = (size_t)kv->head_dim;
    if (kv->dtype == DTYPE_I8) return (kv_int8_row(kv) + sizeof(float)) * KV_BLOCK_TOKENS;
    return (kv->dtype == DTYPE_BF16 ? (n + 1) / 2 : n) * KV_BLOCK_TOKENS * sizeof(uint32_t);
}
static inline size_t kv_head_bytes(const struct kv_pool *kv) {
    if (kv->dtype == DTYPE_I8) return 2 * kv_key_bytes(kv);
    const size_t value = kv->dtype == DTYPE_BF16 ? sizeof(uint16_t) : sizeof(float);
    return kv_key_bytes(kv) + value * KV_BLOCK_TOKENS * (size_t)kv->head_dim;
}
static inline size_t kv_block_bytes(const struct kv_pool *kv) {
    return kv_head_bytes(kv) * (size_t)kv->n_layers * (size_t)kv->n_kv_heads;
}
/* Device: the keys of a block, a layer and a kv head; kv_key_bytes() further are its values. */
static inline void *kv_head_at(const struct kv_pool *kv, int32_t block, int32_t layer,
                               int32_t head) {
    const size_t heads = (size_t)layer * (size_t)kv->n_kv_heads + (size_t)head;
    return (char *)kv->base + (size_t)block * kv_block_bytes(kv) + heads * kv_head_bytes(kv);
}

/* One row of a step: a token (or embedding) of a sequence at a position. */
struct batch_row {
    int32_t seq;         /* index into block_tables */
    int32_t pos;         /* from 0 */
    int32_t token;       /* id; -1: the row comes from `embeddings` */
    int32_t embedding;   /* row of `embeddings` when token is -1 */
    int32_t visible_end; /* sees keys at positions < visible_end; pos + 1 when causal */
};

/* y = epilogue(norm(x) W^T + bias), over m rows and 1..3 weights that share x. */
enum activation {
    ACT_NONE,
    ACT_SILU_MUL, /* *_MUL take two weights; the others follow one weight and its bias */
    ACT_GELU_TANH_MUL,
    ACT_GELU_ERF, /* 0.5 z (1 + erf(z / sqrt 2)) */
    ACT_GELU_TANH,
    ACT_SILU,
    ACT_RELU,
    ACT_TANH
};
struct linear_args {
    const float *x; /* device [m, k], row stride ldx */
    int64_t m, k, ldx;
    const float *norm; /* device [k] gain of an RMS norm of x first; NULL: none */
    float norm_eps;
    int n_weights; /* 1..3; all have k columns */
    const struct tensor *w[3];
    const float *bias[3]; /* device [rows of w]; NULL: none */
    float *y[3];          /* device [m, rows of w], row stride ldy; y[1] unused with *_MUL */
    int64_t ldy[3];
    /* ACT_*_MUL takes two weights of equal rows: y[0] = act(w[0] x) * (w[1] x). */
    enum activation act;
    /* Of the product and its bias, before what follows; 0: 1. Not with *_MUL. */
    float scale;
    /* With one weight: y[0] = residual + (post_norm ? rms(w x, post_norm) : w x). Row stride
     * ldy[0]; residual may equal y[0]; either may be NULL. */
    const float *residual;
    const float *post_norm; /* device gain [rows of w[0]] */
    float post_norm_eps;
};

/* Rotary embedding: angle = (float)pos * inv_freq[i], cos and sin of that f32, times factor.
 * Rotate-half pairs (i, i + n/2), or interleaved pairs (2i, 2i + 1); n = rotary_dim <= head_dim,
 * what lies beyond is left. */
struct rope {
    const float *inv_freq; /* device [rotary_dim / 2] */
    int32_t rotary_dim;
    float attention_factor;
    bool interleaved;
};

/* Per head: RMS norm of q and k (gains [head_dim], NULL: none), then rope; q stays, k and v go to
 * the cache at each row's position. */
struct rope_cache_args {
    int64_t m;
    const struct batch_row *rows; /* host */
    float *q;                     /* device [m, n_heads * head_dim], row stride ldq */
    float *k, *v;                 /* device [m, n_kv_heads * head_dim], row strides ldk, ldv */
    int64_t ldq, ldk, ldv;
    int32_t n_heads;
    const float *q_norm, *k_norm;
    float norm_eps;
    struct rope rope;
    struct kv_pool *kv;
    int32_t layer;
    const int32_t *const *block_tables; /* host: per sequence, block ids by position / 32 */
};

/* softmax(scale q k^T) v over each row's visible keys: positions [max(0, pos - window + 1),
 * visible_end), window 0 = all. Query head h uses kv head h / (n_heads / n_kv_heads).
 * Sequences whose tables name the same block are served by one read of it. */
struct attention_args {
    int64_t m;
    const struct batch_row *rows; /* host */
    const float *q;               /* device [m, n_heads * head_dim] */
    float *out;                   /* device, the same shape; not q */
    int64_t ldq, ldo;
    int32_t n_heads;
    int32_t window;
    float scale;
    const struct kv_pool *kv;
    int32_t layer;
    const int32_t *const *block_tables;
};

/* softmax(scale q k^T) v, scale > 0, where every row sees every row: m rows of one input, head h in
 * the columns [h * head_dim, (h + 1) * head_dim). */
struct full_attention_args {
    int64_t m;
    int32_t n_heads, head_dim;
    float scale;
    const float *q, *k, *v; /* device [m, n_heads * head_dim], row strides ldq, ldk, ldv */
    float *out;             /* device, the same shape; not q, k, v */
    int64_t ldq, ldk, ldv, ldo;
};

/* x[m, k]: row of the table (any weight dtype) times scale, or a row of embeddings unscaled. */
struct embed_args {
    int64_t m;
    const struct batch_row *rows; /* host */
    const struct tensor *table;
    const float *embeddings; /* device [*, k] */
    float scale;
    /* Encoders: plus a vector, plus a row of a second table. NULL: neither. */
    const float *bias; /* device [k] */
    const struct tensor *positions;
    const int32_t *position_ids; /* host [m]: rows of positions */
    float *x;                    /* device [m, k] */
};

/* y[m, k] = norm of each row of x. RMS: x / sqrt(mean(x^2) + eps) * gain. LAYER: (x - mean) /
 * sqrt(var + eps) * gain + bias, the biased variance, two passes. y may equal x. */
enum norm_kind { NORM_RMS, NORM_LAYER };
struct norm_args {
    enum norm_kind kind;
    int64_t m, k;
    const float *x;    /* device, packed */
    const float *gain; /* device [k]; NULL: 1 */
    const float *bias; /* device [k]; NULL: 0; of LAYER alone */
    float eps;
    float *y;
};

/* logits[i, :] = cap(norm(x[row_index[i]]) W^T); softcap c > 0: c * tanh(logit / c). With ids only
 * their rows of W, which is not turned, are multiplied, to the same bits. */
struct head_args {
    const float *x; /* device [*, k] */
    int64_t k, ldx;
    const int32_t *row_index; /* host [n] */
    int64_t n;
    const float *norm;
    float norm_eps;
    const struct tensor *w;
    const int32_t *ids; /* host [n_ids]: rows of w, in any order; NULL: all */
    int64_t n_ids;
    float softcap;
    float *logits; /* host [n, rows of w or n_ids], row stride ld_logits */
    int64_t ld_logits;
};

/* The largest step a stream must take; its scratch is sized by it once. */
struct stream_limits {
    int64_t max_rows;      /* m of any step */
    int64_t max_k;         /* widest x */
    int64_t max_n;         /* widest y */
    int64_t max_head_rows; /* n of head */
    int32_t n_heads, n_kv_heads, head_dim;
    int64_t max_positions; /* longest sequence */
    int64_t max_frames;    /* rows of the longest utterance of rel_attention; 0: none */
    int64_t max_full_rows; /* m of full_attention, of at most n_heads heads; 0: none */
    bool exact_full;       /* that in f32 also where the backend has products of pairs of bf16 */
};

struct backend_ops {
    const char *name; /* "cpu" */
    void (*destroy)(struct backend *be);
    /* What the device is called, for people: "avx2, 2 threads". Lent. */
    const char *(*describe)(const struct backend *be);
    size_t (*memory_bytes)(const struct backend *be); /* usable in all */

    /* Can keys and values be kept, and attention computed, in this type? F32 and I8 always. */
    bool (*caches)(const struct backend *be, enum dtype dtype);

    /* Device memory, zeroed, 64-byte aligned; NULL with message on failure. */
    void *(*alloc)(struct backend *be, size_t bytes);
    void (*free)(struct backend *be, void *p);
    void (*upload)(struct backend *be, void *device, const void *host, size_t bytes);

    /* Make w usable: a view of data where possible. E_DTYPE if the device cannot compute it. */
    karma_status (*weight_load)(struct backend *be, enum dtype dtype, int64_t rows, int64_t cols,
                                const void *data, struct tensor *w);
    /* Replace a weight of F32, F16 or BF16, turned or not, by the backend's own copy in eight bits
     * with one scale a row (doc/numerics.md); the bytes it was a view of are not needed any more.
     * A table of embed may be one too. With WEIGHTS_INT8_SIZE there is only the memory. E_DTYPE:
     * another type; E_LIMIT: too many columns; w is then as before. */
    karma_status (*weight_to_int8)(struct backend *be, struct tensor *w);
    /* *out: a view of n rows of a weight that is not turned; nothing to release. */
    void (*weight_rows)(struct backend *be, const struct tensor *w, int64_t row, int64_t n,
                        struct tensor *out);
    void (*weight_release)(struct backend *be, struct tensor *w);

    size_t (*stream_bytes)(const struct backend *be, const struct stream_limits *limits);
    karma_status (*stream_create)(struct backend *be, const struct stream_limits *limits,
                                  struct stream **out);
    void (*stream_destroy)(struct stream *s);

    void (*embed)(struct stream *s, const struct embed_args *a);
    void (*linear)(struct stream *s, const struct linear_args *a);
    void (*rope_cache)(struct stream *s, const struct rope_cache_args *a);
    void (*attention)(struct stream *s, const struct attention_args *a);
    void (*full_attention)(struct stream *s, const struct full_attention_args *a);
    void (*head)(struct stream *s, const struct head_args *a);
    void (*norm)(struct stream *s, const struct norm_args *a);
    /* Of speech: tensor/speech.h. */
    void (*conv2d)(struct stream *s, const struct conv2d_args *a);
    void (*turn)(struct stream *s, const struct turn_args *a);
    void (*glu_conv)(struct stream *s, const struct glu_conv_args *a);
    void (*rel_attention)(struct stream *s, const struct rel_attention_args *a);
    void (*lstm)(struct stream *s, const struct lstm_args *a);
    void (*add_relu)(struct stream *s, const struct add_relu_args *a);
    /* Of pictures: tensor/vision.h. */
    void (*patches)(struct stream *s, const struct patches_args *a);
    void (*pool)(struct stream *s, const struct pool_args *a);
    /* Device memory to the host's; done after finish. */
    void (*download)(struct stream *s, void *host, const void *device, size_t bytes);
    /* Copy device memory (a KV block that two sequences begin alike). */
    void (*copy)(struct stream *s, void *to, const void *from, size_t bytes);
    /* Wait until all steps given so far are done and host results are visible. */
    void (*finish)(struct stream *s);
    /* Reads of a KV block (of one layer and kv head) by attention since the stream was made, for
     * several sequences at once and for one. Between steps only. */
    void (*attention_reads)(const struct stream *s, uint64_t *shared, uint64_t *unshared);
};

/* What becomes of the matrices of products when a model is loaded. Set before the first of them and
 * before streams, which have scratch for products of eight bits or not. */
enum backend_weights {
    WEIGHTS_STORED,
    WEIGHTS_INT8,
    WEIGHTS_INT8_SIZE /* to learn what that takes: memory is reserved and never written */
};

/* In what keys and values of a model are kept. By default BF16 where the backend can and no matrix
 * of a product is F32 or F16: what is computed more exactly is not rounded on the way. Set before a
 * model is loaded. */
enum backend_cache { CACHE_AUTO, CACHE_F32, CACHE_BF16 /* the backend can */, CACHE_INT8 };

/* Every implementation begins with this. */
struct backend {
    const struct backend_ops *ops;
    enum backend_weights weights;
    enum backend_cache cache;
};
struct stream {
    struct backend *be;
};

/* device: "auto" or "cpu" (a build with CUDA adds "cuda", "cuda:1"); one that is not there is
 * E_USAGE, never replaced by another. threads 0: as many as we may use. */
karma_status backend_create(const char *device, int threads, struct backend **out);
void backend_destroy(struct backend *be);

#endif
