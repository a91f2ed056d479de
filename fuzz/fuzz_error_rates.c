/*
 * fuzz_error_rates.c - any bytes as prediction, reference and list of terms, with a zero byte
 * between: counts add up, and what is changed round has deletions for insertions.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "karma/metric.h"
#include "metrics/metric.h"
#include "metrics/terms.h"

static void check(bool holds) {
    if (!holds) abort();
}

static int64_t count(const struct json *o, const char *name) {
    return json_get(o, name)->u.integer;
}

static int64_t errors(const char *name, const char *prediction, const char *reference) {
    struct arena a = {0};
    const char *text;
    const struct json *o;
    karma_metric *m;
    double score;
    check(karma_metric_create(name, "{\"alignment\": true}", &m) == KARMA_OK);
    check(karma_metric_add(m, prediction, reference, &score) == KARMA_OK && score >= 0);
    check(karma_metric_sample_details(m, &text) == KARMA_OK);
    check(json_parse(&a, text, strlen(text), 0, &o) == KARMA_OK);
    const int64_t n = count(o, "substitutions") + count(o, "deletions") + count(o, "insertions");
    check((n == 0) == (score == 0));
    check(json_count(json_get(o, "alignment")) <= (size_t)(n + count(o, "hits")));
    if (strcmp(name, "mer") == 0) check(score <= 1);
    karma_metric_destroy(m);
    arena_release(&a);
    return n;
}

static void find_terms(const char *list, const char *text) {
    struct arena a = {0};
    struct json *value = json_new_array(&a);
    struct terms t;
    uint32_t number[1] = {0};
    size_t found;
    const struct piece word = {text, strlen(text)};
    check(json_push(&a, value, json_new_string(&a, list)) == KARMA_OK);
    if (terms_read(value, &t) == KARMA_OK) {
        check(terms_find(&t, &a, &word, 1, number, &found) == KARMA_OK);
        check(found == number[0]);
    }
    terms_release(&t);
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = mem_strndup((const char *)data, size);
    if (!text) return 0;
    const char *end = text + size, *prediction = text, *reference = text + strlen(text);
    if (reference < end) reference++;
    const char *terms = reference + strlen(reference);
    if (terms < end) terms++;
    static const char *const names[] = {"wer", "cer", "mer"};
    for (int i = 0; i < 3; i++) {
        check(errors(names[i], prediction, reference) == errors(names[i], reference, prediction));
        check(errors(names[i], reference, reference) == 0);
    }
    find_terms(terms, reference);
    mem_free(text);
    return 0;
}
