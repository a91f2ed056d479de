/*
 * read_ahead.c - see read_ahead.h. Pages are asked for a step at a time: the call holds a lock of
 * the address space that an allocation in another thread may need, and between two steps the thread
 * can be stopped. A file that was cut short ends a step with an error, never with a signal.
 */
#include "base/read_ahead.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cpu.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* since Linux 5.14 */
#endif

enum {
    STEP = 2 << 20,
    LEAST = 4 * STEP, /* what lies in less is there before a thread is */
    STACK_BYTES = 64 << 10,
};

struct read_ahead {
    pthread_t thread;
    atomic_bool stop;
    size_t n_maps;
    struct file_map maps[]; /* copies of the caller's */
};

/* Map the pages of one step, or at least have them read. */
static void bring(const struct file_map *m, size_t at) {
    const size_t n = m->size - at < STEP ? m->size - at : STEP;
    void *from = (void *)(uintptr_t)(m->data + at);
    if (madvise(from, n, MADV_POPULATE_READ) != 0) madvise(from, n, MADV_WILLNEED);
}

static void *read_maps(void *arg) {
    struct read_ahead *r = arg;
    for (size_t i = 0; i < r->n_maps; i++)
        for (size_t at = 0; at < r->maps[i].size && !atomic_load(&r->stop); at += STEP)
            bring(&r->maps[i], at);
    return NULL;
}

/* Signals are for the caller's threads. */
static bool start(struct read_ahead *r) {
    pthread_attr_t attr;
    sigset_t all, before;
    if (pthread_attr_init(&attr) != 0) return false;
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&r->thread, &attr, read_maps, r) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return started;
}

static bool is_worth_it(const struct file_map *maps, size_t n) {
    size_t left = cpu_memory_bytes() / 2, all = 0;
    for (size_t i = 0; i < n; i++) {
        if (maps[i].size > left) return false;
        left -= maps[i].size;
        all += maps[i].size;
    }
    return all >= LEAST;
}

karma_status read_ahead_begin(const struct file_map *maps, size_t n, struct read_ahead **out) {
    *out = NULL;
    if (!is_worth_it(maps, n)) return KARMA_OK;
    struct read_ahead *r = mem_alloc(sizeof(*r) + n * sizeof(*maps));
    if (!r) return KARMA_E_NOMEM;
    *r = (struct read_ahead){.n_maps = n};
    memcpy(r->maps, maps, n * sizeof(*maps));
    if (start(r))
        *out = r;
    else
        mem_free(r);
    return KARMA_OK;
}

void read_ahead_end(struct read_ahead *r) {
    if (!r) return;
    atomic_store(&r->stop, true);
    pthread_join(r->thread, NULL);
    mem_free(r);
}
