/* test.c - the helpers of test.h. They use the C library directly, so that a broken or failing
 * base room does not break the tests' own tools. */
#include "tests/support/test.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

/* An allocation too large for the sanitizer must return NULL, as malloc does. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1:detect_stack_use_after_return=1:strict_string_checks=1";
}

static size_t blocks_before;

int test_leaks_begin(void **state) {
    (void)state;
    blocks_before = mem_live_blocks();
    return 0;
}

int test_leaks_end(void **state) {
    (void)state;
    mem_fail_at(0); /* a test that stopped half-way must not disturb the next */
    size_t now = mem_live_blocks();
    if (now == blocks_before) return 0;
    print_error("leak: %zu live blocks before the test, %zu after it\n", blocks_before, now);
    return -1;
}

void test_status(karma_status st, karma_status expected, const char *what, const char *file,
                 int line) {
    if (st == expected) return;
    print_error("%s gave %s, expected %s\nmessage: %s\n", what, karma_status_name(st),
                karma_status_name(expected), karma_error_message());
    _fail(file, line);
}

void test_message(const char *text, const char *file, int line) {
    if (strstr(karma_error_message(), text)) return;
    print_error("the message lacks: %s\nmessage: %s\n", text, karma_error_message());
    _fail(file, line);
}

void test_close(const float *got, const float *want, size_t n, double max_abs, const char *file,
                int line) {
    double worst = 0, difference = 0, norm = 0;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - (double)want[i]);
        if (isnan(d)) d = INFINITY;
        if (d > worst) {
            worst = d;
            at = i;
        }
        difference += d * d;
        norm += (double)want[i] * (double)want[i];
    }
    if (worst <= max_abs) return;
    print_error("max-abs %.3g at %zu of %zu (%.9g, expected %.9g), bound %.3g; relative L2 %.3g\n",
                worst, at, n, (double)got[at], (double)want[at], max_abs,
                norm > 0 ? sqrt(difference / norm) : INFINITY);
    _fail(file, line);
}

_Noreturn static void stop(const char *what, const char *path) {
    print_error("test support: %s %s: %s\n", what, path, strerror(errno));
    exit(EXIT_FAILURE);
}

enum { DIR_SIZE = 512 };
static char dir[DIR_SIZE];
static pid_t dir_owner; /* a forked child must not remove its parent's folder */

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *ftw) {
    (void)info;
    (void)kind;
    (void)ftw;
    remove(path);
    return 0;
}

static void remove_dir(void) {
    if (getpid() == dir_owner) nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_dir(void) {
    if (dir[0]) return dir;
    const char *base = getenv("TMPDIR");
    int n = snprintf(dir, sizeof(dir), "%s/karma-test-XXXXXX", base && *base ? base : "/tmp");
    if (n >= DIR_SIZE) errno = ENAMETOOLONG;
    if (n >= DIR_SIZE || !mkdtemp(dir)) stop("make", dir);
    dir_owner = getpid();
    atexit(remove_dir);
    return dir;
}

const char *test_path(const char *name) {
    enum { PATHS = 32 };
    static char ring[PATHS][PATH_MAX];
    static unsigned next;
    char *path = ring[next++ % PATHS];
    if (snprintf(path, PATH_MAX, "%s/%s", test_dir(), name) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        stop("name", name);
    }
    return path;
}

const char *write_file(const char *name, const void *data, size_t len) {
    const char *path = test_path(name);
    char part[PATH_MAX];
    snprintf(part, sizeof(part), "%s", path);
    for (char *p = part + strlen(dir) + 1; (p = strchr(p, '/')); *p++ = '/') {
        *p = '\0';
        if (mkdir(part, 0700) < 0 && errno != EEXIST) stop("make", part);
    }
    FILE *f = fopen(path, "wb");
    if (!f) stop("open", path);
    if ((len && fwrite(data, 1, len, f) != len) || fclose(f) != 0) stop("write", path);
    return path;
}

const char *write_text(const char *name, const char *text) {
    return write_file(name, text, strlen(text));
}

/* Kept in a list so that leak checkers see an owner. */
struct kept {
    struct kept *next;
    char bytes[];
};
static struct kept *kept;

char *read_fixture(const char *path, size_t *len) {
    FILE *f = fopen(path, "rb");
    if (!f) stop("open", path);
    if (fseek(f, 0, SEEK_END) != 0) stop("seek in", path);
    long size = ftell(f);
    rewind(f);
    struct kept *k = size < 0 ? NULL : malloc(sizeof(*k) + (size_t)size + 1);
    if (!k) stop("hold", path);
    if (fread(k->bytes, 1, (size_t)size, f) != (size_t)size) stop("read", path);
    fclose(f);
    k->bytes[size] = '\0';
    k->next = kept;
    kept = k;
    if (len) *len = (size_t)size;
    return k->bytes;
}

/* One attempt under injection; false when the failure was not reached. */
static bool attempt_fails(test_attempt attempt, void *ctx, uint64_t n,
                          void (*inject)(uint64_t call), const char *how) {
    size_t before = mem_live_blocks();
    inject(n);
    karma_status st = attempt(ctx);
    bool reached = mem_fail_reached();
    inject(0);
    size_t after = mem_live_blocks();
    karma_status expected = reached ? KARMA_E_NOMEM : KARMA_OK;
    if (st != expected || after != before) {
        print_error("allocation %llu failing %s: %s, expected %s; %zu live blocks, then %zu\n"
                    "message: %s\n",
                    (unsigned long long)n, how, karma_status_name(st), karma_status_name(expected),
                    before, after, karma_error_message());
        _fail(__FILE__, __LINE__);
    }
    return reached;
}

uint64_t for_each_failing_allocation(test_attempt attempt, void *ctx) {
    enum { ALL_UP_TO = 1000, STEP_SHARE = 50 };
    uint64_t n = 1, last = 0;
    while (attempt_fails(attempt, ctx, n, mem_fail_at, "alone")) {
        attempt_fails(attempt, ctx, n, mem_fail_from, "with all later ones");
        last = n;
        n += n < ALL_UP_TO ? 1 : n / STEP_SHARE;
    }
    return last;
}
