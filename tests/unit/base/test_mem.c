/* Tests of base/mem.c: counting, injected failures, arenas. */
#include "tests/support/test.h"

#include <pthread.h>

#include "base/buf.h"
#include "karma/meta.h"

static void counts_live_blocks_and_bytes(void **state) {
    (void)state;
    size_t blocks = mem_live_blocks(), bytes = mem_live_bytes();
    uint64_t calls = mem_call_count();
    char *p = mem_alloc(100);
    char *q = mem_calloc(10, 10);
    assert_non_null(p);
    assert_int_equal(mem_live_blocks(), blocks + 2);
    assert_true(mem_live_bytes() >= bytes + 200);
    assert_int_equal(mem_call_count(), calls + 2);
    for (int i = 0; i < 100; i++)
        assert_int_equal(q[i], 0);
    mem_free(p);
    karma_free(q);
    mem_free(NULL);
    assert_int_equal(mem_live_blocks(), blocks);
    assert_int_equal(mem_live_bytes(), bytes);
}

static void gives_unique_blocks_for_size_zero(void **state) {
    (void)state;
    char *p = mem_alloc(0), *q = mem_calloc(0, 8), *r = mem_realloc(NULL, 0);
    assert_true(p && q && r && p != q && q != r && p != r);
    r = mem_realloc(r, 0);
    assert_non_null(r);
    mem_free(p);
    mem_free(q);
    mem_free(r);
}

static void refuses_impossible_sizes_with_a_message(void **state) {
    (void)state;
    volatile size_t huge = SIZE_MAX / 2 + 5;
    assert_null(mem_alloc(huge));
    assert_message_contains("out of memory: 9223372036854775812 bytes asked for");
    assert_null(mem_calloc(huge, 4));
    assert_message_contains("9223372036854775812 times 4 bytes");
    char *p = mem_strdup("kept");
    assert_null(mem_realloc(p, huge));
    assert_string_equal(p, "kept");
    assert_null(mem_alloc_aligned(64, SIZE_MAX - 3));
    mem_free(p);
}

static void aligns_blocks(void **state) {
    (void)state;
    for (size_t align = 16; align <= 4096; align *= 2) {
        for (size_t size = 0; size < 130; size += 43) {
            unsigned char *p = mem_alloc_aligned(align, size);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % align, 0);
            memset(p, 0xff, size);
            mem_free(p);
        }
    }
}

static void copies_strings_with_their_length(void **state) {
    (void)state;
    char *p = mem_strndup("a\0b", 3);
    assert_memory_equal(p, "a\0b", 4);
    mem_free(p);
    p = mem_strdup("");
    assert_string_equal(p, "");
    mem_free(p);
}

static void fails_the_call_that_was_asked_for(void **state) {
    (void)state;
    mem_fail_at(2);
    char *p = mem_alloc(1);
    assert_non_null(p);
    assert_false(mem_fail_reached());
    assert_null(mem_realloc(p, 77));
    assert_message_contains("77 bytes");
    assert_true(mem_fail_reached());
    p = mem_realloc(p, 77);
    assert_non_null(p);
    mem_fail_from(2);
    char *q = mem_alloc(1);
    assert_non_null(q);
    assert_null(mem_alloc(1));
    assert_null(mem_alloc_aligned(16, 1));
    mem_fail_from(0);
    assert_false(mem_fail_reached());
    mem_free(p);
    mem_free(q);
    q = mem_alloc(1);
    assert_non_null(q);
    mem_free(q);
}

static void *allocate_many(void *arg) {
    (void)arg;
    for (int i = 0; i < 2000; i++) {
        char *p = mem_alloc((size_t)i);
        p = mem_realloc(p, (size_t)i * 3);
        mem_free(p);
    }
    return NULL;
}

static void counts_from_many_threads(void **state) {
    (void)state;
    size_t blocks = mem_live_blocks(), bytes = mem_live_bytes();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, allocate_many, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(mem_live_blocks(), blocks);
    assert_int_equal(mem_live_bytes(), bytes);
}

static void arena_blocks_are_zeroed_aligned_and_apart(void **state) {
    (void)state;
    struct arena a = {0};
    unsigned char *blocks[300];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 300; i++) {
            blocks[i] = arena_alloc(&a, i * 7);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % 16, 0);
            for (size_t k = 0; k < i * 7; k++)
                assert_int_equal(blocks[i][k], 0);
            memset(blocks[i], (int)(i & 0xff) | 1, i * 7);
        }
        for (size_t i = 0; i < 300; i++) {
            for (size_t k = 0; k < i * 7; k++)
                assert_int_equal(blocks[i][k], (i & 0xff) | 1);
        }
        arena_reset(&a);
        assert_int_equal(a.used_bytes, 0);
    }
    arena_release(&a);
    arena_release(&a);
    char *again = arena_strdup(&a, "usable again");
    assert_string_equal(again, "usable again");
    arena_release(&a);
}

static void arena_reuses_a_chunk_after_reset(void **state) {
    (void)state;
    struct arena a = {0};
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&a, 1000));
    arena_reset(&a);
    uint64_t calls = mem_call_count();
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 30; i++)
            assert_non_null(arena_alloc(&a, 1000));
        arena_reset(&a);
    }
    assert_int_equal(mem_call_count(), calls);
    arena_release(&a);
}

static void arena_keeps_its_chunk_when_a_large_block_passes(void **state) {
    (void)state;
    struct arena a = {0};
    uint64_t calls = mem_call_count();
    char *small = arena_strdup(&a, "small");
    char *large = arena_alloc(&a, 4 << 20);
    char *after = arena_strdup(&a, "after");
    assert_true(small && large && after);
    large[(4 << 20) - 1] = 1;
    assert_int_equal(mem_call_count(), calls + 2);
    assert_string_equal(small, "small");
    arena_release(&a);
}

static void arena_limit_is_a_limit(void **state) {
    (void)state;
    struct arena a = {.limit_bytes = 1000};
    assert_non_null(arena_alloc(&a, 500));
    assert_null(arena_alloc(&a, 500));
    assert_message_contains("more than 1000 bytes");
    assert_non_null(arena_alloc(&a, 400));
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 1000 - 8));
    arena_release(&a);
}

static void arena_refuses_impossible_sizes(void **state) {
    (void)state;
    struct arena a = {0};
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 15));
    assert_null(arena_calloc(&a, SIZE_MAX / 2, 3));
    assert_message_contains("out of memory");
    assert_non_null(arena_calloc(&a, 0, 8));
    arena_release(&a);
}

static void arena_formats_and_copies(void **state) {
    (void)state;
    struct arena a = {0};
    assert_string_equal(arena_printf(&a, "%s-%d", "x", 7), "x-7");
    assert_memory_equal(arena_strndup(&a, "a\0b", 3), "a\0b", 4);
    int v[3] = {1, 2, 3};
    assert_memory_equal(arena_dup(&a, v, sizeof(v)), v, sizeof(v));
    assert_non_null(arena_dup(&a, NULL, 0));
    char long_text[5000];
    memset(long_text, 'y', sizeof(long_text));
    long_text[4999] = '\0';
    assert_string_equal(arena_printf(&a, "%s", long_text), long_text);
    arena_release(&a);
}

static karma_status fill_arena(void *ctx) {
    struct arena a = {0};
    karma_status st = KARMA_OK;
    for (int i = 0; i < *(int *)ctx && st == KARMA_OK; i++) {
        if (!arena_alloc(&a, 100)) st = KARMA_E_NOMEM;
    }
    arena_release(&a);
    return st;
}

static void every_arena_call_can_be_made_to_fail(void **state) {
    (void)state;
    int n = 40;
    /* 40 calls and the chunks they needed */
    assert_true(for_each_failing_allocation(fill_arena, &n) > 40);
    n = 3000;
    assert_true(for_each_failing_allocation(fill_arena, &n) > 2900);
}

static void large_tables_are_zeroed_and_small_ones_too(void **state) {
    (void)state;
    const size_t counts[] = {1, 4096, (4 << 20) / 8, (4 << 20) / 8 + 1};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        uint64_t *p = mem_calloc_table(counts[i], sizeof(*p)), any = 0;
        assert_non_null(p);
        for (size_t k = 0; k < counts[i]; k++)
            any |= p[k];
        assert_true(any == 0);
        mem_free(p);
    }
    assert_null(mem_calloc_table(SIZE_MAX / 4, 8));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(large_tables_are_zeroed_and_small_ones_too),
        test_case(counts_live_blocks_and_bytes),
        test_case(gives_unique_blocks_for_size_zero),
        test_case(refuses_impossible_sizes_with_a_message),
        test_case(aligns_blocks),
        test_case(copies_strings_with_their_length),
        test_case(fails_the_call_that_was_asked_for),
        test_case(counts_from_many_threads),
        test_case(arena_blocks_are_zeroed_aligned_and_apart),
        test_case(arena_reuses_a_chunk_after_reset),
        test_case(arena_keeps_its_chunk_when_a_large_block_passes),
        test_case(arena_limit_is_a_limit),
        test_case(arena_refuses_impossible_sizes),
        test_case(arena_formats_and_copies),
        test_case(every_arena_call_can_be_made_to_fail),
    };
    return run_group("base/mem", tests);
}
