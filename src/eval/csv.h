/* csv.h - cells of CSV files: quoted where they must be, and harmless in a spreadsheet. */
#ifndef EVAL_CSV_H
#define EVAL_CSV_H

#include <stdbool.h>

#include "base/buf.h"

/* Append a cell and what comes after it, ',' or '\n'. Without keep_formulas a text that a
 * spreadsheet would take for a formula (it begins with = + - @, a tab or a line break) gets a ' in
 * front; a number stays as it is. */
karma_status csv_put(struct buf *b, const char *text, bool keep_formulas, char after);

#endif
