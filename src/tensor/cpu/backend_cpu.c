/*
 * backend_cpu.c - the CPU behind tensor/backend.h: memory, weights as views of the checkpoint,
 * streams with all their scratch, and the steps that are too small for a file (embedding, norm).
 * The others are in linear.c, rope_cache.c and attention.c; what they compute is doc/numerics.md.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/size.h"
#include "tensor/cpu/cpu.h"
#include "tensor/quant.h"

enum { ALIGN = 64, ROWS_AN_ITEM = 16 };

void kernels_init(struct kernel_set *ks, enum cpu_isa isa) {
    kernels_init_ref(ks);
    kernels_ref_full(&ks->full);
    kernels_ref_speech(&ks->speech);
    kernels_ref_int8(&ks->int8);
    kernels_ref_groups(&ks->groups);
#if defined(__x86_64__)
    if (isa == CPU_ISA_AVX2) {
        kernels_init_avx2(ks);
        kernels_avx2_full(&ks->full);
        kernels_avx2_speech(&ks->speech);
        kernels_avx2_int8(&ks->int8);
        kernels_avx2_groups(&ks->groups);
    }
    if (isa >= CPU_ISA_AVX512) {
        kernels_init_avx512(ks);
        kernels_avx512_full(&ks->full);
        kernels_avx512_speech(&ks->speech);
        if (cpu_has_vnni()) {
            kernels_avx512vnni_int8(&ks->int8);
            kernels_avx512vnni_groups(&ks->groups);
        } else {
            kernels_avx2_int8(&ks->int8);
            kernels_avx2_groups(&ks->groups);
        }
    }
    if (isa == CPU_ISA_AVX512BF16) {
        kernels_init_ref_pairs(ks);
        kernels_init_avx512bf16(ks);
        kernels_avx512bf16_full(&ks->full);
        kernels_avx512bf16_attention(&ks->attention);
    }
#else
    (void)isa;
#endif
}

static struct cpu_backend *backend_of(struct backend *be) {
    return (struct cpu_backend *)(void *)be;
}

static void destroy(struct backend *be) {
    struct cpu_backend *cpu = backend_of(be);
    if (!cpu) return;
    pool_destroy(cpu->pool);
    mem_free(cpu);
}

static const char *describe(const struct backend *be) {
    return ((const struct cpu_backend *)(const void *)be)->description;
}

static size_t memory_bytes(const struct backend *be) {
    (void)be;
    return cpu_memory_bytes();
}

static bool caches(const struct backend *be, enum dtype dtype) {
    const struct kernel_set *ks = &((const struct cpu_backend *)(const void *)be)->ks;
    if (dtype == DTYPE_BF16) return ks->attention.scores;
    return dtype == DTYPE_F32 || dtype == DTYPE_I8;
}

/* Zeroed by the system, so that pages never touched take no memory; the block's own address lies
 * just before what is handed out. */
static void *device_alloc(struct backend *be, size_t bytes) {
    (void)be;
    uint64_t total;
    if (!size_add(bytes, ALIGN + sizeof(void *), &total) || total > SIZE_MAX) total = SIZE_MAX;
    char *block = mem_calloc(1, (size_t)total);
    if (!block) return NULL;
    uintptr_t at = (uintptr_t)block + sizeof(void *);
    at = (at + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1);
    char *p = block + (at - (uintptr_t)block);
    memcpy(p - sizeof(void *), &block, sizeof(block));
    return p;
}

static void device_free(struct backend *be, void *p) {
    (void)be;
    if (!p) return;
    char *block;
    memcpy(&block, (char *)p - sizeof(void *), sizeof(block));
    mem_free(block);
}

static void upload(struct backend *be, void *device, const void *host, size_t bytes) {
    (void)be;
    if (bytes) memcpy(device, host, bytes);
}

static karma_status weight_load(struct backend *be, enum dtype dtype, int64_t rows, int64_t cols,
                                const void *data, struct tensor *w) {
    (void)be;
    *w = (struct tensor){0};
    if (!dtype_is_weight(dtype))
        return status_fail(KARMA_E_DTYPE, "a weight of type %s cannot be computed with",
                           dtype_name(dtype));
    uint64_t row_bytes, all;
    if (rows <= 0 || cols <= 0 || !dtype_bytes(dtype, (uint64_t)cols, &row_bytes) ||
        !size_mul(row_bytes, (uint64_t)rows, &all) || all > SIZE_MAX)
        return status_fail(KARMA_E_SHAPE, "a weight of type %s cannot have the shape [%lld, %lld]",
                           dtype_name(dtype), (long long)rows, (long long)cols);
    *w = (struct tensor){
        .dtype = dtype, .rows = rows, .cols = cols, .data = data, .row_bytes = (size_t)row_bytes};
    return KARMA_OK;
}

static void weight_release(struct backend *be, struct tensor *w) {
    (void)be;
    mem_free(w->owned);
    *w = (struct tensor){0};
}

/* Lays parts out one after the other: first to learn the size (base NULL), then for real. */
struct layout {
    char *base;
    uint64_t used;
    bool overflow;
};

static void *part(struct layout *l, uint64_t count, size_t size) {
    uint64_t bytes, end;
    if (!size_mul(count, size, &bytes) || !size_align_up(bytes, ALIGN, &bytes) ||
        !size_add(l->used, bytes, &end) || end > SIZE_MAX / 2) {
        l->overflow = true;
        return NULL;
    }
    char *p = l->base ? l->base + l->used : NULL;
    l->used = end;
    return p;
}

static float *floats(struct layout *l, int64_t rows, int64_t cols) {
    uint64_t count;
    if (!size_mul((uint64_t)rows, (uint64_t)cols, &count)) {
        l->overflow = true;
        return NULL;
    }
    return part(l, count, sizeof(float));
}

/* Words for pairs of `cols` columns, if the kernels have use for them. */
static uint32_t *pairs(struct layout *l, const struct cpu_stream *s, int64_t cols, int64_t n) {
    _Static_assert(sizeof(uint32_t) == sizeof(float), "floats() counts them");
    void *words = s->be->ks.turn_pairs ? floats(l, cols / 2 + cols % 2, n) : NULL;
    return words;
}

/* The input of quantised weights. */
static void lay_out_groups(struct layout *l, struct cpu_stream *s) {
    const int64_t k = s->limits.max_k;
    void *pairs_of_16 = floats(l, k / 2 + k % 2, s->max_tokens);
    s->turned_groups = (struct group_input){.pairs = pairs_of_16,
                                            .scale = floats(l, 1, s->max_tokens),
                                            .sum16 = floats(l, k / 16 + 1, s->max_tokens),
                                            .sum32 = floats(l, k / 32 + 1, s->max_tokens)};
}

/* Words of four columns, if there are weights of eight bits. */
static uint32_t *words_of_int8(struct layout *l, const struct cpu_stream *s, int64_t cols,
                               int64_t n) {
    void *words = s->be->base.weights != WEIGHTS_STORED ? floats(l, int8_words(cols), n) : NULL;
    return words;
}

static int64_t max64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static void lay_out_full(struct layout *l, struct cpu_full *t, const struct cpu_stream *s) {
    const int64_t dim = s->limits.head_dim, lanes = (int64_t)FULL_PANELS * PANEL_ROWS;
    t->rows = floats(l, PANEL_ROWS, dim);
    if (cpu_full_by_pairs(s))
        t->query_pairs = pairs(l, s, dim, lanes);
    else
        t->queries = floats(l, dim, lanes);
    t->scores = floats(l, FULL_KEYS, PANEL_ROWS);
    t->pairs = pairs(l, s, max64(FULL_KEYS, dim), PANEL_ROWS);
    t->out = floats(l, dim, lanes);
    t->max = floats(l, 1, lanes);
    t->sum = floats(l, 1, lanes);
}

static void lay_out_pairs(struct layout *l, struct cpu_thread *t, const struct cpu_stream *s) {
    const int64_t tiles = (s->max_chunk + TILE_TOKENS - 1) / TILE_TOKENS;
    t->query_pairs = pairs(l, s, s->limits.head_dim, tiles * ATTENTION_STRIDE);
    t->weight_pairs = pairs(l, s, KV_BLOCK_TOKENS, TILE_TOKENS);
    t->key_from = part(l, (uint64_t)s->max_chunk, sizeof(int32_t));
    t->key_end = part(l, (uint64_t)s->max_chunk, sizeof(int32_t));
}

static void lay_out_thread(struct layout *l, struct cpu_thread *t, const struct cpu_stream *s) {
    const int64_t head_dim = s->limits.head_dim;
    t->panel = floats(l, PACK_COLS, PANEL_ROWS);
    t->panel_pairs = part(l, (uint64_t)PACK_COLS / 2 * PANEL_ROWS, sizeof(uint32_t));
    t->acc[0] = floats(l, BLOCK_TOKENS, PANEL_ROWS);
    t->acc[1] = floats(l, BLOCK_TOKENS, PANEL_ROWS);
    t->rows = floats(l, STREAM_TOKENS, s->row_stride);
    t->q = floats(l, s->max_chunk, head_dim);
    t->o = floats(l, s->max_chunk, head_dim);
    t->scores = floats(l, TILE_TOKENS, KV_BLOCK_TOKENS);
    t->max = floats(l, 1, s->max_chunk);
    t->sum = floats(l, 1, s->max_chunk);
    t->tile_end = part(l, (uint64_t)s->max_chunk, sizeof(int32_t));
    t->wide_rows = floats(l, KV_BLOCK_TOKENS / 2, head_dim);
    t->wide = floats(l, 2 * KV_BLOCK_TOKENS, head_dim);
    if (s->be->ks.attention.scores) lay_out_pairs(l, t, s);
    if (s->limits.max_full_rows > 0) lay_out_full(l, &t->full, s);
    if (s->limits.max_frames > 0) t->speech = floats(l, 2, s->limits.max_frames + head_dim);
}

static void lay_out_all_keys(struct layout *l, struct cpu_stream *s) {
    const struct stream_limits *lim = &s->limits;
    const int64_t dims = (int64_t)lim->n_heads * lim->head_dim;
    if (cpu_full_by_pairs(s)) {
        s->full_key_pairs = pairs(l, s, lim->head_dim, lim->n_heads * lim->max_full_rows);
        s->full_value_pairs = pairs(l, s, lim->max_full_rows, dims);
    } else {
        s->full_keys = floats(l, lim->max_full_rows, dims);
        s->full_values = floats(l, lim->max_full_rows, dims);
    }
}

/* Everything a stream needs, from s->limits and s->n_threads. */
static void lay_out(struct layout *l, struct cpu_stream *s) {
    const struct stream_limits *lim = &s->limits;
    const int32_t group = lim->n_kv_heads > 0 ? lim->n_heads / lim->n_kv_heads : 1;
    s->max_tokens = max64(max64(lim->max_rows, lim->max_head_rows), STREAM_TOKENS);
    s->max_chunk = max64(QUERY_CHUNK, group);
    s->row_stride = lim->max_k + 16; /* rows a page apart would fight for one set of the cache */
    struct cpu_thread *threads = part(l, (uint64_t)s->n_threads, sizeof(*threads));
    s->threads = threads;
    for (int i = 0; i < s->n_threads; i++) {
        struct cpu_thread unplaced = {0};
        lay_out_thread(l, threads ? &threads[i] : &unplaced, s);
    }
    s->turned = floats(l, s->max_tokens, lim->max_k);
    s->turned_pairs = pairs(l, s, lim->max_k, s->max_tokens);
    lay_out_groups(l, s);
    s->turned_int8 = words_of_int8(l, s, lim->max_k, s->max_tokens);
    if (s->be->base.weights != WEIGHTS_STORED) s->int8_scales = floats(l, 1, s->max_tokens);
    s->post = floats(l, lim->max_rows, lim->max_k);
    for (int i = 0; i < ROPE_TABLES; i++) {
        struct rope_table *t = &s->rope[i];
        t->inv_freq = floats(l, 1, lim->head_dim);
        t->pos = part(l, (uint64_t)lim->max_rows, sizeof(int32_t));
        t->cos = floats(l, lim->max_rows, lim->head_dim / 2);
        t->sin = floats(l, lim->max_rows, lim->head_dim / 2);
    }
    if (lim->max_full_rows > 0) lay_out_all_keys(l, s);
    s->order = part(l, (uint64_t)lim->max_rows, sizeof(int32_t));
    s->sort_space = part(l, (uint64_t)lim->max_rows, sizeof(int32_t));
    s->chunk_start = part(l, (uint64_t)lim->max_rows + 1, sizeof(int32_t));
}

static size_t stream_bytes(const struct backend *be, const struct stream_limits *limits) {
    struct cpu_stream s = {.limits = *limits};
    s.be = (const struct cpu_backend *)(const void *)be;
    s.n_threads = pool_threads(s.be->pool);
    struct layout l = {0};
    lay_out(&l, &s);
    return l.overflow ? SIZE_MAX : (size_t)l.used + sizeof(s);
}

static void stream_destroy(struct stream *stream) {
    if (!stream) return;
    struct cpu_stream *s = cpu_stream_of(stream);
    mem_free(s->memory);
    mem_free(s);
}

static karma_status stream_create(struct backend *be, const struct stream_limits *limits,
                                  struct stream **out) {
    *out = NULL;
    const size_t bytes = stream_bytes(be, limits);
    if (limits->max_rows < 0 || limits->max_k < 0 || limits->head_dim < 0 || bytes == SIZE_MAX)
        return status_fail(KARMA_E_OVERFLOW, "the scratch of a step of %lld rows is too large",
                           (long long)limits->max_rows);
    struct cpu_stream *s = mem_calloc(1, sizeof(*s));
    if (!s) return KARMA_E_NOMEM;
    s->base.be = be;
    s->be = backend_of(be);
    s->limits = *limits;
    s->n_threads = pool_threads(s->be->pool);
    s->memory = mem_alloc_aligned(ALIGN, bytes);
    if (!s->memory) {
        mem_free(s);
        return KARMA_E_NOMEM;
    }
    struct layout l = {.base = s->memory};
    lay_out(&l, s);
    for (int i = 0; i < s->n_threads; i++)
        s->threads[i].count = (struct cpu_counters){0};
    *out = &s->base;
    return KARMA_OK;
}

void cpu_stream_counters(const struct stream *stream, struct cpu_counters *out) {
    const struct cpu_stream *s = (const struct cpu_stream *)(const void *)stream;
    *out = (struct cpu_counters){0};
    for (int i = 0; i < s->n_threads; i++) {
        const struct cpu_counters *c = &s->threads[i].count;
        for (int t = 0; t < DTYPE_COUNT; t++) {
            out->packed[t] += c->packed[t];
            out->streamed[t] += c->streamed[t];
        }
        out->tiles += c->tiles;
        out->whole_values += c->whole_values;
        out->part_values += c->part_values;
        out->shared_reads += c->shared_reads;
        out->unshared_reads += c->unshared_reads;
    }
}

static void attention_reads(const struct stream *s, uint64_t *shared, uint64_t *unshared) {
    struct cpu_counters c;
    cpu_stream_counters(s, &c);
    *shared = c.shared_reads;
    *unshared = c.unshared_reads;
}

struct embed_job {
    const struct cpu_stream *s;
    const struct embed_args *a;
};

static void table_row(const struct tensor *table, int32_t row, float *x) {
    const uint8_t *src = table->data;
    if (table->dtype == DTYPE_I8)
        int8_row(table, row, x);
    else
        dequantize(table->dtype, src + (size_t)row * table->row_bytes, x, table->cols);
}

static void embed_rows(void *ctx, int64_t item, int thread) {
    const struct embed_job *job = ctx;
    const struct embed_args *a = job->a;
    float *position = job->s->threads[thread].rows;
    const int64_t k = a->table->cols;
    const int64_t from = item * ROWS_AN_ITEM, to = from + ROWS_AN_ITEM;
    for (int64_t i = from; i < to && i < a->m; i++) {
        const struct batch_row *row = &a->rows[i];
        float *x = a->x + i * k;
        if (row->token < 0) {
            memcpy(x, a->embeddings + row->embedding * k, (size_t)k * sizeof(float));
            continue;
        }
        table_row(a->table, row->token, x);
        for (int64_t j = 0; j < k; j++)
            x[j] *= a->scale;
        for (int64_t j = 0; a->bias && j < k; j++)
            x[j] += a->bias[j];
        if (!a->positions) continue;
        table_row(a->positions, a->position_ids[i], position);
        for (int64_t j = 0; j < k; j++)
            x[j] += position[j];
    }
}

static void embed(struct stream *stream, const struct embed_args *a) {
    struct embed_job job = {.s = cpu_stream_of(stream), .a = a};
    pool_run(job.s->be->pool, (a->m + ROWS_AN_ITEM - 1) / ROWS_AN_ITEM, embed_rows, &job);
}

struct norm_job {
    const struct kernel_set *ks;
    const struct norm_args *a;
};

static void norm_row(const struct norm_job *job, int64_t i) {
    const struct norm_args *a = job->a;
    const struct kernel_set *ks = job->ks;
    const float *x = a->x + i * a->k;
    float *y = a->y + i * a->k, mean = 0, square;
    if (a->kind == NORM_LAYER) {
        mean = ks->sum(x, a->k) / (float)a->k;
        square = ks->sum_squares_from(x, mean, a->k) / (float)a->k;
    } else {
        square = ks->sum_squares(x, a->k) / (float)a->k;
    }
    const float scale = 1.0f / sqrtf(square + a->eps);
    ks->normalise(y, x, mean, scale, a->gain, a->kind == NORM_LAYER ? a->bias : NULL, a->k);
}

static void norm_rows(void *ctx, int64_t item, int thread) {
    (void)thread;
    const struct norm_job *job = ctx;
    const int64_t from = item * ROWS_AN_ITEM, to = from + ROWS_AN_ITEM;
    for (int64_t i = from; i < to && i < job->a->m; i++)
        norm_row(job, i);
}

static void norm(struct stream *stream, const struct norm_args *a) {
    const struct cpu_backend *be = cpu_stream_of(stream)->be;
    struct norm_job job = {.ks = &be->ks, .a = a};
    pool_run(be->pool, (a->m + ROWS_AN_ITEM - 1) / ROWS_AN_ITEM, norm_rows, &job);
}

static void download(struct stream *s, void *host, const void *device, size_t bytes) {
    (void)s;
    if (bytes) memcpy(host, device, bytes);
}

static void copy(struct stream *s, void *to, const void *from, size_t bytes) {
    (void)s;
    memcpy(to, from, bytes);
}

static void finish(struct stream *s) {
    (void)s; /* steps are done when they return */
}

static const struct backend_ops cpu_ops = {
    .name = "cpu",
    .destroy = destroy,
    .describe = describe,
    .memory_bytes = memory_bytes,
    .caches = caches,
    .alloc = device_alloc,
    .free = device_free,
    .upload = upload,
    .weight_load = weight_load,
    .weight_to_int8 = cpu_weight_to_int8,
    .weight_rows = cpu_weight_rows,
    .weight_release = weight_release,
    .stream_bytes = stream_bytes,
    .stream_create = stream_create,
    .stream_destroy = stream_destroy,
    .embed = embed,
    .linear = cpu_linear,
    .rope_cache = cpu_rope_cache,
    .attention = cpu_attention,
    .full_attention = cpu_full_attention,
    .head = cpu_head,
    .norm = norm,
    .conv2d = cpu_conv2d,
    .turn = cpu_turn,
    .glu_conv = cpu_glu_conv,
    .rel_attention = cpu_rel_attention,
    .lstm = cpu_lstm,
    .add_relu = cpu_add_relu,
    .patches = cpu_patches,
    .pool = cpu_pool,
    .download = download,
    .copy = copy,
    .finish = finish,
    .attention_reads = attention_reads,
};

karma_status cpu_backend_create(enum cpu_isa isa, int threads, struct backend **out) {
    *out = NULL;
    struct cpu_backend *be = mem_calloc(1, sizeof(*be));
    if (!be) return KARMA_E_NOMEM;
    be->base.ops = &cpu_ops;
    kernels_init(&be->ks, isa);
    karma_status st = pool_create(threads > 0 ? threads : cpu_count(), &be->pool);
    if (st < 0) {
        mem_free(be);
        return st;
    }
    const int n = pool_threads(be->pool);
    snprintf(be->description, sizeof(be->description), "%s, %d thread%s", be->ks.isa, n,
             n == 1 ? "" : "s");
    *out = &be->base;
    return KARMA_OK;
}
