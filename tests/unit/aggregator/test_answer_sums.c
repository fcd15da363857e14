/* SPDX-License-Identifier: Apache-2.0 */
/* Which sums of a sensor are broken, and how that is said. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/answer/sums.h"

static struct records *status_of(const struct status *status, uint64_t offered)
{
    struct records *records = records_new(record_kinds[RECORD_STATUS], 1);
    const struct status_interface interface = {"eth0", "EN10MB", offered, 7, 700};
    const struct status_dropped kernel = {0, "kernel", 2}, truncated = {0, "truncated", 1};
    assert_non_null(records);
    assert_int_equal(records_add(records, status), RESULT_OK);
    assert_int_equal(records_add_item(records, STATUS_INTERFACES, &interface), RESULT_OK);
    assert_int_equal(records_add_item(records, STATUS_DROPPED, &kernel), RESULT_OK);
    assert_int_equal(records_add_item(records, STATUS_DROPPED, &truncated), RESULT_OK);
    return records;
}

static void expect(const struct status *status, uint64_t offered, uint64_t committed, const char *part)
{
    char text[SUMS_TEXT_MAX];
    struct records *records = status_of(status, offered);
    assert_int_equal(sensor_broken(records, 0, committed, text), part != NULL);
    if (strstr(text, part == NULL ? "" : part) == NULL)
        fail_msg("'%s', and not '%s'", text, part);
    records_free(&records);
}

static void test_sums(void **state)
{
    (void)state;
    struct status status = {.records_made = 6, .records_acknowledged = 3, .records_lost = 1, .records_held = 2};
    expect(&status, 10, 4, NULL); /* committed, and the acknowledgement still under way */
    expect(&status, 11, 4, "packets offered (11) are not packets metered (7) + dropped (3)");
    expect(&status, 10, 2, "records acknowledged (3) are more than the store holds (2)");
    status.records_held = 1;
    expect(&status, 10, 4, "records made (6) are not acknowledged (3) + lost (1) + held (1)");
    struct records *records = status_of(&status, 10);
    struct sensor_sums sums = sensor_sums(records, 0);
    assert_int_equal(sums.offered, 10);
    assert_int_equal(sums.metered, 7);
    assert_int_equal(sums.dropped, 3);
    records_free(&records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
