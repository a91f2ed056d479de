/* log.c - hands lines to the caller's function. A line is cut at 1,023 bytes. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_SIZE = 1024 };

static karma_log_fn log_fn;
static void *log_user;

void karma_set_log(karma_log_fn fn, void *user) {
    log_fn = fn;
    log_user = user;
}

__attribute__((format(printf, 2, 0))) static void send_line(karma_log_level level, const char *fmt,
                                                            va_list args) {
    if (!log_fn) return;
    char line[LINE_SIZE];
    if (vsnprintf(line, sizeof(line), fmt, args) < 0) return;
    for (char *p = line; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?'; /* one line, and no terminal codes */
    }
    log_fn(log_user, level, line);
}

void log_warn(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    send_line(KARMA_LOG_WARNING, fmt, args);
    va_end(args);
}

void log_note(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    send_line(KARMA_LOG_NOTE, fmt, args);
    va_end(args);
}
