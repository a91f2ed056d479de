/* machine.c - karma/machine.h on top of tensor/cpu/roof.h. */
#include "karma/machine.h"

#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "tensor/cpu/roof.h"

enum { STREAM_BYTES = 256 << 20, PASSES = 4 };

struct meter {
    struct pool *pool;
    enum cpu_isa isa; /* of the products to measure */
    struct roof_buffer buffer;
};

static double stream(struct meter *m) {
    return roof_stream(m->pool, &m->buffer);
}

static double f32(struct meter *m) {
    return roof_fma(m->pool, m->isa);
}

static double bf16(struct meter *m) {
    return roof_pairs(m->pool, CPU_ISA_AVX512BF16);
}

static double int16(struct meter *m) {
    return roof_int16(m->pool, m->isa);
}

static double int8(struct meter *m) {
    return roof_int8(m->pool);
}

/* The mean of passes, a second: a neighbour may have the processor during one. The first, in which
 * threads wake, does not count. */
static double mean_rate(struct meter *m, double (*giga)(struct meter *m)) {
    double s_per_giga = 0;
    if (giga(m) <= 0) return 0;
    for (int i = 0; i < PASSES; i++)
        s_per_giga += 1 / giga(m);
    return 1e9 * PASSES / s_per_giga;
}

karma_status karma_measure_machine(int32_t threads, karma_machine_rates *out) {
    struct meter m = {0};
    char *bytes = NULL;
    if (out->struct_size != sizeof(*out))
        return status_fail(KARMA_E_ABI, "karma_machine_rates: expected %zu bytes, found %u",
                           sizeof(*out), out->struct_size);
    *out = (karma_machine_rates){.struct_size = sizeof(*out)};
    karma_status st = cpu_isa_choose(&m.isa);
    if (st == KARMA_OK) st = pool_create(threads == 0 ? cpu_count() : threads, &m.pool);
    if (st == KARMA_OK && !(bytes = mem_alloc(STREAM_BYTES))) st = KARMA_E_NOMEM;
    if (st == KARMA_OK) {
        memset(bytes, 1, STREAM_BYTES);
        m.buffer = (struct roof_buffer){.data = bytes, .bytes = STREAM_BYTES};
        out->threads = pool_threads(m.pool);
        out->stream_bytes = mean_rate(&m, stream);
        out->f32_operations = mean_rate(&m, f32);
        if (cpu_isa_present(CPU_ISA_AVX512BF16)) out->bf16_operations = mean_rate(&m, bf16);
        out->int16_operations = mean_rate(&m, int16);
        out->int8_operations = mean_rate(&m, int8);
    }
    mem_free(bytes);
    pool_destroy(m.pool);
    return st;
}
