/* SPDX-License-Identifier: Apache-2.0 */
/* The program: workers, the shipper, status, and an orderly end. */
#ifndef PAVO_SENSOR_SENSOR_H
#define PAVO_SENSOR_SENSOR_H

#include "common/result.h"
#include "sensor/config.h"

/* Exit codes, as the guide documents them. */
enum sensor_exit {
    SENSOR_EXIT_OK = 0,
    SENSOR_EXIT_FAILED = 1, /* could not run, or a capture file was broken */
    SENSOR_EXIT_USAGE = 2,
    SENSOR_EXIT_UNSHIPPED = 4 /* ended with records the aggregator has not acknowledged */
};

/* Runs until the files are read and shipped, or SIGINT or SIGTERM. Logs. */
int sensor_run(const struct config *config);

#endif
