/*
 * option.h - typed arguments by name: loader arguments, data set arguments, metric arguments. A
 * table says type, default, range and help; values come as JSON; what is unknown or ill-typed is
 * E_USAGE naming the argument and the nearest known one.
 */
#ifndef BASE_OPTION_H
#define BASE_OPTION_H

#include <stdbool.h>

#include "base/json.h"
#include "karma/option.h"

/* Check given (an object or NULL) against the tables (a derived class's table first; a name found
 * in an earlier table hides later ones) and write the complete object, defaults filled in, to *out
 * (in a). Strings are accepted for numbers and booleans when allow_strings (command lines give
 * strings). who: "model argument", for messages. */
karma_status options_resolve(struct arena *a, const karma_option_spec *const *tables,
                             const struct json *given, bool allow_strings, const char *who,
                             const struct json **out);

/* Is a table that comes from outside well-formed? Names are there and differ, types are known,
 * defaults parse and are in range. NULL: no arguments. who as above. E_MISSING, E_DUPLICATE,
 * E_RANGE, E_LIMIT (it has no end), and what is wrong with a default. */
karma_status options_check(const karma_option_spec *table, const char *who);

#endif
