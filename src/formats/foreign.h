/*
 * foreign.h - files that people hand over as models and that karma does not read: told apart by
 * their first bytes or their extension and refused with what to do instead.
 */
#ifndef FORMATS_FOREIGN_H
#define FORMATS_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* E_UNSUPPORTED with kind and advice when the bytes begin like another known format (zip, pickle,
 * gzip, HTML, a Git LFS pointer, ...); else OK. data may be short or NULL with size 0. */
karma_status foreign_check_bytes(const unsigned char *data, size_t size);
/* Does the name end in an extension of pickled or packed weights (.bin .pt .pth .ckpt .nemo ...)?
 */
bool foreign_is_pickle_name(const char *name);
karma_status foreign_refuse_pickle(void);  /* E_UNSUPPORTED with the advice */
karma_status foreign_refuse_archive(void); /* the same for a .nemo: karma convert */

#endif
