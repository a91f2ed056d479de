/* log.h - where the library's warnings go. */
#ifndef KARMA_LOG_H
#define KARMA_LOG_H

#include "karma/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How much a line matters. */
typedef enum karma_log_level {
    KARMA_LOG_NOTE,   /* something to know */
    KARMA_LOG_WARNING /* something that may be wrong */
} karma_log_level;
/* Takes a line; it is lent for the call. */
typedef void (*karma_log_fn)(void *user, karma_log_level level, const char *line);

/* Send notes and warnings (one line, no newline, no sample content) to fn; NULL: drop them, which
 * is the default. For the whole process; set it before other threads call the library. */
KARMA_API void karma_set_log(karma_log_fn fn, void *user);

#ifdef __cplusplus
}
#endif
#endif
