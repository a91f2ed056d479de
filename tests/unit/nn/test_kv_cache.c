/* test_kv_cache.c - who finds, shares, loses and gets which block. */
#include "tests/support/test.h"

#include "nn/kv_cache.h"

enum { N = 6 };

static void cache_make(struct kv_cache *c, int32_t n_blocks, int32_t max_idle) {
    void *memory = mem_calloc(1, kv_cache_bytes(n_blocks));
    assert_non_null(memory);
    kv_cache_init(c, n_blocks, max_idle, memory);
}

static void cache_free(struct kv_cache *c) {
    mem_free(c->blocks);
}

static const int32_t *block_tokens(int which) {
    static int32_t tokens[8][KV_BLOCK_TOKENS];
    for (int i = 0; i < KV_BLOCK_TOKENS; i++)
        tokens[which][i] = which * 100 + i;
    return tokens[which];
}

static void a_ready_block_is_found_by_its_tokens_and_its_past(void **state) {
    (void)state;
    struct kv_cache c;
    cache_make(&c, N, N);
    const int32_t first = kv_cache_take(&c), second = kv_cache_take(&c);
    const uint64_t id = kv_cache_register(&c, first, 0, block_tokens(0), KV_NONE);
    kv_cache_register(&c, second, id, block_tokens(1), KV_NONE);
    assert_int_equal(kv_cache_find(&c, 0, block_tokens(0)), first);
    assert_int_equal(kv_cache_find(&c, id, block_tokens(1)), second);
    assert_int_equal(kv_cache_find(&c, 0, block_tokens(1)), KV_NONE);
    assert_int_equal(kv_cache_find(&c, id, block_tokens(0)), KV_NONE);
    cache_free(&c);
}

static void a_released_block_is_kept_until_it_is_needed(void **state) {
    (void)state;
    struct kv_cache c;
    cache_make(&c, 2, 2);
    const int32_t a = kv_cache_take(&c);
    const uint64_t id = kv_cache_register(&c, a, 0, block_tokens(0), KV_NONE);
    kv_cache_release(&c, a, KV_NONE);
    assert_int_equal(kv_cache_unused(&c), 2);
    assert_int_equal(kv_cache_find(&c, 0, block_tokens(0)), a);
    kv_cache_ref(&c, a);
    assert_int_equal(kv_cache_unused(&c), 1);
    assert_true(c.blocks[a].identity == id && c.blocks[a].ready);
    kv_cache_release(&c, a, KV_NONE);
    kv_cache_take(&c);
    kv_cache_take(&c);
    assert_int_equal(kv_cache_unused(&c), 0);
    assert_int_equal(kv_cache_find(&c, 0, block_tokens(0)), KV_NONE);
    cache_free(&c);
}

static void the_longest_unused_goes_first_and_the_end_before_the_beginning(void **state) {
    (void)state;
    struct kv_cache c;
    cache_make(&c, 4, 4);
    int32_t blocks[4];
    uint64_t id = 0;
    for (int i = 0; i < 4; i++) {
        blocks[i] = kv_cache_take(&c);
        if (i == 2) id = 0; /* two sequences of two blocks */
        id = kv_cache_register(&c, blocks[i], id, block_tokens(i), KV_NONE);
    }
    for (int i = 1; i >= 0; i--)
        kv_cache_release(&c, blocks[i], KV_NONE);
    for (int i = 3; i >= 2; i--)
        kv_cache_release(&c, blocks[i], KV_NONE);
    const int32_t order[] = {blocks[1], blocks[0], blocks[3], blocks[2]};
    for (int i = 0; i < 4; i++)
        assert_int_equal(kv_cache_take(&c), order[i]);
    cache_free(&c);
}

static void blocks_without_content_go_before_those_with(void **state) {
    (void)state;
    struct kv_cache c;
    cache_make(&c, 3, 3);
    const int32_t kept = kv_cache_take(&c), part = kv_cache_take(&c);
    kv_cache_register(&c, kept, 0, block_tokens(0), KV_NONE);
    kv_cache_release(&c, kept, KV_NONE);
    kv_cache_release(&c, part, KV_NONE);
    assert_int_equal(kv_cache_take(&c), part);
    assert_int_equal(kv_cache_take(&c), 2); /* the fresh one */
    assert_int_equal(kv_cache_take(&c), kept);
    cache_free(&c);
}

static void few_idle_blocks_are_kept_while_there_are_fresh_ones(void **state) {
    (void)state;
    struct kv_cache c;
    cache_make(&c, 100, 2);
    int32_t highest = 0;
    for (int i = 0; i < 60; i++) { /* sequences that are never asked for again */
        int32_t tokens[KV_BLOCK_TOKENS] = {i};
        const int32_t b = kv_cache_take(&c);
        highest = b > highest ? b : highest;
        kv_cache_register(&c, b, 0, tokens, KV_NONE);
        kv_cache_release(&c, b, KV_NONE);
    }
    assert_true(highest <= 2);
    for (int i = 0; i < 100; i++)
        kv_cache_take(&c);
    assert_int_equal(kv_cache_unused(&c), 0);
    cache_free(&c);
}

static void an_equal_block_stays_private(void **state) {
    (void)state;
    struct kv_cache c;
    cache_make(&c, N, N);
    const int32_t a = kv_cache_take(&c), b = kv_cache_take(&c);
    const uint64_t id = kv_cache_register(&c, a, 0, block_tokens(0), KV_NONE);
    assert_true(kv_cache_register(&c, b, 0, block_tokens(0), KV_NONE) == id);
    assert_true(c.blocks[b].identity == 0);
    kv_cache_release(&c, b, KV_NONE);
    assert_int_equal(kv_cache_find(&c, 0, block_tokens(0)), a);
    cache_free(&c);
}

static void a_block_under_way_is_found_and_passes_to_another_filler(void **state) {
    (void)state;
    struct kv_cache c;
    cache_make(&c, N, N);
    const int32_t a = kv_cache_take(&c);
    kv_cache_register(&c, a, 0, block_tokens(0), 3);
    assert_int_equal(kv_cache_find(&c, 0, block_tokens(0)), a);
    assert_false(c.blocks[a].ready);
    kv_cache_ref(&c, a);
    kv_cache_release(&c, a, 3); /* its filler gives up, a waiter is left */
    assert_int_equal(c.blocks[a].filler, KV_NONE);
    assert_int_equal(kv_cache_find(&c, 0, block_tokens(0)), a);
    c.blocks[a].filler = 4;
    kv_cache_set_ready(&c, a);
    assert_true(c.blocks[a].ready && c.blocks[a].filler == KV_NONE);
    kv_cache_release(&c, a, 4);
    assert_int_equal(kv_cache_find(&c, 0, block_tokens(0)), a);
    cache_free(&c);
}

static void a_block_never_finished_is_forgotten(void **state) {
    (void)state;
    struct kv_cache c;
    cache_make(&c, N, N);
    const int32_t a = kv_cache_take(&c);
    kv_cache_register(&c, a, 0, block_tokens(0), 0);
    kv_cache_release(&c, a, 0);
    assert_int_equal(kv_cache_find(&c, 0, block_tokens(0)), KV_NONE);
    cache_free(&c);
}

static void the_block_most_alike_is_found(void **state) {
    (void)state;
    struct kv_cache c;
    cache_make(&c, N, N);
    int32_t x[KV_BLOCK_TOKENS], y[KV_BLOCK_TOKENS], z[KV_BLOCK_TOKENS];
    for (int i = 0; i < KV_BLOCK_TOKENS; i++) {
        x[i] = i;
        y[i] = i < 10 ? i : 500 + i;
        z[i] = i < 20 ? i : 900 + i;
    }
    const int32_t bx = kv_cache_take(&c), by = kv_cache_take(&c), bz = kv_cache_take(&c);
    kv_cache_register(&c, bx, 0, x, KV_NONE);
    kv_cache_register(&c, by, 0, y, KV_NONE);
    kv_cache_register(&c, bz, 0, z, 1); /* not ready: nothing to copy from yet */
    int32_t ask[KV_BLOCK_TOKENS], common;
    for (int i = 0; i < KV_BLOCK_TOKENS; i++)
        ask[i] = i < 15 ? i : 700;
    assert_int_equal(kv_cache_find_beginning(&c, 0, ask, KV_BLOCK_TOKENS, &common), bx);
    assert_int_equal(common, 15);
    assert_int_equal(kv_cache_find_beginning(&c, 0, ask, 4, &common), by);
    assert_int_equal(common, 4);
    assert_int_equal(kv_cache_find_beginning(&c, 0, ask, 0, &common), KV_NONE);
    assert_int_equal(kv_cache_find_beginning(&c, 77, ask, 32, &common), KV_NONE);
    ask[0] = 3;
    assert_int_equal(kv_cache_find_beginning(&c, 0, ask, 32, &common), KV_NONE);
    cache_free(&c);
}

/* A long random life: what is handed out is never in use twice, and all comes back. */
static void blocks_are_neither_lost_nor_doubled(void **state) {
    (void)state;
    enum { BLOCKS = 40, STEPS = 20000 };
    struct kv_cache c;
    cache_make(&c, BLOCKS, 7);
    int32_t held[BLOCKS];
    int n_held = 0;
    uint32_t r = 1;
    for (int step = 0; step < STEPS; step++) {
        r = r * 1664525u + 1013904223u;
        if (r >> 31 && kv_cache_unused(&c) > 0) {
            int32_t tokens[KV_BLOCK_TOKENS] = {(int32_t)(r >> 20 & 15)};
            int32_t b = kv_cache_find(&c, 0, tokens);
            if (b != KV_NONE) {
                kv_cache_ref(&c, b);
            } else {
                b = kv_cache_take(&c);
                for (int i = 0; i < n_held; i++)
                    assert_true(held[i] != b);
                kv_cache_register(&c, b, 0, tokens, KV_NONE);
            }
            if (n_held == BLOCKS)
                kv_cache_release(&c, b, KV_NONE);
            else
                held[n_held++] = b;
        } else if (n_held > 0) {
            const int at = (int)(r >> 8) % n_held;
            kv_cache_release(&c, held[at], KV_NONE);
            held[at] = held[--n_held];
        }
    }
    while (n_held > 0)
        kv_cache_release(&c, held[--n_held], KV_NONE);
    assert_int_equal(kv_cache_unused(&c), BLOCKS);
    for (int i = 0; i < BLOCKS; i++)
        kv_cache_take(&c);
    cache_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(a_ready_block_is_found_by_its_tokens_and_its_past),
        test_case(a_released_block_is_kept_until_it_is_needed),
        test_case(the_longest_unused_goes_first_and_the_end_before_the_beginning),
        test_case(blocks_without_content_go_before_those_with),
        test_case(few_idle_blocks_are_kept_while_there_are_fresh_ones),
        test_case(an_equal_block_stays_private),
        test_case(a_block_under_way_is_found_and_passes_to_another_filler),
        test_case(a_block_never_finished_is_forgotten),
        test_case(the_block_most_alike_is_found),
        test_case(blocks_are_neither_lost_nor_doubled),
    };
    return run_group("nn/kv_cache", tests);
}
