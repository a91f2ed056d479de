/*
 * session.h - one inference timeline over a model, for people who want just one: feed tokens, get
 * logits. Inside it is one sequence of an engine of its own. One thread at a time.
 */
#ifndef KARMA_SESSION_H
#define KARMA_SESSION_H

#include "karma/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A sequence of tokens with its cache. */
typedef struct karma_session karma_session;

/* A session for up to n_ctx tokens, 1..the model's max_position_embeddings (else E_LIMIT). Its
 * memory is reserved here; later calls allocate nothing. Destroy it before the model. */
KARMA_API karma_status karma_session_create(karma_model *m, int32_t n_ctx, karma_session **out);
KARMA_API void karma_session_destroy(karma_session *s); /* NULL is fine */

/* Feed n more tokens. *logits: [vocab_size] f32 after the last of them, lent until the next call
 * on s. E_LIMIT: fed + n > n_ctx; E_RANGE: an id outside the vocabulary; s is as before then. */
KARMA_API karma_status karma_session_feed(karma_session *s, const int32_t *tokens, size_t n,
                                          const float **logits);
/* The same with the logits of every fed token: [n, vocab_size]; n at most 4096. */
KARMA_API karma_status karma_session_feed_all(karma_session *s, const int32_t *tokens, size_t n,
                                              float *logits);
/* Tokens fed so far. */
KARMA_API size_t karma_session_n_past(const karma_session *s);
/* Forget the tokens from position n_past on. E_RANGE when there are fewer. */
KARMA_API karma_status karma_session_rewind(karma_session *s, size_t n_past);
KARMA_API int32_t karma_model_vocab_size(const karma_model *m); /* 0 before load */

#ifdef __cplusplus
}
#endif
#endif
