/* accuracy.c - 1 if prediction and reference are the same text but for white space around it. */
#include <string.h>

#include "metrics/metric.h"
#include "text/characters.h"

static karma_status score(const struct json *args, struct buf scratch[2], const char *prediction,
                          const char *reference, double *out) {
    (void)args;
    (void)scratch;
    size_t n = strlen(prediction), m = strlen(reference);
    prediction = strip_white_space(prediction, &n);
    reference = strip_white_space(reference, &m);
    *out = n == m && memcmp(prediction, reference, n) == 0;
    return KARMA_OK;
}

static const karma_option_spec options[] = {{.name = NULL}};

const struct metric_ops metric_accuracy = {
    .info = {.name = "accuracy",
             .description = "share of predictions equal to their reference, white space around "
                            "either and nothing else left aside",
             .options = options},
    .kind = KARMA_METRIC_SHARE,
    .score = score,
};
