/* SPDX-License-Identifier: Apache-2.0 */
/* Links in their wire form. */
#include "aggregator/link.h"

const char *unlinked_reason_name(unsigned reason)
{
    static const char *const names[UNLINKED_REASON_COUNT] = {"blocked_or_local", "no_partner", "ambiguous", "evicted"};
    return reason < UNLINKED_REASON_COUNT ? names[reason] : "?";
}

static void name_init(Pavo__FlowName *message, const struct flow_name *name)
{
    pavo__flow_name__init(message);
    message->sensor = (char *)name->observer.sensor;
    message->epoch = name->observer.epoch;
    message->flow = name->flow;
}

static Pavo__Endpoint *endpoint_init(struct link_message *message, unsigned which, const struct link_endpoint *endpoint)
{
    Pavo__Endpoint *made = &message->endpoints[which];
    pavo__endpoint__init(made);
    address_to_bytes(endpoint->address, message->addresses[which]);
    made->address = (ProtobufCBinaryData){.len = 16, .data = message->addresses[which]};
    made->port = endpoint->port;
    return made;
}

void link_message_init(struct link_message *message, const struct link *link)
{
    Pavo__Link *m = &message->message;
    pavo__link__init(m);
    m->boundary = (char *)link->boundary;
    name_init(&message->inside, &link->inside);
    name_init(&message->outside, &link->outside);
    m->inside = &message->inside;
    m->outside = &message->outside;
    m->method = (Pavo__Link__Method)link->method;
    m->confidence = link->confidence;
    m->evidence = link->evidence;
    m->offset_ns = link->offset_ns;
    m->candidates = link->candidates;

    Pavo__NatBinding *b = &message->binding;
    pavo__nat_binding__init(b);
    b->event = (Pavo__NatBinding__Event)link->event;
    b->protocol = link->protocol;
    b->source = endpoint_init(message, 0, &link->source);
    b->destination = endpoint_init(message, 1, &link->destination);
    b->post_nat_source = endpoint_init(message, 2, &link->post_nat_source);
    b->post_nat_destination = endpoint_init(message, 3, &link->post_nat_destination);
    b->first_ns = link->first_ns;
    b->last_ns = link->last_ns;
    m->binding = b;
}
