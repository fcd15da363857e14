/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of lives, made of batches by chance and compared whole. */
#ifndef PAVO_TESTS_AGGREGATOR_LIVES_SUPPORT_H
#define PAVO_TESTS_AGGREGATOR_LIVES_SUPPORT_H

#include "tests/unit/aggregator/random_records.h"

#include "aggregator/store/entry.h"
#include "aggregator/store/lives.h"
#include "common/records/loss.h"
#include "common/records/status.h"

static inline void add_status(struct batch *batch, uint64_t number)
{
    char software[32];
    snprintf(software, sizeof(software), "pavo-sensor %u", (unsigned)number);
    const struct status status = {.time = TEST_NOW, .flows_made = number, .software = software};
    const struct status_interface interface = {.interface_name = "eth0", .interface_offered = number};
    const struct status_dropped dropped = {.dropped_reason = "full", .dropped_packets = number};
    assert_int_equal(records_append(test_records(batch, RECORD_STATUS), &status), RESULT_OK);
    assert_int_equal(records_add_item(batch->records[RECORD_STATUS], STATUS_INTERFACES, &interface), RESULT_OK);
    assert_int_equal(records_add_item(batch->records[RECORD_STATUS], STATUS_DROPPED, &dropped), RESULT_OK);
}

static inline void add_loss(struct batch *batch, unsigned kind, uint64_t count)
{
    const struct loss loss = {
        .loss = (uint8_t)kind, .from_time = TEST_NOW, .to_time = TEST_NOW + 5, .count = count, .reason = "full"};
    assert_int_equal(records_append(test_records(batch, RECORD_LOSS), &loss), RESULT_OK);
}

static inline void add_flows(struct batch *batch, uint32_t rows, int64_t at_ns)
{
    batch->records[RECORD_FLOW] = flow_records(test_flows(&batch->observer, batch->sequence * 100000, rows, at_ns));
}

static inline struct batch *batch_of(const char *sensor, uint64_t epoch, uint64_t sequence, int64_t at_ns)
{
    struct batch *batch = test_batch(sensor, sequence, at_ns);
    batch->observer.epoch = epoch;
    return batch;
}

/* Says something of everything that is known of lives; `number` makes it differ from others. */
static inline struct batch *telling_batch(const char *sensor, uint64_t epoch, uint64_t sequence, uint64_t number)
{
    struct batch *batch = batch_of(sensor, epoch, sequence, TEST_NOW + (int64_t)number * 1000);
    if (number % 2 == 0)
        add_flows(batch, 1 + (uint32_t)number % 5, TEST_NOW + (int64_t)(number % 7) * 200 * NS_PER_S);
    if (number % 3 == 0)
        add_loss(batch, number % 2 == 0 ? LOSS_RECORDS_SPOOL : LOSS_PACKETS_KERNEL, number);
    if (number % 4 == 0)
        add_status(batch, number);
    return batch;
}

/* As the journal would have it, but for the digest. */
static inline void note_batch(struct lives *lives, const struct batch *batch, uint64_t digest)
{
    struct journal_entry entry = entry_of_batch(batch);
    entry.digest = digest;
    lives_note(lives, batch, &entry);
}

/* ---- comparing */

static inline void assert_same_ranges(const struct ranges *a, const struct ranges *b)
{
    assert_int_equal(a->count, b->count);
    assert_true(a->count == 0 || memcmp(a->list, b->list, a->count * sizeof(*a->list)) == 0);
}

static inline void assert_same_life(const struct store_life *a, const struct store_life *b)
{
    assert_true(observer_equal(&a->observer, &b->observer));
    assert_int_equal(a->records, b->records);
    assert_int_equal(a->packets, b->packets);
    assert_int_equal(a->batches, b->batches);
    assert_int_equal(a->records_lost, b->records_lost);
    assert_int_equal(a->status_position, b->status_position);
    assert_int_equal(a->status_received_ns, b->status_received_ns);
    assert_int_equal(a->last_received_ns, b->last_received_ns);
    assert_int_equal(a->has_lists, b->has_lists);
    assert_int_equal(a->status == NULL, b->status == NULL);
    if (a->status != NULL)
        assert_same_records(a->status, b->status);
}

static inline void assert_same_lives(const struct lives *a, const struct lives *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct life *other = lives_find(b, &a->list[i].sums.observer);
        assert_non_null(other);
        assert_same_life(&a->list[i].sums, &other->sums);
        assert_same_ranges(&a->list[i].sequences, &other->sequences);
    }
    assert_int_equal(a->speaker_numbers.count, b->speaker_numbers.count);
    for (uint32_t i = 0; i < a->speaker_numbers.count; i++) {
        const struct speaker *other = lives_speaker(b, a->speaker_numbers.list[i].sensor);
        assert_non_null(other);
        assert_same_ranges(&a->speakers[i].received, &other->received);
        assert_same_ranges(&a->speakers[i].flows, &other->flows);
    }
    assert_int_equal(a->boundary_count, b->boundary_count);
    for (size_t i = 0; i < a->boundary_count; i++) {
        const struct boundary_counts *other = lives_boundary(b, a->boundaries[i].name);
        assert_non_null(other);
        assert_memory_equal(a->boundaries[i].verdicts, other->verdicts, sizeof(other->verdicts));
    }
    assert_memory_equal(a->last, b->last, sizeof(a->last));
}

#endif
