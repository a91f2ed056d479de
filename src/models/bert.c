/*
 * bert.c - BERT and what computes as it does (RoBERTa, XLM-RoBERTa, CamemBERT): learned positions,
 * layer norms after each half of a layer, biases everywhere, an MLP with one activation. It encodes
 * only: the hidden states of the last layer are the result, so pooler and heads of a checkpoint are
 * known by name and left alone. All tokens are of type 0. What tells the RoBERTa kind is how
 * positions are counted, beside its defaults. Relative positions are refused. A GGUF of the kind
 * ("bert") has its positions cut so that they count from 0, and does not name its activation: the
 * published models of the architecture have the exact GELU.
 */
#include <math.h>
#include <string.h>

#include "formats/gguf.h"
#include "models/binder.h"
#include "models/config.h"
#include "models/models.h"
#include "nn/layers.h"
#include "nn/tap.h"

enum { MAX_WIDTH = 1 << 22, MAX_LAYERS = 4096, MAX_HEADS = 4096, MAX_HEAD_DIM = 4096 };

struct bert_config {
    int64_t vocab_size, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads,
        max_position_embeddings, type_vocab_size, pad_token_id;
    double layer_norm_eps;
    enum activation hidden_act;
    bool roberta; /* positions begin after pad_token_id and skip it */
};

struct bert_layer {
    struct linear query, key, value, attention_output;
    struct layer_norm attention_norm;
    struct linear intermediate, output;
    struct layer_norm output_norm;
};

struct bert {
    struct bert_config config;
    struct arena memory;    /* of layers */
    struct weights weights; /* of everything on the device */
    struct tensor word_embeddings, position_embeddings;
    const float *token_type; /* device [hidden_size]: that of type 0 */
    struct layer_norm embedding_norm;
    struct bert_layer *layers; /* [num_hidden_layers] */
    int32_t head_dim;
    float attention_scale;
};

/* ---- configuration ---- */

static karma_status activation_named(const struct json *j, enum activation *out) {
    static const struct {
        const char *name;
        enum activation act;
    } known[] = {
        {"gelu", ACT_GELU_ERF},      {"gelu_python", ACT_GELU_ERF},
        {"gelu_new", ACT_GELU_TANH}, {"gelu_pytorch_tanh", ACT_GELU_TANH},
        {"relu", ACT_RELU},          {"silu", ACT_SILU},
        {"swish", ACT_SILU},
    };
    const char *name = known[0].name;
    karma_status st = json_field_str(j, "hidden_act", name, &name);
    for (size_t i = 0; st == KARMA_OK && i < sizeof(known) / sizeof(known[0]); i++) {
        *out = known[i].act;
        if (strcmp(known[i].name, name) == 0) return KARMA_OK;
    }
    if (st < 0) return st;
    return status_fail(KARMA_E_UNSUPPORTED,
                       "hidden_act: %s is not one of gelu, gelu_new, gelu_pytorch_tanh, relu, silu",
                       status_quotez(name));
}

static karma_status check_config(const struct bert_config *c) {
    const int64_t head_dim = c->hidden_size / c->num_attention_heads;
    if (c->hidden_size % c->num_attention_heads != 0) {
        return status_fail(KARMA_E_SHAPE,
                           "hidden_size %lld is no multiple of num_attention_heads %lld",
                           (long long)c->hidden_size, (long long)c->num_attention_heads);
    }
    if (head_dim > MAX_HEAD_DIM) {
        return status_fail(KARMA_E_RANGE, "num_attention_heads %lld: heads of %lld are too large",
                           (long long)c->num_attention_heads, (long long)head_dim);
    }
    if (!(c->layer_norm_eps > 0) || !isfinite(c->layer_norm_eps)) {
        return status_fail(KARMA_E_RANGE, "layer_norm_eps: must be a positive number");
    }
    if (c->roberta && c->pad_token_id + 1 >= c->max_position_embeddings) {
        return status_fail(KARMA_E_RANGE,
                           "max_position_embeddings %lld: none is left after pad_token_id %lld",
                           (long long)c->max_position_embeddings, (long long)c->pad_token_id);
    }
    return KARMA_OK;
}

static karma_status read_config(const struct json *j, bool roberta, struct bert_config *c) {
    bool is_decoder = false;
    *c = (struct bert_config){.layer_norm_eps = 1e-12, .roberta = roberta};
    const struct {
        const char *key;
        int64_t *value;
        int64_t least, most, otherwise;
    } sizes[] = {
        {"vocab_size", &c->vocab_size, 1, CONFIG_MAX_VOCAB, roberta ? 50265 : 30522},
        {"hidden_size", &c->hidden_size, 1, MAX_WIDTH, 768},
        {"num_hidden_layers", &c->num_hidden_layers, 1, MAX_LAYERS, 12},
        {"num_attention_heads", &c->num_attention_heads, 1, MAX_HEADS, 12},
        {"intermediate_size", &c->intermediate_size, 1, MAX_WIDTH, 3072},
        {"max_position_embeddings", &c->max_position_embeddings, 1, CONFIG_MAX_POSITIONS, 512},
        {"type_vocab_size", &c->type_vocab_size, 1, CONFIG_MAX_VOCAB, 2},
        {"pad_token_id", &c->pad_token_id, 0, CONFIG_MAX_VOCAB, roberta ? 1 : 0},
    };
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        st = json_field_int(j, sizes[i].key, sizes[i].least, sizes[i].most, sizes[i].otherwise,
                            sizes[i].value);
    }
    if (st == KARMA_OK) st = json_field_real(j, "layer_norm_eps", 1e-12, &c->layer_norm_eps);
    if (st == KARMA_OK) st = activation_named(j, &c->hidden_act);
    if (st == KARMA_OK) st = config_want(j, "position_embedding_type", "absolute");
    if (st == KARMA_OK) st = json_field_bool(j, "is_decoder", false, &is_decoder);
    if (st == KARMA_OK && is_decoder)
        st = status_fail(KARMA_E_UNSUPPORTED, "is_decoder: only encoders of this family are known");
    return st == KARMA_OK ? check_config(c) : st;
}

/* Without the two sizes that a GGUF shows by its tensors alone. */
static karma_status read_config_gguf(const struct gguf *g, struct bert_config *c) {
    static const char epsilon[] = "bert.attention.layer_norm_epsilon";
    bool causal = false;
    *c = (struct bert_config){.hidden_act = ACT_GELU_ERF};
    const struct {
        const char *key;
        int64_t *value;
        int64_t most;
    } sizes[] = {
        {"bert.embedding_length", &c->hidden_size, MAX_WIDTH},
        {"bert.block_count", &c->num_hidden_layers, MAX_LAYERS},
        {"bert.attention.head_count", &c->num_attention_heads, MAX_HEADS},
        {"bert.feed_forward_length", &c->intermediate_size, MAX_WIDTH},
        {"bert.context_length", &c->max_position_embeddings, CONFIG_MAX_POSITIONS},
    };
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < sizeof(sizes) / sizeof(sizes[0]); i++)
        st = gguf_need_int(g, sizes[i].key, 1, sizes[i].most, sizes[i].value);
    if (st == KARMA_OK && !gguf_find(g, epsilon))
        st = status_fail(KARMA_E_MISSING, "%s is missing", epsilon);
    if (st == KARMA_OK) st = gguf_real(g, epsilon, 0, &c->layer_norm_eps);
    if (st == KARMA_OK) st = gguf_bool(g, "bert.attention.causal", false, &causal);
    if (st == KARMA_OK && causal)
        st = status_fail(KARMA_E_UNSUPPORTED,
                         "bert.attention.causal: only encoders of this family are known");
    return st == KARMA_OK ? check_config(c) : st;
}

/* ---- tensors ---- */

static const struct tensor_names word_names = {"embeddings.word_embeddings.weight",
                                               "token_embd.weight"};
static const struct tensor_names position_names = {"embeddings.position_embeddings.weight",
                                                   "position_embd.weight"};
static const struct tensor_names type_names = {"embeddings.token_type_embeddings.weight",
                                               "token_types.weight"};

struct part_names {
    struct tensor_names weight, bias, gamma, beta; /* the last two: of norms in very old files */
};
#define LINEAR_NAMES(hf, gguf)                                                                     \
    { .weight = {hf ".weight", gguf ".weight"}, .bias = {hf ".bias", gguf ".bias"}, }
#define NORM_NAMES(hf, gguf)                                                                       \
    {                                                                                              \
        .weight = {hf ".weight", gguf ".weight"}, .bias = {hf ".bias", gguf ".bias"},              \
        .gamma = {hf ".gamma", NULL}, .beta = {hf ".beta", NULL},                                  \
    }
#define LAYER "encoder.layer.%d."
#define BLOCK "blk.%d."
static const struct part_names embedding_norm_names =
    NORM_NAMES("embeddings.LayerNorm", "token_embd_norm");
static const struct part_names query_names =
    LINEAR_NAMES(LAYER "attention.self.query", BLOCK "attn_q");
static const struct part_names key_names = LINEAR_NAMES(LAYER "attention.self.key", BLOCK "attn_k");
static const struct part_names value_names =
    LINEAR_NAMES(LAYER "attention.self.value", BLOCK "attn_v");
static const struct part_names attention_output_names =
    LINEAR_NAMES(LAYER "attention.output.dense", BLOCK "attn_output");
static const struct part_names attention_norm_names =
    NORM_NAMES(LAYER "attention.output.LayerNorm", BLOCK "attn_output_norm");
static const struct part_names intermediate_names =
    LINEAR_NAMES(LAYER "intermediate.dense", BLOCK "ffn_up");
static const struct part_names output_names = LINEAR_NAMES(LAYER "output.dense", BLOCK "ffn_down");
static const struct part_names output_norm_names =
    NORM_NAMES(LAYER "output.LayerNorm", BLOCK "layer_output_norm");

static void bind_linear(struct binder *b, struct linear *out, const struct part_names *names,
                        int32_t layer, int64_t rows, int64_t cols) {
    binder_matrix(b, &out->w, names->weight, layer, rows, cols);
    binder_vector(b, &out->bias, names->bias, layer, rows, 0);
}

static void bind_norm(const struct bert *m, struct binder *b, struct layer_norm *out,
                      const struct part_names *names, int32_t layer) {
    if (b->st < 0) return;
    const bool old = binder_has(b, names->gamma, layer) || binder_has(b, names->beta, layer);
    out->eps = (float)m->config.layer_norm_eps;
    binder_vector(b, &out->gain, old ? names->gamma : names->weight, layer, m->config.hidden_size,
                  0);
    binder_vector(b, &out->bias, old ? names->beta : names->bias, layer, m->config.hidden_size, 0);
}

static void bind_layer(struct bert *m, struct binder *b, int32_t i) {
    struct bert_layer *l = &m->layers[i];
    const int64_t hidden = m->config.hidden_size, inter = m->config.intermediate_size;
    bind_linear(b, &l->query, &query_names, i, hidden, hidden);
    bind_linear(b, &l->key, &key_names, i, hidden, hidden);
    bind_linear(b, &l->value, &value_names, i, hidden, hidden);
    bind_linear(b, &l->attention_output, &attention_output_names, i, hidden, hidden);
    bind_norm(m, b, &l->attention_norm, &attention_norm_names, i);
    bind_linear(b, &l->intermediate, &intermediate_names, i, inter, hidden);
    bind_linear(b, &l->output, &output_names, i, hidden, inter);
    bind_norm(m, b, &l->output_norm, &output_norm_names, i);
}

/* Rows of a table that no key of a GGUF counts. */
static void count_rows(struct binder *b, struct tensor_names names, int64_t *rows) {
    if (b->st < 0) return;
    *rows = binder_rows(b, names, 0);
    if (*rows < 1 || *rows > CONFIG_MAX_VOCAB)
        b->st = status_fail(KARMA_E_SHAPE, "tensor %s: not a table of embeddings", names.gguf);
}

static int64_t widest_row(const struct bert_config *c) {
    return c->hidden_size > c->intermediate_size ? c->hidden_size : c->intermediate_size;
}

static void count_products(const struct bert *m, struct model_info *info) {
    for (int32_t i = 0; i < m->config.num_hidden_layers; i++) {
        const struct bert_layer *l = &m->layers[i];
        const struct linear *const all[] = {
            &l->query, &l->key, &l->value, &l->attention_output, &l->intermediate, &l->output};
        for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++)
            model_info_add_product(info, &all[k]->w);
    }
}

static karma_status bert_load(void *model, const struct checkpoint *ck, struct backend *be,
                              struct model_info *info) {
    static const char *const harmless[] = {"embeddings.position_ids", "pooler.dense.weight",
                                           "pooler.dense.bias",       "*cls.predictions.",
                                           "*cls.seq_relationship.",  NULL};
    static const char *const heads[] = {"*lm_head.", "*classifier.",      "cls.weight",
                                        "cls.bias",  "cls.output.weight", "cls.output.bias",
                                        NULL};
    struct bert *m = model;
    struct bert_config *c = &m->config;
    const bool gguf = checkpoint_container(ck) == CONTAINER_GGUF;
    const bool roberta = !gguf && strncmp(checkpoint_architecture(ck), "Bert", strlen("Bert")) != 0;
    karma_status st = gguf ? read_config_gguf(checkpoint_gguf(ck), c)
                           : read_config(checkpoint_config(ck), roberta, c);
    if (st < 0) return st;
    m->head_dim = (int32_t)(c->hidden_size / c->num_attention_heads);
    m->attention_scale = (float)(1 / sqrt(m->head_dim));
    m->layers = arena_calloc(&m->memory, (size_t)c->num_hidden_layers, sizeof(*m->layers));
    if (!m->layers) return KARMA_E_NOMEM;

    struct binder b;
    binder_begin(&b, ck, be, &m->weights, word_names.hf);
    if (gguf) {
        count_rows(&b, word_names, &c->vocab_size);
        count_rows(&b, type_names, &c->type_vocab_size);
    }
    binder_stored(&b, &m->word_embeddings, word_names, 0, c->vocab_size, c->hidden_size);
    binder_stored(&b, &m->position_embeddings, position_names, 0, c->max_position_embeddings,
                  c->hidden_size);
    binder_row(&b, &m->token_type, type_names, c->type_vocab_size, c->hidden_size, 0);
    bind_norm(m, &b, &m->embedding_norm, &embedding_norm_names, 0);
    for (int32_t i = 0; b.st == KARMA_OK && i < c->num_hidden_layers; i++)
        bind_layer(m, &b, i);
    const int64_t first = roberta ? c->pad_token_id + 1 : 0;
    *info = (struct model_info){
        .vocab_size = c->vocab_size,
        .hidden_size = c->hidden_size,
        .n_layers = (int32_t)c->num_hidden_layers,
        .n_heads = (int32_t)c->num_attention_heads,
        .n_kv_heads = (int32_t)c->num_attention_heads,
        .head_dim = m->head_dim,
        .max_position_embeddings = (int32_t)(c->max_position_embeddings - first),
        .widest = widest_row(c),
        .bidirectional = true,
        .position_offset = (int32_t)first,
        .position_padding = roberta ? (int32_t)c->pad_token_id : -1,
        .can = FAMILY_ENCODE,
        .n_parameters = b.n_parameters,
        .weight_bytes = b.weight_bytes,
        .private_bytes = b.private_bytes,
    };
    if (b.st == KARMA_OK) count_products(m, info);
    return binder_end(&b, harmless, heads);
}

static void bert_unload(void *model, struct backend *be) {
    struct bert *m = model;
    weights_release(&m->weights, be);
    arena_release(&m->memory);
}

/* ---- forward ---- */

/* Floats of q, k, v and o of one row, or of h, which is not alive at the same time. */
static int64_t inner_floats(const struct bert_config *c) {
    return 4 * c->hidden_size > c->intermediate_size ? 4 * c->hidden_size : c->intermediate_size;
}

static void bert_need(const void *model, int64_t max_rows, struct engine_need *out) {
    const struct bert *m = model;
    const struct bert_config *c = &m->config;
    *out = (struct engine_need){
        .scratch_floats = (size_t)(max_rows * inner_floats(c)),
        .stream =
            {
                .max_k = widest_row(c),
                .max_n = widest_row(c),
                .n_heads = (int32_t)c->num_attention_heads,
                .n_kv_heads = (int32_t)c->num_attention_heads,
                .head_dim = m->head_dim,
            },
    };
}

static void embed(const struct bert *m, const struct encode_batch *batch, struct stream *on) {
    const struct embed_args a = {
        .m = batch->n_rows,
        .rows = batch->rows,
        .table = &m->word_embeddings,
        .scale = 1,
        .bias = m->token_type,
        .positions = &m->position_embeddings,
        .position_ids = batch->position_ids,
        .x = batch->hidden,
    };
    on->be->ops->embed(on, &a);
    layer_norm_apply(on, batch->n_rows, m->config.hidden_size, m->embedding_norm, batch->hidden);
    TAP(on, "embedding", -1, batch->hidden, batch->n_rows, m->config.hidden_size);
}

/* o = attention of every text with itself. */
static void attend(const struct bert *m, const struct bert_layer *l,
                   const struct encode_batch *batch, float *q, float *o, struct stream *on) {
    const int64_t rows = batch->n_rows, hidden = m->config.hidden_size;
    float *k = q + rows * hidden, *v = k + rows * hidden;
    const struct norm none = {0};
    linear_qkv(on, rows, batch->hidden, none, &l->query, &l->key, &l->value, q, k, v);
    const struct rope_cache_args keep = {
        .m = rows,
        .rows = batch->rows,
        .q = q,
        .k = k,
        .v = v,
        .ldq = hidden,
        .ldk = hidden,
        .ldv = hidden,
        .n_heads = (int32_t)m->config.num_attention_heads,
        .kv = batch->kv,
        .block_tables = batch->block_tables,
    };
    on->be->ops->rope_cache(on, &keep);
    const struct attention_args a = {
        .m = rows,
        .rows = batch->rows,
        .q = q,
        .out = o,
        .ldq = hidden,
        .ldo = hidden,
        .n_heads = (int32_t)m->config.num_attention_heads,
        .scale = m->attention_scale,
        .kv = batch->kv,
        .block_tables = batch->block_tables,
    };
    on->be->ops->attention(on, &a);
}

static bool bert_encode(const void *model, const struct encode_batch *batch, struct stream *on) {
    const struct bert *m = model;
    const struct bert_config *c = &m->config;
    const int64_t rows = batch->n_rows, hidden = c->hidden_size;
    const struct norm none = {0};
    float *x = batch->hidden;
    float *h = batch->scratch, *q = h, *o = q + 3 * rows * hidden; /* h: after q, k, v, o */
    embed(m, batch, on);
    for (int32_t i = 0; i < c->num_hidden_layers; i++) {
        const struct bert_layer *l = &m->layers[i];
        if (batch->cancelled && batch->cancelled(batch->user)) return false;
        attend(m, l, batch, q, o, on);
        linear_add(on, rows, o, &l->attention_output, none, x);
        layer_norm_apply(on, rows, hidden, l->attention_norm, x);
        linear_act(on, rows, x, &l->intermediate, c->hidden_act, h);
        linear_add(on, rows, h, &l->output, none, x);
        layer_norm_apply(on, rows, hidden, l->output_norm, x);
        TAP(on, "layer", i, x, rows, hidden);
    }
    return true;
}

static const char *const architectures[] = {"BertModel",
                                            "BertForMaskedLM",
                                            "BertForPreTraining",
                                            "BertForSequenceClassification",
                                            "RobertaModel",
                                            "RobertaForMaskedLM",
                                            "RobertaForSequenceClassification",
                                            "XLMRobertaModel",
                                            "XLMRobertaForMaskedLM",
                                            "XLMRobertaForSequenceClassification",
                                            "CamembertModel",
                                            "CamembertForMaskedLM",
                                            "bert",
                                            NULL};
const struct family_ops family_bert = {
    .name = "bert",
    .architectures = architectures,
    .can = FAMILY_ENCODE,
    .model_size = sizeof(struct bert),
    .load = bert_load,
    .need = bert_need,
    .encode = bert_encode,
    .unload = bert_unload,
};
