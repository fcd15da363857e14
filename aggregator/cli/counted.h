/* SPDX-License-Identifier: Apache-2.0 */
/* Flow records counted by a key as they come, for an interval: what watch --top shows. What two sensors saw is never
 * added up: the sensor is part of every key. Bounded in memory; what is beyond is told. Pure. */
#ifndef PAVO_AGGREGATOR_CLI_COUNTED_H
#define PAVO_AGGREGATOR_CLI_COUNTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <pavo.h>

#include "common/result.h"

#define COUNTED_KEYS_MAX  50000 /* of an interval */
#define COUNTED_WORDS_MAX 6

struct counted;

/* `words`: names with commas between, as of `pavo top --by`. RESULT_REJECT with a sentence: there is none of that name.
 * RESULT_AGAIN: out of memory. */
MUST_CHECK enum result counted_new(const char *words, struct counted **ret_counted, struct error *err);
void counted_free(struct counted **counted);
#define COUNTED_WORDS "sensor, protocol, service, host, src, dst, pair, src_port, dst_port, state, vlan"

/* False: out of memory. */
MUST_CHECK bool counted_add(struct counted *counted, const pavo_columns *flows, size_t row);

/* How many records were added since the interval began. */
size_t counted_records(const struct counted *counted);

struct counted_room {
    unsigned width; /* columns; 0: as many as it takes */
    size_t rows;    /* at most, beside the heading */
};
/* The keys with the most bytes, and what is not among them. False: out of memory. */
MUST_CHECK bool counted_print(struct counted *counted, FILE *stream, const struct counted_room *room);

/* Another interval begins. */
void counted_clear(struct counted *counted);

#endif
