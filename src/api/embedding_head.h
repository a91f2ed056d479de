/*
 * embedding_head.h - what makes one vector of a text's token vectors: pooling, then the dense
 * layers and normalisation that a sentence-transformers folder lists.
 */
#ifndef API_EMBEDDING_HEAD_H
#define API_EMBEDDING_HEAD_H

#include "api/sentence_transformers.h"
#include "base/file.h"

struct embedding_head; /* one thread at a time */

/* Open the modules of s over a model whose token vectors have hidden_size components; weights are
 * read from below folder. be and s must outlive it. E_SHAPE, E_UNSUPPORTED, E_MISSING name the
 * file. */
karma_status embedding_head_open(struct backend *be, const char *folder,
                                 const struct sentence_transformers *s, int64_t hidden_size,
                                 struct embedding_head **out);
void embedding_head_close(struct embedding_head *h); /* NULL is fine */

int64_t embedding_head_dim(const struct embedding_head *h);    /* of the vector at the end */
int64_t embedding_head_stride(const struct embedding_head *h); /* of the widest on the way */
size_t embedding_head_bytes(const struct embedding_head *h);   /* mapped weights, and our own */

/* Pool token vectors [count, hidden_size] of which the first `skip` do not count (a prompt that is
 * not to be pooled) into out, stride() floats. */
void embedding_head_pool(const struct embedding_head *h, const float *hidden, int64_t count,
                         int64_t skip, float *out);
/* n pooled vectors, stride() floats apart, to final ones in their place. keep_length: leave out a
 * normalisation that ends the list. */
void embedding_head_run(struct embedding_head *h, float *vectors, size_t n, bool keep_length);

/* v / max(|v|, 1e-12). */
void embedding_normalize(float *v, int64_t n);

#endif
