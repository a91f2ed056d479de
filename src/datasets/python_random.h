/*
 * python_random.h - what Python's random.Random(seed) draws: the Mersenne Twister MT19937 as its
 * module random seeds and reads it, so that a choice made there can be made here again.
 */
#ifndef DATASETS_PYTHON_RANDOM_H
#define DATASETS_PYTHON_RANDOM_H

#include "base/mem.h"

struct python_random {
    uint32_t state[624];
    uint32_t at;
};

void python_random_seed(struct python_random *r, uint32_t seed);
uint32_t python_random_bits(struct python_random *r, int bits); /* 1 to 32 of them */
/* As random.sample(range(n), k), k <= n < 2^31; out: [k]. Only want of memory fails. */
karma_status python_random_sample(struct python_random *r, uint32_t n, uint32_t k, uint32_t *out);

#endif
