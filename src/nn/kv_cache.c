/* kv_cache.c - see kv_cache.h. */
#include "nn/kv_cache.h"

#include <assert.h>
#include <string.h>

enum { MIN_BUCKETS = 16 };

static int32_t bucket_count(int32_t n_blocks) {
    int32_t n = MIN_BUCKETS;
    while (n < n_blocks && n < 1 << 29)
        n *= 2;
    return n;
}

size_t kv_cache_bytes(int32_t n_blocks) {
    return (size_t)n_blocks * sizeof(struct kv_block) +
           (size_t)bucket_count(n_blocks) * sizeof(int32_t);
}

/* Chains hold the blocks of one parent that begin with one token, so that both an equal block and
 * the one most alike are found in it. */
static int32_t bucket_of(const struct kv_cache *c, uint64_t parent, int32_t first_token) {
    uint64_t h = (parent + 1) * 0x9e3779b97f4a7c15u ^ (uint64_t)(uint32_t)first_token;
    h = (h ^ h >> 31) * 0xbf58476d1ce4e5b9u;
    return (int32_t)((h ^ h >> 29) & (uint64_t)(c->n_buckets - 1));
}

static void idle_push_newest(struct kv_cache *c, int32_t i) {
    struct kv_block *b = &c->blocks[i];
    b->newer = KV_NONE;
    b->older = c->newest;
    if (c->newest != KV_NONE) c->blocks[c->newest].newer = i;
    c->newest = i;
    if (c->oldest == KV_NONE) c->oldest = i;
    c->n_idle++;
}

static void idle_push_oldest(struct kv_cache *c, int32_t i) {
    struct kv_block *b = &c->blocks[i];
    b->older = KV_NONE;
    b->newer = c->oldest;
    if (c->oldest != KV_NONE) c->blocks[c->oldest].older = i;
    c->oldest = i;
    if (c->newest == KV_NONE) c->newest = i;
    c->n_idle++;
}

static void idle_remove(struct kv_cache *c, int32_t i) {
    const struct kv_block *b = &c->blocks[i];
    if (b->newer != KV_NONE)
        c->blocks[b->newer].older = b->older;
    else
        c->newest = b->older;
    if (b->older != KV_NONE)
        c->blocks[b->older].newer = b->newer;
    else
        c->oldest = b->newer;
    c->n_idle--;
}

void kv_cache_init(struct kv_cache *c, int32_t n_blocks, int32_t max_idle, void *memory) {
    *c = (struct kv_cache){
        .blocks = memory,
        .n_blocks = n_blocks,
        .n_buckets = bucket_count(n_blocks),
        .newest = KV_NONE,
        .oldest = KV_NONE,
        .max_idle = max_idle,
        .n_fresh = n_blocks,
    };
    c->buckets = (int32_t *)(c->blocks + n_blocks);
    for (int32_t i = 0; i < c->n_buckets; i++)
        c->buckets[i] = KV_NONE;
}

int32_t kv_cache_find(const struct kv_cache *c, uint64_t parent, const int32_t *tokens) {
    int32_t i = c->buckets[bucket_of(c, parent, tokens[0])];
    for (; i != KV_NONE; i = c->blocks[i].next) {
        const struct kv_block *b = &c->blocks[i];
        if (b->parent == parent && memcmp(b->tokens, tokens, sizeof(b->tokens)) == 0) break;
    }
    return i;
}

int32_t kv_cache_find_beginning(const struct kv_cache *c, uint64_t parent, const int32_t *tokens,
                                int32_t n, int32_t *common) {
    int32_t best = KV_NONE;
    *common = 0;
    if (n <= 0) return KV_NONE;
    int32_t i = c->buckets[bucket_of(c, parent, tokens[0])];
    for (; i != KV_NONE; i = c->blocks[i].next) {
        const struct kv_block *b = &c->blocks[i];
        if (b->parent != parent || !b->ready) continue;
        int32_t same = 0;
        while (same < n && same < KV_BLOCK_TOKENS && b->tokens[same] == tokens[same])
            same++;
        if (same <= *common) continue;
        *common = same;
        best = i;
    }
    return best;
}

void kv_cache_ref(struct kv_cache *c, int32_t block) {
    struct kv_block *b = &c->blocks[block];
    if (b->refs++ == 0) idle_remove(c, block);
}

static void forget(struct kv_cache *c, int32_t block) {
    struct kv_block *b = &c->blocks[block];
    if (b->identity) {
        int32_t *at = &c->buckets[bucket_of(c, b->parent, b->tokens[0])];
        while (*at != block)
            at = &c->blocks[*at].next;
        *at = b->next;
    }
    b->identity = 0;
    b->ready = false;
    b->filler = KV_NONE;
}

int32_t kv_cache_take(struct kv_cache *c) {
    assert(kv_cache_unused(c) > 0);
    /* An idle block without content costs nothing to lose; one with content may be asked for. */
    const bool idle = c->n_idle > 0 && (c->n_fresh == 0 || c->n_idle > c->max_idle ||
                                        c->blocks[c->oldest].identity == 0);
    int32_t block;
    if (idle) {
        block = c->oldest;
        idle_remove(c, block);
    } else {
        block = c->n_blocks - c->n_fresh--;
    }
    forget(c, block);
    c->blocks[block].refs = 1;
    return block;
}

uint64_t kv_cache_register(struct kv_cache *c, int32_t block, uint64_t parent,
                           const int32_t *tokens, int32_t filler) {
    const int32_t equal = kv_cache_find(c, parent, tokens);
    if (equal != KV_NONE) return c->blocks[equal].identity;
    struct kv_block *b = &c->blocks[block];
    memcpy(b->tokens, tokens, sizeof(b->tokens));
    b->parent = parent;
    b->identity = ++c->last_identity;
    b->filler = filler;
    b->ready = filler == KV_NONE;
    int32_t *head = &c->buckets[bucket_of(c, parent, tokens[0])];
    b->next = *head;
    *head = block;
    return b->identity;
}

void kv_cache_set_ready(struct kv_cache *c, int32_t block) {
    c->blocks[block].ready = true;
    c->blocks[block].filler = KV_NONE;
}

void kv_cache_release(struct kv_cache *c, int32_t block, int32_t filler) {
    struct kv_block *b = &c->blocks[block];
    if (b->filler == filler) b->filler = KV_NONE;
    if (--b->refs > 0) return;
    if (b->identity && b->ready) {
        idle_push_newest(c, block);
        return;
    }
    forget(c, block);
    idle_push_oldest(c, block);
}
