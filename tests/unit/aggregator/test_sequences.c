/* SPDX-License-Identifier: Apache-2.0 */
/* Committed sequence numbers as ranges, against a plain set. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/store/sequences.h"

static void test_against_a_set(void **state)
{
    (void)state;
    enum { NUMBERS = 3000 };
    bool set[NUMBERS + 2] = {false};
    struct sequences sequences = {0};
    uint64_t random = 1;
    for (int step = 0; step < 4000; step++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint64_t number = 1 + (random >> 33) % NUMBERS;
        assert_int_equal(sequences_add(&sequences, number), RESULT_OK);
        set[number] = true;
    }
    size_t ranges = 0;
    for (uint64_t number = 0; number < NUMBERS + 2; number++) {
        assert_int_equal(sequences_has(&sequences, number), set[number]);
        ranges += number > 0 && set[number] && !set[number - 1];
    }
    assert_int_equal(sequences.count, ranges);
    sequences_fini(&sequences);
}

static void test_order_makes_one_range(void **state)
{
    (void)state;
    struct sequences sequences = {0};
    for (uint64_t number = 1; number <= 1000000; number++)
        assert_int_equal(sequences_add(&sequences, number), RESULT_OK);
    assert_int_equal(sequences.count, 1);
    assert_int_equal(sequences_add(&sequences, UINT64_MAX), RESULT_OK);
    assert_true(sequences_has(&sequences, UINT64_MAX));
    assert_false(sequences_has(&sequences, 0));
    sequences_fini(&sequences);
}

static void test_gaps_are_bounded(void **state)
{
    (void)state;
    struct sequences sequences = {0};
    uint64_t number = 0;
    while (sequences.count < SEQUENCES_RANGES_MAX)
        assert_int_equal(sequences_add(&sequences, number += 2), RESULT_OK);
    assert_int_equal(sequences_add(&sequences, number + 2), RESULT_FULL);
    assert_int_equal(sequences_add(&sequences, number + 1), RESULT_OK); /* extends, needs no room */
    assert_int_equal(sequences_reserve(&sequences, 1), RESULT_FULL);
    sequences_fini(&sequences);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_a_set),
                                       cmocka_unit_test(test_order_makes_one_range),
                                       cmocka_unit_test(test_gaps_are_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
