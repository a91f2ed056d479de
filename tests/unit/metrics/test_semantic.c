/*
 * test_semantic.c - asr_semantic_metric beside KARMA 0.2.0's own figures
 * (tools/fixtures/make_semantic_cases.py), and semantic_wer_metric by what it promises.
 */
#include "tests/support/metric_cases.h"

#include <math.h>

#include "metrics/asr_align.h"
#include "metrics/python_literal.h"
#include "metrics/semantic_words.h"

static double wer_of(const char *metric, const char *args, const char *reference,
                     const char *prediction) {
    karma_metric *m = metric_with(metric, args);
    const double score = metric_add(m, prediction, reference);
    karma_metric_destroy(m);
    return score;
}

static void vectors_of_the_definition_hold(void **state) {
    (void)state;
    static const struct {
        const char *language, *reference, *prediction;
        double wer;
    } cases[] = {
        {"en", "the patient has fever", "the patient fever", 0.25},
        {"en", "no chest pain", "chest pain", 1.0 / 3},
        {"en", "blood pressure is 120/80", "blood pressure is one twenty over eighty", 0.25},
        {"en", "give 500mg twice daily", "give five hundred mg twice daily", 0},
        {"en", "the patient has fever", "the patient has a high fever", 0.75},
        {"hi", "मरीज को बुखार है", "मरीज बुखार है", 0.25},
        {"en", "", "", 0},
        {"en", "", "two words", 2},
        {"en", "two words", "", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char args[64];
        snprintf(args, sizeof(args), "{\"language\": \"%s\"}", cases[i].language);
        near(wer_of("asr_semantic_metric", args, cases[i].reference, cases[i].prediction),
             cases[i].wer);
    }
}

static void check_pairs(struct arena *a, karma_metric *m, const struct json *want,
                        const char *reference) {
    const char *text;
    const struct json *details;
    assert_ok(karma_metric_sample_details(m, &text));
    assert_ok(json_parse(a, text, strlen(text), JSON_LAST_WINS, &details));
    const struct json *got = json_get(details, "alignment");
    if (json_count(got) != json_count(want)) print_error("%s\n", reference);
    assert_int_equal(json_count(got), json_count(want));
    for (size_t i = 0; i < json_count(got); i++) {
        const struct json *x = json_at(got, i), *y = json_at(want, i);
        if (strcmp(text_at(y, 0), json_str(json_get(x, "type"), ""))) print_error("%s\n", text);
        assert_string_equal(json_str(json_get(x, "type"), ""), text_at(y, 0));
        near(as_real(json_get(x, "cer")), as_real(json_at(y, 3)));
    }
}

static void is_karmas_pair_by_pair(void **state) {
    (void)state;
    struct arena a = {0};
    const struct json *cases = metric_cases(&a, "semantic");
    size_t n_samples = 0, n_pairs = 0;
    for (size_t i = 0; i < json_count(cases); i++) {
        const struct json *c = json_at(cases, i), *samples = json_get(c, "samples");
        karma_metric *m = metric_with(
            "asr_semantic_metric", arena_printf(&a, "{\"language\": \"%s\", \"alignment\": true}",
                                                json_str(json_get(c, "language"), "")));
        for (size_t k = 0; k < json_count(samples); k++, n_samples++) {
            const struct json *s = json_at(samples, k), *pairs = json_get(s, "pairs");
            struct json *other = json_new_object(&a);
            struct buf text = {0};
            if (json_get(s, "entities"))
                assert_ok(json_set(&a, other, "entities", json_get(s, "entities")));
            assert_ok(json_write(&text, other, 0, JSON_PYTHON));
            metric_add_more(m, json_str(json_get(s, "prediction"), ""),
                            json_str(json_get(s, "reference"), ""), buf_str(&text), NAN, NULL);
            buf_release(&text);
            check_pairs(&a, m, pairs, json_str(json_get(s, "reference"), ""));
            n_pairs += json_count(pairs);
        }
        const struct json *d = metric_details(&a, m);
        near(metric_end(m).score, as_real(json_get(c, "wer")));
        static const char *const same[] = {"semantic_wer", "semantic_cer", "num_sentences",
                                           "total_ref_words"};
        for (size_t k = 0; k < sizeof(same) / sizeof(*same); k++)
            assert_true(as_real(json_get(d, same[k])) == as_real(json_get(c, same[k])));
        const struct json *got = json_get(d, "entity_wer"), *want = json_get(c, "entity_wer");
        assert_int_equal(json_is_null(got), json_is_null(want));
        if (!json_is_null(want)) assert_true(as_real(got) == as_real(want));
        karma_metric_destroy(m);
    }
    print_message("%zu samples, %zu pairs of spans\n", n_samples, n_pairs);
    print_largest_error("asr_semantic_metric");
    arena_release(&a);
}

static void a_language_of_the_sample_counts_and_others_are_left_out(void **state) {
    (void)state;
    struct arena a = {0};
    karma_metric *m = metric_with("asr_semantic_metric", NULL);
    near(metric_add_more(m, "पांच सौ गोली", "500 गोली", "{\"language\": \"hi-IN\"}", NAN, NULL), 0);
    assert_true(isnan(metric_add_more(m, "x", "y", "{\"language\": \"bn\"}", NAN, NULL)));
    near(metric_add_more(m, "five", "5", NULL, NAN, NULL), 0);
    const karma_metric_result r = metric_end(m);
    assert_int_equal(r.n, 2);
    assert_string_equal(r.method, "bootstrap");
    const struct json *d = metric_details(&a, m);
    assert_int_equal(json_get(d, "samples_of_other_languages")->u.integer, 1);
    assert_int_equal(json_get(d, "num_sentences")->u.integer, 2);
    karma_metric_destroy(m);
    karma_metric *none;
    assert_status(karma_metric_create("asr_semantic_metric", "{\"language\": \"bn\"}", &none),
                  KARMA_E_RANGE);
    arena_release(&a);
}

/* int("\u00B2") fails there, and with it the sentence. */
static void a_sentence_that_fails_there_is_left_out(void **state) {
    (void)state;
    struct arena a = {0};
    karma_metric *m = metric_with("asr_semantic_metric", NULL);
    assert_true(isnan(metric_add(m, "kg/m2", "5kg/m\u00B2")));
    near(metric_add(m, "m2", "m\u00B2"), 1); /* no digit and no symbol: never counted */
    assert_int_equal(json_get(metric_details(&a, m), "samples_undefined")->u.integer, 1);
    karma_metric_destroy(m);
    arena_release(&a);
}

static void says_when_texts_are_too_long(void **state) {
    (void)state;
    struct buf text = {0};
    for (int i = 0; i < 3000; i++)
        assert_ok(buf_puts(&text, "word "));
    karma_metric *m = metric_with("asr_semantic_metric", NULL);
    double score;
    assert_status(karma_metric_add(m, buf_str(&text), buf_str(&text), &score), KARMA_E_LIMIT);
    assert_message_contains("3000 words");
    assert_ok(karma_metric_add(m, buf_str(&text), "word", &score)); /* a reply without end */
    karma_metric_destroy(m);
    m = metric_with("semantic_wer_metric", NULL);
    near(metric_add(m, buf_str(&text), buf_str(&text)), 0);
    karma_metric_destroy(m);
    buf_release(&text);
}

static void a_word_of_many_symbols_costs_no_power_of_them(void **state) {
    (void)state;
    near(wer_of("asr_semantic_metric", NULL, "a+/-+/-+/-+/-+/-+/-+/-+/-+/-+/-b", "nothing like it"),
         1);
}

/* ---- semantic_wer_metric ---- */

static void check_words(const char *text, const char *expected) {
    struct arena a = {0};
    struct pieces words;
    struct buf got = {0};
    assert_ok(semantic_words(&a, text, false, &words));
    for (size_t i = 0; i < words.count; i++) {
        if (i) assert_ok(buf_putc(&got, ' '));
        assert_ok(buf_append(&got, words.items[i].text, words.items[i].len));
    }
    assert_string_equal(buf_str(&got), expected);
    buf_release(&got);
    arena_release(&a);
}

static void writes_in_one_way_what_can_be_said_in_several(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"Give 500mg twice daily.", "give 500 mg twice daily"},
        {"give five hundred milligrams twice daily", "give 500 mg twice daily"},
        {"BP 120/80 mmHg", "bp 120 / 80 mmhg"},
        {"bp one hundred and twenty over eighty mm of mercury", "bp 120 / 80 mmhg"},
        {"one hundred twenty three", "123"},
        {"twenty one thousand and five", "21005"},
        {"two lakh thirty thousand", "230000"},
        {"2 lakh crore", "2000000000000"},
        {"1.5 lakh, 1,00,000 and 1,000", "150000 100000 and 1000"},
        {"1,2,3", "1 2 3"},
        {"one twenty", "1 20"},
        {"nine eight seven", "9 8 7"},
        {"seven point five zero", "7.5"},
        {"7 point 25, .5, 007.10", "7.25 0.5 7.1"},
        {"point five of it", "0.5 of it"},
        {"the point is", "the point is"},
        {"zero", "0"},
        {"pain and swelling", "pain and swelling"},
        {"hundred and fifty", "150"},
        {"5-10 kg", "5 - 10 kg"},
        {"five to ten kilos", "5 - 10 kg"},
        {"5 - 10 kg", "5 - 10 kg"},
        {"-5 or minus five", "- 5 or - 5"},
        {"X-ray of the patient's knee", "xray of the patients knee"},
        {"covid-19", "covid 19"},
        {"95% 95 per cent ninety five percent", "95 % 95 % 95 %"},
        {"mg/kg", "mg / kg"},
        {"milligrams per kilogram", "mg / kg"},
        {"and/or", "and or"},
        {"over the counter by mouth", "over the counter by mouth"},
        {"$10", "10 dollar"},
        {"ten dollars", "10 dollar"},
        {"38.5°C", "38.5 degree c"},
        {"thirty eight point five degrees Celsius", "38.5 degree c"},
        {"salt & water @ home", "salt and water at home"},
        {"5 µg = 5 mcg", "5 mcg = 5 mcg"},
        {"वजन ६५ किलोग्राम", "वजन 65 kg"},
        {"वजन पैंसठ किलो", "वजन 65 kg"},
        {"तीन सौ पाँच मिलीग्राम।", "305 mg"},
        {"सात दशमलव पांच", "7.5"},
        {"एक लाख बीस हजार", "120000"},
        {"", ""},
        {"...", ""},
        {"a\xFF"
         "b",
         "a \xFF b"},
        {"999999999999999999999999 crore", "999999999999999999999999 10000000"},
        {"billion billion billion billion", "1000000000 1000000000 1000000000 1000000000"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check_words(cases[i][0], cases[i][1]);
}

static void words_are_left_out_and_put_in_anywhere(void **state) {
    (void)state;
    struct arena a = {0};
    karma_metric *m = metric_with("semantic_wer_metric", "{\"alignment\": true}");
    near(metric_add(m, "chest pain", "no chest pain"), 1.0 / 3);
    const char *text;
    assert_ok(karma_metric_sample_details(m, &text));
    assert_string_equal(
        text, "{\"matches\": 2, \"substitutions\": 0, \"deletions\": 1, \"insertions\": 0, "
              "\"alignment\": [{\"type\": \"deletion\", \"reference\": \"no\"}, {\"type\": "
              "\"match\", \"reference\": \"chest\", \"prediction\": \"chest\"}, {\"type\": "
              "\"match\", \"reference\": \"pain\", \"prediction\": \"pain\"}]}");
    near(metric_add(m, "the patient has a high fever", "the patient has fever"), 0.5);
    near(metric_add(m, "give five hundred milligrams", "give 500mg"), 0);
    near(metric_end(m).score, 3.0 / 10);
    const struct json *d = metric_details(&a, m);
    near(as_real(json_get(d, "semantic_wer")), 3.0 / 10);
    near(as_real(json_get(d, "semantic_cer")), (3.0 + 7) / (13 + 21 + 11));
    assert_true(json_is_null(json_get(d, "entity_wer")));
    karma_metric_destroy(m);
    near(wer_of("asr_semantic_metric", "{\"compat\": false}", "no chest pain", "chest pain"),
         1.0 / 3);
    arena_release(&a);
}

static void errors_on_entities_are_told(void **state) {
    (void)state;
    struct arena a = {0};
    karma_metric *m = metric_with("semantic_wer_metric", NULL);
    metric_add_more(
        m, "take aspirin 75 mg at night", "Take ecosprin 75mg at night",
        "{\"entities\": [[\"Ecosprin 75mg\", \"drug\", [[5, 18]]], [\"x\", \"y\", []]]}", NAN,
        NULL);
    near(as_real(json_get(metric_details(&a, m), "entity_wer")), 1.0 / 3);
    metric_add_more(m, "a", "a", "{\"entities\": [[1]]}", NAN, NULL);
    metric_add_more(m, "a", "a", "{\"entities\": \"[('a', 'b', [(0, 1)])]\"}", NAN, NULL);
    near(as_real(json_get(metric_details(&a, m), "entity_wer")), 1.0 / 4);
    assert_int_equal(json_get(metric_details(&a, m), "entities_unread")->u.integer, 1);
    karma_metric_destroy(m);
    arena_release(&a);
}

static void reads_values_of_python(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"[['a', \"b'\", [[0, 1], (2, -3),],],]", "[[\"a\", \"b'\", [[0, 1], [2, -3]]]]"},
        {" ( None , True , False , 1.5 ) ", "[null, true, false, 1.5]"},
        {"'\\u0915\\x41\\n\\q\\''", "\"\xE0\xA4\x95"
                                    "A\\n\\\\q'\""},
        {"[]", "[]"},
        {"", NULL},
        {"[", NULL},
        {"['a'", NULL},
        {"'a", NULL},
        {"'a\n'", NULL},
        {"'\\x4'", NULL},
        {"'\\U00110000'", NULL},
        {"'\\ud800'", NULL},
        {"[1] 2", NULL},
        {"--1", NULL},
        {"exit()", NULL},
        {"[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena a = {0};
        struct buf got = {0};
        const struct json *value;
        const karma_status st = python_literal(&a, cases[i].text, strlen(cases[i].text), &value);
        assert_int_equal(st == KARMA_OK, cases[i].expected != NULL);
        if (st == KARMA_OK) assert_ok(json_write(&got, value, 0, JSON_PYTHON));
        if (st == KARMA_OK) assert_string_equal(buf_str(&got), cases[i].expected);
        buf_release(&got);
        arena_release(&a);
    }
}

static karma_status use_all(void *ctx) {
    const char *const *of = ctx; /* metric, arguments */
    karma_metric *m;
    karma_metric_result r;
    const char *text;
    const karma_metric_sample s = {
        .struct_size = sizeof(s),
        .prediction = "take seven point five milligrams of aspirin/ecosprin over 5 days",
        .reference = "Take 7.5mg of x-ray 75mg/40mg aspirin & for 5 days.",
        .other_args_json = "{\"entities\": \"[['aspirin', 'd', [[26, 33]]]]\"}",
        .confidence = NAN,
    };
    karma_status st = karma_metric_create(of[0], of[1], &m);
    if (st == KARMA_OK) st = karma_metric_add_sample(m, &s, NULL);
    if (st == KARMA_OK) st = karma_metric_sample_details(m, &text);
    if (st == KARMA_OK) st = karma_metric_end(m, &r);
    if (st == KARMA_OK) st = karma_metric_details(m, &text);
    karma_metric_destroy(m);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    const char *cases[][2] = {{"asr_semantic_metric", "{\"alignment\": true}"},
                              {"semantic_wer_metric", "{\"alignment\": true}"}};
    for (size_t i = 0; i < 2; i++)
        assert_true(for_each_failing_allocation(use_all, cases[i]) > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(vectors_of_the_definition_hold),
        test_case(is_karmas_pair_by_pair),
        test_case(a_language_of_the_sample_counts_and_others_are_left_out),
        test_case(a_sentence_that_fails_there_is_left_out),
        test_case(says_when_texts_are_too_long),
        test_case(a_word_of_many_symbols_costs_no_power_of_them),
        test_case(writes_in_one_way_what_can_be_said_in_several),
        test_case(words_are_left_out_and_put_in_anywhere),
        test_case(errors_on_entities_are_told),
        test_case(reads_values_of_python),
        test_case(survives_every_failing_allocation),
    };
    return run_group("metrics/semantic", tests);
}
