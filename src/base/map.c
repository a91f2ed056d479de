/*
 * map.c - open addressing with linear probing over indices into a dense entry list. The hash is
 * SipHash-1-3 under a key drawn once a process, so that keys from a hostile file cannot be chosen
 * to collide. Nothing is ever removed.
 */
#include "base/map.h"

#include <pthread.h>
#include <string.h>

#include "base/random.h"

enum { FIRST_SLOTS = 16 };

static pthread_once_t seed_once = PTHREAD_ONCE_INIT;
static uint64_t seed[2];

static void draw_seed(void) {
    random_entropy(seed, sizeof(seed));
}

static inline uint64_t rotl(uint64_t x, int n) {
    return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] = rotl(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] = rotl(v[2], 32);
}

uint64_t map_hash(const void *key, size_t len) {
    pthread_once(&seed_once, draw_seed);
    /* The constants spell "somepseudorandomlygeneratedbytes" (the SipHash paper). */
    uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du,
                     seed[0] ^ 0x6c7967656e657261u, seed[1] ^ 0x7465646279746573u};
    const unsigned char *p = key;
    uint64_t word, last = (uint64_t)len << 56;
    for (size_t left = len; left >= 8; left -= 8, p += 8) {
        memcpy(&word, p, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < (len & 7); i++)
        last |= (uint64_t)p[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The slot that holds key, or the empty one where it belongs. n_slots > count, so one is empty. */
static size_t find_slot(const struct map *m, const char *key, size_t len, uint64_t hash) {
    size_t mask = m->n_slots - 1, i = hash & mask;
    for (; m->slots[i]; i = (i + 1) & mask) {
        const struct map_entry *e = &m->entries[m->slots[i] - 1];
        if (e->hash == hash && e->key_len == len && (!len || memcmp(e->key, key, len) == 0)) break;
    }
    return i;
}

struct map_entry *map_find(const struct map *m, const char *key, size_t len) {
    if (!m->count) return NULL;
    size_t i = find_slot(m, key, len, map_hash(key, len));
    return m->slots[i] ? &m->entries[m->slots[i] - 1] : NULL;
}

/* Room for one more entry with at most two thirds of the slots in use. */
static karma_status grow(struct map *m) {
    if (m->count == m->cap) {
        size_t cap = m->cap ? m->cap * 2 : FIRST_SLOTS / 2;
        if (cap > UINT32_MAX / 2) return status_fail(KARMA_E_LIMIT, "too many names in a map");
        struct map_entry *entries = mem_realloc(m->entries, cap * sizeof(*entries));
        if (!entries) return KARMA_E_NOMEM;
        m->entries = entries;
        m->cap = cap;
    }
    if ((m->count + 1) * 3 <= m->n_slots * 2) return KARMA_OK;
    size_t n_slots = m->n_slots ? m->n_slots * 2 : FIRST_SLOTS;
    uint32_t *slots = mem_calloc(n_slots, sizeof(*slots));
    if (!slots) return KARMA_E_NOMEM;
    for (size_t k = 0; k < m->count; k++) {
        size_t i = m->entries[k].hash & (n_slots - 1);
        while (slots[i])
            i = (i + 1) & (n_slots - 1);
        slots[i] = (uint32_t)k + 1;
    }
    mem_free(m->slots);
    m->slots = slots;
    m->n_slots = n_slots;
    return KARMA_OK;
}

karma_status map_put(struct map *m, const char *key, size_t len, struct map_entry **entry,
                     bool *added) {
    *entry = NULL;
    *added = false;
    karma_status st = grow(m);
    if (st < 0) return st;
    uint64_t hash = map_hash(key, len);
    size_t i = find_slot(m, key, len, hash);
    if (m->slots[i]) {
        *entry = &m->entries[m->slots[i] - 1];
        return KARMA_OK;
    }
    const char *copy = arena_strndup(&m->keys, key, len);
    if (!copy) return KARMA_E_NOMEM;
    struct map_entry *e = &m->entries[m->count++];
    *e = (struct map_entry){.key = copy, .key_len = len, .hash = hash};
    m->slots[i] = (uint32_t)m->count;
    *entry = e;
    *added = true;
    return KARMA_OK;
}

void map_release(struct map *m) {
    mem_free(m->entries);
    mem_free(m->slots);
    arena_release(&m->keys);
    *m = (struct map){0};
}
