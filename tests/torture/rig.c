/* rig.c - see rig.h. */
#include "tests/torture/rig.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "karma/karma.h"
#include "tests/support/oracle.h"
#include "tests/support/power_vfs.h"

static const char *const suffixes[RIG_FILES] = {".json", ".samples.jsonl", ".manifest.json"};

static void must(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "torture: %s: %s\n", what, karma_error_message());
    exit(1);
}

uint64_t rig_random(struct rig *r, uint64_t below) {
    r->state = r->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return below ? (r->state >> 33) % below : 0;
}

void rig_wrong(struct rig *r, const char *format, ...) {
    va_list args;
    r->bad++;
    if (r->quiet) return;
    va_start(args, format);
    printf("# ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
    fflush(stdout);
}

void rig_say(struct rig *r, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(r->said, sizeof(r->said), format, args);
    va_end(args);
}

static void remove_within(const char *folder) {
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char path[600];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (file_kind(path) == FILE_KIND_FOLDER) {
            remove_within(path);
            rmdir(path);
        } else {
            remove(path);
        }
    }
    if (dir) closedir(dir);
}

void rig_clear(struct rig *r) {
    remove_within(r->place);
}

void rig_end(struct rig *r) {
    for (int m = 0; m < RIG_MODELS; m++)
        for (int i = 0; i < RIG_FILES; i++)
            buf_release(&r->expected[m][i]);
    remove_within(r->folder);
    rmdir(r->folder);
}

/* --- runs ------------------------------------------------------------------------------------- */

static struct rig_news *news;

struct rig_news *rig_news(void) {
    return news;
}

static void on_progress(void *user, const karma_eval_progress *p) {
    (void)user;
    if (!atomic_exchange(&news->began, true)) atomic_store(&news->cached, p->cached);
    atomic_store(&news->done, p->done);
}

static karma_status make_model(struct rig *r, const struct rig_run *run, karma_model **m) {
    char args[600];
    if (run->model == RIG_ORACLE) {
        snprintf(args, sizeof(args), "{\"max_sequences\": %d}", run->batch);
        oracle_set_delay_us(run->delay_us);
        oracle_dies_with(run->dies_with);
        return karma_model_create("oracle", args, m);
    }
    snprintf(args, sizeof(args), "{\"max_sequences\": %d, \"max_tokens\": 4, \"threads\": 1}",
             run->batch);
    return karma_model_create(r->checkpoint, args, m);
}

/* In the child, to the end of the process. */
static void evaluate(struct rig *r, const struct rig_run *run) {
    char store[400], output[400];
    snprintf(store, sizeof(store), "%s/store.db", r->place);
    snprintf(output, sizeof(output), "%s/results.json", r->place);
    const char *const datasets[] = {run->data ? run->data : r->data, NULL};
    const karma_eval_events events = {.progress = on_progress};
    karma_eval_summary sum = {0};
    karma_eval_options o = karma_eval_defaults();
    karma_model *m = NULL;
    o.datasets = datasets;
    o.store_path = store;
    o.output = run->output ? run->output : output;
    if (run->limit_file_bytes) {
        const struct rlimit limit = {(rlim_t)run->limit_file_bytes, RLIM_INFINITY};
        signal(SIGXFSZ, SIG_IGN); /* as the program does it */
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    o.refresh = run->refresh;
    if (run->lose_power) {
        const struct power_plan plan = {run->lose_at, run->lose_seed, run->lose_power == 2};
        power_vfs_arm(&plan, &news->power_calls);
    }
    if (run->fault) faults_arm(run->fault, &news->faults);
    karma_status st = make_model(r, run, &m);
    if (st == KARMA_OK) st = karma_eval_run(m, &o, &events, &sum);
    if (st < 0)
        snprintf(news->message, sizeof(news->message), "%s: %s", karma_status_name(st),
                 karma_error_message());
    news->n_failed = sum.n_failed;
    karma_model_destroy(m);
    faults_disarm();
    _exit(st == KARMA_OK && sum.n_failed ? 3 : karma_status_exit(st));
}

pid_t rig_start(struct rig *r, const struct rig_run *run) {
    memset(news, 0, sizeof(*news));
    fflush(stdout);
    const pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) evaluate(r, run);
    return pid;
}

int rig_wait(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

int rig_do(struct rig *r, const struct rig_run *run) {
    return rig_wait(rig_start(r, run));
}

/* --- what a run left -------------------------------------------------------------------------- */

static void path_of(const struct rig *r, int file, char *out, size_t size) {
    snprintf(out, size, "%s/results%s", r->place, suffixes[file]);
}

bool rig_same(struct rig *r, enum rig_model model, bool half, const char *after) {
    char path[400];
    struct buf found = {0};
    bool same = true;
    for (int i = 0; i < RIG_FILES; i++) {
        path_of(r, i, path, sizeof(path));
        if (half && i == 0 && !file_exists(path)) break;
        const struct buf *want = &r->expected[model][i];
        if (file_read(path, 64 << 20, &found) < 0) {
            rig_wrong(r, "%s: %s", after, karma_error_message());
            same = false;
        } else if (found.len != want->len || memcmp(found.data, want->data, want->len) != 0) {
            rig_wrong(r, "%s: %s differs", after, path);
            same = false;
        }
    }
    buf_release(&found);
    return same;
}

void rig_forget(struct rig *r) {
    for (int i = 0; i < RIG_FILES; i++) {
        char path[400];
        path_of(r, i, path, sizeof(path));
        remove(path);
    }
}

/* A number of the file beside the results that tells of the run itself. */
static long count_in_run_file(const struct rig *r, const char *name) {
    char path[400], quoted[64];
    struct buf text = {0};
    long n = -1;
    snprintf(path, sizeof(path), "%s/run.json", r->place);
    snprintf(quoted, sizeof(quoted), "\"%s\": ", name);
    if (file_read(path, 1 << 20, &text) == KARMA_OK) {
        const char *at = strstr(text.data, quoted);
        if (at) n = strtol(at + strlen(quoted), NULL, 10);
    }
    buf_release(&text);
    return n;
}

void rig_resume(struct rig *r, const struct rig_run *run, size_t reported, const char *after) {
    struct rig_run whole = *run;
    whole.fault = NULL;
    whole.limit_file_bytes = 0;
    whole.delay_us = 0;
    rig_same(r, run->model, true, after);
    rig_forget(r);
    const int status = rig_do(r, &whole);
    if (status != 0) {
        rig_wrong(r, "%s: the next run ends with status %x: %s", after, (unsigned)status,
                  news->message);
        return;
    }
    rig_same(r, run->model, false, after);
    const long found = count_in_run_file(r, "samples_from_store");
    const long asked = count_in_run_file(r, "samples_run");
    if (found < (long)reported || found + asked != (long)r->n)
        rig_wrong(r, "%s: %zu reported complete, %ld found, %ld run again", after, reported, found,
                  asked);
}

/* --- begin ------------------------------------------------------------------------------------ */

static void copy(const char *from, const char *folder, const char *name, const char *old,
                 const char *new) {
    char path[600];
    struct buf text = {0}, out = {0};
    must(file_read(from, 64 << 20, &text) == KARMA_OK, from);
    const char *at = old ? strstr(text.data, old) : NULL;
    const size_t before = at ? (size_t)(at - text.data) : text.len;
    must(buf_append(&out, text.data, before) == KARMA_OK, from);
    if (at)
        must(buf_puts(&out, new) == KARMA_OK && buf_puts(&out, at + strlen(old)) == KARMA_OK, from);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    must(file_write_atomic(path, out.data, out.len, 0600) == KARMA_OK, path);
    buf_release(&text);
    buf_release(&out);
}

static void make_checkpoint(const struct rig *r) {
    must(file_make_folders(r->checkpoint, 0700) == KARMA_OK, r->checkpoint);
    copy("tests/fixtures/models/qwen3_tied/config.json", r->checkpoint, "config.json",
         "\"max_position_embeddings\": 256", "\"max_position_embeddings\": 2048");
    copy("tests/fixtures/models/qwen3_tied/model.safetensors", r->checkpoint, "model.safetensors",
         NULL, NULL);
    copy("tests/fixtures/api/tiny/tokenizer.json", r->checkpoint, "tokenizer.json", NULL, NULL);
    copy("tests/fixtures/api/tiny/tokenizer_config.json", r->checkpoint, "tokenizer_config.json",
         NULL, NULL);
}

/* Samples first to first + n - 1 of oracle_questions(). */
static void make_data(const char *path, size_t first, size_t n) {
    char *text = oracle_questions((int)(first + n)), *at = text;
    for (size_t i = 0; i < first; i++)
        at = strchr(at, '\n') + 1;
    must(file_write_atomic(path, at, strlen(at), 0600) == KARMA_OK, path);
    free(text);
}

static void keep_expected(struct rig *r, enum rig_model model) {
    const struct rig_run run = {.model = model, .batch = 8};
    char path[400];
    rig_clear(r);
    const uint64_t before_ns = clock_monotonic_ns();
    const int status = rig_do(r, &run);
    r->seconds[model] = (double)(clock_monotonic_ns() - before_ns) * 1e-9;
    if (status != 0) {
        fprintf(stderr, "torture: an undisturbed run ends with status %x: %s\n", (unsigned)status,
                news->message);
        exit(1);
    }
    for (int i = 0; i < RIG_FILES; i++) {
        path_of(r, i, path, sizeof(path));
        must(file_read(path, 64 << 20, &r->expected[model][i]) == KARMA_OK, path);
    }
    rig_clear(r);
}

void rig_begin(struct rig *r, size_t n, uint64_t seed) {
    const char *tmp = getenv("TMPDIR");
    *r = (struct rig){.n = n, .state = seed};
    if (!seed) random_entropy(&r->state, sizeof(r->state));
    snprintf(r->folder, sizeof(r->folder), "%s/karma-torture-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    must(mkdtemp(r->folder) != NULL, "mkdtemp");
    snprintf(r->place, sizeof(r->place), "%s/place", r->folder);
    snprintf(r->data, sizeof(r->data), "%s/data.jsonl", r->folder);
    snprintf(r->other_data, sizeof(r->other_data), "%s/other.jsonl", r->folder);
    snprintf(r->checkpoint, sizeof(r->checkpoint), "%s/tiny", r->folder);
    must(mkdir(r->place, 0700) == 0, r->place);
    news = mmap(NULL, sizeof(*news), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(news != MAP_FAILED, "mmap");
    must(oracle_register() == KARMA_OK, "oracle");
    make_data(r->data, 0, n);
    make_data(r->other_data, n / 2, n);
    make_checkpoint(r);
    for (int m = 0; m < RIG_MODELS; m++)
        keep_expected(r, (enum rig_model)m);
}
