/*
 * full_attention.c - attention of an encoder in which every row sees every row, by the two register
 * tiles of all products. Lanes are queries: a panel is PANEL_ROWS of them turned on their side, the
 * scores of a block of keys come out as [keys][queries], which is the panel that the values are
 * multiplied with, and max, sum and fading need no step across lanes.
 *
 * Keys and values are laid out once, head by head, in the order in which the tiles read them. Then
 * threads claim groups of panels of one head; a group meets a block of keys while it is in the
 * cache. With bf16 products all four inputs of the tiles are rounded to bf16, unless the stream
 * is one that must not; sums stay f32.
 */
#include <assert.h>
#include <float.h>
#include <string.h>

#include "tensor/cpu/cpu.h"

enum { ITEMS_A_THREAD = 8 }; /* below, groups are made smaller */

struct job {
    struct cpu_stream *s;
    const struct full_attention_args *a;
    bool pairs;
    int64_t n_blocks; /* of keys */
    int64_t n_panels; /* of queries */
    int64_t group, n_groups;
};

/* Numbers laid out for a head: its dimensions in a row, in pairs as words of two. */
static int64_t key_words(const struct job *job) {
    return job->pairs ? (job->a->head_dim + 1) / 2 : job->a->head_dim;
}

/* Rows of a tile's values: keys, or pairs of them. */
static int64_t value_rows(const struct job *job, int64_t n) {
    return job->pairs ? (n + 1) / 2 : n;
}

static int64_t block_keys(const struct job *job, int64_t block) {
    const int64_t rest = job->a->m - block * FULL_KEYS;
    return rest < FULL_KEYS ? rest : FULL_KEYS;
}

/* Where the keys and the values of a block of a head lie. */
static size_t keys_at(const struct job *job, int64_t head, int64_t block) {
    return (size_t)((head * job->a->m + block * FULL_KEYS) * key_words(job));
}
static size_t values_at(const struct job *job, int64_t head, int64_t block) {
    const int64_t rows = value_rows(job, job->a->m), before = value_rows(job, block * FULL_KEYS);
    return (size_t)((head * rows + before) * job->a->head_dim);
}

/* n things cut evenly into tiles of at most TILE_TOKENS: no tile waits on one chain. */
static int64_t tiles_of(int64_t n) {
    return (n + TILE_TOKENS - 1) / TILE_TOKENS;
}
static int64_t tile_start(int64_t n, int64_t tile) {
    return tile * n / tiles_of(n);
}

/* ---- keys and values in the order of use ---- */

static void lay_out_keys(const struct job *job, int64_t head, int64_t block) {
    const struct full_attention_args *a = job->a;
    const struct kernel_set *ks = &job->s->be->ks;
    const int64_t n = block_keys(job, block), words = key_words(job), dim = a->head_dim;
    const size_t at = keys_at(job, head, block);
    for (int64_t i = 0; i < tiles_of(n); i++) {
        const int64_t start = tile_start(n, i);
        const int r = (int)(tile_start(n, i + 1) - start);
        const float *k = a->k + (block * FULL_KEYS + start) * a->ldk + head * dim;
        const size_t to = at + (size_t)(start * words);
        if (job->pairs)
            ks->turn_pairs(job->s->full_key_pairs + to, k, a->ldk, r, dim);
        else
            ks->turn(job->s->full_keys + to, k, a->ldk, r, dim);
    }
}

/* One row of values, or of pairs of them, into the tiles [rows][columns of the tile]. */
static void spread(void *tiles, const void *row, int64_t i, int64_t n_rows, int64_t dim) {
    _Static_assert(sizeof(float) == sizeof(uint32_t), "numbers and pairs are of one size");
    for (int64_t tile = 0; tile < tiles_of(dim); tile++) {
        const int64_t start = tile_start(dim, tile), r = tile_start(dim, tile + 1) - start;
        memcpy((float *)tiles + start * n_rows + i * r, (const float *)row + start,
               (size_t)r * sizeof(float));
    }
}

static void lay_out_values(const struct job *job, int64_t head, int64_t block, uint32_t *row) {
    const struct full_attention_args *a = job->a;
    const int64_t n = block_keys(job, block), rows = value_rows(job, n), dim = a->head_dim;
    const size_t at = values_at(job, head, block);
    const float *v = a->v + block * FULL_KEYS * a->ldv + head * dim;
    for (int64_t i = 0; i < rows; i++) {
        if (!job->pairs) {
            spread(job->s->full_values + at, v + i * a->ldv, i, rows, dim);
            continue;
        }
        const float *even = v + 2 * i * a->ldv;
        job->s->be->ks.full.pair_rows(row, even, 2 * i + 1 < n ? even + a->ldv : NULL, dim);
        spread(job->s->full_value_pairs + at, row, i, rows, dim);
    }
}

static void lay_out(void *ctx, int64_t item, int thread) {
    const struct job *job = ctx;
    const int64_t head = item / job->n_blocks, block = item % job->n_blocks;
    lay_out_keys(job, head, block);
    lay_out_values(job, head, block, job->s->threads[thread].full.pairs);
}

/* ---- queries ---- */

/* A panel of queries turned, into place p of the group; the lanes beyond the last are zeros. */
static void turn_queries(const struct job *job, const struct cpu_full *t, int64_t head,
                         int64_t panel, int64_t p) {
    const struct full_attention_args *a = job->a;
    const struct kernel_set *ks = &job->s->be->ks;
    const int64_t dim = a->head_dim, words = key_words(job), row = panel * PANEL_ROWS;
    const int64_t n = a->m - row < PANEL_ROWS ? a->m - row : PANEL_ROWS;
    for (int64_t i = 0; i < PANEL_ROWS; i++)
        if (i < n)
            memcpy(t->rows + i * dim, a->q + (row + i) * a->ldq + head * dim,
                   (size_t)dim * sizeof(float));
        else
            memset(t->rows + i * dim, 0, (size_t)dim * sizeof(float));
    if (!job->pairs) {
        ks->turn(t->queries + p * dim * PANEL_ROWS, t->rows, dim, PANEL_ROWS, dim);
        return;
    }
    /* Word by word in parts that the kernel takes, then side by side. */
    enum { PART = PANEL_ROWS / 2 };
    _Static_assert((int)PART <= (int)STREAM_TOKENS, "rows that turn_pairs() takes at once");
    uint32_t *to = t->query_pairs + p * words * PANEL_ROWS;
    for (int64_t half = 0; half < 2; half++) {
        ks->turn_pairs(t->pairs, t->rows + half * PART * dim, dim, PART, dim);
        for (int64_t i = 0; i < words; i++)
            memcpy(to + i * PANEL_ROWS + half * PART, t->pairs + i * PART, PART * sizeof(*to));
    }
}

/* Raw scores of the n keys of a block. */
static void score(const struct job *job, const struct cpu_full *t, int64_t p, size_t keys,
                  int64_t n) {
    const struct kernel_set *ks = &job->s->be->ks;
    const int64_t dim = job->a->head_dim, words = key_words(job);
    for (int64_t i = 0; i < tiles_of(n); i++) {
        const int64_t start = tile_start(n, i);
        const int r = (int)(tile_start(n, i + 1) - start);
        const size_t from = keys + (size_t)(start * words);
        float *s = t->scores + start * PANEL_ROWS;
        if (job->pairs)
            ks->tile_pairs(s, job->s->full_key_pairs + from, r,
                           t->query_pairs + p * words * PANEL_ROWS, dim, true);
        else
            ks->tile(s, job->s->full_keys + from, r, t->queries + p * dim * PANEL_ROWS, dim, true);
    }
}

/* The weights in t->scores times the values of the block, onto what is there. */
static void add_values(const struct job *job, const struct cpu_full *t, float *o, size_t values,
                       int64_t n) {
    const struct kernel_set *ks = &job->s->be->ks;
    const int64_t dim = job->a->head_dim, rows = value_rows(job, n);
    for (int64_t i = 0; job->pairs && i < rows; i++) {
        const float *even = t->scores + 2 * i * PANEL_ROWS;
        ks->full.pair_rows(t->pairs + i * PANEL_ROWS, even,
                           2 * i + 1 < n ? even + PANEL_ROWS : NULL, PANEL_ROWS);
    }
    for (int64_t i = 0; i < tiles_of(dim); i++) {
        const int64_t start = tile_start(dim, i);
        const int r = (int)(tile_start(dim, i + 1) - start);
        const size_t from = values + (size_t)(start * rows);
        float *to = o + start * PANEL_ROWS;
        if (job->pairs)
            ks->tile_pairs(to, job->s->full_value_pairs + from, r, t->pairs, n, false);
        else
            ks->tile(to, job->s->full_values + from, r, t->scores, n, false);
    }
}

static void meet_block(const struct job *job, const struct cpu_full *t, int64_t p, int64_t head,
                       int64_t block) {
    const struct full_kernels *full = &job->s->be->ks.full;
    const int64_t n = block_keys(job, block), dim = job->a->head_dim;
    float *o = t->out + p * dim * PANEL_ROWS;
    float fading[PANEL_ROWS];
    score(job, t, p, keys_at(job, head, block), n);
    if (full->weigh(t->scores, n, job->a->scale, t->max + p * PANEL_ROWS, t->sum + p * PANEL_ROWS,
                    fading))
        full->fade(o, dim, fading);
    add_values(job, t, o, values_at(job, head, block), n);
}

static void hand_out(const struct job *job, const struct cpu_full *t, int64_t panel, int64_t p,
                     int64_t head) {
    const struct full_attention_args *a = job->a;
    const int64_t dim = a->head_dim, row = panel * PANEL_ROWS;
    const int64_t n = a->m - row < PANEL_ROWS ? a->m - row : PANEL_ROWS;
    float *o = t->out + p * dim * PANEL_ROWS, *sum = t->sum + p * PANEL_ROWS;
    for (int j = 0; j < PANEL_ROWS; j++)
        sum[j] = 1.0f / sum[j];
    job->s->be->ks.full.fade(o, dim, sum);
    for (int64_t i = 0; i < n; i++) {
        float *to = a->out + (row + i) * a->ldo + head * dim;
        for (int64_t d = 0; d < dim; d++)
            to[d] = o[d * PANEL_ROWS + i];
    }
}

static void attend(void *ctx, int64_t item, int thread) {
    const struct job *job = ctx;
    const struct cpu_full *t = &job->s->threads[thread].full;
    const int64_t head = item / job->n_groups, dim = job->a->head_dim;
    const int64_t first = item % job->n_groups * job->group;
    const int64_t n = job->n_panels - first < job->group ? job->n_panels - first : job->group;
    for (int64_t p = 0; p < n; p++)
        turn_queries(job, t, head, first + p, p);
    for (int64_t i = 0; i < n * PANEL_ROWS; i++) {
        t->max[i] = -FLT_MAX;
        t->sum[i] = 0.0f;
    }
    memset(t->out, 0, (size_t)(n * dim * PANEL_ROWS) * sizeof(float));
    for (int64_t block = 0; block < job->n_blocks; block++)
        for (int64_t p = 0; p < n; p++)
            meet_block(job, t, p, head, block);
    for (int64_t p = 0; p < n; p++)
        hand_out(job, t, first + p, p, head);
}

void cpu_full_attention(struct stream *stream, const struct full_attention_args *a) {
    struct cpu_stream *s = cpu_stream_of(stream);
    struct pool *pool = s->be->pool;
    assert(a->m <= s->limits.max_full_rows && a->n_heads <= s->limits.n_heads);
    assert(a->head_dim <= s->limits.head_dim && a->scale > 0);
    struct job job = {.s = s,
                      .a = a,
                      .pairs = cpu_full_by_pairs(s),
                      .n_blocks = (a->m + FULL_KEYS - 1) / FULL_KEYS,
                      .n_panels = (a->m + PANEL_ROWS - 1) / PANEL_ROWS,
                      .group = FULL_PANELS};
    const int64_t wanted = (int64_t)ITEMS_A_THREAD * s->n_threads;
    while (job.group > 1 && (job.n_panels + job.group - 1) / job.group * a->n_heads < wanted)
        job.group--;
    job.n_groups = (job.n_panels + job.group - 1) / job.group;
    pool_run(pool, a->n_heads * job.n_blocks, lay_out, &job);
    pool_run(pool, a->n_heads * job.n_groups, attend, &job);
}
