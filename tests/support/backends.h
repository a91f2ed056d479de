/*
 * backends.h - for tests of the CPU backend: every instruction set the processor has, reproducible
 * numbers, weights of any type made of them, and equality to the bit (a NaN equals a NaN: which one
 * it is no kernel promises).
 */
#ifndef TESTS_SUPPORT_BACKENDS_H
#define TESTS_SUPPORT_BACKENDS_H

#include <math.h>

#include "base/random.h"
#include "tensor/cpu/cpu.h"
#include "tensor/quant.h"
#include "tests/support/test.h"

static inline float random_float(struct rng *r, float bound) {
    return (float)(rng_uniform(r) * 2 - 1) * bound;
}

static inline float *random_floats(struct rng *r, int64_t n, float bound) {
    float *x = mem_alloc_aligned(64, (size_t)n * sizeof(*x));
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++)
        x[i] = random_float(r, bound);
    return x;
}

/* Where a block keeps its f16 scales; -1 ends. */
static inline const int *scale_offsets(enum dtype t) {
    static const int none[] = {-1}, first[] = {0, -1}, two[] = {0, 2, -1};
    static const int q2[] = {80, 82, -1}, q3[] = {108, -1}, q6[] = {208, -1};
    switch (t) {
    case DTYPE_F32:
    case DTYPE_F16:
    case DTYPE_BF16:
        return none;
    case DTYPE_Q4_1:
    case DTYPE_Q5_1:
    case DTYPE_Q4_K:
    case DTYPE_Q5_K:
        return two;
    case DTYPE_Q2_K:
        return q2;
    case DTYPE_Q3_K:
        return q3;
    case DTYPE_Q6_K:
        return q6;
    default:
        return first;
    }
}

struct weight {
    uint8_t *memory; /* owned */
    struct tensor tensor;
    float *f32; /* owned: what dequantize() makes of it */
};

static inline void weight_refresh(struct weight *w) {
    const struct tensor *t = &w->tensor;
    for (int64_t i = 0; i < t->rows; i++)
        dequantize(t->dtype, (const uint8_t *)t->data + (size_t)i * t->row_bytes,
                   w->f32 + i * t->cols, t->cols);
}

/* A weight that begins `offset` bytes after an aligned address and ends where its memory does. */
static inline struct weight random_weight(struct backend *be, struct rng *r, enum dtype t,
                                          int64_t rows, int64_t cols, size_t offset) {
    struct weight w = {0};
    uint64_t row_bytes;
    assert_true(dtype_bytes(t, (uint64_t)cols, &row_bytes));
    const size_t bytes = (size_t)row_bytes * (size_t)rows;
    w.memory = mem_alloc(bytes + offset);
    w.f32 = mem_alloc((size_t)(rows * cols) * sizeof(float));
    assert_non_null(w.memory);
    assert_non_null(w.f32);
    uint8_t *data = w.memory + offset;
    const size_t block = dtype_block_bytes(t);
    for (size_t at = 0; at < bytes; at += block) {
        const float v = random_float(r, 0.1f);
        const uint16_t half = f32_to_f16(v), brain = f32_to_bf16(v);
        if (t == DTYPE_F32) {
            memcpy(data + at, &v, sizeof(v));
        } else if (t == DTYPE_F16) {
            memcpy(data + at, &half, sizeof(half));
        } else if (t == DTYPE_BF16) {
            memcpy(data + at, &brain, sizeof(brain));
        } else {
            for (size_t i = 0; i < block; i++)
                data[at + i] = (uint8_t)rng_next(r);
            for (const int *o = scale_offsets(t); *o >= 0; o++) {
                const uint16_t scale = f32_to_f16(random_float(r, 0.01f));
                memcpy(data + at + *o, &scale, sizeof(scale));
            }
        }
    }
    assert_ok(be->ops->weight_load(be, t, rows, cols, data, &w.tensor));
    weight_refresh(&w);
    return w;
}

static inline void weight_free(struct backend *be, struct weight *w) {
    be->ops->weight_release(be, &w->tensor);
    mem_free(w->memory);
    mem_free(w->f32);
}

static inline bool same_float(float a, float b) {
    return memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b));
}

#define assert_same(got, want, n, ...) test_same(got, want, n, __FILE__, __LINE__, __VA_ARGS__)
__attribute__((format(printf, 6, 7))) static inline void test_same(const float *got,
                                                                   const float *want, int64_t n,
                                                                   const char *file, int line,
                                                                   const char *what, ...) {
    for (int64_t i = 0; i < n; i++) {
        if (same_float(got[i], want[i])) continue;
        char text[256];
        va_list args;
        va_start(args, what);
        vsnprintf(text, sizeof(text), what, args);
        va_end(args);
        print_error("%s: [%lld] is %.9g (%a), expected %.9g (%a)\n", text, (long long)i,
                    (double)got[i], (double)got[i], (double)want[i], (double)want[i]);
        _fail(file, line);
    }
}

/* For each instruction set this processor has. */
#define for_each_isa(isa)                                                                          \
    for (enum cpu_isa isa = CPU_ISA_REF; isa < CPU_ISA_COUNT; isa++)                               \
        if (cpu_isa_present(isa))

/* A backend of one instruction set with a stream. */
struct machine {
    struct backend *be;
    struct stream *s;
    enum cpu_isa id;
    const char *isa;
};

static inline struct machine machine_open(enum cpu_isa isa, int threads,
                                          const struct stream_limits *limits) {
    struct machine m = {.id = isa, .isa = cpu_isa_name(isa)};
    assert_ok(cpu_backend_create(isa, threads, &m.be));
    assert_ok(m.be->ops->stream_create(m.be, limits, &m.s));
    return m;
}

static inline void machine_close(struct machine *m) {
    m->be->ops->stream_destroy(m->s);
    backend_destroy(m->be);
}

#endif
