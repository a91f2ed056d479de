/*
 * power.c - evaluations that lose power: at a random call of SQLite's to its disk, with a random
 * part of what was pending on it (power_vfs.h). Every other time the run that goes on loses power
 * too. What was reported complete must be in the store then.
 */
#include <stdio.h>
#include <sys/wait.h>

#include "tests/support/power_vfs.h"
#include "tests/torture/rig.h"

static uint64_t count_calls(struct rig *r) {
    const struct rig_run run = {.batch = 16, .lose_power = 1};
    rig_clear(r);
    const int status = rig_do(r, &run);
    if (status != 0)
        rig_wrong(r, "a run on a disk that loses nothing: status %x: %s", (unsigned)status,
                  rig_news()->message);
    rig_same(r, RIG_ORACLE, false, "on a disk that loses nothing");
    return atomic_load(&rig_news()->power_calls);
}

/* false: the run ended before. */
static bool lose_once(struct rig *r, struct rig_run *run, uint64_t calls, size_t *reported) {
    char store[400];
    snprintf(store, sizeof(store), "%s/store.db", r->place);
    run->lose_at = 1 + rig_random(r, calls);
    run->lose_seed = rig_random(r, UINT64_C(1) << 31);
    const int status = rig_do(r, run);
    const struct rig_news *news = rig_news();
    if (atomic_load(&news->began) && atomic_load(&news->cached) < *reported)
        rig_wrong(r, "power lost: %zu reported complete, %zu found", *reported,
                  atomic_load(&news->cached));
    if (atomic_load(&news->done) > *reported) *reported = atomic_load(&news->done);
    const bool lost = WIFEXITED(status) && WEXITSTATUS(status) == POWER_LOST_STATUS;
    if (lost)
        power_vfs_restore(store);
    else if (status != 0)
        rig_wrong(r, "after power was lost: status %x: %s", (unsigned)status, news->message);
    return lost;
}

static size_t run_states(struct rig *r, size_t states, int disk, uint64_t calls, size_t *kept) {
    size_t lost = 0;
    for (size_t i = 0; lost < states; i++) {
        struct rig_run run = {.batch = 16, .lose_power = disk};
        char after[100];
        size_t reported = 0;
        rig_clear(r);
        lost += lose_once(r, &run, calls, &reported);
        if (i % 2) lost += lose_once(r, &run, calls, &reported);
        *kept += reported > 0;
        snprintf(after, sizeof(after), "power lost at call %llu, seed %llu",
                 (unsigned long long)run.lose_at, (unsigned long long)run.lose_seed);
        run.lose_power = 0;
        rig_resume(r, &run, reported, after);
    }
    return lost;
}

size_t torture_power(struct rig *r, size_t states) {
    size_t kept = 0, unused = 0;
    const uint64_t calls = count_calls(r);
    const size_t lost = run_states(r, states, 1, calls, &kept);
    /* Would it be noticed? On a disk that lies about its syncs something must be. */
    const int bad = r->bad;
    r->quiet = true;
    run_states(r, 40, 2, calls, &unused);
    r->quiet = false;
    const int noticed = r->bad - bad;
    r->bad = bad;
    if (noticed == 0) rig_wrong(r, "a disk that lies about its syncs was not noticed");
    rig_say(r,
            "%zu states of the disk after power was lost, at any of %llu calls (%zu times samples "
            "had been reported); on a disk that lies 40 were noticed %d times",
            lost, (unsigned long long)calls, kept, noticed);
    return lost;
}
