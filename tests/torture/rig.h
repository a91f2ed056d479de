/*
 * rig.h - evaluations in processes of their own, to be killed and disturbed: an oracle's, which
 * knows every answer, and a real checkpoint's of forty thousand weights. What an undisturbed run of
 * each leaves is kept, for others to be compared with.
 */
#ifndef TESTS_TORTURE_RIG_H
#define TESTS_TORTURE_RIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "tests/torture/file_faults.h"

enum rig_model { RIG_ORACLE, RIG_REAL, RIG_MODELS };
enum { RIG_FILES = 3 }; /* results, log of samples, manifest */

struct rig {
    char folder[256];                /* all of the rig */
    char place[300];                 /* in it: store and results of the runs that are disturbed */
    char data[300], other_data[300]; /* other_data shares half of its samples with data */
    char checkpoint[300];
    size_t n; /* samples of either */
    struct buf expected[RIG_MODELS][RIG_FILES];
    double seconds[RIG_MODELS]; /* an undisturbed run takes */
    uint64_t state;             /* of the random numbers */
    int bad;                    /* what did not hold, each printed, unless quiet */
    bool quiet;
    char said[400]; /* what was done */
};

/* What a run tells its parent while it lives. */
struct rig_news {
    _Atomic size_t cached, done; /* found in the store; reported complete */
    _Atomic bool began;
    struct fault_record faults;
    _Atomic uint64_t power_calls; /* of SQLite to its disk */
    size_t n_failed;
    char message[600];
};

struct rig_run {
    enum rig_model model;
    int batch;
    int delay_us;                   /* of the oracle, a sample */
    const char *data;               /* NULL: rig->data */
    const char *output;             /* NULL: results.json in rig->place */
    const struct fault_plan *fault; /* NULL: none */
    long limit_file_bytes;          /* 0: none */
    const char *dies_with;          /* the question with this text kills the process; NULL: none */
    bool refresh;                   /* stored answers are not used */
    int lose_power;                 /* 1: on the disk of power_vfs.h; 2: on one that lies */
    uint64_t lose_at, lose_seed;    /* after that call; which of what is pending stays */
};

/* n samples; seed 0: another at each call. The folder is removed by rig_end(). */
void rig_begin(struct rig *r, size_t n, uint64_t seed);
void rig_end(struct rig *r);
void rig_clear(struct rig *r);  /* an empty place: no store, no results */
void rig_forget(struct rig *r); /* the results, but not the store */
uint64_t rig_random(struct rig *r, uint64_t below);

/* Start a run; rig_news() is new. rig_wait(): its status as waitpid() tells it. */
pid_t rig_start(struct rig *r, const struct rig_run *run);
int rig_wait(pid_t pid);
struct rig_news *rig_news(void);
/* Both. */
int rig_do(struct rig *r, const struct rig_run *run);

/* Something does not hold: say so and count it. */
void rig_wrong(struct rig *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What was done, beginning with how much. */
void rig_say(struct rig *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What lies in the place is what an undisturbed run leaves? half: also if it is not there, but then
 * results.json, which comes last, is not there either. */
bool rig_same(struct rig *r, enum rig_model model, bool half, const char *after);
/* A run is to end what a disturbed one, which had reported `reported` samples, began: the same
 * bytes, and none of these is run again. */
void rig_resume(struct rig *r, const struct rig_run *run, size_t reported, const char *after);

/* The parts: each says what was done and returns how much that was. */
size_t torture_kills(struct rig *r, size_t n);
size_t torture_calls(struct rig *r, size_t stride);
size_t torture_errors(struct rig *r, size_t stride);
size_t torture_shared(struct rig *r, size_t rounds);
size_t torture_memory(struct rig *r, size_t most);
size_t torture_power(struct rig *r, size_t states);
size_t torture_poison(struct rig *r);

#endif
