/*
 * kernels_tile.h - the register tile of all products: R tokens by V vectors of outputs, all k. The
 * operands' strides that matter for addresses (x's) are constants of each copy, so that one index
 * register serves all tokens. With AVX-512 12 tokens by 2 vectors are 24 accumulators of 32
 * registers; with AVX2 6 by 2 are 12 of 16.
 */
#ifndef TENSOR_CPU_KERNELS_TILE_H
#define TENSOR_CPU_KERNELS_TILE_H

#include "tensor/backend.h"
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/kernels_words.h"

enum { TILE_PASS = LANES == 16 ? 12 : 6 };

/* acc[t acc_t + c] = chain of x[k x_k + t x_t] panel[k panel_k + c]. x_t is 1 in a product, where
 * x is a token tile, and KV_BLOCK_TOKENS over values, where it holds a row of weights a query. */
struct operands {
    const float *x;
    int64_t x_k;
    const float *panel;
    int64_t panel_k;
    float *acc;
    int64_t acc_t;
    int64_t kn;
    bool first;
    const float *a, *b; /* values: acc = acc a[t] + chain b[t]; a NULL: acc = chain */
};

WORD void tile_registers(const struct operands *o, int64_t c, int t0, const int R, const int V,
                         const int64_t x_t) {
    vf a[2 * TILE_PASS];
    float *acc = o->acc + t0 * o->acc_t + c;
    UNROLL
    for (int t = 0; t < R; t++) {
        UNROLL
        for (int v = 0; v < V; v++)
            a[t * V + v] = o->first ? vf_zero() : vf_load(acc + t * o->acc_t + v * LANES);
    }
    const float *x = o->x + t0 * x_t, *w = o->panel + c;
    for (int64_t k = 0; k < o->kn; k++, x += o->x_k, w += o->panel_k) {
        vf b[4];
        UNROLL
        for (int v = 0; v < V; v++)
            b[v] = vf_load(w + v * LANES);
        UNROLL
        for (int t = 0; t < R; t++) {
            const vf s = vf_set(x[t * x_t]);
            UNROLL
            for (int v = 0; v < V; v++)
                a[t * V + v] = vf_fma(s, b[v], a[t * V + v]);
        }
    }
    if (x_t == KV_BLOCK_TOKENS && o->a) {
        UNROLL
        for (int t = 0; t < R; t++) {
            const vf old = vf_set(o->a[t0 + t]), new = vf_set(o->b[t0 + t]);
            UNROLL
            for (int v = 0; v < V; v++) {
                const vf so_far = vf_load(acc + t * o->acc_t + v * LANES);
                a[t * V + v] = vf_fma(so_far, old, a[t * V + v] * new);
            }
        }
    }
    UNROLL
    for (int t = 0; t < R; t++) {
        UNROLL
        for (int v = 0; v < V; v++)
            vf_store(acc + t * o->acc_t + v * LANES, a[t * V + v]);
    }
}

/* R tokens from t0 on, 2 vectors of columns. */
#define CASE(n, x_t)                                                                               \
    case n:                                                                                        \
        tile_registers(o, c, t0, n, 2, x_t);                                                       \
        break;
#if defined(__AVX512F__)
#define CASES(x_t)                                                                                 \
    CASE(1, x_t)                                                                                   \
    CASE(2, x_t)                                                                                   \
    CASE(3, x_t)                                                                                   \
    CASE(4, x_t)                                                                                   \
    CASE(5, x_t)                                                                                   \
    CASE(6, x_t) CASE(7, x_t) CASE(8, x_t) CASE(9, x_t) CASE(10, x_t) CASE(11, x_t) CASE(12, x_t)
#else
#define CASES(x_t) CASE(1, x_t) CASE(2, x_t) CASE(3, x_t) CASE(4, x_t) CASE(5, x_t) CASE(6, x_t)
#endif

static void tile_pass(const struct operands *o, int64_t c, int t0, int n) {
    switch (n) { CASES(1) }
}

static void values_pass(const struct operands *o, int64_t c, int t0, int n) {
    switch (n) { CASES(KV_BLOCK_TOKENS) }
}

/* One query waits on its chain: give it more chains. */
static void values_one(const struct operands *o, int64_t c) {
    tile_registers(o, c, 0, 1, 4, KV_BLOCK_TOKENS);
}

#if !defined(__AVX512F__)
/* So with few tokens, a whole panel at a time. */
static void tile_few(const struct operands *o, int r) {
    if (r == 1) tile_registers(o, 0, 0, 1, 4, 1);
    if (r == 2) tile_registers(o, 0, 0, 2, 4, 1);
    if (r == 3) tile_registers(o, 0, 0, 3, 4, 1);
}
#endif

#undef CASE
#undef CASES

#endif
