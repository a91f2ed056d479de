/* info.h - what the files of `karma info` share: options as rows and as JSON, fields. */
#ifndef CLI_INFO_H
#define CLI_INFO_H

#include "cli/cli.h"

const char *info_option_type(karma_option_type t); /* "int" */
/* "0..100", "auto|float32", or "". */
void info_option_range(const karma_option_spec *o, char *out, size_t size);
json_t *info_option_json(const karma_option_spec *o);
/* A line a member: key, value. */
void info_print_fields(const json_t *object);

/* info_model.c: a registered model, or a checkpoint by its path. */
karma_status info_model(const char *name, const struct model_options *o, bool as_json);

#endif
