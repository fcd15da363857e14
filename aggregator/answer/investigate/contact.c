/* SPDX-License-Identifier: Apache-2.0 */
/* Flows to contacts. */
#include "aggregator/answer/investigate/contact.h"

#include <stdlib.h>

#define TCP_ACK    0x10u
#define APART_NS   (2ll * 1000000000) /* the same connection, by the clocks of two sensors */
#define MEDIAN_MIN 1u

enum contact_outcome contact_outcome(unsigned protocol, unsigned state, unsigned src_tcp_flags)
{
    switch (state) {
    case FLOW_STATE_S1:
    case FLOW_STATE_S2:
    case FLOW_STATE_S3:
    case FLOW_STATE_SF:
    case FLOW_STATE_RSTO:
    case FLOW_STATE_RSTR:
        return CONTACT_ANSWERED;
    case FLOW_STATE_S0:
        if (protocol == 6)
            return (src_tcp_flags & TCP_ACK) != 0 ? CONTACT_UNCERTAIN : CONTACT_FAILED;
        return protocol == 1 || protocol == 58 ? CONTACT_FAILED : CONTACT_UNCERTAIN;
    case FLOW_STATE_REJ:
    case FLOW_STATE_RSTOS0:
    case FLOW_STATE_SH:
        return CONTACT_FAILED;
    default:
        return CONTACT_UNCERTAIN;
    }
}

struct contact contact_of(const struct flow *f, uint16_t observer, struct address host)
{
    bool outward = address_equal(flow_src(f), host);
    return (struct contact){.first = f->first_time,
                            .last = f->last_time,
                            .peer = outward ? flow_dst(f) : flow_src(f),
                            .sent = outward ? f->src_bytes : f->dst_bytes,
                            .received = outward ? f->dst_bytes : f->src_bytes,
                            .flow = f->flow,
                            .packets_sent = (uint32_t)(outward ? f->src_packets : f->dst_packets),
                            .packets_received = (uint32_t)(outward ? f->dst_packets : f->src_packets),
                            .observer = observer,
                            .port = protocol_has_ports(f->protocol) ? f->dst_port : 0,
                            .src_port = f->src_port,
                            .protocol = f->protocol,
                            .outcome = (uint8_t)contact_outcome(f->protocol, f->state, f->src_tcp_flags),
                            .outward = outward};
}

static int by_tuple(const void *left, const void *right)
{
    const struct contact *a = left, *b = right;
    int order = address_compare(a->peer, b->peer);
    if (order != 0)
        return order;
#define COMPARE(field)                                                                                                 \
    if (a->field != b->field)                                                                                          \
    return a->field < b->field ? -1 : 1
    COMPARE(protocol);
    COMPARE(port);
    COMPARE(src_port);
    COMPARE(outward);
    COMPARE(first);
    COMPARE(observer);
    return 0;
}

static int by_beginning(const void *left, const void *right)
{
    const struct contact *a = left, *b = right;
    return a->first != b->first ? (a->first < b->first ? -1 : 1) : by_tuple(left, right);
}

static bool is_same(const struct contact *a, const struct contact *b)
{
    return address_equal(a->peer, b->peer) && a->protocol == b->protocol && a->port == b->port &&
           a->src_port == b->src_port && a->outward == b->outward && a->observer != b->observer &&
           b->first - a->first <= APART_NS;
}

size_t contacts_settle(struct contact *contacts, size_t count)
{
    size_t kept = 0;
    if (count == 0)
        return 0;
    qsort(contacts, count, sizeof(*contacts), by_tuple);
    for (size_t i = 0; i < count; i++) {
        struct contact *last = kept > 0 ? &contacts[kept - 1] : NULL;
        if (last == NULL || !is_same(last, &contacts[i]))
            contacts[kept++] = contacts[i];
        else if (contacts[i].packets_sent + contacts[i].packets_received > last->packets_sent + last->packets_received)
            *last = contacts[i];
    }
    qsort(contacts, kept, sizeof(*contacts), by_beginning);
    return kept;
}

static int by_size(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

uint64_t median_of(uint64_t *values, size_t count)
{
    qsort(values, count, sizeof(*values), by_size);
    return values[count / 2];
}

double dispersion_of(uint64_t *values, size_t count)
{
    uint64_t median = median_of(values, count);
    for (size_t i = 0; i < count; i++)
        values[i] = values[i] < median ? median - values[i] : values[i] - median;
    return (double)median_of(values, count) / (double)(median < MEDIAN_MIN ? MEDIAN_MIN : median);
}
