/*
 * shared_object.h - code that is loaded while the program runs. Only plugins are, and parts of our
 * own that few need; nothing that a checkpoint or a data set holds ever is.
 */
#ifndef BASE_SHARED_OBJECT_H
#define BASE_SHARED_OBJECT_H

#include "base/mem.h"

/* Look at the file without running anything of it: a regular file, ELF, a shared object for this
 * machine, as long as its headers say. E_MISSING, E_PERM, E_PATH, E_MAGIC, E_ABI, E_TRUNCATED. */
karma_status shared_object_check(const char *path);

/* Load it: its constructors run. Undefined symbols resolve against the program, or the shared
 * library that this code is in, whoever loaded that and however. It stays in memory for good. One
 * file loaded twice is one handle. E_PLUGIN with the loader's own message. */
karma_status shared_object_open(const char *path, void **handle);
/* The address of a symbol; NULL: it has none of that name. */
void *shared_object_symbol(void *handle, const char *name);

/* The folder of the file that this code is in, be it the program or a shared library; in a. */
karma_status shared_object_own_folder(struct arena *a, const char **folder);

#endif
