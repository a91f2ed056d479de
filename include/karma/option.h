/* option.h - the description of one named argument, shared by models, data sets and metrics. */
#ifndef KARMA_OPTION_H
#define KARMA_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "karma/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What an argument may be. */
typedef enum karma_option_type {
    KARMA_OPTION_INT,    /* a whole number of 64 bits */
    KARMA_OPTION_REAL,   /* a finite number */
    KARMA_OPTION_BOOL,   /* true or false */
    KARMA_OPTION_STRING, /* text */
    KARMA_OPTION_JSON    /* any value, checked by its owner */
} karma_option_type;

/* One argument. A table of these ends with name NULL; designated initialisers. */
typedef struct karma_option_spec {
    const char *name;           /* as it is given: "temperature" */
    karma_option_type type;     /* what it may be */
    const char *default_json;   /* as JSON text: "0.7", "null", "\"auto\""; NULL: no value */
    double min, max;            /* numbers: inclusive range, when max > min */
    const char *const *choices; /* strings: the allowed ones, NULL-terminated; NULL: any */
    bool nullable;              /* null is a value: "switched off" */
    bool required;              /* must be given; a default does not satisfy it */
    const char *help;           /* one line for people */
} karma_option_spec;

/* Index of the name a user most likely meant by `name` (edit distance without case; a part of a
 * name counts as near), or -1 when none is near enough. */
KARMA_API int karma_nearest_name(const char *name, const char *const *names, size_t count);

#ifdef __cplusplus
}
#endif
#endif
