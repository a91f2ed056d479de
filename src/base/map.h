/*
 * map.h - byte-string keys to 64-bit values or pointers. Open addressing; keys are copied into the
 * map. Iteration is in insertion order. All-zero is a valid empty map.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

struct map_entry {
    const char *key; /* NUL-terminated copy; may hold NUL bytes inside */
    size_t key_len;
    union {
        void *ptr;
        uint64_t u64;
    } value;
    uint64_t hash;
};
struct map {
    struct map_entry *entries; /* insertion order, `count` of them */
    size_t count, cap;
    uint32_t *slots; /* entry index + 1, 0 = empty */
    size_t n_slots;
    struct arena keys;
};

uint64_t map_hash(const void *key, size_t len); /* seeded once a process; not for files */
struct map_entry *map_find(const struct map *m, const char *key, size_t len); /* NULL if absent */
/* Find or add; *entry's value is zero when *added. */
karma_status map_put(struct map *m, const char *key, size_t len, struct map_entry **entry,
                     bool *added);
void map_release(struct map *m);

#endif
