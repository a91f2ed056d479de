/* clock.c - the only reader of the clocks. */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

uint64_t clock_monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t clock_thread_ns(pthread_t thread) {
    clockid_t id;
    struct timespec t;
    if (pthread_getcpuclockid(thread, &id) != 0 || clock_gettime(id, &t) != 0) return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int64_t clock_wall_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec;
}

void clock_format_utc(int64_t wall_s, char *out) {
    enum { OUT_SIZE = 32 };
    struct tm tm;
    time_t t = wall_s;
    if (!gmtime_r(&t, &tm) || !strftime(out, OUT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm)) {
        memcpy(out, "unknown", sizeof("unknown")); /* a year beyond int */
    }
}
