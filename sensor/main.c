/* SPDX-License-Identifier: Apache-2.0 */
/* pavo-sensor: packets to flows. */
#include <stdio.h>

#include "common/log.h"
#include "sensor/config.h"
#include "sensor/import/import.h"
#include "sensor/sensor.h"

int main(int argc, char **argv)
{
    struct config config;
    struct error err;
    int code;
    enum result result = config_parse(argc, argv, &config, &err);
    if (result == RESULT_OK) {
        log_init("pavo-sensor", config.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_NOTICE);
        code = config.import >= 0 ? import_run(&config) : sensor_run(&config);
    } else {
        if (result != RESULT_END)
            fprintf(stderr, "pavo-sensor: %s\n", err.text);
        code = result == RESULT_END ? SENSOR_EXIT_OK : SENSOR_EXIT_USAGE;
    }
    config_fini(&config);
    return code;
}
