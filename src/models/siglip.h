/*
 * siglip.h - the SigLIP tower with the projector of Gemma 3 behind it: what a family embeds in its
 * own model to see. The tensors are taken with the family's binder, or with one over a projector
 * file of its own.
 */
#ifndef MODELS_SIGLIP_H
#define MODELS_SIGLIP_H

#include "formats/gguf.h"
#include "models/binder.h"
#include "models/vision.h"
#include "nn/layers.h"

struct siglip_config {
    int64_t hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, image_size,
        patch_size;
    double layer_norm_eps;
    int64_t tokens_per_side; /* of the square that a picture becomes */
};

struct siglip_layer {
    struct layer_norm norm1, norm2;
    struct linear q_proj, k_proj, v_proj, out_proj, fc1, fc2;
};

struct siglip {
    struct siglip_config config;
    struct arena memory;
    struct weights weights; /* of what siglip_bind() takes with a binder of the tower's own */
    struct linear patch_embedding;
    struct tensor position_embedding; /* [n_patches, hidden_size] */
    const struct batch_row *patches;  /* [n_patches]: each asks for its row of that table */
    struct siglip_layer *layers;
    struct layer_norm post_layernorm;
    struct norm soft_emb_norm;
    struct tensor projection; /* [width, hidden_size] */
    int64_t width;            /* of the decoder */
};

/* From config.json: mm_tokens_per_image and vision_config, which may be absent. */
karma_status siglip_config_hf(const struct json *config, struct siglip_config *c);
/* From the metadata of a projector file of llama.cpp (general.architecture "clip"). */
karma_status siglip_config_gguf(const struct gguf *g, struct siglip_config *c);
/* m->config is complete. width: the decoder's hidden_size. */
void siglip_bind(struct siglip *m, struct binder *b, int64_t width);
void siglip_release(struct siglip *m, struct backend *be);

static inline int32_t siglip_tokens(const struct siglip_config *c) {
    return (int32_t)(c->tokens_per_side * c->tokens_per_side);
}
/* vision_ops.need and .encode. */
void siglip_need(const struct siglip *m, struct vision_need *out);
bool siglip_encode(const struct siglip *m, const float *pixel_values, float *rows, float *scratch,
                   bool (*cancelled)(void *user), void *user, struct stream *on);

#endif
