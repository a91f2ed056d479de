/*
 * pool.c - one job at a time over threads that sleep between jobs; a job that finds another under
 * way is done by its caller alone. Items come from an atomic counter. The caller never waits for a
 * thread that has not joined the job: a worker first enters
 * (`inside`), then looks whether the job is still open; the caller first closes the job, then waits
 * until nobody is inside. Both orders are sequentially consistent, so a worker that the system
 * wakes late sees a closed job and touches nothing.
 *
 * Waiting: a few microseconds of spinning, a few yields, then a futex. An unbounded spin makes two
 * threads slower than one as soon as a third program wants the processor.
 */
#include "base/pool.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/float_env.h"
#include "base/mem.h"

enum {
    SPINS = 64, /* pauses, 1 to 4 microseconds */
    YIELDS = 8,
    STACK_BYTES = 2 << 20,
    CACHE_LINE = 64,
    MAX_THREADS = 1024,
};

struct pool {
    int n_threads; /* with the caller */
    pthread_t *threads;

    atomic_bool busy; /* with the job of some caller */
    pool_fn fn;       /* the job; written only while it is closed and nobody is inside */
    void *ctx;
    int64_t n_items;

    _Alignas(CACHE_LINE) _Atomic int64_t next;
    _Alignas(CACHE_LINE) atomic_uint epoch; /* changes with each job: what idle threads watch */
    atomic_uint sleepers;
    atomic_bool open, stop;
    atomic_int started; /* thread numbers given out */
    _Alignas(CACHE_LINE) atomic_uint inside;
    atomic_bool caller_sleeps;
};

static void futex_wait(atomic_uint *word, unsigned value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake_all(atomic_uint *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static inline void spin_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Wait a little for *word to differ from value; false if it did not. */
static bool changed_soon(atomic_uint *word, unsigned value) {
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != value) return true;
        spin_pause();
    }
    for (int i = 0; i < YIELDS; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != value) return true;
        sched_yield();
    }
    return false;
}

static void do_items(struct pool *p, int thread) {
    const int64_t n = p->n_items;
    for (;;) {
        int64_t i = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        if (i >= n) return;
        p->fn(p->ctx, i, thread);
    }
}

static void *worker(void *arg) {
    struct pool *p = arg;
    int thread = atomic_fetch_add(&p->started, 1) + 1; /* the caller is 0 */
    unsigned seen = 0;
    fesetenv(FE_DFL_ENV); /* whatever the thread that made us had set */
    for (;;) {
        while (!changed_soon(&p->epoch, seen)) {
            atomic_fetch_add(&p->sleepers, 1);
            futex_wait(&p->epoch, seen); /* returns at once if the epoch has moved */
            atomic_fetch_sub(&p->sleepers, 1);
        }
        seen = atomic_load(&p->epoch);
        if (atomic_load(&p->stop)) return NULL;
        atomic_fetch_add(&p->inside, 1);
        if (atomic_load(&p->open)) do_items(p, thread);
        atomic_fetch_sub(&p->inside, 1);
        if (atomic_load(&p->caller_sleeps)) futex_wake_all(&p->inside);
    }
}

static void next_epoch(struct pool *p) {
    atomic_fetch_add(&p->epoch, 1);
    if (atomic_load(&p->sleepers)) futex_wake_all(&p->epoch);
}

static void wait_until_empty(struct pool *p) {
    for (;;) {
        unsigned n = atomic_load(&p->inside);
        if (n == 0) return;
        if (changed_soon(&p->inside, n)) continue;
        atomic_store(&p->caller_sleeps, true);
        if (atomic_load(&p->inside) == n) futex_wait(&p->inside, n);
        atomic_store(&p->caller_sleeps, false);
    }
}

void pool_run(struct pool *p, int64_t n_items, pool_fn fn, void *ctx) {
    if (n_items <= 0) return;
    /* The same rounding and no flushing of denormals on every thread, the caller's too: else an
     * item's bits would depend on who did it. */
    fenv_t before;
    float_env_enter(&before);
    if (p->n_threads == 1 || n_items == 1 || atomic_exchange(&p->busy, true)) {
        for (int64_t i = 0; i < n_items; i++)
            fn(ctx, i, 0);
    } else {
        p->fn = fn;
        p->ctx = ctx;
        p->n_items = n_items;
        atomic_store_explicit(&p->next, 0, memory_order_relaxed);
        atomic_store(&p->open, true);
        next_epoch(p);
        do_items(p, 0);
        atomic_store(&p->open, false);
        wait_until_empty(p);
        atomic_store(&p->busy, false);
    }
    float_env_leave(&before);
}

int pool_threads(const struct pool *p) {
    return p->n_threads;
}

/* Start what the system allows. Signals are for the caller's threads: ours block them all. */
static void start_workers(struct pool *p, int wanted) {
    pthread_attr_t attr;
    sigset_t all, before;
    if (pthread_attr_init(&attr) != 0) return;
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (p->n_threads < wanted) {
        if (pthread_create(&p->threads[p->n_threads - 1], &attr, worker, p) != 0) break;
        p->n_threads++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
}

karma_status pool_create(int n_threads, struct pool **out) {
    *out = NULL;
    if (n_threads < 1 || n_threads > MAX_THREADS) {
        return status_fail(KARMA_E_RANGE, "%d threads: 1 to %d are possible", n_threads,
                           MAX_THREADS);
    }
    struct pool *p = mem_alloc_aligned(CACHE_LINE, sizeof(*p));
    if (!p) return KARMA_E_NOMEM;
    *p = (struct pool){.n_threads = 1};
    p->threads = mem_calloc((size_t)n_threads, sizeof(*p->threads));
    if (!p->threads) {
        mem_free(p);
        return KARMA_E_NOMEM;
    }
    start_workers(p, n_threads);
    *out = p;
    return KARMA_OK;
}

void pool_destroy(struct pool *p) {
    if (!p) return;
    atomic_store(&p->stop, true);
    next_epoch(p);
    for (int i = 0; i < p->n_threads - 1; i++)
        pthread_join(p->threads[i], NULL);
    mem_free(p->threads);
    mem_free(p);
}
