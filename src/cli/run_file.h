/*
 * run_file.h - a run of `karma eval` as a file, YAML or JSON. Its keys are the command's long
 * options with _ for -: what is an option is a key, and nothing else is. Values may be written in
 * their own kind (numbers, lists, maps) where the command line has only text.
 */
#ifndef CLI_RUN_FILE_H
#define CLI_RUN_FILE_H

#include "cli/cli.h"

/* Is that the name of such a file: *.yaml, *.yml, *.json? A checkpoint's path never ends so. */
bool run_file_named(const char *path);

/* Read one for the options of c. *tree: key -> true or false of a flag, text as on the command line
 * of a value, array of texts of an option that may be given several times; data sets as the names
 * between commas, their arguments as JSON under dataset_args and processor_args. Paths are made
 * relative to the working folder. json_decref() it. Errors name file, line and key: E_UNEXPECTED
 * with the nearest key, E_TYPE, E_DUPLICATE, E_MISSING. */
karma_status run_file_read(const char *path, const struct cli_command *c, json_t **tree);
/* Set the options of c that the tree has and given does not; texts are lent by the tree. */
void run_file_apply(const json_t *tree, const struct cli_command *c, const bool *given);

/* The other way: what the options of c are set to, of those given, as a tree of values in their own
 * kind. NULL: out of memory. */
json_t *run_file_tree(const struct cli_command *c, const bool *given);
/* Write such a tree (datasets an array, arguments objects), by rename, as YAML, or as JSON if path
 * ends so. */
karma_status run_file_write(const char *path, const struct cli_command *c, const json_t *tree);
/* Is that exactly the name of a data set (built in or of a folder of descriptions)? */
bool run_file_is_dataset(const char *name);
/* The key of an option, which is "--max-samples" or a name that begins so: "max_samples". */
void run_file_key(const char *option, char out[64]);

#endif
