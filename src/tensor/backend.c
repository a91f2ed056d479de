/* backend.c - from a device's name to a backend. */
#include "tensor/backend.h"

#include <stdatomic.h>
#include <string.h>

#include "base/cpu.h"
#include "base/log.h"
#include "tensor/cpu/cpu.h"

/* What makes a run slow and is easily overlooked; each once in the life of the program. */
static void warn_of_slowness(enum cpu_isa isa, int threads) {
    static atomic_bool told_isa, told_threads;
    if (isa == CPU_ISA_REF && !atomic_exchange(&told_isa, true)) {
        log_warn("%s: models are computed by the plain reference code, many times slower",
                 cpu_isa_present(CPU_ISA_AVX2) ? "KARMA_ISA=ref"
                                               : "this processor has no AVX2 with FMA and F16C");
    }
    const int allowed = threads > 0 ? cpu_count() : 0;
    if (threads > allowed && !atomic_exchange(&told_threads, true)) {
        log_warn("threads: %d on %d processor%s that may be used: no faster than %d, and perhaps "
                 "slower",
                 threads, allowed, allowed == 1 ? "" : "s", allowed);
    }
}

karma_status backend_create(const char *device, int threads, struct backend **out) {
    *out = NULL;
    if (threads < 0)
        return status_fail(KARMA_E_USAGE, "threads: %d, expected 0 (as many as there are) or more",
                           threads);
    if (strcmp(device, "auto") == 0 || strcmp(device, "cpu") == 0) {
        enum cpu_isa isa;
        karma_status st = cpu_isa_choose(&isa);
        if (st < 0) return st;
        warn_of_slowness(isa, threads);
        return cpu_backend_create(isa, threads, out);
    }
    if (strcmp(device, "cuda") == 0 || strncmp(device, "cuda:", 5) == 0)
        return status_fail(KARMA_E_USAGE, "device %s: this build has no CUDA; there is: auto, cpu",
                           status_quotez(device));
    return status_fail(KARMA_E_USAGE, "device %s is not known; there is: auto, cpu",
                       status_quotez(device));
}

void backend_destroy(struct backend *be) {
    if (be) be->ops->destroy(be);
}
