/* SPDX-License-Identifier: Apache-2.0 */
/* Round times and numbers. */
#include "aggregator/cli/axis.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"

#define MINUTE 60
#define HOUR   3600
#define DAY    86400

/* ---------------------------------------------------------------- times */

static struct tm clock_of(int64_t seconds, bool utc)
{
    struct tm tm = {0};
    time_t at = seconds;
    if (utc)
        (void)gmtime_r(&at, &tm);
    else
        (void)localtime_r(&at, &tm);
    return tm;
}

static int64_t offset_of(int64_t seconds, bool utc)
{
    return clock_of(seconds, utc).tm_gmtoff;
}

/* The least round step that makes no more than `most` of the span; days beyond the longest. */
static int64_t time_step(int64_t seconds, size_t most)
{
    static const int64_t steps[] = {1,       2,          5,          10,          15,          30,
                                    MINUTE,  2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
                                    HOUR,    2 * HOUR,   3 * HOUR,   6 * HOUR,    12 * HOUR,   DAY,
                                    2 * DAY, 7 * DAY,    14 * DAY,   28 * DAY};
    size_t count = sizeof(steps) / sizeof(*steps);
    for (size_t i = 0; i < count; i++) {
        if ((seconds + steps[i] - 1) / steps[i] <= (int64_t)most)
            return steps[i];
    }
    return (seconds / (int64_t)most / DAY + 1) * DAY;
}

static void clock_text(const struct tm *tm, bool seconds, char text[static 16])
{
    (void)(seconds ? strftime(text, 16, "%H:%M:%S", tm) : strftime(text, 16, "%H:%M", tm));
}

static void tick_text(int64_t seconds, int64_t step, bool utc, char text[static AXIS_TEXT_MAX])
{
    struct tm tm = clock_of(seconds, utc);
    bool midnight = tm.tm_hour == 0 && tm.tm_min == 0 && tm.tm_sec == 0;
    if (midnight)
        (void)strftime(text, AXIS_TEXT_MAX, "%-d %b", &tm);
    else
        clock_text(&tm, step < MINUTE, text);
}

size_t axis_times(int64_t from_ns, int64_t to_ns, size_t most, bool utc,
                  struct axis_tick ret_ticks[static AXIS_TICKS_MAX])
{
    int64_t from = floor_ns(from_ns + NS_PER_S - 1, NS_PER_S) / NS_PER_S, to = to_ns / NS_PER_S, last = INT64_MIN;
    size_t count = 0;
    most = most == 0 ? 1 : most > AXIS_TICKS_MAX ? AXIS_TICKS_MAX : most;
    int64_t step = time_step(to - from, most), at = from - 1;
    while (count < most) {
        /* As clocks show it; where they are set in between, to the nearest. */
        int64_t into = floor_ns(at + offset_of(at, utc), step);
        int64_t next = into + step - offset_of(at, utc), shift = offset_of(next, utc) - offset_of(at, utc);
        next -= shift < step && -shift < step ? shift : 0;
        at = next > last ? next : last + step;
        if (at >= to)
            break;
        last = at;
        if (at < from)
            continue;
        ret_ticks[count].time_ns = at * NS_PER_S;
        tick_text(at, step, utc, ret_ticks[count++].text);
    }
    return count;
}

const char *axis_span(int64_t from_ns, int64_t to_ns, bool utc, char text[static AXIS_SPAN_MAX])
{
    struct tm from = clock_of(floor_ns(from_ns, NS_PER_S) / NS_PER_S, utc),
              to = clock_of(floor_ns(to_ns, NS_PER_S) / NS_PER_S, utc);
    bool same_day = from.tm_year == to.tm_year && from.tm_yday == to.tm_yday,
         seconds = from.tm_sec != 0 || to.tm_sec != 0;
    char first_day[16], last_day[16], begins[16], ends[16];
    (void)strftime(first_day, sizeof(first_day), "%Y-%m-%d", &from);
    (void)strftime(last_day, sizeof(last_day), "%Y-%m-%d ", &to);
    clock_text(&from, seconds, begins);
    clock_text(&to, seconds, ends);
    int minutes = abs((int)(to.tm_gmtoff / 60)),
        used = snprintf(text, AXIS_SPAN_MAX, "%s %s to %s%s ", first_day, begins, same_day ? "" : last_day, ends);
    if (utc || strcmp(to.tm_zone, "UTC") == 0)
        snprintf(text + used, AXIS_SPAN_MAX - (size_t)used, "UTC");
    else
        snprintf(text + used, AXIS_SPAN_MAX - (size_t)used, "%.12s (%c%02d:%02d)", to.tm_zone,
                 to.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
    return text;
}

const char *axis_duration(int64_t ns, char text[static AXIS_TEXT_MAX])
{
    static const struct {
        int64_t ns;
        const char *unit;
    } units[] = {{DAY * NS_PER_S, "d"}, {HOUR * NS_PER_S, "h"}, {MINUTE * NS_PER_S, "m"},
                 {NS_PER_S, "s"},       {NS_PER_MS, "ms"},      {NS_PER_US, "us"}};
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (ns % units[i].ns == 0) {
            snprintf(text, AXIS_TEXT_MAX, "%" PRId64 "%s", ns / units[i].ns, units[i].unit);
            return text;
        }
    }
    snprintf(text, AXIS_TEXT_MAX, "%" PRId64 "ns", ns);
    return text;
}

/* ---------------------------------------------------------------- numbers */

double axis_step(double value, unsigned most)
{
    if (!(value > 0) || most == 0)
        return 1;
    double least = value / most, unit = pow(10, floor(log10(least)));
    static const double rounds[] = {1, 2, 5, 10};
    for (size_t i = 0; i < sizeof(rounds) / sizeof(*rounds); i++) {
        if (unit * rounds[i] >= least * (1 - 1e-9))
            return unit * rounds[i];
    }
    return unit * 10;
}

const char *axis_number(double value, bool bytes, char text[static AXIS_TEXT_MAX])
{
    static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};
    unsigned unit = 0;
    while (value >= (unit == 0 && !bytes ? 9999.5 : 999.95) && unit + 1 < sizeof(units) / sizeof(*units)) {
        value /= 1000;
        unit++;
    }
    bool whole = unit == 0 || fabs(value - round(value)) < 0.05;
    snprintf(text, AXIS_TEXT_MAX, "%.*f%s%s%s", whole ? 0 : 1, value, unit > 0 || bytes ? " " : "", units[unit],
             bytes ? "B" : "");
    return text;
}
