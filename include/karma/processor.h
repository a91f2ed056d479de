/* processor.h - text clean-up before scoring, applied to predictions and references alike. */
#ifndef KARMA_PROCESSOR_H
#define KARMA_PROCESSOR_H

#include "karma/option.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct karma_processor karma_processor;

typedef struct karma_processor_info {
    const char *name;
    const char *description;
    const karma_option_spec *options;
} karma_processor_info;

KARMA_API karma_status karma_list_processors(char ***names, size_t *count); /* karma_free() */
KARMA_API karma_status karma_get_processor_info(const char *name,
                                                const karma_processor_info **info);
KARMA_API karma_status karma_processor_create(const char *name, const char *args_json,
                                              karma_processor **out);
/* *result is lent until the next call on p. */
KARMA_API karma_status karma_processor_run(karma_processor *p, const char *text,
                                           const char **result);
KARMA_API void karma_processor_destroy(karma_processor *p);

#ifdef __cplusplus
}
#endif
#endif
