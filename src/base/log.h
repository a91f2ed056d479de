/*
 * log.h - warnings and notes of the library go to the caller's callback; none set: nowhere. Never
 * prompt, answer or secret text. The library itself prints nothing.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "karma/log.h"

void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
