/*
 * draft.h - guesses at what an answer says next, from its own prompt and text: where its last
 * tokens stood before, what followed then may follow again. Guesses ride along as further rows of a
 * step and are checked against what its logits say, so they cost rows and never change a token.
 * How often they have come true decides how many a step takes.
 */
#ifndef ENGINE_DRAFT_H
#define ENGINE_DRAFT_H

#include <stdint.h>

enum {
    DRAFT_STEP_ROWS = 8, /* a step with guesses has at most as many rows */
    DRAFT_MAX = DRAFT_STEP_ROWS - 1,
    DRAFT_LEAST_MATCH = 2, /* tokens that must have stood together before */
    DRAFT_MOST_MATCH = 4,
};

/* What further rows of a step cost beside the reading of the weights: DRAFT_CHEAP with bf16 in
 * pairs and int8, DRAFT_DEAR with blocks of few bits and where products are done in f32. */
enum draft_rows { DRAFT_DEAR, DRAFT_CHEAP };

struct draft {
    int32_t tokens[DRAFT_MAX];
    int32_t n;       /* guessed */
    int32_t n_rows;  /* of these in the step */
    int32_t n_match; /* tokens that stood together; with n 0 without meaning */
    /* Share of guesses that came true lately, by n_match - DRAFT_LEAST_MATCH. */
    float rate[DRAFT_MOST_MATCH - DRAFT_LEAST_MATCH + 1];
};

void draft_init(struct draft *d);
/* Guess at most `most` tokens (>= 0) after tokens[0..n): what followed the longest match, the
 * latest of equal ones. Ids that are none of the vocabulary stand in the place of pictures and end
 * a guess. */
void draft_find(struct draft *d, const int32_t *tokens, int32_t n, int64_t vocab_size,
                int32_t most);
/* Decide the n_rows of n sequences that answer, up to max_rows rows with their own n. */
void draft_share_rows(struct draft *const *drafts, int32_t n, int32_t max_rows,
                      enum draft_rows cost);
/* What was said in the place of the guess, as far as it is known: n >= 0 tokens. */
void draft_learn(struct draft *d, const int32_t *said, int32_t n);

#endif
