/* SPDX-License-Identifier: Apache-2.0 */
/* What the correlator concludes about flows, as the store keeps it and as it travels. Pure values. */
#ifndef PAVO_AGGREGATOR_LINK_H
#define PAVO_AGGREGATOR_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/flow.h"
#include "common/result.h"
#include "pavo.pb-c.h"

#define BOUNDARY_NAME_MAX SENSOR_NAME_MAX

/* A flow everywhere: the flow numbered so by one life of one sensor. */
struct flow_name {
    struct observer observer;
    uint64_t flow;
};

static inline bool observer_equal(const struct observer *a, const struct observer *b)
{
    return a->epoch == b->epoch && __builtin_strcmp(a->sensor, b->sensor) == 0;
}

struct link_endpoint {
    struct address address;
    uint16_t port; /* TCP, UDP ...; ICMP: identifier at the source, 0 at the destination */
};

/* Two views of one connection (proto Link). */
struct link {
    char boundary[BOUNDARY_NAME_MAX];
    struct flow_name inside, outside;
    uint8_t method;     /* Pavo__Link__Method */
    uint8_t confidence; /* per cent */
    uint32_t evidence;  /* enum link_evidence */
    uint32_t candidates;
    int64_t offset_ns; /* outside first_time minus inside first_time */
    uint8_t event;     /* Pavo__NatBinding__Event */
    uint8_t protocol;
    struct link_endpoint source, destination;                   /* inside view, from the initiator */
    struct link_endpoint post_nat_source, post_nat_destination; /* outside view, from the same initiator */
    int64_t first_ns, last_ns;                                  /* over both views, as known when linked */
};

/* Why a view was given up. */
enum unlinked_reason {
    UNLINKED_BLOCKED_OR_LOCAL, /* TCP attempt seen on the inside alone: stopped at, or never meant for, the boundary */
    UNLINKED_NO_PARTNER,       /* nothing on the other side fits */
    UNLINKED_AMBIGUOUS,        /* several fit and nothing tells them apart */
    UNLINKED_EVICTED,          /* the table of waiting views was full */
    UNLINKED_REASON_COUNT
};
const char *unlinked_reason_name(unsigned reason); /* "blocked_or_local" ... */

struct unlinked {
    char boundary[BOUNDARY_NAME_MAX];
    struct flow_name view;
    bool inside; /* the view is the inside sensor's */
    uint8_t reason;
};

/* The wire form of a link, which borrows from `link`. */
struct link_message {
    Pavo__Link message;
    Pavo__FlowName inside, outside;
    Pavo__NatBinding binding;
    Pavo__Endpoint endpoints[4];
    uint8_t addresses[4][16];
};
void link_message_init(struct link_message *message, const struct link *link);

#endif
