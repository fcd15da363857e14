/* SPDX-License-Identifier: Apache-2.0 */
/* Local time and instants, where clocks are set. Zones are written out, so that this needs no zone files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "common/zone.h"

#define HOUR 3600
/* Of 2026 in Central Europe, UTC: clocks are set on 29 March and 25 October at 01:00. */
#define SPRING 1774746000
#define AUTUMN 1792890000

static void use(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static void test_instants(void **state)
{
    (void)state;
    int64_t at[2] = {7, 7};
    use("CET-1CEST,M3.5.0,M10.5.0/3");
    assert_int_equal(zone_instants(SPRING, at), 1); /* shown an hour before it */
    assert_int_equal(at[0], SPRING - HOUR);
    assert_int_equal(zone_instants(SPRING + HOUR, at), 0); /* 02:00, skipped */
    assert_int_equal(zone_instants(SPRING + 2 * HOUR - 1, at), 0);
    assert_int_equal(zone_jump(SPRING + HOUR), SPRING);
    assert_int_equal(zone_jump(SPRING + 2 * HOUR - 1), SPRING);
    assert_int_equal(zone_instants(SPRING + 2 * HOUR, at), 1);
    assert_int_equal(at[0], SPRING);
    assert_int_equal(zone_instants(AUTUMN + HOUR - 1, at), 1);
    assert_int_equal(zone_instants(AUTUMN + HOUR, at), 2); /* 02:00, twice */
    assert_int_equal(at[0], AUTUMN - HOUR);
    assert_int_equal(at[1], AUTUMN);
    assert_int_equal(zone_instants(AUTUMN + 2 * HOUR, at), 1);
    assert_int_equal(at[0], AUTUMN + HOUR);
}

static void test_names(void **state)
{
    (void)state;
    char name[ZONE_NAME_MAX];
    use("CET-1CEST,M3.5.0,M10.5.0/3");
    assert_int_equal(zone_name(SPRING - 1, name), HOUR);
    assert_string_equal(name, "CET");
    assert_int_equal(zone_name(SPRING, name), 2 * HOUR);
    assert_string_equal(name, "CEST");
    assert_int_equal(zone_local(SPRING), SPRING + 2 * HOUR);
}

static void test_enter(void **state)
{
    (void)state;
    struct zone_before before = {0};
    use("CET-1");
    static const char *const unknown[] = {"",  "Europe",       "Europe/Nowhere", "/etc/passwd", "../../etc/passwd",
                                          ":", "europe/paris", "zone.tab",       "Europe/"};
    for (unsigned i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
        assert_false(zone_enter(unknown[i], &before));
    assert_int_equal(zone_local(0), HOUR);
    if (!zone_enter("America/New_York", &before)) {
        print_message("skipped: no zone files\n");
        skip();
    }
    assert_int_equal(zone_local(0), -5 * HOUR);
    zone_leave(&before);
    assert_string_equal(getenv("TZ"), "CET-1");
    assert_int_equal(zone_local(0), HOUR);
    unsetenv("TZ");
    assert_true(zone_enter("America/New_York", &before));
    zone_leave(&before);
    assert_null(getenv("TZ"));
    /* A day that clocks skipped as a whole, and the one after. */
    int64_t at[2];
    assert_true(zone_enter("Pacific/Apia", &before));
    assert_int_equal(zone_instants(1325203200, at), 0); /* 2011-12-30 00:00 */
    assert_int_equal(zone_instants(1325289600, at), 1); /* 2011-12-31 00:00 */
    assert_int_equal(at[0], zone_jump(1325203200));
    zone_leave(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instants),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_enter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
