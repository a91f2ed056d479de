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
 *
 * A third program does more harm: a thread that shares its processor with it stands still for
 * milliseconds with an item in hand, and the system moves nobody who ran a moment ago to the
 * processor that the others leave idle while they wait. So who waits looks whether the other gets
 * any processor time; if not, it is fetched to where the waiting thread is, by masks of processors.
 * The caller ends up with a processor to itself: it is the workers that go elsewhere, where they
 * help when they can, for nobody waits for a worker without an item.
 */
#include "base/pool.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/float_env.h"
#include "base/mem.h"

enum {
    SPINS = 300, /* pauses, 8 to 14 microseconds: the other's last item, or a row's norm */
    YIELDS = 8,
    LOOK_PAUSES = 64,    /* between two looks at a thread's processor time */
    LOOK_AGAIN_US = 200, /* then twice that, and so on, as long as one wait lasts */
    LOOK_AT_MOST = 100000,
    STACK_BYTES = 2 << 20,
    CACHE_LINE = 64,
    MAX_THREADS = 1024,
};

struct worker {
    _Alignas(CACHE_LINE) struct pool *pool;
    pthread_t thread;
    int number;          /* the caller is 0 */
    atomic_bool working; /* inside, and perhaps with an item */
    bool fetched;        /* to the caller's processor alone; the caller's to know */
};

struct pool {
    int n_threads; /* with the caller */
    struct worker *workers;

    atomic_bool busy; /* with the job of some caller */
    pool_fn fn;       /* the job; written only while it is closed and nobody is inside */
    void *ctx;
    int64_t n_items;
    pthread_t caller;

    _Alignas(CACHE_LINE) _Atomic int64_t next;
    _Alignas(CACHE_LINE) atomic_uint epoch; /* changes with each job: what idle threads watch */
    atomic_uint sleepers;
    atomic_bool open, stop;
    _Alignas(CACHE_LINE) atomic_uint inside;
    atomic_bool caller_sleeps, fetching;
};

/* At most so many microseconds; 0: for ever. */
static void futex_wait(atomic_uint *word, unsigned value, int32_t us) {
    const struct timespec most = {.tv_nsec = us * 1000L};
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, us ? &most : NULL, NULL, 0);
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

/* ---- threads that the system holds back ---- */

/* It runs on no processor: its time stands still. (Or it waits for a page of a file: then what
 * follows moves nothing.) */
static bool stands_still(pthread_t t) {
    const uint64_t before_ns = clock_thread_ns(t);
    for (int i = 0; i < LOOK_PAUSES; i++)
        spin_pause();
    return before_ns > 0 && clock_thread_ns(t) == before_ns;
}

/* What the caller may use, and the same without the processor `here` that this thread is on; false
 * if there is no choice. */
static bool processors(const struct pool *p, cpu_set_t *all, cpu_set_t *others, int *here) {
    CPU_ZERO(all);
    CPU_ZERO(others);
    *here = sched_getcpu();
    if (*here < 0 || *here >= CPU_SETSIZE) return false;
    if (pthread_getaffinity_np(p->caller, sizeof(*all), all) != 0) return false;
    *others = *all;
    CPU_CLR((size_t)*here, others);
    return CPU_ISSET((size_t)*here, all) && CPU_COUNT(others) > 0;
}

static bool bring(pthread_t t, int here) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET((size_t)here, &only);
    return pthread_setaffinity_np(t, sizeof(only), &only) == 0;
}

/* The caller waits for workers: one that stands still goes on here. False: it can only wait. */
static bool fetch_worker(struct pool *p) {
    cpu_set_t all, others;
    int here;
    if (!processors(p, &all, &others, &here)) return false;
    for (int i = 0; i < p->n_threads - 1; i++) {
        struct worker *w = &p->workers[i];
        if (w->fetched || !atomic_load(&w->working) || !stands_still(w->thread)) continue;
        w->fetched = bring(w->thread, here);
        break;
    }
    return true;
}

/* The caller has waited: what it fetched goes elsewhere. */
static void send_away(struct pool *p) {
    cpu_set_t all, others;
    int here;
    for (int i = 0; i < p->n_threads - 1; i++) {
        struct worker *w = &p->workers[i];
        if (!w->fetched) continue;
        const bool choice = processors(p, &all, &others, &here);
        w->fetched = pthread_setaffinity_np(w->thread, sizeof(all), choice ? &others : &all) != 0;
    }
}

/* A worker has nothing to do in a job that is not done. Is the caller held back, it goes on here
 * and this worker elsewhere. False: no need to look again. */
static bool fetch_caller(struct pool *p) {
    cpu_set_t all, others;
    int here;
    bool look_again = false;
    if (atomic_exchange(&p->fetching, true)) return false;
    atomic_fetch_add(&p->inside, 1); /* from here on the caller cannot leave pool_run() */
    if (atomic_load(&p->open) && processors(p, &all, &others, &here)) {
        look_again = true;
        if (stands_still(p->caller) && bring(p->caller, here)) {
            pthread_setaffinity_np(p->caller, sizeof(all), &all); /* it stays, but need not */
            pthread_setaffinity_np(pthread_self(), sizeof(others), &others);
        }
    }
    atomic_fetch_sub(&p->inside, 1);
    atomic_store(&p->fetching, false);
    if (atomic_load(&p->caller_sleeps)) futex_wake_all(&p->inside);
    return look_again;
}

static int32_t longer(int32_t us) {
    return us < LOOK_AT_MOST ? us * 2 : us;
}

/* ---- jobs ---- */

static void wait_for_job(struct pool *p, unsigned seen) {
    for (int32_t us = LOOK_AGAIN_US; !changed_soon(&p->epoch, seen); us = longer(us)) {
        const bool look_again = atomic_load(&p->open) && fetch_caller(p);
        atomic_fetch_add(&p->sleepers, 1);
        futex_wait(&p->epoch, seen, look_again ? us : 0); /* at once if the epoch has moved */
        atomic_fetch_sub(&p->sleepers, 1);
    }
}

static void *work(void *arg) {
    struct worker *w = arg;
    struct pool *p = w->pool;
    unsigned seen = 0;
    fesetenv(FE_DFL_ENV); /* whatever the thread that made us had set */
    for (;;) {
        wait_for_job(p, seen);
        seen = atomic_load(&p->epoch);
        if (atomic_load(&p->stop)) return NULL;
        atomic_fetch_add(&p->inside, 1);
        atomic_store(&w->working, true);
        if (atomic_load(&p->open)) do_items(p, w->number);
        atomic_store(&w->working, false);
        atomic_fetch_sub(&p->inside, 1);
        if (atomic_load(&p->caller_sleeps)) futex_wake_all(&p->inside);
    }
}

static void next_epoch(struct pool *p) {
    atomic_fetch_add(&p->epoch, 1);
    if (atomic_load(&p->sleepers)) futex_wake_all(&p->epoch);
}

static void wait_until_empty(struct pool *p) {
    for (int32_t us = LOOK_AGAIN_US;; us = longer(us)) {
        unsigned n = atomic_load(&p->inside);
        if (n == 0) break;
        if (changed_soon(&p->inside, n)) continue;
        const bool look_again = fetch_worker(p);
        atomic_store(&p->caller_sleeps, true);
        if (atomic_load(&p->inside) == n) futex_wait(&p->inside, n, look_again ? us : 0);
        atomic_store(&p->caller_sleeps, false);
    }
    send_away(p);
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
        p->caller = pthread_self();
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
        struct worker *w = &p->workers[p->n_threads - 1];
        *w = (struct worker){.pool = p, .number = p->n_threads};
        if (pthread_create(&w->thread, &attr, work, w) != 0) break;
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
    p->workers = mem_alloc_aligned(CACHE_LINE, (size_t)n_threads * sizeof(*p->workers));
    if (!p->workers) {
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
        pthread_join(p->workers[i].thread, NULL);
    mem_free(p->workers);
    mem_free(p);
}
