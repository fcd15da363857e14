/* SPDX-License-Identifier: Apache-2.0 */
/* Flow records as JSON objects. */
#include "common/flow_json.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "common/clock.h"
#include "common/community_id.h"

struct writer {
    char *text;
    size_t size;
    size_t used;
    bool full;
};

static void put(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct writer *w, const char *format, ...)
{
    if (w->full)
        return;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(w->text + w->used, w->size - w->used, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= w->size - w->used)
        w->full = true;
    else
        w->used += (size_t)length;
}

/* Every value here is made of letters, digits and punctuation that JSON takes as it is. */
static void put_text(struct writer *w, const char *name, const char *value)
{
    put(w, "%s\"%s\":\"%s\"", w->used == 1 ? "" : ",", name, value);
}

static void put_number(struct writer *w, const char *name, uint64_t value)
{
    put(w, "%s\"%s\":%" PRIu64, w->used == 1 ? "" : ",", name, value);
}

static void put_hex(struct writer *w, const char *name, uint64_t value)
{
    char text[17];
    snprintf(text, sizeof(text), "%016" PRIx64, value);
    put_text(w, name, text);
}

static void put_address(struct writer *w, const char *name, uint64_t hi, uint64_t lo)
{
    char text[ADDRESS_TEXT_MAX];
    put_text(w, name, address_text((struct address){hi, lo}, text));
}

static void put_time(struct writer *w, const char *name, int64_t ns)
{
    int64_t seconds = ns / NS_PER_S, fraction = ns % NS_PER_S;
    if (fraction < 0) {
        fraction += NS_PER_S;
        seconds--;
    }
    struct tm tm;
    time_t unix_seconds = seconds;
    char date[64], text[96];
    if (gmtime_r(&unix_seconds, &tm) == NULL || strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        return;
    snprintf(text, sizeof(text), "%s.%09" PRId64 "Z", date, fraction);
    put_text(w, name, text);
}

static void put_mac(struct writer *w, const char *name, uint64_t mac)
{
    char text[18];
    snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned)(mac >> 40 & 255),
             (unsigned)(mac >> 32 & 255), (unsigned)(mac >> 24 & 255), (unsigned)(mac >> 16 & 255),
             (unsigned)(mac >> 8 & 255), (unsigned)(mac & 255));
    put_text(w, name, text);
}

/* The evidence bit that says a field is set, 0 for a field that needs none. */
static unsigned evidence_bit(enum flow_field field)
{
    switch (field) {
    case FLOW_FIELD_src_isn:
        return FLOW_HAS_SRC_ISN;
    case FLOW_FIELD_dst_isn:
        return FLOW_HAS_DST_ISN;
    case FLOW_FIELD_src_timestamp_origin:
        return FLOW_HAS_SRC_TIMESTAMP;
    case FLOW_FIELD_dst_timestamp_origin:
        return FLOW_HAS_DST_TIMESTAMP;
    case FLOW_FIELD_src_digest:
        return FLOW_HAS_SRC_DIGEST;
    case FLOW_FIELD_dst_digest:
        return FLOW_HAS_DST_DIGEST;
    case FLOW_FIELD_src_ip_id:
        return FLOW_HAS_SRC_IP_ID;
    case FLOW_FIELD_dst_ip_id:
        return FLOW_HAS_DST_IP_ID;
    case FLOW_FIELD_icmp_sequence:
        return FLOW_HAS_ICMP_SEQUENCE;
    case FLOW_FIELD_client_rtt:
        return FLOW_HAS_CLIENT_RTT;
    case FLOW_FIELD_server_rtt:
        return FLOW_HAS_SERVER_RTT;
    default:
        return 0;
    }
}

/* Fields that are written though they are zero. */
static bool always_written(enum flow_field field, const struct flow *flow)
{
    switch (field) {
    case FLOW_FIELD_flow:
    case FLOW_FIELD_report:
    case FLOW_FIELD_protocol:
    case FLOW_FIELD_src_packets:
    case FLOW_FIELD_dst_packets:
    case FLOW_FIELD_src_bytes:
    case FLOW_FIELD_dst_bytes:
        return true;
    case FLOW_FIELD_src_port:
    case FLOW_FIELD_dst_port:
        return flow->protocol == IPPROTO_TCP || flow->protocol == IPPROTO_UDP || flow->protocol == IPPROTO_SCTP;
    case FLOW_FIELD_icmp_type_code:
        return flow->protocol == IPPROTO_ICMP || flow->protocol == IPPROTO_ICMPV6;
    default:
        return (flow->evidence & evidence_bit(field)) != 0;
    }
}

static void put_field(struct writer *w, const struct flow *flow, enum flow_field field)
{
    char history[FLOW_HISTORY_MAX + 1], flags[9];
    const char *name = flow_fields[field].name;
    uint64_t value = flow_field_get(flow, field);
    switch (field) {
    case FLOW_FIELD_observer:
    case FLOW_FIELD_src_lo:
    case FLOW_FIELD_dst_lo:
    case FLOW_FIELD_tunnel_src_lo:
    case FLOW_FIELD_tunnel_dst_lo:
        return; /* said with another field */
    case FLOW_FIELD_src_hi:
        put_address(w, "src", flow->src_hi, flow->src_lo);
        return;
    case FLOW_FIELD_dst_hi:
        put_address(w, "dst", flow->dst_hi, flow->dst_lo);
        return;
    case FLOW_FIELD_tunnel_src_hi:
        if (flow->tunnel != FLOW_TUNNEL_NONE)
            put_address(w, "tunnel_src", flow->tunnel_src_hi, flow->tunnel_src_lo);
        return;
    case FLOW_FIELD_tunnel_dst_hi:
        if (flow->tunnel != FLOW_TUNNEL_NONE)
            put_address(w, "tunnel_dst", flow->tunnel_dst_hi, flow->tunnel_dst_lo);
        return;
    case FLOW_FIELD_first_time:
    case FLOW_FIELD_last_time:
        put_time(w, name, (int64_t)value);
        return;
    case FLOW_FIELD_state:
        put_text(w, name, flow_state_name(flow->state));
        return;
    case FLOW_FIELD_end_reason:
        put_text(w, name, flow_end_reason_name(flow->end_reason));
        return;
    case FLOW_FIELD_direction:
        put_text(w, name, flow_direction_name(flow->direction));
        return;
    default:
        break;
    }
    if (value == 0 && !always_written(field, flow))
        return;
    switch (field) {
    case FLOW_FIELD_tunnel:
        put_text(w, name, flow_tunnel_name(flow->tunnel));
        break;
    case FLOW_FIELD_history:
        put_text(w, name, flow_history_text(value, history));
        break;
    case FLOW_FIELD_src_tcp_flags:
    case FLOW_FIELD_dst_tcp_flags:
        put_text(w, name, tcp_flags_text((unsigned)value, flags));
        break;
    case FLOW_FIELD_src_mac:
    case FLOW_FIELD_dst_mac:
        put_mac(w, name, value);
        break;
    case FLOW_FIELD_src_digest:
    case FLOW_FIELD_dst_digest:
    case FLOW_FIELD_src_tcp_options:
    case FLOW_FIELD_dst_tcp_options:
        put_hex(w, name, value);
        break;
    default:
        put_number(w, name, value);
    }
}

enum result flow_json(const struct flow *flow, const struct observer *observer, char *text, size_t size)
{
    struct writer w = {.text = text, .size = size};
    put(&w, "{");
    if (observer != NULL) {
        put_text(&w, "sensor", observer->sensor);
        put_number(&w, "epoch", observer->epoch);
    }
    for (int field = 0; field < FLOW_FIELD_COUNT; field++)
        put_field(&w, flow, field);
    char community[COMMUNITY_ID_MAX];
    if (community_id(flow, community))
        put_text(&w, "community_id", community);
    put(&w, "}");
    return w.full ? RESULT_FULL : RESULT_OK;
}
