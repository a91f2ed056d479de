/*
 * python_literal.h - a value as Python's source writes it, as far as annotations in data sets need:
 * lists, tuples, strings, numbers, None, True, False. Tuples become lists.
 */
#ifndef METRICS_PYTHON_LITERAL_H
#define METRICS_PYTHON_LITERAL_H

#include "base/json.h"

/* E_SYNTAX: text is no such value, with where. E_LIMIT: lists in lists, too deep. */
karma_status python_literal(struct arena *a, const char *text, size_t len, const struct json **out);

#endif
