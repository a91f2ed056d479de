/*
 * ranking.h - what a retrieval model answers, as JSON: {"document": score, ...}, or an array of
 * documents, best first.
 */
#ifndef BASE_RANKING_H
#define BASE_RANKING_H

#include "base/mem.h"

struct ranking {
    const char *const *ids; /* best first, all different, in the arena */
    size_t count;
};

/* Members are ranked by their scores, equal ones as they stand. KARMA_DONE: text is no ranking.
 * Else it fails only for want of memory. */
karma_status ranking_read(struct arena *a, const char *text, struct ranking *out);

#endif
