/* SPDX-License-Identifier: Apache-2.0 */
/* Batch bytes as they come out of the seal: everything the aggregator does with them before the store, and the
 * correlator on what passes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "aggregator/correlate/correlate.h"
#include "aggregator/receive/receive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The terms of every verdict add up to its odds, whatever was compared. */
static void check(const struct records *verdicts)
{
    const struct verdict_columns *c = verdict_columns(verdicts);
    for (uint32_t row = 0; row < verdicts->rows; row++) {
        uint32_t first, count = records_items(verdicts, VERDICT_TERMS, row, &first);
        int64_t sum = 0;
        for (uint32_t i = first; i < first + count; i++)
            sum += c->term_weight[i];
        if (sum != c->odds[row])
            abort();
    }
}

static void correlate(struct flow_batch *flows)
{
    const struct boundary boundary = {
        .name = "border", .inside = "inner", .outside = "outer", .window_ns = 5000000000, .tolerance_ns = 2000000000};
    struct correlator *correlator = NULL;
    struct conclusions conclusions = {0};
    struct error err;
    if (correlator_new(&correlator, &err) == RESULT_OK &&
        correlator_configure(correlator, &boundary, 1, &err) == RESULT_OK) {
        correlator_add(correlator, flows, 1, &conclusions);
        /* The same rows once more, as the other side's. */
        for (uint32_t i = 0; i < flows->observer_count; i++)
            flows->observers[i] = (struct observer){.sensor = "outer", .epoch = 1};
        correlator_add(correlator, flows, 2, &conclusions);
        correlator_heard(correlator, "inner", 3);
        correlator_heard(correlator, "outer", 3);
        correlator_told(correlator, &(struct observer){.sensor = "outer", .epoch = 1}, 3, true, 3);
        for (int64_t second = 1; second < 20; second++)
            correlator_run(correlator, second * 1000000000, &conclusions);
    }
    if (conclusions.verdicts != NULL)
        check(conclusions.verdicts);
    conclusions_fini(&conclusions);
    correlator_destroy(&correlator);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The name the corpus' batches have, so that the check of names is passed. Between them these say every kind. */
    static const enum key_role roles[] = {KEY_ROLE_SENSOR, KEY_ROLE_COLLECTOR, KEY_ROLE_WITNESS, KEY_ROLE_DETECTOR};
    const struct observer observer = {.sensor = "inner", .epoch = 1};
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        struct batch *batch = NULL;
        enum receive_reason reason;
        struct error err;
        if (receive_decode(data, size, roles[i], &observer, 1, &batch, &reason, &err) != RESULT_OK)
            continue;
        if (batch->records[RECORD_FLOW] != NULL)
            correlate(flow_batch_of(batch->records[RECORD_FLOW]));
        batch_destroy(&batch);
    }
    return 0;
}
