/* SPDX-License-Identifier: Apache-2.0 */
/* A batch weighs what its records hold, and frees them. */
#include "tests/unit/aggregator/support.h"

static void test_weight(void **state)
{
    (void)state;
    struct batch *batch = test_batch("inner", 1, TEST_NOW);
    size_t empty = batch_weight(batch);
    assert_true(empty >= sizeof(struct batch));
    assert_int_equal(batch_rows(batch, RECORD_FLOW), 0);
    batch->records[RECORD_FLOW] = flow_records(test_flows(&batch->observer, 1, 1000, TEST_NOW));
    batch->records[RECORD_VERDICT] = test_verdicts();
    assert_int_equal(batch_rows(batch, RECORD_FLOW), 1000);
    assert_int_equal(batch_weight(batch), empty + records_weight(batch->records[RECORD_FLOW]) +
                                              records_weight(batch->records[RECORD_VERDICT]));
    batch_destroy(&batch);
    assert_null(batch);
    batch_destroy(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_weight)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
