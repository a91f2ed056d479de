/*
 * kernels_speech.h - inner loops of the speech steps, a part of kernel_set. The same bits in every
 * set: lanes are different outputs, each with one chain.
 */
#ifndef TENSOR_CPU_KERNELS_SPEECH_H
#define TENSOR_CPU_KERNELS_SPEECH_H

#include <stdint.h>

struct speech_kernels {
    /* y[j] = the chain over i < k of x[i] w[i * ldw + j], j < n. */
    void (*chain)(float *y, const float *x, int64_t k, const float *w, int64_t ldw, int64_t n);
    /* y[c] = bias[c] carried on by the chain over taps t of x[t][c] w[t][c], c < n, where t counts
     * n_taps pairs of rows. */
    void (*taps)(float *y, const float *const *x, const float *const *w, int n_taps,
                 const float *bias, int64_t n);
    /* y = value / (1 + exp(-gate)). */
    void (*glu)(float *y, const float *value, const float *gate, int64_t n);
    /* s = scale (s + b); the largest of them comes back, n > 0. */
    float (*add_scale_max)(float *s, const float *b, float scale, int64_t n);
    /* s = exp(s - max). */
    void (*exp_from)(float *s, float max, int64_t n);
};

void kernels_ref_speech(struct speech_kernels *k);
void kernels_avx2_speech(struct speech_kernels *k);
void kernels_avx512_speech(struct speech_kernels *k);

#endif
