/* SPDX-License-Identifier: Apache-2.0 */
/* Flows stand by their local end, by hour, and within it by service and number: what one host did lies together, what
 * is alike stands side by side, and so do the records of one flow. */
#include <string.h>
#include <xxhash.h>

#include "aggregator/segments/internal.h"
#include "common/clock.h"
#include "common/records/flow.h"
#include "common/records/hour.h"

#define SERVICE_BITS 24 /* of a slot: protocol and responder's port */

/* Private, link-local and shared addresses (RFC 1918, 3927, 6598, 4193, 4291). */
static bool is_local(uint64_t high, uint64_t low)
{
    if (high == 0 && low >> 32 == 0xffff) {
        uint32_t v4 = (uint32_t)low;
        return v4 >> 24 == 10 || v4 >> 20 == 0xac1 || v4 >> 16 == 0xc0a8 || v4 >> 16 == 0xa9fe || v4 >> 22 == 0x191;
    }
    return high >> 57 == 0xfc >> 1 || high >> 54 == 0xfe80 >> 6;
}

/* Hours of one service and observer side by side: what is to be summed up. */
static struct order_key hour_key(const struct records *records, uint32_t row, int64_t time)
{
    const struct hour_columns *h = hour_columns(records);
    const struct observer *o = &h->observers[h->observer[row]];
    return (struct order_key){.high = XXH3_64bits_withSeed(o->sensor, strlen(o->sensor), o->epoch),
                              .low = (uint64_t)h->protocol[row] << 16 | h->dst_port[row],
                              .slot = (uint64_t)time ^ 1ull << 63, /* in the order of the times */
                              .time = time};
}

/* Hours since 1970 rounded down, from the earliest there is, and the service in the lower bits. */
static uint64_t slot_of(int64_t time, uint32_t protocol, uint32_t port)
{
    int64_t hour = time / HOUR_NS - (time % HOUR_NS < 0) - (INT64_MIN / HOUR_NS - 1);
    return (uint64_t)hour << SERVICE_BITS | (protocol & 0xff) << 16 | (port & 0xffff);
}

struct order_key order_key(const struct records *records, uint32_t row)
{
    int64_t time = ((const int64_t *)records_column(records, (unsigned)records->kind->first_time))[row];
    if (records->kind == record_kinds[RECORD_HOUR])
        return hour_key(records, row, time);
    if (records->kind != record_kinds[RECORD_FLOW])
        return (struct order_key){.time = time};
    const struct flow_batch *f = flow_batch_of(records);
    bool dst = is_local(f->dst_hi[row], f->dst_lo[row]) && !is_local(f->src_hi[row], f->src_lo[row]);
    return (struct order_key){.high = dst ? f->dst_hi[row] : f->src_hi[row],
                              .low = dst ? f->dst_lo[row] : f->src_lo[row],
                              .slot = slot_of(time, f->protocol[row], f->dst_port[row]),
                              .flow = f->flow[row],
                              .time = time};
}

int order_compare(const struct order_key *a, const struct order_key *b)
{
    if (a->high != b->high)
        return a->high < b->high ? -1 : 1;
    if (a->low != b->low)
        return a->low < b->low ? -1 : 1;
    if (a->slot != b->slot)
        return a->slot < b->slot ? -1 : 1;
    if (a->flow != b->flow)
        return a->flow < b->flow ? -1 : 1;
    return a->time < b->time ? -1 : a->time > b->time;
}

bool order_same(const struct order_key *a, const struct order_key *b)
{
    return a->high == b->high && a->low == b->low && a->slot == b->slot && a->flow == b->flow;
}
