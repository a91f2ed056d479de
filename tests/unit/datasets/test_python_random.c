/* test_python_random.c - against values that Python 3.11's random printed. */
#include "tests/support/test.h"

#include "datasets/python_random.h"

static void draws_the_bits_of_python(void **state) {
    (void)state;
    static const uint32_t expected[] = {2746317213u, 478163327u, 107420369u, 3184935163u};
    struct python_random r;
    python_random_seed(&r, 42);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(python_random_bits(&r, 32), expected[i]);
}

static void samples_as_python_does(void **state) {
    (void)state;
    static const struct {
        uint32_t seed, n, k, expected[20];
    } cases[] = {
        {42, 10, 3, {1, 0, 4}},
        {42, 100, 5, {81, 14, 3, 94, 35}},
        {0, 20, 20, {12, 13, 1, 8, 15, 6, 19, 4, 7, 5, 9, 3, 2, 11, 17, 0, 14, 16, 18, 10}},
        {7, 1000, 6, {331, 970, 154, 404, 666, 49}},
        {42, 13092, 8, {10476, 1824, 409, 12149, 4506, 4012, 3657, 2286}},
        {4294967295u, 50, 10, {40, 39, 13, 47, 38, 33, 18, 45, 21, 24}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct python_random r;
        uint32_t got[20];
        python_random_seed(&r, cases[i].seed);
        assert_ok(python_random_sample(&r, cases[i].n, cases[i].k, got));
        for (size_t k = 0; k < cases[i].k; k++)
            assert_int_equal(got[k], cases[i].expected[k]);
    }
}

static void tells_when_memory_ends(void **state) {
    (void)state;
    struct python_random r;
    uint32_t got[3];
    python_random_seed(&r, 1);
    mem_fail_at(1);
    assert_status(python_random_sample(&r, 10, 3, got), KARMA_E_NOMEM);
    mem_fail_at(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(draws_the_bits_of_python),
        test_case(samples_as_python_does),
        test_case(tells_when_memory_ends),
    };
    return run_group("datasets/python_random", tests);
}
