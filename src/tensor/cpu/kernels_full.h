/*
 * kernels_full.h - what full attention does between its two products, a part of kernel_set. Lanes
 * are queries: a block's scores are [keys][PANEL_ROWS], and no number ever meets one of another
 * lane.
 */
#ifndef TENSOR_CPU_KERNELS_FULL_H
#define TENSOR_CPU_KERNELS_FULL_H

#include <stdbool.h>
#include <stdint.h>

struct full_kernels {
    /* A block of n keys: s raw scores in, weights out. max (of scores times scale log2 e) and sum
     * are those of the keys so far, this block's are taken in; what went before is then worth a.
     * False: all of a are 1. */
    bool (*weigh)(float *s, int64_t n, float scale, float *max, float *sum, float *a);
    /* x[i][j] *= a[j], i < n, j < PANEL_ROWS. */
    void (*fade)(float *x, int64_t n, const float *a);
    /* words[i] = even[i], odd[i] rounded to bf16, the even one below; odd NULL: zeros. NULL in a
     * set without products of pairs. */
    void (*pair_rows)(uint32_t *words, const float *even, const float *odd, int64_t n);
};

void kernels_ref_full(struct full_kernels *k);
void kernels_avx2_full(struct full_kernels *k);
void kernels_avx512_full(struct full_kernels *k);
/* Each adds pair_rows. */
void kernels_ref_full_pairs(struct full_kernels *k);
void kernels_avx512bf16_full(struct full_kernels *k);

#endif
