/* clock.h - time. Durations from the monotonic clock; wall time only for what people read. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

uint64_t clock_monotonic_ns(void);
/* Processor time that a thread of this process has had; 0 if the system does not say. It stands
 * still while the thread sleeps or has no processor. */
uint64_t clock_thread_ns(pthread_t thread);
int64_t clock_wall_s(void);
/* "2026-11-23T10:00:00Z"; out at least 32 bytes. */
void clock_format_utc(int64_t wall_s, char *out);

#endif
