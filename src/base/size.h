/*
 * size.h - arithmetic on sizes that come from outside. Each returns false instead of wrapping and
 * leaves *out alone then. Every product or sum of numbers read from a file goes through here.
 */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool size_add(uint64_t a, uint64_t b, uint64_t *out) {
    uint64_t r;
    if (__builtin_add_overflow(a, b, &r)) return false;
    *out = r;
    return true;
}

static inline bool size_mul(uint64_t a, uint64_t b, uint64_t *out) {
    uint64_t r;
    if (__builtin_mul_overflow(a, b, &r)) return false;
    *out = r;
    return true;
}

/* For plans of memory: UINT64_MAX stands for what no number holds, and stays. */
static inline uint64_t size_sum(uint64_t a, uint64_t b) {
    uint64_t sum;
    return size_add(a, b, &sum) ? sum : UINT64_MAX;
}

static inline uint64_t size_product(uint64_t a, uint64_t b) {
    uint64_t product;
    return size_mul(a, b, &product) ? product : UINT64_MAX;
}

/* Round x up to a multiple of align, a power of two. */
static inline bool size_align_up(uint64_t x, uint64_t align, uint64_t *out) {
    uint64_t r;
    if (__builtin_add_overflow(x, align - 1, &r)) return false;
    *out = r & ~(align - 1);
    return true;
}

/* a * b as a size_t for an allocation. */
static inline bool mul_size(size_t a, size_t b, size_t *out) {
    size_t r;
    if (__builtin_mul_overflow(a, b, &r)) return false;
    *out = r;
    return true;
}

#endif
