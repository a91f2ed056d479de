/* test_pubmedqa.c - both files of PubMedQA, and the prompt that KARMA 0.2.0 makes of them. */
#include "tests/support/test.h"

#include "karma/dataset.h"

#define START                                                                                      \
    "Instructions: The following are multiple choice questions about medical knowledge. Solve "    \
    "them in a\nstep-by-step fashion, starting by summarizing the available information. Output "  \
    "a single option from the\nfour options as the final answer. Answer the following question "   \
    "given the context (reply with one of the\noptions): Context: Forty people rested.\nThey "     \
    "felt well. Question: "
#define STOP                                                                                       \
    " Response (think step by step and\nthen end with \"Final Answer:\" followed by *only* the "   \
    "letter corresponding to the correct answer enclosed\nin parentheses)"
#define BLOCK "Does rest help a cold?\nA. yes\nB. no\nC. maybe"

static karma_dataset *open_file(const char *file, const char *more) {
    char args[200];
    karma_dataset *d;
    snprintf(args, sizeof(args), "{\"path\": \"tests/fixtures/datasets/%s\"%s}", file, more);
    assert_ok(karma_dataset_open("openlifescienceai/pubmedqa", args, &d));
    return d;
}

static void check(karma_dataset *d, size_t i, const char *key, const char *input,
                  const char *reference) {
    const karma_sample *s;
    assert_ok(karma_dataset_get(d, i, &s));
    assert_string_equal(s->key, key);
    if (input) assert_string_equal(s->input, input);
    assert_string_equal(s->expected_output, reference);
}

static void reads_the_authors_file_by_pmid(void **state) {
    (void)state;
    karma_dataset *d = open_file("pubmedqa_authors.json", "");
    assert_int_equal(karma_dataset_count(d), 2);
    check(d, 0, "111", START BLOCK STOP, "A");
    check(d, 1, "222", NULL, "C");
    const karma_sample *s;
    assert_ok(karma_dataset_get(d, 1, &s)); /* braces and marks of the data stay as they are */
    assert_non_null(
        strstr(s->input, "Context: Some are, {context}. Question: Is a {rash} <QUESTION>"));
    karma_dataset_close(d);
}

static void reads_the_repackaged_rows_alike(void **state) {
    (void)state;
    karma_dataset *d = open_file("pubmedqa_repackaged.jsonl", "");
    check(d, 0, "r-1", START BLOCK STOP, "A");
    check(d, 1, "r-2", NULL, "B");
    karma_dataset_close(d);
}

static void sends_the_abstract_twice_when_asked(void **state) {
    (void)state;
    karma_dataset *d = open_file("pubmedqa_authors.json", ", \"double_context\": true");
    check(d, 0, "111",
          START "Context: Forty people rested.\nThey felt well.\n\nQuestion: " BLOCK STOP, "A");
    karma_dataset_close(d);
}

static void reads_letters_and_words(void **state) {
    (void)state;
    karma_dataset *d = open_file("pubmedqa_authors.json", "");
    const char *prediction;
    karma_parse how;
    assert_ok(karma_dataset_extract(d, 0, "So it does. Final Answer: (A)", &prediction, &how));
    assert_string_equal(prediction, "A");
    assert_ok(karma_dataset_extract(d, 0, "Final Answer: maybe", &prediction, &how));
    assert_string_equal(prediction, "C");
    assert_ok(karma_dataset_extract(d, 0, "Final Answer: (D)", &prediction, &how));
    assert_int_equal(how, KARMA_PARSE_NONE);
    karma_dataset_close(d);
    d = open_file("pubmedqa_authors.json", ", \"extraction\": \"mcqa_upstream\"");
    assert_ok(karma_dataset_extract(d, 0, "Final Answer: maybe", &prediction, &how));
    assert_int_equal(how, KARMA_PARSE_NONE);
    karma_dataset_close(d);
}

static void names_the_row_that_is_neither_form(void **state) {
    (void)state;
    char args[700];
    karma_dataset *d;
    snprintf(args, sizeof(args), "{\"path\": \"%s\"}",
             write_text("other.jsonl", "{\"question\": \"q\", \"answer\": \"yes\"}\n"));
    assert_status(karma_dataset_open("openlifescienceai/pubmedqa", args, &d), KARMA_E_TYPE);
    assert_message_contains("other.jsonl: line 1: data: expected an object, found absent");
    snprintf(args, sizeof(args), "{\"path\": \"%s\"}",
             write_text("unknown.json", "{\"1\": {\"QUESTION\": \"q\", \"CONTEXTS\": [\"c\"],\n"
                                        "\"final_decision\": \"perhaps\"}}"));
    assert_status(karma_dataset_open("openlifescienceai/pubmedqa", args, &d), KARMA_E_RANGE);
    assert_message_contains("unknown.json: line 1: answer: neither");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_authors_file_by_pmid),
        cmocka_unit_test(reads_the_repackaged_rows_alike),
        cmocka_unit_test(sends_the_abstract_twice_when_asked),
        cmocka_unit_test(reads_letters_and_words),
        cmocka_unit_test(names_the_row_that_is_neither_form),
    };
    return run_group("datasets/pubmedqa", tests);
}
