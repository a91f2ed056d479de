/*
 * fuzz_metrics.c - any bytes as prediction, reference and other arguments, with a zero byte
 * between, to every metric there is: each gives a score or a clear error, none a number out of its
 * range, and what it says of itself is JSON.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "karma/metric.h"

static void check(bool holds) {
    if (!holds) abort();
}

static void check_details(karma_metric *m) {
    struct arena a = {0};
    const struct json *o;
    const char *text;
    check(karma_metric_details(m, &text) == KARMA_OK);
    check(json_parse(&a, text, strlen(text), JSON_LAST_WINS, &o) == KARMA_OK && json_is_object(o));
    check(karma_metric_sample_details(m, &text) == KARMA_OK);
    check(json_parse(&a, text, strlen(text), JSON_LAST_WINS, &o) == KARMA_OK && json_is_object(o));
    arena_release(&a);
}

static void use(const char *name, const char *args, const karma_metric_sample *s) {
    karma_metric *m;
    karma_metric_result r;
    double score;
    check(karma_metric_create(name, args, &m) == KARMA_OK);
    const karma_status st = karma_metric_add_sample(m, s, &score);
    check(st == KARMA_OK || karma_error_message()[0] != '\0');
    if (st == KARMA_OK) {
        const double most = karma_metric_is_error_rate(m) ? INFINITY : 1 + 1e-12;
        check(isnan(score) || (score >= 0 && score <= most));
        check(karma_metric_end(m, &r) == KARMA_OK);
        check(isnan(r.score) || (r.score >= 0 && r.score <= most));
        check_details(m);
    }
    karma_metric_destroy(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = mem_strndup((const char *)data, size);
    if (!text) return 0;
    const char *end = text + size, *part[3] = {text, end, end};
    for (int i = 1; i < 3; i++) {
        part[i] = part[i - 1] + strlen(part[i - 1]);
        if (part[i] < end) part[i]++;
    }
    const karma_metric_sample s = {
        .struct_size = sizeof(s),
        .prediction = part[0],
        .reference = part[1],
        .other_args_json = *part[2] ? part[2] : NULL,
        .confidence = size % 2 ? 0.5 : NAN,
    };
    static const char *const names[] = {
        "exact_match",
        "accuracy",
        "tokenised_f1",
        "f1",
        "bleu",
        "chrf",
        "rouge1",
        "rouge2",
        "rougeL",
        "rougeLsum",
        "silence_accuracy",
        "numeric_tolerance",
        "json_fields",
        "refusal",
        "harm_detection_accuracy",
        "geographic_accuracy",
        "demographic_accuracy",
        "bias_consistency",
        "bias_disparity",
        "ece",
        "brier",
        "risk_coverage",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        use(names[i], NULL, &s);
    use("bleu", "{\"tokenize\": \"intl\", \"smooth_method\": \"floor\"}", &s);
    use("bleu", "{\"tokenize\": \"zh\", \"lowercase\": true}", &s);
    use("bleu", "{\"tokenize\": \"char\", \"smooth_method\": \"evaluate\"}", &s);
    use("chrf", "{\"word_order\": 2, \"whitespace\": true}", &s);
    use("rougeLsum", "{\"tokenizer\": \"unicode\"}", &s);
    use("refusal", "{\"expected\": \"reference\"}", &s);
    mem_free(text);
    return 0;
}
