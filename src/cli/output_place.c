/* output_place.c - see output_place.h. */
#include "cli/output_place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

karma_status output_place(const char *path, char **place) {
    struct stat there;
    *place = NULL;
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
        return cli_error(KARMA_E_PATH, "%.300s: not a regular file", path);
    }
    const bool is_link = lstat(path, &there) == 0 && S_ISLNK(there.st_mode);
    *place = is_link ? realpath(path, NULL) : strdup(path);
    if (*place) return KARMA_OK;
    return is_link && errno != ENOMEM
               ? cli_error(KARMA_E_PATH, "%.300s: a link to something that is not there", path)
               : cli_error(KARMA_E_NOMEM, "out of memory");
}
