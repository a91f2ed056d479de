/* run_path.h - paths in a run file: relative to its folder there, to the working folder here. */
#ifndef CLI_RUN_PATH_H
#define CLI_RUN_PATH_H

#include <stdbool.h>

bool path_exists(const char *path);
/* A path that stands in that file, as one from the working folder, or absolute where it leads out
 * of that. An absolute one stays as it is, and so does any when the file is named without a folder.
 * free() it; NULL: out of memory. */
char *path_from_file(const char *file, const char *path);
/* The other way: what to write into that file, so that path_from_file() gives path again. */
char *path_into_file(const char *file, const char *path);

#endif
