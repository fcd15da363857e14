/* SPDX-License-Identifier: Apache-2.0 */
/* Observers by number, and the numbers by observer: within a segment, a look at what is hot, the lives. One of which
 * other fields are unknown is another. */
#ifndef PAVO_AGGREGATOR_OBSERVERS_H
#define PAVO_AGGREGATOR_OBSERVERS_H

#include "common/records/records.h"

struct observers {
    struct observer *list; /* owned; index is the number */
    uint32_t count, capacity;
    uint32_t *slots; /* owned: numbers + 1 by hash; 0: free */
    uint32_t slot_count;
};

void observers_fini(struct observers *observers);
/* UINT32_MAX: not there. */
uint32_t observers_find(const struct observers *observers, const struct observer *observer);
/* As the next number, unless it is there. RESULT_FULL: out of memory, nothing changed. */
MUST_CHECK enum result observers_add(struct observers *observers, const struct observer *observer);

#endif
