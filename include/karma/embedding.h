/*
 * embedding.h - vectors of texts: what an embedding model (a sentence-transformers folder, a BERT,
 * a decoder made for it) computes, how vectors are compared, and a corpus that queries are ranked
 * against. A text's vector does not depend on the texts beside it, nor on the number of threads.
 */
#ifndef KARMA_EMBEDDING_H
#define KARMA_EMBEDDING_H

#include "karma/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How the vectors of tokens become one. */
typedef enum karma_pooling {
    KARMA_POOL_CLS,           /* that of the first token */
    KARMA_POOL_MAX,           /* the largest of each component */
    KARMA_POOL_MEAN,          /* their mean */
    KARMA_POOL_MEAN_SQRT_LEN, /* their sum over the square root of their number */
    KARMA_POOL_WEIGHTED_MEAN, /* their mean, weighed by position from 1 */
    KARMA_POOL_LAST_TOKEN     /* that of the last token */
} karma_pooling;

/* Get one from karma_embed_defaults(). */
struct karma_embed_options {
    uint32_t struct_size;
    const char *prompt;      /* put before every text; NULL: that of prompt_name */
    const char *prompt_name; /* "query", "document", ... of the checkpoint; NULL: its default one */
    int32_t truncate_dim;    /* leading components kept; 0: as the arguments say, else all */
    /* 1: made unit length at the end (after truncate_dim too), 0: not even where the checkpoint's
     * last module does it, -1: as arguments and checkpoint say, and what is cut off by truncate_dim
     * then is not made up for, as in the reference. */
    int normalize;
    /* Asked between batches; true ends the call with E_CANCELLED. NULL: never. */
    bool (*cancelled)(void *user);
    void *user;
};
/* As the checkpoint has it: its default prompt, all components. */
KARMA_API karma_embed_options karma_embed_defaults(void);

/* Components of a vector with these options (NULL: the defaults); 0 when m is not loaded or makes
 * none, or has fewer than truncate_dim asks for. */
KARMA_API int64_t karma_model_embedding_dim(const karma_model *m,
                                            const karma_embed_options *options);

/* The vectors of n texts: vectors is the caller's [n, karma_model_embedding_dim(m, options)], f32,
 * row-major. Loads first if need be. A text longer than the model's limit is cut there, as the
 * reference does; *n_cut (may be NULL) counts those. E_UNSUPPORTED: not an embedding model; E_USAGE
 * names the prompts there are; E_ENCODING, E_NONFINITE with the text's number (from 0). Calls on
 * one model wait for each other. */
KARMA_API karma_status karma_model_embed(karma_model *m, const char *const *texts, size_t n,
                                         const karma_embed_options *options, float *vectors,
                                         size_t *n_cut);

/* How alike two vectors are; larger is more alike (distances are negated). Computed in f64. */
typedef enum karma_similarity_kind {
    KARMA_COSINE,    /* dot product of the unit vectors */
    KARMA_DOT,       /* dot product */
    KARMA_EUCLIDEAN, /* minus the length of the difference */
    KARMA_MANHATTAN  /* minus the sum of the differences' sizes */
} karma_similarity_kind;
/* Of two vectors of dim components each. */
KARMA_API double karma_similarity(karma_similarity_kind kind, const float *a, const float *b,
                                  size_t dim);
/* What the model's arguments or checkpoint name; cosine when they name none. */
KARMA_API karma_similarity_kind karma_model_similarity_kind(const karma_model *m);

/* Documents that run() ranks a sample's input against: its text is then a JSON object {"id":
 * score}, best first, of the max(k_values) best; of documents with one id the best counts. Embeds
 * them (loads first if need be); replaces an earlier corpus; n 0 forgets it, and so does unload().
 * ids are copied, texts are not kept. Not while another thread runs m. E_UNSUPPORTED: not an
 * embedding model. */
KARMA_API karma_status karma_model_set_corpus(karma_model *m, const char *const *ids,
                                              const char *const *texts, size_t n);

#ifdef __cplusplus
}
#endif
#endif
