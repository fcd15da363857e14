/* SPDX-License-Identifier: Apache-2.0 */
/* Hours of flows: a table of rows by what they are of. */
#include "aggregator/store/hours.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/records/flow.h"

#define EMPTY UINT32_MAX

static struct hour hour_of_row(const struct flow_batch *f, uint32_t row)
{
    return (struct hour){.observer = (uint16_t)f->observer[row],
                         .time = hour_of(f->first_time[row]),
                         .protocol = (uint8_t)f->protocol[row],
                         .dst_port = protocol_has_ports(f->protocol[row]) ? (uint16_t)f->dst_port[row] : 0,
                         .flows = f->report[row] == 0,
                         .src_packets = f->src_packets[row],
                         .dst_packets = f->dst_packets[row],
                         .src_bytes = f->src_bytes[row],
                         .dst_bytes = f->dst_bytes[row]};
}

static bool is_same(const struct hour_columns *h, uint32_t row, const struct hour *of)
{
    return h->observer[row] == of->observer && h->time[row] == of->time && h->protocol[row] == of->protocol &&
           h->dst_port[row] == of->dst_port;
}

static void add(struct hour_columns *h, uint32_t row, const struct hour *more)
{
    h->flows[row] += more->flows;
    h->src_packets[row] += more->src_packets;
    h->dst_packets[row] += more->dst_packets;
    h->src_bytes[row] += more->src_bytes;
    h->dst_bytes[row] += more->dst_bytes;
}

/* Where the row of `of` stands, or the free place for it. There is one. */
static uint32_t *place_of(uint32_t *table, uint32_t mask, const struct hour_columns *h, const struct hour *of)
{
    const uint64_t key[2] = {(uint64_t)of->time, (uint64_t)of->observer << 32 | of->protocol << 16 | of->dst_port};
    uint32_t at = (uint32_t)XXH3_64bits(key, sizeof(key)) & mask;
    while (table[at] != EMPTY && !is_same(h, table[at], of))
        at = (at + 1) & mask;
    return &table[at];
}

static bool add_rows(struct records **hours, const struct flow_batch *f, uint32_t *table, uint32_t mask)
{
    for (uint32_t row = 0; row < f->rows; row++) {
        struct hour hour = hour_of_row(f, row);
        uint32_t *place = place_of(table, mask, hour_columns(*hours), &hour);
        if (*place != EMPTY) {
            add(hour_columns(*hours), *place, &hour);
            continue;
        }
        *place = (*hours)->rows;
        if (records_append(hours, &hour) != RESULT_OK)
            return false;
    }
    return true;
}

struct records *hours_of_flows(const struct records *flows)
{
    uint32_t size = 64;
    while (size < 2 * flows->rows)
        size *= 2;
    uint32_t *table = malloc(size * sizeof(*table));
    struct records *hours = records_new(record_kinds[RECORD_HOUR], 64);
    bool done = table != NULL && hours != NULL;
    uint16_t index;
    for (uint32_t o = 0; done && o < flows->observer_count; o++)
        done = records_observer(hours, &flows->observers[o], &index) == RESULT_OK && index == o;
    if (done) {
        memset(table, 0xff, size * sizeof(*table));
        done = add_rows(&hours, flow_batch_of(flows), table, size - 1);
    }
    free(table);
    if (!done)
        records_free(&hours);
    return hours;
}
