/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a text, and the place in it that is wrong. What they come to is test_when.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/when_read.h"

static struct when_read read_well(const char *text)
{
    struct when_read read;
    struct error err = {""};
    size_t offset = 0;
    if (when_read(text, &read, &offset, &err) != RESULT_OK)
        fail_msg("%s: %s", text, err.text);
    return read;
}

static void test_parts(void **state)
{
    (void)state;
    struct when_read r = read_well("[Wed Nov  5 22:06:45.120 +0130 2026]");
    assert_int_equal(r.has, 1 << WHEN_WEEKDAY | 1 << WHEN_DATE | 1 << WHEN_TIME | 1 << WHEN_OFFSET | 1 << WHEN_YEAR);
    assert_int_equal(r.weekday, 3);
    assert_int_equal(r.month, 11);
    assert_int_equal(r.day, 5);
    assert_int_equal(r.hour * 10000 + r.minute * 100 + r.second, 220645);
    assert_int_equal(r.fraction_ns, 120 * NS_PER_MS);
    assert_int_equal(r.precision_ns, NS_PER_MS);
    assert_int_equal(r.offset_s, 5400);
    assert_int_equal(r.year, 2026);
    assert_int_equal(r.at[WHEN_DATE], 5);
    assert_int_equal(r.at[WHEN_TIME], 12);
    r = read_well("11 pm yesterday Europe/Berlin");
    assert_int_equal(r.has, 1 << WHEN_TIME | 1 << WHEN_HALF | 1 << WHEN_DAYS | 1 << WHEN_ZONE);
    assert_int_equal(r.hour, 23);
    assert_int_equal(r.days_ago, 1);
    assert_string_equal(r.zone, "Europe/Berlin");
    r = read_well("1795644405320.5");
    assert_int_equal(r.has, 1 << WHEN_EPOCH);
    assert_int_equal(r.moment_ns, 1795644405320500000);
    assert_int_equal(r.precision_ns, NS_PER_MS / 10);
}

static void test_months(void **state)
{
    (void)state;
    assert_int_equal(when_month_days(2026, 2), 28);
    assert_int_equal(when_month_days(2024, 2), 29);
    assert_int_equal(when_month_days(2000, 2), 29);
    assert_int_equal(when_month_days(1900, 2), 28);
    assert_int_equal(when_month_days(2026, 4), 30);
    assert_int_equal(when_month_days(2026, 12), 31);
}

static void test_refused_where(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t offset;
        const char *why;
    } cases[] = {
        {"", 0, "that is no time; write 20:36"},
        {"  ", 0, "no time"},
        {"yesteday 22:00", 0, "did you mean yesterday?"},
        {"22:06 on Wednsday", 9, "did you mean Wednesday?"},
        {"22:06 in", 6, "no meaning here"},
        {"22:60:00", 3, "minutes go from 00 to 59, not 60"},
        {"2026-11-25 22:06:60", 17, "seconds go from 00 to 59, not 60"},
        {"25:00", 0, "hours go from 00 to 24, not 25"},
        {"24:00:01", 0, "a day ends at 24:00"},
        {"2026-11-25T24:30", 11, "a day ends at 24:00"},
        {"12:5", 3, "two digits"},
        {"12:055", 3, "two digits"},
        {"12:05:5", 6, "two digits"},
        {"13:00 pm", 0, "from 1 to 12"},
        {"pm", 0, "follow a time"},
        {"2026-02-30 10:00", 0, "February 2026 has 28 days, not 30"},
        {"Feb 30 10:00", 0, "February has 29 days, not 30"},
        {"2026-00-01", 5, "months go from 01 to 12"},
        {"2026-13-01", 5, "months go from 01 to 12, not 13"},
        {"2026-11/25", 5, "YYYY-MM-DD"},
        {"2026-W48-3", 5, "weeks and days of the year"},
        {"2026-329", 5, "weeks and days of the year"},
        {"05/11/2026", 0, "5 November or 11 May; write 2026-11-05 or 2026-05-11"},
        {"22:06 05-11-2026", 6, "5 November or 11 May"},
        {"13/13/2026", 0, "months go from"},
        {"25/11/26", 0, "four digits of the year"},
        {"25/Nov/26", 6, "four digits"},
        {"Nov 22:06", 0, "a day follows"},
        {"2026-11-25T", 10, "a time follows T"},
        {"2026-11-25T22064", 11, "HHMMSS"},
        {"22:06+25:00", 5, "offset goes"},
        {"22:06+1:30", 5, "an offset is"},
        {"22:06Z+01:00Z", 6, "an offset is"},
        {"22:06Z CET", 7, "second zone"},
        {"22:06 22:07", 6, "second time"},
        {"today 2026-11-25", 6, "second date"},
        {"now 22:06", 4, "says all"},
        {"22:06 -1h", 6, "an offset is"},
        {"22:06 1795644405", 6, "stands alone"},
        {"10m", 0, "'-10m' or '10m ago'"},
        {"10 minutes", 0, "'-10 minutes' or '10 minutes ago'"},
        {"-", 0, "-90s"},
        {"- 5s", 0, "-90s"},
        {"@", 1, "since 1970"},
        {"12345678901", 0, "10 digits (seconds)"},
        {"@1e5", 2, "no meaning here"},
        {"9999999999999999999", 0, "2262"},
        {"2026-11-25 2026-11-26", 11, "second date"},
        {"20:36..20:40", 5, "one moment is asked for"},
        {"20:36,", 5, "cannot go on"},
        {"22:06 (CET)", 6, "behind an offset"},
        {"22:06Z (CET", 7, "behind an offset"},
        {"[22:06", 0, "no time"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct when_read read = {.hour = 77};
        struct error err = {""};
        size_t offset = 99;
        if (when_read(cases[i].text, &read, &offset, &err) != RESULT_REJECT)
            fail_msg("'%s' was taken", cases[i].text);
        if (strstr(err.text, cases[i].why) == NULL || offset != cases[i].offset)
            fail_msg("'%s' at %zu: %s", cases[i].text, offset, err.text);
        assert_int_equal(read.hour, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_months),
        cmocka_unit_test(test_refused_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
