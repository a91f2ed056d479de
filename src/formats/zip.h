/* zip.h - the files of a zip archive in memory that are stored as they are, as PyTorch writes. */
#ifndef FORMATS_ZIP_H
#define FORMATS_ZIP_H

#include "base/mem.h"

struct zip_file {
    const char *name;
    const unsigned char *data;
    size_t size;
};

/* *files lie in a, data in the archive. Directory and files' own headers must agree. E_MAGIC: no
 * zip; E_UNSUPPORTED: compressed or encrypted files, several disks; E_TRUNCATED, E_RANGE,
 * E_OVERLAP, E_DUPLICATE; E_LIMIT: more than 1,000,000 files. */
karma_status zip_read(struct arena *a, const unsigned char *data, size_t size,
                      struct zip_file **files, size_t *count);

#endif
