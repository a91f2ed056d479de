/*
 * test_rubric.c - runs with a judge: which questions it is asked and how often, what becomes of its
 * verdicts in results and log, verdicts that fail, resumed runs. The judge of these tests says yes
 * where the word that a criterion ends with stands in what it is shown.
 */
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "karma/karma.h"
#include "tests/support/test.h"

/* --- the judge -------------------------------------------------------------------------------- */

static size_t n_asked, n_loaded;
static char last_prompt[4096];

enum { MAX_BATCH = 16 };

struct held {
    char key[80];
    const char *says; /* NULL: it fails */
};

static const char *verdict(const char *prompt) {
    static const char mark[] = "Criterion: ";
    const char *at = strstr(prompt, mark);
    assert_non_null(at);
    const size_t line = strcspn(at, "\n");
    char word[64];
    size_t len = 0;
    while (len < line && at[line - len - 1] != ' ')
        len++;
    assert_true(len < sizeof(word));
    memcpy(word, at + line - len, len);
    word[len] = '\0';
    if (strcmp(word, "(fails)") == 0) return NULL;
    if (strcmp(word, "(mumbles)") == 0) return "yesterday";
    const char *found = strstr(prompt, "<answer>\n");
    if (!found) found = strstr(prompt, "<text>\n");
    found = strstr(found, word);
    return found && found < at ? " **Yes**, it does." : "no";
}

static karma_status checker_load(karma_model *m) {
    (void)m;
    n_loaded++;
    return KARMA_OK;
}

static karma_status say(const karma_run_io *io, const struct held *h) {
    karma_output o = {.struct_size = sizeof(o),
                      .key = h->key,
                      .text = h->says,
                      .raw_text = h->says,
                      .finish_reason = KARMA_FINISH_STOP};
    if (!h->says) {
        o.status = KARMA_E_NONFINITE;
        o.error = "logits are not finite";
        o.finish_reason = KARMA_FINISH_ERROR;
    }
    return io->put(io->user, &o);
}

/* A batch at a time, last question first. */
static karma_status checker_run(karma_model *m, const karma_run_io *io) {
    int64_t batch;
    karma_status st = karma_model_arg_int(m, "max_sequences", &batch);
    if (batch > MAX_BATCH) batch = MAX_BATCH;
    for (bool more = true; more && st == KARMA_OK;) {
        struct held held[MAX_BATCH];
        int n = 0;
        while (n < batch && more && st == KARMA_OK) {
            const karma_sample *s;
            st = io->next(io->user, &s);
            more = st == KARMA_OK;
            if (st == KARMA_DONE) st = KARMA_OK;
            if (!more) break;
            n_asked++;
            assert_null(s->candidates); /* it answers in its own way */
            assert_null(s->expected_output);
            snprintf(last_prompt, sizeof(last_prompt), "%s", s->input);
            snprintf(held[n].key, sizeof(held[n].key), "%s", s->key);
            held[n++].says = verdict(s->input);
        }
        while (n > 0 && st == KARMA_OK)
            st = say(io, &held[--n]);
        if (io->cancelled && io->cancelled(io->user)) more = false;
    }
    return st;
}

static const karma_model_class checker_class = {.abi_version = KARMA_CLASS_ABI,
                                                .struct_size = sizeof(karma_model_class),
                                                .name = "Checker",
                                                .help = "looks for a word",
                                                .load = checker_load,
                                                .run = checker_run};

static int register_checker(void **state) {
    static const karma_model_meta meta = {
        .name = "checker", .loader_class = "Checker", .model_type = KARMA_TEXT_GENERATION};
    (void)state;
    assert_ok(karma_register_model_class(&checker_class));
    assert_ok(karma_register_model_meta(&meta));
    return 0;
}

/* --- data ------------------------------------------------------------------------------------- */

#define HEALTH "Tonic/Health-Bench-Eval-OSS-2025-07"

static const char rows[] =
    "{\"prompt_id\": \"h1\", \"prompt\": [{\"role\": \"user\", \"content\": \"I cough.\"}, "
    "{\"role\": \"assistant\", \"content\": \"Since when?\"}, {\"role\": \"user\", \"content\": "
    "\"May.\"}], \"rubrics\": [{\"criterion\": \"has an xray\", \"points\": 5, \"tags\": "
    "[\"axis:accuracy\"], \"criteria_met\": true}, {\"criterion\": \"names tea\", \"points\": 3, "
    "\"tags\": [], \"criteria_met\": false}, {\"criterion\": \"gives opium\", \"points\": -4, "
    "\"tags\": [\"axis:accuracy\"], \"criteria_met\": false}]}\n"
    "{\"prompt_id\": \"h2\", \"prompt\": [{\"role\": \"user\", \"content\": \"I ache.\"}], "
    "\"rubrics\": [{\"criterion\": \"names tea\", \"points\": 2}, {\"criterion\": \"gives opium\", "
    "\"points\": -5, \"criteria_met\": false}]}\n"
    "{\"prompt_id\": \"h3\", \"prompt\": [{\"role\": \"user\", \"content\": \"I sneeze.\"}], "
    "\"rubrics\": [{\"criterion\": \"gives opium\", \"points\": -5}, {\"criterion\": "
    "\"gives opium\", \"points\": -1}]}\n";

static const char answers[] = "{\"id\": \"h1\", \"text\": \"An xray, and opium.\"}\n"
                              "{\"id\": \"h2\", \"text\": \"Take tea.\"}\n"
                              "{\"id\": \"h3\", \"text\": \"Bless you.\"}\n";

struct setting {
    const char *names[3];
    char args[512];
    karma_eval_options o;
};

static void set_up(struct setting *s, const char *folder, const char *data, const char *texts) {
    char name[200];
    snprintf(name, sizeof(name), "%s/rows.jsonl", folder);
    const char *path = write_text(name, data);
    memset(s, 0, sizeof(*s));
    s->names[0] = HEALTH;
    snprintf(s->args, sizeof(s->args), "{\"%s\": {\"path\": \"%s\"}}", HEALTH, path);
    s->o = karma_eval_defaults();
    s->o.datasets = s->names;
    s->o.dataset_args_json = s->args;
    snprintf(name, sizeof(name), "%s/answers.jsonl", folder);
    s->o.answers = write_text(name, texts);
    s->o.judge = "checker";
    snprintf(name, sizeof(name), "%s/results.json", folder);
    s->o.output = test_path(name);
    snprintf(name, sizeof(name), "%s/store.db", folder);
    s->o.store_path = test_path(name);
}

static const struct json *metric(struct arena *a, const karma_eval_summary *sum, const char *set,
                                 const char *name) {
    const struct json *results;
    assert_ok(json_parse(a, sum->results_json, strlen(sum->results_json), 0, &results));
    const struct json *m = json_get(json_get(json_get(results, set), "metrics"), name);
    assert_non_null(m);
    return m;
}

static double number(const struct json *o, const char *name) {
    const struct json *j = json_get(o, name);
    assert_non_null(j);
    return j->type == JSON_INT ? (double)j->u.integer : j->u.real;
}

static char *log_of(const char *folder) {
    char name[200];
    snprintf(name, sizeof(name), "%s/results.samples.jsonl", folder);
    return read_fixture(test_path(name), NULL);
}

static const char *chain_of(const char *folder) {
    static char chain[80];
    char name[200];
    snprintf(name, sizeof(name), "%s/results.manifest.json", folder);
    const char *at = strstr(read_fixture(test_path(name), NULL), "\"chain\"");
    assert_non_null(at);
    snprintf(chain, sizeof(chain), "%.76s", at);
    return chain;
}

/* --- scores ----------------------------------------------------------------------------------- */

static void scores_are_made_of_verdicts(void **state) {
    (void)state;
    struct setting s;
    struct arena a = {0};
    karma_eval_summary sum;
    set_up(&s, "judged", rows, answers);
    n_asked = 0;
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_int_equal(sum.n_scored, 3);
    assert_int_equal(n_asked, 6); /* of seven criteria two are the same question */
    const struct json *m = metric(&a, &sum, HEALTH, "rubric_evaluation");
    /* (5 - 4) / 8 and 2 / 2; the third has no positive points */
    assert_true(number(m, "score") == (0.125 + 1) / 2);
    assert_int_equal(number(m, "num_samples"), 2);
    assert_int_equal(number(m, "n_criteria"), 7);
    assert_int_equal(number(m, "n_met"), 3);
    assert_true(number(json_get(json_get(m, "tag_scores"), "axis:accuracy"), "score") == 0.2);
    const struct json *agreement = json_get(m, "agreement");
    assert_int_equal(number(agreement, "n"), 4);
    assert_true(number(agreement, "accuracy") == 0.75);
    assert_true(number(agreement, "kappa") == 0.5);
    assert_int_equal(number(agreement, "judge_alone"), 1);
    assert_non_null(strstr(sum.results_json, "\"judge\": \"checker\""));
    assert_non_null(
        strstr(log_of("judged"),
               "\"rubric\": [{\"metric\": \"rubric_evaluation\", \"points\": 5, \"tags\": "
               "[\"axis:accuracy\"], \"p\": 1.0, \"met\": true, \"label\": true}, {\"metric\": "
               "\"rubric_evaluation\", \"points\": 3, \"tags\": [], \"p\": 0.0, \"met\": false, "
               "\"label\": false}, "));
    assert_null(strstr(log_of("judged"), "opium"));
    char *manifest = read_fixture(test_path("judged/results.manifest.json"), NULL);
    assert_non_null(strstr(manifest, "\"judge\": {\n    \"name\": \"checker\""));
    arena_release(&a);
}

static void the_answer_comes_first_and_the_criterion_last(void **state) {
    (void)state;
    struct setting s;
    karma_eval_summary sum;
    static const char row[] =
        "{\"prompt_id\": \"p\", \"prompt\": [{\"role\": \"user\", \"content\": \"I cough.\"}, "
        "{\"role\": \"assistant\", \"content\": \"Since when?\"}, {\"role\": \"user\", "
        "\"content\": "
        "\"May.\"}], \"rubrics\": [{\"criterion\": \"names tea\", \"points\": 1}]}\n";
    set_up(&s, "prompt", row, "{\"id\": \"p\", \"text\": \"Tea.\"}\n");
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_string_equal(last_prompt,
                        "<conversation>\nuser: I cough.\n\nassistant: Since when?\n\nuser: May.\n\n"
                        "</conversation>\n\n<answer>\nTea.\n</answer>\n\nCriterion: names "
                        "tea\n\nDoes the criterion hold of the answer? Answer yes or no.");
}

static void nothing_is_asked_twice_and_the_files_are_the_same(void **state) {
    (void)state;
    struct setting s;
    karma_eval_summary sum;
    set_up(&s, "twice", rows, answers);
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    char *results = strdup(sum.results_json), *log = log_of("twice");
    n_asked = n_loaded = 0;
    s.o.judge_args_json = "{\"max_sequences\": 3}"; /* changes no answer, so no key */
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_int_equal(n_asked, 0);
    assert_int_equal(n_loaded, 0);
    assert_string_equal(log_of("twice"), log);
    char *run = read_fixture(test_path("twice/run.json"), NULL);
    assert_non_null(strstr(run, "\"verdicts_from_store\": 6"));
    s.o.refresh = true;
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_int_equal(n_asked, 6);
    assert_string_equal(log_of("twice"), log);
    s.o.refresh = false;
    s.o.judge_args_json = NULL;
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_string_equal(sum.results_json, results);
    free(results);
}

static void another_answer_is_judged_anew(void **state) {
    (void)state;
    struct setting s;
    karma_eval_summary sum;
    set_up(&s, "anew", rows, answers);
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    n_asked = 0;
    s.o.answers = write_text("anew/others.jsonl", "{\"id\": \"h1\", \"text\": \"Nothing.\"}\n"
                                                  "{\"id\": \"h2\", \"text\": \"Take tea.\"}\n"
                                                  "{\"id\": \"h3\", \"text\": \"Bless you.\"}\n");
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_int_equal(n_asked, 3);
}

static void criteria_are_told_only_when_asked_for(void **state) {
    (void)state;
    struct setting s;
    karma_eval_summary sum;
    set_up(&s, "content", rows, answers);
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    char *without = strdup(chain_of("content"));
    s.o.include_content = true;
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_non_null(strstr(log_of("content"), "\"criteria\": [\"has an xray\", \"names tea\", "));
    assert_non_null(strstr(sum.results_json, "\"criteria\": ["));
    assert_string_equal(chain_of("content"), without);
    free(without);
}

/* --- what goes wrong -------------------------------------------------------------------------- */

static void a_sample_without_all_verdicts_fails(void **state) {
    (void)state;
    struct setting s;
    karma_eval_summary sum;
    struct arena a = {0};
    static const char bad[] =
        "{\"prompt_id\": \"f1\", \"prompt\": [{\"role\": \"user\", \"content\": \"a\"}], "
        "\"rubrics\": [{\"criterion\": \"has tea\", \"points\": 1}, {\"criterion\": \"it "
        "(fails)\", \"points\": 1}]}\n"
        "{\"prompt_id\": \"f2\", \"prompt\": [{\"role\": \"user\", \"content\": \"b\"}], "
        "\"rubrics\": [{\"criterion\": \"it (mumbles)\", \"points\": 1}]}\n"
        "{\"prompt_id\": \"f3\", \"prompt\": [{\"role\": \"user\", \"content\": \"c\"}], "
        "\"rubrics\": [{\"criterion\": \"has tea\", \"points\": 1}]}\n";
    set_up(&s, "failing", bad,
           "{\"id\": \"f1\", \"text\": \"tea\"}\n{\"id\": \"f2\", \"text\": \"tea\"}\n"
           "{\"id\": \"f3\", \"text\": \"tea\"}\n");
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_int_equal(sum.n_failed, 2);
    assert_int_equal(sum.n_scored, 1);
    assert_non_null(strstr(sum.results_json, "judge: logits are not finite"));
    assert_non_null(strstr(sum.results_json, "judge: the judge says neither yes nor no"));
    const struct json *m = metric(&a, &sum, HEALTH, "rubric_evaluation");
    assert_true(json_is_null(json_get(m, "score")));
    assert_true(number(json_get(m, "bounds"), "failed_counted_as_wrong") == 1.0 / 3);
    n_asked = 0;
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_int_equal(n_asked, 1); /* what failed; what was said stays said */
    s.o.keep_failed = true;
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_int_equal(n_asked, 1);
    arena_release(&a);
}

static void an_answer_that_failed_is_not_judged(void **state) {
    (void)state;
    struct setting s;
    karma_eval_summary sum;
    set_up(&s, "missing", rows, "{\"id\": \"h2\", \"text\": \"Take tea.\"}\n");
    s.o.missing_answers = "fail";
    n_asked = 0;
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_int_equal(n_asked, 2);
    assert_int_equal(sum.n_failed, 2);
}

static bool stop_soon(void *user) {
    return n_asked >= *(const size_t *)user;
}

static void a_cancelled_run_goes_on_where_it_was(void **state) {
    (void)state;
    struct setting s;
    karma_eval_summary sum;
    size_t limit = 2;
    const karma_eval_events events = {.cancelled = stop_soon, .user = &limit};
    set_up(&s, "whole", rows, answers);
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    char *results = strdup(sum.results_json);
    set_up(&s, "parts", rows, answers);
    s.o.dataset_args_json = "{\"" HEALTH "\": {\"path\": \"\"}}";
    char args[512];
    snprintf(args, sizeof(args), "{\"%s\": {\"path\": \"%s\"}}", HEALTH,
             test_path("whole/rows.jsonl"));
    s.o.dataset_args_json = args;
    s.o.answers = test_path("whole/answers.jsonl");
    s.o.judge_args_json = "{\"max_sequences\": 1}";
    n_asked = 0;
    assert_status(karma_eval_run(NULL, &s.o, &events, &sum), KARMA_E_CANCELLED);
    assert_int_equal(n_asked, 2);
    assert_int_equal(sum.n_scored, 0);
    assert_non_null(strstr(log_of("parts"), "\"state\": \"not_run\""));
    s.o.judge_args_json = NULL;
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_int_equal(n_asked, 6);
    assert_string_equal(sum.results_json, results);
    assert_string_equal(log_of("parts"), log_of("whole"));
    free(results);
}

static void a_judge_must_be_named_where_one_is_needed(void **state) {
    (void)state;
    struct setting s;
    karma_eval_summary sum;
    set_up(&s, "wrong", rows, answers);
    static const struct {
        const char *judge, *args, *says;
        karma_status st;
    } bad[] = {
        {NULL, NULL, "metric rubric_evaluation needs a judge, and none was named (judge)",
         KARMA_E_USAGE},
        {"chekker", NULL, "judge: ", KARMA_E_NOTFOUND},
        {"checker", "[]", "judge: ", KARMA_E_USAGE},
        {"checker", "{\"x", "judge_args: ", KARMA_E_SYNTAX},
        {"checker", "{\"wrong\": 1}", "judge: ", KARMA_E_USAGE},
        {"none", "{}", "judge_args: there is no judge", KARMA_E_USAGE},
    };
    n_loaded = 0;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        s.o.judge = bad[i].judge;
        s.o.judge_args_json = bad[i].args;
        assert_status(karma_eval_run(NULL, &s.o, NULL, &sum), bad[i].st);
        assert_non_null(strstr(karma_error_message(), bad[i].says));
    }
    assert_int_equal(n_loaded, 0);
    static const char *const plain[] = {NULL, NULL};
    const char *names[] = {write_text("wrong/plain.jsonl", "{\"id\": \"1\", \"question\": \"q\", "
                                                           "\"answer\": \"a\"}\n"),
                           plain[0]};
    s.o.datasets = names;
    s.o.dataset_args_json = NULL;
    s.o.judge = "checker";
    s.o.judge_args_json = NULL;
    assert_status(karma_eval_run(NULL, &s.o, NULL, &sum), KARMA_E_USAGE);
    assert_non_null(strstr(karma_error_message(), "judge: no metric of this run needs one"));
}

static void without_a_judge_by_wish_the_rest_is_scored(void **state) {
    (void)state;
    struct setting s;
    karma_eval_summary sum;
    set_up(&s, "left", rows, answers);
    s.o.judge = "none";
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_null(strstr(sum.results_json, "rubric_evaluation\": {"));
    assert_non_null(strstr(sum.results_json, "\"refusal\": {"));
    assert_null(strstr(log_of("left"), "rubric\":"));
}

static void a_dry_run_counts_the_questions(void **state) {
    (void)state;
    struct setting s;
    karma_eval_summary sum;
    set_up(&s, "dry", rows, answers);
    s.o.dry_run = true;
    n_asked = n_loaded = 0;
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_non_null(strstr(sum.results_json, "\"judge_questions\": 7"));
    assert_int_equal(n_asked + n_loaded, 0);
}

/* --- protocols, other sets -------------------------------------------------------------------- */

static void under_upstreams_protocol_the_mean_is_not_cut(void **state) {
    (void)state;
    struct setting s;
    struct arena a = {0};
    karma_eval_summary sum;
    static const char row[] =
        "{\"prompt_id\": \"u\", \"prompt\": [{\"role\": \"user\", \"content\": "
        "\"a\"}], \"rubrics\": [{\"criterion\": \"has tea\", \"points\": 1}, "
        "{\"criterion\": \"has opium\", \"points\": -3}]}\n";
    set_up(&s, "upstream", row, "{\"id\": \"u\", \"text\": \"opium\"}\n");
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_true(number(metric(&a, &sum, HEALTH, "rubric_evaluation"), "score") == 0);
    s.o.metric_args_json = "{\"rubric_evaluation\": {\"protocol\": \"upstream\"}}";
    n_asked = 0;
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_true(number(metric(&a, &sum, HEALTH, "rubric_evaluation"), "score") == -3);
    assert_int_equal(n_asked, 0); /* scored again, not asked again */
    arena_release(&a);
}

static void diagnoses_and_steps_are_judged(void **state) {
    (void)state;
    static const char set[] = "zou-lab/MedCaseReasoning";
    struct setting s;
    struct arena a = {0};
    karma_eval_summary sum;
    char args[512];
    set_up(&s, "cases",
           "{\"id\": \"c\", \"case_prompt\": \"Pale.\", \"final_diagnosis\": \"anaemia\", "
           "\"diagnostic_reasoning\": \"1. she is pale 2. ferritin is low\"}\n",
           "{\"id\": \"c\", \"text\": \"<think>\\nShe looks pale.\\n</think>\\n<answer>\\nthe same "
           "is.\\n</answer>\"}\n");
    snprintf(args, sizeof(args), "{\"%s\": {\"path\": \"%s\"}}", set,
             test_path("cases/rows.jsonl"));
    s.names[0] = set;
    s.o.dataset_args_json = args;
    n_asked = 0;
    assert_ok(karma_eval_run(NULL, &s.o, NULL, &sum));
    assert_int_equal(n_asked, 3);
    assert_true(number(metric(&a, &sum, set, "medcasereasoning_reasoning_recall"), "score") == 0.5);
    assert_int_equal(
        number(metric(&a, &sum, set, "medcasereasoning_diagnostic_accuracy"), "num_samples"), 1);
    arena_release(&a);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void memory_that_ends_is_told_and_leaks_nothing(void **state) {
    (void)state;
    struct setting s;
    karma_eval_summary sum;
    karma_status st = KARMA_E_NOMEM;
    set_up(&s, "memory", rows, answers);
    s.o.use_store = false;
    s.o.include_content = true;
    for (uint64_t n = 1; st != KARMA_OK; n += 1 + n / 64) {
        mem_fail_at(n);
        st = karma_eval_run(NULL, &s.o, NULL, &sum);
        mem_fail_at(0);
        if (st != KARMA_OK) assert_status(st, KARMA_E_NOMEM);
    }
    assert_int_equal(sum.n_scored, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_made_of_verdicts),
        cmocka_unit_test(the_answer_comes_first_and_the_criterion_last),
        cmocka_unit_test(nothing_is_asked_twice_and_the_files_are_the_same),
        cmocka_unit_test(another_answer_is_judged_anew),
        cmocka_unit_test(criteria_are_told_only_when_asked_for),
        cmocka_unit_test(a_sample_without_all_verdicts_fails),
        cmocka_unit_test(an_answer_that_failed_is_not_judged),
        cmocka_unit_test(a_cancelled_run_goes_on_where_it_was),
        cmocka_unit_test(a_judge_must_be_named_where_one_is_needed),
        cmocka_unit_test(without_a_judge_by_wish_the_rest_is_scored),
        cmocka_unit_test(a_dry_run_counts_the_questions),
        cmocka_unit_test(under_upstreams_protocol_the_mean_is_not_cut),
        cmocka_unit_test(diagnoses_and_steps_are_judged),
        cmocka_unit_test(memory_that_ends_is_told_and_leaks_nothing),
    };
    return cmocka_run_group_tests_name("eval/rubric", tests, register_checker, NULL);
}
