/*
 * test_memory.c - what models take: the estimate before loading against what a run really
 * reserves, the ceiling, current and peak bytes, and that loading, running and freeing a thousand
 * models leaves the process as large as it was.
 */
#include "tests/support/test.h"

#include <unistd.h>

#include "karma/karma.h"
#include "tests/unit/api/tiny.h"

#if defined(__SANITIZE_ADDRESS__)
enum { N_LOADS = 100, IS_SANITIZED = 1 };
#else
enum { N_LOADS = 1000, IS_SANITIZED = 0 };
#endif

/* A tokenizer's part of the estimate is a guess; here it is known to be this much of it. */
static void within_percent(int64_t got, int64_t want, int64_t percent) {
    const int64_t off = got > want ? got - want : want - got;
    if (off * 100 > want * percent)
        fail_msg("%lld is not within %lld %% of %lld", (long long)got, (long long)percent,
                 (long long)want);
}

static karma_memory memory_of(karma_model *m) {
    karma_memory memory = {.struct_size = sizeof(memory)};
    assert_ok(karma_model_memory(m, &memory));
    return memory;
}

struct probe { /* one sample, and what lives while its output is handed over */
    bool given;
    size_t live_bytes;
    karma_memory memory;
    karma_model *m;
};

static karma_status probe_next(void *user, const karma_sample **sample) {
    static const karma_sample s = {.struct_size = sizeof(s), .key = "k", .input = "Is iron low?"};
    struct probe *p = user;
    if (p->given) return KARMA_DONE;
    p->given = true;
    *sample = &s;
    return KARMA_OK;
}

static karma_status probe_put(void *user, const karma_output *o) {
    struct probe *p = user;
    (void)o;
    p->live_bytes = mem_live_bytes();
    p->memory = memory_of(p->m);
    return KARMA_OK;
}

static void the_estimate_is_what_a_run_takes(void **state) {
    (void)state;
    static const char *const args[] = {
        "{\"max_tokens\": 2}",
        "{\"max_tokens\": 2, \"max_sequences\": 1, \"threads\": 1}",
        "{\"max_tokens\": 2, \"max_sequences\": 64, \"threads\": 2}",
        "{\"max_tokens\": 2, \"max_sequences\": 3, \"n_ctx\": 100}",
    };
    static const char *const fixtures[] = {"models/qwen3_tied", "models/gemma3", "models/llama3"};
    for (size_t f = 0; f < 3; f++) {
        const char *folder = tiny_folder_of(fixtures[f] + 7, fixtures[f]);
        for (size_t a = 0; a < 4; a++) {
            struct probe p = {0};
            const karma_run_io io = {.next = probe_next, .put = probe_put, .user = &p};
            const size_t before = mem_live_bytes();
            assert_ok(karma_model_create(folder, args[a], &p.m));
            const karma_memory expected = memory_of(p.m);
            assert_false(karma_model_is_loaded(p.m));
            assert_int_equal(expected.current, 0);
            assert_int_equal(expected.peak, 0);
            assert_int_equal(expected.estimate, expected.weights + expected.own + expected.cache);
            assert_ok(karma_model_load(p.m));
            const karma_memory loaded = memory_of(p.m);
            assert_int_equal(loaded.weights, expected.weights);
            assert_int_equal(loaded.cache, expected.cache);
            assert_int_equal(loaded.current, loaded.weights + loaded.own);
            within_percent(expected.estimate, loaded.estimate, 5);
            assert_ok(karma_model_run(p.m, &io));
            within_percent(expected.estimate, p.memory.current, 5);
            within_percent(expected.estimate, (int64_t)(p.live_bytes - before) + expected.weights,
                           5);
            const karma_memory after = memory_of(p.m);
            assert_int_equal(after.current, loaded.current);
            assert_int_equal(after.peak, p.memory.current);
            karma_model_unload(p.m);
            assert_int_equal(memory_of(p.m).current, 0);
            assert_int_equal(memory_of(p.m).peak, after.peak);
            karma_model_destroy(p.m);
        }
    }
    karma_clear_registry();
}

static void more_than_the_ceiling_is_refused_at_load_with_the_sum(void **state) {
    (void)state;
    karma_model *m;
    const char *folder = tiny_folder("ceiling");
    assert_ok(karma_model_create(folder, "{\"max_memory_mb\": 1, \"max_sequences\": 1024}", &m));
    const karma_memory memory = memory_of(m);
    assert_int_equal(memory.ceiling, 1 << 20);
    assert_true(memory.estimate > memory.ceiling);
    const size_t before = mem_live_bytes();
    assert_status(karma_model_load(m), KARMA_E_LIMIT);
    assert_message_contains("ceiling: memory: ");
    assert_message_contains("weights ");
    assert_message_contains("cache for n_ctx 256 ");
    assert_message_contains("scratch ");
    assert_message_contains("1 allowed");
    assert_int_equal(mem_live_bytes(), before);
    karma_model_destroy(m);
    /* Where one sequence fits, as many as fit are served. */
    char *answer;
    assert_ok(karma_model_create(folder,
                                 "{\"max_memory_mb\": 3, \"max_sequences\": 64, "
                                 "\"max_tokens\": 2, \"threads\": 1}",
                                 &m));
    assert_ok(karma_model_run_text(m, "x", &answer));
    assert_true(memory_of(m).peak < (4 << 20));
    karma_free(answer);
    karma_model_destroy(m);
    assert_ok(karma_model_create(folder, NULL, &m));
    assert_true(memory_of(m).ceiling > 64 << 20); /* most of the machine's */
    karma_model_destroy(m);
    karma_clear_registry();
}

static void the_numbers_are_in_the_models_info(void **state) {
    (void)state;
    karma_model *m;
    char *info;
    assert_ok(karma_model_create(tiny_folder("info"), NULL, &m));
    assert_ok(karma_model_info(m, &info));
    assert_non_null(strstr(info, "\"memory\": {\"current\": 0, \"peak\": 0}"));
    karma_free(info);
    assert_ok(karma_model_load(m));
    const karma_memory memory = memory_of(m);
    char want[100];
    snprintf(want, sizeof(want), "\"estimate\": %lld, \"current\": %lld",
             (long long)memory.estimate, (long long)memory.current);
    assert_ok(karma_model_info(m, &info));
    assert_non_null(strstr(info, want));
    karma_free(info);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void a_checkpoint_that_is_not_here_has_no_estimate(void **state) {
    (void)state;
    karma_model *m;
    karma_memory memory = {.struct_size = sizeof(memory)};
    setenv("HF_HUB_CACHE", test_path("no-cache"), 1);
    assert_ok(karma_model_create("Qwen/Qwen3-0.6B", NULL, &m));
    assert_status(karma_model_memory(m, &memory), KARMA_E_NOTFOUND);
    memory.struct_size = 4;
    assert_status(karma_model_memory(m, &memory), KARMA_E_ABI);
    karma_model_destroy(m);
    karma_clear_registry();
}

static size_t resident_bytes(void) {
    size_t size, resident;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%zu %zu", &size, &resident), 2);
    fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void load_run_and_free(const char *folder, int i) {
    karma_model *m;
    char *answer, args[64];
    snprintf(args, sizeof(args), "{\"max_tokens\": 1, \"threads\": %d, \"n_ctx\": 64}",
             i % 50 ? 1 : 2);
    assert_ok(karma_get_model(folder, args, &m));
    assert_ok(karma_model_run_text(m, "x", &answer));
    karma_free(answer);
    karma_model_destroy(m);
}

static void a_thousand_models_leave_nothing_behind(void **state) {
    (void)state;
    static const char *const fixtures[] = {"models/qwen3_tied", "models/gemma3", "models/llama3"};
    char folders[3][256];
    for (size_t f = 0; f < 3; f++)
        snprintf(folders[f], sizeof(folders[f]), "%s",
                 tiny_folder_of(fixtures[f] + 7, fixtures[f]));
    for (int i = 0; i < N_LOADS / 5; i++)
        load_run_and_free(folders[i % 3], i);
    const size_t blocks = mem_live_blocks(), bytes = mem_live_bytes(), before = resident_bytes();
    for (int i = 0; i < N_LOADS; i++)
        load_run_and_free(folders[i % 3], i);
    const size_t after = resident_bytes();
    assert_int_equal(mem_live_blocks(), blocks);
    assert_int_equal(mem_live_bytes(), bytes);
    /* A page here and there is the C library's. */
    if (!IS_SANITIZED && after > before + (256 << 10))
        fail_msg("resident size grew from %zu to %zu bytes", before, after);
    karma_clear_registry();
}

static karma_status ask(void *ctx) {
    karma_model *m;
    karma_memory memory = {.struct_size = sizeof(memory)};
    karma_status st = karma_model_create(ctx, "{\"threads\": 1}", &m);
    if (st == KARMA_OK) {
        st = karma_model_memory(m, &memory);
        karma_model_destroy(m);
    }
    karma_clear_registry();
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    char folder[256];
    snprintf(folder, sizeof(folder), "%s", tiny_folder("failing"));
    assert_true(for_each_failing_allocation(ask, folder) > 30);
}

int main(void) {
    setenv("KARMA_CONFIG_HOME", test_path("no-such-folder"), 1);
    const struct CMUnitTest tests[] = {
        test_case(the_estimate_is_what_a_run_takes),
        test_case(more_than_the_ceiling_is_refused_at_load_with_the_sum),
        test_case(the_numbers_are_in_the_models_info),
        test_case(a_checkpoint_that_is_not_here_has_no_estimate),
        test_case(a_thousand_models_leave_nothing_behind),
        test_case(survives_every_failing_allocation),
    };
    return run_group("api/memory", tests);
}
