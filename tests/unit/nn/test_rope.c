/* test_rope.c - frequencies against values of the reference's formulas. */
#include "tests/support/test.h"

#include <math.h>

#include "nn/rope.h"

static void assert_near(float got, double want) {
    assert_true(fabs(got - want) <= 2e-6 * fabs(want));
}

static void default_frequencies_are_powers_of_theta(void **state) {
    (void)state;
    const struct rope_spec s = {.theta = 1e6};
    float inv[64], factor;
    assert_ok(rope_frequencies(&s, 128, inv, &factor));
    const int at[] = {0, 1, 23, 30, 40, 63};
    const double want[] = {
        1, 0.805842188, 6.97830585e-3, 1.53992653e-3, 1.77827941e-4, 1.24093776e-6};
    for (int i = 0; i < 6; i++)
        assert_near(inv[at[i]], want[i]);
    assert_true(factor == 1);
}

static void linear_scaling_divides_all(void **state) {
    (void)state;
    const struct rope_spec s = {.type = ROPE_LINEAR, .theta = 1e6, .factor = 8};
    float inv[128], factor;
    assert_ok(rope_frequencies(&s, 256, inv, &factor));
    assert_near(inv[0], 0.125);
    assert_near(inv[1], 0.112210892);
    assert_near(inv[64], 1.25e-4);
    assert_near(inv[127], 1.39246732e-7);
}

static void yarn_mixes_between_its_bounds(void **state) {
    (void)state;
    struct rope_spec s = {.type = ROPE_YARN,
                          .theta = 1e6,
                          .factor = 4,
                          .original_max_position_embeddings = 32768,
                          .beta_fast = 32,
                          .beta_slow = 1,
                          .truncate = 1};
    float inv[64], factor;
    assert_ok(rope_frequencies(&s, 128, inv, &factor));
    const int at[] = {22, 23, 30, 40, 63};
    const double want[] = {8.65964323e-3, 6.97830585e-3, 1.06436098e-3, 4.44569853e-5,
                           3.10234440e-7};
    for (int i = 0; i < 5; i++)
        assert_near(inv[at[i]], want[i]);
    assert_near(factor, 1.138629436);
    s.attention_factor = 0.5;
    assert_ok(rope_frequencies(&s, 128, inv, &factor));
    assert_near(factor, 0.5);
}

static void llama3_stretches_long_wavelengths_alone(void **state) {
    (void)state;
    const struct rope_spec s = {.type = ROPE_LLAMA3,
                                .theta = 500000,
                                .factor = 8,
                                .original_max_position_embeddings = 8192,
                                .low_freq_factor = 1,
                                .high_freq_factor = 4};
    const struct rope_spec unscaled = {.theta = 500000};
    float inv[64], plain[64], factor;
    assert_ok(rope_frequencies(&s, 128, inv, &factor));
    assert_ok(rope_frequencies(&unscaled, 128, plain, &factor));
    for (int i = 0; i < 64; i++) {
        const double wavelength = 6.283185307179586 / plain[i];
        if (wavelength < 8192.0 / 4)
            assert_true(inv[i] == plain[i]);
        else if (wavelength > 8192)
            assert_near(inv[i], plain[i] / 8.0);
        else
            assert_true(inv[i] < plain[i] && inv[i] > plain[i] / 8);
    }
}

static void stored_divisors_divide(void **state) {
    (void)state;
    const float divisors[] = {1, 2, 4};
    const struct rope_spec s = {.theta = 10000, .divisors = divisors}, plain = {.theta = 10000};
    float inv[3], want[3], factor;
    assert_ok(rope_frequencies(&s, 6, inv, &factor));
    assert_ok(rope_frequencies(&plain, 6, want, &factor));
    for (int i = 0; i < 3; i++)
        assert_true(inv[i] == want[i] / divisors[i]);
}

static void what_is_not_positive_is_refused(void **state) {
    (void)state;
    const float zero[] = {0, 1, 1};
    const struct {
        struct rope_spec s;
        const char *name;
    } cases[] = {
        {{.theta = 0}, "rope_theta"},
        {{.theta = NAN}, "rope_theta"},
        {{.type = ROPE_LINEAR, .theta = 1e4}, "factor"},
        {{.type = ROPE_YARN, .theta = 1e4, .factor = 2}, "original_max_position_embeddings"},
        {{.type = ROPE_LLAMA3, .theta = 1e4, .factor = 2, .original_max_position_embeddings = 8},
         "low_freq_factor"},
        {{.type = ROPE_YARN, .theta = 1, .factor = 2, .original_max_position_embeddings = 8},
         "not a finite"},
        {{.theta = 1e4, .divisors = zero}, "not a finite"},
    };
    float inv[3], factor;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_status(rope_frequencies(&cases[i].s, 6, inv, &factor), KARMA_E_RANGE);
        assert_message_contains(cases[i].name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(default_frequencies_are_powers_of_theta),
        test_case(linear_scaling_divides_all),
        test_case(yarn_mixes_between_its_bounds),
        test_case(llama3_stretches_long_wavelengths_alone),
        test_case(stored_divisors_divide),
        test_case(what_is_not_positive_is_refused),
    };
    return run_group("nn/rope", tests);
}
