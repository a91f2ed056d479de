/*
 * embedding_head.c - see embedding_head.h. Pooling and normalisation run on the host and sum in
 * double precision, tokens in their order; dense layers are steps of the backend, so that their
 * weights may have any type and are views of the mapped file.
 */
#include "api/embedding_head.h"

#include <math.h>
#include <string.h>

#include "formats/checkpoint.h"
#include "formats/foreign.h"
#include "formats/safetensors.h"
#include "tensor/quant.h"

enum { HEAD_ROWS = 64 }; /* vectors of one step of the dense layers */

struct dense {
    struct st_dense spec;
    struct file_map map;
    struct tensor weight, residual; /* the second only where the sizes differ */
    float *bias;                    /* device; NULL: none */
};

struct embedding_head {
    struct arena arena; /* names and tables of the weights' files */
    struct backend *be;
    const struct sentence_transformers *s;
    int64_t hidden_size, dim, stride;
    struct dense dense[ST_MAX_MODULES]; /* by module */
    bool has_dense;
    struct stream *stream; /* of the dense layers; NULL without any */
    float *x, *y;          /* device [HEAD_ROWS, stride] */
    float *host;           /* the same on the host */
    double *sums;          /* [hidden_size], of a pooling */
    size_t bytes;
};

/* ---- weights of a dense layer ---- */

static karma_status check_shape(const struct named_tensor *t, int64_t rows, int64_t cols) {
    const bool vector = cols == 0;
    if (t->n_dims == (vector ? 1 : 2) && t->dims[0] == rows && (vector || t->dims[1] == cols))
        return KARMA_OK;
    return vector ? status_fail(KARMA_E_SHAPE, "%s: expected [%lld]", t->name, (long long)rows)
                  : status_fail(KARMA_E_SHAPE, "%s: expected [%lld, %lld]", t->name,
                                (long long)rows, (long long)cols);
}

static karma_status load_matrix(struct embedding_head *h, const struct named_tensor *t,
                                int64_t rows, int64_t cols, struct tensor *out) {
    karma_status st = check_shape(t, rows, cols);
    if (st == KARMA_OK) st = h->be->ops->weight_load(h->be, t->dtype, rows, cols, t->data, out);
    if (st == KARMA_OK) h->bytes += t->nbytes + out->owned_bytes;
    return status_prefix(st, "%s", t->name);
}

static karma_status load_bias(struct embedding_head *h, const struct named_tensor *t, int64_t n,
                              float **out) {
    const size_t bytes = (size_t)n * sizeof(float);
    karma_status st = check_shape(t, n, 0);
    if (st == KARMA_OK && !dtype_is_weight(t->dtype))
        st = status_fail(KARMA_E_DTYPE, "%s: type %s", t->name, t->dtype_name);
    if (st < 0) return st;
    float *host = mem_calloc((size_t)n, sizeof(*host));
    *out = host ? h->be->ops->alloc(h->be, bytes) : NULL;
    if (*out) {
        dequantize(t->dtype, t->data, host, n);
        h->be->ops->upload(h->be, *out, host, bytes);
        h->bytes += bytes;
    }
    mem_free(host);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

/* Every tensor of the file must be one the layer has, and each of those must be there. */
static karma_status take_tensors(struct embedding_head *h, struct dense *d,
                                 const struct named_tensor *tensors, int64_t count) {
    const int64_t in = d->spec.in_features, out = d->spec.out_features;
    const bool projects = d->spec.use_residual && in != out;
    bool has_weight = false, has_residual = false;
    karma_status st = KARMA_OK;
    for (int64_t i = 0; i < count && st == KARMA_OK; i++) {
        const struct named_tensor *t = &tensors[i];
        if (strcmp(t->name, "linear.weight") == 0) {
            has_weight = true;
            st = load_matrix(h, t, out, in, &d->weight);
        } else if (d->spec.bias && strcmp(t->name, "linear.bias") == 0) {
            st = load_bias(h, t, out, &d->bias);
        } else if (projects && strcmp(t->name, "residual.weight") == 0) {
            has_residual = true;
            st = load_matrix(h, t, out, in, &d->residual);
        } else {
            st = status_fail(KARMA_E_UNEXPECTED,
                             "tensor %s belongs to no layer that config.json "
                             "describes",
                             status_quotez(t->name));
        }
    }
    if (st < 0) return st;
    const char *missing = !has_weight                 ? "linear.weight"
                          : d->spec.bias && !d->bias  ? "linear.bias"
                          : projects && !has_residual ? "residual.weight"
                                                      : NULL;
    return missing ? status_fail(KARMA_E_MISSING, "tensor %s is missing", missing) : KARMA_OK;
}

/* No weights that karma reads; a pickle beside the place deserves its own advice. */
static karma_status fail_no_weights(struct arena *a, const char *folder) {
    const char *pickle = file_join(a, folder, "pytorch_model.bin");
    if (!pickle) return KARMA_E_NOMEM;
    if (!file_exists(pickle)) return status_fail(KARMA_E_MISSING, "there is no such file");
    return status_prefix(foreign_refuse_pickle(), "pytorch_model.bin");
}

static karma_status open_dense(struct embedding_head *h, const char *folder,
                               const struct st_module *m, struct dense *d) {
    static const char weights[] = "model.safetensors";
    struct named_tensor *tensors;
    int64_t count;
    d->spec = m->u.dense;
    const char *below = file_join(&h->arena, folder, m->path);
    const char *path = below ? file_join(&h->arena, below, weights) : NULL;
    const char *name = file_join(&h->arena, m->path, weights);
    if (!path || !name) return KARMA_E_NOMEM;
    karma_status st =
        file_exists(path) ? file_map_open(path, &d->map) : fail_no_weights(&h->arena, below);
    if (st == KARMA_OK)
        st = safetensors_parse(&h->arena, d->map.data, d->map.size, weights, &tensors, &count);
    if (st == KARMA_OK) st = take_tensors(h, d, tensors, count);
    return status_prefix(st, "%s", status_quotez(name));
}

/* ---- open and close ---- */

/* Sizes along the modules; the widest is what a row of the buffers must hold. */
static karma_status plan_sizes(struct embedding_head *h) {
    const struct st_pooling *p = &h->s->modules[0].u.pooling;
    if (p->dimension && p->dimension != h->hidden_size)
        return status_fail(KARMA_E_SHAPE,
                           "%s: the model's vectors have %lld components, the pooling's %lld",
                           status_quotez(h->s->modules[0].path), (long long)h->hidden_size,
                           (long long)p->dimension);
    h->dim = h->stride = h->hidden_size * p->n_modes;
    for (int i = 1; i < h->s->n_modules; i++) {
        const struct st_module *m = &h->s->modules[i];
        if (m->kind != ST_DENSE) continue;
        if (m->u.dense.in_features != h->dim)
            return status_fail(KARMA_E_SHAPE, "%s: in_features: expected %lld, found %lld",
                               status_quotez(m->path), (long long)h->dim,
                               (long long)m->u.dense.in_features);
        h->dim = m->u.dense.out_features;
        if (h->dim > h->stride) h->stride = h->dim;
        h->has_dense = true;
    }
    return KARMA_OK;
}

static karma_status make_stream(struct embedding_head *h) {
    const size_t bytes = (size_t)(HEAD_ROWS * h->stride) * sizeof(float);
    const struct stream_limits limits = {
        .max_rows = HEAD_ROWS,
        .max_k = h->stride,
        .max_n = h->stride,
        .max_head_rows = 1,
        .n_heads = 1,
        .n_kv_heads = 1,
        .head_dim = 1,
        .max_positions = 1,
    };
    h->x = h->be->ops->alloc(h->be, bytes);
    h->y = h->be->ops->alloc(h->be, bytes);
    h->host = mem_alloc(bytes);
    if (!h->x || !h->y || !h->host) return KARMA_E_NOMEM;
    h->bytes += 3 * bytes + h->be->ops->stream_bytes(h->be, &limits);
    return h->be->ops->stream_create(h->be, &limits, &h->stream);
}

karma_status embedding_head_open(struct backend *be, const char *folder,
                                 const struct sentence_transformers *s, int64_t hidden_size,
                                 struct embedding_head **out) {
    *out = NULL;
    struct embedding_head *h = mem_calloc(1, sizeof(*h));
    if (!h) return KARMA_E_NOMEM;
    h->be = be;
    h->s = s;
    h->hidden_size = hidden_size;
    karma_status st = plan_sizes(h);
    for (int i = 1; i < s->n_modules && st == KARMA_OK; i++)
        if (s->modules[i].kind == ST_DENSE)
            st = open_dense(h, folder, &s->modules[i], &h->dense[i]);
    if (st == KARMA_OK && h->has_dense) st = make_stream(h);
    if (st == KARMA_OK && !(h->sums = mem_calloc((size_t)hidden_size, sizeof(*h->sums))))
        st = KARMA_E_NOMEM;
    if (st < 0) {
        embedding_head_close(h);
        return st;
    }
    *out = h;
    return KARMA_OK;
}

void embedding_head_close(struct embedding_head *h) {
    if (!h) return;
    if (h->stream) h->be->ops->stream_destroy(h->stream);
    h->be->ops->free(h->be, h->x);
    h->be->ops->free(h->be, h->y);
    for (int i = 0; i < ST_MAX_MODULES; i++) {
        struct dense *d = &h->dense[i];
        h->be->ops->weight_release(h->be, &d->weight);
        h->be->ops->weight_release(h->be, &d->residual);
        h->be->ops->free(h->be, d->bias);
        file_map_close(&d->map);
    }
    arena_release(&h->arena);
    mem_free(h->host);
    mem_free(h->sums);
    mem_free(h);
}

int64_t embedding_head_dim(const struct embedding_head *h) {
    return h->dim;
}

int64_t embedding_head_stride(const struct embedding_head *h) {
    return h->stride;
}

size_t embedding_head_bytes(const struct embedding_head *h) {
    return h->bytes;
}

/* ---- pooling ---- */

static void pool_max(const float *hidden, int64_t count, int64_t skip, int64_t width, float *out) {
    for (int64_t c = 0; c < width; c++) {
        float most = -INFINITY; /* what the reference gives when nothing counts */
        for (int64_t t = skip; t < count; t++) {
            const float v = hidden[t * width + c];
            if (v > most || isnan(v)) most = v;
        }
        out[c] = most;
    }
}

/* Weighted by place, a token's weight is t + 1, by where it stands in the text with its prompt. */
static void pool_sums(karma_pooling mode, const float *hidden, int64_t count, int64_t skip,
                      int64_t width, double *sums, float *out) {
    double weights = 0;
    memset(sums, 0, (size_t)width * sizeof(*sums));
    for (int64_t t = skip; t < count; t++) {
        const double w = mode == KARMA_POOL_WEIGHTED_MEAN ? (double)(t + 1) : 1;
        for (int64_t c = 0; c < width; c++)
            sums[c] += w * (double)hidden[t * width + c];
        weights += w;
    }
    weights = fmax(weights, 1e-9);
    const double by = mode == KARMA_POOL_MEAN_SQRT_LEN ? sqrt(weights) : weights;
    for (int64_t c = 0; c < width; c++)
        out[c] = (float)(sums[c] / by);
}

static void pool(karma_pooling mode, const float *hidden, int64_t count, int64_t skip,
                 int64_t width, double *sums, float *out) {
    const bool none = skip >= count;
    switch (mode) {
    case KARMA_POOL_CLS: /* the first that counts; the very first when none does */
        memcpy(out, hidden + (none ? 0 : skip) * width, (size_t)width * sizeof(*out));
        break;
    case KARMA_POOL_LAST_TOKEN:
        if (none)
            memset(out, 0, (size_t)width * sizeof(*out));
        else
            memcpy(out, hidden + (count - 1) * width, (size_t)width * sizeof(*out));
        break;
    case KARMA_POOL_MAX:
        pool_max(hidden, count, skip, width, out);
        break;
    case KARMA_POOL_MEAN:
    case KARMA_POOL_MEAN_SQRT_LEN:
    case KARMA_POOL_WEIGHTED_MEAN:
        pool_sums(mode, hidden, count, skip, width, sums, out);
        break;
    }
}

void embedding_head_pool(const struct embedding_head *h, const float *hidden, int64_t count,
                         int64_t skip, float *out) {
    const struct st_pooling *p = &h->s->modules[0].u.pooling;
    for (int i = 0; i < p->n_modes; i++)
        pool(p->modes[i], hidden, count, skip, h->hidden_size, h->sums, out + i * h->hidden_size);
}

/* ---- what follows ---- */

void embedding_normalize(float *v, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)v[i] * (double)v[i];
    const double length = fmax(sqrt(sum), 1e-12);
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)((double)v[i] / length);
}

/* h->y = act(W x + b) over m rows of h->x, then to the host. */
static void linear_step(struct embedding_head *h, const struct tensor *w, const float *bias,
                        enum activation act, int64_t m, float *host, int64_t host_stride) {
    const struct backend_ops *ops = h->be->ops;
    const struct linear_args a = {
        .x = h->x,
        .m = m,
        .k = w->cols,
        .ldx = w->cols,
        .n_weights = 1,
        .w = {w},
        .bias = {bias},
        .y = {h->y},
        .ldy = {w->rows},
        .act = act,
    };
    ops->linear(h->stream, &a);
    for (int64_t i = 0; i < m; i++)
        ops->download(h->stream, host + i * host_stride, h->y + i * w->rows,
                      (size_t)w->rows * sizeof(float));
    ops->finish(h->stream);
}

/* rows = act(W rows + b), plus rows or their projection. */
static void dense_step(struct embedding_head *h, const struct dense *d, float *rows, int64_t m) {
    const int64_t in = d->spec.in_features, out = d->spec.out_features;
    for (int64_t i = 0; i < m; i++)
        h->be->ops->upload(h->be, h->x + i * in, rows + i * h->stride, (size_t)in * sizeof(float));
    linear_step(h, &d->weight, d->bias, d->spec.activation, m, h->host, out);
    const bool adds = d->spec.use_residual;
    if (adds && in != out) linear_step(h, &d->residual, NULL, ACT_NONE, m, rows, h->stride);
    for (int64_t i = 0; i < m; i++) {
        float *row = rows + i * h->stride;
        for (int64_t c = 0; c < out; c++)
            row[c] = adds ? h->host[i * out + c] + row[c] : h->host[i * out + c];
    }
}

void embedding_head_run(struct embedding_head *h, float *vectors, size_t n, bool keep_length) {
    const int n_modules = h->s->n_modules;
    for (size_t at = 0; at < n; at += HEAD_ROWS) {
        const int64_t m = (int64_t)(n - at < HEAD_ROWS ? n - at : HEAD_ROWS);
        float *rows = vectors + at * (size_t)h->stride;
        int64_t dim = h->hidden_size * h->s->modules[0].u.pooling.n_modes;
        for (int k = 1; k < n_modules; k++) {
            if (h->s->modules[k].kind == ST_DENSE) {
                dense_step(h, &h->dense[k], rows, m);
                dim = h->dense[k].spec.out_features;
                continue;
            }
            for (int64_t i = 0; i < m && !(keep_length && k == n_modules - 1); i++)
                embedding_normalize(rows + i * h->stride, dim);
        }
    }
}
