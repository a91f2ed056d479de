/* registered.c - see registered.h. */
#include "base/registered.h"

#include <string.h>
#include <threads.h>

struct registered_entry {
    const char *name;
    void *entry;
};

static mtx_t lock;
static once_flag lock_once = ONCE_FLAG_INIT;

static void lock_init(void) {
    mtx_init(&lock, mtx_plain);
}

static void enter(void) {
    call_once(&lock_once, lock_init);
    mtx_lock(&lock);
}

/* With the lock held: the index of name, or count. */
static size_t index_of(const struct registered *r, const char *name) {
    size_t i = 0;
    while (i < r->count && strcmp(r->entries[i].name, name) != 0)
        i++;
    return i;
}

/* With the lock held. */
static karma_status add(struct registered *r, const char *name, void *entry) {
    if (index_of(r, name) < r->count)
        return status_fail(KARMA_E_DUPLICATE, "'%s': there is one already", status_quotez(name));
    if (r->count == r->cap) {
        const size_t cap = r->cap ? r->cap * 2 : 8;
        struct registered_entry *grown = mem_realloc(r->entries, cap * sizeof(*grown));
        if (!grown) return KARMA_E_NOMEM;
        r->entries = grown;
        r->cap = cap;
    }
    r->entries[r->count++] = (struct registered_entry){name, entry};
    return KARMA_OK;
}

karma_status registered_add(struct registered *r, const char *name, void *entry) {
    enter();
    karma_status st = add(r, name, entry);
    mtx_unlock(&lock);
    return st;
}

void *registered_find(struct registered *r, const char *name) {
    enter();
    const size_t i = index_of(r, name);
    void *entry = i < r->count ? r->entries[i].entry : NULL;
    mtx_unlock(&lock);
    return entry;
}

void *registered_remove(struct registered *r, const char *name) {
    enter();
    const size_t i = name ? index_of(r, name) : r->count - (r->count > 0);
    void *entry = NULL;
    if (i < r->count) {
        entry = r->entries[i].entry;
        memmove(&r->entries[i], &r->entries[i + 1], (r->count - i - 1) * sizeof(*r->entries));
        r->count--;
    }
    if (r->count == 0) {
        mem_free(r->entries);
        *r = (struct registered){0};
    }
    mtx_unlock(&lock);
    return entry;
}

void registered_drop(struct registered *r, const char *name) {
    void *entry;
    do {
        entry = registered_remove(r, name);
        mem_free(entry);
    } while (entry && !name);
}

karma_status registered_names(struct registered *r, struct arena *a, const char *const *own,
                              size_t n_own, const char ***names, size_t *count) {
    enter();
    const char **all = arena_calloc(a, n_own + r->count + 1, sizeof(*all));
    if (all) {
        for (size_t i = 0; i < n_own; i++)
            all[i] = own[i];
        for (size_t i = 0; i < r->count; i++)
            all[n_own + i] = r->entries[i].name;
        *count = n_own + r->count;
    }
    mtx_unlock(&lock);
    *names = all;
    return all ? KARMA_OK : KARMA_E_NOMEM;
}
