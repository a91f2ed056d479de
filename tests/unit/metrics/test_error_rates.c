/*
 * test_error_rates.c - word, character and match error rate: jiwer's figures
 * (tools/fixtures/make_transcripts.py; the path of a larger file may be given as argument), terms,
 * alignments, intervals.
 */
#include "tests/support/test.h"

#include <math.h>

#include "base/json.h"
#include "karma/metric.h"
#include "metrics/metric.h"

static const char *corpora = "tests/fixtures/metrics/transcripts.jsonl";

static void near(double got, double want) {
    if (!(fabs(got - want) <= 1e-9)) fail_msg("%.17g where %.17g was expected", got, want);
}

static karma_metric *make(const char *name, const char *args) {
    karma_metric *m;
    assert_ok(karma_metric_create(name, args, &m));
    assert_true(karma_metric_is_error_rate(m));
    return m;
}

static const struct json *parsed(struct arena *a, const char *text) {
    const struct json *j;
    assert_ok(json_parse(a, text, strlen(text), JSON_REJECT_DUPLICATES, &j));
    return j;
}

static const struct json *details_of(struct arena *a, karma_metric *m, bool of_sample) {
    const char *text;
    assert_ok(of_sample ? karma_metric_sample_details(m, &text) : karma_metric_details(m, &text));
    return parsed(a, text);
}

static int64_t count(const struct json *details, const char *name) {
    assert_non_null(json_get(details, name));
    return json_get(details, name)->u.integer;
}

static void check_counts(struct arena *a, karma_metric *m, const struct json *want) {
    static const char *const names[] = {"hits", "substitutions", "deletions", "insertions"};
    const struct json *details = details_of(a, m, false);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(count(details, names[i]), json_at(want, i)->u.integer);
}

static void gives_the_figures_of_jiwer(void **state) {
    (void)state;
    static const char *const names[] = {"wer", "cer", "mer"};
    char *at = read_fixture(corpora, NULL);
    int n = 0;
    for (char *end; *at; at = end + 1, n++) {
        struct arena a = {0};
        end = strchr(at, '\n');
        *end = '\0';
        const struct json *c = parsed(&a, at), *references = json_get(c, "references");
        for (int i = 0; i < 3; i++) {
            karma_metric *m = make(names[i], NULL);
            karma_metric_result r;
            for (size_t k = 0; k < json_count(references); k++)
                assert_ok(karma_metric_add(m, json_str(json_at(json_get(c, "predictions"), k), 0),
                                           json_str(json_at(references, k), 0), NULL));
            assert_ok(karma_metric_end(m, &r));
            near(r.score, json_get(c, names[i])->u.real);
            check_counts(&a, m, json_get(c, i == 1 ? "characters" : "words"));
            karma_metric_destroy(m);
        }
        arena_release(&a);
    }
    assert_true(n >= 60);
}

static void an_empty_reference_is_data(void **state) {
    (void)state;
    karma_metric *m = make("wer", NULL);
    karma_metric_result r;
    double score;
    assert_ok(karma_metric_add(m, "", "", &score));
    near(score, 0);
    assert_ok(karma_metric_end(m, &r));
    near(r.score, 0);
    assert_ok(karma_metric_add(m, "was never said", "", &score));
    near(score, 3); /* nothing to divide by: the words themselves */
    assert_ok(karma_metric_end(m, &r));
    near(r.score, 3);
    assert_true(isnan(r.standard_error));
    assert_ok(karma_metric_add(m, "one two", "one two three", NULL));
    assert_ok(karma_metric_end(m, &r));
    near(r.score, 4.0 / 3);
    assert_int_equal(r.n, 3);
    karma_metric_destroy(m);
}

/* By hand: errors 1, 0, 3 of 4, 2, 4 words; rate 0.4; residuals -0.6, -0.8, 1.4. The interval is
 * drawn: at most the rate of the worst sample, at least that of the best. */
static void its_standard_error_is_that_of_a_ratio(void **state) {
    (void)state;
    karma_metric *m = make("wer", NULL);
    karma_metric_result r;
    assert_ok(karma_metric_add(m, "a b c", "a b c d", NULL));
    assert_ok(karma_metric_add(m, "a b", "a b", NULL));
    assert_ok(karma_metric_add(m, "a", "a b c d", NULL));
    assert_ok(karma_metric_end(m, &r));
    near(r.score, 0.4);
    near(r.standard_error, sqrt((0.36 + 0.64 + 1.96) / 2 / 3) / (10.0 / 3));
    assert_string_equal(r.method, "bootstrap");
    assert_true(r.ci_low >= 0 && r.ci_low < 0.4 && r.ci_high > 0.4 && r.ci_high <= 0.75);
    karma_metric_destroy(m);
    m = make("cer", NULL);
    for (int i = 0; i < 5; i++) /* the same each time: no spread */
        assert_ok(karma_metric_add(m, "abX", "abc", NULL));
    assert_ok(karma_metric_end(m, &r));
    near(r.standard_error, 0);
    near(r.ci_low, 1.0 / 3);
    karma_metric_destroy(m);
}

static void shows_the_alignment_of_a_sample(void **state) {
    (void)state;
    static const char want[] =
        "{\"hits\": 5, \"substitutions\": 1, \"deletions\": 1, \"insertions\": 1, \"alignment\": ["
        "{\"type\": \"equal\", \"reference\": \"no chest\", \"prediction\": \"no chest\"}, "
        "{\"type\": \"substitute\", \"reference\": \"pain\", \"prediction\": \"rain\"}, "
        "{\"type\": \"delete\", \"reference\": \"at\"}, "
        "{\"type\": \"equal\", \"reference\": \"rest and arms\", \"prediction\": \"rest and "
        "arms\"}, "
        "{\"type\": \"insert\", \"prediction\": \"today\"}]}";
    karma_metric *m = make("wer", "{\"alignment\": true}");
    const char *text;
    assert_ok(karma_metric_sample_details(m, &text)); /* of none yet */
    assert_ok(karma_metric_add(m, "x", "y", NULL));
    assert_ok(karma_metric_add(m, "no chest rain rest and  arms today",
                               "no chest pain at rest and arms", NULL));
    assert_ok(karma_metric_sample_details(m, &text));
    assert_string_equal(text, want);
    karma_metric_destroy(m);
    m = make("cer", "{\"alignment\": true}");
    assert_ok(karma_metric_add(m, "कि", "की", NULL));
    assert_ok(karma_metric_sample_details(m, &text));
    assert_non_null(strstr(text, "\"equal\", \"reference\": \"क\""));
    karma_metric_destroy(m);
}

static void errors_on_terms_are_told_apart(void **state) {
    (void)state;
    struct arena a = {0};
    karma_metric *m = make("wer", "{\"terms\": [\"Amoxicillin\", \"folic acid\", \"acid\"]}");
    assert_ok(karma_metric_add(m, "take amoxicillin and folic and acid daily",
                               "take Amoxicillin, and folic acid daily", NULL));
    const struct json *d = details_of(&a, m, true);
    assert_int_equal(count(d, "n_terms"), 2);
    assert_int_equal(count(d, "term_words"), 3);
    /* "Amoxicillin," is not the word heard, and a word stands inside "folic acid". */
    assert_int_equal(count(d, "term_errors"), 2);
    assert_int_equal(count(d, "n_terms_right"), 0);
    near(json_get(d, "term_wer")->u.real, 2.0 / 3);
    assert_ok(karma_metric_add(m, "x folic acid acid", "y folic acid acid", NULL));
    d = details_of(&a, m, false);
    assert_int_equal(count(d, "n_terms"), 4);
    assert_int_equal(count(d, "n_terms_right"), 2);
    near(json_get(d, "term_wer")->u.real, 2.0 / 6);
    karma_metric_destroy(m);
    m = make("wer", "{\"terms\": [\"insulin\"]}");
    assert_ok(karma_metric_add(m, "a", "b", NULL));
    assert_true(json_is_null(json_get(details_of(&a, m, false), "term_wer")));
    karma_metric_destroy(m);
    arena_release(&a);
}

static void terms_may_stand_in_a_file(void **state) {
    (void)state;
    struct arena a = {0};
    char args[4200];
    const char *path = write_text("terms.txt", "# drugs\nparacetamol\n\nमेटफॉर्मिन \r\nfolic   acid");
    snprintf(args, sizeof(args), "{\"terms\": \"%s\"}", path);
    karma_metric *m = make("wer", args);
    assert_ok(karma_metric_add(m, "मेटफॉर्मिन folic", "मेटफॉर्मिन Folic Acid PARACETAMOL", NULL));
    const struct json *d = details_of(&a, m, false);
    assert_int_equal(count(d, "n_terms"), 3);
    assert_int_equal(count(d, "term_words"), 4);
    assert_int_equal(count(d, "term_errors"), 3);
    karma_metric_destroy(m);
    arena_release(&a);
}

static void refuses(const char *args, karma_status status, const char *text) {
    karma_metric *m;
    assert_status(karma_metric_create("wer", args, &m), status);
    assert_message_contains(text);
    assert_null(m);
}

static void refuses_wrong_lists_of_terms(void **state) {
    (void)state;
    char args[4200];
    refuses("{\"terms\": 7}", KARMA_E_TYPE, "terms: expected a list of terms or a file");
    refuses("{\"terms\": []}", KARMA_E_RANGE, "no terms");
    refuses("{\"terms\": [\"a\", 1]}", KARMA_E_TYPE, "term 2");
    refuses("{\"terms\": \"/nowhere/terms.txt\"}", KARMA_E_MISSING, "/nowhere/terms.txt");
    snprintf(args, sizeof(args), "{\"terms\": \"%s\"}", write_text("bad.txt", "good\n\xFF\n"));
    refuses(args, KARMA_E_ENCODING, "bad.txt: line 2");
    snprintf(args, sizeof(args), "{\"terms\": \"%s\"}", write_text("none.txt", "# nothing\n"));
    refuses(args, KARMA_E_RANGE, "none.txt: no terms");
}

static void a_mean_has_no_details(void **state) {
    (void)state;
    karma_metric *m;
    const char *text;
    assert_ok(karma_metric_create("exact_match", NULL, &m));
    assert_false(karma_metric_is_error_rate(m));
    assert_ok(karma_metric_add(m, "a", "a", NULL));
    assert_ok(karma_metric_details(m, &text));
    assert_string_equal(text, "{}");
    assert_ok(karma_metric_sample_details(m, &text));
    assert_string_equal(text, "{}");
    karma_metric_destroy(m);
}

static void takes_bytes_that_are_no_text(void **state) {
    (void)state;
    karma_metric *m = make("cer", "{\"alignment\": true}");
    double score;
    const char *text;
    assert_ok(karma_metric_add(m, "\xFFx\xC3", "x", &score));
    near(score, 2);
    assert_ok(karma_metric_sample_details(m, &text));
    karma_metric_destroy(m);
}

/* An hour of speech. */
static void takes_twenty_thousand_words(void **state) {
    (void)state;
    enum { N = 20000 };
    char *reference = malloc(N * 8 + 1), *prediction = malloc(N * 8 + 1), *r = reference,
         *p = prediction;
    for (int i = 0; i < N; i++) {
        r += sprintf(r, "w%d ", i * 7919 % 5000);
        if (i % 50 != 7) p += sprintf(p, "w%d ", i % 50 == 9 ? 1 : i * 7919 % 5000);
    }
    karma_metric *m = make("wer", NULL);
    double score;
    assert_ok(karma_metric_add(m, prediction, reference, &score));
    assert_true(score > 0.0398 && score <= 0.04);
    karma_metric_destroy(m);
    free(reference);
    free(prediction);
}

static karma_status use(void *ctx) {
    karma_metric *m = NULL;
    karma_metric_result r;
    const char *text;
    (void)ctx;
    karma_status st = karma_metric_create(
        "wer", "{\"alignment\": true, \"terms\": [\"folic acid\", \"iron\"]}", &m);
    if (st == KARMA_OK) st = karma_metric_add(m, "a folic acids b", "a folic acid", NULL);
    if (st == KARMA_OK) st = karma_metric_end(m, &r);
    if (st == KARMA_OK) st = karma_metric_details(m, &text);
    if (st == KARMA_OK) st = karma_metric_sample_details(m, &text);
    karma_metric_destroy(m);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(use, NULL) > 30);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        test_case(gives_the_figures_of_jiwer),
        test_case(an_empty_reference_is_data),
        test_case(its_standard_error_is_that_of_a_ratio),
        test_case(shows_the_alignment_of_a_sample),
        test_case(errors_on_terms_are_told_apart),
        test_case(terms_may_stand_in_a_file),
        test_case(refuses_wrong_lists_of_terms),
        test_case(a_mean_has_no_details),
        test_case(takes_bytes_that_are_no_text),
        test_case(takes_twenty_thousand_words),
        test_case(survives_every_failing_allocation),
    };
    if (argc > 1) corpora = argv[1];
    return run_group("metrics/error_rates", tests);
}
