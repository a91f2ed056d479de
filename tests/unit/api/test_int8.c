/*
 * test_int8.c - the value int8 of the argument dtype, from the outside: what it is an error for,
 * what it changes of identity, info and memory, and that answers do not depend on company.
 */
#include "tests/unit/api/tiny.h"

#include "base/mem.h"
#include "karma/model.h"
#include "karma/registry.h"

static char *identity_of(const char *folder, const char *args) {
    karma_model *m;
    char *identity;
    assert_ok(karma_model_create(folder, args, &m));
    assert_ok(karma_model_identity(m, &identity));
    karma_model_destroy(m);
    return identity;
}

static void answers_are_kept_apart_from_those_of_stored_weights(void **state) {
    (void)state;
    const char *folder = tiny_folder("apart");
    char *none = identity_of(folder, NULL),
         *stored = identity_of(folder, "{\"dtype\":\"float32\"}");
    char *int8 = identity_of(folder, "{\"dtype\":\"int8\"}");
    char *elsewhere = identity_of(folder, "{\"dtype\":\"int8\",\"threads\":2}");
    assert_string_equal(none, stored);
    assert_string_not_equal(none, int8);
    assert_string_equal(int8, elsewhere);
    assert_null(strstr(none, "dtype"));
    assert_non_null(strstr(int8, "\"dtype\":\"int8\""));
    karma_free(none);
    karma_free(stored);
    karma_free(int8);
    karma_free(elsewhere);
    karma_clear_registry();
}

static karma_memory memory_of(karma_model *m) {
    karma_memory memory = {.struct_size = sizeof(memory)};
    assert_ok(karma_model_memory(m, &memory));
    return memory;
}

static void the_estimate_is_what_it_takes(void **state) {
    (void)state;
    static const char *const fixtures[] = {"models/qwen3_tied", "models/gemma3", "models/llama3"};
    for (size_t f = 0; f < 3; f++) {
        karma_model *stored, *m;
        char *info;
        const char *folder = tiny_folder_of(fixtures[f] + 7, fixtures[f]);
        assert_ok(karma_model_create(folder, NULL, &stored));
        assert_ok(karma_model_create(folder, "{\"dtype\":\"int8\"}", &m));
        const karma_memory before = memory_of(stored), expected = memory_of(m);
        assert_true(expected.weights < before.weights / 2); /* the table and the norms */
        assert_true(expected.own > before.own);
        assert_true(expected.weights + expected.own < before.weights + before.own);
        assert_ok(karma_model_load(m));
        const karma_memory loaded = memory_of(m);
        assert_int_equal(loaded.weights, expected.weights);
        assert_int_equal(loaded.cache, expected.cache);
        assert_true(loaded.estimate <= expected.estimate * 105 / 100 &&
                    loaded.estimate >= expected.estimate * 95 / 100);
        assert_ok(karma_model_info(m, &info));
        assert_non_null(strstr(info, "\"weights\": \"int8\""));
        assert_non_null(strstr(info, "\"dtype\": \"F32\""));
        karma_free(info);
        assert_ok(karma_model_load(stored));
        assert_ok(karma_model_info(stored, &info));
        assert_non_null(strstr(info, "\"weights\": \"as stored\""));
        karma_free(info);
        karma_model_destroy(m);
        karma_model_destroy(stored);
    }
    karma_clear_registry();
}

static void blocks_are_not_quantised_again(void **state) {
    (void)state;
    karma_model *m;
    assert_ok(karma_model_create("tests/fixtures/models/llama_gguf_q8_0/model.gguf",
                                 "{\"dtype\":\"int8\"}", &m));
    const size_t live = mem_live_blocks();
    assert_status(karma_model_load(m), KARMA_E_UNSUPPORTED);
    assert_message_contains("dtype: int8 is made of F32, F16 or BF16, and tensor ");
    assert_message_contains("(Q8_0)");
    assert_int_equal(mem_live_blocks(), live);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void the_answer_is_the_same_on_any_threads_and_after_a_move(void **state) {
    (void)state;
    static const char *const args[] = {
        "{\"dtype\":\"int8\",\"max_tokens\":12,\"do_sample\":false,\"threads\":1}",
        "{\"dtype\":\"int8\",\"max_tokens\":12,\"do_sample\":false,\"threads\":3}",
        "{\"dtype\":\"int8\",\"max_tokens\":12,\"do_sample\":false,\"max_sequences\":1}",
    };
    const char *folder = tiny_folder("threads");
    char *first = NULL, *answer;
    for (size_t i = 0; i < 3; i++) {
        karma_model *m;
        assert_ok(karma_model_create(folder, args[i], &m));
        assert_ok(karma_model_run_text(m, "Is iron low?", &answer));
        if (first) assert_string_equal(answer, first);
        karma_model_unload(m);
        char *again;
        assert_ok(karma_model_to(m, "cpu"));
        assert_ok(karma_model_run_text(m, "Is iron low?", &again));
        assert_string_equal(again, answer);
        karma_free(again);
        if (first)
            karma_free(answer);
        else
            first = answer;
        karma_model_destroy(m);
    }
    karma_free(first);
    karma_clear_registry();
}

static void a_load_without_memory_gives_all_back(void **state) {
    (void)state;
    karma_model *m;
    assert_ok(karma_model_create(tiny_folder("nomem"), "{\"dtype\":\"int8\",\"threads\":1}", &m));
    const size_t live = mem_live_blocks();
    for (uint64_t call = 1;; call += 3) { /* every third: most are the tokenizer's */
        mem_fail_at(call);
        const karma_status st = karma_model_load(m);
        const bool failed = mem_fail_reached();
        mem_fail_at(0);
        assert_status(st, failed ? KARMA_E_NOMEM : KARMA_OK);
        if (!failed) break;
        assert_int_equal(mem_live_blocks(), live);
    }
    karma_model_destroy(m);
    karma_clear_registry();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(answers_are_kept_apart_from_those_of_stored_weights),
        test_case(the_estimate_is_what_it_takes),
        test_case(blocks_are_not_quantised_again),
        test_case(the_answer_is_the_same_on_any_threads_and_after_a_move),
        test_case(a_load_without_memory_gives_all_back),
    };
    return run_group("api/int8", tests);
}
