/*
 * sequence.c - one sequence fed by hand, the inside of karma_session. Its blocks are its own and
 * lie in order, so going back is forgetting how far it was: what stands behind n_past is stale and
 * not visible.
 */
#include <string.h>

#include "base/float_env.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/runtime.h"

enum { CHUNK_ROWS = 512, HEAD_ROWS = 32 };

struct sequence {
    struct runtime rt;
    int32_t *blocks; /* [blocks_per_sequence]: 0, 1, 2, ... */
    float *last;     /* [vocab_size] */
    struct batch_row rows[CHUNK_ROWS];
    int32_t logit_rows[HEAD_ROWS];
    int32_t n_past;
};

karma_status sequence_create(const struct model *model, int32_t n_ctx, struct sequence **out) {
    *out = NULL;
    if (n_ctx < 1) return status_fail(KARMA_E_LIMIT, "n_ctx %d: expected 1 or more", n_ctx);
    struct sequence *s = mem_calloc(1, sizeof(*s));
    if (!s) return KARMA_E_NOMEM;
    const size_t logits_bytes = (size_t)model->info.vocab_size * sizeof(float);
    const struct runtime_limits limits = {
        .n_ctx = n_ctx,
        .max_sequences = 1,
        .max_rows = n_ctx < CHUNK_ROWS ? n_ctx : CHUNK_ROWS,
        .max_head_rows = n_ctx < HEAD_ROWS ? n_ctx : HEAD_ROWS,
        .host_bytes = sizeof(*s) + logits_bytes,
        .host_block_bytes = sizeof(int32_t),
    };
    karma_status st = runtime_create(model, &limits, &s->rt);
    if (st < 0) goto done;
    st = KARMA_E_NOMEM;
    s->blocks = mem_calloc((size_t)s->rt.blocks_per_sequence, sizeof(*s->blocks));
    if (!s->blocks) goto done;
    for (int32_t i = 0; i < s->rt.blocks_per_sequence; i++)
        s->blocks[i] = i;
    s->last = mem_alloc(logits_bytes);
    if (!s->last) goto done;
    *out = s;
    return KARMA_OK;
done: /* only failures come here */
    sequence_destroy(s);
    return st;
}

void sequence_destroy(struct sequence *s) {
    if (!s) return;
    runtime_release(&s->rt);
    mem_free(s->blocks);
    mem_free(s->last);
    mem_free(s);
}

/* Rows of one chunk; logits of the last n_logits of them. */
static void feed_chunk(struct sequence *s, const int32_t *tokens, int32_t n, int32_t n_logits,
                       float *logits) {
    for (int32_t i = 0; i < n; i++) {
        const int32_t pos = s->n_past + i;
        s->rows[i] = (struct batch_row){.pos = pos, .token = tokens[i], .visible_end = pos + 1};
    }
    for (int32_t i = 0; i < n_logits; i++)
        s->logit_rows[i] = n - n_logits + i;
    const int32_t *tables[1] = {s->blocks};
    struct batch batch = {
        .n_rows = n,
        .rows = s->rows,
        .block_tables = tables,
        .logit_rows = s->logit_rows,
        .n_logits = n_logits,
        .logits = logits,
    };
    runtime_forward(&s->rt, &batch);
    s->n_past += n;
}

karma_status sequence_feed(struct sequence *s, const int32_t *tokens, size_t n, float *all,
                           const float **last) {
    const int64_t vocab = s->rt.model->info.vocab_size;
    if (last) *last = NULL;
    if (n == 0) return status_fail(KARMA_E_RANGE, "no tokens to feed");
    if (n > (size_t)(s->rt.n_ctx - s->n_past)) {
        return status_fail(KARMA_E_LIMIT, "%d tokens are fed, %zu more exceed n_ctx %d", s->n_past,
                           n, s->rt.n_ctx);
    }
    for (size_t i = 0; i < n; i++) {
        if (tokens[i] >= 0 && tokens[i] < vocab) continue;
        return status_fail(KARMA_E_RANGE, "token %zu: id %d is outside the vocabulary of %lld", i,
                           tokens[i], (long long)vocab);
    }
    const size_t chunk = all ? HEAD_ROWS : CHUNK_ROWS;
    fenv_t before;
    float_env_enter(&before);
    for (size_t at = 0; at < n; at += chunk) {
        const int32_t rows = (int32_t)(n - at < chunk ? n - at : chunk);
        const bool ends = at + (size_t)rows == n;
        if (all) {
            feed_chunk(s, tokens + at, rows, rows, all + at * (size_t)vocab);
        } else {
            feed_chunk(s, tokens + at, rows, ends && last ? 1 : 0, s->last);
        }
    }
    float_env_leave(&before);
    if (!last) return KARMA_OK;
    if (all) memcpy(s->last, all + (n - 1) * (size_t)vocab, (size_t)vocab * sizeof(*all));
    *last = s->last;
    return KARMA_OK;
}

size_t sequence_n_past(const struct sequence *s) {
    return (size_t)s->n_past;
}

karma_status sequence_rewind(struct sequence *s, size_t n_past) {
    if (n_past > (size_t)s->n_past) {
        return status_fail(KARMA_E_RANGE, "cannot go back to %zu: only %d tokens are fed", n_past,
                           s->n_past);
    }
    s->n_past = (int32_t)n_past;
    return KARMA_OK;
}
