/* SPDX-License-Identifier: Apache-2.0 */
/* The whole aggregator, as pavo-aggregator and the tests run it.
 *
 *   sensors --> receive --> [intake queue] --> commit (correlate, store) --> [receipts] --> receive --> sensors
 *                                                 |
 *                                                 +--> [batches] --> publish --> subscribers
 *   readers <--> answer (its own connections to the store)
 *
 * Threads: receive, commit, publish, answer and its workers, the authenticator, ZeroMQ's and DuckDB's own. */
#ifndef PAVO_AGGREGATOR_AGGREGATOR_H
#define PAVO_AGGREGATOR_AGGREGATOR_H

#include <stdbool.h>

#include "aggregator/config.h"
#include "common/result.h"

struct aggregator;

/* All three doors are bound when it returns RESULT_OK. */
MUST_CHECK enum result aggregator_start(const struct config *config, struct aggregator **ret_aggregator,
                                        struct error *err);
struct aggregator_endpoints {
    const char *intake, *publish, *answer; /* as bound: a port of * has become a number */
};
struct aggregator_endpoints aggregator_endpoints(const struct aggregator *aggregator);
/* The keys of now: who is enrolled, and what batches are sealed to. Of the files each that can be read counts; what
 * cannot is logged by name. On failure the part that the sentence names stays as it was. */
MUST_CHECK enum result aggregator_reload_keys(struct aggregator *aggregator, struct error *err);
/* The boundaries of `config`; on failure everything stays as it was. */
MUST_CHECK enum result aggregator_configure(struct aggregator *aggregator, const struct config *config,
                                            struct error *err);
/* True when it cannot go on. */
bool aggregator_failed(struct aggregator *aggregator, struct error *ret_error);
/* Takes no more, commits what is queued, acknowledges, checkpoints, ends. */
void aggregator_stop(struct aggregator **aggregator);

#endif
