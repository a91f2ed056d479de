/*
 * ways.h - the ways in which a question is asked, and how the answer to each is read.
 *
 * Generation: the model writes. Letters: the letters of the options are compared by their logits.
 * Options: of the text of each option the log-probabilities of its tokens are summed; what has the
 * highest sum is the answer, or the highest sum for its length. The length is, as in
 * lm-evaluation-harness (ConfigurableTask.process_results, acc_norm: completion_len =
 * len(choice)), the characters of the option as it stands in the data, without the blank before it
 * ("options_normalized"); also its bytes and its tokens. acc is "options".
 */
#ifndef EVAL_WAYS_H
#define EVAL_WAYS_H

#include "eval/plan.h"
#include "eval/store.h"
#include "karma/engine.h"

/* "generation", "letters", "options": what answer_by calls it. */
const char *way_name(enum way w);
/* "generation", "letters", "options", "options_normalized", "options_per_byte",
 * "options_per_token": what the results call it. */
const char *reading_name(enum reading r);
/* How an answer had in that way is read: readings *first to *end - 1. */
void way_readings(enum way w, enum reading *first, enum reading *end);
/* The first of those of the first way. */
enum reading ways_headline(const struct plan_dataset *d);
bool ways_has(const struct plan_dataset *d, enum way w);

/* "letters", "letters,options", "all" (all three): the first named is the headline. NULL:
 * generation. E_USAGE. */
karma_status ways_parse(const char *text, enum way out[WAY_COUNT], size_t *n);
/* What parse was given, in a. */
const char *ways_text(struct arena *a, const struct plan_dataset *d);

/* What an answer to sample i that was compared says in one reading. */
struct comparison {
    const char *labels[KARMA_MAX_CANDIDATES]; /* static */
    double values[KARMA_MAX_CANDIDATES];      /* log-probabilities, for their length or not */
    size_t n, best;                           /* of equal ones the first */
    double confidence;                        /* of the best: its share of the exponentials */
};
/* r: not READ_TEXT. E_SYNTAX: what is stored is no such answer. */
karma_status ways_compare(struct arena *a, struct plan_dataset *d, size_t i,
                          const struct answer *answer, enum reading r, struct comparison *out);

#endif
