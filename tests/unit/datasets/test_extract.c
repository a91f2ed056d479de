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

/* The prediction of a rule; how as m, f, n or a behind it, such as "C m". */
static void read_with(const char *rule, const struct choices *c, const char *text, char *out) {
    struct arena a = {0};
    const char *prediction;
    karma_parse how;
    const struct extraction *e = extraction_find(rule);
    assert_non_null(e);
    assert_ok(e->read(&a, text, c, &prediction, &how));
    sprintf(out, "%.60s %c", prediction, "mfna"[how]);
    /* KARMA scores what it did not find, too: under these rules alone. */
    const bool unread = strcmp(rule, "letter_at_end") == 0 || strcmp(rule, "letter_anywhere") == 0;
    if (how >= KARMA_PARSE_NONE && !unread) assert_string_equal(prediction, "");
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
        {"Final Answer: (A) or (B)", " a"},
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
        {"Final Answer: A or B", " a"},
        {"Final Answer: (A), (B)", " a"},
        {"Final Answer: A/B", " a"},
        {"Final Answer: C and D", " a"},
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
        {"A) Folate\nB) Zinc\nC) Iron deficiency\nD) Iodine", " a"},
        {"A. fumigatus grows in the lung.", " n"},
        {"The answer is A because folate is low.", "A f"},
        {"the answer is a matter of taste", " n"},
        {"The answer is B. No, the answer is C.", " a"},
        {"The answer is not C.", " n"},
        {"So the correct answer is **(B)**.", "B f"},
        {"I think the best option is D, as iodine is lacking.", "D f"},
        {"It is \\boxed{B}. Again: \\boxed{B}", "B f"},
        {"It is \\boxed{B}, or \\boxed{C}", " a"},
        {"It is \\boxed{42}", " n"},
        {"(A) is wrong, so it is (B)", " a"},
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

/* The columns E2, E3 and E4 of the table that was computed with KARMA 0.2.0's own functions. */
static void reads_the_vectors_of_the_other_rules_to_the_letter(void **state) {
    (void)state;
    static const struct {
        const char *text, *between, *first, *anywhere;
    } cases[] = {
        {"Final Answer: (C)", "C", "C", "C"},
        {"Final Answer: C", "C", "C", "A"},
        {"Final Answer: (C).", "(C).", "C", "C"},
        {"**Final Answer: (C)**", "(C)**", "C", "C"},
        {"Final Answer: (C) Foo", "(C) Foo", "C", "C"},
        {"Final Answer: C) Foo", "C) Foo", "C", "C"},
        {"Final Answer: [c]", "[c]", "", "A"},
        {"Final Answer: (A) or (B)", "A) or (B", "A", "A"},
        {"Final Answer: Final Answer: (B)", "", "", "B"},
        {"Final Answer: B\nFinal Answer: C", "B", "B", "A"},
        {"Final answer: (C)", "", "", "C"},
        {"Final Answer: ( C )", " C ", "", "A"},
        {"Final Answer: $C$", "$C$", "", "A"},
        {"\\boxed{C}", "", "", "B"},
        {"The answer is C", "", "", "A"},
        {"Option C", "", "", "C"},
        {"A 65-year-old man", "", "A", "A"},
        {"Based on the vignette, (D)", "", "B", "B"},
        {"Answer: D", "", "A", "A"},
        {"Correct: (D)", "", "C", "C"},
        {"", "", "", ""},
        {"yes", "", "", "Y"},
        {"\xE0\xA4\x95?", "", "", "\xE0\xA4\x95"},
    };
    static const char *const rules[] = {"between_markers", "first_letter", "letter_anywhere"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *const expected[] = {cases[i].between, cases[i].first, cases[i].anywhere};
        for (size_t k = 0; k < 3; k++) {
            char got[80];
            read_with(rules[k], &four, cases[i].text, got);
            got[strlen(got) - 2] = '\0';
            if (strcmp(got, expected[k]) != 0)
                fail_msg("%s of '%s': '%s' where '%s' was expected", rules[k], cases[i].text, got,
                         expected[k]);
        }
    }
}

/* By the five rules in their order; the false letters are part of them. */
static void reads_letters_near_the_end_as_afrimed_does(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"B", "B f"},
        {"FINAL  ANSWER - [ c ] so", "C m"},
        {"Final answer b", "B m"},
        {"final answer: because", "B m"},
        {"The answer is (D) here", "D f"},
        {"The answer: e, I think", "E f"},
        {"I am not sure\n D?", "D f"},
        {"I chose one:\n(A/B)", "B f"},  /* two letters in the last line; the end has one */
        {"it has to be malaria", "A f"}, /* the last letter of a word */
        {"it is C for certain, my friend, of course not", "C f"},
        {" none of them ", "none of them n"},
        {"F", "F n"},
        {"", " n"},
        {"the dose is b\xE2\x81\xB4 5",
         "the dose is b\xE2\x81\xB4 5 n"}, /* a raised 4 is of a word */
        {"so \xE2\x80\x9C"
         "b\xE2\x80\x9D it is then",
         "B f"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check("letter_at_end", &four, cases[i].text, cases[i].expected);
    /* The article stands too far from the end; near it there is none. */
    check("letter_at_end", &four,
          "it is a fact that nobody knows nor will know this thing for long",
          "it is a fact that nobody knows nor will know this thing for  n");
}

/* KARMA's helper is asked for A to D by each of its sets. */
static void upstreams_letters_are_those_of_four_options(void **state) {
    (void)state;
    check("mcqa_upstream", &yes_no_maybe, "Final Answer: (D)", "D m");
    check("mcqa_upstream", &yes_no_maybe, "Final Answer: (E)", " n");
}

static void reads_numbers_both_ways(void **state) {
    (void)state;
    static const struct {
        const char *text, *upstream, *careful;
    } cases[] = {
        {"12.5", "12.5 m", "12.5 m"},
        {"12", "12.0 m", "12 m"},
        {"1e3", "1000.0 m", "1e3 m"},
        {"BMI is 24.5.", "24.5 f", "24.5 f"},
        {"it is 12.5kg", "12 f", "12.5 f"},
        {"3 and 4 make 7", "7 f", "7 f"},
        {"at 5 m2 it is -3", "-3 f", "-3 f"},
        {"1,234.5", "234.5 f", "1234.5 m"},
        {"{\"a\": 1} then {\"bmi\": 24.5}", "{\"bmi\": 24.5} f", "24.5 f"},
        {"{\"score\": 3, \"risk\": 7.0}", "{\"score\": 3, \"risk\": 7.0} f",
         "{\"score\": 3, \"risk\": 7.0} f"},
        {"{\"unit\": \"kg\"} 8", "{\"unit\": \"kg\"} f", "8 f"},
        {"{broken} 8", "8 f", "8 f"},
        {"Step 1: 4. **Final Answer:** 24.5 kg/m2 (2 digits)", "2 f", "24.5 m"},
        {"call_4abc", " n", " n"},
        {"", " n", " n"},
        {"24.5\xC2\xB0", "24.5 f", "24.5 f"}, /* a degree is of no word */
        {"about 20.5\xE2\x80\x93"
         "21 it is",
         "21 f", "21 f"},
        {"inf", "inf m", " n"},
        {" -Infinity", "-inf m", " n"},
        {"NaN", "nan m", " n"},
        {"1_000", "1000.0 m", NULL},
        {"\xE0\xA5\xA7\xE0\xA5\xA8.5", "12.5 m", NULL},
        {"it is \xE0\xA5\xA7\xE0\xA5\xA8", "\xE0\xA5\xA7\xE0\xA5\xA8 f", NULL},
        {"5\xC2\xB2", " n", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        check("number_upstream", NULL, cases[i].text, cases[i].upstream);
        if (cases[i].careful) check("number", NULL, cases[i].text, cases[i].careful);
    }
}

static void reads_the_remaining_forms(void **state) {
    (void)state;
    check("translation", NULL, " translation: Guten Tag ", "Guten Tag m");
    check("translation", NULL, "In Hindi: x: y", "x: y m");
    check("translation", NULL, "hindi Translation: x", "x m");
    check("translation", NULL, "The translation is: In Tamil: x", "In Tamil: x m");
    check("translation", NULL, "Translation:", " n");
    check("answer_block", NULL, "<think>t</think>\n<ANSWER> a </answer> ", "a m");
    check("answer_block", NULL, "<answer>one</answer> no: <answer>two</answer>", "two m");
    check("answer_block", NULL, "</answer>\n\n a b \n", "a b f");
    check("answer_block", NULL, "<answer></answer>", " n");
    check("answer_block", NULL, " ", " n");
    check("answer_block_upstream", NULL, "t <ANSWER>a</answer> ", "t <ANSWER>a</answer> m");
    check("answer_block_upstream", NULL, "</answer> a <answer>", "</answer> a <answer> f");
    check("overview", NULL, "```json\n{\"six_month_overview\": \"stable\"}\n```", "stable m");
    check("overview", NULL, "```\nstable\n```", "stable f");
    check("overview", NULL, "[1]", "[1] f");
    check("overview", NULL, "{\"six_month_overview\": \"\"}", "{\"six_month_overview\": \"\"} f");
    check("mcqa_letter", &four, " **(c)**. ", "C m");
    check("mcqa_letter", &four, "C. Iron deficiency", "C f");
    check("mcqa_letter", &four, "(A) or (B)", " a");
    check("mcqa_letter", &four, "Final Answer: (D)", "D m");
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
        test_case(reads_the_vectors_of_the_other_rules_to_the_letter),
        test_case(reads_letters_near_the_end_as_afrimed_does),
        test_case(upstreams_letters_are_those_of_four_options),
        test_case(reads_numbers_both_ways),
        test_case(reads_the_remaining_forms),
        test_case(names_its_rules_in_one_order),
        test_case(takes_linear_time_on_hostile_texts),
        test_case(knows_when_an_answer_is_decided),
        test_case(what_is_decided_stays_whatever_follows),
        test_case(survives_every_failing_allocation),
    };
    return run_group("datasets/extract", tests);
}
