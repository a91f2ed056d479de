/*
 * kills.c - runs ended by SIGKILL: at random instants, before, after and in the middle of every
 * call that changes a file, while others share the store, and by one of their own samples.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/torture/rig.h"

static void sleep_us(uint64_t us) {
    const struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
    nanosleep(&t, NULL);
}

static bool was_killed(int status) {
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* A run that is killed after a random time; false: it was faster. *reported grows. */
static bool kill_once(struct rig *r, const struct rig_run *run, uint64_t most_us,
                      size_t *reported) {
    const pid_t pid = rig_start(r, run);
    sleep_us(rig_random(r, most_us));
    kill(pid, SIGKILL);
    const int status = rig_wait(pid);
    const struct rig_news *news = rig_news();
    if (atomic_load(&news->began) && atomic_load(&news->cached) < *reported)
        rig_wrong(r, "%zu reported complete, %zu found by the run after", *reported,
                  atomic_load(&news->cached));
    if (atomic_load(&news->done) > *reported) *reported = atomic_load(&news->done);
    if (!was_killed(status) && status != 0)
        rig_wrong(r, "a run nobody had killed yet: status %x: %s", (unsigned)status, news->message);
    return was_killed(status);
}

/* Every other sequence is of the real model. One sequence: killed once or twice, then left alone.
 */
size_t torture_kills(struct rig *r, size_t n) {
    size_t killed[RIG_MODELS] = {0}, kept = 0;
    for (unsigned i = 0; killed[RIG_ORACLE] + killed[RIG_REAL] < n; i++) {
        const enum rig_model model =
            killed[RIG_ORACLE] < (n + 1) / 2 && (i % 2 == 0 || killed[RIG_REAL] >= n / 2)
                ? RIG_ORACLE
                : RIG_REAL;
        const struct rig_run run = {.model = model,
                                    .batch = (int)rig_random(r, 15) + 2,
                                    .delay_us = (int)rig_random(r, 80)};
        /* Beside the wait a pause of the oracle takes some 60 us to end. */
        const double slow = model == RIG_ORACLE ? (double)r->n * (run.delay_us + 60) * 1e-6 : 0;
        const uint64_t most_us = (uint64_t)((r->seconds[model] + slow) * 1.1e6);
        size_t reported = 0;
        rig_clear(r);
        killed[model] += kill_once(r, &run, most_us, &reported);
        if (i % 4 < 2) killed[model] += kill_once(r, &run, most_us, &reported);
        kept += reported > 0;
        rig_resume(r, &run, reported, "killed at a random instant");
    }
    rig_say(r,
            "%zu kills at random instants (%zu with a real model; %zu times samples had been "
            "reported)",
            killed[RIG_ORACLE] + killed[RIG_REAL], killed[RIG_REAL], kept);
    return killed[RIG_ORACLE] + killed[RIG_REAL];
}

/* How many calls of these kinds an undisturbed run makes. */
static uint64_t count_calls(struct rig *r, const struct rig_run *run, unsigned kinds) {
    const struct fault_plan plan = {.under = r->place, .kinds = kinds};
    struct rig_run counted = *run;
    counted.fault = &plan;
    rig_clear(r);
    const int status = rig_do(r, &counted);
    if (status != 0) rig_wrong(r, "a run that is only watched: status %x", (unsigned)status);
    return atomic_load(&rig_news()->faults.calls);
}

size_t torture_calls(struct rig *r, size_t stride) {
    static const enum fault_action actions[] = {FAULT_KILL_BEFORE, FAULT_KILL_HALF,
                                                FAULT_KILL_AFTER};
    size_t points = 0, turn = 0;
    for (int m = 0; m < RIG_MODELS; m++) {
        struct rig_run run = {.model = (enum rig_model)m, .batch = 8};
        const uint64_t calls = count_calls(r, &run, FAULT_CHANGES);
        for (uint64_t at = 1; at <= calls; at++)
            for (size_t k = 0; k < sizeof(actions) / sizeof(actions[0]); k++) {
                if (turn++ % stride) continue;
                const struct fault_plan plan = {
                    .under = r->place, .action = actions[k], .at = at, .kinds = FAULT_CHANGES};
                char after[200];
                rig_clear(r);
                run.fault = &plan;
                const int status = rig_do(r, &run);
                snprintf(after, sizeof(after), "killed at call %llu (%s)", (unsigned long long)at,
                         rig_news()->faults.call);
                if (!was_killed(status)) rig_wrong(r, "%s: status %x", after, (unsigned)status);
                rig_resume(r, &run, atomic_load(&rig_news()->done), after);
                points++;
            }
    }
    rig_say(r, "%zu kills before, in and after calls that change a file%s", points,
            stride > 1 ? "" : ": all of a run with an oracle and of one with a real model");
    return points;
}

/* --- several processes ------------------------------------------------------------------------ */

enum { MOST_PROCESSES = 8 };

static void same_file(struct rig *r, const char *path, const struct buf *want, const char *what) {
    struct buf found = {0};
    if (file_read(path, 64 << 20, &found) < 0 || found.len != want->len ||
        memcmp(found.data, want->data, want->len) != 0)
        rig_wrong(r, "%s: %s differs", what, path);
    buf_release(&found);
}

/* Alternately 2 and 8, of which one and three are killed; every other one has other data. */
size_t torture_shared(struct rig *r, size_t rounds) {
    char outputs[MOST_PROCESSES][400], other_output[400];
    struct buf other = {0};
    size_t killed = 0;
    snprintf(other_output, sizeof(other_output), "%s/results.json", r->place);
    rig_clear(r);
    const struct rig_run alone = {.batch = 3, .data = r->other_data};
    if (rig_do(r, &alone) != 0 || file_read(other_output, 64 << 20, &other) < 0)
        rig_wrong(r, "the other data alone: %s", rig_news()->message);
    for (size_t i = 0; i < rounds; i++) {
        const int n = i % 2 ? MOST_PROCESSES : 2, step = i % 2 ? 3 : 2;
        pid_t pids[MOST_PROCESSES];
        rig_clear(r);
        for (int p = 0; p < n; p++) {
            snprintf(outputs[p], sizeof(outputs[p]), "%s/s%d.json", r->place, p);
            const struct rig_run run = {.batch = p + 2,
                                        .delay_us = 20,
                                        .data = p % 2 ? r->other_data : r->data,
                                        .output = outputs[p]};
            pids[p] = rig_start(r, &run);
        }
        sleep_us(rig_random(r, 60000));
        for (int p = 0; p < n; p += step)
            kill(pids[p], SIGKILL);
        for (int p = 0; p < n; p++) {
            const int status = rig_wait(pids[p]);
            const bool spared = p % step != 0;
            killed += was_killed(status);
            if (status != 0 && (spared || !was_killed(status)))
                rig_wrong(r, "process %d of %d on one store: status %x: %s", p, n, (unsigned)status,
                          rig_news()->message);
            else if (status == 0)
                same_file(r, outputs[p], p % 2 ? &other : &r->expected[RIG_ORACLE][0], "shared");
        }
        const struct rig_run last = {.batch = 5};
        rig_resume(r, &last, 0, "after several processes on one store");
    }
    buf_release(&other);
    rig_say(r,
            "%zu times 2 or 8 processes on one store with the same and other data, %zu of them "
            "killed",
            rounds, killed);
    return rounds;
}

/* --- a sample that kills ---------------------------------------------------------------------- */

/* Whoever is asked the question dies. The others' answers are kept, and the sample is left out once
 * it was alone with the model at two deaths; asked anew, it is answered like any other. */
size_t torture_poison(struct rig *r) {
    static const int batches[] = {1, 5, 16};
    size_t deaths = 0;
    for (size_t b = 0; b < sizeof(batches) / sizeof(batches[0]); b++) {
        struct rig_run run = {.batch = batches[b], .dies_with = "Name of 117?"};
        int status = -1, died = 0;
        rig_clear(r);
        while (died < 6 && was_killed(status = rig_do(r, &run)))
            died++;
        deaths += (size_t)died;
        if (died != 3 || !WIFEXITED(status) || WEXITSTATUS(status) != 3 ||
            rig_news()->n_failed != 1)
            rig_wrong(r, "batch %d: %d deaths, then status %x, %zu failed: %s", batches[b], died,
                      (unsigned)status, rig_news()->n_failed, rig_news()->message);
        run.dies_with = NULL;
        status = rig_do(r, &run);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 3 ||
            atomic_load(&rig_news()->cached) != r->n)
            rig_wrong(r, "batch %d: asked again, status %x", batches[b], (unsigned)status);
        run.refresh = true;
        rig_forget(r); /* these results lack the sample, and are to differ */
        rig_resume(r, &run, 0, "after a sample that killed");
    }
    rig_say(r, "%zu deaths by one sample of %zu, which is left out then", deaths, r->n);
    return deaths;
}
