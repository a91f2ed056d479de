/* bench.c - what the parts of karma bench share: time, notes, figures, loading. */
#include "cli/bench.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double read_clock(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double bench_seconds(void) {
    return read_clock(CLOCK_MONOTONIC);
}

double bench_processor_seconds(void) {
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/* Busy time of all processors, from the first line of /proc/stat; 0: it is not told. */
static double read_busy(void) {
    unsigned long long t[8] = {0}; /* user nice system idle iowait irq softirq steal */
    FILE *f = fopen("/proc/stat", "r");
    if (!f) return 0;
    const int n = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2],
                         &t[3], &t[4], &t[5], &t[6], &t[7]);
    fclose(f);
    if (n < 4) return 0;
    return (double)(t[0] + t[1] + t[2] + t[5] + t[6] + t[7]) / (double)sysconf(_SC_CLK_TCK);
}

struct bench_usage bench_usage_now(void) {
    return (struct bench_usage){
        .clock = bench_seconds(), .all = read_busy(), .own = bench_processor_seconds()};
}

uint32_t bench_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

void bench_say(const struct bench *b, const char *what) {
    if (!b->terminal) return;
    fprintf(stderr, "\r\033[K");
    if (*what && b->rounds_done < 0)
        fprintf(stderr, "%s", what);
    else if (*what)
        fprintf(stderr, "round %d of %lld: %s", b->rounds_done + 1, (long long)b->rounds, what);
    fflush(stderr);
}

void bench_note(struct bench *b, const char *fmt, ...) {
    char note[sizeof(b->notes[0])];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(note, sizeof(note), fmt, ap);
    va_end(ap);
    for (int i = 0; i < b->n_notes; i++)
        if (strcmp(b->notes[i], note) == 0) return;
    if (b->n_notes < BENCH_MAX_NOTES) memcpy(b->notes[b->n_notes++], note, sizeof(note));
}

static void keep(struct bench_rate *r, double value) {
    if (r->n < BENCH_MAX_RATES) r->value[r->n++] = value;
}

karma_status bench_measure_machine(struct bench *b) {
    bench_say(b, "the machine");
    b->now = (karma_machine_rates){.struct_size = sizeof(b->now)};
    const karma_status st = karma_measure_machine(b->threads, &b->now);
    if (st < 0) return st;
    keep(&b->stream, b->now.stream_bytes);
    keep(&b->f32, b->now.f32_operations);
    keep(&b->bf16, b->now.bf16_operations);
    keep(&b->int16, b->now.int16_operations);
    keep(&b->int8, b->now.int8_operations);
    return KARMA_OK;
}

/* Weights that small stay in caches from one token to the next: memory is no limit then. */
static const double CACHED_BYTES = 32 << 20;

static double peak_of(const struct bench *b) {
    if (strcmp(b->peak_name, "int8") == 0) return b->now.int8_operations;
    if (strcmp(b->peak_name, "int16") == 0) return b->now.int16_operations;
    return strcmp(b->peak_name, "bf16") == 0 ? b->now.bf16_operations : b->now.f32_operations;
}

bool bench_listed(const char *names, const char *name) {
    const size_t n = strlen(name);
    for (const char *at = names; at; at = strchr(at, ',')) {
        if (*at == ',') at++;
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == '\0')) return true;
    }
    return false;
}

bool bench_wants(const struct bench *b, const char *name) {
    return !b->only || bench_listed(b->only, name);
}

void bench_add(struct bench *b, const char *name, const char *unit, const char *what, double value,
               double bytes, double operations) {
    struct bench_figure *f = NULL;
    if (!bench_wants(b, name)) return;
    for (int i = 0; i < b->n_figures && !f; i++)
        if (strcmp(b->figures[i].name, name) == 0) f = &b->figures[i];
    if (!f) {
        if (b->n_figures == BENCH_MAX_FIGURES) return;
        f = &b->figures[b->n_figures++];
        f->name = name;
        f->unit = unit;
        snprintf(f->what, sizeof(f->what), "%s", what);
    }
    if (f->n == BENCH_MAX_ROUNDS) return;
    const double peak = peak_of(b);
    f->value[f->n] = value;
    f->memory[f->n] = b->now.stream_bytes > 0 && b->work.weight_bytes > CACHED_BYTES
                          ? bytes / b->now.stream_bytes
                          : 0;
    f->arithmetic[f->n] = peak > 0 ? operations / peak : 0;
    f->n++;
}

karma_status bench_load(struct bench *b, double *seconds) {
    karma_model_destroy(b->model);
    b->model = NULL;
    const double start = bench_seconds();
    karma_status st = karma_model_create_with(b->name, b->path, b->config, b->args, &b->model);
    if (st == KARMA_OK) st = karma_model_load(b->model);
    if (seconds) *seconds = bench_seconds() - start;
    return st;
}

bool bench_cancelled(void *user) {
    (void)user;
    return signals_cancelled();
}
