/*
 * rope_cache.c - per head norm and rotary embedding of a step's queries and keys, and the way of
 * keys (turned) and values into the cache. cos and sin of a row are computed once a step: the next
 * layers find them in a table that is checked by content, never by address.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "tensor/cpu/cpu.h"

enum {
    FEW_ROWS = 64,
    ROWS_AN_ITEM_FEW = 4,
    ROWS_AN_ITEM = KV_BLOCK_TOKENS, /* rows of a block write the same cache lines of K */
};

struct job {
    struct cpu_stream *s;
    const struct rope_cache_args *a;
    struct rope_table *table;
    int64_t rows_an_item;
};

static struct rope_table *find_table(struct cpu_stream *s, const struct rope *rope) {
    const size_t bytes = (size_t)(rope->rotary_dim / 2) * sizeof(float);
    for (int i = 0; i < ROPE_TABLES; i++) {
        struct rope_table *t = &s->rope[i];
        if (t->rotary_dim == rope->rotary_dim && t->attention_factor == rope->attention_factor &&
            memcmp(t->inv_freq, rope->inv_freq, bytes) == 0)
            return t;
    }
    struct rope_table *t = &s->rope[s->rope_next];
    s->rope_next = (s->rope_next + 1) % ROPE_TABLES;
    t->rotary_dim = rope->rotary_dim;
    t->attention_factor = rope->attention_factor;
    memcpy(t->inv_freq, rope->inv_freq, bytes);
    for (int64_t i = 0; i < s->limits.max_rows; i++)
        t->pos[i] = -1;
    return t;
}

static void fill_row(struct rope_table *t, int64_t i, int32_t pos) {
    const int32_t half = t->rotary_dim / 2;
    float *c = t->cos + i * half, *s = t->sin + i * half;
    for (int32_t j = 0; j < half; j++) {
        const float angle = (float)pos * t->inv_freq[j];
        c[j] = (float)cos((double)angle) * t->attention_factor;
        s[j] = (float)sin((double)angle) * t->attention_factor;
    }
    t->pos[i] = pos;
}

static void norm_and_turn(const struct job *job, float *x, const float *gain, int64_t row) {
    const struct rope_cache_args *a = job->a;
    const struct kernel_set *ks = &job->s->be->ks;
    const int64_t n = a->kv->head_dim;
    if (gain) rms_norm(ks, x, x, gain, a->norm_eps, n);
    if (!job->table) return;
    const int64_t half = a->rope.rotary_dim / 2;
    ks->rotate(x, job->table->cos + row * half, job->table->sin + row * half, a->rope.rotary_dim,
               a->rope.interleaved);
}

static void do_row(const struct job *job, int64_t i) {
    const struct rope_cache_args *a = job->a;
    const struct kv_pool *kv = a->kv;
    const int64_t n = kv->head_dim;
    const struct batch_row *row = &a->rows[i];
    if (job->table && job->table->pos[i] != row->pos) fill_row(job->table, i, row->pos);
    for (int64_t h = 0; h < a->n_heads; h++)
        norm_and_turn(job, a->q + i * a->ldq + h * n, a->q_norm, i);
    const int32_t id = a->block_tables[row->seq][row->pos / KV_BLOCK_TOKENS];
    const int32_t j = row->pos % KV_BLOCK_TOKENS;
    float *keys = kv->base + (size_t)id * kv_block_floats(kv) +
                  (size_t)a->layer * (size_t)kv->n_kv_heads * kv_head_floats(kv);
    for (int64_t h = 0; h < kv->n_kv_heads; h++, keys += kv_head_floats(kv)) {
        float *k = a->k + i * a->ldk + h * n;
        norm_and_turn(job, k, a->k_norm, i);
        for (int64_t d = 0; d < n; d++)
            keys[d * KV_BLOCK_TOKENS + j] = k[d];
        memcpy(keys + n * KV_BLOCK_TOKENS + j * n, a->v + i * a->ldv + h * n,
               (size_t)n * sizeof(float));
    }
}

static void do_rows(void *ctx, int64_t item, int thread) {
    (void)thread;
    const struct job *job = ctx;
    const int64_t from = item * job->rows_an_item;
    const int64_t to = from + job->rows_an_item;
    for (int64_t i = from; i < to && i < job->a->m; i++)
        do_row(job, i);
}

void cpu_rope_cache(struct stream *stream, const struct rope_cache_args *a) {
    struct cpu_stream *s = cpu_stream_of(stream);
    assert(a->m <= s->limits.max_rows && a->rope.rotary_dim <= s->limits.head_dim);
    struct job job = {.s = s, .a = a};
    if (a->rope.rotary_dim > 0) job.table = find_table(s, &a->rope);
    job.rows_an_item = a->m < FEW_ROWS ? ROWS_AN_ITEM_FEW : ROWS_AN_ITEM;
    pool_run(s->be->pool, (a->m + job.rows_an_item - 1) / job.rows_an_item, do_rows, &job);
}
