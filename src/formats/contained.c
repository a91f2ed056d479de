/* contained.c - see contained.h. */
#include "formats/contained.h"

#include <stdbool.h>
#include <string.h>

#include "base/file.h"

/* A relative path of plain parts. */
static karma_status check_location(const char *location) {
    const char *part = location;
    for (;;) {
        const size_t len = strcspn(part, "/");
        karma_status st = file_check_name(part, len);
        if (st < 0) return status_prefix(st, "path %s", status_quotez(location));
        if (part[len] == '\0') return KARMA_OK;
        part += len + 1;
    }
}

static bool lies_in(const char *path, const char *folder, size_t len) {
    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* The length of ".../models--x" when folder is inside a snapshot of it; else 0. */
static size_t repository_of(const char *folder) {
    static const char mark[] = "/snapshots/";
    const char *snapshots = strstr(folder, mark);
    if (!snapshots) return 0;
    const char *name = snapshots;
    while (name > folder && name[-1] != '/')
        name--;
    return strncmp(name, "models--", 8) == 0 ? (size_t)(snapshots - folder) : 0;
}

static bool lies_in_blobs(struct arena *a, const char *real, const char *folder) {
    const size_t repository = repository_of(folder);
    const char *blobs = repository ? arena_printf(a, "%.*s/blobs", (int)repository, folder) : NULL;
    return blobs && lies_in(real, blobs, strlen(blobs));
}

karma_status contained_path(struct arena *a, const char *folder, const char *location,
                            const char **path) {
    const char *real_folder, *real;
    *path = NULL;
    karma_status st = check_location(location);
    if (st < 0) return st;
    const char *joined = file_join(a, folder, location);
    if (!joined) return KARMA_E_NOMEM;
    st = file_real_path(a, folder, &real_folder);
    if (st == KARMA_OK) st = file_real_path(a, joined, &real);
    if (st < 0) return st;
    if (!lies_in(real, real_folder, strlen(real_folder)) && !lies_in_blobs(a, real, real_folder))
        return status_fail(KARMA_E_PATH, "%s: leads out of the model's folder",
                           status_quotez(location));
    *path = joined;
    return KARMA_OK;
}
