/*
 * mem.h - every allocation of the library. Failures set the message (how much was asked for) and
 * return NULL; callers return KARMA_E_NOMEM. Tests can make the n-th call fail and count what is
 * live. A block from here is freed with mem_free() and nothing else.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

void *mem_alloc(size_t size);                       /* not zeroed; size 0 gives a unique block */
void *mem_calloc(size_t count, size_t size);        /* zeroed; overflow of the product fails */
void *mem_realloc(void *p, size_t size);            /* on failure p is untouched */
void *mem_alloc_aligned(size_t align, size_t size); /* align: power of two >= 16; mem_free() it */
/* mem_calloc() for a table that is looked up at random places: a large one lies in huge pages where
 * the system has them, which spares each lookup a walk through the page tables. */
void *mem_calloc_table(size_t count, size_t size);
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t len); /* len bytes and a NUL */
void mem_free(void *p);                       /* NULL is fine */

size_t mem_live_blocks(void); /* of this process, for leak and growth tests */
size_t mem_live_bytes(void);
uint64_t mem_call_count(void); /* calls so far that went to the system */
/* Make call number `call` from now (1 = the next) fail; 0 = off. mem_* and arena_* calls both
 * count, whether or not an arena had room, so that every caller's check is reached. */
void mem_fail_at(uint64_t call);
void mem_fail_from(uint64_t call); /* ... that one and all later ones; 0 = off */
bool mem_fail_reached(void);       /* has a call failed since then because of it? */

/* Many small blocks freed together. All-zero is a valid empty arena; blocks are 16-byte aligned. */
struct arena {
    struct arena_chunk *head;
    size_t used_bytes;  /* handed out since the last reset */
    size_t limit_bytes; /* 0 = none; beyond it arena_alloc fails with E_LIMIT's message */
};
void *arena_alloc(struct arena *a, size_t size); /* zeroed */
void *arena_calloc(struct arena *a, size_t count, size_t size);
void *arena_dup(struct arena *a, const void *data, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_reset(struct arena *a);   /* forgets all blocks, keeps one chunk for reuse */
void arena_release(struct arena *a); /* frees all; the arena is empty and usable again */

#endif
