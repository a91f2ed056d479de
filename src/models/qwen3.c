/*
 * qwen3.c - the dense Qwen3 models: grouped-query attention with an RMS norm on each head of q and
 * k before the rotary embedding, a SiLU-gated MLP, pre-norms only. head_dim is a size of its own,
 * not hidden_size / heads.
 */
#include <math.h>

#include "models/decoder.h"

static karma_status qwen3_config_hf(struct decoder *m, const struct json *config,
                                    struct rope_spec *rope) {
    struct decoder_config *c = &m->config;
    const struct json *j = config_text(config);
    *c = (struct decoder_config){
        .num_key_value_heads = 32,
        .head_dim = 128,
        .max_position_embeddings = 32768,
        .rms_norm_eps = 1e-6,
    };
    bool use_sliding_window = false;
    double theta = 10000;
    int64_t window = 0, max_window_layers = 0;
    karma_status st = config_read_hf(&m->memory, j, c);
    if (st == KARMA_OK) st = config_want(j, "hidden_act", "silu");
    if (st == KARMA_OK) {
        st = json_field_bool(j, "use_sliding_window", false, &use_sliding_window);
    }
    /* Both stand in files whose gate is shut, with any value. */
    if (st == KARMA_OK && use_sliding_window) {
        st = json_field_int(j, "sliding_window", 1, INT32_MAX, 4096, &window);
    }
    if (st == KARMA_OK && use_sliding_window) {
        st = json_field_int(j, "max_window_layers", 0, INT32_MAX, 28, &max_window_layers);
    }
    if (st < 0) return st;
    c->sliding_window = (int32_t)window;
    for (int32_t i = 0; i < c->num_hidden_layers; i++) {
        c->slides[i] = use_sliding_window && i >= max_window_layers;
    }
    st = config_layer_types(j, c);
    if (st == KARMA_OK) st = config_check_window(c);
    if (st == KARMA_OK) st = json_field_real(j, "rope_theta", theta, &theta);
    if (st == KARMA_OK) {
        st = config_rope_hf(config_rope_object(j, "full_attention"), theta, c, rope);
    }
    return st;
}

static karma_status qwen3_config_gguf(struct decoder *m, const struct gguf *g,
                                      struct rope_spec *rope) {
    karma_status st = config_read_gguf(&m->memory, g, "qwen3", &m->config);
    m->config.sliding_window = 0; /* the format has no word for which layers would slide */
    return st == KARMA_OK ? config_rope_gguf(g, "qwen3", &m->config, rope) : st;
}

static const struct tensor_names attention_norm = {"layers.%d.input_layernorm.weight",
                                                   "blk.%d.attn_norm.weight"};
static const struct tensor_names mlp_norm = {"layers.%d.post_attention_layernorm.weight",
                                             "blk.%d.ffn_norm.weight"};
static const struct tensor_names q_norm = {"layers.%d.self_attn.q_norm.weight",
                                           "blk.%d.attn_q_norm.weight"};
static const struct tensor_names k_norm = {"layers.%d.self_attn.k_norm.weight",
                                           "blk.%d.attn_k_norm.weight"};

static karma_status qwen3_load(void *model, const struct checkpoint *ck, struct backend *be,
                               struct model_info *info) {
    struct decoder *m = model;
    struct rope_spec rope;
    karma_status st = checkpoint_container(ck) == CONTAINER_GGUF
                          ? qwen3_config_gguf(m, checkpoint_gguf(ck), &rope)
                          : qwen3_config_hf(m, checkpoint_config(ck), &rope);
    if (st < 0) return st;
    m->embed_scale = 1;
    m->attention_scale = (float)(1 / sqrt(m->config.head_dim));

    struct binder b;
    decoder_begin(m, &b, ck, be, GAIN_W);
    decoder_rope(m, &b, &rope, false, &m->rope);
    const int64_t hidden = m->config.hidden_size, head_dim = m->config.head_dim;
    for (int32_t i = 0; b.st == KARMA_OK && i < m->config.num_hidden_layers; i++) {
        struct decoder_layer *l = &m->layers[i];
        decoder_norm(m, &b, &l->attention_norm, GAIN_W, attention_norm, i, hidden);
        decoder_norm(m, &b, &l->mlp_norm, GAIN_W, mlp_norm, i, hidden);
        binder_vector(&b, &l->q_norm, q_norm, i, head_dim, 0);
        binder_vector(&b, &l->k_norm, k_norm, i, head_dim, 0);
    }
    return decoder_end(m, &b, NULL, info);
}

static void qwen3_layer(const struct decoder *m, int32_t i, int32_t cache_layer,
                        const struct batch *batch, const struct decoder_rows *r,
                        struct stream *on) {
    const struct decoder_layer *l = &m->layers[i];
    const int64_t rows = batch->n_rows;
    decoder_attention(m, l, cache_layer, batch, r, on);
    linear_add(on, rows, r->o, &l->o_proj, l->attention_post_norm, r->x);
    linear_gated(on, rows, r->x, l->mlp_norm, &l->gate_proj, &l->up_proj, ACT_SILU_MUL, r->h);
    linear_add(on, rows, r->h, &l->down_proj, l->mlp_post_norm, r->x);
}

static void qwen3_forward(const void *model, const struct batch *batch, struct stream *on) {
    decoder_forward(model, qwen3_layer, batch, on);
}

static bool qwen3_encode(const void *model, const struct encode_batch *batch, struct stream *on) {
    return decoder_encode(model, qwen3_layer, batch, on);
}

static const char *const architectures[] = {"Qwen3ForCausalLM", "Qwen3Model", "qwen3", NULL};
const struct family_ops family_qwen3 = {
    .name = "qwen3",
    .architectures = architectures,
    .can = FAMILY_GENERATE | FAMILY_ENCODE,
    .model_size = sizeof(struct decoder),
    .load = qwen3_load,
    .need = decoder_need,
    .forward = qwen3_forward,
    .encode = qwen3_encode,
    .unload = decoder_unload,
};
