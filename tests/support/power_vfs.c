/*
 * power_vfs.c - see power_vfs.h. A layer over SQLite's own: the real files hold what the running
 * program sees. Beside them each database, journal and log has a record of what is on the disk for
 * sure, and of what was done to it since.
 */
#include "tests/support/power_vfs.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR = 512, MAX_FILES = 8, MAX_PATH = 600 };
static const char *const endings[] = {"", "-wal", "-journal"};

struct bytes {
    unsigned char *data;
    size_t size;
};

struct change {
    bool truncates;
    size_t at; /* of a truncation: the new size */
    struct bytes written;
};

struct disk_file {
    char path[MAX_PATH];
    bool there, there_for_sure; /* as the program sees it, and on the disk */
    struct bytes sure;
    struct change *changes;
    size_t n_changes, room;
};

struct handle {
    sqlite3_file base;
    struct disk_file *disk; /* NULL: a temporary file, which no crash concerns */
    sqlite3_file *real;     /* behind this struct */
};

static sqlite3_vfs vfs;
static sqlite3_vfs *real_vfs;
static struct disk_file files[MAX_FILES];
static struct power_plan plan;
static _Atomic uint64_t *calls;
static uint64_t state;

static bool coin(void) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return state >> 63;
}

static size_t below(size_t n) {
    size_t value = 0;
    for (int i = 0; i < 16; i++)
        value = value << 1 | coin();
    return n ? value % n : 0;
}

/* --- bytes ------------------------------------------------------------------------------------ */

static void resize(struct bytes *b, size_t size) {
    unsigned char *data = realloc(b->data, size ? size : 1);
    if (!data) _exit(1);
    if (size > b->size) memset(data + b->size, 0, size - b->size);
    b->data = data;
    b->size = size;
}

static void put(struct bytes *b, size_t at, const void *data, size_t n) {
    if (at + n > b->size) resize(b, at + n);
    memcpy(b->data + at, data, n);
}

static void load(struct bytes *b, const char *path) {
    FILE *f = fopen(path, "rb");
    unsigned char part[4096];
    size_t n;
    while (f && (n = fread(part, 1, sizeof(part), f)) > 0)
        put(b, b->size, part, n);
    if (f) fclose(f);
}

/* --- the record of a file --------------------------------------------------------------------- */

static struct disk_file *find(const char *path) {
    struct disk_file *unused = NULL;
    for (size_t i = 0; i < MAX_FILES; i++) {
        if (strcmp(files[i].path, path) == 0) return &files[i];
        if (!files[i].path[0] && !unused) unused = &files[i];
    }
    if (!unused) _exit(1);
    snprintf(unused->path, sizeof(unused->path), "%s", path);
    /* What was there before this process is on the disk, but for a file of no bytes: it was just
     * made by others than SQLite. */
    if (access(path, F_OK) == 0) load(&unused->sure, path);
    unused->there = unused->there_for_sure = unused->sure.size > 0;
    return unused;
}

static struct change *add_change(struct disk_file *d) {
    if (d->n_changes == d->room) {
        d->room = d->room ? 2 * d->room : 64;
        d->changes = realloc(d->changes, d->room * sizeof(*d->changes));
        if (!d->changes) _exit(1);
    }
    struct change *c = &d->changes[d->n_changes++];
    *c = (struct change){0};
    return c;
}

static void forget_changes(struct disk_file *d) {
    for (size_t i = 0; i < d->n_changes; i++)
        free(d->changes[i].written.data);
    d->n_changes = 0;
}

static void forget(struct disk_file *d) {
    d->there_for_sure = false;
    forget_changes(d);
    resize(&d->sure, 0);
}

/* SQLite syncs the folder with the first sync of a journal or log that it made. */
static void sync_folder(void) {
    for (size_t i = 0; i < MAX_FILES; i++)
        if (files[i].path[0] && !files[i].there) forget(&files[i]);
}

static void make_sure(struct disk_file *d) {
    const char *dash = strrchr(d->path, '-');
    if (!d->there_for_sure && dash && (strcmp(dash, "-wal") == 0 || strcmp(dash, "-journal") == 0))
        sync_folder();
    for (size_t i = 0; i < d->n_changes; i++) {
        const struct change *c = &d->changes[i];
        if (c->truncates)
            resize(&d->sure, c->at);
        else
            put(&d->sure, c->at, c->written.data, c->written.size);
    }
    forget_changes(d);
    d->there_for_sure = d->there;
}

/* Any of a write's sectors. */
static void put_some(struct bytes *b, const struct change *c) {
    for (size_t done = 0; done < c->written.size;) {
        size_t n = SECTOR - (c->at + done) % SECTOR;
        if (n > c->written.size - done) n = c->written.size - done;
        if (coin()) put(b, c->at + done, c->written.data + done, n);
        done += n;
    }
}

static void save_lost(const struct disk_file *d) {
    char path[MAX_PATH + 8];
    snprintf(path, sizeof(path), "%s.lost", d->path);
    if (d->there_for_sure ? !d->there && coin() : !d->there || coin()) return;
    struct bytes left = {0};
    put(&left, 0, d->sure.data, d->sure.size);
    size_t n_truncations = 0, full = d->sure.size;
    for (size_t i = 0; i < d->n_changes; i++) {
        const struct change *c = &d->changes[i];
        n_truncations += c->truncates;
        full = c->truncates                     ? c->at
               : full > c->at + c->written.size ? full
                                                : c->at + c->written.size;
    }
    size_t truncations = below(n_truncations + 1);
    for (size_t i = 0; i < d->n_changes; i++) {
        if (!d->changes[i].truncates)
            put_some(&left, &d->changes[i]);
        else if (truncations > 0 && truncations--)
            resize(&left, d->changes[i].at);
    }
    if (left.size < full && coin()) resize(&left, full);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(left.data, 1, left.size, f) != left.size || fclose(f) != 0) _exit(1);
}

/* Something was done to the disk. */
static void count(void) {
    if (atomic_fetch_add(calls, 1) + 1 != plan.at) return;
    for (size_t i = 0; i < MAX_FILES; i++)
        if (files[i].path[0]) save_lost(&files[i]);
    _exit(POWER_LOST_STATUS);
}

void power_vfs_restore(const char *database) {
    char path[MAX_PATH], lost[MAX_PATH + 8];
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", database, endings[i]);
        snprintf(lost, sizeof(lost), "%s.lost", path);
        remove(path);
        rename(lost, path); /* if it is there */
    }
    snprintf(path, sizeof(path), "%s-shm", database);
    remove(path);
}

/* --- SQLite's view of a file ------------------------------------------------------------------ */

static sqlite3_file *real_of(sqlite3_file *f) {
    return ((struct handle *)(void *)f)->real;
}

static struct disk_file *disk_of(sqlite3_file *f) {
    return ((struct handle *)(void *)f)->disk;
}

static int close_file(sqlite3_file *f) {
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int read_file(sqlite3_file *f, void *out, int n, sqlite3_int64 at) {
    return real_of(f)->pMethods->xRead(real_of(f), out, n, at);
}

static int write_file(sqlite3_file *f, const void *data, int n, sqlite3_int64 at) {
    const int rc = real_of(f)->pMethods->xWrite(real_of(f), data, n, at);
    if (rc != SQLITE_OK || !disk_of(f)) return rc;
    struct change *c = add_change(disk_of(f));
    c->at = (size_t)at;
    put(&c->written, 0, data, (size_t)n);
    count();
    return rc;
}

static int truncate_file(sqlite3_file *f, sqlite3_int64 size) {
    const int rc = real_of(f)->pMethods->xTruncate(real_of(f), size);
    if (rc != SQLITE_OK || !disk_of(f)) return rc;
    struct change *c = add_change(disk_of(f));
    c->truncates = true;
    c->at = (size_t)size;
    count();
    return rc;
}

/* The disk is our own, so the real one need not be asked. Power may go before and after. */
static int sync_file(sqlite3_file *f, int flags) {
    (void)flags;
    if (!disk_of(f)) return SQLITE_OK;
    count();
    if (!plan.lies) make_sure(disk_of(f));
    count();
    return SQLITE_OK;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size) {
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int lock(sqlite3_file *f, int level) {
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int unlock(sqlite3_file *f, int level) {
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int is_reserved(sqlite3_file *f, int *out) {
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int control(sqlite3_file *f, int op, void *arg) {
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int sector_size(sqlite3_file *f) {
    (void)f;
    return SECTOR;
}

static int traits(sqlite3_file *f) {
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int map_shared(sqlite3_file *f, int region, int size, int extend, void volatile **out) {
    return real_of(f)->pMethods->xShmMap(real_of(f), region, size, extend, out);
}

static int lock_shared(sqlite3_file *f, int offset, int n, int flags) {
    return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void barrier(sqlite3_file *f) {
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int unmap_shared(sqlite3_file *f, int delete) {
    return real_of(f)->pMethods->xShmUnmap(real_of(f), delete);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* without mapped reads: all goes through here */
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock,
    .xUnlock = unlock,
    .xCheckReservedLock = is_reserved,
    .xFileControl = control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = traits,
    .xShmMap = map_shared,
    .xShmLock = lock_shared,
    .xShmBarrier = barrier,
    .xShmUnmap = unmap_shared,
};

static int open_file(sqlite3_vfs *v, const char *path, sqlite3_file *f, int flags, int *out) {
    struct handle *h = (struct handle *)(void *)f;
    const int kept = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL;
    (void)v;
    *h = (struct handle){.real = (sqlite3_file *)(void *)(h + 1)};
    h->disk = path && flags & kept ? find(path) : NULL;
    const int rc = real_vfs->xOpen(real_vfs, path, h->real, flags, out);
    if (rc == SQLITE_OK && h->disk) h->disk->there = true;
    h->base.pMethods = h->real->pMethods ? &methods : NULL;
    return rc;
}

static int delete_file(sqlite3_vfs *v, const char *path, int with_folder) {
    (void)v;
    const int rc = real_vfs->xDelete(real_vfs, path, with_folder);
    struct disk_file *d = find(path);
    d->there = false;
    if (with_folder && !plan.lies) sync_folder();
    count();
    return rc;
}

void power_vfs_arm(const struct power_plan *p, _Atomic uint64_t *n) {
    plan = *p;
    state = p->seed * 2 + 1;
    for (int i = 0; i < 8; i++)
        coin(); /* seeds that are near lie far apart then */
    calls = n;
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs;
    vfs.zName = "power";
    vfs.szOsFile = (int)sizeof(struct handle) + real_vfs->szOsFile;
    vfs.xOpen = open_file;
    vfs.xDelete = delete_file;
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK) _exit(1);
}
