/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, and the text of times, durations and sizes. */
#include "common/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t clock_wall_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

int64_t clock_monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

const char *time_text(int64_t ns, bool utc, char text[static TIME_TEXT_MAX])
{
    time_t seconds = (time_t)(ns / NS_PER_S);
    int64_t rest = ns % NS_PER_S;
    if (rest < 0) { /* before 1970: the fraction still counts upwards */
        rest += NS_PER_S;
        seconds--;
    }
    struct tm tm;
    if (utc)
        gmtime_r(&seconds, &tm);
    else
        localtime_r(&seconds, &tm);
    snprintf(text, TIME_TEXT_MAX, "%04d-%02d-%02d%c%02d:%02d:%02d.%06d%s", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
             utc ? 'T' : ' ', tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(rest / NS_PER_US), utc ? "Z" : "");
    return text;
}

/* Exactly `count` digits. */
static bool take_digits(const char **at, unsigned count, int *ret_value)
{
    int value = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!isdigit((unsigned char)(*at)[i]))
            return false;
        value = value * 10 + ((*at)[i] - '0');
    }
    *at += count;
    *ret_value = value;
    return true;
}

static bool take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

/* Digits after a point as nanoseconds; the tenth and later are read and dropped. */
static bool take_fraction(const char **at, int64_t *ret_ns)
{
    int64_t ns = 0, unit = NS_PER_S;
    const char *p = *at;
    for (; isdigit((unsigned char)*p); p++) {
        unit /= 10;
        ns += (*p - '0') * unit;
    }
    if (p == *at)
        return false;
    *at = p;
    *ret_ns = ns;
    return true;
}

/* "12" or "12.5" as whole and nano-parts. */
static bool take_decimal(const char **at, int64_t *ret_whole, int64_t *ret_nano)
{
    int64_t whole = 0, nano = 0;
    const char *p = *at;
    for (; isdigit((unsigned char)*p); p++) {
        if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, *p - '0', &whole))
            return false;
    }
    if (p == *at || (take_char(&p, '.') && !take_fraction(&p, &nano)))
        return false;
    *at = p;
    *ret_whole = whole;
    *ret_nano = nano;
    return true;
}

/* (whole + nano/10^9) * unit */
static bool scale(int64_t whole, int64_t nano, int64_t unit, int64_t *ret_value)
{
    int64_t value;
    int64_t part = (int64_t)((__int128)nano * unit / NS_PER_S);
    if (__builtin_mul_overflow(whole, unit, &value) || __builtin_add_overflow(value, part, &value))
        return false;
    *ret_value = value;
    return true;
}

/* HH:MM[:SS[.fraction]] */
static bool take_time_of_day(const char **at, struct tm *tm, int64_t *ret_fraction)
{
    if (!take_digits(at, 2, &tm->tm_hour) || !take_char(at, ':') || !take_digits(at, 2, &tm->tm_min))
        return false;
    if (take_char(at, ':')) {
        if (!take_digits(at, 2, &tm->tm_sec) || (take_char(at, '.') && !take_fraction(at, ret_fraction)))
            return false;
    }
    return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60;
}

/* YYYY-MM-DD, a day that exists. */
static bool take_date(const char **at, struct tm *tm)
{
    if (!take_digits(at, 4, &tm->tm_year) || !take_char(at, '-') || !take_digits(at, 2, &tm->tm_mon) ||
        !take_char(at, '-') || !take_digits(at, 2, &tm->tm_mday))
        return false;
    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    struct tm normal = *tm;
    return timegm(&normal) != -1 && normal.tm_mday == tm->tm_mday && normal.tm_mon == tm->tm_mon;
}

static time_t tm_seconds(struct tm tm, bool utc)
{
    tm.tm_isdst = -1;
    return utc ? timegm(&tm) : mktime(&tm);
}

static bool parse_absolute(const char *text, int64_t now_ns, int64_t *ret_ns)
{
    const char *at = text;
    struct tm tm = {0};
    int64_t fraction = 0;
    bool dated = strlen(text) >= 10 && text[4] == '-';
    if (dated && !take_date(&at, &tm))
        return false;
    if (!dated || take_char(&at, 'T') || take_char(&at, ' ')) {
        if (!take_time_of_day(&at, &tm, &fraction))
            return false;
    }
    bool utc = take_char(&at, 'Z');
    if (*at != '\0')
        return false;
    time_t now = (time_t)(now_ns / NS_PER_S);
    if (!dated) {
        struct tm today;
        if (utc)
            gmtime_r(&now, &today);
        else
            localtime_r(&now, &today);
        tm.tm_year = today.tm_year;
        tm.tm_mon = today.tm_mon;
        tm.tm_mday = today.tm_mday;
    }
    int64_t ns;
    if (!scale(tm_seconds(tm, utc), fraction, NS_PER_S, &ns))
        return false;
    if (!dated && ns > now_ns) {
        tm.tm_mday--;
        ns = tm_seconds(tm, utc) * NS_PER_S + fraction;
    }
    *ret_ns = ns;
    return true;
}

enum result time_parse(const char *text, int64_t now_ns, int64_t *ret_ns, struct error *err)
{
    int64_t ns, whole, nano;
    const char *at = text;
    if (strcmp(text, "now") == 0) {
        *ret_ns = now_ns;
        return RESULT_OK;
    }
    if (text[0] == '-') {
        if (duration_parse(text + 1, &ns, NULL) == RESULT_OK && !__builtin_sub_overflow(now_ns, ns, ret_ns))
            return RESULT_OK;
    } else if (take_char(&at, '@')) {
        if (take_decimal(&at, &whole, &nano) && *at == '\0' && scale(whole, nano, NS_PER_S, ret_ns))
            return RESULT_OK;
    } else if (parse_absolute(text, now_ns, ret_ns)) {
        return RESULT_OK;
    }
    return error_set(err, RESULT_REJECT,
                     "'%.64s' is no time; write 2026-11-23T20:36:40[.5][Z], \"2026-11-23 20:36:40\", 2026-11-23, "
                     "20:36[:40], now, -90s, -15m, -2h, -3d (ago) or @1700000000 (Unix)",
                     text);
}

struct unit {
    const char *name;
    int64_t value;
};

/* A decimal and one of `units`, the first of which is for a bare number. Their names end with NULL. */
static bool parse_with_unit(const char *text, const struct unit *units, int64_t *ret_value)
{
    int64_t whole, nano;
    const char *at = text;
    if (!take_decimal(&at, &whole, &nano))
        return false;
    for (const struct unit *u = units; u->name != NULL; u++) {
        if (strcmp(at, u->name) == 0)
            return scale(whole, nano, u->value, ret_value);
    }
    return false;
}

/* The unit whose name is the word at *at, whole. NULL: there is none. */
static const struct unit *take_unit(const char **at)
{
    static const struct unit units[] = {{"ns", 1},
                                        {"us", NS_PER_US},
                                        {"ms", NS_PER_MS},
                                        {"s", NS_PER_S},
                                        {"sec", NS_PER_S},
                                        {"second", NS_PER_S},
                                        {"m", 60 * NS_PER_S},
                                        {"min", 60 * NS_PER_S},
                                        {"minute", 60 * NS_PER_S},
                                        {"h", 3600 * NS_PER_S},
                                        {"hour", 3600 * NS_PER_S},
                                        {"d", 86400 * NS_PER_S},
                                        {"day", 86400 * NS_PER_S},
                                        {"week", 7 * 86400 * NS_PER_S},
                                        {NULL, 0}};
    size_t length = 0;
    while (isalpha((unsigned char)(*at)[length]))
        length++;
    for (const struct unit *u = units; u->name != NULL; u++) {
        size_t name = strlen(u->name);
        bool plural = name >= 3 && length == name + 1 && (*at)[name] == 's';
        if ((length == name || plural) && strncmp(*at, u->name, name) == 0) {
            *at += length;
            return u;
        }
    }
    return NULL;
}

bool duration_take(const char **at, int64_t *ret_ns)
{
    int64_t sum = 0;
    const char *p = *at, *end = NULL;
    while (isdigit((unsigned char)*p)) {
        int64_t whole, nano, ns;
        if (!take_decimal(&p, &whole, &nano))
            return false;
        p += strspn(p, " ");
        const struct unit *unit = take_unit(&p);
        if (unit == NULL || !scale(whole, nano, unit->value, &ns) || __builtin_add_overflow(sum, ns, &sum))
            return false;
        end = p;
        p += strspn(p, " ");
    }
    if (end == NULL)
        return false;
    *at = end;
    *ret_ns = sum;
    return true;
}

enum result duration_parse(const char *text, int64_t *ret_ns, struct error *err)
{
    static const struct unit seconds[] = {{"", NS_PER_S}, {NULL, 0}};
    const char *at = text;
    int64_t ns;
    if (parse_with_unit(text, seconds, ret_ns))
        return RESULT_OK;
    if (strchr(text, ' ') == NULL && duration_take(&at, &ns) && *at == '\0') {
        *ret_ns = ns;
        return RESULT_OK;
    }
    return error_set(err, RESULT_REJECT, "'%.64s' is no duration; write 250ms, 5s, 2m, 1h30m or 3d", text);
}

enum result size_parse(const char *text, uint64_t *ret_bytes, struct error *err)
{
    static const struct unit units[] = {{"", 1},        {"k", 1 << 10},   {"K", 1 << 10},
                                        {"m", 1 << 20}, {"M", 1 << 20},   {"g", 1 << 30},
                                        {"G", 1 << 30}, {"T", 1ll << 40}, {NULL, 0}};
    int64_t bytes;
    if (!parse_with_unit(text, units, &bytes))
        return error_set(err, RESULT_REJECT, "'%.64s' is no size; write 512, 64k, 16M or 2G", text);
    *ret_bytes = (uint64_t)bytes;
    return RESULT_OK;
}
