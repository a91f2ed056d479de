/*
 * ctc.h - from frames of scores to tokens, the connectionist temporal classification way: greedy,
 * prefix beam search with words to prefer, and the alignment of a given text to its frames. Scores
 * are [n_frames, n_tokens] logits of one utterance; blank is one of the tokens.
 *
 * Greedy takes the first of equal maxima, as the reference's argmax does. The beam sums the paths
 * of a text (Hannun et al. 2014, "First-pass large vocabulary continuous speech recognition").
 */
#ifndef NN_CTC_H
#define NN_CTC_H

#include <stdbool.h>

#include "base/mem.h"

/* A token of a text and the frames [begin, end) it was heard in. */
struct heard_token {
    int32_t id;
    int32_t begin, end;
    float logprob; /* mean of its log-probability over those frames */
};

/* All-zero is a valid empty one. */
struct heard {
    struct heard_token *tokens;
    size_t count, cap;
    double logprob; /* of the whole: greedy's best path, or the beam's text */
};
void heard_release(struct heard *h);
karma_status heard_push(struct heard *h, struct heard_token t);

struct ctc_scores {
    const float *logits; /* rows are ld apart */
    int64_t n_frames, ld;
    int32_t n_tokens, blank;
};

/* Append to *out. E_NONFINITE, here and below: a frame's scores are no numbers. */
karma_status ctc_greedy(const struct ctc_scores *s, struct heard *out);

/* Words to prefer, as sequences of tokens. A text gets `bonus` for each of their tokens that it
 * holds in order; a sequence left half-way loses what it got. */
struct hot_words;
karma_status hot_words_create(struct hot_words **out);
/* A sequence with its bonus a token; E_RANGE for an empty one. */
karma_status hot_words_add(struct hot_words *w, const int32_t *tokens, size_t count, float bonus);
void hot_words_destroy(struct hot_words *w);
/* The state after `token` in `state` (0: outside of all); *bonus is what the step adds, negative
 * when an unfinished sequence is left. w may be NULL: there are none. */
int32_t hot_words_step(const struct hot_words *w, int32_t state, int32_t token, double *bonus);
/* Is state `to` the way of `from` gone on, not another begun? */
bool hot_words_goes_on(const struct hot_words *w, int32_t from, int32_t to);
/* What the end of the text takes back in that state, as a number to add. */
double hot_words_end(const struct hot_words *w, int32_t state);

struct ctc_beam_options {
    int32_t width;               /* texts kept a frame, 1..10000 */
    float token_floor;           /* log-probability below which a token is not tried: -5 */
    float beam_floor;            /* texts this much worse than the best are dropped: -10 */
    const struct hot_words *hot; /* NULL: none */
};
struct ctc_beam_options ctc_beam_defaults(void); /* width 100 */

/* The likeliest text, its tokens aligned to frames. Append to *out. */
karma_status ctc_beam(const struct ctc_scores *s, const struct ctc_beam_options *o,
                      struct heard *out);

/* The likeliest frames of a given text. E_RANGE when the frames are too few for it. */
karma_status ctc_align(const struct ctc_scores *s, const int32_t *tokens, size_t count,
                       struct heard *out);

#endif
