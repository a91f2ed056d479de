/*
 * fuzz_semantic.c - any bytes as reference, prediction and entities, with a zero byte between: the
 * pairs of asr_semantic_metric and the words of semantic_wer_metric cover both texts, a text has no
 * errors against itself, and what is said of a sample is JSON. The first part is also
 * transliterated.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "karma/metric.h"
#include "karma/processor.h"
#include "metrics/python_literal.h"

static void check(bool holds) {
    if (!holds) abort();
}

static void use(const char *name, const char *args, const karma_metric_sample *s) {
    struct arena a = {0};
    karma_metric *m;
    const char *text;
    const struct json *o;
    double score;
    check(karma_metric_create(name, args, &m) == KARMA_OK);
    const karma_status st = karma_metric_add_sample(m, s, &score);
    check(st == KARMA_OK || st == KARMA_E_LIMIT);
    if (st == KARMA_OK) {
        check(isnan(score) || score >= 0);
        check(karma_metric_sample_details(m, &text) == KARMA_OK);
        check(json_parse(&a, text, strlen(text), JSON_LAST_WINS, &o) == KARMA_OK);
        if (!isnan(score)) check(json_is_array(json_get(o, "alignment")));
        check(karma_metric_details(m, &text) == KARMA_OK);
        check(json_parse(&a, text, strlen(text), JSON_LAST_WINS, &o) == KARMA_OK);
    }
    karma_metric_destroy(m);
    arena_release(&a);
}

static void transliterate(const char *text, const char *args) {
    karma_processor *p;
    const char *result;
    check(karma_processor_create("devnagari_transliterator", args, &p) == KARMA_OK);
    const karma_status st = karma_processor_run(p, text, &result);
    check(st == KARMA_OK || (st == KARMA_E_ENCODING && !utf8_valid(text, strlen(text), NULL)));
    if (st == KARMA_OK) check(utf8_valid(result, strlen(result), NULL));
    karma_processor_destroy(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = mem_strndup((const char *)data, size);
    if (!text) return 0;
    const char *end = text + size, *part[3] = {text, end, end};
    struct arena a = {0};
    struct buf other = {0};
    const struct json *value;
    for (int i = 1; i < 3; i++) {
        part[i] = part[i - 1] + strlen(part[i - 1]);
        if (part[i] < end) part[i]++;
    }
    const karma_status st = python_literal(&a, part[2], strlen(part[2]), &value);
    check((st == KARMA_OK) == (value != NULL));
    if (utf8_valid(part[2], strlen(part[2]), NULL)) {
        check(buf_puts(&other, "{\"entities\": ") == KARMA_OK);
        check(json_write_string(&other, part[2], strlen(part[2]), JSON_PYTHON) == KARMA_OK);
        check(buf_puts(&other, "}") == KARMA_OK);
    }
    const karma_metric_sample s = {
        .struct_size = sizeof(s),
        .prediction = part[1],
        .reference = part[0],
        .other_args_json = other.len ? buf_str(&other) : NULL,
        .confidence = NAN,
    };
    if (size < 2000) {
        use("asr_semantic_metric", "{\"alignment\": true}", &s);
        use("asr_semantic_metric", "{\"alignment\": true, \"language\": \"hi\"}", &s);
    }
    use("semantic_wer_metric", "{\"alignment\": true}", &s);
    transliterate(part[0], NULL);
    transliterate(part[0], "{\"target\": \"tamil\"}");
    buf_release(&other);
    arena_release(&a);
    mem_free(text);
    return 0;
}
