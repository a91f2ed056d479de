/*
 * file_faults.c - see file_faults.h. The functions here have the names of the C library's and find
 * those behind them with dlsym(RTLD_NEXT). A descriptor counts when its file was opened by a path
 * below the folder; tables are plain, because only the thread that runs an evaluation touches them.
 */
#include "tests/torture/file_faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { MAX_FD = 4096 };

static struct fault_plan plan;
static struct fault_record *record; /* NULL: nothing is armed */
static bool watched[MAX_FD];
static char names[MAX_FD][40]; /* of the files, for people */

static const char *const kind_names[FAULT_KINDS] = {"open",     "read",   "write",  "sync",
                                                    "truncate", "rename", "unlink", "other"};

const char *fault_kind_name(enum fault_kind kind) {
    return kind_names[kind];
}

void faults_arm(const struct fault_plan *p, struct fault_record *r) {
    memset(watched, 0, sizeof(watched));
    plan = *p;
    record = r;
}

void faults_disarm(void) {
    record = NULL;
}

static void *behind(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) _exit(99);
    return found;
}
/* The function behind ours, of its type. */
#define BEHIND(name)                                                                               \
    static __typeof__(&name) next;                                                                 \
    if (!next) *(void **)(void *)&next = behind(#name)

static bool is_under(const char *path) {
    return record && path && strncmp(path, plan.under, strlen(plan.under)) == 0;
}

static bool is_watched(int fd) {
    return record && fd >= 0 && fd < MAX_FD && watched[fd];
}

static void watch(int fd, const char *path) {
    if (fd < 0 || fd >= MAX_FD) return;
    const char *slash = strrchr(path, '/');
    watched[fd] = true;
    snprintf(names[fd], sizeof(names[fd]), "%s", slash ? slash + 1 : path);
}

static const char *name_of(int fd) {
    return is_watched(fd) ? names[fd] : "";
}

static void die(void) {
    raise(SIGKILL);
}

/* Before a call: what is to happen to it? */
static enum fault_action look(enum fault_kind kind, const char *what, const char *name) {
    if (!(plan.kinds >> kind & 1)) return FAULT_NONE;
    const uint64_t n = atomic_fetch_add(&record->calls, 1) + 1;
    const bool lasts = plan.action == FAULT_ERROR_FROM || plan.action == FAULT_SHORT;
    if (n < plan.at || (n > plan.at && !lasts) || plan.action == FAULT_NONE) return FAULT_NONE;
    if (!atomic_load(&record->fired)) {
        snprintf(record->call, sizeof(record->call), "%s of %s", what, name);
        atomic_store(&record->fired, true);
    }
    if (plan.action == FAULT_KILL_BEFORE) die();
    if (plan.action == FAULT_KILL_HALF && kind != FAULT_WRITE) die();
    return plan.action;
}

/* After it. */
static void leave(enum fault_action action) {
    if (action == FAULT_KILL_AFTER || action == FAULT_KILL_HALF) die();
}

static bool fails(enum fault_action action) {
    if (action != FAULT_ERROR && action != FAULT_ERROR_FROM) return false;
    errno = plan.error;
    return true;
}

static size_t less(enum fault_action action, size_t size) {
    if (action != FAULT_SHORT && action != FAULT_KILL_HALF) return size;
    return size > 1 ? size / 2 : size;
}

/* --- paths ------------------------------------------------------------------------------------ */

static mode_t mode_of(int flags, va_list args) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

typedef int open_fn(const char *path, int flags, ...);
static int open_as(open_fn *next, const char *path, int flags, mode_t mode) {
    if (!is_under(path)) {
        const int fd = next(path, flags, mode);
        if (fd >= 0 && fd < MAX_FD) watched[fd] = false;
        return fd;
    }
    const char *slash = strrchr(path, '/');
    const enum fault_action action = look(FAULT_OPEN, "open", slash ? slash + 1 : path);
    if (fails(action)) return -1;
    const int fd = next(path, flags, mode);
    watch(fd, path);
    leave(action);
    return fd;
}

int open(const char *path, int flags, ...) {
    BEHIND(open);
    va_list args;
    va_start(args, flags);
    const mode_t mode = mode_of(flags, args);
    va_end(args);
    return open_as(next, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    BEHIND(open64);
    va_list args;
    va_start(args, flags);
    const mode_t mode = mode_of(flags, args);
    va_end(args);
    return open_as(next, path, flags, mode);
}

#define PATH_CALL(kind, what, path, call)                                                          \
    if (!is_under(path)) return call;                                                              \
    const enum fault_action action = look(kind, what, strrchr(path, '/') + 1);                     \
    if (fails(action)) return -1;                                                                  \
    const int rc = call;                                                                           \
    leave(action);                                                                                 \
    return rc

int rename(const char *from, const char *to) {
    BEHIND(rename);
    PATH_CALL(FAULT_RENAME, "rename", to, next(from, to));
}

int unlink(const char *path) {
    BEHIND(unlink);
    PATH_CALL(FAULT_UNLINK, "unlink", path, next(path));
}

int mkdir(const char *path, mode_t mode) {
    BEHIND(mkdir);
    PATH_CALL(FAULT_OTHER, "mkdir", path, next(path, mode));
}

int chmod(const char *path, mode_t mode) {
    BEHIND(chmod);
    PATH_CALL(FAULT_OTHER, "chmod", path, next(path, mode));
}

/* --- descriptors ------------------------------------------------------------------------------ */

#define FD_CALL(kind, what, fd, call)                                                              \
    if (!is_watched(fd)) return call;                                                              \
    const enum fault_action action = look(kind, what, name_of(fd));                                \
    if (fails(action)) return -1;                                                                  \
    const int rc = call;                                                                           \
    leave(action);                                                                                 \
    return rc

int fsync(int fd) {
    BEHIND(fsync);
    FD_CALL(FAULT_SYNC, "fsync", fd, next(fd));
}

int fdatasync(int fd) {
    BEHIND(fdatasync);
    FD_CALL(FAULT_SYNC, "fdatasync", fd, next(fd));
}

int ftruncate(int fd, off_t size) {
    BEHIND(ftruncate);
    FD_CALL(FAULT_TRUNCATE, "ftruncate", fd, next(fd, size));
}

int ftruncate64(int fd, off64_t size) {
    BEHIND(ftruncate64);
    FD_CALL(FAULT_TRUNCATE, "ftruncate", fd, next(fd, size));
}

int fchmod(int fd, mode_t mode) {
    BEHIND(fchmod);
    FD_CALL(FAULT_OTHER, "fchmod", fd, next(fd, mode));
}

/* A close that fails has closed, as Linux does it. */
int close(int fd) {
    BEHIND(close);
    if (!is_watched(fd)) return next(fd);
    const enum fault_action action = look(FAULT_OTHER, "close", name_of(fd));
    watched[fd] = false;
    const int rc = next(fd);
    leave(action);
    return fails(action) ? -1 : rc;
}

#define MOVE(kind, what, fd, size, call)                                                           \
    if (is_watched(fd)) {                                                                          \
        const enum fault_action action = look(kind, what, name_of(fd));                            \
        if (fails(action)) return -1;                                                              \
        size = less(action, size);                                                                 \
        const ssize_t n = call;                                                                    \
        leave(action);                                                                             \
        return n;                                                                                  \
    }                                                                                              \
    return call

ssize_t read(int fd, void *out, size_t size) {
    BEHIND(read);
    MOVE(FAULT_READ, "read", fd, size, next(fd, out, size));
}

ssize_t pread(int fd, void *out, size_t size, off_t at) {
    BEHIND(pread);
    MOVE(FAULT_READ, "pread", fd, size, next(fd, out, size, at));
}

ssize_t pread64(int fd, void *out, size_t size, off64_t at) {
    BEHIND(pread64);
    MOVE(FAULT_READ, "pread", fd, size, next(fd, out, size, at));
}

ssize_t write(int fd, const void *data, size_t size) {
    BEHIND(write);
    MOVE(FAULT_WRITE, "write", fd, size, next(fd, data, size));
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    BEHIND(pwrite);
    MOVE(FAULT_WRITE, "pwrite", fd, size, next(fd, data, size, at));
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    BEHIND(pwrite64);
    MOVE(FAULT_WRITE, "pwrite", fd, size, next(fd, data, size, at));
}
