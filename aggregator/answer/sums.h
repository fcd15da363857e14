/* SPDX-License-Identifier: Apache-2.0 */
/* Do the numbers of a sensor agree? Invariants 1 and 2 of docs/design.md. Pure. */
#ifndef PAVO_AGGREGATOR_ANSWER_SUMS_H
#define PAVO_AGGREGATOR_ANSWER_SUMS_H

#include "common/records/status.h"

#define SUMS_TEXT_MAX 320u

/* Over all interfaces of a status. */
struct sensor_sums {
    uint64_t offered, metered, dropped;
};
struct sensor_sums sensor_sums(const struct records *status, uint32_t row);

/* Is an invariant broken, by a status and by the records of that life that the store holds? `text` says which and how;
 * "" when none is. */
bool sensor_broken(const struct records *status, uint32_t row, uint64_t committed, char text[static SUMS_TEXT_MAX]);

#endif
