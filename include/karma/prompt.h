/*
 * prompt.h - what a model would be asked, in tokens, without its weights: for forecasts. Its
 * tokenizer and chat template alone are loaded.
 */
#ifndef KARMA_PROMPT_H
#define KARMA_PROMPT_H

#include "karma/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes samples into token ids. One thread at a time; lives no longer than its model. */
typedef struct karma_prompt_counter karma_prompt_counter;

/* E_UNSUPPORTED: the model reads samples in its own way (speech, vectors, run() of a plugin); the
 * statuses of reading a checkpoint's header and tokenizer. */
KARMA_API karma_status karma_prompt_counter_create(karma_model *m, karma_prompt_counter **out);
KARMA_API void karma_prompt_counter_destroy(karma_prompt_counter *c); /* NULL is fine */
/* Tokens that fit: the model's own limit, or less if its argument n_ctx says so. */
KARMA_API int32_t karma_prompt_counter_context(const karma_prompt_counter *c);
/* The ids that a run would compute, [n], lent until the next call; those of pictures are not among
 * them. They are not cut, whatever the argument truncate says. */
KARMA_API karma_status karma_prompt_counter_encode(karma_prompt_counter *c,
                                                   const karma_sample *sample, const int32_t **ids,
                                                   size_t *n);

#ifdef __cplusplus
}
#endif
#endif
