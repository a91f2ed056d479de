/* backend.c - from a device's name to a backend. */
#include "tensor/backend.h"

#include <string.h>

#include "base/cpu.h"
#include "tensor/cpu/cpu.h"

karma_status backend_create(const char *device, int threads, struct backend **out) {
    *out = NULL;
    if (threads < 0)
        return status_fail(KARMA_E_USAGE, "threads: %d, expected 0 (as many as there are) or more",
                           threads);
    if (strcmp(device, "auto") == 0 || strcmp(device, "cpu") == 0) {
        enum cpu_isa isa;
        karma_status st = cpu_isa_choose(&isa);
        if (st < 0) return st;
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
