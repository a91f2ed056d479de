/*
 * kernels.h - the inner loops of the CPU backend, one set per instruction set. A set begins as the
 * plain reference (kernels_ref.c, which is doc/numerics.md in C) and is overridden by what the
 * processor has. Every set gives the same bits, but for the products of pairs in the one that has
 * them; nothing here can fail, allocates or knows of threads.
 *
 * Two layouts meet in a product. A panel is PANEL_ROWS weight rows turned on their side and brought
 * to f32: panel[k][PANEL_ROWS]. A token tile is 1..TILE_TOKENS (a single one 1..STREAM_TOKENS)
 * rows of activations turned likewise: x[k][r]. The product of both is acc[r][PANEL_ROWS]. That is
 * for the plain types F32, F16 and BF16; quantised weights meet integers (kernels_groups.h), those
 * of eight bits as well (kernels_int8.h).
 */
#ifndef TENSOR_CPU_KERNELS_H
#define TENSOR_CPU_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cpu.h"
#include "tensor/backend.h"
#include "tensor/cpu/kernels_attention.h"
#include "tensor/cpu/kernels_full.h"
#include "tensor/cpu/kernels_groups.h"
#include "tensor/cpu/kernels_int8.h"
#include "tensor/cpu/kernels_speech.h"

enum {
    PANEL_ROWS = 32,
    TILE_TOKENS = 12,
    STREAM_TOKENS = 16, /* so few tokens make one tile, for the kernels that go without a panel */
    /* Columns of a weight that become one panel at a time; every block size divides it. */
    PANEL_COLS = 256,
};

struct kernel_set {
    const char *isa;

    /* panel[i][j] = w[j][k0 + i], i < kn, j < n <= PANEL_ROWS; what lies at j >= n is anything. t
     * is a plain type. ahead: as many bytes as this call reads from w are fetched into the cache
     * from there, in step; NULL: none. */
    void (*pack)(float *panel, enum dtype t, const uint8_t *w, size_t row_bytes, int n, int64_t k0,
                 int64_t kn, const uint8_t *ahead);
    /* acc[t][j] = the chain over kn products x[i][t] panel[i][j], begun at 0 when first, else
     * carried on from acc. r = 1..STREAM_TOKENS tokens. */
    void (*tile)(float *acc, const float *x, int r, const float *panel, int64_t kn, bool first);
    /* Both at once for few tokens, without a panel in memory: acc as tile() begun at 0, n =
     * PANEL_ROWS, all k columns. False: not in this set; nothing was done. */
    bool (*stream)(float *acc, const float *x, int r, enum dtype t, const uint8_t *w,
                   size_t row_bytes, int64_t k, const uint8_t *ahead);
    /* How wide stream() wants the tile of so many tokens to be; the tokens beyond are of no use. */
    const uint8_t *stream_width; /* [STREAM_TOKENS + 1] */
    /* xt[i][t] = x[t][i], i < k, t < r. */
    void (*turn)(float *xt, const float *x, int64_t ldx, int r, int64_t k);

    /* The same for bf16 weights in a set that rounds activations to bf16; NULL, all four, in the
     * others. A word holds two columns, the even one below; an odd k ends with a zero above. What
     * was [k] is [(k + 1) / 2]; kn stays a number of columns, odd only where the weight ends. */
    void (*pack_pairs)(uint32_t *panel, const uint8_t *w, size_t row_bytes, int n, int64_t k0,
                       int64_t kn, const uint8_t *ahead);
    void (*tile_pairs)(float *acc, const uint32_t *x, int r, const uint32_t *panel, int64_t kn,
                       bool first);
    bool (*stream_pairs)(float *acc, const uint32_t *x, int r, const uint8_t *w, size_t row_bytes,
                         int64_t k, const uint8_t *ahead);
    void (*turn_pairs)(uint32_t *xt, const float *x, int64_t ldx, int r, int64_t k);

    float (*sum)(const float *x, int64_t n);
    float (*sum_squares)(const float *x, int64_t n);
    /* Of x[i] - mean. */
    float (*sum_squares_from)(const float *x, float mean, int64_t n);
    void (*scale_gain)(float *y, const float *x, float scale, const float *gain, int64_t n);
    /* y[i] = (x[i] - mean) scale gain[i] + bias[i]; gain, bias NULL: none. y may be x. */
    void (*normalise)(float *y, const float *x, float mean, float scale, const float *gain,
                      const float *bias, int64_t n);
    void (*silu_mul)(float *y, const float *gate, const float *up, int64_t n);
    void (*gelu_tanh_mul)(float *y, const float *gate, const float *up, int64_t n);
    void (*add)(float *y, const float *a, const float *b, int64_t n); /* y = a + b; y may be a */
    /* In place; act is one that follows a single weight. */
    void (*activate)(float *y, enum activation act, int64_t n);
    void (*softcap)(float *y, float cap, int64_t n);

    /* x[2 halves or pairs] turned by cos[i], sin[i], i < rotary_dim / 2. */
    void (*rotate)(float *x, const float *cos, const float *sin, int32_t rotary_dim,
                   bool interleaved);
    /* r = 1..TILE_TOKENS queries and one block of keys: s[t][32] raw scores in, weights p out (0
     * outside [j0[t], j1[t])); max[t] of the scaled scores and sum[t] of the weights. */
    void (*softmax)(float *s, int r, const int *j0, const int *j1, float scale, float *max,
                    float *sum);
    /* Take the block's max and sum of r queries into theirs (m, l); a and b are what the values so
     * far and those of the block are then worth. */
    void (*combine)(float *m, float *l, const float *max, const float *sum, int r, float *a,
                    float *b);
    /* The chain over j in [j0, j1) of p[t][j] v[j][d] for every d: o[t][d] = it, or, a not NULL,
     * o[t][d] a[t] + it b[t]. p has row stride 32, v and o head_dim. */
    void (*values)(float *o, const float *p, int r, const float *v, int64_t head_dim, int j0,
                   int j1, const float *a, const float *b);
    void (*divide)(float *y, const float *o, float l, int64_t n);

    struct group_kernels groups;
    struct full_kernels full;
    struct attention_kernels attention;
    struct speech_kernels speech;
    struct int8_kernels int8;
};

/* The set for isa, which must be present. */
void kernels_init(struct kernel_set *ks, enum cpu_isa isa);

/* Each fills or overrides what it has. */
void kernels_init_ref(struct kernel_set *ks);
void kernels_init_avx2(struct kernel_set *ks);
void kernels_init_avx512(struct kernel_set *ks);
void kernels_init_ref_pairs(struct kernel_set *ks);  /* the plain products of pairs */
void kernels_init_avx512bf16(struct kernel_set *ks); /* over all of avx512 and ref_pairs */

/* The parts of a vector set that live in files of their own. */
void kernels_init_avx2_pack(struct kernel_set *ks);
void kernels_init_avx2_stream(struct kernel_set *ks);
void kernels_init_avx512_pack(struct kernel_set *ks);

/* The reference packing: any n and kn. Vector sets use it for less than full panels and steps. */
void kernels_ref_pack(float *panel, enum dtype t, const uint8_t *w, size_t row_bytes, int n,
                      int64_t k0, int64_t kn, const uint8_t *ahead);
void kernels_ref_pack_pairs(uint32_t *panel, const uint8_t *w, size_t row_bytes, int n, int64_t k0,
                            int64_t kn, const uint8_t *ahead);

#endif
