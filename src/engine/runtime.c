/* runtime.c - see runtime.h. */
#include "engine/runtime.h"

#include <stdio.h>

#include "base/size.h"

static int32_t blocks_of(int64_t n_tokens) {
    return (int32_t)((n_tokens + KV_BLOCK_TOKENS - 1) / KV_BLOCK_TOKENS);
}

size_t runtime_ceiling(const struct backend *be) {
    return (size_t)((double)be->ops->memory_bytes(be) * 0.9);
}

/* What a plan takes, in bytes; UINT64_MAX where no number fits. */
struct plan {
    uint64_t weights, block, cache, scratch, sum;
};

static struct kv_pool pool_of(const struct model *m) {
    return (struct kv_pool){
        .dtype = m->info.cache_dtype,
        .n_layers = m->info.n_layers,
        .n_kv_heads = m->info.n_kv_heads,
        .head_dim = m->info.head_dim,
    };
}

static struct stream_limits stream_limits_of(const struct model *m,
                                             const struct runtime_limits *limits, int32_t n_ctx,
                                             size_t *scratch_floats) {
    struct engine_need need = {0};
    m->family->need(m->self, limits->max_rows, &need);
    need.stream.max_rows = limits->max_rows;
    need.stream.max_head_rows = limits->max_head_rows;
    need.stream.max_positions = n_ctx;
    *scratch_floats = need.scratch_floats;
    return need.stream;
}

/* Room for rows of pictures in one step. */
static uint64_t embedding_bytes(const struct model *m, const struct runtime_limits *limits) {
    if (!(m->info.can & FAMILY_SEE)) return 0;
    return size_product(size_product((uint64_t)limits->max_rows, (uint64_t)m->info.hidden_size),
                        sizeof(float));
}

/* The least that serves one sequence of n_ctx. */
static struct plan plan_for(const struct model *m, const struct runtime_limits *limits,
                            int32_t n_ctx) {
    size_t scratch_floats;
    const struct stream_limits stream = stream_limits_of(m, limits, n_ctx, &scratch_floats);
    const struct kv_pool pool = pool_of(m);
    struct plan p = {.weights = size_sum(m->info.weight_bytes, m->info.private_bytes)};
    p.block = size_sum(kv_block_bytes(&pool), limits->host_block_bytes);
    p.cache = size_product(p.block, (uint64_t)blocks_of(n_ctx));
    p.scratch = size_sum(size_product(scratch_floats, sizeof(float)), limits->host_bytes);
    p.scratch = size_sum(p.scratch, m->be->ops->stream_bytes(m->be, &stream));
    p.scratch = size_sum(p.scratch, embedding_bytes(m, limits));
    p.sum = size_sum(size_sum(p.weights, p.cache), p.scratch);
    return p;
}

static karma_status over_the_ceiling(const struct model *m, const struct runtime_limits *limits,
                                     int32_t n_ctx, uint64_t ceiling) {
    const struct plan p = plan_for(m, limits, n_ctx);
    int32_t fits = 0, too_long = n_ctx;
    while (too_long - fits > 1) {
        const int32_t middle = fits + (too_long - fits) / 2;
        if (plan_for(m, limits, middle).sum <= ceiling)
            fits = middle;
        else
            too_long = middle;
    }
    const unsigned long long mib = 1 << 20;
    char advice[64] = "no n_ctx fits";
    if (fits > 0) snprintf(advice, sizeof(advice), "the largest n_ctx that fits is %d", fits);
    return status_fail(KARMA_E_LIMIT,
                       "memory: %llu MiB needed (weights %llu, cache for n_ctx %d %llu, scratch "
                       "%llu), %llu allowed; %s",
                       (unsigned long long)p.sum / mib, (unsigned long long)p.weights / mib, n_ctx,
                       (unsigned long long)p.cache / mib, (unsigned long long)p.scratch / mib,
                       (unsigned long long)ceiling / mib, advice);
}

karma_status runtime_measure(const struct model *model, const struct runtime_limits *limits,
                             struct runtime_size *out) {
    const int32_t longest = model->info.max_position_embeddings;
    *out = (struct runtime_size){.n_ctx = limits->n_ctx};
    if (!(model->info.can & FAMILY_GENERATE)) {
        return status_fail(KARMA_E_UNSUPPORTED,
                           "this checkpoint makes vectors of texts; it does not generate");
    }
    if (out->n_ctx == 0) {
        out->n_ctx = longest < RUNTIME_DEFAULT_CTX ? longest : RUNTIME_DEFAULT_CTX;
    }
    if (out->n_ctx < 1 || out->n_ctx > longest) {
        return status_fail(KARMA_E_LIMIT, "n_ctx %d: the model's context is %d", out->n_ctx,
                           longest);
    }
    const uint64_t ceiling =
        limits->ceiling_bytes ? limits->ceiling_bytes : runtime_ceiling(model->be);
    const struct plan p = plan_for(model, limits, out->n_ctx);
    if (p.sum > ceiling) return over_the_ceiling(model, limits, out->n_ctx, ceiling);
    uint64_t n_blocks = (uint64_t)blocks_of(out->n_ctx) * (uint64_t)limits->max_sequences;
    const uint64_t affordable = (ceiling - p.weights - p.scratch) / p.block;
    if (n_blocks > affordable) n_blocks = affordable;
    if (n_blocks > INT32_MAX / 2) n_blocks = INT32_MAX / 2;
    out->n_blocks = (int32_t)n_blocks;
    out->cache_bytes = (size_t)(n_blocks * p.block);
    out->scratch_bytes = (size_t)p.scratch;
    return KARMA_OK;
}

karma_status runtime_create(const struct model *model, const struct runtime_limits *limits,
                            struct runtime *rt) {
    const struct backend_ops *ops = model->be->ops;
    struct runtime_size size;
    rt->model = model;
    karma_status st = runtime_measure(model, limits, &size);
    if (st < 0) return st;
    rt->n_ctx = size.n_ctx;
    rt->blocks_per_sequence = blocks_of(rt->n_ctx);
    rt->kv = pool_of(model);
    rt->kv.n_blocks = size.n_blocks;
    rt->kv_bytes = (size_t)size.n_blocks * kv_block_bytes(&rt->kv);
    rt->kv.base = ops->alloc(model->be, rt->kv_bytes);
    if (!rt->kv.base) return KARMA_E_NOMEM;
    size_t scratch_floats;
    const struct stream_limits stream = stream_limits_of(model, limits, rt->n_ctx, &scratch_floats);
    rt->scratch = ops->alloc(model->be, scratch_floats * sizeof(float));
    if (!rt->scratch) return KARMA_E_NOMEM;
    rt->scratch_bytes = size.scratch_bytes;
    if (embedding_bytes(model, limits) > 0) {
        rt->embeddings = ops->alloc(model->be, (size_t)embedding_bytes(model, limits));
        if (!rt->embeddings) return KARMA_E_NOMEM;
    }
    return ops->stream_create(model->be, &stream, &rt->stream);
}

void runtime_release(struct runtime *rt) {
    if (!rt->model) return;
    const struct backend_ops *ops = rt->model->be->ops;
    if (rt->stream) ops->stream_destroy(rt->stream);
    ops->free(rt->model->be, rt->embeddings);
    ops->free(rt->model->be, rt->scratch);
    ops->free(rt->model->be, rt->kv.base);
    *rt = (struct runtime){0};
}

void runtime_forward(struct runtime *rt, struct batch *batch) {
    batch->kv = &rt->kv;
    batch->scratch = rt->scratch;
    batch->embeddings = rt->embeddings;
    rt->model->family->forward(rt->model->self, batch, rt->stream);
    rt->model->be->ops->finish(rt->stream);
}
