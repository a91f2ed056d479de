/* python_float.h - what Python's float() makes of a text. */
#ifndef TEXT_PYTHON_FLOAT_H
#define TEXT_PYTHON_FLOAT_H

#include <stdbool.h>
#include <stddef.h>

/* White space around it, a sign, digits of any script, single underscores between them, a point, an
 * exponent; or inf, infinity, nan in any case. False: none of that, or longer than any number is.
 */
bool python_float(const char *text, size_t len, double *out);

#endif
