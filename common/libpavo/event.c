/* SPDX-License-Identifier: Apache-2.0 */
/* What a program may ask of an event: the public accessors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/flow_json.h"
#include "common/libpavo/message_json.h"
#include "common/libpavo/reading.h"

const char *pavo_version(void)
{
    return PAVO_VERSION;
}

int pavo_event_kind(const pavo_event *event)
{
    return (int)event->kind;
}

unsigned pavo_event_topic(const pavo_event *event)
{
    return event->topic;
}

uint64_t pavo_event_position(const pavo_event *event)
{
    return event->position;
}

const void *pavo_event_message(const pavo_event *event, size_t *size)
{
    if (size != NULL)
        *size = event->raw_size;
    return event->raw;
}

const char *pavo_event_sensor(const pavo_event *event)
{
    if (event->observer != NULL)
        return event->observer->sensor;
    if (event->loss != NULL && event->loss->sensor[0] != '\0')
        return event->loss->sensor;
    return event->speaker != NULL ? event->speaker->sensor : "";
}

uint64_t pavo_event_epoch(const pavo_event *event)
{
    return event->observer != NULL ? event->observer->epoch : event->speaker != NULL ? event->speaker->epoch : 0;
}

/* ---------------------------------------------------------------- JSON */

static char *flow_event_json(const pavo_event *event)
{
    char flow[FLOW_JSON_MAX], text[FLOW_JSON_MAX + 64];
    if (flow_json(&event->flow, event->observer, flow, sizeof(flow)) != RESULT_OK)
        return NULL;
    snprintf(text, sizeof(text), "{\"event\":\"flow\",\"position\":%llu,%s", (unsigned long long)event->position,
             flow + 1);
    return strdup(text);
}

static json_t *gap_json(const pavo_event *event)
{
    json_t *object = json_object();
    json_object_set_new(object, "topic", json_integer(event->topic));
    json_object_set_new(object, "after", json_integer((json_int_t)event->gap_after));
    json_object_set_new(object, "reason", json_string(event->gap_reason));
    return object;
}

static char *other_event_json(const pavo_event *event)
{
    static const char *const names[] = {"", "flow", "link", "loss", "status", "alert", "gap"};
    const ProtobufCMessage *message = event->link != NULL     ? &event->link->base
                                      : event->loss != NULL   ? &event->loss->base
                                      : event->status != NULL ? &event->status->base
                                      : event->alert != NULL  ? &event->alert->base
                                                              : NULL;
    json_t *fields = message == NULL ? gap_json(event) : message_json(message), *object = json_object();
    json_object_set_new(object, "event", json_string(names[event->kind]));
    json_object_set_new(object, "position", json_integer((json_int_t)event->position));
    if (pavo_event_sensor(event)[0] != '\0')
        json_object_set_new(object, "sensor", json_string(pavo_event_sensor(event)));
    if (event->speaker != NULL)
        json_object_set_new(object, "epoch", json_integer((json_int_t)event->speaker->epoch));
    json_object_update(object, fields);
    json_decref(fields);
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

const char *pavo_event_json(const pavo_event *event)
{
    pavo_event *own = (pavo_event *)event; /* the text is kept with the event, which the caller may not change */
    if (event->json == NULL)
        own->json = event->kind == PAVO_EVENT_FLOW ? flow_event_json(event) : other_event_json(event);
    return event->json;
}

/* ---------------------------------------------------------------- flows */

/* The place of a public field number in our own table, or -1. */
static int field_of_number(int number)
{
    for (int i = 0; i < FLOW_FIELD_COUNT; i++) {
        if (flow_fields[i].number == (unsigned)number)
            return i;
    }
    return -1;
}

int pavo_field_by_name(const char *name)
{
    int field = flow_field_by_name(name);
    return field < 0 ? 0 : (int)flow_fields[field].number;
}

uint64_t pavo_flow_number(const pavo_event *event, int number)
{
    int field = event->kind == PAVO_EVENT_FLOW ? field_of_number(number) : -1;
    return field < 0 ? 0 : flow_field_get(&event->flow, (enum flow_field)field);
}

static bool flow_end(const pavo_event *event, enum pavo_end end, struct address *ret_address)
{
    const struct flow *f = &event->flow;
    if (event->kind != PAVO_EVENT_FLOW)
        return false;
    switch (end) {
    case PAVO_SRC:
        *ret_address = flow_src(f);
        return true;
    case PAVO_DST:
        *ret_address = flow_dst(f);
        return true;
    case PAVO_TUNNEL_SRC:
        *ret_address = (struct address){f->tunnel_src_hi, f->tunnel_src_lo};
        return true;
    case PAVO_TUNNEL_DST:
        *ret_address = (struct address){f->tunnel_dst_hi, f->tunnel_dst_lo};
        return true;
    }
    return false;
}

int pavo_flow_address(const pavo_event *event, enum pavo_end end, uint8_t address[16])
{
    struct address found;
    if (!flow_end(event, end, &found))
        return 0;
    address_to_bytes(found, address);
    return 1;
}

const char *pavo_flow_address_text(const pavo_event *event, enum pavo_end end)
{
    struct address found;
    return flow_end(event, end, &found) ? address_text(found, ((pavo_event *)event)->text) : NULL;
}

const char *pavo_flow_state(const pavo_event *event)
{
    return event->kind == PAVO_EVENT_FLOW ? flow_state_name(event->flow.state) : NULL;
}

const char *pavo_flow_community_id(const pavo_event *event)
{
    if (event->kind != PAVO_EVENT_FLOW)
        return NULL;
    (void)community_id(&event->flow, ((pavo_event *)event)->community_id);
    return event->community_id;
}

/* ---------------------------------------------------------------- links and gaps */

const char *pavo_link_boundary(const pavo_event *event)
{
    return event->link == NULL ? NULL : event->link->boundary;
}

unsigned pavo_link_confidence(const pavo_event *event)
{
    return event->link == NULL ? 0 : event->link->confidence;
}

static const Pavo__FlowName *link_view(const pavo_event *event, enum pavo_view view)
{
    return event->link == NULL ? NULL : view == PAVO_OUTSIDE ? event->link->outside : event->link->inside;
}

const char *pavo_link_sensor(const pavo_event *event, enum pavo_view view)
{
    const Pavo__FlowName *name = link_view(event, view);
    return name == NULL ? "" : name->sensor;
}

uint64_t pavo_link_epoch(const pavo_event *event, enum pavo_view view)
{
    const Pavo__FlowName *name = link_view(event, view);
    return name == NULL ? 0 : name->epoch;
}

uint64_t pavo_link_flow(const pavo_event *event, enum pavo_view view)
{
    const Pavo__FlowName *name = link_view(event, view);
    return name == NULL ? 0 : name->flow;
}

int pavo_link_address(const pavo_event *event, enum pavo_view view, enum pavo_end end, uint8_t address[16],
                      uint16_t *port)
{
    const Pavo__NatBinding *binding = event->link == NULL ? NULL : event->link->binding;
    if (binding == NULL || (end != PAVO_SRC && end != PAVO_DST))
        return 0;
    const Pavo__Endpoint *found = view == PAVO_OUTSIDE
                                      ? (end == PAVO_SRC ? binding->post_nat_source : binding->post_nat_destination)
                                      : (end == PAVO_SRC ? binding->source : binding->destination);
    if (found == NULL || found->address.len != 16)
        return 0;
    memcpy(address, found->address.data, 16);
    if (port != NULL)
        *port = (uint16_t)found->port;
    return 1;
}

uint64_t pavo_gap_after(const pavo_event *event)
{
    return event->gap_after;
}

const char *pavo_gap_reason(const pavo_event *event)
{
    return event->kind == PAVO_EVENT_GAP ? event->gap_reason : NULL;
}
