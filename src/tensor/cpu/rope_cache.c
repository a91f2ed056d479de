/*
 * rope_cache.c - per head norm and rotary embedding of a step's queries and keys, and the way of
 * keys (turned) and values into the cache. cos and sin of a row are computed once a step: the next
 * layers find them in a table that is checked by content, never by address. A cache in bf16 is
 * written by whole words where rows that stand together share them, one of eight bits row by row.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "tensor/cpu/cpu.h"

enum {
    FEW_ROWS = 64,
    ROWS_AN_ITEM_FEW = 4,
    ROWS_AN_ITEM = KV_BLOCK_TOKENS, /* rows of a block write the same cache lines of K */
    ROWS_A_TURN = 16,               /* whose words of two dimensions are a cache line */
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

/* The queries of a row, and its keys where they stand. */
static void turn_row(const struct job *job, int64_t i) {
    const struct rope_cache_args *a = job->a;
    const int64_t n = a->kv->head_dim;
    const int32_t pos = a->rows[i].pos;
    if (job->table && job->table->pos[i] != pos) fill_row(job->table, i, pos);
    for (int64_t h = 0; h < a->n_heads; h++)
        norm_and_turn(job, a->q + i * a->ldq + h * n, a->q_norm, i);
    for (int64_t h = 0; h < a->kv->n_kv_heads; h++)
        norm_and_turn(job, a->k + i * a->ldk + h * n, a->k_norm, i);
}

/* Where the keys of a row's block lie, and where they end. */
static void *keys_of(const struct rope_cache_args *a, const struct batch_row *row, int32_t head) {
    const int32_t id = a->block_tables[row->seq][row->pos / KV_BLOCK_TOKENS];
    return kv_head_at(a->kv, id, a->layer, head);
}
static void *values_of(const struct rope_cache_args *a, void *keys) {
    return (char *)keys + kv_key_bytes(a->kv);
}

/* A row of eight bits and its scale. */
static void write_int8(const struct job *job, void *rows, int32_t j, const float *x) {
    const struct kv_pool *kv = job->a->kv;
    const size_t row = kv_int8_row(kv);
    float *scales = (float *)(void *)((char *)rows + row * KV_BLOCK_TOKENS);
    int8_t *q = (int8_t *)rows + row * (size_t)j;
    scales[j] = job->s->be->ks.int8.quantize(q, x, kv->head_dim);
}

static void write_row(const struct job *job, int64_t i) {
    const struct rope_cache_args *a = job->a;
    const int64_t n = a->kv->head_dim;
    const int32_t j = a->rows[i].pos % KV_BLOCK_TOKENS;
    for (int32_t h = 0; h < a->kv->n_kv_heads; h++) {
        float *keys = keys_of(a, &a->rows[i], h), *values = values_of(a, keys);
        const float *k = a->k + i * a->ldk + h * n, *v = a->v + i * a->ldv + h * n;
        if (a->kv->dtype == DTYPE_I8) {
            write_int8(job, keys, j, k);
            write_int8(job, values, j, v);
            continue;
        }
        for (int64_t d = 0; d < n; d++)
            keys[d * KV_BLOCK_TOKENS + j] = k[d];
        memcpy(values + j * n, v, (size_t)n * sizeof(float));
    }
}

/* The values of m rows at positions j, j + 1, ... of a block: a word that is wholly theirs at once,
 * of the others their half alone, since another thread may be writing the other. */
static void write_value_pairs(const struct job *job, uint32_t *values, const float *v, int32_t j,
                              int m) {
    const struct kernel_set *ks = &job->s->be->ks;
    const int64_t n = job->a->kv->head_dim, ldv = job->a->ldv;
    for (int i = 0; i < m; i++, v += ldv) {
        uint32_t *words = values + (j + i) / 2 * n;
        const bool odd = (j + i) % 2;
        if (odd || i + 1 == m) {
            ks->attention.put_half(words, v, odd, n);
            continue;
        }
        ks->full.pair_rows(words, v, v + ldv, n);
        i++;
        v += ldv;
    }
}

/* Rows [i, i + m), positions that follow each other in one block. */
static void write_pairs(const struct job *job, int64_t i, int m) {
    const struct rope_cache_args *a = job->a;
    const struct attention_kernels *pairs = &job->s->be->ks.attention;
    const int64_t n = a->kv->head_dim;
    const int32_t j = a->rows[i].pos % KV_BLOCK_TOKENS;
    for (int32_t h = 0; h < a->kv->n_kv_heads; h++) {
        const float *rows[ROWS_A_TURN];
        uint32_t *keys = keys_of(a, &a->rows[i], h);
        for (int t = 0; t < m; t++)
            rows[t] = a->k + (i + t) * a->ldk + h * n;
        pairs->turn(keys + j, KV_BLOCK_TOKENS, rows, m, n);
        write_value_pairs(job, values_of(a, keys), a->v + i * a->ldv + h * n, j, m);
    }
}

/* How many of the rows [i, end) write_pairs() takes. */
static int run_length(const struct rope_cache_args *a, int64_t i, int64_t end) {
    const struct batch_row *row = &a->rows[i];
    int m = 1;
    while (i + m < end && m < ROWS_A_TURN && row[m].seq == row->seq && row[m].pos == row->pos + m &&
           row[m].pos % ROWS_A_TURN != 0)
        m++;
    return m;
}

static void do_rows(void *ctx, int64_t item, int thread) {
    (void)thread;
    const struct job *job = ctx;
    const int64_t from = item * job->rows_an_item;
    const int64_t rest = job->a->m - from;
    const int64_t to = from + (rest < job->rows_an_item ? rest : job->rows_an_item);
    for (int64_t i = from; i < to; i++) {
        turn_row(job, i);
        if (job->a->kv->dtype != DTYPE_BF16) write_row(job, i);
    }
    if (job->a->kv->dtype != DTYPE_BF16) return;
    for (int64_t i = from; i < to;) {
        const int m = run_length(job->a, i, to);
        write_pairs(job, i, m);
        i += m;
    }
}

void cpu_rope_cache(struct stream *stream, const struct rope_cache_args *a) {
    struct cpu_stream *s = cpu_stream_of(stream);
    assert(a->m <= s->limits.max_rows && a->rope.rotary_dim <= s->limits.head_dim);
    assert(stream->be->ops->caches(stream->be, a->kv->dtype));
    struct job job = {.s = s, .a = a};
    if (a->rope.rotary_dim > 0) job.table = find_table(s, &a->rope);
    job.rows_an_item = a->m < FEW_ROWS ? ROWS_AN_ITEM_FEW : ROWS_AN_ITEM;
    pool_run(s->be->pool, (a->m + job.rows_an_item - 1) / job.rows_an_item, do_rows, &job);
}
