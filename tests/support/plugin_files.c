/* plugin_files.c - see plugin_files.h. */
#include "tests/support/plugin_files.h"

#include <unistd.h>

#include "tests/support/test.h"

/* The program is BUILD/tests/unit/ROOM/NAME. */
const char *plugin_file(const char *name) {
    static char paths[8][4096];
    static unsigned next;
    char *path = paths[next++ % 8];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof(paths[0]) - 1);
    assert_true(n > 0);
    path[n] = '\0';
    for (int up = 0; up < 3; up++) {
        char *slash = strrchr(path, '/');
        assert_non_null(slash);
        *slash = '\0';
    }
    const size_t len = strlen(path);
    assert_true(len + strlen(name) + 32 < sizeof(paths[0]));
    snprintf(path + len, sizeof(paths[0]) - len, "/plugins/%s.so", name);
    return path;
}
