/* csv.c - see csv.h. */
#include "eval/csv.h"

#include <string.h>

#include "base/json.h"

static bool is_formula(const char *text) {
    double number;
    return *text && strchr("=+-@\t\r\n", *text) && !json_parse_real(text, strlen(text), &number);
}

karma_status csv_put(struct buf *b, const char *text, bool keep_formulas, char after) {
    const bool mark = !keep_formulas && is_formula(text);
    const bool quote = strpbrk(text, ",\"\r\n") != NULL;
    karma_status st = quote ? buf_putc(b, '"') : KARMA_OK;
    if (st == KARMA_OK && mark) st = buf_putc(b, '\'');
    for (const char *p = text; *p && st == KARMA_OK; p++) {
        if (*p == '"') st = buf_putc(b, '"');
        if (st == KARMA_OK) st = buf_putc(b, *p);
    }
    if (st == KARMA_OK && quote) st = buf_putc(b, '"');
    return st == KARMA_OK ? buf_putc(b, after) : st;
}
