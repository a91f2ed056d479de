/* exact_match.c - 1 if prediction and reference are the same text, by default whatever the case. */
#include <string.h>

#include "metrics/metric.h"
#include "text/characters.h"

static karma_status score(const struct json *args, struct buf scratch[2], const char *prediction,
                          const char *reference, double *out) {
    const struct json *ignore_case = json_get(args, "ignore_case");
    if (!ignore_case->u.boolean) {
        *out = strcmp(prediction, reference) == 0;
        return KARMA_OK;
    }
    karma_status st = lower_append(&scratch[0], prediction, strlen(prediction));
    if (st == KARMA_OK) st = lower_append(&scratch[1], reference, strlen(reference));
    *out = strcmp(buf_str(&scratch[0]), buf_str(&scratch[1])) == 0;
    return st;
}

static const karma_option_spec options[] = {
    {.name = "ignore_case",
     .type = KARMA_OPTION_BOOL,
     .default_json = "true",
     .help = "compare in lower case"},
    {.name = NULL},
};

const struct metric_ops metric_exact_match = {
    .info = {.name = "exact_match",
             .description = "share of predictions equal to their reference, character by character",
             .options = options},
    .kind = KARMA_METRIC_SHARE,
    .score = score,
};
