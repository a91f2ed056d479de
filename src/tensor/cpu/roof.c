/*
 * roof.c - see roof.h. Twelve independent chains hide the latency of the instruction they are made
 * of; all registers are zero before, because a denormal left in one costs a hundred cycles a time.
 */
#include "tensor/cpu/roof.h"

#include <string.h>

#include "base/clock.h"

enum { LOOPS = 300000, CHAINS = 12, ITEMS_A_THREAD = 8, PIECE = 1 << 20, LINE = 64 };

static double seconds_since(uint64_t start_ns) {
    return (double)(clock_monotonic_ns() - start_ns) * 1e-9;
}

#if defined(__x86_64__)
/* lanes: multiply-adds of one instruction. */
static double rate(struct pool *pool, pool_fn chains, double lanes) {
    const int items = ITEMS_A_THREAD * pool_threads(pool);
    const uint64_t start_ns = clock_monotonic_ns();
    pool_run(pool, items, chains, NULL);
    return 2 * lanes * CHAINS * LOOPS * items / seconds_since(start_ns) * 1e-9;
}

#define CLEAR(n)     "vxorps %%xmm" #n ", %%xmm" #n ", %%xmm" #n "\n\t"
#define FMA(reg, n)  "vfmadd231ps %%" reg "0, %%" reg "1, %%" reg #n "\n\t"
#define PAIR(reg, n) "vdpbf16ps %%" reg "0, %%" reg "1, %%" reg #n "\n\t"
#define TWO(reg, n)  "vpdpwssd %%" reg "0, %%" reg "1, %%" reg #n "\n\t"
#define MADD(reg, n)                                                                               \
    "vpmaddwd %%" reg "0, %%" reg "1, %%" reg "14\n\t"                                             \
    "vpaddd %%" reg "14, %%" reg #n ", %%" reg #n "\n\t"
#define FOUR(reg, n) "vpdpbusd %%" reg "0, %%" reg "1, %%" reg #n "\n\t"
#define TWELVE(op, reg)                                                                            \
    op(reg, 2) op(reg, 3) op(reg, 4) op(reg, 5) op(reg, 6) op(reg, 7) op(reg, 8) op(reg, 9)        \
        op(reg, 10) op(reg, 11) op(reg, 12) op(reg, 13)
#define CHAINS_OF(name, op, reg)                                                                   \
    static void name(void *ctx, int64_t item, int thread) {                                        \
        (void)ctx, (void)item, (void)thread;                                                       \
        int loops = LOOPS;                                                                         \
        __asm__ volatile(CLEAR(0) CLEAR(1) CLEAR(2) CLEAR(3) CLEAR(4) CLEAR(5) CLEAR(6) CLEAR(7)   \
                             CLEAR(8) CLEAR(9) CLEAR(10) CLEAR(11) CLEAR(12) CLEAR(                \
                                 13) "1:\n\t" TWELVE(op, reg) "decl %0\n\tjnz 1b\n\tvzeroupper"    \
                         : "+r"(loops)                                                             \
                         :                                                                         \
                         : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",   \
                           "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14");           \
    }

CHAINS_OF(fma_256, FMA, "ymm")
CHAINS_OF(fma_512, FMA, "zmm")
CHAINS_OF(pairs_512, PAIR, "zmm")
CHAINS_OF(twos_512, TWO, "zmm")
CHAINS_OF(madds_256, MADD, "ymm")
CHAINS_OF(fours_512, FOUR, "zmm")

double roof_fma(struct pool *pool, enum cpu_isa isa) {
    if (isa == CPU_ISA_REF) return 0;
    return isa == CPU_ISA_AVX2 ? rate(pool, fma_256, 8) : rate(pool, fma_512, 16);
}

double roof_pairs(struct pool *pool, enum cpu_isa isa) {
    return isa == CPU_ISA_AVX512BF16 ? rate(pool, pairs_512, 32) : roof_fma(pool, isa);
}

double roof_int16(struct pool *pool, enum cpu_isa isa) {
    if (isa == CPU_ISA_REF) return 0;
    return isa >= CPU_ISA_AVX512 && cpu_has_vnni() ? rate(pool, twos_512, 32)
                                                   : rate(pool, madds_256, 16);
}

double roof_int8(struct pool *pool) {
    return cpu_has_vnni() ? rate(pool, fours_512, 64) : 0;
}
#else
double roof_fma(struct pool *pool, enum cpu_isa isa) {
    (void)pool, (void)isa;
    return 0;
}

double roof_pairs(struct pool *pool, enum cpu_isa isa) {
    return roof_fma(pool, isa);
}

double roof_int16(struct pool *pool, enum cpu_isa isa) {
    (void)pool, (void)isa;
    return 0;
}

double roof_int8(struct pool *pool) {
    (void)pool;
    return 0;
}
#endif

/* A piece is one stream, left to the processor's own look-ahead: asking for lines 1 KiB ahead read
 * 8 to 30 % less (Zen 4, two threads). */
static void read_piece(void *ctx, int64_t item, int thread) {
    (void)thread;
    struct roof_buffer *b = ctx;
    const char *p = b->data + item * PIECE;
    uint64_t sum = 0, v;
    for (size_t i = 0; i < PIECE; i += LINE) {
        memcpy(&v, p + i, sizeof(v));
        sum += v;
    }
    __atomic_fetch_add(&b->sum, sum, __ATOMIC_RELAXED);
}

double roof_stream(struct pool *pool, struct roof_buffer *b) {
    const uint64_t start_ns = clock_monotonic_ns();
    pool_run(pool, (int64_t)(b->bytes / PIECE), read_piece, b);
    return (double)(b->bytes / PIECE * PIECE) / seconds_since(start_ns) * 1e-9;
}
