/* SPDX-License-Identifier: Apache-2.0 */
/* Moments as people paste them (from logs, reports and mails) to the time they name, which is as long as what was
 * written is exact: 20:36 is a minute, 20:36:40 a second, 2026-11-25 a day, -10m a nanosecond. One place for whoever
 * reads a time that a person wrote. */
#ifndef PAVO_COMMON_WHEN_H
#define PAVO_COMMON_WHEN_H

#include <stddef.h>
#include <stdint.h>

#include "common/result.h"

/* [from, to) in nanoseconds since 1970; from < to. */
struct when {
    int64_t from_ns, to_ns;
};

/* Who wrote it. */
struct when_here {
    int64_t now_ns;
};

/* Takes, in any order and with blanks between:
 *   a date     2026-11-25  2026/11/25  20261125  25.11.2026  25 Nov 2026  25/Nov/2026  Nov 25 (the last one)
 *              11/25/2026 and 25/11/2026, where the numbers leave no choice   today  yesterday
 *   a time     20:36  20:36:40  20:36:40.5  20:36:40,320  10:36:40 PM  10 pm  24:00 (of a day, its end)
 *   a zone     Z  UTC  +01:00  +0100  UTC+1  Europe/Berlin   what clocks here call theirs, CET
 *   a weekday  of that date
 * joined as in 2026-11-25T20:36:40Z, 20261125203640, 2026/11/25.20 and 25/Nov/2026:20:36:40 +0000; or alone
 *   1795644405 [.5]  seconds since 1970, by the number of digits milli-, micro- and nanoseconds; @5 are seconds
 *   now   -90s  -2h30m  10 minutes ago
 * Without a zone it is local time, of the process's zone. A time of day alone is the last one that is not after now.
 *
 * `here` NULL: nobody knows where and when it was written, so what depends on that (local time, names of zones, times
 * ago, no date or year) is refused; any thread. With `here` it may change the process's zone for as long as it runs:
 * not while another thread looks at local time.
 *
 * RESULT_REJECT with a sentence, and *ret_offset (NULL: not wanted) is where in the text it lies, in bytes: not of
 * these forms; a date that may be two; a day or time that there is not; local time that clocks showed twice or never;
 * beyond what nanoseconds reach. */
MUST_CHECK enum result when_parse(const char *text, const struct when_here *here, struct when *ret_when,
                                  size_t *ret_offset, struct error *err);

/* As when_parse, and two with dates and zones, A..B: from A until B is over. */
MUST_CHECK enum result when_parse_span(const char *text, const struct when_here *here, struct when *ret_when,
                                       size_t *ret_offset, struct error *err);

/* The shortest text, in UTC, from which when_parse_span makes the same. Returns `text`. */
#define WHEN_TEXT_MAX 96
const char *when_text(const struct when *when, char text[static WHEN_TEXT_MAX]);

#endif
