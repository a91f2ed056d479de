/*
 * bench_start.c - how long the program takes from its start to its end when there is little to do:
 * `karma list models` (bound: 20 ms), `karma --version`, and, given a checkpoint, `karma info
 * model`, which loads it. Median and least of many starts, output thrown away, file cache warm.
 *
 *     bench_start [starts] [checkpoint]
 */
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/roof.h"

extern char **environ;

enum { MAX_STARTS = 10000, WARM_UP = 3 };

/* Milliseconds of one start; < 0: it failed. */
static double start_once(const char *program, char *const *argv) {
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    const uint64_t start_ns = clock_monotonic_ns();
    pid_t pid;
    int status = -1;
    if (posix_spawn(&pid, program, &quiet, NULL, argv, environ) == 0) waitpid(pid, &status, 0);
    const double ms = seconds_since(start_ns) * 1e3;
    posix_spawn_file_actions_destroy(&quiet);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? ms : -1;
}

static int measure(const char *program, const char *what, char *const *argv, int starts) {
    static double ms[MAX_STARTS];
    for (int i = -WARM_UP; i < starts; i++) {
        const double t = start_once(program, argv);
        if (t < 0) {
            fprintf(stderr, "%s: failed\n", what);
            return 1;
        }
        if (i >= 0) ms[i] = t;
    }
    const double middle = median(ms, starts); /* sorts */
    printf("%-24s median %6.2f ms, least %6.2f ms, of %d starts\n", what, middle, ms[0], starts);
    return 0;
}

int main(int argc, char **argv) {
    const int starts = argc > 1 ? atoi(argv[1]) : 200;
    const char *slash = strrchr(argv[0], '/');
    char program[4096];
    snprintf(program, sizeof(program), "%.*s/../karma", slash ? (int)(slash - argv[0]) : 1,
             slash ? argv[0] : ".");
    if (starts < 1 || starts > MAX_STARTS || access(program, X_OK) != 0) {
        fprintf(stderr, "usage: bench_start [starts, 1 to %d] [checkpoint]; needs %s\n", MAX_STARTS,
                program);
        return 2;
    }
    printf("%s\n", cpu_model_name());
    char *const list[] = {program, "list", "models", NULL};
    char *const version[] = {program, "--version", NULL};
    int failed = measure(program, "karma list models", list, starts);
    if (!failed) failed = measure(program, "karma --version", version, starts);
    if (!failed && argc > 2) {
        char *const info[] = {program, "--quiet", "info", "model", argv[2], NULL};
        failed = measure(program, "karma info model", info, starts);
    }
    return failed;
}
