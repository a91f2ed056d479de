/* image_input.h - images named on the command line. */
#ifndef CLI_IMAGE_INPUT_H
#define CLI_IMAGE_INPUT_H

#include "cli/cli.h"

/* The images of --image: paths, data URLs, or PATH#frame=N of a file with several frames. free()
 * *images and *paths, which they point into. E_USAGE. */
karma_status image_input_parse(const struct cli_list *given, karma_image **images, char **paths);

#endif
