/* SPDX-License-Identifier: Apache-2.0 */
/* Merging the reports of a flow. */
#include "common/records/merge.h"

#include <string.h>

static uint64_t get(const struct flow *flow, const struct field *field)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)flow + field->offset, field->size); /* little-endian hosts: see set */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value >>= 8 * (8 - field->size);
#endif
    return value;
}

static void set(struct flow *flow, const struct field *field, uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value <<= 8 * (8 - field->size);
#endif
    memcpy((char *)flow + field->offset, &value, field->size);
}

static bool says(const struct flow *f, const struct field *field)
{
    uint64_t sent = 0;
    switch (field->guard) {
    case GUARD_SET:
    case GUARD_SRC_SET:
    case GUARD_DST_SET:
        return get(f, field) != 0;
    case GUARD_SRC_SENT:
    case GUARD_SRC_TCP:
        return f->src_packets > 0;
    case GUARD_DST_SENT:
    case GUARD_DST_TCP:
        return f->dst_packets > 0;
    case GUARD_SRC_GAP:
        return f->src_packets > 1;
    case GUARD_DST_GAP:
        return f->dst_packets > 1;
    case GUARD_ERROR:
        return f->icmp_errors != 0;
    case GUARD_TUNNEL:
        return f->tunnel != FLOW_TUNNEL_NONE;
    default:
        if (field->guard >= GUARD_SRC_ISN && field->guard <= GUARD_SERVER_RTT)
            sent = f->evidence >> (field->guard - GUARD_SRC_ISN) & 1;
        else
            sent = 1;
        return sent != 0;
    }
}

/* Evidence bits of the two sides stand side by side, as the fields do. */
static uint32_t turn_evidence(uint32_t evidence)
{
    const uint32_t src = FLOW_HAS_SRC_ISN | FLOW_HAS_SRC_TIMESTAMP | FLOW_HAS_SRC_DIGEST | FLOW_HAS_SRC_IP_ID;
    return (evidence & ~(src | src << 1)) | (evidence & src) << 1 | (evidence >> 1 & src);
}

static void turn(struct flow *flow)
{
    struct flow turned = *flow;
    for (unsigned f = 0; f < FLOW_FIELD_COUNT; f++) {
        if (flow_fields[f].twin != f)
            set(&turned, &flow_fields[f], get(flow, &flow_fields[flow_fields[f].twin]));
    }
    turned.evidence = turn_evidence(flow->evidence);
    *flow = turned;
}

static bool is_turned(const struct flow *a, const struct flow *b)
{
    bool same = address_equal(flow_src(a), flow_src(b)) && a->src_port == b->src_port;
    return !same && address_equal(flow_src(a), flow_dst(b)) && a->src_port == b->dst_port &&
           address_equal(flow_dst(a), flow_src(b)) && a->dst_port == b->src_port;
}

/* Each report had one packet of a side: what is between them is the gap, but for the time that an answer took. */
static uint32_t gap_between(const struct flow *whole)
{
    uint64_t us = ((uint64_t)whole->last_time - (uint64_t)whole->first_time) / 1000;
    return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* By what came last, since a whole has the number of its first report; reports of one time are by number, as one that
 * only says the end. */
static bool ended_before(const struct flow *a, const struct flow *b)
{
    return a->last_time != b->last_time ? a->last_time < b->last_time : a->report < b->report;
}

void flow_merge(struct flow *whole, const struct flow *report)
{
    bool swap = ended_before(report, whole);
    struct flow earlier = swap ? *report : *whole;
    const struct flow later = swap ? *whole : *report;
    if (is_turned(&earlier, &later))
        turn(&earlier);
    /* A whole may be the one that began first and ended last. */
    bool later_began = later.first_time < earlier.first_time;
    struct flow merged = later;
    for (unsigned f = 0; f < FLOW_FIELD_COUNT; f++) {
        const struct field *field = &flow_fields[f];
        uint64_t a = get(&earlier, field), b = get(&later, field), value = b;
        bool a_says = says(&earlier, field), b_says = says(&later, field);
        bool less = field_type_is_signed(field->type) ? (int64_t)a < (int64_t)b : a < b;
        switch (field->merge) {
        case MERGE_SAME:
            break;
        case MERGE_FIRST:
            value = a_says && (!later_began || !b_says) ? a : b;
            break;
        case MERGE_LAST:
            value = b_says ? b : a;
            break;
        case MERGE_SUM:
            value = a + b;
            break;
        case MERGE_LEAST:
            value = !b_says || (a_says && less) ? a : b;
            break;
        case MERGE_MOST:
            value = !b_says || (a_says && !less) ? a : b;
            break;
        case MERGE_UNION:
            value = a | b;
            break;
        }
        set(&merged, field, value);
    }
    if (earlier.src_packets == 1 && later.src_packets == 1)
        merged.src_gap_mean = gap_between(&merged);
    if (earlier.dst_packets == 1 && later.dst_packets == 1)
        merged.dst_gap_mean = gap_between(&merged);
    *whole = merged;
}
