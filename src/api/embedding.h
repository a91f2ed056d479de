/*
 * embedding.h (internal) - what the files of the embedding classes share: the model's part that
 * load() makes, the corpus, and what a call of embed() says of its texts beside their vectors.
 */
#ifndef API_EMBEDDING_H
#define API_EMBEDDING_H

#include "api/api.h"
#include "karma/embedding.h"

/* What embed() found out about the texts of the call under way in this thread; a caller that wants
 * to know sets one first. Arrays may be NULL. */
struct embed_report {
    size_t n_cut;
    unsigned char *was_cut; /* [n] */
    size_t *n_tokens;       /* [n] */
};
/* Make it the one of this thread (NULL: none); returns the one before. */
struct embed_report *embed_report_enter(struct embed_report *report);

/* The embed slot of m's class with loading and arguments checked; E_UNSUPPORTED without one. */
karma_status embed_texts(karma_model *m, const char *const *texts, size_t n,
                         const karma_embed_options *options, float *vectors,
                         struct embed_report *report);

/* "query" or the name of the documents' prompt if the checkpoint or the arguments have one and
 * use_prompts lets it be used; else NULL. */
const char *embedding_prompt_name(const karma_model *m, bool of_documents);

/* ---- corpus.c ---- */

void corpus_release(karma_model *m);
bool corpus_present(const karma_model *m);
size_t corpus_dim(const karma_model *m);
size_t corpus_bytes(const karma_model *m);
const char *corpus_digest(const karma_model *m); /* of ids and texts; NULL without a corpus */
/* Append {"id": score, ...} of the best max(k_values) documents for a query's vector (changed). */
karma_status corpus_rank(const karma_model *m, float *query, struct buf *out);
/* E_USAGE unless k_values is a list of whole numbers from 1; *k is the largest. */
karma_status corpus_k(const struct json *args, int64_t *k);

#endif
