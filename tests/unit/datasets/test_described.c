/* test_described.c - YAML descriptions: every key, every mistake, and where they are found. */
#include "tests/support/test.h"

#include <sys/stat.h>

#include "datasets/dataset.h"
#include "karma/log.h"

static int end(void **state) { /* test_case()'s, after the kept descriptions are gone */
    described_forget();
    return test_leaks_end(state);
}
#define found_case(fn) cmocka_unit_test_setup_teardown(fn, test_leaks_begin, end)

static void reads_every_key(void **state) {
    (void)state;
    struct arena a = {0};
    struct dataset_spec s;
    assert_ok(described_read(&a, "tests/fixtures/datasets/cardiology.yaml", &s));
    assert_string_equal(s.info.name, "our/cardiology");
    assert_string_equal(s.info.description, "a few questions of our own");
    assert_string_equal(s.info.task_type, "mcqa");
    assert_string_equal(s.info.source, "tests/fixtures/datasets/cardiology.yaml");
    assert_string_equal(s.info.split, "test");
    assert_string_equal(s.info.extraction, "mcqa_upstream");
    assert_string_equal(s.info.metrics[1], "accuracy");
    assert_null(s.info.metrics[2]);
    assert_string_equal(s.info.processors[0], "general_text_processor");
    assert_string_equal(s.system_prompt, "You answer in one letter.");
    assert_string_equal(s.fields.question, "item.stem");
    assert_string_equal(s.fields.options[2], "opt3");
    assert_null(s.fields.options[3]);
    assert_int_equal(s.index_base, 1);
    assert_string_equal(s.files[0].split, "test");
    assert_string_equal(s.files[0].path, "tests/fixtures/datasets/cardiology_test.jsonl");
    assert_string_equal(s.files[1].split, "dev");
    const karma_option_spec *o = s.info.options;
    assert_string_equal(o[0].name, "path");
    assert_false(o[0].required);
    assert_string_equal(o[1].default_json, "\"test\"");
    assert_string_equal(o[9].name, "language");
    assert_int_equal(o[9].type, KARMA_OPTION_STRING);
    assert_string_equal(o[9].default_json, "\"en\"");
    assert_string_equal(o[10].name, "strict");
    assert_int_equal(o[10].type, KARMA_OPTION_BOOL);
    assert_null(o[11].name);
    arena_release(&a);
}

static void fills_in_what_is_left_out(void **state) {
    (void)state;
    struct arena a = {0};
    struct dataset_spec s;
    const char *path = write_text("short.yaml", "name: short\nkind: multiple_choice\n"
                                                "choices: [yes, no]\n");
    assert_ok(described_read(&a, path, &s));
    assert_string_equal(s.info.prompt, dataset_multiple_choice.info.prompt);
    assert_string_equal(s.info.extraction, "mcqa");
    assert_string_equal(s.info.metrics[0], "exact_match");
    assert_true(s.info.options[0].required); /* there is no file */
    assert_null(s.files);
    assert_int_equal(s.choices->count, 2);
    assert_string_equal(s.choices->texts[1], "no");
    arena_release(&a);
}

static void refuses_and_names_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *yaml;
        karma_status status;
        const char *message;
    } cases[] = {
        {"- a list\n", KARMA_E_TYPE, "expected a map of keys, found array"},
        {"kind: multiple_choice\n", KARMA_E_MISSING, "name: absent, but required"},
        {"name: x\n", KARMA_E_MISSING, "kind: absent, but required"},
        {"name: x\nkind: essay\n", KARMA_E_RANGE,
         "kind: expected multiple_choice, question_answer, retrieval, transcription or "
         "visual_question_answer, found 'essay'"},
        {"name: x\nkind: question_answer\npromt: y\n", KARMA_E_UNEXPECTED,
         "key 'promt' is not known; did you mean 'prompt'?"},
        {"name: x\nkind: question_answer\nfields: {anser: y}\n", KARMA_E_UNEXPECTED,
         "fields: key 'anser' is not known; did you mean 'answer'?"},
        {"name: x\nkind: question_answer\nfields: [a]\n", KARMA_E_TYPE,
         "fields: expected a map, found array"},
        {"name: x\nkind: question_answer\nfields: {id: 5}\n", KARMA_E_TYPE,
         "fields: id: wrong type (expected string, found integer)"},
        {"name: ''\nkind: question_answer\n", KARMA_E_RANGE, "name: empty"},
        {"name: \"a\\tb\"\nkind: question_answer\n", KARMA_E_RANGE, "name: control character"},
        {"name: x.csv\nkind: question_answer\n", KARMA_E_RANGE,
         "name: ends like a data file, as which it would be opened"},
        {"name: x\nkind: question_answer\nprompt: '{answer}'\n", KARMA_E_USAGE,
         "prompt: {answer} would show the model the answer"},
        {"name: x\nkind: question_answer\nprompt: '{'\n", KARMA_E_SYNTAX, "prompt: '{' without"},
        {"name: x\nkind: question_answer\nprompt: ''\n", KARMA_E_RANGE, "prompt: empty"},
        {"name: x\nkind: question_answer\nextraction: stripp\n", KARMA_E_RANGE,
         "extraction: no rule 'stripp'; did you mean 'strip'?"},
        {"name: x\nkind: question_answer\nextraction: mcqa\n", KARMA_E_RANGE,
         "extraction: mcqa is for multiple choice"},
        {"name: x\nkind: question_answer\nchoices: [a, b]\n", KARMA_E_UNEXPECTED,
         "choices: only for kind multiple_choice"},
        {"name: x\nkind: multiple_choice\nfields: {options: [a, b]}\nchoices: [c, d]\n",
         KARMA_E_UNEXPECTED, "choices: fields has options already"},
        {"name: x\nkind: multiple_choice\nchoices: [a]\n", KARMA_E_RANGE,
         "choices: options: expected at least 2, found 1"},
        {"name: x\nkind: multiple_choice\nmetrics: []\n", KARMA_E_RANGE, "metrics: an empty list"},
        {"name: x\nkind: multiple_choice\nmetrics: [1]\n", KARMA_E_TYPE,
         "metrics: expected a string or a list of strings"},
        {"name: x\nkind: multiple_choice\nanswer_base: 2\n", KARMA_E_RANGE,
         "answer_base: out of range (expected 0 to 1, found 2)"},
        {"name: x\nkind: multiple_choice\npath: 5\n", KARMA_E_TYPE,
         "path: expected a string or a map of split and path"},
        {"name: x\nkind: multiple_choice\npath: {}\n", KARMA_E_RANGE, "path: an empty map"},
        {"name: x\nkind: multiple_choice\noptions: {split: x}\n", KARMA_E_DUPLICATE,
         "options: every data set has a 'split'"},
        {"name: x\nkind: multiple_choice\noptions: {n: {type: number}}\n", KARMA_E_RANGE,
         "options: n: type: expected int, real, bool or string, found 'number'"},
        {"name: x\nkind: multiple_choice\noptions: {n: {min: a}}\n", KARMA_E_TYPE,
         "options: n: min: wrong type (expected number, found string)"},
        {"name: x\nname: y\n", KARMA_E_DUPLICATE, "line 2, column 1: key given twice"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena a = {0};
        struct dataset_spec s;
        const char *path = write_text("wrong.yaml", cases[i].yaml);
        assert_status(described_read(&a, path, &s), cases[i].status);
        assert_message_contains(path);
        assert_message_contains(cases[i].message);
        arena_release(&a);
    }
}

static int warnings;
static char last_warning[1100];

static void count_warning(void *user, karma_log_level level, const char *line) {
    (void)user;
    (void)level;
    warnings++;
    snprintf(last_warning, sizeof(last_warning), "%s", line);
}

static void finds_descriptions_in_folders(void **state) {
    (void)state;
    const char *one = "name: mine/one\nkind: question_answer\n";
    write_text("first/datasets/b.yaml", one);
    write_text("first/datasets/a.yml", "name: mine/two\nkind: question_answer\n");
    write_text("first/datasets/broken.yaml", "name: [\n");
    write_text("first/datasets/notes.txt", "no description");
    write_text("config/datasets/c.yaml", "name: mine/one\nkind: multiple_choice\n");
    char list[600];
    snprintf(list, sizeof(list), "%s/absent:%s/first:", test_dir(), test_dir());
    setenv("KARMA_PATH", list, 1);
    setenv("KARMA_CONFIG_HOME", test_path("config"), 1);
    described_forget();
    warnings = 0;
    karma_set_log(count_warning, NULL);
    const struct dataset_spec *s;
    assert_ok(described_find("mine/one", &s));
    assert_non_null(s);
    assert_int_equal(s->kind, DATASET_MULTIPLE_CHOICE); /* the later one */
    assert_int_equal(warnings, 2);                      /* the broken one, the hidden one */
    assert_non_null(strstr(last_warning, "mine/one"));
    assert_ok(described_at(0, &s));
    assert_string_equal(s->info.name, "mine/two");
    assert_ok(described_at(1, &s));
    assert_string_equal(s->info.name, "mine/one");
    assert_ok(described_at(2, &s));
    assert_null(s);
    assert_ok(described_find("mine/three", &s));
    assert_null(s);
    karma_set_log(NULL, NULL);
    unsetenv("KARMA_PATH");
    unsetenv("KARMA_CONFIG_HOME");
}

static void reads_a_changed_file_again(void **state) {
    (void)state;
    const struct dataset_spec *first, *again, *changed;
    const char *path = write_text("one.yaml", "name: a\nkind: question_answer\n");
    assert_ok(described_open(path, &first));
    assert_ok(described_open(path, &again));
    assert_ptr_equal(first, again);
    write_text("one.yaml", "name: b\nkind: question_answer\n");
    assert_ok(described_open(path, &changed));
    assert_string_equal(changed->info.name, "b");
    assert_string_equal(first->info.name, "a"); /* what was lent stays */
}

static karma_status search(void *ctx) {
    const struct dataset_spec *s;
    (void)ctx;
    karma_status st = described_find("mine/one", &s);
    if (st == KARMA_OK) st = described_open("tests/fixtures/datasets/cardiology.yaml", &s);
    described_forget();
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    write_text("few/datasets/b.yaml", "name: mine/one\nkind: question_answer\n");
    setenv("KARMA_PATH", test_path("few"), 1);
    setenv("KARMA_CONFIG_HOME", test_path("nowhere"), 1);
    described_forget();
    assert_true(for_each_failing_allocation(search, NULL) > 10);
    unsetenv("KARMA_PATH");
    unsetenv("KARMA_CONFIG_HOME");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(reads_every_key),
        test_case(fills_in_what_is_left_out),
        test_case(refuses_and_names_what_is_wrong),
        found_case(finds_descriptions_in_folders),
        found_case(reads_a_changed_file_again),
        found_case(survives_every_failing_allocation),
    };
    return run_group("datasets/described", tests);
}
