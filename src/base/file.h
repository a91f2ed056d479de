/*
 * file.h - all access to files. Regular files only (a FIFO or device never blocks us), real
 * lengths, atomic writes. Paths are UTF-8 bytes. Error messages start with the path.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"

/* A file mapped read-only, private. All-zero is a valid closed one. */
struct file_map {
    const unsigned char *data; /* NULL when size is 0 */
    size_t size;
    int64_t mtime_ns;
    uint64_t inode;
};
karma_status file_map_open(const char *path, struct file_map *out);
void file_map_close(struct file_map *m);
/* All of a large file will be read, again and again: ask for large pages. Where the file system's
 * cache comes in them, 2 MiB are mapped at a time instead of 64 KiB; elsewhere a cold file is read
 * in larger pieces, or nothing changes. */
void file_map_in_large_pages(const struct file_map *m);
/* Bytes [begin, end) were read and need not stay in memory; reading them again brings them back. */
void file_map_forget(const struct file_map *m, size_t begin, size_t end);
/* The same for n bytes at data; false, and nothing is done, if they do not lie in the file. */
bool file_map_forget_bytes(const struct file_map *m, const void *data, size_t n);

/* Whole file into b (replacing its bytes); more than max_bytes is E_LIMIT. "-" is standard input.
 */
karma_status file_read(const char *path, size_t max_bytes, struct buf *b);

/* The first size - 1 bytes of a small file the system makes (/proc, /sys), with a NUL; returns
 * their number, 0 when it cannot be read. Allocates nothing and sets no message. */
size_t file_read_small(const char *path, char *out, size_t size);

/* Write whole file: temporary in the same folder, mode, fsync, rename, fsync of the folder. */
karma_status file_write_atomic(const char *path, const void *data, size_t len, unsigned mode);

/* The same in pieces. After begin, one of end (the file is there, whole) and abandon (nothing is);
 * what end fails at it has abandoned. The temporary of a process that was killed is replaced by the
 * next one that writes the same file. */
struct file_writer {
    int fd;    /* of the temporary; -1: none */
    bool held; /* the temporary is locked, and named after the file */
    struct buf path, real, dir, tmp;
};
karma_status file_writer_begin(struct file_writer *w, const char *path);
karma_status file_writer_append(struct file_writer *w, const void *data, size_t len);
karma_status file_writer_end(struct file_writer *w, unsigned mode);
void file_writer_abandon(struct file_writer *w);

/* Make an empty file unless one is there already (never replaces it, also not in a race). */
karma_status file_create(const char *path, unsigned mode);

/* A small file of a process's own, for those who come after it: a lock on it goes with the process,
 * however that ends. fd -1: none is held; then the others do nothing. */
struct file_held {
    int fd;
    char *path; /* owned */
};
karma_status file_held_create(struct file_held *h, const char *path); /* new, 0600 */
/* One whose process is gone. false: it is not, or there is no such file. */
bool file_held_take(struct file_held *h, const char *path);
size_t file_held_read(const struct file_held *h, void *out, size_t size); /* from its beginning */
bool file_held_write(const struct file_held *h, size_t at, const void *data, size_t len);
void file_held_remove(struct file_held *h);

enum file_kind { FILE_KIND_NONE, FILE_KIND_REGULAR, FILE_KIND_FOLDER, FILE_KIND_OTHER };
enum file_kind file_kind(const char *path); /* follows links; NONE also when unreachable */
bool file_exists(const char *path);         /* a regular file */
/* Does it begin as "https://", "s3://", "file://" do? Such a name is no path. */
bool file_is_url(const char *text);
karma_status file_make_folders(const char *path, unsigned mode); /* mkdir -p */
bool file_same(const char *a, const char *b);                    /* two names of one file */
/* May nobody but this user and the administrator change it? E_PERM says who else may, and what to
 * do about it. Links are followed. */
karma_status file_check_private(const char *path);
/* Can a file be created or replaced at path? E_PATH for a folder, E_MISSING parent, E_PERM. */
karma_status file_check_writable(const char *path);
/* True when path lies on a network file system (nfs, cifs, 9p, fuse). */
bool file_is_network(const char *path);

/* Names in a folder, sorted bytewise, without "." and "..". */
karma_status file_list(struct arena *a, const char *path, const char *const **names, size_t *count);

/* The path without links, "." and "..", in a. E_MISSING and the like start with path. */
karma_status file_real_path(struct arena *a, const char *path, const char **real);

/* dir + "/" + name in the arena. */
char *file_join(struct arena *a, const char *dir, const char *name);
const char *file_base_name(const char *path);           /* after the last '/' */
char *file_dir_name(struct arena *a, const char *path); /* "." if none */
/* "~" and "~/x" with HOME; others dup. NULL on no memory. */
char *file_expand_home(struct arena *a, const char *path);
/* A name from data that must be one plain path part: not empty, no '/', '\\', NUL, control bytes,
 * not "." or "..", no leading '.', at most 255 bytes. Else E_PATH. */
karma_status file_check_name(const char *name, size_t len);

const char *env_get(const char *name); /* getenv; NULL if unset or empty */
/* The user's configuration folder: $KARMA_CONFIG_HOME, $XDG_CONFIG_HOME/karma or ~/.config/karma,
 * in a; *out NULL when there is no way to tell. */
karma_status file_config_folder(struct arena *a, const char **out);

/* SHA-256 of a whole file as 64 hex digits and a NUL. */
karma_status file_sha256(const char *path, char out[65]);

#endif
