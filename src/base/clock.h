/* clock.h - time. Durations from the monotonic clock; wall time only for what people read. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

uint64_t clock_monotonic_ns(void);
int64_t clock_wall_s(void);
/* "2026-11-23T10:00:00Z"; out at least 32 bytes. */
void clock_format_utc(int64_t wall_s, char *out);

#endif
