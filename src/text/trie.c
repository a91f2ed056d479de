/*
 * trie.c - built level by level: a node is a range of keys that share their first bytes, sorted by
 * the next byte into the ranges of its children. Time grows with the bytes of all keys.
 */
#include "text/trie.h"

enum { FIRST_NODES = 1024, SHORT_RANGE = 12 };

/* The keys of a node, by position in the list. */
struct range {
    uint32_t begin, end;
};

struct building {
    struct trie *trie;
    struct trie_key *keys, *spare;
    struct range *ranges; /* by node */
};

static karma_status grow(struct building *b) {
    struct trie *t = b->trie;
    if (t->n_nodes < t->cap_nodes) return KARMA_OK;
    if (t->cap_nodes > UINT32_MAX / 4) return status_fail(KARMA_E_LIMIT, "too many tokens");
    uint32_t cap = t->cap_nodes ? 2 * t->cap_nodes : FIRST_NODES;
    uint8_t *labels = mem_realloc(t->labels, cap);
    if (!labels) return KARMA_E_NOMEM;
    t->labels = labels;
    uint32_t *first = mem_realloc(t->first, ((size_t)cap + 1) * sizeof(*first));
    if (!first) return KARMA_E_NOMEM;
    t->first = first;
    int32_t *values = mem_realloc(t->values, cap * sizeof(*values));
    if (!values) return KARMA_E_NOMEM;
    t->values = values;
    struct range *ranges = mem_realloc(b->ranges, cap * sizeof(*ranges));
    if (!ranges) return KARMA_E_NOMEM;
    b->ranges = ranges;
    t->cap_nodes = cap;
    return KARMA_OK;
}

static karma_status add_node(struct building *b, uint8_t label, uint32_t begin, uint32_t end) {
    karma_status st = grow(b);
    if (st < 0) return st;
    uint32_t node = b->trie->n_nodes++;
    b->trie->labels[node] = label;
    b->trie->values[node] = -1;
    b->ranges[node] = (struct range){begin, end};
    return KARMA_OK;
}

static inline uint8_t byte_at(const struct trie_key *k, uint32_t depth) {
    return (uint8_t)k->text[depth];
}

/* Sort keys[begin .. end) by their byte at depth, which all of them have. */
static void sort_range(struct building *b, uint32_t begin, uint32_t end, uint32_t depth) {
    struct trie_key *k = b->keys;
    if (end - begin <= SHORT_RANGE) {
        for (uint32_t i = begin + 1; i < end; i++) {
            struct trie_key x = k[i];
            uint32_t to = i;
            for (; to > begin && byte_at(&k[to - 1], depth) > byte_at(&x, depth); to--)
                k[to] = k[to - 1];
            k[to] = x;
        }
        return;
    }
    uint32_t start[257] = {0};
    for (uint32_t i = begin; i < end; i++)
        start[byte_at(&k[i], depth) + 1]++;
    for (int c = 1; c < 257; c++)
        start[c] += start[c - 1];
    for (uint32_t i = begin; i < end; i++)
        b->spare[start[byte_at(&k[i], depth)]++] = k[i];
    memcpy(k + begin, b->spare, (end - begin) * sizeof(*k));
}

/* Take the keys that end at this node, then give each byte that follows a child. */
static karma_status expand(struct building *b, uint32_t node, uint32_t depth) {
    struct trie *t = b->trie;
    struct range r = b->ranges[node];
    t->first[node] = t->n_nodes;
    for (uint32_t i = r.begin; i < r.end; i++) {
        if (b->keys[i].len > depth) continue;
        if (depth > 0 && b->keys[i].value > t->values[node]) t->values[node] = b->keys[i].value;
        b->keys[i] = b->keys[r.begin++];
    }
    sort_range(b, r.begin, r.end, depth);
    for (uint32_t i = r.begin; i < r.end;) {
        uint8_t label = byte_at(&b->keys[i], depth);
        uint32_t from = i;
        while (i < r.end && byte_at(&b->keys[i], depth) == label)
            i++;
        karma_status st = add_node(b, label, from, i);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

karma_status trie_build(struct trie *t, struct trie_key *keys, size_t count) {
    struct building b = {.trie = t, .keys = keys};
    if (count >= UINT32_MAX) return status_fail(KARMA_E_LIMIT, "too many tokens");
    memset(t, 0, sizeof(*t));
    b.spare = mem_calloc(count + 1, sizeof(*b.spare));
    karma_status st = b.spare ? add_node(&b, 0, 0, (uint32_t)count) : KARMA_E_NOMEM;
    for (uint32_t node = 0, level_end = 1, depth = 0; st == KARMA_OK && node < t->n_nodes; node++) {
        if (node == level_end) { /* all nodes so far are at most this deep */
            level_end = t->n_nodes;
            depth++;
        }
        st = expand(&b, node, depth);
    }
    if (st == KARMA_OK) t->first[t->n_nodes] = t->n_nodes;
    mem_free(b.spare);
    mem_free(b.ranges);
    if (st < 0) trie_release(t);
    return st;
}

void trie_release(struct trie *t) {
    mem_free(t->labels);
    mem_free(t->first);
    mem_free(t->values);
    memset(t, 0, sizeof(*t));
}
