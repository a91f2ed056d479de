/* contained.h - does a file that a checkpoint names belong to it? */
#ifndef FORMATS_CONTAINED_H
#define FORMATS_CONTAINED_H

#include "base/mem.h"

/* *path: folder/location in a, for a location that a file gives. E_PATH when it is absolute, has a
 * ".." or control characters, or when its links lead anywhere but into the folder itself or, in a
 * snapshot of the hub cache (models--x/snapshots/REVISION/...), into that repository's blobs/. */
karma_status contained_path(struct arena *a, const char *folder, const char *location,
                            const char **path);

#endif
