/*
 * kernels_groups.h - inner loops of products of quantised weights, a part of kernel_set. A block's
 * columns are groups of small integers that share a scale; activations become integers of 16 bits,
 * one scale a row. A group's sum is an integer and exact, so every instruction set gives the same
 * bits however it adds inside one; groups then add in f32, ascending (doc/numerics.md, "Products of
 * quantised weights").
 *
 * Integers lie in pairs of 16 bits. Four columns 4c..4c+3 are two pairs, 4c under 4c+2 and 4c+1
 * under 4c+3: what a word of four bytes gives with one shift. Words 2c and 2c+1 of a panel or an
 * input are these two.
 */
#ifndef TENSOR_CPU_KERNELS_GROUPS_H
#define TENSOR_CPU_KERNELS_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/cpu/kernels_int8.h"
#include "tensor/quant.h"

enum {
    GROUP_COLS = 16,         /* the smallest group; a form has one or two of them */
    GROUP_STREAM_TOKENS = 8, /* the most that stream() takes: 1, 2, 4 or 8 */
};

/* A panel of weight rows: pairs[k / 2][rows], and a group's scale and, with minima, bias, [k /
 * group][rows]. */
struct group_panel {
    uint32_t *pairs;
    float *scale, *bias;
};

/* r rows of activations: pairs[k / 2][r], scale[r]; for weights with minima the sums of every 16
 * and every 32 integers, sum16[k / 16][r] and sum32[k / 32][r], else NULL. */
struct group_input {
    uint32_t *pairs;
    float *scale, *sum16, *sum32;
};
static inline const float *group_sums(const struct group_input *x, struct quant_form form) {
    return form.group == GROUP_COLS ? x->sum16 : x->sum32;
}

/* The scale of a row of activations from its largest magnitude. */
static inline struct int8_scale int16_scale_of(uint32_t largest) {
    return row_scale_of(largest, 32767.0f);
}

/* k, kn and k0 are multiples of a block, so of 32. */
struct group_kernels {
    /* Columns [k0, k0 + kn) of n rows; of rows beyond n anything. ahead: as in kernel_set. */
    void (*pack)(const struct group_panel *panel, enum dtype t, const uint8_t *w, size_t row_bytes,
                 int n, int64_t k0, int64_t kn, const uint8_t *ahead);
    /* acc[t][j]: groups of kn columns added to what it was, or to 0 when first; when last, times
     * the scale of row t. r = 1..16. */
    void (*tile)(float *acc, const struct group_input *x, int r, const struct group_panel *panel,
                 struct quant_form form, int64_t kn, bool first, bool last);
    /* All k columns of PANEL_ROWS rows without a panel in memory. False: not for so many rows. */
    bool (*stream)(float *acc, const struct group_input *x, int r, enum dtype t, const uint8_t *w,
                   size_t row_bytes, int64_t k, const uint8_t *ahead);
    void (*turn)(const struct group_input *xt, const float *x, int64_t ldx, int r, int64_t k);
};

void kernels_ref_groups(struct group_kernels *k);
void kernels_avx2_groups(struct group_kernels *k);
void kernels_avx512vnni_groups(struct group_kernels *k);

#endif
