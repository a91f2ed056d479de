/*
 * attention.c - attention over the block table. The rows of a step are put in an order in which
 * those that read the same KV blocks stand together, and cut into chunks; threads claim a chunk and
 * a kv head. Inside, blocks are walked in key order: the queries of neighbouring rows that name the
 * same block meet it as one, whatever sequences they are of. Each query then merges its partial
 * result as doc/numerics.md says, so how they were grouped leaves no trace. Over a cache in bf16
 * all products are those of pairs. A block of eight bits is first widened to what the set computes
 * with, in scratch of the thread.
 */
#include <assert.h>
#include <string.h>

#include "tensor/cpu/cpu.h"

struct job {
    struct cpu_stream *s;
    const struct attention_args *a;
    struct kv_pool form; /* the cache as the kernels see it: F32 or BF16 */
    int64_t n_chunks;
    int32_t group; /* query heads of a kv head */
};

static int32_t first_key(const struct attention_args *a, const struct batch_row *row) {
    return a->window > 0 && row->pos >= a->window ? row->pos - a->window + 1 : 0;
}

static int32_t first_block(const struct attention_args *a, const struct batch_row *row) {
    return first_key(a, row) / KV_BLOCK_TOKENS;
}

static int32_t end_block(const struct batch_row *row) {
    return (row->visible_end + KV_BLOCK_TOKENS - 1) / KV_BLOCK_TOKENS;
}

/* Order by the blocks both rows see, what ends early first. */
static int compare_rows(const struct attention_args *a, int32_t i, int32_t j) {
    const struct batch_row *x = &a->rows[i], *y = &a->rows[j];
    const int32_t *tx = a->block_tables[x->seq], *ty = a->block_tables[y->seq];
    const int32_t bx = first_block(a, x), by = first_block(a, y);
    const int32_t ex = end_block(x), ey = end_block(y);
    const int32_t end = ex < ey ? ex : ey;
    for (int32_t b = bx > by ? bx : by; tx != ty && b < end; b++)
        if (tx[b] != ty[b]) return tx[b] < ty[b] ? -1 : 1;
    return (ex > ey) - (ex < ey);
}

/* A stable merge sort of order[0..n); most steps come sorted. */
static void sort_rows(const struct attention_args *a, int32_t *order, int32_t *space, int64_t n) {
    bool sorted = true;
    for (int64_t i = 1; i < n && sorted; i++)
        sorted = compare_rows(a, order[i - 1], order[i]) <= 0;
    if (sorted) return;
    const int64_t half = n / 2;
    sort_rows(a, order, space, half);
    sort_rows(a, order + half, space, n - half);
    memcpy(space, order, (size_t)half * sizeof(*order));
    int64_t i = 0, j = half, to = 0;
    while (i < half && j < n)
        order[to++] = compare_rows(a, order[j], space[i]) < 0 ? order[j++] : space[i++];
    while (i < half)
        order[to++] = space[i++];
}

static bool share_a_block(const struct attention_args *a, int32_t i, int32_t j) {
    const struct batch_row *x = &a->rows[i], *y = &a->rows[j];
    if (x->seq == y->seq) return true;
    const int32_t bx = first_block(a, x), by = first_block(a, y);
    const int32_t b = bx > by ? bx : by;
    return b < end_block(x) && b < end_block(y) &&
           a->block_tables[x->seq][b] == a->block_tables[y->seq][b];
}

/* Fill order and chunk_start; returns the number of chunks. */
static int64_t plan(struct cpu_stream *s, const struct attention_args *a, int32_t group) {
    for (int64_t i = 0; i < a->m; i++)
        s->order[i] = (int32_t)i;
    sort_rows(a, s->order, s->sort_space, a->m);
    const int64_t most = group < QUERY_CHUNK ? QUERY_CHUNK / group : 1;
    int64_t n = 0, start = 0;
    s->chunk_start[0] = 0;
    for (int64_t i = 1; i < a->m; i++) {
        if (i - start < most && share_a_block(a, s->order[i - 1], s->order[i])) continue;
        s->chunk_start[++n] = (int32_t)i;
        start = i;
    }
    s->chunk_start[++n] = (int32_t)a->m;
    return n;
}

struct walk { /* one chunk and one kv head */
    const struct job *job;
    struct cpu_thread *th;
    const int32_t *order; /* the chunk's rows */
    int32_t n_rows;
    int32_t kv_head;
    int64_t head_dim;
};

static const struct batch_row *row_of(const struct walk *w, int64_t query) {
    return &w->job->a->rows[w->order[query / w->job->group]];
}

static int64_t head_offset(const struct walk *w, int64_t query) {
    return (w->kv_head * w->job->group + query % w->job->group) * w->head_dim;
}

/* Queries [q0, q0 + r) as a token tile. Most blocks meet the same tiles as the block before. */
static const float *turned_tile(struct walk *w, int64_t q0, int r) {
    struct cpu_thread *th = w->th;
    float *tile = th->q + q0 * w->head_dim;
    if (th->tile_end[q0] == q0 + r) return tile;
    for (int64_t q = q0 < TILE_TOKENS ? 0 : q0 - TILE_TOKENS; q < q0; q++)
        if (th->tile_end[q] > q0) th->tile_end[q] = 0;
    for (int64_t q = q0; q < q0 + r; q++)
        th->tile_end[q] = 0;
    th->tile_end[q0] = (int32_t)(q0 + r);
    const struct attention_args *a = w->job->a;
    for (int t = 0; t < r; t++) {
        const int64_t row = w->order[(q0 + t) / w->job->group];
        const float *from = a->q + row * a->ldq + head_offset(w, q0 + t);
        for (int64_t d = 0; d < w->head_dim; d++)
            tile[d * r + t] = from[d];
    }
    return tile;
}

/* Queries [q0, q0 + r) and a block of keys and values. */
static void meet(struct walk *w, int32_t block, const void *head, int64_t q0, int r,
                 struct fetch *next) {
    const struct attention_args *a = w->job->a;
    const struct kernel_set *ks = &w->job->s->be->ks;
    struct cpu_thread *th = w->th;
    const int64_t n = w->head_dim;
    const float *keys = head, *v = keys + n * KV_BLOCK_TOKENS;
    float max[TILE_TOKENS], sum[TILE_TOKENS], old[TILE_TOKENS], new[TILE_TOKENS];
    int j0[TILE_TOKENS], j1[TILE_TOKENS];
    bool begins[TILE_TOKENS], alike = true; /* do all see the same keys of it? */

    for (int t = 0; t < r; t++) {
        const struct batch_row *row = row_of(w, q0 + t);
        const int32_t base = block * KV_BLOCK_TOKENS;
        const int32_t from = first_key(a, row) - base, to = row->visible_end - base;
        j0[t] = from > 0 ? from : 0;
        j1[t] = to < KV_BLOCK_TOKENS ? to : KV_BLOCK_TOKENS;
        begins[t] = block == first_block(a, row);
        alike = alike && j0[t] == j0[0] && j1[t] == j1[0] && begins[t] == begins[0];
    }
    fetch_piece(next);
    ks->tile(th->scores, turned_tile(w, q0, r), r, keys, n, true);
    ks->softmax(th->scores, r, j0, j1, a->scale, max, sum);
    fetch_piece(next);
    if (alike) {
        if (begins[0]) {
            memcpy(th->max + q0, max, (size_t)r * sizeof(float));
            memcpy(th->sum + q0, sum, (size_t)r * sizeof(float));
        } else {
            ks->combine(th->max + q0, th->sum + q0, max, sum, r, old, new);
        }
        ks->values(th->o + q0 * n, th->scores, r, v, n, j0[0], j1[0], begins[0] ? NULL : old, new);
        th->count.whole_values++;
        return;
    }
    for (int t = 0; t < r; t++) {
        const int64_t q = q0 + t;
        if (begins[t]) {
            th->max[q] = max[t];
            th->sum[q] = sum[t];
        } else {
            ks->combine(th->max + q, th->sum + q, max + t, sum + t, 1, old + t, new + t);
        }
        ks->values(th->o + q * n, th->scores + t * KV_BLOCK_TOKENS, 1, v, n, j0[t], j1[t],
                   begins[t] ? NULL : old + t, new + t);
    }
    th->count.part_values += (uint64_t)r;
}

/* ---- over a cache in bf16 ---- */

/* Tiles lie where they lie for the whole chunk: queries [k TILE_TOKENS, (k + 1) TILE_TOKENS). */
static uint32_t *pairs_tile(const struct walk *w, int64_t q) {
    const int64_t words = (w->head_dim + 1) / 2 * ATTENTION_STRIDE;
    return w->th->query_pairs + q / TILE_TOKENS * words + q % TILE_TOKENS;
}

/* Turn the queries of a chunk, and begin: their first blocks are merged with nothing. */
static void begin_pairs(const struct walk *w, int64_t n) {
    const struct attention_args *a = w->job->a;
    struct cpu_thread *th = w->th;
    for (int64_t q0 = 0; q0 < n; q0 += TILE_TOKENS) {
        const float *rows[TILE_TOKENS];
        const int r = n - q0 < TILE_TOKENS ? (int)(n - q0) : TILE_TOKENS;
        for (int t = 0; t < r; t++) {
            const int64_t q = q0 + t;
            const struct batch_row *row = row_of(w, q);
            rows[t] = a->q + w->order[q / w->job->group] * a->ldq + head_offset(w, q);
            th->key_from[q] = first_key(a, row);
            th->key_end[q] = row->visible_end;
            th->max[q] = -INFINITY;
            th->sum[q] = 0.0f;
        }
        w->job->s->be->ks.attention.turn(pairs_tile(w, q0), ATTENTION_STRIDE, rows, r, w->head_dim);
    }
    memset(th->o, 0, (size_t)(n * w->head_dim) * sizeof(*th->o));
}

/* meet() for queries of one tile. */
static void meet_pairs(struct walk *w, int32_t block, const void *head, int64_t q0, int r,
                       struct fetch *next) {
    const struct kernel_set *ks = &w->job->s->be->ks;
    const struct attention_kernels *pairs = &ks->attention;
    struct cpu_thread *th = w->th;
    const uint32_t *v = (const void *)((const char *)head + kv_key_bytes(&w->job->form));
    float max[TILE_TOKENS], sum[TILE_TOKENS], old[TILE_TOKENS], new[TILE_TOKENS];
    int j0[TILE_TOKENS], j1[TILE_TOKENS];
    for (int t = 0; t < r; t++) {
        const int32_t base = block * KV_BLOCK_TOKENS;
        const int32_t from = th->key_from[q0 + t] - base, to = th->key_end[q0 + t] - base;
        j0[t] = from > 0 ? from : 0;
        j1[t] = to < KV_BLOCK_TOKENS ? to : KV_BLOCK_TOKENS;
    }
    fetch_piece(next);
    pairs->scores(th->scores, pairs_tile(w, q0), r, head, w->head_dim);
    pairs->weigh(th->weight_pairs, th->scores, r, j0, j1, w->job->a->scale, max, sum);
    fetch_piece(next);
    ks->combine(th->max + q0, th->sum + q0, max, sum, r, old, new);
    pairs->values(th->o + q0 * w->head_dim, th->weight_pairs, r, v, w->head_dim, j0, j1, old, new);
}

/* ---- the walk ---- */

static const void *head_of_block(const struct walk *w, int32_t id) {
    return kv_head_at(w->job->a->kv, id, w->job->a->layer, w->kv_head);
}

static bool in_pairs(const struct walk *w) {
    return w->job->form.dtype == DTYPE_BF16;
}

enum { WIDE_ROWS = KV_BLOCK_TOKENS / 2 }; /* of eight bits, widened together */

/* Rows [j, j + WIDE_ROWS) of the keys or values of a block of eight bits in f32. */
static const float *widened_rows(const struct walk *w, const void *from, int j) {
    const size_t row = kv_int8_row(w->job->a->kv);
    const int8_t *q = from;
    const float *scales = (const void *)(q + row * KV_BLOCK_TOKENS);
    float *to = w->th->wide_rows;
    for (int i = j; i < j + WIDE_ROWS; i++, to += w->head_dim)
        w->job->s->be->ks.int8.widen(to, q + row * (size_t)i, scales[i], w->head_dim);
    return w->th->wide_rows;
}

/* A block of eight bits as the kernels take it. */
static const void *widened(const struct walk *w, const void *keys) {
    const struct kernel_set *ks = &w->job->s->be->ks;
    const void *values = (const char *)keys + kv_key_bytes(w->job->a->kv);
    void *wide = w->th->wide, *wide_values = (char *)wide + kv_key_bytes(&w->job->form);
    const int64_t n = w->head_dim;
    for (int j = 0; j < KV_BLOCK_TOKENS; j += WIDE_ROWS) {
        const float *rows = widened_rows(w, keys, j);
        if (in_pairs(w)) {
            const float *at[WIDE_ROWS];
            for (int t = 0; t < WIDE_ROWS; t++)
                at[t] = rows + t * n;
            ks->attention.turn((uint32_t *)wide + j, KV_BLOCK_TOKENS, at, WIDE_ROWS, n);
        } else {
            for (int t = 0; t < WIDE_ROWS; t++)
                for (int64_t d = 0; d < n; d++)
                    ((float *)wide)[d * KV_BLOCK_TOKENS + j + t] = rows[t * n + d];
        }
        rows = widened_rows(w, values, j);
        if (in_pairs(w)) {
            for (int t = 0; t < WIDE_ROWS; t += 2)
                ks->full.pair_rows((uint32_t *)wide_values + (j + t) / 2 * n, rows + t * n,
                                   rows + (t + 1) * n, n);
        } else {
            memcpy((float *)wide_values + j * n, rows, (size_t)(WIDE_ROWS * n) * sizeof(*rows));
        }
    }
    return wide;
}

/* Where tile i of the queries [q0, q0 + n) begins: cut evenly, no tile waits on one chain; or as
 * the chunk's tiles lie. */
static int64_t tile_count(const struct walk *w, int64_t q0, int64_t n) {
    if (in_pairs(w)) return (q0 + n - 1) / TILE_TOKENS - q0 / TILE_TOKENS + 1;
    return (n + TILE_TOKENS - 1) / TILE_TOKENS;
}
static int64_t tile_start(const struct walk *w, int64_t q0, int64_t n, int64_t i) {
    if (i == 0) return q0;
    const int64_t count = tile_count(w, q0, n);
    if (i == count) return q0 + n;
    return in_pairs(w) ? (q0 / TILE_TOKENS + i) * TILE_TOKENS : q0 + i * n / count;
}

static bool sees(const struct attention_args *a, const struct batch_row *row, int32_t block) {
    return block >= first_block(a, row) && block < end_block(row);
}

/* All rows of the chunk that see the block, one run of equal block ids after the other. */
static void visit(struct walk *w, int32_t block) {
    const struct attention_args *a = w->job->a;
    for (int32_t i = 0, end; i < w->n_rows; i = end) {
        const struct batch_row *row = &a->rows[w->order[i]];
        end = i + 1;
        if (!sees(a, row, block)) continue;
        const int32_t id = a->block_tables[row->seq][block];
        bool shared = false;
        for (; end < w->n_rows; end++) {
            const struct batch_row *other = &a->rows[w->order[end]];
            if (!sees(a, other, block) || a->block_tables[other->seq][block] != id) break;
            shared = shared || other->seq != row->seq;
        }
        if (shared)
            w->th->count.shared_reads++;
        else
            w->th->count.unshared_reads++;
        const void *head = head_of_block(w, id);
        const int64_t q0 = (int64_t)i * w->job->group;
        const int64_t n = (int64_t)(end - i) * w->job->group;
        const int64_t n_tiles = tile_count(w, q0, n);
        struct fetch next = {0};
        if (block + 1 < end_block(row)) {
            const void *at = head_of_block(w, a->block_tables[row->seq][block + 1]);
            next = fetch_begin(at, kv_head_bytes(a->kv), 2 * n_tiles);
        }
        if (a->kv->dtype == DTYPE_I8) head = widened(w, head);
        for (int64_t t = 0; t < n_tiles; t++) {
            const int64_t from = tile_start(w, q0, n, t), to = tile_start(w, q0, n, t + 1);
            (in_pairs(w) ? meet_pairs : meet)(w, block, head, from, (int)(to - from), &next);
        }
    }
}

static void do_chunk(void *ctx, int64_t item, int thread) {
    const struct job *job = ctx;
    const struct attention_args *a = job->a;
    struct cpu_stream *s = job->s;
    /* The last chunk of a prompt sees the most keys: begin there. */
    const int64_t chunk = job->n_chunks - 1 - item / a->kv->n_kv_heads;
    struct walk w = {
        .job = job,
        .th = &s->threads[thread],
        .order = s->order + s->chunk_start[chunk],
        .n_rows = s->chunk_start[chunk + 1] - s->chunk_start[chunk],
        .kv_head = (int32_t)(item % a->kv->n_kv_heads),
        .head_dim = a->kv->head_dim,
    };
    const int64_t n_queries = (int64_t)w.n_rows * job->group;
    if (in_pairs(&w))
        begin_pairs(&w, n_queries);
    else
        memset(w.th->tile_end, 0, (size_t)n_queries * sizeof(*w.th->tile_end));
    int32_t from = INT32_MAX, to = 0;
    for (int32_t i = 0; i < w.n_rows; i++) {
        const struct batch_row *row = &a->rows[w.order[i]];
        if (first_block(a, row) < from) from = first_block(a, row);
        if (end_block(row) > to) to = end_block(row);
    }
    for (int32_t block = from; block < to; block++)
        visit(&w, block);
    for (int64_t q = 0; q < n_queries; q++) {
        float *out = a->out + w.order[q / job->group] * a->ldo + head_offset(&w, q);
        (in_pairs(&w) ? s->be->ks.attention.settle
                      : s->be->ks.divide)(out, w.th->o + q * w.head_dim, w.th->sum[q], w.head_dim);
    }
}

void cpu_attention(struct stream *stream, const struct attention_args *a) {
    struct cpu_stream *s = cpu_stream_of(stream);
    assert(a->m <= s->limits.max_rows && a->kv->head_dim <= s->limits.head_dim);
    assert(stream->be->ops->caches(stream->be, a->kv->dtype));
    if (a->m <= 0) return;
    struct job job = {.s = s, .a = a, .form = *a->kv, .group = a->n_heads / a->kv->n_kv_heads};
    if (a->kv->dtype == DTYPE_I8)
        job.form.dtype = s->be->ks.attention.scores ? DTYPE_BF16 : DTYPE_F32;
    job.n_chunks = plan(s, a, job.group);
    pool_run(s->be->pool, job.n_chunks * a->kv->n_kv_heads, do_chunk, &job);
}
