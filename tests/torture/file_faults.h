/*
 * file_faults.h - what a program does to files, counted and disturbed at one chosen call. Linked
 * into a program it stands before the C library for everything in it, SQLite too. Only calls about
 * paths below one folder count, so that loading libraries changes no number.
 */
#ifndef TESTS_TORTURE_FILE_FAULTS_H
#define TESTS_TORTURE_FILE_FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum fault_kind { /* of call; a set of them is a sum of 1u << kind */
                  FAULT_OPEN,
                  FAULT_READ,
                  FAULT_WRITE,
                  FAULT_SYNC,
                  FAULT_TRUNCATE,
                  FAULT_RENAME,
                  FAULT_UNLINK,
                  FAULT_OTHER, /* mkdir, chmod, fchmod, close */
                  FAULT_KINDS
};
enum {
    FAULT_WRITES = 1u << FAULT_WRITE | 1u << FAULT_TRUNCATE,
    FAULT_CHANGES = FAULT_WRITES | 1u << FAULT_OPEN | 1u << FAULT_SYNC | 1u << FAULT_RENAME |
                    1u << FAULT_UNLINK | 1u << FAULT_OTHER,
    FAULT_ALL = FAULT_CHANGES | 1u << FAULT_READ,
};

enum fault_action {
    FAULT_NONE, /* count only */
    FAULT_KILL_BEFORE,
    FAULT_KILL_AFTER,
    FAULT_KILL_HALF,  /* of a write half is done; other calls: as before */
    FAULT_ERROR,      /* the call fails with `error`, that one alone */
    FAULT_ERROR_FROM, /* ... and all later ones */
    FAULT_SHORT, /* reads and writes from that one on move one byte to half of what they should */
};

struct fault_plan {
    const char *under; /* the folder; must stay */
    enum fault_action action;
    uint64_t at; /* the call, from 1 */
    int error;
    unsigned kinds;
};

/* Where it is told what happened; may lie in memory shared with a parent. */
struct fault_record {
    _Atomic uint64_t calls;
    _Atomic bool fired;
    char call[128]; /* the one that was disturbed, for people */
};

void faults_arm(const struct fault_plan *plan, struct fault_record *record);
void faults_disarm(void);
const char *fault_kind_name(enum fault_kind kind);

#endif
