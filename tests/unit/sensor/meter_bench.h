/* SPDX-License-Identifier: Apache-2.0 */
/* A meter for each test, for cmocka's setup and teardown. */
#ifndef PAVO_TESTS_METER_BENCH_H
#define PAVO_TESTS_METER_BENCH_H

#include "tests/unit/sensor/records.h"

struct bench {
    struct records records;
    struct meter *meter;
    int64_t now;
};

static inline int setup(void **state)
{
    static struct bench bench;
    bench = (struct bench){.now = START};
    bench.meter = records_meter(&bench.records, NULL);
    *state = &bench;
    return 0;
}

static inline int teardown(void **state)
{
    struct bench *b = *state;
    meter_destroy(&b->meter);
    records_free(&b->records);
    return 0;
}

#endif
