/* test_datasets.c - data sets as callers see them: names, arguments, splits, keys, extraction. */
#include "tests/support/test.h"

#include <unistd.h>

#include "datasets/dataset.h"
#include "karma/log.h"

static int begin(void **state) {
    setenv("KARMA_CONFIG_HOME", test_path("nowhere"), 1);
    unsetenv("KARMA_PATH");
    described_forget();
    return test_leaks_begin(state);
}

static int end(void **state) {
    described_forget();
    return test_leaks_end(state);
}
#define dataset_case(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

static const char four[] =
    "{\"id\": \"x\", \"question\": \"q1\", \"options\": [\"a\", \"b\"], \"answer\": 0}\n"
    "{\"question\": \"q2\", \"options\": [\"a\", \"b\"], \"answer\": \"b\"}\n"
    "\n"
    "{\"question\": \"q2\", \"options\": [\"a\", \"b\"], \"answer\": \"b\"}\n"
    "{\"id\": 4, \"question\": \"q4\", \"options\": [\"a\", \"b\"], \"answer\": \"A\"}\n";

static const karma_sample *sample(karma_dataset *d, size_t i) {
    const karma_sample *s;
    assert_ok(karma_dataset_get(d, i, &s));
    return s;
}

static void opens_a_data_file_by_its_path(void **state) {
    (void)state;
    karma_dataset *d;
    const char *path = write_text("four.jsonl", four);
    assert_ok(karma_dataset_open(path, NULL, &d));
    assert_int_equal(karma_dataset_count(d), 4);
    assert_string_equal(karma_dataset_get_info(d)->name, path);
    assert_string_equal(karma_dataset_get_info(d)->extraction, "mcqa");
    assert_string_equal(karma_dataset_get_info(d)->task_type, "mcqa");
    assert_string_equal(sample(d, 0)->key, "x");
    assert_string_equal(sample(d, 0)->expected_output, "A");
    assert_int_equal(sample(d, 0)->struct_size, sizeof(karma_sample));
    assert_memory_equal(sample(d, 0)->input, "Question: q1\nA. a\nB. b\n", 23);
    assert_null(sample(d, 0)->system_prompt);
    assert_string_equal(sample(d, 3)->key, "4");
    const karma_sample *s;
    assert_status(karma_dataset_get(d, 4, &s), KARMA_E_RANGE);
    assert_null(s);
    karma_dataset_close(d);

    path = write_text("open.jsonl", "{\"question\": \"q\", \"answer\": \"a\"}\n");
    assert_ok(karma_dataset_open(path, NULL, &d));
    assert_string_equal(karma_dataset_get_info(d)->task_type, "open_ended_qa");
    assert_string_equal(sample(d, 0)->input, "q");
    karma_dataset_close(d);
    karma_dataset_close(NULL);
}

static void gives_equal_rows_different_keys(void **state) {
    (void)state;
    karma_dataset *d, *again;
    const char *path = write_text("four.jsonl", four);
    assert_ok(karma_dataset_open(path, NULL, &d));
    char second[64], third[64];
    snprintf(second, sizeof(second), "%s", sample(d, 1)->key);
    snprintf(third, sizeof(third), "%s", sample(d, 2)->key);
    assert_memory_equal(second, "row2-", 5);
    assert_memory_equal(third, "row3-", 5);
    assert_string_equal(second + 5, third + 5); /* the same content */
    assert_ok(karma_dataset_open(path, NULL, &again));
    assert_string_equal(sample(again, 1)->key, second);
    karma_dataset_close(again);
    karma_dataset_close(d);
}

static void refuses_an_id_given_twice_and_names_both_lines(void **state) {
    (void)state;
    karma_dataset *d;
    const char *path =
        write_text("twice.jsonl", "{\"id\": 1, \"question\": \"q\", \"answer\": \"a\"}\n\n"
                                  "{\"id\": \"1\", \"question\": \"q\", \"answer\": \"a\"}\n");
    assert_status(karma_dataset_open(path, NULL, &d), KARMA_E_DUPLICATE);
    assert_null(d);
    assert_message_contains("twice.jsonl: line 3: id: the same as in line 1");
}

static void names_file_and_line_of_a_broken_row(void **state) {
    (void)state;
    static const struct {
        const char *name, *text, *message;
        karma_status status;
    } cases[] = {
        {"b.jsonl", "{\"question\": \"q\", \"answer\": \"a\"}\n{\"question\": \"q\"}\n",
         "b.jsonl: line 2: answer: missing", KARMA_E_MISSING},
        {"b.jsonl", "{\"question\": \"q\", \"answer\": \"a\"}\n{]\n",
         "b.jsonl: line 2, column 2: expected a key in quotes, found ']'", KARMA_E_SYNTAX},
        {"b.csv", "question,A,B,answer\nq,x,y,A\n\"q\n2\",x,y,C\n",
         "b.csv: line 3: answer: neither a label nor the text of one of the options",
         KARMA_E_RANGE},
        {"b.json", "[{\"question\": \"q\", \"answer\": \"a\"},\n\n{\"answer\": \"a\"}]",
         "b.json: line 3: question: missing", KARMA_E_MISSING},
        {"b.jsonl",
         "{\"question\": \"q\", \"answer\": \"a\"}\n"
         "{\"question\": \"q\", \"options\": [\"a\", \"b\"], \"answer\": \"a\"}\n",
         "b.jsonl: line 2: options: the first row had none", KARMA_E_UNEXPECTED},
        {"b.jsonl", "\n\n", "b.jsonl: no rows", KARMA_E_MISSING},
        {"b.csv", "question,answer\n", "b.csv: no rows", KARMA_E_MISSING},
        {"b.json", "[]", "b.json: no rows", KARMA_E_MISSING},
        {"b.jsonl", "", "b.jsonl: no rows", KARMA_E_MISSING},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        karma_dataset *d;
        assert_status(karma_dataset_open(write_text(cases[i].name, cases[i].text), NULL, &d),
                      cases[i].status);
        assert_null(d);
        assert_message_contains(cases[i].message);
    }
}

static void takes_the_rows_of_a_split(void **state) {
    (void)state;
    karma_dataset *d;
    assert_ok(karma_dataset_open("tests/fixtures/datasets/choices.csv", NULL, &d));
    assert_int_equal(karma_dataset_count(d), 3);
    assert_memory_equal(sample(d, 0)->input, "Question: Which vitamin is \"C\"?\nA. Retinol\n", 43);
    assert_string_equal(sample(d, 1)->expected_output, "D");
    assert_non_null(strstr(sample(d, 1)->input, "B. Spleen\nD. Heart\n"));
    karma_dataset_close(d);
    assert_ok(
        karma_dataset_open("tests/fixtures/datasets/choices.csv", "{\"split\": \"test\"}", &d));
    assert_int_equal(karma_dataset_count(d), 2);
    assert_string_equal(sample(d, 1)->key, "3");
    karma_dataset_close(d);
    assert_status(
        karma_dataset_open("tests/fixtures/datasets/choices.csv", "{\"split\": \"dev\"}", &d),
        KARMA_E_MISSING);
    assert_message_contains("no rows of split 'dev'");
    assert_status(
        karma_dataset_open("tests/fixtures/datasets/open.tsv", "{\"split\": \"dev\"}", &d),
        KARMA_E_MISSING);
    assert_message_contains("split: the rows do not say theirs");
}

static void finds_the_file_of_a_split_in_a_folder(void **state) {
    (void)state;
    karma_dataset *d;
    char args[700];
    write_text("splits/dev.csv", "question,answer\nq,a\n");
    write_text("splits/test.jsonl", "{\"question\": \"q2\", \"answer\": \"a\"}\n");
    snprintf(args, sizeof(args), "{\"path\": \"%s\", \"split\": \"test\"}", test_path("splits"));
    assert_ok(karma_dataset_open("question_answer", args, &d));
    assert_string_equal(sample(d, 0)->input, "q2");
    karma_dataset_close(d);
    snprintf(args, sizeof(args), "{\"path\": \"%s\"}", test_path("splits"));
    assert_status(karma_dataset_open("question_answer", args, &d), KARMA_E_USAGE);
    assert_message_contains("a folder, so the argument split must be given");
    snprintf(args, sizeof(args), "{\"path\": \"%s\", \"split\": \"train\"}", test_path("splits"));
    assert_status(karma_dataset_open("question_answer", args, &d), KARMA_E_MISSING);
    snprintf(args, sizeof(args), "{\"path\": \"%s\", \"split\": \"../x\"}", test_path("splits"));
    assert_status(karma_dataset_open("question_answer", args, &d), KARMA_E_PATH);
}

static void opens_a_description(void **state) {
    (void)state;
    karma_dataset *d;
    const karma_dataset_info *info;
    const char *yaml = "tests/fixtures/datasets/cardiology.yaml";
    assert_ok(karma_get_dataset_info(yaml, &info));
    assert_string_equal(info->name, "our/cardiology");
    assert_ok(karma_dataset_open(yaml, "{\"language\": \"hi\", \"strict\": \"false\"}", &d));
    assert_int_equal(karma_dataset_count(d), 2);
    assert_string_equal(karma_dataset_args(d), "{\"split\": \"test\", \"extraction\": null, "
                                               "\"protocol\": \"karma\", \"group_by\": null, "
                                               "\"slices\": null, \"few_shot\": 0, "
                                               "\"few_shot_path\": null, \"few_shot_seed\": 42, "
                                               "\"language\": \"hi\", \"strict\": false}");
    assert_string_equal(sample(d, 0)->key, "7");
    assert_string_equal(sample(d, 0)->expected_output, "B");
    assert_string_equal(sample(d, 0)->system_prompt, "You answer in one letter.");
    assert_string_equal(sample(d, 0)->input,
                        "(hi, book) Which valve has two leaflets?\nA. tricuspid\nB. mitral\nC. "
                        "aortic\nOne of A, B, C; {braces} stay.\n");
    karma_dataset_close(d);
    assert_ok(karma_dataset_open(yaml, "{\"split\": \"dev\", \"extraction\": \"mcqa\"}", &d));
    assert_int_equal(karma_dataset_count(d), 1);
    assert_string_equal(karma_dataset_get_info(d)->split, "dev");
    assert_string_equal(karma_dataset_get_info(d)->extraction, "mcqa");
    karma_dataset_close(d);
    assert_status(karma_dataset_open(yaml, "{\"split\": \"train\"}", &d), KARMA_E_RANGE);
    assert_message_contains("no 'train'");
}

static void refuses_wrong_names_and_arguments(void **state) {
    (void)state;
    karma_dataset *d;
    const karma_dataset_info *info;
    const char *path = write_text("four.jsonl", four);
    assert_status(karma_dataset_open("multipel_choice", NULL, &d), KARMA_E_NOTFOUND);
    assert_message_contains("did you mean 'multiple_choice'?");
    assert_status(karma_get_dataset_info("zzzzzzz", &info), KARMA_E_NOTFOUND);
    assert_null(info);
    assert_status(karma_dataset_open("multiple_choice", NULL, &d), KARMA_E_USAGE);
    assert_message_contains("path is required");
    assert_status(karma_dataset_open(path, "{\"path\": \"x\"}", &d), KARMA_E_USAGE);
    assert_status(karma_dataset_open(path, "{\"pth\": \"x\"}", &d), KARMA_E_USAGE);
    assert_message_contains("did you mean 'path'?");
    assert_status(karma_dataset_open(path, "{\"extraction\": \"guess\"}", &d), KARMA_E_RANGE);
    assert_status(karma_dataset_open(path, "[1]", &d), KARMA_E_USAGE);
    assert_status(karma_dataset_open(path, "{", &d), KARMA_E_SYNTAX);
    assert_message_contains("data set arguments");
    assert_status(
        karma_dataset_open("tests/fixtures/datasets/open.tsv", "{\"extraction\": \"mcqa\"}", &d),
        KARMA_E_USAGE);
    assert_status(karma_dataset_open("none.yaml", NULL, &d), KARMA_E_MISSING);
    assert_status(karma_dataset_open("none.jsonl", NULL, &d), KARMA_E_MISSING);
}

static void lists_built_in_and_found_names(void **state) {
    (void)state;
    char **names;
    size_t count;
    write_text("listed/datasets/x.yaml", "name: mine/x\nkind: question_answer\n");
    setenv("KARMA_PATH", test_path("listed"), 1);
    described_forget();
    assert_ok(karma_list_datasets(&names, &count));
    assert_int_equal(count, 46);
    assert_string_equal(names[0], "openlifescienceai/medqa");
    assert_string_equal(names[39], "ekacare/Eka-IndicMTEB");
    assert_string_equal(names[40], "multiple_choice");
    assert_string_equal(names[41], "question_answer");
    assert_string_equal(names[42], "retrieval");
    assert_string_equal(names[43], "transcription");
    assert_string_equal(names[44], "visual_question_answer");
    assert_string_equal(names[45], "mine/x");
    assert_null(names[46]);
    for (size_t i = 0; i < count; i++) {
        const karma_dataset_info *info;
        assert_ok(karma_get_dataset_info(names[i], &info));
        assert_string_equal(info->name, names[i]);
        assert_non_null(info->description);
        assert_non_null(info->task_type);
        assert_non_null(info->metrics[0]);
        assert_non_null(info->processors);
        assert_non_null(info->options[0].name);
    }
    mem_free(names);
    unsetenv("KARMA_PATH");
}

static void reads_predictions_beside_a_lent_sample(void **state) {
    (void)state;
    karma_dataset *d;
    const char *prediction;
    karma_parse how;
    assert_ok(karma_dataset_open(write_text("four.jsonl", four), NULL, &d));
    const karma_sample *s = sample(d, 3);
    assert_ok(karma_dataset_extract(d, 0, "Final Answer: (B)", &prediction, &how));
    assert_string_equal(prediction, "B");
    assert_int_equal(how, KARMA_PARSE_MARKER);
    assert_string_equal(s->key, "4"); /* the sample of another row stays */
    assert_ok(karma_dataset_extract(d, 3, "It is \\boxed{a}", &prediction, &how));
    assert_string_equal(prediction, "A");
    assert_int_equal(how, KARMA_PARSE_FALLBACK);
    assert_ok(karma_dataset_extract(d, 0, NULL, &prediction, &how));
    assert_string_equal(prediction, "");
    assert_int_equal(how, KARMA_PARSE_NONE);
    assert_status(karma_dataset_extract(d, 9, "A", &prediction, &how), KARMA_E_RANGE);
    assert_string_equal(karma_parse_name(KARMA_PARSE_MARKER), "marker");
    assert_string_equal(karma_parse_name(KARMA_PARSE_FALLBACK), "fallback");
    assert_string_equal(karma_parse_name(KARMA_PARSE_NONE), "none");
    karma_dataset_close(d);
}

static void digest(const char *path, const char *args, char out[65]) {
    karma_dataset *d;
    assert_ok(karma_dataset_open(path, args, &d));
    snprintf(out, 65, "%s", karma_dataset_digest(d));
    karma_dataset_close(d);
}

static void digests_what_the_samples_come_from(void **state) {
    (void)state;
    char one[65], moved[65], other_rule[65], other_bytes[65];
    digest(write_text("four.jsonl", four), NULL, one);
    digest(write_text("moved.jsonl", four), NULL, moved);
    digest(test_path("moved.jsonl"), "{\"extraction\": \"mcqa_upstream\"}", other_rule);
    char changed[sizeof(four)];
    memcpy(changed, four, sizeof(four));
    strchr(changed, 'q')[0] = 'Q';
    changed[strlen(changed) - 1] = ' ';
    memcpy(changed, four, 40);
    digest(write_text("changed.jsonl", changed), NULL, other_bytes);
    assert_int_equal(strlen(one), 64);
    assert_string_equal(one, moved);
    assert_string_not_equal(one, other_rule);
    assert_string_not_equal(one, other_bytes);
}

static void notices_a_file_that_changes(void **state) {
    (void)state;
    karma_dataset *d;
    const karma_sample *s;
    const char *path = write_text("change.jsonl", four);
    assert_ok(karma_dataset_open(path, NULL, &d));
    FILE *f = fopen(path, "r+b"); /* the same file, as an editor that writes in place */
    assert_non_null(f);
    char *at = strstr(four, "q4");
    assert_int_equal(fseek(f, at - four, SEEK_SET), 0);
    assert_int_equal(fwrite("Q4", 1, 2, f), 2);
    fclose(f);
    assert_ok(karma_dataset_get(d, 0, &s));
    assert_status(karma_dataset_get(d, 3, &s), KARMA_E_DIGEST);
    assert_message_contains("line 5: changed while in use");
    assert_null(s);
    karma_dataset_close(d);
}

static int warnings;
static char last_warning[1100];

static void count_warning(void *user, karma_log_level level, const char *line) {
    (void)user;
    (void)level;
    warnings++;
    snprintf(last_warning, sizeof(last_warning), "%s", line);
}

static void warns_once_of_keys_given_twice(void **state) {
    (void)state;
    karma_dataset *d;
    const char *path =
        write_text("keys.jsonl", "{\"question\": \"q\", \"answer\": \"a\"}\n"
                                 "{\"question\": \"q\", \"question\": \"r\", \"answer\": \"a\"}\n"
                                 "{\"question\": \"q\", \"answer\": \"a\", \"answer\": \"b\"}\n");
    warnings = 0;
    karma_set_log(count_warning, NULL);
    assert_ok(karma_dataset_open(path, NULL, &d));
    karma_set_log(NULL, NULL);
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(last_warning, "keys.jsonl: line 2: key given twice"));
    assert_non_null(strstr(last_warning, "2 such rows"));
    assert_string_equal(sample(d, 1)->input, "r");
    assert_string_equal(sample(d, 2)->expected_output, "b");
    karma_dataset_close(d);
}

static karma_status use_some(void *ctx) {
    karma_dataset *d;
    const karma_sample *s;
    const char *prediction;
    karma_parse how;
    karma_status st = karma_dataset_open(ctx, "{\"extraction\": \"mcqa\"}", &d);
    if (st == KARMA_OK) st = karma_dataset_get(d, 1, &s);
    if (st == KARMA_OK) st = karma_dataset_extract(d, 0, "Final Answer: (B)", &prediction, &how);
    karma_dataset_close(d);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    const karma_dataset_info *info;
    assert_ok(karma_get_dataset_info("multiple_choice", &info)); /* the search comes once */
    char path[600];
    snprintf(path, sizeof(path), "%s", write_text("four.jsonl", four));
    assert_true(for_each_failing_allocation(use_some, path) > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        dataset_case(opens_a_data_file_by_its_path),
        dataset_case(gives_equal_rows_different_keys),
        dataset_case(refuses_an_id_given_twice_and_names_both_lines),
        dataset_case(names_file_and_line_of_a_broken_row),
        dataset_case(takes_the_rows_of_a_split),
        dataset_case(finds_the_file_of_a_split_in_a_folder),
        dataset_case(opens_a_description),
        dataset_case(refuses_wrong_names_and_arguments),
        dataset_case(lists_built_in_and_found_names),
        dataset_case(reads_predictions_beside_a_lent_sample),
        dataset_case(digests_what_the_samples_come_from),
        dataset_case(notices_a_file_that_changes),
        dataset_case(warns_once_of_keys_given_twice),
        dataset_case(survives_every_failing_allocation),
    };
    return run_group("datasets/datasets", tests);
}
