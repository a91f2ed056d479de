/*
 * decoder.h - what decoder-only families share: where their weights are kept, the tensors every
 * one of them has, and the parts of a step that are the same in all. What tells a family from
 * another (its configuration, its norms, the order of its step) stands in its own file.
 */
#ifndef MODELS_DECODER_H
#define MODELS_DECODER_H

#include "models/binder.h"
#include "models/config.h"
#include "models/models.h"
#include "nn/layers.h"

struct decoder_layer {
    /* Of what attention and MLP read, and, where a family has them, of what they give. */
    struct norm attention_norm, attention_post_norm, mlp_norm, mlp_post_norm;
    struct linear q_proj, k_proj, v_proj, o_proj;
    const float *q_norm, *k_norm; /* device [head_dim]; NULL: none */
    struct linear gate_proj, up_proj, down_proj;
    const struct rope *rope;
    int32_t window; /* keys it sees back, itself included; 0: all */
};

struct decoder {
    struct decoder_config config;
    struct arena memory;    /* of layers and config */
    struct weights weights; /* of everything on the device */
    struct tensor embed_tokens;
    struct tensor lm_head; /* the embedding's view once more when tied */
    struct norm norm;
    struct rope rope, local_rope;
    struct decoder_layer *layers; /* [num_hidden_layers] */
    float embed_scale, attention_scale;
    float logit_softcap; /* 0: none */
    bool bidirectional;  /* encodes only: all layers see both sides, those with a window as well */
    bool headless;       /* encodes only: lm_head was not bound */
};

/* What a gain is stored as: w, or w with the effective gain 1 + w. */
enum gain { GAIN_W, GAIN_1_PLUS_W };

/* Make the layers and bind what all families name alike: embedding, head, the matrices of
 * attention and MLP, the final norm. A family binds the rest after it. config but vocab_size of a
 * GGUF is complete before. */
void decoder_begin(struct decoder *m, struct binder *b, const struct checkpoint *ck,
                   struct backend *be, enum gain gain);
/* A norm of layer i, over n values. */
void decoder_norm(struct decoder *m, struct binder *b, struct norm *out, enum gain gain,
                  struct tensor_names names, int32_t i, int64_t n);
/* Frequencies of one description, on the device. */
void decoder_rope(struct decoder *m, struct binder *b, const struct rope_spec *spec,
                  bool interleaved, struct rope *out);
/* Ends the binder; info for the engine. allowed: further names that may be left over, or NULL. */
karma_status decoder_end(struct decoder *m, struct binder *b, const char *const *allowed,
                         struct model_info *info);

/* Where a step's rows lie in its scratch. */
struct decoder_rows {
    float *x;         /* [m, hidden_size], the residual stream */
    float *q, *k, *v; /* [m, heads * head_dim] */
    float *o;         /* [m, num_attention_heads * head_dim] */
    float *h;         /* [m, intermediate_size]; shares the memory of q, k, v, o */
};
struct decoder_rows decoder_rows(const struct decoder *m, const struct batch *batch);

/* x = E[token] * embed_scale. */
void decoder_embed(const struct decoder *m, const struct batch *batch, const struct decoder_rows *r,
                   struct stream *on);
/* o = attention over the cache with q, k, v = W norm(x), after q_norm, k_norm and rope. */
void decoder_attention(const struct decoder *m, const struct decoder_layer *l, int32_t layer,
                       const struct batch *batch, const struct decoder_rows *r, struct stream *on);
/* logits = softcap(norm(x) Whead^T), of the rows that want them. */
void decoder_head(const struct decoder *m, const struct batch *batch, const struct decoder_rows *r,
                  struct stream *on);

/* One layer of a family; what it keeps in the cache lies at cache_layer. */
typedef void decoder_layer_fn(const struct decoder *m, int32_t i, int32_t cache_layer,
                              const struct batch *batch, const struct decoder_rows *r,
                              struct stream *on);
/* family_ops.forward and .encode, given the layer. */
void decoder_forward(const struct decoder *m, decoder_layer_fn *layer, const struct batch *batch,
                     struct stream *on);
bool decoder_encode(const struct decoder *m, decoder_layer_fn *layer,
                    const struct encode_batch *batch, struct stream *on);

/* The family_ops slots that are the same for all. */
void decoder_need(const void *model, int64_t max_rows, struct engine_need *out);
void decoder_unload(void *model, struct backend *be);

#endif
