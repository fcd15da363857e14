/* SPDX-License-Identifier: Apache-2.0 */
/* What the aggregator's tests share: a directory of their own, and flows, verdicts and batches made from a few numbers.
 */
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

#include "aggregator/batch.h"
#include "common/clock.h"
#include "common/records/flow.h"
#include "common/records/verdict.h"

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
static inline struct flow_batch *test_flows(const struct observer *observer, uint64_t first, uint32_t rows,
                                            int64_t at_ns)
{
    struct flow_batch *flows = flow_batch_new(rows);
    uint16_t index;
    assert_non_null(flows);
    assert_int_equal(flow_batch_observer(flows, observer, &index), RESULT_OK);
    for (uint32_t i = 0; i < rows; i++) {
        struct flow flow = test_flow(first + i, at_ns + i * 1000);
        flow.observer = index;
        assert_int_equal(flow_batch_add(flows, &flow), RESULT_OK);
    }
    return flows;
}

/* What `sensor` says in its life 7 under a sequence number, without records yet. */
static inline struct batch *test_batch(const char *sensor, uint64_t sequence, int64_t at_ns)
{
    struct batch *batch = batch_new();
    assert_non_null(batch);
    batch->observer = test_observer(sensor, 7);
    batch->sequence = sequence;
    batch->received_ns = at_ns;
    return batch;
}

/* What the aggregator concludes. */
static inline struct batch *test_conclusions(int64_t at_ns)
{
    struct batch *batch = batch_new();
    assert_non_null(batch);
    batch->received_ns = at_ns;
    return batch;
}

/* Records of a kind in the batch, made when there are none; with the batch's observer as their first. */
static inline struct records **test_records(struct batch *batch, enum record_kind_number kind)
{
    if (batch->records[kind] == NULL) {
        uint16_t index;
        batch->records[kind] = records_new(record_kinds[kind], 16);
        assert_non_null(batch->records[kind]);
        assert_int_equal(records_observer(batch->records[kind], &batch->observer, &index), RESULT_OK);
    }
    return &batch->records[kind];
}

/* Records of verdicts in which observer 0 is inner's life 7 and observer 1 outer's. */
static inline struct records *test_verdicts(void)
{
    struct records *verdicts = records_new(record_kinds[RECORD_VERDICT], 16);
    struct observer inner = test_observer("inner", 7), outer = test_observer("outer", 7);
    uint16_t index;
    assert_non_null(verdicts);
    assert_int_equal(records_observer(verdicts, &inner, &index), RESULT_OK);
    assert_int_equal(records_observer(verdicts, &outer, &index), RESULT_OK);
    return verdicts;
}

/* Flow `inside` of observer 0 and flow `outside` of observer 1 are linked at the boundary "border". */
static inline struct verdict test_verdict(uint64_t inside, uint64_t outside)
{
    return (struct verdict){.observer = 0,
                            .flow = inside,
                            .boundary = "border",
                            .side = VERDICT_INSIDE,
                            .verdict = VERDICT_TRANSLATED,
                            .partner_observer = 1,
                            .partner_flow = outside,
                            .method = METHOD_SEQUENCE_NUMBERS,
                            .odds = 20000,
                            .candidates = 1,
                            .offset = -5,
                            .translated = TRANSLATED_SOURCE,
                            .protocol = 6,
                            .src_lo = 0xffff0a000001u,
                            .src_port = 1025,
                            .dst_lo = 0xffffc6336401u,
                            .dst_port = 80,
                            .post_nat_src_lo = 0xffffcb007105u,
                            .post_nat_src_port = 40312,
                            .post_nat_dst_lo = 0xffffc6336401u,
                            .post_nat_dst_port = 80,
                            .first_time = TEST_NOW,
                            .last_time = TEST_NOW + 1};
}

#define assert_ok(call, err)                                                                                           \
    do {                                                                                                               \
        if ((call) != RESULT_OK)                                                                                       \
            fail_msg("%s: %s", #call, (err).text);                                                                     \
    } while (0)

#endif
