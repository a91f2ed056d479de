/* Tests of base/random.c. The expected numbers come from a second implementation, in Python. */
#include "tests/support/test.h"

#include "base/random.h"

static void streams_are_what_they_always_were(void **state) {
    (void)state;
    static const struct {
        uint64_t seed;
        const char *key;
        size_t len;
        uint64_t want[3];
    } cases[] = {
        {0, "", 0, {0xfb5405f7bd79c540u, 0x780c98e26cea5883u, 0x2a146e0980febc66u}},
        {42, "sample-1", 8, {0xaa42ca2a32231c85u, 0x7013d55a4171f3b2u, 0x7461d699458215f0u}},
        {42, "sample-2", 8, {0x6656e3dcd17e60d3u, 0xf9e1c97496862f0cu, 0x46a2ca407805093cu}},
        {UINT64_MAX, "a\0b", 3, {0xfeae308207de0304u, 0xc094b39ded0e93b5u, 0x94e019246a05053au}},
        {7,
         "abcdefghijklmnopqrs",
         19,
         {0xac901be93a8c5f1bu, 0x10e1c08f28a729b3u, 0xbebb64b4760f6c9fu}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rng r;
        rng_init(&r, cases[i].seed, cases[i].key, cases[i].len);
        for (int k = 0; k < 3; k++)
            assert_int_equal(rng_next(&r), cases[i].want[k]);
    }
}

static void streams_differ_by_seed_and_key(void **state) {
    (void)state;
    struct rng a, b;
    rng_init(&a, 1, "key", 3);
    rng_init(&b, 2, "key", 3);
    assert_int_not_equal(rng_next(&a), rng_next(&b));
    rng_init(&a, 1, "a", 1);
    rng_init(&b, 1, "a\0", 2);
    assert_int_not_equal(rng_next(&a), rng_next(&b));
    rng_init(&a, 1, "abcdefgh1", 9);
    rng_init(&b, 1, "abcdefgh2", 9);
    assert_int_not_equal(rng_next(&a), rng_next(&b));
}

static void uniform_numbers_fill_the_half_open_interval(void **state) {
    (void)state;
    enum { N = 200000, BINS = 20 };
    int bins[BINS] = {0};
    struct rng r;
    rng_init(&r, 5, "", 0);
    double sum = 0;
    for (int i = 0; i < N; i++) {
        double u = rng_uniform(&r);
        assert_true(u >= 0 && u < 1);
        sum += u;
        bins[(int)(u * BINS)]++;
    }
    assert_true(sum / N > 0.497 && sum / N < 0.503); /* 4.6 standard errors */
    for (int i = 0; i < BINS; i++)
        assert_in_range(bins[i], 9500, 10500);
}

static void entropy_fills_every_byte_and_does_not_repeat(void **state) {
    (void)state;
    unsigned char a[600] = {0}, b[600] = {0}, any[600] = {0};
    for (int round = 0; round < 12; round++) {
        random_entropy(a, sizeof(a));
        for (size_t i = 0; i < sizeof(a); i++)
            any[i] |= a[i];
    }
    random_entropy(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    for (size_t i = 0; i < sizeof(any); i++)
        assert_int_not_equal(any[i], 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(streams_are_what_they_always_were),
        test_case(streams_differ_by_seed_and_key),
        test_case(uniform_numbers_fill_the_half_open_interval),
        test_case(entropy_fills_every_byte_and_does_not_repeat),
    };
    return run_group("base/random", tests);
}
