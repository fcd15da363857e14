/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of dates and times, part by part. What a part is shows in its first letters; where it stands does not
 * matter, so that every order that logs and mails have is taken. */
#include "common/when_read.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/nearest.h"

#define FORMS                                                                                                          \
    "write 20:36, 2026-11-25 20:36:40, 2026-11-25T20:36:40+01:00, 'Nov 25 20:36:40', 'yesterday 20:36', -2h30m, "      \
    "'10 minutes ago' or 1795644405"

struct reader {
    const char *text, *at;
    struct when_read read;
    const char *wrong; /* where; NULL: nothing is yet */
    struct error *err;
};

static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
static const char *const weekdays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

static bool fail(struct reader *r, const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool fail(struct reader *r, const char *at, const char *format, ...)
{
    char why[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    r->wrong = at;
    (void)error_set(r->err, RESULT_REJECT, "'%.64s': %s", r->text, why);
    return false;
}

/* ---- letters and digits */

static size_t count_digits(const char *at)
{
    return strspn(at, "0123456789");
}

static size_t count_letters(const char *at)
{
    size_t count = 0;
    while (isalpha((unsigned char)at[count]))
        count++;
    return count;
}

static int number(const char *at, size_t digits)
{
    int value = 0;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (at[i] - '0');
    return value;
}

static bool is_word(const char *at, size_t length, const char *word)
{
    return strlen(word) == length && strncasecmp(at, word, length) == 0;
}

/* Which of the names it is, whole or its first three letters; -1: none. */
static int which_name(const char *at, size_t length, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        if (is_word(at, length, names[i]) || (length == 3 && strncasecmp(at, names[i], 3) == 0))
            return i;
    }
    return -1;
}

static int which_month(const char *at, size_t length)
{
    return is_word(at, length, "Sept") ? 9 : which_name(at, length, months, 12) + 1;
}

/* Each part once. */
static bool claim(struct reader *r, enum when_part part, const char *at)
{
    static const char *const names[WHEN_PARTS] = {
        [WHEN_DATE] = "date", [WHEN_YEAR] = "year", [WHEN_DAYS] = "date",   [WHEN_WEEKDAY] = "weekday",
        [WHEN_TIME] = "time", [WHEN_HALF] = "half", [WHEN_OFFSET] = "zone", [WHEN_ZONE] = "zone"};
    if (part == WHEN_EPOCH || part == WHEN_AGO) {
        if (r->read.has != 0)
            return fail(r, at, "a moment that says all stands alone");
    } else if (when_has(&r->read, WHEN_EPOCH) || when_has(&r->read, WHEN_AGO)) {
        return fail(r, at, "it says all before this already");
    } else if (when_has(&r->read, part) || (part == WHEN_OFFSET && when_has(&r->read, WHEN_ZONE)) ||
               (part == WHEN_ZONE && when_has(&r->read, WHEN_OFFSET)) ||
               (part == WHEN_DAYS && when_has(&r->read, WHEN_DATE)) ||
               (part == WHEN_DATE && when_has(&r->read, WHEN_DAYS))) {
        return fail(r, at, "it has a second %s here", names[part]);
    }
    r->read.has |= 1u << part;
    r->read.at[part] = (size_t)(at - r->text);
    return true;
}

/* ---- the time of day */

/* Digits behind a point, of a unit: sets fraction and precision. The tenth and later digits of a second are dropped. */
static void take_fraction(struct reader *r, int64_t unit_ns)
{
    int64_t ns = 0, step = unit_ns;
    for (; isdigit((unsigned char)*r->at); r->at++) {
        step /= 10;
        ns += (*r->at - '0') * step;
    }
    r->read.fraction_ns = ns;
    r->read.precision_ns = step > 1 ? step : 1;
}

static bool has_fraction(const struct reader *r)
{
    return (r->at[0] == '.' || r->at[0] == ',') && isdigit((unsigned char)r->at[1]);
}

static bool take_second(struct reader *r, const char *at)
{
    r->read.second = number(at, 2);
    if (r->read.second > 59)
        return fail(r, at, "seconds go from 00 to 59, not %02d", r->read.second);
    r->at = at + 2;
    r->read.precision_ns = NS_PER_S;
    if (has_fraction(r)) {
        r->at++;
        take_fraction(r, NS_PER_S);
    }
    return true;
}

static bool take_minute(struct reader *r, const char *at)
{
    r->read.minute = number(at, 2);
    if (r->read.minute > 59)
        return fail(r, at, "minutes go from 00 to 59, not %02d", r->read.minute);
    r->at = at + 2;
    r->read.precision_ns = 60 * NS_PER_S;
    return true;
}

static bool take_hour(struct reader *r, size_t digits)
{
    const char *at = r->at;
    if (!claim(r, WHEN_TIME, at))
        return false;
    r->read.hour = number(at, digits);
    if (r->read.hour > 24)
        return fail(r, at, "hours go from 00 to 24, not %02d", r->read.hour);
    r->at += digits;
    r->read.precision_ns = 3600 * NS_PER_S;
    return true;
}

static bool check_time(struct reader *r)
{
    const struct when_read *t = &r->read;
    if (t->hour == 24 && (t->minute != 0 || t->second != 0 || t->fraction_ns != 0))
        return fail(r, r->text + t->at[WHEN_TIME], "a day ends at 24:00; what is later is on the next");
    return true;
}

/* H:MM, HH:MM:SS and a fraction. */
static bool take_clock(struct reader *r, size_t digits)
{
    if (!take_hour(r, digits))
        return false;
    if (count_digits(r->at + 1) != 2)
        return fail(r, r->at + 1, "minutes have two digits");
    if (!take_minute(r, r->at + 1))
        return false;
    if (*r->at != ':')
        return check_time(r);
    if (count_digits(r->at + 1) != 2)
        return fail(r, r->at + 1, "seconds have two digits");
    return take_second(r, r->at + 1) && check_time(r);
}

/* HH, HHMM or HHMMSS. */
static bool take_packed_time(struct reader *r, size_t digits)
{
    if (digits != 2 && digits != 4 && digits != 6)
        return fail(r, r->at, "a time is HH:MM, HH:MM:SS, or without colons HH, HHMM or HHMMSS");
    return take_hour(r, 2) && (digits < 4 || take_minute(r, r->at)) && (digits < 6 || take_second(r, r->at)) &&
           check_time(r);
}

/* What follows a date without a blank: T, '.' (nfdump), ':' (Apache), '_'. */
static bool take_joined_time(struct reader *r)
{
    if (*r->at == '\0' || strchr("Tt.:_", *r->at) == NULL || !isdigit((unsigned char)r->at[1]))
        return *r->at != 'T' || fail(r, r->at, "a time follows T");
    r->at++;
    size_t digits = count_digits(r->at);
    return digits <= 2 && r->at[digits] == ':' ? take_clock(r, digits) : take_packed_time(r, digits);
}

static bool take_half(struct reader *r, const char *at, bool afternoon)
{
    if (!claim(r, WHEN_HALF, at))
        return false;
    if (!when_has(&r->read, WHEN_TIME))
        return fail(r, at, "am and pm follow a time");
    if (r->read.hour < 1 || r->read.hour > 12)
        return fail(r, r->text + r->read.at[WHEN_TIME], "with am and pm hours go from 1 to 12");
    r->read.hour = r->read.hour % 12 + (afternoon ? 12 : 0);
    return true;
}

/* ---- the date */

int when_month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool check_date(struct reader *r)
{
    const struct when_read *t = &r->read;
    const char *at = r->text + t->at[WHEN_DATE];
    bool dated = when_has(t, WHEN_YEAR);
    int most = when_month_days(dated ? t->year : 2000, t->month);
    if (t->day < 1 || t->day > most) {
        if (dated)
            return fail(r, at, "%s %d has %d days, not %d", months[t->month - 1], t->year, most, t->day);
        return fail(r, at, "%s has %d days, not %d", months[t->month - 1], most, t->day);
    }
    return true;
}

static bool set_month(struct reader *r, const char *at, int month)
{
    r->read.month = month;
    return (month >= 1 && month <= 12) || fail(r, at, "months go from 01 to 12, not %02d", month);
}

static bool set_year(struct reader *r, const char *at)
{
    if (!claim(r, WHEN_YEAR, at))
        return false;
    r->read.year = number(at, 4);
    return true;
}

/* YYYY-MM-DD or YYYY/MM/DD. */
static bool take_year_first(struct reader *r)
{
    const char *month = r->at + 5;
    size_t month_digits = count_digits(month);
    const char *day = month + month_digits + 1;
    if (*month == 'W' || month_digits == 3)
        return fail(r, month, "weeks and days of the year are not taken; write the month and the day, 2026-11-25");
    if (month_digits < 1 || month_digits > 2 || day[-1] != r->at[4])
        return fail(r, month, "a date is YYYY-MM-DD or YYYY/MM/DD");
    size_t day_digits = count_digits(day);
    if (day_digits < 1 || day_digits > 2)
        return fail(r, day, "a day has one or two digits");
    if (!claim(r, WHEN_DATE, r->at) || !set_year(r, r->at) || !set_month(r, month, number(month, month_digits)))
        return false;
    r->read.day = number(day, day_digits);
    r->at = day + day_digits;
    return take_joined_time(r);
}

/* YYYYMMDD, to which a time may be joined with T or with nothing. */
static bool take_packed(struct reader *r, size_t digits)
{
    const char *at = r->at;
    if (!claim(r, WHEN_DATE, at) || !set_year(r, at) || !set_month(r, at + 4, number(at + 4, 2)))
        return false;
    r->read.day = number(at + 6, 2);
    r->at += 8;
    return digits == 8 ? take_joined_time(r) : take_packed_time(r, digits - 8);
}

/* Two numbers and a year between equal signs: which is the month? Behind points it is the second, as in German; else
 * it shows only where one of them can be none. */
static bool take_year_last(struct reader *r, size_t first_digits)
{
    const char *at = r->at, *second_at = at + first_digits + 1;
    char sign = at[first_digits];
    size_t second_digits = count_digits(second_at);
    const char *year = second_at + second_digits + 1;
    if (second_digits < 1 || second_digits > 2 || year[-1] != sign || count_digits(year) != 4)
        return fail(r, at, "a date is 2026-11-25, 25.11.2026 or 25 Nov 2026, with four digits of the year");
    int first = number(at, first_digits), second = number(second_at, second_digits);
    if (sign != '.' && first <= 12 && second <= 12 && first != second && first > 0 && second > 0)
        return fail(r, at, "it may be %d %s or %d %s; write %.4s-%02d-%02d or %.4s-%02d-%02d", first,
                    months[second - 1], second, months[first - 1], year, second, first, year, first, second);
    bool month_first = sign != '.' && second > 12;
    if (!claim(r, WHEN_DATE, at) || !set_year(r, year) ||
        !set_month(r, month_first ? at : second_at, month_first ? first : second))
        return false;
    r->read.day = month_first ? second : first;
    r->at = year + 4;
    return take_joined_time(r);
}

/* 25/Nov/2026, 25-Nov-2026, 25 Nov [2026]: the number, before the month's name. */
static bool take_day_first(struct reader *r, size_t digits, const char *name)
{
    size_t letters = count_letters(name);
    const char *after = name + letters;
    if (!claim(r, WHEN_DATE, r->at))
        return false;
    r->read.day = number(r->at, digits);
    r->read.month = which_month(name, letters);
    r->at = after;
    if (name[-1] == ' ')
        return true;
    if (*after != name[-1] || count_digits(after + 1) != 4)
        return fail(r, after, "a year of four digits follows the month");
    if (!set_year(r, after + 1))
        return false;
    r->at = after + 5;
    return take_joined_time(r);
}

/* Nov 25, with as many blanks as syslog puts there. */
static bool take_month_first(struct reader *r, const char *name, int month)
{
    const char *day = r->at + strspn(r->at, " ");
    size_t digits = count_digits(day);
    if (digits < 1 || digits > 2 || day[digits] == ':')
        return fail(r, name, "a day follows the month, or stands before it");
    if (!claim(r, WHEN_DATE, name))
        return false;
    r->read.month = month;
    r->read.day = number(day, digits);
    r->at = day + digits;
    return true;
}

/* ---- the zone */

/* +01:00, +0100, +01, +1; *at is the sign. */
static bool take_offset(struct reader *r, const char *begin)
{
    const char *at = r->at + 1;
    size_t digits = count_digits(at);
    bool colon = digits == 2 && at[2] == ':';
    const char *end = at + (colon ? 5 : digits);
    if ((colon && count_digits(at + 3) != 2) || (digits != 1 && digits != 2 && digits != 4) || *end == ':' ||
        isalpha((unsigned char)*end))
        return fail(r, r->at, "an offset is +HH:MM, +HHMM or +HH");
    int hours = number(at, digits == 1 ? 1 : 2);
    int minutes = colon ? number(at + 3, 2) : digits == 4 ? number(at + 2, 2) : 0;
    if (hours > 23 || minutes > 59)
        return fail(r, r->at, "an offset goes from -23:59 to +23:59");
    if (!claim(r, WHEN_OFFSET, begin))
        return false;
    r->read.offset_s = (hours * 60 + minutes) * (*r->at == '-' ? -60 : 60);
    r->at = end;
    return true;
}

/* Z, UTC, UTC+1. */
static bool take_utc(struct reader *r, const char *begin)
{
    if ((*r->at == '+' || *r->at == '-') && isdigit((unsigned char)r->at[1]))
        return take_offset(r, begin);
    return claim(r, WHEN_OFFSET, begin);
}

static bool take_zone_name(struct reader *r, const char *begin)
{
    size_t length = strspn(begin, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/");
    if (length >= sizeof(r->read.zone))
        return fail(r, begin, "there is no such zone");
    if (!claim(r, WHEN_ZONE, begin))
        return false;
    memcpy(r->read.zone, begin, length);
    r->at = begin + length;
    return true;
}

/* What JavaScript and mails put behind an offset: a name for people. */
static bool take_comment(struct reader *r)
{
    const char *end = strchr(r->at, ')');
    if (!when_has(&r->read, WHEN_OFFSET) || end == NULL)
        return fail(r, r->at, "what is in brackets is a name behind an offset");
    r->at = end + 1;
    return true;
}

/* ---- moments that say all */

/* Since 1970: how many digits it has tells of which unit. @ says that it is one, of however few. */
static bool take_epoch(struct reader *r, size_t digits, bool marked)
{
    static const struct {
        size_t digits;
        int64_t unit;
    } units[] = {{13, NS_PER_MS}, {16, NS_PER_US}, {19, 1}};
    const char *at = r->at;
    int64_t unit = marked ? digits <= 10 ? NS_PER_S : 0 : digits == 9 || digits == 10 ? NS_PER_S : 0;
    for (unsigned i = 0; i < 3; i++)
        unit = digits == units[i].digits ? units[i].unit : unit;
    if (digits == 0 || unit == 0)
        return fail(r, at, "a number since 1970 has 10 digits (seconds), 13 (ms), 16 (us) or 19 (ns), not %zu", digits);
    if (!claim(r, WHEN_EPOCH, at))
        return false;
    int64_t value = 0;
    for (; digits > 0; digits--, r->at++) {
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *r->at - '0', &value))
            return fail(r, at, "it is later than nanoseconds reach, which is the year 2262");
    }
    r->read.precision_ns = unit;
    if (*r->at == '.' && isdigit((unsigned char)r->at[1])) {
        r->at++;
        take_fraction(r, unit);
    }
    if (__builtin_mul_overflow(value, unit, &value) ||
        __builtin_add_overflow(value, r->read.fraction_ns, &r->read.moment_ns))
        return fail(r, at, "it is later than nanoseconds reach, which is the year 2262");
    return true;
}

/* The sign has been read. A bare number is seconds. */
static bool take_minus(struct reader *r, const char *begin)
{
    if (!duration_take(&r->at, &r->read.moment_ns)) {
        if (duration_parse(r->at, &r->read.moment_ns, NULL) != RESULT_OK)
            return fail(r, begin, "a time before now is -90s, -15m, -2h30m or -3d");
        r->at += strlen(r->at);
    }
    return claim(r, WHEN_AGO, begin);
}

static bool take_ago(struct reader *r)
{
    const char *begin = r->at, *end = begin;
    if (r->read.has != 0 || !duration_take(&end, &r->read.moment_ns))
        return fail(r, begin, r->read.has != 0 ? "that number has no meaning here" : "that is no time; " FORMS);
    const char *ago = end + strspn(end, " ");
    if (!is_word(ago, count_letters(ago), "ago"))
        return fail(r, begin, "that is a length of time, not a moment; so long before now is '-%.*s' or '%.*s ago'",
                    (int)(end - begin), begin, (int)(end - begin), begin);
    r->at = ago + 3;
    return claim(r, WHEN_AGO, begin);
}

/* ---- all of them */

static bool take_number(struct reader *r)
{
    const char *at = r->at;
    size_t digits = count_digits(at);
    const char *after = at + digits, *word = after + strspn(after, " ");
    if (digits == 4 && (*after == '-' || *after == '/') && (isdigit((unsigned char)after[1]) || after[1] == 'W'))
        return take_year_first(r);
    if (digits == 4 && when_has(&r->read, WHEN_DATE) && !when_has(&r->read, WHEN_YEAR)) {
        r->at = after;
        return set_year(r, at);
    }
    if (digits == 8 || digits == 12 || digits == 14)
        return take_packed(r, digits);
    if (digits > 8)
        return take_epoch(r, digits, false);
    if (digits > 2)
        return take_ago(r);
    if (*after == ':')
        return take_clock(r, digits);
    if ((*after == '/' || *after == '-' || *after == '.') && isdigit((unsigned char)after[1]) &&
        (*after != '.' || strchr(after + 1, '.') != NULL))
        return take_year_last(r, digits);
    if ((*after == '/' || *after == '-') && which_month(after + 1, count_letters(after + 1)) > 0)
        return take_day_first(r, digits, after + 1);
    if (word > after && which_month(word, count_letters(word)) > 0)
        return take_day_first(r, digits, word);
    if (is_word(word, count_letters(word), "am") || is_word(word, count_letters(word), "pm"))
        return take_hour(r, digits);
    return take_ago(r);
}

static bool unknown_word(struct reader *r, const char *at, size_t length)
{
    static const char *const words[] = {"now", "today", "yesterday"};
    char word[32];
    snprintf(word, sizeof(word), "%.*s", (int)(length < sizeof(word) ? length : sizeof(word) - 1), at);
    struct nearest nearest = {.word = word};
    for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++)
        nearest_try(&nearest, words[i]);
    for (unsigned i = 0; i < 12; i++)
        nearest_try(&nearest, months[i]);
    for (unsigned i = 0; i < 7; i++)
        nearest_try(&nearest, weekdays[i]);
    return nearest.name != NULL ? fail(r, at, "'%s' has no meaning here; did you mean %s?", word, nearest.name)
                                : fail(r, at, "'%s' has no meaning here; " FORMS, word);
}

static bool take_days(struct reader *r, const char *at, int days)
{
    r->read.days_ago = days;
    return claim(r, WHEN_DAYS, at);
}

static bool take_now(struct reader *r, const char *at)
{
    r->read.moment_ns = 0;
    if (*r->at == '-') {
        r->at++;
        return take_minus(r, at);
    }
    return claim(r, WHEN_AGO, at);
}

static bool take_word(struct reader *r)
{
    const char *at = r->at;
    size_t length = count_letters(at);
    bool placed = when_has(&r->read, WHEN_TIME) || when_has(&r->read, WHEN_DATE) || when_has(&r->read, WHEN_DAYS);
    int month = which_month(at, length), weekday = which_name(at, length, weekdays, 7);
    r->at += length;
    if (placed && *r->at == '/')
        return take_zone_name(r, at);
    if (month > 0)
        return take_month_first(r, at, month);
    if (weekday >= 0) {
        r->read.weekday = weekday;
        return claim(r, WHEN_WEEKDAY, at);
    }
    if (is_word(at, length, "now"))
        return take_now(r, at);
    if (is_word(at, length, "today") || is_word(at, length, "yesterday"))
        return take_days(r, at, length > strlen("today"));
    if (is_word(at, length, "am") || is_word(at, length, "pm"))
        return take_half(r, at, tolower((unsigned char)at[0]) == 'p');
    if ((is_word(at, length, "at") || is_word(at, length, "on")) && placed)
        return true;
    if (placed && (is_word(at, length, "Z") || is_word(at, length, "UTC") || is_word(at, length, "GMT") ||
                   is_word(at, length, "UT")))
        return take_utc(r, at);
    if (placed && length >= 3 && length <= 5)
        return take_zone_name(r, at);
    return unknown_word(r, at, length);
}

static bool take_part(struct reader *r)
{
    bool placed = when_has(&r->read, WHEN_TIME) || when_has(&r->read, WHEN_DATE);
    const char *at = r->at;
    if (isdigit((unsigned char)*at))
        return take_number(r);
    if (isalpha((unsigned char)*at))
        return take_word(r);
    if ((*at == '+' || *at == '-') && placed)
        return take_offset(r, at);
    if (*at == '(')
        return take_comment(r);
    if (*at == '-' || *at == '@')
        r->at++;
    if (*at == '-')
        return take_minus(r, at);
    if (*at == '@')
        return take_epoch(r, count_digits(r->at), true);
    if (at[0] == '.' && at[1] == '.')
        return fail(r, at, "one moment is asked for here, not two");
    return fail(r, at, "%s; " FORMS, at == r->text ? "that is no time" : "it cannot go on like that");
}

/* To what follows a part: blanks, or a comma and a blank. */
static void skip_blanks(struct reader *r)
{
    if (r->at > r->text && r->at[0] == ',' && r->at[1] == ' ')
        r->at++;
    r->at += strspn(r->at, " \t");
}

static bool read_all(struct reader *r)
{
    size_t end = strlen(r->text);
    bool bracket = end > 2 && r->text[0] == '[' && r->text[end - 1] == ']'; /* as Apache's logs have it */
    r->at += bracket;
    skip_blanks(r);
    while (*r->at != '\0' && !(bracket && r->at == r->text + end - 1)) {
        if (!take_part(r))
            return false;
        skip_blanks(r);
    }
    if (r->read.has == 0)
        return fail(r, r->text, "that is no time; " FORMS);
    return !when_has(&r->read, WHEN_DATE) || check_date(r);
}

enum result when_read(const char *text, struct when_read *ret_read, size_t *ret_offset, struct error *err)
{
    struct reader r = {.text = text, .at = text, .err = err};
    if (!read_all(&r)) {
        *ret_offset = (size_t)(r.wrong - text);
        return RESULT_REJECT;
    }
    *ret_read = r.read;
    return RESULT_OK;
}
