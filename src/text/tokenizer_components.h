/*
 * tokenizer_components.h - the small parts of a tokenizer.json, from their trees. A tree may be
 * NULL or null: the part is absent. What we do not have is E_UNSUPPORTED, naming it.
 */
#ifndef TEXT_TOKENIZER_COMPONENTS_H
#define TEXT_TOKENIZER_COMPONENTS_H

#include "base/json.h"
#include "text/tokenizer_impl.h"

karma_status component_normalizer(struct tokenizer *t, const struct json *tree);
/* Also decides whether the vocabulary is byte-level. */
karma_status component_pre_tokenizer(struct tokenizer *t, const struct json *tree);
karma_status component_decoder(struct tokenizer *t, const struct json *tree);
/* The vocabulary and the added tokens are complete by then. */
karma_status component_post_processor(struct tokenizer *t, const struct json *tree);

#endif
