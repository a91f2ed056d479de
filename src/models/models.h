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
    /* Of encoders: a row sees its whole text, not only what stands before it; and, beside it, how
     * far a row of the layers with a window sees to either side, itself included (0: no such
     * layers). */
    bool bidirectional;
    int32_t symmetric_window;
    /* Which row of a table of positions a token takes: its number among those of its text that are
     * not position_padding (-1: all count), from 0, plus position_offset. position_padding itself
     * takes the row before the first. */
    int32_t position_offset, position_padding;
    unsigned can; /* of what the family can, what this checkpoint has the weights for */
    int64_t n_parameters;
    size_t weight_bytes;  /* mapped from the checkpoint */
    size_t private_bytes; /* memory of our own beside that: gains, repacked weights */
    /* What one more token of text meets in products, the head included: weights, and the bytes they
     * are read from. 0: not known. */
    int64_t token_parameters;
    size_t token_bytes;
    bool has_wide_products; /* a matrix of them is in F32 or F16 */
    enum dtype cache_dtype; /* of keys and values; model_load() chooses it */
};
static inline void model_info_add_product(struct model_info *info, const struct tensor *w) {
    if (w->dtype == DTYPE_F32 || w->dtype == DTYPE_F16) info->has_wide_products = true;
    info->token_parameters += w->rows * w->cols;
    info->token_bytes += w->owned_bytes ? w->owned_bytes : (size_t)w->rows * w->row_bytes;
}

/* A row of which the logits of a few ids are wanted alone. */
struct batch_choice {
    int32_t row;
    int32_t n_ids;
    const int32_t *ids;
    float *logits; /* host [n_ids] */
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
    float *logits;                      /* host [n_logits, vocab_size] */
    const struct batch_choice *choices; /* [n_choices], of other rows */
    int64_t n_choices;
    float *scratch; /* device; engine_need.scratch_floats for n_rows */
};

/* Whole texts for an encoder, packed one after another; no text is split over two calls. The pool
 * has one layer, which each layer fills anew. A row's visible_end is its text's length when the
 * model is bidirectional, else pos + 1. */
struct encode_batch {
    int64_t n_rows;
    const struct batch_row *rows;
    /* The same rows with the visible_end of symmetric_window; NULL when the model has none. */
    const struct batch_row *window_rows;
    const int32_t *position_ids;        /* [n_rows]: rows of a table of positions */
    const int32_t *const *block_tables; /* per text */
    struct kv_pool *kv;
    float *hidden;  /* device out: [n_rows, hidden_size], after the final norm */
    float *scratch; /* device; engine_need.scratch_floats for n_rows */
    /* Asked between layers; true: stop, hidden is then worth nothing. NULL: never. */
    bool (*cancelled)(void *user);
    void *user;
};

/* What a step of up to max_rows rows takes. */
struct engine_need {
    size_t scratch_floats;
    struct stream_limits stream; /* without max_rows, max_head_rows, max_positions */
};

enum { FAMILY_GENERATE = 1, FAMILY_ENCODE = 2, FAMILY_TRANSCRIBE = 4, FAMILY_SEE = 8 };

struct speech_ops; /* models/speech.h */
struct vision_ops; /* models/vision.h */

struct family_ops {
    const char *name; /* "qwen3" */
    /* config.json "architectures" and GGUF general.architecture values; NULL ends. */
    const char *const *architectures;
    unsigned can;      /* FAMILY_*; a checkpoint may be good for less: model_info.can */
    size_t model_size; /* models.c allocates it, zeroed */

    /* Optional: find the tensors in the graphs of an ONNX folder (checkpoint_set_tensors). */
    karma_status (*name_tensors)(struct checkpoint *ck);
    /* Required. Bind weights, compute nothing. On failure models.c still calls unload(). */
    karma_status (*load)(void *model, const struct checkpoint *ck, struct backend *be,
                         struct model_info *info);
    /* Required but of speech families. Asked once, before anything runs. */
    void (*need)(const void *model, int64_t max_rows, struct engine_need *out);
    /* If FAMILY_GENERATE. A row's bits depend on its own sequence alone (design, decision 5).
     * Allocates nothing, cannot fail. */
    void (*forward)(const void *model, const struct batch *batch, struct stream *on);
    /* If FAMILY_ENCODE. The same promises, but for cancellation: false when it was cancelled. */
    bool (*encode)(const void *model, const struct encode_batch *batch, struct stream *on);
    const struct speech_ops *speech; /* if FAMILY_TRANSCRIBE */
    const struct vision_ops *vision; /* if FAMILY_SEE */
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
/* Before the first load of a checkpoint: its tensors get the names their family knows them by,
 * where the container does not name them. Architectures nobody runs are model_load()'s error. */
karma_status model_name_tensors(struct checkpoint *ck);
/* What stands beside the weights of an archive, for the folder it becomes. */
struct nemo;
struct model_table {
    const char *name; /* "vocab.json" */
    const struct json *value;
};
struct model_tables {
    const char *architecture;
    const struct json *config;
    struct model_table files[2];
    size_t n_files;
    const struct named_tensor *tensors; /* of the archive */
    size_t n_tensors;
};
/* In a; tensors are lent by n. E_UNSUPPORTED: a model of no family of ours. */
karma_status model_tables_of_nemo(struct arena *a, const struct nemo *n, struct model_tables *out);
/* ck must outlive the model: weights are views. */
karma_status model_load(const struct checkpoint *ck, struct backend *be, struct model **out);
void model_unload(struct model *m);

#endif
