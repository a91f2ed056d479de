/*
 * rotations.h - what a model makes of the places of options, when every question is asked under all
 * cyclic orders of them (karma_dataset_rotate): how often each place is chosen, how often the right
 * one is found in each, and whether a question is answered the same way wherever its options stand.
 *
 * The majority's answer to a question is the option that more orders chose than any other; where
 * two are equal there is none, and the question counts as wrong.
 *
 * Places are told of all orders; of a question whose orders were not all scored nothing is told of
 * questions. The test is Pearson's chi-square of the places chosen against 1/n of each question.
 * The orders of one question are not independent: who answers by content alone chooses every place
 * equally often, more evenly than chance does, so the test errs on the side of no bias.
 */
#ifndef EVAL_ROTATIONS_H
#define EVAL_ROTATIONS_H

#include "base/json.h"
#include "karma/engine.h"

enum { ROTATIONS_MAX = KARMA_MAX_CANDIDATES, ROTATIONS_NONE = -1 };

/* All-zero at first. Orders of one question are added one behind the other, in any order. */
struct rotations {
    size_t n_places; /* of the question with the most */
    size_t chosen[ROTATIONS_MAX], n_answered, n_unanswered;
    double expected[ROTATIONS_MAX];                      /* of those answered */
    size_t right[ROTATIONS_MAX], n_right[ROTATIONS_MAX]; /* by the place of the right one */
    size_t hits[ROTATIONS_MAX], n_order[ROTATIONS_MAX];  /* by order */
    size_t n_questions, n_same, n_majority; /* whole ones; answered alike; by most right */
    /* The question under way. */
    size_t question, n, n_seen;
    int picked[ROTATIONS_MAX]; /* which option, by its place in the first order */
    int right_option;
};

/* chosen, right: places of n; ROTATIONS_NONE: no answer, no such option. */
void rotations_add(struct rotations *t, size_t question, size_t rotation, size_t n, int chosen,
                   int right);
/* Member "position_bias". */
karma_status rotations_put(struct rotations *t, struct arena *a, struct json *to);

#endif
