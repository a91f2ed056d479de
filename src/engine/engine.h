/*
 * engine.h (internal) - who runs when: sequences, KV blocks, the prefix tree, the scheduler. What
 * is computed is the family's business. karma_engine and karma_session (src/api) are thin faces of
 * what stands here; types and promises are those of karma/engine.h.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/prompt.h"
#include "karma/engine.h"
#include "models/models.h"
#include "text/tokenizer.h"

struct engine;

/* model and tokenizer are lent and must outlive the engine. tokenizer NULL: outputs have no text
 * and no text callback is made. n_ctx 0: the model's context, at most 8192. One arena is reserved
 * here; E_LIMIT names the sum and the largest n_ctx that fits the ceiling. */
karma_status engine_create(const struct model *model, const struct tokenizer *tokenizer,
                           const karma_engine_options *options, struct engine **out);
void engine_destroy(struct engine *e);
/* What engine_create() would reserve, with its refusals; nothing is allocated. */
struct engine_size {
    size_t cache_bytes, scratch_bytes; /* their sum is all of it; weights are not in it */
};
karma_status engine_measure(const struct model *model, const karma_engine_options *options,
                            struct engine_size *out);
int64_t engine_bytes(const struct engine *e);     /* what it did reserve */
size_t engine_ceiling(const struct model *model); /* what is allowed when no option says it */

karma_status engine_submit(struct engine *e, const char *key, const int32_t *tokens,
                           size_t n_tokens, const karma_generate_options *options,
                           karma_done_fn done, karma_text_fn text, void *user);
/* The same with pictures in the prompt. Tokens within spans may be any ids. E_SHAPE: rows of
 * another width; E_LIMIT: more rows than a picture of the model has. */
karma_status engine_submit_prompt(struct engine *e, const char *key,
                                  const struct engine_prompt *prompt,
                                  const karma_generate_options *options, karma_done_fn done,
                                  karma_text_fn text, void *user);
karma_status engine_step(struct engine *e, size_t *active);
void engine_cancel(struct engine *e);
void engine_get_stats(const struct engine *e, karma_engine_stats *out);
int32_t engine_n_ctx(const struct engine *e); /* longest sequence, prompt and answer */
/* Where its steps run; for tests that count what a backend did. */
const struct stream *engine_stream(const struct engine *e);

/* One sequence fed by hand: the inside of karma_session. It owns an engine of one sequence. */
struct sequence;
karma_status sequence_create(const struct model *model, int32_t n_ctx, struct sequence **out);
void sequence_destroy(struct sequence *s);
/* all: [n, vocab_size] of the caller, or NULL; last: lent [vocab_size] of the last row, or NULL.
 * E_LIMIT, E_RANGE leave the sequence as it was. */
karma_status sequence_feed(struct sequence *s, const int32_t *tokens, size_t n, float *all,
                           const float **last);
size_t sequence_n_past(const struct sequence *s);
karma_status sequence_rewind(struct sequence *s, size_t n_past);

#endif
