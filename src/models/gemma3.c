/*
 * gemma3.c - the text model of Gemma 3: four norms a layer with the gain 1 + w, embeddings scaled
 * by sqrt(hidden_size), an RMS norm on each head of q and k, most layers with a sliding window and
 * a rotary embedding of their own, a tanh-GELU-gated MLP. A multimodal checkpoint, or a GGUF with a
 * projector file, sees as well: that is siglip.c. With use_bidirectional_attention (EmbeddingGemma)
 * it encodes only, and the window reaches to both sides. attn_logit_softcapping is not read: no
 * release applies it. Image rows come scaled already; they enter as embeddings.
 */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "models/decoder.h"
#include "models/siglip.h"

enum { PATTERN = 6 }; /* every sixth layer sees everything, unless the file says otherwise */

struct gemma3 {
    struct decoder text; /* first: decoder.h's functions take it for the whole */
    struct siglip vision;
    struct vision_info sees;
};

struct gemma3_ropes {
    struct rope_spec full, local;
};

/* What the sparse text_config of the official multimodal files leaves out. */
static const struct decoder_config class_defaults = {
    .vocab_size = 262208,
    .hidden_size = 2304,
    .intermediate_size = 9216,
    .num_hidden_layers = 26,
    .num_attention_heads = 8,
    .num_key_value_heads = 4,
    .head_dim = 256,
    .max_position_embeddings = 131072,
    .rms_norm_eps = 1e-6,
    .tie_word_embeddings = true,
};

static void slide_by_pattern(struct decoder_config *c, int64_t pattern) {
    for (int32_t i = 0; i < c->num_hidden_layers; i++)
        c->slides[i] = (i + 1) % pattern != 0;
}

static karma_status gemma3_config_hf(struct decoder *m, const struct json *config, bool text_only,
                                     struct gemma3_ropes *ropes) {
    struct decoder_config *c = &m->config;
    const struct json *j = config_text(config);
    *c = class_defaults;
    int64_t window = 0, pattern = PATTERN;
    double scalar = 256, softcap = 0, full_theta = 1e6, local_theta = 1e4;
    karma_status st = json_field_bool(config, "tie_word_embeddings", true, &c->tie_word_embeddings);
    if (st == KARMA_OK) st = config_read_hf(&m->memory, j, c);
    if (st == KARMA_OK) st = config_want(j, "hidden_activation", "gelu_pytorch_tanh");
    if (st == KARMA_OK) {
        st = json_field_bool(j, "use_bidirectional_attention", false, &m->bidirectional);
    }
    if (st == KARMA_OK) {
        st =
            json_field_int(j, "sliding_window", m->bidirectional ? 0 : 1, INT32_MAX, 4096, &window);
    }
    if (st == KARMA_OK) {
        st = json_field_int(j, "_sliding_window_pattern", 1, INT32_MAX, PATTERN, &pattern);
    }
    if (st == KARMA_OK) {
        st = json_field_int(j, "sliding_window_pattern", 1, INT32_MAX, pattern, &pattern);
    }
    if (st == KARMA_OK) st = json_field_real(j, "query_pre_attn_scalar", scalar, &scalar);
    if (st == KARMA_OK) st = json_field_real(j, "final_logit_softcapping", 0, &softcap);
    if (st == KARMA_OK) st = json_field_real(j, "rope_theta", full_theta, &full_theta);
    if (st == KARMA_OK) st = json_field_real(j, "rope_local_base_freq", local_theta, &local_theta);
    if (st < 0) return st;
    if (!(scalar > 0)) {
        return status_fail(KARMA_E_RANGE, "query_pre_attn_scalar: must be positive");
    }
    if (softcap < 0) {
        return status_fail(KARMA_E_RANGE, "final_logit_softcapping: must be positive");
    }
    m->attention_scale = (float)(1 / sqrt(scalar));
    m->logit_softcap = text_only ? (float)softcap : 0; /* the multimodal class never applies it */
    /* With both sides visible the reference halves the window on load, whatever the file says. */
    c->sliding_window = (int32_t)(m->bidirectional ? window / 2 + 1 : window);
    slide_by_pattern(c, pattern);
    st = config_layer_types(j, c);
    if (st == KARMA_OK) st = config_check_window(c);
    if (st < 0) return st;

    /* A flat rope_scaling is of the full layers; sliding ones are only in the nested form. */
    const struct json *nested = json_get(j, "rope_parameters");
    const struct json *full = json_get(j, "rope_scaling");
    const struct json *nested_full = json_get(nested, "full_attention");
    st = json_field_real(nested_full, "rope_theta", full_theta, &full_theta);
    if (json_is_null(full)) full = nested_full;
    if (st == KARMA_OK) st = config_rope_hf(full, full_theta, c, &ropes->full);
    if (st == KARMA_OK) {
        st = config_rope_hf(json_get(nested, "sliding_attention"), local_theta, c, &ropes->local);
    }
    return st;
}

static karma_status gguf_pattern(const struct gguf *g, struct decoder_config *c) {
    static const char key[] = "gemma3.attention.sliding_window_pattern";
    const struct gguf_value *v = gguf_find(g, key);
    if (!v || v->type != GGUF_ARRAY) {
        int64_t pattern;
        karma_status st = gguf_int(g, key, 1, INT32_MAX, PATTERN, &pattern);
        if (st == KARMA_OK) slide_by_pattern(c, pattern);
        return st;
    }
    if (v->count != (uint64_t)c->num_hidden_layers || v->item_type == GGUF_STRING ||
        v->item_type == GGUF_ARRAY) {
        return status_fail(KARMA_E_SHAPE, "%s: expected one truth value a layer", key);
    }
    for (int32_t i = 0; i < c->num_hidden_layers; i++) {
        c->slides[i] = gguf_array_int(v, (uint64_t)i) != 0;
    }
    return KARMA_OK;
}

static karma_status gemma3_config_gguf(struct decoder *m, const struct gguf *g,
                                       struct gemma3_ropes *ropes) {
    struct decoder_config *c = &m->config;
    double softcap = 0, local_theta = 1e4;
    karma_status st = config_read_gguf(&m->memory, g, "gemma3", c);
    if (st == KARMA_OK) st = gguf_pattern(g, c);
    if (st == KARMA_OK && c->sliding_window == 0) slide_by_pattern(c, 1);
    if (st == KARMA_OK) st = config_check_window(c);
    if (st == KARMA_OK) st = config_rope_gguf(g, "gemma3", c, &ropes->full);
    if (st == KARMA_OK) {
        st = gguf_real(g, "gemma3.rope.freq_base_swa", local_theta, &local_theta);
    }
    if (st == KARMA_OK) st = gguf_real(g, "gemma3.final_logit_softcapping", 0, &softcap);
    if (st < 0) return st;
    ropes->local = (struct rope_spec){.type = ROPE_DEFAULT, .theta = local_theta};
    m->logit_softcap = (float)softcap;
    /* The format has no word for query_pre_attn_scalar. It is head_dim but in the 27B model, which
     * is known by its 62 layers. */
    const double scalar =
        c->num_hidden_layers == 62 ? (double)c->hidden_size / c->num_attention_heads : c->head_dim;
    m->attention_scale = (float)(1 / sqrt(scalar));
    return KARMA_OK;
}

/* sqrt(hidden_size) in the dtype of the stored table: 50.5 in bf16, not 50.596. What a GGUF holds
 * was converted from somewhere, and its readers scale in f32. */
static float gemma3_embed_scale(const struct decoder *m, enum container container) {
    const float scale = (float)sqrt((double)m->config.hidden_size);
    if (container == CONTAINER_GGUF) return scale;
    if (m->embed_tokens.dtype == DTYPE_BF16) return bf16_to_f32(f32_to_bf16(scale));
    if (m->embed_tokens.dtype == DTYPE_F16) return f16_to_f32(f32_to_f16(scale));
    return scale;
}

static const struct tensor_names attention_norm = {"layers.%d.input_layernorm.weight",
                                                   "blk.%d.attn_norm.weight"};
static const struct tensor_names attention_post_norm = {"layers.%d.post_attention_layernorm.weight",
                                                        "blk.%d.post_attention_norm.weight"};
static const struct tensor_names mlp_norm = {"layers.%d.pre_feedforward_layernorm.weight",
                                             "blk.%d.ffn_norm.weight"};
static const struct tensor_names mlp_post_norm = {"layers.%d.post_feedforward_layernorm.weight",
                                                  "blk.%d.post_ffw_norm.weight"};
static const struct tensor_names q_norm = {"layers.%d.self_attn.q_norm.weight",
                                           "blk.%d.attn_q_norm.weight"};
static const struct tensor_names k_norm = {"layers.%d.self_attn.k_norm.weight",
                                           "blk.%d.attn_k_norm.weight"};

/* ---- what it sees with ---- */

static bool has_vision(const struct checkpoint *ck) {
    for (int64_t i = 0; i < checkpoint_tensor_count(ck); i++) {
        const char *name = checkpoint_tensor(ck, i)->name;
        if (strstr(name, "vision_tower.") || strstr(name, "multi_modal_projector.")) return true;
    }
    return false;
}

/* An id by its old or its new name, which wins. */
static karma_status token_id(const struct json *config, const char *old, const char *new,
                             int64_t otherwise, int32_t *out) {
    int64_t id = otherwise;
    karma_status st = json_field_int(config, old, 0, INT32_MAX, otherwise, &id);
    if (st == KARMA_OK) st = json_field_int(config, new, 0, INT32_MAX, id, &id);
    *out = (int32_t)id;
    return st;
}

static karma_status vision_config_hf(struct gemma3 *m, const struct json *config) {
    karma_status st =
        token_id(config, "boi_token_index", "boi_token_id", 255999, &m->sees.boi_token);
    if (st == KARMA_OK) {
        st = token_id(config, "eoi_token_index", "eoi_token_id", 256000, &m->sees.eoi_token);
    }
    if (st == KARMA_OK) {
        st = token_id(config, "image_token_index", "image_token_id", 262144, &m->sees.image_token);
    }
    return st == KARMA_OK ? siglip_config_hf(config, &m->vision.config) : st;
}

static void set_sight(struct gemma3 *m) {
    m->sees.image_size = (int32_t)m->vision.config.image_size;
    m->sees.tokens_per_image = siglip_tokens(&m->vision.config);
    m->sees.hidden_size = m->text.config.hidden_size;
}

/* The tower and its projector from a file of their own. */
static karma_status load_projector(struct gemma3 *m, const struct checkpoint *ck,
                                   struct backend *be, struct model_info *info) {
    struct binder b;
    m->sees = (struct vision_info){.boi_token = -1, .eoi_token = -1, .image_token = -1};
    karma_status st = siglip_config_gguf(checkpoint_gguf(ck), &m->vision.config);
    if (st < 0) return st;
    binder_begin(&b, ck, be, &m->vision.weights, "");
    siglip_bind(&m->vision, &b, m->text.config.hidden_size);
    set_sight(m);
    info->n_parameters += b.n_parameters;
    info->weight_bytes += b.weight_bytes;
    info->private_bytes += b.private_bytes;
    info->can |= FAMILY_SEE;
    return binder_end(&b, NULL, NULL);
}

static karma_status gemma3_load(void *model, const struct checkpoint *ck, struct backend *be,
                                struct model_info *info) {
    /* SigLIP's own head, and a buffer that old versions saved. */
    static const char *const unused[] = {"*vision_tower.head.", "*vision_tower.vision_model.head.",
                                         "embeddings.position_ids", NULL};
    struct gemma3 *whole = model;
    struct decoder *m = &whole->text;
    struct gemma3_ropes ropes;
    const enum container container = checkpoint_container(ck);
    const bool multimodal =
        strcmp(checkpoint_architecture(ck), "Gemma3ForConditionalGeneration") == 0 ||
        strcmp(checkpoint_architecture(ck), "Gemma3Model") == 0; /* without its head */
    const bool sees = multimodal && has_vision(ck);
    karma_status st = container == CONTAINER_GGUF
                          ? gemma3_config_gguf(m, checkpoint_gguf(ck), &ropes)
                          : gemma3_config_hf(m, checkpoint_config(ck), !multimodal, &ropes);
    if (st == KARMA_OK && sees) st = vision_config_hf(whole, checkpoint_config(ck));
    if (st < 0) return st;

    /* Converters to GGUF have added the 1. */
    const enum gain gain = container == CONTAINER_GGUF ? GAIN_W : GAIN_1_PLUS_W;
    struct binder b;
    decoder_begin(m, &b, ck, be, gain);
    decoder_rope(m, &b, &ropes.full, false, &m->rope);
    decoder_rope(m, &b, &ropes.local, false, &m->local_rope);
    const int64_t hidden = m->config.hidden_size, head_dim = m->config.head_dim;
    for (int32_t i = 0; b.st == KARMA_OK && i < m->config.num_hidden_layers; i++) {
        struct decoder_layer *l = &m->layers[i];
        struct norm head_norm;
        if (m->config.slides[i]) l->rope = &m->local_rope;
        decoder_norm(m, &b, &l->attention_norm, gain, attention_norm, i, hidden);
        decoder_norm(m, &b, &l->attention_post_norm, gain, attention_post_norm, i, hidden);
        decoder_norm(m, &b, &l->mlp_norm, gain, mlp_norm, i, hidden);
        decoder_norm(m, &b, &l->mlp_post_norm, gain, mlp_post_norm, i, hidden);
        decoder_norm(m, &b, &head_norm, gain, q_norm, i, head_dim);
        l->q_norm = head_norm.gain;
        decoder_norm(m, &b, &head_norm, gain, k_norm, i, head_dim);
        l->k_norm = head_norm.gain;
    }
    m->embed_scale = gemma3_embed_scale(m, container);
    if (sees) {
        siglip_bind(&whole->vision, &b, hidden);
        set_sight(whole);
    }
    st = decoder_end(m, &b, sees ? unused : NULL, info);
    if (sees) info->can |= FAMILY_SEE;
    const struct checkpoint *projector = checkpoint_projector(ck);
    if (st < 0 || !projector) return st;
    st = load_projector(whole, projector, be, info); /* before the name is quoted: it quotes, too */
    return status_prefix(st, "%s", status_quotez(file_base_name(checkpoint_path(projector))));
}

static void gemma3_unload(void *model, struct backend *be) {
    struct gemma3 *m = model;
    decoder_unload(&m->text, be); /* first: its list of weights names some of the tower's */
    siglip_release(&m->vision, be);
}

static void gemma3_layer(const struct decoder *m, int32_t i, int32_t cache_layer,
                         const struct batch *batch, const struct decoder_rows *r,
                         struct stream *on) {
    const struct decoder_layer *l = &m->layers[i];
    const int64_t rows = batch->n_rows;
    decoder_attention(m, l, cache_layer, batch, r, on);
    linear_add(on, rows, r->o, &l->o_proj, l->attention_post_norm, r->x);
    linear_gated(on, rows, r->x, l->mlp_norm, &l->gate_proj, &l->up_proj, ACT_GELU_TANH_MUL, r->h);
    linear_add(on, rows, r->h, &l->down_proj, l->mlp_post_norm, r->x);
}

static void gemma3_forward(const void *model, const struct batch *batch, struct stream *on) {
    decoder_forward(model, gemma3_layer, batch, on);
}

static bool gemma3_encode(const void *model, const struct encode_batch *batch, struct stream *on) {
    return decoder_encode(model, gemma3_layer, batch, on);
}

static const struct vision_info *gemma3_sees(const void *model) {
    const struct gemma3 *m = model;
    return &m->sees;
}

static void gemma3_vision_need(const void *model, struct vision_need *out) {
    const struct gemma3 *m = model;
    siglip_need(&m->vision, out);
}

static bool gemma3_see(const void *model, const float *pixel_values, float *rows, float *scratch,
                       bool (*cancelled)(void *user), void *user, struct stream *on) {
    const struct gemma3 *m = model;
    return siglip_encode(&m->vision, pixel_values, rows, scratch, cancelled, user, on);
}

static const struct vision_ops vision = {
    .info = gemma3_sees,
    .need = gemma3_vision_need,
    .encode = gemma3_see,
};

static const char *const architectures[] = {"Gemma3ForCausalLM",
                                            "Gemma3ForConditionalGeneration",
                                            "Gemma3Model",
                                            "Gemma3TextModel",
                                            "gemma3",
                                            NULL};
const struct family_ops family_gemma3 = {
    .name = "gemma3",
    .architectures = architectures,
    .can = FAMILY_GENERATE | FAMILY_ENCODE | FAMILY_SEE,
    .model_size = sizeof(struct gemma3),
    .load = gemma3_load,
    .need = decoder_need,
    .forward = gemma3_forward,
    .encode = gemma3_encode,
    .vision = &vision,
    .unload = gemma3_unload,
};
