/* SPDX-License-Identifier: Apache-2.0 */
/* Hours of flows: a table of rows by what they are of. */
#include "aggregator/store/hours.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/records/flow.h"

#define EMPTY     UINT32_MAX
#define TABLE_MIN 64u /* places, at most half of them taken */

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
static uint32_t *place_of(const struct hours *hours, const struct hour *of)
{
    const struct hour_columns *h = hour_columns(hours->sums);
    const uint64_t key[2] = {(uint64_t)of->time, (uint64_t)of->observer << 32 | of->protocol << 16 | of->dst_port};
    uint32_t at = (uint32_t)XXH3_64bits(key, sizeof(key)) & (hours->size - 1);
    while (hours->table[at] != EMPTY && !is_same(h, hours->table[at], of))
        at = (at + 1) & (hours->size - 1);
    return &hours->table[at];
}

/* A table of twice the size, or the first. False: out of memory. */
static bool grow(struct hours *hours)
{
    uint32_t size = hours->size == 0 ? TABLE_MIN : hours->size * 2;
    uint32_t *table = realloc(hours->table, size * sizeof(*table));
    if (table == NULL)
        return false;
    memset(table, 0xff, size * sizeof(*table));
    hours->table = table;
    hours->size = size;
    for (uint32_t row = 0; row < hours->sums->rows; row++) {
        struct hour hour;
        records_get(hours->sums, row, &hour);
        *place_of(hours, &hour) = row;
    }
    return true;
}

/* `numbers`: of the flows' observers among those of the sums; NULL: as they are. */
static bool add_rows(struct hours *hours, const struct flow_batch *f, const uint16_t *numbers)
{
    for (uint32_t row = 0; row < f->rows; row++) {
        struct hour hour = hour_of_row(f, row);
        hour.observer = numbers == NULL ? hour.observer : numbers[hour.observer];
        if (hours->sums->rows >= hours->size / 2 && !grow(hours))
            return false;
        uint32_t *place = place_of(hours, &hour);
        if (*place != EMPTY) {
            add(hour_columns(hours->sums), *place, &hour);
            continue;
        }
        *place = hours->sums->rows;
        if (records_append(&hours->sums, &hour) != RESULT_OK)
            return false;
    }
    return true;
}

void hours_fini(struct hours *hours)
{
    records_free(&hours->sums);
    free(hours->table);
    *hours = (struct hours){0};
}

struct records *hours_take(struct hours *hours)
{
    struct records *sums = hours->sums;
    hours->sums = NULL;
    hours_fini(hours);
    return sums;
}

enum result hours_add(struct hours *hours, const struct records *flows)
{
    uint16_t numbers[RECORDS_OBSERVERS_MAX];
    if (hours->sums == NULL && (hours->sums = records_new(record_kinds[RECORD_HOUR], TABLE_MIN)) == NULL)
        return RESULT_AGAIN;
    uint32_t before = hours->sums->observer_count;
    for (uint32_t o = 0; o < flows->observer_count; o++) {
        if (records_observer(hours->sums, &flows->observers[o], &numbers[o]) == RESULT_OK)
            continue;
        bool full = hours->sums->observer_count == RECORDS_OBSERVERS_MAX;
        hours->sums->observer_count = before;
        return full ? RESULT_FULL : RESULT_AGAIN;
    }
    return add_rows(hours, flow_batch_of(flows), numbers) ? RESULT_OK : RESULT_AGAIN;
}

/* A speaker may name an observer twice: their places are the flows', whoever they are. */
struct records *hours_of_flows(const struct records *flows)
{
    struct hours hours = {.sums = records_new(record_kinds[RECORD_HOUR], TABLE_MIN)};
    struct observer *observers = malloc(flows->observer_count * sizeof(*observers) + 1);
    bool done = hours.sums != NULL && observers != NULL;
    if (done) {
        if (flows->observer_count > 0)
            memcpy(observers, flows->observers, flows->observer_count * sizeof(*observers));
        hours.sums->observers = observers;
        hours.sums->observer_count = flows->observer_count;
        observers = NULL;
        done = add_rows(&hours, flow_batch_of(flows), NULL);
    }
    free(observers);
    if (!done)
        hours_fini(&hours);
    return hours_take(&hours);
}
