/* test_medical_mcq.c - the sets of medical multiple-choice questions, both protocols. */
#include "tests/unit/datasets/set_cases.h"

#define P1(block)                                                                                  \
    "Instructions: The following are multiple choice questions about medical knowledge. Solve "    \
    "them in a\nstep-by-step fashion, starting by summarizing the available information. Output "  \
    "a single option from the\nfour options as the final answer. Question: " block                 \
    " Response (think step by step and then\nend with \"Final Answer:\" followed by *only* the "   \
    "letter corresponding to the correct answer enclosed in\nparentheses)"
#define P2(block)                                                                                  \
    "Instructions: The following are multiple choice questions about medical knowledge. Solve "    \
    "them in a step-by-step fashion, starting by summarizing the available information. Output a " \
    "single option from the four options as the final answer. Question: " block                    \
    " Response (think step by step and then end with \"Final Answer:\" followed by *only* the "    \
    "letter corresponding to the correct answer enclosed in parentheses)"
#define P4(block, gap)                                                                             \
    block " Think\nstep by step through each of the multiple choice options. You MUST end your "   \
          "response with \"Final" gap "Answer:\" followed by only the letter corresponding to "    \
          "the correct answer enclosed in parentheses)."
#define P5(block)                                                                                  \
    "\nYou are an expert at Indian Pharmacology.\nSolve them in a step-by-step fashion. \nOutput " \
    "only the final answer (e.g., A, B, C, D, or E) \nQuestion: " block "\n"
#define P6(block)                                                                                  \
    "Instructions: The following are multiple choice questions about Indian pharmaceutical "       \
    "medications. Solve them in a step-by-step fashion. Output only the final answer (e.g., A, "   \
    "B, C, D, or E) at the end using the format \"Final Answer: (X)\". Question: " block

#define MEDQA     "openlifescienceai/medqa", "medqa.jsonl"
#define USMLE     "GBaker/MedQA-USMLE-4-options", "medqa_usmle.jsonl"
#define MEDMCQA   "openlifescienceai/medmcqa", "medmcqa.jsonl"
#define INDIC     "ekacare/MedMCQA-Indic", "medmcqa.jsonl"
#define EKA_MMLU  "ekacare/mmlu-medical-mcqs-evaluation-dataset", "eka_mmlu.jsonl"
#define TEN       "TsinghuaC3I/MedXpertQA", "medxpertqa_text.jsonl"
#define FORMULARY "ekacare/Eka_NFI_MCQA", "eka_nfi.jsonl"
#define DRUGS     "ekacare/indian_drug_mcqa", "indian_drugs.jsonl"
#define ANATOMY   ", \"subset\": \"anatomy\""

#define IONS "Which ion falls?\nA. Sodium\nB. Zinc\nC. Iron\nD. Iodine"

static void asks_the_examinations_questions(void **state) {
    (void)state;
    static const struct set_case cases[] = {
        {MEDQA, "", 0, "q1", P1(IONS), "C", "Final Answer: (C).", "C", KARMA_PARSE_MARKER},
        {MEDQA, UPSTREAM, 0, "q1", P1(IONS), "C", "Final Answer: (C).", "", KARMA_PARSE_NONE},
        {MEDQA, "", 1, "2",
         P1("Context: First line.\nSecond line.\n\nQuestion: What is seen?\nA. x\nB. y\nC. "
            "z\nD. " LONG_OPTION),
         "D", "(A) or (B)", "", KARMA_PARSE_AMBIGUOUS},
        {MEDQA, "", 2, "q3", P1("One or two?\nA. 1\nB. 2.5\nC. true"), "B", "B", "B",
         KARMA_PARSE_FALLBACK},
        {MEDQA, UPSTREAM, 2, "q3", P1("One or two?\nA. 1\nB. 2.5\nC. true"), "B", "b) it is", "B",
         KARMA_PARSE_FALLBACK},
        {MEDQA, "", 3, "q4",
         P1("Wie hei\xC3\x9Ft es?\nZweite Zeile\nA. \xC3\xA4\nB. \xC3\x9F\nC. \xC3\xA9\nD. "
            "\xE5\xAD\x97"),
         "A", NULL, NULL, 0},
        {MEDQA, "", 4, "q5", P1("Is {this} kept?\nA. yes\nB. no\nC. {question}\nD. <OPTIONS>"), "A",
         "Final Answer: yes", "A", KARMA_PARSE_MARKER},
        {MEDQA, ", \"confinement_instructions\": \"{Ask} <QUESTION>!\"", 0, "q1", "{Ask} " IONS "!",
         "C", NULL, NULL, 0},
        {"openlifescienceai/mmlu_anatomy", "medqa.jsonl", "", 0, "q1", P1(IONS), "C",
         "The answer is C", "C", KARMA_PARSE_FALLBACK},
        {"openlifescienceai/mmlu_college_medicine", "medqa.jsonl", UPSTREAM, 0, "q1", P1(IONS), "C",
         "The answer is C", "", KARMA_PARSE_NONE},
        {USMLE, "", 0, NULL, P2("Question: " IONS), "C", "Final answer: C", "C",
         KARMA_PARSE_MARKER},
        {USMLE, UPSTREAM, 0, NULL, P2("Question: " IONS), "C", "Final answer: C", "",
         KARMA_PARSE_NONE},
        {USMLE, "", 1, NULL, P2("Question: Shortest?\nA. x\nB. y\nC. z\nD. w"), "A", NULL, NULL, 0},
        {USMLE, "", 2, NULL, P2("Question: Longest?\nA. x\nB. " LONG_OPTION "\nC. z\nD. w"), "B",
         NULL, NULL, 0},
        {USMLE, "", 3, NULL, P2("Question: Numbers?\nA. 1\nB. 2\nC. 3\nD. 4"), "D", NULL, NULL, 0},
        {USMLE, "", 4, NULL, P2("Question: A null?\nA. a\nC. c\nD. d"), "A", NULL, NULL, 0},
    };
    CHECK_ALL(cases);
    static const char *const subjects[] = {"professional_medicine", "anatomy", "college_biology",
                                           "clinical_knowledge", "college_medicine"};
    for (size_t i = 0; i < 5; i++) {
        char name[80];
        snprintf(name, sizeof(name), "openlifescienceai/mmlu_%s", subjects[i]);
        check_count(name, "medqa.jsonl", "", 5);
    }
    check_count(USMLE, "", 5);
}

static void asks_the_entrance_examinations_questions(void **state) {
    (void)state;
    static const struct set_case cases[] = {
        {MEDMCQA, "", 0, "m1", P1("Which vitamin is lacking in scurvy?\nA. A\nB. B12\nC. C\nD. D"),
         "C", "\\boxed{C}", "C", KARMA_PARSE_FALLBACK},
        {MEDMCQA, UPSTREAM, 1, "m2", P1("Shortest\nA. a\nB. b\nC. c\nD. d"), "A",
         "A 65-year-old man", "A", KARMA_PARSE_FALLBACK},
        {MEDMCQA, "", 1, "m2", P1("Shortest\nA. a\nB. b\nC. c\nD. d"), "A", "A 65-year-old man", "",
         KARMA_PARSE_NONE},
        {MEDMCQA, "", 2, "m3", P1("Longest\nA. " LONG_OPTION "\nB. b\nC. c\nD. d"), "B", NULL, NULL,
         0},
        {MEDMCQA, "", 3, "m4", P1("One is null\nA. a\nC. c\nD. d"), "D", NULL, NULL, 0},
        {MEDMCQA, "", 4, "m5", P1("The index is a text\nA. a\nB. 7\nC. c\nD. d"), "B", NULL, NULL,
         0},
        {INDIC, ", \"subset\": \"as\"", 1, "m2", P1("Shortest\nA. a\nB. b\nC. c\nD. d"), "A",
         "Final Answer: (A)", "A", KARMA_PARSE_MARKER},
        {INDIC, ", \"subset\": \"as\"" UPSTREAM, 1, "m2", P1("Shortest\nA. a\nB. b\nC. c\nD. d"),
         "A", "$A$", "", KARMA_PARSE_NONE},
    };
    CHECK_ALL(cases);
    check_count(MEDMCQA, "", 5);
}

static void asks_one_of_twelve_subjects(void **state) {
    (void)state;
    static const struct set_case cases[] = {
        {EKA_MMLU, ANATOMY, 0, NULL,
         P2("Which bone is the longest?\nA. femur\nB. ulna\nC. tibia\nD. humerus"), "A",
         "Final Answer: (A)", "A", KARMA_PARSE_MARKER},
        {EKA_MMLU, ANATOMY, 1, NULL, P2("Five options\nA. a\nB. b\nC. c\nD. d\nE. e"), "B",
         "Final Answer: (E)", "E", KARMA_PARSE_MARKER},
        {EKA_MMLU, ANATOMY UPSTREAM, 1, NULL, P2("Five options\nA. a\nB. b\nC. c\nD. d"), "B",
         "Final Answer: (E)", "", KARMA_PARSE_NONE},
        {EKA_MMLU, ANATOMY, 2, NULL, P2("As texts\nA. x\nB. y"), "B", NULL, NULL, 0},
        {EKA_MMLU, ANATOMY, 3, NULL, P2("Longest\nA. " LONG_OPTION "\nB. b\nC. c\nD. d"), "D", NULL,
         NULL, 0},
        {EKA_MMLU, ANATOMY, 4, NULL, P2("Numbers\nA. 1\nB. 2.5\nC. true\nD. d"), "C", NULL, NULL,
         0},
    };
    CHECK_ALL(cases);
    check_count(EKA_MMLU, ANATOMY, 5);
    check_count(EKA_MMLU, ", \"subset\": \"virology\"", 2);
    karma_dataset *d;
    assert_status(karma_dataset_open("ekacare/mmlu-medical-mcqs-evaluation-dataset",
                                     "{\"path\": \"x\", \"subset\": \"astronomy\"}", &d),
                  KARMA_E_RANGE);
}

#define LETTERED                                                                                   \
    "Which of ten?\n\nA. option a\nB. option b\nC. option c\nD. option d\nE. option e\nF. option " \
    "f\nG. option g\nH. option h\nI. option i\nJ. option j"

static void asks_hard_questions_with_ten_options(void **state) {
    (void)state;
    static const struct set_case cases[] = {
        {TEN, "", 0, "T-1", P4(LETTERED, " "), "J", "Final\nAnswer: (J)", "J",
         KARMA_PARSE_FALLBACK},
        {TEN, "", 0, "T-1", P4(LETTERED, " "), "J", "Final Answer: (J).", "J", KARMA_PARSE_MARKER},
        {TEN, UPSTREAM, 0, "T-1", P4(LETTERED, "\n"), "J", "Final Answer: (J).", "(J).",
         KARMA_PARSE_MARKER},
        {TEN, UPSTREAM, 1, "T-2", P4("Shortest\n\nA. a\nB. b", "\n"), "B", "Final Answer: ( B )",
         " B ", KARMA_PARSE_MARKER},
        {TEN, "", 2, "T-3", P4("Longest\n\nA. " LONG_OPTION "\nB. b", " "), "A", NULL, NULL, 0},
        {TEN, "", 3, "T-4", P4("Numbers\n\nA. 1\nB. -2", " "), "A", NULL, NULL, 0},
        {TEN, "", 4, "5", P4("Null among them\n\nA. a\nC. c", " "), "C", NULL, NULL, 0},
    };
    CHECK_ALL(cases);
    check_count(TEN, "", 5);
}

static void asks_about_drugs(void **state) {
    (void)state;
    static const struct set_case cases[] = {
        {FORMULARY, "", 0, NULL,
         P5("Which drug lowers the heart rate?\nA. atenolol\nB. salbutamol\nC. atropine\nFinal "
            "Answer:"),
         "A", "(A)", "A", KARMA_PARSE_MARKER},
        {FORMULARY, UPSTREAM, 0, NULL,
         P5("Which drug lowers the heart rate?\nA. atenolol\nB. salbutamol\nC. atropine\nFinal "
            "Answer:"),
         "A", "Atropine it is", "A", KARMA_PARSE_FALLBACK},
        {FORMULARY, "", 0, NULL, NULL, "A", "Atropine it is", "", KARMA_PARSE_NONE},
        {FORMULARY, "", 1, NULL, P5("Aspirin thins the blood.\nA. True\nB. False\nFinal Answer:"),
         "A", "True", "A", KARMA_PARSE_FALLBACK},
        {FORMULARY, "", 2, NULL, P5("Insulin is taken by mouth.\nA. True\nB. False\nFinal Answer:"),
         "B", NULL, NULL, 0},
        {FORMULARY, "", 3, NULL,
         P5("Longest\nA. " LONG_OPTION "\nB. b\nC. c\nD. d\nE. e\nFinal Answer:"), "E", NULL, NULL,
         0},
        {FORMULARY, "", 4, NULL, P5("A plain object\nA. x\nB. y\nFinal Answer:"), "B", NULL, NULL,
         0},
        {FORMULARY, "", 5, NULL, P5("A truth value\nA. True\nB. False\nFinal Answer:"), "A", NULL,
         NULL, 0},
        {DRUGS, "", 0, NULL,
         P6("What is in Painex?\nA. paracetamol\nB. ibuprofen\nC. codeine\nD. aspirin\nE. "
            "caffeine"),
         "A", "Correct: (D)", "D", KARMA_PARSE_FALLBACK},
        {DRUGS, UPSTREAM, 0, NULL, NULL, "A", "Correct: (D)", "C", KARMA_PARSE_FALLBACK},
        {DRUGS, "", 1, NULL, P6("Nulls are left out\nA. a\nC. c"), "C", NULL, NULL, 0},
        {DRUGS, "", 2, NULL, P6("Longest\nA. " LONG_OPTION "\nB. b\nC. c\nD. d"), "B", NULL, NULL,
         0},
        {DRUGS, "", 3, NULL, P6("Numbers\nA. 5\nB. 10.5\nC. c\nD. d\nE. e"), "B", NULL, NULL, 0},
        {DRUGS, UPSTREAM, 4, NULL, P6("Small letter\nA. a\nB. b\nC. c\nD. d\nE. e"), "D",
         "Final Answer: (D)", "D", KARMA_PARSE_MARKER},
    };
    CHECK_ALL(cases);
    check_count(FORMULARY, "", 6);
    check_count(DRUGS, "", 5);
}

static void names_the_row_and_the_column_that_are_wrong(void **state) {
    (void)state;
    static const struct {
        const char *set, *args, *rows, *message;
        karma_status status;
    } cases[] = {
        {"openlifescienceai/medqa", "", "{}\n", "line 1: data: missing", KARMA_E_MISSING},
        {"openlifescienceai/medqa", "",
         "{\"data\": {\"Question\": \"q\", \"Options\": {\"A\": \"x\", \"B\": \"y\"}, \"Correct "
         "Option\": \"A\"}}\n\n{\"data\": {\"Question\": {}}}\n",
         "line 3: data: Question: expected a text, found object", KARMA_E_TYPE},
        {"openlifescienceai/medmcqa", "",
         "{\"question\": \"q\", \"opa\": \"x\", \"opb\": \"y\", \"cop\": -1}\n",
         "line 1: answer: no option has that index", KARMA_E_RANGE},
        {"ekacare/mmlu-medical-mcqs-evaluation-dataset", ANATOMY,
         "{\"centerpiece\": \"q\", \"options\": {}}\n", "line 1: options: expected a list",
         KARMA_E_TYPE},
        {"ekacare/Eka_NFI_MCQA", "", "{\"question\": \"q\", \"options\": \"{\"}\n",
         "line 1: options: the text is not JSON", KARMA_E_SYNTAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char args[700];
        karma_dataset *d;
        snprintf(args, sizeof(args), "{\"path\": \"%s\"%s}",
                 write_text("wrong.jsonl", cases[i].rows), cases[i].args);
        assert_status(karma_dataset_open(cases[i].set, args, &d), cases[i].status);
        assert_message_contains("wrong.jsonl: ");
        assert_message_contains(cases[i].message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(asks_the_examinations_questions),
        test_case(asks_the_entrance_examinations_questions),
        test_case(asks_one_of_twelve_subjects),
        test_case(asks_hard_questions_with_ten_options),
        test_case(asks_about_drugs),
        test_case(names_the_row_and_the_column_that_are_wrong),
    };
    return run_group("datasets/medical_mcq", tests);
}
