/* decoder.c - see decoder.h. */
#include "models/decoder.h"

#include <string.h>

#include "nn/tap.h"

struct linear_names {
    struct tensor_names weight, bias;
};
#define LINEAR_NAMES(hf, gguf)                                                                     \
    {                                                                                              \
        .weight = {"layers.%d." hf ".weight", "blk.%d." gguf ".weight"},                           \
        .bias = {"layers.%d." hf ".bias", "blk.%d." gguf ".bias"},                                 \
    }
static const struct linear_names q_names = LINEAR_NAMES("self_attn.q_proj", "attn_q");
static const struct linear_names k_names = LINEAR_NAMES("self_attn.k_proj", "attn_k");
static const struct linear_names v_names = LINEAR_NAMES("self_attn.v_proj", "attn_v");
static const struct linear_names o_names = LINEAR_NAMES("self_attn.o_proj", "attn_output");
static const struct linear_names gate_names = LINEAR_NAMES("mlp.gate_proj", "ffn_gate");
static const struct linear_names up_names = LINEAR_NAMES("mlp.up_proj", "ffn_up");
static const struct linear_names down_names = LINEAR_NAMES("mlp.down_proj", "ffn_down");
static const struct tensor_names embed_names = {"embed_tokens.weight", "token_embd.weight"};
static const struct tensor_names head_names = {"/lm_head.weight", "output.weight"};
static const struct tensor_names norm_names = {"norm.weight", "output_norm.weight"};

/* config.json says whether there are biases; in a GGUF they are there or not. */
static void bind_linear(struct binder *b, struct linear *out, const struct linear_names *names,
                        bool bias, int32_t layer, int64_t rows, int64_t cols) {
    binder_matrix(b, &out->w, names->weight, layer, rows, cols);
    if (checkpoint_container(b->ck) == CONTAINER_GGUF) bias = binder_has(b, names->bias, layer);
    if (bias) binder_vector(b, &out->bias, names->bias, layer, rows, 0);
}

static void bind_layer(struct decoder *m, struct binder *b, int32_t i) {
    struct decoder_layer *l = &m->layers[i];
    const struct decoder_config *c = &m->config;
    const int64_t hidden = c->hidden_size, inter = c->intermediate_size;
    const int64_t q_rows = (int64_t)c->num_attention_heads * c->head_dim;
    const int64_t kv_rows = (int64_t)c->num_key_value_heads * c->head_dim;
    bind_linear(b, &l->q_proj, &q_names, c->attention_bias, i, q_rows, hidden);
    bind_linear(b, &l->k_proj, &k_names, c->attention_bias, i, kv_rows, hidden);
    bind_linear(b, &l->v_proj, &v_names, c->attention_bias, i, kv_rows, hidden);
    bind_linear(b, &l->o_proj, &o_names, c->attention_bias, i, hidden, q_rows);
    bind_linear(b, &l->gate_proj, &gate_names, c->mlp_bias, i, inter, hidden);
    bind_linear(b, &l->up_proj, &up_names, c->mlp_bias, i, inter, hidden);
    bind_linear(b, &l->down_proj, &down_names, c->mlp_bias, i, hidden, inter);
    l->rope = &m->rope;
    l->window = c->slides[i] ? c->sliding_window : 0;
}

void decoder_norm(struct decoder *m, struct binder *b, struct norm *out, enum gain gain,
                  struct tensor_names names, int32_t i, int64_t n) {
    out->eps = (float)m->config.rms_norm_eps;
    binder_vector(b, &out->gain, names, i, n, gain == GAIN_1_PLUS_W ? 1.0f : 0.0f);
}

/* A class without a head, or an encoder saved as such under its generator's name: then names have
 * no prefix and the head is neither there nor tied. */
static bool is_headless(const struct decoder *m, const struct binder *b) {
    static const char suffix[] = "Model";
    const char *architecture = checkpoint_architecture(b->ck);
    const size_t len = strlen(architecture), n = sizeof(suffix) - 1;
    if (checkpoint_container(b->ck) != CONTAINER_HF) return false;
    if (m->bidirectional) return true;
    if (len >= n && strcmp(architecture + len - n, suffix) == 0) return true;
    return b->prefix_len == 0 && !m->config.tie_word_embeddings && !binder_has(b, head_names, 0);
}

void decoder_begin(struct decoder *m, struct binder *b, const struct checkpoint *ck,
                   struct backend *be, enum gain gain) {
    struct decoder_config *c = &m->config;
    binder_begin(b, ck, be, &m->weights, embed_names.hf);
    if (b->st < 0) return;
    m->layers = arena_calloc(&m->memory, (size_t)c->num_hidden_layers, sizeof(*m->layers));
    if (!m->layers) {
        b->st = KARMA_E_NOMEM;
        return;
    }
    if (checkpoint_container(ck) == CONTAINER_GGUF) {
        c->vocab_size = binder_rows(b, embed_names, 0);
        c->tie_word_embeddings = !binder_has(b, head_names, 0);
        if (c->vocab_size < 1 || c->vocab_size > CONFIG_MAX_VOCAB) {
            b->st = status_fail(KARMA_E_SHAPE, "tensor %s: not the table of a vocabulary",
                                embed_names.gguf);
            return;
        }
    }
    binder_stored(b, &m->embed_tokens, embed_names, 0, c->vocab_size, c->hidden_size);
    m->headless = is_headless(m, b);
    if (!m->headless) {
        binder_stored(b, &m->lm_head, c->tie_word_embeddings ? embed_names : head_names, 0,
                      c->vocab_size, c->hidden_size);
    }
    decoder_norm(m, b, &m->norm, gain, norm_names, 0, c->hidden_size);
    for (int32_t i = 0; i < c->num_hidden_layers; i++)
        bind_layer(m, b, i);
}

/* YaRN is written over a configuration that keeps its old max_position_embeddings; the context is
 * then what the frequencies were stretched to. */
static void widen_context(struct decoder_config *c, const struct rope_spec *spec) {
    const double stretched = spec->factor * spec->original_max_position_embeddings;
    if (spec->type == ROPE_YARN && stretched > c->max_position_embeddings &&
        stretched <= CONFIG_MAX_POSITIONS) {
        c->max_position_embeddings = (int32_t)stretched;
    }
}

void decoder_rope(struct decoder *m, struct binder *b, const struct rope_spec *spec,
                  bool interleaved, struct rope *out) {
    if (b->st < 0) return;
    widen_context(&m->config, spec);
    const int32_t n = m->config.rotary_dim;
    float *inv_freq = arena_calloc(&m->memory, (size_t)n / 2, sizeof(float));
    if (!inv_freq) {
        b->st = KARMA_E_NOMEM;
        return;
    }
    out->rotary_dim = n;
    out->interleaved = interleaved;
    b->st = rope_frequencies(spec, n, inv_freq, &out->attention_factor);
    binder_upload(b, &out->inv_freq, inv_freq, n / 2);
}

static int64_t max_of(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t widest_row(const struct decoder_config *c) {
    const int64_t q = (int64_t)c->num_attention_heads * c->head_dim;
    return max_of(max_of(c->hidden_size, c->intermediate_size), q);
}

static void count_products(const struct decoder *m, struct model_info *info) {
    for (int32_t i = 0; i < m->config.num_hidden_layers; i++) {
        const struct decoder_layer *l = &m->layers[i];
        const struct linear *const all[] = {&l->q_proj,    &l->k_proj,  &l->v_proj,   &l->o_proj,
                                            &l->gate_proj, &l->up_proj, &l->down_proj};
        for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++)
            model_info_add_product(info, &all[k]->w);
    }
    if (!m->headless) model_info_add_product(info, &m->lm_head);
}

karma_status decoder_end(struct decoder *m, struct binder *b, const char *const *allowed,
                         struct model_info *info) {
    static const char *const always[] = {"rotary_emb.inv_freq", NULL};
    static const char *const no_head[] = {"rotary_emb.inv_freq", "lm_head.weight", NULL};
    const struct decoder_config *c = &m->config;
    bool slides = false;
    for (int32_t i = 0; b->st == KARMA_OK && i < c->num_hidden_layers; i++)
        slides = slides || c->slides[i];
    *info = (struct model_info){
        .vocab_size = c->vocab_size,
        .hidden_size = c->hidden_size,
        .n_layers = c->num_hidden_layers,
        .n_heads = c->num_attention_heads,
        .n_kv_heads = c->num_key_value_heads,
        .head_dim = c->head_dim,
        .max_position_embeddings = c->max_position_embeddings,
        .widest = max_of(widest_row(c), m->headless ? 0 : c->vocab_size),
        .bidirectional = m->bidirectional,
        .symmetric_window = m->bidirectional && slides ? c->sliding_window : 0,
        .position_padding = -1,
        .can = m->headless ? FAMILY_ENCODE : FAMILY_ENCODE | FAMILY_GENERATE,
        .n_parameters = b->n_parameters,
        .weight_bytes = b->weight_bytes,
        .private_bytes = b->private_bytes,
    };
    if (b->st == KARMA_OK) count_products(m, info);
    return binder_end(b, c->tie_word_embeddings || m->headless ? no_head : always, allowed);
}

/* Floats of q, k, v and o of one row, or of h, which is not alive at the same time. */
static int64_t inner_floats(const struct decoder_config *c) {
    const int64_t q = (int64_t)c->num_attention_heads * c->head_dim;
    const int64_t kv = (int64_t)c->num_key_value_heads * c->head_dim;
    return max_of(2 * q + 2 * kv, c->intermediate_size);
}

void decoder_need(const void *model, int64_t max_rows, struct engine_need *out) {
    const struct decoder *m = model;
    const struct decoder_config *c = &m->config;
    *out = (struct engine_need){
        .scratch_floats = (size_t)(max_rows * (c->hidden_size + inner_floats(c))),
        .stream =
            {
                .max_k = widest_row(c),
                .max_n = widest_row(c),
                .n_heads = c->num_attention_heads,
                .n_kv_heads = c->num_key_value_heads,
                .head_dim = c->head_dim,
            },
    };
}

struct decoder_rows decoder_rows(const struct decoder *m, const struct batch *batch) {
    const struct decoder_config *c = &m->config;
    const int64_t rows = batch->n_rows;
    const int64_t q = rows * c->num_attention_heads * c->head_dim;
    const int64_t kv = rows * c->num_key_value_heads * c->head_dim;
    float *inner = batch->scratch + rows * c->hidden_size;
    return (struct decoder_rows){
        .x = batch->scratch,
        .q = inner,
        .o = inner + q,
        .k = inner + 2 * q,
        .v = inner + 2 * q + kv,
        .h = inner,
    };
}

void decoder_embed(const struct decoder *m, const struct batch *batch, const struct decoder_rows *r,
                   struct stream *on) {
    const struct embed_args a = {
        .m = batch->n_rows,
        .rows = batch->rows,
        .table = &m->embed_tokens,
        .embeddings = batch->embeddings,
        .scale = m->embed_scale,
        .x = r->x,
    };
    on->be->ops->embed(on, &a);
    TAP(on, "embedding", -1, r->x, batch->n_rows, m->config.hidden_size);
}

void decoder_attention(const struct decoder *m, const struct decoder_layer *l, int32_t layer,
                       const struct batch *batch, const struct decoder_rows *r, struct stream *on) {
    const struct decoder_config *c = &m->config;
    const int64_t rows = batch->n_rows;
    const int64_t ldq = (int64_t)c->num_attention_heads * c->head_dim;
    const int64_t ldkv = (int64_t)c->num_key_value_heads * c->head_dim;
    linear_qkv(on, rows, r->x, l->attention_norm, &l->q_proj, &l->k_proj, &l->v_proj, r->q, r->k,
               r->v);
    const struct rope_cache_args rotate = {
        .m = rows,
        .rows = batch->rows,
        .q = r->q,
        .k = r->k,
        .v = r->v,
        .ldq = ldq,
        .ldk = ldkv,
        .ldv = ldkv,
        .n_heads = c->num_attention_heads,
        .q_norm = l->q_norm,
        .k_norm = l->k_norm,
        .norm_eps = (float)c->rms_norm_eps,
        .rope = *l->rope,
        .kv = batch->kv,
        .layer = layer,
        .block_tables = batch->block_tables,
    };
    on->be->ops->rope_cache(on, &rotate);
    const struct attention_args attend = {
        .m = rows,
        .rows = batch->rows,
        .q = r->q,
        .out = r->o,
        .ldq = ldq,
        .ldo = ldq,
        .n_heads = c->num_attention_heads,
        .window = l->window,
        .scale = m->attention_scale,
        .kv = batch->kv,
        .layer = layer,
        .block_tables = batch->block_tables,
    };
    on->be->ops->attention(on, &attend);
}

void decoder_head(const struct decoder *m, const struct batch *batch, const struct decoder_rows *r,
                  struct stream *on) {
    struct head_args a = {
        .x = r->x,
        .k = m->config.hidden_size,
        .ldx = m->config.hidden_size,
        .row_index = batch->logit_rows,
        .n = batch->n_logits,
        .norm = m->norm.gain,
        .norm_eps = m->norm.eps,
        .w = &m->lm_head,
        .softcap = m->logit_softcap,
        .logits = batch->logits,
        .ld_logits = m->config.vocab_size,
    };
    if (a.n > 0) on->be->ops->head(on, &a);
    for (int64_t i = 0; i < batch->n_choices; i++) {
        const struct batch_choice *c = &batch->choices[i];
        a.row_index = &c->row;
        a.n = 1;
        a.ids = c->ids;
        a.n_ids = c->n_ids;
        a.logits = c->logits;
        a.ld_logits = c->n_ids;
        on->be->ops->head(on, &a);
    }
}

void decoder_forward(const struct decoder *m, decoder_layer_fn *layer, const struct batch *batch,
                     struct stream *on) {
    const struct decoder_rows r = decoder_rows(m, batch);
    decoder_embed(m, batch, &r, on);
    for (int32_t i = 0; i < m->config.num_hidden_layers; i++) {
        layer(m, i, i, batch, &r, on);
        TAP(on, "layer", i, r.x, batch->n_rows, m->config.hidden_size);
    }
    decoder_head(m, batch, &r, on);
}

bool decoder_encode(const struct decoder *m, decoder_layer_fn *layer,
                    const struct encode_batch *batch, struct stream *on) {
    const struct batch all = {
        .n_rows = batch->n_rows,
        .rows = batch->rows,
        .block_tables = batch->block_tables,
        .kv = batch->kv,
        .scratch = batch->scratch,
    };
    struct batch near = all; /* as layers with a window see it */
    if (batch->window_rows) near.rows = batch->window_rows;
    const struct decoder_rows r = decoder_rows(m, &all);
    const int64_t hidden = m->config.hidden_size;
    decoder_embed(m, &all, &r, on);
    for (int32_t i = 0; i < m->config.num_hidden_layers; i++) {
        if (batch->cancelled && batch->cancelled(batch->user)) return false;
        layer(m, i, 0, m->layers[i].window > 0 ? &near : &all, &r, on);
        TAP(on, "layer", i, r.x, batch->n_rows, hidden);
    }
    norm_apply(on, batch->n_rows, hidden, r.x, m->norm, batch->hidden);
    return true;
}

void decoder_unload(void *model, struct backend *be) {
    struct decoder *m = model;
    weights_release(&m->weights, be);
    arena_release(&m->memory);
}
