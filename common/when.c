/* SPDX-License-Identifier: Apache-2.0 */
/* Which time it is that was written, for who wrote it; and the other way round. */
#include "common/when.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/clock.h"
#include "common/when_read.h"
#include "common/zone.h"

#define DAY_S      86400
#define YEARS_BACK 8 /* that long ago the last 29 February may be */

struct finder {
    const char *text;
    struct when_read read;
    const struct when_here *here; /* NULL: nobody knows */
    size_t offset;                /* where it is wrong */
    struct error *err;
};

static bool fail(struct finder *f, enum when_part part, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool fail(struct finder *f, enum when_part part, const char *format, ...)
{
    char why[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    f->offset = f->read.at[part];
    (void)error_set(f->err, RESULT_REJECT, "'%.64s': %s", f->text, why);
    return false;
}

static bool has(const struct finder *f, enum when_part part)
{
    return when_has(&f->read, part);
}

static int64_t seconds_of(int64_t ns)
{
    return ns / NS_PER_S - (ns % NS_PER_S < 0);
}

static int64_t day_local(int year, int month, int day)
{
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    return timegm(&tm);
}

static struct tm local_tm(int64_t local)
{
    time_t seconds = (time_t)local;
    struct tm tm = {0};
    (void)gmtime_r(&seconds, &tm);
    return tm;
}

/* "+01:00" */
#define SMALL_TEXT 32
static const char *offset_text(int offset, char text[static SMALL_TEXT])
{
    int minutes = (offset < 0 ? -offset : offset) / 60;
    snprintf(text, SMALL_TEXT, "%c%02d:%02d", offset < 0 ? '-' : '+', minutes / 60 % 100, minutes % 60);
    return text;
}

/* ---- local time to an instant */

static bool is_zone_name(const char *zone)
{
    return strchr(zone, '/') != NULL;
}

/* "CET" where clocks show that local time in CET chooses between two, or only confirms; the instants of another name
 * are dropped. */
static unsigned choose_named(const char *name, unsigned count, int64_t instants[static 2])
{
    char called[ZONE_NAME_MAX];
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        (void)zone_name(instants[i], called);
        if (strcasecmp(called, name) == 0)
            instants[kept++] = instants[i];
    }
    return kept;
}

static bool fail_twice(struct finder *f, int64_t local, const int64_t instants[static 2])
{
    char names[2][ZONE_NAME_MAX], offsets[2][SMALL_TEXT], day[SMALL_TEXT], hour[SMALL_TEXT];
    for (unsigned i = 0; i < 2; i++)
        offset_text(zone_name(instants[i], names[i]), offsets[i]);
    const struct tm tm = local_tm(local);
    strftime(day, sizeof(day), "%Y-%m-%d", &tm);
    strftime(hour, sizeof(hour), "%H:%M", &tm);
    return fail(f, has(f, WHEN_TIME) ? WHEN_TIME : WHEN_DATE,
                "clocks were set back, so on %s it was %s twice; write %s%s for the first (%s) or %s%s for the second "
                "(%s)",
                day, hour, hour, offsets[0], names[0], hour, offsets[1], names[1]);
}

static bool fail_skipped(struct finder *f, int64_t local)
{
    char before[SMALL_TEXT], after[SMALL_TEXT], hour[SMALL_TEXT], offsets[2][SMALL_TEXT], name[ZONE_NAME_MAX];
    int64_t jump = zone_jump(local);
    int offset = zone_name(jump - 1, name);
    offset_text(offset, offsets[0]);
    offset_text(zone_name(jump, name), offsets[1]);
    struct tm tm = local_tm(jump + offset);
    strftime(before, sizeof(before), "%Y-%m-%d %H:%M", &tm);
    tm = local_tm(zone_local(jump));
    strftime(after, sizeof(after), "%H:%M", &tm);
    tm = local_tm(local);
    strftime(hour, sizeof(hour), "%H:%M", &tm);
    return fail(f, has(f, WHEN_TIME) ? WHEN_TIME : WHEN_DATE,
                "there was no such time: clocks were set from %s to %s; write %s%s or %s%s", before, after, hour,
                offsets[0], hour, offsets[1]);
}

/* The instant at which clocks show `local`, by the offset or the zone that was written. */
static bool find_instant(struct finder *f, int64_t local, int64_t *ret_instant)
{
    int64_t instants[2];
    if (has(f, WHEN_OFFSET)) {
        *ret_instant = local - f->read.offset_s;
        return true;
    }
    unsigned count = zone_instants(local, instants);
    bool named = has(f, WHEN_ZONE) && !is_zone_name(f->read.zone);
    if (count == 0)
        return fail_skipped(f, local);
    if (named && choose_named(f->read.zone, count, instants) == 0) {
        char name[ZONE_NAME_MAX];
        (void)zone_name(instants[0], name);
        return fail(f, WHEN_ZONE,
                    "clocks here said %s then, and what '%s' is elsewhere is not known; write an offset "
                    "(+01:00), or a zone as in Europe/Berlin",
                    name, f->read.zone);
    }
    if (count == 2 && !named)
        return fail_twice(f, local, instants);
    *ret_instant = instants[0];
    return true;
}

/* The first instant of a day, which begins later than at 00:00 where clocks skip that. */
static int64_t day_begin(const struct finder *f, int64_t local)
{
    int64_t instants[2];
    if (has(f, WHEN_OFFSET))
        return local - f->read.offset_s;
    return zone_instants(local, instants) > 0 ? instants[0] : zone_jump(local);
}

/* Has it begun? */
static bool is_past(const struct finder *f, int64_t local)
{
    int64_t instants[2];
    int64_t first = local - f->read.offset_s;
    if (!has(f, WHEN_OFFSET))
        first = zone_instants(local, instants) > 0 ? instants[0] : zone_jump(local);
    return first < seconds_of(f->here->now_ns) ||
           (first == seconds_of(f->here->now_ns) && f->read.fraction_ns <= f->here->now_ns - first * NS_PER_S);
}

/* ---- which day */

static int64_t today(const struct finder *f)
{
    int64_t now = seconds_of(f->here->now_ns), local = has(f, WHEN_OFFSET) ? now + f->read.offset_s : zone_local(now);
    int64_t second = local % DAY_S;
    return local - (second < 0 ? second + DAY_S : second);
}

static int64_t time_of_day(const struct finder *f)
{
    return f->read.hour * 3600 + f->read.minute * 60 + f->read.second;
}

/* Logs that leave the year out mean the last such day. */
static bool find_year(struct finder *f, int64_t *ret_day)
{
    for (int year = local_tm(today(f)).tm_year + 1900, last = year - YEARS_BACK; year >= last; year--) {
        int64_t day = day_local(year, f->read.month, f->read.day);
        if (f->read.day > when_month_days(year, f->read.month) || !is_past(f, day + time_of_day(f)))
            continue;
        *ret_day = day;
        return true;
    }
    return fail(f, WHEN_DATE, "there was no such day in the last years; write the year, 2026-11-25");
}

static bool find_day(struct finder *f, int64_t *ret_day)
{
    const struct when_read *read = &f->read;
    if (has(f, WHEN_YEAR)) {
        *ret_day = day_local(read->year, read->month, read->day);
        return true;
    }
    if (has(f, WHEN_DATE))
        return find_year(f, ret_day);
    if (has(f, WHEN_WEEKDAY) && !has(f, WHEN_DAYS))
        return fail(f, WHEN_WEEKDAY, "a weekday does not say which; write its date, 2026-11-25");
    int64_t day = today(f);
    if (has(f, WHEN_DAYS))
        day -= (int64_t)read->days_ago * DAY_S;
    else if (!is_past(f, day + time_of_day(f)))
        day -= DAY_S;
    *ret_day = day;
    return true;
}

/* A weekday that is not the date's tells that one of them was copied wrongly. */
static bool check_weekday(struct finder *f, int64_t day)
{
    char text[2 * SMALL_TEXT];
    const struct tm tm = local_tm(day);
    if (!has(f, WHEN_WEEKDAY) || tm.tm_wday == f->read.weekday)
        return true;
    strftime(text, sizeof(text), "%Y-%m-%d is a %A", &tm);
    return fail(f, WHEN_WEEKDAY, "%s", text);
}

/* ---- both */

static bool set_when(struct finder *f, enum when_part part, int64_t from_s, int64_t to_s, struct when *ret_when)
{
    struct when when;
    if (__builtin_mul_overflow(from_s, NS_PER_S, &when.from_ns) ||
        __builtin_add_overflow(when.from_ns, f->read.fraction_ns, &when.from_ns) ||
        __builtin_mul_overflow(to_s, NS_PER_S, &when.to_ns) ||
        (part == WHEN_TIME && __builtin_add_overflow(when.from_ns, f->read.precision_ns, &when.to_ns)))
        return fail(f, part, "it is beyond what nanoseconds reach, which is from 1678 to 2261");
    *ret_when = when;
    return true;
}

static bool find_on_clocks(struct finder *f, struct when *ret_when)
{
    int64_t day, instant;
    if (!find_day(f, &day) || !check_weekday(f, day))
        return false;
    if (!has(f, WHEN_TIME))
        return set_when(f, has(f, WHEN_DATE) ? WHEN_DATE : WHEN_DAYS, day_begin(f, day), day_begin(f, day + DAY_S),
                        ret_when);
    return find_instant(f, day + time_of_day(f), &instant) && set_when(f, WHEN_TIME, instant, instant, ret_when);
}

/* What is as long as it was written, and hangs on nothing but perhaps now. */
static bool find_moment(struct finder *f, enum when_part part, int64_t ns, struct when *ret_when)
{
    int64_t length = part == WHEN_EPOCH ? f->read.precision_ns : 1;
    struct when when = {.from_ns = ns};
    if (__builtin_add_overflow(ns, length, &when.to_ns))
        return fail(f, part, "it is beyond what nanoseconds reach, which is from 1678 to 2261");
    *ret_when = when;
    return true;
}

/* Without anybody's clock and zone. */
static bool check_absolute(struct finder *f)
{
    if (has(f, WHEN_EPOCH) || f->here != NULL)
        return true;
    if (has(f, WHEN_AGO) || has(f, WHEN_DAYS))
        return fail(f, has(f, WHEN_AGO) ? WHEN_AGO : WHEN_DAYS,
                    "that depends on whose clock it is; write a date and a time with Z or an offset "
                    "(2026-11-25T20:36:40Z)");
    if (!has(f, WHEN_DATE) || !has(f, WHEN_YEAR))
        return fail(f, has(f, WHEN_DATE) ? WHEN_DATE : WHEN_TIME,
                    "it has no date with a year; write one, and Z or an offset (2026-11-25T20:36:40Z)");
    if (!has(f, WHEN_OFFSET))
        return fail(f, has(f, WHEN_ZONE) ? WHEN_ZONE : WHEN_DATE,
                    "it depends on where it was written; end it in Z or an offset (2026-11-25T20:36:40+01:00)");
    return true;
}

static bool find(struct finder *f, struct when *ret_when)
{
    int64_t ago;
    struct zone_before before;
    if (!check_absolute(f))
        return false;
    if (has(f, WHEN_EPOCH))
        return find_moment(f, WHEN_EPOCH, f->read.moment_ns, ret_when);
    if (has(f, WHEN_AGO))
        return __builtin_sub_overflow(f->here->now_ns, f->read.moment_ns, &ago)
                   ? fail(f, WHEN_AGO, "it is beyond what nanoseconds reach, which is from 1678 to 2261")
                   : find_moment(f, WHEN_AGO, ago, ret_when);
    if (!has(f, WHEN_ZONE) || !is_zone_name(f->read.zone))
        return find_on_clocks(f, ret_when);
    if (!zone_enter(f->read.zone, &before))
        return fail(f, WHEN_ZONE, "there is no zone '%s'; they are named as in Europe/Berlin, with capitals",
                    f->read.zone);
    bool found = find_on_clocks(f, ret_when);
    zone_leave(&before);
    return found;
}

enum result when_parse(const char *text, const struct when_here *here, struct when *ret_when, size_t *ret_offset,
                       struct error *err)
{
    struct finder f = {.text = text, .here = here, .err = err};
    enum result r = when_read(text, &f.read, &f.offset, err);
    if (r == RESULT_OK && !find(&f, ret_when))
        r = RESULT_REJECT;
    if (r != RESULT_OK && ret_offset != NULL)
        *ret_offset = f.offset;
    return r;
}

/* ---- two of them */

enum result when_parse_span(const char *text, const struct when_here *here, struct when *ret_when, size_t *ret_offset,
                            struct error *err)
{
    char first[WHEN_TEXT_MAX];
    struct when a, b;
    size_t offset = 0;
    const char *dots = strstr(text, "..");
    if (dots == NULL)
        return when_parse(text, here, ret_when, ret_offset, err);
    snprintf(first, sizeof(first), "%.*s", (int)(dots - text < WHEN_TEXT_MAX ? dots - text : WHEN_TEXT_MAX), text);
    enum result r = when_parse(first, NULL, &a, &offset, err);
    if (r == RESULT_OK) {
        r = when_parse(dots + 2, NULL, &b, &offset, err);
        offset += (size_t)(dots - text) + 2;
    }
    if (r == RESULT_OK && a.from_ns >= b.to_ns)
        r = error_set(err, RESULT_REJECT, "'%.64s': the second time is before the first", text);
    if (r == RESULT_OK)
        *ret_when = (struct when){a.from_ns, b.to_ns};
    else if (ret_offset != NULL)
        *ret_offset = offset;
    return r;
}

/* "2026-11-23T20:36Z", as exact as `precision_ns`. Returns the length. */
static size_t put_time(int64_t ns, int64_t precision_ns, char *text, size_t size)
{
    int64_t seconds = seconds_of(ns), fraction = ns - seconds * NS_PER_S;
    const struct tm tm = local_tm(seconds);
    int digits = 0;
    size_t used = strftime(text, size, precision_ns < 60 * NS_PER_S ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%dT%H:%M", &tm);
    for (int64_t unit = NS_PER_S; unit > precision_ns; unit /= 10)
        digits++;
    if (digits > 0)
        used += (size_t)snprintf(text + used, size - used, ".%0*lld", digits, (long long)(fraction / precision_ns));
    return used + (size_t)snprintf(text + used, size - used, "Z");
}

const char *when_text(const struct when *when, char text[static WHEN_TEXT_MAX])
{
    int64_t precision = 60 * NS_PER_S;
    while (precision > 1 && (when->from_ns % precision != 0 || when->to_ns % precision != 0))
        precision = precision > NS_PER_S ? NS_PER_S : precision / 10;
    size_t used = put_time(when->from_ns, precision, text, WHEN_TEXT_MAX);
    if (when->to_ns - precision > when->from_ns) { /* their difference may be more than an int64_t holds */
        used += (size_t)snprintf(text + used, WHEN_TEXT_MAX - used, "..");
        put_time(when->to_ns - precision, precision, text + used, WHEN_TEXT_MAX - used);
    }
    return text;
}
