/*
 * encoder.c - see encoder.h. Each text of a step has cache blocks of its own in a pool of one
 * layer; a step ends where the next text would exceed its rows or the pool. Where a ceiling is too
 * low for the rows one would like, steps are made smaller: their size leaves no trace.
 */
#include "engine/encoder.h"

#include "base/float_env.h"
#include "base/mem.h"
#include "base/size.h"
#include "engine/runtime.h"

enum {
    CHOSEN_ROWS = 1024,
    ROWS_A_BLOCK = 8, /* so short are the texts of a step that the pool ends it, not its rows */
};

struct encoder {
    const struct model *model; /* lent */
    struct stream *stream;
    struct kv_pool kv;
    float *scratch, *hidden;              /* device */
    float *host;                          /* [max_rows, hidden_size] */
    struct batch_row *rows, *window_rows; /* [max_rows]; the second NULL without a window */
    int32_t *position_ids;                /* [max_rows] */
    int32_t *block_ids;                   /* [n_blocks]: 0, 1, 2, ... */
    const int32_t **tables;               /* [n_blocks], of the texts of a step */
    int32_t max_length, max_rows;
    size_t bytes;
};

/* One step: texts [first, end). */
struct packing {
    size_t first, end;
    int32_t n_rows, n_blocks;
};

static int32_t blocks_of(int32_t n_tokens) {
    return (n_tokens + KV_BLOCK_TOKENS - 1) / KV_BLOCK_TOKENS;
}

/* ---- what it takes ---- */

struct plan {
    struct stream_limits stream;
    struct kv_pool kv;
    size_t scratch_floats;
    uint64_t weights, cache, scratch, sum; /* bytes; UINT64_MAX where no number fits */
};

static struct plan plan_for(const struct model *m, int32_t max_length, int32_t max_rows) {
    const struct model_info *info = &m->info;
    struct engine_need need = {0};
    m->family->need(m->self, max_rows, &need);
    struct plan p = {
        .stream = need.stream,
        .kv = {.dtype = info->cache_dtype,
               .n_layers = 1,
               .n_kv_heads = info->n_kv_heads,
               .head_dim = info->head_dim},
        .scratch_floats = need.scratch_floats,
        .weights = size_sum(info->weight_bytes, info->private_bytes),
    };
    p.stream.max_rows = max_rows;
    p.stream.max_positions = max_length;
    const int32_t few = blocks_of(max_length), many = max_rows / ROWS_A_BLOCK;
    p.kv.n_blocks = few > many ? few : many;
    p.cache = size_product(kv_block_bytes(&p.kv), (uint64_t)p.kv.n_blocks);
    const uint64_t row = 2 * sizeof(struct batch_row) + sizeof(int32_t) +
                         2 * (uint64_t)info->hidden_size * sizeof(float);
    const uint64_t block = sizeof(int32_t) + sizeof(int32_t *);
    p.scratch = size_sum(size_product(row, (uint64_t)max_rows),
                         size_product(block, (uint64_t)p.kv.n_blocks));
    p.scratch = size_sum(p.scratch, size_product(p.scratch_floats, sizeof(float)));
    p.scratch = size_sum(p.scratch, m->be->ops->stream_bytes(m->be, &p.stream));
    p.sum = size_sum(size_sum(p.weights, p.cache), p.scratch);
    return p;
}

static karma_status choose(struct encoder *e, const struct encoder_options *o, struct plan *p) {
    const uint64_t ceiling = o->ceiling_bytes ? o->ceiling_bytes : runtime_ceiling(e->model->be);
    e->max_length = o->max_length;
    e->max_rows = o->max_rows;
    if (o->max_rows == 0) e->max_rows = CHOSEN_ROWS;
    if (o->max_rows == 0 && e->max_rows < e->max_length) e->max_rows = e->max_length;
    *p = plan_for(e->model, e->max_length, e->max_rows);
    while (p->sum > ceiling && e->max_rows > e->max_length) {
        e->max_rows = e->max_rows / 2 > e->max_length ? e->max_rows / 2 : e->max_length;
        *p = plan_for(e->model, e->max_length, e->max_rows);
    }
    if (p->sum <= ceiling) return KARMA_OK;
    const unsigned long long mib = 1 << 20;
    return status_fail(KARMA_E_LIMIT,
                       "memory: %llu MiB needed (weights %llu, cache for texts of %d tokens %llu, "
                       "scratch %llu), %llu allowed",
                       (unsigned long long)p->sum / mib, (unsigned long long)p->weights / mib,
                       e->max_length, (unsigned long long)p->cache / mib,
                       (unsigned long long)p->scratch / mib, (unsigned long long)ceiling / mib);
}

karma_status encoder_measure(const struct model *model, const struct encoder_options *options,
                             size_t *bytes) {
    struct encoder e = {.model = model};
    struct plan p;
    karma_status st = choose(&e, options, &p);
    *bytes = (size_t)(p.cache + p.scratch);
    return st;
}

/* ---- life ---- */

static karma_status reserve(struct encoder *e, const struct plan *p) {
    const struct backend_ops *ops = e->model->be->ops;
    struct backend *be = e->model->be;
    const size_t rows = (size_t)e->max_rows, blocks = (size_t)p->kv.n_blocks;
    const size_t hidden = rows * (size_t)e->model->info.hidden_size * sizeof(float);
    e->kv = p->kv;
    e->kv.base = ops->alloc(be, (size_t)p->cache);
    if (!e->kv.base) return KARMA_E_NOMEM;
    e->scratch = ops->alloc(be, p->scratch_floats * sizeof(float));
    if (!e->scratch) return KARMA_E_NOMEM;
    e->hidden = ops->alloc(be, hidden);
    if (!e->hidden) return KARMA_E_NOMEM;
    e->host = mem_alloc(hidden);
    if (!e->host) return KARMA_E_NOMEM;
    e->rows = mem_calloc(rows, sizeof(*e->rows));
    if (!e->rows) return KARMA_E_NOMEM;
    if (e->model->info.symmetric_window > 0) {
        e->window_rows = mem_calloc(rows, sizeof(*e->window_rows));
        if (!e->window_rows) return KARMA_E_NOMEM;
    }
    e->position_ids = mem_calloc(rows, sizeof(*e->position_ids));
    if (!e->position_ids) return KARMA_E_NOMEM;
    e->block_ids = mem_calloc(blocks, sizeof(*e->block_ids));
    if (!e->block_ids) return KARMA_E_NOMEM;
    for (int32_t i = 0; i < e->kv.n_blocks; i++)
        e->block_ids[i] = i;
    e->tables = mem_calloc(blocks, sizeof(*e->tables));
    if (!e->tables) return KARMA_E_NOMEM;
    e->bytes = (size_t)(p->cache + p->scratch);
    return ops->stream_create(be, &p->stream, &e->stream);
}

karma_status encoder_create(const struct model *model, const struct encoder_options *options,
                            struct encoder **out) {
    *out = NULL;
    const int32_t longest = model->info.max_position_embeddings;
    if (!(model->info.can & FAMILY_ENCODE)) {
        return status_fail(KARMA_E_UNSUPPORTED, "the family %s has no encoder",
                           model->family->name);
    }
    if (options->max_length < 1 || options->max_length > longest) {
        return status_fail(KARMA_E_LIMIT, "max_length %d: the model takes texts of 1 to %d tokens",
                           options->max_length, longest);
    }
    if (options->max_rows != 0 && options->max_rows < options->max_length) {
        return status_fail(KARMA_E_LIMIT, "max_rows %d: a text of max_length %d does not fit",
                           options->max_rows, options->max_length);
    }
    struct encoder *e = mem_calloc(1, sizeof(*e));
    if (!e) return KARMA_E_NOMEM;
    e->model = model;
    struct plan p;
    karma_status st = choose(e, options, &p);
    if (st == KARMA_OK) st = reserve(e, &p);
    if (st < 0) {
        encoder_destroy(e);
        return st;
    }
    *out = e;
    return KARMA_OK;
}

void encoder_destroy(struct encoder *e) {
    if (!e) return;
    struct backend *be = e->model->be;
    if (e->stream) be->ops->stream_destroy(e->stream);
    be->ops->free(be, e->hidden);
    be->ops->free(be, e->scratch);
    be->ops->free(be, e->kv.base);
    mem_free(e->host);
    mem_free(e->rows);
    mem_free(e->window_rows);
    mem_free(e->position_ids);
    mem_free(e->block_ids);
    mem_free(e->tables);
    mem_free(e);
}

size_t encoder_bytes(const struct encoder *e) {
    return e->bytes;
}

/* ---- work ---- */

static karma_status check_texts(const struct encoder *e, const struct encoder_text *texts,
                                size_t n) {
    const int64_t vocab = e->model->info.vocab_size;
    for (size_t i = 0; i < n; i++) {
        if (texts[i].count < 1 || texts[i].count > e->max_length) {
            return status_fail(KARMA_E_LIMIT, "text %zu: %d tokens, expected 1 to %d", i,
                               texts[i].count, e->max_length);
        }
        for (int32_t t = 0; t < texts[i].count; t++) {
            if (texts[i].ids[t] >= 0 && texts[i].ids[t] < vocab) continue;
            return status_fail(KARMA_E_RANGE,
                               "text %zu: token %d: id %d is outside the vocabulary of %lld", i, t,
                               texts[i].ids[t], (long long)vocab);
        }
    }
    return KARMA_OK;
}

/* The rows of one text behind those there are. */
static void add_text(struct encoder *e, const struct encoder_text *text, int32_t seq,
                     struct packing *p) {
    const struct model_info *info = &e->model->info;
    const int32_t window = info->symmetric_window;
    int32_t n_counted = 0;
    for (int32_t t = 0; t < text->count; t++) {
        const int32_t at = p->n_rows + t;
        struct batch_row row = {.seq = seq, .pos = t, .token = text->ids[t]};
        row.visible_end = info->bidirectional ? text->count : t + 1;
        e->rows[at] = row;
        if (e->window_rows) {
            if (window < text->count - t) row.visible_end = t + window;
            e->window_rows[at] = row;
        }
        const bool counts = row.token != info->position_padding;
        e->position_ids[at] = info->position_offset + (counts ? n_counted++ : -1);
    }
    e->tables[seq] = e->block_ids + p->n_blocks;
    p->n_rows += text->count;
    p->n_blocks += blocks_of(text->count);
}

static struct packing pack(struct encoder *e, const struct encoder_text *texts, size_t n,
                           size_t first) {
    struct packing p = {.first = first, .end = first};
    while (p.end < n && texts[p.end].count <= e->max_rows - p.n_rows &&
           blocks_of(texts[p.end].count) <= e->kv.n_blocks - p.n_blocks) {
        add_text(e, &texts[p.end], (int32_t)(p.end - first), &p);
        p.end++;
    }
    return p;
}

static karma_status run_step(struct encoder *e, const struct packing *p,
                             bool (*cancelled)(void *user), void *user) {
    const struct model *m = e->model;
    const struct backend_ops *ops = m->be->ops;
    const struct encode_batch batch = {
        .n_rows = p->n_rows,
        .rows = e->rows,
        .window_rows = e->window_rows,
        .position_ids = e->position_ids,
        .block_tables = e->tables,
        .kv = &e->kv,
        .hidden = e->hidden,
        .scratch = e->scratch,
        .cancelled = cancelled,
        .user = user,
    };
    fenv_t before;
    float_env_enter(&before);
    const bool done = m->family->encode(m->self, &batch, e->stream);
    if (done) {
        const size_t row_bytes = (size_t)m->info.hidden_size * sizeof(float);
        ops->download(e->stream, e->host, e->hidden, (size_t)p->n_rows * row_bytes);
    }
    ops->finish(e->stream);
    float_env_leave(&before);
    return done ? KARMA_OK : status_fail(KARMA_E_CANCELLED, "cancelled");
}

karma_status encoder_run(struct encoder *e, const struct encoder_text *texts, size_t n,
                         bool (*cancelled)(void *user), encoder_sink *sink, void *user) {
    karma_status st = check_texts(e, texts, n);
    for (size_t at = 0; st == KARMA_OK && at < n;) {
        const struct packing p = pack(e, texts, n, at);
        st = run_step(e, &p, cancelled, user);
        const float *hidden = e->host;
        for (size_t i = p.first; st >= 0 && i < p.end; i++) {
            st = sink(user, i, hidden);
            hidden += texts[i].count * e->model->info.hidden_size;
        }
        if (st > KARMA_OK) st = KARMA_OK;
        at = p.end;
    }
    return st;
}
