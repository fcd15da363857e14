/* SPDX-License-Identifier: Apache-2.0 */
/* Times, durations and sizes as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/clock.h"

/* 2026-11-23 20:36:40.5 UTC, a Monday; New York is five hours behind. */
#define NOW (1795466200ll * NS_PER_S + NS_PER_S / 2)
#define DAY (86400ll * NS_PER_S)

static void test_time_text(void **state)
{
    (void)state;
    char text[TIME_TEXT_MAX];
    assert_string_equal(time_text(NOW, true, text), "2026-11-23T20:36:40.500000Z");
    assert_string_equal(time_text(NOW, false, text), "2026-11-23 15:36:40.500000");
    assert_string_equal(time_text(-1000, true, text), "1969-12-31T23:59:59.999999Z");
    assert_string_equal(time_text(INT64_MAX, true, text), "2262-04-11T23:47:16.854775Z");
    assert_string_equal(time_text(INT64_MIN, true, text), "1677-09-21T00:12:43.145224Z");
}

static void test_durations_and_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } durations[] = {{"250ms", 250 * NS_PER_MS}, {"5s", 5 * NS_PER_S},   {"2m", 120 * NS_PER_S},
                     {"1h", 3600 * NS_PER_S},    {"3d", 3 * DAY},        {"7", 7 * NS_PER_S},
                     {"0.5s", NS_PER_S / 2},     {"10us", 10000},        {"0", 0},
                     {"2h30m", 9000 * NS_PER_S}, {"1d12h", 3 * DAY / 2}, {"2hours", 7200 * NS_PER_S}};
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        int64_t ns = -1;
        assert_int_equal(duration_parse(durations[i].text, &ns, NULL), RESULT_OK);
        assert_int_equal(ns, durations[i].ns);
    }
    static const struct {
        const char *text;
        uint64_t bytes;
    } sizes[] = {{"512", 512},       {"64k", 65536}, {"16M", 16u << 20},
                 {"2G", 2ull << 30}, {"1.5k", 1536}, {"1T", 1ull << 40}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t bytes = 0;
        assert_int_equal(size_parse(sizes[i].text, &bytes, NULL), RESULT_OK);
        assert_int_equal(bytes, sizes[i].bytes);
    }
    static const char *const bad[] = {"",        "s",  "5 s",  "-5s", "5x", "5ss", "1e3", "99999999999999999999",
                                      "200000d", ".5", "2h30", "h",   "1hs"};
    struct error err;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ns = 7;
        uint64_t bytes = 7;
        assert_int_equal(duration_parse(bad[i], &ns, &err), RESULT_REJECT);
        assert_int_equal(ns, 7);
        assert_int_equal(size_parse(bad[i], &bytes, &err), RESULT_REJECT);
        assert_int_equal(bytes, 7);
    }
}

static void test_durations_at_the_beginning(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns; /* -1: none */
        size_t length;
    } cases[] = {{"10 minutes ago", 600 * NS_PER_S, 10},
                 {"1 hour 5 min", 3900 * NS_PER_S, 12},
                 {"3 weeks", 21 * DAY, 7},
                 {"2h30m", 9000 * NS_PER_S, 5},
                 {"10", -1, 0},
                 {"1h 30", -1, 0},
                 {"1 fortnight", -1, 0},
                 {"90000d 90000d", -1, 0},
                 {"", -1, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *at = cases[i].text;
        int64_t ns = -1;
        assert_int_equal(duration_take(&at, &ns), cases[i].ns >= 0);
        assert_int_equal(ns, cases[i].ns);
        assert_int_equal(at - cases[i].text, cases[i].length);
    }
}

int main(void)
{
    /* A zone written out, so that the test needs no zone files. */
    setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_text),
        cmocka_unit_test(test_durations_and_sizes),
        cmocka_unit_test(test_durations_at_the_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
