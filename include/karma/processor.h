/* processor.h - text clean-up before scoring, applied to predictions and references alike. */
#ifndef KARMA_PROCESSOR_H
#define KARMA_PROCESSOR_H

#include "karma/option.h"
#include "karma/text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A processor with its arguments. One thread at a time. */
typedef struct karma_processor karma_processor;

/* What is known of a processor. */
typedef struct karma_processor_info {
    const char *name;                 /* "general_text_processor" */
    const char *description;          /* one line for people */
    const karma_option_spec *options; /* its arguments; ends with name NULL */
} karma_processor_info;

/* Names known, NULL-terminated; karma_free() the array. */
KARMA_API karma_status karma_list_processors(char ***names, size_t *count);
/* Lent for the process's life. E_NOTFOUND names the nearest. */
KARMA_API karma_status karma_get_processor_info(const char *name,
                                                const karma_processor_info **info);
/* args_json as for data sets. E_NOTFOUND names the nearest. */
KARMA_API karma_status karma_processor_create(const char *name, const char *args_json,
                                              karma_processor **out);
/* *result is lent until the next call on p. */
KARMA_API karma_status karma_processor_run(karma_processor *p, const char *text,
                                           const char **result);
KARMA_API void karma_processor_destroy(karma_processor *p); /* NULL is fine */

/* A processor of one's own. Slots as in karma_metric_class. */
enum { KARMA_PROCESSOR_ABI = 1 }; /* raised when the table changes */
/* What such a processor consists of. */
typedef struct karma_processor_class {
    uint32_t abi_version;      /* KARMA_PROCESSOR_ABI */
    uint32_t struct_size;      /* sizeof(karma_processor_class) */
    karma_processor_info info; /* its name and what is shown of it */
    karma_status (*begin)(const char *args_json, void **state);             /* optional */
    karma_status (*run)(void *state, const char *text, karma_text *result); /* required */
    void (*end)(void *state);                                               /* optional */
} karma_processor_class;
/* E_ABI, E_MISSING, E_DUPLICATE. */
KARMA_API karma_status karma_register_processor(const karma_processor_class *c);

#ifdef __cplusplus
}
#endif
#endif
