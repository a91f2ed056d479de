/* test_edit_distance.c - scripts against the plain table, for lengths about a word of bits. */
#include "tests/support/test.h"

#include "metrics/edit_distance.h"

enum { LONGEST = 300 };

/* The table as it is in books. */
static size_t plain_distance(const uint32_t *from, size_t n, const uint32_t *to, size_t m) {
    static size_t row[LONGEST + 1];
    for (size_t i = 0; i <= n; i++)
        row[i] = i;
    for (size_t j = 1; j <= m; j++) {
        size_t corner = row[0];
        row[0] = j;
        for (size_t i = 1; i <= n; i++) {
            size_t best = corner + (from[i - 1] != to[j - 1]);
            if (row[i] + 1 < best) best = row[i] + 1;
            if (row[i - 1] + 1 < best) best = row[i - 1] + 1;
            corner = row[i];
            row[i] = best;
        }
    }
    return row[n];
}

/* Does the script lead from one to the other, at the least cost? Its number of steps that cost. */
static size_t check(const uint32_t *from, size_t n, const uint32_t *to, size_t m,
                    const unsigned char *steps, size_t count) {
    size_t i = 0, j = 0, cost = 0;
    for (size_t k = 0; k < count; k++) {
        const bool takes = steps[k] != EDIT_INSERT, gives = steps[k] != EDIT_DELETE;
        assert_true(i + takes <= n && j + gives <= m);
        if (takes && gives) assert_int_equal(from[i] == to[j], steps[k] == EDIT_EQUAL);
        cost += steps[k] != EDIT_EQUAL;
        i += takes;
        j += gives;
    }
    assert_true(i == n && j == m);
    return cost;
}

static uint32_t seed = 12345;
static uint32_t below(uint32_t n) {
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static void is_as_short_as_the_plain_table_says(void **state) {
    (void)state;
    static const uint32_t alphabets[] = {1, 2, 5, 40, 400};
    uint32_t from[LONGEST], to[LONGEST];
    for (int round = 0; round < 400; round++) {
        const uint32_t letters = alphabets[round % 5];
        const size_t most = round % 7 ? 140 : LONGEST;
        const size_t n = below((uint32_t)most + 1);
        size_t m = below((uint32_t)most + 1);
        struct arena a = {0};
        const unsigned char *steps;
        size_t count;
        for (size_t i = 0; i < n; i++)
            from[i] = below(letters);
        for (size_t i = 0; i < m; i++)
            to[i] = i < n && below(3) ? from[i] : below(letters);
        assert_ok(edit_script(&a, (struct symbols){from, n}, (struct symbols){to, m}, letters,
                              &steps, &count));
        assert_int_equal(check(from, n, to, m, steps, count), plain_distance(from, n, to, m));
        arena_release(&a);
    }
}

/* Long enough to be cut several times; the cost is known: every hundredth symbol is another. */
static void cuts_what_is_long(void **state) {
    (void)state;
    enum { N = 30000 };
    uint32_t *from = malloc(N * sizeof(*from)), *to = malloc(N * sizeof(*to));
    struct arena a = {0};
    const unsigned char *steps;
    size_t count;
    for (size_t i = 0; i < N; i++) {
        from[i] = below(30);
        to[i] = i % 100 == 50 ? 30 : from[i];
    }
    assert_ok(
        edit_script(&a, (struct symbols){from, N}, (struct symbols){to, N}, 31, &steps, &count));
    assert_int_equal(check(from, N, to, N, steps, count), N / 100);
    for (size_t i = 0; i < N; i++) /* nothing in common */
        to[i] = 30;
    assert_ok(edit_script(&a, (struct symbols){from, N}, (struct symbols){to, N / 2}, 31, &steps,
                          &count));
    assert_int_equal(check(from, N, to, N / 2, steps, count), N);
    arena_release(&a);
    free(from);
    free(to);
}

static void memory_grows_with_the_length_alone(void **state) {
    (void)state;
    enum { N = 20000 };
    uint32_t *from = calloc(N, sizeof(*from)), *to = calloc(N, sizeof(*to));
    struct arena a = {.limit_bytes = N * 3};
    const unsigned char *steps;
    size_t count;
    for (uint32_t i = 0; i < N; i++) {
        from[i] = i;
        to[i] = N - 1 - i;
    }
    assert_ok(
        edit_script(&a, (struct symbols){from, N}, (struct symbols){to, N}, N, &steps, &count));
    assert_int_equal(check(from, N, to, N, steps, count), N);
    arena_release(&a);
    free(from);
    free(to);
}

static karma_status attempt(void *ctx) {
    static const uint32_t from[] = {0, 1, 2, 3}, to[] = {3, 1, 0};
    struct arena a = {0};
    const unsigned char *steps;
    size_t count;
    (void)ctx;
    karma_status st =
        edit_script(&a, (struct symbols){from, 4}, (struct symbols){to, 3}, 4, &steps, &count);
    arena_release(&a);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(attempt, NULL) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(is_as_short_as_the_plain_table_says),
        test_case(cuts_what_is_long),
        test_case(memory_grows_with_the_length_alone),
        test_case(survives_every_failing_allocation),
    };
    return run_group("metrics/edit_distance", tests);
}
