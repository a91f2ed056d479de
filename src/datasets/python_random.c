/* python_random.c - see python_random.h. The constants are those of Matsumoto and Nishimura's
 * MT19937, with their initialisation by an array. */
#include "datasets/python_random.h"

#include <string.h>

enum { N = 624, M = 397 };

static void seed_word(struct python_random *r, uint32_t seed) {
    r->state[0] = seed;
    for (uint32_t i = 1; i < N; i++)
        r->state[i] = 1812433253u * (r->state[i - 1] ^ (r->state[i - 1] >> 30)) + i;
    r->at = N;
}

/* Python seeds with the array of a number's 32-bit words; one, of the numbers taken here. */
void python_random_seed(struct python_random *r, uint32_t seed) {
    uint32_t *s = r->state, i = 1;
    seed_word(r, 19650218u);
    for (int k = 0; k < N; k++) {
        s[i] = (s[i] ^ ((s[i - 1] ^ (s[i - 1] >> 30)) * 1664525u)) + seed;
        if (++i < N) continue;
        s[0] = s[N - 1];
        i = 1;
    }
    for (int k = 0; k < N - 1; k++) {
        s[i] = (s[i] ^ ((s[i - 1] ^ (s[i - 1] >> 30)) * 1566083941u)) - i;
        if (++i < N) continue;
        s[0] = s[N - 1];
        i = 1;
    }
    s[0] = 0x80000000u;
}

static void refill(struct python_random *r) {
    uint32_t *s = r->state;
    for (uint32_t i = 0; i < N; i++) {
        const uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % N] & 0x7FFFFFFFu);
        s[i] = s[(i + M) % N] ^ (y >> 1) ^ (y & 1 ? 0x9908B0DFu : 0);
    }
    r->at = 0;
}

static uint32_t next_word(struct python_random *r) {
    if (r->at >= N) refill(r);
    uint32_t y = r->state[r->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9D2C5680u;
    y ^= (y << 15) & 0xEFC60000u;
    return y ^ (y >> 18);
}

uint32_t python_random_bits(struct python_random *r, int bits) {
    return next_word(r) >> (32 - bits);
}

static uint32_t below(struct python_random *r, uint32_t n) {
    int bits = 0;
    while (bits < 32 && n >> bits)
        bits++;
    uint32_t x = bits ? python_random_bits(r, bits) : 0;
    while (bits && x >= n)
        x = python_random_bits(r, bits);
    return x;
}

/* Of few of many the drawn ones are remembered; else the pool is: the limit is Python's. */
static bool remembers_drawn(uint32_t n, uint32_t k) {
    uint64_t limit = 21;
    if (k > 5) {
        uint64_t power = 1; /* 4 ** ceil(log(3k, 4)) */
        while (power < 3 * (uint64_t)k)
            power *= 4;
        limit += power;
    }
    return n > limit;
}

static bool holds(const uint32_t *list, uint32_t n, uint32_t x) {
    for (uint32_t i = 0; i < n; i++)
        if (list[i] == x) return true;
    return false;
}

karma_status python_random_sample(struct python_random *r, uint32_t n, uint32_t k, uint32_t *out) {
    if (remembers_drawn(n, k)) {
        for (uint32_t i = 0; i < k; i++) {
            do
                out[i] = below(r, n);
            while (holds(out, i, out[i]));
        }
        return KARMA_OK;
    }
    uint32_t *pool = mem_calloc(n + (size_t)1, sizeof(*pool));
    if (!pool) return KARMA_E_NOMEM;
    for (uint32_t i = 0; i < n; i++)
        pool[i] = i;
    for (uint32_t i = 0; i < k; i++) {
        const uint32_t at = below(r, n - i);
        out[i] = pool[at];
        pool[at] = pool[n - i - 1];
    }
    mem_free(pool);
    return KARMA_OK;
}
