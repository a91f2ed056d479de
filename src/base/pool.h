/*
 * pool.h - threads that share the items of one job. Items are claimed from a counter, so a thread
 * the system holds back costs only its present item. Which thread does an item must not change
 * what the item computes. Idle threads sleep. A thread that gets no processor while others wait for
 * it is brought to theirs: workers may end up with fewer processors in their mask than the caller
 * has, but never with none of its; the caller's own mask is as it was when pool_run() returns.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdint.h>

#include "base/status.h"

struct pool;
typedef void (*pool_fn)(void *ctx, int64_t item, int thread); /* thread: 0..n_threads-1 */

/* n_threads >= 1, counting the caller; fewer are made when the system refuses, never an error. */
karma_status pool_create(int n_threads, struct pool **out);
int pool_threads(const struct pool *p);
/* Run fn for items 0..n_items-1; the caller takes part; returns when all are done. Several threads
 * may call at once, as those that run one model do: one of them has the workers, the others do
 * their items alone, all of them as thread 0. */
void pool_run(struct pool *p, int64_t n_items, pool_fn fn, void *ctx);
void pool_destroy(struct pool *p);

#endif
