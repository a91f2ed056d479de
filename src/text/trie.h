/*
 * trie.h - texts of tokens as a tree of bytes, to find all tokens that a text begins with in one
 * walk. A node's children lie side by side, so a step is a search among at most 256 bytes.
 */
#ifndef TEXT_TRIE_H
#define TEXT_TRIE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

struct trie {
    uint8_t *labels; /* by node: the byte that leads to it; node 0 is the root */
    uint32_t *first; /* by node: its first child; the next node's first child ends them */
    int32_t *values; /* by node: the value of the text that ends here, or -1 */
    uint32_t n_nodes, cap_nodes;
};

struct trie_key {
    const char *text; /* lent while building */
    uint32_t len;
    int32_t value; /* >= 0 */
};

/* Build from keys, whose order is lost. Of equal texts the highest value counts. Empty texts are
 * left out. All-zero is a trie that finds nothing. */
karma_status trie_build(struct trie *t, struct trie_key *keys, size_t count);
void trie_release(struct trie *t);

/* The node behind byte, or 0: there is none. */
static inline uint32_t trie_step(const struct trie *t, uint32_t node, unsigned char byte) {
    uint32_t begin = t->first[node], n = t->first[node + 1] - begin;
    if (n == 0) return 0;
    const uint8_t *hit = memchr(t->labels + begin, byte, n);
    return hit ? (uint32_t)(hit - t->labels) : 0;
}

#endif
