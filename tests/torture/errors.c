/*
 * errors.c - runs whose calls fail: each call that changes or reads a file with a full disk or a
 * broken one, a limit on the size of files, short counts and interruptions, and every allocation.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "karma/karma.h"
#include "tests/torture/rig.h"

struct trial {
    const char *name;
    enum fault_action action;
    int error;
    unsigned kinds;
    bool harmless; /* the run must not notice */
};
static const struct trial trials[] = {
    {"disk full", FAULT_ERROR, ENOSPC, FAULT_CHANGES, false},
    {"disk full from then on", FAULT_ERROR_FROM, ENOSPC, FAULT_CHANGES & ~(1u << FAULT_UNLINK),
     false},
    {"quota", FAULT_ERROR_FROM, EDQUOT, FAULT_WRITES, false},
    {"broken disk", FAULT_ERROR, EIO, FAULT_ALL, false},
    {"broken disk from then on", FAULT_ERROR_FROM, EIO, FAULT_ALL, false},
    {"short counts", FAULT_SHORT, 0, 1u << FAULT_READ | 1u << FAULT_WRITE, true},
    {"interrupted", FAULT_ERROR, EINTR,
     1u << FAULT_READ | 1u << FAULT_WRITE | 1u << FAULT_OPEN | 1u << FAULT_TRUNCATE, true},
};

/* Status 5 and a message that names a file of the run; or no harm was done. */
static void check_end(struct rig *r, const struct trial *t, const struct rig_run *run, int status,
                      const char *after, size_t *refused) {
    const struct rig_news *news = rig_news();
    if (status == 0) {
        rig_same(r, run->model, false, after);
        return;
    }
    ++*refused;
    if (t->harmless)
        rig_wrong(r, "%s: status %x: %s", after, (unsigned)status, news->message);
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 5)
        rig_wrong(r, "%s: status %x, expected exit 5: %s", after, (unsigned)status, news->message);
    else if (!strstr(news->message, r->place))
        rig_wrong(r, "%s: the message names no file: %s", after, news->message);
}

static void try_call(struct rig *r, const struct trial *t, struct rig_run *run, uint64_t at,
                     size_t *refused, bool *more) {
    const struct fault_plan plan = {
        .under = r->place, .action = t->action, .at = at, .error = t->error, .kinds = t->kinds};
    char after[300];
    run->fault = &plan;
    rig_clear(r);
    const int status = rig_do(r, run);
    *more = atomic_load(&rig_news()->faults.fired);
    if (!*more) return;
    snprintf(after, sizeof(after), "%s at call %llu (%s)", t->name, (unsigned long long)at,
             rig_news()->faults.call);
    check_end(r, t, run, status, after, refused);
    rig_resume(r, run, atomic_load(&rig_news()->done), after);
}

/* The limit on the size of a file grows by 512 bytes until nothing is refused any more. */
static void try_limits(struct rig *r, size_t stride, size_t *points, size_t *refused) {
    static const struct trial limit = {.name = "limit on the size of files"};
    bool more = true;
    for (long bytes = 512; more; bytes += 512 * (long)stride) {
        const struct rig_run run = {.batch = 8, .limit_file_bytes = bytes};
        const size_t before = *refused;
        char after[100];
        rig_clear(r);
        const int status = rig_do(r, &run);
        snprintf(after, sizeof(after), "files of at most %ld bytes", bytes);
        check_end(r, &limit, &run, status, after, refused);
        more = *refused > before;
        rig_resume(r, &run, atomic_load(&rig_news()->done), after);
        ++*points;
    }
}

size_t torture_errors(struct rig *r, size_t stride) {
    size_t points = 0, refused = 0;
    for (size_t t = 0; t < sizeof(trials) / sizeof(trials[0]); t++)
        for (int m = 0; m < RIG_MODELS; m++) {
            struct rig_run run = {.model = (enum rig_model)m, .batch = 8};
            bool more = true;
            for (uint64_t at = 1 + rig_random(r, stride); more; at += stride) {
                try_call(r, &trials[t], &run, at, &refused, &more);
                points += more;
            }
        }
    try_limits(r, stride, &points, &refused);
    rig_say(r,
            "%zu failing, short and interrupted calls and limits (%zu ended the run with status 5, "
            "the others did no harm)",
            points, refused);
    return points;
}

/* --- allocations ------------------------------------------------------------------------------ */

struct whole { /* an evaluation in this process, and what it leaves when nothing fails */
    const char *model, *args;
    struct buf expected;
};

static void results_path(const struct rig *r, char *out, size_t size) {
    snprintf(out, size, "%s/results.json", r->place);
}

static karma_status evaluate(struct rig *r, const struct whole *w) {
    char store[400], output[400];
    snprintf(store, sizeof(store), "%s/store.db", r->place);
    results_path(r, output, sizeof(output));
    const char *const datasets[] = {r->data, NULL};
    karma_eval_options o = karma_eval_defaults();
    karma_eval_summary sum;
    karma_model *m = NULL;
    o.datasets = datasets;
    o.store_path = store;
    o.output = output;
    o.max_samples = 6;
    karma_status st = karma_model_create(w->model, w->args, &m);
    if (st == KARMA_OK) st = karma_eval_run(m, &o, NULL, &sum);
    karma_model_destroy(m);
    return st;
}

/* What the last run lends (eval.h) is let go by the next, which fails before it takes more. */
static void let_go(void) {
    karma_eval_options none = karma_eval_defaults();
    karma_eval_summary sum;
    none.struct_size = 0;
    karma_eval_run(NULL, &none, NULL, &sum);
}

/* The n-th allocation fails, alone or with all later ones; then nothing does. false: there is no
 * n-th. */
static bool fail_one(struct rig *r, const struct whole *w, uint64_t n, bool from) {
    const char *how = from ? "and all later ones" : "alone";
    char path[400];
    struct buf found = {0};
    rig_clear(r);
    const size_t before = mem_live_blocks();
    if (from)
        mem_fail_from(n);
    else
        mem_fail_at(n);
    karma_status st = evaluate(r, w);
    const bool reached = mem_fail_reached();
    mem_fail_at(0);
    if (st < 0 && karma_status_exit(st) != 5)
        rig_wrong(r, "%s: allocation %llu %s: %s: %s", w->model, (unsigned long long)n, how,
                  karma_status_name(st), karma_error_message());
    let_go();
    if (mem_live_blocks() != before)
        rig_wrong(r, "%s: allocation %llu %s: %zu blocks live, %zu before", w->model,
                  (unsigned long long)n, how, mem_live_blocks(), before);
    st = evaluate(r, w);
    results_path(r, path, sizeof(path));
    if (st < 0 || file_read(path, 1 << 20, &found) < 0 || found.len != w->expected.len ||
        memcmp(found.data, w->expected.data, found.len) != 0)
        rig_wrong(r, "%s: after allocation %llu %s: %s", w->model, (unsigned long long)n, how,
                  st < 0 ? karma_error_message() : "other bytes");
    let_go();
    buf_release(&found);
    return reached;
}

/* How many allocations an evaluation makes; what is made once for the process is made here. */
static uint64_t count_allocations(struct rig *r, struct whole *w) {
    char path[400];
    rig_clear(r);
    karma_status st = evaluate(r, w);
    results_path(r, path, sizeof(path));
    if (st == KARMA_OK) st = file_read(path, 1 << 20, &w->expected);
    uint64_t n = 0; /* found by halving: the calls of arenas count too */
    for (uint64_t step = UINT64_C(1) << 30; step && st == KARMA_OK; step /= 2) {
        rig_clear(r);
        mem_fail_from(n + step);
        evaluate(r, w);
        if (mem_fail_reached()) n += step;
        mem_fail_at(0);
    }
    if (st < 0) rig_wrong(r, "%s: %s", w->model, karma_error_message());
    let_go();
    return n;
}

size_t torture_memory(struct rig *r, size_t most) {
    struct whole all[] = {{"oracle", "{}", {0}},
                          {r->checkpoint, "{\"max_tokens\": 3, \"threads\": 1}", {0}}};
    size_t done = 0, of = 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const uint64_t n = count_allocations(r, &all[i]);
        const uint64_t stride = 2 * n / most + 1;
        of += n;
        for (uint64_t at = 1 + rig_random(r, stride); at <= n; at += stride) {
            const bool here = fail_one(r, &all[i], at, false);
            if (here) fail_one(r, &all[i], at, true);
            done += here;
        }
        buf_release(&all[i].expected);
    }
    rig_say(r,
            "%zu of %zu allocations of two evaluations failed, each alone and with all later ones",
            done, of);
    return done;
}
