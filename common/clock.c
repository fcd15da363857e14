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
