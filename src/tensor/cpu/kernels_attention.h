/*
 * kernels_attention.h - attention over a cache in bf16, a part of kernel_set: products of pairs
 * (doc/numerics.md). A tile is 1..TILE_TOKENS queries; of its numbers of queries and keys, words
 * hold two. Where a result has room for TILE_TOKENS queries, what lies beyond n is anything.
 */
#ifndef TENSOR_CPU_KERNELS_ATTENTION_H
#define TENSOR_CPU_KERNELS_ATTENTION_H

#include <stdbool.h>
#include <stdint.h>

enum { ATTENTION_STRIDE = 16 }; /* words from a pair of dimensions to the next in a tile */

/* All NULL in a set without products of pairs. */
struct attention_kernels {
    /* words[i stride + t] = the pair i of rows[t] in bf16, t < n <= 16; an odd head_dim ends with a
     * zero above. */
    void (*turn)(uint32_t *words, int64_t stride, const float *const *rows, int n,
                 int64_t head_dim);
    /* The lower or (odd) the upper halves of words[i], i < n; the others are not touched. */
    void (*put_half)(uint32_t *words, const float *x, bool odd, int64_t n);
    /* s[t][KV_BLOCK_TOKENS] = the chain over pairs of dimensions, from 0, of the tile's queries and
     * the keys of a block. */
    void (*scores)(float *s, const uint32_t *tile, int n, const uint32_t *keys, int64_t head_dim);
    /* Raw scores to weights in pairs of keys, p[t][KV_BLOCK_TOKENS / 2], 0 outside [j0[t], j1[t]);
     * max[TILE_TOKENS] of the scaled scores and sum[TILE_TOKENS] of the weights. */
    void (*weigh)(uint32_t *p, const float *s, int n, const int *j0, const int *j1, float scale,
                  float *max, float *sum);
    /* o[t][d] = o[t][d] a[t] + b[t] times the chain, from 0, over the pairs of keys in which t sees
     * one, half pairs with a zero in place of the value that it does not see. o has row stride
     * head_dim. */
    void (*values)(float *o, const uint32_t *p, int n, const uint32_t *v, int64_t head_dim,
                   const int *j0, const int *j1, const float *a, const float *b);
    /* y[i] = o[i] (1 / l). */
    void (*settle)(float *y, const float *o, float l, int64_t n);
};

void kernels_ref_attention_pairs(struct attention_kernels *k);
void kernels_avx512bf16_attention(struct attention_kernels *k);

#endif
