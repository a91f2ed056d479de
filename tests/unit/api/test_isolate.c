/*
 * test_isolate.c - models of plugins in a process of their own: right answers come back whole, and
 * whatever a plugin does ends in a failed sample or one clear error, with nothing left behind.
 */
#include "tests/support/test.h"

#include <dirent.h>
#include <errno.h>
#include <fenv.h>
#include <signal.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

#include "api/isolate.h"
#include "base/clock.h"
#include "karma/embedding.h"
#include "karma/karma.h"
#include "karma/plugin.h"
#include "tests/support/plugin_files.h"

/* ---- a run and its account ---- */

enum { MAX_SAMPLES = 64 };

struct account {
    const char *const *inputs;
    size_t n, at;
    karma_status st[MAX_SAMPLES]; /* KARMA_E_INTERNAL: no output came */
    char text[MAX_SAMPLES][600];  /* the answer or the reason */
    size_t n_put, cancel_after;
    size_t n_streamed;
    karma_status put_result;
};

static karma_status give(void *user, const karma_sample **sample) {
    static karma_sample s;
    static char key[32];
    struct account *a = user;
    if (a->at == a->n) return KARMA_DONE;
    snprintf(key, sizeof(key), "k%zu", a->at);
    s = (karma_sample){.struct_size = sizeof(s), .key = key, .input = a->inputs[a->at++]};
    *sample = &s;
    return KARMA_OK;
}

static karma_status get(void *user, const karma_output *o) {
    struct account *a = user;
    assert_non_null(o->key);
    const size_t i = (size_t)atoi(o->key + 1);
    assert_true(i < a->n);
    assert_status(a->st[i], KARMA_E_INTERNAL);
    a->st[i] = o->status;
    snprintf(a->text[i], sizeof(a->text[i]), "%s",
             o->status < 0 ? o->error
             : o->text     ? o->text
                           : "(none)");
    a->n_put++;
    return a->put_result;
}

static bool stop(void *user) {
    const struct account *a = user;
    return a->cancel_after && a->n_put >= a->cancel_after;
}

static void hear(void *user, const char *key, const char *text, size_t len) {
    struct account *a = user;
    (void)key, (void)text;
    a->n_streamed += len;
}

static karma_status run(karma_model *m, struct account *a) {
    const karma_run_io io = {
        .next = give, .put = get, .cancelled = stop, .stream = hear, .user = a};
    a->at = a->n_put = 0;
    for (size_t i = 0; i < MAX_SAMPLES; i++)
        a->st[i] = KARMA_E_INTERNAL;
    return karma_model_run(m, &io);
}

static karma_model *make(const char *name, const char *args) {
    karma_model *m;
    assert_ok(karma_load_plugin(plugin_file("misbehaving")));
    karma_isolate_plugins(true);
    assert_ok(karma_model_create(name, args, &m));
    return m;
}

static size_t count_files(void) {
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void assert_no_children(void) {
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* ---- what is right stays right ---- */

static const char *const three[] = {"one", "two \xC3\xA9", "three\nlines\n"};

static void answers_as_in_this_process(void **state) {
    struct account a = {.inputs = three, .n = 3};
    (void)state;
    karma_model *m = make("bad/Right", NULL);
    const size_t files = count_files();
    assert_ok(run(m, &a));
    for (size_t i = 0; i < 3; i++) {
        assert_ok(a.st[i]);
        assert_string_equal(a.text[i], three[i]);
    }
    assert_true(karma_model_is_loaded(m));
    assert_ok(run(m, &a)); /* the same child */
    karma_model_unload(m);
    assert_int_equal(count_files(), files);
    assert_no_children();
    assert_ok(run(m, &a)); /* another one */
    karma_model_destroy(m);
    assert_int_equal(count_files(), files);
    assert_no_children();
}

static void keeps_each_answer_with_its_sample(void **state) {
    struct account a = {.inputs = three, .n = 3};
    (void)state;
    karma_model *m = make("bad/Reordered", NULL);
    assert_ok(run(m, &a));
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(a.text[i], three[i]);
    karma_model_destroy(m);
}

/* ---- what is wrong ---- */

static const char *const with_bad[] = {"one", "bad", "two", "three"};

struct wrong {
    const char *name;    /* "bad/X" */
    const char *message; /* of the sample that is bad; NULL: it is answered */
};

/* The samples beside the bad one are answered; it fails, and says why. */
static void check_wrong(const struct wrong *w) {
    struct account a = {.inputs = with_bad, .n = 4};
    char who[64];
    print_message("# %s\n", w->name);
    karma_model *m = make(w->name, "{\"plugin_timeout_s\": 0.5}");
    assert_ok(run(m, &a));
    print_message("# %s\n", a.text[1]);
    assert_ok(a.st[0]);
    assert_ok(a.st[2]);
    assert_string_equal(a.text[2], "two");
    assert_ok(a.st[3]);
    if (w->message) {
        assert_status(a.st[1], KARMA_E_PLUGIN);
        snprintf(who, sizeof(who), "plugin misbehaving: class %s: ", w->name + 4);
        assert_non_null(strstr(a.text[1], who));
        assert_non_null(strstr(a.text[1], w->message));
        assert_non_null(strstr(a.text[1], "'k1'"));
    } else {
        assert_ok(a.st[1]);
    }
    karma_model_destroy(m);
    assert_no_children();
}

static void fails_the_sample_and_goes_on(void **state) {
    static const struct wrong cases[] = {
        {"bad/Fewer", "output is missing"},
        {"bad/Twice", "twice"},
        {"bad/UnknownKey", "missing"},
        {"bad/NoKey", "missing"},
        {"bad/Garbage", "not valid UTF-8"},
        {"bad/NullText", "NULL"},
        {"bad/PositiveStatus", "status 7"},
        {"bad/WrongSize", "missing"},
        {"bad/Crash", "signal 11"},
        {"bad/Derived", "signal 11"},
        {"bad/Aborts", "signal 6"},
        {"bad/Exits", "exit status 0"},
        {"bad/Endless", "gave no answer for 0.5 s"},
        {"bad/ClosesFiles", "ended with exit status 0"},
        {"bad/WritesToChannel", "what is no message"},
        {"bad/ClaimsMuch", "what is no message"},
        {"bad/Prints", NULL},
        {"bad/RoundsUp", NULL},
        {"bad/Disturbs", NULL},
    };
    (void)state;
    const size_t files = count_files();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_wrong(&cases[i]);
    assert_int_equal(count_files(), files);
    assert_int_equal(fegetround(), FE_TONEAREST);
    assert_null(getenv("KARMA_ISA"));
}

static void ends_the_run_when_more_comes_than_was_asked(void **state) {
    struct account a = {.inputs = with_bad, .n = 4};
    (void)state;
    karma_model *m = make("bad/More", NULL);
    const karma_status st = run(m, &a);
    /* Every sample has its own answer; the output for nobody is told of. */
    assert_status(st, KARMA_E_PLUGIN);
    assert_message_contains("nobody");
    assert_string_equal(a.text[2], "two");
    karma_model_destroy(m);
}

static void passes_on_how_a_run_failed(void **state) {
    struct account a = {.inputs = with_bad, .n = 4};
    (void)state;
    karma_model *m = make("bad/OddResult", NULL);
    assert_status(run(m, &a), KARMA_E_PLUGIN);
    assert_message_contains("returned -77, which is no status");
    assert_ok(a.st[0]);
    assert_status(a.st[1], KARMA_E_PLUGIN);
    karma_model_destroy(m);
}

static void gives_up_after_three_that_finish_nothing(void **state) {
    static const char *const many[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"};
    struct account a = {.inputs = many, .n = 10};
    (void)state;
    karma_model *m = make("bad/Swallows", NULL);
    assert_status(run(m, &a), KARMA_E_PLUGIN);
    assert_message_contains("plugin misbehaving: class Swallows");
    assert_message_contains("number 3 in a row");
    for (size_t i = 0; i < 6; i++) /* each took two */
        assert_status(a.st[i], KARMA_E_PLUGIN);
    assert_non_null(strstr(a.text[5], "while it had sample 'k5'"));
    karma_model_destroy(m);
    assert_no_children();
}

static void reports_a_crash_in_load(void **state) {
    (void)state;
    karma_model *m = make("bad/CrashLoad", NULL);
    assert_status(karma_model_load(m), KARMA_E_PLUGIN);
    assert_message_contains(
        "plugin misbehaving: class CrashLoad: the child process ended by signal");
    assert_false(karma_model_is_loaded(m));
    assert_status(karma_model_load(m), KARMA_E_PLUGIN); /* may be tried again */
    karma_model_destroy(m);
    m = make("bad/SleepyLoad", "{\"plugin_timeout_s\": 0.2}");
    assert_status(karma_model_load(m), KARMA_E_PLUGIN);
    assert_message_contains("gave no answer for 0.2 s");
    karma_model_destroy(m);
    assert_no_children();
}

static void reports_a_crash_in_preprocess(void **state) {
    char *json;
    const karma_sample s = {.struct_size = sizeof(s), .input = "x"};
    (void)state;
    karma_model *m = make("bad/CrashPreprocess", NULL);
    assert_status(karma_model_preprocess(m, &s, &json), KARMA_E_PLUGIN);
    assert_message_contains("signal 11");
    assert_ok(karma_model_postprocess(m, " raw ", &json)); /* by another child */
    assert_non_null(strstr(json, "\"text\": \"raw\""));
    karma_free(json);
    karma_model_destroy(m);
    assert_no_children();
}

static void checks_the_hooks_results(void **state) {
    char *json;
    const karma_sample s = {.struct_size = sizeof(s), .input = "x"};
    (void)state;
    karma_model *m = make("bad/EmptyPreprocess", NULL);
    assert_status(karma_model_preprocess(m, &s, &json), KARMA_E_PLUGIN);
    assert_message_contains("made no message");
    karma_model_destroy(m);
    m = make("bad/BorrowedPostprocess", NULL);
    assert_status(karma_model_postprocess(m, "raw", &json), KARMA_E_PLUGIN);
    assert_message_contains("karma_output_set_text");
    assert_ok(karma_model_preprocess(m, &s, &json));
    assert_string_equal(json, "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}");
    karma_free(json);
    karma_model_destroy(m);
}

static void fails_a_sample_that_is_no_text(void **state) {
    static const char *const odd[] = {"one", "caf\xE9", "two"};
    struct account a = {.inputs = odd, .n = 3};
    (void)state;
    karma_model *m = make("bad/Right", NULL);
    assert_ok(run(m, &a));
    assert_ok(a.st[0]);
    assert_status(a.st[1], KARMA_E_ENCODING);
    assert_ok(a.st[2]);
    karma_model_destroy(m);
}

static void stops_when_told(void **state) {
    static const char *many[MAX_SAMPLES];
    struct account a = {.inputs = many, .n = MAX_SAMPLES, .cancel_after = 2};
    (void)state;
    for (size_t i = 0; i < MAX_SAMPLES; i++)
        many[i] = "x";
    karma_model *m = make("bad/Right", NULL);
    assert_status(run(m, &a), KARMA_E_CANCELLED);
    assert_true(a.at < MAX_SAMPLES);
    a.cancel_after = 0;
    assert_ok(run(m, &a));
    karma_model_destroy(m);
    /* One that does not listen is killed. */
    a = (struct account){.inputs = with_bad, .n = 4, .cancel_after = 1};
    m = make("bad/Endless", NULL);
    const uint64_t start = clock_monotonic_ns();
    assert_status(run(m, &a), KARMA_E_CANCELLED);
    assert_true(clock_monotonic_ns() - start < UINT64_C(3000000000));
    karma_model_destroy(m);
    assert_no_children();
}

static void ends_the_run_when_the_sink_fails(void **state) {
    struct account a = {.inputs = three, .n = 3, .put_result = KARMA_E_NOSPACE};
    (void)state;
    karma_model *m = make("bad/Right", NULL);
    status_fail(KARMA_E_NOSPACE, "the disk is full");
    assert_status(run(m, &a), KARMA_E_NOSPACE);
    karma_model_destroy(m);
}

static karma_model *nested_model;
static karma_status nested_st;

static karma_status put_that_calls(void *user, const karma_output *o) {
    char *json;
    (void)user, (void)o;
    nested_st = karma_model_postprocess(nested_model, "x", &json);
    return KARMA_OK;
}

static void refuses_a_call_from_inside_a_run(void **state) {
    struct account a = {.inputs = three, .n = 1};
    const karma_run_io io = {.next = give, .put = put_that_calls, .user = &a};
    (void)state;
    nested_model = make("bad/Right", NULL);
    assert_ok(karma_model_run(nested_model, &io));
    assert_status(nested_st, KARMA_E_USAGE);
    karma_model_destroy(nested_model);
}

static int run_in_thread(void *ctx) {
    struct account a = {.inputs = three, .n = 3};
    return run(ctx, &a) == KARMA_OK && strcmp(a.text[1], three[1]) == 0 ? 0 : 1;
}

/* One channel a model: calls wait for each other. A child that ends with the thread which started
 * it is replaced. */
static void is_used_from_several_threads(void **state) {
    thrd_t threads[4];
    int result;
    (void)state;
    karma_model *m = make("bad/Right", NULL);
    assert_ok(karma_model_load(m));
    for (int i = 0; i < 4; i++)
        assert_int_equal(thrd_create(&threads[i], run_in_thread, m), thrd_success);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(thrd_join(threads[i], &result), thrd_success);
        assert_int_equal(result, 0);
    }
    karma_model_unload(m);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(thrd_create(&threads[0], run_in_thread, m), thrd_success);
        assert_int_equal(thrd_join(threads[0], &result), thrd_success);
        assert_int_equal(result, 0);
    }
    karma_model_destroy(m);
    assert_no_children();
}

static void collects_what_the_host_ignores(void **state) {
    struct account a = {.inputs = with_bad, .n = 4};
    (void)state;
    signal(SIGCHLD, SIG_IGN); /* then nothing is known of how a child ended */
    karma_model *m = make("bad/Crash", NULL);
    assert_ok(run(m, &a));
    assert_status(a.st[1], KARMA_E_PLUGIN);
    assert_ok(a.st[3]);
    karma_model_destroy(m);
    signal(SIGCHLD, SIG_DFL);
}

static void takes_no_option_that_is_none(void **state) {
    karma_model *m;
    (void)state;
    assert_ok(karma_load_plugin(plugin_file("misbehaving")));
    assert_status(karma_model_create("bad/Right", "{\"plugin_timeout\": 1}", &m), KARMA_E_USAGE);
    assert_message_contains("plugin_timeout_s");
    assert_status(karma_model_create("bad/Right", "{\"plugin_timeout_s\": -1}", &m), KARMA_E_RANGE);
    int64_t level;
    m = make("bad/Right", NULL);
    assert_status(karma_model_arg_int(m, "level", &level), KARMA_E_NOTFOUND);
    karma_model_destroy(m);
}

static void says_what_the_child_knows(void **state) {
    char *json;
    (void)state;
    karma_model *m = make("bad/Right", NULL);
    assert_ok(karma_model_info(m, &json));
    assert_non_null(strstr(json, "\"is_loaded\": false"));
    karma_free(json);
    assert_ok(karma_model_load(m));
    assert_ok(karma_model_info(m, &json));
    assert_non_null(strstr(json, "\"is_loaded\": true"));
    assert_non_null(strstr(json, "\"class\": \"Right\""));
    karma_free(json);
    assert_int_equal(karma_model_num_parameters(m), 0);
    karma_model_destroy(m);
}

/* ---- vectors ---- */

static void makes_the_same_vectors(void **state) {
    static const char *const texts[] = {"", "a", "caf\xC3\xA9"}, *const fatal[] = {"a", "bad"};
    karma_embed_options options = karma_embed_defaults();
    float vectors[9];
    (void)state;
    karma_model *m = make("bad/Vectors", NULL);
    assert_int_equal(karma_model_embedding_dim(m, NULL), 0);
    options.prompt = "p";
    assert_ok(karma_model_embed(m, texts, 3, &options, vectors, NULL));
    assert_int_equal(karma_model_embedding_dim(m, NULL), 3);
    static const float want[9] = {0, 0.1f, -1e-40f, 1, 0.1f, -1e-40f, 5, 0.1f, -1e-40f};
    assert_memory_equal(vectors, want, sizeof(want));
    options.truncate_dim = 4;
    assert_status(karma_model_embed(m, texts, 3, &options, vectors, NULL), KARMA_E_USAGE);
    assert_status(karma_model_embed(m, fatal, 2, NULL, vectors, NULL), KARMA_E_PLUGIN);
    assert_message_contains("plugin misbehaving: class Vectors: the child process ended by signal");
    assert_ok(karma_model_embed(m, texts, 1, NULL, vectors, NULL)); /* by another child */
    karma_model_destroy(m);
    assert_no_children();
}

/* A class derived from one of karma's: its checkpoint, its corpus and its identity are the child's.
 */
static void ranks_against_a_corpus_in_the_child(void **state) {
    static const char *const ids[] = {"d0", "d1"}, *const texts[] = {"iron is low", "a broken leg"};
    static const char *const queries[] = {"iron is low"};
    static const char args[] = "{\"model_name_or_path\": \"tests/fixtures/embeddings/bert\"}";
    struct account isolated_one = {.inputs = queries, .n = 1}, plain_one = isolated_one;
    float vector[2][1024];
    karma_model *m[2];
    char *identity[2];
    (void)state;
    m[0] = make("bad/PluginEmbedding", args);
    for (int i = 0; i < 2; i++) {
        if (i == 1) m[1] = make("bad/PluginEmbedding", args);
        karma_isolate_plugins(i == 0);
        assert_ok(karma_model_set_corpus(m[i], ids, texts, 2));
        assert_true(karma_model_embedding_dim(m[i], NULL) <= 1024);
        assert_ok(karma_model_embed(m[i], texts, 1, NULL, vector[i], NULL));
        assert_ok(karma_model_identity(m[i], &identity[i]));
        assert_ok(run(m[i], i == 0 ? &isolated_one : &plain_one));
    }
    assert_true(isolated(m[0]));
    assert_false(isolated(m[1]));
    assert_true(karma_model_num_parameters(m[0]) > 0);
    assert_int_equal(karma_model_num_parameters(m[0]), karma_model_num_parameters(m[1]));
    assert_int_equal(karma_model_similarity_kind(m[0]), karma_model_similarity_kind(m[1]));
    assert_string_equal(karma_model_path(m[0]), karma_model_path(m[1]));
    assert_memory_equal(vector[0], vector[1],
                        (size_t)karma_model_embedding_dim(m[0], NULL) * sizeof(float));
    assert_string_equal(identity[0], identity[1]);
    assert_string_equal(isolated_one.text[0], plain_one.text[0]);
    assert_non_null(strstr(plain_one.text[0], "\"d0\""));
    for (int i = 0; i < 2; i++) {
        karma_free(identity[i]);
        karma_model_destroy(m[i]);
    }
    assert_no_children();
}

/* ---- memory that ends, in the parent ---- */

static void survives_failing_allocations(void **state) {
    (void)state;
    karma_model *m = make("bad/Right", NULL);
    for (uint64_t at = 1;; at += at < 60 ? 1 : 7) {
        struct account a = {.inputs = three, .n = 3};
        karma_model_unload(m);
        mem_fail_at(at); /* in the child too: it counts from the same number */
        const karma_status st = run(m, &a);
        const bool reached = mem_fail_reached();
        mem_fail_at(0);
        if (st == KARMA_OK && !reached && a.st[0] == KARMA_OK && a.st[2] == KARMA_OK) break;
        assert_true(st == KARMA_OK || st == KARMA_E_NOMEM || st == KARMA_E_PLUGIN);
        assert_true(at < 3000);
    }
    karma_model_destroy(m);
    assert_no_children();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_as_in_this_process), /* fills the registry, loads the plugin */
        test_case(keeps_each_answer_with_its_sample),
        test_case(fails_the_sample_and_goes_on),
        test_case(ends_the_run_when_more_comes_than_was_asked),
        test_case(passes_on_how_a_run_failed),
        test_case(gives_up_after_three_that_finish_nothing),
        test_case(reports_a_crash_in_load),
        test_case(reports_a_crash_in_preprocess),
        test_case(checks_the_hooks_results),
        test_case(fails_a_sample_that_is_no_text),
        test_case(stops_when_told),
        test_case(ends_the_run_when_the_sink_fails),
        test_case(refuses_a_call_from_inside_a_run),
        test_case(is_used_from_several_threads),
        test_case(collects_what_the_host_ignores),
        test_case(takes_no_option_that_is_none),
        test_case(says_what_the_child_knows),
        test_case(makes_the_same_vectors),
        test_case(ranks_against_a_corpus_in_the_child),
        test_case(survives_failing_allocations),
    };
    return run_group("api/isolate", tests);
}
