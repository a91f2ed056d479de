/* session.c - karma/session.h on top of one hand-fed sequence of src/engine. */
#include "karma/session.h"

#include "api/api.h"
#include "base/mem.h"
#include "engine/engine.h"

enum { MAX_ALL_LOGITS = 4096 };

struct karma_session {
    struct sequence *inside;
};

karma_status karma_session_create(karma_model *m, int32_t n_ctx, karma_session **out) {
    *out = NULL;
    karma_status st = model_need_loaded(m);
    if (st < 0) return st;
    int32_t most = m->model->info.max_position_embeddings;
    if (n_ctx < 1 || n_ctx > most)
        return status_fail(KARMA_E_LIMIT, "n_ctx: expected 1 to %d, found %d", most, n_ctx);
    karma_session *s = mem_calloc(1, sizeof(*s));
    if (!s) return KARMA_E_NOMEM;
    st = sequence_create(m->model, n_ctx, &s->inside);
    if (st == KARMA_OK)
        *out = s;
    else
        mem_free(s);
    return st;
}

void karma_session_destroy(karma_session *s) {
    if (!s) return;
    sequence_destroy(s->inside);
    mem_free(s);
}

karma_status karma_session_feed(karma_session *s, const int32_t *tokens, size_t n,
                                const float **logits) {
    return sequence_feed(s->inside, tokens, n, NULL, logits);
}

karma_status karma_session_feed_all(karma_session *s, const int32_t *tokens, size_t n,
                                    float *logits) {
    if (n > MAX_ALL_LOGITS)
        return status_fail(KARMA_E_LIMIT, "feed_all: %zu tokens, at most %d", n, MAX_ALL_LOGITS);
    return sequence_feed(s->inside, tokens, n, logits, NULL);
}

size_t karma_session_n_past(const karma_session *s) {
    return sequence_n_past(s->inside);
}

karma_status karma_session_rewind(karma_session *s, size_t n_past) {
    return sequence_rewind(s->inside, n_past);
}
