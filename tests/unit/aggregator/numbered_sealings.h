/* SPDX-License-Identifier: Apache-2.0 */
/* Sealings of numbered flows, so that what must be there follows from how many there were. */
#ifndef PAVO_TESTS_AGGREGATOR_NUMBERED_SEALINGS_H
#define PAVO_TESTS_AGGREGATOR_NUMBERED_SEALINGS_H

#include "tests/unit/aggregator/segments_support.h"

#define ROWS 20u /* of a sealing */

static inline struct records *numbered_flows(uint64_t sealing)
{
    const struct observer observer = test_observer("inner", 1 + sealing / 8);
    struct flow_batch *flows = test_flows(&observer, sealing * ROWS, ROWS, TEST_NOW + (int64_t)sealing * NS_PER_S);
    assert_true(records_freeze(flow_records(flows)));
    return flow_records(flows);
}

/* How many were sealed, as the catalogue's own row for it says. */
static inline uint64_t count_kept(struct segments *segments)
{
    struct bytes bytes;
    uint64_t count = 0;
    assert_ok(catalogue_get(segments_catalogue(segments), 1, "count", 0, &bytes, &err), err);
    if (bytes.length == sizeof(count))
        memcpy(&count, bytes.data, sizeof(count));
    bytes_free(&bytes);
    return count;
}

static inline enum result keep_count(struct catalogue *catalogue, void *context, struct error *why)
{
    const struct bytes bytes = {context, sizeof(uint64_t)};
    return catalogue_put(catalogue, 1, "count", 0, &bytes, why);
}

static inline enum result seal_next(struct segments *segments)
{
    uint64_t sealing = segments_through(segments), count = sealing + 1;
    struct records *flows = numbered_flows(sealing);
    const struct records *list[] = {flows};
    struct seal_input input = {.first_position = count,
                               .last_position = count,
                               .note = &count,
                               .note_length = sizeof(count),
                               .keep = keep_count,
                               .keep_context = &count};
    input.parts[RECORD_FLOW] = (struct seal_part){list, 1};
    enum result r = segments_seal(segments, &input, &err);
    records_free(&flows);
    return r;
}

/* Every flow of every sealing once: the sum of all there ever were, less nothing. */
static inline void assert_whole(struct segments *segments)
{
    uint64_t sealed = segments_through(segments);
    struct print wanted = {0};
    assert_int_equal(count_kept(segments), sealed);
    for (uint64_t i = 0; i < sealed; i++) {
        struct records *flows = numbered_flows(i);
        print_add(&wanted, flows, NULL);
        records_free(&flows);
    }
    assert_print(print_all(segments, RECORD_FLOW, NULL), wanted);
    assert_int_equal(count_files(), 3 * segments_sizes(segments).segments);
}

#endif
