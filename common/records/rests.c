/* SPDX-License-Identifier: Apache-2.0 */
/* What a field's value rests on beside the field itself. What is not in the tables rests on all there is. */
#include <string.h>

#include "common/records/binding.h"
#include "common/records/flow.h"
#include "common/records/records.h"
#include "common/records/status.h"
#include "common/records/verdict.h"

/* Whether it says something. */
static const struct {
    enum record_kind_number kind;
    enum field_guard guard;
    unsigned field;
} of_guards[] = {
#define FLOW(guard, field)                                                                                             \
    {                                                                                                                  \
        RECORD_FLOW, GUARD_##guard, FLOW_FIELD_##field                                                                 \
    }
    FLOW(SRC_SENT, src_packets),
    FLOW(DST_SENT, dst_packets),
    FLOW(SRC_GAP, src_packets),
    FLOW(DST_GAP, dst_packets),
    FLOW(SRC_TCP, src_packets),
    FLOW(SRC_TCP, protocol),
    FLOW(DST_TCP, dst_packets),
    FLOW(DST_TCP, protocol),
    FLOW(PORTS, protocol),
    FLOW(PORTS_OR_ICMP, protocol),
    FLOW(ICMP, protocol),
    FLOW(TUNNEL, tunnel),
    FLOW(ERROR, icmp_errors),
    FLOW(SRC_ISN, evidence),
    FLOW(DST_ISN, evidence),
    FLOW(SRC_TIMESTAMP, evidence),
    FLOW(DST_TIMESTAMP, evidence),
    FLOW(SRC_DIGEST, evidence),
    FLOW(DST_DIGEST, evidence),
    FLOW(SRC_IP_ID, evidence),
    FLOW(DST_IP_ID, evidence),
    FLOW(ICMP_SEQUENCE, evidence),
    FLOW(CLIENT_RTT, evidence),
    FLOW(SERVER_RTT, evidence),
#undef FLOW
    {RECORD_VERDICT, GUARD_LINKED, VERDICT_FIELD_verdict},
    {RECORD_VERDICT, GUARD_PORTS, VERDICT_FIELD_protocol},
    {RECORD_VERDICT, GUARD_PORTS_OR_ICMP, VERDICT_FIELD_protocol},
    {RECORD_BINDING, GUARD_PEER, BINDING_FIELD_peer_hi},
    {RECORD_BINDING, GUARD_PEER, BINDING_FIELD_peer_lo},
    {RECORD_STATUS, GUARD_CLOCK, STATUS_FIELD_clock_known},
};

/* What it is computed from. */
static const struct {
    enum record_kind_number kind;
    const char *name;
    unsigned field;
} of_computed[] = {
#define FLOW(name, field)                                                                                              \
    {                                                                                                                  \
        RECORD_FLOW, #name, FLOW_FIELD_##field                                                                         \
    }
    FLOW(duration, first_time),
    FLOW(duration, last_time),
    FLOW(community_id, protocol),
    FLOW(community_id, src_hi),
    FLOW(community_id, src_lo),
    FLOW(community_id, dst_hi),
    FLOW(community_id, dst_lo),
    FLOW(community_id, src_port),
    FLOW(community_id, dst_port),
    FLOW(community_id, icmp_type_code),
    FLOW(community_id, direction),
#undef FLOW
    {RECORD_VERDICT, "confidence", VERDICT_FIELD_verdict},
    {RECORD_VERDICT, "confidence", VERDICT_FIELD_odds},
};

static bool guard_rests(const struct record_kind *kind, enum field_guard guard, bool *fields)
{
    bool found = guard == GUARD_NONE || guard == GUARD_SRC_NONE || guard == GUARD_DST_NONE || guard == GUARD_SET ||
                 guard == GUARD_SRC_SET || guard == GUARD_DST_SET;
    for (size_t i = 0; i < sizeof(of_guards) / sizeof(*of_guards); i++) {
        if (record_kinds[of_guards[i].kind]->number != kind->number || of_guards[i].guard != guard)
            continue;
        fields[of_guards[i].field] = true;
        found = true;
    }
    return found;
}

static bool computed_rests(const struct record_kind *kind, const char *name, bool *fields)
{
    bool found = false;
    for (size_t i = 0; i < sizeof(of_computed) / sizeof(*of_computed); i++) {
        if (record_kinds[of_computed[i].kind]->number != kind->number || strcmp(of_computed[i].name, name) != 0)
            continue;
        fields[of_computed[i].field] = true;
        found = true;
    }
    return found;
}

void kind_rests(const struct record_kind *kind, unsigned f, bool *fields)
{
    const struct field *field = &kind->fields[f];
    bool found =
        field->derive != NULL ? computed_rests(kind, field->name, fields) : guard_rests(kind, field->guard, fields);
    if (!found)
        memset(fields, 1, kind->stored_count * sizeof(*fields));
    if (field->derive == NULL)
        fields[f] = true;
    if (field->kind == KIND_ADDRESS)
        fields[f + 1] = true;
    if (field->list != 0)
        fields[kind->lists[field->list - 1].count] = true;
    if (kind->observer >= 0)
        fields[kind->observer] = true; /* who cannot know the field */
}
