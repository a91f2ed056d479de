/* nearest.h - "did you mean": the known name closest to what was typed. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

/* Index of the name nearest to `name` (edit distance without case; substring hits count as near),
 * or -1 when none is near enough to be meant. */
int nearest_name(const char *name, const char *const *names, size_t count);

#endif
