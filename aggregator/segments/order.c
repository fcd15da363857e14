/* SPDX-License-Identifier: Apache-2.0 */
/* Flows stand by their local end and then by time: what one host did lies together, whichever end it was. */
#include <string.h>
#include <xxhash.h>

#include "aggregator/segments/internal.h"
#include "common/records/flow.h"
#include "common/records/hour.h"

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
    return (struct order_key){XXH3_64bits_withSeed(o->sensor, strlen(o->sensor), o->epoch),
                              (uint64_t)h->protocol[row] << 16 | h->dst_port[row], time};
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
    return dst ? (struct order_key){f->dst_hi[row], f->dst_lo[row], time}
               : (struct order_key){f->src_hi[row], f->src_lo[row], time};
}

int order_compare(const struct order_key *a, const struct order_key *b)
{
    if (a->high != b->high)
        return a->high < b->high ? -1 : 1;
    if (a->low != b->low)
        return a->low < b->low ? -1 : 1;
    return a->time < b->time ? -1 : a->time > b->time;
}
