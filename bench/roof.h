/*
 * roof.h - what the machine can do at the moment of a benchmark: f32 fused multiply-adds a second
 * and bytes read from memory a second, on the same threads. Rates are reported as a share of these,
 * because a shared machine changes from one second to the next.
 */
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

enum { ROOF_FMA_LOOPS = 300000, ROOF_PIECE = 1 << 20 };

#if defined(__x86_64__)
#define ROOF_FMA(reg, n) "vfmadd231ps %%" reg "0, %%" reg "1, %%" reg #n "\n\t"
#define ROOF_TWELVE(reg)                                                                           \
    ROOF_FMA(reg, 2)                                                                               \
    ROOF_FMA(reg, 3)                                                                               \
    ROOF_FMA(reg, 4)                                                                               \
    ROOF_FMA(reg, 5)                                                                               \
    ROOF_FMA(reg, 6)                                                                               \
    ROOF_FMA(reg, 7)                                                                               \
    ROOF_FMA(reg, 8)                                                                               \
    ROOF_FMA(reg, 9)                                                                               \
    ROOF_FMA(reg, 10)                                                                              \
    ROOF_FMA(reg, 11)                                                                              \
    ROOF_FMA(reg, 12)                                                                              \
    ROOF_FMA(reg, 13)
#define ROOF_CLOBBERS                                                                              \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
        "xmm11", "xmm12", "xmm13"
#endif

static inline void roof_fma_item(void *ctx, int64_t item, int thread) {
    (void)item, (void)thread;
#if defined(__x86_64__)
    if (*(enum cpu_isa *)ctx >= CPU_ISA_AVX512)
        for (int i = 0; i < ROOF_FMA_LOOPS; i++)
            __asm__ volatile(ROOF_TWELVE("zmm")::: ROOF_CLOBBERS);
    else
        for (int i = 0; i < ROOF_FMA_LOOPS; i++)
            __asm__ volatile(ROOF_TWELVE("ymm")::: ROOF_CLOBBERS);
#else
    (void)ctx;
#endif
}

/* f32 GFLOP/s of all threads; 0 where there is no such instruction. */
static inline double roof_fma(struct pool *pool, enum cpu_isa isa) {
    if (isa == CPU_ISA_REF) return 0;
    const int items = 8 * pool_threads(pool);
    uint64_t start = clock_monotonic_ns();
    pool_run(pool, items, roof_fma_item, &isa);
    const double flops = (isa >= CPU_ISA_AVX512 ? 16.0 : 8.0) * 2 * 12 * ROOF_FMA_LOOPS * items;
    return flops / seconds_since(start) * 1e-9;
}

/* The same of products of bf16 pairs, where the set has them; else roof_fma's. */
#if defined(__x86_64__)
#define ROOF_DOT(n) "vdpbf16ps %%zmm0, %%zmm1, %%zmm" #n "\n\t"
#endif

static inline void roof_pairs_item(void *ctx, int64_t item, int thread) {
    (void)ctx, (void)item, (void)thread;
#if defined(__x86_64__)
    for (int i = 0; i < ROOF_FMA_LOOPS; i++)
        __asm__ volatile(ROOF_DOT(2) ROOF_DOT(3) ROOF_DOT(4) ROOF_DOT(5) ROOF_DOT(6) ROOF_DOT(7)
                             ROOF_DOT(8) ROOF_DOT(9) ROOF_DOT(10) ROOF_DOT(11) ROOF_DOT(12)
                                 ROOF_DOT(13)::
                                     : ROOF_CLOBBERS);
#endif
}

static inline double roof_pairs(struct pool *pool, enum cpu_isa isa) {
    if (isa != CPU_ISA_AVX512BF16) return roof_fma(pool, isa);
    const int items = 8 * pool_threads(pool);
    uint64_t start = clock_monotonic_ns();
    pool_run(pool, items, roof_pairs_item, NULL);
    return 32.0 * 2 * 12 * ROOF_FMA_LOOPS * items / seconds_since(start) * 1e-9;
}

struct roof_buffer {
    const char *data;
    size_t bytes;
    uint64_t sum; /* so that nothing is optimised away */
};

static inline void roof_read_item(void *ctx, int64_t item, int thread) {
    (void)thread;
    struct roof_buffer *b = ctx;
    const char *p = b->data + item * ROOF_PIECE;
    uint64_t sum = 0, v[4];
    for (size_t i = 0; i < ROOF_PIECE; i += 256) {
        for (size_t line = 0; line < 256; line += 64) {
            __builtin_prefetch(p + i + line + 1024);
            memcpy(&v[line / 64], p + i + line, 8);
            sum += v[line / 64];
        }
    }
    __atomic_fetch_add(&b->sum, sum, __ATOMIC_RELAXED);
}

/* GB/s of all threads over a buffer much larger than the caches. */
static inline double roof_stream(struct pool *pool, struct roof_buffer *b) {
    uint64_t start = clock_monotonic_ns();
    pool_run(pool, (int64_t)(b->bytes / ROOF_PIECE), roof_read_item, b);
    return (double)(b->bytes / ROOF_PIECE * ROOF_PIECE) / seconds_since(start) * 1e-9;
}

#endif
