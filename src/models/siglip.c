/*
 * siglip.c - see siglip.h. Patches are a product, positions are learned, layers take the norm
 * first, every patch sees every other, and the head that SigLIP itself has is left alone. Then the
 * projector: squares of patches are averaged, normed and brought to the decoder's width.
 * doc/models/gemma3.md has the formulas. Products take some rows at a time, so that what a stream
 * keeps does not grow with the picture.
 */
#include "models/siglip.h"

#include <math.h>
#include <string.h>

#include "models/config.h"
#include "nn/tap.h"

enum {
    CHANNELS = 3,
    MAX_WIDTH = 1 << 22,
    MAX_LAYERS = 4096,
    MAX_HEADS = 4096,
    MAX_HEAD_DIM = 4096,
    MAX_IMAGE_SIZE = 1 << 14,
    MAX_TOKENS = 1 << 20,
    DEFAULT_TOKENS = 256,
    DEFAULT_POOL = 4,   /* of a GGUF that does not say */
    PRODUCT_ROWS = 960, /* of a product at once */
};

/* ---- configuration ---- */

static karma_status check_config(const struct siglip_config *c) {
    const int64_t side = c->image_size / c->patch_size;
    if (c->hidden_size % c->num_attention_heads != 0) {
        return status_fail(KARMA_E_SHAPE,
                           "hidden_size %lld is no multiple of num_attention_heads %lld",
                           (long long)c->hidden_size, (long long)c->num_attention_heads);
    }
    if (c->hidden_size / c->num_attention_heads > MAX_HEAD_DIM) {
        return status_fail(KARMA_E_RANGE, "num_attention_heads %lld: heads of %lld are too large",
                           (long long)c->num_attention_heads,
                           (long long)(c->hidden_size / c->num_attention_heads));
    }
    if (c->image_size % c->patch_size != 0) {
        return status_fail(KARMA_E_SHAPE, "image_size %lld is no multiple of patch_size %lld",
                           (long long)c->image_size, (long long)c->patch_size);
    }
    if (side % c->tokens_per_side != 0) {
        return status_fail(KARMA_E_SHAPE,
                           "%lld patches a side cannot be averaged to %lld tokens a side",
                           (long long)side, (long long)c->tokens_per_side);
    }
    if (!(c->layer_norm_eps > 0) || !isfinite(c->layer_norm_eps)) {
        return status_fail(KARMA_E_RANGE, "layer_norm_eps: must be a positive number");
    }
    return KARMA_OK;
}

static karma_status read_vision_config(const struct json *j, struct siglip_config *c) {
    int64_t channels;
    *c = (struct siglip_config){0};
    const struct {
        const char *key;
        int64_t *value, most, otherwise;
    } sizes[] = {
        {"hidden_size", &c->hidden_size, MAX_WIDTH, 768},
        {"intermediate_size", &c->intermediate_size, MAX_WIDTH, 3072},
        {"num_hidden_layers", &c->num_hidden_layers, MAX_LAYERS, 12},
        {"num_attention_heads", &c->num_attention_heads, MAX_HEADS, 12},
        {"image_size", &c->image_size, MAX_IMAGE_SIZE, 224},
        {"patch_size", &c->patch_size, MAX_IMAGE_SIZE, 16},
        {"num_channels", &channels, MAX_WIDTH, CHANNELS},
    };
    if (!json_is_null(j) && !json_is_object(j)) {
        return status_fail(KARMA_E_TYPE, "expected an object, found %s", json_type_name(j));
    }
    karma_status st = config_want(j, "model_type", "siglip_vision_model");
    if (st == KARMA_OK) st = config_want(j, "hidden_act", "gelu_pytorch_tanh");
    for (size_t i = 0; st == KARMA_OK && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        st = json_field_int(j, sizes[i].key, 1, sizes[i].most, sizes[i].otherwise, sizes[i].value);
    }
    if (st == KARMA_OK) st = json_field_real(j, "layer_norm_eps", 1e-6, &c->layer_norm_eps);
    if (st == KARMA_OK && channels != CHANNELS) {
        st = status_fail(KARMA_E_UNSUPPORTED, "num_channels %lld: only %d are known",
                         (long long)channels, CHANNELS);
    }
    return st;
}

karma_status siglip_config_hf(const struct json *config, struct siglip_config *c) {
    int64_t tokens = 0;
    karma_status st =
        status_prefix(read_vision_config(json_get(config, "vision_config"), c), "vision_config");
    if (st == KARMA_OK) {
        st = json_field_int(config, "mm_tokens_per_image", 1, MAX_TOKENS, DEFAULT_TOKENS, &tokens);
    }
    if (st < 0) return st;
    c->tokens_per_side = (int64_t)sqrt((double)tokens);
    if (c->tokens_per_side * c->tokens_per_side != tokens) {
        return status_fail(KARMA_E_RANGE, "mm_tokens_per_image %lld: expected a square number",
                           (long long)tokens);
    }
    return status_prefix(check_config(c), "vision_config");
}

static karma_status want_gguf_string(const struct gguf *g, const char *key, const char *want,
                                     bool *found) {
    const char *data;
    size_t len;
    karma_status st = gguf_string(g, key, &data, &len);
    if (st < 0 || !data) return st;
    *found = true;
    if (len == strlen(want) && memcmp(data, want, len) == 0) return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED, "%s: expected %s, found %s", key, want,
                       status_quote(data, len));
}

karma_status siglip_config_gguf(const struct gguf *g, struct siglip_config *c) {
    static const char epsilon[] = "clip.vision.attention.layer_norm_epsilon";
    static const char type[] = "clip.projector_type", old_type[] = "clip.vision.projector_type";
    bool found = false, gelu = false;
    int64_t pool = 0;
    *c = (struct siglip_config){0};
    const struct {
        const char *key;
        int64_t *value, most;
    } sizes[] = {
        {"clip.vision.embedding_length", &c->hidden_size, MAX_WIDTH},
        {"clip.vision.feed_forward_length", &c->intermediate_size, MAX_WIDTH},
        {"clip.vision.block_count", &c->num_hidden_layers, MAX_LAYERS},
        {"clip.vision.attention.head_count", &c->num_attention_heads, MAX_HEADS},
        {"clip.vision.image_size", &c->image_size, MAX_IMAGE_SIZE},
        {"clip.vision.patch_size", &c->patch_size, MAX_IMAGE_SIZE},
    };
    karma_status st = want_gguf_string(g, type, "gemma3", &found);
    if (st == KARMA_OK && !found) st = want_gguf_string(g, old_type, "gemma3", &found);
    if (st == KARMA_OK && !found) st = status_fail(KARMA_E_MISSING, "%s is missing", type);
    for (size_t i = 0; st == KARMA_OK && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        st = gguf_need_int(g, sizes[i].key, 1, sizes[i].most, sizes[i].value);
    }
    if (st == KARMA_OK && !gguf_find(g, epsilon)) {
        st = status_fail(KARMA_E_MISSING, "%s is missing", epsilon);
    }
    if (st == KARMA_OK) st = gguf_real(g, epsilon, 0, &c->layer_norm_eps);
    if (st == KARMA_OK) st = gguf_bool(g, "clip.use_gelu", false, &gelu);
    if (st == KARMA_OK && !gelu) {
        st = status_fail(KARMA_E_UNSUPPORTED, "clip.use_gelu: no other activation is known");
    }
    if (st == KARMA_OK) {
        st = gguf_int(g, "clip.vision.projector.scale_factor", 1, MAX_IMAGE_SIZE, DEFAULT_POOL,
                      &pool);
    }
    if (st < 0) return st;
    c->tokens_per_side = c->image_size / c->patch_size / pool;
    if (c->tokens_per_side < 1 || c->tokens_per_side * pool * c->patch_size != c->image_size) {
        return status_fail(KARMA_E_SHAPE,
                           "clip.vision.image_size %lld: no multiple of patch_size %lld and "
                           "scale_factor %lld",
                           (long long)c->image_size, (long long)c->patch_size, (long long)pool);
    }
    return check_config(c);
}

static int64_t n_patches(const struct siglip_config *c) {
    const int64_t side = c->image_size / c->patch_size;
    return side * side;
}

static int64_t patch_values(const struct siglip_config *c) {
    return CHANNELS * c->patch_size * c->patch_size;
}

/* ---- tensors ---- */

struct part_names {
    struct tensor_names weight, bias;
};
#define NAMES(hf, gguf)                                                                            \
    { .weight = {hf ".weight", gguf ".weight"}, .bias = {hf ".bias", gguf ".bias"}, }
#define LAYER "encoder.layers.%d."
#define BLOCK "v.blk.%d."
static const char tower_anchor[] = "embeddings.patch_embedding.weight";
static const char projector_anchor[] = "mm_input_projection_weight";
static const struct part_names patch_names = NAMES("embeddings.patch_embedding", "v.patch_embd");
static const struct part_names post_names = NAMES("post_layernorm", "v.post_ln");
static const struct part_names norm1_names = NAMES(LAYER "layer_norm1", BLOCK "ln1");
static const struct part_names norm2_names = NAMES(LAYER "layer_norm2", BLOCK "ln2");
static const struct part_names q_names = NAMES(LAYER "self_attn.q_proj", BLOCK "attn_q");
static const struct part_names k_names = NAMES(LAYER "self_attn.k_proj", BLOCK "attn_k");
static const struct part_names v_names = NAMES(LAYER "self_attn.v_proj", BLOCK "attn_v");
static const struct part_names out_names = NAMES(LAYER "self_attn.out_proj", BLOCK "attn_out");
static const struct part_names fc1_names = NAMES(LAYER "mlp.fc1", BLOCK "ffn_up");
static const struct part_names fc2_names = NAMES(LAYER "mlp.fc2", BLOCK "ffn_down");
static const struct tensor_names position_names = {"embeddings.position_embedding.weight",
                                                   "v.position_embd.weight"};
static const struct tensor_names soft_norm_names = {"mm_soft_emb_norm.weight",
                                                    "mm.soft_emb_norm.weight"};
static const struct tensor_names projection_names = {projector_anchor,
                                                     "mm.input_projection.weight"};

static void bind_linear(struct binder *b, struct linear *out, const struct part_names *names,
                        int32_t layer, int64_t rows, int64_t cols) {
    binder_matrix(b, &out->w, names->weight, layer, rows, cols);
    binder_vector(b, &out->bias, names->bias, layer, rows, 0);
}

static void bind_norm(const struct siglip *m, struct binder *b, struct layer_norm *out,
                      const struct part_names *names, int32_t layer) {
    out->eps = (float)m->config.layer_norm_eps;
    binder_vector(b, &out->gain, names->weight, layer, m->config.hidden_size, 0);
    binder_vector(b, &out->bias, names->bias, layer, m->config.hidden_size, 0);
}

/* The first converter gave ffn_up and ffn_down each other's names. */
static bool mlp_is_swapped(const struct siglip_config *c, const struct binder *b) {
    const struct named_tensor *down =
        checkpoint_container(b->ck) == CONTAINER_GGUF ? binder_find(b, fc2_names.weight, 0) : NULL;
    return down && c->hidden_size != c->intermediate_size && down->n_dims == 2 &&
           down->dims[1] == c->hidden_size;
}

static void bind_layer(struct siglip *m, struct binder *b, int32_t i, bool swapped) {
    struct siglip_layer *l = &m->layers[i];
    const int64_t d = m->config.hidden_size, inter = m->config.intermediate_size;
    bind_norm(m, b, &l->norm1, &norm1_names, i);
    bind_linear(b, &l->q_proj, &q_names, i, d, d);
    bind_linear(b, &l->k_proj, &k_names, i, d, d);
    bind_linear(b, &l->v_proj, &v_names, i, d, d);
    bind_linear(b, &l->out_proj, &out_names, i, d, d);
    bind_norm(m, b, &l->norm2, &norm2_names, i);
    bind_linear(b, &l->fc1, swapped ? &fc2_names : &fc1_names, i, inter, d);
    bind_linear(b, &l->fc2, swapped ? &fc1_names : &fc2_names, i, d, inter);
}

static void make_patches(struct siglip *m, struct binder *b) {
    if (b->st < 0 || b->n_missing) return; /* then nothing says that so many can be */
    const int64_t n = n_patches(&m->config);
    struct batch_row *rows = arena_calloc(&m->memory, (size_t)n, sizeof(*rows));
    if (!rows) b->st = KARMA_E_NOMEM;
    for (int64_t i = 0; rows && i < n; i++)
        rows[i].token = (int32_t)i;
    m->patches = rows;
}

/* Stored as [hidden_size, width], what it multiplies from the right: a turned weight in f32. */
static void bind_projection(struct siglip *m, struct binder *b) {
    const int64_t d = m->config.hidden_size;
    struct arena a = {0};
    const float *device = NULL, *w = binder_host_matrix(b, &a, projection_names, 0, d, m->width);
    if (w) binder_upload(b, &device, w, d * m->width);
    arena_release(&a);
    if (!device) return;
    b->st = b->be->ops->weight_load(b->be, DTYPE_F32, m->width, d, device, &m->projection);
    m->projection.turned = true;
}

void siglip_bind(struct siglip *m, struct binder *b, int64_t width) {
    const struct siglip_config *c = &m->config;
    const bool gguf = checkpoint_container(b->ck) == CONTAINER_GGUF;
    m->width = width;
    m->layers = arena_calloc(&m->memory, (size_t)c->num_hidden_layers, sizeof(*m->layers));
    if (b->st == KARMA_OK && !m->layers) b->st = KARMA_E_NOMEM;
    binder_prefix(b, tower_anchor);
    b->flat = true; /* the patch embedding is stored as the convolution it is trained as */
    binder_stored(b, &m->patch_embedding.w, patch_names.weight, 0, c->hidden_size, patch_values(c));
    b->flat = false;
    binder_vector(b, &m->patch_embedding.bias, patch_names.bias, 0, c->hidden_size, 0);
    binder_stored(b, &m->position_embedding, position_names, 0, n_patches(c), c->hidden_size);
    make_patches(m, b);
    const bool swapped = b->st == KARMA_OK && mlp_is_swapped(c, b);
    for (int32_t i = 0; b->st == KARMA_OK && i < c->num_hidden_layers; i++)
        bind_layer(m, b, i, swapped);
    bind_norm(m, b, &m->post_layernorm, &post_names, 0);
    binder_prefix(b, projector_anchor);
    /* Gains are stored as w for 1 + w; the converter to GGUF has added the 1. */
    m->soft_emb_norm.eps = (float)c->layer_norm_eps;
    binder_vector(b, &m->soft_emb_norm.gain, soft_norm_names, 0, c->hidden_size, gguf ? 0 : 1);
    bind_projection(m, b);
}

void siglip_release(struct siglip *m, struct backend *be) {
    weights_release(&m->weights, be);
    arena_release(&m->memory);
}

/* ---- encoding ---- */

static int64_t max_of(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t min_of(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* What is alive beside the residual stream and its norm, one thing at a time: patches, q k v, the
 * inside of an MLP, projected rows. */
static int64_t inner_floats(const struct siglip *m) {
    const struct siglip_config *c = &m->config;
    const int64_t n = n_patches(c), some = min_of(n, PRODUCT_ROWS);
    const int64_t product = some * max_of(c->intermediate_size, patch_values(c));
    return max_of(max_of(3 * n * c->hidden_size, product), siglip_tokens(c) * m->width);
}

/* What is computed more exactly than in bf16 is not rounded on the way: as with keys and values of
 * a decoder. */
static bool has_wide_products(const struct siglip *m) {
    for (int64_t i = 0; i < m->config.num_hidden_layers; i++) {
        const struct siglip_layer *l = &m->layers[i];
        const struct linear *const all[] = {&l->q_proj,   &l->k_proj, &l->v_proj,
                                            &l->out_proj, &l->fc1,    &l->fc2};
        for (size_t k = 0; k < sizeof(all) / sizeof(*all); k++)
            if (all[k]->w.dtype == DTYPE_F32 || all[k]->w.dtype == DTYPE_F16) return true;
    }
    return false;
}

void siglip_need(const struct siglip *m, struct vision_need *out) {
    const struct siglip_config *c = &m->config;
    const int64_t n = n_patches(c), widest = max_of(c->hidden_size, c->intermediate_size);
    const int32_t heads = (int32_t)c->num_attention_heads;
    *out = (struct vision_need){
        .scratch_floats = (size_t)(2 * n * c->hidden_size + inner_floats(m)),
        .stream =
            {
                .max_rows = min_of(n, PRODUCT_ROWS),
                .max_k = max_of(widest, patch_values(c)),
                .max_n = max_of(widest, m->width),
                .n_heads = heads,
                .n_kv_heads = heads,
                .head_dim = (int32_t)(c->hidden_size / heads),
                .max_full_rows = n,
                .exact_full = has_wide_products(m),
            },
    };
}

struct patch_rows {
    int64_t n;
    float *x, *u; /* [n, hidden_size] */
    float *inner;
};

/* x = position + W patch + b. */
static void embed(const struct siglip *m, const struct patch_rows *r, const float *pixel_values,
                  struct stream *on) {
    const struct siglip_config *c = &m->config;
    const int64_t d = c->hidden_size;
    const struct embed_args positions = {
        .m = r->n, .rows = m->patches, .table = &m->position_embedding, .scale = 1, .x = r->x};
    on->be->ops->embed(on, &positions);
    for (int64_t row = 0; row < r->n; row += PRODUCT_ROWS) {
        const struct patches_args cut = {.channels = CHANNELS,
                                         .image_size = c->image_size,
                                         .patch_size = c->patch_size,
                                         .pixels = pixel_values,
                                         .row_begin = row,
                                         .row_end = min_of(r->n, row + PRODUCT_ROWS),
                                         .y = r->inner};
        const struct norm none = {0};
        on->be->ops->patches(on, &cut);
        linear_add(on, cut.row_end - row, r->inner, &m->patch_embedding, none, r->x + row * d);
    }
    TAP(on, "vision.embeddings", -1, r->x, r->n, d);
}

static void normed(struct stream *on, const struct patch_rows *r, int64_t d,
                   struct layer_norm norm) {
    const struct norm_args a = {.kind = NORM_LAYER,
                                .m = r->n,
                                .k = d,
                                .x = r->x,
                                .gain = norm.gain,
                                .bias = norm.bias,
                                .eps = norm.eps,
                                .y = r->u};
    on->be->ops->norm(on, &a);
}

static void attend(const struct siglip *m, const struct siglip_layer *l, const struct patch_rows *r,
                   struct stream *on) {
    const struct norm none = {0};
    const int64_t d = m->config.hidden_size;
    const int32_t heads = (int32_t)m->config.num_attention_heads;
    float *q = r->inner, *k = q + r->n * d, *v = k + r->n * d;
    normed(on, r, d, l->norm1);
    for (int64_t row = 0; row < r->n; row += PRODUCT_ROWS) {
        const int64_t at = row * d;
        linear_qkv(on, min_of(r->n - row, PRODUCT_ROWS), r->u + at, none, &l->q_proj, &l->k_proj,
                   &l->v_proj, q + at, k + at, v + at);
    }
    const struct full_attention_args a = {.m = r->n,
                                          .n_heads = heads,
                                          .head_dim = (int32_t)(d / heads),
                                          .scale = (float)(1 / sqrt((double)(d / heads))),
                                          .q = q,
                                          .k = k,
                                          .v = v,
                                          .out = r->u,
                                          .ldq = d,
                                          .ldk = d,
                                          .ldv = d,
                                          .ldo = d};
    on->be->ops->full_attention(on, &a);
    for (int64_t row = 0; row < r->n; row += PRODUCT_ROWS) {
        linear_add(on, min_of(r->n - row, PRODUCT_ROWS), r->u + row * d, &l->out_proj, none,
                   r->x + row * d);
    }
}

static void feed_forward(const struct siglip *m, const struct siglip_layer *l,
                         const struct patch_rows *r, struct stream *on) {
    const struct norm none = {0};
    const int64_t d = m->config.hidden_size;
    normed(on, r, d, l->norm2);
    for (int64_t row = 0; row < r->n; row += PRODUCT_ROWS) {
        const int64_t rows = min_of(r->n - row, PRODUCT_ROWS);
        linear_act(on, rows, r->u + row * d, &l->fc1, ACT_GELU_TANH, r->inner);
        linear_add(on, rows, r->inner, &l->fc2, none, r->x + row * d);
    }
}

/* inner = rms(mean of squares of x) W. */
static void project(const struct siglip *m, const struct patch_rows *r, struct stream *on) {
    const struct siglip_config *c = &m->config;
    const int64_t d = c->hidden_size, side = c->image_size / c->patch_size;
    const int64_t tokens = siglip_tokens(c);
    const struct pool_args pool = {
        .side = side, .window = side / c->tokens_per_side, .d = d, .x = r->x, .y = r->u};
    on->be->ops->pool(on, &pool);
    TAP(on, "vision.pooled", -1, r->u, tokens, d);
    for (int64_t row = 0; row < tokens; row += PRODUCT_ROWS) {
        const struct linear_args a = {.x = r->u + row * d,
                                      .m = min_of(tokens - row, PRODUCT_ROWS),
                                      .k = d,
                                      .ldx = d,
                                      .norm = m->soft_emb_norm.gain,
                                      .norm_eps = m->soft_emb_norm.eps,
                                      .n_weights = 1,
                                      .w = {&m->projection},
                                      .y = {r->inner + row * m->width},
                                      .ldy = {m->width}};
        on->be->ops->linear(on, &a);
    }
}

bool siglip_encode(const struct siglip *m, const float *pixel_values, float *rows, float *scratch,
                   bool (*cancelled)(void *user), void *user, struct stream *on) {
    const struct siglip_config *c = &m->config;
    const int64_t d = c->hidden_size, n = n_patches(c);
    const struct patch_rows r = {
        .n = n, .x = scratch, .u = scratch + n * d, .inner = scratch + 2 * n * d};
    embed(m, &r, pixel_values, on);
    for (int64_t i = 0; i < c->num_hidden_layers; i++) {
        if (cancelled && cancelled(user)) {
            on->be->ops->finish(on);
            return false;
        }
        attend(m, &m->layers[i], &r, on);
        feed_forward(m, &m->layers[i], &r, on);
        TAP(on, "vision.layer", (int32_t)i, r.x, n, d);
    }
    layer_norm_apply(on, n, d, m->post_layernorm, r.x);
    TAP(on, "vision.post_norm", -1, r.x, n, d);
    project(m, &r, on);
    on->be->ops->download(on, rows, r.inner,
                          (size_t)siglip_tokens(c) * (size_t)m->width * sizeof(float));
    on->be->ops->finish(on);
    return true;
}
