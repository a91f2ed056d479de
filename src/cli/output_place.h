/* output_place.h - where a file that the user named is written. */
#ifndef CLI_OUTPUT_PLACE_H
#define CLI_OUTPUT_PLACE_H

#include "cli/cli.h"

/* The file that is to be replaced: where a link leads, so that it stays a link. E_PATH: what is
 * there is no file; a device such as /dev/null replaced by one would harm the machine. free()
 * *place. */
karma_status output_place(const char *path, char **place);

#endif
