/*
 * indic_conformer_onnx.c - names for the tensors of the published graphs. The exporter keeps the
 * names of biases, norms and most convolutions, folds batch norms, and calls every matrix of a
 * product onnx::MatMul_<number>, turned on its side. Which one it is follows from what its product
 * is added to; the one product of a layer that nothing is added to is that of the relative
 * positions. Tensors become views under their names in a state dict; the graph is not run.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "formats/onnx.h"
#include "models/indic_conformer.h"

enum { MAX_ALIASES = 16 };
static const char prefix[] = "encoder."; /* of this part's tensors in a state dict */

struct use {
    size_t node;
    int32_t next; /* further use of the same value; -1 ends */
};

struct walk {
    struct checkpoint *ck;
    struct arena *a;  /* of the checkpoint */
    struct map names; /* tensors found so far */
    struct named_tensor *tensors;
    size_t count, cap;
    /* of the graph under way */
    const struct onnx *graph;
    struct map aliases;   /* output of an Identity -> its input */
    struct map constants; /* output of a Constant -> its tensor */
    struct map heads;     /* value -> index of its first use */
    struct use *uses;
    size_t n_uses;
};

static bool ends_with(const char *name, const char *ending) {
    const size_t len = strlen(name), n = strlen(ending);
    return len >= n && strcmp(name + len - n, ending) == 0;
}

/* ---- what was found ---- */

static karma_status add(struct walk *w, const char *name, const struct named_tensor *t) {
    struct map_entry *entry;
    bool added;
    karma_status st = map_put(&w->names, name, strlen(name), &entry, &added);
    if (st < 0 || !added) return st; /* a second name for the same thing */
    if (w->count == w->cap) {
        const size_t cap = w->cap ? w->cap * 2 : 512;
        struct named_tensor *more = mem_realloc(w->tensors, cap * sizeof(*more));
        if (!more) return KARMA_E_NOMEM;
        w->tensors = more;
        w->cap = cap;
    }
    struct named_tensor *to = &w->tensors[w->count++];
    *to = *t;
    to->name = arena_strdup(w->a, name);
    return to->name ? KARMA_OK : KARMA_E_NOMEM;
}

/* Stored [in, out]: as a matrix [out, in] that lies turned. */
static karma_status add_turned(struct walk *w, const char *name, const struct named_tensor *t) {
    struct named_tensor turned = *t;
    if (t->n_dims != 2 || t->dtype != DTYPE_F32)
        return status_fail(KARMA_E_UNSUPPORTED, "%s: expected a float32 matrix", name);
    turned.dims[0] = t->dims[1];
    turned.dims[1] = t->dims[0];
    turned.turned = true;
    return add(w, name, &turned);
}

/* ---- the graph under way ---- */

static const struct named_tensor *initializer(const struct walk *w, const char *name,
                                              const char **last_name) {
    for (int i = 0; i < MAX_ALIASES; i++) {
        const struct named_tensor *t = onnx_find(w->graph, name);
        if (t) {
            if (last_name) *last_name = name;
            return t;
        }
        const struct map_entry *e = map_find(&w->aliases, name, strlen(name));
        if (!e) return NULL;
        name = e->value.ptr;
    }
    return NULL;
}

/* The name without ".mod" parts and with a leading "encoder.". */
static const char *canonical(struct walk *w, const char *name) {
    if (strncmp(name, prefix, sizeof(prefix) - 1) == 0) name += sizeof(prefix) - 1;
    char *out = arena_printf(w->a, "%s%s", prefix, name), *at;
    while (out && (at = strstr(out, ".mod.")) != NULL)
        memmove(at, at + 4, strlen(at + 4) + 1);
    return out;
}

static karma_status note_uses(struct walk *w) {
    size_t n = 0;
    for (size_t i = 0; i < onnx_node_count(w->graph); i++)
        n += onnx_node(w->graph, i)->n_inputs;
    w->uses = mem_calloc(n + 1, sizeof(*w->uses));
    w->n_uses = 0;
    if (!w->uses) return KARMA_E_NOMEM;
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < onnx_node_count(w->graph); i++) {
        const struct onnx_node *node = onnx_node(w->graph, i);
        for (size_t k = 0; st == KARMA_OK && k < node->n_inputs; k++) {
            struct map_entry *e;
            bool added;
            st = map_put(&w->heads, node->inputs[k], strlen(node->inputs[k]), &e, &added);
            if (st < 0) break;
            w->uses[w->n_uses] =
                (struct use){.node = i, .next = added ? -1 : (int32_t)e->value.u64};
            e->value.u64 = w->n_uses++;
        }
    }
    return st;
}

static karma_status note_aliases(struct walk *w) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < onnx_node_count(w->graph); i++) {
        const struct onnx_node *node = onnx_node(w->graph, i);
        struct map_entry *e;
        bool added;
        if (strcmp(node->op_type, "Identity") != 0 || node->n_inputs != 1 || node->n_outputs != 1)
            continue;
        st = map_put(&w->aliases, node->outputs[0], strlen(node->outputs[0]), &e, &added);
        if (st == KARMA_OK) e->value.ptr = (void *)(uintptr_t)node->inputs[0];
    }
    return st;
}

static karma_status note_constants(struct walk *w) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < onnx_node_count(w->graph); i++) {
        const struct onnx_node *node = onnx_node(w->graph, i);
        if (strcmp(node->op_type, "Constant") != 0 || node->n_outputs != 1) continue;
        const struct onnx_attribute *value = onnx_attribute(node, "value");
        struct map_entry *e;
        bool added;
        if (!value || !value->t) continue;
        st = map_put(&w->constants, node->outputs[0], strlen(node->outputs[0]), &e, &added);
        if (st == KARMA_OK) e->value.ptr = (void *)(uintptr_t)value->t;
    }
    return st;
}

static karma_status refuse_quantised(const struct walk *w) {
    static const char *const ops[] = {"DynamicQuantizeLinear", "MatMulInteger", "QLinearMatMul",
                                      "QLinearConv",           "ConvInteger",   "MatMulNBits",
                                      "DequantizeLinear"};
    for (size_t i = 0; i < onnx_node_count(w->graph); i++)
        for (size_t k = 0; k < sizeof(ops) / sizeof(ops[0]); k++)
            if (strcmp(onnx_node(w->graph, i)->op_type, ops[k]) == 0)
                return status_fail(KARMA_E_UNSUPPORTED,
                                   "quantised (%s): only graphs of plain floats are read", ops[k]);
    return KARMA_OK;
}

static void graph_end(struct walk *w) {
    map_release(&w->aliases);
    map_release(&w->constants);
    map_release(&w->heads);
    mem_free(w->uses);
    w->uses = NULL;
    w->graph = NULL;
}

static karma_status graph_begin(struct walk *w, const struct onnx *graph) {
    w->graph = graph;
    karma_status st = note_aliases(w);
    if (st == KARMA_OK) st = note_constants(w);
    if (st == KARMA_OK) st = note_uses(w);
    return st == KARMA_OK ? refuse_quantised(w) : st;
}

/* Index of the first use of what a node makes; -1 when there is none. */
static int64_t first_use(const struct walk *w, const struct onnx_node *node) {
    const struct map_entry *e =
        node->n_outputs ? map_find(&w->heads, node->outputs[0], strlen(node->outputs[0])) : NULL;
    return e ? (int64_t)e->value.u64 : -1;
}

/* What the product of a node is added to: a stored tensor, and the name the graph knows it by.
 * *sum: the node that adds (may be NULL). */
static const struct named_tensor *added_to(const struct walk *w, const struct onnx_node *node,
                                           const char **name, const struct onnx_node **sum) {
    for (int64_t u = first_use(w, node); u >= 0; u = w->uses[u].next) {
        const struct onnx_node *user = onnx_node(w->graph, w->uses[u].node);
        if (strcmp(user->op_type, "Add") != 0 || user->n_inputs != 2) continue;
        for (int k = 0; k < 2; k++) {
            const struct named_tensor *t = initializer(w, user->inputs[k], NULL);
            if (!t) continue;
            *name = user->inputs[k];
            if (sum) *sum = user;
            return t;
        }
    }
    return NULL;
}

/* ---- the encoder ---- */

static bool has_generated_name(const char *name) {
    return strncmp(name, "onnx::", 6) == 0;
}

/* Everything that kept its name, and every further name of it. */
static karma_status add_named(struct walk *w) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < onnx_tensor_count(w->graph); i++) {
        const struct named_tensor *t = onnx_tensor(w->graph, i);
        if (has_generated_name(t->name) || !dtype_is_weight(t->dtype)) continue;
        const char *name = canonical(w, t->name);
        st = name ? add(w, name, t) : KARMA_E_NOMEM;
    }
    for (size_t i = 0; st == KARMA_OK && i < w->aliases.count; i++) {
        const char *alias = w->aliases.entries[i].key;
        const struct named_tensor *t = initializer(w, alias, NULL);
        if (!t || has_generated_name(alias) || !dtype_is_weight(t->dtype)) continue;
        const char *name = canonical(w, alias);
        st = name ? add(w, name, t) : KARMA_E_NOMEM;
    }
    return st;
}

struct place {         /* in the order of the nodes */
    int64_t layer;     /* that the last named product was of; -1 before */
    int64_t pointwise; /* that the last first pointwise convolution was of; -1 before */
    int64_t at_layer;  /* of the last weight, and where in it; -1 before */
    int rank;
};

/* 12 of "encoder.layers.12.self_attn.linear_q.bias"; -1 when it is of none. */
static int64_t layer_of(const char *name) {
    static const char layers[] = "encoder.layers.";
    int64_t layer = 0;
    if (strncmp(name, layers, sizeof(layers) - 1) != 0) return -1;
    const char *at = name + sizeof(layers) - 1;
    for (; *at >= '0' && *at <= '9' && layer < 1000000; at++)
        layer = layer * 10 + (*at - '0');
    return *at == '.' && at > name + sizeof(layers) - 1 ? layer : -1;
}

/* ---- is it the encoder we compute? ---- */

static karma_status check_operations(const struct walk *w) {
    static const char *const known[] = {
        "Add",
        "And",
        "BatchNormalization",
        "Cast",
        "Concat",
        "Constant",
        "Conv",
        "ConstantOfShape",
        "Div",
        "Equal",
        "Expand",
        "Floor",
        "Gather",
        "Gemm",
        "Identity",
        "Less",
        "MatMul",
        "LayerNormalization",
        "Mul",
        "Not",
        "Or",
        "Pad",
        "Pow",
        "Range",
        "ReduceMean",
        "Relu",
        "Shape",
        "Reshape",
        "Sigmoid",
        "Slice",
        "Softmax",
        "Split",
        "Sqrt",
        "Squeeze",
        "Sub",
        "Transpose",
        "Tile",
        "Unsqueeze",
        "Where",
        "GreaterOrEqual",
    };
    for (size_t i = 0; i < onnx_node_count(w->graph); i++) {
        const struct onnx_node *node = onnx_node(w->graph, i);
        size_t k = 0;
        while (k < sizeof(known) / sizeof(known[0]) && strcmp(known[k], node->op_type) != 0)
            k++;
        if (k == sizeof(known) / sizeof(known[0]))
            return status_fail(KARMA_E_UNSUPPORTED,
                               "node %zu (%s): operation %s is none of this encoder's", i,
                               status_quotez(node->name), status_quotez(node->op_type));
    }
    return KARMA_OK;
}

/* Where a weight stands in a layer; -1: of no interest. Query, key, value and positions may change
 * places with each other. */
static int rank_in_layer(const char *name) {
    static const struct {
        const char *part;
        int rank;
    } parts[] = {
        {".feed_forward1.linear1.weight", 0}, {".feed_forward1.linear2.weight", 1},
        {".self_attn.linear_q.weight", 2},    {".self_attn.linear_k.weight", 2},
        {".self_attn.linear_v.weight", 2},    {".self_attn.linear_pos.weight", 2},
        {".self_attn.linear_out.weight", 3},  {".conv.pointwise_conv1.weight", 4},
        {".conv.depthwise_conv.weight", 5},   {".conv.pointwise_conv2.weight", 6},
        {".feed_forward2.linear1.weight", 7}, {".feed_forward2.linear2.weight", 8},
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (ends_with(name, parts[i].part)) return parts[i].rank;
    return -1;
}

/* Weights come in the order in which they are computed with; in any other it is another model. */
static karma_status check_order(struct place *p, const struct onnx_node *node, const char *name) {
    const int64_t layer = layer_of(name);
    const int rank = rank_in_layer(name);
    if (layer < 0 || rank < 0) return KARMA_OK;
    const bool next = layer == p->at_layer + 1 && rank == 0 && (p->at_layer < 0 || p->rank == 8);
    const bool on = layer == p->at_layer && (rank == p->rank + 1 || (rank == 2 && p->rank == 2));
    if (!next && !on)
        return status_fail(KARMA_E_UNSUPPORTED,
                           "node %s: %s stands in another order than in this encoder",
                           status_quotez(node->name), status_quotez(name));
    p->at_layer = layer;
    p->rank = rank;
    return KARMA_OK;
}

static bool scalar_of(const struct walk *w, const char *name, double *out) {
    const struct map_entry *e = map_find(&w->constants, name, strlen(name));
    const struct named_tensor *t = e ? e->value.ptr : initializer(w, name, NULL);
    if (!t) return false;
    for (int i = 0; i < t->n_dims; i++)
        if (t->dims[i] != 1) return false;
    float single;
    if (t->dtype == DTYPE_F64) memcpy(out, t->data, sizeof(*out));
    if (t->dtype == DTYPE_F32) memcpy(&single, t->data, sizeof(single));
    if (t->dtype == DTYPE_F32) *out = (double)single;
    return t->dtype == DTYPE_F32 || t->dtype == DTYPE_F64;
}

/* What the subsampling gives is scaled by the root of its width. */
static karma_status check_scale(const struct walk *w, const struct onnx_node *sum, int64_t d) {
    const double want = sqrt((double)d);
    double scale = 1;
    for (int64_t u = first_use(w, sum); u >= 0; u = w->uses[u].next) {
        const struct onnx_node *user = onnx_node(w->graph, w->uses[u].node);
        if (strcmp(user->op_type, "Mul") != 0 || user->n_inputs != 2) continue;
        if (scalar_of(w, user->inputs[0], &scale) || scalar_of(w, user->inputs[1], &scale)) break;
    }
    if (fabs(scale - want) <= 1e-4 * want) return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED,
                       "node %s: expected a scale of %g after the subsampling, found %g",
                       status_quotez(sum->name), want, scale);
}

/* A stored table of positions [1, 2 n - 1, d] is the one we compute, within 1e-4 and what an angle
 * in f32 loses on the way: exporters' exponentials differ in the last bit. */
static karma_status check_table(const struct walk *w) {
    enum { EVERY = 37 };
    for (size_t i = 0; i < w->constants.count; i++) {
        const struct named_tensor *t = w->constants.entries[i].value.ptr;
        if (t->n_dims != 3 || t->dims[0] != 1 || t->dims[1] < 3 || t->dims[1] % 2 == 0 ||
            t->dtype != DTYPE_F32)
            continue;
        const int64_t rows = t->dims[1], d = t->dims[2];
        for (int64_t r = 0; r < rows; r += r + EVERY < rows ? EVERY : 1) {
            const unsigned char *row =
                (const unsigned char *)t->data + (size_t)(r * d) * sizeof(float);
            for (int64_t k = 0; k < d; k++) {
                float value;
                memcpy(&value, row + (size_t)k * sizeof(float), sizeof(value));
                const int64_t position = rows / 2 - r;
                const float bound = 1e-4f + 3e-7f * (float)(position < 0 ? -position : position);
                if (fabsf(value - conformer_position(d, position, k)) <= bound) continue;
                return status_fail(KARMA_E_UNSUPPORTED,
                                   "constant %s: another table of positions than this encoder's "
                                   "(at [%lld, %lld])",
                                   status_quotez(w->constants.entries[i].key), (long long)r,
                                   (long long)k);
            }
        }
    }
    return KARMA_OK;
}

static karma_status name_product(struct walk *w, const struct onnx_node *node, struct place *p) {
    char name[256];
    const char *bias;
    const struct onnx_node *sum = NULL;
    const struct named_tensor *t =
        node->n_inputs == 2 ? initializer(w, node->inputs[1], NULL) : NULL;
    if (!t || t->n_dims != 2) return KARMA_OK; /* scores, not weights */
    if (added_to(w, node, &bias, &sum)) {
        const char *known = canonical(w, bias);
        if (!known) return KARMA_E_NOMEM;
        const size_t stem = strlen(known) - strlen(".bias");
        if (!ends_with(known, ".bias") || stem + sizeof(".weight") > sizeof(name)) return KARMA_OK;
        snprintf(name, sizeof(name), "%.*s.weight", (int)stem, known);
        if (layer_of(name) >= 0) p->layer = layer_of(name);
        karma_status st = check_order(p, node, name);
        if (st == KARMA_OK && ends_with(name, "pre_encode.out.weight"))
            st = check_scale(w, sum, t->dims[1]);
        return st < 0 ? st : add_turned(w, name, t);
    }
    if (p->layer < 0) return KARMA_OK;
    snprintf(name, sizeof(name), "%slayers.%lld.self_attn.linear_pos.weight", prefix,
             (long long)p->layer);
    karma_status st = check_order(p, node, name);
    return st < 0 ? st : add_turned(w, name, t);
}

static karma_status name_conv(struct walk *w, const struct onnx_node *node, struct place *p) {
    char name[128];
    if (node->n_inputs < 2) return KARMA_OK;
    const struct named_tensor *t = initializer(w, node->inputs[1], NULL);
    const char *known = canonical(w, node->inputs[1]);
    if (!known) return KARMA_E_NOMEM;
    if (ends_with(known, ".conv.pointwise_conv1.weight")) {
        p->pointwise = layer_of(known);
        return check_order(p, node, known);
    }
    if (!has_generated_name(node->inputs[1])) return check_order(p, node, known);
    if (!t || p->pointwise < 0) return KARMA_OK;
    const long long layer = p->pointwise;
    snprintf(name, sizeof(name), "%slayers.%lld.conv.depthwise_conv.weight", prefix, layer);
    karma_status st = check_order(p, node, name);
    if (st == KARMA_OK) st = add(w, name, t);
    const struct named_tensor *bias =
        node->n_inputs > 2 ? initializer(w, node->inputs[2], NULL) : NULL;
    if (st < 0 || !bias) return st;
    snprintf(name, sizeof(name), "%slayers.%lld.conv.depthwise_conv.bias", prefix, layer);
    return add(w, name, bias);
}

static karma_status walk_encoder(struct walk *w) {
    struct place p = {.layer = -1, .pointwise = -1, .at_layer = -1};
    karma_status st = check_operations(w);
    if (st == KARMA_OK) st = add_named(w);
    for (size_t i = 0; st == KARMA_OK && i < onnx_node_count(w->graph); i++) {
        const struct onnx_node *node = onnx_node(w->graph, i);
        if (strcmp(node->op_type, "MatMul") == 0) st = name_product(w, node, &p);
        if (strcmp(node->op_type, "Conv") == 0) st = name_conv(w, node, &p);
    }
    if (st == KARMA_OK && p.at_layer < 0)
        st = status_fail(KARMA_E_UNSUPPORTED,
                         "its tensors have lost their names (an optimised file?): "
                         "take the graph as the exporter wrote it");
    return st < 0 ? st : check_table(w);
}

/* ---- the small graphs ---- */

static const struct onnx_node *find_node(const struct walk *w, const char *op, size_t nth) {
    for (size_t i = 0; i < onnx_node_count(w->graph); i++) {
        const struct onnx_node *node = onnx_node(w->graph, i);
        if (strcmp(node->op_type, op) == 0 && nth-- == 0) return node;
    }
    return NULL;
}

static karma_status missing(const char *what) {
    return status_fail(KARMA_E_MISSING, "the graph has no %s", what);
}

/* A graph of one linear layer, as MatMul and Add or as Gemm. */
static karma_status walk_linear(struct walk *w, const char *stem) {
    char weight[96], bias[96];
    const char *known;
    snprintf(weight, sizeof(weight), "%s.weight", stem);
    snprintf(bias, sizeof(bias), "%s.bias", stem);
    const struct onnx_node *node = find_node(w, "Gemm", 0);
    if (node && node->n_inputs == 3) {
        const struct onnx_attribute *transposed = onnx_attribute(node, "transB");
        const struct named_tensor *t = initializer(w, node->inputs[1], NULL);
        const struct named_tensor *b = initializer(w, node->inputs[2], NULL);
        if (!t || !b) return missing("stored weight");
        karma_status st =
            transposed && transposed->i == 1 ? add(w, weight, t) : add_turned(w, weight, t);
        return st < 0 ? st : add(w, bias, b);
    }
    node = find_node(w, "MatMul", 0);
    if (!node || node->n_inputs != 2) return missing("MatMul or Gemm");
    const struct named_tensor *t = initializer(w, node->inputs[1], NULL);
    const struct named_tensor *b = added_to(w, node, &known, NULL);
    if (!t || !b) return missing("stored weight");
    karma_status st = add_turned(w, weight, t);
    return st < 0 ? st : add(w, bias, b);
}

static karma_status walk_ctc(struct walk *w) {
    const struct onnx_node *node = find_node(w, "Conv", 0);
    if (!node) return walk_linear(w, "ctc_decoder.decoder_layers.0");
    if (node->n_inputs != 3) return missing("Conv with a bias");
    const struct named_tensor *t = initializer(w, node->inputs[1], NULL);
    const struct named_tensor *b = initializer(w, node->inputs[2], NULL);
    if (!t || !b) return missing("stored weight");
    karma_status st = add(w, "ctc_decoder.decoder_layers.0.weight", t);
    return st < 0 ? st : add(w, "ctc_decoder.decoder_layers.0.bias", b);
}

static karma_status walk_embedding(struct walk *w) {
    const struct onnx_node *node;
    for (size_t i = 0; (node = find_node(w, "Gather", i)) != NULL; i++) {
        const struct named_tensor *t =
            node->n_inputs == 2 ? initializer(w, node->inputs[0], NULL) : NULL;
        if (t && t->n_dims == 2) return add(w, "decoder.prediction.embed.weight", t);
    }
    return KARMA_OK; /* in the other half of a split predictor */
}

/* The direction's dimension falls away; the two biases lie one after the other. */
static karma_status add_lstm(struct walk *w, const struct onnx_node *node, size_t layer) {
    static const char stem[] = "decoder.prediction.dec_rnn.lstm.";
    static const char *const matrices[] = {"weight_ih", "weight_hh"};
    char name[96];
    karma_status st = KARMA_OK;
    if (node->n_inputs < 4) return missing("LSTM with a bias");
    for (size_t i = 0; st == KARMA_OK && i < 2; i++) {
        const struct named_tensor *t = initializer(w, node->inputs[1 + i], NULL);
        if (!t || t->n_dims != 3 || t->dims[0] != 1)
            return status_fail(KARMA_E_SHAPE, "LSTM: expected weights of one direction");
        struct named_tensor matrix = *t;
        matrix.n_dims = 2;
        matrix.dims[0] = t->dims[1];
        matrix.dims[1] = t->dims[2];
        matrix.onnx_gates = true;
        snprintf(name, sizeof(name), "%s%s_l%zu", stem, matrices[i], layer);
        st = add(w, name, &matrix);
    }
    const struct named_tensor *b = initializer(w, node->inputs[3], NULL);
    if (st == KARMA_OK && (!b || b->n_dims != 2 || b->dims[0] != 1 || b->dims[1] % 2 != 0))
        return status_fail(KARMA_E_SHAPE, "LSTM: expected the biases of one direction");
    for (size_t i = 0; st == KARMA_OK && i < 2; i++) {
        struct named_tensor half = *b;
        half.n_dims = 1;
        half.dims[0] = b->dims[1] / 2;
        half.onnx_gates = true;
        half.nbytes = b->nbytes / 2;
        half.data = (const unsigned char *)b->data + i * half.nbytes;
        snprintf(name, sizeof(name), "%s%s_l%zu", stem, i ? "bias_hh" : "bias_ih", layer);
        st = add(w, name, &half);
    }
    return st;
}

static karma_status walk_predictor(struct walk *w) {
    const struct onnx_node *node;
    karma_status st = walk_embedding(w);
    for (size_t i = 0; st == KARMA_OK && (node = find_node(w, "LSTM", i)) != NULL; i++)
        st = add_lstm(w, node, i);
    return st;
}

/* ---- all of them ---- */

static karma_status walk_graph(struct walk *w, const char *name) {
    static const char post[] = "joint_post_net_";
    if (strcmp(name, "encoder.onnx") == 0) return walk_encoder(w);
    if (strcmp(name, "ctc_decoder.onnx") == 0) return walk_ctc(w);
    if (strncmp(name, "rnnt_decoder", 12) == 0) return walk_predictor(w);
    if (strcmp(name, "joint_enc.onnx") == 0) return walk_linear(w, "joint.enc");
    if (strcmp(name, "joint_pred.onnx") == 0) return walk_linear(w, "joint.pred");
    if (strncmp(name, post, sizeof(post) - 1) == 0) {
        char stem[96];
        const char *code = name + sizeof(post) - 1;
        snprintf(stem, sizeof(stem), "joint.joint_net.2.%.*s",
                 (int)(strlen(code) - strlen(".onnx")), code);
        return walk_linear(w, stem);
    }
    return KARMA_OK; /* joint_pre_net.onnx is a relu */
}

karma_status conformer_name_tensors(struct checkpoint *ck) {
    struct walk w = {.ck = ck, .a = checkpoint_arena(ck)};
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < checkpoint_graph_count(ck); i++) {
        const char *name;
        const struct onnx *graph = checkpoint_graph(ck, i, &name);
        st = graph_begin(&w, graph);
        if (st == KARMA_OK) st = walk_graph(&w, name);
        if (st < 0) st = status_prefix(st, "%s", name);
        graph_end(&w);
    }
    if (st == KARMA_OK) st = checkpoint_set_tensors(ck, w.tensors, w.count);
    mem_free(w.tensors);
    map_release(&w.names);
    return st;
}
