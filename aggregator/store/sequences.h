/* SPDX-License-Identifier: Apache-2.0 */
/* Which sequence numbers of one sensor's life are committed: exact, as ranges. Sensors number 1, 2, 3 ... and leave a
 * gap only where they gave a batch up, so a life is one range and a few more. */
#ifndef PAVO_AGGREGATOR_STORE_SEQUENCES_H
#define PAVO_AGGREGATOR_STORE_SEQUENCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/result.h"

/* Ranges one life may have: a sensor that numbers wildly is stopped here, not by our memory. */
#define SEQUENCES_RANGES_MAX 65536u

struct sequences {
    struct sequence_range {
        uint64_t first, last;
    } * ranges; /* owned; ascending, apart by at least one number */
    size_t count, capacity;
};

void sequences_fini(struct sequences *sequences);
/* Room for `more` further ranges, so that sequences_add cannot fail. RESULT_FULL as there. */
MUST_CHECK enum result sequences_reserve(struct sequences *sequences, size_t more);
bool sequences_has(const struct sequences *sequences, uint64_t sequence);
/* RESULT_FULL: SEQUENCES_RANGES_MAX or out of memory, nothing changed. Adding twice is no error. */
MUST_CHECK enum result sequences_add(struct sequences *sequences, uint64_t sequence);

#endif
