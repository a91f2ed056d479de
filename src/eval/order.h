/*
 * order.h - in which order the samples of a data set are asked: those whose texts begin alike one
 * after the other, so that what they have in common is computed once and is still there for the
 * next. Only when an answer is made depends on it; none of the answers does.
 */
#ifndef EVAL_ORDER_H
#define EVAL_ORDER_H

#include "base/buf.h"
#include "base/mem.h"
#include "karma/dataset.h"

/* What has been seen of a set's samples. All-zero at first. */
struct order {
    struct buf first, text;  /* what the first sample begins with; the one looked at */
    size_t n_looked, common; /* bytes that all of them begin with */
    bool as_they_come;       /* there are recordings: theirs is not the order of texts */
};

/* Look at a sample; at each of those to be ordered, and others do no harm. */
karma_status order_look(struct order *o, const karma_sample *sample);
/* Sort the indices at[n] of samples of d. Samples are equal where the first bytes of what they do
 * not all have in common are, ORDER_MEMORY / n of each and at most ORDER_LONGEST; equal ones stay
 * in their order. */
enum { ORDER_MEMORY = 16 << 20, ORDER_LONGEST = 16 << 10 };
karma_status order_sort(struct order *o, karma_dataset *d, size_t *at, size_t n);
void order_release(struct order *o);

#endif
