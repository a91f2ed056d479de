/*
 * rnnt.h - decoding of a transducer (Graves 2012): a predictor that reads the tokens so far, a
 * joint that scores what comes next in a frame, blank meaning "on to the next frame". Greedy as the
 * reference does it; beam search in step with time (Saon et al. 2020, "Alignment-length synchronous
 * decoding for RNN transducer", the time-synchronous form), with words to prefer.
 */
#ifndef NN_RNNT_H
#define NN_RNNT_H

#include "nn/ctc.h"

/* The two networks, as functions. They cannot fail and keep nothing between calls. */
struct rnnt_model {
    void *ctx;
    size_t state_floats;      /* of the predictor */
    size_t prediction_floats; /* of what it hands to the joint */
    int32_t n_tokens, blank, start;
    int32_t max_symbols; /* evaluations of the joint a frame, the blank's included; 0: no bound */
    /* Read a token: state (all zero at first) -> next_state, prediction. */
    void (*predict)(void *ctx, int32_t token, const float *state, float *next_state,
                    float *prediction);
    /* logits[n_tokens] of that frame after that prediction. */
    void (*join)(void *ctx, int64_t frame, const float *prediction, float *logits);
};

/* Append to *out. A token's frames: from the one it came in to that of the next, at most
 * max_token_frames; at least one. */
karma_status rnnt_greedy(const struct rnnt_model *m, int64_t n_frames, int32_t max_token_frames,
                         struct heard *out);

struct rnnt_beam_options {
    int32_t width;               /* texts kept a frame, 1..256 */
    const struct hot_words *hot; /* NULL: none; one may begin in a frame */
};
karma_status rnnt_beam(const struct rnnt_model *m, int64_t n_frames, int32_t max_token_frames,
                       const struct rnnt_beam_options *o, struct heard *out);

#endif
