/* SPDX-License-Identifier: Apache-2.0 */
/* From what the sensor has to say to the frame that goes out: Batch, packed, sealed, in a FromSensor. Pure; any thread.
 */
#ifndef PAVO_SENSOR_SHIP_ENCODE_H
#define PAVO_SENSOR_SHIP_ENCODE_H

#include "common/flow.h"
#include "sensor/ship/held.h"

struct encode_name {
    const char *sensor;
    uint64_t epoch;
    uint64_t sequence;
};

/* `flows`, `losses` and `status` may each be NULL. The batch made counts flows->rows records, and keeps a copy of the
 * losses. RESULT_REJECT: too large; RESULT_FATAL: out of memory. */
MUST_CHECK enum result encode_batch(const struct encode_name *name, const struct flow_batch *flows,
                                    const struct losses *losses, Pavo__SensorStatus *status,
                                    const uint8_t seal_public[static KEY_BYTES], struct held_batch **ret_batch,
                                    struct error *err);

/* What is to be said in place of `flows` when it is given up: its records and their times. */
struct loss encode_loss(const struct flow_batch *flows, const char *reason);

#endif
