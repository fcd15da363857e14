/* SPDX-License-Identifier: Apache-2.0 */
/* The sums of a sensor. */
#include "aggregator/answer/sums.h"

#include <inttypes.h>
#include <stdio.h>

struct sensor_sums sensor_sums(const struct records *status, uint32_t row)
{
    const struct status_columns *s = status_columns(status);
    struct sensor_sums sums = {0};
    uint32_t first, count = records_items(status, STATUS_INTERFACES, row, &first);
    for (uint32_t i = first; i < first + count; i++) {
        sums.offered += s->interface_offered[i];
        sums.metered += s->interface_metered[i];
    }
    count = records_items(status, STATUS_DROPPED, row, &first);
    for (uint32_t i = first; i < first + count; i++)
        sums.dropped += s->dropped_packets[i];
    return sums;
}

bool sensor_broken(const struct records *status, uint32_t row, uint64_t committed, char text[static SUMS_TEXT_MAX])
{
    const struct status_columns *s = status_columns(status);
    const struct sensor_sums sums = sensor_sums(status, row);
    uint64_t made = s->records_made[row], acknowledged = s->records_acknowledged[row], lost = s->records_lost[row],
             held = s->records_held[row];
    text[0] = '\0';
    if (sums.offered != sums.metered + sums.dropped)
        snprintf(text, SUMS_TEXT_MAX,
                 "invariant 1 is broken: packets offered (%" PRIu64 ") are not packets metered (%" PRIu64
                 ") + dropped (%" PRIu64 ")",
                 sums.offered, sums.metered, sums.dropped);
    else if (made != acknowledged + lost + held)
        snprintf(text, SUMS_TEXT_MAX,
                 "invariant 2 is broken: records made (%" PRIu64 ") are not acknowledged (%" PRIu64 ") + lost (%" PRIu64
                 ") + held (%" PRIu64 ")",
                 made, acknowledged, lost, held);
    else if (committed < acknowledged)
        snprintf(text, SUMS_TEXT_MAX,
                 "invariant 2 is broken: records acknowledged (%" PRIu64 ") are more than the store holds (%" PRIu64
                 ")",
                 acknowledged, committed);
    return text[0] != '\0';
}
