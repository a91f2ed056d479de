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
    int32_t ids[KARMA_MAX_CANDIDATES];
    size_t count;
    struct arena arena; /* of what follows */
    const char *tail;   /* NULL: nothing is kept */
    size_t tail_len;
    const char **texts; /* [count] */
};

/* The one token that each of the sample's candidates is behind the text: as it stands, or with a
 * blank before it where the text ends in a word. Only the text's last CANDIDATES_TAIL bytes count.
 * E_UNSUPPORTED: one is no single token; E_RANGE: too many. Messages name no text. */
karma_status candidates_find(struct candidates *c, const struct tokenizer *t, const char *text,
                             size_t len, const karma_sample *sample);
void candidates_release(struct candidates *c);

/* Text and raw text of an output whose candidates were compared; texts: [box->out.n_candidates]. */
karma_status candidates_answer(struct output_box *box, const char *const *texts);

#endif
