/* roof.h - what the benchmarks share: time, medians, and what the machine can do beside them. */
#ifndef BENCH_ROOF_H
#define BENCH_ROOF_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/pool.h"
#include "tensor/cpu/cpu.h"
#include "tensor/cpu/roof.h"

static inline double seconds_since(uint64_t start_ns) {
    return (double)(clock_monotonic_ns() - start_ns) * 1e-9;
}

static inline int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double median(double *v, int n) {
    qsort(v, (size_t)n, sizeof(*v), compare_doubles);
    return v[n / 2];
}

#endif
