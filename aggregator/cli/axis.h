/* SPDX-License-Identifier: Apache-2.0 */
/* What stands at the axes of a picture: round times, round numbers, and their texts. Pure but for the zone. */
#ifndef PAVO_AGGREGATOR_CLI_AXIS_H
#define PAVO_AGGREGATOR_CLI_AXIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AXIS_TEXT_MAX  24
#define AXIS_TICKS_MAX 64

struct axis_tick {
    int64_t time_ns;
    char text[AXIS_TEXT_MAX]; /* "20:36", "20:36:40"; at midnight and for days "24 Nov" */
};

/* Round times in [from, to) as clocks show them, as many as `most` allows (at most AXIS_TICKS_MAX). Returns how many.
 */
size_t axis_times(int64_t from_ns, int64_t to_ns, size_t most, bool utc,
                  struct axis_tick ret_ticks[static AXIS_TICKS_MAX]);

/* A round number, of which at most `most` make up `value` or a little more. 1 for nothing. */
double axis_step(double value, unsigned most);

/* "1.5 kB" of bytes; of others "12.3 k", and small ones as they are. Returns `text`. */
const char *axis_number(double value, bool bytes, char text[static AXIS_TEXT_MAX]);

/* "2026-11-24 20:00 to 21:30 CET (+01:00)": a span of time with the zone it is told in. Returns `text`. */
#define AXIS_SPAN_MAX 128
const char *axis_span(int64_t from_ns, int64_t to_ns, bool utc, char text[static AXIS_SPAN_MAX]);

/* "1h", "90s": a step as it is typed. Returns `text`. */
const char *axis_duration(int64_t ns, char text[static AXIS_TEXT_MAX]);

#endif
