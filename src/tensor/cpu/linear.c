/*
 * linear.c - products with what stands before and after them. First the input is turned into token
 * tiles (its norm taken on the way), in each form that one of the weights asks for: f32 for plain
 * types, pairs of bf16 for bf16 where the set has their products, integers of 16 bits for quantised
 * types, of 8 for int8. Then threads claim panels of weight rows. A thread brings a panel to the
 * weight's form piece by piece and multiplies each piece by all tiles of its token block, carrying
 * the accumulators on; what follows the product is done while they are in the cache.
 *
 * With few tokens a thread claims one item ahead, because the weights come from memory once and in
 * order: while one panel is multiplied the next is fetched as one run. With many, items are long
 * and the claim waits, so that no thread ends with two of them in hand; what is fetched is a guess.
 */
#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "tensor/cpu/cpu.h"

enum {
    FETCH_AHEAD_TOKENS = 2 * TILE_TOKENS, /* above, fetched between tiles, not by kernels */
    ITEMS_A_THREAD = 4,                   /* below, token blocks are made smaller */
};

struct product {
    struct cpu_stream *s;
    const struct linear_args *a;
    const int32_t *row_index; /* rows of x; NULL: 0, 1, 2, ... */
    float softcap;
    float *post; /* where w x goes when a post norm follows */
    /* The forms of the input that the weights ask for. */
    bool some_plain, some_pairs, some_groups, some_minima, some_int8;
    int64_t n_tiles, n_blocks;
    int64_t width;   /* of the tile when there is only one: some tokens may be there for nothing */
    int64_t n_units; /* panels, or pairs of panels of gate and up */
    int64_t n_items;
    _Atomic int64_t next;
};

/* Gate and up, whose panels belong together. */
static bool gated(enum activation act) {
    return act == ACT_SILU_MUL || act == ACT_GELU_TANH_MUL;
}

static int64_t panels_of(const struct tensor *w) {
    return (w->skip + w->rows + PANEL_ROWS - 1) / PANEL_ROWS;
}

/* Tiles and blocks are cut evenly: no tile is left with one token to wait on one chain. */
static int64_t tile_start(const struct product *p, int64_t tile) {
    return tile * p->a->m / p->n_tiles;
}

static int64_t block_start(const struct product *p, int64_t block) {
    return block * p->n_tiles / p->n_blocks;
}

static int tile_width(const struct product *p, int64_t tile) {
    return (int)(p->n_tiles == 1 ? p->width : tile_start(p, tile + 1) - tile_start(p, tile));
}

static bool in_pairs(const struct product *p, const struct tensor *w) {
    return w->dtype == DTYPE_BF16 && p->s->be->ks.turn_pairs;
}

/* The tile that begins with token `start`, n columns on (an even number). */
static float *turned(const struct product *p, int64_t start, int64_t n, int width) {
    return p->s->turned + start * p->a->k + n * width;
}
static uint32_t *turned_pairs(const struct product *p, int64_t start, int64_t n, int width) {
    return p->s->turned_pairs + start * ((p->a->k + 1) / 2) + n / 2 * width;
}

static bool in_groups(const struct tensor *w) {
    return quant_form(w->dtype).group > 0;
}

static struct group_input turned_groups(const struct product *p, int64_t start, int64_t n,
                                        int width) {
    const struct group_input *all = &p->s->turned_groups;
    const int64_t k = p->a->k;
    struct group_input x = {.pairs = all->pairs + start * (k / 2) + n / 2 * width,
                            .scale = all->scale + start};
    if (!p->some_minima) return x;
    x.sum16 = all->sum16 + start * (k / 16) + n / 16 * width;
    x.sum32 = all->sum32 + start * (k / 32) + n / 32 * width;
    return x;
}

/* A panel of groups lies in the space of the two other kinds. */
static struct group_panel panel_groups(const struct cpu_thread *th) {
    return (struct group_panel){.pairs = th->panel_pairs,
                                .scale = th->panel,
                                .bias = th->panel + PACK_COLS / GROUP_COLS * PANEL_ROWS};
}

static uint32_t *turned_int8(const struct product *p, int64_t start) {
    return p->s->turned_int8 + start * int8_words(p->a->k);
}

/* space: where rows of eight bits are kept on the way; x may lie there. */
static void turn(const struct product *p, int64_t start, const float *x, int64_t ldx, int width,
                 float *space) {
    const struct kernel_set *ks = &p->s->be->ks;
    const int64_t k = p->a->k, stride = p->s->row_stride;
    if (p->some_plain) ks->turn(turned(p, start, 0, width), x, ldx, width, k);
    if (p->some_pairs) ks->turn_pairs(turned_pairs(p, start, 0, width), x, ldx, width, k);
    if (p->some_groups) {
        const struct group_input to = turned_groups(p, start, 0, width);
        ks->groups.turn(&to, x, ldx, width, k);
    }
    if (!p->some_int8) return;
    int8_t *q = (int8_t *)(void *)space;
    const size_t ldq = (size_t)stride * sizeof(*space);
    for (int t = 0; t < width; t++)
        p->s->int8_scales[start + t] = ks->int8.quantize(q + (size_t)t * ldq, x + t * ldx, k);
    ks->int8.turn(turned_int8(p, start), q, ldq, width, int8_words(k));
}

static void prepare_tile(void *ctx, int64_t tile, int thread) {
    const struct product *p = ctx;
    const struct linear_args *a = p->a;
    const int64_t start = tile_start(p, tile), stride = p->s->row_stride;
    const int64_t r = tile_start(p, tile + 1) - start;
    const int width = tile_width(p, tile);
    float *rows = p->s->threads[thread].rows;
    if (!a->norm && !p->row_index && r == width) {
        turn(p, start, a->x + start * a->ldx, a->ldx, width, rows);
        return;
    }
    for (int64_t t = 0; t < r; t++) {
        const int64_t i = p->row_index ? p->row_index[start + t] : start + t;
        const float *x = a->x + i * a->ldx;
        if (a->norm)
            rms_norm(&p->s->be->ks, rows + t * stride, x, a->norm, a->norm_eps, a->k);
        else
            memcpy(rows + t * stride, x, (size_t)a->k * sizeof(float));
    }
    for (int64_t t = r; t < width; t++)
        memset(rows + t * stride, 0, (size_t)a->k * sizeof(float));
    turn(p, start, rows, stride, width, rows);
}

/* The panel of a unit: its weight and the rows from `base` on that are multiplied. The last panel
 * of a weight is moved back to be full; `skip` rows of it belong to the one before. Panels in eight
 * bits stay where they are, and a view skips rows of its first. */
struct panel {
    const struct tensor *w;
    int which;
    int64_t base;
    int n, skip;
};

static struct panel panel_at(const struct tensor *w, int which, int64_t index) {
    struct panel q = {.w = w, .which = which, .base = index * PANEL_ROWS - w->skip};
    if (w->dtype == DTYPE_I8) {
        q.skip = q.base < 0 ? (int)-q.base : 0;
        q.n = w->rows - q.base < PANEL_ROWS ? (int)(w->rows - q.base) : PANEL_ROWS;
        return q;
    }
    if (w->rows < PANEL_ROWS) {
        q.n = (int)w->rows;
        return q;
    }
    q.n = PANEL_ROWS;
    if (q.base + PANEL_ROWS > w->rows) {
        q.skip = (int)(q.base + PANEL_ROWS - w->rows);
        q.base -= q.skip;
    }
    return q;
}

static struct panel unit_panel(const struct product *p, int64_t unit, int which) {
    if (gated(p->a->act)) return panel_at(p->a->w[which], which, unit);
    int w = 0;
    while (unit >= panels_of(p->a->w[w]))
        unit -= panels_of(p->a->w[w++]);
    return panel_at(p->a->w[w], w, unit);
}

static const struct int8_panel *panel_int8(const struct panel *q) {
    return int8_panel_at(q->w, (q->base + q->w->skip) / PANEL_ROWS);
}

static const uint8_t *panel_data(const struct panel *q) {
    if (q->w->dtype == DTYPE_I8) return (const uint8_t *)panel_int8(q);
    if (q->w->turned) return (const uint8_t *)q->w->data + (size_t)q->base * sizeof(float);
    return (const uint8_t *)q->w->data + (size_t)q->base * q->w->row_bytes;
}

/* All columns of a panel by the one tile there is; false: not possible. */
static bool stream(const struct product *p, const struct panel *q, float *acc,
                   const uint8_t *ahead) {
    const struct kernel_set *ks = &p->s->be->ks;
    const size_t row_bytes = q->w->row_bytes;
    const int64_t k = p->a->k;
    const int r = tile_width(p, 0);
    if (in_pairs(p, q->w))
        return ks->stream_pairs(acc, turned_pairs(p, 0, 0, r), r, panel_data(q), row_bytes, k,
                                ahead);
    if (in_groups(q->w)) {
        const struct group_input x = turned_groups(p, 0, 0, r);
        return ks->groups.stream(acc, &x, r, q->w->dtype, panel_data(q), row_bytes, k, ahead);
    }
    return ks->stream(acc, turned(p, 0, 0, r), r, q->w->dtype, panel_data(q), row_bytes, k, ahead);
}

/* A panel of a weight that lies turned already. */
static void copy_turned(float *panel, const struct panel *q, int64_t k0, int64_t kn) {
    const float *from = (const float *)(const void *)panel_data(q) + k0 * q->w->rows;
    for (int64_t i = 0; i < kn; i++, from += q->w->rows)
        memcpy(panel + i * PANEL_ROWS, from, (size_t)q->n * sizeof(*panel));
}

/* kn columns of a panel from k0 on into memory, and those of a tile by them. */
static void pack(const struct product *p, const struct panel *q, int64_t k0, int64_t kn,
                 struct cpu_thread *th, const uint8_t *ahead) {
    const struct kernel_set *ks = &p->s->be->ks;
    const size_t row_bytes = q->w->row_bytes;
    const struct group_panel groups = panel_groups(th);
    if (q->w->turned)
        copy_turned(th->panel, q, k0, kn);
    else if (in_groups(q->w))
        ks->groups.pack(&groups, q->w->dtype, panel_data(q), row_bytes, q->n, k0, kn, ahead);
    else if (in_pairs(p, q->w))
        ks->pack_pairs(th->panel_pairs, panel_data(q), row_bytes, q->n, k0, kn, ahead);
    else
        ks->pack(th->panel, q->w->dtype, panel_data(q), row_bytes, q->n, k0, kn, ahead);
}

static void multiply_tile(const struct product *p, const struct panel *q, int64_t tile, int64_t k0,
                          int64_t kn, const struct cpu_thread *th, float *acc) {
    const struct kernel_set *ks = &p->s->be->ks;
    const int64_t start = tile_start(p, tile);
    const int r = tile_width(p, tile);
    if (in_groups(q->w)) {
        const struct group_input x = turned_groups(p, start, k0, r);
        const struct group_panel panel = panel_groups(th);
        const bool last = k0 + kn == p->a->k;
        ks->groups.tile(acc, &x, r, &panel, quant_form(q->w->dtype), kn, k0 == 0, last);
    } else if (in_pairs(p, q->w)) {
        ks->tile_pairs(acc, turned_pairs(p, start, k0, r), r, th->panel_pairs, kn, k0 == 0);
    } else {
        ks->tile(acc, turned(p, start, k0, r), r, th->panel, kn, k0 == 0);
    }
}

static void multiply_int8(const struct product *p, const struct panel *q, int64_t tile0,
                          int64_t tile1, float *acc, const uint8_t *ahead) {
    const struct int8_kernels *k = &p->s->be->ks.int8;
    for (int64_t i = tile0; i < tile1; i++) {
        const int64_t start = tile_start(p, i);
        const int r = tile_width(p, i);
        k->tile(acc, turned_int8(p, start), p->s->int8_scales + start, r, panel_int8(q),
                int8_words(p->a->k), ahead);
        acc += r * PANEL_ROWS;
        ahead = NULL;
    }
}

static void multiply(const struct product *p, const struct panel *q, int64_t block,
                     struct cpu_thread *th, float *acc, const uint8_t *ahead) {
    const enum dtype t = q->w->dtype;
    const int64_t k = p->a->k;
    const int64_t tile0 = block_start(p, block), tile1 = block_start(p, block + 1);
    const int64_t token0 = tile_start(p, tile0);
    if (t == DTYPE_I8) {
        multiply_int8(p, q, tile0, tile1, acc, ahead);
        th->count.streamed[t]++;
        th->count.tiles += (uint64_t)(tile1 - tile0);
        return;
    }
    if (p->n_tiles == 1 && q->n == PANEL_ROWS && !q->w->turned && stream(p, q, acc, ahead)) {
        th->count.streamed[t]++;
        return;
    }
    th->count.packed[t]++;
    struct fetch next = {0};
    if (ahead && p->a->m > FETCH_AHEAD_TOKENS) { /* between tiles, of which there are many */
        const int64_t pieces = (tile1 - tile0) * ((k + PACK_COLS - 1) / PACK_COLS);
        next = fetch_begin(ahead, (size_t)PANEL_ROWS * q->w->row_bytes, pieces);
        ahead = NULL;
    }
    const int64_t step = p->n_tiles == 1 ? PANEL_COLS : PACK_COLS;
    for (int64_t k0 = 0; k0 < k; k0 += step) {
        const int64_t kn = k - k0 < step ? k - k0 : step;
        pack(p, q, k0, kn, th, ahead);
        if (ahead) ahead += (size_t)(kn / dtype_block_elems(t)) * dtype_block_bytes(t) * PANEL_ROWS;
        for (int64_t i = tile0; i < tile1; i++) {
            multiply_tile(p, q, i, k0, kn, th, acc + (tile_start(p, i) - token0) * PANEL_ROWS);
            fetch_piece(&next);
        }
        th->count.tiles += (uint64_t)(tile1 - tile0);
    }
}

static void add_bias(float *acc, const struct product *p, const struct panel *q, int64_t m) {
    const float *bias = p->a->bias[q->which];
    if (!bias) return;
    bias += q->base + q->skip;
    acc += q->skip;
    for (int64_t i = 0; i < m; i++, acc += PANEL_ROWS)
        p->s->be->ks.add(acc, acc, bias, q->n - q->skip);
}

/* Hand the accumulators of tokens [token0, token0 + m) on. */
static void deliver(const struct product *p, const struct panel *q, float *const acc[2],
                    int64_t token0, int64_t m) {
    const struct linear_args *a = p->a;
    const struct kernel_set *ks = &p->s->be->ks;
    const int64_t row = q->base + q->skip;
    const int n = q->n - q->skip;
    const int64_t ldy = p->post ? q->w->rows : a->ldy[q->which];
    float *y = (p->post ? p->post : a->y[q->which]) + token0 * ldy + row;
    const float *residual = a->residual && !p->post ? a->residual + token0 * ldy + row : NULL;
    for (int64_t i = 0; i < m; i++, y += ldy) {
        const float *from = acc[0] + i * PANEL_ROWS + q->skip;
        if (gated(a->act)) {
            const float *up = acc[1] + i * PANEL_ROWS + q->skip;
            (a->act == ACT_SILU_MUL ? ks->silu_mul : ks->gelu_tanh_mul)(y, from, up, n);
        } else if (residual) {
            ks->add(y, residual, from, n);
            residual += ldy;
        } else {
            memcpy(y, from, (size_t)n * sizeof(float));
            if (p->softcap > 0) ks->softcap(y, p->softcap, n);
        }
    }
}

static void do_item(const struct product *p, int64_t item, int64_t next, int thread) {
    struct cpu_thread *th = &p->s->threads[thread];
    const int64_t block = item / p->n_units, unit = item % p->n_units;
    const int64_t token0 = tile_start(p, block_start(p, block));
    const int64_t m = tile_start(p, block_start(p, block + 1)) - token0;
    const int n_panels = gated(p->a->act) ? 2 : 1;
    struct panel q[2];
    for (int i = 0; i < n_panels; i++)
        q[i] = unit_panel(p, unit, i);
    for (int i = 0; i < n_panels; i++) {
        const uint8_t *ahead = NULL;
        if (i + 1 < n_panels) {
            ahead = panel_data(&q[i + 1]);
        } else if (next < p->n_items) {
            struct panel after = unit_panel(p, next % p->n_units, 0);
            ahead = panel_data(&after);
        }
        multiply(p, &q[i], block, th, th->acc[i], ahead);
        add_bias(th->acc[i], p, &q[i], m);
    }
    if (n_panels == 1 && p->a->act != ACT_NONE)
        p->s->be->ks.activate(th->acc[0], p->a->act, m * PANEL_ROWS);
    for (int64_t i = 0; p->a->scale != 0 && i < m * PANEL_ROWS; i++)
        th->acc[0][i] *= p->a->scale;
    deliver(p, &q[0], th->acc, token0, m);
}

static void work(void *ctx, int64_t item, int thread) {
    (void)item; /* one a thread: the claiming is below */
    struct product *p = ctx;
    const bool few = p->a->m <= FETCH_AHEAD_TOKENS;
    int64_t mine = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
    while (mine < p->n_items) {
        int64_t next = mine + p->s->n_threads; /* a guess: a claim would leave the end to one */
        if (few) next = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        do_item(p, mine, next, thread);
        if (!few) next = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        mine = next;
    }
}

static void finish_row(void *ctx, int64_t i, int thread) {
    (void)thread;
    const struct product *p = ctx;
    const struct linear_args *a = p->a;
    const struct kernel_set *ks = &p->s->be->ks;
    const int64_t n = a->w[0]->rows;
    float *x = p->post + i * n, *y = a->y[0] + i * a->ldy[0];
    if (!a->residual) {
        rms_norm(ks, y, x, a->post_norm, a->post_norm_eps, n);
        return;
    }
    rms_norm(ks, x, x, a->post_norm, a->post_norm_eps, n);
    const float *residual = a->residual + i * a->ldy[0];
    ks->add(y, residual, x, n);
}

/* Of the one tile: what the kernels that go without a panel take. */
static int64_t stream_width(const struct product *p) {
    int64_t width = p->a->m;
    if (p->some_plain || p->some_pairs) width = p->s->be->ks.stream_width[width];
    if (!p->some_groups || width > GROUP_STREAM_TOKENS) return width;
    int64_t power = 1;
    while (power < width)
        power *= 2;
    return power;
}

static void run(struct product *p) {
    const struct linear_args *a = p->a;
    struct cpu_stream *s = p->s;
    struct pool *pool = s->be->pool;
    assert(a->m <= s->max_tokens && a->k <= s->limits.max_k);
    assert(a->act == ACT_NONE || a->n_weights == (gated(a->act) ? 2 : 1));
    assert(!a->post_norm || a->w[0]->rows <= s->limits.max_k);
    if (a->m <= 0) return;
    p->post = a->post_norm ? s->post : NULL;
    for (int i = 0; i < a->n_weights; i++) {
        if (a->w[i]->dtype == DTYPE_I8)
            p->some_int8 = true;
        else if (in_pairs(p, a->w[i]))
            p->some_pairs = true;
        else if (in_groups(a->w[i]))
            p->some_groups = true;
        else
            p->some_plain = true;
        if (quant_form(a->w[i]->dtype).minima) p->some_minima = true;
    }
    assert(!p->some_int8 || s->turned_int8);
    const bool one_tile = a->m <= STREAM_TOKENS;
    p->n_tiles = one_tile ? 1 : (a->m + TILE_TOKENS - 1) / TILE_TOKENS;
    p->width = one_tile ? stream_width(p) : 0;
    p->n_units = panels_of(a->w[0]);
    for (int i = 1; i < a->n_weights && !gated(a->act); i++)
        p->n_units += panels_of(a->w[i]);
    p->n_blocks = (p->n_tiles + BLOCK_TILES - 1) / BLOCK_TILES;
    const int64_t wanted = (int64_t)ITEMS_A_THREAD * s->n_threads;
    if (p->n_units * p->n_blocks < wanted) {
        p->n_blocks = (wanted + p->n_units - 1) / p->n_units;
        if (p->n_blocks > p->n_tiles) p->n_blocks = p->n_tiles;
    }
    p->n_items = p->n_units * p->n_blocks;
    pool_run(pool, p->n_tiles, prepare_tile, p);
    atomic_store(&p->next, 0);
    pool_run(pool, s->n_threads, work, p);
    if (p->post) pool_run(pool, a->m, finish_row, p);
}

void cpu_product(struct stream *stream, const struct linear_args *a, const int32_t *row_index,
                 float softcap) {
    struct product p = {
        .s = cpu_stream_of(stream), .a = a, .row_index = row_index, .softcap = softcap};
    run(&p);
}

void cpu_linear(struct stream *stream, const struct linear_args *a) {
    cpu_product(stream, a, NULL, 0);
}
