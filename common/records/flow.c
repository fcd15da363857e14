/* SPDX-License-Identifier: Apache-2.0 */
/* Flow records: rows, columns and the names of their values. */
#include "common/records/flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/records/community_id.h"
#include "common/records/kinds.h"

struct flow_batch *flow_batch_new(uint32_t capacity)
{
    return flow_batch_of(records_new(record_kinds[RECORD_FLOW], capacity));
}

void flow_batch_destroy(struct flow_batch **batch)
{
    struct records *records = flow_records(*batch);
    records_free(&records);
    *batch = NULL;
}

void flow_batch_clear(struct flow_batch *batch)
{
    records_clear(flow_records(batch));
}

enum result flow_batch_observer(struct flow_batch *batch, const struct observer *observer, uint16_t *ret_index)
{
    return records_observer(flow_records(batch), observer, ret_index);
}

enum result flow_batch_add(struct flow_batch *batch, const struct flow *flow)
{
    uint32_t row = batch->rows;
    if (row == batch->capacity)
        return RESULT_FULL;
#define X(number, name, type, kind, merge, guard, doc) batch->name[row] = flow->name;
    FLOW_TABLE(X)
#undef X
    batch->rows = row + 1;
    return RESULT_OK;
}

void flow_batch_get(const struct flow_batch *batch, uint32_t row, struct flow *ret_flow)
{
#define X(number, name, type, kind, merge, guard, doc) ret_flow->name = (ROW_##type)batch->name[row];
    FLOW_TABLE(X)
#undef X
}

const char *const flow_state_words[FLOW_STATE_COUNT] = {
#define X(name, doc) #name,
    FLOW_STATES(X)
#undef X
};

const char *flow_state_name(unsigned state)
{
    return state < FLOW_STATE_COUNT ? flow_state_words[state] : "?";
}

const char *const flow_end_reason_words[FLOW_END_COUNT] = {"none", "idle", "active", "end", "forced", "resources"};
const char *const flow_direction_words[FLOW_DIRECTION_COUNT] = {"first", "handshake", "port", "request"};
const char *const flow_tunnel_words[FLOW_TUNNEL_COUNT] = {"none",  "ipip",   "gre",  "erspan",
                                                          "vxlan", "geneve", "gtpu", "teredo"};
const char *const flow_evidence_words[FLOW_EVIDENCE_COUNT] = {
    "src_isn",   "dst_isn",   "src_timestamp", "dst_timestamp", "src_digest", "dst_digest",
    "src_ip_id", "dst_ip_id", "icmp_sequence", "client_rtt",    "server_rtt"};
const char *const flow_fragments_words[FLOW_FRAGMENTS_COUNT] = {"seen", "orphan"};

const char *flow_end_reason_name(unsigned reason)
{
    return reason < FLOW_END_COUNT ? flow_end_reason_words[reason] : "?";
}

/* 5-bit codes: position in this string. The first place is the terminator's. */
static const char history_letters[] = "\0shadfrctwiqSHADFRCTWIQ^";

uint64_t flow_history_add(uint64_t history, char letter)
{
    const char *found = memchr(history_letters + 1, letter, sizeof(history_letters) - 2);
    if (found == NULL)
        return history;
    unsigned used = history == 0 ? 0 : (63u - (unsigned)__builtin_clzll(history)) / 5 + 1;
    if (used >= FLOW_HISTORY_MAX)
        return history;
    return history | (uint64_t)(found - history_letters) << (5 * used);
}

const char *flow_history_text(uint64_t history, char text[static FLOW_HISTORY_MAX + 1])
{
    unsigned n = 0;
    for (; n < FLOW_HISTORY_MAX; n++) {
        unsigned code = history >> (5 * n) & 31;
        if (code == 0)
            break;
        text[n] = code < sizeof(history_letters) - 1 ? history_letters[code] : '?';
    }
    text[n] = '\0';
    return text;
}

/* IANA's numbers; 0 (hop-by-hop options, never a flow's own) stands for what lies below IP. */
static const struct {
    const char *name;
    uint8_t number;
} protocols[] = {{"tcp", 6},    {"udp", 17},  {"icmp", 1},  {"icmp6", 58}, {"arp", 0},    {"sctp", 132},   {"dccp", 33},
                 {"gre", 47},   {"esp", 50},  {"ah", 51},   {"igmp", 2},   {"ipip", 4},   {"ipv6", 41},    {"rsvp", 46},
                 {"eigrp", 88}, {"ospf", 89}, {"pim", 103}, {"vrrp", 112}, {"l2tp", 115}, {"udplite", 136}};

const char *protocol_name(unsigned protocol, char text[static PROTOCOL_TEXT_MAX])
{
    for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++) {
        if (protocols[i].number == protocol)
            return protocols[i].name;
    }
    snprintf(text, PROTOCOL_TEXT_MAX, "%u", protocol);
    return text;
}

int protocol_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++) {
        if (strcmp(protocols[i].name, name) == 0)
            return protocols[i].number;
    }
    return -1;
}

const char *tcp_flags_text(unsigned flags, char text[static 9])
{
    unsigned n = 0;
    for (unsigned bit = 0; bit < 8; bit++) {
        if (flags & 1u << bit)
            text[n++] = "FSRPAUEC"[bit];
    }
    if (n == 0)
        text[n++] = '.';
    text[n] = '\0';
    return text;
}

/* ---- when a field says something */

static bool is_icmp(uint32_t protocol)
{
    return protocol == 1 || protocol == 58;
}

void flow_guard(const struct records *records, enum field_guard guard, uint32_t first, uint32_t count, uint8_t *says)
{
    const struct flow_batch *b = flow_batch_of(records);
#define EACH(condition)                                                                                                \
    for (uint32_t n = 0, i = first; n < count; n++, i++)                                                               \
        says[n] = (condition);                                                                                         \
    break
    switch (guard) {
    case GUARD_SRC_SENT:
        EACH(b->src_packets[i] > 0);
    case GUARD_DST_SENT:
        EACH(b->dst_packets[i] > 0);
    case GUARD_SRC_GAP:
        EACH(b->src_packets[i] > 1);
    case GUARD_DST_GAP:
        EACH(b->dst_packets[i] > 1);
    case GUARD_SRC_TCP:
        EACH(b->protocol[i] == 6 && b->src_packets[i] > 0);
    case GUARD_DST_TCP:
        EACH(b->protocol[i] == 6 && b->dst_packets[i] > 0);
    case GUARD_PORTS:
        EACH(protocol_has_ports(b->protocol[i]));
    case GUARD_PORTS_OR_ICMP:
        EACH(protocol_has_ports(b->protocol[i]) || is_icmp(b->protocol[i]));
    case GUARD_ICMP:
        EACH(is_icmp(b->protocol[i]));
    case GUARD_TUNNEL:
        EACH(b->tunnel[i] != FLOW_TUNNEL_NONE);
    case GUARD_ERROR:
        EACH(b->icmp_errors[i] != 0);
    default: /* a bit of the evidence */
        EACH(guard >= GUARD_SRC_ISN && guard <= GUARD_SERVER_RTT &&
             (b->evidence[i] >> (guard - GUARD_SRC_ISN) & 1) != 0);
    }
#undef EACH
}

bool flow_duration(const struct records *records, uint32_t row, uint64_t *ret_value, char *text)
{
    (void)text;
    const struct flow_batch *b = flow_batch_of(records);
    *ret_value = (uint64_t)b->last_time[row] - (uint64_t)b->first_time[row];
    return true;
}

bool flow_community_id(const struct records *records, uint32_t row, uint64_t *ret_value, char *text)
{
    (void)ret_value;
    struct flow flow;
    flow_batch_get(flow_batch_of(records), row, &flow);
    return community_id(&flow, text);
}
