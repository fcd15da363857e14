/* SPDX-License-Identifier: Apache-2.0 */
/* The sensor's configuration: flags and the [sensor] section of a file. */
#ifndef PAVO_SENSOR_CONFIG_H
#define PAVO_SENSOR_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/options.h"
#include "common/result.h"

enum { THREADS_MAX = 64 };

struct config {
    struct option_list interfaces, files;
    char *key, *aggregator, *user, *filter, *state;
    int64_t idle_timeout, tcp_timeout, udp_timeout, icmp_timeout, unanswered_timeout, linger, status_interval,
        batch_age;
    uint64_t batch_rows, flows_max, buffer_size, snaplen, held_max, threads;
    int import; /* enum import_format; -1: files are captures */
    char *import_name;
    bool outer, dry_run, print, json, progress, follow, verbose;
};

/* RESULT_END: help was printed, exit 0. RESULT_REJECT: exit 2 with the sentence. config_fini in any case. */
MUST_CHECK enum result config_parse(int argc, char **argv, struct config *config, struct error *err);
void config_fini(struct config *config);

#endif
