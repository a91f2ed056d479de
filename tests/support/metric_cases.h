/*
 * metric_cases.h - for tests of metrics: a file of cases with the figures of reference programs
 * (tools/fixtures/make_metric_cases.py), a metric by its arguments, and how far apart two figures
 * are. The environment variable KARMA_METRIC_CASES names another folder, with a larger set.
 */
#ifndef TESTS_SUPPORT_METRIC_CASES_H
#define TESTS_SUPPORT_METRIC_CASES_H

#include "base/json.h"
#include "karma/metric.h"
#include "tests/support/test.h"

/* tests/fixtures/metrics/NAME.json, in a. */
const struct json *metric_cases(struct arena *a, const char *name);
/* args: an object or NULL. */
karma_metric *metric_of(const char *name, const struct json *args);
karma_metric *metric_with(const char *name, const char *args_json);
/* Add prediction and reference; the sample's score. */
double metric_add(karma_metric *m, const char *prediction, const char *reference);
/* Add a sample with what else is known of it; NULL and NaN: nothing. */
double metric_add_more(karma_metric *m, const char *prediction, const char *reference,
                       const char *other_args_json, double confidence, const char *group);
karma_metric_result metric_end(karma_metric *m);
/* karma_metric_details(), in a. */
const struct json *metric_details(struct arena *a, karma_metric *m);

double as_real(const struct json *number);
/* Text of an item of an array. */
const char *text_at(const struct json *array, size_t i);

/* At most 1e-9 apart, else the test ends; the largest distance is kept. */
void near(double got, double want);
/* Print that distance under a name, and begin anew. */
void print_largest_error(const char *what);

#endif
