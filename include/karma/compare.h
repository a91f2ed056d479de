/*
 * compare.h - two runs over the same samples, told apart: differences of scores with intervals and
 * tests, as pairs; what changed from right to wrong and back. doc/statistics.md has the methods.
 */
#ifndef KARMA_COMPARE_H
#define KARMA_COMPARE_H

#include "karma/status.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is asked. Get one from karma_compare_defaults(). */
typedef struct karma_compare_options {
    uint32_t struct_size;
    const char *metric; /* this one alone; NULL: all that both runs have */
    /* Are the scores equivalent within this much, in the score's own unit (0.02: two points of an
     * accuracy)? 0: not asked. */
    double delta;
    /* Where the comparison is written to as well, mode 0600; NULL: nowhere. A file that is there is
     * replaced only if it is a comparison (else E_USAGE). */
    const char *output;
} karma_compare_options;
/* All metrics, no equivalence, no file. */
KARMA_API karma_compare_options karma_compare_defaults(void);

/* first, second: paths of results files with their logs of samples beside them. Samples are joined
 * by data set and key; differences are those of the second less the first. *json: the comparison
 * (doc/reference/compare.md), to be given to karma_free(). E_MISSING: no sample is in both, or a
 * file is not there; E_NOTFOUND: no results file, or no such metric; E_SYNTAX, E_TYPE, E_DUPLICATE:
 * file and line are named. */
KARMA_API karma_status karma_compare_runs(const char *first, const char *second,
                                          const karma_compare_options *options, char **json);

#ifdef __cplusplus
}
#endif
#endif
