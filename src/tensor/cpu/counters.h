/*
 * counters.h - what the CPU backend's kernels have done, kept by each thread of a stream without
 * sharing and added up when asked. For tests, which must see that every path ran, and for the
 * engine's statistics.
 */
#ifndef TENSOR_CPU_COUNTERS_H
#define TENSOR_CPU_COUNTERS_H

#include <stdint.h>

#include "tensor/backend.h"

struct cpu_counters {
    uint64_t packed[DTYPE_COUNT];   /* panels brought to memory */
    uint64_t streamed[DTYPE_COUNT]; /* panels multiplied from registers */
    uint64_t tiles;                 /* token tile times panel */
    uint64_t whole_values;          /* query tiles that saw every key of a block */
    uint64_t part_values;           /* queries that saw some */
    uint64_t shared_reads;   /* KV blocks (of a layer and kv head) read for several sequences */
    uint64_t unshared_reads; /* ... for one */
};

/* The sum over the stream's threads since it was made. Between steps only. */
void cpu_stream_counters(const struct stream *s, struct cpu_counters *out);

#endif
