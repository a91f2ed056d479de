/*
 * prompt.h - prompt templates: text with {names}; {{ and }} stand for braces. Names are question,
 * options, labels, context, the data set's arguments and the row's columns, in this order; a dot
 * goes into nested objects. What is put in is never read as a template again.
 */
#ifndef DATASETS_PROMPT_H
#define DATASETS_PROMPT_H

#include "base/json.h"

struct prompt_values {
    const char *question, *options, *labels, *context; /* NULL: not there */
    const char *number, *answer;                       /* of an example alone */
    const struct json *args, *row;
};

/* Is the template well-formed? answer: the column that must not be shown. E_SYNTAX, E_USAGE. */
karma_status prompt_check(const char *text, const char *answer);
/* Into a; E_MISSING names what the row lacks. */
karma_status prompt_render(struct arena *a, const char *text, const struct prompt_values *values,
                           const char **out);

#endif
