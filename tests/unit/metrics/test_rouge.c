/* test_rouge.c - ROUGE and the stems it compares: rouge-score's figures, NLTK's stems. */
#include "tests/support/metric_cases.h"

#include <math.h>

#include "metrics/porter.h"

static void stems_words_as_nltk_does(void **state) {
    (void)state;
    struct arena a = {0};
    const struct json *words = metric_cases(&a, "porter");
    for (size_t i = 0; i < json_count(words); i++) {
        const struct json_member *m = &words->u.object.members[i];
        char *word = arena_strndup(&a, m->key, m->key_len);
        word[porter_stem(word, m->key_len)] = '\0';
        if (strcmp(word, json_str(m->value, "")) != 0)
            fail_msg("%s: %s where %s was expected", m->key, word, json_str(m->value, ""));
    }
    arena_release(&a);
}

static void is_that_of_rouge_score(void **state) {
    (void)state;
    static const char *const names[] = {"rouge1", "rouge2", "rougeL", "rougeLsum"};
    for (size_t t = 0; t < 4; t++) {
        struct arena a = {0};
        const struct json *cases = metric_cases(&a, "rouge");
        double sum[2] = {0};
        karma_metric *all = metric_with(names[t], "{\"use_stemmer\": true}");
        size_t n = 0;
        for (size_t i = 0; i < json_count(cases); i++) {
            const struct json *c = json_at(cases, i), *want = json_get(c, names[t]);
            const char *p = json_str(json_get(c, "prediction"), "");
            const char *r = json_str(json_get(c, "reference"), "");
            karma_metric *m = metric_of(names[t], json_get(c, "args"));
            near(metric_add(m, p, r), as_real(json_at(want, 2)));
            const struct json *details = metric_details(&a, m);
            near(as_real(json_get(details, "precision")), as_real(json_at(want, 0)));
            near(as_real(json_get(details, "recall")), as_real(json_at(want, 1)));
            karma_metric_destroy(m);
            if (!json_get(json_get(c, "args"), "use_stemmer")->u.boolean) continue;
            metric_add(all, p, r);
            sum[0] += as_real(json_at(want, 2));
            sum[1] += as_real(json_at(want, 1));
            n++;
        }
        const karma_metric_result result = metric_end(all);
        near(result.score, sum[0] / (double)n);
        assert_string_equal(result.method, "normal");
        near(as_real(json_get(metric_details(&a, all), "recall")), sum[1] / (double)n);
        karma_metric_destroy(all);
        arena_release(&a);
        print_largest_error(names[t]);
    }
}

static void sees_other_scripts_when_asked(void **state) {
    (void)state;
    const char *fever = "\xE0\xA4\xAC\xE0\xA5\x81\xE0\xA4\x96\xE0\xA4\xBE\xE0\xA4\xB0";
    karma_metric *m = metric_with("rouge1", NULL);
    near(metric_add(m, fever, fever), 0);
    karma_metric_destroy(m);
    m = metric_with("rouge1", "{\"tokenizer\": \"unicode\"}");
    near(metric_add(m, fever, fever), 1);
    near(metric_add(m, "\xC3\x89t\xC3\xA9 running", "\xC3\xA9t\xC3\xA9 runs"), 1);
    karma_metric_destroy(m);
}

static karma_status use(void *ctx) {
    karma_metric *m;
    const char *json;
    karma_status st = karma_metric_create(ctx, NULL, &m);
    if (st == KARMA_OK)
        st = karma_metric_add(m, "running daily\nwith food", "runs twice\nwith a meal", NULL);
    if (st == KARMA_OK) st = karma_metric_details(m, &json);
    karma_metric_destroy(m);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    char one[] = "rouge1", l[] = "rougeL", lsum[] = "rougeLsum";
    assert_true(for_each_failing_allocation(use, one) > 10);
    assert_true(for_each_failing_allocation(use, l) > 10);
    assert_true(for_each_failing_allocation(use, lsum) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(stems_words_as_nltk_does),
        test_case(is_that_of_rouge_score),
        test_case(sees_other_scripts_when_asked),
        test_case(survives_every_failing_allocation),
    };
    return run_group("metrics/rouge", tests);
}
