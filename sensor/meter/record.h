/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the meter: an entry as a flow record. */
#ifndef PAVO_SENSOR_METER_RECORD_H
#define PAVO_SENSOR_METER_RECORD_H

#include "common/records/flow.h"
#include "sensor/meter/entry.h"

/* `extension` may be NULL. */
void record_make(const struct entry *e, const struct cold *cold, const struct extension *extension,
                 enum flow_end_reason reason, struct flow *ret_flow);

#endif
