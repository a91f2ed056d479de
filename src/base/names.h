/* names.h - lists of names as the public calls hand them out. */
#ifndef BASE_NAMES_H
#define BASE_NAMES_H

#include <stddef.h>

#include "base/status.h"

/* A NULL-terminated array of copies, all in one block for mem_free(). *out = NULL on E_NOMEM. */
karma_status names_copy(const char *const *names, size_t count, char ***out);

#endif
