/*
 * roof.h - what the threads of a pool can do at this moment: multiply-adds a second with operands
 * in registers, bytes a second read from memory. Speeds are told as a share of these, because a
 * shared machine changes from one second to the next.
 */
#ifndef TENSOR_CPU_ROOF_H
#define TENSOR_CPU_ROOF_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/pool.h"

/* GFLOP/s of f32 (a multiply-add is two), with the registers of that set; 0 for ref. */
double roof_fma(struct pool *pool, enum cpu_isa isa);
/* The same of products of bf16 pairs, where the set has them; else roof_fma's. */
double roof_pairs(struct pool *pool, enum cpu_isa isa);
/* The same of products of 16 bits, as that set's products of quantised weights have them; 0 for
 * ref. */
double roof_int16(struct pool *pool, enum cpu_isa isa);
/* The same of products of eight bits with VNNI; 0 where the processor lacks it. */
double roof_int8(struct pool *pool);

struct roof_buffer {
    const char *data; /* written once before, so that its pages are there */
    size_t bytes;
    uint64_t sum; /* so that nothing is optimised away */
};
/* GB/s of all threads over a buffer, which should be much larger than the caches. */
double roof_stream(struct pool *pool, struct roof_buffer *b);

#endif
