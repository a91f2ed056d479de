/* run_path.c - see run_path.h. Paths are taken as they are written: links are not followed. */
#include "cli/run_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool path_exists(const char *path) {
    struct stat there;
    return stat(path, &there) == 0;
}

/* Without "." and "..", of an absolute path, in place; without a slash at the end. */
static void settle(char *path) {
    char *to = path;
    for (const char *p = path; *p;) {
        while (*p == '/')
            p++;
        const size_t len = strcspn(p, "/");
        if (len == 0 || (len == 1 && p[0] == '.')) {
            p += len;
        } else if (len == 2 && p[0] == '.' && p[1] == '.') {
            while (to > path && *--to != '/') {
            }
            p += len;
        } else {
            *to++ = '/';
            memmove(to, p, len);
            to += len;
            p += len;
        }
    }
    *to = '\0';
}

static char *join(const char *folder, size_t len, const char *path) {
    const size_t room = len + strlen(path) + 2;
    char *text = malloc(room);
    if (text) snprintf(text, room, "%.*s/%s", (int)len, folder, path);
    return text;
}

/* folder [len] and path below it, settled; folder may itself be relative. */
static char *absolute(const char *folder, size_t len, const char *path) {
    char *below = path[0] == '/' ? strdup(path) : join(folder, len, path);
    if (!below || below[0] == '/') {
        if (below) settle(below);
        return below;
    }
    char *here = getcwd(NULL, 0);
    char *all = here ? join(here, strlen(here), below) : NULL;
    free(here);
    free(below);
    if (all) settle(all);
    return all;
}

/* How many bytes of the file's name are its folder; 0: none. */
static size_t folder_of(const char *file) {
    const char *slash = strrchr(file, '/');
    return slash ? slash == file ? 1 : (size_t)(slash - file) : 0;
}

char *path_from_file(const char *file, const char *path) {
    const size_t len = folder_of(file);
    if (len == 0 || path[0] == '/') return strdup(path);
    char *all = absolute(file, len, path), *here = getcwd(NULL, 0);
    const size_t above = here ? strlen(here) : 0;
    if (all && above > 1 && strncmp(all, here, above) == 0 && all[above] == '/')
        memmove(all, all + above + 1, strlen(all + above));
    free(here);
    return all;
}

char *path_into_file(const char *file, const char *path) {
    const size_t len = folder_of(file);
    if (len == 0 || path[0] == '/') return strdup(path);
    char *from = absolute(file, len, "."), *to = absolute(".", 1, path), *text = NULL;
    if (from && to) {
        size_t same = 0; /* bytes of the folders that both are in */
        for (size_t i = 0;; i++) {
            const bool ends = (!from[i] || from[i] == '/') && (!to[i] || to[i] == '/');
            if (ends) same = i;
            if (!from[i] || from[i] != to[i]) break;
        }
        size_t up = 0;
        for (const char *p = from + same; *p; p++)
            up += *p == '/';
        const char *rest = to[same] == '/' ? to + same + 1 : to + same;
        text = malloc(3 * up + strlen(rest) + 2);
        if (text) {
            text[0] = '\0';
            for (size_t i = 0; i < up; i++)
                memcpy(text + 3 * i, "../", 4);
            memcpy(text + 3 * up, rest, strlen(rest) + 1);
            if (!text[0]) memcpy(text, ".", 2);
        }
    }
    free(from);
    free(to);
    return text;
}
