/*
 * candidates.h (internal) - answers to choose from (karma_sample.candidates): which tokens they are
 * behind a prompt, and what is told of the one that was chosen.
 */
#ifndef API_CANDIDATES_H
#define API_CANDIDATES_H

#include "api/api.h"
#include "karma/engine.h"

enum { CANDIDATES_TAIL = 64 }; /* bytes of a prompt that decide how what follows is cut */

/* All-zero at first; what was found last is kept, for the next sample often ends alike. */
struct candidates {
    int32_t ids[KARMA_MAX_CANDIDATES];                      /* [count] unless whole */
    karma_continuation continuations[KARMA_MAX_CANDIDATES]; /* [count] if whole */
    size_t count;
    bool whole;         /* texts of any length (candidate_texts) */
    struct arena arena; /* of what follows, and of the continuations' tokens */
    const char *tail;   /* NULL: nothing is kept */
    size_t tail_len;
    const char **texts; /* [count] */
};

/* The one token that each of the sample's candidates is behind the text: as it stands, or with a
 * blank before it where the text ends in a word. Only the text's last CANDIDATES_TAIL bytes count.
 * Of whole texts all tokens: what the text and the candidate have more than the text; where the two
 * run into one token, those of the candidate for itself. E_UNSUPPORTED: one is no single token;
 * E_RANGE: too many. Messages name no text. */
karma_status candidates_find(struct candidates *c, const struct tokenizer *t, const char *text,
                             size_t len, const karma_sample *sample);
void candidates_release(struct candidates *c);

/* Text and raw text of an output whose candidates were compared; texts: [box->out.n_candidates].
 * The raw text is an object of log-probabilities by candidate; of whole texts, which may be equal,
 * {"sums": [...], "tokens": [...], "bytes": [...]} in their order. */
karma_status candidates_answer(struct output_box *box, const char *const *texts);

#endif
