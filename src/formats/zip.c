/*
 * zip.c - see zip.h. Read from its end: the end record says where the directory is, the directory
 * where each file is. With zip64 the large numbers stand in records of their own.
 */
#include "formats/zip.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "formats/names.h"

enum {
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    ENTRY_BYTES = 46,
    LOCAL_BYTES = 30,
    MAX_COMMENT = 65535,
    MAX_FILES = 1000000,
    MAX_NAME_BYTES = 1024,
};

struct directory {
    uint64_t at, bytes, count;
};

static uint64_t le(const unsigned char *p, int n) {
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static bool has_mark(const unsigned char *p, const char *mark) {
    return memcmp(p, mark, 4) == 0;
}

static karma_status find_end(const unsigned char *data, size_t size, size_t *at) {
    if (size >= END_BYTES) {
        const size_t last = size - END_BYTES;
        const size_t first = last > MAX_COMMENT ? last - MAX_COMMENT : 0;
        for (size_t i = last + 1; i-- > first;) {
            if (!has_mark(data + i, "PK\5\6") || le(data + i + 20, 2) != size - i - END_BYTES)
                continue;
            *at = i;
            return KARMA_OK;
        }
    }
    return status_fail(KARMA_E_MAGIC, "not a zip archive, or cut short: it has no end record");
}

static karma_status read_end64(const unsigned char *data, size_t end, struct directory *d) {
    if (end < LOCATOR_BYTES || !has_mark(data + end - LOCATOR_BYTES, "PK\6\7"))
        return status_fail(KARMA_E_SYNTAX, "large numbers, but no record that holds them");
    const uint64_t at = le(data + end - LOCATOR_BYTES + 8, 8);
    if (at > end - LOCATOR_BYTES || end - LOCATOR_BYTES - at < END64_BYTES ||
        !has_mark(data + at, "PK\6\6"))
        return status_fail(KARMA_E_RANGE, "the record of large numbers is not where it should be");
    d->count = le(data + at + 32, 8);
    d->bytes = le(data + at + 40, 8);
    d->at = le(data + at + 48, 8);
    return KARMA_OK;
}

static karma_status find_directory(const unsigned char *data, size_t size, struct directory *d) {
    size_t end = 0;
    karma_status st = find_end(data, size, &end);
    if (st < 0) return st;
    const unsigned char *p = data + end;
    if (le(p + 4, 2) != 0 || le(p + 6, 2) != 0)
        return status_fail(KARMA_E_UNSUPPORTED, "an archive on several disks");
    *d = (struct directory){.count = le(p + 10, 2), .bytes = le(p + 12, 4), .at = le(p + 16, 4)};
    if (d->count == UINT16_MAX || d->bytes == UINT32_MAX || d->at == UINT32_MAX)
        st = read_end64(data, end, d);
    if (st < 0) return st;
    if (d->at > end || d->bytes > end - d->at)
        return status_fail(KARMA_E_RANGE, "the directory lies outside the file");
    if (d->count > MAX_FILES) return status_fail(KARMA_E_LIMIT, "more than %d files", MAX_FILES);
    if (d->count > d->bytes / ENTRY_BYTES)
        return status_fail(KARMA_E_TRUNCATED, "the directory is shorter than %llu files take",
                           (unsigned long long)d->count);
    return KARMA_OK;
}

struct numbers { /* of a file, as the directory has them */
    uint64_t size, stored, at;
};

/* Those that did not fit in 32 bits stand in an extra field, in this order. */
static karma_status read_zip64(const unsigned char *extra, size_t len, struct numbers *n) {
    uint64_t *const wanted[] = {&n->size, &n->stored, &n->at};
    while (len >= 4) {
        const size_t id = (size_t)le(extra, 2), bytes = (size_t)le(extra + 2, 2);
        if (bytes > len - 4) break;
        size_t at = 4;
        for (int i = 0; id == 1 && i < 3; i++) {
            if (*wanted[i] != UINT32_MAX) continue;
            if (at + 8 > 4 + bytes) break;
            *wanted[i] = le(extra + at, 8);
            at += 8;
        }
        if (id == 1) break;
        extra += 4 + bytes;
        len -= 4 + bytes;
    }
    if (n->size == UINT32_MAX || n->stored == UINT32_MAX || n->at == UINT32_MAX)
        return status_fail(KARMA_E_SYNTAX, "a large number is missing");
    return KARMA_OK;
}

/* Where the file's bytes begin, by its own header. */
static karma_status locate(const unsigned char *data, uint64_t limit, const struct numbers *n,
                           const char *name, const unsigned char **bytes) {
    if (n->at > limit || limit - n->at < LOCAL_BYTES || !has_mark(data + n->at, "PK\3\4"))
        return status_fail(KARMA_E_RANGE, "no file is where the directory says");
    const unsigned char *p = data + n->at;
    const uint64_t name_len = le(p + 26, 2), begin = n->at + LOCAL_BYTES + name_len + le(p + 28, 2);
    if (begin > limit || n->stored > limit - begin)
        return status_fail(KARMA_E_TRUNCATED, "%llu bytes, but the file ends before that",
                           (unsigned long long)n->stored);
    if (name_len != strlen(name) || memcmp(p + LOCAL_BYTES, name, name_len) != 0)
        return status_fail(KARMA_E_SYNTAX, "the file's own header has another name");
    const uint64_t own = le(p + 18, 4), flags = le(p + 6, 2);
    if (!(flags & 8) && own != UINT32_MAX && own != n->stored)
        return status_fail(KARMA_E_RANGE, "%llu bytes by the directory, %llu by its own header",
                           (unsigned long long)n->stored, (unsigned long long)own);
    *bytes = data + begin;
    return KARMA_OK;
}

static karma_status read_entry(struct arena *a, const unsigned char *data,
                               const struct directory *d, uint64_t *pos, struct zip_file *file) {
    const uint64_t end = d->at + d->bytes;
    const unsigned char *p = data + *pos;
    if (end - *pos < ENTRY_BYTES || !has_mark(p, "PK\1\2"))
        return status_fail(KARMA_E_SYNTAX, "the directory is broken at byte %llu",
                           (unsigned long long)*pos);
    const uint64_t name_len = le(p + 28, 2), extra = le(p + 30, 2), comment = le(p + 32, 2);
    if (name_len + extra + comment > end - *pos - ENTRY_BYTES)
        return status_fail(KARMA_E_TRUNCATED, "the directory ends within a file");
    const char *name = (const char *)p + ENTRY_BYTES;
    karma_status st = name_check("file name", name, (size_t)name_len, MAX_NAME_BYTES);
    if (st < 0) return st;
    file->name = arena_strndup(a, name, (size_t)name_len);
    if (!file->name) return KARMA_E_NOMEM;
    struct numbers n = {.stored = le(p + 20, 4), .size = le(p + 24, 4), .at = le(p + 42, 4)};
    if (le(p + 8, 2) & 1) st = status_fail(KARMA_E_UNSUPPORTED, "is encrypted");
    if (st == KARMA_OK && le(p + 10, 2) != 0)
        st = status_fail(KARMA_E_UNSUPPORTED, "is compressed (method %llu)",
                         (unsigned long long)le(p + 10, 2));
    if (st == KARMA_OK) st = read_zip64((const unsigned char *)name + name_len, (size_t)extra, &n);
    if (st == KARMA_OK && n.size != n.stored)
        st = status_fail(KARMA_E_RANGE, "stored in %llu bytes, but %llu long",
                         (unsigned long long)n.stored, (unsigned long long)n.size);
    if (st == KARMA_OK) st = locate(data, d->at, &n, file->name, &file->data);
    if (st < 0) return status_prefix(st, "file %s", status_quotez(file->name));
    file->size = (size_t)n.size;
    *pos += ENTRY_BYTES + name_len + extra + comment;
    return KARMA_OK;
}

static int by_place(const void *a, const void *b) {
    const struct zip_file *x = a, *y = b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return (x->size > y->size) - (x->size < y->size);
}

/* No two share bytes, nor names. */
static karma_status check_apart(struct zip_file *files, size_t count) {
    struct name_table names = {0};
    karma_status st = name_table_reserve(&names, count);
    if (count > 1) qsort(files, count, sizeof(*files), by_place);
    for (size_t i = 0; st == KARMA_OK && i < count; i++) {
        const struct zip_file *f = &files[i];
        if (i > 0 && f->data < files[i - 1].data + files[i - 1].size)
            st = status_fail(KARMA_E_OVERLAP, "files %s and %s share bytes",
                             status_quotez(files[i - 1].name), status_quotez(f->name));
        else if (!name_table_add(&names, f->name, strlen(f->name), (uint32_t)i))
            st = status_fail(KARMA_E_DUPLICATE, "file %s: there are two", status_quotez(f->name));
    }
    name_table_release(&names);
    return st;
}

karma_status zip_read(struct arena *a, const unsigned char *data, size_t size,
                      struct zip_file **files, size_t *count) {
    struct directory d = {0};
    *files = NULL;
    *count = 0;
    karma_status st = find_directory(data, size, &d);
    struct zip_file *list =
        st == KARMA_OK ? arena_calloc(a, (size_t)d.count + 1, sizeof(*list)) : NULL;
    if (st == KARMA_OK && !list) return KARMA_E_NOMEM;
    uint64_t pos = st == KARMA_OK ? d.at : 0;
    for (size_t i = 0; st == KARMA_OK && i < d.count; i++)
        st = read_entry(a, data, &d, &pos, &list[i]);
    if (st == KARMA_OK) st = check_apart(list, (size_t)d.count);
    if (st < 0) return status_prefix(st, "zip archive");
    *files = list;
    *count = (size_t)d.count;
    return KARMA_OK;
}
