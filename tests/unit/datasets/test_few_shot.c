/*
 * test_few_shot.c - examples before the questions, and the groups and slices of samples: chosen
 * once, never the question itself; what the user names must be there.
 */
#include "tests/support/test.h"

#include "karma/dataset.h"

static const char questions[] =
    "{\"id\": 1, \"question\": \"q1\", \"options\": [\"a\", \"b\"], \"answer\": \"A\", \"v\": 7}\n"
    "{\"id\": 2, \"question\": \"q2\", \"options\": [\"a\", \"b\"], \"answer\": \"B\", \"v\": 7, "
    "\"site\": \"north\"}\n"
    "{\"id\": 3, \"question\": \"q3\", \"options\": [\"a\", \"b\"], \"answer\": \"A\", \"v\": 8, "
    "\"site\": \"\"}\n";

static karma_dataset *open_with(const char *path, const char *args) {
    karma_dataset *d;
    assert_ok(karma_dataset_open(path, args, &d));
    return d;
}

static const char *input(karma_dataset *d, size_t i) {
    const karma_sample *s;
    assert_ok(karma_dataset_get(d, i, &s));
    return s->input;
}

#define LEAD  "Here are questions with their answers.\n\n"
#define CLOSE "\n\nNow answer the following.\n\n"
#define ASK(q)                                                                                     \
    "Question: " q "\nA. a\nB. b\n\nChoose the one correct option. You may think first; end with " \
    "\"Final Answer:\" and its letter in parentheses."

static void shows_the_same_examples_before_all_questions(void **state) {
    (void)state;
    char args[900];
    const char *path = write_text("test.jsonl", questions);
    snprintf(
        args, sizeof(args), "{\"few_shot\": 1, \"few_shot_path\": \"%s\"}",
        write_text("few/examples.jsonl",
                   "{\"question\": \"e1\", \"options\": [\"x\", \"y\"], \"answer\": \"B\"}\n"));
    karma_dataset *d = open_with(path, args);
    static const char *const asked[] = {ASK("q1"), ASK("q2"), ASK("q3")};
    for (size_t i = 0; i < 3; i++) {
        char expected[1000];
        snprintf(expected, sizeof(expected), "%sExample 1:\ne1\nA. x\nB. y\nFinal Answer: (B)%s%s",
                 LEAD, CLOSE, asked[i]);
        assert_string_equal(input(d, i), expected);
    }
    karma_dataset_close(d);
}

static void never_shows_a_question_as_its_own_example(void **state) {
    (void)state;
    const char *path = write_text("own.jsonl", questions);
    for (int n = 1; n <= 3; n++) {
        char args[100];
        snprintf(args, sizeof(args), "{\"few_shot\": %d, \"few_shot_seed\": 5}", n);
        karma_dataset *d = open_with(path, args);
        for (size_t i = 0; i < 3; i++) {
            char own[20];
            int examples = 0;
            snprintf(own, sizeof(own), "\nq%zu\n", i + 1);
            const char *text = input(d, i), *ask = strstr(text, CLOSE);
            assert_non_null(ask);
            const char *found = strstr(text, own);
            assert_true(!found || found > ask);
            for (const char *p = text; (p = strstr(p, "Example ")); p++)
                examples++;
            assert_int_equal(examples, n < 3 ? n : 2); /* of three, two are others */
        }
        karma_dataset_close(d);
    }
}

static void takes_examples_of_another_split(void **state) {
    (void)state;
    karma_dataset *d;
    static const char text[] = "{\"question\": \"q\", \"answer\": \"a\", \"split\": \"train\"}\n"
                               "{\"question\": \"q\", \"answer\": \"a\", \"split\": \"test\"}\n"
                               "{\"question\": \"q\", \"answer\": \"a\", \"split\": \"test\"}\n";
    const char *path = write_text("splits.jsonl", text);
    d = open_with(path, "{\"split\": \"test\", \"few_shot\": 1, \"few_shot_path\": \"train\"}");
    assert_int_equal(karma_dataset_count(d), 2);
    assert_string_equal(input(d, 0), "q"); /* the only example asks the same */
    karma_dataset_close(d);
    assert_status(
        karma_dataset_open(
            path, "{\"split\": \"test\", \"few_shot\": 2, \"few_shot_path\": \"train\"}", &d),
        KARMA_E_RANGE);
    assert_message_contains("splits.jsonl: 1 rows of split 'train' that could be examples, 2 are");
    write_text("folder/test.jsonl", "{\"question\": \"q\", \"answer\": \"a\"}\n");
    write_text("folder/dev.jsonl", "{\"question\": \"e\", \"answer\": \"b\"}\n");
    char args[400];
    snprintf(args, sizeof(args), "{\"path\": \"%s\", \"split\": \"test\", \"few_shot\": 1}",
             test_path("folder"));
    assert_ok(karma_dataset_open("question_answer", args, &d));
    assert_string_equal(input(d, 0), LEAD "Example 1:\nQuestion: e\nAnswer: b" CLOSE "q");
    karma_dataset_close(d);
    write_text("folder/dev.jsonl", "{\"question\": \"e\"}\n");
    assert_status(karma_dataset_open("question_answer", args, &d), KARMA_E_MISSING);
    assert_message_contains("dev.jsonl: line 1: answer: missing");
}

static void examples_are_part_of_the_digest_and_slices_are_not(void **state) {
    (void)state;
    const char *path = write_text("digest.jsonl", questions);
    static const char *const args[] = {"{}", "{\"few_shot\": 1}",
                                       "{\"few_shot\": 1, \"few_shot_seed\": 3}"};
    char digests[3][65];
    for (size_t i = 0; i < 3; i++) {
        karma_dataset *d = open_with(path, args[i]);
        snprintf(digests[i], 65, "%s", karma_dataset_digest(d));
        karma_dataset_close(d);
    }
    assert_string_not_equal(digests[0], digests[1]);
    assert_string_not_equal(digests[1], digests[2]);
    karma_dataset *d = open_with(path, "{\"slices\": \"site\", \"group_by\": \"v\"}");
    assert_string_equal(karma_dataset_digest(d), digests[0]);
    karma_dataset_close(d);
}

static void tells_groups_and_slices_by_columns(void **state) {
    (void)state;
    const char *path = write_text("slices.jsonl", questions),
               *group, *const * fields, *const * values;
    size_t n;
    karma_dataset *d = open_with(path, "{\"slices\": \"site+v\", \"group_by\": \"v\"}");
    assert_ok(karma_dataset_group(d, 1, &group));
    assert_string_equal(group, "7");
    assert_ok(karma_dataset_slices(d, 1, &fields, &values, &n));
    assert_int_equal(n, 2);
    assert_string_equal(fields[0], "site");
    assert_string_equal(values[0], "north");
    assert_string_equal(values[1], "7");
    assert_ok(karma_dataset_slices(d, 2, &fields, &values, &n));
    assert_null(values[0]);
    assert_status(karma_dataset_slices(d, 3, &fields, &values, &n), KARMA_E_RANGE);
    karma_dataset_close(d);
    d = open_with(path, "{}");
    assert_ok(karma_dataset_group(d, 0, &group));
    assert_null(group);
    assert_ok(karma_dataset_slices(d, 0, &fields, &values, &n));
    assert_int_equal(n, 0);
    karma_dataset_close(d);
    static const struct {
        const char *args, *message;
        karma_status status;
    } wrong[] = {
        {"{\"slices\": \"place\"}", "slices: no row has anything in 'place'", KARMA_E_MISSING},
        {"{\"group_by\": \"w\"}", "group_by: no row has anything in 'w'", KARMA_E_MISSING},
        {"{\"slices\": \"v++site\"}", "slices: a name is empty", KARMA_E_USAGE},
        {"{\"slices\": \"v+v\"}", "slices: 'v' twice", KARMA_E_USAGE},
        {"{\"slices\": \"options\"}", "line 1: options: ", KARMA_E_TYPE},
        {"{\"few_shot\": 101}", "few_shot", KARMA_E_RANGE},
    };
    static const char odd[] = "{\"question\": \"q\", \"options\": {\"A\": \"a\", \"B\": \"b\"}, "
                              "\"answer\": \"A\", \"v\": 1, \"site\": 2}\n";
    path = write_text("odd.jsonl", odd);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_status(karma_dataset_open(path, wrong[i].args, &d), wrong[i].status);
        assert_message_contains(wrong[i].message);
    }
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    const char *path = write_text("memory.jsonl", questions);
    for (uint64_t n = 1;; n++) {
        karma_dataset *d;
        const size_t before = mem_live_blocks();
        mem_fail_at(n);
        karma_status st = karma_dataset_open(
            path, "{\"few_shot\": 2, \"slices\": \"site\", \"group_by\": \"v\"}", &d);
        const bool reached = mem_fail_reached();
        mem_fail_at(0);
        if (st == KARMA_OK) karma_dataset_close(d);
        if (!reached) break;
        assert_status(st, KARMA_E_NOMEM);
        assert_int_equal(mem_live_blocks(), before);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(shows_the_same_examples_before_all_questions),
        test_case(never_shows_a_question_as_its_own_example),
        test_case(takes_examples_of_another_split),
        test_case(examples_are_part_of_the_digest_and_slices_are_not),
        test_case(tells_groups_and_slices_by_columns),
        test_case(survives_every_failing_allocation),
    };
    return run_group("datasets/few_shot", tests);
}
