/* info.h - what the files of `karma info` share: options as rows and as JSON, fields. */
#ifndef CLI_INFO_H
#define CLI_INFO_H

#include "cli/cli.h"

const char *info_option_type(karma_option_type t); /* "int" */
/* "0..100", "auto|float32", or "". */
void info_option_range(const karma_option_spec *o, char *out, size_t size);
/* All options of a class and its bases, the place and the device first; returns how many. list:
 * INFO_OPTIONS_MAX. */
enum { INFO_OPTIONS_MAX = 256 };
size_t info_class_options(const karma_model_class *cls, const karma_option_spec **list);
json_t *info_option_json(const karma_option_spec *o);
/* A line a member: key, value. */
void info_print_fields(const json_t *object);

/* info_model.c: a registered model, or a checkpoint by its path. */
karma_status info_model(const char *name, const struct model_options *o, bool as_json);

#endif
