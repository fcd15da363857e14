/* SPDX-License-Identifier: Apache-2.0 */
/* pavo-sensor --import: archives of other tools, as their own text, shipped like what a sensor saw.
 *
 * A file is a life of the sensor: its epoch is a digest of the file's bytes, the records are numbered by their lines,
 * and batches are made of them in order. So a file that comes again has the same batches under the same names, which
 * the aggregator has committed, acknowledges, and counts once. */
#ifndef PAVO_SENSOR_IMPORT_IMPORT_H
#define PAVO_SENSOR_IMPORT_IMPORT_H

#include "sensor/config.h"

/* All of config->files, in config->import's format. Logs. An enum sensor_exit: SENSOR_EXIT_FAILED also when lines could
 * not be read, the rest of which came in. */
int import_run(const struct config *config);

#endif
