/* SPDX-License-Identifier: Apache-2.0 */
/* What the aggregator's tests share: a directory of their own, and flows made from a few numbers. */
#ifndef PAVO_TESTS_AGGREGATOR_SUPPORT_H
#define PAVO_TESTS_AGGREGATOR_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/flow.h"

#define TEST_NOW 1795392000000000000ll /* 2026-11-23T00:00:00Z */

static char test_directory[64];

static inline int directory_setup(void **state)
{
    (void)state;
    strcpy(test_directory, "/tmp/pavo-test-XXXXXX");
    return mkdtemp(test_directory) == NULL;
}

static inline int directory_teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", test_directory);
    return system(command);
}

static inline struct observer test_observer(const char *sensor, uint64_t epoch)
{
    struct observer observer = {.epoch = epoch};
    snprintf(observer.sensor, sizeof(observer.sensor), "%s", sensor);
    return observer;
}

/* A TCP flow 10.0.0.x:port -> 198.51.100.1:80, `x` and `port` from `number`. */
static inline struct flow test_flow(uint64_t number, int64_t at_ns)
{
    return (struct flow){.flow = number,
                         .src_lo = 0xffff0a000000u + 1 + number % 200,
                         .dst_lo = 0xffffc6336401u,
                         .src_port = (uint16_t)(1024 + number % 60000),
                         .dst_port = 80,
                         .protocol = 6,
                         .first_time = at_ns,
                         .last_time = at_ns + NS_PER_S,
                         .state = FLOW_STATE_SF,
                         .src_packets = 5,
                         .dst_packets = 4,
                         .src_bytes = 500 + number,
                         .dst_bytes = 4000};
}

/* `rows` such flows, numbered from `first`. */
static inline struct flow_batch *test_batch(const struct observer *observer, uint64_t first, uint32_t rows,
                                            int64_t at_ns)
{
    struct flow_batch *batch = flow_batch_new(rows);
    uint16_t index;
    assert_non_null(batch);
    assert_int_equal(flow_batch_observer(batch, observer, &index), RESULT_OK);
    for (uint32_t i = 0; i < rows; i++) {
        struct flow flow = test_flow(first + i, at_ns + i * 1000);
        flow.observer = index;
        assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
    }
    return batch;
}

#define assert_ok(call, err)                                                                                           \
    do {                                                                                                               \
        if ((call) != RESULT_OK)                                                                                       \
            fail_msg("%s: %s", #call, (err).text);                                                                     \
    } while (0)

#endif
