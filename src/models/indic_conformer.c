/*
 * indic_conformer.c - the Conformer encoder of the IndicConformer recognisers, as NeMo computes it:
 * strided convolutions that make a step of 4 or 8 mel frames, then blocks of feed-forward half,
 * attention with relative positions, convolution, feed-forward half, norm. Every size is read from
 * the shapes of the tensors. Batch norms are folded into the convolution before them.
 * doc/models/indic_conformer.md has the formulas.
 */
#include "models/indic_conformer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "models/models.h"
#include "nn/tap.h"

enum { MAX_LAYERS = 512, MAX_WIDTH = 1 << 16, MAX_TAPS = 127 };
static const float norm_eps = 1e-5f;

static struct tensor_names hf(const char *name) {
    return (struct tensor_names){name, NULL};
}

/* ---- sizes ---- */

/* Dimension i of a tensor; 0, and the tensor counts as missing, when there is none. */
static int64_t dim_of(struct binder *b, const char *name, int i) {
    const struct named_tensor *t = binder_find(b, hf(name), 0);
    return t && i < t->n_dims ? t->dims[i] : 0;
}

static karma_status want(const char *what, int64_t value, int64_t least, int64_t most) {
    if (value >= least && value <= most) return KARMA_OK;
    if (value == 0)
        return status_fail(KARMA_E_MISSING, "%s cannot be told: its tensor is missing", what);
    return status_fail(KARMA_E_RANGE, "%s: expected %lld to %lld, found %lld", what,
                       (long long)least, (long long)most, (long long)value);
}

static karma_status read_sizes(struct conformer *m, struct binder *b) {
    static const char bias_u[] = "layers.0.self_attn.pos_bias_u";
    m->hidden_size = dim_of(b, "pre_encode.out.weight", 0);
    m->channels = dim_of(b, "pre_encode.conv.0.weight", 0);
    m->feed_forward = dim_of(b, "layers.0.feed_forward1.linear1.weight", 0);
    m->n_taps = dim_of(b, "layers.0.conv.depthwise_conv.weight", 2);
    m->n_heads = (int32_t)dim_of(b, bias_u, 0);
    m->head_dim = dim_of(b, bias_u, 1);
    while (m->n_layers <= MAX_LAYERS &&
           binder_find(b, hf("layers.%d.norm_out.weight"), (int)m->n_layers))
        m->n_layers++;
    karma_status st = want("hidden size", m->hidden_size, 2, MAX_WIDTH);
    if (st == KARMA_OK) st = want("channels of the subsampling", m->channels, 1, MAX_WIDTH);
    if (st == KARMA_OK) st = want("feed-forward width", m->feed_forward, 1, 4 * MAX_WIDTH);
    if (st == KARMA_OK) st = want("width of the convolution", m->n_taps, 1, MAX_TAPS);
    if (st == KARMA_OK) st = want("layers", m->n_layers, 1, MAX_LAYERS);
    if (st == KARMA_OK) st = want("heads", m->n_heads, 1, MAX_WIDTH);
    if (st < 0) return st;
    if (m->n_taps % 2 == 0)
        return status_fail(KARMA_E_UNSUPPORTED, "width of the convolution: %lld is even",
                           (long long)m->n_taps);
    if (m->n_heads * m->head_dim != m->hidden_size)
        return status_fail(KARMA_E_SHAPE, "%d heads of %lld do not make a width of %lld",
                           m->n_heads, (long long)m->head_dim, (long long)m->hidden_size);
    return KARMA_OK;
}

/* ---- tensors ---- */

static void bind_linear(struct binder *b, struct linear *out, const char *weight, const char *bias,
                        int layer, int64_t rows, int64_t cols) {
    binder_matrix(b, &out->w, hf(weight), layer, rows, cols);
    if (bias) binder_vector(b, &out->bias, hf(bias), layer, rows, 0);
}

static void bind_norm(struct binder *b, struct layer_norm *out, const char *weight,
                      const char *bias, int layer, int64_t n) {
    binder_vector(b, &out->gain, hf(weight), layer, n, 0);
    binder_vector(b, &out->bias, hf(bias), layer, n, 0);
    out->eps = norm_eps;
}

/* A depthwise kernel [d, taps] as [taps, d], scaled row by row where a batch norm was folded in. */
static void upload_taps(struct conformer *m, struct binder *b, const float **out, const float *w,
                        int64_t d, int64_t n_taps) {
    float *turned = arena_calloc(&m->memory, (size_t)(d * n_taps), sizeof(*turned));
    if (!turned) b->st = KARMA_E_NOMEM;
    for (int64_t i = 0; turned && i < d; i++)
        for (int64_t t = 0; t < n_taps; t++)
            turned[t * d + i] = w[i * n_taps + t];
    binder_upload(b, out, turned, turned ? d * n_taps : 0);
}

/* w' = w g, b' = (b - mean) g + beta, g = gamma / sqrt(var + eps). */
static void fold_batch_norm(struct conformer *m, struct binder *b, int layer, float *w,
                            float *bias) {
    const int64_t d = m->hidden_size;
    if (!binder_has(b, hf("layers.%d.conv.batch_norm.weight"), layer)) return;
    struct arena *a = &m->memory;
    const float *gamma = binder_host_vector(b, a, hf("layers.%d.conv.batch_norm.weight"), layer, d);
    const float *beta = binder_host_vector(b, a, hf("layers.%d.conv.batch_norm.bias"), layer, d);
    const float *mean =
        binder_host_vector(b, a, hf("layers.%d.conv.batch_norm.running_mean"), layer, d);
    const float *var =
        binder_host_vector(b, a, hf("layers.%d.conv.batch_norm.running_var"), layer, d);
    if (!gamma || !beta || !mean || !var || !w || !bias) return;
    for (int64_t i = 0; i < d; i++) {
        const double g = (double)gamma[i] / sqrt((double)var[i] + (double)norm_eps);
        for (int64_t t = 0; t < m->n_taps; t++)
            w[i * m->n_taps + t] = (float)((double)w[i * m->n_taps + t] * g);
        bias[i] = (float)(((double)bias[i] - (double)mean[i]) * g + (double)beta[i]);
    }
}

static void bind_conv(struct conformer *m, struct binder *b, struct conformer_layer *l, int i) {
    const int64_t d = m->hidden_size;
    bind_linear(b, &l->pointwise1, "layers.%d.conv.pointwise_conv1.weight",
                "layers.%d.conv.pointwise_conv1.bias", i, 2 * d, d);
    bind_linear(b, &l->pointwise2, "layers.%d.conv.pointwise_conv2.weight",
                "layers.%d.conv.pointwise_conv2.bias", i, d, d);
    float *w = binder_host_matrix(b, &m->memory, hf("layers.%d.conv.depthwise_conv.weight"), i, d,
                                  m->n_taps);
    float *bias = binder_host_vector(b, &m->memory, hf("layers.%d.conv.depthwise_conv.bias"), i, d);
    fold_batch_norm(m, b, i, w, bias);
    if (!w || !bias) return;
    upload_taps(m, b, &l->depthwise, w, d, m->n_taps);
    binder_upload(b, &l->depthwise_bias, bias, d);
}

static void bind_attention(struct conformer *m, struct binder *b, struct conformer_layer *l,
                           int i) {
    const int64_t d = m->hidden_size;
    bind_linear(b, &l->q, "layers.%d.self_attn.linear_q.weight",
                "layers.%d.self_attn.linear_q.bias", i, d, d);
    bind_linear(b, &l->k, "layers.%d.self_attn.linear_k.weight",
                "layers.%d.self_attn.linear_k.bias", i, d, d);
    bind_linear(b, &l->v, "layers.%d.self_attn.linear_v.weight",
                "layers.%d.self_attn.linear_v.bias", i, d, d);
    bind_linear(b, &l->out, "layers.%d.self_attn.linear_out.weight",
                "layers.%d.self_attn.linear_out.bias", i, d, d);
    binder_matrix(b, &l->pos, hf("layers.%d.self_attn.linear_pos.weight"), i, d, d);
    const float *u = binder_host_matrix(b, &m->memory, hf("layers.%d.self_attn.pos_bias_u"), i,
                                        m->n_heads, m->head_dim);
    const float *v = binder_host_matrix(b, &m->memory, hf("layers.%d.self_attn.pos_bias_v"), i,
                                        m->n_heads, m->head_dim);
    if (!u || !v) return;
    binder_upload(b, &l->pos_bias_u, u, d);
    binder_upload(b, &l->pos_bias_v, v, d);
}

static void bind_layer(struct conformer *m, struct binder *b, struct conformer_layer *l, int i) {
    const int64_t d = m->hidden_size, f = m->feed_forward;
    bind_norm(b, &l->norm_feed_forward1, "layers.%d.norm_feed_forward1.weight",
              "layers.%d.norm_feed_forward1.bias", i, d);
    bind_linear(b, &l->ff1_in, "layers.%d.feed_forward1.linear1.weight",
                "layers.%d.feed_forward1.linear1.bias", i, f, d);
    bind_linear(b, &l->ff1_out, "layers.%d.feed_forward1.linear2.weight",
                "layers.%d.feed_forward1.linear2.bias", i, d, f);
    bind_norm(b, &l->norm_self_att, "layers.%d.norm_self_att.weight",
              "layers.%d.norm_self_att.bias", i, d);
    bind_attention(m, b, l, i);
    bind_norm(b, &l->norm_conv, "layers.%d.norm_conv.weight", "layers.%d.norm_conv.bias", i, d);
    bind_conv(m, b, l, i);
    bind_norm(b, &l->norm_feed_forward2, "layers.%d.norm_feed_forward2.weight",
              "layers.%d.norm_feed_forward2.bias", i, d);
    bind_linear(b, &l->ff2_in, "layers.%d.feed_forward2.linear1.weight",
                "layers.%d.feed_forward2.linear1.bias", i, f, d);
    bind_linear(b, &l->ff2_out, "layers.%d.feed_forward2.linear2.weight",
                "layers.%d.feed_forward2.linear2.bias", i, d, f);
    bind_norm(b, &l->norm_out, "layers.%d.norm_out.weight", "layers.%d.norm_out.bias", i, d);
}

/* The kernel of a full 3 x 3 convolution: [out, in, 3, 3] with its taps before its channels, as the
 * steps lay them out. */
static void bind_full_kernel(struct conformer *m, struct binder *b, struct conformer_stage *s,
                             int index, int64_t channels) {
    const int64_t cols = 9 * channels;
    const float *w = binder_host_matrix(b, &m->memory, hf("pre_encode.conv.%d.weight"), index,
                                        m->channels, cols);
    const float *device;
    binder_vector(b, &s->product.bias, hf("pre_encode.conv.%d.bias"), index, m->channels, 0);
    float *turned =
        w ? arena_calloc(&m->memory, (size_t)(m->channels * cols), sizeof(*turned)) : NULL;
    if (w && !turned) b->st = KARMA_E_NOMEM;
    if (!turned) return;
    for (int64_t o = 0; o < m->channels; o++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t t = 0; t < 9; t++)
                turned[o * cols + t * channels + c] = w[o * cols + c * 9 + t];
    binder_upload(b, &device, turned, m->channels * cols);
    if (b->st < 0) return;
    b->st = b->be->ops->weight_load(b->be, DTYPE_F32, m->channels, cols, device, &s->product.w);
}

static void bind_depthwise(struct conformer *m, struct binder *b, struct conformer_stage *s,
                           int index) {
    const float *w =
        binder_host_matrix(b, &m->memory, hf("pre_encode.conv.%d.weight"), index, m->channels, 9);
    s->depthwise = true;
    if (w) upload_taps(m, b, &s->taps, w, m->channels, 9);
    binder_vector(b, &s->taps_bias, hf("pre_encode.conv.%d.bias"), index, m->channels, 0);
    bind_linear(b, &s->product, "pre_encode.conv.%d.weight", "pre_encode.conv.%d.bias", index + 1,
                m->channels, m->channels);
}

/* Indices in the checkpoint count the activations too: a full convolution and its relu take two, a
 * depthwise one with its 1 x 1 and relu three. */
static karma_status bind_subsampling(struct conformer *m, struct binder *b) {
    int index = 0;
    while (binder_find(b, hf("pre_encode.conv.%d.weight"), index)) {
        if (m->n_stages == CONFORMER_MAX_STAGES)
            return status_fail(KARMA_E_LIMIT, "more than %d strided convolutions",
                               CONFORMER_MAX_STAGES);
        struct conformer_stage *s = &m->stages[m->n_stages];
        const struct named_tensor *t = binder_find(b, hf("pre_encode.conv.%d.weight"), index);
        if (m->n_stages > 0 && t->n_dims == 4 && t->dims[1] == 1 && m->channels > 1) {
            bind_depthwise(m, b, s, index);
            index += 3;
        } else {
            bind_full_kernel(m, b, s, index, m->n_stages > 0 ? m->channels : 1);
            index += 2;
        }
        m->n_stages++;
    }
    m->info.subsampling = 1 << m->n_stages;
    m->frequencies = m->info.n_mels;
    for (int i = 0; i < m->n_stages; i++)
        m->frequencies = (m->frequencies + 1) / 2;
    bind_linear(b, &m->pre_out, "pre_encode.out.weight", "pre_encode.out.bias", 0, m->hidden_size,
                m->channels * m->frequencies);
    return b->st;
}

static karma_status conformer_load(void *model, const struct checkpoint *ck, struct backend *be,
                                   struct model_info *info) {
    static const char *const left[] = {"*preprocessor.", "*num_batches_tracked", "*ctc_loss", NULL};
    struct conformer *m = model;
    struct binder b;
    m->info.n_mels = 80;
    m->onnx_order = checkpoint_container(ck) == CONTAINER_ONNX;
    karma_status st = conformer_tables(m, ck);
    if (st < 0) return st;
    binder_begin(&b, ck, be, &m->weights, "pre_encode.out.weight");
    b.flat = true;
    if (b.st == KARMA_OK) b.st = read_sizes(m, &b);
    if (b.st == KARMA_OK) b.st = bind_subsampling(m, &b);
    m->layers = b.st < 0 ? NULL : arena_calloc(&m->memory, (size_t)m->n_layers, sizeof(*m->layers));
    if (b.st == KARMA_OK && !m->layers) b.st = KARMA_E_NOMEM;
    for (int i = 0; b.st == KARMA_OK && i < m->n_layers; i++)
        bind_layer(m, &b, &m->layers[i], i);
    if (b.st == KARMA_OK) conformer_bind_heads(m, &b);
    m->xscale = (float)sqrt((double)m->hidden_size);
    m->info.hidden_size = m->hidden_size;
    *info = (struct model_info){
        .vocab_size = m->info.n_tokens,
        .hidden_size = m->hidden_size,
        .n_layers = (int32_t)m->n_layers,
        .n_heads = m->n_heads,
        .head_dim = (int32_t)m->head_dim,
        .n_parameters = b.n_parameters,
        .weight_bytes = b.weight_bytes,
        .private_bytes = b.private_bytes,
        .can = FAMILY_TRANSCRIBE,
    };
    return binder_end(&b, left, NULL);
}

static void conformer_unload(void *model, struct backend *be) {
    struct conformer *m = model;
    weights_release(&m->weights, be);
    arena_release(&m->memory);
}

/* ---- the encoder ---- */

static int64_t halved(int64_t n) {
    return (n + 1) / 2;
}

int64_t conformer_steps(const void *model, int64_t n_frames) {
    const struct conformer *m = model;
    for (int i = 0; i < m->n_stages; i++)
        n_frames = halved(n_frames);
    return n_frames;
}

static int64_t max_of(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Floats of one utterance's subsampling: two buffers hand images to each other, and the second sees
 * none larger than what the second convolution makes. */
static int64_t image_floats(const struct conformer *m, int64_t n_frames) {
    return halved(n_frames) * halved(m->info.n_mels) * m->channels;
}

static int64_t other_floats(const struct conformer *m, int64_t n_frames) {
    if (m->n_stages < 2) return image_floats(m, n_frames);
    return halved(halved(n_frames)) * halved(halved(m->info.n_mels)) * m->channels;
}

enum {
    UNFOLD_ROWS = 64,   /* image rows whose taps are laid out at once */
    PRODUCT_ROWS = 512, /* of long products at once: what a stream keeps grows with it */
};

static int64_t unfold_floats(const struct conformer *m) {
    int64_t most = 9 * halved(m->info.n_mels), width = halved(m->info.n_mels);
    for (int i = 1; i < m->n_stages; i++) {
        if (!m->stages[i].depthwise) most = max_of(most, 9 * m->channels * halved(width));
        width = halved(width);
    }
    return UNFOLD_ROWS * most;
}

/* Widest row between the products of a block. */
static int64_t inner_width(const struct conformer *m) {
    return max_of(m->feed_forward, 5 * m->hidden_size);
}

void conformer_need(const void *model, int64_t total_steps, int64_t max_frames,
                    struct speech_need *out) {
    const struct conformer *m = model;
    const int64_t max_steps = conformer_steps(m, max_frames), positions = 2 * max_steps - 1;
    const int64_t d = m->hidden_size;
    const int64_t blocks = total_steps * (d + inner_width(m));
    const int64_t front =
        image_floats(m, max_frames) + other_floats(m, max_frames) + unfold_floats(m);
    const int64_t rows = max_of(total_steps, PRODUCT_ROWS);
    const int64_t wide = max_of(max_of(inner_width(m), m->channels * m->frequencies),
                                max_of(9 * m->channels, 4 * m->predictor_size));
    *out = (struct speech_need){
        .scratch_floats = (size_t)max_of(max_of(blocks, front), 2 * positions * d),
        .position_floats = (size_t)(m->n_layers * d * positions),
        .stream =
            {
                .max_rows = rows,
                .max_k = wide,
                .max_n = wide,
                .max_head_rows = 1,
                .n_heads = m->n_heads,
                .n_kv_heads = m->n_heads,
                .head_dim = (int32_t)m->head_dim,
                .max_positions = 1,
                .max_frames = max_steps,
            },
    };
}

/* y = act(x W^T + b), more rows than a step takes. */
static void long_product(struct stream *on, int64_t rows, const float *x, const struct linear *l,
                         enum activation act, float *y) {
    for (int64_t row = 0; row < rows; row += PRODUCT_ROWS) {
        const int64_t n = rows - row < PRODUCT_ROWS ? rows - row : PRODUCT_ROWS;
        linear_act(on, n, x + row * l->w.cols, l, act, y + row * l->w.rows);
    }
}

/* A full convolution, a few image rows at a time. */
static void full_stage(const struct conformer_stage *s, struct conv2d_args *conv, int64_t out_rows,
                       float *unfolded, float *y, struct stream *on) {
    const int64_t cols = halved(conv->width);
    conv->y = unfolded;
    for (int64_t row = 0; row < out_rows; row += UNFOLD_ROWS) {
        conv->row_begin = row;
        conv->row_end = row + UNFOLD_ROWS < out_rows ? row + UNFOLD_ROWS : out_rows;
        on->be->ops->conv2d(on, conv);
        long_product(on, (conv->row_end - row) * cols, unfolded, &s->product, ACT_RELU,
                     y + row * cols * s->product.w.rows);
    }
}

/* Mel frames of one utterance to its rows of x. */
static void subsample(const struct conformer *m, const float *mel, int64_t n_frames, float *scratch,
                      float *x, struct stream *on) {
    float *image = scratch, *other = image + image_floats(m, n_frames);
    float *unfolded = other + other_floats(m, n_frames);
    int64_t height = n_frames, width = m->info.n_mels;
    const float *from = mel;
    for (int i = 0; i < m->n_stages; i++) {
        const struct conformer_stage *s = &m->stages[i];
        const int64_t in[] = {0, height}, out[] = {0, halved(height)};
        struct conv2d_args conv = {.in = {1, in},
                                   .out = {1, out},
                                   .width = width,
                                   .channels = i == 0 ? 1 : m->channels,
                                   .x = from,
                                   .row_end = out[1],
                                   .y = other};
        if (s->depthwise) {
            conv.weight = s->taps;
            conv.bias = s->taps_bias;
            on->be->ops->conv2d(on, &conv);
            long_product(on, out[1] * halved(width), other, &s->product, ACT_RELU, image);
        } else {
            full_stage(s, &conv, out[1], unfolded, from == image ? other : image, on);
            if (from == image) { /* the result lies in the other buffer */
                float *swap = image;
                image = other;
                other = swap;
            }
        }
        from = image;
        height = out[1];
        width = halved(width);
    }
    /* The weights of the last product count channels before frequencies. */
    const struct turn_args turn = {
        .count = height, .rows = width, .cols = m->channels, .x = image, .y = other};
    on->be->ops->turn(on, &turn);
    const struct linear_args product = {.x = other,
                                        .m = height,
                                        .k = width * m->channels,
                                        .ldx = width * m->channels,
                                        .n_weights = 1,
                                        .w = {&m->pre_out.w},
                                        .bias = {m->pre_out.bias},
                                        .y = {x},
                                        .ldy = {m->hidden_size},
                                        .scale = m->xscale};
    on->be->ops->linear(on, &product);
}

/* x += scale (h W^T + b). */
static void add_product(struct stream *on, int64_t rows, const float *h, const struct linear *l,
                        float scale, float *x) {
    const struct linear_args a = {.x = h,
                                  .m = rows,
                                  .k = l->w.cols,
                                  .ldx = l->w.cols,
                                  .n_weights = 1,
                                  .w = {&l->w},
                                  .bias = {l->bias},
                                  .y = {x},
                                  .ldy = {l->w.rows},
                                  .residual = x,
                                  .scale = scale};
    on->be->ops->linear(on, &a);
}

static void normed(struct stream *on, int64_t rows, int64_t d, const float *x,
                   struct layer_norm norm, float *y) {
    const struct norm_args a = {.kind = NORM_LAYER,
                                .m = rows,
                                .k = d,
                                .x = x,
                                .gain = norm.gain,
                                .bias = norm.bias,
                                .eps = norm.eps,
                                .y = y};
    on->be->ops->norm(on, &a);
}

struct rows { /* of all utterances of a call */
    struct segments in;
    int64_t m;
    float *x, *u, *h; /* [m, hidden_size], the same, [m, inner_width] */
};

static void feed_forward(const struct conformer *m, const struct rows *r, struct layer_norm norm,
                         const struct linear *in, const struct linear *out, struct stream *on) {
    normed(on, r->m, m->hidden_size, r->x, norm, r->u);
    linear_act(on, r->m, r->u, in, ACT_SILU, r->h);
    add_product(on, r->m, r->h, out, 0.5f, r->x);
}

static void attend(const struct conformer *m, const struct conformer_layer *l, const struct rows *r,
                   const float *positions, int64_t n_positions, struct stream *on) {
    const int64_t d = m->hidden_size, size = r->m * d;
    float *q = r->h, *k = q + size, *v = k + size, *keys = v + size, *o = keys + size;
    normed(on, r->m, d, r->x, l->norm_self_att, r->u);
    const struct linear_args qkv = {.x = r->u,
                                    .m = r->m,
                                    .k = d,
                                    .ldx = d,
                                    .n_weights = 3,
                                    .w = {&l->q.w, &l->k.w, &l->v.w},
                                    .bias = {l->q.bias, l->k.bias, l->v.bias},
                                    .y = {q, k, v},
                                    .ldy = {d, d, d}};
    on->be->ops->linear(on, &qkv);
    const struct rel_attention_args a = {.in = r->in,
                                         .n_heads = m->n_heads,
                                         .head_dim = (int32_t)m->head_dim,
                                         .q = q,
                                         .k = k,
                                         .v = v,
                                         .bias_u = l->pos_bias_u,
                                         .bias_v = l->pos_bias_v,
                                         .positions = positions,
                                         .n_positions = n_positions,
                                         .scale = (float)(1 / sqrt((double)m->head_dim)),
                                         .keys = keys,
                                         .y = o};
    on->be->ops->rel_attention(on, &a);
    add_product(on, r->m, o, &l->out, 0, r->x);
}

static void convolve(const struct conformer *m, const struct conformer_layer *l,
                     const struct rows *r, struct stream *on) {
    const int64_t d = m->hidden_size, size = r->m * d;
    float *both = r->h, *gated = both + 2 * size, *out = gated + size;
    normed(on, r->m, d, r->x, l->norm_conv, r->u);
    linear_act(on, r->m, r->u, &l->pointwise1, ACT_NONE, both);
    const struct glu_conv_args a = {.in = r->in,
                                    .d = d,
                                    .n_taps = m->n_taps,
                                    .a = both,
                                    .weight = l->depthwise,
                                    .bias = l->depthwise_bias,
                                    .g = gated,
                                    .y = out};
    on->be->ops->glu_conv(on, &a);
    add_product(on, r->m, out, &l->pointwise2, 0, r->x);
}

bool conformer_encode(const void *model, const struct speech_batch *batch, struct stream *on) {
    const struct conformer *m = model;
    const int64_t d = m->hidden_size, n_positions = 2 * batch->max_steps - 1;
    struct rows r = {.in = {batch->n, batch->step_start},
                     .m = batch->step_start[batch->n],
                     .x = batch->hidden,
                     .u = batch->scratch};
    r.h = r.u + r.m * d;
    for (int64_t i = 0; i < batch->n; i++)
        subsample(m, batch->mel + batch->frame_start[i] * m->info.n_mels,
                  batch->frame_start[i + 1] - batch->frame_start[i], batch->scratch,
                  r.x + batch->step_start[i] * d, on);
    TAP(on, "subsampling", -1, r.x, r.m, d);
    for (int64_t i = 0; i < m->n_layers; i++) {
        const struct conformer_layer *l = &m->layers[i];
        if (batch->cancelled && batch->cancelled(batch->user)) return false;
        feed_forward(m, &r, l->norm_feed_forward1, &l->ff1_in, &l->ff1_out, on);
        attend(m, l, &r, batch->positions + i * d * n_positions, n_positions, on);
        convolve(m, l, &r, on);
        feed_forward(m, &r, l->norm_feed_forward2, &l->ff2_in, &l->ff2_out, on);
        normed(on, r.m, d, r.x, l->norm_out, r.x);
        TAP(on, "layer", (int)i, r.x, r.m, d);
    }
    return true;
}

/* How fast the angle of component k grows: sines and cosines in turn share it. */
static float frequency(int64_t d, int64_t k) {
    const float step = (float)(-log(10000.0) / (double)d);
    return (float)exp((double)((float)(k - k % 2) * step));
}

/* The angle is in f32, as the reference makes it. */
static float component(float w, int64_t position, int64_t k) {
    const double angle = (double)((float)position * w);
    return (float)(k % 2 ? cos(angle) : sin(angle));
}

float conformer_position(int64_t d, int64_t position, int64_t k) {
    return component(frequency(d, k), position, k);
}

/* Row r of the table is of relative position max_steps - 1 - r. */
static void make_positions(const struct conformer *m, int64_t max_steps, float *table) {
    const int64_t d = m->hidden_size;
    for (int64_t k = 0; k < d; k++) {
        const float w = frequency(d, k);
        for (int64_t r = 0; r < 2 * max_steps - 1; r++)
            table[r * d + k] = component(w, max_steps - 1 - r, k);
    }
}

void conformer_prepare(const void *model, int64_t max_steps, float *positions, float *scratch,
                       struct stream *on) {
    const struct conformer *m = model;
    const int64_t d = m->hidden_size, n = 2 * max_steps - 1;
    float *table = scratch, *projected = table + n * d;
    make_positions(m, max_steps, projected);
    on->be->ops->upload(on->be, table, projected, (size_t)(n * d) * sizeof(float));
    for (int64_t i = 0; i < m->n_layers; i++) {
        const struct linear pos = {.w = m->layers[i].pos};
        long_product(on, n, table, &pos, ACT_NONE, projected);
        const struct turn_args turn = {
            .count = 1, .rows = n, .cols = d, .x = projected, .y = positions + i * d * n};
        on->be->ops->turn(on, &turn);
    }
    on->be->ops->finish(on);
}

static const char *const architectures[] = {"IndicASRModel", "iasr", "IndicConformerASR", NULL};
const struct family_ops family_indic_conformer = {
    .name = "indic_conformer",
    .architectures = architectures,
    .can = FAMILY_TRANSCRIBE,
    .model_size = sizeof(struct conformer),
    .name_tensors = conformer_name_tensors,
    .load = conformer_load,
    .speech = &conformer_speech,
    .unload = conformer_unload,
};
