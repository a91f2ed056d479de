/*
 * config.h - the sizes of a decoder-only model, from config.json or from a GGUF's metadata. Every
 * number is checked here, before a tensor is read: what is used as a divisor is not zero, heads
 * divide, and a value karma does not know is an error naming key and value, never a default.
 */
#ifndef MODELS_CONFIG_H
#define MODELS_CONFIG_H

#include "base/mem.h"
#include "formats/checkpoint.h"
#include "formats/gguf.h"
#include "nn/rope.h"

enum { CONFIG_MAX_VOCAB = 1 << 24, CONFIG_MAX_POSITIONS = 1 << 28 };

struct decoder_config {
    int64_t vocab_size, hidden_size, intermediate_size;
    int32_t num_hidden_layers, num_attention_heads, num_key_value_heads, head_dim;
    int32_t rotary_dim; /* rotated part of a head; head_dim but in some GGUF files */
    int32_t max_position_embeddings;
    double rms_norm_eps;
    bool tie_word_embeddings;
    bool attention_bias, mlp_bias; /* GGUF does not say: its tensors do */
    int32_t sliding_window;        /* of the layers that slide; 0: none does */
    bool *slides;                  /* [num_hidden_layers] */
};

/* The object the text model's fields lie in: config.json's text_config if it has one. */
const struct json *config_text(const struct json *config);

/* On entry c holds the class's defaults: 0 makes a size required, num_key_value_heads 0 means as
 * many as heads, head_dim 0 means hidden_size / heads. slides is made in a, all false. */
karma_status config_read_hf(struct arena *a, const struct json *j, struct decoder_config *c);
/* The same from the keys "ARCH.*"; vocab_size is left alone. */
karma_status config_read_gguf(struct arena *a, const struct gguf *g, const char *arch,
                              struct decoder_config *c);

/* config.json's layer_types, if there, decides which layers slide. */
karma_status config_layer_types(const struct json *j, struct decoder_config *c);
/* To be called last: a layer that slides needs a window, one without sliding layers has none. */
karma_status config_check_window(struct decoder_config *c);

/* E_UNSUPPORTED naming key and value unless the string under key is want (or absent). */
karma_status config_want(const struct json *j, const char *key, const char *want);

/* What describes the rotary embedding: rope_scaling, else rope_parameters (its layer_type entry if
 * it is nested); NULL if neither is there. */
const struct json *config_rope_object(const struct json *j, const char *layer_type);
/* From such an object (or NULL: no scaling). theta: where the object has none. */
karma_status config_rope_hf(const struct json *rope, double theta, const struct decoder_config *c,
                            struct rope_spec *out);
karma_status config_rope_gguf(const struct gguf *g, const char *arch,
                              const struct decoder_config *c, struct rope_spec *out);

/* "ARCH.name" in a buffer of the caller. */
enum { CONFIG_KEY_BYTES = 128 };
const char *config_key(char buffer[CONFIG_KEY_BYTES], const char *arch, const char *name);

#endif
