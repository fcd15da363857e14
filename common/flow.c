/* SPDX-License-Identifier: Apache-2.0 */
/* Flow records: rows, columns and the names of their values. */
#include "common/flow.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct flow_field_info flow_fields[FLOW_FIELD_COUNT] = {
#define X(number_, name_, kind_, doc_)                                                                                 \
    {.name = #name_,                                                                                                   \
     .doc = doc_,                                                                                                      \
     .number = number_,                                                                                                \
     .kind = FLOW_KIND_##kind_,                                                                                        \
     .offset = offsetof(struct flow, name_),                                                                           \
     .size = sizeof(((struct flow *)0)->name_)},
    FLOW_FIELDS(X)
#undef X
};

int flow_field_by_name(const char *name)
{
    for (int i = 0; i < FLOW_FIELD_COUNT; i++) {
        if (strcmp(flow_fields[i].name, name) == 0)
            return i;
    }
    return -1;
}

uint64_t flow_field_get(const struct flow *flow, enum flow_field field)
{
    switch (field) {
#define X(number, name, kind, doc)                                                                                     \
    case FLOW_FIELD_##name:                                                                                            \
        return (uint64_t)flow->name;
        FLOW_FIELDS(X)
#undef X
    case FLOW_FIELD_COUNT:
        break;
    }
    return 0;
}

bool sensor_name_valid(const char *name)
{
    size_t length = strnlen(name, SENSOR_NAME_MAX);
    if (length == 0 || length == SENSOR_NAME_MAX || name[0] == '.')
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)name[i]) && strchr("-_.", name[i]) == NULL)
            return false;
    }
    return true;
}

struct flow_batch *flow_batch_new(uint32_t capacity)
{
    if (capacity == 0 || capacity > FLOW_BATCH_ROWS_MAX)
        return NULL;
    struct flow_batch *batch = calloc(1, sizeof(*batch));
    if (batch == NULL)
        return NULL;
    size_t row_size = 0;
#define X(number, name, kind, doc) row_size += sizeof(FLOW_COLUMN_##kind);
    FLOW_FIELDS(X)
#undef X
    /* Columns start on cache lines, each a line further than the power of two would have it: a row is written across
     * all columns, and starts that are equal modulo 4096 would share one cache set. */
    uint8_t *at = calloc(1, row_size * capacity + 128u * FLOW_FIELD_COUNT);
    if (at == NULL) {
        free(batch);
        return NULL;
    }
    batch->memory = at;
    batch->capacity = capacity;
    size_t used = 0;
#define X(number, name_, kind, doc)                                                                                    \
    batch->name_ = (void *)(at + used);                                                                                \
    used += (sizeof(FLOW_COLUMN_##kind) * capacity + 63) / 64 * 64 + 64;
    FLOW_FIELDS(X)
#undef X
    return batch;
}

void flow_batch_destroy(struct flow_batch **batch)
{
    if (*batch == NULL)
        return;
    free((*batch)->memory);
    free((*batch)->observers);
    free(*batch);
    *batch = NULL;
}

void flow_batch_clear(struct flow_batch *batch)
{
    batch->rows = 0;
    batch->observer_count = 0;
}

enum result flow_batch_add(struct flow_batch *batch, const struct flow *flow)
{
    uint32_t row = batch->rows;
    if (row == batch->capacity)
        return RESULT_FULL;
#define X(number, name, kind, doc) batch->name[row] = flow->name;
    FLOW_FIELDS(X)
#undef X
    batch->rows = row + 1;
    return RESULT_OK;
}

enum result flow_batch_observer(struct flow_batch *batch, const struct observer *observer, uint16_t *ret_index)
{
    for (uint32_t i = batch->observer_count; i-- > 0;) {
        const struct observer *known = &batch->observers[i];
        if (known->epoch == observer->epoch && strcmp(known->sensor, observer->sensor) == 0) {
            *ret_index = (uint16_t)i;
            return RESULT_OK;
        }
    }
    if (batch->observer_count == FLOW_BATCH_OBSERVERS_MAX)
        return RESULT_FULL;
    struct observer *grown = realloc(batch->observers, (batch->observer_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return RESULT_FULL;
    batch->observers = grown;
    grown[batch->observer_count] = *observer;
    *ret_index = (uint16_t)batch->observer_count++;
    return RESULT_OK;
}

void flow_batch_get(const struct flow_batch *batch, uint32_t row, struct flow *ret_flow)
{
#define X(number, name, kind, doc) ret_flow->name = (FLOW_ROW_##kind)batch->name[row];
    FLOW_FIELDS(X)
#undef X
}

void *flow_batch_column(const struct flow_batch *batch, enum flow_field field)
{
    switch (field) {
#define X(number, name, kind, doc)                                                                                     \
    case FLOW_FIELD_##name:                                                                                            \
        return batch->name;
        FLOW_FIELDS(X)
#undef X
    case FLOW_FIELD_COUNT:
        break;
    }
    return NULL;
}

static const char *const state_names[FLOW_STATE_COUNT] = {
#define X(name, doc) #name,
    FLOW_STATES(X)
#undef X
};

static const char *const state_docs[FLOW_STATE_COUNT] = {
#define X(name, doc) doc,
    FLOW_STATES(X)
#undef X
};

const char *flow_state_name(unsigned state)
{
    return state < FLOW_STATE_COUNT ? state_names[state] : "?";
}

const char *flow_state_doc(unsigned state)
{
    return state < FLOW_STATE_COUNT ? state_docs[state] : "unknown";
}

int flow_state_by_name(const char *name)
{
    for (int i = 0; i < FLOW_STATE_COUNT; i++) {
        if (strcasecmp(state_names[i], name) == 0)
            return i;
    }
    return -1;
}

const char *flow_end_reason_name(unsigned reason)
{
    static const char *const names[FLOW_END_COUNT] = {"none", "idle", "active", "end", "forced", "resources"};
    return reason < FLOW_END_COUNT ? names[reason] : "?";
}

const char *flow_direction_name(unsigned direction)
{
    static const char *const names[FLOW_DIRECTION_COUNT] = {"first", "handshake", "port", "request"};
    return direction < FLOW_DIRECTION_COUNT ? names[direction] : "?";
}

const char *flow_tunnel_name(unsigned tunnel)
{
    static const char *const names[FLOW_TUNNEL_COUNT] = {"",      "ipip",   "gre",  "erspan",
                                                         "vxlan", "geneve", "gtpu", "teredo"};
    return tunnel < FLOW_TUNNEL_COUNT ? names[tunnel] : "?";
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
