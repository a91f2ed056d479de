/* branches.c - see branches.h. */
#include "engine/branches.h"

#include <math.h>
#include <string.h>

/* The float is what request_score_prompt() gives for the same id behind the same ids: a sum here is
 * the sum of those. */
static karma_status add_logprob(struct branch *b, int32_t at, const float *logits,
                                int64_t vocab_size) {
    float max;
    karma_status st = sampler_check_logits(logits, vocab_size);
    if (st < 0) return st;
    const double log_sum = sampler_log_sum(logits, vocab_size, &max);
    const float logprob = (float)((double)logits[b->tokens[at]] - (double)max - log_sum);
    b->sum += (double)logprob;
    return KARMA_OK;
}

static bool is_done(const struct branch *b) {
    return b->n_filled == b->n_tokens - 1; /* the last id needs no row */
}

/* End with the likeliest, of equal ones the first. */
static void choose(struct request *r, const struct tokenizer *tokenizer) {
    double sum = 0;
    int32_t best = 0;
    for (int32_t i = 1; i < r->n_branches; i++)
        if (r->branch_sums[i] > r->branch_sums[best]) best = i;
    for (int32_t i = 0; i < r->n_branches; i++)
        sum += exp(r->branch_sums[i] - r->branch_sums[best]);
    const double log_sum = log(sum);
    for (int32_t i = 0; i < r->n_branches; i++)
        r->branch_logprobs[i] = (float)(r->branch_sums[i] - r->branch_sums[best] - log_sum);
    request_end_with(r, r->branches[best].tokens, r->branches[best].n_tokens, tokenizer);
}

static void end_if_done(struct request *r, const struct tokenizer *tokenizer) {
    for (int32_t i = 0; i < r->n_branches; i++)
        if (!is_done(&r->branches[i])) return;
    for (int32_t i = 0; i < r->n_branches; i++)
        r->branch_sums[i] = r->branches[i].sum;
    choose(r, tokenizer);
}

void branches_begin(struct request *r, const float *logits, int64_t vocab_size,
                    const struct tokenizer *tokenizer) {
    float max;
    karma_status st = sampler_check_logits(logits, vocab_size);
    if (st < 0) {
        request_fail(r, st);
        return;
    }
    const double log_sum = sampler_log_sum(logits, vocab_size, &max); /* once for all of them */
    for (int32_t i = 0; i < r->n_branches; i++) {
        struct branch *b = &r->branches[i];
        b->sum = (double)(float)((double)logits[b->tokens[0]] - (double)max - log_sum);
    }
    end_if_done(r, tokenizer);
}

/* Blocks that a branch writes: from the one its first row falls into. */
static int32_t first_block(const struct request *r) {
    return r->n_prompt / KV_BLOCK_TOKENS;
}
static int32_t n_own_blocks(const struct request *r, const struct branch *b) {
    const int32_t end = r->n_prompt + b->n_tokens - 1;
    return (end + KV_BLOCK_TOKENS - 1) / KV_BLOCK_TOKENS - first_block(r);
}

static bool own_table_is_free(const struct request *r) {
    for (int32_t i = 0; i < r->n_branches; i++)
        if (r->branches[i].place == BRANCH_AT_HOME) return false;
    return true;
}

static void fill_lane(struct lanes *l, struct request *r, struct branch *b, int32_t lane) {
    const struct backend_ops *ops = l->rt->model->be->ops;
    const struct kv_pool *kv = &l->rt->kv;
    const int32_t first = first_block(r), n = n_own_blocks(r, b);
    int32_t *table = l->tables[lane];
    memcpy(table, r->blocks, (size_t)first * sizeof(*table));
    for (int32_t i = 0; i < n; i++)
        table[first + i] = kv_cache_take(l->cache);
    if (r->n_prompt % KV_BLOCK_TOKENS)
        ops->copy(l->rt->stream, kv_head_at(kv, table[first], 0, 0),
                  kv_head_at(kv, r->blocks[first], 0, 0), kv_block_bytes(kv));
    l->used[lane] = true;
    b->place = lane;
}

/* A place for b to be computed in; false: there is none now. */
static bool find_place(struct lanes *l, struct request *r, struct branch *b) {
    if (b->place != BRANCH_NOWHERE) return true;
    if (own_table_is_free(r)) {
        b->place = BRANCH_AT_HOME;
        return true;
    }
    if (kv_cache_unused(l->cache) < n_own_blocks(r, b)) return false;
    for (int32_t lane = 0; lane < BRANCH_LANES; lane++) {
        if (l->used[lane]) continue;
        fill_lane(l, r, b, lane);
        return true;
    }
    return false;
}

static void leave_place(struct lanes *l, struct request *r, struct branch *b) {
    const int32_t lane = b->place;
    b->place = BRANCH_NOWHERE;
    if (lane < 0) return;
    for (int32_t n = n_own_blocks(r, b); n > 0; n--)
        kv_cache_release(l->cache, l->tables[lane][first_block(r) + n - 1], r->slot);
    l->used[lane] = false;
}

static void schedule_one(const struct lanes *l, const struct request *r, struct branch *b,
                         struct batch *batch, const struct step_room *room) {
    int64_t n = b->n_tokens - 1 - b->n_filled;
    if (n > room->max_rows - batch->n_rows) n = room->max_rows - batch->n_rows;
    if (n > room->max_head_rows - batch->n_logits) n = room->max_head_rows - batch->n_logits;
    b->n_scheduled = (int32_t)n;
    b->first_logits = (int32_t)batch->n_logits;
    for (int32_t i = 0; i < b->n_scheduled; i++) {
        const int32_t at = b->n_filled + i, pos = r->n_prompt + at;
        room->rows[batch->n_rows] =
            (struct batch_row){.seq = b->place == BRANCH_AT_HOME ? r->slot : l->first + b->place,
                               .pos = pos,
                               .token = b->tokens[at],
                               .visible_end = pos + 1};
        room->logit_rows[batch->n_logits++] = (int32_t)batch->n_rows++;
    }
}

void branches_schedule(struct lanes *l, struct request *r, struct batch *batch,
                       const struct step_room *room) {
    for (int32_t i = 0; i < r->n_branches; i++) {
        struct branch *b = &r->branches[i];
        b->n_scheduled = 0;
        if (is_done(b)) continue;
        if (batch->n_rows == room->max_rows || batch->n_logits == room->max_head_rows) continue;
        if (find_place(l, r, b)) schedule_one(l, r, b, batch, room);
    }
}

void branches_take(struct lanes *l, struct request *r, const float *logits, int64_t vocab_size,
                   const struct tokenizer *tokenizer) {
    for (int32_t i = 0; i < r->n_branches && !r->ended; i++) {
        struct branch *b = &r->branches[i];
        const float *row = logits + (size_t)b->first_logits * (size_t)vocab_size;
        karma_status st = KARMA_OK;
        for (int32_t k = 0; k < b->n_scheduled && st == KARMA_OK; k++, row += vocab_size)
            st = add_logprob(b, b->n_filled + k + 1, row, vocab_size);
        if (st < 0) request_fail(r, st);
        b->n_filled += b->n_scheduled;
        b->n_scheduled = 0;
        if (is_done(b)) leave_place(l, r, b);
    }
    if (!r->ended) end_if_done(r, tokenizer);
}

void branches_leave(struct lanes *l, struct request *r) {
    for (int32_t i = 0; i < r->n_branches; i++)
        leave_place(l, r, &r->branches[i]);
}
