/*
 * asr_align.h - the words of a reference and a prediction in pairs of spans, as KARMA 0.2.0's
 * asr_semantic_metric pairs them: 1 to 3 words of the one with 1 to 8 of the other, so that the
 * sum of what the pairs are worth is largest, ties to the shortest. Words are left out or put in at
 * the end alone, when the other text has none left.
 */
#ifndef METRICS_ASR_ALIGN_H
#define METRICS_ASR_ALIGN_H

#include "metrics/asr_text.h"

enum asr_kind { ASR_MATCH, ASR_SUBSTITUTION, ASR_DELETION, ASR_INSERTION };

struct asr_pair {
    enum asr_kind kind;
    size_t reference, n_reference; /* words: the first, how many */
    size_t prediction, n_prediction;
    double cer; /* of its characters, 0 and up; can exceed 1 */
};

struct asr_alignment {
    const struct asr_pair *pairs;
    size_t count;
    bool undefined; /* upstream fails on these texts; there are no pairs */
};

/* reference: expanded. E_LIMIT: the table of both texts would be too large. The pairs are in a. */
karma_status asr_align(struct arena *a, const struct asr_text *reference,
                       const struct asr_text *prediction, struct asr_alignment *out);

#endif
