/* Tests of base/clock.c. */
#include "tests/support/test.h"

#include <unistd.h>

#include "base/clock.h"

static void monotonic_time_goes_forward(void **state) {
    (void)state;
    uint64_t a = clock_monotonic_ns();
    usleep(2000);
    uint64_t b = clock_monotonic_ns();
    assert_true(b >= a + 2000000);
    assert_true(b < a + UINT64_C(60000000000));
}

static void the_time_of_a_thread_is_what_it_works(void **state) {
    (void)state;
    const uint64_t before = clock_thread_ns(pthread_self());
    assert_true(before > 0);
    usleep(50000);
    const uint64_t slept = clock_thread_ns(pthread_self());
    assert_true(slept - before < 40000000);
    const uint64_t start_ns = clock_monotonic_ns();
    while (clock_thread_ns(pthread_self()) < slept + 2000000)
        assert_true(clock_monotonic_ns() - start_ns < UINT64_C(60000000000));
}

static void wall_time_is_this_century(void **state) {
    (void)state;
    assert_true(clock_wall_s() > 1700000000);
}

static void formats_utc_whatever_the_time_zone(void **state) {
    (void)state;
    char out[32];
    setenv("TZ", "Asia/Kolkata", 1);
    clock_format_utc(0, out);
    assert_string_equal(out, "1970-01-01T00:00:00Z");
    clock_format_utc(1795341600, out);
    assert_string_equal(out, "2026-11-22T10:00:00Z");
    clock_format_utc(4294967296, out); /* beyond 2106 */
    assert_string_equal(out, "2106-02-07T06:28:16Z");
    clock_format_utc(-1, out);
    assert_string_equal(out, "1969-12-31T23:59:59Z");
    clock_format_utc(INT64_MAX, out);
    assert_string_equal(out, "unknown");
    unsetenv("TZ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(monotonic_time_goes_forward),
        test_case(the_time_of_a_thread_is_what_it_works),
        test_case(wall_time_is_this_century),
        test_case(formats_utc_whatever_the_time_zone),
    };
    return run_group("base/clock", tests);
}
