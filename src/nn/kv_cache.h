/*
 * kv_cache.h - which block of the KV pool holds what. A full block is known by the tokens in it
 * and by the block before it, back to the first; sequences that begin alike share such blocks. A
 * block under way can be shared too: it has one filler, and the others wait until it is ready.
 * Blocks nobody uses keep their content until they are needed, the longest unused first. Blocks
 * never used are touched only while few are kept, so that a long run does not spread over all of
 * the pool. Nothing here touches keys or values, and nothing allocates.
 *
 * "Tokens" here are whatever names the content of a position: ids, and below 0 the names that the
 * engine gives to rows of pictures.
 */
#ifndef NN_KV_CACHE_H
#define NN_KV_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/backend.h"

enum { KV_NONE = -1 };

struct kv_block {
    int32_t tokens[KV_BLOCK_TOKENS];
    uint64_t identity; /* 0: not to be found by others */
    uint64_t parent;   /* identity of the block before; 0 at the start of a sequence */
    int32_t refs;
    int32_t filler;       /* who writes it; KV_NONE: nobody, or it is ready */
    bool ready;           /* every position of it is written */
    int32_t next;         /* in its bucket */
    int32_t newer, older; /* among idle blocks */
};

struct kv_cache {
    struct kv_block *blocks; /* [n_blocks] */
    int32_t *buckets;        /* [n_buckets], heads of chains */
    int32_t n_blocks, n_buckets;
    int32_t newest, oldest; /* idle blocks: used once, by nobody now */
    int32_t n_idle;
    int32_t max_idle; /* as many are kept while there are fresh ones */
    int32_t n_fresh;  /* never used: the last of all */
    uint64_t last_identity;
};

size_t kv_cache_bytes(int32_t n_blocks);
/* memory: kv_cache_bytes() of it, 16-byte aligned, zeroed, lent. */
void kv_cache_init(struct kv_cache *c, int32_t n_blocks, int32_t max_idle, void *memory);
/* Blocks that kv_cache_take() can give. */
static inline int32_t kv_cache_unused(const struct kv_cache *c) {
    return c->n_idle + c->n_fresh;
}

/* The block that holds these KV_BLOCK_TOKENS tokens after parent, ready or under way; else
 * KV_NONE. */
int32_t kv_cache_find(const struct kv_cache *c, uint64_t parent, const int32_t *tokens);
/* The ready block after parent that begins with the most of tokens[0..n); *common: how many. */
int32_t kv_cache_find_beginning(const struct kv_cache *c, uint64_t parent, const int32_t *tokens,
                                int32_t n, int32_t *common);

/* One more user of a block found. */
void kv_cache_ref(struct kv_cache *c, int32_t block);
/* An unused block of one's own; what it held is forgotten. There must be one. */
int32_t kv_cache_take(struct kv_cache *c);
/* Let others find the block by its tokens (copied). Returns the identity that stands for this
 * content: the block's, or that of an equal one known already, and then the block stays private.
 * filler KV_NONE: the block is ready. */
uint64_t kv_cache_register(struct kv_cache *c, int32_t block, uint64_t parent,
                           const int32_t *tokens, int32_t filler);
/* All positions are written. */
void kv_cache_set_ready(struct kv_cache *c, int32_t block);
/* One user less. Release the blocks of a sequence from its end: then a block never outlives those
 * it builds on. filler: who gives up; a block it was still writing waits for another. */
void kv_cache_release(struct kv_cache *c, int32_t block, int32_t filler);

#endif
