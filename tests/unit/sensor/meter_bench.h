/* SPDX-License-Identifier: Apache-2.0 */
/* A meter for each test, for cmocka's setup and teardown. */
#ifndef PAVO_TESTS_METER_BENCH_H
#define PAVO_TESTS_METER_BENCH_H

#include "tests/unit/sensor/kept_flows.h"

struct bench {
    struct kept_flows records;
    struct meter *meter;
    int64_t now;
};

static inline int setup(void **state)
{
    static struct bench bench;
    bench = (struct bench){.now = START};
    bench.meter = kept_meter(&bench.records, NULL);
    *state = &bench;
    return 0;
}

static inline int teardown(void **state)
{
    struct bench *b = *state;
    meter_destroy(&b->meter);
    kept_free(&b->records);
    return 0;
}

#endif
