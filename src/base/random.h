/*
 * random.h - reproducible random streams: one per sample, keyed by seed and sample key, so that
 * what a sample draws depends on nothing else. splitmix64 seeding, xoshiro256** generation.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};
void rng_init(struct rng *r, uint64_t seed, const void *key, size_t key_len);
uint64_t rng_next(struct rng *r);
double rng_uniform(struct rng *r); /* [0, 1), 53 bits */

/* Bytes nobody can foresee, from the system: hash seeds and temporary names, never results. */
void random_entropy(void *out, size_t len);

#endif
