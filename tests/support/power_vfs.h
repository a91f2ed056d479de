/*
 * power_vfs.h - a disk under SQLite that loses power. Between two syncs of a file what is written
 * to it is pending, in sectors of 512 bytes. When the power goes, any of the pending sectors may
 * have reached the disk and any not, in a size that any of the pending changes of size gave, with
 * zeros where nothing was written; a file that was never synced may not be there at all, and one
 * that was removed without a sync of its folder may still be. Which, a seed says.
 */
#ifndef TESTS_SUPPORT_POWER_VFS_H
#define TESTS_SUPPORT_POWER_VFS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { POWER_LOST_STATUS = 77 }; /* of the process */

struct power_plan {
    uint64_t at; /* power goes after that many writes, truncations, syncs, removals; 0: never */
    uint64_t seed;
    bool lies; /* the disk says it has synced and has not, to see that this is noticed */
};

/* From now on all databases that this process opens lie on such a disk. Power that goes ends the
 * process; what is left of FILE is then FILE.lost, and nothing where FILE is not there. *calls
 * counts, and may lie in memory shared with a parent. */
void power_vfs_arm(const struct power_plan *plan, _Atomic uint64_t *calls);

/* After it, in any process: what is left of a database's files takes their place. */
void power_vfs_restore(const char *database);

#endif
