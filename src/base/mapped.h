/*
 * mapped.h - which file lies where in memory, so that a program can say what happened when a mapped
 * file is cut short by somebody else and a read of it ends in SIGBUS.
 */
#ifndef BASE_MAPPED_H
#define BASE_MAPPED_H

#include <stddef.h>

#include "base/status.h"

karma_status mapped_add(const char *path, const void *data, size_t size);
void mapped_remove(const void *data); /* before the mapping goes; none there is fine */

#endif
