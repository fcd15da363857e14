/* SPDX-License-Identifier: Apache-2.0 */
/* Moments as people paste them: which time each names, how long it is, and where that cannot be known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/when.h"
#include "common/zone.h"

/* 2026-11-25 22:16:40.5 UTC, a Wednesday; in Central Europe an hour later. */
#define NOW_S   1795645000ll
#define MINUTE  60ll
#define HOUR    3600ll
#define DAY     86400ll
#define AT_S    1795640805ll /* 22:06:45 there, on that day */
#define CENTRAL "CET-1CEST,M3.5.0,M10.5.0/3"

static struct when_here here = {.now_ns = NOW_S * NS_PER_S + NS_PER_S / 2};

static void use(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static struct when parsed_in(const char *text, const struct when_here *in)
{
    struct when when = {0};
    struct error err = {""};
    if (when_parse(text, in, &when, NULL, &err) != RESULT_OK)
        fail_msg("%s: %s", text, err.text);
    return when;
}

/* [from, from + length) in seconds. */
static void expect(const char *text, int64_t from_s, int64_t length_s)
{
    struct when when = parsed_in(text, &here);
    if (when.from_ns != from_s * NS_PER_S || when.to_ns != (from_s + length_s) * NS_PER_S) {
        char made[WHEN_TEXT_MAX];
        fail_msg("%s: %s", text, when_text(&when, made));
    }
}

static void expect_ns(const char *text, int64_t from_ns, int64_t length_ns)
{
    struct when when = parsed_in(text, &here);
    assert_int_equal(when.from_ns, from_ns);
    assert_int_equal(when.to_ns - when.from_ns, length_ns);
}

static void refuse_in(const struct when_here *in, const char *text, size_t offset, const char *why)
{
    struct when when = {7, 7};
    struct error err = {""};
    size_t at = 99;
    if (when_parse(text, in, &when, &at, &err) != RESULT_REJECT)
        fail_msg("'%s' was taken", text);
    if (strstr(err.text, why) == NULL || at != offset)
        fail_msg("'%s' at %zu: %s", text, at, err.text);
    assert_int_equal(when.from_ns, 7);
}

static void refuse(const char *text, size_t offset, const char *why)
{
    refuse_in(&here, text, offset, why);
}

/* ---------------------------------------------------------------- forms */

static void test_dates(void **state)
{
    (void)state;
    static const char *const local[] = {"2026-11-25T22:06:45",
                                        "2026-11-25 22:06:45",
                                        "2026/11/25 22:06:45",
                                        "2026/11/25.22:06:45",
                                        "20261125220645",
                                        "20261125T220645",
                                        "25.11.2026 22:06:45",
                                        "25/11/2026 22:06:45",
                                        "11/25/2026 22:06:45",
                                        "11-25-2026 22:06:45",
                                        "25 Nov 2026 22:06:45",
                                        "25/Nov/2026:22:06:45",
                                        "Nov 25 22:06:45",
                                        "Wed Nov 25 22:06:45 2026",
                                        "November 25, 2026 10:06:45 pm",
                                        "22:06:45, 25-Nov-2026",
                                        "today 22:06:45",
                                        "today at 10:06:45PM",
                                        "22:06:45",
                                        "Wed Nov 25 22:06:45 CET 2026"};
    for (size_t i = 0; i < sizeof(local) / sizeof(*local); i++)
        expect(local[i], AT_S, 1);
    static const char *const zoned[] = {"2026-11-25T21:06:45Z",
                                        "2026-11-25T21:06:45z",
                                        "2026-11-25 21:06:45 UTC",
                                        "2026-11-25T22:06:45+01:00",
                                        "2026-11-25T16:06:45-0500",
                                        "2026-11-25 22:06:45 +01",
                                        "2026-11-25 22:06:45 UTC+1",
                                        "25/Nov/2026:21:06:45 +0000",
                                        "[25/Nov/2026:21:06:45 +0000]",
                                        "Wed, 25 Nov 2026 21:06:45 GMT",
                                        "Wed Nov 25 2026 22:06:45 GMT+0100 (Central European Standard Time)",
                                        "1795640805",
                                        "@1795640805"};
    for (size_t i = 0; i < sizeof(zoned) / sizeof(*zoned); i++) {
        expect(zoned[i], AT_S, 1);
        struct when when = parsed_in(zoned[i], NULL); /* and wherever it is read */
        assert_int_equal(when.from_ns, AT_S * NS_PER_S);
    }
}

static void test_as_long_as_written(void **state)
{
    (void)state;
    expect("2026-11-25 22:06", AT_S - 45, MINUTE);
    expect("202611252206", AT_S - 45, MINUTE);
    expect("2026/11/25.22", AT_S - 405, HOUR);
    expect("10 pm", AT_S - 405, HOUR);
    expect("2026-11-25", AT_S - 405 - 22 * HOUR, DAY);
    expect("yesterday", AT_S - 405 - 46 * HOUR, DAY);
    expect("2026-10-25", 1792879200, DAY + HOUR); /* clocks were set back */
    expect("2026-03-29", 1774738800, DAY - HOUR);
    expect_ns("2026-11-25 22:06:45,32", AT_S * NS_PER_S + 320 * NS_PER_MS, 10 * NS_PER_MS);
    expect_ns("2026-11-25T22:06:45.320181516", AT_S * NS_PER_S + 320181516, 1);
    expect_ns("2026-11-25T22:06:45.3201815169", AT_S * NS_PER_S + 320181516, 1);
    expect_ns("1795640805320", AT_S * NS_PER_S + 320 * NS_PER_MS, NS_PER_MS);
    expect_ns("1795640805320181", AT_S * NS_PER_S + 320181000, NS_PER_US);
    expect_ns("1795640805320181516", AT_S * NS_PER_S + 320181516, 1);
    expect_ns("@5.25", 5 * NS_PER_S + NS_PER_S / 4, 10 * NS_PER_MS);
}

static void test_from_now(void **state)
{
    (void)state;
    expect_ns("now", here.now_ns, 1);
    expect_ns("-90s", here.now_ns - 90 * NS_PER_S, 1);
    expect_ns("-2h30m", here.now_ns - 9000 * NS_PER_S, 1);
    expect_ns("-1.5h", here.now_ns - 5400 * NS_PER_S, 1);
    expect_ns("-5", here.now_ns - 5 * NS_PER_S, 1);
    expect_ns("10 minutes ago", here.now_ns - 600 * NS_PER_S, 1);
    expect_ns("1h ago", here.now_ns - 3600 * NS_PER_S, 1);
    expect_ns("now-1h", here.now_ns - 3600 * NS_PER_S, 1);
    refuse("-999999999h", 0, "-90s");
    refuse("-150000d ", 0, "-90s");
}

static void test_time_of_day_is_never_in_the_future(void **state)
{
    (void)state;
    expect("23:16:40", NOW_S, 1);
    expect("23:16:41", NOW_S + 1 - DAY, 1);
    expect("23:16", NOW_S - 40, MINUTE);
    expect_ns("23:16:40.5", here.now_ns, 100 * NS_PER_MS);
    expect_ns("23:16:40.6", here.now_ns + 100 * NS_PER_MS - DAY * NS_PER_S, 100 * NS_PER_MS);
    expect("23:00Z", 1795647600 - DAY, MINUTE);
    expect("22:00Z", 1795644000, MINUTE);
    expect("24:00", 1795561200, MINUTE); /* the end of yesterday */
    expect("2026-11-25 24:00", 1795561200 + DAY, MINUTE);
    expect("yesterday 21:30", 1795561200 - DAY + 21 * HOUR + 30 * MINUTE, MINUTE);
    expect("Nov 26 10:00", 1764147600, MINUTE); /* last year's */
    expect("Dec  1 10:00:00", 1764579600, 1);
    expect("Feb 29 10:00", 1709197200, MINUTE); /* 2024's */
}

static void test_refused(void **state)
{
    (void)state;
    refuse("Tue Nov 25 22:06:45 2026", 0, "2026-11-25 is a Wednesday");
    refuse("monday 22:00", 0, "write its date");
    refuse("22:06 EST", 6, "clocks here said CET then");
    refuse("22:06 CEST", 6, "clocks here said CET then");
    refuse("22:06 Europe/Nowhere", 6, "there is no zone");
    refuse("22:06 Europe/../Berlin", 13, "one moment");
    refuse("2300-01-01", 0, "1678 to 2261");
    refuse("1677-01-01 00:00Z", 11, "1678 to 2261");
    refuse("9223372036854775807", 0, "1678 to 2261");
}

static void test_of_nobody(void **state)
{
    (void)state;
    refuse_in(NULL, "2026-11-25 22:06:45", 0, "where it was written");
    refuse_in(NULL, "2026-11-25 22:06:45 CET", 20, "where it was written");
    refuse_in(NULL, "2026-11-25 22:06:45 Europe/Berlin", 20, "where it was written");
    refuse_in(NULL, "22:06:45Z", 0, "no date with a year");
    refuse_in(NULL, "Nov 25 22:06:45Z", 0, "no date with a year");
    refuse_in(NULL, "now", 0, "whose clock");
    refuse_in(NULL, "-15m", 0, "whose clock");
    refuse_in(NULL, "22:00Z today", 7, "whose clock");
}

/* ---------------------------------------------------------------- clocks that are set */

static void test_twice(void **state)
{
    (void)state;
    refuse("2026-10-25 02:30", 11, "02:30+02:00 for the first (CEST) or 02:30+01:00 for the second (CET)");
    expect("2026-10-25 02:30+02:00", 1792888200, MINUTE);
    expect("2026-10-25 02:30 CEST", 1792888200, MINUTE);
    expect("2026-10-25 02:30 CET", 1792888200 + HOUR, MINUTE);
    expect("2026-10-25 01:59:59", 1792886399, 1);
    expect("2026-10-25 03:00", 1792893600, MINUTE);
}

static void test_skipped(void **state)
{
    (void)state;
    refuse("2026-03-29 02:30", 11, "set from 2026-03-29 02:00 to 03:00; write 02:30+01:00 or 02:30+02:00");
    expect("2026-03-29 01:59:59", 1774745999, 1);
    expect("2026-03-29 03:00", 1774746000, MINUTE);
}

static void test_days_that_begin_late(void **state)
{
    (void)state;
    use("<-04>4<-03>,M9.1.6/24,M4.1.6/24"); /* as Santiago: on 6 September 2026 from 00:00 to 01:00 */
    expect("2026-09-06", 1788667200, 23 * HOUR);
    expect("2026-09-05", 1788667200 - DAY, DAY);
    expect("2026-04-04", 1775271600, 25 * HOUR);
    refuse("2026-09-06 00:30", 11, "no such time");
    use(CENTRAL);
}

static void test_named_zones(void **state)
{
    (void)state;
    struct zone_before before;
    if (!zone_enter("America/New_York", &before)) {
        print_message("skipped: no zone files\n");
        skip();
    }
    zone_leave(&before);
    expect("2026-11-25 16:06:45 America/New_York", AT_S, 1);
    expect("17:16 America/New_York", NOW_S - 40, MINUTE);
    expect("17:17 America/New_York", NOW_S + 20 - DAY, MINUTE);
    expect("2026-11-25 America/New_York", 1795582800, DAY);
    refuse("2026-11-01 01:30 America/New_York", 11, "EDT");
    assert_string_equal(getenv("TZ"), CENTRAL);
}

/* ---------------------------------------------------------------- spans */

static void test_spans(void **state)
{
    (void)state;
    struct when when = {7, 7};
    struct error err = {""};
    size_t offset = 99;
    assert_int_equal(when_parse_span("2026-11-25T21:06Z..2026-11-25T21:07:30Z", NULL, &when, NULL, &err), RESULT_OK);
    assert_int_equal(when.from_ns, (AT_S - 45) * NS_PER_S);
    assert_int_equal(when.to_ns, (AT_S + 46) * NS_PER_S);
    assert_int_equal(when_parse_span("22:06", &here, &when, NULL, &err), RESULT_OK);
    assert_int_equal(when.to_ns - when.from_ns, MINUTE * NS_PER_S);
    when = (struct when){7, 7};
    assert_int_equal(when_parse_span("2026-11-25T21:06Z..22:60", &here, &when, &offset, &err), RESULT_REJECT);
    assert_int_equal(offset, 22);
    assert_int_equal(when_parse_span("22:06..2026-11-25T21:06Z", &here, &when, &offset, &err), RESULT_REJECT);
    assert_int_equal(offset, 0);
    assert_int_equal(when_parse_span("2026-11-25T21:06Z..2026-11-25T21:05Z", NULL, &when, &offset, &err),
                     RESULT_REJECT);
    assert_non_null(strstr(err.text, "before the first"));
    assert_int_equal(when.from_ns, 7);
}

static void test_span_of_centuries(void **state)
{
    (void)state;
    struct when when, again;
    char text[WHEN_TEXT_MAX];
    assert_int_equal(when_parse_span("1720-02-06Z..2052-02-05Z", NULL, &when, NULL, NULL), RESULT_OK);
    assert_string_equal(when_text(&when, text), "1720-02-06T00:00Z..2052-02-05T23:59Z");
    assert_int_equal(when_parse_span(text, NULL, &again, NULL, NULL), RESULT_OK);
    assert_int_equal(again.from_ns, when.from_ns);
    assert_int_equal(again.to_ns, when.to_ns);
}

/* ---------------------------------------------------------------- at random */

static uint64_t random_state = 1;

/* splitmix64 */
static uint64_t draw(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void test_text_and_back(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        static const int64_t units[] = {1, 1000, NS_PER_MS, NS_PER_S, 60 * NS_PER_S, 3600 * NS_PER_S};
        char text[WHEN_TEXT_MAX];
        struct error err = {""};
        int64_t unit = units[draw() % 6], from = (int64_t)(draw() % 8000000000000000000u) - 4000000000000000000;
        struct when when = {.from_ns = from - from % unit}, again = {0};
        when.to_ns = when.from_ns + unit * (1 + (draw() % 2 == 0 ? 0 : (int64_t)(draw() % 100)));
        if (when_parse_span(when_text(&when, text), NULL, &again, NULL, &err) != RESULT_OK)
            fail_msg("%s: %s", text, err.text);
        if (again.from_ns != when.from_ns || again.to_ns != when.to_ns)
            fail_msg("%s", text);
    }
}

#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* formats in a table are what this is about */
/* What strftime writes in many zones is read as the same instant; where it leaves a choice, that is said. */
static void test_formats_of_many_zones(void **state)
{
    (void)state;
    static const char *const zones[] = {"UTC0",
                                        CENTRAL,
                                        "EST5EDT,M3.2.0,M11.1.0",
                                        "<-04>4<-03>,M9.1.6/24,M4.1.6/24",
                                        "<+0545>-5:45",
                                        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
                                        "<-12>12",
                                        "<+14>-14",
                                        "Europe/Dublin",
                                        "America/St_Johns",
                                        "Africa/Casablanca",
                                        "Pacific/Apia"};
    static const struct {
        const char *format;
        bool zoned;
        int64_t unit_s;
    } formats[] = {
        {"%Y-%m-%dT%H:%M:%S%z", true, 1},   {"%Y-%m-%d %H:%M %z", true, MINUTE},  {"%a, %d %b %Y %H:%M:%S %z", true, 1},
        {"%d/%b/%Y:%H:%M:%S %z", true, 1},  {"%a %b %e %H:%M:%S %Y %z", true, 1}, {"%s", true, 1},
        {"%Y-%m-%d %H:%M:%S", false, 1},    {"%Y/%m/%d.%H:%M", false, MINUTE},    {"%Y%m%d%H%M%S", false, 1},
        {"%d.%m.%Y %I:%M:%S %p", false, 1}, {"%B %d, %Y %l:%M %p", false, MINUTE}};
    unsigned count = sizeof(formats) / sizeof(*formats), refused = 0, compared = 0;
    for (int i = 0; i < 40000; i++) {
        unsigned f = (unsigned)(draw() % count);
        if (i % 100 == 0)
            use(zones[draw() % (sizeof(zones) / sizeof(*zones))]);
        time_t instant = (time_t)(1000000000 + draw() % 1000000000);
        if (draw() % 4 == 0) { /* about where clocks are set: the last Sunday of October, the first of November ... */
            static const time_t sets[] = {1792890000, 1774746000, 1793512800, 1772953200, 1788667200, 1775271600};
            instant = sets[draw() % 6] + (time_t)(draw() % 14400) - 7200;
        }
        instant -= instant % formats[f].unit_s;
        struct tm tm;
        char text[64];
        struct when when;
        struct error err = {""};
        localtime_r(&instant, &tm);
        strftime(text, sizeof(text), formats[f].format, &tm);
        if (when_parse(text, &here, &when, NULL, &err) != RESULT_OK) {
            if (formats[f].zoned || strstr(err.text, "twice") == NULL)
                fail_msg("%s in %s: %s", text, getenv("TZ"), err.text);
            refused++;
            continue;
        }
        if (when.from_ns != instant * NS_PER_S || when.to_ns != (instant + formats[f].unit_s) * NS_PER_S)
            fail_msg("%s in %s", text, getenv("TZ"));
        compared++;
    }
    assert_true(refused > 100 && compared > 35000);
    use(CENTRAL);
}

/* ---------------------------------------------------------------- the corpus's forms */

/* What people write (habits/times.txt): taken, or refused with a sentence of its own. */
static void test_habits(void **state)
{
    (void)state;
    static const char *const refused[] = {"10m", "22:60:00", "2026-02-30 10:00", "2026-W48-3"};
    const char *corpus = getenv("PAVO_CORPUS"), *source = getenv("PAVO_SOURCE");
    char path[4096], line[256];
    if (corpus != NULL)
        snprintf(path, sizeof(path), "%s/field/habits/times.txt", corpus);
    else
        snprintf(path, sizeof(path), "%s/../shared/corpus/field/habits/times.txt", source == NULL ? "." : source);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        print_message("skipped: no corpus (set PAVO_CORPUS)\n");
        skip();
    }
    unsigned lines = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        bool right = true;
        struct when when;
        struct error err = {""};
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0')
            continue;
        lines++;
        for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
            right = right && strcmp(line, refused[i]) != 0;
        if ((when_parse(line, &here, &when, NULL, &err) == RESULT_OK) != right)
            fail_msg("'%s': %s", line, err.text);
        if (right && when.from_ns > here.now_ns)
            fail_msg("'%s' is in the future", line);
    }
    fclose(file);
    assert_true(lines >= 40);
}

int main(void)
{
    use(CENTRAL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_as_long_as_written),
        cmocka_unit_test(test_from_now),
        cmocka_unit_test(test_time_of_day_is_never_in_the_future),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_of_nobody),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_skipped),
        cmocka_unit_test(test_days_that_begin_late),
        cmocka_unit_test(test_named_zones),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_span_of_centuries),
        cmocka_unit_test(test_text_and_back),
        cmocka_unit_test(test_formats_of_many_zones),
        cmocka_unit_test(test_habits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
