/* test_added_tokens.c - the search: longest match, the reference's flags, plain spans. */
#include "text/added_tokens.h"

#include "tests/support/test.h"

static struct added_token token(int32_t id, const char *text) {
    return (struct added_token){.id = id, .text = text, .len = strlen(text)};
}

static void add(struct added_set *s, struct added_token t) {
    assert_ok(added_set_add(s, &t));
}

/* "id begin-end" of every match. */
static void check(const struct added_set *set, const char *text, const struct added_limits *limits,
                  const char *wanted, size_t wanted_special) {
    struct added_search s = {.set = set, .text = text, .len = strlen(text), .limits = limits};
    const struct added_token *t;
    size_t begin, end;
    char got[400] = "";
    while (added_search_next(&s, &t, &begin, &end)) {
        size_t at = strlen(got);
        snprintf(got + at, sizeof(got) - at, "%s%d %zu-%zu", at ? ", " : "", t->id, begin, end);
    }
    assert_string_equal(got, wanted);
    assert_int_equal(s.n_special, wanted_special);
}

static void takes_the_leftmost_longest_match(void **state) {
    (void)state;
    struct added_set s = {0};
    add(&s, token(1, "\n"));
    add(&s, token(3, "\n\n\n"));
    add(&s, token(2, "\n\n"));
    add(&s, token(4, "<a"));
    add(&s, token(5, "<a>b"));
    add(&s, token(6, "\xE2\x96\x81\xE2\x96\x81"));
    assert_ok(added_set_finish(&s));
    check(&s, "x\n\n\n\n\n", NULL, "3 1-4, 2 4-6", 0);
    check(&s, "<a><a>b<<a", NULL, "4 0-2, 5 3-7, 4 8-10", 0);
    check(&s, "\xE2\x96\x80\xE2\x96\x81\xE2\x96\x81", NULL, "6 3-9", 0);
    check(&s, "", NULL, "", 0);
    check(&s, "<", NULL, "", 0);
    assert_int_equal(added_set_find(&s, "<a>b", 4)->id, 5);
    assert_null(added_set_find(&s, "<a>", 3));
    added_set_release(&s);
}

static void flags_swallow_white_space_and_want_word_borders(void **state) {
    (void)state;
    struct added_set s = {0};
    struct added_token l = token(1, "<L>"), r = token(2, "<R>"), w = token(3, "word");
    l.lstrip = r.rstrip = w.single_word = true;
    add(&s, l);
    add(&s, r);
    add(&s, w);
    add(&s, token(4, "\n"));
    assert_ok(added_set_finish(&s));
    check(&s, "a \xC2\xA0<L> b", NULL, "1 1-7", 0);
    check(&s, "<R>  <L>", NULL, "2 0-5, 1 5-8", 0); /* not into the match before */
    check(&s, "a<R>\t b", NULL, "2 1-6", 0);
    check(&s, "a word, words sword _word word", NULL, "3 2-6, 3 26-30", 0);
    check(&s, "word\xCC\x81 word", NULL, "3 7-11", 0); /* a mark is part of a word */
    /* white space that <R> swallowed still gives its own tokens, as in the reference */
    check(&s, "<R>\nx", NULL, "2 0-4, 4 3-4", 0);
    added_set_release(&s);
}

static void special_tokens_that_touch_a_plain_span_are_text(void **state) {
    (void)state;
    struct added_set s = {0};
    struct added_token a = token(1, "<a>"), ab = token(2, "<a><b>");
    a.special = ab.special = true;
    add(&s, a);
    add(&s, ab);
    add(&s, token(3, "<b>"));
    add(&s, token(4, "><"));
    assert_ok(added_set_finish(&s));
    const struct text_span spans[] = {{0, 0}, {3, 6}, {7, 7}, {9, 10}};
    struct added_limits limits = {.plain = spans, .n_plain = 4};
    check(&s, "<a><a><a>", &limits, "1 0-3, 4 5-7", 1); /* what it covers is searched for others */
    check(&s, "<a><b>", &limits, "1 0-3, 3 3-6", 1);
    check(&s, "xx<a>", &limits, "", 1); /* half in the span */
    check(&s, "<a>x<a>", &limits, "1 0-3", 1);
    limits.base = 100;
    check(&s, "<a><a>", &limits, "1 0-3, 1 3-6", 0);
    limits.base = 0;
    limits.count_only = true;
    check(&s, "<a><a><a>", &limits, "1 0-3, 1 3-6, 1 6-9", 1);
    check(&s, "<a><b>", &limits, "2 0-6", 1);
    const struct added_limits all = {.all_plain = true};
    check(&s, "<a><b>", &all, "4 2-4", 1);
    added_set_release(&s);
}

static void refuses_empty_long_and_double_ones(void **state) {
    (void)state;
    struct added_set s = {0};
    char text[ADDED_MAX_BYTES + 1];
    memset(text, 'a', sizeof(text));
    struct added_token t = {.id = 7, .text = text, .len = 0};
    assert_status(added_set_add(&s, &t), KARMA_E_SYNTAX);
    t.len = ADDED_MAX_BYTES + 1;
    assert_status(added_set_add(&s, &t), KARMA_E_LIMIT);
    t.len = ADDED_MAX_BYTES;
    assert_ok(added_set_add(&s, &t));
    assert_ok(added_set_add(&s, &t));
    assert_status(added_set_finish(&s), KARMA_E_DUPLICATE);
    added_set_release(&s);
}

static void a_hundred_thousand_tokens_are_no_burden(void **state) {
    (void)state;
    enum { N = 100000 };
    struct added_set s = {0};
    struct arena a = {0};
    char name[20];
    for (int i = 0; i < N; i++) {
        char *text = arena_printf(&a, "<t%d>", i);
        struct added_token t = {.id = i, .text = text, .len = strlen(text)};
        assert_ok(added_set_add(&s, &t));
    }
    assert_ok(added_set_finish(&s));
    for (int i = 0; i < N; i += 997) {
        snprintf(name, sizeof(name), "<t%d>", i);
        struct added_search search = {.set = &s, .text = name, .len = strlen(name)};
        const struct added_token *t;
        size_t begin, end;
        assert_true(added_search_next(&search, &t, &begin, &end));
        assert_int_equal(t->id, i);
    }
    added_set_release(&s);
    arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(takes_the_leftmost_longest_match),
        test_case(flags_swallow_white_space_and_want_word_borders),
        test_case(special_tokens_that_touch_a_plain_span_are_text),
        test_case(refuses_empty_long_and_double_ones),
        test_case(a_hundred_thousand_tokens_are_no_burden),
    };
    return run_group("text/added_tokens", tests);
}
