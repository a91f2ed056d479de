/*
 * machine.h - what this machine can do at this moment, for speeds that are told as a share of it: a
 * shared machine changes from one second to the next.
 */
#ifndef KARMA_MACHINE_H
#define KARMA_MACHINE_H

#include <stdint.h>

#include "karma/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rates of all threads together, a second. A multiply-add counts as two operations. */
typedef struct karma_machine_rates {
    uint32_t struct_size;    /* sizeof(karma_machine_rates), set by the caller */
    int32_t threads;         /* that took part */
    double stream_bytes;     /* read from memory: what decoding one sequence lives on */
    double f32_operations;   /* with the registers of the instruction set in use; 0: it is "ref" */
    double bf16_operations;  /* products of bf16 pairs; 0: the processor has none */
    double int16_operations; /* products of 16 bits, of quantised weights; as f32_operations */
    double int8_operations;  /* products of eight bits; 0: the processor lacks VNNI */
} karma_machine_rates;
/* Measure them: some tenths of a second, with 256 MiB of memory that are given back. threads: 0 is
 * as many as this process may use. E_NOMEM; E_RANGE; E_USAGE: KARMA_ISA names a set that is not
 * there. */
KARMA_API karma_status karma_measure_machine(int32_t threads, karma_machine_rates *out);

#ifdef __cplusplus
}
#endif
#endif
