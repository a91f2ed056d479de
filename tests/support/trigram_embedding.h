/*
 * trigram_embedding.h - an embedding model without a checkpoint for tests of retrieval: a text's
 * vector counts its runs of three bytes, so texts that share words are alike.
 */
#ifndef TESTS_SUPPORT_TRIGRAM_EMBEDDING_H
#define TESTS_SUPPORT_TRIGRAM_EMBEDDING_H

#include <stddef.h>

#include "karma/karma.h"

/* Make class "TrigramEmbedding" and the registered model "trigrams" known; may be called again. */
karma_status trigram_register(void);
/* Texts it has made vectors of so far in this process. */
size_t trigram_embedded(void);

#endif
