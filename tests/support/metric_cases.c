/* metric_cases.c - see metric_cases.h. */
#include "tests/support/metric_cases.h"

#include <math.h>

static double largest;

const struct json *metric_cases(struct arena *a, const char *name) {
    const char *folder = getenv("KARMA_METRIC_CASES");
    const struct json *cases;
    size_t len;
    const char *path =
        arena_printf(a, "%s/%s.json", folder ? folder : "tests/fixtures/metrics", name);
    const char *text = read_fixture(path, &len);
    assert_ok(json_parse(a, text, len, JSON_REJECT_DUPLICATES, &cases));
    assert_true(json_count(cases) > 0);
    return cases;
}

karma_metric *metric_with(const char *name, const char *args_json) {
    karma_metric *m;
    assert_ok(karma_metric_create(name, args_json, &m));
    return m;
}

karma_metric *metric_of(const char *name, const struct json *args) {
    struct buf text = {0};
    if (args) assert_ok(json_write(&text, args, 0, JSON_PYTHON));
    karma_metric *m = metric_with(name, args ? buf_str(&text) : NULL);
    buf_release(&text);
    return m;
}

double metric_add(karma_metric *m, const char *prediction, const char *reference) {
    return metric_add_more(m, prediction, reference, NULL, NAN, NULL);
}

double metric_add_more(karma_metric *m, const char *prediction, const char *reference,
                       const char *other_args_json, double confidence, const char *group) {
    double score = -1;
    assert_ok(karma_metric_add_sample(m,
                                      &(karma_metric_sample){
                                          .struct_size = sizeof(karma_metric_sample),
                                          .prediction = prediction,
                                          .reference = reference,
                                          .other_args_json = other_args_json,
                                          .confidence = confidence,
                                          .group = group,
                                      },
                                      &score));
    return score;
}

karma_metric_result metric_end(karma_metric *m) {
    karma_metric_result r;
    assert_ok(karma_metric_end(m, &r));
    return r;
}

const struct json *metric_details(struct arena *a, karma_metric *m) {
    const char *text;
    const struct json *details;
    assert_ok(karma_metric_details(m, &text));
    assert_ok(json_parse(a, text, strlen(text), JSON_REJECT_DUPLICATES, &details));
    return details;
}

double as_real(const struct json *number) {
    assert_non_null(number);
    assert_true(number->type == JSON_INT || number->type == JSON_REAL);
    return number->type == JSON_INT ? (double)number->u.integer : number->u.real;
}

const char *text_at(const struct json *array, size_t i) {
    return json_str(json_at(array, i), NULL);
}

void near(double got, double want) {
    const double error = fabs(got - want);
    if (!(error <= 1e-9)) fail_msg("%.17g where %.17g was expected", got, want);
    if (error > largest) largest = error;
}

void print_largest_error(const char *what) {
    print_message("%s: largest error %.3g\n", what, largest);
    largest = 0;
}
