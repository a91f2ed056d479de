/*
 * file.c - the library's only way to files. Opening never blocks and never follows into anything
 * but a regular file; interrupted and short calls are continued; a file that was written is on the
 * disk, whole, before its name appears. Messages start with the path, its end if it is long.
 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/mapped.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/utf8.h"

enum {
    SHOWN_PATH = 300, /* bytes of a path in a message, so that the reason still fits */
    READ_STEP = 64 << 10,
    HASH_STEP = 256 << 10,
    NAME_BYTES = 255,
};

struct shown {
    char text[SHOWN_PATH + sizeof("...")];
};

static const char *show(const char *path, struct shown *s) {
    size_t len = strlen(path);
    if (len <= SHOWN_PATH) return path;
    memcpy(s->text, "...", 3);
    memcpy(s->text + 3, path + len - SHOWN_PATH, SHOWN_PATH + 1);
    return s->text;
}

/* status_errno() about a path and what was done to it. */
static karma_status fail_errno(const char *path, const char *what) {
    int e = errno;
    struct shown s;
    char text[SHOWN_PATH + 64];
    snprintf(text, sizeof(text), "%s%s%s", show(path, &s), what ? ": " : "", what ? what : "");
    errno = e;
    return status_errno(text);
}

static karma_status fail(karma_status st, const char *path, const char *text) {
    struct shown s;
    return status_fail(st, "%s: %s", show(path, &s), text);
}

static const char *mode_text(mode_t mode) {
    if (S_ISDIR(mode)) return "is a folder, not a file";
    if (S_ISFIFO(mode)) return "is a pipe, not a file";
    if (S_ISSOCK(mode)) return "is a socket, not a file";
    return "is a device, not a file";
}

/* open() that no signal interrupts: on a network file system or a full pipe one may. */
static int open_file(const char *path, int flags, mode_t mode) {
    int fd;
    do {
        fd = open(path, flags, mode);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* Open a regular file for reading. O_NONBLOCK, so that a pipe without a writer cannot hold us. */
static karma_status open_regular(const char *path, int *fd, struct stat *info) {
    *fd = open_file(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    if (*fd < 0) {
        int e = errno;
        if (e == ENOENT && lstat(path, info) == 0 && S_ISLNK(info->st_mode)) {
            return fail(KARMA_E_PATH, path, "is a link to something that is not there");
        }
        if (e == ENXIO && stat(path, info) == 0 && !S_ISREG(info->st_mode)) {
            return fail(KARMA_E_PATH, path, mode_text(info->st_mode));
        }
        errno = e;
        return fail_errno(path, NULL);
    }
    karma_status st = KARMA_OK;
    if (fstat(*fd, info) < 0) {
        st = fail_errno(path, NULL);
    } else if (!S_ISREG(info->st_mode)) {
        st = fail(KARMA_E_PATH, path, mode_text(info->st_mode));
    }
    if (st < 0) {
        close(*fd);
        *fd = -1;
    }
    return st;
}

karma_status file_map_open(const char *path, struct file_map *out) {
    *out = (struct file_map){0};
    int fd;
    struct stat info;
    karma_status st = open_regular(path, &fd, &info);
    if (st < 0) return st;
    void *data = NULL;
    if (info.st_size > 0) {
        data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            st = fail_errno(path, "map into memory");
        } else if ((st = mapped_add(path, data, (size_t)info.st_size)) < 0) {
            munmap(data, (size_t)info.st_size);
        }
    }
    close(fd); /* the mapping stays */
    if (st < 0) return st;
    out->data = data;
    out->size = (size_t)info.st_size;
    out->mtime_ns = info.st_mtim.tv_sec * INT64_C(1000000000) + info.st_mtim.tv_nsec;
    out->inode = info.st_ino;
    return KARMA_OK;
}

void file_map_close(struct file_map *m) {
    mapped_remove(m->data);
    if (m->data) munmap((void *)(uintptr_t)m->data, m->size);
    *m = (struct file_map){0};
}

void file_map_in_large_pages(const struct file_map *m) {
    if (m->data) madvise((void *)(uintptr_t)m->data, m->size, MADV_HUGEPAGE); /* a wish */
}

void file_map_forget(const struct file_map *m, size_t begin, size_t end) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t first = (begin + page - 1) / page * page, last = end / page * page;
    if (last <= first || last > m->size) return;
    madvise((void *)(uintptr_t)(m->data + first), last - first, MADV_DONTNEED); /* or it stays */
}

bool file_map_forget_bytes(const struct file_map *m, const void *data, size_t n) {
    const uintptr_t at = (uintptr_t)data, from = (uintptr_t)m->data;
    if (!m->data || at < from || at - from > m->size || n > m->size - (at - from)) return false;
    file_map_forget(m, at - from, at - from + n);
    return true;
}

/* read() that comes back with bytes, 0 at the end, or -1 and errno. */
static ssize_t read_some(int fd, void *out, size_t size) {
    for (;;) {
        ssize_t n = read(fd, out, size);
        if (n >= 0) return n;
        if (errno == EAGAIN) { /* standard input may have been made non-blocking by another */
            struct pollfd wait = {.fd = fd, .events = POLLIN};
            if (poll(&wait, 1, -1) < 0 && errno != EINTR) return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
}

/* Append what fd holds to b. The size that fstat gave is only a hint: files grow, and those of
 * /proc say 0. */
static karma_status read_all(int fd, const char *path, size_t hint, size_t max, struct buf *b) {
    struct shown s;
    if (b->max && b->max < max) max = b->max;
    size_t step = hint < max ? hint + 1 : hint; /* one more, so that the end is seen at once */
    for (;;) {
        size_t left = max - b->len;
        karma_status st = buf_reserve(b, step < left ? step : left);
        if (st < 0) return status_prefix(st, "%s", show(path, &s));
        size_t room = b->cap - b->len - 1;
        if (room > left) room = left;
        char probe; /* at the limit: is there one more byte? */
        ssize_t n = read_some(fd, room ? b->data + b->len : &probe, room ? room : 1);
        if (n < 0) return fail_errno(path, NULL);
        if (n == 0) return KARMA_OK;
        if (!room) {
            return status_fail(KARMA_E_LIMIT, "%s: larger than %zu bytes", show(path, &s), max);
        }
        b->len += (size_t)n;
        b->data[b->len] = '\0';
        step = b->cap - b->len > 1 ? 0 : READ_STEP; /* first fill what is there */
    }
}

karma_status file_read(const char *path, size_t max_bytes, struct buf *b) {
    buf_clear(b);
    if (strcmp(path, "-") == 0) return read_all(STDIN_FILENO, "standard input", 0, max_bytes, b);
    int fd;
    struct stat info;
    karma_status st = open_regular(path, &fd, &info);
    if (st < 0) return st;
    size_t size = info.st_size > 0 ? (size_t)info.st_size : 0;
    if (size > max_bytes) {
        struct shown s;
        st = status_fail(KARMA_E_LIMIT, "%s: %zu bytes, at most %zu are read", show(path, &s), size,
                         max_bytes);
    } else {
        st = read_all(fd, path, size, max_bytes, b);
    }
    close(fd);
    return st;
}

size_t file_read_small(const char *path, char *out, size_t size) {
    size_t len = 0;
    int fd = open_file(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    while (fd >= 0 && len + 1 < size) {
        ssize_t n = read_some(fd, out + len, size - 1 - len);
        if (n <= 0) break;
        len += (size_t)n;
    }
    if (fd >= 0) close(fd);
    if (size) out[len] = '\0';
    return len;
}

/* The folder part of path as a C string in b: "." if none. */
static karma_status dir_of(const char *path, struct buf *b) {
    const char *slash = strrchr(path, '/');
    if (!slash) return buf_puts(b, ".");
    while (slash > path && slash[-1] == '/')
        slash--;
    return buf_append(b, path, slash == path ? 1 : (size_t)(slash - path));
}

karma_status file_real_path(struct arena *a, const char *path, const char **real) {
    char resolved[PATH_MAX];
    *real = NULL;
    if (!realpath(path, resolved)) return fail_errno(path, NULL);
    *real = arena_strdup(a, resolved);
    return *real ? KARMA_OK : KARMA_E_NOMEM;
}

/* What stands at path, for one who wants to write there. A link is followed, so that a link to a
 * results file stays one; *real is the path to replace. */
static karma_status resolve_target(const char *path, struct buf *real) {
    struct stat info;
    if (!*path) return status_fail(KARMA_E_PATH, "the name of the file is empty");
    if (lstat(path, &info) < 0) {
        if (errno != ENOENT) return fail_errno(path, NULL);
        return buf_puts(real, path);
    }
    if (S_ISLNK(info.st_mode)) {
        if (stat(path, &info) < 0) return fail_errno(path, "follow the link");
        char resolved[PATH_MAX];
        if (!realpath(path, resolved)) return fail_errno(path, "follow the link");
        path = resolved;
        if (!S_ISREG(info.st_mode)) return fail(KARMA_E_PATH, path, mode_text(info.st_mode));
        return buf_puts(real, path);
    }
    /* Replacing a device such as /dev/null by a file would harm the whole machine. */
    if (!S_ISREG(info.st_mode)) return fail(KARMA_E_PATH, path, mode_text(info.st_mode));
    return buf_puts(real, path);
}

static karma_status write_all(int fd, const char *path, const char *data, size_t len) {
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, data + done, len - done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            if (n == 0) errno = EIO;
            char what[64];
            snprintf(what, sizeof(what), "write %zu bytes, %zu done", len, done);
            return fail_errno(path, what);
        }
    }
    return KARMA_OK;
}

static karma_status sync_folder(const char *dir) {
    int fd = open_file(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) {
        /* A folder we may write but not list cannot be synced; its file is safe all the same. */
        return errno == EACCES ? KARMA_OK : fail_errno(dir, NULL);
    }
    karma_status st = KARMA_OK;
    /* EINVAL: a file system that keeps folders without this call. */
    if (fsync(fd) < 0 && errno != EINVAL) st = fail_errno(dir, "sync");
    close(fd);
    return st;
}

/* Locked without waiting, and the file that the path names still: who held it may just have removed
 * or renamed it. */
static bool hold(int fd, const char *path) {
    struct stat mine, there;
    return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &mine) == 0 && stat(path, &there) == 0 &&
           mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

/* A plain file that is ours alone, under no other name. */
static bool is_ours(int fd) {
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
           info.st_nlink == 1;
}

/* The temporary has a name that follows from the target's, so that what a killed process left is
 * taken over by the next one that writes there. Whoever writes holds a lock on it. KARMA_DONE: it
 * is in use, or such a name or lock cannot be had here. */
static karma_status begin_named(struct file_writer *w) {
    const char *real = w->real.data, *slash = strrchr(real, '/');
    karma_status st =
        buf_printf(&w->tmp, "%s/.karma-%s.tmp", w->dir.data, slash ? slash + 1 : real);
    if (st < 0) return st;
    w->fd = open_file(w->tmp.data, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (w->fd < 0) return KARMA_DONE;
    w->held = is_ours(w->fd) && hold(w->fd, w->tmp.data);
    if (w->held && fchmod(w->fd, 0600) == 0 && ftruncate(w->fd, 0) == 0) return KARMA_OK;
    if (w->held) unlink(w->tmp.data);
    close(w->fd);
    w->fd = -1;
    w->held = false;
    return KARMA_DONE;
}

/* Under a name of its own. */
static karma_status begin_unnamed(struct file_writer *w) {
    uint64_t nonce;
    random_entropy(&nonce, sizeof(nonce));
    buf_clear(&w->tmp);
    karma_status st =
        buf_printf(&w->tmp, "%s/.karma-%016llx.tmp", w->dir.data, (unsigned long long)nonce);
    if (st < 0) return st;
    w->fd = open_file(w->tmp.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return w->fd < 0 ? fail_errno(buf_str(&w->path), "create") : KARMA_OK;
}

karma_status file_writer_begin(struct file_writer *w, const char *path) {
    *w = (struct file_writer){.fd = -1};
    karma_status st = buf_puts(&w->path, path);
    if (st == KARMA_OK) st = resolve_target(path, &w->real);
    if (st == KARMA_OK) st = dir_of(buf_str(&w->real), &w->dir);
    if (st == KARMA_OK) st = begin_named(w);
    if (st == KARMA_DONE) st = begin_unnamed(w);
    if (st < 0) file_writer_abandon(w);
    return st;
}

karma_status file_writer_append(struct file_writer *w, const void *data, size_t len) {
    return write_all(w->fd, buf_str(&w->path), data, len);
}

/* A failed fsync is final: what the kernel dropped then is not written by a second call. */
karma_status file_writer_end(struct file_writer *w, unsigned mode) {
    const char *path = buf_str(&w->path);
    karma_status st = KARMA_OK;
    if (fchmod(w->fd, mode) < 0) st = fail_errno(path, "set its mode");
    if (st == KARMA_OK && fsync(w->fd) < 0) st = fail_errno(path, "sync");
    if (!w->held) { /* with the file goes the lock: then another may take the name */
        if (close(w->fd) < 0 && st == KARMA_OK) st = fail_errno(path, "close");
        w->fd = -1;
    }
    if (st == KARMA_OK && rename(w->tmp.data, w->real.data) < 0) st = fail_errno(path, "rename");
    if (st == KARMA_OK) {
        buf_clear(&w->tmp); /* its name is another's now */
        st = sync_folder(w->dir.data);
    }
    file_writer_abandon(w);
    return st;
}

void file_writer_abandon(struct file_writer *w) {
    if (w->tmp.len) unlink(w->tmp.data); /* not there if it could not be created */
    if (w->fd >= 0) close(w->fd);
    buf_release(&w->path);
    buf_release(&w->real);
    buf_release(&w->dir);
    buf_release(&w->tmp);
    *w = (struct file_writer){.fd = -1};
}

karma_status file_write_atomic(const char *path, const void *data, size_t len, unsigned mode) {
    struct file_writer w;
    karma_status st = file_writer_begin(&w, path);
    if (st < 0) return st;
    st = file_writer_append(&w, data, len);
    if (st == KARMA_OK) return file_writer_end(&w, mode);
    file_writer_abandon(&w);
    return st;
}

karma_status file_create(const char *path, unsigned mode) {
    const int fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, mode);
    if (fd < 0) return errno == EEXIST ? KARMA_OK : fail_errno(path, "create");
    karma_status st = fchmod(fd, mode) == 0 ? KARMA_OK : fail_errno(path, "set its mode");
    if (close(fd) < 0 && st == KARMA_OK) st = fail_errno(path, "close");
    return st;
}

karma_status file_held_create(struct file_held *h, const char *path) {
    *h = (struct file_held){.fd = -1, .path = mem_strdup(path)};
    if (!h->path) return KARMA_E_NOMEM;
    h->fd = open_file(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    karma_status st = KARMA_OK;
    if (h->fd < 0) {
        st = fail_errno(path, "create");
    } else if (!hold(h->fd, path)) {
        st = fail_errno(path, "lock");
    }
    if (st < 0) file_held_remove(h);
    return st;
}

bool file_held_take(struct file_held *h, const char *path) {
    *h = (struct file_held){.fd = open_file(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0)};
    if (h->fd >= 0 && hold(h->fd, path)) h->path = mem_strdup(path);
    if (h->path) return true;
    if (h->fd >= 0) close(h->fd);
    h->fd = -1;
    return false;
}

size_t file_held_read(const struct file_held *h, void *out, size_t size) {
    size_t len = 0;
    while (h->fd >= 0 && len < size) {
        const ssize_t n = pread(h->fd, (char *)out + len, size - len, (off_t)len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        len += (size_t)n;
    }
    return len;
}

bool file_held_write(const struct file_held *h, size_t at, const void *data, size_t len) {
    size_t done = 0;
    while (h->fd >= 0 && done < len) {
        const ssize_t n = pwrite(h->fd, (const char *)data + done, len - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += (size_t)n;
    }
    return done == len;
}

void file_held_remove(struct file_held *h) {
    if (h->fd >= 0) {
        unlink(h->path);
        close(h->fd);
    }
    mem_free(h->path);
    *h = (struct file_held){.fd = -1};
}

enum file_kind file_kind(const char *path) {
    struct stat info;
    if (stat(path, &info) < 0) return FILE_KIND_NONE;
    if (S_ISREG(info.st_mode)) return FILE_KIND_REGULAR;
    return S_ISDIR(info.st_mode) ? FILE_KIND_FOLDER : FILE_KIND_OTHER;
}

bool file_exists(const char *path) {
    return file_kind(path) == FILE_KIND_REGULAR;
}

bool file_is_url(const char *text) {
    size_t n = 0;
    while (ascii_is_alnum(text[n]) || (text[n] && strchr("+-.", text[n])))
        n++;
    return n > 0 && ascii_is_alpha(text[0]) && strncmp(text + n, "://", 3) == 0;
}

bool file_same(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

karma_status file_check_private(const char *path) {
    struct stat info;
    struct shown s;
    if (stat(path, &info) < 0) return fail_errno(path, NULL);
    if (info.st_uid != geteuid() && info.st_uid != 0)
        return status_fail(KARMA_E_PERM, "%s: belongs to another user (number %u)", show(path, &s),
                           (unsigned)info.st_uid);
    if (info.st_mode & (S_IWGRP | S_IWOTH))
        return status_fail(KARMA_E_PERM, "%s: others may write to it (chmod go-w)", show(path, &s));
    return KARMA_OK;
}

/* One folder of the path. chmod, because mkdir's mode goes through the umask. */
static karma_status make_folder(const char *path, unsigned mode) {
    if (mkdir(path, mode) == 0) {
        return chmod(path, mode) == 0 ? KARMA_OK : fail_errno(path, "set its mode");
    }
    int e = errno;
    enum file_kind kind = file_kind(path);
    if (kind == FILE_KIND_FOLDER) return KARMA_OK; /* also when another process was faster */
    if (kind != FILE_KIND_NONE) return fail(KARMA_E_PATH, path, "is in the way of a folder");
    errno = e;
    return fail_errno(path, "make folder");
}

karma_status file_make_folders(const char *path, unsigned mode) {
    struct buf part = {0};
    if (!*path) return status_fail(KARMA_E_PATH, "the name of the folder is empty");
    karma_status st = buf_puts(&part, path);
    for (size_t i = 1; st == KARMA_OK && i < part.len; i++) {
        if (part.data[i] != '/') continue;
        part.data[i] = '\0';
        st = make_folder(part.data, mode);
        part.data[i] = '/';
    }
    if (st == KARMA_OK) st = make_folder(part.data, mode);
    buf_release(&part);
    return st;
}

karma_status file_check_writable(const char *path) {
    struct buf real = {0}, dir = {0};
    karma_status st = resolve_target(path, &real);
    if (st == KARMA_OK) st = dir_of(real.data, &dir);
    if (st == KARMA_OK) {
        switch (file_kind(dir.data)) {
        case FILE_KIND_FOLDER:
            if (faccessat(AT_FDCWD, dir.data, W_OK | X_OK, AT_EACCESS) < 0) {
                st = fail_errno(path, "write in its folder");
            } else if (file_exists(real.data) &&
                       faccessat(AT_FDCWD, real.data, W_OK, AT_EACCESS) < 0) {
                st = fail_errno(path, "replace");
            }
            break;
        case FILE_KIND_NONE:
            st = fail(KARMA_E_MISSING, path, "its folder is not there");
            break;
        default:
            st = fail(KARMA_E_PATH, path, "what should be its folder is none");
        }
    }
    buf_release(&real);
    buf_release(&dir);
    return st;
}

bool file_is_network(const char *path) {
    /* Magic numbers from statfs(2) and linux/magic.h. */
    static const unsigned long kinds[] = {
        0x6969,     0x517b,     0xff534d42, 0xfe534d42, 0x01021997, /* nfs, smb, cifs, smb2, 9p */
        0x65735546, 0x5346414f, 0x00c36400, 0x0bd00bd0, 0x47504653, /* fuse afs ceph lustre gpfs */
        0x73757245, 0x7461636f, 0x01161970, 0x19830326,             /* coda ocfs2 gfs2 beegfs */
    };
    struct statfs info;
    int rc = statfs(path, &info);
    if (rc < 0 && errno == ENOENT) { /* not made yet: its folder decides */
        struct buf dir = {0};
        rc = dir_of(path, &dir) == KARMA_OK ? statfs(dir.data, &info) : -1;
        buf_release(&dir);
    }
    if (rc < 0) return false;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (((unsigned long)info.f_type & 0xffffffff) == kinds[i]) return true;
    }
    return false;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

karma_status file_list(struct arena *a, const char *path, const char *const **names,
                       size_t *count) {
    *names = NULL;
    *count = 0;
    DIR *dir = opendir(path);
    if (!dir) return fail_errno(path, NULL);
    struct buf list = {0}; /* of pointers into the arena */
    karma_status st = KARMA_OK;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno) st = fail_errno(path, "list");
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *name = arena_strdup(a, entry->d_name);
        st = name ? buf_append(&list, &name, sizeof(name)) : KARMA_E_NOMEM;
        if (st < 0) break;
    }
    closedir(dir);
    size_t n = list.len / sizeof(char *);
    if (st == KARMA_OK && n) {
        const char **sorted = arena_dup(a, list.data, list.len);
        if (sorted) {
            qsort(sorted, n, sizeof(*sorted), by_name);
            *names = sorted;
            *count = n;
        } else {
            st = KARMA_E_NOMEM;
        }
    }
    buf_release(&list);
    return st;
}

char *file_join(struct arena *a, const char *dir, const char *name) {
    size_t len = strlen(dir);
    bool slash = len && dir[len - 1] == '/';
    return arena_printf(a, "%s%s%s", dir, slash ? "" : "/", name);
}

const char *file_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *file_dir_name(struct arena *a, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return arena_strdup(a, ".");
    while (slash > path && slash[-1] == '/')
        slash--;
    return arena_strndup(a, path, slash == path ? 1 : (size_t)(slash - path));
}

char *file_expand_home(struct arena *a, const char *path) {
    const char *home = env_get("HOME");
    if (!home || path[0] != '~' || (path[1] && path[1] != '/')) return arena_strdup(a, path);
    return arena_printf(a, "%s%s", home, path + 1);
}

karma_status file_check_name(const char *name, size_t len) {
    const char *why = NULL;
    if (len == 0) return status_fail(KARMA_E_PATH, "a file name is empty");
    if (len > NAME_BYTES) why = "is longer than 255 bytes";
    if (name[0] == '.') why = "begins with a dot";
    for (size_t i = 0; i < len && !why; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c == '/' || c == '\\') why = "holds a path separator";
        if (c < 0x20 || c == 0x7f) why = "holds a control byte";
    }
    if (!why) return KARMA_OK;
    return status_fail(KARMA_E_PATH, "file name %s %s", status_quote(name, len), why);
}

const char *env_get(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

karma_status file_sha256(const char *path, char out[65]) {
    out[0] = '\0';
    int fd;
    struct stat info;
    karma_status st = open_regular(path, &fd, &info);
    if (st < 0) return st;
    struct sha256 sum;
    sha256_begin(&sum);
    unsigned char *block = mem_alloc(HASH_STEP);
    ssize_t n = 0;
    while (block && (n = read_some(fd, block, HASH_STEP)) > 0)
        sha256_add(&sum, block, (size_t)n);
    if (!block) {
        st = KARMA_E_NOMEM;
    } else if (n < 0) {
        st = fail_errno(path, NULL);
    }
    mem_free(block);
    close(fd);
    if (st < 0) return st;
    unsigned char digest[32];
    sha256_end(&sum, digest);
    sha256_hex(digest, out);
    return KARMA_OK;
}

karma_status file_config_folder(struct arena *a, const char **out) {
    const char *own = env_get("KARMA_CONFIG_HOME"), *xdg = env_get("XDG_CONFIG_HOME");
    const char *home = env_get("HOME");
    *out = NULL;
    if (own)
        *out = arena_strdup(a, own);
    else if (xdg)
        *out = arena_printf(a, "%s/karma", xdg);
    else if (home)
        *out = arena_printf(a, "%s/.config/karma", home);
    else
        return KARMA_OK;
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}
