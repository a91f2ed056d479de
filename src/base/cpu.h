/* cpu.h - what the processor can do and how many of them we may use. */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

enum cpu_isa { CPU_ISA_REF, CPU_ISA_AVX2, CPU_ISA_AVX512, CPU_ISA_AVX512BF16, CPU_ISA_COUNT };

/* The best set present (AVX2 means AVX2+FMA+F16C; AVX512 means F, BW, VL, DQ), or what KARMA_ISA
 * names: ref, avx2, avx512, avx512bf16. Naming one that is not there or not known is E_USAGE.
 * AVX512BF16 (AVX512 and AVX512_BF16) rounds activations to bf16 before they meet a bf16 weight
 * (doc/numerics.md); the others give one another's bits. */
karma_status cpu_isa_choose(enum cpu_isa *out);
const char *cpu_isa_name(enum cpu_isa isa);
bool cpu_isa_present(enum cpu_isa isa);
bool cpu_has_vnni(void);          /* AVX512_VNNI, on a processor with AVX512 */
const char *cpu_model_name(void); /* from the system; "unknown" if it does not say */
int cpu_count(void);              /* allowed by affinity mask and cgroup quota, >= 1 */
size_t cpu_memory_bytes(void);    /* usable memory: of the machine or the cgroup, the lesser */
/* The lesser of so many and what the cgroup files below root allow ("": the system's). */
int cpu_count_of(int n, const char *root);
size_t cpu_memory_of(size_t bytes, const char *root);
size_t cpu_resident_bytes(void); /* peak resident set of this process */

#endif
