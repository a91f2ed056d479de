/*
 * read_ahead.h - a thread that brings mapped files into memory from front to back while others go
 * on: they meet pages that are there already, and a disk is read in order, not as the work happens
 * to ask. It computes nothing and changes nothing but times.
 */
#ifndef BASE_READ_AHEAD_H
#define BASE_READ_AHEAD_H

#include <stddef.h>

#include "base/file.h"

struct read_ahead;

/* Begin with n maps, in this order; they must stay open until the end. *out NULL and KARMA_OK: the
 * system gives no thread, or the files are so small that none pays, or they would fill more than
 * half of the memory there is, so that the front could be gone before the end is read. */
karma_status read_ahead_begin(const struct file_map *maps, size_t n, struct read_ahead **out);
/* Stop, finished or not, and wait for the thread: some milliseconds. NULL is fine. */
void read_ahead_end(struct read_ahead *r);

#endif
