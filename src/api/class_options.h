/*
 * class_options.h - options that several classes have with defaults of their own, so that their
 * ranges and words stand once. The argument is the default as JSON text; NULL: no value, which
 * means "as the checkpoint's generation_config.json says".
 */
#ifndef API_CLASS_OPTIONS_H
#define API_CLASS_OPTIONS_H

#include "karma/option.h"

#define OPTION_MAX_TOKENS(value)                                                                   \
    {                                                                                              \
        .name = "max_tokens", .type = KARMA_OPTION_INT, .default_json = value, .min = 1,           \
        .max = 1 << 24, .help = "new tokens at most"                                               \
    }

#define OPTION_DO_SAMPLE(value)                                                                    \
    {                                                                                              \
        .name = "do_sample", .type = KARMA_OPTION_BOOL, .default_json = value,                     \
        .help = "draw tokens at random; false: take the likeliest"                                 \
    }

#define OPTION_TEMPERATURE(value)                                                                  \
    {                                                                                              \
        .name = "temperature", .type = KARMA_OPTION_REAL, .default_json = value, .min = 0,         \
        .max = 100, .nullable = true,                                                              \
        .help = "divides the logits before drawing; 0: do not sample"                              \
    }

#define OPTION_TOP_K(value)                                                                        \
    {                                                                                              \
        .name = "top_k", .type = KARMA_OPTION_INT, .default_json = value, .min = 0,                \
        .max = 1 << 24, .nullable = true,                                                          \
        .help = "draw among the k likeliest tokens; 0 or null: among all"                          \
    }

#define OPTION_TOP_P(value)                                                                        \
    {                                                                                              \
        .name = "top_p", .type = KARMA_OPTION_REAL, .default_json = value, .min = 1e-9, .max = 1,  \
        .nullable = true,                                                                          \
        .help = "draw among the likeliest tokens that hold this much probability; 1 or null: all"  \
    }

#endif
