/* shards.c - see shards.h. */
#include "datasets/shards.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"

static const char ending[] = ".parquet";
enum { OF_CHARS = 15 }; /* "-NNNNN-of-NNNNN" */

/* ---- names ---- */

/* Does name fit the pattern, in which * stands for any characters? */
static bool fits(const char *pattern, const char *name) {
    const char *star = NULL, *resume = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            resume = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool five_digits(const char *p, uint32_t *out) {
    *out = 0;
    for (int i = 0; i < 5; i++) {
        if (!ascii_is_digit(p[i])) return false;
        *out = *out * 10 + (uint32_t)(p[i] - '0');
    }
    return true;
}

/* "-NNNNN-of-NNNNN" at p. */
static bool is_numbered(const char *p, uint32_t *index, uint32_t *count) {
    return strlen(p) >= OF_CHARS && p[0] == '-' && five_digits(p + 1, index) &&
           memcmp(p + 6, "-of-", 4) == 0 && five_digits(p + 10, count);
}

static const char *find_numbers(const char *name, uint32_t *index, uint32_t *count) {
    for (; *name; name++)
        if (is_numbered(name, index, count)) return name;
    return NULL;
}

bool shards_is_pattern(const char *path) {
    return strchr(file_base_name(path), '*') != NULL && !file_exists(path);
}

/* All of a numbered set must be there: a shorter one is another data set. */
static karma_status check_numbers(const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t index, count;
        if (!find_numbers(names[i], &index, &count)) return KARMA_OK;
        if (index < i)
            return status_fail(KARMA_E_DUPLICATE, "%s: there is another of this number",
                               status_quotez(names[i]));
        if (index > i)
            return status_fail(KARMA_E_MISSING, "number %zu of %u is not there", i, count);
        if (i + 1 == n && count != n)
            return status_fail(KARMA_E_MISSING, "%zu of %u files are there", n, count);
    }
    return KARMA_OK;
}

karma_status shards_list(struct arena *a, const char *pattern, const char *const **paths,
                         size_t *n) {
    const char *base = file_base_name(pattern), *folder = file_dir_name(a, pattern);
    const char *const *names;
    size_t all = 0;
    *n = 0;
    *paths = NULL;
    karma_status st = folder ? file_list(a, folder, &names, &all) : KARMA_E_NOMEM;
    if (st < 0) return st;
    const char **found = arena_calloc(a, all + 1, sizeof(*found));
    if (!found) return KARMA_E_NOMEM;
    for (size_t i = 0; i < all; i++)
        if (names[i][0] != '.' && fits(base, names[i])) found[(*n)++] = names[i];
    st = *n ? check_numbers(found, *n) : status_fail(KARMA_E_MISSING, "no such files");
    if (st < 0) return status_prefix(st, "%s", pattern);
    for (size_t i = 0; i < *n; i++)
        if (!(found[i] = file_join(a, folder, found[i]))) return KARMA_E_NOMEM;
    *paths = found;
    return KARMA_OK;
}

/* ---- folders ---- */

/* The names in a folder; none of one that is not there. */
static karma_status names_in(struct arena *a, const char *folder, const char *const **names,
                             size_t *n) {
    *n = 0;
    return file_kind(folder) == FILE_KIND_FOLDER ? file_list(a, folder, names, n) : KARMA_OK;
}

/* Numbered files of the split in this folder. */
static karma_status find_numbered(struct arena *a, const char *folder, const char *split,
                                  const char **path) {
    const char *const *names;
    size_t n;
    const size_t len = strlen(split);
    karma_status st = names_in(a, folder, &names, &n);
    for (size_t i = 0; i < n && st == KARMA_OK && !*path; i++) {
        uint32_t index, count;
        if (strncmp(names[i], split, len) != 0 || !ascii_ends_with(names[i], ending) ||
            !is_numbered(names[i] + len, &index, &count))
            continue;
        *path = arena_printf(a, "%s/%s-*-of-%05u*%s", folder, split, count, ending);
        if (!*path) st = KARMA_E_NOMEM;
    }
    return st;
}

static karma_status find_any(struct arena *a, const char *folder, const char **path) {
    const char *const *names;
    size_t n;
    karma_status st = names_in(a, folder, &names, &n);
    for (size_t i = 0; i < n && st == KARMA_OK && !*path; i++)
        if (names[i][0] != '.' && ascii_ends_with(names[i], ending) &&
            !(*path = file_join(a, folder, names[i])))
            st = KARMA_E_NOMEM;
    return st;
}

karma_status shards_find(struct arena *a, const char *folder, const char *split,
                         const char **path) {
    const char *data = file_join(a, folder, "data"), *inner = file_join(a, folder, split);
    const char *one = arena_printf(a, "%s/data/%s%s", folder, split, ending), *any = NULL;
    *path = NULL;
    if (!data || !inner || !one) return KARMA_E_NOMEM;
    karma_status st = find_numbered(a, folder, split, path);
    if (st == KARMA_OK && !*path) st = find_numbered(a, data, split, path);
    if (st == KARMA_OK && !*path && file_exists(one)) *path = one;
    if (st < 0 || *path) return st;
    st = find_any(a, inner, &any);
    if (st < 0 || !any) return st;
    *path = arena_printf(a, "%s/*%s", inner, ending);
    return *path ? KARMA_OK : KARMA_E_NOMEM;
}

karma_status shards_any(struct arena *a, const char *folder, const char **path) {
    const char *const *names;
    size_t n;
    *path = NULL;
    karma_status st = find_any(a, folder, path);
    if (st == KARMA_OK && !*path) st = names_in(a, folder, &names, &n);
    for (size_t i = 0; st == KARMA_OK && !*path && i < n; i++) {
        if (names[i][0] == '.') continue;
        const char *inner = file_join(a, folder, names[i]);
        st = inner ? find_any(a, inner, path) : KARMA_E_NOMEM;
    }
    return st;
}
