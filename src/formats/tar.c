/*
 * tar.c - see tar.h. A file is a header block of 512 bytes, whose sum is checked, and its bytes
 * rounded up to blocks; a block of zeros ends the archive. Nothing is written to disk.
 */
#include "formats/tar.h"

#include <string.h>

#include "base/file.h"
#include "base/size.h"
#include "formats/names.h"

enum { BLOCK = 512, MAX_FILES = 100000, MAX_NAME = 4096 };

struct reader {
    struct arena *a;
    const unsigned char *data;
    size_t size, pos;
    struct tar_file *files;
    size_t count, cap;
    const char *long_name; /* for the file that follows; NULL: its own */
    uint64_t long_size;
    bool has_long_size;
};

/* ---- fields of a header ---- */

/* Octal digits between spaces, or, with the top bit set, a big-endian number. */
static bool read_number(const unsigned char *at, size_t len, uint64_t *out) {
    uint64_t n = 0;
    size_t i = 0;
    if (at[0] & 0x80) {
        for (size_t k = 1; k < len; k++) {
            if (n >> 56) return false;
            n = n << 8 | at[k];
        }
        *out = n;
        return at[0] == 0x80;
    }
    while (i < len && at[i] == ' ')
        i++;
    for (; i < len && at[i] >= '0' && at[i] <= '7'; i++) {
        if (n >> 61) return false;
        n = n << 3 | (uint64_t)(at[i] - '0');
    }
    *out = n;
    return i == len || at[i] == ' ' || at[i] == '\0';
}

static bool sum_fits(const unsigned char *header) {
    enum { AT = 148, LEN = 8 };
    uint64_t want, sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= AT && i < AT + LEN ? ' ' : header[i];
    return read_number(header + AT, LEN, &want) && sum == want;
}

static size_t text_len(const unsigned char *at, size_t most) {
    const void *end = memchr(at, '\0', most);
    return end ? (size_t)((const unsigned char *)end - at) : most;
}

/* "prefix/name", in the arena. */
static const char *header_name(struct reader *r, const unsigned char *header) {
    enum { NAME = 100, PREFIX_AT = 345, PREFIX = 155 };
    const int len = (int)text_len(header, NAME);
    const int before =
        memcmp(header + 257, "ustar", 6) == 0 ? (int)text_len(header + PREFIX_AT, PREFIX) : 0;
    return before ? arena_printf(r->a, "%.*s/%.*s", before, (const char *)header + PREFIX_AT, len,
                                 (const char *)header)
                  : arena_strndup(r->a, (const char *)header, (size_t)len);
}

static karma_status check_path(const char *name) {
    const char *part = name;
    for (;;) {
        const size_t len = strcspn(part, "/");
        /* Hidden names are plain here: what is read is never written under its name. */
        const bool hidden = len > 1 && part[0] == '.' && part[1] != '.';
        karma_status st = file_check_name(part + hidden, len - hidden);
        if (st < 0) return status_prefix(st, "file %s", status_quotez(name));
        if (part[len] == '\0') return KARMA_OK;
        part += len + 1;
    }
}

/* ---- entries ---- */

static karma_status add_file(struct reader *r, const char *name, const unsigned char *data,
                             size_t size) {
    while (name[0] == '.' && name[1] == '/')
        name += 2;
    karma_status st = check_path(name);
    if (st < 0) return st;
    if (r->count == MAX_FILES) return status_fail(KARMA_E_LIMIT, "more than %d files", MAX_FILES);
    if (r->count == r->cap) {
        const size_t cap = r->cap ? r->cap * 2 : 64;
        struct tar_file *more = arena_calloc(r->a, cap, sizeof(*more));
        if (!more) return KARMA_E_NOMEM;
        if (r->count) memcpy(more, r->files, r->count * sizeof(*more));
        r->files = more;
        r->cap = cap;
    }
    r->files[r->count++] = (struct tar_file){name, data, size};
    return KARMA_OK;
}

/* Lines "LEN key=value\n" of a pax header: path and size are of interest. */
static karma_status read_pax(struct reader *r, const unsigned char *data, size_t size) {
    for (size_t pos = 0; pos < size;) {
        size_t len = 0, at = pos;
        for (; at < size && at < pos + 8 && data[at] >= '0' && data[at] <= '9'; at++)
            len = len * 10 + (size_t)(data[at] - '0');
        if (at == pos || at >= size || data[at] != ' ' || len > size - pos || len < at - pos + 3 ||
            data[pos + len - 1] != '\n')
            return status_fail(KARMA_E_SYNTAX, "pax header: a line is broken");
        const char *key = (const char *)data + at + 1;
        const size_t rest = pos + len - 1 - (at + 1);
        if (rest > 5 && memcmp(key, "path=", 5) == 0) {
            if (rest - 5 > MAX_NAME) return status_fail(KARMA_E_LIMIT, "pax header: a long name");
            r->long_name = arena_strndup(r->a, key + 5, rest - 5);
            if (!r->long_name) return KARMA_E_NOMEM;
        } else if (rest > 5 && memcmp(key, "size=", 5) == 0) {
            uint64_t n = 0;
            for (size_t i = 5; i < rest; i++) {
                if (key[i] < '0' || key[i] > '9' || n > UINT64_MAX / 10 - 1)
                    return status_fail(KARMA_E_SYNTAX, "pax header: size is no number");
                n = n * 10 + (uint64_t)(key[i] - '0');
            }
            r->long_size = n;
            r->has_long_size = true;
        }
        pos += len;
    }
    return KARMA_OK;
}

static karma_status take_entry(struct reader *r, const unsigned char *header,
                               const unsigned char *data, size_t size) {
    const unsigned char type = header[156];
    const char *name = r->long_name ? r->long_name : header_name(r, header);
    if (!name) return KARMA_E_NOMEM;
    switch (type) {
    case 'L': /* GNU: the name of the next file */
        if (size > MAX_NAME) return status_fail(KARMA_E_LIMIT, "a long name");
        r->long_name = arena_strndup(r->a, (const char *)data, text_len(data, size));
        return r->long_name ? KARMA_OK : KARMA_E_NOMEM;
    case 'x':
        return read_pax(r, data, size);
    case 'g':
        return KARMA_OK;
    case '\0':
    case '0':
    case '7':
        r->long_name = NULL;
        r->has_long_size = false;
        return add_file(r, name, data, size);
    case '5':
        r->long_name = NULL;
        r->has_long_size = false;
        return KARMA_OK;
    case '1':
    case '2':
        return status_fail(KARMA_E_PATH, "file %s: is a link", status_quotez(name));
    default:
        return status_fail(KARMA_E_UNSUPPORTED, "file %s: of kind %d", status_quotez(name), type);
    }
}

static karma_status next_entry(struct reader *r) {
    const unsigned char *header = r->data + r->pos;
    uint64_t size, padded;
    if (!sum_fits(header))
        return status_fail(KARMA_E_SYNTAX, "at byte %zu: not the header of a file", r->pos);
    if (!read_number(header + 124, 12, &size))
        return status_fail(KARMA_E_SYNTAX, "at byte %zu: the size is no number", r->pos);
    const unsigned char type = header[156];
    const bool is_file = type == '\0' || type == '0' || type == '7';
    if (is_file && r->has_long_size) size = r->long_size;
    if (type == '5') size = 0;
    r->pos += BLOCK;
    if (size > r->size - r->pos || !size_align_up(size, BLOCK, &padded))
        return status_fail(KARMA_E_TRUNCATED, "at byte %zu: a file of %llu bytes, %zu are left",
                           r->pos, (unsigned long long)size, r->size - r->pos);
    karma_status st = take_entry(r, header, r->data + r->pos, (size_t)size);
    r->pos = padded > r->size - r->pos ? r->size : r->pos + (size_t)padded;
    return st;
}

static bool is_zero(const unsigned char *block) {
    for (size_t i = 0; i < BLOCK; i++)
        if (block[i]) return false;
    return true;
}

static karma_status check_unique(const struct reader *r) {
    struct name_table names = {0};
    karma_status st = name_table_reserve(&names, r->count);
    for (size_t i = 0; st == KARMA_OK && i < r->count; i++) {
        const char *name = r->files[i].name;
        if (!name_table_add(&names, name, strlen(name), (uint32_t)i))
            st = status_fail(KARMA_E_DUPLICATE, "file %s: there are two", status_quotez(name));
    }
    name_table_release(&names);
    return st;
}

karma_status tar_read(struct arena *a, const unsigned char *data, size_t size,
                      struct tar_file **files, size_t *count) {
    struct reader r = {.a = a, .data = data, .size = size};
    karma_status st = KARMA_OK;
    *files = NULL;
    *count = 0;
    if (size < BLOCK) return status_fail(KARMA_E_TRUNCATED, "not a tar archive: %zu bytes", size);
    while (st == KARMA_OK && r.size - r.pos >= BLOCK && !is_zero(r.data + r.pos))
        st = next_entry(&r);
    if (st == KARMA_OK) st = check_unique(&r);
    if (st < 0) return status_prefix(st, "tar archive");
    *files = r.files;
    *count = r.count;
    return KARMA_OK;
}

const struct tar_file *tar_find(const struct tar_file *files, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(files[i].name, name) == 0) return &files[i];
    return NULL;
}
