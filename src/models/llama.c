/*
 * llama.c - Llama and what computes as it does (SmolLM2, TinyLlama, Mistral): grouped-query
 * attention, a SiLU-gated MLP, pre-norms. Mistral's only differences are a sliding window on every
 * layer and its defaults. GGUF files of this architecture hold the rows of q and k in the order of
 * the interleaved rotary embedding; they are used as they lie, with that embedding.
 */
#include <math.h>
#include <string.h>

#include "models/decoder.h"
#include "tensor/quant.h"

static karma_status llama_config_hf(struct decoder *m, const struct json *config, bool mistral,
                                    struct rope_spec *rope) {
    struct decoder_config *c = &m->config;
    const struct json *j = config_text(config);
    *c = (struct decoder_config){
        .num_key_value_heads = mistral ? 8 : 0,
        .max_position_embeddings = mistral ? 131072 : 2048,
        .rms_norm_eps = 1e-6,
    };
    double theta = 10000;
    int64_t window = 0;
    karma_status st = config_read_hf(&m->memory, j, c);
    if (st == KARMA_OK) st = config_want(j, "hidden_act", "silu");
    if (st == KARMA_OK && !mistral) {
        st = json_field_bool(j, "mlp_bias", false, &c->mlp_bias);
    }
    /* Absent is the class's 4096; null is none. */
    if (st == KARMA_OK && mistral) {
        st = json_field_int(j, "sliding_window", 1, INT32_MAX,
                            json_get(j, "sliding_window") ? 0 : 4096, &window);
    }
    if (st < 0) return st;
    c->sliding_window = (int32_t)window;
    for (int32_t i = 0; i < c->num_hidden_layers; i++)
        c->slides[i] = window > 0;
    st = json_field_real(j, "rope_theta", theta, &theta);
    if (st == KARMA_OK) {
        st = config_rope_hf(config_rope_object(j, "full_attention"), theta, c, rope);
    }
    return st;
}

static karma_status llama_config_gguf(struct decoder *m, const struct gguf *g,
                                      struct rope_spec *rope) {
    struct decoder_config *c = &m->config;
    karma_status st = config_read_gguf(&m->memory, g, "llama", c);
    if (st < 0) return st;
    for (int32_t i = 0; i < c->num_hidden_layers; i++)
        c->slides[i] = c->sliding_window > 0;
    return config_rope_gguf(g, "llama", c, rope);
}

static const struct tensor_names rope_freqs = {NULL, "rope_freqs.weight"};
static const struct tensor_names attention_norm = {"layers.%d.input_layernorm.weight",
                                                   "blk.%d.attn_norm.weight"};
static const struct tensor_names mlp_norm = {"layers.%d.post_attention_layernorm.weight",
                                             "blk.%d.ffn_norm.weight"};

static karma_status llama_load(void *model, const struct checkpoint *ck, struct backend *be,
                               struct model_info *info) {
    struct decoder *m = model;
    struct rope_spec rope;
    const bool gguf = checkpoint_container(ck) == CONTAINER_GGUF;
    const bool mistral = strncmp(checkpoint_architecture(ck), "Mistral", strlen("Mistral")) == 0;
    karma_status st = gguf ? llama_config_gguf(m, checkpoint_gguf(ck), &rope)
                           : llama_config_hf(m, checkpoint_config(ck), mistral, &rope);
    if (st < 0) return st;
    m->embed_scale = 1;
    m->attention_scale = (float)(1 / sqrt(m->config.head_dim));

    struct binder b;
    decoder_begin(m, &b, ck, be, GAIN_W);
    /* Llama 3.1's scaling is stored by converters as divisors of the frequencies. */
    if (gguf && b.st == KARMA_OK && binder_has(&b, rope_freqs, 0)) {
        rope.divisors = binder_host_vector(&b, &m->memory, rope_freqs, 0, m->config.rotary_dim / 2);
    }
    decoder_rope(m, &b, &rope, gguf, &m->rope);
    for (int32_t i = 0; b.st == KARMA_OK && i < m->config.num_hidden_layers; i++) {
        struct decoder_layer *l = &m->layers[i];
        decoder_norm(m, &b, &l->attention_norm, GAIN_W, attention_norm, i, m->config.hidden_size);
        decoder_norm(m, &b, &l->mlp_norm, GAIN_W, mlp_norm, i, m->config.hidden_size);
    }
    return decoder_end(m, &b, NULL, info);
}

static void llama_layer(const struct decoder *m, int32_t i, int32_t cache_layer,
                        const struct batch *batch, const struct decoder_rows *r,
                        struct stream *on) {
    const struct decoder_layer *l = &m->layers[i];
    const int64_t rows = batch->n_rows;
    decoder_attention(m, l, cache_layer, batch, r, on);
    linear_add(on, rows, r->o, &l->o_proj, l->attention_post_norm, r->x);
    linear_gated(on, rows, r->x, l->mlp_norm, &l->gate_proj, &l->up_proj, ACT_SILU_MUL, r->h);
    linear_add(on, rows, r->h, &l->down_proj, l->mlp_post_norm, r->x);
}

static void llama_forward(const void *model, const struct batch *batch, struct stream *on) {
    decoder_forward(model, llama_layer, batch, on);
}

static bool llama_encode(const void *model, const struct encode_batch *batch, struct stream *on) {
    return decoder_encode(model, llama_layer, batch, on);
}

static const char *const architectures[] = {
    "LlamaForCausalLM", "MistralForCausalLM", "LlamaModel", "MistralModel", "llama", NULL};
const struct family_ops family_llama = {
    .name = "llama",
    .architectures = architectures,
    .can = FAMILY_GENERATE | FAMILY_ENCODE,
    .model_size = sizeof(struct decoder),
    .load = llama_load,
    .need = decoder_need,
    .forward = llama_forward,
    .encode = llama_encode,
    .unload = decoder_unload,
};
