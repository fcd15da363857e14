/* SPDX-License-Identifier: Apache-2.0 */
/* The sums of a sensor's report, and whether they agree. Pure. */
#ifndef PAVO_AGGREGATOR_CLI_SENSORS_H
#define PAVO_AGGREGATOR_CLI_SENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pavo.pb-c.h"

/* Packets over all interfaces. */
struct sensor_sums {
    uint64_t offered, metered, dropped;
};
void sensor_sums(const Pavo__SensorStatus *status, struct sensor_sums *ret_sums);

/* Does the report break invariant `which` (1 or 2 of docs/design.md)? Then `text` says how. */
bool sensor_broken(const Pavo__SensorReport *report, unsigned which, char *text, size_t size);

#endif
