/*
 * registered.h - what a program or a plugin adds at run time beside one of our const tables:
 * pointers by name, in the order they came, under one lock for all lists. All-zero is a valid empty
 * list. Entries never move, so they can be lent.
 */
#ifndef BASE_REGISTERED_H
#define BASE_REGISTERED_H

#include "base/mem.h"

struct registered_entry;
struct registered {
    struct registered_entry *entries;
    size_t count, cap;
};

/* name and entry must last as long as they are in the list. E_DUPLICATE, E_NOMEM: nothing is added.
 */
karma_status registered_add(struct registered *r, const char *name, void *entry);
void *registered_find(struct registered *r, const char *name); /* NULL: there is none */
/* Out of the list: the entry of that name, with NULL the last one; NULL: there is none. For plugins
 * that are refused half-way, and for tests. */
void *registered_remove(struct registered *r, const char *name);
/* The same, and mem_free() it; with NULL all of them. */
void registered_drop(struct registered *r, const char *name);
/* The names of a const table of ours and of the list, in a. */
karma_status registered_names(struct registered *r, struct arena *a, const char *const *own,
                              size_t n_own, const char ***names, size_t *count);

#endif
