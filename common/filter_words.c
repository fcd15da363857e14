/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language's words: one table, which docs/filter.md prints and a test holds against flow_fields.h. */
#include <string.h>

#include "common/filter_tree.h"
#include "common/nearest.h"

#define SINGLE(name_, field_, unit_, guard_, ...)                                                                      \
    {                                                                                                                  \
        .name = name_, .field = FLOW_FIELD_##field_, .unit = FILTER_UNIT_##unit_, .guard = FILTER_GUARD_##guard_,      \
        __VA_ARGS__                                                                                                    \
    }
#define COUNTER(name_)                                                                                                 \
    {                                                                                                                  \
        .name = #name_, .field = FLOW_FIELD_src_##name_, .pair = true, .plain = FILTER_VALUE_SUM                       \
    }
#define PAIR(name_, field_, unit_, guard_, ...) SINGLE(name_, src_##field_, unit_, guard_, .pair = true, __VA_ARGS__)

static const struct filter_word words[] = {
    /* Addresses and who saw the flow. */
    {.name = "host", .kind = FILTER_WORD_HOST, .pair = true},
    {.name = "net", .kind = FILTER_WORD_NET, .pair = true},
    {.name = "sensor", .kind = FILTER_WORD_SENSOR},
    PAIR("port", port, PORT, PORTS, ),
    PAIR("portrange", port, PORT, PORTS, ),
    SINGLE("proto", protocol, PROTOCOL, NONE, ),
    SINGLE("protocol", protocol, PROTOCOL, NONE, ),

    /* Counters: without src or dst, the sum of both directions. */
    COUNTER(packets),
    COUNTER(bytes),
    COUNTER(payload),
    COUNTER(retransmits),
    COUNTER(out_of_order),
    COUNTER(duplicates),
    COUNTER(zero_windows),

    /* The flow as a whole. */
    {.name = "duration", .plain = FILTER_VALUE_DURATION, .unit = FILTER_UNIT_NANOSECONDS},
    SINGLE("first_time", first_time, TIME, NONE, ),
    SINGLE("last_time", last_time, TIME, NONE, ),
    SINGLE("state", state, STATE, NONE, ),
    SINGLE("end", end_reason, END, NONE, ),
    SINGLE("end_reason", end_reason, END, NONE, ),
    SINGLE("direction", direction, DIRECTION, NONE, ),
    SINGLE("history", history, HISTORY, NONE, ),
    SINGLE("evidence", evidence, EVIDENCE, NONE, ),
    SINGLE("client_rtt", client_rtt, MICROSECONDS, EVIDENCE, .bit = FLOW_HAS_CLIENT_RTT),
    SINGLE("server_rtt", server_rtt, MICROSECONDS, EVIDENCE, .bit = FLOW_HAS_SERVER_RTT),
    SINGLE("flow", flow, NUMBER, NONE, ),
    SINGLE("report", report, NUMBER, NONE, ),
    SINGLE("interface", interface, NUMBER, NONE, ),

    /* ICMP, and what ICMP said of others. */
    SINGLE("icmp_type", icmp_type_code, NUMBER, ICMP, .shift = 8, .mask = 0xff00),
    SINGLE("icmp_code", icmp_type_code, NUMBER, ICMP, .mask = 0xff),
    SINGLE("icmp_type_code", icmp_type_code, NUMBER, ICMP, ),
    SINGLE("icmp_id", src_port, NUMBER, ICMP, ),
    SINGLE("icmp_sequence", icmp_sequence, NUMBER, EVIDENCE, .bit = FLOW_HAS_ICMP_SEQUENCE),
    SINGLE("icmp_errors", icmp_errors, NUMBER, NONE, .alone = true),
    SINGLE("icmp_error_type_code", icmp_error_type_code, NUMBER, ERROR, ),

    /* What it was found inside of. */
    SINGLE("vlan", vlan, NUMBER, SET, .alone = true),
    SINGLE("inner_vlan", inner_vlan, NUMBER, SET, .alone = true),
    SINGLE("mpls_label", mpls_label, NUMBER, SET, .alone = true),
    SINGLE("tunnel", tunnel, TUNNEL, NONE, .alone = true),
    SINGLE("tunnel_id", tunnel_id, NUMBER, TUNNEL, ),
    {.name = "tunnel_src",
     .kind = FILTER_WORD_TUNNEL_END,
     .field = FLOW_FIELD_tunnel_src_hi,
     .guard = FILTER_GUARD_TUNNEL},
    {.name = "tunnel_dst",
     .kind = FILTER_WORD_TUNNEL_END,
     .field = FLOW_FIELD_tunnel_dst_hi,
     .guard = FILTER_GUARD_TUNNEL},

    /* What each side sent. */
    PAIR("flags", tcp_flags, FLAGS, TCP, ),
    PAIR("tcp_flags", tcp_flags, FLAGS, TCP, ),
    PAIR("ttl", ttl, NUMBER, SENT, ),
    PAIR("dscp", dscp, NUMBER, SENT, ),
    PAIR("size_min", size_min, NUMBER, SENT, ),
    PAIR("size_max", size_max, NUMBER, SENT, ),
    PAIR("gap_mean", gap_mean, MICROSECONDS, GAP, ),
    PAIR("gap_deviation", gap_deviation, MICROSECONDS, GAP, ),
    PAIR("isn", isn, NUMBER, EVIDENCE, .bit = FLOW_HAS_SRC_ISN),
    PAIR("timestamp_origin", timestamp_origin, NUMBER, EVIDENCE, .bit = FLOW_HAS_SRC_TIMESTAMP),
    PAIR("digest", digest, NUMBER, EVIDENCE, .bit = FLOW_HAS_SRC_DIGEST),
    PAIR("ip_id", ip_id, NUMBER, EVIDENCE, .bit = FLOW_HAS_SRC_IP_ID),
    PAIR("mac", mac, MAC, SET, ),
    PAIR("window", window, NUMBER, TCP, ),
    PAIR("mss", mss, NUMBER, SET, ),
    PAIR("tcp_options", tcp_options, NUMBER, TCP, ),

    /* Addresses as the halves they are stored in; for programs. */
    SINGLE("src_hi", src_hi, NUMBER, NONE, ),
    SINGLE("src_lo", src_lo, NUMBER, NONE, ),
    SINGLE("dst_hi", dst_hi, NUMBER, NONE, ),
    SINGLE("dst_lo", dst_lo, NUMBER, NONE, ),
    SINGLE("tunnel_src_hi", tunnel_src_hi, NUMBER, TUNNEL, ),
    SINGLE("tunnel_src_lo", tunnel_src_lo, NUMBER, TUNNEL, ),
    SINGLE("tunnel_dst_hi", tunnel_dst_hi, NUMBER, TUNNEL, ),
    SINGLE("tunnel_dst_lo", tunnel_dst_lo, NUMBER, TUNNEL, ),
};

static const struct filter_word *find_exact(const char *name)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strcmp(words[i].name, name) == 0)
            return &words[i];
    }
    return NULL;
}

const struct filter_word *filter_word_find(const char *name, enum filter_side *ret_side)
{
    const struct filter_word *word = find_exact(name);
    enum filter_side side = FILTER_EITHER;
    if (word == NULL && (strncmp(name, "src_", 4) == 0 || strncmp(name, "dst_", 4) == 0)) {
        side = name[0] == 's' ? FILTER_SRC : FILTER_DST;
        word = find_exact(name + 4);
        if (word != NULL && (!word->pair || word->kind != FILTER_WORD_FIELD))
            word = NULL;
    }
    if (word != NULL)
        *ret_side = side;
    return word;
}

const char *filter_word_nearest(const char *typed)
{
    struct nearest nearest = {.word = typed};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        nearest_try(&nearest, words[i].name);
    return nearest.name;
}
