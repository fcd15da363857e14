/* SPDX-License-Identifier: Apache-2.0 */
/* Time: signed nanoseconds since 1970-01-01 UTC everywhere; text only at the edge. */
#ifndef PAVO_COMMON_CLOCK_H
#define PAVO_COMMON_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/result.h"

#define NS_PER_S  1000000000ll
#define NS_PER_MS 1000000ll
#define NS_PER_US 1000ll

int64_t clock_wall_ns(void);      /* CLOCK_REALTIME: what packets and records carry */
int64_t clock_monotonic_ns(void); /* CLOCK_MONOTONIC: time-outs */

#define TIME_TEXT_MAX 48

/* "2026-11-23 20:36:40.123456" local, with `utc` "2026-11-23T20:36:40.123456Z". Returns `text`. */
const char *time_text(int64_t ns, bool utc, char text[static TIME_TEXT_MAX]);

/* "250ms", "5s", "2m", "1h", "3d", "2h30m"; a bare number is seconds. */
MUST_CHECK enum result duration_parse(const char *text, int64_t *ret_ns, struct error *err);

/* The duration that stands at the beginning of *at, which moves behind it: as above, and with blanks and whole words,
 * as in "10 minutes" and "1 hour 5 min", but not without a unit. False: there is none, or it is too long. */
bool duration_take(const char **at, int64_t *ret_ns);

/* "512", "64k", "16M", "2G" (powers of 1024). */
MUST_CHECK enum result size_parse(const char *text, uint64_t *ret_bytes, struct error *err);

/* The latest multiple of `step_ns` (above 0) that is not behind `time_ns`, before 1970 too. */
static inline int64_t floor_ns(int64_t time_ns, int64_t step_ns)
{
    int64_t into = (time_ns % step_ns + step_ns) % step_ns;
    return time_ns < INT64_MIN + into ? INT64_MIN : time_ns - into;
}

#endif
