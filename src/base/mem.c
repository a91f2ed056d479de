/*
 * mem.c - the one place that asks the system for memory. Sizes of blocks come from the allocator
 * itself, so a block carries no header of ours and AddressSanitizer sees its true bounds. Arenas
 * mark the space between their blocks for AddressSanitizer too.
 */
#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/size.h"
#include "karma/meta.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
enum { ARENA_GAP = 16 }; /* between two blocks, so that an overrun is seen */
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
enum { ARENA_GAP = 0 };
#endif

enum {
    ARENA_ALIGN = 16,
    ARENA_FIRST_CHUNK = 1 << 10,
    ARENA_LAST_CHUNK = 1 << 20, /* chunks double up to here; larger blocks get their own */
};

static atomic_size_t live_blocks, live_bytes;
static _Atomic uint64_t call_count;

/* Failure injection: `armed` keeps the common path at one load. */
static atomic_bool armed, reached;
static _Atomic uint64_t passed, fail_at, fail_from;

static bool must_fail(void) {
    if (!atomic_load_explicit(&armed, memory_order_relaxed)) return false;
    uint64_t n = atomic_fetch_add(&passed, 1) + 1;
    uint64_t at = atomic_load(&fail_at), from = atomic_load(&fail_from);
    if (n != at && (!from || n < from)) return false;
    atomic_store(&reached, true);
    return true;
}

static void arm(uint64_t at, uint64_t from) {
    atomic_store(&armed, false);
    atomic_store(&reached, false);
    atomic_store(&passed, 0);
    atomic_store(&fail_at, at);
    atomic_store(&fail_from, from);
    atomic_store(&armed, at || from);
}

void mem_fail_at(uint64_t call) {
    arm(call, 0);
}

void mem_fail_from(uint64_t call) {
    arm(0, call);
}

bool mem_fail_reached(void) {
    return atomic_load(&reached);
}

size_t mem_live_blocks(void) {
    return atomic_load(&live_blocks);
}

size_t mem_live_bytes(void) {
    return atomic_load(&live_bytes);
}

uint64_t mem_call_count(void) {
    return atomic_load(&call_count);
}

static void *out_of_memory(size_t size) {
    status_fail(KARMA_E_NOMEM, "out of memory: %zu bytes asked for", size);
    return NULL;
}

static void *counted(void *p, size_t size) {
    if (!p) return out_of_memory(size);
    atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&live_bytes, malloc_usable_size(p), memory_order_relaxed);
    return p;
}

/* Count the call; true when it may go to the system. */
static bool may_allocate(size_t size) {
    atomic_fetch_add_explicit(&call_count, 1, memory_order_relaxed);
    return !must_fail() && size <= PTRDIFF_MAX;
}

void *mem_alloc(size_t size) {
    return counted(may_allocate(size) ? malloc(size ? size : 1) : NULL, size);
}

void *mem_calloc(size_t count, size_t size) {
    size_t all;
    if (!mul_size(count, size, &all)) {
        status_fail(KARMA_E_NOMEM, "out of memory: %zu times %zu bytes asked for", count, size);
        return NULL;
    }
    return counted(may_allocate(all) ? calloc(1, all ? all : 1) : NULL, all);
}

void *mem_realloc(void *p, size_t size) {
    if (!p) return mem_alloc(size);
    if (!may_allocate(size)) return out_of_memory(size);
    size_t before = malloc_usable_size(p);
    void *q = realloc(p, size ? size : 1);
    if (!q) return out_of_memory(size);
    atomic_fetch_add_explicit(&live_bytes, malloc_usable_size(q), memory_order_relaxed);
    atomic_fetch_sub_explicit(&live_bytes, before, memory_order_relaxed);
    return q;
}

void *mem_alloc_aligned(size_t align, size_t size) {
    uint64_t padded = 0; /* aligned_alloc wants a multiple */
    bool ok = size_align_up(size ? size : 1, align, &padded) && may_allocate(padded);
    return counted(ok ? aligned_alloc(align, padded) : NULL, size);
}

void *mem_calloc_table(size_t count, size_t size) {
    enum { HUGE_BYTES = 2 << 20 };
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes < HUGE_BYTES)
        return mem_calloc(count, size);
    void *p = mem_alloc_aligned(HUGE_BYTES, bytes);
    if (!p) return NULL;
    madvise(p, bytes - bytes % HUGE_BYTES, MADV_HUGEPAGE); /* a wish */
    return memset(p, 0, bytes);
}

char *mem_strndup(const char *s, size_t len) {
    char *p = mem_alloc(len + 1);
    if (!p) return NULL;
    memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

char *mem_strdup(const char *s) {
    return mem_strndup(s, strlen(s));
}

void mem_free(void *p) {
    if (!p) return;
    atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&live_bytes, malloc_usable_size(p), memory_order_relaxed);
    free(p);
}

void karma_free(void *p) {
    mem_free(p);
}

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, used; /* of data */
    _Alignas(ARENA_ALIGN) unsigned char data[];
};

static struct arena_chunk *arena_grow(struct arena *a, size_t need) {
    size_t size = a->head ? a->head->size * 2 : ARENA_FIRST_CHUNK;
    if (size > ARENA_LAST_CHUNK) size = ARENA_LAST_CHUNK;
    if (size < need) size = need;
    struct arena_chunk *c = mem_alloc(sizeof(*c) + size);
    if (!c) return NULL;
    c->size = size;
    c->used = 0;
    ASAN_POISON_MEMORY_REGION(c->data, c->size);
    /* A large block fills a chunk of its own; the head stays in use for small ones. */
    bool own = a->head && need > ARENA_LAST_CHUNK / 2;
    c->next = own ? a->head->next : a->head;
    if (own) {
        a->head->next = c;
    } else {
        a->head = c;
    }
    return c;
}

void *arena_alloc(struct arena *a, size_t size) {
    if (must_fail()) return out_of_memory(size);
    uint64_t padded, all;
    if (size > PTRDIFF_MAX / 2 || !size_align_up(size ? size : 1, ARENA_ALIGN, &padded)) {
        return out_of_memory(size);
    }
    if (a->limit_bytes && (!size_add(a->used_bytes, padded, &all) || all > a->limit_bytes)) {
        status_fail(KARMA_E_LIMIT, "more than %zu bytes of working memory needed", a->limit_bytes);
        return NULL;
    }
    struct arena_chunk *c = a->head;
    size_t need = padded + ARENA_GAP;
    if (!c || c->size - c->used < need) c = arena_grow(a, need);
    if (!c) return NULL;
    void *p = c->data + c->used;
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    c->used += need;
    a->used_bytes += padded;
    return memset(p, 0, size);
}

void *arena_calloc(struct arena *a, size_t count, size_t size) {
    size_t all;
    if (mul_size(count, size, &all)) return arena_alloc(a, all);
    status_fail(KARMA_E_NOMEM, "out of memory: %zu times %zu bytes asked for", count, size);
    return NULL;
}

void *arena_dup(struct arena *a, const void *data, size_t size) {
    void *p = arena_alloc(a, size);
    if (p && size) memcpy(p, data, size);
    return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t len) {
    char *p = arena_alloc(a, len + 1);
    if (p && len) memcpy(p, s, len);
    return p;
}

char *arena_strdup(struct arena *a, const char *s) {
    return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p) vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(args);
    if (n < 0) status_fail(KARMA_E_INTERNAL, "text cannot be formatted");
    return p;
}

static void free_chunks(struct arena_chunk *c) {
    while (c) {
        struct arena_chunk *next = c->next;
        ASAN_UNPOISON_MEMORY_REGION(c->data, c->size);
        mem_free(c);
        c = next;
    }
}

void arena_reset(struct arena *a) {
    a->used_bytes = 0;
    if (!a->head) return;
    free_chunks(a->head->next); /* the head is the last made: the largest of the doubling ones */
    a->head->next = NULL;
    a->head->used = 0;
    ASAN_POISON_MEMORY_REGION(a->head->data, a->head->size);
}

void arena_release(struct arena *a) {
    free_chunks(a->head);
    a->head = NULL;
    a->used_bytes = 0;
}
