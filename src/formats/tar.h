/* tar.h - the files of a tar archive in memory: ustar, with the long names of GNU and pax. */
#ifndef FORMATS_TAR_H
#define FORMATS_TAR_H

#include "base/mem.h"

struct tar_file {
    const char *name; /* a relative path of plain parts, without "./" before it */
    const unsigned char *data;
    size_t size;
};

/* *files lie in a, data in the archive. Folders are passed over. E_PATH: a name that leads out of
 * the archive, or a link; E_SYNTAX, E_TRUNCATED, E_UNSUPPORTED; E_DUPLICATE: a name twice; E_LIMIT:
 * more than 100,000 files. */
karma_status tar_read(struct arena *a, const unsigned char *data, size_t size,
                      struct tar_file **files, size_t *count);
const struct tar_file *tar_find(const struct tar_file *files, size_t count, const char *name);

#endif
