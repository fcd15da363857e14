/* SPDX-License-Identifier: Apache-2.0 */
/* Batch bytes as they come out of the seal: everything the aggregator does with them before the store, and the
 * correlator on what passes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "aggregator/correlate/correlate.h"
#include "aggregator/receive/receive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The name the corpus' batches have, so that the check of names is passed. */
    const struct observer observer = {.sensor = "inner", .epoch = 1};
    const struct boundary boundary = {
        .name = "border", .inside = "inner", .outside = "outer", .window_ns = 5000000000, .tolerance_ns = 2000000000};
    struct intake_batch *batch = NULL;
    enum receive_reason reason;
    struct error err;
    if (receive_decode(data, size, &observer, 1, &batch, &reason, &err) != RESULT_OK)
        return 0;
    struct correlator *correlator = NULL;
    struct conclusions conclusions = {0};
    if (batch->flows != NULL && correlator_new(&correlator, &err) == RESULT_OK &&
        correlator_configure(correlator, &boundary, 1, &err) == RESULT_OK) {
        correlator_add(correlator, batch->flows, 1, &conclusions);
        /* The same rows once more, as the other side's. */
        struct flow_batch *flows = batch->flows;
        for (uint32_t i = 0; i < flows->observer_count; i++)
            flows->observers[i] = (struct observer){.sensor = "outer", .epoch = 1};
        correlator_add(correlator, flows, 2, &conclusions);
        correlator_heard(correlator, "inner", 3);
        correlator_heard(correlator, "outer", 3);
        correlator_told(correlator, &(struct observer){.sensor = "outer", .epoch = 1}, 3, true, 3);
        for (int64_t second = 1; second < 20; second++)
            correlator_run(correlator, second * 1000000000, &conclusions);
    }
    conclusions_fini(&conclusions);
    correlator_destroy(&correlator);
    intake_batch_destroy(&batch);
    return 0;
}
