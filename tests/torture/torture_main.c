/*
 * torture_main.c - evaluations of 200 samples killed, starved and left without power:
 * torture_main PART AMOUNT [SEED]... Each part prints a line of TAP, and what did not hold before
 * it. The seed of the random choices is told where something failed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/torture/rig.h"

enum { SAMPLES = 200 };

static size_t poison(struct rig *r, size_t amount) {
    (void)amount;
    return torture_poison(r);
}

static const struct part {
    const char *name;
    size_t (*run)(struct rig *r, size_t amount);
    const char *amount;
} parts[] = {
    {"kills", torture_kills, "kills at random instants"},
    {"calls", torture_calls, "kill at every AMOUNT-th place"},
    {"errors", torture_errors, "fail every AMOUNT-th call"},
    {"shared", torture_shared, "rounds of processes on one store"},
    {"memory", torture_memory, "allocations to fail, at most"},
    {"power", torture_power, "states of the disk"},
    {"poison", poison, "of no meaning"},
};

static int usage(void) {
    fprintf(stderr, "usage: torture_main PART AMOUNT [SEED]\n");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        fprintf(stderr, "  %-8s AMOUNT: %s\n", parts[i].name, parts[i].amount);
    return 2;
}

int main(int argc, char **argv) {
    const struct part *part = NULL;
    for (size_t i = 0; argc >= 3 && i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strcmp(argv[1], parts[i].name) == 0) part = &parts[i];
    const size_t amount = argc >= 3 ? strtoul(argv[2], NULL, 10) : 0;
    if (!part || amount == 0) return usage();
    struct rig r;
    rig_begin(&r, SAMPLES, argc > 3 ? strtoull(argv[3], NULL, 10) : 0);
    const uint64_t seed = r.state;
    const size_t done = part->run(&r, amount);
    rig_end(&r);
    if (r.bad == 0 && done > 0) {
        printf("ok - %s\n", r.said);
        return 0;
    }
    printf("not ok - %s; %d things did not hold (seed %llu)\n", r.said, r.bad,
           (unsigned long long)seed);
    return 1;
}
