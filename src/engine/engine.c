/*
 * engine.c - continuous batching. Each step gives every sequence that is answering one row and
 * fills the rest of the batch with chunks of prompts, in the order of admission; where nothing else
 * is to be done, with guesses at what the answers say next (engine/draft.h). A request enters
 * when a slot and the blocks of its full length are free, so a running one never has to yield.
 * What a request computes is decided by its own tokens alone; only when is decided here.
 */
#include "engine/engine.h"

#include <string.h>

#include "base/float_env.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/branches.h"
#include "engine/request.h"
#include "engine/runtime.h"
#include "models/vision.h"
#include "nn/kv_cache.h"

enum { MAX_SEQUENCES = 1024, MAX_ROWS = 65536, MIN_HEAD_ROWS = 32 };

struct engine {
    const struct tokenizer *tokenizer; /* lent; NULL: no text */
    struct runtime rt;
    struct kv_cache cache;
    struct sampler sampler;
    int64_t vocab_size;
    int32_t max_sequences, max_rows, max_head_rows;
    int32_t max_span;
    bool share_prefixes, speculate;
    enum draft_rows draft_rows; /* what they cost with these weights */
    /* By the digest of a picture met so far: what the cache knows its first row by; those of the
     * others follow, downwards. Grows with the pictures, not with the tokens. */
    struct map pictures;
    int32_t next_picture;
    struct lanes lanes;
    int32_t *lane_tables[BRANCH_LANES];

    void *arena;                    /* everything below that is an array */
    struct batch_row *rows;         /* [max_rows] */
    int32_t *logit_rows;            /* [max_head_rows] */
    float *logits;                  /* [max_head_rows, vocab_size] */
    struct batch_choice *choices;   /* [max_sequences] */
    int32_t *block_tables;          /* [max_sequences + BRANCH_LANES, blocks_per_sequence] */
    const int32_t **block_table_of; /* [max_sequences + BRANCH_LANES] */
    bool *slot_used;                /* [max_sequences] */

    struct request *waiting, **waiting_end; /* in order of submission */
    struct request *active, **active_end;   /* in order of admission */
    int32_t n_active;
    size_t n_waiting;
    bool stepping, cancel_wanted;
    karma_engine_stats stats;
};

/* Sizes of the arena's parts, in the order in which they lie. */
struct parts {
    size_t cache, sampler, logits, choices, tables, table_of, rows, logit_rows, slot_used;
};

static size_t rounded(size_t bytes) {
    return (bytes + 63) & ~(size_t)63;
}

static struct parts parts_of(const struct engine *e, int32_t n_blocks, int32_t per_sequence) {
    const size_t sequences = (size_t)e->max_sequences, tables = sequences + BRANCH_LANES;
    return (struct parts){
        .cache = rounded(kv_cache_bytes(n_blocks)),
        .sampler = rounded(sampler_bytes(e->vocab_size)),
        .logits = rounded((size_t)e->max_head_rows * (size_t)e->vocab_size * sizeof(float)),
        .choices = rounded(sequences * sizeof(struct batch_choice)),
        .tables = rounded(tables * (size_t)per_sequence * sizeof(int32_t)),
        .table_of = rounded(tables * sizeof(int32_t *)),
        .rows = rounded((size_t)e->max_rows * sizeof(struct batch_row)),
        .logit_rows = rounded((size_t)e->max_head_rows * sizeof(int32_t)),
        .slot_used = rounded(sequences * sizeof(bool)),
    };
}

static size_t sum_of(const struct parts *p) {
    return p->cache + p->sampler + p->logits + p->choices + p->tables + p->table_of + p->rows +
           p->logit_rows + p->slot_used;
}

static karma_status lay_out(struct engine *e) {
    const struct parts p = parts_of(e, e->rt.kv.n_blocks, e->rt.blocks_per_sequence);
    char *at = e->arena = mem_calloc(1, sum_of(&p) + 64);
    if (!at) return KARMA_E_NOMEM;
    at += (64 - (uintptr_t)at % 64) % 64;
    kv_cache_init(&e->cache, e->rt.kv.n_blocks, e->rt.blocks_per_sequence, at);
    at += p.cache;
    sampler_init(&e->sampler, e->vocab_size, at);
    at += p.sampler;
    e->logits = (float *)(void *)at;
    at += p.logits;
    e->choices = (struct batch_choice *)(void *)at;
    at += p.choices;
    e->block_tables = (int32_t *)(void *)at;
    at += p.tables;
    e->block_table_of = (const int32_t **)(void *)at;
    at += p.table_of;
    e->rows = (struct batch_row *)(void *)at;
    at += p.rows;
    e->logit_rows = (int32_t *)(void *)at;
    at += p.logit_rows;
    e->slot_used = (bool *)at;
    for (int32_t i = 0; i < e->max_sequences + BRANCH_LANES; i++) {
        int32_t *table = e->block_tables + (size_t)i * (size_t)e->rt.blocks_per_sequence;
        e->block_table_of[i] = table;
        if (i >= e->max_sequences) e->lane_tables[i - e->max_sequences] = table;
    }
    e->lanes = (struct lanes){
        .rt = &e->rt, .cache = &e->cache, .tables = e->lane_tables, .first = e->max_sequences};
    return KARMA_OK;
}

static karma_status check_engine_options(const karma_engine_options *o) {
    if (o->struct_size != sizeof(*o)) {
        return status_fail(KARMA_E_ABI, "karma_engine_options: expected %zu bytes, found %u",
                           sizeof(*o), o->struct_size);
    }
    if (o->max_sequences < 1 || o->max_sequences > MAX_SEQUENCES) {
        return status_fail(KARMA_E_RANGE, "max_sequences: expected 1 to %d, found %d",
                           MAX_SEQUENCES, o->max_sequences);
    }
    if (o->max_rows < o->max_sequences || o->max_rows > MAX_ROWS) {
        return status_fail(KARMA_E_RANGE, "max_rows: expected max_sequences (%d) to %d, found %d",
                           o->max_sequences, MAX_ROWS, o->max_rows);
    }
    if (o->n_ctx < 0) {
        return status_fail(KARMA_E_RANGE, "n_ctx: expected 0 or more, found %d", o->n_ctx);
    }
    if (o->max_memory_mb < 0 || o->max_memory_mb > INT64_MAX >> 20) {
        return status_fail(KARMA_E_RANGE, "max_memory_mb: expected 0 or more, found %lld",
                           (long long)o->max_memory_mb);
    }
    return KARMA_OK;
}

/* A tokenizer may know more special tokens than a text-only checkpoint has rows for (Gemma's
 * for images): they are refused when a prompt holds one. Ordinary tokens must have a row. */
static karma_status check_vocabulary(const struct model *model, const struct tokenizer *tokenizer) {
    const int32_t n_tokens = tokenizer ? tokenizer_vocab_size(tokenizer) : 0;
    if (n_tokens <= model->info.vocab_size) return KARMA_OK;
    for (int64_t id = model->info.vocab_size; id < n_tokens; id++) {
        if (tokenizer_is_special(tokenizer, (int32_t)id)) continue;
        size_t len;
        if (!tokenizer_token(tokenizer, (int32_t)id, &len)) continue;
        return status_fail(KARMA_E_SHAPE,
                           "the tokenizer's highest id is %d, the embedding has %lld rows",
                           n_tokens - 1, (long long)model->info.vocab_size);
    }
    log_warn("%lld special tokens of the tokenizer have no row in the embedding",
             (long long)(n_tokens - model->info.vocab_size));
    return KARMA_OK;
}

/* Weights of a byte, or two in pairs, leave time for rows on a processor that has both. */
static enum draft_rows cost_of_rows(const struct model *model) {
    const struct model_info *info = &model->info;
    const bool bytes = model->be->weights != WEIGHTS_STORED;
    const bool pairs =
        !info->has_wide_products && info->token_bytes >= 2 * (size_t)info->token_parameters;
    if (!model->be->ops->caches(model->be, DTYPE_BF16)) return DRAFT_DEAR;
    return bytes || pairs ? DRAFT_CHEAP : DRAFT_DEAR;
}

/* The sizes that options come to. */
static void settle(struct engine *e, const struct model *model,
                   const karma_engine_options *options) {
    e->vocab_size = model->info.vocab_size;
    e->max_sequences = options->max_sequences;
    e->max_rows = options->max_rows;
    e->max_head_rows = e->max_sequences > MIN_HEAD_ROWS ? e->max_sequences : MIN_HEAD_ROWS;
    if (e->max_head_rows > e->max_rows) e->max_head_rows = e->max_rows;
    e->share_prefixes = options->share_prefixes;
    e->speculate = options->speculate;
    e->draft_rows = cost_of_rows(model);
    e->next_picture = -1;
    if (!(model->info.can & FAMILY_SEE)) return;
    /* Whole pictures enter a step, also when every other sequence is answering. */
    e->max_span = model->family->vision->info(model->self)->tokens_per_image;
    if (e->max_rows < e->max_span + e->max_sequences) e->max_rows = e->max_span + e->max_sequences;
}

/* Block tables and bookkeeping are counted with the block, for all sequences that may have it. */
static struct runtime_limits limits_of(const struct engine *e,
                                       const karma_engine_options *options) {
    const struct parts fixed = parts_of(e, 1, 1);
    return (struct runtime_limits){
        .n_ctx = options->n_ctx,
        .max_sequences = e->max_sequences,
        .max_rows = e->max_rows,
        .max_head_rows = e->max_head_rows,
        .ceiling_bytes = (size_t)options->max_memory_mb << 20,
        .host_bytes = sizeof(*e) + sum_of(&fixed),
        .host_block_bytes = sizeof(struct kv_block) + 2 * sizeof(int32_t) +
                            (size_t)(e->max_sequences + BRANCH_LANES) * sizeof(int32_t),
    };
}

karma_status engine_measure(const struct model *model, const karma_engine_options *options,
                            struct engine_size *out) {
    struct engine e = {0};
    struct runtime_size size;
    *out = (struct engine_size){0};
    karma_status st = check_engine_options(options);
    if (st < 0) return st;
    settle(&e, model, options);
    const struct runtime_limits limits = limits_of(&e, options);
    st = runtime_measure(model, &limits, &size);
    out->cache_bytes = size.cache_bytes;
    out->scratch_bytes = size.scratch_bytes;
    return st;
}

/* The pool, and the fixed parts that runtime_size counts as scratch, the tables as cache. */
int64_t engine_bytes(const struct engine *e) {
    const struct parts p = parts_of(e, e->rt.kv.n_blocks, e->rt.blocks_per_sequence);
    const struct parts fixed = parts_of(e, 1, 1);
    return (int64_t)(e->rt.kv_bytes + e->rt.scratch_bytes + sum_of(&p) - sum_of(&fixed));
}

size_t engine_ceiling(const struct model *model) {
    return runtime_ceiling(model->be);
}

karma_status engine_create(const struct model *model, const struct tokenizer *tokenizer,
                           const karma_engine_options *options, struct engine **out) {
    *out = NULL;
    karma_status st = check_engine_options(options);
    if (st == KARMA_OK) st = check_vocabulary(model, tokenizer);
    if (st < 0) return st;
    struct engine *e = mem_calloc(1, sizeof(*e));
    if (!e) return KARMA_E_NOMEM;
    settle(e, model, options);
    e->tokenizer = tokenizer;
    e->waiting_end = &e->waiting;
    e->active_end = &e->active;
    const struct runtime_limits limits = limits_of(e, options);
    st = runtime_create(model, &limits, &e->rt);
    if (st == KARMA_OK) st = lay_out(e);
    if (st < 0) {
        engine_destroy(e);
        return st;
    }
    e->stats.kv_bytes = e->rt.kv_bytes;
    e->stats.scratch_bytes = e->rt.scratch_bytes;
    *out = e;
    return KARMA_OK;
}

static void destroy_all(struct request *r) {
    while (r) {
        struct request *next = r->next;
        request_destroy(r);
        r = next;
    }
}

void engine_destroy(struct engine *e) {
    if (!e) return;
    destroy_all(e->waiting);
    destroy_all(e->active);
    map_release(&e->pictures);
    mem_free(e->arena);
    runtime_release(&e->rt);
    mem_free(e);
}

int32_t engine_n_ctx(const struct engine *e) {
    return e->rt.n_ctx;
}

const struct stream *engine_stream(const struct engine *e) {
    return e->rt.stream;
}

static karma_status check_spans(const struct engine *e, const struct engine_prompt *prompt) {
    const int64_t width = e->rt.model->info.hidden_size;
    for (size_t i = 0; i < prompt->n_spans; i++) {
        const struct image_rows *rows = prompt->spans[i].rows;
        if (rows->width != width)
            return status_fail(KARMA_E_SHAPE, "picture %zu: rows of %lld, the model's are of %lld",
                               i, (long long)rows->width, (long long)width);
        if (rows->count > e->max_span)
            return status_fail(KARMA_E_LIMIT, "picture %zu: %d rows, a step takes %d", i,
                               rows->count, e->max_span);
    }
    return KARMA_OK;
}

/* What the cache knows the rows of r's pictures by. */
static karma_status name_pictures(struct engine *e, struct request *r) {
    if (!e->share_prefixes || r->n_spans == 0) return KARMA_OK;
    for (size_t i = 0; i < r->n_spans; i++) {
        const struct image_rows *rows = r->spans[i].rows;
        struct map_entry *entry;
        bool added;
        if (e->next_picture < INT32_MIN + rows->count)
            return status_fail(KARMA_E_LIMIT, "more pictures than one engine can tell apart");
        karma_status st =
            map_put(&e->pictures, (const char *)rows->digest, sizeof(rows->digest), &entry, &added);
        if (st < 0) return st;
        if (added) {
            entry->value.u64 = (uint32_t)e->next_picture;
            e->next_picture -= rows->count;
        }
        const int32_t first = (int32_t)(uint32_t)entry->value.u64;
        const int32_t begin = (int32_t)r->spans[i].begin;
        while (r->n_contents < begin) {
            r->contents[r->n_contents] = r->tokens[r->n_contents];
            r->n_contents++;
        }
        for (int32_t j = 0; j < rows->count; j++)
            r->contents[r->n_contents++] = first - j;
    }
    return KARMA_OK;
}

karma_status engine_submit(struct engine *e, const char *key, const int32_t *tokens,
                           size_t n_tokens, const karma_generate_options *options,
                           karma_done_fn done, karma_text_fn text, void *user) {
    const struct engine_prompt prompt = {.tokens = tokens, .n_tokens = n_tokens};
    return engine_submit_prompt(e, key, &prompt, options, done, text, user);
}

karma_status engine_submit_prompt(struct engine *e, const char *key,
                                  const struct engine_prompt *prompt,
                                  const karma_generate_options *options, karma_done_fn done,
                                  karma_text_fn text, void *user) {
    struct request *r;
    karma_status st = check_spans(e, prompt);
    if (st < 0) return st;
    st = request_create(key, prompt, options, e->vocab_size, e->rt.n_ctx, e->tokenizer, &r);
    if (st < 0) return st;
    st = name_pictures(e, r);
    if (st < 0) {
        request_destroy(r);
        return st;
    }
    r->done = done;
    r->text_fn = text;
    r->user = user;
    *e->waiting_end = r;
    e->waiting_end = &r->next;
    e->n_waiting++;
    return KARMA_OK;
}

/* Blocks of a prompt that may come from others: full ones, and the last token is left to compute,
 * for its logits. With prompt log-probabilities every token is. */
static int32_t findable_blocks(const struct engine *e, const struct request *r) {
    if (!e->share_prefixes || r->wants_prompt_logprobs) return 0;
    return (r->n_prompt - 1) / KV_BLOCK_TOKENS;
}

static void find_prefix(struct engine *e, struct request *r) {
    const int32_t n = findable_blocks(e, r);
    r->n_found = 0;
    r->chain = 0;
    while (r->n_found < n) {
        const int32_t *tokens = request_contents(r) + r->n_found * KV_BLOCK_TOKENS;
        const int32_t block = kv_cache_find(&e->cache, r->chain, tokens);
        if (block == KV_NONE) break;
        kv_cache_ref(&e->cache, block);
        r->blocks[r->n_found++] = block;
        r->chain = e->cache.blocks[block].identity;
    }
}

static void release_blocks(struct engine *e, struct request *r, int32_t n) {
    while (n > 0)
        kv_cache_release(&e->cache, r->blocks[--n], r->slot);
}

/* The beginning of the next block may stand in one of another sequence: copy it. */
static void copy_beginning(struct engine *e, struct request *r, int32_t source, int32_t common) {
    const struct kv_pool *kv = &e->rt.kv;
    const struct backend_ops *ops = e->rt.model->be->ops;
    ops->copy(e->rt.stream, kv_head_at(kv, r->blocks[r->n_found], 0, 0),
              kv_head_at(kv, source, 0, 0), kv_block_bytes(kv));
    r->n_copied = common;
}

/* Give r its blocks for its full length; false: there are not enough yet. */
static bool reserve(struct engine *e, struct request *r) {
    r->n_blocks = (r->n_limit - 1 + KV_BLOCK_TOKENS - 1) / KV_BLOCK_TOKENS;
    find_prefix(e, r);
    int32_t common = 0, source = KV_NONE;
    if (e->share_prefixes && !r->wants_prompt_logprobs) {
        const int32_t at = r->n_found * KV_BLOCK_TOKENS;
        source = kv_cache_find_beginning(&e->cache, r->chain, request_contents(r) + at,
                                         r->n_prompt - 1 - at, &common);
    }
    if (source != KV_NONE) kv_cache_ref(&e->cache, source); /* not to be taken for its own copy */
    bool enough = kv_cache_unused(&e->cache) >= r->n_blocks - r->n_found;
    if (!enough && source != KV_NONE) { /* that one block may be the one that is short */
        kv_cache_release(&e->cache, source, r->slot);
        source = KV_NONE;
        enough = kv_cache_unused(&e->cache) >= r->n_blocks - r->n_found;
    }
    if (!enough) {
        release_blocks(e, r, r->n_found);
        return false;
    }
    for (int32_t i = r->n_found; i < r->n_blocks; i++)
        r->blocks[i] = kv_cache_take(&e->cache);
    if (source != KV_NONE) {
        copy_beginning(e, r, source, common);
        kv_cache_release(&e->cache, source, r->slot);
    }
    /* Others may wait for what this one is about to fill. */
    r->n_registered = r->n_found;
    const int32_t full = e->share_prefixes ? r->n_prompt / KV_BLOCK_TOKENS : 0;
    for (; r->n_registered < full; r->n_registered++) {
        r->chain =
            kv_cache_register(&e->cache, r->blocks[r->n_registered], r->chain,
                              request_contents(r) + r->n_registered * KV_BLOCK_TOKENS, r->slot);
    }
    return true;
}

static int32_t free_slot(const struct engine *e) {
    int32_t slot = 0;
    while (e->slot_used[slot])
        slot++;
    return slot;
}

static void admit(struct engine *e) {
    while (e->waiting && e->n_active < e->max_sequences) {
        struct request *r = e->waiting;
        r->slot = free_slot(e);
        r->blocks = e->block_tables + (size_t)r->slot * (size_t)e->rt.blocks_per_sequence;
        if (!reserve(e, r)) return;
        e->waiting = r->next;
        if (!e->waiting) e->waiting_end = &e->waiting;
        e->n_waiting--;
        r->next = NULL;
        *e->active_end = r;
        e->active_end = &r->next;
        e->n_active++;
        e->slot_used[r->slot] = true;
        e->stats.prompt_tokens += (uint64_t)r->n_prompt;
    }
}

/* Step over what others have filled. False: a block it needs is still being filled by another. */
static bool skip_found(struct engine *e, struct request *r) {
    while (r->n_filled % KV_BLOCK_TOKENS == 0 && r->n_filled / KV_BLOCK_TOKENS < r->n_found) {
        struct kv_block *b = &e->cache.blocks[r->blocks[r->n_filled / KV_BLOCK_TOKENS]];
        if (!b->ready) {
            if (b->filler == KV_NONE) b->filler = r->slot; /* its filler gave up */
            return b->filler == r->slot;
        }
        r->n_filled += KV_BLOCK_TOKENS;
        r->n_cached += KV_BLOCK_TOKENS;
    }
    if (r->n_copied && r->n_filled == r->n_found * KV_BLOCK_TOKENS) {
        r->n_filled += r->n_copied;
        r->n_cached += r->n_copied;
        r->n_copied = 0;
    }
    return true;
}

static int32_t span_end(const struct prompt_span *s) {
    return (int32_t)s->begin + s->rows->count;
}

/* Where the filling of a block that another gave up ends: what follows it may be there already. But
 * a picture that goes on behind it is computed whole; the other one did not come that far either.
 */
static int32_t refill_end(struct engine *e, struct request *r) {
    const int32_t block = r->n_filled / KV_BLOCK_TOKENS;
    int32_t end = (block + 1) * KV_BLOCK_TOKENS;
    const struct prompt_span *s = request_span(r, end - 1);
    if (s) end = span_end(s);
    for (int32_t b = block + 1; b < r->n_found && b * KV_BLOCK_TOKENS < end; b++) {
        struct kv_block *next = &e->cache.blocks[r->blocks[b]];
        if (next->filler == KV_NONE) next->filler = r->slot;
    }
    return end;
}

/* How many rows of r the step takes: as many as it has room for, and no part of a picture. */
static int32_t rows_to_schedule(struct engine *e, struct request *r, const struct batch *batch) {
    int64_t most = e->max_rows - batch->n_rows, logits = batch->n_logits;
    int32_t end = r->n_tokens + r->draft.n_rows, n = 0;
    if (r->n_filled / KV_BLOCK_TOKENS < r->n_found) {
        const int32_t refilled = refill_end(e, r);
        if (refilled < end) end = refilled;
    }
    if (most > end - r->n_filled) most = end - r->n_filled;
    for (; n < most; n++) {
        if (!request_wants_logits(r, r->n_filled + n)) continue;
        if (logits++ == e->max_head_rows) break;
    }
    const int32_t at = r->n_filled + n;
    const struct prompt_span *s = at < r->n_prompt ? request_span(r, at) : NULL;
    if (!s || (int32_t)s->begin >= at) return n;
    return (int32_t)s->begin > r->n_filled ? (int32_t)s->begin - r->n_filled : 0;
}

/* A row of a picture: its embedding goes where the step's own are. */
static void place_picture_row(struct engine *e, const struct prompt_span *s, int32_t at,
                              struct batch_row *row) {
    const size_t width = (size_t)s->rows->width;
    row->token = -1;
    row->embedding = at;
    row->visible_end = span_end(s);
    e->rt.model->be->ops->upload(e->rt.model->be, e->rt.embeddings + (size_t)at * width,
                                 s->rows->data + ((size_t)row->pos - s->begin) * width,
                                 width * sizeof(float));
}

/* Of the text, or guessed behind it. */
static int32_t token_at(const struct request *r, int32_t pos) {
    return pos < r->n_tokens ? r->tokens[pos] : r->draft.tokens[pos - r->n_tokens];
}

/* The next tokens of r into the batch. */
static void schedule(struct engine *e, struct request *r, struct batch *batch) {
    r->n_scheduled = rows_to_schedule(e, r, batch);
    r->first_logits = (int32_t)batch->n_logits;
    for (int32_t i = 0; i < r->n_scheduled; i++) {
        const int32_t pos = r->n_filled + i;
        struct batch_row *row = &e->rows[batch->n_rows];
        const struct prompt_span *s = pos < r->n_prompt ? request_span(r, pos) : NULL;
        *row = (struct batch_row){
            .seq = r->slot, .pos = pos, .token = token_at(r, pos), .visible_end = pos + 1};
        if (s) place_picture_row(e, s, (int32_t)batch->n_rows, row);
        if (request_wants_logits(r, pos)) {
            e->logit_rows[batch->n_logits++] = (int32_t)batch->n_rows;
        }
        batch->n_rows++;
    }
    if (!r->n_candidates || r->n_filled + r->n_scheduled < r->n_tokens) return;
    e->choices[batch->n_choices++] = (struct batch_choice){.row = (int32_t)batch->n_rows - 1,
                                                           .n_ids = r->n_candidates,
                                                           .ids = r->candidates,
                                                           .logits = r->candidate_logits};
}

/* Guesses for all that answer, if the step has room for them: its time is that of reading the
 * weights while it has few rows, which a chunk of a prompt would end. */
static void draft(struct engine *e) {
    struct draft *drafts[DRAFT_STEP_ROWS];
    int32_t n = 0;
    bool room = e->speculate;
    for (struct request *r = e->active; r; r = r->next) {
        r->draft.n = r->draft.n_rows = 0;
        if (n == DRAFT_STEP_ROWS || r->n_tokens == r->n_prompt) room = false;
        if (room) drafts[n++] = &r->draft;
    }
    if (!room) return;
    for (struct request *r = e->active; r; r = r->next) {
        /* The last token of an answer takes no row. */
        draft_find(&r->draft, r->tokens, r->n_tokens, e->vocab_size, r->n_limit - r->n_tokens - 1);
    }
    draft_share_rows(drafts, n, e->max_rows, e->draft_rows);
}

/* After a step, of which r's first n_scheduled rows stay: blocks that became full can be found, and
 * are no longer waited for. */
static void note_filled(struct engine *e, struct request *r) {
    const int32_t before = r->n_filled / KV_BLOCK_TOKENS;
    r->n_filled += r->n_scheduled;
    if (!e->share_prefixes) return;
    for (int32_t i = before; i < r->n_filled / KV_BLOCK_TOKENS; i++) {
        if (i < r->n_registered) {
            if (e->cache.blocks[r->blocks[i]].filler == r->slot) {
                kv_cache_set_ready(&e->cache, r->blocks[i]);
            }
            continue;
        }
        r->chain = kv_cache_register(&e->cache, r->blocks[i], r->chain,
                                     request_contents(r) + i * KV_BLOCK_TOKENS, KV_NONE);
        r->n_registered = i + 1;
    }
}

/* The tokens that this step gives r: one, and while they are what was guessed, those behind it. The
 * rows of guesses that did not come true are as if they had not been in the step. */
static void take_answer(struct engine *e, struct request *r, const float *logits) {
    struct draft *d = &r->draft;
    const int32_t before = r->n_tokens;
    int32_t n_true = 0;
    for (;;) {
        request_accept(r, logits + (size_t)n_true * (size_t)e->vocab_size, &e->sampler,
                       e->tokenizer);
        if (r->status == KARMA_OK) e->stats.generated_tokens++;
        if (r->ended || e->cancel_wanted || n_true == d->n_rows) break;
        if (r->tokens[before + n_true] != d->tokens[n_true]) break;
        n_true++;
    }
    draft_learn(d, r->tokens + before, r->n_tokens - before);
    r->n_scheduled -= d->n_rows - n_true;
    e->stats.drafted_tokens += (uint64_t)d->n_rows;
    e->stats.accepted_tokens += (uint64_t)n_true;
}

/* What the logits of this step say to r. */
static void take_logits(struct engine *e, struct request *r) {
    const int32_t end = r->n_filled + r->n_scheduled;
    const float *logits = e->logits + (size_t)r->first_logits * (size_t)e->vocab_size;
    for (int32_t pos = r->n_filled; pos < end && pos < r->n_prompt - 1 && !r->ended; pos++) {
        if (!request_wants_logits(r, pos)) continue;
        request_score_prompt(r, pos + 1, logits, e->vocab_size);
        logits += e->vocab_size;
    }
    if (r->ended || end < r->n_tokens) return;
    if (r->n_candidates)
        request_choose(r, e->tokenizer);
    else if (r->n_branches)
        branches_begin(r, logits, e->vocab_size, e->tokenizer);
    else
        take_answer(e, r, logits);
}

/* Report and free every active request that has ended; callbacks may submit new ones. */
static void retire(struct engine *e) {
    struct request **at = &e->active;
    while (*at) {
        struct request *r = *at;
        if (!r->ended) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        if (!*at) e->active_end = at;
        e->n_active--;
        branches_leave(&e->lanes, r);
        release_blocks(e, r, r->n_blocks);
        e->slot_used[r->slot] = false;
        e->stats.cached_tokens += (uint64_t)r->n_cached;
        request_report(r, e->tokenizer);
        request_destroy(r);
    }
}

static void cancel_waiting(struct engine *e) {
    struct request *r = e->waiting;
    e->waiting = NULL;
    e->waiting_end = &e->waiting;
    e->n_waiting = 0;
    while (r) {
        struct request *next = r->next;
        request_fail(r, status_fail(KARMA_E_CANCELLED, "cancelled"));
        request_report(r, e->tokenizer);
        request_destroy(r);
        r = next;
    }
}

void engine_cancel(struct engine *e) {
    if (e->stepping) { /* a callback asks: when the step is over */
        e->cancel_wanted = true;
        return;
    }
    e->stepping = true;
    for (struct request *r = e->active; r; r = r->next) {
        request_fail(r, status_fail(KARMA_E_CANCELLED, "cancelled"));
    }
    retire(e);
    cancel_waiting(e);
    e->stepping = e->cancel_wanted = false;
}

static void run_batch(struct engine *e) {
    struct batch batch = {
        .rows = e->rows,
        .block_tables = e->block_table_of,
        .logit_rows = e->logit_rows,
        .logits = e->logits,
        .choices = e->choices,
    };
    draft(e);
    /* Those who answer first: one row each, so there is always room for all of them. */
    for (struct request *r = e->active; r; r = r->next) {
        r->n_scheduled = 0;
        if (r->n_tokens > r->n_prompt) schedule(e, r, &batch);
    }
    const struct step_room room = {e->rows, e->logit_rows, e->max_rows, e->max_head_rows};
    for (struct request *r = e->active; r && batch.n_rows < e->max_rows; r = r->next) {
        if (r->n_branches && r->n_filled == r->n_prompt)
            branches_schedule(&e->lanes, r, &batch, &room);
        else if (r->n_tokens == r->n_prompt && skip_found(e, r))
            schedule(e, r, &batch);
    }
    if (batch.n_rows == 0) return;
    runtime_forward(&e->rt, &batch);
    e->stats.steps++;
    e->stats.rows += (uint64_t)batch.n_rows;
    for (struct request *r = e->active; r; r = r->next) {
        if (r->n_branches && r->n_filled == r->n_prompt)
            branches_take(&e->lanes, r, e->logits, e->vocab_size, e->tokenizer);
        if (r->n_scheduled == 0) continue;
        take_logits(e, r);
        note_filled(e, r);
    }
}

karma_status engine_step(struct engine *e, size_t *active) {
    *active = 0;
    if (e->stepping) return status_fail(KARMA_E_USAGE, "a step within a callback of a step");
    fenv_t before;
    e->stepping = true;
    float_env_enter(&before);
    admit(e);
    run_batch(e);
    retire(e);
    float_env_leave(&before);
    e->stepping = false;
    if (e->cancel_wanted) engine_cancel(e);
    *active = (size_t)e->n_active + e->n_waiting;
    return KARMA_OK;
}

void engine_get_stats(const struct engine *e, karma_engine_stats *out) {
    *out = e->stats;
    e->rt.model->be->ops->attention_reads(e->rt.stream, &out->shared_attention,
                                          &out->unshared_attention);
}
