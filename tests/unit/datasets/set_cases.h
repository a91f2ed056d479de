/*
 * set_cases.h - one table row a sample of a published set: the prompt byte for byte under a
 * protocol, the reference, and what is read out of an answer. The rows under tests/fixtures are
 * invented; the prompts are written by hand from what KARMA 0.2.0 sends.
 */
#ifndef TESTS_SET_CASES_H
#define TESTS_SET_CASES_H

#include "tests/support/test.h"

#include "karma/dataset.h"

#define LONG_OPTION                                                                                \
    "A long option that goes on, with a comma, a \"quote\", {braces} and <QUESTION> in it, to "    \
    "the end of the line"

struct set_case {
    const char *set, *file, *args; /* args: more of them, ", \"a\": 1", or "" */
    size_t index;
    const char *key, *input, *reference; /* NULL: not looked at */
    const char *answer, *prediction;     /* NULL: nothing is read */
    karma_parse how;
};

static inline karma_dataset *open_case(const char *set, const char *file, const char *args) {
    char all[1024];
    karma_dataset *d;
    snprintf(all, sizeof(all), "{\"path\": \"tests/fixtures/datasets/%s\"%s}", file, args);
    assert_ok(karma_dataset_open(set, all, &d));
    return d;
}

static inline void check_case(const struct set_case *c) {
    karma_dataset *d = open_case(c->set, c->file, c->args);
    const karma_sample *s;
    const char *prediction;
    karma_parse how;
    assert_ok(karma_dataset_get(d, c->index, &s));
    if (c->key) assert_string_equal(s->key, c->key);
    if (c->input && strcmp(s->input, c->input) != 0)
        fail_msg("%s %s %zu: \"%s\" where \"%s\" was expected", c->set, c->args, c->index, s->input,
                 c->input);
    if (c->reference) assert_string_equal(s->expected_output, c->reference);
    if (c->answer) {
        assert_ok(karma_dataset_extract(d, c->index, c->answer, &prediction, &how));
        if (strcmp(prediction, c->prediction) != 0 || how != c->how)
            fail_msg("%s %s: '%s' gave '%s' by %s", c->set, c->args, c->answer, prediction,
                     karma_parse_name(how));
    }
    karma_dataset_close(d);
}

static inline void check_cases(const struct set_case *cases, size_t n) {
    for (size_t i = 0; i < n; i++)
        check_case(&cases[i]);
}

/* How many samples there are, and that all of them can be had and survive any answer. */
static inline void check_count(const char *set, const char *file, const char *args, size_t n) {
    karma_dataset *d = open_case(set, file, args);
    const karma_sample *s;
    const char *prediction;
    karma_parse how;
    assert_int_equal(karma_dataset_count(d), n);
    for (size_t i = 0; i < n; i++) {
        assert_ok(karma_dataset_get(d, i, &s));
        assert_ok(karma_dataset_extract(d, i, "Final Answer: (A) {\"a\": 1}", &prediction, &how));
    }
    karma_dataset_close(d);
}

#define UPSTREAM        ", \"protocol\": \"upstream\""
#define CHECK_ALL(list) check_cases(list, sizeof(list) / sizeof(*(list)))

#endif
