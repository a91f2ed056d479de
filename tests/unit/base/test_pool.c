/* Tests of base/pool.c: every item once, whatever the number of threads; sleep; rounding. */
#include "tests/support/test.h"

#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/pool.h"

enum { MAX_ITEMS = 5000 };

struct job {
    atomic_int times[MAX_ITEMS];
    atomic_int bad_thread;
    int n_threads;
};

static void count_item(void *ctx, int64_t item, int thread) {
    struct job *j = ctx;
    atomic_fetch_add_explicit(&j->times[item], 1, memory_order_relaxed);
    if (thread < 0 || thread >= j->n_threads) atomic_fetch_add(&j->bad_thread, 1);
}

static void every_item_is_done_once_by_any_number_of_threads(void **state) {
    (void)state;
    static struct job j;
    static const int64_t sizes[] = {-5, 0, 1, 2, 3, 7, 64, 1000, MAX_ITEMS};
    for (int threads = 1; threads <= 9; threads += 2) {
        struct pool *p;
        assert_ok(pool_create(threads, &p));
        assert_int_equal(pool_threads(p), threads);
        for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
            memset(&j, 0, sizeof(j));
            j.n_threads = threads;
            pool_run(p, sizes[s], count_item, &j);
            for (int64_t i = 0; i < MAX_ITEMS; i++) {
                assert_int_equal(atomic_load(&j.times[i]), i < sizes[s]);
            }
            assert_int_equal(atomic_load(&j.bad_thread), 0);
        }
        pool_destroy(p);
    }
    pool_destroy(NULL);
}

struct sum {
    int64_t out[40];
    int64_t round;
};

static void store_round(void *ctx, int64_t item, int thread) {
    struct sum *s = ctx;
    (void)thread;
    s->out[item] = s->round * 1000 + item;
}

static void jobs_in_quick_succession_do_not_mix(void **state) {
    (void)state;
    struct pool *p;
    assert_ok(pool_create(4, &p));
    for (int64_t round = 0; round < 5000; round++) {
        struct sum s = {.round = round}; /* on the stack: a late worker would be caught */
        int64_t n = 1 + round % 40;
        pool_run(p, n, store_round, &s);
        for (int64_t i = 0; i < 40; i++) {
            assert_int_equal(s.out[i], i < n ? round * 1000 + i : 0);
        }
    }
    pool_destroy(p);
}

struct slow {
    atomic_int done; /* by others while item 0 waits */
    atomic_int seen;
};

/* Item 0 waits until another thread has done all the rest, two seconds at most. */
static void wait_or_work(void *ctx, int64_t item, int thread) {
    struct slow *s = ctx;
    (void)thread;
    if (item) {
        atomic_fetch_add(&s->done, 1);
        return;
    }
    for (int i = 0; i < 2000 && atomic_load(&s->done) < 99; i++)
        usleep(1000);
    atomic_store(&s->seen, atomic_load(&s->done));
}

static void a_late_thread_costs_only_its_present_item(void **state) {
    (void)state;
    struct pool *p;
    struct slow s = {0};
    assert_ok(pool_create(2, &p));
    pool_run(p, 100, wait_or_work, &s);
    pool_destroy(p);
    assert_int_equal(atomic_load(&s.seen), 99);
}

static double cpu_seconds(void) {
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
}

static void idle_threads_sleep(void **state) {
    (void)state;
    static struct job j;
    struct pool *p;
    j.n_threads = 4;
    assert_ok(pool_create(4, &p));
    pool_run(p, 1000, count_item, &j);
    usleep(20000);
    double before = cpu_seconds();
    usleep(200000);
    double used = cpu_seconds() - before;
    pool_destroy(p);
    assert_true(used < 0.02); /* three spinning threads would use 0.4 s on two processors */
}

struct rounding {
    double third[64];
};

struct rival { /* one of several threads that use a pool at once */
    struct pool *pool;
    atomic_int counts[50];
    bool whole;
};

static void count_for_rival(void *ctx, int64_t item, int thread) {
    struct rival *r = ctx;
    (void)thread;
    atomic_fetch_add(&r->counts[item], 1);
}

static void *run_many_jobs(void *arg) {
    struct rival *r = arg;
    r->whole = true;
    for (int job = 1; job <= 2000; job++) {
        pool_run(r->pool, 50, count_for_rival, r);
        for (int i = 0; i < 50; i++)
            r->whole = r->whole && atomic_load(&r->counts[i]) == job;
    }
    return NULL;
}

static void several_threads_may_use_it_at_once(void **state) {
    (void)state;
    struct pool *p;
    struct rival rivals[3] = {{.pool = NULL}};
    pthread_t threads[3];
    assert_ok(pool_create(2, &p));
    for (int i = 0; i < 3; i++) {
        rivals[i].pool = p;
        assert_int_equal(pthread_create(&threads[i], NULL, run_many_jobs, &rivals[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_true(rivals[i].whole);
    }
    pool_destroy(p);
}

static void divide(void *ctx, int64_t item, int thread) {
    struct rounding *r = ctx;
    (void)thread;
    volatile double one = 1, three = 3;
    r->third[item] = one / three;
}

static void items_round_the_same_on_every_thread(void **state) {
    (void)state;
    struct pool *p;
    struct rounding r;
    fesetround(FE_UPWARD); /* what a caller may have set, before the threads are made and after */
    assert_ok(pool_create(4, &p));
    pool_run(p, 64, divide, &r);
    int mode = fegetround();
    fesetround(FE_TONEAREST);
    assert_int_equal(mode, FE_UPWARD);
    for (int i = 0; i < 64; i++)
        assert_true(r.third[i] == 1.0 / 3.0);
    fesetround(FE_DOWNWARD);
    pool_run(p, 1, divide, &r);
    fesetround(FE_TONEAREST);
    assert_true(r.third[0] == 1.0 / 3.0);
    pool_destroy(p);
}

struct held {
    bool caller;      /* who is to be held back: the caller or a worker */
    atomic_bool held; /* in this job */
    atomic_int callers, workers;
};

/* The first item of the one to be held back takes some milliseconds in which it does not run. A
 * caller waits until a worker has come, two seconds at most. */
static void hold_back(void *ctx, int64_t item, int thread) {
    struct held *h = ctx;
    (void)item;
    if (h->caller == (thread == 0)) {
        if (atomic_exchange(&h->held, true)) return;
        atomic_fetch_add(thread ? &h->workers : &h->callers, 1);
        usleep(3000);
    } else if (thread == 0) {
        for (int i = 0; i < 20000 && !atomic_load(&h->held); i++)
            usleep(100);
    }
}

static void hold_back_in_turns(struct pool *p, struct held *h) {
    for (int i = 0; i < 20; i++) {
        h->caller = i % 2;
        atomic_store(&h->held, false);
        pool_run(p, 20, hold_back, h);
    }
}

static void a_thread_that_stands_still_keeps_its_processors(void **state) {
    (void)state;
    struct pool *p;
    struct held h = {.caller = false};
    cpu_set_t before, after;
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    for (int threads = 2; threads <= 5; threads += 3) {
        assert_ok(pool_create(threads, &p));
        hold_back_in_turns(p, &h);
        for (int i = 0; i < 200; i++) { /* everybody still comes to help, wherever it was sent */
            static struct job j;
            memset(&j, 0, sizeof(j));
            j.n_threads = threads;
            pool_run(p, 50, count_item, &j);
            for (int k = 0; k < 50; k++)
                assert_int_equal(atomic_load(&j.times[k]), 1);
        }
        pool_destroy(p);
        assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
        assert_true(CPU_EQUAL(&before, &after));
    }
    assert_true(atomic_load(&h.callers) > 0); /* both have been waited for */
    assert_true(atomic_load(&h.workers) > 0);
}

static void on_one_processor_nobody_is_moved(void **state) {
    (void)state;
    pid_t child = fork(); /* so that the mask ends with it */
    if (child == 0) {
        struct pool *p;
        struct held h = {.caller = false};
        cpu_set_t one, all;
        static struct job j = {.n_threads = 3};
        sched_getaffinity(0, sizeof(all), &all);
        CPU_ZERO(&one);
        for (size_t i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
            if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
        sched_setaffinity(0, sizeof(one), &one);
        if (pool_create(3, &p) != KARMA_OK) _exit(2);
        hold_back_in_turns(p, &h);
        pool_run(p, 1000, count_item, &j);
        for (int i = 0; i < 1000; i++)
            if (atomic_load(&j.times[i]) != 1) _exit(3);
        pool_destroy(p);
        sched_getaffinity(0, sizeof(all), &all);
        _exit(CPU_EQUAL(&one, &all) ? 0 : 4);
    }
    int status = 1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

static void impossible_numbers_of_threads_are_refused(void **state) {
    (void)state;
    struct pool *p = (struct pool *)&state;
    assert_status(pool_create(0, &p), KARMA_E_RANGE);
    assert_null(p);
    assert_status(pool_create(-1, &p), KARMA_E_RANGE);
    assert_status(pool_create(100000, &p), KARMA_E_RANGE);
    assert_message_contains("100000 threads");
}

static void fewer_threads_than_asked_for_still_do_all(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip_because("a limit on address space disturbs the sanitizer");
#else
    static struct job j;
    struct rlimit before, small;
    struct pool *p;
    getrlimit(RLIMIT_AS, &before);
    small = before;
    FILE *f = fopen("/proc/self/statm", "r"); /* first field: pages of address space in use */
    unsigned long pages = 0;
    assert_int_equal(fscanf(f, "%lu", &pages), 1);
    fclose(f);
    small.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (9 << 20); /* four stacks */
    assert_int_equal(setrlimit(RLIMIT_AS, &small), 0);
    void *probe = malloc(64 << 20);
    karma_status st = pool_create(64, &p);
    setrlimit(RLIMIT_AS, &before);
    assert_ok(st);
    free(probe);
    if (probe) {
        pool_destroy(p);
        skip_because("this system keeps no limit on address space");
    }
    assert_true(pool_threads(p) < 64);
    memset(&j, 0, sizeof(j));
    j.n_threads = pool_threads(p);
    pool_run(p, MAX_ITEMS, count_item, &j);
    for (int64_t i = 0; i < MAX_ITEMS; i++)
        assert_int_equal(atomic_load(&j.times[i]), 1);
    pool_destroy(p);
#endif
}

static karma_status create_and_destroy(void *ctx) {
    (void)ctx;
    struct pool *p;
    karma_status st = pool_create(2, &p);
    if (st == KARMA_OK) pool_destroy(p);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_int_equal(for_each_failing_allocation(create_and_destroy, NULL), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(every_item_is_done_once_by_any_number_of_threads),
        test_case(jobs_in_quick_succession_do_not_mix),
        test_case(a_late_thread_costs_only_its_present_item),
        test_case(idle_threads_sleep),
        test_case(several_threads_may_use_it_at_once),
        test_case(items_round_the_same_on_every_thread),
        test_case(a_thread_that_stands_still_keeps_its_processors),
        test_case(on_one_processor_nobody_is_moved),
        test_case(impossible_numbers_of_threads_are_refused),
        test_case(fewer_threads_than_asked_for_still_do_all),
        test_case(survives_every_failing_allocation),
    };
    return run_group("base/pool", tests);
}
