/*
 * edit_distance.h - the fewest insertions, deletions and replacements that make one sequence of
 * symbols another, and which they are. Memory grows with the length, not with its square, and 64
 * cells of the table are one step of the processor: an hour of speech, as characters, takes a
 * second or two.
 *
 * There may be many shortest scripts. The one given is RapidFuzz's, which jiwer counts: what stands
 * equal at both ends is kept, and behind it, from the end, a deletion goes before an insertion,
 * an insertion that saves one before a replacement. The match error rate depends on this choice.
 */
#ifndef METRICS_EDIT_DISTANCE_H
#define METRICS_EDIT_DISTANCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

enum edit { EDIT_EQUAL, EDIT_REPLACE, EDIT_DELETE, EDIT_INSERT };

/* Symbols of a sequence: numbers below n_symbols of the call. */
struct symbols {
    const uint32_t *ids;
    size_t count;
};

/* Steps from `from` to `to`, in order, each an enum edit; in a. At most 2^31 symbols each. */
karma_status edit_script(struct arena *a, struct symbols from, struct symbols to,
                         uint32_t n_symbols, const unsigned char **steps, size_t *count);

#endif
