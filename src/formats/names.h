/*
 * names.h - byte-string names to indices, for directories of tensors and keys: finds duplicates
 * while a file is read and tensors by name later. Names are lent, not copied, and must outlive the
 * table. All-zero is a valid empty one.
 */
#ifndef FORMATS_NAMES_H
#define FORMATS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct name_slot {
    const char *name; /* NULL: free */
    uint32_t len;
    uint32_t index;
};
struct name_table {
    struct name_slot *slots;
    size_t n_slots; /* a power of two, 0 before the first reserve */
};

/* Room for count names in all; at most 2^31. */
karma_status name_table_reserve(struct name_table *t, size_t count);
/* Add name with its index; false if it is there already. No more names than were reserved. */
bool name_table_add(struct name_table *t, const char *name, size_t len, uint32_t index);
int64_t name_table_find(const struct name_table *t, const char *name, size_t len); /* or -1 */
void name_table_release(struct name_table *t);

/* A name that may stand in a message and be compared as a C string: not empty, at most max_len
 * bytes of UTF-8 without control characters. what: "tensor name", for the message. */
karma_status name_check(const char *what, const char *name, size_t len, size_t max_len);

#endif
