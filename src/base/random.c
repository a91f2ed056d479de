/*
 * random.c - streams of random numbers. The generators are those of Steele, Lea and Flood
 * (splitmix64) and Blackman and Vigna (xoshiro256**). What a (seed, key) draws is part of stored
 * results, so nothing here may change.
 */
#include "base/random.h"

#include <sys/random.h>

#include "base/clock.h"

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* The key is taken in words of eight bytes, little-endian, each mixed in whole; its length last,
 * so that "a" and "a\0" differ. */
void rng_init(struct rng *r, uint64_t seed, const void *key, size_t key_len) {
    const unsigned char *p = key;
    uint64_t state = seed;
    for (size_t i = 0; i < key_len; i += 8) {
        uint64_t word = 0;
        for (size_t k = i; k < key_len && k < i + 8; k++)
            word |= (uint64_t)p[k] << (8 * (k - i));
        state = splitmix(&state) ^ word;
    }
    state = splitmix(&state) ^ key_len;
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix(&state);
}

static inline uint64_t rotl(uint64_t x, int n) {
    return x << n | x >> (64 - n);
}

uint64_t rng_next(struct rng *r) {
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

double rng_uniform(struct rng *r) {
    return (double)(rng_next(r) >> 11) * 0x1p-53;
}

void random_entropy(void *out, size_t len) {
    unsigned char *p = out;
    while (len) {
        size_t part = len < 256 ? len : 256; /* up to here getrandom is never interrupted */
        if (getrandom(p, part, 0) == (ssize_t)part) {
            p += part;
            len -= part;
            continue;
        }
        /* A kernel or a filter without the call: the address space and the clock still differ. */
        uint64_t state = (uint64_t)(uintptr_t)&len ^ clock_monotonic_ns() << 16;
        for (; len; len--)
            *p++ = (unsigned char)splitmix(&state);
    }
}
