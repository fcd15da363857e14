/* SPDX-License-Identifier: Apache-2.0 */
/* Random filter texts and random rows for property tests: whoever evaluates the filter language some other way
 * (the store's SQL) includes this and must select the same rows as filter_select.
 *
 * Both draw their values from the same small pools, so that comparisons hit, miss and touch the boundary. */
#ifndef PAVO_TESTS_FILTER_GENERATOR_H
#define PAVO_TESTS_FILTER_GENERATOR_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/flow.h"

struct filter_random {
    uint64_t state; /* the seed */
};

/* splitmix64 */
static inline uint64_t filter_random_next(struct filter_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline unsigned filter_random_below(struct filter_random *random, unsigned bound)
{
    return (unsigned)(filter_random_next(random) % bound);
}

#define FILTER_PICK(random, array) ((array)[filter_random_below(random, sizeof(array) / sizeof((array)[0]))])

static const char *const generator_addresses[] = {
    "10.0.1.17",       "10.0.1.18",   "10.0.2.1",    "192.0.2.1", "203.0.113.5", "0.0.0.0",
    "255.255.255.255", "2001:db8::1", "2001:db8::2", "fe80::1",   "::"};
static const char *const generator_nets[] = {"10.0.0.0/8",     "10",   "10.0.1",    "10.0.1.16/31",   "0.0.0.0/0",
                                             "2001:db8::/32",  "::/0", "fe80::/10", "203.0.113.5/32", "128.0.0.0/1",
                                             "2001:db8::1/128"};
static const uint64_t generator_numbers[] = {0, 1, 2, 3, 9, 10, 11, 63, 64, 128, 255};
static const uint64_t generator_large[] = {
    0, 1, 999, 1000, 1001, 1048576, 4294967295, 4294967296, 9223372036854775807u};
static const uint64_t generator_ports[] = {0, 1, 22, 53, 80, 443, 1023, 1024, 40312, 65535};
static const uint8_t generator_protocols[] = {0, 1, 6, 6, 6, 17, 17, 33, 47, 58, 132, 136, 255};
static const char *const generator_sensors[] = {"inner", "outer", "b"};
#define GENERATOR_BASE_NS 1700000000000000000ll
static const int64_t generator_times[] = {0, 1, 999999999, 1000000000, 5000000000, 3600000000000};

/* A field of `flow` set to one of the pool values that fit it. */
static inline void generator_set(struct filter_random *random, struct flow *flow, enum flow_field field)
{
    const struct flow_field_info *info = &flow_fields[field];
    uint64_t value = info->size == 1   ? FILTER_PICK(random, generator_numbers)
                     : info->size == 2 ? FILTER_PICK(random, generator_ports)
                     : info->size == 4 ? (uint32_t)FILTER_PICK(random, generator_large)
                                       : FILTER_PICK(random, generator_large);
    memcpy((char *)flow + info->offset, &value, info->size); /* little-endian hosts only, as all of Pavo's */
}

/* Every field set; the observer is one of three. */
static inline void filter_generate_flow(struct filter_random *random, struct flow *ret_flow)
{
    struct flow flow = {0};
    struct address src, dst;
    for (int field = 0; field < FLOW_FIELD_COUNT; field++) {
        if (filter_random_below(random, 4) != 0)
            generator_set(random, &flow, (enum flow_field)field);
    }
    if (address_parse(FILTER_PICK(random, generator_addresses), &src) != RESULT_OK ||
        address_parse(FILTER_PICK(random, generator_addresses), &dst) != RESULT_OK)
        abort();
    flow.src_hi = src.hi, flow.src_lo = src.lo, flow.dst_hi = dst.hi, flow.dst_lo = dst.lo;
    if (filter_random_below(random, 4) == 0)
        flow.tunnel_src_hi = src.hi, flow.tunnel_src_lo = src.lo;
    flow.observer = (uint16_t)filter_random_below(random, 3);
    flow.protocol = FILTER_PICK(random, generator_protocols);
    flow.src_port = (uint16_t)FILTER_PICK(random, generator_ports);
    flow.dst_port = (uint16_t)FILTER_PICK(random, generator_ports);
    flow.state = (uint8_t)filter_random_below(random, FLOW_STATE_COUNT);
    flow.end_reason = (uint8_t)filter_random_below(random, FLOW_END_COUNT);
    flow.direction = (uint8_t)filter_random_below(random, FLOW_DIRECTION_COUNT);
    flow.tunnel = (uint8_t)(filter_random_below(random, 2) * filter_random_below(random, FLOW_TUNNEL_COUNT));
    flow.evidence = filter_random_below(random, 1u << 11);
    flow.first_time = GENERATOR_BASE_NS + FILTER_PICK(random, generator_times);
    flow.last_time = GENERATOR_BASE_NS + FILTER_PICK(random, generator_times); /* may lie before first_time */
    flow.icmp_type_code = (uint16_t)(filter_random_below(random, 3) * 0x0800 + filter_random_below(random, 3));
    flow.history = 0;
    for (unsigned n = filter_random_below(random, 5); n > 0; n--)
        flow.history = flow_history_add(flow.history, "ShAD"[filter_random_below(random, 4)]);
    *ret_flow = flow;
}

/* `rows` random flows; the field `flow` is the row's number. The caller destroys it. */
static inline struct flow_batch *filter_generate_batch(struct filter_random *random, uint32_t rows)
{
    struct flow_batch *batch = flow_batch_new(rows);
    if (batch == NULL)
        abort();
    for (unsigned i = 0; i < 3; i++) {
        struct observer observer = {.epoch = 1 + i};
        uint16_t index;
        snprintf(observer.sensor, sizeof(observer.sensor), "%s", generator_sensors[i]);
        if (flow_batch_observer(batch, &observer, &index) != RESULT_OK || index != i)
            abort();
    }
    for (uint32_t row = 0; row < rows; row++) {
        struct flow flow;
        filter_generate_flow(random, &flow);
        flow.flow = row;
        if (flow_batch_add(batch, &flow) != RESULT_OK)
            abort();
    }
    return batch;
}

struct generator_text {
    char *text;
    size_t size, used;
};

__attribute__((format(printf, 2, 3))) static inline void generator_say(struct generator_text *out, const char *format,
                                                                       ...)
{
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(out->text + out->used, out->size - out->used, format, arguments);
    va_end(arguments);
    if (written < 0 || (size_t)written >= out->size - out->used)
        abort(); /* the caller's buffer is FILTER_TEXT_MAX and the depth small */
    out->used += (size_t)written;
}

static const char *const generator_sides[] = {
    "", "", "", "src ", "dst ", "either ", "both ", "src or dst ", "dst and src "};
static const char *const generator_comparisons[] = {" ", " = ", " != ", " < ", " <= ", " > ", " >= "};
static const char *const generator_equalities[] = {" ", " = ", " != "};
static const char *const generator_prefixes[] = {"", "", "", "", "tcp ", "udp ", "ip ", "ip6 tcp ", "icmp "};

static inline void generator_primitive(struct filter_random *random, struct generator_text *out)
{
    static const char *const protocols[] = {"tcp", "udp", "icmp", "icmp6",  "sctp",       "ip",
                                            "ip6", "gre", "vlan", "tunnel", "inner_vlan", "icmp_errors"};
    static const char *const counters[] = {"packets",      "bytes",      "payload",     "retransmits",
                                           "out_of_order", "duplicates", "zero_windows"};
    static const char *const small_pairs[] = {"ttl", "dscp"};
    static const char *const pairs[] = {"size_min", "size_max", "isn", "timestamp_origin"};
    static const char *const short_pairs[] = {"ip_id", "window", "mss"};
    static const char *const wide_pairs[] = {"digest", "tcp_options"};
    static const char *const short_fields[] = {"vlan",      "inner_vlan",           "icmp_type_code", "icmp_sequence",
                                               "interface", "icmp_error_type_code", "icmp_id"};
    static const char *const fields[] = {"mpls_label", "tunnel_id", "report", "icmp_errors"};
    static const char *const wide_fields[] = {"src_hi", "dst_lo", "tunnel_src_lo", "flow"};
    static const char *const times[] = {"0s", "1ns", "1s", "5", "59m", "1h", "999999999ns"};
    static const char *const microseconds[] = {"1us", "999us", "1ms", "4294967295us", "1.001ms"};
    static const char *const states[] = {"SF", "S0", "rej", "OTH", "RSTRH"};
    static const char *const flags[] = {"S", "SA", "FA", "R", "0x40", "0", "c"};
    static const char *const evidence[] = {"isn",   "src_isn", "digest", "dst_digest",   "rtt",
                                           "ip_id", "0x3",     "0",      "icmp_sequence"};
    static const char *const histories[] = {"S", "Sh", "ShAD", "h", "A"};
    const char *prefix = FILTER_PICK(random, generator_prefixes), *side = FILTER_PICK(random, generator_sides);
    const char *comparison = FILTER_PICK(random, generator_comparisons),
               *equality = FILTER_PICK(random, generator_equalities);
    switch (filter_random_below(random, 27)) {
    case 0:
        generator_say(out, "%s", FILTER_PICK(random, protocols));
        break;
    case 1:
    case 2:
        generator_say(out, "%s%shost%s%s", prefix, side, equality, FILTER_PICK(random, generator_addresses));
        break;
    case 3:
        generator_say(out, "%s%snet%s%s", prefix, side, equality, FILTER_PICK(random, generator_nets));
        break;
    case 4:
    case 5:
        generator_say(out, "%s%sport%s%llu", prefix, side, comparison,
                      (unsigned long long)FILTER_PICK(random, generator_ports));
        break;
    case 6:
        generator_say(out, "%s%sportrange%s%u-%u", prefix, side, equality, filter_random_below(random, 100),
                      100 + filter_random_below(random, 1000));
        break;
    case 7:
        generator_say(out, "%sproto%s%u", prefix, comparison, FILTER_PICK(random, generator_protocols));
        break;
    case 8:
    case 9:
        generator_say(out, "%s%s%s%llu", side, FILTER_PICK(random, counters), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_large) % 4294967296u);
        break;
    case 10:
        generator_say(out, "%s%s%s%llu", side, FILTER_PICK(random, small_pairs), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_numbers));
        break;
    case 11:
        generator_say(out, "%s%s%s%llu", side, FILTER_PICK(random, pairs), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_large) % 4294967296u);
        break;
    case 12:
        generator_say(out, "%s%s%s%llu", side, FILTER_PICK(random, short_pairs), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_ports));
        break;
    case 13:
        generator_say(out, "%s%s%s%llu", side, FILTER_PICK(random, wide_pairs), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_large));
        break;
    case 14:
        generator_say(out, "%s%s%llu", FILTER_PICK(random, short_fields), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_ports));
        break;
    case 15:
        generator_say(out, "%s%s%llu", FILTER_PICK(random, fields), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_large) % 4294967296u);
        break;
    case 16:
        generator_say(out, "%s%s%llu", FILTER_PICK(random, wide_fields), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_large));
        break;
    case 17:
        generator_say(out, "duration%s%s", comparison, FILTER_PICK(random, times));
        break;
    case 18:
        generator_say(out, "%s_time%s@%lld", filter_random_below(random, 2) == 0 ? "first" : "last", comparison,
                      (long long)(GENERATOR_BASE_NS + FILTER_PICK(random, generator_times)) / 1000000000);
        break;
    case 19:
        generator_say(out, "%s_rtt%s%s", filter_random_below(random, 2) == 0 ? "client" : "server", comparison,
                      FILTER_PICK(random, microseconds));
        break;
    case 20:
        generator_say(out, "%sgap_%s%s%s", side, filter_random_below(random, 2) == 0 ? "mean" : "deviation", comparison,
                      FILTER_PICK(random, microseconds));
        break;
    case 21:
        generator_say(out, "state%s%s", equality, FILTER_PICK(random, states));
        break;
    case 22:
        generator_say(out, "%sflags%s%s", side, equality, FILTER_PICK(random, flags));
        break;
    case 23:
        generator_say(out, "evidence%s%s", equality, FILTER_PICK(random, evidence));
        break;
    case 24:
        generator_say(out, "history%s%s", equality, FILTER_PICK(random, histories));
        break;
    case 25:
        switch (filter_random_below(random, 6)) {
        case 0:
            generator_say(out, "end%s%s", equality, flow_end_reason_name(filter_random_below(random, FLOW_END_COUNT)));
            break;
        case 1:
            generator_say(out, "direction%s%s", equality,
                          flow_direction_name(filter_random_below(random, FLOW_DIRECTION_COUNT)));
            break;
        case 2:
            generator_say(out, "tunnel%s%s", equality,
                          flow_tunnel_name(1 + filter_random_below(random, FLOW_TUNNEL_COUNT - 1)));
            break;
        case 3:
            generator_say(out, "tunnel_src%s%s", equality, FILTER_PICK(random, generator_nets));
            break;
        case 4:
            generator_say(out, "icmp_%s%s%u", filter_random_below(random, 2) == 0 ? "type" : "code", equality,
                          filter_random_below(random, 17));
            break;
        default:
            generator_say(out, "%smac%s00:00:00:00:03:e8", side, equality);
            break;
        }
        break;
    default:
        generator_say(out, "sensor%s%s", equality, FILTER_PICK(random, generator_sensors));
        break;
    }
}

static inline void generator_expression(struct filter_random *random, struct generator_text *out, unsigned depth)
{
    static const char *const joints[] = {" and ", " or ", " && ", " || "};
    unsigned terms = 1 + filter_random_below(random, 3);
    for (unsigned i = 0; i < terms; i++) {
        if (i > 0)
            generator_say(out, "%s", FILTER_PICK(random, joints));
        if (filter_random_below(random, 4) == 0)
            generator_say(out, "%s", filter_random_below(random, 2) == 0 ? "not " : "!");
        if (depth > 0 && filter_random_below(random, 3) == 0) {
            generator_say(out, "(");
            generator_expression(random, out, depth - 1);
            generator_say(out, ")");
        } else {
            generator_primitive(random, out);
        }
    }
}

/* A valid filter text of up to nine or so primitives. `size` at least FILTER_TEXT_MAX. */
static inline void filter_generate_text(struct filter_random *random, char *ret_text, size_t size)
{
    struct generator_text out = {.text = ret_text, .size = size};
    generator_expression(random, &out, 2);
}

#endif
