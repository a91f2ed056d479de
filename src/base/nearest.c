/*
 * nearest.c - edit distance (insert, drop, replace, swap neighbours) without case, to the whole
 * name and to what follows its last '/': people type the bare name of an "owner/name".
 */
#include "base/nearest.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

#include "karma/option.h"

enum { MAX_NAME = 255 }; /* longer ones are no typing mistakes */

static bool equal_at(const char *a, const char *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
    }
    return true;
}

static bool contains(const char *text, size_t n, const char *part, size_t m) {
    for (size_t i = 0; i + m <= n; i++) {
        if (equal_at(text + i, part, m)) return true;
    }
    return false;
}

static int distance(const char *a, size_t n, const char *b, size_t m) {
    int rows[3][MAX_NAME + 1];
    int *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= m; j++)
        last[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            char x = ascii_lower(a[i - 1]), y = ascii_lower(b[j - 1]);
            int d = last[j - 1] + (x != y);
            if (last[j] + 1 < d) d = last[j] + 1;
            if (now[j - 1] + 1 < d) d = now[j - 1] + 1;
            if (i > 1 && j > 1 && x == ascii_lower(b[j - 2]) && ascii_lower(a[i - 2]) == y &&
                before[j - 2] + 1 < d) {
                d = before[j - 2] + 1;
            }
            now[j] = d;
        }
        int *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[m];
}

/* Cost of taking `typed` for `name`, in thousandths of a letter; -1: too far. */
static long cost(const char *typed, size_t n, const char *name, size_t m) {
    if (m == 0 || m > MAX_NAME) return -1;
    int allowed = n < 3 ? 1 : (int)n / 3 + 1;
    if (allowed > 6) allowed = 6;
    int d = distance(typed, n, name, m);
    if (d <= allowed && (size_t)d < n && (size_t)d < m) return d * 1000L;
    if (n >= 3 && contains(name, m, typed, n)) return 1500 + (long)(m - n);
    if (m >= 4 && contains(typed, n, name, m)) return 2500 + (long)(n - m);
    return -1;
}

int nearest_name(const char *name, const char *const *names, size_t count) {
    size_t n = strlen(name);
    if (n == 0 || n > MAX_NAME) return -1;
    long best = -1;
    int found = -1;
    for (size_t i = 0; i < count; i++) {
        const char *slash = strrchr(names[i], '/');
        long c = cost(name, n, names[i], strlen(names[i]));
        if (slash) {
            long tail = cost(name, n, slash + 1, strlen(slash + 1));
            if (tail >= 0 && (c < 0 || tail + 1 < c)) c = tail + 1; /* the whole name wins ties */
        }
        if (c < 0 || (found >= 0 && c >= best)) continue;
        best = c;
        found = (int)i;
    }
    return found;
}

int karma_nearest_name(const char *name, const char *const *names, size_t count) {
    return nearest_name(name, names, count);
}
