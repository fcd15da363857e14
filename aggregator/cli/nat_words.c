/* SPDX-License-Identifier: Apache-2.0 */
/* What a binding says, from the side of the address that was asked about. */
#include "aggregator/cli/nat.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "aggregator/cli/show.h"
#include "common/clock.h"

static bool is_asked(const Pavo__Endpoint *end, struct address address, uint16_t port)
{
    return end != NULL && end->address.len == 16 && address_equal(address_from_bytes(end->address.data), address) &&
           (port == 0 || end->port == port);
}

const char *nat_sentence(const Pavo__NatBinding *b, struct address address, uint16_t port, char *text, size_t size)
{
    char source[SHOW_MAX], destination[SHOW_MAX], post_source[SHOW_MAX], post_destination[SHOW_MAX];
    show_endpoint(b->source, source);
    show_endpoint(b->destination, destination);
    show_endpoint(b->post_nat_source, post_source);
    show_endpoint(b->post_nat_destination, post_destination);
    bool source_changed = !endpoint_equal(b->source, b->post_nat_source);
    bool destination_changed = !endpoint_equal(b->destination, b->post_nat_destination);
    if (!source_changed && !destination_changed)
        snprintf(text, size, "%s was not translated, talking to %s", source, destination);
    else if (source_changed && is_asked(b->post_nat_source, address, port))
        snprintf(text, size, "%s was %s, talking to %s", post_source, source, destination);
    else if (source_changed && is_asked(b->source, address, port))
        snprintf(text, size, "%s came out as %s, talking to %s", source, post_source, post_destination);
    else if (destination_changed && is_asked(b->post_nat_destination, address, port))
        snprintf(text, size, "%s was %s, spoken to by %s", post_destination, destination, source);
    else if (destination_changed && is_asked(b->destination, address, port))
        snprintf(text, size, "%s was reached as %s, spoken to by %s", destination, post_destination, post_source);
    else if (source_changed) /* the address asked about is the peer's */
        snprintf(text, size, "%s was spoken to by %s, which was %s", post_destination, post_source, source);
    else
        snprintf(text, size, "%s was talking to %s, which was %s", source, post_destination, destination);
    return text;
}

/* How long a view may wait for its partner; the default window of a boundary. */
#define STILL_POSSIBLE_NS (120 * NS_PER_S)

const char *nat_unlinked_reason(const struct flow *flow, int64_t now_ns)
{
    if (now_ns - flow->last_time < STILL_POSSIBLE_NS)
        return "no partner on the other side yet; it may still be found";
    if (flow->protocol == IPPROTO_TCP &&
        (flow->state == FLOW_STATE_S0 || flow->state == FLOW_STATE_REJ || flow->state == FLOW_STATE_RSTOS0))
        return "an attempt without success: blocked at the boundary, or never meant to cross it";
    if (flow->dst_packets == 0)
        return "never answered: blocked at the boundary, or never meant to cross it";
    return "nothing on the other side matched it: it ended at the boundary, or the other sensor did not see it";
}
