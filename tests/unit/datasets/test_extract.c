/*
 * test_extract.c - letters and texts out of answers. The column for mcqa_upstream was computed with
 * KARMA 0.2.0's own function, valid letters A to D.
 */
#include "tests/support/test.h"

#include "base/random.h"
#include "datasets/extract.h"

static const struct choices four = {
    .count = 4,
    .labels = {'A', 'B', 'C', 'D'},
    .texts = {"Folate", "Zinc", "Iron deficiency", "Iodine"},
};
static const struct choices yes_no_maybe = {
    .count = 3,
    .labels = {'A', 'B', 'C'},
    .texts = {"yes", "no", "maybe"},
};

/* The prediction of a rule; how as m, f or n behind it, such as "C m". */
static void read_with(const char *rule, const struct choices *c, const char *text, char *out) {
    struct arena a = {0};
    const char *prediction;
    karma_parse how;
    const struct extraction *e = extraction_find(rule);
    assert_non_null(e);
    assert_ok(e->read(&a, text, c, &prediction, &how));
    sprintf(out, "%.60s %c", prediction, "mfn"[how]);
    if (how == KARMA_PARSE_NONE) assert_string_equal(prediction, "");
    arena_release(&a);
}

static void check(const char *rule, const struct choices *c, const char *text,
                  const char *expected) {
    char got[80];
    read_with(rule, c, text, got);
    if (strcmp(got, expected) != 0)
        fail_msg("%s of '%.80s': '%s' where '%s' was expected", rule, text, got, expected);
}

static void reads_the_reference_vectors_to_the_letter(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"Final Answer: (C)", "C m"},
        {"Final Answer: C", "C m"},
        {"Final Answer: (C).", " n"},
        {"**Final Answer: (C)**", "C m"},
        {"Final Answer: (C) Foo", " n"},
        {"Final Answer: C) Foo", "C m"},
        {"Final Answer: [c]", "C m"},
        {"Final Answer: (A) or (B)", "A m"},
        {"Final Answer: Final Answer: (B)", "B m"},
        {"Final Answer: B\nFinal Answer: C", "B m"},
        {"Final answer: (C)", " n"},
        {"Final Answer: ( C )", "C m"},
        {"Final Answer: $C$", " n"},
        {"\\boxed{C}", " n"},
        {"The answer is C", " n"},
        {"Option C", " n"},
        {"A 65-year-old man", "A f"},
        {"Based on the vignette, (D)", " n"},
        {"Answer: D", " n"},
        {"Correct: (D)", " n"},
        {"", " n"},
        {"Final Answer:", " n"},
        {"Final Answer:\n\n  ** (b) **\nand more", "B m"},
        {"Final Answer:\xE2\x80\xA8(D)", "D m"},
        {"Final Answer: C\xC2\xA0Iron", "C m"},
        {"Final Answer: E", " n"},
        {"Final Answer: Cc", " n"},
        {"d", "D f"},
        {"[(A)]", " n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check("mcqa_upstream", &four, cases[i].text, cases[i].expected);
}

static void reads_the_same_vectors_without_guessing(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"Final Answer: (C)", "C m"},
        {"Final Answer: C", "C m"},
        {"Final Answer: (C).", "C m"},
        {"**Final Answer: (C)**", "C m"},
        {"Final Answer: (C) Foo", "C m"},
        {"Final Answer: C) Foo", "C m"},
        {"Final Answer: [c]", "C m"},
        {"Final Answer: (A) or (B)", " n"},
        {"Final Answer: Final Answer: (B)", "B m"},
        {"Final Answer: B\nFinal Answer: C", "B m"},
        {"Final answer: (C)", "C m"},
        {"Final Answer: ( C )", "C m"},
        {"Final Answer: $C$", "C m"},
        {"\\boxed{C}", "C f"},
        {"The answer is C", "C f"},
        {"Option C", "C f"},
        {"A 65-year-old man", " n"},
        {"Based on the vignette, (D)", "D f"},
        {"Answer: D", "D f"},
        {"Correct: (D)", "D f"},
        {"", " n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check("mcqa", &four, cases[i].text, cases[i].expected);
}

static void reads_answers_at_the_marker(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"**Final Answer:** (C)", "C m"},
        {"**Final Answer**: C", "C m"},
        {"FINAL ANSWER: c", "C m"},
        {"Final answer is (B)", "B m"},
        {"Final Answer:\n\n(B)", "B m"},
        {"Final Answer: \\boxed{B}", "B m"},
        {"Final Answer: \\(\\text{B}\\)", "B m"},
        {"Final Answer: Option C", "C m"},
        {"Final Answer: The correct answer is (C)", "C m"},
        {"Final Answer: The answer is A because folate is low", "A m"},
        {"Final Answer: C. Iron deficiency", "C m"},
        {"Final Answer: Iron deficiency", "C m"},
        {"Final Answer: iron deficiency.", "C m"},
        {"Final Answer: A Folate", "A m"},
        {"Final Answer: D Iodine, not Zinc", "D m"},
        {"I must end with \"Final Answer:\" and a letter.\nFinal Answer: (D)", "D m"},
        {"Final Answer: A or B", " n"},
        {"Final Answer: (A), (B)", " n"},
        {"Final Answer: A/B", " n"},
        {"Final Answer: C and D", " n"},
        {"Final Answer: (C), because (A) is wrong", "C m"},
        {"Final Answer: A 65-year-old man", " n"},
        {"Final Answer: a patient with anaemia", " n"},
        {"Final Answer: B-cell lymphoma", " n"},
        {"Final Answer: Cobalamin", " n"},
        {"Final Answer: (E)", " n"},
        {"Final Answer: none of these", " n"},
        {"Final Answer:", " n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check("mcqa", &four, cases[i].text, cases[i].expected);
    check("mcqa", &yes_no_maybe, "Final Answer: yes", "A m");
    check("mcqa", &yes_no_maybe, "Final Answer: A yes", "A m");
    check("mcqa", &yes_no_maybe, "Final Answer: No.", "B m");
    check("mcqa", &yes_no_maybe, "Final Answer: (maybe)", "C m");
    check("mcqa", &yes_no_maybe, "Final Answer: (D)", " n");
    check("mcqa", &yes_no_maybe, "Final Answer: yes or no", " n");
}

static void reads_answers_elsewhere_only_when_they_are_plain(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"C", "C f"},
        {" (c) \n", "C f"},
        {"C. Iron deficiency\nIt is the most common cause.", "C f"},
        {"C) because ferritin is low", "C f"},
        {"Iron deficiency", "C f"},
        {"Iron deficiency\nbecause ferritin is low", "C f"},
        {"A) Folate\nB) Zinc\nC) Iron deficiency\nD) Iodine", " n"},
        {"A. fumigatus grows in the lung.", " n"},
        {"The answer is A because folate is low.", "A f"},
        {"the answer is a matter of taste", " n"},
        {"The answer is B. No, the answer is C.", " n"},
        {"The answer is not C.", " n"},
        {"So the correct answer is **(B)**.", "B f"},
        {"I think the best option is D, as iodine is lacking.", "D f"},
        {"It is \\boxed{B}. Again: \\boxed{B}", "B f"},
        {"It is \\boxed{B}, or \\boxed{C}", " n"},
        {"It is \\boxed{42}", " n"},
        {"(A) is wrong, so it is (B)", " n"},
        {"Everything points to (B).", "B f"},
        {"Everything points to (B), I am sure", " n"},
        {"I do not know.", " n"},
        {"Vitamin C", " n"},
        {"Did the patient drink?", " n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check("mcqa", &four, cases[i].text, cases[i].expected);
}

static void reads_whole_texts(void **state) {
    (void)state;
    check("strip", NULL, " \n\xE3\x80\x80 two words \xC2\xA0", "two words m");
    check("strip", NULL, " \t ", " n");
    check("final_answer", NULL, "thought\nFinal Answer:  left lung \n", "left lung m");
    check("final_answer", NULL, "Final Answer: one Final Answer: two", "one m");
    check("final_answer", NULL, "final answer: one", " n");
    check("final_answer", NULL, "Final Answer: ", " n");
}

static void names_its_rules_in_one_order(void **state) {
    (void)state;
    size_t n = 0;
    for (; extractions[n].name; n++)
        assert_string_equal(extraction_names[n], extractions[n].name);
    assert_null(extraction_names[n]);
    assert_null(extraction_find("guess"));
}

static void takes_linear_time_on_hostile_texts(void **state) {
    (void)state;
    static const char *const patterns[] = {"Final Answer:", "answer: ", "\\boxed{",
                                           "(A)",           "((((",     "Final Answer ",
                                           "A. ",           "\n(",      "the the "};
    enum { BYTES = 1 << 18 };
    char *text = mem_alloc(BYTES + 1);
    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
        size_t len = strlen(patterns[i]);
        for (size_t k = 0; k < BYTES; k++)
            text[k] = patterns[i][k % len];
        text[BYTES] = '\0';
        for (const struct extraction *e = extractions; e->name; e++) {
            struct arena a = {0};
            const char *prediction;
            karma_parse how;
            assert_ok(e->read(&a, text, &four, &prediction, &how));
            arena_release(&a);
        }
    }
    mem_free(text);
}

/* ---- decided ---- */

static bool decided(const char *rule, const struct choices *c, const char *text) {
    const struct extraction *e = extraction_find(rule);
    const bool is = e->decided && e->decided(text, c);
    assert_true(!is || extraction_may_decide(text));
    return is;
}

static void knows_when_an_answer_is_decided(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool mcqa, upstream, final_answer;
    } cases[] = {
        {"", false, false, false},
        {"Iron it is.\n", false, false, false},
        {"Final Answer: (C)", false, false, false},
        {"Final Answer: (C)\n", true, true, false},
        {"Final Answer: (C)\r", true, true, false},
        {"Think.\n\nFinal Answer: (C) or", false, false, false},
        {"Final Answer: (A) or (B)\n", true, true, false}, /* decided: no answer */
        {"Final Answer:\n\n", false, false, false},
        {"Final Answer:\n\nC", false, false, false},
        {"Final Answer:\n\nC\nB", true, true, false},
        {"Final Answer: hm\n", false, true, false}, /* mcqa looks for another marker */
        {"Final Answer: hm\nFinal Answer: D\n", true, true, true},
        {"**Final answer:** C\n", true, false, false},
        {"Final Answer: B Final Answer:", false, false, true},
        {"The answer is C.\n", false, false, false},
        {"\\boxed{C}\n", false, false, false},
        {"Final Answer: C\xe3\x80\x80\n", false, true, false}, /* a blank that may be cut off */
        {"Final Answer: (C)\xe3\x80\x80\n", true, false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (decided("mcqa", &four, cases[i].text) != cases[i].mcqa ||
            decided("mcqa_upstream", &four, cases[i].text) != cases[i].upstream ||
            decided("final_answer", &four, cases[i].text) != cases[i].final_answer)
            fail_msg("decided: case %zu, '%s'", i, cases[i].text);
    }
    assert_false(decided("strip", &four, "x\n") || decided("ranking", &four, "[]\n") ||
                 decided("transcript", &four, "x\n"));
}

/* Pieces that texts of answers are made of, and what could turn one into another. */
static const char *const pieces[] = {"Final Answer:",
                                     "Final answer",
                                     "final answer is",
                                     "Final",
                                     " Answer:",
                                     ":",
                                     " ",
                                     "\n",
                                     "\n",
                                     "\r\n",
                                     "(",
                                     ")",
                                     "A",
                                     "B",
                                     "C",
                                     "D",
                                     "(C)",
                                     "[D]",
                                     "**",
                                     "$",
                                     "\\boxed{",
                                     "}",
                                     ".",
                                     ",",
                                     "/",
                                     " or ",
                                     "and",
                                     "o",
                                     "Iron deficiency",
                                     "Folate",
                                     "Zinc",
                                     "is",
                                     "option",
                                     "the",
                                     "\xe3\x80\x80",
                                     "\xc2\xa0",
                                     "\xe2\x80\xa8",
                                     "\t",
                                     "-",
                                     "'s",
                                     "because",
                                     "The answer is ",
                                     "x"};

static void random_text(struct rng *r, char *out, size_t most) {
    const size_t n = (size_t)(rng_next(r) % most);
    *out = '\0';
    for (size_t i = 0; i < n; i++)
        strcat(out, pieces[rng_next(r) % (sizeof(pieces) / sizeof(pieces[0]))]);
}

/* As a model's answer is stored: without blanks around it. */
static void strip_copy(const char *text, char *out) {
    struct arena a = {0};
    const char *stripped;
    karma_parse how;
    assert_ok(extraction_find("strip")->read(&a, text, NULL, &stripped, &how));
    strcpy(out, stripped);
    arena_release(&a);
}

static void what_is_decided_stays_whatever_follows(void **state) {
    (void)state;
    enum { TEXTS = 20000, FOLLOWING = 12 };
    static const char *const rules[] = {"mcqa", "mcqa_upstream", "final_answer"};
    struct rng r;
    size_t n_decided[3] = {0};
    rng_init(&r, 5, "decided", 7);
    for (int i = 0; i < TEXTS; i++) {
        char text[600], longer[1200], stripped[1200], want[80], got[80];
        random_text(&r, text, 16);
        for (int k = 0; k < 3; k++) {
            if (!decided(rules[k], &four, text)) continue;
            n_decided[k]++;
            read_with(rules[k], &four, text, want);
            for (int j = 0; j < FOLLOWING; j++) {
                strcpy(longer, text);
                if (j) random_text(&r, longer + strlen(longer), 8);
                strip_copy(longer, stripped);
                for (int s = 0; s < 2; s++) {
                    read_with(rules[k], &four, s ? stripped : longer, got);
                    if (strcmp(got, want) != 0)
                        fail_msg("%s: '%s' gives '%s', '%s' gives '%s'", rules[k], text, want,
                                 s ? stripped : longer, got);
                }
            }
        }
    }
    for (int k = 0; k < 3; k++)
        assert_true(n_decided[k] > 100);
}

static karma_status read_some(void *ctx) {
    struct arena a = {0};
    const char *prediction;
    karma_parse how;
    (void)ctx;
    karma_status st =
        extraction_find("mcqa")->read(&a, "Final Answer: (C)", &four, &prediction, &how);
    arena_release(&a);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    for_each_failing_allocation(read_some, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(reads_the_reference_vectors_to_the_letter),
        test_case(reads_the_same_vectors_without_guessing),
        test_case(reads_answers_at_the_marker),
        test_case(reads_answers_elsewhere_only_when_they_are_plain),
        test_case(reads_whole_texts),
        test_case(names_its_rules_in_one_order),
        test_case(takes_linear_time_on_hostile_texts),
        test_case(knows_when_an_answer_is_decided),
        test_case(what_is_decided_stays_whatever_follows),
        test_case(survives_every_failing_allocation),
    };
    return run_group("datasets/extract", tests);
}
