/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the filter language share: a few flows, and lists of what filters mean for rows. */
#ifndef PAVO_TESTS_FILTER_SUPPORT_H
#define PAVO_TESTS_FILTER_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/filter/filter.h"
#include "tests/unit/common/filter/filter_generator.h"

static inline struct filter *parse_of(enum record_kind_number kind, const char *text)
{
    struct filter *filter = NULL;
    struct error err = {""};
    struct filter_set set = generator_set();
    enum result result = filter_parse_with(record_kinds[kind], text, &set, 1, &filter, NULL, &err);
    address_set_unref(&set.set); /* the filter has its own reference */
    if (result != RESULT_OK)
        print_message("%s\n  %s\n", text, err.text);
    assert_int_equal(result, RESULT_OK);
    assert_ptr_equal(filter_kind(filter), record_kinds[kind]);
    return filter;
}

static inline struct filter *parse(const char *text)
{
    return parse_of(RECORD_FLOW, text);
}

static inline struct address address_of(const char *text)
{
    struct address address;
    assert_int_equal(address_parse(text, &address), RESULT_OK);
    return address;
}

/* 10.0.1.17:51544 -> 198.51.100.9:443, TCP, ended well. */
static inline struct flow https_flow(void)
{
    struct address src = address_of("10.0.1.17"), dst = address_of("198.51.100.9");
    return (struct flow){
        .flow = 7,
        .src_hi = src.hi,
        .src_lo = src.lo,
        .dst_hi = dst.hi,
        .dst_lo = dst.lo,
        .src_port = 51544,
        .dst_port = 443,
        .protocol = 6,
        .first_time = 1700000000000000000,
        .last_time = 1700000002500000000,
        .state = FLOW_STATE_SF,
        .end_reason = FLOW_END_DETECTED,
        .direction = FLOW_DIRECTION_HANDSHAKE,
        .history = flow_history_add(flow_history_add(flow_history_add(0, 'S'), 'h'), 'A'),
        .evidence = FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN | FLOW_HAS_SERVER_RTT,
        .src_isn = 1000,
        .dst_isn = 2000,
        .server_rtt = 12000,
        .src_packets = 10,
        .dst_packets = 12,
        .src_bytes = 1500,
        .dst_bytes = 900000,
        .src_tcp_flags = 0x1b,
        .dst_tcp_flags = 0x13,
        .src_ttl = 64,
        .dst_ttl = 52,
        .vlan = 12,
        .src_mac = 0x001122334455,
    };
}

/* 10.0.1.17 pings 192.0.2.1, identifier 443, and hears nothing. */
static inline struct flow ping_flow(void)
{
    struct address src = address_of("10.0.1.17"), dst = address_of("192.0.2.1");
    return (struct flow){
        .src_hi = src.hi,
        .src_lo = src.lo,
        .dst_hi = dst.hi,
        .dst_lo = dst.lo,
        .src_port = 443,
        .protocol = 1,
        .icmp_type_code = 8 << 8,
        .first_time = 1,
        .last_time = 1,
        .state = FLOW_STATE_S0,
        .end_reason = FLOW_END_IDLE,
        .evidence = FLOW_HAS_ICMP_SEQUENCE,
        .icmp_sequence = 0,
        .src_packets = 1,
        .src_bytes = 84,
        .src_ttl = 64,
    };
}

/* 2001:db8::1 asks 2001:db8::2 for a name, inside VXLAN 77 from 10.9.0.1. */
static inline struct flow dns6_flow(void)
{
    struct address src = address_of("2001:db8::1"), dst = address_of("2001:db8::2"), outer = address_of("10.9.0.1");
    return (struct flow){
        .src_hi = src.hi,
        .src_lo = src.lo,
        .dst_hi = dst.hi,
        .dst_lo = dst.lo,
        .src_port = 53,
        .dst_port = 53,
        .protocol = 17,
        .state = FLOW_STATE_SF,
        .src_packets = 1,
        .dst_packets = 1,
        .src_bytes = 80,
        .dst_bytes = 200,
        .src_ttl = 255,
        .dst_ttl = 63,
        .tunnel = FLOW_TUNNEL_VXLAN,
        .tunnel_id = 77,
        .tunnel_src_hi = outer.hi,
        .tunnel_src_lo = outer.lo,
        .last_time = 5000000,
    };
}

struct meaning {
    const char *text;
    const char *matches; /* letters of the rows */
};

/* Row n of the records is letter n of `letters`. */
static inline void check_meanings(enum record_kind_number kind, const struct records *records, const char *letters,
                                  const struct meaning *list, size_t count)
{
    unsigned wrong = 0;
    assert_int_equal(records->rows, strlen(letters));
    for (size_t i = 0; i < count; i++) {
        struct filter *filter = parse_of(kind, list[i].text);
        char matched[16] = "";
        unsigned found = 0;
        for (uint32_t row = 0; row < records->rows; row++) {
            if (filter_match(filter, records, row))
                matched[found++] = letters[row];
        }
        if (strcmp(matched, list[i].matches) != 0)
            print_message("filter: %s\n  matches \"%s\", not \"%s\"\n", list[i].text, matched, list[i].matches);
        wrong += strcmp(matched, list[i].matches) != 0;
        filter_destroy(&filter);
    }
    assert_int_equal(wrong, 0);
}
#define CHECK_MEANINGS(kind, records, letters, list)                                                                   \
    check_meanings(kind, records, letters, list, sizeof(list) / sizeof(*(list)))

#endif
